/* SPDX-License-Identifier: MIT */
/* Where the uploader runs: what goes on when tabs close and renderers die, and who sends when several could. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { until } from './support/browser.js';
import { rawBrowser } from './support/raw.js';
import { noise, stage } from './support/stage.js';

/* What runs in pages has these from support/pages/page.js. */
/** @type {any} */ const window = null;

/** @param {import('playwright-core').Page} page @param {object} [options] */
const open = (page, options = {}) => page.evaluate(async (opened) => {
    window.reelhaul = await window.Reelhaul.open({ background: false, ...opened });
}, options);

/** @param {import('playwright-core').Page} page @param {number} size @param {number} seed @returns {Promise<string>} */
const add = (page, size, seed) => page.evaluate(([bytes, from]) =>
    window.reelhaul.addFile(new File([window.noise(bytes, from)], 'x.webm', { type: 'video/webm' }),
        { videoId: `video-${from}` }), /** @type {const} */ ([size, seed]));

/** @typedef {import('./support/fake-server.js').FakeServer} FakeServer */
/** @param {FakeServer} server */
const parts = (server) => server.log.filter(({ path }) => path.endsWith('/chunk'));
/** @param {FakeServer} server */
const received = (server) => parts(server).filter(({ kept }) => kept > 0).length;
/** @param {FakeServer} server */
const writers = (server) => new Set(parts(server).map(({ writer }) => Number(writer.split(',')[1])));
/** @param {FakeServer} server @param {number} size @param {number} seed */
function assertArrived(server, size, seed) {
    const upload = server.byVideo(`video-${seed}`) ?? assert.fail(`video-${seed} is not on the server`);
    assert.equal(upload.state, 'done');
    assert.ok(upload.bytes.equals(noise(size, seed)), 'the same bytes');
    assert.equal(upload.twice, 0, 'nothing is sent again that the server said it has');
}
/** @param {import('playwright-core').Page} page */
const heldLocks = (page) => page.evaluate(async () =>
    (await navigator.locks.query()).held?.map(({ name }) => String(name)) ?? []);

test('the last tab is closed with bytes left on a slow link: a shared worker finishes', async (t) => {
    const it = await stage(t);
    const browser = await rawBrowser(t);
    it.server.rate = 200_000; // of each of four connections
    const size = 5_000_000;
    const tab = await browser.open(`${it.origin}/auto.html?host=shared&bytes=${size}`);
    await until('the file to be stored', async () => (await browser.list()).some(({ title }) => title === 'stored'));
    await until('it to be sent', () => parts(it.server).length > 0);
    await browser.close(tab);
    await until('the tab to be gone', async () => !(await browser.list()).some(({ id }) => id === tab));
    const begun = parts(it.server).reduce((sum, { length }) => sum + length, 0);
    assert.ok(begun < size, `${begun} bytes were begun when the tab was gone`);
    it.server.rate = 1_500_000;
    await until('the rest without a page', () => it.server.byVideo('video-1')?.state === 'done', 20_000);
    assertArrived(it.server, size, 1);
});

test('the renderer of the leading tab crashes: another tab takes over and nothing is durable twice', async (t) => {
    const it = await stage(t);
    it.server.rate = 1_200_000;
    const [one, two] = [await it.page(), await it.page()];
    await open(one);
    await open(two);
    await add(one, 9_000_000, 2);
    await add(two, 2_000_000, 3);
    await until('the first part', () => received(it.server) > 0);
    const host = (/** @type {string[]} */ names) => names.find((name) => name.startsWith('host:'));
    const before = host(await heldLocks(two));
    const session = await it.context.newCDPSession(one);
    session.send('Page.crash').catch(() => {});
    await until('another host', async () => ![before, undefined].includes(host(await heldLocks(two))));
    it.server.rate = 0;
    const summary = await two.evaluate(() => window.reelhaul.whenDone());
    assert.equal(summary.completed, 2);
    assertArrived(it.server, 9_000_000, 2);
    assertArrived(it.server, 2_000_000, 3);
    assert.ok(writers(it.server).size > 1, 'the new leader has a number of its own');
});

