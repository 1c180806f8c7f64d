// SPDX-License-Identifier: MIT
// reelhaul fsck, restored and deleted catalogs, server generations: with the real binary, and senders
// that have forgotten what they had receipts for.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { Video, fsck, generationOf, listing, newSession, putCatalog } from './care.js';
import { sendChunk } from './forms.js';
import { binary, postJson, request, run, startServer, temporaryDirectory } from './server.js';
import { finalize, init, makeBytes, sendPart, sha256, status } from './videos.js';

const limit = { timeout: 60000 };

/** A data directory in the middle of things; the server has stopped. */
async function middle(t, signal = 'SIGTERM') {
    const server = await startServer(t);
    const session = await newSession(server, 'P-17');
    const videos = {
        done: await new Video(session, 'done').begin(server),
        doneChunks: await new Video(session, 'done-chunks', { kind: 'chunks' }).begin(server),
        open: await new Video(session, 'open').begin(server),
        openChunks: await new Video(session, 'open-chunks', { kind: 'chunks' }).begin(server),
        early: await new Video(session, 'early', { kind: 'chunks' }).begin(server),
    };
    await videos.done.sendAll(server);
    await videos.doneChunks.sendAll(server);
    await videos.open.send(server, 0, 1, 4);
    await videos.openChunks.send(server, 0, 1, 3);
    await videos.early.send(server, 5, 2);
    await postJson(server, '/api/upload/metadata', { session_id: session, video_id: 'done', prompt_id: 'smile' });
    await postJson(server, '/api/upload/metadata', { session_id: session, video_id: 'open', prompt_id: 'wave' });
    const alone = await init(server, { video_id: 'alone.webm', size: 10 });
    await sendPart(server, alone, 0, Buffer.from('0123456789'));
    const generation = await generationOf(server);
    await server.stop(signal);
    return { data: server.data, session, videos, alone, generation };
}

/** Everything that `middle` began is finished by senders that hold only what had no receipt. */
async function finishAll(server, { session, videos, alone }) {
    for (const video of Object.values(videos)) {
        await video.verify(server);
        await video.sendAll(server);
        await video.check(server);
    }
    assert.equal((await status(server, alone)).state, 'done');
    const told = (await request(server, 'GET', `/api/session/${session}`)).json();
    assert.equal(told.participant_id, 'P-17');
    assert.equal(told.videos.find((each) => each.video_id === 'done').prompt_id, 'smile');
    assert.equal(told.videos.find((each) => each.video_id === 'open').prompt_id, 'wave');
    assert.equal(told.videos.length, Object.keys(videos).length, 'never two of one');
}

test('a clean directory is clean, and looking changes nothing', limit, async (t) => {
    for (const signal of ['SIGTERM', 'SIGKILL']) {
        const { data } = await middle(t, signal);
        const before = listing(data);
        const found = await fsck(data);
        assert.equal(found.status, 0, found.stdout);
        assert.deepEqual(found.said.findings, []);
        assert.equal(found.said.totals.finished, 3);
        assert.equal(found.said.totals.unfinished, 3);
        assert.deepEqual(listing(data), before);
    }
});

test('a generation stays over restarts, also after kill -9', limit, async (t) => {
    const { data, generation } = await middle(t, 'SIGKILL');
    for (const signal of ['SIGTERM', 'SIGKILL', 'SIGTERM']) {
        const server = await startServer(t, { data });
        assert.equal(await generationOf(server), generation);
        await server.stop(signal);
    }
});

test('while a server runs, fsck is refused and says what to do', limit, async (t) => {
    const server = await startServer(t);
    for (const mode of [[], ['--repair'], ['--rebuild']]) {
        const found = await fsck(...mode, server.data);
        assert.equal(found.status, 8);
        assert.match(found.stderr, /A server is using .* reelhaul backup/);
    }
});

test('wrong usage and wrong places', limit, async (t) => {
    const empty = temporaryDirectory(t);
    assert.equal((await run(['fsck'])).status, 16);
    assert.equal((await run(['fsck', '--repair', '--rebuild', empty])).status, 16);
    assert.equal((await run(['fsck', '--what', empty])).status, 16);
    assert.equal((await fsck(empty)).status, 8);
    assert.equal((await fsck(path.join(empty, 'none'))).status, 8);
    assert.match((await run(['fsck', '--help'])).stdout, /Exit status/);
    assert.match((await run(['--help'])).stdout, /fsck/);
});

