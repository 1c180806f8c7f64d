// SPDX-License-Identifier: MIT
// tus 1.0 against the real server, request by request; the names of the tests are lines of the protocol, of what
// other servers get wrong, and of what users complain about.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { crc64Field } from './crc64.js';
import { connect, postJson, request, startServer, temporaryDirectory } from './server.js';
import { checksum, connectH2, create, createOf, head, metadataOf, offsetOf, openPatch, patch, pathOf, TUS, TYPE } from './tus.js';
import { makeBytes, sha256 } from './videos.js';

const bytes = makeBytes(100000);

async function uploaded(server, body, headers = {}) {
    const at = await createOf(server, body.length, headers);
    assert.equal((await patch(server, at, 0, body)).status, 204);
    return at;
}

/** Sends raw chunks and trailers, which no client library does. */
async function patchWithTrailer(server, target, offset, body, trailer) {
    const raw = await connect(server);
    raw.write(`PATCH ${target} HTTP/1.1\r\nHost: ${server.host}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: ${offset}\r\n` +
        `${TYPE['Content-Type'] && `Content-Type: ${TYPE['Content-Type']}`}\r\nTransfer-Encoding: chunked\r\n` +
        'Trailer: Upload-Checksum\r\n\r\n');
    for (let at = 0; at < body.length; at += 30000) {
        const piece = body.subarray(at, at + 30000);
        raw.write(`${piece.length.toString(16)}\r\n`);
        raw.write(piece);
        raw.write('\r\n');
    }
    raw.write(`0\r\n${trailer}\r\n`);
    const [answer] = await raw.answers(1);
    raw.socket.destroy();
    return answer;
}

/** HEAD, where Node's own parser of answers would give up: it takes 16 KiB. */
async function longHead(server, target) {
    const raw = await connect(server);
    raw.write(`HEAD ${target} HTTP/1.1\r\nHost: ${server.host}\r\nTus-Resumable: 1.0.0\r\n\r\n`);
    const [answer] = await raw.answers(1);
    raw.socket.destroy();
    return answer;
}

