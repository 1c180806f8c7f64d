/* SPDX-License-Identifier: MIT */
/* tus 1.0: creation, creation-with-upload, creation-defer-length, concatenation, and Location. */
#include "harness.h"

#include "api/internal.h"
#include "base/bytes.h"

#define TUS      "Tus-Resumable: 1.0.0\r\n"
#define TYPE     "Content-Type: application/offset+octet-stream\r\n"
#define LENGTH   "Upload-Length: 9\r\n"
#define HOST     "Host: " TEST_HOST "\r\n"
#define LOCATION "http://" TEST_HOST "/files/" TEST_UPLOAD

static void open_cursor(struct harness *h)
{
    harness_open(h);
    h->code = RH_REPLY_CREATED;
    h->reply.upload.geometry = RH_GEOMETRY_CURSOR;
    h->reply.upload.total = 9;
}

static unsigned post(struct harness *h, const char *extra, const char *body)
{
    char all[12000];
    snprintf(all, sizeof all, "%s%s", TUS, extra);
    return harness_send(h, "POST", "/files/", all, body, body == NULL ? 0 : strlen(body));
}

static void expect(const struct harness *h, const char *name, const char *value)
{
    const char *found = harness_header(h, name);
    if (found == NULL && value != NULL)
        print_error("no %s\n", name);
    if (value == NULL) {
        assert_null(found);
    } else {
        assert_non_null(found);
        assert_string_equal(found, value);
    }
}

static void an_upload_is_made(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    h.reply.upload.expires_wall_s = 1403700970;
    assert_int_equal(post(&h,
                          LENGTH "Upload-Metadata: filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,"
                                 "is_confidential, filetype dmlkZW8vbXA0,raw gP8=\r\n",
                          NULL),
                     201);
    expect(&h, "Location", LOCATION);
    expect(&h, "Upload-Expires", "Wed, 25 Jun 2014 12:56:10 GMT");
    expect(&h, "Reelhaul-Upload", TEST_UPLOAD);
    expect(&h, "Reelhaul-State", "open");
    assert_int_equal(h.asked.kind, RH_REQUEST_CREATE);
    assert_true(h.asked.cursor && h.asked.total == 9 && !h.asked.ends_by_final);
    assert_int_equal(h.asked.concat, RH_CONCAT_NONE);
    assert_string_equal(h.asked.name, "");
    assert_string_equal(h.asked.file_name, "world_domination_plan.pdf");
    assert_string_equal(h.asked.mime, "video/mp4");
    assert_int_equal(h.asked.entropy[0], 1);
    assert_string_equal(h.asked_metadata,
                        "{\"filename\":\"world_domination_plan.pdf\",\"is_confidential\":\"\","
                        "\"filetype\":\"video/mp4\",\"tus\":{\"upload_metadata\":"
                        "\"filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,is_confidential, "
                        "filetype dmlkZW8vbXA0,raw gP8=\"}}");
    /* With nothing but its length. */
    assert_int_equal(post(&h, "Upload-Length: 0\r\n", NULL), 201);
    assert_true(h.asked.total == 0);
    assert_string_equal(h.asked.file_name, "");
    assert_string_equal(h.asked.mime, "application/octet-stream");
    assert_string_equal(h.asked_metadata, "{\"tus\":{}}");
    /* Some clients send the header without anything in it. */
    assert_int_equal(post(&h, LENGTH "Upload-Metadata: \r\n", ""), 201);
    harness_close(&h);
}

static void a_participants_upload_is_in_its_session(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    harness_auth(&h);
    assert_int_equal(post(&h, LENGTH, NULL), 401);
    assert_int_equal(post(&h, LENGTH "Authorization: Bearer " TEST_TOKEN "\r\n", NULL), 201);
    assert_string_equal(h.asked.session, "");
    char token[API_TOKEN_TEXT];
    char extra[512];
    api_auth_session_token(&h.config, TEST_SESSION, token);
    snprintf(extra, sizeof extra, LENGTH TYPE "Authorization: Bearer %s\r\n", token);
    assert_int_equal(post(&h, extra, NULL), 201);
    assert_string_equal(h.asked.session, TEST_SESSION);
    assert_int_equal(post(&h, extra, "12345"), 201); /* its first write, too */
    assert_int_equal(h.asked.kind, RH_REQUEST_WRITE);
    assert_string_equal(h.asked.session, TEST_SESSION);
    harness_close(&h);
}

