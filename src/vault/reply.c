/* SPDX-License-Identifier: MIT */
/*
 * Replies. A reply is made of what memory says now and waits until that is committed: nothing is
 * ever said that a restart could take back.
 */
#include <stdlib.h>
#include <string.h>

#include "base/plant.h"
#include "vault/inside.h"

void rh_vault_reply_finish(struct rh_vault_reply *reply)
{
    free(reply->upload.metadata);
    for (size_t i = 0; i < reply->video_count; i++)
        free(reply->videos[i].metadata);
    free(reply->videos);
    memset(reply, 0, sizeof *reply);
}

enum rh_reply_code rh_reply_code_of(enum rh_error error)
{
    RH_ASSERT(error != RH_OK);
    switch (error) {
    case RH_ERR_FULL:
        return RH_REPLY_FULL;
    case RH_ERR_LIMIT:
        return RH_REPLY_OVERLOADED;
    case RH_ERR_UNKNOWN:
        return RH_REPLY_GONE;
    default:
        return RH_REPLY_WRITE_FAILED;
    }
}

static void view_of(const struct rh_vault *v, const struct rh_upload *u, bool with_metadata,
                    struct rh_upload_view *view)
{
    strcpy(view->id, u->row.id);
    strcpy(view->session, u->row.session);
    strcpy(view->name, u->row.name);
    strcpy(view->mime, u->row.mime);
    view->state = u->row.state;
    view->geometry = u->row.geometry;
    view->partial = u->row.partial;
    view->size_disagrees = u->row.size_disagrees;
    view->total = u->row.total;
    view->received = u->acked.bytes + u->waiting_bytes;
    view->crc64 = u->row.crc64;
    view->chunk_count = u->row.chunk_count;
    view->chunks_received = u->chunk_count;
    view->created_wall_s = u->row.created_wall_s;
    view->done_wall_s = u->row.done_wall_s;
    view->cursor = rh_cursor_of(u);
    view->expires_wall_s = rh_cursor_expires_wall_s(v, u);
    if (view->expires_wall_s > rh_wall_s(v))
        view->expires_in_s = (uint64_t)(view->expires_wall_s - rh_wall_s(v));
    view->concat = u->concat;
    view->ends_by_final = u->ends_by_final;
    if (with_metadata && u->row.metadata != NULL)
        view->metadata = rh_cursor_metadata(u);
}

static void ranges_of(const struct rh_upload *u, struct rh_vault_reply *reply)
{
    uint64_t end = u->row.total != RH_SIZE_UNKNOWN ? u->row.total : rh_intervals_end(&u->acked);
    uint64_t at = 0;
    struct rh_range piece;
    bool present;
    for (size_t i = 0; i < u->acked.count && i < RH_REPLY_RANGES_MAX; i++)
        reply->durable[reply->durable_count++] = u->acked.items[i];
    while (reply->missing_count < RH_REPLY_RANGES_MAX &&
           rh_intervals_piece(&u->acked, &at, end, &piece, &present)) {
        if (!present)
            reply->missing[reply->missing_count++] = piece;
    }
}

static void chunks_of(const struct rh_upload *u, struct rh_vault_reply *reply)
{
    for (size_t i = 0; i < u->chunk_count; i++) {
        struct rh_range *run =
            reply->chunk_run_count > 0 ? &reply->chunks[reply->chunk_run_count - 1] : NULL;
        if (run != NULL && run->offset + run->length == u->chunks[i].index) {
            run->length++;
        } else if (reply->chunk_run_count == RH_REPLY_RANGES_MAX) {
            return;
        } else {
            reply->chunks[reply->chunk_run_count++] =
                (struct rh_range){.offset = u->chunks[i].index, .length = 1};
        }
    }
}

static void upload_part(const struct rh_vault *v, const struct rh_op *op,
                        struct rh_vault_reply *reply)
{
    const struct rh_upload *u = op->upload;
    reply->has_upload = true;
    memcpy(reply->digest, op->digest, sizeof reply->digest);
    view_of(v, u, op->request->kind == RH_REQUEST_GET, &reply->upload);
    ranges_of(u, reply);
    chunks_of(u, reply);
    if (u->row.state == RH_UPLOAD_DONE) {
        reply->has_receipt = true;
        reply->receipt =
            (struct rh_interval){.offset = 0, .length = u->row.total, .crc64 = u->row.crc64};
    } else if (op->has_receipt && op->keep) {
        reply->has_receipt = true;
        reply->receipt = op->receipt;
    }
}

/* The session's uploads, oldest first. */
static uint64_t videos_part(const struct rh_vault *v, const struct rh_session *s,
                            struct rh_vault_reply *reply)
{
    uint64_t seq = s->commit_seq;
    size_t count = rh_list_count(&s->uploads);
    if (count == 0)
        return seq;
    reply->videos = rh_vault_alloc(count * sizeof *reply->videos);
    RH_LIST_EACH(node, &s->uploads)
    {
        const struct rh_upload *u = RH_LIST_ENTRY(node, struct rh_upload, in_session);
        if (u->erasing)
            continue;
        view_of(v, u, true, &reply->videos[reply->video_count++]);
        if (u->commit_seq > seq)
            seq = u->commit_seq;
    }
    return seq;
}

static void send(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_op *op = RH_LIST_ENTRY(waiter, struct rh_op, waiter);
    (void)error;
    rh_queue_push(v, RH_DO_REPLY)->u.reply = op->reply;
    op->reply = NULL;
    /* Only now: who takes this range over must find its bytes committed. */
    rh_write_leave(v, op);
    rh_op_free(v, op);
}

static uint64_t fill(struct rh_vault *v, struct rh_op *op, enum rh_reply_code code,
                     const char *message)
{
    struct rh_vault_reply *reply = rh_vault_alloc(sizeof *reply);
    enum rh_request_kind kind = op->request->kind;
    uint64_t seq = 0;
    reply->op = op->request->op;
    reply->code = code;
    reply->message = message;
    strcpy(reply->generation, v->meta.generation);
    if (op->upload != NULL) {
        upload_part(v, op, reply);
        seq = op->upload->commit_seq;
    }
    if (op->session != NULL &&
        (kind == RH_REQUEST_SESSION_CREATE || kind == RH_REQUEST_SESSION_GET)) {
        reply->session = op->session->row;
        if (kind == RH_REQUEST_SESSION_GET)
            seq = videos_part(v, op->session, reply);
        else
            seq = op->session->commit_seq;
    }
    if (code == RH_REPLY_FULL)
        reply->retry_after_s = RH_FULL_RETRY_S;
    if (code == RH_REPLY_OVERLOADED)
        reply->retry_after_s = RH_SHORT_RETRY_S;
    op->reply = reply;
    op->stage = RH_OP_REPLYING;
    return seq;
}

void rh_reply(struct rh_vault *v, struct rh_op *op, enum rh_reply_code code, const char *message)
{
    rh_list_remove(&op->waiter.link);
    uint64_t seq = fill(v, op, code, message);
    if (RH_PLANTED("reply-before-commit"))
        seq = 0;
    rh_commit_wait(v, seq, &op->waiter, send);
}
