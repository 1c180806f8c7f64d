/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"

/* The reference implementation's outputs for the state {1, 2, 3, 4}. */
static void reference_outputs(void **state)
{
    static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
    struct rh_rng rng = {{1, 2, 3, 4}};

    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_true(rh_rng_next(&rng) == expected[i]);
}

/* splitmix64 from 0 begins with these; the seed of 0 must not give the state of zeros. */
static void seeds_are_spread(void **state)
{
    struct rh_rng rng, again;

    (void)state;
    rh_rng_init(&rng, 0);
    assert_true(rng.state[0] == 0xe220a8397b1dcdaf);
    assert_true(rng.state[1] == 0x6e789e6aa1b965f4);
    rh_rng_init(&again, 0);
    for (int i = 0; i < 10; i++)
        assert_true(rh_rng_next(&rng) == rh_rng_next(&again));
}

static void below_is_even(void **state)
{
    struct rh_rng rng;
    unsigned counts[6] = {0};

    (void)state;
    rh_rng_init(&rng, 1);
    for (int i = 0; i < 60000; i++) {
        uint64_t value = rh_rng_below(&rng, 6);

        assert_true(value < 6);
        counts[value]++;
    }
    for (int i = 0; i < 6; i++)
        assert_in_range(counts[i], 9500, 10500);
    /* Of 3/4 of all numbers each third is as likely; a plain remainder would favour the first, two
     * to one. */
    for (int i = 0; i < 6; i++)
        counts[i] = 0;
    for (int i = 0; i < 30000; i++)
        counts[rh_rng_below(&rng, (uint64_t)3 << 62) >> 62]++;
    for (int i = 0; i < 3; i++)
        assert_in_range(counts[i], 9500, 10500);
    assert_true(rh_rng_below(&rng, 1) == 0);
    for (int i = 0; i < 100; i++)
        assert_true(rh_rng_below(&rng, ((uint64_t)1 << 63) + 1) <= (uint64_t)1 << 63);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_outputs),
        cmocka_unit_test(seeds_are_spread),
        cmocka_unit_test(below_is_even),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
