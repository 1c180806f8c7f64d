/* SPDX-License-Identifier: MIT */
/* What an answer, or its absence, means for an upload. */
#include "base/bytes.h"
#include "base/plant.h"
#include "engine/coding.h"
#include "engine/policy.h"
#include "engine/state.h"

struct rh_request *rh_request_of(const struct rh_engine *engine, uint32_t token)
{
    for (uint32_t i = 0; i < engine->limits.parts_max; i++)
        if (engine->requests[i].phase == RH_REQUEST_FLYING && engine->requests[i].token == token)
            return &engine->requests[i];
    return NULL;
}

enum rh_coding rh_outcome_coding(const struct rh_engine *engine, const struct rh_upload *u)
{
    struct rh_coding_facts facts = {
        .use = engine->policy.coding,
        .offered = engine->codings_offered,
        .able = u->codings_able,
        .media = rh_media_of(rh_bytes_of(u->mime)),
        .plain_bytes = u->sample_plain_bytes,
        .coded_bytes = u->sample_coded_bytes,
        .coder_bytes_s = u->coder_bytes_s,
        .link_bytes_s = rh_meter_speed(&u->meter),
        .metered = engine->metered,
    };
    if (engine->coding_refused ||
        rh_upload_has(engine, u, RH_TRAIT_FIXED_PARTS | RH_TRAIT_ONE_CURSOR))
        return RH_CODING_IDENTITY;
    /* The meter counts plain bytes; of coded ones fewer left. */
    uint64_t speed = facts.link_bytes_s;
    uint64_t plain = facts.plain_bytes;
    if (u->coding != RH_CODING_IDENTITY && plain > 0)
        facts.link_bytes_s =
            speed / plain * facts.coded_bytes + speed % plain * facts.coded_bytes / plain;
    return rh_coding_choose(&facts);
}

static rh_ms later(const struct rh_engine *e, rh_ms delay_ms, rh_ms retry_after_ms)
{
    if (RH_PLANTED("busy-loop"))
        delay_ms = 0;
    if (retry_after_ms != RH_MS_NEVER && retry_after_ms > delay_ms &&
        !RH_PLANTED("ignore-retry-after"))
        delay_ms = retry_after_ms < RH_RETRY_AFTER_CAP_MS ? retry_after_ms : RH_RETRY_AFTER_CAP_MS;
    return e->now_ms + delay_ms;
}

static bool counts_per_part(const struct rh_engine *e, const struct rh_request *r)
{
    const struct rh_upload *u = &e->uploads[r->upload];
    return e->policy.retry_parts && r->kind == RH_SEND_PART &&
           !rh_upload_has(e, u, RH_TRAIT_ONE_CURSOR);
}

/* A part waits for its own retry; the upload goes on with others. */
static void retry_part(struct rh_engine *e, struct rh_upload *u, struct rh_request *r, bool counted,
                       rh_ms retry_after_ms)
{
    r->attempts += counted;
    r->waits_for = u->error;
    if (counted && r->attempts > e->policy.retries_max) {
        if (!e->policy.set_aside) {
            r->phase = RH_REQUEST_FREE; /* it ended: there is nothing to break off */
            rh_upload_fail(e, u, RH_REASON_ATTEMPTS);
            return;
        }
        r->phase = RH_REQUEST_ASIDE;
        rh_upload_changed(u);
        return;
    }
    r->phase = RH_REQUEST_WAITING;
    uint32_t failures = counted ? r->attempts : r->attempts + 1;
    r->retry_at_ms = later(e, rh_policy_delay(&e->policy, &e->rng, failures), retry_after_ms);
    rh_upload_progressed(e, u);
}

/* The upload waits. Where parts count for themselves its other requests never give up: "deferred
 * and retried". */
void rh_outcome_retry(struct rh_engine *e, struct rh_upload *u, bool counted, enum rh_reason reason,
                      rh_ms retry_after_ms)
{
    if (u->retry_at_ms != RH_MS_NEVER && u->retry_at_ms > e->now_ms) {
        /* A request beside this one failed already and the upload waits: that was one failure, not
         * two. */
        rh_ms at = later(e, 0, retry_after_ms);
        if (at > u->retry_at_ms) {
            u->retry_at_ms = at;
            u->waits_for = u->error;
        }
        return;
    }
    u->failures += u->failures < UINT32_MAX && !RH_PLANTED("backoff-never-grows");
    u->attempts += counted;
    bool limited = counted && !e->policy.set_aside && e->policy.retries_max != RH_RETRIES_UNLIMITED;
    if (limited && u->attempts > e->policy.retries_max) {
        rh_upload_fail(e, u, RH_REASON_ATTEMPTS);
        return;
    }
    u->retry_at_ms = later(e, rh_policy_delay(&e->policy, &e->rng, u->failures), retry_after_ms);
    u->wait_reason = reason;
    u->waits_for = u->error;
    rh_upload_inactive(e, u);
    rh_upload_changed(u);
}

