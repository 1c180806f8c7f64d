/* SPDX-License-Identifier: MIT */
#ifndef TEST_VAULT_HARNESS_H
#define TEST_VAULT_HARNESS_H
/*
 * A world of one thread: a vault, and models of the catalog and the store that its actions are
 * executed on, at once or when the test lets them. So a test sees what was said before what.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vault/catalog_model.h"
#include "vault/store_model.h"
#include "vault/vault.h"

#define WORLD_OPS_MAX  4096
#define WORLD_HELD_MAX 512

struct world {
    struct rh_vault_limits limits;
    struct rh_vault *vault;
    struct rh_catalog *catalog;
    struct rh_store *store;
    rh_ms mono_ms;
    int64_t wall_ms;
    uint64_t last_op;
    uint64_t entropy;
    /* By op, since the last restart of the world. */
    struct rh_grant *grants[WORLD_OPS_MAX];
    bool revoked[WORLD_OPS_MAX];
    size_t checkpoints[WORLD_OPS_MAX]; /* asked for */
    uint64_t progress[WORLD_OPS_MAX];  /* the last that was told; 0: none */
    struct rh_vault_reply *replies[WORLD_OPS_MAX];
    /* Held back, while a test says so. */
    bool hold_commits;
    bool hold_reads;
    bool hold_verb[RH_STORE_SPACE + 1];
    /* What reads answer instead, while a test says so: an error, or that there is nothing. */
    enum rh_error reads_error;
    bool reads_empty;
    struct rh_vault_action held[WORLD_HELD_MAX];
    size_t held_count;
    /* Seen. */
    size_t commits;
    size_t jobs[RH_STORE_SPACE + 1];
    size_t reads;
    size_t logs;
    const char *last_log;
    bool fatal;
    bool drained;
};

void world_init(struct world *);  /* with small caps off: limits are the defaults, reserve is 1 */
void world_start(struct world *); /* after limits are set */
void world_finish(struct world *);
/* The process dies; with `power` unsynced bytes and names are lost or torn too. Then a new vault.
 */
void world_restart(struct world *, bool power);
/* Executes all actions that may be executed, until nothing happens any more. */
void world_pump(struct world *);
/* Executes what was held back (all of it), and pumps. */
void world_release(struct world *);
size_t world_held(const struct world *, enum rh_vault_action_kind);
void world_pass(struct world *, uint64_t seconds); /* one tick at a time */
void world_time(struct world *, uint64_t mono_ms_more, int64_t wall_ms_more);

struct rh_vault_request *request_new(struct world *, enum rh_request_kind);
uint64_t ask(struct world *, struct rh_vault_request *); /* tells it and pumps; its op */
/* The reply, which must be there. */
const struct rh_vault_reply *answer(struct world *, uint64_t op);
const struct rh_vault_reply *answer_if(const struct world *, uint64_t op);
const struct rh_vault_reply *ask_answer(struct world *, struct rh_vault_request *);
const struct rh_grant *granted(const struct world *, uint64_t op); /* NULL: none */

/* Takes bytes under op's grant: CRC, write where it does not compare. Then reports, and pumps. */
void body(struct world *, uint64_t op, const void *bytes, size_t size, enum rh_written_end);
/* The same without the report: the bytes are in the store, the vault knows nothing. */
void body_only(struct world *, uint64_t op, const void *bytes, size_t size, enum rh_written_end,
               struct rh_written *);
void report(struct world *, const struct rh_written *);

/* Short forms. */
const char *make_session(struct world *, char out[RH_UUID_TEXT_MAX]);
/* An upload by ranges; `total` may be RH_SIZE_UNKNOWN. Its id. */
const char *make_upload(struct world *, const char *session, const char *name, uint64_t total,
                        char out[RH_ID_TEXT_MAX]);
struct rh_vault_request *write_of(struct world *, const char *upload, uint64_t offset,
                                  uint64_t length);
struct rh_vault_request *chunk_of(struct world *, const char *session, const char *name,
                                  uint64_t index, uint64_t count);
/* The whole life of a part; the reply's code. */
enum rh_reply_code put(struct world *, const char *upload, uint64_t offset, const void *bytes,
                       size_t size);
enum rh_reply_code put_chunk(struct world *, const char *session, const char *name, uint64_t index,
                             uint64_t count, const void *bytes, size_t size);
const struct rh_vault_reply *get(struct world *, const char *upload);
void target_of(const struct rh_upload_view *, struct rh_store_target *);
/* The finished object is just these bytes, in the durable image. */
void assert_object(struct world *, const char *upload, const void *bytes, size_t size);
void fill(void *bytes, size_t size, uint64_t seed);

/* What most tests begin with: a running world, a session, and an upload in it. */
struct fixture {
    struct world w;
    char session[RH_UUID_TEXT_MAX];
    char id[RH_ID_TEXT_MAX]; /* "": none was made */
};

/* `limits` may be NULL; `name` is of an upload by ranges that is made, NULL: none. */
int fixture_setup(void **state, void (*limits)(struct rh_vault_limits *), const char *name);
int fixture_teardown(void **state);

/* For the random tests: a setting, so that a failure can be run again. */
uint64_t seed_of(const char *variable, uint64_t fallback);

#endif
