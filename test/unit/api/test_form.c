/* SPDX-License-Identifier: MIT */
/* The form, however it is cut: same request, same bytes, same answer. */
#include "harness.h"

#include <stdio.h>

#include "base/bytes.h"
#include "base/crc64.h"

#define CHUNK ((size_t)3000)

static uint8_t chunk[CHUNK];

/* Bytes full of false starts of the boundary. */
static void make_chunk(struct rh_rng *rng)
{
    static const char tease[] = "\r\n--X\r\n--\r\n--XY\r\r\n-";
    for (size_t i = 0; i < CHUNK; i++)
        chunk[i] = rh_rng_below(rng, 3) == 0 ? (uint8_t)rh_rng_next(rng)
                                             : (uint8_t)tease[i % (sizeof tease - 1)];
    /* "--XX" itself after a line break would end the part. */
    for (size_t i = 0; i + 6 <= CHUNK; i++) {
        if (memcmp(chunk + i, "\r\n--XX", 6) == 0)
            chunk[i] = 'x';
    }
}

static void shuffle(struct rh_rng *rng, const char **fields, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)rh_rng_below(rng, i);
        const char *it = fields[i - 1];
        fields[i - 1] = fields[j];
        fields[j] = it;
    }
}

static void splits_and_orders_do_not_matter(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    h.reply.upload.geometry = RH_GEOMETRY_CHUNKS;
    h.reply.upload.chunks_received = 5;
    char form[CHUNK + 4096];
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct rh_rng rng;
        rh_rng_init(&rng, seed);
        make_chunk(&rng);
        const char *fields[] = {"session_id=" TEST_SESSION,
                                "video_id=v_1",
                                "chunk_index=4",
                                "total_chunks=9",
                                "*",
                                "other=thing",
                                NULL};
        shuffle(&rng, fields, 6);
        size_t size = harness_form(form, sizeof form, fields, "video/mp4", chunk, CHUNK);
        h.splits = &rng;
        memset(h.disk, 0, CHUNK);
        unsigned status = harness_send(&h, "POST", "/api/upload/chunk", TEST_FORM_TYPE, form, size);
        if (status != 200)
            print_error("seed %u: %s\n", (unsigned)seed, harness_body(&h));
        assert_int_equal(status, 200);
        assert_string_equal(harness_body(&h), "{\"status\":\"chunk_received\",\"chunk_index\":4,"
                                              "\"total_chunks\":9,\"received\":5}\n");
        assert_string_equal(h.asked.name, "v_1");
        assert_string_equal(h.asked.mime, "video/mp4");
        assert_true(h.asked.chunk_index == 4 && h.asked.chunk_count == 9);
        assert_int_equal(h.asks, 1);
        assert_int_equal(h.written.end, RH_WRITTEN_WHOLE);
        assert_true(h.written.bytes == CHUNK);
        assert_true(h.written.crc64[0] == rh_crc64_update(0, chunk, CHUNK));
        assert_memory_equal(h.disk, chunk, CHUNK);
    }
    harness_close(&h);
}

static void cuts_anywhere_end_in_a_clear_answer(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    char form[CHUNK + 4096];
    struct rh_rng rng;
    rh_rng_init(&rng, 7);
    make_chunk(&rng);
    static const char *const fields[] = {"session_id=" TEST_SESSION, "video_id=v", "chunk_index=0",
                                         "total_chunks=1",           "*",          NULL};
    size_t size = harness_form(form, sizeof form, fields, "video/webm", chunk, CHUNK);
    h.splits = &rng;
    for (size_t cut = 0; cut < size - 2; cut += 1 + (size_t)rh_rng_below(&rng, 9)) {
        /* The client vanishes there, or the form ends there. */
        h.break_after = cut;
        h.break_why = RH_ERR_CLOSED;
        harness_send(&h, "POST", "/api/upload/chunk", TEST_FORM_TYPE, form, size);
        assert_int_equal(harness_status(&h), 400);
        if (h.asks > 0) {
            assert_int_equal(h.written.end, RH_WRITTEN_BROKEN);
            assert_memory_equal(h.disk, chunk, (size_t)h.written.bytes);
        }
        h.break_after = SIZE_MAX;
        harness_send(&h, "POST", "/api/upload/chunk", TEST_FORM_TYPE, form, cut);
        harness_expect_error(&h, 400, "bad_form");
    }
    harness_close(&h);
}

static void garbage_is_no_form(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    static const char *const bodies[] = {
        "garbage",
        "--XX\r\n\r\nno disposition\r\n--XX--\r\n",
        "--XX--\r\n trailing",
        "--XX\nContent-Disposition: form-data; name=\"chunk\"\n\nx\n--XX--\n",
        "--XX\r\nContent-Disposition: attachment; name=\"chunk\"\r\n\r\nx\r\n--XX--\r\n",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        harness_send(&h, "POST", "/api/upload/chunk", TEST_FORM_TYPE, bodies[i], strlen(bodies[i]));
        harness_expect_error(&h, 400, i == 2 ? "missing_field" : "bad_form");
        assert_int_equal(h.asks, 0);
    }
    harness_close(&h);
}

static void the_store_may_fail_in_the_middle_of_a_form(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    char form[CHUNK + 4096];
    memset(chunk, 'x', CHUNK);
    static const char *const orders[][6] = {
        {"session_id=" TEST_SESSION, "video_id=v", "chunk_index=0", "total_chunks=1", "*"},
        {"*", "session_id=" TEST_SESSION, "video_id=v", "chunk_index=0", "total_chunks=1"},
    };
    for (size_t i = 0; i < 2; i++) {
        size_t size = harness_form(form, sizeof form, orders[i], "video/webm", chunk, CHUNK);
        h.split = 50;
        h.fail_at_write = 1;
        h.write_error = RH_ERR_FULL;
        h.code = RH_REPLY_FULL;
        harness_send(&h, "POST", "/api/upload/chunk", TEST_FORM_TYPE, form, size);
        harness_expect_error(&h, 507, "storage_full");
        assert_int_equal(h.written.end, RH_WRITTEN_FULL);
    }
    harness_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_and_orders_do_not_matter),
        cmocka_unit_test(cuts_anywhere_end_in_a_clear_answer),
        cmocka_unit_test(garbage_is_no_form),
        cmocka_unit_test(the_store_may_fail_in_the_middle_of_a_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
