/* SPDX-License-Identifier: MIT */
/* HTTP/2: what requests become, how answers look, and who is sent away. */
#include "harness.h"

#include "h2_peer.h"

#define GET_LINES  ":method=GET\n:scheme=https\n:path=/a?b\n:authority=h:1\n"
#define POST_LINES ":method=POST\n:scheme=https\n:path=/u\n:authority=h\ncontent-type=a/b\n"

static void expect(struct h2_peer *p, const char *log)
{
    assert_string_equal(p->log, log);
    h2_peer_clear(p);
}

/* Streams that the handler was told of are freed by `gone`: end them all. */
static void finish(struct h2_peer *p)
{
    struct rh_h2_stream *stream = p->last;

    h2_peer_finish(p);
    rh_h2_stream_free(stream);
}

static void begin(struct h2_peer *p)
{
    h2_peer_init(p);
    h2_peer_open(p);
    assert_int_equal(h2_peer_flush(p), RH_OK);
    expect(p, "");
}

/* ---- requests ---- */

static const struct {
    const char *lines;
    const char *log;
} heads[] = {
    {GET_LINES, "head GET /a?b host=h body=0\nend\n"},
    {GET_LINES "host=h:1\nx=y\n", "head GET /a?b host=h body=0 host=h:1 x=y\nend\n"},
    {":method=GET\n:scheme=http\n:path=/\nhost=[::1]:80\n",
     "head GET / host=::1 body=0 host=[::1]:80\nend\n"},
    {GET_LINES "host=other\n", "refuse 400 :authority and Host contradict each other.\nend\n"},
    {":method=GET\n:scheme=http\n:path=/\n:authority=a b\n", "> reset 1 1\n"},
    {":method=GET\n:scheme=http\n:path=/\n:authority=a:b\n",
     "refuse 400 :authority is not valid.\nend\n"},
    {":method=GET\n:scheme=http\n:path=http://h/\n:authority=h\n", "> reset 1 1\n"},
    {":method=OPTIONS\n:scheme=http\n:path=*\n:authority=h\n",
     "head OPTIONS * host=h body=0\nend\n"},
    {":method=CONNECT\n:authority=h\n", "refuse 501 This server is no proxy.\nend\n"},
    {GET_LINES "expect=200-ok\n", "refuse 417 The only Expect understood is 100-continue.\nend\n"},
    {GET_LINES "content-length=0\n",
     "head GET /a?b host=h body=1 length=0 content-length=0\nend\n"},
    /* What RFC 9113, 8.2 and 8.3 forbid, by nghttp2. */
    {":method=GET\n:scheme=http\n:authority=h\n", "> reset 1 1\n"},
    {":method=GET\n:method=GET\n:scheme=http\n:path=/\n:authority=h\n", "> reset 1 1\n"},
    {GET_LINES "connection=close\n", "> reset 1 1\n"},
    {GET_LINES "transfer-encoding=chunked\n", "> reset 1 1\n"},
    {GET_LINES "te=gzip\n", "> reset 1 1\n"},
    {GET_LINES "x=y\n:late=1\n", "> reset 1 1\n"},
    {GET_LINES "content-length=1\n", "> reset 1 1\n"},
    {GET_LINES "content-length=a\n", "> reset 1 1\n"},
    {GET_LINES "Upper=1\n", "> reset 1 1\n"},
};

static void one_head(const char *lines, const char *log)
{
    struct h2_peer p;

    begin(&p);
    h2_peer_headers(&p, 1, lines, true);
    assert_int_equal(h2_peer_flush(&p), RH_OK);
    expect(&p, log);
    finish(&p);
}

static void heads_become_requests_or_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        one_head(heads[i].lines, heads[i].log);
}

