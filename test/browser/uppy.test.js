/* SPDX-License-Identifier: MIT */
/*
 * Somebody else's client, Uppy with its plugin for tus, in Chromium against the real server. The page and Uppy come from
 * node_modules as they are; everything else goes to the server.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { test } from 'node:test';

import { freePort, request, startServer, temporaryDirectory } from '../server/server.js';
import { launch } from './app-browser.js';
import { servePackages } from './support/packages.js';

const IMPORTS = {
    '@transloadit/prettier-bytes': '@transloadit/prettier-bytes/dist/prettierBytes.js',
    '@uppy/companion-client': '@uppy/companion-client/lib/index.js',
    '@uppy/core': '@uppy/core/lib/index.js',
    '@uppy/store-default': '@uppy/store-default/lib/index.js',
    '@uppy/tus': '@uppy/tus/lib/index.js',
    '@uppy/utils': '@uppy/utils/lib/index.js',
    'is-network-error': 'is-network-error/index.js',
    'js-base64': 'js-base64/base64.mjs',
    'lodash/throttle.js': 'lodash/throttle.js',
    'mime-match': 'mime-match/index.js',
    'namespace-emitter': 'namespace-emitter/index.js',
    'nanoid/non-secure': 'nanoid/non-secure/index.js',
    'p-retry': 'p-retry/index.js',
    'preact': 'preact/dist/preact.mjs',
    'preact/hooks': 'preact/hooks/dist/hooks.mjs',
    'preact/jsx-runtime': 'preact/jsx-runtime/dist/jsxRuntime.mjs',
    'retry': 'p-retry/node_modules/retry/index.js',
    'tus-js-client': 'tus-js-client/lib.esm/browser/index.js',
    'url-parse': 'url-parse/index.js',
};
const SCRIPT = `
    import Uppy from '@uppy/core';
    import Tus from '@uppy/tus';
    window.uppyWith = (options) => new Uppy().use(Tus, { endpoint: '/files/', retryDelays: Array(100).fill(50), ...options });
    window.ready = true;`;
const SIZE = 3_000_001;
const CHUNK = 100_000;

/** The bytes that the pages make, too: a file is the same one after a reload. */
const bytesOf = (seed) => Buffer.from(Uint8Array.from({ length: SIZE }, (_, i) => (i * seed) >> (i & 7)));
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** A page with Uppy in it, whose `begin(seed, options)` adds a file, and begins to send it. */
async function openPage(context, server) {
    const page = await context.newPage();
    const failed = new Promise((_, reject) => page.once('pageerror', reject));
    await page.goto(`${server.url}/test/page`);
    await Promise.race([failed, page.waitForFunction(() => window.ready)]);
    failed.catch(() => {});
    const asked = [];
    page.on('response', (answer) => {
        if (answer.url().includes('/files/')) asked.push(`${answer.request().method()} ${answer.status()}`);
    });
    const begin = (seed, options = {}) => page.evaluate(([size, factor, settings]) => {
        const bytes = Uint8Array.from({ length: size }, (_, i) => (i * factor) >> (i & 7));
        const data = new File([bytes], `film-${factor}.webm`, { type: 'video/webm', lastModified: 1 });
        window.uppy = window.uppyWith(settings);
        window.sent = 0;
        window.uppy.on('upload-progress', (_file, progress) => (window.sent = progress.bytesUploaded));
        window.file = window.uppy.addFile({ name: data.name, type: data.type, data });
        window.done = window.uppy.upload().then(({ successful, failed }) =>
            ({ url: successful[0]?.uploadURL, errors: failed.map(({ error }) => error) }));
    }, [SIZE, seed, options]);
    const sent = (bytes) => page.waitForFunction((count) => window.sent >= count, bytes, { polling: 5 });
    return { page, asked, begin, sent, done: () => page.evaluate(() => window.done) };
}

async function fetched(server, url) {
    const answer = await request(server, 'GET', new URL(url).pathname);
    assert.equal(answer.status, 200, answer.text);
    return sha256(answer.bytes);
}

const head = (server, url) => request(server, 'HEAD', new URL(url).pathname, { headers: { 'Tus-Resumable': '1.0.0' } });

test('Uppy with its tus plugin', async (t) => {
    const data = path.join(temporaryDirectory(t), 'data');
    const port = await freePort();
    let server = await startServer(t, { data, port });
    const browser = await launch();
    t.after(() => browser.close());
    const context = await browser.newContext();
    await servePackages(context, IMPORTS, SCRIPT);

    await t.test('a file, whole', async () => {
        const { page, begin, done, asked } = await openPage(context, server);
        await begin(3);
        const { url, errors } = await done();
        assert.deepEqual(errors, []);
        assert.equal(await fetched(server, url), sha256(bytesOf(3)));
        assert.deepEqual(asked, ['POST 201', 'PATCH 204']);
        await page.close();
    });

    await t.test('the server killed (kill -9): it goes on where it was', async () => {
        const { page, begin, sent, done, asked } = await openPage(context, server);
        await begin(5, { chunkSize: CHUNK });
        for (const mark of [500_000, 1_500_000]) {
            await sent(mark);
            await server.stop('SIGKILL');
            server = await startServer(t, { data, port });
        }
        const { url, errors } = await done();
        assert.deepEqual(errors, []);
        assert.equal(await fetched(server, url), sha256(bytesOf(5)));
        assert.equal(asked.filter((one) => one === 'POST 201').length, 1, 'never from the start again');
        assert.ok(asked.includes('HEAD 200'));
        await page.close();
    });

    await t.test('the page reloaded: the same file goes on where it was', async () => {
        const first = await openPage(context, server);
        await first.begin(7, { chunkSize: CHUNK });
        await first.sent(1_000_000);
        await first.page.close();
        const { page, begin, done, asked } = await openPage(context, server);
        await begin(7, { chunkSize: SIZE });
        const { url, errors } = await done();
        assert.deepEqual(errors, []);
        assert.deepEqual(asked, ['HEAD 200', 'PATCH 204']);
        assert.equal(await fetched(server, url), sha256(bytesOf(7)));
        await page.close();
    });

    await t.test('a file taken away is gone', async () => {
        const { page, begin, sent } = await openPage(context, server);
        await begin(11, { chunkSize: CHUNK });
        await sent(1_000_000);
        const deleted = page.waitForResponse((answer) => answer.request().method() === 'DELETE');
        await page.evaluate(() => window.uppy.removeFile(window.file));
        const answer = await deleted;
        assert.equal(answer.status(), 204);
        assert.equal((await head(server, answer.url())).status, 410);
        await page.close();
    });
});
