/* SPDX-License-Identifier: MIT */
/*
 * Time. Age counts ticks, seconds that servers of this catalog have lived, so neither a wall clock
 * that jumps nor a server that was down makes anything old. What was vouched for never expires.
 */
#include "base/plant.h"
#include "vault/inside.h"

int64_t rh_wall_s(const struct rh_vault *v)
{
    return v->has_time ? v->wall_ms / 1000 : v->meta.wall_s;
}

/* The wall clock against the monotonic one; their difference should stay. */
static void notice_jump(struct rh_vault *v, rh_ms mono_ms, int64_t wall_ms)
{
    int64_t mono_passed = (int64_t)(mono_ms - v->mono_ms);
    int64_t jump = wall_ms - v->wall_ms - mono_passed;
    if (jump <= RH_JUMP_MS && jump >= -RH_JUMP_MS)
        return;
    v->suspended_until_tick = v->ticks + RH_JUMP_TICKS;
    rh_log_action(v, "the wall clock jumped: nothing expires for an hour", NULL, RH_OK);
}

static void persist_ticks(struct rh_vault *v)
{
    v->meta.ticks = v->ticks;
    v->meta.wall_s = rh_wall_s(v);
    rh_commit_add(v, RH_CHANGE_META, NULL)->u.meta = v->meta;
}

static void expired(struct rh_vault *v, struct rh_job *job, const struct rh_store_result *result)
{
    struct rh_upload *u = job->context;
    if (result->error != RH_OK)
        rh_log_action(v, "an expired upload's bytes could not be removed", u->row.id,
                      result->error);
    rh_upload_dropped(v, u);
}

/* Its row says so durably: now the bytes, which nobody was told of, may go. */
static void drop(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_upload *u = RH_LIST_ENTRY(waiter, struct rh_upload, eraser);
    (void)error;
    u->pins--;
    (void)rh_job_start(v, RH_STORE_DROP, u, expired, u);
}

static void close_then_drop(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_upload *u = RH_LIST_ENTRY(waiter, struct rh_upload, eraser);
    (void)error;
    rh_commit_wait(v, u->commit_seq, &u->eraser, drop);
}

static void expire_one(struct rh_vault *v, struct rh_upload *u)
{
    if (u->erasing) { /* its rows are gone: touching would put one back */
        rh_list_remove(&u->in_order);
        return;
    }
    bool busy = !rh_list_is_empty(&u->writers) || u->stitching || u->finish != RH_FINISH_NO ||
                u->deleting || u->pins > 0 || u->join != NULL;
    if (busy) {
        rh_upload_touch(v, u);
        return;
    }
    RH_ASSERT(u->row.state == RH_UPLOAD_OPEN); /* what finishes is busy */
    if (rh_upload_is_vouched(u) && !RH_PLANTED("expire-receipted")) {
        u->row.overdue = true;
        rh_list_remove(&u->in_order);
        rh_commit_row(v, u);
        rh_log_action(v, "an upload is overdue: its bytes were vouched for and are kept", u->row.id,
                      RH_OK);
        return;
    }
    u->dropping = true;
    rh_upload_state(v, u, RH_UPLOAD_EXPIRED);
    u->pins++;
    rh_wake_all(v, &u->piece_waiters, RH_OK);
    rh_extents_close(v, u, &u->eraser, close_then_drop);
}

static void expire(struct rh_vault *v)
{
    if (v->limits.expire_after_ticks == 0 || v->ticks < v->suspended_until_tick || v->draining)
        return;
    for (size_t count = 0; count < 256; count++) {
        struct rh_list *node = rh_list_first(&v->open_order);
        if (node == NULL)
            return;
        struct rh_upload *u = RH_LIST_ENTRY(node, struct rh_upload, in_order);
        if (u->row.touched_tick + v->limits.expire_after_ticks > v->ticks)
            return;
        expire_one(v, u);
    }
}

/* What failed for now is tried again. */
static void retry(struct rh_vault *v)
{
    if (v->retry_count == 0)
        return;
    for (size_t i = 0; i < v->uploads.bucket_count; i++) {
        struct rh_map_node *node = v->uploads.buckets[i];
        for (; node != NULL; node = node->next) {
            struct rh_upload *u = RH_LIST_ENTRY(node, struct rh_upload, by_id);
            if (u->retry_tick == 0 || u->retry_tick > v->ticks)
                continue;
            u->retry_tick = 0;
            v->retry_count--;
            if (u->row.state == RH_UPLOAD_FINISHING)
                rh_finish_again(v, u);
            else if (u->row.state == RH_UPLOAD_OPEN && !rh_finish_check(v, u)) {
                rh_chunks_stitch(v, u);
                rh_concat_start(v, u);
            }
        }
    }
}

void rh_retry_later(struct rh_vault *v, struct rh_upload *u)
{
    if (u->retry_tick == 0)
        v->retry_count++;
    u->retry_tick = v->ticks + RH_SHORT_RETRY_S;
}

void rh_time_told(struct rh_vault *v, rh_ms mono_ms, int64_t wall_ms)
{
    if (v->has_time && mono_ms < v->mono_ms)
        mono_ms = v->mono_ms; /* a clock that falls is taken to stand still */
    if (!v->has_time)
        v->tick_base_ms = mono_ms;
    else
        notice_jump(v, mono_ms, wall_ms);
    v->has_time = true;
    v->mono_ms = mono_ms;
    v->wall_ms = wall_ms;
    uint64_t ticks = v->tick_base + (mono_ms - v->tick_base_ms) / 1000;
    if (RH_PLANTED("age-by-wall-clock") && wall_ms / 1000 > v->meta.wall_s && v->meta.wall_s > 0)
        ticks = v->tick_base + (uint64_t)(wall_ms / 1000 - v->meta.wall_s);
    bool moved = ticks > v->ticks;
    v->ticks = ticks;
    if (!v->ready || !moved)
        return;
    if (v->ticks >= v->meta.ticks + RH_META_TICKS)
        persist_ticks(v);
    rh_space_poll(v);
    rh_extents_idle(v);
    rh_wake_all(v, &v->tick_waiters, RH_OK);
    rh_cursor_tick(v);
    rh_concat_tick(v);
    expire(v);
    retry(v);
}
