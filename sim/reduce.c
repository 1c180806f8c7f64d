/* SPDX-License-Identifier: MIT */
#include "reduce.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"

#define EVENTS_MAX   20000000 /* over all trials: some tens of seconds */
#define STORM_MS_MIN 500
#define LIST_MAX     1024

/* ---- cases ---- */

struct sim_options sim_case_options(const struct sim_case *c)
{
    return (struct sim_options){
        .faults = c->faults[0] == '\0' ? NULL : c->faults,
        .storm_ms_max = c->storm_ms_max,
        .devices_max = c->devices_max,
        .uploads_max = c->uploads_max,
        .fired = c->has_fired ? &c->fired : NULL,
        .catalog = c->catalog,
    };
}

void sim_case_print(const struct sim_case *c)
{
    if (c->faults[0] != '\0')
        printf(" --faults %s", c->faults);
    if (c->storm_ms_max != 0)
        printf(" --storm-ms %" PRIu64, c->storm_ms_max);
    if (c->devices_max != 0)
        printf(" --devices %u", c->devices_max);
    if (c->uploads_max != 0)
        printf(" --uploads %u", c->uploads_max);
    if (c->catalog != SIM_CATALOG_DRAWN)
        printf(" --catalog %s", c->catalog == SIM_CATALOG_SQLITE ? "sqlite" : "model");
    if (!c->has_fired)
        return;
    printf(" --fired %s", c->fired.count == 0 ? "0" : "");
    for (size_t i = 0; i < c->fired.count; i++) {
        const struct rh_range *run = &c->fired.items[i];
        printf("%s%" PRIu64, i > 0 ? "," : "", run->offset);
        if (run->length > 1)
            printf("-%" PRIu64, run->offset + run->length - 1);
    }
}

bool sim_case_parse_fired(struct sim_case *c, const char *list)
{
    c->has_fired = true;
    while (*list != '\0') {
        char *end = NULL;
        uint64_t first = strtoull(list, &end, 10);
        uint64_t last = first;
        if (end == list)
            return false;
        if (*end == '-') {
            list = end + 1;
            last = strtoull(list, &end, 10);
        }
        if (last < first || (*end != ',' && *end != '\0'))
            return false;
        if (first > 0)
            sim_ranges_add(&c->fired, first, last - first + 1);
        list = *end == ',' ? end + 1 : end;
    }
    return true;
}

void sim_case_finish(struct sim_case *c)
{
    sim_ranges_finish(&c->fired);
}

/* ---- trials ---- */

static void child(const struct sim_case *c, int out)
{
    struct sim_options options = sim_case_options(c);
    struct sim_result *result = malloc(sizeof *result);
    const uint8_t *at = (const uint8_t *)result;
    size_t left = sizeof *result;
    int nowhere = open("/dev/null", O_WRONLY);
    RH_ASSERT(result != NULL);
    if (nowhere >= 0)
        (void)dup2(nowhere, STDERR_FILENO); /* what an assertion says */
    sim_run_seed(c->seed, &options, result);
    while (left > 0) {
        ssize_t wrote = write(out, at, left);
        if (wrote <= 0)
            _exit(2);
        at += wrote;
        left -= (size_t)wrote;
    }
    _exit(0);
}

bool sim_case_try(const struct sim_case *c, struct sim_result *result)
{
    int ends[2];
    uint8_t *at = (uint8_t *)result;
    size_t left = sizeof *result;
    int status = 0;
    if (pipe(ends) != 0)
        return false;
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(ends[0]);
        child(c, ends[1]);
    }
    (void)close(ends[1]);
    ssize_t got = 1;
    while (pid > 0 && left > 0 && got > 0) {
        got = read(ends[0], at, left);
        if (got > 0) {
            at += got;
            left -= (size_t)got;
        }
    }
    (void)close(ends[0]);
    if (pid > 0)
        (void)waitpid(pid, &status, 0);
    return pid > 0 && left == 0;
}

void sim_failure_kind(const char *failure, char out[32])
{
    const char *at = strstr(failure, "invariant ");
    if (at == NULL)
        at = strstr(failure, "promise ");
    if (at == NULL)
        at = strncmp(failure, "take-", 5) == 0 && strchr(failure, ' ') != NULL
                 ? strchr(failure, ' ') + 1
                 : failure;
    size_t size = strcspn(at, ":");
    (void)snprintf(out, 32, "%.*s", (int)(size < 31 ? size : 31), at);
}

/* ---- getting smaller ---- */

struct search {
    struct sim_case *best;
    struct sim_result *result;
    char kind[32];
    uint64_t trials;
    uint64_t events;
};

/* Takes the trial over where it fails in the same way, and in not many more lines. */
static bool attempt(struct search *s, const struct sim_case *trial)
{
    struct sim_result result;
    char kind[32];
    if (s->events > EVENTS_MAX)
        return false;
    s->trials++;
    if (!sim_case_try(trial, &result))
        return false;
    s->events += result.events;
    if (!result.failed)
        return false;
    sim_failure_kind(result.failure, kind);
    if (strcmp(kind, s->kind) != 0 ||
        result.trace_lines > s->result->trace_lines + s->result->trace_lines / 8)
        return false;
    *s->result = result;
    return true;
}

