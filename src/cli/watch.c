/* SPDX-License-Identifier: MIT */
#include "cli/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc64.h"
#include "cli/files.h"

#define KNOWN          "watched"
#define KNOWN_MAX      ((size_t)256 << 20)
#define LINE_MAX_BYTES 128
#define STABLE_MS      1000 /* a file that did not change for so long, and is open nowhere, is whole */
#define SOON_MS        200   /* while one may become whole */
#define IDLE_MS        10000 /* else: what inotify did not tell, as on network file systems */

struct rh_candidate {
    char *name;
    uint64_t size;
    int64_t mtime_ns;
    rh_ms since_ms; /* it has not changed since */
    bool seen;      /* in this scan */
    bool refused;   /* as it is it cannot be queued, and that was said */
};

/* ---- what is known ---- */

static void remember(struct rh_watch *w, const struct rh_watched *watched)
{
    if (w->known_count == w->known_cap) {
        w->known_cap = w->known_cap == 0 ? 64 : w->known_cap * 2;
        w->known = realloc(w->known, w->known_cap * sizeof *w->known);
        RH_ASSERT(w->known != NULL);
    }
    w->known[w->known_count++] = *watched;
}

/* A line of the file; lines that cannot be read (a torn last one) say nothing. */
static void read_line(struct rh_watch *w, const char *line)
{
    struct rh_watched k = {0};
    int end = 0;
    int fields =
        sscanf(line, "%16" SCNx64 " %16" SCNx64 " %" SCNu64 " %" SCNd64 " %16" SCNx64 "%n",
               &k.folder, &k.path, &k.print.size, &k.print.mtime_ns, &k.print.sample, &end);
    if (fields == 5 && line[end] == '.')
        remember(w, &k);
}

static int write_line(char out[LINE_MAX_BYTES], const struct rh_watched *k)
{
    return snprintf(out, LINE_MAX_BYTES,
                    "%016" PRIx64 " %016" PRIx64 " %" PRIu64 " %" PRId64 " %016" PRIx64 ".\n",
                    k->folder, k->path, k->print.size, k->print.mtime_ns, k->print.sample);
}

static enum rh_error load_known(struct rh_watch *w)
{
    uint8_t *bytes;
    size_t size;
    enum rh_error error = rh_file_load(w->sender->spool->dir, KNOWN, KNOWN_MAX, &bytes, &size);
    if (error == RH_ERR_UNKNOWN)
        return RH_OK;
    if (error != RH_OK)
        return error;
    char *text = realloc(bytes, size + 1);
    RH_ASSERT(text != NULL);
    text[size] = '\0';
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;)
        read_line(w, line);
    free(text);
    return RH_OK;
}

/* Durable before the file's upload can end and be forgotten. */
static enum rh_error note(struct rh_watch *w, const struct rh_watched *watched)
{
    char line[LINE_MAX_BYTES];
    int size = write_line(line, watched);
    int dir = w->sender->spool->dir;
    int fd = openat(dir, KNOWN, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return rh_file_error();
    enum rh_error error = write(fd, line, (size_t)size) == size ? RH_OK : rh_file_error();
    if (error == RH_OK)
        error = rh_file_sync(fd);
    int why = errno;
    close(fd);
    errno = why;
    if (error == RH_OK)
        error = rh_file_sync_names(dir, ".");
    if (error == RH_OK)
        remember(w, watched);
    return error;
}

static bool is_known(const struct rh_watch *w, uint64_t path, uint64_t size, int64_t mtime_ns)
{
    for (size_t i = 0; i < w->known_count; i++) {
        const struct rh_watched *k = &w->known[i];
        if (k->folder == w->folder && k->path == path && k->print.size == size &&
            k->print.mtime_ns == mtime_ns)
            return true;
    }
    return false;
}

/* Files that are gone need not be known again; those of other folders are not ours to judge. */
static void forget_gone(struct rh_watch *w)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->known_count; i++) {
        struct rh_watched *k = &w->known[i];
        bool here = k->folder != w->folder;
        for (size_t c = 0; c < w->candidate_count && !here; c++)
            here =
                rh_crc64_update(0, w->candidates[c].name, strlen(w->candidates[c].name)) == k->path;
        if (here)
            w->known[kept++] = *k;
    }
    if (kept == w->known_count)
        return;
    w->known_count = kept;
    struct rh_buffer text;
    uint8_t *memory = malloc(kept * LINE_MAX_BYTES + 1);
    RH_ASSERT(memory != NULL);
    rh_buffer_init(&text, memory, kept * LINE_MAX_BYTES + 1);
    for (size_t i = 0; i < kept; i++) {
        char line[LINE_MAX_BYTES];
        (void)rh_buffer_put(&text, line, (size_t)write_line(line, &w->known[i]));
    }
    /* If it fails the old one is still there: it only knows more than it must. */
    (void)rh_file_replace(w->sender->spool->dir, ".", KNOWN, rh_buffer_bytes(&text));
    free(memory);
}

