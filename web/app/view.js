/* SPDX-License-Identifier: MIT */
/**
 * What the SDK's snapshots look like to a person: pure functions without a page, tested in Node.
 * @module
 */
import { strings } from './strings.js';

/** @typedef {import('../sdk/types.js').UploadSnapshot} Upload */

/** Reasons that mean "tried, and will try again by itself". */
const RETRY_REASONS = ['backoff', 'offline', 'server_full', 'unauthorized'];
/** Reasons for which an upload waits for the person and not for the network. */
const PERSON_REASONS = ['review', 'recording'];
/** Reasons of an upload that only waits for its next request. */
const GOING_ON = ['', 'waiting', 'finishing'];

/** On its way or about to be. A take under review whose bytes are all there waits for nobody's network.
 * @param {Upload} upload */
export function isSending(upload) {
    return upload.state === 'uploading' && !(PERSON_REASONS.includes(upload.reason) && isWhole(upload));
}

/** @param {Upload} upload */
function isWhole(upload) {
    return upload.total > 0 && upload.bytes >= upload.total;
}

/** Waits for its turn, the network or a retry. @param {Upload} upload */
export function isWaiting(upload) {
    const waits = upload.state === 'pending' || upload.state === 'paused';
    return waits && !PERSON_REASONS.includes(upload.reason);
}

/** The completion page waits for these. @param {Upload} upload */
export function isUnfinished(upload) {
    return upload.accepted && ['pending', 'uploading', 'paused'].includes(upload.state);
}

/**
 * The indicator of the documents: text and class.
 * @param {Upload[]} uploads @param {boolean} resuming uploads of an earlier visit were just taken up
 * @returns {{text: string, kind: 'idle'|'active'|'error', icon: string}}
 */
export function indicatorOf(uploads, resuming) {
    const sending = uploads.filter(isSending);
    const waiting = uploads.filter(isWaiting);
    if (resuming && sending.length + waiting.length > 0) {
        return { text: strings.indicator.resuming, kind: 'active', icon: 'upload' };
    }
    if (sending.length > 0) {
        return { text: strings.indicator.uploading(waiting.length), kind: 'active', icon: 'upload' };
    }
    if (waiting.some((upload) => RETRY_REASONS.includes(upload.reason))) {
        return { text: strings.indicator.retrying, kind: 'active', icon: 'retry' };
    }
    if (waiting.length > 0) {
        return { text: strings.indicator.uploading(waiting.length), kind: 'active', icon: 'upload' };
    }
    const failed = uploads.filter((upload) => upload.state === 'failed').length;
    if (failed > 0) return { text: strings.indicator.failed(failed), kind: 'error', icon: 'alert' };
    const completed = uploads.filter((upload) => upload.state === 'completed').length;
    return { text: strings.indicator.uploaded(completed), kind: 'idle', icon: 'check' };
}

/** @typedef {object} Badge
 * @property {'uploading'|'paused'|'synced'|'failed'|'pending'|'retrying'|'review'|'recording'} kind
 * @property {string} glyph   as in the documents; read by nobody, an icon is shown in its place
 * @property {string} icon
 * @property {string} text
 */

/**
 * @param {Upload} upload @returns {Badge}
 */
export function badgeOf(upload) {
    const words = strings.badge;
    switch (upload.state) {
    case 'completed':
        return { kind: 'synced', glyph: '✓', icon: 'check', text: words.synced };
    case 'failed':
        return { kind: 'failed', glyph: '❌', icon: 'cross', text: words.failed };
    case 'paused':
        return { kind: 'paused', glyph: '⏸', icon: 'pause', text: words.paused };
    default:
        return badgeUnderWay(upload);
    }
}

/** What has begun to go up shows how far it is, also while it waits for its next part.
 * @param {Upload} upload @returns {Badge} */
