// SPDX-License-Identifier: MIT
// Bad input against the real server, each with its exact answer and with nothing kept of it. Which
// line of the list is tested where, here and elsewhere: docs/internals/api.md.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { formOf, formType, postForm, sendChunk } from './forms.js';
import { connect, get, parseAnswers, postJson, request, startServer } from './server.js';
import { finalize, init, makeBytes, sendPart, sha256, status, until } from './videos.js';

const MIB = 1024 * 1024;

/** The answer is this error, in the header and in JSON, and says what is wrong. */
function refused(answer, expected, code, name = '') {
    const body = answer.text ?? answer.body;
    assert.equal(`${answer.status} ${answer.headers['reelhaul-error']}`, `${expected} ${code}`, `${name}: ${body}`);
    assert.match(answer.headers['content-type'], /^application\/json; charset=utf-8$/, name);
    const { error } = JSON.parse(body);
    assert.equal(error.code, code, name);
    assert.match(error.message, /^.{10,200}\.$/, name);
}

async function createSession(server) {
    return (await postJson(server, '/api/session/create', {})).json().session_id;
}

const recordingsOf = (server, session) => fs.readdirSync(path.join(server.data, 'recordings', session)).sort();

const videosOf = async (server, session) =>
    (await request(server, 'GET', `/api/session/${session}`)).json().videos;

/** Sends this text and these bytes, closes this side, and returns all answers. */
async function exchange(server, head, body = '') {
    const raw = await connect(server);
    raw.write(Buffer.from(head, 'latin1'));
    raw.socket.end(body);
    return parseAnswers(Buffer.from(await raw.all(), 'latin1'));
}

const postHead = (server, target, type, length, more = '') =>
    `POST ${target} HTTP/1.1\r\nHost: ${server.host}\r\nContent-Type: ${type}\r\n` +
    `Content-Length: ${length}\r\n${more}\r\n`;

/* ---- Hostile ids and names ---- */

const hostile = {
    'a way up': '../../etc/passwd',
    'a way up, coded': '%2e%2e%2f',
    'a way up, full width': '\uff0e\uff0e\uff0fx',
    'a backslash': '..\\x',
    'a slash': 'a/b',
    'from the root': '/etc/passwd',
    'an option': '-rf',
    'a hidden name': '.hidden',
    'two lines': 'a\r\nX-A: b',
    'a quote': 'a"b',
    'turned around': 'a\u202ebew.4pm',
    'of no width': 'a\u200bb',
    'a letter that looks like another': 'vide\u043e',
    'composed': '\u00e9',
    'decomposed': 'e\u0301',
    'compatible': '\u212b',
    'beyond the plane': '\u{1f600}',
    'not normal but a letter': '\ufb01lm',
};
const long = 'a'.repeat(10240);

test('hostile ids and names in paths', async (t) => {
    const server = await startServer(t);
    const session = await createSession(server);
    /** Answers to a name, to `..`, to a NUL, to 10 kB and to a harmless name that is not there. */
    const places = [
        ['GET', (id) => `/api/session/${id}`, 'invalid_id', 'bad_request', 'unknown_session'],
        ['GET', (id) => `/api/session/${session}?video=${id}`, 'invalid_id', 'invalid_id', null],
        ['GET', (id) => `/api/v1/videos/${id}`, 'not_found', 'bad_request', 'not_found'],
        ['DELETE', (id) => `/api/v1/videos/${id}`, 'not_found', 'bad_request', 'not_found'],
        ['GET', (id) => `/recordings/${id}/v.webm`, 'invalid_id', 'bad_request', 'unknown_session'],
        ['GET', (id) => `/recordings/${session}/${id}.webm`, 'invalid_id', null, 'not_found'],
        ['GET', (id) => `/download/${id}/v.webm`, 'not_found', 'bad_request', 'not_found'],
    ];
    const statusOf = { invalid_id: 400, bad_request: 400, not_found: 404, unknown_session: 404 };
    for (const [method, target, onName, onDots, onUnknown] of places) {
        const ask = (id) => request(server, method, target(id));
        const name = (id) => `${method} ${target(id).slice(0, 100)}`;
        for (const id of Object.values(hostile).map(encodeURIComponent))
            refused(await ask(id), statusOf[onName], onName, name(id));
        if (onDots) refused(await ask('..'), 400, onDots, name('..'));
        if (onDots) refused(await ask('%2e%2e'), 400, onDots, name('%2e%2e'));
        const query = target('').includes('?');
        refused(await ask('a%00b'), 400, query ? 'invalid_id' : 'bad_request', name('a%00b'));
        refused(await ask(long), 414, 'uri_too_long', name(long));
        if (onUnknown) refused(await ask('nobody'), statusOf[onUnknown], onUnknown, name('nobody'));
        else assert.equal((await ask('nobody')).status, 200);
    }
    assert.deepEqual(recordingsOf(server, session), ['session.json']);
});

