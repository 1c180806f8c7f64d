/* SPDX-License-Identifier: MIT */
/**
 * CRC-64/NVME without WebAssembly: two 32-bit halves a table, because BigInt is slow byte by byte.
 * @module
 */

const POLY = 0x9a6c9329ac4bc9b5n;
const LOW = new Uint32Array(256);
const HIGH = new Uint32Array(256);
for (let i = 0; i < 256; i++) {
    let value = BigInt(i);
    for (let bit = 0; bit < 8; bit++) value = (value & 1n) === 1n ? (value >> 1n) ^ POLY : value >> 1n;
    LOW[i] = Number(value & 0xffffffffn);
    HIGH[i] = Number(value >> 32n);
}

/** @param {Uint8Array} bytes @param {bigint} start @returns {bigint} */
export function crc64(bytes, start = 0n) {
    let low = ~Number(start & 0xffffffffn) >>> 0;
    let high = ~Number(start >> 32n) >>> 0;
    for (const byte of bytes) {
        const at = (low ^ byte) & 0xff;
        low = ((low >>> 8) | (high << 24)) ^ /** @type {number} */ (LOW[at]);
        high = (high >>> 8) ^ /** @type {number} */ (HIGH[at]);
    }
    return (BigInt(~high >>> 0) << 32n) | BigInt(~low >>> 0);
}

/** What so many zero bytes do to a checksum, as a matrix over bits. @type {Map<number, bigint[]>} */
const zeros = new Map();

/** @param {bigint[]} map @param {bigint} value */
function apply(map, value) {
    let sum = 0n;
    for (let bit = 0; value > 0n; value >>= 1n, bit++) {
        if ((value & 1n) === 1n) sum ^= /** @type {bigint} */ (map[bit]);
    }
    return sum;
}

/** @param {number} length @returns {bigint[]} */
function zerosOf(length) {
    const known = zeros.get(length);
    if (known) return known;
    const square = (/** @type {bigint[]} */ map) => map.map((row) => apply(map, row));
    let power = [POLY, ...Array.from({ length: 63 }, (_, bit) => 1n << BigInt(bit))];
    for (let i = 0; i < 3; i++) power = square(power); // from a bit to a byte
    let map = Array.from({ length: 64 }, (_, bit) => 1n << BigInt(bit));
    for (let count = length; count > 0; count = Math.floor(count / 2)) {
        if (count % 2 === 1) map = map.map((row) => apply(power, row));
        power = square(power);
    }
    if (zeros.size < 16) zeros.set(length, map); // most pieces are one whole segment
    return map;
}

/** Of A‖B from those of A and B. @param {bigint} a @param {bigint} b @param {number} lengthB @returns {bigint} */
export function crc64Combine(a, b, lengthB) {
    return apply(zerosOf(lengthB), a) ^ b;
}
