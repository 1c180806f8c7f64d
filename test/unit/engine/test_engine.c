/* SPDX-License-Identifier: MIT */
#include "bench.h"

#define MIB 1048576u

static void absurd_limits_are_refused(void **state)
{
    (void)state;
    struct rh_limits l = rh_limits_default;
    assert_true(rh_engine_size(&l) > 0);
    l.parts_max = 0;
    assert_int_equal(rh_engine_size(&l), 0);
    l.parts_max = UINT32_MAX;
    assert_int_equal(rh_engine_size(&l), 0);
}

static void bad_events_change_nothing(void **state)
{
    (void)state;
    struct bench *b = bench_new("live");
    static const char *const ids[] = {"", "a b", "a\"", "a\\", "a\n", "\xc3\xa9"};
    for (unsigned i = 0; i < 6; i++) {
        struct rh_event event = event_of(RH_EVENT_ADDED, ids[i]);
        event.added.size = 1;
        assert_int_equal(bench_try(b, event), RH_ERR_SYNTAX);
    }
    struct rh_event event = event_of(RH_EVENT_ADDED, "");
    memset(event.upload, 'x', sizeof event.upload); /* no NUL at all */
    assert_int_equal(bench_try(b, event), RH_ERR_SYNTAX);
    assert_int_equal(bench_try(b, event_of(RH_EVENT_CANCEL, "nobody")), RH_ERR_UNKNOWN);
    assert_int_equal(bench_try(b, event_of((enum rh_event_kind)99, "")), RH_ERR_SYNTAX);
    tell_added(b, "a");
    tell_spooled(b, "a", 0, 10);
    event = event_of(RH_EVENT_SPOOLED, "a");
    event.spooled.offset = 5;
    event.spooled.length = 10;
    assert_int_equal(bench_try(b, event), RH_ERR_RANGE);
    tell_spooled(b, "a", 0, 10); /* told twice is fine */
    event = event_of(RH_EVENT_SEALED, "a");
    event.sealed.size = 9;
    assert_int_equal(bench_try(b, event), RH_ERR_RANGE);
    event.sealed.size = 10;
    event.sealed.crc64 = 1;
    assert_int_equal(bench_try(b, event), RH_ERR_CHECKSUM);
    assert_int_equal(bench_try(b, event_of(RH_EVENT_REMOVE, "a")), RH_ERR_STATE);
    tell_sealed(b, "a", 10);
    tell_sealed(b, "a", 10);
    bench_free(b);
}

static void answers_that_nobody_waits_for_are_ignored(void **state)
{
    (void)state;
    struct bench *b = bench_new("live");
    tell_added(b, "a");
    struct rh_action stray = *find_send(b, 0);
    answer_create(b, &stray, "R");
    answer_create(b, &stray, "OTHER");
    tell_broken(b, stray.send.token);
    tell_broken(b, 4711);
    tell_progress(b, 4711, 5);
    tell_spooled(b, "a", 0, 10);
    assert_string_equal(find_send(b, 0)->send.remote, "R");
    bench_free(b);
}

static void a_take_over_asks_even_when_nothing_was_in_flight(void **state)
{
    (void)state;
    struct bench *b = bench_new("live");
    tell_added(b, "a");
    answer_create(b, find_send(b, 0), "R");
    tell_spooled(b, "a", 0, 10);
    answer_part(b, find_send(b, 0));
    tell_kind(b, RH_EVENT_LEADER_LOST, "");
    assert_null(find_send(b, 0));
    tell_kind(b, RH_EVENT_LEADER, "");
    assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_ASK);
    bench_free(b);
}

static void finishing_is_not_done(void **state)
{
    (void)state;
    struct bench *b = bench_new("sequential");
    start(b, "a", 1000, 1000);
    answer_part(b, find_send(b, 0));
    for (unsigned i = 0; i < 3; i++) {
        const struct rh_action *send = find_send(b, 0);
        assert_int_equal(send->send.kind, i == 0 ? RH_SEND_FINISH : RH_SEND_ASK);
        struct rh_event event = {.kind = RH_EVENT_RESPONSE};
        event.response.token = send->send.token;
        event.response.outcome = RH_OUTCOME_OK;
        event.response.remote_state = RH_REMOTE_FINISHING;
        event.response.retry_after_ms = RH_MS_NEVER;
        bench_tell(b, event);
        assert_int_not_equal(look(b, "a").state, RH_UPLOAD_COMPLETED);
        assert_null(find_send(b, 0));
        assert_true(bench_until_send(b, 2000));
    }
    answer_done(b, find_send(b, 0), 1000);
    expect_state(b, "a", RH_UPLOAD_COMPLETED, RH_REASON_NONE);
    bench_free(b);
}

static void the_oldest_completed_gives_way(void **state)
{
    (void)state;
    struct rh_limits l = rh_limits_default;
    l.uploads_max = 2;
    struct bench *b = bench_of(rh_policy_find(rh_bytes_of("live")), &l);
    tell_kind(b, RH_EVENT_LEADER, "");
    start(b, "a", 10, 10);
    answer_done(b, find_send(b, 0), 10);
    start(b, "b", 10, 10);
    tell_added(b, "c");
    assert_non_null(find_action(b, RH_ACTION_ERASE_RECORD, "a"));
    struct rh_event event = event_of(RH_EVENT_ADDED, "d");
    event.added.size = RH_SIZE_UNKNOWN;
    assert_int_equal(bench_try(b, event), RH_ERR_LIMIT);
    bench_free(b);
}

