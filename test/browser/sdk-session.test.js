/* SPDX-License-Identifier: MIT */
/* Mission 2.4: a session begins whether or not the server is there, and is announced before what is of it. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { until } from './support/browser.js';
import { noise, stage } from './support/stage.js';

/* What runs in pages has these from support/pages/page.js. */
/** @type {any} */ const window = null;

const CREATE = '/api/session/create';
const V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Also notes what is said of sessions. @param {import('playwright-core').Page} page @param {object} [options] */
const open = (page, options = {}) => page.evaluate(async (opened) => {
    window.token ??= '';
    window.reelhaul = await window.Reelhaul.open({ getToken: () => window.token, ...opened });
    window.said = [];
    window.reelhaul.addEventListener('session', (/** @type {any} */ e) => window.said.push(e.detail));
}, options);

/** @param {import('playwright-core').Page} page @param {string} [participantId] @returns {Promise<string>} */
const begin = (page, participantId) =>
    page.evaluate((who) => window.reelhaul.createSession({ participantId: who }), participantId);

/** Records `noise` of 800 000 bytes in a session and accepts it. @param {import('playwright-core').Page} page
 * @param {string} sessionId @param {number} seed @returns {Promise<string>} */
const record = (page, sessionId, seed) => page.evaluate(async ([session, from]) => {
    const real = window.MediaRecorder;
    window.MediaRecorder = window.recorderOf({ sliceBytes: 200_000, everyMs: 20, seed: from, count: 4 });
    const recording = await window.reelhaul.startRecording(
        { stream: null, sessionId: session, videoId: `video-${from}` });
    window.MediaRecorder = real;
    await new Promise((resolve) => setTimeout(resolve, 300));
    const take = await recording.stop();
    await window.reelhaul.accept(take.id);
    return take.id;
}, /** @type {const} */ ([sessionId, seed]));

/** @param {import('playwright-core').Page} page @param {string} id */
const stateOf = (page, id) => page.evaluate((take) => {
    const { state, reason } = window.reelhaul.get(take);
    return `${state} ${reason}`;
}, id);

/** @param {import('playwright-core').Page} page */
const whenDone = (page) => page.evaluate(() => window.reelhaul.whenDone());

/** @param {import('./support/fake-server.js').FakeServer} server @param {string} path */
const asked = (server, path) => server.log.filter((entry) => entry.path === path);

/** @param {import('./support/fake-server.js').FakeServer} server @param {number} seed @param {string} session */
function assertArrived(server, seed, session) {
    const upload = server.byVideo(`video-${seed}`);
    assert.equal(upload?.session, session);
    assert.equal(upload.state, 'done');
    assert.ok(upload.bytes.equals(noise(800_000, seed)));
}

test('with the server there, a session is announced at once under the id made here', async (t) => {
    const it = await stage(t);
    const page = await it.page();
    await open(page);
    const session = await begin(page, 'p-17');
    assert.match(session, V4);
    assert.deepEqual([...it.server.sessions], [[session, 'p-17']]);
    assert.deepEqual(await page.evaluate(() => window.said), [{ id: session, announced: true }]);
    await record(page, session, 1);
    await whenDone(page);
    assertArrived(it.server, 1, session);
    assert.equal(asked(it.server, CREATE).length, 1);
});

test('2.4: offline at start: recording goes on, and everything goes up when the server is there', async (t) => {
    const it = await stage(t);
    const page = await it.page();
    await open(page);
    it.server.down = true;
    const session = await begin(page, 'p-17');
    assert.match(session, V4);
    assert.deepEqual(await page.evaluate(() => window.said), [{ id: session, announced: false }]);
    const ids = [await record(page, session, 2), await record(page, session, 3)];
    await until('a failed try', async () => await stateOf(page, ids[0]) === 'paused offline');
    assert.equal(asked(it.server, '/api/v1/videos/init').length, 0, 'nothing of it before the session');
    assert.equal(it.server.sessions.size, 0);
    it.server.down = false;
    await page.evaluate(() => dispatchEvent(new Event('online')));
    await whenDone(page);
    assert.deepEqual([...it.server.sessions], [[session, 'p-17']]);
    assertArrived(it.server, 2, session);
    assertArrived(it.server, 3, session);
    assert.deepEqual(await page.evaluate(() => window.said.at(-1)), { id: session, announced: true });
});

