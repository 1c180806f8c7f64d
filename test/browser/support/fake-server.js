/* SPDX-License-Identifier: MIT */
/*
 * The videos API in memory, just enough of the contract for the SDK's own tests, with faults on demand.
 * It is not durable and says so nowhere: the real server's tests are elsewhere.
 */
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { randomUUID } from 'node:crypto';
import { crc64, crcField } from './crc64.js';

/* REELHAUL_SDK: another folder with the SDK, ending in '/'; REELHAUL_WASM: where the build left the engine. */
const sdkFolder = process.env['REELHAUL_SDK']
    ? new URL(process.env['REELHAUL_SDK'], 'file:///')
    : new URL('../../../web/sdk/', import.meta.url);
const pagesFolder = new URL('./pages/', import.meta.url);
const types = { js: 'text/javascript', wasm: 'application/wasm', html: 'text/html; charset=utf-8' };
const csp = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
    + "connect-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self'";

/** @type {Record<number, string>} */
const refusals = { 400: 'invalid_field', 401: 'unauthorized', 403: 'forbidden', 503: 'overloaded' };

/**
 * @typedef {object} Upload
 * @property {string} id
 * @property {string} session
 * @property {string} video
 * @property {string} mime
 * @property {Buffer} bytes
 * @property {[number, number][]} ranges  [from, to), coalesced
 * @property {number|null} total
 * @property {'open'|'done'} state
 * @property {any} metadata
 * @property {number} writer  the highest writer number seen
 * @property {Map<string, [number, number][]>} told  ranges that answers said are durable, by the writer who was
 *   told; '' are answers to nobody in particular
 * @property {number} twice   bytes that came from somebody who had been told so
 */

/** What happened, in order. @typedef {{method: string, path: string, status: number, offset: number,
 *   length: number, kept: number, writer: string, authorization: string}} Entry */

export class FakeServer {
    /** @type {Map<string, Upload>} */ uploads = new Map();
    /** @type {Entry[]} */ log = [];
    /** Bytes per second that bodies are read with; 0: as they come. */ rate = 0;
    /** Cuts the connection of a chunk after so many bytes of its body; asked anew for each chunk.
     * @type {(entry: Entry) => number|null} */ cut = () => null;
    /** Somebody else answers everything: one has to sign in to the network first. */ portal = false;
    /** Nobody there: every request ends without an answer. */ down = false;
    /** Does what was asked and loses the answer. @type {(entry: Entry) => boolean} */ lose = () => false;
    /** Participant by session. @type {Map<string, string>} */ sessions = new Map();
    /** Answers with this status instead. @type {(entry: Entry) => number|null} */ refuse = () => null;
    /** When /health was asked. @type {number[]} */ checks = [];
    generation = randomUUID();
    #server = createServer((request, answer) => void this.#serve(request, answer));

