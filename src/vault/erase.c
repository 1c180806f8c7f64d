/* SPDX-License-Identifier: MIT */
/*
 * DELETE of an unfinished upload, and of a finished one where that is asked for (`terminate`). Its
 * writers are stopped first; then its rows go, durably; then its bytes; then its session's file
 * names it no more. In this order a crash leaves at worst bytes that nobody asks for, never rows
 * that vouch for bytes that are gone.
 */
#include "vault/inside.h"

static struct rh_upload *upload_of(struct rh_waiter *waiter)
{
    return RH_LIST_ENTRY(waiter, struct rh_op, waiter)->upload;
}

static void gone(struct rh_vault *v, struct rh_op *op)
{
    struct rh_upload *u = op->upload;
    rh_op_detach(op);
    RH_ASSERT(u->pins == 0);
    rh_upload_remove(v, u);
    rh_reply(v, op, RH_REPLY_OK, NULL);
}

/* Where that failed it is still named, until something else of the session changes. */
static void unlisted(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_op *op = RH_LIST_ENTRY(waiter, struct rh_op, waiter);
    if (error != RH_OK)
        rh_log_action(v, "a session's file still names a deleted video", op->upload->row.id, error);
    gone(v, op);
}

static void session_loaded(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_op *op = RH_LIST_ENTRY(waiter, struct rh_op, waiter);
    if (error == RH_OK)
        rh_text_session(v, op->upload->session, &op->waiter, unlisted);
    else if (error == RH_ERR_UNKNOWN)
        gone(v, op);
    else
        unlisted(v, waiter, error);
}

static void dropped(struct rh_vault *v, struct rh_job *job, const struct rh_store_result *result)
{
    struct rh_op *op = job->context;
    const struct rh_upload *u = op->upload;
    if (result->error != RH_OK)
        rh_log_action(v, "a deleted upload's bytes could not be removed", op->upload->row.id,
                      result->error);
    if (u->row.state == RH_UPLOAD_DONE && u->session != NULL)
        rh_session_load(v, u->session, &op->waiter, session_loaded);
    else
        gone(v, op);
}

static bool name_is_used(struct rh_vault *v, const struct rh_upload *u)
{
    return rh_upload_by_name(v, u->row.session, u->row.name) != NULL || !u->session->loaded;
}

static void rows_erased(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_op *op = RH_LIST_ENTRY(waiter, struct rh_op, waiter);
    struct rh_upload *u = op->upload;
    (void)error;
    /* A lost upload gave its name back; whoever has it now may have chunks that wait under it. */
    if (u->session != NULL && !u->named && name_is_used(v, u)) {
        rh_log_action(v, "a lost upload's bytes are left: its name is in use", u->row.id, RH_OK);
        gone(v, op);
        return;
    }
    bool done = u->row.state == RH_UPLOAD_DONE;
    u->sealed = false;
    (void)rh_job_start(v, done ? RH_STORE_ERASE : RH_STORE_DROP, u, dropped, op);
}

static void erase_rows(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_upload *u = upload_of(waiter);
    (void)error;
    u->erasing = true;
    rh_commit_forget(u);
    (void)rh_commit_add(v, RH_CHANGE_UPLOAD_ERASE, u->row.id);
    u->commit_seq = v->gathering_seq;
    rh_commit_wait(v, u->commit_seq, waiter, rows_erased);
}

static void writers_gone(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_upload *u = upload_of(waiter);
    (void)error;
    if (!rh_list_is_empty(&u->writers) || u->stitching || u->dropping || rh_concat_busy(u) ||
        u->digests_busy > 0)
        rh_wait(&u->idle_waiters, waiter, writers_gone);
    else if (u->row.state == RH_UPLOAD_DONE && u->pins > 1) /* its companions are being written */
        rh_wait(&v->tick_waiters, waiter, writers_gone);
    else
        rh_extents_close(v, u, waiter, erase_rows);
}

static void stop_writers(struct rh_vault *v, struct rh_upload *u)
{
    RH_LIST_EACH_SAFE(node, &u->writers)
    {
        struct rh_op *op = RH_LIST_ENTRY(node, struct rh_op, in_upload);
        if (op->stage == RH_OP_TURN) {
            rh_write_leave(v, op);
            rh_reply(v, op, RH_REPLY_GONE, "this upload was deleted");
        }
    }
    rh_write_revoke(v, u, NULL);
}

static void after_finish(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_op *op = RH_LIST_ENTRY(waiter, struct rh_op, waiter);
    if (error == RH_OK || error == RH_ERR_UNKNOWN)
        rh_op_run(v, op);
    else
        rh_reply(v, op, RH_REPLY_OVERLOADED, "the upload is still being finished");
}

/* False: answered, or waiting. */
static bool may_go(struct rh_vault *v, struct rh_op *op)
{
    struct rh_upload *u = op->upload;
    bool finishes = u->row.state == RH_UPLOAD_FINISHING || u->finish != RH_FINISH_NO;
    if (!finishes && u->row.state != RH_UPLOAD_DONE)
        return true;
    if (!op->request->terminate) {
        rh_reply(v, op, RH_REPLY_STATE, "a finished video is not deleted as an unfinished upload");
        return false;
    }
    if (finishes)
        rh_wait(&u->finish_waiters, &op->waiter, after_finish);
    return !finishes;
}

void rh_delete_run(struct rh_vault *v, struct rh_op *op)
{
    enum rh_found found = rh_upload_find(v, op);
    if (found == RH_WAITS || found == RH_ANSWERED)
        return;
    if (found == RH_ABSENT) {
        rh_reply(v, op, RH_REPLY_UNKNOWN, "no such upload");
        return;
    }
    if (!may_go(v, op))
        return;
    struct rh_upload *u = op->upload;
    u->deleting = true;
    stop_writers(v, u);
    rh_wake_all(v, &u->finish_waiters, RH_OK); /* they wait for stitching that will not finish */
    writers_gone(v, &op->waiter, RH_OK);
}
