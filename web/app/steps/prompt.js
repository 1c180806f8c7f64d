/* SPDX-License-Identifier: MIT */
/**
 * One prompt: instructions, countdown, recording. The camera picture and the instructions stay where they
 * are through all three; only the controls below change.
 * @module
 */
import { announce } from '../announce.js';
import { equipmentOf } from '../devices.js';
import { button, el, focusStep, icon, setText, shapeFrame } from '../dom.js';
import { clock } from '../format.js';
import { hideNotice, showNotice } from '../parts/notices.js';
import { strings } from '../strings.js';

/** @typedef {import('../../sdk/reelhaul.js').Recording} Recording */
/** @typedef {import('../../sdk/types.js').Take} Take */
/** @typedef {import('../config.js').Prompt} Prompt */
/** @typedef {import('../uploads.js').Uploads} Uploads */

const TICK_MS = 200;
/** Spoken warnings before the limit, in seconds. */
const WARN_SECONDS = [10, 5];

/** @typedef {object} PromptOptions
 * @property {Prompt} prompt
 * @property {number} index
 * @property {number} count
 * @property {number} countdownSeconds
 * @property {MediaStream} stream
 * @property {Uploads} uploads
 * @property {Record<string, unknown>} metadata
 * @property {(recording: Recording) => void} onStarted
 * @property {(take: Take) => void} onTake
 * @property {() => void} onChangeDevices
 */

export class PromptStep {
    /** @param {HTMLElement} stage @param {PromptOptions} options */
    constructor(stage, options) {
        this.options = options;
        /** @type {Recording|null} */
        this.recording = null;
        this.timer = 0;
        this.finished = false;
        /** @type {Set<number>} */
        this.warned = new Set();
        const { prompt, index, count, stream } = this.options;
        const words = strings.prompt;
        const limits = [prompt.minSeconds > 0 && words.atLeast(clock(prompt.minSeconds * 1000)),
            prompt.maxSeconds > 0 && words.upTo(clock(prompt.maxSeconds * 1000))].filter(Boolean);
        this.heading = el('h1', { tabindex: -1, id: 'stepTitle' }, prompt.title);
        this.instructions = el('div', { class: 'instructions', id: 'instructions' },
            ...prompt.instructions.split('\n\n').filter(Boolean).map((text) => el('p', {}, text)));
        this.video = el('video', { class: 'frame-video mirrored', autoplay: true, playsinline: true,
            muted: true, 'aria-label': words.preview });
        this.video.muted = true;
        this.video.srcObject = stream;
        this.overlay = el('div', { class: 'countdown', hidden: true, 'aria-hidden': 'true' });
        this.elapsed = el('span', { class: 'rec-time' }, clock(0));
        this.remaining = el('span', { class: 'rec-left' });
        this.rec = el('div', { class: 'rec', role: 'timer', 'aria-label': words.elapsed, hidden: true },
            el('span', { class: 'rec-dot' }), this.elapsed, this.remaining);
        this.bar = el('span', { class: 'limit-fill' });
        this.limit = el('div', { class: 'limit', hidden: true, 'aria-hidden': 'true' }, this.bar);
        this.frame = el('div', { class: 'frame' }, this.video, this.overlay, this.rec, this.limit);
        shapeFrame(this.frame, this.video);
        this.note = el('p', { class: 'control-note' }, limits.join(' · '));
        this.controls = el('div', { class: 'actions center' });
        stage.replaceChildren(
            el('div', { class: 'prompt-head' },
                el('p', { class: 'eyebrow' }, words.position(index + 1, count)),
                this.heading, this.instructions),
            this.frame, el('div', { class: 'control-bar' }, this.controls, this.note));
        this.showReady();
    }

    showReady() {
        const { uploads, onChangeDevices } = this.options;
        const words = strings.prompt;
        uploads.reelhaul.setScreen('instructions');
        this.frame.dataset.phase = 'ready';
        const start = button(words.start, () => void this.begin(start),
            { kind: 'record', icon: 'dot', id: 'start' });
        start.setAttribute('aria-describedby', 'stepTitle instructions');
        this.controls.replaceChildren(start,
            button(words.changeDevices, onChangeDevices, { kind: 'quiet', icon: 'settings',
                class: 'secondary-action' }));
        focusStep(start);
    }

    /** Waits for what the mode demands (nothing, in the background), then counts down.
     * @param {HTMLButtonElement} start */
    async begin(start) {
        const { uploads, countdownSeconds } = this.options;
        start.disabled = true;
        const label = start.querySelector('.label');
        const slow = setTimeout(() => {
            if (label) setText(label, strings.prompt.waiting);
            announce(strings.prompt.waiting);
        }, 300);
        await uploads.beginning; // a take belongs to a session; with the server away there soon is one too
        await uploads.reelhaul.readyToRecord();
        clearTimeout(slow);
        if (this.finished) return;
        if (countdownSeconds > 0) this.countDown(countdownSeconds);
        else void this.record();
    }

    /** @param {number} seconds */
    countDown(seconds) {
        const words = strings.prompt;
        this.options.uploads.reelhaul.setScreen('countdown');
        this.frame.dataset.phase = 'countdown';
        this.overlay.hidden = false;
        let left = seconds;
        const cancel = button(words.cancel, () => this.cancelCountdown(), { id: 'cancel' });
        this.controls.replaceChildren(cancel);
        cancel.focus();
        this.onEscape = (/** @type {KeyboardEvent} */ event) => {
            if (event.key === 'Escape') this.cancelCountdown();
        };
        document.addEventListener('keydown', this.onEscape);
        const show = () => {
            this.overlay.replaceChildren(el('span', { class: 'countdown-label' }, words.getReady),
                el('span', { class: 'countdown-number' }, String(left)));
        };
        announce(words.countdown(seconds));
        show();
        this.timer = window.setInterval(() => {
            left -= 1;
            if (left > 0) return show();
            this.endCountdown();
            void this.record();
        }, 1000);
    }

