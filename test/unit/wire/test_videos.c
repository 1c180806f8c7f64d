/* SPDX-License-Identifier: MIT */
#include "base/crc64.h"
#include "wire_bench.h"

static struct rh_wire_request request(const struct rh_action *a, const struct rh_wire_source *s)
{
    struct rh_wire_request r;
    assert_int_equal(rh_wire_request(&rh_wire_videos, a, s, wire_memory, sizeof wire_memory, &r),
                     RH_OK);
    return r;
}

static void init_names_the_video_so_that_it_can_be_repeated(void **state)
{
    (void)state;
    struct rh_action a = send_of(RH_SEND_CREATE, "");
    struct rh_wire_source s = {0};
    struct rh_wire_request r = request(&a, &s);
    assert_string_equal(r.method, "POST");
    expect_text(r.path, "/api/v1/videos/init");
    expect_text(r.headers, "Content-Type: application/json\r\n");
    expect_text(r.preamble, "{\"mime_type\":\"application/octet-stream\",\"video_id\":\"take-1\"}");
    s = (struct rh_wire_source){
        .session = rh_bytes_of("S-1"),
        .video = rh_bytes_of("v\"1"),
        .mime = rh_bytes_of("video/webm;codecs=\"vp9,opus\""),
        .metadata = rh_bytes_of("{\"prompt_id\":\"smile\"}"),
        .lease = rh_bytes_of("tab-1"),
        .lease_number = 4,
    };
    a.send.total = 12;
    r = request(&a, &s);
    expect_text(r.headers, "Content-Type: application/json\r\nReelhaul-Writer: \"tab-1\", 4\r\n");
    expect_text(r.preamble, "{\"mime_type\":\"video/webm;codecs=\\\"vp9,opus\\\"\",\"session_id\":"
                            "\"S-1\",\"video_id\":\"v\\\"1\",\"size\":12,\"metadata\":{\"prompt_"
                            "id\":\"smile\"}}");
    assert_int_equal(r.body_bytes, r.preamble.size);
}

static void a_part_carries_its_place_and_checksum(void **state)
{
    (void)state;
    struct rh_action a = send_of(RH_SEND_PART, "UP_1-x");
    a.send.range = (struct rh_range){1048576, 1000};
    struct rh_wire_source s = {0};
    struct rh_wire_request r = request(&a, &s);
    expect_text(r.path, "/api/v1/videos/chunk");
    expect_text(r.headers, "Content-Type: application/octet-stream\r\nReelhaul-Upload: UP_1-x\r\n"
                           "Reelhaul-Offset: 1048576\r\nReelhaul-Length: 1000\r\n");
    assert_int_equal(r.body, RH_WIRE_BODY_RANGE);
    assert_int_equal(r.body_bytes, 1000);
    a.send.crc_known = true;
    a.send.crc64 = 0xae8b14860a799888;
    a.send.total = 1049576;
    a.send.final = true;
    s.lease = rh_bytes_of("l");
    s.lease_number = 1;
    r = request(&a, &s);
    expect_text(r.headers, "Content-Type: application/octet-stream\r\nReelhaul-Upload: UP_1-x\r\n"
                           "Reelhaul-Offset: 1048576\r\nReelhaul-Length: 1000\r\n"
                           "Reelhaul-Crc64: :rosUhgp5mIg=:\r\nReelhaul-Total: 1049576\r\n"
                           "Reelhaul-Final: ?1\r\nReelhaul-Writer: \"l\", 1\r\n");
}

static void a_part_declares_its_slices(void **state)
{
    (void)state;
    struct rh_action a = send_of(RH_SEND_PART, "UP");
    struct rh_wire_source s = {0};
    a.send.range = (struct rh_range){0, 1009};
    a.send.crc_known = true;
    a.send.slices_count = 2;
    a.send.slices[0] = (struct rh_slice){1000, 0};
    a.send.slices[1] = (struct rh_slice){9, 0xae8b14860a799888};
    struct rh_wire_request r = request(&a, &s);
    expect_text(r.headers, "Content-Type: application/octet-stream\r\nReelhaul-Upload: UP\r\n"
                           "Reelhaul-Offset: 0\r\nReelhaul-Length: 1009\r\n"
                           "Reelhaul-Crc64: :AAAAAAAAAAA=:\r\nReelhaul-Slices: "
                           "1000;crc64=:AAAAAAAAAAA=:, 9;crc64=:rosUhgp5mIg=:\r\n");
}

