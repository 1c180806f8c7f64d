/* SPDX-License-Identifier: MIT */
/* Events at their edges: what is refused, what is told twice, what nobody asked for. */
#include "bench.h"
#include "engine/state.h"

static enum rh_error try_added(struct bench *b, const char *id, uint64_t size)
{
    struct rh_event event = event_of(RH_EVENT_ADDED, id);
    event.added.size = size;
    return bench_try(b, event);
}

static enum rh_error try_spooled(struct bench *b, uint64_t offset, uint64_t length, uint64_t crc64)
{
    struct rh_event event = event_of(RH_EVENT_SPOOLED, "a");
    event.spooled.offset = offset;
    event.spooled.length = length;
    event.spooled.crc64 = crc64;
    return bench_try(b, event);
}

static enum rh_error try_sealed(struct bench *b, uint64_t size, uint64_t crc64)
{
    struct rh_event event = event_of(RH_EVENT_SEALED, "a");
    event.sealed.size = size;
    event.sealed.crc64 = crc64;
    return bench_try(b, event);
}

/* Tells without asking for actions: what a shell does that has more to tell first. */
static void tell_only(struct bench *b, struct rh_event event)
{
    event.now_ms = b->now;
    assert_int_equal(rh_engine_tell(b->engine, &event), RH_OK);
}

static void sizes_are_taken_once(void **state)
{
    (void)state;
    struct bench *b = bench_new("live");
    assert_int_equal(try_added(b, "a", RH_SIZE_UNKNOWN), RH_OK);
    assert_int_equal(try_added(b, "a", RH_SIZE_UNKNOWN), RH_OK);
    assert_true(look(b, "a").total_bytes == RH_SIZE_UNKNOWN);
    assert_int_equal(try_added(b, "a", 100), RH_OK);
    assert_int_equal(look(b, "a").total_bytes, 100);
    assert_int_equal(try_added(b, "a", 100), RH_OK);
    assert_int_equal(try_added(b, "a", RH_SIZE_UNKNOWN), RH_OK);
    assert_int_equal(try_added(b, "a", 101), RH_ERR_RANGE);
    assert_int_equal(look(b, "a").total_bytes, 100);
    bench_free(b);
}

static void segments_and_seals_must_fit(void **state)
{
    (void)state;
    struct bench *b = bench_new("live");
    assert_int_equal(try_added(b, "a", 100), RH_OK);
    assert_int_equal(try_spooled(b, 0, 0, 0), RH_ERR_RANGE);
    assert_int_equal(try_spooled(b, 0, 101, 1), RH_ERR_RANGE);
    assert_int_equal(try_spooled(b, 60, 41, 1), RH_ERR_RANGE);
    assert_int_equal(try_spooled(b, 0, 60, 1), RH_OK);
    assert_int_equal(try_spooled(b, 0, 60, 1), RH_OK);        /* told twice */
    assert_int_equal(try_spooled(b, 0, 60, 2), RH_ERR_RANGE); /* other bytes */
    assert_int_equal(try_spooled(b, 0, 30, 1), RH_ERR_RANGE); /* no boundary */
    assert_int_equal(look(b, "a").spooled_bytes, 60);
    assert_int_equal(try_sealed(b, RH_SIZE_UNKNOWN, 1), RH_ERR_RANGE);
    assert_int_equal(try_sealed(b, 60, 1), RH_ERR_RANGE); /* another size was declared */
    assert_int_equal(try_spooled(b, 60, 40, 3), RH_OK);
    uint64_t crc64 = rh_crc64_combine(1, 3, 40);
    assert_int_equal(try_sealed(b, 100, crc64), RH_OK);
    assert_int_equal(try_sealed(b, 100, crc64 + 1), RH_ERR_CHECKSUM);
    assert_int_equal(try_sealed(b, 100, crc64), RH_OK);
    bench_free(b);
}

/* Full pools: the longest list gives detail up, whosever it is; with nothing to give up it is said.
 */
