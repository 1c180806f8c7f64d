/* SPDX-License-Identifier: MIT */
/*
 * Chunks: parts that declare an index and no offset. The one that is next goes in place at once, at
 * the end of what is there; one that came early waits in an extent of its own and is stitched, that
 * is copied in place, when those before it are. A chunk counts whole or not at all. A stitched copy
 * must have the checksum of the chunk that was acknowledged.
 */
#include <stdlib.h>
#include <string.h>

#include "base/plant.h"
#include "vault/inside.h"

#define STITCH_ROUND 64 /* chunks copied before they are synced and committed together */

static size_t place_of(const struct rh_upload *u, uint64_t index)
{
    size_t low = 0;
    size_t high = u->chunk_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (u->chunks[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct rh_chunk_row *rh_chunk_find(const struct rh_upload *u, uint64_t index)
{
    size_t place = place_of(u, index);
    return place < u->chunk_count && u->chunks[place].index == index ? &u->chunks[place] : NULL;
}

void rh_chunk_put(struct rh_vault *v, struct rh_upload *u, struct rh_chunk_row row)
{
    size_t place = place_of(u, row.index);
    bool known = place < u->chunk_count && u->chunks[place].index == row.index;
    if (!known && u->chunk_count == u->chunk_cap) {
        size_t cap = u->chunk_cap == 0 ? 16 : u->chunk_cap * 2;
        u->chunks = realloc(u->chunks, cap * sizeof *u->chunks);
        RH_MEMORY(u->chunks);
        u->chunk_cap = cap;
    }
    if (!known) {
        memmove(&u->chunks[place + 1], &u->chunks[place],
                (u->chunk_count - place) * sizeof *u->chunks);
        u->chunk_count++;
    } else {
        RH_ASSERT(u->chunks[place].waiting); /* what is in place stays as it is */
        u->waiting_bytes -= u->chunks[place].length;
    }
    u->chunks[place] = row;
    if (row.waiting)
        u->waiting_bytes += row.length;
    rh_commit_add(v, RH_CHANGE_CHUNK, u->row.id)->u.chunk = row;
    u->commit_seq = v->gathering_seq;
}

bool rh_chunk_offset(const struct rh_upload *u, uint64_t index, uint64_t *offset)
{
    size_t place = place_of(u, index);
    if (place != index)
        return false; /* one before it is not there */
    *offset = 0;
    for (size_t i = 0; i < place; i++)
        *offset += u->chunks[i].length;
    return true;
}

bool rh_chunks_all_came(const struct rh_upload *u)
{
    return u->row.geometry == RH_GEOMETRY_CHUNKS && u->row.state == RH_UPLOAD_OPEN &&
           u->chunk_count == u->row.chunk_count;
}

/* ---- Before the grant ---- */

static uint64_t declared_count(const struct rh_vault_request *request)
{
    return request->final ? request->chunk_index + 1 : request->chunk_count;
}

static enum rh_reply_code check(const struct rh_vault *v, const struct rh_op *op)
{
    const struct rh_upload *u = op->upload;
    const struct rh_vault_request *request = op->request;
    uint64_t count = declared_count(request);
    if (request->chunk_index >= v->limits.chunks_max)
        return RH_REPLY_OUT_OF_RANGE;
    if (count != RH_SIZE_UNKNOWN && count > v->limits.chunks_max)
        return RH_REPLY_TOO_LARGE;
    if (request->final && request->chunk_count != RH_SIZE_UNKNOWN && request->chunk_count != count)
        return RH_REPLY_TOTAL_CHANGED;
    if (count != RH_SIZE_UNKNOWN && request->chunk_index >= count)
        return RH_REPLY_OUT_OF_RANGE;
    if (u->row.chunk_count == RH_SIZE_UNKNOWN) {
        bool beyond = count != RH_SIZE_UNKNOWN && u->chunk_count > 0 &&
                      u->chunks[u->chunk_count - 1].index >= count;
        return beyond ? RH_REPLY_TOTAL_CHANGED : RH_REPLY_OK;
    }
    if (count != RH_SIZE_UNKNOWN && count != u->row.chunk_count)
        return RH_REPLY_TOTAL_CHANGED;
    return request->chunk_index >= u->row.chunk_count ? RH_REPLY_OUT_OF_RANGE : RH_REPLY_OK;
}

static const char *message_of(enum rh_reply_code code)
{
    switch (code) {
    case RH_REPLY_TOTAL_CHANGED:
        return "the number of chunks differs from the one declared before";
    case RH_REPLY_OUT_OF_RANGE:
        return "the chunk's index is not below the number of chunks";
    default:
        return "more chunks than this server keeps";
    }
}

bool rh_chunk_admit(struct rh_vault *v, struct rh_op *op)
{
    struct rh_upload *u = op->upload;
    enum rh_reply_code code = check(v, op);
    uint64_t count = declared_count(op->request);
    if (code != RH_REPLY_OK) {
        rh_write_end(v, op, code, message_of(code));
        return false;
    }
    const struct rh_chunk_row *there = rh_chunk_find(u, op->request->chunk_index);
    if (there != NULL && op->request->length != RH_SIZE_UNKNOWN &&
        op->request->length != there->length) {
        rh_write_end(v, op, RH_REPLY_DIFFERENT_BYTES,
                     "this chunk was received with another length");
        return false;
    }
    if (u->row.state == RH_UPLOAD_DONE) {
        if (there == NULL)
            rh_write_end(v, op, RH_REPLY_STATE, "this video was finished without this chunk");
        return there != NULL;
    }
    if (count != RH_SIZE_UNKNOWN && count != u->row.chunk_count) {
        u->row.chunk_count = count;
        rh_commit_row(v, u);
    }
    return true;
}

void rh_chunk_plan(struct rh_vault *v, struct rh_op *op)
{
    const struct rh_upload *u = op->upload;
    const struct rh_vault_request *request = op->request;
    const struct rh_chunk_row *there = rh_chunk_find(u, request->chunk_index);
    struct rh_grant_span span = {.offset = 0, .length = request->length, .compare = there != NULL};
    (void)v;
    op->compare_chunk = there != NULL;
    /* Whoever else writes the next one in place has its index: they take turns. */
    op->in_place_chunk =
        there == NULL && request->chunk_index == u->row.chunk_next && !u->stitching;
    if (there != NULL)
        span.length = there->length;
    if (op->in_place_chunk)
        span.offset = rh_intervals_end(&u->acked);
    if (span.length > 0)
        op->grant.spans[op->grant.span_count++] = span;
}

/* ---- After the sync ---- */

static void advance(struct rh_vault *v, struct rh_upload *u, struct rh_chunk_row row,
                    uint64_t offset)
{
    RH_ASSERT(row.index == u->row.chunk_next);
    row.waiting = false;
    if (row.length > 0)
        rh_written_interval(
            v, u, (struct rh_interval){.offset = offset, .length = row.length, .crc64 = row.crc64});
    rh_chunk_put(v, u, row);
    u->row.chunk_next++;
    rh_commit_row(v, u);
}

void rh_chunk_apply(struct rh_vault *v, struct rh_op *op)
{
    struct rh_upload *u = op->upload;
    struct rh_chunk_row row = {
        .index = op->request->chunk_index, .length = op->written->bytes, .crc64 = op->crc64};
    if (op->in_place_chunk || (row.length == 0 && row.index == u->row.chunk_next)) {
        op->receipt = (struct rh_interval){
            .offset = rh_intervals_end(&u->acked), .length = row.length, .crc64 = row.crc64};
        op->has_receipt = true;
        advance(v, u, row, op->receipt.offset);
    } else {
        row.waiting = true;
        rh_chunk_put(v, u, row);
        op->receipt = (struct rh_interval){.length = row.length, .crc64 = row.crc64};
        op->has_receipt = rh_chunk_offset(u, row.index, &op->receipt.offset);
    }
    rh_chunks_stitch(v, u);
}

/* ---- Stitching ---- */

static void stitch_next(struct rh_vault *v, struct rh_upload *u);
static void stitch_wake(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error);

static void stitch_stop(struct rh_vault *v, struct rh_upload *u)
{
    u->stitching = false;
    rh_extent_release(v, rh_extent_peek(u, RH_EXTENT_IN_PLACE));
    rh_wake_all(v, &u->idle_waiters, RH_OK);
}

static void stitch_failed(struct rh_vault *v, struct rh_upload *u, enum rh_error error)
{
    rh_log_action(v, "a waiting chunk could not be put in its place", u->row.id, error);
    rh_retry_later(v, u);
    rh_wake_all(v, &u->finish_waiters, error);
}

static void stitched(struct rh_vault *v, struct rh_job *job, const struct rh_store_result *result)
{
    struct rh_upload *u = job->context;
    const struct rh_chunk_row *row = rh_chunk_find(u, u->stitch_index);
    enum rh_error error = result->error;
    if (error == RH_OK && RH_PLANTED("launder-rot"))
        u->chunks[row - u->chunks].crc64 = result->crc64;
    if (error == RH_OK && result->crc64 != row->crc64)
        error = RH_ERR_CHECKSUM;
    if (error == RH_OK) {
        u->stitch_index++;
        u->stitch_offset += RH_PLANTED("accept-stale-offset") ? 0 : row->length;
        stitch_next(v, u);
        return;
    }
    stitch_stop(v, u);
    if (error == RH_ERR_CHECKSUM || error == RH_ERR_UNKNOWN || error == RH_ERR_RANGE)
        rh_finish_lost(v, u, error);
    else
        stitch_failed(v, u, error);
}

static void round_ended(struct rh_vault *v, struct rh_upload *u)
{
    stitch_stop(v, u);
    if (!rh_finish_check(v, u))
        rh_chunks_stitch(v, u);
}

static void drop_ended(struct rh_vault *v, struct rh_job *job, const struct rh_store_result *result)
{
    struct rh_upload *u = job->context;
    (void)result; /* a copy that stays takes room, no more; sealing removes it */
    if (--u->stitch_drops == 0)
        round_ended(v, u);
}

/* The round ends with the last removal: one that came later could hit a chunk of another upload,
 * that got this one's name after it was deleted. */
static void copies_committed(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_upload *u = RH_LIST_ENTRY(waiter, struct rh_upload, stitch);
    (void)error;
    for (; u->stitch_first < u->stitch_index; u->stitch_first++) {
        if (rh_chunk_find(u, u->stitch_first)->length == 0)
            continue;
        u->stitch_drops++;
        rh_job_start(v, RH_STORE_DROP_CHUNK, u, drop_ended, u)->index =
            u->stitch_first + RH_PLANTED("drop-waiting-part");
    }
    if (u->stitch_drops == 0)
        round_ended(v, u);
}

static void copies_synced(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_upload *u = RH_LIST_ENTRY(waiter, struct rh_upload, stitch);
    if (error != RH_OK) {
        stitch_stop(v, u);
        stitch_failed(v, u, error);
        return;
    }
    for (uint64_t i = u->stitch_first; i < u->stitch_index; i++)
        advance(v, u, *rh_chunk_find(u, i), rh_intervals_end(&u->acked));
    rh_commit_wait(v, u->commit_seq, &u->stitch, copies_committed);
}

static void stitch_next(struct rh_vault *v, struct rh_upload *u)
{
    const struct rh_chunk_row *row = rh_chunk_find(u, u->stitch_index);
    struct rh_extent *extent = rh_extent_peek(u, RH_EXTENT_IN_PLACE);
    while (row != NULL && row->length == 0) /* nothing was stored for it */
        row = rh_chunk_find(u, ++u->stitch_index);
    bool more = row != NULL && u->stitch_index - u->stitch_first < STITCH_ROUND;
    if (!more) {
        rh_extent_sync(v, extent, &u->stitch, copies_synced);
        return;
    }
    struct rh_store_job *job = rh_job_start(v, RH_STORE_STITCH, u, stitched, u);
    job->index = u->stitch_index;
    job->handle = extent->handle;
    job->offset = u->stitch_offset;
    job->length = row->length;
}

static void stitch_wake(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_upload *u = RH_LIST_ENTRY(waiter, struct rh_upload, stitch);
    u->stitching = false;
    if (error == RH_OK)
        rh_chunks_stitch(v, u);
    else if (error == RH_ERR_UNKNOWN)
        rh_finish_lost(v, u, error);
    else
        stitch_failed(v, u, error);
    if (!u->stitching)
        rh_wake_all(v, &u->idle_waiters, RH_OK);
}

void rh_chunks_stitch(struct rh_vault *v, struct rh_upload *u)
{
    const struct rh_chunk_row *next = rh_chunk_find(u, u->row.chunk_next);
    if (u->stitching || u->deleting || u->finish != RH_FINISH_NO || next == NULL ||
        !next->waiting || u->row.state != RH_UPLOAD_OPEN || u->retry_tick != 0)
        return;
    /* Set first: an in-place grant must not slip in while the file is being opened. */
    u->stitching = true;
    struct rh_extent *extent = rh_extent_of(v, u, RH_EXTENT_IN_PLACE);
    if (!rh_extent_hold(v, extent, &u->stitch, stitch_wake))
        return;
    u->stitch_first = u->row.chunk_next;
    u->stitch_index = u->row.chunk_next;
    u->stitch_offset = rh_intervals_end(&u->acked);
    stitch_next(v, u);
}
