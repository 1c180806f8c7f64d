// SPDX-License-Identifier: MIT
// Senders that do not give up against a server that is killed again and again with kill -9: at any
// moment, in mid-finish, and while it starts. After every kill the next server is asked for all
// that the ones before it acknowledged; at the end every video is compared by its SHA-256.
//
// A kill takes the process and leaves the kernel: what power cuts do is the simulator's business.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { crc64Field } from './crc64.js';
import { sendChunk } from './forms.js';
import { binary, postJson, request, startServer, temporaryDirectory } from './server.js';
import { finalize, makeBytes, sendPart, sha256 } from './videos.js';

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

const SESSION_VIDEOS = 12;

/** A video that is sent in parts, in a random order, some of them twice. */
class Video {
    constructor(world, number, session) {
        const { below } = world;
        this.name = `v${number}`;
        this.session = session;
        this.geometry = ['chunks', 'ranges', 'unknown size'][number % 3];
        this.bytes = makeBytes(20000 + below(600000));
        const size = 1 + below(70000);
        const count = Math.ceil(this.bytes.length / Math.max(size, Math.ceil(this.bytes.length / 30)));
        const step = Math.ceil(this.bytes.length / count);
        this.parts = [];
        for (let at = 0; at < this.bytes.length; at += step)
            this.parts.push({ index: this.parts.length, offset: at, bytes: this.bytes.subarray(at, at + step), acked: false });
        this.queue = this.parts.flatMap((part) => (world.below(6) === 0 ? [part, part] : [part]));
        for (let i = this.queue.length - 1; i > 0; i--) {
            const other = below(i + 1);
            [this.queue[i], this.queue[other]] = [this.queue[other], this.queue[i]];
        }
        this.underWay = 0;
        this.upload = null;
        this.metadata = number % 4 === 0 ? 'wanted' : 'none';
        this.done = false;
    }

    get isLastPart() {
        return this.parts.filter((part) => !part.acked).length <= 1;
    }
}

class World {
    constructor(t, { kills, seed, connections, log = () => {} }) {
        const next = random(seed);
        this.t = t;
        this.log = log;
        this.below = (n) => Math.floor(next() * n);
        this.kills = kills;
        this.connections = connections;
        this.data = path.join(temporaryDirectory(t), 'data');
        this.server = null;
        this.up = null; // a promise of the server that runs
        this.videos = [];
        this.sessions = [];
        this.made = 0;
        this.over = false;
        this.failed = false; // one of them has found a fault: the others end too
        this.lastPart = () => {}; // called when a part that completes a video is about to be sent
        this.figures = {
            kills: 0, inFinish: 0, inStart: 0, videos: 0, parts: 0, bytes: 0, duplicates: 0, unanswered: 0,
            asked: 0, startMs: [],
        };
    }

    async start() {
        const began = performance.now();
        this.server = await startServer(this.t, { data: this.data, args: ['--loops', '2'] });
        this.figures.startMs.push(performance.now() - began);
        return this.server;
    }
}

/* ---- Sending ---- */

/** Does something on the server that runs, as often as it takes; a refusal that repeating does not mend fails. */
async function insist(world, send) {
    while (!world.failed) {
        const server = await world.up; // where it does not start, all end
        let answer = null;
        try {
            answer = await send(server);
        } catch {
            world.figures.unanswered++;
            await sleep(5);
            continue;
        }
        if (answer.status === 200 || answer.status === 201) return answer;
        const code = answer.headers['reelhaul-error'];
        const mends = answer.status === 503 || code === 'superseded';
        assert.ok(mends, `${answer.status} ${answer.text}`);
        await sleep(5);
    }
    throw new Error('another sender has failed');
}

/** The session of the n-th video: made once, by whoever needs it first. */
function sessionOf(world, number) {
    const place = Math.floor(number / SESSION_VIDEOS);
    world.sessions[place] ??= insist(world, (server) => postJson(server, '/api/session/create', {}))
        .then((answer) => answer.json().session_id);
    return world.sessions[place];
}

async function begin(world, video) {
    const answer = await insist(world, (server) => postJson(server, '/api/v1/videos/init', {
        session_id: video.session, video_id: video.name, mime_type: 'video/webm',
        ...(video.geometry === 'ranges' ? { size: video.bytes.length } : {}),
    }));
    const { upload_id } = answer.json();
    assert.ok(video.upload === null || video.upload === upload_id, 'an upload keeps its id');
    video.upload = upload_id;
}

