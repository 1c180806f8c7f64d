/* SPDX-License-Identifier: MIT */
/* The event and action machine itself: it starts, hands events on, wakes who waits, and drains. */
#include "vault/vault.h"

#include <stdlib.h>
#include <string.h>

#include "vault/inside.h"

void rh_vault_limits_default(struct rh_vault_limits *limits)
{
    *limits = (struct rh_vault_limits){
        .uploads_open_max = 100000,
        .ops_max = 20000,
        .intervals_max = 10000,
        .extents_open_max = 4096,
        .upload_bytes_max = (uint64_t)1 << 44, /* 16 TiB: the largest file of ext4 */
        .reserve_bytes = 0,
        .expire_after_ticks = 7 * 24 * 3600,
        .metadata_bytes_max = 64 << 10,
        .chunks_max = 1 << 20,
        .cached_max = 10000,
        .sources_max = 1000,
    };
}

void *rh_vault_alloc(size_t size)
{
    void *memory = calloc(1, size);
    RH_MEMORY(memory);
    return memory;
}

/* ---- Waiting ---- */

void rh_wait(struct rh_list *list, struct rh_waiter *waiter,
             void (*wake)(struct rh_vault *, struct rh_waiter *, enum rh_error))
{
    waiter->wake = wake;
    rh_list_append(list, &waiter->link);
}

void rh_wake(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    rh_list_remove(&waiter->link);
    waiter->error = error;
    rh_list_append(&v->ready_list, &waiter->link);
}

void rh_wake_all(struct rh_vault *v, struct rh_list *list, enum rh_error error)
{
    struct rh_list *node;
    while ((node = rh_list_first(list)) != NULL)
        rh_wake(v, RH_LIST_ENTRY(node, struct rh_waiter, link), error);
}

static void run_ready(struct rh_vault *v)
{
    struct rh_list *node;
    while (!v->dead && (node = rh_list_first(&v->ready_list)) != NULL) {
        struct rh_waiter *waiter = RH_LIST_ENTRY(node, struct rh_waiter, link);
        rh_list_remove(node);
        waiter->wake(v, waiter, waiter->error);
    }
}

static void die_about(struct rh_vault *v, const char *why, const char *upload, enum rh_error error)
{
    if (v->dead)
        return;
    /* Nothing that waits to be said may be said any more: it could be untrue after a restart. */
    rh_queue_clear(v);
    rh_log_action(v, why, upload, error);
    (void)rh_queue_push(v, RH_DO_FATAL);
    v->dead = true;
}

void rh_vault_die(struct rh_vault *v, const char *why, enum rh_error error)
{
    die_about(v, why, NULL, error);
}

/* ---- Operations ---- */

void rh_vault_request_free(struct rh_vault_request *request)
{
    if (request == NULL)
        return;
    free(request->metadata);
    free(request->sources);
    free(request->file_name);
    free(request);
}

void rh_op_attach(struct rh_op *op, struct rh_upload *upload)
{
    RH_ASSERT(op->upload == NULL);
    op->upload = upload;
    upload->pins++;
}

void rh_op_detach(struct rh_op *op)
{
    if (op->upload != NULL)
        op->upload->pins--;
    op->upload = NULL;
}

void rh_op_free(struct rh_vault *v, struct rh_op *op)
{
    rh_list_remove(&op->waiter.link);
    rh_list_remove(&op->in_cursors);
    rh_list_remove(&op->sofar_waiter.link);
    rh_op_detach(op);
    if (op->session != NULL)
        op->session->pins--;
    rh_map_remove(&v->ops, &op->by_id);
    if (op->reply != NULL) {
        rh_vault_reply_finish(op->reply);
        free(op->reply);
    }
    rh_vault_request_free(op->request);
    free(op->spans);
    free(op->written);
    free(op);
}

void rh_op_run(struct rh_vault *v, struct rh_op *op)
{
    static void (*const runs[])(struct rh_vault *, struct rh_op *) = {
        [RH_REQUEST_SESSION_CREATE] = rh_session_create_run,
        [RH_REQUEST_SESSION_GET] = rh_session_get_run,
        [RH_REQUEST_CREATE] = rh_create_run,
        [RH_REQUEST_GET] = rh_get_run,
        [RH_REQUEST_WRITE] = rh_write_run,
        [RH_REQUEST_FINISH] = rh_finish_run,
        [RH_REQUEST_METADATA] = rh_metadata_run,
        [RH_REQUEST_DIGEST] = rh_digest_run,
        [RH_REQUEST_DELETE] = rh_delete_run,
    };
    enum rh_request_kind kind = op->request->kind;
    RH_ASSERT(kind < sizeof runs / sizeof runs[0] && runs[kind] != NULL);
    runs[kind](v, op);
}

void rh_op_rerun(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    (void)error;
    rh_op_run(v, RH_LIST_ENTRY(waiter, struct rh_op, waiter));
}

