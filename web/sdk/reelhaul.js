/* SPDX-License-Identifier: MIT */
/**
 * Reelhaul in the browser: record, spool, upload in the background.
 *
 *   const reelhaul = await Reelhaul.open();
 *   const sessionId = await reelhaul.createSession();
 *   const recording = await reelhaul.startRecording({ stream, sessionId, promptId: 'smile' });
 *   const take = await recording.stop();
 *   video.src = URL.createObjectURL(await reelhaul.export(take.id));   // review
 *   await reelhaul.accept(take.id);          // or: await reelhaul.discard(take.id) to retake
 *   await reelhaul.whenDone();
 *
 * Events of a Reelhaul (all CustomEvent, read `event.detail`):
 *   'change'    detail {uploads: UploadSnapshot[], summary: Summary}   at most 4 a second
 *   'upload'    detail UploadSnapshot          one upload changed its state or reason
 *   'resuming'  detail {count: number}         once, when uploads of an earlier visit go on
 *   'session'   detail {id: string, announced: boolean}   announced: the server knows it; else it is told later
 *   'safe'      detail {safe: boolean, stored: boolean}   safe: all is on the server; stored: closing
 *               the tab loses no byte (what is not yet sent goes on at the next visit)
 *   'background' detail CHUNK_UPLOADED, SESSION_UPLOAD_COMPLETE or UPLOAD_ERROR of the service worker
 *   'connection' detail {state: ConnectionState}   'online' | 'offline' | 'no-server' | 'portal'
 *   'storage'   detail StorageTrouble          local space ran out; see types.d.ts
 * @module
 */

import { Background } from './background.js';
import { diagnose } from './diagnose.js';
import { FORMAT } from './format.js';
import { isForgetful, startSpool, startUploader } from './hosts.js';
import { ended, hold } from './locks.js';
import { log, setLevel } from './log.js';
import { nameFor, newTakeId, partitionOf } from './partition.js';
import { Recording } from './recording.js';
import { Rpc } from './rpc.js';
import { announce, mayComeLater, newSession } from './sessions.js';
import { summarize } from './view.js';

/** @typedef {import('./types.js').UploadSnapshot} UploadSnapshot */
/** @typedef {import('./types.js').Summary} Summary */
/** @typedef {import('./types.js').OpenOptions} OpenOptions */
/** @typedef {import('./types.js').RecordOptions} RecordOptions */
/** @typedef {import('./types.js').FileOptions} FileOptions */
/** @typedef {import('./types.js').Diagnosis} Diagnosis */
/** @typedef {import('./types.js').Screen} Screen */
/** @typedef {import('./types.js').LogLevel} LogLevel */
/** @typedef {import('./types.js').Meta} Meta */

export { Recording };

/** The best first. MP4 is fragmented and keeps its duration when it is cut short; WebM does not. */
const TYPES = [
    'video/mp4;codecs=avc1.42E01E,mp4a.40.2', 'video/mp4;codecs=avc1.42E01E,opus',
    'video/webm;codecs=vp9,opus', 'video/webm;codecs=vp8,opus', 'video/webm', 'video/mp4',
];
const KEEP = { 'until-proven': 0, 'each-part': 1, 'for-good': 2 };
/** As the server checks ids. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const METADATA_MAX = 16_000; // characters; up to four bytes each must fit the engine's 64 KiB
/** A person waits: a server that is slower is told later. */
const PATIENCE_MS = 5000;
/** @type {import('./types.js').StorageTrouble} */
const FORGETFUL = {
    id: '', step: 'memory', save: null,
    message: 'This browser keeps nothing: closing or reloading this page loses what is not uploaded yet.',
};
const SCREENS_OPEN = ['instructions', 'countdown', 'complete'];

