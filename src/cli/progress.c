/* SPDX-License-Identifier: MIT */
#include "cli/progress.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/sender.h"

#define TERMINAL_MS 250
#define PLAIN_MS    5000
#define JSON_MS     500
#define BAR_CELLS   20
#define SECONDS_MAX ((unsigned long long)9999 * 3600)

/* ---- words ---- */

void rh_show_bytes(uint64_t bytes, char out[24])
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    if (bytes < 1000) {
        (void)snprintf(out, 24, "%u B", (unsigned)bytes);
        return;
    }
    size_t unit = 0;
    double value = (double)bytes / 1000;
    for (; value >= 999.95 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        value /= 1000;
    (void)snprintf(out, 24, "%.1f %s", value, units[unit]);
}

void rh_show_time(rh_ms ms, char out[24])
{
    unsigned long long s = ms / 1000 + (ms % 1000 != 0);
    s = s < SECONDS_MAX ? s : SECONDS_MAX;
    if (s < 60)
        (void)snprintf(out, 24, "%llu s", s);
    else if (s < 3600)
        (void)snprintf(out, 24, "%llu min %llu s", s / 60, s % 60);
    else
        (void)snprintf(out, 24, "%llu h %llu min", s / 3600, s / 60 % 60);
}

const char *rh_show_state(enum rh_upload_state state)
{
    static const char *const names[] = {"pending",   "uploading", "paused",
                                        "completed", "failed",    "cancelled"};
    return (size_t)state < sizeof names / sizeof names[0] ? names[state] : "unknown";
}

const char *rh_show_reason(enum rh_reason reason)
{
    static const char *const names[] = {"",
                                        "waiting",
                                        "the server cannot be reached",
                                        "backoff",
                                        "paused",
                                        "held",
                                        "quota",
                                        "auth",
                                        "bytes missing",
                                        "rejected",
                                        "attempts used up",
                                        "parts set aside",
                                        "superseded",
                                        "conflict",
                                        "another process sends",
                                        "expired",
                                        "not our server's answer"};
    return (size_t)reason < sizeof names / sizeof names[0] ? names[reason] : "unknown";
}

/* ---- output ---- */

void rh_progress_init(struct rh_progress *progress, bool json, bool quiet)
{
    *progress = (struct rh_progress){.json = json, .quiet = quiet};
    progress->terminal = !json && !quiet && isatty(STDERR_FILENO) == 1;
}

static void clear_line(struct rh_progress *progress)
{
    if (progress->line_open)
        fputs("\r\033[K", stderr);
    progress->line_open = false;
}

void rh_progress_end(struct rh_progress *progress)
{
    clear_line(progress);
}

static void print_json(json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    if (text != NULL) {
        puts(text);
        (void)fflush(stdout);
    }
    free(text);
    json_decref(json);
}

/* Names of files need not be UTF-8; JSON must be. */
static json_t *text_json(const char *text)
{
    json_t *json = json_string(text);
    return json != NULL ? json : json_string("?");
}

void rh_progress_say(struct rh_progress *progress, const char *event, const char *format, ...)
{
    char text[1200];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (progress->json) {
        print_json(json_pack("{s:s,s:o}", "event", event, "message", text_json(text)));
        return;
    }
    if (progress->quiet && strcmp(event, "trouble") != 0)
        return;
    clear_line(progress);
    fprintf(stderr, "%s\n", text);
}

/* How far the end is to be believed: a receipt was compared with what was sent; the server said so
 * when it was asked; or it only answered. */
static const char *trust_of(const struct rh_item *item)
{
    return item->snapshot.proven ? "proven" : item->stored ? "stored" : "claimed";
}

static json_t *item_json(const char *event, const struct rh_item *item)
{
    const struct rh_snapshot *s = &item->snapshot;
    json_t *json =
        json_pack("{s:s,s:s,s:o,s:s,s:I,s:I}", "event", event, "id", item->entry->id, "name",
                  text_json(item->entry->shown), "state", rh_show_state(s->state), "acked",
                  (json_int_t)s->acked_bytes, "sent", (json_int_t)s->sent_bytes);
    if (s->total_bytes != RH_SIZE_UNKNOWN)
        (void)json_object_set_new(json, "size", json_integer((json_int_t)s->total_bytes));
    if (s->reason != RH_REASON_NONE)
        (void)json_object_set_new(json, "reason", json_string(rh_show_reason(s->reason)));
    if (item->trouble[0] != '\0')
        (void)json_object_set_new(json, "trouble", text_json(item->trouble));
    if (item->url[0] != '\0')
        (void)json_object_set_new(json, "url", text_json(item->url));
    if (s->state == RH_UPLOAD_COMPLETED)
        (void)json_object_set_new(json, "proven", json_boolean(s->proven));
    if (s->state == RH_UPLOAD_COMPLETED)
        (void)json_object_set_new(json, "trust", json_string(trust_of(item)));
    return json;
}

