/* SPDX-License-Identifier: MIT */
/*
 * Crash consistency of the real store and the real catalog: every state that a crash may leave,
 * recovered and checked. docs/internals/crash.md says what is modelled and what is not.
 */
#include <errno.h>
#include <getopt.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "explore.h"
#include "scenarios.h"
#include "shim.h"

#define JOBS_MAX    256
#define WORKERS_MAX 64

static const char usage[] =
    "Usage: reelhaul-crash [options]\n"
    "  --states N      at most so many states at each crash point, the rest is sampled\n"
    "                  (default 48; 0: all subsets of up to 12 pending operations)\n"
    "  --schedules N   orders of execution of each scenario (default 3; the first: oldest first)\n"
    "  --schedule S    only this one\n"
    "  --scenario NAME only this one\n"
    "  --sabotage NAME drop some syncs: problems are expected\n"
    "  --prove         every sabotage must be seen\n"
    "  --seed S        of what is sampled (default 1)\n"
    "  --workers N     processes (default: one for each processor)\n"
    "  --list          scenarios and sabotages\n";

struct settings {
    struct explore_options explore;
    unsigned schedules;
    int schedule; /* -1: all */
    const char *scenario;
    enum shim_sabotage sabotage;
    unsigned workers;
    bool prove;
    char place[IMAGE_PATH - 640];
};

struct job {
    const struct scenario *scenario;
    unsigned schedule;
    enum shim_sabotage sabotage;
};

/* Between the processes. */
struct shared {
    atomic_size_t next;
    atomic_bool stop;
    struct job_result {
        bool ended;
        size_t operations;
        struct explore_counts counts;
        char problem[1024];
    } results[JOBS_MAX];
    char watched[WORKERS_MAX][256];
    size_t under_way[WORKERS_MAX];
};

static struct job jobs[JOBS_MAX];
static size_t job_count;
static struct shared *shared;
static size_t self; /* number of this worker */
static int checkpoint_pages;

/* ---- One scenario ---- */

static void watch(const char *what)
{
    snprintf(shared->watched[self], sizeof shared->watched[self], "%s", what);
}

/* On every database that is opened: small ones see checkpoints too. */
static int on_open(sqlite3 *database, char **message, const void *api)
{
    (void)message;
    (void)api;
    if (checkpoint_pages > 0)
        sqlite3_wal_autocheckpoint(database, checkpoint_pages);
    return SQLITE_OK;
}

static void record(struct world *w, struct tape *tape, const struct scenario *scenario)
{
    char why[IMAGE_PATH + 128];
    w->tape = tape;
    if (scenario->prepare != NULL)
        scenario->prepare(w);
    shim_record(tape);
    scenario->run(w);
    shim_record(NULL);
    if (w->problem[0] == '\0' &&
        !image_equals(&tape->names, &tape->live, w->root, shim_ignores, why, sizeof why))
        world_problem(w, "the tape is not the whole truth: %.400s", why);
    w->tape = NULL;
    world_close(w);
}

/* What is there before the first operation. */
static void begin(struct tape *tape, const struct scenario *scenario, const char *root)
{
    struct image_names names = {0};
    struct image image;
    char path[IMAGE_PATH];
    if (scenario->golden == NULL) {
        tape_init(tape, root, NULL, NULL, false);
        return;
    }
    snprintf(path, sizeof path, "%s/%s", CRASH_GOLDEN, scenario->golden);
    if (!image_read(&names, &image, path, "data") || !image_build(&names, &image, root)) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(2);
    }
    tape_init(tape, root, &names, &image, false);
    image_names_finish(&names);
    image_finish(&image);
}

static void run_job(const struct settings *settings, const struct job *job,
                    struct job_result *result)
{
    static struct world w;
    struct tape tape;
    struct explore x = {.options = &settings->explore,
                        .of = &w,
                        .tape = &tape,
                        .watch = watch,
                        .stop = &shared->stop};
    struct explore_options options = settings->explore;
    char label[128];
    char root[IMAGE_PATH - 400];
    snprintf(label, sizeof label, "%s, schedule %u%s%s", job->scenario->name, job->schedule,
             job->sabotage != SHIM_HONEST ? ", sabotage " : "",
             job->sabotage != SHIM_HONEST ? shim_sabotage_name(job->sabotage) : "");
    x.label = label;
    options.verify = job->scenario->verify;
    x.options = &options;
    watch(label);
    snprintf(x.place, sizeof x.place, "%s/%zu", settings->place, self);
    snprintf(root, sizeof root, "%s/recorded", x.place);
    if ((mkdir(x.place, 0700) != 0 && errno != EEXIST) ||
        (mkdir(root, 0700) != 0 && errno != EEXIST) || !image_clear(root)) {
        fprintf(stderr, "%s: %s\n", root, strerror(errno));
        exit(2);
    }
    checkpoint_pages = job->scenario->checkpoint_pages;
    sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, 1, NULL);
    shim_sabotage(job->sabotage);
    world_init(&w, root, job->schedule);
    begin(&tape, job->scenario, root);
    record(&w, &tape, job->scenario);
    result->operations = tape.count;
    if (w.problem[0] != '\0') {
        x.counts.problems = 1;
        snprintf(x.first_problem, sizeof x.first_problem, "%s", w.problem);
        if (!options.is_quiet)
            printf("FAILED %s, without a crash: %s\n", label, w.problem);
    } else {
        explore_run(&x);
    }
    result->counts = x.counts;
    memcpy(result->problem, x.first_problem, sizeof result->problem);
    result->ended = true;
    if (settings->prove && x.counts.problems > 0)
        atomic_store(&shared->stop, true);
    shim_sabotage(SHIM_HONEST);
    world_finish(&w);
    tape_finish(&tape);
    fflush(stdout);
}