static void heads_beyond_the_limit_are_told_so(void **state)
{
    char lines[8192];
    char value[2000];
    size_t size = 0;

    (void)state;
    memset(value, 'v', sizeof value);
    snprintf(lines, sizeof lines, GET_LINES "x=%.*s\n", 1900, value);
    one_head(lines, "refuse 431 The head of the request is too large.\nend\n");
    /* 32 for each header counts, too (RFC 9113, 6.5.2). */
    size = (size_t)snprintf(lines, sizeof lines, GET_LINES);
    for (int i = 0; i < 60; i++)
        size += (size_t)snprintf(lines + size, sizeof lines - size, "a=b\n");
    one_head(lines, "refuse 431 The head of the request is too large.\nend\n");
    snprintf(lines, sizeof lines, GET_LINES "x=%.*s\n", 1000, value);
    struct h2_peer p;
    begin(&p);
    h2_peer_headers(&p, 1, lines, true);
    assert_int_equal(h2_peer_flush(&p), RH_OK);
    assert_int_equal(strncmp(p.log, "head GET", 8), 0);
    finish(&p);
}

static void send_upload(struct h2_peer *p)
{
    h2_peer_open(p);
    h2_peer_headers(p, 1, POST_LINES "content-length=30\nexpect=100-continue\n", false);
    h2_peer_data(p, 1, 'a', 10, false);
    h2_peer_data(p, 1, 'b', 0, false);
    h2_peer_data(p, 1, 'b', 15, false);
    h2_peer_data(p, 1, 'c', 5, false);
    h2_peer_headers(p, 1, "reelhaul-crc64=:AA:\nx=y\n", true);
}

/* Content that came in one piece is handed out in one, whatever its frames were. */
static void frames_of_one_piece_are_one_content(void **state)
{
    struct h2_peer p;

    (void)state;
    h2_peer_init(&p);
    send_upload(&p);
    assert_int_equal(h2_peer_flush(&p), RH_OK);
    expect(&p, "head POST /u host=h body=1 length=30 content-type=a/b content-length=30 "
               "expect=100-continue expects\ncontent 30 61..63\nend reelhaul-crc64=:AA: x=y\n");
    finish(&p);
}

/* Drops the lines of content, which depend on the cut, and adds them up. */
static size_t sum_content(char *log)
{
    size_t sum = 0;
    char *at;

    while ((at = strstr(log, "content ")) != NULL && (at == log || at[-1] == '\n')) {
        char *end = strchr(at, '\n') + 1;

        sum += strtoul(at + 8, NULL, 10);
        memmove(at, end, strlen(end) + 1);
    }
    return sum;
}

static void the_cut_does_not_matter(void **state)
{
    (void)state;
    for (size_t every = 1; every < 120; every++) {
        struct h2_peer p;

        h2_peer_init(&p);
        send_upload(&p);
        assert_int_equal(h2_peer_flush_cut(&p, every), RH_OK);
        assert_int_equal(sum_content(strchr(p.log, '\n') + 1), 30);
        p.log_size = strlen(p.log);
        expect(&p, "head POST /u host=h body=1 length=30 content-type=a/b content-length=30 "
                   "expect=100-continue expects\nend reelhaul-crc64=:AA: x=y\n");
        finish(&p);
    }
}

static void streams_do_not_mix(void **state)
{
    struct h2_peer p;

    (void)state;
    begin(&p);
    h2_peer_headers(&p, 1, POST_LINES, false);
    struct rh_h2_stream *first;
    assert_int_equal(h2_peer_flush(&p), RH_OK);
    first = p.last;
    h2_peer_clear(&p);
    h2_peer_headers(&p, 3, POST_LINES, false);
    h2_peer_data(&p, 1, 'a', 3, false);
    h2_peer_data(&p, 3, 'b', 4, false);
    h2_peer_data(&p, 3, 'c', 5, true);
    h2_peer_data(&p, 1, 'd', 6, true);
    assert_int_equal(h2_peer_flush(&p), RH_OK);
    expect(&p, "head POST /u host=h body=2 content-type=a/b\ncontent 3 61..61\n"
               "content 9 62..63\nend\ncontent 6 64..64\nend\n");
    finish(&p);
    rh_h2_stream_free(first);
}

