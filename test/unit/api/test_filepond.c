/* SPDX-License-Identifier: MIT */
/* FilePond's protocol: Upload-Offset never lies within a chunk. */
#include "cursor_vault.h"

#define PATCH_URL "/filepond/?patch=" TEST_UPLOAD
#define EMPTY     "--XX--\r\n"

static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";

static unsigned patch(struct harness *h, unsigned offset, unsigned length, const char *body,
                      size_t size)
{
    char head[256];
    snprintf(head, sizeof head,
             "Content-Type: application/offset+octet-stream\r\nUpload-Offset: %u\r\n"
             "Upload-Length: %u\r\nUpload-Name: film.mp4\r\n",
             offset, length);
    return harness_send(h, "PATCH", PATCH_URL, head, body, size);
}

static unsigned head_of(struct harness *h)
{
    return harness_send(h, "HEAD", PATCH_URL, "", NULL, 0);
}

static void an_upload_in_chunks(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    assert_int_equal(harness_send(&h, "POST", "/filepond/", TEST_FORM_TYPE "Upload-Length: 20\r\n",
                                  EMPTY, strlen(EMPTY)),
                     201);
    assert_string_equal(harness_body(&h), TEST_UPLOAD); /* nothing else: it becomes part of a URL */
    assert_string_equal(harness_header(&h, "Content-Type"), "text/plain; charset=utf-8");
    assert_int_equal(head_of(&h), 200);
    assert_string_equal(harness_header(&h, "Upload-Offset"), "0");
    assert_int_equal(patch(&h, 0, 20, text, 10), 204);
    assert_int_equal(head_of(&h), 200);
    assert_string_equal(harness_header(&h, "Upload-Offset"), "10");
    assert_int_equal(patch(&h, 10, 20, text + 10, 10), 204);
    assert_true(v.done);
    /* The size is a multiple of the chunk's: FilePond sends an empty chunk after the end. */
    assert_int_equal(patch(&h, 20, 20, "", 0), 204);
    assert_int_equal(head_of(&h), 200);
    assert_string_equal(harness_header(&h, "Upload-Offset"), "20");
    assert_memory_equal(h.disk, text, 20);
    cursor_vault_close(&h, &v);
}

/* On resuming it takes every chunk that begins below Upload-Offset for complete. */
static void a_chunk_counts_whole_or_not_at_all(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    cursor_vault_make(&h, &v, 10, 30);
    v.ends_by_final = false;
    h.break_after = 7;
    h.break_why = RH_ERR_CLOSED;
    assert_int_equal(patch(&h, 10, 30, text + 10, 10), 400);
    h.break_after = SIZE_MAX;
    assert_true(h.asked.verified);
    assert_int_equal(head_of(&h), 200);
    assert_string_equal(harness_header(&h, "Upload-Offset"), "10");
    /* Without a length the end of the body could be a cut. */
    harness_begin(&h, "PATCH", PATCH_URL,
                  "Content-Type: application/offset+octet-stream\r\nUpload-Offset: 10\r\n"
                  "Transfer-Encoding: chunked\r\n");
    harness_run(&h, "x", 1);
    harness_expect_error(&h, 411, "length_required");
    cursor_vault_close(&h, &v);
}

static void a_chunk_may_be_sent_again(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    cursor_vault_make(&h, &v, 20, 30);
    v.ends_by_final = false;
    assert_int_equal(patch(&h, 10, 30, text + 10, 10), 204);
    assert_int_equal(v.cursor, 20);
    patch(&h, 15, 30, text + 15, 10);
    harness_expect_error(&h, 409, "offset_mismatch");
    assert_string_equal(harness_header(&h, "Upload-Offset"), "20");
    patch(&h, 25, 30, text + 25, 5);
    harness_expect_error(&h, 409, "offset_mismatch");
    assert_int_equal(v.cursor, 20);
    assert_int_equal(patch(&h, 20, 30, text + 20, 10), 204);
    assert_true(v.done);
    assert_int_equal(patch(&h, 20, 30, text + 20, 10), 204);
    cursor_vault_close(&h, &v);
}

