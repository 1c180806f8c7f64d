/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_BASE_SIPHASH_H
#define REELHAUL_BASE_SIPHASH_H
/* SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed 64-bit MAC for short messages, and a hash
 * that cannot be flooded. */
#include <reelhaul/types.h>

#define RH_SIPHASH_KEY 16

uint64_t rh_siphash(const uint8_t key[RH_SIPHASH_KEY], const void *data, size_t size);

#endif
