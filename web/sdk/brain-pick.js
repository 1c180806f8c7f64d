/* SPDX-License-Identifier: MIT */
/**
 * The engine, or what stands in for it where WebAssembly is refused.
 * @module
 */

import { Brain, compile } from './brain.js';

/** @typedef {import('./brain.js').LoadOptions} LoadOptions */

/** @param {LoadOptions} [options] @returns {Promise<Brain>} */
export async function loadBrain(options = {}) {
    return Brain.load({ ...options, module: options.module ?? await compile() });
}

/** @param {Brain} brain @returns {import('./types.js').Crc64} */
export function crcOf(brain) {
    return {
        update: (sum, bytes) => brain.crc64(bytes, sum),
        combine: (a, b, lengthB) => brain.crc64Combine(a, b, lengthB),
    };
}
