/* SPDX-License-Identifier: MIT */
/* Policies that no document asks for, little time, and what is forgotten. */
#include "corners.h"

/* ---- odd policies ---- */

static void parts_never_grow_beyond_the_geometry(void **state)
{
    (void)state;
    /* part, least, what it is after two breaks, and after four good parts more */
    static const uint32_t table[][4] = {
        {1000, 5000, 1000, 1000}, {1000, 600, 600, 1000}, {1000, 100, 500, 1000}};
    for (unsigned i = 0; i < 3; i++) {
        struct rh_policy p = policy_of("patient", 0);
        p.part_bytes = table[i][0];
        p.part_bytes_min = table[i][1];
        p.probe = false;
        struct bench *b = bench_with(&p, 16);
        start(b, "a", 20000, 100);
        unsigned breaks = 0;
        unsigned parts = 0;
        for (unsigned n = 0; n < 40 && parts < 6; n++) {
            struct rh_action send = next_send(b);
            if (send.send.kind == RH_SEND_ASK) {
                answer_list(b, &send, 0, NULL);
            } else if (breaks < 2) {
                breaks++;
                tell_progress(b, send.send.token, 50);
                tell_broken(b, send.send.token);
            } else {
                parts++;
                if (parts <= 4)
                    assert_int_equal(send.send.range.length, table[i][2]);
                else
                    assert_int_equal(send.send.range.length, table[i][3]);
                answer_part(b, &send);
            }
        }
        assert_int_equal(parts, 6);
        bench_free(b);
    }
}

/* Counts of requests that are no parts start afresh where parts step aside, too. */
static void set_aside_without_retries_per_part_counts_like_it(void **state)
{
    (void)state;
    struct rh_policy p = policy_of("sequential", 0);
    p.set_aside = true;
    struct bench *b = bench_with(&p, 16);
    tell_take(b, "a", 1000, 1000);
    answer(b, find_send(b, 0), RH_OUTCOME_RETRY, RH_MS_NEVER);
    struct rh_action create = next_send(b);
    assert_int_equal(look(b, "a").attempts, 1);
    answer_create(b, &create, "R");
    assert_int_equal(look(b, "a").attempts, 0);
    bench_free(b);
}

static void without_a_spread_all_go_on_at_once(void **state)
{
    (void)state;
    for (uint32_t spread_ms = 0; spread_ms <= 60000; spread_ms += 60000) {
        struct rh_policy p = policy_of("never-give-up", 0);
        p.spread_ms = spread_ms;
        struct bench *b = bench_with(&p, 16);
        start(b, "a", 1000, 1000);
        struct rh_action first = *find_send(b, 0);
        start(b, "b", 1000, 1000);
        struct rh_action second = *find_send(b, 0);
        tell_broken(b, first.send.token);
        tell_broken(b, second.send.token);
        struct rh_action probe = next_send(b);
        if (probe.send.kind == RH_SEND_ASK)
            answer_list(b, &probe, 0, NULL);
        else
            answer_part(b, &probe);
        bool other = false;
        for (unsigned i = 0; find_send(b, i) != NULL; i++)
            other = other || strcmp(find_send(b, i)->upload, probe.upload) != 0;
        assert_int_equal(other, spread_ms == 0);
        bench_free(b);
    }
}

static void coded_without_a_sample_is_coded_all_the_same(void **state)
{
    (void)state;
    struct rh_policy p = policy_of("sequential", 1000);
    p.coding = RH_CODING_ALWAYS;
    struct bench *b = bench_with(&p, 16);
    struct rh_event sampled = event_of(RH_EVENT_SAMPLED, "a");
    sampled.sampled.codings = 1 << RH_CODING_GZIP;
    tell_take(b, "a", 3000, 1000);
    struct rh_action create = *find_send(b, 0);
    bench_tell(b, sampled);
    struct rh_event event = response_to(&create, RH_OUTCOME_OK);
    event.response.listed = true;
    event.response.codings = 1 << RH_CODING_GZIP;
    strcpy(event.response.remote, "R");
    bench_tell(b, event);
    for (unsigned i = 0; i < 2; i++) {
        struct rh_action part = *find_send(b, 0);
        assert_int_equal(part.send.coding, RH_CODING_GZIP);
        answer_part(b, &part);
    }
    bench_free(b);
}

