/* SPDX-License-Identifier: MIT */
/**
 * The service worker's own copy of the engine: it is started when the network has just come, or is slow, and its code
 * is the browser's copy of the day when it was installed; so is the engine's.
 * @module
 */

const CACHE = 'reelhaul-engine';
const URL_OF = new URL('engine.wasm', import.meta.url).href;

/** At install. */
export async function keepEngine() {
    const cache = await caches.open(CACHE);
    await cache.add(new Request(URL_OF, { cache: 'no-cache' }));
}

/** @returns {Promise<Response|undefined>} */
export async function keptEngine() {
    if (typeof caches === 'undefined') return undefined;
    return caches.match(URL_OF, { cacheName: CACHE }).catch(() => undefined);
}
