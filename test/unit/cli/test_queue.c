/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include "base/id.h"
#include "cli/progress.h"
#include "cli/queue.h"

static void names(void **state)
{
    static const char *const cases[][2] = {
        {"/a/b/Lecture 1.webm", "Lecture_1"},
        {"film.tar.gz", "film.tar.gz"},
        {"-x.mp4", "_x"},
        {".hidden.webm", "_hidden"},
        {"a..b.mov", "a._b"},
        {"\xc3\xa4rger.mkv", "__rger"},
        {".webm", "_webm"},
        {"a/", "_"},
        {"UPPER.WEBM", "UPPER"},
    };
    char name[129];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rh_queue_name(cases[i][0], name);
        assert_string_equal(name, cases[i][1]);
        assert_int_equal(rh_name_check(rh_bytes_of(name)), RH_OK);
    }
    char longest[300];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    rh_queue_name(longest, name);
    assert_int_equal(strlen(name), RH_NAME_MAX);
}

static void types(void **state)
{
    (void)state;
    assert_string_equal(rh_queue_mime("a.webm"), "video/webm");
    assert_string_equal(rh_queue_mime("a.b/c.MP4"), "video/mp4");
    assert_string_equal(rh_queue_mime("a.webm/c"), "application/octet-stream");
    assert_string_equal(rh_queue_mime("README"), "application/octet-stream");
}

static void figures(void **state)
{
    char text[24];
    (void)state;
    rh_show_bytes(999, text);
    assert_string_equal(text, "999 B");
    rh_show_bytes(12345678, text);
    assert_string_equal(text, "12.3 MB");
    rh_show_bytes(999999, text);
    assert_string_equal(text, "1.0 MB");
    rh_show_bytes(UINT64_MAX, text);
    assert_string_equal(text, "18.4 EB");
    rh_show_time(1, text);
    assert_string_equal(text, "1 s");
    rh_show_time(3661000, text);
    assert_string_equal(text, "1 h 1 min");
    rh_show_time(RH_MS_NEVER - 1000, text);
    assert_true(strlen(text) < 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(types),
        cmocka_unit_test(figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
