/* SPDX-License-Identifier: MIT */
/*
 * tus 1.0: core, termination, expiration, method override, downloads. What reaches the vault, what
 * is answered; names of tests are lines of the protocol.
 */
#include "harness.h"

#include "api/internal.h"
#include "base/bytes.h"

#define TUS    "Tus-Resumable: 1.0.0\r\n"
#define TYPE   "Content-Type: application/offset+octet-stream\r\n"
#define OFFSET "Upload-Offset: 100\r\n"
#define FILE_  "/files/" TEST_UPLOAD

static void open_cursor(struct harness *h)
{
    harness_open(h);
    h->reply.upload.geometry = RH_GEOMETRY_CURSOR;
    h->reply.upload.cursor = 100;
    h->reply.upload.total = 200;
}

static unsigned head(struct harness *h)
{
    return harness_send(h, "HEAD", FILE_, TUS, NULL, 0);
}

static unsigned patch(struct harness *h, const char *extra, const char *body)
{
    return harness_send(h, "PATCH", FILE_, extra, body, body == NULL ? 0 : strlen(body));
}

static void expect(const struct harness *h, const char *name, const char *value)
{
    const char *found = harness_header(h, name);
    if (value == NULL) {
        if (found != NULL)
            print_error("%s: %s\n", name, found);
        assert_null(found);
        return;
    }
    if (found == NULL)
        print_error("no %s\n", name);
    assert_non_null(found);
    assert_string_equal(found, value);
}

static void every_answer_names_the_version(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    static const struct {
        const char *method;
        const char *target;
        const char *extra;
        const char *body;
        unsigned status;
    } cases[] = {
        {"POST", "/files/", "Upload-Length: 5\r\n", NULL, 201},
        {"POST", "/files", "Upload-Length: 5\r\n", NULL, 201},
        {"POST", "/files/", "", NULL, 400},
        {"POST", "/files/", "Upload-Length: 99999999999999999\r\n", NULL, 413},
        {"POST", "/files/", "Upload-Length: 5\r\nOrigin: https://evil.example\r\n", NULL, 403},
        {"POST", "/files/", "Upload-Length: 5\r\nHost: evil.example\r\n", NULL, 421},
        {"HEAD", FILE_, "", NULL, 200},
        {"PATCH", FILE_, TYPE OFFSET, "12345", 204},
        {"PATCH", FILE_, OFFSET, "12345", 415},
        {"PATCH", "/files/short", TYPE OFFSET, "12345", 404},
        {"DELETE", FILE_, "", NULL, 204},
        {"PUT", FILE_, "", "12345", 405},
        {"PATCH", "/files/", TYPE OFFSET, "12345", 405},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char extra[512];
        snprintf(extra, sizeof extra, "%s%s", TUS, cases[i].extra);
        unsigned status = harness_send(&h, cases[i].method, cases[i].target, extra, cases[i].body,
                                       cases[i].body == NULL ? 0 : 5);
        if (status != cases[i].status)
            print_error("%s %s\n", cases[i].method, cases[i].target);
        assert_int_equal(status, cases[i].status);
        expect(&h, "Tus-Resumable", "1.0.0");
    }
    h.reply.upload.state = RH_UPLOAD_DONE;
    assert_int_equal(harness_send(&h, "GET", FILE_, TUS, NULL, 0), 1);
    uint8_t memory[2048];
    struct rh_response response;
    rh_response_init(&response, memory, sizeof memory);
    rh_exchange_add_headers(h.x, &response);
    assert_non_null(rh_response_find(&response, "Tus-Resumable"));
    /* Outside of the protocol nothing is said of it. */
    assert_int_equal(harness_get(&h, "/health"), 200);
    expect(&h, "Tus-Resumable", NULL);
    harness_auth(&h);
    assert_int_equal(head(&h), 401);
    expect(&h, "Tus-Resumable", "1.0.0");
    harness_close(&h);
}

