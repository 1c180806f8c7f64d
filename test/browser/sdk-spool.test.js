/* SPDX-License-Identifier: MIT */
/* The spool on a real browser that is really killed: what was acknowledged is there, byte for byte. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { until } from './support/browser.js';
import { noise, stage } from './support/stage.js';

/* What runs in pages has these from support/pages/page.js. */
/** @type {any} */ const window = null;

const PLAN = { sliceBytes: 150_001, everyMs: 60, seed: 7, count: 400 };
const SEED = PLAN.seed;

/** Starts a recording whose bytes are foretold and waits until `slices` of them are durable.
 * @param {import('playwright-core').Page} page @param {object} options @param {number} slices
 * @returns {Promise<{id: string, videoId: string, bytes: number}>} */
function record(page, options, slices) {
    return page.evaluate(async ([plan, opened, least]) => {
        window.MediaRecorder = window.recorderOf(plan);
        window.reelhaul = await window.Reelhaul.open(opened);
        const recording = await window.reelhaul.startRecording({ stream: null, promptId: 'crash' });
        window.recording = recording;
        await new Promise((resolve) => recording.addEventListener('progress', () => {
            if (recording.bytes >= least * plan.sliceBytes) resolve(0);
        }));
        return { id: recording.id, videoId: recording.videoId, bytes: recording.bytes };
    }, /** @type {const} */ ([PLAN, options, slices]));
}

/** @param {import('playwright-core').Page} page @param {object} [options] @returns {Promise<any[]>} */
const openAndFinish = (page, options = {}) => page.evaluate(async (opened) => {
    window.reelhaul = await window.Reelhaul.open(opened);
    await window.reelhaul.whenDone();
    return window.reelhaul.list();
}, options);

for (const spool of ['opfs', 'idb']) {
    test(`${spool}: kill -9 in mid-recording costs nothing that was acknowledged`, async (t) => {
        const it = await stage(t);
        it.server.refuse = () => 503; // nothing may reach the server before the crash
        const made = await record(await it.page(), { spool }, 12);
        await it.crash();
        it.server.refuse = () => null;
        const [upload] = await openAndFinish(await it.page(), { spool });
        assert.equal(upload.state, 'completed');
        assert.equal(upload.id, made.id);
        const { bytes } = it.server.byVideo(made.videoId) ?? assert.fail('not on the server');
        assert.ok(bytes.length >= made.bytes, `${bytes.length} of ${made.bytes} acknowledged bytes`);
        assert.equal(bytes.length % PLAN.sliceBytes, 0, 'whole slices');
        assert.ok(bytes.equals(noise(bytes.length, SEED)), 'the same bytes');
    });
}

test('each-part: what the server vouched for is freed while recording, and a crash still leaves a whole', async (t) => {
    const it = await stage(t);
    const page = await it.page();
    const options = { policy: 'live', keepLocal: 'each-part' };
    const made = await record(page, options, 12);
    const segments = () => page.evaluate(async () => (await window.spoolFiles())
        .filter((/** @type {string} */ path) => path.includes('/seg-')));
    await until('segments to be freed', async () => {
        const left = await segments();
        return left.length > 0 && !left.some((/** @type {string} */ path) => path.endsWith('seg-000000'));
    });
    await it.crash();
    const [upload] = await openAndFinish(await it.page(), options);
    assert.equal(upload.state, 'completed');
    const { bytes } = it.server.byVideo(made.videoId) ?? assert.fail('not on the server');
    assert.ok(bytes.length >= made.bytes);
    assert.ok(bytes.equals(noise(bytes.length, SEED)));
});

test('a torn last journal record costs its slice alone', async (t) => {
    const it = await stage(t);
    it.server.refuse = () => 503;
    const made = await record(await it.page(), {}, 9);
    await it.crash();
    const page = await it.page();
    const durable = await page.evaluate(async () => {
        const path = (await window.spoolFiles()).find((/** @type {string} */ p) => p.endsWith('/journal'));
        const handle = await window.spoolFile(path);
        const bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer());
        let records = 0;
        while (bytes[records * 56] !== 0) records++;
        const view = new DataView(bytes.buffer, (records - 1) * 56);
        bytes[(records - 1) * 56 + 50] ^= 1; // the record's own checksum
        const writer = await handle.createWritable();
        await writer.write(bytes);
        await writer.close();
        return Number(view.getBigUint64(16, true)); // where that record's bytes began
    });
    it.server.refuse = () => null;
    await openAndFinish(page);
    const { bytes } = it.server.byVideo(made.videoId) ?? assert.fail('not on the server');
    assert.equal(bytes.length, durable);
    assert.ok(bytes.equals(noise(bytes.length, SEED)));
});

