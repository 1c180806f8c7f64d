/* SPDX-License-Identifier: MIT */
/* Uploads to servers with one cursor. test_storm does the same with faults of all kinds. */
#include "bench.h"

#define KIB 1024u
#define MIB (1024u * KIB)

static void tell_traits(struct bench *b, const char *upload, uint32_t traits)
{
    struct rh_event event = event_of(RH_EVENT_TRAITS, upload);
    event.traits.traits = traits;
    bench_tell(b, event);
}

static struct bench *of_policy(const char *name)
{
    struct bench *b = bench_of(rh_policy_find(rh_bytes_of(name)), &rh_limits_default);
    tell_added(b, "a");
    tell_traits(b, "a", RH_TRAIT_ONE_CURSOR);
    tell_kind(b, RH_EVENT_LEADER, "");
    return b;
}

static void parts_go_one_by_one_and_are_larger(void **state)
{
    (void)state;
    static const char *const names[] = {"never-give-up", "live", "patient", "bulk"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct bench *b = of_policy(names[i]);
        struct rh_action create = *find_send(b, 0);
        for (unsigned at = 0; at < 100; at++)
            tell_spooled(b, "a", (uint64_t)at * MIB, MIB);
        tell_sealed(b, "a", 100 * MIB);
        answer_create(b, &create, "R");
        assert_int_equal(count_kind(b, RH_ACTION_SEND), 1);
        struct rh_action part = *find_send(b, 0);
        uint64_t most = part.send.part_bytes;
        assert_true(most >= 16 * MIB);
        assert_int_equal(part.send.range.offset, 0);
        answer_part(b, &part);
        assert_int_equal(count_kind(b, RH_ACTION_SEND), 1);
        assert_int_equal(find_send(b, 0)->send.range.offset, part.send.range.length);
        bench_free(b);
    }
}

static void a_part_that_failed_is_asked_about(void **state)
{
    (void)state;
    static const enum rh_outcome failures[] = {
        RH_OUTCOME_RETRY,        RH_OUTCOME_TOO_BUSY,
        RH_OUTCOME_SUPERSEDED,   RH_OUTCOME_CHECKSUM_MISMATCH,
        RH_OUTCOME_STORAGE_FULL, RH_OUTCOME_MALFORMED};
    static const char *const names[] = {"never-give-up", "live"};
    for (unsigned i = 0; i < 2 * sizeof failures / sizeof failures[0]; i++) {
        struct bench *b = of_policy(names[i % 2]);
        struct rh_action create = *find_send(b, 0);
        tell_spooled(b, "a", 0, 300 * KIB);
        tell_spooled(b, "a", 300 * KIB, 300 * KIB);
        tell_sealed(b, "a", 600 * KIB);
        answer_create(b, &create, "R");
        struct rh_action part = *find_send(b, 0);
        answer(b, &part, failures[i / 2], RH_MS_NEVER);
        assert_true(find_send(b, 0) != NULL || bench_until_send(b, 600000));
        struct rh_action ask = *find_send(b, 0);
        assert_int_equal(ask.send.kind, RH_SEND_ASK);
        answer_list(b, &ask, 1, (uint64_t[]){0, 100001});
        assert_true(find_send(b, 0) != NULL || bench_until_send(b, 600000));
        assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_PART);
        assert_int_equal(find_send(b, 0)->send.range.offset, 100001);
        bench_free(b);
    }
}

/* A server without syncs forgets the tail of what it acknowledged when the power fails. */
static void a_cursor_that_went_back_is_followed(void **state)
{
    (void)state;
    struct bench *b = of_policy("never-give-up");
    struct rh_action create = *find_send(b, 0);
    for (unsigned at = 0; at < 20; at++)
        tell_spooled(b, "a", (uint64_t)at * MIB, MIB);
    answer_create(b, &create, "R");
    answer_part(b, find_send(b, 0));
    tell_spooled(b, "a", 20 * MIB, MIB);
    assert_true(find_send(b, 0) != NULL || bench_until_send(b, 10000));
    tell_broken(b, find_send(b, 0)->send.token);
    assert_true(bench_until_send(b, 600000));
    struct rh_action ask = *find_send(b, 0);
    assert_int_equal(ask.send.kind, RH_SEND_ASK);
    answer_list(b, &ask, 1, (uint64_t[]){0, 12345});
    assert_true(find_send(b, 0) != NULL || bench_until_send(b, 600000));
    assert_int_equal(find_send(b, 0)->send.range.offset, 12345);
    bench_free(b);
}

