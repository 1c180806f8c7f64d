/* SPDX-License-Identifier: MIT */
/**
 * Stands in for the engine where WebAssembly is refused (a policy without 'wasm-unsafe-eval'): the same events and
 * actions for the dialect `videos`, and no more than it takes to lose nothing. One request at a time, in recording
 * order, full patience; it keeps no records, so each start asks the server what it has.
 * @module
 */

import { crc64, crc64Combine } from './crc64-plain.js';
import { gaps } from './delegate.js';

/** @typedef {import('./brain.js').BrainEvent} BrainEvent */
/** @typedef {import('./brain.js').BrainAction} BrainAction */
/** @typedef {import('./brain.js').SendAction} SendAction */
/** @typedef {import('./brain.js').Snapshot} Snapshot */
/** @typedef {import('./brain.js').Source} Source */

const PART_BYTES = 1 << 20;
const DELAY_MS_MAX = 300_000;

/** @typedef {object} Upload
 * @property {string} upload
 * @property {{offset: number, length: number, crc64: bigint}[]} segments
 * @property {{size: number, crc64: bigint}|null} sealed
 * @property {string} remote
 * @property {{offset: number, length: number}[]} durable  as the server said last
 * @property {boolean} doubt    to be asked
 * @property {boolean} user     paused
 * @property {number} retryAt   monotonic ms
 * @property {Snapshot} snapshot
 */

export class PlainBrain {
    /** @type {Map<string, Upload>} */
    #uploads = new Map();
    /** @type {BrainAction[]} */
    #actions = [];
    /** @type {{action: SendAction, it: Upload}|null} */
    #flying = null;
    #next = 1;
    #leader = false;
    #up = true;
    #held = false;
    #writer = '';
    #keep;

    /** @param {{overrides?: Record<string, number>}} [options] */
    constructor({ overrides = {} } = {}) {
        this.#keep = overrides['keep'] ?? 0;
    }

