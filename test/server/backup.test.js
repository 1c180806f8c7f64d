// SPDX-License-Identifier: MIT
// reelhaul backup: taken while the server works, served afterwards, cut off at any moment.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { Video, backup, fsck, generationOf, listing, newSession } from './care.js';
import { binary, postJson, request, run, startServer, temporaryDirectory } from './server.js';
import { init, makeBytes, sendPart } from './videos.js';

const limit = { timeout: 60000 };

async function some(server, { videos = 3, kind = 'ranges' } = {}) {
    const session = await newSession(server, 'P-1');
    const done = [];
    for (let i = 0; i < videos; i++)
        done.push(await (await new Video(session, `v${i}`, { kind }).begin(server)).sendAll(server));
    return { session, done };
}

test('a backup under load is whole, and is served', { timeout: 120000 }, async (t) => {
    const server = await startServer(t);
    const dest = path.join(path.dirname(server.data), 'copy');
    const session = await newSession(server, 'P-17');
    const videos = [];
    let over = false;
    let failed = 0;
    // Senders that keep everything: the copy is older than what they know.
    const senders = [0, 1, 2, 3].map(async (number) => {
        for (let i = 0; !over; i++) {
            const kind = (number + i) % 2 === 0 ? 'chunks' : 'ranges';
            const video = new Video(session, `v${number}-${i}`, { kind, parts: 4 + (i % 3), forgets: false });
            videos.push(video);
            await video.begin(server);
            const order = video.parts.map((part) => part.index).sort(() => Math.random() - 0.5);
            for (const index of order) {
                await video.send(server, index).catch((error) => { failed++; throw error; });
                if (i % 4 === 3 && video.parts.filter((part) => part.acked).length > 2) break; // left open
            }
        }
    });
    let generation = '';
    for (let round = 0; round < 3; round++) {
        while (videos.filter((video) => video.done).length < 4 * (round + 1) && failed === 0) await sleep(20);
        const promised = videos.map((video) => ({
            video, done: video.done, acked: video.parts.filter((part) => part.acked).map((part) => part.index),
        }));
        const made = await backup(server.data, dest);
        assert.equal(made.status, 0, made.stdout + made.stderr);
        assert.ok(made.said.finished > 0);
        if (round > 0) assert.ok(made.said.unchanged > 0, 'what was there is not copied again');
        const looked = await fsck(dest);
        assert.equal(looked.status, 0, looked.stdout);
        assert.deepEqual(looked.notes, ['generation']);
        const copy = await startServer(t, { data: dest });
        assert.notEqual(await generationOf(copy), generation, 'every backup is a generation of its own');
        generation = await generationOf(copy);
        assert.notEqual(generation, await generationOf(server));
        for (const { video, done, acked } of promised) {
            const there = await video.ask(copy);
            if (done) assert.ok(video.done, `${video.name} was done before the backup`);
            if (!video.done) for (const index of acked) assert.ok(there.has(index), `${video.name} part ${index}`);
        }
        if (round === 2) {
            over = true;
            await Promise.all(senders);
            for (const video of videos.slice(0, 60)) {
                if (video.kind === 'ranges') await video.begin(copy); // younger ones are new to it
                await video.verify(copy);
                await video.sendAll(copy);
                await video.check(copy);
            }
        }
        await copy.stop();
    }
    assert.equal(failed, 0, 'the server was not disturbed');
});

