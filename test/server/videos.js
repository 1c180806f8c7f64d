// SPDX-License-Identifier: MIT
// The videos API from a client's side.
import { createHash, randomBytes } from 'node:crypto';

import { crc64Field } from './crc64.js';
import { connect, postJson, request } from './server.js';

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
export const makeBytes = (size) => randomBytes(size);

/** Begins an upload; returns its id. */
export async function init(server, values = {}) {
    const answer = await postJson(server, '/api/v1/videos/init', { mime_type: 'video/webm', ...values });
    if (answer.status !== 201 && answer.status !== 200) throw new Error(answer.text);
    return answer.json().upload_id;
}

export function partHeaders(upload, offset, bytes, extra = {}) {
    return {
        'Content-Type': 'application/octet-stream',
        'Content-Length': bytes.length,
        'Reelhaul-Upload': upload,
        'Reelhaul-Offset': offset,
        'Reelhaul-Length': bytes.length,
        'Reelhaul-Crc64': crc64Field(bytes),
        ...extra,
    };
}

/** Reelhaul-Slices of a part: so many bytes each, and the rest. */
export function slicesField(bytes, size) {
    const slices = [];
    for (let at = 0; at < bytes.length; at += size) {
        const slice = bytes.subarray(at, at + size);
        slices.push(`${slice.length};crc64=${crc64Field(slice)}`);
    }
    return slices.join(', ');
}

export function sendPart(server, upload, offset, bytes, extra = {}, agent = undefined) {
    return request(server, 'POST', '/api/v1/videos/chunk', {
        headers: partHeaders(upload, offset, bytes, extra), body: bytes, agent,
    });
}

/** The head of a part's request as text, for raw connections. */
export function partHead(server, upload, offset, bytes, extra = {}) {
    const headers = { Host: server.host, ...partHeaders(upload, offset, bytes, extra) };
    return `POST /api/v1/videos/chunk HTTP/1.1\r\n${Object.entries(headers)
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

/** Opens a connection and sends the head of a part and its first `sent` bytes. */
export async function beginPart(server, upload, offset, bytes, sent, extra = {}) {
    const raw = await connect(server);
    raw.write(partHead(server, upload, offset, bytes, extra));
    raw.write(bytes.subarray(0, sent));
    return raw;
}

export async function status(server, upload) {
    return (await request(server, 'GET', `/api/v1/videos/${upload}`)).json();
}

export const finalize = (server, upload, values = {}) =>
    postJson(server, '/api/v1/videos/finalize', { upload_id: upload, ...values });

/** Asks until `met` holds for the upload's state. There is no other way to see a broken body's end. */
export async function until(server, upload, met) {
    for (;;) {
        const now = await status(server, upload);
        if (met(now)) return now;
        await new Promise((resolve) => setTimeout(resolve, 5));
    }
}
