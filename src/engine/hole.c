/* SPDX-License-Identifier: MIT */
/* Which bytes of an upload go next: what is held here, not vouched for, and in no part. */
#include "base/assert.h"
#include "base/plant.h"
#include "engine/state.h"

#define CURSOR_GRAIN   (256u * 1024u) /* fixed parts at a cursor are multiples of this */
#define LEFT_BYTES_MIN 1024u          /* less than this is not begun with the last breath */

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool is_part_of(const struct rh_request *r, uint32_t index)
{
    return r->phase != RH_REQUEST_FREE && r->upload == index;
}

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
bool rh_hole_find(struct rh_engine *engine, struct rh_upload *upload, struct rh_range *hole)
{
    struct rh_engine *e = engine;
    struct rh_upload *u = upload;
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
        /* What is longer than any part need not be known. */
        rh_segments_near(&e->segments, &u->segments, at);
        bool held = rh_segments_run(&e->segments, &u->segments, at, rh_link_geometry(e, u), &run);
        RH_ASSERT(held && run.offset == at); /* or rh_hole_lost would have said so */
        *hole = (struct rh_range){at, min_u64(stop, at + run.length) - at};
        return true;
    }
    return false;
}

bool rh_hole_lost(struct rh_engine *engine, struct rh_upload *upload)
{
    struct rh_books books = rh_upload_books(engine, upload);
    uint64_t end = rh_segments_end(&engine->segments, &upload->segments);
    if (upload->source_complete || upload->source_lost)
        end = upload->size != RH_SIZE_UNKNOWN ? upload->size : rh_upload_spooled(engine, upload);
    /* Nearly always all is here from somewhere on, and nothing need be looked through. */
    uint64_t here = rh_segments_whole_from(&engine->segments, &upload->segments);
    if (here != RH_SIZE_UNKNOWN && end == rh_segments_end(&engine->segments, &upload->segments) &&
        rh_ledger_covers(&books, (struct rh_range){0, here}))
        return false;
    uint64_t at = 0;
    while (at < end) {
        struct rh_range run;
        if (rh_ledger_run(&books, at, &run) && run.offset == at) {
            at += run.length;
            continue;
        }
        if (!rh_segments_run(&engine->segments, &upload->segments, at, UINT64_MAX, &run) ||
            run.offset != at)
            return true;
        at += run.length;
    }
    return false;
}

/* The largest cut of the hole that fits in a part, on a segment boundary where one lies in it. */
uint64_t rh_hole_cut(const struct rh_engine *engine, const struct rh_upload *upload,
                     struct rh_range hole, uint64_t length_max)
{
    if (hole.length <= length_max)
        return hole.length;
    uint64_t best = 0;
    const struct rh_segment *s = rh_segments_at(&engine->segments, &upload->segments, hole.offset);
    RH_ASSERT(s != NULL);
    while (s->offset + s->length - hole.offset <= length_max) {
        best = s->offset + s->length - hole.offset;
        RH_ASSERT(s->next != RH_NO_INDEX); /* the hole goes on, so they do */
        s = &engine->segments.items[s->next];
    }
    return best > 0 ? best : length_max;
}

/* A fixed part: the whole chunk that the hole's first byte lies in; where a cursor stands in it,
 * what is left of it. */
static bool fixed_part(struct rh_engine *e, struct rh_upload *u, struct rh_range *range)
{
    uint64_t part = rh_link_geometry(e, u);
    /* With a cursor nobody counts them, and they may shrink to what all such servers take. */
    if (rh_upload_has(e, u, RH_TRAIT_ONE_CURSOR) && u->part_bytes < part && part > CURSOR_GRAIN)
        part = u->part_bytes > CURSOR_GRAIN ? u->part_bytes / CURSOR_GRAIN * CURSOR_GRAIN
                                            : CURSOR_GRAIN;
    uint64_t start = range->offset / part * part;
    if (u->size == RH_SIZE_UNKNOWN)
        return false;
    uint64_t end = start + min_u64(part, u->size - start);
    if (rh_upload_has(e, u, RH_TRAIT_ONE_CURSOR))
        start = range->offset;
    *range = (struct rh_range){start, end - start};
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

uint64_t rh_hole_part_max(const struct rh_engine *engine, const struct rh_upload *upload)
{
    const struct rh_engine *e = engine;
    uint64_t least = e->policy.part_bytes_min;
    uint64_t most = upload->part_bytes;
    /* About a second of the allowance, so that a limit does not come as bursts. */
    if (e->pace.rate_bytes_s > 0)
        most = min_u64(most, e->pace.rate_bytes_s > least ? e->pace.rate_bytes_s : least);
    /* Small ones find out soon whether the server is there, and cost little when they break. */
    if (e->outage || (e->metered && e->policy.metered == RH_METERED_SHRINK))
        most = min_u64(most, least);
    uint64_t fits = rh_link_fits(e);
    if (fits == UINT64_MAX)
        return most;
    most = min_u64(most, fits / 4 > least ? fits / 4 : min_u64(least, fits));
    return most >= min_u64(LEFT_BYTES_MIN, least) ? most : 0;
}

bool rh_hole_next(struct rh_engine *engine, struct rh_upload *upload, struct rh_range *range)
{
    struct rh_engine *e = engine;
    uint64_t length_max = rh_hole_part_max(e, upload);
    if (!rh_hole_find(e, upload, range))
        return false;
    if (rh_upload_has(e, upload, RH_TRAIT_FIXED_PARTS))
        return fixed_part(e, upload, range) && range->length <= rh_link_fits(e);
    if (length_max == 0 || may_wait(e, upload, *range))
        return false;
    range->length = rh_hole_cut(e, upload, *range, length_max);
    range->length += RH_PLANTED("send-past-segment") && !upload->sealed ? 1 : 0;
    return true;
}
