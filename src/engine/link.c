/* SPDX-License-Identifier: MIT */
/*
 * What all uploads share: the way to the server. Its speed and the allowance on it, whether the
 * server answers, how long there is left; and by which method an upload goes.
 */
#include "base/bytes.h"
#include "base/mem.h"
#include "engine/policy.h"
#include "engine/state.h"

#define CURSOR_BYTES_MAX  (64u << 20)
#define LIMIT_BYTES_S_MIN 1024u /* a share of a link that looks dead is at least this */

/* ---- geometry and method ---- */

static uint32_t largest_part(const struct rh_policy *p, const struct rh_upload *upload)
{
    if (p->steps_count > 0 && upload->size == RH_SIZE_UNKNOWN)
        return p->steps[0].part_bytes; /* a recording is small before it is large */
    for (uint32_t i = 0; i < p->steps_count; i++)
        if (upload->size <= p->steps[i].size_max)
            return p->steps[i].part_bytes;
    return p->part_bytes;
}

uint32_t rh_link_geometry(const struct rh_engine *engine, const struct rh_upload *upload)
{
    if (upload->geometry != 0)
        return upload->geometry;
    uint32_t part = largest_part(&engine->policy, upload);
    if (!rh_upload_has(engine, upload, RH_TRAIT_ONE_CURSOR))
        return part;
    /* Each part costs a way there and back, on which nothing else of the upload flies. */
    return part > CURSOR_BYTES_MAX / RH_CURSOR_PARTS ? CURSOR_BYTES_MAX : part * RH_CURSOR_PARTS;
}

void rh_link_begin(const struct rh_engine *engine, struct rh_upload *upload)
{
    if (upload->geometry == 0) {
        upload->geometry = rh_link_geometry(engine, upload);
        upload->part_bytes = upload->geometry;
        upload->persist_now = true;
    }
    if (upload->method[0] == 0 && engine->policy.method[0] != 0) {
        rh_mem_copy(upload->method, engine->policy.method, sizeof upload->method);
        upload->persist_now = true;
    }
}

enum rh_error rh_link_method(struct rh_engine *engine, struct rh_upload *upload,
                             struct rh_bytes name)
{
    if (name.size == 0 || name.size > RH_METHOD_MAX)
        return RH_ERR_SYNTAX;
    if (rh_bytes_equal_str(name, upload->method))
        return RH_OK;
    if (rh_upload_over(upload) || !rh_upload_held(engine, upload))
        return RH_ERR_STATE;
    rh_upload_anew(engine, upload);
    rh_mem_set(upload->method, 0, sizeof upload->method);
    rh_mem_copy(upload->method, name.data, name.size);
    upload->geometry = 0;
    rh_upload_changed(upload);
    return RH_OK;
}

/* ---- speed and allowance ---- */

void rh_link_limit(struct rh_engine *engine)
{
    struct rh_engine *e = engine;
    uint64_t rate = e->limit_bytes_s;
    uint64_t uplink = rh_meter_speed(&e->uplink);
    if (e->limit_percent > 0 && uplink > 0) {
        uint64_t share = uplink / 100 * e->limit_percent + uplink % 100 * e->limit_percent / 100;
        share = share > LIMIT_BYTES_S_MIN ? share : LIMIT_BYTES_S_MIN;
        rate = rate == 0 || share < rate ? share : rate;
    }
    if (rate == e->pace.rate_bytes_s)
        return;
    /* About a second of the allowance at once, but at least one of the smallest parts. */
    uint64_t burst = rate > e->policy.part_bytes_min ? rate : e->policy.part_bytes_min;
    rh_pace_set(&e->pace, e->now_ms, rate, burst);
    e->pace_at_ms = 0;
}

void rh_link_started(struct rh_engine *engine, struct rh_upload *upload,
                     const struct rh_request *request, bool waited)
{
    if (engine->outage)
        engine->probe_token = request->token;
    if (request->kind != RH_SEND_PART)
        return;
    rh_pace_take(&engine->pace, engine->now_ms, request->range.length);
    if (waited)
        rh_meter_stop(&upload->meter);
    rh_meter_start(&upload->meter, engine->now_ms);
    rh_meter_start(&engine->uplink, engine->now_ms);
}

static bool any_part_flying(const struct rh_engine *e)
{
    for (uint32_t i = 0; i < e->limits.parts_max; i++)
        if (e->requests[i].phase == RH_REQUEST_FLYING && e->requests[i].kind == RH_SEND_PART)
            return true;
    return false;
}

/* Bytes of the whole that have not left. */
static uint64_t left_of(struct rh_engine *e, struct rh_upload *u)
{
    struct rh_books books = rh_upload_books(e, u);
    uint32_t index = rh_engine_index(e, u);
    uint64_t sent = rh_ledger_bytes(&books);
    for (uint32_t i = 0; i < e->limits.parts_max; i++) {
        const struct rh_request *r = &e->requests[i];
        if (r->phase == RH_REQUEST_FLYING && r->upload == index)
            sent += r->sent_bytes;
    }
    return u->size > sent ? u->size - sent : 0;
}

