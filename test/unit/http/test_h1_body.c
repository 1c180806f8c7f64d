/* SPDX-License-Identifier: MIT */
#include "http/h1.h"
#include "splits.h"

#define CHUNKED "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
#define SAYS                                                                                       \
    "POST / path=/ query= host=h authority=h version=11 chunked\n"                                 \
    "  Host=h\n  Transfer-Encoding=chunked\n"

static const struct {
    const char *input;
    const char *says;
} accepted[] = {
    {CHUNKED "0\r\n\r\n", SAYS "\nend body=0\n\nclosed 0 idle\n"},
    {CHUNKED "5\r\nhello\r\n0\r\n\r\n", SAYS "hello\nend body=5\n\nclosed 0 idle\n"},
    {CHUNKED "5;a=b\r\nhello\r\n00a;c=\"d;e\"\r\n0123\r\n6789\r\n000;x\r\n\r\n",
     SAYS "hello0123\r\n6789\nend body=15\n\nclosed 0 idle\n"},
    {CHUNKED "1 \t;a\r\nx\r\nC\r\nabcdefghijkl\r\n0\r\n\r\n",
     SAYS "xabcdefghijkl\nend body=13\n\nclosed 0 idle\n"},
    {CHUNKED "0000000000000001\r\nx\r\n0000000000000000\r\n\r\n",
     SAYS "x\nend body=1\n\nclosed 0 idle\n"},
    {CHUNKED "1\r\nx\r\n0\r\nReelhaul-Crc64: :AA:\r\nB:\r\n\r\n",
     SAYS "x\nend body=1\n  trailer Reelhaul-Crc64=:AA:\n  trailer B=\n\nclosed 0 idle\n"},
    {CHUNKED "5\r\nhel", SAYS "hel\nclosed -13\n"},
    {CHUNKED "5\r\nhello\r\n", SAYS "hello\nclosed -13\n"},
    {CHUNKED "0\r\n\r", SAYS "\nclosed -13\n"},
    {CHUNKED "7fffffffffffffff\r\nab", SAYS "ab\nclosed -13\n"},
};

static void test_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(accepted); i++) {
        check_h1(rh_bytes_of(accepted[i].input), accepted[i].says);
    }
}

/* What comes after the head is wrong: the status, and how much content was given before. */
static const struct {
    unsigned status;
    const char *content;
    struct rh_bytes input;
} refused[] = {
#define ROW(number, content, text)                                                                 \
    {                                                                                              \
        number, content,                                                                           \
        {                                                                                          \
            (const uint8_t *)(CHUNKED text), sizeof(CHUNKED text) - 1                              \
        }                                                                                          \
    }
    ROW(400, "", "\r\n"),
    ROW(400, "", ";a\r\n"),
    ROW(400, "", " 5\r\nhello\r\n0\r\n\r\n"),
    ROW(400, "", "5 \r\nhello\r\n0\r\n\r\n"),
    ROW(400, "", "5 5\r\nhello\r\n0\r\n\r\n"),
    ROW(400, "", "+5\r\nhello\r\n0\r\n\r\n"),
    ROW(400, "", "-5\r\nhello\r\n0\r\n\r\n"),
    ROW(400, "", "0x5\r\nhello\r\n0\r\n\r\n"),
    ROW(400, "", "5g\r\nhello\r\n0\r\n\r\n"),
    ROW(400, "", "5\nhello\r\n0\r\n\r\n"),
    ROW(400, "", "5\rhello\r\n0\r\n\r\n"),
    ROW(400, "", "5\r\r\nhello\r\n0\r\n\r\n"),
    ROW(400, "", "5;a\nhello\r\n0\r\n\r\n"),
    ROW(400, "", "5;a\0\r\nhello\r\n0\r\n\r\n"),
    ROW(400, "", "5;a\rb\r\nhello\r\n0\r\n\r\n"),
    ROW(400, "", "00000000000000005\r\nhello\r\n0\r\n\r\n"), /* 17 digits */
    ROW(400, "", "10000000000000005\r\nhello\r\n0\r\n\r\n"), /* 5 if it wrapped */
    ROW(400, "", "8000000000000000\r\nhello\r\n0\r\n\r\n"),
    ROW(400, "", "ffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
    ROW(400, "hell", "4\r\nhello\r\n0\r\n\r\n"),
    ROW(400, "hello\r", "6\r\nhello\r\n0\r\n\r\n"),
    ROW(400, "hello", "5\r\nhelloX\n0\r\n\r\n"),
    ROW(400, "hello", "5\r\nhello\n\n0\r\n\r\n"),
    ROW(400, "hello", "5\r\nhello\n0\r\n\r\n"),
    ROW(400, "hello", "5\r\nhello\r0\r\n\r\n"),
    ROW(400, "hello", "5\r\nhello0\r\n\r\n"),
    ROW(400, "", "0\r\nA\r\n\r\n"),
    ROW(400, "", "0\r\nA : b\r\n\r\n"),
    ROW(400, "", "0\r\nA: b\r\n c\r\n\r\n"),
    ROW(400, "", "0\r\nA: b\n\r\n"),
    ROW(400, "", "0\r\nA: \0\r\n\r\n"),
    ROW(400, "", "0\r\n\n"),
    ROW(400, "", "0\r\ncontent-length: 5\r\n\r\nhello"),
    ROW(400, "", "0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ROW(400, "", "0\r\nHost: i\r\n\r\n"),
#undef ROW
};

static void check_refused(struct rh_bytes input, unsigned status, const char *content,
                          const struct replay_h1_limits *limits)
{
    struct replay whole;
    replay_h1_all(&whole, input, limits);
    replay_put(&whole, "", 1);
    char wanted[64];
    snprintf(wanted, sizeof wanted, "%s\nerror ", content);
    const char *tail = strstr(whole.text, "Encoding=chunked\n");
    assert_non_null(tail);
    tail += sizeof "Encoding=chunked\n" - 1;
    char code[32];
    snprintf(code, sizeof code, " status=%u ", status);
    if (strncmp(tail, wanted, strlen(wanted)) != 0 || strstr(tail, code) == NULL) {
        fail_msg("expected %u for\n%.*s\ngot %s", status, (int)input.size, input.data, whole.text);
    }
    replay_finish(&whole);
}

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        check_refused(refused[i].input, refused[i].status, refused[i].content, &usual);
    }
}

