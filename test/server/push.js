// SPDX-License-Identifier: MIT
// `reelhaul push` as a child: its events as they come, its end, and what lies in its spool.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';

import { binary, request, run } from './server.js';
import { sha256 } from './videos.js';

/** Short delays, so that tests do not wait; small parts, so that there are many. */
export const quick = ['delay_ms=10', 'delay_ms_max=100', 'part_wait_ms=20', 'part_bytes=131072', 'quota_ms=50']
    .flatMap((set) => ['--set', set]);

/** Environment of a child: nothing of the user's. */
const clean = { REELHAUL_URL: '', REELHAUL_TOKEN: '', http_proxy: '', HTTP_PROXY: '', all_proxy: '', ALL_PROXY: '' };

/**
 * Starts a push with --json. `input` true: its standard input is a pipe (push.input).
 * A sanitizer's report fails the test.
 */
export function startPush(t, args, { input = false, env = {}, command = 'push' } = {}) {
    const child = spawn(binary, [command, '--json', ...args], {
        env: { ...process.env, ...clean, ...env }, stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    });
    const push = {
        child, events: [], errors: '', input: child.stdin,
        ended: once(child, 'close').then(([status, signal]) => ({ status, signal })),
        /** The first event, past or to come, that matches. */
        async event(match) {
            for (let at = 0; ; at++) {
                while (at >= push.events.length) await push.next();
                if (match(push.events[at])) return push.events[at];
            }
        },
        next: () => Promise.race([
            new Promise((resolve) => push.waiters.push(resolve)),
            push.ended.then(() => {
                throw new Error(`ended without it: ${JSON.stringify(push.events.slice(-5))} ${push.errors}`);
            }),
        ]),
        waiters: [],
        async kill(signal = 'SIGKILL') {
            if (child.exitCode === null && child.signalCode === null) child.kill(signal);
            return push.ended;
        },
        /** What people would have read: each message once. */
        said: () => [...new Set(push.events.map((event) => event.message ?? event.trouble ?? ''))].join('\n') + push.errors,
    };
    child.stderr.on('data', (text) => (push.errors += text));
    child.stdin?.on('error', () => {}); // it may be killed while it is written to
    readline.createInterface({ input: child.stdout }).on('line', (line) => {
        push.events.push(JSON.parse(line));
        push.waiters.splice(0).forEach((resolve) => resolve(undefined));
    });
    t.after(async () => {
        await push.kill();
        assert.doesNotMatch(push.errors, /Sanitizer|runtime error|RH_ASSERT/);
    });
    return push;
}

/** Runs a push to its end; fails unless it ends with `status`. */
export async function push(t, args, { status = 0, ...options } = {}) {
    const child = startPush(t, args, options);
    const ended = await child.ended;
    assert.deepEqual(ended, { status, signal: null }, child.said());
    return child;
}

/** What `reelhaul status` lists. */
export async function spooled(spool) {
    const { status, stdout, stderr } = await run(['status', '--json', '--spool', spool]);
    assert.equal(status, 0, stderr);
    return stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

/** Writes a file of these bytes; returns its path. */
export function fileOf(folder, name, bytes) {
    const file = path.join(folder, name);
    fs.writeFileSync(file, bytes);
    return file;
}

/** The video at an address that was told equals these bytes. */
export async function expectAt(server, url, bytes) {
    const fetched = await request(server, 'GET', new URL(url).pathname);
    assert.equal(fetched.status, 200);
    assert.equal(sha256(fetched.bytes), sha256(bytes));
}

export const completions = (push) => push.events.filter((event) => event.event === 'state' && event.state === 'completed');
