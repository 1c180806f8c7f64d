/* SPDX-License-Identifier: MIT */
/* What to send next: which upload, which request, which range. */
#include "base/bytes.h"
#include "base/mem.h"
#include "base/plant.h"
#include "engine/state.h"

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool has_trait(const struct rh_engine *e, uint32_t trait)
{
    return (e->policy.traits & trait) != 0;
}

static bool is_part_of(const struct rh_request *r, uint32_t index)
{
    return r->phase != RH_REQUEST_FREE && r->upload == index && r->kind == RH_SEND_PART;
}

static uint32_t count_parts(const struct rh_engine *e, uint32_t index, enum rh_request_phase phase)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < e->limits.parts_max; i++)
        count += is_part_of(&e->requests[i], index) && e->requests[i].phase == phase;
    return count;
}

static bool control_flying(const struct rh_engine *e, uint32_t index)
{
    for (uint32_t i = 0; i < e->limits.parts_max; i++) {
        const struct rh_request *r = &e->requests[i];
        if (r->phase == RH_REQUEST_FLYING && r->upload == index && r->kind != RH_SEND_PART)
            return true;
    }
    return false;
}

static struct rh_request *free_request(const struct rh_engine *e)
{
    for (uint32_t i = 0; i < e->limits.parts_max; i++)
        if (e->requests[i].phase == RH_REQUEST_FREE && e->requests[i].abort_token == 0)
            return &e->requests[i];
    return NULL;
}

/*
 * A slot for a new part. One is left for requests that are no parts, or nobody could be asked any
 * more. Where parts that wait or were set aside hold the others, one of an upload that is not at
 * work gives way: its range is a hole again, and only the count of its tries is lost.
 */
static struct rh_request *free_part(const struct rh_engine *e, uint32_t index)
{
    struct rh_request *first = NULL;
    struct rh_request *idle = NULL;
    uint32_t count = 0;
    for (uint32_t i = 0; i < e->limits.parts_max; i++) {
        struct rh_request *r = &e->requests[i];
        if (r->abort_token != 0 || r->phase == RH_REQUEST_FLYING)
            continue;
        if (r->phase == RH_REQUEST_FREE) {
            first = first == NULL ? r : first;
            count++;
        } else if (idle == NULL && r->upload != index && !e->uploads[r->upload].active) {
            idle = r;
        }
    }
    return count > 1 || e->limits.parts_max == 1 ? first : idle;
}

/* ---- holes ---- */

/* If a part in flight, waiting or aside holds the byte: its end. Else `*stop` falls to the next
 * part's start. */
static bool reserved(const struct rh_engine *e, uint32_t index, uint64_t at, uint64_t *end,
                     uint64_t *stop)
{
    for (uint32_t i = 0; i < e->limits.parts_max; i++) {
        const struct rh_request *r = &e->requests[i];
        if (!is_part_of(r, index))
            continue;
        if (r->range.offset > at) {
            *stop = min_u64(*stop, r->range.offset);
        } else if (at - r->range.offset < r->range.length) {
            *end = r->range.offset + r->range.length;
            return true;
        }
    }
    return false;
}

/* The first bytes that are held, not vouched for, and in no part. */
static bool find_hole(struct rh_engine *e, struct rh_upload *u, struct rh_range *hole)
{
    struct rh_books books = rh_upload_books(e, u);
    uint32_t index = rh_engine_index(e, u);
    uint64_t end = rh_segments_end(&e->segments, &u->segments);
    uint64_t at = 0;
    while (at < end) {
        struct rh_range run;
        uint64_t stop = end;
        if (rh_ledger_run(&books, at, &run)) {
            if (run.offset == at) {
                at += run.length;
                continue;
            }
            stop = min_u64(stop, run.offset);
        }
        uint64_t part_end;
        if (reserved(e, index, at, &part_end, &stop)) {
            at = part_end;
            continue;
        }
        if (!rh_segments_run(&e->segments, &u->segments, at, &run))
            return false;
        if (run.offset > at) {
            at = run.offset;
            continue;
        }
        *hole = (struct rh_range){at, min_u64(stop, at + run.length) - at};
        return true;
    }
    return false;
}

