/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fields/receipt.h"

#include "base/rng.h"

static enum rh_error parse(const char *text, struct rh_receipt *receipt)
{
    return rh_receipt_parse(rh_bytes_of(text), receipt);
}

static void reads_the_documented_form(void **state)
{
    struct rh_receipt receipt;

    (void)state;
    assert_int_equal(parse("offset=0, length=1048576, crc64=:rosUhgp5mIg=:, kept=until-complete, "
                           "durable",
                           &receipt),
                     RH_OK);
    assert_true(receipt.offset == 0);
    assert_true(receipt.length == 1048576);
    assert_true(receipt.crc64 == 0xae8b14860a799888);
    assert_true(receipt.kept_until_complete);
    assert_true(receipt.durable);
}

/* A promise is there only when it is said, in exactly these words. */
static void promises_are_never_assumed(void **state)
{
    static const char *const bare[] = {
        "offset=1, length=2, crc64=:AAAAAAAAAAA=:",
        "crc64=:AAAAAAAAAAA=:, length=2, offset=1, kept=until-tomorrow, durable=?0",
        "offset=1, length=2, crc64=:AAAAAAAAAAA=:, kept=\"until-complete\", durable=1",
        "offset=1, length=2, crc64=:AAAAAAAAAAA=:, kept, durable=yes, new=(1 2);x",
        "offset=1, length=2, crc64=:AAAAAAAAAAA=:, durable, durable=?0",
    };
    struct rh_receipt receipt;

    (void)state;
    for (size_t i = 0; i < sizeof bare / sizeof *bare; i++) {
        assert_int_equal(parse(bare[i], &receipt), RH_OK);
        assert_true(receipt.offset == 1 && receipt.length == 2 && receipt.crc64 == 0);
        assert_false(receipt.kept_until_complete);
        assert_false(receipt.durable);
    }
}

static void refuses_what_is_broken(void **state)
{
    static const char *const broken[] = {
        "",
        "durable",
        "offset=1, length=2",
        "offset=1, crc64=:AAAAAAAAAAA=:",
        "length=2, crc64=:AAAAAAAAAAA=:",
        "offset=1.0, length=2, crc64=:AAAAAAAAAAA=:",
        "offset=1, length=2, crc64=:AAAAAAAAAA==:",
        "offset=1, length=2, crc64=:AAAAAAAAAAAA:",
        "offset=1, length=2, crc64=AAAAAAAAAAA",
        "offset=1, length=2, crc64=:AAAAAAAAAAA=:,",
        "offset=1, length=2, crc64=:AAAAAAAAAAA=: durable",
        "offset=1; length=2; crc64=:AAAAAAAAAAA=:",
    };
    struct rh_receipt receipt = {.offset = 77};

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_int_equal(parse(broken[i], &receipt), RH_ERR_SYNTAX);
    assert_int_equal(parse("offset=-1, length=2, crc64=:AAAAAAAAAAA=:", &receipt), RH_ERR_RANGE);
    assert_true(receipt.offset == 77);
}

static void round_trips(void **state)
{
    struct rh_rng rng;

    (void)state;
    rh_rng_init(&rng, 17);
    for (int i = 0; i < 1000; i++) {
        char memory[RH_RECEIPT_TEXT_MAX];
        struct rh_buffer out;
        struct rh_receipt back;
        struct rh_receipt receipt = {
            .offset = rh_rng_below(&rng, (uint64_t)RH_SF_INTEGER_MAX + 1) >> (i % 50),
            .length = rh_rng_below(&rng, (uint64_t)RH_SF_INTEGER_MAX + 1) >> (i % 50),
            .crc64 = rh_rng_next(&rng),
            .kept_until_complete = rh_rng_below(&rng, 2) == 1,
            .durable = rh_rng_below(&rng, 2) == 1,
        };

        rh_buffer_init(&out, memory, sizeof memory);
        assert_int_equal(rh_receipt_write(&out, &receipt), RH_OK);
        assert_int_equal(rh_receipt_parse(rh_buffer_bytes(&out), &back), RH_OK);
        assert_true(back.offset == receipt.offset && back.length == receipt.length);
        assert_true(back.crc64 == receipt.crc64);
        assert_int_equal(back.kept_until_complete, receipt.kept_until_complete);
        assert_int_equal(back.durable, receipt.durable);
    }
}

