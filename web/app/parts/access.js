/* SPDX-License-Identifier: MIT */
/**
 * The access code of a protected server: asked for when the server answers 401, kept in sessionStorage
 * (gone with the tab), sent only as a header, never part of an address.
 * @module
 */
import { button, el } from '../dom.js';
import { strings } from '../strings.js';

const KEY = 'reelhaul.accessCode';

/** For when sessionStorage is blocked. */
let remembered = '';

/** @returns {string} */
export function accessCode() {
    try {
        return sessionStorage.getItem(KEY) ?? remembered;
    } catch {
        return remembered;
    }
}

/** @param {string} code */
function rememberCode(code) {
    remembered = code;
    try {
        sessionStorage.setItem(KEY, code);
    } catch {
        /* Then it lasts until the next reload. */
    }
}

/** @type {Promise<boolean>|null} */
let asking = null;

/** Asks for the code, once at a time. @param {{wrong: boolean}} options
 * @returns {Promise<boolean>} false when the person cancelled */
export function askForCode({ wrong }) {
    asking ??= ask(wrong).finally(() => { asking = null; });
    return asking;
}

/** @param {boolean} wrong @returns {Promise<boolean>} */
function ask(wrong) {
    const words = strings.access;
    return new Promise((resolve) => {
        const error = el('p', { class: 'field-error', id: 'accessError' }, wrong ? words.wrong : '');
        const input = el('input', { type: 'password', id: 'accessCode', required: true,
            autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false',
            'aria-describedby': 'accessError', 'aria-invalid': wrong ? 'true' : null });
        const form = el('form', { class: 'access-form' },
            el('label', { class: 'field-label', for: 'accessCode' }, words.label), input, error,
            el('div', { class: 'actions' },
                el('button', { type: 'submit', class: 'button primary' }, words.submit),
                button(words.cancel, () => dialog.close())));
        const dialog = el('dialog', { class: 'dialog', 'aria-labelledby': 'accessTitle' },
            el('h2', { class: 'dialog-title', id: 'accessTitle' }, words.title),
            el('p', {}, words.text), form);
        let given = false;
        form.addEventListener('submit', (event) => {
            event.preventDefault();
            given = true;
            rememberCode(input.value);
            dialog.close();
        });
        dialog.addEventListener('close', () => {
            dialog.remove();
            resolve(given);
        });
        document.body.append(dialog);
        dialog.showModal();
        input.focus();
    });
}
