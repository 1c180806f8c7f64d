/* SPDX-License-Identifier: MIT */
/* One upload: what it looks like from outside, and the transitions that several causes share. */
#include "base/mem.h"
#include "engine/state.h"

struct rh_books rh_upload_books(struct rh_engine *engine, struct rh_upload *upload)
{
    return (struct rh_books){&engine->ledger, &upload->acks, &engine->segments, &upload->segments};
}

bool rh_upload_over(const struct rh_upload *upload)
{
    return upload->end != RH_UPLOAD_PENDING;
}

uint64_t rh_upload_spooled(const struct rh_engine *engine, const struct rh_upload *upload)
{
    uint64_t end = rh_segments_end(&engine->segments, &upload->segments);
    return end > upload->spooled_seen ? end : upload->spooled_seen;
}

bool rh_upload_held(const struct rh_engine *engine, const struct rh_upload *upload)
{
    uint64_t size = upload->sealed ? upload->size : rh_upload_spooled(engine, upload);
    return rh_segments_hold(&engine->segments, &upload->segments, (struct rh_range){0, size});
}

bool rh_upload_flying(const struct rh_engine *engine, const struct rh_upload *upload)
{
    uint32_t index = rh_engine_index(engine, upload);
    for (uint32_t i = 0; i < engine->limits.parts_max; i++) {
        const struct rh_request *r = &engine->requests[i];
        if (r->phase == RH_REQUEST_FLYING && r->upload == index)
            return true;
    }
    return false;
}

/* The state of an upload that is neither over, nor paused by somebody, nor in flight. */
static void idle_state(const struct rh_engine *e, const struct rh_upload *u,
                       enum rh_upload_state *state, enum rh_reason *reason)
{
    *state = RH_UPLOAD_PENDING;
    *reason = RH_REASON_WAITING;
    if (!e->leader) {
        *reason = RH_REASON_NOT_LEADER;
    } else if (!e->online && !e->policy.offline_is_attempt) {
        *state = RH_UPLOAD_PAUSED;
        *reason = RH_REASON_OFFLINE;
    } else if (e->held) {
        *state = RH_UPLOAD_PAUSED;
        *reason = RH_REASON_HELD;
    } else if (rh_plan_foreign(e, u)) {
        *state = RH_UPLOAD_PAUSED;
        *reason = RH_REASON_METHOD;
    } else if (e->metered && e->policy.metered == RH_METERED_WAIT) {
        *state = RH_UPLOAD_PAUSED;
        *reason = RH_REASON_METERED;
    } else if (u->retry_at_ms != RH_MS_NEVER && u->retry_at_ms > e->now_ms) {
        *reason = u->wait_reason;
        if (*reason == RH_REASON_QUOTA || *reason == RH_REASON_OFFLINE)
            *state = RH_UPLOAD_PAUSED;
    } else if (!u->sealed && u->remote[0] != 0 && u->acks.count > 0 && !u->doubt) {
        *state = RH_UPLOAD_UPLOADING; /* caught up with the recording */
    }
}

/* The earliest retry of its parts, if some wait and none flies. */
static rh_ms parts_retry_at(const struct rh_engine *e, const struct rh_upload *u)
{
    uint32_t index = rh_engine_index(e, u);
    rh_ms at = RH_MS_NEVER;
    for (uint32_t i = 0; i < e->limits.parts_max; i++) {
        const struct rh_request *r = &e->requests[i];
        if (r->phase == RH_REQUEST_WAITING && r->upload == index && r->retry_at_ms > e->now_ms &&
            r->retry_at_ms < at)
            at = r->retry_at_ms;
    }
    return at;
}

void rh_upload_shown(const struct rh_engine *engine, const struct rh_upload *upload, bool flying,
                     enum rh_upload_state *state, enum rh_reason *reason)
{
    if (rh_upload_over(upload)) {
        *state = upload->end;
        *reason = upload->end_reason;
    } else if (upload->user_paused) {
        *state = RH_UPLOAD_PAUSED;
        *reason = RH_REASON_USER;
    } else if (upload->need_token) {
        *state = RH_UPLOAD_PAUSED;
        *reason = RH_REASON_AUTH;
    } else if (flying) {
        *state = RH_UPLOAD_UPLOADING;
        *reason = RH_REASON_NONE;
    } else {
        idle_state(engine, upload, state, reason);
        if (*reason == RH_REASON_WAITING && parts_retry_at(engine, upload) != RH_MS_NEVER) {
            *state = RH_UPLOAD_PENDING;
            *reason = RH_REASON_BACKOFF;
        }
    }
}