static void writing_fails_clean(void **state)
{
    struct rh_receipt longest = {RH_SF_INTEGER_MAX, RH_SF_INTEGER_MAX, UINT64_MAX, true, true};
    struct rh_receipt beyond = {RH_SF_INTEGER_MAX + 1, 1, 0, false, false};
    char memory[RH_RECEIPT_TEXT_MAX];
    struct rh_buffer out;
    size_t size;

    (void)state;
    rh_buffer_init(&out, memory, sizeof memory);
    assert_int_equal(rh_receipt_write(&out, &beyond), RH_ERR_RANGE);
    assert_int_equal(out.size, 0);
    assert_int_equal(rh_receipt_write(&out, &longest), RH_OK);
    size = out.size;
    for (size_t cap = 0; cap < size; cap++) {
        rh_buffer_init(&out, memory, cap);
        assert_int_equal(rh_receipt_write(&out, &longest), RH_ERR_LIMIT);
        assert_int_equal(out.size, 0);
    }
}

static void checksums_alone(void **state)
{
    char memory[RH_CRC64_FIELD_SIZE];
    struct rh_buffer out;
    uint64_t crc = 0;

    (void)state;
    rh_buffer_init(&out, memory, sizeof memory);
    assert_int_equal(rh_crc64_field_write(&out, 0xae8b14860a799888), RH_OK);
    assert_true(rh_bytes_equal_str(rh_buffer_bytes(&out), ":rosUhgp5mIg=:"));
    assert_int_equal(rh_crc64_field_parse(rh_buffer_bytes(&out), &crc), RH_OK);
    assert_true(crc == 0xae8b14860a799888);
    assert_int_equal(rh_crc64_field_parse(rh_bytes_of("rosUhgp5mIg="), &crc), RH_ERR_SYNTAX);
    assert_int_equal(rh_crc64_field_parse(rh_bytes_of(":rosUhgp5mA==:"), &crc), RH_ERR_SYNTAX);
    assert_int_equal(rh_crc64_field_parse(rh_bytes_of(""), &crc), RH_ERR_SYNTAX);
}

static void writers(void **state)
{
    struct rh_writer writer;
    char memory[96], lease[RH_WRITER_LEASE_MAX + 1];
    struct rh_buffer out;

    (void)state;
    for (size_t i = 0; i < sizeof lease; i++)
        lease[i] = '"'; /* each is escaped, so this is the longest text there can be */
    rh_buffer_init(&out, memory, sizeof memory);
    assert_int_equal(rh_writer_write(&out, rh_bytes_of("tab \"1\""), 7), RH_OK);
    assert_true(rh_bytes_equal_str(rh_buffer_bytes(&out), "\"tab \\\"1\\\"\", 7"));
    assert_int_equal(rh_writer_parse(rh_buffer_bytes(&out), &writer), RH_OK);
    assert_int_equal(writer.lease_size, 7);
    assert_memory_equal(writer.lease, "tab \"1\"", 7);
    assert_true(writer.number == 7);
    assert_int_equal(rh_writer_write(&out, (struct rh_bytes){(uint8_t *)lease, 65}, 7),
                     RH_ERR_RANGE);
    assert_int_equal(rh_writer_write(&out, (struct rh_bytes){(uint8_t *)lease, 64}, 7),
                     RH_ERR_LIMIT);
    assert_int_equal(rh_writer_write(&out, rh_bytes_of(""), 7), RH_ERR_RANGE);
    assert_int_equal(rh_writer_parse(rh_bytes_of("\"a\", -1"), &writer), RH_ERR_RANGE);
    assert_int_equal(rh_writer_parse(rh_bytes_of("\"\", 1"), &writer), RH_ERR_SYNTAX);
    assert_int_equal(rh_writer_parse(rh_bytes_of("a, 1"), &writer), RH_ERR_SYNTAX);
    assert_int_equal(rh_writer_parse(rh_bytes_of("\"a\""), &writer), RH_ERR_SYNTAX);
    assert_int_equal(rh_writer_parse(rh_bytes_of("\"a\", 1, 2"), &writer), RH_ERR_SYNTAX);
    assert_int_equal(rh_writer_parse(rh_bytes_of("\"a\", 1 x"), &writer), RH_ERR_SYNTAX);
    assert_int_equal(rh_writer_parse(rh_bytes_of("\"0123456789012345678901234567890123456789012345"
                                                 "6789012345678901234\", 1"),
                                     &writer),
                     RH_ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_documented_form),
        cmocka_unit_test(promises_are_never_assumed),
        cmocka_unit_test(refuses_what_is_broken),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(writing_fails_clean),
        cmocka_unit_test(checksums_alone),
        cmocka_unit_test(writers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
