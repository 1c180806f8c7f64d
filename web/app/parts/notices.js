/* SPDX-License-Identifier: MIT */
/** Short messages above the stage, each shown once under its key until its cause is gone. @module */
import { announce } from '../announce.js';
import { button, el, find, icon } from '../dom.js';
import { strings } from '../strings.js';

/** @type {Map<string, HTMLElement>} */
const shown = new Map();

/** @typedef {object} NoticeOptions
 * @property {'info'|'warning'|'error'} [kind]
 * @property {string} [action]      label of a button
 * @property {() => void} [onAction]
 * @property {boolean} [dismissable]
 */

/** @param {string} key @param {string} text @param {NoticeOptions} [options] */
export function showNotice(key, text, options = {}) {
    const { kind = 'info', action, onAction, dismissable = false } = options;
    const before = shown.get(key);
    if (before?.dataset.text === text) return;
    before?.remove();
    const element = el('div', { class: `notice ${kind}`, 'data-text': text, 'data-notice': key },
        icon(kind === 'info' ? 'info' : 'alert'), el('p', {}, text),
        action && onAction ? button(action, onAction) : null,
        dismissable && button(strings.notice.dismiss, () => hideNotice(key), { kind: 'quiet' }));
    shown.set(key, element);
    find('#notices', HTMLElement).append(element);
    announce(text);
}

/** @param {string} key */
export function hideNotice(key) {
    const element = shown.get(key);
    if (!element) return;
    if (element.contains(document.activeElement)) find('main', HTMLElement).focus();
    element.remove();
    shown.delete(key);
}
