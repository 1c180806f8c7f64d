/* SPDX-License-Identifier: MIT */
/* Corners of sending that no other test comes to: few slots, numbered parts, odd answers. */
#include "corners.h"

/* ---- the words for faults ---- */

static void faults_have_names(void **state)
{
    (void)state;
    assert_string_equal(rh_fault_name(RH_FAULT_NONE), "");
    assert_string_equal(rh_fault_name(RH_FAULT_NETWORK), "NETWORK_ERROR");
    assert_string_equal(rh_fault_name(RH_FAULT_VALIDATION), "VALIDATION_ERROR");
    assert_string_equal(rh_fault_name((enum rh_fault)(RH_FAULT_VALIDATION + 1)), "");
}

/* Two parts fail for good, and one of them makes it in the last round: the other is what is wrong,
 * though the last answer was a success. */
static void a_part_set_aside_is_named_after_others_made_it(void **state)
{
    (void)state;
    struct rh_policy p = policy_of("live", 1000);
    p.retries_max = 0;
    p.uploads_parallel = 2;
    p.parts_parallel_all = 4;
    struct bench *b = bench_with(&p, 16);
    start(b, "b", 1000, 1000); /* another upload's part is aside too */
    for (unsigned i = 0; i < 2; i++)
        answer(b, find_send(b, 0), RH_OUTCOME_RETRY, RH_MS_NEVER);
    start(b, "a", 2000, 1000);
    for (unsigned round = 0; round < 40; round++) {
        if (find_send(b, 0) == NULL && !bench_until_send(b, 600000))
            break;
        struct rh_action sends[8];
        unsigned count = 0;
        for (; find_send(b, count) != NULL && count < 8; count++)
            sends[count] = *find_send(b, count);
        for (unsigned i = 0; i < count; i++) {
            bool first = sends[i].send.kind == RH_SEND_PART && sends[i].send.range.offset == 0;
            bool make_it = sends[i].upload[0] == 'a' && !first && round > 0;
            if (sends[i].send.kind == RH_SEND_CREATE)
                answer_create(b, &sends[i], "R-a");
            else if (make_it && sends[i].send.kind == RH_SEND_PART)
                answer_part(b, &sends[i]);
            else
                answer(b, &sends[i], RH_OUTCOME_RETRY, RH_MS_NEVER);
        }
    }
    expect_state(b, "b", RH_UPLOAD_FAILED, RH_REASON_SET_ASIDE);
    expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_SET_ASIDE);
    struct rh_snapshot s = look(b, "a");
    assert_int_equal(s.fault, RH_FAULT_CHUNK_UPLOAD);
    assert_int_equal(s.fault_part, 1);
    tell_network(b, false);
    tell_network(b, true); /* both have another chance */
    assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_ASK);
    bench_free(b);
}

/* ---- forms: the finish comes after the server has all ---- */

static void what_describes_a_video_may_be_refused(void **state)
{
    (void)state;
    static const enum rh_outcome ends[] = {RH_OUTCOME_OK, RH_OUTCOME_DONE, RH_OUTCOME_REJECTED};
    for (unsigned proof = 0; proof < 2; proof++) {
        for (unsigned i = 0; i < 3; i++) {
            struct rh_policy p = policy_of("form", 1000);
            p.traits |= RH_TRAIT_FINISH_ALWAYS | RH_TRAIT_NO_CANCEL;
            struct bench *b = bench_with(&p, 16);
            start(b, "a", 1000, 1000);
            struct rh_action part = *find_send(b, 0);
            if (proof)
                answer_done(b, &part, 1000);
            else
                answer(b, &part, RH_OUTCOME_DONE, RH_MS_NEVER);
            assert_int_equal(look(b, "a").state, RH_UPLOAD_UPLOADING);
            struct rh_action finish = *find_send(b, 0);
            assert_int_equal(finish.send.kind, RH_SEND_FINISH);
            answer(b, &finish, ends[i], RH_MS_NEVER);
            expect_state(b, "a", RH_UPLOAD_COMPLETED, RH_REASON_NONE);
            assert_int_equal(look(b, "a").proven, proof);
            bool refused = ends[i] == RH_OUTCOME_REJECTED;
            assert_int_equal(look(b, "a").error, refused ? RH_OUTCOME_REJECTED : RH_OUTCOME_NONE);
            bench_free(b);
        }
    }
}