export class Reelhaul extends EventTarget {
    /** The server's origin (+ base path), without a trailing slash. */ server = '';
    #options;
    /** @type {any} set when it opens */ #spool = null;
    /** @type {any} set when it opens */ #uploader = null;
    /** What is to be ended with this. @type {(() => void)[]} */
    #ends = [];
    /** @type {import('./hosts.js').Place|null} */ #place = null;
    #tab = crypto.randomUUID();
    /** @type {Background|null} null: not wanted */ #background = null;
    /** @type {BroadcastChannel|null} */ #channel = null;
    /** @type {Map<string, Recording>} */ #recordings = new Map();
    /** @type {UploadSnapshot[]} */ #uploads = [];
    #seen = { epoch: 0, seq: 0 };
    #copying = 0;
    /** Takes of this page. @type {Set<string>} */ #made = new Set();
    #resumed = false;
    #held = false;
    /** @type {Screen} */ #screen = 'instructions';
    #safety = '';
    #closing = new AbortController();
    /** @type {import('./types.js').SpoolKind} */ #spoolKind = 'opfs';
    /** @type {import('./types.js').ConnectionState} */ #connection = 'online';
    /** Under way before this page came, with nobody looking. */ #carried = 0;
    #partition = '';

    /** Use Reelhaul.open(). @param {OpenOptions} options @param {string} server */
    constructor(options, server) {
        super();
        this.#options = options;
        this.server = server;
    }

    /** @param {OpenOptions} [options] @returns {Promise<Reelhaul>} */
    static async open(options = {}) {
        setLevel(options.logLevel ?? 'off');
        const server = new URL(options.server || '/', location.href).href.replace(/\/+$/, '');
        const it = new Reelhaul(options, server);
        await it.#start();
        return it;
    }

    /** The best container and codecs MediaRecorder supports here; '' if it cannot record. @returns {string} */
    static bestMimeType() {
        if (typeof MediaRecorder === 'undefined') return '';
        return TYPES.find((type) => MediaRecorder.isTypeSupported(type)) ?? '';
    }

    /** A session begins, whether or not the server is there: then it is written down here, and the server is
     * told before anything of it is sent (events 'session'). Rejects with an Error that has {status, code} if
     * the server refuses, with a TypeError if it would.
     * @param {{participantId?: string}} [options] @returns {Promise<string>} the session id */
    async createSession({ participantId = '' } = {}) {
        const session = newSession(participantId);
        const answer = await this.#ask(session);
        if (answer === null || mayComeLater(answer.status)) {
            await this.#uploader.ask('defer', { session });
            this.#emit('session', { id: session.id, announced: false });
            return session.id;
        }
        const { ok, status, said } = answer;
        if (!ok || !said.session_id) {
            const error = new Error(said.error?.message ?? `the server answered ${status}`);
            throw Object.assign(error, { status, code: said.error?.code ?? '' });
        }
        const id = said.session_id; // a server that does not let us choose says its own
        if (said.session_token) await this.#uploader.ask('session-token', { session: id, token: said.session_token });
        this.#emit('session', { id, announced: true });
        return id;
    }

