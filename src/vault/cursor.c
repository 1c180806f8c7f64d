/* SPDX-License-Identifier: MIT */
/*
 * Uploads with one cursor (tus, IETF resumable uploads, Content-Range PUT): bytes come in order,
 * from one writer at a time, and the newest has it. Nobody is locked out: whoever asks (a newer
 * writer, or a GET) waits for this server's disk at most, never for the other client's network.
 *
 * A long body is made durable in pieces. Its loop reports what has come since the last report;
 * that is synced, put into the batch and committed while the body goes on. One piece is under way
 * at a time; what is reported meanwhile is the next one. The last report is looked at when no piece
 * is under way any more.
 */
#include "base/assert.h"
#include "base/crc64.h"
#include "vault/inside.h"

#define ASKED_A_TICK 64 /* writers that are asked for a checkpoint in one second, at most */

uint64_t rh_cursor_of(const struct rh_upload *u)
{
    bool begun = u->acked.count > 0 && u->acked.items[0].offset == 0;
    return begun ? u->acked.items[0].length : 0;
}

int64_t rh_cursor_expires_wall_s(const struct rh_vault *v, const struct rh_upload *u)
{
    uint64_t after = v->limits.expire_after_ticks;
    bool may = u->row.geometry == RH_GEOMETRY_CURSOR && u->row.state == RH_UPLOAD_OPEN;
    if (!may || after == 0)
        return 0;
    /* What is in the row, not what is in memory: a server that is started anew knows no more. */
    uint64_t at = u->row_tick + after;
    if (at < v->suspended_until_tick)
        at = v->suspended_until_tick;
    return rh_wall_s(v) + (int64_t)(at > v->ticks ? at - v->ticks : 0);
}

/* ---- Admission ---- */

bool rh_cursor_admit(struct rh_vault *v, struct rh_op *op)
{
    const struct rh_upload *u = op->upload;
    uint64_t total = op->request->total;
    if (u->concat == RH_CONCAT_FINAL) {
        rh_write_end(v, op, RH_REPLY_STATE, "a concatenation takes no bytes");
        return false;
    }
    /* The rest is judged in its turn, when the cursor is known. */
    if (total != RH_SIZE_UNKNOWN && u->row.total != RH_SIZE_UNKNOWN && total != u->row.total) {
        rh_write_end(v, op, RH_REPLY_TOTAL_CHANGED,
                     "the total differs from the one declared before");
        return false;
    }
    rh_write_note_lease(v, op);
    return true;
}

/*
 * Whether the body fits. A total that it declares is the upload's once all of the body is there,
 * and right: what was cut or changed on its way may say a wrong one, and that would stand for ever.
 */
static enum rh_reply_code judge_plan(const struct rh_vault *v, struct rh_op *op,
                                     const char **message)
{
    const struct rh_upload *u = op->upload;
    const struct rh_vault_request *request = op->request;
    uint64_t cursor = rh_cursor_of(u);
    uint64_t max = v->limits.upload_bytes_max;
    uint64_t total;
    if (request->length != RH_SIZE_UNKNOWN && request->length > max - cursor) {
        *message = "larger than this server keeps";
        return RH_REPLY_TOO_LARGE;
    }
    enum rh_reply_code code = rh_write_declared(request, &total);
    bool changes =
        total != RH_SIZE_UNKNOWN && u->row.total != RH_SIZE_UNKNOWN && total != u->row.total;
    if (code != RH_REPLY_OK || changes || total < cursor) {
        *message = "the total differs from the one declared before, or from what has arrived";
        return RH_REPLY_TOTAL_CHANGED;
    }
    if (total != RH_SIZE_UNKNOWN && total > max) {
        *message = "larger than this server keeps";
        return RH_REPLY_TOO_LARGE;
    }
    if (total == RH_SIZE_UNKNOWN)
        total = u->row.total;
    if (total != RH_SIZE_UNKNOWN && request->length != RH_SIZE_UNKNOWN &&
        request->length > total - cursor) {
        *message = "this lies beyond the end of the upload";
        return RH_REPLY_OUT_OF_RANGE;
    }
    op->total = total;
    return RH_REPLY_OK;
}

