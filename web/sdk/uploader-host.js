/* SPDX-License-Identifier: MIT */
/**
 * The uploader's place: a SharedWorker for all tabs, a dedicated worker per tab, a service worker after the tabs, or
 * the page. Wherever it is, the one that holds Web Lock `uploader:<partition>` runs the engine; the others wait for the
 * lock and pass everything on to it over BroadcastChannel `reelhaul:<partition>`. A message may be lost when a leader
 * dies, so commands are repeated until they are answered (all may be done twice) and every new leader asks for a
 * roll-call.
 *
 * Who leads: whoever gets the lock. An older format yields to a newer one, a service worker to any other. A leader from
 * which nothing was heard for a minute is frozen: its lock is broken, its requests are refused by the server (writer
 * lease) and its records by the ledger.
 *
 * From the page: init {tab, port, …}, level, session-token, defer, limit, command.
 * To the page: here, token, online, leader.
 * @module
 */

import { compile } from './brain.js';
import { crcOf, loadBrain } from './brain-pick.js';
import { keptEngine } from './engine-copy.js';
import { FORMAT, SPEAKS } from './format.js';
import { openLedger } from './ledger-pick.js';
import { ended, hold } from './locks.js';
import { log, setLevel } from './log.js';
import { Rpc } from './rpc.js';
import { openReader } from './spool-pick.js';
import { Uploader } from './uploader.js';
import { view } from './view.js';

/** @typedef {import('./types.js').HostKind} HostKind */
/** @typedef {import('./types.js').Config} Config */
/** @typedef {import('./types.js').UploaderOptions} UploaderOptions */
/** @typedef {import('./ledger.js').Ledger} Ledger */

const REPEAT_MS = 1000;
const TRIES = 3;
const LOOK_MS = 5000;
/** A leader that lives answers within this. */
const ANSWER_MS = 1500;
/** A lock whose holder says nothing for so long is broken. */
const STALE_MS = 60_000;
/** A SharedWorker with extended lifetime ran 298 s after its last tab. */
const EXTENDED_MS = 280_000;
/** The engine takes a time that is over for no limit at all. */
const EVER_MS = 0;

/** A page. @typedef {{tab: string, page: Rpc, spool: Rpc|null, asksOnline: boolean}} Client */

export class UploaderHost {
    /** Called when a leader publishes here. @type {(message: any) => void} */ onpublish = () => {};
    #id = crypto.randomUUID();
    #kind;
    /** Its lock tells pages that this host lives. */
    #alive;
    /** @type {Set<Client>} */
    #clients = new Set();
    /** @type {Config|null} */
    #config = null;
    /** @type {Promise<void>|null} */
    #opening = null;
    /** @type {Ledger|null} */
    #ledger = null;
    /** @type {BroadcastChannel|null} */
    #channel = null;
    /** Loaded at once: the server may be away when it becomes the leader. @type {WebAssembly.Module|undefined} */
    #engine;
    /** @type {Uploader|null} */
    #uploader = null;
    /** Not before the leader has read its ledger. @type {Promise<void>|null} */
    #leading = null;
    /** Lets go of the lock. @type {() => void} */
    #yield = () => {};
    /** The request for the lock. */
    #queue = new AbortController();
    #stealing = false;
    /** Its last page is gone: the browser ends it soon. */
    #dying = false;
    #ended = false;
    /** When a leader was last heard. */
    #heardAt = performance.now();
    /** Commands not answered yet. @type {Map<string, {message: any, since: number, resolve: (value: any) => void,
     *   reject: (error: Error) => void}>} */
    #waiting = new Map();
    #calls = 0;

    /** @param {HostKind} kind */
    constructor(kind) {
        this.#kind = kind;
        this.#alive = hold(`host:${this.#id}`);
    }

