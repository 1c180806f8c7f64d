// SPDX-License-Identifier: MIT
// Senders built on the engine (`reelhaul push`, each with a spool of its own) and the server, killed with kill -9
// again and again: the server, a sender, several, or all at once; in mid-upload, in mid-finish, and while they start.
// Senders send files and standard input, some of them forget each segment as soon as a receipt vouches for it, so that
// what the server acknowledged exists nowhere else. At the end every upload is complete and its SHA-256 is that of its
// source; of standard input that died with its sender, it is that of the part which the sender had taken.
//
// A kill takes the process and leaves the kernel: what power cuts do is the simulator's business.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { crc64Field } from './crc64.js';
import { fileOf, quick, spooled, startPush } from './push.js';
import { freePort, postJson, request, startServer, temporaryDirectory } from './server.js';
import { sha256 } from './videos.js';

/** A small seeded generator: numbers from 0 up to but without 1. */
function random(seed) {
    let state = seed >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let mixed = Math.imul(state ^ (state >>> 15), state | 1);
        mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    };
}

/** Bytes that differ by place and by number, made fast. */
function bytesOf(number, size) {
    const bytes = Buffer.alloc(size);
    let state = (number * 2654435761 + 1) >>> 0;
    for (let i = 0; i + 4 <= size; i += 4) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        bytes.writeUInt32LE((state ^ (state >>> 13)) >>> 0, i);
    }
    return bytes;
}

class Figures {
    kills = 0;
    server = 0;
    senders = 0;
    both = 0;
    starts = 0;
    files = 0;
    inputs = 0;
    cut = 0;
    bytes = 0;
    asked = 0;
    promised = 0;
}

/** One sender: a spool, and a process that is started again whenever it ends or is killed. */
class Sender {
    constructor(world, index) {
        this.world = world;
        this.index = index;
        this.spool = path.join(world.folder, `spool-${index}`);
        this.sources = new Map(); // by video name
        this.child = null;
        // Every other one keeps nothing that the server vouches for.
        this.flags = ['--spool', this.spool, ...quick, ...(index % 2 === 1 ? ['--set', 'keep=1'] : [])];
        // Without a session only its record tells a sender under which id the server keeps an upload.
        this.inSession = index % 3 !== 1;
        this.made = 0;
    }

    /** Queues new files or standard input, or goes on with what waits. */
    async run() {
        const { world } = this;
        while (!world.failed) {
            const more = !world.over;
            const input = more && world.below(3) === 0;
            const args = [...this.flags, '--to', world.url, ...(this.inSession ? ['--session', world.session] : [])];
            if (input) args.push('--name', this.name(), '--type', 'video/webm', '-');
            else if (more && world.below(4) > 0) args.push(...this.newFiles());
            this.child = startPush(world.t, args, { input });
            world.figures.starts++;
            if (input) void this.pour(this.child, args.at(args.indexOf('--name') + 1));
            const { status, signal } = await this.child.ended;
            this.look(this.child);
            this.child.waiters.length = 0;
            if (signal === 'SIGKILL') continue;
            assert.equal(status, 0, `sender ${this.index}: ${this.child.said()}`);
            if (!more) return;
        }
    }

    name() {
        return `s${this.index}-${this.made++}`;
    }

    newFiles() {
        const { world } = this;
        return Array.from({ length: 1 + world.below(3) }, () => {
            const name = this.name();
            const bytes = bytesOf(this.index * 1000 + this.made, 1 + world.below(world.below(5) === 0 ? 100 : 1500000));
            this.sources.set(name, { bytes, input: false, taken: bytes.length, queued: false });
            return fileOf(world.folder, `${name}.webm`, bytes);
        });
    }

