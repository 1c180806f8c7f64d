/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_FIELDS_UPLOAD_METADATA_H
#define REELHAUL_FIELDS_UPLOAD_METADATA_H
/*
 * Upload-Metadata of tus 1.0 (protocol extension "creation"):
 *
 *     Upload-Metadata: filename d29ybGQucGRm,is_confidential
 *
 * Pairs between commas: a key without spaces and commas that is not empty and comes once, and after
 * one space its value in padded base 64 (RFC 4648, section 4), which may be left out with the
 * space. White space around the commas is passed over, as lists of HTTP have it.
 */
#include "base/bytes.h"

#define RH_UPLOAD_METADATA_PAIRS_MAX 64

struct rh_upload_metadata_pair {
    struct rh_bytes key;   /* points into the text */
    struct rh_bytes value; /* still in base 64; empty where it was left out */
};

/*
 * Reads all of it, values included. RH_ERR_SYNTAX; RH_ERR_EXISTS: a key comes twice; RH_ERR_LIMIT:
 * too many pairs. *count is written on RH_OK only. An empty text has no pairs.
 */
enum rh_error
rh_upload_metadata_parse(struct rh_bytes text,
                         struct rh_upload_metadata_pair pairs[static RH_UPLOAD_METADATA_PAIRS_MAX],
                         size_t *count);
/* The decoded size of a value that was parsed. */
size_t rh_upload_metadata_size(struct rh_bytes value);
/* Decodes one. Its size, or RH_ERR_LIMIT. */
ptrdiff_t rh_upload_metadata_decode(void *out, size_t cap, struct rh_bytes value);
/*
 * Appends a pair; `index` is its place in the field, 0 for the first. RH_ERR_SYNTAX: a key that
 * cannot be; RH_ERR_LIMIT. On an error the buffer is unchanged.
 */
enum rh_error rh_upload_metadata_put(struct rh_buffer *buffer, size_t index, struct rh_bytes key,
                                     struct rh_bytes value);

#endif
