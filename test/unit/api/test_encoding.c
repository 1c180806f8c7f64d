/* SPDX-License-Identifier: MIT */
/* Parts with a Content-Encoding: what is said of them is said of the decoded bytes; bombs are
 * refused and leave nothing. */
#include "harness.h"

#include <stdio.h>
#include <zlib.h>
#include <zstd.h>

#include "base/base64.h"
#include "base/crc64.h"

#define RAW                                                                                        \
    "Reelhaul-Upload: " TEST_UPLOAD "\r\nContent-Type: application/octet-stream\r\n"               \
    "Reelhaul-Offset: 0\r\n"
#define GZIP "Content-Encoding: gzip\r\n"
#define ZSTD "Content-Encoding: zstd\r\n"
#define PART ((size_t)200000)

static size_t gzip(const void *data, size_t size, uint8_t **out)
{
    z_stream stream = {0};
    size_t cap = size + size / 100 + 1000;
    *out = malloc(cap);
    assert_non_null(*out);
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    stream.next_in = (z_const Bytef *)(uintptr_t)data;
    stream.avail_in = (uInt)size;
    stream.next_out = *out;
    stream.avail_out = (uInt)cap;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t made = cap - stream.avail_out;
    deflateEnd(&stream);
    return made;
}

static size_t zstd(const void *data, size_t size, uint8_t **out)
{
    size_t cap = ZSTD_compressBound(size);
    *out = malloc(cap);
    assert_non_null(*out);
    return ZSTD_compress(*out, cap, data, size, 3);
}

static uint8_t *make_plain(size_t size)
{
    struct rh_rng rng;
    uint8_t *plain = malloc(size);
    assert_non_null(plain);
    rh_rng_init(&rng, 3);
    for (size_t i = 0; i < size; i++)
        plain[i] = (i / 500) % 2 == 0 ? (uint8_t)rh_rng_next(&rng) : (uint8_t)(i / 9000);
    return plain;
}

static void raw_parts_are_decoded(void **state)
{
    struct harness h;
    struct rh_rng rng;
    uint8_t *plain = make_plain(PART);
    (void)state;
    rh_rng_init(&rng, 5);
    harness_open(&h);
    for (int kind = 0; kind < 6; kind++) {
        uint8_t *coded;
        size_t size = kind % 2 == 0 ? gzip(plain, PART, &coded) : zstd(plain, PART, &coded);
        h.split = kind / 2 == 1 ? 7 : 0;
        h.splits = kind / 2 == 2 ? &rng : NULL;
        memset(h.disk, 0, PART);
        assert_int_equal(harness_send(&h, "POST", "/api/v1/videos/chunk",
                                      kind % 2 == 0 ? RAW GZIP "Reelhaul-Length: 200000\r\n"
                                                    : RAW ZSTD "Reelhaul-Length: 200000\r\n",
                                      coded, size),
                         200);
        assert_int_equal(h.asked.length, PART);
        assert_int_equal(h.written.end, RH_WRITTEN_WHOLE);
        assert_int_equal(h.written.bytes, PART);
        assert_true(h.written.crc64[0] == rh_crc64_update(0, plain, PART));
        assert_memory_equal(h.disk, plain, PART);
        free(coded);
    }
    harness_close(&h);
    free(plain);
}

static void without_a_length_it_is_found_out(void **state)
{
    struct harness h;
    uint8_t *coded;
    size_t size = gzip("hello", 5, &coded);
    (void)state;
    harness_open(&h);
    assert_int_equal(harness_send(&h, "POST", "/api/v1/videos/chunk", RAW GZIP, coded, size), 200);
    assert_true(h.asked.length == RH_SIZE_UNKNOWN);
    assert_int_equal(h.written.bytes, 5);
    /* The declared length is of the decoded bytes, and must be true. */
    harness_send(&h, "POST", "/api/v1/videos/chunk", RAW GZIP "Reelhaul-Length: 6\r\n", coded,
                 size);
    harness_expect_error(&h, 400, "bad_request");
    h.grant.spans[0].length = 4;
    harness_send(&h, "POST", "/api/v1/videos/chunk", RAW GZIP "Reelhaul-Length: 4\r\n", coded,
                 size);
    assert_int_equal(h.written.end, RH_WRITTEN_TOO_LONG);
    harness_close(&h);
    free(coded);
}

