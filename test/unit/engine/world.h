/* SPDX-License-Identifier: MIT */
#ifndef TEST_ENGINE_WORLD_H
#define TEST_ENGINE_WORLD_H
/*
 * A small world round one engine: recordings that grow, a spool, and a server that keeps what it
 * acknowledged; between them faults from a seed. It obeys every action, checks the promises at
 * each, and can write the trace of events and actions. The storm test runs it for many seeds; the
 * trace test replays what it wrote in wasm.
 */
#include "base/rng.h"
#include "reelhaul/engine.h"

#define WORLD_UPLOADS  6
#define WORLD_BYTES    400000
#define WORLD_SEGMENTS 64
#define WORLD_FLIGHTS  32

enum world_fault {
    WORLD_LOSE_REQUESTS = 1, /* broken before or in the middle of the body; the prefix is kept */
    WORLD_LOSE_ANSWERS = 2,  /* the server did it, nobody heard */
    WORLD_ERRORS = 4,        /* 5xx, 503 with Retry-After, 422, malformed */
    WORLD_REFUSALS = 8,      /* 401, 507 */
    WORLD_SILENCE = 16,      /* no answer and no end */
    WORLD_OFFLINE = 32,      /* the network goes and comes */
    WORLD_CRASHES = 64,      /* the sender dies and starts from its records and its spool */
    WORLD_LEADERSHIP = 128,  /* another tab takes over and gives back */
    WORLD_AMNESIA = 256,     /* the server is restored from an older copy */
    WORLD_USER = 512,        /* pause, resume, hold, release, limit */
    WORLD_ALL = 1023,
    WORLD_CURSOR = 1024, /* no fault: the server has one cursor for each upload */
};

struct world_segment {
    uint32_t offset;
    uint32_t length;
    bool held;
};

struct world_upload {
    char id[24];
    uint32_t size;
    uint32_t spooled;
    rh_ms next_ms; /* when the next segment closes */
    bool added;
    bool sealed;
    struct world_segment segments[WORLD_SEGMENTS];
    uint32_t segment_count;
    uint8_t record[RH_RECORD_MAX];
    size_t record_size;
    enum rh_upload_state state;
    /* the server's side */
    char remote[32];
    uint32_t incarnation;
    bool done;
    uint8_t *durable; /* one per byte */
    uint8_t *bytes;
};

struct world_flight {
    bool used;
    struct rh_action action;
    rh_ms due_ms;
    uint32_t fate;
};

typedef void (*world_sink)(void *context, bool is_action, const uint8_t *bytes, size_t size);

struct world {
    struct rh_rng rng;
    uint32_t faults;
    bool healed;
    struct rh_policy policy;
    uint64_t engine_seed;
    void *memory;
    struct rh_engine *engine;
    rh_ms now;
    rh_ms wake_ms;
    rh_ms fault_ms;
    bool offline;
    bool deposed;
    bool paused;
    uint32_t generation;
    uint8_t record[RH_RECORD_MAX]; /* the engine's own */
    size_t record_size;
    struct world_upload uploads[WORLD_UPLOADS];
    struct world_flight flights[WORLD_FLIGHTS];
    world_sink sink;
    void *sink_context;
    uint64_t events;
    uint64_t actions;
    uint64_t sends;
    uint64_t crashes;
    uint32_t need_token;
    bool cursor;
    uint64_t misses;    /* parts that did not begin at the cursor */
    const char *broken; /* the first promise that was broken, or NULL */
};

/* Everything follows from the seed: policy (of `policy`, or one by the seed if NULL), sizes, faults
 * (within `faults`). */
void world_init(struct world *w, uint64_t seed, const char *policy, uint32_t faults,
                world_sink sink, void *sink_context);
void world_finish(struct world *w);
/* Runs for so much virtual time. */
void world_run(struct world *w, rh_ms ms);
/* No more faults; everything that somebody stopped goes on; what failed is tried again. */
void world_heal(struct world *w);
/* Are all recordings completed, and on the server? */
bool world_settled(const struct world *w);

#endif
