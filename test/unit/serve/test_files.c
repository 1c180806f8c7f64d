/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "serve/files.h"

static char place[] = "/tmp/reelhaul-files-XXXXXX";
static int root = -1;

static void put(const char *path, const char *text)
{
    int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(place) == NULL)
        return -1;
    root = open(place, O_RDONLY | O_DIRECTORY);
    assert_int_equal(mkdirat(root, "web", 0700), 0);
    assert_int_equal(mkdirat(root, "web/app", 0700), 0);
    put("secret", "secret");
    put("web/a.js", "12345");
    put("web/app/b.html", "123");
    assert_int_equal(symlinkat("../secret", root, "web/link"), 0);
    assert_int_equal(symlinkat("a.js", root, "web/inner"), 0);
    assert_int_equal(symlinkat("..", root, "web/up"), 0);
    assert_int_equal(mkfifoat(root, "web/fifo", 0600), 0);
    close(root);
    root = openat(AT_FDCWD, place, O_RDONLY | O_DIRECTORY);
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"web/a.js", "web/app/b.html", "web/link", "web/inner",
                                        "web/up",   "web/fifo",       "secret"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlinkat(root, names[i], 0);
    unlinkat(root, "web/app", AT_REMOVEDIR);
    unlinkat(root, "web", AT_REMOVEDIR);
    close(root);
    return rmdir(place);
}

typedef enum rh_error (*open_way)(int, const char *, struct rh_file *);

/* Both ways of opening must draw the same line. */
static void check_way(open_way way)
{
    static const char *const not_there[] = {
        "none", "link", "inner",  "up/secret", "../secret",   "app/../a.js", "/etc/passwd",
        "app",  "app/", "",       ".",         "./a.js",      "app//b.html", "a.js/x",
        "fifo", "..",   "app/..", "//a.js",    "up/web/a.js",
    };
    int web = openat(root, "web", O_RDONLY | O_DIRECTORY);
    struct rh_file file;
    char longest[400];

    assert_true(web >= 0);
    assert_int_equal(way(web, "a.js", &file), RH_OK);
    assert_int_equal(file.size, 5);
    assert_true(file.modified_s > 1000000000);
    close(file.fd);
    assert_int_equal(way(web, "app/b.html", &file), RH_OK);
    assert_int_equal(file.size, 3);
    close(file.fd);
    for (size_t i = 0; i < sizeof not_there / sizeof *not_there; i++) {
        if (way(web, not_there[i], &file) != RH_ERR_UNKNOWN)
            fail_msg("%s", not_there[i]);
        assert_int_equal(file.fd, -1);
    }
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(way(web, longest, &file), RH_ERR_UNKNOWN);
    close(web);
}

static void openat2_way(void **state)
{
    (void)state;
    check_way(rh_file_open);
}

static void stepwise_way(void **state)
{
    (void)state;
    check_way(rh_file_open_stepwise);
}

static void types(void **state)
{
    (void)state;
    assert_string_equal(rh_file_mime("a/b.js"), "text/javascript; charset=utf-8");
    assert_string_equal(rh_file_mime("b.HTML"), "text/html; charset=utf-8");
    assert_string_equal(rh_file_mime("e.wasm"), "application/wasm");
    assert_string_equal(rh_file_mime("a.js.exe"), "application/octet-stream");
    assert_string_equal(rh_file_mime("none"), "application/octet-stream");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openat2_way),
        cmocka_unit_test(stepwise_way),
        cmocka_unit_test(types),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
