/* SPDX-License-Identifier: MIT */
/* `reelhaul fsck`: the rules are vault/check.h's and vault/generation.h's; here is what people see.
 * Looking changes nothing at all: the catalog is copied and the copy is opened. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/care.h"
#include "vault/catalog_copy.h"
#include "vault/files.h"
#include "vault/generation.h"

static const char help[] =
    "Usage: reelhaul fsck [flags] DATA\n"
    "\n"
    "Checks a data directory: every row of the catalog against its file, every file against the\n"
    "rows. Changes nothing unless told to. The server must not be running; to check without\n"
    "stopping it, check a copy: reelhaul backup DATA DEST && reelhaul fsck DEST.\n"
    "\n"
    "  --repair    correct the rows by what the files prove; files that no row needs go to\n"
    "              DATA/aside/. Nothing is deleted, no file is overwritten\n"
    "  --rebuild   make the catalog anew from the files and the witness; the old one is kept\n"
    "              as reelhaul.db.aside-N\n"
    "  --quick     do not read the bytes of finished recordings, compare sizes alone\n"
    "  --json      one JSON object instead of text\n"
    "\n"
    "After --repair or --rebuild a new server generation begins where rows changed: senders ask\n"
    "what is there before they trust what they were told.\n"
    "\n"
    "Exit status, added up: 0 clean, 1 corrected, 4 problems are left, 8 could not be checked\n"
    "(in use, no room, not a data directory), 16 wrong usage.\n";

enum mode { LOOK, REPAIR, REBUILD };

struct fsck {
    const char *data;
    enum mode mode;
    bool quick;
    bool json;
    json_t *findings; /* --json */
    uint64_t early_problems;
    int lock;
    char complaint[PATH_MAX + 512];
};

/* ---- What was found ---- */

static const char *weight_name(enum rh_weight weight)
{
    return weight == RH_FOUND_NOTE ? "note" : weight == RH_FOUND_REPAIRED ? "corrected" : "problem";
}

static void found(void *context, const struct rh_finding *finding)
{
    struct fsck *f = context;
    if (f->json) {
        (void)json_array_append_new(
            f->findings,
            json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?}", "weight", weight_name(finding->weight),
                      "kind", finding->kind, "text", finding->text, "path", finding->path, "upload",
                      finding->upload, "advice", finding->advice));
        return;
    }
    printf("%s: %s%s%s\n", weight_name(finding->weight), finding->path,
           finding->path[0] != '\0' ? ": " : "", finding->text);
    if (finding->upload[0] != '\0')
        printf("    upload %s\n", finding->upload);
    if (finding->advice != NULL)
        printf("    -> %s\n", finding->advice);
}

static void problem(struct fsck *f, const char *kind, const char *path, const char *text,
                    const char *advice)
{
    struct rh_finding finding = {.weight = RH_FOUND_PROBLEM,
                                 .kind = kind,
                                 .text = text,
                                 .advice = advice,
                                 .path = path,
                                 .upload = ""};
    f->early_problems++;
    found(f, &finding);
}

static const char *opened_text(enum rh_opened opened)
{
    switch (opened) {
    case RH_OPENED_OLDER:
        return "the catalog is older than what was acknowledged: a server that starts here brings "
               "it up to the files first";
    case RH_OPENED_COPIED:
        return "this is a copy of a data directory: a server that starts here begins a new "
               "generation";
    case RH_OPENED_UNWITNESSED:
        return "the catalog came without its witness (a backup, or data of an older version): a "
               "server that starts here checks it against the files first";
    case RH_OPENED_NEW:
    case RH_OPENED_SAME:
        break;
    }
    return NULL;
}

