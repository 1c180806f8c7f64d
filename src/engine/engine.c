/* SPDX-License-Identifier: MIT */
/* Memory, the list of uploads, and the one deadline. */
#include "base/assert.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "base/plant.h"
#include "engine/state.h"

const struct rh_limits rh_limits_default = {
    .uploads_max = 64,
    .segments_max = 8192,
    .intervals_max = 2048,
    .parts_max = 128,
};

#define COUNT_MAX (1u << 24)

static bool sane(uint32_t count)
{
    return count > 0 && count <= COUNT_MAX;
}

static size_t rounded(size_t size)
{
    size_t unit = _Alignof(max_align_t);
    return (size + unit - 1) / unit * unit;
}

size_t rh_engine_size(const struct rh_limits *limits)
{
    if (!sane(limits->uploads_max) || !sane(limits->segments_max) || !sane(limits->intervals_max) ||
        !sane(limits->parts_max))
        return 0;
    /* 64 bits, so that a 32-bit size_t can be checked. */
    uint64_t size = rounded(sizeof(struct rh_engine));
    size += (uint64_t)limits->uploads_max * (sizeof(struct rh_upload) + sizeof(uint32_t)) + 64;
    size += (uint64_t)limits->segments_max * sizeof(struct rh_segment) + 64;
    size += (uint64_t)limits->intervals_max * sizeof(struct rh_interval) + 64;
    size += (uint64_t)limits->parts_max * sizeof(struct rh_request) + 64;
    return size > SIZE_MAX / 2 ? 0 : (size_t)size;
}

static void *carve(unsigned char **at, size_t count, size_t size)
{
    void *here = *at;
    *at += rounded(count * size);
    return here;
}

struct rh_engine *rh_engine_init(void *memory, const struct rh_limits *limits,
                                 const struct rh_policy *policy, uint64_t seed)
{
    RH_ASSERT(rh_engine_size(limits) > 0);
    unsigned char *at = memory;
    struct rh_engine *e = carve(&at, 1, sizeof *e);
    rh_mem_set(e, 0, sizeof *e);
    e->limits = *limits;
    e->policy = *policy;
    rh_rng_init(&e->rng, seed);
    e->uploads = carve(&at, limits->uploads_max, sizeof *e->uploads);
    e->order = carve(&at, limits->uploads_max, sizeof *e->order);
    e->requests = carve(&at, limits->parts_max, sizeof *e->requests);
    rh_segments_init(&e->segments, carve(&at, limits->segments_max, sizeof(struct rh_segment)),
                     limits->segments_max);
    rh_ledger_init(&e->ledger, carve(&at, limits->intervals_max, sizeof(struct rh_interval)),
                   limits->intervals_max);
    rh_mem_set(e->uploads, 0, limits->uploads_max * sizeof *e->uploads);
    rh_mem_set(e->requests, 0, limits->parts_max * sizeof *e->requests);
    e->token_next = 1;
    e->sequence_next = 1;
    e->online = true;
    e->wake_told_ms = RH_MS_NEVER;
    rh_meter_init(&e->uplink);
    e->counters_at_ms = RH_MS_NEVER;
    return e;
}

struct rh_upload *rh_engine_find(const struct rh_engine *engine, struct rh_bytes id)
{
    for (uint32_t i = 0; i < engine->count; i++) {
        struct rh_upload *u = &engine->uploads[engine->order[i]];
        if (rh_bytes_equal_str(id, u->id))
            return u;
    }
    return NULL;
}

uint32_t rh_engine_index(const struct rh_engine *engine, const struct rh_upload *upload)
{
    return (uint32_t)(upload - engine->uploads);
}

/* The oldest completed upload that owes nothing gives way; its record is erased by the next
 * actions. */
static bool make_room(struct rh_engine *e)
{
    if (e->evicted[0] != 0)
        return false;
    for (uint32_t i = 0; i < e->count; i++) {
        struct rh_upload *u = &e->uploads[e->order[i]];
        if (u->end != RH_UPLOAD_COMPLETED || u->persist_now || u->notify_now)
            continue;
        if (e->policy.keep != RH_KEEP_FOR_GOOD && !u->forgot_whole)
            continue;
        rh_mem_copy(e->evicted, u->id, sizeof e->evicted);
        rh_engine_drop(e, u);
        return true;
    }
    return false;
}

