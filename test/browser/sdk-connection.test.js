/* SPDX-License-Identifier: MIT */
/* When the network or the server goes: what people are told, what it costs, and what is asked while it lasts. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { until } from './support/browser.js';
import { noise, stage } from './support/stage.js';

/* What runs in pages has these from support/pages/page.js. */
/** @type {any} */ const window = null;

/** @param {import('playwright-core').Page} page @param {object} [options] */
const open = (page, options = {}) => page.evaluate(async (opened) => {
    window.reelhaul = await window.Reelhaul.open({ background: false, ...opened });
    window.states = [];
    window.reelhaul.addEventListener('connection', (/** @type {any} */ e) => window.states.push(e.detail.state));
}, options);

/** @param {import('playwright-core').Page} page @param {number} size @param {number} seed @param {object} [more] */
const add = (page, size, seed, more = {}) => page.evaluate(([bytes, from, options]) =>
    window.reelhaul.addFile(new File([window.noise(bytes, from)], 'x.webm', { type: 'video/webm' }),
        { videoId: `video-${from}`, ...options }), /** @type {const} */ ([size, seed, more]));

/** @param {import('playwright-core').Page} page @param {number} [index] */
const shown = (page, index = 0) => page.evaluate((at) => {
    const { state, reason, error, attempts } = window.reelhaul.list()[at] ?? {};
    return { state, reason, error, attempts };
}, index);
/** @param {import('playwright-core').Page} page */
const connection = (page) => page.evaluate(() => window.reelhaul.connection);
/** @param {import('playwright-core').Page} page */
const whenDone = (page) => page.evaluate(() => window.reelhaul.whenDone());

test('Online → offline → online: all active uploads paused, a check every 5 s, none while online', async (t) => {
    const it = await stage(t);
    it.server.rate = 2_000_000;
    const page = await it.page();
    await open(page);
    await add(page, 3_000_000, 1);
    await add(page, 1_000_000, 2);
    await until('the first part', () => it.server.log.some(({ kept }) => kept > 0));
    assert.deepEqual(it.server.checks, [], 'nothing was asked while it was there');
    it.server.vanish();
    await until('it to be noticed', async () => await connection(page) !== 'online');
    await until('both to be paused', async () => {
        const both = [await shown(page, 0), await shown(page, 1)];
        return both.every(({ state, reason }) => state === 'paused' && reason === 'offline');
    });
    assert.match((await shown(page)).error, /goes on by itself/);
    assert.equal((await shown(page)).attempts, 0);
    const requests = it.server.log.length;
    await until('checks', () => it.server.checks.length >= 3, 15_000);
    const [first, second] = it.server.checks.slice(-2);
    assert.ok(second - first > 4500 && second - first < 8000, `${second - first} ms between checks`);
    assert.equal(it.server.log.length, requests, 'nothing else was sent');
    it.server.down = false;
    it.server.rate = 0;
    await page.evaluate(() => dispatchEvent(new Event('online')));
    await whenDone(page);
    const checks = it.server.checks.length;
    assert.equal(await connection(page), 'online');
    assert.equal((await shown(page)).attempts, 0);
    assert.ok(it.server.byVideo('video-1')?.bytes.equals(noise(3_000_000, 1)));
    await add(page, 1000, 3);
    await whenDone(page);
    assert.equal(it.server.checks.length, checks, 'the check has stopped');
});

test('a captive portal and a server that is away are told apart, and cost no attempt', async (t) => {
    const it = await stage(t);
    const page = await it.page();
    await open(page, { policy: 'live' }); // a policy that counts
    it.server.portal = true;
    await add(page, 2_000_000, 4);
    await until('the portal to be recognised', async () => await connection(page) === 'portal');
    await until('it to be said', async () => /sign in first/.test((await shown(page)).error));
    assert.deepEqual(await shown(page).then(({ state, attempts }) => [state, attempts]), ['paused', 0]);
    it.server.portal = false;
    it.server.down = true;
    await page.evaluate(() => dispatchEvent(new Event('online')));
    await until('the server to be missed', async () => await connection(page) === 'no-server');
    await until('it to be said', async () => /server cannot be reached/.test((await shown(page)).error));
    it.server.down = false;
    await page.evaluate(() => dispatchEvent(new Event('online')));
    await whenDone(page);
    assert.deepEqual(await page.evaluate(() => window.states), ['portal', 'no-server', 'online']);
    assert.deepEqual(await shown(page), { state: 'completed', reason: '', error: '', attempts: 0 });
    assert.ok(it.server.byVideo('video-4')?.bytes.equals(noise(2_000_000, 4)));
});

test('priority and limit are kept and obeyed', async (t) => {
    const it = await stage(t);
    const page = await it.page();
    it.server.portal = true;
    await open(page, { policy: 'sequential', limit: { bytesPerSecond: 1_000_000, percent: 100 } });
    const first = await add(page, 4_000_000, 5, { priority: 'manual' });
    const second = await add(page, 300_000, 6);
    await page.evaluate((id) => window.reelhaul.setPriority(id, 'live'), second);
    await until('it to be shown', () => page.evaluate(() => String(window.reelhaul.list()
        .map((/** @type {any} */ u) => u.priority)) === 'manual,live'));
    await page.close(); // what a person chose outlives the page
    const again = await it.page();
    it.server.portal = false;
    const since = Date.now();
    await open(again); // and so does the limit
    await whenDone(again);
    const order = it.server.log.filter(({ kept, length }) => kept > 0 && length > 0).map(({ length }) => length);
    assert.equal(order[0], 300_000, 'the live one first');
    assert.ok(it.server.byVideo('video-5')?.bytes.equals(noise(4_000_000, 5)));
    const seconds = (Date.now() - since) / 1000;
    assert.ok(seconds > 1.5, `4.3 MB at 1 MB/s, of which one second's worth at once, in ${seconds} s`);
    await assert.rejects(again.evaluate((id) => window.reelhaul.setMethod(id, 'tus'), first), /over|done|state/i);
});
