/* SPDX-License-Identifier: MIT */
/**
 * The uploader's place in a tab: a dedicated worker. One is made per tab; the one that holds Web Lock
 * `uploader:<partition>` runs the engine, the others wait for the lock and pass everything on to it over
 * BroadcastChannel `reelhaul:<partition>`. A message may be lost when a leader dies, so commands are
 * repeated until they are answered (all may be done twice) and every new leader asks for a roll-call.
 * @module
 */

import { Brain, compile } from './brain.js';
import { Ledger } from './ledger.js';
import { log, setLevel } from './log.js';
import { Rpc } from './rpc.js';
import { openSpool } from './spool-pick.js';
import { Uploader } from './uploader.js';
import { view } from './view.js';

const REPEAT_MS = 1000;
const TRIES = 3;

const tab = crypto.randomUUID();
/** @type {Uploader|null} */
let uploader = null;
/** Not before the leader has read its ledger. @type {Promise<void>|null} */
let leading = null;
/** @type {Rpc} */
let spoolWorker;
/** @type {BroadcastChannel} */
let channel;
/** @type {Ledger} */
let ledger;
/** Loaded by every tab: the server may be away when it becomes the leader. @type {WebAssembly.Module} */
let engine;

/** Commands not answered yet. @type {Map<string, {message: object, resolve: (value: any) => void,
 *   reject: (error: Error) => void}>} */
const waiting = new Map();
let calls = 0;

const page = new Rpc(self, (type, message) => {
    switch (type) {
    case 'init': return init(message);
    case 'level': return setLevel(message.level);
    case 'session-token': return ledger.putToken(message.session, message.token);
    case 'defer': return ledger.defer(message.session);
    case 'command': return command(message.name, message.args);
    default: throw new TypeError(`uploader worker: ${type}?`);
    }
});

/** @typedef {import('./types.js').UploaderOptions} UploaderOptions */

/** @param {UploaderOptions} options */
async function init(options) {
    setLevel(options.level);
    engine = await compile();
    ledger = await Ledger.open(options.partition);
    channel = new BroadcastChannel(`reelhaul:${options.partition}`);
    channel.onmessage = ({ data }) => void hear(data);
    spoolWorker = new Rpc(options.port, (type, message) => {
        const { rec } = message;
        switch (type) {
        case 'opened': return toLeader('opened', [message.meta]);
        case 'segments': return toLeader('segments', [rec, message.segments]);
        case 'sealed': return toLeader('sealed', [rec, message]);
        case 'pressure': return toLeader('tell', [{ type: 'storage', level: message.level }]);
        default: return undefined;
        }
    });
    void navigator.locks.request(`tab:${tab}`, () => new Promise(() => {}));
    void navigator.locks.request(`uploader:${options.partition}`, () => lead(options))
        .then(undefined, (error) => log('error', 'the uploader ended', error));
    const rows = (await ledger.takes()).filter((row) => !row.discarded);
    return rows.map((row) => view(row, null, { recording: false, trouble: '', spooled: 0 }));
}

/** Runs for as long as this tab lives. @param {UploaderOptions} options */
async function lead({ partition, server, policy, overrides, force, orphans }) {
    const brain = await Brain.load({
        module: engine, policy, overrides, dialect: policy === 'form' ? 'form' : 'videos',
        seed: crypto.getRandomValues(new BigUint64Array(1))[0], limits: { uploads: 256 },
    });
    const spool = await openSpool(partition, {
        update: (crc, bytes) => brain.crc64(bytes, crc),
        combine: (a, b, lengthB) => brain.crc64Combine(a, b, lengthB),
    }, force);
    uploader = new Uploader({
        server, orphans, brain, spool, ledger, eager: policy === 'never-give-up' || policy === 'live',
        token: () => page.ask('token'),
        forget: (rec, segs) => {
            spoolWorker.tell('forget', { rec, segs });
            channel.postMessage({ type: 'forget', rec, segs });
        },
        publish: (message) => channel.postMessage(message),
    });
    leading = uploader.start();
    await leading;
    log('info', 'this tab uploads', uploader.hello());
    channel.postMessage({ type: 'leader' });
    newLeader();
    await new Promise(() => {});
}

/** Everything it may have missed. */
function newLeader() {
    spoolWorker.tell('roll-call');
    page.tell('leader');
    for (const { message } of waiting.values()) send(message);
}

/** @param {any} message */
async function hear(message) {
    switch (message.type) {
    case 'leader':
        newLeader();
        break;
    case 'forget':
        spoolWorker.tell('forget', message);
        break;
    case 'to-leader':
        if (uploader) await perform(message.name, message.args, message.tab);
        break;
    case 'command':
        if (uploader) await answer(message);
        break;
    case 'answer':
        settle(message);
        break;
    default:
    }
}

/** @param {string} name @param {any[]} args */
function toLeader(name, args) {
    if (uploader) void perform(name, args, tab);
    else channel.postMessage({ type: 'to-leader', name, args, tab });
}

/** @param {string} name @param {any[]} args @returns {Promise<any>} */
function command(name, args) {
    const call = `${tab}:${++calls}`;
    const message = { type: 'command', call, name, args, tab, tries: 0 };
    return new Promise((resolve, reject) => {
        waiting.set(call, { message, resolve, reject });
        send(message);
        const again = setInterval(() => {
            if (!waiting.has(call)) return clearInterval(again);
            message.tries++;
            spoolWorker.tell('roll-call'); // it may be about a take that the leader never heard of
            return send(message);
        }, REPEAT_MS);
    });
}

/** @param {any} message */
function send(message) {
    if (uploader) void answer(message);
    else channel.postMessage(message);
}

/** @param {any} message */
async function answer({ call, name, args, tries, tab: from }) {
    const reply = { type: 'answer', call, value: undefined, error: /** @type {object|null} */ (null) };
    try {
        reply.value = await perform(name, args, from);
    } catch (problem) {
        const error = /** @type {Error} */ (problem);
        if (error.name === 'NotFoundError' && tries < TRIES) return; // asked again after the roll-call
        reply.error = { name: error.name, message: error.message };
    }
    if (from === tab) settle(reply);
    else channel.postMessage(reply);
}

/** @param {any} reply */
function settle({ call, value, error }) {
    const asked = waiting.get(call);
    waiting.delete(call);
    if (error) asked?.reject(new DOMException(error.message, error.name));
    else asked?.resolve(value);
}

/** In the leader: done once it has taken over. @param {string} name @param {any[]} args
 * @param {string} from the tab @returns {Promise<any>} */
async function perform(name, args, from) {
    await leading;
    const it = /** @type {Uploader} */ (uploader);
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
    default: throw new TypeError(`uploader: ${name}?`);
    }
}
