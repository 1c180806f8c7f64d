/* SPDX-License-Identifier: MIT */
/* The state machine: grants with written and compared spans, revokes, broken bodies, failing
 * stores, and when a connection may be kept. */
#include "harness.h"

#include "base/bytes.h"
#include "base/crc64.h"

#define RAW                                                                                        \
    "Content-Type: application/octet-stream\r\nReelhaul-Upload: " TEST_UPLOAD                      \
    "\r\nReelhaul-Offset: 0\r\n"
#define SIZE 1000

static uint8_t body[SIZE];

static unsigned send_part(struct harness *h, const char *extra)
{
    char headers[1024];
    snprintf(headers, sizeof headers, RAW "%s", extra);
    return harness_send(h, "POST", "/api/v1/videos/chunk", headers, body, SIZE);
}

static void open_with_body(struct harness *h)
{
    harness_open(h);
    for (size_t i = 0; i < SIZE; i++)
        body[i] = (uint8_t)(i * 7 + 1);
}

/* Three spans: written, compared, written; the extent's offsets are not the body's. */
static void grant_spans(struct harness *h)
{
    h->grant.span_count = 3;
    h->grant.spans[0] = (struct rh_grant_span){.offset = 5000, .length = 300};
    h->grant.spans[1] = (struct rh_grant_span){.offset = 5300, .length = 200, .compare = true};
    h->grant.spans[2] = (struct rh_grant_span){.offset = 5500, .length = 500};
    h->grant.bytes_max = SIZE;
}

static void acknowledged_ranges_are_compared_and_never_written(void **state)
{
    (void)state;
    struct harness h;
    open_with_body(&h);
    grant_spans(&h);
    struct rh_rng rng;
    for (uint64_t seed = 0; seed < 50; seed++) {
        rh_rng_init(&rng, seed);
        h.splits = seed == 0 ? NULL : &rng;
        memset(h.disk, 0xee, 8192);
        assert_int_equal(send_part(&h, ""), 200);
        assert_int_equal(h.written.end, RH_WRITTEN_WHOLE);
        assert_int_equal(h.written.span_count, 3);
        assert_true(h.written.bytes == SIZE);
        static const uint64_t starts[] = {0, 300, 500, 1000};
        for (size_t i = 0; i < 3; i++) {
            uint64_t length = starts[i + 1] - starts[i];
            assert_true(h.written.length[i] == length);
            assert_true(h.written.crc64[i] == rh_crc64_update(0, body + starts[i], length));
        }
        assert_memory_equal(h.disk + 5000, body, 300);
        assert_memory_equal(h.disk + 5500, body + 500, 500);
        for (size_t i = 0; i < 200; i++)
            assert_int_equal(h.disk[5300 + i], 0xee);
        assert_int_equal(h.disk[4999], 0xee);
        assert_int_equal(h.disk[6000], 0xee);
    }
    harness_close(&h);
}

static void a_revoke_stops_the_writing(void **state)
{
    (void)state;
    struct harness h;
    open_with_body(&h);
    grant_spans(&h);
    memset(h.disk, 0xee, 8192);
    h.split = 100;
    h.revoke_after = 450;
    h.code = RH_REPLY_SUPERSEDED;
    h.config.drain_bytes_max = 0;
    send_part(&h, "");
    harness_expect_error(&h, 409, "superseded");
    assert_int_equal(h.written.end, RH_WRITTEN_REVOKED);
    assert_true(h.written.bytes == 450);
    assert_true(h.written.length[0] == 300 && h.written.length[1] == 150);
    assert_true(h.written.length[2] == 0);
    assert_int_equal(h.disk[5500], 0xee);
    assert_true(rh_exchange_response(h.x)->close); /* the rest was not read */
    /* A revoke that crosses with the report, or comes for nothing, changes nothing. */
    h.revoke_after = 0;
    h.code = RH_REPLY_OK;
    harness_begin(&h, "POST", "/api/v1/videos/chunk", RAW "Content-Length: 1000\r\n");
    rh_exchange_revoked(h.x);
    assert_int_equal(rh_exchange_want(h.x), RH_WANT_VAULT);
    harness_run(&h, body, SIZE);
    assert_int_equal(harness_status(&h), 200);
    harness_close(&h);
}

