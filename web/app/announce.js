/* SPDX-License-Identifier: MIT */
/**
 * The page's one live region. Messages that come together are read together; the region is emptied in
 * between, so that the same message can be read twice.
 * @module
 */
import { find } from './dom.js';

const GATHER_MS = 150;
const CLEAR_MS = 5000;

/** @type {string[]} */
let waiting = [];
let timer = 0;
let cleaner = 0;

/** @param {string} message '' says nothing */
export function announce(message) {
    if (message === '') return;
    waiting.push(message);
    if (timer === 0) timer = window.setTimeout(speak, GATHER_MS);
}

function speak() {
    const region = find('#liveRegion', HTMLElement);
    timer = 0;
    region.textContent = waiting.join(' ');
    waiting = [];
    clearTimeout(cleaner);
    cleaner = window.setTimeout(() => { region.textContent = ''; }, CLEAR_MS);
}
