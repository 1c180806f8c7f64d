// SPDX-License-Identifier: MIT
// The n-th system call, or allocation, of the real server fails: one whole small job for each n, in
// strides. The server answers with an error or ends; it can be started again; the sender's next try
// goes through; nothing that was acknowledged is lost. test/fault does the same to the parts in one
// process, for every n.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { binary, postJson, request, temporaryDirectory, webDirectory } from './server.js';
import { makeBytes, sendPart } from './videos.js';

const library = path.join(path.dirname(fs.realpathSync(binary)), 'test/fault/inject.so');
const names = [
    'none', 'malloc', 'open', 'read', 'write', 'sync', 'truncate', 'rename', 'unlink', 'mkdir', 'stat',
    'fallocate', 'close', 'accept', 'epoll', 'recv', 'send', 'sendfile',
];
/** How many n of each kind are tried, and in how many ways it can fail (inject.c). */
const plans = [
    ['malloc', 9, 1], ['open', 4, 2], ['read', 2, 1], ['write', 6, 2], ['sync', 4, 2], ['rename', 2, 1],
    ['unlink', 2, 1], ['mkdir', 2, 1], ['stat', 2, 1], ['close', 3, 1], ['accept', 3, 2], ['epoll', 3, 1],
    ['recv', 4, 3], ['send', 4, 3], ['sendfile', 1, 3],
];
const SIZE = 3 * 40000;
/** Ends that are meant: stopped, refused to start, catalog not durable or no random bytes, no memory. */
const MEANT = [0, 1, 70, 71];

class Job {
    constructor(t, number) {
        this.t = t;
        this.directory = path.join(temporaryDirectory(t), 'data');
        this.report = path.join(path.dirname(this.directory), 'report');
        this.session = `3f2b8c1e-5d4a-4f6b-9e8d-${String(number).padStart(12, '0')}`;
        this.bytes = makeBytes(SIZE);
        this.child = null;
        this.log = '';
        this.acked = [false, false, false];
        this.isDone = false;
    }

