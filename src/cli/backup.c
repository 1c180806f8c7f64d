/* SPDX-License-Identifier: MIT */
/* `reelhaul backup`: a copy of a data directory that a server can be started on, taken while the
 * server runs. backup.h says why it is whole. */
#include "cli/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/care.h"
#include "vault/catalog_copy.h"
#include "vault/generation.h"

static const char help[] =
    "Usage: reelhaul backup [flags] DATA DEST\n"
    "\n"
    "Makes DEST a copy of the data directory DATA, as it is at one moment. The server may be\n"
    "running. DEST can be served as it is: reelhaul serve --data DEST. It is built beside DEST\n"
    "(DEST.new) and changes places with it when it is whole and on the disk; until then the copy\n"
    "before stays. Finished recordings that DEST has already are not copied again.\n"
    "\n"
    "  --link      finished recordings become hard links to the originals where DEST is on the\n"
    "              same disk: quick and small, but no help when the disk fails\n"
    "  --verify    read what DEST has already, and copy anew what is damaged there\n"
    "  --json      one JSON object instead of text\n"
    "  --quiet     say nothing but problems\n"
    "\n"
    "Every byte that is copied is compared with its checksum. Exit status, added up: 0 done,\n"
    "4 done, but bytes in DATA are missing or damaged (they are named), 8 failed: the copy\n"
    "before is untouched, 16 wrong usage.\n";

/* ---- What people see ---- */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void rh_backup_progress(const struct rh_backup *b, bool now)
{
    static int64_t said_ms;
    int64_t time_ms = now_ms();
    if (b->quiet || b->json || (!now && time_ms - said_ms < 1000))
        return;
    if (said_ms != 0)
        fprintf(stderr,
                "reelhaul backup: %" PRIu64 " finished and %" PRIu64 " unfinished uploads, "
                "%" PRIu64 " MB copied …\n",
                b->totals.finished, b->totals.unfinished, b->totals.bytes_copied / 1000000);
    said_ms = time_ms;
}

static int failed(const struct rh_backup *b)
{
    if (b->json)
        printf("{\"status\": \"failed\"}\n");
    fflush(stdout);
    fprintf(stderr, "reelhaul backup: %s\n", b->complaint);
    return RH_CARE_FAILED;
}

static int done(const struct rh_backup *b, int64_t taken_ms)
{
    const struct rh_backup_totals *t = &b->totals;
    int status = t->problems > 0 ? RH_CARE_PROBLEMS : RH_CARE_CLEAN;
    if (b->json) {
        json_t *all = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "status",
                                status == RH_CARE_CLEAN ? "done" : "problems", "finished",
                                (json_int_t)t->finished, "copied", (json_int_t)t->copied,
                                "unchanged", (json_int_t)t->unchanged, "unfinished",
                                (json_int_t)t->unfinished, "bytes_copied",
                                (json_int_t)t->bytes_copied, "problems", (json_int_t)t->problems);
        (void)json_dumpf(all, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(all);
    } else if (!b->quiet) {
        printf("%" PRIu64 " finished uploads (%" PRIu64 " copied, %" PRIu64 " unchanged), %" PRIu64
               " unfinished; %" PRIu64 " bytes in %.1f s.\n",
               t->finished, t->copied, t->unchanged, t->unfinished, t->bytes_copied,
               (double)taken_ms / 1000);
        printf(status == RH_CARE_CLEAN
                   ? "The backup is in %s.\n"
                   : "The backup is in %s, but not all of it is as it was received: see above.\n",
               b->dest);
    }
    return status;
}

/* ---- Directories ---- */

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void remove_tree(const char *path)
{
    (void)nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS);
}

static bool complain(struct rh_backup *b, const char *what, const char *path)
{
    snprintf(b->complaint, sizeof b->complaint, "%s %.800s: %s.", what, path, strerror(errno));
    return false;
}