static void a_shell_can_have_its_slices_made(void **state)
{
    (void)state;
    static uint8_t bytes[3 * RH_WIRE_SLICE_BYTES / 2 + 65 * RH_WIRE_SLICE_BYTES];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 31 >> 3);
    static const size_t sizes[] = {
        0, 1, RH_WIRE_SLICE_BYTES, RH_WIRE_SLICE_BYTES + 1, 64 * RH_WIRE_SLICE_BYTES, sizeof bytes};
    static const uint32_t counts[] = {0, 0, 0, 2, 64, 64};
    for (unsigned i = 0; i < 6; i++) {
        struct rh_action a = send_of(RH_SEND_PART, "UP");
        a.send.range.length = sizes[i];
        rh_wire_slices(&a.send, bytes);
        assert_true(a.send.crc_known && a.send.crc64 == rh_crc64_update(0, bytes, sizes[i]));
        assert_int_equal(a.send.slices_count, counts[i]);
        size_t at = 0;
        for (uint32_t n = 0; n < a.send.slices_count; n++) {
            size_t length = (size_t)a.send.slices[n].length;
            assert_true(a.send.slices[n].crc64 == rh_crc64_update(0, bytes + at, length));
            at += length;
        }
        assert_true(at == sizes[i] || a.send.slices_count == 0);
    }
}

static void finish_ask_and_cancel(void **state)
{
    (void)state;
    struct rh_wire_source s = {0};
    struct rh_action a = send_of(RH_SEND_FINISH, "UP");
    a.send.total = 9;
    a.send.crc_known = true;
    a.send.crc64 = 0xae8b14860a799888;
    struct rh_wire_request r = request(&a, &s);
    expect_text(r.path, "/api/v1/videos/finalize");
    expect_text(r.preamble,
                "{\"upload_id\":\"UP\",\"size\":9,\"checksum\":\"crc64nvme::rosUhgp5mIg=:\"}");
    a = send_of(RH_SEND_ASK, "UP");
    r = request(&a, &s);
    assert_string_equal(r.method, "HEAD");
    expect_text(r.path, "/api/v1/videos/UP");
    assert_int_equal(r.body, RH_WIRE_BODY_NONE);
    a = send_of(RH_SEND_CANCEL, "UP");
    r = request(&a, &s);
    assert_string_equal(r.method, "DELETE");
}

static void what_cannot_go_on_the_wire_is_refused(void **state)
{
    (void)state;
    struct rh_wire_request r;
    struct rh_wire_source good = {0};
    struct rh_action a = send_of(RH_SEND_PART, "../../etc");
    assert_int_equal(
        rh_wire_request(&rh_wire_videos, &a, &good, wire_memory, sizeof wire_memory, &r),
        RH_ERR_SYNTAX);
    a = send_of(RH_SEND_CREATE, "");
    static const char *const bad[] = {"a\r\nX: 1", "a\x01", "\x7f"};
    for (unsigned i = 0; i < 3; i++) {
        struct rh_wire_source s = {.mime = rh_bytes_of(bad[i])};
        assert_int_equal(
            rh_wire_request(&rh_wire_videos, &a, &s, wire_memory, sizeof wire_memory, &r),
            RH_ERR_SYNTAX);
        s = (struct rh_wire_source){.session = rh_bytes_of(bad[i])};
        assert_int_equal(
            rh_wire_request(&rh_wire_videos, &a, &s, wire_memory, sizeof wire_memory, &r),
            RH_ERR_SYNTAX);
    }
    struct rh_wire_source s = {.metadata = rh_bytes_of("[1]")};
    assert_int_equal(rh_wire_request(&rh_wire_videos, &a, &s, wire_memory, sizeof wire_memory, &r),
                     RH_ERR_SYNTAX);
    assert_int_equal(rh_wire_request(&rh_wire_videos, &a, &good, wire_memory, 20, &r),
                     RH_ERR_LIMIT);
}

static void a_created_upload_is_read(void **state)
{
    (void)state;
    struct rh_action a = send_of(RH_SEND_CREATE, "");
    struct rh_response r = read_answer(
        &rh_wire_videos, &a, 201,
        HEADERS("reelhaul-upload", "UP", "REELHAUL-STATE", " open ", "Reelhaul-Generation", "g7"));
    assert_int_equal(r.outcome, RH_OUTCOME_OK);
    assert_string_equal(r.remote, "UP");
    assert_string_equal(r.generation, "g7");
    assert_true(r.listed);
    assert_int_equal(r.acks_count, 0);
    r = read_answer(&rh_wire_videos, &a, 200,
                    HEADERS("Reelhaul-Upload", "UP", "Reelhaul-State", "open", "Reelhaul-Durable",
                            "(0 100);crc64=:rosUhgp5mIg=:, (200 50)"));
    assert_int_equal(r.acks_count, 2);
    assert_true(r.acks[0].crc_known && r.acks[0].crc64 == 0xae8b14860a799888);
    assert_false(r.acks[0].kept);
    assert_true(r.acks[0].durable);
    assert_int_equal(r.acks[1].offset, 200);
    assert_false(r.acks[1].crc_known);
}

