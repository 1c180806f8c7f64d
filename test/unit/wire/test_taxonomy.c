/* SPDX-License-Identifier: MIT */
/*
 * Every HTTP status, with and without our error code, to every kind of request, under every policy:
 * what the sender does with it. The answer goes through the dialect into a real engine, so this is
 * the error table of mission 4.7 as a whole.
 */
#include "bench.h"
#include "reelhaul/wire.h"

#define HOUR_MS ((rh_ms)3600 * 1000)

/* What an answer amounts to. */
enum class {
    AGAIN,   /* after a delay, counted */
    BUSY,    /* the same, not before Retry-After */
    FOREIGN, /* not our server's word: after a delay, counted as being unreachable is */
    TOKEN,   /* when a fresh token is there */
    FULL,    /* after a while, and counted by those policies that count it */
    GONE,    /* from the start */
    REFUSED, /* never */
};

static enum class class_of(unsigned status, bool ours, enum rh_send_kind kind) {
    switch (status){
        case 401 : case 403 : return TOKEN; case 404 : case 410 : return ours ? GONE : FOREIGN;
        case 408 : case 425 : return AGAIN;
        case 429 : case 503 : return BUSY;
        case 507 : return FULL;
        case 511 : return FOREIGN;
        case 501 : return ours ? REFUSED : AGAIN;
        case 400 : case 411 : case 413 : case 414 : case 415 : case 431 : return REFUSED;
        default : break;
    }
(void)kind;
if (status >= 500 && status <= 599)
    return AGAIN;
if (status >= 400 && status <= 499)
    return ours ? REFUSED : FOREIGN;
return FOREIGN; /* 1xx, 3xx, and 2xx without what ours always says */
}

/* What is sent next, at once or after the gap between uploads. */
static struct rh_action await_send(struct bench *b)
{
    if (find_send(b, 0) == NULL)
        assert_true(bench_until_send(b, 1000));
    return *find_send(b, 0);
}

/* An engine of this policy with a request of this kind in flight. */
static struct bench *arrive(const struct rh_policy *policy, enum rh_send_kind kind,
                            struct rh_action *send)
{
    static const struct rh_limits small = {
        .uploads_max = 2, .segments_max = 16, .intervals_max = 16, .parts_max = 8};
    struct bench *b = bench_of(policy, &small);
    tell_kind(b, RH_EVENT_LEADER, "");
    if (kind == RH_SEND_CREATE) {
        tell_take(b, "a", 3000, 1000);
    } else {
        start(b, "a", 3000, 1000);
        if (kind == RH_SEND_FINISH) {
            answer_part(b, find_send(b, 0));
        } else if (kind == RH_SEND_ASK) {
            tell_kind(b, RH_EVENT_LEADER_LOST, "");
            tell_kind(b, RH_EVENT_LEADER, "");
        } else if (kind == RH_SEND_CANCEL) {
            tell_kind(b, RH_EVENT_CANCEL, "a");
        }
    }
    *send = await_send(b);
    assert_int_equal(send->send.kind, kind);
    return b;
}

static void reply_with(struct bench *b, const struct rh_action *send, unsigned status,
                       const char *code, const char *retry_after)
{
    static struct rh_wire_reply reply;
    static struct rh_event event;
    rh_wire_reply_init(&reply, &rh_wire_videos, &send->send, (uint16_t)status, (int64_t)b->now);
    if (code != NULL)
        rh_wire_reply_header(&reply, rh_bytes_of("Reelhaul-Error"), rh_bytes_of(code));
    if (retry_after != NULL)
        rh_wire_reply_header(&reply, rh_bytes_of("Retry-After"), rh_bytes_of(retry_after));
    rh_wire_reply_header(&reply, rh_bytes_of("Content-Type"), rh_bytes_of("text/html"));
    rh_wire_reply_finish(&reply, &event);
    bench_tell(b, event);
}

static enum rh_fault fault_for(enum class class, enum rh_send_kind kind)
{
    if (class == FOREIGN)
        return RH_FAULT_NETWORK;
    if (class == REFUSED)
        return RH_FAULT_VALIDATION;
    if (class == GONE && kind == RH_SEND_CREATE)
        return RH_FAULT_VALIDATION;
    if (kind == RH_SEND_PART)
        return RH_FAULT_CHUNK_UPLOAD;
    return kind == RH_SEND_FINISH ? RH_FAULT_UPLOAD_COMPLETE : RH_FAULT_UPLOAD_INIT;
}

/* The first delay of each policy, at the least. */
static rh_ms delay_of(const struct rh_policy *p)
{
    return p->backoff == RH_BACKOFF_TABLE   ? p->delays_ms[0]
           : p->backoff == RH_BACKOFF_POWER ? (rh_ms)p->delay_ms * 2
                                            : p->delay_ms;
}

