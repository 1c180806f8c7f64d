/* SPDX-License-Identifier: MIT */
/**
 * Which spool this browser gets, and how an uploader reads it: where it runs there are no sync handles, and recordings
 * of another visit may lie in the other kind.
 * @module
 */

import { OpfsSpool, hasSyncHandles } from './spool-opfs.js';
import { IdbSpool } from './spool-idb.js';

/** @typedef {import('./types.js').Crc64} Crc64 */
/** @typedef {import('./types.js').Spool} Spool */
/** @typedef {import('./types.js').SpoolKind} SpoolKind */

/** To write into. @param {string} partition @param {Crc64} crc @param {SpoolKind|undefined} force
 * @returns {Promise<Spool>} */
export async function openSpool(partition, crc, force) {
    if (force === 'memory' || typeof indexedDB === 'undefined') {
        const { MemorySpool } = await import('./memory.js');
        return MemorySpool.open(partition, crc);
    }
    if (force !== 'idb' && hasSyncHandles()) {
        try {
            return await OpfsSpool.open(partition, crc);
        } catch (error) {
            if (force === 'opfs') throw error; // else: private mode and WebKitGTK refuse only when asked
        }
    }
    return IdbSpool.open(partition, crc);
}

/** To read and to free: every kind that was ever used. @param {string} partition @param {Crc64} crc
 * @param {SpoolKind[]} kinds @returns {Promise<Spool>} */
export async function openReader(partition, crc, kinds) {
    const spools = [];
    if (kinds.includes('opfs')) spools.push(await OpfsSpool.open(partition, crc));
    if (kinds.includes('idb')) spools.push(await IdbSpool.open(partition, crc));
    if (kinds.includes('memory')) spools.push(await openSpool(partition, crc, 'memory'));
    return spools.length === 1 ? spools[0] : new Spools(spools);
}

/** Several kinds as one. @implements {Spool} */
class Spools {
    kind = /** @type {const} */ ('opfs');
    #spools;

    /** @param {Spool[]} spools */
    constructor(spools) {
        this.#spools = spools;
    }

    async list() {
        return (await Promise.all(this.#spools.map((spool) => spool.list()))).flat().sort();
    }

    /** @param {string} rec @returns {Promise<Spool|undefined>} */
    async #of(rec) {
        for (const spool of this.#spools) if ((await spool.list()).includes(rec)) return spool;
        return undefined;
    }

    /** @returns {Promise<import('./types.js').Writer>} */
    create() {
        return Promise.reject(new DOMException('only the owner writes', 'InvalidStateError'));
    }

    /** @param {string} rec */
    async read(rec) {
        return (await this.#of(rec))?.read(rec) ?? null;
    }

    /** @param {string} rec */
    async salvage(rec) {
        return (await this.#of(rec))?.salvage(rec) ?? null;
    }

    /** @param {string} rec */
    async recover(rec) {
        return (await this.#of(rec))?.recover(rec) ?? null;
    }

    /** @param {string} rec @param {import('./types.js').Segment[]} segments @param {number} offset
     * @param {number} length @returns {Promise<Blob>} */
    async blob(rec, segments, offset, length) {
        const spool = await this.#of(rec);
        if (!spool) throw new DOMException('the recording is no longer in the spool', 'NotFoundError');
        return spool.blob(rec, segments, offset, length);
    }

    /** @param {string} rec @param {number[]|null} segs */
    async forget(rec, segs) {
        await (await this.#of(rec))?.forget(rec, segs);
    }
}
