/* SPDX-License-Identifier: MIT */
/* Records: what survives, what is refused, and the golden files of each format. GOLDEN names their
 * folder. */
#include "bench.h"
#include "engine/state.h"

#include <stdio.h>

struct record {
    uint8_t bytes[512];
    size_t size;
};

/* An upload of three parts, two of them acknowledged, remote known, paused by the user. */
static struct record make(void)
{
    struct record r = {.size = 0};
    struct rh_policy p = *rh_policy_find(rh_bytes_of("live"));
    strcpy(p.method, "videos");
    struct bench *b = bench_of(&p, &rh_limits_default);
    tell_kind(b, RH_EVENT_LEADER, "");
    tell_added(b, "take-1");
    answer_create(b, find_send(b, 0), "R-take-1");
    tell_spooled(b, "take-1", 0, 1000);
    answer_part(b, find_send(b, 0));
    tell_spooled(b, "take-1", 1000, 1000);
    b->now += 500;
    answer_part(b, find_send(b, 0));
    tell_spooled(b, "take-1", 2000, 1000);
    answer(b, find_send(b, 0), RH_OUTCOME_RETRY, RH_MS_NEVER);
    struct rh_event priority = event_of(RH_EVENT_PRIORITY, "take-1");
    priority.priority.level = RH_PRIORITY_MANUAL;
    bench_tell(b, priority);
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
    struct rh_policy p = *rh_policy_find(rh_bytes_of("live"));
    strcpy(p.method, "videos");
    return bench_of(&p, &rh_limits_default);
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
    r.bytes[4] = 3;
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

static struct record golden(const char *name, const struct record *made)
{
    char path[512];
    struct record r;
    const char *folder = getenv("GOLDEN");
    assert_non_null(folder);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (made != NULL && getenv("GOLDEN_WRITE") != NULL) {
        FILE *out = fopen(path, "wb");
        assert_int_equal(fwrite(made->bytes, 1, made->size, out), made->size);
        fclose(out);
    }
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    r.size = fread(r.bytes, 1, sizeof r.bytes, in);
    fclose(in);
    return r;
}

static void a_record_of_format_1_is_read_and_written_on_as_2(void **state)
{
    (void)state;
    struct record old = golden("record-1.bin", NULL);
    assert_int_equal(old.bytes[4], 1);
    struct bench *b = asleep();
    assert_int_equal(replay(b, &old), RH_OK);
    expect_make(b);
    struct rh_tally tally;
    assert_int_equal(rh_engine_tally(b->engine, rh_bytes_of("take-1"), &tally), RH_OK);
    assert_int_equal(tally.parts, 0); /* nobody counted then */
    tell_kind(b, RH_EVENT_RESUME, "take-1");
    const struct rh_action *a = find_action(b, RH_ACTION_PERSIST, "take-1");
    assert_non_null(a);
    assert_int_equal(a->persist.bytes.data[4], 2);
    bench_free(b);
}

static void golden_files_of_format_2_are_read(void **state)
{
    (void)state;
    struct record r = make();
    struct record kept = golden("record-2.bin", &r);
    struct bench *b = asleep();
    assert_int_equal(replay(b, &kept), RH_OK);
    expect_make(b);
    struct rh_snapshot s = look(b, "take-1");
    assert_int_equal(s.fault, RH_FAULT_CHUNK_UPLOAD);
    assert_true(s.fault_retryable);
    assert_int_equal(s.fault_part, 1);
    struct rh_tally tally;
    assert_int_equal(rh_engine_tally(b->engine, rh_bytes_of("take-1"), &tally), RH_OK);
    assert_int_equal(tally.parts, 2);
    assert_int_equal(tally.acked_bytes, 2000);
    assert_int_equal(tally.spent_ms, 500);
    assert_int_equal(tally.retries[RH_CAUSE_SERVER], 1);
    assert_int_equal(tally.pauses, 1);
    bench_free(b);
    /* While 2 is the format that is written, it is written like that. */
    assert_int_equal(kept.size, r.size);
    assert_memory_equal(kept.bytes, r.bytes, r.size);
}

static void a_record_of_another_method_waits_for_it(void **state)
{
    (void)state;
    struct record r = make();
    struct rh_policy p = *rh_policy_find(rh_bytes_of("live"));
    strcpy(p.method, "form");
    struct bench *b = bench_of(&p, &rh_limits_default);
    assert_int_equal(replay(b, &r), RH_OK);
    tell_kind(b, RH_EVENT_LEADER, "");
    tell_kind(b, RH_EVENT_RESUME, "take-1");
    assert_null(find_send(b, 0));
    expect_state(b, "take-1", RH_UPLOAD_PAUSED, RH_REASON_METHOD);
    bench_free(b);
}

/* What a cancelled upload leaves, and the life after a crash at each of its actions. */
static void a_crash_never_brings_a_cancelled_upload_back(void **state)
{
    (void)state;
    for (unsigned crash = 0; crash < 8; crash++) {
        struct record r = {.size = 0};
        bool recorded = false;
        bool bytes_here = true;
        struct bench *b = bench_new("sequential");
        tell_take(b, "a", 1000, 1000); /* its create is on the way: the server may not know it */
        tell_kind(b, RH_EVENT_CANCEL, "a");
        for (unsigned i = 0; i < b->count && i < crash; i++) {
            const struct rh_action *a = &b->actions[i];
            if (strcmp(a->upload, "a") != 0)
                continue;
            if (a->kind == RH_ACTION_PERSIST) {
                recorded = true;
                r.size = a->persist.bytes.size;
                memcpy(r.bytes, a->persist.bytes.data, r.size);
            }
            if (a->kind == RH_ACTION_ERASE_RECORD) {
                assert_false(bytes_here); /* or they would look like a new recording */
                recorded = false;
            }
            bytes_here = bytes_here && a->kind != RH_ACTION_FORGET;
        }
        bench_free(b);
        if (!recorded)
            continue; /* cancelled an instant later than it died, or wholly gone */
        b = bench_of(rh_policy_find(rh_bytes_of("sequential")), &rh_limits_default);
        assert_int_equal(replay(b, &r), RH_OK);
        assert_null(find_action(b, RH_ACTION_ERASE_RECORD, "a"));
        if (bytes_here) {
            tell_added(b, "a");
            tell_spooled(b, "a", 0, 1000);
            assert_non_null(find_action(b, RH_ACTION_FORGET, "a"));
        }
        tell_kind(b, RH_EVENT_LEADER, "");
        assert_non_null(find_action(b, RH_ACTION_ERASE_RECORD, "a"));
        assert_null(find_send(b, 0));
        expect_state(b, "a", RH_UPLOAD_CANCELLED, RH_REASON_USER);
        tell_kind(b, RH_EVENT_RESUME, "");
        assert_null(find_action(b, RH_ACTION_PERSIST, "a")); /* and it stays erased */
        bench_free(b);
    }
}

static void rewrite(struct record *r, size_t size)
{
    r->size = size;
    rh_le32_put(r->bytes + 8, (uint32_t)size);
    resign(r);
}

/* Signed, but cut, too long, or with a head that is none. */
static void well_signed_records_of_a_wrong_shape_are_refused(void **state)
{
    (void)state;
    struct record good = make();
    struct bench *b = asleep();
    for (size_t size = 20; size < good.size; size++) {
        struct record r = good;
        rewrite(&r, size);
        assert_int_equal(replay(b, &r), RH_ERR_SYNTAX);
    }
    struct record r = good;
    rewrite(&r, good.size + 1);
    assert_int_equal(replay(b, &r), RH_ERR_SYNTAX);
    r = good;
    r.bytes[4] = 0;
    resign(&r);
    assert_int_equal(replay(b, &r), RH_ERR_SYNTAX);
    /* The texts: id, remote, generation, policy, method; then the sequence and the size. */
    size_t at = 12;
    for (unsigned i = 0; i < 5; i++)
        at += 1u + good.bytes[at];
    r = good;
    memset(r.bytes + at, 0xff, 8);
    resign(&r);
    assert_int_equal(replay(b, &r), RH_ERR_SYNTAX);
    r = good;
    memset(r.bytes + at + 8, 0xff, 8); /* sealed, and of no size */
    resign(&r);
    assert_int_equal(replay(b, &r), RH_ERR_SYNTAX);
    r = good;
    memmove(r.bytes + 13, r.bytes + 19, r.size - 19); /* no id */
    r.bytes[12] = 0;
    rewrite(&r, good.size - 6);
    assert_int_equal(replay(b, &r), RH_ERR_SYNTAX);
    static uint8_t large[RH_RECORD_MAX + 100];
    memcpy(large, good.bytes, good.size);
    rh_le32_put(large + 8, sizeof large);
    struct rh_event event = {.kind = RH_EVENT_RECORD};
    event.record.bytes = (struct rh_bytes){large, sizeof large};
    assert_int_equal(bench_try(b, event), RH_ERR_SYNTAX);
    bench_free(b);
}

static void a_record_needs_a_place(void **state)
{
    (void)state;
    struct record r = make();
    struct rh_limits l = rh_limits_default;
    l.uploads_max = 1;
    struct bench *b = bench_of(rh_policy_find(rh_bytes_of("live")), &l);
    tell_added(b, "other");
    assert_int_equal(replay(b, &r), RH_ERR_LIMIT);
    bench_free(b);
}

/* A shell that names no method takes what any began. */
static void a_sender_without_a_method_goes_on_with_any(void **state)
{
    (void)state;
    struct record r = make();
    struct bench *b = bench_of(rh_policy_find(rh_bytes_of("live")), &rh_limits_default);
    assert_int_equal(replay(b, &r), RH_OK);
    tell_kind(b, RH_EVENT_LEADER, "");
    tell_kind(b, RH_EVENT_RESUME, "take-1");
    assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_ASK);
    bench_free(b);
}

