/* SPDX-License-Identifier: MIT */
/**
 * The journal of one recording: the append-only commit point of the OPFS spool.
 *
 * Fixed records of 56 bytes, little-endian:
 *   0 magic u32 | 4 format u16 | 6 kind u16 | 8 seq u32 | 12 seg u32 | 16 offset u64 | 24 length u64
 *   | 32 crc64 u64 | 40 extra u64 | 48 crc64 of bytes 0..47
 * kind 1 slice: `length` bytes at `offset` are durable in segment `seg`; extra bit 0: the segment is closed.
 * kind 2 close: segment `seg` is closed without new bytes.
 * kind 3 seal:  the recording has `length` bytes with checksum `crc64`; extra = duration in ms.
 * The file is extended ahead with zeros to reserve quota; a zero magic is the end.
 * @module
 */

export const FORMAT = 1;
export const RECORD_BYTES = 56;
export const SLICE = 1;
export const CLOSE = 2;
export const SEAL = 3;

const MAGIC = 0x314a4852; // "RHJ1"

/** @typedef {import('./types.js').Crc64} Crc64 */
/** @typedef {import('./types.js').Segment} Segment */
/** @typedef {import('./types.js').JournalRecord} JournalRecord */
/** @typedef {import('./types.js').Scan} Scan */

/** @param {JournalRecord[]} records @param {Crc64} crc @returns {Uint8Array<ArrayBuffer>} */
export function encode(records, crc) {
    const bytes = new Uint8Array(records.length * RECORD_BYTES);
    const view = new DataView(bytes.buffer);
    records.forEach((record, index) => {
        const at = index * RECORD_BYTES;
        view.setUint32(at, MAGIC, true);
        view.setUint16(at + 4, FORMAT, true);
        view.setUint16(at + 6, record.kind, true);
        view.setUint32(at + 8, record.seq, true);
        view.setUint32(at + 12, record.seg, true);
        view.setBigUint64(at + 16, BigInt(record.offset), true);
        view.setBigUint64(at + 24, BigInt(record.length), true);
        view.setBigUint64(at + 32, record.crc64, true);
        view.setBigUint64(at + 40, BigInt(record.extra ?? 0), true);
        view.setBigUint64(at + 48, crc.update(0n, bytes.subarray(at, at + 48)), true);
    });
    return bytes;
}

/** @param {Uint8Array} bytes @param {number} at @param {Crc64} crc
 * @returns {JournalRecord|null} null if there is no sound record of a known format */
function decode(bytes, at, crc) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, RECORD_BYTES);
    if (view.getUint32(0, true) !== MAGIC || view.getUint16(4, true) !== FORMAT) return null;
    if (view.getBigUint64(48, true) !== crc.update(0n, bytes.subarray(at, at + 48))) return null;
    return {
        kind: view.getUint16(6, true),
        seq: view.getUint32(8, true),
        seg: view.getUint32(12, true),
        offset: Number(view.getBigUint64(16, true)),
        length: Number(view.getBigUint64(24, true)),
        crc64: view.getBigUint64(32, true),
        extra: Number(view.getBigUint64(40, true)),
    };
}

/** Reads up to the last valid record. @param {Uint8Array} bytes @param {Crc64} crc @returns {Scan} */
export function scan(bytes, crc) {
    /** @type {JournalRecord[]} */
    const records = [];
    const whole = Math.floor(bytes.byteLength / RECORD_BYTES);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (whole > 0 && view.getUint32(0, true) === MAGIC && view.getUint16(4, true) > FORMAT) {
        return { verdict: 'newer', records, segments: [], size: 0, seal: null };
    }
    let size = 0;
    let index = 0;
    for (; index < whole; index++) {
        const record = decode(bytes, index * RECORD_BYTES, crc);
        if (!record || record.seq !== index) break;
        if (record.kind === SLICE && record.offset !== size) break;
        if (record.kind === SLICE) size += record.length;
        records.push(record);
    }
    let verdict = /** @type {Scan['verdict']} */ ('ok');
    for (index++; index < whole; index++) {
        if (decode(bytes, index * RECORD_BYTES, crc)) verdict = 'damaged';
    }
    const last = records[records.length - 1];
    const seal = last?.kind === SEAL ? last : null;
    return { verdict, records, segments: segmentsOf(records, crc), size, seal };
}

/** @param {JournalRecord[]} records @param {Crc64} crc @returns {Segment[]} */
export function segmentsOf(records, crc) {
    /** @type {Map<number, Segment>} */
    const segments = new Map();
    for (const record of records) {
        if (record.kind === SEAL) {
            for (const segment of segments.values()) segment.closed = true;
            continue;
        }
        let segment = segments.get(record.seg);
        if (!segment) {
            segment = { seg: record.seg, offset: record.offset, length: 0, crc64: 0n, closed: false };
            segments.set(record.seg, segment);
        }
        if (record.kind === CLOSE) {
            segment.closed = true;
            continue;
        }
        segment.crc64 = segment.length === 0
            ? record.crc64
            : crc.combine(segment.crc64, record.crc64, record.length);
        segment.length += record.length;
        if (((record.extra ?? 0) & 1) === 1) segment.closed = true;
    }
    return [...segments.values()];
}