static void retry_later(struct rh_engine *e, struct rh_upload *u, struct rh_request *r,
                        bool counted, enum rh_reason reason, rh_ms retry_after_ms)
{
    if (counts_per_part(e, r)) {
        retry_part(e, u, r, counted, retry_after_ms);
        return;
    }
    r->phase = RH_REQUEST_FREE;
    rh_outcome_retry(e, u, counted, reason, retry_after_ms);
}

/* Not a failure of the upload: its part goes back as it was, and the upload waits for something. */
static void step_back(struct rh_engine *e, struct rh_upload *u, struct rh_request *r)
{
    r->phase = RH_REQUEST_FREE;
    if (counts_per_part(e, r) && r->attempts > 0) {
        r->phase = RH_REQUEST_WAITING;
        r->retry_at_ms = e->now_ms;
    }
    rh_upload_inactive(e, u);
    rh_upload_changed(u);
}

/* On a poor link parts shrink, so that one fits between two breaks; the server may have kept a
 * prefix, so it is asked. */
static void note_break(struct rh_engine *e, struct rh_upload *u, const struct rh_request *r,
                       bool timeout)
{
    bool link_was_up = timeout || r->sent_bytes > 0 || e->now_ms - r->started_ms >= 2000;
    if (r->kind == RH_SEND_FINISH)
        u->doubt = u->remote[0] != 0;
    if (r->kind != RH_SEND_PART || !link_was_up)
        return;
    u->breaks++;
    u->full_parts = 0;
    if (r->sent_bytes >= e->policy.part_bytes_min || (!e->policy.retry_parts && u->breaks >= 2))
        u->doubt = true;
    bool fixed =
        rh_upload_has(e, u, RH_TRAIT_FIXED_PARTS) && !rh_upload_has(e, u, RH_TRAIT_ONE_CURSOR);
    if (u->breaks < 2 || fixed)
        return;
    uint32_t half = u->part_bytes / 2;
    u->part_bytes = half > e->policy.part_bytes_min ? half : e->policy.part_bytes_min;
    if (u->part_bytes > u->geometry)
        u->part_bytes = u->geometry;
}

static void broken(struct rh_engine *e, struct rh_upload *u, struct rh_request *r, bool timeout)
{
    note_break(e, u, r, timeout);
    bool counted = e->policy.unreachable_is_attempt;
    retry_later(e, u, r, counted, counted ? RH_REASON_BACKOFF : RH_REASON_OFFLINE, RH_MS_NEVER);
}

static void free_requests(struct rh_engine *e, const struct rh_upload *u)
{
    uint32_t index = rh_engine_index(e, u);
    for (uint32_t i = 0; i < e->limits.parts_max; i++)
        if (e->requests[i].upload == index)
            e->requests[i].phase = RH_REQUEST_FREE;
}

/*
 * The server does not know the upload any more: from the start, if all its bytes are still here.
 * Not again and again where it is let go before one part fits its checksum: that no retry helps
 * would be forgotten with each.
 */
bool rh_outcome_forget_remote(struct rh_engine *e, struct rh_upload *u)
{
    u->futile += u->refusals > 0;
    if (u->futile >= RH_FUTILE_MAX && u->refusals >= RH_DAMAGED_MAX) {
        rh_upload_fail(e, u, RH_REASON_ATTEMPTS);
        return false;
    }
    if (!rh_upload_held(e, u)) {
        rh_upload_fail(e, u, RH_REASON_BYTES_MISSING);
        return false;
    }
    rh_upload_anew(e, u);
    u->restarts++;
    rh_upload_changed(u);
    return true;
}

void rh_outcome_start_again(struct rh_engine *e, struct rh_upload *u)
{
    if (rh_outcome_forget_remote(e, u) && u->restarts > RH_RESTARTS_FREE)
        rh_outcome_retry(e, u, true, RH_REASON_BACKOFF, RH_MS_NEVER);
}