static void a_broken_body_reports_what_came(void **state)
{
    (void)state;
    struct harness h;
    open_with_body(&h);
    static const struct {
        enum rh_error why;
        unsigned status;
        const char *code;
    } cases[] = {
        {RH_ERR_CLOSED, 400, "bad_request"},
        {RH_ERR_AGAIN, 408, "request_timeout"},
        {RH_ERR_SYNTAX, 400, "bad_request"},
    };
    h.code = RH_REPLY_BROKEN;
    h.reply.has_receipt = true;
    for (size_t i = 0; i < 3; i++) {
        h.break_after = 450;
        h.break_why = cases[i].why;
        h.reply.receipt = (struct rh_interval){0, 450, rh_crc64_update(0, body, 450)};
        h.reply.durable[0] = h.reply.receipt;
        h.reply.durable_count = 1;
        send_part(&h, "");
        harness_expect_error(&h, cases[i].status, cases[i].code);
        assert_int_equal(h.written.end, RH_WRITTEN_BROKEN);
        assert_true(h.written.bytes == 450);
        assert_memory_equal(h.disk, body, 450);
        assert_true(rh_exchange_response(h.x)->close);
        /* The sender learns how long the kept prefix is. */
        assert_non_null(strstr(harness_header(&h, "Reelhaul-Durable"), "(0 450);crc64="));
        assert_non_null(strstr(harness_header(&h, "Reelhaul-Receipt"), "length=450"));
    }
    harness_close(&h);
}

static void a_body_may_break_before_its_grant(void **state)
{
    (void)state;
    struct harness h;
    open_with_body(&h);
    harness_begin(&h, "POST", "/api/v1/videos/chunk", RAW "Content-Length: 1000\r\n");
    assert_int_equal(rh_exchange_want(h.x), RH_WANT_VAULT);
    rh_exchange_body_broken(h.x, RH_ERR_CLOSED);
    assert_int_equal(rh_exchange_want(h.x), RH_WANT_VAULT);
    harness_run(&h, body, SIZE); /* the grant comes, is reported at once, and the reply follows */
    assert_int_equal(h.written.end, RH_WRITTEN_BROKEN);
    assert_true(h.written.bytes == 0 && h.fed == 0);
    assert_int_equal(harness_status(&h), 400);
    /* Without a request under way it is over at once. */
    harness_begin(&h, "POST", "/api/session/create",
                  "Content-Type: application/json\r\nContent-Length: 5\r\n");
    rh_exchange_body_broken(h.x, RH_ERR_AGAIN);
    harness_expect_error(&h, 408, "request_timeout");
    assert_int_equal(h.asks, 0);
    harness_close(&h);
}

static void a_whole_body_cannot_break_any_more(void **state)
{
    (void)state;
    struct harness h;
    open_with_body(&h);
    harness_begin(&h, "POST", "/api/v1/videos/chunk", RAW "Content-Length: 1000\r\n");
    rh_exchange_granted(h.x, &h.grant);
    h.granted = true;
    assert_int_equal(rh_exchange_body(h.x, body, SIZE), SIZE);
    rh_exchange_body_end(h.x);
    assert_int_equal(h.written.end, RH_WRITTEN_WHOLE);
    rh_exchange_body_broken(h.x, RH_ERR_CLOSED); /* the client left while we synced */
    harness_run(&h, body, SIZE);
    assert_int_equal(h.reports, 1);
    assert_int_equal(harness_status(&h), 200);
    harness_close(&h);
}

static void the_body_waits_for_the_vault(void **state)
{
    (void)state;
    struct harness h;
    open_with_body(&h);
    harness_begin(&h, "POST", "/api/v1/videos/chunk", RAW "Content-Length: 1000\r\n");
    assert_int_equal(rh_exchange_want(h.x), RH_WANT_VAULT);
    assert_int_equal(rh_exchange_body(h.x, body, SIZE), 0);
    harness_run(&h, body, SIZE);
    assert_int_equal(harness_status(&h), 200);
    harness_close(&h);
}

