/* SPDX-License-Identifier: MIT */
#include "bench.h"

#define KIB 1024u
#define MIB (1024u * KIB)

static void live_sends_each_slice_and_two_at_once(void **state)
{
    (void)state;
    struct bench *b = bench_new("live");
    tell_added(b, "a");
    answer_create(b, find_send(b, 0), "R");
    tell_spooled(b, "a", 0, 100 * KIB);
    assert_int_equal(find_send(b, 0)->send.range.length, 100 * KIB);
    uint32_t first = find_send(b, 0)->send.token;
    tell_spooled(b, "a", 100 * KIB, 100 * KIB);
    assert_int_equal(find_send(b, 0)->send.range.offset, 100 * KIB);
    tell_spooled(b, "a", 200 * KIB, 100 * KIB);
    tell_spooled(b, "a", 300 * KIB, 100 * KIB);
    assert_null(find_send(b, 0)); /* two are in flight */
    /* When one comes back, what gathered meanwhile goes as one part. */
    struct rh_action done = {.kind = RH_ACTION_SEND};
    done.send.token = first;
    done.send.kind = RH_SEND_PART;
    done.send.range = (struct rh_range){0, 100 * KIB};
    answer_part(b, &done);
    assert_int_equal(find_send(b, 0)->send.range.offset, 200 * KIB);
    assert_int_equal(find_send(b, 0)->send.range.length, 200 * KIB);
    assert_true(find_send(b, 0)->send.crc_known);
    assert_true(find_send(b, 0)->send.crc64 == pattern_crc(200 * KIB, 200 * KIB));
    assert_false(find_send(b, 0)->send.final);
    bench_free(b);
}

static void a_growing_upload_waits_for_a_full_part_but_not_for_ever(void **state)
{
    (void)state;
    struct bench *b = bench_new("never-give-up");
    tell_added(b, "a");
    answer_create(b, find_send(b, 0), "R");
    tell_spooled(b, "a", 0, 100 * KIB);
    assert_null(find_send(b, 0));
    rh_ms from = b->now;
    assert_true(bench_until_send(b, 10000));
    assert_int_equal(b->now - from, 4000);
    assert_int_equal(find_send(b, 0)->send.range.length, 100 * KIB);
    answer_part(b, find_send(b, 0));
    tell_spooled(b, "a", 100 * KIB, 600 * KIB);
    assert_null(find_send(b, 0));
    tell_spooled(b, "a", 700 * KIB, 600 * KIB);
    assert_int_equal(find_send(b, 0)->send.range.length, 600 * KIB); /* whole segments */
    bench_free(b);
}

static void the_seal_ends_the_waiting_and_the_last_part_says_so(void **state)
{
    (void)state;
    struct bench *b = bench_new("never-give-up");
    tell_added(b, "a");
    answer_create(b, find_send(b, 0), "R");
    tell_spooled(b, "a", 0, 100);
    tell_sealed(b, "a", 100);
    const struct rh_send *send = &find_send(b, 0)->send;
    assert_true(send->final);
    assert_int_equal(send->total, 100);
    answer_done(b, find_send(b, 0), 100);
    expect_state(b, "a", RH_UPLOAD_COMPLETED, RH_REASON_NONE);
    assert_null(find_send(b, 0)); /* the server completed by itself */
    assert_true(find_action(b, RH_ACTION_FORGET, "a")->forget.whole);
    bench_free(b);
}

static void the_sender_sends_the_rest(void **state)
{
    (void)state;
    struct bench *b = bench_new("sequential");
    start(b, "a", 10000, 1000);
    /* Broken after much had left: ask, then the holes alone. */
    tell_progress(b, find_send(b, 0)->send.token, 70000);
    tell_broken(b, 2);
    assert_true(bench_until_send(b, 5000));
    const struct rh_action *send = find_send(b, 0);
    if (send->send.kind == RH_SEND_PART) { /* 10 000 bytes are below the smallest part: no ask */
        assert_int_equal(send->send.range.offset, 0);
        tell_kind(b, RH_EVENT_LEADER_LOST, "");
        tell_kind(b, RH_EVENT_LEADER, "");
        assert_true(find_send(b, 0) != NULL || bench_until_send(b, 1000));
        send = find_send(b, 0);
    }
    assert_int_equal(send->send.kind, RH_SEND_ASK);
    static const uint64_t have[] = {0, 2500, 4000, 1000, 9000, 1000};
    answer_list(b, send, 3, have);
    send = find_send(b, 0);
    assert_int_equal(send->send.range.offset, 2500);
    assert_int_equal(send->send.range.length, 1500);
    assert_false(send->send.crc_known);
    answer_part(b, send);
    send = find_send(b, 0);
    assert_int_equal(send->send.range.offset, 5000);
    assert_int_equal(send->send.range.length, 4000);
    assert_false(send->send.final);
    answer_part(b, send);
    /* All is there and it is not done: now it is told to finish, with the checksum of the whole. */
    send = find_send(b, 0);
    assert_int_equal(send->send.kind, RH_SEND_FINISH);
    assert_true(send->send.crc_known);
    assert_true(send->send.crc64 == pattern_crc(0, 10000));
    bench_free(b);
}

