/* SPDX-License-Identifier: MIT */
/** Help at the foot of both pages: what happens to recordings, keys, a check, the log level. @module */
import { announce } from '../announce.js';
import { button, el, find, icon, setText } from '../dom.js';
import { strings } from '../strings.js';

/** @typedef {import('../../sdk/types.js').LogLevel} LogLevel */
/** @typedef {import('../../sdk/types.js').Diagnosis} Diagnosis */
/** @typedef {import('../uploads.js').Uploads} Uploads */

const LEVELS = /** @type {LogLevel[]} */ (['off', 'error', 'warn', 'info', 'debug']);

/** From ?log=…; anything else is off. @returns {LogLevel} */
export function logLevelOfPage() {
    const asked = new URLSearchParams(location.search).get('log');
    return LEVELS.find((level) => level === asked) ?? 'off';
}

/** @param {Uploads|null} uploads null where the SDK could not be opened */
export function showHelp(uploads) {
    const words = strings.help;
    const result = el('div', { class: 'check-result', tabindex: -1, 'aria-label': words.checkResult });
    const check = button(words.check, () => void runCheck(), { id: 'runCheck' });
    const runCheck = async () => {
        if (!uploads) return;
        check.disabled = true;
        result.replaceChildren(el('p', {}, words.checking));
        try {
            showResult(result, await uploads.reelhaul.diagnose());
        } catch {
            result.replaceChildren(el('p', {}, words.checkFailed));
        }
        check.disabled = false;
        result.focus();
    };
    find('#help', HTMLElement).replaceChildren(
        el('details', { class: 'help' },
            el('summary', {}, icon('info'), el('span', {}, words.title)),
            el('div', { class: 'help-body' },
                el('section', {}, el('h2', {}, words.whereTitle),
                    el('ul', {}, ...words.where.map((text) => el('li', {}, text)))),
                el('section', {}, el('h2', {}, words.keysTitle), el('p', {}, words.keys)),
                uploads && el('section', {}, el('h2', {}, words.troubleTitle),
                    el('div', { class: 'help-tools' }, check, logPicker(uploads)), result))));
}

/** @param {Uploads} uploads */
function logPicker(uploads) {
    const words = strings.help;
    const select = el('select', { id: 'logLevel' },
        ...LEVELS.map((level) => el('option', { value: level }, words.logLevels[level])));
    select.value = logLevelOfPage();
    select.addEventListener('change', () => {
        uploads.reelhaul.setLogLevel(/** @type {LogLevel} */ (select.value));
    });
    return el('label', { class: 'inline-field' }, el('span', {}, words.log), select);
}

/** @param {HTMLElement} holder @param {Diagnosis[]} findings */
function showResult(holder, findings) {
    const words = strings.help;
    const rows = findings.map(({ name, ok, detail }) => el('li', { class: ok ? 'ok' : 'not-ok' },
        icon(ok ? 'check' : 'alert'),
        el('div', {}, el('strong', {}, name), ' ', el('span', { class: 'check-state' },
            ok ? words.ok : words.notOk), el('p', {}, detail))));
    const copy = button(words.copy, async () => {
        const text = findings.map(({ name, ok, detail }) => `${ok ? 'ok' : 'PROBLEM'}  ${name}: ${detail}`);
        await navigator.clipboard.writeText(text.join('\n'));
        const label = copy.querySelector('.label');
        if (label) setText(label, words.copied);
        announce(words.copied);
    });
    holder.replaceChildren(el('ul', { class: 'check-list' }, ...rows), copy);
}
