// SPDX-License-Identifier: MIT
// The sessions API as its document has it: the answers word by word, the curl walk-through line by
// line, and the errors that the document names.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { finished, postJson, request, startServer, temporaryDirectory } from './server.js';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Sends a chunk as a browser's form does. */
async function sendChunk(server, fields, bytes) {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, String(value));
    form.append('chunk', new Blob([bytes]), 'blob');
    const answer = await fetch(`${server.url}/api/upload/chunk`, { method: 'POST', body: form });
    return { status: answer.status, headers: answer.headers, body: await answer.json() };
}

async function createSession(server) {
    return (await postJson(server, '/api/session/create', { participant_id: 'test_user' })).json()
        .session_id;
}

test('the answers of the document', async (t) => {
    const server = await startServer(t);
    const created = await postJson(server, '/api/session/create', { participant_id: 'test_user' });
    assert.equal(created.status, 200);
    const session = created.json();
    assert.match(session.session_id, uuid);
    assert.match(session.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/);
    assert.equal(session.status, 'created');

    const ids = { session_id: session.session_id, video_id: 'video_123', total_chunks: 3 };
    const parts = ['one ', 'two ', 'three'];
    for (const index of [0, 1]) {
        const answer = await sendChunk(server, { ...ids, chunk_index: index }, parts[index]);
        assert.equal(answer.status, 200);
        assert.equal(answer.body.status, 'chunk_received');
        assert.equal(answer.body.chunk_index, index);
        assert.equal(answer.body.total_chunks, 3);
        assert.equal(answer.body.received, index + 1);
    }
    const last = await sendChunk(server, { ...ids, chunk_index: 2 }, parts[2]);
    assert.equal(last.status, 200);
    assert.equal(last.body.status, 'video_complete');
    assert.equal(last.body.video_id, 'video_123');
    assert.equal(last.body.file_path, `${session.session_id}/video_123.webm`);

    const saved = await postJson(server, '/api/upload/metadata', {
        session_id: session.session_id, video_id: 'video_123', prompt_id: 'facial_expressions',
        duration: 45.2, file_size: 13, codec: 'vp9', resolution: '1280x960', frame_rate: 30,
        camera_model: 'HD Webcam', browser: 'Chrome 144.0', timestamp: '2026-01-27T15:30:00',
    });
    assert.equal(saved.status, 200);
    assert.equal(saved.json().status, 'metadata_saved');
    assert.equal(saved.json().video_id, 'video_123');

    const told = await request(server, 'GET', `/api/session/${session.session_id}`);
    assert.equal(told.status, 200);
    assert.equal(told.json().session_id, session.session_id);
    assert.equal(told.json().created_at, session.created_at);
    assert.equal(told.json().videos.length, 1);
    assert.equal(told.json().videos[0].video_id, 'video_123');
    assert.equal(told.json().videos[0].prompt_id, 'facial_expressions');
    assert.match(told.json().videos[0].uploaded_at, /^\d{4}-\d\d-\d\dT/);

    const health = await request(server, 'GET', '/health');
    assert.equal(health.status, 200);
    assert.equal(health.json().status, 'healthy');

    const folder = path.join(server.data, 'recordings', session.session_id);
    assert.equal(fs.readFileSync(path.join(folder, 'video_123.webm'), 'utf8'), 'one two three');
    const metadata = JSON.parse(fs.readFileSync(path.join(folder, 'video_123.metadata.json')));
    assert.equal(metadata.duration, 45.2);
    assert.equal(JSON.parse(fs.readFileSync(path.join(folder, 'session.json'))).session_id,
        session.session_id);
});

const walkthrough = `
set -eu
SESSION_ID=$(curl -s -X POST http://localhost:5000/api/session/create \\
  -H "Content-Type: application/json" \\
  -d '{"participant_id": "test_user"}' \\
  | jq -r '.session_id')

echo "Session ID: $SESSION_ID"

echo "test data" > /tmp/test_chunk.dat

curl -s -X POST http://localhost:5000/api/upload/chunk \\
  -F "session_id=$SESSION_ID" \\
  -F "video_id=test_video_001" \\
  -F "chunk_index=0" \\
  -F "total_chunks=1" \\
  -F "chunk=@/tmp/test_chunk.dat"

curl -s -X POST http://localhost:5000/api/upload/metadata \\
  -H "Content-Type: application/json" \\
  -d "{
    \\"session_id\\": \\"$SESSION_ID\\",
    \\"video_id\\": \\"test_video_001\\",
    \\"prompt_id\\": \\"test\\",
    \\"duration\\": 5.0,
    \\"file_size\\": 1024
  }"

curl -s http://localhost:5000/api/session/$SESSION_ID | jq
`;

const hasTools = spawnSync('sh', ['-c', 'command -v curl && command -v jq']).status === 0;