static void want_token(struct rh_engine *e, struct rh_upload *u)
{
    u->need_token = true;
    u->token_asked = false;
    /* A token that was refused at once is not asked for again at once. */
    u->token_at_ms = e->now_ms;
    if (u->auth_failures > 0)
        u->token_at_ms += rh_policy_delay(&e->policy, &e->rng, u->auth_failures);
    u->auth_failures += u->auth_failures < UINT32_MAX;
    rh_upload_changed(u);
}

static void storage_full(struct rh_engine *e, struct rh_upload *u, struct rh_request *r,
                         rh_ms retry_after_ms)
{
    if (e->policy.quota_is_attempt) {
        retry_later(e, u, r, true, RH_REASON_QUOTA, retry_after_ms);
        return;
    }
    step_back(e, u, r);
    u->retry_at_ms =
        later(e, retry_after_ms == RH_MS_NEVER ? e->policy.quota_ms : 1000, retry_after_ms);
    u->wait_reason = RH_REASON_QUOTA;
    u->waits_for = RH_OUTCOME_STORAGE_FULL;
}

/* Its parts went to another writer, or never were what we think: ask once; twice is a conflict. */
static void different_bytes(struct rh_engine *e, struct rh_upload *u, struct rh_request *r)
{
    r->phase = RH_REQUEST_FREE;
    if (u->conflict || u->remote[0] == 0) {
        rh_upload_fail(e, u, RH_REASON_CONFLICT);
        return;
    }
    u->conflict = true;
    u->doubt = true;
    rh_upload_changed(u);
}

static void stale_writer(struct rh_engine *e, struct rh_request *r)
{
    r->phase = RH_REQUEST_FREE;
    e->leader = false;
    for (uint32_t i = 0; i < e->count; i++)
        rh_upload_stop(e, &e->uploads[e->order[i]]);
}

static void incomplete(struct rh_engine *e, struct rh_upload *u, struct rh_request *r,
                       const struct rh_response *response)
{
    struct rh_books books = rh_upload_books(e, u);
    r->phase = RH_REQUEST_FREE;
    for (uint32_t i = 0; i < response->missing_count; i++)
        (void)rh_ledger_cut(&books, response->missing[i]);
    u->doubt = true;
    u->incompletes++;
    rh_upload_changed(u);
    if (u->incompletes > 1)
        rh_outcome_retry(e, u, true, RH_REASON_BACKOFF, response->retry_after_ms);
}

/* The server has it no more: it is erased here too; or it starts anew, as the user wished. */
void rh_outcome_deleted(struct rh_engine *e, struct rh_upload *u)
{
    u->cancel_wanted = false;
    if (rh_upload_over(u)) {
        u->erase_now = true;
        return;
    }
    rh_upload_anew(e, u);
    rh_upload_changed(u);
}

/* The end of a cancel: erased, whatever the server said, unless it was not reached. */
static void cancel_failed(struct rh_engine *e, struct rh_upload *u, struct rh_request *r,
                          enum rh_outcome outcome, const struct rh_response *response)
{
    r->phase = RH_REQUEST_FREE;
    bool answered = outcome != RH_OUTCOME_NETWORK && outcome != RH_OUTCOME_TIMEOUT;
    bool refused = outcome == RH_OUTCOME_UNAUTHORIZED || outcome == RH_OUTCOME_FORBIDDEN;
    bool again = !answered || refused || outcome == RH_OUTCOME_RETRY ||
                 outcome == RH_OUTCOME_TOO_BUSY || outcome == RH_OUTCOME_STORAGE_FULL ||
                 outcome == RH_OUTCOME_MALFORMED || outcome == RH_OUTCOME_GONE_BARE;
    u->failures += u->failures < UINT32_MAX;
    if (!again || (answered && u->failures > RH_CANCEL_TRIES)) {
        if (rh_upload_over(u) || outcome == RH_OUTCOME_GONE)
            rh_outcome_deleted(e, u);
        else
            rh_upload_fail(e, u, RH_REASON_CONFLICT); /* what is there stays there */
        return;
    }
    if (refused) {
        want_token(e, u);
        return;
    }
    u->retry_at_ms = later(e, rh_policy_delay(&e->policy, &e->rng, u->failures),
                           response == NULL ? RH_MS_NEVER : response->retry_after_ms);
}

/* Maybe it was the coding that was not to its taste, or to that of something on the way. */
static bool plain_is_tried(struct rh_engine *e, struct rh_request *r)
{
    if (r->kind != RH_SEND_PART || r->coding == RH_CODING_IDENTITY)
        return false;
    e->coding_refused = true;
    return true;
}

