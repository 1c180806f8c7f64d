/* SPDX-License-Identifier: MIT */
#ifndef VAULT_INSIDE_H
#define VAULT_INSIDE_H
/*
 * The private part of the vault: its structures, and what its files offer each other.
 *
 * Three rules hold all of it together:
 *
 * 1. Memory is ahead of the catalog, replies are not. A change is applied to memory and put into
 *    the gathering batch in one step; whatever is said of it (a reply, a SEAL, a DROP) waits until
 *    that batch is committed (`commit_seq`). A commit that fails ends the process, so memory is
 *    never ahead of a catalog that has to be believed.
 * 2. Whoever waits is a struct rh_waiter in one list. Waking moves it to `ready`, and the loop at
 *    the end of rh_vault_tell runs it: nothing recurses, and a woken one checks anew.
 * 3. An allocation that fails ends the process, as a failed commit does (RH_ASSERT): nothing that
 *    was acknowledged is lost by it. Only rh_vault_create and taking a request report it.
 */
#include "base/assert.h"
#include "base/list.h"
#include "vault/intervals.h"
#include "vault/map.h"
#include "vault/vault.h"

#define RH_SHORT_RETRY_S 5  /* for overload, and before a failed seal or stitch is tried again */
#define RH_FULL_RETRY_S  60 /* for a full disk */
#define RH_JUMP_MS       (3600 * 1000)
#define RH_JUMP_TICKS    3600 /* expiry rests so long after a wall jump */
#define RH_META_TICKS    60   /* how often ticks are persisted */
#define RH_IDLE_TICKS    30   /* an extent that nobody used for so long is closed */

struct rh_waiter {
    struct rh_list link; /* in a list of those that wait, or in `ready` */
    void (*wake)(struct rh_vault *, struct rh_waiter *, enum rh_error);
    enum rh_error error; /* handed to wake */
};

/* One small companion file: one write at a time, and each covers all that was asked before it. */
struct rh_text_slot {
    struct rh_list now;  /* waiters of the write under way */
    struct rh_list next; /* of the one after it */
    bool busy;
};

struct rh_session {
    struct rh_map_node by_id;
    struct rh_list in_all; /* least recently used first */
    struct rh_session_row row;
    bool loaded;  /* row is known, and all uploads that it has are in memory */
    bool loading; /* RH_READ_SESSION is under way */
    size_t pins;  /* operations and texts that need it to stay */
    uint64_t commit_seq;
    struct rh_list uploads; /* rh_upload.in_session */
    struct rh_list waiters; /* for loading */
    struct rh_text_slot text;
};

enum rh_extent_state {
    RH_EXTENT_CLOSED = 0,
    RH_EXTENT_OPENING,
    RH_EXTENT_OPEN,
    RH_EXTENT_CLOSING,
};

struct rh_extent {
    struct rh_list in_upload;
    struct rh_list in_open; /* OPEN: least recently used first */
    struct rh_upload *upload;
    uint64_t index;
    uint64_t handle;
    enum rh_extent_state state;
    bool failed;  /* a sync failed: what is not acknowledged is void; closes when nobody holds it */
    bool syncing; /* a SYNC job is under way */
    size_t holds; /* grants, copies and syncs that need the handle */
    uint64_t used_tick;
    struct rh_list open_waiters;
    struct rh_list sync_flying;  /* covered by the SYNC under way */
    struct rh_list sync_waiting; /* written after it began */
};

enum rh_finish_step {
    RH_FINISH_NO = 0,
    RH_FINISH_PREPARE, /* gaps are zeroed, chunks copied; an empty file is made */
    RH_FINISH_ROW,     /* state FINISHING is being committed */
    RH_FINISH_CLOSE,   /* extents are being closed */
    RH_FINISH_SEAL,
    RH_FINISH_TEXTS, /* {name}.metadata.json */
    RH_FINISH_SESSION_TEXT,
    RH_FINISH_DONE_ROW,
    RH_FINISH_RETRY, /* something failed; again at retry_tick */
};

