/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_BASE_CRC64_FAST_H
#define REELHAUL_BASE_CRC64_FAST_H
/* Private to crc64.c and crc64_native.c: the path through the processor's carry-less
 * multiplication. */
#include <reelhaul/types.h>

#if defined(__x86_64__)
#define RH_CRC64_FAST 1
#else
#define RH_CRC64_FAST 0
#endif

/* Below this many bytes the tables are as quick. */
#define RH_CRC64_FAST_BYTES_MIN 128

/* Whether this processor can. */
bool rh_crc64_fast_available(void);
/*
 * Takes the raw (unfinished) register through all full blocks of `*data` and moves `*data` and
 * `*size` to what is left.
 * `*size` must be at least RH_CRC64_FAST_BYTES_MIN. The last 16 bytes, already folded, are left in
 * `folded`: the register is 0 and the caller runs the tables over them, then over what is left.
 */
void rh_crc64_fast_fold(uint64_t raw, const uint8_t **data, size_t *size, uint8_t folded[16]);

#endif