function sendOne(server, video, part, agent) {
    if (video.geometry === 'chunks') {
        const fields = {
            session_id: video.session, video_id: video.name, chunk_index: part.index, total_chunks: video.parts.length,
        };
        return sendChunk(server, fields, part.bytes, { agent });
    }
    return sendPart(server, video.upload, part.offset, part.bytes, {}, agent);
}

const saysDone = (answer) => answer.headers['reelhaul-state'] === 'done';

/** The end of a video whose parts are all acknowledged: it completes by itself, or is finalized. */
async function complete(world, video) {
    if (video.geometry === 'unknown size') {
        const values = { size: video.bytes.length, checksum: crc64Field(video.bytes) };
        world.lastPart();
        const answer = await insist(world, (server) => finalize(server, video.upload, values));
        assert.equal(answer.json().status, 'complete');
    }
    const until = Date.now() + 30000;
    while (!video.done) {
        video.done = saysDone(await insist(world, (server) => lookAt(server, video)));
        assert.ok(Date.now() < until, `${video.name} completes by itself`);
        if (!video.done) await sleep(20);
    }
    video.done = true;
    world.figures.videos++;
}

const lookAt = (server, video) =>
    request(server, 'GET', `/api/session/${video.session}?video=${video.name}`);

async function sendNext(world, video, agent) {
    const part = video.queue.pop();
    if (part.acked) world.figures.duplicates++;
    video.underWay++;
    const answer = await insist(world, (server) => {
        if (video.isLastPart && video.geometry !== 'unknown size') world.lastPart();
        return sendOne(server, video, part, agent);
    });
    video.underWay--;
    if (!part.acked) {
        world.figures.parts++;
        world.figures.bytes += part.bytes.length;
    }
    part.acked = true;
    if (saysDone(answer)) video.done = true;
}

/** One connection: takes a part of any video that has one, until the killing is over. */
async function sender(world) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (;;) {
        const open = world.videos.filter((video) => video.queue.length > 0 && (video.upload || video.geometry === 'chunks'));
        if (open.length < 3 && !world.over) {
            const number = world.made++;
            const video = new Video(world, number, await sessionOf(world, number));
            if (video.geometry !== 'chunks') await begin(world, video);
            world.videos.push(video);
            continue;
        }
        if (open.length === 0) break;
        const video = open[world.below(open.length)];
        await sendNext(world, video, agent);
        if (video.metadata === 'wanted') {
            video.metadata = 'under way';
            const values = { session_id: video.session, video_id: video.name, prompt_id: `p-${video.name}` };
            await insist(world, (server) => postJson(server, '/api/upload/metadata', values));
            video.metadata = 'saved';
        }
        if (video.queue.length === 0 && video.underWay === 0) await complete(world, video);
    }
    agent.destroy();
}

/* ---- Asking for what was acknowledged ---- */

/** Whether each of the parts lies in the ranges of `Reelhaul-Chunks: 0-4, 7`. */
function chunksOf(text = '') {
    const there = new Set();
    for (const run of text.split(',').filter((each) => each.trim() !== '')) {
        const [first, last = first] = run.trim().split('-').map(Number);
        for (let i = first; i <= last; i++) there.add(i);
    }
    return there;
}

function checkRanges(video, acked, now) {
    for (const { offset, length, crc64 } of now.durable)
        assert.equal(crc64, crc64Field(video.bytes.subarray(offset, offset + length)), `${video.name} at ${offset}`);
    for (const part of acked) {
        const end = part.offset + part.bytes.length;
        const kept = now.durable.some(({ offset, length }) => offset <= part.offset && end <= offset + length);
        assert.ok(kept, `${video.name}: ${part.offset} to ${end} was acknowledged and is gone`);
    }
}

/** What the servers before had acknowledged, noted before this one is asked. */
function promised(world) {
    return world.videos.map((video) => ({
        video, acked: video.parts.filter((part) => part.acked), done: video.done, saved: video.metadata === 'saved',
    }));
}

async function checkPromises(world, server, promises) {
    const doneCount = promises.filter(({ done }) => done).length;
    for (const { video, acked, done, saved } of promises) {
        if (done && world.below(doneCount) >= 20) continue; // all of them are compared at the end
        if (acked.length === 0 && !saved) continue;
        world.figures.asked++;
        const answer = await lookAt(server, video);
        assert.equal(answer.status, 200, answer.text);
        const state = answer.headers['reelhaul-state'];
        if (done) assert.equal(state, 'done', `${video.name} was acknowledged as done`);
        const told = answer.json().videos.find((each) => each.video_id === video.name);
        if (saved) assert.equal(told.prompt_id, `p-${video.name}`);
        if (video.geometry !== 'chunks') {
            checkRanges(video, acked, (await request(server, 'GET', `/api/v1/videos/${video.upload}`)).json());
        } else if (state !== 'done') {
            const there = chunksOf(answer.headers['reelhaul-chunks']);
            for (const { index } of acked)
                assert.ok(there.has(index), `${video.name}: chunk ${index} was acknowledged and is gone`);
        }
    }
}

