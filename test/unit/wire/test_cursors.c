/* SPDX-License-Identifier: MIT */
/* The IETF's draft, PUT with Content-Range, and what servers say of themselves. */
#include "wire_bench.h"

static struct rh_wire_request request(const struct rh_wire_dialect *dialect,
                                      const struct rh_action *a, const struct rh_wire_source *s)
{
    struct rh_wire_request r;
    assert_int_equal(rh_wire_request(dialect, a, s, wire_memory, sizeof wire_memory, &r), RH_OK);
    return r;
}

static struct rh_action sized(enum rh_send_kind kind, const char *remote, uint64_t total)
{
    struct rh_action a = send_of(kind, remote);
    a.send.total = total;
    return a;
}

/* ---- the draft ---- */

static void a_draft_upload_is_made_filled_and_ended(void **state)
{
    (void)state;
    struct rh_action a = sized(RH_SEND_CREATE, "", 12);
    struct rh_wire_source s = {0};
    struct rh_wire_request r = request(&rh_wire_resumable, &a, &s);
    assert_string_equal(r.method, "POST");
    expect_text(r.path, "/files/");
    expect_text(r.headers, "Upload-Draft-Interop-Version: 8\r\nUpload-Complete: ?0\r\n"
                           "Upload-Length: 12\r\n");
    s.mime = rh_bytes_of("video/webm");
    s.file_name = rh_bytes_of("a b.webm");
    a.send.total = RH_SIZE_UNKNOWN;
    r = request(&rh_wire_resumable6, &a, &s);
    expect_text(r.headers, "Upload-Draft-Interop-Version: 6\r\nUpload-Complete: ?0\r\n"
                           "Content-Type: video/webm\r\n"
                           "Content-Disposition: attachment; filename*=UTF-8''a%20b.webm\r\n");
    a = sized(RH_SEND_PART, "/u/1", 30);
    a.send.range = (struct rh_range){10, 10};
    r = request(&rh_wire_resumable, &a, &s);
    assert_string_equal(r.method, "PATCH");
    expect_text(r.path, "/u/1");
    expect_text(r.headers, "Upload-Draft-Interop-Version: 8\r\n"
                           "Content-Type: application/partial-upload\r\n"
                           "Upload-Offset: 10\r\nUpload-Complete: ?0\r\n");
    assert_int_equal(r.body_bytes, 10);
    a.send.crc_known = true;
    a.send.crc64 = 0xae8b14860a799888;
    r = request(&rh_wire_resumable, &a, &s);
    expect_text(r.headers, "Upload-Draft-Interop-Version: 8\r\n"
                           "Content-Type: application/partial-upload\r\n"
                           "Upload-Offset: 10\r\nUpload-Complete: ?0\r\n"
                           "Content-Digest: crc64nvme=:rosUhgp5mIg=:\r\n");
    a.send.crc_known = false;
    a.send.final = true;
    a.send.range.offset = 20;
    r = request(&rh_wire_resumable, &a, &s);
    expect_text(r.headers, "Upload-Draft-Interop-Version: 8\r\n"
                           "Content-Type: application/partial-upload\r\n"
                           "Upload-Offset: 20\r\nUpload-Complete: ?1\r\n");
    a = sized(RH_SEND_FINISH, "/u/1", 30);
    r = request(&rh_wire_resumable, &a, &s);
    expect_text(r.headers, "Upload-Draft-Interop-Version: 8\r\n"
                           "Content-Type: application/partial-upload\r\n"
                           "Upload-Offset: 30\r\nUpload-Complete: ?1\r\n");
    assert_int_equal(r.body, RH_WIRE_BODY_INLINE);
    a = sized(RH_SEND_ASK, "/u/1", 30);
    assert_string_equal(request(&rh_wire_resumable, &a, &s).method, "HEAD");
    a = sized(RH_SEND_CANCEL, "/u/1", 30);
    assert_string_equal(request(&rh_wire_resumable, &a, &s).method, "DELETE");
}

static enum rh_outcome draft(enum rh_send_kind kind, uint64_t total, const char *offset,
                             const char *complete)
{
    struct rh_action a = sized(kind, "/u/1", total);
    a.send.range = (struct rh_range){100, 50};
    a.send.final = total == 150;
    return read_answer(&rh_wire_resumable, &a, 204,
                       HEADERS(offset == NULL ? "X" : "Upload-Offset", offset == NULL ? "" : offset,
                               complete == NULL ? "X" : "Upload-Complete",
                               complete == NULL ? "" : complete))
        .outcome;
}

