// SPDX-License-Identifier: MIT
// A disk that is full, or nearly: clear answers, nothing lost, and on it goes.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';

import { postJson, request, startServer, temporaryDirectory } from './server.js';
import { init, makeBytes, sendPart, sha256, status, until } from './videos.js';

const MIB = 1024 * 1024;

test('below the reserve new bytes are refused, the rest goes on', async (t) => {
    const server = await startServer(t, { args: ['--reserve', '8000TiB'] });
    const session = await postJson(server, '/api/session/create', {});
    assert.equal(session.status, 200, 'metadata goes on');
    const sized = await postJson(server, '/api/v1/videos/init', { mime_type: 'video/webm', size: 1000 });
    assert.equal(sized.status, 507, 'declared sizes are checked on admission');
    assert.match(sized.headers['retry-after'], /^\d+$/);
    const upload = (await postJson(server, '/api/v1/videos/init', { mime_type: 'video/webm' })).json().upload_id;
    if (upload) {
        const refused = await sendPart(server, upload, 0, makeBytes(100000));
        assert.equal(refused.status, 507);
        assert.equal(refused.json().error.code, 'storage_full');
        assert.match(refused.headers['retry-after'], /^\d+$/);
    }
    const { session_id } = session.json();
    assert.equal((await request(server, 'GET', `/api/session/${session_id}`)).status, 200);
});

/** A small file system; null where this user may not mount. */
function mountSmall(t, size) {
    const place = fs.mkdtempSync(path.join(os.tmpdir(), 'reelhaul-small-'));
    const ran = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'none', place]);
    t.after(() => {
        if (ran.status === 0) spawnSync('umount', ['-l', place]);
        fs.rmdirSync(place);
    });
    return ran.status === 0 ? place : null;
}

test('a disk that fills up in the middle of a part, and is emptied again', async (t) => {
    const place = mountSmall(t, '24m');
    if (!place) return t.skip('needs the right to mount');
    const server = await startServer(t, { data: path.join(place, 'data'), args: ['--reserve', '2MiB'] });
    const bytes = makeBytes(6 * MIB);
    const upload = await init(server, { size: bytes.length });
    assert.equal((await sendPart(server, upload, 0, bytes.subarray(0, MIB))).status, 200);
    const ballast = path.join(place, 'ballast');
    const filled = spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=64k', 'count=1000']);
    assert.notEqual(filled.status, 0, 'the disk is full');
    const refused = await sendPart(server, upload, MIB, bytes.subarray(MIB, 5 * MIB));
    assert.equal(refused.status, 507, refused.text);
    assert.match(refused.headers['retry-after'], /^\d+$/);
    assert.ok((await status(server, upload)).received >= MIB, 'what was acknowledged stays');
    fs.rmSync(ballast);
    for (let at = MIB; at < bytes.length;) {
        const answer = await sendPart(server, upload, at, bytes.subarray(at, at + MIB));
        if (answer.status === 200) at += MIB;
        else {
            assert.equal(answer.status, 507, answer.text);
            await new Promise((resolve) => setTimeout(resolve, 100));
        }
    }
    const { url } = await until(server, upload, (now) => now.state === 'done');
    assert.equal(sha256((await request(server, 'GET', url)).bytes), sha256(bytes));
});