test('tus 1.0', async (t) => {
    const server = await startServer(t, { args: ['--max-upload', '5000000', '--loops', '2', '--max-header-bytes', '64KiB'] });

    await t.test('core: OPTIONS tells what is possible, without Tus-Resumable', async () => {
        const answer = await request(server, 'OPTIONS', '/files/');
        assert.equal(answer.status, 200);
        assert.equal(answer.headers['tus-version'], '1.0.0');
        assert.equal(answer.headers['tus-max-size'], '5000000');
        assert.equal(answer.headers['tus-checksum-algorithm'], 'sha1,sha256,md5,crc32c,crc64nvme');
        const extensions = answer.headers['tus-extension'].split(',');
        for (const name of ['creation', 'creation-with-upload', 'creation-defer-length', 'checksum', 'checksum-trailer',
            'concatenation', 'concatenation-unfinished', 'expiration', 'termination'])
            assert.ok(extensions.includes(name), name);
    });

    await t.test('core: another version gets 412 and is not processed', async () => {
        const at = await createOf(server, 10);
        for (const version of ['0.2.2', '2.0.0', '']) {
            const answer = await patch(server, at, 0, 'hello', { 'Tus-Resumable': version });
            assert.equal(answer.status, 412);
            assert.equal(answer.headers['tus-version'], '1.0.0');
        }
        const missing = await request(server, 'PATCH', at, { headers: { ...TYPE, 'Upload-Offset': '0' }, body: 'hello' });
        assert.equal(missing.status, 412);
        assert.equal(await offsetOf(server, at), 0);
    });

    await t.test('core: an upload in three pieces, its offset known at any time', async () => {
        const at = await createOf(server, bytes.length);
        for (const [from, to] of [[0, 1], [1, 77777], [77777, bytes.length]]) {
            const looked = await head(server, at);
            assert.equal(looked.status, 200);
            assert.equal(looked.headers['upload-offset'], String(from));
            assert.equal(looked.headers['upload-length'], String(bytes.length));
            assert.equal(looked.headers['cache-control'], 'no-store');
            assert.equal(looked.headers['tus-resumable'], '1.0.0');
            const answer = await patch(server, at, from, bytes.subarray(from, to));
            assert.equal(answer.status, 204);
            assert.equal(answer.headers['upload-offset'], String(to));
            assert.equal(answer.headers['tus-resumable'], '1.0.0');
        }
        assert.equal(await offsetOf(server, at), bytes.length, 'of a complete one too');
        assert.equal(sha256((await request(server, 'GET', at)).bytes), sha256(bytes));
    });

    await t.test('core: 409 for another offset, nothing changed, and the true one told', async () => {
        const at = await createOf(server, 20);
        assert.equal((await patch(server, at, 0, '0123456789')).status, 204);
        for (const offset of [0, 9, 11, 20, 1e15]) {
            const answer = await patch(server, at, offset, 'x');
            assert.equal(answer.status, 409);
            assert.equal(answer.headers['upload-offset'], '10');
        }
        assert.equal((await patch(server, at, 10, '0123456789')).status, 204);
        assert.equal((await request(server, 'GET', at)).text, '01234567890123456789');
    });

    await t.test('core: 415 for another content type, 413 beyond the length, 404 for what never was', async () => {
        const at = await createOf(server, 5);
        assert.equal((await patch(server, at, 0, 'hello', { 'Content-Type': 'application/octet-stream' })).status, 415);
        assert.equal((await patch(server, at, 0, 'hello!')).status, 413);
        assert.equal(await offsetOf(server, at), 0);
        assert.equal((await patch(server, at, 0, 'hello')).status, 204);
        assert.equal((await patch(server, at, 5, '!')).status, 413);
        const answer = await head(server, '/files/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA');
        assert.equal(answer.status, 404);
        assert.equal(answer.headers['upload-offset'], undefined);
    });

    await t.test('core: a chunked body may not run beyond the length', async () => {
        const at = await createOf(server, 5);
        const raw = await connect(server);
        raw.write(`PATCH ${at} HTTP/1.1\r\nHost: ${server.host}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n` +
            'Content-Type: application/offset+octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n' +
            '8\r\nhello!!!\r\n0\r\n\r\n');
        assert.equal((await raw.answers(1))[0].status, 413);
        raw.socket.destroy();
        const now = await offsetOf(server, at);
        assert.ok(now <= 5);
        if (now < 5) assert.equal((await patch(server, at, now, 'hello'.slice(now))).status, 204);
        assert.equal((await request(server, 'GET', at)).text, 'hello');
    });

    await t.test('core: X-HTTP-Method-Override counts, whatever the method was', async () => {
        const at = await createOf(server, 5);
        const send = (method, override, headers = {}, body = undefined) => request(server, method, at,
            { headers: { ...TUS, 'X-HTTP-Method-Override': override, ...headers }, body });
        assert.equal((await send('POST', 'HEAD')).headers['upload-offset'], '0');
        assert.equal((await send('POST', 'PATCH', { ...TYPE, 'Upload-Offset': '0' }, 'hello')).status, 204);
        assert.equal((await send('GET', 'DELETE')).status, 204);
        assert.equal((await head(server, at)).status, 410);
    });

    await t.test('creation: 201, an absolute Location, 413 with Tus-Max-Size', async () => {
        const answer = await create(server, { 'Upload-Length': '100' });
        assert.equal(answer.status, 201);
        assert.match(answer.headers.location, new RegExp(`^${server.url}/files/[A-Za-z0-9_-]{32}$`));
        assert.equal(answer.headers['reelhaul-state'], 'open');
        const large = await create(server, { 'Upload-Length': '5000001' });
        assert.equal(large.status, 413);
        assert.equal(large.headers['tus-max-size'], '5000000');
        assert.equal((await create(server, {})).status, 400);
    });

    await t.test('creation: Upload-Length: 0 completes at once', async () => {
        const answer = await create(server, { 'Upload-Length': '0' });
        assert.equal(answer.status, 201);
        assert.equal(answer.headers['reelhaul-state'], 'done');
        const got = await request(server, 'GET', answer.path);
        assert.equal(got.status, 200);
        assert.equal(got.bytes.length, 0);
        const looked = await head(server, answer.path);
        assert.equal(looked.headers['upload-offset'], '0');
        assert.equal(looked.headers['upload-length'], '0');
    });

    await t.test('creation: Upload-Metadata comes back as it was, bad ones get 400', async () => {
        const raw = `${metadataOf({ filename: 'größe "1".mp4', filetype: 'video/mp4', flag: '' })}`;
        const at = await createOf(server, 5, { 'Upload-Metadata': raw });
        assert.equal((await head(server, at)).headers['upload-metadata'], raw);
        await patch(server, at, 0, 'hello');
        assert.equal((await head(server, at)).headers['upload-metadata'], raw, 'of a complete one too');
        const got = await request(server, 'GET', at);
        assert.equal(got.headers['content-type'], 'video/mp4');
        for (const bad of ['a b', 'a,a', 'a YQ==,,b', 'a Y', ',', 'a YQ== YQ=='])
            assert.equal((await create(server, { 'Upload-Length': '5', 'Upload-Metadata': bad })).status, 400, bad);
    });

    await t.test('creation: what HEAD could not say again is refused', async () => {
        const value = (size) => ({ 'Upload-Metadata': `k ${'A'.repeat(size - 2)}` });
        const at = await createOf(server, 5, value(16 * 1024 - 2));
        assert.equal((await longHead(server, at)).headers['upload-metadata'].length, 16 * 1024 - 2);
        assert.equal((await create(server, { 'Upload-Length': '5', ...value(16 * 1024 + 2) })).status, 431);
        const partial = await createOf(server, 0, { 'Upload-Concat': 'partial' });
        const many = `final;${Array(500).fill(partial).join(' ')}`;
        assert.ok(many.length < 24 * 1024);
        const final = await create(server, { 'Upload-Concat': many });
        assert.equal((await longHead(server, final.path)).headers['upload-concat'], many);
        assert.equal((await create(server, { 'Upload-Concat': many, ...value(8002) })).status, 431);
    });

    await t.test('creation: hostile names stay below the data directory', async () => {
        for (const filename of ['../../../etc/passwd', '/etc/passwd', '..', 'a\0b', '.hidden', 'con\r\nX: y', '\u202egpj.exe',
            'x'.repeat(400)]) {
            const at = await uploaded(server, Buffer.from('harmless'), { 'Upload-Metadata': metadataOf({ filename }) });
            assert.equal((await request(server, 'GET', at)).text, 'harmless', filename);
        }
        assert.ok(!fs.existsSync(path.join(server.data, '../etc')));
        for (const entry of fs.readdirSync(path.join(server.data, 'files'), { recursive: true }))
            assert.match(String(entry), /^[A-Za-z0-9_-]{32}(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)?$/);
    });

    await t.test('creation-with-upload: the first bytes come along, or all of them', async () => {
        const answer = await create(server, { 'Upload-Length': '10', ...TYPE }, 'hello');
        assert.equal(answer.status, 201);
        assert.equal(answer.headers['upload-offset'], '5');
        assert.equal((await patch(server, answer.path, 5, 'world')).status, 204);
        const whole = await create(server, { 'Upload-Length': '5', ...TYPE }, 'hello');
        assert.equal(whole.headers['upload-offset'], '5');
        assert.equal(whole.headers['reelhaul-state'], 'done');
        assert.equal((await request(server, 'GET', whole.path)).text, 'hello');
        assert.equal((await create(server, { 'Upload-Length': '5' }, 'hello')).status, 415);
        assert.equal((await create(server, { 'Upload-Length': '4', ...TYPE }, 'hello')).status, 413);
    });

    await t.test('creation-defer-length: the length comes once, and is then fixed', async () => {
        const { path: at } = await create(server, { 'Upload-Defer-Length': '1' });
        assert.equal((await patch(server, at, 0, 'hello')).status, 204);
        let looked = await head(server, at);
        assert.equal(looked.headers['upload-defer-length'], '1');
        assert.equal(looked.headers['upload-length'], undefined);
        assert.equal((await patch(server, at, 5, 'wor', { 'Upload-Length': '10' })).status, 204);
        looked = await head(server, at);
        assert.equal(looked.headers['upload-defer-length'], undefined);
        assert.equal(looked.headers['upload-length'], '10');
        assert.equal((await patch(server, at, 8, 'l', { 'Upload-Length': '11' })).status, 400);
        assert.equal((await patch(server, at, 8, 'l', { 'Upload-Length': '9' })).status, 400);
        assert.equal((await patch(server, at, 8, 'ld', { 'Upload-Length': '10' })).status, 204);
        assert.equal((await request(server, 'GET', at)).text, 'helloworld');
        for (const value of ['0', '2', 'yes'])
            assert.equal((await create(server, { 'Upload-Defer-Length': value })).status, 400);
        assert.equal((await create(server, { 'Upload-Defer-Length': '1', 'Upload-Length': '5' })).status, 400);
    });

    await t.test('creation-defer-length: a length below what is there is refused, not truncated (tusd #396, #798)', async () => {
        const { path: at } = await create(server, { 'Upload-Defer-Length': '1' });
        assert.equal((await patch(server, at, 0, 'hello')).status, 204);
        const answer = await patch(server, at, 5, '', { 'Upload-Length': '3' });
        assert.ok(answer.status === 400 || answer.status === 413, `${answer.status}`);
        assert.equal(await offsetOf(server, at), 5);
        assert.equal((await patch(server, at, 5, '', { 'Upload-Length': '5' })).status, 204);
        assert.equal((await request(server, 'GET', at)).text, 'hello');
    });

    await t.test('checksum: each algorithm; a mismatch gets 460, not 204, and the offset stays', async () => {
        const crc = crc64Field(bytes).slice(1, -1);
        for (const right of [checksum('sha1', bytes), checksum('sha256', bytes), checksum('md5', bytes), `crc64nvme ${crc}`]) {
            const at = await createOf(server, bytes.length);
            const wrong = await patch(server, at, 0, makeBytes(bytes.length), { 'Upload-Checksum': right });
            assert.equal(wrong.status, 460);
            assert.equal(wrong.headers['upload-offset'], '0');
            assert.equal(await offsetOf(server, at), 0);
            assert.equal((await patch(server, at, 0, bytes, { 'Upload-Checksum': right })).status, 204);
            assert.equal(sha256((await request(server, 'GET', at)).bytes), sha256(bytes));
        }
        const at = await createOf(server, 9);
        assert.equal((await patch(server, at, 0, '12345678!', { 'Upload-Checksum': 'crc32c 4waSgw==' })).status, 460);
        assert.equal((await patch(server, at, 0, '123456789', { 'Upload-Checksum': 'crc32 y/Q5Jg==' })).status, 400);
        assert.equal((await patch(server, at, 0, '123456789', { 'Upload-Checksum': 'crc32c 4waSgw==' })).status, 204);
    });

    await t.test('checksum: of a body with one that breaks nothing is kept', async () => {
        const at = await createOf(server, bytes.length);
        const raw = await connect(server);
        raw.write(`PATCH ${at} HTTP/1.1\r\nHost: ${server.host}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n` +
            `Content-Type: application/offset+octet-stream\r\nContent-Length: ${bytes.length}\r\n` +
            `Upload-Checksum: ${checksum('sha1', bytes)}\r\n\r\n`);
        raw.write(bytes.subarray(0, 50000));
        raw.socket.end();
        assert.equal((await raw.answers(1))[0].headers['upload-offset'], '0');
        assert.equal(await offsetOf(server, at), 0);
    });

    await t.test('checksum-trailer: the checksum comes behind the body', async () => {
        const at = await createOf(server, bytes.length);
        const line = (value) => `Upload-Checksum: ${value}\r\n`;
        const wrong = await patchWithTrailer(server, at, 0, bytes, line(checksum('sha1', makeBytes(3))));
        assert.equal(wrong.status, 460);
        assert.equal((await patchWithTrailer(server, at, 0, bytes, line('sha7 AAAA'))).status, 400);
        assert.equal((await patchWithTrailer(server, at, 0, bytes, '')).status, 400, 'announced, and did not come');
        assert.equal(await offsetOf(server, at), 0);
        const right = await patchWithTrailer(server, at, 0, bytes, line(checksum('sha256', bytes)));
        assert.equal(right.status, 204);
        assert.equal(sha256((await request(server, 'GET', at)).bytes), sha256(bytes));
    });

    await t.test('concatenation: partials become a final, in the order that is said, again and again', async () => {
        const partial = (text) => create(server, { 'Upload-Concat': 'partial', 'Upload-Length': String(text.length), ...TYPE,
            'Upload-Metadata': metadataOf({ part: text }) }, text);
        const [a, b] = [await partial('hello '), await partial('world')];
        for (const [concat, text] of [
            [`final;${a.path} ${b.path}`, 'hello world'],
            [`final;${b.headers.location} ${a.headers.location} ${b.path}`, 'worldhello world'],
        ]) {
            const final = await create(server, { 'Upload-Concat': concat });
            assert.equal(final.status, 201, final.text);
            const looked = await head(server, final.path);
            assert.equal(looked.headers['upload-concat'], concat);
            assert.equal(looked.headers['upload-length'], String(text.length));
            assert.equal(looked.headers['upload-offset'], String(text.length));
            assert.equal(looked.headers['upload-metadata'], undefined, 'of partials nothing is inherited');
            assert.equal((await request(server, 'GET', final.path)).text, text);
            assert.equal((await patch(server, final.path, text.length, 'x')).status, 403);
        }
        assert.equal((await head(server, a.path)).headers['upload-concat'], 'partial');
        assert.equal((await create(server, { 'Upload-Concat': `final;${a.path}`, 'Upload-Length': '6' })).status, 400);
        const nowhere = await create(server, { 'Upload-Concat': 'final;/files/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' });
        assert.ok(nowhere.status >= 400 && nowhere.status < 500, `${nowhere.status}`);
    });

    await t.test('concatenation-unfinished: the final waits for its partials', async () => {
        const at = await createOf(server, 5, { 'Upload-Concat': 'partial' });
        const final = await create(server, { 'Upload-Concat': `final;${at} ${at}` });
        assert.equal(final.status, 201, final.text);
        const looked = await head(server, final.path);
        assert.equal(looked.status, 200);
        assert.equal(looked.headers['upload-offset'], undefined);
        assert.equal((await patch(server, final.path, 0, 'x')).status, 403);
        assert.equal((await request(server, 'GET', final.path)).status, 409);
        assert.equal((await patch(server, at, 0, 'hello')).status, 204);
        while ((await head(server, final.path)).headers['upload-offset'] !== '10') continue;
        assert.equal((await request(server, 'GET', final.path)).text, 'hellohello');
    });

    await t.test('expiration: Upload-Expires while it is unfinished, and never after', async () => {
        const made = await create(server, { 'Upload-Length': '10' });
        assert.ok(Date.parse(made.headers['upload-expires']) > Date.now());
        const first = await patch(server, made.path, 0, 'hello');
        assert.ok(Date.parse(first.headers['upload-expires']) > Date.now());
        assert.equal((await patch(server, made.path, 5, 'world')).headers['upload-expires'], undefined);
        assert.equal((await head(server, made.path)).headers['upload-expires'], undefined);
    });

    await t.test('termination: 204, then 410; of a finished one too, for that is asked', async () => {
        const open = await createOf(server, 10);
        const done = await uploaded(server, Buffer.from('hello'));
        for (const at of [open, done]) {
            assert.equal((await request(server, 'DELETE', at, { headers: TUS })).status, 204);
            assert.equal((await head(server, at)).status, 410);
            assert.equal((await patch(server, at, 0, 'x')).status, 410);
            assert.equal((await request(server, 'GET', at)).status, 410);
            assert.equal((await request(server, 'DELETE', at, { headers: TUS })).status, 410);
        }
        const kept = await uploaded(server, Buffer.from('hello'));
        const id = kept.split('/').pop();
        assert.equal((await request(server, 'DELETE', `/api/v1/videos/${id}`)).status, 409, 'who does not ask does not get it');
        assert.equal((await request(server, 'GET', kept)).text, 'hello');
    });

    await t.test('downloads: ranges, ETag, and the same file by every door', async () => {
        const at = await uploaded(server, bytes, { 'Upload-Metadata': metadataOf({ filename: 'a.webm', filetype: 'video/webm' }) });
        const part = await request(server, 'GET', at, { headers: { Range: 'bytes=10-19' } });
        assert.equal(part.status, 206);
        assert.equal(part.headers['content-range'], `bytes 10-19/${bytes.length}`);
        assert.deepEqual(part.bytes, bytes.subarray(10, 20));
        const same = await request(server, 'GET', at, { headers: { 'If-None-Match': part.headers.etag } });
        assert.equal(same.status, 304);
        const id = at.split('/').pop();
        const seen = (await request(server, 'GET', `/api/v1/videos/${id}`)).json();
        assert.equal(seen.state, 'done');
        assert.equal(seen.metadata.filename, 'a.webm');
        const other = await request(server, 'GET', seen.url);
        assert.equal(other.status, 200, seen.url);
        assert.equal(sha256(other.bytes), sha256(bytes));
        const text = await uploaded(server, Buffer.from('x'), { 'Upload-Metadata': metadataOf({ filename: 'a b.html', filetype: 'text/html' }) });
        const got = await request(server, 'GET', text);
        assert.equal(got.headers['content-disposition'], 'attachment; filename="a_b.html"');
        assert.equal(got.headers['content-type'], 'application/octet-stream');
        assert.equal(got.headers['x-content-type-options'], 'nosniff');
    });

    await t.test('6 MiB acknowledged are 6 MiB ever after; complete is never 0 bytes (tusd #376, #497)', async () => {
        const body = makeBytes(4900000);
        const at = await createOf(server, body.length);
        let offset = 0;
        while (offset < body.length) {
            const answer = await patch(server, at, offset, body.subarray(offset, offset + 1234567));
            assert.equal(answer.status, 204);
            const told = Number(answer.headers['upload-offset']);
            assert.ok(told >= offset && await offsetOf(server, at) === told);
            offset = told;
        }
        assert.equal(sha256((await request(server, 'GET', at)).bytes), sha256(body));
    });

    await t.test('one model: what tus began is seen by the videos API, and its receipt is over the whole', async () => {
        const at = await createOf(server, 10);
        await patch(server, at, 0, 'hello');
        const id = at.split('/').pop();
        const seen = (await request(server, 'GET', `/api/v1/videos/${id}`)).json();
        assert.equal(seen.received, 5);
        assert.equal(seen.size, 10);
        const last = await patch(server, at, 5, 'world');
        assert.equal(last.headers['reelhaul-state'], 'done');
        assert.match(last.headers['reelhaul-receipt'], /^offset=0, length=10, crc64=:.*:, kept=until-complete, durable$/);
        // And the other way round: an upload by ranges can be looked at.
        const made = (await postJson(server, '/api/v1/videos/init', { mime_type: 'video/webm', size: 10 })).json();
        const looked = await head(server, `/files/${made.upload_id}`);
        assert.equal(looked.headers['upload-offset'], '0');
        assert.equal(looked.headers['upload-length'], '10');
    });
});