    /** @param {import('./types.js').SessionRow} session @returns null: nobody answered */
    async #ask(session) {
        try {
            const { getToken, subject = '' } = this.#options;
            const bearer = await getToken?.(subject) ?? '';
            return await announce(this.server, session, bearer, PATIENCE_MS);
        } catch (error) {
            log('info', 'the session is announced later', error);
            return null;
        }
    }

    /** @param {RecordOptions} options @returns {Promise<Recording>} */
    async startRecording(options) {
        const live = this.#options.policy === 'live';
        const mimeType = options.mimeType ?? Reelhaul.bestMimeType();
        const recorder = new MediaRecorder(options.stream, /** @type {MediaRecorderOptions} */ ({
            mimeType, videoBitsPerSecond: options.videoBitsPerSecond,
            audioBitsPerSecond: options.audioBitsPerSecond,
            videoKeyFrameIntervalDuration: 1000, // else MP4 slices wait for a key frame
        }));
        const meta = metaOf('recording', recorder.mimeType || mimeType, options);
        await this.#spool.ask('open', { meta, live });
        this.#made.add(meta.rec);
        const studio = {
            spool: this.#spool,
            discard: (/** @type {string} */ id) => this.discard(id),
            file: (/** @type {string} */ id) => this.export(id),
            trouble: (/** @type {object} */ detail) => this.#emit('storage', detail),
            changed: () => this.#changed(),
        };
        const timesliceMs = options.timesliceMs ?? (live ? 2000 : 1000);
        const recording = new Recording(studio, meta, recorder, timesliceMs);
        this.#recordings.set(meta.rec, recording);
        this.#changed();
        return recording;
    }

    /** The take is good: it may complete on the server. Returns once that is written down here.
     * @param {string} takeId @returns {Promise<void>} */
    async accept(takeId) {
        await this.#recordings.get(takeId)?.stop();
        await this.#command('accept', takeId);
        await this.#spool.ask('release', { rec: takeId });
        this.#recordings.delete(takeId);
        this.#changed();
    }

    /** Retake: cancelled on the server, freed here. @param {string} takeId @returns {Promise<void>} */
    async discard(takeId) {
        const recording = this.#recordings.get(takeId);
        this.#recordings.delete(takeId);
        this.#made.delete(takeId);
        await this.#command('discard', takeId); // written down before the lock is let go
        if (recording && recording.state !== 'discarded') await recording.discard();
        await this.#spool.ask('abandon', { rec: takeId });
        this.#changed();
    }

    /** Copies a picked file into the spool (accepted at once). Returns its id when it is safe here.
     * @param {Blob} file @param {FileOptions} [options] @returns {Promise<string>} */
    async addFile(file, options = {}) {
        const { quota = Infinity, usage = 0 } = await navigator.storage.estimate();
        if (file.size > quota - usage) {
            throw new DOMException('this file is larger than the room the browser gives', 'QuotaExceededError');
        }
        const meta = metaOf('file', file.type || 'application/octet-stream', options);
        if (file instanceof File && file.name) meta.name = file.name;
        this.#copying++;
        this.#changed();
        try {
            await this.#spool.ask('open', { meta, live: false });
            this.#made.add(meta.rec);
            await this.#spool.ask('copy', { rec: meta.rec, blob: file });
            await this.#spool.ask('seal', { rec: meta.rec, durationMs: 0 });
            const { priority, method } = options;
            if (priority || method) await this.#command('choose', meta.rec, { priority, method });
            await this.accept(meta.rec);
        } catch (error) {
            await this.discard(meta.rec);
            throw error;
        } finally {
            this.#copying--;
            this.#changed();
        }
        return meta.rec;
    }

    /** @param {string} id */
    pause(id) { this.#tell({ type: 'pause', upload: id }); }
    /** @param {string} id */
    resume(id) { this.#tell({ type: 'resume', upload: id }); }
    /** Cancels on the server too and frees the local copy. @param {string} id @returns {Promise<void>} */
    cancel(id) { return this.discard(id); }
    /** @param {string} id */
    retry(id) { this.#tell({ type: 'retry', upload: id }); }
    retryFailed() { this.retry(''); }

    /** Of all uploads together: a number of bytes per second, a share of what the link was measured to carry, or the
     * lower of both. 0 or nothing: no limit. Kept for this partition until it is set anew.
     * @param {number|import('./types.js').Limit} limit */
    setLimit(limit) {
        void this.#uploader.ask('limit', { limit: limitOf(limit) });
    }

    /** What comes before what: kept with the upload. @param {string} id @param {import('./types.js').Priority} priority
     * @returns {Promise<void>} */
    setPriority(id, priority) { return this.#command('choose', id, { priority }); }

    /** How it is sent: never both for one upload; what went the other way is begun anew. Rejects for one that is over.
     * @param {string} id @param {import('./types.js').Method} method @returns {Promise<void>} */
    setMethod(id, method) { return this.#command('choose', id, { method }); }

    /** Which screen the person sees; mode 'hybrid' sends only on instructions, countdown, complete.
     * @param {Screen} screen */
    setScreen(screen) {
        this.#screen = screen;
        this.#changed();
    }

    /** Resolves when the mode lets the next recording start: at once in 'background'; when all accepted
     * takes are done in 'blocking' and 'hybrid'. @returns {Promise<void>} */
    async readyToRecord() {
        if (this.#mode() !== 'background') await this.whenDone();
    }

    /** All uploads of this partition in recording order. @returns {UploadSnapshot[]} */
    list() { return this.#uploads; }
    /** @param {string} id @returns {UploadSnapshot|undefined} */
    get(id) { return this.#uploads.find((upload) => upload.id === id); }
    /** @returns {Summary} */
    getSummary() { return summarize(this.#uploads); }

    /** Hands all that is accepted to the browser, which goes on when it is closed and shows that it does. Call it in a
     * gesture; only where the server is the page's own origin and the browser has Background Fetch, else it rejects
     * with NotSupportedError. @param {string} [title] what the browser shows
     * @returns {Promise<number>} requests that were handed over */
    async finishInBackground(title = 'Uploading') {
        const background = this.#background;
        if (!background || new URL(this.server).origin !== location.origin) {
            throw new DOMException('only for the own origin, with background on', 'NotSupportedError');
        }
        const id = background.newId();
        const delegation = await this.#command('delegate', id);
        if (delegation.parts.length === 0) return 0;
        try {
            await background.fetch(delegation, title);
        } catch (error) {
            await this.#command('undelegate', id);
            throw error;
        }
        return delegation.parts.length;
    }

    /** Asks the service worker to go on now. @param {{force?: boolean}} [options] force breaks the lock of an uploader
     * that says nothing (one that says nothing for a minute loses it anyway) */
    async processUploads({ force = false } = {}) {
        await this.#background?.prepare();
        this.#background?.process(force);
    }

    /** Whether our server is there, as far as the uploader knows. @returns {import('./types.js').ConnectionState} */
    get connection() { return this.#connection; }

    /** Where it runs and where it keeps. */
    get hosting() {
        return { uploader: this.#place?.kind ?? null, spool: this.#spoolKind, lasting: this.#spoolKind !== 'memory' };
    }

    /** Everything is on the server: there is nothing left to wait for. */
    get safe() {
        const open = (/** @type {UploadSnapshot} */ u) => u.state !== 'completed' && u.state !== 'cancelled';
        return this.stored && !this.#uploads.some(open);
    }

    /** Closing the tab loses no byte: nothing is being recorded or copied, all is durable on this device. */
    get stored() {
        const done = (/** @type {Recording} */ r) => r.durable && r.state === 'stopped';
        if (this.#spoolKind === 'memory' && [...this.#made].some((id) => !isOver(this.get(id)))) return false;
        return this.#copying === 0 && [...this.#recordings.values()].every(done);
    }

    /** Resolves when no accepted upload is pending or uploading (failed ones may remain).
     * @returns {Promise<Summary>} */
    async whenDone() {
        const at = await this.#command('hello'); // a snapshot that knows everything accepted before
        for (;;) {
            const summary = this.getSummary();
            const { epoch, seq } = this.#seen;
            const fresh = epoch > at.epoch || (epoch === at.epoch && seq >= at.seq);
            if (fresh && summary.pending + summary.uploading === 0) return summary;
            await new Promise((resolve) => this.addEventListener('change', resolve, { once: true }));
        }
    }

    /** The playable local copy. Rejects if it is no longer here. @param {string} id @returns {Promise<File>} */
    export(id) { return this.#spool.ask('file', { rec: id }); }

    /** Takes a completed, failed or cancelled upload off the list and frees what is left of it here.
     * Rejects for one that is not finished. @param {string} id @returns {Promise<void>} */
    remove(id) { return this.#command('remove', id); }

    /** @returns {Promise<Diagnosis[]>} */
    diagnose() {
        const { getToken, subject = '' } = this.#options;
        return diagnose({
            server: this.server, lock: `uploader:${this.#partition}`, spool: this.#spoolKind,
            ping: () => this.#command('hello'), token: getToken ? () => getToken(subject) : null,
            host: this.#place?.kind ?? '', connection: this.#connection,
            background: async () => {
                await this.#background?.prepare();
                return this.#background?.ready ?? null;
            },
        });
    }

    /** @param {LogLevel} level */
    setLogLevel(level) {
        setLevel(level);
        this.#uploader.tell('level', { level });
    }

    /** Ends this instance: stops nothing that is durable, closes its workers. */
    close() {
        this.#closing.abort();
        this.#channel?.close();
        this.#place?.end();
        for (const end of this.#ends) end();
    }

    async #start() {
        const { tenant = '', subject = '', logLevel = 'off', spool: force } = this.#options;
        const alone = isForgetful(force) ? this.#tab : ''; // nobody else could send what is here
        const partition = await partitionOf(this.server, tenant, subject + alone);
        this.#partition = partition;
        this.#channel = new BroadcastChannel(`reelhaul:${partition}`);
        this.#channel.onmessage = ({ data }) => this.#hear(data);
        this.#ends.push(await hold(`tab:${this.#tab}`));
        const { background = true, periodicSyncMs = 0 } = this.#options;
        if (background) this.#background = new Background(partition, periodicSyncMs);
        const place = await startSpool(force);
        this.#ends.push(place.end);
        this.#spool = new Rpc(place.port, (type, message) => this.#recordings.get(message.rec)?.hear(type, message));
        this.#spoolKind = (await this.#spool.ask('init', { partition, force })).kind;
        await this.#meetUploader();
        const { signal } = this.#closing;
        for (const type of ['online', 'offline']) {
            addEventListener(type, () => void this.#network(), { signal });
        }
        addEventListener('pagehide', () => {
            if (this.#uploads.some(isUnderWay)) this.#background?.process(false);
        }, { signal });
        navigator.serviceWorker?.addEventListener('message', ({ data }) => {
            if (typeof data?.type === 'string') this.#emit('background', data);
        }, { signal });
        if (this.#options.limit !== undefined) this.setLimit(this.#options.limit);
        // Listeners come after open().
        if (this.#spoolKind === 'memory') setTimeout(() => this.#emit('storage', FORGETFUL));
        void this.#command('hello');
        void this.#lookAfter();
        if (logLevel === 'off') return;
        console.table(this.#uploads.map(({ id, state, reason, percent }) => ({ id, state, reason, percent })));
    }

    /** Of an earlier visit: what a Background Fetch was to send and does not any more. */
    async #lookAfter() {
        const ids = new Set(this.#uploads.map(({ delegation }) => delegation).filter(Boolean));
        for (const id of ids) {
            if (!await this.#background?.fetches(id).catch(() => false)) await this.#command('undelegate', id);
        }
    }

    /** The uploader of this tab, and another one when it died: what was asked of the first is asked again. */
    async #meetUploader() {
        const { signal } = this.#closing;
        for (;;) {
            const place = await startUploader({
                partition: this.#partition, tab: this.#tab, wanted: this.#options.host, spool: this.#spoolKind,
            });
            if (signal.aborted) return place.end();
            this.#place = place;
            if (this.#uploader) this.#uploader.rebind(place.port);
            else this.#uploader = new Rpc(place.port, (type) => this.#asked(type));
            const lost = place.lock ? ended(place.lock, signal) : new Promise(() => {});
            const told = await Promise.race([this.#introduce(), lost.then(() => null, () => null)]);
            if (!told) continue;
            lost.then(() => {
                log('warn', 'the uploader ended', place.kind);
                return this.#meetUploader();
            }).catch((error) => signal.aborted || log('error', 'no uploader', error));
            if (this.#uploads.length === 0) this.#uploads = told.uploads;
            if (told.alone) this.#carried = told.uploads.filter(isUnderWay).length;
            return this.#uploader.repeat();
        }
    }

    /** @returns {Promise<any>} */
    #introduce() {
        const { policy = 'never-give-up', keepLocal = 'until-proven', orphans = 'accept' } = this.#options;
        const { logLevel: level = 'off', onlineCheck } = this.#options;
        const { port1, port2 } = new MessageChannel();
        this.#spool.tell('uploader', { port: port1 }, [port1]);
        return this.#uploader.ask('init', {
            tab: this.#tab, partition: this.#partition, server: this.server, policy,
            overrides: { keep: KEEP[keepLocal] }, kinds: [this.#spoolKind], orphans, level,
            asksOnline: onlineCheck !== undefined, port: port2,
        }, [port2]);
    }

    /** The uploader's questions. @param {string} type @returns {any} */
    #asked(type) {
        const { getToken, subject = '', onlineCheck } = this.#options;
        if (type === 'token') return getToken?.(subject) ?? '';
        if (type === 'online') return onlineCheck?.() ?? null;
        if (type === 'leader') return this.#newLeader();
        return undefined;
    }

    /** The leader's word; an older leader's is not heard any more. @param {any} message */
    #hear(message) {
        if (message.type === 'announced') this.#emit('session', { id: message.session, announced: true });
        if (message.type !== 'snapshot') return;
        const { epoch, seq, uploads, connection, format = 1 } = message;
        if (format > FORMAT) return;
        if (epoch < this.#seen.epoch || (epoch === this.#seen.epoch && seq <= this.#seen.seq)) return;
        this.#seen = { epoch, seq };
        const before = new Map(this.#uploads.map((upload) => [upload.id, upload]));
        this.#uploads = uploads;
        for (const upload of this.#uploads) {
            const old = before.get(upload.id);
            if (old?.state !== upload.state || old.reason !== upload.reason) this.#emit('upload', upload);
        }
        const resumed = message.resumed || this.#carried;
        if (resumed > 0 && !this.#resumed) this.#emit('resuming', { count: resumed });
        if (resumed > 0) this.#resumed = true;
        const was = this.#connection;
        this.#connection = connection ?? 'online';
        if (was !== this.#connection) this.#emit('connection', { state: this.#connection });
        if (this.#uploads.some(isUnderWay)) void this.#background?.prepare();
        else this.#background?.rest();
        this.#emit('change', { uploads: this.#uploads, summary: this.getSummary() });
        this.#changed();
    }

    /** What a new leader cannot read from storage. */
    #newLeader() {
        void this.#network();
        if (this.#held) void this.#command('hold', true);
    }

    async #network() {
        const { onlineCheck } = this.#options;
        const up = onlineCheck ? await onlineCheck() : navigator.onLine;
        if (up && this.#uploads.some(isUnderWay)) void this.#background?.prepare(true);
        const { saveData = false, type = '' } = /** @type {any} */ (navigator).connection ?? {};
        void this.#command('network', { up, metered: saveData || type === 'cellular' });
    }

    /** @returns {'background'|'blocking'|'hybrid'} */
    #mode() {
        const { mode = 'background' } = this.#options;
        if (mode !== 'auto') return mode;
        const { connection, deviceMemory = 4 } = /** @type {any} */ (navigator);
        const poor = connection?.saveData || /2g|3g/.test(connection?.effectiveType ?? '');
        return poor || deviceMemory < 2 ? 'blocking' : 'background';
    }

    /** Something here changed: is it safe, and may the uploader send? */
    #changed() {
        const { safe, stored } = this;
        if (this.#safety !== `${safe} ${stored}`) this.#emit('safe', { safe, stored });
        this.#safety = `${safe} ${stored}`;
        const recording = [...this.#recordings.values()].some(({ state }) => state === 'recording');
        const held = this.#mode() === 'hybrid' && (recording || !SCREENS_OPEN.includes(this.#screen));
        if (held === this.#held) return;
        this.#held = held;
        void this.#command('hold', held);
    }

    /** @param {string} name @param {...any} args @returns {Promise<any>} */
    #command(name, ...args) {
        return this.#uploader.ask('command', { name, args });
    }

    /** @param {object} event */
    #tell(event) {
        void this.#command('tell', event);
    }

    /** @param {string} type @param {object} detail */
    #emit(type, detail) {
        this.dispatchEvent(new CustomEvent(type, { detail }));
    }
}

/** @param {UploadSnapshot|undefined} upload */
const isOver = (upload) => upload?.state === 'completed' || upload?.state === 'cancelled';

/** @param {UploadSnapshot} upload */
const isUnderWay = ({ accepted, state }) => accepted && ['pending', 'uploading', 'paused'].includes(state);

/** @param {number|import('./types.js').Limit} limit @returns {import('./types.js').Limit} */
function limitOf(limit) {
    return typeof limit === 'number' ? { bytesPerSecond: limit } : { ...limit };
}

/** Throws TypeError for what the server would refuse anyway: better now than after the recording.
 * @param {'recording'|'file'} source @param {string} mimeType @param {FileOptions} options @returns {Meta} */
function metaOf(source, mimeType, { sessionId = '', videoId, promptId = '', metadata = {} }) {
    const id = videoId ?? crypto.randomUUID();
    for (const name of [id, sessionId || id]) {
        if (!NAME.test(name) || name.includes('..')) throw new TypeError(`not a name the server takes: ${name}`);
    }
    const all = promptId ? { prompt_id: promptId, ...metadata } : metadata;
    if (JSON.stringify(all).length > METADATA_MAX) throw new TypeError('the metadata is too large');
    return {
        format: 1, rec: newTakeId(), sessionId, videoId: id, promptId, mimeType, source,
        name: nameFor(promptId || id, mimeType), metadata: all, createdAt: Date.now(),
    };
}
