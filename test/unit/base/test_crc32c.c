/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/crc32c.h"

/* The definition, bit by bit. */
static uint32_t naive(const uint8_t *data, size_t size)
{
    uint32_t crc = ~(uint32_t)0;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

static void test_known_values(void **state)
{
    uint8_t bytes[32] = {0};

    (void)state;
    assert_true(rh_crc32c_update(0, "123456789", 9) == 0xe3069283);
    assert_true(rh_crc32c_update(0, NULL, 0) == 0);
    /* RFC 7143, appendix A.4 */
    assert_true(rh_crc32c_update(0, bytes, sizeof bytes) == 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    assert_true(rh_crc32c_update(0, bytes, sizeof bytes) == 0x62a8ab43);
}

static void test_any_length_in_any_pieces(void **state)
{
    uint8_t bytes[67];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        for (size_t cut = 0; cut <= size; cut++) {
            uint32_t crc = rh_crc32c_update(0, bytes, cut);
            assert_true(rh_crc32c_update(crc, bytes + cut, size - cut) == naive(bytes, size));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_values),
        cmocka_unit_test(test_any_length_in_any_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
