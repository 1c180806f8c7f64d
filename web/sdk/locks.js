/* SPDX-License-Identifier: MIT */
/**
 * Web Locks as signs of life: they are let go of when their holder ends, however it ends.
 * @module
 */

/** Takes a lock and keeps it until the returned function is called. @param {string} name
 * @returns {Promise<() => void>} */
export function hold(name) {
    return new Promise((resolve, reject) => {
        navigator.locks.request(name, () => new Promise((free) => resolve(() => free(undefined))))
            .catch(reject);
    });
}

/** Resolves when its holder has ended, or has let go. @param {string} name @param {AbortSignal} [signal]
 * @returns {Promise<void>} */
export async function ended(name, signal) {
    await navigator.locks.request(name, signal ? { mode: 'shared', signal } : { mode: 'shared' }, () => {});
}