static void a_draft_answer_says_whether_it_is_complete(void **state)
{
    (void)state;
    struct rh_action a = sized(RH_SEND_CREATE, "", 12);
    struct rh_response r = read_answer(&rh_wire_resumable, &a, 201, HEADERS("Location", "/u/1"));
    assert_int_equal(r.outcome, RH_OUTCOME_OK);
    assert_string_equal(r.remote, "/u/1");
    r = read_answer(&rh_wire_resumable, &a, 201, NULL);
    assert_int_equal(r.outcome, RH_OUTCOME_MALFORMED);

    assert_int_equal(draft(RH_SEND_ASK, 200, "150", "?0"), RH_OUTCOME_OK);
    assert_int_equal(draft(RH_SEND_ASK, 200, "200", "?0"), RH_OUTCOME_OK); /* the end is not said */
    assert_int_equal(draft(RH_SEND_ASK, 200, "200", "?1"), RH_OUTCOME_DONE);
    assert_int_equal(draft(RH_SEND_ASK, 200, "150", "?1"), RH_OUTCOME_DIFFERENT_BYTES);
    assert_int_equal(draft(RH_SEND_ASK, 200, "201", "?0"), RH_OUTCOME_DIFFERENT_BYTES);
    assert_int_equal(draft(RH_SEND_ASK, RH_SIZE_UNKNOWN, "201", "?0"), RH_OUTCOME_OK);
    assert_int_equal(draft(RH_SEND_ASK, 200, NULL, "?0"), RH_OUTCOME_MALFORMED);
    assert_int_equal(draft(RH_SEND_ASK, 200, "150", NULL), RH_OUTCOME_MALFORMED);
    assert_int_equal(draft(RH_SEND_ASK, 200, "150", "1"), RH_OUTCOME_MALFORMED); /* no boolean */

    assert_int_equal(draft(RH_SEND_PART, 200, "150", "?0"), RH_OUTCOME_OK);
    assert_int_equal(draft(RH_SEND_PART, 200, NULL, "?0"), RH_OUTCOME_OK);
    assert_int_equal(draft(RH_SEND_PART, 200, "150", NULL), RH_OUTCOME_MALFORMED);
    assert_int_equal(draft(RH_SEND_PART, 200, "90", "?0"), RH_OUTCOME_SUPERSEDED);
    assert_int_equal(draft(RH_SEND_PART, 200, "150", "?1"), RH_OUTCOME_SUPERSEDED);
    assert_int_equal(draft(RH_SEND_PART, 150, "150", "?1"), RH_OUTCOME_DONE);
    assert_int_equal(draft(RH_SEND_PART, 150, NULL, "?1"), RH_OUTCOME_DONE);
    assert_int_equal(draft(RH_SEND_PART, 150, "140", "?1"), RH_OUTCOME_SUPERSEDED);

    assert_int_equal(draft(RH_SEND_FINISH, 200, NULL, "?1"), RH_OUTCOME_DONE);
    assert_int_equal(draft(RH_SEND_FINISH, 200, NULL, "?0"), RH_OUTCOME_INCOMPLETE);
    assert_int_equal(draft(RH_SEND_FINISH, 200, NULL, NULL), RH_OUTCOME_MALFORMED);
    assert_int_equal(draft(RH_SEND_CANCEL, 200, NULL, NULL), RH_OUTCOME_OK);

    a = sized(RH_SEND_PART, "/u/1", 200);
    r = read_answer(&rh_wire_resumable, &a, 409, HEADERS("Upload-Offset", "4"));
    assert_int_equal(r.outcome, RH_OUTCOME_SUPERSEDED);
    assert_int_equal(read_answer(&rh_wire_resumable, &a, 409, NULL).outcome, RH_OUTCOME_MALFORMED);
    r = read_answer(&rh_wire_resumable, &a, 404, HEADERS("Upload-Offset", "4"));
    assert_int_equal(r.outcome, RH_OUTCOME_GONE_BARE);
}

