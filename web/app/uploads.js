/* SPDX-License-Identifier: MIT */
/**
 * Both pages' view of the SDK: opens it with the operator's settings, shows the indicator, tells of
 * interrupted uploads, asks for an access code when the server wants one.
 * @module
 */
import { Reelhaul } from '../sdk/reelhaul.js';
import { announce } from './announce.js';
import { accessCode, askForCode } from './parts/access.js';
import { logLevelOfPage } from './parts/help.js';
import { Indicator } from './parts/indicator.js';
import { hideNotice, showNotice } from './parts/notices.js';
import { isMine } from './state.js';
import { strings } from './strings.js';

/** @typedef {import('../sdk/types.js').UploadSnapshot} Upload */
/** @typedef {import('./config.js').UploadConfig} UploadConfig */
/** @typedef {import('./state.js').Sitting} Sitting */

/** Whether an error of the SDK says that the server wants a (better) token. @param {unknown} error */
export function wantsCode(error) {
    if (typeof error !== 'object' || error === null) return false;
    const { status, code } = /** @type {{status?: number, code?: string}} */ (error);
    return status === 401 || status === 403 || code === 'unauthorized' || code === 'forbidden';
}

export class Uploads extends EventTarget {
    /** @param {Reelhaul} reelhaul @param {Sitting} sitting */
    constructor(reelhaul, sitting) {
        super();
        this.reelhaul = reelhaul;
        this.sitting = sitting;
        this.indicator = new Indicator();
        /** @type {Promise<boolean>|null} */
        this.beginning = null;
        reelhaul.addEventListener('change', () => this.changed());
        reelhaul.addEventListener('upload', (event) => this.watchAccess(event));
        reelhaul.addEventListener('session', (event) => this.onSession(event));
        reelhaul.addEventListener('resuming', () => {
            this.indicator.showResuming();
            announce(strings.indicator.resuming);
        });
    }

    /** @param {UploadConfig} settings @param {Sitting} sitting @returns {Promise<Uploads>} */
    static async open(settings, sitting) {
        const options = Object.fromEntries(Object.entries(settings).filter(([, value]) => value));
        const reelhaul = await Reelhaul.open({ ...options, getToken: () => accessCode(),
            logLevel: logLevelOfPage(), orphans: 'ask' });
        const uploads = new Uploads(reelhaul, sitting);
        Object.assign(window, { reelhaul }); // for the console: docs/troubleshooting.md
        uploads.changed();
        return uploads;
    }

    /** This person's uploads, and whatever of earlier ones has still to be sent: in recording order. */
    visible() {
        return this.reelhaul.list().filter((upload) => isMine(this.sitting, upload)
            || !['completed', 'cancelled'].includes(upload.state));
    }

    changed() {
        const visible = this.visible();
        this.indicator.update(visible);
        this.dispatchEvent(new CustomEvent('change', { detail: visible }));
    }

    /** The code became invalid while uploads were under way. @param {Event} event */
    watchAccess(event) {
        const upload = /** @type {CustomEvent<Upload>} */ (event).detail;
        if (upload.reason !== 'unauthorized') return;
        showNotice('code', strings.notice.noCode, { kind: 'warning', action: strings.notice.enterCode,
            onAction: () => void this.enterCode() });
    }

    /** @returns {Promise<boolean>} */
    async enterCode() {
        const given = await askForCode({ wrong: accessCode() !== '' });
        if (!given) return false;
        hideNotice('code');
        for (const upload of this.reelhaul.list()) {
            if (upload.reason === 'unauthorized') this.reelhaul.retry(upload.id);
        }
        return true;
    }

    /** With the server away a session begins all the same. @param {Event} event */
    onSession(event) {
        const { announced } = /** @type {CustomEvent<{id: string, announced: boolean}>} */ (event).detail;
        if (announced) hideNotice('noServer');
        else showNotice('noServer', strings.notice.noServer, { kind: 'warning' });
    }

    /**
     * Makes sure that there is a session, asking for the access code as often as the person tries. Asked
     * again while it is still asking, it gives the same answer: one sitting is one session.
     * @param {string} participantId
     * @returns {Promise<boolean>} false: the server refused, or no code; recording works all the same
     */
    ensureSession(participantId) {
        if (this.sitting.sessionId !== '') return Promise.resolve(true);
        this.beginning ??= this.beginSession(participantId).finally(() => { this.beginning = null; });
        return this.beginning;
    }

    /** @param {string} participantId @returns {Promise<boolean>} */
    async beginSession(participantId) {
        for (;;) {
            try {
                const options = participantId ? { participantId } : {};
                this.sitting.sessionId = await this.reelhaul.createSession(options);
                hideNotice('code');
                return true;
            } catch (error) {
                if (!wantsCode(error)) {
                    showNotice('noServer', strings.notice.noServer, { kind: 'warning' });
                    return false;
                }
                if (!await askForCode({ wrong: accessCode() !== '' })) {
                    showNotice('code', strings.notice.noCode, { kind: 'warning' });
                    return false;
                }
            }
        }
    }
}
