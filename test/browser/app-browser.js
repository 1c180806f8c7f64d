/* SPDX-License-Identifier: MIT */
/** Chromium with a made-up camera, for the tests of the pages. @module */
import { chromium } from 'playwright-core';

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
const ARGUMENTS = ['--no-sandbox', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];

/** @param {{fakeUi?: boolean}} [options] fakeUi false: nobody answers the permission question */
export function launch({ fakeUi = true } = {}) {
    return chromium.launch({ executablePath: EXECUTABLE,
        args: fakeUi ? ARGUMENTS : ARGUMENTS.slice(0, 2) });
}

/**
 * A page that fails the test on an error of its own, on a refused resource or a policy violation.
 * @param {import('playwright-core').Browser} browser
 * @param {import('playwright-core').BrowserContextOptions & {double?: object}} [options]
 */
export async function openPage(browser, { double = {}, ...options } = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    context.setDefaultTimeout(15_000);
    const page = await context.newPage();
    /** @type {string[]} */
    const complaints = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text());
    });
    await page.addInitScript((settings) => {
        if (!sessionStorage.getItem('double')) sessionStorage.setItem('double', settings);
    }, JSON.stringify(double));
    return { context, page, complaints };
}

/** Short prompts, so that a walk takes seconds. */
export const PROMPTS = {
    title: 'Test study',
    intro: 'Three short recordings.',
    participant: 'none',
    countdownSeconds: 1,
    accept: ['I agree.'],
    prompts: [
        { id: 'one', title: 'First prompt', instructions: 'Smile.', maxSeconds: 30 },
        { id: 'two', title: 'Second prompt', instructions: 'Turn your head.', maxSeconds: 30 },
        { id: 'three', title: 'Third prompt', instructions: 'Speak.', maxSeconds: 30 },
    ],
};
