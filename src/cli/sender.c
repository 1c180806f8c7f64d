/* SPDX-License-Identifier: MIT */
#include "cli/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "cli/files.h"
#include "cli/token.h"
#include "cli/watch.h"

#define UPLOADS_MAX   256
#define SEGMENTS_MAX  16384
#define INTERVALS_MAX 4096
#define TOKEN_POLL_MS 1000
#define FULL_MS       200

rh_ms rh_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (rh_ms)now.tv_sec * 1000 + (rh_ms)now.tv_nsec / 1000000;
}

int64_t rh_wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- items ---- */

static struct rh_item *item_of(const struct rh_sender *sender, const char *id)
{
    for (size_t i = 0; i < sender->item_count; i++)
        if (strcmp(sender->items[i]->entry->id, id) == 0)
            return sender->items[i];
    return NULL;
}

struct rh_item *rh_sender_add(struct rh_sender *sender, struct rh_entry *entry)
{
    struct rh_item *item = calloc(1, sizeof *item);
    RH_ASSERT(item != NULL);
    item->entry = entry;
    item->snapshot.total_bytes = RH_SIZE_UNKNOWN;
    item->snapshot.remaining_ms = RH_MS_NEVER;
    item->snapshot.retry_at_ms = RH_MS_NEVER;
    if (sender->item_count == sender->item_cap) {
        sender->item_cap = sender->item_cap == 0 ? 32 : sender->item_cap * 2;
        sender->items = realloc(sender->items, sender->item_cap * sizeof(struct rh_item *));
        RH_ASSERT(sender->items != NULL);
    }
    sender->items[sender->item_count++] = item;
    return item;
}

bool rh_item_over(const struct rh_item *item)
{
    enum rh_upload_state state = item->snapshot.state;
    return item->gone || item->refused || state == RH_UPLOAD_COMPLETED || state == RH_UPLOAD_FAILED;
}

/* ---- obeying ---- */

/* Whatever is kept for the engine must be kept. */
static void must(struct rh_sender *sender, enum rh_error error, const char *what)
{
    if (error == RH_OK || sender->fatal != RH_OK)
        return;
    sender->fatal = error;
    (void)snprintf(sender->why, sizeof sender->why, "%s: %s", what,
                   error == RH_ERR_FULL ? "no space is left" : strerror(errno));
}

static enum rh_error forget(const struct rh_sender *sender, struct rh_item *item,
                            const struct rh_action *action)
{
    struct rh_entry *entry = item->entry;
    struct rh_range all = {0, rh_entry_end(entry)};
    if (!action->forget.whole)
        return rh_entry_forget(entry, action->forget.range);
    /* Of a cancelled one the record stays until the server has heard of it. */
    if (item->snapshot.state == RH_UPLOAD_CANCELLED)
        return rh_entry_forget(entry, all);
    /* Before the journal ends: that the file is to go is written there. */
    struct rh_snapshot now;
    if ((entry->flags & RH_JOURNAL_REMOVE) != 0 &&
        rh_engine_look(sender->engine, rh_bytes_of(entry->id), &now) == RH_OK &&
        now.state == RH_UPLOAD_COMPLETED && now.proven)
        rh_watch_remove(entry);
    enum rh_error error = rh_entry_end_all(entry);
    item->gone = error == RH_OK;
    return error;
}

static enum rh_error erase_record(struct rh_item *item)
{
    if (item->snapshot.state != RH_UPLOAD_CANCELLED)
        return rh_entry_erase_record(item->entry);
    enum rh_error error = rh_entry_end_all(item->entry);
    item->gone = error == RH_OK;
    return error;
}

static enum rh_error keep(struct rh_sender *sender, struct rh_item *item,
                          const struct rh_action *action)
{
    if (action->upload[0] == '\0' && action->kind == RH_ACTION_PERSIST) {
        /* The engine's own: its counters. */
        return sender->leads
                   ? rh_file_replace(sender->spool->dir, ".", "counters", action->persist.bytes)
                   : RH_OK;
    }
    if (item == NULL || item->gone)
        return RH_OK;
    switch (action->kind) {
    case RH_ACTION_PERSIST:
        return rh_entry_persist(item->entry, action->persist.bytes);
    case RH_ACTION_ERASE_RECORD:
        return erase_record(item);
    default:
        return forget(sender, item, action);
    }
}

