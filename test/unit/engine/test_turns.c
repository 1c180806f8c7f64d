/* SPDX-License-Identifier: MIT */
/*
 * Whose turn it is. The planner against a naive reference: after random events each request must be
 * the one that the rule names (or one as good), and nothing that could go may be left standing.
 * Then the rules one by one.
 */
#include "base/rng.h"
#include "fleet.h"

#include <stdio.h>

#define KIB 1024u

/* ---- the naive reference ---- */

enum turn { NOTHING, FULL, READY };

struct naive {
    enum turn turn;
    enum rh_send_kind kind;
    uint32_t offset; /* units */
    uint32_t length;
};

static struct rh_policy policy;

static bool is_flying(const struct fleet *f, const struct fleet_upload *u, uint32_t unit)
{
    for (unsigned i = 0; i < f->flying; i++) {
        const struct rh_action *a = &f->flights[i];
        uint64_t at = (uint64_t)unit * FLEET_UNIT;
        if (strcmp(a->upload, u->id) == 0 && a->send.kind == RH_SEND_PART &&
            at >= a->send.range.offset && at < a->send.range.offset + a->send.range.length)
            return true;
    }
    return false;
}

static struct naive naive_part(const struct fleet *f, const struct fleet_upload *u)
{
    struct naive n = {.kind = RH_SEND_PART};
    uint32_t most = policy.part_bytes / FLEET_UNIT;
    uint32_t end;
    while (n.offset < u->spooled && (u->acked[n.offset] || is_flying(f, u, n.offset)))
        n.offset++;
    if (n.offset == u->spooled)
        return n;
    for (end = n.offset; end < u->spooled && !u->acked[end] && !is_flying(f, u, end);)
        end++;
    n.length = end - n.offset;
    if (n.length > most) {
        n.length = most;
        for (unsigned i = 0; i < u->segments; i++)
            if (u->boundaries[i] > n.offset && u->boundaries[i] <= n.offset + most)
                n.length = u->boundaries[i] - n.offset;
    }
    n.turn = fleet_flying(f, u, true) < policy.parts_parallel ? READY : FULL;
    return n;
}

static struct naive naive_turn(const struct fleet *f, const struct fleet_upload *u)
{
    struct naive n = {.kind = RH_SEND_CREATE};
    unsigned parts = fleet_flying(f, u, true);
    if (u->paused || u->done || fleet_flying(f, u, false) > parts)
        return n;
    if (!u->remote) {
        n.turn = READY;
        return n;
    }
    if (u->doubt) {
        n.kind = RH_SEND_ASK;
        n.turn = parts == 0 ? READY : NOTHING;
        return n;
    }
    n = naive_part(f, u);
    if (n.turn == NOTHING && u->sealed && parts == 0) {
        n.kind = RH_SEND_FINISH;
        n.turn = READY;
    }
    return n;
}

static unsigned uploads_flying(const struct fleet *f)
{
    unsigned n = 0;
    for (unsigned i = 0; i < f->count; i++)
        n += fleet_flying(f, &f->uploads[i], false) > 0;
    return n;
}

static unsigned parts_flying(const struct fleet *f, uint64_t *bytes)
{
    unsigned n = 0;
    *bytes = 0;
    for (unsigned i = 0; i < f->flying; i++)
        if (f->flights[i].send.kind == RH_SEND_PART) {
            n++;
            *bytes += f->flights[i].send.range.length;
        }
    return n;
}

/* Would it break a cap to send this now? */
static bool capped(const struct fleet *f, const struct fleet_upload *u, const struct naive *n)
{
    uint64_t bytes;
    unsigned parts = parts_flying(f, &bytes);
    if (fleet_flying(f, u, false) == 0 && uploads_flying(f) >= policy.uploads_parallel)
        return true;
    if (n->kind != RH_SEND_PART || parts == 0)
        return false;
    return parts >= policy.parts_parallel_all ||
           bytes + (uint64_t)n->length * FLEET_UNIT > policy.flight_bytes_max;
}

