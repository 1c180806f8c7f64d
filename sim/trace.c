/* SPDX-License-Identifier: MIT */
#include "trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc64.h"

static void print_line(const struct sim_trace_line *line)
{
    printf("  %9" PRIu64 ".%03u  %s\n", line->at_ms / 1000, (unsigned)(line->at_ms % 1000),
           line->text);
}

void sim_trace_init(struct sim_trace *trace, bool print)
{
    memset(trace, 0, sizeof *trace);
    trace->lines = calloc(SIM_TRACE_LINES, sizeof *trace->lines);
    RH_ASSERT(trace->lines != NULL);
    trace->print = print;
}

void sim_trace_add(struct sim_trace *trace, rh_ms at_ms, uint32_t upload, const char *text)
{
    struct sim_trace_line *line = &trace->lines[trace->count++ % SIM_TRACE_LINES];
    size_t size = strlen(text);
    uint8_t time[8];
    if (size >= sizeof line->text)
        size = sizeof line->text - 1;
    line->at_ms = at_ms;
    line->upload = upload;
    memcpy(line->text, text, size);
    line->text[size] = '\0';
    rh_le64_put(time, at_ms); /* the same on every machine */
    trace->hash = rh_crc64_update(trace->hash, time, sizeof time);
    trace->hash = rh_crc64_update(trace->hash, line->text, size);
    if (trace->print)
        print_line(line);
}

static bool concerns(const struct sim_trace_line *line, uint32_t upload)
{
    return line->upload != SIM_TRACE_NONE &&
           (upload == SIM_TRACE_ALL || line->upload == upload || line->upload == SIM_TRACE_ALL);
}

void sim_trace_tail(const struct sim_trace *trace, uint32_t upload, size_t most)
{
    uint64_t oldest = trace->count > SIM_TRACE_LINES ? trace->count - SIM_TRACE_LINES : 0;
    uint64_t from = trace->count;
    for (size_t taken = 0; from > oldest && taken < most; from--) {
        const struct sim_trace_line *line = &trace->lines[(from - 1) % SIM_TRACE_LINES];
        taken += concerns(line, upload);
    }
    for (; from < trace->count; from++) {
        const struct sim_trace_line *line = &trace->lines[from % SIM_TRACE_LINES];
        if (concerns(line, upload))
            print_line(line);
    }
}

uint64_t sim_trace_count(const struct sim_trace *trace, uint32_t upload)
{
    uint64_t oldest = trace->count > SIM_TRACE_LINES ? trace->count - SIM_TRACE_LINES : 0;
    uint64_t count = 0;
    for (uint64_t i = oldest; i < trace->count; i++)
        count += concerns(&trace->lines[i % SIM_TRACE_LINES], upload);
    return count;
}

void sim_trace_finish(struct sim_trace *trace)
{
    free(trace->lines);
    memset(trace, 0, sizeof *trace);
}
