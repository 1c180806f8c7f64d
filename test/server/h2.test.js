// SPDX-License-Identifier: MIT
// HTTP/2 of the real server, with clients that are not ours: node:http2, curl, nghttp2's.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import http2 from 'node:http2';
import path from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';

import { binary, connect, request, startServer, temporaryDirectory } from './server.js';
import { makeCertificate } from './tls.js';
import { init, makeBytes, partHeaders, sendPart, sha256, status, until } from './videos.js';

const run = promisify(execFile);
const secureServer = (t, options = {}) =>
    startServer(t, { certificate: makeCertificate(temporaryDirectory(t)), ...options });

/** A session of node:http2 that ends with the test. */
async function session(t, server) {
    const client = http2.connect(server.url, server.ca ? { ca: server.ca } : {});
    t.after(() => client.destroy());
    client.on('error', () => {});
    await once(client, 'connect');
    return client;
}

const lower = (headers) => Object.fromEntries(Object.entries(headers)
    .filter(([, value]) => value !== undefined).map(([name, value]) => [name.toLowerCase(), value]));

/** Collects the answer of a stream: { status, headers, bytes, informed }. */
function answerOf(stream) {
    const answer = { status: 0, headers: {}, bytes: Buffer.alloc(0), informed: [] };
    const chunks = [];
    stream.on('headers', (headers) => answer.informed.push(headers[':status']));
    stream.on('continue', () => answer.informed.push(100));
    stream.on('response', (headers) => Object.assign(answer, { status: headers[':status'], headers }));
    stream.on('data', (chunk) => chunks.push(chunk));
    return new Promise((resolve, reject) => {
        stream.on('error', reject);
        stream.on('close', () => resolve(Object.assign(answer, { bytes: Buffer.concat(chunks) })));
    });
}

function ask(client, method, target, headers = {}, body = undefined) {
    const stream = client.request({ ':method': method, ':path': target, ...lower(headers) },
        { endStream: body === undefined });
    const answer = answerOf(stream);
    if (body !== undefined) stream.end(body);
    return answer;
}

const part = (client, upload, offset, bytes, extra = {}) =>
    ask(client, 'POST', '/api/v1/videos/chunk', partHeaders(upload, offset, bytes, extra), bytes);

for (const [name, start] of [['through TLS', secureServer], ['with prior knowledge', startServer]]) {
    test(`many parts at once over one connection, ${name}`, async (t) => {
        const server = await start(t);
        const client = await session(t, server);
        assert.equal(client.alpnProtocol, server.ca ? 'h2' : 'h2c');
        const bytes = makeBytes(5000000);
        const upload = await init(server, { size: bytes.length });
        const size = 500000;
        const answers = await Promise.all([...Array(10).keys()].map((i) =>
            part(client, upload, i * size, bytes.subarray(i * size, (i + 1) * size))));
        assert.ok(answers.every((answer) => answer.status === 200));
        const { url } = await status(server, upload);
        const [whole, range, head, page] = await Promise.all([
            ask(client, 'GET', url), ask(client, 'GET', url, { Range: 'bytes=10-19' }),
            ask(client, 'HEAD', url), ask(client, 'GET', '/'),
        ]);
        assert.equal(sha256(whole.bytes), sha256(bytes));
        assert.deepEqual([range.status, range.bytes], [206, bytes.subarray(10, 20)]);
        assert.deepEqual([head.status, head.headers['content-length'], head.bytes.length], [200, '5000000', 0]);
        assert.match(page.headers['content-type'], /^text\/html/);
    });
}

test('one and the same port speaks 1.1 and 2 without TLS', async (t) => {
    const server = await startServer(t);
    for (const text of ['P', 'PRI * HTTP/2.0\r\n\r\nS']) {
        const raw = await connect(server);
        raw.write(text);
        raw.write(text === 'P' ? `UT /none HTTP/1.1\r\nHost: ${server.host}\r\nConnection: close\r\n\r\n` : 'ORRY\r\n');
        assert.match(await raw.all(), text === 'P' ? /^HTTP\/1\.1 40[45] / : /^HTTP\/1\.1 505 /);
    }
    const client = await session(t, server);
    assert.equal((await ask(client, 'GET', '/health')).status, 200);
});

