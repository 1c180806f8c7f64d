/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"

static void buffer_keeps_its_cap(void **state)
{
    char memory[8];
    struct rh_buffer buffer;

    (void)state;
    memset(memory, '#', sizeof memory);
    rh_buffer_init(&buffer, memory, 6);
    assert_int_equal(rh_buffer_put_str(&buffer, "abcd"), RH_OK);
    assert_int_equal(rh_buffer_put_str(&buffer, "efg"), RH_ERR_LIMIT);
    assert_int_equal(rh_buffer_put_u64(&buffer, 123), RH_ERR_LIMIT);
    assert_int_equal(rh_buffer_put_i64(&buffer, -12), RH_ERR_LIMIT);
    assert_int_equal(buffer.size, 4);
    assert_int_equal(rh_buffer_put_i64(&buffer, -1), RH_OK);
    assert_int_equal(rh_buffer_put_byte(&buffer, 'x'), RH_ERR_LIMIT);
    assert_int_equal(rh_buffer_put(&buffer, NULL, 0), RH_OK);
    assert_true(rh_bytes_equal_str(rh_buffer_bytes(&buffer), "abcd-1"));
    assert_memory_equal(memory + 6, "##", 2);
}

static void numbers_go_both_ways(void **state)
{
    struct rh_rng rng;
    uint64_t edges[] = {0, 9, 10, 99, UINT32_MAX, INT64_MAX, UINT64_MAX - 1, UINT64_MAX};

    (void)state;
    rh_rng_init(&rng, 1);
    for (size_t i = 0; i < 2000; i++) {
        uint64_t value = i < sizeof edges / sizeof *edges
                             ? edges[i]
                             : rh_rng_next(&rng) >> rh_rng_below(&rng, 64);
        char expected[32], memory[32];
        struct rh_buffer buffer;
        uint64_t back = ~value;

        snprintf(expected, sizeof expected, "%" PRIu64, value);
        rh_buffer_init(&buffer, memory, sizeof memory);
        assert_int_equal(rh_buffer_put_u64(&buffer, value), RH_OK);
        assert_true(rh_bytes_equal_str(rh_buffer_bytes(&buffer), expected));
        assert_int_equal(rh_bytes_parse_u64(rh_buffer_bytes(&buffer), &back), RH_OK);
        assert_true(back == value);
        snprintf(expected, sizeof expected, "%" PRId64, (int64_t)value);
        rh_buffer_init(&buffer, memory, sizeof memory);
        assert_int_equal(rh_buffer_put_i64(&buffer, (int64_t)value), RH_OK);
        assert_true(rh_bytes_equal_str(rh_buffer_bytes(&buffer), expected));
    }
}

static void numbers_are_strict(void **state)
{
    static const char *const broken[] = {"",   " 1",  "1 ",  "+1",   "-1",
                                         "1x", "0x1", "1.0", "\x00", "99999999999999999999999x"};
    uint64_t value = 7;

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_int_equal(rh_bytes_parse_u64(rh_bytes_of(broken[i]), &value), RH_ERR_SYNTAX);
    assert_int_equal(rh_bytes_parse_u64(rh_bytes_of("18446744073709551616"), &value), RH_ERR_RANGE);
    assert_int_equal(rh_bytes_parse_u64(rh_bytes_of("99999999999999999999999"), &value),
                     RH_ERR_RANGE);
    assert_int_equal(value, 7);
    assert_int_equal(rh_bytes_parse_u64(rh_bytes_of("0007"), &value), RH_OK);
    assert_int_equal(value, 7);
}

static void views_compare(void **state)
{
    (void)state;
    assert_int_equal(rh_bytes_of(NULL).size, 0);
    assert_true(rh_bytes_equal(rh_bytes_of(NULL), rh_bytes_of("")));
    assert_true(rh_bytes_equal_nocase(rh_bytes_of("Content-TYPE"), rh_bytes_of("content-type")));
    assert_false(rh_bytes_equal_nocase(rh_bytes_of("@["), rh_bytes_of("`{")));
    assert_false(rh_bytes_equal_nocase(rh_bytes_of("abc"), rh_bytes_of("ab")));
    assert_false(rh_bytes_equal(rh_bytes_of("abc"), rh_bytes_of("abd")));
    assert_true(rh_bytes_starts_with(rh_bytes_of("Bearer x"), "Bearer "));
    assert_false(rh_bytes_starts_with(rh_bytes_of("Bear"), "Bearer "));
    assert_true(rh_bytes_equal_str(rh_bytes_trim(rh_bytes_of(" \ta b \t")), "a b"));
    assert_int_equal(rh_bytes_trim(rh_bytes_of(" \t ")).size, 0);
    assert_int_equal(rh_bytes_find(rh_bytes_of("a,b"), ','), 1);
    assert_int_equal(rh_bytes_find(rh_bytes_of("ab"), ','), 2);
}

static void endings_are_fixed(void **state)
{
    static const uint8_t raw[8] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
    uint8_t out[8];

    (void)state;
    assert_int_equal(rh_le16_get(raw), 0x2301);
    assert_true(rh_le32_get(raw) == 0x67452301);
    assert_true(rh_le64_get(raw) == 0xefcdab8967452301);
    assert_true(rh_be64_get(raw) == 0x0123456789abcdef);
    rh_le64_put(out, 0xefcdab8967452301);
    assert_memory_equal(out, raw, 8);
    rh_be64_put(out, 0x0123456789abcdef);
    assert_memory_equal(out, raw, 8);
    rh_le32_put(out, 0x67452301);
    assert_memory_equal(out, raw, 4);
    rh_le16_put(out, 0x2301);
    assert_memory_equal(out, raw, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffer_keeps_its_cap), cmocka_unit_test(numbers_go_both_ways),
        cmocka_unit_test(numbers_are_strict),   cmocka_unit_test(views_compare),
        cmocka_unit_test(endings_are_fixed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
