/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <stdio.h>

#define KIB 1024u
#define MIB (1024u * KIB)

static void gone_starts_again_when_all_bytes_are_held(void **state)
{
    (void)state;
    struct bench *b = bench_new("sequential");
    start(b, "a", 3000, 1000);
    answer(b, find_send(b, 0), RH_OUTCOME_GONE, RH_MS_NEVER);
    assert_true(find_send(b, 0) != NULL || bench_until_send(b, 1000));
    const struct rh_action *send = find_send(b, 0);
    assert_int_equal(send->send.kind, RH_SEND_CREATE);
    assert_string_equal(send->send.remote, "");
    answer_create(b, send, "R2");
    assert_int_equal(find_send(b, 0)->send.range.length, 3000);
    answer_done(b, find_send(b, 0), 3000);
    expect_state(b, "a", RH_UPLOAD_COMPLETED, RH_REASON_NONE);
    bench_free(b);
}

static struct bench *freeing_bench(void)
{
    struct rh_policy p = *rh_policy_find(rh_bytes_of("live"));
    p.keep = RH_KEEP_UNTIL_RECEIPT;
    struct bench *b = bench_of(&p, &rh_limits_default);
    tell_kind(b, RH_EVENT_LEADER, "");
    return b;
}

static void gone_fails_when_bytes_were_freed(void **state)
{
    (void)state;
    struct bench *b = freeing_bench();
    tell_added(b, "a");
    answer_create(b, find_send(b, 0), "R");
    tell_spooled(b, "a", 0, 1000);
    answer_part(b, find_send(b, 0));
    const struct rh_action *forget = find_action(b, RH_ACTION_FORGET, "a");
    assert_non_null(forget);
    assert_false(forget->forget.whole);
    assert_int_equal(forget->forget.range.length, 1000);
    tell_spooled(b, "a", 1000, 1000);
    answer(b, find_send(b, 0), RH_OUTCOME_GONE, RH_MS_NEVER);
    expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_BYTES_MISSING);
    bench_free(b);
}

/* It is sent whole again, so a prefix of it that was kept is needed until the rest is there too. */
static void a_fixed_part_is_forgotten_as_a_whole(void **state)
{
    (void)state;
    struct rh_policy p = *rh_policy_find(rh_bytes_of("form"));
    p.keep = RH_KEEP_UNTIL_RECEIPT;
    p.part_bytes = 2000;
    p.part_bytes_min = 2000;
    struct bench *b = bench_of(&p, &rh_limits_default);
    tell_kind(b, RH_EVENT_LEADER, "");
    start(b, "a", 3000, 1000);
    assert_int_equal(find_send(b, 0)->send.range.length, 2000);
    tell_kind(b, RH_EVENT_LEADER_LOST, "");
    tell_kind(b, RH_EVENT_LEADER, "");
    struct rh_action ask = *find_send(b, 0);
    assert_int_equal(ask.send.kind, RH_SEND_ASK);
    struct rh_event event = {.kind = RH_EVENT_RESPONSE};
    event.response.token = ask.send.token;
    event.response.outcome = RH_OUTCOME_OK;
    event.response.remote_state = RH_REMOTE_OPEN;
    event.response.retry_after_ms = RH_MS_NEVER;
    event.response.listed = true;
    event.response.acks_count = 1;
    event.response.acks[0] = (struct rh_ack){0, 1000, pattern_crc(0, 1000), true, true, true};
    bench_tell(b, event);
    assert_null(find_action(b, RH_ACTION_FORGET, "a"));
    assert_int_equal(find_send(b, 0)->send.range.offset, 0);
    assert_int_equal(find_send(b, 0)->send.range.length, 2000);
    answer_part(b, find_send(b, 0));
    assert_int_equal(find_action(b, RH_ACTION_FORGET, "a")->forget.range.length, 2000);
    bench_free(b);
}

