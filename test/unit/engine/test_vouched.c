/* SPDX-License-Identifier: MIT */
/* What the server vouches for when its word changes: another generation, other bytes. */
#include "bench.h"

#define PIECES 130u /* segments of 100 bytes; each second one is listed */

static struct rh_event response_of(const struct rh_action *send, enum rh_outcome outcome,
                                   const char *generation)
{
    struct rh_event event = {.kind = RH_EVENT_RESPONSE};
    event.response.token = send->send.token;
    event.response.outcome = outcome;
    event.response.remote_state = RH_REMOTE_OPEN;
    event.response.retry_after_ms = RH_MS_NEVER;
    strcpy(event.response.remote, "R");
    strcpy(event.response.generation, generation);
    return event;
}

/* A list of `count` segments, each second one from the `first` on. */
static struct rh_event list_of(const struct rh_action *ask, const char *generation, uint32_t first,
                               uint32_t count, bool kept)
{
    struct rh_event event = response_of(ask, RH_OUTCOME_OK, generation);
    event.response.listed = true;
    event.response.acks_count = count;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t at = (uint64_t)(first + 2 * i) * 100;
        event.response.acks[i] = (struct rh_ack){at, 100, pattern_crc(at, 100), true, kept, true};
    }
    return event;
}

/* An upload whose every second segment is vouched for by g1, and about which g2 is asked. */
static struct bench *of_another_generation(uint32_t listed)
{
    struct rh_policy p = *rh_policy_find(rh_bytes_of("live"));
    p.keep = RH_KEEP_UNTIL_PROVEN;
    p.free_under_pressure = true;
    struct bench *b = bench_of(&p, &rh_limits_default);
    tell_kind(b, RH_EVENT_LEADER, "");
    tell_take(b, "a", PIECES * 100, 100);
    struct rh_event event = list_of(find_send(b, 0), "g1", 0, listed, true);
    bench_tell(b, event);
    assert_int_equal(look(b, "a").acked_bytes, listed * 100);
    struct rh_action part = *find_send(b, 0);
    assert_int_equal(part.send.kind, RH_SEND_PART);
    /* Its answer comes from a server that was restored. */
    event = response_of(&part, RH_OUTCOME_OK, "g2");
    event.response.acks_count = 1;
    struct rh_range r = part.send.range;
    event.response.acks[0] =
        (struct rh_ack){r.offset, r.length, pattern_crc(r.offset, r.length), true, true, true};
    struct rh_action other = *find_send(b, 1);
    bench_tell(b, event);
    answer(b, &other, RH_OUTCOME_CHECKSUM_MISMATCH, RH_MS_NEVER);
    assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_ASK);
    return b;
}

static void tell_critical(struct bench *b)
{
    struct rh_event storage = {.kind = RH_EVENT_STORAGE};
    storage.storage.level = RH_PRESSURE_CRITICAL;
    bench_tell(b, storage);
}

/* With a list that is not full everything is known. */
static void a_whole_list_of_the_new_generation_ends_the_distrust(void **state)
{
    (void)state;
    struct bench *b = of_another_generation(RH_RANGES_MAX);
    struct rh_action ask = *find_send(b, 0);
    bench_tell(b, list_of(&ask, "g2", 0, 10, true));
    assert_int_equal(look(b, "a").acked_bytes, 1000);
    tell_critical(b);
    assert_non_null(find_action(b, RH_ACTION_FORGET, "a"));
    bench_free(b);
}

/*
 * A full list of 64 has no room for what lies behind it. Of what lies before its end the old
 * promises are void; of what lies behind nothing is known: it stays on the books, so that it is not
 * sent twice, and nothing is forgotten for it.
 */
static void what_a_full_list_has_no_room_for_stays_distrusted(void **state)
{
    (void)state;
    struct bench *b = of_another_generation(RH_RANGES_MAX);
    struct rh_action ask = *find_send(b, 0);
    tell_critical(b);
    assert_int_equal(count_kind(b, RH_ACTION_FORGET), 0);
    /* g1 had vouched for the even ones up to 126; g2 has the odd ones up to 127: full, and its
     * end is behind all of those. */
    bench_tell(b, list_of(&ask, "g2", 1, RH_RANGES_MAX, true));
    assert_int_equal(look(b, "a").acked_bytes, RH_RANGES_MAX * 100);
    for (unsigned i = 0; i < 4; i++) {
        const struct rh_action *send = find_send(b, i);
        if (send != NULL)
            assert_int_equal(send->send.range.offset % 200, 0); /* the even ones go again */
    }
    assert_int_equal(count_kind(b, RH_ACTION_FORGET), 0);
    tell_critical(b);
    assert_int_equal(count_kind(b, RH_ACTION_FORGET), 0); /* safe, but not all is known */
    bench_free(b);
}

