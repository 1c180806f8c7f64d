/* SPDX-License-Identifier: MIT */
/**
 * The fallback spool: IndexedDB, one strict transaction a slice, records ≤ 1 MiB. A record is a closed
 * segment from the start, so there is no journal: the transaction is the commit point.
 * @module
 */

import { asked, openDb, transact } from './idb.js';
import { SEGMENT_BYTES, split, wholeCrc } from './spool.js';

/** @typedef {import('./types.js').Crc64} Crc64 */
/** @typedef {import('./types.js').Found} Found */
/** @typedef {import('./types.js').Meta} Meta */
/** @typedef {import('./types.js').Segment} Segment */
/** @typedef {import('./types.js').Spool} Spool */
/** @typedef {import('./types.js').Writer} Writer */

const FORMAT = 1;

/** @typedef {{rec: string, format: number, meta: Meta, segments: Segment[], gone: number[], size: number,
 *   sealed: boolean, crc64: bigint, durationMs: number}} Row */

/** @implements {Writer} */
class IdbWriter {
    size = 0;
    #db; #crc; #rec;
    /** @type {Segment[]} */
    #segments = [];

    /** @param {IDBDatabase} db @param {Crc64} crc @param {string} rec */
    constructor(db, crc, rec) {
        this.#db = db;
        this.#crc = crc;
        this.#rec = rec;
    }

    /** @param {Uint8Array<ArrayBuffer>} bytes @returns {Promise<Segment[]>} */
    async append(bytes) {
        let { size } = this;
        /** @type {Segment[]} */
        const made = [];
        const pieces = split(bytes, SEGMENT_BYTES);
        for (const piece of pieces) {
            made.push({
                seg: this.#segments.length + made.length, offset: size, length: piece.byteLength,
                crc64: this.#crc.update(0n, piece), closed: true,
            });
            size += piece.byteLength;
        }
        await transact(this.#db, ['recs', 'segs'], 'readwrite', async (tx) => {
            // A copy: a view would drag its whole buffer into the record.
            pieces.forEach((piece, i) => tx.objectStore('segs').put(piece.slice(), [this.#rec, made[i].seg]));
            await update(tx, this.#rec, (row) => {
                row.segments.push(...made);
                row.size = size;
            });
        });
        this.#segments.push(...made);
        this.size = size;
        return made;
    }

    async closeSegment() {
        return [];
    }

    /** @param {number} durationMs */
    async seal(durationMs) {
        const crc64 = wholeCrc(this.#segments, this.#crc);
        await transact(this.#db, ['recs'], 'readwrite', (tx) => update(tx, this.#rec, (row) => {
            row.sealed = true;
            row.crc64 = crc64;
            row.durationMs = Math.round(durationMs);
        }));
        return { size: this.size, crc64, closed: [] };
    }

    abandon() {}
}

/** @param {IDBTransaction} tx @param {string} rec @param {(row: Row) => void} change */
async function update(tx, rec, change) {
    const store = tx.objectStore('recs');
    const row = /** @type {Row|undefined} */ (await asked(store.get(rec)));
    if (!row) throw new DOMException('the recording is no longer in the spool', 'NotFoundError');
    change(row);
    store.put(row);
}

/** @implements {Spool} */
export class IdbSpool {
    kind = /** @type {const} */ ('idb');
    #db; #crc;

    /** @param {IDBDatabase} db @param {Crc64} crc */
    constructor(db, crc) {
        this.#db = db;
        this.#crc = crc;
    }

    /** @param {string} partition @param {Crc64} crc */
    static async open(partition, crc) {
        const db = await openDb(`reelhaul-spool-${partition}`, 1, (fresh) => {
            fresh.createObjectStore('recs', { keyPath: 'rec' });
            fresh.createObjectStore('segs');
        });
        return new IdbSpool(db, crc);
    }

    async list() {
        const keys = await transact(this.#db, ['recs'], 'readonly',
            (tx) => asked(tx.objectStore('recs').getAllKeys()));
        return keys.map(String).sort();
    }

    /** @param {Meta} meta @returns {Promise<Writer>} */
    async create(meta) {
        /** @type {Row} */
        const row = {
            rec: meta.rec, format: FORMAT, meta, segments: [], gone: [], size: 0, sealed: false, crc64: 0n,
            durationMs: 0,
        };
        await transact(this.#db, ['recs'], 'readwrite', (tx) => void tx.objectStore('recs').add(row));
        return new IdbWriter(this.#db, this.#crc, meta.rec);
    }

    /** @param {string} rec @returns {Promise<Found|null>} */
    async read(rec) {
        const row = /** @type {Row|undefined} */ (await transact(this.#db, ['recs'], 'readonly',
            (tx) => asked(tx.objectStore('recs').get(rec))));
        if (!row) return null;
        const { meta, segments, gone, size, sealed, crc64, durationMs } = row;
        const verdict = row.format > FORMAT ? 'newer' : 'ok';
        return { meta, verdict, segments, gone, size, sealed, crc64, durationMs };
    }

    /** @param {string} rec @returns {Promise<Found|null>} */
    async salvage(rec) {
        const found = await this.read(rec);
        if (!found || found.sealed || found.verdict !== 'ok') return found;
        return { ...found, sealed: true, crc64: wholeCrc(found.segments, this.#crc) };
    }

    /** @param {string} rec @returns {Promise<Found|null>} */
    async recover(rec) {
        const found = await this.read(rec);
        if (!found || found.sealed || found.verdict !== 'ok') return found;
        const crc64 = wholeCrc(found.segments, this.#crc);
        await transact(this.#db, ['recs'], 'readwrite', (tx) => update(tx, rec, (row) => {
            row.sealed = true;
            row.crc64 = crc64;
        }));
        return { ...found, sealed: true, crc64 };
    }

    /** @param {string} rec @param {Segment[]} segments @param {number} offset @param {number} length
     * @returns {Promise<Blob>} */
    async blob(rec, segments, offset, length) {
        const end = offset + length;
        const parts = await transact(this.#db, ['segs'], 'readonly', async (tx) => {
            const found = [];
            for (const segment of segments) {
                const from = Math.max(offset, segment.offset);
                const to = Math.min(end, segment.offset + segment.length);
                if (from >= to) continue;
                const bytes = /** @type {Uint8Array<ArrayBuffer>|undefined} */ (
                    await asked(tx.objectStore('segs').get([rec, segment.seg])));
                if (bytes) found.push(new Blob([bytes]).slice(from - segment.offset, to - segment.offset));
            }
            return found;
        });
        const blob = new Blob(parts, { type: 'application/octet-stream' });
        if (blob.size !== length) {
            throw new DOMException('bytes are missing from the spool', 'NotFoundError');
        }
        return blob;
    }

    /** @param {string} rec @param {number[]|null} segs */
    async forget(rec, segs) {
        await transact(this.#db, ['recs', 'segs'], 'readwrite', async (tx) => {
            const store = tx.objectStore('segs');
            if (segs === null) {
                store.delete(IDBKeyRange.bound([rec, 0], [rec, Infinity]));
                tx.objectStore('recs').delete(rec);
                return;
            }
            for (const seg of segs) store.delete([rec, seg]);
            const row = await asked(tx.objectStore('recs').get(rec));
            if (row) tx.objectStore('recs').put({ ...row, gone: [...new Set([...row.gone, ...segs])] });
        });
    }
}
