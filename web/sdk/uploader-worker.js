/* SPDX-License-Identifier: MIT */
/**
 * The worker around uploader-host.js: a SharedWorker for all tabs, or a dedicated one per tab.
 * @module
 */

import { UploaderHost } from './uploader-host.js';

const shared = /** @type {any} */ (self);
if ('onconnect' in shared) {
    const host = new UploaderHost('shared');
    shared.onconnect = (/** @type {MessageEvent} */ { ports: [port] }) => void host.attach(port);
} else {
    void new UploaderHost('dedicated').attach(self);
}
