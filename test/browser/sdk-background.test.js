/* SPDX-License-Identifier: MIT */
/* What goes on when no page is open: the service worker, its messages, its lock, and Background Fetch. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { until } from './support/browser.js';
import { noise, stage } from './support/stage.js';

/* What runs in pages has these from support/pages/page.js. */
/** @type {any} */ const window = null;

/** @param {import('playwright-core').Page} page @param {object} [options] */
const open = (page, options = {}) => page.evaluate(async (opened) => {
    window.reelhaul = await window.Reelhaul.open({ host: 'dedicated', ...opened });
}, options);

/** @param {import('playwright-core').Page} page @param {number} size @param {number} seed @returns {Promise<string>} */
const add = (page, size, seed) => page.evaluate(([bytes, from]) =>
    window.reelhaul.addFile(new File([window.noise(bytes, from)], 'x.webm', { type: 'video/webm' }),
        { videoId: `video-${from}` }), /** @type {const} */ ([size, seed]));

/** The tag of the sync that the page registered.
 * @param {import('playwright-core').Page} page @returns {Promise<string>} */
const syncTag = (page) => page.evaluate(async () => {
    const registration = /** @type {any} */ (await navigator.serviceWorker.getRegistration('/sdk/'));
    const [tag = ''] = await registration?.sync.getTags().catch(() => []) ?? [];
    return registration?.active?.state === 'activated' ? tag : '';
});

/** Everything that is sent comes to nothing until it is let through.
 * @param {import('./support/fake-server.js').FakeServer} server */
function blocked(server) {
    server.refuse = (entry) => (entry.path.endsWith('/chunk') ? 503 : null);
    return () => { server.refuse = () => null; };
}

/** @param {import('./support/fake-server.js').FakeServer} server @param {number} size @param {number} seed */
function assertArrived(server, size, seed) {
    const upload = server.byVideo(`video-${seed}`) ?? assert.fail('not on the server');
    assert.equal(upload.state, 'done');
    assert.ok(upload.bytes.equals(noise(size, seed)), 'the same bytes');
}

/** The messages of the service worker, as any page of the origin hears them.
 * @param {import('playwright-core').Page} page */
const listen = (page) => page.evaluate(() => {
    window.heard = [];
    navigator.serviceWorker.addEventListener('message', ({ data }) => window.heard.push(data));
    navigator.serviceWorker.startMessages();
});

/** @param {import('playwright-core').Page} page @param {object} message */
const post = (page, message) => page.evaluate(async (it) => {
    const registration = await navigator.serviceWorker.getRegistration('/sdk/');
    registration?.active?.postMessage(it);
}, message);

for (const event of /** @type {const} */ (['dispatchSyncEvent', 'dispatchPeriodicSyncEvent'])) {
    test(`${event}: with no page open the service worker finishes what was left`, async (t) => {
        const it = await stage(t);
        const unblock = blocked(it.server);
        const page = await it.page();
        await open(page);
        await add(page, 2_500_000, 1);
        const tag = await until('the sync to be registered', () => syncTag(page));
        await page.close();
        const about = await it.context.newPage();
        const devtools = await it.context.newCDPSession(about);
        const found = new Promise((resolve) => {
            devtools.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
                const mine = registrations.find(({ scopeURL }) => scopeURL.startsWith(it.origin));
                if (mine) resolve(mine.registrationId);
            });
        });
        await devtools.send('ServiceWorker.enable');
        const registrationId = /** @type {string} */ (await found);
        unblock();
        const { origin } = it;
        await devtools.send(`ServiceWorker.${event}`, /** @type {any} */ ({
            origin, registrationId, tag, ...(event === 'dispatchSyncEvent' && { lastChance: false }),
        }));
        await until('the service worker to finish', () => it.server.byVideo('video-1')?.state === 'done', 15_000);
        assertArrived(it.server, 2_500_000, 1);
    });
}

