/* SPDX-License-Identifier: MIT */
/* PUT with Content-Range: 308 is never said of bytes that are not durable. */
#include "cursor_vault.h"

#include "base/base64.h"

#define FILE_URL "/files/" TEST_UPLOAD

static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";

static unsigned put(struct harness *h, const char *range, const char *body, size_t size)
{
    char head[256];
    snprintf(head, sizeof head, "Content-Type: video/mp4\r\nContent-Range: bytes %s\r\n", range);
    return harness_send(h, "PUT", FILE_URL, head, body, size);
}

static void an_upload_in_ranges(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    assert_int_equal(harness_send(&h, "POST", "/files/?uploadType=resumable&name=a%20film.mp4",
                                  "X-Upload-Content-Length: 36\r\n"
                                  "X-Upload-Content-Type: video/mp4\r\n"
                                  "Content-Type: application/json\r\n",
                                  "{}", 2),
                     201);
    assert_string_equal(harness_header(&h, "Location"), "http://" TEST_HOST FILE_URL);
    assert_string_equal(v.name, "a film.mp4");
    assert_string_equal(v.mime, "video/mp4");
    assert_int_equal(v.total, 36);
    assert_int_equal(put(&h, "*/36", NULL, 0), 308);
    assert_null(harness_header(&h, "Range")); /* nothing is stored */
    assert_int_equal(put(&h, "0-9/36", text, 10), 308);
    assert_string_equal(harness_header(&h, "Range"), "bytes=0-9");
    assert_int_equal(put(&h, "*/36", NULL, 0), 308);
    assert_string_equal(harness_header(&h, "Range"), "bytes=0-9");
    assert_int_equal(put(&h, "*/*", NULL, 0), 308);
    assert_int_equal(put(&h, "10-35/36", text + 10, 26), 200);
    assert_true(v.done);
    assert_memory_equal(h.disk, text, 36);
    json_t *json = harness_json(&h);
    assert_string_equal(json_string_value(json_object_get(json, "state")), "done");
    json_decref(json);
    assert_int_equal(put(&h, "*/36", NULL, 0), 200);
    cursor_vault_close(&h, &v);
}

/* UpChunk takes a 308 without Range for a success, and older ones any 308. */
static void bytes_that_are_not_stored_are_never_308(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    cursor_vault_make(&h, &v, 0, 36);
    v.ends_by_final = false;
    assert_int_equal(put(&h, "10-19/36", text + 10, 10), 503); /* bytes before it are missing */
    assert_non_null(harness_header(&h, "Retry-After"));
    v.cursor = 5;
    assert_int_equal(put(&h, "10-19/36", text + 10, 10), 503);
    h.break_after = 4;
    h.break_why = RH_ERR_CLOSED;
    assert_int_equal(put(&h, "5-14/36", text + 5, 10), 400);
    assert_int_equal(v.cursor, 9); /* what came counts, a query tells */
    h.break_after = SIZE_MAX;
    assert_int_equal(put(&h, "*/36", NULL, 0), 308);
    assert_string_equal(harness_header(&h, "Range"), "bytes=0-8");
    cursor_vault_close(&h, &v);
}

static void a_chunk_may_be_sent_again(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    cursor_vault_make(&h, &v, 0, 36);
    v.ends_by_final = false;
    assert_int_equal(put(&h, "0-9/36", text, 10), 308);
    /* Its answer was lost: all of it is there. */
    size_t writes = v.writes;
    assert_int_equal(put(&h, "0-9/36", text, 10), 308);
    assert_string_equal(harness_header(&h, "Range"), "bytes=0-9");
    assert_int_equal(v.writes, writes);
    /* Its connection broke: a part of it is there, and is passed over. */
    h.split = 3;
    memset(h.disk, 'x', 4);
    assert_int_equal(put(&h, "4-19/36", text + 4, 16), 308);
    assert_string_equal(harness_header(&h, "Range"), "bytes=0-19");
    assert_memory_equal(h.disk, "xxxx", 4);
    assert_memory_equal(h.disk + 10, text + 10, 10);
    assert_int_equal(put(&h, "18-35/36", text + 18, 18), 200);
    /* The last one again, after the end. */
    assert_int_equal(put(&h, "18-35/36", text + 18, 18), 200);
    assert_memory_equal(h.disk + 10, text + 10, 26);
    cursor_vault_close(&h, &v);
}

static void the_total_may_come_late(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    assert_int_equal(harness_send(&h, "POST", "/files/", "X-Goog-Resumable: start\r\n", NULL, 0),
                     201);
    assert_true(v.total == RH_SIZE_UNKNOWN);
    assert_int_equal(put(&h, "0-9/*", text, 10), 308);
    assert_int_equal(put(&h, "10-19/*", text + 10, 10), 308);
    assert_false(v.done);
    assert_int_equal(put(&h, "*/25", NULL, 0), 308);
    assert_int_equal(put(&h, "*/20", NULL, 0), 200);
    assert_true(v.done);
    put(&h, "*/21", NULL, 0);
    harness_expect_error(&h, 400, "total_changed");
    cursor_vault_close(&h, &v);
}