/* While draining, what finishes goes on and what is asked is answered; nothing new begins. */
static bool is_new_work(const struct rh_vault_request *request)
{
    return request->kind != RH_REQUEST_GET && request->kind != RH_REQUEST_SESSION_GET;
}

static enum rh_error request_told(struct rh_vault *v, struct rh_vault_request *request)
{
    struct rh_op *op = calloc(1, sizeof *op);
    if (op == NULL) {
        rh_vault_request_free(request);
        return RH_ERR_MEMORY;
    }
    RH_ASSERT(rh_map_first(&v->ops, rh_map_hash_u64(request->op)) == NULL);
    op->request = request;
    rh_map_add(&v->ops, &op->by_id, rh_map_hash_u64(request->op));
    if (v->ops.count > v->limits.ops_max)
        rh_reply(v, op, RH_REPLY_OVERLOADED, "too many requests are under way");
    else if (v->draining && is_new_work(request))
        rh_reply(v, op, RH_REPLY_OVERLOADED, "the server is stopping");
    else if (request->metadata != NULL && strlen(request->metadata) > v->limits.metadata_bytes_max)
        rh_reply(v, op, RH_REPLY_TOO_LARGE, "the metadata is larger than this server keeps");
    else if (!v->ready)
        rh_wait(&v->start_waiters, &op->waiter, rh_op_rerun);
    else
        rh_op_run(v, op);
    return RH_OK;
}

/* ---- Starting ---- */

static int by_touched(const void *a, const void *b)
{
    const struct rh_upload_rows *x = a;
    const struct rh_upload_rows *y = b;
    return x->row.touched_tick < y->row.touched_tick ? -1
                                                     : x->row.touched_tick > y->row.touched_tick;
}

static void unfinished_was_read(struct rh_vault *v, struct rh_rows *rows)
{
    v->starting--;
    if (rows->upload_count > 0)
        qsort(rows->uploads, rows->upload_count, sizeof *rows->uploads, by_touched);
    for (size_t i = 0; i < rows->upload_count; i++) {
        struct rh_upload *upload = rh_upload_adopt(v, &rows->uploads[i]);
        if (upload->row.state == RH_UPLOAD_FINISHING)
            rh_finish_again(v, upload);
        else if (!rh_finish_check(v, upload))
            rh_chunks_stitch(v, upload);
    }
    RH_LIST_EACH_SAFE(node, &v->open_order)
    {
        rh_concat_start(v, RH_LIST_ENTRY(node, struct rh_upload, in_order));
    }
}

static void meta_was_read(struct rh_vault *v, struct rh_rows *rows)
{
    v->starting--;
    v->meta = rows->meta;
    v->tick_base = rows->meta.ticks;
    v->ticks = rows->meta.ticks;
    v->tick_base_ms = v->mono_ms;
    v->starting++;
    (void)rh_read_start(v, RH_READ_UNFINISHED, NULL);
}

/* Rows that make no sense are not acted on: what is vouched for, and what is done, is in them. */
static void check_rows(struct rh_vault *v, struct rh_rows *rows, bool starts)
{
    for (size_t i = 0; rows->error == RH_OK && i < rows->upload_count; i++) {
        const char *id = rows->uploads[i].row.id;
        const char *problem = rh_upload_rows_problem(&rows->uploads[i]);
        if (problem == NULL)
            continue;
        rows->error = RH_ERR_SYNTAX;
        if (starts)
            die_about(v, problem, id, rows->error);
        else
            rh_log_action(v, problem, id, rows->error);
    }
}

static void read_told(struct rh_vault *v, uint64_t id, struct rh_rows *rows)
{
    struct rh_map_node *node = rh_map_first(&v->reads, id);
    RH_ASSERT(node != NULL);
    struct rh_catalog_read *read = RH_LIST_ENTRY(node, struct rh_catalog_read, by_id);
    rh_map_remove(&v->reads, node);
    bool starts = read->kind == RH_READ_META || read->kind == RH_READ_UNFINISHED;
    check_rows(v, rows, starts);
    if (starts && rows->error != RH_OK)
        rh_vault_die(v, "the catalog could not be read", rows->error);
    else if (read->kind == RH_READ_META && rows->meta.format > RH_CATALOG_FORMAT)
        rh_vault_die(v, "the catalog was written by a newer Reelhaul", RH_ERR_VERSION);
    else if (read->kind == RH_READ_META)
        meta_was_read(v, rows);
    else if (read->kind == RH_READ_UNFINISHED)
        unfinished_was_read(v, rows);
    else if (read->kind == RH_READ_SESSION)
        rh_session_was_read(v, read, rows);
    else
        rh_upload_was_read(v, read, rows);
    rh_rows_free(rows);
    free(rows);
    free(read);
}