static void test_extension_limit(void **state)
{
    (void)state;
    char input[512];
    for (size_t size = RH_H1_CHUNK_EXT_MAX - 1; size <= RH_H1_CHUNK_EXT_MAX + 1; size++) {
        char extension[RH_H1_CHUNK_EXT_MAX + 2] = ";";
        memset(extension + 1, 'x', size - 1);
        extension[size] = '\0';
        snprintf(input, sizeof input, CHUNKED "1%s\r\nx\r\n0\r\n\r\n", extension);
        if (size <= RH_H1_CHUNK_EXT_MAX) {
            check_h1(rh_bytes_of(input), SAYS "x\nend body=1\n\nclosed 0 idle\n");
        } else {
            check_refused(rh_bytes_of(input), 400, "", &usual);
        }
    }
}

/* Trailers share the head's buffer and header array, and so their limits. */
static void test_trailer_limits(void **state)
{
    (void)state;
    const struct replay_h1_limits at_cap = {
        sizeof "POST / HTTP/1.1Host: hTransfer-Encoding: chunkedT: u" - 1, 3, 0};
    static const char input[] = CHUNKED "0\r\nT: u\r\n\r\n";
    check_h1_limits(LITERAL(input), SAYS "\nend body=0\n  trailer T=u\n\nclosed 0 idle\n", &at_cap);
    struct replay_h1_limits limits = at_cap;
    limits.head_bytes--;
    check_refused(LITERAL(input), 431, "", &limits);
    limits = at_cap;
    limits.headers--;
    check_refused(LITERAL(input), 431, "", &limits);
}

static void test_left(void **state)
{
    (void)state;
    uint8_t head[256];
    struct rh_header headers[4];
    struct rh_h1 h1;
    rh_h1_init(&h1, head, sizeof head, headers, 4, 0);
    assert_true(rh_h1_idle(&h1));
    size_t used;
    struct rh_bytes in = LITERAL("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n\r\nabc");
    assert_int_equal(rh_h1_head(&h1, in, &used), RH_OK);
    assert_int_equal(used, in.size - 3);
    assert_int_equal(rh_h1_body_left(&h1), 7);
    assert_false(rh_h1_done(&h1));
    struct rh_bytes content;
    struct rh_bytes rest = {in.data + used, 3};
    assert_int_equal(rh_h1_body(&h1, rest, &used, &content), RH_OK);
    assert_ptr_equal(content.data, rest.data); /* zero copy */
    assert_int_equal(content.size, 3);
    assert_int_equal(rh_h1_body_left(&h1), 4);
    assert_int_equal(rh_h1_body(&h1, (struct rh_bytes){0}, &used, &content), RH_ERR_AGAIN);
    assert_int_equal(rh_h1_body(&h1, LITERAL("defgGET"), &used, &content), RH_OK);
    assert_int_equal(used, 4);
    assert_true(rh_h1_done(&h1));
    assert_int_equal(rh_h1_body_left(&h1), 0);
    /* The end is said as often as one asks. */
    assert_int_equal(rh_h1_body(&h1, LITERAL("GET"), &used, &content), RH_OK);
    assert_int_equal(content.size, 0);
    assert_int_equal(used, 0);
    rh_h1_next(&h1);
    assert_true(rh_h1_idle(&h1));
    assert_int_equal(rh_h1_head(&h1, LITERAL(CHUNKED), &used), RH_OK);
    assert_true(rh_h1_body_left(&h1) == RH_SIZE_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_extension_limit),
        cmocka_unit_test(test_trailer_limits),
        cmocka_unit_test(test_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
