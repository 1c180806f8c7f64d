/* SPDX-License-Identifier: MIT */
/* CRC-64/NVME written apart from the engine's, so that tests compare two implementations. */

const low = new Uint32Array(256);
const high = new Uint32Array(256);
for (let i = 0; i < 256; i++) {
    let value = BigInt(i);
    for (let bit = 0; bit < 8; bit++) value = (value >> 1n) ^ (value & 1n ? 0x9a6c9329ac4bc9b5n : 0n);
    low[i] = Number(value & 0xffffffffn);
    high[i] = Number(value >> 32n);
}

/** @param {Uint8Array} bytes @returns {bigint} */
export function crc64(bytes) {
    let lo = 0xffffffff;
    let hi = 0xffffffff;
    for (let i = 0; i < bytes.length; i++) {
        const at = (lo ^ bytes[i]) & 0xff;
        lo = (((lo >>> 8) | (hi << 24)) ^ low[at]) >>> 0;
        hi = ((hi >>> 8) ^ high[at]) >>> 0;
    }
    return (BigInt(~hi >>> 0) << 32n) | BigInt(~lo >>> 0);
}

/** As a structured-field byte sequence, eight bytes, big-endian. @param {bigint} crc @returns {string} */
export function crcField(crc) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(crc);
    return `:${bytes.toString('base64')}:`;
}

/** The map that one more zero byte is, applied by squaring. @param {bigint} a @param {bigint} b
 * @param {number} lengthB @returns {bigint} the checksum of A and B one after the other */
export function crc64Combine(a, b, lengthB) {
    const apply = (/** @type {bigint[]} */ map, /** @type {bigint} */ value) =>
        map.reduce((sum, row, bit) => ((value >> BigInt(bit)) & 1n ? sum ^ row : sum), 0n);
    const twice = (/** @type {bigint[]} */ map) => map.map((row) => apply(map, row));
    let map = [0x9a6c9329ac4bc9b5n];
    for (let bit = 1; bit < 64; bit++) map.push(1n << BigInt(bit - 1));
    for (let i = 0; i < 3; i++) map = twice(map); // from one bit to one byte
    let sum = a;
    for (let count = lengthB; count > 0; count = Math.floor(count / 2)) {
        if (count % 2 === 1) sum = apply(map, sum);
        map = twice(map);
    }
    return sum ^ b;
}
