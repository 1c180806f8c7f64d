/* SPDX-License-Identifier: MIT */
/* The pages in Chromium with a made-up camera, over a double of the SDK whose network a test commands. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { PROMPTS, launch, openPage } from './app-browser.js';
import { serveApp } from './app-server.js';

const indicator = '#uploadIndicator';
/** @type {import('playwright-core').Browser} */
let browser;
/** @type {{origin: string}} */
let server;
/** @type {{close: () => void}[]} */
const servers = [];

/** Closed at the end, also when a test fails. @param {unknown} prompts */
async function serve(prompts) {
    const made = await serveApp({ prompts });
    servers.push(made);
    return made;
}

before(async () => {
    browser = await launch();
    server = await serve(PROMPTS);
});
after(async () => {
    await browser?.close();
    servers.forEach((made) => made.close());
});

/** Sets the double's network, also for the pages to come. */
const network = (page, settings) => page.evaluate((wanted) => {
    Object.assign(window.double, wanted);
    const kept = JSON.parse(sessionStorage.getItem('double') ?? '{}');
    sessionStorage.setItem('double', JSON.stringify({ ...kept, ...wanted }));
}, settings);
const shows = (page, selector, text) => page.waitForFunction(
    ([where, what]) => document.querySelector(where)?.textContent === what, [selector, text],
    { timeout: 10_000 });
const textOf = (page, selector) => page.locator(selector).textContent();
const focused = (page) => page.evaluate(() => document.activeElement?.id
    || document.activeElement?.textContent || '');

/** Opens the recorder and goes through welcome and device check. */
async function begin(page, origin = server.origin) {
    await page.goto(origin);
    await page.getByRole('checkbox', { name: 'I agree.' }).check();
    await page.getByRole('button', { name: 'Check camera and microphone' }).click();
    await page.locator('#devicesReady:enabled').click();
    await page.locator('#start').waitFor();
}

/** Waits for the first bytes of the take being recorded: an empty one offers nothing to accept. */
const hasBytes = (page) => page.waitForFunction(
    () => window.reelhaul.list().some((upload) => upload.recording && upload.total > 0));

/** Records the prompt on the screen; stops at the review. */
async function record(page, ms = 700) {
    await page.locator('#start').click();
    await page.locator('#stop[aria-disabled=false]').waitFor();
    await page.waitForTimeout(ms);
    await page.locator('#stop').click();
    await page.locator('#accept').waitFor();
}

/** Runs a test with a page of its own, and fails it on any complaint of the browser. */
async function withPage(options, work) {
    const { context, page, complaints } = await openPage(browser, options);
    try {
        await work(page, context);
        assert.deepEqual(complaints, []);
    } finally {
        await context.close();
    }
}