/*
 * What the engine relies on: nothing that it asks for later may be done before it. On a full disk
 * the reserve is spent first, since this is what makes room; then there is nothing to do but wait.
 */
static void keep_for_sure(struct rh_sender *sender, struct rh_item *item,
                          const struct rh_action *action)
{
    enum rh_error error = keep(sender, item, action);
    if (error == RH_ERR_FULL && rh_spool_spend_reserve(sender->spool))
        error = keep(sender, item, action);
    if (error == RH_ERR_FULL)
        rh_progress_say(sender->progress, "full",
                        "No space is left for the spool %s. Nothing is lost: everything waits "
                        "until there is some.",
                        sender->spool->path);
    while (error == RH_ERR_FULL && !*sender->interrupted) {
        struct timespec pause = {.tv_nsec = (long)FULL_MS * 1000000};
        (void)nanosleep(&pause, NULL);
        error = keep(sender, item, action);
    }
    must(sender, error, "the spool cannot be written");
}

static void notice(struct rh_sender *sender, struct rh_item *item, const struct rh_snapshot *now)
{
    struct rh_snapshot before = item->snapshot;
    item->snapshot = *now;
    if (!sender->told_leader || sender->stopping)
        return;
    if (now->reason == RH_REASON_NOT_LEADER)
        sender->fenced = true;
    else
        rh_progress_changed(sender->progress, item, &before, rh_clock_ms());
}

static void obey(struct rh_sender *sender, const struct rh_action *action)
{
    struct rh_item *item = item_of(sender, action->upload);
    struct rh_snapshot now;
    /* Whether it is cancelled matters to what forgetting means. */
    if (item != NULL && action->kind != RH_ACTION_NOTIFY &&
        rh_engine_look(sender->engine, rh_bytes_of(action->upload), &now) == RH_OK &&
        now.state == RH_UPLOAD_CANCELLED)
        item->snapshot.state = now.state;
    switch (action->kind) {
    case RH_ACTION_SEND:
        RH_ASSERT(item != NULL);
        rh_flight_start(sender, item, &action->send);
        break;
    case RH_ACTION_ABORT:
        rh_flight_abort(sender, action->abort.token);
        break;
    case RH_ACTION_WAKE_AT:
        sender->wake_at_ms = action->wake_at.at_ms;
        break;
    case RH_ACTION_PERSIST:
    case RH_ACTION_ERASE_RECORD:
    case RH_ACTION_FORGET:
        keep_for_sure(sender, item, action);
        break;
    case RH_ACTION_NOTIFY:
        if (item != NULL)
            notice(sender, item, &action->notify);
        break;
    case RH_ACTION_NEED_TOKEN:
        sender->token_wanted = true;
        break;
    case RH_ACTION_NOTIFY_QUEUE:
        break;
    }
}

enum rh_error rh_sender_tell(struct rh_sender *sender, struct rh_event *event)
{
    struct rh_action action;
    event->now_ms = rh_clock_ms();
    event->wall_ms = rh_wall_ms();
    enum rh_error error = rh_engine_tell(sender->engine, event);
    /* After a record that could not be made durable nothing that follows may be done. */
    while (sender->fatal == RH_OK && rh_engine_next(sender->engine, &action))
        obey(sender, &action);
    return error;
}

void rh_sender_tell_about(struct rh_sender *sender, struct rh_item *item, enum rh_event_kind kind)
{
    struct rh_event event = {.kind = kind};
    if (item != NULL)
        strcpy(event.upload, item->entry->id);
    (void)rh_sender_tell(sender, &event);
}

/* ---- what the engine is told of uploads ---- */

void rh_sender_inform(struct rh_sender *sender, struct rh_item *item)
{
    const struct rh_entry *entry = item->entry;
    struct rh_event event = {.kind = RH_EVENT_SPOOLED};
    if (!item->added || item->gone)
        return;
    strcpy(event.upload, entry->id);
    for (; item->told < entry->piece_count; item->told++) {
        const struct rh_piece *piece = &entry->pieces[item->told];
        if (!piece->held)
            continue;
        event.spooled.offset = piece->offset;
        event.spooled.length = piece->length;
        event.spooled.crc64 = piece->crc64;
        if (rh_sender_tell(sender, &event) == RH_ERR_LIMIT)
            return; /* there will be room when some of it is up */
    }
    if (!entry->sealed || item->told_seal || item->gone)
        return;
    event.kind = RH_EVENT_SEALED;
    event.sealed.size = entry->size;
    event.sealed.crc64 = entry->crc64;
    item->told_seal = true;
    if (rh_sender_tell(sender, &event) != RH_OK && item->trouble[0] == '\0')
        (void)snprintf(item->trouble, sizeof item->trouble,
                       "the spool's journal and the sender's record disagree");
}

