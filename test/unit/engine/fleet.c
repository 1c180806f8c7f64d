/* SPDX-License-Identifier: MIT */
#include "fleet.h"

#include <stdio.h>

void fleet_init(struct fleet *f, const struct rh_policy *policy, fleet_watch watch)
{
    static const struct rh_limits limits = {
        .uploads_max = 64, .segments_max = 65536, .intervals_max = 4096, .parts_max = 128};
    memset(f, 0, sizeof *f);
    f->b = bench_of(policy, &limits);
    f->watch = watch;
    fleet_tell(f, event_of(RH_EVENT_LEADER, ""));
}

void fleet_finish(struct fleet *f)
{
    bench_free(f->b);
}

struct fleet_upload *fleet_of(struct fleet *f, const char *id)
{
    for (unsigned i = 0; i < f->count; i++)
        if (strcmp(f->uploads[i].id, id) == 0)
            return &f->uploads[i];
    fail_msg("no upload %s", id);
    return NULL;
}

unsigned fleet_rank(const struct fleet_upload *u)
{
    if (u->priority == RH_PRIORITY_MANUAL)
        return 2;
    return u->priority == RH_PRIORITY_LIVE || !u->sealed ? 0 : 1;
}

unsigned fleet_flying(const struct fleet *f, const struct fleet_upload *u, bool parts)
{
    unsigned n = 0;
    for (unsigned i = 0; i < f->flying; i++)
        n += strcmp(f->flights[i].upload, u->id) == 0 &&
             (!parts || f->flights[i].send.kind == RH_SEND_PART);
    return n;
}

static void land(struct fleet *f, unsigned i)
{
    memmove(&f->flights[i], &f->flights[i + 1], (--f->flying - i) * sizeof f->flights[0]);
}

/* What the last drain asked for. */
static void collect(struct fleet *f)
{
    for (unsigned i = 0; i < f->b->count; i++) {
        const struct rh_action *a = &f->b->actions[i];
        for (unsigned k = 0; a->kind == RH_ACTION_ABORT && k < f->flying; k++)
            if (f->flights[k].send.token == a->abort.token) {
                land(f, k);
                break;
            }
        if (a->kind != RH_ACTION_SEND)
            continue;
        if (f->watch != NULL)
            f->watch(f, a);
        assert_true(f->flying < FLEET_FLIGHTS);
        f->flights[f->flying++] = *a;
        if (a->send.kind == RH_SEND_PART)
            f->sent[fleet_rank(fleet_of(f, a->upload))] += a->send.range.length;
    }
    f->b->count = 0;
}

void fleet_tell(struct fleet *f, struct rh_event event)
{
    bench_tell(f->b, event);
    collect(f);
}

struct fleet_upload *fleet_add(struct fleet *f, const char *id, enum rh_priority priority)
{
    struct fleet_upload *u = &f->uploads[f->count++];
    snprintf(u->id, sizeof u->id, "%s", id);
    u->priority = priority;
    struct rh_event event = event_of(RH_EVENT_ADDED, id);
    event.added.size = RH_SIZE_UNKNOWN;
    event.added.priority = priority;
    fleet_tell(f, event);
    return u;
}

void fleet_spool(struct fleet *f, struct fleet_upload *u, uint32_t units)
{
    struct rh_event event = event_of(RH_EVENT_SPOOLED, u->id);
    event.spooled.offset = (uint64_t)u->spooled * FLEET_UNIT;
    event.spooled.length = (uint64_t)units * FLEET_UNIT;
    event.spooled.crc64 = pattern_crc(event.spooled.offset, event.spooled.length);
    u->spooled += units;
    assert_true(u->spooled <= FLEET_UNITS);
    u->boundaries[u->segments++] = u->spooled;
    fleet_tell(f, event);
}

void fleet_seal(struct fleet *f, struct fleet_upload *u)
{
    struct rh_event event = event_of(RH_EVENT_SEALED, u->id);
    event.sealed.size = (uint64_t)u->spooled * FLEET_UNIT;
    event.sealed.crc64 = pattern_crc(0, event.sealed.size);
    u->sealed = true;
    fleet_tell(f, event);
}

struct fleet_upload *fleet_take(struct fleet *f, const char *id, enum rh_priority priority,
                                uint32_t units)
{
    fleet_tell(f, event_of(RH_EVENT_HOLD, ""));
    struct fleet_upload *u = fleet_add(f, id, priority);
    fleet_spool(f, u, units);
    fleet_seal(f, u);
    fleet_tell(f, event_of(RH_EVENT_RELEASE, ""));
    return u;
}

void fleet_priority(struct fleet *f, struct fleet_upload *u, enum rh_priority priority)
{
    struct rh_event event = event_of(RH_EVENT_PRIORITY, u->id);
    event.priority.level = priority;
    u->priority = priority;
    fleet_tell(f, event);
}

void fleet_pause(struct fleet *f, struct fleet_upload *u, bool paused)
{
    u->doubt = u->doubt || (u->remote && fleet_flying(f, u, false) > 0);
    u->paused = paused;
    fleet_tell(f, event_of(paused ? RH_EVENT_PAUSE : RH_EVENT_RESUME, u->id));
}

static void list(struct fleet *f, const struct fleet_upload *u, const struct rh_action *send)
{
    uint64_t pairs[2 * RH_RANGES_MAX];
    unsigned count = 0;
    for (uint32_t at = 0; at < u->spooled && count < RH_RANGES_MAX;) {
        uint32_t end = at;
        while (end < u->spooled && u->acked[end])
            end++;
        if (end > at) {
            pairs[2 * count] = (uint64_t)at * FLEET_UNIT;
            pairs[2 * count++ + 1] = (uint64_t)(end - at) * FLEET_UNIT;
        }
        at = end + 1;
    }
    answer_list(f->b, send, count, pairs);
}

void fleet_land(struct fleet *f, unsigned i)
{
    struct rh_action send = f->flights[i];
    struct fleet_upload *u = fleet_of(f, send.upload);
    char remote[16];
    land(f, i);
    switch (send.send.kind) {
    case RH_SEND_CREATE:
        snprintf(remote, sizeof remote, "R-%s", u->id);
        u->remote = true;
        answer_create(f->b, &send, remote);
        break;
    case RH_SEND_ASK:
        u->doubt = false;
        list(f, u, &send);
        break;
    case RH_SEND_PART:
        for (uint64_t at = 0; at < send.send.range.length; at += FLEET_UNIT)
            u->acked[(send.send.range.offset + at) / FLEET_UNIT] = 1;
        answer_part(f->b, &send);
        break;
    default:
        u->done = true;
        answer_done(f->b, &send, (uint64_t)u->spooled * FLEET_UNIT);
    }
    collect(f);
}

void fleet_fail(struct fleet *f, unsigned i, enum rh_outcome outcome)
{
    struct rh_action send = f->flights[i];
    land(f, i);
    if (outcome == RH_OUTCOME_NETWORK)
        tell_broken(f->b, send.send.token);
    else
        answer(f->b, &send, outcome, RH_MS_NEVER);
    collect(f);
}

void fleet_pass(struct fleet *f, rh_ms ms)
{
    rh_ms end = f->b->now + ms;
    while (f->b->wake <= end) {
        f->b->now = f->b->wake > f->b->now ? f->b->wake : f->b->now;
        f->b->wake = RH_MS_NEVER;
        fleet_tell(f, event_of(RH_EVENT_WAKE, ""));
    }
    f->b->now = end;
}
