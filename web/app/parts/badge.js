/* SPDX-License-Identifier: MIT */
/**
 * The state badge of a take. A failed one is a button: its reason shows on hover, on focus and on tap,
 * and is its description for a screen reader.
 * @module
 */
import { el, icon, setText } from '../dom.js';

/** @typedef {import('../view.js').Badge} Badge */

/** @param {Badge} badge @returns {Node[]} */
function content(badge) {
    const glyph = badge.glyph && el('span', { class: 'visually-hidden', 'aria-hidden': 'true' },
        `${badge.glyph} `);
    const text = el('span', { class: 'badge-text' }, badge.text);
    return glyph ? [icon(badge.icon), glyph, text] : [icon(badge.icon), text];
}

/** @param {Badge} badge @returns {HTMLElement} */
export function makeBadge(badge) {
    return el('span', { class: `badge ${badge.kind}` }, ...content(badge));
}

/** @param {Badge} badge @param {string} reason @param {string} id unique on the page */
export function makeFailedBadge(badge, reason, id) {
    const tip = el('span', { class: 'tooltip', role: 'tooltip', id }, reason);
    const element = el('button', { type: 'button', class: `badge ${badge.kind}`, 'aria-describedby': id },
        ...content(badge));
    const holder = el('span', { class: 'badge-holder' }, element, tip);
    /* A tooltip must be dismissable without moving the pointer or the focus (WCAG 1.4.13). */
    holder.addEventListener('keydown', (event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        holder.classList.add('dismissed');
    });
    for (const name of ['focusin', 'pointerenter']) {
        holder.addEventListener(name, () => holder.classList.remove('dismissed'));
    }
    element.addEventListener('click', () => holder.classList.remove('dismissed'));
    return holder;
}

/** Changes only the text of a badge whose kind stays, so that its pulse does not start anew.
 * @param {HTMLElement} element @param {Badge} badge */
export function updateBadge(element, badge) {
    const text = element.querySelector('.badge-text');
    if (text) setText(text, badge.text);
}
