/* SPDX-License-Identifier: MIT */
/*
 * Whose turn it is, and which request.
 *
 * Uploads stand in ranks: a recording in progress, others, manual ones; within a rank those that
 * hold a slot, then recording order. The first in this order that can send does. While a recording
 * in progress is behind (it has bytes and all the parts it may have are in flight) the others
 * begin nothing, but for the share of the bytes that the policy keeps for them.
 */
#include "base/bytes.h"
#include "base/mem.h"
#include "base/plant.h"
#include "engine/policy.h"
#include "engine/state.h"

#define RANKS       3u
#define SHARE_BYTES (4u << 20) /* about so much of the past counts for the share */
#define LEFT_MS_MIN 50u        /* with less to live nothing is begun */

/* What an upload would do now. */
enum turn {
    TURN_NOTHING, /* it waits for bytes, an answer, a retry, or is over */
    TURN_FULL,    /* it has more, but all the parts it may have are in flight */
    TURN_READY,
};

struct choice {
    enum rh_send_kind kind;
    struct rh_request *again; /* a part that was tried before; else a new one of this range */
    struct rh_range range;
};

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

/* Taken from an upload that is not at work: it does not try again sooner than its part would have,
 * or two of them would take their slots from each other without a pause. */
static void give_way(struct rh_engine *e, const struct rh_request *r)
{
    struct rh_upload *u = &e->uploads[r->upload];
    rh_ms at = r->retry_at_ms;
    if (r->phase == RH_REQUEST_FREE)
        return;
    if (r->phase == RH_REQUEST_ASIDE)
        at = e->now_ms + rh_policy_delay(&e->policy, &e->rng, r->attempts > 0 ? r->attempts : 1);
    if (at <= e->now_ms || (u->retry_at_ms != RH_MS_NEVER && u->retry_at_ms >= at))
        return;
    u->retry_at_ms = at;
    u->wait_reason = RH_REASON_BACKOFF;
    u->waits_for = r->waits_for;
}

/* ---- counting ---- */

struct totals {
    uint32_t uploads; /* with requests in flight */
    uint32_t parts;
    uint64_t bytes; /* of these parts */
};

static struct totals count(struct rh_engine *e)
{
    struct totals t = {0};
    for (uint32_t i = 0; i < e->count; i++) {
        struct rh_upload *u = &e->uploads[e->order[i]];
        u->flying = u->flying_parts = u->waiting_parts = u->aside_parts = 0;
    }
    for (uint32_t i = 0; i < e->limits.parts_max; i++) {
        const struct rh_request *r = &e->requests[i];
        if (r->phase == RH_REQUEST_FREE)
            continue;
        struct rh_upload *u = &e->uploads[r->upload];
        bool part = r->kind == RH_SEND_PART;
        u->waiting_parts += part && r->phase == RH_REQUEST_WAITING;
        u->aside_parts += part && r->phase == RH_REQUEST_ASIDE;
        if (r->phase != RH_REQUEST_FLYING)
            continue;
        t.uploads += u->flying == 0 && r->kind != RH_SEND_CANCEL;
        t.parts += part;
        t.bytes += part ? r->range.length : 0;
        u->flying++;
        u->flying_parts += part;
    }
    return t;
}

void rh_plan_count(struct rh_engine *engine)
{
    if (!engine->counted)
        (void)count(engine);
    engine->counted = true;
}

/* ---- what one upload would do ---- */

/* A part that waits and is due, or NULL. */
static struct rh_request *due_part(const struct rh_engine *e, const struct rh_upload *u)
{
    uint32_t index = rh_engine_index(e, u);
    struct rh_request *first = NULL;
    for (uint32_t i = 0; i < e->limits.parts_max && u->waiting_parts > 0; i++) {
        struct rh_request *r = &e->requests[i];
        if (r->phase == RH_REQUEST_WAITING && r->upload == index && r->retry_at_ms <= e->now_ms &&
            (first == NULL || r->range.offset < first->range.offset))
            first = r;
    }
    return first;
}

static enum turn part_turn(struct rh_engine *e, struct rh_upload *u, struct choice *choice)
{
    uint64_t length_max = rh_hole_part_max(e, u);
    choice->kind = RH_SEND_PART;
    choice->again = due_part(e, u);
    if (choice->again != NULL) {
        choice->range = choice->again->range;
        if (length_max == 0)
            return TURN_NOTHING;
        if (!rh_upload_has(e, u, RH_TRAIT_FIXED_PARTS) && choice->range.length > length_max)
            choice->range.length = rh_hole_cut(e, u, choice->range, length_max);
    } else if (free_part(e, rh_engine_index(e, u)) == NULL || !rh_hole_next(e, u, &choice->range)) {
        return TURN_NOTHING;
    }
    /* Without set_aside parts go one after the other: one that waits for its retry keeps its slot.
     */
    bool one_cursor = rh_upload_has(e, u, RH_TRAIT_ONE_CURSOR);
    uint32_t slots = u->flying_parts;
    if ((!e->policy.set_aside || one_cursor) && choice->again == NULL)
        slots += u->waiting_parts;
    uint32_t most = one_cursor ? 1 : e->policy.parts_parallel;
    most += RH_PLANTED("too-many-parts") ? 2 : 0;
    return slots < most ? TURN_READY : TURN_FULL;
}

