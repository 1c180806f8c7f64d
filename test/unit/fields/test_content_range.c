/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fields/content_range.h"

static void reads_content_range(void **state)
{
    struct rh_content_range range;

    (void)state;
    assert_int_equal(rh_content_range_parse(rh_bytes_of("bytes 42-1233/1234"), &range), RH_OK);
    assert_true(range.has_range && range.range.offset == 42 && range.range.length == 1192);
    assert_true(range.total == 1234);
    assert_int_equal(rh_content_range_parse(rh_bytes_of("Bytes 0-0/*"), &range), RH_OK);
    assert_true(range.has_range && range.range.length == 1 && range.total == RH_SIZE_UNKNOWN);
    assert_int_equal(rh_content_range_parse(rh_bytes_of("bytes */0"), &range), RH_OK);
    assert_true(!range.has_range && range.total == 0);
}

static void refuses_broken_content_range(void **state)
{
    static const struct {
        const char *text;
        enum rh_error error;
    } broken[] = {
        {"", RH_ERR_SYNTAX},
        {"bytes", RH_ERR_SYNTAX},
        {"bytes 0-1", RH_ERR_SYNTAX},
        {"bytes=0-1/2", RH_ERR_SYNTAX},
        {"items 0-1/2", RH_ERR_SYNTAX},
        {"bytes */*", RH_ERR_SYNTAX},
        {"bytes -1/2", RH_ERR_SYNTAX},
        {"bytes 0-/2", RH_ERR_SYNTAX},
        {"bytes 0- 1/2", RH_ERR_SYNTAX},
        {"bytes 0-1/2 ", RH_ERR_SYNTAX},
        {"bytes 0-1/", RH_ERR_SYNTAX},
        {"bytes 1-0/2", RH_ERR_RANGE},
        {"bytes 0-2/2", RH_ERR_RANGE},
        {"bytes 2-2/2", RH_ERR_RANGE},
        {"bytes 0-18446744073709551615/*", RH_ERR_RANGE},
        {"bytes 0-1/18446744073709551615", RH_ERR_RANGE},
        {"bytes 0-1/99999999999999999999", RH_ERR_RANGE},
    };
    struct rh_content_range range;

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_int_equal(rh_content_range_parse(rh_bytes_of(broken[i].text), &range),
                         broken[i].error);
}

static void writes_content_range(void **state)
{
    static const struct {
        struct rh_content_range range;
        const char *expected;
    } good[] = {
        {{true, {0, 10}, 100}, "bytes 0-9/100"},
        {{true, {0, 10}, RH_SIZE_UNKNOWN}, "bytes 0-9/*"},
        {{false, {0, 0}, 100}, "bytes */100"},
    };
    static const struct rh_content_range bad[] = {
        {true, {0, 0}, 100},
        {true, {95, 10}, 100},
        {true, {UINT64_MAX, 2}, RH_SIZE_UNKNOWN},
        {false, {0, 0}, RH_SIZE_UNKNOWN},
    };
    char memory[64];
    struct rh_buffer out;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        rh_buffer_init(&out, memory, sizeof memory);
        assert_int_equal(rh_content_range_write(&out, &good[i].range), RH_OK);
        assert_true(rh_bytes_equal_str(rh_buffer_bytes(&out), good[i].expected));
        rh_buffer_init(&out, memory, out.size - 1);
        assert_int_equal(rh_content_range_write(&out, &good[i].range), RH_ERR_LIMIT);
        assert_int_equal(out.size, 0);
    }
    rh_buffer_init(&out, memory, sizeof memory);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(rh_content_range_write(&out, &bad[i]), RH_ERR_RANGE);
    assert_int_equal(out.size, 0);
}

static void reads_range_requests(void **state)
{
    static const struct {
        const char *text;
        uint64_t size;
        enum rh_error error;
        struct rh_range range;
    } cases[] = {
        {"bytes=0-499", 10000, RH_OK, {0, 500}},
        {"bytes=9500-", 10000, RH_OK, {9500, 500}},
        {"bytes=-500", 10000, RH_OK, {9500, 500}},
        {"bytes=0-99999", 10000, RH_OK, {0, 10000}},
        {"bytes=-99999", 10000, RH_OK, {0, 10000}},
        {"bytes=0-99999999999999999999999", 10, RH_OK, {0, 10}},
        {"Bytes= 0-0 ", 10, RH_OK, {0, 1}},
        {"bytes=10-", 10, RH_ERR_RANGE, {0, 0}},
        {"bytes=99999999999999999999999-", 10, RH_ERR_RANGE, {0, 0}},
        {"bytes=-0", 10, RH_ERR_RANGE, {0, 0}},
        {"bytes=-5", 0, RH_ERR_RANGE, {0, 0}},
        {"bytes=0-", 0, RH_ERR_RANGE, {0, 0}},
        {"bytes=0-1,5-6", 10, RH_ERR_LIMIT, {0, 0}},
        {"bytes=5-1", 10, RH_ERR_SYNTAX, {0, 0}},
        {"bytes=-", 10, RH_ERR_SYNTAX, {0, 0}},
        {"bytes=", 10, RH_ERR_SYNTAX, {0, 0}},
        {"bytes=a-b", 10, RH_ERR_SYNTAX, {0, 0}},
        {"bytes=1", 10, RH_ERR_SYNTAX, {0, 0}},
        {"bytes=1-2-3", 10, RH_ERR_SYNTAX, {0, 0}},
        {"seconds=0-1", 10, RH_ERR_SYNTAX, {0, 0}},
        {"", 10, RH_ERR_SYNTAX, {0, 0}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rh_range range = {0, 0};

        assert_int_equal(rh_range_parse(rh_bytes_of(cases[i].text), cases[i].size, &range),
                         cases[i].error);
        assert_true(range.offset == cases[i].range.offset);
        assert_true(range.length == cases[i].range.length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_content_range),
        cmocka_unit_test(refuses_broken_content_range),
        cmocka_unit_test(writes_content_range),
        cmocka_unit_test(reads_range_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
