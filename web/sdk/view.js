/* SPDX-License-Identifier: MIT */
/**
 * From the engine's snapshot and the ledger's row to what people see. Pure.
 * @module
 */

/** @typedef {import('./types.js').UploadSnapshot} UploadSnapshot */
/** @typedef {import('./types.js').UploadReason} UploadReason */
/** @typedef {import('./types.js').Summary} Summary */
/** @typedef {import('./brain.js').Snapshot} Snapshot */
/** @typedef {import('./types.js').TakeRow} TakeRow */

/** @type {Record<string, UploadReason>} */
const REASONS = {
    none: '', waiting: 'waiting', not_leader: 'waiting', held: 'mode', quota: 'server_full',
    auth: 'unauthorized', bytes_missing: 'source_lost', rejected: 'refused', attempts: 'exhausted',
    set_aside: 'exhausted', superseded: 'conflict', expired: 'gone', malformed: 'backoff',
};

/** @type {Partial<Record<UploadReason, string>>} */
const SENTENCES = {
    offline: 'No connection. Uploading goes on by itself when it is back.',
    delegated: 'The browser finishes this upload, also when it is closed.',
    metered: 'Waiting for a connection that is not metered.',
    method: 'Waiting for the other way of uploading that was chosen.',
    backoff: 'The server could not be reached. Trying again soon.',
    server_full: 'The server has no room at the moment. Trying again later.',
    unauthorized: 'Please sign in again to go on uploading.',
    refused: 'The server does not accept this video.',
    exhausted: 'Uploading did not succeed after several attempts. Please try again.',
    source_lost: 'The recording is no longer on this device.',
    conflict: 'The server already holds something else under this name.',
    gone: 'The server no longer knows this upload. Please try again.',
    damaged: 'The recording on this device is damaged or was made by a newer version; it was left as it is.',
};

/** Why it is offline, where that is known better. @type {Record<string, string>} */
const CONNECTIONS = {
    portal: 'This network asks to sign in first. Uploading goes on by itself afterwards.',
    'no-server': 'The server cannot be reached. Uploading goes on by itself when it is back.',
};

/** @param {TakeRow} row @param {Snapshot|null} snapshot the engine's, else the row's last is shown
 * @param {{recording: boolean, trouble: UploadReason, spooled: number, connection?: string}} now
 * @returns {UploadSnapshot} */
export function view(row, snapshot, now) {
    const { meta } = row;
    const seen = snapshot ?? row.last;
    const completed = seen?.state === 'completed';
    const total = row.size || seen?.total || Math.max(seen?.spooled ?? 0, now.spooled);
    const bytes = completed ? total : seen?.acked ?? 0;
    const delegated = row.delegated && !completed ? 'delegated' : '';
    const reason = now.trouble || delegated || reasonOf(row, seen, now.recording, bytes, total);
    const judged = row.accepted || now.recording; // a take under review that is up has nothing left to do
    const waits = !judged && bytes === total && seen?.state === 'uploading';
    const state = delegated ? 'uploading' : waits ? 'pending' : seen?.state;
    const sent = Math.min(total, Math.max(bytes, seen?.sent ?? 0));
    const where = reason === 'offline' ? CONNECTIONS[now.connection ?? ''] : '';
    const error = where || SENTENCES[reason] || '';
    return {
        id: row.rec, uploadId: row.uploadId, sessionId: meta.sessionId, videoId: meta.videoId,
        promptId: meta.promptId, name: meta.name, mimeType: meta.mimeType, createdAt: meta.createdAt,
        state: now.trouble ? 'failed' : state ?? 'pending',
        reason, accepted: row.accepted, recording: now.recording, bytes, total,
        percent: completed ? 100 : total > 0 ? Math.min(99.9, (sent / total) * 100) : 0,
        speed: state === 'uploading' && seen ? seen.speed : 0,
        remainingMs: state === 'uploading' && seen ? seen.remaining : null,
        attempts: seen?.attempts ?? 0, error, url: row.url, local: row.local,
        delegation: row.delegated?.id ?? '', priority: row.choice?.priority ?? 'normal',
        method: row.choice?.method ?? 'chunks',
    };
}

/** @param {TakeRow} row @param {Snapshot|null} seen @param {boolean} recording @param {number} bytes
 * @param {number} total @returns {UploadReason} */
function reasonOf(row, seen, recording, bytes, total) {
    if (!seen) return recording ? 'recording' : row.accepted ? 'waiting' : 'review';
    const reason = REASONS[seen.reason] ?? /** @type {UploadReason} */ (seen.reason);
    if (reason !== 'waiting' && reason !== '') return reason;
    if (seen.state === 'completed' || seen.state === 'failed' || seen.state === 'cancelled') return reason;
    if (recording) return 'recording';
    if (!row.accepted) return 'review';
    return bytes === total && total > 0 ? 'finishing' : reason;
}

/** Counts what people have decided to send: takes in recording or review are not in it.
 * @param {UploadSnapshot[]} uploads @returns {Summary} */
export function summarize(uploads) {
    const mine = uploads.filter((u) => u.accepted && u.state !== 'cancelled');
    const count = (/** @type {string[]} */ ...states) => mine.filter((u) => states.includes(u.state)).length;
    const uploading = uploads.filter((u) => u.state === 'uploading').length;
    const summary = {
        total: mine.length, pending: count('pending', 'paused'), uploading: count('uploading'),
        completed: count('completed'), failed: count('failed'), isProcessing: uploading > 0,
    };
    return summary;
}
