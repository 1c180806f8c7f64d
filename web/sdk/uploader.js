/* SPDX-License-Identifier: MIT */
/**
 * The uploader: a host for the engine. It runs wherever the Web Lock `uploader:<partition>` was given,
 * obeys the engine's actions and decides nothing about sending; its own rules are about ownership only:
 *   - a recording's folder is changed by the holder of `rec:<id>` alone; this module takes that lock when
 *     it is free, else asks the owner (Host.forget);
 *   - a recording whose owner is gone is recovered, and (unless its person is to be asked) accepted:
 *     nothing that was recorded is left behind because a tab died;
 *   - the engine hears `sealed`, and so completes an upload, only once the take is accepted;
 *   - of a session that the server has not heard of nothing is sent; what comes of telling it counts as what
 *     came of the request, so that the engine's patience is the only one.
 * @module
 */

import { Announcer } from './announcer.js';
import { BrainError } from './brain.js';
import { Connection, isOurs } from './connection.js';
import { partsOf } from './delegate.js';
import { ended } from './locks.js';
import { log } from './log.js';
import { exchange } from './transport.js';
import { view } from './view.js';

/** @typedef {import('./brain.js').BrainEvent} BrainEvent */
/** @typedef {import('./brain.js').BrainAction} BrainAction */
/** @typedef {import('./brain.js').SendAction} SendAction */
/** @typedef {import('./brain.js').RequestBody} RequestBody */
/** @typedef {import('./brain.js').Snapshot} Snapshot */
/** @typedef {import('./types.js').TakeRow} TakeRow */
/** @typedef {import('./types.js').Meta} Meta */
/** @typedef {import('./types.js').Segment} Segment */

/** @typedef {import('./types.js').Host} Host */
/** @typedef {import('./types.js').UploadTake} Take */

const SNAPSHOT_MS = 250;

/** @param {Meta} meta @returns {TakeRow} */
export function rowOf(meta) {
    return {
        rec: meta.rec, meta, accepted: false, discarded: false, uploadId: '', url: '', size: 0,
        local: true, last: null,
    };
}

export class Uploader {
    #host;
    #announcer;
    /** @type {Map<string, Take>} */
    #takes = new Map();
    /** @type {Map<number, AbortController>} requests in flight, by token */
    #requests = new Map();
    /** @type {Set<string>} */
    #watched = new Set();
    /** @type {Set<string>} tabs that ask to hold */
    #holders = new Set();
    /** @type {Set<string>} tokens that were refused */
    #spurned = new Set();
    #metered = false;
    #writer = { lease: '', number: 0 };
    #epoch = 0;
    #seq = 0;
    #bearer = '';
    #pumping = false;
    /** Another leads, or will: nothing is sent or written any more. */
    #ended = false;
    #ending = new AbortController();
    /** @type {() => void} */
    #idle = () => {};
    #connection;
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    #alarm;
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    #publishing;
    #publishedAt = -Infinity;

    /** @param {Host} host */
    constructor(host) {
        this.#host = host;
        this.#announcer = new Announcer(host, () => this.#bearer);
        this.#connection = new Connection(host.server, () => host.online(), (up) => this.#connected(up));
    }

