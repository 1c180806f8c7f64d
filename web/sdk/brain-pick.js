/* SPDX-License-Identifier: MIT */
/**
 * The engine, or what stands in for it where WebAssembly is refused.
 * @module
 */

import { Brain, compile } from './brain.js';
import { log } from './log.js';

/** @typedef {import('./brain.js').LoadOptions} LoadOptions */

/** @param {LoadOptions} [options] @returns {Promise<Brain>} */
export async function loadBrain(options = {}) {
    try {
        return await Brain.load({ ...options, module: options.module ?? await compile() });
    } catch (error) {
        // Not a server that is away: then it is tried again.
        const refused = typeof WebAssembly === 'undefined' || error instanceof WebAssembly.CompileError;
        if (!refused) throw error;
        log('warn', 'no WebAssembly here: one request at a time', error);
        const { PlainBrain } = await import('./brain-plain.js');
        return /** @type {any} */ (new PlainBrain(options));
    }
}

/** @param {Brain} brain @returns {import('./types.js').Crc64} */
export function crcOf(brain) {
    return {
        update: (sum, bytes) => brain.crc64(bytes, sum),
        combine: (a, b, lengthB) => brain.crc64Combine(a, b, lengthB),
    };
}
