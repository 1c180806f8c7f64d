// SPDX-License-Identifier: MIT
// The chunk APIs of others against the real server: /upload/chunk, PUT with Content-Range, FilePond's; and parts with a
// Content-Encoding.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import zlib from 'node:zlib';

import { crc64Field } from './crc64.js';
import { connect, request, startServer } from './server.js';
import { init, makeBytes, partHeaders, sha256 } from './videos.js';

const bytes = makeBytes(250000);

async function fetched(server, target) {
    const answer = await request(server, 'GET', target);
    assert.equal(answer.status, 200, answer.text);
    return sha256(answer.bytes);
}

/* ---- forms ---- */

/** A multipart body: fields, and a file where the value is bytes. */
function formOf(fields) {
    const pieces = Object.entries(fields).map(([name, value]) => {
        const file = Buffer.isBuffer(value);
        const head = `--XX\r\nContent-Disposition: form-data; name="${name}"${file ? '; filename="blob"' : ''}\r\n` +
            `${file ? 'Content-Type: video/webm\r\n' : ''}\r\n`;
        return Buffer.concat([Buffer.from(head), file ? value : Buffer.from(String(value)), Buffer.from('\r\n')]);
    });
    return Buffer.concat([...pieces, Buffer.from('--XX--\r\n')]);
}

const formType = { 'Content-Type': 'multipart/form-data; boundary=XX' };

function sendForm(server, target, fields, headers = {}) {
    const body = formOf(fields);
    return request(server, 'POST', target, { headers: { ...formType, 'Content-Length': body.length, ...headers }, body });
}

/* ---- zstd, for a Node that has none: frames of blocks that are not compressed ---- */

/** Data as one zstd frame of raw blocks, or of blocks that repeat one byte (`repeat`: how often). */
function zstdOf(data, repeat = 0) {
    const blocks = [];
    const max = 128 * 1024;
    for (let left = repeat || data.length, at = 0; ; ) {
        const size = Math.min(left, max);
        left -= size;
        const head = Buffer.alloc(3);
        head.writeUIntLE((size << 3) | (repeat ? 2 : 0) | (left === 0 ? 1 : 0), 0, 3);
        blocks.push(head, repeat ? data.subarray(0, 1) : data.subarray(at, at + size));
        at += size;
        if (left === 0) break;
    }
    // Magic number; no checksum, no content size, a window of 128 KiB.
    return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 7 << 3]), ...blocks]);
}

