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
