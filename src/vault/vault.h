/* SPDX-License-Identifier: MIT */
#ifndef VAULT_VAULT_H
#define VAULT_VAULT_H
/*
 * The vault, the receiver's brain: it decides what is kept and what may be acknowledged. No I/O, no
 * threads, no clock, no protocol. One thread tells it events and takes its actions; others execute
 * them:
 *
 *   loops          own sockets; forward requests; write under grants (store ops->write); report
 *                  RH_HAS_WRITTEN
 *   disk threads   run RH_DO_STORE jobs; report RH_HAS_STORED
 *   catalog thread runs RH_DO_READ and RH_DO_COMMIT one after the other, in the order of the
 *                  actions; reports RH_HAS_READ and RH_HAS_COMMITTED in that order too
 *
 * The life of a part:
 *   WRITE request -> RH_DO_GRANT -> loop: recv, CRC, write -> RH_HAS_WRITTEN -> SYNC job -> commit
 *   -> RH_DO_REPLY
 * Success is replied only after sync and commit. Group commit without a timer: a commit starts when
 * the previous one ends and takes what has gathered; so does the sync of one extent.
 *
 * Rules (numbers are the design's promises): an upload's acknowledged ranges only grow (3); a grant
 * writes only ranges that are neither acknowledged nor granted, acknowledged ones are compared (5);
 * the newest writer of a range wins: older overlapping grants are revoked, their bytes are
 * committed first, and only then the newer gets its grant (4); a broken body keeps what arrived
 * (6); the upload completes by itself when its total is known and durable (7); below the reserve
 * new bytes are refused while finishing goes on (9); age counts ticks, not wall time (10).
 *
 * Uploads with a cursor (RH_GEOMETRY_CURSOR: tus, IETF resumable uploads, Content-Range PUT):
 *   - CREATE says `cursor`; total may be RH_SIZE_UNKNOWN. WRITE says `cursor` too; its offset must
 *     be the upload's cursor, after everything that an older writer's loop has received was
 *     committed (the newest writer wins, whoever it is), else RH_REPLY_OFFSET with the true
 *     view.cursor, and nothing is changed.
 *   - A grant with `checkpoint` is reported in pieces: RH_WRITTEN_SOFAR with what has come since
 *     the last report, after RH_CHECKPOINT_BYTES and whenever RH_DO_CHECKPOINT asks (about once a
 *     second, and for a GET, which then answers with the true cursor while the writer goes on
 *     undisturbed). After such a report both sides move the grant on by what was reported:
 *     spans[0].offset and .length, and bytes_max.
 *   - A body whose checksum the sender declares (`has_crc`, or `verified` where the loop checks it)
 *     counts whole or not at all: no checkpoints, and nothing is kept of a broken one.
 *   - Their bytes are no receipt until they are done: an unfinished one expires (expires_wall_s), a
 *     finished one never.
 *   - Concatenation: CREATE with `concat` RH_CONCAT_FINAL and the ids of its sources, each a
 *     RH_CONCAT_PARTIAL of the same session. It completes when they are complete, at once or later,
 *     and leaves them as they are. It takes no WRITE.
 */
#include "vault/catalog.h"
#include "vault/store.h"

struct rh_vault;

struct rh_vault_limits {
    size_t uploads_open_max; /* 100000 */
    size_t ops_max;          /* requests in flight; beyond: RH_REPLY_OVERLOADED */
    size_t intervals_max;    /* per upload; a part that would make more is refused as OVERLOADED */
    size_t extents_open_max; /* descriptors kept open */
    uint64_t upload_bytes_max; /* declared or reached; RH_REPLY_TOO_LARGE */
    uint64_t reserve_bytes; /* free space below which new bytes are refused; 0: max(1 GiB, 2 %) of
                               the total */
    uint64_t expire_after_ticks; /* seconds of server life without a change; 0: never */
    size_t metadata_bytes_max;   /* 64 KiB */
    uint64_t chunks_max;         /* RH_GEOMETRY_CHUNKS: indexes below this alone; OUT_OF_RANGE */
    size_t cached_max;  /* uploads and sessions kept in memory although nothing happens to them */
    size_t sources_max; /* of one concatenation; beyond: RH_REPLY_CONFLICT */
};

#define RH_CHECKPOINT_BYTES ((uint64_t)16 << 20)
#define RH_FILE_NAME_MAX    512

void rh_vault_limits_default(struct rh_vault_limits *);

/* ---- Requests (from api, through a loop) ---- */

/* Where both upload and session are given they must belong together, else UNKNOWN: so a participant
 * reaches its own only. */
