/* SPDX-License-Identifier: MIT */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H
/*
 * What happened, as lines: the last ones are kept for a failure's report, all go into a hash (same
 * seed, same hash), and with `print` to the standard output.
 */
#include <reelhaul/types.h>

#define SIM_TRACE_LINES 2048
#define SIM_TRACE_TEXT  160
#define SIM_TRACE_ALL   UINT32_MAX       /* a line that concerns every upload */
#define SIM_TRACE_NONE  (UINT32_MAX - 1) /* one that a report can do without */

struct sim_trace_line {
    rh_ms at_ms;
    uint32_t upload;
    char text[SIM_TRACE_TEXT];
};

struct sim_trace {
    struct sim_trace_line *lines; /* a ring of SIM_TRACE_LINES */
    uint64_t count;
    uint64_t hash; /* CRC-64 over times and texts */
    bool print;
};

void sim_trace_init(struct sim_trace *trace, bool print);
void sim_trace_add(struct sim_trace *trace, rh_ms at_ms, uint32_t upload, const char *text);
/* The last lines that concern an upload (SIM_TRACE_ALL: any), at most `most`, oldest first. */
void sim_trace_tail(const struct sim_trace *trace, uint32_t upload, size_t most);
/* How many lines, of those that are kept, concern it. */
uint64_t sim_trace_count(const struct sim_trace *trace, uint32_t upload);
void sim_trace_finish(struct sim_trace *trace);

#endif
