/* SPDX-License-Identifier: MIT */
/**
 * The recorder page: leads through welcome, device check, and for each prompt instructions, countdown,
 * recording, review; then on to complete.html. It waits for the network only where the mode says so.
 * @module
 */
import { announce } from './announce.js';
import { ConfigError, loadConfig } from './config.js';
import { closeDevices } from './devices.js';
import { download, el, find, icon, setText } from './dom.js';
import { showHelp } from './parts/help.js';
import { hideNotice, showNotice } from './parts/notices.js';
import { TakeList } from './parts/takes.js';
import { isMine, loadSitting, noteOf, saveSitting } from './state.js';
import { DeviceCheck } from './steps/devices.js';
import { PromptStep, stepList } from './steps/prompt.js';
import { ReviewStep } from './steps/review.js';
import { showWelcome } from './steps/welcome.js';
import { strings } from './strings.js';
import { Uploads } from './uploads.js';

/** @typedef {import('../sdk/reelhaul.js').Recording} Recording */
/** @typedef {import('../sdk/types.js').Take} Take */
/** @typedef {import('../sdk/types.js').UploadSnapshot} Upload */
/** @typedef {import('../sdk/types.js').StorageTrouble} StorageTrouble */
/** @typedef {import('./config.js').Config} Config */
/** @typedef {import('./state.js').Sitting} Sitting */

class Recorder {
    /** @param {Config} config @param {Uploads} uploads @param {Sitting} sitting */
    constructor(config, uploads, sitting) {
        this.config = config;
        this.uploads = uploads;
        this.sitting = sitting;
        this.stage = find('#stage', HTMLElement);
        /** @type {MediaStream|null} */
        this.stream = null;
        /** @type {Recording|null} */
        this.recording = null;
        /** @type {PromptStep|null} */
        this.step = null;
        this.takes = new TakeList(find('#takes', HTMLElement), uploads, (upload) => this.describe(upload));
        uploads.addEventListener('change', () => this.takes.update(uploads.visible()));
        uploads.reelhaul.addEventListener('storage', (event) => this.onStorage(event));
        this.takes.update(uploads.visible());
        this.watchPage();
    }

    /** @param {Upload} upload */
    describe(upload) {
        const note = noteOf(this.sitting, upload.id);
        const mine = isMine(this.sitting, upload);
        const prompt = this.config.prompts.find(({ id }) => id === upload.promptId);
        const title = mine ? (note?.title ?? prompt?.title ?? upload.name) : strings.takes.earlier;
        return { title, mine, durationMs: note?.durationMs ?? 0 };
    }

    save() {
        saveSitting(this.sitting);
    }

    start() {
        const { sitting, config } = this;
        if (sitting.finished) return location.replace(`complete.html${location.search}`);
        if (sitting.index >= config.prompts.length) sitting.index = config.prompts.length - 1;
        if (sitting.consentAt === '') return this.showWelcome();
        void this.uploads.ensureSession(sitting.participantId).then(() => this.save());
        this.showDevices(true);
    }

    showWelcome() {
        this.showSteps();
        showWelcome(this.stage, this.config, this.sitting.participantId, ({ participantId }) => {
            this.sitting.participantId = participantId;
            this.sitting.consentAt = new Date().toISOString();
            this.save();
            void this.uploads.ensureSession(participantId).then(() => this.save());
            this.showDevices(false);
        });
    }

    /** @param {boolean} resumed */
    showDevices(resumed) {
        const words = strings.devices;
        const { index } = this.sitting;
        this.showSteps();
        closeDevices(this.stream);
        const texts = resumed
            ? { title: words.titleResume, intro: words.introResume(index + 1, this.config.prompts.length),
                go: words.goResume }
            : { title: words.title, intro: words.intro, go: words.go };
        const check = new DeviceCheck(this.stage, this.sitting, texts, (stream) => {
            this.stream = stream;
            this.save();
            this.showNext();
        });
        void check;
    }

    /** The take that a reload or crash left between stop and accept, else the prompt. */
    showNext() {
        const prompt = this.config.prompts[this.sitting.index];
        const left = this.uploads.reelhaul.list().filter((upload) => !upload.accepted && !upload.recording
            && upload.promptId === prompt?.id && isMine(this.sitting, upload)
            && ['pending', 'uploading', 'paused'].includes(upload.state)).at(-1);
        if (!left) return this.showPrompt();
        const note = noteOf(this.sitting, left.id);
        this.showReview({ id: left.id, size: left.total, durationMs: note?.durationMs ?? 0 }, true);
    }

    showPrompt() {
        const { config, sitting, uploads, stream } = this;
        const prompt = config.prompts[sitting.index];
        if (!prompt || !stream) return this.showDevices(true);
        if (stream.getVideoTracks().some((track) => track.readyState === 'ended')) {
            return this.showDevices(true);
        }
        this.showSteps();
        if (sitting.sessionId === '') {
            void uploads.ensureSession(sitting.participantId).then(() => this.save());
        }
        /** @type {Record<string, unknown>} */
        const metadata = { prompt_title: prompt.title };
        if (config.accept.length > 0) metadata.consent_at = sitting.consentAt;
        if (sitting.participantId !== '') metadata.participant_id = sitting.participantId;
        this.step = new PromptStep(this.stage, {
            prompt, index: sitting.index, count: config.prompts.length,
            countdownSeconds: config.countdownSeconds, stream, uploads, metadata,
            onStarted: (recording) => this.onStarted(recording),
            onTake: (take) => this.onTake(take),
            onChangeDevices: () => {
                this.step?.leave();
                this.showDevices(false);
            },
        });
    }

