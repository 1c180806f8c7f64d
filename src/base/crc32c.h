/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_BASE_CRC32C_H
#define REELHAUL_BASE_CRC32C_H
/*
 * CRC-32C (Castagnoli; RFC 9260, appendix A): reflected polynomial 0x82f63b78, initial value and
 * final XOR all ones. "123456789" gives 0xe3069283. Only where a dialect asks for it; our own
 * checksum is base/crc64.h.
 */
#include <reelhaul/types.h>

/* The finished checksum of everything so far followed by `data`; start with 0. */
uint32_t rh_crc32c_update(uint32_t crc, const void *data, size_t size);

#endif
