/* SPDX-License-Identifier: MIT */
#include "base/crc32c.h"

#include "base/bytes.h"

#define POLYNOMIAL 0x82f63b78 /* reflected */

/* Slicing by 8; made before there are threads, as in crc64.c. Native alone: no dialect of the wasm
 * asks for it. */
static uint32_t tables[8][256];

__attribute__((constructor)) static void tables_make(void)
{
    for (unsigned i = 0; i < 256; i++) {
        uint32_t crc = i;

        for (unsigned bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
        tables[0][i] = crc;
    }
    for (unsigned k = 1; k < 8; k++) {
        for (unsigned i = 0; i < 256; i++) {
            uint32_t crc = tables[k - 1][i];

            tables[k][i] = tables[0][crc & 255] ^ (crc >> 8);
        }
    }
}

uint32_t rh_crc32c_update(uint32_t crc, const void *data, size_t size)
{
    const uint8_t *in = data;

    crc = ~crc;
    for (; size >= 8; in += 8, size -= 8) {
        uint64_t word = crc ^ rh_le64_get(in);

        crc = tables[7][word & 255] ^ tables[6][word >> 8 & 255] ^ tables[5][word >> 16 & 255] ^
              tables[4][word >> 24 & 255] ^ tables[3][word >> 32 & 255] ^
              tables[2][word >> 40 & 255] ^ tables[1][word >> 48 & 255] ^ tables[0][word >> 56];
    }
    for (; size > 0; in++, size--)
        crc = tables[0][(crc ^ *in) & 255] ^ (crc >> 8);
    return ~crc;
}
