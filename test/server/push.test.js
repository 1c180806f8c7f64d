// SPDX-License-Identifier: MIT
// `reelhaul push` against the real server: files, standard input, and everything that may go wrong on the way.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { completions, expectAt, fileOf, push, quick, spooled, startPush } from './push.js';
import { freePort, postJson, request, run, startServer, temporaryDirectory } from './server.js';
import { makeBytes, sha256 } from './videos.js';

const MIB = 1024 * 1024;

/** A folder with a spool, and a server. */
async function stage(t, options = {}) {
    const folder = temporaryDirectory(t);
    const port = await freePort();
    const place = {
        folder, spool: path.join(folder, 'spool'), port, url: `http://127.0.0.1:${port}`,
        data: path.join(folder, 'data'), server: null,
        start: async () => (place.server = await startServer(t, { data: place.data, port, ...options })),
        flags: () => ['--to', place.url, '--spool', place.spool, ...quick],
    };
    return place;
}

test('a file is sent, proven, and leaves the spool', async (t) => {
    const place = await stage(t);
    const server = await place.start();
    const bytes = makeBytes(3 * MIB + 17);
    const sent = await push(t, [...place.flags(), fileOf(place.folder, 'film.webm', bytes)]);
    const [done] = completions(sent);
    assert.equal(done.proven, true);
    await expectAt(server, done.url, bytes);
    assert.deepEqual(await spooled(place.spool), []);
    assert.deepEqual(fs.readdirSync(path.join(place.spool, 'uploads')), []);
    assert.ok(fs.existsSync(path.join(place.folder, 'film.webm')), 'the file itself stays');
});

test('many files, an empty one among them, into a new session', async (t) => {
    const place = await stage(t);
    const server = await place.start();
    const files = Array.from({ length: 30 }, (_, i) => ({ name: `f${i}.webm`, bytes: makeBytes(i * i * 500) }));
    const sent = await push(t, [...place.flags(), '--session', 'new',
        ...files.map(({ name, bytes }) => fileOf(place.folder, name, bytes))]);
    assert.equal(completions(sent).length, 30);
    for (const { name, bytes } of files)
        await expectAt(server, completions(sent).find((each) => each.name === name).url, bytes);
    const session = /Session (\S+)\./.exec(sent.said())[1];
    const { videos } = (await request(server, 'GET', `/api/session/${session}`)).json();
    assert.equal(videos.length, 30);
});

test('standard input goes up while it still grows', async (t) => {
    const place = await stage(t);
    const server = await place.start();
    const session = (await postJson(server, '/api/session/create', {})).json().session_id;
    const bytes = makeBytes(3 * MIB);
    const sending = startPush(t, [...place.flags(), '--session', session, '--name', 'live', '--type', 'video/webm', '-'],
        { input: true });
    sending.input.write(bytes.subarray(0, 2 * MIB));
    for (;;) {
        // Only when the server has seen these does standard input go on: nothing may wait for its end.
        const { videos } = (await request(server, 'GET', `/api/session/${session}`)).json();
        if (videos[0]?.bytes_received >= 2 * MIB) break;
        await sleep(10);
    }
    assert.equal((await spooled(place.spool))[0].size, undefined, 'its size is not known yet');
    sending.input.end(bytes.subarray(2 * MIB));
    assert.deepEqual(await sending.ended, { status: 0, signal: null }, sending.said());
    await expectAt(server, completions(sending)[0].url, bytes);
});

test('killed in mid-upload, the next push goes on where the server stands', async (t) => {
    const place = await stage(t);
    const server = await place.start();
    const bytes = makeBytes(16 * MIB);
    const file = fileOf(place.folder, 'long.webm', bytes);
    const sending = startPush(t, [...place.flags(), '--limit', '3M', file]);
    await sending.event((event) => event.acked >= MIB);
    while (!((await spooled(place.spool))[0].acked > 0)) await sleep(50); // records lag behind by a second
    await sending.kill();
    const [waiting] = await spooled(place.spool);
    assert.equal(waiting.size, bytes.length);
    assert.ok(waiting.acked > 0 && waiting.acked < bytes.length, `${waiting.acked} acknowledged`);
    const again = await push(t, ['--spool', place.spool, ...quick]);
    assert.equal(again.events[0].event, 'resumed');
    const first = again.events.find((event) => event.sent > 0);
    assert.ok(first.acked >= waiting.acked, 'it does not begin anew');
    await expectAt(server, completions(again)[0].url, bytes);
    const files = fs.readdirSync(path.join(place.data, 'files'));
    assert.equal(files.length, 1, 'one upload, not two');
});