static void types_are_taken_where_they_are_known(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    static const struct {
        const char *metadata;
        const char *mime;
    } cases[] = {
        {"type dmlkZW8vd2VibQ==", "video/webm"},
        {"mimeType YXVkaW8vb2dn", "audio/ogg"},
        {"contentType VklERU8vV0VCTQ==", "video/webm"},
        {"filetype dGV4dC9odG1s", "application/octet-stream"},
        {"filetype Li4vLi4v", "application/octet-stream"},
        {"filetype dmlkZW8vDQp4OiB5", "application/octet-stream"},
        {"filetype", "application/octet-stream"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char extra[256];
        snprintf(extra, sizeof extra, LENGTH "Upload-Metadata: %s\r\n", cases[i].metadata);
        assert_int_equal(post(&h, extra, NULL), 201);
        assert_string_equal(h.asked.mime, cases[i].mime);
    }
    static const char *const only[] = {"video/mp4", NULL};
    h.config.mime_allowed = only;
    post(&h, LENGTH "Upload-Metadata: type dmlkZW8vd2VibQ==\r\n", NULL);
    harness_expect_error(&h, 415, "unsupported_type");
    assert_int_equal(h.asks, 0);
    assert_int_equal(post(&h, LENGTH "Upload-Metadata: type dmlkZW8vbXA0\r\n", NULL), 201);
    harness_close(&h);
}

static void long_names_are_cut(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    char extra[4096] = LENGTH "Upload-Metadata: filename ";
    for (int i = 0; i < 300; i++)
        strcat(extra, "YWFh");
    strcat(extra, "\r\n");
    assert_int_equal(post(&h, extra, NULL), 201);
    assert_int_equal(strlen(h.asked.file_name), 510);
    harness_close(&h);
}

static void bad_creations_are_refused(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    static const struct {
        const char *extra;
        unsigned status;
        const char *code;
    } cases[] = {
        {"", 400, "missing_field"},
        {"Upload-Length: -1\r\n", 400, "invalid_field"},
        {"Upload-Length: 1e3\r\n", 400, "invalid_field"},
        {"Upload-Length: 9223372036854775808\r\n", 400, "invalid_field"},
        {"Upload-Length: 17592186044417\r\n", 413, "too_large"},
        {LENGTH LENGTH, 400, "invalid_field"},
        {LENGTH "Upload-Defer-Length: 1\r\n", 400, "invalid_field"},
        {"Upload-Defer-Length: 0\r\n", 400, "invalid_field"},
        {"Upload-Defer-Length: 2\r\n", 400, "invalid_field"},
        {"Upload-Defer-Length: true\r\n", 400, "invalid_field"},
        {LENGTH "Upload-Metadata: a b\r\n", 400, "invalid_field"},
        {LENGTH "Upload-Metadata: a,a\r\n", 400, "invalid_field"},
        {LENGTH "Upload-Metadata: ,\r\n", 400, "invalid_field"},
        {LENGTH "Upload-Metadata: \xff YQ==\r\n", 400, "invalid_field"},
        {LENGTH "Upload-Metadata: a\r\nUpload-Metadata: b\r\n", 400, "invalid_field"},
        {LENGTH "Upload-Concat: whole\r\n", 400, "invalid_field"},
        {LENGTH "Upload-Concat: final\r\n", 400, "invalid_field"},
        {"Upload-Concat: partial\r\n", 400, "missing_field"},
        {"Upload-Concat: final;\r\n", 400, "invalid_field"},
        {"Upload-Concat: final; \r\n", 400, "invalid_field"},
        {"Upload-Concat: final;/files/short\r\n", 400, "invalid_field"},
        {"Upload-Concat: final;" TEST_UPLOAD "\r\n", 400, "invalid_field"},
        {"Upload-Concat: final;/other/" TEST_UPLOAD "\r\n", 400, "invalid_field"},
        {"Upload-Concat: final;ftp://h/files/" TEST_UPLOAD "\r\n", 400, "invalid_field"},
        {"Upload-Concat: final;/files/AAAAAAAAAAAAAAAAAAAAAAAAAAAAA../\r\n", 400, "invalid_field"},
        {"Upload-Concat: final;/files/" TEST_UPLOAD " x\r\n", 400, "invalid_field"},
        {LENGTH "Upload-Concat: final;/files/" TEST_UPLOAD "\r\n", 400, "invalid_field"},
        {"Upload-Defer-Length: 1\r\nUpload-Concat: final;/files/" TEST_UPLOAD "\r\n", 400,
         "invalid_field"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        post(&h, cases[i].extra, NULL);
        harness_expect_error(&h, cases[i].status, cases[i].code);
        expect(&h, "Location", NULL);
        assert_int_equal(h.asks, 0);
    }
    post(&h, "Upload-Length: 17592186044417\r\n", NULL);
    expect(&h, "Tus-Max-Size", "17592186044416");
    harness_close(&h);
}

static void metadata_beyond_what_head_can_say_is_refused(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    /* The parser's head holds 16 KiB with everything else, so that this cannot come in one line
     * here; what is below fits. */
    static char extra[9000] = LENGTH "Upload-Metadata: k ";
    size_t size = strlen(extra);
    memset(extra + size, 'A', 8000);
    strcpy(extra + size + 8000, "\r\n");
    assert_int_equal(post(&h, extra, NULL), 201);
    harness_close(&h);
}

static void the_length_may_be_deferred(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    h.reply.upload.total = RH_SIZE_UNKNOWN;
    assert_int_equal(post(&h, "Upload-Defer-Length: 1\r\n", NULL), 201);
    assert_true(h.asked.total == RH_SIZE_UNKNOWN);
    harness_close(&h);
}

static void a_body_may_come_along(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    h.reply.upload.cursor = 5;
    assert_int_equal(post(&h, LENGTH TYPE, "12345"), 201);
    expect(&h, "Location", LOCATION);
    expect(&h, "Upload-Offset", "5");
    assert_int_equal(h.asks, 2);
    assert_int_equal(h.asked.kind, RH_REQUEST_WRITE);
    assert_string_equal(h.asked.upload, TEST_UPLOAD);
    assert_true(h.asked.cursor && h.asked.offset == 0 && h.asked.length == 5);
    assert_memory_equal(h.disk, "12345", 5);
    /* Its length may be unknown, and so may the upload's. */
    harness_begin(&h, "POST", "/files/",
                  TUS TYPE "Upload-Defer-Length: 1\r\nTransfer-Encoding: chunked\r\n");
    harness_run(&h, "123456789", 9);
    assert_int_equal(harness_status(&h), 201);
    assert_true(h.asked.length == RH_SIZE_UNKNOWN);
    /* No body, whatever its type. */
    assert_int_equal(post(&h, LENGTH "Content-Type: text/plain\r\n", ""), 201);
    assert_int_equal(h.asks, 1);
    harness_close(&h);
}

static void bodies_that_cannot_come_along_make_nothing(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    post(&h, LENGTH, "12345");
    harness_expect_error(&h, 415, "unsupported_type");
    assert_int_equal(h.asks, 0);
    post(&h, LENGTH TYPE, "1234567890");
    harness_expect_error(&h, 413, "too_large");
    assert_int_equal(h.asks, 0);
    post(&h, TYPE "Upload-Concat: final;/files/" TEST_UPLOAD "\r\n", "1");
    harness_expect_error(&h, 400, "invalid_field");
    assert_int_equal(h.asks, 0);
    post(&h, LENGTH TYPE "Upload-Checksum: sha7 AAAA\r\n", "12345");
    harness_expect_error(&h, 400, "invalid_field");
    assert_int_equal(h.asks, 0);
    harness_close(&h);
}

static void when_the_body_fails_the_upload_is_there(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    h.second_code = RH_REPLY_BROKEN;
    h.reply.upload.cursor = 2;
    h.break_after = 2;
    h.break_why = RH_ERR_CLOSED;
    post(&h, LENGTH TYPE, "12345");
    harness_expect_error(&h, 400, "bad_request");
    expect(&h, "Location", LOCATION);
    expect(&h, "Upload-Offset", "2");
    h.break_after = SIZE_MAX;
    h.second_code = RH_REPLY_FULL;
    post(&h, LENGTH TYPE, "12345");
    harness_expect_error(&h, 507, "storage_full");
    expect(&h, "Location", LOCATION);
    /* When the creation itself fails there is nothing. */
    h.code = RH_REPLY_FULL;
    post(&h, LENGTH TYPE, "12345");
    harness_expect_error(&h, 507, "storage_full");
    expect(&h, "Location", NULL);
    assert_int_equal(h.asks, 1);
    /* The client is gone before the vault has answered. */
    h.code = RH_REPLY_CREATED;
    harness_begin(&h, "POST", "/files/", TUS LENGTH TYPE "Content-Length: 5\r\n");
    assert_int_equal(rh_exchange_want(h.x), RH_WANT_VAULT);
    rh_exchange_body_broken(h.x, RH_ERR_CLOSED);
    harness_run(&h, "", 0);
    assert_int_equal(h.asks, 1);
    harness_close(&h);
}

static void uploads_are_concatenated(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    assert_int_equal(post(&h, LENGTH "Upload-Concat: partial\r\n", NULL), 201);
    assert_int_equal(h.asked.concat, RH_CONCAT_PARTIAL);
    assert_string_equal(h.asked_metadata, "{\"tus\":{\"upload_concat\":\"partial\"}}");
    assert_int_equal(post(&h, "Upload-Defer-Length: 1\r\nUpload-Concat: partial\r\n", NULL), 201);
    const char *other = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBB_-";
    assert_int_equal(post(&h,
                          "Upload-Concat: final;/files/" TEST_UPLOAD
                          " https://example.org/files/BBBBBBBBBBBBBBBBBBBBBBBBBBBBBB_- "
                          "http://proxy/some/where/files/" TEST_UPLOAD "\r\n"
                          "Upload-Metadata: filename YS5tcDQ=\r\n",
                          NULL),
                     201);
    assert_int_equal(h.asked.concat, RH_CONCAT_FINAL);
    assert_int_equal(h.asked.source_count, 3);
    assert_string_equal(h.asked.sources[0], TEST_UPLOAD);
    assert_string_equal(h.asked.sources[1], other);
    assert_string_equal(h.asked.sources[2], TEST_UPLOAD);
    assert_true(h.asked.total == RH_SIZE_UNKNOWN);
    assert_string_equal(h.asked.file_name, "a.mp4");
    assert_non_null(strstr(h.asked_metadata, "\"upload_concat\":\"final;/files/" TEST_UPLOAD
                                             " https://example.org/files/"));
    harness_close(&h);
}

static void the_location_is_how_the_client_calls_us(void **state)
{
    (void)state;
    struct harness h;
    open_cursor(&h);
    static const struct {
        bool proxy;
        const char *extra;
        const char *base;
    } cases[] = {
        {false, "", "http://" TEST_HOST},
        {false, "Host: localhost:5000\r\n", "http://localhost:5000"},
        {false, "X-Forwarded-Proto: https\r\n", "http://" TEST_HOST},
        {false, "Forwarded: proto=https;host=example.org\r\n", "http://" TEST_HOST},
        {true, "", "http://" TEST_HOST},
        {true, "X-Forwarded-Proto: https\r\n", "https://" TEST_HOST},
        {true, HOST "X-Forwarded-Proto: HTTPS, http\r\nX-Forwarded-Host: example.org, inner\r\n",
         "https://example.org"},
        {true, HOST "X-Forwarded-Host: example.org:443\r\nX-Forwarded-Proto: https\r\n",
         "https://example.org:443"},
        {true, HOST "X-Forwarded-Host: evil.example\r\n", "http://" TEST_HOST},
        {true, "X-Forwarded-Proto: javascript\r\n", "http://" TEST_HOST},
        {true, "Forwarded: for=1.2.3.4; Proto=https ;host=\"example.org\", host=x\r\n",
         "https://example.org"},
        {true, "Forwarded: host=evil.example;proto=\"\";;x\r\n", "http://" TEST_HOST},
        {true, "Forwarded: proto=http;host=localhost:5000\r\nX-Forwarded-Proto: https\r\n",
         "https://localhost:5000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char extra[512];
        char location[512];
        h.config.behind_proxy = cases[i].proxy;
        snprintf(extra, sizeof extra, "%s%s", LENGTH, cases[i].extra);
        snprintf(location, sizeof location, "%s/files/" TEST_UPLOAD, cases[i].base);
        assert_int_equal(post(&h, extra, NULL), 201);
        expect(&h, "Location", location);
    }
    harness_begin(&h, "POST", "/files/", TUS LENGTH);
    h.h1.request.secure = true;
    harness_run(&h, "", 0);
    expect(&h, "Location", "https://" TEST_HOST "/files/" TEST_UPLOAD);
    harness_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_upload_is_made),
        cmocka_unit_test(a_participants_upload_is_in_its_session),
        cmocka_unit_test(types_are_taken_where_they_are_known),
        cmocka_unit_test(long_names_are_cut),
        cmocka_unit_test(bad_creations_are_refused),
        cmocka_unit_test(metadata_beyond_what_head_can_say_is_refused),
        cmocka_unit_test(the_length_may_be_deferred),
        cmocka_unit_test(a_body_may_come_along),
        cmocka_unit_test(bodies_that_cannot_come_along_make_nothing),
        cmocka_unit_test(when_the_body_fails_the_upload_is_there),
        cmocka_unit_test(uploads_are_concatenated),
        cmocka_unit_test(the_location_is_how_the_client_calls_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
