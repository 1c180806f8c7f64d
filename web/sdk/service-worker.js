/* SPDX-License-Identifier: MIT */
/**
 * Goes on when no page is open: it works from what is stored (ledger, spool, its own copy of the engine) and needs no
 * page. It handles no fetches and controls no page, so it may live beside an application's own service worker.
 *
 * In, from pages: PROCESS_UPLOADS {force?, partition?}: send what there is; force breaks the lock of an uploader that
 * says nothing. `attach` {tab} with a port: serve a page that has no other place for its uploader.
 * Out, to all pages of the origin: CHUNK_UPLOADED {sessionId, chunkId, totalChunks}, SESSION_UPLOAD_COMPLETE
 * {sessionId}, UPLOAD_ERROR {sessionId, chunkId, error}; here `sessionId` is one upload, by the id that pages know.
 * @module
 */

import { keepEngine } from './engine-copy.js';
import { Messages } from './messages.js';
import { partitions } from './ledger.js';
import { ended } from './locks.js';
import { UploaderHost } from './uploader-host.js';

/** A sync event was ended after 185 s, a message event after 305 s: less, so that the lock is let go of decently. */
const SYNC_MS = 170_000;
const MESSAGE_MS = 280_000;
/** Of a sync, and of a Background Fetch (there something unique follows). */
const TAG = /^reelhaul:([0-9a-f]{20})(?:$|:)/;

const worker = /** @type {any} */ (self);
/** Serves pages that have no other place. @type {UploaderHost|null} */
let serving = null;
/** Drains that run. @type {Map<string, {host: UploaderHost, done: Promise<number>}>} */
const draining = new Map();

worker.addEventListener('install', (/** @type {any} */ event) => {
    event.waitUntil(keepEngine().then(() => worker.skipWaiting()));
});

worker.addEventListener('sync', (/** @type {any} */ event) => {
    const partition = TAG.exec(event.tag)?.[1];
    if (partition) event.waitUntil(onSync(partition));
});

worker.addEventListener('periodicsync', (/** @type {any} */ event) => {
    const partition = TAG.exec(event.tag)?.[1];
    if (partition) event.waitUntil(drain(partition, SYNC_MS));
});

worker.addEventListener('message', (/** @type {any} */ event) => {
    const { type, force = false, partition = '', tab = '' } = event.data ?? {};
    if (type === 'PROCESS_UPLOADS') event.waitUntil(processUploads(partition, force));
    if (type === 'attach') {
        serving ??= new UploaderHost('service');
        // The browser ends it all the same after some minutes: then the page asks again.
        event.waitUntil(serving.attach(event.ports[0]).then(() => ended(`tab:${tab}`)));
    }
});

for (const kind of ['success', 'fail', 'abort']) {
    worker.addEventListener(`backgroundfetch${kind}`, (/** @type {any} */ event) => {
        event.waitUntil(fetched(event.registration.id));
    });
}

/** A sync that ends well is not tried again: while a page looks after it, it is only put off.
 * @param {string} partition */
async function onSync(partition) {
    const pages = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
    const left = pages.length > 0 ? await look(partition) : await drain(partition, SYNC_MS);
    if (left > 0) throw new Error(`${left} uploads are left`);
}

/** @param {string} partition @param {boolean} force */
async function processUploads(partition, force) {
    const which = partition || (await partitions())[0];
    if (which) await drain(which, MESSAGE_MS, { force });
}

/** Uploads left; sends nothing. @param {string} partition @returns {Promise<number>} */
async function look(partition) {
    const host = new UploaderHost('service');
    try {
        return await host.drain(partition, { ms: 0 });
    } finally {
        await host.end();
    }
}

/** @param {string} partition @param {number} ms @param {{force?: boolean, delegation?: string}} [more]
 * @returns {Promise<number>} */
function drain(partition, ms, { force = false, delegation = '' } = {}) {
    const going = draining.get(partition);
    if (going && !force && !delegation) {
        going.host.process();
        return going.done;
    }
    const host = new UploaderHost('service');
    const messages = new Messages((message) => void tellPages(message));
    host.onpublish = (message) => messages.hear(message);
    const done = host.drain(partition, { ms, force, delegation }).finally(() => {
        if (draining.get(partition)?.host === host) draining.delete(partition);
        return host.end();
    });
    draining.set(partition, { host, done });
    return done;
}

/** @param {object} message */
async function tellPages(message) {
    const pages = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
    for (const page of pages) page.postMessage(message);
}

/** A Background Fetch is over, one way or another: the server is asked what came, and the rest is sent.
 * @param {string} id */
async function fetched(id) {
    const partition = TAG.exec(id)?.[1];
    if (partition) await drain(partition, SYNC_MS, { delegation: id });
}
