/* SPDX-License-Identifier: MIT */
/*
 * Extents: their descriptors, and the syncs of each. A descriptor stays open from the first write
 * to the sync that makes it durable, since only that descriptor is told of a failed write-back. A
 * sync starts when the one before has ended and covers all that was written meanwhile. A failed one
 * is not retried: everything unacknowledged in the extent is void, and it is closed and opened anew
 * before it is written again.
 */
#include <stdlib.h>

#include "base/plant.h"
#include "vault/inside.h"

struct rh_extent *rh_extent_peek(const struct rh_upload *u, uint64_t index)
{
    RH_LIST_EACH(node, &u->extents)
    {
        struct rh_extent *extent = RH_LIST_ENTRY(node, struct rh_extent, in_upload);
        if (extent->index == index)
            return extent;
    }
    return NULL;
}

struct rh_extent *rh_extent_of(struct rh_vault *v, struct rh_upload *u, uint64_t index)
{
    struct rh_extent *extent = rh_extent_peek(u, index);
    (void)v;
    if (extent != NULL)
        return extent;
    extent = rh_vault_alloc(sizeof *extent);
    extent->upload = u;
    extent->index = index;
    rh_list_init(&extent->open_waiters);
    rh_list_init(&extent->sync_flying);
    rh_list_init(&extent->sync_waiting);
    rh_list_append(&u->extents, &extent->in_upload);
    return extent;
}

/* ---- Closing ---- */

static void closed(struct rh_vault *v, struct rh_job *job, const struct rh_store_result *result)
{
    struct rh_extent *extent = job->context;
    struct rh_upload *u = extent->upload;
    (void)result;
    v->extent_count--;
    v->closing_count--;
    rh_wake_all(v, &v->room_waiters, RH_OK);
    extent->state = RH_EXTENT_CLOSED;
    extent->failed = false;
    /* Those that want it open find it gone and make it anew. */
    rh_wake_all(v, &extent->open_waiters, RH_OK);
    rh_list_remove(&extent->in_upload);
    free(extent);
    if (rh_list_is_empty(&u->extents))
        rh_wake_all(v, &u->closed_waiters, RH_OK);
}

static void close_extent(struct rh_vault *v, struct rh_extent *extent)
{
    RH_ASSERT(extent->state == RH_EXTENT_OPEN);
    RH_ASSERT(extent->holds == 0);
    rh_list_remove(&extent->in_open);
    extent->state = RH_EXTENT_CLOSING;
    v->closing_count++;
    struct rh_store_job *job = rh_job_start(v, RH_STORE_CLOSE, extent->upload, closed, extent);
    job->index = extent->index;
    job->handle = extent->handle;
}

/* A waiting chunk is written once; in-place files stay open for what comes next. */
static bool wants_closing(const struct rh_extent *extent)
{
    return extent->failed || extent->index != RH_EXTENT_IN_PLACE || extent->upload->closing;
}

static void close_if_idle(struct rh_vault *v, struct rh_extent *extent)
{
    if (extent->state == RH_EXTENT_OPEN && extent->holds == 0 && wants_closing(extent))
        close_extent(v, extent);
}

/* The least recently used that nobody holds. */
static bool close_one(struct rh_vault *v)
{
    RH_LIST_EACH(node, &v->extents_open)
    {
        struct rh_extent *extent = RH_LIST_ENTRY(node, struct rh_extent, in_open);
        if (extent->holds == 0) {
            close_extent(v, extent);
            return true;
        }
    }
    return false;
}

void rh_extents_idle(struct rh_vault *v)
{
    struct rh_list *node;
    while ((node = rh_list_first(&v->extents_open)) != NULL) {
        struct rh_extent *extent = RH_LIST_ENTRY(node, struct rh_extent, in_open);
        if (extent->holds > 0 || extent->used_tick + RH_IDLE_TICKS > v->ticks)
            return;
        close_extent(v, extent);
    }
}

void rh_extents_close(struct rh_vault *v, struct rh_upload *u, struct rh_waiter *waiter,
                      void (*wake)(struct rh_vault *, struct rh_waiter *, enum rh_error))
{
    u->closing = true;
    waiter->wake = wake;
    RH_LIST_EACH_SAFE(node, &u->extents)
    {
        struct rh_extent *extent = RH_LIST_ENTRY(node, struct rh_extent, in_upload);
        close_if_idle(v, extent);
    }
    if (rh_list_is_empty(&u->extents))
        rh_wake(v, waiter, RH_OK);
    else
        rh_wait(&u->closed_waiters, waiter, wake);
}

/* ---- Opening ---- */