test('the curl walk-through, line by line', { skip: !hasTools && 'needs curl and jq' }, async (t) => {
    const server = await startServer(t);
    const place = temporaryDirectory(t);
    const script = walkthrough
        .replaceAll('localhost:5000', `localhost:${server.port}`)
        .replaceAll('/tmp/test_chunk.dat', path.join(place, 'test_chunk.dat'));
    const ran = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    assert.equal(ran.status, 0, ran.stderr);
    const session = /^Session ID: (\S+)$/m.exec(ran.stdout)[1];
    assert.match(session, uuid);
    assert.match(ran.stdout, /"status": ?"video_complete"/);
    assert.match(ran.stdout, /"status": ?"metadata_saved"/);
    assert.match(ran.stdout, /"video_id": ?"test_video_001"/);
    assert.equal(
        fs.readFileSync(path.join(server.data, 'recordings', session, 'test_video_001.webm'), 'utf8'),
        'test data\n');
});

test('chunks in any order, again, and with other bytes', async (t) => {
    const server = await startServer(t);
    const session_id = await createSession(server);
    const ids = { session_id, video_id: 'v', total_chunks: 3 };
    for (const [index, received] of [[2, 1], [0, 2], [2, 2], [0, 2]]) {
        const answer = await sendChunk(server, { ...ids, chunk_index: index }, `part ${index}.`);
        assert.equal(answer.status, 200);
        assert.equal(answer.body.received, received);
    }
    const other = await sendChunk(server, { ...ids, chunk_index: 2 }, 'PART 2.');
    assert.equal(other.status, 409);
    assert.equal(other.body.error.code, 'different_bytes');
    assert.equal((await sendChunk(server, { ...ids, chunk_index: 1 }, 'part 1.')).status, 200);
    await finished(server, session_id);
    const again = await sendChunk(server, { ...ids, chunk_index: 1 }, 'part 1.');
    assert.equal(again.status, 200);
    assert.equal(again.body.status, 'video_complete');
    assert.equal(
        fs.readFileSync(path.join(server.data, 'recordings', session_id, 'v.webm'), 'utf8'),
        'part 0.part 1.part 2.');
});

test('the last chunk to arrive is answered video_complete, in any order', async (t) => {
    const server = await startServer(t);
    const session_id = await createSession(server);
    for (const order of [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]) {
        const ids = { session_id, video_id: `v${order.join('')}`, total_chunks: 3 };
        for (const [count, index] of order.entries()) {
            const answer = await sendChunk(server, { ...ids, chunk_index: index }, `${index}.`);
            assert.equal(answer.status, 200);
            assert.equal(answer.body.status, count < 2 ? 'chunk_received' : 'video_complete');
            if (count < 2) assert.equal(answer.body.received, count + 1);
            else assert.equal(answer.body.file_path, `${session_id}/${ids.video_id}.webm`);
        }
        const file = path.join(server.data, 'recordings', session_id, `${ids.video_id}.webm`);
        assert.equal(fs.readFileSync(file, 'utf8'), '0.1.2.');
    }
});

test('the errors of the document, and hostile names', async (t) => {
    const server = await startServer(t);
    const session_id = await createSession(server);
    const good = { session_id, video_id: 'v', chunk_index: 0, total_chunks: 2 };
    const cases = [
        [{ ...good, session_id: '00000000-0000-4000-8000-000000000000' }, 404, 'unknown_session'],
        [{ ...good, chunk_index: 2 }, 400, 'out_of_range'],
        [{ ...good, chunk_index: '-1' }, 400, 'invalid_field'],
        [{ ...good, total_chunks: 'many' }, 400, 'invalid_field'],
        [{ ...good, video_id: '../../etc/passwd' }, 400, 'invalid_id'],
        [{ ...good, video_id: '.hidden' }, 400, 'invalid_id'],
        [{ ...good, video_id: 'a'.repeat(10000) }, 400, 'invalid_id'],
        [{ ...good, video_id: 'a\u202eb' }, 400, 'invalid_id'],
        [{ ...good, session_id: '../x' }, 400, 'invalid_id'],
    ];
    for (const [fields, status, code] of cases) {
        const answer = await sendChunk(server, fields, 'x');
        assert.equal(answer.status, status, JSON.stringify([fields, answer.body]));
        assert.equal(answer.body.error.code, code);
        assert.equal(answer.headers.get('reelhaul-error'), code);
        assert.ok(answer.body.error.message, JSON.stringify(answer.body));
    }
    assert.equal((await sendChunk(server, good, 'x')).status, 200);
    const changed = await sendChunk(server, { ...good, chunk_index: 1, total_chunks: 3 }, 'y');
    assert.equal(changed.status, 400);
    assert.equal(changed.body.error.code, 'total_changed');
    const { video_id, ...noVideo } = good;
    assert.equal(video_id, 'v');
    assert.equal((await sendChunk(server, noVideo, 'x')).body.error.code, 'missing_field');
    const unknown = await request(server, 'GET', '/api/session/00000000-0000-4000-8000-000000000000');
    assert.equal(unknown.status, 404);
    assert.deepEqual(
        fs.readdirSync(path.join(server.data, 'recordings', session_id)).sort(), ['session.json']);
});
