/* SPDX-License-Identifier: MIT */
#ifndef TEST_ENGINE_FLEET_H
#define TEST_ENGINE_FLEET_H
/*
 * Several uploads at one engine and an obedient server, for tests about whose turn it is. What is
 * in flight is kept in the order in which it was sent; the test decides what lands when, and how.
 */
#include "bench.h"

#define FLEET_UPLOADS 16
#define FLEET_FLIGHTS 64
#define FLEET_UNITS   4096 /* of FLEET_UNIT bytes in one upload */
#define FLEET_UNIT    1024u

struct fleet_upload {
    char id[8];
    enum rh_priority priority;
    uint32_t spooled; /* units */
    bool sealed;
    bool paused;
    bool remote;
    bool doubt; /* must be asked about */
    bool done;
    uint32_t boundaries[FLEET_UNITS]; /* ends of segments */
    uint32_t segments;
    uint8_t acked[FLEET_UNITS];
};

struct fleet;
typedef void (*fleet_watch)(struct fleet *fleet, const struct rh_action *send);

struct fleet {
    struct bench *b;
    struct fleet_upload uploads[FLEET_UPLOADS];
    unsigned count;
    struct rh_action flights[FLEET_FLIGHTS];
    unsigned flying;
    uint64_t sent[3];  /* bytes of parts sent, by rank */
    fleet_watch watch; /* told of each send before it is counted as flying */
};

void fleet_init(struct fleet *f, const struct rh_policy *policy, fleet_watch watch);
void fleet_finish(struct fleet *f);
/* Tells, and takes up what is sent and what is aborted. */
void fleet_tell(struct fleet *f, struct rh_event event);
struct fleet_upload *fleet_add(struct fleet *f, const char *id, enum rh_priority priority);
void fleet_spool(struct fleet *f, struct fleet_upload *u, uint32_t units);
void fleet_seal(struct fleet *f, struct fleet_upload *u);
/* A whole upload. */
struct fleet_upload *fleet_take(struct fleet *f, const char *id, enum rh_priority priority,
                                uint32_t units);
void fleet_priority(struct fleet *f, struct fleet_upload *u, enum rh_priority priority);
void fleet_pause(struct fleet *f, struct fleet_upload *u, bool paused);
/* The i-th in flight ends well; or with this outcome. */
void fleet_land(struct fleet *f, unsigned i);
void fleet_fail(struct fleet *f, unsigned i, enum rh_outcome outcome);
/* Lets so much time pass, with the wakes in it. */
void fleet_pass(struct fleet *f, rh_ms ms);
struct fleet_upload *fleet_of(struct fleet *f, const char *id);
unsigned fleet_rank(const struct fleet_upload *u);
/* In flight of one upload: all, or parts alone. */
unsigned fleet_flying(const struct fleet *f, const struct fleet_upload *u, bool parts);

#endif
