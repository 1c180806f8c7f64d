/* SPDX-License-Identifier: MIT */
#include "cli/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/id.h"

/* ---- names and types ---- */

static const struct {
    const char *ending;
    const char *mime;
} types[] = {
    {".webm", "video/webm"},     {".mp4", "video/mp4"},        {".m4v", "video/mp4"},
    {".mov", "video/quicktime"}, {".mkv", "video/x-matroska"}, {".avi", "video/x-msvideo"},
    {".mpg", "video/mpeg"},      {".mpeg", "video/mpeg"},      {".ts", "video/mp2t"},
    {".ogv", "video/ogg"},       {".ogg", "audio/ogg"},        {".opus", "audio/ogg"},
    {".mp3", "audio/mpeg"},      {".m4a", "audio/mp4"},        {".aac", "audio/aac"},
    {".wav", "audio/wav"},       {".flac", "audio/flac"},      {".weba", "audio/webm"},
};

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

const char *rh_queue_mime(const char *path)
{
    const char *ending = strrchr(base_of(path), '.');
    for (size_t i = 0; ending != NULL && i < sizeof types / sizeof types[0]; i++)
        if (rh_bytes_equal_nocase(rh_bytes_of(ending), rh_bytes_of(types[i].ending)))
            return types[i].mime;
    return "application/octet-stream";
}