    /** @returns {Promise<string>} its origin */
    async start() {
        await new Promise((resolve) => this.#server.listen(0, '127.0.0.1', () => resolve(undefined)));
        const address = /** @type {import('node:net').AddressInfo} */ (this.#server.address());
        this.origin = `http://127.0.0.1:${address.port}`;
        return this.origin;
    }

    /** Gone in the midst of everything. */
    vanish() {
        this.down = true;
        this.#server.closeAllConnections();
    }

    async stop() {
        this.#server.closeAllConnections();
        await new Promise((resolve) => this.#server.close(resolve));
    }

    /** @param {string} video @returns {Upload|undefined} */
    byVideo(video) {
        return [...this.uploads.values()].find((upload) => upload.video === video);
    }

    /** @param {import('node:http').IncomingMessage} request @param {import('node:http').ServerResponse} answer */
    async #serve(request, answer) {
        const path = new URL(request.url ?? '/', 'http://x').pathname;
        /** @type {Entry} */
        const entry = {
            method: request.method ?? '', path, status: 0, offset: number(request, 'offset'),
            length: number(request, 'length'), kept: 0, writer: text(request, 'reelhaul-writer'),
            authorization: text(request, 'authorization'),
        };
        if (path === '/health') this.checks.push(Date.now());
        if (this.down && !path.startsWith('/api/')) return void request.socket.destroy();
        if (this.portal && (path.startsWith('/api/') || path === '/health')) {
            request.resume();
            return void answer.writeHead(200, { 'Content-Type': types.html }).end('<h1>Please sign in</h1>');
        }
        if (path === '/health') return send(answer, 200, {}, { status: 'healthy' });
        if (!path.startsWith('/api/')) return this.#file(path, answer);
        this.log.push(entry);
        answer.on('finish', () => { entry.status = answer.statusCode; });
        if (this.down) return void request.socket.destroy();
        const status = this.refuse(entry);
        if (status) {
            request.resume();
            return void answer.writeHead(status, { 'Reelhaul-Error': refusals[status] ?? 'internal' }).end();
        }
        if (this.lose(entry)) answer.writeHead = () => answer.destroy();
        try {
            await this.#api(entry, request, answer);
        } catch (error) {
            if (!answer.headersSent) answer.writeHead(500).end(String(error));
        }
    }

    /** @param {string} path @param {import('node:http').ServerResponse} answer */
    async #file(path, answer) {
        const sdk = /^\/sdk(?:-next)?(\/.*)/.exec(path)?.[1];
        const url = sdk
            ? new URL(`.${sdk}`, sdkFolder)
            : new URL(path === '/' ? './blank.html' : `.${path}`, pagesFolder);
        const type = /** @type {Record<string, string>} */ (types)[path.split('.').pop() ?? ''] ?? types.html;
        const wasm = path.endsWith('/engine.wasm') ? process.env['REELHAUL_WASM'] : undefined;
        const body = await readFile(wasm ?? fileURLToPath(url)).catch(() => null);
        if (!body) return void answer.writeHead(404).end();
        answer.writeHead(200, { 'Content-Type': type, 'Content-Security-Policy': csp, 'Cache-Control': 'no-store' });
        // The next version of the SDK, as far as others can see.
        const next = path === '/sdk-next/format.js';
        answer.end(next ? body.toString().replace(/FORMAT = (\d+)/, (_, n) => `FORMAT = ${Number(n) + 1}`) : body);
    }

    /** @param {Entry} entry @param {import('node:http').IncomingMessage} request
     * @param {import('node:http').ServerResponse} answer */
    async #api(entry, request, answer) {
        const name = entry.path.split('/').pop() ?? '';
        if (entry.path === '/api/session/create') {
            return this.#session(JSON.parse((await all(request)).toString()), answer);
        }
        if (name === 'chunk') return this.#chunk(entry, request, answer);
        if (name === 'init' || name === 'finalize') {
            const body = JSON.parse((await all(request)).toString());
            return name === 'init' ? this.#init(body, answer) : this.#finalize(body, answer);
        }
        const upload = this.uploads.get(name);
        if (!upload) return send(answer, 404, { 'Reelhaul-Error': 'not_found' }, {});
        isStale(upload, entry);
        if (entry.method === 'DELETE') {
            this.uploads.delete(name);
            return void answer.writeHead(204).end();
        }
        return this.#say(upload, 200, answer);
    }

