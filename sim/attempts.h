/* SPDX-License-Identifier: MIT */
#ifndef SIM_ATTEMPTS_H
#define SIM_ATTEMPTS_H
/*
 * Invariants 6 and 7 at the sender: requests in flight stay under their caps, and a retry comes no
 * earlier, is promised no later, and no more often than the policy allows. A naive reference beside
 * the engine: it sees the same events and actions, and knows the policy's numbers alone.
 * Sender-side headers only.
 */
#include "reelhaul/engine.h"
#include "sim.h"

#define SIM_FLIGHTS_MAX 256
#define SIM_WAITS_MAX   64

struct sim_flight {
    uint32_t token;
    uint32_t upload;
    uint32_t attempt;
    uint64_t serial; /* when it was sent, among everything that happened to the tab */
    enum rh_send_kind kind;
    struct rh_range range;
    rh_ms sent_ms;
};

/* Nothing of it may be sent before `until_ms`. */
struct sim_wait {
    rh_ms until_ms;
    uint32_t failures; /* in a row, as far as this reference counts them */
    uint64_t serial;   /* of the last of them */
    uint64_t sent;     /* of the last request that left */
    bool unreachable;  /* nobody answered: ends when somebody is heard of again */
};

struct sim_part_wait {
    uint32_t upload;
    struct rh_range range;
    struct sim_wait wait;
};

/* Of one tab. Zeroed: nothing under way. */
struct sim_attempts {
    rh_ms now_ms; /* the tab's */
    bool offline; /* the engine was told so */
    uint64_t serial;
    struct sim_flight flights[SIM_FLIGHTS_MAX];
    size_t flight_count;
    struct sim_wait waits[SIM_UPLOADS_MAX];
    rh_ms asked_ms[SIM_UPLOADS_MAX]; /* the latest moment that a Retry-After asked to wait for */
    struct sim_part_wait parts[SIM_WAITS_MAX];
    size_t part_count;
};

struct sim_tab;
/* Before the engine is told. */
void sim_attempts_told(struct sim *, struct sim_tab *, const struct rh_event *);
/* Before the action is obeyed. */
void sim_attempts_act(struct sim *, struct sim_tab *, const struct rh_action *);

#endif
