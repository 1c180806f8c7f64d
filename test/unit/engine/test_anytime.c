/* SPDX-License-Identifier: MIT */
/*
 * Anything at any moment: pauses, resumes, cancels, retries, removals, limits, leadership, tokens,
 * network, storage, time and every kind of answer, in sequences from a seed, to whatever state the
 * engine happens to be in. What must hold is checked at every action. ANYTIME_SEED=n runs one seed.
 */
#include "base/rng.h"
#include "bench.h"

#include <stdio.h>

#define UPLOADS 4
#define SIZE    4000u
#define FLIGHTS 64

struct subject {
    char id[8];
    uint32_t spooled;
    bool added;
    bool sealed;
    bool cancelled; /* by the user */
    bool removed;
    bool retried; /* since its last notice */
    bool whole;   /* the server vouched for all of it */
    bool shown;
    bool conflict; /* other bytes were there once */
    enum rh_upload_state state;
    uint8_t promised[SIZE]; /* by a good receipt of this generation */
    bool let_go[SIZE];
};

struct flight {
    bool used;
    struct rh_action action;
};

struct play {
    struct rh_rng rng;
    uint64_t seed;
    struct rh_policy policy;
    void *memory;
    struct rh_engine *engine;
    rh_ms now;
    uint32_t token_last;
    uint32_t generation;
    bool leader;
    bool online;
    struct subject subjects[UPLOADS];
    struct flight flights[FLIGHTS];
    uint64_t sends;
};

#define must(p, condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            print_error("seed %llu, policy %s, keep %d\n", (unsigned long long)(p)->seed,          \
                        (p)->policy.name, (int)(p)->policy.keep);                                  \
        assert_true(condition);                                                                    \
    } while (0)

static uint32_t below(struct play *p, uint32_t n)
{
    return (uint32_t)rh_rng_below(&p->rng, n);
}

static struct subject *subject_of(struct play *p, const char *id)
{
    for (unsigned i = 0; i < UPLOADS; i++)
        if (strcmp(p->subjects[i].id, id) == 0)
            return &p->subjects[i];
    return NULL;
}

static struct flight *flight_of(struct play *p, uint32_t token)
{
    for (unsigned i = 0; i < FLIGHTS; i++)
        if (p->flights[i].used && p->flights[i].action.send.token == token)
            return &p->flights[i];
    return NULL;
}

/* ---- what must hold ---- */

static void check_send(struct play *p, const struct rh_action *a)
{
    struct subject *s = subject_of(p, a->upload);
    struct flight *free_flight = NULL;
    unsigned parts = 1;
    p->sends++;
    must(p, s != NULL && s->added);
    must(p, p->leader && (p->online || p->policy.offline_is_attempt));
    must(p, a->send.token > p->token_last); /* no token twice */
    p->token_last = a->send.token;
    /* What is not cancelled is deleted there after a conflict alone, to start anew. */
    must(p, a->send.kind == RH_SEND_CANCEL ? s->cancelled || s->conflict : !s->cancelled);
    for (unsigned i = 0; i < FLIGHTS; i++) {
        struct flight *f = &p->flights[i];
        if (!f->used) {
            free_flight = f;
            continue;
        }
        if (strcmp(f->action.upload, a->upload) != 0)
            continue;
        must(p, a->send.kind == RH_SEND_PART && f->action.send.kind == RH_SEND_PART);
        parts++;
        struct rh_range x = f->action.send.range;
        struct rh_range y = a->send.range;
        must(p, x.offset + x.length <= y.offset || y.offset + y.length <= x.offset);
    }
    must(p, parts <= p->policy.parts_parallel && free_flight != NULL);
    if (a->send.kind == RH_SEND_PART) {
        struct rh_range r = a->send.range;
        must(p, r.offset + r.length <= s->spooled);
        for (uint64_t i = r.offset; i < r.offset + r.length; i++)
            must(p, !s->let_go[i]);
    }
    *free_flight = (struct flight){true, *a};
}

