/* SPDX-License-Identifier: MIT */
/**
 * What works here and what does not, in sentences.
 * @module
 */

/** @typedef {import('./types.js').Diagnosis} Diagnosis */

/** @typedef {object} Subject
 * @property {string} server
 * @property {string} lock           of the uploader
 * @property {string} spool
 * @property {() => Promise<any>} ping
 * @property {(() => Promise<string>|string)|null} token
 * @property {string} host            where the uploader runs
 * @property {string} connection      as the uploader sees it
 * @property {() => Promise<{worker: boolean, sync: boolean, fetch: boolean}|null>} background null: switched off
 */

const PATIENCE_MS = 5000;
/** @type {Record<string, string>} */
const HOSTS = {
    shared: 'a worker of all tabs', dedicated: 'a worker of this tab', service: 'the service worker', page: 'the page',
};
/** @type {Record<string, string>} */
const SPOOLS = { opfs: 'files (OPFS)', idb: 'IndexedDB, because there is no OPFS here' };
/** @type {Record<string, string>} */
const CONNECTIONS = {
    offline: 'no network', 'no-server': 'the server cannot be reached', portal: 'this network asks to sign in first',
};

/** @template T @param {Promise<T>} promise @returns {Promise<T>} */
function soon(promise) {
    const late = new Promise((_, reject) => {
        setTimeout(() => reject(new Error('no answer within 5 seconds')), PATIENCE_MS);
    });
    return /** @type {Promise<T>} */ (Promise.race([promise, late]));
}

/** @param {Subject} it @returns {Promise<Diagnosis[]>} */
export function diagnose({ server, lock, spool, ping, token, host, connection, background }) {
    /** Each says what it found, or throws what is wrong. @type {[string, () => Promise<string>|string][]} */
    const checks = [
        ['secure context', () => need(isSecureContext, 'yes', 'serve the page over https or from localhost')],
        ['recorder', () => need(typeof MediaRecorder !== 'undefined', 'yes', 'this browser cannot record')],
        ['uploader', () => soon(ping()).then(() => `answers, in ${HOSTS[host] ?? host}`)],
        ['lock', async () => {
            const { held = [] } = await navigator.locks.query();
            return need(held.some(({ name }) => name === lock), 'held by a tab of this browser', 'no tab uploads');
        }],
        ['spool', () => need(spool !== 'memory', SPOOLS[spool] ?? spool, 'memory alone: a reload loses it')],
        ['storage', async () => {
            const { usage = 0, quota = 0 } = await navigator.storage.estimate();
            const kept = await navigator.storage.persisted();
            const text = `${Math.round(usage / 1e6)} of ${Math.round(quota / 1e6)} MB used, `
                + (kept ? 'kept' : 'the browser may clear it when the device is full');
            return need(quota - usage > 64e6, text, `${text}: free some room`);
        }],
        ['network', () => need(navigator.onLine, 'online', 'the browser says it is offline')],
        ['connection', () => need(connection === 'online', 'up', CONNECTIONS[connection] ?? connection)],
        ['server', async () => {
            const answer = await soon(fetch(`${server}/health`, { cache: 'no-store' }));
            return need(answer.ok, 'healthy', `answers ${answer.status}`);
        }],
        ['token', async () => {
            if (!token) return 'none is used';
            const given = await soon(Promise.resolve(token()));
            return given ? 'given' : 'none given, which is right for an open server';
        }],
        ['background', async () => {
            const ready = await soon(background());
            if (!ready) return 'switched off';
            need(ready.worker, '', 'no service worker here: uploads go on at the next visit');
            return `service worker${ready.sync ? ', sync' : ''}${ready.fetch ? ', Background Fetch' : ''}`;
        }],
    ];
    return Promise.all(checks.map(async ([name, check]) => {
        try {
            return { name, ok: true, detail: await check() };
        } catch (error) {
            return { name, ok: false, detail: /** @type {Error} */ (error).message };
        }
    }));
}

/** @param {boolean} ok @param {string} yes @param {string} no @returns {string} */
function need(ok, yes, no) {
    if (!ok) throw new Error(no);
    return yes;
}