/* ---- All of them ---- */

static void work(const struct settings *settings)
{
    (void)sqlite3_auto_extension((void (*)(void))on_open);
    for (;;) {
        size_t number = atomic_fetch_add(&shared->next, 1);
        if (number >= job_count || atomic_load(&shared->stop))
            break;
        shared->under_way[self] = number;
        run_job(settings, &jobs[number], &shared->results[number]);
    }
    fflush(stdout);
    sqlite3_reset_auto_extension();
}

static pid_t start_worker(const struct settings *settings, size_t number)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        self = number;
        work(settings);
        exit(0);
    }
    return pid;
}

/* A worker that died took a state with it that nothing may die of. */
static void worker_died(size_t number)
{
    struct job_result *result = &shared->results[shared->under_way[number]];
    snprintf(result->problem, sizeof result->problem, "the program died");
    result->counts.problems = 1;
    result->ended = true;
    printf("FAILED the program died: %s\n", shared->watched[number]);
}

static void run_jobs(const struct settings *settings)
{
    pid_t pids[WORKERS_MAX];
    size_t running = settings->workers;
    atomic_store(&shared->next, 0);
    atomic_store(&shared->stop, false);
    memset(shared->results, 0, sizeof shared->results);
    for (size_t i = 0; i < settings->workers; i++)
        pids[i] = start_worker(settings, i);
    while (running > 0) {
        int status = 0;
        pid_t pid = wait(&status);
        for (size_t i = 0; i < settings->workers; i++) {
            if (pids[i] != pid)
                continue;
            running--;
            if (status == 0)
                continue;
            worker_died(i);
            if (atomic_load(&shared->next) >= job_count)
                continue;
            pids[i] = start_worker(settings, i);
            running++;
        }
    }
}

/* Whether a sabotage is told to be seen there: then nothing else is asked. */
static bool is_seen_by_another(const struct scenario *scenario, enum shim_sabotage sabotage)
{
    for (size_t i = 0; i < scenario_count && sabotage != SHIM_HONEST; i++)
        if (scenarios[i].sees == sabotage && &scenarios[i] != scenario)
            return true;
    return false;
}

