/* SPDX-License-Identifier: MIT */
/** The few helpers that building a page by hand needs. No innerHTML: texts stay texts. @module */

/** @typedef {Node|string|null|undefined|false} Child */
/** @typedef {Record<string, string|number|boolean|null|undefined|((event: any) => void)>} Attributes */

/**
 * Makes an element. A function is a listener (`onclick`), true an empty attribute, false/null none;
 * `class` and every other key is an attribute.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {Attributes} [attributes] @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (typeof value === 'function') element.addEventListener(name.slice(2), value);
        else if (value === true) element.setAttribute(name, '');
        else if (value !== false && value !== null && value !== undefined) {
            element.setAttribute(name, String(value));
        }
    }
    append(element, children);
    return element;
}

/** @param {Element} parent @param {Child[]} children */
export function append(parent, children) {
    for (const child of children) {
        if (child) parent.append(child);
    }
}

/** A decorative icon from icons/<name>.svg, painted in the colour of the text. @param {string} name */
export function icon(name) {
    return el('span', { class: `icon icon-${name}`, 'aria-hidden': 'true' });
}

/**
 * @param {string} label @param {(event: MouseEvent) => void} onclick
 * @param {{kind?: 'primary'|'record'|'quiet'|'', icon?: string, id?: string, class?: string}} [options]
 */
export function button(label, onclick, options = {}) {
    const classes = ['button', options.kind ?? '', options.class ?? ''].filter(Boolean).join(' ');
    return el('button', { type: 'button', class: classes, id: options.id, onclick },
        options.icon && icon(options.icon), el('span', { class: 'label' }, label));
}

/** @template {Element} T @param {string} selector @param {new () => T} type @returns {T} */
export function find(selector, type) {
    const found = document.querySelector(selector);
    if (!(found instanceof type)) throw new Error(`${selector} is missing from the page`);
    return found;
}

/** Sets a text only when it differs, so that nothing flickers or is read twice.
 * @param {Element} element @param {string} text */
export function setText(element, text) {
    if (element.textContent !== text) element.textContent = text;
}

/** Starts the download of a file. @param {Blob} blob @param {string} name */
export function download(blob, name) {
    const url = URL.createObjectURL(blob);
    const link = el('a', { href: url, download: name, hidden: true });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Shows a new step from its top, and puts the focus where the person goes on.
 * @param {HTMLElement} element */
export function focusStep(element) {
    window.scrollTo(0, 0);
    element.focus({ preventScroll: true });
    element.scrollIntoView({ block: 'nearest' });
}

/** Gives a frame the shape of its picture: a phone held upright films upright.
 * @param {HTMLElement} frame @param {HTMLVideoElement} video */
export function shapeFrame(frame, video) {
    const shape = () => {
        if (video.videoWidth === 0 || video.videoHeight === 0) return;
        frame.style.setProperty('--ratio', (video.videoWidth / video.videoHeight).toFixed(4));
    };
    video.addEventListener('loadedmetadata', shape);
    video.addEventListener('resize', shape);
}
