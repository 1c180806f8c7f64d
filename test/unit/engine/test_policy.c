/* SPDX-License-Identifier: MIT */
/* Each policy's schedule, read off the engine, against the table of the document that asks for it.
 */
#include "base/rng.h"
#include "bench.h"
#include "engine/policy.h"

#define MIB 1048576u

/* Fails the same upload again and again with a 500 and notes how long it takes to the next try.
 * Returns the retries. */
static unsigned schedule(struct bench *b, rh_ms *delays, unsigned max)
{
    unsigned retries = 0;
    const struct rh_action *send = find_send(b, 0);
    while (send != NULL && retries < max) {
        answer(b, send, RH_OUTCOME_RETRY, RH_MS_NEVER);
        rh_ms from = b->now;
        if (!bench_until_send(b, 400000))
            return retries;
        delays[retries++] = b->now - from;
        send = find_send(b, 0);
    }
    return retries;
}

/* The whole schedule is this, and then it has failed. */
static void expect_schedule(const char *policy, const rh_ms *table, unsigned count)
{
    rh_ms delays[16];
    struct bench *b = bench_new(policy);
    start(b, "a", 3000, 1000);
    assert_int_equal(schedule(b, delays, 16), count);
    assert_memory_equal(delays, table, count * sizeof *table);
    expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_ATTEMPTS);
    bench_free(b);
}

/* The request that has just failed is made again after so long. */
static void expect_delay(struct bench *b, rh_ms delay_ms)
{
    rh_ms from = b->now;
    assert_true(bench_until_send(b, 60000));
    assert_int_equal(b->now - from, delay_ms);
}

static void sequential_waits_2_4_8_16_32_then_fails(void **state)
{
    (void)state;
    expect_schedule("sequential", (const rh_ms[]){2000, 4000, 8000, 16000, 32000}, 5);
}

static void sequential_counts_an_unreachable_server(void **state)
{
    (void)state;
    static const rh_ms table[] = {2000, 4000, 8000, 16000, 32000};
    struct bench *b = bench_new("sequential");
    start(b, "a", 3000, 1000);
    for (unsigned i = 0; i < 5; i++) {
        tell_broken(b, find_send(b, 0)->send.token);
        expect_delay(b, table[i]);
    }
    tell_broken(b, find_send(b, 0)->send.token);
    expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_ATTEMPTS);
    tell_kind(b, RH_EVENT_RETRY, "a");
    assert_true(bench_until_send(b, 251)); /* after the pause between uploads */
    bench_free(b);
}

static void live_waits_1_2_4_8_16_per_part_then_steps_aside(void **state)
{
    (void)state;
    static const rh_ms table[] = {1000, 2000, 4000, 8000, 16000};
    struct bench *b = bench_new("live");
    tell_added(b, "a");
    answer_create(b, find_send(b, 0), "R");
    tell_spooled(b, "a", 0, 1000);
    for (unsigned i = 0; i < 5; i++) {
        const struct rh_action *send = find_send(b, 0);
        assert_int_equal(send->send.range.offset, 0);
        answer(b, send, RH_OUTCOME_RETRY, RH_MS_NEVER);
        expect_delay(b, table[i]);
    }
    answer(b, find_send(b, 0), RH_OUTCOME_RETRY, RH_MS_NEVER);
    assert_false(bench_until_send(b, 60000));
    assert_int_equal(look(b, "a").set_aside, 1);
    /* The rest goes on. */
    tell_spooled(b, "a", 1000, 1000);
    assert_int_equal(find_send(b, 0)->send.range.offset, 1000);
    answer_part(b, find_send(b, 0));
    /* On reconnect it is tried again. */
    tell_network(b, false);
    tell_network(b, true);
    const struct rh_action *send = find_send(b, 0);
    assert_non_null(send);
    assert_int_equal(send->send.range.offset, 0);
    answer_part(b, send);
    assert_int_equal(look(b, "a").set_aside, 0);
    bench_free(b);
}

