/* SPDX-License-Identifier: MIT */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc64.h"

/* ---- bytes ---- */

static uint8_t byte_at(const struct world_upload *u, uint64_t at)
{
    return (uint8_t)((at * 2654435761u >> 11) ^ at ^ (uint64_t)u->id[1]);
}

static uint64_t crc_of(const struct world_upload *u, uint64_t offset, uint64_t length)
{
    return rh_crc64_update(0, u->bytes + offset, (size_t)length);
}

static bool all_durable(const struct world_upload *u, uint64_t offset, uint64_t length)
{
    return memchr(u->durable + offset, false, (size_t)length) == NULL;
}

static void broke(struct world *w, const char *promise)
{
    if (w->broken == NULL)
        w->broken = promise;
}

static bool chance(struct world *w, uint32_t fault, uint32_t percent)
{
    return !w->healed && (w->faults & fault) != 0 && rh_rng_below(&w->rng, 100) < percent;
}

static struct world_upload *upload_of(struct world *w, const char *id)
{
    for (unsigned i = 0; i < WORLD_UPLOADS; i++)
        if (strcmp(w->uploads[i].id, id) == 0)
            return &w->uploads[i];
    return NULL;
}

/* ---- obeying ---- */

static void take_flight(struct world *w, const struct rh_action *a)
{
    for (unsigned i = 0; i < WORLD_FLIGHTS; i++) {
        struct world_flight *f = &w->flights[i];
        if (f->used)
            continue;
        f->used = true;
        f->action = *a;
        f->fate = 0;
        f->due_ms = w->now + 5 + rh_rng_below(&w->rng, 400);
        if (chance(w, WORLD_SILENCE, 2))
            f->due_ms = RH_MS_NEVER;
        return;
    }
    broke(w, "more requests in flight than the policy allows");
}

static void check_part(struct world *w, const struct rh_action *a, const struct world_upload *u)
{
    struct rh_range r = a->send.range;
    unsigned flying = 0;
    if (r.length == 0 || r.offset + r.length > u->spooled)
        broke(w, "a part of bytes that do not exist");
    for (unsigned i = 0; i < u->segment_count; i++) {
        const struct world_segment *s = &u->segments[i];
        bool touches = s->offset < r.offset + r.length && r.offset < s->offset + s->length;
        if (touches && !s->held)
            broke(w, "a part of bytes that were forgotten");
    }
    if (a->send.crc_known && a->send.crc64 != crc_of(u, r.offset, r.length))
        broke(w, "a part with a wrong checksum");
    uint64_t at = r.offset;
    for (uint32_t i = 0; i < a->send.slices_count; i++) {
        const struct rh_slice *slice = &a->send.slices[i];
        if (slice->crc64 != crc_of(u, at, slice->length))
            broke(w, "a slice with a wrong checksum");
        at += slice->length;
    }
    if (a->send.slices_count > 0 && at != r.offset + r.length)
        broke(w, "slices that do not fill their part");
    for (unsigned i = 0; i < WORLD_FLIGHTS; i++) {
        const struct world_flight *f = &w->flights[i];
        if (!f->used || f->action.send.kind != RH_SEND_PART ||
            strcmp(f->action.upload, a->upload) != 0)
            continue;
        flying++;
        struct rh_range o = f->action.send.range;
        if (o.offset < r.offset + r.length && r.offset < o.offset + o.length)
            broke(w, "two parts in flight overlap");
    }
    if (flying >= (w->cursor ? 1 : w->policy.parts_parallel))
        broke(w, "too many parts in flight");
}

static void obey_forget(struct world *w, const struct rh_action *a, struct world_upload *u)
{
    for (unsigned i = 0; i < u->segment_count; i++) {
        struct world_segment *s = &u->segments[i];
        bool inside = a->forget.whole ||
                      (s->offset >= a->forget.range.offset &&
                       s->offset + s->length <= a->forget.range.offset + a->forget.range.length);
        if (!inside)
            continue;
        if (!all_durable(u, s->offset, s->length))
            broke(w, "bytes forgotten that the server does not have");
        s->held = false;
    }
    if (a->forget.whole && !u->done)
        broke(w, "an upload forgotten that is not done");
}

