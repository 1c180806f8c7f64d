// SPDX-License-Identifier: MIT
// tus 1.0 by hand, for tests: plain requests that say just what they are told to.
import crypto from 'node:crypto';
import http2 from 'node:http2';

import { connect, parseAnswers, request } from './server.js';

export const TUS = { 'Tus-Resumable': '1.0.0' };
export const TYPE = { 'Content-Type': 'application/offset+octet-stream' };

/** The path of a Location. */
export function pathOf(location) {
    return new URL(location).pathname;
}

/** Upload-Metadata of an object. */
export function metadataOf(values) {
    return Object.entries(values)
        .map(([key, value]) => (value === '' ? key : `${key} ${Buffer.from(value).toString('base64')}`)).join(',');
}

/** POST /files/; headers decide all else. The answer, with `path` where there is a Location. */
export async function create(server, headers, body) {
    const answer = await request(server, 'POST', '/files/', { headers: { ...TUS, ...headers }, body });
    return { ...answer, path: answer.headers.location ? pathOf(answer.headers.location) : '' };
}

export async function createOf(server, size, headers = {}) {
    const answer = await create(server, { 'Upload-Length': String(size), ...headers });
    if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`);
    return answer.path;
}

export function patch(server, path, offset, body, headers = {}) {
    return request(server, 'PATCH', path, { headers: { ...TUS, ...TYPE, 'Upload-Offset': String(offset), ...headers }, body });
}

export function head(server, path, headers = {}) {
    return request(server, 'HEAD', path, { headers: { ...TUS, ...headers } });
}

export async function offsetOf(server, path) {
    const answer = await head(server, path);
    if (answer.status !== 200) throw new Error(`HEAD: ${answer.status}`);
    return Number(answer.headers['upload-offset']);
}

export function checksum(algorithm, bytes) {
    return `${algorithm} ${crypto.createHash(algorithm).update(bytes).digest('base64')}`;
}

/** A PATCH whose body is sent as the test goes on: { raw, send(bytes), answer() }. */
export async function openPatch(server, path, offset, length, headers = {}) {
    const raw = await connect(server);
    const lines = { ...TUS, ...TYPE, 'Upload-Offset': offset, 'Content-Length': length, ...headers };
    const text = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`).join('');
    raw.write(`PATCH ${path} HTTP/1.1\r\nHost: ${server.host}\r\n${text}\r\n`);
    return {
        raw,
        send: (bytes) => raw.write(bytes),
        async answer() {
            return (await raw.answers(1))[0];
        },
        get answered() {
            return parseAnswers(raw.received).length > 0;
        },
    };
}

/** Requests over one HTTP/2 connection: open(method, path, headers, options) → { stream, answer() }. */
export function connectH2(t, server) {
    const session = http2.connect(server.url);
    t.after(() => session.destroy());
    return (method, path, headers = {}, options = {}) => {
        const stream = session.request({ ':method': method, ':path': path, ':authority': server.host, ...headers },
            { endStream: options.endStream ?? true, waitForTrailers: Boolean(options.trailers) });
        if (options.trailers) stream.on('wantTrailers', () => stream.sendTrailers(options.trailers));
        const opened = { stream, answered: false, answer: () => answered };
        const answered = new Promise((resolve, reject) => {
            const chunks = [];
            let head = {};
            stream.on('response', (got) => {
                head = got;
                opened.answered = true;
            });
            stream.on('data', (chunk) => chunks.push(chunk));
            stream.on('error', reject);
            stream.on('close', () => resolve({ status: head[':status'], headers: head, text: Buffer.concat(chunks).toString() }));
        });
        answered.catch(() => {});
        return opened;
    };
}