void rh_queue_name(const char *path, char out[129])
{
    const char *base = base_of(path);
    const char *ending = strrchr(base, '.');
    bool known = strcmp(rh_queue_mime(path), "application/octet-stream") != 0;
    size_t size = known && ending != base ? (size_t)(ending - base) : strlen(base);
    size_t used = 0;
    for (size_t i = 0; i < size && used < RH_NAME_MAX; i++) {
        char c = base[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '_' || ((c == '.' || c == '-') && used > 0);
        /* No "..": it could be taken for a way out. */
        if (!plain || (c == '.' && out[used - 1] == '.'))
            c = '_';
        out[used++] = c;
    }
    if (used == 0)
        out[used++] = '_';
    out[used] = '\0';
}

/* ---- queueing ---- */

struct queueing {
    struct rh_sender *sender;
    struct rh_intake *intake;
    struct rh_queue_session *session;
    bool complained;
    struct rh_entry **waiting; /* files that were queued before */
    size_t waiting_count;
};

static void complain(struct queueing *q, const char *path, const char *what)
{
    q->complained = true;
    rh_progress_say(q->sender->progress, "trouble", "%s: %s", path, what);
}

static bool same_upload(const struct rh_entry *entry, const char *path,
                        const struct rh_fingerprint *print, const struct queueing *q)
{
    const struct rh_options *o = q->sender->options;
    RH_ASSERT(entry != NULL);
    bool same_session = o->session == NULL ? entry->session[0] == '\0'
                        : strcmp(o->session, "new") == 0
                            ? (entry->flags & RH_JOURNAL_SESSION_MADE) != 0
                            : strcmp(entry->session, o->session) == 0;
    bool same_protocol = strcmp(o->protocol, "auto") == 0 || strcmp(entry->protocol, "auto") == 0 ||
                         strcmp(entry->protocol, o->protocol) == 0;
    return entry->path != NULL && strcmp(entry->path, path) == 0 && same_session &&
           strcmp(entry->to, o->to) == 0 && same_protocol &&
           rh_fingerprint_equal(&entry->print, print) &&
           (o->name == NULL || strcmp(entry->name, o->name) == 0);
}

/* What waits in the spool already. Entries that cannot be read are none of ours. */
static void load_waiting(struct queueing *q)
{
    char(*ids)[RH_SPOOL_ID_MAX + 1];
    size_t count;
    if (rh_spool_list(q->sender->spool, &ids, &count) != RH_OK)
        return;
    q->waiting = calloc(count > 0 ? count : 1, sizeof *q->waiting);
    RH_ASSERT(q->waiting != NULL);
    for (size_t i = 0; i < count; i++) {
        struct rh_entry *entry;
        enum rh_entry_trouble trouble;
        if (rh_entry_load(q->sender->spool, ids[i], false, &entry, &trouble) != RH_OK)
            continue;
        if (trouble == RH_ENTRY_FINE && entry->path != NULL)
            q->waiting[q->waiting_count++] = entry;
        else
            rh_entry_free(entry);
    }
    free(ids);
}

/* Whoever repeats a command after a crash, or names a file twice, means one upload. */
static bool is_queued(const struct queueing *q, const char *path,
                      const struct rh_fingerprint *print)
{
    const struct rh_sender *sender = q->sender;
    for (size_t i = 0; i < q->waiting_count; i++)
        if (same_upload(q->waiting[i], path, print, q))
            return true;
    for (size_t i = 0; i < sender->item_count; i++)
        if (same_upload(sender->items[i]->entry, path, print, q))
            return true;
    return false;
}

static enum rh_error create(struct queueing *q, struct rh_entry_plan *plan, struct rh_item **item)
{
    const struct rh_options *o = q->sender->options;
    struct rh_entry *entry;
    plan->to = o->to;
    plan->protocol = o->protocol;
    plan->session = q->session->id;
    plan->flags |= q->session->flag | (o->remove && plan->path != NULL ? RH_JOURNAL_REMOVE : 0);
    plan->wall_ms = rh_wall_ms();
    if (o->name != NULL)
        plan->name = o->name;
    if (o->mime != NULL)
        plan->mime = o->mime;
    enum rh_error error = rh_entry_create(q->sender->spool, plan, &entry);
    if (error != RH_OK)
        return error;
    *item = rh_sender_add(q->sender, entry);
    (*item)->fresh = true;
    rh_progress_queued(q->sender->progress, *item, false);
    return RH_OK;
}

static enum rh_error queue_file(struct queueing *q, const char *path, struct rh_fingerprint *print)
{
    struct rh_entry_plan plan = {.mime = rh_queue_mime(path), .shown = base_of(path)};
    struct rh_item *item;
    char name[129];
    enum rh_error error = RH_OK;
    char *absolute = realpath(path, NULL);
    int fd = absolute == NULL ? -1 : open(absolute, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || strlen(absolute) > RH_JOURNAL_TEXT_MAX) {
        complain(q, path, fd < 0 ? strerror(errno) : "its path is too long");
    } else if (rh_fingerprint_take(fd, &plan.print) != RH_OK) {
        complain(q, path, "it is not a file that can be read. Give files, or - for standard input");
    } else if (is_queued(q, absolute, &plan.print)) {
        rh_progress_say(q->sender->progress, "already_queued", "%s: queued already.", plan.shown);
    } else {
        rh_queue_name(path, name);
        plan.name = name;
        plan.path = absolute;
        error = create(q, &plan, &item);
    }
    int why = errno;
    *print = plan.print;
    if (fd >= 0)
        close(fd);
    free(absolute);
    errno = why;
    return error;
}

static enum rh_error queue_input(struct queueing *q)
{
    char name[64];
    struct tm tm;
    int64_t wall_ms = rh_wall_ms();
    time_t seconds = (time_t)(wall_ms / 1000);
    if (isatty(STDIN_FILENO) == 1) {
        complain(q, "-",
                 "standard input is a terminal. Send something into it, as in "
                 "`ffmpeg … | reelhaul push -`");
        return RH_OK;
    }
    if (gmtime_r(&seconds, &tm) == NULL)
        return RH_ERR_IO;
    (void)strftime(name, sizeof name, "stdin-%Y%m%d-%H%M%S", &tm);
    const struct rh_options *o = q->sender->options;
    struct rh_entry_plan plan = {.name = name,
                                 .mime = "application/octet-stream",
                                 .shown = o->name != NULL ? o->name : name,
                                 .flags = RH_JOURNAL_GROWS};
    enum rh_error error = create(q, &plan, &q->intake->input);
    q->intake->input_over = error != RH_OK;
    return error;
}

static enum rh_error pick_session(struct queueing *q)
{
    const char *wanted = q->sender->options->session;
    uint8_t chance[16];
    if (wanted == NULL || q->session->picked)
        return RH_OK;
    if (strcmp(wanted, "new") != 0) {
        (void)snprintf(q->session->id, sizeof q->session->id, "%s", wanted);
        return RH_OK;
    }
    if (getrandom(chance, sizeof chance, 0) != (ssize_t)sizeof chance)
        return RH_ERR_IO;
    rh_uuid_format(q->session->id, chance);
    q->session->flag = RH_JOURNAL_SESSION_MADE;
    q->session->picked = true;
    rh_progress_say(q->sender->progress, "session", "Session %s.", q->session->id);
    return RH_OK;
}

static enum rh_error end(struct queueing *q, enum rh_error error)
{
    int why = errno;
    for (size_t i = 0; i < q->waiting_count; i++)
        rh_entry_free(q->waiting[i]);
    free(q->waiting);
    errno = why;
    return error == RH_OK && q->complained ? RH_ERR_SYNTAX : error;
}

enum rh_error rh_queue_all(struct rh_sender *sender, struct rh_intake *intake)
{
    struct rh_queue_session session = {0};
    struct rh_fingerprint print;
    struct queueing q = {.sender = sender, .intake = intake, .session = &session};
    const struct rh_options *o = sender->options;
    if (o->file_count == 0)
        return RH_OK;
    enum rh_error error = pick_session(&q);
    load_waiting(&q);
    for (int i = 0; error == RH_OK && i < o->file_count; i++)
        error =
            strcmp(o->files[i], "-") == 0 ? queue_input(&q) : queue_file(&q, o->files[i], &print);
    return end(&q, error);
}

enum rh_error rh_queue_one(struct rh_sender *sender, struct rh_intake *intake,
                           struct rh_queue_session *session, const char *path,
                           struct rh_fingerprint *print)
{
    struct queueing q = {.sender = sender, .intake = intake, .session = session};
    enum rh_error error = pick_session(&q);
    load_waiting(&q);
    if (error == RH_OK)
        error = queue_file(&q, path, print);
    return end(&q, error);
}