test('/upload/chunk', async (t) => {
    const server = await startServer(t, { args: ['--loops', '2'] });
    const look = async (name) => (await request(server, 'GET', `/upload/chunk?sessionId=${name}`)).json();

    await t.test('in any order, while it grows, until the end is marked', async () => {
        const chunks = [0, 1, 2, 3, 4].map((i) => bytes.subarray(i * 1000, i * 1000 + 1000));
        const name = 'sess_123';
        assert.equal((await request(server, 'GET', `/upload/chunk?sessionId=${name}`)).status, 404);
        for (const [chunkId, totalChunks] of [[0, 1], [3, 4], [1, 4]]) {
            const answer = await sendForm(server, '/upload/chunk', { sessionId: name, chunkId, totalChunks, chunk: chunks[chunkId] });
            assert.equal(answer.status, 200, answer.text);
            assert.equal(answer.json().status, 'chunk_received');
            assert.equal(answer.json().sessionId, name);
            assert.equal(answer.json().totalChunks, totalChunks);
        }
        // As the document says: uploaded_data/{sessionId}/temp/shard_0000/{index}.part
        assert.deepEqual(fs.readFileSync(path.join(server.data, `uploaded_data/${name}/temp/shard_0000/3.part`)), chunks[3]);
        assert.deepEqual((await look(name)).chunks, [[0, 1], [3, 3]]);
        // Duplicates are harmless, other bytes are not.
        assert.equal((await sendForm(server, '/upload/chunk', { sessionId: name, chunkId: 3, chunk: chunks[3] })).status, 200);
        assert.equal((await sendForm(server, '/upload/chunk', { sessionId: name, chunkId: 3, chunk: chunks[2] })).status, 409);
        // An end with gaps says which.
        const gaps = await sendForm(server, '/upload/chunk', { sessionId: name, totalChunks: 5, final: true });
        assert.equal(gaps.status, 400);
        assert.deepEqual(gaps.json().error.code, 'incomplete');
        assert.deepEqual(gaps.json().missing_chunks, [2, 4]);
        await sendForm(server, '/upload/chunk', { sessionId: name, chunkId: 4, totalChunks: 5, final: true, chunk: chunks[4] });
        const last = await sendForm(server, '/upload/chunk', { sessionId: name, chunkId: 2, totalChunks: 5, chunk: chunks[2] });
        assert.equal(last.json().status, 'upload_complete', last.text);
        assert.equal(await fetched(server, last.json().url), sha256(Buffer.concat(chunks)));
        assert.ok(!fs.existsSync(path.join(server.data, 'uploaded_data', name)), 'nothing waits any more');
        // The same end again, and the same name once more.
        assert.equal((await sendForm(server, '/upload/chunk', { sessionId: name, totalChunks: 5, final: true })).json().status, 'upload_complete');
        assert.equal((await look(name)).state, 'done');
    });

    await t.test('two recordings at once do not touch each other', async () => {
        const names = ['a.b', 'a'];
        for (const chunkId of [1, 0]) {
            await Promise.all(names.map((sessionId, i) => sendForm(server, '/upload/chunk', {
                sessionId, chunkId, totalChunks: 2, ...(chunkId === 1 ? { final: 1 } : {}),
                chunk: bytes.subarray(5000 * i + 100 * chunkId, 5000 * i + 100 * chunkId + 100),
            })));
        }
        for (const [i, name] of names.entries())
            assert.equal(await fetched(server, (await look(name)).url), sha256(bytes.subarray(5000 * i, 5000 * i + 200)));
    });

    await t.test('hostile names', async () => {
        for (const sessionId of ['../x', 'a/b', '', '.', '-x', 'a..b', 'ä', 'x'.repeat(200)]) {
            const answer = await sendForm(server, '/upload/chunk', { sessionId, chunkId: 0, chunk: bytes.subarray(0, 5) });
            assert.equal(answer.status, 400, sessionId);
        }
    });
});

test('/upload/chunk goes on after kill -9', async (t) => {
    const first = await startServer(t);
    for (const chunkId of [2, 0])
        await sendForm(first, '/upload/chunk', { sessionId: 'rec', chunkId, totalChunks: 3, chunk: bytes.subarray(chunkId * 10, chunkId * 10 + 10) });
    await first.stop('SIGKILL');
    const second = await startServer(t, { data: first.data });
    const answer = await sendForm(second, '/upload/chunk', { sessionId: 'rec', chunkId: 1, totalChunks: 3, final: 1, chunk: bytes.subarray(10, 20) });
    assert.equal(answer.json().status, 'upload_complete', answer.text);
    assert.equal(await fetched(second, answer.json().url), sha256(bytes.subarray(0, 30)));
});