static void bodies_that_break_the_rules(void **state)
{
    struct h2_peer p;

    (void)state;
    begin(&p);
    /* Shorter and longer than said; forbidden trailers; a reset by the client. */
    h2_peer_headers(&p, 1, POST_LINES "content-length=5\n", false);
    h2_peer_data(&p, 1, 'a', 4, true);
    assert_int_equal(h2_peer_flush(&p), RH_OK);
    sum_content(p.log);
    assert_non_null(strstr(p.log, "gone broken\n> reset 1 1\n"));
    assert_null(strstr(p.log, "end"));
    h2_peer_clear(&p);
    h2_peer_headers(&p, 3, POST_LINES "content-length=5\n", false);
    h2_peer_data(&p, 3, 'a', 6, true);
    assert_int_equal(h2_peer_flush(&p), RH_OK);
    assert_non_null(strstr(p.log, "gone broken\n> reset 3 1\n"));
    h2_peer_clear(&p);
    h2_peer_headers(&p, 5, POST_LINES, false);
    h2_peer_headers(&p, 5, "host=x\n", true);
    assert_int_equal(h2_peer_flush(&p), RH_OK);
    assert_non_null(strstr(p.log, "gone broken\n> reset 5 1\n"));
    h2_peer_clear(&p);
    h2_peer_headers(&p, 7, POST_LINES, false);
    h2_peer_data(&p, 7, 'a', 6, false);
    h2_peer_frame(&p, NGHTTP2_RST_STREAM, 0, 7, "\0\0\0\x08", 4);
    assert_int_equal(h2_peer_flush(&p), RH_OK);
    expect(&p, "head POST /u host=h body=2 content-type=a/b\ncontent 6 61..61\ngone given up\n");
    assert_null(p.last);
    finish(&p);
}

/* ---- flow control ---- */

static void the_window_follows_what_was_consumed(void **state)
{
    struct h2_peer p;

    (void)state;
    begin(&p);
    p.quiet_flow = false;
    p.consumes = false;
    h2_peer_headers(&p, 1, POST_LINES, false);
    for (int i = 0; i < RH_H2_WINDOW_FIRST / 16384; i++)
        h2_peer_data(&p, 1, 'a', 16384, false);
    assert_int_equal(h2_peer_flush(&p), RH_OK);
    /* Nothing was consumed: no leave to send more. */
    expect(&p, "head POST /u host=h body=2 content-type=a/b\ncontent 262144 61..61\n");
    /* One byte of it: the large window, less what still waits. */
    rh_h2_consume(p.h2, p.last, 1);
    h2_peer_drain(&p);
    char text[80];
    snprintf(text, sizeof text, "> window 1 %d\n", RH_H2_WINDOW_LARGE - RH_H2_WINDOW_FIRST);
    expect(&p, text);
    finish(&p);
}

static void more_than_the_window_is_an_error(void **state)
{
    struct h2_peer p;

    (void)state;
    begin(&p);
    p.consumes = false;
    h2_peer_headers(&p, 1, POST_LINES, false);
    for (int i = 0; i < RH_H2_WINDOW_FIRST / 16384; i++)
        h2_peer_data(&p, 1, 'a', 16384, false);
    h2_peer_data(&p, 1, 'a', 1, false);
    assert_int_equal(h2_peer_flush(&p), RH_OK);
    assert_non_null(strstr(p.log, "gone given up\n> reset 1 3\n"));
    finish(&p);
}

/* ---- answers ---- */

struct answer {
    struct rh_response response;
    uint8_t memory[1024];
};

static void make_answer(struct answer *a, unsigned status, uint64_t length)
{
    rh_response_init(&a->response, a->memory, sizeof a->memory);
    a->response.status = status;
    assert_int_equal(rh_response_add_str(&a->response, "Reelhaul-Upload", "abc"), RH_OK);
    if (length > 0)
        rh_response_set_file(&a->response, 0, (struct rh_range){0, length});
}

