/* SPDX-License-Identifier: MIT */
/* The token bucket against a naive one that counts each millisecond, and against its promise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "engine/pace.h"

#define TAKES 400

struct take {
    rh_ms at;
    uint64_t bytes;
};

struct naive {
    int64_t credit;
    uint64_t rate;
    int64_t burst;
};

static void naive_pass(struct naive *n, rh_ms ms)
{
    for (; ms > 0 && n->rate > 0; ms--) {
        n->credit += (int64_t)n->rate;
        n->credit = n->credit > n->burst ? n->burst : n->credit;
    }
}

/* No window holds more than the promise, between takes `from` and `count` at one rate. */
static void check_windows(const struct take *takes, unsigned from, unsigned count,
                          const struct naive *n)
{
    for (unsigned i = from; i < count; i++) {
        uint64_t sum = 0;
        uint64_t largest = (uint64_t)n->burst / 1000;
        for (unsigned k = i; k < count; k++) {
            sum += takes[k].bytes;
            largest = takes[k].bytes > largest ? takes[k].bytes : largest;
            assert_true(sum * 1000 <= n->rate * (takes[k].at - takes[i].at) + largest * 1000);
        }
    }
}

static uint64_t any_rate(struct rh_rng *rng)
{
    return rh_rng_below(rng, 5) == 0 ? 0 : 1 + rh_rng_below(rng, 1u << rh_rng_below(rng, 20));
}

static void one(uint64_t seed)
{
    static struct take takes[TAKES];
    struct rh_rng rng;
    struct rh_pace pace = {0};
    struct naive naive = {0};
    rh_ms now = 1000;
    unsigned from = 0;
    rh_rng_init(&rng, seed);
    for (unsigned i = 0; i < TAKES; i++) {
        if (rh_rng_below(&rng, 25) == 0) {
            if (naive.rate > 0)
                check_windows(takes, from, i, &naive);
            from = i;
            uint64_t rate = any_rate(&rng);
            uint64_t burst = 1 + rh_rng_below(&rng, rate + 2000);
            rh_pace_set(&pace, now, rate, burst);
            naive.burst = (int64_t)burst * 1000;
            naive.credit = naive.rate == 0 ? naive.burst : naive.credit;
            naive.rate = rate;
            naive.credit = naive.credit > naive.burst ? naive.burst : naive.credit;
        }
        /* Large ones only where the naive reference need not count for hours. */
        uint64_t bytes = 1 + rh_rng_below(&rng, naive.rate > 0 ? naive.rate * 2 + 10 : 5000);
        rh_ms ready = rh_pace_ready(&pace, now, bytes);
        int64_t need = (int64_t)bytes * 1000 < naive.burst ? (int64_t)bytes * 1000 : naive.burst;
        while (naive.rate > 0 && naive.credit < need) {
            naive_pass(&naive, 1);
            now++;
        }
        assert_int_equal(ready, now);
        rh_pace_take(&pace, now, bytes);
        naive.credit -= naive.rate > 0 ? (int64_t)bytes * 1000 : 0;
        assert_true(naive.rate == 0 || pace.credit == naive.credit);
        takes[i] = (struct take){now, bytes};
        if (rh_rng_below(&rng, 3) == 0) {
            rh_ms ms = rh_rng_below(&rng, 3000);
            naive_pass(&naive, ms);
            now += ms;
        }
    }
}

static void it_equals_a_naive_bucket(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++)
        one(seed);
}

static void limits_of_every_size_go_on(void **state)
{
    (void)state;
    struct rh_pace pace = {0};
    rh_pace_set(&pace, 5000, 1, 1);
    assert_int_equal(rh_pace_ready(&pace, 5000, 65536), 5000); /* a full bucket, then a debt */
    rh_pace_take(&pace, 5000, 65536);
    assert_int_equal(rh_pace_ready(&pace, 5000, 1), 5000 + 65536u * 1000);
    rh_pace_set(&pace, 6000, 1, 1);
    assert_int_equal(rh_pace_ready(&pace, 6000, 1), 5000 + 65536u * 1000);
    /* Raised while the debt stands: it is paid at the new rate. */
    rh_pace_set(&pace, 6000, 65536, 65536);
    assert_in_range(rh_pace_ready(&pace, 6000, 1), 6999, 7001);
    /* Lifted: at once. */
    rh_pace_set(&pace, 6000, 0, 0);
    assert_int_equal(rh_pace_ready(&pace, 6000, UINT64_MAX), 6000);
    /* Absurd numbers do no harm. */
    rh_pace_set(&pace, 6000, UINT64_MAX, UINT64_MAX);
    for (unsigned i = 0; i < 5; i++)
        rh_pace_take(&pace, 6000, UINT64_MAX);
    assert_true(rh_pace_ready(&pace, 6000, UINT64_MAX) < 20000);
    assert_int_equal(rh_pace_ready(&pace, UINT64_MAX - 10, 1), UINT64_MAX - 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_equals_a_naive_bucket),
        cmocka_unit_test(limits_of_every_size_go_on),
    };
    return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
