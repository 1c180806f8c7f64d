/* SPDX-License-Identifier: MIT */
#include "wire_bench.h"

#define TUS "Tus-Resumable", "1.0.0"

static struct rh_wire_request request(const struct rh_action *a, const struct rh_wire_source *s)
{
    struct rh_wire_request r;
    assert_int_equal(rh_wire_request(&rh_wire_tus, a, s, wire_memory, sizeof wire_memory, &r),
                     RH_OK);
    return r;
}

static enum rh_error refused(const struct rh_action *a, const struct rh_wire_source *s)
{
    struct rh_wire_request r;
    return rh_wire_request(&rh_wire_tus, a, s, wire_memory, sizeof wire_memory, &r);
}

static struct rh_action sized(enum rh_send_kind kind, const char *remote, uint64_t total)
{
    struct rh_action a = send_of(kind, remote);
    a.send.total = total;
    return a;
}

static void a_create_says_the_length_and_what_it_is(void **state)
{
    (void)state;
    struct rh_action a = sized(RH_SEND_CREATE, "", 12);
    struct rh_wire_source s = {0};
    struct rh_wire_request r = request(&a, &s);
    assert_string_equal(r.method, "POST");
    expect_text(r.path, "/files/");
    expect_text(r.headers, "Tus-Resumable: 1.0.0\r\nUpload-Length: 12\r\n");
    assert_int_equal(r.body, RH_WIRE_BODY_INLINE);
    assert_int_equal(r.body_bytes, 0);
    s.endpoint = rh_bytes_of("/up?x=1");
    s.file_name = rh_bytes_of("a,b c.webm");
    s.mime = rh_bytes_of("video/webm");
    r = request(&a, &s);
    expect_text(r.path, "/up?x=1");
    expect_text(r.headers, "Tus-Resumable: 1.0.0\r\nUpload-Length: 12\r\n"
                           "Upload-Metadata: filename YSxiIGMud2VibQ==,filetype dmlkZW8vd2VibQ=="
                           "\r\n");
    a.send.total = RH_SIZE_UNKNOWN;
    s = (struct rh_wire_source){.abilities = RH_WIRE_CAN_DEFER, .mime = rh_bytes_of("a/b")};
    r = request(&a, &s);
    expect_text(r.headers, "Tus-Resumable: 1.0.0\r\nUpload-Defer-Length: 1\r\n"
                           "Upload-Metadata: filetype YS9i\r\n");
    s.abilities = RH_WIRE_CAN_ALL & ~RH_WIRE_CAN_DEFER;
    assert_int_equal(refused(&a, &s), RH_ERR_STATE);
    a.send.total = 1;
    s.endpoint = rh_bytes_of("/a b");
    assert_int_equal(refused(&a, &s), RH_ERR_SYNTAX);
    char name[300];
    memset(name, 'n', sizeof name);
    s = (struct rh_wire_source){.file_name = {(const uint8_t *)name, sizeof name}};
    assert_true(request(&a, &s).headers.size < 450); /* cut */
}

static void a_part_follows_the_cursor(void **state)
{
    (void)state;
    struct rh_action a = sized(RH_SEND_PART, "/files/x1", 5000);
    a.send.range = (struct rh_range){4000, 1000};
    a.send.crc_known = true;
    a.send.crc64 = 0xae8b14860a799888;
    struct rh_wire_source s = {0};
    struct rh_wire_request r = request(&a, &s);
    assert_string_equal(r.method, "PATCH");
    expect_text(r.path, "/files/x1");
    expect_text(r.headers, "Tus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream"
                           "\r\nUpload-Offset: 4000\r\n");
    assert_int_equal(r.body, RH_WIRE_BODY_RANGE);
    assert_int_equal(r.body_bytes, 1000);
    s.abilities = RH_WIRE_CAN_CRC64;
    r = request(&a, &s);
    expect_text(r.headers,
                "Tus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream"
                "\r\nUpload-Offset: 4000\r\nUpload-Checksum: crc64nvme rosUhgp5mIg=\r\n");
    a.send.crc_known = false;
    assert_true(request(&a, &s).headers.size < r.headers.size);
}

