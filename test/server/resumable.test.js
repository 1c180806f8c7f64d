// SPDX-License-Identifier: MIT
// IETF resumable uploads against the real server, over raw sockets, so that 104s are seen as they come.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';

import { crc64Field } from './crc64.js';
import { connect, parseAnswers, request, startServer } from './server.js';
import { makeBytes, sha256 } from './videos.js';

const partial = 'application/partial-upload';
const problems = 'https://iana.org/assignments/http-problem-types#';
const bytes = makeBytes(300001);

/** A request of which the head alone is sent; more goes by write(). */
async function open(server, method, target, headers) {
    const raw = await connect(server);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    raw.write(`${method} ${target} HTTP/1.1\r\nHost: ${server.host}\r\n${lines.join('')}\r\n`);
    return raw;
}

/** All answers so far of a raw connection, once the last of them is final. */
async function finalOf(raw) {
    for (;;) {
        const answers = parseAnswers(raw.received);
        if (answers.at(-1)?.status >= 200) return answers;
        if (raw.ended) throw new Error(`closed after ${raw.received.toString('latin1')}`);
        await raw.changed();
    }
}

/** Waits for the first answer of all that fits; interim ones count. */
async function answerOf(raw, fits) {
    for (;;) {
        const found = parseAnswers(raw.received).find(fits);
        if (found) return found;
        if (raw.ended) throw new Error(`closed after ${raw.received.toString('latin1')}`);
        await raw.changed();
    }
}

const pathOf = (location) => new URL(location).pathname;
const version = (n) => (n ? { 'Upload-Draft-Interop-Version': n } : {});
const completeness = (n, complete) =>
    n === 3 ? { 'Upload-Incomplete': complete ? '?0' : '?1' } : { 'Upload-Complete': complete ? '?1' : '?0' };
const create = (server, headers, body) => request(server, 'POST', '/files/', { headers, body });
const head = (server, path, n = 8) => request(server, 'HEAD', path, { headers: version(n) });

function append(server, path, offset, body, { n = 8, complete = false, headers = {} } = {}) {
    return request(server, 'PATCH', path, {
        headers: {
            ...version(n), ...completeness(n, complete), 'Upload-Offset': offset, 'Content-Length': body.length,
            ...(n >= 6 ? { 'Content-Type': partial } : {}), ...headers,
        },
        body,
    });
}

/** A new upload with these bytes, unfinished: its path. */
async function begun(server, body, headers = {}) {
    const answer = await create(server, {
        ...version(8), 'Upload-Complete': '?0', 'Content-Length': body.length, ...headers,
    }, body);
    assert.equal(answer.status, 201, answer.text);
    return pathOf(answer.headers.location);
}

async function fetched(server, path) {
    const answer = await request(server, 'GET', path);
    assert.equal(answer.status, 200, answer.text);
    return sha256(answer.bytes);
}

function problemOf(answer, status, type) {
    assert.equal(answer.status, status, answer.text);
    assert.equal(answer.headers['content-type'], 'application/problem+json');
    assert.equal(answer.json().type, problems + type);
    return answer.json();
}

const digest = (algorithm, data) =>
    `${algorithm}=:${createHash(algorithm.replace('-', '')).update(data).digest('base64')}:`;

