/* SPDX-License-Identifier: MIT */
#ifndef VAULT_WITNESS_H
#define VAULT_WITNESS_H
/*
 * The witness: a second record of what was vouched for, beside the catalog, in a file of its own
 * (data/reelhaul.witness). Each batch that the catalog committed is appended before anybody hears
 * of it. So the acknowledged ranges of open uploads, which can be read from nothing else, survive
 * the loss of the catalog, and a catalog that is older than what was acknowledged is recognised
 * (generation.h).
 *
 * Nobody waits for its sync: what is acknowledged is durable by the catalog's. It is synced when
 * nothing is asked for a second, under load once a second, and when it is closed. So a process that
 * is killed leaves all of it; a power failure may take the last second, and matters only to who
 * loses the catalog by it too.
 *
 * The file begins with a snapshot: the meta row and every unfinished upload as they were at one
 * commit. The records of the commits after it follow, without a gap. When it has grown it is
 * replaced by a new one with a new snapshot (written beside it, synced, renamed). Finished uploads
 * are in no snapshot: their files say what is known of them.
 *
 * Format 1, all numbers little-endian:
 *   header   "reelhaul witness" u32 format, u32 hash of this file's time of birth (0: not known),
 *            u64 its inode, u64 CRC-64 of the 32 bytes before it
 *   record   u32 "RHWR", u32 size, u64 sequence, u64 CRC-64 of size, sequence and payload, payload
 *            (witness_codec.c), padded with zeros to a multiple of 8
 * Records of the snapshot bear the sequence of its commit. Zeros end the file: room is made ahead,
 * so that appending does not change its length.
 */
#include "vault/catalog.h"

#define RH_WITNESS_FILE   "reelhaul.witness"
#define RH_WITNESS_FORMAT 1

/* ---- The codec of batches ---- */

/* Encodes changes[from, count) until `limit` bytes would be exceeded (at least one change is taken)
 * -> malloc'ed bytes, and how many changes they hold. RH_ERR_MEMORY. */
enum rh_error rh_witness_encode(const struct rh_batch *, size_t from, size_t limit, uint8_t **out,
                                size_t *size, size_t *taken);
/* RH_ERR_SYNTAX for anything rh_witness_encode does not write; then the batch is empty. */
enum rh_error rh_witness_decode(struct rh_bytes, struct rh_batch *out);

/* ---- Reading ---- */

struct rh_witness_summary {
    uint64_t first;  /* sequence of the snapshot */
    uint64_t last;   /* of the last commit it knows */
    bool is_damaged; /* something before the last commit cannot be read */
    bool is_copied;  /* this file is a copy: not the inode, or not the birth, it was written in */
};

/*
 * Hands every readable batch to `each`, in order. RH_ERR_UNKNOWN: there is no such file;
 * RH_ERR_SYNTAX: it is not one of ours; RH_ERR_VERSION: of a newer Reelhaul; RH_ERR_IO;
 * RH_ERR_MEMORY; or what `each` answered.
 */
enum rh_error rh_witness_read(int root, struct rh_witness_summary *,
                              enum rh_error (*each)(void *context, uint64_t sequence,
                                                    const struct rh_batch *),
                              void *context);

/* ---- Writing ---- */

struct rh_witness;

/* Hands the batches of a snapshot to `each`. */
enum rh_error rh_witness_snapshot(struct rh_catalog *,
                                  enum rh_error (*each)(void *context, uint64_t sequence,
                                                        const struct rh_batch *),
                                  void *context);
/* Replaces the witness by a snapshot of the catalog. RH_ERR_IO, RH_ERR_FULL, RH_ERR_MEMORY: the old
 * one stays, whole. */
enum rh_error rh_witness_create(struct rh_witness **, int root, struct rh_catalog *);
/* Written on RH_OK, not synced. After an error, here or of a sync, nothing may be appended. */
enum rh_error rh_witness_append(struct rh_witness *, uint64_t sequence, const struct rh_batch *);
enum rh_error rh_witness_sync(struct rh_witness *); /* nothing to do: RH_OK */
/* Something has waited for its sync for a second or more. */
bool rh_witness_is_overdue(const struct rh_witness *);
/* It has grown so much that a new snapshot is worth its while. */
bool rh_witness_is_long(const struct rh_witness *);
void rh_witness_close(struct rh_witness *); /* takes NULL */

/* ---- What it says, all of it replayed ---- */

struct rh_witnessed_upload {
    struct rh_upload_rows rows;
    bool has_row; /* else only parts of it were heard of (a damaged witness) */
    bool is_erased;
};

struct rh_witnessed {
    struct rh_witness_summary summary;
    bool has_meta;
    struct rh_meta_row meta;
    struct rh_witnessed_upload **uploads;
    size_t upload_count;
    struct rh_session_row *sessions;
    bool *session_is_erased;
    size_t session_count;
    struct rh_witnessed_index *index; /* its own */
};

/* Answers as rh_witness_read; finish it in any case. */
enum rh_error rh_witnessed_load(int root, struct rh_witnessed *);
/* The same from a catalog's meta and unfinished uploads, where there is no witness. */
enum rh_error rh_witnessed_of_catalog(struct rh_catalog *, struct rh_witnessed *);
void rh_witnessed_finish(struct rh_witnessed *);
const struct rh_witnessed_upload *rh_witnessed_find(const struct rh_witnessed *, const char *id);

/*
 * The catalog that writes a witness too: `inner` becomes its own. A commit that returns RH_OK is
 * durable in the catalog and written to the witness. `entropy` as in RH_READ_META. Not opened:
 * inner is closed.
 */
enum rh_error rh_catalog_witnessed_open(struct rh_catalog **, struct rh_catalog *inner, int root,
                                        const uint8_t entropy[32]);

#endif