static void parts_shrink_on_a_poor_link_and_grow_back(void **state)
{
    (void)state;
    struct bench *b = bench_new("never-give-up");
    b->policy.parts_parallel = 1;
    struct bench *c = bench_of(&b->policy, &rh_limits_default);
    bench_free(b);
    tell_kind(c, RH_EVENT_LEADER, "");
    start(c, "a", 64 * MIB, 256 * KIB);
    uint64_t length = 0;
    uint64_t end = 0;
    for (unsigned i = 0; i < 12; i++) {
        const struct rh_action *send = find_send(c, 0);
        if (send->send.kind == RH_SEND_ASK) {
            answer_list(c, send, 0, NULL);
            send = find_send(c, 0);
        }
        length = send->send.range.length;
        c->now += 3000;
        tell_broken(c, send->send.token);
        assert_true(bench_until_send(c, 400000));
    }
    assert_int_equal(length, 64 * KIB);
    for (unsigned i = 0; i < 40; i++) {
        const struct rh_action *send = find_send(c, 0);
        if (send->send.kind == RH_SEND_ASK) {
            static const uint64_t none[2];
            answer_list(c, send, 0, none);
            send = find_send(c, 0);
        }
        assert_int_equal(send->send.range.offset, end);
        length = send->send.range.length;
        end += length;
        answer_part(c, send);
    }
    assert_int_equal(length, MIB);
    bench_free(c);
}

/* The server of the next test: which KiB it has. */
static void answer_from_map(struct bench *b, const struct rh_action *ask, const bool *map)
{
    uint64_t pairs[2 * RH_RANGES_MAX];
    unsigned count = 0;
    for (unsigned at = 0; at < 4096; at++) {
        if (!map[at])
            continue;
        if (count == 0 || pairs[2 * count - 2] + pairs[2 * count - 1] != (uint64_t)at * KIB) {
            assert_true(count < RH_RANGES_MAX);
            pairs[2 * count++] = (uint64_t)at * KIB;
            pairs[2 * count - 1] = 0;
        }
        pairs[2 * count - 1] += KIB;
    }
    answer_list(b, ask, count, pairs);
}

/*
 * A link that is cut after each 64 KiB, and a server that keeps no prefix of what broke: the worst
 * that must still progress.
 */
static void cuts_every_64_kib_still_progress(void **state)
{
    (void)state;
    static const char *const policies[] = {"never-give-up", "live", "patient"};
    for (unsigned p = 0; p < 3; p++) {
        struct rh_policy policy = *rh_policy_find(rh_bytes_of(policies[p]));
        policy.parts_parallel = 1;
        struct bench *b = bench_of(&policy, &rh_limits_default);
        tell_kind(b, RH_EVENT_LEADER, "");
        start(b, "a", 4 * MIB, 300 * KIB);
        bool map[4096] = {false};
        unsigned tries = 0;
        while (look(b, "a").state != RH_UPLOAD_COMPLETED) {
            assert_true(++tries < 400);
            if (find_send(b, 0) == NULL)
                assert_true(bench_until_send(b, 400000));
            const struct rh_action a = *find_send(b, 0);
            if (a.send.kind == RH_SEND_ASK) {
                answer_from_map(b, &a, map);
            } else if (a.send.kind == RH_SEND_FINISH) {
                for (unsigned i = 0; i < 4096; i++)
                    assert_true(map[i]);
                answer_done(b, &a, 4 * MIB);
            } else if (a.send.range.length <= 64 * KIB) {
                memset(map + a.send.range.offset / KIB, 1, a.send.range.length / KIB);
                answer_part(b, &a);
            } else {
                b->now += 3000;
                tell_progress(b, a.send.token, 64 * KIB);
                tell_broken(b, a.send.token);
            }
        }
        bench_free(b);
    }
}