static void opened(struct rh_vault *v, struct rh_job *job, const struct rh_store_result *result)
{
    struct rh_extent *extent = job->context;
    struct rh_upload *u = extent->upload;
    if (result->error == RH_OK) {
        extent->handle = result->handle;
        extent->state = RH_EXTENT_OPEN;
        extent->used_tick = v->ticks;
        rh_list_append(&v->extents_open, &extent->in_open);
        /* Those that wait hold it when they run; a chunk's extent must not close before that. */
        bool wanted = !rh_list_is_empty(&extent->open_waiters);
        rh_wake_all(v, &extent->open_waiters, RH_OK);
        if (!wanted || u->closing)
            close_if_idle(v, extent);
        return;
    }
    v->extent_count--;
    rh_wake_all(v, &v->room_waiters, RH_OK);
    rh_wake_all(v, &extent->open_waiters, result->error);
    rh_list_remove(&extent->in_upload);
    free(extent);
    if (rh_list_is_empty(&u->extents))
        rh_wake_all(v, &u->closed_waiters, RH_OK);
}

static void open_extent(struct rh_vault *v, struct rh_extent *extent)
{
    const struct rh_upload *u = extent->upload;
    v->extent_count++;
    extent->state = RH_EXTENT_OPENING;
    struct rh_store_job *job = rh_job_start(v, RH_STORE_BEGIN, extent->upload, opened, extent);
    job->index = extent->index;
    job->size = extent->index == RH_EXTENT_IN_PLACE ? rh_intervals_end(&u->acked) : 0;
}

/* One that is being closed still has its descriptor: it is waited for. The extent goes; whoever
 * wants it makes it anew. */
static void wait_for_room(struct rh_vault *v, struct rh_extent *extent, struct rh_waiter *waiter,
                          void (*wake)(struct rh_vault *, struct rh_waiter *, enum rh_error))
{
    bool soon = close_one(v) || v->closing_count > 0;
    rh_list_remove(&extent->in_upload);
    free(extent);
    if (soon)
        rh_wait(&v->room_waiters, waiter, wake);
    else
        rh_wake(v, waiter, RH_ERR_LIMIT);
}

bool rh_extent_hold(struct rh_vault *v, struct rh_extent *extent, struct rh_waiter *waiter,
                    void (*wake)(struct rh_vault *, struct rh_waiter *, enum rh_error))
{
    waiter->wake = wake;
    if (extent->state == RH_EXTENT_OPEN && !extent->failed) {
        extent->holds++;
        extent->used_tick = v->ticks;
        rh_list_remove(&extent->in_open);
        rh_list_append(&v->extents_open, &extent->in_open);
        return true;
    }
    if (extent->state == RH_EXTENT_CLOSED) {
        if (v->extent_count >= v->limits.extents_open_max) {
            wait_for_room(v, extent, waiter, wake);
            return false;
        }
        open_extent(v, extent);
    }
    rh_wait(&extent->open_waiters, waiter, wake);
    return false;
}

void rh_extent_release(struct rh_vault *v, struct rh_extent *extent)
{
    RH_ASSERT(extent->holds > 0);
    extent->holds--;
    close_if_idle(v, extent);
}

/* ---- Syncing ---- */

static void start_sync(struct rh_vault *v, struct rh_extent *extent);

static void synced(struct rh_vault *v, struct rh_job *job, const struct rh_store_result *result)
{
    struct rh_extent *extent = job->context;
    extent->syncing = false;
    if (result->error != RH_OK && RH_PLANTED("retry-failed-sync"))
        start_sync(v, extent);
    else if (result->error != RH_OK && !RH_PLANTED("ack-after-failed-sync")) {
        enum rh_error error = result->error == RH_ERR_FULL ? RH_ERR_FULL : RH_ERR_IO;
        extent->failed = !RH_PLANTED("sync-after-failed-sync");
        rh_log_action(v, "a sync failed: what it covered is void", extent->upload->row.id, error);
        rh_wake_all(v, &extent->sync_flying, error);
        rh_wake_all(v, &extent->sync_waiting, error);
        /* What is being written lands on pages that may be marked clean: it must be sent again. */
        rh_write_revoke(v, extent->upload, extent);
    } else {
        rh_wake_all(v, &extent->sync_flying, RH_OK);
        if (!rh_list_is_empty(&extent->sync_waiting))
            start_sync(v, extent);
    }
    rh_extent_release(v, extent);
}

static void start_sync(struct rh_vault *v, struct rh_extent *extent)
{
    struct rh_list *node;
    while ((node = rh_list_first(&extent->sync_waiting)) != NULL) {
        rh_list_remove(node);
        rh_list_append(&extent->sync_flying, node);
    }
    extent->syncing = true;
    extent->holds++;
    struct rh_store_job *job = rh_job_start(v, RH_STORE_SYNC, extent->upload, synced, extent);
    job->index = extent->index;
    job->handle = extent->handle;
}

void rh_extent_sync(struct rh_vault *v, struct rh_extent *extent, struct rh_waiter *waiter,
                    void (*wake)(struct rh_vault *, struct rh_waiter *, enum rh_error))
{
    RH_ASSERT(extent->holds > 0);
    RH_ASSERT(extent->state == RH_EXTENT_OPEN);
    waiter->wake = wake;
    if (extent->failed) {
        rh_wake(v, waiter, RH_ERR_IO);
        return;
    }
    rh_wait(&extent->sync_waiting, waiter, wake);
    if (!extent->syncing)
        start_sync(v, extent);
}