struct rh_upload {
    struct rh_map_node by_id;
    struct rh_map_node by_name; /* live ones of a session only */
    bool named;                 /* is in that map */
    struct rh_list in_session;
    struct rh_list in_order; /* open: least recently touched first; else: least recently used */
    struct rh_list in_dirty;
    struct rh_upload_row row;
    struct rh_intervals acked;
    struct rh_chunk_row *chunks; /* ascending by index */
    size_t chunk_count;
    size_t chunk_cap;
    uint64_t waiting_bytes;     /* of chunks that wait */
    struct rh_session *session; /* NULL: none */
    struct rh_list writers;     /* rh_op.in_upload, in order of arrival */
    struct rh_list turn_waiters;
    struct rh_list extents;
    size_t pins;         /* operations and jobs that need it to stay */
    uint64_t commit_seq; /* of the batch that holds its last change */
    uint64_t row_tick;   /* touched_tick as last committed or in a batch */
    uint64_t retry_tick; /* when stitching or finishing is tried again; 0: nothing to try */

    bool stitching;
    uint64_t stitch_first; /* the first chunk of this round */
    uint64_t stitch_index; /* the chunk being copied */
    uint64_t stitch_offset;
    size_t stitch_drops; /* removals of stitched chunks under way */
    struct rh_waiter stitch;

    enum rh_finish_step finish;
    bool sealed;       /* the object is there: session.json lists it */
    size_t prepare_at; /* interval or chunk the preparation has come to */
    bool prepare_copies;
    uint64_t prepare_offset;
    struct rh_waiter finisher;
    struct rh_list finish_waiters; /* woken when done, or when finishing failed for now */
    struct rh_list idle_waiters;   /* woken when no writer is left */
    bool quieting; /* a partial FINISH waits for the writers: no new ones meanwhile */
    bool closing;  /* extents close as soon as nobody holds them */
    struct rh_list closed_waiters; /* woken when no extent is left */

    /* RH_GEOMETRY_CURSOR: cursor.c, concat.c */
    bool ends_by_final;
    bool ended;                        /* a final body came whole */
    struct rh_list checkpoint_waiters; /* GETs; woken when what a writer reported is in the batch */
    enum rh_concat concat;
    char (*sources)[RH_ID_TEXT_MAX]; /* of a final that is not complete yet */
    size_t source_count;
    struct rh_list piece_waiters; /* finals; woken when this partial is complete, or will not be */
    size_t joins;                 /* finals that are copying from it: its bytes stay meanwhile */
    struct rh_join *join;         /* of a final; NULL: nothing to do */

    size_t digests_busy; /* digests that are being taken */
    bool dropping;       /* expired: its bytes are being removed */
    bool deleting;       /* on its way out: nobody but DELETE may touch it */
    bool erasing;        /* its rows are being erased, its bytes dropped; not there for anybody */
    struct rh_waiter eraser;
    struct rh_list gone_waiters; /* woken when it is out of memory */

    struct rh_text_slot text;
};

enum rh_op_stage {
    RH_OP_STARTED = 0,
    RH_OP_TURN, /* among the writers, not granted yet */
    RH_OP_GRANTED,
    RH_OP_COMPARING,
    RH_OP_SYNCING,
    RH_OP_APPLIED,  /* its bytes are in the gathering batch, or it is to be answered as it is */
    RH_OP_REPLYING, /* the reply waits for its commit */
};

/* A grant with room for the spans that it has: as many are held as bodies trickle in. */
struct rh_op_grant {
    uint64_t handle;
    uint64_t bytes_max;
    struct rh_grant_span *spans; /* rh_vault.plan until it is given, then rh_op.spans */
    size_t span_count;
    bool checkpoint;
};

/* One request in flight. */
struct rh_op {
    struct rh_map_node by_id;
    struct rh_list in_upload; /* WRITE: among the upload's writers */
    struct rh_waiter waiter;
    struct rh_vault_request *request;
    struct rh_upload *upload;   /* pinned */
    struct rh_session *session; /* pinned */
    enum rh_op_stage stage;
    bool looked; /* the catalog was asked: what is not in memory is not there */
    enum rh_error looked_error;
    bool made;                    /* CREATE made the upload: the reply is CREATED */
    struct rh_vault_reply *reply; /* RH_OP_REPLYING */

    /* WRITE */
    struct rh_extent *extent; /* held; NULL where nothing is to be written */
    struct rh_op_grant grant;
    struct rh_grant_span *spans; /* malloc'ed; NULL: not granted */
    struct rh_written *written;  /* malloc'ed; the last report; NULL: it has not come */
    bool in_place_chunk;         /* a chunk that goes in place at once */
    bool compare_chunk;          /* a chunk that is there already */
    bool cut;                    /* granted less than asked, see rh_write_grant */
    bool short_of_space;         /* bytes_max comes from the free space */
    bool revoked;
    bool superseded;
    bool keep; /* what arrived counts */
    enum rh_reply_code code;
    const char *message;
    size_t compare_at;       /* span being compared */
    uint64_t reserved_bytes; /* of free space */
    uint64_t crc64;          /* of all bytes taken */
    bool has_receipt;
    struct rh_interval receipt;

