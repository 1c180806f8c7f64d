/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_BASE_HEX_H
#define REELHAUL_BASE_HEX_H
/* Hexadecimal, written in small letters, read in either case. Results as in base64.h; no NUL is
 * written. */
#include <reelhaul/types.h>

ptrdiff_t rh_hex_encode(char *out, size_t out_cap, const void *in, size_t size);
ptrdiff_t rh_hex_decode(void *out, size_t out_cap, const char *in, size_t size);

#endif
