/* SPDX-License-Identifier: MIT */
#ifndef SERVE_HUB_H
#define SERVE_HUB_H
/* The vault's thread: tells the vault what happened, and hands out what it wants done. */
#include <stdatomic.h>

#include "serve/loop.h"
#include "serve/workers.h"

#define RH_HUB_INBOX_MAX 8192

struct rh_hub {
    struct rh_vault *vault;
    struct rh_queue inbox;
    struct rh_workers *workers;
    struct rh_loop *loops;
    unsigned loop_count;
    pthread_t thread;
    bool started;
    atomic_bool drained; /* RH_DO_DRAINED came */
    bool stopping;
};

/* The inbox alone, which loops and workers need before the thread runs. RH_ERR_IO, RH_ERR_MEMORY.
 */
enum rh_error rh_hub_init(struct rh_hub *hub, const struct rh_vault_limits *limits);
/* Loops and workers must run, and must outlive the thread. */
enum rh_error rh_hub_start(struct rh_hub *hub, struct rh_workers *workers, struct rh_loop *loops,
                           unsigned loop_count);
void rh_hub_join(struct rh_hub *hub);
/* Frees everything, when nobody posts any more. Takes the zeroed state. */
void rh_hub_finish(struct rh_hub *hub);

#endif
