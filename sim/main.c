/* SPDX-License-Identifier: MIT */
/* The simulator's command line: seeds one after the other, or planted bugs that must be caught. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plants.h"
#include "sim.h"

#define MS_A_YEAR     (365.25 * 86400 * 1000)
#define PLANT_SEEDS   400 /* a planted bug must be caught within so many */
#define DEFAULT_SEEDS 200

struct arguments {
    uint64_t seeds;
    uint64_t seed;
    bool has_seed;
    bool trace;
    bool twice;
    const char *plant;
};

static const char usage[] =
    "usage: reelhaul-sim [--seeds N] [--seed S] [--trace] [--twice] [--plant NAME|all]\n"
    "  --seeds N   so many seeds, from S on (default 200; 1 where only --seed is given)\n"
    "  --seed S    the first seed (default 1)\n"
    "  --trace     print everything that happens\n"
    "  --twice     run each seed twice: the traces must be the same\n"
    "  --plant     with this bug planted, or each of them; one that is not caught is a failure\n";

static uint64_t now_seed; /* for an assertion's report */

/* Assertions of the rooms end the process: the seed is what one needs then. */
static void say_seed(int signal)
{
    char text[64];
    int size = snprintf(text, sizeof text, "an assertion failed in seed %" PRIu64 "\n", now_seed);
    if (size > 0 && write(STDOUT_FILENO, text, (size_t)size) < 0)
        _exit(3);
    (void)signal;
    _exit(3);
}

/* Which kinds of faults a failure needs: one after the other is left out. */
static uint32_t reduce(uint64_t seed)
{
    uint32_t only = SIM_GROUPS_ALL;
    for (uint32_t i = 0; i < SIM_GROUPS; i++) {
        struct sim_options options = {.quiet = true, .only = only & ~(1u << i)};
        struct sim_result result;
        sim_run_seed(seed, &options, &result);
        if (result.failed)
            only = options.only;
    }
    return only;
}

static void report(uint64_t seed, const struct arguments *arguments)
{
    uint32_t only = arguments->trace ? SIM_GROUPS_ALL : reduce(seed);
    struct sim_options options = {.only = only};
    struct sim_result result;
    printf("seed %" PRIu64 " fails; kinds of faults it needs:", seed);
    for (uint32_t i = 0; i < SIM_GROUPS; i++) {
        if ((only >> i & 1) != 0)
            printf(" %s", sim_groups[i]);
    }
    printf("\n");
    sim_run_seed(seed, &options, &result);
    printf("  again: script/sim --seed %" PRIu64 "%s%s --trace\n", seed,
           arguments->plant != NULL ? " --plant " : "",
           arguments->plant != NULL ? arguments->plant : "");
}

static bool run_one(uint64_t seed, const struct arguments *arguments, struct sim_result *result)
{
    struct sim_options options = {
        .trace = arguments->trace, .quiet = !arguments->trace, .only = SIM_GROUPS_ALL};
    struct sim_result again;
    now_seed = seed;
    sim_run_seed(seed, &options, result);
    if (result->failed)
        return false;
    if (!arguments->twice)
        return true;
    sim_run_seed(seed, &options, &again);
    if (again.trace_hash == result->trace_hash && again.events == result->events)
        return true;
    printf("invariant 9: seed %" PRIu64 " gives two traces\n", seed);
    return false;
}

static int run_seeds(const struct arguments *arguments)
{
    struct sim_result sum = {0};
    uint64_t failed = 0;
    for (uint64_t i = 0; i < arguments->seeds; i++) {
        struct sim_result result;
        uint64_t seed = arguments->seed + i;
        bool good = run_one(seed, arguments, &result);
        if (!good && ++failed <= 5 && result.failed)
            report(seed, arguments);
        sum.events += result.events;
        sum.uploads += result.uploads;
        sum.virtual_ms += result.virtual_ms;
    }
    printf("%" PRIu64 " seeds, %" PRIu64 " failed, %" PRIu64 " uploads, %" PRIu64
           " events, %.4f simulated years\n",
           arguments->seeds, failed, sum.uploads, sum.events, (double)sum.virtual_ms / MS_A_YEAR);
    return failed == 0 ? 0 : 1;
}

/* ---- planted bugs ---- */

/* In a process of its own, since an assertion may be what catches it. Its status: 0 survived. */
static void hunt(const char *plant, const struct arguments *arguments)
{
    sim_plant_set(plant);
    for (uint64_t i = 0; i < arguments->seeds; i++) {
        struct sim_options options = {.quiet = true, .only = SIM_GROUPS_ALL};
        struct sim_result result;
        now_seed = arguments->seed + i;
        sim_run_seed(now_seed, &options, &result);
        if (!result.failed)
            continue;
        printf("%-24s caught by seed %" PRIu64 ": %s\n", plant, now_seed, result.failure);
        (void)fflush(stdout);
        _exit(1);
    }
    printf("%-24s NOT CAUGHT in %" PRIu64 " seeds\n", plant, arguments->seeds);
    (void)fflush(stdout);
    _exit(0);
}

static int run_plants(const struct arguments *arguments)
{
    size_t survived = 0;
    for (size_t i = 0; i < sim_plants_count; i++) {
        int status = 0;
        (void)fflush(stdout);
        pid_t child = fork();
        if (child == 0)
            hunt(sim_plants[i], arguments);
        if (child < 0 || waitpid(child, &status, 0) != child)
            return 2;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            survived++;
        else if (!WIFEXITED(status) || WEXITSTATUS(status) != 1)
            printf("%-24s caught by that assertion\n", sim_plants[i]);
    }
    printf("%zu planted bugs, %zu not caught\n", sim_plants_count, survived);
    return survived == 0 ? 0 : 1;
}

/* ---- arguments ---- */

static bool number(const char *text, uint64_t *out)
{
    char *end = NULL;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0';
}

static bool parse(int argc, char **argv, struct arguments *arguments)
{
    bool has_seeds = false;
    *arguments = (struct arguments){.seeds = DEFAULT_SEEDS, .seed = 1};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--trace") == 0) {
            arguments->trace = true;
            continue;
        }
        if (strcmp(argv[i], "--twice") == 0) {
            arguments->twice = true;
            continue;
        }
        i++;
        if (strcmp(argv[i - 1], "--seeds") == 0 && number(value, &arguments->seeds))
            has_seeds = true;
        else if (strcmp(argv[i - 1], "--seed") == 0 && number(value, &arguments->seed))
            arguments->has_seed = true;
        else if (strcmp(argv[i - 1], "--plant") == 0 && value[0] != '\0')
            arguments->plant = value;
        else
            return false;
    }
    if (arguments->has_seed && !has_seeds)
        arguments->seeds = 1;
    if (arguments->plant != NULL && !has_seeds && !arguments->has_seed)
        arguments->seeds = PLANT_SEEDS;
    return true;
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    if (!parse(argc, argv, &arguments)) {
        (void)fputs(usage, stderr);
        return 2;
    }
    (void)signal(SIGABRT, say_seed);
#ifdef RH_PLANT
    if (arguments.plant != NULL && strcmp(arguments.plant, "all") == 0)
        return run_plants(&arguments);
    if (arguments.plant != NULL && !sim_plant_known(arguments.plant)) {
        (void)fprintf(stderr, "no such bug: %s\n", arguments.plant);
        return 2;
    }
    sim_plant_set(arguments.plant);
#else
    (void)run_plants;
    if (arguments.plant != NULL) {
        (void)fprintf(stderr, "--plant needs reelhaul-sim-planted\n");
        return 2;
    }
#endif
    return run_seeds(&arguments);
}