static void other_versions_get_412_and_are_not_processed(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    static const char *const versions[] = {
        "Tus-Resumable: 0.2.2\r\n", "Tus-Resumable: 1.0.1\r\n",    "Tus-Resumable: \r\n",
        "Tus-Resumable: 1.0\r\n",   "Tus-Resumable: 1.0.0, 1\r\n", TUS TUS,
    };
    static const char *const methods[] = {"POST", "HEAD", "PATCH", "DELETE"};
    for (size_t v = 0; v < sizeof versions / sizeof versions[0]; v++) {
        for (size_t m = 0; m < 4; m++) {
            char extra[512];
            snprintf(extra, sizeof extra, "%s%s%sUpload-Length: 5\r\n", versions[v], TYPE, OFFSET);
            harness_send(&h, methods[m], m == 0 ? "/files/" : FILE_, extra, NULL, 0);
            harness_expect_error(&h, 412, "unsupported_version");
            expect(&h, "Tus-Version", "1.0.0");
            expect(&h, "Tus-Resumable", "1.0.0");
            assert_int_equal(h.asks, 0);
        }
    }
    /* Without the header, where all else is tus. */
    harness_send(&h, "POST", "/files/", "Upload-Length: 5\r\n", NULL, 0);
    harness_expect_error(&h, 412, "unsupported_version");
    harness_send(&h, "POST", "/files/", "Upload-Defer-Length: 1\r\n", NULL, 0);
    harness_expect_error(&h, 412, "unsupported_version");
    harness_send(&h, "POST", "/files/", "Upload-Concat: partial\r\n", NULL, 0);
    harness_expect_error(&h, 412, "unsupported_version");
    patch(&h, TYPE OFFSET, "12345");
    harness_expect_error(&h, 412, "unsupported_version");
    expect(&h, "Tus-Version", "1.0.0");
    assert_int_equal(h.asks, 0);
    harness_close(&h);
}

static void options_tells_what_is_possible(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    h.config.upload_bytes_max = 1000000;
    static const char *const targets[] = {"/files", "/files/", FILE_};
    for (size_t i = 0; i < 3; i++) {
        for (size_t with = 0; with < 2; with++) {
            assert_int_equal(harness_send(&h, "OPTIONS", targets[i],
                                          with == 0 ? "" : "Tus-Resumable: 7\r\n", NULL, 0),
                             200);
            expect(&h, "Tus-Version", "1.0.0");
            expect(&h, "Tus-Max-Size", "1000000");
            expect(&h, "Tus-Checksum-Algorithm", "sha1,sha256,md5,crc32c,crc64nvme");
            expect(&h, "Tus-Extension",
                   "creation,creation-with-upload,creation-defer-length,checksum,checksum-trailer,"
                   "concatenation,concatenation-unfinished,expiration,termination");
            assert_int_equal(h.asks, 0);
        }
    }
    assert_non_null(harness_header(&h, "Reelhaul-Protocols"));
    assert_non_null(strstr(harness_header(&h, "Allow"), "PATCH"));
    assert_int_equal(harness_send(&h, "OPTIONS", "/api/v1/videos/init", "", NULL, 0), 204);
    expect(&h, "Tus-Version", NULL);
    harness_close(&h);
}