static void room_is_made_where_there_is_some(void **state)
{
    (void)state;
    struct rh_limits l = {.uploads_max = 3, .segments_max = 4, .intervals_max = 8, .parts_max = 4};
    struct bench *b = bench_of(rh_policy_find(rh_bytes_of("live")), &l);
    tell_added(b, "other");
    for (uint64_t at = 0; at < 4; at++)
        tell_spooled(b, "other", at * 10, 10);
    tell_added(b, "a");
    assert_int_equal(try_spooled(b, 0, 5, 1), RH_OK);
    assert_int_equal(try_spooled(b, 10, 5, 1), RH_OK); /* behind gaps, so that they cannot join */
    assert_int_equal(try_spooled(b, 20, 5, 1), RH_OK);
    assert_int_equal(try_spooled(b, 30, 5, 1), RH_ERR_LIMIT);
    assert_int_equal(look(b, "a").spooled_bytes, 25);
    assert_int_equal(look(b, "other").spooled_bytes, 40);
    bench_free(b);
}

static void answers_with_more_than_fits_are_refused(void **state)
{
    (void)state;
    struct bench *b = bench_new("live");
    start(b, "a", 100, 100);
    static struct rh_event event;
    event.kind = RH_EVENT_RESPONSE;
    event.response.token = find_send(b, 0)->send.token;
    event.response.acks_count = RH_RANGES_MAX + 1;
    assert_int_equal(bench_try(b, event), RH_ERR_LIMIT);
    event.response.acks_count = 0;
    event.response.missing_count = RH_RANGES_MAX + 1;
    assert_int_equal(bench_try(b, event), RH_ERR_LIMIT);
    assert_int_equal(look(b, "a").state, RH_UPLOAD_UPLOADING); /* it waits for a better one */
    bench_free(b);
}

/* A shell that reads the part anyway tells its checksum, so that a receipt can be compared. */
static void a_parts_checksum_counts_when_it_was_not_known(void **state)
{
    (void)state;
    for (unsigned wrong = 0; wrong < 2; wrong++) {
        struct rh_policy p = *rh_policy_find(rh_bytes_of("never-give-up"));
        p.part_bytes = 600; /* ends inside the segment */
        p.part_bytes_min = 600;
        struct bench *b = bench_of(&p, &rh_limits_default);
        tell_kind(b, RH_EVENT_LEADER, "");
        tell_kind(b, RH_EVENT_HOLD, "");
        tell_take(b, "a", 1000, 1000);
        struct rh_action create = *find_send(b, 0);
        struct rh_event crc = {.kind = RH_EVENT_PART_CRC};
        crc.part_crc.token = create.send.token; /* no part */
        bench_tell(b, crc);
        answer_create(b, &create, "R");
        struct rh_action part = *find_send(b, 0);
        assert_int_equal(part.send.range.length, 600);
        assert_false(part.send.crc_known);
        crc.part_crc.token = 4711; /* nobody's */
        bench_tell(b, crc);
        crc.part_crc.token = part.send.token;
        crc.part_crc.crc64 = pattern_crc(0, 600) + wrong;
        bench_tell(b, crc);
        crc.part_crc.crc64 = 5; /* it is known by now */
        bench_tell(b, crc);
        answer_part(b, &part);
        assert_int_equal(look(b, "a").acked_bytes, wrong ? 0 : 600);
        assert_int_equal(look(b, "a").mismatches, wrong);
        bench_free(b);
    }
}

static void a_lost_source_is_no_harm_once_all_is_there(void **state)
{
    (void)state;
    struct bench *b = bench_new("live");
    start(b, "a", 1000, 1000);
    answer_part(b, find_send(b, 0));
    struct rh_action finish = *find_send(b, 0);
    tell_kind(b, RH_EVENT_SOURCE_LOST, "a");
    answer_done(b, &finish, 1000);
    expect_state(b, "a", RH_UPLOAD_COMPLETED, RH_REASON_NONE);
    tell_kind(b, RH_EVENT_SOURCE_LOST, "a"); /* nothing to fail any more */
    expect_state(b, "a", RH_UPLOAD_COMPLETED, RH_REASON_NONE);
    bench_free(b);
}

