/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_FIELDS_SLICES_H
#define REELHAUL_FIELDS_SLICES_H
/*
 * The checksums of a part's slices, in order, as the sender declares them:
 *
 *     Reelhaul-Slices: 262144;crc64=:BASE64:, 262144;crc64=:BASE64:, 1000;crc64=:BASE64:
 *
 * A structured list (RFC 9651) of lengths in bytes, each at least 1, with the CRC-64/NVME of just
 * those bytes. By them the receiver can tell which prefix of a body that broke is sound.
 */
#include "base/bytes.h"

#define RH_SLICES_TEXT_MAX (RH_SLICES_MAX * 40) /* bytes that any list fits in */

/* Reads up to RH_SLICES_MAX slices. RH_ERR_SYNTAX; RH_ERR_RANGE: a slice of no bytes, or a sum
 * beyond a structured integer; RH_ERR_LIMIT: too many. *count is written on RH_OK only. */
enum rh_error rh_slices_parse(struct rh_bytes text, struct rh_slice slices[RH_SLICES_MAX],
                              size_t *count);
/* RH_ERR_LIMIT, or RH_ERR_RANGE for a length of 0 or beyond a structured integer; the buffer is
 * then unchanged. */
enum rh_error rh_slices_write(struct rh_buffer *buffer, const struct rh_slice *slices,
                              size_t count);

#endif
