/* SPDX-License-Identifier: MIT */
/* The journal's format: what a reader takes for durable after anything may have happened to its tail. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { CLOSE, encode, RECORD_BYTES, scan, SEAL, SLICE } from '../../web/sdk/journal.js';
import { split } from '../../web/sdk/spool.js';
import { crc64, crc64Combine } from './support/crc64.js';

const crc = { update: (/** @type {bigint} */ _, /** @type {Uint8Array} */ bytes) => crc64(bytes), combine: crc64Combine };

/** @param {number} seq @param {number} seg @param {number} offset @param {number} length @param {number} [extra] */
const slice = (seq, seg, offset, length, extra = 0) =>
    ({ kind: SLICE, seq, seg, offset, length, crc64: BigInt(seq + 1), extra });

const four = [slice(0, 0, 0, 10), slice(1, 0, 10, 20, 1), slice(2, 1, 30, 5), slice(3, 1, 35, 5)];

test('a journal with a zeroed tail gives its records and segments', () => {
    const bytes = new Uint8Array(4 * RECORD_BYTES + 1000);
    bytes.set(encode(four, crc));
    const found = scan(bytes, crc);
    assert.equal(found.verdict, 'ok');
    assert.equal(found.size, 40);
    assert.deepEqual(found.segments.map(({ seg, offset, length, closed }) => [seg, offset, length, closed]),
        [[0, 0, 30, true], [1, 30, 10, false]]);
    assert.equal(found.segments[0].crc64, crc64Combine(1n, 2n, 20));
    assert.equal(found.seal, null);
});

test('every cut and every flipped bit of the last record costs that record alone', () => {
    const whole = encode(four, crc);
    for (let size = 3 * RECORD_BYTES; size < whole.length; size++) {
        assert.equal(scan(whole.slice(0, size), crc).size, 35, `cut at ${size}`);
    }
    for (let bit = 0; bit < RECORD_BYTES * 8; bit++) {
        const torn = whole.slice();
        torn[3 * RECORD_BYTES + (bit >> 3)] ^= 1 << (bit & 7);
        assert.deepEqual([scan(torn, crc).verdict, scan(torn, crc).size], ['ok', 35], `bit ${bit}`);
    }
});

test('an unsound record with sound ones behind it is damage, not a torn tail', () => {
    const bytes = encode(four, crc);
    bytes[RECORD_BYTES + 20] ^= 1;
    assert.equal(scan(bytes, crc).verdict, 'damaged');
});

test('a newer format is left alone', () => {
    const bytes = encode(four, crc);
    bytes[4] = 2;
    assert.equal(scan(bytes, crc).verdict, 'newer');
});

test('a seal closes and ends; a record out of order does not count', () => {
    const seal = { kind: SEAL, seq: 4, seg: 2, offset: 0, length: 40, crc64: 7n, extra: 1234 };
    const found = scan(encode([...four, seal], crc), crc);
    assert.equal(found.seal?.length, 40);
    assert.equal(found.seal?.extra, 1234);
    assert.ok(found.segments.every(({ closed }) => closed));
    assert.equal(scan(encode([four[0], slice(2, 0, 10, 5)], crc), crc).size, 10);
    assert.equal(scan(encode([four[0], slice(1, 0, 11, 5)], crc), crc).size, 10);
    const close = { kind: CLOSE, seq: 1, seg: 0, offset: 10, length: 0, crc64: 0n };
    assert.deepEqual(scan(encode([four[0], close], crc), crc).segments.map(({ closed }) => closed), [true]);
});

test('slices are split where segments end', () => {
    const mib = 1 << 20;
    assert.deepEqual(split(new Uint8Array(3 * mib), 100).map((p) => p.length), [100, mib, mib, mib - 100]);
    assert.deepEqual(split(new Uint8Array(5), mib).map((p) => p.length), [5]);
    assert.deepEqual(split(new Uint8Array(0), mib), []);
});