void rh_progress_queued(struct rh_progress *progress, const struct rh_item *item, bool resumed)
{
    const struct rh_entry *entry = item->entry;
    if (progress->json) {
        print_json(item_json(resumed ? "resumed" : "queued", item));
        return;
    }
    if (progress->quiet)
        return;
    clear_line(progress);
    const char *cut = entry->cut ? " (its recording was cut short)" : "";
    fprintf(stderr, "%s: %s%s.\n", entry->shown, resumed ? "goes on" : "queued",
            resumed ? cut : "");
}

static void say_completed(const struct rh_item *item)
{
    char bytes[24];
    const struct rh_snapshot *s = &item->snapshot;
    rh_show_bytes(s->total_bytes == RH_SIZE_UNKNOWN ? s->acked_bytes : s->total_bytes, bytes);
    fprintf(stderr, "%s: %s, %s%s%s\n", item->entry->shown,
            s->proven                   ? "sent and proven"
            : item->entry->path != NULL ? "sent, not proven: keep the file"
                                        : "sent, not proven: the spool keeps it (--trust-server "
                                          "lets it go)",
            bytes, item->url[0] == '\0' ? "" : ", ", item->url);
}

static void say_waiting(const struct rh_item *item, rh_ms now_ms)
{
    char in[24] = "";
    const struct rh_snapshot *s = &item->snapshot;
    if (s->retry_at_ms != RH_MS_NEVER && s->retry_at_ms > now_ms)
        rh_show_time(s->retry_at_ms - now_ms, in);
    fprintf(stderr, "%s: %s%s%s.%s%s%s\n", item->entry->shown,
            s->reason == RH_REASON_AUTH    ? "the server wants a token"
            : s->reason == RH_REASON_QUOTA ? "the server has no room"
                                           : "trying again",
            in[0] == '\0'                  ? ""
            : s->reason == RH_REASON_QUOTA ? "; trying again in "
                                           : " in ",
            in, item->trouble[0] == '\0' ? "" : " (", item->trouble,
            item->trouble[0] == '\0' ? "" : ")");
}

static bool is_waiting(const struct rh_snapshot *s)
{
    return (s->state == RH_UPLOAD_PAUSED || s->state == RH_UPLOAD_PENDING) &&
           (s->reason == RH_REASON_OFFLINE || s->reason == RH_REASON_BACKOFF ||
            s->reason == RH_REASON_AUTH || s->reason == RH_REASON_QUOTA ||
            s->reason == RH_REASON_MALFORMED);
}

void rh_progress_changed(struct rh_progress *progress, const struct rh_item *item,
                         const struct rh_snapshot *before, rh_ms now_ms)
{
    const struct rh_snapshot *s = &item->snapshot;
    bool same = before->state == s->state && before->reason == s->reason;
    if (same && (!is_waiting(s) || before->retry_at_ms == s->retry_at_ms))
        return;
    if (progress->json) {
        print_json(item_json("state", item));
        return;
    }
    bool ended = s->state == RH_UPLOAD_FAILED || s->state == RH_UPLOAD_CANCELLED ||
                 s->state == RH_UPLOAD_COMPLETED;
    if ((!ended && !is_waiting(s)) || (progress->quiet && s->state != RH_UPLOAD_FAILED))
        return;
    clear_line(progress);
    if (s->state == RH_UPLOAD_COMPLETED)
        say_completed(item);
    else if (s->state == RH_UPLOAD_FAILED)
        fprintf(stderr, "%s: FAILED: %s%s%s\n", item->entry->shown, rh_show_reason(s->reason),
                item->trouble[0] == '\0' ? "" : ": ", item->trouble);
    else if (s->state == RH_UPLOAD_CANCELLED)
        fprintf(stderr, "%s: cancelled.\n", item->entry->shown);
    else
        say_waiting(item, now_ms);
}

/* ---- progress ---- */

