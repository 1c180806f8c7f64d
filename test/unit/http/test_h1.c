/* SPDX-License-Identifier: MIT */
#include "http/h1.h"

#include <stdlib.h>

#include "splits.h"

#define H    "Host: h\r\n"
#define GET  "GET / HTTP/1.1\r\n"
#define POST "POST / HTTP/1.1\r\n" H

struct row {
    unsigned status;
    struct rh_bytes input;
};

#define ROW(number, text)                                                                          \
    {                                                                                              \
        number,                                                                                    \
        {                                                                                          \
            (const uint8_t *)(text), sizeof(text) - 1                                              \
        }                                                                                          \
    }

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_h1_refused(rows[i].input, rows[i].status, &usual);
    }
}

/* Every shape by which two servers could see different requests in the same bytes. */
static const struct row smuggling[] = {
    ROW(400, POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ROW(400, POST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"),
    ROW(400, POST "Content-Length: 0\r\ntransfer-encoding: identity\r\n\r\n"),
    ROW(400, POST "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd"),
    ROW(400, POST "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd"),
    ROW(400, POST "Content-Length: 4, 4\r\n\r\nabcd"),
    ROW(400, POST "Content-Length: 5,5\r\n\r\nabcde"),
    ROW(400, POST "Content-Length: +5\r\n\r\nabcde"),
    ROW(400, POST "Content-Length: -5\r\n\r\nabcde"),
    ROW(400, POST "Content-Length: 0x5\r\n\r\nabcde"),
    ROW(400, POST "Content-Length: 5 \v\r\n\r\nabcde"),
    ROW(400, POST "Content-Length: \v5\r\n\r\nabcde"),
    ROW(400, POST "Content-Length: 5 5\r\n\r\nabcde"),
    ROW(400, POST "Content-Length: 5\t\r\n\r\nabcde"),
    ROW(400, POST "Content-Length:\t5\r\n\r\nabcde"),
    ROW(400, POST "Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n"),
    ROW(400, POST "Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n"),
    ROW(400, POST "Content-Length: 5;\r\n\r\nabcde"),
    ROW(400, POST "Content-Length: \"5\"\r\n\r\nabcde"),
    ROW(400, POST "Content-Length: 5.0\r\n\r\nabcde"),
    ROW(400, POST "Content-Length: 1e1\r\n\r\nabcde"),
    ROW(400, POST "Content-Length:\r\n\r\n"),
    ROW(400, POST "Content-Length: 9223372036854775808\r\n\r\n"),
    ROW(400, POST "Content-Length: 18446744073709551615\r\n\r\n"),
    ROW(400, POST "Content-Length: 18446744073709551621\r\n\r\n"), /* 5 if it wrapped */
    ROW(400, POST "Content-Length: 99999999999999999999999999999999\r\n\r\n"),
    ROW(400, POST "Content-Length : 5\r\n\r\nabcde"),
    ROW(400, POST "Content-Length\t: 5\r\n\r\nabcde"),
    ROW(400, POST " Content-Length: 5\r\n\r\nabcde"),
    ROW(400, POST "Content-Length: 5\n\r\nabcde"),
    ROW(400, POST "Content-Length: 5\r\r\n\r\nabcde"),
    ROW(400, POST "Content\0-Length: 5\r\n\r\nabcde"),
    ROW(400, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ROW(400, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"),
    ROW(400, POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    ROW(400, POST "Transfer-Encoding\x0b: chunked\r\n\r\n0\r\n\r\n"),
    ROW(400, POST "Transfer-Encoding: \x0b"
                  "chunked\r\n\r\n0\r\n\r\n"),
    ROW(400, POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
    ROW(400, POST "X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ROW(400, POST "Transfer-Encoding: chunked\n\r\n0\r\n\r\n"),
    ROW(501, POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    ROW(501, POST "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n"),
    ROW(501, POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    ROW(501, POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    ROW(501, POST "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n"),
    ROW(501, POST "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n"),
    ROW(501, POST "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"),
    ROW(501, POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
    ROW(501, POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    ROW(501, POST "Transfer-Encoding: chunke\r\n\r\n0\r\n\r\n"),
    ROW(501, POST "Transfer-Encoding: identity\r\n\r\n"),
    ROW(501, POST "Transfer-Encoding:\r\n\r\n"),
    ROW(400, "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ROW(400, "POST / HTTP/1.0\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na"),
};

static void test_smuggling(void **state)
{
    (void)state;
    check_rows(smuggling, COUNT(smuggling));
}

static const struct row lines[] = {
    ROW(400, "GET / HTTP/1.1\nHost: h\n\n"),
    ROW(400, "GET / HTTP/1.1\r\nHost: h\n\r\n"),
    ROW(400, "GET / HTTP/1.1\r\nHost: h\r\n\n"),
    ROW(400, "GET / HTTP/1.1\rHost: h\r\n\r\n"),
    ROW(400, "GET / HTTP/1.1\r\nHost: h\r\n\rX"),
    ROW(400, "GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n"),
    ROW(400, "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ROW(400, "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ROW(400, "\rGET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ROW(400, " GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ROW(400, "\r\n GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ROW(400, "GET\r\n\r\n"),
    ROW(400, "GET \r\n\r\n"),
    ROW(400, "GET /\r\n\r\n"), /* HTTP/0.9 */
    ROW(400, "GET / \r\nHost: h\r\n\r\n"),
    ROW(400, "GET  / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ROW(400, "GET /  HTTP/1.1\r\nHost: h\r\n\r\n"),
    ROW(400, "GET / HTTP/1.1 \r\nHost: h\r\n\r\n"),
    ROW(400, "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n"),
    ROW(400, "GET /\tHTTP/1.1\r\nHost: h\r\n\r\n"),
    ROW(400, "GET / HTTP/1.1x\r\nHost: h\r\n\r\n"),
    ROW(400, "GET / HTTP/11\r\nHost: h\r\n\r\n"),
    ROW(400, "GET / HTTP/1.10\r\nHost: h\r\n\r\n"),
    ROW(400, "GET / HTTP/1\r\nHost: h\r\n\r\n"),
    ROW(400, "GET / http/1.1\r\nHost: h\r\n\r\n"),
    ROW(400, "GET / HTTP /1.1\r\nHost: h\r\n\r\n"),
    ROW(400, "G\xc3\xa4T / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ROW(400, "G(T / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ROW(400, "\x16\x03\x01\x02"), /* TLS at the wrong door is refused at its first byte */
    ROW(505, "GET / HTTP/2.0\r\nHost: h\r\n\r\n"),
    ROW(505, "GET / HTTP/0.9\r\nHost: h\r\n\r\n"),
    ROW(505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ROW(501, "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"),
    ROW(501, "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\nHost: h\r\n\r\n"),
    /* targets */
    ROW(400, "GET a HTTP/1.1\r\nHost: h\r\n\r\n"),
    ROW(400, "GET * HTTP/1.1\r\nHost: h\r\n\r\n"),
    ROW(400, "OPTIONS ** HTTP/1.1\r\nHost: h\r\n\r\n"),
    ROW(400, "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n"),
    ROW(400, "GET /\xc3\xa4 HTTP/1.1\r\nHost: h\r\n\r\n"),
    ROW(400, "GET /\x7f HTTP/1.1\r\nHost: h\r\n\r\n"),
    ROW(400, "GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n"),
    ROW(400, "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n"),
    ROW(400, "GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n"),
    ROW(400, "GET http:/h/ HTTP/1.1\r\nHost: h\r\n\r\n"),
    ROW(400, "GET http:///x HTTP/1.1\r\nHost: h\r\n\r\n"),
    ROW(400, "GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n"),
    ROW(400, "GET http://h:x/ HTTP/1.1\r\nHost: h\r\n\r\n"),
    /* header lines */
    ROW(400, GET H "A b: c\r\n\r\n"),
    ROW(400, GET H "A : c\r\n\r\n"),
    ROW(400, GET H ": c\r\n\r\n"),
    ROW(400, GET H "A\r\n\r\n"),
    ROW(400, GET H "A: b\r\n c\r\n\r\n"),
    ROW(400, GET H "A: b\r\n\tc\r\n\r\n"),
    ROW(400, GET H " \r\n\r\n"),
    ROW(400, GET " A: b\r\n" H "\r\n"),
    ROW(400, GET H "A: b\0c\r\n\r\n"),
    ROW(400, GET H "A: b\x01\r\n\r\n"),
    ROW(400, GET H "A: b\x7f\r\n\r\n"),
    ROW(400, GET H "\xc3\xa4: b\r\n\r\n"),
    ROW(400, GET H "A[0]: b\r\n\r\n"),
    /* Host */
    ROW(400, GET "\r\n"),
    ROW(400, GET H H "\r\n"),
    ROW(400, GET H "host: i\r\n\r\n"),
    ROW(400, "GET http://h/ HTTP/1.1\r\n\r\n"),
    ROW(400, "GET / HTTP/1.0\r\n" H H "\r\n"),
    ROW(400, GET "Host:\r\n\r\n"),
    ROW(400, GET "Host: a b\r\n\r\n"),
    ROW(400, GET "Host: a, b\r\n\r\n"),
    ROW(400, GET "Host: a/b\r\n\r\n"),
    ROW(400, GET "Host: u@h\r\n\r\n"),
    ROW(400, GET "Host: \xc3\xa4\r\n\r\n"),
    ROW(400, GET "Host: h:\r\nHost: h\r\n\r\n"),
    ROW(400, GET "Host: :80\r\n\r\n"),
    ROW(400, GET "Host: h:80:90\r\n\r\n"),
    ROW(400, GET "Host: h:65536\r\n\r\n"),
    ROW(400, GET "Host: h:+80\r\n\r\n"),
    ROW(400, GET "Host: [::1\r\n\r\n"),
    ROW(400, GET "Host: ::1\r\n\r\n"),
    ROW(400, GET "Host: []\r\n\r\n"),
    ROW(400, GET "Host: [::1]x\r\n\r\n"),
    ROW(400, GET "Host: [v1.x]\r\n\r\n"),
    /* Expect */
    ROW(417, POST "Content-Length: 1\r\nExpect: 200-ok\r\n\r\na"),
    ROW(417, POST "Content-Length: 1\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n\r\na"),
    ROW(417, POST "Content-Length: 1\r\nExpect: 100-continue, x\r\n\r\na"),
};

static void test_refused(void **state)
{
    (void)state;
    check_rows(lines, COUNT(lines));
}

static const struct {
    const char *input;
    const char *says;
} accepted[] = {
    {GET H "\r\n", "GET / path=/ query= host=h authority=h version=11\n"
                   "  Host=h\n\nend body=0\n\nclosed 0 idle\n"},
    {"\r\n" GET H "\r\n", "GET / path=/ query= host=h authority=h version=11\n"
                          "  Host=h\n\nend body=0\n\nclosed 0 idle\n"},
    {"GET /a%20b?c=d?e HTTP/1.1\r\nhOsT: localhost:8080 \t\r\nA:\r\nB:\t c  d \r\nA:x:y\r\n\r\n",
     "GET /a%20b?c=d?e path=/a%20b query=c=d?e host=localhost authority=localhost:8080 version=11\n"
     "  hOsT=localhost:8080\n  A=\n  B=c  d\n  A=x:y\n\nend body=0\n\nclosed 0 idle\n"},
    {"GET // HTTP/1.9\r\nHost: [::1]:9\r\n\r\n",
     "GET // path=// query= host=::1 authority=[::1]:9 version=11\n"
     "  Host=[::1]:9\n\nend body=0\n\nclosed 0 idle\n"},
    {"GET hTTp://x.org:81/a?b HTTP/1.1\r\n" H "\r\n",
     "GET hTTp://x.org:81/a?b path=/a query=b host=x.org authority=x.org:81 version=11\n"
     "  Host=h\n\nend body=0\n\nclosed 0 idle\n"},
    {"GET https://x?b HTTP/1.1\r\n" H "\r\n",
     "GET https://x?b path=/ query=b host=x authority=x version=11\n"
     "  Host=h\n\nend body=0\n\nclosed 0 idle\n"},
    {"OPTIONS * HTTP/1.1\r\n" H "\r\n", "OPTIONS * path=* query= host=h authority=h version=11\n"
                                        "  Host=h\n\nend body=0\n\nclosed 0 idle\n"},
    {"M-SEARCH / HTTP/1.1\r\n" H "Connection: TE , Close\r\n\r\n",
     "M-SEARCH / path=/ query= host=h authority=h version=11 close\n"
     "  Host=h\n  Connection=TE , Close\n\nend body=0\n"},
    {"GET / HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n\r\n",
     "GET / path=/ query= host= authority= version=10 close\n"
     "  Connection=keep-alive\n  Expect=100-continue\n\nend body=0\n"},
    {POST "Content-Length:   5  \r\nExpect: 100-Continue\r\n\r\nhello",
     "POST / path=/ query= host=h authority=h version=11 length=5 expect\n"
     "  Host=h\n  Content-Length=5\n  Expect=100-Continue\nhello\nend body=5\n\nclosed 0 idle\n"},
    {POST "Content-Length: 000\r\nExpect: 100-continue\r\n\r\n",
     "POST / path=/ query= host=h authority=h version=11 length=0\n"
     "  Host=h\n  Content-Length=000\n  Expect=100-continue\n\nend body=0\n\nclosed 0 idle\n"},
    {POST "Content-Length: 9223372036854775807\r\n\r\nab",
     "POST / path=/ query= host=h authority=h version=11 length=9223372036854775807\n"
     "  Host=h\n  Content-Length=9223372036854775807\nab\nclosed -13\n"},
    {"", "\nclosed 0 idle\n"},
    {"\r\n", "\nclosed 0 idle\n"},
    {"G", "\nclosed -13\n"},
    {GET H "\r", "\nclosed -13\n"},
};

static void test_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(accepted); i++) {
        check_h1(rh_bytes_of(accepted[i].input), accepted[i].says);
    }
}

static void test_keep_alive(void **state)
{
    (void)state;
    check_h1(LITERAL("GET /1 HTTP/1.1\r\nHost: h\r\nA: 1\r\n\r\n"
                     "PUT /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nGET"
                     "\r\nPOST /3 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "3\r\nabc\r\n0\r\nT: u\r\n\r\n"
                     "DELETE /4 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET /5 HTTP"),
             "GET /1 path=/1 query= host=h authority=h version=11\n"
             "  Host=h\n  A=1\n\nend body=0\n"
             "PUT /2 path=/2 query= host=h authority=h version=11 length=3\n"
             "  Host=h\n  Content-Length=3\nGET\nend body=3\n"
             "POST /3 path=/3 query= host=h authority=h version=11 chunked\n"
             "  Host=h\n  Transfer-Encoding=chunked\nabc\nend body=3\n  trailer T=u\n"
             "DELETE /4 path=/4 query= host=h authority=h version=11 close\n"
             "  Host=h\n  Connection=close\n\nend body=0\n");
}

/* Limits: exactly at them is accepted, one more is refused with the right status. */
static void test_limits(void **state)
{
    (void)state;
    const struct replay_h1_limits at_cap = {sizeof "GET /abc HTTP/1.1Host: hA: b" - 1, 2, 4};
    static const char head[] = "GET /abc HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n";
    static const char says[] = "GET /abc path=/abc query= host=h authority=h version=11\n"
                               "  Host=h\n  A=b\n\nend body=0\n\nclosed 0 idle\n";
    check_h1_limits(LITERAL(head), says, &at_cap);
    struct replay_h1_limits limits = at_cap;
    limits.head_bytes--;
    check_h1_refused(LITERAL(head), 431, &limits);
    limits = at_cap;
    limits.headers--;
    check_h1_refused(LITERAL(head), 431, &limits);
    limits = at_cap;
    limits.target_bytes--;
    check_h1_refused(LITERAL(head), 414, &limits);
    check_h1_limits(LITERAL("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF / HTTP/1.1\r\nHost: h\r\n\r\n"),
                    "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF / path=/ query= host=h authority=h "
                    "version=11\n  Host=h\n\nend body=0\n\nclosed 0 idle\n",
                    &usual);
}

/* Input without an end is refused as soon as the limit is passed; nothing waits for a line's end.
 */
static void test_endless(void **state)
{
    (void)state;
    static const struct {
        const char *start;
        unsigned status;
    } rows[] = {
        {"GET /", 414},
        {"GET / HTTP/1.1", 414},
        {"", 501},
        {GET "Host: h\r\nA", 431},
        {GET "Host: h\r\nA: ", 431},
    };
    uint8_t *head = malloc(RH_H1_HEAD_BYTES);
    struct rh_header headers[RH_H1_HEADERS];
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rh_h1 h1;
        rh_h1_init(&h1, head, RH_H1_HEAD_BYTES, headers, RH_H1_HEADERS, 0);
        size_t used;
        size_t fed = 0;
        enum rh_error error = rh_h1_head(&h1, rh_bytes_of(rows[i].start), &used);
        while (error == RH_ERR_AGAIN && fed < 2 * RH_H1_HEAD_BYTES) {
            error = rh_h1_head(&h1, LITERAL("a"), &used);
            fed++;
        }
        assert_int_equal(rh_h1_status(&h1), rows[i].status);
        assert_true(fed <= RH_H1_HEAD_BYTES);
        /* The error stays, whatever comes. */
        assert_int_equal(rh_h1_head(&h1, LITERAL(GET H "\r\n"), &used), error);
        assert_int_equal(used, 0);
        assert_int_equal(rh_h1_closed(&h1), error);
        struct rh_bytes content;
        assert_int_equal(rh_h1_body(&h1, LITERAL("x"), &used, &content), error);
    }
    free(head);
}

static void test_many_headers(void **state)
{
    (void)state;
    static char input[8192];
    size_t size = (size_t)snprintf(input, sizeof input, "%s", GET H);
    for (size_t i = 1; i < RH_H1_HEADERS; i++) {
        size += (size_t)snprintf(input + size, sizeof input - size, "A: b\r\n");
    }
    for (int more = 0; more < 2; more++) {
        uint8_t *head = malloc(RH_H1_HEAD_BYTES);
        struct rh_header headers[RH_H1_HEADERS];
        struct rh_h1 h1;
        rh_h1_init(&h1, head, RH_H1_HEAD_BYTES, headers, RH_H1_HEADERS, 0);
        size_t used;
        struct rh_bytes in = {(const uint8_t *)input, size};
        assert_int_equal(rh_h1_head(&h1, in, &used), RH_ERR_AGAIN);
        enum rh_error error =
            rh_h1_head(&h1, more ? LITERAL("A: b\r\n\r\n") : LITERAL("\r\n"), &used);
        assert_int_equal(error, more ? RH_ERR_LIMIT : RH_OK);
        assert_int_equal(rh_h1_status(&h1), more ? 431 : 0);
        free(head);
    }
}

/* No byte but those of the grammar may stand in a name, a value or a target: all 256, one by one.
 */
static void test_every_byte(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        uint8_t byte = (uint8_t)c;
        bool in_name = rh_http_is_token((struct rh_bytes){&byte, 1});
        bool in_value = c == '\t' || (c >= 0x20 && c != 0x7f);
        bool in_target = c > 0x20 && c < 0x7f && c != '#';
        static const char *const starts[] = {GET H "A", GET H "A: b", "GET /"};
        static const char *const ends[] = {"A: b\r\n\r\n", "b\r\n\r\n", "b HTTP/1.1\r\n" H "\r\n"};
        const bool allowed[] = {in_name || c == ':', in_value, in_target};
        for (size_t i = 0; i < 3; i++) {
            struct replay r;
            replay_init(&r);
            char input[128];
            int size = snprintf(input, sizeof input, "%s%c%s", starts[i], (int)c, ends[i]);
            replay_h1(&r, input, (size_t)size, &usual, (struct replay_cut){0});
            if ((r.request_count == 1) != allowed[i]) {
                fail_msg("byte %u in place %zu", c, i);
            }
            replay_finish(&r);
        }
    }
}

/* The memory before is gone after a move, in the middle of a head and behind it. */
static void test_move(void **state)
{
    static const char text[] = "POST /a?b=c HTTP/1.1\r\nHost: h:1\r\nX-One: two\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n0\r\nTrail: er\r\n\r\n";
    const size_t size = sizeof text - 1;
    (void)state;
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *first = malloc(512);
        struct rh_header *first_headers = malloc(10 * sizeof *first_headers);
        struct rh_header second_headers[6];
        uint8_t second[256];
        struct rh_bytes in = {(const uint8_t *)text, size};
        struct rh_bytes content;
        struct rh_h1 h1;
        size_t used = 0;
        rh_h1_init(&h1, first, 512, first_headers, 10, 0);
        enum rh_error error = rh_h1_head(&h1, (struct rh_bytes){in.data, cut}, &used);
        rh_h1_move(&h1, second, sizeof second, second_headers, 6);
        free(first);
        free(first_headers);
        in.data += used;
        in.size -= used;
        if (error == RH_ERR_AGAIN) {
            assert_int_equal(rh_h1_head(&h1, in, &used), RH_OK);
            in.data += used;
            in.size -= used;
        }
        assert_int_equal(rh_h1_body(&h1, in, &used, &content), RH_OK);
        assert_true(rh_bytes_equal_str(h1.request.method, "POST"));
        assert_true(rh_bytes_equal_str(h1.request.path, "/a"));
        assert_true(rh_bytes_equal_str(h1.request.query, "b=c"));
        assert_true(rh_bytes_equal_str(h1.request.host, "h"));
        assert_true(rh_bytes_equal_str(rh_request_find(&h1.request, "x-one", NULL)->value, "two"));
        assert_int_equal(h1.request.trailer_count, 1);
        assert_true(rh_bytes_equal_str(h1.request.trailers[0].value, "er"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_smuggling),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_accepted),     cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_limits),       cmocka_unit_test(test_endless),
        cmocka_unit_test(test_many_headers), cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_move),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
