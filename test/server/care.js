// SPDX-License-Identifier: MIT
// Senders for the tests of fsck and backup. They forget a part as soon as its receipt says so, as ours
// do, and ask what is there when the server has another generation: what is neither there nor held is lost.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';

import { crc64Field } from './crc64.js';
import { sendChunk } from './forms.js';
import { postJson, request, run } from './server.js';
import { init, makeBytes, sendPart, sha256, status } from './videos.js';

export const PART = 30000;

export class Video {
    /** kind: 'ranges' or 'chunks'. `forgets`: parts are dropped on their receipt. */
    constructor(session, name, { kind = 'ranges', parts = 6, forgets = true, last = 1234 } = {}) {
        const bytes = makeBytes((parts - 1) * PART + last);
        Object.assign(this, { session, name, kind, forgets, size: bytes.length, sha256: sha256(bytes) });
        this.parts = [];
        for (let at = 0; at < bytes.length; at += PART) {
            const slice = Buffer.from(bytes.subarray(at, at + PART));
            this.parts.push({ index: this.parts.length, offset: at, bytes: slice, length: slice.length, crc: crc64Field(slice), acked: false });
        }
        this.upload = null;
        this.done = false;
    }

    async begin(server) {
        if (this.kind === 'ranges')
            this.upload = await init(server, { session_id: this.session, video_id: this.name, size: this.size });
        return this;
    }

    /** Sends these parts; the answers must be successes. */
    async send(server, ...indexes) {
        for (const index of indexes) {
            const part = this.parts[index];
            assert.ok(part.bytes, `${this.name}: part ${index} is wanted again and was forgotten: it is lost`);
            const answer = this.kind === 'chunks'
                ? await sendChunk(server, { session_id: this.session, video_id: this.name, chunk_index: index, total_chunks: this.parts.length }, part.bytes)
                : await sendPart(server, this.upload, part.offset, part.bytes);
            assert.equal(answer.status, 200, `${this.name} part ${index}: ${answer.text}`);
            if (this.kind === 'ranges') {
                const receipt = answer.headers['reelhaul-receipt'];
                assert.match(receipt, /kept=until-complete, durable/);
            }
            part.acked = true;
            if (this.forgets) part.bytes = null;
            this.done ||= answer.headers['reelhaul-state'] === 'done';
        }
        return this;
    }

    sendAll(server) {
        return this.send(server, ...this.parts.filter((part) => !part.acked).map((part) => part.index));
    }

    /** What the server says it has: the indexes of whole parts. */
    async ask(server) {
        if (this.kind === 'chunks') {
            const answer = await request(server, 'GET', `/api/session/${this.session}?video=${this.name}`);
            assert.equal(answer.status, 200, answer.text);
            this.done = answer.headers['reelhaul-state'] === 'done';
            const there = new Set();
            for (const run of (answer.headers['reelhaul-chunks'] ?? '').split(',').filter((text) => text.trim() !== '')) {
                const [first, last = first] = run.split('-').map(Number);
                for (let i = first; i <= last; i++) there.add(i);
            }
            return there;
        }
        const now = await status(server, this.upload);
        this.done = now.state === 'done';
        return new Set(this.parts.filter(({ offset, length }) =>
            now.durable?.some((range) => range.offset <= offset && offset + length <= range.offset + range.length))
            .map((part) => part.index));
    }

    /** After another generation: what was believed is asked for again. */
    async verify(server) {
        const there = await this.ask(server);
        for (const part of this.parts) part.acked = this.done || there.has(part.index);
        return this;
    }

    async check(server) {
        assert.ok(this.done, `${this.name} is done`);
        const answer = await request(server, 'GET', `/recordings/${this.session}/${this.name}.webm`);
        assert.equal(answer.status, 200, `${this.name}: ${answer.text}`);
        assert.equal(sha256(answer.bytes), this.sha256, `${this.name} is what was recorded`);
    }
}

export async function newSession(server, participant) {
    const answer = await postJson(server, '/api/session/create', participant ? { participant_id: participant } : {});
    return answer.json().session_id;
}

/** The generation that a server answers with. */
export async function generationOf(server) {
    const session = await newSession(server);
    const answer = await request(server, 'GET', `/api/session/${session}`);
    const generation = answer.headers['reelhaul-generation'];
    assert.match(generation, /^[0-9a-f]{32}$/);
    return generation;
}

/** Runs `reelhaul fsck …` and adds its JSON and the kinds of its findings. */
export async function fsck(...args) {
    const result = await run(['fsck', '--json', ...args]);
    assert.doesNotMatch(result.stderr, /Sanitizer|runtime error/);
    const said = result.stdout.trim() === '' ? {} : JSON.parse(result.stdout);
    const kinds = (weight) => (said.findings ?? []).filter((each) => each.weight === weight).map((each) => each.kind).sort();
    return { ...result, said, problems: kinds('problem'), corrected: kinds('corrected'), notes: kinds('note') };
}

export async function backup(...args) {
    const result = await run(['backup', '--json', ...args]);
    assert.doesNotMatch(result.stderr, /Sanitizer|runtime error/);
    return { ...result, said: result.stdout.trim() === '' ? {} : JSON.parse(result.stdout) };
}

/** Every file below a directory: path → size, time, checksum. */
export function listing(directory, below = '') {
    const found = {};
    for (const entry of fs.readdirSync(path.join(directory, below), { withFileTypes: true })) {
        const name = path.join(below, entry.name);
        if (entry.isDirectory()) Object.assign(found, listing(directory, name));
        else {
            const whole = path.join(directory, name);
            found[name] = `${fs.statSync(whole).mtimeMs} ${sha256(fs.readFileSync(whole))}`;
        }
    }
    return found;
}

/** As an operator restores a catalog: the file, and no log of another beside it. */
export function putCatalog(from, data) {
    for (const name of ['reelhaul.db', 'reelhaul.db-wal', 'reelhaul.db-shm']) fs.rmSync(path.join(data, name), { force: true });
    if (from) fs.copyFileSync(from, path.join(data, 'reelhaul.db'));
}
