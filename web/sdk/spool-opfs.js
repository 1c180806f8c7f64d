/* SPDX-License-Identifier: MIT */
/**
 * The spool in OPFS: /up/<partition>/<rec>/{meta, journal, seg-NNNNNN}, written through
 * FileSystemSyncAccessHandle (dedicated workers only).
 *
 * Per append: write into segments, flush them, one journal record a piece, flush the journal. One spare
 * segment and the journal's next block are truncated ahead, so that a full disk is met while there is
 * still a reserved megabyte and not in the middle of a slice: truncate() counts against the quota and
 * overwriting inside it keeps working when appending does not.
 * @module
 */

import * as journal from './journal.js';
import { LIVE_BYTES, LIVE_MS, SEGMENT_BYTES, split, wholeCrc } from './spool.js';

/** @typedef {import('./types.js').Crc64} Crc64 */
/** @typedef {import('./types.js').Found} Found */
/** @typedef {import('./types.js').Meta} Meta */
/** @typedef {import('./types.js').Segment} Segment */
/** @typedef {import('./types.js').Spool} Spool */
/** @typedef {import('./types.js').Writer} Writer */
/** @typedef {import('./types.js').JournalRecord} JournalRecord */

const JOURNAL_AHEAD_BYTES = journal.RECORD_BYTES * 128;

/** Dedicated workers have them, no other place. @returns {boolean} */
export function hasSyncHandles() {
    return typeof FileSystemFileHandle !== 'undefined'
        && 'createSyncAccessHandle' in FileSystemFileHandle.prototype;
}

/** @param {number} seg */
const nameOf = (seg) => `seg-${String(seg).padStart(6, '0')}`;

/** A short write or a quota error, in one shape. @param {FileSystemSyncAccessHandle} handle
 * @param {Uint8Array<ArrayBuffer>} bytes @param {number} at */
function writeAll(handle, bytes, at) {
    const count = handle.write(bytes, { at });
    if (count !== bytes.byteLength) {
        throw new DOMException(`wrote ${count} of ${bytes.byteLength} bytes`, 'QuotaExceededError');
    }
}

/** @param {FileSystemDirectoryHandle} dir @param {string} name @returns {Promise<File|null>} */
async function fileIn(dir, name) {
    try {
        return await (await dir.getFileHandle(name)).getFile();
    } catch (error) {
        if (error instanceof DOMException && error.name === 'NotFoundError') return null;
        throw error;
    }
}

/** A small file, durable on return. @param {FileSystemDirectoryHandle} dir @param {string} name
 * @param {Uint8Array<ArrayBuffer>} bytes */
async function writeSmall(dir, name, bytes) {
    const handle = await (await dir.getFileHandle(name, { create: true })).createSyncAccessHandle();
    try {
        handle.truncate(0);
        writeAll(handle, bytes, 0);
        handle.flush();
    } finally {
        handle.close();
    }
}

/** @implements {Writer} */
class OpfsWriter {
    size = 0;
    #dir; #crc; #live; #journal;
    #seq = 0;
    #seg = 0;
    #segLength = 0;
    #segSince = 0;
    /** @type {Map<number, FileSystemSyncAccessHandle>} */
    #handles = new Map();
    /** @type {Segment[]} */
    #segments = [];

    /** @param {FileSystemDirectoryHandle} dir @param {Crc64} crc @param {boolean} live
     * @param {FileSystemSyncAccessHandle} handle of the empty journal */
    constructor(dir, crc, live, handle) {
        this.#dir = dir;
        this.#crc = crc;
        this.#live = live;
        this.#journal = handle;
    }