bool rh_plan_bytes_missing(struct rh_engine *engine, struct rh_upload *upload)
{
    struct rh_books books = rh_upload_books(engine, upload);
    uint64_t end = rh_segments_end(&engine->segments, &upload->segments);
    if (upload->source_complete || upload->source_lost)
        end = upload->size != RH_SIZE_UNKNOWN ? upload->size : rh_upload_spooled(engine, upload);
    uint64_t at = 0;
    while (at < end) {
        struct rh_range run;
        if (rh_ledger_run(&books, at, &run) && run.offset == at) {
            at += run.length;
            continue;
        }
        if (!rh_segments_run(&engine->segments, &upload->segments, at, &run) || run.offset != at)
            return true;
        at += run.length;
    }
    return false;
}

/* The largest cut of the hole that fits in a part, on a segment boundary where one lies in it. */
static uint64_t cut_length(const struct rh_engine *e, const struct rh_upload *u,
                           struct rh_range hole, uint64_t length_max)
{
    if (hole.length <= length_max)
        return hole.length;
    uint64_t best = 0;
    const struct rh_segment *s = rh_segments_at(&e->segments, &u->segments, hole.offset);
    while (s != NULL && s->offset + s->length - hole.offset <= length_max) {
        best = s->offset + s->length - hole.offset;
        s = s->next == RH_NO_INDEX ? NULL : &e->segments.items[s->next];
    }
    return best > 0 ? best : length_max;
}

/* A fixed part: the whole chunk that the hole's first byte lies in. */
static bool fixed_part(struct rh_engine *e, struct rh_upload *u, struct rh_range *range)
{
    uint64_t part = e->policy.part_bytes;
    uint64_t start = range->offset / part * part;
    if (u->size == RH_SIZE_UNKNOWN)
        return false;
    *range = (struct rh_range){start, min_u64(part, u->size - start)};
    return rh_segments_hold(&e->segments, &u->segments, *range);
}

/* May this part wait for more bytes of a growing upload? */
static bool may_wait(const struct rh_engine *e, const struct rh_upload *u, struct rh_range hole)
{
    uint64_t end = rh_segments_end(&e->segments, &u->segments);
    if (u->sealed || hole.offset + hole.length != end || hole.length >= u->part_bytes)
        return false;
    if (u->unsent_since_ms == RH_MS_NEVER || e->policy.part_wait_ms == 0)
        return false;
    return e->policy.part_wait_ms == UINT32_MAX ||
           e->now_ms - u->unsent_since_ms < e->policy.part_wait_ms;
}

static bool choose_part(struct rh_engine *e, struct rh_upload *u, struct rh_range *range)
{
    if (!find_hole(e, u, range))
        return false;
    if (has_trait(e, RH_TRAIT_FIXED_PARTS))
        return fixed_part(e, u, range);
    if (may_wait(e, u, *range))
        return false;
    uint64_t length_max = u->part_bytes;
    if (e->limit_bytes_s > 0) {
        /* About a second of the allowance, so that a limit does not come as bursts. */
        uint64_t share = e->limit_bytes_s > e->policy.part_bytes_min ? e->limit_bytes_s
                                                                     : e->policy.part_bytes_min;
        length_max = min_u64(length_max, share);
    }
    range->length = cut_length(e, u, *range, length_max);
    range->length += RH_PLANTED("send-past-segment") && !u->sealed ? 1 : 0;
    return true;
}

/* ---- requests ---- */

static bool put_send(struct rh_engine *e, struct rh_upload *u, struct rh_request *r,
                     struct rh_action *action)
{
    r->phase = RH_REQUEST_FLYING;
    r->upload = rh_engine_index(e, u);
    r->token = e->token_next;
    r->sent_bytes = 0;
    r->started_ms = e->now_ms;
    r->progress_ms = e->now_ms;
    e->token_next = e->token_next == UINT32_MAX ? 1 : e->token_next + 1;