    /** Asks for a snapshot. @returns {{epoch: number, seq: number}} the first that knows all of now */
    hello() {
        this.publishSoon();
        return { epoch: this.#epoch, seq: this.#seq + 1 };
    }

    /** Takes over: what was confirmed, what is in the spool, what people decided. The lock is held. */
    async start() {
        const { ledger, brain, spool } = this.#host;
        const writer = await ledger.takeOver();
        this.#epoch = writer.number;
        this.#writer = writer;
        for (const row of await ledger.takes()) this.#takes.set(row.rec, newTake(row));
        for (const bytes of await ledger.records()) this.#tell({ type: 'record', bytes });
        const recs = await spool.list();
        for (const rec of recs) {
            const free = await this.#ifFree(rec, () => this.#freed(rec));
            if (!free) this.#watch(rec);
        }
        for (const [rec, take] of this.#takes) {
            if (!recs.includes(rec)) await this.#bodiless(rec, take);
        }
        await this.#askToken();
        if (this.#ended) return;
        this.#tell({ type: 'leader', ...writer });
        this.#connection.begin();
        void this.#announcer.all();
        this.publishSoon();
        await this.#pump();
    }

    /** Ends decently, while the lock is still held. */
    async stop() {
        if (this.#ended) return;
        this.#tell({ type: 'leader_lost' });
        if (this.#pumping) await new Promise((resolve) => { this.#idle = () => resolve(undefined); });
        await this.#pump();
        this.abandon();
    }

    /** Ends at once: the lock is another's. */
    abandon() {
        this.#ended = true;
        this.#connection.end();
        clearTimeout(this.#alarm);
        clearTimeout(this.#publishing);
        this.#ending.abort();
        for (const control of this.#requests.values()) control.abort();
        this.#requests.clear();
    }

    /** So long it may go on. @param {number} ms */
    left(ms) {
        void this.tell({ type: 'left', ms });
    }

    /* ---- what the owners of recordings say; all of it may be said twice ---- */

    /** @param {Meta} meta */
    async opened(meta) {
        const take = this.#takes.get(meta.rec) ?? newTake(rowOf(meta));
        if (!this.#takes.has(meta.rec)) {
            this.#takes.set(meta.rec, take);
            await this.#host.ledger.putTakes([take.row]);
        }
        if (!take.sealed) take.recording = true;
        this.#watch(meta.rec);
        this.#informs(take);
    }

    /** @param {string} rec @param {Segment[]} segments */
    segments(rec, segments) {
        const take = this.#takes.get(rec);
        if (!take) return;
        for (const segment of segments) take.segments.set(segment.seg, segment);
        this.#informs(take);
    }

    /** @param {string} rec @param {{size: number, crc64: bigint}} sealed */
    sealed(rec, sealed) {
        const take = this.#takes.get(rec);
        if (!take) return;
        take.sealed = sealed;
        take.recording = false;
        take.row.size = sealed.size;
        this.#informs(take);
    }

    /* ---- what people want ---- */

    /** @param {string} rec */
    async accept(rec) {
        const take = this.#take(rec);
        if (take.row.discarded) throw new DOMException('this take was discarded', 'InvalidStateError');
        take.row.accepted = true;
        await this.#host.ledger.putTakes([take.row]);
        this.#informs(take);
    }

    /** Gives a take up on both ends. Its folder goes when its owner lets go of it. @param {string} rec */
    async discard(rec) {
        const take = this.#takes.get(rec);
        if (!take) {
            // Gone already, or its owner's news was lost: then it is asked again after the roll-call.
            const gone = await this.#ifFree(rec, () => this.#host.spool.forget(rec, null));
            if (!gone) this.#take(rec);
            return;
        }
        if (take.row.discarded) return;
        take.row.discarded = true;
        await this.#host.ledger.putTakes([take.row]);
        if (take.added) this.#tell({ type: 'cancel', upload: rec });
        await this.#ifFree(rec, () => this.#freed(rec));
        this.publishSoon();
        await this.#pump();
    }

    /** Off the list. Only what is completed, failed or cancelled. @param {string} rec */
    async remove(rec) {
        const state = this.#stateOf(this.#take(rec));
        if (state === 'completed') {
            await this.#ifFree(rec, () => this.#host.spool.forget(rec, null));
            this.#tell({ type: 'remove', upload: rec });
            this.#takes.delete(rec);
            await this.#host.ledger.dropTake(rec);
        } else if (state === 'failed' || state === 'cancelled') {
            await this.discard(rec);
        } else {
            throw new DOMException('this upload is not finished', 'InvalidStateError');
        }
        this.publishSoon();
        await this.#pump();
    }

    /** Events that pass to the engine as they are: pause, resume, retry, limit, network, storage …
     * @param {BrainEvent} event */
    async tell(event) {
        this.#tell(event);
        if (event.type === 'retry') {
            await this.#refresh(); // a person who signed in again presses this
            void this.#announcer.all();
        }
        await this.#pump();
    }

    /** What a page says of the network. @param {{up: boolean, metered: boolean}} word */
    network({ up, metered }) {
        this.#metered = metered;
        this.#connection.hint(up);
    }

    /** Somebody wants it to go on now. */
    async process() {
        if (this.#connection.state === 'online') await this.#connected(true);
        else this.#connection.hint(true);
    }

    /** What a person chose for one upload: it is kept with the take. @param {string} rec
     * @param {{priority?: import('./brain.js').Priority, method?: import('./types.js').Method}} choice */
    async choose(rec, choice) {
        const take = this.#take(rec);
        if (['completed', 'cancelled'].includes(this.#stateOf(take) ?? '')) {
            throw new DOMException('this upload is over', 'InvalidStateError');
        }
        // One engine speaks one dialect: what it is told to leave to another one would wait for ever.
        if (choice.method === 'tus') throw new DOMException('tus is not sent from here yet', 'NotSupportedError');
        take.row.choice = { ...take.row.choice, ...choice };
        await this.#host.ledger.putTakes([take.row]);
        if (take.added && choice.priority) this.#tell({ type: 'priority', upload: rec, priority: choice.priority });
        this.publishSoon();
        await this.#pump();
    }

    /** Hands what is left of accepted takes to a Background Fetch: until it is over nothing is sent from here.
     * @param {string} id of the fetch @returns {Promise<import('./types.js').Delegation>} */
    async delegate(id) {
        const { brain, ledger, server, spool } = this.#host;
        const takes = [...this.#takes.values()].filter((take) => this.#isDelegable(take));
        for (const { row } of takes) this.#tell({ type: 'pause', upload: row.rec });
        await this.#pump();
        const all = [];
        for (const take of takes) {
            const { rec, meta } = take.row;
            const segments = [...take.segments.values()];
            const sealed = /** @type {{size: number, crc64: bigint}} */ (take.sealed);
            const refusal = await this.#announcer.introduce(meta.sessionId);
            const parts = refusal ? [] : await partsOf({
                server, meta, sealed, segments, brain, remote: take.row.uploadId,
                bearer: await ledger.token(meta.sessionId) || this.#bearer,
                blob: (offset, length) => spool.blob(rec, segments, offset, length),
            }).catch((error) => {
                log('warn', 'not delegated', rec, error);
                return [];
            });
            take.row.delegated = { id, parts: parts.map(({ offset, length }) => [offset, length]) };
            all.push(...parts);
        }
        await ledger.putTakes(takes.map(({ row }) => row));
        if (all.length === 0) await this.undelegate(id);
        this.publishSoon();
        return { id, parts: all };
    }

    /** The fetch is over, or never was: the server is asked what it has, as after a takeover. @param {string} id */
    async undelegate(id) {
        const takes = [...this.#takes.values()].filter(({ row }) => row.delegated?.id === id);
        if (takes.length === 0) return;
        for (const { row } of takes) delete row.delegated;
        await this.#host.ledger.putTakes(takes.map(({ row }) => row));
        this.#tell({ type: 'leader_lost' });
        await this.#pump();
        this.#tell({ type: 'leader', ...this.#writer });
        for (const { row } of takes) this.#tell({ type: 'resume', upload: row.rec });
        this.publishSoon();
        await this.#pump();
    }

    /** @param {Take} take */
    #isDelegable(take) {
        const { accepted, discarded, delegated, choice, uploadId, meta } = take.row;
        if (!uploadId && !meta.sessionId) return false; // the engine could not find it again
        const snapshot = take.snapshot ?? take.row.last;
        if (!accepted || discarded || delegated || !take.sealed || take.trouble) return false;
        if (choice?.method === 'tus' || snapshot?.reason === 'user') return false;
        return !snapshot || ['pending', 'uploading', 'paused'].includes(snapshot.state);
    }

    /** @param {boolean} up */
    async #connected(up) {
        this.#tell({ type: 'network', up, metered: this.#metered });
        if (up) void this.#announcer.all();
        this.publishSoon();
        await this.#pump();
    }

    /** @param {string} tab @param {boolean} held */
    async hold(tab, held) {
        if (held && !this.#holders.has(tab)) {
            // A tab that dies holds nobody up: its own lock is free then.
            void ended(`tab:${tab}`, this.#ending.signal).then(() => this.hold(tab, false), () => {});
        }
        if (held) this.#holders.add(tab);
        else this.#holders.delete(tab);
        await this.tell({ type: this.#holders.size > 0 ? 'hold' : 'release' });
    }

    /* ---- recordings ---- */

    /** @param {string} rec @returns {Take} */
    #take(rec) {
        const take = this.#takes.get(rec);
        if (!take) throw new DOMException(`no take ${rec}`, 'NotFoundError');
        return take;
    }

    /** The engine's records know best; the row remembers what the engine had to let go.
     * @param {Take} take */
    #stateOf({ row }) {
        return this.#host.brain.look(row.rec)?.state ?? row.last?.state;
    }

    /** Runs `work` holding the recording's lock if that is free now. @param {string} rec
     * @param {() => Promise<void>} work @returns {Promise<boolean>} */
    #ifFree(rec, work) {
        const done = navigator.locks.request(`rec:${rec}`, { ifAvailable: true }, async (lock) => {
            if (lock) await work();
            return lock !== null;
        });
        return /** @type {Promise<any>} */ (done);
    }

    /** Waits for the owner to let go, or to die. @param {string} rec */
    #watch(rec) {
        if (this.#watched.has(rec)) return;
        this.#watched.add(rec);
        navigator.locks.request(`rec:${rec}`, { signal: this.#ending.signal }, async () => {
            this.#watched.delete(rec);
            if (this.#ended) return;
            await this.#freed(rec);
            this.publishSoon();
            await this.#pump();
        }).catch((error) => this.#ended || this.#troubled(error));
    }

    /** A recording without owner; its lock is ours. @param {string} rec */
    async #freed(rec) {
        const { spool, ledger } = this.#host;
        const known = this.#takes.get(rec);
        if (known) known.recording = false;
        const before = await spool.read(rec);
        const halfCopied = before?.meta.source === 'file' && !before.sealed;
        if (known?.row.discarded || halfCopied) {
            await spool.forget(rec, null);
            if (this.#host.brain.look(rec)) this.#tell({ type: 'cancel', upload: rec });
            this.#takes.delete(rec);
            await ledger.dropTake(rec);
            return;
        }
        if (known && this.#stateOf(known) === 'completed') {
            if (!known.row.local) await spool.forget(rec, null); // forgetting was cut short
            return;
        }
        const found = before?.sealed ? before : await spool.recover(rec);
        if (!found || this.#ended) return;
        const take = known ?? newTake(rowOf(found.meta));
        this.#takes.set(rec, take);
        take.row.size = found.size;
        if (found.verdict !== 'ok') take.trouble = 'damaged';
        if (!take.row.accepted && this.#host.orphans === 'accept') take.row.accepted = true;
        await ledger.putTakes([take.row]);
        for (const segment of found.segments) take.segments.set(segment.seg, { ...segment, closed: true });
        for (const seg of found.gone) take.gone.add(seg);
        // Without it a journal that could not be sealed would be cut shorter the next time: it goes with the whole.
        if (found.tail !== undefined) take.gone.add(found.tail);
        take.sealed = { size: found.size, crc64: found.crc64 };
        this.#informs(take);
    }

    /** In the ledger, not in the spool: completed and freed; or thrown away; or lost.
     * @param {string} rec @param {Take} take */
    async #bodiless(rec, take) {
        const state = this.#stateOf(take);
        if (take.row.discarded || (!take.row.accepted && !take.row.last)) {
            this.#takes.delete(rec);
            await this.#host.ledger.dropTake(rec);
        } else if (state !== 'completed' && state !== 'cancelled') {
            take.row.local = false;
            this.#tell({ type: 'added', upload: rec });
            this.#tell({ type: 'source_lost', upload: rec });
        }
    }

    /** Tells the engine what it does not know yet of a recording. @param {Take} take */
    #informs(take) {
        const upload = take.row.rec;
        const waits = !take.row.accepted && !this.#host.eager;
        if (take.trouble || take.row.discarded || waits) return this.publishSoon();
        if (!take.added) this.#adds(take);
        for (let next = take.segments.get(take.toldSegments); next && take.added;
            next = take.segments.get(take.toldSegments)) {
            const { offset, length, crc64 } = next;
            this.#tell({ type: 'spooled', upload, offset, length, crc64 });
            take.toldSegments++;
        }
        if (take.sealed && take.row.accepted && !take.toldSealed && take.added) {
            take.toldSealed = this.#tell({ type: 'sealed', upload, ...take.sealed });
        }
        this.publishSoon();
        void this.#pump();
    }

    /** @param {Take} take */
    #adds(take) {
        const { rec: upload, choice } = take.row;
        take.added = this.#tell({ type: 'added', upload, priority: choice?.priority, remote: take.row.uploadId });
        if (!take.added) return;
        if (choice?.priority) this.#tell({ type: 'priority', upload, priority: choice.priority });
    }

    /* ---- the engine ---- */

    /** @param {BrainEvent} event @returns {boolean} false: the engine refused it */
    #tell(event) {
        if (this.#ended) return false;
        try {
            this.#host.brain.tell(event);
            return true;
        } catch (error) {
            if (!(error instanceof BrainError)) throw error;
            log(error.code === 'unknown' ? 'debug' : 'warn', event.type, error.code, error.message);
            return false;
        }
    }

    /** Obeys until there is nothing to do. One at a time: a record is durable before what follows it. */
    async #pump() {
        if (this.#pumping || this.#ended) return;
        this.#pumping = true;
        try {
            for (let actions = this.#host.brain.drain(); actions.length > 0 && !this.#ended;
                actions = this.#host.brain.drain()) {
                await this.#obeyAll(actions);
            }
        } catch (error) {
            this.#troubled(error);
        } finally {
            this.#pumping = false;
            this.#idle();
        }
    }

    /** @param {unknown} error */
    #troubled(error) {
        log('error', 'uploader', error);
        if (error instanceof DOMException && error.name === 'StaleError') this.#host.lost();
    }

    /** @param {BrainAction[]} actions */
    async #obeyAll(actions) {
        /** @type {[string, Uint8Array|null][]} */
        let records = [];
        for (const action of actions) {
            if (action.type === 'persist') {
                records.push([action.upload, action.bytes]);
            } else if (action.type === 'erase_record') {
                records.push([action.upload, null]);
            } else {
                if (records.length > 0) await this.#host.ledger.write(records);
                records = [];
                await this.#obey(action);
            }
        }
        if (records.length > 0) await this.#host.ledger.write(records);
    }

    /** @param {BrainAction} action */
    async #obey(action) {
        switch (action.type) {
        case 'send':
            void this.#send(action);
            break;
        case 'abort':
            this.#requests.get(action.token)?.abort();
            this.#requests.delete(action.token);
            break;
        case 'wake_at':
            clearTimeout(this.#alarm);
            if (action.at !== null) {
                const delay = Math.max(0, action.at - performance.now());
                this.#alarm = setTimeout(() => void this.tell({ type: 'wake' }), Math.min(delay, 1 << 30));
            }
            break;
        case 'forget':
            await this.#forget(action.upload, action.whole, action.offset, action.length);
            break;
        case 'notify':
            await this.#notified(action.upload, action.snapshot);
            break;
        case 'need_token':
            void this.#refresh();
            break;
        default:
        }
    }

    async #refresh() {
        await this.#askToken();
        await this.tell({ type: 'token' });
    }

    /** The page may have to ask a server that is away: then the old one stays. */
    async #askToken() {
        try {
            this.#bearer = await this.#host.token();
        } catch (error) {
            log('warn', 'no token', error);
        }
    }

    /** @param {string} rec @param {boolean} whole @param {number} offset @param {number} length */
    async #forget(rec, whole, offset, length) {
        const { spool, ledger } = this.#host;
        const take = this.#takes.get(rec);
        if (!take) return;
        if (take.row.local) {
            take.row.local = false;
            await ledger.putTakes([take.row]);
        }
        if (whole) {
            const free = await this.#ifFree(rec, () => spool.forget(rec, null));
            if (!free) this.#watch(rec);
            return;
        }
        const segs = [...take.segments.values()]
            .filter((s) => s.offset >= offset && s.offset + s.length <= offset + length && !take.gone.has(s.seg))
            .map((s) => s.seg);
        if (segs.length === 0) return;
        for (const seg of segs) take.gone.add(seg);
        const free = await this.#ifFree(rec, () => spool.forget(rec, segs));
        if (!free) this.#host.forget(rec, segs);
    }

    /** @param {string} rec @param {Snapshot} snapshot */
    async #notified(rec, snapshot) {
        const take = this.#takes.get(rec);
        if (!take) return;
        const before = take.snapshot ?? take.row.last;
        take.snapshot = snapshot;
        // The engine's patience ended, as with a server that swallows everything: look which it is.
        if (snapshot.reason === 'offline' && before?.reason !== 'offline') void this.#connection.reached();
        take.row.last = snapshot;
        if (before?.state !== snapshot.state) {
            log('info', rec, snapshot.state, snapshot.reason);
            await this.#host.ledger.putTakes([take.row]);
        }
        this.publishSoon();
    }

    /* ---- requests ---- */

    /** @param {SendAction} action */
    async #send(action) {
        const { brain, server, ledger, spool } = this.#host;
        const { token, upload, offset, length } = action;
        const take = this.#takes.get(upload);
        const control = new AbortController();
        this.#requests.set(token, control);
        /** @type {Blob|null} */
        let source = null;
        try {
            const refusal = await this.#announcer.introduce(take?.row.meta.sessionId ?? '');
            if (!this.#requests.has(token)) return; // aborted meanwhile
            if (refusal) {
                this.#requests.delete(token);
                brain.response(action, refusal.status, refusal.headers);
                return void this.#pump();
            }
            if (action.kind === 'part' && length > 0) {
                source = await spool.blob(upload, [...take?.segments.values() ?? []], offset, length);
            }
            let sums;
            if (source && brain.wantsSlices(action)) {
                // Odd ranges, and parts of one large segment: the journal has the checksums of whole segments alone.
                sums = brain.slices(new Uint8Array(await source.arrayBuffer()));
            }
            const request = brain.request(action, sourceOf(take), sums?.crc64, sums?.slices);
            /** @type {Record<string, string>} */
            const headers = { ...request.headers };
            const own = await ledger.token(take?.row.meta.sessionId ?? '');
            const bearer = own && !this.#spurned.has(own) ? own : this.#bearer;
            if (bearer) headers['Authorization'] = `Bearer ${bearer}`;
            const reply = await exchange({
                method: request.method, url: server + request.path, headers,
                body: bodyOf(request.body, source), signal: control.signal,
                progress: (bytes) => void this.#progress(token, bytes),
            });
            if (!this.#requests.has(token)) return;
            if (!isOurs(reply) && !await this.#connection.reached()) {
                throw new DOMException('the answer is not our server\'s', 'NetworkError');
            }
            if (!this.#requests.delete(token) || this.#ended) return;
            this.#connection.heard();
            if (reply.status === 401) this.#spurned.add(bearer);
            if (take) await this.#learn(take, reply);
            const { outcome } = brain.response(action, reply.status, reply.headers);
            log('debug', action.kind, upload, offset, length, reply.status, outcome);
        } catch (error) {
            if (!this.#requests.has(token)) return; // aborted by the engine: no event is owed
            log('info', action.kind, upload, offset, length, error);
            // An outage is told first: then this counts as no attempt, where the policy has it so.
            if (!await unreadable(error, null)) await this.#connection.reached();
            if (!this.#requests.delete(token)) return;
            this.#tell({ type: 'broken', token });
            if (await unreadable(error, source)) this.#tell({ type: 'source_lost', upload });
        }
        await this.#pump();
    }

    /** @param {number} token @param {number} bytes */
    async #progress(token, bytes) {
        if (!this.#requests.has(token)) return;
        await this.tell({ type: 'progress', token, bytes });
    }

    /** What only people need of an answer. @param {Take} take
     * @param {{headers: Headers, text: string}} reply */
    async #learn({ row }, { headers, text }) {
        const uploadId = headers.get('Reelhaul-Upload') ?? row.uploadId;
        let { url } = row;
        if (headers.get('Reelhaul-State') === 'done') {
            url = urlIn(text, this.#host.server) || url;
        }
        if (uploadId === row.uploadId && url === row.url) return;
        row.uploadId = uploadId;
        row.url = url;
        await this.#host.ledger.putTakes([row]);
    }

    /* ---- snapshots ---- */

    /** At most four a second. */
    publishSoon() {
        if (this.#publishing !== undefined || this.#ended) return;
        const wait = Math.max(0, this.#publishedAt + SNAPSHOT_MS - performance.now());
        this.#publishing = setTimeout(() => this.#publish(), wait);
    }

    #publish() {
        this.#publishing = undefined;
        this.#publishedAt = performance.now();
        const uploads = [];
        for (const take of this.#takes.values()) {
            if (take.row.discarded) continue;
            const { recording, trouble } = take;
            const last = [...take.segments.values()].at(-1);
            const spooled = last ? last.offset + last.length : 0;
            uploads.push(view(take.row, take.snapshot, {
                recording, trouble, spooled, connection: this.#connection.state,
            }));
        }
        uploads.sort((a, b) => (a.id < b.id ? -1 : 1));
        const resumed = [...this.#takes.values()]
            .filter(({ snapshot }) => snapshot?.resumed && isUnderWay(snapshot)).length;
        this.#host.publish({
            type: 'snapshot', epoch: this.#epoch, seq: ++this.#seq, uploads, resumed,
            connection: this.#connection.state,
        });
    }
}

/** @param {Snapshot} snapshot */
const isUnderWay = ({ state }) => state === 'pending' || state === 'uploading' || state === 'paused';

/** @param {TakeRow} row @returns {Take} */
function newTake(row) {
    return {
        row, snapshot: null, segments: new Map(), gone: new Set(), recording: false, sealed: null,
        toldSegments: 0, toldSealed: false, added: false, trouble: '',
    };
}

/** @param {Take|undefined} take @returns {import('./brain.js').Source} */
function sourceOf(take) {
    if (!take) return {};
    const { sessionId, videoId, mimeType, metadata, name } = take.row.meta;
    return { session: sessionId, video: videoId, mime: mimeType, metadata, fileName: name };
}

/** @param {RequestBody} body @param {Blob|null} source @returns {Blob|null} */
function bodyOf(body, source) {
    const copy = (/** @type {Uint8Array} */ bytes) => /** @type {Uint8Array<ArrayBuffer>} */ (bytes);
    switch (body.kind) {
    case 'inline': return new Blob([copy(body.bytes)]);
    case 'range': return source ?? new Blob();
    case 'form': return new Blob([copy(body.preamble), source ?? new Blob(), copy(body.epilogue)]);
    default: return null;
    }
}

/** The address in an answer about one video; the form dialect says a path below /recordings instead.
 * @param {string} text @param {string} server @returns {string} '' if it names none */
function urlIn(text, server) {
    try {
        const { url, file_path: path } = JSON.parse(text);
        if (typeof url === 'string') return new URL(url, `${server}/`).href;
        return typeof path === 'string' ? new URL(`recordings/${path}`, `${server}/`).href : '';
    } catch {
        return '';
    }
}

/** A request also breaks when its file is gone; only looking tells the two apart.
 * @param {unknown} error @param {Blob|null} source */
async function unreadable(error, source) {
    if (error instanceof DOMException && error.name === 'NotFoundError') return true;
    if (!source) return false;
    return source.slice(0, 1).arrayBuffer().then(() => false, () => true);
}
