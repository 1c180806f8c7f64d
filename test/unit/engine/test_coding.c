/* SPDX-License-Identifier: MIT */
/* Whether a part is compressed: the decision as a table, and what the engine makes of it. */
#include "bench.h"
#include "engine/coding.h"

#define GZIP (1u << RH_CODING_GZIP)
#define ZSTD (1u << RH_CODING_ZSTD)
#define MB   1000000u

static void media_types_are_classed(void **state)
{
    (void)state;
    static const struct {
        const char *mime;
        enum rh_media media;
    } table[] = {
        {"video/webm", RH_MEDIA_PACKED},
        {"video/mp4;codecs=avc1", RH_MEDIA_PACKED},
        {"audio/webm", RH_MEDIA_PACKED},
        {"audio/WAV", RH_MEDIA_PLAIN},
        {"image/png", RH_MEDIA_PACKED},
        {"image/svg+xml", RH_MEDIA_PLAIN},
        {"text/csv; charset=utf-8", RH_MEDIA_PLAIN},
        {"application/json", RH_MEDIA_PLAIN},
        {"application/zip", RH_MEDIA_PACKED},
        {"application/octet-stream", RH_MEDIA_UNKNOWN},
        {"", RH_MEDIA_UNKNOWN},
        {"textual", RH_MEDIA_UNKNOWN},
    };
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_int_equal(rh_media_of(rh_bytes_of(table[i].mime)), table[i].media);
}

static void the_decision_is_this_table(void **state)
{
    (void)state;
    static const struct {
        struct rh_coding_facts facts;
        enum rh_coding coding;
        const char *why;
    } table[] = {
        /* use, offered, able, media, plain, coded, coder B/s, link B/s, metered */
        {{RH_CODING_AUTO, GZIP, GZIP, RH_MEDIA_PLAIN, 65536, 16384, 50 * MB, MB, false},
         RH_CODING_GZIP,
         "a quarter of the bytes on a slow link"},
        {{RH_CODING_AUTO, GZIP | ZSTD, GZIP | ZSTD, RH_MEDIA_PLAIN, 65536, 16384, 50 * MB, MB,
          false},
         RH_CODING_ZSTD,
         "the better one of two"},
        {{RH_CODING_AUTO, GZIP | ZSTD, GZIP, RH_MEDIA_PLAIN, 65536, 16384, 50 * MB, MB, false},
         RH_CODING_GZIP,
         "the one that both know"},
        {{RH_CODING_AUTO, 0, GZIP, RH_MEDIA_PLAIN, 65536, 16384, 50 * MB, MB, false},
         RH_CODING_IDENTITY,
         "the server does not offer it"},
        {{RH_CODING_AUTO, ZSTD, GZIP, RH_MEDIA_PLAIN, 65536, 16384, 50 * MB, MB, false},
         RH_CODING_IDENTITY,
         "none that both know"},
        {{RH_CODING_AUTO, GZIP, GZIP, RH_MEDIA_PACKED, 65536, 16384, 50 * MB, MB, false},
         RH_CODING_IDENTITY,
         "video, whatever a sample says"},
        {{RH_CODING_AUTO, GZIP, GZIP, RH_MEDIA_PACKED, 65536, 16384, 50 * MB, MB, true},
         RH_CODING_IDENTITY,
         "video, on a metered network too"},
        {{RH_CODING_AUTO, GZIP, GZIP, RH_MEDIA_UNKNOWN, 65536, 16384, 50 * MB, MB, false},
         RH_CODING_GZIP,
         "unknown: the sample decides"},
        {{RH_CODING_AUTO, GZIP, GZIP, RH_MEDIA_UNKNOWN, 0, 0, 50 * MB, MB, false},
         RH_CODING_IDENTITY,
         "unknown and no sample"},
        {{RH_CODING_AUTO, GZIP, GZIP, RH_MEDIA_PLAIN, 4095, 100, 50 * MB, MB, false},
         RH_CODING_IDENTITY,
         "a sample too small to say anything"},
        {{RH_CODING_AUTO, GZIP, GZIP, RH_MEDIA_PLAIN, 65536, 60000, 50 * MB, MB, false},
         RH_CODING_IDENTITY,
         "less than a tenth saved"},
        {{RH_CODING_AUTO, GZIP, GZIP, RH_MEDIA_PLAIN, 65536, 70000, 50 * MB, MB, false},
         RH_CODING_IDENTITY,
         "it grows"},
        {{RH_CODING_AUTO, GZIP, GZIP, RH_MEDIA_PLAIN, 65536, 16384, 50 * MB, 0, false},
         RH_CODING_IDENTITY,
         "the link is not known yet"},
        {{RH_CODING_AUTO, GZIP, GZIP, RH_MEDIA_PLAIN, 65536, 16384, 0, MB, false},
         RH_CODING_IDENTITY,
         "the coder is not known"},
        {{RH_CODING_AUTO, GZIP, GZIP, RH_MEDIA_PLAIN, 65536, 16384, 50 * MB, 100 * MB, false},
         RH_CODING_IDENTITY,
         "the link is faster than the coder"},
        {{RH_CODING_AUTO, GZIP, GZIP, RH_MEDIA_PLAIN, 65536, 32768, 50 * MB, 22 * MB, false},
         RH_CODING_IDENTITY,
         "94 % of the time: not worth it"},
        {{RH_CODING_AUTO, GZIP, GZIP, RH_MEDIA_PLAIN, 65536, 32768, 50 * MB, 18 * MB, false},
         RH_CODING_GZIP,
         "86 % of the time"},
        {{RH_CODING_AUTO, GZIP, GZIP, RH_MEDIA_PLAIN, 65536, 32768, 50 * MB, 22 * MB, true},
         RH_CODING_GZIP,
         "metered: bytes count, as long as it is not slower"},
        {{RH_CODING_AUTO, GZIP, GZIP, RH_MEDIA_PLAIN, 65536, 32768, 50 * MB, 60 * MB, true},
         RH_CODING_IDENTITY,
         "metered, but it would be slower"},
        {{RH_CODING_OFF, GZIP, GZIP, RH_MEDIA_PLAIN, 65536, 16384, 50 * MB, MB, false},
         RH_CODING_IDENTITY,
         "switched off"},
        {{RH_CODING_ALWAYS, GZIP, GZIP, RH_MEDIA_PACKED, 0, 0, 0, 0, false},
         RH_CODING_GZIP,
         "somebody insists"},
        {{RH_CODING_ALWAYS, 0, GZIP, RH_MEDIA_PLAIN, 65536, 16384, 50 * MB, MB, false},
         RH_CODING_IDENTITY,
         "and the server does not take it"},
    };
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (rh_coding_choose(&table[i].facts) != table[i].coding)
            print_error("wrong: %s\n", table[i].why);
        assert_int_equal(rh_coding_choose(&table[i].facts), table[i].coding);
    }
}