static void check_forget(struct play *p, const struct rh_action *a)
{
    struct subject *s = subject_of(p, a->upload);
    must(p, s != NULL);
    uint64_t from = a->forget.whole ? 0 : a->forget.range.offset;
    uint64_t to = a->forget.whole ? s->spooled : from + a->forget.range.length;
    must(p, to <= s->spooled);
    for (uint64_t i = from; i < to; i++) {
        must(p, s->cancelled || s->whole || s->promised[i]);
        s->let_go[i] = true;
    }
    must(p, !a->forget.whole || s->cancelled || s->whole);
}

static void check_notify(struct play *p, const struct rh_action *a)
{
    struct subject *s = subject_of(p, a->upload);
    enum rh_upload_state to = a->notify.state;
    must(p, s != NULL);
    if (s->shown && s->state == RH_UPLOAD_COMPLETED)
        must(p, to == RH_UPLOAD_COMPLETED);
    if (s->shown && s->state == RH_UPLOAD_CANCELLED)
        must(p, to == RH_UPLOAD_CANCELLED);
    if (s->shown && s->state == RH_UPLOAD_FAILED && !s->retried)
        must(p, to == RH_UPLOAD_FAILED || to == RH_UPLOAD_CANCELLED);
    must(p, (to == RH_UPLOAD_CANCELLED) == s->cancelled);
    must(p, !a->notify.proven || s->whole);
    must(p, (a->notify.fault == RH_FAULT_NONE || a->notify.fault == RH_FAULT_VALIDATION) ==
                !a->notify.fault_retryable);
    must(p, a->notify.sent_bytes >= a->notify.acked_bytes);
    s->conflict |= to == RH_UPLOAD_FAILED && a->notify.reason == RH_REASON_CONFLICT;
    s->shown = true;
    s->state = to;
    s->retried = false;
}

static void check(struct play *p, const struct rh_action *a)
{
    struct flight *f;
    switch (a->kind) {
    case RH_ACTION_SEND:
        check_send(p, a);
        break;
    case RH_ACTION_ABORT:
        f = flight_of(p, a->abort.token);
        must(p, f != NULL); /* it ends once, and only what flies is broken off */
        f->used = false;
        break;
    case RH_ACTION_WAKE_AT:
        must(p, a->wake_at.at_ms > p->now);
        break;
    case RH_ACTION_FORGET:
        check_forget(p, a);
        break;
    case RH_ACTION_NOTIFY:
        check_notify(p, a);
        break;
    case RH_ACTION_PERSIST:
        must(p, a->persist.bytes.size > 20 && a->persist.bytes.size <= RH_RECORD_MAX);
        break;
    case RH_ACTION_NOTIFY_QUEUE: {
        const struct rh_queue *q = &a->queue;
        must(p, q->total == q->pending + q->uploading + q->paused + q->completed + q->failed +
                                q->cancelled);
        break;
    }
    case RH_ACTION_ERASE_RECORD:
    case RH_ACTION_NEED_TOKEN:
        break;
    }
}

static enum rh_error tell(struct play *p, struct rh_event event)
{
    static struct rh_action action;
    event.now_ms = p->now;
    event.wall_ms = (int64_t)below(p, 1u << 31) * 1000; /* people set clocks */
    enum rh_error error = rh_engine_tell(p->engine, &event);
    for (unsigned n = 0; rh_engine_next(p->engine, &action); n++) {
        must(p, n < 100); /* no busy loop */
        check(p, &action);
    }
    return error;
}

/* ---- what happens ---- */

static void spool_more(struct play *p, struct subject *s)
{
    struct rh_event event = event_of(RH_EVENT_ADDED, s->id);
    if (s->removed)
        return;
    if (!s->added) {
        s->added = true;
        event.added.size = below(p, 3) == 0 ? SIZE : RH_SIZE_UNKNOWN;
    } else if (s->spooled < SIZE) {
        event.kind = RH_EVENT_SPOOLED;
        event.spooled.offset = s->spooled;
        event.spooled.length = 200 * (1 + below(p, 5));
        if (event.spooled.length > SIZE - s->spooled)
            event.spooled.length = SIZE - s->spooled;
        event.spooled.crc64 = pattern_crc(s->spooled, event.spooled.length);
        s->spooled += (uint32_t)event.spooled.length;
    } else {
        event.kind = RH_EVENT_SEALED;
        event.sealed.size = SIZE;
        event.sealed.crc64 = pattern_crc(0, SIZE);
        s->sealed = true;
    }
    (void)tell(p, event);
}