void rh_outcome_complete(struct rh_engine *e, struct rh_upload *u)
{
    rh_upload_stop(e, u);
    free_requests(e, u);
    u->end = RH_UPLOAD_COMPLETED;
    u->end_reason = RH_REASON_NONE;
    u->need_token = false;
    u->doubt = false;
    u->distrust = false;
    u->resumed = false;
    rh_count_end(e, u);
    rh_upload_changed(u);
}

/*
 * Other bytes arrived than were recorded. The way may have changed them, or they changed here at
 * rest: then no retry helps, and where retries have no end the part must not hold up the others. It
 * is set aside after a few in a row. Where its count is lost (it gave its slot up, the upload began
 * anew) that of the upload ends it.
 */
static void damaged(struct rh_engine *e, struct rh_upload *u, struct rh_request *r,
                    rh_ms retry_after_ms)
{
    bool endless = r->kind == RH_SEND_PART && e->policy.retries_max == RH_RETRIES_UNLIMITED;
    u->mismatches++;
    bool counts = r->kind == RH_SEND_PART && !plain_is_tried(e, r);
    retry_later(e, u, r, true, RH_REASON_BACKOFF, retry_after_ms);
    if (!counts || rh_upload_over(u))
        return;
    u->refusals++;
    u->refused_at = r->range.offset;
    bool one_cursor = rh_upload_has(e, u, RH_TRAIT_ONE_CURSOR);
    if (u->refusals >= (one_cursor ? RH_CURSOR_REFUSALS : RH_REFUSALS_MAX)) {
        r->phase = RH_REQUEST_FREE;
        rh_upload_fail(e, u, RH_REASON_ATTEMPTS);
        return;
    }
    /* It ends by its policy; or has one cursor, and nothing could go on behind it. */
    if (!endless || one_cursor)
        return;
    if (r->phase == RH_REQUEST_FREE) { /* it keeps its count */
        r->phase = RH_REQUEST_WAITING;
        r->retry_at_ms = e->now_ms;
        r->waits_for = u->error;
    }
    r->refusals++;
    if (r->refusals < RH_DAMAGED_MAX)
        return;
    r->refusals = 0;
    r->phase = RH_REQUEST_ASIDE;
}

static void rejected(struct rh_engine *e, struct rh_upload *u, struct rh_request *r)
{
    if (plain_is_tried(e, r)) {
        step_back(e, u, r);
        return;
    }
    bool only_metadata = r->kind == RH_SEND_FINISH && u->server_done;
    r->phase = RH_REQUEST_FREE;
    if (r->kind == RH_SEND_FINISH && u->distrust)
        return; /* another generation than the one that was asked to: it is asked what it has */
    if (!only_metadata) {
        rh_upload_fail(e, u, RH_REASON_REJECTED);
        return;
    }
    /* All bytes are there; what was refused is what describes them. `error` tells. */
    rh_outcome_complete(e, u);
}

static void gone(struct rh_engine *e, struct rh_upload *u, struct rh_request *r)
{
    r->phase = RH_REQUEST_FREE;
    if (r->kind == RH_SEND_CREATE)
        rh_upload_fail(e, u, RH_REASON_REJECTED);
    else
        rh_outcome_start_again(e, u);
}

/*
 * "Not found", and nothing says that it is our server's word: a proxy, another program at the
 * address, or ours behind something that drops fields. Bytes are not given up for it, and it is not
 * an answer either. After a few the create is repeated: a server of ours finds the upload again, or
 * makes a new one, and then it is known that the old one is gone.
 */
static void bare_gone(struct rh_engine *e, struct rh_upload *u, struct rh_request *r,
                      rh_ms retry_after_ms)
{
    u->bare_gones++;
    if (r->kind != RH_SEND_CREATE && u->bare_gones % RH_BARE_GONE_MAX == 0)
        u->recheck = u->remote[0] != 0;
    retry_later(e, u, r, e->policy.unreachable_is_attempt, RH_REASON_MALFORMED, retry_after_ms);
}