static void failing_stores_end_the_part(void **state)
{
    (void)state;
    struct harness h;
    open_with_body(&h);
    static const struct {
        enum rh_error error;
        enum rh_written_end end;
        enum rh_reply_code reply;
        unsigned status;
        const char *code;
    } cases[] = {
        {RH_ERR_FULL, RH_WRITTEN_FULL, RH_REPLY_FULL, 507, "storage_full"},
        {RH_ERR_IO, RH_WRITTEN_FAILED, RH_REPLY_WRITE_FAILED, 500, "write_failed"},
    };
    h.split = 100;
    h.reply.retry_after_s = 17;
    for (size_t i = 0; i < 2; i++) {
        h.fail_at_write = 4;
        h.write_error = cases[i].error;
        h.code = cases[i].reply;
        send_part(&h, "");
        harness_expect_error(&h, cases[i].status, cases[i].code);
        assert_int_equal(h.written.end, cases[i].end);
        assert_true(h.written.bytes == 300); /* what failed is not counted */
        assert_true(h.written.crc64[0] == rh_crc64_update(0, body, 300));
        const char *wait = harness_header(&h, "Retry-After");
        if (cases[i].status == 507)
            assert_string_equal(wait, "17");
        else
            assert_null(wait);
    }
    harness_close(&h);
}

static void more_than_was_granted_is_too_long(void **state)
{
    (void)state;
    struct harness h;
    open_with_body(&h);
    h.code = RH_REPLY_TOO_LARGE;
    h.grant.bytes_max = 600;
    harness_begin(&h, "POST", "/api/v1/videos/chunk", RAW "Transfer-Encoding: chunked\r\n");
    harness_run(&h, body, SIZE);
    harness_expect_error(&h, 413, "too_large");
    assert_int_equal(h.written.end, RH_WRITTEN_TOO_LONG);
    assert_true(h.written.bytes == 600);
    assert_memory_equal(h.disk, body, 600);
    assert_int_equal(h.disk[600], 0);
    /* More than the part itself declared. */
    h.grant.bytes_max = TEST_DISK;
    h.grant.spans[0].length = 700;
    harness_begin(&h, "POST", "/api/v1/videos/chunk",
                  RAW "Reelhaul-Length: 700\r\nTransfer-Encoding: chunked\r\n");
    harness_run(&h, body, SIZE);
    harness_expect_error(&h, 400, "invalid_field");
    assert_int_equal(h.written.end, RH_WRITTEN_TOO_LONG);
    /* Less. */
    h.code = RH_REPLY_BROKEN;
    h.grant.spans[0].length = 2000;
    harness_begin(&h, "POST", "/api/v1/videos/chunk",
                  RAW "Reelhaul-Length: 2000\r\nTransfer-Encoding: chunked\r\n");
    harness_run(&h, body, SIZE);
    harness_expect_error(&h, 400, "bad_request");
    assert_int_equal(h.written.end, RH_WRITTEN_BROKEN);
    assert_true(h.written.bytes == SIZE);
    harness_close(&h);
}