    /** @param {any} body @param {import('node:http').ServerResponse} answer */
    #init(body, answer) {
        const old = [...this.uploads.values()]
            .find((it) => body.session_id && it.video === body.video_id && it.session === body.session_id);
        if (old) return this.#say(old, 200, answer);
        if (body.session_id && !this.sessions.has(body.session_id)) {
            return send(answer, 404, { 'Reelhaul-Error': 'unknown_session' }, {});
        }
        /** @type {Upload} */
        const upload = {
            id: randomUUID(), session: body.session_id ?? '', video: body.video_id ?? randomUUID(),
            mime: body.mime_type, bytes: Buffer.alloc(0), ranges: [], total: body.size ?? null,
            state: 'open', metadata: body.metadata, writer: 0, told: new Map(), twice: 0,
        };
        this.uploads.set(upload.id, upload);
        return this.#say(upload, 201, answer, { Location: `/api/v1/videos/${upload.id}` });
    }

    /** @param {any} body @param {import('node:http').ServerResponse} answer */
    #session({ session_id: id = randomUUID(), participant_id: participant = '' }, answer) {
        const known = this.sessions.get(id);
        if (known !== undefined && participant && participant !== known) {
            return send(answer, 409, { 'Reelhaul-Error': 'conflict' }, {});
        }
        if (known === undefined) this.sessions.set(id, participant);
        return send(answer, 200, {}, { session_id: id, created_at: '2026-01-27T15:30:00', status: 'created' });
    }

    /** @param {Entry} entry @param {import('node:http').IncomingMessage} request
     * @param {import('node:http').ServerResponse} answer */
    async #chunk(entry, request, answer) {
        const upload = this.uploads.get(text(request, 'reelhaul-upload'));
        const cut = this.cut(entry);
        if (upload && !isStale(upload, entry)) {
            const told = [...upload.told.get('') ?? [], ...upload.told.get(entry.writer) ?? []];
            upload.twice += overlap(coalesced(told), entry.offset, entry.offset + entry.length);
        }
        const { socket } = request;
        /** @type {Buffer[]} */
        const parts = [];
        let size = 0;
        let whole = true;
        try {
            for await (const part of request) {
                parts.push(part);
                size += part.length;
                if (cut !== null && size >= cut) break;
                if (this.rate > 0) await new Promise((ok) => setTimeout(ok, (part.length / this.rate) * 1000));
            }
        } catch {
            whole = false; // the sender went away: what arrived counts
        }
        const body = Buffer.concat(parts).subarray(0, cut ?? undefined);
        if (!upload) return send(answer, 404, { 'Reelhaul-Error': 'not_found' }, {});
        const length = whole && cut === null ? entry.length : body.length;
        const sum = crcField(crc64(body));
        if (whole && cut === null) {
            if (body.length !== entry.length) return send(answer, 400, { 'Reelhaul-Error': 'out_of_range' }, {});
            if (sum !== text(request, 'reelhaul-crc64')) {
                return send(answer, 422, { 'Reelhaul-Error': 'checksum_mismatch' }, {});
            }
        }
        if (isStale(upload, entry)) return send(answer, 409, { 'Reelhaul-Error': 'stale_writer' }, {});
        entry.kept = body.length;
        keep(upload, entry.offset, body);
        const total = text(request, 'reelhaul-total');
        if (total) upload.total = Number(total);
        if (text(request, 'reelhaul-final') === '?1') upload.total = entry.offset + entry.length;
        if (cut !== null) return void socket.destroy();
        if (!whole) return undefined;
        finish(upload);
        const receipt = `offset=${entry.offset}, length=${length}, crc64=${sum}, kept=until-complete, durable`;
        const more = upload.state === 'done' ? {} : { 'Reelhaul-Receipt': receipt };
        return this.#say(upload, 200, answer, more, undefined, entry.writer);
    }

    /** @param {any} body @param {import('node:http').ServerResponse} answer */
    #finalize(body, answer) {
        const upload = this.uploads.get(body.upload_id);
        if (!upload) return send(answer, 404, { 'Reelhaul-Error': 'not_found' }, {});
        if (body.size !== undefined) upload.total = body.size;
        finish(upload);
        if (upload.state === 'done') return this.#say(upload, 200, answer, {}, 'complete');
        return this.#say(upload, 409, answer, { 'Reelhaul-Error': 'incomplete' });
    }

    /** @param {Upload} upload @param {number} status @param {import('node:http').ServerResponse} answer
     * @param {Record<string, string>} [more] @param {string} [word]
     * @param {string} [asker] the writer that hears it */
    #say(upload, status, answer, more = {}, word = undefined, asker = '') {
        const { id, session, video, state, bytes, ranges } = upload;
        /** @type {Record<string, string>} */
        const headers = { 'Reelhaul-Upload': id, 'Reelhaul-State': state, 'Reelhaul-Generation': this.generation };
        const durable = ranges.map(([from, to]) =>
            `(${from} ${to - from});crc64=${crcField(crc64(bytes.subarray(from, to)))}`).join(', ');
        if (durable) headers['Reelhaul-Durable'] = durable;
        if (state === 'done') {
            headers['Reelhaul-Receipt'] = `offset=0, length=${bytes.length}, `
                + `crc64=${crcField(crc64(bytes))}, kept=until-complete, durable`;
        } else if (upload.total !== null) {
            const missing = gaps(ranges, upload.total).map(([from, to]) => `(${from} ${to - from})`).join(', ');
            if (missing) headers['Reelhaul-Missing'] = missing;
        }
        const url = state === 'done' ? `/recordings/${session || 'none'}/${video}.webm` : undefined;
        const received = ranges.reduce((sum, [from, to]) => sum + to - from, 0);
        upload.told.set(asker, coalesced(ranges));
        const listed = ranges.map(([from, to]) => ({ offset: from, length: to - from }));
        const body = { upload_id: id, video_id: video, session_id: session, state, received, url, status: word,
            durable: listed };
        send(answer, status, { ...headers, ...more }, body);
    }
}

