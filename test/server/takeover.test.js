// SPDX-License-Identifier: MIT
// Take over, never lock out: while a PATCH is open everybody may look, and the newest writer wins. What is asserted
// is what happened before what, not how long it took: an answer to a reader counts while the writer has none.
import assert from 'node:assert/strict';
import test from 'node:test';

import { request, startServer } from './server.js';
import { connectH2, createOf, head, offsetOf, openPatch, patch, TUS } from './tus.js';
import { makeBytes, sha256 } from './videos.js';

/** Asks until so much has arrived; each answer must be a true one, and none may be lower than one before. */
async function arrived(server, path, wanted, writer) {
    let last = 0;
    while (last < wanted) {
        const offset = await offsetOf(server, path);
        assert.ok(offset >= last && offset <= wanted, `${last} then ${offset} of ${wanted}`);
        assert.ok(!writer.answered, 'the writer is still at it');
        last = offset;
    }
}

async function download(server, path) {
    const answer = await request(server, 'GET', path);
    assert.equal(answer.status, 200, answer.text);
    return answer.bytes;
}

test('take over, never lock out', async (t) => {
    const server = await startServer(t, { args: ['--loops', '2'] });
    const bytes = makeBytes(900001);

    await t.test('HEAD and GET are answered while a stalled PATCH is open, and disturb nothing', async () => {
        const path = await createOf(server, bytes.length);
        const writer = await openPatch(server, path, 0, bytes.length);
        writer.send(bytes.subarray(0, 300000));
        await arrived(server, path, 300000, writer);
        // A second tab, a third, and every other way to look.
        const id = path.split('/').pop();
        const looks = await Promise.all([
            ...Array.from({ length: 12 }, () => head(server, path)),
            request(server, 'GET', `/api/v1/videos/${id}`),
            request(server, 'GET', path),
        ]);
        assert.ok(!writer.answered, 'the writer is still at it');
        for (const look of looks.slice(0, 12)) assert.equal(look.headers['upload-offset'], '300000');
        assert.equal(looks[12].json().received, 300000);
        assert.equal(looks[13].status, 409, 'it is not finished');
        writer.send(bytes.subarray(300000));
        const answer = await writer.answer();
        assert.equal(answer.status, 204);
        assert.equal(answer.headers['upload-offset'], String(bytes.length));
        assert.equal(sha256(await download(server, path)), sha256(bytes));
    });

    await t.test('a second PATCH takes over, and every byte received before is committed', async () => {
        const path = await createOf(server, bytes.length);
        const first = await openPatch(server, path, 0, bytes.length);
        first.send(bytes.subarray(0, 400000));
        await arrived(server, path, 400000, first);
        const second = await patch(server, path, 400000, bytes.subarray(400000));
        assert.equal(second.status, 204, second.text);
        assert.equal(second.headers['upload-offset'], String(bytes.length));
        const answer = await first.answer();
        assert.equal(answer.status, 409);
        assert.equal(answer.headers['reelhaul-error'], 'superseded');
        assert.equal(answer.headers['tus-resumable'], '1.0.0');
        assert.equal(sha256(await download(server, path)), sha256(bytes));
    });

    await t.test('who comes with a wrong offset is told the true one, with what an older writer sent', async () => {
        const path = await createOf(server, bytes.length);
        const first = await openPatch(server, path, 0, bytes.length);
        first.send(bytes.subarray(0, 500000));
        await arrived(server, path, 500000, first);
        const second = await patch(server, path, 0, bytes);
        assert.equal(second.status, 409);
        assert.equal(second.headers['reelhaul-error'], 'offset_mismatch');
        assert.equal(second.headers['upload-offset'], '500000');
        assert.equal((await patch(server, path, 500000, bytes.subarray(500000))).status, 204);
        assert.equal(sha256(await download(server, path)), sha256(bytes));
    });

    await t.test('twenty writers, one after the other in mid-body, make one upload', async () => {
        const path = await createOf(server, bytes.length);
        const writers = [];
        for (let at = 0; at < 20; at++) {
            const offset = at * 40000;
            const writer = await openPatch(server, path, offset, bytes.length - offset);
            writer.send(bytes.subarray(offset, offset + 40000));
            await arrived(server, path, offset + 40000, writer);
            writers.push(writer);
        }
        writers.at(-1).send(bytes.subarray(800000));
        assert.equal((await writers.at(-1).answer()).status, 204);
        for (const writer of writers.slice(0, -1)) assert.equal((await writer.answer()).status, 409);
        assert.equal(sha256(await download(server, path)), sha256(bytes));
    });

    await t.test('a broken body keeps what arrived', async () => {
        const path = await createOf(server, bytes.length);
        const writer = await openPatch(server, path, 0, bytes.length);
        writer.send(bytes.subarray(0, 123456));
        writer.raw.socket.end();
        const answer = await writer.answer();
        assert.equal(answer.status, 400);
        assert.equal(answer.headers['upload-offset'], '123456');
        assert.equal(await offsetOf(server, path), 123456);
        // And of one that nobody waits for.
        const gone = await openPatch(server, path, 123456, bytes.length - 123456);
        gone.send(bytes.subarray(123456, 200000));
        await arrived(server, path, 200000, gone);
        gone.raw.socket.destroy();
        assert.equal((await patch(server, path, 200000, bytes.subarray(200000))).status, 204);
        assert.equal(sha256(await download(server, path)), sha256(bytes));
    });

    await t.test('no lock-out after a dropped connection: the next PATCH goes on at once', async () => {
        const path = await createOf(server, bytes.length);
        const writer = await openPatch(server, path, 0, bytes.length);
        writer.send(bytes.subarray(0, 100000));
        await arrived(server, path, 100000, writer);
        // The connection is dead, but the server cannot know: nothing more is sent, nothing is closed.
        writer.raw.socket.pause();
        assert.equal((await patch(server, path, 100000, bytes.subarray(100000))).status, 204);
        assert.equal(sha256(await download(server, path)), sha256(bytes));
        writer.raw.socket.destroy();
    });

    await t.test('a download takes no lock', async () => {
        const path = await createOf(server, bytes.length);
        assert.equal((await patch(server, path, 0, bytes)).status, 204);
        const reader = await openPatch(server, path, 0, 0);
        assert.equal((await reader.answer()).status, 409); // at another offset; the connection stays
        reader.raw.socket.pause();
        reader.raw.write(`GET ${path} HTTP/1.1\r\nHost: ${server.host}\r\n\r\n`);
        assert.equal(await offsetOf(server, path), bytes.length);
        assert.equal((await request(server, 'GET', path)).status, 200);
        reader.raw.socket.destroy();
    });

    await t.test('deletion does not wait for a stalled PATCH either', async () => {
        const path = await createOf(server, bytes.length);
        const writer = await openPatch(server, path, 0, bytes.length);
        writer.send(bytes.subarray(0, 100000));
        await arrived(server, path, 100000, writer);
        assert.equal((await request(server, 'DELETE', path, { headers: TUS })).status, 204);
        assert.equal((await head(server, path)).status, 410);
        const answer = await writer.answer();
        assert.ok(answer.status >= 400, `${answer.status}`);
        assert.equal(answer.headers['upload-offset'], undefined);
    });
});

