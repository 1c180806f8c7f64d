/* SPDX-License-Identifier: MIT */
#ifndef TEST_CRASH_WORLD_H
#define TEST_CRASH_WORLD_H
/*
 * A server without sockets: the real vault, the real catalog on SQLite and the real store, opened
 * in the order in which serve.c opens them and driven by one thread. The senders are here too: what
 * they send comes from sources that a test knows, and what they are told is kept as a promise.
 */
#include "base/rng.h"
#include "tape.h"
#include "vault/vault.h"

#define WORLD_VIDEOS 3
#define WORLD_BYTES  4096 /* the largest source */
#define WORLD_CHUNKS 8
#define WORLD_OPS    256
#define WORLD_POOL   128
#define WORLD_BODIES 8

/* What is sent: never changes. */
struct source {
    char name[16];
    bool by_chunks;
    bool by_cursor;
    enum rh_concat concat; /* a final is made of the sources before it */
    uint8_t bytes[WORLD_BYTES];
    size_t size;
    size_t starts[WORLD_CHUNKS + 1];
    size_t chunk_count;
};

/* What the outside was told of one video. */
struct promise_video {
    bool made;
    char id[RH_ID_TEXT_MAX];
    bool bytes[WORLD_BYTES];
    bool chunks[WORLD_CHUNKS];
    bool done;
    bool partial; /* it may be finished with gaps: that was asked */
    bool may_go;  /* it may be gone: that was asked, or nothing was promised and time passed */
    bool gone;
    char gone_id[RH_ID_TEXT_MAX]; /* "": none was deleted */
    unsigned metadata;            /* number of the one that was acknowledged; 0: none */
    unsigned metadata_asked;      /* it may be this one already */
};

struct promise {
    bool session;
    char generation[33]; /* "": nothing was said yet */
    struct promise_video videos[WORLD_VIDEOS];
};

struct world_asked {
    bool used;
    enum rh_request_kind kind;
    size_t video;
    size_t offset;
    size_t size; /* of the body */
    uint64_t chunk;
    bool other_bytes; /* differs from the source: may not be taken */
    size_t cut;       /* the connection breaks after so many bytes */
    size_t hold;      /* … stands still, until it is revoked or world_release */
    unsigned metadata;
    bool revoked;
    bool checkpoint; /* asked for */
};

struct world_body {
    uint64_t op;
    struct rh_grant grant;
    struct rh_written written; /* since the last report */
    size_t reported;
};

struct world_catalog {
    uint8_t *bytes;
    size_t size;
};

struct world {
    char root[IMAGE_PATH - 256]; /* holds data/ */
    struct source sources[WORLD_VIDEOS];
    bool used[WORLD_VIDEOS]; /* something was asked of it */
    struct rh_vault_limits limits;
    bool shuffle;     /* actions run in an order drawn from rng, else the oldest first */
    bool may_rebuild; /* where the catalog is gone, as fsck --rebuild does */
    bool running;
    bool is_another; /* the catalog was not taken for the one that the last server left */
    struct rh_rng rng;
    uint64_t entropy;
    struct rh_vault *vault;
    struct rh_catalog *catalog;
    struct rh_store *store;
    int data;
    int lock;
    rh_ms mono_ms;
    struct rh_vault_action jobs[WORLD_POOL];
    size_t job_count;
    struct rh_vault_action catalog_actions[WORLD_POOL];
    size_t catalog_count;
    struct world_body bodies[WORLD_BODIES];
    size_t body_count;
    struct world_asked asked[WORLD_OPS];
    struct rh_vault_reply *replies[WORLD_OPS];
    uint64_t last_op;
    char ids[WORLD_VIDEOS][RH_ID_TEXT_MAX]; /* as they were told last */
    char problem[512];                      /* the first; "": none */

    /* Of a world that is recorded. */
    struct tape *tape;
    struct promise now;
    struct promise *promises; /* by mark */
    size_t promise_count;
    size_t promise_cap;
};

#define WORLD_SESSION "6f1c9a52-0d3b-4d29-8c57-1f0e2a9b7c44"

void world_init(struct world *, const char *root, uint64_t seed); /* sources too */
/* A world that takes over what was recorded of another: its sources, limits, and videos. */
void world_init_after(struct world *, const char *root, const struct world *);
void world_finish(struct world *);

/* Starts the server; false: `problem` says why. Recovery is under way until world_settle. */
bool world_open(struct world *);
void world_close(struct world *); /* the process ends; takes one that is not open */

void world_settle(struct world *);               /* until nothing happens any more */
void world_release(struct world *, uint64_t op); /* a body that stood still goes on */
void world_pass(struct world *, unsigned seconds);
void world_problem(struct world *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The promise changes: onto the tape with it. */
void world_mark(struct world *, bool relaxes);

/* The catalog's file as it is now, and put in the place of a later one as an operator would: `take`
 * and `give` while no server runs. The next generation is another one. */
void world_catalog_take(struct world *, struct world_catalog *);
void world_catalog_give(struct world *, struct world_catalog *); /* and frees it */
void world_catalog_lose(struct world *); /* from now on one that is gone is rebuilt */

/* Requests; they are under way until world_settle. All return the op. */
uint64_t world_session(struct world *);
uint64_t world_session_get(struct world *);
uint64_t world_create(struct world *, size_t video, bool with_total);
uint64_t world_get(struct world *, size_t video);
/* The upload must have been made. */
uint64_t world_write(struct world *, size_t video, const char *id, size_t offset, size_t size,
                     bool ends);
uint64_t world_chunk(struct world *, size_t video, uint64_t index);
uint64_t world_end(struct world *, size_t video, bool allow_partial); /* FINISH */
uint64_t world_metadata(struct world *, size_t video, unsigned number);
uint64_t world_delete(struct world *, size_t video, const char *id);

/* NULL while there is none. */
const struct rh_vault_reply *world_answer(const struct world *, uint64_t op);
/* A problem, unless it was answered so. */
void world_expect(struct world *, uint64_t op, enum rh_reply_code);
void world_target(const struct world *, size_t video, const char *id, struct rh_store_target *);
void world_metadata_text(unsigned number, char out[64]);

#endif
