/* SPDX-License-Identifier: MIT */
/**
 * The engine (engine.wasm) as a JavaScript object: tell it what happened, do what it asks. It
 * decides everything and does nothing; the rules of include/reelhaul/engine.h hold word for word.
 * Works in pages, workers and Node.
 *
 * Offsets, sizes and times are numbers (exact to 2^53); an unknown size or a time that never comes
 * is null; checksums are BigInt (CRC-64/NVME).
 */

import {
    BrainError, OUTCOMES, Reader, Writer, checked, decodeAction, encoder, entry, readCounters,
    readRequest,
    writeEvent,
} from './brain-codec.js';

export { BrainError, decodeAction };

const SLICE_BYTES = 256 * 1024;
const SLICES_MAX = 64;

/** @typedef {'pending'|'uploading'|'paused'|'completed'|'failed'|'cancelled'} UploadState */
/**
 * @typedef {'none'|'waiting'|'offline'|'backoff'|'user'|'held'|'quota'|'auth'|'bytes_missing'
 *   |'rejected'|'attempts'
 *   |'set_aside'|'superseded'|'conflict'|'not_leader'|'expired'|'malformed'
 *   |'metered'|'method'} Reason
 */
/**
 * @typedef {'none'|'ok'|'done'|'incomplete'|'retry'|'too_busy'|'storage_full'|'unauthorized'
 *   |'forbidden'|'gone'
 *   |'different_bytes'|'stale_writer'|'superseded'|'checksum_mismatch'|'rejected'|'malformed'
 *   |'network'|'timeout'|'gone_bare'} Outcome
 */
/** @typedef {'NONE'|'NETWORK_ERROR'|'CHUNK_UPLOAD_FAILED'|'UPLOAD_INIT_FAILED'
 *   |'UPLOAD_COMPLETE_FAILED'|'VALIDATION_ERROR'} Fault  only VALIDATION_ERROR is not retryable */
/** @typedef {'identity'|'gzip'|'zstd'} Coding */
/** @typedef {{length: number, crc64: bigint}} Slice  of a part: its checksum */

/** @typedef {'normal'|'live'|'manual'} Priority */

/**
 * What can be told. Any event may carry `now` (monotonic ms) and `wall` (ms since 1970); else the
 * clocks are read.
 * `remote` is for an engine without records (brain-plain.js).
 * `upload` is the local id, at most 64 bytes; for pause, resume and retry '' means all uploads.
 * @typedef {(
 *   | {type: 'wake'|'leader_lost'|'hold'|'release'|'token'}
 *   | {type: 'network', up: boolean, metered?: boolean}
 *   | {type: 'added', upload: string, size?: number|null, priority?: Priority, remote?: string}
 *   | {type: 'spooled', upload: string, offset: number, length: number, crc64: bigint}
 *   | {type: 'sealed', upload: string, size: number, crc64: bigint}
 *   | {type: 'source_lost'|'pause'|'resume'|'cancel'|'retry'|'remove', upload: string}
 *   | {type: 'progress', token: number, bytes: number}
 *   | {type: 'broken', token: number, timeout?: boolean}
 *   | {type: 'part_crc', token: number, crc64: bigint}
 *   | {type: 'storage', level: 0|1|2}
 *   | {type: 'leader', lease?: string, number?: number}
 *   | {type: 'left', ms: number}
 *   | {type: 'limit', bytesPerSecond: number, percent?: number}
 *   | {type: 'priority', upload: string, priority: Priority}
 *   | {type: 'method', upload: string, name: string}
 *   | {type: 'record', bytes: Uint8Array}
 *   | {type: 'sampled', upload: string, mime: string, codings: Coding[], plainBytes?: number,
 *      codedBytes?: number, coderBytesPerSecond?: number}
 * ) & {now?: number, wall?: number}} BrainEvent
 */

/**
 * @typedef {{
 *   state: UploadState, reason: Reason, error: Outcome, status: number,
 *   acked: number, sent: number, spooled: number, total: number|null,
 *   speed: number, remaining: number|null, retryAt: number|null,
 *   partsDone: number, partsTotal: number, attempts: number, setAside: number, mismatches: number,
 *   proven: boolean, resumed: boolean,
 *   fault: Fault, faultRetryable: boolean, faultPart: number
 * }} Snapshot  bytes, bytes per second, milliseconds; retryAt is monotonic
 */