static void a_growing_part_waits_as_long_as_the_policy_says(void **state)
{
    (void)state;
    static const uint32_t waits[] = {0, 4000, UINT32_MAX};
    for (unsigned i = 0; i < 3; i++) {
        struct rh_policy p = policy_of("never-give-up", 0);
        p.part_wait_ms = waits[i];
        struct bench *b = bench_with(&p, 16);
        tell_added(b, "a");
        answer_create(b, find_send(b, 0), "R");
        tell_spooled(b, "a", 0, 1000);
        rh_ms from = b->now;
        if (waits[i] == 0)
            assert_non_null(find_send(b, 0));
        else if (waits[i] == UINT32_MAX)
            assert_false(bench_until_send(b, 86400000));
        else
            assert_true(bench_until_send(b, 86400000) && b->now - from == waits[i]);
        bench_free(b);
    }
}

/* ---- time is short ---- */

static void little_time_begins_nothing_and_gives_nothing_up(void **state)
{
    (void)state;
    struct rh_policy p = policy_of("live", 1000);
    p.retries_max = 0;
    p.parts_parallel = 1;
    struct bench *b = bench_with(&p, 16);
    start(b, "a", 3000, 1000);
    struct rh_action first = *find_send(b, 0);
    struct rh_meter *uplink = &b->engine->uplink; /* a slow one */
    for (unsigned i = 0; i < 30; i++)
        rh_meter_add(uplink, b->now += 500, 500);
    assert_in_range(rh_meter_speed(uplink), 500, 2000);
    tell_left(b, 500);
    answer(b, &first, RH_OUTCOME_RETRY, RH_MS_NEVER); /* it steps aside; the others must wait */
    assert_null(find_send(b, 0));
    assert_int_equal(look(b, "a").set_aside, 1);
    bench_pass(b, 501); /* it lives on */
    assert_int_equal(find_send(b, 0)->send.range.offset, 1000);
    bench_free(b);
}

/* Two turns of the plan while time presses: who can end first, then the rest; a live upload that
 * has all the parts it may have keeps the others back in both. */
static void a_live_upload_keeps_others_back_while_time_presses(void **state)
{
    (void)state;
    struct rh_policy p = policy_of("live", 0);
    p.part_bytes = 2000;
    p.part_bytes_min = 65536;
    p.uploads_parallel = 2;
    p.share_min_percent = 0;
    struct bench *b = bench_with(&p, 16);
    tell_left(b, 60000);
    tell_kind(b, RH_EVENT_HOLD, "");
    tell_take(b, "old", 1000, 1000);
    tell_kind(b, RH_EVENT_HOLD, "");
    struct rh_event priority = event_of(RH_EVENT_PRIORITY, "live");
    priority.priority.level = RH_PRIORITY_LIVE;
    tell_added(b, "live");
    bench_tell(b, priority);
    for (uint64_t at = 0; at < 20000; at += 2000)
        tell_spooled(b, "live", at, 2000);
    tell_sealed(b, "live", 20000);
    tell_kind(b, RH_EVENT_RELEASE, "");
    unsigned lives = 0;
    for (unsigned i = 0; i < 40 && lives < 3; i++) {
        const struct rh_action *send = find_send(b, 0);
        if (send == NULL)
            break;
        struct rh_action copy = *send;
        if (strcmp(copy.upload, "live") == 0 && copy.send.kind == RH_SEND_PART) {
            assert_int_equal(count_kind(b, RH_ACTION_SEND), 2); /* both are the live one's */
            assert_string_equal(find_send(b, 1)->upload, "live");
            lives++;
            break;
        }
        answer_create(b, &copy, copy.upload);
    }
    assert_int_equal(lives, 1);
    bench_free(b);
}

/* ---- what is forgotten ---- */

/* What an earlier life freed lies between: two ranges, not one. */
static void ranges_apart_are_forgotten_apart(void **state)
{
    (void)state;
    struct rh_policy p = policy_of("live", 0);
    p.keep = RH_KEEP_UNTIL_RECEIPT;
    struct bench *b = bench_with(&p, 16);
    tell_kind(b, RH_EVENT_HOLD, "");
    tell_added(b, "a");
    tell_spooled(b, "a", 1000, 1000);
    tell_spooled(b, "a", 3000, 1000);
    tell_kind(b, RH_EVENT_RELEASE, "");
    struct rh_event event = response_to(find_send(b, 0), RH_OUTCOME_OK);
    event.response.listed = true;
    strcpy(event.response.remote, "R");
    event.response.acks_count = 4;
    for (uint64_t i = 0; i < 4; i++)
        event.response.acks[i] =
            (struct rh_ack){i * 1000, 1000, pattern_crc(i * 1000, 1000), true, true, true};
    bench_tell(b, event);
    uint64_t next = 1000;
    for (unsigned i = 0; i < b->count; i++) {
        if (b->actions[i].kind != RH_ACTION_FORGET)
            continue;
        assert_int_equal(b->actions[i].forget.range.offset, next);
        assert_int_equal(b->actions[i].forget.range.length, 1000);
        next += 2000;
    }
    assert_int_equal(next, 5000);
    struct rh_event method = event_of(RH_EVENT_METHOD, "a");
    strcpy(method.method.name, "form");
    assert_int_equal(bench_try(b, method), RH_ERR_STATE); /* it could not begin anew */
    bench_free(b);
}

