/* SPDX-License-Identifier: MIT */
#ifndef VAULT_STORE_H
#define VAULT_STORE_H
/*
 * The store: the server's bytes. One small interface, several backends (store_files.c,
 * store_model.c; S3 later).
 *
 * The vault never calls it. It emits jobs (vault.h); disk threads (or the simulator) run them here
 * and tell the vault the result. Only `write` is called by the loops themselves, under a grant.
 * `run` may block; `run` and `write` may be called by several threads at once, but the vault never
 * has two jobs of one upload under way that could disturb each other, and never runs SYNC, SEAL or
 * CLOSE of an extent while a grant on it is open... except SYNC, which is safe at any time.
 *
 * An extent is where bytes go: the in-place file of an upload, or one waiting chunk. Its descriptor
 * stays open from the first write to the sync (design, promise 1). A failed sync voids what was not
 * synced before; it is never retried.
 *
 * Default layout on disk: see store_files.c. Every backend passes
 * test/unit/vault/store_conformance.h.
 */
#include "vault/catalog.h"

/* Who the bytes belong to; enough for a backend to find its files, and for the sidecar that fsck
 * --rebuild reads. */
struct rh_store_target {
    char upload[RH_ID_TEXT_MAX];
    char session[RH_UUID_TEXT_MAX]; /* "" : none */
    char name[RH_NAME_TEXT_MAX];
    char mime[RH_MIME_TEXT_MAX];
};

#define RH_EXTENT_IN_PLACE                                                                         \
    UINT64_MAX /* index of the in-place file; any other index is a waiting chunk */

/*
 * What a job uses is in brackets. Every verb is told target.
 */
enum rh_store_verb {
    /* (index, size) Opens or creates an extent -> handle. `size`: so many bytes of it were vouched
     * for; where the file is shorter or gone: RH_ERR_UNKNOWN, and nothing is created. A new name is
     * made durable at the first SYNC. */
    RH_STORE_BEGIN = 1,
    RH_STORE_SYNC,  /* (handle) its bytes, and its name on the first time, are durable on RH_OK */
    RH_STORE_CLOSE, /* (handle) forget it */
    /* (offset, length, digest_bits) -> crc64 of the bytes as stored in place or, once sealed, in
     * the object; and their SHA-256 or SHA-512 where digest_bits is 256 or 512. RH_ERR_UNKNOWN
     * where they are not all there. */
    RH_STORE_HASH,
    /* (index, handle, offset, length) Copies the first `length` bytes of waiting chunk `index` to
     * the in-place `handle` at offset -> crc64 of what was copied. SYNC follows. RH_ERR_UNKNOWN
     * where the waiting chunk is gone or shorter. */
    RH_STORE_STITCH,
    /* (handle, offset, length, source, source_offset) Bytes of a finished object become bytes in
     * place -> cloned: the file system shares them, else crc64 of what was copied. SYNC follows.
     * RH_ERR_UNKNOWN where they are not all there. */
    RH_STORE_JOIN,
    /* (handle, offset, length) Bytes in place become zeros, whatever was there; the file grows if
     * it must. SYNC follows. (Gaps of a partial video: bytes nobody vouched for do not show.) */
    RH_STORE_ZERO,
    /* (size) The in-place file, cut to `size` bytes, becomes the object, durably; drops waiting
     * chunks too. Idempotent: RH_OK where only the object is there. RH_ERR_UNKNOWN: neither is
     * there, or it is shorter than size. */
    RH_STORE_SEAL,
    RH_STORE_DROP_CHUNK, /* (index) a waiting chunk that was stitched is not needed; idempotent */
    RH_STORE_DROP,       /* forget everything of an unfinished upload; idempotent */
    RH_STORE_ERASE,      /* forget the object and its companions too (erasure); idempotent */
    RH_STORE_PUT_TEXT,   /* (text_kind, text) replace a small companion, atomically and durably */
    RH_STORE_SPACE,      /* -> free_bytes, total_bytes */
};

enum rh_store_text {
    RH_TEXT_SESSION = 1, /* recordings/{session}/session.json */
    RH_TEXT_METADATA,    /* {name}.metadata.json beside the object */
};

struct rh_store_job {
    uint64_t id; /* the vault's; echoed */
    enum rh_store_verb verb;
    struct rh_store_target target;
    uint64_t index;  /* extent: RH_EXTENT_IN_PLACE or a waiting chunk */
    uint64_t handle; /* from BEGIN */
    uint64_t offset;
    uint64_t length;
    uint64_t size;        /* SEAL: of the object */
    unsigned digest_bits; /* HASH; 0: none */
    enum rh_store_text text_kind;
    struct rh_store_target source; /* JOIN */
    uint64_t source_offset;
    char *text; /* PUT_TEXT: malloc'ed; owned by the job, freed by rh_store_job_finish */
    size_t text_size;
};

struct rh_store_result {
    uint64_t id;
    enum rh_error error; /* RH_ERR_IO, RH_ERR_FULL, RH_ERR_UNKNOWN */
    uint64_t handle;     /* BEGIN */
    uint64_t crc64;      /* HASH, STITCH, JOIN */
    bool cloned;         /* JOIN */
    uint8_t digest[64];  /* HASH with digest_bits */
    uint64_t free_bytes; /* SPACE */
    uint64_t total_bytes;
};

struct rh_store {
    const struct rh_store_ops *ops;
};

struct rh_store_ops {
    void (*run)(struct rh_store *, const struct rh_store_job *, struct rh_store_result *);
    /* Writes all bytes at offset of an open extent, or fails: RH_ERR_FULL, RH_ERR_IO. Called by
     * loops under a grant. */
    enum rh_error (*write)(struct rh_store *, uint64_t handle, uint64_t offset, const void *,
                           size_t);
    /* Path of a finished object relative to the data directory, for delivery; RH_ERR_LIMIT if it
     * does not fit. */
    enum rh_error (*object_path)(struct rh_store *, const struct rh_store_target *, char *out,
                                 size_t cap);
    void (*close)(struct rh_store *); /* takes NULL */
};

enum rh_error rh_store_files_open(struct rh_store **, const char *data_directory);
struct rh_store *
rh_store_model_open(uint64_t seed); /* bytes in memory; store_model.h has its crash and faults */

void rh_store_job_finish(struct rh_store_job *); /* frees text */

/* ".webm", ".mp4", … for an allow-listed type, ".bin" for any other; static text. */
const char *rh_store_extension(const char *mime);

#endif
