/* SPDX-License-Identifier: MIT */
/* Requests and answers at their edges: little memory, odd bytes, fields that are not what ours
 * says. */
#include "wire_bench.h"

static enum rh_error try_request(const struct rh_wire_dialect *d, const struct rh_action *a,
                                 const struct rh_wire_source *s, size_t memory,
                                 struct rh_wire_request *r)
{
    return rh_wire_request(d, a, s, wire_memory, memory, r);
}

static void dialects_are_found_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(rh_wire_find(rh_bytes_of("videos")), &rh_wire_videos);
    assert_ptr_equal(rh_wire_find(rh_bytes_of("form")), &rh_wire_form);
    assert_null(rh_wire_find(rh_bytes_of("forms")));
    assert_int_equal(rh_wire_traits(&rh_wire_videos, 0), 0);
    assert_true((rh_wire_traits(&rh_wire_form, 0) & RH_TRAIT_FIXED_PARTS) != 0);
}

/* With a byte too few the request is refused, wherever it is that the memory ends. */
static void memory_may_end_anywhere(void **state)
{
    (void)state;
    static const struct rh_wire_dialect *const both[] = {&rh_wire_videos, &rh_wire_form};
    struct rh_wire_source source = {
        .session = rh_bytes_of("S-1"),
        .video = rh_bytes_of("v 1"),
        .mime = rh_bytes_of("video/webm"),
        .metadata = rh_bytes_of("{\"a\":\t1,\r\n\"b\":\"\\n\"}"),
        .lease = rh_bytes_of("tab"),
        .lease_number = 7,
    };
    unsigned kinds = 0;
    for (unsigned d = 0; d < 2; d++) {
        for (int kind = RH_SEND_CREATE; kind <= RH_SEND_CANCEL; kind++) {
            struct rh_action a = send_of((enum rh_send_kind)kind, kind == 1 && d == 0 ? "" : "UP");
            struct rh_wire_request r;
            a.send.total = 3000000;
            a.send.range = (struct rh_range){1048576, 1048576};
            a.send.crc_known = true;
            a.send.slices_count = 2;
            a.send.slices[0].length = a.send.slices[1].length = 524288;
            if (try_request(both[d], &a, &source, sizeof wire_memory, &r) != RH_OK)
                continue; /* a cancel by form */
            kinds++;
            size_t used = 0;
            while (try_request(both[d], &a, &source, used, &r) == RH_ERR_LIMIT)
                used++;
            assert_int_equal(r.path.size + r.headers.size + r.preamble.size + r.epilogue.size,
                             used);
        }
    }
    assert_int_equal(kinds, 9);
}

static void sources_are_checked(void **state)
{
    (void)state;
    static char big[RH_WIRE_METADATA_MAX + 2];
    memset(big, 'x', sizeof big - 1);
    big[0] = '{';
    static char lease[RH_LEASE_MAX + 2];
    memset(lease, 'l', sizeof lease - 1);
    struct rh_wire_request r;
    struct rh_action a = send_of(RH_SEND_CREATE, "");
    const struct {
        struct rh_wire_source source;
        enum rh_error error;
    } table[] = {
        {{.metadata = rh_bytes_of(big)}, RH_ERR_LIMIT},
        {{.video = rh_bytes_of("a\nb")}, RH_ERR_SYNTAX},
        {{.session = {(const uint8_t *)big, 256}}, RH_ERR_SYNTAX},
        {{.mime = {(const uint8_t *)big, 256}}, RH_ERR_SYNTAX},
        {{.lease = rh_bytes_of(lease)}, RH_ERR_SYNTAX},
        {{.metadata = rh_bytes_of("{")}, RH_ERR_SYNTAX},
        {{.metadata = rh_bytes_of("{]")}, RH_ERR_SYNTAX},
        {{.metadata = rh_bytes_of("{\x01}")}, RH_ERR_SYNTAX},
        {{.metadata = rh_bytes_of("{\t\r\n }")}, RH_OK},
        {{.mime = {(const uint8_t *)big, 255}}, RH_OK},
    };
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_int_equal(try_request(&rh_wire_videos, &a, &table[i].source, sizeof wire_memory, &r),
                         table[i].error);
    struct rh_wire_source none = {0};
    a.kind = RH_ACTION_ABORT;
    assert_int_equal(try_request(&rh_wire_videos, &a, &none, sizeof wire_memory, &r), RH_ERR_STATE);
    /* An odd id of the shell's own is escaped. */
    a = send_of(RH_SEND_CREATE, "");
    strcpy(a.upload, "a\x01\x7f\"\\");
    assert_int_equal(try_request(&rh_wire_videos, &a, &none, sizeof wire_memory, &r), RH_OK);
    expect_text(r.preamble, "{\"mime_type\":\"application/octet-stream\",\"video_id\":"
                            "\"a\\u0001\\u007F\\\"\\\\\"}");
    a = send_of(RH_SEND_FINISH, "UP");
    a.send.total = 5; /* and no checksum */
    assert_int_equal(try_request(&rh_wire_videos, &a, &none, sizeof wire_memory, &r), RH_OK);
    expect_text(r.preamble, "{\"upload_id\":\"UP\",\"size\":5}");
}

