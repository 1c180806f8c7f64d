/* SPDX-License-Identifier: MIT */
/* One seed: safety while faults last, then everything heals and progress is demanded. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "device.h"
#include "receiver.h"
#include "sim.h"

#define WALL_START_MS    ((int64_t)1750000000 * 1000)
#define JUDGE_MS         ((rh_ms)2000)
#define RETRY_ROUNDS     4
#define RETRY_ROUNDS_CUT 1000 /* on a link that is cut for ever; time is what is limited there */
#define EVENTS_MAX       3000000
#define REPEAT_MS        ((rh_ms)60000)
#define REPORT_LINES     150
#define REST_MS          ((rh_ms)1000)
#define RESTS_MAX        600 /* late duplicates may still be on their way */

/* ---- what all use ---- */

void sim_note(struct sim *sim, const struct sim_upload *upload, const char *format, ...)
{
    char text[SIM_TRACE_TEXT];
    size_t size = 0;
    va_list arguments;
    if (upload != NULL)
        size = (size_t)snprintf(text, sizeof text, "%-8s ", upload->name);
    va_start(arguments, format);
    (void)vsnprintf(text + size, sizeof text - size, format, arguments);
    va_end(arguments);
    sim_trace_add(&sim->trace, sim->now_ms, upload == NULL ? SIM_TRACE_ALL : upload->index, text);
}

void sim_aside(struct sim *sim, const char *format, ...)
{
    char text[SIM_TRACE_TEXT];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    sim_trace_add(&sim->trace, sim->now_ms, SIM_TRACE_NONE, text);
}

void sim_fail(struct sim *sim, const struct sim_upload *upload, const char *format, ...)
{
    va_list arguments;
    if (sim->failed)
        return;
    sim->failed = true;
    sim->failed_upload = upload == NULL ? SIM_TRACE_ALL : upload->index;
    size_t size = 0;
    if (upload != NULL)
        size = (size_t)snprintf(sim->failure, sizeof sim->failure, "%s: ", upload->name);
    va_start(arguments, format);
    (void)vsnprintf(sim->failure + size, sizeof sim->failure - size, format, arguments);
    va_end(arguments);
    sim_note(sim, NULL, "FAILED: %s", sim->failure);
}

void sim_in(struct sim *sim, rh_ms delay_ms, sim_handler *handler, void *context, uint64_t life)
{
    sim_heap_push(&sim->heap, sim->now_ms + delay_ms, handler, context, life);
}

uint64_t sim_below(struct sim *sim, uint64_t limit)
{
    return rh_rng_below(&sim->rng, limit == 0 ? 1 : limit);
}

rh_ms sim_between(struct sim *sim, rh_ms least, rh_ms most)
{
    return least + sim_below(sim, most - least + 1);
}

bool sim_chance(struct sim *sim, uint32_t per_mille)
{
    return sim_below(sim, 1000) < per_mille;
}

bool sim_fate(struct sim *sim, const struct sim_upload *about, enum sim_fault fate)
{
    bool drawn = rh_rng_below(&sim->fate_rng, 1000) < sim->plan.rates[fate];
    return drawn && !sim->healed && sim_fires(sim, about, fate);
}

struct sim_upload *sim_upload_named(struct sim *sim, const char *name)
{
    for (size_t i = 0; i < sim->upload_count; i++) {
        if (strcmp(sim->uploads[i].name, name) == 0)
            return &sim->uploads[i];
    }
    return NULL;
}

int64_t sim_wall_ms(const struct sim *sim)
{
    return WALL_START_MS + (int64_t)sim->now_ms + sim->wall_skew_ms;
}

/* ---- the two phases ---- */

static void end_well(struct sim *sim, void *context, uint64_t life)
{
    const char *why = NULL;
    (void)context;
    (void)life;
    if (sim->ending)
        return;
    if (!sim_receiver_idle(sim, &why) && sim->rests++ < RESTS_MAX) {
        sim_in(sim, REST_MS, end_well, NULL, 0);
        return;
    }
    if (why != NULL)
        sim_fail(sim, NULL, "invariant 6: in the end %s", why);
    sim_receiver_look_again(sim);
    sim_check_end(sim);
    sim->done = true;
}

static void explain(struct sim *sim)
{
    for (size_t i = 0; i < sim->device_count; i++)
        sim_device_explain(sim, sim->devices[i]);
}

static void judge(struct sim *sim, void *context, uint64_t life)
{
    size_t failed = 0;
    bool settled = true;
    (void)context;
    (void)life;
    if (sim->ending)
        return;
    for (size_t i = 0; i < sim->device_count; i++)
        settled = sim_device_settled(sim, sim->devices[i], &failed) && settled;
    if (settled && failed == 0) {
        /* What was finished is finished once more: nothing may change. */
        for (size_t i = 0; i < sim->device_count; i++)
            sim_device_repeat_finishes(sim, sim->devices[i]);
        sim_in(sim, REPEAT_MS, end_well, NULL, 0);
        return;
    }
    uint32_t rounds = sim->plan.rates[SIM_CUTS] == 0 ? RETRY_ROUNDS : RETRY_ROUNDS_CUT;
    if (settled && sim->retries < rounds) {
        sim->retries++;
        if (sim->plan.rates[SIM_CUTS] == 0)
            sim->healed_ms = sim->now_ms;
        sim_note(sim, NULL, "the user retries what failed");
        for (size_t i = 0; i < sim->device_count; i++)
            sim_device_retry(sim, sim->devices[i]);
    } else if (settled || sim->now_ms - sim->healed_ms > sim_plan_patience_ms(sim)) {
        explain(sim);
        sim_fail(sim, NULL, "invariant 8: %s",
                 settled ? "a retry does not complete what failed"
                         : "no end, although everything is well");
    }
    sim_in(sim, JUDGE_MS, judge, NULL, 0);
}

