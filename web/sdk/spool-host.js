/* SPDX-License-Identifier: MIT */
/**
 * The spool of one tab, in a dedicated worker (or in the page where there are none): the only writer of the
 * tab's recordings. It schedules nothing; it tells the uploader (a MessagePort) of every closed segment.
 *
 * From the page: init, uploader, open, slice, copy, close-segment, seal, release, abandon, file.
 * To the page: 'ack' {rec, n, size}, 'copied' {rec, size}, 'trouble' {rec, name, message}, 'well' {rec}.
 * To the uploader: 'opened', 'segments', 'sealed', 'released', 'pressure'.
 *
 * Web Lock `rec:<id>` is held from open until release or abandon, so from the first byte until the
 * person has judged the take; a take whose lock is free and that nobody judged was orphaned.
 * @module
 */

import { crcOf, loadBrain } from './brain-pick.js';
import { FORMAT } from './format.js';
import { hold } from './locks.js';
import { Rpc } from './rpc.js';
import { openSpool } from './spool-pick.js';
import { SEGMENT_BYTES } from './spool.js';

/** @typedef {import('./types.js').Segment} Segment */
/** @typedef {import('./types.js').Spool} Spool */
/** @typedef {import('./types.js').Writer} Writer */

const RETRY_MS = 500;

/** A recording that this tab owns.
 * @typedef {object} Owned
 * @property {import('./types.js').Meta} meta
 * @property {Writer|null} writer        null once sealed
 * @property {Segment[]} segments        closed ones
 * @property {{size: number, crc64: bigint, durationMs: number}|null} sealed
 * @property {Promise<unknown>} tail     the end of its queue: one thing after another
 * @property {boolean} ended             abandoned: stop trying
 * @property {(() => Promise<void>)[]} between  to be done even while an append keeps failing
 * @property {() => void} unlock
 */

export class SpoolHost {
    /** @type {Map<string, Owned>} */
    #owned = new Map();
    /** @type {Spool|null} */
    #opened = null;
    /** @type {Rpc|null} */
    #uploader = null;
    #page;

    /** @param {any} port the page */
    constructor(port) {
        this.#page = new Rpc(port, (type, message) => this.#asked(type, message));
        this.#page.tell('here', { format: FORMAT });
    }

    get #spool() {
        if (!this.#opened) throw new DOMException('the spool is not open', 'InvalidStateError');
        return this.#opened;
    }

