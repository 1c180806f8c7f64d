/* SPDX-License-Identifier: MIT */
/* The journal of the browser's spool under seeded damage: whatever a file holds, scan() ends, believes nothing that
 * was not written in that order, and of an undamaged start loses nothing. SEED and TRIES repeat or lengthen it. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { CLOSE, encode, FORMAT, RECORD_BYTES, scan, SEAL, SLICE } from '../../web/sdk/journal.js';
import { crc64, crc64Combine } from './support/crc64.js';

const crc = { update: (/** @type {bigint} */ _, /** @type {Uint8Array} */ bytes) => crc64(bytes), combine: crc64Combine };
const seed = Number(process.env.SEED ?? 1);
const tries = Number(process.env.TRIES ?? 1000);

/** A small seeded generator: whole numbers below n. @param {number} state */
function random(state) {
    return (/** @type {number} */ n) => {
        state = (state + 0x6d2b79f5) >>> 0;
        let mixed = Math.imul(state ^ (state >>> 15), state | 1);
        mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
        return ((mixed ^ (mixed >>> 14)) >>> 0) % n;
    };
}

/** A journal as a recording writes it. @param {(n: number) => number} below */
function written(below) {
    const records = [];
    let offset = 0;
    let seg = 0;
    for (let seq = 0, count = 1 + below(6); seq < count; seq++) {
        const last = seq === count - 1;
        if (last && below(2) === 0) {
            records.push({ kind: SEAL, seq, seg, offset: 0, length: offset, crc64: 7n, extra: below(9000) });
        } else if (below(5) === 0) {
            records.push({ kind: CLOSE, seq, seg: seg++, offset, length: 0, crc64: 0n });
        } else {
            const length = 1 + below(100000);
            const extra = below(3) === 0 ? 1 : 0;
            records.push({ kind: SLICE, seq, seg, offset, length, crc64: BigInt(below(1 << 30)), extra });
            offset += length;
            if (extra === 1) seg++;
        }
    }
    return records;
}

/** Zeros behind it, a cut, other bytes, records copied to where they do not belong.
 * @param {Uint8Array} bytes @param {(n: number) => number} below */
function damaged(bytes, below) {
    const room = new Uint8Array(bytes.length + below(3) * RECORD_BYTES + below(20));
    room.set(bytes);
    let first = room.length; // the first byte that may differ
    for (let i = below(4); i > 0; i--) {
        const at = below(room.length);
        if (below(3) === 0) {
            const from = below(bytes.length / RECORD_BYTES) * RECORD_BYTES;
            const to = below(Math.floor(room.length / RECORD_BYTES)) * RECORD_BYTES;
            room.copyWithin(to, from, from + RECORD_BYTES);
            first = Math.min(first, to);
        } else {
            room[at] = below(256);
            first = Math.min(first, at);
        }
    }
    const cut = below(3) === 0 ? below(room.length + 1) : room.length;
    return { bytes: room.slice(0, cut), sound: Math.floor(Math.min(first, cut, bytes.length) / RECORD_BYTES) };
}

test('no damage makes a journal say what was not written, or lose what stands before it', () => {
    for (let i = 0; i < tries; i++) {
        const below = random(seed * 100000 + i);
        const records = written(below);
        const { bytes, sound } = damaged(encode(records, crc), below);
        const found = scan(bytes, crc);
        const where = `SEED=${seed}, try ${i}`;
        if (found.verdict === 'newer') {
            assert.ok(sound === 0 && bytes[4] + bytes[5] * 256 > FORMAT, where);
            continue;
        }
        assert.ok(found.records.length >= sound, `${where}: ${found.records.length} of ${sound}`);
        assert.ok(found.records.length <= records.length, where);
        assert.deepEqual(found.records, records.slice(0, found.records.length)
            .map((record) => ({ extra: 0, ...record })), where);
        const size = found.records.reduce((sum, { kind, length }) => sum + (kind === SLICE ? length : 0), 0);
        assert.equal(found.size, size, where);
        assert.equal(found.segments.reduce((sum, { length }) => sum + length, 0), size, where);
    }
});

test('anything at all is read to its end', () => {
    for (let i = 0; i < tries; i++) {
        const below = random(seed * 200000 + i);
        const bytes = Uint8Array.from({ length: below(400) }, () => below(256));
        if (bytes.length > 8 && below(2) === 0) bytes.set([0x52, 0x48, 0x4a, 0x31, 1, 0, 1 + below(3), 0]);
        const { records, size } = scan(bytes, crc);
        assert.deepEqual([records.length, size], [0, 0]);
    }
});