static bool live_behind(const struct fleet *f)
{
    for (unsigned i = 0; i < f->count; i++)
        if (fleet_rank(&f->uploads[i]) == 0 && naive_turn(f, &f->uploads[i]).turn == FULL)
            return true;
    return false;
}

static void judge(struct fleet *f, const struct rh_action *a)
{
    struct fleet_upload *u = fleet_of(f, a->upload);
    struct naive n = naive_turn(f, u);
    assert_int_equal(n.turn, READY);
    assert_int_equal(a->send.kind, n.kind);
    if (n.kind == RH_SEND_PART) {
        assert_int_equal(a->send.range.offset, (uint64_t)n.offset * FLEET_UNIT);
        assert_int_equal(a->send.range.length, (uint64_t)n.length * FLEET_UNIT);
    }
    assert_false(capped(f, u, &n));
    assert_false(fleet_rank(u) > 0 && live_behind(f));
    for (unsigned i = 0; i < f->count; i++) {
        struct fleet_upload *v = &f->uploads[i];
        if (v == u || naive_turn(f, v).turn != READY)
            continue;
        assert_true(fleet_rank(v) >= fleet_rank(u));
        /* Of one rank: those at work first, then recording order. */
        bool work_u = fleet_flying(f, u, false) > 0;
        bool work_v = fleet_flying(f, v, false) > 0;
        if (fleet_rank(v) == fleet_rank(u) && work_u == work_v && work_u)
            assert_true(u < v);
    }
}

/* Nothing that could go is left standing. */
static void check_idle(const struct fleet *f)
{
    for (unsigned rank = 0; rank < 3; rank++) {
        for (unsigned i = 0; i < f->count; i++) {
            const struct fleet_upload *u = &f->uploads[i];
            struct naive n = naive_turn(f, u);
            if (fleet_rank(u) != rank || n.turn != READY)
                continue;
            if (rank > 0 && live_behind(f))
                return;
            /* Any of this rank may be the one that waits for its cap, and all others behind it. */
            bool one = false;
            for (unsigned k = 0; k < f->count; k++) {
                struct naive m = naive_turn(f, &f->uploads[k]);
                one = one || (fleet_rank(&f->uploads[k]) == rank && m.turn == READY &&
                              capped(f, &f->uploads[k], &m));
            }
            assert_true(one);
            return;
        }
    }
}

static void anything(struct fleet *f, struct rh_rng *rng)
{
    struct fleet_upload *u = f->count == 0 ? NULL : &f->uploads[rh_rng_below(rng, f->count)];
    char id[8];
    uint64_t dice = rh_rng_below(rng, 20);
    if (f->count == 0 || (dice == 0 && f->count < 8)) {
        snprintf(id, sizeof id, "u%u", f->count);
        fleet_add(f, id, (enum rh_priority)rh_rng_below(rng, 3));
    } else if (dice < 8 && !u->sealed && u->spooled < 900) {
        fleet_spool(f, u, 1 + (uint32_t)rh_rng_below(rng, 40));
    } else if (dice == 8 && !u->sealed && u->spooled > 0) {
        fleet_seal(f, u);
    } else if (dice == 9) {
        fleet_priority(f, u, (enum rh_priority)rh_rng_below(rng, 3));
    } else if (dice == 10 && !u->done) {
        fleet_pause(f, u, !u->paused);
    } else if (f->flying > 0) {
        fleet_land(f, (unsigned)rh_rng_below(rng, f->flying));
    }
}

