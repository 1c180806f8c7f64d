/* SPDX-License-Identifier: MIT */
/* The uploader: bytes equal, one tab at a time, nothing sent twice that was acknowledged. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { until } from './support/browser.js';
import { noise, stage } from './support/stage.js';

/* What runs in pages has these from support/pages/page.js. */
/** @type {any} */ const window = null;

/** @param {import('playwright-core').Page} page @param {object} [options] */
const open = (page, options = {}) => page.evaluate(async (opened) => {
    window.reelhaul = await window.Reelhaul.open(opened);
}, options);

/** @param {import('playwright-core').Page} page @param {number} size @param {number} seed @returns {Promise<string>} */
const add = (page, size, seed) => page.evaluate(([bytes, from]) =>
    window.reelhaul.addFile(new File([window.noise(bytes, from)], 'x.webm', { type: 'video/webm' }),
        { videoId: `video-${from}` }), /** @type {const} */ ([size, seed]));

/** @param {import('./support/fake-server.js').FakeServer} server */
const parts = (server) => server.log.filter(({ path }) => path.endsWith('/chunk'));

for (const spool of ['opfs', 'idb']) {
    test(`${spool}: files arrive equal, in order, and leave the spool when they are proven`, async (t) => {
        const it = await stage(t);
        const page = await it.page();
        await open(page, { spool });
        await add(page, 3_500_000, 1);
        await add(page, 10, 2);
        await add(page, 0, 3);
        const list = await page.evaluate(async () => {
            await window.reelhaul.whenDone();
            return window.reelhaul.list();
        });
        assert.deepEqual(list.map((/** @type {any} */ u) => [u.videoId, u.state, u.percent, u.bytes]), [
            ['video-1', 'completed', 100, 3_500_000], ['video-2', 'completed', 100, 10],
            ['video-3', 'completed', 100, 0],
        ]);
        assert.match(list[0].url, /^http:.*\/recordings\/.*video-1/);
        assert.ok(it.server.byVideo('video-1')?.bytes.equals(noise(3_500_000, 1)));
        assert.ok(it.server.byVideo('video-2')?.bytes.equals(noise(10, 2)));
        assert.equal(it.server.byVideo('video-3')?.state, 'done');
        const left = await page.evaluate(() => window.spoolFiles());
        assert.deepEqual(left.filter((/** @type {string} */ path) => /seg-|journal/.test(path)), []);
        await assert.rejects(page.evaluate((id) => window.reelhaul.export(id), list[0].id), /no longer|NotFound/);
    });
}

test('a real recording of a real MediaRecorder arrives equal to its export', async (t) => {
    const it = await stage(t);
    const page = await it.page();
    const made = await page.evaluate(async () => {
        const reelhaul = await window.Reelhaul.open({ policy: 'live' });
        const recording = await reelhaul.startRecording({
            stream: await navigator.mediaDevices.getUserMedia({ video: true, audio: true }), promptId: 'smile',
            sessionId: await reelhaul.createSession(), timesliceMs: 500,
        });
        await new Promise((resolve) => setTimeout(resolve, 2500));
        const take = await recording.stop();
        const file = await reelhaul.export(take.id);
        const bytes = new Uint8Array(await file.arrayBuffer());
        const text = [...bytes].map((byte) => String.fromCharCode(byte)).join('');
        await reelhaul.accept(take.id);
        await reelhaul.whenDone();
        return { take, type: file.type, base64: btoa(text), safe: reelhaul.safe, seen: reelhaul.get(take.id) };
    });
    const local = Buffer.from(made.base64, 'base64');
    assert.ok(made.take.size > 10_000);
    assert.equal(local.length, made.take.size);
    assert.ok(made.take.durationMs >= 2400 && made.take.durationMs < 4000, `${made.take.durationMs} ms`);
    const upload = it.server.byVideo(made.take.videoId);
    assert.ok(upload?.bytes.equals(local));
    assert.equal(upload.session, made.take.sessionId);
    assert.equal(upload.metadata.prompt_id, 'smile');
    assert.equal(made.safe, true);
    assert.equal(made.seen.state, 'completed');
});

test('a take under review goes up but completes only once it is accepted; a retake is erased', async (t) => {
    const it = await stage(t);
    const page = await it.page();
    const videos = await page.evaluate(async () => {
        window.MediaRecorder = window.recorderOf({ sliceBytes: 400_000, everyMs: 40, seed: 5, count: 6 });
        window.reelhaul = await window.Reelhaul.open({ policy: 'live' });
        window.takes = [];
        for (const name of ['good', 'bad']) {
            const recording = await window.reelhaul.startRecording({ stream: null, videoId: name });
            await new Promise((resolve) => setTimeout(resolve, 400));
            window.sent = Math.max(...window.reelhaul.list().map((/** @type {any} */ u) => u.bytes));
            window.takes.push(await recording.stop());
        }
        return window.takes.map((/** @type {any} */ take) => take.id);
    });
    assert.ok(await page.evaluate(() => window.sent > 0), 'sent while it was recorded');
    await until('both to be up', () => ['good', 'bad'].every((name) =>
        it.server.byVideo(name)?.ranges[0]?.[1] === 2_400_000));
    assert.deepEqual(['good', 'bad'].map((name) => it.server.byVideo(name)?.state), ['open', 'open']);
    const reasons = () => page.evaluate(() => window.reelhaul.list().map((/** @type {any} */ u) => u.reason));
    await until('both to say review', async () => String(await reasons()) === 'review,review');
    assert.equal(await page.evaluate(() => window.reelhaul.getSummary().total), 0);
    await page.evaluate(([good, bad]) => Promise.all([
        window.reelhaul.accept(good), window.reelhaul.discard(bad)]), videos);
    await page.evaluate(() => window.reelhaul.whenDone());
    assert.equal(it.server.byVideo('good')?.state, 'done');
    await until('the bad one to be gone', () => !it.server.byVideo('bad'));
    const files = () => page.evaluate(() => window.spoolFiles());
    await until('the spool to be empty', async () => !(await files()).some((/** @type {string} */ p) => /seg-/.test(p)));
    assert.equal(await page.evaluate(() => window.reelhaul.list().length), 1);
});

