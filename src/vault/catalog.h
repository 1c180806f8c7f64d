/* SPDX-License-Identifier: MIT */
#ifndef VAULT_CATALOG_H
#define VAULT_CATALOG_H
/*
 * The catalog: the server's rows. One small interface, several backends (catalog_sqlite.c,
 * catalog_model.c; postgres later).
 *
 * The vault never calls it. The vault emits actions (vault.h) that carry a read or a batch; the
 * catalog thread (or the simulator) runs them here, blocking as it likes, and tells the vault the
 * outcome. One thread at a time calls a catalog.
 *
 * A batch is atomic and, when commit returns RH_OK, durable (SQLite: WAL, synchronous=FULL). Any
 * other answer of commit means that nothing may be assumed: the process ends (design, promise 1).
 *
 * Every backend passes test/unit/vault/catalog_conformance.h.
 */
#include <reelhaul/types.h>

/* Of all rows; reads N, N-1, N-2; refuses newer with RH_ERR_VERSION. 2 counts its commits. */
#define RH_CATALOG_FORMAT 2

#define RH_ID_TEXT_MAX    33  /* upload id, 32 characters and NUL */
#define RH_UUID_TEXT_MAX  37  /* session id, a UUID and NUL */
#define RH_NAME_TEXT_MAX  129 /* video id chosen by a client (base/id.h, rh_name_check) and NUL */
#define RH_MIME_TEXT_MAX  128
#define RH_LEASE_TEXT_MAX 65

enum rh_upload_state {
    RH_UPLOAD_OPEN = 1,
    RH_UPLOAD_FINISHING =
        2, /* every byte is durable; the object is being sealed; survives a crash */
    RH_UPLOAD_DONE = 3,
    RH_UPLOAD_EXPIRED = 4, /* nothing had been vouched for, and its time was up */
    RH_UPLOAD_LOST = 5,    /* the store no longer has what the catalog says; never "done" */
};

/* How the offsets of an upload's bytes are known. */
enum rh_geometry {
    RH_GEOMETRY_RANGES = 1, /* parts declare (offset, length): written in place */
    RH_GEOMETRY_CHUNKS =
        2, /* parts declare an index only: stitched in order, those that came early wait */
    RH_GEOMETRY_CURSOR =
        3, /* one cursor: bytes come in order from 0 on, from one writer at a time */
};

struct rh_session_row {
    char id[RH_UUID_TEXT_MAX];
    char participant[RH_NAME_TEXT_MAX]; /* "" when unknown; any printable UTF-8 */
    int64_t created_wall_s;             /* Unix seconds */
};

struct rh_upload_row {
    char id[RH_ID_TEXT_MAX];
    char session[RH_UUID_TEXT_MAX]; /* "" for an upload without a session */
    char name[RH_NAME_TEXT_MAX];    /* video id; unique within its session */
    char mime[RH_MIME_TEXT_MAX];
    enum rh_upload_state state;
    enum rh_geometry geometry;
    bool partial;         /* done with gaps, on request */
    bool size_disagrees;  /* a declared file_size differed from the bytes (mission 3.3) */
    bool overdue;         /* its time was up, but bytes were vouched for: kept for an operator */
    uint64_t total;       /* bytes, or RH_SIZE_UNKNOWN */
    uint64_t chunk_count; /* RH_GEOMETRY_CHUNKS: declared total_chunks, or RH_SIZE_UNKNOWN */
    uint64_t chunk_next;  /* RH_GEOMETRY_CHUNKS: the index to be stitched next */
    uint64_t crc64;       /* of the whole, once done */
    int64_t created_wall_s;
    int64_t done_wall_s;   /* 0 until done */
    uint64_t touched_tick; /* seconds of server life (rh_meta_row.ticks) at the last change */
    char lease[RH_LEASE_TEXT_MAX]; /* of the newest writer */
    uint64_t lease_number;
    char *
        metadata; /* JSON object text, NUL-terminated, malloc'ed and owned by the row; NULL: none */
};

/* An acknowledged range: durable bytes. Coalesced and non-overlapping within an upload. */
struct rh_interval {
    uint64_t offset;
    uint64_t length;
    uint64_t crc64;
};

/* A chunk that is durable but waits for its predecessors (RH_GEOMETRY_CHUNKS), or was stitched
 * already (waiting false). */
struct rh_chunk_row {
    uint64_t index;
    uint64_t length;
    uint64_t crc64;
    bool waiting;
};

/* One row; written when the catalog is created and as time passes. */
struct rh_meta_row {
    uint32_t format;
    char generation[33]; /* random text; a new one when a catalog is restored or rebuilt */
    uint8_t id_key[16];  /* key of the MAC in upload ids */
    uint64_t ticks;    /* seconds that servers of this catalog have lived, persisted now and then */
    int64_t wall_s;    /* wall clock when ticks was persisted */
    uint64_t sequence; /* commits so far; counted by the backend, RH_CHANGE_META leaves it alone */
};

