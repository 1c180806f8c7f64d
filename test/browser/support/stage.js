/* SPDX-License-Identifier: MIT */
/* A browser on a fresh profile and a fake server for each test, taken down whatever happens. */
import { after } from 'node:test';
import { Browser, dropProfile, newProfile } from './browser.js';
import { FakeServer } from './fake-server.js';

/** The same bytes as `noise` in support/pages/page.js. @param {number} size @param {number} seed */
export function noise(size, seed) {
    const bytes = Buffer.alloc(size);
    let state = seed >>> 0 || 1;
    for (let i = 0; i < size; i++) {
        state ^= state << 13; state >>>= 0;
        state ^= state >>> 17;
        state ^= state << 5; state >>>= 0;
        bytes[i] = state;
    }
    return bytes;
}

/** One for all tests of a file: each test has a server, so an origin, so a storage of its own.
 * @type {Browser|null} */
let browser = null;
let profile = '';

after(async () => {
    await browser?.stop();
    if (profile) await dropProfile(profile);
});

/** @param {import('node:test').TestContext} t */
export async function stage(t) {
    const server = new FakeServer();
    const origin = await server.start();
    profile ||= await newProfile();
    browser ??= await Browser.start(profile);
    const use = () => /** @type {Browser} */ (browser);
    t.after(async () => {
        await Promise.all(use().context.pages().map((page) => page.close().catch(() => {})));
        await server.stop();
    });
    return {
        server, origin,
        get context() { return use().context; },
        /** A page with the SDK loaded but not opened. */
        async page() {
            const page = await use().open(`${origin}/`);
            await page.waitForSelector('html[data-ready]', { state: 'attached' });
            return page;
        },
        /** kill -9, then a new browser on the same profile. */
        async crash() {
            await use().kill();
            browser = await Browser.start(profile);
        },
    };
}