static void a_lost_source_fails_again_when_it_is_tried_again(void **state)
{
    (void)state;
    struct bench *b = bench_new("live");
    tell_added(b, "a");
    answer_create(b, find_send(b, 0), "R");
    tell_spooled(b, "a", 0, 1000);
    tell_kind(b, RH_EVENT_SOURCE_LOST, "a");
    expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_BYTES_MISSING);
    tell_kind(b, RH_EVENT_RETRY, "a");
    answer_list(b, find_send(b, 0), 0, NULL);
    expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_BYTES_MISSING);
    bench_free(b);
}

/* All was there and the source is gone; then the server has less than it said. */
static void a_lost_source_cannot_fill_what_the_server_lost(void **state)
{
    (void)state;
    struct bench *b = bench_new("live");
    start(b, "a", 2000, 1000);
    struct rh_action part = *find_send(b, 0);
    answer_part(b, &part);
    struct rh_action finish = *find_send(b, 0);
    tell_kind(b, RH_EVENT_SOURCE_LOST, "a");
    assert_int_equal(finish.send.kind, RH_SEND_FINISH);
    struct rh_event event = {.kind = RH_EVENT_RESPONSE};
    event.response.token = finish.send.token;
    event.response.outcome = RH_OUTCOME_INCOMPLETE;
    event.response.retry_after_ms = RH_MS_NEVER;
    bench_tell(b, event);
    static const uint64_t have[] = {0, 1000};
    answer_list(b, find_send(b, 0), 1, have);
    expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_BYTES_MISSING);
    bench_free(b);
}

static void a_tail_that_is_not_there_is_missing(void **state)
{
    (void)state;
    struct bench *b = bench_new("live");
    tell_added(b, "a");
    answer_create(b, find_send(b, 0), "R");
    tell_kind(b, RH_EVENT_HOLD, "");
    tell_spooled(b, "a", 0, 1000);
    tell_sealed(b, "a", 2000); /* says more than was told */
    tell_kind(b, RH_EVENT_RELEASE, "");
    expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_BYTES_MISSING);
    bench_free(b);
}

static void removed_before_its_record_was_written(void **state)
{
    (void)state;
    struct bench *b = bench_new("live");
    start(b, "a", 100, 100);
    tell_only(b, event_of(RH_EVENT_CANCEL, "a"));
    tell_only(b, event_of(RH_EVENT_REMOVE, "a"));
    bench_drain(b);
    assert_null(find_action(b, RH_ACTION_PERSIST, "a"));
    assert_non_null(find_action(b, RH_ACTION_ERASE_RECORD, "a"));
    bench_free(b);
}

static void a_token_is_not_asked_for_what_is_done(void **state)
{
    (void)state;
    struct rh_policy p = *rh_policy_find(rh_bytes_of("live"));
    p.part_bytes = p.part_bytes_min = 1000;
    struct bench *b = bench_of(&p, &rh_limits_default);
    tell_kind(b, RH_EVENT_LEADER, "");
    start(b, "a", 2000, 1000);
    struct rh_event event = {.kind = RH_EVENT_RESPONSE};
    event.response.token = find_send(b, 0)->send.token;
    event.response.outcome = RH_OUTCOME_UNAUTHORIZED;
    event.response.retry_after_ms = RH_MS_NEVER;
    struct rh_action second = *find_send(b, 1);
    tell_only(b, event);
    answer_done(b, &second, 2000);
    expect_state(b, "a", RH_UPLOAD_COMPLETED, RH_REASON_NONE);
    assert_int_equal(count_kind(b, RH_ACTION_NEED_TOKEN), 0);
    bench_free(b);
}

static void a_long_time_left_is_no_overflow(void **state)
{
    (void)state;
    struct bench *b = bench_new("live");
    struct rh_event event = event_of(RH_EVENT_LEFT, "");
    event.left.ms = RH_MS_NEVER - 2;
    bench_tell(b, event);
    start(b, "a", 100, 100);
    assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_PART);
    bench_free(b);
}