static void a_form_may_bring_the_file(void **state)
{
    static const char form[] = "--XX\r\nContent-Disposition: form-data; name=\"filepond\"\r\n\r\n"
                               "{\"a\":1}\r\n--XX\r\nContent-Disposition: form-data; "
                               "name=\"filepond\"; filename=\"my film.webm\"\r\n"
                               "Content-Type: video/webm\r\n\r\n0123456789\r\n--XX--\r\n";
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    for (size_t split = 0; split < 60; split += 7) {
        cursor_vault_make(&h, &v, 0, RH_SIZE_UNKNOWN);
        memset(h.disk, 0, 10);
        h.split = split;
        assert_int_equal(
            harness_send(&h, "POST", "/filepond/", TEST_FORM_TYPE, form, sizeof form - 1), 201);
        assert_string_equal(harness_body(&h), TEST_UPLOAD);
        assert_string_equal(v.name, "my film.webm");
        assert_string_equal(v.mime, "video/webm");
        assert_true(v.done);
        assert_int_equal(v.total, 10);
        assert_memory_equal(h.disk, "0123456789", 10);
    }
    /* Cut anywhere it keeps nothing of the file. */
    h.split = 0;
    for (size_t cut = 150; cut < sizeof form - 3; cut += 9) {
        cursor_vault_make(&h, &v, 0, RH_SIZE_UNKNOWN);
        unsigned status = harness_send(&h, "POST", "/filepond/", TEST_FORM_TYPE, form, cut);
        assert_int_equal(status, 400);
        assert_int_equal(v.cursor, 0);
        assert_false(v.done);
    }
    cursor_vault_close(&h, &v);
}

static void reverting_takes_it_back(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    cursor_vault_make(&h, &v, 30, 30);
    v.done = true;
    assert_int_equal(harness_send(&h, "DELETE", "/filepond/", "Content-Type: text/plain\r\n",
                                  TEST_UPLOAD "\n", strlen(TEST_UPLOAD) + 1),
                     204);
    assert_true(v.gone);
    assert_true(h.asked.terminate);
    cursor_vault_make(&h, &v, 30, 30);
    assert_int_equal(harness_send(&h, "DELETE", "/filepond/" TEST_UPLOAD, "", NULL, 0), 204);
    assert_true(v.gone);
    harness_send(&h, "DELETE", "/filepond/", "", "../../etc/passwd", 16);
    harness_expect_error(&h, 404, "not_found");
    harness_send(&h, "DELETE", "/filepond/", "", NULL, 0);
    harness_expect_error(&h, 404, "not_found");
    cursor_vault_close(&h, &v);
}

static void what_was_loaded_is_served(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    cursor_vault_make(&h, &v, 30, 30);
    harness_get(&h, "/filepond/?load=" TEST_UPLOAD);
    harness_expect_error(&h, 409, "conflict");
    v.done = true;
    assert_int_equal(harness_get(&h, "/filepond/?load=" TEST_UPLOAD), 1);
    assert_int_equal(harness_get(&h, "/filepond/" TEST_UPLOAD), 1);
    harness_get(&h, "/filepond/?load=x");
    harness_expect_error(&h, 404, "not_found");
    cursor_vault_close(&h, &v);
}

static void bad_heads_are_refused(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    harness_send(&h, "POST", "/filepond/", TEST_FORM_TYPE "Upload-Length: -1\r\n", EMPTY, 8);
    harness_expect_error(&h, 400, "invalid_field");
    h.config.upload_bytes_max = 100;
    harness_send(&h, "POST", "/filepond/", TEST_FORM_TYPE "Upload-Length: 101\r\n", EMPTY, 8);
    harness_expect_error(&h, 413, "too_large");
    assert_int_equal(h.asks, 0);
    cursor_vault_make(&h, &v, 0, 30);
    harness_send(&h, "PATCH", PATCH_URL, "Content-Type: application/offset+octet-stream\r\n", "x",
                 1);
    harness_expect_error(&h, 400, "missing_field");
    harness_send(&h, "PATCH", PATCH_URL, "Upload-Offset: 0\r\n", "x", 1);
    harness_expect_error(&h, 415, "unsupported_type");
    patch(&h, 0, 29, text, 10);
    harness_expect_error(&h, 400, "total_changed");
    patch(&h, 0, 30, text, 36);
    harness_expect_error(&h, 400, "out_of_range");
    assert_int_equal(v.cursor, 0);
    cursor_vault_close(&h, &v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_upload_in_chunks),
        cmocka_unit_test(a_chunk_counts_whole_or_not_at_all),
        cmocka_unit_test(a_chunk_may_be_sent_again),
        cmocka_unit_test(a_form_may_bring_the_file),
        cmocka_unit_test(reverting_takes_it_back),
        cmocka_unit_test(what_was_loaded_is_served),
        cmocka_unit_test(bad_heads_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