static void a_receipt_is_read(void **state)
{
    (void)state;
    struct rh_action a = send_of(RH_SEND_PART, "UP");
    a.send.range = (struct rh_range){0, 9};
    struct rh_response r = read_answer(
        &rh_wire_videos, &a, 200,
        HEADERS("Reelhaul-Upload", "UP", "Reelhaul-State", "open", "Reelhaul-Durable", "(0 900)",
                "Reelhaul-Receipt",
                "offset=0, length=9, crc64=:rosUhgp5mIg=:, kept=until-complete, durable"));
    assert_int_equal(r.outcome, RH_OUTCOME_OK);
    assert_false(r.listed);
    assert_int_equal(r.acks_count, 1);
    assert_true(r.acks[0].kept && r.acks[0].durable && r.acks[0].crc_known);
    r = read_answer(&rh_wire_videos, &a, 200,
                    HEADERS("Reelhaul-Upload", "UP", "Reelhaul-State", "done", "Reelhaul-Receipt",
                            "offset=0, length=9, crc64=:rosUhgp5mIg=:, kept=for-now"));
    assert_int_equal(r.outcome, RH_OUTCOME_DONE);
    assert_false(r.acks[0].kept);
    assert_false(r.acks[0].durable);
}

static void a_2xx_of_somebody_else_is_malformed(void **state)
{
    (void)state;
    static const char *const receipt =
        "offset=0, length=9, crc64=:rosUhgp5mIg=:, kept=until-complete, durable";
    for (int kind = RH_SEND_CREATE; kind <= RH_SEND_FINISH; kind++) {
        struct rh_action a = send_of((enum rh_send_kind)kind, kind == RH_SEND_CREATE ? "" : "UP");
        assert_int_equal(read_answer(&rh_wire_videos, &a, 200, NULL).outcome, RH_OUTCOME_MALFORMED);
        assert_int_equal(
            read_answer(&rh_wire_videos, &a, 200, HEADERS("Content-Type", "text/html")).outcome,
            RH_OUTCOME_MALFORMED);
        assert_int_equal(
            read_answer(&rh_wire_videos, &a, 200, HEADERS("Reelhaul-State", "open")).outcome,
            RH_OUTCOME_MALFORMED);
        assert_int_equal(
            read_answer(&rh_wire_videos, &a, 302, HEADERS("Location", "/login")).outcome,
            RH_OUTCOME_MALFORMED);
    }
    struct rh_action a = send_of(RH_SEND_PART, "UP");
    static const char *const lies[] = {"offset=0", "offset=-1, length=9, crc64=:rosUhgp5mIg=:",
                                       "offset=0, length=9, crc64=:AA==:", "nonsense\"",
                                       "offset=999999999999999, length=999999999999999999"};
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(read_answer(&rh_wire_videos, &a, 200,
                                     HEADERS("Reelhaul-Upload", "UP", "Reelhaul-State", "open",
                                             "Reelhaul-Receipt", lies[i]))
                             .outcome,
                         RH_OUTCOME_MALFORMED);
    /* Another upload's answer (a cache, a mixed-up proxy) is not about this one. */
    assert_int_equal(read_answer(&rh_wire_videos, &a, 200,
                                 HEADERS("Reelhaul-Upload", "OTHER", "Reelhaul-State", "open",
                                         "Reelhaul-Receipt", receipt))
                         .outcome,
                     RH_OUTCOME_MALFORMED);
    assert_int_equal(read_answer(&rh_wire_videos, &a, 200,
                                 HEADERS("Reelhaul-Upload", "UP", "Reelhaul-State", "open",
                                         "Reelhaul-Receipt", receipt, "Reelhaul-Error", "internal"))
                         .outcome,
                     RH_OUTCOME_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_names_the_video_so_that_it_can_be_repeated),
        cmocka_unit_test(a_part_carries_its_place_and_checksum),
        cmocka_unit_test(a_part_declares_its_slices),
        cmocka_unit_test(a_shell_can_have_its_slices_made),
        cmocka_unit_test(finish_ask_and_cancel),
        cmocka_unit_test(what_cannot_go_on_the_wire_is_refused),
        cmocka_unit_test(a_created_upload_is_read),
        cmocka_unit_test(a_receipt_is_read),
        cmocka_unit_test(a_2xx_of_somebody_else_is_malformed),
    };
    return cmocka_run_group_tests_name("videos", tests, NULL, NULL);
}
