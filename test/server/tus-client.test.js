// SPDX-License-Identifier: MIT
// Somebody else's client, tus-js-client, against the real server: what it takes for success is compared with what is there.
import assert from 'node:assert/strict';
import path from 'node:path';
import { Readable } from 'node:stream';
import test from 'node:test';

import { DefaultHttpStack, Upload } from 'tus-js-client';

import { freePort, request, startServer, temporaryDirectory } from './server.js';
import { head, pathOf } from './tus.js';
import { makeBytes, sha256 } from './videos.js';

/** Runs an upload to its end: its URL. `watch(sent)` is told of progress. */
function run(server, source, options = {}, watch = () => {}) {
    let upload;
    const done = new Promise((resolve, reject) => {
        upload = new Upload(source, {
            endpoint: `${server.url}/files/`, retryDelays: [0, 50, 100, 200, 400], metadata: { filename: 'a.webm', filetype: 'video/webm' },
            onError: reject, onSuccess: () => resolve(upload.url), onProgress: (sent) => watch(sent, upload), ...options,
        });
        upload.start();
    });
    return { done, upload };
}

async function fetched(server, url) {
    const answer = await request(server, 'GET', pathOf(url));
    assert.equal(answer.status, 200, answer.text);
    return sha256(answer.bytes);
}

/** An HTTP stack that notes what was asked and answered. */
class NotingStack extends DefaultHttpStack {
    notes = [];

    createRequest(method, url) {
        const made = super.createRequest(method, url);
        const send = made.send.bind(made);
        made.send = async (body) => {
            const answer = await send(body);
            this.notes.push(`${method} ${answer.getStatus()}`);
            return answer;
        };
        return made;
    }
}

test('tus-js-client', async (t) => {
    const server = await startServer(t);
    const bytes = makeBytes(3000001);

    await t.test('uploads in one request, and in chunks', async () => {
        for (const chunkSize of [Infinity, 700000]) {
            const stack = new NotingStack({});
            const url = await run(server, bytes, { chunkSize, httpStack: stack }).done;
            assert.equal(await fetched(server, url), sha256(bytes));
            assert.deepEqual(stack.notes, ['POST 201', ...Array(chunkSize === Infinity ? 1 : 5).fill('PATCH 204')]);
        }
    });

    await t.test('uploads with the creation', async () => {
        const stack = new NotingStack({});
        const url = await run(server, bytes, { uploadDataDuringCreation: true, httpStack: stack }).done;
        assert.deepEqual(stack.notes, ['POST 201']);
        assert.equal(await fetched(server, url), sha256(bytes));
    });

    await t.test('uploads nothing', async () => {
        const url = await run(server, Buffer.alloc(0)).done;
        assert.equal(await fetched(server, url), sha256(''));
    });

    await t.test('uploads in parallel, put together from partials', async () => {
        const stack = new NotingStack({});
        const url = await run(server, bytes, { parallelUploads: 4, httpStack: stack }).done;
        assert.equal(await fetched(server, url), sha256(bytes));
        assert.equal(stack.notes.filter((note) => note === 'POST 201').length, 5);
        const looked = await head(server, pathOf(url));
        assert.match(looked.headers['upload-concat'], /^final;http/);
    });

    await t.test('uploads a stream whose length nobody knows', async () => {
        const pieces = Readable.from((function* () {
            for (let at = 0; at < bytes.length; at += 65536) yield bytes.subarray(at, at + 65536);
        })());
        const url = await run(server, pieces, { uploadLengthDeferred: true, chunkSize: 500000 }).done;
        assert.equal(await fetched(server, url), sha256(bytes));
    });

    await t.test('may be stopped and started again at its URL', async () => {
        let stopped;
        const first = run(server, bytes, { chunkSize: 400000 }, (sent, upload) => {
            if (sent > 900000 && !stopped) stopped = upload.abort();
        });
        first.done.catch(() => {});
        while (!stopped) await new Promise((resolve) => setTimeout(resolve, 5));
        await stopped;
        const offset = Number((await head(server, pathOf(first.upload.url))).headers['upload-offset']);
        assert.ok(offset > 0 && offset < bytes.length);
        const stack = new NotingStack({});
        const url = await run(server, bytes, { uploadUrl: first.upload.url, httpStack: stack }).done;
        assert.equal(url, first.upload.url);
        assert.deepEqual(stack.notes, ['HEAD 200', 'PATCH 204']);
        assert.equal(await fetched(server, url), sha256(bytes));
    });

    await t.test('stops and terminates', async () => {
        let ended;
        const started = run(server, bytes, { chunkSize: 400000 }, (sent, upload) => {
            if (sent > 900000 && !ended) ended = upload.abort(true);
        });
        started.done.catch(() => {});
        while (!ended) await new Promise((resolve) => setTimeout(resolve, 5));
        await ended;
        assert.equal((await head(server, pathOf(started.upload.url))).status, 410);
    });

    await t.test('two of them at one upload: no 423, no minutes of waiting, one file (tus-js-client #37, #130)', async () => {
        const first = run(server, bytes, { chunkSize: 300000 });
        while (!first.upload.url) await new Promise((resolve) => setTimeout(resolve, 5));
        const stack = new NotingStack({});
        const second = run(server, bytes, { chunkSize: 300000, uploadUrl: first.upload.url, httpStack: stack, retryDelays: Array(40).fill(10) });
        // Whichever wins, one of them gets through, and what is there is right.
        const outcome = await Promise.allSettled([first.done, second.done]);
        assert.ok(outcome.some((each) => each.status === 'fulfilled'));
        assert.ok(!stack.notes.some((note) => note.endsWith(' 423')));
        assert.equal(await fetched(server, first.upload.url), sha256(bytes));
    });
});

test('tus-js-client goes on after kill -9 of the server, from where it was', async (t) => {
    const data = path.join(temporaryDirectory(t), 'data');
    const port = await freePort();
    let server = await startServer(t, { data, port });
    const bytes = makeBytes(2000001);
    const stack = new NotingStack({});
    let kills = 0;
    let reviving = Promise.resolve();
    const started = run(server, bytes, { chunkSize: 100000, httpStack: stack, retryDelays: Array(100).fill(50) }, (sent) => {
        if (kills < 3 && sent > (kills + 1) * 500000) {
            kills++;
            reviving = server.stop('SIGKILL').then(async () => {
                server = await startServer(t, { data, port });
            });
        }
    });
    const url = await started.done;
    await reviving;
    assert.equal(kills, 3);
    assert.equal(await fetched(server, url), sha256(bytes));
    assert.equal(stack.notes.filter((note) => note === 'POST 201').length, 1, 'never from the start again');
});