    /** Written down at once: after a crash the take is found again under its prompt.
     * @param {Recording} recording */
    onStarted(recording) {
        this.recording = recording;
        const prompt = this.config.prompts[this.sitting.index];
        this.sitting.takes.push({ id: recording.id, promptId: prompt?.id ?? '', title: prompt?.title ?? '',
            durationMs: 0, accepted: false });
        this.save();
        this.takes.update(this.uploads.visible());
    }

    /** @param {Take} take */
    onTake(take) {
        this.recording = null;
        const note = noteOf(this.sitting, take.id);
        if (note) note.durationMs = take.durationMs;
        this.save();
        if (this.stream?.getTracks().some((track) => track.readyState === 'ended')) {
            showNotice('deviceLost', strings.notice.deviceLost, { kind: 'warning', dismissable: true });
        }
        this.showReview(take, false);
    }

    /** @param {{id: string, size: number, durationMs: number}} take @param {boolean} interrupted */
    showReview(take, interrupted) {
        const { config, sitting } = this;
        const prompt = config.prompts[sitting.index];
        const review = new ReviewStep(this.stage, {
            take, interrupted, title: prompt?.title ?? '', uploads: this.uploads,
            position: strings.prompt.position(sitting.index + 1, config.prompts.length),
            last: sitting.index + 1 >= config.prompts.length,
            onAccept: () => this.accept(take.id),
            onRetake: () => this.retake(take.id),
        });
        void review;
    }

    /** @param {string} id */
    async accept(id) {
        await this.uploads.reelhaul.accept(id);
        const note = noteOf(this.sitting, id);
        if (note) note.accepted = true;
        hideNotice('deviceLost');
        if (this.sitting.index + 1 < this.config.prompts.length) {
            this.sitting.index += 1;
            this.save();
            announce(strings.announce.kept);
            return this.showPrompt();
        }
        this.sitting.finished = true;
        this.save();
        closeDevices(this.stream);
        location.assign(`complete.html${location.search}`);
    }

    /** @param {string} id */
    async retake(id) {
        await this.uploads.reelhaul.discard(id);
        this.sitting.takes = this.sitting.takes.filter((take) => take.id !== id);
        this.save();
        this.takes.update(this.uploads.visible());
        this.showPrompt();
    }

    showSteps() {
        const { config, sitting } = this;
        find('#steps', HTMLElement).replaceChildren(
            stepList(config.prompts, sitting.consentAt === '' ? -1 : sitting.index, sitting.finished));
    }

    /** Local space ran out; nothing was dropped. @param {Event} event */
    onStorage(event) {
        const { step, message, save, id } = /** @type {CustomEvent<StorageTrouble>} */ (event).detail;
        if (step === 'freed' || step === 'persisted') return;
        const name = this.uploads.reelhaul.get(id)?.name ?? 'recording';
        showNotice('storage', message, { kind: 'warning', dismissable: true,
            ...(save && { action: strings.notice.saveNow,
                onAction: async () => download(await save(), name) }) });
    }

    watchPage() {
        const offline = () => {
            if (navigator.onLine) hideNotice('offline');
            else showNotice('offline', strings.notice.offline);
        };
        addEventListener('online', offline);
        addEventListener('offline', offline);
        offline();
        addEventListener('beforeunload', (event) => {
            if (this.recording?.state === 'recording' || this.recording?.state === 'stopping') {
                event.preventDefault();
            }
        });
        /* A key held down repeats its click; one press shall be one decision. */
        document.addEventListener('keydown', (event) => {
            if (event.repeat && event.key === 'Enter' && event.target instanceof HTMLButtonElement) {
                event.preventDefault();
            }
        }, true);
    }
}

/** @param {string} title @param {string} text @param {string} hint */
function showFatal(title, text, hint) {
    find('#stage', HTMLElement).replaceChildren(el('div', { class: 'trouble' }, icon('alert'),
        el('div', {}, el('h1', { id: 'stepTitle' }, title), el('p', {}, text), hint && el('p', {}, hint))));
}

/** Takes of earlier sittings whose tab died before they were judged: nobody here can judge them, and
 * nothing that was recorded is left behind. @param {Uploads} uploads @param {Sitting} sitting */
function adoptOrphans(uploads, sitting) {
    for (const upload of uploads.reelhaul.list()) {
        const earlier = upload.createdAt < performance.timeOrigin;
        if (upload.accepted || upload.recording || !earlier || isMine(sitting, upload)) continue;
        void uploads.reelhaul.accept(upload.id);
    }
}

/** One recorder at a time in a browser, else two tabs would record the same prompt. Resolves when it is
 * this one's turn; the lock goes with the page. @returns {Promise<void>} */
function takeTurn() {
    if (!navigator.locks) return Promise.resolve();
    return new Promise((resolve) => {
        const waiting = setTimeout(() => showFatal(strings.turn.title, strings.turn.text, ''), 300);
        void navigator.locks.request('reelhaul.recorder', () => {
            clearTimeout(waiting);
            resolve();
            return new Promise(() => {});
        });
    });
}

async function main() {
    document.title = strings.appName;
    let config;
    try {
        config = await loadConfig();
    } catch (error) {
        const what = error instanceof ConfigError ? error.message : String(error);
        return showFatal(strings.config.title, strings.config.text(what), strings.config.hint);
    }
    document.title = config.title;
    setText(find('#brand', HTMLElement), config.title);
    await takeTurn();
    const sitting = loadSitting();
    try {
        const uploads = await Uploads.open(config.upload, sitting);
        showHelp(uploads);
        adoptOrphans(uploads, sitting);
        uploads.addEventListener('change', () => adoptOrphans(uploads, sitting));
        new Recorder(config, uploads, sitting).start();
    } catch (error) {
        showHelp(null);
        showFatal(strings.mediaError.other.title, strings.notice.noUploads, String(error));
    }
}

await main();