    action->kind = RH_ACTION_SEND;
    rh_mem_copy(action->upload, u->id, sizeof action->upload);
    struct rh_send *send = &action->send;
    *send = (struct rh_send){
        .token = r->token,
        .kind = r->kind,
        .total = u->size,
        .part_bytes = e->policy.part_bytes,
        .attempt = 1 + (u->failures > r->attempts ? u->failures : r->attempts),
    };
    rh_mem_copy(send->remote, u->remote, sizeof send->remote);
    if (r->kind == RH_SEND_PART) {
        send->range = r->range;
        send->crc64 = r->crc_known ? r->crc64 : 0;
        send->crc_known = r->crc_known;
        r->coding = rh_outcome_coding(e, u);
        u->coding = r->coding;
        send->coding = r->coding;
        send->final = u->size != RH_SIZE_UNKNOWN && r->range.offset + r->range.length == u->size;
        if (e->limit_bytes_s > 0) {
            rh_ms from = e->pace_at_ms > e->now_ms ? e->pace_at_ms : e->now_ms;
            e->pace_at_ms = from + r->range.length * 1000 / e->limit_bytes_s;
        }
    } else if (r->kind == RH_SEND_FINISH) {
        send->crc64 = u->crc64;
        send->crc_known = true;
    }
    u->retry_at_ms = RH_MS_NEVER;
    rh_count_send(e, u);
    return true;
}

static bool send_control(struct rh_engine *e, struct rh_upload *u, enum rh_send_kind kind,
                         struct rh_action *action)
{
    struct rh_request *r = free_request(e);
    if (r == NULL)
        return false;
    *r = (struct rh_request){.kind = kind};
    return put_send(e, u, r, action);
}

/* A part that waits and is due, or NULL. */
static struct rh_request *due_part(const struct rh_engine *e, uint32_t index)
{
    struct rh_request *first = NULL;
    for (uint32_t i = 0; i < e->limits.parts_max; i++) {
        struct rh_request *r = &e->requests[i];
        if (r->phase == RH_REQUEST_WAITING && r->upload == index && r->retry_at_ms <= e->now_ms &&
            r->abort_token == 0 && (first == NULL || r->range.offset < first->range.offset))
            first = r;
    }
    return first;
}

static bool send_part(struct rh_engine *e, struct rh_upload *u, struct rh_action *action)
{
    uint32_t index = rh_engine_index(e, u);
    uint32_t slots = count_parts(e, index, RH_REQUEST_FLYING);
    struct rh_request *r = due_part(e, index);
    /* Without set_aside parts go one after the other: one that waits for its retry keeps its slot.
     */
    if (!e->policy.set_aside)
        slots += count_parts(e, index, RH_REQUEST_WAITING) - (r != NULL);
    if (slots >= e->policy.parts_parallel + (RH_PLANTED("too-many-parts") ? 2 : 0))
        return false;
    if (e->limit_bytes_s > 0 && e->now_ms < e->pace_at_ms)
        return false;
    if (r != NULL) {
        if (!has_trait(e, RH_TRAIT_FIXED_PARTS) && r->range.length > u->part_bytes)
            r->range.length = cut_length(e, u, r->range, u->part_bytes);
    } else {
        struct rh_range range;
        r = free_part(e, index);
        if (r == NULL || !choose_part(e, u, &range))
            return false;
        *r = (struct rh_request){.kind = RH_SEND_PART, .range = range};
        if (range.offset + range.length == rh_segments_end(&e->segments, &u->segments))
            u->unsent_since_ms = RH_MS_NEVER;
    }
    r->crc_known = rh_segments_crc(&e->segments, &u->segments, r->range, &r->crc64);
    return put_send(e, u, r, action);
}

/* All is up, but for parts set aside: they get one more round, then the upload fails for now. */
static void last_chance(struct rh_engine *e, struct rh_upload *u)
{
    uint32_t index = rh_engine_index(e, u);
    if (u->final_round) {
        rh_upload_fail(e, u, RH_REASON_SET_ASIDE);
        return;
    }
    u->final_round = true;
    for (uint32_t i = 0; i < e->limits.parts_max; i++) {
        struct rh_request *r = &e->requests[i];
        if (r->phase != RH_REQUEST_ASIDE || r->upload != index)
            continue;
        r->phase = RH_REQUEST_WAITING;
        r->attempts = 0;
        r->retry_at_ms = e->now_ms;
    }
}

/* A video of numbered parts has at least one: without it the server never hears that it is whole.
 */
static bool send_empty(struct rh_engine *e, struct rh_upload *u, struct rh_action *action)
{
    struct rh_request *r = free_request(e);
    if (r == NULL)
        return false;
    *r = (struct rh_request){.kind = RH_SEND_PART, .crc_known = true};
    return put_send(e, u, r, action);
}

