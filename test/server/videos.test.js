// SPDX-License-Identifier: MIT
// The videos API against the real server: order, repetition, broken bodies, completion.
import assert from 'node:assert/strict';
import test from 'node:test';

import { crc64Field } from './crc64.js';
import { request, startServer } from './server.js';
import {
    beginPart, finalize, init, makeBytes, sendPart, sha256, slicesField, status, until,
} from './videos.js';

const MIB = 1024 * 1024;

test('parts in any order complete by themselves', async (t) => {
    const server = await startServer(t);
    const bytes = makeBytes(3 * MIB + 12345);
    const upload = await init(server, { size: bytes.length, video_id: 'take-1' });
    const parts = [];
    for (let at = 0; at < bytes.length; at += 700001) parts.push(at);
    parts.sort(() => 0.5 - Math.random());
    for (const [n, at] of parts.entries()) {
        const part = bytes.subarray(at, at + 700001);
        const answer = await sendPart(server, upload, at, part);
        assert.equal(answer.status, 200, answer.text);
        const last = n === parts.length - 1;
        assert.equal(answer.headers['reelhaul-state'], last ? 'done' : 'open');
        const receipt = answer.headers['reelhaul-receipt'];
        assert.match(receipt, /kept=until-complete/);
        assert.match(receipt, /durable/);
        assert.ok(receipt.includes(`crc64=${crc64Field(last ? bytes : part)}`), receipt);
    }
    const done = await status(server, upload);
    assert.equal(done.state, 'done');
    assert.equal(done.received, bytes.length);
    const fetched = await request(server, 'GET', done.url);
    assert.equal(fetched.status, 200);
    assert.equal(sha256(fetched.bytes), sha256(bytes));
});

test('parts side by side over many connections', async (t) => {
    const server = await startServer(t, { args: ['--loops', '2'] });
    const bytes = makeBytes(4 * MIB);
    const upload = await init(server, { size: bytes.length });
    const size = 64 * 1024;
    const starts = Array.from({ length: bytes.length / size }, (_, i) => i * size);
    const answers = await Promise.all(
        starts.map((at) => sendPart(server, upload, at, bytes.subarray(at, at + size))));
    for (const answer of answers) assert.equal(answer.status, 200, answer.text);
    const done = await until(server, upload, (now) => now.state === 'done');
    assert.equal(sha256((await request(server, 'GET', done.url)).bytes), sha256(bytes));
});

test('an equal duplicate succeeds, different bytes are refused', async (t) => {
    const server = await startServer(t);
    const bytes = makeBytes(200000);
    const upload = await init(server, { size: 300000 });
    assert.equal((await sendPart(server, upload, 0, bytes)).status, 200);
    const again = await sendPart(server, upload, 0, bytes);
    assert.equal(again.status, 200);
    assert.ok(again.headers['reelhaul-receipt'].includes(crc64Field(bytes)));
    const overlapping = Buffer.concat([bytes.subarray(100000), makeBytes(50000)]);
    assert.equal((await sendPart(server, upload, 100000, overlapping)).status, 200);
    const other = Buffer.from(bytes);
    other[150000] ^= 1;
    const refused = await sendPart(server, upload, 0, other);
    assert.equal(refused.status, 409);
    assert.equal(refused.json().error.code, 'different_bytes');
    assert.equal((await status(server, upload)).received, 250000);
});

test('a wrong checksum keeps nothing', async (t) => {
    const server = await startServer(t);
    const bytes = makeBytes(100000);
    const upload = await init(server, { size: bytes.length });
    const wrong = { 'Reelhaul-Crc64': crc64Field(Buffer.from('something else')) };
    const refused = await sendPart(server, upload, 0, bytes, wrong);
    assert.equal(refused.status, 422);
    assert.equal((await status(server, upload)).received, 0);
    assert.equal((await sendPart(server, upload, 0, bytes)).status, 200);
});

test('a broken body keeps the slices that arrived', async (t) => {
    const server = await startServer(t);
    const bytes = makeBytes(MIB);
    const upload = await init(server, { size: bytes.length });
    const raw = await beginPart(server, upload, 0, bytes, 600000, { 'Reelhaul-Slices': slicesField(bytes, 65536) });
    await until(server, upload, (now) => now.state === 'open');
    raw.socket.destroy();
    const now = await until(server, upload, (state) => state.received > 0);
    assert.ok(now.received <= 600000);
    assert.equal(now.received % 65536, 0);
    assert.equal(now.durable.length, 1);
    assert.equal(now.durable[0].offset, 0);
    assert.equal(now.durable[0].length, now.received);
    assert.equal(now.durable[0].crc64.replace(/^:?/, ':').replace(/:?$/, ':'),
        crc64Field(bytes.subarray(0, now.received)));
    const rest = await sendPart(server, upload, now.received, bytes.subarray(now.received));
    assert.equal(rest.status, 200, rest.text);
    assert.equal(rest.headers['reelhaul-state'], 'done');
    const { url } = await status(server, upload);
    assert.equal(sha256((await request(server, 'GET', url)).bytes), sha256(bytes));
});

