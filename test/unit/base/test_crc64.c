/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crc64.h"

#include <stdlib.h>

#include "base/rng.h"

/* The definition, bit by bit: the slowest and plainest reference. */
static uint64_t naive(uint64_t crc, const uint8_t *data, size_t size)
{
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? 0x9a6c9329ac4bc9b5 : 0);
    }
    return ~crc;
}

#define NOISE_SIZE 70000
static uint8_t *noise;

static int make_noise(void **state)
{
    struct rh_rng rng;

    (void)state;
    noise = malloc(NOISE_SIZE);
    rh_rng_init(&rng, 64);
    for (size_t i = 0; i < NOISE_SIZE; i++)
        noise[i] = (uint8_t)rh_rng_next(&rng);
    return noise == NULL;
}

static int drop_noise(void **state)
{
    (void)state;
    free(noise);
    return 0;
}

/* Published values: the check value, and the four of the NVM Express specification (Figure "64b CRC
 * test cases"). */
static void published_values(void **state)
{
    uint8_t block[4096];

    (void)state;
    assert_true(rh_crc64_update(0, "123456789", 9) == 0xae8b14860a799888);
    assert_true(rh_crc64_update(0, NULL, 0) == 0);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = 0;
    assert_true(rh_crc64_update(0, block, sizeof block) == 0x6482d367eb22b64e);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = 0xff;
    assert_true(rh_crc64_update(0, block, sizeof block) == 0xc0ddba7302eca3ac);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (uint8_t)i;
    assert_true(rh_crc64_update(0, block, sizeof block) == 0x3e729f5f6750449c);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (uint8_t)(0xff - (i & 0xff));
    assert_true(rh_crc64_update(0, block, sizeof block) == 0x9a2df64b8e9e517e);
}

/* Every length around the fast path's blocks, at every alignment, from any earlier value. */
static void all_paths_agree(void **state)
{
    struct rh_rng rng;

    (void)state;
    rh_rng_init(&rng, 5);
    for (size_t size = 0; size < 600; size++) {
        size_t at = size % 16;
        uint64_t before = rh_rng_next(&rng);
        uint64_t expected = naive(before, noise + at, size);

        assert_true(rh_crc64_update_tables(before, noise + at, size) == expected);
        assert_true(rh_crc64_update(before, noise + at, size) == expected);
    }
    for (size_t i = 0; i < 200; i++) {
        size_t size = (size_t)rh_rng_below(&rng, NOISE_SIZE);
        size_t at = (size_t)rh_rng_below(&rng, NOISE_SIZE - size);
        uint64_t expected = rh_crc64_update_tables(i, noise + at, size);

        assert_true(rh_crc64_update(i, noise + at, size) == expected);
    }
}

static void splits_combine(void **state)
{
    struct rh_rng rng;

    (void)state;
    rh_rng_init(&rng, 6);
    for (size_t i = 0; i < 500; i++) {
        size_t whole = (size_t)rh_rng_below(&rng, NOISE_SIZE);
        size_t first = (size_t)rh_rng_below(&rng, whole + 1);
        uint64_t a = rh_crc64_update(0, noise, first);
        uint64_t b = rh_crc64_update(0, noise + first, whole - first);
        uint64_t expected = rh_crc64_update(0, noise, whole);

        assert_true(rh_crc64_update(a, noise + first, whole - first) == expected);
        assert_true(rh_crc64_combine(a, b, whole - first) == expected);
    }
}

/* Combining is associative; that reaches lengths far beyond what could be hashed here. */
static void long_lengths_combine(void **state)
{
    struct rh_rng rng;

    (void)state;
    rh_rng_init(&rng, 7);
    for (size_t i = 0; i < 200; i++) {
        uint64_t a = rh_rng_next(&rng), b = rh_rng_next(&rng), c = rh_rng_next(&rng);
        uint64_t length_b = rh_rng_next(&rng) >> (1 + rh_rng_below(&rng, 60));
        uint64_t length_c = rh_rng_next(&rng) >> (1 + rh_rng_below(&rng, 60));
        uint64_t left = rh_crc64_combine(rh_crc64_combine(a, b, length_b), c, length_c);
        uint64_t right = rh_crc64_combine(a, rh_crc64_combine(b, c, length_c), length_b + length_c);

        assert_true(left == right);
    }
    assert_true(rh_crc64_combine(5, 0, 0) == 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_values),
        cmocka_unit_test(all_paths_agree),
        cmocka_unit_test(splits_combine),
        cmocka_unit_test(long_lengths_combine),
    };

    return cmocka_run_group_tests(tests, make_noise, drop_noise);
}
