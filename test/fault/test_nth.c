/* SPDX-License-Identifier: MIT */
/*
 * The n-th allocation, and the n-th system call in every way it can fail, for every n: a whole life
 * of a data directory (life.h) on the real store and SQLite, from opening to closing. Each case is
 * a process of its own. It may
 *
 *   - go on: the request under way is answered with an error (or its connection closed) or as if
 *     nothing had happened, to the byte; sent again it succeeds; nothing leaks;
 *   - end, by one of the two deliberate ways: out of memory inside the vault (status 71), or what
 *     serve does when the catalog cannot be made durable.
 *
 * Anything else is a bug. Then the directory is opened anew without faults: what was acknowledged
 * is there and equal, and the sender, going on, completes everything.
 *
 * The scenes do the same to the opening of a directory that is not as it was left: yesterday's
 * catalog beside today's files, none at all, one to be repaired (generation.h, check.h). What was
 * acknowledged is there afterwards, whatever failed.
 *
 *   test_nth memory|calls [STRIDE [SCENE]]   every STRIDE-th n (1: all; the first differs by kind)
 *   test_nth CALL FLAVOUR N [SCENE]          one case, in this process, for a debugger
 */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "inject.h"
#include "life.h"
#include "vault/generation.h"

#define STEPS_MAX 64

enum { ENDS_WELL = 0, ENDS_REFUSED = 3, ENDS_FATAL = 4, ENDS_BADLY = 5 };

/* What the child leaves. */
struct shared {
    struct life_facts facts;
    int in_vault;
    bool struck;
    int64_t blocks;
    uint64_t bad_closes;
    int descriptors;
};

static struct shared *shared;
static char directory[256];
static struct receiver receiver;
/* What every answer is when nothing fails. */
static char golden[STEPS_MAX][RECEIVER_ANSWER_BYTES];
static size_t golden_size[STEPS_MAX];
static bool makes_golden;
static bool struck_before;

static void enter_vault(void)
{
    shared->in_vault++;
}

static void leave_vault(void)
{
    shared->in_vault--;
}

/* A directory that is not as it was left. */
struct scene {
    const char *name;
    unsigned yesterday; /* steps of the life until its catalog is kept; 0: it is not */
    unsigned today;     /* steps in all */
    const char *harm;   /* shell's words, run in the directory */
    bool repair;
};

static const struct scene scenes[] = {
    {"older", 5, 21, "cp ../yesterday reelhaul.db", false},
    {"older-waiting", 3, 6, "cp ../yesterday reelhaul.db", false},
    /* The witness has lost what yesterday's catalog knows of it. */
    {"older-damaged", 6, 12,
     "cp ../yesterday reelhaul.db; printf x | dd of=reelhaul.witness bs=1 seek=300 conv=notrunc "
     "status=none",
     false},
    {"unwitnessed", 0, 21, "rm reelhaul.witness", false},
    {"copied", 0, 12, "cp reelhaul.witness w; mv w reelhaul.witness", false},
    {"rebuilt", 0, 21, "rm reelhaul.db", false},
    {"rebuilt-waiting", 0, 6, "rm reelhaul.db", false},
    {"rebuilt-blind", 0, 12, "rm reelhaul.witness; cp reelhaul.db reelhaul.db.rebuild", false},
    {"repaired", 0, 21,
     "echo x >incoming/left; mkdir -p uploaded_data/a/b/temp/shard_0000; "
     "echo y >uploaded_data/a/b/temp/shard_0000/0.part",
     true},
};
static const struct scene *scene; /* NULL: a whole life */
static struct life_facts told;    /* until then */

static const struct receiver_hooks hooks = {enter_vault, leave_vault, fault_pause, fault_resume};

static int descriptors(void)
{
    int count = 0;
    DIR *listing = opendir("/proc/self/fd");
    while (listing != NULL && readdir(listing) != NULL)
        count++;
    if (listing != NULL)
        closedir(listing);
    return count;
}

/* ---- answers as they should be ---- */

static void before(unsigned step)
{
    (void)step;
    struck_before = fault_has_struck();
}

