/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_CLI_FILES_H
#define REELHAUL_CLI_FILES_H
/* Files that must survive: written whole, synced, and replaced at once. */
#include "reelhaul/types.h"

/* errno as an error: RH_ERR_FULL (no room), RH_ERR_UNKNOWN (no such file), RH_ERR_DENIED, else
 * RH_ERR_IO. errno stays as it is, for people. */
enum rh_error rh_file_error(void);

/* All of the bytes at that place. RH_OK, RH_ERR_FULL, RH_ERR_IO. */
enum rh_error rh_file_write(int fd, const void *data, size_t size, uint64_t offset);
/* Exactly so many bytes. RH_OK, RH_ERR_IO; RH_ERR_RANGE: the file ends before. */
enum rh_error rh_file_read(int fd, void *data, size_t size, uint64_t offset);
/* What was written is on the medium. Not to be repeated after a failure. */
enum rh_error rh_file_sync(int fd);
/* The names in a directory below `base` ("." for itself) are on the medium. */
enum rh_error rh_file_sync_names(int base, const char *path);

/* The whole of a file below `base`, allocated (free it); RH_ERR_LIMIT: larger than `max`. */
enum rh_error rh_file_load(int base, const char *path, size_t max, uint8_t **data, size_t *size);
/*
 * The file `folder`/`name` below `base` holds these bytes from now on, or what it held before,
 * whatever happens: written beside it, synced, renamed, and the name synced.
 */
enum rh_error rh_file_replace(int base, const char *folder, const char *name,
                              struct rh_bytes bytes);

#endif
