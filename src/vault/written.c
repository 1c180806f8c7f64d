/* SPDX-License-Identifier: MIT */
/*
 * WRITE, from the loop's report to the reply: judge what arrived, compare what was there already,
 * sync what is new, put it into memory and the batch, answer when that is committed.
 */
#include "base/crc64.h"
#include "base/plant.h"
#include "vault/inside.h"

static bool is_chunk(const struct rh_op *op)
{
    return op->request->chunk_index != RH_SIZE_UNKNOWN;
}

void rh_written_interval(struct rh_vault *v, struct rh_upload *u, struct rh_interval interval)
{
    struct rh_intervals_change change;
    if (rh_intervals_add(&u->acked, interval, &change) != RH_OK)
        rh_out_of_memory();
    if (change.erased && !RH_PLANTED("keep-joined-row"))
        rh_commit_add(v, RH_CHANGE_INTERVAL_ERASE, u->row.id)->u.interval.offset =
            change.erased_offset;
    rh_commit_add(v, RH_CHANGE_INTERVAL, u->row.id)->u.interval = change.put;
    u->commit_seq = v->gathering_seq;
}

/* ---- Judging ---- */

static void verdict(struct rh_op *op, enum rh_reply_code code, bool keep, const char *message)
{
    op->code = code;
    op->keep = keep;
    op->message = message;
}

static void judge_too_long(struct rh_op *op)
{
    if (op->compare_chunk)
        verdict(op, RH_REPLY_DIFFERENT_BYTES, false, "this chunk was received with other bytes");
    else if (op->cut)
        verdict(op, RH_REPLY_BROKEN, true, "only the first part of this range was taken");
    else if (op->short_of_space)
        verdict(op, RH_REPLY_FULL, true, "the server has no room");
    else if (op->request->length != RH_SIZE_UNKNOWN || op->upload->row.total != RH_SIZE_UNKNOWN)
        verdict(op, RH_REPLY_OUT_OF_RANGE, false, "the body is longer than what was declared");
    else
        verdict(op, RH_REPLY_TOO_LARGE, false, "larger than this server keeps");
}

static void judge_revoked(struct rh_op *op)
{
    if (op->upload->deleting)
        verdict(op, RH_REPLY_GONE, false, "this upload was deleted");
    else
        verdict(op, RH_REPLY_SUPERSEDED, true, "a newer request took this range over");
}

static void judge_whole(struct rh_op *op)
{
    const struct rh_vault_request *request = op->request;
    if (request->length != RH_SIZE_UNKNOWN && op->taken + op->written->bytes != request->length)
        verdict(op, RH_REPLY_BROKEN, true, "the body is shorter than what was declared");
    else if (request->has_crc && op->crc64 != request->crc64 && !RH_PLANTED("skip-body-checksum"))
        verdict(op, RH_REPLY_CHECKSUM, false, "the bytes do not have the declared checksum");
    else
        verdict(op, RH_REPLY_OK, true, NULL);
}

static void judge(struct rh_op *op)
{
    switch (op->written->end) { /* no test: there is no other end */
    case RH_WRITTEN_WHOLE:
        judge_whole(op);
        break;
    case RH_WRITTEN_BROKEN:
        verdict(op, RH_REPLY_BROKEN, true, "the body ended early");
        break;
    case RH_WRITTEN_REVOKED:
        judge_revoked(op);
        break;
    case RH_WRITTEN_TOO_LONG:
        judge_too_long(op);
        break;
    case RH_WRITTEN_FAILED:
        verdict(op, RH_REPLY_WRITE_FAILED, false, "the bytes could not be written");
        break;
    case RH_WRITTEN_MISMATCH:
        verdict(op, RH_REPLY_CHECKSUM, false, "the bytes do not have the declared checksum");
        break;
    case RH_WRITTEN_SOFAR: /* no test: no end */
        break;
    case RH_WRITTEN_FULL:
        verdict(op, RH_REPLY_FULL, true, "the server has no room");
        break;
    }
    if (op->extent != NULL && op->extent->failed)
        verdict(op, RH_REPLY_WRITE_FAILED, false, "the bytes could not be made durable");
    /* What the declared checksum of the whole cannot tell of a part must be told by those of its
     * slices; bytes that nobody checked would stand in the way of the right ones. */
    bool declared = op->request->has_crc || op->request->verified;
    bool unchecked = op->code != RH_REPLY_OK && declared && !op->written->checked;
    if (unchecked && !RH_PLANTED("keep-unchecked"))
        op->keep = false;
    /* A chunk has no offsets that a sender could go on from: it counts whole or not at all. */
    if (is_chunk(op) && op->code != RH_REPLY_OK && !RH_PLANTED("keep-unchecked"))
        op->keep = false;
    uint64_t total = op->upload->row.total;
    if (!is_chunk(op) && op->keep && total != RH_SIZE_UNKNOWN &&
        op->request->offset + op->taken + op->written->bytes > total)
        verdict(op, RH_REPLY_OUT_OF_RANGE, false, "this lies beyond the end of the video");
}

