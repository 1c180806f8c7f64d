/* SPDX-License-Identifier: MIT */
/*
 * Somebody else's client, FilePond, in Chromium against the real server: whole, in chunks, and in chunks of which one
 * breaks. The page and FilePond's script come from here; everything else goes to the server.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { request, startServer } from '../server/server.js';
import { launch } from './app-browser.js';

const script = fileURLToPath(new URL('../../node_modules/filepond/dist/filepond.js', import.meta.url));
const PAGE = '<!doctype html><meta charset="utf-8"><input type="file" name="filepond"><script src="/test/filepond.js"></script>';
const SIZE = 400_000; // a multiple of the chunks: FilePond sends an empty one after the end
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** A page with FilePond in it: `send(options)` uploads a file, and resolves to { id, error, hash }. */
async function pageOf(browser, server) {
    const page = await (await browser.newContext()).newPage();
    await page.route('**/test/page', (route) => route.fulfill({ contentType: 'text/html', body: PAGE }));
    await page.route('**/test/filepond.js', (route) => route.fulfill({ contentType: 'text/javascript', body: fs.readFileSync(script) }));
    await page.goto(`${server.url}/test/page`);
    const send = (options) => page.evaluate(async ([size, settings]) => {
        const bytes = crypto.getRandomValues(new Uint8Array(65536));
        const parts = Array.from({ length: Math.ceil(size / 65536) }, (_, i) => bytes.slice(0, Math.min(65536, size - i * 65536)));
        const file = new File(parts, 'film.webm', { type: 'video/webm' });
        const digest = await crypto.subtle.digest('SHA-256', await file.arrayBuffer());
        const hash = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
        const pond = window.FilePond.create({ server: '/filepond/', ...settings });
        return new Promise((resolve) => {
            pond.on('processfile', (error, item) => resolve({ id: item?.serverId, error: error && JSON.stringify(error), hash }));
            void pond.addFile(file);
        });
    }, [SIZE, options]);
    return { page, send };
}

test('FilePond', async (t) => {
    const server = await startServer(t);
    const browser = await launch();
    t.after(() => browser.close());
    const { page, send } = await pageOf(browser, server);
    const fetched = async (id) => {
        const answer = await request(server, 'GET', `/filepond/?load=${id}`);
        assert.equal(answer.status, 200, answer.text);
        return sha256(answer.bytes);
    };

    await t.test('a file in one form', async () => {
        const sent = await send({});
        assert.equal(sent.error, null);
        assert.equal(await fetched(sent.id), sent.hash);
    });

    await t.test('a file in chunks', async () => {
        const patches = [];
        page.on('request', (one) => one.method() === 'PATCH' && patches.push(one.headers()['upload-offset']));
        const sent = await send({ chunkUploads: true, chunkForce: true, chunkSize: 100_000 });
        assert.equal(sent.error, null);
        assert.deepEqual(patches, ['0', '100000', '200000', '300000', '400000']);
        assert.equal(await fetched(sent.id), sent.hash);
    });

    await t.test('a chunk whose answer is lost is sent again', async () => {
        let lost = 0;
        await page.route('**/filepond/?patch=*', async (route) => {
            const mine = route.request().method() === 'PATCH' && route.request().headers()['upload-offset'] === '100000';
            if (!mine || lost++ > 0) return route.continue();
            await route.fetch(); // it arrives, and the page never hears of it
            return route.abort();
        });
        const sent = await send({ chunkUploads: true, chunkForce: true, chunkSize: 100_000, chunkRetryDelays: [50, 50] });
        assert.equal(lost, 2);
        assert.equal(sent.error, null);
        assert.equal(await fetched(sent.id), sent.hash);
    });

    await t.test('what was taken back is gone', async () => {
        const sent = await send({});
        const status = await page.evaluate(async (id) => (await fetch('/filepond/', { method: 'DELETE', body: id })).status, sent.id);
        assert.equal(status, 204);
        assert.equal((await request(server, 'GET', `/filepond/?load=${sent.id}`)).status, 410);
    });
});
