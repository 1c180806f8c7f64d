/* SPDX-License-Identifier: MIT */
/** Look at the take, then keep it or record it again. @module */
import { button, download, el, focusStep, shapeFrame } from '../dom.js';
import { clock, size } from '../format.js';
import { hideNotice, showNotice } from '../parts/notices.js';
import { findDuration } from '../parts/player.js';
import { strings } from '../strings.js';

/** @typedef {import('../uploads.js').Uploads} Uploads */

/** @typedef {object} ReviewOptions
 * @property {{id: string, size: number, durationMs: number}} take
 * @property {string} title
 * @property {string} position
 * @property {boolean} last
 * @property {boolean} interrupted   it was cut by a crash or a reload
 * @property {Uploads} uploads
 * @property {() => Promise<void>} onAccept
 * @property {() => Promise<void>} onRetake
 */

export class ReviewStep {
    /** @param {HTMLElement} stage @param {ReviewOptions} options */
    constructor(stage, options) {
        const { take, title, last, interrupted, uploads } = options;
        const words = strings.review;
        this.options = options;
        this.url = '';
        this.over = false;
        const empty = take.size === 0;
        this.heading = el('h1', { tabindex: -1, id: 'stepTitle' }, words.title);
        const text = empty ? words.empty : interrupted ? words.interrupted : words.text(title);
        this.video = el('video', { class: 'frame-video', controls: true, playsinline: true,
            preload: 'auto', 'aria-label': words.playback });
        findDuration(this.video);
        this.hint = el('div', { class: 'frame-hint', hidden: true }, el('p', {}, words.noPlayback));
        this.video.addEventListener('error', () => { this.hint.hidden = false; });
        this.accept = button(last ? words.acceptLast : words.accept, () => void this.finish(options.onAccept),
            { kind: 'primary', icon: 'check', id: 'accept' });
        this.retake = button(words.retake, () => void this.finish(options.onRetake),
            { icon: 'retry', id: 'retake' });
        this.save = button(words.save, () => void this.saveFile(), { icon: 'save', kind: 'quiet', id: 'save' });
        this.accept.hidden = empty;
        this.save.hidden = empty;
        const frame = el('div', { class: 'frame', hidden: empty }, this.video, this.hint);
        shapeFrame(frame, this.video);
        uploads.reelhaul.setScreen('review');
        stage.replaceChildren(
            el('div', { class: 'prompt-head' }, el('p', { class: 'eyebrow' }, options.position),
                this.heading, el('p', { class: 'instructions' }, text)),
            frame,
            el('div', { class: 'control-bar' },
                el('div', { class: 'actions center' }, this.accept, this.retake, this.save),
                el('p', { class: 'control-note' }, words.facts(
                    take.durationMs > 0 ? clock(take.durationMs) : '', size(take.size)))));
        /* Not a button: a second press of the key that stopped the recording must not decide anything. */
        focusStep(this.heading);
        if (!empty) void this.load();
    }

    async load() {
        this.over = false;
        try {
            const file = await this.options.uploads.reelhaul.export(this.options.take.id);
            if (this.over) return;
            this.url = URL.createObjectURL(file);
            this.video.src = this.url;
        } catch {
            this.hint.hidden = false;
        }
    }

    /** A video that still reads must stop before its bytes and its address go, or it reports that they are missing. */
    unload() {
        this.over = true;
        if (!this.url) return;
        this.video.removeAttribute('src');
        this.video.load();
        URL.revokeObjectURL(this.url);
        this.url = '';
    }

    async saveFile() {
        const file = await this.options.uploads.reelhaul.export(this.options.take.id);
        download(file, file.name);
    }

    /** @param {() => Promise<void>} decide */
    async finish(decide) {
        for (const control of [this.accept, this.retake]) control.disabled = true;
        this.unload();
        try {
            hideNotice('review');
            await decide();
        } catch (error) {
            void this.load();
            for (const control of [this.accept, this.retake]) control.disabled = false;
            showNotice('review', `${strings.review.notSaved} ${String(error)}`,
                { kind: 'error', dismissable: true });
        }
    }
}