describe('the flow', () => {
    it('walks three prompts with the mouse, never waiting for the network', async () => {
        await withPage({ double: { mode: 'hold' } }, async (page) => {
            await begin(page);
            for (const [index, prompt] of PROMPTS.prompts.entries()) {
                assert.equal(await textOf(page, 'h1'), prompt.title);
                assert.match(await textOf(page, '.eyebrow'), new RegExp(`Recording ${index + 1} of 3`));
                await record(page);
                await page.locator('#accept').click();
                if (index < 2) {
                    await page.locator('#start').waitFor();
                    assert.equal(await page.evaluate(() => window.reelhaul.getSummary().completed), 0,
                        'the next prompt is there although nothing could be sent');
                    await shows(page, indicator, `Uploading… (${index + 1} pending)`);
                    assert.equal(await page.locator(indicator).getAttribute('class'),
                        'upload-indicator active');
                }
            }
            await page.waitForURL(/complete\.html$/);
            await shows(page, 'h1', 'Waiting for uploads to complete…');
            await network(page, { mode: 'ok' });
            await shows(page, 'h1', 'All done. Thank you!');
            await shows(page, indicator, '3 uploaded');
            assert.equal(await page.locator(indicator).getAttribute('class'), 'upload-indicator idle');
            assert.equal(await textOf(page, '#safety'), 'It is safe to close this page.');
        });
    });

    it('walks three prompts with the keyboard alone', async () => {
        await withPage({}, async (page) => {
            await page.goto(server.origin);
            await page.locator('#accept0').waitFor();
            await page.keyboard.press('Tab');
            assert.equal(await focused(page), 'Skip to the recorder');
            await page.keyboard.press('Tab');
            assert.equal(await focused(page), 'accept0');
            await page.keyboard.press('Space');
            await page.keyboard.press('Tab');
            await page.keyboard.press('Enter');
            await page.locator('#devicesReady:enabled').waitFor();
            assert.equal(await focused(page), 'stepTitle', 'a new step is read from its heading');
            for (let presses = 0; await focused(page) !== 'devicesReady'; presses += 1) {
                assert.ok(presses < 5, 'few stops before the button');
                await page.keyboard.press('Tab');
            }
            await page.keyboard.press('Enter');
            for (const last of [false, false, true]) {
                await page.locator('#start').waitFor();
                assert.equal(await focused(page), 'start');
                await page.keyboard.press('Space');
                await page.locator('#cancel').waitFor();
                assert.equal(await focused(page), 'cancel');
                await page.locator('#stop[aria-disabled=false]').waitFor();
                assert.equal(await focused(page), 'stop');
                await hasBytes(page);
                await page.keyboard.press('Enter');
                await page.locator('#accept').waitFor();
                assert.equal(await focused(page), 'stepTitle', 'a second press must not decide');
                await page.keyboard.press('Enter');
                for (let presses = 0; await focused(page) !== 'accept'; presses += 1) {
                    assert.ok(presses < 12, 'the video controls, then the decision');
                    await page.keyboard.press('Tab');
                }
                await page.keyboard.press('Enter');
                if (last) await page.waitForURL(/complete\.html$/);
            }
            await shows(page, 'h1', 'All done. Thank you!');
        });
    });

    it('cancels the countdown with Escape, and records again on request', async () => {
        await withPage({}, async (page) => {
            await begin(page);
            await page.locator('#start').click();
            await page.locator('#cancel').waitFor();
            await page.keyboard.press('Escape');
            await page.locator('#start').waitFor();
            await record(page);
            await page.locator('#retake').click();
            await page.locator('#start').waitFor();
            assert.equal(await textOf(page, 'h1'), 'First prompt');
            assert.equal(await page.locator('.take').count(), 0, 'the discarded take is off the list');
            const calls = await page.evaluate(() => window.double.calls);
            assert.ok(calls.some((call) => call.startsWith('discard ')));
        });
    });

    it('asks for one session, however slow the server is', async () => {
        await withPage({ double: { sessionDelay_ms: 2000 } }, async (page) => {
            await begin(page);
            await page.waitForFunction(() => JSON.parse(localStorage.getItem('reelhaul.recorder')).sessionId);
            const calls = await page.evaluate(() => window.double.calls);
            assert.equal(calls.filter((call) => call.startsWith('createSession')).length, 1);
        });
    });

    it('waits before the next recording where the mode says so', async () => {
        await withPage({}, async (page) => {
            await begin(page);
            await page.evaluate(() => {
                window.double.gate = new Promise((resolve) => { window.double.open = resolve; });
            });
            await page.locator('#start').click();
            await shows(page, '#start .label', 'Waiting for the last upload…');
            await page.evaluate(() => window.double.open());
            await page.locator('#stop').waitFor();
        });
    });

    it('stops at the limit, and not before the least time', async () => {
        const short = await serve({ ...PROMPTS, countdownSeconds: 0, prompts: [
            { id: 'one', title: 'Short', instructions: '', minSeconds: 1, maxSeconds: 2 }] });
        await withPage({}, async (page) => {
            await begin(page, short.origin);
            await page.locator('#start').click();
            await page.locator('[data-phase=recording]').waitFor();
            assert.equal(await page.locator('#stop').getAttribute('aria-disabled'), 'true');
            await page.keyboard.press('Enter');
            await page.waitForTimeout(100);
            assert.equal(await page.locator('#stop').count(), 1, 'still recording');
            const began = Date.now();
            await page.locator('#accept').waitFor();
            assert.ok(Date.now() - began < 4000);
            assert.equal(await page.locator('#accept').innerText(), 'Keep and finish');
        });
    });

    it('asks for the participant and every consent before it goes on', async () => {
        const asking = await serve({ ...PROMPTS, participant: 'ask' });
        await withPage({}, async (page) => {
            await page.goto(asking.origin);
            const go = page.getByRole('button', { name: 'Check camera and microphone' });
            await go.click();
            assert.equal(await focused(page), 'participant');
            assert.equal(await page.locator('#participant').getAttribute('aria-invalid'), 'true');
            await page.locator('#participant').fill('P-17');
            await go.click();
            assert.equal(await focused(page), 'accept0');
            await page.locator('#accept0').check();
            await go.click();
            await page.locator('#devicesReady').waitFor();
            const calls = await page.evaluate(() => window.double.calls);
            assert.ok(calls.includes('createSession {"participantId":"P-17"}'));
        });
    });
});

