/* SPDX-License-Identifier: MIT */
/** The first screen: what this is, who you are, what you agree to. @module */
import { el, icon, setText } from '../dom.js';
import { roughly } from '../format.js';
import { strings } from '../strings.js';

/** @typedef {import('../config.js').Config} Config */

/** @param {Config} config @returns {string|null} null when a prompt has no limit */
function longest(config) {
    if (config.prompts.some((prompt) => prompt.maxSeconds === 0)) return null;
    return roughly(config.prompts.reduce((sum, prompt) => sum + prompt.maxSeconds, 0) * 1000);
}

/** @param {string} text @param {number} index */
function acceptBox(text, index) {
    const id = `accept${index}`;
    return el('div', { class: 'check-field' },
        el('input', { type: 'checkbox', id, required: true, 'aria-describedby': 'acceptError' }),
        el('label', { for: id }, text));
}

/**
 * @param {HTMLElement} stage @param {Config} config @param {string} participantId
 * @param {(answers: {participantId: string}) => void} onBegin
 */
export function showWelcome(stage, config, participantId, onBegin) {
    const words = strings.welcome;
    const participant = el('input', { type: 'text', id: 'participant', autocomplete: 'off', maxlength: 128,
        required: true, value: participantId, 'aria-describedby': 'participantHint participantError' });
    const participantError = el('p', { class: 'field-error', id: 'participantError' });
    const boxes = config.accept.map(acceptBox);
    const acceptError = el('p', { class: 'field-error', id: 'acceptError' });
    const fact = (/** @type {string} */ name, /** @type {string} */ text) =>
        el('li', {}, icon(name), el('span', {}, text));

    const form = el('form', { class: 'welcome-form', novalidate: true },
        config.participant === 'ask' && el('div', { class: 'field' },
            el('label', { class: 'field-label', for: 'participant' }, words.participant),
            participant, el('p', { class: 'field-hint', id: 'participantHint' }, words.participantHint),
            participantError),
        boxes.length > 0 && el('fieldset', { class: 'accept' }, el('legend', {}, words.accept),
            ...boxes, acceptError),
        el('div', { class: 'actions' },
            el('button', { type: 'submit', class: 'button primary' },
                el('span', { class: 'label' }, words.begin), icon('forward'))));

    form.addEventListener('submit', (event) => {
        event.preventDefault();
        const missing = config.participant === 'ask' && participant.value.trim() === '';
        setText(participantError, missing ? words.participantMissing : '');
        participant.setAttribute('aria-invalid', String(missing));
        const inputs = boxes.map((box) => /** @type {HTMLInputElement} */ (box.firstElementChild));
        const open = inputs.find((input) => !input.checked);
        setText(acceptError, open ? words.acceptMissing : '');
        inputs.forEach((input) => input.setAttribute('aria-invalid', String(!input.checked)));
        if (missing) participant.focus();
        else if (open) open.focus();
        else onBegin({ participantId: config.participant === 'ask' ? participant.value.trim() : '' });
    });

    stage.replaceChildren(
        el('h1', { class: 'display', tabindex: -1, id: 'stepTitle' }, config.title),
        ...config.intro.split('\n\n').filter(Boolean).map((text) => el('p', { class: 'lead' }, text)),
        el('ul', { class: 'facts' },
            fact('camera', words.facts(config.prompts.length, longest(config))),
            fact('microphone', words.needs), fact('shield', words.safeCopy)),
        form);
}