test('standard input of a killed push: what came goes up, not one byte else', async (t) => {
    const place = await stage(t);
    const server = await place.start();
    const bytes = makeBytes(2 * MIB + 300000);
    const sending = startPush(t, [...place.flags(), '--name', 'torn', '-'], { input: true });
    sending.input.write(bytes);
    await sending.event((event) => event.acked >= MIB);
    await sending.kill();
    const again = await push(t, ['--spool', place.spool, ...quick]);
    const [done] = completions(again);
    assert.ok(done.size >= 2 * MIB && done.size <= bytes.length, `${done.size}`);
    await expectAt(server, done.url, bytes.subarray(0, done.size));
});

test('the server killed in the middle, and away at the start', async (t) => {
    const place = await stage(t);
    const bytes = makeBytes(4 * MIB);
    const sending = startPush(t, [...place.flags(), '--limit', '4M', fileOf(place.folder, 'a.webm', bytes)]);
    await sending.event((event) => event.reason === 'the server cannot be reached');
    await place.start();
    await sending.event((event) => event.acked >= MIB);
    await place.server.stop('SIGKILL');
    await place.start();
    assert.deepEqual(await sending.ended, { status: 0, signal: null }, sending.said());
    await expectAt(place.server, completions(sending)[0].url, bytes);
});

test('both killed, again and again', async (t) => {
    const place = await stage(t);
    const bytes = makeBytes(12 * MIB);
    let args = [...place.flags(), fileOf(place.folder, 'both.webm', bytes), '--limit', '4M'];
    for (let round = 1; round <= 3; round++) {
        await place.start();
        const sending = startPush(t, args);
        await sending.event((event) => event.acked >= round * MIB);
        await Promise.all([sending.kill(), place.server.stop('SIGKILL')]);
        args = ['--spool', place.spool, ...quick, '--limit', '4M'];
    }
    const server = await place.start();
    const last = await push(t, ['--spool', place.spool, ...quick]);
    await expectAt(server, completions(last)[0].url, bytes);
});

test('a file that changed after it was queued is refused, its new version is not', async (t) => {
    const place = await stage(t);
    const file = fileOf(place.folder, 'changing.webm', makeBytes(300000));
    const gone = fileOf(place.folder, 'gone.webm', makeBytes(1000));
    const queued = startPush(t, [...place.flags(), file, gone]);
    await queued.event((event) => event.reason === 'the server cannot be reached');
    assert.equal((await queued.kill('SIGTERM')).status, 3);
    const bytes = makeBytes(300000);
    fs.writeFileSync(file, bytes);
    fs.rmSync(gone);
    const server = await place.start();
    const refused = await push(t, ['--spool', place.spool, ...quick], { status: 1 });
    assert.match(refused.said(), /changing\.webm changed after it was queued\. Queue it anew with/);
    assert.match(refused.said(), /gone\.webm cannot be read\. Put it back/);
    const anew = await push(t, [...place.flags(), file], { status: 1 }); // the old ones still fail
    assert.equal(completions(anew).length, 1);
    await expectAt(server, completions(anew)[0].url, bytes);
    for (const { id } of await spooled(place.spool)) {
        const cancelled = startPush(t, ['--spool', place.spool, ...quick, '--cancel', id]);
        await cancelled.ended;
    }
    assert.deepEqual(await spooled(place.spool), []);
});

test('the same command twice queues once', async (t) => {
    const place = await stage(t);
    const bytes = makeBytes(1000);
    const file = fileOf(place.folder, 'once.webm', bytes);
    for (let i = 0; i < 2; i++) {
        const queued = startPush(t, [...place.flags(), file]);
        await queued.event((event) => event.reason === 'the server cannot be reached');
        assert.deepEqual(await queued.kill('SIGINT'), { status: 3, signal: null });
        assert.match(queued.said(), /1 left for later/);
    }
    assert.equal((await spooled(place.spool)).length, 1);
    const server = await place.start();
    await expectAt(server, completions(await push(t, [...place.flags(), file]))[0].url, bytes);
});

