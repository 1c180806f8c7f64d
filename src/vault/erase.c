/* SPDX-License-Identifier: MIT */
/*
 * DELETE of an unfinished upload. Its writers are stopped first; then its rows go, durably; then
 * its bytes. In this order a crash leaves at worst bytes that nobody asks for, never rows that
 * vouch for bytes that are gone.
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

static void dropped(struct rh_vault *v, struct rh_job *job, const struct rh_store_result *result)
{
    struct rh_op *op = job->context;
    if (result->error != RH_OK)
        rh_log_action(v, "a deleted upload's bytes could not be removed", op->upload->row.id,
                      result->error);
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
    (void)rh_job_start(v, RH_STORE_DROP, u, dropped, op);
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
    if (!rh_list_is_empty(&u->writers) || u->stitching || u->dropping)
        rh_wait(&u->idle_waiters, waiter, writers_gone);
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

void rh_delete_run(struct rh_vault *v, struct rh_op *op)
{
    enum rh_found found = rh_upload_find(v, op);
    if (found == RH_WAITS || found == RH_ANSWERED)
        return;
    if (found == RH_ABSENT) {
        rh_reply(v, op, RH_REPLY_UNKNOWN, "no such upload");
        return;
    }
    struct rh_upload *u = op->upload;
    if (u->row.state == RH_UPLOAD_FINISHING || u->row.state == RH_UPLOAD_DONE ||
        u->finish != RH_FINISH_NO) {
        rh_reply(v, op, RH_REPLY_STATE, "a finished video is not deleted as an unfinished upload");
        return;
    }
    u->deleting = true;
    stop_writers(v, u);
    rh_wake_all(v, &u->finish_waiters, RH_OK); /* they wait for stitching that will not finish */
    writers_gone(v, &op->waiter, RH_OK);
}
