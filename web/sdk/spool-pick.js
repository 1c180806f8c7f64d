/* SPDX-License-Identifier: MIT */
/**
 * Which spool this browser gets.
 * @module
 */

import { OpfsSpool } from './spool-opfs.js';
import { IdbSpool } from './spool-idb.js';

/** @returns {boolean} */
export function hasOpfs() {
    return typeof FileSystemFileHandle !== 'undefined'
        && 'createSyncAccessHandle' in FileSystemFileHandle.prototype;
}

/** @param {string} partition @param {import('./types.js').Crc64} crc
 * @param {'opfs'|'idb'|undefined} force @returns {Promise<import('./types.js').Spool>} */
export async function openSpool(partition, crc, force) {
    if (force !== 'idb' && hasOpfs()) {
        try {
            return await OpfsSpool.open(partition, crc);
        } catch (error) {
            if (force === 'opfs') throw error; // else: private mode and WebKitGTK refuse only when asked
        }
    }
    return IdbSpool.open(partition, crc);
}