test('without its catalog a server does not start; a rebuilt one has lost nothing', limit, async (t) => {
    const world = await middle(t, 'SIGKILL');
    const { data, generation, session, videos } = world;
    fs.copyFileSync(path.join(data, 'reelhaul.db'), path.join(path.dirname(data), 'kept'));
    putCatalog(null, data);
    const refused = await run(['serve', '--listen', '127.0.0.1:0', '--data', data]);
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /fsck --rebuild/);
    const looked = await fsck(data);
    assert.equal(looked.status, 4);
    assert.deepEqual(looked.problems, ['catalog-missing']);
    const rebuilt = await fsck('--rebuild', data);
    assert.equal(rebuilt.status, 1, rebuilt.stdout + rebuilt.stderr);
    assert.equal((await fsck(data)).status, 0);
    const server = await startServer(t, { data });
    assert.notEqual(await generationOf(server), generation);
    // A sender that did not hear the end of its video asks again, and is told.
    const again = new Video(session, 'done-chunks', { kind: 'chunks' });
    const bytes = fs.readFileSync(path.join(data, 'recordings', session, 'done-chunks.webm')).subarray(-1234);
    const answer = await sendChunk(server, { session_id: session, video_id: 'done-chunks', chunk_index: 5, total_chunks: again.parts.length }, bytes);
    assert.equal(answer.json().status, 'video_complete', answer.text);
    assert.equal((await status(server, videos.done.upload)).state, 'done', 'ids stay');
    await finishAll(server, world);
});

test('a rebuilt catalog without a witness has all that is finished, and what is not is kept aside', limit, async (t) => {
    const { data, session, videos, alone } = await middle(t);
    putCatalog(null, data);
    fs.rmSync(path.join(data, 'reelhaul.witness'));
    const rebuilt = await fsck('--rebuild', data);
    assert.equal(rebuilt.status, 1 | 4, rebuilt.stdout);
    assert.ok(rebuilt.problems.includes('witness-missing'));
    assert.ok(fs.existsSync(path.join(data, 'aside/incoming', videos.open.upload)));
    const server = await startServer(t, { data });
    for (const video of [videos.done, videos.doneChunks]) {
        await video.verify(server);
        await video.check(server);
    }
    assert.equal((await status(server, alone)).state, 'done');
    const told = (await request(server, 'GET', `/api/session/${session}`)).json();
    assert.equal(told.participant_id, 'P-17');
});

test('a rebuilt catalog without a witness takes the unfinished from the old catalog', limit, async (t) => {
    const world = await middle(t, 'SIGKILL');
    fs.rmSync(path.join(world.data, 'reelhaul.witness'));
    const rebuilt = await fsck('--rebuild', world.data);
    assert.equal(rebuilt.status, 1, rebuilt.stdout);
    assert.ok(fs.existsSync(path.join(world.data, 'reelhaul.db.aside-1')), 'the old one is kept');
    await finishAll(await startServer(t, { data: world.data }), world);
});