    uint8_t digest[64]; /* DIGEST */

    /* WRITE with cursor: reports before the last one */
    struct rh_list in_cursors; /* granted with `checkpoint`: longest not asked first */
    bool checkpoint_asked;     /* RH_DO_CHECKPOINT is out */
    bool sofar_busy;           /* a piece is being made durable */
    bool sofar_asked;          /* the next piece answers a checkpoint, also when it is empty */
    bool sofar_answers;        /* the piece being made durable does */
    bool end_waits;            /* the last report came meanwhile */
    uint64_t taken;            /* bytes in these reports */
    uint64_t total;            /* as this body declares it, or the upload's */
    struct rh_interval sofar;  /* came after the piece that is being made durable */
    struct rh_interval piece;
    struct rh_waiter sofar_waiter;

    bool looked_sofar; /* GET: a checkpoint was waited for */
    bool looked_finish;
    size_t source_at; /* CREATE of a final: sources before this one were looked at */
    bool source_looked;
    enum rh_error source_error;
};

struct rh_job {
    struct rh_map_node by_id;
    void (*done)(struct rh_vault *, struct rh_job *, const struct rh_store_result *);
    void *context;
    struct rh_upload *upload; /* pinned; or NULL */
};

struct rh_catalog_read {
    struct rh_map_node by_id;
    enum rh_read_kind kind;
    struct rh_session *session; /* RH_READ_SESSION; pinned */
    char upload[RH_ID_TEXT_MAX];
    struct rh_list waiters; /* RH_READ_UPLOAD */
};

struct rh_vault {
    struct rh_vault_limits limits;
    uint8_t entropy[32];
    bool ready;
    bool dead;       /* RH_DO_FATAL is the last that is said */
    bool fatal;      /* RH_DO_FATAL has to be said */
    size_t starting; /* answers that the start waits for */
    struct rh_list start_waiters;

    struct rh_list ready_list;                     /* struct rh_waiter */
    struct rh_grant_span plan[RH_GRANT_SPANS_MAX]; /* of the grant that is being made */
    struct rh_vault_action *actions;               /* a ring */
    size_t action_first;
    size_t action_count;
    size_t action_cap;

    struct rh_map ops;
    struct rh_map jobs;
    struct rh_map reads;
    uint64_t last_id; /* of jobs, reads and commits */

    struct rh_map uploads;
    struct rh_map names;
    struct rh_map sessions;
    struct rh_list open_order; /* open and finishing uploads that may expire */
    struct rh_list idle_order; /* the others that are in memory */
    struct rh_list all_sessions;
    size_t open_count; /* open or finishing */
    size_t idle_count;
    size_t retry_count; /* uploads with a retry_tick */

    struct rh_list extents_open; /* least recently used first */
    size_t extent_count;         /* opening, open or closing */
    size_t closing_count;        /* of them, closing */
    struct rh_list room_waiters; /* for one of these to be closed */

    struct rh_list tick_waiters;   /* woken every second */
    struct rh_list cursor_writers; /* rh_op.in_cursors */
    struct rh_list joins;          /* rh_join.in_all */

    struct rh_meta_row meta;
    struct rh_batch batch;  /* gathering */
    struct rh_list dirty;   /* uploads whose rows go into it */
    uint64_t gathering_seq; /* of that batch */
    uint64_t committed_seq; /* the last one that is durable */
    uint64_t commit_id;     /* of the one under way; 0: none */
    struct rh_list commit_flying;
    struct rh_list commit_gathering;

    rh_ms mono_ms;
    int64_t wall_ms;
    bool has_time;
    rh_ms tick_base_ms; /* monotonic time at which... */
    uint64_t tick_base; /* ...so many ticks had been lived */
    uint64_t ticks;
    uint64_t suspended_until_tick;

    bool space_asked;
    bool space_known;
    uint64_t space_free;
    uint64_t space_total;
    uint64_t space_used;     /* bytes written since space_free was taken */
    uint64_t space_asked_at; /* value of written_bytes when the poll under way was sent */
    uint64_t written_bytes;
    uint64_t reserved_bytes; /* of grants that are out */

    bool draining;
    bool drained;
};