/** Writes into standard input as far as it is taken; returns how far that is. */
async function pour(sending, bytes) {
    let taken = 0;
    while (taken < bytes.length) {
        if (!sending.input.write(bytes.subarray(taken, taken + 65536))) {
            const drained = await Promise.race([once(sending.input, 'drain').then(() => true), sleep(1500, false)]);
            if (!drained) break;
        }
        taken += 65536;
    }
    return Math.min(taken, bytes.length);
}

test('a spool that is full makes standard input wait, and loses nothing', async (t) => {
    const place = await stage(t);
    const bytes = makeBytes(6 * MIB);
    const sending = startPush(t, [...place.flags(), '--spool-max', '2MiB', '--name', 'wide', '-'], { input: true });
    const taken = await pour(sending, bytes);
    assert.ok(taken < 3 * MIB, `${taken} of ${bytes.length} taken`);
    assert.match(sending.said(), /has no more room. Nothing is lost/);
    const server = await place.start();
    await pour(sending, bytes.subarray(taken + 65536));
    sending.input.end();
    assert.deepEqual(await sending.ended, { status: 0, signal: null }, sending.said());
    await expectAt(server, completions(sending)[0].url, bytes);
});

/** A small file system; null where this user may not mount. */
function mountSmall(t, size) {
    const place = fs.mkdtempSync(path.join(os.tmpdir(), 'reelhaul-small-'));
    const ran = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'none', place]);
    t.after(() => {
        if (ran.status === 0) spawnSync('umount', ['-l', place]);
        fs.rmdirSync(place);
    });
    return ran.status === 0 ? place : null;
}

test('a disk that is full under the spool', async (t) => {
    const place = await stage(t);
    const small = mountSmall(t, '8m');
    if (!small) return t.skip('needs the right to mount');
    const bytes = makeBytes(12 * MIB);
    const sending = startPush(t, [...place.flags(), '--spool', path.join(small, 'spool'), '--name', 'wide', '-'],
        { input: true });
    const taken = await pour(sending, bytes);
    assert.ok(taken < 8 * MIB, `${taken} of ${bytes.length} taken`);
    // Somebody else fills the rest to the last byte.
    const filled = spawnSync('dd', ['if=/dev/zero', `of=${path.join(small, 'ballast')}`, 'bs=4k', 'count=10000']);
    assert.notEqual(filled.status, 0, 'the disk is full');
    const server = await place.start();
    await sending.event((event) => event.acked >= 2 * MIB); // what is there is sent, and makes room for records
    fs.rmSync(path.join(small, 'ballast'));
    await pour(sending, bytes.subarray(taken + 65536));
    sending.input.end();
    assert.deepEqual(await sending.ended, { status: 0, signal: null }, sending.said());
    await expectAt(server, completions(sending)[0].url, bytes);
});

test('a second push waits for the first and says so', async (t) => {
    const place = await stage(t);
    const bytes = [makeBytes(MIB), makeBytes(200000), makeBytes(300000)];
    const first = startPush(t, [...place.flags(), fileOf(place.folder, 'one.webm', bytes[0])]);
    await first.event((event) => event.reason === 'the server cannot be reached');
    const second = startPush(t, [...place.flags(), fileOf(place.folder, 'two.webm', bytes[1])]);
    const third = startPush(t, [...place.flags(), '--name', 'three', '-'], { input: true });
    third.input.end(bytes[2]); // spooled while it waits
    for (const other of [second, third]) {
        const { message } = await other.event((event) => event.event === 'waits');
        assert.match(message, new RegExp(`process ${first.child.pid}`));
    }
    const server = await place.start();
    for (const each of [first, second, third])
        assert.deepEqual(await each.ended, { status: 0, signal: null }, each.said());
    const all = [first, second, third].flatMap(completions);
    assert.deepEqual(all.map(({ name }) => name).sort(), ['one.webm', 'three', 'two.webm']);
    for (const [i, name] of ['one.webm', 'two.webm', 'three'].entries())
        await expectAt(server, all.find((event) => event.name === name).url, bytes[i]);
});

