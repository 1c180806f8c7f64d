/* SPDX-License-Identifier: MIT */
/*
 * DIGEST: SHA of an upload's bytes, as they are stored. A sender that declared one for the whole of
 * an upload in several requests wants it compared before the upload counts as finished. What is
 * durable below the cursor never changes, so a writer may go on meanwhile; a DELETE waits.
 */
#include <string.h>

#include "vault/inside.h"

static void hashed(struct rh_vault *v, struct rh_job *job, const struct rh_store_result *result)
{
    struct rh_op *op = job->context;
    struct rh_upload *u = op->upload;
    u->digests_busy--;
    memcpy(op->digest, result->digest, sizeof op->digest);
    if (result->error == RH_OK)
        rh_reply(v, op, RH_REPLY_OK, NULL);
    else
        rh_reply(v, op, RH_REPLY_INTERNAL, "the stored bytes could not be read");
    if (u->digests_busy == 0)
        rh_wake_all(v, &u->idle_waiters, RH_OK);
}

void rh_digest_run(struct rh_vault *v, struct rh_op *op)
{
    enum rh_found found = rh_upload_find(v, op);
    if (found == RH_WAITS || found == RH_ANSWERED)
        return;
    if (found == RH_ABSENT) {
        rh_reply(v, op, RH_REPLY_UNKNOWN, "no such upload");
        return;
    }
    struct rh_upload *u = op->upload;
    bool done = u->row.state == RH_UPLOAD_DONE;
    uint64_t length = done ? u->row.total : rh_cursor_of(u);
    if (u->row.state > RH_UPLOAD_DONE) {
        rh_reply(v, op, RH_REPLY_GONE, "this upload is no longer here");
    } else if (length == 0) {
        rh_reply(v, op, RH_REPLY_STATE, "there is nothing to take a digest of");
    } else {
        u->digests_busy++;
        struct rh_store_job *job = rh_job_start(v, RH_STORE_HASH, u, hashed, op);
        job->length = length;
        job->digest_bits = op->request->digest_bits;
    }
}
