/* SPDX-License-Identifier: MIT */
/* tus 1.0: checksum and checksum-trailer. */
#include "harness.h"

#include <openssl/evp.h>

#include "api/internal.h"
#include "base/base64.h"
#include "base/bytes.h"

#define TUS    "Tus-Resumable: 1.0.0\r\n"
#define TYPE   "Content-Type: application/offset+octet-stream\r\n"
#define OFFSET "Upload-Offset: 100\r\n"
#define FILE_  "/files/" TEST_UPLOAD

/* Of "123456789", made with other tools (sha1sum, … | xxd -r -p | base64). */
static const char *const right[] = {
    "sha1 98O8HYCOBHMq32eZZczDTKeuNEE=",
    "sha256 FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
    "md5 JfnnlDI7RTiF9RgfG2JNCw==",
    "crc32c 4waSgw==",
    "crc64nvme rosUhgp5mIg=",
};
#define COUNT (sizeof right / sizeof right[0])

static unsigned patch(struct harness *h, const char *checksum, const char *body)
{
    char extra[512];
    snprintf(extra, sizeof extra, TUS TYPE OFFSET "Upload-Checksum: %s\r\n", checksum);
    return harness_send(h, "PATCH", FILE_, extra, body, strlen(body));
}

static void right_checksums_are_taken(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    for (size_t split = 0; split < 10; split += 3) {
        h.split = split;
        for (size_t i = 0; i < COUNT; i++) {
            assert_int_equal(patch(&h, right[i], "123456789"), 204);
            assert_int_equal(h.written.end, RH_WRITTEN_WHOLE);
            assert_true(h.asked.verified);
        }
    }
    /* Of nothing. */
    assert_int_equal(patch(&h, "sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk=", ""), 204);
    assert_int_equal(h.written.end, RH_WRITTEN_WHOLE);
    harness_close(&h);
}

static void a_mismatch_gets_460_and_nothing_is_kept(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    h.code = RH_REPLY_CHECKSUM;
    h.reply.upload.cursor = 100;
    for (size_t i = 0; i < COUNT; i++) {
        patch(&h, right[i], "12345678!");
        assert_int_equal(h.written.end, RH_WRITTEN_MISMATCH);
        harness_expect_error(&h, 460, "checksum_mismatch");
        assert_string_equal(harness_header(&h, "Upload-Offset"), "100");
        assert_string_equal(harness_header(&h, "Tus-Resumable"), "1.0.0");
    }
    /* The last bit counts. */
    patch(&h, "sha1 98O8HYCOBHMq32eZZczDTKeuNEA=", "123456789");
    assert_int_equal(h.written.end, RH_WRITTEN_MISMATCH);
    /* In our own dialect it stays what it was. */
    harness_send(&h, "POST", "/api/v1/videos/chunk",
                 "Reelhaul-Upload: " TEST_UPLOAD "\r\nReelhaul-Offset: 0\r\n"
                 "Reelhaul-Crc64: :AAAAAAAAAAA=:\r\n",
                 "x", 1);
    harness_expect_error(&h, 422, "checksum_mismatch");
    harness_close(&h);
}

static void unknown_algorithms_get_400(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    static const char *const bad[] = {
        "sha512 AAAA",
        "SHA1 98O8HYCOBHMq32eZZczDTKeuNEE=",
        "crc32 y/Q5Jg==",
        "sha1",
        "sha1 ",
        "sha1 98O8HYCOBHMq32eZZczDTKeuNEE",
        "sha1  98O8HYCOBHMq32eZZczDTKeuNEE=",
        "sha1 JfnnlDI7RTiF9RgfG2JNCw==",
        "sha1=98O8HYCOBHMq32eZZczDTKeuNEE=",
        "md5 !!!!lDI7RTiFsRgfG2JNCw==",
        "",
        "sha1 98O8HYCOBHMq32eZZczDTKeuNEE=\r\nUpload-Checksum: md5 JfnnlDI7RTiF9RgfG2JNCw==",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        patch(&h, bad[i], "123456789");
        harness_expect_error(&h, 400, "invalid_field");
        assert_int_equal(h.asks, 0);
    }
    harness_close(&h);
}

static void a_broken_body_with_a_checksum_says_so_to_the_vault(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    h.code = RH_REPLY_BROKEN;
    h.break_after = 4;
    h.break_why = RH_ERR_CLOSED;
    patch(&h, right[0], "123456789");
    assert_true(h.asked.verified);
    assert_int_equal(h.written.end, RH_WRITTEN_BROKEN);
    harness_close(&h);
}

