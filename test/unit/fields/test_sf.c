/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fields/sf.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

/* Writes what the parser handed out in a plain notation, to compare with what is expected. */
static void show_value(struct rh_buffer *out, const struct rh_sf_value *value)
{
    static const char *const names[] = {"int",  "dec",  "str",  "tok",  "bin",
                                        "bool", "date", "disp", "inner"};

    rh_buffer_put_str(out, names[value->type]);
    if (value->type == RH_SF_INNER_LIST)
        return;
    rh_buffer_put_byte(out, ' ');
    if (value->type == RH_SF_BOOLEAN)
        rh_buffer_put_str(out, value->boolean ? "1" : "0");
    else if (value->type == RH_SF_INTEGER || value->type == RH_SF_DECIMAL ||
             value->type == RH_SF_DATE)
        rh_buffer_put_i64(out, value->integer);
    else
        rh_buffer_put_bytes(out, value->text);
}

static void show_params(struct rh_buffer *out, struct rh_sf *sf)
{
    struct rh_bytes key;
    struct rh_sf_value value;

    while (rh_sf_param_next(sf, &key, &value)) {
        rh_buffer_put_byte(out, ';');
        rh_buffer_put_bytes(out, key);
        rh_buffer_put_byte(out, '=');
        show_value(out, &value);
    }
}

static void show_member(struct rh_buffer *out, struct rh_sf *sf, const struct rh_sf_value *value)
{
    struct rh_sf_value item;

    show_value(out, value);
    if (value->type == RH_SF_INNER_LIST) {
        while (rh_sf_inner_next(sf, &item)) {
            rh_buffer_put_byte(out, '<');
            show_value(out, &item);
            show_params(out, sf);
            rh_buffer_put_byte(out, '>');
        }
    }
    show_params(out, sf);
    rh_buffer_put_byte(out, '|');
}

/* What is made of `text` read as an item ('i'), a list ('l') or a dictionary ('d'); "broken" when
 * it fails. */
static const char *shown(char kind, struct rh_bytes text)
{
    static char memory[4096];
    struct rh_buffer out;
    struct rh_sf sf;
    struct rh_bytes key;
    struct rh_sf_value value;

    rh_buffer_init(&out, memory, sizeof memory - 1);
    rh_sf_init(&sf, text);
    if (kind == 'i') {
        if (rh_sf_item(&sf, &value))
            show_member(&out, &sf, &value);
    } else if (kind == 'l') {
        while (rh_sf_list_next(&sf, &value))
            show_member(&out, &sf, &value);
    } else {
        while (rh_sf_dict_next(&sf, &key, &value)) {
            rh_buffer_put_bytes(&out, key);
            rh_buffer_put_byte(&out, ':');
            show_member(&out, &sf, &value);
        }
    }
    if (rh_sf_end(&sf) != RH_OK)
        return "broken";
    memory[out.size] = '\0';
    return memory;
}

struct example {
    char kind;
    const char *text;
    const char *expected;
};

/* The examples of RFC 9651, section 3. */
static const struct example examples[] = {
    {'l', "sugar, tea, rum", "tok sugar|tok tea|tok rum|"},
    {'l', "(\"foo\" \"bar\"), (\"baz\"), (\"bat\" \"one\"), ()",
     "inner<str foo><str bar>|inner<str baz>|inner<str bat><str one>|inner|"},
    {'l', "(\"foo\"; a=1;b=2);lvl=5, (\"bar\" \"baz\");lvl=1",
     "inner<str foo;a=int 1;b=int 2>;lvl=int 5|inner<str bar><str baz>;lvl=int 1|"},
    {'l', "abc;a=1;b=2; cde_456, (ghi;jk=4 l);q=\"9\";r=w",
     "tok abc;a=int 1;b=int 2;cde_456=bool 1|inner<tok ghi;jk=int 4><tok l>;q=str 9;r=tok w|"},
    {'i', "1; a; b=?0", "int 1;a=bool 1;b=bool 0|"},
    {'d', "en=\"Applepie\", da=:w4ZibGV0w6ZydGU=:", "en:str Applepie|da:bin w4ZibGV0w6ZydGU=|"},
    {'d', "a=?0, b, c; foo=bar", "a:bool 0|b:bool 1|c:bool 1;foo=tok bar|"},
    {'d', "rating=1.5, feelings=(joy sadness)",
     "rating:dec 1500|feelings:inner<tok joy><tok sadness>|"},
    {'d', "a=(1 2), b=3, c=4;aa=bb, d=(5 6);valid",
     "a:inner<int 1><int 2>|b:int 3|c:int 4;aa=tok bb|d:inner<int 5><int 6>;valid=bool 1|"},
    {'i', "5; foo=bar", "int 5;foo=tok bar|"},
    {'i', "4.5", "dec 4500|"},
    {'i', "\"hello world\"", "str hello world|"},
    {'i', "foo123/456", "tok foo123/456|"},
    {'i', ":cHJldGVuZCB0aGlzIGlzIGJpbmFyeSBjb250ZW50Lg==:",
     "bin cHJldGVuZCB0aGlzIGlzIGJpbmFyeSBjb250ZW50Lg==|"},
    {'i', "@1659578233", "date 1659578233|"},
    {'i', "%\"This is intended for display to %c3%bcsers.\"",
     "disp This is intended for display to %c3%bcsers.|"},
};

