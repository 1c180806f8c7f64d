/* SPDX-License-Identifier: MIT */
/**
 * Packages of node_modules in a page, without a bundler: modules as they are, CommonJS with a frame around it that makes
 * it a module. @module
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const top = fileURLToPath(new URL('../../../node_modules/', import.meta.url));
const BASE = '/test/packages/';
const isModule = (file, source) => file.endsWith('.mjs') || /^\s*(import|export)[\s{]/m.test(source);

/** A file of CommonJS as a module whose default is what it exports. */
function framed(file, source) {
    const names = [...new Set([...source.matchAll(/\brequire\(['"]([^'"]+)['"]\)/g)].map((match) => match[1]))];
    const urls = names.map((name) => BASE + path.relative(top, createRequire(file).resolve(name)));
    return [
        ...urls.map((url, i) => `import need${i} from ${JSON.stringify(url)};`),
        `const require = (name) => ({ ${names.map((name, i) => `${JSON.stringify(name)}: () => need${i}`).join(', ')} })[name]();`,
        `const module = { exports: {} };\n(function (exports) {\n${source}\n}).call(module.exports, module.exports);`,
        'export default module.exports;',
    ].join('\n');
}

/**
 * Answers /test/page with a page that runs `script`, a module, and serves what it imports.
 * @param {import('playwright-core').BrowserContext} context
 * @param {Record<string, string>} imports name → file below node_modules
 * @param {string} script
 */
export async function servePackages(context, imports, script) {
    const map = JSON.stringify({ imports: Object.fromEntries(Object.entries(imports).map(([name, file]) => [name, BASE + file])) });
    const body = `<!doctype html><meta charset="utf-8"><script type="importmap">${map}</script><script type="module">${script}</script>`;
    await context.route('**/test/page', (route) => route.fulfill({ contentType: 'text/html', body }));
    await context.route(`**${BASE}**`, (route) => {
        const file = path.join(top, new URL(route.request().url()).pathname.slice(BASE.length));
        const source = fs.readFileSync(file, 'utf8');
        if (file.endsWith('.json')) return route.fulfill({ contentType: 'application/json', body: source });
        return route.fulfill({ contentType: 'text/javascript', body: isModule(file, source) ? source : framed(file, source) });
    });
}
