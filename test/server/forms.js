// SPDX-License-Identifier: MIT
// Multipart forms byte by byte, for what FormData would not write.
import { request } from './server.js';

const boundary = '----reelhaulTestBoundary';

export const formType = `multipart/form-data; boundary=${boundary}`;

/** A form of [name, value] pairs; a Buffer is sent as the part of a file. Values go in as they are. */
export function formOf(pairs) {
    const parts = pairs.flatMap(([name, value]) => {
        const isFile = Buffer.isBuffer(value);
        const more = isFile ? '; filename="blob"\r\nContent-Type: video/webm' : '';
        return [
            `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n`,
            isFile ? value : String(value), '\r\n',
        ];
    });
    return Buffer.concat([...parts, `--${boundary}--\r\n`].map((part) => Buffer.from(part)));
}

export function postForm(server, target, pairs, { agent } = {}) {
    return request(server, 'POST', target, {
        headers: { 'Content-Type': formType }, body: formOf(pairs), agent,
    });
}

/** A chunk of the sessions API. */
export function sendChunk(server, { session_id, video_id, chunk_index, total_chunks }, bytes, options) {
    return postForm(server, '/api/upload/chunk', Object.entries({
        session_id, video_id, chunk_index, total_chunks, chunk: Buffer.from(bytes),
    }), options);
}