/* Bytes that never fit their checksum: there is nothing behind them that could go on. */
static void damage_is_not_set_aside(void **state)
{
    (void)state;
    struct bench *b = of_policy("never-give-up");
    struct rh_action create = *find_send(b, 0);
    tell_spooled(b, "a", 0, 3000);
    tell_sealed(b, "a", 3000);
    answer_create(b, &create, "R");
    for (unsigned tries = 0; look(b, "a").state != RH_UPLOAD_FAILED; tries++) {
        assert_true(tries < 17);
        assert_true(find_send(b, 0) != NULL || bench_until_send(b, 600000));
        struct rh_action send = *find_send(b, 0);
        if (send.send.kind == RH_SEND_ASK)
            answer_list(b, &send, 0, NULL);
        else
            answer(b, &send, RH_OUTCOME_CHECKSUM_MISMATCH, RH_MS_NEVER);
        assert_int_equal(look(b, "a").set_aside, 0);
    }
    assert_int_equal(look(b, "a").reason, RH_REASON_ATTEMPTS);
    bench_free(b);
}

/* What lies before it is taken each time that the server let the upload go: that is no way on. */
static void damage_ends_though_what_is_before_it_is_taken(void **state)
{
    (void)state;
    struct rh_policy p = *rh_policy_find(rh_bytes_of("patient"));
    p.part_bytes = 1000;
    p.part_bytes_min = 1000;
    struct bench *b = bench_of(&p, &rh_limits_default);
    tell_added(b, "a");
    tell_traits(b, "a", RH_TRAIT_ONE_CURSOR);
    tell_kind(b, RH_EVENT_LEADER, "");
    tell_spooled(b, "a", 0, 40000);
    tell_sealed(b, "a", 40000);
    for (unsigned steps = 0; look(b, "a").state != RH_UPLOAD_FAILED; steps++) {
        assert_true(steps < 100);
        assert_true(find_send(b, 0) != NULL || bench_until_send(b, 600000));
        struct rh_action send = *find_send(b, 0);
        if (send.send.kind == RH_SEND_CREATE)
            answer_create(b, &send, "R");
        else if (send.send.kind == RH_SEND_ASK)
            answer(b, &send, RH_OUTCOME_GONE, RH_MS_NEVER);
        else if (send.send.range.offset == 0)
            answer_part(b, &send);
        else
            answer(b, &send, RH_OUTCOME_CHECKSUM_MISMATCH, RH_MS_NEVER);
    }
    bench_free(b);
}

static void fixed_parts_end_where_they_would(void **state)
{
    (void)state;
    struct rh_policy p = *rh_policy_find(rh_bytes_of("never-give-up"));
    p.part_bytes = 256 * KIB;
    struct bench *b = bench_of(&p, &rh_limits_default);
    tell_added(b, "a");
    tell_traits(b, "a", RH_TRAIT_ONE_CURSOR | RH_TRAIT_FIXED_PARTS | RH_TRAIT_SEALED_ONLY);
    tell_kind(b, RH_EVENT_LEADER, "");
    for (unsigned at = 0; at < 5; at++)
        tell_spooled(b, "a", (uint64_t)at * MIB, MIB);
    tell_sealed(b, "a", 5 * MIB);
    struct rh_action create = *find_send(b, 0);
    answer_create(b, &create, "R");
    assert_int_equal(find_send(b, 0)->send.range.length, 4 * MIB);
    tell_broken(b, find_send(b, 0)->send.token);
    assert_true(bench_until_send(b, 600000));
    struct rh_action ask = *find_send(b, 0);
    answer_list(b, &ask, 1, (uint64_t[]){0, 512 * KIB});
    assert_true(find_send(b, 0) != NULL || bench_until_send(b, 600000));
    assert_int_equal(find_send(b, 0)->send.range.offset, 512 * KIB);
    assert_int_equal(find_send(b, 0)->send.range.length, 4 * MIB - 512 * KIB);
    /* Breaks make them shorter, and still multiples of 256 KiB. */
    uint64_t length = 4 * MIB;
    for (unsigned i = 0; i < 8; i++) {
        uint32_t token = find_send(b, 0)->send.token;
        tell_progress(b, token, 1000);
        tell_broken(b, token);
        assert_true(bench_until_send(b, 600000));
        ask = *find_send(b, 0);
        assert_int_equal(ask.send.kind, RH_SEND_ASK);
        answer_list(b, &ask, 0, NULL);
        assert_true(find_send(b, 0) != NULL || bench_until_send(b, 600000));
        struct rh_send part = find_send(b, 0)->send;
        assert_true(part.range.offset == 0 && part.range.length % (256 * KIB) == 0);
        assert_true(part.range.length <= length && part.range.length > 0);
        length = part.range.length;
    }
    assert_int_equal(length, 256 * KIB);
    bench_free(b);
}

