/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "serve/config.h"

static struct rh_config config;
static char complaint[RH_COMPLAINT_BYTES];

#define PARSE(...) parse((char *[]){__VA_ARGS__}, sizeof((char *[]){__VA_ARGS__}) / sizeof(char *))

static enum rh_error parse(char *const *argv, size_t count)
{
    complaint[0] = '\0';
    return rh_config_parse(&config, (int)count, argv, complaint);
}

static void sizes(void **state)
{
    static const struct {
        const char *text;
        enum rh_error error;
        uint64_t bytes;
    } cases[] = {
        {"0", RH_OK, 0},
        {"500000", RH_OK, 500000},
        {"64KiB", RH_OK, 65536},
        {"64MiB", RH_OK, 67108864},
        {"1GiB", RH_OK, 1073741824},
        {"1kB", RH_OK, 1000},
        {"8388607TiB", RH_OK, 8388607ull << 40},
        {"8388608TiB", RH_ERR_RANGE, 0},
        {"18446744073709551616", RH_ERR_RANGE, 0},
        {"18446744073709551615", RH_ERR_RANGE, 0},
        {"1.5GiB", RH_ERR_SYNTAX, 0},
        {"-1", RH_ERR_SYNTAX, 0},
        {"+1", RH_ERR_SYNTAX, 0},
        {" 1", RH_ERR_SYNTAX, 0},
        {"1 MiB", RH_ERR_SYNTAX, 0},
        {"1M", RH_ERR_SYNTAX, 0},
        {"MiB", RH_ERR_SYNTAX, 0},
        {"", RH_ERR_SYNTAX, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t bytes = 42;

        assert_int_equal(rh_config_size(cases[i].text, &bytes), cases[i].error);
        if (cases[i].error == RH_OK)
            assert_true(bytes == cases[i].bytes);
    }
}

static void durations(void **state)
{
    rh_ms ms = 0;

    (void)state;
    assert_int_equal(rh_config_duration("30", &ms), RH_OK);
    assert_int_equal(ms, 30000);
    assert_int_equal(rh_config_duration("500ms", &ms), RH_OK);
    assert_int_equal(ms, 500);
    assert_int_equal(rh_config_duration("24h", &ms), RH_OK);
    assert_int_equal(ms, 86400000);
    assert_int_equal(rh_config_duration("25h", &ms), RH_ERR_RANGE);
    assert_int_equal(rh_config_duration("1d", &ms), RH_ERR_SYNTAX);
}

static void defaults_are_loopback_and_open(void **state)
{
    char text[RH_ADDRESS_TEXT];

    (void)state;
    assert_int_equal(rh_config_parse(&config, 0, NULL, complaint), RH_OK);
    assert_int_equal(config.listen_count, 1);
    rh_listen_text(&config.listens[0], text);
    assert_string_equal(text, "127.0.0.1:8080");
    assert_string_equal(config.data_directory, "data");
    assert_int_equal(config.auth, RH_AUTH_OPEN);
    assert_int_equal(rh_config_check_doors(&config, complaint), RH_OK);
}

static void all_flags(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--listen", "127.0.0.1:0", "--listen=[::1]:81", "--data", "d", "--web",
                           "w", "--prompts", "p", "--auth", "token", "--token-file", "t",
                           "--behind-proxy", "--no-informational", "--host", "a.example", "--host",
                           "b.example:1", "--origin", "https://c.example", "--reserve", "64MiB",
                           "--max-part=8MiB", "--max-upload", "3GiB", "--expire", "720h", "--loops",
                           "3", "--log-level", "debug", "--log", "json", "--read-timeout", "5s",
                           "--header-timeout", "6s", "--idle-timeout", "7s", "--max-connections",
                           "9", "--max-header-bytes", "8KiB", "--drain-seconds", "4", "--enrol",
                           "open"),
                     RH_OK);
    assert_int_equal(config.listen_count, 2);
    assert_true(config.behind_proxy && config.no_informational && config.log_json &&
                config.enrol_open);
    assert_int_equal(config.auth, RH_AUTH_TOKEN);
    assert_int_equal(config.host_count, 2);
    assert_string_equal(config.origins[0], "https://c.example");
    assert_null(config.origins[1]);
    assert_int_equal(config.reserve_bytes, 67108864);
    assert_int_equal(config.part_bytes_max, 8388608);
    assert_int_equal(config.upload_bytes_max, 3221225472);
    assert_int_equal(config.expire_s, 720 * 3600);
    assert_int_equal(config.loop_count, 3);
    assert_int_equal(config.log_level, RH_LOG_DEBUG);
    assert_int_equal(config.read_timeout_ms, 5000);
    assert_int_equal(config.head_timeout_ms, 6000);
    assert_int_equal(config.idle_timeout_ms, 7000);
    assert_int_equal(config.connections_max, 9);
    assert_int_equal(config.head_bytes_max, 8192);
    assert_int_equal(config.drain_ms, 4000);
}