static void obey(struct world *w, const struct rh_action *a)
{
    struct world_upload *u = a->upload[0] == 0 ? NULL : upload_of(w, a->upload);
    switch (a->kind) {
    case RH_ACTION_SEND:
        w->sends++;
        if (w->offline || w->deposed)
            broke(w, "a request without network or leadership");
        if (a->send.kind == RH_SEND_PART)
            check_part(w, a, u);
        take_flight(w, a);
        break;
    case RH_ACTION_ABORT:
        for (unsigned i = 0; i < WORLD_FLIGHTS; i++)
            if (w->flights[i].used && w->flights[i].action.send.token == a->abort.token)
                w->flights[i].used = false;
        break;
    case RH_ACTION_WAKE_AT:
        if (a->wake_at.at_ms <= w->now)
            broke(w, "a wake in the past");
        w->wake_ms = a->wake_at.at_ms;
        break;
    case RH_ACTION_PERSIST:
        if (u == NULL) {
            memcpy(w->record, a->persist.bytes.data, a->persist.bytes.size);
            w->record_size = a->persist.bytes.size;
            break;
        }
        memcpy(u->record, a->persist.bytes.data, a->persist.bytes.size);
        u->record_size = a->persist.bytes.size;
        break;
    case RH_ACTION_ERASE_RECORD:
        u->record_size = 0;
        break;
    case RH_ACTION_FORGET:
        obey_forget(w, a, u);
        break;
    case RH_ACTION_NOTIFY:
        u->state = a->notify.state;
        if (u->state == RH_UPLOAD_COMPLETED && !u->done)
            broke(w, "completed, and the server does not say so");
        if (a->notify.sent_bytes < a->notify.acked_bytes ||
            (a->notify.total_bytes != RH_SIZE_UNKNOWN &&
             a->notify.sent_bytes > a->notify.total_bytes))
            broke(w, "progress beyond the total");
        break;
    case RH_ACTION_NEED_TOKEN:
        w->need_token++;
        break;
    case RH_ACTION_NOTIFY_QUEUE:
        break;
    }
}

static void tell(struct world *w, struct rh_event event)
{
    static uint8_t code[RH_EVENT_CODE_MAX];
    size_t used;
    event.now_ms = w->now;
    event.wall_ms = (int64_t)w->now * 3 + 1700000000000;
    if (w->sink != NULL) {
        if (rh_event_encode(&event, code, sizeof code, &used) != RH_OK)
            abort();
        w->sink(w->sink_context, false, code, used);
    }
    w->events++;
    enum rh_error error = rh_engine_tell(w->engine, &event);
    if (error != RH_OK && error != RH_ERR_STATE)
        broke(w, "an honest event was refused");
    struct rh_action action;
    for (unsigned n = 0; rh_engine_next(w->engine, &action); n++) {
        if (n > 1000) {
            broke(w, "a busy loop");
            return;
        }
        w->actions++;
        if (w->sink != NULL) {
            if (rh_action_encode(&action, code, sizeof code, &used) != RH_OK)
                abort();
            w->sink(w->sink_context, true, code, used);
        }
        obey(w, &action);
    }
}

static void tell_kind(struct world *w, enum rh_event_kind kind)
{
    tell(w, (struct rh_event){.kind = kind});
}

static void tell_network(struct world *w, bool up)
{
    struct rh_event event = {.kind = RH_EVENT_NETWORK};
    event.network.up = up;
    w->offline = !up;
    tell(w, event);
}

/* ---- the spool ---- */

static struct rh_event about(const struct world_upload *u, enum rh_event_kind kind)
{
    struct rh_event event = {.kind = kind};
    strcpy(event.upload, u->id);
    return event;
}

static void tell_segment(struct world *w, const struct world_upload *u,
                         const struct world_segment *s)
{
    struct rh_event event = about(u, RH_EVENT_SPOOLED);
    event.spooled.offset = s->offset;
    event.spooled.length = s->length;
    event.spooled.crc64 = crc_of(u, s->offset, s->length);
    tell(w, event);
}

static void tell_added(struct world *w, const struct world_upload *u)
{
    struct rh_event event = about(u, RH_EVENT_ADDED);
    event.added.size = RH_SIZE_UNKNOWN;
    tell(w, event);
}

static void tell_sealed(struct world *w, const struct world_upload *u)
{
    struct rh_event event = about(u, RH_EVENT_SEALED);
    event.sealed.size = u->size;
    event.sealed.crc64 = crc_of(u, 0, u->size);
    tell(w, event);
}

