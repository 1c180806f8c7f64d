/* SPDX-License-Identifier: MIT */
#include "http/url.h"

#include <string.h>

#include "harness.h"

static const struct {
    const char *text;
    bool valid;
} utf8[] = {
    {"", true},
    {"plain", true},
    {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x8e\xac", true},
    {"\xf4\x8f\xbf\xbf", true},
    {"\x80", false},
    {"\xc0\xaf", false},         /* overlong '/' */
    {"\xc1\xbf", false},         /* overlong */
    {"\xe0\x80\xaf", false},     /* overlong '/' */
    {"\xf0\x80\x80\xaf", false}, /* overlong '/' */
    {"\xed\xa0\x80", false},     /* surrogate */
    {"\xf4\x90\x80\x80", false}, /* above U+10FFFF */
    {"\xf5\x80\x80\x80", false},
    {"\xc3", false},
    {"\xe2\x82", false},
    {"\xe2\x82z", false},
    {"\xff", false},
};

static void test_utf8(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(utf8); i++) {
        if (rh_utf8_valid(rh_bytes_of(utf8[i].text)) != utf8[i].valid) {
            fail_msg("row %zu", i);
        }
    }
}

/* Runs a decoder; the buffer holds "<" before, to see that errors leave it alone. */
static enum rh_error run(enum rh_error (*decode)(struct rh_bytes, struct rh_buffer *),
                         const char *raw, size_t cap, char out[256])
{
    uint8_t memory[256];
    struct rh_buffer buffer;
    rh_buffer_init(&buffer, memory, cap);
    assert_int_equal(rh_buffer_put_byte(&buffer, '<'), RH_OK);
    enum rh_error error = decode(rh_bytes_of(raw), &buffer);
    assert_int_equal(memory[0], '<');
    if (error != RH_OK) {
        assert_int_equal(buffer.size, 1);
    }
    memcpy(out, memory + 1, buffer.size - 1);
    out[buffer.size - 1] = '\0';
    return error;
}

struct row {
    const char *raw;
    const char *decoded; /* NULL: RH_ERR_SYNTAX */
};

static void check(enum rh_error (*decode)(struct rh_bytes, struct rh_buffer *),
                  const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char out[256];
        enum rh_error error = run(decode, rows[i].raw, 256, out);
        bool right = rows[i].decoded == NULL ? error == RH_ERR_SYNTAX
                                             : error == RH_OK && strcmp(out, rows[i].decoded) == 0;
        if (!right) {
            fail_msg("%s: error %d, '%s'", rows[i].raw, error, out);
        }
    }
}

static const struct row segments[] = {
    {"", ""},       {"abc", "abc"}, {"a%20b+c", "a b+c"}, {"%2f%2F", "//"}, {"%c3%A4", "\xc3\xa4"},
    {"...", "..."}, {"..a", "..a"}, {"%25%32%65", "%2e"}, /* decoded once, never twice */
    {".", NULL},    {"..", NULL},   {"%2e", NULL},        {"%2E.", NULL},   {"a%00", NULL},
    {"%", NULL},    {"%4", NULL},   {"a%4", NULL},        {"%4g", NULL},    {"%g4", NULL},
    {"%+4", NULL},  {"%c3", NULL},  {"%c0%af", NULL},     {"\xff", NULL},
};

static void test_segment_decode(void **state)
{
    (void)state;
    check(rh_url_segment_decode, segments, COUNT(segments));
    char out[256];
    assert_int_equal(run(rh_url_segment_decode, "abcd", 4, out), RH_ERR_LIMIT);
    assert_int_equal(run(rh_url_segment_decode, "abc", 4, out), RH_OK);
}

static const struct row paths[] = {
    {"/", "/"},       {"/a//b/", "/a//b/"},  {"/a%20b/%C3%A4.webm", "/a b/\xc3\xa4.webm"},
    {"", NULL},       {"*", NULL},           {"a/b", NULL},
    {"/..", NULL},    {"/a/../b", NULL},     {"/a/%2e%2E/b", NULL},
    {"/./a", NULL},   {"/a%2fb", NULL},      {"/a/..%2fb", NULL},
    {"/a\\b", NULL},  {"/a%5c..%5cb", NULL}, {"/a%00b", NULL},
    {"/a/%zz", NULL},
};

static void test_path_decode(void **state)
{
    (void)state;
    check(rh_url_path_decode, paths, COUNT(paths));
    char out[256];
    assert_int_equal(run(rh_url_path_decode, "/ab/c", 5, out), RH_ERR_LIMIT);
    assert_int_equal(run(rh_url_path_decode, "/ab/c", 6, out), RH_OK);
}

static void test_segments(void **state)
{
    (void)state;
    struct rh_bytes rest = rh_bytes_of("/a/b%2Fc//");
    struct rh_bytes raw;
    const char *expected[] = {"a", "b%2Fc", "", ""};
    for (size_t i = 0; i < COUNT(expected); i++) {
        assert_int_equal(rh_url_segment_next(&rest, &raw), RH_OK);
        assert_true(rh_bytes_equal_str(raw, expected[i]));
    }
    assert_int_equal(rh_url_segment_next(&rest, &raw), RH_ERR_UNKNOWN);
    rest = rh_bytes_of("*");
    assert_int_equal(rh_url_segment_next(&rest, &raw), RH_ERR_SYNTAX);
}

static void test_query(void **state)
{
    (void)state;
    struct rh_bytes rest = rh_bytes_of("&a=1&&b&c==2&=3&");
    struct rh_bytes name;
    struct rh_bytes value;
    const char *expected[][2] = {{"a", "1"}, {"b", ""}, {"c", "=2"}, {"", "3"}};
    for (size_t i = 0; i < COUNT(expected); i++) {
        assert_int_equal(rh_url_query_next(&rest, &name, &value), RH_OK);
        assert_true(rh_bytes_equal_str(name, expected[i][0]));
        assert_true(rh_bytes_equal_str(value, expected[i][1]));
    }
    assert_int_equal(rh_url_query_next(&rest, &name, &value), RH_ERR_UNKNOWN);
}

static enum rh_error find_video(struct rh_bytes query, struct rh_buffer *out)
{
    return rh_url_query_find(query, "video", out);
}

static void test_query_find(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"video=a+b%2B", "a b+"}, {"x=%&video=1", "1"}, /* a stranger's broken pair is no concern of
                                                           ours */
        {"vide%6f=1", "1"},       {"video", ""},        {"video=1&video=1", NULL},
        {"video=%00", NULL},      {"video=%ff", NULL},
    };
    check(find_video, rows, COUNT(rows));
    char out[256];
    assert_int_equal(run(find_video, "", 256, out), RH_ERR_UNKNOWN);
    assert_int_equal(run(find_video, "Video=1&videos=2", 256, out), RH_ERR_UNKNOWN);
    assert_int_equal(run(find_video, "video=abcd", 4, out), RH_ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8),     cmocka_unit_test(test_segment_decode),
        cmocka_unit_test(test_segments), cmocka_unit_test(test_path_decode),
        cmocka_unit_test(test_query),    cmocka_unit_test(test_query_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