struct trial {
    const struct rh_policy *policy;
    enum rh_send_kind kind;
    unsigned status;
    bool ours;
    enum class class;
};

static const char *code_of(const struct trial *t)
{
    return t->ours ? "something" : NULL;
}

static void note(const struct trial *t)
{
    print_error("policy %s, request %d, status %u%s, class %d\n", t->policy->name, (int)t->kind,
                t->status, t->ours ? " (ours)" : "", (int)t->class);
}

#define check(t, condition)                                                                        \
    do {                                                                                           \
        if (!(condition))                                                                          \
            note(t);                                                                               \
        assert_true(condition);                                                                    \
    } while (0)

static void check_shown(const struct trial *t, struct bench *b)
{
    struct rh_snapshot s = look(b, "a");
    check(t, s.status == t->status);
    check(t, s.fault == fault_for(t->class, t->kind));
    check(t, s.fault_retryable == (s.fault != RH_FAULT_VALIDATION));
    check(t, (s.fault_part == 1) == (t->kind == RH_SEND_PART));
    switch (t->class) {
    case TOKEN:
        check(t, s.state == RH_UPLOAD_PAUSED && s.reason == RH_REASON_AUTH);
        break;
    case REFUSED:
        check(t, s.state == RH_UPLOAD_FAILED && s.reason == RH_REASON_REJECTED);
        break;
    case GONE:
        if (t->kind == RH_SEND_CREATE)
            check(t, s.state == RH_UPLOAD_FAILED && s.reason == RH_REASON_REJECTED);
        else
            check(t, s.state == RH_UPLOAD_UPLOADING || s.reason == RH_REASON_WAITING);
        break;
    case FULL:
        check(t, s.state == RH_UPLOAD_PAUSED || t->policy->quota_is_attempt);
        check(t, s.reason == RH_REASON_QUOTA || s.reason == RH_REASON_BACKOFF);
        break;
    case AGAIN:
    case BUSY:
    case FOREIGN:
        check(t, s.state == RH_UPLOAD_PENDING || s.state == RH_UPLOAD_PAUSED);
        check(t, s.retry_at_ms > b->now && s.retry_at_ms != RH_MS_NEVER);
        break;
    }
}

static void check_next(const struct trial *t, struct bench *b)
{
    rh_ms from = b->now;
    switch (t->class) {
    case TOKEN:
        check(t, count_kind(b, RH_ACTION_NEED_TOKEN) == 1);
        check(t, !bench_until_send(b, 24 * HOUR_MS));
        tell_kind(b, RH_EVENT_TOKEN, "");
        (void)await_send(b);
        break;
    case REFUSED:
        check(t, !bench_until_send(b, 24 * HOUR_MS));
        break;
    case GONE:
        if (t->kind == RH_SEND_CREATE) {
            check(t, !bench_until_send(b, 24 * HOUR_MS));
            break;
        }
        check(t, await_send(b).send.kind == RH_SEND_CREATE);
        check(t, find_send(b, 0)->send.remote[0] == 0);
        break;
    case FULL:
        check(t, bench_until_send(b, HOUR_MS));
        check(t, b->now - from >= delay_of(t->policy));
        break;
    case AGAIN:
    case BUSY:
    case FOREIGN: {
        check(t, bench_until_send(b, HOUR_MS));
        check(t, b->now - from >= delay_of(t->policy));
        enum rh_send_kind kind = find_send(b, 0)->send.kind;
        check(t, kind == t->kind || kind == RH_SEND_ASK);
        break;
    }
    }
}

static void check_cancel(const struct trial *t, struct bench *b)
{
    check(t, look(b, "a").state == RH_UPLOAD_CANCELLED);
    bool erased = find_action(b, RH_ACTION_ERASE_RECORD, "a") != NULL;
    check(t, erased == (t->class == REFUSED || t->class == GONE));
    for (unsigned tries = 0; tries < 10 && !erased; tries++) {
        if (t->class == TOKEN)
            for (unsigned i = 0; i < 100 && count_kind(b, RH_ACTION_NEED_TOKEN) == 0; i++)
                bench_pass(b, 10000);
        if (t->class == TOKEN)
            tell_kind(b, RH_EVENT_TOKEN, "");
        if (find_send(b, 0) == NULL)
            check(t, bench_until_send(b, HOUR_MS));
        struct rh_action send = *find_send(b, 0);
        check(t, send.send.kind == RH_SEND_CANCEL);
        reply_with(b, &send, t->status, code_of(t), NULL);
        erased = find_action(b, RH_ACTION_ERASE_RECORD, "a") != NULL;
    }
    check(t, erased); /* a server that answers is not asked for ever */
}

