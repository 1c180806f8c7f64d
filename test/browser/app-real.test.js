/* SPDX-License-Identifier: MIT */
/* The pages, the real SDK and the real server together: three takes arrive, whatever happens between. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startServer, temporaryDirectory } from '../server/server.js';
import { PROMPTS, launch, openPage } from './app-browser.js';
import { serveApp } from './app-server.js';
import { Link } from './support/link.js';

const indicator = '#uploadIndicator';
const TOKEN = 'operator-token-for-this-test-0001';
const PATIENCE_MS = 60_000;
/** @type {import('playwright-core').Browser} */
let browser;

before(async () => {
    browser = await launch();
});
after(() => browser?.close());

const shows = (page, selector, text) => page.waitForFunction(
    ([where, what]) => document.querySelector(where)?.textContent === what, [selector, text],
    { timeout: PATIENCE_MS });

/** A server with the short prompts, and a page of its own. */
async function stage(t, { args = [], data, prompts = PROMPTS } = {}) {
    const directory = temporaryDirectory(t);
    const file = path.join(directory, 'prompts.json');
    fs.writeFileSync(file, JSON.stringify(prompts));
    const start = (extra = []) => startServer(t, { data: data ?? path.join(directory, 'data'),
        args: ['--prompts', file, ...args, ...extra] });
    const server = await start();
    const { context, page, complaints } = await openPage(browser);
    context.setDefaultTimeout(PATIENCE_MS);
    t.after(() => context.close());
    return { server, start, page, complaints };
}

async function begin(page, url) {
    await page.goto(url);
    await page.getByRole('checkbox', { name: 'I agree.' }).check();
    await page.getByRole('button', { name: 'Check camera and microphone' }).click();
}

async function toPrompt(page) {
    await page.locator('#devicesReady:enabled').click();
    await page.locator('#start').waitFor();
}

async function record(page, ms = 2500) {
    await page.locator('#start').click();
    await page.locator('#stop[aria-disabled=false]').waitFor();
    await page.waitForTimeout(ms);
    await page.locator('#stop').click();
    await page.locator('#accept').waitFor();
}

/** The finished videos of the one session of a server. */
function videosOf(server) {
    const recordings = path.join(server.data, 'recordings');
    const sessions = fs.readdirSync(recordings);
    assert.equal(sessions.length, 1, 'one session');
    const folder = path.join(recordings, sessions[0]);
    return fs.readdirSync(folder).filter((name) => /\.(webm|mp4)$/.test(name))
        .map((name) => path.join(folder, name));
}