test('over one HTTP/2 connection: readers beside a stalled PATCH, and a second one that takes over', async (t) => {
    const server = await startServer(t);
    const bytes = makeBytes(300000);
    const open = connectH2(t, server);
    const path = await createOf(server, bytes.length);
    const headers = (offset) => ({ 'tus-resumable': '1.0.0', 'upload-offset': String(offset), 'content-type': 'application/offset+octet-stream' });
    const first = open('PATCH', path, headers(0), { endStream: false });
    first.stream.write(bytes.subarray(0, 100000));
    let offset = 0;
    while (offset < 100000) {
        const look = await open('HEAD', path, { 'tus-resumable': '1.0.0' }).answer();
        assert.equal(look.status, 200);
        assert.ok(!first.answered, 'the writer is still at it');
        offset = Number(look.headers['upload-offset']);
    }
    const second = open('PATCH', path, headers(100000), { endStream: false });
    second.stream.end(bytes.subarray(100000));
    const answer = await second.answer();
    assert.equal(answer.status, 204);
    assert.equal(answer.headers['upload-offset'], String(bytes.length));
    const old = await first.answer().catch((error) => error);
    if (old.status !== undefined) assert.equal(old.status, 409);
    assert.equal(sha256(await download(server, path)), sha256(bytes));
});

test('what HEAD said while a PATCH was open is there after kill -9', async (t) => {
    const server = await startServer(t);
    const bytes = makeBytes(700000);
    const path = await createOf(server, bytes.length);
    const writer = await openPatch(server, path, 0, bytes.length);
    writer.send(bytes.subarray(0, 654321));
    await arrived(server, path, 654321, writer);
    await server.stop('SIGKILL');
    const next = await startServer(t, { data: server.data });
    assert.equal(await offsetOf(next, path), 654321, 'offsets never fall');
    assert.equal((await patch(next, path, 654321, bytes.subarray(654321))).status, 204);
    assert.equal(sha256(await download(next, path)), sha256(bytes));
});