/* Each complaint names the flag and says what would do. */
static void complaints_say_what_to_do(void **state)
{
    static char *const wrong[][2] = {
        {"--listen", "here"},       {"--listen", "127.0.0.1:65536"},
        {"--listen", "::1:80"},     {"--auth", "none"},
        {"--reserve", "a lot"},     {"--max-part", "1"},
        {"--max-upload", "0"},      {"--max-upload", "17TiB"},
        {"--expire", "500ms"},      {"--expire", "87841h"},
        {"--expire", "soon"},       {"--loops", "0"},
        {"--loops", "9"},           {"--log-level", "loud"},
        {"--log", "xml"},           {"--read-timeout", "0"},
        {"--max-connections", "0"}, {"--max-header-bytes", "1"},
        {"--drain-seconds", "x"},   {"--host", "http://a"},
        {"--origin", "a.example"},  {"--origin", "https://a/b"},
        {"--origin", "null"},       {"--data", ""},
        {"--enrol", "all"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(PARSE(wrong[i][0], wrong[i][1]), RH_ERR_SYNTAX);
        assert_non_null(strstr(complaint, wrong[i][0]));
        assert_true(strstr(complaint, "Give") != NULL || strstr(complaint, "--help") != NULL);
    }
    assert_int_equal(PARSE("--lisen", "127.0.0.1:1"), RH_ERR_SYNTAX);
    assert_non_null(strstr(complaint, "--lisen is not a flag"));
    assert_int_equal(PARSE("--data"), RH_ERR_SYNTAX);
    assert_non_null(strstr(complaint, "value is missing"));
}

static void doors_beyond_loopback(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--listen", "0.0.0.0:80"), RH_OK);
    assert_int_equal(rh_config_check_doors(&config, complaint), RH_ERR_DENIED);
    assert_non_null(strstr(complaint, "--behind-proxy"));
    assert_int_equal(PARSE("--listen", "127.0.0.1:1", "--listen", "192.0.2.1:80"), RH_OK);
    assert_int_equal(rh_config_check_doors(&config, complaint), RH_ERR_DENIED);
    assert_int_equal(PARSE("--listen", "[::]:80", "--auth", "token"), RH_OK);
    assert_int_equal(rh_config_check_doors(&config, complaint), RH_ERR_DENIED);
    assert_int_equal(PARSE("--listen", "[::]:80", "--behind-proxy"), RH_OK);
    assert_int_equal(rh_config_check_doors(&config, complaint), RH_ERR_DENIED);
    assert_int_equal(PARSE("--listen", "[::]:80", "--behind-proxy", "--auth", "token"), RH_OK);
    assert_int_equal(rh_config_check_doors(&config, complaint), RH_OK);
    assert_int_equal(PARSE("--listen", "0.0.0.0:80", "--auth", "open"), RH_OK);
    assert_int_equal(rh_config_check_doors(&config, complaint), RH_OK);
}

static void tokens(void **state)
{
    uint8_t a[32];
    uint8_t b[32];
    char path[] = "/tmp/reelhaul-token-XXXXXX";
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "0123456789abcdef\n", 17), 17);
    assert_int_equal(PARSE("--auth", "token"), RH_OK);
    assert_int_equal(rh_config_token(&config, NULL, a, complaint), RH_ERR_UNKNOWN);
    assert_non_null(strstr(complaint, "--token-file"));
    assert_int_equal(rh_config_token(&config, "short", a, complaint), RH_ERR_SYNTAX);
    assert_null(strstr(complaint, "short "));
    assert_int_equal(rh_config_token(&config, "0123456789abcdef", a, complaint), RH_OK);
    assert_int_equal(PARSE("--token-file", path), RH_OK);
    assert_int_equal(rh_config_token(&config, NULL, b, complaint), RH_OK);
    assert_memory_equal(a, b, 32);
    /* SHA-256 of the 16 characters, without the line's end. */
    assert_int_equal(b[0], 0x9f);
    close(fd);
    unlink(path);
    assert_int_equal(rh_config_token(&config, NULL, b, complaint), RH_ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),
        cmocka_unit_test(durations),
        cmocka_unit_test(defaults_are_loopback_and_open),
        cmocka_unit_test(all_flags),
        cmocka_unit_test(complaints_say_what_to_do),
        cmocka_unit_test(doors_beyond_loopback),
        cmocka_unit_test(tokens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