/**
 * @typedef {{
 *   type: 'send', upload: string, token: number, kind: 'create'|'ask'|'part'|'finish'|'cancel',
 *   remote: string, offset: number, length: number, crc64: bigint|null, final: boolean,
 *   total: number|null, partBytes: number, attempt: number, coding: Coding, slices: Slice[],
 *   code: Uint8Array
 * }} SendAction  crc64 null: compute it from the bytes you send and pass it to request(); `code`
 *   is the action's own encoding
 */
/**
 * What it asks for, to be obeyed in order. A persist of upload '' is the engine's own record.
 * @typedef {(
 *   | SendAction
 *   | {type: 'abort', upload: string, token: number}
 *   | {type: 'wake_at', at: number|null}
 *   | {type: 'persist', upload: string, bytes: Uint8Array}
 *   | {type: 'erase_record', upload: string}
 *   | {type: 'forget', upload: string, whole: boolean, offset: number, length: number}
 *   | {type: 'notify', upload: string, snapshot: Snapshot}
 *   | {type: 'need_token', upload: string}
 *   | {type: 'notify_queue', total: number, pending: number, uploading: number, paused: number,
 *      completed: number, failed: number, cancelled: number}
 * )} BrainAction
 */

/**
 * What happened to one upload, in all its lives; retries by cause (network, timeout, busy, server,
 * quota, auth, damaged, foreign, gone, conflict).
 * @typedef {{sentBytes: number, ackedBytes: number, spentMs: number, parts: number,
 *   retries: Record<string, number>, pauses: number, resumes: number}} Tally
 */
/**
 * What happened to all of them: numbers only, nothing personal.
 * @typedef {{begun: number, completed: number, proven: number, failed: number, cancelled: number,
 *   troubled: number, retried: number, completedMs: number, completedBytes: number,
 *   failedFor: Partial<Record<Reason, number>>, all: Tally}} Counters
 */

/**
 * @typedef {{session?: string, video?: string, mime?: string, metadata?: object|string,
 *   fileName?: string}} Source
 */
/**
 * The body: none; inline bytes; a range of the source; or a form: preamble, range of the source,
 * epilogue.
 * @typedef {(
 *   | {kind: 'none'}
 *   | {kind: 'inline', bytes: Uint8Array}
 *   | {kind: 'range', offset: number, length: number}
 *   | {kind: 'form', preamble: Uint8Array, offset: number, length: number, epilogue: Uint8Array}
 * )} RequestBody
 */
/**
 * @typedef {{method: string, path: string, headers: Record<string, string>, body: RequestBody}}
 *   Request  path begins with '/', below the server's base address
 */

/**
 * @typedef {{
 *   url?: string|URL, bytes?: BufferSource, module?: WebAssembly.Module,
 *   policy?: string, overrides?: Record<string, number>, limits?: Partial<Limits>,
 *   seed?: bigint|number, dialect?: 'videos'|'form'
 * }} LoadOptions  one of url (default: engine.wasm beside this file), bytes or module; overrides
 *   are fields of rh_policy by their C names, booleans as 0 and 1
 */
/** @typedef {{uploads: number, segments: number, intervals: number, parts: number}} Limits */

/** The engine, ready to be loaded without the network. @param {LoadOptions} [options]
 * @returns {Promise<WebAssembly.Module>} */
export async function compile(options = {}) {
    if (options.module) return options.module;
    if (options.bytes) return WebAssembly.compile(options.bytes);
    const url = new URL(options.url ?? 'engine.wasm', import.meta.url);
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`engine.wasm: HTTP ${answer.status}`);
    return WebAssembly.compile(await answer.arrayBuffer());
}

/**
 * @typedef {{
 *   memory: WebAssembly.Memory,
 *   rh_web_in(): number, rh_web_out(): number, rh_web_room(): number,
 *   rh_web_policy(nameSize: number): number,
 *   rh_web_policy_set(nameSize: number, value: number): number,
 *   rh_web_init(uploads: number, segments: number, intervals: number, parts: number, seed: bigint,
 *     dialectSize: number): number,
 *   rh_web_tell(size: number): number, rh_web_next(): number, rh_web_look(idSize: number): number,
 *   rh_web_counters(): number, rh_web_tally(idSize: number): number,
 *   rh_web_request(size: number): number,
 *   rh_web_answer(actionSize: number, status: number, wall: bigint): number,
 *   rh_web_answer_field(nameSize: number, valueSize: number): void,
 *   rh_web_answer_end(now: bigint, wall: bigint): number,
 *   rh_web_crc64(crc: bigint, size: number): bigint,
 *   rh_web_crc64_combine(a: bigint, b: bigint, lengthB: bigint): bigint
 * }} Exports
 */