    /** Starts the server; with a fault if there is one. False: it refused to start. */
    async start(fault) {
        const env = { ...process.env };
        if (fault !== null) {
            Object.assign(env, {
                LD_PRELOAD: library, FAULT_REPORT: this.report, FAULT_CALL: fault.call,
                FAULT_NTH: String(fault.nth), FAULT_FLAVOUR: String(fault.flavour),
                ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0:detect_leaks=0`,
            });
        }
        const child = spawn(
            binary,
            ['serve', '--listen', '127.0.0.1:0', '--data', this.directory, '--web', webDirectory,
                '--reserve', '1MiB', '--loops', '1'],
            { env, stdio: ['ignore', 'pipe', 'pipe'] },
        );
        this.child = child;
        this.t.after(() => child.kill('SIGKILL'));
        this.ended = once(child, 'close').then(([status, signal]) => ({ status, signal }));
        child.stderr.on('data', (text) => (this.log += text));
        let said = '';
        for await (const text of child.stdout) {
            said += text;
            const match = /127\.0\.0\.1:(\d+)\n/.exec(said);
            if (match && said.includes('Data directory')) {
                this.port = Number(match[1]);
                return true;
            }
        }
        await this.ended;
        return false;
    }

    get isUp() {
        return this.child.exitCode === null && this.child.signalCode === null;
    }

    async stop(signal) {
        if (this.isUp) this.child.kill(signal);
        return this.ended;
    }

    /** An answer, or null when there is none. */
    async send(ask) {
        try {
            return await Promise.race([
                ask(this), sleep(20000, null, { ref: false }).then(() => { throw new Error('no answer'); }),
            ]);
        } catch (error) {
            assert.notEqual(error.message, 'no answer', `the server is silent:\n${this.log}`);
            return null;
        }
    }

    /** Sends until it succeeds. False: the server has ended. A 4xx is never right here. */
    async insist(ask) {
        for (let tries = 0; tries < 60; tries++) {
            const answer = await this.send(ask);
            if (answer !== null && answer.status < 300) return answer;
            if (answer !== null) assert.ok(answer.status >= 500 || answer.status === 409, `${answer.status} ${answer.text}`);
            await sleep(20);
            if (!this.isUp) return null;
        }
        return assert.fail(`no success:\n${this.log}`);
    }

    /** The whole job, from wherever it stands. False: the server has ended. */
    async run() {
        if (!await this.insist((s) => postJson(s, '/api/session/create', { session_id: this.session }))) return false;
        const made = await this.insist((s) => postJson(s, '/api/v1/videos/init', {
            session_id: this.session, video_id: 'take', mime_type: 'video/webm', size: SIZE,
        }));
        if (!made) return false;
        const id = made.json().upload_id;
        for (const part of [2, 0, 1]) {
            const bytes = this.bytes.subarray(part * 40000, (part + 1) * 40000);
            if (!await this.insist((s) => sendPart(s, id, part * 40000, bytes))) return false;
            this.acked[part] = true;
        }
        if (!await this.insist((s) => postJson(s, '/api/v1/videos/finalize', { upload_id: id }))) return false;
        return this.fetch();
    }

    async fetch() {
        for (let tries = 0; tries < 400; tries++) {
            const got = await this.send((s) => request(s, 'GET', `/recordings/${this.session}/take.webm`));
            if (got?.status === 200 && got.bytes.length === SIZE) {
                assert.ok(got.bytes.equals(this.bytes), 'other bytes are served');
                this.isDone = true;
                return true;
            }
            /* An answer of fewer bytes than its Content-Length is an error of Node's, not an answer. */
            assert.notEqual(got?.status, 206);
            if (!this.isUp) return false;
            await sleep(20);
        }
        return assert.fail(`never served:\n${this.log}`);
    }

    /** What was acknowledged is there. */
    async check() {
        if (this.isDone) return assert.ok(await this.fetch());
        if (!this.acked.includes(true)) return undefined;
        const look = await this.insist((s) => postJson(s, '/api/v1/videos/init', {
            session_id: this.session, video_id: 'take', mime_type: 'video/webm', size: SIZE,
        }));
        if (look.json().state === 'done') return assert.ok(await this.fetch());
        const now = (await request(this, 'GET', `/api/v1/videos/${look.json().upload_id}`)).json();
        this.acked.forEach((acked, part) => assert.ok(
            !acked || now.durable.some((r) => r.offset <= part * 40000 && r.offset + r.length >= (part + 1) * 40000),
            `part ${part} was acknowledged and is gone: ${JSON.stringify(now.durable)}`,
        ));
        return undefined;
    }

    counts() {
        const file = fs.readFileSync(this.report);
        const of = (index) => Number(file.readBigUInt64LE(index * 8));
        return { ...Object.fromEntries(names.map((name, index) => [name, of(index)])), struck: of(names.length) };
    }
}

/** One job with one fault, and one without on what it left. What happened: 'went on', … */
async function oneFault(t, number, fault) {
    const job = new Job(t, number);
    let what = 'did not start';
    if (await job.start(fault)) {
        const through = await job.run();
        what = through ? 'went on' : 'ended';
        const end = await job.stop('SIGTERM');
        assert.ok(end.signal === null && MEANT.includes(end.status), `${end.status} ${end.signal}:\n${job.log}`);
    } else {
        assert.ok(MEANT.includes(job.child.exitCode), `exit ${job.child.exitCode}:\n${job.log}`);
        assert.match(job.log, /\S/, 'it does not say why it does not start');
    }
    const counts = job.counts();
    job.log = '';
    assert.ok(await job.start(null), `it does not start again:\n${job.log}`);
    await job.check();
    assert.ok(await job.run(), `it ended:\n${job.log}`);
    assert.equal((await job.stop('SIGTERM')).status, 0);
    return { what: counts.struck ? what : 'no fault', counts };
}

const stride = Number(process.env.FAULT_SCALE ?? 1);

test('the n-th call fails, and the job goes through all the same', { timeout: 280000 }, async (t) => {
    assert.ok(fs.existsSync(library), `${library} is not built: ninja -C ${path.dirname(fs.realpathSync(binary))} (without a target)`);
    let number = 0;
    const { counts } = await oneFault(t, number++, { call: 'sync', nth: 0, flavour: 0 });
    const tally = {};
    const cases = plans.flatMap(([call, many, flavours]) => {
        const count = Math.min(Math.ceil(many * stride), counts[call]);
        return Array.from({ length: count }, (_, i) => ({
            call, nth: 1 + Math.floor((i + 0.5) * counts[call] / count), flavour: i % flavours,
        }));
    });
    for (const call of plans) assert.ok(counts[call[0]] > 0, `no ${call[0]} is ever made: what is injected?`);
    const work = async () => {
        for (let next = cases.shift(); next !== undefined; next = cases.shift()) {
            let result = null;
            try {
                result = await oneFault(t, number++, next);
            } catch (error) {
                throw new Error(`${JSON.stringify(next)}: ${error.message}`, { cause: error });
            }
            tally[result.what] = (tally[result.what] ?? 0) + 1;
        }
    };
    await Promise.all(Array.from({ length: 6 }, work)); // what fails behind the scenes is tried again after 5 s
    t.diagnostic(`${number} jobs: ${JSON.stringify(tally)}; calls of one: ${JSON.stringify(counts)}`);
    assert.ok((tally['no fault'] ?? 0) <= number / 4, 'too few faults struck');
});