static void heal(struct sim *sim, void *context, uint64_t life)
{
    (void)context;
    (void)life;
    if (sim->ending)
        return;
    if (sim->healing_at_ms > sim->now_ms) {
        sim_in(sim, sim->healing_at_ms - sim->now_ms, heal, NULL, 0);
        return;
    }
    sim_plan_heal(sim);
    sim_in(sim, JUDGE_MS, judge, NULL, 0);
}

static void run(struct sim *sim)
{
    struct sim_event event;
    while (!sim->failed && !sim->done && sim_heap_pop(&sim->heap, &event)) {
        sim->now_ms = event.at_ms;
        sim->event_count++;
        event.handler(sim, event.context, event.life);
        sim_check_step(sim);
        if (sim->event_count > EVENTS_MAX)
            sim_fail(sim, NULL, "invariant 7: more than %d events", EVENTS_MAX);
    }
}

/* Events that are left free what they hold. */
static void take_down(struct sim *sim)
{
    struct sim_event event;
    sim->ending = true;
    sim_receiver_halt(sim->receiver);
    while (sim_heap_pop(&sim->heap, &event))
        event.handler(sim, event.context, event.life);
    for (size_t i = 0; i < sim->device_count; i++)
        sim_device_destroy(sim->devices[i]);
    sim_receiver_destroy(sim->receiver);
    sim_net_finish(sim);
    sim_check_finish(&sim->check);
    sim_trace_finish(&sim->trace);
    sim_heap_finish(&sim->heap);
}

/* All of it where it is short, else what concerns the upload, and the end of that. */
static void print_trace(const struct sim *sim)
{
    uint64_t all = sim_trace_count(&sim->trace, SIM_TRACE_ALL);
    uint32_t upload = all <= REPORT_LINES / 2 ? SIM_TRACE_ALL : sim->failed_upload;
    uint64_t count = sim_trace_count(&sim->trace, upload);
    printf("  the trace, %llu of %llu lines:\n",
           (unsigned long long)(count < REPORT_LINES ? count : REPORT_LINES),
           (unsigned long long)sim->trace.count);
    sim_trace_tail(&sim->trace, upload, REPORT_LINES);
    (void)fflush(stdout);
}

static void give_result(const struct sim *sim, struct sim_result *result)
{
    *result = (struct sim_result){
        .failed = sim->failed,
        .events = sim->event_count,
        .uploads = sim->upload_count,
        .virtual_ms = sim->now_ms,
        .trace_hash = sim->trace.hash,
        .trace_lines = sim->trace.count,
        .report_lines = sim_trace_count(&sim->trace, sim->failed_upload),
        .strikes = sim->strike_count,
        .devices = (uint32_t)sim->device_count,
        .storm_ms = sim->plan.storm_ms,
    };
    memcpy(result->fired, sim->fired, sizeof result->fired);
    memcpy(result->failure, sim->failure, sizeof result->failure);
    sim_plan_format(sim, result->faults, sizeof result->faults);
}

/* ---- assertions ---- */

static sigjmp_buf before_run;
static volatile sig_atomic_t is_running;

static void asserted(int number)
{
    (void)number;
    if (is_running)
        siglongjmp(before_run, 1);
}

void sim_catch_assertions(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = asserted;
    action.sa_flags = SA_NODEFER;
    (void)sigaction(SIGABRT, &action, NULL);
}

/* False: an assertion ended it; nothing of the rooms may be touched any more. */
static bool run_asserted(struct sim *sim)
{
    bool good = sigsetjmp(before_run, 1) == 0;
    is_running = 1;
    if (good)
        run(sim);
    else
        sim_fail(sim, NULL, "an assertion of a room, see above");
    is_running = 0;
    return good;
}

static void set_up(struct sim *sim, uint64_t seed, const struct sim_options *options)
{
    sim->seed = seed;
    sim->options = options;
    rh_rng_init(&sim->rng, seed);
    rh_rng_init(&sim->fate_rng, rh_rng_next(&sim->rng));
    rh_rng_init(&sim->plan_rng, rh_rng_next(&sim->rng));
    sim_trace_init(&sim->trace, options->trace);
    sim_plan_make(sim, options);
    (void)sim_receiver_create(sim);
    uint64_t devices = 1 + sim_below(sim, SIM_DEVICES_MAX);
    if (options->devices_max != 0 && devices > options->devices_max)
        devices = options->devices_max;
    for (uint64_t i = 0; i < devices; i++)
        sim_device_create(sim);
    sim_plan_start(sim);
    sim_in(sim, sim->plan.storm_ms, heal, NULL, 0);
}

void sim_run_seed(uint64_t seed, const struct sim_options *options, struct sim_result *result)
{
    struct sim *sim = calloc(1, sizeof *sim);
    RH_ASSERT(sim != NULL);
    set_up(sim, seed, options);
    bool good = run_asserted(sim);
    give_result(sim, result);
    if (sim->failed && options->report)
        print_trace(sim);
    if (!good)
        return;
    take_down(sim);
    free(sim);
}
