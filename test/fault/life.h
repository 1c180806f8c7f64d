/* SPDX-License-Identifier: MIT */
#ifndef TEST_FAULT_LIFE_H
#define TEST_FAULT_LIFE_H
/*
 * A small but whole life of a data directory, as requests: a session; videos by ranges, by chunks,
 * of unknown size, with a gap, and one that is deleted; metadata; every way to look. It can be
 * begun anew on what an earlier one left, and goes on from there, as a sender would.
 */
#include "receiver.h"

#define LIFE_VIDEOS    5
#define LIFE_PARTS_MAX 3

/* What was answered with success: the promises. Kept where a dying process leaves them. */
struct life_facts {
    bool session;
    struct {
        char id[RH_ID_TEXT_MAX];
        bool acked[LIFE_PARTS_MAX];
        bool done;
        bool metadata;
        bool deleted;
    } videos[LIFE_VIDEOS];
    char problem[512]; /* "": none */
};

/* Called before each request that is sent for the first time, and after its answer. */
struct life_watch {
    void (*before)(unsigned step);
    void (*after)(unsigned step, const struct receiver *);
};

/*
 * Goes through it. False: the vault wants the process to end (no problem), or facts->problem says
 * what went wrong. A request that fails is sent again; one fault must not need more than that.
 */
bool life_run(struct receiver *, struct life_facts *, const struct life_watch *);
/* Its first steps alone, on what must not fail. */
bool life_begin(struct receiver *, struct life_facts *, unsigned steps);
/* Whether everything that was acknowledged is there and equal; else facts->problem. */
bool life_check(struct receiver *, struct life_facts *, const char *directory);
/* After a life_run that went to its end: all that should be there is there and equal. */
bool life_check_end(struct receiver *, struct life_facts *, const char *directory);

#endif