/* Of all uploads together. */
struct sum {
    uint64_t sent, total, speed;
    size_t over, count;
    bool grows;
    rh_ms remaining_ms;
    const struct rh_item *current;
};

static struct sum sum_of(struct rh_item *const *items, size_t count)
{
    struct sum sum = {.count = count, .remaining_ms = RH_MS_NEVER};
    for (size_t i = 0; i < count; i++) {
        const struct rh_snapshot *s = &items[i]->snapshot;
        const struct rh_entry *entry = items[i]->entry;
        uint64_t total = entry->sealed         ? entry->size
                         : entry->path != NULL ? entry->print.size
                                               : rh_entry_end(entry);
        bool over = rh_item_over(items[i]);
        sum.over += over;
        sum.total += total;
        sum.sent += over && s->state == RH_UPLOAD_COMPLETED ? total : s->sent_bytes;
        sum.speed += over ? 0 : s->speed_bytes_s;
        sum.grows = sum.grows || (entry->path == NULL && !entry->sealed);
        if (!over && (sum.current == NULL || s->state == RH_UPLOAD_UPLOADING))
            if (sum.current == NULL || sum.current->snapshot.state != RH_UPLOAD_UPLOADING)
                sum.current = items[i];
    }
    if (sum.speed > 0 && !sum.grows && sum.total > sum.sent)
        sum.remaining_ms = (rh_ms)((double)(sum.total - sum.sent) * 1000 / (double)sum.speed);
    /* The engine's own estimate does not jump; it has one of each alone, while it sends. */
    if (sum.over + 1 == count && sum.current != NULL &&
        sum.current->snapshot.remaining_ms != RH_MS_NEVER)
        sum.remaining_ms = sum.current->snapshot.remaining_ms;
    return sum;
}

/* "[#####-----] ". One that grows has no end to be measured by. */
static void bar_of(const struct sum *sum, unsigned percent, char out[BAR_CELLS + 4])
{
    out[0] = '\0';
    if (sum->grows)
        return;
    size_t full = (size_t)percent * BAR_CELLS / 100;
    out[0] = '[';
    for (size_t i = 0; i < BAR_CELLS; i++)
        out[1 + i] = i < full ? '#' : '-';
    memcpy(out + 1 + BAR_CELLS, "] ", 3);
}

static void line_of(const struct sum *sum, bool bar, char *out, size_t cap)
{
    char cells[BAR_CELLS + 4] = "";
    char sent[24];
    char total[24];
    char bytes[24];
    char speed[32] = "";
    char time[24];
    char left[32] = "";
    unsigned percent =
        sum->total == 0 ? 0 : (unsigned)((double)sum->sent * 100 / (double)sum->total);
    rh_show_bytes(sum->sent, sent);
    rh_show_bytes(sum->total, total);
    rh_show_bytes(sum->speed, bytes);
    if (sum->speed > 0)
        (void)snprintf(speed, sizeof speed, "  %s/s", bytes);
    rh_show_time(sum->remaining_ms, time);
    if (sum->remaining_ms != RH_MS_NEVER)
        (void)snprintf(left, sizeof left, "  %s left", time);
    if (bar)
        bar_of(sum, percent, cells);
    (void)snprintf(out, cap, "%s%3u %%  %s of %s%s%s%s  %zu of %zu  %.40s", cells, percent, sent,
                   total, sum->grows ? " so far" : "", speed, left, sum->over, sum->count,
                   sum->current == NULL ? "" : sum->current->entry->shown);
}

void rh_progress_tick(struct rh_progress *progress, struct rh_item *const *items, size_t count,
                      rh_ms now_ms)
{
    rh_ms every_ms = progress->terminal ? TERMINAL_MS : progress->json ? JSON_MS : PLAIN_MS;
    char line[256];
    if (progress->shown_ms == 0)
        progress->shown_ms = now_ms;
    if (progress->quiet || now_ms - progress->shown_ms < every_ms)
        return;
    progress->shown_ms = now_ms;
    for (size_t i = 0; progress->json && i < count; i++)
        if (!rh_item_over(items[i]))
            print_json(item_json("progress", items[i]));
    if (progress->json)
        return;
    struct sum sum = sum_of(items, count);
    if (sum.current == NULL)
        return;
    line_of(&sum, progress->terminal, line, sizeof line);
    if (progress->terminal)
        fprintf(stderr, "\r\033[K%s", line);
    else
        fprintf(stderr, "%s\n", line);
    progress->line_open = progress->terminal;
    (void)fflush(stderr);
}