static bool send_finish(struct rh_engine *e, struct rh_upload *u, struct rh_action *action)
{
    struct rh_books books = rh_upload_books(e, u);
    uint32_t index = rh_engine_index(e, u);
    if (!u->sealed)
        return false;
    if (u->server_done)
        return send_control(e, u, RH_SEND_FINISH, action);
    if (count_parts(e, index, RH_REQUEST_FLYING) + count_parts(e, index, RH_REQUEST_WAITING) > 0)
        return false;
    if (u->size == 0 && has_trait(e, RH_TRAIT_FIXED_PARTS))
        return send_empty(e, u, action);
    if (rh_ledger_covers(&books, (struct rh_range){0, u->size}))
        return send_control(e, u, RH_SEND_FINISH, action);
    if (count_parts(e, index, RH_REQUEST_ASIDE) > 0) {
        struct rh_range hole;
        if (find_hole(e, u, &hole) && free_part(e, index) != NULL)
            return false;
        last_chance(e, u);
        return !rh_upload_over(u) && send_part(e, u, action);
    }
    return false;
}

/* Nothing but what keeps this very upload from sending; what holds for all is asked before. */
static bool blocked(const struct rh_engine *e, const struct rh_upload *u)
{
    return rh_upload_over(u) || u->user_paused || u->need_token ||
           (u->retry_at_ms != RH_MS_NEVER && u->retry_at_ms > e->now_ms);
}

static bool try_upload(struct rh_engine *e, struct rh_upload *u, struct rh_action *action)
{
    uint32_t index = rh_engine_index(e, u);
    if (blocked(e, u) || control_flying(e, index))
        return false;
    if (u->remote[0] == 0 || u->recheck) {
        if (count_parts(e, index, RH_REQUEST_FLYING) > 0)
            return false;
        if (has_trait(e, RH_TRAIT_SEALED_ONLY) && !u->sealed)
            return false;
        return send_control(e, u, RH_SEND_CREATE, action);
    }
    if (u->poll_at_ms != RH_MS_NEVER) {
        if (e->now_ms < u->poll_at_ms)
            return false;
        u->doubt = true;
        u->poll_at_ms = RH_MS_NEVER;
    }
    if (u->doubt) {
        /* Not beside parts in flight: what they add would be missing from the answer. */
        if (count_parts(e, index, RH_REQUEST_FLYING) > 0)
            return false;
        return send_control(e, u, RH_SEND_ASK, action);
    }
    if (!u->server_done && rh_plan_bytes_missing(e, u)) {
        rh_upload_fail(e, u, RH_REASON_BYTES_MISSING);
        return false;
    }
    if (u->server_done)
        return send_finish(e, u, action);
    return send_part(e, u, action) || send_finish(e, u, action);
}

/* A cancel is nobody's turn: it goes as soon as it can. */
static bool try_cancels(struct rh_engine *e, struct rh_action *action)
{
    for (uint32_t i = 0; i < e->count; i++) {
        struct rh_upload *u = &e->uploads[e->order[i]];
        if (!u->cancel_wanted || u->remote[0] == 0 || u->need_token)
            continue;
        if (u->retry_at_ms != RH_MS_NEVER && u->retry_at_ms > e->now_ms)
            continue;
        if (!control_flying(e, e->order[i]) && send_control(e, u, RH_SEND_CANCEL, action))
            return true;
    }
    return false;
}

bool rh_plan_next(struct rh_engine *engine, struct rh_action *action)
{
    if (!engine->leader || (!engine->online && !engine->policy.offline_is_attempt))
        return false;
    if (engine->now_ms < engine->left_until_ms)
        return false;
    if (try_cancels(engine, action))
        return true;
    if (engine->held)
        return false;
    uint32_t active = 0;
    for (uint32_t i = 0; i < engine->count; i++) {
        struct rh_upload *u = &engine->uploads[engine->order[i]];
        if (!u->active)
            continue;
        if (try_upload(engine, u, action))
            return true;
        if (rh_upload_flying(engine, u) || engine->now_ms < engine->pace_at_ms)
            active++;
        else
            u->active = false; /* it waits for bytes or for a retry: others may go */
    }
    if (engine->now_ms < engine->gap_until_ms)
        return false;
    for (uint32_t i = 0; i < engine->count && active < engine->policy.uploads_parallel; i++) {
        struct rh_upload *u = &engine->uploads[engine->order[i]];
        if (u->active || !try_upload(engine, u, action))
            continue;
        u->active = true;
        return true;
    }
    return false;
}