/* Why the retry, for the counters. */
static enum rh_cause cause_of(enum rh_outcome outcome)
{
    switch (outcome) {
    case RH_OUTCOME_NETWORK:
        return RH_CAUSE_NETWORK;
    case RH_OUTCOME_TIMEOUT:
        return RH_CAUSE_TIMEOUT;
    case RH_OUTCOME_TOO_BUSY:
        return RH_CAUSE_BUSY;
    case RH_OUTCOME_STORAGE_FULL:
        return RH_CAUSE_QUOTA;
    case RH_OUTCOME_UNAUTHORIZED:
    case RH_OUTCOME_FORBIDDEN:
        return RH_CAUSE_AUTH;
    case RH_OUTCOME_CHECKSUM_MISMATCH:
        return RH_CAUSE_DAMAGED;
    case RH_OUTCOME_MALFORMED:
    case RH_OUTCOME_GONE_BARE:
        return RH_CAUSE_FOREIGN;
    case RH_OUTCOME_GONE:
        return RH_CAUSE_GONE;
    case RH_OUTCOME_DIFFERENT_BYTES:
    case RH_OUTCOME_STALE_WRITER:
    case RH_OUTCOME_SUPERSEDED:
    case RH_OUTCOME_INCOMPLETE:
        return RH_CAUSE_CONFLICT;
    default:
        return RH_CAUSE_SERVER;
    }
}

static void failed(struct rh_engine *engine, struct rh_upload *u, struct rh_request *request,
                   enum rh_outcome outcome, const struct rh_response *response);

void rh_outcome_failed(struct rh_engine *engine, struct rh_request *request,
                       enum rh_outcome outcome, const struct rh_response *response)
{
    struct rh_upload *u = &engine->uploads[request->upload];
    u->error = outcome;
    u->status = response == NULL ? 0 : response->status;
    if (outcome == RH_OUTCOME_NETWORK || outcome == RH_OUTCOME_TIMEOUT)
        rh_link_lost(engine, request, RH_MS_NEVER);
    /* Of a cancel too: whoever leads now has its record, and goes on with it. */
    if (request->kind == RH_SEND_CANCEL && outcome == RH_OUTCOME_STALE_WRITER) {
        stale_writer(engine, request);
        return;
    }
    if (request->kind == RH_SEND_CANCEL) {
        cancel_failed(engine, u, request, outcome, response);
        return;
    }
    if (request->kind == RH_SEND_PART && rh_upload_has(engine, u, RH_TRAIT_ONE_CURSOR))
        u->doubt = true; /* the cursor may have moved on */
    rh_fault_note(engine, u, request, outcome);
    failed(engine, u, request, outcome, response);
    if (!rh_upload_over(u))
        rh_count_retry(engine, u, cause_of(outcome));
}

static void failed(struct rh_engine *engine, struct rh_upload *u, struct rh_request *request,
                   enum rh_outcome outcome, const struct rh_response *response)
{
    rh_ms after = response == NULL ? RH_MS_NEVER : response->retry_after_ms;
    switch (outcome) {
    case RH_OUTCOME_NETWORK:
    case RH_OUTCOME_TIMEOUT:
        broken(engine, u, request, outcome == RH_OUTCOME_TIMEOUT);
        break;
    case RH_OUTCOME_STORAGE_FULL:
        storage_full(engine, u, request, after);
        break;
    case RH_OUTCOME_UNAUTHORIZED:
    case RH_OUTCOME_FORBIDDEN:
        step_back(engine, u, request);
        want_token(engine, u);
        break;
    case RH_OUTCOME_GONE_BARE:
        bare_gone(engine, u, request, after);
        break;
    case RH_OUTCOME_GONE:
        gone(engine, u, request);
        break;
    case RH_OUTCOME_DIFFERENT_BYTES:
        different_bytes(engine, u, request);
        break;
    case RH_OUTCOME_STALE_WRITER:
        stale_writer(engine, request);
        break;
    case RH_OUTCOME_SUPERSEDED:
        /* A newer request of ours took the range over: ask what came of it. */
        u->doubt = u->remote[0] != 0;
        retry_later(engine, u, request, true, RH_REASON_BACKOFF, after);
        break;
    case RH_OUTCOME_REJECTED:
        rejected(engine, u, request);
        break;
    case RH_OUTCOME_INCOMPLETE:
        incomplete(engine, u, request, response);
        break;
    case RH_OUTCOME_CHECKSUM_MISMATCH:
        damaged(engine, u, request, after);
        break;
    case RH_OUTCOME_MALFORMED:
        /* A captive portal is a kind of no network: our server was not reached. */
        retry_later(engine, u, request, engine->policy.unreachable_is_attempt, RH_REASON_MALFORMED,
                    after);
        break;
    default: /* RETRY, TOO_BUSY, and anything that a newer dialect may say */
        if (u->status == 400 || u->status == 408)
            note_break(engine, u, request, true); /* the body broke off: its prefix was kept */
        retry_later(engine, u, request, true, RH_REASON_BACKOFF, after);
        break;
    }
}
