/* SPDX-License-Identifier: MIT */
/* What snapshots look like to a person, and what prompts.json may say. No browser. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { parseConfig } from '../../web/app/config.js';
import { clock, size } from '../../web/app/format.js';
import { announcementOf, badgeOf, indicatorOf, outcomeOf, percentOf, reasonOf } from '../../web/app/view.js';

/** @param {object} [fields] */
function upload(fields = {}) {
    return {
        id: 'take', uploadId: 'u', sessionId: 's', videoId: 'v', promptId: 'p', name: 'p.webm',
        mimeType: 'video/webm', state: 'uploading', reason: '', accepted: true, recording: false, bytes: 45,
        total: 100, percent: 45, speed: 0, remainingMs: null, attempts: 0, error: '', url: '', local: true,
        createdAt: 0, ...fields,
    };
}
const pending = (reason = 'waiting') => upload({ state: 'pending', reason });
const completed = () => upload({ state: 'completed', reason: '', bytes: 100, percent: 100 });
const failed = (fields = {}) => upload({ state: 'failed', reason: 'exhausted', ...fields });

describe('indicator', () => {
    const cases = [
        ['nothing yet', [], false, 'idle', '0 uploaded'],
        ['one uploading, two pending', [upload(), pending(), pending()], false, 'active',
            'Uploading… (2 pending)'],
        ['one uploading alone', [upload()], false, 'active', 'Uploading… (0 pending)'],
        ['all waiting for their turn', [pending(), pending()], false, 'active', 'Uploading… (2 pending)'],
        ['in backoff', [pending('backoff'), completed()], false, 'active', 'Retrying upload…'],
        ['offline', [upload({ state: 'paused', reason: 'offline' })], false, 'active', 'Retrying upload…'],
        ['a failure while others go on', [failed(), upload()], false, 'active', 'Uploading… (0 pending)'],
        ['failures when nothing moves', [failed(), failed(), completed()], false, 'error', '2 failed'],
        ['all there', [completed(), completed()], false, 'idle', '2 uploaded'],
        ['resuming', [upload(), pending()], true, 'active', 'Resuming uploads…'],
        ['resuming with nothing left', [completed()], true, 'idle', '1 uploaded'],
        ['a whole take under review waits for nobody',
            [upload({ state: 'uploading', reason: 'review', accepted: false, bytes: 100, percent: 99.9 })],
            false, 'idle', '0 uploaded'],
    ];
    for (const [name, uploads, resuming, kind, text] of cases) {
        it(`${name}: ${text}`, () => {
            const shown = indicatorOf(uploads, resuming);
            assert.equal(shown.text, text);
            assert.equal(shown.kind, kind);
        });
    }
});

describe('badge', () => {
    const shown = (fields) => {
        const badge = badgeOf(upload(fields));
        return `${badge.kind}: ${[badge.glyph, badge.text].filter(Boolean).join(' ')}`;
    };
    it('shows the four of the document letter by letter', () => {
        assert.equal(shown({}), 'uploading: ⇪ 45%');
        assert.equal(shown({ state: 'paused', reason: 'offline' }), 'paused: ⏸ PAUSED');
        assert.equal(shown({ state: 'completed' }), 'synced: ✓ SYNCED');
        assert.equal(shown({ state: 'failed' }), 'failed: ❌ FAILED');
    });
    it('shows the progress also while recording', () => {
        assert.equal(shown({ reason: 'recording', recording: true, accepted: false }), 'uploading: ⇪ 45%');
    });
    it('pauses when offline, whatever the state is called', () => {
        assert.equal(shown({ state: 'pending', reason: 'offline' }), 'paused: ⏸ PAUSED');
    });
    it('says what else a take waits for', () => {
        assert.equal(shown({ state: 'pending', reason: 'waiting', bytes: 0, percent: 0 }), 'pending: WAITING');
        assert.equal(shown({ state: 'pending', reason: 'backoff' }), 'retrying: RETRYING');
        assert.equal(shown({ state: 'pending', reason: 'review', accepted: false }), 'review: IN REVIEW');
        assert.equal(shown({ state: 'pending', reason: 'recording', recording: true, accepted: false,
            bytes: 0, percent: 0 }), 'recording: REC');
    });
    it('goes on showing the progress between two requests', () => {
        assert.equal(shown({ state: 'pending', reason: 'waiting' }), 'uploading: ⇪ 45%');
        assert.equal(shown({ state: 'pending', reason: 'recording', recording: true, accepted: false }),
            'uploading: ⇪ 45%');
        assert.equal(shown({ state: 'uploading', reason: 'review', accepted: false }), 'uploading: ⇪ 45%');
    });
    it('never says 100 % before the last byte is vouched for', () => {
        assert.equal(percentOf(upload({ percent: 100, bytes: 99 })), 99);
        assert.equal(percentOf(upload({ percent: 100, bytes: 100 })), 100);
        assert.equal(percentOf(upload({ percent: -3 })), 0);
    });
    it('has a reason for every failure', () => {
        assert.equal(reasonOf(failed({ error: 'The disk is gone.' })), 'The disk is gone.');
        for (const reason of ['refused', 'gone', 'conflict', 'source_lost', 'exhausted', '', 'new_one']) {
            assert.notEqual(reasonOf(failed({ reason })), '', reason);
        }
    });
});