static void a_dialect_that_cannot_cancel_is_not_asked_to(void **state)
{
    (void)state;
    struct rh_policy p = policy_of("form", 1000);
    p.traits |= RH_TRAIT_NO_CANCEL;
    struct bench *b = bench_with(&p, 16);
    start(b, "a", 1000, 1000);
    tell_kind(b, RH_EVENT_CANCEL, "a");
    assert_null(find_send(b, 0));
    assert_non_null(find_action(b, RH_ACTION_ERASE_RECORD, "a"));
    bench_free(b);
}

/* Numbered parts of a video whose size is not known yet have no numbers. */
static void fixed_parts_wait_for_the_size(void **state)
{
    (void)state;
    struct rh_policy p = policy_of("live", 1000);
    p.traits = RH_TRAIT_FIXED_PARTS;
    struct bench *b = bench_with(&p, 16);
    tell_added(b, "a");
    answer_create(b, find_send(b, 0), "R");
    tell_spooled(b, "a", 0, 1000);
    assert_null(find_send(b, 0));
    tell_sealed(b, "a", 1000);
    assert_int_equal(find_send(b, 0)->send.range.length, 1000);
    bench_free(b);
}

static void fixed_parts_are_not_begun_when_they_cannot_end(void **state)
{
    (void)state;
    struct rh_policy p = policy_of("form", 0);
    p.part_bytes = 200000;
    p.part_bytes_min = 65536; /* as much as is guessed to fit */
    struct bench *b = bench_with(&p, 16);
    tell_left(b, 1000);
    start(b, "a", 400000, 100000);
    assert_null(find_send(b, 0));
    bench_pass(b, 1001); /* it lives on */
    assert_int_equal(find_send(b, 0)->send.range.length, 200000);
    bench_free(b);
}

/* A list says that a waiting numbered part is partly there: it goes whole, as a new one. */
static void a_waiting_fixed_part_that_is_partly_there_goes_whole(void **state)
{
    (void)state;
    struct rh_policy p = policy_of("form", 2000);
    struct bench *b = bench_with(&p, 16);
    start(b, "a", 2000, 1000);
    answer(b, find_send(b, 0), RH_OUTCOME_RETRY, RH_MS_NEVER);
    tell_kind(b, RH_EVENT_LEADER_LOST, "");
    tell_kind(b, RH_EVENT_LEADER, "");
    static const uint64_t have[] = {0, 1000};
    struct rh_action ask = *find_send(b, 0);
    answer_list(b, &ask, 1, have);
    struct rh_action part = next_send(b);
    assert_int_equal(part.send.kind, RH_SEND_PART);
    assert_int_equal(part.send.range.offset, 0);
    assert_int_equal(part.send.range.length, 2000);
    bench_free(b);
}

/* ---- few slots ---- */

static void with_one_slot_everything_still_gets_through(void **state)
{
    (void)state;
    struct rh_policy p = policy_of("live", 1000);
    struct bench *b = bench_with(&p, 1);
    start(b, "a", 2000, 1000);
    struct rh_action part = *find_send(b, 0);
    answer(b, &part, RH_OUTCOME_RETRY, RH_MS_NEVER); /* it waits, and holds the only slot */
    tell_take(b, "b", 1000, 1000);
    assert_null(find_send(b, 0)); /* no slot for the create */
    tell_kind(b, RH_EVENT_PAUSE, "b");
    for (unsigned i = 0; i < 20 && look(b, "a").state != RH_UPLOAD_COMPLETED; i++) {
        struct rh_action send = next_send(b);
        if (send.send.kind == RH_SEND_PART)
            answer_part(b, &send);
        else if (send.send.kind == RH_SEND_ASK)
            answer_list(b, &send, 0, NULL);
        else
            answer_done(b, &send, 2000);
    }
    expect_state(b, "a", RH_UPLOAD_COMPLETED, RH_REASON_NONE);
    bench_free(b);
}

