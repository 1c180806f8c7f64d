/* SPDX-License-Identifier: MIT */
/**
 * The spool worker: one per tab, the only writer of the tab's recordings. It schedules nothing; it tells
 * the tab's uploader (a MessagePort) of every closed segment.
 *
 * From the page: init, open, slice, copy, close-segment, seal, release, abandon, file.
 * To the page: 'ack' {rec, n, size}, 'copied' {rec, size}, 'trouble' {rec, name, message}, 'well' {rec}.
 * To the uploader: 'opened', 'segments', 'sealed', 'released', 'pressure'.
 *
 * Web Lock `rec:<id>` is held from open until release or abandon, so from the first byte until the
 * person has judged the take; a take whose lock is free and that nobody judged was orphaned.
 * @module
 */

import { Brain } from './brain.js';
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

/** @type {Map<string, Owned>} */
const owned = new Map();
/** @type {Spool} */
let spool;
/** @type {Rpc} */
let uploader;

const page = new Rpc(self, (type, message) => {
    switch (type) {
    case 'init': return init(message);
    case 'open': return open(message.meta, message.live);
    case 'slice': return void queue(message.rec, (it) => slice(it, message.n, message.blob));
    case 'copy': return queue(message.rec, (it) => copy(it, message.blob));
    case 'close-segment': return queue(message.rec, closeSegment);
    case 'seal': return queue(message.rec, (it) => seal(it, message.durationMs));
    case 'release': return release(message.rec);
    case 'abandon': return abandon(message.rec);
    case 'file': return file(message.rec);
    default: throw new TypeError(`spool worker: ${type}?`);
    }
});

/** @param {{partition: string, force?: 'opfs'|'idb', port: MessagePort}} message */
async function init({ partition, force, port }) {
    const brain = await Brain.load();
    const crc = {
        /** @param {bigint} sum @param {Uint8Array} bytes */
        update: (sum, bytes) => brain.crc64(bytes, sum),
        /** @param {bigint} a @param {bigint} b @param {number} lengthB */
        combine: (a, b, lengthB) => brain.crc64Combine(a, b, lengthB),
    };
    spool = await openSpool(partition, crc, force);
    uploader = new Rpc(port, (type, message) => {
        if (type === 'roll-call') return [...owned.keys()].forEach(tellAll);
        if (type === 'forget') return forget(message.rec, message.segs);
        return undefined;
    });
    return { kind: spool.kind };
}

/** The whole state of one recording: the uploader may have changed and must not miss a segment.
 * @param {string} rec */
function tellAll(rec) {
    const it = owned.get(rec);
    if (!it) return;
    uploader.tell('opened', { rec, meta: it.meta });
    uploader.tell('segments', { rec, segments: it.segments });
    if (it.sealed) uploader.tell('sealed', { rec, ...it.sealed });
}

/** @param {import('./types.js').Meta} meta @param {boolean} live */
async function open(meta, live) {
    const { rec } = meta;
    const unlock = await hold(`rec:${rec}`);
    try {
        const writer = await spool.create(meta, live);
        owned.set(rec, {
            meta, writer, segments: [], sealed: null, tail: Promise.resolve(), ended: false,
            between: [], unlock,
        });
    } catch (error) {
        unlock();
        throw error;
    }
    tellAll(rec);
}

/** Takes a lock and keeps it until the returned function is called. @param {string} name
 * @returns {Promise<() => void>} */
function hold(name) {
    return new Promise((resolve, reject) => {
        navigator.locks.request(name, () => new Promise((free) => resolve(() => free(undefined))))
            .catch(reject);
    });
}

/** @template T @param {string} rec @param {(it: Owned) => Promise<T>} work @returns {Promise<T>} */
function queue(rec, work) {
    const it = owned.get(rec);
    if (!it) return Promise.reject(new DOMException(`no recording ${rec} here`, 'NotFoundError'));
    const done = it.tail.then(() => work(it));
    it.tail = done.catch(() => {});
    return done;
}

