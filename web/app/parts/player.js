/* SPDX-License-Identifier: MIT */
/** Plays a take in a dialog, and makes a fresh recording seekable. @module */
import { button, el } from '../dom.js';
import { strings } from '../strings.js';

/**
 * A WebM that MediaRecorder just made does not say how long it is. Seeking far beyond the end makes the
 * browser find out; without it the seek bar of a review would be useless.
 * @param {HTMLVideoElement} video
 */
export function findDuration(video) {
    video.addEventListener('loadedmetadata', () => {
        if (video.duration !== Infinity) return;
        video.addEventListener('durationchange', () => { video.currentTime = 0; }, { once: true });
        video.currentTime = Number.MAX_SAFE_INTEGER;
    }, { once: true });
}

/** @param {string} name @param {string} url an object URL is revoked when the dialog closes */
export function play(name, url) {
    const video = el('video', { controls: true, playsinline: true, preload: 'metadata', 'aria-label': name });
    findDuration(video);
    video.src = url;
    const title = el('h2', { class: 'dialog-title', id: 'playerTitle' }, name);
    const dialog = el('dialog', { class: 'dialog player', 'aria-labelledby': 'playerTitle' },
        el('div', { class: 'dialog-head' }, title,
            button(strings.takes.close, () => dialog.close(), { icon: 'cross', kind: 'quiet' })),
        video);
    dialog.addEventListener('close', () => {
        video.removeAttribute('src');
        video.load();
        if (url.startsWith('blob:')) URL.revokeObjectURL(url);
        dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
}