    /** @param {Uint8Array<ArrayBuffer>} bytes @returns {Promise<Segment[]>} */
    async append(bytes) {
        if (bytes.byteLength === 0) return [];
        if (this.#segLength === 0) this.#segSince = performance.now();
        const pieces = split(bytes, SEGMENT_BYTES - this.#segLength);
        const full = this.#segLength + bytes.byteLength;
        const closeLive = this.#live
            && (full >= LIVE_BYTES || performance.now() - this.#segSince >= LIVE_MS);
        /** @type {JournalRecord[]} */
        const records = [];
        let { size } = this;
        let seg = this.#seg;
        let at = this.#segLength;
        for (const [index, piece] of pieces.entries()) {
            const handle = await this.#handle(seg);
            writeAll(handle, piece, at);
            handle.flush();
            const last = index === pieces.length - 1;
            const closes = at + piece.byteLength === SEGMENT_BYTES || (last && closeLive);
            records.push({
                kind: journal.SLICE, seq: this.#seq + records.length, seg, offset: size,
                length: piece.byteLength, crc64: this.#crc.update(0n, piece), extra: closes ? 1 : 0,
            });
            size += piece.byteLength;
            at = closes ? 0 : at + piece.byteLength;
            if (closes) seg++;
        }
        this.#commit(records);
        this.size = size;
        this.#seg = seg;
        this.#segLength = at;
        const closed = this.#take(records);
        await this.#handle(seg); // the spare: opened and reserved before it is needed
        return closed;
    }

    /** @returns {Promise<Segment[]>} */
    async closeSegment() {
        if (this.#segLength === 0) return [];
        /** @type {JournalRecord} */
        const record = {
            kind: journal.CLOSE, seq: this.#seq, seg: this.#seg, offset: this.size, length: 0, crc64: 0n,
        };
        this.#commit([record]);
        this.#seg++;
        this.#segLength = 0;
        return this.#take([record]);
    }

    /** @param {number} durationMs */
    async seal(durationMs) {
        const closed = await this.closeSegment();
        const crc64 = wholeCrc(this.#segments, this.#crc);
        this.#commit([{
            kind: journal.SEAL, seq: this.#seq, seg: this.#seg, offset: 0, length: this.size, crc64,
            extra: Math.round(durationMs),
        }]);
        this.#journal.truncate(this.#seq * journal.RECORD_BYTES);
        this.#journal.flush();
        const spare = [...this.#handles.keys()];
        this.abandon();
        for (const seg of spare) await this.#dir.removeEntry(nameOf(seg)).catch(() => {});
        return { size: this.size, crc64, closed };
    }

    abandon() {
        for (const handle of this.#handles.values()) handle.close();
        this.#handles.clear();
        this.#journal.close();
    }

    /** Writes and flushes; only then the records count. @param {JournalRecord[]} records */
    #commit(records) {
        const at = this.#seq * journal.RECORD_BYTES;
        const need = at + records.length * journal.RECORD_BYTES;
        if (need > this.#journal.getSize()) this.#journal.truncate(need + JOURNAL_AHEAD_BYTES);
        writeAll(this.#journal, journal.encode(records, this.#crc), at);
        this.#journal.flush();
        this.#seq += records.length;
    }

    /** Takes committed records into the list and releases segments they close.
     * @param {JournalRecord[]} records @returns {Segment[]} */
    #take(records) {
        const closed = [];
        for (const record of records) {
            let segment = this.#segments.at(-1);
            if (record.kind === journal.SLICE) {
                if (!segment || segment.seg !== record.seg) {
                    segment = { seg: record.seg, offset: record.offset, length: 0, crc64: 0n, closed: false };
                    this.#segments.push(segment);
                }
                segment.crc64 = segment.length === 0
                    ? record.crc64
                    : this.#crc.combine(segment.crc64, record.crc64, record.length);
                segment.length += record.length;
            }
            if (segment && (record.kind === journal.CLOSE || record.extra === 1)) {
                segment.closed = true;
                closed.push(segment);
                const handle = this.#handles.get(segment.seg);
                handle?.truncate(segment.length);
                handle?.close();
                this.#handles.delete(segment.seg);
            }
        }
        return closed;
    }

    /** @param {number} seg */
    async #handle(seg) {
        const open = this.#handles.get(seg);
        if (open) return open;
        const entry = await this.#dir.getFileHandle(nameOf(seg), { create: true });
        const handle = await entry.createSyncAccessHandle();
        this.#handles.set(seg, handle);
        try {
            handle.truncate(SEGMENT_BYTES);
        } catch (error) {
            // Without the reserve the write itself will tell; an empty spare must not fail a durable append.
            if (this.#segLength > 0 && seg === this.#seg) throw error;
        }
        return handle;
    }
}

/** @implements {Spool} */
export class OpfsSpool {
    kind = /** @type {const} */ ('opfs');
    #root; #crc;

    /** @param {FileSystemDirectoryHandle} root @param {Crc64} crc */
    constructor(root, crc) {
        this.#root = root;
        this.#crc = crc;
    }

    /** Throws where OPFS is refused (private mode). @param {string} partition @param {Crc64} crc */
    static async open(partition, crc) {
        const top = await navigator.storage.getDirectory();
        const up = await top.getDirectoryHandle('up', { create: true });
        return new OpfsSpool(await up.getDirectoryHandle(partition, { create: true }), crc);
    }

    async list() {
        const names = [];
        for await (const [name, handle] of this.#root.entries()) {
            if (handle.kind === 'directory') names.push(name);
        }
        return names.sort();
    }

    /** @param {Meta} meta @param {boolean} live @returns {Promise<Writer>} */
    async create(meta, live) {
        const dir = await this.#root.getDirectoryHandle(meta.rec, { create: true });
        await writeSmall(dir, 'meta', new TextEncoder().encode(JSON.stringify(meta)));
        const entry = await dir.getFileHandle('journal', { create: true });
        const handle = await entry.createSyncAccessHandle();
        handle.truncate(JOURNAL_AHEAD_BYTES);
        handle.flush();
        return new OpfsWriter(dir, this.#crc, live, handle);
    }

    /** @param {string} rec @returns {Promise<Found|null>} */
    async read(rec) {
        const dir = await this.#dir(rec);
        if (!dir) return null;
        const metaFile = await fileIn(dir, 'meta');
        const journalFile = await fileIn(dir, 'journal');
        const meta = parseMeta(metaFile ? await metaFile.text() : '');
        if (!meta || !journalFile) return null;
        const scan = journal.scan(new Uint8Array(await journalFile.arrayBuffer()), this.#crc);
        const present = new Set();
        for await (const name of dir.keys()) present.add(name);
        return {
            meta, verdict: scan.verdict, segments: scan.segments, size: scan.size,
            gone: scan.segments.filter((s) => s.closed && !present.has(nameOf(s.seg))).map((s) => s.seg),
            sealed: scan.seal !== null, crc64: scan.seal?.crc64 ?? 0n,
            durationMs: scan.seal?.extra ?? 0,
        };
    }

    /** Cut to what is durable, without writing: hosts of the uploader have no sync handles, and another may be
     * reading. @param {string} rec @returns {Promise<Found|null>} */
    async salvage(rec) {
        const found = await this.read(rec);
        if (!found || found.sealed || found.verdict !== 'ok') return found;
        const dir = /** @type {FileSystemDirectoryHandle} */ (await this.#dir(rec));
        const records = await this.#sound(dir, await this.#records(dir));
        const open = journal.segmentsOf(records, this.#crc);
        const segments = open.map((segment) => ({ ...segment, closed: true }));
        const size = records.reduce((sum, record) => sum + record.length, 0);
        const tail = open.find((segment) => !segment.closed)?.seg;
        return { ...found, segments, size, tail, sealed: true, crc64: wholeCrc(segments, this.#crc) };
    }

    /** @param {FileSystemDirectoryHandle} dir */
    async #records(dir) {
        const file = await (await dir.getFileHandle('journal')).getFile();
        return journal.scan(new Uint8Array(await file.arrayBuffer()), this.#crc).records;
    }

    /** @param {string} rec @returns {Promise<Found|null>} */
    async recover(rec) {
        const before = await this.read(rec);
        const dir = await this.#dir(rec);
        if (!dir) return null;
        if (!before) {
            // The tab died between making the folder and its first journal: nothing was recorded yet.
            await this.#root.removeEntry(rec, { recursive: true });
            return null;
        }
        if (before.sealed || before.verdict !== 'ok' || !hasSyncHandles()) return this.salvage(rec);
        const kept = await this.#sound(dir, await this.#records(dir));
        const segments = journal.segmentsOf(kept, this.#crc);
        const size = kept.reduce((sum, record) => sum + record.length, 0);
        const crc64 = wholeCrc(segments, this.#crc);
        const seal = { kind: journal.SEAL, seq: kept.length, seg: 0, offset: 0, length: size, crc64 };
        const handle = await (await dir.getFileHandle('journal')).createSyncAccessHandle();
        try {
            // The seal first, the cut after it: a crash between them leaves a sealed journal with a tail
            // of zeros or of records that the seal does not continue; both end the scan.
            handle.truncate((kept.length + 1) * journal.RECORD_BYTES);
            writeAll(handle, journal.encode([seal], this.#crc), kept.length * journal.RECORD_BYTES);
            handle.flush();
        } finally {
            handle.close();
        }
        for (const segment of segments) if (!segment.closed) await this.#cut(dir, segment);
        return this.read(rec);
    }

    /** The records whose bytes are really there: a closed segment is trusted (or proven and gone), the
     * open one is read and compared. @param {FileSystemDirectoryHandle} dir @param {JournalRecord[]} records */
    async #sound(dir, records) {
        const open = journal.segmentsOf(records, this.#crc).find((segment) => !segment.closed);
        if (!open) return records;
        const file = await fileIn(dir, nameOf(open.seg));
        const bytes = file
            ? new Uint8Array(await file.slice(0, open.length).arrayBuffer())
            : new Uint8Array();
        const bad = records.findIndex((record) => {
            if (record.kind !== journal.SLICE || record.seg !== open.seg) return false;
            const at = record.offset - open.offset;
            const part = bytes.subarray(at, at + record.length);
            return part.byteLength !== record.length || this.#crc.update(0n, part) !== record.crc64;
        });
        return bad < 0 ? records : records.slice(0, bad);
    }

    /** @param {FileSystemDirectoryHandle} dir @param {Segment} segment */
    async #cut(dir, segment) {
        const entry = await dir.getFileHandle(nameOf(segment.seg));
        const handle = await entry.createSyncAccessHandle();
        handle.truncate(segment.length);
        handle.flush();
        handle.close();
    }

    /** File-backed: no byte is read here. @param {string} rec @param {Segment[]} segments
     * @param {number} offset @param {number} length @returns {Promise<Blob>} */
    async blob(rec, segments, offset, length) {
        const dir = await this.#dir(rec);
        if (!dir) throw new DOMException('the recording is no longer in the spool', 'NotFoundError');
        const end = offset + length;
        const parts = [];
        let covered = 0;
        for (const segment of segments) {
            const from = Math.max(offset, segment.offset);
            const to = Math.min(end, segment.offset + segment.length);
            if (!segment.closed || from >= to) continue;
            const file = await (await dir.getFileHandle(nameOf(segment.seg))).getFile();
            parts.push(file.slice(from - segment.offset, to - segment.offset));
            covered += to - from;
        }
        if (covered !== length) {
            throw new DOMException('bytes are missing from the spool', 'NotFoundError');
        }
        return new Blob(parts, { type: 'application/octet-stream' });
    }

    /** @param {string} rec @param {number[]|null} segs */
    async forget(rec, segs) {
        if (segs === null) {
            await this.#root.removeEntry(rec, { recursive: true }).catch(ignoreMissing);
            return;
        }
        const dir = await this.#dir(rec);
        if (!dir) return;
        for (const seg of segs) await dir.removeEntry(nameOf(seg)).catch(ignoreMissing);
    }

    /** @param {string} rec @returns {Promise<FileSystemDirectoryHandle|null>} */
    async #dir(rec) {
        return this.#root.getDirectoryHandle(rec).catch(ignoreMissing);
    }
}

/** @param {unknown} error @returns {null} */
function ignoreMissing(error) {
    if (error instanceof DOMException && error.name === 'NotFoundError') return null;
    throw error;
}

/** @param {string} text @returns {Meta|null} */
function parseMeta(text) {
    try {
        return JSON.parse(text);
    } catch {
        return null;
    }
}