enum rh_request_kind {
    RH_REQUEST_SESSION_CREATE = 1, /* session? (OK where it is there already, CONFLICT where it is
                                      another participant's), participant, unused_only, entropy */
    RH_REQUEST_SESSION_GET,        /* session */
    RH_REQUEST_CREATE,             /* session?, name?, mime, total?, metadata?, entropy, cursor,
                                      concat, file_name? */
    RH_REQUEST_GET,                /* upload, or session + name */
    RH_REQUEST_WRITE,    /* upload (ranges), or session + name + chunk (made on its first chunk) */
    RH_REQUEST_FINISH,   /* upload, or session + name; total?, crc?, parts?, allow_partial */
    RH_REQUEST_METADATA, /* session + name, metadata, declared_size? ; before, while or after
                            uploading */
    RH_REQUEST_DIGEST,   /* upload (with a cursor, or done), digest_bits: SHA of its durable bytes
                            from 0   on, as they are stored */
    RH_REQUEST_DELETE,   /* upload: forget an unfinished one; a finished one is refused with STATE,
                            unless terminate */
};

enum rh_concat {
    RH_CONCAT_NONE = 0,
    RH_CONCAT_PARTIAL, /* made to become a piece of finals; otherwise an upload like any other */
    RH_CONCAT_FINAL,   /* its bytes are those of its sources, in their order */
};

struct rh_vault_request {
    uint64_t op; /* the caller's, unique among requests in flight; echoed in grant, revoke, reply */
    enum rh_request_kind kind;
    char upload[RH_ID_TEXT_MAX];
    char session[RH_UUID_TEXT_MAX];
    char name[RH_NAME_TEXT_MAX];
    char mime[RH_MIME_TEXT_MAX];
    char participant[RH_NAME_TEXT_MAX];
    uint8_t entropy[32];
    uint64_t offset;      /* WRITE by ranges */
    uint64_t length;      /* WRITE: declared, or RH_SIZE_UNKNOWN */
    uint64_t total;       /* bytes, or RH_SIZE_UNKNOWN */
    uint64_t chunk_index; /* WRITE by chunks; RH_SIZE_UNKNOWN: by ranges */
    uint64_t chunk_count; /* total_chunks, or RH_SIZE_UNKNOWN; FINISH: how many parts the sender
                             counts */
    bool final;           /* WRITE: the upload ends with this part */
    bool has_crc;         /* WRITE: of the part; FINISH: of the whole */
    uint64_t crc64;
    bool allow_partial; /* FINISH */
    bool unused_only;   /* SESSION_CREATE: one that holds uploads already is a CONFLICT */
    char lease[RH_LEASE_TEXT_MAX]; /* "": none */
    uint64_t lease_number;
    char *metadata;         /* JSON text, malloc'ed; the vault takes it */
    uint64_t declared_size; /* METADATA: file_size, or RH_SIZE_UNKNOWN */

    unsigned digest_bits;  /* DIGEST: 256 or 512 */
    bool cursor;           /* CREATE, WRITE: an upload with a cursor */
    bool ends_by_final;    /* CREATE with cursor: only a WRITE that says `final` completes it (or
                              FINISH), not that its total is reached */
    bool verified;         /* WRITE with cursor: the loop checks a declared checksum and says
                            RH_WRITTEN_MISMATCH where it differs: all of the body counts, or nothing */
    bool progress;         /* WRITE with cursor: RH_DO_PROGRESS after each checkpoint, please */
    bool terminate;        /* DELETE: a finished upload too; its bytes are erased */
    enum rh_concat concat; /* CREATE with cursor */
    char (*sources)[RH_ID_TEXT_MAX]; /* RH_CONCAT_FINAL: malloc'ed; the vault takes it */
    size_t source_count;
    char
        *file_name; /* CREATE with cursor, where name is "": what the client calls it, in any bytes;
                       the name is made of it (base/id.h rules); malloc'ed; the vault takes it */
};

/* A request and what it owns; takes NULL. */
void rh_vault_request_free(struct rh_vault_request *);

/* ---- Replies ---- */

