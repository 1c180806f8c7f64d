/* SPDX-License-Identifier: MIT */
/* Time-outs: how long a silence may last follows what the link showed. */
#include "bench.h"
#include "engine/patience.h"

#define KIB 1024u
#define MIB (1024u * KIB)

static const struct rh_policy *policy_of(const char *name)
{
    return rh_policy_find(rh_bytes_of(name));
}

static void an_unknown_link_gets_the_ceiling(void **state)
{
    (void)state;
    struct rh_patience p = {0};
    const struct rh_policy *policy = policy_of("never-give-up");
    for (unsigned i = 0; i < RH_PATIENCE_SEEN_MIN; i++) {
        assert_int_equal(rh_patience_limit(&p, policy), 60000);
        rh_patience_life(&p, i, 10);
    }
    assert_int_equal(rh_patience_limit(&p, policy), 15000); /* quick: the floor */
}

static void the_limit_is_four_times_the_longest_silence_lately(void **state)
{
    (void)state;
    struct rh_patience p = {0};
    const struct rh_policy *policy = policy_of("never-give-up");
    rh_ms now = 0;
    for (unsigned i = 0; i < 10; i++)
        rh_patience_life(&p, now += 5000, i == 3 ? 8000 : 100);
    rh_ms limit = rh_patience_limit(&p, policy);
    assert_true(limit > 24000 && limit <= 32000);
    for (unsigned i = 0; i < 100; i++)
        rh_patience_life(&p, now += 10000, 100); /* long ago */
    assert_int_equal(rh_patience_limit(&p, policy), 15000);
    rh_patience_life(&p, now += 10000, 40000);
    assert_int_equal(rh_patience_limit(&p, policy), 60000);
}

static void a_time_out_doubles_what_comes_after(void **state)
{
    (void)state;
    struct rh_patience p = {0};
    const struct rh_policy *policy = policy_of("never-give-up");
    for (unsigned i = 0; i < 5; i++)
        rh_patience_life(&p, i, 10);
    static const rh_ms limits[] = {15000, 30000, 60000, 60000};
    for (unsigned i = 0; i < 4; i++) {
        rh_ms limit = rh_patience_limit(&p, policy);
        assert_int_equal(limit, limits[i]);
        rh_patience_timeout(&p, limit);
    }
}

static void patient_stays_at_sixty_seconds(void **state)
{
    (void)state;
    struct rh_patience p = {0};
    const struct rh_policy *policy = policy_of("patient");
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(rh_patience_limit(&p, policy), 60000);
        rh_patience_life(&p, i * 20000, i % 7 == 0 ? 50000 : 5);
        if (i % 5 == 0)
            rh_patience_timeout(&p, 60000);
    }
}

/* A take on its way, the link known to be quick. */
static struct bench *on_a_quick_link(const char *policy)
{
    struct bench *b = bench_new(policy);
    start(b, "a", 8 * MIB, 256 * KIB);
    uint32_t token = find_send(b, 0)->send.token;
    for (unsigned i = 1; i <= 6; i++) {
        b->now += 50;
        tell_progress(b, token, i * 1000);
    }
    return b;
}

/* The time until the request is broken off, or RH_MS_NEVER within `ms`. */
static rh_ms until_abort(struct bench *b, rh_ms ms)
{
    rh_ms from = b->now;
    while (b->now - from < ms) {
        bench_pass(b, 100);
        if (count_kind(b, RH_ACTION_ABORT) > 0)
            return b->now - from;
    }
    return RH_MS_NEVER;
}

static void a_silent_link_is_noticed_sooner_where_it_was_quick(void **state)
{
    (void)state;
    struct bench *b = on_a_quick_link("never-give-up");
    rh_ms took = until_abort(b, 100000);
    assert_true(took >= 14600 && took <= 15100); /* two parts fly, one was silent */
    assert_int_equal(look(b, "a").error, RH_OUTCOME_TIMEOUT);
    assert_int_equal(look(b, "a").fault, RH_FAULT_NETWORK);
    bench_free(b);
    b = on_a_quick_link("patient");
    took = until_abort(b, 100000);
    assert_true(took >= 59900 && took <= 60100);
    bench_free(b);
}

static void the_engine_asks_to_be_woken_for_it(void **state)
{
    (void)state;
    struct bench *b = on_a_quick_link("sequential");
    rh_ms from = b->now;
    unsigned aborts = 0;
    for (unsigned i = 0; i < 50 && aborts == 0; i++) {
        assert_true(b->wake != RH_MS_NEVER);
        b->now = b->wake;
        b->wake = RH_MS_NEVER;
        tell_kind(b, RH_EVENT_WAKE, "");
        aborts = count_kind(b, RH_ACTION_ABORT);
    }
    assert_int_equal(aborts, 1);
    assert_true(b->now - from <= 15000);
    bench_free(b);
}

static void a_slow_link_that_moves_is_never_broken_off(void **state)
{
    (void)state;
    struct bench *b = bench_new("sequential");
    start(b, "a", MIB, 256 * KIB);
    uint32_t token = find_send(b, 0)->send.token;
    /* 1 KiB each 14 s, for an hour and more: under the floor, and then within four times. */
    for (unsigned i = 1; i <= 300; i++) {
        assert_int_equal(until_abort(b, 13900), RH_MS_NEVER);
        b->now += 100;
        tell_progress(b, token, i * KIB);
        assert_int_equal(count_kind(b, RH_ACTION_ABORT), 0);
    }
    bench_free(b);
}

/* Quick until now, and from now on nothing shows before the answer, which takes 40 s. */
static void a_link_that_became_slow_is_learned(void **state)
{
    (void)state;
    struct bench *b = on_a_quick_link("never-give-up");
    unsigned breaks = 0;
    bool through = false;
    for (unsigned tries = 0; tries < 8 && !through; tries++) {
        if (until_abort(b, 40000) == RH_MS_NEVER) {
            through = true;
            break;
        }
        breaks++;
        for (unsigned i = 0; i < 20; i++) {
            const struct rh_action *send = find_send(b, 0);
            if (send == NULL && !bench_until_send(b, 400000))
                break;
            send = find_send(b, 0);
            if (send->send.kind == RH_SEND_PART)
                break;
            answer_list(b, send, 0, NULL);
        }
    }
    assert_true(through);
    assert_true(breaks <= 3);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_link_gets_the_ceiling),
        cmocka_unit_test(the_limit_is_four_times_the_longest_silence_lately),
        cmocka_unit_test(a_time_out_doubles_what_comes_after),
        cmocka_unit_test(patient_stays_at_sixty_seconds),
        cmocka_unit_test(a_silent_link_is_noticed_sooner_where_it_was_quick),
        cmocka_unit_test(the_engine_asks_to_be_woken_for_it),
        cmocka_unit_test(a_slow_link_that_moves_is_never_broken_off),
        cmocka_unit_test(a_link_that_became_slow_is_learned),
    };
    return cmocka_run_group_tests_name("patience", tests, NULL, NULL);
}