static void forms_need_their_names_and_sizes(void **state)
{
    (void)state;
    struct rh_wire_request r;
    struct rh_wire_source s = {.session = rh_bytes_of("S")};
    struct rh_action a = send_of(RH_SEND_PART, "-");
    a.send.total = 5;
    assert_int_equal(try_request(&rh_wire_form, &a, &s, sizeof wire_memory, &r), RH_OK);
    assert_non_null(
        strstr((const char *)r.preamble.data, "Content-Type: application/octet-stream"));
    a.send.part_bytes = 0;
    assert_int_equal(try_request(&rh_wire_form, &a, &s, sizeof wire_memory, &r), RH_ERR_STATE);
    a.send.part_bytes = 10;
    strcpy(a.upload, "a\x01"); /* the name of the video */
    assert_int_equal(try_request(&rh_wire_form, &a, &s, sizeof wire_memory, &r), RH_ERR_SYNTAX);
}

#define RECEIPT(at, n)                                                                             \
    "offset=" at ", length=" n ", crc64=:rosUhgp5mIg=:, kept=until-complete, durable"

static void answers_to_chunks_are_about_chunks(void **state)
{
    (void)state;
    struct rh_action a = send_of(RH_SEND_PART, "-");
    a.send.total = 3000000;
    a.send.range = (struct rh_range){1048576, 1048576};
    const struct {
        const char *const *headers;
        enum rh_outcome outcome;
        bool crc_known;
    } table[] = {
        {HEADERS("Reelhaul-Generation", "g"), RH_OUTCOME_MALFORMED, false},
        {HEADERS("Reelhaul-Generation", "g", "Reelhaul-Chunks", "1"), RH_OUTCOME_OK, false},
        {HEADERS("Reelhaul-Generation", "g", "Reelhaul-Receipt", RECEIPT("1048576", "1048576")),
         RH_OUTCOME_OK, true},
        {HEADERS("Reelhaul-State", "open", "Reelhaul-Receipt", RECEIPT("0", "1048576")),
         RH_OUTCOME_OK, false},
        {HEADERS("Reelhaul-State", "open", "Reelhaul-Receipt", RECEIPT("1048576", "7")),
         RH_OUTCOME_OK, false},
    };
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct rh_response r = read_answer(&rh_wire_form, &a, 200, table[i].headers);
        assert_int_equal(r.outcome, table[i].outcome);
        assert_int_equal(r.acks_count, r.outcome == RH_OUTCOME_OK);
        assert_int_equal(r.acks[0].crc_known, table[i].crc_known);
    }
    struct rh_response r = read_answer(&rh_wire_form, &a, 200, HEADERS("Reelhaul-State", "done"));
    assert_int_equal(r.outcome, RH_OUTCOME_DONE); /* claimed, and proven by nothing */
    assert_int_equal(r.acks_count, 0);
    /* Chunks of no known size are nowhere. */
    for (unsigned i = 0; i < 2; i++) {
        struct rh_action ask = send_of(RH_SEND_ASK, "-");
        ask.send.total = i == 0 ? 10 : RH_SIZE_UNKNOWN;
        ask.send.part_bytes = i == 0 ? 0 : 10;
        assert_int_equal(read_answer(&rh_wire_form, &ask, 200,
                                     HEADERS("Reelhaul-State", "open", "Reelhaul-Chunks", "0"))
                             .outcome,
                         RH_OUTCOME_MALFORMED);
    }
    struct rh_action finish = send_of(RH_SEND_FINISH, "-");
    assert_int_equal(
        read_answer(&rh_wire_form, &finish, 200, HEADERS("Reelhaul-State", "open")).outcome,
        RH_OUTCOME_OK);
}

static void success_of_videos_says_what_was_asked(void **state)
{
    (void)state;
    static const struct {
        enum rh_send_kind kind;
        const char *state;
        const char *receipt;
        enum rh_outcome outcome;
        bool listed;
    } table[] = {
        {RH_SEND_PART, "open", NULL, RH_OUTCOME_MALFORMED, false},
        {RH_SEND_PART, "done", NULL, RH_OUTCOME_DONE, false},
        {RH_SEND_ASK, "open", NULL, RH_OUTCOME_OK, true},
        {RH_SEND_ASK, "done", RECEIPT("0", "9"), RH_OUTCOME_DONE, true},
        {RH_SEND_FINISH, "open", NULL, RH_OUTCOME_MALFORMED, false},
        {RH_SEND_FINISH, "finishing", NULL, RH_OUTCOME_OK, false},
        {RH_SEND_FINISH, "done", RECEIPT("0", "9"), RH_OUTCOME_DONE, false},
        {RH_SEND_CANCEL, "else", NULL, RH_OUTCOME_OK, false},
    };
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct rh_action a = send_of(table[i].kind, "UP");
        struct rh_response r =
            read_answer(&rh_wire_videos, &a, 200,
                        HEADERS("Reelhaul-Upload", "UP", "Reelhaul-State", table[i].state,
                                table[i].receipt ? "Reelhaul-Receipt" : "X",
                                table[i].receipt ? table[i].receipt : "y"));
        assert_int_equal(r.outcome, table[i].outcome);
        assert_int_equal(r.listed, table[i].listed);
        assert_int_equal(r.acks_count, table[i].receipt != NULL);
    }
}