static void one(uint64_t seed)
{
    static struct fleet f;
    struct rh_rng rng;
    rh_rng_init(&rng, seed);
    policy = *rh_policy_find(rh_bytes_of("never-give-up"));
    policy.part_wait_ms = 0;
    policy.part_bytes = 32 * KIB;
    policy.part_bytes_min = 4 * KIB;
    policy.share_min_percent = 0; /* another test's */
    policy.uploads_parallel = 1 + (uint32_t)rh_rng_below(&rng, 4);
    policy.parts_parallel = 1 + (uint32_t)rh_rng_below(&rng, 3);
    policy.parts_parallel_all = 1 + (uint32_t)rh_rng_below(&rng, 6);
    policy.flight_bytes_max = (uint32_t)(1 + rh_rng_below(&rng, 200)) * KIB;
    fleet_init(&f, &policy, judge);
    for (unsigned i = 0; i < 400; i++) {
        anything(&f, &rng);
        check_idle(&f);
        f.b->now += rh_rng_below(&rng, 30);
    }
    /* And all of it ends. */
    for (unsigned i = 0; i < f.count; i++) {
        if (f.uploads[i].paused)
            fleet_pause(&f, &f.uploads[i], false);
        if (!f.uploads[i].sealed)
            fleet_seal(&f, &f.uploads[i]);
    }
    while (f.flying > 0)
        fleet_land(&f, (unsigned)rh_rng_below(&rng, f.flying));
    for (unsigned i = 0; i < f.count; i++)
        assert_true(f.uploads[i].done);
    fleet_finish(&f);
}

static void the_planner_equals_a_naive_one(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++)
        one(seed);
}

/* ---- the rules ---- */

static struct rh_policy plain(uint32_t uploads, uint32_t parts)
{
    struct rh_policy p = *rh_policy_find(rh_bytes_of("never-give-up"));
    p.part_wait_ms = 0;
    p.part_bytes = 16 * KIB;
    p.part_bytes_min = 4 * KIB;
    p.uploads_parallel = uploads;
    p.parts_parallel = parts;
    p.parts_parallel_all = 0;
    p.flight_bytes_max = 0;
    return p;
}

static void the_recording_in_progress_goes_first_and_manual_ones_last(void **state)
{
    (void)state;
    static struct fleet f;
    struct rh_policy p = plain(1, 1);
    fleet_init(&f, &p, NULL);
    fleet_take(&f, "manual", RH_PRIORITY_MANUAL, 64);
    fleet_land(&f, 0); /* its create: a part flies */
    fleet_take(&f, "normal", RH_PRIORITY_NORMAL, 64);
    struct fleet_upload *live = fleet_add(&f, "live", RH_PRIORITY_NORMAL);
    fleet_spool(&f, live, 16);
    assert_string_equal(f.flights[0].upload, "manual"); /* nothing is broken off */
    static const char *const order[] = {"live",   "live",   "normal", "normal", "normal", "normal",
                                        "normal", "normal", "manual", "manual", "manual", "manual"};
    for (unsigned i = 0; i < sizeof order / sizeof order[0]; i++) {
        fleet_land(&f, 0);
        assert_int_equal(f.flying, 1);
        assert_string_equal(f.flights[0].upload, order[i]);
    }
    fleet_finish(&f);
}

static void a_priority_changes_at_any_moment_and_is_persisted(void **state)
{
    (void)state;
    static struct fleet f;
    struct rh_policy p = plain(1, 1);
    fleet_init(&f, &p, NULL);
    fleet_take(&f, "a", RH_PRIORITY_NORMAL, 64);
    struct fleet_upload *b = fleet_take(&f, "b", RH_PRIORITY_MANUAL, 64);
    fleet_land(&f, 0);
    struct rh_event event = event_of(RH_EVENT_PRIORITY, "b");
    event.priority.level = RH_PRIORITY_LIVE;
    b->priority = RH_PRIORITY_LIVE;
    bench_tell(f.b, event);
    assert_non_null(find_action(f.b, RH_ACTION_PERSIST, "b"));
    fleet_land(&f, 0);
    assert_string_equal(f.flights[0].upload, "b");
    event.priority.level = (enum rh_priority)3;
    assert_int_equal(bench_try(f.b, event), RH_ERR_SYNTAX);
    fleet_finish(&f);
}