static void nothing_is_forgotten_before_a_good_receipt(void **state)
{
    (void)state;
    struct bench *b = freeing_bench();
    tell_added(b, "a");
    answer_create(b, find_send(b, 0), "R");
    tell_spooled(b, "a", 0, 1000);
    for (unsigned flaw = 0; flaw < 4; flaw++) {
        const struct rh_action *send = find_send(b, 0);
        assert_non_null(send);
        struct rh_event event = {.kind = RH_EVENT_RESPONSE};
        event.response.token = send->send.token;
        event.response.outcome = RH_OUTCOME_OK;
        event.response.remote_state = RH_REMOTE_OPEN;
        event.response.retry_after_ms = RH_MS_NEVER;
        event.response.acks_count = 1;
        /* 0: wrong checksum; 1: no checksum; 2: not kept; 3: not durable */
        event.response.acks[0] = (struct rh_ack){
            send->send.range.offset,
            send->send.range.length,
            pattern_crc(send->send.range.offset, send->send.range.length) ^ (flaw == 0),
            flaw != 1,
            flaw != 2,
            flaw != 3};
        bench_tell(b, event);
        assert_int_equal(count_kind(b, RH_ACTION_FORGET), 0);
        if (flaw == 0) { /* taken for damage on the way: sent again */
            assert_int_equal(look(b, "a").mismatches, 1);
            assert_int_equal(look(b, "a").acked_bytes, 0);
            assert_true(bench_until_send(b, 5000));
        } else {
            tell_spooled(b, "a", flaw * 1000, 1000);
        }
    }
    assert_int_equal(look(b, "a").acked_bytes, 3000);
    bench_free(b);
}

/* A sender that was restarted asks: what the list says is kept may go, and nothing else. */
static void a_list_that_says_kept_is_as_good_as_receipts(void **state)
{
    (void)state;
    for (unsigned kept = 0; kept < 2; kept++) {
        struct bench *b = freeing_bench();
        tell_added(b, "a");
        answer_create(b, find_send(b, 0), "R");
        tell_kind(b, RH_EVENT_LEADER_LOST, "");
        tell_spooled(b, "a", 0, 1000);
        tell_spooled(b, "a", 1000, 1000);
        tell_kind(b, RH_EVENT_LEADER, "");
        struct rh_action ask = *find_send(b, 0);
        assert_int_equal(ask.send.kind, RH_SEND_ASK);
        struct rh_event event = {.kind = RH_EVENT_RESPONSE};
        event.response.token = ask.send.token;
        event.response.outcome = RH_OUTCOME_OK;
        event.response.remote_state = RH_REMOTE_OPEN;
        event.response.retry_after_ms = RH_MS_NEVER;
        event.response.listed = true;
        event.response.acks_count = 1;
        event.response.acks[0] =
            (struct rh_ack){0, 1000, pattern_crc(0, 1000), true, kept == 1, true};
        bench_tell(b, event);
        const struct rh_action *forget = find_action(b, RH_ACTION_FORGET, "a");
        assert_int_equal(forget != NULL, kept);
        assert_true(forget == NULL || forget->forget.range.length == 1000);
        bench_free(b);
    }
}

static void expect_doubt_after(enum rh_outcome last)
{
    struct rh_policy p = *rh_policy_find(rh_bytes_of("live"));
    p.keep = RH_KEEP_UNTIL_PROVEN; /* until storage is short */
    p.free_under_pressure = true;
    p.uploads_parallel = 2;
    struct bench *b = bench_of(&p, &rh_limits_default);
    tell_kind(b, RH_EVENT_LEADER, "");
    struct rh_event event = {.kind = RH_EVENT_RESPONSE};
    static const char *const ids[] = {"a", "b", "a", "b"};
    static const char *const generations[] = {"g1", "g1", "g1", "g2"};
    for (unsigned i = 0; i < 4; i++) {
        if (i < 2)
            tell_added(b, ids[i]);
        else
            tell_spooled(b, ids[i], 0, 1000);
        struct rh_action send = *find_action(b, RH_ACTION_SEND, ids[i]);
        memset(&event, 0, sizeof event);
        event.kind = RH_EVENT_RESPONSE;
        event.response.token = send.send.token;
        event.response.outcome = i < 3 ? RH_OUTCOME_OK : last;
        event.response.remote_state = RH_REMOTE_OPEN;
        event.response.retry_after_ms = RH_MS_NEVER;
        event.response.listed = i < 2;
        strcpy(event.response.generation, generations[i]);
        snprintf(event.response.remote, sizeof event.response.remote, "R%s", ids[i]);
        if (i == 2 || (i == 3 && last == RH_OUTCOME_OK)) {
            event.response.acks_count = 1;
            event.response.acks[0] =
                (struct rh_ack){0, 1000, pattern_crc(0, 1000), true, true, true};
        }
        bench_tell(b, event);
    }
    const struct rh_action *ask = find_action(b, RH_ACTION_SEND, "a");
    assert_true(ask != NULL && ask->send.kind == RH_SEND_ASK);
    struct rh_event storage = {.kind = RH_EVENT_STORAGE};
    storage.storage.level = RH_PRESSURE_CRITICAL;
    struct rh_action copy = *ask;
    bench_tell(b, storage);
    assert_null(find_action(b, RH_ACTION_FORGET, "a")); /* vouched for by the old one alone */
    answer_list(b, &copy, 0, NULL);                     /* and the new one has nothing */
    const struct rh_action *part = find_action(b, RH_ACTION_SEND, "a");
    assert_true(part != NULL && part->send.kind == RH_SEND_PART);
    assert_int_equal(part->send.range.length, 1000);
    bench_free(b);
}