static int open_directory(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

struct places {
    char fresh[PATH_MAX];    /* DEST.new */
    char leftover[PATH_MAX]; /* DEST.cut: what a backup before this one had made */
    char parent[PATH_MAX];
};

static bool name_places(struct rh_backup *b, struct places *p)
{
    size_t size = strlen(b->dest);
    while (size > 1 && b->dest[size - 1] == '/')
        size--;
    if (size + 8 >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return complain(b, "cannot use", b->dest);
    }
    snprintf(p->fresh, PATH_MAX, "%.*s.new", (int)size, b->dest);
    snprintf(p->leftover, PATH_MAX, "%.*s.cut", (int)size, b->dest);
    snprintf(p->parent, PATH_MAX, "%.*s", (int)size, b->dest);
    char *slash = strrchr(p->parent, '/');
    if (slash == NULL)
        strcpy(p->parent, ".");
    else
        slash[slash == p->parent ? 1 : 0] = '\0';
    return true;
}

/* One backup at a time: the lock is on the place that it is built in. */
static bool lock_fresh(struct rh_backup *b, const struct places *p)
{
    if (mkdir(p->fresh, 0700) != 0 && errno != EEXIST)
        return complain(b, "cannot make", p->fresh);
    b->to = open_directory(p->fresh);
    if (b->to < 0)
        return complain(b, "cannot open", p->fresh);
    if (flock(b->to, LOCK_EX | LOCK_NB) == 0)
        return true;
    snprintf(b->complaint, sizeof b->complaint, "another backup to %.800s is under way.", b->dest);
    return false;
}

/* What a backup that was cut off left becomes a source of finished files; a new one is begun. */
static bool open_places(struct rh_backup *b, const struct places *p)
{
    struct stat status;
    b->from = open_directory(b->data);
    if (b->from < 0)
        return complain(b, "cannot open", b->data);
    if (!lock_fresh(b, p))
        return false;
    if (fstatat(b->to, "recordings", &status, 0) == 0 || fstatat(b->to, "files", &status, 0) == 0 ||
        fstatat(b->to, RH_CATALOG_FILE, &status, 0) == 0) {
        remove_tree(p->leftover);
        if (rename(p->fresh, p->leftover) != 0)
            return complain(b, "cannot rename", p->fresh);
        b->leftover = b->to;
        if (!lock_fresh(b, p))
            return false;
    } else {
        b->leftover = open_directory(p->leftover);
    }
    b->before = open_directory(b->dest);
    if (b->before < 0 && errno != ENOENT)
        return complain(b, "cannot open", b->dest);
    if (b->before >= 0 && fstatat(b->before, RH_CATALOG_FILE, &status, 0) != 0) {
        snprintf(b->complaint, sizeof b->complaint,
                 "%.800s is there and is not a backup; name a directory that is one, or none yet.",
                 b->dest);
        return false;
    }
    return true;
}

static bool sync_directory(const char *path)
{
    int fd = open_directory(path);
    bool fine = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return fine;
}

/* The copy takes the place of the one before in one step; where the file system cannot exchange
 * names, in two. */
static bool put_in_place(struct rh_backup *b, const struct places *p)
{
    if (syncfs(b->to) != 0)
        return complain(b, "cannot sync", p->fresh);
    if (b->before < 0) {
        if (rename(p->fresh, b->dest) != 0)
            return complain(b, "cannot name", b->dest);
    } else if (renameat2(AT_FDCWD, p->fresh, AT_FDCWD, b->dest, RENAME_EXCHANGE) != 0) {
        remove_tree(p->leftover);
        if (rename(b->dest, p->leftover) != 0 || rename(p->fresh, b->dest) != 0)
            return complain(b, "cannot replace", b->dest);
    }
    if (!sync_directory(p->parent))
        return complain(b, "cannot sync", p->parent);
    if (b->before >= 0)
        remove_tree(p->fresh); /* the copy before, by now */
    remove_tree(p->leftover);
    return true;
}

/* ---- The catalog ---- */

static bool copy_catalog(struct rh_backup *b, const struct places *p)
{
    char from[PATH_MAX];
    char to[PATH_MAX];
    char why[256];
    if (snprintf(from, sizeof from, "%s/" RH_CATALOG_FILE, b->data) >= PATH_MAX ||
        snprintf(to, sizeof to, "%s/" RH_CATALOG_FILE, p->fresh) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return complain(b, "cannot use", b->data);
    }
    enum rh_error error = rh_catalog_copy(from, to, why, sizeof why);
    if (error != RH_OK) {
        snprintf(b->complaint, sizeof b->complaint, "the catalog %.500s cannot be copied: %.200s.",
                 from, why);
        return false;
    }
    error = rh_catalog_sqlite_open(&b->catalog, to);
    if (error == RH_OK)
        return true;
    snprintf(b->complaint, sizeof b->complaint,
             error == RH_ERR_VERSION ? "the catalog was written by a newer Reelhaul; update this."
                                     : "the copied catalog cannot be opened.");
    return false;
}

static bool copy_all(struct rh_backup *b, const struct places *p)
{
    struct stat status;
    if (!copy_catalog(b, p))
        return false;
    if (mkdirat(b->to, "recordings", 0750) != 0 || mkdirat(b->to, "incoming", 0750) != 0)
        return complain(b, "cannot make directories in", p->fresh);
    bool fine = rh_backup_rows(b);
    b->catalog->ops->close(b->catalog);
    if (fine && fstatat(b->to, RH_CATALOG_FILE "-wal", &status, 0) == 0) {
        snprintf(b->complaint, sizeof b->complaint, "the copied catalog could not be closed.");
        fine = false;
    }
    return fine && put_in_place(b, p);
}

/* ---- The command ---- */

static bool read_arguments(struct rh_backup *b, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--link") == 0)
            b->link = true;
        else if (strcmp(argv[i], "--verify") == 0)
            b->verify = true;
        else if (strcmp(argv[i], "--json") == 0)
            b->json = true;
        else if (strcmp(argv[i], "--quiet") == 0)
            b->quiet = true;
        else if (argv[i][0] == '-' || b->dest != NULL)
            return false;
        else if (b->data == NULL)
            b->data = argv[i];
        else
            b->dest = argv[i];
    }
    return b->dest != NULL && b->dest[0] != '\0';
}

int rh_backup_main(int argc, char **argv)
{
    struct rh_backup b = {.from = -1, .to = -1, .before = -1, .leftover = -1};
    struct places places;
    int64_t began_ms = now_ms();
    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
        fputs(help, stdout);
        return 0;
    }
    if (!read_arguments(&b, argc, argv)) {
        fprintf(stderr, "reelhaul backup: name a data directory and a destination. See reelhaul "
                        "backup --help.\n");
        return RH_CARE_USAGE;
    }
    bool fine = name_places(&b, &places) && open_places(&b, &places) && copy_all(&b, &places);
    int status = fine ? done(&b, now_ms() - began_ms) : failed(&b);
    const int fds[] = {b.from, b.to, b.before, b.leftover};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return status;
}
