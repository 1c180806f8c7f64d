/* SPDX-License-Identifier: MIT */
/**
 * Sessions that began while the server was away: it is told of each before anything of it is sent. Part of
 * the uploader, so under its lock. It has no patience of its own: what comes of telling is handed to the
 * engine as what came of the request that needed it.
 * @module
 */

import { log } from './log.js';
import { announce } from './sessions.js';

/** @typedef {import('./types.js').Host} Host */
/** @typedef {import('./types.js').SessionRow} SessionRow */
/** @typedef {import('./types.js').SessionAnswer} SessionAnswer */

export class Announcer {
    #host;
    #bearer;
    /** @type {Set<string>} sessions that the server knows */
    #known = new Set();
    /** @type {Map<string, Promise<SessionAnswer|null>>} sessions that it is being told of */
    #going = new Map();

    /** @param {Pick<Host, 'server'|'ledger'|'publish'>} host @param {() => string} bearer */
    constructor(host, bearer) {
        this.#host = host;
        this.#bearer = bearer;
    }

    /** Before anything of a session is sent. Rejects when the server could not be asked.
     * @param {string} id '' for none @returns {Promise<SessionAnswer|null>} null: it is known; else how it
     *   was refused */
    async introduce(id) {
        if (id === '' || this.#known.has(id)) return null;
        const session = (await this.#host.ledger.deferred()).find((row) => row.id === id);
        if (session) return this.#once(session);
        this.#known.add(id); // a session is deferred before there is a take of it, or never
        return null;
    }

    /** Those too of which there is nothing to send: once at each occasion. */
    async all() {
        try {
            for (const session of await this.#host.ledger.deferred()) {
                if (!this.#known.has(session.id)) await this.#once(session);
            }
        } catch (error) {
            log('info', 'sessions wait for the server', error);
        }
    }

    /** One request for all that wait for it. @param {SessionRow} session */
    #once(session) {
        const { id } = session;
        const going = this.#going.get(id) ?? this.#tell(session).finally(() => this.#going.delete(id));
        this.#going.set(id, going);
        return going;
    }

    /** @param {SessionRow} session @returns {Promise<SessionAnswer|null>} */
    async #tell(session) {
        const { ledger, server, publish } = this.#host;
        const answer = await announce(server, session, this.#bearer());
        log('info', 'session', session.id, answer.status);
        if (!answer.ok) return answer;
        if (answer.said.session_id !== session.id) {
            log('error', 'the server takes no session ids that were made here', session.id);
            return { ...answer, status: 400 };
        }
        await ledger.announced(session.id, answer.said.session_token ?? '');
        this.#known.add(session.id);
        publish({ type: 'announced', session: session.id });
        return null;
    }
}