/* Its record first. False: a newer version of Reelhaul wrote it. */
static bool tell_record(struct rh_sender *sender, struct rh_item *item)
{
    struct rh_event event = {.kind = RH_EVENT_RECORD};
    event.record.bytes = (struct rh_bytes){item->entry->record, item->entry->record_size};
    if (item->entry->record_size == 0 || rh_sender_tell(sender, &event) != RH_ERR_VERSION)
        return true;
    item->refused = true;
    (void)snprintf(item->trouble, sizeof item->trouble,
                   "a newer version of Reelhaul keeps it: use that one");
    return false;
}

/* Servers say how much they take. */
static bool fits(struct rh_sender *sender, struct rh_item *item)
{
    const struct rh_entry *entry = item->entry;
    char bytes[24];
    uint64_t size = entry->path != NULL ? entry->print.size : rh_entry_end(entry);
    if (size <= item->peer->size_max)
        return true;
    rh_show_bytes(item->peer->size_max, bytes);
    item->refused = true;
    (void)snprintf(item->trouble, sizeof item->trouble, "the server takes %s at most", bytes);
    rh_progress_say(sender->progress, "trouble", "%s: %s.", entry->shown, item->trouble);
    return false;
}

/* What was found out about its server holds for all of its life: another dialect would not find
 * what this one begins. RH_ERR_LIMIT: not now. */
static enum rh_error settle(struct rh_item *item)
{
    const char *name = rh_wire_name(item->peer->dialect);
    if (strcmp(item->entry->protocol, name) == 0)
        return RH_OK;
    return rh_entry_settle(item->entry, name) == RH_OK ? RH_OK : RH_ERR_LIMIT;
}

/* RH_ERR_LIMIT: the engine has no room for it yet. */
static enum rh_error tell_added(struct rh_sender *sender, struct rh_item *item)
{
    const struct rh_entry *entry = item->entry;
    struct rh_event event = {.kind = RH_EVENT_ADDED};
    if (item->peer == NULL)
        item->peer = rh_peer_of(sender, entry->to, entry->protocol);
    if (item->peer == NULL) {
        item->refused = true;
        (void)snprintf(item->trouble, sizeof item->trouble,
                       "its protocol %s is not known to this version", entry->protocol);
        return RH_OK;
    }
    if (item->peer->dialect == NULL || !fits(sender, item) || !tell_record(sender, item))
        return RH_OK;
    enum rh_error error = settle(item);
    if (error != RH_OK)
        return error;
    strcpy(event.upload, entry->id);
    event.added.size = entry->sealed         ? entry->size
                       : entry->path != NULL ? entry->print.size
                                             : RH_SIZE_UNKNOWN;
    event.now_ms = rh_clock_ms();
    event.wall_ms = rh_wall_ms();
    /* Nothing may be sent of it between this and what its dialect needs. */
    error = rh_engine_tell(sender->engine, &event);
    if (error == RH_ERR_LIMIT)
        return error;
    event.kind = RH_EVENT_TRAITS;
    event.traits.traits = rh_wire_traits(item->peer->dialect, item->peer->abilities);
    if (error == RH_OK)
        error = rh_sender_tell(sender, &event);
    item->added = error == RH_OK;
    item->refused = error != RH_OK;
    if (item->refused)
        (void)snprintf(item->trouble, sizeof item->trouble, "its record and its size disagree");
    if (item->lost)
        rh_sender_tell_about(sender, item, RH_EVENT_SOURCE_LOST);
    item->lost = false;
    rh_sender_inform(sender, item);
    return RH_OK;
}

/* In order, as long as the engine has room. */
static void feed(struct rh_sender *sender)
{
    for (size_t i = 0; sender->leads && i < sender->item_count; i++) {
        struct rh_item *item = sender->items[i];
        if (item->gone || item->refused || item->kept)
            continue;
        if (!item->added && tell_added(sender, item) == RH_ERR_LIMIT)
            return;
        if (item->added && item->told < item->entry->piece_count)
            rh_sender_inform(sender, item);
    }
}

