/* SPDX-License-Identifier: MIT */
/**
 * The completion page: waits until nothing is pending or uploading, guards against leaving meanwhile,
 * offers to retry what failed, and says that it is safe to close only when it is.
 * @module
 */
import { announce } from './announce.js';
import { ConfigError, loadConfig } from './config.js';
import { button, el, find, focusStep, icon, setText } from './dom.js';
import { roughly, size } from './format.js';
import { showHelp } from './parts/help.js';
import { TakeList } from './parts/takes.js';
import { endSitting, isMine, loadSitting, noteOf } from './state.js';
import { strings } from './strings.js';
import { Uploads } from './uploads.js';
import { outcomeOf } from './view.js';

/** @typedef {import('./view.js').Outcome} Outcome */
/** @typedef {import('./config.js').Config} Config */
/** @typedef {import('../sdk/types.js').UploadSnapshot} Upload */

class Completion {
    /** @param {Uploads} uploads @param {import('./state.js').Sitting} sitting @param {Config} config */
    constructor(uploads, sitting, config) {
        this.uploads = uploads;
        this.sitting = sitting;
        this.config = config;
        this.phase = '';
        const words = strings.complete;
        this.sign = el('div', { class: 'outcome-sign', 'aria-hidden': 'true' });
        this.heading = el('h1', { tabindex: -1, id: 'stepTitle' });
        this.text = el('p', { class: 'lead', id: 'outcomeText' });
        this.fill = el('span', { class: 'progress-fill' });
        this.progress = el('div', { class: 'progress big', role: 'progressbar', 'aria-valuemin': 0,
            'aria-valuemax': 100, 'aria-label': words.overall }, this.fill);
        this.numbers = el('p', { class: 'control-note', id: 'outcomeNumbers' });
        this.safety = el('p', { class: 'safety', id: 'safety' });
        this.unreviewed = el('p', { class: 'notice warning', hidden: true }, icon('alert'),
            el('span', {}, words.notAccepted, ' ', el('a', { href: './' }, words.backToRecorder)));
        this.retry = button(words.retry, () => this.uploads.reelhaul.retryFailed(),
            { kind: 'primary', icon: 'retry', id: 'retryFailed' });
        this.again = button(words.startOver, () => this.startOver(), { id: 'startOver' });
        find('#stage', HTMLElement).replaceChildren(this.sign, this.heading, this.text, this.progress,
            this.numbers, this.safety, this.unreviewed,
            el('div', { class: 'actions center' }, this.retry, this.again));
        this.takes = new TakeList(find('#takes', HTMLElement), uploads, (upload) => this.describe(upload));
        uploads.reelhaul.setScreen('complete');
        uploads.addEventListener('change', () => this.update());
        uploads.reelhaul.addEventListener('safe', () => this.update());
        addEventListener('beforeunload', (event) => {
            if (this.phase === 'waiting') event.preventDefault();
        });
        this.update();
        focusStep(this.heading);
    }

    /** @param {Upload} upload */
    describe(upload) {
        const note = noteOf(this.sitting, upload.id);
        const mine = isMine(this.sitting, upload);
        const prompt = this.config.prompts.find(({ id }) => id === upload.promptId);
        return { mine, durationMs: note?.durationMs ?? 0,
            title: mine ? (note?.title ?? prompt?.title ?? upload.name) : strings.takes.earlier };
    }

    update() {
        const visible = this.uploads.visible();
        this.takes.update(visible);
        const outcome = outcomeOf(visible);
        find('#takes', HTMLElement).hidden = visible.length === 0;
        this.showPhase(outcome);
        this.showProgress(outcome);
        this.unreviewed.hidden = outcome.notAccepted === 0;
    }

    /** @param {Outcome} outcome */
    showPhase(outcome) {
        const words = strings.complete;
        const changed = this.phase !== outcome.phase;
        const focusLost = changed && document.activeElement === this.retry;
        this.phase = outcome.phase;
        const { heading, text, safety, sign } = this.textsOf(outcome);
        setText(this.heading, heading);
        setText(this.text, text);
        this.text.hidden = text === '';
        setText(this.safety, safety);
        this.safety.hidden = safety === '';
        this.retry.hidden = outcome.phase !== 'failed';
        this.again.hidden = outcome.phase === 'waiting' || outcome.phase === 'failed';
        if (!changed) return;
        find('#stage', HTMLElement).dataset.phase = outcome.phase;
        this.sign.replaceChildren(icon(sign));
        document.title = `${heading} – ${this.config.title}`;
        if (focusLost) this.heading.focus();
        announce([heading, text, safety].filter(Boolean).join(' '));
    }

    /** @param {Outcome} outcome */
    textsOf(outcome) {
        const words = strings.complete;
        const { safe, stored } = this.uploads.reelhaul;
        switch (outcome.phase) {
        case 'waiting':
            return { heading: words.waiting, sign: 'upload',
                text: outcome.offline ? words.offline : words.keepOpen, safety: stored ? words.keptHere : '' };
        case 'failed':
            return { heading: words.failed(outcome.failed), sign: 'alert', safety: '',
                text: this.allKept() ? words.failedKept : words.failedGone };
        case 'done':
            return { heading: words.done, sign: 'check', text: words.doneText(outcome.completed),
                safety: safe ? words.safe : '' };
        default:
            return { heading: words.nothing, sign: 'check', text: words.nothingText, safety: '' };
        }
    }

    /** Whether each failed recording is still whole on this device. */
    allKept() {
        return this.uploads.visible().every((upload) => upload.state !== 'failed' || upload.local);
    }

    /** @param {Outcome} outcome */
    showProgress(outcome) {
        const words = strings.complete;
        this.progress.hidden = outcome.phase !== 'waiting';
        this.numbers.hidden = outcome.phase !== 'waiting';
        this.progress.setAttribute('aria-valuenow', String(outcome.percent));
        this.fill.style.inlineSize = `${outcome.percent}%`;
        const numbers = [words.bytes(size(outcome.bytes), size(outcome.total)),
            outcome.remainingMs > 0 ? words.left(roughly(outcome.remainingMs)) : ''].filter(Boolean);
        setText(this.numbers, numbers.join(' · '));
    }

    /** For a shared device: the next person begins with an empty list. */
    async startOver() {
        const done = this.uploads.reelhaul.list().filter((upload) => upload.state === 'completed');
        await Promise.allSettled(done.map((upload) => this.uploads.reelhaul.remove(upload.id)));
        endSitting(this.sitting);
        location.assign('./');
    }
}

async function main() {
    document.title = strings.complete.title;
    /** @type {Config} */
    let config = { title: strings.appName, intro: '', participant: 'none', countdownSeconds: 0, prompts: [],
        accept: [], upload: {} };
    try {
        config = await loadConfig();
    } catch (error) {
        /* Recordings on their way must not depend on the study's texts. */
        if (!(error instanceof ConfigError)) throw error;
    }
    setText(find('#brand', HTMLElement), config.title);
    const sitting = loadSitting();
    const uploads = await Uploads.open(config.upload, sitting);
    showHelp(uploads);
    const completion = new Completion(uploads, sitting, config);
    void completion;
}

await main();
