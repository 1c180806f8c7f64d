/* SPDX-License-Identifier: MIT */
/* Reelhaul-Slices: of a broken body only slices that were right count, and a wrong one ends it. */
#include "harness.h"

#include "base/bytes.h"
#include "base/crc64.h"
#include "fields/receipt.h"
#include "fields/slices.h"

#define SIZE 1000
#define RAW                                                                                        \
    "Content-Type: application/octet-stream\r\nReelhaul-Upload: " TEST_UPLOAD                      \
    "\r\nReelhaul-Offset: 0\r\n"

static uint8_t body[SIZE];
static const uint64_t lengths[] = {300, 300, 250, 150};

static void put_crc(struct rh_buffer *text, uint64_t crc64)
{
    assert_int_equal(rh_buffer_put_str(text, "Reelhaul-Crc64: "), RH_OK);
    assert_int_equal(rh_crc64_field_write(text, crc64), RH_OK);
    assert_int_equal(rh_buffer_put_str(text, "\r\n"), RH_OK);
}

/* The head of a part of `count` slices whose checksums are right for `body` as it is now. */
static const char *head_of(size_t count)
{
    static char memory[2048];
    struct rh_buffer text;
    struct rh_slice slices[4];
    uint64_t at = 0;
    for (size_t i = 0; i < count; i++) {
        slices[i] = (struct rh_slice){lengths[i], rh_crc64_update(0, body + at, lengths[i])};
        at += lengths[i];
    }
    rh_buffer_init(&text, (uint8_t *)memory, sizeof memory - 1);
    assert_int_equal(rh_buffer_put_str(&text, RAW), RH_OK);
    put_crc(&text, rh_crc64_update(0, body, SIZE));
    assert_int_equal(rh_buffer_put_str(&text, "Reelhaul-Slices: "), RH_OK);
    assert_int_equal(rh_slices_write(&text, slices, count), RH_OK);
    assert_int_equal(rh_buffer_put_str(&text, "\r\n"), RH_OK);
    memory[text.size] = '\0';
    return memory;
}

static unsigned send_part(struct harness *h, const char *head)
{
    return harness_send(h, "POST", "/api/v1/videos/chunk", head, body, SIZE);
}

static void open_with_body(struct harness *h)
{
    harness_open(h);
    for (size_t i = 0; i < SIZE; i++)
        body[i] = (uint8_t)(i * 7 + 1);
}

static void a_whole_body_is_taken_as_before(void **state)
{
    (void)state;
    struct harness h;
    open_with_body(&h);
    struct rh_rng rng;
    h.grant.span_count = 3;
    h.grant.spans[0] = (struct rh_grant_span){.offset = 0, .length = 400};
    h.grant.spans[1] = (struct rh_grant_span){.offset = 400, .length = 100, .compare = true};
    h.grant.spans[2] = (struct rh_grant_span){.offset = 500, .length = 500};
    h.grant.bytes_max = SIZE;
    for (uint64_t seed = 0; seed < 30; seed++) {
        rh_rng_init(&rng, seed);
        h.splits = &rng;
        assert_int_equal(send_part(&h, head_of(4)), 200);
        assert_int_equal(h.written.end, RH_WRITTEN_WHOLE);
        assert_true(h.written.bytes == SIZE);
        assert_true(h.written.crc64[1] == rh_crc64_update(0, body + 400, 100));
        assert_true(h.written.crc64[2] == rh_crc64_update(0, body + 500, 500));
    }
    harness_close(&h);
}

static void only_right_slices_of_a_broken_body_count(void **state)
{
    static const struct {
        size_t came;
        uint64_t counts;
    } cases[] = {{0, 0}, {299, 0}, {300, 300}, {301, 300}, {650, 600}, {999, 850}};
    (void)state;
    struct harness h;
    open_with_body(&h);
    h.grant.span_count = 2;
    h.grant.spans[0] = (struct rh_grant_span){.offset = 0, .length = 400};
    h.grant.spans[1] = (struct rh_grant_span){.offset = 400, .length = 600};
    h.grant.bytes_max = SIZE;
    h.code = RH_REPLY_BROKEN;
    h.split = 77;
    h.break_why = RH_ERR_CLOSED;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        h.break_after = cases[i].came;
        send_part(&h, head_of(4));
        harness_expect_error(&h, 400, "bad_request");
        assert_int_equal(h.written.end, RH_WRITTEN_BROKEN);
        assert_true(h.written.checked);
        assert_true(h.written.bytes == cases[i].counts);
        assert_true(h.written.length[0] + h.written.length[1] == cases[i].counts);
        uint64_t first = cases[i].counts < 400 ? cases[i].counts : 400;
        assert_true(h.written.crc64[0] == rh_crc64_update(0, body, first));
    }
    harness_close(&h);
}

static void a_wrong_slice_ends_the_body(void **state)
{
    (void)state;
    struct harness h;
    open_with_body(&h);
    char head[2048];
    snprintf(head, sizeof head, "%s", head_of(4));
    h.code = RH_REPLY_BROKEN;
    h.split = 100;
    body[444] ^= 0x10; /* on its way */
    send_part(&h, head);
    harness_expect_error(&h, 422, "checksum_mismatch");
    assert_int_equal(h.written.end, RH_WRITTEN_BROKEN);
    assert_true(h.written.checked);
    assert_true(h.written.bytes == 300);
    assert_true(h.written.crc64[0] == rh_crc64_update(0, body, 300));
    assert_int_equal(h.reports, 1);
    /* The first one, and all in one feed. */
    h.split = 0;
    body[0] ^= 1;
    send_part(&h, head);
    harness_expect_error(&h, 422, "checksum_mismatch");
    assert_true(h.written.bytes == 0);
    harness_close(&h);
}

static void slices_must_be_of_this_part(void **state)
{
    (void)state;
    struct harness h;
    open_with_body(&h);
    static const char crc[] = "Reelhaul-Crc64: :rosUhgp5mIg=:\r\n";
    static const char *const wrong[] = {
        "Reelhaul-Slices: 1000;crc64=:rosUhgp5mIg=:\r\n",      /* and no checksum of the whole */
        "Reelhaul-Slices: 999;crc64=:rosUhgp5mIg=:\r\n@",      /* too short */
        "Reelhaul-Slices: 1000;crc64=:AAAAAAAAAAA=:\r\n@",     /* another checksum */
        "Reelhaul-Slices: 1000\r\n@",                          /* none */
        "Reelhaul-Slices: \"1000\";crc64=:rosUhgp5mIg=:\r\n@", /* no number */
        "Reelhaul-Slices: 0;crc64=:AAAAAAAAAAA=:\r\n@",        /* empty */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char head[1024];
        size_t length = strcspn(wrong[i], "@");
        snprintf(head, sizeof head, RAW "%s%.*s", wrong[i][length] == '@' ? crc : "", (int)length,
                 wrong[i]);
        send_part(&h, head);
        harness_expect_error(&h, 400, "invalid_field");
        assert_int_equal(h.asks, 0);
    }
    assert_int_equal(send_part(&h, head_of(3)), 400); /* the last is not declared */
    harness_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_body_is_taken_as_before),
        cmocka_unit_test(only_right_slices_of_a_broken_body_count),
        cmocka_unit_test(a_wrong_slice_ends_the_body),
        cmocka_unit_test(slices_must_be_of_this_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