/* The same with old promises behind the end of the list: they are neither dropped nor believed. */
static void promises_behind_a_full_list_are_neither_dropped_nor_believed(void **state)
{
    (void)state;
    struct bench *b = bench_new("live");
    b->policy.keep = RH_KEEP_UNTIL_PROVEN;
    bench_free(b);
    struct rh_policy p = *rh_policy_find(rh_bytes_of("live"));
    p.keep = RH_KEEP_UNTIL_RECEIPT;
    p.uploads_parallel = 2;
    b = bench_of(&p, &rh_limits_default);
    tell_kind(b, RH_EVENT_LEADER, "");
    tell_kind(b, RH_EVENT_HOLD, "");
    tell_added(b, "a");
    for (uint64_t at = 0; at < 300; at++)
        tell_spooled(b, "a", at * 100, 100);
    tell_sealed(b, "a", 30000);
    tell_kind(b, RH_EVENT_RELEASE, "");
    /* g1 claims the last piece, without a promise to keep it. */
    struct rh_event event = list_of(find_send(b, 0), "g1", 299, 1, false);
    bench_tell(b, event);
    struct rh_action part = *find_send(b, 0);
    event = response_of(&part, RH_OUTCOME_RETRY, "");
    bench_tell(b, event);
    /* Another upload hears of g2. */
    tell_kind(b, RH_EVENT_LEADER_LOST, "");
    tell_kind(b, RH_EVENT_LEADER, "");
    struct rh_action ask = *find_send(b, 0);
    assert_int_equal(ask.send.kind, RH_SEND_ASK);
    bench_tell(b, list_of(&ask, "g2", 0, RH_RANGES_MAX, true)); /* up to 127 */
    assert_int_equal(look(b, "a").acked_bytes, (RH_RANGES_MAX + 1) * 100);
    assert_int_equal(count_kind(b, RH_ACTION_FORGET), 0);
    for (unsigned i = 0; find_send(b, i) != NULL; i++)
        assert_true(find_send(b, i)->send.range.offset < 29900); /* the last is not sent yet */
    /* Once the list is no longer full, all of it counts. */
    tell_kind(b, RH_EVENT_LEADER_LOST, "");
    tell_kind(b, RH_EVENT_LEADER, "");
    ask = *find_send(b, 0);
    assert_int_equal(ask.send.kind, RH_SEND_ASK);
    bench_tell(b, list_of(&ask, "g2", 0, 3, true));
    assert_int_equal(look(b, "a").acked_bytes, 300);
    assert_int_equal(count_kind(b, RH_ACTION_FORGET), 3);
    bench_free(b);
}

/* After a change of leaders the server is asked before anything more is forgotten. */
static void nothing_is_forgotten_while_it_is_in_doubt(void **state)
{
    (void)state;
    struct rh_policy p = *rh_policy_find(rh_bytes_of("live"));
    p.keep = RH_KEEP_UNTIL_PROVEN;
    p.free_under_pressure = true;
    struct bench *b = bench_of(&p, &rh_limits_default);
    tell_kind(b, RH_EVENT_LEADER, "");
    tell_take(b, "a", PIECES * 100, 100);
    bench_tell(b, list_of(find_send(b, 0), "g1", 0, 3, true));
    tell_kind(b, RH_EVENT_LEADER_LOST, "");
    tell_kind(b, RH_EVENT_LEADER, "");
    struct rh_action ask = *find_send(b, 0);
    tell_critical(b);
    assert_int_equal(count_kind(b, RH_ACTION_FORGET), 0);
    bench_tell(b, list_of(&ask, "g1", 0, 3, true));
    assert_int_equal(count_kind(b, RH_ACTION_FORGET), 3);
    bench_free(b);
}

/* ---- other bytes on the server ---- */

static struct bench *in_conflict(const char *policy, uint32_t traits, struct rh_action *first)
{
    struct rh_policy p = *rh_policy_find(rh_bytes_of(policy));
    p.traits |= traits;
    struct bench *b = bench_of(&p, &rh_limits_default);
    tell_kind(b, RH_EVENT_LEADER, "");
    start(b, "a", 3000, 1000);
    answer(b, find_send(b, 0), RH_OUTCOME_DIFFERENT_BYTES, RH_MS_NEVER);
    answer_list(b, find_send(b, 0), 0, NULL);
    *first = *find_send(b, 0);
    answer(b, first, RH_OUTCOME_DIFFERENT_BYTES, RH_MS_NEVER);
    expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_CONFLICT);
    return b;
}

