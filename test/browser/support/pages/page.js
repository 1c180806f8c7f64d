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

/** Stands in for MediaRecorder where bytes must be foretold: slices of `noise`, one each `everyMs`.
 * @param {{sliceBytes: number, everyMs: number, seed: number, count: number}} plan */
function recorderOf({ sliceBytes, everyMs, seed, count }) {
    const bytes = noise(sliceBytes * count, seed);
    return class extends EventTarget {
        static isTypeSupported() { return true; }
        mimeType = 'video/webm';
        state = 'inactive';
        /** @type {any} */ ondataavailable = null;
        /** @type {any} */ onstop = null;
        made = 0;
        /** @type {any} */ timer = 0;
        start() {
            this.state = 'recording';
            this.timer = setInterval(() => this.requestData(), everyMs);
        }
        requestData() {
            if (this.made === count) return;
            const at = this.made++ * sliceBytes;
            this.ondataavailable?.({ data: new Blob([bytes.subarray(at, at + sliceBytes)]) });
        }
        stop() {
            clearInterval(this.timer);
            this.state = 'inactive';
            setTimeout(() => this.onstop?.());
        }
        pause() { this.state = 'paused'; }
        resume() { this.state = 'recording'; }
    };
}

/** Everything under /up, as paths. @returns {Promise<string[]>} */
async function spoolFiles() {
    /** @type {string[]} */
    const found = [];
    /** @param {any} dir @param {string} path */
    const walk = async (dir, path) => {
        for await (const [name, handle] of dir.entries()) {
            found.push(`${path}/${name}`);
            if (handle.kind === 'directory') await walk(handle, `${path}/${name}`);
        }
    };
    await walk(await navigator.storage.getDirectory(), '');
    return found.sort();
}

/** @param {string} path of a file in OPFS @returns {Promise<any>} its handle */
async function spoolFile(path) {
    const names = path.split('/').filter(Boolean);
    /** @type {any} */
    let dir = await navigator.storage.getDirectory();
    for (const name of names.slice(0, -1)) dir = await dir.getDirectoryHandle(name);
    return dir.getFileHandle(names.at(-1));
}

Object.assign(window, { Reelhaul, noise, picture, recorderOf, spoolFiles, spoolFile });
document.documentElement.dataset['ready'] = 'yes';