test("yesterday's catalog beside today's files, with senders in the middle", { timeout: 120000 }, async (t) => {
    const world = await middle(t);
    const { data, session, videos } = world;
    const yesterday = path.join(path.dirname(data), 'yesterday.db');
    fs.copyFileSync(path.join(data, 'reelhaul.db'), yesterday);
    // Today.
    let server = await startServer(t, { data });
    await videos.open.send(server, 2); // further along
    await videos.openChunks.send(server, 2, 5);
    await videos.early.sendAll(server); // finished today
    const deleted = await init(server, { session_id: session, video_id: 'deleted', size: 100 });
    await request(server, 'DELETE', `/api/v1/videos/${deleted}`);
    const other = await newSession(server, 'P-18'); // today's session
    const later = {
        done: await (await new Video(other, 'done').begin(server)).sendAll(server),
        open: await (await new Video(other, 'open').begin(server)).send(server, 1, 3),
        chunks: await (await new Video(other, 'chunks', { kind: 'chunks' }).begin(server)).send(server, 0, 4),
    };
    await server.stop('SIGKILL');
    putCatalog(yesterday, data);
    const looked = await fsck('--quick', data);
    assert.ok(looked.notes.includes('generation'), looked.stdout);
    assert.notEqual(looked.status, 0);
    server = await startServer(t, { data });
    assert.match(server.log, /older than what was acknowledged/);
    const generation = await generationOf(server);
    assert.notEqual(generation, world.generation);
    assert.equal((await request(server, 'GET', `/api/v1/videos/${deleted}`)).status, 410, 'what was deleted stays so');
    await finishAll(server, world);
    for (const video of Object.values(later)) {
        await video.verify(server);
        await video.sendAll(server);
        await video.check(server);
    }
    assert.equal((await request(server, 'GET', `/api/session/${other}`)).json().participant_id, 'P-18');
    await server.stop();
    assert.equal((await fsck(data)).status, 0);
    server = await startServer(t, { data });
    assert.equal(await generationOf(server), generation, 'it stays from now on');
    await server.stop();
    // The same old catalog once more, and nothing but it: no witness.
    putCatalog(yesterday, data);
    fs.rmSync(path.join(data, 'reelhaul.witness'));
    server = await startServer(t, { data });
    assert.match(server.log, /without its witness/);
    for (const video of [...Object.values(videos), ...Object.values(later)]) {
        await video.verify(server);
        await video.check(server);
    }
});

test('a name that a finished file bears is never given to other bytes', limit, async (t) => {
    // Yesterday "take" was begun; today it was deleted, and another took its name and finished.
    let server = await startServer(t);
    const { data } = server;
    const session = await newSession(server);
    const first = await new Video(session, 'take').begin(server);
    await first.send(server, 0);
    await server.stop();
    const yesterday = path.join(path.dirname(data), 'yesterday.db');
    fs.copyFileSync(path.join(data, 'reelhaul.db'), yesterday);
    server = await startServer(t, { data });
    assert.equal((await request(server, 'DELETE', `/api/v1/videos/${first.upload}`)).status, 204);
    const second = await (await new Video(session, 'take').begin(server)).sendAll(server);
    assert.notEqual(second.upload, first.upload);
    await server.stop();
    for (const witness of ['kept', 'gone']) {
        putCatalog(yesterday, data);
        if (witness === 'gone') fs.rmSync(path.join(data, 'reelhaul.witness'));
        server = await startServer(t, { data });
        await second.verify(server);
        await second.check(server);
        const gone = await request(server, 'GET', `/api/v1/videos/${first.upload}`);
        assert.ok(gone.status === 410 || gone.json().state === 'lost', gone.text);
        // Whoever begins "take" anew is shown the finished one, and cannot write over it.
        const answer = await postJson(server, '/api/v1/videos/init', { session_id: session, video_id: 'take', mime_type: 'video/webm', size: 7 });
        assert.equal(answer.status, 409, answer.text);
        const same = await init(server, { session_id: session, video_id: 'take', size: second.size });
        assert.equal(same, second.upload);
        assert.equal((await sendPart(server, same, 0, makeBytes(100))).status, 409);
        await second.check(server);
        assert.deepEqual(fs.readdirSync(path.join(data, 'recordings', session)).sort(),
            ['session.json', 'take.metadata.json', 'take.webm']);
        await server.stop();
    }
});