export class Brain {
    /** @type {Exports} */ #wasm;
    #in;
    #out;
    #room;
    #lease = '';
    #leaseNumber = 0;
    /** The last clock told; an engine's time never falls. */
    #now = 0;

    /** Use Brain.load. @param {Exports} wasm */
    constructor(wasm) {
        this.#wasm = wasm;
        this.#in = wasm.rh_web_in();
        this.#out = wasm.rh_web_out();
        this.#room = wasm.rh_web_room();
    }

    /** @param {LoadOptions} [options] @returns {Promise<Brain>} */
    static async load(options = {}) {
        const instance = await WebAssembly.instantiate(await compile(options), {});
        const brain = new Brain(/** @type {Exports} */ (/** @type {unknown} */ (instance.exports)));
        brain.#init(options);
        return brain;
    }

    /** @param {LoadOptions} options */
    #init({ policy = 'never-give-up', overrides = {}, limits = {}, seed, dialect = 'videos' }) {
        const wasm = this.#wasm;
        checked(wasm.rh_web_policy(this.#put(policy)), `policy ${policy}`);
        for (const [name, value] of Object.entries(overrides)) {
            checked(wasm.rh_web_policy_set(this.#put(name), Number(value)), `policy field ${name}`);
        }
        const random = () => crypto.getRandomValues(new BigUint64Array(1))[0] ?? 0n; // jitter alone
        const { uploads = 0, segments = 0, intervals = 0, parts = 0 } = limits;
        const size = this.#put(dialect);
        const jitter = BigInt(seed ?? random());
        checked(wasm.rh_web_init(uploads, segments, intervals, parts, jitter, size), 'engine');
    }

    /** Memory may have moved: views are made for each call. */
    #writer() {
        return new Writer(this.#wasm.memory.buffer, this.#in, this.#room);
    }

    /** @param {string} text @returns {number} its size in the module's input */
    #put(text) {
        const w = this.#writer();
        w.raw(encoder.encode(text));
        return w.size;
    }

    /** A copy of the module's output. @param {number} size */
    #got(size) {
        return new Uint8Array(this.#wasm.memory.buffer, this.#out, size).slice();
    }

    /**
     * Something happened. Throws BrainError; an event that errs changes nothing.
     * @param {BrainEvent} event
     */
    tell(event) {
        const w = this.#writer();
        this.#now = Math.max(this.#now, event.now ?? performance.now());
        writeEvent(w, event, this.#now, event.wall ?? Date.now());
        checked(this.#wasm.rh_web_tell(w.close()), event.type);
        if (event.type !== 'leader') return;
        this.#lease = event.lease ?? '';
        this.#leaseNumber = event.number ?? 0;
    }

    /**
     * An event that was encoded before, from a trace.
     * @param {Uint8Array} bytes
     * @returns {number} enum rh_error
     */
    tellCode(bytes) {
        const w = this.#writer();
        w.raw(bytes);
        return this.#wasm.rh_web_tell(w.size);
    }

    /** The next action as it is encoded, or null. @returns {Uint8Array|null} */
    nextCode() {
        const size = checked(this.#wasm.rh_web_next(), 'next');
        return size === 0 ? null : this.#got(size);
    }

    /** The next thing to do, or null. Bytes in it are copies. @returns {BrainAction|null} */
    next() {
        const code = this.nextCode();
        return code && decodeAction(code);
    }

    /** All that is to be done now. @returns {BrainAction[]} */
    drain() {
        const actions = [];
        for (let action = this.next(); action; action = this.next()) actions.push(action);
        return actions;
    }

    /** @param {string} upload @returns {Snapshot|null} */
    look(upload) {
        const size = this.#wasm.rh_web_look(this.#put(upload));
        if (size < 0) return null;
        const action = decodeAction(this.#got(size));
        return action.type === 'notify' ? action.snapshot : null;
    }

    /** What happened so far, over the lives of its records. @returns {Counters} */
    counters() {
        return readCounters(new Reader(this.#got(checked(this.#wasm.rh_web_counters(), 'counters'))));
    }

    /** The same of one upload. @param {string} upload @returns {Tally|null} */
    tally(upload) {
        const size = this.#wasm.rh_web_tally(this.#put(upload));
        return size < 0 ? null : readCounters(new Reader(this.#got(size))).all;
    }

    /**
     * The HTTP request of a send action. With `crc64` of the part's bytes the engine is told too,
     * where action.crc64 is null; another than that one is not taken, for the bytes are damaged.
     * `slices`: those that the checksum was computed from.
     * @param {SendAction} action @param {Source} source @param {bigint|null} [crc64]
     * @param {Slice[]} [slices]
     * @returns {Request}
     */
    request(action, source, crc64 = null, slices = []) {
        const given = crc64 !== null && (action.crc64 ?? crc64) === crc64;
        if (given && action.crc64 === null) this.tell({ type: 'part_crc', token: action.token, crc64 });
        const w = this.#writer();
        w.raw(action.code);
        w.u8(given);
        w.u64(given ? crc64 : 0);
        w.u8(given ? slices.length : 0);
        for (const slice of given ? slices : []) {
            w.u64(slice.length);
            w.u64(slice.crc64);
        }
        const { session = '', video = '', mime = '', metadata = '', fileName = '' } = source;
        for (const text of [session, video, mime]) w.long(text);
        w.long(typeof metadata === 'string' ? metadata : JSON.stringify(metadata));
        w.long(fileName);
        w.long(this.#lease);
        w.u64(this.#leaseNumber);
        const size = checked(this.#wasm.rh_web_request(w.size), `request ${action.kind}`);
        return readRequest(new Reader(this.#got(size)));
    }

    /**
     * Its answer: tells the engine. Headers: a Headers object or any iterable of [name, value].
     * @param {SendAction} action @param {number} status @param {Iterable<[string, string]>} headers
     * @param {{now?: number, wall?: number}} [time]
     * @returns {{outcome: Outcome, generation: string}}
     */
    response(action, status, headers, time = {}) {
        const wall = BigInt(Math.floor(time.wall ?? Date.now()));
        const w = this.#writer();
        w.raw(action.code);
        checked(this.#wasm.rh_web_answer(w.size, status, wall), 'answer');
        let generation = '';
        for (const [name, value] of headers) {
            const field = this.#writer();
            const nameBytes = encoder.encode(name);
            const valueBytes = encoder.encode(value);
            if (nameBytes.length + valueBytes.length > this.#room) continue;
            field.raw(nameBytes);
            field.raw(valueBytes);
            this.#wasm.rh_web_answer_field(nameBytes.length, valueBytes.length);
            if (name.toLowerCase() === 'reelhaul-generation') generation = value;
        }
        this.#now = Math.max(this.#now, time.now ?? performance.now());
        const size = checked(this.#wasm.rh_web_answer_end(BigInt(Math.floor(this.#now)), wall),
            'answer');
        const r = new Reader(this.#got(size));
        r.at = 8 + 16; // head, now and wall; then upload, token, outcome
        r.text();
        r.u32();
        return { outcome: entry(OUTCOMES, r.u8()), generation };
    }

    /**
     * CRC-64/NVME of bytes, going on from `start`.
     * @param {Uint8Array} bytes
     * @param {bigint} [start]
     * @returns {bigint}
     */
    crc64(bytes, start = 0n) {
        const room = new Uint8Array(this.#wasm.memory.buffer, this.#in, this.#room);
        let crc = start;
        for (let at = 0; at < bytes.length; at += this.#room) {
            const piece = bytes.subarray(at, at + this.#room);
            room.set(piece);
            crc = BigInt.asUintN(64, this.#wasm.rh_web_crc64(crc, piece.length));
        }
        return crc;
    }

    /** Whether `slices` is to be asked before this part is sent. @param {SendAction} action */
    wantsSlices(action) {
        return action.crc64 === null || (action.slices.length === 0 && action.length > SLICE_BYTES);
    }

    /**
     * The checksums of a part's bytes: of the whole, and of slices of 256 KiB or a 64th of it.
     * @param {Uint8Array} bytes
     * @returns {{crc64: bigint, slices: Slice[]}}
     */
    slices(bytes) {
        const step = Math.max(SLICE_BYTES, Math.ceil(bytes.length / SLICES_MAX));
        /** @type {Slice[]} */
        const slices = [];
        let crc64 = 0n;
        for (let at = 0; at < bytes.length; at += step) {
            const piece = bytes.subarray(at, at + step);
            const slice = { length: piece.length, crc64: this.crc64(piece) };
            crc64 = this.crc64Combine(crc64, slice.crc64, slice.length);
            slices.push(slice);
        }
        return { crc64, slices: slices.length > 1 ? slices : [] };
    }

    /**
     * Checksum of A‖B from those of A and B.
     * @param {bigint} a
     * @param {bigint} b
     * @param {number} lengthB
     * @returns {bigint}
     */
    crc64Combine(a, b, lengthB) {
        return BigInt.asUintN(64, this.#wasm.rh_web_crc64_combine(a, b, BigInt(lengthB)));
    }
}
