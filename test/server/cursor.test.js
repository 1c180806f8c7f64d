// SPDX-License-Identifier: MIT
// Uploads with one cursor against the real binary: looks and takeovers under bodies that stand
// still, kills of the server in the middle of long bodies, concatenation.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { request, run, startServer } from './server.js';
import { createOf, create, head, offsetOf, openPatch, patch } from './tus.js';

const bytesOf = (size, seed) => crypto.createHash('shake256', { outputLength: size }).update(seed).digest();

async function milliseconds(work) {
    const from = process.hrtime.bigint();
    await work();
    return Number(process.hrtime.bigint() - from) / 1e6;
}

async function contentOf(server, target) {
    const answer = await request(server, 'GET', target);
    assert.equal(answer.status, 200);
    return answer.bytes;
}

test('a look is answered while a body stands still, with every byte that came', async (t) => {
    const server = await startServer(t);
    const bytes = bytesOf(300_000, 'look');
    const upload = await createOf(server, bytes.length);
    const slow = await openPatch(server, upload, 0, bytes.length);
    for (let sent = 0; sent < 200_000; sent += 50_000) {
        slow.send(bytes.subarray(sent, sent + 50_000));
        await sleep(30);
        let offset = 0;
        const took = await milliseconds(async () => { offset = await offsetOf(server, upload); });
        assert.equal(offset, sent + 50_000);
        assert.ok(took < 1000, `a look took ${took} ms`);
    }
    assert.ok(!slow.answered, 'the body was disturbed');
    slow.send(bytes.subarray(200_000));
    assert.equal((await slow.answer()).status, 204);
    assert.deepEqual(await contentOf(server, upload), bytes);
    await server.stop();
});

test('the newest writer takes over from one that stands still', async (t) => {
    const server = await startServer(t);
    const bytes = bytesOf(100_000, 'takeover');
    const upload = await createOf(server, bytes.length);
    const stalled = await openPatch(server, upload, 0, bytes.length);
    stalled.send(bytes.subarray(0, 40_000));
    await sleep(50);
    let answer = await patch(server, upload, 0, bytes);
    assert.equal(answer.status, 409);
    assert.equal(answer.headers['upload-offset'], '40000');
    answer = await patch(server, upload, 40_000, bytes.subarray(40_000));
    assert.equal(answer.status, 204);
    assert.deepEqual(await contentOf(server, upload), bytes);
    stalled.raw.socket.destroy();
    await server.stop();
});

test('a killed server has all but the last moments of a body, and goes on there', async (t) => {
    let server = await startServer(t);
    const bytes = bytesOf(3_000_000, 'kill');
    const upload = await createOf(server, bytes.length);
    const body = await openPatch(server, upload, 0, bytes.length);
    body.send(bytes.subarray(0, 1_000_000));
    await sleep(2500); // it is asked every second
    body.send(bytes.subarray(1_000_000, 1_500_000));
    await sleep(50);
    const said = await offsetOf(server, upload);
    assert.equal(said, 1_500_000);
    body.send(bytes.subarray(1_500_000, 2_000_000));
    await server.stop('SIGKILL');
    server = await startServer(t, { data: server.data });
    const there = await offsetOf(server, upload);
    assert.ok(there >= said && there <= 2_000_000, `${there} bytes`);
    assert.equal((await patch(server, upload, there, bytes.subarray(there))).status, 204);
    assert.deepEqual(await contentOf(server, upload), bytes);
    await server.stop();
});

test('a body that stands still ends all the same, though it is asked what has come', async (t) => {
    const server = await startServer(t, { args: ['--read-timeout', '2s'] });
    const upload = await createOf(server, 1000);
    const stalled = await openPatch(server, upload, 0, 1000);
    stalled.send(bytesOf(400, 'stands'));
    const answer = await stalled.answer();
    assert.equal(answer.status, 503); // to tus-js-client any other 4xx would be the end
    assert.equal(await offsetOf(server, upload), 400);
    stalled.raw.socket.destroy();
    await server.stop();
});

test('a killed server completes a concatenation that it had promised', async (t) => {
    let server = await startServer(t);
    const bytes = bytesOf(600_001, 'concat');
    const ends = [0, 250_000, 250_001, 600_001];
    const paths = [];
    for (let i = 0; i < 3; i++) {
        const size = ends[i + 1] - ends[i];
        paths.push(await createOf(server, size, { 'Upload-Concat': 'partial' }));
    }
    const made = await create(server, { 'Upload-Concat': `final;${paths.join(' ')}` });
    assert.equal(made.status, 201);
    for (const i of [2, 0]) await patch(server, paths[i], 0, bytes.subarray(ends[i], ends[i + 1]));
    await server.stop('SIGKILL');
    server = await startServer(t, { data: server.data });
    const answer = await head(server, made.path);
    assert.equal(answer.headers['upload-offset'], undefined);
    await patch(server, paths[1], 0, bytes.subarray(ends[1], ends[2]));
    for (let tries = 0; (await head(server, made.path)).headers['upload-offset'] === undefined; tries++) {
        assert.ok(tries < 100, 'the concatenation never completes');
        await sleep(50);
    }
    assert.deepEqual(await contentOf(server, made.path), bytes);
    assert.deepEqual(await contentOf(server, paths[0]), bytes.subarray(0, ends[1]));
    await server.stop();
});

test('a catalog made anew knows uploads with a cursor, and what concatenations wait for', async (t) => {
    let server = await startServer(t);
    const bytes = bytesOf(1000, 'rebuild');
    const first = await createOf(server, 600, { 'Upload-Concat': 'partial' });
    const second = await createOf(server, 400, { 'Upload-Concat': 'partial' });
    await patch(server, first, 0, bytes.subarray(0, 600));
    await patch(server, second, 0, bytes.subarray(600, 700));
    const made = await create(server, { 'Upload-Concat': `final;${first} ${second}` });
    await server.stop();
    assert.equal((await run(['fsck', server.data])).status, 0);
    fs.rmSync(path.join(server.data, 'reelhaul.db'));
    assert.equal((await run(['fsck', server.data, '--rebuild'])).status, 1);
    server = await startServer(t, { data: server.data });
    assert.equal(await offsetOf(server, first), 600);
    assert.equal(await offsetOf(server, second), 100);
    assert.equal((await patch(server, second, 100, bytes.subarray(700))).status, 204);
    while ((await head(server, made.path)).headers['upload-offset'] === undefined) await sleep(20);
    assert.deepEqual(await contentOf(server, made.path), bytes);
    await server.stop();
});