static void head_tells_offset_and_length(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    static const struct {
        uint64_t cursor;
        uint64_t total;
        enum rh_upload_state state;
        const char *offset;
        const char *length;
    } cases[] = {
        {0, 200, RH_UPLOAD_OPEN, "0", "200"},
        {100, 200, RH_UPLOAD_OPEN, "100", "200"},
        {200, 200, RH_UPLOAD_FINISHING, "200", "200"},
        {200, 200, RH_UPLOAD_DONE, "200", "200"},
        {0, 0, RH_UPLOAD_DONE, "0", "0"},
        {100, RH_SIZE_UNKNOWN, RH_UPLOAD_OPEN, "100", NULL},
        {57055131648, 57055131649, RH_UPLOAD_OPEN, "57055131648", "57055131649"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        h.reply.upload.cursor = cases[i].cursor;
        h.reply.upload.total = cases[i].total;
        h.reply.upload.state = cases[i].state;
        assert_int_equal(head(&h), 200);
        expect(&h, "Upload-Offset", cases[i].offset);
        expect(&h, "Upload-Length", cases[i].length);
        expect(&h, "Upload-Defer-Length", cases[i].length == NULL ? "1" : NULL);
        expect(&h, "Cache-Control", "no-store");
        expect(&h, "Upload-Metadata", NULL);
        expect(&h, "Upload-Concat", NULL);
        assert_int_equal(h.asked.kind, RH_REQUEST_GET);
        assert_string_equal(h.asked.upload, TEST_UPLOAD);
    }
    expect(&h, "Reelhaul-Upload", TEST_UPLOAD);
    expect(&h, "Reelhaul-State", "open");
    expect(&h, "Reelhaul-Generation", "gen1");
    harness_close(&h);
}

static void head_echoes_metadata_and_concat_as_received(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    h.metadata = "{\"filename\":\"a.mp4\",\"tus\":{\"upload_metadata\":\"filename  YS5tcDQ= ,x\","
                 "\"upload_concat\":\"final;/files/a http://h/files/b\"}}";
    assert_int_equal(head(&h), 200);
    expect(&h, "Upload-Metadata", "filename  YS5tcDQ= ,x");
    expect(&h, "Upload-Concat", "final;/files/a http://h/files/b");
    /* Sixteen KiB of it too. */
    static char metadata[20000];
    char *at = metadata + sprintf(metadata, "{\"tus\":{\"upload_metadata\":\"k ");
    memset(at, 'A', 16384);
    strcpy(at + 16384, "\"}}");
    h.metadata = metadata;
    assert_int_equal(head(&h), 200);
    const struct rh_header *echo = rh_response_find(rh_exchange_response(h.x), "Upload-Metadata");
    assert_non_null(echo);
    assert_int_equal(echo->value.size, 16386);
    /* Metadata of another dialect is none of tus. */
    h.metadata = "{\"prompt_id\":\"p\"}";
    assert_int_equal(head(&h), 200);
    expect(&h, "Upload-Metadata", NULL);
    harness_close(&h);
}

static void head_of_an_unfinished_final_has_no_offset(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    h.metadata = "{\"tus\":{\"upload_concat\":\"final;/files/a\"}}";
    h.reply.upload.concat = RH_CONCAT_FINAL;
    h.reply.upload.cursor = 0;
    h.reply.upload.total = RH_SIZE_UNKNOWN;
    assert_int_equal(head(&h), 200);
    expect(&h, "Upload-Offset", NULL);
    expect(&h, "Upload-Length", NULL);
    expect(&h, "Upload-Defer-Length", NULL);
    expect(&h, "Upload-Concat", "final;/files/a");
    h.reply.upload.state = RH_UPLOAD_DONE;
    h.reply.upload.cursor = 9;
    h.reply.upload.total = 9;
    assert_int_equal(head(&h), 200);
    expect(&h, "Upload-Offset", "9");
    expect(&h, "Upload-Length", "9");
    harness_close(&h);
}

static void head_of_what_is_not_there_has_no_offset(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    h.code = RH_REPLY_UNKNOWN;
    assert_int_equal(head(&h), 404);
    expect(&h, "Upload-Offset", NULL);
    h.code = RH_REPLY_GONE;
    assert_int_equal(head(&h), 410);
    expect(&h, "Upload-Offset", NULL);
    h.code = RH_REPLY_OK;
    h.reply.upload.state = RH_UPLOAD_EXPIRED;
    assert_int_equal(head(&h), 410);
    expect(&h, "Upload-Offset", NULL);
    h.reply.upload.state = RH_UPLOAD_LOST;
    assert_int_equal(head(&h), 410);
    expect(&h, "Upload-Offset", NULL);
    assert_int_equal(harness_send(&h, "HEAD", "/files/../etc/passwd", TUS, NULL, 0), 400);
    assert_int_equal(harness_send(&h, "HEAD", "/files/unknown", TUS, NULL, 0), 404);
    expect(&h, "Upload-Offset", NULL);
    harness_close(&h);
}

static void patch_appends_at_the_offset(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    h.reply.upload.cursor = 109;
    h.reply.upload.expires_wall_s = 1403700970;
    assert_int_equal(patch(&h, TUS TYPE OFFSET, "123456789"), 204);
    expect(&h, "Upload-Offset", "109");
    expect(&h, "Upload-Expires", "Wed, 25 Jun 2014 12:56:10 GMT");
    expect(&h, "Reelhaul-State", "open");
    assert_int_equal(h.asked.kind, RH_REQUEST_WRITE);
    assert_string_equal(h.asked.upload, TEST_UPLOAD);
    assert_true(h.asked.cursor && h.asked.offset == 100 && h.asked.length == 9);
    assert_true(h.asked.total == RH_SIZE_UNKNOWN && !h.asked.final && !h.asked.verified);
    assert_int_equal(h.written.end, RH_WRITTEN_WHOLE);
    assert_memory_equal(h.disk, "123456789", 9);
    /* Nothing, and of unknown length. */
    assert_int_equal(patch(&h, TUS TYPE OFFSET, ""), 204);
    assert_true(h.asked.length == 0);
    assert_int_equal(patch(&h, TUS TYPE OFFSET, NULL), 204);
    assert_true(h.asked.length == 0);
    harness_begin(&h, "PATCH", FILE_, TUS TYPE OFFSET "Transfer-Encoding: chunked\r\n");
    harness_run(&h, "123456789", 9);
    assert_int_equal(harness_status(&h), 204);
    assert_true(h.asked.length == RH_SIZE_UNKNOWN && h.written.bytes == 9);
    /* Our own sender says more, and it counts. */
    assert_int_equal(patch(&h,
                           TUS TYPE OFFSET "Reelhaul-Writer: \"cli\", 7\r\n"
                                           "Reelhaul-Crc64: :rosUhgp5mIg=:\r\n",
                           "123456789"),
                     204);
    assert_string_equal(h.asked.lease, "cli");
    assert_true(h.asked.lease_number == 7 && h.asked.has_crc);
    assert_true(h.asked.crc64 == 0xae8b14860a799888ULL);
    harness_close(&h);
}

static void long_bodies_are_reported_on_the_way(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    h.grant.checkpoint = true;
    harness_begin(&h, "PATCH", FILE_, TUS TYPE OFFSET "Content-Length: 9\r\n");
    assert_int_equal(rh_exchange_want(h.x), RH_WANT_VAULT);
    h.granted = true;
    rh_exchange_granted(h.x, &h.grant);
    assert_int_equal(rh_exchange_body(h.x, (const uint8_t *)"1234", 4), 4);
    rh_exchange_checkpoint(h.x);
    assert_int_equal(h.written.end, RH_WRITTEN_SOFAR);
    assert_true(h.written.asked && h.written.bytes == 4);
    assert_int_equal(rh_exchange_want(h.x), RH_WANT_BODY);
    rh_exchange_progressed(h.x, 104);
    assert_int_equal(rh_exchange_body(h.x, (const uint8_t *)"56789", 5), 5);
    rh_exchange_body_end(h.x);
    assert_int_equal(h.written.end, RH_WRITTEN_WHOLE);
    assert_true(h.written.bytes == 5);
    assert_memory_equal(h.disk, "123456789", 9);
    h.reports = 1;
    rh_exchange_checkpoint(h.x); /* it crossed with the report */
    assert_int_equal(h.reports, 1);
    harness_run(&h, "", 0);
    assert_int_equal(harness_status(&h), 204);
    harness_close(&h);
}

static void patch_needs_its_content_type(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    static const char *const types[] = {
        "",
        "Content-Type: application/octet-stream\r\n",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/offset\r\n",
        TYPE "Content-Type: text/plain\r\n",
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char extra[512];
        snprintf(extra, sizeof extra, "%s%s%s", TUS, OFFSET, types[i]);
        patch(&h, extra, "12345");
        harness_expect_error(&h, 415, "unsupported_type");
        assert_int_equal(h.asks, 0);
    }
    assert_int_equal(
        patch(&h, TUS OFFSET "Content-Type: Application/Offset+Octet-Stream; x=y\r\n", "12345"),
        204);
    harness_close(&h);
}

static void bad_patches_are_refused(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    static const struct {
        const char *extra;
        unsigned status;
        const char *code;
    } cases[] = {
        {TYPE, 400, "missing_field"},
        {TYPE "Upload-Offset: -1\r\n", 400, "invalid_field"},
        {TYPE "Upload-Offset: 0x10\r\n", 400, "invalid_field"},
        {TYPE "Upload-Offset: 1.5\r\n", 400, "invalid_field"},
        {TYPE "Upload-Offset: \r\n", 400, "invalid_field"},
        {TYPE "Upload-Offset: 99999999999999999999\r\n", 400, "invalid_field"},
        {TYPE "Upload-Offset: 9223372036854775808\r\n", 400, "invalid_field"},
        {TYPE OFFSET OFFSET, 400, "invalid_field"},
        {TYPE OFFSET "Upload-Length: many\r\n", 400, "invalid_field"},
        {TYPE OFFSET "Upload-Length: 200\r\nUpload-Length: 300\r\n", 400, "invalid_field"},
        {TYPE OFFSET "Reelhaul-Crc64: x\r\n", 400, "invalid_field"},
        {TYPE OFFSET "Reelhaul-Writer: 7\r\n", 400, "invalid_field"},
        {TYPE OFFSET "Content-Encoding: gzip\r\n", 415, "unsupported_type"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char extra[512];
        snprintf(extra, sizeof extra, "%s%s", TUS, cases[i].extra);
        patch(&h, extra, "12345");
        harness_expect_error(&h, cases[i].status, cases[i].code);
        assert_int_equal(h.asks, 0);
    }
    harness_close(&h);
}

static void patch_at_another_offset_gets_409_and_the_true_one(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    h.grants = false;
    h.code = RH_REPLY_OFFSET;
    h.reply.upload.cursor = 70;
    patch(&h, TUS TYPE OFFSET, "12345");
    harness_expect_error(&h, 409, "offset_mismatch");
    expect(&h, "Upload-Offset", "70");
    assert_int_equal(h.disk_writes, 0);
    harness_close(&h);
}

static void patch_beyond_the_length_gets_413(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    h.grants = false;
    h.code = RH_REPLY_OUT_OF_RANGE;
    patch(&h, TUS TYPE OFFSET, "12345");
    harness_expect_error(&h, 413, "out_of_range");
    h.code = RH_REPLY_TOO_LARGE;
    patch(&h, TUS TYPE OFFSET, "12345");
    harness_expect_error(&h, 413, "too_large");
    expect(&h, "Tus-Max-Size", "17592186044416");
    /* Only the bytes tell. */
    h.grants = true;
    h.code = RH_REPLY_OUT_OF_RANGE;
    h.grant.bytes_max = 3;
    h.reply.upload.cursor = 103;
    harness_begin(&h, "PATCH", FILE_, TUS TYPE OFFSET "Transfer-Encoding: chunked\r\n");
    harness_run(&h, "12345", 5);
    harness_expect_error(&h, 413, "out_of_range");
    assert_int_equal(h.written.end, RH_WRITTEN_TOO_LONG);
    expect(&h, "Upload-Offset", "103");
    /* One body may be longer than a part of ours may. */
    h.config.body_bytes_max = 4;
    h.config.json_bytes_max = 1;
    h.grant.bytes_max = TEST_DISK;
    h.code = RH_REPLY_OK;
    assert_int_equal(patch(&h, TUS TYPE OFFSET, "123456789"), 204);
    h.config.upload_bytes_max = 8;
    patch(&h, TUS TYPE OFFSET, "123456789");
    harness_expect_error(&h, 413, "too_large");
    assert_int_equal(h.asks, 0);
    harness_close(&h);
}

static void a_broken_body_keeps_what_arrived(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    h.code = RH_REPLY_BROKEN;
    h.reply.upload.cursor = 104;
    h.break_after = 4;
    h.break_why = RH_ERR_CLOSED;
    patch(&h, TUS TYPE OFFSET, "123456789");
    harness_expect_error(&h, 400, "bad_request");
    expect(&h, "Upload-Offset", "104");
    assert_int_equal(h.written.end, RH_WRITTEN_BROKEN);
    assert_true(h.written.bytes == 4);
    /* A client that stalls may come back: to tus clients any other 4xx is the end. */
    h.break_why = RH_ERR_AGAIN;
    patch(&h, TUS TYPE OFFSET, "123456789");
    harness_expect_error(&h, 503, "request_timeout");
    expect(&h, "Upload-Offset", "104");
    assert_non_null(harness_header(&h, "Retry-After"));
    harness_close(&h);
}

static void what_the_vault_refuses_is_told(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    h.grants = false;
    static const struct {
        enum rh_reply_code reply;
        unsigned status;
        const char *code;
    } cases[] = {
        {RH_REPLY_UNKNOWN, 404, "not_found"},
        {RH_REPLY_GONE, 410, "gone"},
        {RH_REPLY_STALE_WRITER, 409, "stale_writer"},
        {RH_REPLY_SUPERSEDED, 409, "superseded"},
        {RH_REPLY_TOTAL_CHANGED, 400, "total_changed"},
        {RH_REPLY_WRITE_FAILED, 500, "write_failed"},
        {RH_REPLY_FULL, 507, "storage_full"},
        {RH_REPLY_OVERLOADED, 503, "overloaded"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        h.code = cases[i].reply;
        patch(&h, TUS TYPE OFFSET, "12345");
        harness_expect_error(&h, cases[i].status, cases[i].code);
        bool there = cases[i].status != 404 && cases[i].status != 410;
        expect(&h, "Upload-Offset", there ? "100" : NULL);
        if (cases[i].status == 503 || cases[i].status == 507)
            assert_non_null(harness_header(&h, "Retry-After"));
    }
    harness_close(&h);
}

static void a_deferred_length_arrives_in_a_patch(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    assert_int_equal(patch(&h, TUS TYPE OFFSET "Upload-Length: 109\r\n", "123456789"), 204);
    assert_true(h.asked.total == 109);
    h.grants = false;
    h.code = RH_REPLY_TOTAL_CHANGED;
    patch(&h, TUS TYPE OFFSET "Upload-Length: 110\r\n", "123456789");
    harness_expect_error(&h, 400, "total_changed");
    harness_close(&h);
}

static void patch_on_a_final_gets_403(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    h.grants = false;
    h.reply.upload.concat = RH_CONCAT_FINAL;
    static const enum rh_reply_code codes[] = {RH_REPLY_STATE, RH_REPLY_CONFLICT, RH_REPLY_OFFSET,
                                               RH_REPLY_OUT_OF_RANGE};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        h.code = codes[i];
        patch(&h, TUS TYPE OFFSET, "12345");
        harness_expect_error(&h, 403, "forbidden");
        expect(&h, "Upload-Offset", NULL);
        assert_non_null(strstr(harness_body(&h), "final upload"));
        h.reply.upload.state = RH_UPLOAD_DONE;
    }
    harness_close(&h);
}

static void the_method_may_be_overridden(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
#define AS(method) TUS "X-HTTP-Method-Override: " method "\r\n"
    assert_int_equal(harness_send(&h, "POST", FILE_, AS("PATCH") TYPE OFFSET, "12345", 5), 204);
    assert_int_equal(h.asked.kind, RH_REQUEST_WRITE);
    assert_int_equal(harness_send(&h, "GET", FILE_, AS("PATCH") TYPE OFFSET, "12345", 5), 204);
    assert_int_equal(harness_send(&h, "DELETE", FILE_, AS("HEAD"), NULL, 0), 200);
    assert_int_equal(h.asked.kind, RH_REQUEST_GET);
    expect(&h, "Upload-Offset", "100");
    assert_int_equal(harness_send(&h, "POST", FILE_, AS("DELETE"), "", 0), 204);
    assert_int_equal(h.asked.kind, RH_REQUEST_DELETE);
    h.code = RH_REPLY_CREATED;
    assert_int_equal(harness_send(&h, "PUT", "/files/", AS("POST") "Upload-Length: 5\r\n", NULL, 0),
                     201);
    assert_int_equal(harness_send(&h, "POST", "/files/", AS("OPTIONS"), NULL, 0), 200);
    expect(&h, "Tus-Version", "1.0.0");
    assert_int_equal(harness_send(&h, "POST", FILE_, AS("BREW"), NULL, 0), 405);
    assert_int_equal(harness_send(&h, "POST", FILE_, AS("patch") TYPE OFFSET, "12345", 5), 405);
    assert_int_equal(
        harness_send(&h, "HEAD", FILE_, AS("HEAD") "X-HTTP-Method-Override: DELETE\r\n", NULL, 0),
        405);
    /* Elsewhere a method is what it is. */
    h.code = RH_REPLY_OK;
    assert_int_equal(harness_send(&h, "GET", "/api/v1/videos/" TEST_UPLOAD, AS("DELETE"), NULL, 0),
                     200);
    assert_int_equal(h.asked.kind, RH_REQUEST_GET);
    harness_close(&h);
}

static void delete_terminates(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    assert_int_equal(harness_send(&h, "DELETE", FILE_, TUS, NULL, 0), 204);
    assert_int_equal(h.asked.kind, RH_REQUEST_DELETE);
    assert_true(h.asked.terminate);
    expect(&h, "Upload-Offset", NULL);
    h.code = RH_REPLY_GONE;
    assert_int_equal(harness_send(&h, "DELETE", FILE_, TUS, NULL, 0), 410);
    assert_int_equal(head(&h), 410);
    /* Who does not ask for termination does not get it. */
    h.code = RH_REPLY_OK;
    assert_int_equal(harness_send(&h, "DELETE", FILE_, "", NULL, 0), 204);
    assert_false(h.asked.terminate);
    assert_int_equal(harness_send(&h, "DELETE", "/api/v1/videos/" TEST_UPLOAD, "", NULL, 0), 204);
    assert_false(h.asked.terminate);
    harness_close(&h);
}

static void finished_uploads_are_fetched_by_get(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    h.reply.upload.state = RH_UPLOAD_DONE;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(harness_send(&h, "GET", FILE_, i == 0 ? "" : TUS, NULL, 0), 1);
        const struct rh_file_ref *file = rh_exchange_file(h.x);
        assert_int_equal(file->kind, RH_FILE_RECORDING);
        assert_string_equal(file->path, "recordings/" TEST_SESSION "/video_123.webm");
        assert_string_equal(file->mime, "video/webm");
    }
    /* A plain HEAD looks at the file, too. */
    assert_int_equal(harness_send(&h, "HEAD", FILE_, "", NULL, 0), 1);
    h.reply.upload.state = RH_UPLOAD_OPEN;
    harness_get(&h, FILE_);
    harness_expect_error(&h, 409, "conflict");
    expect(&h, "Reelhaul-State", "open");
    h.reply.upload.state = RH_UPLOAD_EXPIRED;
    harness_get(&h, FILE_);
    harness_expect_error(&h, 410, "gone");
    h.code = RH_REPLY_UNKNOWN;
    harness_get(&h, FILE_);
    harness_expect_error(&h, 404, "not_found");
    harness_close(&h);
}

static void expiry_is_told_while_it_can_come(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    h.reply.upload.expires_wall_s = 1403700970;
    assert_int_equal(head(&h), 200);
    expect(&h, "Upload-Expires", "Wed, 25 Jun 2014 12:56:10 GMT");
    h.reply.upload.expires_wall_s = 0;
    h.reply.upload.state = RH_UPLOAD_DONE;
    assert_int_equal(head(&h), 200);
    expect(&h, "Upload-Expires", NULL);
    harness_close(&h);
}

static void what_may_expire_is_not_promised(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    h.reply.has_receipt = true;
    h.reply.receipt = (struct rh_interval){100, 9, 0xae8b14860a799888ULL};
    h.reply.durable[0] = h.reply.receipt;
    h.reply.durable_count = 1;
    assert_int_equal(patch(&h, TUS TYPE OFFSET, "123456789"), 204);
    expect(&h, "Reelhaul-Receipt", "offset=100, length=9, crc64=:rosUhgp5mIg=:, durable");
    expect(&h, "Reelhaul-Durable", "(100 9);crc64=:rosUhgp5mIg=:");
    h.reply.upload.state = RH_UPLOAD_DONE;
    assert_int_equal(patch(&h, TUS TYPE OFFSET, "123456789"), 204);
    expect(&h, "Reelhaul-Receipt",
           "offset=100, length=9, crc64=:rosUhgp5mIg=:, kept=until-complete, durable");
    harness_close(&h);
}

static void a_head_that_names_no_protocol_is_told_so(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    harness_send(&h, "POST", "/files/", "Content-Type: text/plain\r\n", "12345", 5);
    harness_expect_error(&h, 400, "bad_request");
    assert_non_null(strstr(harness_body(&h), "Tus-Resumable"));
    assert_int_equal(h.asks, 0);
    harness_close(&h);
}

static void pages_of_configured_origins_may_use_all_of_it(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
#define FRIEND "Origin: https://friend.example\r\n"
    assert_int_equal(harness_send(&h, "OPTIONS", "/files/",
                                  FRIEND "Access-Control-Request-Method: POST\r\n", NULL, 0),
                     200);
    expect(&h, "Access-Control-Allow-Origin", "https://friend.example");
    static const char *const allowed[] = {
        "Authorization", "Content-Type",     "Tus-Resumable",   "Upload-Length",
        "Upload-Offset", "Upload-Metadata",  "Upload-Concat",   "Upload-Defer-Length",
        "X-Request-ID",  "X-Requested-With", "Upload-Checksum", "X-HTTP-Method-Override",
    };
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
        assert_non_null(strstr(harness_header(&h, "Access-Control-Allow-Headers"), allowed[i]));
    assert_int_equal(harness_send(&h, "OPTIONS", FILE_,
                                  FRIEND "Access-Control-Request-Method: PATCH\r\n", NULL, 0),
                     200);
    static const char *const methods[] = {"GET", "HEAD", "PATCH", "DELETE", "POST"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        assert_non_null(strstr(harness_header(&h, "Access-Control-Allow-Methods"), methods[i]));
    assert_int_equal(patch(&h, TUS TYPE OFFSET FRIEND, "12345"), 204);
    static const char *const exposed[] = {
        "Location",       "Tus-Resumable",    "Tus-Version",         "Tus-Extension",
        "Tus-Max-Size",   "Upload-Offset",    "Upload-Length",       "Tus-Checksum-Algorithm",
        "Upload-Expires", "Upload-Metadata",  "Upload-Defer-Length", "Upload-Concat",
        "Reelhaul-State", "Reelhaul-Receipt", "Reelhaul-Generation",
    };
    for (size_t i = 0; i < sizeof exposed / sizeof exposed[0]; i++)
        assert_non_null(strstr(harness_header(&h, "Access-Control-Expose-Headers"), exposed[i]));
    /* Of an error as well. */
    patch(&h, TUS OFFSET FRIEND, "12345");
    harness_expect_error(&h, 415, "unsupported_type");
    expect(&h, "Access-Control-Allow-Origin", "https://friend.example");
    harness_close(&h);
}

static void participants_reach_their_own_alone(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    harness_auth(&h);
    /* The route × role table is in test_router.c; here, that PATCH and HEAD ask again each time. */
    static const char *const methods[] = {"HEAD", "PATCH", "DELETE", "GET"};
    for (size_t i = 0; i < 4; i++) {
        harness_send(&h, methods[i], FILE_, TUS TYPE OFFSET, NULL, 0);
        assert_int_equal(harness_status(&h), 401);
        assert_int_equal(h.asks, 0);
        expect(&h, "Upload-Offset", NULL);
    }
    char token[API_TOKEN_TEXT];
    char extra[512];
    api_auth_session_token(&h.config, TEST_OTHER, token);
    snprintf(extra, sizeof extra, TUS TYPE OFFSET "Authorization: Bearer %s\r\n", token);
    h.code = RH_REPLY_UNKNOWN; /* the vault knows whose it is */
    for (size_t i = 0; i < 4; i++) {
        harness_send(&h, methods[i], FILE_, extra, NULL, 0);
        assert_int_equal(harness_status(&h), 404);
        assert_string_equal(h.asked.session, TEST_OTHER);
        expect(&h, "Upload-Offset", NULL);
    }
    harness_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_names_the_version),
        cmocka_unit_test(other_versions_get_412_and_are_not_processed),
        cmocka_unit_test(options_tells_what_is_possible),
        cmocka_unit_test(head_tells_offset_and_length),
        cmocka_unit_test(head_echoes_metadata_and_concat_as_received),
        cmocka_unit_test(head_of_an_unfinished_final_has_no_offset),
        cmocka_unit_test(head_of_what_is_not_there_has_no_offset),
        cmocka_unit_test(patch_appends_at_the_offset),
        cmocka_unit_test(long_bodies_are_reported_on_the_way),
        cmocka_unit_test(patch_needs_its_content_type),
        cmocka_unit_test(bad_patches_are_refused),
        cmocka_unit_test(patch_at_another_offset_gets_409_and_the_true_one),
        cmocka_unit_test(patch_beyond_the_length_gets_413),
        cmocka_unit_test(a_broken_body_keeps_what_arrived),
        cmocka_unit_test(what_the_vault_refuses_is_told),
        cmocka_unit_test(a_deferred_length_arrives_in_a_patch),
        cmocka_unit_test(patch_on_a_final_gets_403),
        cmocka_unit_test(the_method_may_be_overridden),
        cmocka_unit_test(delete_terminates),
        cmocka_unit_test(finished_uploads_are_fetched_by_get),
        cmocka_unit_test(expiry_is_told_while_it_can_come),
        cmocka_unit_test(what_may_expire_is_not_promised),
        cmocka_unit_test(a_head_that_names_no_protocol_is_told_so),
        cmocka_unit_test(pages_of_configured_origins_may_use_all_of_it),
        cmocka_unit_test(participants_reach_their_own_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
