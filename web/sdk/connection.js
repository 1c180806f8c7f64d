/* SPDX-License-Identifier: MIT */
/**
 * Is our server there? Asked only when there is a reason to doubt it: a request that broke, an answer that is not our
 * server's, a word of the browser. While it is not there it is asked again every five seconds; while it is, never.
 *
 * 'offline': no network, as the browser or the page says. 'portal': somebody else answers, as where one has to sign in
 * to a network first. 'no-server': the network is there and our server is not.
 * @module
 */

import { log } from './log.js';

/** @typedef {import('./types.js').ConnectionState} ConnectionState */

const CHECK_MS = 5000;
/** An outage that is over at once is common: a server that restarts. */
const FIRST_MS = 1000;
const PATIENCE_MS = 5000;
const OURS = /^(?:reelhaul|tus|upload)-/i;

/** Whether an answer can be our server's: a refusal may come from a proxy in front of it.
 * @param {{status: number, headers: Iterable<[string, string]>}} reply */
export function isOurs({ status, headers }) {
    for (const [name] of headers) if (OURS.test(name)) return true;
    return status >= 400 && status !== 511 && ![502, 503, 504].includes(status);
}

export class Connection {
    /** @type {ConnectionState} */ state = 'online';
    #server; #told; #changed;
    /** /health answered once, or must because it is our own origin; a foreign server may have none. */
    #trusted;
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    #alarm;
    /** @type {Promise<ConnectionState>|null} */
    #looking = null;
    #ended = false;

    /** @param {string} server @param {() => Promise<boolean|null>} told what the page says, null: nothing
     * @param {(up: boolean) => unknown} changed */
    constructor(server, told, changed) {
        this.#server = server;
        this.#told = told;
        this.#changed = changed;
        this.#trusted = new URL(server).origin === globalThis.location?.origin;
    }

    /** Nothing is asked of a server that the browser can reach. */
    begin() {
        if (!navigator.onLine) this.hint(false);
        else if (!this.#trusted) void this.#look();
    }

    end() {
        this.#ended = true;
        clearTimeout(this.#alarm);
    }

    /** A word of the browser, or of the page: no network is believed, a network is looked at. @param {boolean} up */
    hint(up) {
        if (!up) this.#become('offline');
        else if (this.state !== 'online') void this.#check();
        else void this.#changed(true); // perhaps another network: what waits for it tries again
    }

    /** Our server answered. */
    heard() {
        if (this.state !== 'online') this.#become('online');
    }

    /** After a request that went wrong. @returns {Promise<boolean>} false: it was the connection */
    async reached() {
        if (this.state !== 'online') return false;
        const state = await this.#look();
        if (state !== 'online' && !this.#trusted) return true; // who knows
        this.#become(state);
        return state === 'online';
    }

    /** @param {ConnectionState} state */
    #become(state) {
        if (this.#ended) return;
        const before = this.state;
        this.state = state;
        clearTimeout(this.#alarm);
        if (state !== 'online') {
            const delay = before === 'online' && state !== 'offline' ? FIRST_MS : CHECK_MS;
            this.#alarm = setTimeout(() => void this.#check(), delay);
        }
        if (before === state) return;
        log('info', 'connection', state);
        void this.#changed(state === 'online');
    }

    async #check() {
        clearTimeout(this.#alarm);
        this.#become(await this.#look());
    }

    /** One look for all who doubt. @returns {Promise<ConnectionState>} */
    #look() {
        this.#looking ??= this.#probe().finally(() => { this.#looking = null; });
        return this.#looking;
    }

    /** @returns {Promise<ConnectionState>} */
    async #probe() {
        if (await this.#told() === false) return 'offline';
        const control = new AbortController();
        const late = setTimeout(() => control.abort(), PATIENCE_MS);
        try {
            const answer = await fetch(`${this.#server}/health`, {
                cache: 'no-store', redirect: 'manual', credentials: 'omit', signal: control.signal,
            });
            return await this.#judge(answer);
        } catch {
            return navigator.onLine ? 'no-server' : 'offline';
        } finally {
            clearTimeout(late);
        }
    }

    /** @param {Response} answer @returns {Promise<ConnectionState>} */
    async #judge(answer) {
        if (answer.type === 'opaqueredirect' || answer.status === 511) return 'portal';
        if ([502, 503, 504].includes(answer.status) && !isOurs(answer)) return 'no-server';
        if (!answer.ok) return 'online'; // one of ours that is ill, or a server without /health: it answers
        const said = await answer.json().catch(() => null);
        if (typeof said?.status !== 'string') return 'portal';
        this.#trusted = true;
        return 'online';
    }
}
