/* SPDX-License-Identifier: MIT */
/* Mission 2.4 on the real server: it is away when the session begins, and nothing is missing in the end. */
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { temporaryDirectory } from '../server/server.js';
import { until } from './support/browser.js';
import { beginTake, completed, endTake, localHash, look, realStage, sha256, spooled } from './support/real.js';

/* What runs in the page. */
/** @type {any} */ const window = null;

test('2.4: the server is away at the beginning; the take arrives in its session', async (t) => {
    const it = await realStage(t);
    const page = await it.page();
    it.link.down();
    const session = await page.evaluate(() => window.reelhaul.createSession({ participantId: 'Zoë 17' }));
    const id = await beginTake(page, session);
    await until('something durable here', async () => await spooled(page) > 50_000, 20_000);
    await endTake(page);
    const hash = await localHash(page, id);
    await until('a try that failed', async () => (await look(page, id)).reason === 'offline', 20_000);
    assert.ok(!fs.existsSync(path.join(it.data, 'recordings', session)));
    it.link.restore();
    await it.restartServer();
    await completed(page, id);
    const folder = path.join(it.data, 'recordings', session);
    const { videoId } = await look(page, id);
    assert.deepEqual(fs.readdirSync(path.join(it.data, 'recordings')), [session], 'one session');
    const told = JSON.parse(fs.readFileSync(path.join(folder, 'session.json'), 'utf8'));
    assert.equal(told.session_id, session);
    assert.equal(told.participant_id, 'Zoë 17');
    assert.deepEqual(told.videos.map((/** @type {any} */ video) => video.video_id), [videoId]);
    assert.equal(sha256(fs.readFileSync(await it.object(page, id))), hash);
});

test('with --auth token the session, once announced, is worked in with its own token', async (t) => {
    const token = 'correct-horse-battery-staple-0123456789';
    const file = path.join(temporaryDirectory(t), 'token');
    fs.writeFileSync(file, `${token}\n`);
    const it = await realStage(t, { args: ['--auth', 'token', '--token-file', file] });
    const page = await it.page();
    await page.evaluate(async (given) => {
        window.reelhaul.close();
        const { Reelhaul } = await import(`${location.origin}/sdk/reelhaul.js`);
        window.reelhaul = await Reelhaul.open({ getToken: () => given });
    }, token);
    it.link.down();
    const session = await page.evaluate(() => window.reelhaul.createSession());
    it.link.restore();
    const id = await page.evaluate((sessionId) => window.reelhaul.addFile(new Blob(['ten bytes.'],
        { type: 'video/webm' }), { sessionId, videoId: 'small' }), session);
    await completed(page, id);
    const kept = await page.evaluate(async (name) => {
        const found = (await indexedDB.databases()).find((db) => db.name?.startsWith('reelhaul-'));
        const db = await new Promise((resolve) => {
            const asking = indexedDB.open(found?.name ?? '');
            asking.onsuccess = () => resolve(asking.result);
        });
        return new Promise((resolve) => {
            const asking = db.transaction('state').objectStore('state').get(`token:${name}`);
            asking.onsuccess = () => resolve(asking.result);
        });
    }, session);
    assert.match(String(kept), new RegExp(`^rhs_${session}\\.`));
    assert.equal(fs.readFileSync(path.join(it.data, 'recordings', session, 'small.webm'), 'utf8'), 'ten bytes.');
});
