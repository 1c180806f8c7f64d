/* SPDX-License-Identifier: MIT */
/* The videos API: what reaches the vault, what is answered, and each bad input. */
#include "harness.h"

#include "base/bytes.h"

#define RAW    "Content-Type: application/octet-stream\r\n"
#define UPLOAD "Reelhaul-Upload: " TEST_UPLOAD "\r\n"
#define OFFSET "Reelhaul-Offset: 100\r\n"
#define CRC    "Reelhaul-Crc64: :rosUhgp5mIg=:\r\n"
#define CRC64  0xae8b14860a799888ULL

static unsigned send_raw(struct harness *h, const char *extra, const char *body)
{
    return harness_send(h, "POST", "/api/v1/videos/chunk", extra, body,
                        body == NULL ? 0 : strlen(body));
}

static unsigned send_form(struct harness *h, const char *const *fields, const void *chunk,
                          size_t size)
{
    size_t cap = size + 16384;
    char *form = malloc(cap);
    assert_non_null(form);
    size_t form_size = harness_form(form, cap, fields, "video/webm", chunk, size);
    unsigned status =
        harness_send(h, "POST", "/api/v1/videos/chunk", TEST_FORM_TYPE, form, form_size);
    free(form);
    return status;
}

static void make_done(struct harness *h)
{
    h->reply.upload.state = RH_UPLOAD_DONE;
    h->reply.upload.total = 9;
    h->reply.upload.received = 9;
    h->reply.upload.crc64 = CRC64;
}

static void an_upload_is_made(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    h.code = RH_REPLY_CREATED;
    h.reply.upload.total = 9;
    assert_int_equal(harness_post_json(&h, "/api/v1/videos/init",
                                       "{\"session_id\":\"" TEST_SESSION
                                       "\",\"video_id\":\"video_123\",\"size\":9,"
                                       "\"mime_type\":\"Video/WebM;codecs=vp9,opus\","
                                       "\"metadata\":{\"prompt_id\":\"p\"}}"),
                     201);
    assert_string_equal(harness_body(&h),
                        "{\"upload_id\":\"" TEST_UPLOAD
                        "\",\"video_id\":\"video_123\",\"session_id\":\"" TEST_SESSION
                        "\",\"state\":\"open\",\"size\":9,\"received\":0,"
                        "\"mime_type\":\"video/webm\"}\n");
    assert_string_equal(harness_header(&h, "Location"), "/api/v1/videos/" TEST_UPLOAD);
    assert_string_equal(harness_header(&h, "Reelhaul-Upload"), TEST_UPLOAD);
    assert_string_equal(harness_header(&h, "Reelhaul-State"), "open");
    assert_string_equal(harness_header(&h, "Reelhaul-Generation"), "gen1");
    assert_int_equal(h.asked.kind, RH_REQUEST_CREATE);
    assert_string_equal(h.asked.session, TEST_SESSION);
    assert_string_equal(h.asked.name, "video_123");
    assert_string_equal(h.asked.mime, "video/webm;codecs=vp9,opus");
    assert_true(h.asked.total == 9);
    assert_string_equal(h.asked_metadata, "{\"prompt_id\":\"p\"}");
    assert_int_equal(h.asked.entropy[0], 1);
    /* Known already. */
    h.code = RH_REPLY_OK;
    make_done(&h);
    assert_int_equal(harness_post_json(&h, "/api/v1/videos/init", "{\"mime_type\":\"audio/ogg\"}"),
                     200);
    assert_string_equal(h.asked.session, "");
    assert_string_equal(h.asked.name, "");
    assert_true(h.asked.total == RH_SIZE_UNKNOWN);
    assert_string_equal(harness_header(&h, "Reelhaul-State"), "done");
    assert_non_null(
        strstr(harness_body(&h), "\"url\":\"/recordings/" TEST_SESSION "/video_123.webm\""));
    harness_close(&h);
}