test('PROCESS_UPLOADS: chunks, completion and errors are told, and force breaks a stale lock', async (t) => {
    const it = await stage(t);
    it.server.portal = true;
    const page = await it.page();
    await open(page);
    const id = await add(page, 2_500_000, 2);
    const tag = await until('the worker', () => syncTag(page));
    await page.close();

    const other = await it.page(); // it has no uploader, and hears what the worker says
    await listen(other);
    const partition = tag.split(':')[1];
    await other.evaluate((name) => new Promise((held) => { // an uploader that is frozen: it has the lock, says nothing
        window.broken = false;
        navigator.locks.request(name, { steal: true }, () => {
            held(0);
            return new Promise(() => {});
        }).catch(() => { window.broken = true; });
    }), `uploader:${partition}`);
    await post(other, { type: 'PROCESS_UPLOADS' });
    await post(other, { type: 'PROCESS_UPLOADS', force: true });
    await until('the lock to be broken', () => other.evaluate(() => window.broken));
    const heard = (/** @type {string} */ type) => other.evaluate((name) =>
        window.heard.filter((/** @type {any} */ message) => message.type === name), type);
    await until('an error to be told', async () => (await heard('UPLOAD_ERROR')).length > 0);
    const [error] = await heard('UPLOAD_ERROR');
    assert.equal(error.sessionId, id);
    assert.match(error.error, /sign in first/);
    it.server.portal = false;
    await post(other, { type: 'PROCESS_UPLOADS' });
    await until('completion to be told', async () => (await heard('SESSION_UPLOAD_COMPLETE')).length > 0, 15_000);
    assert.deepEqual(await heard('SESSION_UPLOAD_COMPLETE'), [{ type: 'SESSION_UPLOAD_COMPLETE', sessionId: id }]);
    assert.deepEqual(await heard('CHUNK_UPLOADED'), [0, 1, 2].map((chunkId) =>
        ({ type: 'CHUNK_UPLOADED', sessionId: id, chunkId, totalChunks: 3 })));
    assertArrived(it.server, 2_500_000, 2);
});

test('a page without workers of its own is served by the service worker', async (t) => {
    const it = await stage(t);
    const page = await it.page();
    await open(page, { host: 'service' });
    await add(page, 1_500_000, 4);
    assert.equal(await page.evaluate(() => window.reelhaul.hosting.uploader), 'service');
    await page.evaluate(() => window.reelhaul.whenDone());
    assertArrived(it.server, 1_500_000, 4);
});

test('finishInBackground: a Background Fetch goes on without a page, and is verified afterwards', async (t) => {
    const it = await stage(t);
    const unblock = blocked(it.server);
    const page = await it.page();
    const devtools = await it.context.newCDPSession(page);
    const permissions = /** @type {any} */ (['backgroundFetch', 'backgroundSync']);
    await devtools.send('Browser.grantPermissions', { permissions, origin: it.origin });
    await open(page);
    await add(page, 9_000_000, 3);
    await until('the worker', () => syncTag(page));
    unblock();
    it.server.rate = 6_000_000;
    const before = it.server.log.length;
    const handed = await page.evaluate(() => window.reelhaul.finishInBackground('Uploading videos'));
    assert.equal(handed, 3);
    await until('it to be shown', () => page.evaluate(() => window.reelhaul.list()[0].reason === 'delegated'));
    await page.close();
    await until('the browser to finish', () => it.server.byVideo('video-3')?.state === 'done', 20_000);
    assertArrived(it.server, 9_000_000, 3);
    const sent = it.server.log.slice(before).filter(({ path, kept }) => path.endsWith('/chunk') && kept > 0);
    assert.equal(sent.reduce((sum, { kept }) => sum + kept, 0), 9_000_000, 'each byte once');
    const again = await it.page();
    await open(again);
    await again.evaluate(() => window.reelhaul.whenDone());
    assert.equal(await again.evaluate(() => window.reelhaul.list()[0].state), 'completed');
});