/* ---- Into memory and the batch ---- */

static void finished(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_op *op = RH_LIST_ENTRY(waiter, struct rh_op, waiter);
    /* Where sealing failed for now, the part is durable all the same, and the state says the rest.
     */
    if (error == RH_ERR_UNKNOWN)
        rh_reply(v, op, RH_REPLY_GONE, "the server has lost this video");
    else if (op->upload->deleting)
        rh_reply(v, op, RH_REPLY_GONE, "this upload was deleted");
    else
        rh_reply(v, op, op->code, op->message);
}

/* A body of unknown length that was the last fixes the total with its end. */
static void fix_total(struct rh_vault *v, struct rh_op *op)
{
    struct rh_upload *u = op->upload;
    uint64_t end = op->request->offset + op->taken + op->written->bytes;
    if (!op->request->final || op->request->length != RH_SIZE_UNKNOWN || op->code != RH_REPLY_OK)
        return;
    if ((u->row.total != RH_SIZE_UNKNOWN && u->row.total != end) || rh_write_reach(u, op) > end) {
        op->code = RH_REPLY_TOTAL_CHANGED;
        op->message = "the end of this part is not the end of the video";
        return;
    }
    u->row.total = end;
    rh_commit_row(v, u);
}

static void apply_range(struct rh_vault *v, struct rh_op *op)
{
    struct rh_upload *u = op->upload;
    for (size_t i = 0; i < op->written->span_count; i++) {
        if (!op->grant.spans[i].compare && op->written->length[i] > 0)
            rh_written_interval(v, u,
                                (struct rh_interval){.offset = op->grant.spans[i].offset,
                                                     .length = op->written->length[i] -
                                                               RH_PLANTED("range-end-off-by-one"),
                                                     .crc64 = op->written->crc64[i]});
    }
    op->receipt = (struct rh_interval){.offset = op->request->offset,
                                       .length = op->taken + op->written->bytes,
                                       .crc64 = op->crc64};
    if (RH_PLANTED("receipt-beyond-prefix") && op->code == RH_REPLY_BROKEN)
        op->receipt.length = op->request->length;
    op->has_receipt = op->written->bytes > 0 || op->code == RH_REPLY_OK;
    if (u->row.state == RH_UPLOAD_OPEN)
        fix_total(v, op);
}

/* Whoever brings the last chunk, in any order, is told that the video is complete: it is once the
 * chunks that wait are in their places. */
static bool will_finish(const struct rh_upload *u)
{
    return u->stitching && !u->deleting && rh_chunks_all_came(u);
}

static void settle(struct rh_vault *v, struct rh_op *op)
{
    struct rh_upload *u = op->upload;
    if (op->extent != NULL && !(RH_PLANTED("leak-hold") && op->code != RH_REPLY_OK))
        rh_extent_release(v, op->extent);
    op->extent = NULL;
    op->stage = RH_OP_APPLIED;
    if (u->row.state > RH_UPLOAD_DONE)
        verdict(op, RH_REPLY_GONE, false, "this upload is no longer here");
    if (op->keep) {
        rh_upload_touch(v, u);
        if (is_chunk(op) && !op->compare_chunk)
            rh_chunk_apply(v, op);
        else if (!is_chunk(op))
            apply_range(v, op);
    }
    rh_cursor_settled(v, op);
    bool finishing = rh_finish_check(v, u) || will_finish(u);
    if (finishing && op->keep && op->code == RH_REPLY_OK)
        rh_wait(&u->finish_waiters, &op->waiter, finished);
    else
        rh_reply(v, op, op->code, op->message);
}

static void synced(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_op *op = RH_LIST_ENTRY(waiter, struct rh_op, waiter);
    if (error != RH_OK)
        verdict(op, error == RH_ERR_FULL ? RH_REPLY_FULL : RH_REPLY_WRITE_FAILED, false,
                "the bytes could not be made durable");
    settle(v, op);
}

/* ---- Comparing and syncing ---- */

static void make_durable(struct rh_vault *v, struct rh_op *op)
{
    uint64_t new_bytes = 0;
    for (size_t i = 0; op->keep && i < op->written->span_count; i++)
        new_bytes += op->grant.spans[i].compare ? 0 : op->written->length[i];
    if (new_bytes == 0) {
        settle(v, op);
        return;
    }
    op->stage = RH_OP_SYNCING;
    rh_extent_sync(v, op->extent, &op->waiter, synced);
}

static void compare_next(struct rh_vault *v, struct rh_op *op);

