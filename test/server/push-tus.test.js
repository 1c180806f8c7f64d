// SPDX-License-Identifier: MIT
// `reelhaul push` in the dialects that are not ours alone: against our own server, and tus against @tus/server.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { completions, expectAt, fileOf, push, quick, spooled, startPush } from './push.js';
import { freePort, startServer, temporaryDirectory } from './server.js';
import { makeCertificate } from './tls.js';
import { makeBytes, sha256 } from './videos.js';

const MIB = 1024 * 1024;
const PROTOCOLS = ['videos', 'tus', 'resumable', 'resumable6', 'chunks'];

/** A folder with a spool, and a port for a server. */
async function stage(t) {
    const folder = temporaryDirectory(t);
    const port = await freePort();
    const spool = path.join(folder, 'spool');
    const url = `http://127.0.0.1:${port}`;
    return {
        folder, port, spool, url, data: path.join(folder, 'data'),
        /** @param {string} protocol */
        flags: (protocol, to = url) => ['--to', to, '--spool', spool, '--protocol', protocol, ...quick],
        again: () => ['--spool', spool, ...quick],
    };
}

/** The bytes of all uploads that our server has, without what it notes beside them. */
function filesOf(data) {
    return fs.readdirSync(path.join(data, 'files'), { recursive: true })
        .map((name) => path.join(data, 'files', String(name)))
        .filter((name) => fs.statSync(name).isFile() && fs.statSync(name).size > 16384)
        .map((name) => sha256(fs.readFileSync(name)));
}

test('every protocol sends files that are proven, an empty one among them', async (t) => {
    const place = await stage(t);
    const server = await startServer(t, { port: place.port, data: place.data });
    const bytes = makeBytes(5 * MIB + 17);
    const files = [fileOf(place.folder, 'film.webm', bytes), fileOf(place.folder, 'empty.webm', Buffer.alloc(0))];
    for (const protocol of PROTOCOLS) {
        const sent = await push(t, [...place.flags(protocol), ...files]);
        const done = completions(sent);
        assert.deepEqual(done.map(({ name, proven }) => [name, proven]).sort(),
            [['empty.webm', true], ['film.webm', true]], protocol);
        await expectAt(server, done.find(({ name }) => name === 'film.webm').url, bytes);
    }
    assert.deepEqual(await spooled(place.spool), []);
});

