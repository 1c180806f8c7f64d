/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "serve/hosts.h"

static void reading(void **state)
{
    static const struct {
        const char *text;
        const char *shown;
        bool loopback;
        bool any;
    } cases[] = {
        {"127.0.0.1:8080", "127.0.0.1:8080", true, false},
        {"127.9.9.9:1", "127.9.9.9:1", true, false},
        {"localhost:5000", "127.0.0.1:5000", true, false},
        {"[::1]:0", "[::1]:0", true, false},
        {":80", "0.0.0.0:80", false, true},
        {"*:80", "0.0.0.0:80", false, true},
        {"[::]:80", "[::]:80", false, true},
        {"192.0.2.7:443", "192.0.2.7:443", false, false},
        {"128.0.0.1:1", "128.0.0.1:1", false, false},
        /* Loopback in a mapped address is refused rather than trusted. */
        {"[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:1", false, false},
    };
    static const char *const wrong[] = {
        "",
        "8080",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1:-1",
        "[::1:80",
        "::1:80",
        "127.0.0.256:1",
        "example.org:1",
        "[]:1",
        "[x]:1",
        "127.1:80",
        "127.0.0.1:70000",
    };
    struct rh_listen listen;
    char text[RH_ADDRESS_TEXT];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(rh_listen_parse(&listen, cases[i].text), RH_OK);
        rh_listen_text(&listen, text);
        assert_string_equal(text, cases[i].shown);
        assert_int_equal(rh_listen_is_loopback(&listen), cases[i].loopback);
        assert_int_equal(rh_listen_is_any(&listen), cases[i].any);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (rh_listen_parse(&listen, wrong[i]) == RH_OK)
            fail_msg("%s", wrong[i]);
}

static void port_zero_and_taken_port(void **state)
{
    struct rh_listen first;
    struct rh_listen second;
    int fd;

    (void)state;
    assert_int_equal(rh_listen_parse(&first, "127.0.0.1:0"), RH_OK);
    fd = rh_listen_open(&first);
    assert_true(fd >= 0);
    assert_int_not_equal(rh_listen_port(&first), 0);
    second = first;
    assert_int_equal(rh_listen_open(&second), -EADDRINUSE);
    close(fd);
}

static bool has(const struct rh_hosts *hosts, const char *value)
{
    for (size_t i = 0; hosts->values[i] != NULL; i++)
        if (strcmp(hosts->values[i], value) == 0)
            return true;
    return false;
}

static void host_values(void **state)
{
    static struct rh_hosts hosts;
    static struct rh_config config;
    char complaint[RH_COMPLAINT_BYTES];
    char *const argv[] = {"--listen", "0.0.0.0:80",      "--listen", "192.0.2.1:8080",
                          "--host",   "Rec.Example.org", "--host",   "b.example:99"};

    (void)state;
    assert_int_equal(rh_config_parse(&config, 8, argv, complaint), RH_OK);
    rh_hosts_fill(&hosts, &config);
    assert_true(has(&hosts, "localhost:80"));
    assert_true(has(&hosts, "localhost"));
    assert_true(has(&hosts, "[::1]"));
    assert_true(has(&hosts, "192.0.2.1:8080"));
    assert_false(has(&hosts, "192.0.2.1"));
    assert_false(has(&hosts, "0.0.0.0:80"));
    assert_false(has(&hosts, "localhost:8080"));
    assert_true(has(&hosts, "rec.example.org"));
    assert_true(has(&hosts, "rec.example.org:8080"));
    assert_true(has(&hosts, "b.example:99"));
    assert_false(has(&hosts, "b.example"));
    assert_false(has(&hosts, "b.example:99:80"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading),
        cmocka_unit_test(port_zero_and_taken_port),
        cmocka_unit_test(host_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
