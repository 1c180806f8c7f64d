/* SPDX-License-Identifier: MIT */
/* What may be fetched, as what. */
#include "harness.h"

static void open_done(struct harness *h)
{
    harness_open(h);
    h->reply.upload.state = RH_UPLOAD_DONE;
    h->reply.upload.total = 9;
    h->reply.upload.crc64 = 0xae8b14860a799888ULL;
}

static void recordings_are_served(void **state)
{
    (void)state;
    struct harness h;
    open_done(&h);
    assert_int_equal(harness_get(&h, "/recordings/" TEST_SESSION "/video_123.webm"), 1);
    const struct rh_file_ref *file = rh_exchange_file(h.x);
    assert_int_equal(file->kind, RH_FILE_RECORDING);
    assert_string_equal(file->path, "recordings/" TEST_SESSION "/video_123.webm");
    assert_string_equal(file->mime, "video/webm");
    assert_false(file->attachment);
    assert_string_equal(file->etag, "\"ae8b14860a799888-9\"");
    assert_string_equal(h.asked.session, TEST_SESSION);
    assert_string_equal(h.asked.name, "video_123");
    assert_int_equal(
        harness_send(&h, "HEAD", "/recordings/" TEST_SESSION "/video_123.webm", "", NULL, 0), 1);
    assert_int_equal(harness_get(&h, "/download/" TEST_UPLOAD "/video_123.webm"), 1);
    assert_string_equal(h.asked.upload, TEST_UPLOAD);
    /* The shell's response gets the headers that every answer has. */
    char memory[1024];
    struct rh_response response;
    rh_response_init(&response, memory, sizeof memory);
    rh_exchange_add_headers(h.x, &response);
    assert_non_null(rh_response_find(&response, "X-Content-Type-Options"));
    assert_non_null(rh_response_find(&response, "Cross-Origin-Resource-Policy"));
    size_t count = response.header_count;
    rh_exchange_add_headers(h.x, &response);
    assert_int_equal(response.header_count, count);
    harness_close(&h);
}

static void only_media_is_shown_in_place(void **state)
{
    (void)state;
    struct harness h;
    open_done(&h);
    static const struct {
        const char *mime;
        const char *extension;
        const char *served;
        bool attachment;
    } cases[] = {
        {"video/webm;codecs=vp9", ".webm", "video/webm", false},
        {"video/mp4", ".mp4", "video/mp4", false},
        {"audio/mp4", ".m4a", "audio/mp4", false},
        {"application/octet-stream", ".bin", "application/octet-stream", true},
        {"video/x-evil", ".bin", "application/octet-stream", true},
        {"text/html", ".bin", "application/octet-stream", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        strcpy(h.reply.upload.mime, cases[i].mime);
        char target[200];
        snprintf(target, sizeof target, "/recordings/" TEST_SESSION "/video_123%s",
                 cases[i].extension);
        assert_int_equal(harness_get(&h, target), 1);
        assert_string_equal(rh_exchange_file(h.x)->mime, cases[i].served);
        assert_int_equal(rh_exchange_file(h.x)->attachment, cases[i].attachment);
    }
    harness_close(&h);
}

static void all_else_is_not_there(void **state)
{
    (void)state;
    struct harness h;
    open_done(&h);
    static const char *const wrong[] = {
        "/recordings/" TEST_SESSION "/video_123.mp4", /* another type than it has */
        "/recordings/" TEST_SESSION "/video_123",     /* no extension */
        "/recordings/" TEST_SESSION "/.webm",         /* no name */
        "/recordings/" TEST_SESSION "/session.json",  /* a companion */
        "/recordings/" TEST_SESSION "/video_123.metadata.json",
        "/download/" TEST_UPLOAD "/another.webm", /* another name than it has */
        "/download/nope/video_123.webm",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        harness_get(&h, wrong[i]);
        harness_expect_error(&h, 404, "not_found");
    }
    h.reply.upload.state = RH_UPLOAD_OPEN;
    harness_get(&h, "/recordings/" TEST_SESSION "/video_123.webm");
    harness_expect_error(&h, 404, "not_found");
    h.reply.upload.state = RH_UPLOAD_FINISHING;
    harness_get(&h, "/recordings/" TEST_SESSION "/video_123.webm");
    harness_expect_error(&h, 404, "not_found");
    h.reply.upload.state = RH_UPLOAD_LOST;
    harness_get(&h, "/recordings/" TEST_SESSION "/video_123.webm");
    harness_expect_error(&h, 410, "gone");
    h.code = RH_REPLY_UNKNOWN;
    harness_get(&h, "/recordings/" TEST_SESSION "/video_123.webm");
    harness_expect_error(&h, 404, "not_found");
    harness_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recordings_are_served),
        cmocka_unit_test(only_media_is_shown_in_place),
        cmocka_unit_test(all_else_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