test('hostile ids and names in JSON', async (t) => {
    const server = await startServer(t);
    const session_id = await createSession(server);
    const mime_type = 'video/webm';
    const places = {
        'create, session': ['/api/session/create', (id) => ({ session_id: id })],
        'metadata, session': ['/api/upload/metadata', (id) => ({ session_id: id, video_id: 'v' })],
        'metadata, video': ['/api/upload/metadata', (id) => ({ session_id, video_id: id })],
        'init, session': ['/api/v1/videos/init', (id) => ({ mime_type, session_id: id })],
        'init, video': ['/api/v1/videos/init', (id) => ({ mime_type, session_id, video_id: id })],
        'finalize, upload': ['/api/v1/videos/finalize', (id) => ({ upload_id: id })],
        'finalize, session': ['/api/v1/videos/finalize', (id) => ({ session_id: id, video_id: 'v' })],
        'finalize, video': ['/api/v1/videos/finalize', (id) => ({ session_id, video_id: id })],
    };
    for (const [place, [target, values]] of Object.entries(places)) {
        const ask = (id) => postJson(server, target, values(id));
        for (const [name, id] of Object.entries({ ...hostile, long, 'a dot': '.', dots: '..', nothing: '' }))
            refused(await ask(id), 400, 'invalid_id', `${place}: ${name}`);
        refused(await ask('a\0b'), 400, 'bad_json', `${place}: NUL`);
        refused(await ask('a\ud800'), 400, 'bad_json', `${place}: half a character`);
        for (const id of [7, true, ['v'], { v: 1 }])
            refused(await ask(id), 400, 'invalid_field', `${place}: ${JSON.stringify(id)}`);
    }
    const participant = (participant_id) => postJson(server, '/api/session/create', { participant_id });
    for (const bad of [long, hostile['two lines'], hostile['turned around'], hostile['of no width']])
        refused(await participant(bad), 400, 'invalid_field', bad.slice(0, 20));
    refused(await participant('a\0b'), 400, 'bad_json', 'NUL');
    assert.deepEqual(await videosOf(server, session_id), []);
    assert.deepEqual(recordingsOf(server, session_id), ['session.json']);
});

test('hostile ids and names in form fields and headers', async (t) => {
    const server = await startServer(t);
    const session = await createSession(server);
    const chunk = Buffer.from('x');
    const rest = [['chunk_index', 0], ['total_chunks', 2]];
    const header = async (line) => (await exchange(server, postHead(server, '/api/v1/videos/chunk',
        'application/octet-stream', 1, `Reelhaul-Offset: 0\r\n${line}\r\nConnection: close\r\n`), 'x'))[0];
    const places = {
        'chunk, session': (id) => ['/api/upload/chunk', [['session_id', id], ['video_id', 'v'], ...rest]],
        'chunk, video': (id) => ['/api/upload/chunk', [['session_id', session], ['video_id', id], ...rest]],
        'part, upload': (id) => ['/api/v1/videos/chunk', [['upload_id', id], ['offset', 0]]],
    };
    const names = { ...hostile, long, nul: 'a\0b', 'a dot': '.', dots: '..', nothing: '' };
    for (const [name, id] of Object.entries(names)) {
        for (const [place, of] of Object.entries(places)) {
            const [target, fields] = of(id);
            for (const form of [[...fields, ['chunk', chunk]], [['chunk', chunk], ...fields]])
                refused(await postForm(server, target, form), 400, 'invalid_id', `${place}: ${name}`);
        }
        const bytes = Buffer.from(id).toString('latin1');
        const code = name === 'nul' ? 'bad_request' : 'invalid_id';
        refused(await header(`Reelhaul-Upload: ${bytes}`), 400, code, `header: ${name}`);
    }
    const harmless = `Reelhaul-Upload: ${'A'.repeat(32)}`;
    const leases = ['tab', '"tab"', '"tab", x', '"tab", -1', `"${'a'.repeat(65)}", 1`, `"${long}", 1`,
        '"\\x", 1', '"\u00e9", 1'];
    for (const lease of leases) {
        const answer = await header(`${harmless}\r\nReelhaul-Writer: ${lease}`);
        refused(answer, 400, 'invalid_field', lease.slice(0, 70));
    }
    refused(await header(harmless), 404, 'not_found', 'an id that nobody made');
    assert.deepEqual(await videosOf(server, session), []);
    assert.deepEqual(recordingsOf(server, session), ['session.json']);
});