static void promise(struct subject *s, const struct rh_ack *ack)
{
    bool good = ack->crc_known && ack->kept && ack->durable &&
                ack->crc64 == pattern_crc(ack->offset, ack->length);
    for (uint64_t i = ack->offset; good && i < ack->offset + ack->length; i++)
        s->promised[i] = 1;
}

/* A range's ack with flaws now and then. */
static struct rh_ack ack_for(struct play *p, uint64_t offset, uint64_t length)
{
    return (struct rh_ack){
        offset,           length,           pattern_crc(offset, length) ^ (below(p, 8) == 0),
        below(p, 8) != 0, below(p, 8) != 0, below(p, 8) != 0};
}

static void fill_success(struct play *p, const struct rh_send *send, struct subject *s,
                         struct rh_response *r)
{
    snprintf(r->remote, sizeof r->remote, "R-%s", s->id);
    snprintf(r->generation, sizeof r->generation, "g%u", p->generation);
    r->remote_state = (enum rh_remote_state)(1 + below(p, below(p, 8) == 0 ? 5 : 1));
    if (send->kind == RH_SEND_PART && send->range.length > 0) {
        r->acks_count = 1;
        r->acks[0] = ack_for(p, send->range.offset, send->range.length);
    } else if (send->kind != RH_SEND_FINISH && send->kind != RH_SEND_CANCEL) {
        r->listed = below(p, 10) != 0;
        for (uint32_t at = 200 * below(p, 4); r->listed && at < s->spooled;
             at += 200 * (1 + below(p, 4))) {
            uint32_t length = s->spooled - at < 200 ? s->spooled - at : 200;
            r->acks[r->acks_count++] = ack_for(p, at, length);
        }
    }
    bool may_be_done = send->kind == RH_SEND_FINISH || below(p, 12) == 0;
    if (may_be_done && send->kind != RH_SEND_CANCEL && below(p, 3) > 0) {
        r->outcome = RH_OUTCOME_DONE;
        r->remote_state = RH_REMOTE_DONE;
        r->listed = false;
        r->acks_count = below(p, 3) > 0;
        r->acks[0] = ack_for(p, 0, SIZE);
    }
}

/* The engine learns of another generation with this answer: older promises are void. */
static void tell_success(struct play *p, struct rh_event *event, struct subject *s)
{
    static char known[16];
    const struct rh_response *r = &event->response;
    if (p->sends < 2)
        known[0] = 0;
    if (strcmp(known, r->generation) != 0)
        for (unsigned i = 0; i < UPLOADS; i++)
            memset(p->subjects[i].promised, 0, SIZE);
    strcpy(known, r->generation);
    for (uint32_t i = 0; i < r->acks_count; i++) {
        promise(s, &r->acks[i]);
        const struct rh_ack *a = &r->acks[i];
        if (r->outcome == RH_OUTCOME_DONE && a->crc_known && a->durable && a->length == SIZE &&
            a->crc64 == pattern_crc(0, SIZE))
            s->whole = true;
    }
    (void)tell(p, *event);
}