/* All is up, but for parts set aside: they get one more round, then the upload fails for now. */
static bool last_chance(struct rh_engine *e, struct rh_upload *u)
{
    uint32_t index = rh_engine_index(e, u);
    if (u->final_round) {
        rh_upload_fail(e, u, RH_REASON_SET_ASIDE);
        return false;
    }
    u->final_round = true;
    for (uint32_t i = 0; i < e->limits.parts_max; i++) {
        struct rh_request *r = &e->requests[i];
        if (r->phase != RH_REQUEST_ASIDE || r->upload != index)
            continue;
        r->phase = RH_REQUEST_WAITING;
        r->attempts = 0;
        r->retry_at_ms = e->now_ms;
        u->aside_parts--;
        u->waiting_parts++;
    }
    return true;
}

static enum turn finish_turn(struct rh_engine *e, struct rh_upload *u, struct choice *choice)
{
    struct rh_books books = rh_upload_books(e, u);
    struct rh_range hole;
    choice->kind = RH_SEND_FINISH;
    if (!u->sealed)
        return TURN_NOTHING;
    if (u->server_done)
        return TURN_READY;
    if (u->flying_parts + u->waiting_parts > 0)
        return TURN_NOTHING;
    if (u->size == 0 && rh_upload_has(e, u, RH_TRAIT_FIXED_PARTS)) {
        /* A video of numbered parts has at least one: without it the server never hears that it is
         * whole. */
        *choice = (struct choice){.kind = RH_SEND_PART};
        return TURN_READY;
    }
    if (rh_ledger_covers(&books, (struct rh_range){0, u->size}))
        return TURN_READY;
    if (u->aside_parts == 0)
        return TURN_NOTHING;
    if (rh_hole_find(e, u, &hole) && free_part(e, rh_engine_index(e, u)) != NULL)
        return TURN_NOTHING;
    return last_chance(e, u) ? part_turn(e, u, choice) : TURN_NOTHING;
}

/* Begun by another method, which may still be at it. */
bool rh_plan_foreign(const struct rh_engine *engine, const struct rh_upload *upload)
{
    return upload->method[0] != 0 && engine->policy.method[0] != 0 && !RH_PLANTED("two-methods") &&
           !rh_bytes_equal_str(rh_bytes_of(upload->method), engine->policy.method);
}

/* Nothing but what keeps this very upload from sending; what holds for all is asked before. */
static bool blocked(const struct rh_engine *e, const struct rh_upload *u)
{
    return u->cancel_wanted || u->user_paused || u->need_token || rh_plan_foreign(e, u) ||
           (u->retry_at_ms != RH_MS_NEVER && u->retry_at_ms > e->now_ms);
}

static enum turn turn_of(struct rh_engine *e, struct rh_upload *u, struct choice *choice)
{
    *choice = (struct choice){.kind = RH_SEND_CREATE};
    if (blocked(e, u) || u->flying > u->flying_parts)
        return TURN_NOTHING;
    if (u->remote[0] == 0 || u->recheck) {
        bool too_early = rh_upload_has(e, u, RH_TRAIT_SEALED_ONLY) && !u->sealed;
        return u->flying_parts > 0 || too_early ? TURN_NOTHING : TURN_READY;
    }
    if (u->poll_at_ms != RH_MS_NEVER) {
        if (e->now_ms < u->poll_at_ms)
            return TURN_NOTHING;
        u->doubt = true;
        u->poll_at_ms = RH_MS_NEVER;
    }
    if (u->doubt) {
        /* Not beside parts in flight: what they add would be missing from the answer. */
        choice->kind = RH_SEND_ASK;
        return u->flying_parts > 0 ? TURN_NOTHING : TURN_READY;
    }
    if (!u->server_done && rh_hole_lost(e, u)) {
        rh_upload_fail(e, u, RH_REASON_BYTES_MISSING);
        return TURN_NOTHING;
    }
    enum turn turn = u->server_done ? TURN_NOTHING : part_turn(e, u, choice);
    if (turn == TURN_NOTHING)
        turn = finish_turn(e, u, choice);
    return turn;
}

/* ---- sending ---- */