static void live_tries_parts_set_aside_before_it_finishes(void **state)
{
    (void)state;
    struct bench *b = bench_new("live");
    tell_added(b, "a");
    answer_create(b, find_send(b, 0), "R");
    tell_spooled(b, "a", 0, 1000);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 6; i++) {
            assert_non_null(find_send(b, 0));
            assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_PART);
            answer(b, find_send(b, 0), RH_OUTCOME_RETRY, RH_MS_NEVER);
            if (i < 5)
                assert_true(bench_until_send(b, 60000));
        }
        if (round == 0)
            tell_sealed(b, "a", 1000);
    }
    expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_SET_ASIDE);
    tell_kind(b, RH_EVENT_RETRY, "");
    assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_ASK);
    answer_list(b, find_send(b, 0), 0, NULL);
    answer_done(b, find_send(b, 0), 1000);
    expect_state(b, "a", RH_UPLOAD_COMPLETED, RH_REASON_NONE);
    bench_free(b);
}

static struct bench *small_parts(void)
{
    struct rh_policy p = *rh_policy_find(rh_bytes_of("never-give-up"));
    p.part_bytes = 1000;
    p.part_bytes_min = 1000;
    p.parts_parallel = 1;
    struct bench *b = bench_of(&p, &rh_limits_default);
    tell_kind(b, RH_EVENT_LEADER, "");
    return b;
}

/* Bytes that changed at rest never fit their checksum: without an end they would hold up the rest.
 */
static void a_part_that_never_fits_its_checksum_steps_aside(void **state)
{
    (void)state;
    struct bench *b = small_parts();
    start(b, "a", 3000, 1000);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(find_send(b, 0)->send.range.offset, 0);
            answer(b, find_send(b, 0), RH_OUTCOME_CHECKSUM_MISMATCH, RH_MS_NEVER);
            assert_true(bench_until_send(b, 600000) || round == 1);
        }
        for (unsigned i = 1; round == 0 && i < 3; i++) {
            assert_int_equal(find_send(b, 0)->send.range.offset, i * 1000);
            answer_part(b, find_send(b, 0));
        }
    }
    expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_SET_ASIDE);
    assert_int_equal(look(b, "a").acked_bytes, 2000);
    tell_kind(b, RH_EVENT_RETRY, "");
    assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_ASK);
    answer_list(b, find_send(b, 0), 1, (const uint64_t[]){1000, 2000});
    assert_int_equal(find_send(b, 0)->send.range.offset, 0);
    answer_done(b, find_send(b, 0), 3000);
    expect_state(b, "a", RH_UPLOAD_COMPLETED, RH_REASON_NONE);
    bench_free(b);
}

/* More parts aside than may be in flight at once: each has its last chance all the same. */
static void two_parts_aside_do_not_wait_for_each_other(void **state)
{
    (void)state;
    struct bench *b = small_parts();
    start(b, "a", 2000, 1000);
    for (unsigned i = 0; i < 12; i++) {
        assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_PART);
        answer(b, find_send(b, 0), RH_OUTCOME_CHECKSUM_MISMATCH, RH_MS_NEVER);
        assert_true(bench_until_send(b, 600000) || i == 11);
    }
    expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_SET_ASIDE);
    bench_free(b);
}

/* Refuses the part until it waits, then lets the upload go; false: the upload has ended. */
static bool refuse_and_let_go(struct bench *b, unsigned refusals)
{
    for (unsigned i = 0; i < refusals; i++) {
        assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_PART);
        answer(b, find_send(b, 0), RH_OUTCOME_CHECKSUM_MISMATCH, RH_MS_NEVER);
        assert_true(bench_until_send(b, 600000));
    }
    answer(b, find_send(b, 0), RH_OUTCOME_GONE, RH_MS_NEVER);
    if (look(b, "a").state == RH_UPLOAD_FAILED)
        return false;
    assert_true(find_send(b, 0) != NULL || bench_until_send(b, 600000));
    answer_create(b, find_send(b, 0), "R2");
    assert_non_null(find_send(b, 0));
    return true;
}