describe('after a reload', () => {
    it('goes on at the right prompt and says that uploads resume', async () => {
        await withPage({ double: { rate: 500 } }, async (page) => {
            await begin(page);
            await record(page);
            await page.locator('#accept').click();
            await shows(page, 'h1', 'Second prompt');
            await page.reload();
            await shows(page, indicator, 'Resuming uploads…');
            assert.equal(await page.locator(indicator).getAttribute('class'), 'upload-indicator active');
            assert.equal(await textOf(page, 'h1'), 'Welcome back');
            await page.locator('#devicesReady:enabled').click();
            await shows(page, 'h1', 'Second prompt');
        });
    });

    it('offers the take that was not judged yet', async () => {
        await withPage({}, async (page) => {
            await begin(page);
            await record(page);
            await page.reload();
            await page.locator('#devicesReady:enabled').click();
            await page.locator('#accept').waitFor();
            assert.match(await textOf(page, '.instructions'), /interrupted/);
            await page.locator('#accept').click();
            await shows(page, 'h1', 'Second prompt');
        });
    });

    it('lets one tab record at a time, and the other go on by itself', async () => {
        await withPage({}, async (page, context) => {
            await begin(page);
            const second = await context.newPage();
            await second.goto(server.origin);
            await shows(second, 'h1', 'The recorder is already open');
            await page.close();
            await shows(second, 'h1', 'Welcome back');
        });
    });
});

describe('the playlist', () => {
    it('shows uploading, paused, retrying, synced for five seconds', async () => {
        await withPage({ double: { rate: 2000 } }, async (page) => {
            await begin(page);
            await record(page);
            await page.locator('#accept').click();
            const badge = page.locator('.take .badge');
            await page.locator('.take .badge.uploading').waitFor();
            assert.match(await badge.textContent(), /^⇪ \d+%$/);
            const bar = page.getByRole('progressbar', { name: 'Upload progress of First prompt' });
            assert.match(await bar.getAttribute('aria-valuenow'), /^\d+$/);
            await network(page, { mode: 'offline' });
            await page.locator('.take .badge.paused').waitFor();
            assert.equal(await badge.textContent(), '⏸ PAUSED');
            await network(page, { mode: 'backoff' });
            await shows(page, indicator, 'Retrying upload…');
            await network(page, { mode: 'ok', rate: 1e6 });
            await page.locator('.take .badge.synced').waitFor();
            const synced = Date.now();
            assert.equal(await badge.textContent(), '✓ SYNCED');
            await page.locator('.take .badge').waitFor({ state: 'detached' });
            const shown_ms = Date.now() - synced;
            assert.ok(shown_ms > 4000 && shown_ms < 6500, `shown for ${shown_ms} ms`);
        });
    });

    it('tells why a take failed: on hover, to the keyboard, to a screen reader', async () => {
        await withPage({ double: { mode: 'fail' } }, async (page) => {
            await begin(page);
            await record(page);
            await page.locator('#accept').click();
            const badge = page.locator('.badge.failed');
            await badge.waitFor();
            assert.equal(await badge.textContent(), '❌ FAILED');
            await shows(page, indicator, '1 failed');
            assert.equal(await page.locator(indicator).getAttribute('class'), 'upload-indicator error');
            const tip = page.locator('.tooltip[role=tooltip]');
            assert.equal(await tip.isVisible(), false);
            await badge.hover();
            await tip.waitFor({ state: 'visible' });
            assert.equal(await tip.textContent(), 'The server did not answer after 5 retries.');
            await page.mouse.move(0, 0);
            await tip.waitFor({ state: 'hidden' });
            await badge.focus();
            await tip.waitFor({ state: 'visible' });
            await page.keyboard.press('Escape');
            await tip.waitFor({ state: 'hidden' });
            const described = await badge.getAttribute('aria-describedby');
            assert.equal(await page.locator(`[id="${described}"]`).textContent(), await tip.textContent());
            await network(page, { mode: 'ok' });
            await page.getByRole('button', { name: 'Retry upload of First prompt' }).click();
            await shows(page, indicator, '1 uploaded');
        });
    });

    it('plays a take, and saves it as a file that plays', async () => {
        await withPage({ double: { session: 0 } }, async (page) => {
            await begin(page);
            await page.locator('.notice', { hasText: 'The server cannot be reached right now.' }).waitFor();
            await record(page, 1500);
            const sessions = await page.evaluate(() => window.reelhaul.list().map(({ sessionId }) => sessionId));
            assert.match(String(sessions), /^session-/, 'the take has a session all the same');
            await page.locator('#accept').click();
            await page.getByRole('button', { name: 'Play First prompt' }).click();
            const video = page.locator('dialog video');
            await page.waitForFunction(() => document.querySelector('dialog video')?.readyState >= 2);
            assert.ok(await video.evaluate((element) => element.videoWidth > 0));
            await page.keyboard.press('Escape');
            await page.locator('dialog').waitFor({ state: 'detached' });
            const saving = page.waitForEvent('download');
            await page.getByRole('button', { name: 'Save First prompt as a file' }).click();
            const saved = await saving;
            assert.equal(saved.suggestedFilename(), 'one.webm');
            const bytes = await readFile(await saved.path());
            assert.equal(bytes.readUInt32BE(0), 0x1a45dfa3, 'a WebM file');
        });
    });
});

