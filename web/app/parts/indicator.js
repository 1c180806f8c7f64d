/* SPDX-License-Identifier: MIT */
/**
 * The upload indicator in the top corner. An existing #uploadIndicator is driven, else one is made. Its
 * text and classes are fixed by the documents; the icon is a decoration of the style sheet.
 * @module
 */
import { indicatorOf } from '../view.js';
import { el, setText } from '../dom.js';

const RESUMING_SHOWN_MS = 3000;

/** @typedef {import('../../sdk/types.js').UploadSnapshot} Upload */

export class Indicator {
    constructor() {
        this.element = document.getElementById('uploadIndicator')
            ?? document.body.appendChild(el('div', { id: 'uploadIndicator' }));
        /** @type {Upload[]} */
        this.uploads = [];
        this.resumingUntil = 0;
        this.render();
    }

    /** @param {Upload[]} uploads */
    update(uploads) {
        this.uploads = uploads;
        this.render();
    }

    /** Uploads of an earlier visit go on: said for a moment, or until nothing is left to send. */
    showResuming() {
        this.resumingUntil = performance.now() + RESUMING_SHOWN_MS;
        setTimeout(() => this.render(), RESUMING_SHOWN_MS + 50);
        this.render();
    }

    render() {
        const shown = indicatorOf(this.uploads, performance.now() < this.resumingUntil);
        setText(this.element, shown.text);
        this.element.className = `upload-indicator ${shown.kind}`;
        this.element.dataset.icon = shown.icon;
    }
}