    /** A page that wants to be served. @param {any} port */
    async attach(port) {
        /** @type {Client} */
        const client = { tab: '', spool: null, asksOnline: false, page: new Rpc(port, (type, message) => {
            switch (type) {
            case 'init': return this.#init(client, message);
            case 'level': return setLevel(message.level);
            case 'session-token': return this.#mine.putToken(message.session, message.token);
            case 'defer': return this.#mine.defer(message.session);
            case 'limit': return this.#limit(client.tab, message.limit);
            case 'command': return this.#command(client.tab, message.name, message.args);
            default: throw new TypeError(`uploader: ${type}?`);
            }
        }) };
        await this.#alive;
        client.page.tell('here', { format: FORMAT, kind: this.#kind, lock: `host:${this.#id}` });
    }

    /** Without a page: takes the lock when it is free, and sends until nothing is left or the time is over.
     * @param {string} partition @param {{ms: number, force?: boolean, delegation?: string}} budget
     *   delegation: a Background Fetch that is over
     * @returns {Promise<number>} uploads left, as far as this host could see */
    async drain(partition, { ms, force = false, delegation = '' }) {
        this.#ledger ??= await openLedger(partition);
        const config = await this.#ledger.config();
        const left = await this.#left();
        if (!config || ms === 0 || (left === 0 && !delegation)) return left;
        const end = performance.now() + ms;
        this.#endsAt = end;
        this.#opening ??= this.#open(config);
        await this.#opening;
        if (force && !await this.#answered(ANSWER_MS)) this.#steal();
        const late = new Promise((resolve) => setTimeout(resolve, ms));
        const told = delegation ? this.#command('', 'undelegate', [delegation]) : this.#command('', 'process', []);
        await Promise.race([told.catch(() => {}), late]);
        while (performance.now() < end && await this.#left() > 0) {
            await Promise.race([late, new Promise((resolve) => {
                this.#settled = resolve;
                setTimeout(resolve, LOOK_MS); // another leader may have finished it
            })]);
        }
        return this.#left();
    }

    /** Somebody wants whoever leads to go on now. */
    process() {
        if (this.#channel) void this.#command('', 'process', []).catch(() => {});
    }

    /** A snapshot was heard. @type {(value?: any) => void} */
    #settled = () => {};
    /** When a host without pages must be done; 0: never. */
    #endsAt = 0;

    /** Lets go of everything. */
    async end() {
        this.#ended = true;
        this.#queue.abort();
        this.#yield();
        await this.#unlead();
        this.#channel?.close();
        for (const { reject } of this.#waiting.values()) reject(new DOMException('ended', 'AbortError'));
        this.#waiting.clear();
        (await this.#alive)();
    }

    get #mine() {
        if (!this.#ledger) throw new DOMException('not opened', 'InvalidStateError');
        return this.#ledger;
    }

    /** Accepted and neither on the server nor given up. */
    async #left() {
        const over = ['completed', 'failed', 'cancelled'];
        const rows = await this.#mine.takes();
        return rows.filter(({ accepted, discarded, delegated, last }) =>
            accepted && !discarded && !delegated && !over.includes(last?.state ?? '')).length;
    }

    /* ---- pages ---- */

    /** @param {Client} client @param {UploaderOptions} options */
    async #init(client, { tab, port, level, asksOnline, ...given }) {
        setLevel(level);
        this.#ledger ??= await openLedger(given.partition);
        const config = await this.#ledger.configure({ ...given, openedAt: Date.now() });
        client.tab = tab;
        client.asksOnline = asksOnline;
        client.spool = new Rpc(port, (type, message) => this.#spooled(tab, type, message));
        const alone = this.#uploader !== null && !await this.#watched();
        this.#clients.add(client);
        void ended(`tab:${tab}`).then(() => this.#gone(client));
        if (this.#dying) this.#uploader?.left(EVER_MS);
        this.#dying = false;
        const before = this.#config;
        this.#config = config;
        this.#opening ??= this.#open(config);
        await this.#opening;
        if (before && differ(before, config)) this.#yield();
        const rows = (await this.#ledger.takes()).filter((row) => !row.discarded);
        const uploads = rows.map((row) => view(row, null, { recording: false, trouble: '', spooled: 0 }));
        if (this.#uploader) client.page.tell('leader');
        return { uploads, alone };
    }

    /** Whether a page lives; of one that was just closed this host may not have heard yet. */
    async #watched() {
        const { held = [] } = await navigator.locks.query();
        const tabs = new Set([...this.#clients].map(({ tab }) => `tab:${tab}`));
        return held.some(({ name }) => tabs.has(name ?? ''));
    }

    /** A page was closed, or died. @param {Client} client */
    #gone(client) {
        this.#clients.delete(client);
        client.page.fail(new DOMException('the page is gone', 'AbortError'));
        this.#dying = this.#clients.size === 0 && this.#kind === 'shared';
        if (this.#dying) this.#uploader?.left(EXTENDED_MS);
    }

    /** @param {string} tab @param {string} type @param {any} message */
    #spooled(tab, type, message) {
        const { rec } = message;
        switch (type) {
        case 'opened': return this.#toLeader(tab, 'opened', [message.meta]);
        case 'segments': return this.#toLeader(tab, 'segments', [rec, message.segments]);
        case 'sealed': return this.#toLeader(tab, 'sealed', [rec, { size: message.size, crc64: message.crc64 }]);
        case 'pressure': return this.#toLeader(tab, 'tell', [{ type: 'storage', level: message.level }]);
        default: return undefined;
        }
    }

    /** The first page that answers; without pages, what one said last. @returns {Promise<string>} */
    async #token() {
        for (const { page } of this.#clients) {
            try {
                const bearer = await page.ask('token');
                await this.#mine.configure({ bearer });
                return bearer;
            } catch (error) {
                log('info', 'a page gave no token', error);
            }
        }
        return (await this.#mine.config())?.bearer ?? '';
    }

    /** Kept, so that it holds for uploads without a page too. @param {string} tab
     * @param {import('./types.js').Limit} limit */
    async #limit(tab, limit) {
        await this.#mine.configure({ limit });
        await this.#command(tab, 'tell', [limitEvent(limit)]);
    }

    /** What pages were told to believe, if any was. @returns {Promise<boolean|null>} */
    async #online() {
        for (const { page, asksOnline } of this.#clients) {
            if (asksOnline) return page.ask('online').catch(() => null);
        }
        return null;
    }

    /* ---- leading ---- */

    /** @param {Config} config */
    async #open(config) {
        this.#config = config;
        this.#engine = await engineFor(this.#kind);
        this.#channel = new BroadcastChannel(`reelhaul:${config.partition}`);
        this.#channel.onmessage = ({ data }) => void this.#hear(data);
        void this.#contend(`uploader:${config.partition}`);
        this.#say('here');
    }

    /** @param {object} message */
    #post(message) {
        if (!this.#ended) this.#channel?.postMessage({ ...message, format: SPEAKS });
    }

    /** @param {'here'|'leader'} type */
    #say(type) {
        this.#post({ type, kind: this.#kind, version: FORMAT });
    }

    /** Waits for the lock, leads, and waits again when it was taken away or let go of. @param {string} name */
    async #contend(name) {
        while (!this.#ended) {
            const steal = this.#stealing;
            this.#stealing = false;
            this.#queue = new AbortController();
            const options = steal ? { steal } : { signal: this.#queue.signal };
            let failed = false;
            try {
                await navigator.locks.request(name, options, () => this.#lead());
            } catch (error) {
                log('info', 'the lock was not given, or taken', error);
                failed = !this.#queue.signal.aborted;
            }
            await this.#unlead();
            if (failed) await new Promise((resolve) => setTimeout(resolve, 100));
        }
    }

    /** Runs until it yields; the lock is held. */
    async #lead() {
        const yielded = new Promise((resolve) => {
            this.#yield = () => resolve(undefined);
        });
        const { partition, server, policy, overrides, orphans, kinds } = /** @type {Config} */ (this.#config);
        const brain = await loadBrain({
            module: this.#engine, policy, overrides, dialect: policy === 'form' ? 'form' : 'videos',
            seed: crypto.getRandomValues(new BigUint64Array(1))[0], limits: { uploads: 256 },
        });
        const spool = await openReader(partition, crcOf(brain), kinds);
        const uploader = new Uploader({
            server, orphans, brain, spool, ledger: this.#mine,
            eager: policy === 'never-give-up' || policy === 'live',
            token: () => this.#token(),
            online: () => this.#online(),
            lost: () => this.#yield(),
            forget: (rec, segs) => {
                for (const client of this.#clients) client.spool?.tell('forget', { rec, segs });
                this.#post({ type: 'forget', rec, segs });
            },
            publish: (message) => {
                this.#post(message);
                this.onpublish(message);
                this.#settled();
            },
        });
        const { limit } = await this.#mine.config() ?? {};
        if (limit) brain.tell(limitEvent(limit));
        this.#uploader = uploader;
        this.#leading = uploader.start();
        await this.#leading;
        if (this.#endsAt > 0) uploader.left(Math.max(1, this.#endsAt - performance.now()));
        log('info', 'this host uploads', this.#kind, uploader.hello());
        this.#say('leader');
        this.#newLeader();
        await yielded;
        this.#uploader = null;
        await uploader.stop();
    }

    /** The lock is not ours any more. */
    async #unlead() {
        const uploader = this.#uploader;
        this.#uploader = null;
        this.#leading = null;
        await uploader?.abandon();
        this.#yield();
        this.#yield = () => {};
    }

    /** Breaks the lock. The old holder is told by its own request. */
    #steal() {
        if (this.#uploader) return;
        log('warn', 'the uploader says nothing: its lock is broken');
        this.#heardAt = performance.now();
        this.#stealing = true;
        this.#queue.abort();
    }

    /** Everything it may have missed. */
    #newLeader() {
        for (const { page, spool } of this.#clients) {
            spool?.tell('roll-call');
            page.tell('leader');
        }
        for (const { message } of this.#waiting.values()) this.#send(message);
    }

    /* ---- between hosts ---- */

    /** @param {any} message */
    async #hear(message) {
        const { type, format = 1 } = message;
        if (['leader', 'snapshot', 'answer'].includes(type)) this.#heardAt = performance.now();
        if (type === 'snapshot') this.#settled();
        if (format > FORMAT) return;
        switch (type) {
        case 'here':
            // Of two leaders the lesser yields; it stays in the queue.
            if (outranks(message, { kind: this.#kind, version: FORMAT })) this.#yield();
            break;
        case 'leader':
            this.#newLeader();
            // One that should not lead while this host is here is told that it is.
            if (outranks({ kind: this.#kind, version: FORMAT }, message)) this.#say('here');
            break;
        case 'forget':
            for (const { spool } of this.#clients) spool?.tell('forget', message);
            break;
        case 'to-leader':
            if (this.#uploader) await this.#perform(message.name, message.args, message.tab);
            break;
        case 'command':
            if (this.#uploader) await this.#answer(message);
            break;
        case 'answer':
            this.#settle(message);
            break;
        default:
        }
    }

    /** @param {string} tab @param {string} name @param {any[]} args */
    #toLeader(tab, name, args) {
        if (this.#uploader) void this.#perform(name, args, tab);
        else this.#post({ type: 'to-leader', name, args, tab });
    }

    /** @param {string} tab @param {string} name @param {any[]} args @returns {Promise<any>} */
    #command(tab, name, args) {
        const call = `${this.#id}:${++this.#calls}`;
        const message = { type: 'command', call, name, args, tab, tries: 0 };
        return new Promise((resolve, reject) => {
            this.#waiting.set(call, { message, since: performance.now(), resolve, reject });
            this.#send(message);
            const again = setInterval(() => {
                const waiting = this.#waiting.get(call);
                if (!waiting) return clearInterval(again);
                if (performance.now() - Math.max(this.#heardAt, waiting.since) > STALE_MS) this.#steal();
                message.tries++;
                // It may be about a take that the leader never heard of.
                for (const { spool } of this.#clients) spool?.tell('roll-call');
                return this.#send(message);
            }, REPEAT_MS);
        });
    }

    /** Whether there is a leader that answers. @param {number} patience_ms */
    #answered(patience_ms) {
        return Promise.race([
            this.#command('', 'hello', []).then(() => true, () => true),
            new Promise((resolve) => setTimeout(resolve, patience_ms, false)),
        ]);
    }

    /** @param {any} message */
    #send(message) {
        if (this.#uploader) void this.#answer(message);
        else this.#post(message);
    }

    /** @param {any} message */
    async #answer({ call, name, args, tries, tab }) {
        const reply = { type: 'answer', call, value: undefined, error: /** @type {object|null} */ (null) };
        try {
            reply.value = await this.#perform(name, args, tab);
        } catch (problem) {
            const error = /** @type {Error} */ (problem);
            if (error.name === 'NotFoundError' && tries < TRIES) return; // asked again after the roll-call
            if (error.name === 'StaleError') return; // asked again of whoever leads now
            reply.error = { name: error.name, message: error.message };
        }
        if (this.#waiting.has(call)) this.#settle(reply);
        else this.#post(reply);
    }

    /** @param {any} reply */
    #settle({ call, value, error }) {
        const asked = this.#waiting.get(call);
        this.#waiting.delete(call);
        if (error) asked?.reject(new DOMException(error.message, error.name));
        else asked?.resolve(value);
    }

    /** In the leader: done once it has taken over. @param {string} name @param {any[]} args
     * @param {string} from the tab @returns {Promise<any>} */
    async #perform(name, args, from) {
        await this.#leading;
        const it = this.#uploader;
        if (!it) throw new DOMException('another took over', 'StaleError');
        switch (name) {
        case 'opened': return it.opened(args[0]);
        case 'segments': return it.segments(args[0], args[1]);
        case 'sealed': return it.sealed(args[0], args[1]);
        case 'accept': return it.accept(args[0]);
        case 'discard': return it.discard(args[0]);
        case 'remove': return it.remove(args[0]);
        case 'hold': return it.hold(from, args[0]);
        case 'hello': return it.hello();
        case 'tell': return it.tell(args[0]);
        case 'network': return it.network(args[0]);
        case 'process': return it.process();
        case 'choose': return it.choose(args[0], args[1]);
        case 'delegate': return it.delegate(args[0]);
        case 'undelegate': return it.undelegate(args[0]);
        default: throw new TypeError(`uploader: ${name}?`);
        }
    }
}

/** The service worker takes the copy that was kept with its code; others do when the server is away.
 * @param {HostKind} kind @returns {Promise<WebAssembly.Module|undefined>} */
async function engineFor(kind) {
    const kept = async () => {
        const bytes = await (await keptEngine())?.arrayBuffer();
        return bytes && compile({ bytes });
    };
    const fresh = () => compile();
    const [first, second] = kind === 'service' ? [kept, fresh] : [fresh, kept];
    return await first().catch(() => undefined) ?? second().catch(() => undefined);
}

/** @param {import('./types.js').Limit} limit @returns {import('./brain.js').BrainEvent} */
const limitEvent = ({ bytesPerSecond = 0, percent = 0 }) => ({ type: 'limit', bytesPerSecond, percent });

/** What another page would have done differently. @param {Config} a @param {Config} b */
function differ(a, b) {
    const known = (/** @type {Config} */ { server, policy, overrides, orphans, kinds }) =>
        JSON.stringify([server, policy, overrides, orphans, kinds]);
    return known(a) !== known(b);
}

/** Whether the one leads rather than the other. @param {{kind?: HostKind, version?: number}} one
 * @param {{kind?: HostKind, version?: number}} other */
function outranks({ kind, version = 1 }, { kind: theirs, version: old = 1 }) {
    if (version !== old) return version > old;
    return kind !== 'service' && theirs === 'service';
}
