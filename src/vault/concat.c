/* SPDX-License-Identifier: MIT */
/*
 * Concatenation. A final names its sources when it is made; they may be complete by then or not.
 * When all are, it becomes a copy of their objects, one after the other, and then finishes like any
 * other upload. Sources stay as they are and may be used again.
 *
 * A copy goes in jobs of bounded size, so that it takes no disk thread for long; where the file
 * system can share blocks it takes no room either. What is copied in full is synced and put into
 * the rows now and then, always at a border between sources, so that a server that is started anew
 * goes on from there. Copied bytes must have the checksum under which their source was
 * acknowledged.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc64.h"
#include "base/id.h"
#include "vault/inside.h"

#define JOB_BYTES      ((uint64_t)64 << 20)
#define SYNC_BYTES     ((uint64_t)512 << 20) /* copied again after a crash, at most, and one source */
#define PATIENCE_TICKS 20 /* so long who made it waits for the copy; it goes on in any case */

struct rh_join {
    struct rh_list in_all;
    struct rh_upload *upload; /* the final */
    struct rh_waiter waiter;
    size_t at;     /* source that is looked at, or copied */
    bool looked;   /* the catalog was asked for it */
    bool counting; /* its sources are looked at: are they complete, how long are they */
    bool waits;    /* for a source to become complete */
    uint64_t sum;  /* of the sources before `at` */
    size_t from;   /* first source to be copied */
    uint64_t from_offset;
    struct rh_extent *extent;  /* held while copying */
    struct rh_upload *source;  /* being copied; pinned */
    uint64_t source_offset;    /* so much of it is copied */
    uint64_t source_crc64;     /* of that, as it was read */
    bool source_cloned;        /* some of it was not read */
    struct rh_interval copied; /* whole sources, not synced yet */
    uint64_t patience_tick;    /* 0: nobody waits for the copy any more */
};

/* ---- Admission ---- */

static bool refuse(struct rh_vault *v, struct rh_op *op, const char *message)
{
    rh_reply(v, op, RH_REPLY_CONFLICT, message);
    return false;
}

static void looked(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_op *op = RH_LIST_ENTRY(waiter, struct rh_op, waiter);
    op->looked = false; /* about its session it may have to ask again */
    op->source_looked = true;
    op->source_error = error;
    rh_op_run(v, op);
}

static bool is_source(const struct rh_upload *source, const char *session)
{
    return source->concat == RH_CONCAT_PARTIAL && source->row.state <= RH_UPLOAD_DONE &&
           !source->deleting && strcmp(source->row.session, session) == 0;
}

bool rh_concat_admit(struct rh_vault *v, struct rh_op *op)
{
    const struct rh_vault_request *request = op->request;
    if (request->source_count == 0 || request->source_count > v->limits.sources_max)
        return refuse(v, op, "too many or no uploads to be concatenated");
    for (; op->source_at < request->source_count; op->source_at++) {
        const char *id = request->sources[op->source_at];
        const struct rh_upload *source = rh_upload_by_id(v, id);
        if (source == NULL && op->source_looked && op->source_error != RH_OK) {
            rh_reply(v, op, RH_REPLY_INTERNAL, "the catalog could not be read");
            return false;
        }
        bool may_be = rh_id_check(rh_bytes_of(id), v->meta.id_key) == RH_OK;
        if (source == NULL && !op->source_looked && may_be) {
            rh_upload_read(v, id, &op->waiter, looked);
            return false;
        }
        if (source == NULL || !is_source(source, request->session))
            return refuse(v, op, "an upload to be concatenated is not there, or is no partial one");
        op->source_looked = false;
    }
    return true;
}

/* ---- Ends ---- */

static void release_source(struct rh_vault *v, struct rh_join *j)
{
    struct rh_upload *source = j->source;
    if (source == NULL)
        return;
    j->source = NULL;
    source->pins--;
    source->joins--;
    if (source->joins == 0)
        rh_wake_all(v, &source->idle_waiters, RH_OK);
}

void rh_concat_free(struct rh_upload *f)
{
    struct rh_join *j = f->join;
    if (j == NULL)
        return;
    f->join = NULL;
    rh_list_remove(&j->in_all);
    rh_list_remove(&j->waiter.link);
    free(j);
}

static void leave(struct rh_vault *v, struct rh_join *j)
{
    struct rh_upload *f = j->upload;
    release_source(v, j);
    if (j->extent != NULL)
        rh_extent_release(v, j->extent);
    rh_concat_free(f);
    rh_wake_all(v, &f->idle_waiters, RH_OK);
}

/* No more to do, for now or at all; who waits for it looks again. */
static void stop(struct rh_vault *v, struct rh_join *j)
{
    struct rh_upload *f = j->upload;
    leave(v, j);
    rh_wake_all(v, &f->finish_waiters, RH_OK);
}