static void our_codes_count_with_their_statuses_alone(void **state)
{
    (void)state;
    struct rh_action a = send_of(RH_SEND_ASK, "UP");
    static const struct {
        uint16_t status;
        const char *code;
        enum rh_outcome outcome;
    } table[] = {
        {302, "not_found", RH_OUTCOME_MALFORMED},
        {600, "not_found", RH_OUTCOME_MALFORMED},
        {404, "not_found", RH_OUTCOME_GONE},
        {400, "bad_request", RH_OUTCOME_REJECTED}, /* no body that could have broken */
    };
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_int_equal(read_answer(&rh_wire_videos, &a, table[i].status,
                                     HEADERS("Reelhaul-Error", table[i].code))
                             .outcome,
                         table[i].outcome);
}

/* Lists are put in order, and what does not fit is left out. */
static void lists_are_ordered_and_end(void **state)
{
    (void)state;
    static char text[4000];
    size_t at = 0;
    for (unsigned i = 0; i < RH_RANGES_MAX + 3; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%u", i == 0 ? "" : ", ", 2 * i);
    struct rh_action a = send_of(RH_SEND_ASK, "-");
    a.send.total = 1000;
    a.send.part_bytes = 5;
    struct rh_response r = read_answer(&rh_wire_form, &a, 200,
                                       HEADERS("Reelhaul-State", "open", "Reelhaul-Chunks", text));
    assert_int_equal(r.acks_count, RH_RANGES_MAX);
    r = read_answer(&rh_wire_form, &a, 200,
                    HEADERS("Reelhaul-State", "open", "Reelhaul-Chunks", "4", "Reelhaul-Chunks",
                            "6", "Reelhaul-Chunks", "0"));
    assert_int_equal(r.acks_count, 3);
    static const uint64_t offsets[] = {0, 20, 30};
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(r.acks[i].offset, offsets[i]);
    at = 0;
    for (unsigned i = 0; i < RH_RANGES_MAX; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s(%u 1)", i == 0 ? "" : ", ", 2 * i);
    a = send_of(RH_SEND_FINISH, "UP");
    r = read_answer(&rh_wire_videos, &a, 409,
                    HEADERS("Reelhaul-Error", "incomplete", "Reelhaul-Missing", text,
                            "Reelhaul-Missing", "(500 1)"));
    assert_int_equal(r.missing_count, RH_RANGES_MAX);
}

static void codings_are_offered_with_weights(void **state)
{
    (void)state;
    enum { GZIP = 1 << RH_CODING_GZIP, ZSTD = 1 << RH_CODING_ZSTD };
    static const struct {
        const char *text;
        uint8_t codings;
    } table[] = {
        {"", 0},
        {"gzip", GZIP},
        {"zstd, gzip", GZIP | ZSTD},
        {"GZIP;q=0.5 , br,zstd ;q=0", GZIP},
        {"gzip;q=0.000,zstd;q=0.001", ZSTD},
        {"gzip;q=x", GZIP},
        {"identity,,", 0},
        {"gzip;q=1.0;q=/", GZIP},
    };
    struct rh_action a = send_of(RH_SEND_ASK, "UP");
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_int_equal(read_answer(&rh_wire_videos, &a, 200,
                                     HEADERS("Reelhaul-Upload", "UP", "Reelhaul-State", "open",
                                             "Accept-Encoding", table[i].text))
                             .codings,
                         table[i].codings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dialects_are_found_by_name),
        cmocka_unit_test(memory_may_end_anywhere),
        cmocka_unit_test(sources_are_checked),
        cmocka_unit_test(forms_need_their_names_and_sizes),
        cmocka_unit_test(answers_to_chunks_are_about_chunks),
        cmocka_unit_test(success_of_videos_says_what_was_asked),
        cmocka_unit_test(our_codes_count_with_their_statuses_alone),
        cmocka_unit_test(lists_are_ordered_and_end),
        cmocka_unit_test(codings_are_offered_with_weights),
    };
    return cmocka_run_group_tests_name("edges", tests, NULL, NULL);
}
