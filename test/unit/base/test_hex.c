/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hex.h"

#include <string.h>

static void goes_both_ways(void **state)
{
    static const uint8_t raw[] = {0x00, 0x0f, 0xa0, 0xff, 0x5c};
    char text[10];
    uint8_t back[5];

    (void)state;
    assert_int_equal(rh_hex_encode(text, sizeof text, raw, sizeof raw), 10);
    assert_memory_equal(text, "000fa0ff5c", 10);
    assert_int_equal(rh_hex_decode(back, sizeof back, "000FA0fF5c", 10), 5);
    assert_memory_equal(back, raw, sizeof raw);
}

static void broken_is_refused(void **state)
{
    char text[3];
    uint8_t back[1];

    (void)state;
    assert_int_equal(rh_hex_decode(back, sizeof back, "0", 1), RH_ERR_SYNTAX);
    assert_int_equal(rh_hex_decode(back, sizeof back, "0g", 2), RH_ERR_SYNTAX);
    assert_int_equal(rh_hex_decode(back, sizeof back, ":0", 2), RH_ERR_SYNTAX);
    assert_int_equal(rh_hex_decode(back, sizeof back, "0@", 2), RH_ERR_SYNTAX);
    assert_int_equal(rh_hex_decode(back, sizeof back, "0001", 4), RH_ERR_LIMIT);
    assert_int_equal(rh_hex_encode(text, sizeof text, "ab", 2), RH_ERR_LIMIT);
    assert_int_equal(rh_hex_decode(back, 0, "", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_both_ways),
        cmocka_unit_test(broken_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
