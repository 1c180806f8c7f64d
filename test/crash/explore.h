/* SPDX-License-Identifier: MIT */
#ifndef TEST_CRASH_EXPLORE_H
#define TEST_CRASH_EXPLORE_H
/*
 * From a tape to every state that a crash may leave. The model of what a medium keeps:
 *
 *   bytes       A write or a truncation of a file is sure once that file was synced after it (fsync
 *               and fdatasync are barriers for their file alone). Until then any subset of them may
 *               be there, in their order, and each write whole, not at all, or torn: any subset of
 *               the 512-byte sectors that it touches, with the length that goes with them or with
 *               the full length.
 *   names       A name made, removed or renamed is sure once its directory was synced after it.
 *               Until then: for each name, any prefix of its pending changes; different names are
 *               independent, also within one directory (weaker than ext4 or XFS, which keep the
 *               order of a directory's changes).
 *   rename      Within a directory: old or new, never neither. Across directories: old, both names
 *               for the same file, or new; a sync of the new directory makes the new name sure, a
 *               sync of the old one the whole rename.
 *   everything else is not durable: sync_file_range, close, a sync of another file, time.
 *
 * A crash state is checked against the strongest promise that it can meet: states are made at each
 * sync that makes something sure (just before it), at each mark that relaxes the promise, and at
 * the end. A crash anywhere else leaves a state that one of these leaves too, with no less
 * promised.
 */
#include <stdatomic.h>

#include "world.h"

struct explore_options {
    size_t exhaustive_max;   /* up to so many pending operations all subsets are made */
    size_t point_states_max; /* states of one crash point: what is beyond is sampled; 0: no cap */
    size_t torn_max;         /* sampled states with torn writes at each point */
    unsigned nested_every;   /* each so many-th state has its recovery crashed too; 0: none */
    size_t nested_states;    /* states of each such recovery */
    size_t problems_max;     /* then give up */
    bool is_quiet;           /* problems are not printed */
    uint64_t seed;
    bool (*verify)(struct world *, const struct promise *); /* NULL: verify.h */
};

struct explore_counts {
    size_t points;
    size_t points_whole; /* of which all subsets were made */
    size_t states;       /* that were recovered and checked */
    size_t same;         /* that had been checked already */
    size_t nested;       /* of states: that crashed in their recovery */
    size_t pending_max;
    size_t problems;
};

struct explore {
    const struct explore_options *options;
    const struct world *of; /* what was recorded: sources, limits, promises */
    const struct tape *tape;
    char place[IMAGE_PATH - 512]; /* a directory of its own, for two trees */
    const char *label;
    struct explore_counts counts;
    char first_problem[1024];
    atomic_bool *stop;               /* set by others: give up; or NULL */
    void (*watch)(const char *what); /* told what is tried, for the case that it aborts */
};

void explore_run(struct explore *);

#endif