static void another_uploads_answer_tells_of_the_new_generation(void **state)
{
    (void)state;
    expect_doubt_after(RH_OUTCOME_OK);
    expect_doubt_after(RH_OUTCOME_STORAGE_FULL); /* a refusal tells it as well */
    expect_doubt_after(RH_OUTCOME_CHECKSUM_MISMATCH);
}

static void completed_without_proof_keeps_the_bytes(void **state)
{
    (void)state;
    struct bench *b = bench_new("sequential");
    start(b, "a", 3000, 1000);
    answer(b, find_send(b, 0), RH_OUTCOME_DONE, RH_MS_NEVER);
    expect_state(b, "a", RH_UPLOAD_COMPLETED, RH_REASON_NONE);
    assert_false(look(b, "a").proven);
    assert_int_equal(count_kind(b, RH_ACTION_FORGET), 0);
    bench_free(b);
}

static void done_with_other_bytes_is_a_conflict(void **state)
{
    (void)state;
    for (unsigned shorter = 0; shorter < 2; shorter++) {
        struct bench *b = bench_new("sequential");
        start(b, "a", 3000, 1000);
        struct rh_event event = {.kind = RH_EVENT_RESPONSE};
        event.response.token = find_send(b, 0)->send.token;
        event.response.outcome = RH_OUTCOME_DONE;
        event.response.acks_count = 1;
        event.response.acks[0] =
            (struct rh_ack){0, 3000 - shorter, pattern_crc(0, 3000) ^ 1, true, true, true};
        bench_tell(b, event);
        expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_CONFLICT);
        assert_int_equal(count_kind(b, RH_ACTION_FORGET), 0);
        bench_free(b);
    }
}

static void a_lost_source_fails_at_once(void **state)
{
    (void)state;
    struct bench *b = bench_new("never-give-up");
    start(b, "a", 3000, 1000);
    tell_kind(b, RH_EVENT_SOURCE_LOST, "a");
    assert_int_equal(count_kind(b, RH_ACTION_ABORT), 1);
    expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_BYTES_MISSING);
    bench_free(b);
}

static void segments_that_are_gone_after_a_restart_fail_it(void **state)
{
    (void)state;
    struct bench *b = bench_new("never-give-up");
    tell_added(b, "a");
    answer_create(b, find_send(b, 0), "R");
    tell_spooled(b, "a", 1000, 1000); /* where are the first 1000? */
    expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_BYTES_MISSING);
    bench_free(b);
}

static void offline_is_a_state_and_spends_nothing(void **state)
{
    (void)state;
    struct bench *b = bench_new("never-give-up");
    start(b, "a", 3000, 1000);
    tell_network(b, false);
    assert_int_equal(count_kind(b, RH_ACTION_ABORT), 1);
    expect_state(b, "a", RH_UPLOAD_PAUSED, RH_REASON_OFFLINE);
    assert_false(bench_until_send(b, 600000));
    assert_int_equal(look(b, "a").attempts, 0);
    tell_network(b, true);
    assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_ASK);
    bench_free(b);
}

