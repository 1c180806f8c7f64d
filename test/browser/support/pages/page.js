/* SPDX-License-Identifier: MIT */
/* What the SDK's tests use inside a page: the public API, and bytes that can be foretold. */
import { Reelhaul } from '/sdk/reelhaul.js';

/** Bytes from a seed, the same in the page and in Node. @param {number} size @param {number} seed */
function noise(size, seed) {
    const bytes = new Uint8Array(size);
    let state = seed >>> 0 || 1;
    for (let i = 0; i < size; i++) {
        state ^= state << 13; state >>>= 0;
        state ^= state >>> 17;
        state ^= state << 5; state >>>= 0;
        bytes[i] = state;
    }
    return bytes;
}

/** A moving picture without a camera. @returns {MediaStream} */
function picture() {
    const canvas = document.createElement('canvas');
    canvas.width = 320;
    canvas.height = 240;
    const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    setInterval(() => {
        for (let i = 0; i < 200; i++) {
            pen.fillStyle = `hsl(${Math.random() * 360} 80% 50%)`;
            pen.fillRect(Math.random() * 320, Math.random() * 240, 40, 40);
        }
    }, 33);
    return canvas.captureStream(30);
}

Object.assign(window, { Reelhaul, noise, picture });
document.documentElement.dataset['ready'] = 'yes';
