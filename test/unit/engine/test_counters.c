/* SPDX-License-Identifier: MIT */
/* Counters: what is counted, that it survives, and that nothing personal is in it. */
#include "bench.h"

static struct rh_counters counted(struct bench *b)
{
    struct rh_counters c;
    rh_engine_counters(b->engine, &c);
    return c;
}

static struct rh_tally tally_of(struct bench *b, const char *upload)
{
    struct rh_tally t;
    assert_int_equal(rh_engine_tally(b->engine, rh_bytes_of(upload), &t), RH_OK);
    return t;
}

static void a_smooth_upload(struct bench *b, const char *id, uint64_t size)
{
    start(b, id, size, size);
    b->now += 2000;
    answer_part(b, find_send(b, 0));
    answer_done(b, find_send(b, 0), size);
    b->now += 1000; /* the gap between uploads */
}

static void results_bytes_and_times_are_counted(void **state)
{
    (void)state;
    struct bench *b = bench_new("sequential");
    a_smooth_upload(b, "a", 3000);
    a_smooth_upload(b, "b", 5000);
    start(b, "c", 100, 100);
    answer(b, find_send(b, 0), RH_OUTCOME_REJECTED, RH_MS_NEVER);
    tell_kind(b, RH_EVENT_CANCEL, "c");
    struct rh_counters c = counted(b);
    assert_int_equal(c.begun, 3);
    assert_int_equal(c.completed, 2);
    assert_int_equal(c.proven, 2);
    assert_int_equal(c.completed_bytes, 8000);
    assert_int_equal(c.completed_ms / c.completed, 2000);
    assert_int_equal(c.failed, 1);
    assert_int_equal(c.failed_for[RH_REASON_REJECTED], 1);
    assert_int_equal(c.cancelled, 1);
    assert_int_equal(c.troubled, 1);
    assert_int_equal(c.all.parts, 2);
    assert_int_equal(c.all.sent_bytes, 8000);
    assert_int_equal(c.all.acked_bytes, 8000);
    assert_int_equal(tally_of(b, "b").spent_ms, 2000);
    bench_free(b);
}

static void causes_of_retries_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        enum rh_outcome outcome;
        enum rh_cause cause;
    } table[] = {
        {RH_OUTCOME_TOO_BUSY, RH_CAUSE_BUSY},
        {RH_OUTCOME_RETRY, RH_CAUSE_SERVER},
        {RH_OUTCOME_STORAGE_FULL, RH_CAUSE_QUOTA},
        {RH_OUTCOME_UNAUTHORIZED, RH_CAUSE_AUTH},
        {RH_OUTCOME_CHECKSUM_MISMATCH, RH_CAUSE_DAMAGED},
        {RH_OUTCOME_MALFORMED, RH_CAUSE_FOREIGN},
        {RH_OUTCOME_GONE, RH_CAUSE_GONE},
        {RH_OUTCOME_SUPERSEDED, RH_CAUSE_CONFLICT},
    };
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct bench *b = bench_new("never-give-up");
        start(b, "a", 3000, 1000);
        answer(b, find_send(b, 0), table[i].outcome, RH_MS_NEVER);
        struct rh_tally t = tally_of(b, "a");
        for (unsigned cause = 0; cause < RH_CAUSES; cause++)
            assert_int_equal(t.retries[cause], cause == table[i].cause);
        bench_free(b);
    }
    struct bench *b = bench_new("never-give-up");
    start(b, "a", 3000, 1000);
    tell_progress(b, find_send(b, 0)->send.token, 700);
    struct rh_action part = {.kind = RH_ACTION_SEND};
    (void)part;
    bench_pass(b, 60000); /* silence */
    assert_true(bench_until_send(b, 600000));
    tell_broken(b, find_send(b, 0)->send.token);
    struct rh_tally t = tally_of(b, "a");
    assert_int_equal(t.retries[RH_CAUSE_TIMEOUT], 1);
    assert_int_equal(t.retries[RH_CAUSE_NETWORK], 1);
    assert_int_equal(t.sent_bytes, 700); /* what left, whatever became of it */
    assert_int_equal(t.acked_bytes, 0);
    bench_free(b);
}

static void pauses_and_resumes_count_once(void **state)
{
    (void)state;
    struct bench *b = bench_new("sequential");
    start(b, "a", 3000, 1000);
    for (unsigned i = 0; i < 3; i++) {
        tell_kind(b, RH_EVENT_PAUSE, "a");
        tell_kind(b, RH_EVENT_PAUSE, "");
        tell_kind(b, RH_EVENT_RESUME, "a");
        tell_kind(b, RH_EVENT_RESUME, "");
    }
    assert_int_equal(tally_of(b, "a").pauses, 3);
    assert_int_equal(tally_of(b, "a").resumes, 3);
    assert_int_equal(counted(b).all.pauses, 3);
    bench_free(b);
}

