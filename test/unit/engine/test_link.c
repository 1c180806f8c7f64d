/* SPDX-License-Identifier: MIT */
/* What all uploads share: outages and the one probe, the allowance, metered networks, the time that
 * is left to live, and the method by which an upload goes. */
#include "base/rng.h"
#include "fleet.h"

#include <stdio.h>

#define KIB 1024u
#define MIB (1024u * KIB)

static struct rh_policy plain(const char *name, uint32_t uploads, uint32_t parts)
{
    struct rh_policy p = *rh_policy_find(rh_bytes_of(name));
    p.part_wait_ms = 0;
    p.part_bytes = 64 * KIB;
    p.part_bytes_min = 8 * KIB;
    p.uploads_parallel = uploads;
    p.parts_parallel = parts;
    p.parts_parallel_all = 0;
    p.flight_bytes_max = 0;
    return p;
}

static void take_many(struct fleet *f, unsigned count, uint32_t units)
{
    for (unsigned i = 0; i < count; i++) {
        char id[16];
        snprintf(id, sizeof id, "u%u", i);
        fleet_take(f, id, RH_PRIORITY_NORMAL, units);
    }
    for (unsigned i = 0; i < count && f->flying > 0; i++)
        if (f->flights[0].send.kind == RH_SEND_CREATE)
            fleet_land(f, 0);
}

static void network(struct fleet *f, bool up, bool metered)
{
    struct rh_event event = event_of(RH_EVENT_NETWORK, "");
    event.network.up = up;
    event.network.metered = metered;
    fleet_tell(f, event);
}

/* ---- outages ---- */

static unsigned sends;
static rh_ms sent_at[FLEET_UPLOADS];

static void count_sends(struct fleet *f, const struct rh_action *a)
{
    sends++;
    sent_at[(unsigned)(a->upload[1] - '0')] = f->b->now;
}

/* However the server goes, one request goes out at a time, on a schedule that grows; and then all
 * go on within half a second. */
static void one_probe(const char *name, enum rh_outcome outcome)
{
    static struct fleet f;
    struct rh_policy p = plain(name, 8, 1);
    fleet_init(&f, &p, count_sends);
    take_many(&f, 8, 200);
    assert_int_equal(f.flying, 8);
    while (f.flying > 0)
        fleet_fail(&f, 0, outcome); /* those that were on their way fail with it */
    sends = 0;
    for (unsigned i = 0; i < 6; i++) {
        rh_ms from = f.b->now;
        while (f.flying == 0)
            fleet_pass(&f, 100);
        rh_ms waited = f.b->now - from;
        rh_ms schedule =
            p.delays_ms[i < p.delays_count ? i
                                           : (p.delays_count + RH_DELAYS_MAX - 1) % RH_DELAYS_MAX];
        assert_true(waited >= 1000);
        if (p.backoff == RH_BACKOFF_TABLE)
            assert_in_range(waited, schedule, schedule + 100);
        assert_int_equal(sends, i + 1);
        fleet_pass(&f, 5000);
        assert_int_equal(f.flying, 1); /* and no other beside it */
        fleet_fail(&f, 0, outcome);
    }
    while (f.flying == 0)
        fleet_pass(&f, 100);
    memset(sent_at, 0, sizeof sent_at);
    rh_ms answered = f.b->now;
    fleet_land(&f, 0);
    for (unsigned i = 0; i < 6; i++)
        fleet_pass(&f, 100);
    if (outcome == RH_OUTCOME_NETWORK) {
        unsigned moments = 0;
        assert_int_equal(f.flying, 8);
        for (unsigned i = 0; i < 8; i++) {
            assert_in_range(sent_at[i], answered, answered + 500);
            moments += i == 0 || sent_at[i] != sent_at[i - 1];
        }
        assert_true(moments >= 5); /* not as one */
    }
    fleet_finish(&f);
}

static void after_an_outage_one_request_finds_out(void **state)
{
    (void)state;
    one_probe("never-give-up", RH_OUTCOME_NETWORK);
    one_probe("patient", RH_OUTCOME_NETWORK);
    one_probe("live", RH_OUTCOME_NETWORK);
    one_probe("bulk", RH_OUTCOME_NETWORK);
    one_probe("patient", RH_OUTCOME_TOO_BUSY);
}

