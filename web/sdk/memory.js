/* SPDX-License-Identifier: MIT */
/**
 * Spool and ledger where the browser keeps nothing (no IndexedDB): they live as long as the page, and people are told
 * so. Both are used in one thread.
 * @module
 */

import { SEGMENT_BYTES, split, wholeCrc } from './spool.js';

/** @typedef {import('./types.js').Crc64} Crc64 */
/** @typedef {import('./types.js').Found} Found */
/** @typedef {import('./types.js').Meta} Meta */
/** @typedef {import('./types.js').Segment} Segment */
/** @typedef {import('./types.js').Spool} Spool */
/** @typedef {import('./types.js').Writer} Writer */

/** @typedef {Found & {blobs: Map<number, Blob>}} Held */

/** One per partition: the writer and the uploader meet here. @type {Map<string, Map<string, Held>>} */
const held = new Map();

/** @implements {Writer} */
class MemoryWriter {
    #it; #crc;

    /** @param {Held} it @param {Crc64} crc */
    constructor(it, crc) {
        this.#it = it;
        this.#crc = crc;
    }

    get size() {
        return this.#it.size;
    }

    /** @param {Uint8Array<ArrayBuffer>} bytes @returns {Promise<Segment[]>} */
    async append(bytes) {
        const it = this.#it;
        return split(bytes, SEGMENT_BYTES).map((piece) => {
            const segment = {
                seg: it.segments.length, offset: it.size, length: piece.byteLength,
                crc64: this.#crc.update(0n, piece), closed: true,
            };
            it.blobs.set(segment.seg, new Blob([piece]));
            it.segments.push(segment);
            it.size += piece.byteLength;
            return segment;
        });
    }

    /** @returns {Promise<Segment[]>} */
    async closeSegment() {
        return [];
    }

    /** @param {number} durationMs */
    async seal(durationMs) {
        const it = this.#it;
        Object.assign(it, { sealed: true, crc64: wholeCrc(it.segments, this.#crc), durationMs });
        return { size: it.size, crc64: it.crc64, closed: [] };
    }

    abandon() {}
}

/** @implements {Spool} */
export class MemorySpool {
    kind = /** @type {const} */ ('memory');
    #held; #crc;

    /** @param {Map<string, Held>} mine @param {Crc64} crc */
    constructor(mine, crc) {
        this.#held = mine;
        this.#crc = crc;
    }

    /** @param {string} partition @param {Crc64} crc */
    static async open(partition, crc) {
        const mine = held.get(partition) ?? new Map();
        held.set(partition, mine);
        return new MemorySpool(mine, crc);
    }

    async list() {
        return [...this.#held.keys()].sort();
    }

    /** @param {Meta} meta @returns {Promise<Writer>} */
    async create(meta) {
        /** @type {Held} */
        const it = {
            meta, verdict: 'ok', segments: [], gone: [], size: 0, sealed: false, crc64: 0n, durationMs: 0,
            blobs: new Map(),
        };
        this.#held.set(meta.rec, it);
        return new MemoryWriter(it, this.#crc);
    }

    /** @param {string} rec @returns {Promise<Found|null>} */
    async read(rec) {
        return this.#held.get(rec) ?? null;
    }

    /** @param {string} rec @returns {Promise<Found|null>} */
    async salvage(rec) {
        const it = this.#held.get(rec);
        return it ? { ...it, sealed: true, crc64: wholeCrc(it.segments, this.#crc) } : null;
    }

    /** @param {string} rec */
    recover(rec) {
        return this.salvage(rec);
    }

    /** @param {string} rec @param {Segment[]} segments @param {number} offset @param {number} length
     * @returns {Promise<Blob>} */
    async blob(rec, segments, offset, length) {
        const end = offset + length;
        const parts = [];
        for (const segment of segments) {
            const from = Math.max(offset, segment.offset);
            const to = Math.min(end, segment.offset + segment.length);
            const blob = this.#held.get(rec)?.blobs.get(segment.seg);
            if (blob && from < to) parts.push(blob.slice(from - segment.offset, to - segment.offset));
        }
        const whole = new Blob(parts, { type: 'application/octet-stream' });
        if (whole.size !== length) throw new DOMException('bytes are missing from the spool', 'NotFoundError');
        return whole;
    }

    /** @param {string} rec @param {number[]|null} segs */
    async forget(rec, segs) {
        if (segs === null) this.#held.delete(rec);
        for (const seg of segs ?? []) this.#held.get(rec)?.blobs.delete(seg);
    }
}

/** The ledger's methods over Maps; see ledger.js. */
export class MemoryLedger {
    /** @type {Map<string, Uint8Array>} */ #records = new Map();
    /** @type {Map<string, import('./types.js').TakeRow>} */ #takes = new Map();
    /** @type {Map<string, string>} */ #tokens = new Map();
    /** @type {Map<string, import('./types.js').SessionRow>} */ #deferred = new Map();
    /** @type {import('./types.js').Config|null} */ #config = null;
    #writer = { lease: crypto.randomUUID(), number: 0 };

    async records() { return [...this.#records.values()]; }
    /** @param {[string, Uint8Array|null][]} changes */
    async write(changes) {
        for (const [upload, bytes] of changes) {
            if (bytes) this.#records.set(upload, bytes);
            else this.#records.delete(upload);
        }
    }
    async takes() { return [...this.#takes.values()].sort((a, b) => (a.rec < b.rec ? -1 : 1)); }
    /** @param {import('./types.js').TakeRow[]} rows */
    async putTakes(rows) { for (const row of rows) this.#takes.set(row.rec, row); }
    /** @param {string} rec */
    async dropTake(rec) { this.#takes.delete(rec); }
    async takeOver() {
        this.#writer.number++;
        return { ...this.#writer };
    }
    async config() { return this.#config; }
    /** @param {Partial<import('./types.js').Config>} changes */
    async configure(changes) {
        this.#config = /** @type {import('./types.js').Config} */ ({ ...this.#config, ...changes });
        return this.#config;
    }
    /** @param {string} session */
    async token(session) { return this.#tokens.get(session) ?? ''; }
    /** @param {string} session @param {string} token */
    async putToken(session, token) { this.#tokens.set(session, token); }
    /** @param {import('./types.js').SessionRow} session */
    async defer(session) { this.#deferred.set(session.id, session); }
    async deferred() { return [...this.#deferred.values()]; }
    /** @param {string} session @param {string} token */
    async announced(session, token) {
        if (token) this.#tokens.set(session, token);
        this.#deferred.delete(session);
    }
    close() {}
}