test('a half-closed body is answered with what was kept', async (t) => {
    const server = await startServer(t);
    const bytes = makeBytes(300000);
    const upload = await init(server, { size: bytes.length });
    const raw = await beginPart(server, upload, 0, bytes, 100000, { 'Reelhaul-Slices': slicesField(bytes, 40000) });
    raw.socket.end();
    const text = await raw.all();
    assert.match(text, /^HTTP\/1\.1 400 /);
    assert.match(text, /Reelhaul-Durable: \(0 80000\)/);
    assert.match(text, /Connection: close/i);
    assert.equal((await status(server, upload)).received, 80000);
});

test('a prefix that no checksum covers is kept only where none was declared', async (t) => {
    const server = await startServer(t);
    const bytes = makeBytes(300000);
    for (const [declared, kept] of [[{}, 0], [{ 'Reelhaul-Crc64': undefined }, 100000]]) {
        const upload = await init(server, { size: bytes.length });
        const raw = await beginPart(server, upload, 0, bytes, 100000, declared);
        raw.socket.end();
        assert.match(await raw.all(), /^HTTP\/1\.1 400 /);
        assert.equal((await status(server, upload)).received, kept);
    }
});

test('a flipped bit ends the body at its slice', async (t) => {
    const server = await startServer(t);
    const bytes = makeBytes(300000);
    const upload = await init(server, { size: bytes.length });
    const headers = { 'Reelhaul-Crc64': crc64Field(bytes), 'Reelhaul-Slices': slicesField(bytes, 40000) };
    const damaged = Buffer.from(bytes);
    damaged[130000] ^= 4;
    const answer = await sendPart(server, upload, 0, damaged, headers);
    assert.equal(answer.status, 422, answer.text);
    assert.equal(answer.json().error.code, 'checksum_mismatch');
    assert.match(answer.headers['reelhaul-durable'], /^\(0 120000\)/);
    const rest = await sendPart(server, upload, 120000, bytes.subarray(120000));
    assert.equal(rest.headers['reelhaul-state'], 'done', rest.text);
});

test('the newer writer of a range wins, the older is told', async (t) => {
    const server = await startServer(t);
    const bytes = makeBytes(400000);
    const upload = await init(server, { size: bytes.length });
    const older = await beginPart(server, upload, 0, bytes, 100000);
    await until(server, upload, (now) => now.state === 'open');
    const newer = await sendPart(server, upload, 0, bytes);
    assert.equal(newer.status, 200, newer.text);
    assert.equal(newer.headers['reelhaul-state'], 'done');
    const [told] = await older.answers(1);
    assert.equal(told.status, 409);
    assert.match(told.body, /superseded/);
});

test('finalize is idempotent, and says what is missing', async (t) => {
    const server = await startServer(t);
    const bytes = makeBytes(100000);
    const upload = await init(server, { video_id: 'v' });
    assert.equal((await sendPart(server, upload, 60000, bytes.subarray(60000))).status, 200);
    const early = await finalize(server, upload, { size: bytes.length });
    assert.equal(early.status, 409);
    assert.equal(early.json().error.code, 'incomplete');
    assert.match(early.headers['reelhaul-missing'], /^\(0 60000\)/);
    assert.equal((await sendPart(server, upload, 0, bytes.subarray(0, 60000))).status, 200);
    const first = await finalize(server, upload, { size: bytes.length, checksum: crc64Field(bytes) });
    assert.equal(first.status, 200, first.text);
    assert.equal(first.json().status, 'complete');
    assert.equal(first.json().size, bytes.length);
    assert.ok(first.json().checksum.includes(crc64Field(bytes).slice(1, -1)));
    const second = await finalize(server, upload, { size: bytes.length });
    assert.equal(second.status, 200);
    assert.deepEqual(second.json(), first.json());
    assert.equal((await request(server, 'GET', first.json().url)).bytes.length, bytes.length);
});

test('the final part ends an upload of unknown size', async (t) => {
    const server = await startServer(t);
    const bytes = makeBytes(100000);
    const upload = await init(server);
    await sendPart(server, upload, 0, bytes.subarray(0, 50000));
    const last = await sendPart(server, upload, 50000, bytes.subarray(50000), { 'Reelhaul-Final': '?1' });
    assert.equal(last.status, 200, last.text);
    assert.equal(last.headers['reelhaul-state'], 'done');
});

test('two inits with one name are one upload; other facts are a conflict', async (t) => {
    const server = await startServer(t);
    const values = { video_id: 'v', mime_type: 'video/mp4', size: 10 };
    const first = await init(server, values);
    assert.notEqual(first, await init(server, { mime_type: 'video/mp4' }));
    const { session_id } = (await request(server, 'POST', '/api/session/create', {
        headers: { 'Content-Type': 'application/json' }, body: '{}',
    })).json();
    const one = await init(server, { ...values, session_id });
    assert.equal(await init(server, { ...values, session_id }), one);
    await assert.rejects(init(server, { ...values, session_id, size: 11 }), /conflict/);
});

test('malformed and unknown ids', async (t) => {
    const server = await startServer(t);
    const upload = await init(server);
    assert.equal((await request(server, 'DELETE', `/api/v1/videos/${upload}`)).status, 204);
    assert.equal((await request(server, 'GET', `/api/v1/videos/${upload}`)).status, 410);
    for (const id of ['x', 'A'.repeat(32), `${upload}x`, '..%2f..%2fetc', '%00'])
        assert.ok([400, 404].includes((await request(server, 'GET', `/api/v1/videos/${id}`)).status), id);
});