/** How long ffmpeg can play it, in seconds. */
function playable(file) {
    const { status, stderr } = spawnSync('ffmpeg',
        ['-hide_banner', '-i', file, '-f', 'null', '-'], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const [, hours, minutes, seconds] = [...stderr.matchAll(/time=(\d+):(\d+):([\d.]+)/g)].at(-1);
    return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}

describe('against the real server', () => {
    it('three takes arrive as three playable files', async (t) => {
        const { server, page, complaints } = await stage(t);
        await begin(page, server.url);
        await toPrompt(page);
        for (let index = 0; index < 3; index += 1) {
            await record(page);
            await page.waitForFunction(() => document.querySelector('.frame video')?.readyState >= 2);
            await page.locator('#accept').click();
            if (index < 2) await shows(page, 'h1', PROMPTS.prompts[index + 1].title);
        }
        await page.waitForURL(/complete\.html$/);
        await shows(page, 'h1', 'All done. Thank you!');
        await shows(page, indicator, '3 uploaded');
        assert.equal(await page.locator('#safety').textContent(), 'It is safe to close this page.');
        const videos = videosOf(server);
        assert.equal(videos.length, 3);
        for (const video of videos) assert.ok(playable(video) > 1.5, video);
        const prompts = videos.map((video) => JSON.parse(fs.readFileSync(
            video.replace(/\.\w+$/, '.metadata.json'), 'utf8')).prompt_id).sort();
        assert.deepEqual(prompts, ['one', 'three', 'two']);
        assert.deepEqual(complaints, []);
        /* Played from the server's copy: the local one is gone. */
        await page.getByRole('button', { name: 'Play First prompt' }).click();
        await page.waitForFunction(() => document.querySelector('dialog video')?.readyState >= 2);
    });

    it('the server dies in mid-take: recording goes on, and all goes up when it is back', async (t) => {
        const { server, start, page } = await stage(t);
        await begin(page, server.url);
        await toPrompt(page);
        await page.locator('#start').click();
        await page.locator('#stop[aria-disabled=false]').waitFor();
        await page.waitForTimeout(1500);
        await server.stop('SIGKILL');
        await page.waitForTimeout(2000);
        await page.locator('#stop').click();
        await page.locator('#accept').click();
        await shows(page, 'h1', 'Second prompt');
        await shows(page, indicator, 'Retrying upload…');
        assert.equal(await page.locator(indicator).getAttribute('class'), 'upload-indicator active');
        const again = await start(['--listen', `127.0.0.1:${server.port}`]);
        await shows(page, indicator, '1 uploaded');
        const videos = videosOf(again);
        assert.equal(videos.length, 1);
        assert.ok(playable(videos[0]) > 2.5);
    });

    it('after a reload it says that uploads resume, and finishes them', async (t) => {
        const link = await new Link().start();
        t.after(() => link.stop());
        const { server, start, page } = await stage(t, { args: ['--host', `127.0.0.1:${link.port}`] });
        link.target = server.port;
        await begin(page, `http://127.0.0.1:${link.port}/`);
        await toPrompt(page);
        await record(page);
        await server.stop('SIGKILL');
        await page.locator('#accept').click();
        await shows(page, 'h1', 'Second prompt');
        /* The uploader outlives the page: it must still have something to do when that is back. */
        link.rate = 20_000;
        link.target = (await start()).port;
        await page.reload();
        await shows(page, indicator, 'Resuming uploads…');
        assert.equal(await page.locator('h1').textContent(), 'Welcome back');
        link.rate = 0;
        await shows(page, indicator, '1 uploaded');
        await toPrompt(page);
        await shows(page, 'h1', 'Second prompt');
    });

    it('a reload in mid-recording costs at most the last slice', async (t) => {
        const { server, page } = await stage(t);
        page.on('dialog', (dialog) => void dialog.accept());
        await begin(page, server.url);
        await toPrompt(page);
        await page.locator('#start').click();
        await page.locator('#stop[aria-disabled=false]').waitFor();
        await page.waitForTimeout(4000);
        await page.reload();
        await page.locator('#devicesReady:enabled').click();
        await page.locator('#accept').waitFor();
        assert.match(await page.locator('.instructions').textContent(), /interrupted/);
        await page.locator('#accept').click();
        await shows(page, indicator, '1 uploaded');
        assert.ok(playable(videosOf(server)[0]) > 2);
    });

    it('a retake leaves nothing of the first take on the server', async (t) => {
        const { server, page } = await stage(t, { prompts: { ...PROMPTS,
            prompts: PROMPTS.prompts.slice(0, 1) } });
        await begin(page, server.url);
        await toPrompt(page);
        await record(page);
        await page.locator('#retake').click();
        await page.locator('#start').waitFor();
        await record(page, 1500);
        await page.locator('#accept').click();
        await shows(page, 'h1', 'All done. Thank you!');
        assert.equal(videosOf(server).length, 1);
        assert.deepEqual(fs.readdirSync(path.join(server.data, 'incoming')), []);
    });

    it('with tokens it asks for the access code, and then everything arrives', async (t) => {
        const file = path.join(temporaryDirectory(t), 'token');
        fs.writeFileSync(file, `${TOKEN}\n`, { mode: 0o600 });
        const { server, page } = await stage(t, { args: ['--auth', 'token', '--token-file', file],
            prompts: { ...PROMPTS, prompts: PROMPTS.prompts.slice(0, 1) } });
        await begin(page, server.url);
        await page.locator('#accessCode').fill('wrong');
        await page.keyboard.press('Enter');
        await page.getByText('That code was not accepted.').waitFor();
        await page.locator('#accessCode').fill(TOKEN);
        await page.keyboard.press('Enter');
        await page.locator('dialog').waitFor({ state: 'detached' });
        await toPrompt(page);
        await record(page, 1500);
        await page.locator('#accept').click();
        await shows(page, 'h1', 'All done. Thank you!');
        assert.equal(videosOf(server).length, 1);
        assert.ok(!server.log.includes(TOKEN), 'the code is in no log');
    });
});

describe('without a server', () => {
    it('records, and saves a file that plays', async (t) => {
        const server = await serveApp({ prompts: PROMPTS, sdk: 'real' });
        t.after(() => server.close());
        const { context, page } = await openPage(browser);
        t.after(() => context.close());
        context.setDefaultTimeout(PATIENCE_MS);
        await begin(page, server.origin);
        await toPrompt(page);
        await page.locator('.notice', { hasText: 'The server cannot be reached right now.' }).waitFor();
        await record(page);
        await page.locator('#accept').click();
        await shows(page, 'h1', 'Second prompt');
        const saving = page.waitForEvent('download');
        await page.getByRole('button', { name: 'Save First prompt as a file' }).click();
        const saved = await (await saving).path();
        assert.ok(playable(saved) > 1.5);
    });
});