/* ---- Lengths and smuggling ---- */

test('a Content-Length that is too short', async (t) => {
    const server = await startServer(t);
    const session_id = await createSession(server);
    const json = JSON.stringify({ session_id, video_id: 'v', prompt_id: 'p' });
    const ids = { session_id, video_id: 'v', chunk_index: 0, total_chunks: 2 };
    const form = formOf(Object.entries({ ...ids, chunk: Buffer.from('x') }));
    const bytes = Buffer.from('y'.repeat(1000));
    const upload = await init(server, { size: bytes.length });
    const raw = `Reelhaul-Upload: ${upload}\r\nReelhaul-Offset: 0\r\n`;
    const octets = 'application/octet-stream';
    const cases = [
        ['/api/upload/metadata', 'application/json', json.length - 3, '', json, 'bad_json', 400, 'bad_request'],
        ['/api/upload/chunk', formType, form.length - 20, '', form, 'bad_form', 400, 'bad_request'],
        ['/api/v1/videos/chunk', octets, 100, `${raw}Reelhaul-Length: 1000\r\n`, bytes, 'invalid_field',
            501, 'not_implemented'], // a method longer than any
    ];
    for (const [target, type, length, more, body, code, ...left] of cases) {
        const answers = await exchange(server, postHead(server, target, type, length, more), body);
        refused(answers[0], 400, code, target);
        refused(answers[1], ...left, 'what is left over is no request');
        assert.equal(answers[1].headers.connection, 'close');
        assert.equal(answers.length, 2);
    }
    for (const video of await videosOf(server, session_id)) assert.equal(video.bytes_received, 0);
    assert.equal((await status(server, upload)).received, 0);
    // Where nothing contradicts it, the length counts: 100 bytes are the part.
    const [part, left] = await exchange(server, postHead(server, '/api/v1/videos/chunk', octets, 100, raw), bytes);
    assert.equal(part.status, 200);
    refused(left, 501, 'not_implemented', 'a method longer than any');
    assert.equal((await status(server, upload)).received, 100);
});

test('a Content-Length that is too long', async (t) => {
    const server = await startServer(t);
    const session_id = await createSession(server);
    const json = JSON.stringify({ session_id, video_id: 'v', prompt_id: 'p' });
    const ids = { session_id, video_id: 'v', chunk_index: 0, total_chunks: 2 };
    const form = formOf(Object.entries({ ...ids, chunk: Buffer.from('x') }));
    const bytes = Buffer.from('y'.repeat(1000));
    const upload = await init(server, { size: 2000 });
    const raw = `Reelhaul-Upload: ${upload}\r\nReelhaul-Offset: 0\r\n`;
    const octets = 'application/octet-stream';
    const cases = [
        ['/api/upload/metadata', 'application/json', json.length + 3, '', json, 'bad_request'],
        ['/api/upload/chunk', formType, form.length + 1, '', form, 'bad_request'],
        ['/api/v1/videos/chunk', octets, 1001, `${raw}Reelhaul-Length: 1000\r\n`, bytes, 'invalid_field'],
        ['/api/v1/videos/chunk', octets, 2001, raw, bytes, 'out_of_range'],
        ['/api/v1/videos/chunk', octets, 1001, raw, bytes, 'bad_request'],
    ];
    for (const [target, type, length, more, body, code] of cases) {
        const answers = await exchange(server, postHead(server, target, type, length, more), body);
        refused(answers[0], 400, code, `${target} ${code}`);
        assert.equal(answers[0].headers.connection, 'close');
        assert.equal(answers.length, 1);
    }
    const { received, state } = await status(server, upload);
    assert.equal(`${state} ${received}`, 'open 1000', 'of a raw part what came is kept, and no more');
    assert.deepEqual(recordingsOf(server, session_id), ['session.json']);
    for (const video of await videosOf(server, session_id)) assert.equal(video.bytes_received, 0);
});

