/* SPDX-License-Identifier: MIT */
/* What an answer of success says: of parts, of the whole, and whose word it is. */
#include "base/bytes.h"
#include "base/mem.h"
#include "base/plant.h"
#include "engine/state.h"

/*
 * A word over the whole with the right checksum proves the upload (1). One with another checksum or
 * length (a partial recording that somebody else finished) contradicts it (-1). Without one the
 * server only claims it (0).
 */
static int whole_verdict(const struct rh_upload *u, const struct rh_response *response)
{
    int verdict = 0;
    for (uint32_t i = 0; i < response->acks_count; i++) {
        const struct rh_ack *ack = &response->acks[i];
        if (ack->offset != 0 || !ack->crc_known || !ack->durable)
            continue;
        if (ack->length == u->size)
            return ack->crc64 == u->crc64 ? 1 : -1;
        verdict = -1;
    }
    return verdict;
}

static void finish(struct rh_engine *e, struct rh_upload *u)
{
    u->error = RH_OUTCOME_NONE;
    u->status = 0;
    u->fault = RH_FAULT_NONE;
    u->fault_part = 0;
    rh_outcome_complete(e, u);
}

static void done(struct rh_engine *e, struct rh_upload *u, struct rh_request *r,
                 const struct rh_response *response)
{
    struct rh_books books = rh_upload_books(e, u);
    r->phase = RH_REQUEST_FREE;
    if (!u->sealed) {
        /* Known sizes complete with their last byte, maybe before the seal is told; others were
         * ended by somebody else. */
        if (u->size == RH_SIZE_UNKNOWN)
            rh_upload_fail(e, u, RH_REASON_SUPERSEDED);
        else
            u->server_done = true;
        return;
    }
    int verdict = whole_verdict(u, response);
    if (verdict < 0) {
        u->mismatches++;
        rh_upload_fail(e, u, RH_REASON_CONFLICT);
        return;
    }
    u->proven = u->proven || verdict > 0;
    struct rh_ack whole = {.length = u->size,
                           .crc64 = u->crc64,
                           .crc_known = u->proven,
                           .kept = true,
                           .durable = true};
    if (u->size > 0)
        (void)rh_ledger_add(&books, &whole);
    if (response->generation[0] != 0) {
        /* A word about the whole leaves nothing in doubt that another generation promised. */
        rh_mem_copy(u->generation, response->generation, sizeof u->generation);
        u->distrust = false;
    }
    bool cursor_proven = u->proven && rh_upload_has(e, u, RH_TRAIT_ONE_CURSOR);
    if (rh_upload_has(e, u, RH_TRAIT_FINISH_ALWAYS) && r->kind != RH_SEND_FINISH &&
        !cursor_proven) {
        u->server_done = true;
        u->doubt = false;
        rh_upload_changed(u);
        return;
    }
    finish(e, u);
}

/* Parts that wait and turn out to be there are not sent again; of others only the rest is. */
static void trim_waiting(struct rh_engine *e, struct rh_upload *u)
{
    struct rh_books books = rh_upload_books(e, u);
    uint32_t index = rh_engine_index(e, u);
    for (uint32_t i = 0; i < e->limits.parts_max; i++) {
        struct rh_request *r = &e->requests[i];
        if (r->upload != index || r->kind != RH_SEND_PART ||
            (r->phase != RH_REQUEST_WAITING && r->phase != RH_REQUEST_ASIDE))
            continue;
        uint64_t end = r->range.offset + r->range.length;
        struct rh_range run;
        if (!rh_ledger_run(&books, r->range.offset, &run) || run.offset >= end)
            continue;
        if (run.offset > r->range.offset)
            end = run.offset;
        else
            r->range.offset += run.length;
        if (r->range.offset >= end || rh_upload_has(e, u, RH_TRAIT_FIXED_PARTS))
            r->phase = RH_REQUEST_FREE;
        else
            r->range.length = end - r->range.offset;
    }
}

static void take_list(struct rh_engine *e, struct rh_upload *u, const struct rh_response *response)
{
    struct rh_books books = rh_upload_books(e, u);
    uint32_t count = response->acks_count;
    bool whole_list = count < RH_RANGES_MAX;
    if (u->distrust) {
        /* Nothing of what another generation promised stays by itself; only of what a full list has
         * no room for nothing is known. */
        uint64_t end = whole_list
                           ? UINT64_MAX - 1
                           : response->acks[count - 1].offset + response->acks[count - 1].length;
        (void)rh_ledger_cut(&books, (struct rh_range){0, end});
        u->distrust = !whole_list;
    }
    if (rh_ledger_replace(&books, response->acks, count))
        u->mismatches++;
    if (response->generation[0] != 0)
        rh_mem_copy(u->generation, response->generation, sizeof u->generation);
    trim_waiting(e, u);
    u->doubt = false;
    rh_upload_progressed(e, u);
}