static void compared(struct rh_vault *v, struct rh_op *op, bool equal)
{
    if (equal || RH_PLANTED("keep-different-bytes")) {
        op->compare_at++;
        compare_next(v, op);
        return;
    }
    verdict(op, RH_REPLY_DIFFERENT_BYTES, false, "other bytes were acknowledged for this range");
    settle(v, op);
}

static void hashed(struct rh_vault *v, struct rh_job *job, const struct rh_store_result *result)
{
    struct rh_op *op = job->context;
    if (result->error == RH_OK) {
        compared(v, op, result->crc64 == op->written->crc64[op->compare_at]);
        return;
    }
    if (result->error == RH_ERR_UNKNOWN || result->error == RH_ERR_RANGE)
        rh_log_action(v, "acknowledged bytes are not there to be compared", op->upload->row.id,
                      result->error);
    verdict(op, RH_REPLY_WRITE_FAILED, false, "the stored bytes could not be read");
    settle(v, op);
}

static const struct rh_interval *exactly(const struct rh_upload *u, uint64_t offset,
                                         uint64_t length)
{
    size_t i = rh_intervals_find(&u->acked, offset);
    RH_ASSERT(i < u->acked.count); /* the grant says that it is acknowledged */
    bool same = u->acked.items[i].offset == offset && u->acked.items[i].length == length;
    return same ? &u->acked.items[i] : NULL;
}

/* Bytes over an acknowledged range have only their checksum: against the row's where it is of just
 * these bytes, else against that of the bytes as stored. */
static void compare_next(struct rh_vault *v, struct rh_op *op)
{
    const struct rh_written *written = op->written;
    while (op->keep && op->compare_at < written->span_count) {
        size_t i = op->compare_at;
        const struct rh_grant_span *span = &op->grant.spans[i];
        if (span->compare && written->length[i] > 0) {
            const struct rh_interval *row = exactly(op->upload, span->offset, written->length[i]);
            if (row == NULL) {
                op->stage = RH_OP_COMPARING;
                struct rh_store_job *job = rh_job_start(v, RH_STORE_HASH, op->upload, hashed, op);
                job->offset = span->offset;
                job->length = written->length[i];
                return;
            }
            if (row->crc64 != written->crc64[i]) {
                compared(v, op, false);
                return;
            }
        }
        op->compare_at++;
    }
    make_durable(v, op);
}

static void compare_chunk(struct rh_vault *v, struct rh_op *op)
{
    const struct rh_chunk_row *row = rh_chunk_find(op->upload, op->request->chunk_index);
    RH_ASSERT(row != NULL);
    if (op->written->end == RH_WRITTEN_WHOLE && op->code != RH_REPLY_CHECKSUM &&
        (op->written->bytes != row->length || op->crc64 != row->crc64))
        verdict(op, RH_REPLY_DIFFERENT_BYTES, false, "this chunk was received with other bytes");
    op->receipt = (struct rh_interval){.length = row->length, .crc64 = row->crc64};
    op->has_receipt = rh_chunk_offset(op->upload, row->index, &op->receipt.offset);
    settle(v, op);
}

/* ---- The report ---- */

/* The loops are ours: a report that does not fit its grant is a bug, not input. */
static void check_report(const struct rh_op *op, const struct rh_written *written)
{
    uint64_t bytes = 0;
    RH_ASSERT(written->span_count <= op->grant.span_count);
    for (size_t i = 0; i < written->span_count; i++) {
        RH_ASSERT(written->length[i] <= op->grant.spans[i].length);
        bytes += written->length[i];
    }
    RH_ASSERT(bytes == written->bytes);
    RH_ASSERT(bytes <= op->grant.bytes_max);
}

void rh_written_tell(struct rh_vault *v, const struct rh_written *written)
{
    struct rh_map_node *node = rh_map_first(&v->ops, rh_map_hash_u64(written->op));
    uint64_t new_bytes = 0;
    if (node == NULL)
        return;
    struct rh_op *op = RH_LIST_ENTRY(node, struct rh_op, by_id);
    if (op->stage != RH_OP_GRANTED)
        return;
    check_report(op, written);
    for (size_t i = 0; i < written->span_count; i++) {
        op->crc64 = rh_crc64_combine(op->crc64, written->crc64[i], written->length[i]);
        new_bytes += op->grant.spans[i].compare ? 0 : written->length[i];
    }
    if (written->end == RH_WRITTEN_SOFAR) {
        rh_space_sofar(v, op, new_bytes);
        rh_cursor_sofar(v, op, written);
        return;
    }
    RH_ASSERT(op->written == NULL);
    op->written = rh_vault_alloc(sizeof *op->written);
    *op->written = *written;
    rh_space_written(v, op, new_bytes);
    if (!rh_cursor_ended(op))
        rh_written_go(v, op);
}

void rh_written_go(struct rh_vault *v, struct rh_op *op)
{
    judge(op);
    if (op->compare_chunk)
        compare_chunk(v, op);
    else
        compare_next(v, op);
}
