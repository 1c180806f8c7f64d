/* SPDX-License-Identifier: MIT */
/* CREATE and GET. Creating is idempotent by (session, name). */
#include <string.h>

#include "base/bytes.h"
#include "base/id.h"
#include "vault/inside.h"

/* What a request says of an upload that is there, against what is known of it. */
static enum rh_reply_code disagreement(const struct rh_upload *u,
                                       const struct rh_vault_request *request, const char **message)
{
    if (request->cursor != (u->row.geometry == RH_GEOMETRY_CURSOR)) {
        *message = "this upload was begun in a protocol that sends its bytes otherwise";
        return RH_REPLY_CONFLICT;
    }
    bool vague = u->row.mime[0] == '\0'; /* only metadata came so far */
    if (!vague && request->mime[0] != '\0' && strcmp(u->row.mime, request->mime) != 0) {
        *message = "this video was begun with another mime type";
        return RH_REPLY_CONFLICT;
    }
    if (request->total == RH_SIZE_UNKNOWN || request->total == u->row.total)
        return RH_REPLY_OK;
    if (u->row.total != RH_SIZE_UNKNOWN) {
        *message = "this video was begun with another size";
        return RH_REPLY_CONFLICT;
    }
    if (rh_intervals_end(&u->acked) > request->total) {
        *message = "more bytes than this size have arrived already";
        return RH_REPLY_CONFLICT;
    }
    return RH_REPLY_OK;
}

static void take_metadata(struct rh_upload *u, struct rh_vault_request *request)
{
    if (u->row.metadata != NULL || request->metadata == NULL)
        return;
    u->row.metadata = request->metadata;
    request->metadata = NULL;
    rh_cursor_note(u);
}

static void created_before(struct rh_vault *v, struct rh_op *op)
{
    struct rh_upload *u = op->upload;
    struct rh_vault_request *request = op->request;
    const char *message = NULL;
    if (op->made) {
        rh_reply(v, op, RH_REPLY_CREATED, NULL);
        return;
    }
    if (u->row.state > RH_UPLOAD_DONE) {
        rh_reply(v, op, RH_REPLY_GONE, "this upload is no longer here");
        return;
    }
    enum rh_reply_code code = disagreement(u, request, &message);
    if (code != RH_REPLY_OK || u->row.state != RH_UPLOAD_OPEN) {
        rh_reply(v, op, code, message);
        return;
    }
    bool news = (u->row.mime[0] == '\0' && request->mime[0] != '\0') ||
                (u->row.total != request->total && request->total != RH_SIZE_UNKNOWN) ||
                (u->row.metadata == NULL && request->metadata != NULL);
    if (u->row.mime[0] == '\0')
        strcpy(u->row.mime, request->mime);
    if (request->total != RH_SIZE_UNKNOWN && u->row.geometry != RH_GEOMETRY_CHUNKS)
        u->row.total = request->total;
    take_metadata(u, request);
    if (news)
        rh_commit_row(v, u);
    rh_upload_touch(v, u);
    if (rh_finish_check(v, u))
        rh_wait(&u->finish_waiters, &op->waiter, rh_op_rerun);
    else
        rh_reply(v, op, RH_REPLY_OK, NULL);
}

/* What CREATE says of an upload with a cursor. */
static void take_cursor(struct rh_upload *u, struct rh_vault_request *request)
{
    u->row.geometry = RH_GEOMETRY_CURSOR;
    u->ends_by_final = request->ends_by_final;
    u->concat = request->concat;
    if (u->row.mime[0] == '\0')
        strcpy(u->row.mime, "application/octet-stream");
    if (request->concat == RH_CONCAT_FINAL) {
        u->row.total = RH_SIZE_UNKNOWN; /* that of its sources */
        u->sources = request->sources;
        u->source_count = request->source_count;
        request->sources = NULL;
    }
    rh_cursor_note(u);
}

static void answer_new(struct rh_vault *v, struct rh_op *op)
{
    struct rh_upload *u = op->upload;
    rh_concat_start(v, u);
    if (!rh_concat_waits(u) || rh_finish_check(v, u))
        rh_wait(&u->finish_waiters, &op->waiter, rh_op_rerun);
    else
        rh_reply(v, op, RH_REPLY_CREATED, NULL);
}

static void create_new(struct rh_vault *v, struct rh_op *op)
{
    struct rh_vault_request *request = op->request;
    if (request->concat == RH_CONCAT_FINAL && !rh_concat_admit(v, op))
        return;
    if (request->cursor && request->name[0] == '\0' && op->session == NULL)
        rh_cursor_file_name(request->file_name == NULL ? "" : request->file_name, request->name);
    if (request->name[0] != '\0' && rh_name_check(rh_bytes_of(request->name)) != RH_OK) {
        rh_reply(v, op, RH_REPLY_CONFLICT, "this name cannot be used");
        return;
    }
    if (v->open_count >= v->limits.uploads_open_max) {
        rh_reply(v, op, RH_REPLY_OVERLOADED, "too many uploads are open");
        return;
    }
    if (request->total != RH_SIZE_UNKNOWN && request->total > v->limits.upload_bytes_max) {
        rh_reply(v, op, RH_REPLY_TOO_LARGE, "larger than this server keeps");
        return;
    }
    if (request->total != RH_SIZE_UNKNOWN && request->total > 0 &&
        request->total > rh_space_left(v)) {
        rh_reply(v, op, RH_REPLY_FULL, "the server has no room for a video of this size");
        return;
    }
    struct rh_upload *u = rh_upload_new(v, op->session, request->name, request->entropy);
    rh_op_attach(op, u);
    op->made = true;
    strcpy(u->row.mime, request->mime);
    u->row.total = request->total;
    take_metadata(u, request);
    if (request->cursor)
        take_cursor(u, request);
    answer_new(v, op);
}

void rh_create_run(struct rh_vault *v, struct rh_op *op)
{
    op->request->upload[0] = '\0';
    enum rh_found found = rh_upload_find(v, op);
    if (found == RH_FOUND)
        created_before(v, op);
    else if (found == RH_ABSENT)
        create_new(v, op);
}

void rh_get_run(struct rh_vault *v, struct rh_op *op)
{
    enum rh_found found = rh_upload_find(v, op);
    if (found == RH_FOUND && !rh_cursor_look(v, op))
        rh_reply(v, op, RH_REPLY_OK, NULL);
    else if (found == RH_ABSENT)
        rh_reply(v, op, RH_REPLY_UNKNOWN, "no such upload");
}