static void after_the_network_came_back_too(void **state)
{
    (void)state;
    static struct fleet f;
    struct rh_policy p = plain("never-give-up", 8, 2);
    fleet_init(&f, &p, count_sends);
    take_many(&f, 8, 200);
    network(&f, false, false);
    assert_int_equal(f.flying, 0);
    fleet_pass(&f, 100000);
    assert_int_equal(f.flying, 0);
    network(&f, true, false);
    assert_int_equal(f.flying, 1); /* at once */
    fleet_fail(&f, 0, RH_OUTCOME_NETWORK);
    assert_int_equal(f.flying, 0);
    fleet_pass(&f, 2000);
    assert_int_equal(f.flying, 1);
    /* Its time-out counts like any failure; aborting it does not shut the door for ever. */
    struct fleet_upload *u = fleet_of(&f, f.flights[0].upload);
    fleet_pause(&f, u, true);
    fleet_pass(&f, 5000);
    assert_int_equal(f.flying, 1);
    assert_string_not_equal(f.flights[0].upload, u->id);
    fleet_land(&f, 0);
    fleet_pass(&f, 600);
    assert_true(f.flying >= 7);
    fleet_finish(&f);
}

static void a_probe_is_small_and_the_recording_goes_on_at_once(void **state)
{
    (void)state;
    static struct fleet f;
    struct rh_policy p = plain("never-give-up", 3, 1);
    fleet_init(&f, &p, count_sends);
    take_many(&f, 1, 200);
    struct fleet_upload *live = fleet_add(&f, "l1", RH_PRIORITY_LIVE);
    fleet_land(&f, 1);
    fleet_spool(&f, live, 64);
    assert_int_equal(f.flying, 2);
    assert_int_equal(f.flights[1].send.range.length, 64 * KIB);
    fleet_fail(&f, 1, RH_OUTCOME_NETWORK);
    fleet_fail(&f, 0, RH_OUTCOME_NETWORK);
    while (f.flying == 0)
        fleet_pass(&f, 50);
    assert_string_equal(f.flights[0].upload, "l1");
    assert_int_equal(f.flights[0].send.range.length, 8 * KIB);
    fleet_land(&f, 0);
    assert_string_equal(f.flights[0].upload, "l1");
    assert_int_equal(f.flights[0].send.range.length, 56 * KIB);
    fleet_finish(&f);
}

static void sequential_keeps_its_schedule(void **state)
{
    (void)state;
    static struct fleet f;
    struct rh_policy p = plain("sequential", 1, 1);
    fleet_init(&f, &p, count_sends);
    take_many(&f, 2, 20);
    fleet_fail(&f, 0, RH_OUTCOME_NETWORK);
    fleet_pass(&f, 251); /* the next starts, whatever the first met */
    assert_int_equal(f.flying, 1);
    assert_string_equal(f.flights[0].upload, "u1");
    fleet_finish(&f);
}

/* ---- the allowance ---- */

static void limit(struct fleet *f, uint64_t bytes_per_s, uint8_t percent)
{
    struct rh_event event = event_of(RH_EVENT_LIMIT, "");
    event.limit.bytes_per_s = bytes_per_s;
    event.limit.percent = percent;
    fleet_tell(f, event);
}

struct taken {
    rh_ms at;
    uint64_t bytes;
};
static struct taken taken[20000];
static unsigned taken_count;

static void note_bytes(struct fleet *f, const struct rh_action *a)
{
    if (a->send.kind == RH_SEND_PART && taken_count < 20000)
        taken[taken_count++] = (struct taken){f->b->now, a->send.range.length};
}