static void short_pools_cost_detail_not_bytes(void **state)
{
    (void)state;
    struct rh_limits l = {.uploads_max = 2, .segments_max = 8, .intervals_max = 8, .parts_max = 4};
    struct bench *b = bench_of(rh_policy_find(rh_bytes_of("never-give-up")), &l);
    tell_kind(b, RH_EVENT_LEADER, "");
    start(b, "a", 100000, 1000); /* a hundred segments into eight */
    while (find_send(b, 0)->send.kind == RH_SEND_PART) {
        const struct rh_action *send = find_send(b, 0);
        if (send->send.final)
            answer_done(b, send, 100000);
        else
            answer_part(b, send);
        if (find_send(b, 0) == NULL)
            break;
    }
    assert_true(look(b, "a").proven);
    bench_free(b);
}

static void speed_and_time_remaining_are_never_wild(void **state)
{
    (void)state;
    struct bench *b = bench_new("sequential");
    start(b, "a", 100 * MIB, MIB);
    /* 1 MiB a second, told ten times a second, in bursts of every kind */
    for (unsigned i = 0; i < 60; i++) {
        const struct rh_action send = *find_send(b, 0);
        for (unsigned n = 1; n <= 10; n++) {
            b->now += 100;
            uint64_t bytes = n % 3 == 0 ? n : n - 1;
            tell_progress(b, send.send.token, bytes * MIB / 10);
            struct rh_snapshot s = look(b, "a");
            assert_true(s.sent_bytes >= s.acked_bytes && s.sent_bytes <= s.total_bytes);
            if (i == 0 && n < 9)
                assert_int_equal(s.remaining_ms, RH_MS_NEVER); /* too early to say */
            if (i >= 3) {
                rh_ms truth = (s.total_bytes - s.sent_bytes) * 1000 / MIB;
                assert_in_range(s.remaining_ms, truth * 6 / 10, truth * 18 / 10 + 1000);
                assert_in_range(s.speed_bytes_s, MIB * 5 / 10, MIB * 17 / 10);
            }
        }
        answer_part(b, &send);
        assert_non_null(find_send(b, 0));
    }
    bench_free(b);
}

static void progress_is_told_at_most_four_times_a_second(void **state)
{
    (void)state;
    struct bench *b = bench_new("sequential");
    start(b, "a", MIB, MIB);
    uint32_t token = find_send(b, 0)->send.token;
    unsigned told = 0;
    for (unsigned i = 1; i <= 1000; i++) {
        b->now += 10;
        tell_progress(b, token, i * 100);
        told += count_kind(b, RH_ACTION_NOTIFY);
    }
    assert_in_range(told, 20, 41); /* ten seconds */
    bench_free(b);
}

static void nothing_happens_without_an_event(void **state)
{
    (void)state;
    struct bench *b = bench_new("live");
    start(b, "a", 3 * MIB, MIB);
    bench_drain(b);
    assert_int_equal(b->count, 0);
    answer(b, &(struct rh_action){.kind = RH_ACTION_SEND, .send = {.token = 2}}, RH_OUTCOME_RETRY,
           RH_MS_NEVER);
    bench_drain(b);
    assert_int_equal(b->count, 0);
    /* Waking again and again in the same millisecond brings nothing but the wake itself. */
    for (unsigned i = 0; i < 100; i++) {
        tell_kind(b, RH_EVENT_WAKE, "");
        assert_int_equal(count_kind(b, RH_ACTION_SEND), 0);
        assert_true(b->count <= 1);
    }
    bench_free(b);
}

static void pressure_frees_what_receipts_cover(void **state)
{
    (void)state;
    struct bench *b = bench_new("never-give-up");
    start(b, "a", 3 * MIB, MIB);
    answer_part(b, find_send(b, 0));
    assert_int_equal(count_kind(b, RH_ACTION_FORGET), 0); /* the whole is not proven */
    struct rh_event event = event_of(RH_EVENT_STORAGE, "");
    event.storage.level = RH_PRESSURE_CRITICAL;
    bench_tell(b, event);
    assert_int_equal(find_action(b, RH_ACTION_FORGET, "a")->forget.range.length, MIB);
    bench_free(b);
}

static void the_last_moments_persist_and_begin_nothing(void **state)
{
    (void)state;
    struct bench *b = bench_new("sequential");
    start(b, "a", 3 * MIB, MIB);
    struct rh_event event = event_of(RH_EVENT_LEFT, "");
    event.left.ms = 40; /* not enough for anything */
    answer_part(b, find_send(b, 0));
    uint32_t token = find_send(b, 0)->send.token;
    bench_tell(b, event);
    assert_non_null(find_action(b, RH_ACTION_PERSIST, "a"));
    answer_part(b, &(struct rh_action){
                       .kind = RH_ACTION_SEND,
                       .send = {.token = token, .kind = RH_SEND_PART, .range = {MIB, MIB}}});
    assert_null(find_send(b, 0));
    assert_true(bench_until_send(b, 41)); /* it lived on */
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absurd_limits_are_refused),
        cmocka_unit_test(bad_events_change_nothing),
        cmocka_unit_test(answers_that_nobody_waits_for_are_ignored),
        cmocka_unit_test(a_take_over_asks_even_when_nothing_was_in_flight),
        cmocka_unit_test(finishing_is_not_done),
        cmocka_unit_test(the_oldest_completed_gives_way),
        cmocka_unit_test(short_pools_cost_detail_not_bytes),
        cmocka_unit_test(speed_and_time_remaining_are_never_wild),
        cmocka_unit_test(progress_is_told_at_most_four_times_a_second),
        cmocka_unit_test(nothing_happens_without_an_event),
        cmocka_unit_test(pressure_frees_what_receipts_cover),
        cmocka_unit_test(the_last_moments_persist_and_begin_nothing),
    };
    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
