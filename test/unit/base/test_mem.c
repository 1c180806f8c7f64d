/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"

#include <string.h>

static void does_what_string_h_does(void **state)
{
    uint8_t a[16] = "abcdefgh", b[16] = "abcdefgh";

    (void)state;
    rh_mem_move(a + 2, a, 6);
    memmove(b + 2, b, 6);
    assert_memory_equal(a, b, 16);
    rh_mem_move(a, a + 3, 6);
    memmove(b, b + 3, 6);
    assert_memory_equal(a, b, 16);
    rh_mem_set(a, 0xee, 5);
    rh_mem_copy(a + 8, b, 4);
    assert_int_equal(a[4], 0xee);
    assert_memory_equal(a + 8, b, 4);
    assert_true(rh_mem_compare("a\xff", "a\x01", 2) > 0);
    assert_true(rh_mem_compare("a\x01", "a\xff", 2) < 0);
    assert_int_equal(rh_mem_compare("ab", "ac", 1), 0);
    assert_int_equal(rh_str_size("four"), 4);
}

static void nothing_is_fine(void **state)
{
    (void)state;
    rh_mem_copy(NULL, NULL, 0);
    rh_mem_move(NULL, NULL, 0);
    rh_mem_set(NULL, 1, 0);
    assert_int_equal(rh_mem_compare(NULL, NULL, 0), 0);
    assert_true(rh_mem_equal_secret(NULL, NULL, 0));
}

static void secrets_differ_by_one_bit(void **state)
{
    uint8_t a[24], b[24];

    (void)state;
    memset(a, 0x5a, sizeof a);
    for (size_t bit = 0; bit < 8 * sizeof a; bit++) {
        memcpy(b, a, sizeof a);
        assert_true(rh_mem_equal_secret(a, b, sizeof a));
        b[bit / 8] = (uint8_t)(b[bit / 8] ^ (1u << bit % 8));
        assert_false(rh_mem_equal_secret(a, b, sizeof a));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(does_what_string_h_does),
        cmocka_unit_test(nothing_is_fine),
        cmocka_unit_test(secrets_differ_by_one_bit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