/* A server that lets it go between two tries does not make them the first ones, whatever the
 * policy counts. */
static void damage_ends_though_the_upload_begins_anew(void **state)
{
    static const char *const names[] = {"never-give-up", "patient", "form", "live", "bulk"};
    (void)state;
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (unsigned refusals = 1; refusals <= 2; refusals++) {
            struct bench *b = bench_new(names[i]);
            start(b, "a", 1000, 1000);
            for (unsigned n = 0; n < 2; n++)
                assert_true(refuse_and_let_go(b, refusals));
            assert_false(refuse_and_let_go(b, refusals));
            expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_ATTEMPTS);
            tell_kind(b, RH_EVENT_RETRY, "a"); /* the user may try as often */
            answer(b, find_send(b, 0), RH_OUTCOME_GONE, RH_MS_NEVER);
            assert_true(find_send(b, 0) != NULL || bench_until_send(b, 600000));
            answer_create(b, find_send(b, 0), "R3");
            assert_true(refuse_and_let_go(b, refusals));
            bench_free(b);
        }
    }
}

/* Bytes that were taken between say that the way is at fault, not they: it goes on. */
static void damage_on_the_way_is_no_end(void **state)
{
    (void)state;
    struct bench *b = small_parts();
    start(b, "a", 2000, 1000);
    for (unsigned i = 0; i < 8; i++) {
        assert_true(refuse_and_let_go(b, 2));
        assert_int_equal(find_send(b, 0)->send.range.offset, 0);
        answer_part(b, find_send(b, 0));
    }
    answer_done(b, find_send(b, 0), 2000);
    expect_state(b, "a", RH_UPLOAD_COMPLETED, RH_REASON_NONE);
    bench_free(b);
}

static void live_defers_a_create_for_ever(void **state)
{
    (void)state;
    struct bench *b = bench_new("live");
    tell_added(b, "a");
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_CREATE);
        tell_broken(b, find_send(b, 0)->send.token);
        assert_true(bench_until_send(b, 20000));
    }
    answer_create(b, find_send(b, 0), "R");
    expect_state(b, "a", RH_UPLOAD_PENDING, RH_REASON_WAITING);
    bench_free(b);
}

static void form_waits_2_to_the_n_and_jitter(void **state)
{
    (void)state;
    rh_ms delays[10];
    struct bench *b = bench_new("form");
    start(b, "a", 3 * MIB, 700000);
    assert_int_equal(find_send(b, 0)->send.range.length, MIB);
    assert_int_equal(schedule(b, delays, 10), 3);
    for (unsigned i = 0; i < 3; i++)
        assert_in_range(delays[i], 2000u << i, (2000u << i) + 1000);
    expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_ATTEMPTS);
    bench_free(b);
}

static void form_sends_aligned_parts_one_at_a_time(void **state)
{
    (void)state;
    struct bench *b = bench_new("form");
    start(b, "a", 2 * MIB + 5, 700000);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(count_kind(b, RH_ACTION_SEND), 1);
        const struct rh_send *send = &find_send(b, 0)->send;
        assert_int_equal(send->range.offset, i * MIB);
        assert_int_equal(send->range.length, i < 2 ? MIB : 5);
        assert_int_equal(send->final, i == 2);
        answer_part(b, find_send(b, 0));
    }
    assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_FINISH);
    bench_free(b);
}

static void never_give_up_stays_within_its_bounds(void **state)
{
    (void)state;
    rh_ms delays[30];
    struct bench *b = bench_new("never-give-up");
    start(b, "a", 3000, 1000);
    assert_int_equal(schedule(b, delays, 30), 30);
    rh_ms longest = 0;
    for (unsigned i = 0; i < 30; i++) {
        rh_ms top = i < 8 ? 1000u << (i + 1) : 300000;
        assert_in_range(delays[i], 1000, top < 300000 ? top : 300000);
        longest = delays[i] > longest ? delays[i] : longest;
    }
    assert_true(longest > 60000); /* jitter is over the whole range, not round its middle */
    bench_free(b);
}