static void a_retry_after_a_conflict_deletes_and_starts_anew(void **state)
{
    (void)state;
    static const enum rh_outcome answers[] = {RH_OUTCOME_OK, RH_OUTCOME_GONE};
    for (unsigned i = 0; i < 2; i++) {
        struct rh_action part;
        struct bench *b = in_conflict("never-give-up", 0, &part);
        tell_kind(b, RH_EVENT_RETRY, "a");
        assert_int_equal(count_kind(b, RH_ACTION_SEND), 1);
        struct rh_action cancel = *find_send(b, 0);
        assert_int_equal(cancel.send.kind, RH_SEND_CANCEL);
        assert_string_equal(cancel.send.remote, "R-a");
        answer(b, &cancel, RH_OUTCOME_RETRY, RH_MS_NEVER); /* it is tried until it is heard */
        assert_null(find_send(b, 0));
        assert_true(bench_until_send(b, 600000));
        cancel = *find_send(b, 0);
        assert_int_equal(cancel.send.kind, RH_SEND_CANCEL);
        answer(b, &cancel, answers[i], RH_MS_NEVER);
        struct rh_action create = *find_send(b, 0);
        assert_int_equal(create.send.kind, RH_SEND_CREATE);
        assert_string_equal(create.send.remote, "");
        answer_create(b, &create, "R-new");
        assert_int_equal(find_send(b, 0)->send.range.length, 3000);
        answer_done(b, find_send(b, 0), 3000);
        expect_state(b, "a", RH_UPLOAD_COMPLETED, RH_REASON_NONE);
        assert_true(look(b, "a").proven);
        bench_free(b);
    }
}

static void a_conflict_stays_where_nothing_can_be_replaced(void **state)
{
    (void)state;
    struct rh_action part;
    /* The dialect cannot delete. */
    struct bench *b = in_conflict("never-give-up", RH_TRAIT_NO_CANCEL, &part);
    assert_int_equal(bench_try(b, event_of(RH_EVENT_RETRY, "a")), RH_ERR_STATE);
    expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_CONFLICT);
    assert_null(find_send(b, 0));
    bench_free(b);
    /* Its bytes are not here any more. */
    b = in_conflict("never-give-up", 0, &part);
    tell_kind(b, RH_EVENT_SOURCE_LOST, "a");
    assert_int_equal(bench_try(b, event_of(RH_EVENT_RETRY, "a")), RH_ERR_STATE);
    expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_CONFLICT);
    bench_free(b);
    /* The server refuses. */
    b = in_conflict("never-give-up", 0, &part);
    tell_kind(b, RH_EVENT_RETRY, "a");
    answer(b, find_send(b, 0), RH_OUTCOME_REJECTED, RH_MS_NEVER);
    expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_CONFLICT);
    assert_null(find_send(b, 0));
    assert_null(find_action(b, RH_ACTION_ERASE_RECORD, "a"));
    assert_int_equal(count_kind(b, RH_ACTION_FORGET), 0);
    bench_free(b);
}

/* A name that is taken by other bytes: nothing of ours is there that could be deleted. */
static void a_conflict_of_the_create_is_only_tried_again(void **state)
{
    (void)state;
    struct bench *b = bench_new("never-give-up");
    tell_take(b, "a", 1000, 1000);
    answer(b, find_send(b, 0), RH_OUTCOME_DIFFERENT_BYTES, RH_MS_NEVER);
    expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_CONFLICT);
    tell_kind(b, RH_EVENT_RETRY, "a");
    assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_CREATE);
    bench_free(b);
}

