/* SPDX-License-Identifier: MIT */
/*
 * Finishing: O(what is missing). Every byte is durable when it begins. The state FINISHING is
 * committed first, so that a crash goes on here; then the object is sealed, its companions are
 * written, DONE is committed, and those that waited are answered.
 */
#include "base/crc64.h"
#include "base/plant.h"
#include "vault/inside.h"

static void step(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error);

static struct rh_upload *upload_of(struct rh_waiter *waiter)
{
    return RH_LIST_ENTRY(waiter, struct rh_upload, finisher);
}

static void failed(struct rh_vault *v, struct rh_upload *u, const char *text, enum rh_error error)
{
    rh_log_action(v, text, u->row.id, error);
    RH_ASSERT(u->row.state == RH_UPLOAD_FINISHING);
    u->finish = RH_FINISH_RETRY;
    rh_retry_later(v, u);
    rh_wake_all(v, &u->finish_waiters, error);
}

void rh_finish_lost(struct rh_vault *v, struct rh_upload *u, enum rh_error error)
{
    if (u->row.state == RH_UPLOAD_LOST)
        return;
    rh_log_action(v, "the store does not have what was acknowledged: this upload is lost",
                  u->row.id, error);
    u->finish = RH_FINISH_NO;
    rh_upload_state(v, u, RH_UPLOAD_LOST);
    rh_wake_all(v, &u->finish_waiters, RH_ERR_UNKNOWN);
    rh_wake_all(v, &u->piece_waiters, RH_ERR_UNKNOWN);
}

/* ---- The steps after the row says FINISHING ---- */

static void sealed(struct rh_vault *v, struct rh_job *job, const struct rh_store_result *result)
{
    struct rh_upload *u = job->context;
    uint64_t declared = rh_text_file_size(u->row.metadata);
    if (result->error == RH_ERR_UNKNOWN || result->error == RH_ERR_CHECKSUM) {
        rh_finish_lost(v, u, result->error);
        return;
    }
    if (result->error != RH_OK) {
        failed(v, u, "a video could not be sealed", result->error);
        return;
    }
    uint64_t crc64 = 0;
    uint64_t at = 0;
    for (size_t i = 0; i < u->acked.count; i++) {
        const struct rh_interval *interval = &u->acked.items[i];
        crc64 =
            rh_crc64_combine(crc64, rh_crc64_zeros(interval->offset - at), interval->offset - at);
        crc64 = rh_crc64_combine(crc64, interval->crc64, interval->length);
        at = interval->offset + interval->length;
    }
    u->row.crc64 = crc64;
    u->row.done_wall_s = rh_wall_s(v);
    u->row.size_disagrees = declared != RH_SIZE_UNKNOWN && declared != u->row.total;
    u->sealed = true;
    u->finish = RH_FINISH_TEXTS;
    rh_text_metadata(v, u, &u->finisher, step);
}

static void extents_closed(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_upload *u = upload_of(waiter);
    (void)error;
    u->finish = RH_FINISH_SEAL;
    rh_job_start(v, RH_STORE_SEAL, u, sealed, u)->size = u->row.total;
}

static void session_loaded(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_upload *u = upload_of(waiter);
    u->finish = RH_FINISH_SESSION_TEXT;
    if (error == RH_OK)
        rh_text_session(v, u->session, &u->finisher, step);
    else if (error == RH_ERR_UNKNOWN) /* an upload may outlive a session that was erased */
        step(v, waiter, RH_OK);
    else
        failed(v, u, "a session could not be read", error);
}

static void step(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_upload *u = upload_of(waiter);
    if (error != RH_OK) {
        failed(v, u, "the files beside a video could not be written", error);
        return;
    }
    if (u->finish == RH_FINISH_ROW) {
        u->finish = RH_FINISH_CLOSE;
        rh_write_revoke(v, u, NULL);
        rh_extents_close(v, u, &u->finisher, extents_closed);
    } else if (u->finish == RH_FINISH_TEXTS && u->session != NULL) {
        rh_session_load(v, u->session, &u->finisher, session_loaded);
    } else if (u->finish == RH_FINISH_TEXTS || u->finish == RH_FINISH_SESSION_TEXT) {
        u->finish = RH_FINISH_DONE_ROW;
        rh_upload_state(v, u, RH_UPLOAD_DONE);
        rh_commit_wait(v, u->commit_seq, &u->finisher, step);
    } else {
        RH_ASSERT(u->finish == RH_FINISH_DONE_ROW); /* other steps wait for nothing */
        u->finish = RH_FINISH_NO;
        u->closing = false;
        rh_wake_all(v, &u->finish_waiters, RH_OK);
        rh_wake_all(v, &u->piece_waiters, RH_OK);
    }
}