static void an_unreachable_server_shows_as_offline_and_reconnect_ends_the_wait(void **state)
{
    (void)state;
    struct bench *b = bench_new("never-give-up");
    start(b, "a", 3000, 1000);
    tell_broken(b, find_send(b, 0)->send.token);
    expect_state(b, "a", RH_UPLOAD_PAUSED, RH_REASON_OFFLINE);
    assert_true(look(b, "a").retry_at_ms > b->now);
    tell_network(b, true);
    assert_non_null(find_send(b, 0));
    bench_free(b);
}

static void a_sibling_that_breaks_does_not_cut_a_retry_after_short(void **state)
{
    (void)state;
    struct bench *b = bench_new("live");
    start(b, "a", 3 * MIB, 500 * KIB);
    struct rh_action busy = *find_send(b, 0);
    struct rh_action breaks = *find_send(b, 1);
    answer(b, &busy, RH_OUTCOME_TOO_BUSY, 600000);
    rh_ms until = b->now + 600000;
    tell_broken(b, breaks.send.token);
    tell_network(b, false);
    tell_network(b, true);
    while (b->now < until) {
        for (const struct rh_action *send; (send = find_send(b, 0)) != NULL;) {
            assert_true(send->send.kind != RH_SEND_PART ||
                        send->send.range.offset != busy.send.range.offset);
            struct rh_action copy = *send;
            if (copy.send.kind == RH_SEND_PART)
                answer_part(b, &copy);
            else
                answer_list(b, &copy, 0, NULL);
        }
        if (!bench_until_send(b, until - b->now))
            break;
        if (b->now >= until)
            break;
    }
    bench_free(b);
}

static void storage_full_is_a_state(void **state)
{
    (void)state;
    struct bench *b = bench_new("never-give-up");
    start(b, "a", 3000, 1000);
    for (unsigned i = 0; i < 20; i++) {
        answer(b, find_send(b, 0), RH_OUTCOME_STORAGE_FULL, 5000);
        expect_state(b, "a", RH_UPLOAD_PAUSED, RH_REASON_QUOTA);
        assert_int_equal(look(b, "a").attempts, 0);
        rh_ms from = b->now;
        assert_true(bench_until_send(b, 60000));
        assert_int_equal(b->now - from, 5000);
    }
    answer_done(b, find_send(b, 0), 3000);
    expect_state(b, "a", RH_UPLOAD_COMPLETED, RH_REASON_NONE);
    bench_free(b);
}

static void a_refused_token_asks_for_a_fresh_one_with_growing_pauses(void **state)
{
    (void)state;
    struct bench *b = bench_new("never-give-up");
    start(b, "a", 3000, 1000);
    answer(b, find_send(b, 0), RH_OUTCOME_UNAUTHORIZED, RH_MS_NEVER);
    assert_int_equal(count_kind(b, RH_ACTION_NEED_TOKEN), 1);
    expect_state(b, "a", RH_UPLOAD_PAUSED, RH_REASON_AUTH);
    assert_false(bench_until_send(b, 60000));
    tell_kind(b, RH_EVENT_TOKEN, "");
    answer(b, find_send(b, 0), RH_OUTCOME_FORBIDDEN, RH_MS_NEVER);
    assert_int_equal(count_kind(b, RH_ACTION_NEED_TOKEN), 0); /* not at once again */
    unsigned asked = 0;
    for (unsigned i = 0; i < 4000 && asked == 0; i++) {
        bench_pass(b, 1);
        asked = count_kind(b, RH_ACTION_NEED_TOKEN);
    }
    assert_int_equal(asked, 1);
    tell_kind(b, RH_EVENT_TOKEN, "");
    answer_done(b, find_send(b, 0), 3000);
    expect_state(b, "a", RH_UPLOAD_COMPLETED, RH_REASON_NONE);
    bench_free(b);
}

