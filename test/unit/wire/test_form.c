/* SPDX-License-Identifier: MIT */
#include "wire_bench.h"

static const struct rh_wire_source source = {
    .session = {(const uint8_t *)"S-1", 3},
    .video = {(const uint8_t *)"v 1", 3},
    .mime = {(const uint8_t *)"video/webm", 10},
};

static struct rh_wire_request request(const struct rh_action *a, const struct rh_wire_source *s)
{
    struct rh_wire_request r;
    assert_int_equal(rh_wire_request(&rh_wire_form, a, s, wire_memory, sizeof wire_memory, &r),
                     RH_OK);
    return r;
}

static struct rh_action sealed(enum rh_send_kind kind, const char *remote)
{
    struct rh_action a = send_of(kind, remote);
    a.send.total = 2 * 1048576 + 5;
    return a;
}

static void create_asks_when_the_session_is_known(void **state)
{
    (void)state;
    struct rh_action a = sealed(RH_SEND_CREATE, "");
    struct rh_wire_request r = request(&a, &source);
    assert_string_equal(r.method, "GET");
    expect_text(r.path, "/api/session/S-1?video=v%201");
    struct rh_wire_source none = {0};
    r = request(&a, &none);
    assert_string_equal(r.method, "POST");
    expect_text(r.path, "/api/session/create");
    expect_text(r.preamble, "{}");
}

static void a_chunk_is_a_form(void **state)
{
    (void)state;
    struct rh_action a = sealed(RH_SEND_PART, "-");
    a.send.range = (struct rh_range){2 * 1048576, 5};
    struct rh_wire_request r = request(&a, &source);
    expect_text(r.path, "/api/upload/chunk");
    expect_text(r.headers,
                "Content-Type: multipart/form-data; boundary=reelhaul-7f3a91c4e2-7-0\r\n");
    expect_text(
        r.preamble,
        "--reelhaul-7f3a91c4e2-7-0\r\nContent-Disposition: form-data; name=\"session_id\"\r\n\r\n"
        "S-1\r\n"
        "--reelhaul-7f3a91c4e2-7-0\r\nContent-Disposition: form-data; name=\"video_id\"\r\n\r\n"
        "v 1\r\n"
        "--reelhaul-7f3a91c4e2-7-0\r\nContent-Disposition: form-data; name=\"chunk_index\"\r\n\r\n"
        "2\r\n"
        "--reelhaul-7f3a91c4e2-7-0\r\nContent-Disposition: form-data; name=\"total_chunks\"\r\n\r\n"
        "3\r\n"
        "--reelhaul-7f3a91c4e2-7-0\r\nContent-Disposition: form-data; name=\"chunk\"; "
        "filename=\"chunk\"\r\nContent-Type: video/webm\r\n\r\n");
    expect_text(r.epilogue, "\r\n--reelhaul-7f3a91c4e2-7-0--\r\n");
    assert_int_equal(r.body, RH_WIRE_BODY_FORM);
    assert_int_equal(r.body_bytes, r.preamble.size + 5 + r.epilogue.size);
    /* Its checksum rides in a header: what is damaged on the way must not be taken. */
    a.send.crc_known = true;
    a.send.crc64 = 0xae8b14860a799888u;
    r = request(&a, &source);
    expect_text(r.headers, "Content-Type: multipart/form-data; "
                           "boundary=reelhaul-7f3a91c4e2-7-255974262\r\n"
                           "Reelhaul-Crc64: :rosUhgp5mIg=:\r\n");
}

static void an_empty_video_is_one_empty_chunk(void **state)
{
    (void)state;
    struct rh_action a = sealed(RH_SEND_PART, "-");
    a.send.total = 0;
    struct rh_wire_request r = request(&a, &source);
    assert_non_null(strstr((const char *)r.preamble.data, "\"total_chunks\"\r\n\r\n1\r\n"));
    a = sealed(RH_SEND_ASK, "-");
    a.send.total = 0;
    struct rh_response list = read_answer(
        &rh_wire_form, &a, 200, HEADERS("Reelhaul-State", "open", "Reelhaul-Chunks", "0"));
    assert_int_equal(list.outcome, RH_OUTCOME_OK);
    assert_int_equal(list.acks_count, 0);
}

static void metadata_gets_the_ids_and_the_size(void **state)
{
    (void)state;
    struct rh_action a = sealed(RH_SEND_FINISH, "-");
    struct rh_wire_source s = source;
    struct rh_wire_request r = request(&a, &s);
    expect_text(r.path, "/api/upload/metadata");
    expect_text(r.preamble, "{\"session_id\":\"S-1\",\"video_id\":\"v 1\",\"file_size\":2097157}");
    s.metadata = rh_bytes_of(" { \"codec\":\"vp9\", \"file_size\":3 } ");
    r = request(&a, &s);
    expect_text(r.preamble, "{\"session_id\":\"S-1\",\"video_id\":\"v 1\",\"codec\":\"vp9\", "
                            "\"file_size\":3}");
    s.metadata = rh_bytes_of("{}");
    r = request(&a, &s);
    expect_text(r.preamble, "{\"session_id\":\"S-1\",\"video_id\":\"v 1\",\"file_size\":2097157}");
}

