/* SPDX-License-Identifier: MIT */
/*
 * Group commit without a timer. Changes gather in one batch; it is committed when the one before
 * has ended and the shell has taken every other action, so that all that arrived meanwhile goes
 * with it.
 */
#include <string.h>

#include "vault/inside.h"

struct rh_change *rh_commit_add(struct rh_vault *v, enum rh_change_kind kind, const char *upload)
{
    struct rh_change *change = rh_batch_add(&v->batch, kind);
    RH_MEMORY(change);
    if (upload != NULL)
        strcpy(change->upload, upload);
    return change;
}

/* The row is copied when the batch starts, so that many changes of it cost one. */
void rh_commit_row(struct rh_vault *v, struct rh_upload *upload)
{
    RH_ASSERT(!upload->erasing);
    upload->commit_seq = v->gathering_seq;
    upload->row_tick = upload->row.touched_tick;
    if (!rh_list_is_linked(&upload->in_dirty))
        rh_list_append(&v->dirty, &upload->in_dirty);
}

void rh_commit_forget(struct rh_upload *upload)
{
    rh_list_remove(&upload->in_dirty);
}

void rh_commit_wait(struct rh_vault *v, uint64_t seq, struct rh_waiter *waiter,
                    void (*wake)(struct rh_vault *, struct rh_waiter *, enum rh_error))
{
    waiter->wake = wake;
    if (seq <= v->committed_seq) {
        rh_wake(v, waiter, RH_OK);
        return;
    }
    RH_ASSERT(seq <= v->gathering_seq);
    rh_wait(seq == v->gathering_seq ? &v->commit_gathering : &v->commit_flying, waiter, wake);
}

void rh_commit_start(struct rh_vault *v)
{
    struct rh_list *node;
    if (v->commit_id != 0 || (v->batch.count == 0 && rh_list_is_empty(&v->dirty)))
        return;
    while ((node = rh_list_first(&v->dirty)) != NULL) {
        struct rh_upload *upload = RH_LIST_ENTRY(node, struct rh_upload, in_dirty);
        rh_list_remove(node);
        struct rh_change *change = rh_commit_add(v, RH_CHANGE_UPLOAD, upload->row.id);
        if (rh_upload_row_copy(&change->u.upload_row, &upload->row) != RH_OK)
            rh_out_of_memory();
    }
    RH_ASSERT(rh_list_is_empty(&v->commit_flying));
    while ((node = rh_list_first(&v->commit_gathering)) != NULL) {
        rh_list_remove(node);
        rh_list_append(&v->commit_flying, node);
    }
    v->commit_id = ++v->last_id;
    v->gathering_seq++;
    struct rh_vault_action *action = rh_queue_push(v, RH_DO_COMMIT);
    action->u.commit.id = v->commit_id;
    action->u.commit.batch = v->batch;
    memset(&v->batch, 0, sizeof v->batch);
}

void rh_commit_done(struct rh_vault *v, uint64_t id, enum rh_error error)
{
    RH_ASSERT(id == v->commit_id);
    if (error != RH_OK) {
        rh_vault_die(v, "the catalog could not be made durable", error);
        return;
    }
    v->commit_id = 0;
    v->committed_seq = v->gathering_seq - 1;
    rh_wake_all(v, &v->commit_flying, RH_OK);
}