    /** Writes standard input in pieces, with pauses; it may die at any moment. */
    async pour(child, name) {
        const { world } = this;
        const bytes = bytesOf(this.index * 1000 + this.made, 100000 + world.below(2000000));
        const source = { bytes, input: true, taken: 0, whole: false, queued: false };
        this.sources.set(name, source);
        while (source.taken < bytes.length && child.child.exitCode === null && child.child.signalCode === null) {
            const piece = bytes.subarray(source.taken, source.taken + 1 + world.below(150000));
            source.taken += piece.length;
            child.input.write(piece);
            await sleep(world.below(20));
        }
        source.whole = source.taken === bytes.length;
        child.input.end();
    }

    /** What the process said: which uploads were queued durably, and which are proven. */
    look(child) {
        for (const event of child.events) {
            const name = String(event.name ?? '').replace(/\.webm$/, '');
            const source = this.sources.get(name);
            if (!source) continue;
            if (event.event === 'queued') source.queued = true;
            if (event.event === 'state' && event.state === 'failed') assert.fail(`${name}: ${JSON.stringify(event)}`);
            if (event.event === 'state' && event.state === 'completed') {
                assert.equal(event.proven, true, name);
                source.proven = event.size;
            }
        }
    }

    kill() {
        if (this.child && this.child.child.exitCode === null && this.child.child.signalCode === null)
            this.child.child.kill('SIGKILL');
    }
}

class World {
    constructor(t, { kills, seed, senders, log = () => {} }) {
        const next = random(seed);
        this.t = t;
        this.log = log;
        this.below = (n) => Math.floor(next() * n);
        this.kills = kills;
        this.folder = temporaryDirectory(t);
        this.data = path.join(this.folder, 'data');
        this.over = false;
        this.failed = false;
        this.figures = new Figures();
        this.senders = Array.from({ length: senders }, (_, i) => new Sender(this, i));
    }

    async begin() {
        this.port = await freePort();
        this.url = `http://127.0.0.1:${this.port}`;
        await this.startServer();
        this.session = (await postJson(this.server, '/api/session/create', {})).json().session_id;
    }

    async startServer() {
        this.server = await startServer(this.t, { data: this.data, port: this.port, args: ['--loops', '2'] });
    }
}

/* ---- What was acknowledged ---- */

/** What the senders' spools say that the server has: by name, bytes. Read before the server is asked. */
async function acknowledged(world) {
    const all = new Map();
    for (const sender of world.senders.filter((each) => each.inSession)) {
        if (!fs.existsSync(sender.spool)) continue;
        for (const each of await spooled(sender.spool))
            if (each.acked > 0) all.set(each.video, { sender, acked: each.acked });
    }
    for (const sender of world.senders) {
        if (sender.child) sender.look(sender.child);
        if (!sender.inSession) continue;
        for (const [name, source] of sender.sources)
            if (source.proven !== undefined) all.set(name, { sender, acked: source.proven, proven: true });
    }
    return all;
}

/** The server that has just come back still has it, byte for byte. */
async function checkAcknowledged(world, promises) {
    const session = (await request(world.server, 'GET', `/api/session/${world.session}`)).json();
    const sample = [...promises].filter(([, { proven }]) => !proven || world.below(promises.size) < 8);
    for (const [name, { sender, acked, proven }] of sample) {
        const video = session.videos.find((each) => each.video_id === name);
        assert.ok(video, `${name}: ${acked} bytes were acknowledged, and the server does not know it`);
        const { state, durable, received } = (await request(world.server, 'GET', `/api/v1/videos/${video.upload_id}`)).json();
        world.figures.asked++;
        world.figures.promised += acked;
        assert.ok(received >= acked, `${name}: ${acked} bytes were acknowledged, the server has ${received}`);
        if (proven) assert.equal(state, 'done', name);
        const { bytes } = sender.sources.get(name);
        for (const { offset, length, crc64 } of durable ?? [])
            assert.equal(crc64, crc64Field(bytes.subarray(offset, offset + length)), `${name} at ${offset}`);
    }
}

/* ---- Killing ---- */

async function killServer(world) {
    assert.deepEqual(await world.server.stop('SIGKILL'), { status: null, signal: 'SIGKILL' });
    const promises = await acknowledged(world);
    await world.startServer();
    await checkAcknowledged(world, promises);
}