static void a_cancel_waits_for_a_slot(void **state)
{
    (void)state;
    struct rh_policy p = policy_of("live", 1000);
    p.uploads_parallel = 2;
    struct bench *b = bench_with(&p, 1);
    tell_added(b, "a");
    answer_create(b, find_send(b, 0), "R-a");
    tell_added(b, "b");
    struct rh_action create = *find_send(b, 0); /* in the only slot */
    tell_kind(b, RH_EVENT_CANCEL, "a");
    assert_null(find_send(b, 0));
    answer_create(b, &create, "R-b");
    assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_CANCEL);
    bench_free(b);
}

/* ---- answers that are not what was asked for ---- */

static void receipts_of_other_ranges_are_no_receipts(void **state)
{
    (void)state;
    static const struct {
        uint64_t offset;
        uint64_t length;
        uint64_t acked;
        enum rh_outcome error;
    } table[] = {
        {0, 1000, 1000, RH_OUTCOME_NONE},
        {0, 2000, 2000, RH_OUTCOME_NONE},    /* more than was sent is there */
        {0, 500, 500, RH_OUTCOME_NONE},      /* less, and so much is believed */
        {5000, 0, 0, RH_OUTCOME_MALFORMED},  /* of nothing */
        {1000, 1000, 1000, RH_OUTCOME_NONE}, /* of another part, which is news too */
    };
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct rh_policy p = policy_of("sequential", 1000);
        struct bench *b = bench_with(&p, 16);
        start(b, "a", 3000, 1000);
        struct rh_event event = response_to(find_send(b, 0), RH_OUTCOME_OK);
        event.response.acks_count = 1;
        event.response.acks[0] = (struct rh_ack){table[i].offset,
                                                 table[i].length,
                                                 pattern_crc(table[i].offset, table[i].length),
                                                 true,
                                                 true,
                                                 true};
        bench_tell(b, event);
        assert_int_equal(look(b, "a").acked_bytes, table[i].acked);
        assert_int_equal(look(b, "a").error, table[i].error);
        bench_free(b);
    }
}

/* A repeated receipt brings no new bytes, and is one all the same. */
static void a_receipt_of_what_is_known_is_a_receipt(void **state)
{
    (void)state;
    struct rh_policy p = policy_of("live", 1000);
    struct bench *b = bench_with(&p, 16);
    start(b, "a", 3000, 1000);
    struct rh_action first = *find_send(b, 0);
    struct rh_action second = *find_send(b, 1);
    struct rh_event event = response_to(&first, RH_OUTCOME_OK);
    event.response.acks_count = 1;
    event.response.acks[0] = (struct rh_ack){0, 2000, pattern_crc(0, 2000), true, true, true};
    bench_tell(b, event);
    answer_part(b, &second);
    assert_int_equal(look(b, "a").error, RH_OUTCOME_NONE);
    assert_int_equal(look(b, "a").acked_bytes, 2000);
    bench_free(b);
}

static void done_is_proven_by_a_word_over_the_whole_alone(void **state)
{
    (void)state;
    static const struct rh_ack words[] = {
        {.offset = 5, .length = 995, .crc_known = true, .durable = true},
        {.length = 1000, .crc64 = 1, .durable = true},
        {.length = 1000, .crc64 = 1, .crc_known = true},
    };
    for (unsigned i = 0; i < 3; i++) {
        struct rh_policy p = policy_of("sequential", 0);
        struct bench *b = bench_with(&p, 16);
        start(b, "a", 1000, 1000);
        struct rh_event event = response_to(find_send(b, 0), RH_OUTCOME_DONE);
        event.response.acks_count = 1;
        event.response.acks[0] = words[i];
        bench_tell(b, event);
        expect_state(b, "a", RH_UPLOAD_COMPLETED, RH_REASON_NONE);
        assert_false(look(b, "a").proven);
        bench_free(b);
    }
}