static void growing_uploads_and_cancels_are_not_for_it(void **state)
{
    (void)state;
    struct rh_wire_request r;
    struct rh_action a = send_of(RH_SEND_PART, "-");
    assert_int_equal(
        rh_wire_request(&rh_wire_form, &a, &source, wire_memory, sizeof wire_memory, &r),
        RH_ERR_STATE);
    a = sealed(RH_SEND_CANCEL, "-");
    assert_int_equal(
        rh_wire_request(&rh_wire_form, &a, &source, wire_memory, sizeof wire_memory, &r),
        RH_ERR_STATE);
    struct rh_wire_source bad = source;
    bad.session = rh_bytes_of("../x");
    a = sealed(RH_SEND_ASK, "-");
    assert_int_equal(rh_wire_request(&rh_wire_form, &a, &bad, wire_memory, sizeof wire_memory, &r),
                     RH_ERR_SYNTAX);
}

static void chunks_become_ranges(void **state)
{
    (void)state;
    struct rh_action a = sealed(RH_SEND_ASK, "-");
    struct rh_response r = read_answer(
        &rh_wire_form, &a, 200, HEADERS("Reelhaul-State", "open", "Reelhaul-Chunks", "0, 2"));
    assert_int_equal(r.outcome, RH_OUTCOME_OK);
    assert_true(r.listed);
    assert_int_equal(r.acks_count, 2);
    assert_int_equal(r.acks[0].length, 1048576);
    assert_int_equal(r.acks[1].offset, 2 * 1048576);
    assert_int_equal(r.acks[1].length, 5);
    assert_false(r.acks[1].crc_known);
    static const char *const lies[] = {"3", "0-", "2-1", "99999999999999999999",
                                       "0-18446744073709551614"};
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(read_answer(&rh_wire_form, &a, 200,
                                     HEADERS("Reelhaul-State", "open", "Reelhaul-Chunks", lies[i]))
                             .outcome,
                         RH_OUTCOME_MALFORMED);
    /* A video that the session does not know yet: nothing is there. */
    r = read_answer(&rh_wire_form, &a, 200, HEADERS("Reelhaul-Generation", "g"));
    assert_int_equal(r.outcome, RH_OUTCOME_OK);
    assert_true(r.listed);
    assert_int_equal(r.acks_count, 0);
    assert_int_equal(read_answer(&rh_wire_form, &a, 200, NULL).outcome, RH_OUTCOME_MALFORMED);
}

static void a_new_session_is_the_remote_name(void **state)
{
    (void)state;
    struct rh_action a = sealed(RH_SEND_CREATE, "");
    struct rh_response r =
        read_answer(&rh_wire_form, &a, 200, HEADERS("Location", "/api/session/0a1b-2c"));
    assert_int_equal(r.outcome, RH_OUTCOME_OK);
    assert_string_equal(r.remote, "0a1b-2c");
    assert_int_equal(
        read_answer(&rh_wire_form, &a, 200, HEADERS("Location", "/api/session/../../x")).outcome,
        RH_OUTCOME_MALFORMED);
    r = read_answer(&rh_wire_form, &a, 200, HEADERS("Reelhaul-Generation", "g"));
    assert_string_equal(r.remote, "-");
    struct rh_wire_source none = {0};
    struct rh_action ask = sealed(RH_SEND_ASK, "0a1b-2c");
    struct rh_wire_request q = request(&ask, &none);
    expect_text(q.path, "/api/session/0a1b-2c?video=take-1");
}

static void a_chunk_is_believed_and_done_needs_its_receipt(void **state)
{
    (void)state;
    struct rh_action a = sealed(RH_SEND_PART, "-");
    a.send.range = (struct rh_range){1048576, 1048576};
    struct rh_response r = read_answer(&rh_wire_form, &a, 200, HEADERS("Reelhaul-State", "open"));
    assert_int_equal(r.outcome, RH_OUTCOME_OK);
    assert_int_equal(r.acks_count, 1);
    assert_int_equal(r.acks[0].offset, 1048576);
    assert_false(r.acks[0].crc_known);
    assert_false(r.acks[0].kept);
    r = read_answer(&rh_wire_form, &a, 200,
                    HEADERS("Reelhaul-State", "open", "Reelhaul-Receipt",
                            "offset=1048576, length=1048576, crc64=:rosUhgp5mIg=:, "
                            "kept=until-complete, durable"));
    assert_true(r.acks[0].crc_known && r.acks[0].kept);
    r = read_answer(&rh_wire_form, &a, 200,
                    HEADERS("Reelhaul-State", "done", "Reelhaul-Chunks", "0-2", "Reelhaul-Receipt",
                            "offset=0, length=2097157, crc64=:rosUhgp5mIg=:, kept=until-complete, "
                            "durable"));
    assert_int_equal(r.outcome, RH_OUTCOME_DONE);
    assert_int_equal(r.acks_count, 1);
    assert_int_equal(r.acks[0].length, 2097157);
    assert_int_equal(read_answer(&rh_wire_form, &a, 200, NULL).outcome, RH_OUTCOME_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_asks_when_the_session_is_known),
        cmocka_unit_test(a_chunk_is_a_form),
        cmocka_unit_test(an_empty_video_is_one_empty_chunk),
        cmocka_unit_test(metadata_gets_the_ids_and_the_size),
        cmocka_unit_test(growing_uploads_and_cancels_are_not_for_it),
        cmocka_unit_test(chunks_become_ranges),
        cmocka_unit_test(a_new_session_is_the_remote_name),
        cmocka_unit_test(a_chunk_is_believed_and_done_needs_its_receipt),
    };
    return cmocka_run_group_tests_name("form", tests, NULL, NULL);
}