/* Limits change at random while parts fly; at each the promise holds in every window. */
static void storm(uint64_t seed)
{
    static struct fleet f;
    struct rh_rng rng;
    struct rh_policy p = plain("never-give-up", 3, 2);
    rh_rng_init(&rng, seed);
    fleet_init(&f, &p, note_bytes);
    take_many(&f, 3, 1500);
    for (unsigned round = 0; round < 8; round++) {
        uint64_t rate = rh_rng_below(&rng, 4) == 0 ? 0 : 1000 + rh_rng_below(&rng, 200000);
        taken_count = 0;
        rh_ms from = f.b->now;
        limit(&f, rate, 0);
        for (unsigned i = 0; i < 400 && rate > 0; i++) {
            fleet_pass(&f, rh_rng_below(&rng, 100));
            if (f.flying > 0 && rh_rng_below(&rng, 2) == 0)
                fleet_land(&f, (unsigned)rh_rng_below(&rng, f.flying));
        }
        uint64_t burst = rate > p.part_bytes_min ? rate : p.part_bytes_min;
        uint64_t sum = 0;
        for (unsigned i = 0; i < taken_count && rate > 0; i++) {
            sum += taken[i].bytes;
            assert_true(sum * 1000 <= rate * (taken[i].at - from) + burst * 1000);
        }
        if (f.flying == 0 && rate > 0) {
            fleet_pass(&f, 90000); /* it goes on, however low the limit is */
            bool all = true;
            for (unsigned i = 0; i < f.count; i++)
                all = all && f.uploads[i].done;
            assert_true(all || f.flying > 0);
        }
    }
    limit(&f, 0, 0);
    while (f.flying > 0)
        fleet_land(&f, 0);
    for (unsigned i = 0; i < 3; i++)
        assert_true(f.uploads[i].done);
    fleet_finish(&f);
}

static void limits_hold_whenever_they_change(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++)
        storm(seed);
}

static void a_limit_is_used_up(void **state)
{
    (void)state;
    static struct fleet f;
    struct rh_policy p = plain("never-give-up", 1, 2);
    fleet_init(&f, &p, note_bytes);
    limit(&f, 20000, 0);
    take_many(&f, 1, 1500);
    taken_count = 0;
    uint64_t before = f.sent[1];
    for (unsigned i = 0; i < 6000; i++) {
        fleet_pass(&f, 10);
        while (f.flying > 0)
            fleet_land(&f, 0);
    }
    uint64_t sent = f.sent[1] - before;
    assert_in_range(sent, 58 * 20000, 61 * 20000); /* of a minute's allowance */
    fleet_finish(&f);
}

/* 400 KB/s as parts fly; half of that in all, once it is known. */
static void a_share_of_the_uplink_is_measured(void **state)
{
    (void)state;
    static struct fleet f;
    struct rh_policy p = plain("never-give-up", 1, 1);
    fleet_init(&f, &p, note_bytes);
    limit(&f, 0, 50);
    take_many(&f, 1, 4000);
    rh_ms from = 0;
    uint64_t before = 0;
    for (unsigned i = 0; i < 20000 && f.sent[1] < 3600 * KIB; i++) {
        if (f.flying == 0) {
            fleet_pass(&f, 5);
            continue;
        }
        const struct rh_send send = f.flights[0].send;
        for (uint64_t told = 0; told + 4000 < send.range.length; told += 4000) {
            fleet_pass(&f, 10);
            struct rh_event event = event_of(RH_EVENT_PROGRESS, "");
            event.progress.token = send.token;
            event.progress.bytes = told + 4000;
            fleet_tell(&f, event);
        }
        fleet_pass(&f, 10);
        fleet_land(&f, 0);
        if (from == 0 && f.sent[1] > 1600 * KIB) {
            from = f.b->now;
            before = f.sent[1];
        }
    }
    uint64_t rate = (f.sent[1] - before) * 1000 / (f.b->now - from);
    assert_in_range(rate, 170000, 230000);
    /* The lower of both holds. */
    limit(&f, 1000, 50);
    while (f.flying > 0)
        fleet_land(&f, 0);
    before = f.sent[1];
    for (unsigned i = 0; i < 600; i++) {
        fleet_pass(&f, 100);
        while (f.flying > 0)
            fleet_land(&f, 0);
    }
    assert_true(f.sent[1] - before <= 60 * 1000 + 8 * KIB);
    fleet_finish(&f);
}

/* ---- metered, and the last moments ---- */

static void a_metered_network_goes_on_shrinks_or_waits(void **state)
{
    (void)state;
    static struct fleet f;
    for (enum rh_metered m = RH_METERED_GO_ON; m <= RH_METERED_WAIT; m++) {
        struct rh_policy p = plain("never-give-up", 3, 2);
        p.metered = m;
        fleet_init(&f, &p, NULL);
        network(&f, true, true);
        take_many(&f, 2, 200);
        if (m == RH_METERED_WAIT) {
            assert_int_equal(f.flying, 0);
            assert_int_equal(look(f.b, "u0").state, RH_UPLOAD_PAUSED);
            assert_int_equal(look(f.b, "u0").reason, RH_REASON_METERED);
            network(&f, true, false);
            assert_true(f.flying > 0);
        } else {
            while (f.flights[0].send.kind != RH_SEND_PART)
                fleet_land(&f, 0);
            assert_int_equal(f.flying, m == RH_METERED_SHRINK ? 1 : 4);
            uint64_t length = m == RH_METERED_SHRINK ? 8 * KIB : 64 * KIB;
            assert_int_equal(f.flights[0].send.range.length, length);
        }
        fleet_finish(&f);
    }
}