static void a_create_without_a_name_is_tried_again(void **state)
{
    (void)state;
    struct rh_policy p = policy_of("sequential", 0);
    struct bench *b = bench_with(&p, 16);
    tell_take(b, "a", 1000, 1000);
    struct rh_event event = response_to(find_send(b, 0), RH_OUTCOME_OK);
    event.response.listed = true;
    bench_tell(b, event);
    expect_state(b, "a", RH_UPLOAD_PENDING, RH_REASON_MALFORMED);
    assert_int_equal(next_send(b).send.kind, RH_SEND_CREATE);
    bench_free(b);
}

/* The create that is repeated after bare "not found"s. */
static struct rh_action until_recheck(struct bench *b)
{
    struct rh_action send = next_send(b);
    for (unsigned i = 0; send.send.kind != RH_SEND_CREATE; i++) {
        assert_true(i < 10);
        answer(b, &send, RH_OUTCOME_GONE_BARE, RH_MS_NEVER);
        send = next_send(b);
    }
    return send;
}

static void a_repeated_create_may_find_it_done_or_say_nothing(void **state)
{
    (void)state;
    struct rh_policy p = policy_of("patient", 1000);
    struct bench *b = bench_with(&p, 16);
    start(b, "a", 2000, 1000);
    struct rh_action create = until_recheck(b);
    struct rh_event event = response_to(&create, RH_OUTCOME_OK);
    bench_tell(b, event); /* no name: the old one stands */
    assert_string_equal(next_send(b).send.remote, "R-a");
    bench_free(b);
    b = bench_with(&p, 16);
    start(b, "a", 2000, 1000);
    create = until_recheck(b);
    event = response_to(&create, RH_OUTCOME_DONE);
    strcpy(event.response.remote, "R-other");
    event.response.acks_count = 1;
    event.response.acks[0] = (struct rh_ack){0, 2000, pattern_crc(0, 2000), true, true, true};
    bench_tell(b, event);
    expect_state(b, "a", RH_UPLOAD_COMPLETED, RH_REASON_NONE);
    assert_true(look(b, "a").proven);
    bench_free(b);
}

/* The server has a new, empty one, and bytes were freed for the old one's receipts. */
static void another_upload_there_fails_when_bytes_are_gone(void **state)
{
    (void)state;
    struct rh_policy p = policy_of("patient", 1000);
    p.keep = RH_KEEP_UNTIL_RECEIPT;
    struct bench *b = bench_with(&p, 16);
    start(b, "a", 2000, 1000);
    answer_part(b, find_send(b, 0));
    assert_int_equal(count_kind(b, RH_ACTION_FORGET), 1);
    struct rh_action create = until_recheck(b);
    answer_create(b, &create, "R-other");
    expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_BYTES_MISSING);
    bench_free(b);
    /* The same where the server says it itself. */
    b = bench_with(&p, 16);
    start(b, "a", 2000, 1000);
    answer_part(b, find_send(b, 0));
    struct rh_action part = *find_send(b, 0);
    answer(b, &part, RH_OUTCOME_GONE, RH_MS_NEVER);
    expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_BYTES_MISSING);
    bench_free(b);
}

/* The create is not repeated beside parts in flight. */
static void a_recheck_waits_for_parts_in_flight(void **state)
{
    (void)state;
    struct rh_policy p = policy_of("live", 1000);
    p.parts_parallel = p.parts_parallel_all = 4;
    p.probe = false;
    struct bench *b = bench_with(&p, 16);
    start(b, "a", 4000, 1000);
    struct rh_action parts[4];
    for (unsigned i = 0; i < 4; i++)
        parts[i] = *find_send(b, i);
    for (unsigned i = 0; i < 3; i++) {
        answer(b, &parts[i], RH_OUTCOME_GONE_BARE, RH_MS_NEVER);
        assert_null(find_send(b, 0));
    }
    answer_part(b, &parts[3]);
    assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_CREATE);
    bench_free(b);
}