/* The wish survives a crash, and a source that is lost meanwhile ends it. */
static void the_wish_to_start_anew_survives_a_crash(void **state)
{
    (void)state;
    for (unsigned lost = 0; lost < 2; lost++) {
        struct rh_action part;
        struct bench *b = in_conflict("never-give-up", 0, &part);
        tell_kind(b, RH_EVENT_RETRY, "a");
        const struct rh_action *a = find_action(b, RH_ACTION_PERSIST, "a");
        assert_non_null(a);
        uint8_t bytes[512];
        struct rh_event record = {.kind = RH_EVENT_RECORD};
        memcpy(bytes, a->persist.bytes.data, a->persist.bytes.size);
        record.record.bytes = (struct rh_bytes){bytes, a->persist.bytes.size};
        bench_free(b);
        b = bench_of(rh_policy_find(rh_bytes_of("never-give-up")), &rh_limits_default);
        bench_tell(b, record);
        tell_take(b, "a", 3000, 1000);
        if (lost) {
            tell_kind(b, RH_EVENT_SOURCE_LOST, "a");
            tell_kind(b, RH_EVENT_LEADER, "");
            expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_BYTES_MISSING);
            assert_null(find_send(b, 0)); /* it is not deleted there either */
        } else {
            tell_kind(b, RH_EVENT_LEADER, "");
            assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_CANCEL);
            answer(b, find_send(b, 0), RH_OUTCOME_OK, RH_MS_NEVER);
            assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_CREATE);
            assert_null(find_action(b, RH_ACTION_ERASE_RECORD, "a"));
        }
        bench_free(b);
    }
}

/* One part, answered as done by g1; then the finish leaves. */
static struct bench *done_but_for_its_finish(struct rh_action *finish)
{
    struct rh_policy p = *rh_policy_find(rh_bytes_of("form"));
    p.traits |= RH_TRAIT_FINISH_ALWAYS;
    struct bench *b = bench_of(&p, &rh_limits_default);
    tell_kind(b, RH_EVENT_LEADER, "");
    tell_take(b, "a", 1000, 1000);
    bench_tell(b, list_of(find_send(b, 0), "g1", 0, 0, true));
    struct rh_event event = response_of(find_send(b, 0), RH_OUTCOME_DONE, "g1");
    event.response.remote_state = RH_REMOTE_DONE;
    event.response.acks_count = 1;
    event.response.acks[0] = (struct rh_ack){0, 1000, pattern_crc(0, 1000), true, true, true};
    bench_tell(b, event);
    assert_true(look(b, "a").proven);
    *finish = *find_send(b, 0);
    assert_int_equal(finish->send.kind, RH_SEND_FINISH);
    return b;
}

/* "Done" was the word of one generation: another one that has nothing is sent all of it, also where
 * it is heard of by the refusal of a finish. */
static void done_is_not_done_in_another_generation(void **state)
{
    (void)state;
    for (unsigned refused = 0; refused < 2; refused++) {
        struct rh_action finish;
        struct bench *b = done_but_for_its_finish(&finish);
        if (refused)
            bench_tell(b, response_of(&finish, RH_OUTCOME_REJECTED, "g2"));
        else
            tell_broken(b, finish.send.token);
        assert_true(find_send(b, 0) != NULL || bench_until_send(b, 600000));
        assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_ASK);
        bench_tell(b, list_of(find_send(b, 0), "g2", 0, 0, true));
        assert_false(look(b, "a").proven);
        assert_null(find_action(b, RH_ACTION_FORGET, "a"));
        assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_PART);
        /* And what the new one says of the whole counts. */
        struct rh_event event = response_of(find_send(b, 0), RH_OUTCOME_DONE, "g2");
        event.response.acks_count = 1;
        event.response.acks[0] = (struct rh_ack){0, 1000, pattern_crc(0, 1000), true, true, true};
        bench_tell(b, event);
        finish = *find_send(b, 0);
        assert_int_equal(finish.send.kind, RH_SEND_FINISH);
        bench_tell(b, response_of(&finish, RH_OUTCOME_REJECTED, "g2")); /* the metadata alone */
        expect_state(b, "a", RH_UPLOAD_COMPLETED, RH_REASON_NONE);
        assert_true(look(b, "a").proven);
        assert_non_null(find_action(b, RH_ACTION_FORGET, "a"));
        bench_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_list_of_the_new_generation_ends_the_distrust),
        cmocka_unit_test(what_a_full_list_has_no_room_for_stays_distrusted),
        cmocka_unit_test(promises_behind_a_full_list_are_neither_dropped_nor_believed),
        cmocka_unit_test(nothing_is_forgotten_while_it_is_in_doubt),
        cmocka_unit_test(a_retry_after_a_conflict_deletes_and_starts_anew),
        cmocka_unit_test(a_conflict_stays_where_nothing_can_be_replaced),
        cmocka_unit_test(a_conflict_of_the_create_is_only_tried_again),
        cmocka_unit_test(the_wish_to_start_anew_survives_a_crash),
        cmocka_unit_test(done_is_not_done_in_another_generation),
    };
    return cmocka_run_group_tests_name("vouched", tests, NULL, NULL);
}