/* The oldest completed one gives way only when it owes nothing, and one at a time. */
static void room_for_uploads_is_made_with_care(void **state)
{
    (void)state;
    struct rh_limits l = rh_limits_default;
    l.uploads_max = 2;
    struct bench *b = bench_of(rh_policy_find(rh_bytes_of("live")), &l);
    tell_kind(b, RH_EVENT_LEADER, "");
    struct rh_event c = event_of(RH_EVENT_ADDED, "c");
    c.now_ms = b->now;
    for (unsigned i = 0; i < 2; i++) {
        const char *id = i == 0 ? "a" : "b";
        start(b, id, 10, 10);
        struct rh_event done = {.kind = RH_EVENT_RESPONSE, .now_ms = b->now};
        done.response.token = find_send(b, 0)->send.token;
        done.response.outcome = RH_OUTCOME_DONE;
        done.response.acks_count = 1;
        done.response.acks[0] = (struct rh_ack){0, 10, pattern_crc(0, 10), true, true, true};
        tell_only(b, done);
        if (i == 1)
            break;
        bench_drain(b);
    }
    tell_only(b, c); /* a gives way; b still has its record to write */
    c.upload[0] = 'd';
    assert_int_equal(rh_engine_tell(b->engine, &c), RH_ERR_LIMIT);
    bench_drain(b);
    assert_non_null(find_action(b, RH_ACTION_ERASE_RECORD, "a"));
    assert_int_equal(bench_try(b, c), RH_OK);
    assert_non_null(find_action(b, RH_ACTION_ERASE_RECORD, "b"));
    bench_free(b);
}

/* Each thing that it owes keeps its place: its record, and that it is told. */
static void an_upload_that_owes_something_does_not_give_way(void **state)
{
    (void)state;
    struct rh_limits l = rh_limits_default;
    l.uploads_max = 1;
    struct bench *b = bench_of(rh_policy_find(rh_bytes_of("live")), &l);
    tell_kind(b, RH_EVENT_LEADER, "");
    start(b, "a", 10, 10);
    struct rh_event done = {.kind = RH_EVENT_RESPONSE};
    done.response.token = find_send(b, 0)->send.token;
    done.response.outcome = RH_OUTCOME_DONE;
    done.response.acks_count = 1;
    done.response.acks[0] = (struct rh_ack){0, 10, pattern_crc(0, 10), true, true, true};
    tell_only(b, done);
    struct rh_event added = event_of(RH_EVENT_ADDED, "b");
    added.now_ms = b->now;
    static struct rh_action action;
    assert_int_equal(rh_engine_tell(b->engine, &added), RH_ERR_LIMIT);
    while (rh_engine_next(b->engine, &action) && action.kind != RH_ACTION_NOTIFY)
        assert_int_equal(rh_engine_tell(b->engine, &added), RH_ERR_LIMIT);
    assert_int_equal(action.kind, RH_ACTION_NOTIFY);
    assert_int_equal(rh_engine_tell(b->engine, &added), RH_OK);
    bench_free(b);
}

static void what_was_not_proven_does_not_give_way(void **state)
{
    (void)state;
    struct rh_limits l = rh_limits_default;
    l.uploads_max = 1;
    for (unsigned for_good = 0; for_good < 2; for_good++) {
        struct rh_policy p = *rh_policy_find(rh_bytes_of("live"));
        p.keep = for_good ? RH_KEEP_FOR_GOOD : RH_KEEP_UNTIL_PROVEN;
        struct bench *b = bench_of(&p, &l);
        tell_kind(b, RH_EVENT_LEADER, "");
        start(b, "a", 10, 10);
        struct rh_action part = *find_send(b, 0);
        if (for_good)
            answer_done(b, &part, 10);
        else
            answer(b, &part, RH_OUTCOME_DONE, RH_MS_NEVER); /* claimed, and not proven */
        expect_state(b, "a", RH_UPLOAD_COMPLETED, RH_REASON_NONE);
        assert_int_equal(look(b, "a").proven, for_good);
        assert_int_equal(count_kind(b, RH_ACTION_FORGET), 0);
        assert_int_equal(try_added(b, "b", RH_SIZE_UNKNOWN), for_good ? RH_OK : RH_ERR_LIMIT);
        bench_free(b);
    }
}

