/* SPDX-License-Identifier: MIT */
/*
 * The main job on real input: pictures and sound made by ffmpeg through Chromium's camera, files pushed directly, and
 * whatever can be killed, cut or filled on the way. At the end the bytes are equal and ffprobe plays what arrived.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { it } from 'node:test';
import { until } from './support/browser.js';
import { probe } from './support/camera.js';
import {
    addNoise, beginTake, completed, createSession, endTake, localHash, look, realStage, sha256, spooled,
} from './support/real.js';

const MIB = 1 << 20;
const hashOf = (file) => sha256(fs.readFileSync(file));

it('three takes: each goes up while the next is recorded, and arrives equal', async (t) => {
    const stage = await realStage(t);
    const page = await stage.page({ keepLocal: 'for-good' });
    const session = await createSession(page);
    const takes = [];
    for (let i = 0; i < 3; i += 1) {
        const id = await beginTake(page, session);
        await until('a second of video in the spool', async () => (await spooled(page)) > 60_000);
        /* The take before completes while this one is being recorded. */
        if (i > 0) await completed(page, takes[i - 1]);
        assert.equal(await page.evaluate(() => window.recording.state), 'recording');
        await endTake(page);
        takes.push(id);
    }
    await page.evaluate(() => window.reelhaul.whenDone());
    assert.deepEqual(await page.evaluate(() => window.reelhaul.getSummary().completed), 3);
    for (const id of takes) {
        const file = await stage.object(page, id);
        assert.equal(hashOf(file), await localHash(page, id));
        const { frames, kinds } = probe(file);
        assert.deepEqual(kinds, ['audio', 'video']);
        assert.ok(frames >= 10, `${frames} frames`);
    }
});

it('a browser killed -9 in mid-recording loses at most the last slice', async (t) => {
    const stage = await realStage(t);
    const page = await stage.page({ orphans: 'accept' });
    const id = await beginTake(page, await createSession(page));
    await until('two seconds of video in the spool', async () => (await spooled(page)) > 150_000);
    const durable = await spooled(page);
    await stage.restartBrowser();
    const again = await stage.page({ orphans: 'accept' });
    await completed(again, id);
    const file = await stage.object(again, id);
    const { size } = fs.statSync(file);
    assert.ok(size >= durable, `${size} arrived, ${durable} were durable before the kill`);
    assert.ok(probe(file).frames >= 10);
});

it('a browser killed -9 in mid-upload goes on from the last durable byte', async (t) => {
    const stage = await realStage(t);
    const size = 12 * MIB;
    stage.link.rate = 4 * MIB;
    const page = await stage.page();
    const { id, hash } = await addNoise(page, size, 1);
    await until('some megabytes acknowledged', async () => ((await look(page, id))?.bytes ?? 0) >= 3 * MIB);
    const { bytes } = await look(page, id);
    await stage.restartBrowser();
    stage.link.rate = 0;
    const before = stage.link.up;
    const again = await stage.page();
    await completed(again, id);
    assert.equal(hashOf(await stage.object(again, id)), hash);
    const resent = stage.link.up - before - (size - bytes);
    assert.ok(resent < MIB, `${resent} bytes went up again`);
});

it('a server killed -9 in mid-chunk has every acknowledged byte, and the rest goes up', async (t) => {
    const stage = await realStage(t);
    const page = await stage.page();
    let restarted = Promise.resolve();
    stage.link.cutAt = 2.5 * MIB;
    stage.link.onCut = () => { restarted = stage.restartServer('SIGKILL'); };
    const { id, hash } = await addNoise(page, 6 * MIB, 2);
    await completed(page, id);
    await restarted;
    assert.equal(stage.link.cutAt, Infinity, 'the server was killed on the way');
    assert.equal(hashOf(await stage.object(page, id)), hash);
});

