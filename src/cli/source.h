/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_CLI_SOURCE_H
#define REELHAUL_CLI_SOURCE_H
/* Reading the bytes of an upload, from the user's file or from segments. */
#include "cli/entry.h"

/*
 * Size, time, and the checksum of samples: enough to see that a file is not what it was, without
 * reading all of it. RH_OK, RH_ERR_SYNTAX (not a regular file), errors of files.
 */
enum rh_error rh_fingerprint_take(int fd, struct rh_fingerprint *out);
bool rh_fingerprint_equal(const struct rh_fingerprint *a, const struct rh_fingerprint *b);

/* A reader of one range. */
struct rh_source {
    const struct rh_entry *entry;
    uint64_t at;
    uint64_t end;
    int fd;       /* -1: none */
    size_t piece; /* whose file `fd` is, where segments are read */
};

/*
 * RH_ERR_STATE: the user's file is not what was queued; RH_ERR_UNKNOWN: it, or bytes of the range,
 * are gone; errors of files.
 */
enum rh_error rh_source_open(struct rh_source *source, const struct rh_entry *entry,
                             struct rh_range range);
/* The next bytes; *got is 0 only at the end of the range. Errors as of opening. */
enum rh_error rh_source_read(struct rh_source *source, void *out, size_t cap, size_t *got);
void rh_source_close(struct rh_source *source);

/* The checksum of a range as it can be read now. */
enum rh_error rh_source_crc64(const struct rh_entry *entry, struct rh_range range, uint64_t *crc64);
/* Whether the pieces that the range touches read as they were. Errors of reading; RH_ERR_CHECKSUM.
 */
enum rh_error rh_source_verify(const struct rh_entry *entry, struct rh_range range);

#endif
