/* SPDX-License-Identifier: MIT */
/**
 * Console lines by level; off by default. One level per page or worker.
 * @module
 */

/** @type {import('./types.js').LogLevel[]} */
const LEVELS = ['off', 'error', 'warn', 'info', 'debug'];
let limit = 0;

/** @param {import('./types.js').LogLevel} level */
export function setLevel(level) {
    limit = Math.max(0, LEVELS.indexOf(level));
}

/** @param {'error'|'warn'|'info'|'debug'} level @param {unknown[]} what */
export function log(level, ...what) {
    if (LEVELS.indexOf(level) <= limit) console[level]('reelhaul:', ...what);
}