test('two tabs with a worker each: one uploads, and the other goes on when it dies', async (t) => {
    const it = await stage(t);
    it.server.rate = 2_000_000;
    const [one, two] = [await it.page(), await it.page()];
    await open(one, { host: 'dedicated' });
    await open(two, { host: 'dedicated' });
    await Promise.all([add(one, 3_000_000, 11), add(two, 3_000_000, 12)]);
    await until('the first parts', () => parts(it.server).filter(({ kept }) => kept > 0).length >= 2);
    const writers = new Set(parts(it.server).map(({ writer }) => writer));
    assert.equal(writers.size, 1, `one writer, not ${[...writers].join(' and ')}`);
    const lists = await Promise.all([one, two].map((page) =>
        page.evaluate(() => window.reelhaul.list().map((/** @type {any} */ u) => u.videoId))));
    assert.deepEqual([...lists[0]].sort(), ['video-11', 'video-12']);
    assert.deepEqual(lists[0], lists[1]);
    await one.close(); // it was first, so it leads
    const summary = await two.evaluate(() => window.reelhaul.whenDone());
    assert.equal(summary.completed, 2);
    assert.ok(it.server.byVideo('video-11')?.bytes.equals(noise(3_000_000, 11)));
    assert.ok(it.server.byVideo('video-12')?.bytes.equals(noise(3_000_000, 12)));
    const numbers = parts(it.server).map(({ writer }) => Number(writer.split(',')[1]));
    assert.ok(Math.max(...numbers) > Math.min(...numbers), 'the new leader has a higher number');
});

test('a reload in mid-upload goes on and sends nothing again that was acknowledged', async (t) => {
    const it = await stage(t);
    it.server.rate = 3_000_000;
    const page = await it.page();
    await open(page);
    await add(page, 6_000_000, 21);
    await until('two receipts', () => parts(it.server).filter(({ status }) => status === 200).length >= 2);
    const acknowledged = parts(it.server).filter(({ status }) => status === 200)
        .map(({ offset, length }) => [offset, offset + length]);
    const before = parts(it.server).length;
    await page.reload();
    await page.waitForSelector('html[data-ready]', { state: 'attached' });
    setTimeout(() => { it.server.rate = 0; }, 1000); // not done before the page looks
    const resumed = await page.evaluate(async () => {
        window.reelhaul = await window.Reelhaul.open();
        const said = new Promise((resolve) =>
            window.reelhaul.addEventListener('resuming', (/** @type {any} */ e) => resolve(e.detail.count)));
        await window.reelhaul.whenDone();
        return Promise.race([said, new Promise((resolve) => setTimeout(resolve, 500, 0))]);
    });
    assert.equal(resumed, 1);
    assert.ok(it.server.byVideo('video-21')?.bytes.equals(noise(6_000_000, 21)));
    for (const { offset, length } of parts(it.server).slice(before)) {
        for (const [from, to] of acknowledged) {
            assert.ok(offset + length <= from || offset >= to, `${offset}+${length} was acknowledged before`);
        }
    }
});

test('connections cut in mid-part cost only what had not arrived', async (t) => {
    const it = await stage(t);
    // Chromium itself repeats a request a few times when a kept-alive connection breaks; only then it says so.
    const asked = () => it.server.log.findIndex(({ method }) => method === 'HEAD' || method === 'GET');
    it.server.rate = 2_000_000;
    it.server.cut = () => (asked() < 0 ? 300_000 : null);
    const page = await it.page();
    await open(page);
    await add(page, 2_500_000, 31);
    await page.evaluate(() => window.reelhaul.whenDone());
    assert.ok(it.server.byVideo('video-31')?.bytes.equals(noise(2_500_000, 31)));
    const kept = new Set(it.server.log.slice(0, asked()).filter((e) => e.kept > 0).map(({ offset }) => offset));
    assert.ok(kept.has(0));
    for (const { offset, length } of it.server.log.slice(asked()).filter(({ path }) => path.endsWith('/chunk'))) {
        for (const from of kept) {
            assert.ok(offset >= from + 300_000 || offset + length <= from, `${offset}+${length} sent again`);
        }
    }
});

test('what the server would refuse is refused before recording', async (t) => {
    const it = await stage(t);
    const page = await it.page();
    await open(page);
    for (const options of [{ videoId: '../x' }, { sessionId: 'a/b' }, { videoId: 'x'.repeat(129) },
        { videoId: '-x' }, { metadata: { x: 'y'.repeat(20_000) } }]) {
        await assert.rejects(page.evaluate((it) => window.reelhaul.addFile(new Blob(['x']), it), options), /TypeError/);
    }
    assert.deepEqual(await page.evaluate(() => window.spoolFiles().then((/** @type {string[]} */ files) =>
        files.filter((path) => path.includes('journal')))), []);
});

test('people on one device are kept apart', async (t) => {
    const it = await stage(t);
    it.server.refuse = (entry) => (entry.path.endsWith('/chunk') ? 503 : null);
    const page = await it.page();
    await open(page, { subject: 'ada' });
    await add(page, 1000, 41);
    const other = await it.page();
    await open(other, { subject: 'bob' });
    assert.deepEqual(await other.evaluate(() => window.reelhaul.list()), []);
    assert.equal(await page.evaluate(() => window.reelhaul.list().length), 1);
});
