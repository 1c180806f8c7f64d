/* SPDX-License-Identifier: MIT */
/* The simulator's command line: seeds one after the other, or planted bugs that must be caught. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/crc64.h"
#include "plants.h"
#include "reduce.h"

#define MS_A_YEAR     (365.25 * 86400 * 1000)
#define PLANT_SEEDS   2000 /* a planted bug must be caught within so many */
#define DEFAULT_SEEDS 200
#define REPORTS_MAX   3

struct arguments {
    uint64_t seeds;
    struct sim_case how; /* its seed is the first one */
    bool has_seed;
    bool trace;
    bool twice;
    bool hash;
    bool figures;
    bool count;
    const char *plant;
};

static const char usage[] =
    "usage: reelhaul-sim [options]\n"
    "  --seeds N       so many seeds, from S on (default 200; 1 where only --seed is given)\n"
    "  --seed S        the first seed (default 1)\n"
    "  --faults LIST   these alone: names, name=rate, kinds of faults, -name, all, none\n"
    "  --storm-ms N    everything heals after so long at the latest\n"
    "  --devices N     at most so many senders\n"
    "  --uploads N     at most so many uploads a sender\n"
    "  --catalog KIND  sqlite or model (default: SQLite in one seed of 16)\n"
    "  --fired LIST    of the faults that would strike, only those with these numbers do\n"
    "  --plant NAME    with this bug planted; all: with each of them, and each must be caught\n"
    "  --plants        list the bugs that can be planted\n"
    "  --trace         print everything that happens\n"
    "  --twice         run each seed twice: the traces must be the same\n"
    "  --hash          print a hash over all that happened in all seeds\n"
    "  --count         print how often each fault happened; one that never did is a failure\n"
    "  --figures       print simulated over real time, and uploads a second\n";

/* ---- one seed ---- */

static const char *commit(void)
{
    const char *text = getenv("REELHAUL_COMMIT"); /* by script/sim, which asks git */
    return text == NULL || text[0] == '\0' ? "unknown" : text;
}

static void print_again(const struct sim_case *c, const struct arguments *arguments)
{
    printf("script/sim --seed %" PRIu64, c->seed);
    sim_case_print(c);
    if (arguments->plant != NULL)
        printf(" --plant %s", arguments->plant);
    printf("\n");
}

/* The failure as it is, and the smallest that shows it. */
static void report(const struct sim_case *failed, const struct sim_result *first,
                   const struct arguments *arguments)
{
    struct sim_case smallest = {.seed = failed->seed};
    struct sim_result result = *first;
    smallest = *failed;
    smallest.fired = (struct sim_ranges){0};
    for (size_t i = 0; i < failed->fired.count; i++)
        sim_ranges_add(&smallest.fired, failed->fired.items[i].offset,
                       failed->fired.items[i].length);
    printf("FAILED seed %" PRIu64 ", commit %s: %s\n  ", failed->seed, commit(), first->failure);
    strcpy(smallest.faults, first->faults);
    print_again(&smallest, arguments);
    uint64_t trials = sim_reduce(&smallest, &result);
    printf("reduced in %" PRIu64 " trials from %" PRIu64 " lines of trace to %" PRIu64
           ", from %u faults to %" PRIu64 ": %s\n  ",
           trials, first->trace_lines, result.trace_lines, first->strikes,
           smallest.has_fired ? sim_ranges_sum(&smallest.fired) : result.strikes, result.failure);
    print_again(&smallest, arguments);
    struct sim_options options = sim_case_options(&smallest);
    options.report = true;
    sim_run_seed(smallest.seed, &options, &result);
    sim_case_finish(&smallest);
}

static bool run_one(const struct sim_case *c, const struct arguments *arguments,
                    struct sim_result *result)
{
    struct sim_options options = sim_case_options(c);
    struct sim_result again;
    options.trace = arguments->trace;
    sim_run_seed(c->seed, &options, result);
    if (result->failed || !arguments->twice)
        return !result->failed;
    sim_run_seed(c->seed, &options, &again);
    if (again.trace_hash == result->trace_hash && again.events == result->events)
        return true;
    printf("invariant 9: seed %" PRIu64 " gives two traces\n", c->seed);
    return false;
}

/* ---- many seeds ---- */

static void add(struct sim_result *sum, const struct sim_result *result)
{
    uint8_t hash[8];
    sum->events += result->events;
    sum->uploads += result->uploads;
    sum->virtual_ms += result->virtual_ms;
    for (size_t i = 0; i < SIM_FAULTS; i++)
        sum->fired[i] += result->fired[i];
    rh_le64_put(hash, result->trace_hash);
    sum->trace_hash = rh_crc64_update(sum->trace_hash, hash, sizeof hash);
}

static double seconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int run_seeds(const struct arguments *arguments)
{
    struct sim_result sum = {0};
    struct sim_case one = arguments->how;
    double began_s = seconds_now();
    uint64_t failed = 0;
    size_t never = 0;
    for (uint64_t i = 0; i < arguments->seeds; i++, one.seed++) {
        struct sim_result result;
        bool good = run_one(&one, arguments, &result);
        failed += !good;
        if (result.failed && arguments->trace)
            printf("FAILED seed %" PRIu64 ": %s\n", one.seed, result.failure);
        else if (result.failed && failed <= REPORTS_MAX)
            report(&one, &result, arguments);
        else if (result.failed)
            printf("FAILED seed %" PRIu64 ": %s\n", one.seed, result.failure);
        add(&sum, &result);
    }
    if (arguments->count)
        never = sim_plan_print_fired(sum.fired);
    if (arguments->hash)
        printf("hash %016" PRIx64 "\n", sum.trace_hash);
    double took_s = seconds_now() - began_s;
    if (arguments->figures)
        printf("%.1f s, simulated over real time %.0f, %.0f uploads/s, %.0f events/s\n", took_s,
               (double)sum.virtual_ms / 1000 / took_s, (double)sum.uploads / took_s,
               (double)sum.events / took_s);
    printf("%" PRIu64 " seeds, %" PRIu64 " failed, %" PRIu64 " uploads, %" PRIu64
           " events, %.4f simulated years\n",
           arguments->seeds, failed, sum.uploads, sum.events, (double)sum.virtual_ms / MS_A_YEAR);
    return failed == 0 && never == 0 ? 0 : 1;
}

