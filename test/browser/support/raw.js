/* SPDX-License-Identifier: MIT */
/*
 * Chromium as people have it: nothing is attached to it, because an attached DevTools lets workers live longer.
 * Tabs are opened, looked at and closed over HTTP.
 */
import { spawn } from 'node:child_process';
import { dropProfile, newProfile } from './browser.js';

const executable = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** @param {import('node:test').TestContext} t */
export async function rawBrowser(t) {
    const profile = await newProfile();
    const child = spawn(executable, ['--headless=new', '--no-sandbox', '--no-first-run', '--disable-gpu',
        '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank',
    ], { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
    const group = -(/** @type {number} */ (child.pid));
    const kill = () => { try { process.kill(group, 'SIGKILL'); } catch { /* it ended */ } };
    process.once('exit', kill);
    const port = await new Promise((resolve, reject) => {
        let said = '';
        child.stderr.on('data', (data) => {
            said += data;
            const found = /DevTools listening on ws:\/\/[^:]+:(\d+)/.exec(said);
            if (found) resolve(found[1]);
        });
        child.on('exit', () => reject(new Error(`chromium ended: ${said.slice(-1000)}`)));
    });
    const ended = new Promise((resolve) => child.once('close', resolve));
    t.after(async () => {
        kill();
        await ended;
        process.off('exit', kill);
        await dropProfile(profile);
    });
    const ask = async (path, method = 'GET') =>
        (await fetch(`http://127.0.0.1:${port}/json${path}`, { method })).text();
    return {
        /** @param {string} url @returns {Promise<string>} the tab's id */
        open: async (url) => JSON.parse(await ask(`/new?${encodeURIComponent(url)}`, 'PUT')).id,
        /** @param {string} id */
        close: (id) => ask(`/close/${id}`),
        /** @returns {Promise<{id: string, title: string, url: string, type: string}[]>} */
        list: async () => JSON.parse(await ask('/list')),
    };
}