struct rh_vault *rh_vault_create(const struct rh_vault_limits *limits, const uint8_t entropy[32])
{
    struct rh_read *read;
    struct rh_vault *v = calloc(1, sizeof *v);
    if (v == NULL)
        return NULL;
    v->limits = *limits;
    memcpy(v->entropy, entropy, sizeof v->entropy);
    struct rh_list *lists[] = {&v->start_waiters, &v->ready_list,     &v->open_order,
                               &v->idle_order,    &v->all_sessions,   &v->extents_open,
                               &v->dirty,         &v->commit_flying,  &v->commit_gathering,
                               &v->room_waiters,  &v->cursor_writers, &v->joins,
                               &v->tick_waiters};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        rh_list_init(lists[i]);
    v->gathering_seq = 1;
    v->starting = 2;
    (void)rh_read_start(v, RH_READ_META, &read);
    memcpy(read->entropy, entropy, sizeof read->entropy);
    rh_space_poll(v);
    return v;
}

static void free_uploads(struct rh_vault *v)
{
    struct rh_map_node *node;
    while ((node = rh_map_any(&v->uploads)) != NULL)
        rh_upload_remove(v, RH_LIST_ENTRY(node, struct rh_upload, by_id));
    while ((node = rh_map_any(&v->sessions)) != NULL)
        rh_session_remove(v, RH_LIST_ENTRY(node, struct rh_session, by_id));
}

void rh_vault_destroy(struct rh_vault *v)
{
    struct rh_map_node *node;
    if (v == NULL)
        return;
    while ((node = rh_map_any(&v->ops)) != NULL) {
        struct rh_op *op = RH_LIST_ENTRY(node, struct rh_op, by_id);
        rh_list_remove(&op->in_upload);
        rh_op_free(v, op);
    }
    free_uploads(v);
    while ((node = rh_map_any(&v->jobs)) != NULL) {
        rh_map_remove(&v->jobs, node);
        free(RH_LIST_ENTRY(node, struct rh_job, by_id));
    }
    while ((node = rh_map_any(&v->reads)) != NULL) {
        rh_map_remove(&v->reads, node);
        free(RH_LIST_ENTRY(node, struct rh_catalog_read, by_id));
    }
    rh_queue_clear(v);
    rh_batch_free(&v->batch);
    free(v->actions);
    struct rh_map *maps[] = {&v->ops, &v->jobs, &v->reads, &v->uploads, &v->names, &v->sessions};
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++)
        rh_map_finish(maps[i]);
    free(v);
}

/* ---- Events and actions ---- */

static void event_drop(struct rh_vault_event *event)
{
    if (event->kind == RH_HAS_REQUEST) {
        rh_vault_request_free(event->u.request);
    } else if (event->kind == RH_HAS_READ) {
        rh_rows_free(event->u.read.rows);
        free(event->u.read.rows);
    }
}

static enum rh_error event_told(struct rh_vault *v, struct rh_vault_event *event)
{
    switch (event->kind) { /* no test: the shells tell nothing else */
    case RH_HAS_REQUEST:
        return request_told(v, event->u.request);
    case RH_HAS_WRITTEN:
        rh_written_tell(v, &event->u.written);
        return RH_OK;
    case RH_HAS_STORED:
        rh_job_done(v, &event->u.stored);
        return RH_OK;
    case RH_HAS_READ:
        read_told(v, event->u.read.id, event->u.read.rows);
        return RH_OK;
    case RH_HAS_COMMITTED:
        rh_commit_done(v, event->u.committed.id, event->u.committed.error);
        return RH_OK;
    case RH_HAS_TIME:
        rh_time_told(v, event->u.time.mono_ms, event->u.time.wall_ms);
        return RH_OK;
    case RH_HAS_DRAIN:
        v->draining = true;
        return RH_OK;
    }
    return RH_ERR_STATE;
}

static void drain_check(struct rh_vault *v)
{
    if (!v->draining || v->drained || v->ops.count > 0 || v->jobs.count > 0 || v->reads.count > 0 ||
        v->commit_id != 0)
        return;
    RH_ASSERT(v->batch.count == 0 && rh_list_is_empty(&v->dirty)); /* else it were under way */
    v->drained = true;
    (void)rh_queue_push(v, RH_DO_DRAINED);
}

enum rh_error rh_vault_tell(struct rh_vault *v, struct rh_vault_event *event)
{
    if (v->dead) {
        event_drop(event);
        return RH_OK;
    }
    enum rh_error error = event_told(v, event);
    run_ready(v);
    if (!v->ready && !v->dead && v->starting == 0) {
        v->ready = true;
        rh_wake_all(v, &v->start_waiters, RH_OK);
        run_ready(v);
    }
    if (!v->dead)
        rh_uploads_evict(v);
    return error;
}

bool rh_vault_next(struct rh_vault *v, struct rh_vault_action *action)
{
    if (rh_queue_pop(v, action))
        return true;
    if (v->dead)
        return false;
    rh_commit_start(v);
    drain_check(v);
    return rh_queue_pop(v, action);
}
