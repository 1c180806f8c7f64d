/* SPDX-License-Identifier: MIT */
#ifndef VAULT_DISK_MODEL_H
#define VAULT_DISK_MODEL_H
/*
 * A virtual disk: files with names, of which only what was synced is sure to outlive a crash.
 *
 *   bytes    each write dirties 512-byte sectors; a sync makes them durable; a crash keeps any
 *            subset of the dirty ones
 *   length   durable with the sync; a crash keeps the old one, or one that a kept sector implies
 *   names    made, renamed, removed at once as seen, durable with disk_sync_names; a crash keeps
 *            any prefix of the pending ones
 *   full     a write that finds the disk full has written a part of what it was given
 *   wrong    a write may land on another sector than it should; a reader is not shown it until the
 *            next crash, when the pages in memory are gone
 *   errors   a sync that fails leaves the pages marked clean though they are not on the disk, so a
 *            second one "succeeds" and proves nothing (the fsyncgate behaviour)
 *
 * Deterministic by seed. Every operation is a step; after `stop_after` steps all I/O fails, which
 * is how a crash lands between any two steps of a job.
 */
#include <reelhaul/types.h>

#include "base/rng.h"

#define RH_SECTOR 512

struct rh_disk_file {
    uint8_t *seen; /* what a reader gets now */
    size_t size;
    size_t cap;
    uint8_t *durable; /* what a crash cannot take */
    size_t durable_size;
    size_t durable_cap;
    uint8_t *dirty; /* one byte a sector */
    size_t dirty_cap;
    size_t refs; /* names seen, names durable, names pending, handles */
};

struct rh_disk_name {
    char path[512];
    struct rh_disk_file *file;
};

struct rh_disk_names {
    struct rh_disk_name *items;
    size_t count;
    size_t cap;
};

/* A pending change of names: from (removed, unless "") and to (put, unless ""). */
struct rh_disk_change {
    char from[512];
    char to[512];
    struct rh_disk_file *file;
};

/* What goes wrong, for whoever wants to know, or to forbid it. */
enum rh_disk_fault {
    RH_DISK_SYNC_IO,
    RH_DISK_WRITE_IO,
    RH_DISK_WRITE_FULL,
    RH_DISK_OPEN_IO,
    RH_DISK_READ_IO,
    RH_DISK_BYTES_LOST,  /* a crash takes, or tears, what was not synced */
    RH_DISK_NAMES_LOST,  /* a crash takes names that were not synced */
    RH_DISK_MISDIRECTED, /* a sector lands on another one's place */
};

struct rh_disk_faults {
    uint32_t sync_io_ppm; /* chances in a million, drawn for each operation */
    uint32_t write_io_ppm;
    uint32_t write_full_ppm;
    uint32_t open_io_ppm;
    uint32_t read_io_ppm;
    uint64_t capacity_bytes; /* of all files together; 0: endless */
};

/* Asked before a fault strikes, about the file of that path ("" where it is about none or many);
 * false: it does not. */
typedef bool rh_disk_strikes(void *context, enum rh_disk_fault fault, const char *path);

struct rh_disk {
    struct rh_rng rng;
    struct rh_disk_names seen;
    struct rh_disk_names durable;
    struct rh_disk_change *pending;
    size_t pending_count;
    size_t pending_cap;
    struct rh_disk_faults faults;
    uint64_t used_bytes;
    uint64_t steps;
    uint64_t stop_at;         /* 0: never */
    bool misdirects;          /* the next sync that can puts a sector on another one's place */
    rh_disk_strikes *strikes; /* NULL: all that is drawn does */
    void *strikes_context;
    bool skip_name_sync; /* a planted bug: names are said to be durable and are not */
};

void rh_disk_init(struct rh_disk *, uint64_t seed);
void rh_disk_finish(struct rh_disk *);
bool rh_disk_is_stopped(const struct rh_disk *);
/* Power is lost: what was not durable is there in part, or not. All files must be let go first. */
void rh_disk_crash(struct rh_disk *);

/* The file of a name, or NULL; `make` puts a new one. The caller lets it go when done. */
enum rh_error rh_disk_open(struct rh_disk *, const char *path, bool make, struct rh_disk_file **);
void rh_disk_let_go(struct rh_disk *, struct rh_disk_file *);
enum rh_error rh_disk_write(struct rh_disk *, struct rh_disk_file *, uint64_t offset,
                            const void *data, size_t size);
/* Before bytes are read: RH_ERR_IO where that fails. */
enum rh_error rh_disk_read(struct rh_disk *);
enum rh_error rh_disk_cut(struct rh_disk *, struct rh_disk_file *, uint64_t size);
enum rh_error rh_disk_sync(struct rh_disk *, struct rh_disk_file *);
enum rh_error rh_disk_rename(struct rh_disk *, const char *from, const char *to);
enum rh_error rh_disk_remove(struct rh_disk *, const char *path); /* fine where it is not there */
enum rh_error rh_disk_sync_names(struct rh_disk *);

struct rh_disk_file *rh_disk_find(const struct rh_disk_names *, const char *path);

#endif