/* A live upload that is behind all the time, and one that is not, beside a large one. */
static uint64_t background_of(uint32_t percent, bool behind)
{
    static struct fleet f;
    struct rh_policy p = plain(3, 2);
    p.share_min_percent = percent;
    fleet_init(&f, &p, NULL);
    fleet_take(&f, "back", RH_PRIORITY_NORMAL, 4000);
    struct fleet_upload *live = fleet_add(&f, "live", RH_PRIORITY_NORMAL);
    for (unsigned i = 0; i < 150; i++) {
        while (live->spooled < FLEET_UNITS - 64 && behind && fleet_flying(&f, live, true) < 2)
            fleet_spool(&f, live, 64);
        if (!behind && i % 4 == 0)
            fleet_spool(&f, live, 8);
        fleet_land(&f, 0);
    }
    uint64_t all = f.sent[0] + f.sent[1];
    uint64_t share = f.sent[1] * 100 / all;
    fleet_finish(&f);
    return share;
}

static void the_rest_has_its_share_and_no_more_while_a_recording_is_behind(void **state)
{
    (void)state;
    assert_in_range(background_of(0, true), 0, 2);
    assert_in_range(background_of(10, true), 8, 13);
    assert_in_range(background_of(30, true), 28, 33);
    assert_in_range(background_of(10, false), 60,
                    100); /* it has what it needs: the rest gets all */
}

/* The share is of the time in which both want to send, not of all that ever was. */
static void what_nobody_wanted_is_not_owed(void **state)
{
    (void)state;
    static struct fleet f;
    struct rh_policy p = plain(2, 1);
    fleet_init(&f, &p, NULL);
    struct fleet_upload *live = fleet_add(&f, "live", RH_PRIORITY_NORMAL);
    for (unsigned i = 0; i < 100; i++) {
        fleet_spool(&f, live, 16);
        while (f.flying > 0)
            fleet_land(&f, 0);
    }
    fleet_spool(&f, live, 320); /* now it is behind */
    fleet_take(&f, "back", RH_PRIORITY_NORMAL, 400);
    for (unsigned i = 0; i < 14; i++)
        fleet_land(&f, 0);
    assert_in_range(f.sent[1], 1, 2 * 16 * KIB); /* not a tenth of all that went before */
    fleet_finish(&f);
}

static void caps_hold_over_all(void **state)
{
    (void)state;
    static struct fleet f;
    struct rh_policy p = plain(4, 4);
    p.parts_parallel_all = 5;
    fleet_init(&f, &p, NULL);
    for (unsigned i = 0; i < 6; i++) {
        char id[8];
        snprintf(id, sizeof id, "u%u", i);
        fleet_take(&f, id, RH_PRIORITY_NORMAL, 200);
    }
    assert_int_equal(f.flying, 4); /* creates: one an upload */
    for (unsigned i = 0; i < 4; i++)
        fleet_land(&f, 0);
    assert_int_equal(f.flying, 5);
    for (unsigned i = 0; i < 30; i++) {
        uint64_t bytes;
        fleet_land(&f, 0);
        assert_true(parts_flying(&f, &bytes) <= 5);
    }
    fleet_finish(&f);
    /* One part may fly whatever its size. */
    p = plain(1, 3);
    p.flight_bytes_max = 20 * KIB;
    fleet_init(&f, &p, NULL);
    fleet_take(&f, "a", RH_PRIORITY_NORMAL, 64);
    fleet_land(&f, 0);
    assert_int_equal(f.flying, 1);
    fleet_finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_planner_equals_a_naive_one),
        cmocka_unit_test(the_recording_in_progress_goes_first_and_manual_ones_last),
        cmocka_unit_test(a_priority_changes_at_any_moment_and_is_persisted),
        cmocka_unit_test(the_rest_has_its_share_and_no_more_while_a_recording_is_behind),
        cmocka_unit_test(what_nobody_wanted_is_not_owed),
        cmocka_unit_test(caps_hold_over_all),
    };
    return cmocka_run_group_tests_name("turns", tests, NULL, NULL);
}