static void add_jobs(const struct settings *settings, enum shim_sabotage sabotage)
{
    for (unsigned schedule = 0; schedule < settings->schedules; schedule++) {
        for (size_t i = 0; i < scenario_count; i++) {
            if ((settings->scenario != NULL &&
                 strcmp(settings->scenario, scenarios[i].name) != 0) ||
                (settings->schedule >= 0 && settings->schedule != (int)schedule) ||
                (settings->prove && is_seen_by_another(&scenarios[i], sabotage)))
                continue;
            RH_ASSERT(job_count < JOBS_MAX);
            jobs[job_count++] = (struct job){&scenarios[i], schedule, sabotage};
        }
    }
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int run_all(const struct settings *settings)
{
    struct explore_counts all = {0};
    size_t failed = 0;
    double began_s = now_s();
    add_jobs(settings, settings->sabotage);
    run_jobs(settings);
    for (size_t i = 0; i < job_count; i++) {
        const struct job_result *result = &shared->results[i];
        const struct explore_counts *c = &result->counts;
        printf("%-16s %u: %4zu operations, %3zu points (%3zu whole, %2zu pending at most), "
               "%6zu states (%5zu in recovery)%s%s\n",
               jobs[i].scenario->name, jobs[i].schedule, result->operations, c->points,
               c->points_whole, c->pending_max, c->states, c->nested,
               c->problems > 0 ? "  FAILED: " : "", result->problem);
        failed += c->problems > 0 || !result->ended;
        all.points += c->points;
        all.points_whole += c->points_whole;
        all.states += c->states;
        all.nested += c->nested;
        all.same += c->same;
    }
    double passed_s = now_s() - began_s;
    printf("%zu states, %zu of them crashed in recovery, at %zu points (%zu with all subsets), "
           "%zu seen before; %zu of %zu runs failed; %.1f s, %.0f states a second\n",
           all.states, all.nested, all.points, all.points_whole, all.same, failed, job_count,
           passed_s, (double)all.states / passed_s);
    return failed > 0 || job_count == 0;
}

/* Each sabotage on its own, over all scenarios, until one sees it. */
static int prove(struct settings *settings)
{
    int missed = 0;
    settings->explore.problems_max = 1;
    settings->explore.is_quiet = true;
    for (enum shim_sabotage which = SHIM_HONEST + 1; which < SHIM_SABOTAGES; which++) {
        size_t states = 0;
        size_t seen = SIZE_MAX;
        double began_s = now_s();
        job_count = 0;
        add_jobs(settings, which);
        run_jobs(settings);
        for (size_t i = 0; i < job_count; i++) {
            states += shared->results[i].counts.states;
            if (seen == SIZE_MAX && shared->results[i].counts.problems > 0)
                seen = i;
        }
        if (seen == SIZE_MAX)
            printf("MISSED %s in %zu states\n", shim_sabotage_name(which), states);
        else
            printf("seen: %-22s after %5zu states, %4.1f s, in %s: %s\n", shim_sabotage_name(which),
                   states, now_s() - began_s, jobs[seen].scenario->name,
                   shared->results[seen].problem);
        fflush(stdout);
        missed += seen == SIZE_MAX;
    }
    printf("%d of %d sabotages seen\n", SHIM_SABOTAGES - 1 - missed, SHIM_SABOTAGES - 1);
    return missed > 0;
}

/* ---- Options ---- */

static int list(void)
{
    for (size_t i = 0; i < scenario_count; i++)
        printf("scenario %s\n", scenarios[i].name);
    for (enum shim_sabotage which = SHIM_HONEST + 1; which < SHIM_SABOTAGES; which++)
        printf("sabotage %s\n", shim_sabotage_name(which));
    exit(0);
}

static int bad_usage(void)
{
    fputs(usage, stderr);
    exit(2);
}

static void take_sabotage(struct settings *s, const char *name)
{
    for (enum shim_sabotage which = SHIM_HONEST; which < SHIM_SABOTAGES; which++) {
        if (strcmp(name, shim_sabotage_name(which)) != 0)
            continue;
        s->sabotage = which;
        return;
    }
    bad_usage();
}

static void take_option(struct settings *s, int option, const char *value)
{
    unsigned long number = value != NULL ? strtoul(value, NULL, 10) : 0;
    switch (option) {
    case 'n':
        s->explore.point_states_max = number;
        return;
    case 'o':
        s->schedules = (unsigned)number;
        return;
    case 'O':
        s->schedule = (int)number;
        s->schedules = (unsigned)number + 1;
        return;
    case 'c':
        s->scenario = value;
        return;
    case 'b':
        take_sabotage(s, value);
        return;
    case 'p':
        s->prove = true;
        return;
    case 's':
        s->explore.seed = number;
        return;
    case 'w':
        s->workers = number < 1 ? 1 : number > WORKERS_MAX ? WORKERS_MAX : (unsigned)number;
        return;
    case 'l':
        list();
        return;
    default:
        bad_usage();
    }
}

static void take_options(struct settings *s, int argc, char **argv)
{
    static const struct option options[] = {
        {"states", required_argument, NULL, 'n'},   {"schedules", required_argument, NULL, 'o'},
        {"schedule", required_argument, NULL, 'O'}, {"scenario", required_argument, NULL, 'c'},
        {"sabotage", required_argument, NULL, 'b'}, {"prove", no_argument, NULL, 'p'},
        {"seed", required_argument, NULL, 's'},     {"workers", required_argument, NULL, 'w'},
        {"list", no_argument, NULL, 'l'},           {0},
    };
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    *s = (struct settings){
        .explore = {.exhaustive_max = 12,
                    .point_states_max = 48,
                    .torn_max = 12,
                    .nested_every = 32,
                    .nested_states = 2,
                    .problems_max = 3,
                    .seed = 1},
        .schedules = 3,
        .schedule = -1,
        .workers = processors < 1   ? 1
                   : processors > 8 ? 8
                                    : (unsigned)processors,
    };
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        take_option(s, option, optarg);
    if (optind != argc)
        bad_usage();
}

int main(int argc, char **argv)
{
    static struct settings settings;
    char place[64];
    take_options(&settings, argc, argv);
    /* In memory where there is such a place: nothing here needs a medium, it is modelled. */
    snprintf(place, sizeof place, "%s/reelhaul-crash-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(place) == NULL || realpath(place, settings.place) == NULL) {
        fprintf(stderr, "%s: %s\n", place, strerror(errno));
        return 2;
    }
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    RH_ASSERT(shared != MAP_FAILED);
    int status = settings.prove ? prove(&settings) : run_all(&settings);
    if (image_clear(settings.place))
        rmdir(settings.place);
    return status;
}