static void fill(struct rh_engine *e, struct rh_upload *u, struct rh_request *r,
                 struct rh_send *send)
{
    *send = (struct rh_send){
        .token = r->token,
        .kind = r->kind,
        .total = u->size,
        .part_bytes = rh_link_geometry(e, u),
        .attempt = 1 + (u->failures > r->attempts ? u->failures : r->attempts),
    };
    rh_mem_copy(send->remote, u->remote, sizeof send->remote);
    if (r->kind == RH_SEND_PART) {
        send->range = r->range;
        send->crc64 = r->crc_known ? r->crc64 : 0;
        send->crc_known = r->crc_known;
        if (r->crc_known)
            send->slices_count =
                rh_segments_slices(&e->segments, &u->segments, r->range, send->slices);
        r->coding = rh_outcome_coding(e, u);
        u->coding = r->coding;
        send->coding = r->coding;
        send->final = u->size != RH_SIZE_UNKNOWN && r->range.offset + r->range.length == u->size;
    } else if (r->kind == RH_SEND_FINISH) {
        send->crc64 = u->crc64;
        send->crc_known = true;
    }
}

static void put_send(struct rh_engine *e, struct rh_upload *u, struct rh_request *r,
                     struct rh_action *action)
{
    bool waited =
        u->flying_parts == 0 && (u->retry_at_ms != RH_MS_NEVER || r->phase == RH_REQUEST_WAITING);
    if (r->kind != RH_SEND_CANCEL)
        rh_link_begin(e, u);
    r->phase = RH_REQUEST_FLYING;
    r->upload = rh_engine_index(e, u);
    r->token = e->token_next;
    r->sent_bytes = 0;
    r->started_ms = e->now_ms;
    r->progress_ms = e->now_ms;
    e->token_next = e->token_next == UINT32_MAX ? 1 : e->token_next + 1;
    action->kind = RH_ACTION_SEND;
    rh_mem_copy(action->upload, u->id, sizeof action->upload);
    fill(e, u, r, &action->send);
    u->retry_at_ms = RH_MS_NEVER;
    rh_link_started(e, u, r, waited);
    rh_count_send(e, u);
}

static bool send_choice(struct rh_engine *e, struct rh_upload *u, const struct choice *choice,
                        struct rh_action *action)
{
    struct rh_request *r = choice->again;
    if (r == NULL && (choice->kind != RH_SEND_PART || choice->range.length == 0)) {
        r = free_request(e);
        if (r == NULL)
            return false;
        *r = (struct rh_request){.kind = choice->kind, .crc_known = true};
    } else if (choice->range.length > 0) { /* an empty part is sent again as it was */
        if (r == NULL) {
            r = free_part(e, rh_engine_index(e, u));
            give_way(e, r);
            *r = (struct rh_request){.kind = RH_SEND_PART};
        }
        r->range = choice->range;
        if (r->range.offset + r->range.length == rh_segments_end(&e->segments, &u->segments))
            u->unsent_since_ms = RH_MS_NEVER;
        r->crc_known = rh_segments_crc(&e->segments, &u->segments, r->range, &r->crc64);
    }
    put_send(e, u, r, action);
    return true;
}

/* ---- whose turn ---- */

unsigned rh_plan_rank(const struct rh_upload *upload)
{
    if (upload->priority == RH_PRIORITY_MANUAL)
        return 2;
    return upload->priority == RH_PRIORITY_LIVE || !upload->sealed ? 0 : 1;
}

/* Have the others had less than their share since live uploads are behind? */
static bool owes_rest(const struct rh_engine *e)
{
    uint64_t all = e->share_live_bytes + e->share_rest_bytes;
    return e->share_rest_bytes * 100 < all * e->policy.share_min_percent;
}

static void note_share(struct rh_engine *e, unsigned rank, uint64_t bytes)
{
    *(rank == 0 ? &e->share_live_bytes : &e->share_rest_bytes) += bytes;
    if (e->share_live_bytes + e->share_rest_bytes <= SHARE_BYTES)
        return;
    e->share_live_bytes /= 2;
    e->share_rest_bytes /= 2;
}

/* What holds for parts of all uploads together. If the allowance is not there yet, says when. */
static bool part_allowed(struct rh_engine *e, const struct totals *t, const struct choice *choice)
{
    const struct rh_policy *p = &e->policy;
    uint64_t length = choice->range.length;
    bool shrunk = e->metered && p->metered == RH_METERED_SHRINK;
    if (t->parts > 0 &&
        (shrunk || (p->parts_parallel_all > 0 && t->parts >= p->parts_parallel_all)))
        return false;
    if (t->parts > 0 && p->flight_bytes_max > 0 && t->bytes + length > p->flight_bytes_max)
        return false;
    rh_ms at = rh_pace_ready(&e->pace, e->now_ms, length);
    if (at <= e->now_ms)
        return true;
    e->pace_at_ms = at;
    return false;
}

enum step { STEP_ON, STEP_STOP, STEP_SENT };