static void a_request_that_has_no_room_is_refused(void **state)
{
    (void)state;
    struct rh_wire_source s = {0};
    struct rh_wire_request r;
    struct rh_action a = sized(RH_SEND_PART, "/u/1", 30);
    a.send.range = (struct rh_range){10, 10};
    a.send.crc_known = true;
    size_t whole = request(&rh_wire_resumable, &a, &s).headers.size + 4;
    for (size_t room = 0; room < whole; room++)
        assert_int_equal(rh_wire_request(&rh_wire_resumable, &a, &s, wire_memory, room, &r),
                         RH_ERR_LIMIT);
    assert_int_equal(rh_wire_request(&rh_wire_resumable, &a, &s, wire_memory, whole, &r), RH_OK);
}

static void a_draft_upload_that_is_finished_still_is_not_done(void **state)
{
    (void)state;
    struct rh_action a = sized(RH_SEND_PART, "/u/1", 150);
    a.send.range = (struct rh_range){100, 50};
    a.send.final = true;
    for (enum rh_send_kind kind = RH_SEND_ASK; kind <= RH_SEND_FINISH; kind++) {
        a.send.kind = kind;
        struct rh_response r = read_answer(&rh_wire_resumable, &a, 200,
                                           HEADERS("Upload-Offset", "150", "Upload-Complete", "?1",
                                                   "Reelhaul-State", "finishing"));
        assert_int_equal(r.outcome, RH_OUTCOME_OK);
    }
}

/* ---- Content-Range ---- */

static void chunks_are_put_where_they_belong(void **state)
{
    (void)state;
    struct rh_wire_source s = {.endpoint = rh_bytes_of("/upload?name=x")};
    struct rh_action a = sized(RH_SEND_CREATE, "", 600000);
    struct rh_wire_request r = request(&rh_wire_chunks, &a, &s);
    assert_string_equal(r.method, "POST");
    expect_text(r.path, "/upload?name=x");
    expect_text(r.headers, "x-goog-resumable: start\r\nX-Upload-Content-Length: 600000\r\n");
    s.mime = rh_bytes_of("video/webm");
    r = request(&rh_wire_chunks, &a, &s);
    expect_text(r.headers, "x-goog-resumable: start\r\nX-Upload-Content-Length: 600000\r\n"
                           "X-Upload-Content-Type: video/webm\r\nContent-Type: video/webm\r\n");
    s = (struct rh_wire_source){.endpoint = rh_bytes_of("/b?k=1&upload_id=abc")};
    r = request(&rh_wire_chunks, &a, &s);
    assert_string_equal(r.method, "PUT");
    expect_text(r.headers, "Content-Range: bytes */600000\r\n");
    a = sized(RH_SEND_PART, ".", 600000);
    a.send.range = (struct rh_range){262144, 262144};
    r = request(&rh_wire_chunks, &a, &s);
    expect_text(r.path, "/b?k=1&upload_id=abc");
    expect_text(r.headers, "Content-Range: bytes 262144-524287/600000\r\n"
                           "Content-Type: application/octet-stream\r\n");
    assert_int_equal(r.body_bytes, 262144);
    a.send.crc_known = true;
    a.send.crc64 = 0xae8b14860a799888;
    r = request(&rh_wire_chunks, &a, &s);
    expect_text(r.headers, "Content-Range: bytes 262144-524287/600000\r\n"
                           "Content-Type: application/octet-stream\r\n"
                           "Content-Digest: crc64nvme=:rosUhgp5mIg=:\r\n");
    a = sized(RH_SEND_PART, "/s/1", 0);
    a.send.crc_known = true;
    r = request(&rh_wire_chunks, &a, &s);
    expect_text(r.path, "/s/1");
    expect_text(r.headers,
                "Content-Range: bytes */0\r\nContent-Type: application/octet-stream\r\n");
    a = sized(RH_SEND_ASK, "/s/1", 9);
    expect_text(request(&rh_wire_chunks, &a, &s).headers, "Content-Range: bytes */9\r\n");
    a = sized(RH_SEND_CANCEL, "/s/1", 9);
    assert_int_equal(rh_wire_request(&rh_wire_chunks, &a, &s, wire_memory, sizeof wire_memory, &r),
                     RH_ERR_STATE);
    a = sized(RH_SEND_CREATE, "", RH_SIZE_UNKNOWN);
    assert_int_equal(rh_wire_request(&rh_wire_chunks, &a, &s, wire_memory, sizeof wire_memory, &r),
                     RH_ERR_STATE);
}