test('a journal of a newer format is left alone', async (t) => {
    const it = await stage(t);
    it.server.refuse = () => 503;
    await record(await it.page(), {}, 9);
    await it.crash();
    const page = await it.page();
    const [before, list, after] = await page.evaluate(async () => {
        const path = (await window.spoolFiles()).find((/** @type {string} */ p) => p.endsWith('/journal'));
        const handle = await window.spoolFile(path);
        const bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer());
        bytes[4] = 200;
        const writer = await handle.createWritable();
        await writer.write(bytes);
        await writer.close();
        const found = await window.spoolFiles();
        window.reelhaul = await window.Reelhaul.open();
        await window.reelhaul.whenDone();
        return [found, window.reelhaul.list(), await window.spoolFiles()];
    });
    assert.deepEqual(after, before);
    assert.deepEqual(list.map((/** @type {any} */ u) => [u.state, u.reason]), [['failed', 'damaged']]);
});

test('a renderer that crashes is recovered by another tab, without a reload', async (t) => {
    const it = await stage(t);
    it.server.refuse = (entry) => (entry.path.endsWith('/chunk') ? 503 : null);
    const leader = await it.page();
    await leader.evaluate(async () => {
        window.reelhaul = await window.Reelhaul.open();
        await window.reelhaul.whenDone(); // it leads
    });
    const page = await it.page();
    const made = await record(page, {}, 9);
    const session = await it.context.newCDPSession(page);
    session.send('Page.crash').catch(() => {});
    it.server.refuse = () => null;
    const upload = await until('the take to be on the server', () => it.server.byVideo(made.videoId)?.state === 'done'
        && it.server.byVideo(made.videoId), 20_000);
    assert.ok(upload.bytes.length >= made.bytes);
    assert.ok(upload.bytes.equals(noise(upload.bytes.length, SEED)));
});

test('no room: the recording waits in memory, says so, and goes on when there is room', async (t) => {
    const it = await stage(t);
    it.server.refuse = (entry) => (entry.path.endsWith('/chunk') ? 503 : null);
    const page = await it.page();
    const session = await it.context.newCDPSession(page);
    const origin = it.origin;
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 4_000_000 });
    const made = page.evaluate(async (plan) => {
        window.MediaRecorder = window.recorderOf({ ...plan, count: 60 });
        window.reelhaul = await window.Reelhaul.open();
        window.steps = [];
        window.reelhaul.addEventListener('storage', (/** @type {any} */ event) => window.steps.push(event.detail));
        const recording = await window.reelhaul.startRecording({ stream: null });
        window.recording = recording;
        await new Promise((resolve) => setTimeout(resolve, 60 * 75 + 500));
        const take = await recording.stop();
        await window.reelhaul.accept(take.id);
        await window.reelhaul.whenDone();
        return { take, steps: window.steps.map((/** @type {any} */ s) => s.step) };
    }, PLAN);
    await page.waitForFunction(() => window.steps?.some((/** @type {any} */ s) => s.step === 'offer-save'));
    const saved = await page.evaluate(async () => {
        const offer = window.steps.find((/** @type {any} */ s) => s.step === 'offer-save');
        const file = await offer.save();
        const bytes = new Uint8Array(await file.arrayBuffer());
        const all = window.noise(bytes.length, 7);
        return { size: bytes.length, equal: bytes.every((byte, i) => byte === all[i]), durable: window.recording.bytes };
    });
    assert.ok(saved.size > saved.durable, 'more than the spool has: the ring too');
    assert.ok(saved.equal, 'the saved file has the recorded bytes');
    await session.send('Storage.overrideQuotaForOrigin', { origin });
    it.server.refuse = () => null;
    const { take, steps } = await made;
    assert.ok(steps.includes('freed') && steps.includes('offer-save'));
    assert.equal(take.size, 60 * PLAN.sliceBytes);
    const upload = it.server.byVideo(take.videoId);
    assert.ok(upload?.bytes.equals(noise(take.size, SEED)));
});