/* The list without its item number `index`; false: it has fewer. */
static bool without(const char *list, size_t index, char *out)
{
    size_t used = 0;
    bool found = false;
    for (size_t i = 0; *list != '\0'; i++) {
        size_t size = strcspn(list, ",");
        found = found || i == index;
        if (i != index) {
            if (used > 0)
                out[used++] = ',';
            memcpy(out + used, list, size);
            used += size;
        }
        list += size;
        list += *list == ',';
    }
    out[used] = '\0';
    if (used == 0)
        strcpy(out, "none");
    return found;
}

static bool fewer_faults(struct search *s)
{
    bool better = false;
    struct sim_case trial = *s->best;
    for (size_t i = 0; without(s->best->faults, i, trial.faults);) {
        if (strcmp(s->best->faults, "none") != 0 && attempt(s, &trial)) {
            strcpy(s->best->faults, trial.faults);
            better = true;
        } else {
            i++;
        }
    }
    return better;
}

static bool smaller_world(struct search *s)
{
    bool better = false;
    struct sim_case trial = *s->best;
    while (s->result->storm_ms > STORM_MS_MIN) {
        trial.storm_ms_max = s->result->storm_ms / 2;
        if (!attempt(s, &trial))
            break;
        s->best->storm_ms_max = trial.storm_ms_max;
        better = true;
    }
    trial = *s->best;
    for (uint32_t n = 1; n < s->result->devices; n++) {
        trial.devices_max = n;
        if (attempt(s, &trial)) {
            s->best->devices_max = n;
            better = true;
            break;
        }
    }
    trial = *s->best;
    for (uint32_t n = 1; n < 5 && (s->best->uploads_max == 0 || n < s->best->uploads_max); n++) {
        trial.uploads_max = n;
        if (attempt(s, &trial)) {
            s->best->uploads_max = n;
            better = true;
            break;
        }
    }
    return better;
}

static struct sim_ranges ranges_of(const uint32_t *numbers, size_t count)
{
    struct sim_ranges set = {0};
    for (size_t i = 0; i < count; i++)
        sim_ranges_add(&set, numbers[i], 1);
    return set;
}

/* Tries the faults without numbers[from, to); leaves them out for good where it still fails. */
static bool leave_out(struct search *s, uint32_t *numbers, size_t *count, size_t from, size_t to)
{
    uint32_t *rest = malloc((*count + 1) * sizeof *rest);
    struct sim_case trial = *s->best;
    size_t left = 0;
    RH_ASSERT(rest != NULL);
    for (size_t i = 0; i < *count; i++) {
        if (i < from || i >= to)
            rest[left++] = numbers[i];
    }
    trial.has_fired = true;
    trial.fired = ranges_of(rest, left);
    bool good = attempt(s, &trial);
    if (good) {
        sim_ranges_finish(&s->best->fired);
        *s->best = trial;
        memcpy(numbers, rest, left * sizeof *rest);
        *count = left;
    } else {
        sim_ranges_finish(&trial.fired);
    }
    free(rest);
    return good;
}

/* Those of the present list that struck at all. */
static size_t numbers_of(const struct search *s, uint32_t *numbers)
{
    size_t count = 0;
    for (uint32_t n = 1; n <= s->result->strikes && count < LIST_MAX; n++) {
        if (!s->best->has_fired || sim_ranges_cover(&s->best->fired, n, 1))
            numbers[count++] = n;
    }
    return count;
}

/* Delta debugging: halves, quarters, … of the faults that struck are left out. */
static bool fewer_strikes(struct search *s)
{
    uint32_t *numbers = malloc(LIST_MAX * sizeof *numbers);
    RH_ASSERT(numbers != NULL);
    size_t count = numbers_of(s, numbers);
    size_t before = count;
    bool better = leave_out(s, numbers, &count, 0, count);
    for (size_t piece = (count + 1) / 2; piece > 0 && count > 0;) {
        for (size_t from = 0; from < count;) {
            size_t to = from + piece < count ? from + piece : count;
            if (!leave_out(s, numbers, &count, from, to))
                from = to;
        }
        piece = piece == 1 ? 0 : (piece + 1) / 2;
    }
    free(numbers);
    return better || count < before;
}

uint64_t sim_reduce(struct sim_case *best, struct sim_result *result)
{
    struct search s = {.best = best, .result = result};
    sim_failure_kind(result->failure, s.kind);
    strcpy(best->faults, result->faults);
    for (int round = 0; round < 4; round++) {
        bool better = fewer_faults(&s);
        better = smaller_world(&s) || better;
        better = fewer_strikes(&s) || better;
        if (!better)
            break;
    }
    return s.trials;
}