bool rh_cursor_plan(struct rh_vault *v, struct rh_op *op)
{
    const struct rh_upload *u = op->upload;
    const struct rh_vault_request *request = op->request;
    uint64_t cursor = rh_cursor_of(u);
    const char *message = NULL;
    if (request->offset != cursor) {
        rh_write_end(v, op, RH_REPLY_OFFSET, "the upload stands at another offset");
        return false;
    }
    RH_ASSERT(u->acked.count <= 1); /* one cursor: one interval */
    enum rh_reply_code code = judge_plan(v, op, &message);
    if (code != RH_REPLY_OK) {
        rh_write_end(v, op, code, message);
        return false;
    }
    uint64_t length = request->length;
    if (length == RH_SIZE_UNKNOWN && op->total != RH_SIZE_UNKNOWN)
        length = op->total - cursor;
    if (length > 0)
        op->grant.spans[op->grant.span_count++] =
            (struct rh_grant_span){.offset = cursor, .length = length};
    op->grant.checkpoint = length > 0 && !request->has_crc && !request->verified;
    return true;
}

/* ---- Pieces ---- */

void rh_cursor_granted(struct rh_vault *v, struct rh_op *op)
{
    rh_list_append(&v->cursor_writers, &op->in_cursors);
}

static void next_piece(struct rh_vault *v, struct rh_op *op);

static void piece_committed(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_op *op = RH_LIST_ENTRY(waiter, struct rh_op, sofar_waiter);
    (void)error;
    if (op->request->progress && op->stage == RH_OP_GRANTED && !op->end_waits) {
        struct rh_vault_action *action = rh_queue_push(v, RH_DO_PROGRESS);
        action->u.progress.op = op->request->op;
        action->u.progress.cursor = rh_cursor_of(op->upload);
    }
    next_piece(v, op);
}

/* True: it counts. Whatever came behind the end that a FINISH set meanwhile does not. */
static bool piece_fits(const struct rh_op *op)
{
    const struct rh_upload *u = op->upload;
    return u->row.state == RH_UPLOAD_OPEN && !u->deleting &&
           op->piece.offset + op->piece.length <= u->row.total;
}

static void piece_synced(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_op *op = RH_LIST_ENTRY(waiter, struct rh_op, sofar_waiter);
    struct rh_upload *u = op->upload;
    bool counts = error == RH_OK && piece_fits(op);
    if (counts) {
        RH_ASSERT(op->piece.offset == rh_cursor_of(u));
        rh_upload_touch(v, u);
        rh_written_interval(v, u, op->piece);
    }
    if (op->sofar_answers)
        rh_wake_all(v, &u->checkpoint_waiters, RH_OK);
    op->sofar_answers = false;
    if (counts)
        rh_commit_wait(v, u->commit_seq, &op->sofar_waiter, piece_committed);
    else
        next_piece(v, op);
}

static void next_piece(struct rh_vault *v, struct rh_op *op)
{
    /* After a failed sync all that is not acknowledged is void; the loop was told to stop. */
    bool is_void = op->extent != NULL && op->extent->failed;
    op->sofar_busy = op->sofar.length > 0 && !is_void;
    if (op->sofar_busy) {
        op->piece = op->sofar;
        op->sofar.length = 0;
        op->sofar_answers = op->sofar_asked;
        op->sofar_asked = false;
        rh_extent_sync(v, op->extent, &op->sofar_waiter, piece_synced);
        return;
    }
    if (op->sofar_asked)
        rh_wake_all(v, &op->upload->checkpoint_waiters, RH_OK);
    op->sofar_asked = false;
    if (!op->end_waits)
        return;
    op->end_waits = false;
    rh_written_go(v, op);
}

