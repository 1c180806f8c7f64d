/* SPDX-License-Identifier: MIT */
/**
 * What is left of one upload as requests that need nobody: for a Background Fetch. Each declares its part and its
 * checksum, so that the server answers for each as if the engine had sent it, and completes the upload by itself.
 * @module
 */

import { exchange } from './transport.js';

/** @typedef {import('./types.js').Segment} Segment */
/** @typedef {import('./types.js').DelegatedPart} DelegatedPart */

const PART_BYTES = 4 << 20;

/** @typedef {object} Subject
 * @property {string} server
 * @property {string} remote the server's id of it, '' where there is none yet
 * @property {import('./types.js').Meta} meta
 * @property {{size: number, crc64: bigint}} sealed
 * @property {Segment[]} segments
 * @property {import('./brain.js').Brain} brain
 * @property {(offset: number, length: number) => Promise<Blob>} blob
 * @property {string} bearer '' for none
 */

/** Announces it where the server does not know it, asks what is there, and cuts the rest into parts.
 * @param {Subject} it @returns {Promise<DelegatedPart[]>} */
export async function partsOf(it) {
    const { server, sealed } = it;
    const upload = await announced(it);
    if (upload.state !== 'open') return [];
    const parts = [];
    for (const [from, to] of gaps(upload.durable ?? [], sealed.size)) {
        for (let offset = from; offset < to; offset += PART_BYTES) {
            const length = Math.min(PART_BYTES, to - offset);
            const crc64 = await checksum(it, offset, length);
            parts.push({
                offset, length, url: `${server}/api/v1/videos/chunk`, body: await it.blob(offset, length),
                headers: {
                    ...bearing(it), 'Content-Type': 'application/octet-stream', 'Reelhaul-Upload': upload.upload_id,
                    'Reelhaul-Offset': String(offset), 'Reelhaul-Length': String(length),
                    'Reelhaul-Crc64': field(crc64), 'Reelhaul-Total': String(sealed.size),
                },
            });
        }
    }
    return parts;
}

/** An upload without a session is known by its id alone: to announce it twice makes two.
 * @param {Subject} it @returns {Promise<any>} the server's view of it */
async function announced(it) {
    const id = it.remote || await initiated(it);
    return said({
        method: 'GET', url: `${it.server}/api/v1/videos/${id}`, body: null, headers: bearing(it),
    });
}

/** @param {Subject} it @returns {Promise<string>} the upload's id */
async function initiated({ server, meta, sealed, bearer }) {
    const { sessionId, videoId, mimeType, metadata } = meta;
    const body = JSON.stringify({
        ...(sessionId && { session_id: sessionId }), video_id: videoId, mime_type: mimeType, size: sealed.size,
        metadata,
    });
    const made = await said({
        method: 'POST', url: `${server}/api/v1/videos/init`, body: new Blob([body]),
        headers: { ...bearing({ bearer }), 'Content-Type': 'application/json' },
    });
    return made.upload_id;
}

/** @param {{method: string, url: string, headers: Record<string, string>, body: Blob|null}} request
 * @returns {Promise<any>} */
async function said(request) {
    const reply = await exchange({ ...request, signal: AbortSignal.timeout(10_000), progress: () => {} });
    if (reply.status >= 400) throw new DOMException(`the server answered ${reply.status}`, 'NetworkError');
    return JSON.parse(reply.text);
}

/** @param {{bearer: string}} it @returns {Record<string, string>} */
const bearing = ({ bearer }) => (bearer ? { Authorization: `Bearer ${bearer}` } : {});

/** @param {{offset: number, length: number}[]} durable @param {number} size @returns {[number, number][]} */
export function gaps(durable, size) {
    /** @type {[number, number][]} */
    const found = [];
    let at = 0;
    for (const { offset, length } of [...durable, { offset: size, length: 0 }].sort((a, b) => a.offset - b.offset)) {
        if (offset > at) found.push([at, offset]);
        at = Math.max(at, offset + length);
    }
    return found;
}

/** From the journal's where a segment is in it whole; else its bytes are read (≤ 1 MiB at each end).
 * @param {Subject} it @param {number} offset @param {number} length @returns {Promise<bigint>} */
async function checksum({ segments, brain, blob }, offset, length) {
    let sum = 0n;
    for (const segment of [...segments].sort((a, b) => a.offset - b.offset)) {
        const from = Math.max(offset, segment.offset);
        const to = Math.min(offset + length, segment.offset + segment.length);
        if (from >= to) continue;
        const whole = to - from === segment.length;
        const crc64 = whole ? segment.crc64
            : brain.crc64(new Uint8Array(await (await blob(from, to - from)).arrayBuffer()));
        sum = from === offset ? crc64 : brain.crc64Combine(sum, crc64, to - from);
    }
    return sum;
}

/** As a structured field: eight bytes, big-endian. @param {bigint} crc64 */
function field(crc64) {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, crc64);
    return `:${btoa(String.fromCharCode(...bytes))}:`;
}
