/* SPDX-License-Identifier: MIT */
/*
 * At a constant rate what is shown as remaining never rises by more than a fifth over anything that
 * was shown before: whatever the sizes of the parts, however many fly at once, whether the platform
 * tells bytes as they leave or only the end of a part, and through pauses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/rng.h"
#include "engine/meter.h"

#define PARTS 4

struct link {
    struct rh_rng rng;
    struct rh_meter meter;
    rh_ms now;
    uint64_t rate; /* bytes per second, of all parts together */
    uint64_t left; /* not told yet */
    unsigned parallel;
    uint64_t part[PARTS]; /* bytes of it that have not left */
    uint64_t untold[PARTS];
    rh_ms tell_ms; /* 0: only the end of a part is told */
    rh_ms tell_at[PARTS];
    uint64_t part_max;
    uint64_t unassigned;
    unsigned wrong; /* how often what was shown was far from the truth */
    unsigned shown;
};

static uint64_t between(struct link *l, uint64_t low, uint64_t high)
{
    return low + rh_rng_below(&l->rng, high - low + 1);
}

static void begin_part(struct link *l, unsigned i)
{
    uint64_t size = between(l, l->part_max / 4 + 1, l->part_max);
    size = size < l->unassigned ? size : l->unassigned;
    l->unassigned -= size;
    l->part[i] = size;
    if (size == 0)
        return;
    rh_meter_start(&l->meter, l->now);
    l->tell_at[i] = l->now + l->tell_ms;
}

static void told(struct link *l, unsigned i)
{
    if (l->untold[i] == 0)
        return;
    rh_meter_add(&l->meter, l->now, l->untold[i]);
    l->left -= l->untold[i];
    l->untold[i] = 0;
    rh_meter_show(&l->meter, l->now, l->left);
}

/* A step of 10 ms: the rate is shared by the parts that fly. */
static void step(struct link *l)
{
    uint64_t budget = l->rate / 100;
    l->now += 10;
    for (unsigned i = 0; i < l->parallel; i++) {
        unsigned flying = 0;
        for (unsigned k = i; k < l->parallel; k++)
            flying += l->part[k] > 0;
        if (l->part[i] == 0)
            continue;
        uint64_t n = budget / flying;
        n = n < l->part[i] ? n : l->part[i];
        budget -= n;
        l->part[i] -= n;
        l->untold[i] += n;
    }
    for (unsigned i = 0; i < l->parallel; i++) {
        bool due = l->tell_ms > 0 && l->now >= l->tell_at[i];
        if (l->part[i] > 0 && due) {
            told(l, i);
            l->tell_at[i] = l->now + l->tell_ms;
        }
        if (l->part[i] == 0) {
            told(l, i);
            begin_part(l, i);
        }
    }
}

static void pause(struct link *l)
{
    for (unsigned i = 0; i < l->parallel; i++)
        told(l, i); /* the server kept the prefix */
    rh_meter_stop(&l->meter);
    l->now += between(l, 1, 600000);
    rh_meter_start(&l->meter, l->now);
}

/* What is shown is of use, too. */
static void compare(struct link *l, rh_ms shown_ms)
{
    uint64_t truth = l->left * 1000 / l->rate;
    l->shown++;
    l->wrong += truth > 5000 && (shown_ms < truth * 7 / 10 || shown_ms > truth * 14 / 10);
}

