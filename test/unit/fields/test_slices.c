/* SPDX-License-Identifier: MIT */
/* Reelhaul-Slices: what is written is read again, and what is broken is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fields/slices.h"

static enum rh_error parse(const char *text, struct rh_slice *slices, size_t *count)
{
    return rh_slices_parse(rh_bytes_of(text), slices, count);
}

static void test_round_trip(void **state)
{
    uint8_t memory[RH_SLICES_TEXT_MAX];
    struct rh_buffer buffer;
    struct rh_slice in[RH_SLICES_MAX];
    struct rh_slice out[RH_SLICES_MAX];
    size_t count = 0;
    (void)state;
    for (size_t i = 0; i < RH_SLICES_MAX; i++)
        in[i] = (struct rh_slice){.length = 1 + i * 999983, .crc64 = i * 0x9e3779b97f4a7c15u};
    rh_buffer_init(&buffer, memory, sizeof memory);
    assert_int_equal(rh_slices_write(&buffer, in, RH_SLICES_MAX), RH_OK);
    assert_int_equal(rh_slices_parse((struct rh_bytes){memory, buffer.size}, out, &count), RH_OK);
    assert_int_equal(count, RH_SLICES_MAX);
    assert_memory_equal(in, out, sizeof in);
}

static void test_literal(void **state)
{
    struct rh_slice slices[RH_SLICES_MAX];
    size_t count = 0;
    (void)state;
    assert_int_equal(parse("9;crc64=:rosUhgp5mIg=:, 1;crc64=:AAAAAAAAAAA=:", slices, &count),
                     RH_OK);
    assert_int_equal(count, 2);
    assert_int_equal(slices[0].length, 9);
    assert_true(slices[0].crc64 == 0xae8b14860a799888u);
    assert_int_equal(slices[1].length, 1);
    assert_true(slices[1].crc64 == 0);
}

static void test_refused(void **state)
{
    static const struct {
        const char *text;
        enum rh_error error;
    } cases[] = {
        {"", RH_ERR_SYNTAX},
        {"9", RH_ERR_SYNTAX},
        {"9;crc64=5", RH_ERR_SYNTAX},
        {"9;crc64=:AAAA:", RH_ERR_SYNTAX},
        {"(9 1);crc64=:AAAAAAAAAAA=:", RH_ERR_SYNTAX},
        {"\"9\";crc64=:AAAAAAAAAAA=:", RH_ERR_SYNTAX},
        {"9;crc64=:AAAAAAAAAAA=:,", RH_ERR_SYNTAX},
        {"9;crc64=:AAAAAAAAAAA=", RH_ERR_SYNTAX},
        {"0;crc64=:AAAAAAAAAAA=:", RH_ERR_RANGE},
        {"-1;crc64=:AAAAAAAAAAA=:", RH_ERR_RANGE},
        {"999999999999999;crc64=:AAAAAAAAAAA=:, 1;crc64=:AAAAAAAAAAA=:", RH_ERR_RANGE},
    };
    struct rh_slice slices[RH_SLICES_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t count = 77;
        assert_int_equal(parse(cases[i].text, slices, &count), cases[i].error);
        assert_int_equal(count, 77);
    }
}

static void test_limits(void **state)
{
    char text[(RH_SLICES_MAX + 1) * 32] = "1;crc64=:AAAAAAAAAAA=:";
    struct rh_slice slices[RH_SLICES_MAX];
    uint8_t memory[40];
    struct rh_buffer buffer;
    size_t count = 0;
    (void)state;
    for (size_t i = 0; i < RH_SLICES_MAX; i++)
        strcat(text, ",1;crc64=:AAAAAAAAAAA=:");
    assert_int_equal(parse(text, slices, &count), RH_ERR_LIMIT);

    struct rh_slice two[2] = {{.length = 5}, {.length = 6}};
    rh_buffer_init(&buffer, memory, sizeof memory);
    assert_int_equal(rh_slices_write(&buffer, two, 2), RH_ERR_LIMIT);
    assert_int_equal(buffer.size, 0);
    two[0].length = 0;
    assert_int_equal(rh_slices_write(&buffer, two, 1), RH_ERR_RANGE);
    assert_int_equal(buffer.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_literal),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