/* ---- vault.c ---- */
void *rh_vault_alloc(size_t size); /* zeroed; never NULL */
void rh_wake(struct rh_vault *, struct rh_waiter *, enum rh_error);
void rh_wake_all(struct rh_vault *, struct rh_list *, enum rh_error);
void rh_wait(struct rh_list *, struct rh_waiter *,
             void (*wake)(struct rh_vault *, struct rh_waiter *, enum rh_error));
void rh_vault_die(struct rh_vault *, const char *why, enum rh_error);
void rh_op_run(struct rh_vault *, struct rh_op *); /* from its start, or anew after a wait */
void rh_op_rerun(struct rh_vault *, struct rh_waiter *, enum rh_error); /* the same, as a wake */
void rh_op_free(struct rh_vault *, struct rh_op *);
void rh_op_attach(struct rh_op *, struct rh_upload *);
void rh_op_detach(struct rh_op *);

/* ---- queue.c ---- */
struct rh_vault_action *rh_queue_push(struct rh_vault *, enum rh_vault_action_kind);
bool rh_queue_pop(struct rh_vault *, struct rh_vault_action *);
void rh_queue_clear(struct rh_vault *); /* frees what the actions own */
void rh_log_action(struct rh_vault *, const char *text, const char *upload, enum rh_error);
/* Pushes a job; valid until the next push: fill in the rest at once. `upload` may be NULL. */
struct rh_store_job *rh_job_start(struct rh_vault *, enum rh_store_verb, struct rh_upload *,
                                  void (*done)(struct rh_vault *, struct rh_job *,
                                               const struct rh_store_result *),
                                  void *context);
void rh_job_done(struct rh_vault *, const struct rh_store_result *);
struct rh_catalog_read *rh_read_start(struct rh_vault *, enum rh_read_kind, struct rh_read **);
void rh_target_of(const struct rh_upload *, struct rh_store_target *);

/* ---- commit.c ---- */
struct rh_change *rh_commit_add(struct rh_vault *, enum rh_change_kind, const char *upload);
void rh_commit_row(struct rh_vault *, struct rh_upload *); /* its row goes into the batch */
void rh_commit_forget(struct rh_upload *); /* its rows are erased: not the row again */
void rh_commit_wait(struct rh_vault *, uint64_t seq, struct rh_waiter *,
                    void (*wake)(struct rh_vault *, struct rh_waiter *, enum rh_error));
void rh_commit_start(struct rh_vault *); /* if there is something, and none is under way */
void rh_commit_done(struct rh_vault *, uint64_t id, enum rh_error);

/* ---- uploads.c: what is in memory, and bringing it there ---- */
struct rh_upload *rh_upload_new(struct rh_vault *, struct rh_session *, const char *name,
                                const uint8_t entropy[32]);
struct rh_upload *rh_upload_adopt(struct rh_vault *, struct rh_upload_rows *); /* takes them */
void rh_upload_remove(struct rh_vault *, struct rh_upload *); /* out of memory; nobody holds it */
struct rh_upload *rh_upload_by_id(struct rh_vault *, const char *id);
struct rh_upload *rh_upload_by_name(struct rh_vault *, const char *session, const char *name);
void rh_upload_state(struct rh_vault *, struct rh_upload *, enum rh_upload_state);
/* An expired upload's bytes are gone: its name is free. */
void rh_upload_dropped(struct rh_vault *, struct rh_upload *);
void rh_upload_touch(struct rh_vault *, struct rh_upload *);
bool rh_upload_is_vouched(const struct rh_upload *); /* something was acknowledged */
void rh_uploads_evict(struct rh_vault *);
enum rh_found { RH_FOUND = 1, RH_ABSENT, RH_WAITS, RH_ANSWERED };
/* Finds the upload a request names, attached to op; RH_WAITS: op runs again; RH_ANSWERED: op is
 * gone. RH_ABSENT: its session exists (or none was named), the upload does not. */
enum rh_found rh_upload_find(struct rh_vault *, struct rh_op *);
/* Brings one from the catalog, if it is there; wakes with RH_OK then, too. */
void rh_upload_read(struct rh_vault *, const char *id, struct rh_waiter *,
                    void (*wake)(struct rh_vault *, struct rh_waiter *, enum rh_error));
void rh_upload_was_read(struct rh_vault *, struct rh_catalog_read *, struct rh_rows *);

/* ---- sessions.c ---- */
struct rh_session *rh_session_get(struct rh_vault *, const char *id); /* makes a stub */
struct rh_session *rh_session_peek(struct rh_vault *, const char *id);
/* Wakes with RH_OK, RH_ERR_UNKNOWN (no such session) or RH_ERR_IO. */
void rh_session_load(struct rh_vault *, struct rh_session *, struct rh_waiter *,
                     void (*wake)(struct rh_vault *, struct rh_waiter *, enum rh_error));