test('an old and a new version side by side: the old one yields, and both pages see it end', async (t) => {
    const it = await stage(t);
    it.server.rate = 200_000;
    const [old, next] = [await it.page(), await it.page()];
    await open(old);
    await add(old, 4_000_000, 4);
    await until('the old one to send', () => parts(it.server).length > 0);
    await next.evaluate(async (from) => {
        const { Reelhaul } = await import(`${from}/sdk-next/reelhaul.js`);
        window.reelhaul = await Reelhaul.open({ background: false });
    }, it.origin);
    await until('the new one to send', () => writers(it.server).size === 2);
    const taken = parts(it.server).length;
    it.server.rate = 0;
    await Promise.all([old, next].map((page) => page.evaluate(() => window.reelhaul.whenDone())));
    assertArrived(it.server, 4_000_000, 4);
    const late = new Set(parts(it.server).slice(taken).map(({ writer }) => writer));
    assert.ok(late.size <= 1, 'the new one alone goes on');
    await next.close();
    await add(old, 1000, 5);
    await old.evaluate(() => window.reelhaul.whenDone());
    assertArrived(it.server, 1000, 5);
});

test('a lock that is broken: the old holder stops at once, and what it would write later is refused', async (t) => {
    const it = await stage(t);
    it.server.rate = 300_000;
    const page = await it.page();
    await open(page, { host: 'dedicated' });
    await add(page, 3_000_000, 8);
    await until('it to send', () => parts(it.server).length > 0);
    const other = await it.page();
    const lock = (await heldLocks(page)).find((name) => name.startsWith('uploader:')) ?? assert.fail('no lock');
    await other.evaluate((name) => new Promise((held) => {
        void navigator.locks.request(name, { steal: true }, () => new Promise((free) => {
            window.free = free;
            held(0);
        }));
    }), lock);
    await until('its requests to be broken off', () =>
        parts(it.server).some(({ status, kept, length }) => status === 0 && kept > 0 && kept < length));
    const before = parts(it.server).length;
    const late = await other.evaluate(async (partition) => {
        const { Ledger } = await import(`${location.origin}/sdk/ledger.js`);
        const [old, next] = [await Ledger.open(partition), await Ledger.open(partition)];
        const { number } = await old.takeOver();
        await next.takeOver();
        const rows = await old.takes();
        const said = await old.putTakes([{ ...rows[0], rec: 'late' }]).catch((/** @type {any} */ e) => e.name);
        return { said, number, rows: (await next.takes()).length };
    }, lock.slice('uploader:'.length));
    assert.deepEqual(late, { said: 'StaleError', number: 2, rows: 1 });
    assert.equal(parts(it.server).length, before, 'nothing is sent without the lock');
    it.server.rate = 0;
    await other.evaluate(() => window.free());
    await page.evaluate(() => window.reelhaul.whenDone());
    assertArrived(it.server, 3_000_000, 8);
});

test('without workers, IndexedDB and WebAssembly the page uploads, and says what a reload loses', async (t) => {
    const it = await stage(t);
    const page = await it.page();
    await page.evaluate(() => {
        delete window.Worker;
        delete window.SharedWorker;
    });
    await open(page, { host: 'page' });
    await add(page, 1_500_000, 6);
    await page.evaluate(() => window.reelhaul.whenDone());
    assert.deepEqual(await page.evaluate(() => window.reelhaul.hosting),
        { uploader: 'page', spool: 'idb', lasting: true });
    assertArrived(it.server, 1_500_000, 6);

    const bare = await it.page();
    it.server.refuse = (entry) => (entry.path.endsWith('/chunk') ? 503 : null);
    await bare.evaluate(() => {
        delete window.Worker;
        delete window.SharedWorker;
        Object.defineProperty(window, 'indexedDB', { value: undefined });
        delete window.WebAssembly;
    });
    const told = await bare.evaluate(async () => {
        window.reelhaul = await window.Reelhaul.open({ background: false });
        return new Promise((resolve) => window.reelhaul.addEventListener('storage', (/** @type {any} */ e) =>
            resolve(e.detail.message)));
    });
    assert.match(told, /reloading this page loses/);
    await add(bare, 1_500_000, 7);
    assert.deepEqual(await bare.evaluate(() => [window.reelhaul.hosting, window.reelhaul.stored]),
        [{ uploader: 'page', spool: 'memory', lasting: false }, false]);
    it.server.refuse = () => null;
    await bare.evaluate(() => window.reelhaul.retryFailed());
    await bare.evaluate(() => window.reelhaul.whenDone());
    assertArrived(it.server, 1_500_000, 7);
    assert.equal(await bare.evaluate(() => window.reelhaul.stored), true);
});