function badgeUnderWay(upload) {
    const words = strings.badge;
    const { state, reason, recording, accepted } = upload;
    if (reason === 'offline') return { kind: 'paused', glyph: '⏸', icon: 'pause', text: words.paused };
    if (reason === 'backoff') return { kind: 'retrying', glyph: '', icon: 'retry', text: words.retrying };
    const begun = state === 'uploading' || upload.bytes > 0;
    if (!recording && !accepted && !(isSending(upload) && begun)) {
        return { kind: 'review', glyph: '', icon: 'eye', text: words.review };
    }
    if (begun && (recording || state === 'uploading' || GOING_ON.includes(reason))) {
        return { kind: 'uploading', glyph: '⇪', icon: 'upload', text: words.uploading(percentOf(upload)) };
    }
    if (recording) return { kind: 'recording', glyph: '', icon: 'dot', text: words.recording };
    return { kind: 'pending', glyph: '', icon: 'clock', text: words.pending };
}

/** Whole percent; 100 only when it is all there. @param {Upload} upload */
export function percentOf(upload) {
    const percent = Math.floor(Math.max(0, Math.min(100, upload.percent)));
    return percent === 100 && upload.bytes < upload.total ? 99 : percent;
}

/** Why an upload is in its state, in words. @param {Upload} upload @returns {string} */
export function reasonOf(upload) {
    const known = strings.reasons[upload.reason] ?? '';
    if (upload.state !== 'failed') return upload.state === 'completed' ? '' : known;
    return upload.error || known || strings.reasons.exhausted || '';
}

/**
 * What a screen reader is told: changes of state, and each quarter of an upload, once.
 * @param {Upload|undefined} before @param {Upload} now @param {string} name @returns {string} '' for nothing
 */
export function announcementOf(before, now, name) {
    if (now.state !== before?.state) {
        if (now.state === 'completed') return before ? strings.announce.completed(name) : '';
        if (now.state === 'failed') return strings.announce.failed(name, reasonOf(now));
        if (now.state === 'paused') return strings.announce.paused(name);
        if (now.state === 'uploading' && before?.state === 'paused') return strings.announce.uploading(name);
    }
    if (now.state !== 'uploading' || now.recording || !now.accepted || !before) return '';
    const quarter = Math.floor(percentOf(now) / 25);
    if (quarter < 1 || quarter > 3 || quarter <= Math.floor(percentOf(before) / 25)) return '';
    return strings.announce.percent(name, quarter * 25);
}

/** @typedef {object} Outcome
 * @property {'waiting'|'failed'|'done'|'nothing'} phase
 * @property {number} unfinished
 * @property {number} failed
 * @property {number} completed
 * @property {number} notAccepted
 * @property {number} bytes
 * @property {number} total
 * @property {number} percent     of all bytes
 * @property {number} remainingMs 0 when unknown
 * @property {boolean} offline
 */

/** Where the completion page stands. Failures are told when nothing moves any more.
 * @param {Upload[]} uploads @returns {Outcome} */
export function outcomeOf(uploads) {
    const unfinished = uploads.filter(isUnfinished);
    const failed = uploads.filter((upload) => upload.state === 'failed').length;
    const completed = uploads.filter((upload) => upload.state === 'completed').length;
    const notAccepted = uploads.filter((upload) => !upload.accepted
        && ['pending', 'uploading', 'paused'].includes(upload.state)).length;
    const counted = uploads.filter((upload) => upload.accepted && upload.state !== 'cancelled');
    const total = counted.reduce((sum, upload) => sum + upload.total, 0);
    const bytes = counted.reduce((sum, upload) =>
        sum + (upload.state === 'completed' ? upload.total : Math.min(upload.bytes, upload.total)), 0);
    const remaining = unfinished.map((upload) => upload.remainingMs ?? 0);
    return {
        phase: phaseOf(unfinished.length, failed, completed),
        unfinished: unfinished.length, failed, completed, notAccepted, bytes, total,
        percent: total === 0 ? 0 : Math.floor((bytes / total) * 100),
        remainingMs: remaining.reduce((sum, ms) => sum + ms, 0),
        offline: unfinished.some((upload) => upload.reason === 'offline'),
    };
}

/** @param {number} unfinished @param {number} failed @param {number} completed */
function phaseOf(unfinished, failed, completed) {
    if (unfinished > 0) return 'waiting';
    if (failed > 0) return 'failed';
    return completed > 0 ? 'done' : 'nothing';
}
