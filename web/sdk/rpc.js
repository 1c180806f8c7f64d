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
    /** @type {Map<number, {message: object, again: boolean, resolve: (value: any) => void,
     *   reject: (error: Error) => void}>} */
    #waiting = new Map();
    #next = 1;
    #port;
    #answer;

    /** @param {any} port @param {(type: string, message: any) => any} answer its result (or what it
     *   resolves to) is the answer, if one was asked for */
    constructor(port, answer) {
        this.#port = /** @type {Port} */ (port);
        this.#answer = answer;
        this.#port.onmessage = ({ data }) => void this.#hear(data);
    }

    /** The other side died and another stands in. @param {any} port */
    rebind(port) {
        this.#port.onmessage = null;
        this.#port = /** @type {Port} */ (port);
        this.#port.onmessage = ({ data }) => void this.#hear(data);
    }

    /** Asks again what was not answered, except what carried ports. */
    repeat() {
        for (const { message, again } of this.#waiting.values()) if (again) this.#port.postMessage(message, []);
    }

    /** @param {string} type @param {object} [message] @param {Transferable[]} [transfer] */
    tell(type, message = {}, transfer = []) {
        this.#port.postMessage({ ...message, type }, transfer);
    }

    /** @param {string} type @param {object} [message] @param {Transferable[]} [transfer] @returns {Promise<any>} */
    ask(type, message = {}, transfer = []) {
        const call = this.#next++;
        return new Promise((resolve, reject) => {
            const asked = { ...message, type, call };
            this.#waiting.set(call, { message: asked, again: transfer.length === 0, resolve, reject });
            this.#port.postMessage(asked, transfer);
        });
    }

    /** The other side is gone. @param {Error} error */
    fail(error) {
        for (const { reject } of this.#waiting.values()) reject(error);
        this.#waiting.clear();
    }

    /** @param {any} data */
    async #hear(data) {
        if (data.type === 'answer') {
            const waiting = this.#waiting.get(data.call);
            this.#waiting.delete(data.call);
            if (data.error) waiting?.reject(new DOMException(data.error.message, data.error.name));
            else waiting?.resolve(data.value);
            return;
        }
        try {
            const value = await this.#answer(data.type, data);
            if (data.call) this.#port.postMessage({ type: 'answer', call: data.call, value }, []);
        } catch (error) {
            const { name, message } = /** @type {Error} */ (error);
            if (!data.call) throw error;
            this.#port.postMessage({ type: 'answer', call: data.call, error: { name, message } }, []);
        }
    }
}