static void forms_are_decoded_as_a_whole(void **state)
{
    static const char *const fields[] = {"session_id=" TEST_SESSION, "video_id=v", "chunk_index=0",
                                         "total_chunks=2",           "*",          NULL};
    struct harness h;
    uint8_t *plain = make_plain(50000);
    char *form = malloc(60000);
    (void)state;
    harness_open(&h);
    size_t form_size = harness_form(form, 60000, fields, "video/webm", plain, 50000);
    for (int kind = 0; kind < 4; kind++) {
        uint8_t *coded;
        size_t size = kind % 2 == 0 ? gzip(form, form_size, &coded) : zstd(form, form_size, &coded);
        h.split = kind < 2 ? 0 : 11;
        memset(h.disk, 0, 50000);
        assert_int_equal(harness_send(&h, "POST", "/api/upload/chunk",
                                      kind % 2 == 0 ? TEST_FORM_TYPE GZIP : TEST_FORM_TYPE ZSTD,
                                      coded, size),
                         200);
        assert_int_equal(h.written.end, RH_WRITTEN_WHOLE);
        assert_int_equal(h.written.bytes, 50000);
        assert_memory_equal(h.disk, plain, 50000);
        free(coded);
    }
    harness_close(&h);
    free(form);
    free(plain);
}

static void unknown_codings_are_415_with_what_is_known(void **state)
{
    static const char *const codings[] = {"br", "deflate", "gzip, gzip", "gzip, zstd", "exi"};
    struct harness h;
    char head[256];
    (void)state;
    harness_open(&h);
    for (size_t i = 0; i < 5; i++) {
        snprintf(head, sizeof head, RAW "Content-Encoding: %s\r\n", codings[i]);
        harness_send(&h, "POST", "/api/v1/videos/chunk", head, "x", 1);
        harness_expect_error(&h, 415, "unsupported_type");
        assert_string_equal(harness_header(&h, "Accept-Encoding"), "gzip, zstd");
        assert_int_equal(h.asks, 0);
    }
    /* Only parts are decoded; elsewhere nothing is. */
    harness_send(&h, "POST", "/api/session/create",
                 "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", "{}", 2);
    harness_expect_error(&h, 415, "unsupported_type");
    assert_string_equal(harness_header(&h, "Accept-Encoding"), "identity");
    /* A type that is refused is not mistaken for a coding that is. */
    harness_send(&h, "POST", "/api/session/create", "Content-Type: text/plain\r\n", "{}", 2);
    harness_expect_error(&h, 415, "unsupported_type");
    assert_null(harness_header(&h, "Accept-Encoding"));
    assert_int_equal(harness_send(&h, "POST", "/api/v1/videos/chunk",
                                  RAW "Content-Encoding: identity\r\n", "x", 1),
                     200);
    harness_close(&h);
}

static void bombs_are_413_and_leave_nothing(void **state)
{
    struct harness h;
    size_t size = (size_t)64 << 20;
    uint8_t *zeros = calloc(1, size);
    (void)state;
    harness_open(&h);
    h.grant.bytes_max = 1 << 30;
    for (int kind = 0; kind < 2; kind++) {
        uint8_t *coded;
        size_t coded_size = kind == 0 ? gzip(zeros, size, &coded) : zstd(zeros, size, &coded);
        harness_send(&h, "POST", "/api/v1/videos/chunk",
                     kind == 0 ? RAW GZIP "Reelhaul-Length: 67108864\r\n"
                               : RAW ZSTD "Reelhaul-Length: 67108864\r\n",
                     coded, coded_size);
        harness_expect_error(&h, 413, "too_large");
        assert_int_equal(h.written.end, RH_WRITTEN_BROKEN);
        assert_int_equal(h.written.bytes, 0);
        assert_int_equal(h.written.length[0], 0);
        free(coded);
    }
    free(zeros);
    harness_close(&h);
}

/* Slices that were right before the bomb do not save any of it. */
static void slices_do_not_save_a_bomb(void **state)
{
    struct harness h;
    size_t size = (size_t)16 << 20;
    uint8_t *zeros = calloc(1, size);
    char head[1024];
    char one[16];
    uint8_t bytes[8];
    uint64_t crc = rh_crc64_update(0, zeros, size / 16);
    uint64_t whole = rh_crc64_update(0, zeros, size);
    (void)state;
    harness_open(&h);
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(crc >> (56 - 8 * i));
    one[rh_base64_encode(one, sizeof one, bytes, 8)] = '\0';
    size_t at = (size_t)snprintf(head, sizeof head,
                                 RAW GZIP "Reelhaul-Length: %zu\r\nReelhaul-Slices: ", size);
    for (int i = 0; i < 16; i++)
        at += (size_t)snprintf(head + at, sizeof head - at, "1048576;crc64=:%s:%s", one,
                               i == 15 ? "\r\n" : ", ");
    (void)whole;
    (void)at;
    uint8_t *coded;
    size_t coded_size = gzip(zeros, size, &coded);
    h.grant.bytes_max = 1 << 30;
    char crc_line[128];
    char text[16];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(whole >> (56 - 8 * i));
    text[rh_base64_encode(text, sizeof text, bytes, 8)] = '\0';
    snprintf(crc_line, sizeof crc_line, "Reelhaul-Crc64: :%s:\r\n", text);
    char *all = malloc(2048);
    snprintf(all, 2048, "%s%s", crc_line, head);
    harness_send(&h, "POST", "/api/v1/videos/chunk", all, coded, coded_size);
    harness_expect_error(&h, 413, "too_large");
    assert_int_equal(h.written.bytes, 0);
    free(all);
    free(coded);
    free(zeros);
    harness_close(&h);
}

