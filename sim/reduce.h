/* SPDX-License-Identifier: MIT */
#ifndef SIM_REDUCE_H
#define SIM_REDUCE_H
/*
 * Reduction: the same failure with less. Fewer kinds of faults, a shorter storm, fewer devices and
 * uploads, and of the faults that struck only those it needs. Every trial is a whole run in a
 * process of its own, so that a trial may end in an assertion.
 */
#include "sim.h"

/* How a seed is to be run, beside what it draws. Zeroed: as it draws. */
struct sim_case {
    uint64_t seed;
    char faults[1536]; /* "": as drawn */
    rh_ms storm_ms_max;
    uint32_t devices_max;
    uint32_t uploads_max;
    enum sim_catalog_kind catalog;
    bool has_fired;
    struct sim_ranges fired;
};

/* Options for sim_run_seed; they point into the case. */
struct sim_options sim_case_options(const struct sim_case *);
/* The arguments that give this case, without the seed; each has a space before it. */
void sim_case_print(const struct sim_case *);
bool sim_case_parse_fired(struct sim_case *, const char *list); /* "3,7-9"; false: no such list */
void sim_case_finish(struct sim_case *);

/* Runs it in a child, silently; false where the child gave no answer. */
bool sim_case_try(const struct sim_case *, struct sim_result *);
/*
 * Makes the case smaller while it fails in the same way as `result`, which becomes that of the
 * smallest. Returns how many trials it took.
 */
uint64_t sim_reduce(struct sim_case *, struct sim_result *);
/* Where the failure names an invariant or a promise: "invariant 8", else its beginning. */
void sim_failure_kind(const char *failure, char out[32]);

#endif