static void answers(void **state)
{
    struct h2_peer p;
    struct answer a;

    (void)state;
    begin(&p);
    h2_peer_headers(&p, 1, GET_LINES, true);
    assert_int_equal(h2_peer_flush(&p), RH_OK);
    h2_peer_clear(&p);
    const struct rh_header offset = {rh_bytes_of("Upload-Offset"), rh_bytes_of("7")};
    assert_int_equal(rh_h2_inform(p.h2, p.last, 104, &offset, 1), RH_OK);
    assert_int_equal(rh_h2_inform(p.h2, p.last, 101, NULL, 0), RH_ERR_RANGE);
    make_answer(&a, 200, 20000);
    assert_int_equal(rh_h2_respond(p.h2, p.last, &a.response, 0, false), RH_OK);
    assert_int_equal(rh_h2_inform(p.h2, p.last, 104, &offset, 1), RH_ERR_CLOSED);
    h2_peer_drain(&p);
    expect(&p, "> headers 1 :status=104 upload-offset=7\n"
               "> headers 1 :status=200 date=Thu, 01 Jan 1970 00:00:00 GMT reelhaul-upload=abc "
               "content-length=20000\n> data 1 16384\ngone answered\n> data 1 3616 last\n");
    h2_peer_headers(&p, 3, GET_LINES, true);
    assert_int_equal(h2_peer_flush(&p), RH_OK);
    h2_peer_clear(&p);
    assert_int_equal(rh_h2_respond(p.h2, p.last, &a.response, -1, true), RH_OK);
    h2_peer_drain(&p);
    expect(&p, "gone answered\n"
               "> headers 3 :status=200 reelhaul-upload=abc content-length=20000 last\n");
    h2_peer_headers(&p, 5, GET_LINES, true);
    assert_int_equal(h2_peer_flush(&p), RH_OK);
    h2_peer_clear(&p);
    make_answer(&a, 204, 0);
    assert_int_equal(rh_h2_respond(p.h2, p.last, &a.response, -1, false), RH_OK);
    h2_peer_drain(&p);
    expect(&p, "gone answered\n> headers 5 :status=204 reelhaul-upload=abc last\n");
    finish(&p);
}

static void answers_cannot_be_split(void **state)
{
    struct h2_peer p;
    struct answer a;

    (void)state;
    begin(&p);
    h2_peer_headers(&p, 1, GET_LINES, true);
    assert_int_equal(h2_peer_flush(&p), RH_OK);
    make_answer(&a, 200, 0);
    a.response.headers[0].value = rh_bytes_of("a\r\nb: c");
    assert_int_equal(rh_h2_respond(p.h2, p.last, &a.response, -1, false), RH_ERR_SYNTAX);
    a.response.headers[0] = (struct rh_header){rh_bytes_of("Connection"), rh_bytes_of("close")};
    assert_int_equal(rh_h2_respond(p.h2, p.last, &a.response, -1, false), RH_ERR_STATE);
    a.response.status = 100;
    assert_int_equal(rh_h2_respond(p.h2, p.last, &a.response, -1, false), RH_ERR_RANGE);
    finish(&p);
}

static void an_early_answer_ends_the_upload(void **state)
{
    struct h2_peer p;
    struct answer a;

    (void)state;
    begin(&p);
    h2_peer_headers(&p, 1, POST_LINES, false);
    h2_peer_data(&p, 1, 'a', 10, false);
    assert_int_equal(h2_peer_flush(&p), RH_OK);
    h2_peer_clear(&p);
    make_answer(&a, 413, 0);
    assert_int_equal(rh_h2_respond(p.h2, p.last, &a.response, -1, false), RH_OK);
    h2_peer_drain(&p);
    expect(&p, "> headers 1 :status=413 reelhaul-upload=abc content-length=0 last\n"
               "gone answered\n> reset 1 0\n");
    /* What was on its way is taken and forgotten. */
    h2_peer_data(&p, 1, 'a', 10, true);
    assert_int_equal(h2_peer_flush(&p), RH_OK);
    expect(&p, "");
    finish(&p);
}

static void a_body_that_cannot_be_read_breaks_off(void **state)
{
    struct h2_peer p;
    struct answer a;

    (void)state;
    begin(&p);
    p.breaks_read = true;
    h2_peer_headers(&p, 1, GET_LINES, true);
    assert_int_equal(h2_peer_flush(&p), RH_OK);
    h2_peer_clear(&p);
    make_answer(&a, 200, 100);
    assert_int_equal(rh_h2_respond(p.h2, p.last, &a.response, -1, false), RH_OK);
    h2_peer_drain(&p);
    expect(&p, "> headers 1 :status=200 reelhaul-upload=abc content-length=100\n"
               "gone given up\n> reset 1 2\n");
    finish(&p);
}