test('damage and orphans are named; repairing keeps every byte', limit, async (t) => {
    const world = await middle(t);
    const { data, session, videos, alone } = world;
    const at = (...parts) => path.join(data, ...parts);
    const incoming = at('incoming', videos.open.upload);
    fs.truncateSync(incoming, 50000); // in part 1 of 0, 1, 4
    const finished = at('recordings', session, 'done.webm');
    const bytes = fs.readFileSync(finished);
    const flipped = Buffer.from(bytes);
    flipped[1000] ^= 4;
    fs.writeFileSync(finished, flipped);
    fs.renameSync(at('files', alone, 'alone.webm'), at('files', 'taken-away'));
    const orphan = at('incoming', 'A'.repeat(32));
    fs.writeFileSync(orphan, 'nobody asks for this');
    const part = at('uploaded_data', session, 'early', 'temp', 'shard_0000');
    fs.copyFileSync(path.join(part, '2.part'), path.join(part, '4.part'));
    fs.writeFileSync(path.join(part, '5.part'), makeBytes(1234));
    const looked = await fsck(data);
    assert.equal(looked.status, 4);
    assert.deepEqual(looked.problems, ['bytes-missing', 'bytes-missing', 'object-damaged', 'object-missing', 'orphan', 'orphan']);
    for (const finding of looked.said.findings) assert.ok(finding.text && finding.advice, JSON.stringify(finding));
    const before = listing(data);
    assert.equal((await fsck(data)).status, 4);
    assert.deepEqual(listing(data), before);
    const text = await run(['fsck', data]);
    assert.match(text.stdout, /^problem: .*\n {4}upload .*\n {4}-> /m);
    assert.match(text.stdout, /Not clean/);
    const repaired = await fsck('--repair', data);
    assert.equal(repaired.status, 1 | 4, repaired.stdout + repaired.stderr);
    assert.deepEqual(repaired.corrected, ['bytes-missing', 'bytes-missing', 'object-missing', 'orphan', 'orphan', 'orphan']);
    assert.deepEqual(repaired.problems, ['object-damaged']);
    assert.equal(fs.readFileSync(at('aside/incoming', 'A'.repeat(32)), 'utf8'), 'nobody asks for this');
    assert.ok(fs.existsSync(at('aside/incoming', videos.open.upload)), 'a copy of what was damaged');
    // What was lost comes back from a backup, and fsck knows it again.
    fs.mkdirSync(at('files', alone), { recursive: true });
    fs.renameSync(at('files', 'taken-away'), at('files', alone, 'alone.webm'));
    fs.writeFileSync(finished, bytes);
    assert.equal((await fsck('--repair', data)).status, 1);
    assert.equal((await fsck(data)).status, 0);
    const server = await startServer(t, { data });
    assert.notEqual(await generationOf(server), world.generation, 'rows changed');
    assert.equal((await status(server, alone)).state, 'done');
    await videos.open.verify(server);
    assert.ok(!videos.open.parts[1].acked && !videos.open.parts[4].acked, 'asked for again');
    await videos.early.verify(server);
    assert.deepEqual(videos.early.parts.filter((each) => each.acked).map((each) => each.index), [2]);
});

test('bytes that a crash left without a row are removed when they are a day old, not before', limit, async (t) => {
    const { data, session } = await middle(t);
    const files = ['incoming/old', 'incoming/young', `uploaded_data/${session}/gone/temp/shard_0000/3.part`];
    for (const file of files) {
        fs.mkdirSync(path.join(data, path.dirname(file)), { recursive: true });
        fs.writeFileSync(path.join(data, file), 'left');
        const age = file.endsWith('young') ? 80000 : 90000;
        fs.utimesSync(path.join(data, file), Date.now() / 1000 - age, Date.now() / 1000 - age);
    }
    const before = fs.readdirSync(path.join(data, 'incoming'));
    const server = await startServer(t, { data });
    assert.deepEqual(fs.readdirSync(path.join(data, 'incoming')), before.filter((name) => name !== 'old'));
    assert.ok(!fs.existsSync(path.join(data, files[2])));
    await server.stop();
    // In a restored catalog a missing row proves nothing: there it goes aside.
    fs.writeFileSync(path.join(data, 'incoming/old'), 'left');
    fs.utimesSync(path.join(data, 'incoming/old'), 1, 1);
    fs.rmSync(path.join(data, 'reelhaul.witness'));
    await startServer(t, { data });
    assert.equal(fs.readFileSync(path.join(data, 'aside/incoming/old'), 'utf8'), 'left');
});

test('a copy of the whole directory begins a generation of its own', limit, async (t) => {
    const world = await middle(t, 'SIGKILL');
    const copy = path.join(path.dirname(world.data), 'copy');
    fs.cpSync(world.data, copy, { recursive: true, preserveTimestamps: true });
    const server = await startServer(t, { data: copy });
    assert.notEqual(await generationOf(server), world.generation);
    await finishAll(server, { ...world, data: copy });
});

test('a directory brought back where the old one was removed is a copy, whatever inodes it got', limit, async (t) => {
    const world = await middle(t, 'SIGKILL');
    const file = path.join(world.data, 'reelhaul.witness');
    const { ino } = fs.statSync(file);
    const bytes = fs.readFileSync(file);
    fs.rmSync(file); // now its number is free, and file systems give the lowest free one
    fs.writeFileSync(file, bytes, { mode: 0o600 });
    t.diagnostic(fs.statSync(file).ino === ino ? 'it got the same inode' : 'it got another inode');
    const server = await startServer(t, { data: world.data });
    assert.notEqual(await generationOf(server), world.generation);
    await finishAll(server, world);
});