/* The last record under `upload` of this drain, as an event. */
static struct rh_event record_of(const struct bench *b, const char *upload)
{
    struct rh_event event = {.kind = RH_EVENT_RECORD};
    const struct rh_action *a = find_action(b, RH_ACTION_PERSIST, upload);
    assert_non_null(a);
    event.record.bytes = a->persist.bytes;
    return event;
}

static void they_survive_and_add_up(void **state)
{
    (void)state;
    struct bench *b = bench_new("sequential");
    start(b, "a", 3000, 3000);
    b->now += 2000;
    answer_done(b, find_send(b, 0), 3000);
    struct rh_event record = record_of(b, ""); /* with the end, at once */
    struct rh_counters before = counted(b);
    struct bench *c = bench_new("sequential");
    a_smooth_upload(c, "b", 1000);
    assert_int_equal(bench_try(c, record), RH_OK);
    assert_int_equal(bench_try(c, record), RH_ERR_EXISTS);
    struct rh_counters after = counted(c);
    assert_int_equal(after.completed, before.completed + 1);
    assert_int_equal(after.completed_bytes, 4000);
    assert_int_equal(after.all.spent_ms, 4000);
    bench_free(b);
    bench_free(c);
}

static void they_are_written_with_care(void **state)
{
    (void)state;
    struct bench *b = bench_new("sequential");
    start(b, "a", 3000, 3000);
    uint32_t token = find_send(b, 0)->send.token;
    unsigned written = 0;
    for (unsigned i = 1; i <= 600; i++) { /* ten minutes of progress */
        b->now += 1000;
        tell_progress(b, token, i);
        written += find_action(b, RH_ACTION_PERSIST, "") != NULL;
    }
    assert_true(written >= 19 && written <= 21);
    tell_kind(b, RH_EVENT_LEADER_LOST, ""); /* another one writes now */
    b->now += 100000;
    tell_kind(b, RH_EVENT_PAUSE, "a");
    b->now += 100000;
    tell_kind(b, RH_EVENT_WAKE, "");
    assert_null(find_action(b, RH_ACTION_PERSIST, ""));
    bench_free(b);
}

static void broken_and_newer_records_do_no_harm(void **state)
{
    (void)state;
    uint8_t bytes[1024];
    struct bench *b = bench_new("sequential");
    a_smooth_upload(b, "a", 1000);
    tell_kind(b, RH_EVENT_LEFT, "");
    start(b, "b", 1000, 1000);
    struct rh_event left = {.kind = RH_EVENT_LEFT};
    left.left.ms = 1000;
    bench_tell(b, left);
    struct rh_event record = record_of(b, "");
    size_t size = record.record.bytes.size;
    assert_true(size <= sizeof bytes);
    memcpy(bytes, record.record.bytes.data, size);
    bench_free(b);
    b = bench_new("sequential");
    record.record.bytes = (struct rh_bytes){bytes, size};
    for (size_t bit = 0; bit < size * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum rh_error error = bench_try(b, record);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (bit / 8 == 5 || (bit / 8 == 4 && bit % 8 != 0)) /* the format: a newer one */
            assert_int_equal(error, RH_ERR_VERSION);
        else
            assert_int_not_equal(error, RH_OK);
    }
    assert_int_equal(counted(b).completed, 0);
    a_smooth_upload(b, "c", 1000);
    assert_null(find_action(b, RH_ACTION_PERSIST, "")); /* the newer one is not written over */
    bench_free(b);
}

/* No id, name, address or time of day, wherever one could be. */
static void nothing_personal_is_in_them(void **state)
{
    (void)state;
    struct bench *b = bench_new("sequential");
    a_smooth_upload(b, "maria-brown-1987", 1000);
    start(b, "x", 1000, 1000);
    struct rh_event left = {.kind = RH_EVENT_LEFT, .wall_ms = 1700000000123};
    left.left.ms = 1000;
    bench_tell(b, left);
    struct rh_bytes r = record_of(b, "").record.bytes;
    for (size_t i = 0; i + 5 <= r.size; i++) {
        assert_true(memcmp(r.data + i, "maria", 5) != 0);
        assert_true(i + 8 > r.size || rh_le64_get(r.data + i) / 1000 != 1700000000);
    }
    bench_free(b);
}