static void going_away_lets_what_began_end(void **state)
{
    struct h2_peer p;
    struct answer a;

    (void)state;
    begin(&p);
    h2_peer_headers(&p, 1, POST_LINES, false);
    assert_int_equal(h2_peer_flush(&p), RH_OK);
    h2_peer_clear(&p);
    rh_h2_goaway(p.h2);
    h2_peer_drain(&p);
    expect(&p, "> goaway 1 0\n");
    assert_false(rh_h2_is_over(p.h2));
    h2_peer_headers(&p, 3, GET_LINES, true); /* too late: as if it was never sent */
    h2_peer_data(&p, 1, 'a', 5, true);
    assert_int_equal(h2_peer_flush(&p), RH_OK);
    expect(&p, "content 5 61..61\nend\n");
    make_answer(&a, 200, 0);
    assert_int_equal(rh_h2_respond(p.h2, p.last, &a.response, -1, false), RH_OK);
    h2_peer_drain(&p);
    expect(&p, "gone answered\n"
               "> headers 1 :status=200 reelhaul-upload=abc content-length=0 last\n");
    assert_true(rh_h2_is_over(p.h2));
    finish(&p);
}

/* ---- floods ---- */

static void expect_calm(struct h2_peer *p)
{
    h2_peer_drain(p);
    assert_non_null(strstr(p->log, "> goaway"));
    assert_non_null(strstr(p->log, " 11\n")); /* ENHANCE_YOUR_CALM */
    assert_int_equal(rh_h2_receive(p->h2, NULL, 0, p->now_ms), RH_ERR_SYNTAX);
    assert_true(rh_h2_is_over(p->h2));
}

/* CVE-2023-44487. */
static void rapid_resets_are_sent_away(void **state)
{
    struct h2_peer p;
    uint32_t id = 1;
    enum rh_error error = RH_OK;

    (void)state;
    begin(&p);
    for (int i = 0; i <= RH_H2_RESETS_MAX && error == RH_OK; i++, id += 2) {
        assert_int_equal(error, RH_OK);
        h2_peer_headers(&p, id, POST_LINES, false);
        h2_peer_frame(&p, NGHTTP2_RST_STREAM, 0, id, "\0\0\0\x08", 4);
        error = h2_peer_flush(&p);
    }
    assert_int_equal(error, RH_ERR_LIMIT);
    assert_int_equal(id, 1 + 2 * (RH_H2_RESETS_MAX + 1));
    expect_calm(&p);
    finish(&p);
}

/* The same, where the client makes the server reset (CVE-2025-8671). */
static void made_resets_are_sent_away(void **state)
{
    struct h2_peer p;
    enum rh_error error = RH_OK;

    (void)state;
    begin(&p);
    for (uint32_t id = 1; id < 2 * RH_H2_RESETS_MAX + 20 && error == RH_OK; id += 2) {
        h2_peer_headers(&p, id, POST_LINES, false);
        h2_peer_frame(&p, NGHTTP2_WINDOW_UPDATE, 0, id, "\x7f\xff\xff\xff", 4);
        error = h2_peer_flush(&p);
    }
    assert_int_equal(error, RH_ERR_LIMIT);
    expect_calm(&p);
    finish(&p);
}

/* Browsers reset what a page no longer needs: with time between, that is no flood. */
static void slow_resets_are_fine(void **state)
{
    struct h2_peer p;

    (void)state;
    begin(&p);
    for (uint32_t id = 1; id < 2 * 2 * RH_H2_RESETS_MAX; id += 2) {
        h2_peer_headers(&p, id, POST_LINES, false);
        h2_peer_frame(&p, NGHTTP2_RST_STREAM, 0, id, "\0\0\0\x08", 4);
        p.now_ms += 1000 / RH_H2_RESETS_A_SEC;
        assert_int_equal(h2_peer_flush(&p), RH_OK);
        h2_peer_clear(&p);
    }
    finish(&p);
}

static void flood_frames(uint8_t type, uint8_t flags, uint32_t id, const void *payload, size_t size)
{
    struct h2_peer p;
    enum rh_error error = RH_OK;
    int count = 0;
    struct rh_h2_stream *stream;

    begin(&p);
    h2_peer_headers(&p, 1, POST_LINES, false);
    for (; error == RH_OK && count < 2 * RH_H2_CONTROLS_MAX; count++) {
        h2_peer_frame(&p, type, flags, id, payload, size);
        error = h2_peer_flush(&p);
    }
    assert_int_equal(error, RH_ERR_LIMIT);
    assert_in_range(count, RH_H2_CONTROLS_MAX - 10, RH_H2_CONTROLS_MAX);
    stream = p.last;
    expect_calm(&p);
    (void)stream;
    finish(&p);
}

