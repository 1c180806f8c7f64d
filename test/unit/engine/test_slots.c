/* SPDX-License-Identifier: MIT */
/* What happens when requests take every slot of parts_max: nobody may wait for ever. */
#include "bench.h"

#define PART    65536u
#define PARTS   12u
#define WAITING 64u

/* A server for two uploads, "a" and "b", that refuses parts of "a" as long as it is ill. */
struct server {
    struct bench *b;
    struct rh_action queue[WAITING];
    unsigned count;
    bool ill;
    bool rotten; /* ill: no part fits its checksum, of "b" neither */
    unsigned tries;
    bool held[2][PARTS];
};

static void collect(struct server *s)
{
    const struct rh_action *send;
    for (unsigned i = 0; (send = find_send(s->b, i)) != NULL; i++) {
        assert_true(s->count < WAITING);
        s->queue[s->count++] = *send;
    }
}

static void list(struct server *s, const struct rh_action *send, unsigned which)
{
    uint64_t pairs[2 * PARTS];
    unsigned count = 0;
    for (unsigned i = 0; i < PARTS; i++) {
        if (!s->held[which][i])
            continue;
        pairs[2 * count] = (uint64_t)i * PART;
        pairs[2 * count++ + 1] = PART;
    }
    answer_list(s->b, send, count, pairs);
}

static void serve_one(struct server *s)
{
    struct rh_action send = s->queue[0];
    unsigned which = send.upload[0] == 'b';
    memmove(&s->queue[0], &s->queue[1], --s->count * sizeof s->queue[0]);
    switch (send.send.kind) {
    case RH_SEND_CREATE:
        answer_create(s->b, &send, which == 0 ? "A" : "B");
        break;
    case RH_SEND_ASK:
        list(s, &send, which);
        break;
    case RH_SEND_PART:
        s->tries++;
        if (s->ill && s->rotten) {
            answer(s->b, &send, RH_OUTCOME_CHECKSUM_MISMATCH, RH_MS_NEVER);
            break;
        }
        assert_int_equal(send.send.range.length, PART);
        if (s->ill && which == 0) {
            answer(s->b, &send, RH_OUTCOME_RETRY, RH_MS_NEVER);
            break;
        }
        s->held[which][send.send.range.offset / PART] = true;
        answer_part(s->b, &send);
        break;
    default:
        answer_done(s->b, &send, PARTS * PART);
    }
    collect(s);
}

static void serve(struct server *s, rh_ms ms)
{
    rh_ms end = s->b->now + ms;
    while (s->b->now < end) {
        while (s->count > 0)
            serve_one(s);
        if (bench_until_send(s->b, 1000))
            collect(s);
    }
}

static void parts_set_aside_leave_room(void **state)
{
    (void)state;
    struct rh_policy policy = *rh_policy_find(rh_bytes_of("live"));
    const struct rh_limits limits = {
        .uploads_max = 4, .segments_max = 64, .intervals_max = 64, .parts_max = 4};
    policy.part_bytes = PART;
    struct server s = {.b = bench_of(&policy, &limits), .ill = true};
    tell_kind(s.b, RH_EVENT_LEADER, "");
    tell_take(s.b, "a", PARTS * PART, PART);
    collect(&s);
    serve(&s, 600000);
    /* "a" fails for now, as its policy says, and does not stand still with holes. */
    assert_int_equal(look(s.b, "a").state, RH_UPLOAD_FAILED);
    assert_int_equal(look(s.b, "a").reason, RH_REASON_SET_ASIDE);
    /* What it holds is not in the way of others. */
    tell_take(s.b, "b", PARTS * PART, PART);
    collect(&s);
    serve(&s, 60000);
    assert_int_equal(look(s.b, "b").state, RH_UPLOAD_COMPLETED);
    s.ill = false;
    tell_kind(s.b, RH_EVENT_RETRY, "a");
    collect(&s);
    serve(&s, 600000);
    assert_int_equal(look(s.b, "a").state, RH_UPLOAD_COMPLETED);
    bench_free(s.b);
}

/* Two uploads whose parts never fit their checksums, and too few slots for all that wait: they take
 * them from each other, but neither tries again at once, and both end. */
static void parts_that_give_way_are_not_tried_at_once(void **state)
{
    (void)state;
    static const char *const names[] = {"live", "never-give-up"};
    const struct rh_limits limits = {
        .uploads_max = 4, .segments_max = 64, .intervals_max = 64, .parts_max = 4};
    for (unsigned i = 0; i < 2; i++) {
        struct rh_policy policy = *rh_policy_find(rh_bytes_of(names[i]));
        policy.part_bytes = PART;
        policy.retry_parts = true;
        struct server s = {.b = bench_of(&policy, &limits), .ill = true, .rotten = true};
        tell_kind(s.b, RH_EVENT_LEADER, "");
        tell_take(s.b, "a", PARTS * PART, PART);
        collect(&s);
        tell_take(s.b, "b", PARTS * PART, PART);
        collect(&s);
        serve(&s, 10000);
        assert_in_range(s.tries, 10, 60);
        serve(&s, 4 * 3600 * 1000);
        assert_int_equal(look(s.b, "a").state, RH_UPLOAD_FAILED);
        assert_int_equal(look(s.b, "b").state, RH_UPLOAD_FAILED);
        assert_in_range(s.tries, 10, 70); /* 32 each, and what flew when it ended */
        bench_free(s.b);
    }
}

/* Numbered parts: the server hears that a video is empty by its one empty part. */
static void an_empty_video_of_numbered_parts_is_one_part(void **state)
{
    (void)state;
    struct bench *b = bench_new("form");
    tell_take(b, "a", 0, 1);
    answer_create(b, find_send(b, 0), "R");
    assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_PART);
    assert_int_equal(find_send(b, 0)->send.range.length, 0);
    /* Taken, but not done yet: it is asked after, not sent again at once. */
    answer(b, find_send(b, 0), RH_OUTCOME_OK, RH_MS_NEVER);
    assert_null(find_send(b, 0));
    assert_true(bench_until_send(b, 2000));
    assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_ASK);
    answer_done(b, find_send(b, 0), 0);
    expect_state(b, "a", RH_UPLOAD_COMPLETED, RH_REASON_NONE);
    bench_free(b);
}

/* Its empty part that failed takes its own slot again: none is left waiting beside it. */
static void an_empty_part_is_tried_again_and_again(void **state)
{
    (void)state;
    struct bench *b = bench_new("form");
    tell_take(b, "a", 0, 1);
    answer_create(b, find_send(b, 0), "R");
    for (unsigned i = 0; i < 3; i++) {
        assert_non_null(find_send(b, 0));
        assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_PART);
        answer(b, find_send(b, 0), RH_OUTCOME_RETRY, RH_MS_NEVER);
        assert_true(bench_until_send(b, 60000));
    }
    answer_done(b, find_send(b, 0), 0);
    expect_state(b, "a", RH_UPLOAD_COMPLETED, RH_REASON_NONE);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_set_aside_leave_room),
        cmocka_unit_test(parts_that_give_way_are_not_tried_at_once),
        cmocka_unit_test(an_empty_video_of_numbered_parts_is_one_part),
        cmocka_unit_test(an_empty_part_is_tried_again_and_again),
    };
    return cmocka_run_group_tests_name("slots", tests, NULL, NULL);
}
