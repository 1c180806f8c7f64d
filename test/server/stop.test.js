// SPDX-License-Identifier: MIT
// Stopping: politely with work under way, and by kill -9 at any moment.
import assert from 'node:assert/strict';
import test from 'node:test';

import { connect, finished, get, postJson, request, startServer } from './server.js';
import { beginPart, finalize, init, makeBytes, sendPart, sha256, status, until } from './videos.js';

test('SIGTERM finishes the part that is coming, and exits 0', async (t) => {
    const server = await startServer(t);
    const bytes = makeBytes(2000000);
    const upload = await init(server, { size: bytes.length });
    const idle = await connect(server);
    idle.write(get('/health', server));
    await idle.answers(1);
    const raw = await beginPart(server, upload, 0, bytes, 1000000);
    await until(server, upload, (now) => now.state === 'open');
    server.child.kill('SIGTERM');
    await idle.all(); // idle connections are closed: the drain has begun
    raw.write(bytes.subarray(1000000));
    const received = await raw.all();
    assert.match(received, /^HTTP\/1\.1 200 /);
    assert.match(received, /Reelhaul-State: done/);
    assert.match(received, /Connection: close/i);
    assert.deepEqual(await server.ended, { status: 0, signal: null });
    assert.match(server.log, /stopped\n/);

    const next = await startServer(t, { data: server.data });
    const { url, state } = await status(next, upload);
    assert.equal(state, 'done');
    assert.equal(sha256((await request(next, 'GET', url)).bytes), sha256(bytes));
});

test('a drain has an end: what came of the part is kept', async (t) => {
    const server = await startServer(t, { args: ['--drain-seconds', '0'] });
    const bytes = makeBytes(1000000);
    const upload = await init(server, { size: bytes.length });
    const raw = await beginPart(server, upload, 0, bytes, 400000);
    await until(server, upload, (now) => now.state === 'open');
    const ended = await server.stop('SIGINT');
    assert.deepEqual(ended, { status: 0, signal: null });
    const received = await raw.all();
    const next = await startServer(t, { data: server.data });
    const now = await status(next, upload);
    assert.ok(now.received <= 400000);
    const told = /Reelhaul-Durable: \(0 (\d+)\)/.exec(received);
    if (told) assert.ok(now.received >= Number(told[1]), 'what was acknowledged is there');
    const rest = await sendPart(next, upload, now.received, bytes.subarray(now.received));
    assert.equal(rest.headers['reelhaul-state'], 'done');
    const { url } = await status(next, upload);
    assert.equal(sha256((await request(next, 'GET', url)).bytes), sha256(bytes));
});

test('an idle server stops at once', async (t) => {
    const server = await startServer(t);
    assert.deepEqual(await server.stop('SIGTERM'), { status: 0, signal: null });
});

test('kill -9 in the middle of a part: every acknowledged byte is there', async (t) => {
    const bytes = makeBytes(3000000);
    const size = 100000;
    const first = await startServer(t);
    const upload = await init(first, { size: bytes.length });
    let data = first.data;
    let server = first;
    let sent = 0;
    for (const killAfter of [3, 5, 1, 7]) {
        for (let n = 0; n < killAfter; n++) {
            const answer = await sendPart(server, upload, sent, bytes.subarray(sent, sent + size));
            assert.equal(answer.status, 200, answer.text);
            sent += size;
        }
        const raw = await beginPart(server, upload, sent, bytes.subarray(sent, sent + size), 60000);
        assert.deepEqual(await server.stop('SIGKILL'), { status: null, signal: 'SIGKILL' });
        await raw.all();
        data = server.data;
        server = await startServer(t, { data });
        const now = await status(server, upload);
        assert.ok(now.received >= sent, `${now.received} of ${sent} acknowledged bytes are there`);
        assert.equal(now.durable[0].offset, 0);
        assert.ok(now.durable[0].length >= sent);
    }
    for (; sent < bytes.length; sent += size) {
        const part = bytes.subarray(sent, sent + size);
        assert.equal((await sendPart(server, upload, sent, part)).status, 200);
    }
    const { url } = await until(server, upload, (now) => now.state === 'done');
    assert.equal(sha256((await request(server, 'GET', url)).bytes), sha256(bytes));
});

test('kill -9 while finishing, again and again', async (t) => {
    let server = await startServer(t);
    const uploads = [];
    for (let n = 0; n < 12; n++) {
        const bytes = makeBytes(300000 + n);
        const upload = await init(server, { size: bytes.length, video_id: `v${n}` });
        await sendPart(server, upload, 0, bytes.subarray(0, 200000));
        // The last part completes the upload; the server dies n steps of the clock later.
        const last = sendPart(server, upload, 200000, bytes.subarray(200000)).catch(() => null);
        await new Promise((resolve) => setTimeout(resolve, n));
        await server.stop('SIGKILL');
        uploads.push({ upload, bytes, answer: await last });
        server = await startServer(t, { data: server.data });
    }
    for (const { upload, bytes, answer } of uploads) {
        let now = await status(server, upload);
        if (answer?.status === 200) assert.ok(['done', 'finishing'].includes(now.state), now.state);
        if (now.state === 'open')
            assert.equal((await sendPart(server, upload, 200000, bytes.subarray(200000))).status, 200);
        const final = await finalize(server, upload, { size: bytes.length });
        assert.equal(final.status, 200, final.text);
        now = await until(server, upload, (each) => each.state === 'done');
        const fetched = await request(server, 'GET', now.url);
        assert.equal(sha256(fetched.bytes), sha256(bytes));
    }
});

test('kill -9 between form chunks', async (t) => {
    let server = await startServer(t);
    const { session_id } = (await postJson(server, '/api/session/create', {})).json();
    const parts = Array.from({ length: 6 }, () => makeBytes(50000));
    for (const index of [3, 0, 5, 1, 4, 2]) {
        const form = new FormData();
        const fields = { session_id, video_id: 'v', chunk_index: index, total_chunks: 6 };
        for (const [name, value] of Object.entries(fields)) form.append(name, String(value));
        form.append('chunk', new Blob([parts[index]]), 'blob');
        const answer = await fetch(`${server.url}/api/upload/chunk`, { method: 'POST', body: form });
        assert.equal(answer.status, 200, await answer.text());
        await server.stop('SIGKILL');
        server = await startServer(t, { data: server.data });
    }
    await finished(server, session_id);
    const fetched = await request(server, 'GET', `/recordings/${session_id}/v.webm`);
    assert.equal(fetched.status, 200);
    assert.equal(sha256(fetched.bytes), sha256(Buffer.concat(parts)));
});
