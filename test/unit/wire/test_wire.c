/* SPDX-License-Identifier: MIT */
/* What the dialects share: statuses, error codes, and answers made to hurt. */
#include "base/rng.h"
#include "wire_bench.h"

static void statuses_mean_what_they_say(void **state)
{
    (void)state;
    static const struct {
        uint16_t status;
        const char *code; /* Reelhaul-Error, or NULL */
        enum rh_outcome outcome;
    } table[] = {
        {400, "invalid_field", RH_OUTCOME_REJECTED},
        {400, "bad_request", RH_OUTCOME_RETRY}, /* of a part: its body broke off */
        {400, "incomplete", RH_OUTCOME_INCOMPLETE},
        {400, NULL, RH_OUTCOME_REJECTED},
        {401, "unauthorized", RH_OUTCOME_UNAUTHORIZED},
        {401, NULL, RH_OUTCOME_UNAUTHORIZED},
        {403, "forbidden", RH_OUTCOME_FORBIDDEN},
        {403, "foreign_origin", RH_OUTCOME_REJECTED},
        {404, "not_found", RH_OUTCOME_GONE},
        {404, "unknown_session", RH_OUTCOME_GONE},
        {404, NULL, RH_OUTCOME_GONE_BARE}, /* not our server: bytes must not be given up for it */
        {405, NULL, RH_OUTCOME_MALFORMED},
        {407, NULL, RH_OUTCOME_MALFORMED},
        {408, NULL, RH_OUTCOME_RETRY},
        {409, "different_bytes", RH_OUTCOME_DIFFERENT_BYTES},
        {409, "stale_writer", RH_OUTCOME_STALE_WRITER},
        {409, "superseded", RH_OUTCOME_SUPERSEDED},
        {409, "incomplete", RH_OUTCOME_INCOMPLETE},
        {409, "conflict", RH_OUTCOME_REJECTED},
        {409, NULL, RH_OUTCOME_MALFORMED},
        {410, "gone", RH_OUTCOME_GONE},
        {410, NULL, RH_OUTCOME_GONE_BARE},
        {413, "too_large", RH_OUTCOME_REJECTED},
        {413, NULL, RH_OUTCOME_REJECTED},
        {415, "unsupported_type", RH_OUTCOME_REJECTED},
        {422, "checksum_mismatch", RH_OUTCOME_CHECKSUM_MISMATCH},
        {425, NULL, RH_OUTCOME_RETRY},
        {429, NULL, RH_OUTCOME_TOO_BUSY},
        {500, "internal", RH_OUTCOME_RETRY},
        {500, "write_failed", RH_OUTCOME_RETRY},
        {501, "not_implemented", RH_OUTCOME_REJECTED},
        {501, NULL, RH_OUTCOME_RETRY},
        {502, NULL, RH_OUTCOME_RETRY},
        {503, "overloaded", RH_OUTCOME_TOO_BUSY},
        {504, NULL, RH_OUTCOME_RETRY},
        {507, "storage_full", RH_OUTCOME_STORAGE_FULL},
        {507, NULL, RH_OUTCOME_STORAGE_FULL},
        {511, NULL, RH_OUTCOME_MALFORMED},
        {599, NULL, RH_OUTCOME_RETRY},
        {302, NULL, RH_OUTCOME_MALFORMED},
        {304, NULL, RH_OUTCOME_MALFORMED},
        {100, NULL, RH_OUTCOME_MALFORMED},
        {0, NULL, RH_OUTCOME_MALFORMED},
        {999, NULL, RH_OUTCOME_MALFORMED},
    };
    static const struct rh_wire_dialect *const both[] = {&rh_wire_videos, &rh_wire_form};
    for (unsigned d = 0; d < 2; d++) {
        for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
            struct rh_action a = send_of(RH_SEND_PART, "UP");
            struct rh_response r =
                read_answer(both[d], &a, table[i].status, HEADERS("Reelhaul-Error", table[i].code));
            if (r.outcome != table[i].outcome)
                print_error("%u %s\n", table[i].status, table[i].code ? table[i].code : "-");
            assert_int_equal(r.outcome, table[i].outcome);
        }
    }
}

static void retry_after_is_read_in_both_forms(void **state)
{
    (void)state;
    struct rh_action a = send_of(RH_SEND_PART, "UP");
    assert_int_equal(
        read_answer(&rh_wire_videos, &a, 503, HEADERS("Retry-After", "120")).retry_after_ms,
        120000);
    /* The clock of these tests stands at 1700000000. */
    assert_int_equal(read_answer(&rh_wire_videos, &a, 503,
                                 HEADERS("Retry-After", "Tue, 14 Nov 2023 22:13:50 GMT"))
                         .retry_after_ms,
                     30000);
    assert_true(
        read_answer(&rh_wire_videos, &a, 503, HEADERS("Retry-After", "soon")).retry_after_ms ==
        RH_MS_NEVER);
    assert_true(read_answer(&rh_wire_videos, &a, 503, NULL).retry_after_ms == RH_MS_NEVER);
}

