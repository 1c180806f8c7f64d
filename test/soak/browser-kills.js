/* SPDX-License-Identifier: MIT */
/*
 * The browser is killed -9 at a random moment of a recording, again and again: what the spool had said was durable
 * arrives and plays. KILLS says how often (20). Ends with one line of figures.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { it } from 'node:test';
import { until } from '../browser/support/browser.js';
import { probe } from '../browser/support/camera.js';
import { beginTake, completed, createSession, realStage, spooled } from '../browser/support/real.js';

const KILLS = Number(process.env['KILLS'] ?? 20);

it(`${KILLS} browsers killed in mid-recording`, async (t) => {
    const stage = await realStage(t);
    const options = { orphans: 'accept' };
    let page = await stage.page(options);
    const session = await createSession(page);
    const recovered = [];
    for (let kill = 0; kill < KILLS; kill += 1) {
        const id = await beginTake(page, session);
        /* The first slice of an MP4 is its header alone: nothing to play yet. */
        await until('the first pictures', async () => (await spooled(page)) > 40_000);
        const pause = Math.random() * 4000;
        await new Promise((resolve) => { setTimeout(resolve, pause); });
        const durable = await spooled(page);
        await stage.restartBrowser();
        page = await stage.page(options);
        await completed(page, id);
        const file = await stage.object(page, id);
        const { size } = fs.statSync(file);
        assert.ok(size >= durable, `kill ${kill}: ${size} arrived, ${durable} had been durable`);
        assert.ok(probe(file).frames > 0, `kill ${kill}: plays`);
        recovered.push(size - durable);
    }
    recovered.sort((a, b) => a - b);
    console.log(`${KILLS} kills, 0 acknowledged bytes lost; beyond what the page had heard of as durable, `
        + `${recovered[KILLS >> 1]} bytes more arrived (median)`);
});