static void answer_one(struct play *p)
{
    struct flight *f = &p->flights[below(p, FLIGHTS)];
    for (unsigned i = 0; i < FLIGHTS && !f->used; i++)
        f = &p->flights[i];
    if (!f->used)
        return;
    struct rh_action a = f->action;
    struct subject *s = subject_of(p, a.upload);
    struct rh_event event = {.kind = RH_EVENT_PROGRESS};
    uint32_t dice = below(p, 10);
    if (dice < 2) {
        event.progress.token = a.send.token;
        event.progress.bytes = below(p, 2 * SIZE);
        (void)tell(p, event);
        return;
    }
    f->used = false;
    if (dice == 2) {
        event.kind = RH_EVENT_BROKEN;
        event.broken.token = a.send.token;
        event.broken.timeout = below(p, 2) == 0;
        (void)tell(p, event);
        (void)tell(p, event); /* once more, which is nobody's */
        return;
    }
    event.kind = RH_EVENT_RESPONSE;
    event.response.token = a.send.token;
    event.response.retry_after_ms = below(p, 4) == 0 ? below(p, 100000) : RH_MS_NEVER;
    event.response.codings = (uint8_t)below(p, 8);
    event.response.outcome = RH_OUTCOME_OK;
    if (dice < 5) {
        event.response.outcome = (enum rh_outcome)(3 + below(p, RH_OUTCOME_GONE_BARE - 2));
        event.response.status = (uint16_t)(400 + below(p, 120));
        if (event.response.outcome == RH_OUTCOME_STALE_WRITER)
            p->leader = false;
        (void)tell(p, event);
        return;
    }
    fill_success(p, &a.send, s, &event.response);
    tell_success(p, &event, s);
}

static void about_one(struct play *p)
{
    static const enum rh_event_kind kinds[] = {
        RH_EVENT_PAUSE, RH_EVENT_RESUME, RH_EVENT_RESUME,  RH_EVENT_CANCEL,  RH_EVENT_RETRY,
        RH_EVENT_RETRY, RH_EVENT_REMOVE, RH_EVENT_SAMPLED, RH_EVENT_PRIORITY};
    struct subject *s = &p->subjects[below(p, UPLOADS)];
    struct rh_event event = event_of(kinds[below(p, 9)], s->id);
    bool all = below(p, 5) == 0;
    bool known = s->added && !s->removed;
    if (event.kind == RH_EVENT_CANCEL && below(p, 4) != 0)
        return;
    if (event.kind == RH_EVENT_SAMPLED) {
        strcpy(event.sampled.mime, below(p, 2) ? "text/plain" : "video/webm");
        event.sampled.codings = 6;
        event.sampled.plain_bytes = 65536;
        event.sampled.coded_bytes = 20000;
        event.sampled.coder_bytes_s = 1u << 26;
    } else if (event.kind == RH_EVENT_PRIORITY) {
        event.priority.level = (enum rh_priority)below(p, 3);
    } else if (all && event.kind != RH_EVENT_CANCEL && event.kind != RH_EVENT_REMOVE) {
        event.upload[0] = 0;
    }
    bool possible = known && s->state != RH_UPLOAD_COMPLETED;
    if (event.kind == RH_EVENT_CANCEL && possible)
        s->cancelled = true;
    if (event.kind == RH_EVENT_RETRY)
        for (unsigned i = 0; i < UPLOADS; i++)
            p->subjects[i].retried |= event.upload[0] == 0 || s == &p->subjects[i];
    enum rh_error error = tell(p, event);
    if (event.kind == RH_EVENT_REMOVE && error == RH_OK) {
        s->removed = true;
        for (unsigned i = 0; i < FLIGHTS; i++) /* nothing of it flies on */
            must(p, !p->flights[i].used || strcmp(p->flights[i].action.upload, s->id) != 0);
    }
}

static void about_all(struct play *p)
{
    struct rh_event event = {.kind = RH_EVENT_WAKE};
    switch (below(p, 12)) {
    case 0:
    case 1:
        event.kind = RH_EVENT_NETWORK;
        event.network.up = p->online = below(p, 3) > 0;
        event.network.metered = below(p, 4) == 0;
        for (unsigned i = 0; i < UPLOADS; i++) /* parts set aside are tried again on reconnect */
            p->subjects[i].retried |= p->online;
        break;
    case 2:
        event.kind = RH_EVENT_LEADER_LOST;
        p->leader = false;
        break;
    case 3:
    case 4:
        event.kind = RH_EVENT_LEADER;
        p->leader = true;
        break;
    case 5:
        event.kind = RH_EVENT_LIMIT;
        event.limit.bytes_per_s = below(p, 2) * below(p, 5000);
        break;
    case 6:
        event.kind = below(p, 3) == 0 ? RH_EVENT_HOLD : RH_EVENT_RELEASE;
        break;
    case 7:
    case 8:
        event.kind = RH_EVENT_TOKEN;
        break;
    case 9:
        event.kind = RH_EVENT_STORAGE;
        event.storage.level = (enum rh_pressure)below(p, 3);
        break;
    case 10:
        event.kind = RH_EVENT_LEFT;
        event.left.ms = below(p, 3000);
        break;
    default:
        p->generation += below(p, 4) == 0;
        break;
    }
    (void)tell(p, event);
}