static void the_length_of_a_growing_one_is_told_at_its_end(void **state)
{
    (void)state;
    struct rh_wire_source s = {0};
    struct rh_action a = sized(RH_SEND_FINISH, "~/files/x1", 5000);
    struct rh_wire_request r = request(&a, &s);
    assert_string_equal(r.method, "PATCH");
    expect_text(r.path, "/files/x1");
    expect_text(r.headers, "Tus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream"
                           "\r\nUpload-Offset: 5000\r\nUpload-Length: 5000\r\n");
    assert_int_equal(r.body_bytes, 0);
    a = sized(RH_SEND_FINISH, "/files/x1", 5000);
    assert_string_equal(request(&a, &s).method, "HEAD");
    a = sized(RH_SEND_ASK, "~/files/x1", 5000);
    assert_string_equal(request(&a, &s).method, "HEAD");
    a = sized(RH_SEND_CANCEL, "~/files/x1", 5000);
    r = request(&a, &s);
    assert_string_equal(r.method, "DELETE");
    expect_text(r.headers, "Tus-Resumable: 1.0.0\r\n");
}

/* What Location may say, and what becomes of it. */
static void an_upload_is_where_location_says(void **state)
{
    (void)state;
    static const struct {
        const char *endpoint;
        const char *remote;
        const char *path;
    } table[] = {
        {"", "/files/x", "/files/x"},
        {"", "x", "/files/x"},
        {"/up", "x", "/x"},
        {"/a/b/?q=/c", "x", "/a/b/x"},
        {"", "https://other.example/u/1?k=2", "https://other.example/u/1?k=2"},
        {"", "~http://h:1/x", "http://h:1/x"},
        {"*", "x", "x"}, /* nothing to be beside of */
    };
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct rh_wire_source s = {.endpoint = rh_bytes_of(table[i].endpoint)};
        struct rh_action a = send_of(RH_SEND_ASK, table[i].remote);
        expect_text(request(&a, &s).path, table[i].path);
    }
    static const char *const bad[] = {"",    "~",  "a b", "a\x7f", "a\"", "a<", "a>",
                                      "a\\", "a^", "a`",  "a{",    "a|",  "a}", "a#"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct rh_wire_source s = {0};
        struct rh_action a = send_of(RH_SEND_ASK, bad[i]);
        assert_int_equal(refused(&a, &s), RH_ERR_SYNTAX);
    }
    struct rh_wire_source s = {.endpoint = rh_bytes_of("/ /")};
    struct rh_action a = send_of(RH_SEND_ASK, "x");
    assert_int_equal(refused(&a, &s), RH_ERR_SYNTAX);
}

static struct rh_response created(uint64_t total, const char *location)
{
    struct rh_action a = sized(RH_SEND_CREATE, "", total);
    return read_answer(&rh_wire_tus, &a, 201, HEADERS(TUS, "Location", location));
}