static struct rh_response put(enum rh_send_kind kind, uint16_t status, bool final,
                              const char *range)
{
    struct rh_action a = sized(kind, "/s/1", 1000);
    a.send.range = (struct rh_range){500, 250};
    a.send.final = final;
    return read_answer(&rh_wire_chunks, &a, status,
                       HEADERS(range == NULL ? "X" : "Range", range == NULL ? "" : range));
}

static void a_redirection_is_no_308_of_an_upload(void **state)
{
    (void)state;
    for (enum rh_send_kind kind = RH_SEND_CREATE; kind <= RH_SEND_FINISH; kind++) {
        struct rh_action a = sized(kind, "/u/1", 1000);
        a.send.range = (struct rh_range){500, 250};
        struct rh_response r =
            read_answer(&rh_wire_chunks, &a, 308, HEADERS("Location", "https://portal.example/"));
        assert_int_equal(r.outcome, RH_OUTCOME_MALFORMED);
    }
}

static void a_put_that_is_finished_still_is_not_done(void **state)
{
    (void)state;
    struct rh_action a = sized(RH_SEND_PART, "/u/1", 750);
    a.send.range = (struct rh_range){500, 250};
    a.send.final = true;
    struct rh_response r =
        read_answer(&rh_wire_chunks, &a, 200, HEADERS("Reelhaul-State", "finishing"));
    assert_int_equal(r.outcome, RH_OUTCOME_OK);
}

