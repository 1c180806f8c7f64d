/* SPDX-License-Identifier: MIT */
/**
 * Events, actions and requests as the module's bytes: the layouts of src/engine/codec.c and
 * src/wire/web.c, little-endian.
 */

/** @typedef {import('./brain.js').BrainEvent} BrainEvent */
/** @typedef {import('./brain.js').Snapshot} Snapshot */
/** @typedef {import('./brain.js').SendAction} SendAction */
/** @typedef {import('./brain.js').BrainAction} BrainAction */
/** @typedef {import('./brain.js').UploadState} UploadState */
/** @typedef {import('./brain.js').Reason} Reason */
/** @typedef {import('./brain.js').Outcome} Outcome */
/** @typedef {import('./brain.js').Fault} Fault */
/** @typedef {import('./brain.js').Coding} Coding */
/** @typedef {import('./brain.js').Request} Request */
/** @typedef {import('./brain.js').RequestBody} RequestBody */

const FORMAT = 2;
const EVENTS = /** @type {const} */ ([
    '', 'wake', 'network', 'added', 'spooled', 'sealed', 'source_lost', 'response', 'progress',
    'broken', 'part_crc',
    'storage', 'leader', 'leader_lost', 'left', 'pause', 'resume', 'cancel', 'retry', 'remove',
    'limit', 'hold', 'release',
    'record', 'token', 'sampled', 'priority', 'method',
]);
/** In the order of enum rh_priority. */
const PRIORITIES = ['normal', 'live', 'manual'];
/** @type {UploadState[]} */
const STATES = ['pending', 'uploading', 'paused', 'completed', 'failed', 'cancelled'];
/** @type {Reason[]} */
const REASONS = [
    'none', 'waiting', 'offline', 'backoff', 'user', 'held', 'quota', 'auth', 'bytes_missing',
    'rejected', 'attempts',
    'set_aside', 'superseded', 'conflict', 'not_leader', 'expired', 'malformed',
    'metered', 'method',
];
/** @type {Outcome[]} */
export const OUTCOMES = [
    'none', 'ok', 'done', 'incomplete', 'retry', 'too_busy', 'storage_full', 'unauthorized',
    'forbidden', 'gone',
    'different_bytes', 'stale_writer', 'superseded', 'checksum_mismatch', 'rejected',
    'malformed', 'network', 'timeout', 'gone_bare',
];
/** @type {Fault[]} */
const FAULTS = ['NONE', 'NETWORK_ERROR', 'CHUNK_UPLOAD_FAILED', 'UPLOAD_INIT_FAILED',
    'UPLOAD_COMPLETE_FAILED', 'VALIDATION_ERROR'];
/** @type {Coding[]} */
const CODINGS = ['identity', 'gzip', 'zstd'];
const SENDS = /** @type {const} */ (['', 'create', 'ask', 'part', 'finish', 'cancel']);
const BODIES = /** @type {const} */ (['none', 'inline', 'range', 'form']);
const ERRORS = [
    '', 'again', 'syntax', 'limit', 'range', 'state', 'unknown', 'exists', 'checksum', 'version',
    'io', 'full', 'denied',
    'closed', 'memory',
];
const NEVER = 0xffffffffffffffffn;
export const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class BrainError extends Error {
    /**
     * @param {string} code one of syntax, limit, range, state, unknown, exists, checksum, version
     * @param {string} message
     */
    constructor(code, message) {
        super(message);
        this.name = 'BrainError';
        this.code = code;
    }
}

/** @param {number} result @param {string} what @returns {number} */
export function checked(result, what) {
    if (result >= 0) return result;
    const code = ERRORS[-result] ?? 'unknown';
    throw new BrainError(code, `${what}: ${code}`);
}

/**
 * An entry of a table that mirrors an enum.
 * @template T
 * @param {readonly T[]} table
 * @param {number} index
 * @returns {T}
 */
export function entry(table, index) {
    const value = table[index];
    if (value === undefined) throw new BrainError('syntax', `no entry ${index}`);
    return value;
}