static void one(uint64_t seed, unsigned *shown, unsigned *wrong)
{
    struct link l = {.now = 1000};
    rh_rng_init(&l.rng, seed);
    rh_meter_init(&l.meter);
    l.rate = 1000u << between(&l, 0, 14);
    l.parallel = (unsigned)between(&l, 1, PARTS);
    l.tell_ms = between(&l, 0, 2) == 0 ? 0 : between(&l, 20, 400);
    l.part_max = l.rate * between(&l, 1, 20);
    l.left = l.unassigned = l.part_max * between(&l, 3, 60);
    bool pauses = between(&l, 0, 2) == 0;
    for (unsigned i = 0; i < l.parallel; i++)
        begin_part(&l, i);
    rh_ms lowest = RH_MS_NEVER;
    while (l.left > 0) {
        step(&l);
        if (pauses && between(&l, 0, 2000) == 0)
            pause(&l);
        rh_ms shown_ms = rh_meter_remaining(&l.meter);
        if (shown_ms == RH_MS_NEVER)
            continue;
        compare(&l, shown_ms);
        if (lowest != RH_MS_NEVER && shown_ms > lowest + lowest / 5 + 200) {
            printf("seed %llu: %llu ms after %llu; truth %llu; rate %llu, %u parts of %llu, tell "
                   "%llu\n",
                   (unsigned long long)seed, (unsigned long long)shown_ms,
                   (unsigned long long)lowest, (unsigned long long)(l.left * 1000 / l.rate),
                   (unsigned long long)l.rate, l.parallel, (unsigned long long)l.part_max,
                   (unsigned long long)l.tell_ms);
            fail();
        }
        lowest = shown_ms < lowest ? shown_ms : lowest;
    }
    *shown += l.shown;
    *wrong += l.wrong;
}

static void remaining_never_rises_by_more_than_a_fifth(void **state)
{
    (void)state;
    unsigned shown = 0;
    unsigned wrong = 0;
    for (uint64_t seed = 1; seed <= 500; seed++)
        one(seed, &shown, &wrong);
    assert_true(shown > 100000); /* it is shown */
    assert_true(wrong < shown / 20);
}

/* Another rate is believed in the end, in both directions; so is one after a pause. */
static void it_follows_a_link_that_changes(void **state)
{
    (void)state;
    static const uint64_t rates[] = {1000000, 100000, 3000000};
    struct rh_meter meter;
    uint64_t left = 1000000000;
    rh_ms now = 5000;
    rh_meter_init(&meter);
    rh_meter_start(&meter, now);
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned n = 0; n < 1200; n++) {
            now += 100;
            left -= rates[i] / 10;
            rh_meter_add(&meter, now, rates[i] / 10);
            rh_meter_show(&meter, now, left);
        }
        uint64_t truth = left / rates[i] * 1000;
        assert_in_range(rh_meter_remaining(&meter), truth * 9 / 10, truth * 11 / 10);
        assert_in_range(rh_meter_speed(&meter), rates[i] * 9 / 10, rates[i] * 11 / 10);
        rh_meter_stop(&meter);
        now += 3600000;
        rh_meter_start(&meter, now);
    }
}

static void it_says_nothing_too_early_and_nothing_absurd(void **state)
{
    (void)state;
    struct rh_meter meter;
    rh_meter_init(&meter);
    rh_meter_show(&meter, 1, 100);
    assert_true(rh_meter_remaining(&meter) == RH_MS_NEVER);
    for (unsigned n = 0; n < 9; n++) {
        assert_true(rh_meter_speed(&meter) == 0);
        rh_meter_add(&meter, 1000 + n * 100, 1);
    }
    for (unsigned n = 9; n < 100; n++)
        rh_meter_add(&meter, 1000 + n * 100, 1);
    assert_in_range(rh_meter_speed(&meter), 9, 10);
    rh_meter_show(&meter, 11000, 1000);
    assert_in_range(rh_meter_remaining(&meter), 100000, 112000);
    rh_meter_show(&meter, 11001, UINT64_MAX / 2);
    assert_true(rh_meter_remaining(&meter) == RH_MS_NEVER); /* beyond a week */
    rh_meter_add(&meter, 11002, UINT64_MAX);
    rh_meter_add(&meter, UINT64_MAX - 1, UINT64_MAX);
    assert_true(rh_meter_speed(&meter) < 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(remaining_never_rises_by_more_than_a_fifth),
        cmocka_unit_test(it_follows_a_link_that_changes),
        cmocka_unit_test(it_says_nothing_too_early_and_nothing_absurd),
    };
    return cmocka_run_group_tests_name("meter", tests, NULL, NULL);
}