static void a_308_says_how_far_it_is(void **state)
{
    (void)state;
    struct rh_response r = put(RH_SEND_PART, 308, false, "bytes=0-749");
    assert_int_equal(r.outcome, RH_OUTCOME_OK);
    assert_true(r.acks_count == 1 && r.acks[0].offset == 500 && r.acks[0].length == 250);
    assert_int_equal(put(RH_SEND_PART, 308, false, "bytes=0-599").acks[0].length, 100);
    assert_int_equal(put(RH_SEND_PART, 308, false, NULL).outcome, RH_OUTCOME_SUPERSEDED);
    assert_int_equal(put(RH_SEND_PART, 308, false, "bytes=0-999").outcome, RH_OUTCOME_SUPERSEDED);
    static const char *const bad[] = {"", "bytes=0-", "bytes=1-5", "bytes=0-1000", "bytes=0-x"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(put(RH_SEND_PART, 308, false, bad[i]).outcome, RH_OUTCOME_MALFORMED);
    assert_int_equal(put(RH_SEND_PART, 200, false, NULL).outcome, RH_OUTCOME_MALFORMED);
    assert_int_equal(put(RH_SEND_PART, 201, true, NULL).outcome, RH_OUTCOME_DONE);
    r = put(RH_SEND_ASK, 308, false, "bytes=0-99");
    assert_true(r.listed && r.acks_count == 1 && r.acks[0].length == 100);
    r = put(RH_SEND_ASK, 308, false, NULL);
    assert_true(r.outcome == RH_OUTCOME_OK && r.listed && r.acks_count == 0);
    assert_int_equal(put(RH_SEND_ASK, 200, false, NULL).outcome, RH_OUTCOME_DONE);
    assert_int_equal(put(RH_SEND_FINISH, 308, false, NULL).outcome, RH_OUTCOME_INCOMPLETE);
    assert_int_equal(put(RH_SEND_PART, 404, false, NULL).outcome, RH_OUTCOME_GONE_BARE);
    r = put(RH_SEND_CREATE, 308, false, "bytes=0-99");
    assert_string_equal(r.remote, ".");
    assert_int_equal(put(RH_SEND_CREATE, 200, false, NULL).outcome, RH_OUTCOME_MALFORMED);
    struct rh_action a = sized(RH_SEND_CREATE, "", 9);
    r = read_answer(&rh_wire_chunks, &a, 201,
                    HEADERS("Location", "https://s.example/?upload_id=1"));
    assert_string_equal(r.remote, "https://s.example/?upload_id=1");
}

/* ---- what servers say of themselves ---- */

static struct rh_wire_offer offer_of(uint16_t status, const char *const *pairs)
{
    struct rh_wire_offer offer;
    rh_wire_offer_init(&offer, status);
    for (; pairs[0] != NULL; pairs += 2)
        rh_wire_offer_header(&offer, rh_bytes_of(pairs[0]), rh_bytes_of(pairs[1]));
    return offer;
}

static void the_best_of_what_is_offered_is_picked(void **state)
{
    (void)state;
    struct rh_wire_offer o =
        offer_of(204, HEADERS("Tus-Version", "0.2.2, 1.0.0", "Tus-Extension",
                              "creation,creation-with-upload, termination ,concatenation,"
                              "creation-defer-length",
                              "Tus-Checksum-Algorithm", "md5,crc64nvme", "Tus-Max-Size", " 1000 "));
    assert_ptr_equal(rh_wire_offer_pick(&o), &rh_wire_tus);
    assert_int_equal(o.size_max, 1000);
    assert_int_equal(rh_wire_offer_abilities(&o, &rh_wire_tus), RH_WIRE_CAN_ALL);
    assert_int_equal(rh_wire_offer_abilities(&o, &rh_wire_resumable),
                     RH_WIRE_CAN_DEFER | RH_WIRE_CAN_DELETE);
    assert_int_equal(rh_wire_offer_abilities(&o, &rh_wire_resumable6),
                     RH_WIRE_CAN_DEFER | RH_WIRE_CAN_DELETE);
    assert_int_equal(rh_wire_offer_abilities(&o, &rh_wire_chunks), 0);
    o = offer_of(204, HEADERS("Tus-Version", "1.0.0", "Tus-Extension", "termination",
                              "Tus-Checksum-Algorithm", "sha1", "Tus-Max-Size", "0"));
    assert_null(rh_wire_offer_pick(&o)); /* nothing can be created */
    assert_true(o.size_max == RH_SIZE_UNKNOWN);
    assert_int_equal(o.abilities, RH_WIRE_CAN_DELETE);
    o = offer_of(
        204, HEADERS("Tus-Version", "2.0.0", "Tus-Extension", "creation", "Tus-Max-Size", "many"));
    assert_null(rh_wire_offer_pick(&o));
    o = offer_of(204, HEADERS("Upload-Limit", "min-size=0"));
    assert_ptr_equal(rh_wire_offer_pick(&o), &rh_wire_resumable);
    o = offer_of(404, HEADERS("Upload-Limit", "min-size=0"));
    assert_null(rh_wire_offer_pick(&o));
    o = offer_of(302, HEADERS("Tus-Version", "1.0.0", "Tus-Extension", "creation"));
    assert_null(rh_wire_offer_pick(&o));
    o = offer_of(100, HEADERS("Upload-Limit", "min-size=0"));
    assert_null(rh_wire_offer_pick(&o));
    o = offer_of(200, HEADERS("Tus-Version", "1.0.0", "Tus-Extension", "creation",
                              "Reelhaul-Protocols", "videos, tus, resumable"));
    assert_ptr_equal(rh_wire_offer_pick(&o), &rh_wire_videos);
    o = offer_of(404, HEADERS("Reelhaul-Error", "not_found"));
    assert_ptr_equal(rh_wire_offer_pick(&o), &rh_wire_videos);
}

static void all_go_by_their_names(void **state)
{
    (void)state;
    static const struct rh_wire_dialect *const all[] = {&rh_wire_resumable, &rh_wire_resumable6,
                                                        &rh_wire_chunks};
    for (unsigned i = 0; i < 3; i++) {
        assert_ptr_equal(rh_wire_find(rh_bytes_of(rh_wire_name(all[i]))), all[i]);
        assert_true((rh_wire_traits(all[i], 0) & RH_TRAIT_ONE_CURSOR) != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_draft_upload_is_made_filled_and_ended),
        cmocka_unit_test(a_draft_answer_says_whether_it_is_complete),
        cmocka_unit_test(a_request_that_has_no_room_is_refused),
        cmocka_unit_test(a_draft_upload_that_is_finished_still_is_not_done),
        cmocka_unit_test(chunks_are_put_where_they_belong),
        cmocka_unit_test(a_redirection_is_no_308_of_an_upload),
        cmocka_unit_test(a_put_that_is_finished_still_is_not_done),
        cmocka_unit_test(a_308_says_how_far_it_is),
        cmocka_unit_test(the_best_of_what_is_offered_is_picked),
        cmocka_unit_test(all_go_by_their_names),
    };
    return cmocka_run_group_tests_name("cursors", tests, NULL, NULL);
}