static void record_more(struct world *w, struct world_upload *u)
{
    if (!u->added) {
        u->added = true;
        tell_added(w, u);
    } else if (u->spooled < u->size && u->segment_count < WORLD_SEGMENTS) {
        struct world_segment *s = &u->segments[u->segment_count++];
        uint32_t length = (uint32_t)(1000 + rh_rng_below(&w->rng, 20000));
        if (u->segment_count == WORLD_SEGMENTS || length > u->size - u->spooled)
            length = u->size - u->spooled;
        *s = (struct world_segment){u->spooled, length, true};
        u->spooled += length;
        tell_segment(w, u, s);
    } else {
        u->sealed = true;
        u->next_ms = RH_MS_NEVER;
        tell_sealed(w, u);
        return;
    }
    u->next_ms = w->now + 100 + rh_rng_below(&w->rng, 2000);
}

/* The sender dies between any two events, and starts from its records and what its spool still
 * holds. */
static void crash(struct world *w)
{
    w->crashes++;
    memset(w->flights, 0, sizeof w->flights);
    w->wake_ms = RH_MS_NEVER;
    w->engine = rh_engine_init(w->memory, &rh_limits_default, &w->policy, w->engine_seed);
    if (w->sink != NULL)
        w->sink(w->sink_context, false, NULL, 0); /* "a new engine" in the trace */
    w->offline = false;
    w->paused = false;
    w->deposed = true;
    if (w->record_size > 0) {
        struct rh_event event = {.kind = RH_EVENT_RECORD};
        event.record.bytes = (struct rh_bytes){w->record, w->record_size};
        tell(w, event);
    }
    for (unsigned i = 0; i < WORLD_UPLOADS; i++) {
        struct world_upload *u = &w->uploads[i];
        if (u->record_size == 0)
            continue;
        struct rh_event event = {.kind = RH_EVENT_RECORD};
        event.record.bytes = (struct rh_bytes){u->record, u->record_size};
        tell(w, event);
    }
    for (unsigned i = 0; i < WORLD_UPLOADS; i++) {
        struct world_upload *u = &w->uploads[i];
        if (!u->added)
            continue;
        tell_added(w, u);
        for (unsigned n = 0; n < u->segment_count; n++)
            if (u->segments[n].held)
                tell_segment(w, u, &u->segments[n]);
        if (u->sealed)
            tell_sealed(w, u);
    }
    w->deposed = false;
    tell_kind(w, RH_EVENT_LEADER);
}

/* ---- the server ---- */

static void add_ack(struct rh_response *r, const struct world_upload *u, uint64_t offset,
                    uint64_t length, bool kept)
{
    if (r->acks_count == RH_RANGES_MAX)
        return;
    r->acks[r->acks_count++] =
        (struct rh_ack){offset, length, crc_of(u, offset, length), true, kept, true};
}

/* Where bytes stop to be durable, or begin to. */
static uint32_t run_end(const struct world_upload *u, uint32_t at, bool durable)
{
    const uint8_t *end = memchr(u->durable + at, !durable, u->size - at);
    return end == NULL ? u->size : (uint32_t)(end - u->durable);
}

static void list_durable(struct rh_response *r, const struct world_upload *u)
{
    r->listed = true;
    for (uint32_t at = 0; at < u->size;) {
        uint32_t end = run_end(u, at, true);
        if (end > at)
            add_ack(r, u, at, end - at, true);
        at = end + 1;
    }
}

static void say_done(struct rh_response *r, const struct world_upload *u)
{
    r->outcome = RH_OUTCOME_DONE;
    r->remote_state = RH_REMOTE_DONE;
    r->listed = false;
    r->acks_count = 0;
    add_ack(r, u, 0, u->size, true);
}

static void serve_create(struct rh_response *r, struct world_upload *u)
{
    if (u->remote[0] == 0)
        snprintf(u->remote, sizeof u->remote, "%s.%u", u->id, ++u->incarnation);
    strcpy(r->remote, u->remote);
    list_durable(r, u);
}

static void serve_part(struct world *w, struct rh_response *r, struct world_upload *u,
                       const struct rh_send *send, uint64_t kept)
{
    if (w->cursor && send->range.offset != run_end(u, 0, true)) {
        w->misses++;
        r->outcome = RH_OUTCOME_SUPERSEDED;
        return;
    }
    memset(u->durable + send->range.offset, 1, kept);
    if (kept == send->range.length)
        add_ack(r, u, send->range.offset, kept, true);
    if (send->final && send->total != u->size)
        broke(w, "a wrong total was declared");
    if (send->total == u->size && all_durable(u, 0, u->size))
        u->done = true;
}

