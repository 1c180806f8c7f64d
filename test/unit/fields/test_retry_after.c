/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fields/retry_after.h"

#define NOW_S 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */

static rh_ms delay(const char *text)
{
    rh_ms delay_ms = 1;

    assert_int_equal(rh_retry_after_parse(rh_bytes_of(text), NOW_S, &delay_ms), RH_OK);
    return delay_ms;
}

static void reads_seconds_and_dates(void **state)
{
    (void)state;
    assert_true(delay("0") == 0);
    assert_true(delay("120") == 120000);
    assert_true(delay(" 7\t") == 7000);
    assert_true(delay("Sun, 06 Nov 1994 08:50:37 GMT") == 60000);
    assert_true(delay("Sun, 06 Nov 1994 08:49:37 GMT") == 0);
    assert_true(delay("Fri, 31 Dec 1993 23:59:59 GMT") == 0);
}

static void long_waits_are_cut(void **state)
{
    (void)state;
    assert_true(delay("99999999") == RH_RETRY_AFTER_MS_MAX);
    assert_true(delay("18446744073709551615") == RH_RETRY_AFTER_MS_MAX);
    assert_true(delay("99999999999999999999999") == RH_RETRY_AFTER_MS_MAX);
    assert_true(delay("Fri, 31 Dec 9999 23:59:59 GMT") == RH_RETRY_AFTER_MS_MAX);
}

static void refuses_what_is_broken(void **state)
{
    static const char *const broken[] = {"", "-1", "1.5", "soon", "12 s", "1994-11-06"};
    rh_ms delay_ms = 5;

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_int_equal(rh_retry_after_parse(rh_bytes_of(broken[i]), NOW_S, &delay_ms),
                         RH_ERR_SYNTAX);
    assert_true(delay_ms == 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_seconds_and_dates),
        cmocka_unit_test(long_waits_are_cut),
        cmocka_unit_test(refuses_what_is_broken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
