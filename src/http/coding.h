/* SPDX-License-Identifier: MIT */
#ifndef HTTP_CODING_H
#define HTTP_CODING_H
/*
 * Content-Encoding of request bodies (RFC 9110, 8.4): gzip (RFC 1952) and zstd (RFC 8878), decoded
 * as they come, with bounds: a few bytes must not become so many that they fill memory or a disk.
 *
 *   rh_coding_of() says what the head declares; rh_coding_create(); then for all body bytes
 *   rh_coding_next() until RH_ERR_AGAIN, at the end of the body rh_coding_end().
 */
#include "http/message.h"

enum rh_coding_kind {
    RH_CODING_IDENTITY = 0,
    RH_CODING_GZIP,
    RH_CODING_ZSTD,
};

#define RH_CODING_NAMES "gzip, zstd" /* for Accept-Encoding */

/* Decoded bytes may be this many times the coded ones … */
#define RH_CODING_RATIO_MAX 128
/* … and this many more: a chunk of one colour, or of silence, is no attack. */
#define RH_CODING_SLACK_BYTES ((uint64_t)1 << 20)
/* What a decoder has to remember of the past; RFC 9659 lets an encoder use 8 MiB. */
#define RH_CODING_WINDOW_LOG_MAX 23

struct rh_coding;

/* RH_ERR_UNKNOWN: a coding that is not decoded here, or several. */
enum rh_error rh_coding_of(const struct rh_request *request, enum rh_coding_kind *kind);

/* For GZIP or ZSTD; decodes at most `bytes_max` bytes. NULL: memory is out. */
struct rh_coding *rh_coding_create(enum rh_coding_kind kind, uint64_t bytes_max);
void rh_coding_destroy(struct rh_coding *coding); /* takes NULL */

/*
 * Decodes some of `in` into `out`. RH_OK: `*used` bytes of it were used and `*made` bytes made;
 * call again with the rest. RH_ERR_AGAIN: all was used and nothing is left to be made.
 * RH_ERR_SYNTAX: not of that coding; RH_ERR_LIMIT: beyond a bound; RH_ERR_MEMORY. Errors stay, and
 * nothing is made then. A sound body becomes the same bytes however it was split.
 */
enum rh_error rh_coding_next(struct rh_coding *coding, struct rh_bytes in, size_t *used,
                             uint8_t *out, size_t cap, size_t *made);

/* At the end of the body: RH_OK, RH_ERR_CLOSED where it is cut short, or the earlier error. */
enum rh_error rh_coding_end(const struct rh_coding *coding);

/* Bytes of memory that it has now; it grows while it decodes, up to the window and a little. */
size_t rh_coding_memory(const struct rh_coding *coding);

#endif