void rh_session_was_read(struct rh_vault *, struct rh_catalog_read *, struct rh_rows *);
void rh_session_remove(struct rh_vault *, struct rh_session *);
void rh_session_create_run(struct rh_vault *, struct rh_op *);
void rh_session_get_run(struct rh_vault *, struct rh_op *);

/* ---- create.c, erase.c ---- */
void rh_create_run(struct rh_vault *, struct rh_op *);
void rh_get_run(struct rh_vault *, struct rh_op *);
void rh_digest_run(struct rh_vault *, struct rh_op *);
void rh_metadata_run(struct rh_vault *, struct rh_op *);
void rh_delete_run(struct rh_vault *, struct rh_op *);

/* ---- write.c: from the request to the grant ---- */
void rh_write_run(struct rh_vault *, struct rh_op *);
void rh_write_leave(struct rh_vault *, struct rh_op *); /* no longer among the writers */
/* What the request declares of the total, one way or the other. */
enum rh_reply_code rh_write_declared(const struct rh_vault_request *, uint64_t *total);
void rh_write_note_lease(struct rh_vault *, struct rh_op *);
/* Stops grants that write to `extent`, or to any where it is NULL. */
void rh_write_revoke(struct rh_vault *, struct rh_upload *, const struct rh_extent *extent);
/* How far bytes reach that are there or under way. */
uint64_t rh_write_reach(const struct rh_upload *, const struct rh_op *except);
void rh_write_end(struct rh_vault *, struct rh_op *, enum rh_reply_code, const char *message);

/* ---- written.c: from the report to the reply ---- */
void rh_written_tell(struct rh_vault *, const struct rh_written *);
void rh_written_go(struct rh_vault *, struct rh_op *); /* with its last report */
/* Puts a durable range into memory and the batch. */
void rh_written_interval(struct rh_vault *, struct rh_upload *, struct rh_interval);

/* ---- cursor.c: one cursor an upload ---- */
/* Before its turn; false: answered. */
bool rh_cursor_admit(struct rh_vault *, struct rh_op *);
/* In its turn: offset and total; fills op->grant. False: answered. */
bool rh_cursor_plan(struct rh_vault *, struct rh_op *);
void rh_cursor_granted(struct rh_vault *, struct rh_op *);
void rh_cursor_sofar(struct rh_vault *, struct rh_op *, const struct rh_written *);
/* The last report came; true: it waits for a piece that is being made durable. */
bool rh_cursor_ended(struct rh_op *);
void rh_cursor_settled(struct rh_vault *, struct rh_op *); /* its bytes are in the batch, or void */
/* GET: true: op waits until what the writers have received is in the batch. */
bool rh_cursor_look(struct rh_vault *, struct rh_op *);
void rh_cursor_tick(struct rh_vault *);
/* Durable bytes from 0 on. */
uint64_t rh_cursor_of(const struct rh_upload *);
/* When it may be removed; 0: never. */
int64_t rh_cursor_expires_wall_s(const struct rh_vault *, const struct rh_upload *);

/* ---- cursor_note.c: what the vault keeps of such an upload in its metadata ---- */
void rh_cursor_note(struct rh_upload *);   /* writes it into row.metadata */
void rh_cursor_recall(struct rh_upload *); /* reads it from there */
/* The metadata without it, malloc'ed; NULL: there is no other. */
char *rh_cursor_metadata(const struct rh_upload *);
/* A name that every file system takes, made of what a client calls its file; "" where nothing is
 * left of it. */
void rh_cursor_file_name(const char *text, char out[RH_NAME_TEXT_MAX]);

/* ---- concat.c ---- */
/* CREATE of a final: whether its sources are what it needs; false: answered, or waiting. */
bool rh_concat_admit(struct rh_vault *, struct rh_op *);
void rh_concat_start(struct rh_vault *, struct rh_upload *); /* a final, now or again */
bool rh_concat_waits(const struct rh_upload *); /* a final: for sources that are not complete */
bool rh_concat_busy(const struct rh_upload *);  /* bytes are being copied to it, or from it */
void rh_concat_tick(struct rh_vault *);
void rh_concat_free(struct rh_upload *); /* of a final that is not busy */