/** Writes little-endian values into the module's memory. */
export class Writer {
    /** @param {ArrayBuffer} buffer @param {number} start @param {number} room */
    constructor(buffer, start, room) {
        this.view = new DataView(buffer, start, room);
        this.bytes = new Uint8Array(buffer, start, room);
        this.size = 0;
    }
    /** @param {number} n @returns {number} */
    #take(n) {
        if (this.size + n > this.bytes.length) throw new BrainError('limit',
            'larger than the module accepts');
        this.size += n;
        return this.size - n;
    }
    /** @param {number|boolean} value */
    u8(value) { this.view.setUint8(this.#take(1), Number(value)); }
    /** @param {number} value */
    u32(value) { this.view.setUint32(this.#take(4), value, true); }
    /** A whole number, or null for unknown and never. @param {number|bigint|null} value */
    u64(value) {
        const big = value === null ? NEVER : BigInt(typeof value === 'number' ? Math.max(0,
            Math.floor(value)) : value);
        this.view.setBigUint64(this.#take(8), big, true);
    }
    /** @param {number} value */
    i64(value) { this.view.setBigInt64(this.#take(8), BigInt(Math.floor(value)), true); }
    /** @param {Uint8Array} bytes */
    raw(bytes) { this.bytes.set(bytes, this.#take(bytes.length)); }
    /** @param {string} value */
    text(value) {
        const bytes = encoder.encode(value);
        if (bytes.length > 255) throw new BrainError('syntax', 'a text is too long');
        this.u8(bytes.length);
        this.raw(bytes);
    }
    /** @param {Uint8Array|string} value */
    long(value) {
        const bytes = typeof value === 'string' ? encoder.encode(value) : value;
        this.u32(bytes.length);
        this.raw(bytes);
    }
    /** Puts the size of the whole where a frame has it. @returns {number} */
    close() {
        this.view.setUint32(4, this.size, true);
        return this.size;
    }
}

/** Reads what the module wrote. */
export class Reader {
    /** @param {Uint8Array} bytes */
    constructor(bytes) {
        this.bytes = bytes;
        this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        this.at = 0;
    }
    u8() { return this.view.getUint8(this.at++); }
    u16() { this.at += 2; return this.view.getUint16(this.at - 2, true); }
    u32() { this.at += 4; return this.view.getUint32(this.at - 4, true); }
    big() { this.at += 8; return this.view.getBigUint64(this.at - 8, true); }
    u64() { return Number(this.big()); }
    /** @returns {number|null} */
    maybe() { const value = this.big(); return value === NEVER ? null : Number(value); }
    /** @param {number} size */
    raw(size) { this.at += size; return this.bytes.slice(this.at - size, this.at); }
    text() { return decoder.decode(this.raw(this.u8())); }
    long() { return this.raw(this.u32()); }
}

/** @param {Reader} r @returns {Snapshot} */
function readSnapshot(r) {
    const state = entry(STATES, r.u8());
    const reason = entry(REASONS, r.u8());
    const error = entry(OUTCOMES, r.u8());
    const flags = r.u8();
    const status = r.u16();
    const fault = entry(FAULTS, r.u16());
    return {
        state, reason, error, status, fault,
        acked: r.u64(), sent: r.u64(), spooled: r.u64(), total: r.maybe(),
        speed: r.u64(), remaining: r.maybe(), retryAt: r.maybe(),
        partsDone: r.u32(), partsTotal: r.u32(), attempts: r.u32(), setAside: r.u32(),
        mismatches: r.u32(), faultPart: r.u32(),
        proven: (flags & 1) !== 0, resumed: (flags & 2) !== 0,
        faultRetryable: (flags & 4) !== 0,
    };
}

const CAUSES = /** @type {const} */ (['network', 'timeout', 'busy', 'server', 'quota', 'auth',
    'damaged', 'foreign', 'gone', 'conflict']);

/** @param {Reader} r @returns {import('./brain.js').Counters} */
export function readCounters(r) {
    const plain = {
        begun: r.u64(), completed: r.u64(), proven: r.u64(), failed: r.u64(), cancelled: r.u64(),
        troubled: r.u64(), retried: r.u64(), completedMs: r.u64(), completedBytes: r.u64(),
    };
    /** @type {Partial<Record<Reason, number>>} */
    const failedFor = {};
    const reasons = r.u32();
    for (let i = 0; i < reasons; i++) {
        const count = r.u64();
        if (count > 0) failedFor[entry(REASONS, i)] = count;
    }
    const sums = { sentBytes: r.u64(), ackedBytes: r.u64(), spentMs: r.u64(), parts: r.u32() };
    /** @type {Record<string, number>} */
    const retries = {};
    for (const cause of CAUSES) retries[cause] = r.u32();
    return { ...plain, failedFor, all: { ...sums, retries, pauses: r.u32(), resumes: r.u32() } };
}

/** @param {Reader} r @param {string} upload @returns {SendAction} */
function readSend(r, upload) {
    const token = r.u32();
    const kind = entry(SENDS, r.u8());
    const flags = r.u8();
    if (kind === '') throw new BrainError('syntax', 'no such request');
    const coding = entry(CODINGS, r.u16());
    const partBytes = r.u32();
    const attempt = r.u32();
    const offset = r.u64();
    const length = r.u64();
    const crc64 = r.big();
    const total = r.maybe();
    const remote = r.text();
    const slices = Array.from({ length: r.u8() }, () => ({ length: r.u64(), crc64: r.big() }));
    return {
        type: 'send', upload, token, kind, remote, offset, length, slices,
        crc64: (flags & 1) !== 0 ? crc64 : null,
        final: (flags & 2) !== 0, total, partBytes, attempt, coding, code: r.bytes,
    };
}

/** @param {Uint8Array} bytes one encoded action @returns {BrainAction} */
export function decodeAction(bytes) {
    const r = new Reader(bytes);
    r.at = 1;
    const kind = r.u8();
    r.at = 8;
    const upload = r.text();
    switch (kind) {
        case 1: return readSend(r, upload);
        case 2: return { type: 'abort', upload, token: r.u32() };
        case 3: return { type: 'wake_at', at: r.maybe() };
        case 4: return { type: 'persist', upload, bytes: r.long() };
        case 5: return { type: 'erase_record', upload };
        case 6: return { type: 'forget', upload, whole: r.u8() === 1, offset: r.u64(),
            length: r.u64() };
        case 7: return { type: 'notify', upload, snapshot: readSnapshot(r) };
        case 8: return { type: 'need_token', upload };
        case 9: return {
            type: 'notify_queue', total: r.u32(), pending: r.u32(), uploading: r.u32(),
            paused: r.u32(), completed: r.u32(),
            failed: r.u32(), cancelled: r.u32(),
        };
        default: throw new BrainError('version', `no action ${kind}`);
    }
}

/** @param {Writer} w @param {BrainEvent} event @param {number} now @param {number} wall */
export function writeEvent(w, event, now, wall) {
    w.u8(FORMAT);
    w.u8(EVENTS.indexOf(event.type));
    w.u8(0);
    w.u8(0);
    w.u32(0);
    w.u64(now);
    w.i64(wall);
    w.text('upload' in event ? event.upload : '');
    switch (event.type) {
        case 'network': w.u8(event.up); w.u8(event.metered ?? false); break;
        case 'added':
            w.u64(event.size ?? null);
            w.u8(Math.max(0, PRIORITIES.indexOf(event.priority ?? 'normal')));
            break;
        case 'spooled': w.u64(event.offset); w.u64(event.length); w.u64(event.crc64); break;
        case 'sealed': w.u64(event.size); w.u64(event.crc64); break;
        case 'progress': w.u32(event.token); w.u64(event.bytes); break;
        case 'broken': w.u32(event.token); w.u8(event.timeout ?? false); break;
        case 'part_crc': w.u32(event.token); w.u64(event.crc64); break;
        case 'storage': w.u8(event.level); break;
        case 'left': w.u64(event.ms); break;
        case 'limit': w.u64(event.bytesPerSecond); w.u8(event.percent ?? 0); break;
        case 'priority': w.u8(Math.max(0, PRIORITIES.indexOf(event.priority))); break;
        case 'method': w.text(event.name); break;
        case 'record': w.long(event.bytes); break;
        case 'sampled': {
            w.text(event.mime);
            w.u8(event.codings.reduce((bits, name) => bits | 1 << CODINGS.indexOf(name), 0));
            w.u32(event.plainBytes ?? 0);
            w.u32(event.codedBytes ?? 0);
            w.u64(event.coderBytesPerSecond ?? 0);
            break;
        }
        default: break;
    }
}

/** @param {Reader} r @returns {Request} */
export function readRequest(r) {
    const kind = entry(BODIES, r.u32());
    const offset = r.u64();
    const length = r.u64();
    const method = decoder.decode(r.long());
    const path = decoder.decode(r.long());
    /** @type {Record<string, string>} */
    const headers = {};
    for (const line of decoder.decode(r.long()).split('\r\n')) {
        const colon = line.indexOf(': ');
        if (colon > 0) headers[line.slice(0, colon)] = line.slice(colon + 2);
    }
    const preamble = r.long();
    const epilogue = r.long();
    /** @type {RequestBody} */
    const body = kind === 'form' ? { kind, preamble, offset, length, epilogue }
        : kind === 'range' ? { kind, offset, length }
            : kind === 'inline' ? { kind, bytes: preamble } : { kind: 'none' };
    return { method, path, headers, body };
}