static void give_up(struct rh_vault *v, struct rh_join *j, const char *text, enum rh_error error)
{
    rh_log_action(v, text, j->upload->row.id, error);
    stop(v, j);
}

static void try_later(struct rh_vault *v, struct rh_join *j, const char *text, enum rh_error error)
{
    rh_retry_later(v, j->upload);
    give_up(v, j, text, error);
}

/* ---- Sources ---- */

static void step(struct rh_vault *v, struct rh_join *j);

static void woken(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_join *j = RH_LIST_ENTRY(waiter, struct rh_join, waiter);
    (void)error;
    j->waits = false;
    step(v, j);
}

static void source_read(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_join *j = RH_LIST_ENTRY(waiter, struct rh_join, waiter);
    if (error != RH_OK) {
        try_later(v, j, "the sources of a concatenation could not be read", error);
        return;
    }
    j->looked = true;
    step(v, j);
}

/* The source at hand, when it is complete; NULL: waiting, or given up. */
static struct rh_upload *complete_source(struct rh_vault *v, struct rh_join *j)
{
    struct rh_upload *f = j->upload;
    struct rh_upload *source = rh_upload_by_id(v, f->sources[j->at]);
    if (source == NULL && !j->looked) {
        rh_upload_read(v, f->sources[j->at], &j->waiter, source_read);
        return NULL;
    }
    j->looked = false;
    if (source == NULL || !is_source(source, f->row.session)) {
        give_up(v, j, "a source of a concatenation is gone: it will not complete", RH_OK);
        return NULL;
    }
    if (source->row.state == RH_UPLOAD_DONE && source->finish == RH_FINISH_NO)
        return source;
    j->waits = true;
    rh_wait(&source->piece_waiters, &j->waiter, woken);
    rh_wake_all(v, &f->finish_waiters, RH_OK); /* this may take long: who made it is answered */
    return NULL;
}

/* ---- Copying ---- */

static void synced(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_join *j = RH_LIST_ENTRY(waiter, struct rh_join, waiter);
    struct rh_upload *f = j->upload;
    if (error != RH_OK) {
        try_later(v, j, "a concatenation could not be made durable", error);
        return;
    }
    if (f->deleting) {
        stop(v, j);
        return;
    }
    rh_upload_touch(v, f);
    rh_written_interval(v, f, j->copied);
    j->copied = (struct rh_interval){.offset = j->copied.offset + j->copied.length};
    step(v, j);
}

static void copied(struct rh_vault *v, struct rh_job *job, const struct rh_store_result *result)
{
    struct rh_join *j = job->context;
    struct rh_upload *source = j->source;
    uint64_t length = source->row.total - j->source_offset;
    length = length < JOB_BYTES ? length : JOB_BYTES;
    if (result->error == RH_ERR_UNKNOWN) {
        give_up(v, j, "the store has not all bytes of a concatenation's source", result->error);
        return;
    }
    if (result->error != RH_OK) {
        try_later(v, j, "a concatenation could not be copied", result->error);
        return;
    }
    v->written_bytes += result->cloned ? 0 : length;
    v->space_used += result->cloned ? 0 : length;
    j->source_cloned = j->source_cloned || result->cloned;
    j->source_crc64 = rh_crc64_combine(j->source_crc64, result->crc64, length);
    j->source_offset += length;
    if (j->source_offset < source->row.total) {
        step(v, j);
        return;
    }
    if (!j->source_cloned && j->source_crc64 != source->row.crc64) {
        give_up(v, j, "a concatenation's source has changed at rest", RH_ERR_CHECKSUM);
        return;
    }
    j->copied.crc64 = rh_crc64_combine(j->copied.crc64, source->row.crc64, source->row.total);
    j->copied.length += source->row.total;
    release_source(v, j);
    j->at++;
    step(v, j);
}

static void copy_more(struct rh_vault *v, struct rh_join *j)
{
    uint64_t left = j->source->row.total - j->source_offset;
    struct rh_store_job *job = rh_job_start(v, RH_STORE_JOIN, j->upload, copied, j);
    job->handle = j->extent->handle;
    job->offset = j->copied.offset + j->copied.length + j->source_offset;
    job->length = left < JOB_BYTES ? left : JOB_BYTES;
    rh_target_of(j->source, &job->source);
    job->source_offset = j->source_offset;
}

static void opened(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_join *j = RH_LIST_ENTRY(waiter, struct rh_join, waiter);
    if (error == RH_OK)
        step(v, j);
    else if (error == RH_ERR_UNKNOWN)
        rh_finish_lost(v, j->upload, error), stop(v, j);
    else
        try_later(v, j, "a concatenation's file could not be opened", error);
}

