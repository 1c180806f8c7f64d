/* SPDX-License-Identifier: MIT */
#ifndef VAULT_FILES_H
#define VAULT_FILES_H
/*
 * Files below a data directory, for whoever keeps some there. `root` is a descriptor of that
 * directory, paths are relative to it. What fails is not tried again, a sync least of all: the
 * kernel marks the pages clean, so a second success would prove nothing.
 */
#include <reelhaul/types.h>
#include <sys/types.h>

/*
 * An errno as one of ours: RH_ERR_FULL (also a quota, or a file that may not grow), RH_ERR_UNKNOWN
 * (not there), RH_ERR_EXISTS, RH_ERR_MEMORY, RH_ERR_LIMIT (a name too long), else RH_ERR_IO.
 */
enum rh_error rh_data_error(int number);

/* All of it at `offset`, not synced; an error leaves a part of it written. */
enum rh_error rh_data_write_all(int fd, const void *data, size_t size, uint64_t offset);

/* As many bytes as there are, at most `size`; -1: errno says why. */
ssize_t rh_data_read_all(int fd, void *data, size_t size, uint64_t offset);

/* As anything; a link is not followed. An error: that cannot be told. */
enum rh_error rh_data_find(int root, const char *path, bool *is_there);
/* Also where that cannot be told: what is done with it then fails for the same reason, while "it is
 * not there" would be believed. */
bool rh_data_exists(int root, const char *path);

/* Whether an errno says that there is no such file; any other leaves that open. */
bool rh_data_is_absent(int number);

/* Makes the names in a directory durable ("." : root's own). */
enum rh_error rh_data_sync_directory(int root, const char *path);

#endif
