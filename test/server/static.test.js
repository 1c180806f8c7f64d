// SPDX-License-Identifier: MIT
// Pages and recordings: types, caching, policy, ranges, and no way out of the directory.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { connect, request, startServer, temporaryDirectory } from './server.js';
import { init, makeBytes, sendPart, sha256, status } from './videos.js';

const csp = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; " +
    "img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self'; object-src 'none'; " +
    "base-uri 'none'; frame-ancestors 'none'";

/** A server with pages of the test's own. */
async function serverWithPages(t, args = []) {
    const web = path.join(temporaryDirectory(t), 'web');
    const files = {
        'app/index.html': '<!doctype html>', 'app/a.js': 'export {}', 'app/a.css': 'p{}', 'app/i.svg': '<svg/>',
        'app/i.png': 'png', 'app/f.woff2': 'font', 'app/d.json': '{}', 'app/v.mp4': 'mp4', 'app/v.webm': 'webm',
        'app/x.unknown': '?', 'app/.hidden': 'no', 'app/sub/index.html': 'sub', 'app/prompts.json': '["pages"]',
        'sdk/reelhaul.js': 'export {}', 'sdk/engine.wasm': '\0asm', 'secret': 'secret',
    };
    for (const [name, text] of Object.entries(files)) {
        fs.mkdirSync(path.dirname(path.join(web, name)), { recursive: true });
        fs.writeFileSync(path.join(web, name), text);
    }
    fs.symlinkSync('../secret', path.join(web, 'app/link'));
    fs.symlinkSync('..', path.join(web, 'app/up'));
    return { web, server: await startServer(t, { args: ['--web', web, ...args] }) };
}

test('types of the pages', async (t) => {
    const { server } = await serverWithPages(t);
    const types = {
        '/': 'text/html; charset=utf-8', '/a.js': 'text/javascript; charset=utf-8',
        '/a.css': 'text/css; charset=utf-8', '/i.svg': 'image/svg+xml', '/i.png': 'image/png',
        '/f.woff2': 'font/woff2', '/d.json': 'application/json', '/v.mp4': 'video/mp4', '/v.webm': 'video/webm',
        '/x.unknown': 'application/octet-stream', '/sdk/reelhaul.js': 'text/javascript; charset=utf-8',
        '/sdk/engine.wasm': 'application/wasm', '/prompts.json': 'application/json', '/sub/': 'text/html; charset=utf-8',
    };
    for (const [target, type] of Object.entries(types)) {
        const answer = await request(server, 'GET', target);
        assert.equal(answer.status, 200, target);
        assert.equal(answer.headers['content-type'], type, target);
        assert.equal(answer.headers['x-content-type-options'], 'nosniff', target);
        assert.equal(answer.headers['content-security-policy'], csp, target);
        assert.equal(answer.headers['referrer-policy'], 'no-referrer', target);
        assert.equal(answer.headers['cross-origin-opener-policy'], 'same-origin', target);
        assert.match(answer.headers['permissions-policy'], /camera=\(self\), microphone=\(self\)/, target);
        assert.equal(answer.headers['cache-control'], 'no-cache', target);
        assert.match(answer.headers.etag, /^"[^"]+"$/, target);
    }
});

test('pages are revalidated, and change when they change', async (t) => {
    const { server, web } = await serverWithPages(t);
    const first = await request(server, 'GET', '/a.js');
    const again = (headers) => request(server, 'GET', '/a.js', { headers });
    const same = await again({ 'If-None-Match': first.headers.etag });
    assert.equal(same.status, 304);
    assert.equal(same.bytes.length, 0);
    assert.equal(same.headers.etag, first.headers.etag);
    assert.equal((await again({ 'If-Modified-Since': first.headers['last-modified'] })).status, 304);
    fs.writeFileSync(path.join(web, 'app/a.js'), 'export const changed = true;');
    const changed = await again({ 'If-None-Match': first.headers.etag });
    assert.equal(changed.status, 200);
    assert.equal(changed.text, 'export const changed = true;');
    const head = await request(server, 'HEAD', '/a.js');
    assert.equal(head.status, 200);
    assert.equal(head.headers['content-length'], '28');
    assert.equal(head.bytes.length, 0);
});