test('resumable uploads', async (t) => {
    const server = await startServer(t, { args: ['--loops', '2'] });

    for (const n of [3, 4, 5, 6, 7, 8]) {
        await t.test(`interop version ${n}: 104 comes before the body, and the body may break`, async () => {
            const raw = await open(server, 'POST', '/files/', {
                ...version(n), ...completeness(n, true), 'Content-Length': bytes.length,
                'Content-Type': 'video/mp4', 'Content-Disposition': 'inline; filename="take.mp4"',
            });
            const hint = await answerOf(raw, (answer) => answer.status === 104);
            assert.equal(hint.headers['upload-draft-interop-version'], String(n));
            assert.equal('upload-limit' in hint.headers, n >= 6);
            if (n >= 6) assert.match(hint.headers['upload-limit'], n === 6 ? /expires=\d/ : /max-age=\d/);
            const path = pathOf(hint.headers.location);
            raw.write(bytes.subarray(0, 100000));
            // Asked while the body is still on its way: what has come is durable, and the writer goes on.
            let offset = 0;
            while (offset < 100000) {
                const look = await head(server, path, n);
                assert.equal(look.status, 204);
                assert.equal(look.headers[n === 3 ? 'upload-incomplete' : 'upload-complete'], n === 3 ? '?1' : '?0');
                assert.equal(look.headers['cache-control'], 'no-store');
                offset = Number(look.headers['upload-offset']);
            }
            assert.equal(offset, 100000);
            raw.socket.destroy();
            const after = await head(server, path, n);
            assert.equal(after.headers['upload-offset'], '100000');
            assert.equal(after.headers['upload-length'], String(bytes.length));
            const more = await append(server, path, 100000, bytes.subarray(100000, 200000), { n });
            assert.equal(more.status, n < 6 ? 201 : 204);
            assert.equal(more.headers['upload-offset'], '200000');
            const last = await append(server, path, 200000, bytes.subarray(200000), { n, complete: true });
            assert.equal(last.status, n < 6 ? 201 : 200, last.text);
            assert.equal(last.json().url, `/download/${path.split('/').pop()}/take.mp4`);
            assert.equal(await fetched(server, path), sha256(bytes));
            assert.equal(await fetched(server, last.json().url), sha256(bytes));
        });
    }

    await t.test('one request, one answer, the target\'s own', async () => {
        const raw = await open(server, 'POST', '/files/', {
            ...version(8), 'Upload-Complete': '?1', 'Content-Length': bytes.length, 'Content-Type': 'video/webm',
        });
        raw.write(bytes);
        const answers = await finalOf(raw);
        assert.equal(answers[0].status, 104);
        const final = answers.at(-1);
        assert.equal(final.status, 201);
        assert.equal(final.headers['upload-complete'], '?1');
        assert.equal(final.headers.location, answers[0].headers.location);
        assert.match(final.headers['reelhaul-receipt'], /kept=until-complete, durable$/);
        assert.equal(JSON.parse(final.body).checksum, `crc64nvme:${crc64Field(bytes)}`);
        raw.socket.destroy();
    });

    await t.test('104 is not 100: who expects to be told to go on is told both', async () => {
        const raw = await open(server, 'POST', '/files/', {
            ...version(8), 'Upload-Complete': '?1', 'Content-Length': 5, Expect: '100-continue',
        });
        await answerOf(raw, (answer) => answer.status === 104);
        await answerOf(raw, (answer) => answer.status === 100);
        raw.write('hello');
        assert.equal((await finalOf(raw)).at(-1).status, 201);
        raw.socket.destroy();
    });

    await t.test('progress is told once it is committed', async () => {
        const path = await begun(server, Buffer.alloc(0));
        const raw = await open(server, 'PATCH', path, {
            ...version(8), 'Upload-Complete': '?1', 'Upload-Offset': 0, 'Content-Length': bytes.length, 'Content-Type': partial,
        });
        raw.write(bytes.subarray(0, 123456));
        while ((await head(server, path)).headers['upload-offset'] !== '123456') continue;
        const told = await answerOf(raw, (answer) => answer.headers['upload-offset'] === '123456');
        assert.equal(told.status, 104);
        assert.ok(!('location' in told.headers), 'never Location to an append');
        raw.write(bytes.subarray(123456));
        assert.equal((await finalOf(raw)).at(-1).status, 200);
        assert.equal(await fetched(server, path), sha256(bytes));
        raw.socket.destroy();
    });

    await t.test('no version, or another one, is never sent 104', async () => {
        for (const headers of [{}, version(2), version(9), version('"8"')]) {
            const raw = await open(server, 'POST', '/files/', { ...headers, 'Upload-Complete': '?1', 'Content-Length': 5 });
            raw.write('hello');
            const answers = await finalOf(raw);
            assert.deepEqual(answers.map((answer) => answer.status), [201]);
            assert.equal(answers[0].headers['upload-complete'], '?1');
            raw.socket.destroy();
        }
    });

    await t.test('the newer request takes over, with every byte of the older', async () => {
        const path = await begun(server, Buffer.alloc(0));
        const older = await open(server, 'PATCH', path, {
            ...version(8), 'Upload-Complete': '?1', 'Upload-Offset': 0, 'Content-Length': bytes.length, 'Content-Type': partial,
        });
        older.write(bytes.subarray(0, 150000));
        while ((await head(server, path)).headers['upload-offset'] !== '150000') continue;
        const newer = await append(server, path, 150000, bytes.subarray(150000), { complete: true });
        assert.equal(newer.status, 200, newer.text);
        const refused = await answerOf(older, (answer) => answer.status >= 200);
        assert.equal(refused.status, 409);
        older.socket.destroy();
        assert.equal(await fetched(server, path), sha256(bytes));
    });

    await t.test('offsets, lengths and ends', async () => {
        const path = await begun(server, bytes.subarray(0, 10), { 'Upload-Length': 30 });
        const problem = problemOf(await append(server, path, 12, bytes.subarray(12, 20)), 409, 'mismatching-upload-offset');
        assert.equal(problem['expected-offset'], 10);
        assert.equal(problem['provided-offset'], 12);
        problemOf(await append(server, path, 10, bytes.subarray(10, 20), { complete: true }), 400, 'inconsistent-upload-length');
        assert.equal((await append(server, path, 10, bytes.subarray(10, 30))).status, 204);
        // The offset is the length, and the upload is not complete.
        const look = await head(server, path);
        assert.equal(look.headers['upload-offset'], '30');
        assert.equal(look.headers['upload-complete'], '?0');
        assert.equal((await append(server, path, 30, Buffer.alloc(0), { complete: true })).status, 200);
        assert.equal((await head(server, path)).headers['upload-complete'], '?1');
        problemOf(await append(server, path, 30, Buffer.alloc(0), { complete: true }), 400, 'completed-upload');
        problemOf(await append(server, path, 30, Buffer.from('x')), 400, 'inconsistent-upload-length');
        assert.equal((await request(server, 'DELETE', path, { headers: version(8) })).status, 409, 'what is complete stays');
        assert.equal(await fetched(server, path), sha256(bytes.subarray(0, 30)));
    });

    await t.test('past its length an upload is given up; cancelling does that too', async () => {
        const path = await begun(server, bytes.subarray(0, 10), { 'Upload-Length': 30 });
        problemOf(await append(server, path, 10, bytes.subarray(10, 31)), 400, 'inconsistent-upload-length');
        assert.equal((await head(server, path)).status, 410);
        const other = await begun(server, bytes.subarray(0, 10));
        assert.equal((await request(server, 'DELETE', other, { headers: version(8) })).status, 204);
        assert.equal((await head(server, other)).status, 410);
        assert.equal((await head(server, other, 5)).status, 404);
    });

    await t.test('digests are verified, and told where wanted', async () => {
        const part = bytes.subarray(0, 5000);
        const path = await begun(server, Buffer.alloc(0));
        for (const field of [digest('sha-256', part), digest('sha-512', part), `crc64nvme=${crc64Field(part)}`]) {
            const wrong = await append(server, path, 0, bytes.subarray(1, 5001), { headers: { 'Content-Digest': field } });
            problemOf(wrong, 400, 'digest-mismatched-values');
            assert.equal(wrong.headers['upload-offset'], '0');
        }
        const right = await append(server, path, 0, part, { headers: { 'Content-Digest': digest('sha-256', part) } });
        assert.equal(right.status, 204, right.text);
        const whole = { ...version(8), 'Upload-Complete': '?1', 'Content-Length': bytes.length, 'Repr-Digest': digest('sha-256', bytes) };
        const good = await create(server, whole, bytes);
        assert.equal(good.status, 201, good.text);
        assert.equal(good.headers['repr-digest'], digest('sha-256', bytes));
        const flipped = Buffer.from(bytes);
        flipped[77777] ^= 1;
        const bad = await create(server, whole, flipped);
        problemOf(bad, 400, 'digest-mismatched-values');
        // In two bodies the store is asked.
        for (const [algorithm, wrong] of [['sha-256', 0], ['sha-512', 0], ['sha-256', 1]]) {
            const half = await begun(server, bytes.subarray(0, 150000), { 'Repr-Digest': digest(algorithm, bytes) });
            const rest = Buffer.from(bytes.subarray(150000));
            rest[5] ^= wrong;
            const answer = await append(server, half, 150000, rest, { complete: true });
            if (wrong) problemOf(answer, 400, 'digest-mismatched-values');
            else assert.equal(answer.headers['repr-digest'], digest(algorithm, bytes), answer.text);
            assert.equal((await head(server, half)).status, wrong ? 410 : 204);
        }
        const wanted = await create(server, {
            ...version(8), 'Upload-Complete': '?1', 'Content-Length': bytes.length, 'Want-Repr-Digest': 'sha-512=3, sha-256=1',
        }, bytes);
        assert.equal(wanted.headers['repr-digest'], `${digest('sha-512', bytes)}, ${digest('sha-256', bytes)}`);
    });

    await t.test('it can be looked at in every other dialect', async () => {
        const path = await begun(server, bytes.subarray(0, 1000), { 'Upload-Length': 2000 });
        const id = path.split('/').pop();
        const tus = await request(server, 'HEAD', path, { headers: { 'Tus-Resumable': '1.0.0' } });
        assert.equal(tus.headers['upload-offset'], '1000');
        const video = (await request(server, 'GET', `/api/v1/videos/${id}`)).json();
        assert.equal(video.received, 1000);
        const range = await request(server, 'PUT', path, { headers: { 'Content-Range': 'bytes */2000', 'Content-Length': 0 } });
        assert.equal(range.status, 308);
        assert.equal(range.headers.range, 'bytes=0-999');
        const plain = await request(server, 'HEAD', path);
        assert.equal(plain.status, 204);
        assert.equal(plain.headers['upload-offset'], '1000');
        assert.match((await request(server, 'OPTIONS', '/files/')).headers['upload-limit'], /^max-size=\d+$/);
    });
});