describe('the completion page', () => {
    /** Accepts one take and lands on the completion page with the network in `mode`. */
    async function arrive(page, mode) {
        const single = await serve({ ...PROMPTS, prompts: PROMPTS.prompts.slice(0, 1) });
        await begin(page, single.origin);
        await record(page);
        await network(page, { mode });
        await page.locator('#accept').click();
        await page.waitForURL(/complete\.html$/);
    }

    it('waits, guards against leaving, then lets go', async () => {
        await withPage({}, async (page) => {
            await arrive(page, 'hold');
            await shows(page, 'h1', 'Waiting for uploads to complete…');
            const guarded = () => page.evaluate(() => !window.dispatchEvent(
                new Event('beforeunload', { cancelable: true })));
            assert.equal(await guarded(), true);
            assert.equal(await page.locator('#retryFailed').isVisible(), false);
            assert.doesNotMatch(await page.locator('#stage').innerText(), /safe to close/);
            await network(page, { mode: 'ok' });
            await shows(page, 'h1', 'All done. Thank you!');
            assert.equal(await guarded(), false);
            assert.equal(await textOf(page, '#safety'), 'It is safe to close this page.');
            await page.locator('#startOver').click();
            await page.locator('#accept0').waitFor();
            assert.equal(await page.locator('.take').count(), 0, 'the next person sees nothing of this one');
        });
    });

    it('tells failures and retries them', async () => {
        await withPage({}, async (page) => {
            await arrive(page, 'fail');
            await shows(page, 'h1', '1 video(s) failed to upload. Please check your connection.');
            assert.doesNotMatch(await page.locator('#stage').innerText(), /safe to close/);
            await network(page, { mode: 'hold' });
            await page.getByRole('button', { name: 'Retry failed uploads' }).click();
            await shows(page, 'h1', 'Waiting for uploads to complete…');
            assert.equal(await focused(page), 'stepTitle', 'the focus is not lost with the button');
            await network(page, { mode: 'ok' });
            await shows(page, 'h1', 'All done. Thank you!');
        });
    });
});