/* An answer of success in spite of a fault leaves nothing out. */
static void after(unsigned step, const struct receiver *r)
{
    RH_ASSERT(step < STEPS_MAX);
    if (makes_golden) {
        memcpy(golden[step], r->answer, r->answer_size);
        golden_size[step] = r->answer_size;
        return;
    }
    if (struck_before || !fault_has_struck() || r->status == 0 || r->status >= 400 ||
        r->status == 202)
        return;
    if (r->answer_size == golden_size[step] && memcmp(r->answer, golden[step], r->answer_size) == 0)
        return;
    /* What is done behind the scenes may be done later. */
    struct rh_bytes state = receiver_header(r, "Reelhaul-State");
    if (rh_bytes_equal_str(state, "finishing") || rh_bytes_equal_str(state, "open"))
        return;
    int same = 0;
    while (r->answer[same] == golden[step][same])
        same++;
    snprintf(shared->facts.problem, sizeof shared->facts.problem,
             "step %u is answered otherwise at %d: %.150s", step, same, r->answer + same);
}

static const struct life_watch watch = {before, after};

/* ---- one life ---- */

/* As serve does; and what its operator does where it says that the catalog is gone. */
static enum rh_error open_generation(struct rh_catalog **catalog)
{
    struct rh_opening opening = {.repair = scene->repair};
    bool is_blind = strcmp(scene->name, "rebuilt-blind") == 0;
    enum rh_error error =
        is_blind ? RH_ERR_UNKNOWN : rh_generation_open(catalog, directory, &opening);
    if (error == RH_ERR_UNKNOWN) {
        opening = (struct rh_opening){0};
        error = rh_generation_rebuild(directory, &opening);
        if (error == RH_OK)
            error = rh_generation_open(catalog, directory, &opening);
    }
    return error;
}

static enum rh_error open_catalog(struct rh_catalog **catalog)
{
    char path[300];
    if (scene != NULL)
        return open_generation(catalog);
    snprintf(path, sizeof path, "%s/reelhaul.db", directory);
    return rh_catalog_sqlite_open(catalog, path);
}