test('nothing is smuggled past the end of a body', async (t) => {
    const server = await startServer(t);
    const bytes = makeBytes(1000);
    const upload = await init(server, { size: bytes.length });
    assert.equal((await sendPart(server, upload, 0, bytes.subarray(0, 500))).status, 200);
    const host = `Host: ${server.host}\r\n`;
    const hidden = `DELETE /api/v1/videos/${upload} HTTP/1.1\r\n${host}\r\n`;
    const head = `POST /api/v1/videos/chunk HTTP/1.1\r\n${host}` +
        `Reelhaul-Upload: ${upload}\r\nReelhaul-Offset: 500\r\n`;
    const chunked = 'Transfer-Encoding: chunked\r\n';
    const shapes = {
        'length and chunked': `${head}Content-Length: 5\r\n${chunked}\r\n0\r\n\r\n${hidden}`,
        'chunked and length': `${head}${chunked}Content-Length: ${hidden.length + 5}\r\n\r\n0\r\n\r\n${hidden}`,
        'chunked twice': `${head}${chunked}${chunked}\r\n0\r\n\r\n${hidden}`,
        'chunked, then identity': `${head}${chunked}Transfer-Encoding: identity\r\n\r\n0\r\n\r\n${hidden}`,
        'chunked with a tab before the colon': `${head}Transfer-Encoding\t: chunked\r\nContent-Length: 3\r\n\r\nabc${hidden}`,
        'chunked on a folded line': `${head}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n${hidden}`,
        'a length on a folded line': `${head}Content-Length:\r\n 3\r\n\r\nabc${hidden}`,
        'a field on a folded line': `${head}X-A: b\r\n\tc\r\nContent-Length: 3\r\n\r\nabc${hidden}`,
        'bare line feeds in the head': `${head}Content-Length: 3\n\nabc${hidden}`,
        'a bare line feed behind a field': `${head}X-A: b\nContent-Length: 3\r\n\r\nabc${hidden}`,
        'a bare line feed behind a chunk size': `${head}${chunked}\r\n3\nabc\r\n0\r\n\r\n${hidden}`,
        'a bare line feed behind a chunk': `${head}${chunked}\r\n3\r\nabc\n0\r\n\r\n${hidden}`,
        'a bare line feed in a chunk extension': `${head}${chunked}\r\n3;a\nb\r\nabc\r\n0\r\n\r\n${hidden}`,
        'a bare line feed in a trailer': `${head}${chunked}\r\n3\r\nabc\r\n0\r\nX-A: b\n\r\n${hidden}`,
        'two lengths': `${head}Content-Length: 3\r\nContent-Length: 0\r\n\r\nabc${hidden}`,
        'a length with a sign': `${head}Content-Length: +3\r\n\r\nabc${hidden}`,
        'a length in hexadecimal': `${head}Content-Length: 0x3\r\n\r\nabc${hidden}`,
        'a chunk size with a sign': `${head}${chunked}\r\n+3\r\nabc\r\n0\r\n\r\n${hidden}`,
        'a chunk size with a prefix': `${head}${chunked}\r\n0x3\r\nabc\r\n0\r\n\r\n${hidden}`,
        'a chunk size that wraps': `${head}${chunked}\r\n10000000000000003\r\nabc\r\n0\r\n\r\n${hidden}`,
    };
    for (const [name, text] of Object.entries(shapes)) {
        const answers = await exchange(server, text);
        assert.equal(answers.length, 1, `${name}: what follows was not read`);
        refused(answers[0], 400, 'bad_request', name);
        assert.equal(answers[0].headers.connection, 'close', name);
    }
    const unknown = await exchange(server, `${head}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n${hidden}`);
    assert.equal(unknown.length, 1);
    refused(unknown[0], 501, 'not_implemented');
    const now = await status(server, upload);
    assert.equal(now.state, 'open');
    assert.deepEqual(now.durable.map(({ offset }) => offset), [0]);
    // The last three bytes of a broken chunked body may be kept: they came whole.
    assert.ok(now.received === 500 || now.received === 503, `${now.received}`);
});