test('curl and the tools of nghttp2 are served', async (t) => {
    const server = await secureServer(t);
    const directory = temporaryDirectory(t);
    const file = path.join(directory, 'video');
    const bytes = makeBytes(2000000);
    const upload = await init(server, { size: bytes.length });
    fs.writeFileSync(file, bytes);
    fs.writeFileSync(path.join(directory, 'ca'), server.ca);
    const headers = Object.entries(partHeaders(upload, 0, bytes)).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
    const curl = await run('curl', ['-sS', '--http2', '--cacert', path.join(directory, 'ca'), '-X', 'POST', '-w',
        '\n%{http_version}', ...headers, '--data-binary', `@${file}`, `${server.url}/api/v1/videos/chunk`]);
    assert.match(curl.stdout, /"state":"done"[^]*\n2$/);
    try {
        await run('h2load', ['--version']);
    } catch {
        t.diagnostic('h2load is not there');
        return;
    }
    const { stdout } = await run('h2load', ['-n', '300', '-c', '3', '-m', '20', `${server.url}/health`]);
    assert.match(stdout, /300 succeeded, 0 failed, 0 errored/);
});

test('what is refused is said, and the connection goes on', async (t) => {
    const server = await startServer(t);
    const client = await session(t, server);
    const upload = await init(server, { size: 10 });
    // Longer than any part may be: answered at once, the rest of the body is not wanted.
    const stream = client.request({ ':method': 'POST', ':path': '/api/v1/videos/chunk', ...lower(partHeaders(upload, 0, Buffer.alloc(8))),
        'content-length': 6 * 2 ** 30 });
    const answer = answerOf(stream);
    stream.write(Buffer.alloc(1000));
    assert.equal((await answer).status, 413);
    const large = await ask(client, 'GET', '/health', { 'x-large': 'v'.repeat(20000) });
    assert.equal(large.status, 431);
    const host = await ask(client, 'GET', '/health', { ':authority': 'evil.example' });
    assert.equal(host.status, 421);
    const expecting = client.request({ ':method': 'POST', ':path': '/api/v1/videos/chunk',
        ...lower(partHeaders(upload, 0, Buffer.alloc(10))), expect: '100-continue' });
    const done = answerOf(expecting);
    await once(expecting, 'continue');
    expecting.end(Buffer.alloc(10));
    assert.equal((await done).status, 200);
});

test('a body that is given up leaves what came, and others go on', async (t) => {
    const server = await startServer(t);
    const client = await session(t, server);
    const bytes = makeBytes(600000);
    const [gone, good] = [await init(server, { size: bytes.length }), await init(server, { size: bytes.length })];
    const stream = client.request({ ':method': 'POST', ':path': '/api/v1/videos/chunk',
        ...lower(partHeaders(gone, 0, bytes, { 'Reelhaul-Crc64': undefined })) });
    stream.on('error', () => {});
    stream.write(bytes.subarray(0, 300000));
    const other = part(client, good, 0, bytes);
    await until(server, gone, (now) => now.state === 'open');
    assert.equal((await other).status, 200);
    stream.close(http2.constants.NGHTTP2_CANCEL);
    const now = await status(server, gone);
    const rest = await sendPart(server, gone, now.received, bytes.subarray(now.received));
    assert.equal(rest.headers['reelhaul-state'], 'done');
});

test('slow bodies and idle connections have an end', async (t) => {
    const server = await startServer(t, { args: ['--read-timeout', '400ms', '--idle-timeout', '600ms'] });
    const client = await session(t, server);
    const bytes = makeBytes(1000);
    const upload = await init(server, { size: bytes.length });
    const stream = client.request({ ':method': 'POST', ':path': '/api/v1/videos/chunk', ...lower(partHeaders(upload, 0, bytes)) });
    const answer = answerOf(stream);
    stream.write(bytes.subarray(0, 500));
    assert.equal((await answer).status, 408);
    const [code] = await once(client, 'goaway');
    assert.equal(code, 0);
});

