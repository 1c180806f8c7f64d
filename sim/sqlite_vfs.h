/* SPDX-License-Identifier: MIT */
#ifndef SIM_SQLITE_VFS_H
#define SIM_SQLITE_VFS_H
/*
 * SQLite's files on a virtual disk (vault/disk_model.h): the same calls, promises and omissions as
 * its own layer for Unix has, without shared memory and with locks that nobody else wants.
 *
 * It becomes the default layer, so that rh_catalog_sqlite_open uses it. One at a time.
 */
#include <sqlite3.h>

#include "base/rng.h"
#include "vault/disk_model.h"

struct sim_sqlite {
    sqlite3_vfs vfs;
    struct rh_disk *disk; /* of what is opened from now on; files keep theirs */
    struct rh_rng rng;    /* all of SQLite's chance, from a seed */
    int64_t (*wall_ms)(void *context);
    void *context;
    uint64_t temporary_count;
};

void sim_sqlite_install(struct sim_sqlite *, struct rh_disk *, uint64_t seed,
                        int64_t (*wall_ms)(void *), void *context);
void sim_sqlite_remove(struct sim_sqlite *);
/* Whether SQLite finds nothing wrong with the whole file; `why` is text of `cap` bytes. */
bool sim_sqlite_is_intact(const char *path, char *why, size_t cap);

#endif