/* ---- loading ---- */

/* Whether a user's file still is what was queued; the trouble says what to do. */
static void check_file(struct rh_item *item)
{
    struct rh_source source;
    struct rh_fingerprint print;
    const struct rh_entry *entry = item->entry;
    if (entry->path == NULL)
        return;
    enum rh_error error = rh_source_open(&source, entry, (struct rh_range){0, 0});
    if (error == RH_OK) {
        error = rh_fingerprint_take(source.fd, &print);
        if (error == RH_OK && !rh_fingerprint_equal(&print, &entry->print))
            error = RH_ERR_STATE;
    }
    rh_source_close(&source);
    if (error == RH_OK)
        return;
    item->lost = true;
    rh_item_lost_text(item, error);
}

void rh_item_lost_text(struct rh_item *item, enum rh_error error)
{
    const struct rh_entry *entry = item->entry;
    if (entry->path == NULL)
        (void)snprintf(item->trouble, sizeof item->trouble,
                       "its bytes in the spool are %s. What the server has of it is kept there; "
                       "drop it with: reelhaul push --cancel %s",
                       error == RH_ERR_CHECKSUM ? "damaged" : "gone", entry->id);
    else if (error == RH_ERR_UNKNOWN || error == RH_ERR_DENIED)
        (void)snprintf(item->trouble, sizeof item->trouble,
                       "%.200s cannot be read. Put it back and run `reelhaul push`, or drop it "
                       "with: reelhaul push --cancel %s",
                       entry->path, entry->id);
    else
        (void)snprintf(item->trouble, sizeof item->trouble,
                       "%.200s changed after it was queued. Queue it anew with: reelhaul push "
                       "FILE, and drop this one with: reelhaul push --cancel %s",
                       entry->path, entry->id);
}

static const char *trouble_text(enum rh_entry_trouble trouble)
{
    return trouble == RH_ENTRY_NEWER ? "a newer version of Reelhaul keeps it: use that one"
                                     : "its journal in the spool is damaged; it is left alone";
}

/* Loads one; NULL where there is nothing to send. */
static struct rh_item *load(struct rh_sender *sender, const char *id, enum rh_error *error)
{
    struct rh_entry *entry;
    enum rh_entry_trouble trouble;
    *error = rh_entry_load(sender->spool, id, true, &entry, &trouble);
    if (*error != RH_OK)
        return NULL;
    switch (trouble) {
    case RH_ENTRY_OVER:
        (void)rh_entry_end_all(entry);
        rh_entry_free(entry);
        return NULL;
    case RH_ENTRY_EMPTY:
        rh_entry_remove_debris(sender->spool, id);
        rh_entry_free(entry);
        return NULL;
    case RH_ENTRY_BUSY:
        rh_entry_free(entry);
        return NULL;
    case RH_ENTRY_NEWER:
    case RH_ENTRY_DAMAGED:
    case RH_ENTRY_FINE:
        break;
    }
    struct rh_item *item = rh_sender_add(sender, entry);
    if (trouble != RH_ENTRY_FINE) {
        item->refused = true;
        (void)snprintf(item->trouble, sizeof item->trouble, "%s", trouble_text(trouble));
        rh_progress_say(sender->progress, "trouble", "%s: %s.", entry->id, item->trouble);
        return item;
    }
    struct rh_snapshot snapshot;
    if (entry->record_size > 0 && rh_sender_peek(sender->options, entry, &snapshot) &&
        snapshot.state == RH_UPLOAD_COMPLETED && !snapshot.proven) {
        item->kept = true; /* nobody need be asked about it */
        item->snapshot = snapshot;
        return item;
    }
    check_file(item);
    rh_progress_queued(sender->progress, item, true);
    return item;
}

/* What was queued by this process, as another one that sent meanwhile may have left it. */
static void reload(struct rh_sender *sender, struct rh_item *item)
{
    struct rh_entry *entry;
    enum rh_entry_trouble trouble;
    bool ours_alone = item->entry->path == NULL && !item->entry->sealed; /* locked */
    if (ours_alone || item->added)
        return;
    enum rh_error error = rh_entry_load(sender->spool, item->entry->id, true, &entry, &trouble);
    if (error != RH_OK)
        return;
    if (trouble == RH_ENTRY_EMPTY || trouble == RH_ENTRY_OVER) {
        item->gone = true;
        item->snapshot.state = RH_UPLOAD_COMPLETED;
        item->snapshot.proven = true;
        rh_entry_free(entry);
        rh_progress_say(sender->progress, "sent_by_other", "%s was sent by the other one.",
                        item->entry->shown);
        return;
    }
    rh_entry_free(item->entry);
    item->entry = entry;
}

