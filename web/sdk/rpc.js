/* SPDX-License-Identifier: MIT */
/**
 * Questions and answers over a worker or a MessagePort. Anything that is not one of these goes to the
 * `heard` function as it is.
 * @module
 */

/** What postMessage and onmessage need; Worker, MessagePort and the worker's own scope have it.
 * @typedef {{postMessage: (message: any, transfer: Transferable[]) => void,
 *   onmessage: ((event: MessageEvent) => void)|null}} Port */

export class Rpc {
    /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */
    #waiting = new Map();
    #next = 1;
    #port;

    /** @param {any} port @param {(type: string, message: any) => any} answer its result (or what it
     *   resolves to) is the answer, if one was asked for */
    constructor(port, answer) {
        this.#port = /** @type {Port} */ (port);
        this.#port.onmessage = ({ data }) => void this.#hear(data, answer);
    }

    /** @param {string} type @param {object} [message] @param {Transferable[]} [transfer] */
    tell(type, message = {}, transfer = []) {
        this.#port.postMessage({ ...message, type }, transfer);
    }

    /** @param {string} type @param {object} [message] @param {Transferable[]} [transfer] @returns {Promise<any>} */
    ask(type, message = {}, transfer = []) {
        const call = this.#next++;
        return new Promise((resolve, reject) => {
            this.#waiting.set(call, { resolve, reject });
            this.#port.postMessage({ ...message, type, call }, transfer);
        });
    }

    /** The other side is gone. @param {Error} error */
    fail(error) {
        for (const { reject } of this.#waiting.values()) reject(error);
        this.#waiting.clear();
    }

    /** @param {any} data @param {(type: string, message: any) => any} answer */
    async #hear(data, answer) {
        if (data.type === 'answer') {
            const waiting = this.#waiting.get(data.call);
            this.#waiting.delete(data.call);
            if (data.error) waiting?.reject(new DOMException(data.error.message, data.error.name));
            else waiting?.resolve(data.value);
            return;
        }
        try {
            const value = await answer(data.type, data);
            if (data.call) this.#port.postMessage({ type: 'answer', call: data.call, value }, []);
        } catch (error) {
            const { name, message } = /** @type {Error} */ (error);
            if (!data.call) throw error;
            this.#port.postMessage({ type: 'answer', call: data.call, error: { name, message } }, []);
        }
    }
}
