/* SPDX-License-Identifier: MIT */
/**
 * What a page does so that uploads finish without it: the service worker is installed and a sync registered early (only
 * a page can), the worker is told when the page goes, and on request everything is handed to a Background Fetch.
 * @module
 */

import { log } from './log.js';

/** @typedef {import('./types.js').Delegation} Delegation */

/** @type {Promise<any>|null} */
let registering = null;

/** In its own folder: it controls no page. @returns {Promise<any>} its registration, with a worker that is active */
function register() {
    registering ??= (async () => {
        if (!('serviceWorker' in navigator)) throw new DOMException('no service workers here', 'NotSupportedError');
        const url = new URL('./service-worker.js', import.meta.url);
        const registration = await navigator.serviceWorker.register(url, { type: 'module', updateViaCache: 'none' });
        const { active, waiting, installing } = registration;
        const worker = active ?? waiting ?? installing;
        while (worker && worker.state !== 'activated') {
            if (worker.state === 'redundant') throw new DOMException('it could not be installed', 'AbortError');
            await new Promise((resolve) => worker.addEventListener('statechange', resolve, { once: true }));
        }
        return registration;
    })();
    registering.catch(() => { registering = null; });
    return registering;
}

/** @returns {Promise<any>} */
export async function serviceWorker() {
    return (await register()).active;
}

export class Background {
    #tag;
    #periodicMs;
    #wanted = false;
    /** @type {any} known once it is registered: a page that goes cannot wait */
    #registration = null;

    /** @param {string} partition @param {number} periodicMs 0: none */
    constructor(partition, periodicMs) {
        this.#tag = `reelhaul:${partition}`;
        this.#periodicMs = periodicMs;
    }

    /** There is something to send. Once per need; failing costs nothing but this. @param {boolean} [anew] */
    async prepare(anew = false) {
        if (this.#wanted && !anew) return;
        this.#wanted = true;
        try {
            this.#registration = await register();
            await this.#registration.sync?.register(this.#tag);
            const { periodicSync } = this.#registration;
            if (this.#periodicMs > 0) await periodicSync?.register(this.#tag, { minInterval: this.#periodicMs });
            else await periodicSync?.unregister(this.#tag);
        } catch (error) {
            log('info', 'nothing is sent without a page', error);
        }
    }

    /** Nothing is left: the next need registers again. */
    rest() {
        this.#wanted = false;
    }

    /** What this browser was seen to give. */
    get ready() {
        const it = this.#registration;
        return { worker: it !== null, sync: Boolean(it?.sync), fetch: Boolean(it?.backgroundFetch) };
    }

    /** @param {boolean} force breaks the lock of an uploader that says nothing */
    process(force) {
        const partition = this.#tag.slice('reelhaul:'.length);
        this.#registration?.active?.postMessage({ type: 'PROCESS_UPLOADS', partition, force });
    }

    /** A name for a Background Fetch. */
    newId() {
        return `${this.#tag}:${crypto.randomUUID()}`;
    }

    /** One registration of one request per part: an interrupted request begins again at its first byte.
     * @param {Delegation} delegation @param {string} title */
    async fetch({ id, parts }, title) {
        const { backgroundFetch } = await register();
        if (!backgroundFetch) throw new DOMException('no Background Fetch here', 'NotSupportedError');
        const requests = parts.map(({ url, headers, body }) => new Request(url, { method: 'POST', headers, body }));
        await backgroundFetch.fetch(id, requests, { title });
    }

    /** @param {string} id @returns {Promise<boolean>} */
    async fetches(id) {
        const { backgroundFetch } = await register();
        return Boolean(await backgroundFetch?.get(id));
    }
}