test('what 104 told survives kill -9', async (t) => {
    const first = await startServer(t);
    const raw = await open(first, 'POST', '/files/', {
        ...version(8), 'Upload-Complete': '?1', 'Content-Length': bytes.length,
    });
    const path = pathOf((await answerOf(raw, (answer) => answer.status === 104)).headers.location);
    raw.write(bytes.subarray(0, 200000));
    while ((await head(first, path)).headers['upload-offset'] !== '200000') continue;
    await answerOf(raw, (answer) => answer.headers['upload-offset'] === '200000');
    await first.stop('SIGKILL');
    raw.socket.destroy();
    const second = await startServer(t, { data: first.data });
    assert.equal((await head(second, path)).headers['upload-offset'], '200000');
    assert.equal((await append(second, path, 200000, bytes.subarray(200000), { complete: true })).status, 200);
    assert.equal(await fetched(second, path), sha256(bytes));
});

test('--no-informational is never 104', async (t) => {
    const server = await startServer(t, { args: ['--no-informational'] });
    const raw = await open(server, 'POST', '/files/', { ...version(8), 'Upload-Complete': '?1', 'Content-Length': 5 });
    raw.write('hello');
    assert.deepEqual((await finalOf(raw)).map((answer) => answer.status), [201]);
    raw.socket.destroy();
});