/* Corners, from the text of the algorithms. */
static const struct example corners[] = {
    {'l', "", ""},
    {'d', "", ""},
    {'l', "  ", ""},
    {'i', "  1  ", "int 1|"},
    {'l', "a \t,\t b \t", "tok a|tok b|"},
    {'l', "()", "inner|"},
    {'l', "(  )", "inner|"},
    {'l', "(  a   b  )", "inner<tok a><tok b>|"},
    {'d', "a=1, a=2", "a:int 1|a:int 2|"},
    {'d', "a", "a:bool 1|"},
    {'d', "*a.b-c_1=1", "*a.b-c_1:int 1|"},
    {'i', "-999999999999999", "int -999999999999999|"},
    {'i', "999999999999.999", "dec 999999999999999|"},
    {'i', "-0.1", "dec -100|"},
    {'i', "00", "int 0|"},
    {'i', "*", "tok *|"},
    {'i', "a:b/c", "tok a:b/c|"},
    {'i', "\"\\\"\\\\\"", "str \\\"\\\\|"},
    {'i', "::", "bin |"},
    {'i', "1;a;  b", "int 1;a=bool 1;b=bool 1|"},
    {'i', "@-1", "date -1|"},
};

static const struct example broken[] = {
    {'i', "", ""},
    {'i', "1 2", ""},
    {'i', "1000000000000000", ""},
    {'i', "1.", ""},
    {'i', "1.1234", ""},
    {'i', "1234567890123.1", ""},
    {'i', "-", ""},
    {'i', "--1", ""},
    {'i', "+1", ""},
    {'i', ".1", ""},
    {'i', "\"abc", ""},
    {'i', "\"a\\n\"", ""},
    {'i', "\"a\\", ""},
    {'i', "\"\x7f\"", ""},
    {'i', "\"\t\"", ""},
    {'i', ":abc", ""},
    {'i', ":a b:", ""},
    {'i', ":=a:", ""},
    {'i', ":a===:", ""},
    {'i', "?2", ""},
    {'i', "?", ""},
    {'i', "?10", ""},
    {'i', "(a)", ""},
    {'i', "a;", ""},
    {'i', "a;B=1", ""},
    {'i', "a;b=", ""},
    {'i', "a ;b", ""},
    {'i', "a,b", ""},
    {'i', "\t1", ""},
    {'i', "_a", ""},
    {'i', "@1.5", ""},
    {'i', "%\"%C3\"", ""},
    {'i', "%\"%c\"", ""},
    {'i', "%a", ""},
    {'i', "%\"a", ""},
    {'l', "a,", ""},
    {'l', ",a", ""},
    {'l', "a,,b", ""},
    {'l', "a b", ""},
    {'l', "(a", ""},
    {'l', "(a,b)", ""},
    {'l', "(a\tb)", ""},
    {'l', "(\"a\"\"b\")", ""},
    {'l', "((a))", ""},
    {'l', ")", ""},
    {'l', "(a)b", ""},
    {'d', "a=", ""},
    {'d', "a=1,", ""},
    {'d', "A=1", ""},
    {'d', "1=1", ""},
    {'d', "a =1", ""},
    {'d', "a= 1", ""},
    {'d', "a=1 b=2", ""},
    {'d', "=1", ""},
    {'d', "a=(1", ""},
    {'d', "a;", ""},
};