/* ---- what lies in the folder ---- */

/* Names that recorders, browsers and copiers give to what is not whole yet, and hidden ones. */
static bool is_passing(const char *name)
{
    static const char *const endings[] = {".part", ".tmp", ".temp", ".crdownload", ".partial", "~"};
    size_t size = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t end = strlen(endings[i]);
        if (size >= end && strcmp(name + size - end, endings[i]) == 0)
            return true;
    }
    return name[0] == '.';
}

static struct rh_candidate *candidate_of(struct rh_watch *w, const char *name)
{
    for (size_t i = 0; i < w->candidate_count; i++)
        if (strcmp(w->candidates[i].name, name) == 0)
            return &w->candidates[i];
    if (w->candidate_count == w->candidate_cap) {
        w->candidate_cap = w->candidate_cap == 0 ? 64 : w->candidate_cap * 2;
        w->candidates = realloc(w->candidates, w->candidate_cap * sizeof *w->candidates);
        RH_ASSERT(w->candidates != NULL);
    }
    struct rh_candidate *c = &w->candidates[w->candidate_count++];
    *c = (struct rh_candidate){.name = strdup(name), .mtime_ns = -1};
    RH_ASSERT(c->name != NULL);
    return c;
}

static void look_at(struct rh_watch *w, const char *name, rh_ms now_ms)
{
    struct stat stat;
    if (is_passing(name) || fstatat(w->dir, name, &stat, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(stat.st_mode))
        return;
    int64_t mtime_ns = (int64_t)stat.st_mtim.tv_sec * 1000000000 + stat.st_mtim.tv_nsec;
    struct rh_candidate *c = candidate_of(w, name);
    c->seen = true;
    if (c->mtime_ns == mtime_ns && c->size == (uint64_t)stat.st_size)
        return;
    c->mtime_ns = mtime_ns;
    c->size = (uint64_t)stat.st_size;
    c->since_ms = now_ms;
    c->refused = false;
}

/* In the order in which they were last written; of equal ones, by name. */
static int by_time(const void *left, const void *right)
{
    const struct rh_candidate *a = left;
    const struct rh_candidate *b = right;
    if (a->mtime_ns != b->mtime_ns)
        return a->mtime_ns < b->mtime_ns ? -1 : 1;
    return strcmp(a->name, b->name);
}

static void scan(struct rh_watch *w, rh_ms now_ms)
{
    int fd = openat(w->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return; /* of this moment */
    }
    for (size_t i = 0; i < w->candidate_count; i++)
        w->candidates[i].seen = false;
    for (const struct dirent *each; (each = readdir(dir)) != NULL;)
        look_at(w, each->d_name, now_ms);
    closedir(dir);
    size_t kept = 0;
    for (size_t i = 0; i < w->candidate_count; i++) {
        if (w->candidates[i].seen)
            w->candidates[kept++] = w->candidates[i];
        else
            free(w->candidates[i].name);
    }
    w->candidate_count = kept;
    if (kept > 1)
        qsort(w->candidates, kept, sizeof *w->candidates, by_time);
    if (!w->scanned)
        forget_gone(w);
    w->scanned = true;
}

/* Does anybody write into it? A lease for reading is only given where nobody does; where there are
 * no leases time alone tells. */
static bool is_written(const struct rh_watch *w, const char *name)
{
    int fd = openat(w->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno != EACCES; /* then queueing says so */
    bool written = fcntl(fd, F_SETLEASE, F_RDLCK) != 0 && (errno == EAGAIN || errno == EBUSY);
    (void)fcntl(fd, F_SETLEASE, F_UNLCK);
    close(fd);
    return written;
}

static enum rh_error queue(struct rh_watch *w, struct rh_candidate *c, uint64_t path)
{
    char file[sizeof w->path + 260];
    struct rh_watched watched = {.folder = w->folder, .path = path};
    (void)snprintf(file, sizeof file, "%s/%s", w->path, c->name);
    enum rh_error error = rh_queue_one(w->sender, w->intake, &w->session, file, &watched.print);
    if (error == RH_ERR_SYNTAX) {
        c->refused = true;
        return RH_OK;
    }
    return error == RH_OK ? note(w, &watched) : error;
}

/* True: one may become whole soon. */
static enum rh_error queue_whole(struct rh_watch *w, rh_ms now_ms, bool *soon)
{
    *soon = false;
    for (size_t i = 0; i < w->candidate_count; i++) {
        struct rh_candidate *c = &w->candidates[i];
        uint64_t path = rh_crc64_update(0, c->name, strlen(c->name));
        if (c->refused || is_known(w, path, c->size, c->mtime_ns))
            continue;
        *soon = true;
        if (now_ms - c->since_ms < STABLE_MS || is_written(w, c->name))
            continue;
        enum rh_error error = queue(w, c, path);
        if (error != RH_OK)
            return error;
    }
    return RH_OK;
}

/* ---- life ---- */

enum rh_error rh_watch_init(struct rh_watch *watch, struct rh_sender *sender,
                            struct rh_intake *intake, const char *folder)
{
    *watch = (struct rh_watch){.sender = sender, .intake = intake, .dir = -1, .inotify = -1};
    char *absolute = realpath(folder, NULL);
    if (absolute == NULL)
        return RH_ERR_SYNTAX;
    bool fits = strlen(absolute) < sizeof watch->path;
    if (fits)
        strcpy(watch->path, absolute);
    free(absolute);
    watch->dir = fits ? open(watch->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (watch->dir < 0)
        return RH_ERR_SYNTAX;
    watch->folder = rh_crc64_update(0, watch->path, strlen(watch->path));
    watch->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->inotify >= 0 &&
        inotify_add_watch(watch->inotify, watch->path,
                          IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ONLYDIR) < 0) {
        close(watch->inotify);
        watch->inotify = -1;
    }
    return load_known(watch);
}

void rh_watch_finish(struct rh_watch *watch)
{
    for (size_t i = 0; i < watch->candidate_count; i++)
        free(watch->candidates[i].name);
    free(watch->candidates);
    free(watch->known);
    if (watch->dir >= 0)
        close(watch->dir);
    if (watch->inotify >= 0)
        close(watch->inotify);
    *watch = (struct rh_watch){.dir = -1, .inotify = -1};
}

enum rh_error rh_watch_step(struct rh_watch *watch, bool readable)
{
    char events[4096];
    bool soon;
    rh_ms now_ms = rh_clock_ms();
    while (readable && read(watch->inotify, events, sizeof events) > 0)
        watch->scan_at_ms = now_ms; /* which one it was the scan finds out */
    /* Whoever does not lead leaves the folder alone: two of them would queue everything twice. */
    if (watch->dir < 0 || !watch->sender->leads || now_ms < watch->scan_at_ms)
        return RH_OK;
    scan(watch, now_ms);
    enum rh_error error = queue_whole(watch, now_ms, &soon);
    watch->scan_at_ms = now_ms + (soon ? SOON_MS : IDLE_MS);
    return error;
}

rh_ms rh_watch_due_ms(const struct rh_watch *watch, rh_ms now_ms)
{
    if (watch->dir < 0 || !watch->sender->leads)
        return RH_MS_NEVER;
    return watch->scan_at_ms > now_ms ? watch->scan_at_ms - now_ms : 0;
}

void rh_watch_remove(const struct rh_entry *entry)
{
    struct rh_fingerprint print;
    struct stat held;
    struct stat named;
    if (entry->path == NULL)
        return;
    int fd = open(entry->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    /* Not what was sent, or no more what goes by this name: it stays. */
    if (rh_fingerprint_take(fd, &print) == RH_OK && rh_fingerprint_equal(&print, &entry->print) &&
        fstat(fd, &held) == 0 && lstat(entry->path, &named) == 0 && held.st_ino == named.st_ino &&
        held.st_dev == named.st_dev)
        (void)unlink(entry->path);
    close(fd);
}