test('the same over HTTP/2, trailers too', async (t) => {
    const server = await startServer(t);
    const open = connectH2(t, server);
    const tus = { 'tus-resumable': '1.0.0' };
    const type = { 'content-type': 'application/offset+octet-stream' };
    const made = await open('POST', '/files/', { ...tus, 'upload-length': String(bytes.length) }).answer();
    assert.equal(made.status, 201);
    const at = pathOf(/** @type {string} */ (made.headers.location));
    const send = async (from, to, headers, options) => {
        const opened = open('PATCH', at, { ...tus, ...type, 'upload-offset': String(from), ...headers }, { endStream: false, ...options });
        opened.stream.end(bytes.subarray(from, to));
        return opened.answer();
    };
    assert.equal((await send(0, 40000, {})).headers['upload-offset'], '40000');
    const rest = bytes.subarray(40000);
    const wrong = await send(40000, bytes.length, { trailer: 'upload-checksum' }, { trailers: { 'upload-checksum': checksum('sha1', bytes) } });
    assert.equal(wrong.status, 460);
    assert.equal(wrong.headers['upload-offset'], '40000');
    const right = await send(40000, bytes.length, { trailer: 'upload-checksum' }, { trailers: { 'upload-checksum': checksum('sha1', rest) } });
    assert.equal(right.status, 204);
    assert.equal(sha256((await request(server, 'GET', at)).bytes), sha256(bytes));
    // A stream that is reset is a broken body: what came is kept.
    const other = await createOf(server, bytes.length);
    const broken = open('PATCH', other, { ...tus, ...type, 'upload-offset': '0' }, { endStream: false });
    broken.stream.write(bytes.subarray(0, 50000));
    while (await offsetOf(server, other) < 50000) continue;
    broken.stream.close(8);
    assert.equal((await patch(server, other, 50000, bytes.subarray(50000))).status, 204);
    assert.equal(sha256((await request(server, 'GET', other)).bytes), sha256(bytes));
});