static void frames_without_purpose_are_sent_away(void **state)
{
    (void)state;
    flood_frames(NGHTTP2_PING, 0, 0, "12345678", 8);
    flood_frames(NGHTTP2_SETTINGS, 0, 0, NULL, 0);
    flood_frames(NGHTTP2_PRIORITY, 0, 3, "\0\0\0\0\x10", 5);
    flood_frames(NGHTTP2_DATA, 0, 1, NULL, 0);
    flood_frames(NGHTTP2_WINDOW_UPDATE, 0, 1, "\0\0\0\x01", 4);
}

/* Without reading what is owed: nghttp2 counts answers that wait. */
static void pings_that_are_not_listened_to(void **state)
{
    struct h2_peer p;

    (void)state;
    begin(&p);
    for (int i = 0; i < 200; i++)
        h2_peer_frame(&p, NGHTTP2_PING, 0, 0, "12345678", 8);
    assert_int_equal(h2_peer_flush_cut(&p, 0), RH_ERR_LIMIT);
    expect_calm(&p);
    finish(&p);
}

/* CVE-2024-27316. */
static void endless_continuations_are_sent_away(void **state)
{
    struct h2_peer p;
    uint8_t block[256];
    size_t size;
    enum rh_error error = RH_OK;
    int count = 0;

    (void)state;
    begin(&p);
    size = h2_peer_block(GET_LINES, block);
    h2_peer_frame(&p, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, block, size);
    assert_int_equal(h2_peer_flush(&p), RH_OK);
    size = h2_peer_block("x=y\n", block);
    for (; error == RH_OK && count < 100; count++) {
        h2_peer_frame(&p, NGHTTP2_CONTINUATION, 0, 1, block, size);
        error = h2_peer_flush(&p);
    }
    assert_int_equal(error, RH_ERR_LIMIT);
    assert_int_equal(count, RH_H2_CONTINUATIONS_MAX + 1);
    expect_calm(&p);
    finish(&p);
}

static void garbage_ends_the_connection(void **state)
{
    struct h2_peer p;

    (void)state;
    h2_peer_init(&p);
    h2_peer_put(&p, "GET / HTTP/1.1\r\n\r\n", 18);
    assert_int_equal(h2_peer_flush(&p), RH_ERR_SYNTAX);
    finish(&p);
    begin(&p);
    h2_peer_frame(&p, NGHTTP2_DATA, 0, 0, "a", 1);
    assert_int_equal(h2_peer_flush(&p), RH_OK);
    expect(&p, "> goaway 0 1\n");
    assert_true(rh_h2_is_over(p.h2));
    finish(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_become_requests_or_are_refused),
        cmocka_unit_test(heads_beyond_the_limit_are_told_so),
        cmocka_unit_test(frames_of_one_piece_are_one_content),
        cmocka_unit_test(the_cut_does_not_matter),
        cmocka_unit_test(streams_do_not_mix),
        cmocka_unit_test(bodies_that_break_the_rules),
        cmocka_unit_test(the_window_follows_what_was_consumed),
        cmocka_unit_test(more_than_the_window_is_an_error),
        cmocka_unit_test(answers),
        cmocka_unit_test(answers_cannot_be_split),
        cmocka_unit_test(an_early_answer_ends_the_upload),
        cmocka_unit_test(a_body_that_cannot_be_read_breaks_off),
        cmocka_unit_test(going_away_lets_what_began_end),
        cmocka_unit_test(rapid_resets_are_sent_away),
        cmocka_unit_test(made_resets_are_sent_away),
        cmocka_unit_test(slow_resets_are_fine),
        cmocka_unit_test(frames_without_purpose_are_sent_away),
        cmocka_unit_test(pings_that_are_not_listened_to),
        cmocka_unit_test(endless_continuations_are_sent_away),
        cmocka_unit_test(garbage_ends_the_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