static void left(struct fleet *f, rh_ms ms)
{
    struct rh_event event = event_of(RH_EVENT_LEFT, "");
    event.left.ms = ms;
    fleet_tell(f, event);
}

static void in_the_time_left_what_can_end_goes_first_in_small_parts(void **state)
{
    (void)state;
    static struct fleet f;
    struct rh_policy p = plain("never-give-up", 1, 1);
    fleet_init(&f, &p, NULL);
    fleet_take(&f, "large", RH_PRIORITY_NORMAL, 2000);
    fleet_take(&f, "small", RH_PRIORITY_NORMAL, 40);
    fleet_land(&f, 0);
    /* 64 KiB in 640 ms, told as it goes: the speed is known. */
    for (unsigned i = 0; i < 6; i++) {
        const struct rh_send send = f.flights[0].send;
        for (unsigned k = 1; k < 16; k++) {
            f.b->now += 40;
            struct rh_event event = event_of(RH_EVENT_PROGRESS, "");
            event.progress.token = send.token;
            event.progress.bytes = k * 4 * KIB;
            fleet_tell(&f, event);
        }
        f.b->now += 40;
        fleet_land(&f, 0);
    }
    assert_string_equal(f.flights[0].upload, "large");
    left(&f, 1000); /* about 100 KiB */
    fleet_land(&f, 0);
    assert_string_equal(f.flights[0].upload, "small"); /* its create */
    fleet_land(&f, 0);
    assert_string_equal(f.flights[0].upload, "small");
    assert_true(f.flights[0].send.range.length <= 20 * KIB);
    while (!fleet_of(&f, "small")->done) {
        f.b->now += 50;
        fleet_land(&f, 0);
    }
    /* Then what cannot end, as far as it comes; and near the end nothing. */
    assert_string_equal(f.flights[0].upload, "large");
    assert_true(f.flights[0].send.range.length <= 20 * KIB);
    left(&f, 20);
    fleet_land(&f, 0);
    assert_int_equal(f.flying, 0);
    fleet_pass(&f, 21); /* it lives on */
    assert_int_equal(f.flights[0].send.range.length, 64 * KIB);
    fleet_finish(&f);
}

/* ---- one method an upload ---- */

static struct rh_policy by(const char *method)
{
    struct rh_policy p = plain("never-give-up", 1, 1);
    memset(p.method, 0, sizeof p.method);
    memcpy(p.method, method, strlen(method));
    return p;
}

static void an_upload_stays_with_the_method_that_began_it(void **state)
{
    (void)state;
    static struct fleet f;
    struct rh_policy p = by("videos");
    fleet_init(&f, &p, NULL);
    fleet_take(&f, "a", RH_PRIORITY_NORMAL, 100);
    fleet_land(&f, 0);
    assert_int_equal(f.flying, 1);
    struct rh_event event = event_of(RH_EVENT_METHOD, "a");
    memcpy(event.method.name, "tus", 4);
    bench_tell(f.b, event);
    /* What flies is broken off first, and it is on record before anything else is done. */
    assert_int_equal(f.b->actions[0].kind, RH_ACTION_ABORT);
    const struct rh_action *persist = find_action(f.b, RH_ACTION_PERSIST, "a");
    assert_non_null(persist);
    assert_int_equal(count_kind(f.b, RH_ACTION_SEND), 0);
    assert_int_equal(look(f.b, "a").state, RH_UPLOAD_PAUSED);
    assert_int_equal(look(f.b, "a").reason, RH_REASON_METHOD);
    assert_int_equal(look(f.b, "a").acked_bytes, 0);
    uint8_t bytes[512];
    size_t size = persist->persist.bytes.size;
    memcpy(bytes, persist->persist.bytes.data, size);
    assert_false(bench_until_send(f.b, 1000000));
    fleet_finish(&f);

    /* The other engine finds it in its record, and begins it anew; a third does not touch it. */
    static const char *const methods[] = {"tus", "videos"};
    for (unsigned i = 0; i < 2; i++) {
        p = by(methods[i]);
        p.part_bytes = 32 * KIB;
        fleet_init(&f, &p, NULL);
        event = event_of(RH_EVENT_RECORD, "");
        event.record.bytes = (struct rh_bytes){bytes, size};
        fleet_tell(&f, event);
        fleet_take(&f, "a", RH_PRIORITY_NORMAL, 100);
        assert_int_equal(f.flying, i == 0 ? 1 : 0);
        if (i == 0) {
            assert_int_equal(f.flights[0].send.kind, RH_SEND_CREATE);
            assert_int_equal(f.flights[0].send.part_bytes, 32 * KIB);
        }
        fleet_finish(&f);
    }
}