static void limits_are_checked_one_by_one(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct rh_limits l = rh_limits_default;
        uint32_t *const fields[] = {&l.uploads_max, &l.segments_max, &l.intervals_max,
                                    &l.parts_max};
        *fields[i] = 0;
        assert_int_equal(rh_engine_size(&l), 0);
    }
}

/* Tokens go round; 0 is nobody's. */
static void tokens_wrap_past_0(void **state)
{
    (void)state;
    struct bench *b = bench_new("live");
    b->engine->token_next = UINT32_MAX;
    tell_added(b, "a");
    assert_true(find_send(b, 0)->send.token == UINT32_MAX);
    tell_added(b, "b");
    answer_create(
        b,
        find_send(b, 0) != NULL
            ? find_send(b, 0)
            : &(struct rh_action){.kind = RH_ACTION_SEND, .send = {.token = UINT32_MAX, .kind = 1}},
        "R");
    assert_int_equal(find_send(b, 0)->send.token, 1);
    bench_free(b);
}

/* A file of 2^62 bytes: the numbers that are shown stop at their ends. */
static void numbers_of_parts_stop_at_their_ends(void **state)
{
    (void)state;
    struct bench *b = bench_new("live");
    const uint64_t size = (uint64_t)1 << 62;
    tell_kind(b, RH_EVENT_HOLD, "");
    assert_int_equal(try_added(b, "a", size), RH_OK);
    assert_int_equal(try_spooled(b, 0, size, 9), RH_OK);
    assert_int_equal(try_sealed(b, size, 9), RH_OK);
    tell_kind(b, RH_EVENT_RELEASE, "");
    struct rh_event event = {.kind = RH_EVENT_RESPONSE};
    event.response.token = find_send(b, 0)->send.token;
    event.response.outcome = RH_OUTCOME_OK;
    event.response.remote_state = RH_REMOTE_OPEN;
    event.response.retry_after_ms = RH_MS_NEVER;
    event.response.listed = true;
    event.response.acks_count = 1;
    event.response.acks[0] = (struct rh_ack){0, size - 5, 0, false, false, true};
    strcpy(event.response.remote, "R");
    bench_tell(b, event);
    assert_true(look(b, "a").parts_total == UINT32_MAX);
    assert_true(look(b, "a").parts_done == UINT32_MAX);
    assert_true(find_send(b, 0)->send.range.offset == size - 5);
    answer(b, find_send(b, 0), RH_OUTCOME_RETRY, RH_MS_NEVER);
    assert_true(look(b, "a").fault_part == UINT32_MAX);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_taken_once),
        cmocka_unit_test(segments_and_seals_must_fit),
        cmocka_unit_test(room_is_made_where_there_is_some),
        cmocka_unit_test(answers_with_more_than_fits_are_refused),
        cmocka_unit_test(a_parts_checksum_counts_when_it_was_not_known),
        cmocka_unit_test(a_lost_source_is_no_harm_once_all_is_there),
        cmocka_unit_test(a_lost_source_fails_again_when_it_is_tried_again),
        cmocka_unit_test(a_lost_source_cannot_fill_what_the_server_lost),
        cmocka_unit_test(a_tail_that_is_not_there_is_missing),
        cmocka_unit_test(removed_before_its_record_was_written),
        cmocka_unit_test(a_token_is_not_asked_for_what_is_done),
        cmocka_unit_test(a_long_time_left_is_no_overflow),
        cmocka_unit_test(room_for_uploads_is_made_with_care),
        cmocka_unit_test(an_upload_that_owes_something_does_not_give_way),
        cmocka_unit_test(what_was_not_proven_does_not_give_way),
        cmocka_unit_test(limits_are_checked_one_by_one),
        cmocka_unit_test(tokens_wrap_past_0),
        cmocka_unit_test(numbers_of_parts_stop_at_their_ends),
    };
    return cmocka_run_group_tests_name("told", tests, NULL, NULL);
}
