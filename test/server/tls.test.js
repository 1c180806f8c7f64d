// SPDX-License-Identifier: MIT
// TLS of the real server: who gets in, what is refused and how it says so, certificates that change.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import test from 'node:test';

import { connect, get, postJson, request, run, startServer, temporaryDirectory } from './server.js';
import { makeCertificate, readAll, shake } from './tls.js';
import { init, makeBytes, partHead, sendPart, sha256, status, until } from './videos.js';

async function secureServer(t, options = {}) {
    const certificate = makeCertificate(temporaryDirectory(t));
    return { certificate, server: await startServer(t, { certificate, ...options }) };
}

test('uploads and downloads through TLS 1.2 and 1.3, nothing older', async (t) => {
    const { server } = await secureServer(t);
    assert.match(server.url, /^https:/);
    const bytes = makeBytes(3000000);
    const upload = await init(server, { size: bytes.length });
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca: server.ca });
    t.after(() => agent.destroy());
    await sendPart(server, upload, 0, bytes.subarray(0, 1000000), {}, agent);
    const done = await sendPart(server, upload, 1000000, bytes.subarray(1000000), {}, agent);
    assert.equal(done.headers['reelhaul-state'], 'done');
    const { url } = await status(server, upload);
    assert.equal(sha256((await request(server, 'GET', url, { agent })).bytes), sha256(bytes));
    const range = await request(server, 'GET', url, { headers: { Range: 'bytes=5-104' }, agent });
    assert.equal(range.status, 206);
    assert.deepEqual(range.bytes, bytes.subarray(5, 105));

    for (const version of ['TLSv1.2', 'TLSv1.3']) {
        const { socket } = await shake(server, { minVersion: version, maxVersion: version });
        assert.equal(socket.getProtocol(), version);
        socket.destroy();
    }
    const old = await shake(server, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' });
    assert.match(String(old.error), /protocol version|EPROTO|ECONNRESET/i);
});

test('ALPN chooses; a client that shares no protocol is told so', async (t) => {
    const { server } = await secureServer(t);
    for (const [offered, chosen] of [
        [['h2', 'http/1.1'], 'h2'], [['http/1.1', 'h2'], 'h2'], [['http/1.1'], 'http/1.1'], [undefined, false],
    ]) {
        const { socket } = await shake(server, { ALPNProtocols: offered });
        assert.equal(socket.alpnProtocol, chosen);
        socket.destroy();
    }
    const { error } = await shake(server, { ALPNProtocols: ['spdy/3'] });
    assert.match(String(error), /no application protocol/i);
});

test('a session is resumed by ticket', async (t) => {
    const { server } = await secureServer(t);
    const { socket: first } = await shake(server, { maxVersion: 'TLSv1.3' });
    const [session] = await once(first, 'session');
    first.destroy();
    const { socket } = await shake(server, { session });
    assert.equal(socket.isSessionReused(), true);
    socket.write(get('/health', server, 'Connection: close\r\n'));
    assert.match((await readAll(socket)).text, /^HTTP\/1\.1 200/);
});