    /** @param {Uint8Array} bytes @param {bigint} [start] */
    crc64(bytes, start = 0n) { return crc64(bytes, start); }
    /** @param {bigint} a @param {bigint} b @param {number} lengthB */
    crc64Combine(a, b, lengthB) { return crc64Combine(a, b, lengthB); }
    /** @param {SendAction} action */
    wantsSlices(action) { return action.crc64 === null; }
    /** @param {Uint8Array} bytes */
    slices(bytes) { return { crc64: crc64(bytes), slices: [] }; }
    /** @param {string} upload */
    look(upload) { return this.#uploads.get(upload)?.snapshot ?? null; }

    /** @param {BrainEvent} event */
    tell(event) {
        const { type } = event;
        if (type === 'network') this.#up = event.up;
        if (type === 'leader') {
            this.#leader = true;
            this.#writer = `"${event.lease}", ${event.number}`;
            for (const it of this.#uploads.values()) it.doubt = it.remote !== '';
        }
        if (type === 'leader_lost') this.#leader = false;
        if (type === 'hold' || type === 'release') this.#held = type === 'hold';
        if (type === 'broken' && this.#flying?.action.token === event.token) this.#later(this.#flying.it, 'offline', 0);
        if (type === 'progress' && this.#flying?.action.token === event.token) {
            const { it } = this.#flying;
            this.#show(it, { sent: it.snapshot.acked + event.bytes });
        }
        if (type === 'token' || (type === 'network' && event.up)) this.#soon();
        if (type === 'leader_lost' || (type === 'network' && !event.up)) this.#stop();
        if ('upload' in event) this.#told(event);
        for (const it of this.#uploads.values()) this.#show(it, {});
    }

    /** @param {BrainEvent & {upload: string}} event */
    #told(event) {
        if (event.type === 'added' && !this.#uploads.has(event.upload)) {
            const it = fresh(event.upload);
            it.remote = event.remote ?? '';
            it.doubt = it.remote !== '';
            this.#uploads.set(event.upload, it);
        }
        const all = [...this.#uploads.values()];
        for (const it of event.upload === '' ? all : all.filter(({ upload }) => upload === event.upload)) {
            this.#toldOf(it, event);
        }
    }

    /** @param {Upload} it @param {BrainEvent} event */
    #toldOf(it, event) {
        const { upload } = it;
        switch (event.type) {
        case 'spooled': it.segments.push(event); break;
        case 'sealed': it.sealed = event; break;
        case 'pause': it.user = true; if (this.#flying?.it === it) this.#stop(); break;
        case 'resume': it.user = false; it.retryAt = 0; break;
        case 'retry':
            it.retryAt = 0;
            if (it.snapshot.state === 'failed') this.#show(it, { state: 'pending', reason: 'waiting', attempts: 0 });
            break;
        case 'source_lost': this.#end(it, 'failed', 'bytes_missing'); break;
        case 'cancel':
            if (this.#flying?.it === it) this.#stop();
            this.#end(it, 'cancelled', 'none');
            this.#actions.push({ type: 'forget', upload, whole: true, offset: 0, length: 0 });
            break;
        case 'remove': this.#uploads.delete(upload); break;
        default:
        }
    }

    /** All that is to be done now. @returns {BrainAction[]} */
    drain() {
        this.#plan();
        return this.#actions.splice(0);
    }

    #plan() {
        if (!this.#leader || !this.#up || this.#held || this.#flying) return;
        const now = performance.now();
        let wake = Infinity;
        for (const it of this.#uploads.values()) {
            const { state } = it.snapshot;
            if (state === 'completed' || state === 'failed' || it.user) continue;
            if (it.retryAt > now) {
                wake = Math.min(wake, it.retryAt);
            } else if (this.#sends(it)) {
                return;
            }
        }
        if (wake < Infinity) this.#actions.push({ type: 'wake_at', at: wake });
    }

    /** The next request of one upload, if there is any. @param {Upload} it */
    #sends(it) {
        const { upload, remote, sealed, snapshot } = it;
        if (snapshot.state === 'cancelled') {
            if (remote) this.#send(it, { kind: 'cancel' });
            else this.#uploads.delete(upload);
            return remote !== '';
        }
        if (!remote) return this.#send(it, { kind: 'create' });
        if (it.doubt) return this.#send(it, { kind: 'ask' });
        const last = it.segments.at(-1);
        const spooled = last ? last.offset + last.length : 0;
        const [gap] = gaps(it.durable, spooled);
        if (gap) {
            const [offset, end] = gap;
            const length = Math.min(PART_BYTES, end - offset);
            const whole = it.segments.find((segment) => segment.offset === offset && segment.length === length);
            return this.#send(it, { kind: 'part', offset, length, crc64: whole?.crc64 ?? null });
        }
        return sealed !== null && this.#send(it, { kind: 'finish' });
    }

    /** @param {Upload} it @param {Partial<SendAction>} what */
    #send(it, what) {
        const action = /** @type {SendAction} */ ({
            type: 'send', upload: it.upload, token: this.#next++, remote: it.remote, offset: 0, length: 0, crc64: null,
            final: false, total: it.sealed?.size ?? null, partBytes: PART_BYTES, attempt: it.snapshot.attempts,
            coding: 'identity', slices: [], code: new Uint8Array(), ...what,
        });
        this.#flying = { action, it };
        this.#actions.push(action);
        if (it.snapshot.state !== 'cancelled') this.#show(it, { state: 'uploading', reason: 'none' });
        return true;
    }

    #stop() {
        if (!this.#flying) return;
        const { action, it } = this.#flying;
        this.#actions.push({ type: 'abort', upload: it.upload, token: action.token });
        this.#flying = null;
        it.doubt = it.remote !== '';
    }

    /** @param {SendAction} action @param {Source} source @param {bigint|null} [crc]
     * @returns {import('./brain.js').Request} */
    request(action, source, crc = null) {
        const { kind, remote, offset, length, total } = action;
        /** @type {Record<string, string>} */
        const headers = { 'Reelhaul-Writer': this.#writer };
        const json = (/** @type {object} */ value) => {
            headers['Content-Type'] = 'application/json';
            return { kind: /** @type {const} */ ('inline'), bytes: new TextEncoder().encode(JSON.stringify(value)) };
        };
        const none = { kind: /** @type {const} */ ('none') };
        const path = '/api/v1/videos/';
        switch (kind) {
        case 'create': {
            const { session, video, mime, metadata } = source;
            const body = json({
                ...(session && { session_id: session }), video_id: video, mime_type: mime, metadata,
                ...(total !== null && { size: total }),
            });
            return { method: 'POST', path: `${path}init`, headers, body };
        }
        case 'part': {
            Object.assign(headers, {
                'Content-Type': 'application/octet-stream', 'Reelhaul-Upload': remote,
                'Reelhaul-Offset': String(offset), 'Reelhaul-Length': String(length),
                'Reelhaul-Crc64': field(action.crc64 ?? crc ?? 0n),
                ...(total !== null && { 'Reelhaul-Total': String(total) }),
            });
            return { method: 'POST', path: `${path}chunk`, headers, body: { kind: 'range', offset, length } };
        }
        case 'finish': {
            const body = json({ upload_id: remote, size: total });
            return { method: 'POST', path: `${path}finalize`, headers, body };
        }
        default:
            return { method: kind === 'cancel' ? 'DELETE' : 'HEAD', path: path + remote, headers, body: none };
        }
    }

    /** @param {SendAction} action @param {number} status @param {Iterable<[string, string]>} headers */
    response(action, status, headers) {
        const said = new Headers([...headers]);
        const flying = this.#flying;
        if (flying?.action.token === action.token) {
            this.#flying = null;
            this.#answered(flying.it, action, status, said);
        }
        return { outcome: status < 400 ? 'ok' : 'retry', generation: '' };
    }

    /** @param {Upload} it @param {SendAction} action @param {number} status @param {Headers} said */
    #answered(it, action, status, said) {
        if (action.kind === 'cancel' && (status < 300 || status === 404 || status === 410)) {
            this.#uploads.delete(it.upload);
        } else if (status < 300 || status === 409 && said.get('Reelhaul-Error') === 'incomplete') {
            this.#learns(it, said);
        } else if (status === 401 || status === 403) {
            this.#actions.push({ type: 'need_token', upload: it.upload });
            this.#later(it, 'auth', 60_000);
        } else if (status === 404 || status === 410) {
            it.remote = '';
            it.durable = [];
            this.#later(it, 'backoff', 0);
        } else if (status >= 500 || [408, 422, 425, 429].includes(status)) {
            this.#later(it, status === 507 ? 'quota' : 'backoff', Number(said.get('Retry-After') ?? 0) * 1000);
        } else {
            this.#end(it, 'failed', status === 409 ? 'conflict' : 'rejected');
        }
    }

    /** @param {Upload} it @param {Headers} said */
    #learns(it, said) {
        it.remote = said.get('Reelhaul-Upload') ?? it.remote;
        it.doubt = false;
        const list = said.get('Reelhaul-Durable') ?? '';
        if (list) it.durable = [];
        const receipt = /offset=(\d+), length=(\d+)/.exec(said.get('Reelhaul-Receipt') ?? '');
        for (const [, offset, length] of [...list.matchAll(/\((\d+) (\d+)\)/g), ...receipt ? [receipt] : []]) {
            it.durable.push({ offset: Number(offset), length: Number(length) });
        }
        const size = it.sealed?.size ?? Number.MAX_SAFE_INTEGER;
        const missing = gaps(it.durable, size).reduce((sum, [from, to]) => sum + to - from, 0);
        const acked = Math.max(0, size - missing);
        this.#show(it, { acked, sent: acked, attempts: 0 });
        if (said.get('Reelhaul-State') !== 'done') return;
        this.#end(it, 'completed', 'none');
        this.#show(it, { acked: size, sent: size, proven: said.has('Reelhaul-Receipt') });
        // Only what was vouched for is let go of.
        if (this.#keep === 2 || !said.has('Reelhaul-Receipt')) return;
        this.#actions.push({ type: 'forget', upload: it.upload, whole: true, offset: 0, length: 0 });
    }

    /** @param {Upload} it @param {import('./brain.js').Reason} reason @param {number} least_ms */
    #later(it, reason, least_ms) {
        if (this.#flying?.it === it) this.#flying = null;
        const attempts = it.snapshot.attempts + 1;
        const most = Math.min(DELAY_MS_MAX, 1000 * 2 ** Math.min(attempts, 10));
        it.retryAt = performance.now() + Math.max(least_ms, Math.random() * most);
        it.doubt = it.remote !== '';
        this.#show(it, { state: reason === 'offline' ? 'paused' : 'pending', reason, attempts });
    }

    /** What waits goes on. */
    #soon() {
        for (const it of this.#uploads.values()) it.retryAt = 0;
    }

    /** @param {Upload} it @param {'completed'|'failed'|'cancelled'} state
     * @param {import('./brain.js').Reason} reason */
    #end(it, state, reason) {
        this.#show(it, { state, reason });
    }

    /** @param {Upload} it @param {Partial<Snapshot>} changes */
    #show(it, changes) {
        const last = it.segments.at(-1);
        const { snapshot: old } = it;
        const open = old.state !== 'completed' && old.state !== 'failed' && old.state !== 'cancelled';
        /** @type {Partial<Snapshot>} */
        const seen = !open ? {} : it.user ? { state: 'paused', reason: 'user' }
            : !this.#up ? { state: 'paused', reason: 'offline' }
                : old.reason === 'user' || old.reason === 'offline' && it.retryAt === 0
                    ? { state: 'pending', reason: 'waiting' } : {};
        const now = {
            ...old, spooled: last ? last.offset + last.length : 0, total: it.sealed?.size ?? null, ...seen, ...changes,
        };
        if (JSON.stringify(now) === JSON.stringify(old)) return;
        it.snapshot = now;
        this.#actions.push({ type: 'notify', upload: it.upload, snapshot: now });
    }
}

/** @param {string} upload @returns {Upload} */
function fresh(upload) {
    return {
        upload, segments: [], sealed: null, remote: '', durable: [], doubt: false, user: false, retryAt: 0,
        snapshot: {
            state: 'pending', reason: 'waiting', error: 'none', status: 0, acked: 0, sent: 0, spooled: 0, total: null,
            speed: 0, remaining: null, retryAt: null, partsDone: 0, partsTotal: 0, attempts: 0, setAside: 0,
            mismatches: 0, proven: false, resumed: false, fault: 'NONE', faultRetryable: true, faultPart: 0,
        },
    };
}

/** @param {bigint} crc */
function field(crc) {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, crc);
    return `:${btoa(String.fromCharCode(...bytes))}:`;
}