test('what is there is linked, what is gone goes, and the copy is exchanged in one step', limit, async (t) => {
    const server = await startServer(t);
    const dest = path.join(path.dirname(server.data), 'copy');
    const { session } = await some(server);
    const first = await backup(server.data, dest);
    assert.deepEqual({ ...first.said, bytes_copied: 0 },
        { status: 'done', finished: 3, copied: 3, unchanged: 0, unfinished: 0, bytes_copied: 0, problems: 0 });
    const file = path.join(dest, 'recordings', session, 'v0.webm');
    const inode = fs.statSync(file).ino;
    const held = fs.openSync(dest, 'r'); // the copy before stays readable for whoever reads it
    const open = await init(server, { session_id: session, video_id: 'open', size: 100 });
    await sendPart(server, open, 0, makeBytes(10));
    const second = await backup(server.data, dest);
    assert.equal(second.said.unchanged, 3);
    assert.equal(second.said.unfinished, 1);
    assert.equal(fs.statSync(file).ino, inode);
    assert.ok(fs.existsSync(path.join(dest, 'incoming', open)));
    assert.equal((await request(server, 'DELETE', `/api/v1/videos/${open}`)).status, 204);
    assert.equal((await backup(server.data, dest)).status, 0);
    assert.ok(!fs.existsSync(path.join(dest, 'incoming', open)));
    fs.closeSync(held);
    assert.deepEqual(fs.readdirSync(path.dirname(dest)).sort(), ['copy', 'data'], 'nothing is left beside it');
    assert.deepEqual(fs.readdirSync(dest).sort(), ['incoming', 'reelhaul.db', 'recordings'].sort());
    const linked = path.join(path.dirname(dest), 'linked');
    assert.equal((await backup('--link', server.data, linked)).status, 0);
    assert.equal(fs.statSync(path.join(linked, 'recordings', session, 'v0.webm')).ino,
        fs.statSync(path.join(server.data, 'recordings', session, 'v0.webm')).ino);
    assert.equal((await fsck(linked)).status, 0);
});

test('damage at the original is named, and never replaces a good copy', limit, async (t) => {
    const server = await startServer(t);
    const dest = path.join(path.dirname(server.data), 'copy');
    const { session, done } = await some(server);
    const original = path.join(server.data, 'recordings', session, 'v1.webm');
    const copy = path.join(dest, 'recordings', session, 'v1.webm');
    assert.equal((await backup(server.data, dest)).status, 0);
    const { mtime } = fs.statSync(original);
    const rot = fs.openSync(original, 'r+');
    fs.writeSync(rot, Buffer.from('rotten'), 0, 6, 5000);
    fs.closeSync(rot);
    fs.utimesSync(original, mtime, fs.statSync(copy).mtime);
    const again = await backup(server.data, dest);
    assert.equal(again.status & 8, 0);
    const fresh = path.join(path.dirname(dest), 'fresh');
    const told = await backup(server.data, fresh);
    assert.equal(told.status, 4);
    assert.equal(told.said.problems, 1);
    assert.match(told.stderr, new RegExp(`upload ${done[1].upload}: .*damaged`));
    assert.deepEqual((await fsck(fresh)).problems, ['object-damaged']);
    // A copy that rotted is found by --verify and made anew.
    const other = path.join(dest, 'recordings', session, 'v2.webm');
    const times = fs.statSync(other);
    fs.writeFileSync(other, makeBytes(times.size));
    fs.utimesSync(other, times.atime, fs.statSync(path.join(server.data, 'recordings', session, 'v2.webm')).mtime);
    await backup('--verify', server.data, dest);
    const looked = await fsck(dest);
    assert.ok(!looked.said.findings.some(({ path: at }) => at.endsWith('v2.webm')), looked.stdout);
});

test('missing bytes at the original are named, once, and the rest is copied', limit, async (t) => {
    const server = await startServer(t);
    const dest = path.join(path.dirname(server.data), 'copy');
    const { session } = await some(server);
    const open = await new Video(session, 'open').begin(server);
    await open.send(server, 0);
    await server.stop();
    fs.rmSync(path.join(server.data, 'incoming', open.upload));
    fs.rmSync(path.join(server.data, 'recordings', session, 'v0.webm'));
    const began = Date.now();
    const made = await backup(server.data, dest);
    assert.equal(made.status, 4);
    assert.equal(made.said.problems, 2);
    assert.ok(Date.now() - began < 5000, 'it does not insist');
    assert.ok(fs.existsSync(path.join(dest, 'recordings', session, 'v1.webm')));
});