/* Short pools join segments: one of which a part alone is safe is kept whole. */
static void a_segment_that_is_partly_safe_is_kept(void **state)
{
    (void)state;
    struct rh_limits l = rh_limits_default;
    l.segments_max = 2;
    struct bench *b = bench_of(rh_policy_find(rh_bytes_of("never-give-up")), &l);
    tell_kind(b, RH_EVENT_LEADER, "");
    tell_added(b, "a");
    answer_create(b, find_send(b, 0), "R");
    tell_spooled(b, "a", 0, 1000);
    struct rh_action part = next_send(b);
    answer_part(b, &part);
    tell_spooled(b, "a", 1000, 1000);
    tell_spooled(b, "a", 2000, 1000);
    struct rh_event event = event_of(RH_EVENT_STORAGE, "");
    event.storage.level = RH_PRESSURE_CRITICAL;
    bench_tell(b, event);
    assert_int_equal(count_kind(b, RH_ACTION_FORGET), 0);
    part = next_send(b);
    assert_int_equal(part.send.range.offset, 1000);
    bench_free(b);
}

static void a_list_clears_parts_that_stepped_aside(void **state)
{
    (void)state;
    struct rh_policy p = policy_of("live", 1000);
    p.retries_max = 0;
    struct bench *b = bench_with(&p, 16);
    tell_added(b, "a");
    answer_create(b, find_send(b, 0), "R");
    tell_spooled(b, "a", 0, 1000);
    answer(b, find_send(b, 0), RH_OUTCOME_RETRY, RH_MS_NEVER);
    assert_int_equal(look(b, "a").set_aside, 1);
    tell_kind(b, RH_EVENT_LEADER_LOST, "");
    tell_kind(b, RH_EVENT_LEADER, "");
    static const uint64_t have[] = {0, 1000};
    struct rh_action ask = *find_send(b, 0);
    answer_list(b, &ask, 1, have);
    assert_int_equal(look(b, "a").set_aside, 0);
    assert_int_equal(look(b, "a").acked_bytes, 1000);
    bench_free(b);
}

static void counters_that_wait_are_written_when_time_is_short(void **state)
{
    (void)state;
    struct rh_policy p = policy_of("sequential", 0);
    struct bench *b = bench_with(&p, 16);
    start(b, "a", 1000, 1000);
    struct rh_event left = event_of(RH_EVENT_LEFT, "");
    left.left.ms = 1000;
    left.now_ms = b->now;
    assert_int_equal(rh_engine_tell(b->engine, &left), RH_OK);
    assert_int_equal(rh_engine_tell(b->engine, &left), RH_OK); /* twice before anything is done */
    bench_drain(b);
    assert_non_null(find_action(b, RH_ACTION_PERSIST, ""));
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_never_grow_beyond_the_geometry),
        cmocka_unit_test(set_aside_without_retries_per_part_counts_like_it),
        cmocka_unit_test(without_a_spread_all_go_on_at_once),
        cmocka_unit_test(coded_without_a_sample_is_coded_all_the_same),
        cmocka_unit_test(a_growing_part_waits_as_long_as_the_policy_says),
        cmocka_unit_test(little_time_begins_nothing_and_gives_nothing_up),
        cmocka_unit_test(a_live_upload_keeps_others_back_while_time_presses),
        cmocka_unit_test(ranges_apart_are_forgotten_apart),
        cmocka_unit_test(a_segment_that_is_partly_safe_is_kept),
        cmocka_unit_test(a_list_clears_parts_that_stepped_aside),
        cmocka_unit_test(counters_that_wait_are_written_when_time_is_short),
    };
    return cmocka_run_group_tests_name("odd", tests, NULL, NULL);
}
