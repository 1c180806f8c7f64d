/* SPDX-License-Identifier: MIT */
/*
 * Free space. It is asked for about once a second; between two answers, what was written and what
 * grants may still write is counted as gone. Nobody is refused before the first answer: a full disk
 * is then noticed by the write itself.
 */
#include "vault/inside.h"

static uint64_t reserve_of(const struct rh_vault *v)
{
    uint64_t share = v->space_total / 50;
    uint64_t least = (uint64_t)1 << 30;
    if (v->limits.reserve_bytes != 0)
        return v->limits.reserve_bytes;
    return share > least ? share : least;
}

static void polled(struct rh_vault *v, struct rh_job *job, const struct rh_store_result *result)
{
    (void)job;
    v->space_asked = false;
    if (!v->ready)
        v->starting--;
    if (result->error != RH_OK)
        return;
    v->space_known = true;
    v->space_free = result->free_bytes;
    v->space_total = result->total_bytes;
    v->space_used = v->written_bytes - v->space_asked_at;
}

void rh_space_poll(struct rh_vault *v)
{
    if (v->space_asked || v->draining)
        return;
    v->space_asked = true;
    v->space_asked_at = v->written_bytes;
    (void)rh_job_start(v, RH_STORE_SPACE, NULL, polled, NULL);
}

uint64_t rh_space_left(const struct rh_vault *v)
{
    if (!v->space_known)
        return UINT64_MAX;
    uint64_t gone = reserve_of(v) + v->space_used + v->reserved_bytes;
    return v->space_free > gone ? v->space_free - gone : 0;
}

void rh_space_reserve(struct rh_vault *v, struct rh_op *op, uint64_t bytes)
{
    RH_ASSERT(op->reserved_bytes == 0);
    op->reserved_bytes = bytes;
    v->reserved_bytes += bytes;
}

void rh_space_sofar(struct rh_vault *v, struct rh_op *op, uint64_t bytes)
{
    uint64_t less = bytes < op->reserved_bytes ? bytes : op->reserved_bytes;
    op->reserved_bytes -= less;
    v->reserved_bytes -= less;
    v->written_bytes += bytes;
    v->space_used += bytes;
}

void rh_space_written(struct rh_vault *v, struct rh_op *op, uint64_t bytes)
{
    v->reserved_bytes -= op->reserved_bytes;
    op->reserved_bytes = 0;
    v->written_bytes += bytes;
    v->space_used += bytes;
}