/* Cancelled, and the server was not told yet: by its own method it is, by another it cannot be. */
static void a_cancel_that_is_owed_goes_on(void **state)
{
    (void)state;
    struct record made = make();
    struct bench *b = asleep();
    struct record r = {.size = 0};
    assert_int_equal(replay(b, &made), RH_OK);
    tell_kind(b, RH_EVENT_CANCEL, "take-1");
    const struct rh_action *a = find_action(b, RH_ACTION_PERSIST, "take-1");
    assert_non_null(a);
    r.size = a->persist.bytes.size;
    memcpy(r.bytes, a->persist.bytes.data, r.size);
    bench_free(b);
    static const char *const methods[] = {"videos", "form"};
    for (unsigned i = 0; i < 2; i++) {
        struct rh_policy p = *rh_policy_find(rh_bytes_of("live"));
        strcpy(p.method, methods[i]);
        b = bench_of(&p, &rh_limits_default);
        assert_int_equal(replay(b, &r), RH_OK);
        tell_kind(b, RH_EVENT_LEADER, "");
        if (i == 0)
            assert_int_equal(find_send(b, 0)->send.kind, RH_SEND_CANCEL);
        else
            assert_null(find_send(b, 0));
        bool erased = find_action(b, RH_ACTION_ERASE_RECORD, "take-1") != NULL;
        assert_int_equal(erased, i == 1);
        bench_free(b);
    }
    /* One of an upload that no server has a name for (none of ours writes it) sends nothing. */
    size_t at = 13u + r.bytes[12];
    size_t remote = r.bytes[at];
    memmove(r.bytes + at + 1, r.bytes + at + 1 + remote, r.size - at - 1 - remote);
    r.bytes[at] = 0;
    rewrite(&r, r.size - remote);
    b = asleep();
    assert_int_equal(replay(b, &r), RH_OK);
    tell_kind(b, RH_EVENT_LEADER, "");
    assert_null(find_send(b, 0));
    bench_free(b);
}