static void a_stale_writer_stops_everything(void **state)
{
    (void)state;
    struct bench *b = bench_new("live");
    start(b, "a", 3 * MIB, 500 * KIB);
    assert_non_null(find_send(b, 1));
    uint32_t other = find_send(b, 1)->send.token;
    answer(b, find_send(b, 0), RH_OUTCOME_STALE_WRITER, RH_MS_NEVER);
    assert_int_equal(find_action(b, RH_ACTION_ABORT, "")->abort.token, other);
    expect_state(b, "a", RH_UPLOAD_PENDING, RH_REASON_NOT_LEADER);
    assert_false(bench_until_send(b, 60000));
    tell_kind(b, RH_EVENT_LEADER, "");
    assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_ASK);
    bench_free(b);
}

static void different_bytes_are_asked_about_once(void **state)
{
    (void)state;
    struct bench *b = bench_new("sequential");
    start(b, "a", 3000, 1000);
    answer(b, find_send(b, 0), RH_OUTCOME_DIFFERENT_BYTES, RH_MS_NEVER);
    assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_ASK);
    answer_list(b, find_send(b, 0), 0, NULL);
    answer(b, find_send(b, 0), RH_OUTCOME_DIFFERENT_BYTES, RH_MS_NEVER);
    expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_CONFLICT);
    bench_free(b);
}

static void a_refused_finish_sends_what_is_missing(void **state)
{
    (void)state;
    struct bench *b = bench_new("sequential");
    start(b, "a", 3000, 1000);
    answer_part(b, find_send(b, 0));
    assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_FINISH);
    struct rh_event event = {.kind = RH_EVENT_RESPONSE};
    event.response.token = find_send(b, 0)->send.token;
    event.response.outcome = RH_OUTCOME_INCOMPLETE;
    event.response.retry_after_ms = RH_MS_NEVER;
    event.response.missing_count = 1;
    event.response.missing[0] = (struct rh_range){1000, 1000};
    bench_tell(b, event);
    assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_ASK);
    static const uint64_t have[] = {0, 1000, 2000, 1000};
    answer_list(b, find_send(b, 0), 2, have);
    assert_int_equal(find_send(b, 0)->send.range.offset, 1000);
    assert_int_equal(find_send(b, 0)->send.range.length, 1000);
    bench_free(b);
}

static void a_new_generation_is_asked_and_old_acks_are_not_trusted(void **state)
{
    (void)state;
    struct bench *b = bench_new("live");
    tell_added(b, "a");
    struct rh_event event = {.kind = RH_EVENT_RESPONSE};
    for (unsigned i = 0; i < 3; i++) {
        const struct rh_action *send = find_send(b, 0);
        memset(&event, 0, sizeof event);
        event.kind = RH_EVENT_RESPONSE;
        event.response.token = send->send.token;
        event.response.outcome = RH_OUTCOME_OK;
        event.response.remote_state = RH_REMOTE_OPEN;
        event.response.retry_after_ms = RH_MS_NEVER;
        strcpy(event.response.remote, "R");
        strcpy(event.response.generation, i < 2 ? "g1" : "g2");
        event.response.listed = i == 0;
        if (i > 0) {
            struct rh_range r = send->send.range;
            event.response.acks_count = 1;
            event.response.acks[0] = (struct rh_ack){
                r.offset, r.length, pattern_crc(r.offset, r.length), true, true, true};
        }
        bench_tell(b, event);
        if (i < 2)
            tell_spooled(b, "a", i * 1000, 1000);
    }
    assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_ASK);
    static const uint64_t have[] = {1000, 1000};
    answer_list(b, find_send(b, 0), 1, have);
    assert_int_equal(find_send(b, 0)->send.range.offset, 0); /* lost with the old generation */
    bench_free(b);
}

static void silence_is_a_time_out_and_progress_is_not(void **state)
{
    (void)state;
    struct bench *b = bench_new("sequential");
    start(b, "a", MIB, 256 * KIB);
    uint32_t token = find_send(b, 0)->send.token;
    for (unsigned i = 1; i <= 10; i++) { /* ten minutes, slowly */
        bench_pass(b, 59000);
        assert_int_equal(count_kind(b, RH_ACTION_ABORT), 0);
        tell_progress(b, token, i * 1000);
    }
    bench_pass(b, 59999);
    assert_int_equal(count_kind(b, RH_ACTION_ABORT), 0);
    bench_pass(b, 1);
    assert_int_equal(find_action(b, RH_ACTION_ABORT, "")->abort.token, token);
    assert_int_equal(look(b, "a").error, RH_OUTCOME_TIMEOUT);
    tell_broken(b, token); /* too late, ignored */
    assert_int_equal(look(b, "a").attempts, 1);
    bench_free(b);
}