static void count_parts(uint32_t geometry, struct rh_snapshot *out)
{
    uint64_t part = geometry;
    uint64_t all = out->total_bytes != RH_SIZE_UNKNOWN ? out->total_bytes : out->spooled_bytes;
    uint64_t total = all / part + (all % part != 0);
    uint64_t done = out->acked_bytes >= all ? total : out->acked_bytes / part;
    out->parts_total = total > UINT32_MAX ? UINT32_MAX : (uint32_t)total;
    out->parts_done = done > UINT32_MAX ? UINT32_MAX : (uint32_t)done;
}

void rh_upload_snapshot(const struct rh_engine *engine, const struct rh_upload *upload,
                        struct rh_snapshot *out)
{
    /* The books are only read here; the view of them is the same for readers and writers. */
    struct rh_books books = {(struct rh_ledger *)&engine->ledger,
                             (struct rh_interval_list *)&upload->acks, &engine->segments,
                             &upload->segments};
    *out = (struct rh_snapshot){0};
    rh_upload_shown(engine, upload, rh_upload_flying(engine, upload), &out->state, &out->reason);
    out->error = upload->error;
    out->status = upload->status;
    out->fault = upload->fault;
    out->fault_retryable = upload->fault != RH_FAULT_NONE && upload->fault != RH_FAULT_VALIDATION;
    out->fault_part = upload->fault_part;
    out->acked_bytes = rh_ledger_bytes(&books);
    out->sent_bytes = out->acked_bytes;
    out->total_bytes = upload->size;
    out->spooled_bytes = rh_upload_spooled(engine, upload);
    out->retry_at_ms = RH_MS_NEVER;
    if (out->state != RH_UPLOAD_UPLOADING && !rh_upload_over(upload)) {
        out->retry_at_ms = parts_retry_at(engine, upload);
        if (upload->retry_at_ms != RH_MS_NEVER && upload->retry_at_ms > engine->now_ms)
            out->retry_at_ms = upload->retry_at_ms;
    }
    uint32_t index = rh_engine_index(engine, upload);
    out->attempts = upload->failures > upload->attempts ? upload->failures : upload->attempts;
    for (uint32_t i = 0; i < engine->limits.parts_max; i++) {
        const struct rh_request *r = &engine->requests[i];
        if (r->phase == RH_REQUEST_FREE || r->upload != index || r->kind != RH_SEND_PART)
            continue;
        if (r->phase == RH_REQUEST_FLYING)
            out->sent_bytes += r->sent_bytes;
        if (r->phase == RH_REQUEST_ASIDE)
            out->set_aside++;
        if (r->attempts > out->attempts)
            out->attempts = r->attempts;
    }
    out->mismatches = upload->mismatches;
    out->proven = upload->proven;
    out->resumed = upload->resumed;
    out->remaining_ms = RH_MS_NEVER;
    if (!rh_upload_over(upload)) {
        out->speed_bytes_s = rh_meter_speed(&upload->meter);
        if (upload->size != RH_SIZE_UNKNOWN && out->state == RH_UPLOAD_UPLOADING)
            out->remaining_ms = rh_meter_remaining(&upload->meter);
    }
    count_parts(rh_link_geometry(engine, upload), out);
}

void rh_upload_anew(struct rh_engine *engine, struct rh_upload *upload)
{
    uint32_t index = rh_engine_index(engine, upload);
    rh_upload_stop(engine, upload);
    for (uint32_t i = 0; i < engine->limits.parts_max; i++)
        if (engine->requests[i].upload == index)
            engine->requests[i].phase = RH_REQUEST_FREE;
    rh_ledger_clear(&engine->ledger, &upload->acks);
    rh_mem_set(upload->remote, 0, sizeof upload->remote);
    upload->remote_state = RH_REMOTE_UNSAID;
    upload->server_done = false;
    upload->doubt = false;
    upload->distrust = false;
    upload->recheck = false;
    upload->cancel_wanted = false;
    upload->final_round = false;
    upload->poll_at_ms = RH_MS_NEVER;
}

void rh_upload_changed(struct rh_upload *upload)
{
    upload->persist_now = true;
    upload->notify_now = true;
}