describe('doors and errors', () => {
    it('asks for an access code on 401, and never puts it into an address', async () => {
        await withPage({ double: { token: 'open sesame' } }, async (page) => {
            await page.goto(server.origin);
            await page.locator('#accept0').check();
            await page.getByRole('button', { name: 'Check camera and microphone' }).click();
            const code = page.getByLabel('Access code', { exact: true }).and(page.locator('input'));
            assert.equal(await code.getAttribute('type'), 'password');
            await code.fill('wrong');
            await page.keyboard.press('Enter');
            await page.getByText('That code was not accepted.').waitFor();
            await code.fill('open sesame');
            await page.keyboard.press('Enter');
            await page.locator('dialog').waitFor({ state: 'detached' });
            await page.waitForFunction(() => JSON.parse(localStorage.getItem('reelhaul.recorder')).sessionId);
            assert.equal(await page.evaluate(() => sessionStorage.getItem('reelhaul.accessCode')),
                'open sesame');
            assert.doesNotMatch(page.url(), /sesame/);
            assert.doesNotMatch(await page.evaluate(() => JSON.stringify(localStorage)), /sesame/);
        });
    });

    const failures = [
        ['NotAllowedError', 'Permission denied', 'Camera and microphone are blocked'],
        ['NotAllowedError', 'Permission denied by system',
            'Your system does not let this browser use the camera'],
        ['NotFoundError', 'Requested device not found', 'No camera was found'],
        ['NotReadableError', 'Could not start video source', 'The camera is in use by another program'],
    ];
    for (const [name, message, title] of failures) {
        it(`explains ${name} (${message}) and tries again`, async () => {
            await withPage({}, async (page) => {
                await page.addInitScript(([errorName, text]) => {
                    const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
                    window.broken = true;
                    navigator.mediaDevices.getUserMedia = (wanted) => (window.broken
                        ? Promise.reject(new DOMException(text, errorName)) : real(wanted));
                }, [name, message]);
                await page.goto(server.origin);
                await page.locator('#accept0').check();
                await page.getByRole('button', { name: 'Check camera and microphone' }).click();
                await page.getByRole('heading', { name: title }).waitFor();
                assert.ok(await page.locator('.trouble li').count() > 0, 'says what to do');
                assert.equal(await page.locator('#devicesReady').isDisabled(), true);
                await page.evaluate(() => { window.broken = false; });
                await page.getByRole('button', { name: 'Try again' }).click();
                await page.locator('#devicesReady:enabled').waitFor();
            });
        });
    }

    it('names the mistake in prompts.json', async () => {
        const broken = await serve('{"title": ');
        await withPage({}, async (page) => {
            await page.goto(broken.origin);
            await page.getByText('Its prompts.json could not be used: it is not valid JSON').waitFor();
        });
    });

    it('runs a check and sets the log level', async () => {
        await withPage({}, async (page) => {
            await page.goto(`${server.origin}/?log=debug`);
            await page.getByText('Help and privacy').click();
            assert.equal(await page.locator('#logLevel').inputValue(), 'debug');
            await page.locator('#logLevel').selectOption('warn');
            await page.getByRole('button', { name: 'Run a check' }).click();
            assert.equal(await page.locator('.check-list li').count(), 3);
            assert.equal(await page.locator('.check-list .not-ok').count(), 1);
            assert.ok((await page.evaluate(() => window.double.calls)).includes('log warn'));
        });
    });
});