/** @param {import('node:http').IncomingMessage} request @param {string} name */
const text = (request, name) => String(request.headers[name] ?? '');
/** @param {import('node:http').IncomingMessage} request @param {string} name */
const number = (request, name) => Number(text(request, `reelhaul-${name}`) || 0);

/** @param {import('node:http').IncomingMessage} request */
async function all(request) {
    const parts = [];
    for await (const part of request) parts.push(part);
    return Buffer.concat(parts);
}

/** @param {import('node:http').ServerResponse} answer @param {number} status
 * @param {Record<string, string>} headers @param {object} body */
function send(answer, status, headers, body) {
    if (answer.destroyed) return;
    answer.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** @param {Upload} upload @param {number} offset @param {Buffer} body */
function keep(upload, offset, body) {
    if (body.length === 0) return;
    const end = offset + body.length;
    if (end > upload.bytes.length) {
        upload.bytes = Buffer.concat([upload.bytes, Buffer.alloc(end - upload.bytes.length)]);
    }
    body.copy(upload.bytes, offset);
    upload.ranges = coalesced([...upload.ranges, [offset, end]]);
}

/** @param {[number, number][]} ranges @returns {[number, number][]} new ones */
function coalesced(ranges) {
    /** @type {[number, number][]} */
    const out = [];
    for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0])) {
        const last = out.at(-1);
        if (last && from <= last[1]) last[1] = Math.max(last[1], to);
        else out.push([from, to]);
    }
    return out;
}

/** Whether a newer writer was heard of; else this one is the newest. @param {Upload} upload @param {Entry} entry */
function isStale(upload, { writer }) {
    const number = Number(/,\s*(\d+)/.exec(writer)?.[1] ?? upload.writer);
    const stale = number < upload.writer;
    upload.writer = Math.max(number, upload.writer);
    return stale;
}

/** @param {[number, number][]} ranges @param {number} from @param {number} to */
const overlap = (ranges, from, to) => ranges.reduce(
    (sum, [a, b]) => sum + Math.max(0, Math.min(b, to) - Math.max(a, from)), 0);

/** @param {[number, number][]} ranges @param {number} total */
function gaps(ranges, total) {
    const found = [];
    let at = 0;
    for (const [from, to] of [...ranges, [total, total]]) {
        if (from > at) found.push([at, from]);
        at = Math.max(at, to);
    }
    return found;
}

/** @param {Upload} upload */
function finish(upload) {
    if (upload.total !== null && gaps(upload.ranges, upload.total).length === 0) upload.state = 'done';
}