it('a network cut in mid-body, and then away for a while, costs only time', async (t) => {
    const stage = await realStage(t);
    const page = await stage.page();
    stage.link.cutAt = 1.3 * MIB;
    stage.link.onCut = () => stage.link.down();
    const { id, hash } = await addNoise(page, 5 * MIB, 3);
    await until('the sender to notice', async () => (await look(page, id))?.reason === 'offline');
    stage.link.restore();
    await completed(page, id);
    assert.equal(hashOf(await stage.object(page, id)), hash);
});

it('a reload in mid-upload resumes', async (t) => {
    const stage = await realStage(t);
    stage.link.rate = 4 * MIB;
    const page = await stage.page();
    const { id, hash } = await addNoise(page, 8 * MIB, 4);
    await until('some acknowledged', async () => ((await look(page, id))?.bytes ?? 0) >= 2 * MIB);
    await page.close();
    stage.link.rate = 0;
    const again = await stage.page();
    await completed(again, id);
    assert.equal(hashOf(await stage.object(again, id)), hash);
});

it('two tabs: one sends for both, and when it closes the other goes on', async (t) => {
    const stage = await realStage(t);
    const size = 6 * MIB;
    stage.link.rate = 4 * MIB;
    const first = await stage.page();
    const second = await stage.page();
    const one = await addNoise(first, size, 5);
    const two = await addNoise(second, size, 6);
    await until('some acknowledged', async () => ((await look(second, one.id))?.bytes ?? 0) >= MIB);
    await first.close();
    await completed(second, one.id);
    await completed(second, two.id);
    const hashes = [...stage.objects().values()].map(hashOf).sort();
    assert.deepEqual(hashes, [one.hash, two.hash].sort());
    const spare = stage.link.up - 2 * size;
    // What was in flight when the tab closed: the policy has at most four parts of 1 MiB there.
    assert.ok(spare < 4.5 * MIB, `${spare} bytes more than the files went up`);
});

it('a full disk on the server pauses the upload and loses nothing', async (t) => {
    const data = fs.mkdtempSync(path.join(os.tmpdir(), 'reelhaul-disk-'));
    try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', data], { stdio: 'pipe' });
    } catch {
        fs.rmdirSync(data);
        t.skip('mounting a small disk needs root');
        return;
    }
    const stage = await realStage(t, { data });
    t.after(() => { // hooks run in this order: the server has let go by now
        execFileSync('umount', [data]);
        fs.rmdirSync(data);
    });
    const page = await stage.page();
    const { id, hash } = await addNoise(page, 12 * MIB, 7);
    await until('the upload to wait for room', async () => (await look(page, id))?.reason === 'server_full', 30_000);
    assert.equal((await look(page, id))?.state, 'paused');
    execFileSync('mount', ['-o', 'remount,size=64m', data]);
    /* The server looks at its disk once a second; until it has, it says once more that there is no room. */
    await until('the retried upload to complete', async () => {
        await page.evaluate((upload) => window.reelhaul.retry(upload), id);
        return (await look(page, id))?.state === 'completed';
    }, 30_000);
    assert.equal(hashOf(await stage.object(page, id)), hash);
});

for (const policy of ['sequential', 'live', 'form', 'never-give-up']) {
    it(`policy ${policy}: a take and a file arrive equal, in a session`, async (t) => {
        const stage = await realStage(t);
        const page = await stage.page({ policy, keepLocal: 'for-good' });
        const session = await createSession(page);
        const take = await beginTake(page, session);
        await until('some video in the spool', async () => (await spooled(page)) > 60_000);
        await endTake(page);
        const { id, hash } = await addNoise(page, 2.3 * MIB, 8, session);
        await completed(page, take);
        await completed(page, id);
        assert.equal(hashOf(await stage.object(page, take)), await localHash(page, take));
        assert.equal(hashOf(await stage.object(page, id)), hash);
        const answer = await (await fetch(`${stage.server.url}/api/session/${session}`)).json();
        assert.deepEqual(answer.videos.map((video) => video.state), ['done', 'done']);
        assert.ok(answer.videos.some((video) => video.prompt_id === 'test'), 'metadata arrived');
    });
}