static void numbers_at_their_ends_do_not_overflow(void **state)
{
    (void)state;
    struct rh_coding_facts f = {RH_CODING_AUTO, GZIP, GZIP, RH_MEDIA_PLAIN, UINT32_MAX, 1, 1,
                                UINT64_MAX,     false};
    assert_int_equal(rh_coding_choose(&f), RH_CODING_IDENTITY);
    f.coder_bytes_s = UINT64_MAX;
    f.link_bytes_s = 1;
    assert_int_equal(rh_coding_choose(&f), RH_CODING_GZIP);
}

/* A create's or part's answer that offers gzip. */
static void answer_offering(struct bench *b, const struct rh_action *send)
{
    struct rh_event event = {.kind = RH_EVENT_RESPONSE};
    event.response.token = send->send.token;
    event.response.outcome = RH_OUTCOME_OK;
    event.response.remote_state = RH_REMOTE_OPEN;
    event.response.retry_after_ms = RH_MS_NEVER;
    event.response.codings = GZIP;
    strcpy(event.response.remote, "R");
    event.response.listed = send->send.kind == RH_SEND_CREATE;
    if (send->send.kind == RH_SEND_PART) {
        struct rh_range r = send->send.range;
        event.response.acks_count = 1;
        event.response.acks[0] =
            (struct rh_ack){r.offset, r.length, pattern_crc(r.offset, r.length), true, true, true};
    }
    bench_tell(b, event);
}

static void sample(struct bench *b, const char *mime)
{
    struct rh_event event = event_of(RH_EVENT_SAMPLED, "a");
    strcpy(event.sampled.mime, mime);
    event.sampled.codings = GZIP;
    event.sampled.plain_bytes = 65536;
    event.sampled.coded_bytes = 16384;
    event.sampled.coder_bytes_s = 50 * MB;
    bench_tell(b, event);
}