static void missing_ranges_are_read(void **state)
{
    (void)state;
    struct rh_action a = send_of(RH_SEND_FINISH, "UP");
    struct rh_response r = read_answer(&rh_wire_videos, &a, 409,
                                       HEADERS("Reelhaul-Error", "incomplete", "Reelhaul-Missing",
                                               "(5 10), (20 1)", "Reelhaul-Durable", "(0 5)"));
    assert_int_equal(r.outcome, RH_OUTCOME_INCOMPLETE);
    assert_int_equal(r.missing_count, 2);
    assert_int_equal(r.missing[1].offset, 20);
    assert_int_equal(r.acks_count, 0); /* an error vouches for nothing */
}

static void names_that_are_too_long_or_odd_are_not_taken(void **state)
{
    (void)state;
    static char text[5000];
    memset(text, 'x', sizeof text - 1);
    struct rh_action a = send_of(RH_SEND_CREATE, "");
    static const char *const bad[] = {"", "..", "a/b", "a b", "a\"b", "a\x80"};
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(
            read_answer(&rh_wire_videos, &a, 201,
                        HEADERS("Reelhaul-Upload", i < 6 ? bad[i] : text, "Reelhaul-State", "open"))
                .outcome,
            RH_OUTCOME_MALFORMED);
    struct rh_response r =
        read_answer(&rh_wire_videos, &a, 201,
                    HEADERS("Reelhaul-Upload", "UP", "Reelhaul-State", "open",
                            "Reelhaul-Generation", text, "Reelhaul-Error-Else", text));
    assert_int_equal(r.outcome, RH_OUTCOME_OK);
    assert_string_equal(r.generation, "");
}

static void noise_never_harms(void **state)
{
    (void)state;
    static const char *const names[] = {"Reelhaul-Upload",
                                        "Reelhaul-State",
                                        "Reelhaul-Generation",
                                        "Reelhaul-Receipt",
                                        "Reelhaul-Durable",
                                        "Reelhaul-Missing",
                                        "Reelhaul-Chunks",
                                        "Reelhaul-Error",
                                        "Retry-After",
                                        "Location",
                                        "X"};
    static const char alphabet[] = "(0 19);crc64=:rosUhgp5mIg=:,-.?\"\\\t/ofsetlngh";
    static const struct rh_wire_dialect *const both[] = {&rh_wire_videos, &rh_wire_form};
    struct rh_rng rng;
    rh_rng_init(&rng, 3);
    for (unsigned round = 0; round < 20000; round++) {
        static struct rh_wire_reply reply;
        static struct rh_event event;
        struct rh_action a = send_of((enum rh_send_kind)(1 + rh_rng_below(&rng, 5)), "UP");
        a.send.total = rh_rng_below(&rng, 3) ? 3000000 : RH_SIZE_UNKNOWN;
        rh_wire_reply_init(&reply, both[round & 1], &a.send,
                           (uint16_t)(200 + rh_rng_below(&rng, 5)), 0);
        for (unsigned h = 0; h < 5; h++) {
            uint8_t value[64];
            size_t size = rh_rng_below(&rng, sizeof value);
            for (size_t i = 0; i < size; i++)
                value[i] =
                    (uint8_t)(rh_rng_below(&rng, 20) == 0
                                  ? rh_rng_next(&rng)
                                  : (uint8_t)alphabet[rh_rng_below(&rng, sizeof alphabet - 1)]);
            rh_wire_reply_header(&reply, rh_bytes_of(names[rh_rng_below(&rng, 11)]),
                                 (struct rh_bytes){value, size});
        }
        rh_wire_reply_finish(&reply, &event);
        assert_true(event.response.acks_count <= RH_RANGES_MAX);
        assert_true(event.response.outcome != RH_OUTCOME_NONE);
        for (uint32_t i = 1; i < event.response.acks_count; i++)
            assert_true(event.response.acks[i - 1].offset <= event.response.acks[i].offset);
    }
}

static void too_many_ranges_are_cut(void **state)
{
    (void)state;
    char text[8000] = "";
    size_t size = 0;
    for (unsigned i = 0; i < 200; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "%s(%u 1)", i ? ", " : "", i * 2);
    struct rh_action a = send_of(RH_SEND_ASK, "UP");
    struct rh_response r = read_answer(
        &rh_wire_videos, &a, 200,
        HEADERS("Reelhaul-Upload", "UP", "Reelhaul-State", "open", "Reelhaul-Durable", text));
    assert_true(r.acks_count <= RH_RANGES_MAX);
    assert_true(r.outcome == RH_OUTCOME_MALFORMED); /* our server never says so many */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_mean_what_they_say),
        cmocka_unit_test(retry_after_is_read_in_both_forms),
        cmocka_unit_test(missing_ranges_are_read),
        cmocka_unit_test(names_that_are_too_long_or_odd_are_not_taken),
        cmocka_unit_test(noise_never_harms),
        cmocka_unit_test(too_many_ranges_are_cut),
    };
    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
