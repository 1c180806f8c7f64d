/* SPDX-License-Identifier: MIT */
/* Actions out, one at a time: each call looks for the first thing that is owed. Nothing queues, so
 * nothing overflows. */
#include "base/bytes.h"
#include "base/mem.h"
#include "base/plant.h"
#include "engine/state.h"

static void about(struct rh_action *action, enum rh_action_kind kind, const char *upload)
{
    rh_mem_set(action, 0, sizeof *action);
    action->kind = kind;
    if (upload != NULL)
        rh_mem_copy(action->upload, upload, rh_str_size(upload));
}

static bool next_abort(struct rh_engine *e, struct rh_action *action)
{
    for (uint32_t i = 0; i < e->limits.parts_max; i++) {
        struct rh_request *r = &e->requests[i];
        if (r->abort_token == 0)
            continue;
        about(action, RH_ACTION_ABORT, NULL);
        action->abort.token = r->abort_token;
        r->abort_token = 0;
        return true;
    }
    return false;
}

/*
 * Parts of a fixed geometry are sent whole: as long as a byte of one is missing there, all of its
 * bytes are needed here, also those that a broken body brought across.
 */
static bool needed_again(struct rh_engine *e, struct rh_upload *u, const struct rh_segment *s)
{
    struct rh_books books = rh_upload_books(e, u);
    uint64_t part = rh_link_geometry(e, u);
    uint64_t from = s->offset / part * part;
    uint64_t end = s->offset + s->length;
    if (!rh_upload_has(e, u, RH_TRAIT_FIXED_PARTS))
        return false;
    end += (part - end % part) % part;
    end = end < u->size ? end : u->size; /* while it grows nothing is sent anyway */
    return !rh_ledger_covers(&books, (struct rh_range){from, end - from});
}

/* Segments whose every byte a verified receipt covers with kept=until-complete, as one range. */
static bool forget_receipted(struct rh_engine *e, struct rh_upload *u, struct rh_range *out)
{
    struct rh_books books = rh_upload_books(e, u);
    struct rh_range safe = {0, 0};
    uint32_t i = rh_segments_held(&e->segments, &u->segments);
    out->length = 0;
    for (; i != RH_NO_INDEX; i = e->segments.items[i].next) {
        struct rh_segment *s = &e->segments.items[i];
        if (s->offset >= safe.offset + safe.length &&
            !rh_ledger_safe_run(&books, s->offset, &safe) && !RH_PLANTED("forget-before-receipt"))
            break;
        bool is_safe = s->held && s->offset >= safe.offset &&
                       s->offset + s->length <= safe.offset + safe.length && !needed_again(e, u, s);
        if (RH_PLANTED("forget-before-receipt"))
            is_safe = s->held;
        bool joins = out->length > 0 && out->offset + out->length == s->offset;
        if (out->length > 0 && (!is_safe || !joins))
            break;
        if (!is_safe)
            continue;
        if (out->length == 0)
            out->offset = s->offset;
        out->length += s->length;
        rh_segments_release(&u->segments, s);
    }
    return out->length > 0;
}

static bool next_forget(struct rh_engine *e, struct rh_upload *u, struct rh_action *action)
{
    bool proven = u->end == RH_UPLOAD_COMPLETED && u->proven;
    proven = proven || (RH_PLANTED("forget-unproven") && u->sealed && rh_upload_flying(e, u));
    bool given_up = u->end == RH_UPLOAD_CANCELLED;
    if ((given_up || (proven && e->policy.keep != RH_KEEP_FOR_GOOD)) && !u->forgot_whole) {
        u->forgot_whole = true;
        u->persist_now = !given_up;
        for (uint32_t i = u->segments.first; i != RH_NO_INDEX; i = e->segments.items[i].next)
            rh_segments_release(&u->segments, &e->segments.items[i]);
        about(action, RH_ACTION_FORGET, u->id);
        action->forget.whole = true;
        return true;
    }
    bool early = e->policy.keep == RH_KEEP_UNTIL_RECEIPT ||
                 (e->policy.keep == RH_KEEP_UNTIL_PROVEN && e->policy.free_under_pressure &&
                  e->pressure == RH_PRESSURE_CRITICAL);
    struct rh_range range;
    bool news = u->forgot_changes != u->acks.changes || u->forgot_count != u->segments.count ||
                RH_PLANTED("forget-before-receipt");
    if (!early || !news || rh_upload_over(u) || u->doubt || u->distrust)
        return false;
    if (!forget_receipted(e, u, &range)) {
        u->forgot_changes = u->acks.changes;
        u->forgot_count = u->segments.count;
        return false;
    }
    about(action, RH_ACTION_FORGET, u->id);
    action->forget.range = range;
    return true;
}

static bool next_persist(struct rh_engine *e, struct rh_upload *u, struct rh_action *action)
{
    bool due = u->persist_at_ms != RH_MS_NEVER && e->now_ms >= u->persist_at_ms;
    if (!u->persist_now && !due)
        return false;
    u->persist_now = false;
    u->persist_at_ms = RH_MS_NEVER;
    if (u->erased || u->remove_wanted)
        return false;
    about(action, RH_ACTION_PERSIST, u->id);
    action->persist.bytes = (struct rh_bytes){e->record, rh_record_write(e, u)};
    return true;
}