    endCountdown() {
        clearInterval(this.timer);
        this.overlay.hidden = true;
        if (this.onEscape) document.removeEventListener('keydown', this.onEscape);
    }

    cancelCountdown() {
        this.endCountdown();
        this.showReady();
    }

    async record() {
        const { uploads, prompt, stream, metadata, onStarted } = this.options;
        const words = strings.prompt;
        uploads.reelhaul.setScreen('recording');
        const stop = button(words.starting, () => void this.stop(), { kind: 'record', icon: 'stop', id: 'stop' });
        stop.setAttribute('aria-disabled', 'true');
        this.stopButton = stop;
        this.controls.replaceChildren(stop);
        stop.focus();
        hideNotice('startFailed');
        try {
            const recording = await uploads.reelhaul.startRecording({ stream,
                sessionId: uploads.sitting.sessionId || undefined, promptId: prompt.id,
                metadata: { prompt_id: prompt.id, ...equipmentOf(stream), ...metadata } });
            this.watch(recording);
            onStarted(recording);
        } catch (error) {
            const why = error instanceof Error ? error.message : '';
            showNotice('startFailed', `${words.startFailed} ${why}`, { kind: 'error', dismissable: true });
            this.showReady();
        }
    }

    /** @param {Recording} recording */
    watch(recording) {
        const words = strings.prompt;
        this.recording = recording;
        this.frame.dataset.phase = 'recording';
        this.rec.hidden = false;
        this.limit.hidden = this.options.prompt.maxSeconds === 0;
        const label = this.stopButton?.querySelector('.label');
        if (label) setText(label, words.stop);
        announce(words.started);
        recording.addEventListener('stopped', (event) => {
            this.end(/** @type {CustomEvent<Take>} */ (event).detail);
        });
        recording.addEventListener('error', (event) => {
            const { message } = /** @type {CustomEvent<{message: string}>} */ (event).detail;
            showNotice('recording', message, { kind: 'error', dismissable: true });
        });
        this.timer = window.setInterval(() => this.tick(), TICK_MS);
        this.tick();
        void this.keepAwake();
    }

    tick() {
        if (!this.recording || this.recording.state !== 'recording') return;
        const { minSeconds, maxSeconds } = this.options.prompt;
        const words = strings.prompt;
        const elapsed_ms = this.recording.durationMs;
        setText(this.elapsed, clock(elapsed_ms));
        const early = elapsed_ms < minSeconds * 1000;
        this.stopButton?.setAttribute('aria-disabled', String(early));
        setText(this.note, early ? words.stopFrom(clock(minSeconds * 1000)) : '');
        if (maxSeconds === 0) return;
        const left_ms = maxSeconds * 1000 - elapsed_ms;
        const left_seconds = Math.ceil(left_ms / 1000);
        setText(this.remaining, words.remaining(clock(left_seconds * 1000)));
        this.bar.style.transform = `scaleX(${Math.min(1, elapsed_ms / (maxSeconds * 1000))})`;
        if (WARN_SECONDS.includes(left_seconds) && !this.warned.has(left_seconds)
            && elapsed_ms > 2000) {
            this.warned.add(left_seconds);
            announce(words.secondsLeft(left_seconds));
        }
        if (left_ms <= 0) void this.stop();
    }

    async stop() {
        const recording = this.recording;
        if (!recording || recording.state !== 'recording') return;
        if (this.stopButton?.getAttribute('aria-disabled') === 'true') return;
        clearInterval(this.timer);
        const label = this.stopButton?.querySelector('.label');
        if (label) setText(label, strings.prompt.saving);
        this.stopButton?.setAttribute('aria-disabled', 'true');
        this.frame.dataset.phase = 'saving';
        try {
            this.end(await recording.stop());
        } catch (error) {
            /* What is in the spool stays there and is offered again after a reload. */
            showNotice('recording', `${strings.prompt.stopFailed} ${String(error)}`,
                { kind: 'error', dismissable: true });
            this.showReady();
        }
    }

    /** The take is whole in the spool, by the button, the limit, or because the camera went away.
     * @param {Take} take */
    end(take) {
        if (this.finished) return;
        this.leave();
        this.options.onTake(take);
    }

    async keepAwake() {
        try {
            this.wakeLock = await navigator.wakeLock?.request('screen');
        } catch {
            /* Not allowed or not there: the screen may dim, nothing else. */
        }
    }

    leave() {
        this.finished = true;
        this.endCountdown();
        clearInterval(this.timer);
        this.video.srcObject = null;
        void this.wakeLock?.release();
    }
}

/** A small sign for the side panel: which prompts are done, which is next.
 * @param {Prompt[]} prompts @param {number} index @param {boolean} finished */
export function stepList(prompts, index, finished) {
    return el('ol', { class: 'step-list' }, ...prompts.map((prompt, number) => {
        const done = finished || number < index;
        const current = !finished && number === index;
        return el('li', { class: done ? 'done' : current ? 'current' : '',
            'aria-current': current ? 'step' : null },
        el('span', { class: 'step-mark' }, done ? icon('check') : String(number + 1)),
        el('span', {}, prompt.title));
    }));
}