test('plain HTTP at the door of TLS gets a 400 that says what to do', async (t) => {
    const { server } = await secureServer(t);
    const raw = await connect(server);
    raw.write(get('/health', server));
    const text = await raw.all();
    assert.match(text, /^HTTP\/1\.1 400 /);
    assert.match(text, /https:\/\//);
    // What is neither is just closed.
    const other = await connect(server);
    other.write(Buffer.from([0x80, 0x2e, 1, 3, 1]));
    assert.equal(await other.all(), '');
    assert.equal((await request(server, 'GET', '/health')).status, 200);
});

test('certificates that cannot be used are refused with the reason', async (t) => {
    const directory = temporaryDirectory(t);
    const one = makeCertificate(directory);
    const two = makeCertificate(directory, { name: 'two' });
    const locked = path.join(directory, 'locked.key');
    execFileSync('openssl', ['ec', '-in', one.key, '-aes128', '-passout', 'pass:secret', '-out', locked], { stdio: 'ignore' });
    const rubbish = path.join(directory, 'rubbish.pem');
    fs.writeFileSync(rubbish, 'no certificate\n');
    const start = (...args) => run(['serve', '--listen', '127.0.0.1:0', '--data', path.join(directory, 'data'), ...args]);
    for (const [args, complaint] of [
        [['--tls-cert', one.cert], /--tls-key is missing/],
        [['--tls-key', one.key], /--tls-cert is missing/],
        [['--tls-cert', `${directory}/none`, '--tls-key', one.key], /--tls-cert \S+none cannot be read: No such file/],
        [['--tls-cert', one.cert, '--tls-key', `${directory}/none`], /--tls-key \S+none cannot be read: No such file/],
        [['--tls-cert', rubbish, '--tls-key', one.key], /--tls-cert \S+ holds no certificate/],
        [['--tls-cert', one.cert, '--tls-key', rubbish], /--tls-key \S+ holds no private key/],
        [['--tls-cert', one.cert, '--tls-key', two.key], /does not belong to the certificate/],
        [['--tls-cert', one.cert, '--tls-key', locked], /pass phrase/],
    ]) {
        const { status: code, stderr } = await start(...args);
        assert.equal(code, 2, stderr);
        assert.match(stderr, complaint);
    }
    // Beyond loopback: not with tokens alone, but with TLS.
    const token = path.join(directory, 'token');
    fs.writeFileSync(token, '0123456789abcdef\n');
    const beyond = await start('--listen', '0.0.0.0:0', '--auth', 'token', '--token-file', token);
    assert.equal(beyond.status, 2);
    assert.match(beyond.stderr, /--tls-cert FILE --tls-key FILE/);
});

test('an expired certificate is used, with a warning', async (t) => {
    const certificate = makeCertificate(temporaryDirectory(t), { days: -1 });
    fs.chmodSync(certificate.key, 0o600);
    const server = await startServer(t, { certificate });
    assert.match(server.log, /warn .*has expired/);
    const { error } = await shake(server);
    assert.match(String(error), /expired/);
    const { socket } = await shake(server, { rejectUnauthorized: false });
    socket.destroy();
});

test('tokens and TLS open the doors beyond loopback', async (t) => {
    const directory = temporaryDirectory(t);
    const token = path.join(directory, 'token');
    fs.writeFileSync(token, '0123456789abcdef\n');
    const { server } = await secureServer(t, {
        args: ['--listen', '0.0.0.0:0', '--auth', 'token', '--token-file', token],
    });
    const denied = await postJson(server, '/api/v1/videos/init', { mime_type: 'video/webm' });
    assert.equal(denied.status, 401);
    const good = await postJson(server, '/api/v1/videos/init', { mime_type: 'video/webm' },
        { Authorization: 'Bearer 0123456789abcdef' });
    assert.equal(good.status, 201);
});

test('SIGHUP reads the certificate anew; old connections go on; a broken file changes nothing', async (t) => {
    const { server, certificate } = await secureServer(t);
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca: server.ca });
    t.after(() => agent.destroy());
    const bytes = makeBytes(300000);
    const upload = await init(server, { size: bytes.length });
    const { socket } = await shake(server);
    socket.write(partHead(server, upload, 0, bytes, { Connection: 'close' }));
    socket.write(bytes.subarray(0, 100000));
    await request(server, 'GET', '/health', { agent });

    const other = makeCertificate(temporaryDirectory(t), { name: 'other' });
    fs.copyFileSync(other.cert, certificate.cert);
    server.child.kill('SIGHUP'); // the key is still the old one
    await server.logged(/the old one stays in place.*does not belong/);
    const { socket: still } = await shake(server);
    assert.equal(still.getPeerCertificate().subject.CN, 'one');
    still.destroy();

    fs.copyFileSync(other.key, certificate.key);
    server.child.kill('SIGHUP');
    await server.logged(/certificate was read anew/);
    const { error } = await shake(server);
    assert.ok(error, 'the old trust does not fit the new certificate');
    const { socket: fresh } = await shake(server, { ca: fs.readFileSync(other.cert) });
    assert.equal(fresh.getPeerCertificate().subject.CN, 'other');
    fresh.destroy();

    assert.equal((await request(server, 'GET', '/health', { agent })).status, 200);
    socket.write(bytes.subarray(100000));
    assert.match((await readAll(socket)).text, /Reelhaul-State: done/);
});

test('slow and silent handshakes end; many of them do not keep others out', async (t) => {
    const { server } = await secureServer(t, { args: ['--header-timeout', '700ms', '--loops', '1'] });
    const sockets = [];
    t.after(() => sockets.forEach((socket) => socket.destroy()));
    for (let i = 0; i < 300; i++) {
        const socket = net.connect(server.port, '127.0.0.1');
        socket.on('error', () => {});
        socket.write(Buffer.from([0x16, 3, 1, 2, 0, 1])); // a hello that never goes on
        sockets.push(socket);
    }
    const ended = new Promise((resolve) => { sockets[0].once('close', resolve); });
    assert.equal((await request(server, 'GET', '/health')).status, 200);
    await ended;
});

test('a connection that breaks off leaves what came; one that says close_notify is answered', async (t) => {
    const { server } = await secureServer(t);
    const bytes = makeBytes(200000);
    const upload = await init(server, { size: bytes.length });
    const { socket } = await shake(server, { allowHalfOpen: true });
    socket.write(partHead(server, upload, 0, bytes, { 'Reelhaul-Crc64': undefined }));
    socket.write(bytes.subarray(0, 150000));
    socket.end(); // close_notify, and then the end of its side
    assert.match((await readAll(socket)).text, /^HTTP\/1\.1 400 .*/);
    const now = await until(server, upload, (view) => view.state === 'open');
    const rest = await sendPart(server, upload, now.received, bytes.subarray(now.received));
    assert.equal(rest.headers['reelhaul-state'], 'done');
});

test('a stop finishes what is under way and says close_notify', async (t) => {
    const { server } = await secureServer(t);
    const bytes = makeBytes(400000);
    const upload = await init(server, { size: bytes.length });
    const { socket: idle } = await shake(server);
    const { socket } = await shake(server);
    const idleEnds = readAll(idle);
    socket.write(partHead(server, upload, 0, bytes));
    socket.write(bytes.subarray(0, 200000));
    await until(server, upload, (now) => now.state === 'open');
    server.child.kill('SIGTERM');
    const quiet = await idleEnds;
    assert.equal(quiet.error, null);
    socket.write(bytes.subarray(200000));
    const { text, error } = await readAll(socket);
    assert.equal(error, null);
    assert.match(text, /Reelhaul-State: done/);
    assert.deepEqual(await server.ended, { status: 0, signal: null });
});