enum rh_reply_code {
    RH_REPLY_OK = 0,
    RH_REPLY_CREATED,
    RH_REPLY_UNKNOWN,         /* malformed or never made: 404 */
    RH_REPLY_UNKNOWN_SESSION, /* 404 */
    RH_REPLY_GONE,            /* well-formed id, made by us, no longer there: 410 */
    RH_REPLY_INCOMPLETE,      /* FINISH with gaps: missing is filled */
    RH_REPLY_DIFFERENT_BYTES, /* 409 */
    RH_REPLY_CONFLICT,      /* CREATE or FINISH disagrees with what is known; message says which */
    RH_REPLY_TOTAL_CHANGED, /* 400 */
    RH_REPLY_OUT_OF_RANGE,  /* beyond the total, chunk_index >= total_chunks: 400 */
    RH_REPLY_OFFSET,        /* WRITE with cursor at another offset: upload.cursor has the true one;
                               409 */
    RH_REPLY_STALE_WRITER,  /* 409 */
    RH_REPLY_SUPERSEDED,    /* a newer writer took this range over: 409 */
    RH_REPLY_CHECKSUM,      /* the part's (or the whole's) declared CRC differs from the bytes: 422;
                               nothing was kept */
    RH_REPLY_TOO_LARGE,     /* 413 */
    RH_REPLY_STATE,         /* not possible in this state: 409 */
    RH_REPLY_BROKEN, /* the body ended early; what came is durable: the loop may still be able to
                        answer 400 */
    RH_REPLY_WRITE_FAILED, /* 500; nothing of this request was kept */
    RH_REPLY_FULL,         /* 507 + Retry-After */
    RH_REPLY_OVERLOADED,   /* 503 + Retry-After */
    RH_REPLY_INTERNAL,     /* 500 */
};

#define RH_REPLY_RANGES_MAX 64

/* What a dialect may say of an upload. */
struct rh_upload_view {
    char id[RH_ID_TEXT_MAX];
    char session[RH_UUID_TEXT_MAX];
    char name[RH_NAME_TEXT_MAX];
    char mime[RH_MIME_TEXT_MAX];
    enum rh_upload_state state;
    enum rh_geometry geometry;
    bool partial;
    bool size_disagrees;
    uint64_t total;       /* or RH_SIZE_UNKNOWN */
    uint64_t received;    /* durable bytes, waiting chunks included */
    uint64_t crc64;       /* done */
    uint64_t chunk_count; /* or RH_SIZE_UNKNOWN */
    uint64_t chunks_received;
    int64_t created_wall_s;
    int64_t done_wall_s;
    uint64_t cursor;        /* durable bytes from 0 on without a gap; never falls */
    int64_t expires_wall_s; /* an unfinished one with a cursor stays at least until then; 0: for
                               ever */
    uint64_t expires_in_s;  /* the same from now on */
    enum rh_concat concat;
    bool ends_by_final;
    char *metadata; /* malloc'ed copy, owned by the reply; NULL: none, or not asked for (only
                       SESSION_GET and GET) */
};

struct rh_vault_reply {
    uint64_t op;
    enum rh_reply_code code;
    const char *message; /* static text for people, or NULL */
    bool has_upload;
    struct rh_upload_view upload;
    uint8_t digest[64]; /* DIGEST */
    bool has_receipt;   /* WRITE: the part; done: the whole */
    struct rh_interval receipt;
    struct rh_interval durable[RH_REPLY_RANGES_MAX]; /* acknowledged, coalesced, ascending; may be
                                                        cut at the end */
    size_t durable_count;
    struct rh_range missing[RH_REPLY_RANGES_MAX]; /* up to the total where known, else up to the
                                                     last durable byte */
    size_t missing_count;
    struct rh_range chunks[RH_REPLY_RANGES_MAX]; /* indexes received, as runs (offset = first,
                                                    length = count) */
    size_t chunk_run_count;
    struct rh_session_row session; /* SESSION_CREATE, SESSION_GET */
    struct rh_upload_view *videos; /* SESSION_GET; malloc'ed, owned by the reply */
    size_t video_count;
    uint32_t retry_after_s; /* FULL, OVERLOADED */
    char generation[33];
};

void rh_vault_reply_finish(
    struct rh_vault_reply *); /* frees what it owns; takes the zeroed state */

/* ---- Grants ---- */

#define RH_GRANT_SPANS_MAX 16

struct rh_grant_span {
    uint64_t offset; /* in the extent */
    uint64_t length; /* RH_SIZE_UNKNOWN in the last span of a body of unknown length */
    bool compare;    /* acknowledged already: take the CRC, do not write */
};

struct rh_grant {
    uint64_t op;
    uint64_t handle; /* extent, for store ops->write */
    struct rh_grant_span spans[RH_GRANT_SPANS_MAX];
    size_t span_count;
    uint64_t bytes_max; /* never take more than this; more body than that is RH_WRITTEN_TOO_LONG */
    bool checkpoint; /* to be reported in pieces; it has one span at most, and compares nothing */
};