test('a page that goes away while its session is deferred leaves it to the next', async (t) => {
    const it = await stage(t);
    const page = await it.page();
    await open(page);
    it.server.refuse = () => 503;
    const session = await begin(page, 'Zoë');
    await record(page, session, 4);
    await page.reload();
    await page.waitForSelector('html[data-ready]', { state: 'attached' });
    await open(page);
    await until('a try of the new page', () => asked(it.server, CREATE).length >= 3);
    it.server.refuse = () => null;
    await whenDone(page);
    assert.deepEqual([...it.server.sessions], [[session, 'Zoë']]);
    assertArrived(it.server, 4, session);
});

test('a tab that takes over while the server is away needs nothing from it', async (t) => {
    const it = await stage(t);
    const [one, two] = [await it.page(), await it.page()];
    await open(one);
    await open(two);
    it.server.down = true;
    await one.close(); // it was first, so it leads
    const session = await begin(two, 'p-17');
    const id = await record(two, session, 11);
    await until('a failed try', async () => await stateOf(two, id) === 'paused offline');
    it.server.down = false;
    await two.evaluate(() => dispatchEvent(new Event('online')));
    await whenDone(two);
    assert.deepEqual([...it.server.sessions], [[session, 'p-17']]);
    assertArrived(it.server, 11, session);
});

test('a session without takes is announced too, at the next visit', async (t) => {
    const it = await stage(t);
    const page = await it.page();
    await open(page);
    it.server.down = true;
    const session = await begin(page, 'p-17');
    it.server.down = false;
    await page.reload();
    await page.waitForSelector('html[data-ready]', { state: 'attached' });
    await open(page);
    await until('it to be known', () => it.server.sessions.get(session) === 'p-17');
    assert.equal(await page.evaluate(() => window.reelhaul.list().length), 0);
});

test('the answer to create is lost: repeated, and it is the same session', async (t) => {
    const it = await stage(t);
    const page = await it.page();
    await open(page);
    it.server.lose = ({ path }) => path === CREATE;
    const session = await begin(page, 'p-17');
    assert.deepEqual([...it.server.sessions.keys()], [session], 'the server did what was asked');
    await record(page, session, 5);
    await until('another lost answer', () => asked(it.server, CREATE).length >= 3);
    it.server.lose = () => false;
    await whenDone(page);
    assert.deepEqual([...it.server.sessions], [[session, 'p-17']]);
    assertArrived(it.server, 5, session);
});

test('a deferred session holds up no other, and is asked about patiently', async (t) => {
    const it = await stage(t);
    const page = await it.page();
    await open(page);
    const good = await begin(page);
    it.server.refuse = ({ path }) => (path === CREATE ? 503 : null);
    const bad = await begin(page);
    const before = asked(it.server, CREATE).length;
    const begun = Date.now();
    const waiting = await record(page, bad, 6);
    const done = await record(page, good, 7);
    /* A 503 is the server's, whatever it was asked: the other's turn comes with the next probe, whose delays are drawn. */
    await until('the other to be done', async () => await stateOf(page, done) === 'completed ', 45_000);
    assertArrived(it.server, 7, good);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await until('it to be in backoff', async () => await stateOf(page, waiting) === 'pending backoff');
    const tries = asked(it.server, CREATE).length - before;
    const seconds = (Date.now() - begun) / 1000;
    assert.ok(tries >= 1 && tries <= 5 + seconds / 3, `${tries} tries in ${seconds} s`);
    assert.equal(it.server.byVideo('video-6'), undefined);
    it.server.refuse = () => null;
    await page.evaluate(() => window.reelhaul.retryFailed());
    await whenDone(page);
    assertArrived(it.server, 6, bad);
});

test('what the server refuses is refused, and leaves nothing to announce', async (t) => {
    const it = await stage(t);
    const page = await it.page();
    await open(page);
    for (const status of [400, 401, 403]) {
        it.server.refuse = () => status;
        const seen = await page.evaluate(() => window.reelhaul.createSession().catch((/** @type {any} */ e) => e.status));
        assert.equal(seen, status);
    }
    for (const bad of ['x'.repeat(129), 'a\nb', 'a\u202eb', '\ud800']) {
        await assert.rejects(begin(page, bad), /TypeError/);
    }
    it.server.refuse = () => null;
    await page.reload();
    await page.waitForSelector('html[data-ready]', { state: 'attached' });
    await open(page);
    await page.evaluate(() => window.reelhaul.addFile(new Blob(['x'])));
    await whenDone(page);
    assert.equal(it.server.sessions.size, 0);
});