/* ---- Forms ---- */

test('a form that is cut anywhere keeps nothing', async (t) => {
    const server = await startServer(t);
    const session_id = await createSession(server);
    const upload = await init(server, { session_id, video_id: 'ranges' });
    const chunk = Buffer.from('z'.repeat(40));
    const fields = { session_id, video_id: 'v', chunk_index: 0, total_chunks: 2 };
    const forms = [
        ['/api/upload/chunk', formOf(Object.entries({ ...fields, chunk }))],
        ['/api/upload/chunk', formOf(Object.entries({ chunk, ...fields }))],
        ['/api/v1/videos/chunk', formOf(Object.entries({ chunk, upload_id: upload, offset: 0 }))],
    ];
    for (const [target, form] of forms) {
        const whole = form.length - 2; // the last CRLF belongs to nobody
        for (let cut = 0; cut < whole; cut += cut < whole - 60 ? 13 : 1) {
            const short = form.subarray(0, cut);
            const headers = { 'Content-Type': formType };
            const ended = await request(server, 'POST', target, { headers, body: short });
            refused(ended, 400, 'bad_form', `${target}, ${cut} of ${whole}`);
            if (cut % 3 > 0) continue;
            const [broken] = await exchange(server, postHead(server, target, formType, form.length), short);
            refused(broken, 400, 'bad_request', `${target}, broken at ${cut}`);
        }
    }
    const videos = await videosOf(server, session_id);
    for (const video of videos) assert.equal(video.bytes_received, 0, video.video_id);
    assert.equal((await sendChunk(server, fields, 'other bytes')).status, 200, 'so nothing contradicts this');
    // In ranges a form that streamed may keep what came; this one, with its ids last, could not.
    assert.equal((await status(server, upload)).received, 0);
});

test('ids after a large chunk part', async (t) => {
    const server = await startServer(t);
    const session_id = await createSession(server);
    const limit = MIB + 64 * 1024;
    const bytes = makeBytes(limit + 1);
    const ids = { session_id, chunk_index: 0, total_chunks: 1 };
    const upload = await init(server, { session_id, video_id: 'ranges' });
    const late = (target, fields, chunk) => postForm(server, target, [['chunk', chunk], ...Object.entries(fields)]);
    const tooLate = [
        await late('/api/upload/chunk', { ...ids, video_id: 'v' }, bytes),
        await late('/api/v1/videos/chunk', { upload_id: upload, offset: 0 }, bytes),
    ];
    for (const answer of tooLate) refused(answer, 400, 'fields_after_chunk');
    assert.equal((await videosOf(server, session_id)).length, 1, 'the first made no video');
    assert.equal((await status(server, upload)).received, 0);

    const most = bytes.subarray(0, limit);
    const kept = await late('/api/upload/chunk', { ...ids, video_id: 'v' }, most);
    assert.equal(kept.json().status, 'video_complete', kept.text);
    const part = await late('/api/v1/videos/chunk', { upload_id: upload, offset: 0, final: true }, most);
    assert.equal(part.json().state, 'done', part.text);
    for (const url of [`/recordings/${session_id}/v.webm`, part.json().url])
        assert.equal(sha256((await request(server, 'GET', url)).bytes), sha256(most));
});