enum rh_change_kind {
    RH_CHANGE_META = 1,
    RH_CHANGE_SESSION,        /* insert or replace */
    RH_CHANGE_SESSION_ERASE,  /* with its uploads, intervals, chunks */
    RH_CHANGE_UPLOAD,         /* insert or replace */
    RH_CHANGE_UPLOAD_ERASE,   /* with its intervals and chunks */
    RH_CHANGE_INTERVAL,       /* insert or replace (key: upload, offset) */
    RH_CHANGE_INTERVAL_ERASE, /* key: upload, offset */
    RH_CHANGE_CHUNK,          /* insert or replace (key: upload, index) */
    RH_CHANGE_CHUNKS_ERASE,   /* all of an upload */
};

struct rh_change {
    enum rh_change_kind kind;
    char upload[RH_ID_TEXT_MAX]; /* INTERVAL*, CHUNK*, UPLOAD_ERASE */
    union {
        struct rh_meta_row meta;
        struct rh_session_row session; /* SESSION; id alone for SESSION_ERASE */
        struct rh_upload_row upload_row;
        struct rh_interval interval;
        struct rh_chunk_row chunk;
    } u;
};

/* Owned by whoever holds it; free with rh_batch_free. */
struct rh_batch {
    struct rh_change *changes;
    size_t count;
    size_t cap;
};

/* Everything that is known of one upload. Owned by whoever holds it; free with rh_upload_rows_free.
 */
struct rh_upload_rows {
    struct rh_upload_row row;
    struct rh_interval *intervals; /* ascending */
    size_t interval_count;
    struct rh_chunk_row *chunks; /* ascending by index */
    size_t chunk_count;
};

enum rh_read_kind {
    RH_READ_META = 1,     /* creates the row on a new catalog */
    RH_READ_UNFINISHED,   /* every upload that is open or finishing */
    RH_READ_UPLOAD,       /* by id */
    RH_READ_UPLOAD_NAMED, /* by (session, name) */
    RH_READ_SESSION,      /* by id: the session and all its uploads, oldest first */
    /* For going through everything, in the order of ids, beginning after the one named ("": from
     * the start); nothing found: the end. */
    RH_READ_UPLOADS_AFTER, /* the next RH_READ_UPLOADS_MAX uploads, or fewer */
    RH_READ_SESSION_AFTER, /* the next session, without its uploads */
};

#define RH_READ_UPLOADS_MAX 64

struct rh_read {
    enum rh_read_kind kind;
    char upload[RH_ID_TEXT_MAX];
    char session[RH_UUID_TEXT_MAX];
    char name[RH_NAME_TEXT_MAX];
    uint8_t entropy[32]; /* RH_READ_META on a new catalog: generation and id key are made of it */
};

/* Owned by whoever holds it; free with rh_rows_free. Nothing found: found is false, error is RH_OK.
 */
struct rh_rows {
    enum rh_error error; /* RH_ERR_VERSION: written by a newer Reelhaul; RH_ERR_IO */
    bool found;
    struct rh_meta_row meta;
    struct rh_session_row session;
    struct rh_upload_rows *uploads;
    size_t upload_count;
};

struct rh_catalog {
    const struct rh_catalog_ops *ops;
};

struct rh_catalog_ops {
    /* Answers one read. rows is zeroed by the caller. */
    void (*read)(struct rh_catalog *, const struct rh_read *, struct rh_rows *rows);
    /* All or nothing, durable on RH_OK. The batch stays the caller's. */
    enum rh_error (*commit)(struct rh_catalog *, const struct rh_batch *);
    void (*close)(struct rh_catalog *); /* takes NULL */
    /* Nothing was asked for a second: what nobody waits for may be done now. NULL: there is no such
     * thing. */
    void (*idle)(struct rh_catalog *);
};

/* Backends. */
enum rh_error rh_catalog_sqlite_open(struct rh_catalog **, const char *path);
struct rh_catalog *
rh_catalog_model_open(void); /* rows in memory; catalog_model.h has its crash and faults */

/* Batches and rows (catalog.c). All return RH_ERR_MEMORY or RH_OK. */
struct rh_change *rh_batch_add(struct rh_batch *, enum rh_change_kind); /* zeroed change, or NULL */
void rh_batch_free(struct rh_batch *);
void rh_rows_free(struct rh_rows *);
void rh_upload_rows_free(struct rh_upload_rows *);
/* Whether a version of ours can have written this: names that are names, numbers that add up, and
 * "done" of nothing but what is there. NULL, or what is wrong with it; static text. */
const char *rh_upload_rows_problem(const struct rh_upload_rows *);
enum rh_error rh_upload_row_copy(struct rh_upload_row *to, const struct rh_upload_row *from);

#endif