void rh_finish_commit(struct rh_vault *v, struct rh_upload *u, uint64_t total)
{
    u->finish = RH_FINISH_ROW;
    u->row.total = total;
    rh_upload_state(v, u, RH_PLANTED("done-before-rename") ? RH_UPLOAD_DONE : RH_UPLOAD_FINISHING);
    rh_commit_wait(v, RH_PLANTED("rename-before-commit") ? 0 : u->commit_seq, &u->finisher, step);
}

void rh_finish_again(struct rh_vault *v, struct rh_upload *u)
{
    u->finish = RH_FINISH_ROW;
    step(v, &u->finisher, RH_OK);
}

/* ---- Beginning ---- */

/* Size of the whole, when all of it is there; RH_SIZE_UNKNOWN otherwise. */
static uint64_t whole_of(const struct rh_upload *u)
{
    uint64_t end = rh_intervals_end(&u->acked);
    if (u->row.geometry == RH_GEOMETRY_CHUNKS) {
        bool all = u->row.chunk_count != RH_SIZE_UNKNOWN && u->row.chunk_next == u->row.chunk_count;
        return all && !u->stitching ? end : RH_SIZE_UNKNOWN;
    }
    if (u->ends_by_final && !u->ended)
        return RH_SIZE_UNKNOWN;
    bool all = u->row.total != RH_SIZE_UNKNOWN && rh_intervals_whole(&u->acked, u->row.total);
    all = all || (RH_PLANTED("seal-with-gap") && end > 0 && end == u->row.total);
    return all ? end : RH_SIZE_UNKNOWN;
}

bool rh_finish_check(struct rh_vault *v, struct rh_upload *u)
{
    if (u->finish != RH_FINISH_NO)
        return true;
    if (u->row.state != RH_UPLOAD_OPEN || u->deleting || u->retry_tick != 0)
        return false;
    uint64_t total = whole_of(u);
    if (total == RH_SIZE_UNKNOWN)
        return false;
    if (total == 0)
        rh_partial_start(v, u); /* an empty file has to be made first */
    else
        rh_finish_commit(v, u, total);
    return true;
}

/* ---- FINISH ---- */

static void after_finish(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_op *op = RH_LIST_ENTRY(waiter, struct rh_op, waiter);
    if (error == RH_OK)
        rh_op_run(v, op);
    else
        rh_reply(v, op, rh_reply_code_of(error), "the video could not be finished now");
}

static enum rh_reply_code check_done(const struct rh_op *op, const char **message)
{
    const struct rh_upload *u = op->upload;
    const struct rh_vault_request *request = op->request;
    if (request->total != RH_SIZE_UNKNOWN && request->total != u->row.total &&
        !(u->row.partial && request->allow_partial)) {
        *message = "the finished video has another size";
        return RH_REPLY_CONFLICT;
    }
    if (request->chunk_count != RH_SIZE_UNKNOWN && u->row.geometry == RH_GEOMETRY_CHUNKS &&
        u->row.chunk_count != RH_SIZE_UNKNOWN && request->chunk_count != u->row.chunk_count) {
        *message = "the finished video has another number of chunks";
        return RH_REPLY_CONFLICT;
    }
    if (request->has_crc && request->crc64 != u->row.crc64 &&
        !(u->row.partial && request->allow_partial)) {
        *message = "the finished video has another checksum";
        return RH_REPLY_CHECKSUM;
    }
    return RH_REPLY_OK;
}

/* Whether what FINISH declares can be true of what is known; notes it when it can. */
static enum rh_reply_code declare(struct rh_vault *v, struct rh_op *op, const char **message)
{
    struct rh_upload *u = op->upload;
    const struct rh_vault_request *request = op->request;
    if (u->row.geometry == RH_GEOMETRY_CHUNKS) {
        uint64_t count = request->chunk_count;
        uint64_t beyond = u->chunk_count > 0 ? u->chunks[u->chunk_count - 1].index + 1 : 0;
        if (count == RH_SIZE_UNKNOWN || count == u->row.chunk_count)
            return RH_REPLY_OK;
        if (u->row.chunk_count != RH_SIZE_UNKNOWN || beyond > count ||
            count > v->limits.chunks_max) {
            *message = "the number of chunks differs from what is known";
            return RH_REPLY_CONFLICT;
        }
        u->row.chunk_count = count;
        rh_commit_row(v, u);
        return RH_REPLY_OK;
    }
    if (request->total == RH_SIZE_UNKNOWN || request->total == u->row.total)
        return RH_REPLY_OK;
    if (u->row.total != RH_SIZE_UNKNOWN || rh_write_reach(u, NULL) > request->total ||
        request->total > v->limits.upload_bytes_max) {
        *message = "the size differs from what is known";
        return RH_REPLY_CONFLICT;
    }
    u->row.total = request->total;
    rh_commit_row(v, u);
    return RH_REPLY_OK;
}

