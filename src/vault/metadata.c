/* SPDX-License-Identifier: MIT */
/* METADATA: what a sender says about a video, before, while or after its bytes come. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/id.h"
#include "vault/inside.h"

static void companions_written(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_op *op = RH_LIST_ENTRY(waiter, struct rh_op, waiter);
    if (error == RH_OK)
        rh_reply(v, op, RH_REPLY_OK, NULL);
    else
        rh_reply(v, op, error == RH_ERR_FULL ? RH_REPLY_FULL : RH_REPLY_WRITE_FAILED,
                 "the files beside the video could not be written");
}

static void session_loaded(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_op *op = RH_LIST_ENTRY(waiter, struct rh_op, waiter);
    if (error != RH_OK)
        companions_written(v, waiter, error == RH_ERR_UNKNOWN ? RH_OK : error);
    else
        rh_text_session(v, op->upload->session, &op->waiter, companions_written);
}

static void metadata_written(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_op *op = RH_LIST_ENTRY(waiter, struct rh_op, waiter);
    if (error != RH_OK || op->upload->session == NULL)
        companions_written(v, waiter, error);
    else
        rh_session_load(v, op->upload->session, &op->waiter, session_loaded);
}

static void after_finish(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_op *op = RH_LIST_ENTRY(waiter, struct rh_op, waiter);
    if (error == RH_OK)
        rh_op_run(v, op);
    else
        rh_reply(v, op, RH_REPLY_OVERLOADED, "the video is still being finished");
}

static void take(struct rh_vault *v, struct rh_op *op)
{
    struct rh_upload *u = op->upload;
    struct rh_vault_request *request = op->request;
    uint64_t declared = request->declared_size;
    if (u->row.state == RH_UPLOAD_FINISHING) {
        rh_wait(&u->finish_waiters, &op->waiter, after_finish);
        return;
    }
    if (u->row.state > RH_UPLOAD_DONE) {
        rh_reply(v, op, RH_REPLY_GONE, "this upload is no longer here");
        return;
    }
    free(u->row.metadata);
    u->row.metadata = request->metadata;
    request->metadata = NULL;
    rh_cursor_note(u);
    if (declared == RH_SIZE_UNKNOWN)
        declared = rh_text_file_size(u->row.metadata);
    u->row.size_disagrees =
        u->row.state == RH_UPLOAD_DONE && declared != RH_SIZE_UNKNOWN && declared != u->row.total;
    rh_upload_touch(v, u);
    rh_commit_row(v, u);
    if (u->row.state == RH_UPLOAD_DONE)
        rh_text_metadata(v, u, &op->waiter, metadata_written);
    else
        rh_reply(v, op, RH_REPLY_OK, NULL);
}

void rh_metadata_run(struct rh_vault *v, struct rh_op *op)
{
    struct rh_vault_request *request = op->request;
    enum rh_found found = rh_upload_find(v, op);
    if (found == RH_WAITS || found == RH_ANSWERED)
        return;
    if (found == RH_FOUND) {
        take(v, op);
        return;
    }
    if (op->session == NULL || rh_name_check(rh_bytes_of(request->name)) != RH_OK) {
        rh_reply(v, op, RH_REPLY_UNKNOWN, "no such upload");
        return;
    }
    if (v->open_count >= v->limits.uploads_open_max) {
        rh_reply(v, op, RH_REPLY_OVERLOADED, "too many uploads are open");
        return;
    }
    rh_op_attach(op, rh_upload_new(v, op->session, request->name, request->entropy));
    take(v, op);
}