/* Below what such servers take a part is as the policy says: it is meant so. */
static void small_fixed_parts_stay_as_they_are(void **state)
{
    (void)state;
    struct rh_policy p = *rh_policy_find(rh_bytes_of("never-give-up"));
    p.part_bytes = 8 * KIB;
    p.part_bytes_min = 4 * KIB;
    struct bench *b = bench_of(&p, &rh_limits_default);
    tell_added(b, "a");
    tell_traits(b, "a", RH_TRAIT_ONE_CURSOR | RH_TRAIT_FIXED_PARTS | RH_TRAIT_SEALED_ONLY);
    tell_kind(b, RH_EVENT_LEADER, "");
    tell_spooled(b, "a", 0, MIB);
    tell_sealed(b, "a", MIB);
    struct rh_action create = *find_send(b, 0);
    answer_create(b, &create, "R");
    for (unsigned i = 0; i < 3; i++) {
        struct rh_send part = find_send(b, 0)->send;
        assert_int_equal(part.range.length, 128 * KIB);
        tell_progress(b, part.token, 1000);
        tell_broken(b, part.token);
        assert_true(bench_until_send(b, 600000));
        struct rh_action ask = *find_send(b, 0);
        answer_list(b, &ask, 0, NULL);
        assert_true(find_send(b, 0) != NULL || bench_until_send(b, 600000));
    }
    bench_free(b);
}

/* What is asked for again after it is done: not where a receipt proved it. */
static void a_proof_needs_no_asking(void **state)
{
    (void)state;
    for (unsigned proven = 0; proven < 2; proven++) {
        struct bench *b =
            bench_of(rh_policy_find(rh_bytes_of("never-give-up")), &rh_limits_default);
        tell_added(b, "a");
        tell_traits(b, "a", RH_TRAIT_ONE_CURSOR | RH_TRAIT_FINISH_ALWAYS);
        tell_kind(b, RH_EVENT_LEADER, "");
        struct rh_action create = *find_send(b, 0);
        tell_spooled(b, "a", 0, 3000);
        tell_sealed(b, "a", 3000);
        answer_create(b, &create, "R");
        struct rh_action part = *find_send(b, 0);
        if (proven != 0)
            answer_done(b, &part, 3000);
        else
            answer(b, &part, RH_OUTCOME_DONE, RH_MS_NEVER);
        assert_int_equal(look(b, "a").state == RH_UPLOAD_COMPLETED, proven);
        assert_int_equal(look(b, "a").proven, proven);
        if (proven == 0) {
            struct rh_action finish = *find_send(b, 0);
            assert_int_equal(finish.send.kind, RH_SEND_FINISH);
            answer(b, &finish, RH_OUTCOME_DONE, RH_MS_NEVER);
            expect_state(b, "a", RH_UPLOAD_COMPLETED, RH_REASON_NONE);
        }
        bench_free(b);
    }
}

static void traits_are_checked_and_hold_for_one_upload(void **state)
{
    (void)state;
    struct rh_policy p = *rh_policy_find(rh_bytes_of("never-give-up"));
    p.part_bytes = 8 * MIB; /* times 16 would be too much */
    struct bench *b = bench_of(&p, &rh_limits_default);
    tell_added(b, "a");
    struct rh_event event = event_of(RH_EVENT_TRAITS, "a");
    event.traits.traits = RH_TRAITS_ALL + 1;
    assert_int_equal(bench_try(b, event), RH_ERR_SYNTAX);
    event = event_of(RH_EVENT_TRAITS, "nobody");
    assert_int_equal(bench_try(b, event), RH_ERR_UNKNOWN);
    tell_traits(b, "a", RH_TRAIT_ONE_CURSOR);
    tell_added(b, "b");
    tell_kind(b, RH_EVENT_LEADER, "");
    struct rh_action creates[2] = {*find_send(b, 0), *find_send(b, 1)};
    assert_int_equal(creates[0].send.part_bytes, 64 * MIB);
    assert_int_equal(creates[1].send.part_bytes, 8 * MIB);
    answer_create(b, &creates[0], "R");
    tell_traits(b, "a", RH_TRAIT_ONE_CURSOR); /* begun: its geometry stands */
    assert_int_equal(look(b, "a").parts_total, 0);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_go_one_by_one_and_are_larger),
        cmocka_unit_test(a_part_that_failed_is_asked_about),
        cmocka_unit_test(a_cursor_that_went_back_is_followed),
        cmocka_unit_test(damage_is_not_set_aside),
        cmocka_unit_test(damage_ends_though_what_is_before_it_is_taken),
        cmocka_unit_test(fixed_parts_end_where_they_would),
        cmocka_unit_test(small_fixed_parts_stay_as_they_are),
        cmocka_unit_test(a_proof_needs_no_asking),
        cmocka_unit_test(traits_are_checked_and_hold_for_one_upload),
    };
    return cmocka_run_group_tests_name("cursor", tests, NULL, NULL);
}