static void bad_inits_are_refused(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    static const struct {
        const char *json;
        unsigned status;
        const char *code;
    } cases[] = {
        {"", 400, "bad_json"},
        {"{}", 400, "missing_field"},
        {"{\"mime_type\":7}", 400, "invalid_field"},
        {"{\"mime_type\":\"video\"}", 400, "invalid_field"},
        {"{\"mime_type\":\"video/\"}", 400, "invalid_field"},
        {"{\"mime_type\":\"video/web\\r\\nm\"}", 400, "invalid_field"},
        {"{\"mime_type\":\"video/webm;x=\\r\\n\"}", 400, "invalid_field"},
        {"{\"mime_type\":\"text/html\"}", 415, "unsupported_type"},
        {"{\"mime_type\":\"image/svg+xml\"}", 415, "unsupported_type"},
        {"{\"mime_type\":\"video/webm\",\"size\":\"9\"}", 400, "invalid_field"},
        {"{\"mime_type\":\"video/webm\",\"size\":-9}", 400, "invalid_field"},
        {"{\"mime_type\":\"video/webm\",\"metadata\":[]}", 400, "invalid_field"},
        {"{\"mime_type\":\"video/webm\",\"session_id\":\"../x\"}", 400, "invalid_id"},
        {"{\"mime_type\":\"video/webm\",\"session_id\":\"x\"}", 404, "unknown_session"},
        {"{\"mime_type\":\"video/webm\",\"video_id\":\"a/b\"}", 400, "invalid_id"},
        {"{\"mime_type\":\"video/webm\",\"video_id\":\"\"}", 400, "invalid_id"},
        {"{\"mime_type\":\"video/webm\",\"video_id\":5}", 400, "invalid_field"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        harness_post_json(&h, "/api/v1/videos/init", cases[i].json);
        harness_expect_error(&h, cases[i].status, cases[i].code);
        assert_int_equal(h.asks, 0);
    }
    static const char *const only[] = {"video/mp4", NULL};
    h.config.mime_allowed = only;
    harness_post_json(&h, "/api/v1/videos/init", "{\"mime_type\":\"video/webm\"}");
    harness_expect_error(&h, 415, "unsupported_type");
    h.code = RH_REPLY_CONFLICT;
    h.reply.message = "the size differs";
    harness_post_json(&h, "/api/v1/videos/init", "{\"mime_type\":\"video/mp4\"}");
    harness_expect_error(&h, 409, "conflict");
    assert_non_null(strstr(harness_body(&h), "The size differs."));
    harness_close(&h);
}

static void a_raw_part_is_received(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    h.reply.upload.received = 9;
    h.reply.has_receipt = true;
    h.reply.receipt = (struct rh_interval){100, 9, CRC64};
    h.reply.durable[0] = h.reply.receipt;
    h.reply.durable_count = 1;
    h.reply.missing[0] = (struct rh_range){0, 100};
    h.reply.missing_count = 1;
    assert_int_equal(send_raw(&h,
                              RAW UPLOAD OFFSET CRC "Reelhaul-Length: 9\r\n"
                                                    "Reelhaul-Total: 109\r\nReelhaul-Final: ?1\r\n"
                                                    "Reelhaul-Writer: \"tab-1\", 7\r\n",
                              "123456789"),
                     200);
    assert_string_equal(harness_body(&h), "{\"upload_id\":\"" TEST_UPLOAD
                                          "\",\"state\":\"open\",\"offset\":100,\"length\":9,"
                                          "\"crc64\":\":rosUhgp5mIg=:\",\"received\":9}\n");
    assert_string_equal(harness_header(&h, "Reelhaul-Receipt"),
                        "offset=100, length=9, crc64=:rosUhgp5mIg=:, kept=until-complete, durable");
    assert_string_equal(harness_header(&h, "Reelhaul-Durable"),
                        "(100 9);crc64=:rosUhgp5mIg=:;kept");
    assert_string_equal(harness_header(&h, "Reelhaul-Missing"), "(0 100)");
    assert_int_equal(h.asked.kind, RH_REQUEST_WRITE);
    assert_string_equal(h.asked.upload, TEST_UPLOAD);
    assert_string_equal(h.asked.session, "");
    assert_true(h.asked.offset == 100 && h.asked.length == 9 && h.asked.total == 109);
    assert_true(h.asked.final && h.asked.has_crc && h.asked.crc64 == CRC64);
    assert_string_equal(h.asked.lease, "tab-1");
    assert_true(h.asked.lease_number == 7 && h.asked.chunk_index == RH_SIZE_UNKNOWN);
    assert_int_equal(h.written.end, RH_WRITTEN_WHOLE);
    assert_memory_equal(h.disk, "123456789", 9);
    harness_close(&h);
}

static void a_part_needs_little(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    /* No checksum, no length of our own, no type. */
    assert_int_equal(send_raw(&h, UPLOAD OFFSET, "123456789"), 200);
    assert_true(h.asked.length == 9 && !h.asked.has_crc && !h.asked.final);
    assert_true(h.asked.total == RH_SIZE_UNKNOWN && h.asked.lease[0] == '\0');
    /* Chunked encoding: the length is not known, or declared. */
    harness_begin(&h, "POST", "/api/v1/videos/chunk",
                  RAW UPLOAD OFFSET "Transfer-Encoding: chunked\r\n");
    harness_run(&h, "123456789", 9);
    assert_int_equal(harness_status(&h), 200);
    assert_true(h.asked.length == RH_SIZE_UNKNOWN && h.written.bytes == 9);
    /* Nothing but the end. */
    assert_int_equal(send_raw(&h, RAW UPLOAD OFFSET "Reelhaul-Final: ?1\r\n", ""), 200);
    assert_true(h.asked.length == 0 && h.asked.final);
    assert_int_equal(h.written.end, RH_WRITTEN_WHOLE);
    harness_close(&h);
}

static void bad_parts_are_refused(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    static const struct {
        const char *extra;
        unsigned status;
        const char *code;
    } cases[] = {
        {RAW OFFSET, 400, "missing_field"},
        {RAW UPLOAD, 400, "missing_field"},
        {RAW "Reelhaul-Upload: ../../../../../../../../etc/pass\r\n" OFFSET, 400, "invalid_id"},
        {RAW "Reelhaul-Upload: short\r\n" OFFSET, 400, "invalid_id"},
        {RAW UPLOAD UPLOAD OFFSET, 400, "invalid_field"},
        {RAW UPLOAD OFFSET OFFSET, 400, "invalid_field"},
        {RAW UPLOAD "Reelhaul-Offset: -1\r\n", 400, "invalid_field"},
        {RAW UPLOAD "Reelhaul-Offset: 1.5\r\n", 400, "invalid_field"},
        {RAW UPLOAD "Reelhaul-Offset: x\r\n", 400, "invalid_field"},
        {RAW UPLOAD "Reelhaul-Offset: 99999999999999999\r\n", 400, "invalid_field"},
        {RAW UPLOAD OFFSET "Reelhaul-Length: 8\r\n", 400, "invalid_field"},
        {RAW UPLOAD OFFSET "Reelhaul-Length: 10\r\n", 400, "invalid_field"},
        {RAW UPLOAD OFFSET "Reelhaul-Total: 108\r\n", 400, "out_of_range"},
        {RAW UPLOAD OFFSET "Reelhaul-Total: 5\r\n", 400, "out_of_range"},
        {RAW UPLOAD OFFSET "Reelhaul-Total: 200\r\nReelhaul-Final: ?1\r\n", 400, "invalid_field"},
        {RAW UPLOAD OFFSET "Reelhaul-Final: true\r\n", 400, "invalid_field"},
        {RAW UPLOAD OFFSET "Reelhaul-Crc64: abc\r\n", 400, "invalid_field"},
        {RAW UPLOAD OFFSET "Reelhaul-Crc64: :rosUhgp5mA==:\r\n", 400, "invalid_field"},
        {RAW UPLOAD OFFSET "Reelhaul-Writer: tab\r\n", 400, "invalid_field"},
        {"Content-Type: video/webm\r\n" UPLOAD OFFSET, 415, "unsupported_type"},
        {RAW "Content-Encoding: br\r\n" UPLOAD OFFSET, 415, "unsupported_type"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        send_raw(&h, cases[i].extra, "123456789");
        harness_expect_error(&h, cases[i].status, cases[i].code);
        assert_int_equal(h.asks, 0);
        assert_int_equal(h.fed, 9); /* short: read, so that the answer gets through */
    }
    send_raw(&h, RAW UPLOAD OFFSET, NULL);
    harness_expect_error(&h, 411, "length_required");
    h.config.body_bytes_max = 8;
    h.config.json_bytes_max = 0;
    send_raw(&h, RAW UPLOAD OFFSET, "123456789");
    harness_expect_error(&h, 413, "too_large");
    harness_begin(&h, "POST", "/api/v1/videos/chunk",
                  RAW UPLOAD OFFSET "Transfer-Encoding: chunked\r\n");
    h.split = 3;
    harness_run(&h, "123456789", 9);
    harness_expect_error(&h, 413, "too_large");
    assert_int_equal(h.written.end, RH_WRITTEN_BROKEN);
    harness_close(&h);
}

static void a_part_may_come_as_a_form(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    static const char *const orders[][8] = {
        {"upload_id=" TEST_UPLOAD, "offset=100", "*"},
        {"*", "offset=100", "upload_id=" TEST_UPLOAD},
        {"upload_id=" TEST_UPLOAD, "offset=100", "length=9", "crc64=:rosUhgp5mIg=:", "total=109",
         "final=true", "*"},
        {"upload_id=" TEST_UPLOAD, "*", "offset=100", "final=1", "total=109",
         "crc64=:rosUhgp5mIg=:"},
    };
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(send_form(&h, orders[i], "123456789", 9), 200);
        assert_string_equal(h.asked.upload, TEST_UPLOAD);
        assert_true(h.asked.offset == 100 && h.asked.length == 9);
        assert_int_equal(h.asked.has_crc, i >= 2);
        assert_int_equal(h.asked.final, i >= 2);
        assert_true(h.asked.total == (i >= 2 ? 109 : RH_SIZE_UNKNOWN));
        assert_int_equal(h.written.end, RH_WRITTEN_WHOLE);
        assert_memory_equal(h.disk, "123456789", 9);
        assert_non_null(strstr(harness_body(&h), "\"crc64\":\":rosUhgp5mIg=:\""));
    }
    harness_close(&h);
}

static void bad_part_forms_are_refused(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
#define U "upload_id=" TEST_UPLOAD
#define O "offset=100"
    static const struct {
        const char *fields[8];
        unsigned status;
        const char *code;
    } cases[] = {
        {{O, "*"}, 400, "missing_field"},
        {{U, "*"}, 400, "missing_field"},
        {{U, O}, 400, "missing_field"},
        {{"upload_id=x", O, "*"}, 400, "invalid_id"},
        {{U, "offset=-1", "*"}, 400, "invalid_field"},
        {{U, O, "length=8", "*"}, 400, "invalid_field"},
        {{U, O, "length=10", "*"}, 400, "invalid_field"},
        {{U, O, "length=x", "*"}, 400, "invalid_field"},
        {{U, O, "total=5", "*"}, 400, "out_of_range"},
        {{U, O, "total=", "*"}, 400, "invalid_field"},
        {{U, O, "crc64=zz", "*"}, 400, "invalid_field"},
        {{U, O, "final=maybe", "*"}, 400, "invalid_field"},
        {{U, O, O, "*"}, 400, "bad_form"},
        /* All known before the chunk: it streams, and only then turns out to be of another size. */
        {{U, O, "total=110", "final=1", "crc64=:rosUhgp5mIg=:", "length=10", "*"},
         400,
         "invalid_field"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        h.grant.spans[0].length = i == 13 ? 10 : RH_SIZE_UNKNOWN;
        send_form(&h, cases[i].fields, "123456789", 9);
        harness_expect_error(&h, cases[i].status, cases[i].code);
        assert_int_equal(h.asks, i == 13 ? 1 : 0); /* streaming had begun */
    }
    harness_close(&h);
}

static void a_large_form_streams_once_its_ids_are_known(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    size_t size = (size_t)3 << 20;
    uint8_t *chunk = malloc(size);
    assert_non_null(chunk);
    for (size_t i = 0; i < size; i++)
        chunk[i] = (uint8_t)(i * 2654435761U >> 24);
    static const char *const early[] = {U, O, "*", NULL};
    assert_int_equal(send_form(&h, early, chunk, size), 200);
    assert_true(h.asked.length == RH_SIZE_UNKNOWN && h.written.bytes == size);
    assert_memory_equal(h.disk, chunk, size);
    static const char *const late[] = {U, O, "*", "crc64=:rosUhgp5mIg=:", NULL};
    send_form(&h, late, chunk, size);
    harness_expect_error(&h, 400, "fields_after_chunk");
    assert_int_equal(h.written.end, RH_WRITTEN_BROKEN);
    /* Little memory: what is required is enough. */
    h.config.held_bytes_max = 1000;
    assert_int_equal(send_form(&h, early, chunk, size), 200);
    assert_memory_equal(h.disk, chunk, size);
    free(chunk);
    harness_close(&h);
}

static void finalize_answers_with_the_object(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    make_done(&h);
    assert_int_equal(harness_post_json(&h, "/api/v1/videos/finalize",
                                       "{\"upload_id\":\"" TEST_UPLOAD
                                       "\",\"count\":3,\"size\":9,\"checksum\":"
                                       "\"crc64nvme::rosUhgp5mIg=:\",\"allow_partial\":true}"),
                     200);
    assert_string_equal(harness_body(&h),
                        "{\"status\":\"complete\",\"upload_id\":\"" TEST_UPLOAD
                        "\",\"video_id\":\"video_123\",\"size\":9,"
                        "\"checksum\":\"crc64nvme::rosUhgp5mIg=:\","
                        "\"url\":\"/recordings/" TEST_SESSION "/video_123.webm\"}\n");
    assert_int_equal(h.asked.kind, RH_REQUEST_FINISH);
    assert_true(h.asked.chunk_count == 3 && h.asked.total == 9 && h.asked.has_crc);
    assert_true(h.asked.crc64 == CRC64 && h.asked.allow_partial);
    h.reply.upload.partial = true;
    h.reply.upload.session[0] = '\0';
    assert_int_equal(harness_post_json(&h, "/api/v1/videos/finalize",
                                       "{\"session_id\":\"" TEST_SESSION "\",\"video_id\":\"v\","
                                       "\"chunks\":[0,1,2,3],\"checksum\":\":rosUhgp5mIg=:\"}"),
                     200);
    assert_string_equal(h.asked.session, TEST_SESSION);
    assert_string_equal(h.asked.name, "v");
    assert_true(h.asked.chunk_count == 4 && h.asked.has_crc);
    assert_non_null(strstr(harness_body(&h), "\"status\":\"partial\""));
    assert_non_null(
        strstr(harness_body(&h), "\"url\":\"/download/" TEST_UPLOAD "/video_123.webm\""));
    /* Still being sealed. */
    h.reply.upload.state = RH_UPLOAD_FINISHING;
    assert_int_equal(
        harness_post_json(&h, "/api/v1/videos/finalize", "{\"upload_id\":\"" TEST_UPLOAD "\"}"),
        202);
    assert_non_null(strstr(harness_body(&h), "\"status\":\"finishing\""));
    harness_close(&h);
}

static void finalize_lists_what_is_missing(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    h.code = RH_REPLY_INCOMPLETE;
    h.reply.missing[0] = (struct rh_range){100, 50};
    h.reply.missing[1] = (struct rh_range){200, 1};
    h.reply.missing_count = 2;
    static const char json[] = "{\"upload_id\":\"" TEST_UPLOAD "\"}";
    harness_post_json(&h, "/api/v1/videos/finalize", json);
    harness_expect_error(&h, 409, "incomplete");
    assert_non_null(strstr(harness_body(&h), "\"missing\":[{\"offset\":100,\"length\":50},"
                                             "{\"offset\":200,\"length\":1}]"));
    assert_string_equal(harness_header(&h, "Reelhaul-Missing"), "(100 50), (200 1)");
    /* An explicit finish of numbered chunks with gaps: 400, and the numbers. */
    h.reply.upload.geometry = RH_GEOMETRY_CHUNKS;
    h.reply.upload.chunk_count = 6;
    h.reply.chunks[0] = (struct rh_range){1, 2};
    h.reply.chunks[1] = (struct rh_range){4, 1};
    h.reply.chunk_run_count = 2;
    harness_post_json(&h, "/api/v1/videos/finalize", json);
    harness_expect_error(&h, 400, "incomplete");
    assert_non_null(strstr(harness_body(&h), "\"missing_chunks\":[0,3,5]"));
    harness_close(&h);
}

static void bad_finalizes_are_refused(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
#define ID "\"upload_id\":\"" TEST_UPLOAD "\""
    static const struct {
        const char *json;
        const char *code;
    } cases[] = {
        {"{}", "missing_field"},
        {"{\"session_id\":\"" TEST_SESSION "\"}", "missing_field"},
        {"{\"upload_id\":\"x\"}", "invalid_id"},
        {"{\"upload_id\":9}", "invalid_field"},
        {"{" ID ",\"count\":-1}", "invalid_field"},
        {"{" ID ",\"chunks\":\"all\"}", "invalid_field"},
        {"{" ID ",\"size\":true}", "invalid_field"},
        {"{" ID ",\"checksum\":\"sha256:abc\"}", "invalid_field"},
        {"{" ID ",\"checksum\":5}", "invalid_field"},
        {"{" ID ",\"allow_partial\":\"yes\"}", "invalid_field"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        harness_post_json(&h, "/api/v1/videos/finalize", cases[i].json);
        harness_expect_error(&h, 400, cases[i].code);
        assert_int_equal(h.asks, 0);
    }
    harness_close(&h);
}

static void an_upload_is_shown_and_forgotten(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    h.metadata = "{\"a\":1}";
    h.reply.upload.received = 9;
    h.reply.durable[0] = (struct rh_interval){0, 9, CRC64};
    h.reply.durable_count = 1;
    h.reply.missing[0] = (struct rh_range){9, 3};
    h.reply.missing_count = 1;
    h.reply.upload.total = 12;
    assert_int_equal(harness_get(&h, "/api/v1/videos/" TEST_UPLOAD), 200);
    assert_string_equal(harness_body(&h),
                        "{\"upload_id\":\"" TEST_UPLOAD
                        "\",\"video_id\":\"video_123\",\"session_id\":\"" TEST_SESSION
                        "\",\"state\":\"open\",\"size\":12,\"received\":9,"
                        "\"mime_type\":\"video/webm\",\"durable\":[{\"offset\":0,\"length\":9,"
                        "\"crc64\":\":rosUhgp5mIg=:\"}],\"missing\":[{\"offset\":9,\"length\":3}],"
                        "\"metadata\":{\"a\":1}}\n");
    assert_string_equal(harness_header(&h, "Reelhaul-Durable"), "(0 9);crc64=:rosUhgp5mIg=:;kept");
    assert_null(harness_header(&h, "Reelhaul-Receipt"));
    assert_int_equal(harness_send(&h, "DELETE", "/api/v1/videos/" TEST_UPLOAD, "", NULL, 0), 204);
    assert_int_equal(h.asked.kind, RH_REQUEST_DELETE);
    assert_string_equal(harness_body(&h), "");
    h.code = RH_REPLY_STATE;
    harness_send(&h, "DELETE", "/api/v1/videos/" TEST_UPLOAD, "", NULL, 0);
    harness_expect_error(&h, 409, "conflict");
    harness_get(&h, "/api/v1/videos/foo");
    harness_expect_error(&h, 404, "not_found");
    harness_send(&h, "GET", "/api/v1/videos/" TEST_UPLOAD, "", "x", 1);
    harness_expect_error(&h, 400, "bad_request");
    harness_close(&h);
}

static void sixty_four_ranges_fit_into_headers(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    for (size_t i = 0; i < RH_REPLY_RANGES_MAX; i++) {
        uint64_t offset = 900000000000000ULL + i * 200000000000ULL;
        h.reply.durable[i] = (struct rh_interval){offset, 100000000000ULL, UINT64_MAX - i};
        h.reply.missing[i] = (struct rh_range){offset + 100000000000ULL, 100000000000ULL};
        h.reply.chunks[i] = (struct rh_range){1000000 + i * 100000, 5000};
    }
    h.reply.durable_count = RH_REPLY_RANGES_MAX;
    h.reply.missing_count = RH_REPLY_RANGES_MAX;
    h.reply.chunk_run_count = RH_REPLY_RANGES_MAX;
    assert_int_equal(harness_get(&h, "/api/v1/videos/" TEST_UPLOAD), 200);
    assert_non_null(strstr(harness_header(&h, "Reelhaul-Durable"), "(912600000000000 "));
    assert_non_null(strstr(harness_header(&h, "Reelhaul-Missing"), "(912700000000000 "));
    assert_non_null(strstr(harness_header(&h, "Reelhaul-Chunks"), "7300000-7304999"));
    assert_non_null(harness_header(&h, "Content-Type"));
    harness_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_upload_is_made),
        cmocka_unit_test(bad_inits_are_refused),
        cmocka_unit_test(a_raw_part_is_received),
        cmocka_unit_test(a_part_needs_little),
        cmocka_unit_test(bad_parts_are_refused),
        cmocka_unit_test(a_part_may_come_as_a_form),
        cmocka_unit_test(bad_part_forms_are_refused),
        cmocka_unit_test(a_large_form_streams_once_its_ids_are_known),
        cmocka_unit_test(finalize_answers_with_the_object),
        cmocka_unit_test(finalize_lists_what_is_missing),
        cmocka_unit_test(bad_finalizes_are_refused),
        cmocka_unit_test(an_upload_is_shown_and_forgotten),
        cmocka_unit_test(sixty_four_ranges_fit_into_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