static void try_one(const struct trial *t)
{
    struct rh_action send;
    struct bench *b = arrive(t->policy, t->kind, &send);
    reply_with(b, &send, t->status, code_of(t), NULL);
    if (t->kind == RH_SEND_CANCEL) {
        if (t->class != TOKEN)
            check_cancel(t, b);
        else
            check(t, count_kind(b, RH_ACTION_NEED_TOKEN) == 1);
    } else {
        check_shown(t, b);
        check_next(t, b);
    }
    bench_free(b);
}

static void every_status_to_every_request_under_every_policy(void **state)
{
    (void)state;
    unsigned count = 0;
    for (uint32_t p = 0; p < rh_policies_count; p++) {
        for (enum rh_send_kind kind = RH_SEND_CREATE; kind <= RH_SEND_CANCEL; kind++) {
            for (unsigned status = 100; status <= 599; status++) {
                if (status < 400 && status % 50 > 8)
                    continue; /* nothing below 400 is told apart but 2xx */
                if (kind == RH_SEND_CANCEL && status >= 200 && status <= 299)
                    continue; /* a DELETE needs no word of ours to be done */
                struct trial t = {&rh_policies[p], kind, status, false, AGAIN};
                t.class = class_of(status, false, kind);
                try_one(&t);
                count++;
                if (status < 400)
                    continue;
                t.ours = true;
                t.class = class_of(status, true, kind);
                try_one(&t);
                count++;
            }
        }
    }
    assert_true(count > 12000);
}

/* The same answer again and again: how often is it asked for, and how does it end? */
static unsigned ask_until_it_ends(struct bench *b, struct rh_action send, unsigned status,
                                  const char *code, unsigned sends_max)
{
    unsigned sends = 0;
    for (;;) {
        sends++;
        reply_with(b, &send, status, code, NULL);
        if (sends == sends_max)
            return sends;
        if (find_send(b, 0) == NULL && !bench_until_send(b, HOUR_MS))
            return sends;
        send = *find_send(b, 0);
        if (send.send.kind == RH_SEND_ASK && code == NULL && status == 500) {
            answer_list(b, &send, 0, NULL); /* what it asks between tries is answered */
            send = *find_send(b, 0);
        }
    }
}

static void attempts_follow_the_policy(void **state)
{
    (void)state;
    static const struct {
        const char *policy;
        enum rh_send_kind kind;
        unsigned sends; /* 100: it never ends */
        enum rh_reason reason;
    } table[] = {
        {"never-give-up", RH_SEND_CREATE, 100, RH_REASON_NONE},
        {"never-give-up", RH_SEND_PART, 100, RH_REASON_NONE},
        {"never-give-up", RH_SEND_FINISH, 100, RH_REASON_NONE},
        {"patient", RH_SEND_PART, 100, RH_REASON_NONE},
        {"sequential", RH_SEND_CREATE, 6, RH_REASON_ATTEMPTS},
        {"sequential", RH_SEND_PART, 6, RH_REASON_ATTEMPTS},
        {"sequential", RH_SEND_FINISH, 6, RH_REASON_ATTEMPTS},
        {"live", RH_SEND_CREATE, 100, RH_REASON_NONE},
        {"live", RH_SEND_PART, 12, RH_REASON_SET_ASIDE}, /* and once more before the end */
        {"form", RH_SEND_CREATE, 4, RH_REASON_ATTEMPTS},
        {"form", RH_SEND_PART, 4, RH_REASON_ATTEMPTS},
        {"bulk", RH_SEND_PART, 4, RH_REASON_ATTEMPTS},
    };
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct rh_action send;
        struct bench *b =
            arrive(rh_policy_find(rh_bytes_of(table[i].policy)), table[i].kind, &send);
        unsigned sends = ask_until_it_ends(b, send, 500, NULL, 100);
        if (sends != table[i].sends)
            print_error("%s, request %d: %u\n", table[i].policy, (int)table[i].kind, sends);
        assert_int_equal(sends, table[i].sends);
        struct rh_snapshot s = look(b, "a");
        if (sends < 100) {
            assert_int_equal(s.state, RH_UPLOAD_FAILED);
            assert_int_equal(s.reason, table[i].reason);
            assert_true(s.fault_retryable); /* by hand */
        }
        bench_free(b);
    }
}

/* A wrong address, a proxy's "not found": it backs off, asks by a create whether the upload is
 * still there, and never gives bytes up for it. */