static void asked(struct rh_engine *e, struct rh_upload *u, struct rh_request *r,
                  const struct rh_response *response)
{
    r->phase = RH_REQUEST_FREE;
    if (u->remote[0] == 0) {
        rh_outcome_retry(e, u, true, RH_REASON_MALFORMED, response->retry_after_ms);
        return;
    }
    if (response->remote_state == RH_REMOTE_EXPIRED || response->remote_state == RH_REMOTE_LOST) {
        rh_outcome_start_again(e, u);
        return;
    }
    if (response->listed)
        take_list(e, u, response);
    else
        u->doubt = r->kind == RH_SEND_CREATE; /* created before, it seems: ask what it has */
    if (response->remote_state == RH_REMOTE_FINISHING)
        u->poll_at_ms = e->now_ms + RH_POLL_MS;
    rh_upload_changed(u);
}

static void grow_parts(struct rh_upload *u, uint64_t sent)
{
    u->breaks = 0;
    u->full_parts = sent >= u->part_bytes ? u->full_parts + 1 : u->full_parts;
    if (u->full_parts < RH_GROW_AFTER || u->part_bytes >= u->geometry)
        return;
    u->full_parts = 0;
    u->part_bytes = u->part_bytes > u->geometry / 2 ? u->geometry : u->part_bytes * 2;
}

/* With one cursor what lies before a damaged part may be taken again and again, each time that the
 * upload begins anew: that proves nothing of the part. */
static bool is_past_damage(const struct rh_engine *e, const struct rh_upload *u,
                           struct rh_range taken)
{
    bool one_cursor = rh_upload_has(e, u, RH_TRAIT_ONE_CURSOR);
    return !one_cursor || taken.offset + taken.length > u->refused_at;
}

static void part_taken(struct rh_engine *e, struct rh_upload *u, struct rh_request *r,
                       const struct rh_response *response)
{
    struct rh_books books = rh_upload_books(e, u);
    uint64_t before = rh_ledger_bytes(&books);
    bool contradicted = false;
    for (uint32_t i = 0; i < response->acks_count; i++) {
        struct rh_ack ack = response->acks[i];
        bool same = ack.offset == r->range.offset && ack.length == r->range.length;
        if (same && ack.crc_known && r->crc_known && ack.crc64 != r->crc64)
            contradicted = true;
        else if (rh_ledger_add(&books, &ack) == RH_ERR_CHECKSUM)
            contradicted = true;
    }
    if (contradicted) {
        rh_outcome_failed(e, r, RH_OUTCOME_CHECKSUM_MISMATCH, response);
        return;
    }
    if (rh_ledger_bytes(&books) == before && !rh_ledger_covers(&books, r->range)) {
        rh_outcome_failed(e, r, RH_OUTCOME_MALFORMED, response);
        return;
    }
    rh_count_bytes(e, u, r->range.length - r->sent_bytes);
    rh_count_part(e, u, r->range.length);
    grow_parts(u, r->range.length);
    if (r->range.length == 0)
        u->poll_at_ms = e->now_ms + RH_POLL_MS; /* no range shows that it was taken */
    r->phase = RH_REQUEST_FREE;
    rh_link_moved(e, u, r->range.length - r->sent_bytes);
    u->incompletes = 0;
    if (is_past_damage(e, u, r->range)) {
        u->refusals = 0;
        u->futile = 0;
    }
    u->error = RH_OUTCOME_NONE;
    u->status = 0;
    u->fault = RH_FAULT_NONE;
    u->fault_part = 0;
    if (e->policy.attempts_reset) {
        u->attempts = 0;
        u->failures = 0;
    }
    if (RH_PLANTED("leak-slot"))
        r->phase = RH_REQUEST_ASIDE;
    if (u->persist_at_ms == RH_MS_NEVER)
        u->persist_at_ms = e->now_ms + RH_PERSIST_MS;
    rh_upload_progressed(e, u);
}

/*
 * A server with another generation was restored from a copy or rebuilt: whatever it vouched for
 * before is asked about, of every upload, before more is forgotten. An upload takes the new
 * generation's name with the answer to that.
 */