void rh_upload_progressed(struct rh_engine *engine, struct rh_upload *upload)
{
    if (upload->notify_at_ms != RH_MS_NEVER)
        return;
    rh_ms earliest = upload->notified_ms + RH_NOTIFY_MS;
    upload->notify_at_ms = earliest > engine->now_ms ? earliest : engine->now_ms;
}

void rh_upload_inactive(struct rh_engine *engine, struct rh_upload *upload)
{
    if (!upload->active)
        return;
    upload->active = false;
    engine->gap_until_ms = engine->now_ms + engine->policy.gap_ms;
}

void rh_upload_stop(struct rh_engine *engine, struct rh_upload *upload)
{
    uint32_t index = rh_engine_index(engine, upload);
    for (uint32_t i = 0; i < engine->limits.parts_max; i++) {
        struct rh_request *r = &engine->requests[i];
        if (r->phase != RH_REQUEST_FLYING || r->upload != index)
            continue;
        r->abort_token = r->token;
        r->phase = RH_REQUEST_FREE;
        /* What had left may have been kept; and the answer to a create or finish is lost. */
        if (upload->remote[0] != 0)
            upload->doubt = true;
        /* With one cursor its attempts are 0: they are counted for the upload. */
        if (engine->policy.retry_parts && r->kind == RH_SEND_PART && r->attempts > 0) {
            r->phase = RH_REQUEST_WAITING;
            r->retry_at_ms = engine->now_ms;
        }
    }
    rh_meter_stop(&upload->meter);
    rh_upload_inactive(engine, upload);
}

/* Frees parts that wait or were set aside; their ranges are holes again. */
static void forget_waiting(struct rh_engine *engine, const struct rh_upload *upload)
{
    uint32_t index = rh_engine_index(engine, upload);
    for (uint32_t i = 0; i < engine->limits.parts_max; i++) {
        struct rh_request *r = &engine->requests[i];
        if (r->upload == index && (r->phase == RH_REQUEST_WAITING || r->phase == RH_REQUEST_ASIDE))
            r->phase = RH_REQUEST_FREE;
    }
}

static void end(struct rh_engine *engine, struct rh_upload *upload, enum rh_upload_state state,
                enum rh_reason reason)
{
    rh_upload_stop(engine, upload);
    if (reason != RH_REASON_SET_ASIDE)
        forget_waiting(engine, upload);
    upload->end = state;
    upload->end_reason = reason;
    upload->retry_at_ms = RH_MS_NEVER;
    upload->poll_at_ms = RH_MS_NEVER;
    upload->need_token = false;
    upload->recheck = false;
    upload->cancel_wanted = false;
    rh_count_end(engine, upload);
    rh_upload_changed(upload);
}

void rh_upload_fail(struct rh_engine *engine, struct rh_upload *upload, enum rh_reason reason)
{
    rh_fault_end(engine, upload, reason);
    end(engine, upload, RH_UPLOAD_FAILED, reason);
}

void rh_upload_cancel(struct rh_engine *engine, struct rh_upload *upload)
{
    end(engine, upload, RH_UPLOAD_CANCELLED, RH_REASON_USER);
    upload->failures = 0;
    upload->fault = RH_FAULT_NONE;
    upload->fault_part = 0;
    upload->forgot_whole = false;
    upload->cancel_wanted =
        upload->remote[0] != 0 && !rh_upload_has(engine, upload, RH_TRAIT_NO_CANCEL);
    upload->erase_now = !upload->cancel_wanted;
}

void rh_upload_revive(struct rh_engine *engine, struct rh_upload *upload)
{
    forget_waiting(engine, upload);
    if (upload->end == RH_UPLOAD_FAILED) {
        rh_count_revive(engine, upload);
        /* Asking again would find the same other bytes: they go, and ours go from the start. */
        upload->cancel_wanted = upload->end_reason == RH_REASON_CONFLICT && upload->remote[0] != 0;
        upload->fault = RH_FAULT_NONE;
        upload->fault_part = 0;
        upload->end = RH_UPLOAD_PENDING;
        upload->end_reason = RH_REASON_NONE;
        upload->doubt = upload->remote[0] != 0;
    }
    upload->attempts = 0;
    upload->failures = 0;
    upload->auth_failures = 0;
    upload->restarts = 0;
    upload->bare_gones = 0;
    upload->incompletes = 0;
    upload->refusals = 0;
    upload->futile = 0;
    upload->conflict = false;
    upload->final_round = false;
    upload->retry_at_ms = RH_MS_NEVER;
    upload->poll_at_ms = RH_MS_NEVER;
    rh_upload_changed(upload);
}