size_t rh_sender_rescan(struct rh_sender *sender)
{
    char(*ids)[RH_SPOOL_ID_MAX + 1];
    size_t count;
    size_t found = 0;
    enum rh_error error = rh_spool_list(sender->spool, &ids, &count);
    for (size_t i = 0; error == RH_OK && i < count; i++)
        if (item_of(sender, ids[i]) == NULL)
            found += load(sender, ids[i], &error) != NULL;
    free(ids);
    must(sender, error, "the spool cannot be read");
    feed(sender);
    return found;
}

size_t rh_sender_prune(struct rh_sender *sender, const struct rh_item *reading)
{
    size_t kept = 0;
    size_t completed = 0;
    for (size_t i = 0; i < sender->item_count; i++) {
        struct rh_item *item = sender->items[i];
        bool needed = !item->gone || item == reading;
        for (const struct rh_flight *f = sender->flights; f != NULL && !needed; f = f->next)
            needed = f->item == item;
        if (needed) {
            sender->items[kept++] = item;
            continue;
        }
        completed += item->snapshot.state == RH_UPLOAD_COMPLETED;
        rh_entry_free(item->entry);
        free(item);
    }
    sender->item_count = kept;
    return completed;
}

/* What the engine counted in its earlier lives. Without it it counts from nothing. */
static void tell_counters(struct rh_sender *sender)
{
    struct rh_event event = {.kind = RH_EVENT_RECORD};
    uint8_t *bytes;
    size_t size;
    if (rh_file_load(sender->spool->dir, "counters", RH_RECORD_MAX, &bytes, &size) != RH_OK)
        return;
    event.record.bytes = (struct rh_bytes){bytes, size};
    (void)rh_sender_tell(sender, &event);
    free(bytes);
}

enum rh_error rh_sender_lead(struct rh_sender *sender)
{
    struct rh_event event = {.kind = RH_EVENT_LIMIT};
    size_t own = sender->item_count;
    sender->leads = true;
    rh_spool_reserve(sender->spool);
    tell_counters(sender);
    for (size_t i = 0; i < own; i++)
        reload(sender, sender->items[i]);
    event.limit.bytes_per_s = sender->options->limit_bytes_s;
    (void)rh_sender_tell(sender, &event);
    (void)rh_sender_rescan(sender);
    if (sender->fatal != RH_OK)
        return sender->fatal;
    sender->told_leader = true;
    rh_sender_tell_about(sender, NULL, RH_EVENT_LEADER);
    /* Whoever calls push wants another try of what failed. */
    rh_sender_tell_about(sender, NULL, RH_EVENT_RETRY);
    return sender->fatal;
}

/* ---- time ---- */

static void see_to_token(struct rh_sender *sender)
{
    char fresh[sizeof sender->token];
    if (!sender->token_wanted)
        return;
    if (sender->token_refused < sender->token_number) { /* what was refused was the one before */
        sender->token_wanted = false;
        rh_sender_tell_about(sender, NULL, RH_EVENT_TOKEN);
        return;
    }
    enum rh_error error = rh_token_read(sender->options->token_file, fresh, sizeof fresh);
    if (error != RH_OK || strcmp(fresh, sender->token) == 0) {
        sender->token_stale = true;
        return;
    }
    strcpy(sender->token, fresh);
    sender->token_number++;
    sender->token_stale = false;
    sender->token_wanted = false;
    rh_sender_tell_about(sender, NULL, RH_EVENT_TOKEN);
}

static void see_to_lost(struct rh_sender *sender, struct rh_item *item)
{
    if (item->verify) {
        enum rh_error error = rh_source_verify(item->entry, item->verify_range);
        item->verify = false;
        if (error == RH_ERR_CHECKSUM || error == RH_ERR_STATE || error == RH_ERR_UNKNOWN) {
            item->lost = true;
            rh_item_lost_text(item, error);
        }
    }
    if (!item->lost || !item->added)
        return;
    item->lost = false;
    rh_sender_tell_about(sender, item, RH_EVENT_SOURCE_LOST);
}