static void check(const struct example *list, size_t count, const char *fixed)
{
    for (size_t i = 0; i < count; i++) {
        const char *expected = fixed != NULL ? fixed : list[i].expected;

        if (strcmp(shown(list[i].kind, rh_bytes_of(list[i].text)), expected) != 0)
            print_error("%c <%s>\n", list[i].kind, list[i].text);
        assert_string_equal(shown(list[i].kind, rh_bytes_of(list[i].text)), expected);
    }
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void reads_the_examples_of_the_rfc(void **state)
{
    (void)state;
    check(examples, COUNT(examples), NULL);
}

static void reads_the_corners(void **state)
{
    (void)state;
    check(corners, COUNT(corners), NULL);
}

static void refuses_what_is_broken(void **state)
{
    (void)state;
    check(broken, COUNT(broken), "broken");
    assert_string_equal(shown('i', (struct rh_bytes){(const uint8_t *)"a\0", 2}), "broken");
    assert_string_equal(shown('l', (struct rh_bytes){(const uint8_t *)"\0", 1}), "broken");
}

/* Whoever pulls nothing gets the same verdict as whoever pulls everything. */
static void skipping_checks_too(void **state)
{
    const struct example *lists[] = {examples, corners, broken};
    size_t counts[] = {COUNT(examples), COUNT(corners), COUNT(broken)};

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        for (size_t i = 0; i < counts[k]; i++) {
            struct rh_sf sf;
            struct rh_bytes key;
            struct rh_sf_value value;

            rh_sf_init(&sf, rh_bytes_of(lists[k][i].text));
            if (lists[k][i].kind == 'i')
                rh_sf_item(&sf, &value);
            else if (lists[k][i].kind == 'l')
                rh_sf_list_next(&sf, &value);
            else
                rh_sf_dict_next(&sf, &key, &value);
            assert_int_equal(rh_sf_end(&sf), k == 2 ? RH_ERR_SYNTAX : RH_OK);
        }
    }
}

/* Random cuts and changes of good text: the parser must end, and stay inside (the sanitizers
 * watch). */
static void survives_noise(void **state)
{
    static const char letters[] = "a1\"\\:?@%;,()= *\t-._/+\x01\xff";
    struct rh_rng rng;
    char text[96];

    (void)state;
    rh_rng_init(&rng, 13);
    for (int i = 0; i < 20000; i++) {
        size_t size = (size_t)rh_rng_below(&rng, 24);
        char *copy;

        for (size_t k = 0; k < size; k++)
            text[k] = letters[rh_rng_below(&rng, sizeof letters - 1)];
        copy = malloc(size); /* exactly the size, so that reading past it is seen */
        memcpy(copy, text, size);
        shown(
            "ild" [i % 3], (struct rh_bytes) { (const uint8_t *)copy, size });
        free(copy);
    }
}

static void values_are_decoded(void **state)
{
    struct rh_sf sf;
    struct rh_sf_value value;
    char out[16];

    (void)state;
    rh_sf_init(&sf, rh_bytes_of("\"a\\\"b\\\\c\", :Zm9v:, :Zm8:, :Zm9:"));
    assert_true(rh_sf_list_next(&sf, &value));
    assert_int_equal(rh_sf_string_copy(out, sizeof out, &value), 5);
    assert_memory_equal(out, "a\"b\\c", 5);
    assert_int_equal(rh_sf_string_copy(out, 4, &value), RH_ERR_LIMIT);
    assert_int_equal(rh_sf_bytes_copy(out, sizeof out, &value), RH_ERR_SYNTAX);
    assert_true(rh_sf_list_next(&sf, &value));
    assert_int_equal(rh_sf_bytes_copy(out, sizeof out, &value), 3);
    assert_memory_equal(out, "foo", 3);
    assert_int_equal(rh_sf_bytes_copy(out, 2, &value), RH_ERR_LIMIT);
    assert_int_equal(rh_sf_string_copy(out, sizeof out, &value), RH_ERR_SYNTAX);
    assert_true(rh_sf_list_next(&sf, &value));
    assert_int_equal(rh_sf_bytes_copy(out, sizeof out, &value), 2);
    assert_true(rh_sf_list_next(&sf, &value));
    assert_int_equal(rh_sf_bytes_copy(out, sizeof out, &value), RH_ERR_SYNTAX);
}