test('PUT with Content-Range', async (t) => {
    const server = await startServer(t);
    const total = bytes.length;
    const put = (target, range, body = Buffer.alloc(0)) => request(server, 'PUT', target, {
        headers: { 'Content-Range': `bytes ${range}`, 'Content-Type': 'video/mp4', 'Content-Length': body.length }, body,
    });
    const create = async () => {
        const answer = await request(server, 'POST', '/files/?uploadType=resumable', {
            headers: { 'X-Upload-Content-Length': total, 'X-Upload-Content-Type': 'video/mp4', 'Content-Length': 0 },
        });
        assert.equal(answer.status, 201, answer.text);
        return new URL(answer.headers.location).pathname;
    };

    await t.test('308 with Range until it is all there; without Range nothing is stored', async () => {
        const target = await create();
        const nothing = await put(target, `*/${total}`);
        assert.equal(nothing.status, 308);
        assert.ok(!('range' in nothing.headers));
        const first = await put(target, `0-99999/${total}`, bytes.subarray(0, 100000));
        assert.equal(first.status, 308);
        assert.equal(first.headers.range, 'bytes=0-99999');
        assert.equal((await put(target, `*/${total}`)).headers.range, 'bytes=0-99999');
        const last = await put(target, `100000-${total - 1}/${total}`, bytes.subarray(100000));
        assert.equal(last.status, 200, last.text);
        assert.equal((await put(target, `*/${total}`)).status, 200);
        assert.equal(await fetched(server, last.json().url), sha256(bytes));
    });

    await t.test('a chunk that broke can be sent again whole', async () => {
        const target = await create();
        const raw = await connect(server);
        raw.write(`PUT ${target} HTTP/1.1\r\nHost: ${server.host}\r\nContent-Range: bytes 0-199999/${total}\r\nContent-Length: 200000\r\n\r\n`);
        raw.write(bytes.subarray(0, 70000));
        let answer;
        do answer = await put(target, `*/${total}`);
        while (answer.headers.range !== 'bytes=0-69999');
        raw.socket.destroy();
        // The newest request wins, and passes over what is there.
        answer = await put(target, `0-199999/${total}`, bytes.subarray(0, 200000));
        assert.equal(answer.headers.range, 'bytes=0-199999');
        // Bytes behind a gap are not a success, whatever a client takes 308 for.
        const gap = await put(target, `200001-${total - 1}/${total}`, bytes.subarray(200001));
        assert.equal(gap.status, 503);
        answer = await put(target, `200000-${total - 1}/${total}`, bytes.subarray(200000));
        assert.equal(answer.status, 200, answer.text);
        assert.equal(await fetched(server, target), sha256(bytes));
    });
});

test('FilePond', async (t) => {
    const server = await startServer(t);
    const create = (headers, fields = {}) => sendForm(server, '/filepond/', fields, headers);
    const target = (id) => `/filepond/?patch=${id}`;
    const patch = (id, offset, body, length) => request(server, 'PATCH', target(id), {
        headers: {
            'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': offset, 'Upload-Length': length,
            'Upload-Name': 'film.mp4', 'Content-Length': body.length,
        },
        body,
    });
    const offsetOf = async (id) => (await request(server, 'HEAD', target(id))).headers['upload-offset'];

    await t.test('chunks, an empty one at the end, and taking it back', async () => {
        const made = await create({ 'Upload-Length': 200000 }, { filepond: '{}' });
        assert.equal(made.status, 201, made.text);
        const id = made.text;
        assert.match(id, /^[\w-]{32}$/);
        for (let at = 0; at <= 200000; at += 50000) {
            assert.equal(await offsetOf(id), String(at));
            const answer = await patch(id, at, bytes.subarray(at, Math.min(at + 50000, 200000)), 200000);
            assert.equal(answer.status, 204, answer.text);
        }
        assert.equal(await fetched(server, `/filepond/?load=${id}`), sha256(bytes.subarray(0, 200000)));
        const revert = await request(server, 'DELETE', '/filepond/', { headers: { 'Content-Length': id.length }, body: id });
        assert.equal(revert.status, 204, revert.text);
        assert.equal((await request(server, 'GET', `/filepond/?load=${id}`)).status, 410);
    });

    await t.test('a chunk that broke is not there at all', async () => {
        const id = (await create({ 'Upload-Length': 100000 })).text;
        await patch(id, 0, bytes.subarray(0, 50000), 100000);
        const raw = await connect(server);
        raw.write(`PATCH ${target(id)} HTTP/1.1\r\nHost: ${server.host}\r\nContent-Type: application/offset+octet-stream\r\n` +
            'Upload-Offset: 50000\r\nContent-Length: 50000\r\n\r\n');
        raw.write(bytes.subarray(50000, 80000));
        raw.socket.end();
        assert.match(await raw.all(), /^HTTP\/1.1 400/);
        assert.equal(await offsetOf(id), '50000');
        assert.equal((await patch(id, 50000, bytes.subarray(50000, 100000), 100000)).status, 204);
        assert.equal(await fetched(server, `/filepond/?load=${id}`), sha256(bytes.subarray(0, 100000)));
    });

    await t.test('the form may bring the file', async () => {
        const made = await sendForm(server, '/filepond/', { meta: '{"a":1}', filepond: bytes });
        assert.equal(made.status, 201, made.text);
        assert.equal(await fetched(server, `/filepond/?load=${made.text}`), sha256(bytes));
    });
});