test('chunk indexes and totals that cannot be', async (t) => {
    const server = await startServer(t);
    const session_id = await createSession(server);
    const good = { session_id, video_id: 'v', chunk_index: 0, total_chunks: 3 };
    const cases = [
        [{ chunk_index: 3 }, 'out_of_range'], [{ chunk_index: 4294967296 }, 'out_of_range'],
        [{ chunk_index: '18446744073709551615' }, 'out_of_range'],
        [{ chunk_index: '18446744073709551616' }, 'invalid_field'],
        ...['-1', '+1', '1.0', '1e0', '0x1', 'one', ' 1', '1 ', '', 'NaN', '\u0661', '\uff11', '1\0']
            .map((chunk_index) => [{ chunk_index }, 'invalid_field']),
        ...['0', '-3', 'three', '3.0', '', '10000001', '18446744073709551616']
            .map((total_chunks) => [{ total_chunks }, 'invalid_field']),
    ];
    const each = async (before) => {
        for (const [values, code] of cases) {
            const answer = await sendChunk(server, { ...good, ...values }, 'x');
            refused(answer, 400, code, `${before}: ${JSON.stringify(values)}`);
        }
    };
    await each('nothing is there');
    assert.deepEqual(await videosOf(server, session_id), [], 'none of them made a video');
    assert.equal((await sendChunk(server, good, 'a')).json().status, 'chunk_received');
    await each('a chunk is there');
    const changed = async (values, bytes) =>
        refused(await sendChunk(server, { ...good, ...values }, bytes), 400, 'total_changed', JSON.stringify(values));
    for (const total_chunks of [1, 2, 4]) await changed({ chunk_index: total_chunks - 1, total_chunks }, 'b');
    await changed({ total_chunks: 4 }, 'a'); // an equal chunk is no excuse
    assert.equal((await sendChunk(server, { ...good, chunk_index: 2 }, 'c')).json().received, 2);
    assert.equal((await sendChunk(server, { ...good, chunk_index: 1 }, 'b')).json().status, 'video_complete');
    await each('it is done');
    await changed({ total_chunks: 4, chunk_index: 3 }, 'd');
    assert.equal((await request(server, 'GET', `/recordings/${session_id}/v.webm`)).text, 'abc');
});

/* ---- Two uploads with one id ---- */

test('two clients, one id, numbered chunks', async (t) => {
    const server = await startServer(t, { args: ['--loops', '2'] });
    const session_id = await createSession(server);
    const ids = { session_id, video_id: 'v', total_chunks: 3 };
    const ours = ['our 0.', 'our 1.', 'our 2.'];
    const theirs = ['her 0.', 'her 1.', 'her 2.'];
    assert.equal((await sendChunk(server, { ...ids, chunk_index: 0 }, ours[0])).status, 200);
    assert.equal((await sendChunk(server, { ...ids, chunk_index: 2 }, ours[2])).status, 200);
    for (const index of [0, 2]) {
        for (const bytes of [theirs[index], `${ours[index]}more`, ours[index].slice(1), '']) {
            const answer = await sendChunk(server, { ...ids, chunk_index: index }, bytes);
            refused(answer, 409, 'different_bytes', `${index}: ${bytes}`);
            assert.equal(answer.headers['reelhaul-chunks'], '0, 2', 'and what is there');
        }
    }
    assert.equal((await sendChunk(server, { ...ids, chunk_index: 1 }, ours[1])).json().status, 'video_complete');
    for (const index of [0, 1, 2])
        refused(await sendChunk(server, { ...ids, chunk_index: index }, theirs[index]), 409, 'different_bytes', 'done');
    assert.equal((await request(server, 'GET', `/recordings/${session_id}/v.webm`)).text, ours.join(''));
});

test('two clients at the same time: one wins each chunk, and what was acknowledged is the file', async (t) => {
    const server = await startServer(t, { args: ['--loops', '2'] });
    const session_id = await createSession(server);
    const total_chunks = 12;
    const contents = ['A', 'B'].map((who) =>
        Array.from({ length: total_chunks }, (_, i) => Buffer.alloc(20000, `${who}${i}.`)));
    for (let round = 0; round < 5; round++) {
        const video_id = `v${round}`;
        const winner = Array(total_chunks).fill(null);
        const order = Array.from({ length: total_chunks }, (_, i) => i).sort(() => Math.random() - 0.5);
        await Promise.all(order.flatMap((chunk_index) => contents.map(async (chunks, who) => {
            const fields = { session_id, video_id, chunk_index, total_chunks };
            const answer = await sendChunk(server, fields, chunks[chunk_index]);
            if (answer.status === 200) {
                assert.equal(winner[chunk_index], null, `chunk ${chunk_index} was acknowledged to both`);
                winner[chunk_index] = who;
                return;
            }
            const code = answer.headers['reelhaul-error'];
            assert.ok(['different_bytes', 'superseded'].includes(code), answer.text);
            refused(answer, 409, code);
        })));
        const expected = Buffer.concat(winner.map((who, i) => contents[who][i]));
        const fetched = await request(server, 'GET', `/recordings/${session_id}/${video_id}.webm`);
        assert.equal(fetched.status, 200);
        assert.equal(sha256(fetched.bytes), sha256(expected));
    }
});

