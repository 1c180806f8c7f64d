/* SPDX-License-Identifier: MIT */
/**
 * A double of web/sdk/reelhaul.js for the tests of the pages alone: it really records, but its network is
 * `window.double`, so that a test can show every state of an upload at will. Served by app-server.js in
 * place of the SDK; never shipped. The tests against the real SDK and server are in app-real.test.js.
 * @module
 */

const RATE_BYTES_PER_TICK = 40_000;
const TICK_MS = 100;
const STORE = 'double.uploads';

/** What the network does. A test sets these, also before the page loads (sessionStorage 'double'). */
const network = {
    /** @type {'ok'|'offline'|'backoff'|'fail'|'hold'} */ mode: 'ok',
    /** status that createSession meets, 0 = no answer: the session is deferred */ session: 200,
    /** the token that is accepted; '' accepts any */ token: '',
    rate: RATE_BYTES_PER_TICK,
    calls: /** @type {string[]} */ ([]),
    ...JSON.parse(sessionStorage.getItem('double') ?? '{}'),
};
Object.assign(window, { double: network });

class Recording extends EventTarget {
    constructor(owner, options) {
        super();
        this.owner = owner;
        this.id = crypto.randomUUID();
        this.sessionId = options.sessionId ?? '';
        this.promptId = options.promptId ?? '';
        this.state = 'recording';
        this.started = performance.now();
        this.bytes = 0;
        this.slices = [];
        this.recorder = new MediaRecorder(options.stream);
        this.mimeType = this.recorder.mimeType;
        this.upload = {
            id: this.id, uploadId: '', sessionId: this.sessionId, videoId: this.id, promptId: this.promptId,
            name: `${this.promptId}.webm`, mimeType: this.mimeType, state: 'uploading', reason: 'recording',
            accepted: false, recording: true, bytes: 0, total: 0, percent: 0, speed: 0, remainingMs: null,
            attempts: 0, error: '', url: '', local: true, createdAt: Date.now(),
        };
        owner.uploads.push(this.upload);
        this.recorder.ondataavailable = ({ data }) => {
            this.slices.push(data);
            this.upload.total += data.size;
        };
        this.recorder.onstop = () => void this.seal();
        this.recorder.start(500);
    }

    get durationMs() {
        return (this.ended ?? performance.now()) - this.started;
    }

    stop() {
        this.state = 'stopping';
        this.ended = performance.now();
        const done = new Promise((resolve) => {
            this.addEventListener('stopped', (event) => resolve(event.detail), { once: true });
        });
        this.recorder.stop();
        return done;
    }

    async seal() {
        this.ended ??= performance.now();
        const cache = await caches.open('double');
        const blob = new Blob(this.slices, { type: this.mimeType });
        await cache.put(`/double/${this.id}`, new Response(blob));
        Object.assign(this.upload, { recording: false, reason: 'review', total: blob.size });
        this.owner.save();
        this.state = 'stopped';
        this.dispatchEvent(new CustomEvent('stopped', { detail: { id: this.id, sessionId: this.sessionId,
            videoId: this.id, promptId: this.promptId, mimeType: this.mimeType, size: blob.size,
            durationMs: this.durationMs } }));
    }
}

export class Reelhaul extends EventTarget {
    constructor(options) {
        super();
        this.options = options;
        this.server = location.origin;
        this.uploads = JSON.parse(localStorage.getItem(STORE) ?? '[]');
        this.uploads.forEach((upload) => { upload.recording = false; });
        network.reelhaul = this;
        setInterval(() => this.tick(), TICK_MS);
        const count = this.uploads.filter((upload) => upload.accepted && upload.state !== 'completed').length;
        if (count > 0) setTimeout(() => this.tell('resuming', { count }), 20);
    }

    static async open(options) {
        return new Reelhaul(options);
    }

    static bestMimeType() {
        return 'video/webm';
    }

    tell(name, detail) {
        this.dispatchEvent(new CustomEvent(name, { detail }));
    }

    save() {
        localStorage.setItem(STORE, JSON.stringify(this.uploads));
        this.tell('change', { uploads: this.list(), summary: this.getSummary() });
    }