test('no way out of the directory', async (t) => {
    const { server } = await serverWithPages(t);
    const targets = ['/../secret', '/..%2fsecret', '/%2e%2e/secret', '/app/../../secret', '/./a.js', '/link',
        '/up/secret', '/.hidden', '/sdk/../secret', '/sdk/..%2f..%2fsecret', '//a.js', '/%00', '/a.js%00.html',
        '/sub', '/app', '/..\\secret', '/%5c..%5csecret', '/secret', '/%c0%ae%c0%ae/secret',
        '/recordings/../reelhaul.db', '/recordings/x/../../reelhaul.db', '/reelhaul.db', '/.lock'];
    for (const target of targets) {
        const raw = await connect(server);
        raw.write(Buffer.from(`GET ${target} HTTP/1.1\r\nHost: ${server.host}\r\nConnection: close\r\n\r\n`, 'latin1'));
        const received = await raw.all();
        assert.match(received, /^HTTP\/1\.1 (400|404) /, `${target}: ${received}`);
        assert.doesNotMatch(received.split('\r\n\r\n')[1], /secret|hidden/);
    }
});

test("the operator's prompts go before those of the pages", async (t) => {
    const place = temporaryDirectory(t);
    const file = path.join(place, 'mine.json');
    fs.writeFileSync(file, '["mine"]');
    const { server } = await serverWithPages(t, ['--prompts', file]);
    const answer = await request(server, 'GET', '/prompts.json');
    assert.equal(answer.text, '["mine"]');
    assert.equal(answer.headers['content-type'], 'application/json');
    fs.writeFileSync(file, '["new"]');
    assert.equal((await request(server, 'GET', '/prompts.json')).text, '["new"]');
    const plain = await serverWithPages(t);
    assert.equal((await request(plain.server, 'GET', '/prompts.json')).text, '["pages"]');
});

test('recordings: whole, in ranges, conditionally, and kept in their place', async (t) => {
    const { server } = await serverWithPages(t);
    const bytes = makeBytes(3000000);
    const upload = await init(server, { size: bytes.length, video_id: 'v' });
    await sendPart(server, upload, 0, bytes);
    const { url } = await status(server, upload);
    const fetch = (headers = {}, method = 'GET') => request(server, method, url, { headers });
    const whole = await fetch();
    assert.equal(whole.status, 200);
    assert.equal(sha256(whole.bytes), sha256(bytes));
    assert.equal(whole.headers['content-type'], 'video/webm');
    assert.equal(whole.headers['accept-ranges'], 'bytes');
    assert.equal(whole.headers['x-content-type-options'], 'nosniff');
    assert.match(whole.headers['content-security-policy'], /sandbox/);
    assert.match(whole.headers['cache-control'], /private.*immutable/);
    const { etag } = whole.headers;
    for (const [range, from, to] of [['bytes=0-0', 0, 1], ['bytes=1000-1999', 1000, 2000],
        ['bytes=2999999-', 2999999, 3000000], ['bytes=-5', 2999995, 3000000], ['bytes=0-', 0, 3000000]]) {
        const part = await fetch({ Range: range });
        assert.equal(part.status, 206, range);
        assert.equal(part.headers['content-range'], `bytes ${from}-${to - 1}/3000000`);
        assert.equal(part.headers['content-length'], String(to - from));
        assert.ok(part.bytes.equals(bytes.subarray(from, to)), range);
    }
    const beyond = await fetch({ Range: 'bytes=3000000-' });
    assert.equal(beyond.status, 416);
    assert.equal(beyond.headers['content-range'], 'bytes */3000000');
    assert.equal((await fetch({ Range: 'bytes=0-1,4-5' })).status, 200);
    assert.equal((await fetch({ Range: 'bytes=0-1', 'If-Range': etag })).status, 206);
    assert.equal((await fetch({ Range: 'bytes=0-1', 'If-Range': '"other"' })).status, 200);
    assert.equal((await fetch({ 'If-None-Match': etag })).status, 304);
    const head = await fetch({}, 'HEAD');
    assert.equal(head.status, 200);
    assert.equal(head.headers['content-length'], '3000000');
});

test('what is no audio or video is an attachment', async (t) => {
    const { server } = await serverWithPages(t);
    const upload = await init(server, { size: 20, mime_type: 'application/octet-stream' });
    await sendPart(server, upload, 0, Buffer.from('<script>alert(1);;;;'));
    const { url } = await status(server, upload);
    const answer = await request(server, 'GET', url);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], 'application/octet-stream');
    assert.match(answer.headers['content-disposition'], /^attachment/);
    const refused = await request(server, 'POST', '/api/v1/videos/init', {
        headers: { 'Content-Type': 'application/json' }, body: '{"mime_type":"text/html"}',
    });
    assert.equal(refused.status, 415);
});

test('without pages recordings are received all the same', async (t) => {
    const { server } = await serverWithPages(t, ['--web', temporaryDirectory(t)]);
    assert.equal((await request(server, 'GET', '/')).status, 404);
    assert.equal((await request(server, 'GET', '/health')).status, 200);
});