/* Refused finishes in a row are waited for; a server that breaks bodies off is asked. */
static void a_finish_refused_twice_waits(void **state)
{
    (void)state;
    struct rh_policy p = policy_of("sequential", 0);
    struct bench *b = bench_with(&p, 16);
    start(b, "a", 1000, 1000);
    answer_part(b, find_send(b, 0));
    static const uint64_t all[] = {0, 1000};
    for (unsigned i = 0; i < 2; i++) {
        struct rh_action finish = *find_send(b, 0);
        assert_int_equal(finish.send.kind, RH_SEND_FINISH);
        bench_tell(b, response_to(&finish, RH_OUTCOME_INCOMPLETE));
        if (i == 0)
            answer_list(b, find_send(b, 0), 1, all);
    }
    assert_null(find_send(b, 0));
    expect_state(b, "a", RH_UPLOAD_PENDING, RH_REASON_BACKOFF);
    assert_int_equal(next_send(b).send.kind, RH_SEND_ASK);
    bench_free(b);
}

static void a_body_that_broke_off_on_the_way_counts_as_a_break(void **state)
{
    (void)state;
    static const uint16_t statuses[] = {400, 408, 500};
    for (unsigned i = 0; i < 3; i++) {
        struct rh_policy p = policy_of("sequential", 0);
        struct bench *b = bench_with(&p, 16);
        start(b, "a", 1000000, 1000000);
        for (unsigned n = 0; n < 2; n++) {
            struct rh_action part = next_send(b);
            struct rh_event event = response_to(&part, RH_OUTCOME_RETRY);
            event.response.status = statuses[i];
            bench_tell(b, event);
        }
        enum rh_send_kind kind = next_send(b).send.kind;
        assert_int_equal(kind, statuses[i] == 500 ? RH_SEND_PART : RH_SEND_ASK);
        bench_free(b);
    }
}

static void a_cancel_of_one_who_lost_the_lead_leaves_it_to_the_next(void **state)
{
    (void)state;
    struct rh_policy p = policy_of("sequential", 0);
    struct bench *b = bench_with(&p, 16);
    start(b, "a", 1000, 1000);
    tell_kind(b, RH_EVENT_CANCEL, "a");
    struct rh_action cancel = *find_send(b, 0);
    answer(b, &cancel, RH_OUTCOME_STALE_WRITER, RH_MS_NEVER);
    assert_null(find_action(b, RH_ACTION_ERASE_RECORD, "a"));
    assert_false(bench_until_send(b, 600000));
    tell_kind(b, RH_EVENT_LEADER, "");
    assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_CANCEL);
    bench_free(b);
}

static void ends_are_ends(void **state)
{
    (void)state;
    struct rh_policy p = policy_of("sequential", 0);
    struct bench *b = bench_with(&p, 16);
    start(b, "a", 1000, 1000);
    answer_done(b, find_send(b, 0), 1000);
    assert_int_equal(bench_try(b, event_of(RH_EVENT_CANCEL, "a")), RH_ERR_STATE);
    tell_added(b, "b");
    struct rh_event method = event_of(RH_EVENT_METHOD, "b");
    memset(method.method.name, 'm', RH_METHOD_MAX);
    method.method.name[RH_METHOD_MAX] = 0;
    bench_tell(b, method);                                      /* the longest */
    memset(method.method.name, 'm', sizeof method.method.name); /* no NUL at all */
    assert_int_equal(bench_try(b, method), RH_ERR_SYNTAX);
    strcpy(method.method.name, "");
    assert_int_equal(bench_try(b, method), RH_ERR_SYNTAX);
    method = event_of(RH_EVENT_METHOD, "a");
    strcpy(method.method.name, "form");
    assert_int_equal(bench_try(b, method), RH_ERR_STATE);
    bench_free(b);
}

/* An answer without a generation, or of an upload that has none, distrusts nothing. */
static void an_upload_of_no_generation_is_not_distrusted(void **state)
{
    (void)state;
    struct rh_policy p = policy_of("live", 0);
    p.uploads_parallel = 2;
    struct bench *b = bench_with(&p, 16);
    tell_added(b, "a");
    answer_create(b, find_send(b, 0), "R-a"); /* says no generation */
    tell_added(b, "b");
    struct rh_event event = response_to(find_send(b, 0), RH_OUTCOME_OK);
    event.response.listed = true;
    strcpy(event.response.remote, "R-b");
    strcpy(event.response.generation, "g1");
    bench_tell(b, event);
    tell_spooled(b, "a", 0, 1000);
    assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_PART); /* not asked about */
    bench_free(b);
}