/* False: waiting. */
static bool has_extent(struct rh_vault *v, struct rh_join *j)
{
    if (j->extent != NULL)
        return true;
    struct rh_extent *extent = rh_extent_of(v, j->upload, RH_EXTENT_IN_PLACE);
    if (!rh_extent_hold(v, extent, &j->waiter, opened))
        return false;
    j->extent = extent;
    return true;
}

static void copy_step(struct rh_vault *v, struct rh_join *j)
{
    struct rh_upload *f = j->upload;
    bool all = j->at == f->source_count;
    if (j->source == NULL && j->copied.length > 0 && (all || j->copied.length >= SYNC_BYTES)) {
        rh_extent_sync(v, j->extent, &j->waiter, synced);
        return;
    }
    if (all) {
        leave(v, j);
        if (!rh_finish_check(v, f))
            rh_wake_all(v, &f->finish_waiters, RH_OK);
        return;
    }
    if (j->source == NULL) {
        struct rh_upload *source = complete_source(v, j);
        if (source == NULL)
            return;
        if (source->row.total == 0) {
            j->at++;
            j->waiter.wake = woken;
            rh_wake(v, &j->waiter, RH_OK);
            return;
        }
        j->source = source;
        source->pins++;
        source->joins++;
        j->source_offset = j->source_crc64 = 0;
        j->source_cloned = false;
    }
    if (has_extent(v, j))
        copy_more(v, j);
}

/* ---- Counting ---- */

static void begin_copy(struct rh_vault *v, struct rh_join *j)
{
    struct rh_upload *f = j->upload;
    uint64_t there = rh_cursor_of(f);
    bool fits = f->row.total == RH_SIZE_UNKNOWN || f->row.total == j->sum;
    if (j->sum > v->limits.upload_bytes_max || !fits || j->from_offset != there) {
        give_up(v, j, "a concatenation does not add up, or is larger than this server keeps",
                RH_ERR_LIMIT);
        return;
    }
    if (j->sum - there > rh_space_left(v)) {
        try_later(v, j, "there is no room for a concatenation", RH_ERR_FULL);
        return;
    }
    if (f->row.total != j->sum) {
        f->row.total = j->sum;
        rh_commit_row(v, f);
    }
    rh_upload_touch(v, f);
    j->counting = false;
    j->at = j->from;
    j->copied = (struct rh_interval){.offset = there};
    copy_step(v, j);
}

static void count_step(struct rh_vault *v, struct rh_join *j)
{
    struct rh_upload *f = j->upload;
    for (; j->at < f->source_count; j->at++) {
        const struct rh_upload *source = complete_source(v, j);
        if (source == NULL)
            return;
        if (j->sum <= rh_cursor_of(f)) {
            j->from = j->at;
            j->from_offset = j->sum;
        }
        if (source->row.total > v->limits.upload_bytes_max - j->sum) {
            give_up(v, j, "a concatenation is larger than this server keeps", RH_ERR_LIMIT);
            return;
        }
        j->sum += source->row.total;
    }
    if (j->sum <= rh_cursor_of(f)) {
        j->from = j->at;
        j->from_offset = j->sum;
    }
    begin_copy(v, j);
}

static void step(struct rh_vault *v, struct rh_join *j)
{
    struct rh_upload *f = j->upload;
    if (f->deleting || v->draining || f->row.state != RH_UPLOAD_OPEN)
        stop(v, j);
    else if (j->counting)
        count_step(v, j);
    else
        copy_step(v, j);
}

void rh_concat_start(struct rh_vault *v, struct rh_upload *f)
{
    if (f->concat != RH_CONCAT_FINAL || f->row.state != RH_UPLOAD_OPEN || f->join != NULL ||
        f->finish != RH_FINISH_NO || f->source_count == 0)
        return;
    struct rh_join *j = rh_vault_alloc(sizeof *j);
    j->upload = f;
    j->counting = true;
    j->patience_tick = v->ticks + PATIENCE_TICKS;
    j->waiter.wake = woken;
    f->join = j;
    rh_list_append(&v->joins, &j->in_all);
    step(v, j);
}

bool rh_concat_waits(const struct rh_upload *f)
{
    return f->join == NULL || f->join->waits;
}

bool rh_concat_busy(const struct rh_upload *u)
{
    const struct rh_join *j = u->join;
    return u->joins > 0 || (j != NULL && !j->counting);
}

void rh_concat_tick(struct rh_vault *v)
{
    RH_LIST_EACH_SAFE(node, &v->joins)
    {
        struct rh_join *j = RH_LIST_ENTRY(node, struct rh_join, in_all);
        if (j->patience_tick == 0 || v->ticks < j->patience_tick)
            continue;
        j->patience_tick = 0;
        rh_wake_all(v, &j->upload->finish_waiters, RH_OK);
    }
}