static int live(struct life_facts *facts,
                bool (*check)(struct receiver *, struct life_facts *, const char *))
{
    struct rh_store *store = NULL;
    struct rh_catalog *catalog = NULL;
    int end = ENDS_REFUSED;
    if (rh_store_files_open(&store, directory) == RH_OK && open_catalog(&catalog) == RH_OK) {
        receiver_init(&receiver, catalog, store, &hooks);
        receiver.seed = 1;
        if (receiver_start(&receiver) == RH_OK) {
            bool good = !receiver.fatal && (check == NULL || check(&receiver, facts, directory)) &&
                        life_run(&receiver, facts, check == NULL ? &watch : NULL) &&
                        (check == NULL || life_check_end(&receiver, facts, directory));
            end = good ? ENDS_WELL : receiver.fatal ? ENDS_FATAL : ENDS_BADLY;
        }
        receiver_stop(&receiver);
    }
    if (catalog != NULL)
        catalog->ops->close(catalog);
    if (store != NULL)
        store->ops->close(store);
    return facts->problem[0] != '\0' ? ENDS_BADLY : end;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *ftw)
{
    (void)status;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static void clean(void)
{
    (void)nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    RH_ASSERT(mkdir(directory, 0700) == 0);
    memset(shared, 0, sizeof *shared);
}

static void shell(const char *words)
{
    char line[1024];
    snprintf(line, sizeof line, "cd %s && { %s; }", directory, words);
    RH_ASSERT(system(line) == 0); /* NOLINT(cert-env33-c) */
}

static void begin(unsigned steps)
{
    struct rh_opening opening = {0};
    struct rh_store *store = NULL;
    struct rh_catalog *catalog = NULL;
    RH_ASSERT(rh_store_files_open(&store, directory) == RH_OK);
    RH_ASSERT(rh_generation_open(&catalog, directory, &opening) == RH_OK);
    receiver_init(&receiver, catalog, store, &hooks);
    receiver.seed = 1;
    RH_ASSERT(receiver_start(&receiver) == RH_OK);
    RH_ASSERT(life_begin(&receiver, &shared->facts, steps));
    receiver_stop(&receiver);
    catalog->ops->close(catalog);
    store->ops->close(store);
}

static void make_scene(const struct scene *which)
{
    scene = which;
    clean();
    shell("rm -rf ../yesterday ../model");
    if (scene->yesterday > 0) {
        begin(scene->yesterday);
        shell("cp reelhaul.db ../yesterday");
    }
    begin(scene->today);
    shell(scene->harm);
    shell("cp -a . ../model");
    told = shared->facts;
}

/* As each case finds it. */
static void set_scene(void)
{
    clean();
    if (scene == NULL)
        return;
    shell("cp -a ../model/. .");
    shared->facts = told;
    shared->in_vault = 1; /* out of memory is as deliberate there */
}

static int faulty_opening(void)
{
    struct rh_catalog *catalog = NULL;
    if (open_catalog(&catalog) != RH_OK)
        return ENDS_REFUSED;
    catalog->ops->close(catalog);
    return ENDS_WELL;
}

static int faulty_life(uint32_t calls, uint64_t nth, int error)
{
    int64_t blocks = fault_blocks();
    int open_before = descriptors();
    fault_arm(calls, nth, error, NULL);
    int end = scene != NULL ? faulty_opening() : live(&shared->facts, NULL);
    (void)fault_disarm();
    shared->struck = fault_has_struck();
    shared->blocks = fault_blocks() - blocks;
    shared->bad_closes = fault_bad_closes();
    shared->descriptors = descriptors() - open_before;
    return end;
}

/* ---- cases ---- */

struct tally {
    unsigned cases;
    unsigned ends[6];
    unsigned memory;
    unsigned failed;
};

static void complain(enum fault_call call, int error, uint64_t nth, int status, const char *what)
{
    printf("FAILED: %s %d, n %llu (wait status %d): %s\n", fault_names[call], error,
           (unsigned long long)nth, status, what);
    fflush(stdout);
}

static const char *judge_end(int status, struct tally *tally)
{
    if (!WIFEXITED(status))
        return "killed by a signal: a broken invariant, or worse";
    int code = WEXITSTATUS(status);
    if (code == RH_EXIT_MEMORY) {
        tally->memory++;
        shared->struck = true;
        return shared->in_vault > 0 ? NULL : "out of memory ends the process outside the vault";
    }
    if (code != ENDS_WELL && code != ENDS_REFUSED && code != ENDS_FATAL && code != ENDS_BADLY)
        return "an exit nobody knows (a sanitizer's?)";
    tally->ends[code]++;
    if (code == ENDS_BADLY)
        return shared->facts.problem;
    if (shared->blocks != 0)
        return "memory leaks";
    if (shared->descriptors != 0)
        return "descriptors leak";
    return shared->bad_closes != 0 ? "something is closed twice" : NULL;
}

#ifdef FAULT_COUNTS_BRANCHES
extern void __gcov_dump(void);

/* The vault's way out where memory is gone, and a child's: what it reached counts. */
void _exit(int status)
{
    (void)fault_disarm();
    __gcov_dump();
    (void)syscall(SYS_exit_group, status);
    __builtin_unreachable();
}
#endif

/* False: nothing struck any more. */
static bool one_case(enum fault_call call, int error, uint64_t nth, struct tally *tally)
{
    int status = 0;
    set_scene();
    fflush(stdout);
    pid_t child = fork();
    RH_ASSERT(child >= 0);
    if (child == 0)
        _exit(faulty_life(FAULT_BIT(call), nth, error));
    RH_ASSERT(waitpid(child, &status, 0) == child);
    const char *what = judge_end(status, tally);
    tally->cases++;
    if (what == NULL) {
        shared->in_vault = 0;
        if (live(&shared->facts, life_check) != ENDS_WELL)
            what = shared->facts.problem[0] != '\0' ? shared->facts.problem
                                                    : "it does not start again";
    }
    if (what != NULL) {
        complain(call, error, nth, status, what);
        tally->failed++;
    }
    return shared->struck || what != NULL;
}

static void all_cases(enum fault_call call, unsigned stride, struct tally *tally)
{
    for (int i = 0; i < FAULT_FLAVOURS && fault_flavours[call][i] != 0; i++) {
        uint64_t nth = 1 + ((unsigned)call + (unsigned)i) % stride;
        /* In strides each way of failing is tried in every third scene alone. */
        if (scene != NULL && stride > 16 &&
            ((unsigned)(scene - scenes) + call + (unsigned)i) % 3 != 0)
            continue;
        /* What a medium does not give is asked of the sender again: so a check takes it as gone. */
        if (scene != NULL && call == FAULT_READ && fault_flavours[call][i] == EIO)
            continue;
        while (one_case(call, fault_flavours[call][i], nth, tally) && tally->failed < 20)
            nth += stride;
        printf("%s%s%s %d: every n up to %llu\n", scene != NULL ? scene->name : "",
               scene != NULL ? ", " : "", fault_names[call], fault_flavours[call][i],
               (unsigned long long)nth);
    }
}

static void make_golden(void)
{
    /* Twice: what libraries allocate once and for all is no leak. */
    for (int i = 0; i < 2; i++) {
        clean();
        makes_golden = true;
        int end = faulty_life(FAULT_ALL_MEMORY, 0, 0);
        makes_golden = false;
        if (end != ENDS_WELL)
            printf("without faults: %d %s\n", end, shared->facts.problem);
        RH_ASSERT(end == ENDS_WELL);
        RH_ASSERT(i == 0 || shared->blocks == 0);
        RH_ASSERT(shared->descriptors == 0);
        RH_ASSERT(live(&shared->facts, life_check) == ENDS_WELL);
    }
}

static int debug(const char *name, int flavour, uint64_t nth)
{
    for (unsigned i = 1; i < FAULT_CALLS; i++) {
        if (strcmp(fault_names[i], name) != 0)
            continue;
        set_scene();
        int end = faulty_life(FAULT_BIT(i), nth, fault_flavours[i][flavour]);
        printf("%d, %lld blocks, %d descriptors, %s\n", end, (long long)shared->blocks,
               shared->descriptors, shared->facts.problem);
        if (end != ENDS_BADLY)
            end = live(&shared->facts, life_check);
        printf("again: %d %s\n", end, shared->facts.problem);
        return end;
    }
    return 2;
}

static void all_kinds(bool memory, unsigned stride, struct tally *tally)
{
    static const enum fault_call calls[] = {
        FAULT_OPEN,   FAULT_READ,  FAULT_WRITE, FAULT_SYNC,      FAULT_TRUNCATE, FAULT_RENAME,
        FAULT_UNLINK, FAULT_MKDIR, FAULT_STAT,  FAULT_FALLOCATE, FAULT_CLOSE};
    if (memory)
        all_cases(FAULT_MALLOC, stride, tally);
    for (size_t i = 0; !memory && i < sizeof calls / sizeof calls[0]; i++)
        all_cases(calls[i], stride, tally);
}

/* Not so often where all scenes are gone through: an opening makes the same calls in most. */
static unsigned stride_of_scenes(bool memory, unsigned stride, bool is_asked_for)
{
    unsigned times = memory ? 16 : 4;
#ifdef FAULT_COUNTS_BRANCHES
    is_asked_for |= !memory;
#endif
    return is_asked_for ? stride : times * stride;
}

static bool is_asked(const char *name, const char *asked)
{
    return asked == NULL || strcmp(name, asked) == 0;
}

static int run(int argc, char **argv)
{
    struct tally tally = {0};
    bool is_one = argc > 3 && strcmp(argv[1], "memory") != 0 && strcmp(argv[1], "calls") != 0;
    const char *asked = argc > (is_one ? 4 : 3) ? argv[is_one ? 4 : 3] : NULL;
    unsigned stride = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    bool memory = argc > 1 && strcmp(argv[1], "memory") == 0;
    make_golden();
    if (is_one && asked == NULL)
        return debug(argv[1], atoi(argv[2]), strtoull(argv[3], NULL, 10));
    if (is_asked("life", asked))
        all_kinds(memory, stride, &tally);
    for (size_t i = 0; i < sizeof scenes / sizeof scenes[0]; i++) {
        if (!is_asked(scenes[i].name, asked))
            continue;
        make_scene(&scenes[i]);
        if (is_one)
            return debug(argv[1], atoi(argv[2]), strtoull(argv[3], NULL, 10));
        all_kinds(memory, stride_of_scenes(memory, stride, asked != NULL), &tally);
    }
    printf("%u cases: %u went on, %u did not start, %u ended for the catalog, %u for memory; "
           "%u failed\n",
           tally.cases, tally.ends[ENDS_WELL], tally.ends[ENDS_REFUSED], tally.ends[ENDS_FATAL],
           tally.memory, tally.failed);
    return tally.failed != 0;
}

int main(int argc, char **argv)
{
    /* Memory, where there is some to write on: a sync on a disk would be most of the time. */
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : getenv("TMPDIR");
    char place[200];
    snprintf(place, sizeof place, "%s/reelhaul-nth-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(place) == NULL) {
        perror(place);
        return 2;
    }
    snprintf(directory, sizeof directory, "%s/data", place);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    RH_ASSERT(shared != MAP_FAILED);
    int status = run(argc, argv);
    (void)nftw(place, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return status;
}
