/* SPDX-License-Identifier: MIT */
#ifndef SERVE_FILES_H
#define SERVE_FILES_H
/* Files below a root: opening them without being led out of it, and what they are. */
#include <reelhaul/types.h>

struct rh_file {
    int fd;
    uint64_t size;
    int64_t modified_s;  /* Unix time */
    int64_t modified_ns; /* the same, in nanoseconds */
};

/*
 * Opens a regular file for reading. `path` is relative to the directory `root` and may hold neither
 * empty, "." nor ".." segments; symbolic links on the way are not followed. RH_ERR_UNKNOWN: not
 * there, not a regular file, or not allowed; RH_ERR_IO: anything else (descriptors ran out, the
 * medium failed). On RH_OK fd is the caller's.
 */
enum rh_error rh_file_open(int root, const char *path, struct rh_file *file);
/* The way that older kernels need: one component after the other. The same results. */
enum rh_error rh_file_open_stepwise(int root, const char *path, struct rh_file *file);
/* Fills the rest for a descriptor. RH_ERR_UNKNOWN unless it is a regular file. */
enum rh_error rh_file_stat(struct rh_file *file);

/* Type of a page by its extension; static text. */
const char *rh_file_mime(const char *path);

#endif