void rh_cursor_sofar(struct rh_vault *v, struct rh_op *op, const struct rh_written *written)
{
    struct rh_grant_span *span = &op->grant.spans[0];
    RH_ASSERT(op->grant.checkpoint);
    if (op->sofar.length == 0)
        op->sofar = (struct rh_interval){.offset = span->offset};
    op->sofar.crc64 = rh_crc64_combine(op->sofar.crc64, written->crc64[0], written->bytes);
    op->sofar.length += written->bytes;
    op->taken += written->bytes;
    op->grant.bytes_max -= written->bytes;
    span->offset += written->bytes;
    if (span->length != RH_SIZE_UNKNOWN)
        span->length -= written->bytes;
    if (written->asked) {
        op->checkpoint_asked = false;
        op->sofar_asked = true;
    }
    if (!op->sofar_busy)
        next_piece(v, op);
}

bool rh_cursor_ended(struct rh_op *op)
{
    rh_list_remove(&op->in_cursors);
    op->end_waits = op->sofar_busy;
    return op->end_waits;
}

void rh_cursor_settled(struct rh_vault *v, struct rh_op *op)
{
    struct rh_upload *u = op->upload;
    bool whole = u->row.geometry == RH_GEOMETRY_CURSOR && op->keep && op->code == RH_REPLY_OK;
    if (op->request->final && whole)
        u->ended = true;
    if (whole && u->row.state == RH_UPLOAD_OPEN && u->row.total == RH_SIZE_UNKNOWN &&
        op->total != RH_SIZE_UNKNOWN) {
        u->row.total = op->total;
        rh_commit_row(v, u);
    }
    rh_wake_all(v, &u->checkpoint_waiters, RH_OK);
}

/* ---- Looking ---- */

static bool ask(struct rh_vault *v, struct rh_op *op)
{
    if (op->checkpoint_asked)
        return true;
    op->checkpoint_asked = true;
    rh_queue_push(v, RH_DO_CHECKPOINT)->u.checkpoint_op = op->request->op;
    return true;
}

bool rh_cursor_look(struct rh_vault *v, struct rh_op *op)
{
    struct rh_upload *u = op->upload;
    bool waits = false;
    if (u->row.geometry != RH_GEOMETRY_CURSOR)
        return false;
    /* To these protocols all bytes there is done: who is told so may ask for them next. */
    bool finishes = u->finish != RH_FINISH_NO && u->finish != RH_FINISH_RETRY;
    if (finishes && !op->looked_finish) {
        op->looked_finish = true;
        rh_wait(&u->finish_waiters, &op->waiter, rh_op_rerun);
        return true;
    }
    if (op->looked_sofar)
        return false;
    RH_LIST_EACH(node, &u->writers)
    {
        struct rh_op *writer = RH_LIST_ENTRY(node, struct rh_op, in_upload);
        bool reported = writer->end_waits || writer->stage == RH_OP_SYNCING;
        if (reported)
            waits = true;
        else if (writer->stage == RH_OP_GRANTED && writer->grant.checkpoint)
            waits = ask(v, writer);
    }
    op->looked_sofar = waits;
    if (waits)
        rh_wait(&u->checkpoint_waiters, &op->waiter, rh_op_rerun);
    return waits;
}

/* A server that dies has the last second of every body, or nearly: the longest not asked first. */
void rh_cursor_tick(struct rh_vault *v)
{
    for (size_t i = 0; i < ASKED_A_TICK; i++) {
        struct rh_list *node = rh_list_first(&v->cursor_writers);
        if (node == NULL)
            return;
        struct rh_op *op = RH_LIST_ENTRY(node, struct rh_op, in_cursors);
        rh_list_remove(node);
        rh_list_append(&v->cursor_writers, node);
        if (!op->sofar_busy) /* else the disk has not come round yet */
            (void)ask(v, op);
    }
}
