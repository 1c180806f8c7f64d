// SPDX-License-Identifier: MIT
// CRC-64/NVME, written apart from the server's so that each checks the other.
const POLY = 0x9a6c9329ac4bc9b5n;
const table = Array.from({ length: 256 }, (_, n) => {
    let crc = BigInt(n);
    for (let i = 0; i < 8; i++) crc = crc & 1n ? (crc >> 1n) ^ POLY : crc >> 1n;
    return crc;
});
// BigInt is slow: the table is split into two halves of 32 bits.
const low = Uint32Array.from(table, (v) => Number(v & 0xffffffffn));
const high = Uint32Array.from(table, (v) => Number(v >> 32n));

/** The checksum as a BigInt. */
export function crc64(bytes) {
    let lo = 0xffffffff;
    let hi = 0xffffffff;
    for (const byte of bytes) {
        const n = (lo ^ byte) & 0xff;
        lo = (((lo >>> 8) | (hi << 24)) ^ low[n]) >>> 0;
        hi = ((hi >>> 8) ^ high[n]) >>> 0;
    }
    return (BigInt(~hi >>> 0) << 32n) | BigInt(~lo >>> 0);
}

/** As it stands in a header: ":base64 of 8 bytes, big-endian:". */
export function crc64Field(bytes) {
    const out = Buffer.alloc(8);
    out.writeBigUInt64BE(crc64(bytes));
    return `:${out.toString('base64')}:`;
}
