/* SPDX-License-Identifier: MIT */
#ifndef SERVE_WORKERS_H
#define SERVE_WORKERS_H
/*
 * The threads that wait for media, so that the vault's thread never does: some for the store, one
 * for the catalog. Results go to the vault's inbox.
 *
 * Jobs of one upload run one after the other, in the order in which they were posted; jobs of
 * different uploads run side by side.
 */
#include "serve/queue.h"

#define RH_DISK_WORKERS  4
#define RH_DISK_JOBS_MAX 1024
#define RH_CATALOG_MAX   1024

struct rh_workers {
    struct rh_store *store;
    struct rh_catalog *catalog;
    struct rh_queue *vault;

    pthread_t disk_threads[RH_DISK_WORKERS];
    size_t disk_thread_count; /* started */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct rh_message *first; /* jobs, the oldest first */
    struct rh_message *last;
    size_t job_count;
    const struct rh_store_job *running[RH_DISK_WORKERS];
    bool stopping;

    pthread_t catalog_thread;
    bool catalog_started;
    struct rh_queue catalog_queue;
};

/* RH_ERR_IO when threads cannot be started. `workers` is zeroed memory. */
enum rh_error rh_workers_start(struct rh_workers *workers, struct rh_store *store,
                               struct rh_catalog *catalog, struct rh_queue *vault);
/* Runs what was posted to its end, and joins the threads. */
void rh_workers_join(struct rh_workers *workers);
/* Frees what was posted after that. */
void rh_workers_finish(struct rh_workers *workers);

/* Whether both queues have room. Only the vault's thread posts, so it stays true until it does. */
bool rh_workers_have_room(struct rh_workers *workers);
/* RH_MESSAGE_STORE, RH_MESSAGE_READ, RH_MESSAGE_COMMIT; the message becomes the workers'. */
void rh_workers_post(struct rh_workers *workers, struct rh_message *message);

/* Whether two jobs must not overlap nor overtake each other. */
bool rh_jobs_conflict(const struct rh_store_job *a, const struct rh_store_job *b);

#endif
