/* SPDX-License-Identifier: MIT */
/**
 * Where the participant stands, kept in localStorage so that a reload goes on at the right prompt. The
 * recordings themselves are the SDK's; this is only the flow. Losing it loses no byte.
 * @module
 */

const KEY = 'reelhaul.recorder';
const FORMAT = 1;

/** @typedef {object} TakeNote
 * @property {string} id          the SDK's id of the take
 * @property {string} promptId
 * @property {string} title
 * @property {number} durationMs  0 while unknown
 * @property {boolean} accepted
 */
/** @typedef {object} Sitting
 * @property {number} format
 * @property {string} sessionId   '' until the server gave one
 * @property {string} participantId
 * @property {string} consentAt   ISO time of the consent, '' before
 * @property {number} index       of the prompt to record next
 * @property {boolean} finished   every prompt has an accepted take
 * @property {TakeNote[]} takes   also those not accepted yet
 * @property {string} cameraId
 * @property {string} microphoneId
 */

/** @returns {Sitting} */
export function emptySitting() {
    return {
        format: FORMAT, sessionId: '', participantId: '', consentAt: '', index: 0, finished: false,
        takes: [], cameraId: '', microphoneId: '',
    };
}

/** @returns {Sitting} */
export function loadSitting() {
    try {
        const stored = JSON.parse(localStorage.getItem(KEY) ?? 'null');
        if (stored?.format !== FORMAT || !Array.isArray(stored.takes)) return emptySitting();
        return { ...emptySitting(), ...stored };
    } catch {
        return emptySitting();
    }
}

/** @param {Sitting} sitting */
export function saveSitting(sitting) {
    try {
        localStorage.setItem(KEY, JSON.stringify(sitting));
    } catch {
        /* A private window or a full disk: the flow still works, a reload starts it anew. */
    }
}

/** Ends the sitting on this device; uploads go on. The devices are kept, as the desk stays the same.
 * @param {Sitting} sitting */
export function endSitting(sitting) {
    const { cameraId, microphoneId } = sitting;
    saveSitting({ ...emptySitting(), cameraId, microphoneId });
}

/** @param {Sitting} sitting @param {string} id @returns {TakeNote|undefined} */
export function noteOf(sitting, id) {
    return sitting.takes.find((take) => take.id === id);
}

/** Whether an upload belongs to the person who sits here now.
 * @param {Sitting} sitting @param {{id: string, sessionId: string}} upload */
export function isMine(sitting, upload) {
    if (noteOf(sitting, upload.id)) return true;
    return sitting.sessionId !== '' && upload.sessionId === sitting.sessionId;
}