test('a body as large as it likes is not held in memory', async (t) => {
    const server = await startServer(t, { args: ['--loops', '1'] });
    const memory = () => Number(/VmHWM:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${server.child.pid}/status`, 'utf8'))[1]) * 1024;
    const body = makeBytes(1 << 20);
    const size = 48 * body.length;
    await uploaded(server, body); // what every upload needs is there now
    const before = memory();
    const at = await createOf(server, size);
    const writer = await openPatch(server, at, 0, size);
    for (let i = 0; i < 48; i++)
        if (!writer.send(body)) await once(writer.raw.socket, 'drain');
    assert.equal((await writer.answer()).headers['upload-offset'], String(size));
    const grown = memory() - before;
    assert.ok(grown < size / 4, `${grown} bytes more for a body of ${size}`);
});

test('an upload whose time is up gets 410, a finished one stays', async (t) => {
    const server = await startServer(t, { args: ['--expire', '2s'] });
    const done = await uploaded(server, Buffer.from('hello'));
    const open = await create(server, { 'Upload-Length': '10', ...TYPE }, 'hello');
    assert.ok(Date.parse(open.headers['upload-expires']) > 0);
    let answer;
    do {
        answer = await head(server, open.path);
        await new Promise((resolve) => setTimeout(resolve, 100));
    } while (answer.status === 200);
    assert.equal(answer.status, 410);
    assert.ok(Date.now() >= Date.parse(open.headers['upload-expires']), 'not before it was said');
    assert.equal(answer.headers['upload-offset'], undefined);
    assert.equal((await patch(server, open.path, 5, 'world')).status, 410);
    assert.equal((await request(server, 'GET', done)).text, 'hello');
    assert.deepEqual(fs.readdirSync(path.join(server.data, 'incoming')), [], 'no stale files (tusd #250)');
});

test('participants reach their own uploads alone, asked again on every PATCH and HEAD (tusd #1117)', async (t) => {
    const token = 'correct-horse-battery-staple';
    const server = await startServer(t, {
        args: ['--auth', 'token'], env: { REELHAUL_TOKEN: token },
    });
    const bearer = (text) => ({ Authorization: `Bearer ${text}` });
    const session = async () =>
        (await postJson(server, '/api/session/create', {}, bearer(token))).json();
    const [mine, other] = [await session(), await session()];
    const refused = await create(server, { 'Upload-Length': '10' });
    assert.equal(refused.status, 401);
    assert.equal(refused.headers['tus-resumable'], '1.0.0');
    const made = await create(server, { 'Upload-Length': '10', ...bearer(mine.session_token) });
    assert.equal(made.status, 201, made.text);
    for (const [headers, status] of [[{}, 401], [bearer('x'), 401], [bearer(other.session_token), 404]]) {
        assert.equal((await head(server, made.path, headers)).status, status);
        assert.equal((await patch(server, made.path, 0, 'hello', headers)).status, status);
        assert.equal((await request(server, 'DELETE', made.path, { headers: { ...TUS, ...headers } })).status, status);
        assert.equal((await request(server, 'GET', made.path, { headers })).status, status);
    }
    for (const [at, text, who] of [[0, 'hello', mine.session_token], [5, 'world', token]])
        assert.equal((await patch(server, made.path, at, text, bearer(who))).status, 204);
    assert.equal((await request(server, 'GET', made.path, { headers: bearer(mine.session_token) })).text, 'helloworld');
    const stolen = await create(server, { 'Upload-Concat': `final;${made.path}`, ...bearer(other.session_token) });
    assert.ok(stolen.status >= 400 && stolen.status < 500, 'nor by concatenation');
});

test('behind a proxy the Location is what the client calls us; pages of configured origins may read all', async (t) => {
    const server = await startServer(t, {
        args: ['--behind-proxy', '--host', 'uploads.example', '--origin', 'https://app.example'],
    });
    const made = await create(server, {
        'Upload-Length': '5', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'uploads.example', Origin: 'https://app.example',
    });
    assert.match(made.headers.location, /^https:\/\/uploads\.example\/files\//);
    assert.equal(made.headers['access-control-allow-origin'], 'https://app.example');
    for (const name of ['Location', 'Upload-Offset', 'Upload-Length', 'Tus-Resumable', 'Upload-Expires', 'Reelhaul-Receipt'])
        assert.ok(made.headers['access-control-expose-headers'].split(/, */).includes(name), name);
    const asked = await request(server, 'OPTIONS', pathOf(made.headers.location), {
        headers: { Origin: 'https://app.example', 'Access-Control-Request-Method': 'PATCH', 'Access-Control-Request-Headers': 'tus-resumable' },
    });
    assert.equal(asked.status, 200);
    assert.match(asked.headers['access-control-allow-methods'], /PATCH/);
    assert.match(asked.headers['access-control-allow-headers'], /Tus-Resumable/);
    const evil = await create(server, { 'Upload-Length': '5', Origin: 'https://evil.example' });
    assert.equal(evil.status, 403);
});

test('a full disk gets 507 and Retry-After, and what was acknowledged stays', async (t) => {
    const server = await startServer(t, { args: ['--reserve', '1000TiB'], data: path.join(temporaryDirectory(t), 'data') });
    const answer = await create(server, { 'Upload-Length': '10', ...TYPE }, 'hello');
    assert.equal(answer.status, 507);
    assert.ok(Number(answer.headers['retry-after']) > 0);
});
