/* SPDX-License-Identifier: MIT */
#ifndef SIM_INSIDE_H
#define SIM_INSIDE_H
/* The receiver's parts among themselves. Receiver-side headers only. */
#include "api/api.h"
#include "http/h1.h"
#include "receiver.h"
#include "vault/catalog_model.h"
#include "vault/store_model.h"

#define SIM_LOOPS   2
#define SIM_WORKERS 3

struct sim_conn {
    struct sim_conn *next;
    uint64_t op;
    struct sim_link *link; /* NULL: the client is gone */
    size_t used;           /* of link->bytes */
    size_t content;        /* bytes after `used` that are content, not framing */
    struct rh_h1 h1;
    struct rh_exchange *exchange; /* NULL until the head is there */
    bool body_ended;
    enum rh_error end; /* how its input ended */
    bool is_write;     /* what was asked of the vault */
    bool over;
    char upload[RH_ID_TEXT_MAX];
    uint64_t lease_number;
    uint64_t lease_floor;
    uint8_t head[8192];
    struct rh_header headers[64];
};

enum sim_job_state { SIM_JOB_QUEUED = 0, SIM_JOB_RUNS, SIM_JOB_RAN };

struct sim_job {
    struct sim_job *next;
    uint64_t life;
    enum sim_job_state state;
    struct rh_store_job job;
    struct rh_store_result result;
};

/* One question or batch for the catalog. */
struct sim_query {
    struct sim_query *next;
    uint64_t life;
    uint64_t id;
    bool is_commit;
    bool ran;
    struct rh_read read;
    struct rh_batch batch;
    struct rh_rows *rows;
    enum rh_error error;
};

struct sim_handle {
    uint64_t handle;
    uint64_t index;
    char upload[RH_ID_TEXT_MAX];
};

struct sim_receiver {
    struct sim *sim;
    uint64_t life; /* of the process; 0 while it is down */
    uint64_t lives;
    bool is_up;
    bool crash_wanted;
    enum sim_death death;
    rh_ms paused_until_ms; /* the process gets no time before */
    rh_ms away_ms;         /* how long it stays down after the next death; 0: as chance has it */
    rh_ms up_ms;           /* when this process began */
    rh_ms told_ms;         /* when the vault was last told the time */
    rh_ms busy_ms;         /* when something last happened */
    struct rh_vault_limits limits;
    struct rh_vault *vault;
    struct rh_catalog *catalog; /* the model: of looks, and in most seeds of the vault too */
    struct sim_catalog *sqlite; /* NULL: not in this seed */
    bool drained;               /* it ends as it should */
    struct rh_store *store;     /* the model */
    struct rh_store front;      /* what the api writes through: checks, then the model */
    const char *hosts[2];
    struct rh_api_config config;
    struct rh_api api;
    struct sim_conn *conns;
    uint64_t last_op;
    rh_ms to_vault_ms[SIM_LOOPS]; /* queues are first in, first out */
    rh_ms to_loop_ms[SIM_LOOPS];
    struct sim_job *jobs;
    struct sim_query *queries;
    struct sim_handle *handles;
    size_t handle_count;
    size_t handle_cap;
};

/* ---- receiver.c ---- */
/* An event of the process comes while that gets no time: it will happen later; true. */
bool sim_receiver_put_off(struct sim *, sim_handler *, void *context, uint64_t life);
void sim_receiver_tell(struct sim_receiver *, struct rh_vault_event *);
void sim_receiver_pump(struct sim_receiver *);
struct sim_receiver *sim_receiver_of_front(struct rh_store *);

/* Asked by a disk before a fault strikes. */
rh_disk_strikes sim_receiver_strikes;

/* ---- catalog.c ---- */
void sim_catalog_create(struct sim_receiver *);
void sim_catalog_destroy(struct sim_receiver *);
bool sim_catalog_boot(struct sim_receiver *); /* false: it does not open, the process ends */
/* well: it was closed. What looks at rows sees what is left. */
void sim_catalog_died(struct sim_receiver *, bool power_lost, bool well);
bool sim_catalog_is_stopped(const struct sim_receiver *); /* the power went within an operation */
enum rh_error sim_catalog_commit(struct sim_receiver *, const struct rh_batch *);
void sim_catalog_read(struct sim_receiver *, const struct rh_read *, struct rh_rows *);
void sim_catalog_fail(struct sim_receiver *, uint64_t skip, bool applied);
bool sim_catalog_stop_after(struct sim_receiver *); /* false: let it be the store */
void sim_catalog_weather(struct sim_receiver *, const struct rh_disk_faults *);
void sim_catalog_set_generation(struct sim_receiver *, const char *generation);

/* ---- conn.c ---- */
void sim_conn_granted(struct sim_receiver *, const struct rh_grant *);
void sim_conn_revoked(struct sim_receiver *, uint64_t op);
void sim_conn_checkpoint(struct sim_receiver *, uint64_t op);
void sim_conn_progressed(struct sim_receiver *, uint64_t op, uint64_t cursor);
void sim_conn_replied(struct sim_receiver *, struct rh_vault_reply *); /* takes it */
void sim_conns_drop(struct sim_receiver *);                            /* the process died */
struct sim_conn *sim_conn_of(struct sim_receiver *, uint64_t op);

/* ---- work.c ---- */
void sim_work_store(struct sim_receiver *, const struct rh_store_job *);
void sim_work_read(struct sim_receiver *, uint64_t id, const struct rh_read *);
void sim_work_commit(struct sim_receiver *, uint64_t id, const struct rh_batch *);
void sim_work_drop(struct sim_receiver *);
const struct sim_handle *sim_work_handle(const struct sim_receiver *, uint64_t handle);

#endif