static void the_first_range_may_create(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    assert_int_equal(harness_send(&h, "POST", "/files/",
                                  "Content-Range: bytes 0-9/20\r\nContent-Type: video/webm\r\n"
                                  "Content-Disposition: attachment; filename=\"x.webm\"\r\n",
                                  text, 10),
                     308);
    assert_string_equal(harness_header(&h, "Location"), "http://" TEST_HOST FILE_URL);
    assert_string_equal(harness_header(&h, "Range"), "bytes=0-9");
    assert_string_equal(v.name, "x.webm");
    assert_string_equal(v.mime, "video/webm");
    harness_send(&h, "POST", "/files/", "Content-Range: bytes 5-9/20\r\n", text, 5);
    harness_expect_error(&h, 400, "out_of_range");
    cursor_vault_close(&h, &v);
}

static void put_crc(struct harness *h, const char *range, const char *body, size_t size,
                    const char *of)
{
    char head[256];
    uint8_t value[8];
    char base64[16];
    uint64_t crc64 = rh_crc64_update(0, of, size);
    for (int i = 0; i < 8; i++)
        value[i] = (uint8_t)(crc64 >> (56 - 8 * i));
    base64[rh_base64_encode(base64, sizeof base64, value, 8)] = '\0';
    snprintf(head, sizeof head, "Content-Range: bytes %s\r\nContent-Digest: crc64nvme=:%s:\r\n",
             range, base64);
    harness_send(h, "PUT", FILE_URL, head, body, size);
}

static void content_digests_are_verified(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    cursor_vault_make(&h, &v, 0, 36);
    v.ends_by_final = false;
    h.split = 5;
    put_crc(&h, "0-9/36", text + 1, 10, text);
    harness_expect_error(&h, 422, "checksum_mismatch");
    assert_int_equal(v.cursor, 0);
    put_crc(&h, "0-9/36", text, 10, text);
    assert_int_equal(harness_status(&h), 308);
    assert_true(h.asked.verified);
    /* It is of the whole body, also where the first bytes of that are passed over. */
    put_crc(&h, "4-19/36", text + 4, 16, text + 4);
    assert_int_equal(harness_status(&h), 308);
    assert_int_equal(v.cursor, 20);
    char other[20];
    memcpy(other, text + 16, 20);
    other[1] = '!';
    put_crc(&h, "16-35/36", other, 20, text + 16);
    harness_expect_error(&h, 422, "checksum_mismatch");
    assert_int_equal(v.cursor, 20);
    h.break_after = 9;
    h.break_why = RH_ERR_CLOSED;
    put_crc(&h, "20-35/36", text + 20, 16, text + 20);
    assert_int_equal(v.cursor, 20);
    h.break_after = SIZE_MAX;
    put_crc(&h, "20-35/36", text + 20, 16, text + 20);
    assert_int_equal(harness_status(&h), 200);
    assert_memory_equal(h.disk, text, 36);
    cursor_vault_close(&h, &v);
}

static void bad_ranges_are_refused(void **state)
{
    static const struct {
        const char *range;
        size_t size;
        unsigned status;
        const char *code;
    } cases[] = {
        {"0-9/5", 10, 400, "invalid_field"},   {"0-8/36", 10, 400, "invalid_field"},
        {"0-10/36", 10, 400, "invalid_field"}, {"9-0/36", 10, 400, "invalid_field"},
        {"x-y/36", 10, 400, "invalid_field"},  {"*/36", 3, 400, "invalid_field"},
        {"0--1/0", 0, 400, "invalid_field"},   {"-5-4/36", 10, 400, "invalid_field"},
        {"0-9/40", 10, 400, "total_changed"},
    };
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    cursor_vault_make(&h, &v, 0, 36);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put(&h, cases[i].range, text, cases[i].size);
        harness_expect_error(&h, cases[i].status, cases[i].code);
        assert_int_equal(v.cursor, 0);
    }
    v.gone = true;
    put(&h, "0-9/36", text, 10);
    harness_expect_error(&h, 410, "gone");
    harness_send(&h, "PUT", "/files/nonsense", "Content-Range: bytes 0-9/36\r\n", text, 10);
    harness_expect_error(&h, 404, "not_found");
    cursor_vault_close(&h, &v);
}

/* All bytes are durable, but the end did not come about: neither 308 nor done. */
static void an_end_that_waits_is_503(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    cursor_vault_make(&h, &v, 36, 36);
    put(&h, "*/36", NULL, 0);
    harness_expect_error(&h, 503, "overloaded");
    cursor_vault_close(&h, &v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_upload_in_ranges),
        cmocka_unit_test(bytes_that_are_not_stored_are_never_308),
        cmocka_unit_test(a_chunk_may_be_sent_again),
        cmocka_unit_test(the_total_may_come_late),
        cmocka_unit_test(the_first_range_may_create),
        cmocka_unit_test(content_digests_are_verified),
        cmocka_unit_test(bad_ranges_are_refused),
        cmocka_unit_test(an_end_that_waits_is_503),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
