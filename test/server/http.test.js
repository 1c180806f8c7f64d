// SPDX-License-Identifier: MIT
// HTTP/1.1 on the wire: what is refused, what is kept open, what is waited for.
import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';

import { connect, get, request, startServer } from './server.js';
import { init, makeBytes, partHead, slicesField, status } from './videos.js';

test('requests that two servers could read differently are refused', async (t) => {
    const server = await startServer(t);
    const host = `Host: ${server.host}\r\n`;
    const shapes = {
        'length and chunked': `POST /health HTTP/1.1\r\n${host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
        'two lengths': `POST /health HTTP/1.1\r\n${host}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`,
        'a list of lengths': `POST /health HTTP/1.1\r\n${host}Content-Length: 5, 6\r\n\r\nhello!`,
        'a signed length': `POST /health HTTP/1.1\r\n${host}Content-Length: +5\r\n\r\nhello`,
        'a huge length': `POST /health HTTP/1.1\r\n${host}Content-Length: 99999999999999999999\r\n\r\n`,
        'chunked with a length of nothing': `POST /health HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n`,
        'a folded field': `GET /health HTTP/1.1\r\n${host}X-A: b\r\n c\r\n\r\n`,
        'space before the colon': `GET /health HTTP/1.1\r\nHost : ${server.host}\r\n\r\n`,
        'a bare line feed': `GET /health HTTP/1.1\n${host}\r\n`,
        'a bare carriage return': `GET /health HTTP/1.1\r\n${host}X-A: b\rc\r\n\r\n`,
        'a NUL in a field': `GET /health HTTP/1.1\r\n${host}X-A: b\0c\r\n\r\n`,
        'two hosts': `GET /health HTTP/1.1\r\n${host}${host}\r\n`,
        'no host': 'GET /health HTTP/1.1\r\n\r\n',
        'no version': `GET /health\r\n${host}\r\n`,
        'a space too many': `GET  /health HTTP/1.1\r\n${host}\r\n`,
        'not HTTP at all': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and more\r\n\r\n',
    };
    for (const [name, text] of Object.entries(shapes)) {
        const raw = await connect(server);
        raw.write(Buffer.from(text + get('/health', server), 'latin1'));
        const received = await raw.all();
        assert.match(received, /^HTTP\/1\.1 400 /, `${name}: ${received}`);
        assert.match(received, /Connection: close/i, name);
        assert.equal(received.match(/HTTP\/1\.1 /g).length, 1, `${name}: what follows was not read`);
        assert.match(received, /"code": ?"bad_request"/, name);
    }
});

test('broken chunked bodies are refused and nothing behind them is read', async (t) => {
    const server = await startServer(t);
    for (const body of ['5\nhello\r\n0\r\n\r\n', 'x\r\n', '5\r\nhelloX\r\n0\r\n\r\n', '-1\r\n', '0x5\r\nhello\r\n',
        '5 \r\nhello\r\n0\r\n\r\n', 'ffffffffffffffffff\r\n']) {
        const raw = await connect(server);
        raw.write(`POST /api/session/create HTTP/1.1\r\nHost: ${server.host}\r\n` +
            'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n' + body +
            get('/health', server));
        const received = await raw.all();
        assert.match(received, /^HTTP\/1\.1 400 /, `${JSON.stringify(body)}: ${received}`);
        assert.equal(received.match(/HTTP\/1\.1 /g).length, 1, body);
    }
});

test('other refusals, each with its status', async (t) => {
    const server = await startServer(t);
    const host = `Host: ${server.host}\r\n`;
    const cases = [
        [`GET /${'a'.repeat(9000)} HTTP/1.1\r\n${host}\r\n`, 414],
        [`GET /health HTTP/1.1\r\n${host}X-A: ${'a'.repeat(17000)}\r\n\r\n`, 431],
        [`GET /health HTTP/1.1\r\n${host}${'a: b\r\n'.repeat(200)}\r\n`, 431],
        [`POST /health HTTP/1.1\r\n${host}Transfer-Encoding: gzip\r\n\r\n`, 501],
        [`GET /health HTTP/2.0\r\n${host}\r\n`, 505],
        [`POST /health HTTP/1.1\r\n${host}Expect: 200-maybe\r\nContent-Length: 1\r\n\r\nx`, 417],
    ];
    for (const [text, expected] of cases) {
        const raw = await connect(server);
        raw.write(text);
        const received = await raw.all();
        assert.ok(received.startsWith(`HTTP/1.1 ${expected} `), `${expected}: ${received}`);
        assert.match(received, /"error"/);
    }
});

test('pipelined requests are answered one by one, in order', async (t) => {
    const server = await startServer(t);
    const raw = await connect(server);
    const json = '{"participant_id":"p"}';
    const create = `POST /api/session/create HTTP/1.1\r\nHost: ${server.host}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${json.length}\r\n\r\n${json}`;
    raw.write(get('/health', server) + create + get('/nowhere', server) +
        create.replace('create HTTP', 'created HTTP') + get('/health', server));
    const answers = await raw.answers(5);
    assert.deepEqual(answers.map((answer) => answer.status), [200, 200, 404, 405, 200]);
    raw.socket.destroy();
});

test('a hundred pipelined requests, byte by byte and all at once', async (t) => {
    const server = await startServer(t);
    const text = get('/health', server).repeat(100);
    const whole = await connect(server);
    whole.write(text);
    assert.equal((await whole.answers(100)).length, 100);
    whole.socket.destroy();
    const slow = await connect(server);
    slow.socket.setNoDelay(true);
    for (const byte of get('/health', server).repeat(3)) {
        slow.write(byte);
        await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal((await slow.answers(3)).length, 3);
    slow.socket.destroy();
});

test('connections are kept, and closed on request', async (t) => {
    const server = await startServer(t);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const sockets = new Set();
    agent.on('free', (socket) => sockets.add(socket.localPort));
    for (let i = 0; i < 5; i++)
        assert.equal((await request(server, 'GET', '/health', { agent })).status, 200);
    assert.equal(sockets.size, 1);
    agent.destroy();
    const closing = await connect(server);
    closing.write(get('/health', server, 'Connection: close\r\n') + get('/health', server));
    const received = await closing.all();
    assert.equal(received.match(/HTTP\/1\.1 200/g).length, 1);
    const old = await connect(server);
    old.write(`GET /health HTTP/1.0\r\nHost: ${server.host}\r\n\r\n`);
    assert.match(await old.all(), /^HTTP\/1\.1 200/);
});

test('100 Continue comes after admission, and not to what is refused', async (t) => {
    const server = await startServer(t);
    const bytes = makeBytes(100000);
    const upload = await init(server, { size: bytes.length });
    const good = await connect(server);
    good.write(partHead(server, upload, 0, bytes, { Expect: '100-continue' }));
    assert.equal((await good.answers(1))[0].status, 100);
    good.write(bytes);
    const [, answer] = await good.answers(2);
    assert.equal(answer.status, 200);
    good.socket.destroy();
    const refused = await connect(server);
    refused.write(partHead(server, 'A'.repeat(32), 0, bytes, { Expect: '100-continue' }));
    const received = await refused.all();
    assert.match(received, /^HTTP\/1\.1 404 /);
    assert.match(received, /Connection: close/i);
    const eager = await connect(server);
    const json = '{}';
    eager.write(`POST /api/session/create HTTP/1.1\r\nHost: ${server.host}\r\nExpect: 100-continue\r\n` +
        `Content-Type: application/json\r\nContent-Length: 2\r\n\r\n${json}`);
    assert.equal((await eager.answers(1)).at(-1).status, 200, 'who does not wait gets no 100');
    eager.socket.destroy();
});

test('a chunked body is an upload part too', async (t) => {
    const server = await startServer(t);
    const bytes = makeBytes(150000);
    const upload = await init(server, { size: bytes.length });
    const raw = await connect(server);
    const head = partHead(server, upload, 0, bytes)
        .replace(/Content-Length: \d+/, 'Transfer-Encoding: chunked');
    raw.write(head);
    for (let at = 0; at < bytes.length; at += 50001) {
        const part = bytes.subarray(at, at + 50001);
        raw.write(`${part.length.toString(16)};note="x"\r\n`);
        raw.write(part);
        raw.write('\r\n');
    }
    raw.write('0\r\nX-Trailer: t\r\n\r\n');
    raw.write(get('/health', server));
    const [answer, next] = await raw.answers(2);
    assert.equal(answer.status, 200, answer.body);
    assert.equal(answer.headers['reelhaul-state'], 'done');
    assert.equal(next.status, 200);
    raw.socket.destroy();
});

test('a head that does not come to its end is 408; an idle connection just closes', async (t) => {
    const server = await startServer(t, { args: ['--header-timeout', '300ms', '--idle-timeout', '300ms'] });
    const slow = await connect(server);
    slow.write('GET /health HTTP/1.1\r\nHost:');
    const received = await slow.all();
    assert.match(received, /^HTTP\/1\.1 408 /);
    assert.match(received, /"code": ?"request_timeout"/);
    const idle = await connect(server);
    assert.equal(await idle.all(), '');
    const used = await connect(server);
    used.write(get('/health', server));
    assert.equal((await used.all()).match(/HTTP\/1\.1 /g).length, 1, 'no 408 between requests');
});

test('a body without progress is 408, and what came is kept', async (t) => {
    const server = await startServer(t, { args: ['--read-timeout', '300ms'] });
    const bytes = makeBytes(300000);
    const upload = await init(server, { size: bytes.length });
    const raw = await connect(server);
    raw.write(partHead(server, upload, 0, bytes, { 'Reelhaul-Slices': slicesField(bytes, 50000) }));
    raw.write(bytes.subarray(0, 100000));
    const received = await raw.all();
    assert.match(received, /^HTTP\/1\.1 408 /);
    assert.match(received, /Reelhaul-Durable: \(0 100000\)/);
    assert.equal((await status(server, upload)).received, 100000);
});

test('who has closed its side still gets its answer', async (t) => {
    const server = await startServer(t);
    const raw = await connect(server);
    raw.socket.end(get('/health', server) + get('/health', server));
    const received = await raw.all();
    assert.equal(received.match(/HTTP\/1\.1 200/g).length, 2);
});

test('an early error reaches a client that is still sending', async (t) => {
    const server = await startServer(t);
    const raw = await connect(server);
    const size = 32 * 1024 * 1024;
    raw.write(`POST /api/v1/videos/chunk HTTP/1.1\r\nHost: ${server.host}\r\n` +
        `Content-Type: application/octet-stream\r\nContent-Length: ${size}\r\n` +
        `Reelhaul-Upload: ${'A'.repeat(32)}\r\nReelhaul-Offset: 0\r\n\r\n`);
    const block = Buffer.alloc(1024 * 1024);
    for (let sent = 0; sent < size; sent += block.length) {
        if (!raw.write(block) && !raw.ended)
            await new Promise((resolve) => {
                raw.socket.once('drain', resolve);
                raw.socket.once('close', resolve);
            });
    }
    raw.socket.end();
    const received = await raw.all();
    assert.match(received, /^HTTP\/1\.1 404 /);
    assert.equal(raw.error, null);
});

test('one connection too many is told so', async (t) => {
    const server = await startServer(t, { args: ['--max-connections', '2'] });
    const held = [await connect(server), await connect(server)];
    for (const raw of held) {
        raw.write(get('/health', server));
        assert.equal((await raw.answers(1))[0].status, 200);
    }
    const refused = await connect(server);
    refused.socket.end(get('/health', server));
    const received = await refused.all();
    assert.match(received, /^HTTP\/1\.1 503 /);
    assert.match(received, /Retry-After: \d+/);
    held[0].write(get('/health', server));
    assert.equal((await held[0].answers(2)).length, 2, 'the others are not disturbed');
    held.forEach((raw) => raw.socket.destroy());
    for (;;) {
        const answer = await request(server, 'GET', '/health').catch(() => null);
        if (answer?.status === 200) break;
    }
});

test('HEAD has no body, unknown methods are refused', async (t) => {
    const server = await startServer(t);
    const raw = await connect(server);
    raw.write(get('/health', server).replace('GET', 'HEAD') + get('/health', server, 'Connection: close\r\n'));
    const received = await raw.all();
    const [first, second] = received.split('\r\n\r\n');
    assert.match(first, /^HTTP\/1\.1 200 .*Content-Length: [1-9]/s);
    assert.match(second, /^HTTP\/1\.1 200 /);
    const refused = await request(server, 'PUT', '/health');
    assert.equal(refused.status, 405);
    assert.match(refused.headers.allow, /GET/);
});
