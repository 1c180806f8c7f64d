/* SPDX-License-Identifier: MIT */
/* The real server, the real SDK, a browser that can be killed, and a link between them that can be cut. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startServer } from '../../server/server.js';
import { Browser } from './browser.js';
import { makeCamera } from './camera.js';
import { Link } from './link.js';

/** @param {Buffer|Uint8Array} bytes */
export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/**
 * @param {import('node:test').TestContext} t
 * @param {{data?: string, args?: string[]}} [options] of the server
 */
export async function realStage(t, { data, args = [] } = {}) {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'reelhaul-real-'));
    const profile = path.join(directory, 'profile');
    const camera = makeCamera(directory);
    const place = data ?? path.join(directory, 'data');
    const link = await new Link().start();
    const start = () => startServer(t, { data: place, args: ['--host', `127.0.0.1:${link.port}`, ...args] });
    let server = await start();
    link.target = server.port;
    let browser = await Browser.start(profile, camera);
    /* In this order: a browser that still writes would be in the way of removing its profile. */
    t.after(async () => {
        await browser.stop();
        await link.stop();
        await server.stop('SIGKILL');
        fs.rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    });
    const origin = `http://127.0.0.1:${link.port}`;
    return {
        data: place, link, origin,
        get server() { return server; },
        get browser() { return browser; },
        /** kill -9 of the server, or whatever the signal; then the same data on the same link. */
        async restartServer(signal = 'SIGKILL') {
            await server.stop(signal);
            server = await start();
            link.target = server.port;
        },
        /** kill -9 of the browser; then a new one on the same profile. */
        async restartBrowser() {
            await browser.kill();
            browser = await Browser.start(profile, camera);
        },
        /** A page with an open Reelhaul as window.reelhaul. @param {object} [options] of Reelhaul.open */
        async page(options = {}) {
            const page = await browser.open(`${origin}/prompts.json`);
            page.setDefaultTimeout(30_000);
            await page.evaluate(async (given) => {
                const { Reelhaul } = await import(`${location.origin}/sdk/reelhaul.js`);
                const reelhaul = await Reelhaul.open({ policy: 'never-give-up', ...given });
                Object.assign(window, { reelhaul });
            }, options);
            return page;
        },
        /** The finished files below the data directory, by name. @returns {Map<string, string>} */
        objects() {
            const found = new Map();
            for (const kind of ['recordings', 'files']) {
                const root = path.join(place, kind);
                if (!fs.existsSync(root)) continue;
                for (const folder of fs.readdirSync(root)) {
                    for (const name of fs.readdirSync(path.join(root, folder))) {
                        if (!name.endsWith('.json')) found.set(name, path.join(root, folder, name));
                    }
                }
            }
            return found;
        },
        /** The finished file that a completed upload's url names. @param {import('playwright-core').Page} page @param {string} id */
        async object(page, id) {
            const url = (await look(page, id))?.url;
            if (!url) throw new Error(`no url of ${id}`);
            return path.join(place, new URL(url, origin).pathname.replace(/^\/download\//, 'files/'));
        },
    };
}

/* ---- what runs in the page ---- */

/** Begins a recording with sound in the page; its id. @param {import('playwright-core').Page} page @param {string} sessionId */
export const beginTake = (page, sessionId) => page.evaluate(async (session) => {
    const stream = await navigator.mediaDevices.getUserMedia({ video: true, audio: true });
    const recording = await window.reelhaul.startRecording({ stream, sessionId: session, promptId: 'test' });
    Object.assign(window, { recording });
    return recording.id;
}, sessionId);

/** Bytes of the recording under way that are durable in the spool. @param {import('playwright-core').Page} page */
export const spooled = (page) => page.evaluate(() => window.recording.bytes);

/** Stops the recording under way and accepts the take. @param {import('playwright-core').Page} page */
export const endTake = (page) => page.evaluate(async () => {
    const take = await window.recording.stop();
    window.recording.durableSize = take.size;
    const stream = window.recording.stream ?? null;
    stream?.getTracks?.().forEach((track) => track.stop());
    await window.reelhaul.accept(take.id);
    return take.size;
});

/** SHA-256 of the local copy. @param {import('playwright-core').Page} page @param {string} id */
export const localHash = (page, id) => page.evaluate(async (take) => {
    const file = await window.reelhaul.export(take);
    const digest = await crypto.subtle.digest('SHA-256', await file.arrayBuffer());
    return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}, id);

/** Adds a made-up file; {id, hash}. @param {import('playwright-core').Page} page @param {number} size @param {number} seed
 * @param {string} [sessionId] */
export const addNoise = (page, size, seed, sessionId) => page.evaluate(async ([length, from, session]) => {
    const bytes = new Uint8Array(length);
    for (let i = 0, state = from; i < length; i += 1) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        bytes[i] = state >>> 24;
    }
    const digest = await crypto.subtle.digest('SHA-256', bytes);
    const hash = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    const file = new File([bytes], 'noise.bin', { type: 'application/octet-stream' });
    return { id: await window.reelhaul.addFile(file, { sessionId: session }), hash };
}, /** @type {[number, number, string|undefined]} */ ([Math.floor(size), seed, sessionId]));

/** @param {import('playwright-core').Page} page @param {string} id */
export const look = (page, id) => page.evaluate((upload) => window.reelhaul.get(upload) ?? null, id);

/** @param {import('playwright-core').Page} page @param {string} id */
export const completed = (page, id) => page.waitForFunction(
    (upload) => window.reelhaul.get(upload)?.state === 'completed', id, { timeout: 60_000 });

/** @param {import('playwright-core').Page} page */
export const createSession = (page) => page.evaluate(() => window.reelhaul.createSession());
