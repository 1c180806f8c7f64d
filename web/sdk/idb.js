/* SPDX-License-Identifier: MIT */
/**
 * IndexedDB with promises, and durability 'strict' for every write: the default (relaxed) may lose the
 * last transactions in a power cut.
 * @module
 */

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
export function asked(request) {
    return new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
}

/** @param {string} name @param {number} version @param {(db: IDBDatabase) => void} upgrade
 * @returns {Promise<IDBDatabase>} */
export function openDb(name, version, upgrade) {
    return new Promise((resolve, reject) => {
        const request = indexedDB.open(name, version);
        request.onupgradeneeded = () => upgrade(request.result);
        request.onsuccess = () => {
            // A newer SDK in another tab wants to migrate: step aside rather than block it for ever.
            request.result.onversionchange = () => request.result.close();
            resolve(request.result);
        };
        request.onerror = () => reject(request.error);
        request.onblocked = () => reject(new DOMException('an older tab holds the database', 'BlockedError'));
    });
}

/** Runs `work` in one transaction and resolves when it is committed (durably, when writing).
 * @template T @param {IDBDatabase} db @param {string[]} stores @param {IDBTransactionMode} mode
 * @param {(tx: IDBTransaction) => T|Promise<T>} work must await nothing but requests of this transaction
 * @returns {Promise<T>} */
export async function transact(db, stores, mode, work) {
    const tx = db.transaction(stores, mode, { durability: 'strict' });
    const ended = new Promise((resolve, reject) => {
        tx.oncomplete = () => resolve(undefined);
        tx.onabort = () => reject(tx.error ?? new DOMException('aborted', 'AbortError'));
    });
    ended.catch(() => {}); // reported below, also when `work` itself throws
    const result = await work(tx);
    await ended;
    return result;
}