static void serve_finish(struct rh_response *r, struct world_upload *u, const struct rh_send *send)
{
    if (send->total == u->size && all_durable(u, 0, u->size)) {
        u->done = true;
        return;
    }
    r->outcome = RH_OUTCOME_INCOMPLETE;
    for (uint32_t at = 0; at < u->size && r->missing_count < RH_RANGES_MAX;) {
        uint32_t end = run_end(u, at, false);
        if (end > at)
            r->missing[r->missing_count++] = (struct rh_range){at, end - at};
        at = end + 1;
    }
}

/* What the server does with a request whose body arrived up to `kept` bytes, and what it says. */
static void serve(struct world *w, const struct rh_action *a, uint64_t kept, struct rh_response *r)
{
    struct world_upload *u = upload_of(w, a->upload);
    const struct rh_send *send = &a->send;
    r->outcome = RH_OUTCOME_OK;
    r->remote_state = RH_REMOTE_OPEN;
    snprintf(r->generation, sizeof r->generation, "g%u", w->generation);
    if (send->kind != RH_SEND_CREATE && strcmp(send->remote, u->remote) != 0) {
        r->outcome = RH_OUTCOME_GONE;
        return;
    }
    switch (send->kind) {
    case RH_SEND_CREATE:
        serve_create(r, u);
        break;
    case RH_SEND_ASK:
        list_durable(r, u);
        break;
    case RH_SEND_PART:
        serve_part(w, r, u, send, kept);
        break;
    case RH_SEND_FINISH:
        serve_finish(r, u, send);
        break;
    case RH_SEND_CANCEL:
        break;
    }
    if (u->done)
        say_done(r, u);
    strcpy(r->remote, u->remote);
}

/* An error instead of service, if the dice say so. */
static bool misbehave(struct world *w, struct rh_response *r)
{
    static const enum rh_outcome errors[] = {RH_OUTCOME_RETRY, RH_OUTCOME_TOO_BUSY,
                                             RH_OUTCOME_CHECKSUM_MISMATCH, RH_OUTCOME_MALFORMED};
    if (chance(w, WORLD_ERRORS, 12)) {
        r->outcome = errors[rh_rng_below(&w->rng, 4)];
        if (r->outcome == RH_OUTCOME_TOO_BUSY)
            r->retry_after_ms = rh_rng_below(&w->rng, 20000);
        return true;
    }
    if (chance(w, WORLD_REFUSALS, 6)) {
        bool full = rh_rng_below(&w->rng, 2) == 0;
        r->outcome = full ? RH_OUTCOME_STORAGE_FULL : RH_OUTCOME_UNAUTHORIZED;
        return true;
    }
    return false;
}

static void tell_progress(struct world *w, const struct world_flight *f)
{
    struct rh_event event = {.kind = RH_EVENT_PROGRESS};
    event.progress.token = f->action.send.token;
    event.progress.bytes = 1 + rh_rng_below(&w->rng, f->action.send.range.length + 1);
    tell(w, event);
}

/* A flight is due: progress first now and then, else its end. */
static void land(struct world *w, struct world_flight *f)
{
    const struct rh_send *send = &f->action.send;
    if (send->kind == RH_SEND_PART && f->fate < 2 && rh_rng_below(&w->rng, 3) == 0) {
        f->fate++;
        f->due_ms = w->now + 20 + rh_rng_below(&w->rng, 900);
        tell_progress(w, f);
        return;
    }
    struct rh_action action = f->action;
    f->used = false;
    struct rh_event event = {.kind = RH_EVENT_RESPONSE};
    event.response.token = send->token;
    event.response.retry_after_ms = RH_MS_NEVER;
    struct rh_event lost = {.kind = RH_EVENT_BROKEN};
    lost.broken.token = send->token;
    if (chance(w, WORLD_LOSE_REQUESTS, 15)) {
        if (send->kind == RH_SEND_PART && rh_rng_below(&w->rng, 2) == 0)
            serve(w, &action, rh_rng_below(&w->rng, send->range.length), &event.response);
        tell(w, lost);
        return;
    }
    if (misbehave(w, &event.response)) {
        tell(w, event);
        return;
    }
    serve(w, &action, send->range.length, &event.response);
    tell(w, chance(w, WORLD_LOSE_ANSWERS, 10) ? lost : event);
}