describe('for everybody', () => {
    /** What must hold on every screen. */
    async function examine(page, where) {
        const found = await page.evaluate(() => ({
            wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
            live: document.querySelectorAll('[aria-live]:not([aria-live=off]), [role=status], [role=alert], '
                + '[role=log]').length,
            unnamed: [...document.querySelectorAll('button, input, select, a, [role=progressbar], video')]
                .filter((element) => element.checkVisibility() && !(element.getAttribute('aria-label')
                    || element.textContent?.trim() || element.labels?.length)).map((e) => e.outerHTML),
            headings: document.querySelectorAll('h1').length,
            small: [...document.querySelectorAll('button, select, input')]
                .filter((element) => element.checkVisibility())
                .filter((element) => element.getBoundingClientRect().height < 22).map((e) => e.outerHTML),
        }));
        assert.deepEqual(found, { wide: 0, live: 1, unnamed: [], headings: 1, small: [] }, where);
    }

    /** Text against the nearest painted ground, for everything with text of its own. */
    const poorContrast = (page) => page.evaluate(() => {
        const parse = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number);
        const light = ([red, green, blue]) => {
            const [r, g, b] = [red, green, blue].map((part) => {
                const share = part / 255;
                return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
            });
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const ground = (element) => {
            for (let node = element; node; node = node.parentElement) {
                const colour = parse(getComputedStyle(node).backgroundColor);
                if (colour.length === 3 || colour[3] > 0.5) return colour;
            }
            return [255, 255, 255];
        };
        const own = (element) => [...element.childNodes].some((node) => node.nodeType === 3
            && node.textContent.trim());
        return [...document.querySelectorAll('body *')]
            .filter((element) => own(element) && element.checkVisibility({ visibilityProperty: true })
                && !element.closest('.visually-hidden, .skip-link, .frame, noscript'))
            .map((element) => {
                const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))];
                const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
                return { ratio, text: element.textContent.slice(0, 30), of: element.className };
            })
            .filter(({ ratio }) => ratio < 4.5);
    });

    for (const colorScheme of ['light', 'dark']) {
        it(`fits 360 px, is named and readable on every screen (${colorScheme})`, async () => {
            await withPage({ viewport: { width: 360, height: 740 }, colorScheme, reducedMotion: 'reduce' },
                async (page) => {
                    const check = async (where) => {
                        await examine(page, where);
                        assert.deepEqual(await poorContrast(page), [], `contrast: ${where}`);
                    };
                    await page.goto(server.origin);
                    await page.locator('#accept0').waitFor();
                    await check('welcome');
                    await begin(page);
                    await check('prompt');
                    await page.locator('#start').click();
                    await page.locator('#cancel').waitFor();
                    await check('countdown');
                    await page.locator('#stop[aria-disabled=false]').waitFor();
                    await page.waitForTimeout(600);
                    await check('recording');
                    await page.locator('#stop').click();
                    await page.locator('#accept').waitFor();
                    await check('review');
                    await network(page, { mode: 'fail' });
                    await page.locator('#accept').click();
                    await page.locator('.badge.failed').waitFor();
                    await check('failed');
                    await page.goto(`${server.origin}/complete.html`);
                    await page.locator('#retryFailed').waitFor();
                    await check('completion, failed');
                    await network(page, { mode: 'hold' });
                    await page.locator('#retryFailed').click();
                    await shows(page, 'h1', 'Waiting for uploads to complete…');
                    await check('completion, waiting');
                    await page.getByText('Help and privacy').click();
                    await check('help');
                });
        });
    }

    it('keeps still when asked to', async () => {
        await withPage({ reducedMotion: 'reduce', double: { mode: 'hold' } }, async (page) => {
            await begin(page);
            await record(page);
            await page.locator('#accept').click();
            await shows(page, indicator, 'Uploading… (1 pending)');
            const still = await page.locator(indicator).evaluate((element) =>
                getComputedStyle(element, '::before').animationName);
            assert.equal(still, 'none');
        });
    });

    it('pulses while active otherwise', async () => {
        await withPage({ double: { mode: 'hold' } }, async (page) => {
            await begin(page);
            await record(page);
            await page.locator('#accept').click();
            await shows(page, indicator, 'Uploading… (1 pending)');
            const moving = await page.locator(indicator).evaluate((element) =>
                getComputedStyle(element, '::before').animationName);
            assert.equal(moving, 'pulse');
        });
    });

    it('sits in the top corner, also from right to left', async () => {
        await withPage({ viewport: { width: 360, height: 740 } }, async (page) => {
            await begin(page);
            const at = () => page.locator(indicator).boundingBox();
            const right = await at();
            assert.ok(right.y < 40 && right.x + right.width > 330, JSON.stringify(right));
            await page.evaluate(() => { document.documentElement.dir = 'rtl'; });
            const left = await at();
            assert.ok(left.y < 40 && left.x < 30, JSON.stringify(left));
            await examine(page, 'right to left');
        });
    });

    it('reads states and quarters through its one live region', async () => {
        await withPage({ double: { rate: 400 } }, async (page) => {
            await begin(page);
            await page.evaluate(() => {
                window.heard = [];
                const region = document.querySelector('#liveRegion');
                new MutationObserver(() => {
                    if (region.textContent) window.heard.push(region.textContent);
                }).observe(region, { childList: true, characterData: true, subtree: true });
            });
            await record(page, 300);
            await page.locator('#accept').click();
            await network(page, { rate: 3000 });
            await shows(page, indicator, '1 uploaded');
            await page.waitForTimeout(400);
            const heard = (await page.evaluate(() => window.heard)).join(' ');
            assert.match(heard, /Recording starts in 1 second/);
            assert.match(heard, /Recording has started\./);
            for (const quarter of [25, 50, 75]) {
                assert.match(heard, new RegExp(`First prompt: ${quarter}% uploaded`));
            }
            assert.match(heard, /First prompt: uploaded/);
        });
    });
});
