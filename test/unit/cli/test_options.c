/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include "cli/options.h"

static char complaint[512];

/* Words separated by spaces. */
static enum rh_error read_words(const char *words, enum rh_command command, struct rh_options *out)
{
    static char text[512];
    static char *argv[32];
    int argc = 0;
    strcpy(text, words);
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = word;
    complaint[0] = '\0';
    return rh_options_read(out, argc, argv, command, complaint, sizeof complaint);
}

static void what_is_read(void **state)
{
    struct rh_options o;
    (void)state;
    assert_int_equal(read_words("a --to=https://x.example/base b --limit 2MiB --name n- --json",
                                RH_COMMAND_PUSH, &o),
                     RH_ERR_SYNTAX);
    assert_int_equal(read_words("a --to=https://x.example/base --limit 2MiB --name n- --json",
                                RH_COMMAND_PUSH, &o),
                     RH_OK);
    assert_string_equal(o.to, "https://x.example/base");
    assert_int_equal(o.limit_bytes_s, 2097152);
    assert_string_equal(o.name, "n-");
    assert_true(o.json);
    assert_int_equal(o.file_count, 1);
    assert_string_equal(o.files[0], "a");
    assert_string_equal(o.policy.name, "never-give-up");
    assert_int_equal(
        read_words("--policy patient --set parts_parallel=7 -- - --to", RH_COMMAND_PUSH, &o),
        RH_OK);
    assert_string_equal(o.policy.name, "patient");
    assert_int_equal(o.policy.parts_parallel, 7);
    assert_int_equal(o.file_count, 2);
    assert_string_equal(o.files[1], "--to");
    assert_int_equal(read_words("x --limit 500k", RH_COMMAND_PUSH, &o), RH_OK);
    assert_int_equal(o.limit_bytes_s, 500000);
    assert_int_equal(read_words("--help x", RH_COMMAND_PUSH, &o), RH_ERR_EXISTS);
    assert_int_equal(read_words("--spool d --json", RH_COMMAND_STATUS, &o), RH_OK);
}

static void how_it_is_sent(void **state)
{
    struct rh_options o;
    (void)state;
    assert_int_equal(read_words("x", RH_COMMAND_PUSH, &o), RH_OK);
    assert_string_equal(o.protocol, "auto");
    assert_false(o.trust_server);
    assert_int_equal(read_words("x --protocol tus --trust-server --cacert f --parallel 7 "
                                "--to https://h/a@b/files/",
                                RH_COMMAND_PUSH, &o),
                     RH_OK);
    assert_string_equal(o.protocol, "tus");
    assert_string_equal(o.cacert, "f");
    assert_true(o.trust_server);
    assert_int_equal(o.policy.parts_parallel, 7);
    assert_int_equal(o.policy.uploads_parallel, 7);
    assert_int_equal(o.policy.parts_parallel_all, 7);
    assert_string_equal(o.policy.method, "");
    assert_int_equal(
        read_words("x --to https://h/u?upload_id=1 --protocol chunks", RH_COMMAND_PUSH, &o), RH_OK);
    assert_int_equal(read_words("dir --remove", RH_COMMAND_WATCH, &o), RH_OK);
    assert_true(o.watch && o.remove);
    assert_int_equal(read_words("a b", RH_COMMAND_WATCH, &o), RH_ERR_SYNTAX);
    assert_int_equal(read_words("-", RH_COMMAND_WATCH, &o), RH_ERR_SYNTAX);
    assert_int_equal(read_words("", RH_COMMAND_WATCH, &o), RH_ERR_SYNTAX);
    assert_int_equal(read_words("a --name b", RH_COMMAND_WATCH, &o), RH_ERR_SYNTAX);
    assert_int_equal(read_words("a --cancel b", RH_COMMAND_WATCH, &o), RH_ERR_SYNTAX);
    setenv("REELHAUL_CACERT", "/ca.pem", 1);
    assert_int_equal(read_words("x", RH_COMMAND_PUSH, &o), RH_OK);
    assert_string_equal(o.cacert, "/ca.pem");
    unsetenv("REELHAUL_CACERT");
}

static void what_is_refused(void **state)
{
    static const char *const cases[] = {
        "--to",
        "--to ftp://x",
        "--to http://user@x",
        "--to http://",
        "--to x",
        "--to http:///x",
        "--session abc",
        "--name ..",
        "--name a b c",
        "--type webm",
        "--limit 0",
        "--limit 5X",
        "--limit 5MiBx",
        "--limit 99999999999T",
        "--spool-max 5k",
        "--policy none",
        "--set parts_parallel",
        "--set parts_parallel=0",
        "--set nothing=1",
        "--set parts_parallel=99999999999",
        "--json=1",
        "--wrong",
        "- -",
        "--cancel x file",
        "--spool=",
        "--protocol form",
        "--protocol ftp",
        "--parallel 0",
        "--parallel 33",
        "--parallel x",
        "--to http://h?x",
        "--to http://h/u?x",
        "--to http://h/u?x --protocol tus",
        "--to http://h/u#x --protocol chunks",
        "--trust-server=1",
        "--cacert",
        "--remove",
    };
    struct rh_options o;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(read_words(cases[i], RH_COMMAND_PUSH, &o), RH_ERR_SYNTAX);
        assert_true(complaint[0] != '\0');
    }
    assert_int_equal(read_words("--to http://x", RH_COMMAND_STATUS, &o), RH_ERR_SYNTAX);
    assert_int_equal(read_words("file", RH_COMMAND_STATUS, &o), RH_ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(how_it_is_sent),
        cmocka_unit_test(what_is_read),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