static void a_cancel_deletes_on_both_ends(void **state)
{
    (void)state;
    struct bench *b = bench_new("sequential");
    start(b, "a", 3000, 1000);
    tell_kind(b, RH_EVENT_CANCEL, "a");
    assert_int_equal(count_kind(b, RH_ACTION_ABORT), 1);
    assert_true(find_action(b, RH_ACTION_FORGET, "a")->forget.whole);
    const struct rh_action *send = find_send(b, 0);
    assert_int_equal(send->send.kind, RH_SEND_CANCEL);
    answer(b, send, RH_OUTCOME_OK, RH_MS_NEVER);
    assert_non_null(find_action(b, RH_ACTION_ERASE_RECORD, "a"));
    expect_state(b, "a", RH_UPLOAD_CANCELLED, RH_REASON_USER);
    tell_kind(b, RH_EVENT_REMOVE, "a");
    struct rh_snapshot s;
    assert_int_equal(rh_engine_look(b->engine, rh_bytes_of("a"), &s), RH_ERR_UNKNOWN);
    bench_free(b);
}

static void a_known_size_completed_before_the_seal_is_verified_after_it(void **state)
{
    (void)state;
    struct bench *b = bench_new("never-give-up");
    struct rh_event added = event_of(RH_EVENT_ADDED, "a");
    added.added.size = 1000;
    bench_tell(b, added);
    answer_create(b, find_send(b, 0), "R");
    tell_spooled(b, "a", 0, 1000);
    assert_true(bench_until_send(b, 5000));
    assert_true(find_send(b, 0)->send.final);
    answer_done(b, find_send(b, 0), 1000);
    assert_int_not_equal(look(b, "a").state, RH_UPLOAD_COMPLETED);
    tell_sealed(b, "a", 1000);
    assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_ASK);
    answer_done(b, find_send(b, 0), 1000);
    assert_true(look(b, "a").proven);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gone_starts_again_when_all_bytes_are_held),
        cmocka_unit_test(gone_fails_when_bytes_were_freed),
        cmocka_unit_test(a_fixed_part_is_forgotten_as_a_whole),
        cmocka_unit_test(nothing_is_forgotten_before_a_good_receipt),
        cmocka_unit_test(a_list_that_says_kept_is_as_good_as_receipts),
        cmocka_unit_test(another_uploads_answer_tells_of_the_new_generation),
        cmocka_unit_test(completed_without_proof_keeps_the_bytes),
        cmocka_unit_test(done_with_other_bytes_is_a_conflict),
        cmocka_unit_test(a_lost_source_fails_at_once),
        cmocka_unit_test(segments_that_are_gone_after_a_restart_fail_it),
        cmocka_unit_test(offline_is_a_state_and_spends_nothing),
        cmocka_unit_test(an_unreachable_server_shows_as_offline_and_reconnect_ends_the_wait),
        cmocka_unit_test(a_sibling_that_breaks_does_not_cut_a_retry_after_short),
        cmocka_unit_test(storage_full_is_a_state),
        cmocka_unit_test(a_refused_token_asks_for_a_fresh_one_with_growing_pauses),
        cmocka_unit_test(a_stale_writer_stops_everything),
        cmocka_unit_test(different_bytes_are_asked_about_once),
        cmocka_unit_test(a_refused_finish_sends_what_is_missing),
        cmocka_unit_test(a_new_generation_is_asked_and_old_acks_are_not_trusted),
        cmocka_unit_test(silence_is_a_time_out_and_progress_is_not),
        cmocka_unit_test(a_cancel_deletes_on_both_ends),
        cmocka_unit_test(a_known_size_completed_before_the_seal_is_verified_after_it),
    };
    return cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