test('auto takes what the server offers, and stays with it', async (t) => {
    const place = await stage(t);
    const file = fileOf(place.folder, 'film.webm', makeBytes(100000));
    const early = startPush(t, [...place.flags('auto', `${place.url}/files/`), file]);
    await early.event((event) => event.reason === 'the server cannot be reached');
    await startServer(t, { port: place.port, data: place.data });
    assert.equal((await early.ended).status, 0);
    assert.match(completions(early)[0].url, /\/files\//, 'whoever names the place of tus gets tus');
    const own = await push(t, [...place.flags('auto'), fileOf(place.folder, 'b.webm', makeBytes(1000))]);
    assert.match(completions(own)[0].url, /\/download\//, 'a server of ours is spoken to in our own way');
});

test('standard input grows over tus and the draft', async (t) => {
    const place = await stage(t);
    const server = await startServer(t, { port: place.port, data: place.data });
    for (const protocol of ['tus', 'resumable']) {
        const bytes = makeBytes(3 * MIB + 5);
        const sending = startPush(t, [...place.flags(protocol), '--name', 'live', '-'], { input: true });
        sending.input.write(bytes.subarray(0, 2 * MIB));
        await sending.event((event) => event.acked >= 2 * MIB && event.size === undefined);
        sending.input.end(bytes.subarray(2 * MIB));
        assert.deepEqual(await sending.ended, { status: 0, signal: null }, sending.said());
        const [done] = completions(sending);
        assert.equal(done.proven, true, protocol);
        await expectAt(server, done.url, bytes);
    }
});

test('both killed in the middle: they go on where the cursor stands', async (t) => {
    for (const protocol of ['tus', 'resumable', 'chunks']) {
        const place = await stage(t);
        const bytes = makeBytes(12 * MIB);
        const start = () => startServer(t, { port: place.port, data: place.data });
        let args = [...place.flags(protocol), '--limit', '3M', fileOf(place.folder, 'both.webm', bytes)];
        for (const mark of [1, 4]) {
            const server = await start();
            const sending = startPush(t, args);
            await sending.event((event) => event.acked >= mark * MIB);
            await Promise.all([sending.kill(), server.stop('SIGKILL')]);
            args = [...place.again(), '--limit', '3M'];
        }
        await start();
        const last = await push(t, place.again());
        assert.equal(completions(last)[0].proven, true);
        assert.deepEqual(filesOf(place.data), [sha256(bytes)], `${protocol}: one upload, whole`);
        const first = last.events.find((event) => event.sent > 0);
        assert.ok(first.acked >= 2 * MIB, `${protocol}: it does not begin anew (${first.acked})`);
    }
});

test('a file that changed is refused before it is gone on with', async (t) => {
    const place = await stage(t);
    const file = fileOf(place.folder, 'film.webm', makeBytes(4 * MIB));
    const server = await startServer(t, { port: place.port, data: place.data });
    const sending = startPush(t, [...place.flags('tus'), '--limit', '1M', file]);
    await sending.event((event) => event.sent > 0);
    await sending.kill();
    fs.writeFileSync(file, makeBytes(4 * MIB));
    const refused = await push(t, place.again(), { status: 1 });
    assert.match(refused.said(), /film\.webm changed after it was queued\. Queue it anew with/);
    assert.ok(server.url);
});

test('over TLS with an authority of its own, and not without', async (t) => {
    const place = await stage(t);
    const certificate = makeCertificate(place.folder);
    const server = await startServer(t, { port: place.port, data: place.data, certificate });
    const to = `https://127.0.0.1:${place.port}`;
    const bytes = makeBytes(300000);
    const file = fileOf(place.folder, 'film.webm', bytes);
    const wary = startPush(t, [...place.flags('tus', to), file]);
    await wary.event((event) => /certificate/.test(event.trouble ?? ''));
    await wary.kill();
    for (const protocol of ['tus', 'videos', 'auto']) {
        const sent = await push(t, [...place.flags(protocol, to), '--cacert', certificate.cert, file]);
        assert.ok(completions(sent).every(({ proven }) => proven), protocol);
    }
    assert.ok(filesOf(place.data).every((sum) => sum === sha256(bytes)));
    assert.ok(server.url);
});

// ---- servers that are not ours ----

/** Starts @tus/server; resolves when it listens. */
async function startPeer(t, { port, directory }) {
    fs.mkdirSync(directory, { recursive: true });
    const script = fileURLToPath(new URL('tus-peer.js', import.meta.url));
    const child = spawn(process.execPath, [script, String(port), directory], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'close');
    const kill = async () => {
        if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
        return ended;
    };
    t.after(kill);
    await Promise.race([once(child.stdout, 'data'), ended.then(() => { throw new Error('the tus server ended'); })]);
    return { kill, url: `http://127.0.0.1:${port}/files` };
}

/** The bytes of its uploads, without its notes. */
const stored = (directory) => fs.readdirSync(directory).filter((name) => !name.endsWith('.json'))
    .map((name) => sha256(fs.readFileSync(path.join(directory, name))));

test('@tus/server: sent and stored, and said to be no more than that', async (t) => {
    const place = await stage(t);
    const directory = path.join(place.folder, 'theirs');
    const peer = await startPeer(t, { port: place.port, directory });
    const bytes = makeBytes(5 * MIB + 3);
    const file = fileOf(place.folder, 'film ä.webm', bytes);
    const sent = await push(t, [...place.flags('auto', peer.url), file], { status: 6 });
    const [done] = completions(sent);
    assert.deepEqual([done.proven, done.trust], [false, 'stored']);
    assert.match(sent.said(), /1 sent, not proven/);
    assert.deepEqual(stored(directory), [sha256(bytes)]);
    assert.ok(fs.existsSync(file), 'the source is kept');
    assert.deepEqual(await spooled(place.spool), []);
});

test('@tus/server: standard input stays in the spool until the server is trusted', async (t) => {
    const place = await stage(t);
    const directory = path.join(place.folder, 'theirs');
    const peer = await startPeer(t, { port: place.port, directory });
    const bytes = makeBytes(2 * MIB + 3);
    const sending = startPush(t, [...place.flags('tus', peer.url), '--name', 'live', '-'], { input: true });
    sending.input.write(bytes.subarray(0, MIB));
    await sleep(300);
    sending.input.end(bytes.subarray(MIB));
    assert.equal((await sending.ended).status, 6, sending.said());
    assert.deepEqual(stored(directory), [sha256(bytes)]);
    const [kept] = await spooled(place.spool);
    assert.equal(kept.state, 'completed');
    assert.ok(fs.readdirSync(path.join(place.spool, 'uploads', kept.id)).some((name) => name.endsWith('.seg')));
    await push(t, place.again(), { status: 6 });
    await push(t, [...place.again(), '--trust-server']);
    assert.deepEqual(await spooled(place.spool), []);
});

test('@tus/server: a watched file is sent and not removed, whatever is trusted', async (t) => {
    const place = await stage(t);
    const directory = path.join(place.folder, 'theirs');
    const inbox = path.join(place.folder, 'inbox');
    const peer = await startPeer(t, { port: place.port, directory });
    fs.mkdirSync(inbox);
    const bytes = makeBytes(100000);
    const file = fileOf(inbox, 'film.webm', bytes);
    const watching = startPush(t, [...place.flags('auto', peer.url), '--remove', '--trust-server', inbox], { command: 'watch' });
    await watching.event((event) => event.event === 'state' && event.state === 'completed');
    await sleep(300);
    assert.equal((await watching.kill('SIGTERM')).status, 0, watching.said());
    assert.deepEqual(stored(directory), [sha256(bytes)]);
    assert.ok(fs.existsSync(file));
});

test('@tus/server: both killed in the middle', async (t) => {
    const place = await stage(t);
    const directory = path.join(place.folder, 'theirs');
    const start = () => startPeer(t, { port: place.port, directory });
    const bytes = makeBytes(12 * MIB);
    let args = [...place.flags('tus', `${place.url}/files`), '--limit', '3M', fileOf(place.folder, 'both.webm', bytes)];
    for (const mark of [1, 4]) {
        const peer = await start();
        const sending = startPush(t, args);
        await sending.event((event) => event.acked >= mark * MIB);
        await Promise.all([sending.kill(), peer.kill()]);
        args = [...place.again(), '--limit', '3M'];
    }
    await start();
    await push(t, place.again(), { status: 6 });
    assert.ok(stored(directory).includes(sha256(bytes)));
});

/** A server that answers each request as `answer` does; its requests. */
async function pretend(t, answer) {
    const requests = [];
    const server = http.createServer((request, response) => {
        requests.push({ method: request.method, url: request.url, headers: request.headers });
        request.resume().on('end', () => answer(request, response));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => { server.closeAllConnections(); server.close(); });
    return { requests, url: `http://127.0.0.1:${server.address().port}` };
}

test('a token goes to the server that was named, and to no other', async (t) => {
    const place = await stage(t);
    const tus = { 'Tus-Resumable': '1.0.0' };
    const other = await pretend(t, (request, response) => {
        const end = String(Number(request.headers['upload-offset'] ?? 0) + Number(request.headers['content-length'] ?? 0));
        const at = request.method === 'HEAD' ? '1000' : end;
        response.writeHead(request.method === 'HEAD' ? 200 : 204, { ...tus, 'Upload-Offset': at, 'Upload-Length': '1000' }).end();
    });
    const named = await pretend(t, (request, response) => {
        if (request.method === 'OPTIONS') response.writeHead(405).end();
        else response.writeHead(201, { ...tus, Location: `${other.url}/u/1` }).end();
    });
    const file = fileOf(place.folder, 'f.webm', makeBytes(1000));
    await push(t, [...place.flags('tus', `${named.url}/up`), file], { status: 6, env: { REELHAUL_TOKEN: 'a-secret-of-mine' } });
    assert.ok(named.requests.every(({ headers }) => headers.authorization === 'Bearer a-secret-of-mine'));
    assert.deepEqual(named.requests.map(({ method, url }) => `${method} ${url}`), ['OPTIONS /up', 'POST /up']);
    assert.deepEqual(other.requests.map(({ method }) => method), ['PATCH', 'HEAD']);
    assert.ok(other.requests.every(({ headers }) => headers.authorization === undefined));
});

test('a server that speaks nothing we know is said to, and waited for', async (t) => {
    const place = await stage(t);
    const portal = await pretend(t, (_request, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<p>Log in'));
    const sending = startPush(t, [...place.flags('auto', portal.url), fileOf(place.folder, 'f.webm', makeBytes(10))]);
    const { trouble } = await sending.event((event) => event.trouble !== undefined);
    assert.match(trouble, /offers no protocol that is known here: is the address right\?/);
    assert.equal((await sending.kill('SIGTERM')).status, 3);
});
