/* SPDX-License-Identifier: MIT */
/**
 * The ledger of one partition, in IndexedDB with strict durability: the engine's records, what people
 * decided about each take, sessions that the server has not heard of, the writer lease. A cache as far as
 * the server's bytes are concerned; the decisions and those sessions are kept nowhere else.
 * @module
 */

import { asked, openDb, transact } from './idb.js';

/** @typedef {import('./types.js').TakeRow} TakeRow */
/** @typedef {import('./types.js').SessionRow} SessionRow */

const FORMAT = 1;

export class Ledger {
    #db;
    /** The takeover that this ledger writes for. */
    #number = 0;

    /** @param {IDBDatabase} db */
    constructor(db) {
        this.#db = db;
    }

    /** @param {string} partition */
    static async open(partition) {
        return new Ledger(await openDb(`reelhaul-${partition}`, 1, (db) => {
            db.createObjectStore('records');
            db.createObjectStore('takes', { keyPath: 'rec' });
            db.createObjectStore('state');
        }));
    }

    /** The engine's records. @returns {Promise<Uint8Array[]>} */
    records() {
        return transact(this.#db, ['records'], 'readonly', (tx) => asked(tx.objectStore('records').getAll()));
    }

    /** A leader's writing: rejects with StaleError, having written nothing, when another took over since.
     * @param {string} store @param {(tx: IDBTransaction) => void} work */
    #fenced(store, work) {
        return transact(this.#db, [store, 'state'], 'readwrite', async (tx) => {
            const writer = await asked(tx.objectStore('state').get('writer'));
            if (writer?.number !== this.#number) throw new DOMException('another took over', 'StaleError');
            work(tx);
        });
    }

    /** In order, in one transaction; null erases. @param {[string, Uint8Array|null][]} changes */
    write(changes) {
        return this.#fenced('records', (tx) => {
            const store = tx.objectStore('records');
            for (const [upload, bytes] of changes) {
                if (bytes) store.put(bytes, upload);
                else store.delete(upload);
            }
        });
    }

    /** In recording order: ids begin with their time. @returns {Promise<TakeRow[]>} */
    takes() {
        return transact(this.#db, ['takes'], 'readonly', (tx) => asked(tx.objectStore('takes').getAll()));
    }

    /** @param {TakeRow[]} rows */
    putTakes(rows) {
        return this.#fenced('takes', (tx) => {
            for (const row of rows) tx.objectStore('takes').put(row);
        });
    }

    /** @param {string} rec */
    dropTake(rec) {
        return this.#fenced('takes', (tx) => void tx.objectStore('takes').delete(rec));
    }

    /** This browser profile's lease with a number that is higher at each takeover, durable before use:
     * requests of an earlier leader that arrive late are refused by the server.
     * @returns {Promise<{lease: string, number: number}>} */
    async takeOver() {
        const writer = await transact(this.#db, ['state'], 'readwrite', async (tx) => {
            const store = tx.objectStore('state');
            const old = await asked(store.get('writer'));
            const writer = { lease: old?.lease ?? crypto.randomUUID(), number: (old?.number ?? 0) + 1 };
            store.put(writer, 'writer');
            return writer;
        });
        this.#number = writer.number;
        return writer;
    }

    /** What an uploader without a page needs to know; null: nobody was here yet.
     * @returns {Promise<import('./types.js').Config|null>} */
    async config() {
        return await transact(this.#db, ['state'], 'readonly',
            (tx) => asked(tx.objectStore('state').get('config'))) ?? null;
    }

    /** Merges. @param {Partial<import('./types.js').Config>} changes
     * @returns {Promise<import('./types.js').Config>} */
    configure(changes) {
        return transact(this.#db, ['state'], 'readwrite', async (tx) => {
            const store = tx.objectStore('state');
            const old = await asked(store.get('config'));
            const kinds = [...new Set([...old?.kinds ?? [], ...changes.kinds ?? []])];
            const config = { ...old, ...changes, kinds };
            store.put(config, 'config');
            return config;
        });
    }

    /** Frees the database for others. */
    close() {
        this.#db.close();
    }

    /** Bearer tokens of sessions (server with --auth token), so that a later visit can finish them.
     * @param {string} session @returns {Promise<string>} '' if there is none */
    async token(session) {
        const key = `token:${session}`;
        return await transact(this.#db, ['state'], 'readonly', (tx) => asked(tx.objectStore('state').get(key))) ?? '';
    }

    /** @param {string} session @param {string} token */
    putToken(session, token) {
        return transact(this.#db, ['state'], 'readwrite',
            (tx) => void tx.objectStore('state').put(token, `token:${session}`));
    }

    /** A session that the server is to be told of before anything of it is sent. @param {SessionRow} session */
    defer(session) {
        return transact(this.#db, ['state'], 'readwrite',
            (tx) => void tx.objectStore('state').put(session, `deferred:${session.id}`));
    }

    /** Rows of a newer format are somebody else's to announce. @returns {Promise<SessionRow[]>} */
    async deferred() {
        const range = IDBKeyRange.bound('deferred:', 'deferred;', false, true);
        const rows = await transact(this.#db, ['state'], 'readonly',
            (tx) => asked(tx.objectStore('state').getAll(range)));
        return rows.filter(({ format }) => format <= FORMAT);
    }

    /** The server knows it now. @param {string} session @param {string} token '' if it gave none */
    announced(session, token) {
        return transact(this.#db, ['state'], 'readwrite', (tx) => {
            const store = tx.objectStore('state');
            if (token) store.put(token, `token:${session}`);
            store.delete(`deferred:${session}`);
        });
    }
}

/** Those that pages opened, the latest first. @returns {Promise<string[]>} */
export async function partitions() {
    const found = [];
    for (const { name = '' } of await indexedDB.databases?.() ?? []) {
        const partition = /^reelhaul-([0-9a-f]{20})$/.exec(name)?.[1];
        if (!partition) continue;
        const ledger = await Ledger.open(partition);
        found.push({ partition, openedAt: (await ledger.config())?.openedAt ?? 0 });
        ledger.close();
    }
    return found.sort((a, b) => b.openedAt - a.openedAt).map(({ partition }) => partition);
}
