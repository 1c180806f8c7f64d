/* SPDX-License-Identifier: MIT */
/**
 * The spool: this device's durable copy of each recording, behind one small interface with two back
 * ends (spool-opfs.js, spool-idb.js). Everything here runs in workers.
 *
 * Rules. Only the holder of Web Lock `rec:<id>` writes or deletes. A closed segment never changes.
 * append() resolves only when its bytes are durable; on an error nothing has moved and the same bytes
 * may be appended again.
 * @module
 */

/** @typedef {import('./types.js').Segment} Segment */
/** @typedef {import('./types.js').Crc64} Crc64 */

/** The largest segment, and so the largest piece that is committed at once. */
export const SEGMENT_BYTES = 1 << 20;
/** A live segment closes at a slice's end once it has this much … */
export const LIVE_BYTES = 256 << 10;
/** … or is this old. */
export const LIVE_MS = 4000;

/** @param {Segment[]} segments the order does not matter @param {Crc64} crc @returns {bigint} */
export function wholeCrc(segments, crc) {
    let sum = 0n;
    for (const segment of [...segments].sort((a, b) => a.offset - b.offset)) {
        sum = segment.offset === 0 ? segment.crc64 : crc.combine(sum, segment.crc64, segment.length);
    }
    return sum;
}

/** @param {Uint8Array<ArrayBuffer>} bytes @param {number} room bytes left in the open segment
 * @returns {Uint8Array<ArrayBuffer>[]} pieces that each fit a segment */
export function split(bytes, room) {
    const pieces = [];
    let at = 0;
    let take = room;
    while (at < bytes.byteLength) {
        const end = Math.min(bytes.byteLength, at + take);
        pieces.push(bytes.subarray(at, end));
        at = end;
        take = SEGMENT_BYTES;
    }
    return pieces;
}