static bool next_token(struct rh_engine *e, struct rh_upload *u, struct rh_action *action)
{
    if (!u->need_token || u->token_asked || e->now_ms < u->token_at_ms)
        return false;
    u->token_asked = true;
    about(action, RH_ACTION_NEED_TOKEN, u->id);
    return true;
}

/*
 * Behind the forgetting: the record says that the upload was given up, and bytes without it would
 * look like a recording that nobody has sent yet. A cancelled upload stays on the list until it is
 * removed.
 */
static bool next_erase(struct rh_upload *u, struct rh_action *action)
{
    if (!u->erase_now)
        return false;
    u->erase_now = false;
    u->erased = true;
    about(action, RH_ACTION_ERASE_RECORD, u->id);
    return true;
}

static bool next_counters(struct rh_engine *e, struct rh_action *action)
{
    bool due =
        e->counters_now || (e->counters_at_ms != RH_MS_NEVER && e->now_ms >= e->counters_at_ms);
    if (!due || !e->leader || e->counters_newer)
        return false;
    e->counters_now = false;
    e->counters_at_ms = RH_MS_NEVER;
    about(action, RH_ACTION_PERSIST, NULL);
    action->persist.bytes = (struct rh_bytes){e->record, rh_counters_write(e)};
    return true;
}

/* What must be done before anything new is sent. */
static bool next_duty(struct rh_engine *e, struct rh_action *action)
{
    if (next_abort(e, action))
        return true;
    if (e->evicted[0] != 0) {
        about(action, RH_ACTION_ERASE_RECORD, e->evicted);
        rh_mem_set(e->evicted, 0, sizeof e->evicted);
        return true;
    }
    for (uint32_t i = 0; i < e->count; i++) {
        struct rh_upload *u = &e->uploads[e->order[i]];
        if (u->remove_wanted && !u->erase_now) {
            rh_engine_drop(e, u);
            i--;
            continue;
        }
        if (next_persist(e, u, action) || next_forget(e, u, action) || next_erase(u, action) ||
            next_token(e, u, action))
            return true;
    }
    return next_counters(e, action);
}

static bool next_notify(struct rh_engine *e, struct rh_action *action)
{
    rh_plan_count(e);
    for (uint32_t i = 0; i < e->count; i++) {
        struct rh_upload *u = &e->uploads[e->order[i]];
        enum rh_upload_state state;
        enum rh_reason reason;
        rh_upload_shown(e, u, u->flying > 0, &state, &reason);
        bool due = u->notify_at_ms != RH_MS_NEVER && e->now_ms >= u->notify_at_ms;
        bool moved = state != u->told_state || reason != u->told_reason;
        if (!u->notify_now && !due && !moved)
            continue;
        e->queue_dirty = e->queue_dirty || state != u->told_state || u->notify_now;
        u->notify_now = false;
        u->notify_at_ms = RH_MS_NEVER;
        u->notified_ms = e->now_ms;
        u->told_state = state;
        u->told_reason = reason;
        about(action, RH_ACTION_NOTIFY, u->id);
        rh_upload_snapshot(e, u, &action->notify);
        return true;
    }
    return false;
}

static bool next_queue(struct rh_engine *e, struct rh_action *action)
{
    if (!e->queue_dirty)
        return false;
    e->queue_dirty = false;
    struct rh_queue q = {.total = e->count};
    for (uint32_t i = 0; i < e->count; i++) {
        switch (e->uploads[e->order[i]].told_state) {
        case RH_UPLOAD_PENDING:
            q.pending++;
            break;
        case RH_UPLOAD_UPLOADING:
            q.uploading++;
            break;
        case RH_UPLOAD_PAUSED:
            q.paused++;
            break;
        case RH_UPLOAD_COMPLETED:
            q.completed++;
            break;
        case RH_UPLOAD_FAILED:
            q.failed++;
            break;
        default:
            q.cancelled++;
            break;
        }
    }
    if (rh_mem_compare(&q, &e->told_queue, sizeof q) == 0)
        return false;
    e->told_queue = q;
    about(action, RH_ACTION_NOTIFY_QUEUE, NULL);
    action->queue = q;
    return true;
}

/* Only an earlier wake is told: one that comes too early does no harm, and deadlines move with
 * every byte. */
static bool next_wake(struct rh_engine *e, struct rh_action *action)
{
    rh_ms at = rh_engine_deadline(e);
    if (at >= e->wake_told_ms)
        return false;
    e->wake_told_ms = at;
    about(action, RH_ACTION_WAKE_AT, NULL);
    action->wake_at.at_ms = at;
    return true;
}

bool rh_engine_next(struct rh_engine *engine, struct rh_action *action)
{
    if (next_duty(engine, action))
        return true;
    if (!engine->plan_idle) {
        rh_mem_set(action, 0, sizeof *action);
        if (rh_plan_next(engine, action))
            return true;
        engine->plan_idle = true;
        if (next_duty(engine, action)) /* planning may have failed an upload */
            return true;
    }
    return next_notify(engine, action) || next_queue(engine, action) || next_wake(engine, action);
}