static void a_limit_spaces_parts_out(void **state)
{
    (void)state;
    struct bench *b = bench_new("sequential");
    struct rh_event limit = event_of(RH_EVENT_LIMIT, "");
    limit.limit.bytes_per_s = 100 * KIB;
    bench_tell(b, limit);
    rh_ms from = b->now;
    start(b, "a", MIB, 64 * KIB);
    uint64_t sent = 0;
    while (sent < MIB) {
        const struct rh_action *send = find_send(b, 0);
        sent += send->send.range.length;
        answer_part(b, send);
        if (sent < MIB && find_send(b, 0) == NULL)
            assert_true(bench_until_send(b, 5000));
    }
    /* The last part need not have been paid for. */
    assert_in_range(b->now - from, 9000, 10240);
    bench_free(b);
}

static void nothing_is_sent_before_leadership_while_held_or_paused(void **state)
{
    (void)state;
    const struct rh_policy *p = rh_policy_find(rh_bytes_of("live"));
    struct bench *b = bench_of(p, &rh_limits_default);
    tell_added(b, "a");
    assert_null(find_send(b, 0));
    expect_state(b, "a", RH_UPLOAD_PENDING, RH_REASON_NOT_LEADER);
    tell_kind(b, RH_EVENT_HOLD, "");
    tell_kind(b, RH_EVENT_LEADER, "");
    assert_null(find_send(b, 0));
    expect_state(b, "a", RH_UPLOAD_PAUSED, RH_REASON_HELD);
    tell_kind(b, RH_EVENT_PAUSE, "a");
    tell_kind(b, RH_EVENT_RELEASE, "");
    assert_null(find_send(b, 0));
    expect_state(b, "a", RH_UPLOAD_PAUSED, RH_REASON_USER);
    tell_network(b, false);
    tell_kind(b, RH_EVENT_RESUME, "");
    assert_null(find_send(b, 0));
    expect_state(b, "a", RH_UPLOAD_PAUSED, RH_REASON_OFFLINE);
    tell_network(b, true);
    assert_non_null(find_send(b, 0));
    bench_free(b);
}

static void completion_order_is_recording_order(void **state)
{
    (void)state;
    static const char *const ids[] = {"z", "a", "m", "b"};
    struct bench *b = bench_new("sequential");
    tell_kind(b, RH_EVENT_PAUSE, "");
    tell_network(b, true);
    tell_kind(b, RH_EVENT_LEADER_LOST, "");
    for (unsigned i = 0; i < 4; i++)
        tell_take(b, ids[i], 1000, 1000);
    tell_kind(b, RH_EVENT_LEADER, "");
    for (unsigned i = 0; i < 4; i++) {
        if (i > 0)
            assert_true(bench_until_send(b, 300));
        assert_string_equal(find_send(b, 0)->upload, ids[i]);
        answer_create(b, find_send(b, 0), "R");
        answer_done(b, find_send(b, 0), 1000);
        expect_state(b, ids[i], RH_UPLOAD_COMPLETED, RH_REASON_NONE);
    }
    bench_free(b);
}

static void an_empty_upload_is_finished_at_once(void **state)
{
    (void)state;
    struct bench *b = bench_new("sequential");
    start(b, "a", 0, 1);
    assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_FINISH);
    answer_done(b, find_send(b, 0), 0);
    expect_state(b, "a", RH_UPLOAD_COMPLETED, RH_REASON_NONE);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_sends_each_slice_and_two_at_once),
        cmocka_unit_test(a_growing_upload_waits_for_a_full_part_but_not_for_ever),
        cmocka_unit_test(the_seal_ends_the_waiting_and_the_last_part_says_so),
        cmocka_unit_test(the_sender_sends_the_rest),
        cmocka_unit_test(parts_shrink_on_a_poor_link_and_grow_back),
        cmocka_unit_test(cuts_every_64_kib_still_progress),
        cmocka_unit_test(a_limit_spaces_parts_out),
        cmocka_unit_test(nothing_is_sent_before_leadership_while_held_or_paused),
        cmocka_unit_test(completion_order_is_recording_order),
        cmocka_unit_test(an_empty_upload_is_finished_at_once),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