/* A portal's page says 200 to everything. */
static void done_of_somebody_else_is_not_believed(void **state)
{
    (void)state;
    struct rh_policy p = policy_of("never-give-up", 0);
    struct bench *b = bench_with(&p, 16);
    start(b, "a", 2000, 1000);
    struct rh_action send = next_send(b);
    struct rh_event event = response_to(&send, RH_OUTCOME_OK);
    strcpy(event.response.generation, "g1");
    bench_tell(b, event);
    for (unsigned said = 0; said < 2; said++) {
        send = next_send(b);
        event = response_to(&send, RH_OUTCOME_DONE);
        strcpy(event.response.generation, said ? "g1" : "");
        bench_tell(b, event);
        assert_int_equal(look(b, "a").state == RH_UPLOAD_COMPLETED, said);
    }
    bench_free(b);
}

/* Bytes that never fit their checksum step aside where retries have no end, however they count. */
static void damage_for_good_steps_aside(void **state)
{
    (void)state;
    for (unsigned per_part = 0; per_part < 2; per_part++) {
        struct rh_policy p = policy_of("never-give-up", 1000);
        p.retry_parts = per_part;
        p.parts_parallel = 1;
        struct bench *b = bench_with(&p, 16);
        start(b, "a", 2000, 1000);
        unsigned tries = 0;
        for (unsigned i = 0; i < 60 && look(b, "a").set_aside == 0; i++) {
            struct rh_action send = next_send(b);
            if (send.send.kind == RH_SEND_ASK) {
                answer_list(b, &send, 0, NULL);
            } else if (send.send.range.offset == 0) {
                tries++;
                answer(b, &send, RH_OUTCOME_CHECKSUM_MISMATCH, RH_MS_NEVER);
            } else {
                answer_part(b, &send);
            }
        }
        assert_int_equal(look(b, "a").set_aside, 1);
        assert_in_range(tries, 2, 20);
        bench_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_have_names),
        cmocka_unit_test(a_part_set_aside_is_named_after_others_made_it),
        cmocka_unit_test(what_describes_a_video_may_be_refused),
        cmocka_unit_test(a_dialect_that_cannot_cancel_is_not_asked_to),
        cmocka_unit_test(fixed_parts_wait_for_the_size),
        cmocka_unit_test(fixed_parts_are_not_begun_when_they_cannot_end),
        cmocka_unit_test(a_waiting_fixed_part_that_is_partly_there_goes_whole),
        cmocka_unit_test(with_one_slot_everything_still_gets_through),
        cmocka_unit_test(a_cancel_waits_for_a_slot),
        cmocka_unit_test(receipts_of_other_ranges_are_no_receipts),
        cmocka_unit_test(a_receipt_of_what_is_known_is_a_receipt),
        cmocka_unit_test(done_is_proven_by_a_word_over_the_whole_alone),
        cmocka_unit_test(a_create_without_a_name_is_tried_again),
        cmocka_unit_test(a_repeated_create_may_find_it_done_or_say_nothing),
        cmocka_unit_test(another_upload_there_fails_when_bytes_are_gone),
        cmocka_unit_test(a_recheck_waits_for_parts_in_flight),
        cmocka_unit_test(a_finish_refused_twice_waits),
        cmocka_unit_test(a_body_that_broke_off_on_the_way_counts_as_a_break),
        cmocka_unit_test(a_cancel_of_one_who_lost_the_lead_leaves_it_to_the_next),
        cmocka_unit_test(ends_are_ends),
        cmocka_unit_test(an_upload_of_no_generation_is_not_distrusted),
        cmocka_unit_test(done_of_somebody_else_is_not_believed),
        cmocka_unit_test(damage_for_good_steps_aside),
    };
    return cmocka_run_group_tests_name("corners", tests, NULL, NULL);
}