/* More acknowledged pieces than a record has room for: the rest is asked for again anyway. */
static void a_record_holds_what_fits(void **state)
{
    (void)state;
    static uint8_t bytes[RH_RECORD_MAX];
    struct bench *b = bench_new("live");
    const uint64_t pieces = 1000;
    struct rh_event event = event_of(RH_EVENT_ADDED, "a");
    event.now_ms = b->now;
    event.added.size = pieces * 2;
    assert_int_equal(rh_engine_tell(b->engine, &event), RH_OK);
    struct rh_books books = rh_upload_books(b->engine, rh_engine_find(b->engine, rh_bytes_of("a")));
    for (uint64_t i = 0; i < pieces; i++) {
        struct rh_ack ack = {.offset = i * 2, .length = 1, .durable = true};
        assert_int_equal(rh_ledger_add(&books, &ack), RH_OK);
    }
    size_t size = rh_record_write(b->engine, rh_engine_find(b->engine, rh_bytes_of("a")));
    assert_true(size <= RH_RECORD_MAX);
    memcpy(bytes, b->engine->record, size);
    bench_free(b);
    b = bench_new("live");
    event = (struct rh_event){.kind = RH_EVENT_RECORD};
    event.now_ms = b->now;
    event.record.bytes = (struct rh_bytes){bytes, size};
    assert_int_equal(rh_engine_tell(b->engine, &event), RH_OK);
    assert_in_range(look(b, "a").acked_bytes, 300, pieces);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_goes_on_where_it_stopped),
        cmocka_unit_test(order_survives_whatever_the_order_of_replay),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(a_newer_format_is_left_alone),
        cmocka_unit_test(well_signed_nonsense_is_refused),
        cmocka_unit_test(a_record_of_format_1_is_read_and_written_on_as_2),
        cmocka_unit_test(golden_files_of_format_2_are_read),
        cmocka_unit_test(a_record_of_another_method_waits_for_it),
        cmocka_unit_test(a_crash_never_brings_a_cancelled_upload_back),
        cmocka_unit_test(well_signed_records_of_a_wrong_shape_are_refused),
        cmocka_unit_test(a_record_needs_a_place),
        cmocka_unit_test(a_sender_without_a_method_goes_on_with_any),
        cmocka_unit_test(a_cancel_that_is_owed_goes_on),
        cmocka_unit_test(a_record_holds_what_fits),
    };
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