/** @param {Owned} it @param {number} n @param {Blob} blob */
async function slice(it, n, blob) {
    await append(it, new Uint8Array(await blob.arrayBuffer()));
    if (it.writer) page.tell('ack', { rec: it.meta.rec, n, size: it.writer.size });
}

/** @param {Owned} it @param {Blob} blob */
async function copy(it, blob) {
    for (let at = 0; at < blob.size && !it.ended; at += SEGMENT_BYTES) {
        await append(it, new Uint8Array(await blob.slice(at, at + SEGMENT_BYTES).arrayBuffer()));
        page.tell('copied', { rec: it.meta.rec, size: it.writer?.size ?? 0 });
    }
}

/** Tries until the bytes are durable: the page still holds them, and nothing is ever dropped here.
 * @param {Owned} it @param {Uint8Array<ArrayBuffer>} bytes */
async function append(it, bytes) {
    const { rec } = it.meta;
    for (let failures = 0; it.writer && !it.ended; failures++) {
        try {
            told(it, await it.writer.append(bytes));
            if (failures > 0) page.tell('well', { rec });
            return;
        } catch (error) {
            const { name, message } = /** @type {Error} */ (error);
            if (failures === 0) page.tell('trouble', { rec, name, message });
            uploader.tell('pressure', { level: 2 });
            for (const work of it.between.splice(0)) await work();
            await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        }
    }
}

/** @param {Owned} it @param {Segment[]} closed */
function told(it, closed) {
    if (closed.length === 0) return;
    it.segments.push(...closed);
    uploader.tell('segments', { rec: it.meta.rec, segments: closed });
}

/** @param {Owned} it */
async function closeSegment(it) {
    if (it.writer) told(it, await it.writer.closeSegment());
}

/** @param {Owned} it @param {number} durationMs */
async function seal(it, durationMs) {
    if (!it.writer) return it.sealed;
    const { size, crc64, closed } = await it.writer.seal(durationMs);
    it.writer = null;
    told(it, closed);
    it.sealed = { size, crc64, durationMs };
    uploader.tell('sealed', { rec: it.meta.rec, ...it.sealed });
    return it.sealed;
}

/** The take has been judged; whoever leads may delete it now. @param {string} rec */
function release(rec) {
    const it = owned.get(rec);
    owned.delete(rec);
    it?.unlock();
    uploader.tell('released', { rec });
}

/** The take is thrown away: stop at once. @param {string} rec */
async function abandon(rec) {
    const it = owned.get(rec);
    if (!it) return;
    it.ended = true;
    await it.tail;
    it.writer?.abandon();
    it.writer = null;
    release(rec);
}

/** @param {string} rec @param {number[]|null} segs */
async function forget(rec, segs) {
    const it = owned.get(rec);
    if (!it || (segs === null && it.writer)) return; // a recording that goes on is never deleted whole
    await spool.forget(rec, segs);
}

/** Closes the open segment in its turn, or between two tries of an append that finds no room.
 * @param {Owned} it @returns {Promise<void>} */
function closedNow(it) {
    return new Promise((resolve, reject) => {
        const work = () => closeSegment(it).then(resolve, reject);
        it.between.push(work);
        void queue(it.meta.rec, async () => {
            if (it.between.includes(work)) await work();
            it.between = it.between.filter((other) => other !== work);
        });
    });
}

/** What is durable of a recording, as one file-backed Blob. @param {string} rec */
async function file(rec) {
    const it = owned.get(rec);
    if (it?.writer) await closedNow(it);
    const found = it ? null : await spool.read(rec);
    const meta = it?.meta ?? found?.meta;
    const segments = it?.segments ?? found?.segments ?? [];
    if (!meta) throw new DOMException('this take is no longer on this device', 'NotFoundError');
    const size = segments.reduce((sum, segment) => sum + segment.length, 0);
    const blob = await spool.blob(rec, segments, 0, size);
    return new File([blob], meta.name, { type: meta.mimeType });
}
