/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_HTTP_URL_H
#define REELHAUL_HTTP_URL_H
/*
 * Paths and queries of request targets (RFC 3986, and the form encoding of queries of the URL
 * Standard). Decoding never yields NUL or bytes that are no UTF-8. Decoded text is for comparing
 * and naming; whether it may become a file name is decided by rh_name_check (base/id.h), not here.
 */
#include <reelhaul/types.h>

#include "base/bytes.h"

/* Well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
bool rh_utf8_valid(struct rh_bytes text);

/*
 * Takes the next raw segment off `rest`, which starts as the raw path ("/a/b" gives "a" and "b";
 * "/a/" gives "a" and ""). RH_OK; RH_ERR_UNKNOWN at the end; RH_ERR_SYNTAX if `rest` does not start
 * with '/'.
 */
enum rh_error rh_url_segment_next(struct rh_bytes *rest, struct rh_bytes *raw);

/*
 * Decodes one segment and appends it to `out`. %2F becomes '/': it is data of this segment, so
 * never join decoded segments again. RH_ERR_SYNTAX: bad escape, %00, no UTF-8, or the segment is
 * "." or ".." (however it is encoded); RH_ERR_LIMIT: does not fit. On error `out` is as before.
 */
enum rh_error rh_url_segment_decode(struct rh_bytes raw, struct rh_buffer *out);

/*
 * Decodes a whole path. As above for each segment; %2F and %5C and '\' are refused too, because
 * here they could be taken for separators. RH_ERR_SYNTAX, RH_ERR_LIMIT.
 */
enum rh_error rh_url_path_decode(struct rh_bytes path, struct rh_buffer *out);

/*
 * Takes the next pair off `rest`, which starts as the raw query; empty pairs ("&&") are skipped.
 * `value` is empty if there is no '='. RH_OK; RH_ERR_UNKNOWN at the end.
 */
enum rh_error rh_url_query_next(struct rh_bytes *rest, struct rh_bytes *name,
                                struct rh_bytes *value);

/*
 * Decodes a name or value of a query ('+' is a space) and appends it. RH_ERR_SYNTAX, RH_ERR_LIMIT.
 */
enum rh_error rh_url_query_decode(struct rh_bytes raw, struct rh_buffer *out);

/*
 * Finds the one pair with this (decoded) name and appends its decoded value to `out`.
 * RH_ERR_UNKNOWN: absent; RH_ERR_SYNTAX: twice, or undecodable; RH_ERR_LIMIT.
 */
enum rh_error rh_url_query_find(struct rh_bytes query, const char *name, struct rh_buffer *out);

#endif