test('tokens: asked for, read again, never written down', async (t) => {
    const folder = temporaryDirectory(t);
    const secret = 'a-token-of-many-characters-0123456789';
    const token = fileOf(folder, 'token', `${secret}\n`);
    const place = await stage(t, { args: ['--auth', 'token', '--token-file', token] });
    await place.start();
    const file = fileOf(place.folder, 'guarded.webm', makeBytes(200000));
    const refused = await push(t, [...place.flags(), file], { status: 4 });
    assert.match(refused.said(), /wants a token: give --token-file FILE, or set REELHAUL_TOKEN/);
    const wrong = await push(t, ['--spool', place.spool, ...quick], { status: 4, env: { REELHAUL_TOKEN: 'wrong-token-wrong-token' } });
    assert.match(wrong.said(), /wants a new token/);
    await push(t, ['--spool', place.spool, ...quick, '--token-file', fileOf(folder, 'bad', 'two words')], { status: 4 });

    // A recording goes on while its token is replaced.
    const mine = fileOf(folder, 'mine', 'an-old-token-that-is-refused');
    const live = startPush(t, [...place.flags(), '--name', 'live', '--token-file', mine, '-'], { input: true });
    live.input.write(makeBytes(MIB));
    await live.event((event) => event.reason === 'auth');
    const found = spawnSync('grep', ['-r', '-l', 'token', place.spool], { encoding: 'utf8' });
    assert.equal(found.stdout, '', 'no token lies in the spool');
    fs.writeFileSync(mine, secret);
    await live.event((event) => event.acked >= MIB);
    live.input.end();
    assert.deepEqual(await live.ended, { status: 0, signal: null }, live.said());
    assert.equal(completions(live).length, 2);
    assert.ok(![live, wrong, refused].some((each) => each.said().includes('token-of-many')));
});

test('Ctrl-C reads standard input to its end and leaves the rest for later', async (t) => {
    const place = await stage(t);
    const bytes = makeBytes(400000);
    const sending = startPush(t, [...place.flags(), '--name', 'tail', '-'], { input: true });
    sending.input.write(bytes.subarray(0, 300000));
    await sending.event((event) => event.event === 'state');
    sending.child.kill('SIGINT');
    await sending.event((event) => event.event === 'stopping');
    sending.input.end(bytes.subarray(300000)); // the trailer that a recorder writes last
    assert.deepEqual(await sending.ended, { status: 3, signal: null }, sending.said());
    const [waiting] = await spooled(place.spool);
    assert.equal(waiting.size, bytes.length);
    const server = await place.start();
    await expectAt(server, completions(await push(t, ['--spool', place.spool, ...quick]))[0].url, bytes);
});

test('what is refused says why and what to do', async (t) => {
    const place = await stage(t);
    const server = await place.start();
    const said = async (args, status) => {
        const ended = await run(['push', '--spool', place.spool, ...args], { env: { REELHAUL_URL: place.url } });
        assert.equal(ended.status, status, ended.stderr);
        return ended.stderr;
    };
    assert.match(await said(['--to', 'ftp://x', 'a'], 2), /not an address/);
    assert.match(await said([path.join(place.folder, 'nothing.webm')], 2), /No such file/);
    assert.match(await said([place.folder], 2), /not a file that can be read/);
    assert.match(await said([], 0), /Nothing waits/);
    assert.match(await said(['--cancel', 'x'], 2), /no such upload waits/);
    assert.match(await said(['--help'], 0), /^$/);
    const text = fileOf(place.folder, 'note.txt', 'hello');
    const refused = await said(['--type', 'text/plain', text], 1);
    assert.match(refused, /FAILED: rejected: the server says: /);
    assert.equal((await spooled(place.spool))[0].state, 'failed');
    const unknown = await said(['--session', '6f1c2b34-0000-4000-8000-000000000000', text], 1);
    assert.match(unknown, /the server says: /);
    const listed = await run(['status', '--spool', place.spool]);
    assert.match(listed.stdout, /note\.txt: failed, 0 B of 5 B up, to http:.*, rejected/);
    const folder = fileOf(place.folder, 'a-file', '');
    const ended = await run(['push', '--spool', path.join(folder, 'x')]);
    assert.equal(ended.status, 5);
    assert.match(ended.stderr, /the spool .* cannot be used: Not a directory/);
    assert.equal((await run(['status', '--spool', path.join(place.folder, 'none')])).status, 0);
    assert.equal(sha256(fs.readFileSync(text)), sha256(Buffer.from('hello')));
    assert.ok(server.url);
});
