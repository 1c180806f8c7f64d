/* SPDX-License-Identifier: MIT */
/**
 * Sessions are named here, not by the server, so that one can begin without it: the request may come late,
 * and twice, and always means the same session.
 * @module
 */

import { exchange } from './transport.js';

/** @typedef {import('./types.js').SessionRow} SessionRow */
/** @typedef {import('./types.js').SessionAnswer} SessionAnswer */

/** The request is small: a server that takes longer counts as away. */
const PATIENCE_MS = 10_000;
const PARTICIPANT_BYTES_MAX = 128;
/** Controls, lone surrogates, line separators, and marks that turn or hide text: the server takes none. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/u;

/** Throws TypeError for what the server would refuse: later nobody could correct it.
 * @param {string} participantId '' for none @returns {SessionRow} */
export function newSession(participantId) {
    const size = new TextEncoder().encode(participantId).length;
    if (size > PARTICIPANT_BYTES_MAX || UNPRINTABLE.test(participantId)) {
        throw new TypeError(`participantId must be at most ${PARTICIPANT_BYTES_MAX} bytes of printable text`);
    }
    return { format: 1, id: crypto.randomUUID(), participantId, createdAt: Date.now() };
}

/** Whether the same request may succeed later, so that the session can begin without it.
 * @param {number} status */
export function mayComeLater(status) {
    return status >= 500 || status === 408 || status === 425 || status === 429;
}

/** Tells the server of a session. Rejects when no answer of our server came: none at all, or that of a
 * captive portal. @param {string} server @param {SessionRow} session @param {string} bearer '' for none
 * @param {number} [patience_ms] @returns {Promise<SessionAnswer>} */
export async function announce(server, { id, participantId }, bearer, patience_ms = PATIENCE_MS) {
    /** @type {Record<string, string>} */
    const headers = { 'Content-Type': 'application/json' };
    if (bearer) headers['Authorization'] = `Bearer ${bearer}`;
    const body = JSON.stringify({ session_id: id, ...(participantId && { participant_id: participantId }) });
    const control = new AbortController();
    const late = setTimeout(() => control.abort(), patience_ms);
    try {
        const reply = await exchange({
            method: 'POST', url: `${server}/api/session/create`, headers, body: new Blob([body]),
            signal: control.signal, progress: () => {},
        });
        const said = parsed(reply.text);
        const ok = reply.status >= 200 && reply.status < 300;
        if (ok && typeof said.session_id !== 'string') throw new DOMException('not our server', 'NetworkError');
        return { ok, status: reply.status, headers: reply.headers, said };
    } finally {
        clearTimeout(late);
    }
}

/** @param {string} text @returns {any} */
function parsed(text) {
    try {
        return JSON.parse(text) ?? {};
    } catch {
        return {};
    }
}