static void patient_stays_at_a_minute(void **state)
{
    (void)state;
    static const rh_ms table[] = {2000, 4000, 8000, 16000, 32000, 60000};
    rh_ms delays[14];
    struct bench *b = bench_new("patient");
    start(b, "a", 3000, 1000);
    assert_int_equal(schedule(b, delays, 14), 14);
    for (unsigned i = 0; i < 14; i++)
        assert_int_equal(delays[i], table[i < 5 ? i : 5]);
    bench_free(b);
}

static void an_item_in_backoff_lets_the_next_start_and_returns_to_its_place(void **state)
{
    (void)state;
    struct bench *b = bench_new("sequential");
    start(b, "a", 3000, 1000);
    tell_take(b, "b", 3000, 1000);
    assert_null(find_send(b, 0)); /* one at a time */
    tell_take(b, "c", 3000, 1000);
    tell_kind(b, RH_EVENT_WAKE, "");
    /* a fails; after the pause of 250 ms b starts */
    struct rh_event wake = event_of(RH_EVENT_WAKE, "");
    bench_tell(b, wake);
    uint32_t token = 2; /* a's part: the second request of this engine */
    tell_broken(b, token);
    expect_state(b, "a", RH_UPLOAD_PENDING, RH_REASON_BACKOFF);
    rh_ms from = b->now;
    assert_true(bench_until_send(b, 1000));
    assert_int_equal(b->now - from, 250);
    assert_string_equal(find_send(b, 0)->upload, "b");
    answer_create(b, find_send(b, 0), "R-b");
    /* a is due again while b sends: b is finished first, then a goes before c */
    b->now += 5000;
    answer_done(b, find_send(b, 0), 3000);
    expect_state(b, "b", RH_UPLOAD_COMPLETED, RH_REASON_NONE);
    assert_true(bench_until_send(b, 1000));
    assert_string_equal(find_send(b, 0)->upload, "a");
    answer_done(b, find_send(b, 0), 3000);
    assert_true(bench_until_send(b, 1000));
    assert_string_equal(find_send(b, 0)->upload, "c");
    bench_free(b);
}

static void retry_after_is_honoured(void **state)
{
    (void)state;
    static const char *const policies[] = {"sequential", "live", "form", "never-give-up"};
    for (unsigned i = 0; i < 4; i++) {
        struct bench *b = bench_new(policies[i]);
        start(b, "a", 3000, 1000);
        answer(b, find_send(b, 0), RH_OUTCOME_TOO_BUSY, 120000);
        rh_ms from = b->now;
        assert_true(bench_until_send(b, 400000));
        assert_in_range(b->now - from, 120000, 130000);
        bench_free(b);
    }
}