test('flow control: what the disk is not ready for is not sent', async (t) => {
    const library = path.join(path.dirname(fs.realpathSync(binary)), 'test/fault/slow.so');
    if (!fs.existsSync(library)) {
        t.skip('this build has no tests in C');
        return;
    }
    const server = await startServer(t, { env: {
        LD_PRELOAD: library, SLOW_CREATE_MS: '250',
        ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0:detect_leaks=0`,
    } });
    const client = await session(t, server);
    const bytes = makeBytes(1500000);
    const uploads = await Promise.all([1, 2, 3].map(() => init(server, { size: bytes.length })));
    const before = client.socket.bytesWritten;
    // Their files are made now, slowly, and nothing can be written before.
    const answers = uploads.map((upload) => part(client, upload, 0, bytes));
    await new Promise((resolve) => { setTimeout(resolve, 120); });
    const sent = client.socket.bytesWritten - before;
    assert.ok(sent > 0 && sent <= 3 * 256 * 1024 + 16384, `the first window of each, not ${sent}`);
    assert.equal((await request(server, 'GET', '/health')).status, 200, 'others are served meanwhile');
    for (const answer of await Promise.all(answers)) assert.equal(answer.headers['reelhaul-state'], 'done');
    assert.ok(client.socket.bytesWritten - before > 3 * bytes.length);
    const { url } = await status(server, uploads[2]);
    assert.equal(sha256((await ask(client, 'GET', url)).bytes), sha256(bytes));
});

/** A frame as bytes. */
function frame(type, flags, id, payload = Buffer.alloc(0)) {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(id, 5);
    return Buffer.concat([head, payload]);
}

/** A header block of literals. */
const block = (headers) => Buffer.concat(headers.map(([name, value]) =>
    Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)])));

test('floods of resets, settings and continuations end their connection alone', async (t) => {
    const server = await startServer(t);
    const client = await session(t, server);
    const head = block([[':method', 'POST'], [':scheme', 'http'], [':path', '/api/v1/videos/init'], [':authority', server.host]]);
    const floods = {
        resets: (i) => [frame(1, 4, 2 * i + 1, head), frame(3, 0, 2 * i + 1, Buffer.from([0, 0, 0, 8]))],
        settings: () => [frame(4, 0, 0)],
        continuations: (i) => [i === 0 ? frame(1, 0, 1, head) : frame(9, 0, 1, block([['x', 'y']]))],
    };
    for (const [name, make] of Object.entries(floods)) {
        const raw = await connect(server);
        raw.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0), frame(4, 1, 0)]));
        for (let i = 0; i < 3000 && !raw.ended; i++) {
            raw.write(Buffer.concat(make(i)));
            if (i % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
        }
        await raw.all();
        assert.ok(raw.received.includes(Buffer.from([0, 0, 0, 0x0b])), `${name}: ENHANCE_YOUR_CALM`);
        assert.equal((await ask(client, 'GET', '/health')).status, 200, `others are served after ${name}`);
    }
    assert.match(server.log, /was sent away/);
});

test('trailers of HTTP/2 reach tus', async (t) => {
    const server = await startServer(t);
    const client = await session(t, server);
    const bytes = makeBytes(100000);
    const made = await ask(client, 'POST', '/files/', { 'Tus-Resumable': '1.0.0', 'Upload-Length': bytes.length });
    assert.equal(made.status, 201, made.bytes.toString());
    const send = (digest) => {
        const stream = client.request({ ':method': 'PATCH', ':path': new URL(made.headers.location, server.url).pathname,
            'tus-resumable': '1.0.0', 'upload-offset': '0', 'content-type': 'application/offset+octet-stream',
            trailer: 'upload-checksum' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'upload-checksum': `sha1 ${digest}` }));
        const answer = answerOf(stream);
        stream.end(bytes);
        return answer;
    };
    const sha1 = (data) => createHash('sha1').update(data).digest('base64');
    assert.equal((await send(sha1('other'))).status, 460);
    assert.equal((await send(sha1(bytes))).status, 204);
});

test('a stop tells streams under way from new ones', async (t) => {
    const server = await secureServer(t);
    const client = await session(t, server);
    const bytes = makeBytes(400000);
    const upload = await init(server, { size: bytes.length });
    const stream = client.request({ ':method': 'POST', ':path': '/api/v1/videos/chunk', ...lower(partHeaders(upload, 0, bytes)) });
    const answer = answerOf(stream);
    stream.write(bytes.subarray(0, 200000));
    await until(server, upload, (now) => now.state === 'open');
    const goaway = once(client, 'goaway');
    server.child.kill('SIGTERM');
    assert.equal((await goaway)[0], 0);
    stream.end(bytes.subarray(200000));
    const { status: code, headers } = await answer;
    assert.deepEqual([code, headers['reelhaul-state']], [200, 'done']);
    assert.deepEqual(await server.ended, { status: 0, signal: null });
    const next = await startServer(t, { data: server.data });
    assert.equal(sha256((await request(next, 'GET', (await status(next, upload)).url)).bytes), sha256(bytes));
});
