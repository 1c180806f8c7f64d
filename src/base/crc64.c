/* SPDX-License-Identifier: MIT */
#include "base/crc64.h"

#include "base/bytes.h"
#include "base/crc64_fast.h"

#define POLYNOMIAL 0x9a6c9329ac4bc9b5 /* reflected: bit 63 is x^0 */

/*
 * Slicing by 8. The tables are made at run time: as constants they would be 16 KiB that gzip cannot
 * shrink in the wasm. Natively a constructor makes them before there are threads; in wasm, which
 * has none, the first use does.
 */
static uint64_t tables[8][256];
static bool tables_ready;

#ifndef __wasm__
__attribute__((constructor))
#endif
static void
tables_make(void)
{
    if (tables_ready)
        return;
    for (unsigned i = 0; i < 256; i++) {
        uint64_t crc = i;

        for (unsigned bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
        tables[0][i] = crc;
    }
    for (unsigned k = 1; k < 8; k++) {
        for (unsigned i = 0; i < 256; i++) {
            uint64_t crc = tables[k - 1][i];

            tables[k][i] = tables[0][crc & 255] ^ (crc >> 8);
        }
    }
    tables_ready = true;
}

static uint64_t raw_tables(uint64_t raw, const uint8_t *in, size_t size)
{
    for (; size >= 8; in += 8, size -= 8) {
        raw ^= rh_le64_get(in);
        raw = tables[7][raw & 255] ^ tables[6][raw >> 8 & 255] ^ tables[5][raw >> 16 & 255] ^
              tables[4][raw >> 24 & 255] ^ tables[3][raw >> 32 & 255] ^ tables[2][raw >> 40 & 255] ^
              tables[1][raw >> 48 & 255] ^ tables[0][raw >> 56];
    }
    for (; size > 0; in++, size--)
        raw = tables[0][(raw ^ *in) & 255] ^ (raw >> 8);
    return raw;
}

uint64_t rh_crc64_update_tables(uint64_t crc, const void *data, size_t size)
{
    tables_make();
    return ~raw_tables(~crc, data, size);
}

uint64_t rh_crc64_update(uint64_t crc, const void *data, size_t size)
{
#if RH_CRC64_FAST
    if (size >= RH_CRC64_FAST_BYTES_MIN && rh_crc64_fast_available()) {
        const uint8_t *in = data;
        uint8_t folded[16];

        tables_make();
        rh_crc64_fast_fold(~crc, &in, &size, folded);
        return ~raw_tables(raw_tables(0, folded, sizeof folded), in, size);
    }
#endif
    return rh_crc64_update_tables(crc, data, size);
}

/* a × b modulo the polynomial. */
static uint64_t multiply(uint64_t a, uint64_t b)
{
    uint64_t product = 0;

    for (; a != 0; a <<= 1) {
        if (a >> 63 != 0)
            product ^= b;
        b = (b >> 1) ^ (b & 1 ? POLYNOMIAL : 0);
    }
    return product;
}

/* powers[k] is x^(8 × 2^k) modulo the polynomial: what 2^k bytes do to the checksum before them. */
static const uint64_t powers[64] = {
    0x0080000000000000, 0x0000800000000000, 0x0000000080000000, 0x9a6c9329ac4bc9b5,
    0x10f4bb0f129310d6, 0x70f05dcea2ebd226, 0x311211205672822d, 0x2fc297db0f46c96e,
    0xca4d536fabf7da84, 0xfb4cdc3b379ee6ed, 0xea261148df25140a, 0x59ccb2c07aa6c9b4,
    0x20b3674a839af27a, 0x2d8e1986da94d583, 0x42cdf4c20337635d, 0x1d78724bf0f26839,
    0xb96c84e0afb34bd5, 0x5d2e1fcd2df0a3ea, 0xcd9506572332be42, 0x23bda2427f7d690f,
    0x347a953232374f07, 0x1c2a807ac2a8ceea, 0x9b92ad0e14fe1460, 0x2574114889f670b2,
    0x4a84a6c45e3bf520, 0x915bbac21cd1c7ff, 0xb0290ec579f291f5, 0xcf2548505c624e6e,
    0xb154f27bf08a8207, 0xce4e92344baf7d35, 0x51da8d7e057c5eb3, 0x9fb10823f5be15df,
    0x73b825b3ff1f71cf, 0x5db436c5406ebb74, 0xfa7ed8f3ec3f2bca, 0xc4d58efdc61b9ef6,
    0xa7e39e61e855bd45, 0x97ad46f9dd1bf2f1, 0x1a0abb01f853ee6b, 0x3f0827c3348f8215,
    0x4eb68c4506134607, 0x4a46f6de5df34e0a, 0x2d855d6a1c57a8dd, 0x8688da58e1115812,
    0x5232f417fc7c7300, 0xa4080fb2e767d8da, 0xd515a7e17693e562, 0x1181f7c862e94226,
    0x9e23cd058204ca91, 0x9b8992c57a0aed82, 0xb2c0afb84609b6ff, 0x2f7160553a5ea018,
    0x3cd378b5c99f2722, 0x814054ad61a3b058, 0xbf766189fce806d8, 0x85a5e898ac49f86f,
    0x34830d11bc84f346, 0x9644d95b173c8c1c, 0x150401ac9ac759b1, 0xebe1f7f46fb00eba,
    0x8ee4ce0c2e2bd662, 0x4000000000000000, 0x2000000000000000, 0x0800000000000000,
};

uint64_t rh_crc64_combine(uint64_t a, uint64_t b, uint64_t length_b)
{
    for (unsigned k = 0; length_b != 0; k++, length_b >>= 1) {
        if (length_b & 1)
            a = multiply(a, powers[k]);
    }
    /* The initial value and the final XOR are equal, so they cancel and no correction is needed. */
    return a ^ b;
}