static void fields_are_set_by_name(void **state)
{
    (void)state;
    struct rh_policy p = *rh_policy_find(rh_bytes_of("live"));
    assert_int_equal(rh_policy_set(&p, rh_bytes_of("parts_parallel"), 3), RH_OK);
    assert_int_equal(p.parts_parallel, 3);
    assert_int_equal(rh_policy_set(&p, rh_bytes_of("delays_ms.4"), 5), RH_OK);
    assert_int_equal(p.delays_ms[4], 5);
    assert_int_equal(rh_policy_set(&p, rh_bytes_of("keep"), RH_KEEP_FOR_GOOD), RH_OK);
    assert_int_equal(p.keep, RH_KEEP_FOR_GOOD);
    assert_int_equal(rh_policy_set(&p, rh_bytes_of("set_aside"), 2), RH_ERR_RANGE);
    assert_int_equal(rh_policy_set(&p, rh_bytes_of("parts_parallel"), 0), RH_ERR_RANGE);
    assert_int_equal(rh_policy_set(&p, rh_bytes_of("steps.3.part_bytes"), 5), RH_OK);
    assert_int_equal(p.steps[3].part_bytes, 5);
    assert_int_equal(rh_policy_set(&p, rh_bytes_of("steps.0.size_max"), 7), RH_OK);
    assert_int_equal(p.steps[0].size_max, 7);
    assert_int_equal(rh_policy_set(&p, rh_bytes_of("metered"), RH_METERED_WAIT), RH_OK);
    assert_int_equal(p.metered, RH_METERED_WAIT);
    assert_int_equal(rh_policy_set(&p, rh_bytes_of("metered"), 3), RH_ERR_RANGE);
    assert_int_equal(rh_policy_set(&p, rh_bytes_of("steps.0.part_bytes"), 0), RH_ERR_RANGE);
    assert_int_equal(rh_policy_set(&p, rh_bytes_of("share_min_percent"), 101), RH_ERR_RANGE);
    assert_int_equal(rh_policy_set(&p, rh_bytes_of("nonsense"), 1), RH_ERR_UNKNOWN);
    assert_null(rh_policy_find(rh_bytes_of("Live")));
}

/* ---- the table: the mission's letter, field by field ---- */

#define KIB 1024u

/* What each number is comes from the documents; what they do not say is not here. */
struct letter {
    const char *policy;
    const char *line; /* of the mission */
    size_t place;
    uint32_t value;
};
#define U32(policy, line, field, value)                                                            \
    {                                                                                              \
        policy, line, offsetof(struct rh_policy, field), value                                     \
    }

static const struct letter letters[] = {
    U32("sequential", "0.4", uploads_parallel, 1),
    U32("sequential", "0.4", parts_parallel, 1),
    U32("sequential", "0.4", gap_ms, 250),
    U32("sequential", "0.4", retries_max, 5),
    U32("sequential", "0.4", delays_count, 5),
    U32("sequential", "0.4", delays_ms[0], 2000),
    U32("sequential", "0.4", delays_ms[1], 4000),
    U32("sequential", "0.4", delays_ms[2], 8000),
    U32("sequential", "0.4", delays_ms[3], 16000),
    U32("sequential", "0.4", delays_ms[4], 32000),
    U32("patient", "1.8", parts_parallel, 1),
    U32("patient", "1.8", uploads_parallel, 1),
    U32("patient", "1.8", idle_ms_max, 60000),
    U32("patient", "1.8", delay_ms, 1000), /* doubled once before the first: 2 s */
    U32("patient", "1.8", delay_ms_max, 60000),
    U32("patient", "1.8", retries_max, RH_RETRIES_UNLIMITED),
    U32("patient", "1.10", part_bytes, MIB),
    U32("live", "2.2", parts_parallel, 2),
    U32("live", "2.2", part_wait_ms, 0),
    U32("live", "2.2", retries_max, 5),
    U32("live", "2.2", delays_count, 5),
    U32("live", "2.2", delays_ms[0], 1000),
    U32("live", "2.2", delays_ms[1], 2000),
    U32("live", "2.2", delays_ms[2], 4000),
    U32("live", "2.2", delays_ms[3], 8000),
    U32("live", "2.2", delays_ms[4], 16000),
    U32("form", "3.7", parts_parallel, 1),
    U32("form", "3.7", part_bytes, MIB),
    U32("form", "3.7", part_bytes_min, MIB),
    U32("form", "3.7", retries_max, 3),
    U32("form", "3.7", delay_ms, 1000),
    U32("bulk", "4.3", parts_parallel, 3),
    U32("bulk", "4.3", retries_max, 3),
    U32("bulk", "4.3", part_bytes, 32 * MIB),
    U32("bulk", "4.3", steps_count, 2),
    U32("bulk", "4.3", steps[0].size_max, 100 * MIB - 1),
    U32("bulk", "4.3", steps[0].part_bytes, 8 * MIB),
    U32("bulk", "4.3", steps[1].size_max, 1024 * MIB),
    U32("bulk", "4.3", steps[1].part_bytes, 16 * MIB),
    U32("never-give-up", "design", retries_max, RH_RETRIES_UNLIMITED),
    U32("never-give-up", "design", delay_ms, 1000),
    U32("never-give-up", "design", delay_ms_max, 300000),
    U32("never-give-up", "design", part_bytes, MIB),
    U32("never-give-up", "design", part_bytes_min, 64 * KIB),
    U32("never-give-up", "design", part_wait_ms, 4000),
};

