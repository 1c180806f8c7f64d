/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_FIELDS_CONTENT_RANGE_H
#define REELHAUL_FIELDS_CONTENT_RANGE_H
/* Content-Range and Range in bytes (RFC 9110, section 14). */
#include "base/bytes.h"

struct rh_content_range {
    bool has_range;        /* false for "bytes * /total" (written without the space) */
    struct rh_range range; /* valid if has_range; its length is never 0 */
    uint64_t total;        /* RH_SIZE_UNKNOWN for '*' */
};

/* RH_ERR_SYNTAX; RH_ERR_RANGE where last < first, or the range does not lie within the total. */
enum rh_error rh_content_range_parse(struct rh_bytes text, struct rh_content_range *out);
/* RH_ERR_LIMIT, RH_ERR_RANGE for a value that could not be read back. */
enum rh_error rh_content_range_write(struct rh_buffer *buffer,
                                     const struct rh_content_range *range);

/*
 * A Range request against an object of `size` bytes.
 *   RH_OK         one satisfiable range, in `*out`: answer 206;
 *   RH_ERR_RANGE  none is satisfiable: answer 416;
 *   RH_ERR_LIMIT  several ranges, which we do not serve: ignore the field, answer 200;
 *   RH_ERR_SYNTAX not a byte range: ignore the field, answer 200.
 */
enum rh_error rh_range_parse(struct rh_bytes text, uint64_t size, struct rh_range *out);

#endif
