/* SPDX-License-Identifier: MIT */
/**
 * Serves web/app with the policy that the real server sends, and the double in place of the SDK.
 * `node test/browser/app-server.js` prints an address to look at the pages.
 * @module
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const APP = join(HERE, '../../web/app');
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    + "img-src 'self' data: blob:; media-src 'self' blob:";
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css',
    '.json': 'application/json', '.svg': 'image/svg+xml', '.wasm': 'application/wasm' };

/** @param {{prompts?: unknown, sdk?: 'double'|'real'}} [options] prompts: served in place of prompts.json
 * @returns {Promise<{origin: string, close: () => void}>} */
export async function serveApp(options = {}) {
    const server = createServer(async (request, response) => {
        const { pathname } = new URL(request.url ?? '/', 'http://app');
        const name = pathname === '/' ? '/index.html' : pathname;
        const headers = { 'Content-Security-Policy': POLICY, 'X-Content-Type-Options': 'nosniff',
            'Cache-Control': 'no-cache', 'Content-Type': TYPES[extname(name)] ?? 'application/octet-stream' };
        try {
            const body = await content(name, options);
            response.writeHead(200, headers).end(body);
        } catch {
            response.writeHead(404, headers).end('not found');
        }
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    return { origin: `http://127.0.0.1:${address.port}`, close: () => server.close() };
}

async function content(name, options) {
    if (name === '/prompts.json' && options.prompts !== undefined) {
        return typeof options.prompts === 'string' ? options.prompts : JSON.stringify(options.prompts);
    }
    if (name.startsWith('/sdk/') && options.sdk === 'real') return readFile(join(APP, '..', normalize(name)));
    if (name === '/sdk/reelhaul.js') return readFile(join(HERE, 'app-double.js'));
    const path = normalize(name);
    if (path.includes('..')) throw new Error('outside');
    return readFile(join(APP, path));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    const { origin } = await serveApp();
    process.stdout.write(`${origin}/\n`);
}