static int run_plants(const struct arguments *arguments)
{
    size_t survived = 0;
    for (size_t i = 0; i < sim_plants_count; i++)
        survived += !sim_plant_hunt(&sim_plants[i], arguments->how.seed, arguments->seeds);
    printf("%zu planted bugs, %zu not caught\n", sim_plants_count, survived);
    return survived == 0 ? 0 : 1;
}

static int list_plants(void)
{
    for (size_t i = 0; i < sim_plants_count; i++)
        printf("%-24s %s\n", sim_plants[i].name, sim_plants[i].what);
    return 0;
}

/* ---- arguments ---- */

static bool number(const char *text, uint64_t *out)
{
    char *end = NULL;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0';
}

static bool small_number(const char *text, uint32_t *out)
{
    uint64_t value = 0;
    bool good = number(text, &value) && value <= UINT32_MAX;
    *out = (uint32_t)value;
    return good;
}

static bool *flag(struct arguments *arguments, const char *name)
{
    struct {
        const char *name;
        bool *flag;
    } const flags[] = {
        {"--trace", &arguments->trace},     {"--twice", &arguments->twice},
        {"--hash", &arguments->hash},       {"--count", &arguments->count},
        {"--figures", &arguments->figures},
    };
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strcmp(flags[i].name, name) == 0)
            return flags[i].flag;
    }
    return NULL;
}

static bool faults_are_known(const char *list)
{
    struct sim_plan plan = {0};
    char why[128];
    if (sim_plan_parse(list, &plan, why, sizeof why))
        return true;
    (void)fprintf(stderr, "%s\n", why);
    return false;
}

static bool option(struct arguments *arguments, const char *name, const char *value,
                   bool *has_seeds)
{
    struct sim_case *how = &arguments->how;
    if (strcmp(name, "--seeds") == 0)
        return *has_seeds = number(value, &arguments->seeds);
    if (strcmp(name, "--seed") == 0)
        return arguments->has_seed = number(value, &how->seed);
    if (strcmp(name, "--storm-ms") == 0)
        return number(value, &how->storm_ms_max);
    if (strcmp(name, "--devices") == 0)
        return small_number(value, &how->devices_max);
    if (strcmp(name, "--uploads") == 0)
        return small_number(value, &how->uploads_max);
    if (strcmp(name, "--fired") == 0)
        return sim_case_parse_fired(how, value);
    if (strcmp(name, "--faults") == 0) {
        (void)snprintf(how->faults, sizeof how->faults, "%s", value);
        return value[0] != '\0' && strlen(value) < sizeof how->faults && faults_are_known(value);
    }
    if (strcmp(name, "--catalog") == 0) {
        how->catalog = strcmp(value, "sqlite") == 0 ? SIM_CATALOG_SQLITE : SIM_CATALOG_MODEL;
        return how->catalog == SIM_CATALOG_SQLITE || strcmp(value, "model") == 0;
    }
    arguments->plant = value;
    return strcmp(name, "--plant") == 0 && value[0] != '\0';
}

static bool parse(int argc, char **argv, struct arguments *arguments)
{
    bool has_seeds = false;
    *arguments = (struct arguments){.seeds = DEFAULT_SEEDS, .how.seed = 1};
    for (int i = 1; i < argc; i++) {
        bool *is_flag = flag(arguments, argv[i]);
        if (is_flag != NULL) {
            *is_flag = true;
            continue;
        }
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (!option(arguments, argv[i++], value, &has_seeds))
            return false;
    }
    if (arguments->has_seed && !has_seeds)
        arguments->seeds = 1;
    else if (arguments->plant != NULL && !has_seeds)
        arguments->seeds = PLANT_SEEDS;
    return true;
}

/* What --plant asks for. Anything but -1 is the exit status. */
static int plant(struct arguments *arguments)
{
    const struct sim_plant *plant;
    if (arguments->plant == NULL)
        return -1;
#ifndef RH_PLANT
    (void)fprintf(stderr, "--plant needs reelhaul-sim-planted\n");
    return 2;
#endif
    if (strcmp(arguments->plant, "all") == 0)
        return run_plants(arguments);
    plant = sim_plant_find(arguments->plant);
    if (plant == NULL) {
        (void)fprintf(stderr, "no such bug: %s (see --plants)\n", arguments->plant);
        return 2;
    }
    sim_plant_set(plant->name);
    if (plant->faults != NULL && arguments->how.faults[0] == '\0')
        strcpy(arguments->how.faults, plant->faults);
    return -1;
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    if (argc == 2 && strcmp(argv[1], "--plants") == 0)
        return list_plants();
    if (!parse(argc, argv, &arguments)) {
        (void)fputs(usage, stderr);
        return 2;
    }
    sim_catch_assertions();
    int status = plant(&arguments);
    if (status < 0)
        status = run_seeds(&arguments);
    sim_case_finish(&arguments.how);
    return status;
}
