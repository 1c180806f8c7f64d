/* SPDX-License-Identifier: MIT */
/*
 * Before sealing, what has to be made of the in-place file: an empty one where an upload has no
 * bytes; and for a partial video zeros in the gaps (docs/decisions/0001-partial-videos.md), after
 * which chunks that waited are copied to where they belong. All of it is synced before the row says
 * FINISHING, so that a crash before that leaves an open upload and nothing vouched for is touched.
 */
#include "vault/inside.h"

static void next(struct rh_vault *v, struct rh_upload *u);

static struct rh_upload *upload_of(struct rh_waiter *waiter)
{
    return RH_LIST_ENTRY(waiter, struct rh_upload, finisher);
}

static void failed(struct rh_vault *v, struct rh_upload *u, enum rh_error error)
{
    u->finish = RH_FINISH_NO;
    u->row.partial = false;
    rh_log_action(v, "a video could not be prepared for sealing", u->row.id, error);
    if (error == RH_ERR_UNKNOWN || error == RH_ERR_CHECKSUM || error == RH_ERR_RANGE)
        rh_finish_lost(v, u, error);
    else
        rh_retry_later(v, u);
    rh_wake_all(v, &u->finish_waiters, error);
}

static void failed_held(struct rh_vault *v, struct rh_upload *u, enum rh_error error)
{
    rh_extent_release(v, rh_extent_peek(u, RH_EXTENT_IN_PLACE));
    failed(v, u, error);
}

/* Senders cut a video in equal chunks, but for the last: then a chunk's place follows from its
 * index. 0 where that is not so; chunks then follow one another. */
static uint64_t chunk_size_of(const struct rh_upload *u)
{
    if (u->chunk_count == 0)
        return 0;
    const struct rh_chunk_row *last = &u->chunks[u->chunk_count - 1];
    uint64_t size = u->chunks[0].length;
    for (size_t i = 1; i + 1 < u->chunk_count; i++) {
        if (u->chunks[i].length != size)
            return 0;
    }
    if (u->chunk_count == 1) {
        bool may_be_short =
            u->row.chunk_count == RH_SIZE_UNKNOWN || last->index + 1 == u->row.chunk_count;
        return may_be_short && last->index > 0 ? 0 : size;
    }
    return last->length <= size ? size : 0;
}

/* ---- Into the rows, once all is durable ---- */

static void place_chunks(struct rh_vault *v, struct rh_upload *u)
{
    uint64_t size = chunk_size_of(u);
    for (size_t i = 0; i < u->chunk_count; i++) {
        struct rh_chunk_row row = u->chunks[i];
        if (!row.waiting)
            continue;
        uint64_t offset = size != 0 ? row.index * size : rh_intervals_end(&u->acked);
        row.waiting = false;
        rh_chunk_put(v, u, row);
        if (row.length > 0)
            rh_written_interval(
                v, u,
                (struct rh_interval){.offset = offset, .length = row.length, .crc64 = row.crc64});
    }
}

static void synced(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_upload *u = upload_of(waiter);
    if (error != RH_OK) {
        failed_held(v, u, error);
        return;
    }
    rh_extent_release(v, rh_extent_peek(u, RH_EXTENT_IN_PLACE));
    place_chunks(v, u);
    rh_finish_commit(v, u, rh_intervals_end(&u->acked));
}

/* ---- Zeros, then copies ---- */

static void did(struct rh_vault *v, struct rh_job *job, const struct rh_store_result *result)
{
    struct rh_upload *u = job->context;
    enum rh_error error = result->error;
    if (error == RH_OK && u->prepare_copies && result->crc64 != u->chunks[u->prepare_at - 1].crc64)
        error = RH_ERR_CHECKSUM;
    if (error != RH_OK)
        failed_held(v, u, error);
    else
        next(v, u);
}

static struct rh_store_job *start(struct rh_vault *v, struct rh_upload *u, enum rh_store_verb verb,
                                  uint64_t offset, uint64_t length)
{
    struct rh_store_job *job = rh_job_start(v, verb, u, did, u);
    job->handle = rh_extent_peek(u, RH_EXTENT_IN_PLACE)->handle;
    job->offset = offset;
    job->length = length;
    u->prepare_copies = verb == RH_STORE_STITCH;
    return job;
}

/* The next gap between intervals: prepare_at counts intervals whose gap before was seen to. */
static bool next_gap(struct rh_vault *v, struct rh_upload *u)
{
    while (u->prepare_at < u->acked.count) {
        const struct rh_interval *interval = &u->acked.items[u->prepare_at++];
        uint64_t from = u->prepare_offset;
        u->prepare_offset = interval->offset + interval->length;
        if (interval->offset > from) {
            (void)start(v, u, RH_STORE_ZERO, from, interval->offset - from);
            return true;
        }
    }
    return false;
}

/* The next chunk that waits: first the gap before it, then the chunk. */
static bool next_chunk(struct rh_vault *v, struct rh_upload *u)
{
    uint64_t size = chunk_size_of(u);
    for (; u->prepare_at < u->chunk_count; u->prepare_at++) {
        const struct rh_chunk_row *row = &u->chunks[u->prepare_at];
        uint64_t from = u->prepare_offset;
        uint64_t offset = size != 0 ? row->index * size : from;
        if (!row->waiting || row->length == 0)
            continue;
        if (offset > from) {
            u->prepare_offset = offset;
            (void)start(v, u, RH_STORE_ZERO, from, offset - from);
            return true;
        }
        RH_ASSERT(offset == from);
        u->prepare_offset = offset + row->length;
        u->prepare_at++;
        start(v, u, RH_STORE_STITCH, offset, row->length)->index = row->index;
        return true;
    }
    return false;
}

static void next(struct rh_vault *v, struct rh_upload *u)
{
    bool more = u->row.geometry == RH_GEOMETRY_CHUNKS ? next_chunk(v, u) : next_gap(v, u);
    if (!more)
        rh_extent_sync(v, rh_extent_peek(u, RH_EXTENT_IN_PLACE), &u->finisher, synced);
}

static void opened(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_upload *u = upload_of(waiter);
    if (error != RH_OK)
        failed(v, u, error);
    else
        rh_partial_start(v, u);
}

void rh_partial_start(struct rh_vault *v, struct rh_upload *u)
{
    u->finish = RH_FINISH_PREPARE;
    if (!rh_extent_hold(v, rh_extent_of(v, u, RH_EXTENT_IN_PLACE), &u->finisher, opened))
        return;
    u->prepare_at = 0;
    u->prepare_offset = u->row.geometry == RH_GEOMETRY_CHUNKS ? rh_intervals_end(&u->acked) : 0;
    next(v, u);
}
