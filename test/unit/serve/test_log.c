/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "serve/log.h"

static char line[2048];

static const char *format(bool json, const struct rh_log_value *values, size_t count)
{
    size_t size = rh_serve_log_format(line, sizeof line - 1, json, 1769527800123, RH_LOG_INFO,
                                      "request", values, count);

    line[size] = '\0';
    return line;
}

static void text_lines(void **state)
{
    const struct rh_log_value values[] = {RH_LOG_TEXT("route", "video_chunk"),
                                          RH_LOG_NUMBER("status", 200),
                                          RH_LOG_TEXT("odd", "a b\n\"c\"")};

    (void)state;
    assert_string_equal(format(false, values, 3),
                        "2026-01-27T15:30:00.123Z info request route=video_chunk status=200 "
                        "odd=\"a b\\x0a\\\"c\\\"\"");
}

static void json_lines(void **state)
{
    const struct rh_log_value values[] = {RH_LOG_TEXT("odd", "\n\"\\"), RH_LOG_NUMBER("ms", 7)};

    (void)state;
    assert_string_equal(format(true, values, 2),
                        "{\"time\":\"2026-01-27T15:30:00.123Z\",\"level\":\"info\",\"message\":"
                        "\"request\",\"odd\":\"\\u000a\\\"\\\\\",\"ms\":7}");
}

/* However much there is to say, the line ends as JSON and fits. */
static void too_much_stays_json(void **state)
{
    struct rh_log_value values[20];
    char text[300];

    (void)state;
    memset(text, '\x01', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (size_t i = 0; i < 20; i++)
        values[i] = RH_LOG_TEXT("v", text);
    format(true, values, 20);
    assert_true(strlen(line) < sizeof line - 1);
    assert_string_equal(line + strlen(line) - 2, "\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_lines),
        cmocka_unit_test(json_lines),
        cmocka_unit_test(too_much_stays_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
