/* SPDX-License-Identifier: MIT */
#ifndef TEST_CRASH_SCENARIOS_H
#define TEST_CRASH_SCENARIOS_H
/* Small lives of a server, each about one thing that must survive a crash at any moment. */
#include "shim.h"
#include "world.h"

struct scenario {
    const char *name;
    void (*run)(struct world *);     /* on a world that is recorded and not open yet */
    void (*prepare)(struct world *); /* before it is recorded; or NULL */
    bool (*verify)(struct world *, const struct promise *); /* instead of verify.h; or NULL */
    const char *golden;      /* folder of golden/ that it begins with; NULL: with nothing */
    enum shim_sabotage sees; /* the one that it is there to see; SHIM_HONEST: none in particular */
    int checkpoint_pages;    /* SQLite moves its log into the database so often; 0: as it does */
};

extern const struct scenario scenarios[];
extern const size_t scenario_count;

#endif
