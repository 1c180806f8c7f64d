/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fields/receipt.h"

static enum rh_error walk(struct rh_bytes text, struct rh_ranges_item *items, size_t *count)
{
    struct rh_ranges ranges;
    struct rh_ranges_item item;

    *count = 0;
    rh_ranges_init(&ranges, text);
    while (rh_ranges_next(&ranges, &item))
        items[(*count)++] = item;
    return rh_ranges_end(&ranges);
}

static void reads_the_documented_form(void **state)
{
    struct rh_ranges_item items[RH_RANGES_MAX];
    size_t count;

    (void)state;
    assert_int_equal(
        walk(rh_bytes_of("(0 1048576);crc64=:rosUhgp5mIg=:;kept, (2097152 65536);new=1"), items,
             &count),
        RH_OK);
    assert_int_equal(count, 2);
    assert_true(items[0].range.offset == 0 && items[0].range.length == 1048576);
    assert_true(items[0].has_crc64 && items[0].crc64 == 0xae8b14860a799888);
    assert_true(items[1].range.offset == 2097152 && items[1].range.length == 65536);
    assert_false(items[1].has_crc64);
    assert_true(items[0].kept && !items[1].kept);
    assert_int_equal(walk(rh_bytes_of("(0 5);kept=?0"), items, &count), RH_OK);
    assert_false(items[0].kept);
    assert_int_equal(walk(rh_bytes_of(""), items, &count), RH_OK);
    assert_int_equal(count, 0);
    assert_int_equal(walk(rh_bytes_of("(0 5), (5 5)"), items, &count), RH_OK);
    assert_int_equal(count, 2);
}

static void refuses_what_is_broken(void **state)
{
    static const struct {
        const char *text;
        enum rh_error error;
    } broken[] = {
        {"(0)", RH_ERR_SYNTAX},          {"(0 1 2)", RH_ERR_SYNTAX},
        {"0 1", RH_ERR_SYNTAX},          {"5", RH_ERR_SYNTAX},
        {"(a b)", RH_ERR_SYNTAX},        {"(0 1", RH_ERR_SYNTAX},
        {"(0 1),", RH_ERR_SYNTAX},       {"(0 1);crc64=1", RH_ERR_SYNTAX},
        {"(0 1);crc64", RH_ERR_SYNTAX},  {"(0 1);;", RH_ERR_SYNTAX},
        {"(0 1);kept=1", RH_ERR_SYNTAX}, {"(-1 1)", RH_ERR_RANGE},
        {"(0 0)", RH_ERR_RANGE},         {"(0 -1)", RH_ERR_RANGE},
        {"(5 5), (9 1)", RH_ERR_RANGE},  {"(5 5), (0 1)", RH_ERR_RANGE},
        {"(5 5), (5 5)", RH_ERR_RANGE},
    };
    struct rh_ranges_item items[RH_RANGES_MAX];
    size_t count;

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_int_equal(walk(rh_bytes_of(broken[i].text), items, &count), broken[i].error);
}

static void round_trips_up_to_the_cap(void **state)
{
    char memory[RH_RANGES_TEXT_MAX];
    struct rh_buffer out;
    struct rh_ranges_item items[RH_RANGES_MAX];
    size_t count;
    uint64_t crc = UINT64_MAX;

    (void)state;
    rh_buffer_init(&out, memory, sizeof memory);
    for (size_t i = 0; i < RH_RANGES_MAX; i++) {
        /* the largest numbers that still ascend, to prove RH_RANGES_TEXT_MAX */
        struct rh_range range = {900000000000000 + i * 1000000000000, 999999999999};

        assert_int_equal(rh_ranges_put(&out, i, range, &crc, true), RH_OK);
    }
    assert_int_equal(walk(rh_buffer_bytes(&out), items, &count), RH_OK);
    assert_int_equal(count, RH_RANGES_MAX);
    assert_true(items[63].range.offset == 963000000000000);
    assert_true(items[63].crc64 == UINT64_MAX && items[63].kept);
    assert_int_equal(rh_ranges_put(&out, 64, (struct rh_range){999000000000000, 1}, NULL, false),
                     RH_OK);
    assert_int_equal(walk(rh_buffer_bytes(&out), items, &count), RH_ERR_LIMIT);
}

static void writing_fails_clean(void **state)
{
    char memory[10];
    struct rh_buffer out;
    uint64_t crc = 0;

    (void)state;
    rh_buffer_init(&out, memory, sizeof memory);
    assert_int_equal(rh_ranges_put(&out, 0, (struct rh_range){0, 0}, NULL, false), RH_ERR_RANGE);
    assert_int_equal(rh_ranges_put(&out, 0, (struct rh_range){UINT64_MAX, 1}, NULL, false),
                     RH_ERR_RANGE);
    assert_int_equal(rh_ranges_put(&out, 0, (struct rh_range){0, 1}, &crc, false), RH_ERR_LIMIT);
    assert_int_equal(out.size, 0);
    assert_int_equal(rh_ranges_put(&out, 0, (struct rh_range){0, 1}, NULL, false), RH_OK);
    assert_int_equal(rh_ranges_put(&out, 1, (struct rh_range){5, 1}, NULL, false), RH_ERR_LIMIT);
    assert_true(rh_bytes_equal_str(rh_buffer_bytes(&out), "(0 1)"));
}

static void chunks(void **state)
{
    static const char *const broken[] = {",",  "1,", ",1", "1,,2", "-",
                                         "1-", "-1", "a",  "1 2",  "1-2-3"};
    char memory[24];
    struct rh_buffer out;
    struct rh_bytes text;
    uint64_t first, last;

    (void)state;
    rh_buffer_init(&out, memory, sizeof memory);
    assert_int_equal(rh_chunks_put(&out, 0, 0, 4), RH_OK);
    assert_int_equal(rh_chunks_put(&out, 1, 7, 7), RH_OK);
    assert_int_equal(rh_chunks_put(&out, 2, 9, 8), RH_ERR_RANGE);
    assert_int_equal(rh_chunks_put(&out, 2, 1000000000000, 2000000000000), RH_ERR_LIMIT);
    assert_true(rh_bytes_equal_str(rh_buffer_bytes(&out), "0-4, 7"));
    text = rh_buffer_bytes(&out);
    assert_int_equal(rh_chunks_next(&text, &first, &last), RH_OK);
    assert_true(first == 0 && last == 4);
    assert_int_equal(rh_chunks_next(&text, &first, &last), RH_OK);
    assert_true(first == 7 && last == 7);
    assert_int_equal(rh_chunks_next(&text, &first, &last), RH_ERR_AGAIN);
    text = rh_bytes_of("  ");
    assert_int_equal(rh_chunks_next(&text, &first, &last), RH_ERR_AGAIN);
    text = rh_bytes_of("5-4");
    assert_int_equal(rh_chunks_next(&text, &first, &last), RH_ERR_RANGE);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        enum rh_error error = RH_OK;

        text = rh_bytes_of(broken[i]);
        while (error == RH_OK)
            error = rh_chunks_next(&text, &first, &last);
        assert_int_equal(error, RH_ERR_SYNTAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_documented_form),
        cmocka_unit_test(refuses_what_is_broken),
        cmocka_unit_test(round_trips_up_to_the_cap),
        cmocka_unit_test(writing_fails_clean),
        cmocka_unit_test(chunks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