static void every_number_is_the_documents(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++) {
        const struct letter *l = &letters[i];
        const struct rh_policy *p = rh_policy_find(rh_bytes_of(l->policy));
        assert_non_null(p);
        uint32_t value;
        memcpy(&value, (const char *)p + l->place, sizeof value);
        if (value != l->value)
            fail_msg("%s, mission %s, entry %zu: %u and not %u", l->policy, l->line, i, value,
                     l->value);
    }
}

/* What is no number, and what holds for several. */
static void what_counts_as_an_attempt(void **state)
{
    (void)state;
    static const struct {
        const char *policy;
        bool parts, aside, unreachable, offline, quota;
        enum rh_backoff backoff;
        uint32_t traits;
    } table[] = {
        {"never-give-up", false, false, false, false, false, RH_BACKOFF_FULL_JITTER, 0},
        {"sequential", false, false, true, true, true, RH_BACKOFF_TABLE, RH_TRAIT_SEALED_ONLY},
        {"live", true, true, false, false, false, RH_BACKOFF_TABLE, 0},
        {"form", true, false, true, false, true, RH_BACKOFF_POWER,
         RH_TRAIT_SEALED_ONLY | RH_TRAIT_FIXED_PARTS},
        {"patient", false, false, false, false, false, RH_BACKOFF_POWER, 0},
        {"bulk", true, false, false, false, false, RH_BACKOFF_TABLE, 0},
    };
    assert_int_equal(rh_policies_count, sizeof table / sizeof table[0]);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct rh_policy *p = &rh_policies[i];
        assert_string_equal(p->name, table[i].policy);
        assert_int_equal(p->retry_parts, table[i].parts);
        assert_int_equal(p->set_aside, table[i].aside);
        assert_int_equal(p->unreachable_is_attempt, table[i].unreachable);
        assert_int_equal(p->offline_is_attempt, table[i].offline);
        assert_int_equal(p->quota_is_attempt, table[i].quota);
        assert_int_equal(p->backoff, table[i].backoff);
        assert_int_equal(p->traits, table[i].traits);
        assert_int_equal(p->keep, RH_KEEP_UNTIL_PROVEN); /* 0.8: the default */
        assert_int_equal(p->probe, strcmp(p->name, "sequential") != 0);
        assert_int_equal(p->method[0], 0);
        assert_true(p->part_bytes_min <= p->part_bytes);
    }
}

/* 4.3 at its edges; and it never changes again, whatever becomes known. */
static void bulk_parts_follow_the_size_of_the_file(void **state)
{
    (void)state;
    static const struct {
        uint64_t size;
        uint32_t part;
    } table[] = {
        {1, 8},
        {100ull * MIB - 1, 8},
        {100ull * MIB, 16},
        {1024ull * MIB, 16},
        {1024ull * MIB + 1, 32},
        {1ull << 40, 32},
        {RH_SIZE_UNKNOWN, 8},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct bench *b = bench_new("bulk");
        struct rh_event event = event_of(RH_EVENT_ADDED, "a");
        event.added.size = table[i].size;
        bench_tell(b, event);
        assert_int_equal(find_send(b, 0)->send.part_bytes, table[i].part * MIB);
        answer_create(b, find_send(b, 0), "R");
        if (table[i].size >= 40 * MIB) {
            event = event_of(RH_EVENT_SPOOLED, "a");
            event.spooled.length = 40 * MIB;
            bench_tell(b, event);
            uint64_t part = table[i].part * MIB;
            uint64_t whole = 40 * MIB / part;
            unsigned n = whole < 3 ? (unsigned)whole : 3;
            for (unsigned k = 0; k < n; k++) {
                assert_int_equal(find_send(b, k)->send.range.offset, k * part);
                assert_int_equal(find_send(b, k)->send.range.length, part);
            }
        }
        bench_free(b);
    }
}

