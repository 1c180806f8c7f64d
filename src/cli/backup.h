/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_CLI_BACKUP_H
#define REELHAUL_CLI_BACKUP_H
/*
 * What the files of `reelhaul backup` offer each other.
 *
 * The catalog is copied first, then the files that its rows speak of. In this order every row of
 * the copy has its bytes: bytes are durable before their row, acknowledged bytes never change, and
 * a file only moves from incoming/ to its finished name. What may be gone by then (a chunk that was
 * put in its place, an upload that was deleted) is asked for again in a newer copy of the catalog,
 * and the newer rows of that upload take the place of the older ones. Files first would not do: a
 * row that is committed after its file was passed by would have none.
 *
 * All is built beside the destination (DEST.new) and changes places with it in one step.
 */
#include <reelhaul/types.h>

#include "vault/catalog.h"

struct rh_backup_totals {
    uint64_t finished;
    uint64_t copied;    /* of them */
    uint64_t unchanged; /* linked to the copy before */
    uint64_t unfinished;
    uint64_t bytes_copied;
    uint64_t problems;
};

struct rh_backup {
    const char *data;
    const char *dest;
    bool link;   /* finished files become links to the originals, where they are on one disk */
    bool verify; /* unchanged files of the copy before are read and compared too */
    bool quiet;
    bool json;
    int from;                   /* the data directory */
    int to;                     /* DEST.new */
    int before;                 /* DEST, the copy before; -1: none */
    int leftover;               /* what a backup that was cut off had copied; -1: nothing */
    struct rh_catalog *catalog; /* the copy's */
    struct rh_backup_totals totals;
    char complaint[1024]; /* why it cannot go on */
};

/* ---- backup_files.c: one file ---- */

/* RH_OK; RH_ERR_UNKNOWN: the original is gone or shorter; RH_ERR_CHECKSUM: its bytes are not those
 * that were acknowledged; others with a complaint: the backup cannot go on. */
enum rh_error rh_backup_object(struct rh_backup *, const char *path, uint64_t size, uint64_t crc64);
/* Only these ranges of a file; `to` may be another path than `from`. */
enum rh_error rh_backup_ranges(struct rh_backup *, const char *from, const char *to,
                               const struct rh_interval *, size_t count);
/* A small file as it is; RH_ERR_UNKNOWN: there is none. */
enum rh_error rh_backup_small(struct rh_backup *, const char *path);
/* Writes a small file. */
enum rh_error rh_backup_write(struct rh_backup *, const char *path, const char *text, size_t size);
/* malloc'ed and NUL-terminated; NULL: not there. */
char *rh_backup_read(int root, const char *path);
/* The bytes at `path` in a directory have this size and checksum. */
bool rh_backup_holds(int root, const char *path, uint64_t size, uint64_t crc64);

/* ---- backup_rows.c: what the rows speak of ---- */

/* False: it cannot go on, with a complaint. */
bool rh_backup_rows(struct rh_backup *);
void rh_backup_progress(const struct rh_backup *, bool now);

#endif
