/* SPDX-License-Identifier: MIT */
/**
 * The engine (engine.wasm) as a JavaScript object: tell it what happened, do what it asks. It decides everything and does
 * nothing; the rules of include/reelhaul/engine.h hold word for word. Works in pages, workers and Node.
 *
 * Offsets, sizes and times are numbers (exact to 2^53); an unknown size or a time that never comes is null; checksums are
 * BigInt (CRC-64/NVME).
 */

/** @typedef {'pending'|'uploading'|'paused'|'completed'|'failed'|'cancelled'} UploadState */
/**
 * @typedef {'none'|'waiting'|'offline'|'backoff'|'user'|'held'|'quota'|'auth'|'bytes_missing'|'rejected'|'attempts'
 *   |'set_aside'|'superseded'|'conflict'|'not_leader'|'expired'|'malformed'} Reason
 */
/**
 * @typedef {'none'|'ok'|'done'|'incomplete'|'retry'|'too_busy'|'storage_full'|'unauthorized'|'forbidden'|'gone'
 *   |'different_bytes'|'stale_writer'|'superseded'|'checksum_mismatch'|'rejected'|'malformed'|'network'|'timeout'} Outcome
 */

/**
 * What can be told. Any event may carry `now` (monotonic ms) and `wall` (ms since 1970); else the clocks are read.
 * `upload` is the local id, at most 64 bytes; for pause, resume and retry '' means all uploads.
 * @typedef {(
 *   | {type: 'wake'|'leader_lost'|'hold'|'release'|'token'}
 *   | {type: 'network', up: boolean, metered?: boolean}
 *   | {type: 'added', upload: string, size?: number|null}
 *   | {type: 'spooled', upload: string, offset: number, length: number, crc64: bigint}
 *   | {type: 'sealed', upload: string, size: number, crc64: bigint}
 *   | {type: 'source_lost'|'pause'|'resume'|'cancel'|'retry'|'remove', upload: string}
 *   | {type: 'progress', token: number, bytes: number}
 *   | {type: 'broken', token: number, timeout?: boolean}
 *   | {type: 'part_crc', token: number, crc64: bigint}
 *   | {type: 'storage', level: 0|1|2}
 *   | {type: 'leader', lease?: string, number?: number}
 *   | {type: 'left', ms: number}
 *   | {type: 'limit', bytesPerSecond: number}
 *   | {type: 'record', bytes: Uint8Array}
 * ) & {now?: number, wall?: number}} BrainEvent
 */

/**
 * @typedef {{
 *   state: UploadState, reason: Reason, error: Outcome, status: number,
 *   acked: number, sent: number, spooled: number, total: number|null,
 *   speed: number, remaining: number|null, retryAt: number|null,
 *   partsDone: number, partsTotal: number, attempts: number, setAside: number, mismatches: number,
 *   proven: boolean, resumed: boolean
 * }} Snapshot  bytes, bytes per second, milliseconds; retryAt is monotonic
 */
/**
 * @typedef {{
 *   type: 'send', upload: string, token: number, kind: 'create'|'ask'|'part'|'finish'|'cancel', remote: string,
 *   offset: number, length: number, crc64: bigint|null, final: boolean, total: number|null, partBytes: number,
 *   attempt: number, code: Uint8Array
 * }} SendAction  crc64 null: compute it from the bytes you send and pass it to request(); `code` is the action's own encoding
 */
/**
 * What it asks for, to be obeyed in order.
 * @typedef {(
 *   | SendAction
 *   | {type: 'abort', upload: string, token: number}
 *   | {type: 'wake_at', at: number|null}
 *   | {type: 'persist', upload: string, bytes: Uint8Array}
 *   | {type: 'erase_record', upload: string}
 *   | {type: 'forget', upload: string, whole: boolean, offset: number, length: number}
 *   | {type: 'notify', upload: string, snapshot: Snapshot}
 *   | {type: 'need_token', upload: string}
 *   | {type: 'notify_queue', total: number, pending: number, uploading: number, paused: number, completed: number,
 *      failed: number, cancelled: number}
 * )} BrainAction
 */

/**
 * @typedef {{session?: string, video?: string, mime?: string, metadata?: object|string, fileName?: string}} Source
 */
/**
 * The body: none; inline bytes; a range of the source; or a form: preamble, range of the source, epilogue.
 * @typedef {(
 *   | {kind: 'none'}
 *   | {kind: 'inline', bytes: Uint8Array}
 *   | {kind: 'range', offset: number, length: number}
 *   | {kind: 'form', preamble: Uint8Array, offset: number, length: number, epilogue: Uint8Array}
 * )} RequestBody
 */
/**
 * @typedef {{method: string, path: string, headers: Record<string, string>, body: RequestBody}} Request
 *   path begins with '/', below the server's base address
 */

/**
 * @typedef {{
 *   url?: string|URL, bytes?: BufferSource, module?: WebAssembly.Module,
 *   policy?: string, overrides?: Record<string, number>, limits?: Partial<Limits>, seed?: bigint|number,
 *   dialect?: 'videos'|'form'
 * }} LoadOptions  one of url (default: engine.wasm beside this file), bytes or module; overrides are fields of rh_policy by
 *   their C names, booleans as 0 and 1
 */
/** @typedef {{uploads: number, segments: number, intervals: number, parts: number}} Limits */

export class BrainError extends Error {
  /** @param {string} code one of syntax, limit, range, state, unknown, exists, checksum, version @param {string} message */
  constructor(code, message) {
    super(message);
    this.name = 'BrainError';
    this.code = code;
  }
}

export class Brain {
  /** @param {LoadOptions} [options] @returns {Promise<Brain>} */
  static async load(options = {}) {
    void options;
    throw new Error('not there yet');
  }

  /** Something happened. Throws BrainError; an event that errs changes nothing. @param {BrainEvent} event */
  tell(event) {
    void event;
  }

  /** The next thing to do, or null. Bytes in it are copies. @returns {BrainAction|null} */
  next() {
    return null;
  }

  /** All that is to be done now. @returns {BrainAction[]} */
  drain() {
    return [];
  }

  /** @param {string} upload @returns {Snapshot|null} */
  look(upload) {
    void upload;
    return null;
  }

  /**
   * The HTTP request of a send action. With `crc64` (of the part's bytes, where action.crc64 is null) the engine is told too.
   * @param {SendAction} action @param {Source} source @param {bigint} [crc64] @returns {Request}
   */
  request(action, source, crc64) {
    void action, source, crc64;
    throw new Error('not there yet');
  }

  /**
   * Its answer: tells the engine. Headers: a Headers object or any iterable of [name, value].
   * @param {SendAction} action @param {number} status @param {Iterable<[string, string]>} headers
   * @returns {{outcome: Outcome, generation: string}}
   */
  response(action, status, headers) {
    void action, status, headers;
    throw new Error('not there yet');
  }

  /** CRC-64/NVME of bytes, going on from `start`. @param {Uint8Array} bytes @param {bigint} [start] @returns {bigint} */
  crc64(bytes, start = 0n) {
    void bytes;
    return start;
  }

  /** Checksum of A‖B from those of A and B. @param {bigint} a @param {bigint} b @param {number} lengthB @returns {bigint} */
  crc64Combine(a, b, lengthB) {
    void b, lengthB;
    return a;
  }
}
