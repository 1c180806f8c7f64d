/* SPDX-License-Identifier: MIT */
/*
 * Starts the system's Chromium the way our tests need it: a profile of its own that outlives the
 * process, cameras faked, and its process id, so that a test can kill it for real.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const executable = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** Browsers of this process, by their group: none may outlive a test run that is broken off. @type {Set<number>} */
const running = new Set();
const endAll = () => {
    for (const pid of running) {
        try {
            process.kill(-pid, 'SIGKILL');
        } catch {
            // it ended by itself
        }
    }
};
process.once('exit', endAll);
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => process.exit(1));

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {import('playwright-core').BrowserContext} BrowserContext */

/** @returns {Promise<string>} a new, empty profile; remove it with dropProfile */
export const newProfile = () => mkdtemp(join(tmpdir(), 'reelhaul-profile-'));

/** @param {string} profile */
export const dropProfile = (profile) => rm(profile, { recursive: true, force: true, maxRetries: 5 });

/** A running Chromium. Several may follow one another on one profile. */
export class Browser {
    /** @param {import('node:child_process').ChildProcess} child
     * @param {import('playwright-core').Browser} link @param {string} profile */
    constructor(child, link, profile) {
        this.child = child;
        this.link = link;
        this.profile = profile;
        /** @type {BrowserContext} */
        this.context = link.contexts()[0];
    }

    /** @param {string} profile @param {{args?: string[], camera?: string}} [options] camera: a .y4m or .mjpeg file
     * @returns {Promise<Browser>} */
    static async start(profile, { args = [], camera } = {}) {
        for (const name of ['SingletonLock', 'SingletonCookie', 'SingletonSocket']) {
            await rm(join(profile, name), { force: true }); // left behind by kill -9
        }
        const child = spawn(executable, [
            '--headless=new', '--no-sandbox', '--no-first-run', '--disable-gpu', '--mute-audio',
            '--remote-debugging-port=0', `--user-data-dir=${profile}`,
            '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
            ...(camera ? [`--use-file-for-fake-video-capture=${camera}`] : []),
            ...args, 'about:blank',
        ], { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
        const pid = /** @type {number} */ (child.pid);
        running.add(pid);
        child.once('close', () => running.delete(pid));
        const address = await new Promise((resolve, reject) => {
            let said = '';
            child.stderr.on('data', (data) => {
                said += data;
                const found = /DevTools listening on (ws:\S+)/.exec(said);
                if (found) resolve(found[1]);
            });
            child.on('exit', (code) => reject(new Error(`chromium ended with ${code}: ${said.slice(-2000)}`)));
        });
        child.removeAllListeners('exit');
        return new Browser(child, await chromium.connectOverCDP(address), profile);
    }

    /** A page that reports its console when the test is run with REELHAUL_SHOW=1.
     * @param {string} url @returns {Promise<Page>} */
    async open(url) {
        const page = await this.context.newPage();
        if (process.env['REELHAUL_SHOW']) {
            page.on('console', (line) => console.log('  browser:', line.text()));
            page.on('pageerror', (error) => console.log('  browser error:', error.message));
        }
        await page.goto(url);
        return page;
    }

    /** kill -9 of the browser and everything it started, as a crash or a power button would. */
    async kill() {
        const ended = new Promise((resolve) => this.child.once('exit', resolve));
        process.kill(-(/** @type {number} */ (this.child.pid)), 'SIGKILL');
        await ended;
        await this.link.close().catch(() => {});
    }

    /** Ends it decently, so that storage is written. */
    async stop() {
        if (this.child.exitCode !== null || this.child.signalCode !== null) return;
        const ended = new Promise((resolve) => this.child.once('exit', resolve));
        const session = await this.link.newBrowserCDPSession().catch(() => null);
        await session?.send('Browser.close').catch(() => {});
        const late = setTimeout(() => process.kill(-(/** @type {number} */ (this.child.pid)), 'SIGKILL'), 5000);
        await ended;
        clearTimeout(late);
        await this.link.close().catch(() => {});
    }
}

/** Waits until `test` gives something true; the error names what was waited for.
 * @template T @param {string} what @param {() => T|Promise<T>} test @param {number} [patience_ms]
 * @returns {Promise<NonNullable<T>>} */
export async function until(what, test, patience_ms = 10_000) {
    const end = Date.now() + patience_ms;
    for (;;) {
        const value = await test();
        if (value) return value;
        if (Date.now() > end) throw new Error(`waited ${patience_ms} ms for ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
}