static void a_create_is_believed_with_an_address(void **state)
{
    (void)state;
    struct rh_response r = created(5, "http://h/files/x?y=1");
    assert_int_equal(r.outcome, RH_OUTCOME_OK);
    assert_string_equal(r.remote, "http://h/files/x?y=1");
    assert_true(r.listed);
    assert_int_equal(r.acks_count, 0);
    assert_string_equal(created(RH_SIZE_UNKNOWN, "/files/x").remote, "~/files/x");
    assert_string_equal(created(5, "x1").remote, "x1");
    assert_string_equal(created(5, "/a:b").remote, "/a:b");
    assert_string_equal(created(5, "https://h/a@b").remote, "https://h/a@b");
    static const char *const bad[] = {"",         "ftp://h/x", "//h/x",         "~x",
                                      "x y",      "http://",   "http:///x",     "mailto:a",
                                      "https://", "x#y",       "http://u:p@h/x"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(created(5, bad[i]).outcome, RH_OUTCOME_MALFORMED);
    char text[RH_REMOTE_MAX + 2];
    memset(text, 'x', sizeof text);
    text[RH_REMOTE_MAX] = 0;
    assert_int_equal(created(RH_SIZE_UNKNOWN, text).outcome, RH_OUTCOME_MALFORMED);
    text[RH_REMOTE_MAX - 1] = 0;
    assert_int_equal(created(RH_SIZE_UNKNOWN, text).remote[RH_REMOTE_MAX - 1], 'x');
    struct rh_action a = sized(RH_SEND_CREATE, "", 5);
    r = read_answer(&rh_wire_tus, &a, 201, HEADERS("Location", "/files/x"));
    assert_int_equal(r.outcome, RH_OUTCOME_MALFORMED); /* nobody says it is tus */
    r = read_answer(&rh_wire_tus, &a, 201, HEADERS("Tus-Resumable", "2.0", "Location", "/x"));
    assert_int_equal(r.outcome, RH_OUTCOME_MALFORMED);
}

static struct rh_response asked(enum rh_send_kind kind, const char *remote, uint64_t total,
                                const char *offset, const char *length)
{
    struct rh_action a = sized(kind, remote, total);
    return read_answer(&rh_wire_tus, &a, 200,
                       HEADERS(TUS, "Upload-Offset", offset, length == NULL ? "X" : "Upload-Length",
                               length == NULL ? "y" : length));
}

static void asking_tells_where_the_cursor_stands(void **state)
{
    (void)state;
    struct rh_response r = asked(RH_SEND_ASK, "/x", 9, "4", "9");
    assert_int_equal(r.outcome, RH_OUTCOME_OK);
    assert_true(r.listed);
    assert_int_equal(r.acks_count, 1);
    assert_true(r.acks[0].offset == 0 && r.acks[0].length == 4);
    assert_false(r.acks[0].durable || r.acks[0].kept || r.acks[0].crc_known); /* only a claim */
    assert_int_equal(asked(RH_SEND_ASK, "/x", 9, "0", "9").acks_count, 0);
    assert_int_equal(asked(RH_SEND_ASK, "/x", 9, "9", "9").outcome, RH_OUTCOME_DONE);
    assert_int_equal(asked(RH_SEND_ASK, "~/x", 9, "9", NULL).outcome, RH_OUTCOME_OK);
    assert_int_equal(asked(RH_SEND_ASK, "/x", 9, "10", "9").outcome, RH_OUTCOME_MALFORMED);
    assert_int_equal(asked(RH_SEND_ASK, "/x", 9, "10", NULL).outcome, RH_OUTCOME_DIFFERENT_BYTES);
    assert_int_equal(asked(RH_SEND_ASK, "/x", 9, "4", "8").outcome, RH_OUTCOME_DIFFERENT_BYTES);
    assert_int_equal(asked(RH_SEND_ASK, "~/x", RH_SIZE_UNKNOWN, "4", "8").outcome, RH_OUTCOME_OK);
    assert_int_equal(asked(RH_SEND_ASK, "~/x", RH_SIZE_UNKNOWN, "8", "8").outcome, RH_OUTCOME_DONE);
    static const char *const bad[] = {
        "", "-1", "4,4", "99999999999999999999", "0x4", "18446744073709551615"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(asked(RH_SEND_ASK, "/x", 9, bad[i], "9").outcome, RH_OUTCOME_MALFORMED);
    struct rh_action a = sized(RH_SEND_ASK, "/x", 9);
    r = read_answer(&rh_wire_tus, &a, 200,
                    HEADERS(TUS, "Upload-Offset", "4", "Upload-Offset", "5"));
    assert_int_equal(r.outcome, RH_OUTCOME_MALFORMED);
    r = read_answer(&rh_wire_tus, &a, 200,
                    HEADERS(TUS, "Upload-Offset", "4", "Upload-Offset", "4"));
    assert_int_equal(r.outcome, RH_OUTCOME_OK);
    r = read_answer(&rh_wire_tus, &a, 200, HEADERS(TUS));
    assert_int_equal(r.outcome, RH_OUTCOME_MALFORMED);
    r = read_answer(&rh_wire_tus, &a, 200, HEADERS("Upload-Offset", "4"));
    assert_int_equal(r.outcome, RH_OUTCOME_MALFORMED);
}

/* A server of ours says more than tus asks for. */
static void receipts_make_more_of_it(void **state)
{
    (void)state;
    static const char receipt[] =
        "offset=0, length=9, crc64=:rosUhgp5mIg=:, kept=until-complete, durable";
    struct rh_action a = sized(RH_SEND_ASK, "/x", 9);
    struct rh_response r =
        read_answer(&rh_wire_tus, &a, 200,
                    HEADERS(TUS, "Upload-Offset", "9", "Upload-Length", "9", "Reelhaul-Receipt",
                            receipt, "Reelhaul-Upload", "up1", "Reelhaul-State", "done"));
    assert_int_equal(r.outcome, RH_OUTCOME_DONE);
    assert_true(r.acks_count == 1 && r.acks[0].kept && r.acks[0].crc64 == 0xae8b14860a799888);
    assert_string_equal(r.remote, ""); /* its address is its name here */
    /* One that is about something else makes nothing of it. */
    r = read_answer(&rh_wire_tus, &a, 200,
                    HEADERS(TUS, "Upload-Offset", "8", "Reelhaul-Receipt", receipt));
    assert_true(r.acks_count == 1 && !r.acks[0].durable && r.acks[0].length == 8);
    a = sized(RH_SEND_PART, "/x", 20);
    a.send.range = (struct rh_range){4, 5};
    r = read_answer(&rh_wire_tus, &a, 204,
                    HEADERS(TUS, "Upload-Offset", "9", "Reelhaul-Receipt", receipt));
    assert_true(r.acks_count == 1 && r.acks[0].offset == 0 && r.acks[0].durable);
    r = read_answer(&rh_wire_tus, &a, 204,
                    HEADERS(TUS, "Upload-Offset", "9", "Reelhaul-Receipt",
                            "offset=5, length=4, crc64=:rosUhgp5mIg=:, durable"));
    assert_true(r.acks_count == 1 && r.acks[0].offset == 4 && !r.acks[0].durable);
}

/* An upload without bytes is proven by a receipt of none. */
static void nothing_can_be_proven_too(void **state)
{
    (void)state;
    static const char none[] = "offset=0, length=0, crc64=:AAAAAAAAAAA=:, durable";
    static const uint64_t totals[] = {0, 9};
    for (unsigned i = 0; i < 2; i++) {
        struct rh_action a = sized(RH_SEND_FINISH, "/x", totals[i]);
        struct rh_response r = read_answer(&rh_wire_tus, &a, 200,
                                           HEADERS(TUS, "Upload-Offset", "0", "Upload-Length",
                                                   i == 0 ? "0" : "9", "Reelhaul-Receipt", none));
        assert_int_equal(r.outcome, i == 0 ? RH_OUTCOME_DONE : RH_OUTCOME_INCOMPLETE);
        assert_int_equal(r.acks_count, i == 0);
    }
}

static struct rh_response taken(const char *remote, uint64_t total, const char *offset)
{
    struct rh_action a = sized(RH_SEND_PART, remote, total);
    a.send.range = (struct rh_range){100, 50};
    return read_answer(&rh_wire_tus, &a, 204, HEADERS(TUS, "Upload-Offset", offset));
}

static void a_part_is_taken_as_far_as_the_cursor_moved(void **state)
{
    (void)state;
    struct rh_response r = taken("/x", 500, "150");
    assert_int_equal(r.outcome, RH_OUTCOME_OK);
    assert_true(r.acks_count == 1 && r.acks[0].offset == 100 && r.acks[0].length == 50);
    assert_false(r.listed);
    assert_int_equal(taken("/x", 500, "120").acks[0].length, 20);
    assert_int_equal(taken("/x", 500, "100").acks_count, 0);
    assert_int_equal(taken("/x", 500, "99").outcome, RH_OUTCOME_SUPERSEDED);
    assert_int_equal(taken("/x", 500, "151").outcome, RH_OUTCOME_SUPERSEDED);
    assert_int_equal(taken("/x", 500, "").outcome, RH_OUTCOME_MALFORMED);
    assert_int_equal(taken("/x", 150, "150").outcome, RH_OUTCOME_DONE);
    assert_int_equal(taken("/x", 150, "140").outcome, RH_OUTCOME_OK);
    assert_int_equal(taken("~/x", 150, "150").outcome, RH_OUTCOME_OK); /* it has no length yet */
    assert_int_equal(taken("~/x", RH_SIZE_UNKNOWN, "150").outcome, RH_OUTCOME_OK);
    struct rh_action a = sized(RH_SEND_PART, "/x", 500);
    a.send.range = (struct rh_range){100, 50};
    r = read_answer(&rh_wire_tus, &a, 204, HEADERS(TUS));
    assert_int_equal(r.outcome, RH_OUTCOME_MALFORMED);
}

static void a_finish_is_confirmed(void **state)
{
    (void)state;
    assert_int_equal(asked(RH_SEND_FINISH, "/x", 9, "9", "9").outcome, RH_OUTCOME_DONE);
    assert_int_equal(asked(RH_SEND_FINISH, "/x", 9, "8", "9").outcome, RH_OUTCOME_INCOMPLETE);
    assert_int_equal(asked(RH_SEND_FINISH, "~/x", 9, "9", NULL).outcome, RH_OUTCOME_DONE);
    assert_int_equal(asked(RH_SEND_FINISH, "~/x", 9, "8", NULL).outcome, RH_OUTCOME_INCOMPLETE);
    struct rh_action a = sized(RH_SEND_CANCEL, "/x", 9);
    assert_int_equal(read_answer(&rh_wire_tus, &a, 204, NULL).outcome, RH_OUTCOME_OK);
}

/* Sealing takes its time, or failed for now: what is only received must not be let go. */
static void what_a_server_still_finishes_is_not_done(void **state)
{
    static const char *const states[] = {"finishing", "open", "done"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        enum rh_outcome wanted = i == 2 ? RH_OUTCOME_DONE : RH_OUTCOME_OK;
        struct rh_action a = sized(RH_SEND_PART, "/x", 150);
        a.send.range = (struct rh_range){100, 50};
        struct rh_response r =
            read_answer(&rh_wire_tus, &a, 204,
                        HEADERS(TUS, "Upload-Offset", "150", "Reelhaul-State", states[i]));
        assert_int_equal(r.outcome, wanted);
        for (enum rh_send_kind kind = RH_SEND_ASK; kind <= RH_SEND_FINISH; kind++) {
            if (kind == RH_SEND_PART)
                continue;
            a = sized(kind, "/x", 150);
            r = read_answer(&rh_wire_tus, &a, 200,
                            HEADERS(TUS, "Upload-Offset", "150", "Upload-Length", "150",
                                    "Reelhaul-State", states[i]));
            assert_int_equal(r.outcome, wanted);
        }
    }
}

static enum rh_outcome failed(enum rh_send_kind kind, const char *remote, uint16_t status, bool tus)
{
    struct rh_action a = sized(kind, remote, 9);
    return read_answer(&rh_wire_tus, &a, status, HEADERS(tus ? "Tus-Resumable" : "X", "1.0.0"))
        .outcome;
}

static void statuses_mean_what_tus_says(void **state)
{
    (void)state;
    static const struct {
        uint16_t status;
        enum rh_outcome tus;
        enum rh_outcome bare;
    } table[] = {
        {404, RH_OUTCOME_GONE, RH_OUTCOME_GONE_BARE},
        {410, RH_OUTCOME_GONE, RH_OUTCOME_GONE_BARE},
        {409, RH_OUTCOME_SUPERSEDED, RH_OUTCOME_MALFORMED},
        {412, RH_OUTCOME_REJECTED, RH_OUTCOME_MALFORMED},
        {423, RH_OUTCOME_RETRY, RH_OUTCOME_MALFORMED},
        {460, RH_OUTCOME_CHECKSUM_MISMATCH, RH_OUTCOME_MALFORMED},
        {403, RH_OUTCOME_FORBIDDEN, RH_OUTCOME_FORBIDDEN},
        {401, RH_OUTCOME_UNAUTHORIZED, RH_OUTCOME_UNAUTHORIZED},
        {413, RH_OUTCOME_REJECTED, RH_OUTCOME_REJECTED},
        {415, RH_OUTCOME_REJECTED, RH_OUTCOME_REJECTED},
        {500, RH_OUTCOME_RETRY, RH_OUTCOME_RETRY},
        {503, RH_OUTCOME_TOO_BUSY, RH_OUTCOME_TOO_BUSY},
        {302, RH_OUTCOME_MALFORMED, RH_OUTCOME_MALFORMED},
    };
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_int_equal(failed(RH_SEND_PART, "/x", table[i].status, true), table[i].tus);
        assert_int_equal(failed(RH_SEND_PART, "/x", table[i].status, false), table[i].bare);
    }
    /* Complete, and moved away by whoever asked for it: tusd's hooks do so. */
    assert_int_equal(failed(RH_SEND_FINISH, "/x", 404, true), RH_OUTCOME_DONE);
    assert_int_equal(failed(RH_SEND_FINISH, "/x", 403, true), RH_OUTCOME_DONE);
    assert_int_equal(failed(RH_SEND_FINISH, "/x", 404, false), RH_OUTCOME_GONE_BARE);
    assert_int_equal(failed(RH_SEND_FINISH, "~/x", 404, true), RH_OUTCOME_GONE);
    /* Our own words come first. */
    struct rh_action a = sized(RH_SEND_PART, "/x", 9);
    assert_int_equal(
        read_answer(&rh_wire_tus, &a, 409, HEADERS(TUS, "Reelhaul-Error", "stale_writer")).outcome,
        RH_OUTCOME_STALE_WRITER);
}

static void it_needs_what_the_server_cannot_do(void **state)
{
    (void)state;
    uint32_t traits = RH_TRAIT_ONE_CURSOR | RH_TRAIT_FINISH_ALWAYS;
    assert_int_equal(rh_wire_traits(&rh_wire_tus, RH_WIRE_CAN_ALL), traits);
    assert_int_equal(rh_wire_traits(&rh_wire_tus, 0),
                     traits | RH_TRAIT_SEALED_ONLY | RH_TRAIT_NO_CANCEL);
    assert_ptr_equal(rh_wire_find(rh_bytes_of("tus")), &rh_wire_tus);
    assert_string_equal(rh_wire_name(&rh_wire_tus), "tus");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_create_says_the_length_and_what_it_is),
        cmocka_unit_test(a_part_follows_the_cursor),
        cmocka_unit_test(the_length_of_a_growing_one_is_told_at_its_end),
        cmocka_unit_test(an_upload_is_where_location_says),
        cmocka_unit_test(a_create_is_believed_with_an_address),
        cmocka_unit_test(asking_tells_where_the_cursor_stands),
        cmocka_unit_test(receipts_make_more_of_it),
        cmocka_unit_test(nothing_can_be_proven_too),
        cmocka_unit_test(a_part_is_taken_as_far_as_the_cursor_moved),
        cmocka_unit_test(a_finish_is_confirmed),
        cmocka_unit_test(what_a_server_still_finishes_is_not_done),
        cmocka_unit_test(statuses_mean_what_tus_says),
        cmocka_unit_test(it_needs_what_the_server_cannot_do),
    };
    return cmocka_run_group_tests_name("tus", tests, NULL, NULL);
}