/* The checksum of the whole, if it were finished now. */
static bool checksum_fits(const struct rh_op *op)
{
    const struct rh_upload *u = op->upload;
    RH_ASSERT(u->acked.count <= 1); /* it is whole */
    if (!op->request->has_crc)
        return true;
    return op->request->crc64 == (u->acked.count == 0 ? 0 : u->acked.items[0].crc64);
}

static bool has_all(const struct rh_upload *u)
{
    if (u->row.geometry != RH_GEOMETRY_CHUNKS && u->row.total == RH_SIZE_UNKNOWN)
        return u->acked.count == 1 && u->acked.items[0].offset == 0;
    return whole_of(u) != RH_SIZE_UNKNOWN;
}

static void finish_partial(struct rh_vault *v, struct rh_op *op)
{
    struct rh_upload *u = op->upload;
    if (u->acked.bytes + u->waiting_bytes == 0) {
        rh_reply(v, op, RH_REPLY_INCOMPLETE, "nothing has arrived of this video");
        return;
    }
    if (!rh_list_is_empty(&u->writers) || u->stitching) {
        u->quieting = true;
        rh_write_revoke(v, u, NULL);
        rh_wait(&u->idle_waiters, &op->waiter, rh_op_rerun);
        return;
    }
    u->row.partial = true;
    rh_partial_start(v, u);
    rh_wait(&u->finish_waiters, &op->waiter, after_finish);
}

static void finish_open(struct rh_vault *v, struct rh_op *op)
{
    struct rh_upload *u = op->upload;
    const char *message = NULL;
    if (u->concat == RH_CONCAT_FINAL) {
        rh_reply(v, op, RH_REPLY_INCOMPLETE, "not all uploads to be concatenated are complete");
        return;
    }
    enum rh_reply_code code = declare(v, op, &message);
    if (code != RH_REPLY_OK) {
        rh_reply(v, op, code, message);
        return;
    }
    bool ended = u->ended;
    u->ended = true; /* whoever asks for the end ends it, however it was begun */
    if (rh_chunks_all_came(u) && whole_of(u) == RH_SIZE_UNKNOWN) {
        if (u->stitching)
            rh_wait(&u->finish_waiters, &op->waiter, after_finish);
        else
            rh_reply(v, op, RH_REPLY_OVERLOADED, "the video could not be finished now");
        return;
    }
    if (!has_all(u)) {
        u->ended = ended;
        if (op->request->allow_partial)
            finish_partial(v, op);
        else
            rh_reply(v, op, RH_REPLY_INCOMPLETE, "not everything has arrived");
        return;
    }
    if (!checksum_fits(op)) {
        rh_reply(v, op, RH_REPLY_CHECKSUM, "what has arrived has another checksum");
        return;
    }
    if (u->row.total == RH_SIZE_UNKNOWN && u->row.geometry != RH_GEOMETRY_CHUNKS) {
        u->row.total = rh_intervals_end(&u->acked);
        rh_commit_row(v, u);
    }
    if (rh_finish_check(v, u))
        rh_wait(&u->finish_waiters, &op->waiter, after_finish);
    else
        rh_reply(v, op, RH_REPLY_OVERLOADED, "the video could not be finished now");
}

void rh_finish_run(struct rh_vault *v, struct rh_op *op)
{
    const char *message = NULL;
    enum rh_found found = rh_upload_find(v, op);
    if (found == RH_WAITS || found == RH_ANSWERED)
        return;
    if (found == RH_ABSENT) {
        rh_reply(v, op, RH_REPLY_UNKNOWN, "no such upload");
        return;
    }
    struct rh_upload *u = op->upload;
    if (u->quieting) { /* they look again: by then this has begun to finish, or has not */
        u->quieting = false;
        rh_wake_all(v, &u->finish_waiters, RH_OK);
    }
    if (u->row.state > RH_UPLOAD_DONE) {
        rh_reply(v, op, RH_REPLY_GONE, "this upload is no longer here");
    } else if (u->row.state == RH_UPLOAD_DONE) {
        enum rh_reply_code code = check_done(op, &message);
        rh_reply(v, op, code, message);
    } else if (u->finish != RH_FINISH_NO) {
        rh_wait(&u->finish_waiters, &op->waiter, after_finish);
    } else {
        finish_open(v, op);
    }
}