static void the_link_is_measured_first_and_the_checksum_is_of_plain_bytes(void **state)
{
    (void)state;
    struct rh_policy p = *rh_policy_find(rh_bytes_of("never-give-up"));
    p.part_bytes = 20000;
    p.part_bytes_min = 20000;
    p.parts_parallel = 1;
    struct bench *b = bench_of(&p, &rh_limits_default);
    tell_kind(b, RH_EVENT_LEADER, "");
    tell_take(b, "a", 400000, 20000);
    struct rh_action create = *find_send(b, 0);
    sample(b, "text/csv");
    answer_offering(b, &create);
    unsigned plain = 0;
    for (unsigned i = 0; i < 18; i++) {
        struct rh_action send = *find_send(b, 0);
        assert_int_equal(send.send.kind, RH_SEND_PART);
        assert_int_equal(send.send.crc64, pattern_crc(send.send.range.offset, 20000));
        plain += send.send.coding == RH_CODING_IDENTITY;
        if (i > 0)
            assert_true(send.send.coding == RH_CODING_GZIP || plain == i + 1);
        b->now += 400; /* 50 kB/s */
        answer_offering(b, &send);
    }
    assert_true(plain > 0 && plain < 12);
    bench_free(b);
}

/* The coding of the first part under a policy that always wants one. */
static enum rh_coding first_part(const char *policy, enum rh_coding_use use, const char *mime)
{
    struct rh_policy p = *rh_policy_find(rh_bytes_of(policy));
    p.coding = use;
    struct bench *b = bench_of(&p, &rh_limits_default);
    tell_kind(b, RH_EVENT_LEADER, "");
    tell_take(b, "a", 3000, 1000);
    struct rh_action create = *find_send(b, 0);
    sample(b, mime);
    answer_offering(b, &create);
    assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_PART);
    enum rh_coding coding = find_send(b, 0)->send.coding;
    bench_free(b);
    return coding;
}

static void video_and_forms_go_as_they_are(void **state)
{
    (void)state;
    const char *video = "video/webm;codecs=vp9";
    assert_int_equal(first_part("never-give-up", RH_CODING_AUTO, video), RH_CODING_IDENTITY);
    assert_int_equal(first_part("never-give-up", RH_CODING_ALWAYS, video), RH_CODING_GZIP);
    /* A part of a multipart form has no coding of its own. */
    assert_int_equal(first_part("form", RH_CODING_ALWAYS, "text/plain"), RH_CODING_IDENTITY);
}

static void a_coding_that_is_refused_is_not_tried_again(void **state)
{
    (void)state;
    struct rh_policy p = *rh_policy_find(rh_bytes_of("sequential"));
    p.coding = RH_CODING_ALWAYS;
    struct bench *b = bench_of(&p, &rh_limits_default);
    tell_kind(b, RH_EVENT_LEADER, "");
    tell_take(b, "a", 3000, 1000);
    struct rh_action create = *find_send(b, 0);
    sample(b, "video/webm");
    answer_offering(b, &create);
    struct rh_action part = *find_send(b, 0);
    assert_int_equal(part.send.coding, RH_CODING_GZIP);
    answer(b, &part, RH_OUTCOME_REJECTED, RH_MS_NEVER);
    assert_true(find_send(b, 0) != NULL || bench_until_send(b, 1000));
    assert_int_equal(find_send(b, 0)->send.coding, RH_CODING_IDENTITY);
    assert_int_equal(look(b, "a").attempts, 0);
    answer(b, find_send(b, 0), RH_OUTCOME_REJECTED, RH_MS_NEVER);
    expect_state(b, "a", RH_UPLOAD_FAILED, RH_REASON_REJECTED);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(media_types_are_classed),
        cmocka_unit_test(the_decision_is_this_table),
        cmocka_unit_test(numbers_at_their_ends_do_not_overflow),
        cmocka_unit_test(the_link_is_measured_first_and_the_checksum_is_of_plain_bytes),
        cmocka_unit_test(video_and_forms_go_as_they_are),
        cmocka_unit_test(a_coding_that_is_refused_is_not_tried_again),
    };
    return cmocka_run_group_tests_name("coding", tests, NULL, NULL);
}