static void every_reply_has_its_error(void **state)
{
    (void)state;
    struct harness h;
    open_with_body(&h);
    static const struct {
        enum rh_reply_code reply;
        unsigned status;
        const char *code;
    } cases[] = {
        {RH_REPLY_UNKNOWN, 404, "not_found"},
        {RH_REPLY_UNKNOWN_SESSION, 404, "unknown_session"},
        {RH_REPLY_GONE, 410, "gone"},
        {RH_REPLY_INCOMPLETE, 409, "incomplete"},
        {RH_REPLY_DIFFERENT_BYTES, 409, "different_bytes"},
        {RH_REPLY_CONFLICT, 409, "conflict"},
        {RH_REPLY_TOTAL_CHANGED, 400, "total_changed"},
        {RH_REPLY_OUT_OF_RANGE, 400, "out_of_range"},
        {RH_REPLY_OFFSET, 409, "offset_mismatch"},
        {RH_REPLY_STALE_WRITER, 409, "stale_writer"},
        {RH_REPLY_SUPERSEDED, 409, "superseded"},
        {RH_REPLY_CHECKSUM, 422, "checksum_mismatch"},
        {RH_REPLY_TOO_LARGE, 413, "too_large"},
        {RH_REPLY_STATE, 409, "conflict"},
        {RH_REPLY_BROKEN, 400, "bad_request"},
        {RH_REPLY_WRITE_FAILED, 500, "write_failed"},
        {RH_REPLY_FULL, 507, "storage_full"},
        {RH_REPLY_OVERLOADED, 503, "overloaded"},
        {RH_REPLY_INTERNAL, 500, "internal"},
    };
    /* Every code of the enum after CREATED has a row. */
    assert_int_equal(sizeof cases / sizeof cases[0], RH_REPLY_INTERNAL - RH_REPLY_CREATED);
    for (size_t turn = 0; turn < 2; turn++) {
        h.grants = turn == 1; /* refused at once, or after the body */
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            h.code = cases[i].reply;
            send_part(&h, "");
            harness_expect_error(&h, cases[i].status, cases[i].code);
            bool waits = cases[i].status == 503 || cases[i].status == 507;
            assert_int_equal(harness_header(&h, "Retry-After") != NULL, waits);
            assert_int_equal(rh_exchange_response(h.x)->close, false);
            assert_int_equal(h.fed, SIZE);
        }
    }
    harness_close(&h);
}

static void long_unwanted_bodies_end_the_connection(void **state)
{
    (void)state;
    struct harness h;
    open_with_body(&h);
    h.grants = false;
    h.code = RH_REPLY_STALE_WRITER;
    h.config.drain_bytes_max = SIZE - 1;
    send_part(&h, "");
    harness_expect_error(&h, 409, "stale_writer");
    assert_true(rh_exchange_response(h.x)->close);
    assert_int_equal(h.fed, 0);
    /* Of unknown length: read up to the cap. */
    h.split = 100;
    harness_begin(&h, "POST", "/api/v1/videos/chunk", RAW "Transfer-Encoding: chunked\r\n");
    harness_run(&h, body, SIZE);
    assert_true(rh_exchange_response(h.x)->close);
    assert_int_equal(h.fed, SIZE);
    /* Who waits for 100 Continue has not sent it yet, and must not be told to. */
    h.config.drain_bytes_max = SIZE;
    send_part(&h, "Expect: 100-continue\r\n");
    assert_true(rh_exchange_response(h.x)->close);
    assert_int_equal(h.fed, 0);
    /* A body that breaks while it is being drained. */
    h.break_after = 500;
    h.break_why = RH_ERR_AGAIN;
    send_part(&h, "");
    harness_expect_error(&h, 409, "stale_writer");
    assert_true(rh_exchange_response(h.x)->close);
    harness_close(&h);
}

static void held_memory_is_given_back(void **state)
{
    (void)state;
    struct harness h;
    open_with_body(&h);
    harness_begin(&h, "POST", "/api/session/create",
                  "Content-Type: application/json\r\nContent-Length: 1000\r\n");
    assert_int_equal(rh_exchange_body(h.x, body, 500), 500);
    assert_true(h.api.held_bytes >= 500);
    rh_exchange_finish(h.x);
    assert_int_equal(h.api.held_bytes, 0);
    rh_exchange_finish(h.x); /* takes the zeroed state */
    h.config.held_bytes_max = 100;
    harness_send(&h, "POST", "/api/session/create", "Content-Type: application/json\r\n", body,
                 SIZE);
    harness_expect_error(&h, 503, "overloaded");
    harness_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acknowledged_ranges_are_compared_and_never_written),
        cmocka_unit_test(a_revoke_stops_the_writing),
        cmocka_unit_test(a_broken_body_reports_what_came),
        cmocka_unit_test(a_body_may_break_before_its_grant),
        cmocka_unit_test(a_whole_body_cannot_break_any_more),
        cmocka_unit_test(the_body_waits_for_the_vault),
        cmocka_unit_test(failing_stores_end_the_part),
        cmocka_unit_test(more_than_was_granted_is_too_long),
        cmocka_unit_test(every_reply_has_its_error),
        cmocka_unit_test(long_unwanted_bodies_end_the_connection),
        cmocka_unit_test(held_memory_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