static void note_generation(struct rh_engine *e, struct rh_upload *u,
                            const struct rh_response *response)
{
    struct rh_bytes said = rh_bytes_of(response->generation);
    if (said.size == 0)
        return;
    if (u->generation[0] == 0) {
        rh_mem_copy(u->generation, response->generation, sizeof u->generation);
        u->persist_now = true;
    }
    if (RH_PLANTED("trust-old-generation"))
        return;
    if (rh_bytes_equal_str(said, e->generation) && rh_bytes_equal_str(said, u->generation))
        return;
    rh_mem_copy(e->generation, response->generation, sizeof e->generation);
    for (uint32_t i = 0; i < e->count; i++) {
        struct rh_upload *other = &e->uploads[e->order[i]];
        if (rh_upload_over(other) || other->remote[0] == 0 || other->generation[0] == 0 ||
            rh_bytes_equal_str(said, other->generation))
            continue;
        other->persist_now |= !other->distrust;
        other->distrust = true;
        other->doubt = true;
        other->proven = false;
        other->server_done = false;
    }
}

/*
 * The server's name for the upload. Where a create was repeated and finds another one, the old one
 * is gone: what it had is not vouched for any more. False: and bytes that it needs are gone too.
 */
static bool take_remote(struct rh_engine *e, struct rh_upload *u, struct rh_request *r,
                        const struct rh_response *response)
{
    struct rh_bytes said = rh_bytes_of(response->remote);
    u->recheck = false;
    if (said.size == 0 || rh_bytes_equal_str(said, u->remote))
        return true;
    bool done = response->outcome == RH_OUTCOME_DONE;
    if (u->remote[0] != 0 && !done) {
        rh_count_retry(e, u, RH_CAUSE_GONE);
        r->phase = RH_REQUEST_FREE;
        if (!rh_outcome_forget_remote(e, u))
            return false;
    }
    rh_mem_copy(u->remote, response->remote, sizeof u->remote);
    return true;
}

static bool succeeded(enum rh_outcome outcome)
{
    return outcome == RH_OUTCOME_OK || outcome == RH_OUTCOME_DONE;
}

/* "Done" of somebody who does not say which server it is, where the server that began it did: a
 * page of somebody between, and no word of its own. */
static bool is_hollow(const struct rh_upload *u, const struct rh_response *response)
{
    return response->outcome == RH_OUTCOME_DONE && u->generation[0] != 0 &&
           response->generation[0] == 0;
}

void rh_outcome_response(struct rh_engine *engine, const struct rh_response *response)
{
    struct rh_request *r = rh_request_of(engine, response->token);
    if (r == NULL)
        return;
    struct rh_upload *u = &engine->uploads[r->upload];
    rh_patience_life(&engine->patience, engine->now_ms, engine->now_ms - r->progress_ms);
    rh_link_answered(engine, r, response);
    if (r->kind == RH_SEND_CANCEL && succeeded(response->outcome)) {
        r->phase = RH_REQUEST_FREE;
        rh_outcome_deleted(engine, u);
        return;
    }
    if (!succeeded(response->outcome)) {
        note_generation(engine, u, response); /* a refusal tells it as well */
        rh_outcome_failed(engine, r, response->outcome, response);
        return;
    }
    if (is_hollow(u, response)) {
        rh_outcome_failed(engine, r, RH_OUTCOME_MALFORMED, response);
        return;
    }
    u->remote_state = response->remote_state;
    u->auth_failures = 0;
    u->bare_gones = 0;
    if (response->codings != 0)
        engine->codings_offered = response->codings;
    if (r->kind == RH_SEND_CREATE && !take_remote(engine, u, r, response))
        return;
    bool one_cursor = rh_upload_has(engine, u, RH_TRAIT_ONE_CURSOR);
    if (r->kind != RH_SEND_PART && !one_cursor &&
        (engine->policy.retry_parts || engine->policy.set_aside)) {
        u->failures = 0; /* parts count for themselves; these counts are of such requests alone */
        u->attempts = 0;
    }
    note_generation(engine, u, response);
    bool wanted_finish = r->kind == RH_SEND_FINISH && u->server_done;
    if (response->outcome == RH_OUTCOME_DONE || wanted_finish) {
        done(engine, u, r, response);
    } else if (r->kind == RH_SEND_PART) {
        part_taken(engine, u, r, response);
    } else if (r->kind == RH_SEND_FINISH) {
        /* Accepted, and not done yet: the server finishes in its own time. */
        r->phase = RH_REQUEST_FREE;
        u->poll_at_ms = engine->now_ms + RH_POLL_MS;
        rh_upload_progressed(engine, u);
    } else {
        asked(engine, u, r, response);
    }
}