enum rh_written_end {
    RH_WRITTEN_WHOLE = 1, /* the body ended as declared */
    RH_WRITTEN_BROKEN,    /* the connection ended or the body was malformed */
    RH_WRITTEN_REVOKED,   /* as the vault asked */
    RH_WRITTEN_TOO_LONG,
    RH_WRITTEN_FAILED,   /* ops->write said RH_ERR_IO */
    RH_WRITTEN_FULL,     /* ops->write said RH_ERR_FULL */
    RH_WRITTEN_SOFAR,    /* no end: grants with `checkpoint`; any number of these before the end */
    RH_WRITTEN_MISMATCH, /* the body ended, and its declared checksum (`verified`) is another */
};

struct rh_written {
    uint64_t op;
    enum rh_written_end end;
    uint64_t bytes;                     /* body bytes taken since the last report, over all spans */
    uint64_t crc64[RH_GRANT_SPANS_MAX]; /* of the bytes taken in each span */
    uint64_t length[RH_GRANT_SPANS_MAX]; /* bytes taken in each span */
    size_t span_count;
    bool checked; /* every one of these bytes was compared with a checksum of the sender */
    bool asked;   /* SOFAR: this answers RH_DO_CHECKPOINT (also with no bytes at all) */
};

/* ---- Events ---- */

enum rh_vault_event_kind {
    RH_HAS_REQUEST = 1,
    RH_HAS_WRITTEN,
    RH_HAS_STORED,
    RH_HAS_READ, /* the rows become the vault's */
    RH_HAS_COMMITTED,
    RH_HAS_TIME,  /* about once a second, and before other events if the shell likes */
    RH_HAS_DRAIN, /* graceful stop: no new writes; RH_DO_DRAINED follows when nothing is in flight
                   */
};

struct rh_vault_event {
    enum rh_vault_event_kind kind;
    union {
        struct rh_vault_request *request; /* malloc'ed; the vault takes it */
        struct rh_written written;
        struct rh_store_result stored;
        struct {
            uint64_t id;
            struct rh_rows *rows; /* malloc'ed; the vault takes it */
        } read;
        struct {
            uint64_t id;
            enum rh_error error; /* anything but RH_OK: the vault answers with RH_DO_FATAL */
        } committed;
        struct {
            rh_ms mono_ms;
            int64_t wall_ms;
        } time;
    } u;
};

/* ---- Actions ---- */

enum rh_vault_action_kind {
    RH_DO_GRANT = 1, /* to the loop of op */
    RH_DO_REVOKE, /* to the loop of op: stop taking bytes, report WRITTEN; crossing with its WRITTEN
                     is fine */
    RH_DO_REPLY,  /* to the loop of op; the reply becomes its; drop it (finish it) if the client is
                     gone */
    RH_DO_STORE,  /* a job; call rh_store_job_finish when done */
    RH_DO_READ,
    RH_DO_COMMIT, /* the batch becomes the executor's; free it when done. At most one at a time */
    RH_DO_CHECKPOINT, /* to the loop of op: report SOFAR with `asked` now, and go on; crossing with
                         its last report is fine. One at a time and op */
    RH_DO_PROGRESS,   /* to the loop of op: so much is committed (only where the request asked) */
    RH_DO_FATAL,      /* the catalog could not be made durable: log and end the process at once */
    RH_DO_DRAINED,
    RH_DO_LOG, /* something an operator should see: a failed sync, a clock jump, an overdue upload
                */
};

struct rh_vault_action {
    enum rh_vault_action_kind kind;
    union {
        struct rh_grant grant;
        uint64_t revoke_op;
        uint64_t checkpoint_op;
        struct {
            uint64_t op;
            uint64_t cursor;
        } progress;
        struct rh_vault_reply *reply; /* malloc'ed */
        struct rh_store_job store;
        struct {
            uint64_t id;
            struct rh_read read;
        } read;
        struct {
            uint64_t id;
            struct rh_batch batch;
        } commit;
        struct {
            const char *text; /* static */
            char upload[RH_ID_TEXT_MAX];
            enum rh_error error;
        } log;
    } u;
};

/*
 * Makes a vault; entropy (from the system, or the simulator) serves a new catalog's generation and
 * id key. It starts by reading META and UNFINISHED; requests told before those are answered wait.
 * RH_ERR_MEMORY: NULL.
 */
struct rh_vault *rh_vault_create(const struct rh_vault_limits *, const uint8_t entropy[32]);
void rh_vault_destroy(struct rh_vault *); /* takes NULL */

/* Something happened. Owned pointers in the event become the vault's, also on error. RH_ERR_MEMORY,
 * or RH_OK. */
enum rh_error rh_vault_tell(struct rh_vault *, struct rh_vault_event *);

/* What to do now; false: nothing until the next event. */
bool rh_vault_next(struct rh_vault *, struct rh_vault_action *);

#endif
