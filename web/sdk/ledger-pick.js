/* SPDX-License-Identifier: MIT */
/**
 * The ledger, or one that lives as long as the page where there is no IndexedDB.
 * @module
 */

import { Ledger } from './ledger.js';

/** @param {string} partition @returns {Promise<Ledger>} */
export async function openLedger(partition) {
    if (typeof indexedDB !== 'undefined') return Ledger.open(partition);
    const { MemoryLedger } = await import('./memory.js');
    return /** @type {any} */ (new MemoryLedger());
}
