/* SPDX-License-Identifier: MIT */
#ifndef SIM_HEAP_H
#define SIM_HEAP_H
/* What is going to happen, ordered by (virtual time, sequence): the same seed, the same order. */
#include <reelhaul/types.h>

struct sim;

/*
 * An event cannot be taken back: who may be gone by then passes the `life` it had, and the handler
 * looks whether that is still the present one.
 */
typedef void sim_handler(struct sim *, void *context, uint64_t life);

struct sim_event {
    rh_ms at_ms;
    uint64_t sequence;
    sim_handler *handler;
    void *context;
    uint64_t life;
};

struct sim_heap {
    struct sim_event *items;
    size_t count;
    size_t cap;
    uint64_t sequence;
};

void sim_heap_push(struct sim_heap *heap, rh_ms at_ms, sim_handler *handler, void *context,
                   uint64_t life);
bool sim_heap_pop(struct sim_heap *heap, struct sim_event *out);
void sim_heap_finish(struct sim_heap *heap);

#endif