async function killer(world) {
    const { figures, below } = world;
    while (!world.failed && figures.kills < world.kills) {
        // Long after a start, or hardly after it.
        await sleep(below(4) === 0 ? below(60) : 30 + below(400));
        const kind = below(3);
        if (kind !== 1) {
            for (const sender of world.senders) {
                if (below(world.senders.length) !== 0 && kind !== 2) continue;
                sender.kill();
            }
        }
        if (kind !== 0) await killServer(world);
        figures.kills++;
        figures[['senders', 'server', 'both'][kind]]++;
        if (figures.kills % 25 === 0) world.log(`${figures.kills} kills`);
    }
    world.over = true;
}

/* ---- The end ---- */

/** A finished video as the server serves it; null where there is none. */
async function finishedVideo(world, sender, name, videos) {
    if (sender.inSession) {
        const video = videos.find((each) => each.video_id === name);
        if (!video) return null;
        assert.equal(video.state, 'done', name);
        const fetched = await request(world.server, 'GET', video.url);
        assert.equal(fetched.status, 200, name);
        return fetched.bytes;
    }
    const root = path.join(world.data, 'files');
    const found = fs.readdirSync(root).map((id) => path.join(root, id, `${name}.webm`)).filter((file) => fs.existsSync(file));
    assert.ok(found.length <= 1, `${name} was finished more than once`);
    return found.length === 1 ? fs.readFileSync(found[0]) : null;
}

function checkVideo(world, name, source, bytes) {
    if (!source.input) assert.equal(bytes.length, source.bytes.length, name);
    assert.ok(bytes.length <= source.taken, name);
    if (source.proven !== undefined) assert.equal(bytes.length, source.proven, name);
    assert.equal(sha256(bytes), sha256(source.bytes.subarray(0, bytes.length)), name);
    const { figures } = world;
    figures.bytes += bytes.length;
    figures[!source.input ? 'files' : bytes.length === source.bytes.length ? 'inputs' : 'cut']++;
}

async function checkEnd(world) {
    const { videos } = (await request(world.server, 'GET', `/api/session/${world.session}`)).json();
    for (const sender of world.senders) {
        assert.deepEqual(await spooled(sender.spool), [], `spool ${sender.index} is empty`);
        for (const [name, source] of sender.sources) {
            const bytes = await finishedVideo(world, sender, name, videos);
            if (bytes) checkVideo(world, name, source, bytes);
            else assert.ok(!source.queued, `${name} was queued and is nowhere`);
        }
    }
    const found = fs.readdirSync(path.join(world.data, 'recordings', world.session));
    const stray = found.filter((name) => !/^(session\.json|s\d+-\d+\.(webm|metadata\.json))$/.test(name));
    assert.deepEqual(stray, [], 'nothing half-made');
}

/** Runs senders and the killer to their end and compares everything. options: { kills, seed, senders }. */
export async function killPushers(t, options) {
    const world = new World(t, options);
    const began = performance.now();
    await world.begin();
    const all = [killer(world), ...world.senders.map((sender) => sender.run())];
    await Promise.all(all).catch(async (error) => {
        world.failed = true;
        for (const sender of world.senders) sender.kill();
        await Promise.allSettled(all);
        throw error;
    });
    await checkEnd(world);
    assert.deepEqual(await world.server.stop('SIGTERM'), { status: 0, signal: null });
    return { ...world.figures, seconds: (performance.now() - began) / 1000 };
}

/** One line of figures. */
export function pushLineOf(f) {
    return `${f.kills} kills (${f.senders} of senders, ${f.server} of the server, ${f.both} of both), ` +
        `${f.starts} starts of senders: ${f.files} files, ${f.inputs} whole inputs and ${f.cut} cut short by a kill, ` +
        `${(f.bytes / 1e6).toFixed(0)} MB, all equal by SHA-256; asked ${f.asked} times for ` +
        `${(f.promised / 1e6).toFixed(0)} MB acknowledged, none lost; ${f.seconds.toFixed(0)} s`;
}