test('a token that expires in mid-upload is asked for again, and nothing is lost', async (t) => {
    const it = await stage(t);
    const page = await it.page();
    let good = 'one';
    it.server.refuse = ({ authorization }) => (authorization === `Bearer ${good}` ? null : 401);
    it.server.rate = 4_000_000;
    await page.evaluate(() => { window.token = 'one'; });
    await open(page);
    await page.evaluate(() => {
        window.id = window.reelhaul.addFile(new File([window.noise(5_000_000, 8)], 'x.webm',
            { type: 'video/webm' }), { videoId: 'video-8' });
        return window.id;
    });
    const acknowledged = () => it.server.log.filter(({ path, status }) => path.endsWith('/chunk') && status === 200);
    await until('two receipts', () => acknowledged().length >= 2);
    good = 'two';
    await until('the refusal to be seen', () => page.evaluate(async () =>
        window.reelhaul.get(await window.id).reason === 'unauthorized'));
    const refused = it.server.log.length;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.ok(it.server.log.length - refused < 10, 'it does not hammer with a token that was refused');
    const kept = acknowledged().map(({ offset, length }) => [offset, offset + length]);
    await page.evaluate(() => { window.token = 'two'; });
    await whenDone(page);
    assert.ok(it.server.byVideo('video-8')?.bytes.equals(noise(5_000_000, 8)));
    for (const { offset, length } of acknowledged().slice(kept.length)) {
        assert.ok(kept.every(([from, to]) => offset + length <= from || offset >= to), `${offset} sent again`);
    }
});

test('0.11: hybrid sends on instruction screens and in the countdown, not while recording', async (t) => {
    const it = await stage(t);
    const page = await it.page();
    await open(page, { mode: 'hybrid', policy: 'live' });
    const session = await begin(page);
    await page.evaluate((id) => {
        window.reelhaul.setScreen('recording');
        window.MediaRecorder = window.recorderOf({ sliceBytes: 300_000, everyMs: 30, seed: 9, count: 8 });
        return window.reelhaul.startRecording({ stream: null, sessionId: id, videoId: 'video-9' })
            .then((/** @type {any} */ made) => { window.recording = made; });
    }, session);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const take = await page.evaluate(async () => {
        const made = await window.recording.stop();
        await window.reelhaul.accept(made.id);
        return made;
    });
    assert.equal(take.size, 2_400_000);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(asked(it.server, '/api/v1/videos/chunk').length, 0, 'held');
    assert.equal(await stateOf(page, take.id), 'paused mode');
    await page.evaluate(() => window.reelhaul.setScreen('instructions'));
    await page.evaluate(() => window.reelhaul.readyToRecord()); // the next recording waits for it
    assert.equal(it.server.byVideo('video-9')?.state, 'done');
    assert.ok(it.server.byVideo('video-9')?.bytes.equals(noise(2_400_000, 9)));
});

test('onlineCheck false pauses as offline without a request; true goes on', async (t) => {
    const it = await stage(t);
    const page = await it.page();
    await page.evaluate(() => { window.online = false; });
    await page.evaluate(async () => {
        window.reelhaul = await window.Reelhaul.open({ onlineCheck: async () => window.online });
        await new Promise((resolve) => setTimeout(resolve, 500));
        window.id = await window.reelhaul.addFile(new File([window.noise(800_000, 10)], 'x.webm',
            { type: 'video/webm' }), { videoId: 'video-10' });
    });
    await until('it to say offline', async () => await stateOf(page, await page.evaluate(() => window.id))
        === 'paused offline');
    assert.equal(it.server.log.length, 0);
    await page.evaluate(() => {
        window.online = true;
        dispatchEvent(new Event('online'));
    });
    const summary = await whenDone(page);
    assert.equal(summary.completed, 1);
    assertArrived(it.server, 10, '');
});