static void sign(uint8_t *bytes, size_t size)
{
    rh_le32_put(bytes + 8, (uint32_t)size);
    rh_le64_put(bytes + size - 8, rh_crc64_update(0, bytes, size - 8));
}

/* Well signed, and all the same not what we write. */
static void well_signed_nonsense_is_refused(void **state)
{
    (void)state;
    static uint8_t bytes[RH_RECORD_MAX + 8];
    struct bench *b = bench_new("sequential");
    start(b, "a", 3000, 3000);
    answer_done(b, find_send(b, 0), 3000);
    struct rh_event event = record_of(b, "");
    size_t size = event.record.bytes.size;
    static const struct {
        size_t at;
        uint8_t value;
        long more; /* bytes */
        enum rh_error error;
    } table[] = {
        {4, 0, 0, RH_ERR_SYNTAX},                  /* format 0 */
        {12 + 72, 200, 0, RH_ERR_SYNTAX},          /* more reasons than there are */
        {12 + 72, 16, 0, RH_ERR_SYNTAX},           /* one fewer: bytes are left */
        {4, 1, 1, RH_ERR_SYNTAX},                  /* a byte too much */
        {4, 1, -1, RH_ERR_SYNTAX},                 /* one too few */
        {4, 1, -RH_RECORD_MAX, RH_ERR_SYNTAX},     /* before it says how many reasons there are */
        {4, 1, -160, RH_ERR_SYNTAX},               /* in the middle of the reasons */
        {4, 1, (long)sizeof bytes, RH_ERR_SYNTAX}, /* longer than any */
        {4, 1, 0, RH_OK},
    };
    struct bench *c = bench_new("sequential");
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        size_t total = size + (size_t)table[i].more;
        if (table[i].more == (long)sizeof bytes)
            total = sizeof bytes;
        if (table[i].more == -RH_RECORD_MAX)
            total = 60;
        memset(bytes, 0, sizeof bytes);
        memcpy(bytes, event.record.bytes.data, size < total ? size : total);
        bytes[table[i].at] = table[i].value;
        sign(bytes, total);
        struct rh_event told = {.kind = RH_EVENT_RECORD};
        told.record.bytes = (struct rh_bytes){bytes, total};
        assert_int_equal(bench_try(c, told), table[i].error);
        assert_int_equal(counted(c).completed, table[i].error == RH_OK);
    }
    bench_free(b);
    bench_free(c);
}

static void counts_stop_at_their_ends_and_need_room(void **state)
{
    (void)state;
    static uint8_t bytes[RH_RECORD_MAX];
    size_t used;
    struct bench *b = bench_new("sequential");
    struct rh_tally tally;
    assert_int_equal(rh_engine_tally(b->engine, rh_bytes_of("nobody"), &tally), RH_ERR_UNKNOWN);
    a_smooth_upload(b, "a", 3000);
    struct rh_counters c = counted(b);
    assert_int_equal(rh_counters_encode(&c, bytes, sizeof bytes, &used), RH_OK);
    assert_int_equal(rh_counters_encode(&c, bytes, used - 1, &used), RH_ERR_LIMIT);
    struct rh_event left = {.kind = RH_EVENT_LEFT};
    start(b, "b", 10, 10);
    left.left.ms = 1000;
    bench_tell(b, left);
    struct rh_event event = record_of(b, "");
    size_t size = event.record.bytes.size;
    memcpy(bytes, event.record.bytes.data, size);
    memset(bytes + size - 16, 0xff, 4); /* its pauses */
    sign(bytes, size);
    event.record.bytes = (struct rh_bytes){bytes, size};
    struct bench *d = bench_new("sequential");
    start(d, "a", 10, 10);
    tell_kind(d, RH_EVENT_PAUSE, "a");
    assert_int_equal(bench_try(d, event), RH_OK);
    assert_true(counted(d).all.pauses == UINT32_MAX);
    bench_free(b);
    bench_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_bytes_and_times_are_counted),
        cmocka_unit_test(causes_of_retries_are_told_apart),
        cmocka_unit_test(pauses_and_resumes_count_once),
        cmocka_unit_test(they_survive_and_add_up),
        cmocka_unit_test(they_are_written_with_care),
        cmocka_unit_test(broken_and_newer_records_do_no_harm),
        cmocka_unit_test(nothing_personal_is_in_them),
        cmocka_unit_test(well_signed_nonsense_is_refused),
        cmocka_unit_test(counts_stop_at_their_ends_and_need_room),
    };
    return cmocka_run_group_tests_name("counters", tests, NULL, NULL);
}
