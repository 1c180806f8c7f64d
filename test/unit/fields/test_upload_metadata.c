/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fields/upload_metadata.h"

static struct rh_upload_metadata_pair pairs[RH_UPLOAD_METADATA_PAIRS_MAX];

/* A copy of exact size, so that reading beyond it is seen. */
static enum rh_error parse(const char *text, size_t size, size_t *count)
{
    static uint8_t *kept;
    free(kept);
    kept = malloc(size == 0 ? 1 : size);
    assert_non_null(kept);
    if (size > 0)
        memcpy(kept, text, size);
    return rh_upload_metadata_parse((struct rh_bytes){kept, size}, pairs, count);
}

static void pairs_are_read(void **state)
{
    (void)state;
    size_t count = 0;
    const char *text = "filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,is_confidential";
    assert_int_equal(parse(text, strlen(text), &count), RH_OK);
    assert_int_equal(count, 2);
    assert_true(rh_bytes_equal_str(pairs[0].key, "filename"));
    assert_int_equal(rh_upload_metadata_size(pairs[0].value), 25);
    char name[25];
    assert_int_equal(rh_upload_metadata_decode(name, sizeof name, pairs[0].value), 25);
    assert_memory_equal(name, "world_domination_plan.pdf", 25);
    assert_int_equal(rh_upload_metadata_decode(name, 24, pairs[0].value), RH_ERR_LIMIT);
    assert_true(rh_bytes_equal_str(pairs[1].key, "is_confidential"));
    assert_int_equal(pairs[1].value.size, 0);
    assert_int_equal(rh_upload_metadata_size(pairs[1].value), 0);
    assert_int_equal(rh_upload_metadata_decode(name, 0, pairs[1].value), 0);
}

static void what_may_be(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t count;
    } cases[] = {
        {"", 0},
        {"  ", 0},
        {"a", 1},
        {"a ", 1},
        {"a,b", 2},
        {"a YQ==, b YQ==", 2},
        {"a ,b", 2},
        {" a YQ== ,\tb", 2},
        {"A,a", 2},
        {"k=;:\"{} YWI=", 1},
        {"\xc3\xa4 YQ==", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t count = 99;
        assert_int_equal(parse(cases[i].text, strlen(cases[i].text), &count), RH_OK);
        assert_int_equal(count, cases[i].count);
    }
}

static void what_may_not(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rh_error error;
    } cases[] = {
        {",", RH_ERR_SYNTAX},           {"a,", RH_ERR_SYNTAX},
        {",a", RH_ERR_SYNTAX},          {"a,,b", RH_ERR_SYNTAX},
        {"a b", RH_ERR_SYNTAX},         {"a  YQ==", RH_ERR_SYNTAX},
        {"a YQ== YQ==", RH_ERR_SYNTAX}, {"a YQ", RH_ERR_SYNTAX},
        {"a YQ=", RH_ERR_SYNTAX},       {"a YR==", RH_ERR_SYNTAX},
        {"a Y_-=", RH_ERR_SYNTAX},      {"a YQ==YQ==", RH_ERR_SYNTAX},
        {"a\tb", RH_ERR_SYNTAX},        {"a\x7f", RH_ERR_SYNTAX},
        {"a\x01 YQ==", RH_ERR_SYNTAX},  {"a,a", RH_ERR_EXISTS},
        {"a YQ==,b,a", RH_ERR_EXISTS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t count = 99;
        if (parse(cases[i].text, strlen(cases[i].text), &count) != cases[i].error)
            print_error("%s\n", cases[i].text);
        assert_int_equal(parse(cases[i].text, strlen(cases[i].text), &count), cases[i].error);
        assert_int_equal(count, 99);
    }
    size_t count = 99;
    assert_int_equal(parse("a\0b", 3, &count), RH_ERR_SYNTAX);
}

static void long_values_are_checked_to_the_end(void **state)
{
    (void)state;
    char text[2002] = "k ";
    size_t count = 0;
    memset(text + 2, 'A', 2000);
    assert_int_equal(parse(text, sizeof text, &count), RH_OK);
    assert_int_equal(rh_upload_metadata_size(pairs[0].value), 1500);
    for (size_t at = 2; at < sizeof text; at += 37) {
        text[at] = '=';
        assert_int_equal(parse(text, sizeof text, &count), RH_ERR_SYNTAX);
        text[at] = '*';
        assert_int_equal(parse(text, sizeof text, &count), RH_ERR_SYNTAX);
        text[at] = 'A';
    }
    text[255] = '='; /* padding where one piece ends is not the end */
    assert_int_equal(parse(text, sizeof text, &count), RH_ERR_SYNTAX);
}

static void there_is_a_most(void **state)
{
    (void)state;
    char text[512] = "";
    size_t count = 0;
    size_t size = 0;
    for (int i = 0; i < RH_UPLOAD_METADATA_PAIRS_MAX; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "%sk%d", i == 0 ? "" : ",", i);
    assert_int_equal(parse(text, size, &count), RH_OK);
    assert_int_equal(count, RH_UPLOAD_METADATA_PAIRS_MAX);
    memcpy(text + size, ",x", 2);
    assert_int_equal(parse(text, size + 2, &count), RH_ERR_LIMIT);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    uint8_t memory[64];
    struct rh_buffer buffer;
    size_t count = 0;
    char name[8];
    rh_buffer_init(&buffer, memory, sizeof memory);
    assert_int_equal(
        rh_upload_metadata_put(&buffer, 0, rh_bytes_of("filename"), rh_bytes_of("a.mp4")), RH_OK);
    assert_int_equal(rh_upload_metadata_put(&buffer, 1, rh_bytes_of("flag"), rh_bytes_of("")),
                     RH_OK);
    assert_true(rh_bytes_equal_str(rh_buffer_bytes(&buffer), "filename YS5tcDQ=,flag"));
    assert_int_equal(rh_upload_metadata_parse(rh_buffer_bytes(&buffer), pairs, &count), RH_OK);
    assert_int_equal(count, 2);
    assert_int_equal(rh_upload_metadata_decode(name, sizeof name, pairs[0].value), 5);
    size_t size = buffer.size;
    assert_int_equal(rh_upload_metadata_put(&buffer, 2, rh_bytes_of("a b"), rh_bytes_of("")),
                     RH_ERR_SYNTAX);
    assert_int_equal(rh_upload_metadata_put(&buffer, 2, rh_bytes_of(""), rh_bytes_of("")),
                     RH_ERR_SYNTAX);
    for (size_t cap = size; cap < size + 10; cap++) {
        buffer.cap = cap;
        assert_int_equal(
            rh_upload_metadata_put(&buffer, 2, rh_bytes_of("key"), rh_bytes_of("abcd")),
            RH_ERR_LIMIT);
        assert_int_equal(buffer.size, size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_read),  cmocka_unit_test(what_may_be),
        cmocka_unit_test(what_may_not),    cmocka_unit_test(long_values_are_checked_to_the_end),
        cmocka_unit_test(there_is_a_most), cmocka_unit_test(what_is_written_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
