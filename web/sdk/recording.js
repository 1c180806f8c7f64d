/* SPDX-License-Identifier: MIT */
/**
 * One recording under way: MediaRecorder's slices go to the spool worker by reference and are kept in
 * the ring until it says they are durable.
 * @module
 */

/** @typedef {import('./types.js').Take} Take */
/** @typedef {import('./types.js').StorageTrouble} StorageTrouble */

/** Not yet durable bytes that may gather before the recorder is stopped (nothing is dropped). */
const RING_BYTES = 32 << 20;

/** @typedef {import('./types.js').Studio} Studio */

/** A recording under way. Made by Reelhaul.startRecording.
 * Events: 'progress' detail {bytes, durationMs}; 'stopped' detail Take (also when the stream ended by
 * itself); 'error' detail {message}. */
export class Recording extends EventTarget {
    /** @type {'recording'|'paused'|'stopping'|'stopped'|'discarded'} */ state = 'recording';
    /** Bytes that are durable in the spool. */ bytes = 0;
    #studio; #recorder;
    /** @type {Map<number, Blob>} the ring */
    #ring = new Map();
    #next = 0;
    #ranMs = 0;
    #since = performance.now();
    #trouble = false;
    /** @type {() => void} */
    #drained = () => {};
    /** @type {Promise<Take>|null} */
    #stopped = null;

    /** @param {Studio} studio @param {import('./types.js').Meta} meta @param {MediaRecorder} recorder
     * not started yet @param {number} timesliceMs */
    constructor(studio, meta, recorder, timesliceMs) {
        super();
        this.#studio = studio;
        this.#recorder = recorder;
        this.id = meta.rec;
        this.sessionId = meta.sessionId;
        this.videoId = meta.videoId;
        this.promptId = meta.promptId;
        this.mimeType = meta.mimeType;
        recorder.ondataavailable = ({ data }) => this.#slice(data);
        recorder.onerror = (event) => this.#emit('error', { message: String(/** @type {any} */ (event).error) });
        recorder.onstop = () => void this.stop(); // also when the camera was pulled out
        recorder.start(timesliceMs);
    }

    /** Recorded time, pauses excluded. */
    get durationMs() {
        return this.#ranMs + (this.state === 'recording' ? performance.now() - this.#since : 0);
    }

    /** Nothing is held in memory alone. */
    get durable() {
        return this.#ring.size === 0;
    }

    /** Pauses the recording itself (not the upload). */
    pause() {
        if (this.state !== 'recording') return;
        this.#ranMs = this.durationMs;
        this.state = 'paused';
        this.#recorder.pause();
        this.#recorder.requestData();
    }

    resume() {
        if (this.state !== 'paused') return;
        this.#since = performance.now();
        this.state = 'recording';
        this.#recorder.resume();
    }

    /** Stops, waits until every slice is durable here, seals. @returns {Promise<Take>} */
    stop() {
        this.#stopped ??= this.#finish();
        return this.#stopped;
    }

    /** Stops and throws the take away, here and on the server. @returns {Promise<void>} */
    async discard() {
        this.#halt();
        this.state = 'discarded';
        this.#ring.clear();
        this.#drained();
        await this.#studio.discard(this.id);
    }

    /** The take as a playable file, backed by the spool. Only after stop(). @returns {Promise<File>} */
    async blob() {
        await this.stop();
        return this.#studio.file(this.id);
    }

    /** The spool worker's word. @param {string} type @param {any} message */
    hear(type, message) {
        if (this.state === 'discarded') return;
        if (type === 'ack') {
            this.#ring.delete(message.n);
            this.bytes = message.size;
            this.#emit('progress', { bytes: this.bytes, durationMs: this.durationMs });
            if (this.#ring.size === 0) this.#drained();
            this.#studio.changed();
        } else if (type === 'trouble') {
            this.#trouble = true;
            void this.#ladder(message.name);
        } else {
            this.#trouble = false;
        }
    }

    /** What is recorded so far, from the spool and from the ring, to be saved to disk. */
    async save() {
        const held = [...this.#ring.values()]; // before asking: a slice may become durable meanwhile
        const known = this.bytes;
        const durable = await this.#studio.file(this.id);
        return new File([durable.slice(0, known), ...held], durable.name, { type: this.mimeType });
    }

    /** @returns {Promise<Take>} */
    async #finish() {
        const { id, sessionId, videoId, promptId, mimeType } = this;
        const recorder = this.#recorder;
        if (recorder.state !== 'inactive') {
            await new Promise((resolve) => {
                recorder.onstop = resolve;
                this.#halt();
            });
        }
        this.#halt();
        if (this.#ring.size > 0) {
            await new Promise((resolve) => {
                this.#drained = () => resolve(undefined);
            });
        }
        if (/** @type {string} */ (this.state) === 'discarded') throw new DOMException('discarded', 'AbortError');
        const durationMs = Math.round(this.durationMs);
        const sealed = await this.#studio.spool.ask('seal', { rec: id, durationMs });
        this.state = 'stopped';
        const take = { id, sessionId, videoId, promptId, mimeType, size: sealed.size, durationMs };
        this.#studio.changed();
        this.#emit('stopped', take);
        return take;
    }

    #halt() {
        if (this.state === 'recording') this.#ranMs = this.durationMs;
        if (this.state !== 'stopped') this.state = 'stopping';
        if (this.#recorder.state !== 'inactive') this.#recorder.stop();
    }

    /** @param {Blob} blob */
    #slice(blob) {
        if (blob.size === 0 || this.state === 'discarded') return;
        const n = this.#next++;
        this.#ring.set(n, blob);
        this.#studio.spool.tell('slice', { rec: this.id, n, blob });
        this.#studio.changed();
        const held = [...this.#ring.values()].reduce((sum, { size }) => sum + size, 0);
        if (held > RING_BYTES && this.state !== 'stopping') {
            this.#halt();
            this.#warn('stopped', 'There is no room left on this device: the recording was stopped. What was '
                + 'recorded is kept; leave this page open, or save it now.');
        }
    }

    /** Space ran out: the worker goes on trying (and the uploader frees what is proven) while this asks
     * for more, then offers to save. @param {string} name of the error */
    async #ladder(name) {
        this.#warn('freed', `The recording cannot be stored at the moment (${name}); making room.`, false);
        const persisted = await navigator.storage.persist().catch(() => false);
        if (persisted && this.#trouble) this.#warn('persisted', 'Asked the browser for lasting storage.', false);
        await new Promise((resolve) => setTimeout(resolve, 2000));
        if (!this.#trouble) return;
        this.#warn('offer-save', 'This device is running out of room. Save the recording to be safe.');
    }

    /** @param {StorageTrouble['step']} step @param {string} message @param {boolean} [offer] */
    #warn(step, message, offer = true) {
        this.#studio.trouble({ id: this.id, step, message, save: offer ? () => this.save() : null });
    }

    /** @param {string} type @param {object} detail */
    #emit(type, detail) {
        this.dispatchEvent(new CustomEvent(type, { detail }));
    }
}