static void trailer(struct harness *h, const char *name, const char *value)
{
    static struct rh_header headers[2];
    harness_begin(h, "PATCH", FILE_,
                  TUS TYPE OFFSET "Transfer-Encoding: chunked\r\nTrailer: Upload-Checksum\r\n");
    headers[0] = (struct rh_header){rh_bytes_of("X-Other"), rh_bytes_of("1")};
    headers[1] = (struct rh_header){rh_bytes_of(name), rh_bytes_of(value)};
    h->h1.request.trailers = headers;
    h->h1.request.trailer_count = value == NULL ? 1 : 2;
    harness_run(h, "123456789", 9);
}

static void the_checksum_may_come_behind_the_body(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    for (size_t i = 0; i < COUNT; i++) {
        trailer(&h, "upload-checksum", right[i]);
        assert_int_equal(harness_status(&h), 204);
        assert_int_equal(h.written.end, RH_WRITTEN_WHOLE);
        assert_true(h.asked.verified);
    }
    h.code = RH_REPLY_CHECKSUM;
    trailer(&h, "Upload-Checksum", "sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk=");
    assert_int_equal(h.written.end, RH_WRITTEN_MISMATCH);
    harness_expect_error(&h, 460, "checksum_mismatch");
    h.code = RH_REPLY_BROKEN;
    trailer(&h, "Upload-Checksum", "sha7 AAAA");
    assert_int_equal(h.written.end, RH_WRITTEN_BROKEN);
    harness_expect_error(&h, 400, "invalid_field");
    trailer(&h, "Upload-Checksum", NULL);
    assert_int_equal(h.written.end, RH_WRITTEN_BROKEN);
    harness_expect_error(&h, 400, "invalid_field");
    harness_close(&h);
}

static void a_first_body_has_one_too(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    h.code = RH_REPLY_CREATED;
    const char *extra = TUS TYPE "Upload-Length: 9\r\nUpload-Checksum: crc32c 4waSgw==\r\n";
    assert_int_equal(harness_send(&h, "POST", "/files/", extra, "123456789", 9), 201);
    assert_true(h.asked.verified && h.asks == 2);
    assert_int_equal(h.written.end, RH_WRITTEN_WHOLE);
    h.second_code = RH_REPLY_CHECKSUM;
    harness_send(&h, "POST", "/files/", extra, "12345678!", 9);
    assert_int_equal(h.written.end, RH_WRITTEN_MISMATCH);
    harness_expect_error(&h, 460, "checksum_mismatch");
    assert_non_null(harness_header(&h, "Location"));
    assert_string_equal(harness_header(&h, "Upload-Offset"), "0");
    harness_close(&h);
}

static void digests_are_those_of_openssl(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    harness_get(&h, "/health");
    static const struct {
        enum api_digest which;
        const char *name;
    } cases[] = {{API_DIGEST_SHA1, "sha1"},
                 {API_DIGEST_SHA256, "sha256"},
                 {API_DIGEST_SHA512, "sha512"},
                 {API_DIGEST_MD5, "md5"}};
    assert_true(api_digests_begin(h.x, 0x3f));
    api_digests_update(h.x, "hello ", 6);
    uint8_t value[API_DIGEST_BYTES_MAX];
    /* Asking in between disturbs nothing. */
    assert_int_equal(api_digest_value(h.x, API_DIGEST_SHA512, value), 64);
    api_digests_update(h.x, "world", 5);
    for (size_t i = 0; i < 4; i++) {
        uint8_t expected[EVP_MAX_MD_SIZE];
        unsigned size = 0;
        assert_int_equal(EVP_Digest("hello world", 11, expected, &size,
                                    EVP_get_digestbyname(cases[i].name), NULL),
                         1);
        assert_int_equal(api_digest_value(h.x, cases[i].which, value), size);
        assert_int_equal(api_digest_size(cases[i].which), size);
        assert_memory_equal(value, expected, size);
    }
    assert_int_equal(api_digest_value(h.x, API_DIGEST_CRC32C, value), 4);
    assert_memory_equal(value, "\xc9\x94\x65\xaa", 4);
    harness_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_checksums_are_taken),
        cmocka_unit_test(a_mismatch_gets_460_and_nothing_is_kept),
        cmocka_unit_test(unknown_algorithms_get_400),
        cmocka_unit_test(a_broken_body_with_a_checksum_says_so_to_the_vault),
        cmocka_unit_test(the_checksum_may_come_behind_the_body),
        cmocka_unit_test(a_first_body_has_one_too),
        cmocka_unit_test(digests_are_those_of_openssl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
