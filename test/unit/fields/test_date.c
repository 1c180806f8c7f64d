/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fields/date.h"

#include <stdio.h>
#include <time.h>

#include "base/rng.h"

static int64_t parsed(const char *text)
{
    int64_t unix_s = -1;

    assert_int_equal(rh_date_parse(rh_bytes_of(text), &unix_s), RH_OK);
    return unix_s;
}

/* The three spellings of RFC 9110, section 5.6.7. */
static void reads_the_three_forms(void **state)
{
    (void)state;
    assert_true(parsed("Sun, 06 Nov 1994 08:49:37 GMT") == 784111777);
    assert_true(parsed("Sunday, 06-Nov-94 08:49:37 GMT") == 784111777);
    assert_true(parsed("Sun Nov  6 08:49:37 1994") == 784111777);
    assert_true(parsed("Wed Nov 16 08:49:37 1994") == 784975777);
    assert_true(parsed("Thu, 01 Jan 1970 00:00:00 GMT") == 0);
    assert_true(parsed("Sat, 29 Feb 2020 12:00:00 GMT") == 1582977600);
    assert_true(parsed("Saturday, 29-Feb-20 12:00:00 GMT") == 1582977600);
    assert_true(parsed("Tue, 29 Feb 2000 00:00:00 GMT") == 951782400);
    assert_true(parsed("Sat, 31 Dec 2016 23:59:60 GMT") == 1483228800);
    assert_true(parsed("Mon, 01 Jan 0001 00:00:00 GMT") == -62135596800);
}

static void refuses_what_is_broken(void **state)
{
    static const char *const broken[] = {
        "",
        "Sun",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Mon, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Wed, 31 Nov 1994 08:49:37 GMT",
        "Tue, 29 Feb 2022 08:49:37 GMT",
        "Thu, 29 Feb 1900 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
        "784111777",
    };
    int64_t unix_s = 1;

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_int_equal(rh_date_parse(rh_bytes_of(broken[i]), &unix_s), RH_ERR_SYNTAX);
    assert_true(unix_s == 1);
}

/* Random moments of all years, against the C library; and back. */
static void agrees_with_the_c_library(void **state)
{
    struct rh_rng rng;
    const int64_t first = -62135596800, end = 253402300800;

    (void)state;
    rh_rng_init(&rng, 19);
    for (int i = 0; i < 5000; i++) {
        int64_t unix_s = first + (int64_t)rh_rng_below(&rng, (uint64_t)(end - first));
        time_t moment = (time_t)unix_s;
        struct tm tm;
        char expected[64], memory[RH_DATE_CHARS];
        struct rh_buffer out;

        gmtime_r(&moment, &tm);
        strftime(expected, sizeof expected, "%a, %d %b ", &tm);
        snprintf(expected + 12, sizeof expected - 12, "%04d %02d:%02d:%02d GMT", tm.tm_year + 1900,
                 tm.tm_hour, tm.tm_min, tm.tm_sec);
        rh_buffer_init(&out, memory, sizeof memory);
        assert_int_equal(rh_date_write(&out, unix_s), RH_OK);
        assert_true(rh_bytes_equal_str(rh_buffer_bytes(&out), expected));
        assert_true(parsed(expected) == unix_s);
    }
}

static void writing_has_ends(void **state)
{
    char memory[RH_DATE_CHARS];
    struct rh_buffer out;

    (void)state;
    rh_buffer_init(&out, memory, sizeof memory - 1);
    assert_int_equal(rh_date_write(&out, 0), RH_ERR_LIMIT);
    rh_buffer_init(&out, memory, sizeof memory);
    assert_int_equal(rh_date_write(&out, -62135596801), RH_ERR_RANGE);
    assert_int_equal(rh_date_write(&out, 253402300800), RH_ERR_RANGE);
    assert_int_equal(rh_date_write(&out, 253402300799), RH_OK);
    assert_true(rh_bytes_equal_str(rh_buffer_bytes(&out), "Fri, 31 Dec 9999 23:59:59 GMT"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_three_forms),
        cmocka_unit_test(refuses_what_is_broken),
        cmocka_unit_test(agrees_with_the_c_library),
        cmocka_unit_test(writing_has_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
