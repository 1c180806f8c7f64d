/* SPDX-License-Identifier: MIT */
/**
 * Starts the spool and the uploader in the best place that this browser has. Each place says 'here' before it is asked
 * anything; one that does not is passed over.
 * @module
 */

import { serviceWorker } from './background.js';
import { log } from './log.js';
import { FORMAT } from './format.js';

/** @typedef {import('./types.js').HostKind} HostKind */
/** A place that answered. @typedef {{kind: HostKind, port: any, lock: string, end: () => void}} Place */

/** Loading the modules of a worker on a slow device takes its time; a refusal is told at once. */
const PATIENCE_MS = 15_000;

/** @param {any} port that posts and hears @param {any} source that has events 'error'
 * @returns {Promise<any>} its first message */
function firstWord(port, source) {
    return new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error('no answer')), PATIENCE_MS);
        port.onmessage = (/** @type {MessageEvent} */ { data }) => {
            clearTimeout(late);
            port.onmessage = null;
            resolve(data);
        };
        source.addEventListener?.('error', (/** @type {ErrorEvent} */ event) => {
            clearTimeout(late);
            reject(new Error(event.message || 'it could not be started'));
        }, { once: true });
    });
}

/** @param {string} file @returns {Promise<Place>} */
async function inWorker(file) {
    const worker = new Worker(new URL(file, import.meta.url), { type: 'module' });
    const end = () => worker.terminate();
    try {
        const { lock = '' } = await firstWord(worker, worker);
        return { kind: 'dedicated', port: worker, lock, end };
    } catch (error) {
        end();
        throw error;
    }
}

/** @param {string} partition @returns {Promise<Place>} */
async function inSharedWorker(partition) {
    // One per partition and format: an old one may still run for tabs of an older version.
    const options = { type: 'module', name: `reelhaul-${FORMAT}-${partition}`, extendedLifetime: true };
    const url = new URL('./uploader-worker.js', import.meta.url);
    const worker = new SharedWorker(url, /** @type {WorkerOptions} */ (options));
    const { lock } = await firstWord(worker.port, worker);
    return { kind: 'shared', port: worker.port, lock, end: () => worker.port.close() };
}

/** @param {string} tab @returns {Promise<Place>} */
async function inServiceWorker(tab) {
    const active = await serviceWorker();
    const { port1, port2 } = new MessageChannel();
    const word = firstWord(port1, port1);
    active.postMessage({ type: 'attach', tab }, [port2]);
    const { lock } = await word;
    return { kind: 'service', port: port1, lock, end: () => port1.close() };
}

/** @param {(port: MessagePort) => Promise<unknown>} serve @returns {Promise<Place>} */
async function inPage(serve) {
    const { port1, port2 } = new MessageChannel();
    const word = firstWord(port1, port1);
    await serve(port2);
    return { kind: 'page', port: port1, lock: '', end: () => port1.close() };
}

/** What is kept in memory alone is kept by the page: a worker would not outlive it, and could not share it. */
export const isForgetful = (/** @type {string|undefined} */ spool) =>
    spool === 'memory' || typeof indexedDB === 'undefined';

/** @param {import('./types.js').SpoolKind} [force] @returns {Promise<Place>} */
export async function startSpool(force) {
    if (typeof Worker !== 'undefined' && !isForgetful(force)) {
        try {
            return await inWorker('./spool-worker.js');
        } catch (error) {
            log('warn', 'no worker for the spool', error);
        }
    }
    const { SpoolHost } = await import('./spool-host.js');
    return inPage(async (port) => new SpoolHost(port));
}

/** @param {{partition: string, tab: string, wanted: HostKind|undefined, spool: import('./types.js').SpoolKind}} it
 * @returns {Promise<Place>} */
export async function startUploader({ partition, tab, wanted, spool }) {
    /** @type {[HostKind, boolean, () => Promise<Place>][]} */
    const ladder = [
        ['shared', typeof SharedWorker !== 'undefined', () => inSharedWorker(partition)],
        ['dedicated', typeof Worker !== 'undefined', () => inWorker('./uploader-worker.js')],
        ['service', 'serviceWorker' in navigator, () => inServiceWorker(tab)],
    ];
    for (const [kind, there, start] of isForgetful(spool) ? [] : ladder) {
        if (!there || (wanted && wanted !== kind)) continue;
        try {
            return await start();
        } catch (error) {
            log('warn', 'no uploader in', kind, error);
        }
    }
    const { UploaderHost } = await import('./uploader-host.js');
    const host = new UploaderHost('page');
    const place = await inPage((port) => host.attach(port));
    return { ...place, end: () => void host.end() };
}