test('two clients, one id, ranges', async (t) => {
    const server = await startServer(t);
    const session_id = await createSession(server);
    const values = { session_id, video_id: 'v', mime_type: 'video/webm', size: 1000 };
    const bytes = makeBytes(1000);
    const others = makeBytes(1000);
    const upload = await init(server, values);
    const second = await postJson(server, '/api/v1/videos/init', values);
    assert.equal(`${second.status} ${second.json().upload_id}`, `200 ${upload}`, 'the same upload');
    for (const other of [{ size: 999 }, { mime_type: 'video/mp4' }]) {
        const answer = await postJson(server, '/api/v1/videos/init', { ...values, ...other });
        refused(answer, 409, 'conflict', JSON.stringify(other));
    }
    assert.equal((await sendPart(server, upload, 0, bytes.subarray(0, 600))).status, 200);
    const answer = await sendPart(server, upload, 0, others.subarray(0, 600));
    refused(answer, 409, 'different_bytes');
    assert.match(answer.headers['reelhaul-durable'], /^\(0 600\)/);
    refused(await sendPart(server, upload, 400, others.subarray(400)), 409, 'different_bytes', 'over the edge');
    assert.equal((await sendPart(server, upload, 600, bytes.subarray(600))).headers['reelhaul-state'], 'done');
    refused(await sendPart(server, upload, 0, others.subarray(0, 600)), 409, 'different_bytes', 'done');
    refused(await finalize(server, upload, { size: 999 }), 409, 'conflict', 'done, another size');
    const { url } = await status(server, upload);
    assert.equal(sha256((await request(server, 'GET', url)).bytes), sha256(bytes));
});

test('two clients, one id, one with chunks and one with ranges', async (t) => {
    const server = await startServer(t);
    const session_id = await createSession(server);
    const chunks = { session_id, video_id: 'chunks', total_chunks: 2 };
    const begin = (video_id, more = {}) => init(server, { session_id, video_id, ...more });
    assert.equal((await sendChunk(server, { ...chunks, chunk_index: 0 }, 'abc')).status, 200);
    const same = await begin('chunks');
    refused(await sendPart(server, same, 0, Buffer.from('abc')), 409, 'conflict', 'a part on chunks');
    refused(await sendPart(server, same, 0, Buffer.from('xyz')), 409, 'conflict', 'other bytes on chunks');
    assert.equal((await sendChunk(server, { ...chunks, chunk_index: 1 }, 'def')).json().status, 'video_complete');
    refused(await sendPart(server, same, 0, Buffer.from('xyz')), 409, 'conflict', 'a part on a video of chunks');

    const ranges = await begin('ranges');
    assert.equal((await sendPart(server, ranges, 0, Buffer.from('abc'))).status, 200);
    const wrong = { session_id, video_id: 'ranges', chunk_index: 0, total_chunks: 2 };
    refused(await sendChunk(server, wrong, 'abc'), 409, 'conflict', 'a chunk on a part');
    const last = await sendPart(server, ranges, 3, Buffer.from('def'), { 'Reelhaul-Final': '?1' });
    assert.equal(last.json().state, 'done');
    refused(await sendChunk(server, wrong, 'xyz'), 409, 'conflict', 'a chunk on a video of parts');
    for (const name of ['chunks', 'ranges'])
        assert.equal((await request(server, 'GET', `/recordings/${session_id}/${name}.webm`)).text, 'abcdef');
});

test('after all of this the connection of another client is as good as new', async (t) => {
    const server = await startServer(t);
    const good = await connect(server);
    good.write(get('/health', server));
    await good.answers(1);
    const cut = `${postHead(server, '/api/upload/chunk', formType, 10)}--`;
    for (const text of ['\0\0\0\0', 'GET / HTTP/1.1\n\n', cut]) await exchange(server, text);
    good.write(get('/health', server));
    assert.equal((await good.answers(2))[1].status, 200);
    good.socket.destroy();
    const upload = await init(server);
    const bytes = makeBytes(10);
    await sendPart(server, upload, 0, bytes, { 'Reelhaul-Final': '?1' });
    assert.equal((await until(server, upload, (now) => now.state === 'done')).received, 10);
});