/* ---- faults of the world itself ---- */

/*
 * The server comes back from an older copy. Bytes that this sender freed on its word are in that
 * copy: whoever restores an older one breaks the promise by hand. So only what is held here is lost
 * there, and a sender that frees more before it asked what is left is caught.
 */
static void amnesia(struct world *w)
{
    w->generation++;
    for (unsigned i = 0; i < WORLD_UPLOADS; i++) {
        struct world_upload *u = &w->uploads[i];
        bool all_held = true;
        if (u->done)
            continue;
        uint32_t from = (uint32_t)rh_rng_below(&w->rng, u->size + 1);
        for (unsigned n = 0; n < u->segment_count; n++) {
            const struct world_segment *s = &u->segments[n];
            all_held = all_held && s->held;
            if (s->held && s->offset >= from)
                memset(u->durable + s->offset, 0, s->length);
        }
        if (all_held && rh_rng_below(&w->rng, 4) == 0) {
            memset(u->durable, 0, u->size);
            u->remote[0] = 0;
        }
    }
}

static void user(struct world *w)
{
    static const enum rh_event_kind kinds[] = {RH_EVENT_PAUSE, RH_EVENT_RESUME, RH_EVENT_HOLD,
                                               RH_EVENT_RELEASE, RH_EVENT_RETRY};
    uint64_t dice = rh_rng_below(&w->rng, 10);
    if (dice < 5) {
        tell_kind(w, kinds[dice]);
        return;
    }
    struct rh_event event = {.kind = RH_EVENT_LEFT};
    const struct world_upload *u = &w->uploads[rh_rng_below(&w->rng, WORLD_UPLOADS)];
    if (dice < 7) {
        event.kind = RH_EVENT_LIMIT;
        event.limit.bytes_per_s = rh_rng_below(&w->rng, 2) * 20000;
        event.limit.percent = (uint8_t)rh_rng_below(&w->rng, 101);
    } else if (dice == 7) {
        event.kind = RH_EVENT_NETWORK;
        event.network.up = !w->offline;
        event.network.metered = rh_rng_below(&w->rng, 2) == 0;
    } else if (dice == 8) {
        event.left.ms = rh_rng_below(&w->rng, 5000);
    } else if (u->added) {
        event = about(u, RH_EVENT_PRIORITY);
        event.priority.level = (enum rh_priority)rh_rng_below(&w->rng, 3);
    }
    tell(w, event);
}

static void disturb(struct world *w)
{
    w->fault_ms = w->now + 500 + rh_rng_below(&w->rng, 20000);
    if (w->offline || chance(w, WORLD_OFFLINE, 30)) {
        tell_network(w, w->offline);
    } else if (w->deposed) {
        w->deposed = false;
        tell_kind(w, RH_EVENT_LEADER);
    } else if (chance(w, WORLD_CRASHES, 20)) {
        crash(w);
    } else if (chance(w, WORLD_LEADERSHIP, 20)) {
        w->deposed = true;
        tell_kind(w, RH_EVENT_LEADER_LOST);
    } else if (chance(w, WORLD_AMNESIA, 10)) {
        amnesia(w);
    } else if (chance(w, WORLD_USER, 30)) {
        user(w);
    }
}

/* ---- running ---- */