describe('completion', () => {
    it('waits while anything is pending or uploading, and tells failures afterwards', () => {
        assert.equal(outcomeOf([failed(), pending(), completed()]).phase, 'waiting');
        assert.equal(outcomeOf([failed(), upload({ state: 'paused' })]).phase, 'waiting');
        assert.equal(outcomeOf([failed(), completed()]).phase, 'failed');
        assert.equal(outcomeOf([completed()]).phase, 'done');
        assert.equal(outcomeOf([]).phase, 'nothing');
    });
    it('counts bytes of all recordings', () => {
        const { bytes, total, percent } = outcomeOf([upload(), completed()]);
        assert.deepEqual([bytes, total, percent], [145, 200, 72]);
    });
    it('does not wait for a take that nobody accepted, but counts it', () => {
        const { phase, notAccepted } = outcomeOf([completed(), upload({ accepted: false, reason: 'review' })]);
        assert.deepEqual([phase, notAccepted], ['done', 1]);
    });
});

describe('announcements', () => {
    const at = (percent, fields = {}) => upload({ percent, bytes: percent, ...fields });
    it('tells each quarter once', () => {
        const told = [];
        for (let percent = 1; percent <= 99; percent += 1) {
            told.push(announcementOf(at(percent - 1), at(percent), 'Smile'));
        }
        assert.deepEqual(told.filter(Boolean),
            ['Smile: 25% uploaded', 'Smile: 50% uploaded', 'Smile: 75% uploaded']);
    });
    it('tells changes of state', () => {
        assert.equal(announcementOf(at(99), completed(), 'Smile'), 'Smile: uploaded');
        assert.equal(announcementOf(at(50), upload({ state: 'paused' }), 'Smile'), 'Smile: upload paused');
        assert.equal(announcementOf(at(50), failed({ error: 'No room.' }), 'Smile'),
            'Smile: upload failed. No room.');
    });
    it('is quiet about what was there when the page opened, and while recording', () => {
        assert.equal(announcementOf(undefined, completed(), 'Smile'), '');
        assert.equal(announcementOf(at(20), at(30, { recording: true, accepted: false }), 'Smile'), '');
    });
});

describe('prompts.json', () => {
    const good = { title: 'T', prompts: [{ id: 'a', title: 'A' }] };
    const one = (fields) => ({ ...good, prompts: [{ id: 'a', title: 'A', ...fields }] });
    it('accepts the example that is shipped', async () => {
        const text = await readFile(new URL('../../web/app/prompts.json', import.meta.url), 'utf8');
        assert.equal(parseConfig(JSON.parse(text)).prompts.length, 3);
    });
    it('fills in defaults', () => {
        const config = parseConfig(good);
        assert.deepEqual(config, { title: 'T', intro: '', participant: 'none', countdownSeconds: 3,
            prompts: [{ id: 'a', title: 'A', instructions: '', maxSeconds: 0, minSeconds: 0 }], accept: [],
            upload: {} });
        assert.deepEqual(parseConfig({ ...good, accept: 'Yes' }).accept, ['Yes']);
    });
    const bad = [
        ['a list', [], 'it must be an object'],
        ['no title', { prompts: good.prompts }, 'title must be a text'],
        ['no prompts', { title: 'T', prompts: [] }, 'prompts must be a list of 1 to 100 prompts'],
        ['two alike', { title: 'T', prompts: [good.prompts[0], good.prompts[0]] },
            'two prompts have the same id'],
        ['a path as id', one({ id: '../x' }),
            'prompts[0].id must be 1 to 128 letters, digits, "_", "-" or "."'],
        ['min above max', one({ minSeconds: 9, maxSeconds: 5 }),
            'prompts[0].minSeconds is above its maxSeconds'],
        ['a text as limit', one({ maxSeconds: '5' }),
            'prompts[0].maxSeconds must be a number of seconds from 0 to 86400'],
        ['an endless countdown', { ...good, countdownSeconds: 1e9 },
            'countdownSeconds must be a number of seconds from 0 to 30'],
        ['another participant', { ...good, participant: 'maybe' }, 'participant must be "ask" or "none"'],
        ['an unknown mode', { ...good, upload: { mode: 'fast' } },
            'upload.mode must be one of background, blocking, hybrid, auto'],
    ];
    for (const [name, value, message] of bad) {
        it(`names the mistake: ${name}`, () => {
            assert.throws(() => parseConfig(value), { message });
        });
    }
});

describe('numbers', () => {
    it('are short', () => {
        assert.deepEqual([clock(0), clock(61_999), clock(3_600_000)], ['0:00', '1:01', '1:00:00']);
        assert.deepEqual([size(999), size(1500), size(2_340_000), size(3e9)],
            ['999 B', '2 kB', '2.3 MB', '3.00 GB']);
    });
});