static void single_values(void **state)
{
    uint64_t number = 5;
    bool yes = false;
    struct rh_bytes token = {NULL, 0};

    (void)state;
    assert_int_equal(rh_sf_parse_u64(rh_bytes_of("1048576"), &number), RH_OK);
    assert_true(number == 1048576);
    assert_int_equal(rh_sf_parse_u64(rh_bytes_of("-1"), &number), RH_ERR_RANGE);
    assert_int_equal(rh_sf_parse_u64(rh_bytes_of("1.0"), &number), RH_ERR_SYNTAX);
    assert_int_equal(rh_sf_parse_u64(rh_bytes_of("1, 2"), &number), RH_ERR_SYNTAX);
    assert_true(number == 1048576);
    assert_int_equal(rh_sf_parse_boolean(rh_bytes_of("?1"), &yes), RH_OK);
    assert_true(yes);
    assert_int_equal(rh_sf_parse_boolean(rh_bytes_of("1"), &yes), RH_ERR_SYNTAX);
    assert_int_equal(rh_sf_parse_token(rh_bytes_of("open"), &token), RH_OK);
    assert_true(rh_bytes_equal_str(token, "open"));
    assert_int_equal(rh_sf_parse_token(rh_bytes_of("\"open\""), &token), RH_ERR_SYNTAX);
}

static void writes_what_it_reads(void **state)
{
    char memory[64];
    struct rh_buffer out;

    (void)state;
    rh_buffer_init(&out, memory, sizeof memory);
    assert_int_equal(rh_sf_put_integer(&out, -RH_SF_INTEGER_MAX), RH_OK);
    assert_int_equal(rh_sf_put_string(&out, rh_bytes_of("a\"\\")), RH_OK);
    assert_int_equal(rh_sf_put_token(&out, rh_bytes_of("*b:/")), RH_OK);
    assert_int_equal(rh_sf_put_boolean(&out, true), RH_OK);
    assert_int_equal(rh_sf_put_byte_sequence(&out, "fo", 2), RH_OK);
    assert_true(
        rh_bytes_equal_str(rh_buffer_bytes(&out), "-999999999999999\"a\\\"\\\\\"*b:/?1:Zm8=:"));
    assert_int_equal(rh_sf_put_integer(&out, RH_SF_INTEGER_MAX + 1), RH_ERR_RANGE);
    assert_int_equal(rh_sf_put_u64(&out, UINT64_MAX), RH_ERR_RANGE);
    assert_int_equal(rh_sf_put_string(&out, rh_bytes_of("a\n")), RH_ERR_SYNTAX);
    assert_int_equal(rh_sf_put_string(&out, rh_bytes_of("\xc3\xa9")), RH_ERR_SYNTAX);
    assert_int_equal(rh_sf_put_token(&out, rh_bytes_of("")), RH_ERR_SYNTAX);
    assert_int_equal(rh_sf_put_token(&out, rh_bytes_of("1a")), RH_ERR_SYNTAX);
    assert_int_equal(rh_sf_put_token(&out, rh_bytes_of("a b")), RH_ERR_SYNTAX);
    assert_int_equal(out.size, 35);
    rh_buffer_init(&out, memory, 5);
    assert_int_equal(rh_sf_put_byte_sequence(&out, "fo", 2), RH_ERR_LIMIT);
    assert_int_equal(rh_sf_put_string(&out, rh_bytes_of("abcd")), RH_ERR_LIMIT);
    assert_int_equal(out.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_examples_of_the_rfc),
        cmocka_unit_test(reads_the_corners),
        cmocka_unit_test(refuses_what_is_broken),
        cmocka_unit_test(skipping_checks_too),
        cmocka_unit_test(survives_noise),
        cmocka_unit_test(values_are_decoded),
        cmocka_unit_test(single_values),
        cmocka_unit_test(writes_what_it_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