static void a_foreign_not_found_never_loops_and_never_costs_bytes(void **state)
{
    (void)state;
    for (uint32_t p = 0; p < rh_policies_count; p++) {
        for (enum rh_send_kind kind = RH_SEND_CREATE; kind <= RH_SEND_FINISH; kind++) {
            struct rh_action send;
            struct bench *b = arrive(&rh_policies[p], kind, &send);
            rh_ms from = b->now;
            unsigned creates = 0;
            unsigned sends = 0;
            for (; sends < 40; sends++) {
                reply_with(b, &send, 404, NULL, NULL);
                assert_int_equal(count_kind(b, RH_ACTION_FORGET), 0);
                if (find_send(b, 0) == NULL && !bench_until_send(b, 2 * HOUR_MS))
                    break;
                send = *find_send(b, 0);
                creates += send.send.kind == RH_SEND_CREATE;
            }
            struct rh_snapshot s = look(b, "a");
            if (sends < 40) { /* it ended, with a reason, and can be tried again by hand */
                assert_int_equal(s.state, RH_UPLOAD_FAILED);
                assert_true(s.fault_retryable);
            } else {
                assert_true(b->now - from >= 40 * 1000);
                assert_true(kind == RH_SEND_CREATE || creates > 0);
            }
            assert_int_equal(s.fault, RH_FAULT_NETWORK);
            bench_free(b);
        }
    }
}

static void a_create_repeated_finds_the_upload_or_begins_anew(void **state)
{
    (void)state;
    for (unsigned lost = 0; lost < 2; lost++) {
        struct rh_action send;
        struct bench *b = arrive(rh_policy_find(rh_bytes_of("patient")), RH_SEND_PART, &send);
        for (unsigned tries = 0; send.send.kind != RH_SEND_CREATE; tries++) {
            assert_true(tries < 10);
            reply_with(b, &send, 404, NULL, NULL);
            assert_true(find_send(b, 0) != NULL || bench_until_send(b, HOUR_MS));
            send = *find_send(b, 0);
        }
        answer_create(b, &send, lost ? "R-other" : "R-a");
        send = *find_send(b, 0);
        assert_int_equal(send.send.kind, RH_SEND_PART);
        assert_string_equal(send.send.remote, lost ? "R-other" : "R-a");
        assert_int_equal(send.send.range.length, 3000);
        answer_done(b, &send, 3000);
        assert_true(look(b, "a").proven);
        bench_free(b);
    }
}

static void retry_after_is_kept_to_within_a_day(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        rh_ms least;
        rh_ms most;
    } table[] = {
        {"0", 1000, 70000},
        {"7000", 7000000, 7000000 + 70000},
        {"1000000000", 24 * HOUR_MS, 24 * HOUR_MS},
        {"99999999999999999999999", 1000, 24 * HOUR_MS},
        {"Thu, 01 Jan 1970 02:00:00 GMT", 6000000, 7200000}, /* the clock stands at 1000 s */
        {"Wed, 31 Dec 1969 02:00:00 GMT", 1000, 70000},
        {"soon", 1000, 70000},
    };
    for (uint32_t p = 0; p < rh_policies_count; p++) {
        for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
            struct rh_action send;
            struct bench *b = arrive(&rh_policies[p], RH_SEND_PART, &send);
            rh_ms from = b->now;
            reply_with(b, &send, 503, "overloaded", table[i].text);
            assert_true(bench_until_send(b, 25 * HOUR_MS));
            if (b->now - from < table[i].least || b->now - from > table[i].most)
                print_error("%s, %s: %llu\n", rh_policies[p].name, table[i].text,
                            (unsigned long long)(b->now - from));
            assert_true(b->now - from >= table[i].least);
            assert_true(b->now - from <= table[i].most);
            bench_free(b);
        }
    }
}

static void refused_tokens_are_not_spun_on(void **state)
{
    (void)state;
    for (uint32_t p = 0; p < rh_policies_count; p++) {
        struct rh_action send;
        struct bench *b = arrive(&rh_policies[p], RH_SEND_PART, &send);
        rh_ms from = b->now;
        for (unsigned i = 0; i < 12;
             i++) { /* a shell that always has a token, and always a bad one */
            reply_with(b, &send, 401, "unauthorized", NULL);
            for (unsigned k = 0; count_kind(b, RH_ACTION_NEED_TOKEN) == 0; k++) {
                assert_true(k < 10000);
                bench_pass(b, 500);
            }
            tell_kind(b, RH_EVENT_TOKEN, "");
            send = await_send(b);
        }
        assert_true(b->now - from >= 11 * 1000);
        assert_int_equal(look(b, "a").attempts, 0);
        bench_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_to_every_request_under_every_policy),
        cmocka_unit_test(attempts_follow_the_policy),
        cmocka_unit_test(a_foreign_not_found_never_loops_and_never_costs_bytes),
        cmocka_unit_test(a_create_repeated_finds_the_upload_or_begins_anew),
        cmocka_unit_test(retry_after_is_kept_to_within_a_day),
        cmocka_unit_test(refused_tokens_are_not_spun_on),
    };
    return cmocka_run_group_tests_name("taxonomy", tests, NULL, NULL);
}
