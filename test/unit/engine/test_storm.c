/* SPDX-License-Identifier: MIT */
/*
 * Many small worlds, each with its own faults: at every action the promises hold, and once the
 * faults stop every recording completes. A failure prints its seed; STORM_SEED=n runs that one,
 * STORM_SEEDS=n so many.
 */
#include "bench.h"
#include "world.h"

#include <stdio.h>

static void one(uint64_t seed, uint32_t faults, uint64_t *crashes)
{
    struct world w;
    world_init(&w, seed, NULL, faults, NULL, NULL);
    world_run(&w, 120000);
    world_heal(&w);
    /* The longest wait is five minutes, and several uploads may have to sit theirs out one after
     * the other. */
    world_run(&w, 4 * 3600 * 1000);
    if (w.broken == NULL && !world_settled(&w)) {
        /* A request from before the healing may have been the last try: failed with a reason, and
         * completed after a retry by hand. */
        world_heal(&w);
        world_run(&w, 4 * 3600 * 1000);
    }
    *crashes += w.crashes;
    if (w.broken != NULL || !world_settled(&w)) {
        printf("seed %llu, policy %s, keep %d, faults %u, at %llu ms: %s\n",
               (unsigned long long)seed, w.policy.name, (int)w.policy.keep, w.faults,
               (unsigned long long)w.now, w.broken != NULL ? w.broken : "not all completed");
        for (unsigned i = 0; i < WORLD_UPLOADS; i++) {
            struct rh_snapshot s = {0};
            (void)rh_engine_look(w.engine, rh_bytes_of(w.uploads[i].id), &s);
            printf("  %s: state %d reason %d error %d acked %llu of %u, spooled %u, done %d\n",
                   w.uploads[i].id, (int)s.state, (int)s.reason, (int)s.error,
                   (unsigned long long)s.acked_bytes, w.uploads[i].size, w.uploads[i].spooled,
                   w.uploads[i].done);
        }
        fail();
    }
    world_finish(&w);
}

static void promises_hold_and_everything_completes(void **state)
{
    (void)state;
    const char *only = getenv("STORM_SEED");
    const char *many = getenv("STORM_SEEDS");
    uint64_t crashes = 0;
    if (only != NULL) {
        one(strtoull(only, NULL, 10), WORLD_ALL, &crashes);
        return;
    }
    uint64_t count = many != NULL ? strtoull(many, NULL, 10) : 100;
    for (uint64_t seed = 1; seed <= count; seed++)
        one(seed, WORLD_ALL, &crashes);
    assert_true(crashes > count / 4); /* the storm is one */
}

static void without_faults_it_is_quick(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world w;
        world_init(&w, seed, "never-give-up", 0, NULL, NULL);
        world_run(&w, 200000);
        assert_null(w.broken);
        assert_true(world_settled(&w));
        /* One create, the parts, and at most a finish each: nothing is sent twice. */
        uint64_t parts = 0;
        for (unsigned i = 0; i < WORLD_UPLOADS; i++)
            parts += w.uploads[i].segment_count + w.uploads[i].size / 16384 + 3;
        assert_true(w.sends <= parts);
        world_finish(&w);
    }
}

static void so_they_do_where_the_server_has_one_cursor(void **state)
{
    (void)state;
    const char *only = getenv("STORM_SEED");
    const char *many = getenv("STORM_SEEDS");
    uint64_t crashes = 0;
    if (only != NULL) {
        one(strtoull(only, NULL, 10), WORLD_ALL | WORLD_CURSOR, &crashes);
        return;
    }
    uint64_t count = many != NULL ? strtoull(many, NULL, 10) : 50;
    for (uint64_t seed = 1; seed <= count; seed++)
        one(seed, WORLD_ALL | WORLD_CURSOR, &crashes);
    assert_true(crashes > count / 4);
}

static void without_faults_a_cursor_is_never_missed(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world w;
        world_init(&w, seed, NULL, WORLD_CURSOR, NULL, NULL);
        world_run(&w, 3600000);
        assert_null(w.broken);
        assert_true(world_settled(&w));
        assert_int_equal(w.misses, 0);
        world_finish(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_faults_a_cursor_is_never_missed),
        cmocka_unit_test(so_they_do_where_the_server_has_one_cursor),
        cmocka_unit_test(without_faults_it_is_quick),
        cmocka_unit_test(promises_hold_and_everything_completes),
    };
    return cmocka_run_group_tests_name("storm", tests, NULL, NULL);
}
