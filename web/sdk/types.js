/* SPDX-License-Identifier: MIT */
/**
 * Shared JSDoc types of the SDK. Nothing here runs; nothing imports it at run time.
 * Units are last in names; sizes without a unit are bytes.
 * @module
 */

/** At the sender: see docs (the words). A take under review is already `uploading` under a live policy.
 * @typedef {'pending'|'uploading'|'paused'|'completed'|'failed'|'cancelled'} UploadState */

/** Why an upload is in its state; '' when there is nothing to add.
 * @typedef {''|'recording'|'review'|'offline'|'backoff'|'user'|'quota'|'unauthorized'|'mode'|'refused'
 *   |'gone'|'conflict'|'source_lost'|'exhausted'|'server_full'|'finishing'|'waiting'|'damaged'} UploadReason */

/** One upload as the UI sees it. A plain object, safe to keep.
 * @typedef {object} UploadSnapshot
 * @property {string} id            the take's id; the same as Recording.id and Take.id
 * @property {string} uploadId      the server's id, '' until the server has answered init
 * @property {string} sessionId     '' for an upload without session
 * @property {string} videoId
 * @property {string} promptId      from metadata.prompt_id or startRecording({promptId}); else ''
 * @property {string} name          file name for people
 * @property {string} mimeType
 * @property {UploadState} state
 * @property {UploadReason} reason
 * @property {boolean} accepted     false while recorded or under review: not yet completed on the server
 * @property {boolean} recording    bytes are still being added
 * @property {number} bytes         bytes the server vouched for (durable receipts)
 * @property {number} total         bytes recorded so far; final once !recording
 * @property {number} percent       0..100, of total
 * @property {number} speed         bytes per second, 0 when unknown
 * @property {number|null} remainingMs  null when unknown
 * @property {number} attempts      failed attempts in a row
 * @property {string} error         a sentence for people, '' when fine
 * @property {string} url           where the finished video is, '' until completed
 * @property {boolean} local        the local copy is still whole (export() works)
 * @property {number} createdAt     wall clock, ms
 */

/** @typedef {object} Summary
 * @property {number} total
 * @property {number} pending       pending or paused
 * @property {number} uploading
 * @property {number} completed
 * @property {number} failed
 * @property {boolean} isProcessing
 */

/** A finished recording, not yet accepted.
 * @typedef {object} Take
 * @property {string} id
 * @property {string} sessionId
 * @property {string} videoId
 * @property {string} promptId
 * @property {string} mimeType
 * @property {number} size
 * @property {number} durationMs
 */

/** @typedef {'never-give-up'|'sequential'|'live'|'form'|'patient'|'bulk'} PolicyName */
/** @typedef {'background'|'blocking'|'hybrid'|'auto'} Mode */
/** @typedef {'off'|'error'|'warn'|'info'|'debug'} LogLevel */
/** @typedef {'instructions'|'countdown'|'recording'|'review'|'complete'} Screen */

/** @typedef {object} OpenOptions
 * @property {string} [server]       origin (+ base path) of the server; default: the page's origin
 * @property {PolicyName} [policy]   default 'never-give-up'
 * @property {Mode} [mode]           default 'background'
 * @property {'until-proven'|'each-part'|'for-good'} [keepLocal]  when the local copy goes; default 'until-proven'
 * @property {string} [tenant]       part of the partition name; default ''
 * @property {string} [subject]      the signed-in person; uploads are kept per subject; default ''
 * @property {(subject: string) => (string|Promise<string>)} [getToken]  bearer token; asked again after 401/403
 * @property {() => Promise<boolean>} [onlineCheck]  overrides navigator.onLine; asked on online/offline events
 * @property {number} [limit]        bytes per second, 0 = no limit
 * @property {LogLevel} [logLevel]   default 'off'
 * @property {'accept'|'ask'} [orphans]  takes whose tab died before they were judged: upload them (default),
 *   or leave them in reason 'review' for accept() or discard()
 * @property {'opfs'|'idb'} [spool]  force a spool (tests); default: OPFS where it works
 */

/** @typedef {object} RecordOptions
 * @property {MediaStream} stream
 * @property {string} [sessionId]
 * @property {string} [videoId]      default: a fresh UUID
 * @property {string} [promptId]
 * @property {Record<string, unknown>} [metadata]  JSON; sent with init
 * @property {number} [timesliceMs]  default by policy (live 2000, else 1000)
 * @property {string} [mimeType]     default: the best MediaRecorder supports
 * @property {number} [videoBitsPerSecond]
 * @property {number} [audioBitsPerSecond]
 */

/** @typedef {object} FileOptions
 * @property {string} [sessionId]
 * @property {string} [videoId]
 * @property {string} [promptId]
 * @property {Record<string, unknown>} [metadata]
 */

/** Detail of the event 'storage': local space ran out. Nothing was dropped; act on it.
 * @typedef {object} StorageTrouble
 * @property {string} id             the take
 * @property {'freed'|'persisted'|'direct'|'offer-save'|'stopped'} step  which rung of the ladder was reached
 * @property {string} message        a sentence for people
 * @property {(() => Promise<Blob>)|null} save  the take as far as recorded, to save to disk; null where not needed
 */

/** @typedef {object} Diagnosis
 * @property {string} name
 * @property {boolean} ok
 * @property {string} detail         what was found, and what to do about it if !ok
 */

export {};
