/* SPDX-License-Identifier: MIT */
/**
 * One HTTP request with a Blob body. XMLHttpRequest where there is one, because only it tells how far a
 * body has come (fetch does not, and a time-out must count time without progress); else fetch.
 * @module
 */

/** @typedef {import('./types.js').Call} Call */
/** @typedef {import('./types.js').Reply} Reply */

/** Rejects when the request ends without an answer. @param {Call} call @returns {Promise<Reply>} */
export function exchange(call) {
    return typeof XMLHttpRequest === 'undefined' ? byFetch(call) : byXhr(call);
}

/** @param {Call} call @returns {Promise<Reply>} */
async function byFetch({ method, url, headers, body, signal }) {
    const answer = await fetch(url, {
        method, headers, body, signal, cache: 'no-store', redirect: 'error', credentials: 'same-origin',
    });
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

/** @param {Call} call @returns {Promise<Reply>} */
function byXhr({ method, url, headers, body, signal, progress }) {
    return new Promise((resolve, reject) => {
        const request = new XMLHttpRequest();
        const broken = () => reject(new DOMException('the request ended without an answer', 'NetworkError'));
        request.open(method, url);
        for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
        if (body) request.upload.onprogress = ({ loaded }) => progress(loaded);
        request.onerror = broken;
        request.onabort = broken;
        request.ontimeout = broken;
        request.onload = () => {
            if (request.status === 0) return broken();
            const lines = request.getAllResponseHeaders().trim().split('\r\n').filter(Boolean);
            const fields = lines.map((line) => {
                const colon = line.indexOf(':');
                return /** @type {[string, string]} */ ([line.slice(0, colon), line.slice(colon + 1).trim()]);
            });
            return resolve({ status: request.status, headers: new Headers(fields), text: request.responseText });
        };
        signal.addEventListener('abort', () => request.abort(), { once: true });
        if (signal.aborted) return broken();
        return request.send(body);
    });
}