static void step(struct play *p)
{
    static const uint32_t pauses_ms[] = {0, 1, 100, 1000, 20000, 70000};
    p->now += below(p, pauses_ms[below(p, 6)] + 1);
    uint32_t dice = below(p, 20);
    if (dice < 5)
        spool_more(p, &p->subjects[below(p, UPLOADS)]);
    else if (dice < 13)
        answer_one(p);
    else if (dice < 15)
        about_one(p);
    else if (dice < 17)
        about_all(p);
    else
        (void)tell(p, (struct rh_event){.kind = RH_EVENT_WAKE});
}

/* An hour in which the server says 500 to everything: how much is asked of it? */
static void check_calm(struct play *p)
{
    p->online = p->leader = true;
    (void)tell(p, (struct rh_event){.kind = RH_EVENT_LEADER});
    (void)tell(p, (struct rh_event){.kind = RH_EVENT_NETWORK, .network = {.up = true}});
    uint64_t before = p->sends;
    for (unsigned second = 0; second < 3600; second++) {
        p->now += 1000;
        for (unsigned i = 0; i < FLIGHTS; i++) {
            if (!p->flights[i].used)
                continue;
            p->flights[i].used = false;
            struct rh_event event = {.kind = RH_EVENT_RESPONSE};
            event.response.token = p->flights[i].action.send.token;
            event.response.outcome = RH_OUTCOME_RETRY;
            event.response.status = 500;
            event.response.retry_after_ms = RH_MS_NEVER;
            (void)tell(p, event);
        }
        (void)tell(p, (struct rh_event){.kind = RH_EVENT_WAKE});
    }
    must(p, p->sends - before < 1500);
}

static void one(uint64_t seed)
{
    static const struct rh_limits small = {
        .uploads_max = UPLOADS, .segments_max = 64, .intervals_max = 128, .parts_max = 12};
    static struct play play;
    struct play *p = &play;
    memset(p, 0, sizeof *p);
    rh_rng_init(&p->rng, seed);
    p->seed = seed;
    p->policy = rh_policies[below(p, rh_policies_count)];
    p->policy.traits &= ~RH_TRAIT_FIXED_PARTS;
    p->policy.steps_count = 0;
    p->policy.part_bytes = 1000;
    p->policy.part_bytes_min = 200;
    p->policy.keep = (enum rh_keep)below(p, 2);
    p->memory = malloc(rh_engine_size(&small));
    p->engine = rh_engine_init(p->memory, &small, &p->policy, seed);
    p->now = 1000;
    p->online = true;
    p->generation = 1;
    for (unsigned i = 0; i < UPLOADS; i++)
        snprintf(p->subjects[i].id, sizeof p->subjects[i].id, "u%u", i);
    p->leader = true;
    (void)tell(p, (struct rh_event){.kind = RH_EVENT_LEADER});
    for (unsigned n = 0; n < 1500; n++)
        step(p);
    if (seed % 8 == 0)
        check_calm(p);
    free(p->memory);
}

static void anything_may_happen_at_any_moment(void **state)
{
    (void)state;
    const char *only = getenv("ANYTIME_SEED");
    const char *many = getenv("ANYTIME_SEEDS");
    uint64_t count = many != NULL ? strtoull(many, NULL, 10) : 150;
    if (only != NULL) {
        one(strtoull(only, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= count; seed++)
        one(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(anything_may_happen_at_any_moment),
    };
    return cmocka_run_group_tests_name("anytime", tests, NULL, NULL);
}
