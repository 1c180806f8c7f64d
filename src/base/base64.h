/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_BASE_BASE64_H
#define REELHAUL_BASE_BASE64_H
/*
 * Base 64 of RFC 4648: section 4 (padded) and section 5 (URL-safe, written without padding).
 * All return the count of characters or bytes written (there is no NUL), or a negative enum
 * rh_error: RH_ERR_LIMIT   `out_cap` is too small (nothing useful was written); RH_ERR_SYNTAX  on
 * decoding: a character outside the alphabet, wrong padding or length, stray bits that are not
 * zero.
 */
#include <reelhaul/types.h>

/* Characters that `size` bytes take, padded and unpadded. */
#define RH_BASE64_SIZE(size)    (((size) + 2) / 3 * 4)
#define RH_BASE64URL_SIZE(size) (((size)*8 + 5) / 6)

ptrdiff_t rh_base64_encode(char *out, size_t out_cap, const void *in, size_t size);
ptrdiff_t rh_base64_decode(void *out, size_t out_cap, const char *in,
                           size_t size); /* padding required */
/* The same, where padding may be absent (but is right if it is there). */
ptrdiff_t rh_base64_decode_lenient(void *out, size_t out_cap, const char *in, size_t size);
ptrdiff_t rh_base64url_encode(char *out, size_t out_cap, const void *in, size_t size);
ptrdiff_t rh_base64url_decode(void *out, size_t out_cap, const char *in,
                              size_t size); /* padding refused */

#endif
