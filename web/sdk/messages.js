/* SPDX-License-Identifier: MIT */
/**
 * From snapshots to the messages that the service worker sends: what changed since the one before. Pure.
 * @module
 */

/** @typedef {import('./types.js').UploadSnapshot} UploadSnapshot */

/** As the documents count: chunks of 1 MB. */
export const CHUNK_BYTES = 1 << 20;

/** @param {UploadSnapshot} upload @returns {number} whole chunks that the server vouched for */
const chunksOf = ({ bytes, total, state }) =>
    (state === 'completed' ? Math.max(1, Math.ceil(total / CHUNK_BYTES)) : Math.floor(bytes / CHUNK_BYTES));

export class Messages {
    /** @type {Map<string, {chunks: number, state: string, error: string}>} */
    #seen = new Map();
    #say;

    /** @param {(message: object) => void} say */
    constructor(say) {
        this.#say = say;
    }

    /** @param {{type: string, uploads?: UploadSnapshot[]}} message of the uploader */
    hear({ type, uploads = [] }) {
        if (type !== 'snapshot') return;
        for (const upload of uploads) this.#compare(upload);
    }

    /** What was there when this began is no news. @param {UploadSnapshot} upload */
    #compare(upload) {
        const { id: sessionId, total, state, error } = upload;
        const chunks = chunksOf(upload);
        const before = this.#seen.get(sessionId) ?? { chunks, state, error: '' };
        this.#seen.set(sessionId, { chunks, state, error });
        const totalChunks = Math.max(1, Math.ceil(total / CHUNK_BYTES));
        for (let chunkId = before.chunks; chunkId < chunks; chunkId++) {
            this.#say({ type: 'CHUNK_UPLOADED', sessionId, chunkId, totalChunks });
        }
        if (state === 'completed' && before.state !== state) {
            this.#say({ type: 'SESSION_UPLOAD_COMPLETE', sessionId });
        }
        if (error && error !== before.error) {
            this.#say({ type: 'UPLOAD_ERROR', sessionId, chunkId: chunks, error });
        }
    }
}