    /** @param {string} type @param {any} message @returns {any} */
    #asked(type, message) {
        const { rec } = message;
        switch (type) {
        case 'init': return this.#init(message);
        case 'uploader': return this.#meet(message.port);
        case 'open': return this.#open(message.meta, message.live);
        case 'slice': return void this.#queue(rec, (it) => this.#slice(it, message.n, message.blob));
        case 'copy': return this.#queue(rec, (it) => this.#copy(it, message.blob));
        case 'close-segment': return this.#queue(rec, (it) => this.#closeSegment(it));
        case 'seal': return this.#queue(rec, (it) => this.#seal(it, message.durationMs));
        case 'release': return this.#release(rec);
        case 'abandon': return this.#abandon(rec);
        case 'file': return this.#file(rec);
        default: throw new TypeError(`spool worker: ${type}?`);
        }
    }

    /** @param {{partition: string, force?: import('./types.js').SpoolKind}} message */
    async #init({ partition, force }) {
        const brain = await loadBrain();
        this.#opened = await openSpool(partition, crcOf(brain), force);
        return { kind: this.#opened.kind };
    }

    /** An uploader, or another one after it died: it is told of everything. @param {MessagePort} port */
    #meet(port) {
        this.#uploader = new Rpc(port, (type, message) => {
            if (type === 'roll-call') return this.#tellEverything();
            if (type === 'forget') return this.#forget(message.rec, message.segs);
            return undefined;
        });
        this.#tellEverything();
    }

    #tellEverything() {
        for (const rec of this.#owned.keys()) this.#tellAll(rec);
    }

    /** The whole state of one recording: the uploader may have changed and must not miss a segment.
     * @param {string} rec */
    #tellAll(rec) {
        const it = this.#owned.get(rec);
        if (!it) return;
        this.#uploader?.tell('opened', { rec, meta: it.meta });
        this.#uploader?.tell('segments', { rec, segments: it.segments });
        if (it.sealed) this.#uploader?.tell('sealed', { rec, ...it.sealed });
    }

    /** @param {import('./types.js').Meta} meta @param {boolean} live */
    async #open(meta, live) {
        const { rec } = meta;
        const unlock = await hold(`rec:${rec}`);
        try {
            const writer = await this.#spool.create(meta, live);
            this.#owned.set(rec, {
                meta, writer, segments: [], sealed: null, tail: Promise.resolve(), ended: false,
                between: [], unlock,
            });
        } catch (error) {
            unlock();
            throw error;
        }
        this.#tellAll(rec);
    }

    /** @template T @param {string} rec @param {(it: Owned) => Promise<T>} work @returns {Promise<T>} */
    #queue(rec, work) {
        const it = this.#owned.get(rec);
        if (!it) return Promise.reject(new DOMException(`no recording ${rec} here`, 'NotFoundError'));
        const done = it.tail.then(() => work(it));
        it.tail = done.catch(() => {});
        return done;
    }

    /** @param {Owned} it @param {number} n @param {Blob} blob */
    async #slice(it, n, blob) {
        await this.#append(it, new Uint8Array(await blob.arrayBuffer()));
        if (it.writer) this.#page.tell('ack', { rec: it.meta.rec, n, size: it.writer.size });
    }

    /** @param {Owned} it @param {Blob} blob */
    async #copy(it, blob) {
        for (let at = 0; at < blob.size && !it.ended; at += SEGMENT_BYTES) {
            await this.#append(it, new Uint8Array(await blob.slice(at, at + SEGMENT_BYTES).arrayBuffer()));
            this.#page.tell('copied', { rec: it.meta.rec, size: it.writer?.size ?? 0 });
        }
    }

    /** Tries until the bytes are durable: the page still holds them, and nothing is ever dropped here.
     * @param {Owned} it @param {Uint8Array<ArrayBuffer>} bytes */
    async #append(it, bytes) {
        const { rec } = it.meta;
        for (let failures = 0; it.writer && !it.ended; failures++) {
            try {
                this.#told(it, await it.writer.append(bytes));
                if (failures > 0) this.#page.tell('well', { rec });
                return;
            } catch (error) {
                const { name, message } = /** @type {Error} */ (error);
                if (failures === 0) this.#page.tell('trouble', { rec, name, message });
                this.#uploader?.tell('pressure', { level: 2 });
                for (const work of it.between.splice(0)) await work();
                await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
            }
        }
    }

    /** @param {Owned} it @param {Segment[]} closed */
    #told(it, closed) {
        if (closed.length === 0) return;
        it.segments.push(...closed);
        this.#uploader?.tell('segments', { rec: it.meta.rec, segments: closed });
    }

    /** @param {Owned} it */
    async #closeSegment(it) {
        if (it.writer) this.#told(it, await it.writer.closeSegment());
    }

    /** @param {Owned} it @param {number} durationMs */
    async #seal(it, durationMs) {
        if (!it.writer) return it.sealed;
        const { size, crc64, closed } = await it.writer.seal(durationMs);
        it.writer = null;
        this.#told(it, closed);
        it.sealed = { size, crc64, durationMs };
        this.#uploader?.tell('sealed', { rec: it.meta.rec, ...it.sealed });
        return it.sealed;
    }

    /** The take has been judged; whoever leads may delete it now. @param {string} rec */
    #release(rec) {
        const it = this.#owned.get(rec);
        this.#owned.delete(rec);
        it?.unlock();
        this.#uploader?.tell('released', { rec });
    }

    /** The take is thrown away: stop at once. @param {string} rec */
    async #abandon(rec) {
        const it = this.#owned.get(rec);
        if (!it) return;
        it.ended = true;
        await it.tail;
        it.writer?.abandon();
        it.writer = null;
        this.#release(rec);
    }

    /** @param {string} rec @param {number[]|null} segs */
    async #forget(rec, segs) {
        const it = this.#owned.get(rec);
        if (!it || (segs === null && it.writer)) return; // a recording that goes on is never deleted whole
        await this.#spool.forget(rec, segs);
    }

    /** Closes the open segment in its turn, or between two tries of an append that finds no room.
     * @param {Owned} it @returns {Promise<void>} */
    #closedNow(it) {
        return new Promise((resolve, reject) => {
            const work = () => this.#closeSegment(it).then(resolve, reject);
            it.between.push(work);
            void this.#queue(it.meta.rec, async () => {
                if (it.between.includes(work)) await work();
                it.between = it.between.filter((other) => other !== work);
            });
        });
    }

    /** What is durable of a recording, as one file-backed Blob. @param {string} rec */
    async #file(rec) {
        const it = this.#owned.get(rec);
        if (it?.writer) await this.#closedNow(it);
        const found = it ? null : await this.#spool.salvage(rec);
        const meta = it?.meta ?? found?.meta;
        const segments = it?.segments ?? found?.segments ?? [];
        if (!meta) throw new DOMException('this take is no longer on this device', 'NotFoundError');
        const size = segments.reduce((sum, segment) => sum + segment.length, 0);
        const blob = await this.#spool.blob(rec, segments, 0, size);
        return new File([blob], meta.name, { type: meta.mimeType });
    }
}