static void set(struct rh_policy *p, const char *field, uint32_t value)
{
    assert_int_equal(rh_policy_set(p, rh_bytes_of(field), value), RH_OK);
}

static void fields_of_every_type_are_set(void **state)
{
    (void)state;
    struct rh_policy p = {0};
    set(&p, "part_bytes", 77);
    set(&p, "set_aside", 1);
    set(&p, "backoff", RH_BACKOFF_POWER);
    set(&p, "keep", RH_KEEP_FOR_GOOD);
    set(&p, "coding", RH_CODING_ALWAYS);
    set(&p, "metered", RH_METERED_WAIT);
    assert_int_equal(p.part_bytes, 77);
    assert_true(p.set_aside);
    assert_int_equal(p.backoff, RH_BACKOFF_POWER);
    assert_int_equal(p.keep, RH_KEEP_FOR_GOOD);
    assert_int_equal(p.coding, RH_CODING_ALWAYS);
    assert_int_equal(p.metered, RH_METERED_WAIT);
}

static void delays_at_their_edges(void **state)
{
    (void)state;
    struct rh_rng rng;
    rh_rng_init(&rng, 1);
    struct rh_policy p = {.backoff = RH_BACKOFF_TABLE, .delay_ms = 700, .delay_ms_max = 300};
    assert_int_equal(rh_policy_delay(&p, &rng, 3), 700); /* an empty table */
    p.delays_count = 2;
    p.delays_ms[0] = 10;
    p.delays_ms[1] = 20;
    assert_int_equal(rh_policy_delay(&p, &rng, 0), 10);
    assert_int_equal(rh_policy_delay(&p, &rng, 9), 20);
    p.backoff = RH_BACKOFF_FULL_JITTER;
    assert_int_equal(rh_policy_delay(&p, &rng, 5), 700); /* a maximum below the least */
    p.backoff = RH_BACKOFF_POWER;
    assert_int_equal(rh_policy_delay(&p, &rng, 5), 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequential_waits_2_4_8_16_32_then_fails),
        cmocka_unit_test(sequential_counts_an_unreachable_server),
        cmocka_unit_test(live_waits_1_2_4_8_16_per_part_then_steps_aside),
        cmocka_unit_test(live_tries_parts_set_aside_before_it_finishes),
        cmocka_unit_test(a_part_that_never_fits_its_checksum_steps_aside),
        cmocka_unit_test(two_parts_aside_do_not_wait_for_each_other),
        cmocka_unit_test(damage_ends_though_the_upload_begins_anew),
        cmocka_unit_test(damage_on_the_way_is_no_end),
        cmocka_unit_test(live_defers_a_create_for_ever),
        cmocka_unit_test(form_waits_2_to_the_n_and_jitter),
        cmocka_unit_test(form_sends_aligned_parts_one_at_a_time),
        cmocka_unit_test(never_give_up_stays_within_its_bounds),
        cmocka_unit_test(patient_stays_at_a_minute),
        cmocka_unit_test(an_item_in_backoff_lets_the_next_start_and_returns_to_its_place),
        cmocka_unit_test(retry_after_is_honoured),
        cmocka_unit_test(fields_are_set_by_name),
        cmocka_unit_test(every_number_is_the_documents),
        cmocka_unit_test(fields_of_every_type_are_set),
        cmocka_unit_test(delays_at_their_edges),
        cmocka_unit_test(what_counts_as_an_attempt),
        cmocka_unit_test(bulk_parts_follow_the_size_of_the_file),
    };
    return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
