/* SPDX-License-Identifier: MIT */
/* Records: what survives, what is refused, and the golden files of each format. GOLDEN names their
 * folder. */
#include "bench.h"

#include <stdio.h>

struct record {
    uint8_t bytes[512];
    size_t size;
};

/* An upload of three parts, two of them acknowledged, remote known, paused by the user. */
static struct record make(void)
{
    struct record r = {.size = 0};
    struct bench *b = bench_new("live");
    tell_added(b, "take-1");
    answer_create(b, find_send(b, 0), "R-take-1");
    tell_spooled(b, "take-1", 0, 1000);
    answer_part(b, find_send(b, 0));
    tell_spooled(b, "take-1", 1000, 1000);
    answer_part(b, find_send(b, 0));
    tell_spooled(b, "take-1", 2000, 1000);
    tell_sealed(b, "take-1", 3000);
    tell_kind(b, RH_EVENT_PAUSE, "take-1");
    const struct rh_action *a = find_action(b, RH_ACTION_PERSIST, "take-1");
    assert_non_null(a);
    memcpy(r.bytes, a->persist.bytes.data, a->persist.bytes.size);
    r.size = a->persist.bytes.size;
    bench_free(b);
    return r;
}

static enum rh_error replay(struct bench *b, const struct record *r)
{
    struct rh_event event = {.kind = RH_EVENT_RECORD};
    event.record.bytes = (struct rh_bytes){r->bytes, r->size};
    return bench_try(b, event);
}

static struct bench *asleep(void)
{
    return bench_of(rh_policy_find(rh_bytes_of("live")), &rh_limits_default);
}

static void expect_make(struct bench *b)
{
    struct rh_snapshot s = look(b, "take-1");
    assert_int_equal(s.state, RH_UPLOAD_PAUSED);
    assert_int_equal(s.reason, RH_REASON_USER);
    assert_int_equal(s.acked_bytes, 2000); /* the true percentage, at once */
    assert_int_equal(s.total_bytes, 3000);
    assert_int_equal(s.spooled_bytes, 3000);
    assert_true(s.resumed);
}

static void a_record_goes_on_where_it_stopped(void **state)
{
    (void)state;
    struct record r = make();
    struct bench *b = asleep();
    assert_int_equal(replay(b, &r), RH_OK);
    assert_int_equal(replay(b, &r), RH_ERR_EXISTS);
    expect_make(b);
    tell_added(b, "take-1");
    for (uint64_t at = 0; at < 3000; at += 1000)
        tell_spooled(b, "take-1", at, 1000);
    tell_sealed(b, "take-1", 3000);
    tell_kind(b, RH_EVENT_LEADER, "");
    assert_null(find_send(b, 0));
    tell_kind(b, RH_EVENT_RESUME, "take-1");
    assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_ASK); /* nothing is assumed */
    assert_string_equal(find_send(b, 0)->send.remote, "R-take-1");
    static const uint64_t have[] = {0, 1000};
    answer_list(b, find_send(b, 0), 1, have);
    assert_int_equal(find_send(b, 0)->send.range.offset, 1000);
    assert_int_equal(find_send(b, 0)->send.range.length, 2000);
    bench_free(b);
}

static void order_survives_whatever_the_order_of_replay(void **state)
{
    (void)state;
    static const char *const ids[] = {"c", "a", "b"};
    struct record r[3];
    struct bench *b = bench_new("sequential");
    tell_kind(b, RH_EVENT_LEADER_LOST, "");
    for (unsigned i = 0; i < 3; i++) {
        tell_added(b, ids[i]);
        const struct rh_action *a = find_action(b, RH_ACTION_PERSIST, ids[i]);
        memcpy(r[i].bytes, a->persist.bytes.data, a->persist.bytes.size);
        r[i].size = a->persist.bytes.size;
    }
    bench_free(b);
    b = bench_of(rh_policy_find(rh_bytes_of("sequential")), &rh_limits_default);
    for (unsigned i = 3; i-- > 0;)
        assert_int_equal(replay(b, &r[i]), RH_OK);
    for (unsigned i = 0; i < 3; i++) {
        tell_spooled(b, ids[i], 0, 100);
        tell_sealed(b, ids[i], 100);
    }
    tell_kind(b, RH_EVENT_LEADER, "");
    assert_string_equal(find_send(b, 0)->upload, "c");
    bench_free(b);
}

static void every_flipped_bit_is_noticed(void **state)
{
    (void)state;
    struct record r = make();
    struct bench *b = asleep();
    for (size_t bit = 0; bit < r.size * 8; bit++) {
        r.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(replay(b, &r), RH_OK);
        r.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t cut = 0; cut < r.size; cut++) {
        struct record part = r;
        part.size = cut;
        assert_int_not_equal(replay(b, &part), RH_OK);
    }
    struct rh_snapshot s;
    assert_int_equal(rh_engine_look(b->engine, rh_bytes_of("take-1"), &s), RH_ERR_UNKNOWN);
    assert_int_equal(replay(b, &r), RH_OK);
    bench_free(b);
}

static void resign(struct record *r)
{
    rh_le64_put(r->bytes + r->size - 8, rh_crc64_update(0, r->bytes, r->size - 8));
}

static void a_newer_format_is_left_alone(void **state)
{
    (void)state;
    struct record r = make();
    struct bench *b = asleep();
    r.bytes[4] = 2;
    resign(&r);
    assert_int_equal(replay(b, &r), RH_ERR_VERSION);
    assert_int_equal(b->count, 0); /* neither erased nor rewritten */
    bench_free(b);
}

static void well_signed_nonsense_is_refused(void **state)
{
    (void)state;
    struct bench *b = asleep();
    struct record good = make();
    unsigned refused = 0;
    for (size_t at = 12; at < good.size - 8; at++) {
        struct record r = good;
        r.bytes[at] = 0xff;
        resign(&r);
        enum rh_error error = replay(b, &r);
        refused += error != RH_OK;
        if (error == RH_OK) { /* a possible value: it must be removable, and the engine must live */
            bench_free(b);
            b = asleep();
        }
    }
    assert_true(refused > 5);
    bench_free(b);
}

static void golden_files_of_format_1_are_read(void **state)
{
    (void)state;
    char path[512];
    const char *folder = getenv("GOLDEN");
    assert_non_null(folder);
    snprintf(path, sizeof path, "%s/record-1.bin", folder);
    struct record r = make();
    if (getenv("GOLDEN_WRITE") != NULL) {
        FILE *out = fopen(path, "wb");
        assert_int_equal(fwrite(r.bytes, 1, r.size, out), r.size);
        fclose(out);
    }
    struct record golden;
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    golden.size = fread(golden.bytes, 1, sizeof golden.bytes, in);
    fclose(in);
    struct bench *b = asleep();
    assert_int_equal(replay(b, &golden), RH_OK);
    expect_make(b);
    bench_free(b);
    /* While 1 is the format that is written, it is written like that. */
    assert_int_equal(golden.size, r.size);
    assert_memory_equal(golden.bytes, r.bytes, r.size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_goes_on_where_it_stopped),
        cmocka_unit_test(order_survives_whatever_the_order_of_replay),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(a_newer_format_is_left_alone),
        cmocka_unit_test(well_signed_nonsense_is_refused),
        cmocka_unit_test(golden_files_of_format_1_are_read),
    };
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