void world_init(struct world *w, uint64_t seed, const char *policy, uint32_t faults,
                world_sink sink, void *sink_context)
{
    static const char *const names[] = {"never-give-up", "sequential", "live", "patient", "bulk"};
    memset(w, 0, sizeof *w);
    rh_rng_init(&w->rng, seed);
    w->faults = faults & (uint32_t)rh_rng_next(&w->rng) & WORLD_ALL;
    w->cursor = (faults & WORLD_CURSOR) != 0;
    if (policy == NULL)
        policy = names[rh_rng_below(&w->rng, 5)];
    w->policy = *rh_policy_find(rh_bytes_of(policy));
    strcpy(w->policy.method, "videos"); /* as the wasm module has it */
    w->policy.part_bytes = 16384;
    w->policy.part_bytes_min = 2048;
    w->policy.traits |= w->cursor ? RH_TRAIT_ONE_CURSOR : 0;
    if (rh_rng_below(&w->rng, 3) == 0)
        w->policy.keep = RH_KEEP_UNTIL_RECEIPT;
    w->policy.offline_is_attempt = false; /* the world fails requests while offline otherwise */
    w->engine_seed = seed;
    w->memory = malloc(rh_engine_size(&rh_limits_default));
    w->engine = rh_engine_init(w->memory, &rh_limits_default, &w->policy, seed);
    w->now = 1000;
    w->wake_ms = RH_MS_NEVER;
    w->fault_ms = 2000;
    w->generation = 1;
    w->sink = sink;
    w->sink_context = sink_context;
    for (unsigned i = 0; i < WORLD_UPLOADS; i++) {
        struct world_upload *u = &w->uploads[i];
        snprintf(u->id, sizeof u->id, "u%u", i);
        u->size = (uint32_t)(1 + rh_rng_below(&w->rng, WORLD_BYTES));
        u->next_ms = 1000 + i * 7000 + rh_rng_below(&w->rng, 3000);
        u->durable = calloc(1, u->size);
        u->bytes = malloc(u->size);
        for (uint32_t at = 0; at < u->size; at++)
            u->bytes[at] = byte_at(u, at);
    }
    tell_kind(w, RH_EVENT_LEADER);
}

void world_finish(struct world *w)
{
    for (unsigned i = 0; i < WORLD_UPLOADS; i++) {
        free(w->uploads[i].durable);
        free(w->uploads[i].bytes);
    }
    free(w->memory);
}

static rh_ms earliest(const struct world *w)
{
    rh_ms at = w->wake_ms < w->fault_ms ? w->wake_ms : w->fault_ms;
    for (unsigned i = 0; i < WORLD_UPLOADS; i++)
        at = w->uploads[i].next_ms < at ? w->uploads[i].next_ms : at;
    for (unsigned i = 0; i < WORLD_FLIGHTS; i++)
        if (w->flights[i].used && w->flights[i].due_ms < at)
            at = w->flights[i].due_ms;
    return at;
}

static void happen(struct world *w)
{
    for (unsigned i = 0; i < WORLD_UPLOADS; i++) {
        if (w->uploads[i].next_ms <= w->now) {
            record_more(w, &w->uploads[i]);
            return;
        }
    }
    for (unsigned i = 0; i < WORLD_FLIGHTS; i++) {
        if (w->flights[i].used && w->flights[i].due_ms <= w->now) {
            land(w, &w->flights[i]);
            return;
        }
    }
    if (w->wake_ms <= w->now) {
        w->wake_ms = RH_MS_NEVER;
        tell_kind(w, RH_EVENT_WAKE);
    } else if (w->healed) {
        w->fault_ms = RH_MS_NEVER;
    } else {
        disturb(w);
    }
    if (w->need_token > 0) {
        w->need_token = 0;
        tell_kind(w, RH_EVENT_TOKEN);
    }
}

void world_run(struct world *w, rh_ms ms)
{
    rh_ms end = w->now + ms;
    while (w->broken == NULL) {
        rh_ms at = earliest(w);
        if (at > end)
            break;
        w->now = at > w->now ? at : w->now;
        happen(w);
        if (w->healed && world_settled(w))
            return;
    }
    if (w->broken == NULL && !w->healed)
        w->now = end;
}

void world_heal(struct world *w)
{
    w->healed = true;
    w->fault_ms = RH_MS_NEVER;
    if (w->offline)
        tell_network(w, true);
    w->deposed = false;
    tell_kind(w, RH_EVENT_LEADER);
    tell_kind(w, RH_EVENT_RELEASE);
    tell_kind(w, RH_EVENT_RESUME);
    tell_kind(w, RH_EVENT_TOKEN);
    struct rh_event limit = {.kind = RH_EVENT_LIMIT};
    tell(w, limit);
    for (unsigned i = 0; i < WORLD_UPLOADS; i++)
        if (w->uploads[i].state == RH_UPLOAD_FAILED)
            tell(w, about(&w->uploads[i], RH_EVENT_RETRY));
}

bool world_settled(const struct world *w)
{
    for (unsigned i = 0; i < WORLD_UPLOADS; i++)
        if (w->uploads[i].state != RH_UPLOAD_COMPLETED || !w->uploads[i].done)
            return false;
    return true;
}
