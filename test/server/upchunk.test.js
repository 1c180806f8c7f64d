// SPDX-License-Identifier: MIT
// Somebody else's client, Mux UpChunk, against the real server. It is made for browsers: what it uses of one is stood in
// for here, thinly, over Node's own HTTP client.
import assert from 'node:assert/strict';
import { File as NodeFile } from 'node:buffer';
import http from 'node:http';
import test from 'node:test';

import { request, startServer } from './server.js';
import { makeBytes, sha256 } from './videos.js';

/** As much of XMLHttpRequest as the package `xhr` below UpChunk asks for. */
class Xhr {
    readyState = 0;
    status = 0;
    responseText = '';
    upload = {};
    #headers = {};
    #answer = '';

    open(method, url) {
        Object.assign(this, { method, url });
    }

    setRequestHeader(name, value) {
        this.#headers[name] = value;
    }

    getAllResponseHeaders() {
        return this.#answer;
    }

    abort() {
        this.request?.destroy();
    }

    async send(body) {
        const bytes = Buffer.from(await body.arrayBuffer());
        const cut = Xhr.cut?.(this.#headers) ?? bytes.length;
        const url = Xhr.leads?.(this.#headers) ?? this.url;
        this.request = http.request(url, {
            method: this.method, headers: { ...this.#headers, 'Content-Length': bytes.length }, agent: false,
        }, (answer) => {
            const lines = [];
            for (let i = 0; i < answer.rawHeaders.length; i += 2) lines.push(`${answer.rawHeaders[i]}: ${answer.rawHeaders[i + 1]}`);
            answer.on('data', (data) => (this.responseText += data));
            answer.on('end', () => {
                Object.assign(this, { readyState: 4, status: answer.statusCode });
                this.#answer = lines.join('\r\n');
                Xhr.log.push(`${answer.statusCode} ${answer.headers.range ?? '-'}`);
                this.onreadystatechange?.();
                this.onload?.();
            });
        });
        this.request.on('error', (error) => this.onerror?.(error));
        if (cut === bytes.length) this.request.end(bytes);
        else this.request.write(bytes.subarray(0, cut), () => setTimeout(() => this.request.destroy(), 30));
    }

    /** What was answered: "308 bytes=0-9". */
    static log = [];
    /** For tests: after how many bytes the connection breaks, and where a request goes instead. */
    static cut = null;
    static leads = null;
}

class Happening extends Event {
    constructor(name, { detail } = {}) {
        super(name);
        this.detail = detail;
    }
}

Object.assign(globalThis, { XMLHttpRequest: Xhr, File: NodeFile });
globalThis.CustomEvent ??= Happening;
const { createUpload } = await import('@mux/upchunk');

const bytes = makeBytes(256 * 1024 * 3 + 12345);

async function begin(server) {
    const answer = await request(server, 'POST', '/files/', {
        headers: { 'X-Upload-Content-Length': bytes.length, 'X-Upload-Content-Type': 'video/mp4', 'Content-Length': 0 },
    });
    return answer.headers.location;
}

/** Runs an upload to its end: 'success', or the error. */
function run(endpoint, options = {}) {
    Xhr.log = [];
    const file = new NodeFile([bytes], 'film.mp4', { type: 'video/mp4' });
    const upload = createUpload({ endpoint, file, chunkSize: 256, delayBeforeAttempt: 0.01, ...options });
    return new Promise((resolve) => {
        upload.on('success', () => resolve('success'));
        upload.on('error', (event) => resolve(event.detail.message));
    });
}

async function fetched(server, location) {
    const answer = await request(server, 'GET', new URL(location).pathname);
    assert.equal(answer.status, 200, answer.text);
    return sha256(answer.bytes);
}

test('UpChunk', async (t) => {
    const server = await startServer(t);

    await t.test('a file in chunks', async () => {
        const location = await begin(server);
        assert.equal(await run(location), 'success');
        assert.deepEqual(Xhr.log, ['308 bytes=0-262143', '308 bytes=0-524287', '308 bytes=0-786431', '200 -']);
        assert.equal(await fetched(server, location), sha256(bytes));
    });

    await t.test('a connection that breaks is no success; begun anew from 0, what is there is passed over', async () => {
        const location = await begin(server);
        Xhr.cut = (headers) => (headers['Content-Range'].startsWith('bytes 262144-') ? 100000 : undefined);
        const end = await run(location);
        Xhr.cut = null;
        assert.notEqual(end, 'success');
        const look = () => request(server, 'PUT', new URL(location).pathname, {
            headers: { 'Content-Range': `bytes */${bytes.length}`, 'Content-Length': 0 },
        });
        while ((await look()).headers.range !== 'bytes=0-362143') continue; // what was sent may still be on its way
        assert.equal(await run(location), 'success');
        assert.deepEqual(Xhr.log, ['308 bytes=0-362143', '308 bytes=0-524287', '308 bytes=0-786431', '200 -']);
        assert.equal(await fetched(server, location), sha256(bytes));
    });

    await t.test('chunks behind a gap are never a success', async () => {
        // Another server, or one that lost the upload: to UpChunk a 308 without Range would be a success.
        const [location, other] = [await begin(server), await begin(server)];
        Xhr.leads = (headers) => (headers['Content-Range'].startsWith('bytes 0-') ? undefined : other);
        const end = await run(location, { attempts: 2 });
        Xhr.leads = null;
        assert.notEqual(end, 'success');
        assert.deepEqual(Xhr.log, ['308 bytes=0-262143', '503 -', '503 -']);
    });
});
