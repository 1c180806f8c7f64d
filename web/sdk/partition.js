/* SPDX-License-Identifier: MIT */
/**
 * Names that keep people and servers apart on one device, and ids in recording order.
 * @module
 */

/** Spool, ledger and locks of (server, tenant, subject) carry this. @param {string} server
 * @param {string} tenant @param {string} subject @returns {Promise<string>} 20 hex digits */
export async function partitionOf(server, tenant, subject) {
    const text = new TextEncoder().encode(JSON.stringify([server, tenant, subject]));
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', text));
    return [...digest.subarray(0, 10)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Sorts by time of making. @returns {string} */
export function newTakeId() {
    const random = crypto.getRandomValues(new Uint32Array(2));
    const tail = [...random].map((n) => n.toString(36).padStart(7, '0')).join('');
    return `${Date.now().toString(36).padStart(9, '0')}-${tail}`;
}

/** @param {string} label @param {string} mimeType @returns {string} a file name */
export function nameFor(label, mimeType) {
    const clean = label.replace(/[^A-Za-z0-9_-]+/g, '-').slice(0, 60) || 'video';
    const kind = /(?:video|audio)\/(mp4|webm)/.exec(mimeType)?.[1];
    return kind ? `${clean}.${kind}` : clean;
}
