// SPDX-License-Identifier: MIT
// What users of other tools complain about, as far as no other test has it: docs/internals/api.md lists them all.
import assert from 'node:assert/strict';
import test from 'node:test';

import { crc64Field } from './crc64.js';
import { postJson, request, startServer } from './server.js';
import { createOf, head, offsetOf, patch } from './tus.js';
import { init, makeBytes, sendPart, sha256, status } from './videos.js';

const bytes = makeBytes(400_000);
const MANY = 5 * 1024 ** 3 + 10; // more than 32 bits hold

async function fetched(server, target) {
    const answer = await request(server, 'GET', target);
    assert.equal(answer.status, 200, answer.text);
    return sha256(answer.bytes);
}

const put = (server, target, range, body = Buffer.alloc(0)) => request(server, 'PUT', target, {
    headers: { 'Content-Range': `bytes ${range}`, 'Content-Length': body.length }, body,
});

async function createForRanges(server, total) {
    const answer = await request(server, 'POST', '/files/?uploadType=resumable', {
        headers: { 'X-Upload-Content-Length': total, 'X-Upload-Content-Type': 'video/mp4', 'Content-Length': 0 },
    });
    assert.equal(answer.status, 201, answer.text);
    return new URL(answer.headers.location).pathname;
}

test('wishes', async (t) => {
    const server = await startServer(t);

    await t.test('nothing follows 100 %: when the last byte is answered, the file is there (uppy #1224, #4743)', async () => {
        const tus = await createOf(server, bytes.length);
        await patch(server, tus, 0, bytes.subarray(0, 300_000));
        assert.equal((await patch(server, tus, 300_000, bytes.subarray(300_000))).status, 204);
        assert.equal(await fetched(server, tus), sha256(bytes));
        const ranges = await createForRanges(server, bytes.length);
        assert.equal((await put(server, ranges, `0-${bytes.length - 1}/${bytes.length}`, bytes)).status, 200);
        assert.equal(await fetched(server, ranges), sha256(bytes));
        const upload = await init(server, { size: bytes.length });
        await sendPart(server, upload, 300_000, bytes.subarray(300_000));
        const last = await sendPart(server, upload, 0, bytes.subarray(0, 300_000));
        assert.equal(last.json().state, 'done', last.text);
        assert.equal(await fetched(server, last.json().url), sha256(bytes));
    });

    await t.test('sizes beyond 32 bits are kept as they are (upchunk #134)', async () => {
        const answer = await head(server, await createOf(server, MANY));
        assert.equal(answer.headers['upload-length'], String(MANY));
        const ranges = await createForRanges(server, MANY);
        const first = await put(server, ranges, `0-99/${MANY}`, bytes.subarray(0, 100));
        assert.equal(first.status, 308, first.text);
        assert.equal(first.headers.range, 'bytes=0-99');
        const upload = await init(server, { size: MANY });
        const part = await sendPart(server, upload, MANY - 10, bytes.subarray(0, 10));
        assert.equal(part.json().state, 'open', part.text);
        const now = await status(server, upload);
        assert.deepEqual(now.durable, [{ offset: MANY - 10, length: 10, crc64: crc64Field(bytes.subarray(0, 10)) }]);
        assert.deepEqual(now.missing, [{ offset: 0, length: MANY - 10 }]);
        for (const target of [`/api/v1/videos/${upload}`, ranges]) await request(server, 'DELETE', target);
    });

    await t.test('a part has no number that ends at 10,000 (tusd #1247)', async () => {
        const { session_id } = (await postJson(server, '/api/session/create', {})).json();
        for (const index of [10_001, 65_536]) {
            const form = new FormData();
            const fields = { session_id, video_id: 'many', chunk_index: index, total_chunks: 65_537 };
            for (const [name, value] of Object.entries(fields)) form.set(name, String(value));
            form.set('chunk', new Blob([bytes.subarray(0, 100)]), 'chunk.webm');
            const answer = await fetch(`${server.url}/api/upload/chunk`, { method: 'POST', body: form });
            assert.equal(answer.status, 200, await answer.text());
        }
        const looked = await request(server, 'GET', `/api/session/${session_id}?video=many`);
        assert.equal(looked.headers['reelhaul-chunks'], '10001, 65536');
    });

    await t.test('the same file picked again is recognised by its name (tus-js-client #142)', async () => {
        const { session_id } = (await postJson(server, '/api/session/create', {})).json();
        const values = { session_id, video_id: 'picked', mime_type: 'video/webm', size: bytes.length };
        const first = await postJson(server, '/api/v1/videos/init', values);
        await sendPart(server, first.json().upload_id, 0, bytes.subarray(0, 100_000));
        const again = await postJson(server, '/api/v1/videos/init', values);
        assert.deepEqual([first.status, again.status], [201, 200]);
        assert.equal(again.json().upload_id, first.json().upload_id);
        assert.equal(again.json().received, 100_000);
    });
});

test('a refused token costs nothing, and a fresh one goes on (tus-js-client #236, #579, #895)', async (t) => {
    const token = 'correct-horse-battery-staple';
    const server = await startServer(t, { args: ['--auth', 'token'], env: { REELHAUL_TOKEN: token } });
    const bearer = (value) => ({ Authorization: `Bearer ${value}` });
    const made = await postJson(server, '/api/session/create', {}, bearer(token));
    const old = bearer(made.json().session_token);
    const path = await createOf(server, bytes.length, old);
    assert.equal((await patch(server, path, 0, bytes.subarray(0, 100_000), old)).status, 204);
    const stale = bearer('no-longer-good-at-all');
    assert.equal((await head(server, path, stale)).status, 401);
    assert.equal((await patch(server, path, 100_000, bytes.subarray(100_000), stale)).status, 401);
    const fresh = bearer(token);
    assert.equal((await head(server, path, fresh)).headers['upload-offset'], '100000');
    const last = await patch(server, path, 100_000, bytes.subarray(100_000), fresh);
    assert.equal(last.status, 204, last.text);
    const file = await request(server, 'GET', path, { headers: fresh });
    assert.equal(sha256(file.bytes), sha256(bytes));
    await assert.rejects(offsetOf(server, path), /401/, 'and without any token nothing is told');
});

test('ETag and offsets can be read by pages of configured origins (uppy #1762, #5516)', async (t) => {
    const origin = 'https://friend.example';
    const server = await startServer(t, { args: ['--origin', origin] });
    const path = await createOf(server, 10, { Origin: origin });
    const answers = [
        await patch(server, path, 0, bytes.subarray(0, 10), { Origin: origin }),
        await request(server, 'GET', path, { headers: { Origin: origin } }),
    ];
    for (const [i, name] of ['upload-offset', 'etag'].entries()) {
        const { headers } = answers[i];
        assert.ok(headers[name]);
        assert.equal(headers['access-control-allow-origin'], origin);
        assert.ok(headers['access-control-expose-headers'].toLowerCase().split(', ').includes(name));
    }
});