test('kill -9 during backups: the copy is always a whole one', { timeout: 120000 }, async (t) => {
    const server = await startServer(t);
    const dest = path.join(path.dirname(server.data), 'copy');
    const { session } = await some(server, { videos: 12, kind: 'chunks' });
    let there = 0;
    for (let round = 0; round < 14; round++) {
        const child = spawn(binary, ['backup', '--quiet', server.data, dest], { stdio: 'ignore' });
        const ended = once(child, 'close'); // it may be quicker than the kill
        await sleep(20 + round * 9);
        child.kill('SIGKILL');
        await ended;
        await (await new Video(session, `later${round}`).begin(server)).sendAll(server);
        if (!fs.existsSync(dest)) continue;
        there++;
        if (round % 3 === 0) assert.equal((await fsck(dest)).status, 0);
    }
    const last = await backup(server.data, dest);
    assert.equal(last.status, 0, last.stderr);
    assert.equal(last.said.finished, 26);
    assert.ok(there === 0 || last.said.unchanged > 0);
    assert.equal((await fsck(dest)).status, 0);
    assert.deepEqual(fs.readdirSync(path.dirname(dest)).sort(), ['copy', 'data']);
});

test('two at a time, no room, wrong places and wrong usage', limit, async (t) => {
    const server = await startServer(t);
    const { data } = server;
    await some(server);
    const beside = path.dirname(data);
    assert.equal((await run(['backup', data])).status, 16);
    assert.equal((await run(['backup', '--what', data, path.join(beside, 'x')])).status, 16);
    assert.match((await run(['backup', '--help'])).stdout, /Exit status/);
    const stranger = path.join(beside, 'stranger');
    fs.mkdirSync(stranger);
    fs.writeFileSync(path.join(stranger, 'precious'), 'mine');
    const refused = await backup(data, stranger);
    assert.equal(refused.status, 8);
    assert.match(refused.stderr, /not a backup/);
    assert.equal(fs.readFileSync(path.join(stranger, 'precious'), 'utf8'), 'mine');
    assert.equal((await backup(path.join(beside, 'none'), path.join(beside, 'x'))).status, 8);
    assert.equal((await backup(stranger, path.join(beside, 'x'))).status, 8, 'no catalog');
    assert.equal((await backup(data, path.join(beside, 'no/such/parent'))).status, 8);
    const both = await Promise.all([backup(data, path.join(beside, 'y')), backup(data, path.join(beside, 'y'))]);
    for (const { status, stderr } of both) assert.ok(status === 0 || /under way/.test(stderr), stderr);
    assert.ok(both.some(({ status }) => status === 0));
});

test('the walk-through of docs/operating.md, line by line', { timeout: 120000 }, async (t) => {
    const text = fs.readFileSync(new URL('../../docs/operating.md', import.meta.url), 'utf8');
    const section = /## Backup and restore\n([\s\S]*?)\n## /.exec(text)?.[1] ?? '';
    const lines = [...section.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block]) => block.trim().split('\n'))
        .filter((line) => !line.startsWith('#'));
    assert.ok(lines.length >= 8, 'there is a walk-through');
    const place = temporaryDirectory(t);
    const data = path.join(place, 'data');
    let server = await startServer(t, { data });
    const { session, done } = await some(server);
    const open = await (await new Video(session, 'open').begin(server)).send(server, 0, 2);
    const before = listing(path.join(data, 'recordings'));
    for (const line of lines) {
        // The service manager of the document is the test.
        if (/systemctl stop/.test(line)) await server.stop();
        else if (/systemctl start/.test(line)) server = await startServer(t, { data });
        else {
            const expected = Number(/# exits with (\d+)/.exec(line)?.[1] ?? 0);
            const child = spawn('bash', ['-euc', line], {
                cwd: place, env: { ...process.env, PATH: `${path.dirname(binary)}:${process.env.PATH}` }, stdio: ['ignore', 'pipe', 'pipe'],
            });
            let said = '';
            child.stdout.on('data', (data) => (said += data));
            child.stderr.on('data', (data) => (said += data));
            const [status] = await once(child, 'close');
            assert.equal(status, expected, `${line}\n${said}`);
        }
    }
    for (const video of done) {
        await video.verify(server);
        await video.check(server);
    }
    await open.verify(server);
    await open.sendAll(server);
    await open.check(server);
    for (const [file, is] of Object.entries(before))
        if (file.endsWith('.webm')) assert.equal(listing(path.join(data, 'recordings'))[file].split(' ')[1], is.split(' ')[1]);
    assert.equal((await postJson(server, '/api/session/create', {})).status, 200);
});