void rh_link_moved(struct rh_engine *engine, struct rh_upload *upload, uint64_t bytes)
{
    rh_meter_add(&upload->meter, engine->now_ms, bytes);
    rh_meter_add(&engine->uplink, engine->now_ms, bytes);
    if (upload->size != RH_SIZE_UNKNOWN)
        rh_meter_show(&upload->meter, engine->now_ms, left_of(engine, upload));
    /* The link's own speed: the time in which an allowance is waited for is none of it. */
    if (!any_part_flying(engine))
        rh_meter_stop(&engine->uplink);
    if (engine->limit_percent > 0)
        rh_link_limit(engine);
}

uint64_t rh_link_fits(const struct rh_engine *engine)
{
    if (engine->now_ms >= engine->left_until_ms)
        return UINT64_MAX;
    rh_ms left_ms = engine->left_until_ms - engine->now_ms;
    uint64_t speed = rh_meter_speed(&engine->uplink);
    if (speed == 0)
        return engine->policy.part_bytes_min; /* as good a guess as any */
    left_ms = left_ms < 3600000 ? left_ms : 3600000;
    speed = speed < RH_PACE_RATE_MAX ? speed : RH_PACE_RATE_MAX;
    return speed * left_ms / 1000 / 4 * 3; /* and time for the answer */
}

/* ---- outages ---- */

static bool probing(const struct rh_engine *e)
{
    return e->probe_token != 0 && rh_request_of(e, e->probe_token) != NULL;
}

bool rh_link_open(const struct rh_engine *engine)
{
    return !engine->outage || (!probing(engine) && engine->now_ms >= engine->probe_at_ms);
}

void rh_link_network(struct rh_engine *engine, bool up)
{
    if (!engine->policy.probe)
        return;
    engine->outage = engine->outage || !up;
    engine->outage_failures = 0;
    engine->probe_at_ms = up ? engine->now_ms : engine->probe_at_ms;
}

void rh_link_lost(struct rh_engine *engine, const struct rh_request *request, rh_ms retry_after_ms)
{
    struct rh_engine *e = engine;
    if (!e->policy.probe)
        return;
    /* What left before the outage fails with it, and says nothing new. */
    if (!e->outage || request->token == e->probe_token) {
        e->outage_failures += e->outage_failures < UINT32_MAX;
        e->probe_token = 0;
        e->probe_at_ms = e->now_ms + rh_policy_delay(&e->policy, &e->rng, e->outage_failures);
    }
    e->outage = true;
    if (retry_after_ms == RH_MS_NEVER)
        return;
    rh_ms at = retry_after_ms < RH_RETRY_AFTER_CAP_MS ? retry_after_ms : RH_RETRY_AFTER_CAP_MS;
    at += e->now_ms;
    e->probe_at_ms = at > e->probe_at_ms ? at : e->probe_at_ms;
}

static bool was_unreachable(enum rh_outcome waits_for)
{
    return waits_for == RH_OUTCOME_NETWORK || waits_for == RH_OUTCOME_TIMEOUT;
}

/* An upload that did not find out goes on too: the recording in progress at once, others each at
 * its own moment, so that they do not come as one. */
static void go_on(struct rh_engine *e, struct rh_upload *u)
{
    bool waits = u->retry_at_ms != RH_MS_NEVER && u->retry_at_ms > e->now_ms;
    if (rh_upload_over(u) || rh_upload_flying(e, u) || (waits && !was_unreachable(u->waits_for)))
        return; /* what waits for another reason was told to */
    rh_ms at = e->now_ms;
    if (rh_plan_rank(u) > 0 && e->policy.spread_ms > 0)
        at += rh_rng_below(&e->rng, (uint64_t)e->policy.spread_ms + 1);
    if (!waits && at == e->now_ms)
        return;
    u->retry_at_ms = at;
    u->wait_reason = RH_REASON_OFFLINE;
}

static void heard(struct rh_engine *e, const struct rh_request *request)
{
    if (!e->outage)
        return;
    e->outage = false;
    e->outage_failures = 0;
    e->probe_token = 0;
    for (uint32_t i = 0; i < e->count; i++)
        if (e->order[i] != request->upload)
            go_on(e, &e->uploads[e->order[i]]);
    for (uint32_t i = 0; i < e->limits.parts_max; i++) {
        struct rh_request *r = &e->requests[i];
        if (r->phase == RH_REQUEST_WAITING && r->retry_at_ms > e->now_ms &&
            was_unreachable(r->waits_for))
            r->retry_at_ms = e->now_ms;
    }
}

void rh_link_answered(struct rh_engine *engine, const struct rh_request *request,
                      const struct rh_response *response)
{
    switch (response->outcome) {
    case RH_OUTCOME_TOO_BUSY:
    case RH_OUTCOME_MALFORMED: /* something on the way answers instead of the server */
    case RH_OUTCOME_GONE_BARE:
        rh_link_lost(engine, request, response->retry_after_ms);
        break;
    case RH_OUTCOME_RETRY:
        if (response->status == 502 || response->status == 504)
            rh_link_lost(engine, request, response->retry_after_ms);
        else
            heard(engine, request);
        break;
    default:
        heard(engine, request);
    }
}
