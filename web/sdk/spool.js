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

/** A piece of the recording; `closed` ones are immutable and may be read and sent.
 * @typedef {{seg: number, offset: number, length: number, crc64: bigint, closed: boolean}} Segment */

/** CRC-64/NVME (the wasm's); values are finished after each call, 0n to begin with.
 * @typedef {object} Crc64
 * @property {(crc: bigint, bytes: Uint8Array) => bigint} update
 * @property {(a: bigint, b: bigint, lengthB: number) => bigint} combine
 */

/** What is known of a recording when it begins; written once.
 * @typedef {object} Meta
 * @property {number} format
 * @property {string} rec
 * @property {string} sessionId
 * @property {string} videoId
 * @property {string} promptId
 * @property {string} name
 * @property {string} mimeType
 * @property {Record<string, unknown>} metadata
 * @property {number} createdAt
 * @property {'recording'|'file'} source
 */

/** A recording as found in the spool.
 * @typedef {object} Found
 * @property {Meta} meta
 * @property {'ok'|'newer'|'damaged'} verdict
 * @property {Segment[]} segments
 * @property {number[]} gone      segments already deleted (they were proven)
 * @property {number} size        durable bytes
 * @property {boolean} sealed
 * @property {bigint} crc64       of the whole; meaningful when sealed
 * @property {number} durationMs
 */

/** @typedef {object} Writer
 * @property {number} size                          durable bytes
 * @property {(bytes: Uint8Array<ArrayBuffer>) => Promise<Segment[]>} append  resolves with segments it closed
 * @property {() => Promise<Segment[]>} closeSegment      closes the open one, if any
 * @property {(durationMs: number) => Promise<{size: number, crc64: bigint, closed: Segment[]}>} seal
 * @property {() => void} abandon                   closes handles, leaves all as it is
 */

/** @typedef {object} Spool
 * @property {'opfs'|'idb'} kind
 * @property {() => Promise<string[]>} list
 * @property {(rec: string) => Promise<Found|null>} read
 * @property {(meta: Meta, live: boolean) => Promise<Writer>} create
 * @property {(rec: string) => Promise<Found|null>} recover   under the lock: truncate to what is durable, seal
 * @property {(rec: string, segments: Segment[], offset: number, length: number) => Promise<Blob>} blob
 * @property {(rec: string, segs: number[]|null) => Promise<void>} forget   null: the whole recording
 */

/** The largest segment, and so the largest piece that is committed at once. */
export const SEGMENT_BYTES = 1 << 20;
/** A live segment closes at a slice's end once it has this much … */
export const LIVE_BYTES = 256 << 10;
/** … or is this old. */
export const LIVE_MS = 4000;
export const META_FORMAT = 1;

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