test('parts with a Content-Encoding', async (t) => {
    const server = await startServer(t);
    const text = Buffer.from('what is said twice is said twice, '.repeat(9000));
    const zeros = Buffer.alloc(64 << 20);

    for (const [name, encode] of [['gzip', (data) => zlib.gzipSync(data)], ['zstd', (data) => zstdOf(data)]]) {
        await t.test(`${name}: length and checksum are of the decoded bytes`, async () => {
            const upload = await init(server, { size: text.length });
            const body = encode(text);
            const answer = await request(server, 'POST', '/api/v1/videos/chunk', {
                headers: { ...partHeaders(upload, 0, text), 'Content-Length': body.length, 'Content-Encoding': name }, body,
            });
            assert.equal(answer.status, 200, answer.text);
            assert.equal(answer.json().state, 'done');
            assert.equal(await fetched(server, answer.json().url), sha256(text));
            const other = await init(server, { size: text.length });
            const wrong = await request(server, 'POST', '/api/v1/videos/chunk', {
                headers: {
                    ...partHeaders(other, 0, text), 'Reelhaul-Crc64': crc64Field(body), 'Content-Length': body.length,
                    'Content-Encoding': name,
                },
                body,
            });
            assert.equal(wrong.status, 422, 'not of the coded ones');
        });

        await t.test(`${name}: forms of /upload/chunk and of the sessions API`, async () => {
            const body = encode(formOf({ sessionId: name, chunkId: 0, final: true, chunk: text }));
            const answer = await request(server, 'POST', '/upload/chunk', {
                headers: { ...formType, 'Content-Length': body.length, 'Content-Encoding': name }, body,
            });
            assert.equal(answer.json().status, 'upload_complete', answer.text);
            assert.equal(await fetched(server, answer.json().url), sha256(text));
            const session = (await request(server, 'POST', '/api/session/create')).json().session_id;
            const form = encode(formOf({ session_id: session, video_id: 'v', chunk_index: 0, total_chunks: 1, chunk: text }));
            const other = await request(server, 'POST', '/api/upload/chunk', {
                headers: { ...formType, 'Content-Length': form.length, 'Content-Encoding': name }, body: form,
            });
            assert.equal(other.json().status, 'video_complete', other.text);
        });

        await t.test(`${name}: a bomb is 413, and nothing of it is kept`, async () => {
            const upload = await init(server, {});
            const body = name === 'gzip' ? zlib.gzipSync(zeros) : zstdOf(zeros, zeros.length);
            const answer = await request(server, 'POST', '/api/v1/videos/chunk', {
                headers: {
                    'Content-Type': 'application/octet-stream', 'Reelhaul-Upload': upload, 'Reelhaul-Offset': 0,
                    'Content-Length': body.length, 'Content-Encoding': name,
                },
                body,
            });
            assert.equal(answer.status, 413, answer.text);
            const view = (await request(server, 'GET', `/api/v1/videos/${upload}`)).json();
            assert.equal(view.received, 0);
            assert.deepEqual(view.durable, []);
        });
    }

    await t.test('what is not known is 415, with what is', async () => {
        const upload = await init(server, {});
        for (const coding of ['br', 'deflate', 'gzip, gzip']) {
            const answer = await request(server, 'POST', '/api/v1/videos/chunk', {
                headers: { ...partHeaders(upload, 0, text), 'Content-Encoding': coding }, body: text,
            });
            assert.equal(answer.status, 415);
            assert.equal(answer.headers['accept-encoding'], 'gzip, zstd');
        }
    });
});