static void its_geometry_outlives_a_change_of_policy(void **state)
{
    (void)state;
    static struct fleet f;
    struct rh_policy p = by("videos");
    fleet_init(&f, &p, NULL);
    fleet_take(&f, "a", RH_PRIORITY_MANUAL, 100);
    fleet_land(&f, 0);
    tell_kind(f.b, RH_EVENT_PAUSE, "a");
    const struct rh_action *persist = find_action(f.b, RH_ACTION_PERSIST, "a");
    uint8_t bytes[512];
    size_t size = persist->persist.bytes.size;
    memcpy(bytes, persist->persist.bytes.data, size);
    fleet_finish(&f);

    p.part_bytes = 16 * KIB;
    fleet_init(&f, &p, NULL);
    struct rh_event event = event_of(RH_EVENT_RECORD, "");
    event.record.bytes = (struct rh_bytes){bytes, size};
    fleet_tell(&f, event);
    fleet_take(&f, "a", RH_PRIORITY_NORMAL, 100);
    f.uploads[0].remote = true;
    fleet_tell(&f, event_of(RH_EVENT_RESUME, "a"));
    fleet_land(&f, 0); /* asked */
    assert_int_equal(f.flights[0].send.part_bytes, 64 * KIB);
    assert_int_equal(f.flights[0].send.range.length, 64 * KIB);
    /* And its priority: told again, it is not what it was added with now. */
    fleet_take(&f, "b", RH_PRIORITY_NORMAL, 10);
    fleet_land(&f, 0);
    assert_string_equal(f.flights[0].upload, "b");
    fleet_finish(&f);
}

static void a_method_changes_only_where_it_can(void **state)
{
    (void)state;
    static struct fleet f;
    struct rh_policy p = by("videos");
    fleet_init(&f, &p, NULL);
    fleet_take(&f, "a", RH_PRIORITY_NORMAL, 10);
    struct rh_event event = event_of(RH_EVENT_METHOD, "a");
    assert_int_equal(bench_try(f.b, event), RH_ERR_SYNTAX);
    memcpy(event.method.name, "videos", 7);
    assert_int_equal(bench_try(f.b, event), RH_OK); /* nothing changes */
    assert_int_equal(count_kind(f.b, RH_ACTION_ABORT), 0);
    tell_kind(f.b, RH_EVENT_CANCEL, "a");
    memcpy(event.method.name, "tus", 4);
    memset(event.method.name + 3, 0, 5);
    assert_int_equal(bench_try(f.b, event), RH_ERR_STATE);
    fleet_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_an_outage_one_request_finds_out),
        cmocka_unit_test(after_the_network_came_back_too),
        cmocka_unit_test(a_probe_is_small_and_the_recording_goes_on_at_once),
        cmocka_unit_test(sequential_keeps_its_schedule),
        cmocka_unit_test(limits_hold_whenever_they_change),
        cmocka_unit_test(a_limit_is_used_up),
        cmocka_unit_test(a_share_of_the_uplink_is_measured),
        cmocka_unit_test(a_metered_network_goes_on_shrinks_or_waits),
        cmocka_unit_test(in_the_time_left_what_can_end_goes_first_in_small_parts),
        cmocka_unit_test(an_upload_stays_with_the_method_that_began_it),
        cmocka_unit_test(its_geometry_outlives_a_change_of_policy),
        cmocka_unit_test(a_method_changes_only_where_it_can),
    };
    return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