    tick() {
        for (const upload of this.uploads) {
            if (['completed', 'failed', 'cancelled'].includes(upload.state)) continue;
            const before = `${upload.state} ${upload.reason}`;
            this.move(upload);
            upload.percent = upload.total ? (upload.bytes / upload.total) * 100 : 0;
            if (`${upload.state} ${upload.reason}` !== before) this.tell('upload', { ...upload });
        }
        this.save();
    }

    move(upload) {
        if (network.mode === 'offline') return Object.assign(upload, { state: 'paused', reason: 'offline' });
        if (network.mode === 'hold') return Object.assign(upload, { state: 'pending', reason: 'waiting' });
        if (network.mode === 'backoff') return Object.assign(upload, { state: 'pending', reason: 'backoff' });
        if (network.mode === 'fail' && upload.accepted) {
            return Object.assign(upload, { state: 'failed', reason: 'exhausted',
                error: 'The server did not answer after 5 retries.' });
        }
        upload.bytes = Math.min(upload.total, upload.bytes + network.rate);
        const whole = upload.bytes >= upload.total;
        if (whole && upload.accepted && !upload.recording) {
            return Object.assign(upload, { state: 'completed', reason: '', url: `/recordings/${upload.id}.webm` });
        }
        const reason = upload.recording ? 'recording' : upload.accepted ? '' : 'review';
        return Object.assign(upload, { state: 'uploading', reason });
    }

    async createSession(options) {
        network.calls.push(`createSession ${JSON.stringify(options ?? {})}`);
        const token = await this.options.getToken('');
        if (network.sessionDelay_ms) await new Promise((done) => setTimeout(done, network.sessionDelay_ms));
        const refused = network.token !== '' && token !== network.token;
        const status = refused ? 401 : network.session;
        if (status === 200 || status === 0) {
            const id = `session-${crypto.randomUUID()}`;
            this.dispatchEvent(new CustomEvent('session', { detail: { id, announced: status === 200 } }));
            return id;
        }
        throw Object.assign(new Error(`answered ${status}`), { status,
            code: status === 401 ? 'unauthorized' : 'network' });
    }

    async startRecording(options) {
        network.calls.push(`startRecording ${JSON.stringify(options.metadata)}`);
        return new Recording(this, options);
    }

    async accept(id) {
        this.find(id).accepted = true;
        this.save();
    }

    async discard(id) {
        network.calls.push(`discard ${id}`);
        Object.assign(this.find(id), { state: 'cancelled' });
        this.save();
    }

    retry(id) {
        Object.assign(this.find(id), { state: 'pending', reason: '', error: '' });
        this.save();
    }

    retryFailed() {
        network.calls.push('retryFailed');
        this.uploads.filter(({ state }) => state === 'failed').forEach(({ id }) => this.retry(id));
    }

    find(id) {
        return this.uploads.find((upload) => upload.id === id);
    }

    setScreen(screen) {
        network.calls.push(`screen ${screen}`);
    }

    async readyToRecord() {
        await network.gate;
    }

    list() {
        return this.uploads.map((upload) => ({ ...upload }));
    }

    get(id) {
        return this.list().find((upload) => upload.id === id);
    }

    getSummary() {
        const count = (...states) => this.uploads.filter(({ state }) => states.includes(state)).length;
        return { total: this.uploads.length, pending: count('pending', 'paused'),
            uploading: count('uploading'), completed: count('completed'), failed: count('failed'),
            isProcessing: count('uploading') > 0 };
    }

    get safe() {
        return this.stored && this.uploads.every(({ state }) => ['completed', 'cancelled'].includes(state));
    }

    get stored() {
        return this.uploads.every(({ recording }) => !recording);
    }

    async export(id) {
        const found = await (await caches.open('double')).match(`/double/${id}`);
        if (!found) throw new Error('gone');
        return new File([await found.blob()], `${this.find(id).promptId}.webm`, { type: 'video/webm' });
    }

    async remove(id) {
        this.uploads = this.uploads.filter((upload) => upload.id !== id);
        this.save();
    }

    async diagnose() {
        return [{ name: 'storage', ok: true, detail: 'Private file system, 12.3 GB free.' },
            { name: 'endpoint', ok: network.mode !== 'offline', detail: 'The server answered in 12 ms.' },
            { name: 'sync', ok: false, detail: 'No Background Sync here: uploads go on at the next visit.' }];
    }

    setLogLevel(level) {
        network.calls.push(`log ${level}`);
    }

    close() {}
}