enum rh_error rh_engine_slot(struct rh_engine *engine, struct rh_bytes id, uint64_t sequence,
                             struct rh_upload **out)
{
    if (engine->count == engine->limits.uploads_max && !make_room(engine))
        return RH_ERR_LIMIT;
    uint32_t slot = 0;
    while (engine->uploads[slot].used)
        slot++;
    struct rh_upload *u = &engine->uploads[slot];
    rh_mem_set(u, 0, sizeof *u);
    u->used = true;
    rh_mem_copy(u->id, id.data, id.size);
    u->sequence = sequence;
    u->size = RH_SIZE_UNKNOWN;
    rh_segment_list_init(&u->segments);
    rh_interval_list_init(&u->acks);
    rh_meter_init(&u->meter);
    u->retry_at_ms = RH_MS_NEVER;
    u->poll_at_ms = RH_MS_NEVER;
    u->unsent_since_ms = RH_MS_NEVER;
    u->persist_at_ms = RH_MS_NEVER;
    u->notify_at_ms = RH_MS_NEVER;
    u->begun_ms = RH_MS_NEVER;
    u->part_bytes = rh_link_geometry(engine, u);
    u->notify_now = true;
    uint32_t place = engine->count;
    while (place > 0 && engine->uploads[engine->order[place - 1]].sequence > sequence) {
        engine->order[place] = engine->order[place - 1];
        place--;
    }
    engine->order[place] = slot;
    engine->count++;
    engine->queue_dirty = true;
    if (sequence >= engine->sequence_next)
        engine->sequence_next = sequence + 1;
    *out = u;
    return RH_OK;
}

void rh_engine_drop(struct rh_engine *engine, struct rh_upload *upload)
{
    uint32_t index = rh_engine_index(engine, upload);
    rh_upload_stop(engine, upload);
    for (uint32_t i = 0; i < engine->limits.parts_max; i++)
        if (engine->requests[i].upload == index)
            engine->requests[i].phase = RH_REQUEST_FREE;
    rh_segments_clear(&engine->segments, &upload->segments);
    rh_ledger_clear(&engine->ledger, &upload->acks);
    upload->used = false;
    uint32_t place = 0;
    while (engine->order[place] != index)
        place++;
    engine->count--;
    for (; place < engine->count; place++)
        engine->order[place] = engine->order[place + 1];
    engine->queue_dirty = true;
}

/* The earlier of the two, if `at` lies ahead: what is due already waits for something else. */
static rh_ms sooner(const struct rh_engine *e, rh_ms best, rh_ms at)
{
    return at > e->now_ms && at < best ? at : best;
}

static rh_ms upload_deadline(const struct rh_engine *e, const struct rh_upload *u, rh_ms at)
{
    at = sooner(e, at, u->persist_at_ms);
    at = sooner(e, at, u->notify_at_ms);
    if (u->need_token && !u->token_asked)
        at = sooner(e, at, u->token_at_ms);
    if (rh_upload_over(u) && !u->cancel_wanted)
        return at;
    at = RH_PLANTED("lose-retry-timer") ? at : sooner(e, at, u->retry_at_ms);
    at = sooner(e, at, u->poll_at_ms);
    if (u->unsent_since_ms != RH_MS_NEVER && e->policy.part_wait_ms != UINT32_MAX)
        at = sooner(e, at, u->unsent_since_ms + e->policy.part_wait_ms);
    return at;
}

rh_ms rh_engine_deadline(const struct rh_engine *engine)
{
    rh_ms at = RH_MS_NEVER;
    rh_ms idle_ms = rh_patience_limit(&engine->patience, &engine->policy);
    bool waiting = false;
    for (uint32_t i = 0; i < engine->count; i++) {
        const struct rh_upload *u = &engine->uploads[engine->order[i]];
        at = upload_deadline(engine, u, at);
        waiting = waiting || !rh_upload_over(u) || u->cancel_wanted;
    }
    for (uint32_t i = 0; i < engine->limits.parts_max; i++) {
        const struct rh_request *r = &engine->requests[i];
        if (r->phase == RH_REQUEST_FLYING)
            at = sooner(engine, at, r->progress_ms + idle_ms);
        if (r->phase == RH_REQUEST_WAITING)
            at = sooner(engine, at, r->retry_at_ms);
    }
    if (engine->leader && !engine->counters_newer)
        at = sooner(engine, at, engine->counters_at_ms);
    if (!waiting)
        return at;
    at = sooner(engine, at, engine->gap_until_ms);
    at = sooner(engine, at, engine->left_until_ms);
    if (engine->outage)
        at = sooner(engine, at, engine->probe_at_ms);
    return sooner(engine, at, engine->pace_at_ms);
}

enum rh_error rh_engine_look(const struct rh_engine *engine, struct rh_bytes upload,
                             struct rh_snapshot *out)
{
    const struct rh_upload *u = rh_engine_find(engine, upload);
    if (u == NULL)
        return RH_ERR_UNKNOWN;
    rh_upload_snapshot(engine, u, out);
    return RH_OK;
}