test('a damaged catalog is named, refused by --repair and rebuilt', limit, async (t) => {
    const world = await middle(t);
    const file = path.join(world.data, 'reelhaul.db');
    const size = fs.statSync(file).size;
    const fd = fs.openSync(file, 'r+');
    for (let at = 4096; at < size; at += 4096) fs.writeSync(fd, Buffer.alloc(50, 0xa5), 0, 50, at);
    fs.closeSync(fd);
    assert.deepEqual((await fsck(world.data)).problems, ['catalog-damaged']);
    const repaired = await fsck('--repair', world.data);
    assert.equal(repaired.status, 4);
    assert.deepEqual(repaired.problems, ['catalog-damaged']);
    assert.equal((await fsck('--rebuild', world.data)).status, 1);
    assert.ok(fs.existsSync(path.join(world.data, 'reelhaul.db.aside-1')));
    await finishAll(await startServer(t, { data: world.data }), world);
});

test('kill -9 while rebuilding: again, and nothing is lost', { timeout: 120000 }, async (t) => {
    const world = await middle(t, 'SIGKILL');
    const { data } = world;
    const files = listing(path.join(data, 'recordings'));
    for (let round = 0; round < 12; round++) {
        if (round % 3 === 0) putCatalog(null, data);
        const child = spawn(binary, ['fsck', '--rebuild', data], { stdio: 'ignore' });
        const ended = once(child, 'close'); // it may be quicker than the kill
        await sleep(round * 8);
        child.kill('SIGKILL');
        await ended;
    }
    const rebuilt = await fsck('--rebuild', data);
    assert.equal(rebuilt.status, 1, rebuilt.stdout + rebuilt.stderr);
    assert.deepEqual(listing(path.join(data, 'recordings')), files, 'not a file was touched');
    assert.ok(!fs.existsSync(path.join(data, 'aside')), 'nothing was put aside');
    await finishAll(await startServer(t, { data }), world);
});

test('a server killed while it brings up an old catalog begins that again', { timeout: 120000 }, async (t) => {
    const world = await middle(t);
    const { data, videos } = world;
    const yesterday = path.join(path.dirname(data), 'yesterday.db');
    fs.copyFileSync(path.join(data, 'reelhaul.db'), yesterday);
    let server = await startServer(t, { data });
    await videos.open.send(server, 2);
    await videos.early.sendAll(server);
    await server.stop('SIGKILL');
    putCatalog(yesterday, data);
    for (let round = 0; round < 10; round++) {
        const child = spawn(binary, ['serve', '--listen', '127.0.0.1:0', '--data', data], { stdio: 'ignore' });
        const ended = once(child, 'close'); // it may be quicker than the kill
        await sleep(15 + round * 6);
        child.kill('SIGKILL');
        await ended;
    }
    server = await startServer(t, { data });
    assert.notEqual(await generationOf(server), world.generation);
    await finishAll(server, world);
});

test('finishing goes on where a restored catalog says finishing', limit, async (t) => {
    // A partial video, chunks and a finalize: what the witness knows of them is what they become.
    const { data, session, videos } = await middle(t, 'SIGKILL');
    putCatalog(null, data);
    assert.equal((await fsck('--rebuild', data)).status, 1);
    const server = await startServer(t, { data });
    const answer = await finalize(server, videos.open.upload, { allow_partial: true });
    assert.equal(answer.json().status, 'partial', answer.text);
    const file = path.join(data, 'recordings', session, 'open.webm');
    const before = sha256(fs.readFileSync(file));
    await server.stop();
    putCatalog(null, data);
    fs.rmSync(path.join(data, 'reelhaul.witness'));
    await fsck('--rebuild', data);
    const next = await startServer(t, { data });
    const now = await status(next, videos.open.upload);
    assert.equal(now.state, 'done');
    assert.deepEqual(now.durable.map(({ offset, length }) => [offset, length]), [[0, 60000], [120000, 30000]]);
    assert.equal(sha256(fs.readFileSync(file)), before);
});