static void what_is_not_of_its_coding_leaves_nothing(void **state)
{
    struct harness h;
    uint8_t *plain = make_plain(PART);
    uint8_t *coded;
    size_t size = gzip(plain, PART, &coded);
    (void)state;
    harness_open(&h);
    coded[size - 6] ^= 1; /* the checksum at the end of the member: all bytes came already */
    harness_send(&h, "POST", "/api/v1/videos/chunk", RAW GZIP, coded, size);
    harness_expect_error(&h, 400, "bad_request");
    assert_int_equal(h.written.bytes, 0);
    coded[size - 6] ^= 1;
    harness_send(&h, "POST", "/api/v1/videos/chunk", RAW GZIP, coded, size - 100);
    harness_expect_error(&h, 400, "bad_request");
    assert_int_equal(h.written.bytes, 0);
    harness_send(&h, "POST", "/api/v1/videos/chunk", RAW ZSTD, coded, size);
    harness_expect_error(&h, 400, "bad_request");
    /* A connection that ends leaves what came, as without a coding. */
    h.break_after = size / 2;
    h.break_why = RH_ERR_CLOSED;
    harness_send(&h, "POST", "/api/v1/videos/chunk", RAW GZIP, coded, size);
    assert_int_equal(h.written.end, RH_WRITTEN_BROKEN);
    assert_true(h.written.bytes > PART / 4);
    assert_memory_equal(h.disk, plain, h.written.bytes);
    free(coded);
    free(plain);
    harness_close(&h);
}

/* Faults while the decoder still has bytes: the rest of the body is drained, not decoded. */
static void refusals_do_not_wait_for_the_decoder(void **state)
{
    struct harness h;
    uint8_t *plain = make_plain(PART);
    uint8_t *coded;
    size_t size = zstd(plain, PART, &coded);
    (void)state;
    harness_open(&h);
    h.grants = false;
    h.code = RH_REPLY_STALE_WRITER;
    harness_send(&h, "POST", "/api/v1/videos/chunk", RAW ZSTD "Reelhaul-Length: 200000\r\n", coded,
                 size);
    harness_expect_error(&h, 409, "stale_writer");
    assert_false(rh_exchange_response(h.x)->close);
    h.grants = true;
    h.code = RH_REPLY_FULL;
    h.fail_at_write = 2;
    h.write_error = RH_ERR_FULL;
    harness_send(&h, "POST", "/api/v1/videos/chunk", RAW ZSTD "Reelhaul-Length: 200000\r\n", coded,
                 size);
    harness_expect_error(&h, 507, "storage_full");
    free(coded);
    free(plain);
    harness_close(&h);
}

static void decoders_count_as_held_memory(void **state)
{
    struct harness h;
    uint8_t *plain = make_plain(PART);
    uint8_t *coded;
    size_t size = gzip(plain, PART, &coded);
    (void)state;
    harness_open(&h);
    h.config.held_bytes_max = 10000;
    harness_send(&h, "POST", "/api/v1/videos/chunk", RAW GZIP, coded, size);
    harness_expect_error(&h, 503, "overloaded");
    assert_int_equal(h.written.bytes, 0);
    free(coded);
    free(plain);
    harness_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_parts_are_decoded),
        cmocka_unit_test(without_a_length_it_is_found_out),
        cmocka_unit_test(forms_are_decoded_as_a_whole),
        cmocka_unit_test(unknown_codings_are_415_with_what_is_known),
        cmocka_unit_test(bombs_are_413_and_leave_nothing),
        cmocka_unit_test(slices_do_not_save_a_bomb),
        cmocka_unit_test(what_is_not_of_its_coding_leaves_nothing),
        cmocka_unit_test(refusals_do_not_wait_for_the_decoder),
        cmocka_unit_test(decoders_count_as_held_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