async function checkEnd(world, server) {
    for (const video of world.videos) {
        assert.ok(video.done, video.name);
        const fetched = await request(server, 'GET', `/recordings/${video.session}/${video.name}.webm`);
        assert.equal(fetched.status, 200, video.name);
        assert.equal(sha256(fetched.bytes), sha256(video.bytes), `${video.name} (${video.geometry})`);
    }
    for (const session of await Promise.all(world.sessions)) {
        const expected = world.videos.filter((video) => video.session === session)
            .flatMap(({ name }) => [`${name}.webm`, `${name}.metadata.json`]);
        const found = fs.readdirSync(path.join(world.data, 'recordings', session));
        assert.deepEqual(found.sort(), ['session.json', ...expected].sort(), 'nothing half-made');
    }
}

/* ---- Killing ---- */

/** A server that dies before it has said where it listens, or hardly after. */
async function killInStart(world) {
    const child = spawn(binary, ['serve', '--listen', '127.0.0.1:0', '--data', world.data, '--reserve', '1MiB'],
        { stdio: 'ignore' });
    await sleep(world.below(60));
    child.kill('SIGKILL');
    await once(child, 'close');
    world.figures.inStart++;
    world.figures.kills++;
}

async function momentToKill(world, round) {
    if (round % 3 !== 2) {
        await sleep(world.below(120));
        return;
    }
    const met = await Promise.race([
        new Promise((resolve) => (world.lastPart = () => resolve(true))),
        sleep(3000, false),
    ]);
    world.lastPart = () => {};
    if (met) world.figures.inFinish++;
    await sleep(world.below(8));
}

async function killer(world) {
    for (let round = 0; !world.failed && world.figures.kills < world.kills; round++) {
        await momentToKill(world, round);
        let resolve;
        let reject;
        world.up = new Promise((found, failed) => ([resolve, reject] = [found, failed]));
        world.up.catch(() => {}); // each who waits hears it
        assert.deepEqual(await world.server.stop('SIGKILL'), { status: null, signal: 'SIGKILL' });
        world.figures.kills++;
        if (round % 7 === 6 && world.figures.kills < world.kills) await killInStart(world);
        const promises = promised(world);
        const server = await world.start().catch((error) => {
            reject(error);
            throw error;
        });
        resolve(server);
        // The senders go on while it is asked: what was promised can only become more.
        await checkPromises(world, server, promises);
        if (round % 25 === 24) world.log(`${world.figures.kills} kills, ${world.figures.videos} videos`);
    }
    world.over = true;
}

/**
 * Runs senders and the killer to their end, and compares everything. Returns the figures.
 * options: { kills, seed, connections }.
 */
export async function killAndCompare(t, options) {
    const world = new World(t, options);
    const began = performance.now();
    world.up = world.start();
    await world.up;
    const all = [killer(world), ...Array.from({ length: world.connections }, () => sender(world))];
    await Promise.all(all).catch(async (error) => {
        world.failed = true;
        await Promise.allSettled(all);
        throw error;
    });
    await checkEnd(world, await world.up);
    assert.deepEqual(await world.server.stop('SIGTERM'), { status: 0, signal: null });
    return { ...world.figures, seconds: (performance.now() - began) / 1000 };
}

/** One line of figures. */
export function lineOf(figures) {
    const starts = [...figures.startMs].sort((a, b) => a - b);
    const at = (share) => starts[Math.min(starts.length - 1, Math.floor(starts.length * share))].toFixed(0);
    return `${figures.kills} kills (${figures.inFinish} in mid-finish, ${figures.inStart} while starting): ` +
        `${figures.videos} videos, ${(figures.bytes / 1e6).toFixed(0)} MB in ${figures.parts} parts, ` +
        `${figures.duplicates} sent again, ${figures.unanswered} without an answer; asked ${figures.asked} times for ` +
        `what had been acknowledged: nothing lost, all SHA-256 equal; start ${at(0.5)} ms, at most ${at(1)} ms; ` +
        `${figures.seconds.toFixed(0)} s`;
}