static int finish(struct fsck *f, const struct rh_opening *opening)
{
    const struct rh_check_totals *t = &opening->totals;
    uint64_t problems = t->problems + f->early_problems + opening->early_problems;
    int status = (t->repaired > 0 || f->mode == REBUILD ? RH_CARE_REPAIRED : 0) |
                 (problems > 0 ? RH_CARE_PROBLEMS : 0);
    const char *words = problems > 0 ? "problems" : status != 0 ? "corrected" : "clean";
    if (f->json) {
        json_t *all = json_pack(
            "{s:s, s:{s:I, s:I, s:I, s:I, s:I}, s:I, s:I, s:I, s:O}", "status", words, "totals",
            "sessions", (json_int_t)t->sessions, "finished", (json_int_t)t->done, "unfinished",
            (json_int_t)t->open, "expired_or_lost", (json_int_t)t->other, "bytes_read",
            (json_int_t)t->bytes_read, "notes", (json_int_t)t->notes, "corrected",
            (json_int_t)t->repaired, "problems", (json_int_t)problems, "findings", f->findings);
        (void)json_dumpf(all, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(all);
        return status;
    }
    printf("%" PRIu64 " sessions, %" PRIu64 " finished and %" PRIu64 " unfinished uploads, %" PRIu64
           " expired or lost; %" PRIu64 " bytes read.\n",
           t->sessions, t->done, t->open, t->other, t->bytes_read);
    printf("%s: %" PRIu64 " corrected, %" PRIu64 " problems left, %" PRIu64 " notes.\n",
           problems > 0  ? "Not clean"
           : status != 0 ? "Corrected"
                         : "Clean",
           t->repaired, problems, t->notes);
    return status;
}

static int failed(const struct fsck *f)
{
    fflush(stdout);
    if (f->json)
        printf("{\"status\": \"failed\"}\n");
    fprintf(stderr, "reelhaul fsck: %s\n", f->complaint);
    return RH_CARE_FAILED;
}

/* ---- The directory ---- */

/* Nobody may write while it is checked. Looking makes no lock file: without one nobody has ever
 * locked it. */
static bool lock(struct fsck *f, int root)
{
    int flags = f->mode == LOOK ? O_RDONLY : O_RDWR | O_CREAT;
    f->lock = openat(root, ".lock", flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (f->lock < 0 && errno == ENOENT && f->mode == LOOK)
        return true;
    if (f->lock >= 0 && flock(f->lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (errno == EWOULDBLOCK)
        snprintf(f->complaint, sizeof f->complaint,
                 "A server is using %s. Stop it first; or check a copy, which does not disturb it: "
                 "reelhaul backup %s DEST && reelhaul fsck DEST",
                 f->data, f->data);
    else
        snprintf(f->complaint, sizeof f->complaint, "%s cannot be locked: %m.", f->data);
    return false;
}

static bool is_data_directory(int root)
{
    return rh_data_exists(root, RH_CATALOG_FILE) || rh_data_exists(root, RH_WITNESS_FILE) ||
           rh_data_exists(root, "recordings") || rh_data_exists(root, "incoming");
}

/* ---- Looking ---- */

static bool copy_file(int from_root, const char *from, const char *to)
{
    uint8_t block[64 << 10];
    int in = openat(from_root, from, O_RDONLY | O_CLOEXEC);
    int out = in >= 0 ? open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    bool fine = in >= 0 && out >= 0;
    for (off_t at = 0; fine;) {
        ssize_t got = pread(in, block, sizeof block, at);
        if (got == 0)
            break;
        fine = got > 0 && write(out, block, (size_t)got) == got;
        at += got;
    }
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return fine;
}

/* The catalog as a crash may have left it, log and all, where opening it harms nobody. */
static bool copy_catalog(struct fsck *f, int root, const char *directory, char path[PATH_MAX])
{
    char log[PATH_MAX];
    if (snprintf(path, PATH_MAX, "%s/" RH_CATALOG_FILE, directory) < PATH_MAX &&
        snprintf(log, sizeof log, "%s/" RH_CATALOG_FILE "-wal", directory) < PATH_MAX &&
        copy_file(root, RH_CATALOG_FILE, path) &&
        (!rh_data_exists(root, RH_CATALOG_FILE "-wal") ||
         copy_file(root, RH_CATALOG_FILE "-wal", log)))
        return true;
    snprintf(f->complaint, sizeof f->complaint,
             "The catalog cannot be copied to %s: %m. TMPDIR names another place.", directory);
    return false;
}

static void remove_copy(const char *directory)
{
    static const char *const names[] = {"", "-wal", "-shm", "-journal"};
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (snprintf(path, sizeof path, "%s/" RH_CATALOG_FILE "%s", directory, names[i]) < PATH_MAX)
            (void)unlink(path);
    (void)rmdir(directory);
}

static bool look_at(struct fsck *f, int root, const char *path, struct rh_opening *opening)
{
    struct rh_catalog *catalog = NULL;
    char why[256];
    enum rh_error error = rh_catalog_integrity(path, why, sizeof why);
    if (error == RH_OK)
        error = rh_catalog_sqlite_open(&catalog, path);
    if (error == RH_ERR_VERSION) {
        snprintf(f->complaint, sizeof f->complaint,
                 "The catalog was written by a newer Reelhaul; update this one.");
        return false;
    }
    if (error == RH_OK)
        error = rh_generation_look(root, catalog, opening);
    if (error == RH_ERR_DENIED)
        problem(f, "witness-mixed", RH_WITNESS_FILE, opening->why, NULL);
    else if (error != RH_OK)
        problem(f, "catalog-damaged", RH_CATALOG_FILE, why,
                "bring it from a backup, or run fsck --rebuild");
    if (error == RH_OK && opened_text(opening->opened) != NULL) {
        struct rh_finding finding = {.weight = RH_FOUND_NOTE,
                                     .kind = "generation",
                                     .text = opened_text(opening->opened),
                                     .path = "",
                                     .upload = ""};
        found(f, &finding);
    }
    struct rh_check_how how = {
        .root = root, .catalog = catalog, .deep = !f->quick, .found = found, .context = f};
    if (error == RH_OK)
        error = rh_check_run(&how, &opening->totals);
    if (catalog != NULL)
        catalog->ops->close(catalog);
    if (error == RH_OK || f->early_problems > 0)
        return true;
    snprintf(f->complaint, sizeof f->complaint, "The check could not be brought to its end.");
    return false;
}

static bool look(struct fsck *f, int root, struct rh_opening *opening)
{
    const char *temporary = getenv("TMPDIR");
    char directory[PATH_MAX];
    char path[PATH_MAX];
    if (!rh_data_exists(root, RH_CATALOG_FILE)) {
        problem(f, "catalog-missing", RH_CATALOG_FILE, "the catalog is gone",
                "bring it from a backup, or run fsck --rebuild");
        return true;
    }
    snprintf(directory, sizeof directory, "%.3000s/reelhaul-fsck-XXXXXX",
             temporary != NULL ? temporary : "/tmp");
    if (mkdtemp(directory) == NULL) {
        snprintf(f->complaint, sizeof f->complaint,
                 "No directory can be made in %s: %m. TMPDIR names another place.",
                 temporary != NULL ? temporary : "/tmp");
        return false;
    }
    bool fine = copy_catalog(f, root, directory, path) && look_at(f, root, path, opening);
    remove_copy(directory);
    return fine;
}

/* ---- Changing ---- */

static bool change(struct fsck *f, int root, struct rh_opening *opening)
{
    struct rh_catalog *catalog = NULL;
    char path[PATH_MAX];
    char why[256];
    enum rh_error error = RH_OK;
    if (f->mode == REPAIR && rh_data_exists(root, RH_CATALOG_FILE) &&
        snprintf(path, sizeof path, "%s/" RH_CATALOG_FILE, f->data) < PATH_MAX)
        error = rh_catalog_integrity(path, why, sizeof why);
    if (error != RH_OK) {
        problem(f, "catalog-damaged", RH_CATALOG_FILE, why,
                "bring it from a backup, or run fsck --rebuild");
        return true;
    }
    if (f->mode == REBUILD)
        error = rh_generation_rebuild(f->data, opening);
    else
        error = rh_generation_open(&catalog, f->data, opening);
    if (catalog != NULL)
        catalog->ops->close(catalog);
    if (error == RH_OK)
        return true;
    snprintf(f->complaint, sizeof f->complaint, "%s: %s.",
             f->mode == REBUILD ? "The catalog could not be rebuilt; the old one is as it was"
                                : "The catalog could not be opened",
             error == RH_ERR_FULL ? "the disk is full" : opening->why);
    return false;
}

static bool read_arguments(struct fsck *f, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--repair") == 0 && f->mode != REBUILD)
            f->mode = REPAIR;
        else if (strcmp(argv[i], "--rebuild") == 0 && f->mode != REPAIR)
            f->mode = REBUILD;
        else if (strcmp(argv[i], "--quick") == 0)
            f->quick = true;
        else if (strcmp(argv[i], "--json") == 0)
            f->json = true;
        else if (argv[i][0] == '-' || f->data != NULL)
            return false;
        else
            f->data = argv[i];
    }
    return f->data != NULL;
}

static int run(struct fsck *f, int root)
{
    struct rh_opening opening = {
        .found = found, .context = f, .repair = f->mode == REPAIR, .quick = f->quick};
    if (!is_data_directory(root)) {
        snprintf(f->complaint, sizeof f->complaint, "%s is not a data directory of Reelhaul.",
                 f->data);
        return failed(f);
    }
    if (!lock(f, root))
        return failed(f);
    bool fine = f->mode == LOOK ? look(f, root, &opening) : change(f, root, &opening);
    return fine ? finish(f, &opening) : failed(f);
}

int rh_fsck_main(int argc, char **argv)
{
    struct fsck f = {.lock = -1};
    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
        fputs(help, stdout);
        return 0;
    }
    if (!read_arguments(&f, argc, argv)) {
        fprintf(stderr, "reelhaul fsck: name one data directory; --repair and --rebuild exclude "
                        "each other. See reelhaul fsck --help.\n");
        return RH_CARE_USAGE;
    }
    f.findings = json_array();
    int root = open(f.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int status;
    if (root < 0) {
        snprintf(f.complaint, sizeof f.complaint, "%s cannot be opened: %m.", f.data);
        status = failed(&f);
    } else {
        status = run(&f, root);
        close(root);
    }
    if (f.lock >= 0)
        close(f.lock);
    json_decref(f.findings);
    return status;
}