struct walk {
    struct totals totals;
    bool live_behind;
    bool pressed; /* only what can still end in the time left */
    uint64_t fits;
    struct rh_action *action;
};

/* Can it end in the time that is left? */
static bool ends_in_time(struct rh_engine *e, struct rh_upload *u, uint64_t fits)
{
    struct rh_books books = rh_upload_books(e, u);
    return u->sealed && u->size - rh_ledger_bytes(&books) <= fits;
}

static enum step visit(struct rh_engine *e, struct rh_upload *u, struct walk *w)
{
    struct choice choice;
    unsigned rank = rh_plan_rank(u);
    if (w->pressed && !ends_in_time(e, u, w->fits))
        return STEP_ON;
    if (!u->active && e->now_ms < e->gap_until_ms)
        return STEP_ON;
    enum turn turn = turn_of(e, u, &choice);
    if (turn == TURN_NOTHING && u->flying == 0) {
        u->active = false; /* it waits for bytes or for a retry: others may go */
        rh_meter_stop(&u->meter);
    }
    w->live_behind = w->live_behind || (rank == 0 && turn == TURN_FULL);
    if (turn != TURN_READY)
        return STEP_ON;
    /* The first that could send waits until one of the others has ended: else its turn would never
     * come. */
    if (u->flying == 0 && w->totals.uploads >= e->policy.uploads_parallel)
        return STEP_STOP;
    bool body = choice.kind == RH_SEND_PART;
    if (body && !part_allowed(e, &w->totals, &choice))
        return STEP_STOP;
    if (!send_choice(e, u, &choice, w->action))
        return STEP_ON;
    u->active = true;
    note_share(e, rank, body ? choice.range.length : 0);
    return STEP_SENT;
}

static enum step visit_rank(struct rh_engine *e, unsigned rank, struct walk *w)
{
    for (unsigned active = 2; active-- > 0;) {
        for (uint32_t i = 0; i < e->count; i++) {
            struct rh_upload *u = &e->uploads[e->order[i]];
            if (u->active != (active == 1) || rh_upload_over(u) || rh_plan_rank(u) != rank)
                continue;
            enum step step = visit(e, u, w);
            if (step != STEP_ON)
                return step;
        }
    }
    return STEP_ON;
}

static enum step walk(struct rh_engine *e, struct walk *w)
{
    static const uint8_t orders[2][RANKS] = {{0, 1, 2}, {1, 2, 0}};
    const uint8_t *order = orders[owes_rest(e)];
    for (unsigned i = 0; i < RANKS; i++) {
        if (w->live_behind && order[i] > 0)
            continue;
        enum step step = visit_rank(e, order[i], w);
        if (step != STEP_ON)
            return step;
        if (order[i] == 0 && !w->live_behind && !w->pressed)
            e->share_live_bytes = e->share_rest_bytes = 0; /* it has all it needs */
    }
    return STEP_ON;
}

/* A cancel is nobody's turn: it goes as soon as it can. */
static bool try_cancels(struct rh_engine *e, struct rh_action *action)
{
    const struct choice choice = {.kind = RH_SEND_CANCEL};
    for (uint32_t i = 0; i < e->count; i++) {
        struct rh_upload *u = &e->uploads[e->order[i]];
        if (!u->cancel_wanted || u->remote[0] == 0 || u->need_token)
            continue;
        if (rh_plan_foreign(e, u)) {
            /* Only the other method could tell the server, which will see that nobody comes. */
            u->cancel_wanted = !rh_upload_over(u);
            u->erase_now = !u->cancel_wanted;
            continue;
        }
        if (u->retry_at_ms != RH_MS_NEVER && u->retry_at_ms > e->now_ms)
            continue;
        if (u->flying == u->flying_parts && send_choice(e, u, &choice, action))
            return true;
    }
    return false;
}

bool rh_plan_next(struct rh_engine *engine, struct rh_action *action)
{
    struct rh_engine *e = engine;
    if (!e->leader || (!e->online && !e->policy.offline_is_attempt) || !rh_link_open(e))
        return false;
    if (e->now_ms < e->left_until_ms && e->left_until_ms - e->now_ms < LEFT_MS_MIN)
        return false;
    e->counted = false; /* what follows changes them */
    struct walk w = {.totals = count(e), .fits = rh_link_fits(e), .action = action};
    e->pace_at_ms = 0;
    if (try_cancels(e, action))
        return true;
    bool free = !e->metered || RH_PLANTED("metered-is-free");
    if (e->held || (!free && e->policy.metered == RH_METERED_WAIT))
        return false;
    w.pressed = w.fits != UINT64_MAX;
    enum step step = walk(e, &w);
    if (step == STEP_ON && w.pressed) {
        w.pressed = false;
        step = walk(e, &w);
    }
    return step == STEP_SENT;
}
