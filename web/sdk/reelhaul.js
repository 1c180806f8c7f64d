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
 *   'safe'      detail {safe: boolean}         closing the tab now loses nothing that only this tab holds
 *   'storage'   detail StorageTrouble          local space ran out; see types.js
 * Events of a Recording: 'progress' detail {bytes, durationMs}; 'stopped' detail Take (also when the
 *   stream ended by itself); 'error' detail {message}.
 * @module
 */

/** @typedef {import('./types.js').UploadSnapshot} UploadSnapshot */
/** @typedef {import('./types.js').Summary} Summary */
/** @typedef {import('./types.js').Take} Take */
/** @typedef {import('./types.js').OpenOptions} OpenOptions */
/** @typedef {import('./types.js').RecordOptions} RecordOptions */
/** @typedef {import('./types.js').FileOptions} FileOptions */
/** @typedef {import('./types.js').Diagnosis} Diagnosis */
/** @typedef {import('./types.js').Screen} Screen */
/** @typedef {import('./types.js').LogLevel} LogLevel */

const notYet = () => {
    throw new Error('not implemented yet');
};

/** A recording under way. Made by Reelhaul.startRecording. */
export class Recording extends EventTarget {
    /** The take's id. */ id = '';
    /** @type {string} */ sessionId = '';
    /** @type {string} */ videoId = '';
    /** @type {string} */ promptId = '';
    /** @type {string} */ mimeType = '';
    /** @type {'recording'|'paused'|'stopping'|'stopped'|'discarded'} */ state = 'recording';
    /** Recorded time, pauses excluded. @type {number} */ durationMs = 0;
    /** Bytes that are durable in the spool. @type {number} */ bytes = 0;

    /** Pauses the recording itself (not the upload). */
    pause() { notYet(); }
    resume() { notYet(); }

    /** Stops, waits until every slice is durable here, seals. @returns {Promise<Take>} */
    stop() { return notYet(); }

    /** Stops and throws the take away, here and on the server. @returns {Promise<void>} */
    discard() { return notYet(); }

    /** The take as a playable file, backed by the spool. Only after stop(). @returns {Promise<File>} */
    blob() { return notYet(); }
}

export class Reelhaul extends EventTarget {
    /** The server's origin (+ base path), without a trailing slash. */ server = '';

    /** @param {OpenOptions} [options] @returns {Promise<Reelhaul>} */
    static open(options) { void options; return notYet(); }

    /** The best container and codecs MediaRecorder supports here; '' if it cannot record. @returns {string} */
    static bestMimeType() { return notYet(); }

    /** @param {{participantId?: string}} [options] @returns {Promise<string>} the session id */
    createSession(options) { void options; return notYet(); }

    /** @param {RecordOptions} options @returns {Promise<Recording>} */
    startRecording(options) { void options; return notYet(); }

    /** The take is good: it may complete on the server. Returns once that is written down here.
     * @param {string} takeId @returns {Promise<void>} */
    accept(takeId) { void takeId; return notYet(); }

    /** Retake: cancelled on the server, freed here. @param {string} takeId @returns {Promise<void>} */
    discard(takeId) { void takeId; return notYet(); }

    /** Copies a picked file into the spool (accepted at once). Returns its id when it is safe here.
     * @param {Blob} file @param {FileOptions} [options] @returns {Promise<string>} */
    addFile(file, options) { void file; void options; return notYet(); }

    /** @param {string} id */
    pause(id) { void id; notYet(); }
    /** @param {string} id */
    resume(id) { void id; notYet(); }
    /** Cancels on the server too and frees the local copy. @param {string} id */
    cancel(id) { void id; notYet(); }
    /** @param {string} id */
    retry(id) { void id; notYet(); }
    retryFailed() { notYet(); }

    /** @param {number} bytesPerSecond 0 = no limit */
    setLimit(bytesPerSecond) { void bytesPerSecond; notYet(); }

    /** Which screen the person sees; mode 'hybrid' sends only on instructions, countdown, complete.
     * @param {Screen} screen */
    setScreen(screen) { void screen; notYet(); }

    /** Resolves when the mode lets the next recording start: at once in 'background'; when all accepted
     * takes are done in 'blocking' and 'hybrid'. @returns {Promise<void>} */
    readyToRecord() { return notYet(); }

    /** All uploads of this partition in recording order. @returns {UploadSnapshot[]} */
    list() { return notYet(); }
    /** @param {string} id @returns {UploadSnapshot|undefined} */
    get(id) { void id; return notYet(); }
    /** @returns {Summary} */
    getSummary() { return notYet(); }

    /** True when closing the tab now loses nothing. */
    get safe() { return notYet(); }

    /** Resolves when no accepted upload is pending or uploading (failed ones may remain).
     * @returns {Promise<Summary>} */
    whenDone() { return notYet(); }

    /** The playable local copy. Rejects if it is no longer here. @param {string} id @returns {Promise<File>} */
    export(id) { void id; return notYet(); }

    /** Forgets completed, failed and cancelled uploads in the list (and frees what is left of them here).
     * Never touches one that is not finished. @param {string} id @returns {Promise<void>} */
    remove(id) { void id; return notYet(); }

    /** @returns {Promise<Diagnosis[]>} */
    diagnose() { return notYet(); }

    /** @param {LogLevel} level */
    setLogLevel(level) { void level; notYet(); }

    /** Ends this instance: stops nothing that is durable, closes its workers. */
    close() { notYet(); }
}