/*
 * Complete as far as the server says, without a proof. What is the user's own file is let go of: it
 * stays where it is. What came from standard input exists nowhere else: only who trusts the server
 * lets go of that.
 */
static void see_to_unproven(struct rh_sender *sender, struct rh_item *item)
{
    bool may_go = sender->options->trust_server || item->entry->path != NULL;
    if (item->snapshot.state != RH_UPLOAD_COMPLETED || item->snapshot.proven || !may_go)
        return;
    must(sender, rh_entry_end_all(item->entry), "the spool cannot be written");
    if (sender->fatal != RH_OK)
        return;
    item->gone = true;
    if (item->added)
        rh_sender_tell_about(sender, item, RH_EVENT_REMOVE);
}

static void see_to(struct rh_sender *sender, struct rh_item *item)
{
    see_to_lost(sender, item);
    if (sender->leads && (item->added || item->kept))
        see_to_unproven(sender, item);
}

void rh_sender_step(struct rh_sender *sender)
{
    struct rh_event wake = {.kind = RH_EVENT_WAKE};
    rh_flights_step(sender);
    rh_peers_step(sender);
    feed(sender);
    for (size_t i = 0; i < sender->item_count; i++)
        if (!sender->items[i]->gone)
            see_to(sender, sender->items[i]);
    see_to_token(sender);
    if (rh_clock_ms() >= sender->wake_at_ms) {
        sender->wake_at_ms = RH_MS_NEVER;
        (void)rh_sender_tell(sender, &wake);
    }
}

rh_ms rh_sender_due_ms(const struct rh_sender *sender)
{
    rh_ms now_ms = rh_clock_ms();
    rh_ms due_ms = RH_MS_NEVER;
    if (sender->wake_at_ms != RH_MS_NEVER)
        due_ms = sender->wake_at_ms > now_ms ? sender->wake_at_ms - now_ms : 0;
    for (const struct rh_flight *f = sender->flights; f != NULL; f = f->next)
        if (f->call == NULL)
            return 0;
    rh_ms peers_ms = rh_peers_due_ms(sender, now_ms);
    due_ms = peers_ms < due_ms ? peers_ms : due_ms;
    if (sender->token_wanted && due_ms > TOKEN_POLL_MS)
        due_ms = TOKEN_POLL_MS;
    return due_ms;
}

void rh_sender_stop(struct rh_sender *sender)
{
    struct rh_event left = {.kind = RH_EVENT_LEFT};
    sender->stopping = true;
    rh_sender_tell_about(sender, NULL, RH_EVENT_LEADER_LOST);
    (void)rh_sender_tell(sender, &left);
}

/* ---- life ---- */

enum rh_error rh_sender_init(struct rh_sender *sender, struct rh_spool *spool,
                             const struct rh_options *options, struct rh_progress *progress)
{
    struct rh_limits limits = rh_limits_default;
    uint64_t seed = 0;
    *sender = (struct rh_sender){.spool = spool, .options = options, .progress = progress};
    limits.uploads_max = UPLOADS_MAX;
    limits.segments_max = SEGMENTS_MAX;
    limits.intervals_max = INTERVALS_MAX;
    sender->wake_at_ms = RH_MS_NEVER;
    sender->token_number = 1;
    sender->engine_memory = malloc(rh_engine_size(&limits));
    sender->wire_memory = malloc(RH_WIRE_MEMORY);
    if (sender->engine_memory == NULL || sender->wire_memory == NULL ||
        rh_transport_create(&sender->transport, options->cacert) != RH_OK) {
        rh_sender_finish(sender);
        return RH_ERR_MEMORY;
    }
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        seed = rh_clock_ms(); /* only jitter hangs on it */
    rh_rng_init(&sender->rng, seed);
    sender->engine = rh_engine_init(sender->engine_memory, &limits, &options->policy, seed);
    return RH_OK;
}

void rh_sender_finish(struct rh_sender *sender)
{
    while (sender->flights != NULL)
        rh_flight_free(sender, sender->flights);
    rh_peers_free(sender);
    for (size_t i = 0; i < sender->item_count; i++) {
        rh_entry_free(sender->items[i]->entry);
        free(sender->items[i]);
    }
    free(sender->items);
    rh_transport_destroy(sender->transport);
    free(sender->engine_memory);
    free(sender->wire_memory);
    memset(sender->token, 0, sizeof sender->token);
    *sender = (struct rh_sender){0};
}