/* ---- chunks.c ---- */
const struct rh_chunk_row *rh_chunk_find(const struct rh_upload *, uint64_t index);
void rh_chunk_put(struct rh_vault *, struct rh_upload *, struct rh_chunk_row); /* and the batch */
/* Offset of a chunk, where all before it are known. */
bool rh_chunk_offset(const struct rh_upload *, uint64_t index, uint64_t *offset);
/* All of them are acknowledged, in place or waiting; false once the video is being sealed. */
bool rh_chunks_all_came(const struct rh_upload *);
bool rh_chunk_admit(struct rh_vault *, struct rh_op *); /* false: answered */
void rh_chunk_plan(struct rh_vault *, struct rh_op *);
void rh_chunk_apply(struct rh_vault *, struct rh_op *);
void rh_chunks_stitch(struct rh_vault *, struct rh_upload *); /* if there is one to stitch */

/* ---- extents.c ---- */
struct rh_extent *rh_extent_of(struct rh_vault *, struct rh_upload *, uint64_t index);
struct rh_extent *rh_extent_peek(const struct rh_upload *, uint64_t index);
/* True: open, and held by the caller from now on. False: the waiter is woken when it may ask again,
 * or with an error: RH_ERR_LIMIT (descriptors), RH_ERR_UNKNOWN, RH_ERR_IO, RH_ERR_FULL. */
bool rh_extent_hold(struct rh_vault *, struct rh_extent *, struct rh_waiter *,
                    void (*wake)(struct rh_vault *, struct rh_waiter *, enum rh_error));
void rh_extent_release(struct rh_vault *, struct rh_extent *);
/* Wakes once everything written before is durable, or void. The caller holds it. */
void rh_extent_sync(struct rh_vault *, struct rh_extent *, struct rh_waiter *,
                    void (*wake)(struct rh_vault *, struct rh_waiter *, enum rh_error));
void rh_extents_idle(struct rh_vault *); /* closes what nobody used for long */
/* Closes all extents of an upload; wakes when none is left. */
void rh_extents_close(struct rh_vault *, struct rh_upload *, struct rh_waiter *,
                      void (*wake)(struct rh_vault *, struct rh_waiter *, enum rh_error));

/* ---- finish.c, partial.c ---- */
bool rh_finish_check(struct rh_vault *, struct rh_upload *); /* starts it when complete */
void rh_finish_run(struct rh_vault *, struct rh_op *);
void rh_finish_again(struct rh_vault *, struct rh_upload *); /* after a restart or a failure */
void rh_finish_commit(struct rh_vault *, struct rh_upload *, uint64_t total);
void rh_finish_lost(struct rh_vault *, struct rh_upload *, enum rh_error);
void rh_partial_start(struct rh_vault *, struct rh_upload *);
void rh_partial_wake(struct rh_vault *, struct rh_waiter *, enum rh_error);

/* ---- space.c ---- */
void rh_space_poll(struct rh_vault *);
/* New bytes that may be admitted now; UINT64_MAX when that is not known. */
uint64_t rh_space_left(const struct rh_vault *);
void rh_space_reserve(struct rh_vault *, struct rh_op *, uint64_t bytes);
void rh_space_written(struct rh_vault *, struct rh_op *, uint64_t bytes);
/* Some of what was reserved; the grant is still out. */
void rh_space_sofar(struct rh_vault *, struct rh_op *, uint64_t bytes);

/* ---- expiry.c ---- */
void rh_time_told(struct rh_vault *, rh_ms mono_ms, int64_t wall_ms);
int64_t rh_wall_s(const struct rh_vault *);
void rh_retry_later(struct rh_vault *, struct rh_upload *);

/* ---- text.c ---- */
void rh_text_slot_init(struct rh_text_slot *);
void rh_text_session(struct rh_vault *, struct rh_session *, struct rh_waiter *,
                     void (*wake)(struct rh_vault *, struct rh_waiter *, enum rh_error));
void rh_text_metadata(struct rh_vault *, struct rh_upload *, struct rh_waiter *,
                      void (*wake)(struct rh_vault *, struct rh_waiter *, enum rh_error));
/* file_size of a metadata text; RH_SIZE_UNKNOWN when it has none. */
uint64_t rh_text_file_size(const char *metadata);

/* ---- reply.c ---- */
/* Answers op with what is known of its upload and session, once that is committed; op is gone. */
void rh_reply(struct rh_vault *, struct rh_op *, enum rh_reply_code, const char *message);
enum rh_reply_code rh_reply_code_of(enum rh_error); /* of the store */

#endif
