/* SPDX-License-Identifier: MIT */
#include "base/rng.h"
#include "bench.h"
#include "engine/segments.h"

#define COUNT 64

struct fixture {
    struct rh_segment items[COUNT];
    struct rh_segments pool;
    struct rh_segment_list list;
};

static void fill(struct fixture *f, uint64_t length)
{
    rh_segments_init(&f->pool, f->items, COUNT);
    rh_segment_list_init(&f->list);
    for (uint64_t i = 0; i < COUNT; i++) {
        struct rh_segment s = {.offset = i * length,
                               .length = length,
                               .crc64 = pattern_crc(i * length, length),
                               .held = true};
        assert_int_equal(rh_segments_append(&f->pool, &f->list, &s), RH_OK);
    }
}

static void checksums_of_aligned_ranges_are_combined(void **state)
{
    (void)state;
    struct fixture f;
    uint64_t crc;
    fill(&f, 100);
    for (uint64_t from = 0; from < COUNT; from += 7) {
        for (uint64_t to = from + 1; to <= COUNT; to += 5) {
            struct rh_range range = {from * 100, (to - from) * 100};
            assert_true(rh_segments_crc(&f.pool, &f.list, range, &crc));
            assert_true(crc == pattern_crc(range.offset, range.length));
        }
    }
    assert_false(rh_segments_crc(&f.pool, &f.list, (struct rh_range){50, 100}, &crc));
    assert_false(rh_segments_crc(&f.pool, &f.list, (struct rh_range){0, 150}, &crc));
    assert_false(rh_segments_crc(&f.pool, &f.list, (struct rh_range){6300, 200}, &crc));
}

static void slices_are_the_segments_of_a_range(void **state)
{
    (void)state;
    struct fixture f;
    struct rh_slice slices[RH_SLICES_MAX];
    fill(&f, 100);
    assert_int_equal(rh_segments_slices(&f.pool, &f.list, (struct rh_range){300, 100}, slices), 0);
    assert_int_equal(rh_segments_slices(&f.pool, &f.list, (struct rh_range){300, 500}, slices), 5);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(slices[i].length, 100);
        assert_true(slices[i].crc64 == pattern_crc(300 + i * 100, 100));
    }
}

static void more_segments_than_slices_go_together(void **state)
{
    (void)state;
    static struct rh_segment items[150];
    struct rh_slice slices[RH_SLICES_MAX];
    struct rh_segments pool;
    struct rh_segment_list list;
    rh_segments_init(&pool, items, 150);
    rh_segment_list_init(&list);
    for (uint64_t i = 0; i < 150; i++) {
        struct rh_segment s = {
            .offset = i * 10, .length = 10, .crc64 = pattern_crc(i * 10, 10), .held = true};
        assert_int_equal(rh_segments_append(&pool, &list, &s), RH_OK);
    }
    uint32_t count = rh_segments_slices(&pool, &list, (struct rh_range){10, 1480}, slices);
    assert_int_equal(count, 50); /* three by three, and one left */
    uint64_t at = 10;
    for (uint32_t i = 0; i < count; i++) {
        assert_true(slices[i].crc64 == pattern_crc(at, slices[i].length));
        at += slices[i].length;
    }
    assert_int_equal(at, 1490);
}

static void a_full_pool_refuses_and_halving_makes_room(void **state)
{
    (void)state;
    struct fixture f;
    uint64_t crc;
    fill(&f, 100);
    struct rh_segment more = {.offset = 6400, .length = 1, .held = true};
    assert_int_equal(rh_segments_append(&f.pool, &f.list, &more), RH_ERR_LIMIT);
    assert_int_equal(rh_segments_halve(&f.pool, &f.list), COUNT / 2);
    assert_int_equal(f.list.count, COUNT / 2);
    assert_int_equal(rh_segments_end(&f.pool, &f.list), 6400);
    assert_true(rh_segments_crc(&f.pool, &f.list, (struct rh_range){200, 400}, &crc));
    assert_true(crc == pattern_crc(200, 400));
    assert_int_equal(rh_segments_append(&f.pool, &f.list, &more), RH_OK);
    assert_int_equal(rh_segments_end(&f.pool, &f.list), 6401);
}

static void segments_come_in_order(void **state)
{
    (void)state;
    struct fixture f;
    rh_segments_init(&f.pool, f.items, COUNT);
    rh_segment_list_init(&f.list);
    struct rh_segment s = {.offset = 10, .length = 10, .held = true};
    assert_int_equal(rh_segments_append(&f.pool, &f.list, &s), RH_OK);
    s.offset = 19;
    assert_int_equal(rh_segments_append(&f.pool, &f.list, &s), RH_ERR_RANGE);
    s.offset = 20;
    s.length = 0;
    assert_int_equal(rh_segments_append(&f.pool, &f.list, &s), RH_ERR_RANGE);
    s.length = UINT64_MAX - 5;
    assert_int_equal(rh_segments_append(&f.pool, &f.list, &s), RH_ERR_RANGE);
}

static void runs_skip_what_is_not_held(void **state)
{
    (void)state;
    struct fixture f;
    struct rh_range run;
    fill(&f, 100);
    rh_segments_at(&f.pool, &f.list, 350)->held = false;
    assert_true(rh_segments_run(&f.pool, &f.list, 50, UINT64_MAX, &run));
    assert_int_equal(run.offset, 50);
    assert_int_equal(run.length, 250);
    assert_true(rh_segments_run(&f.pool, &f.list, 310, UINT64_MAX, &run));
    assert_int_equal(run.offset, 400);
    assert_int_equal(run.length, 6000);
    assert_false(rh_segments_run(&f.pool, &f.list, 6400, UINT64_MAX, &run));
    assert_true(rh_segments_hold(&f.pool, &f.list, (struct rh_range){0, 300}));
    assert_false(rh_segments_hold(&f.pool, &f.list, (struct rh_range){0, 301}));
}

/* Places where looking begins are only that: with and without them the answers are the same. */
static void shortcuts_change_no_answer(void **state)
{
    (void)state;
    struct rh_rng rng;
    rh_rng_init(&rng, 11);
    for (unsigned round = 0; round < 300; round++) {
        struct fixture f;
        bool held[COUNT * 10] = {false};
        uint64_t end = 0;
        rh_segments_init(&f.pool, f.items, COUNT);
        rh_segment_list_init(&f.list);
        bool gaps = rh_rng_below(&rng, 3) == 0;
        bool ordered = rh_rng_below(&rng, 2) == 0; /* bytes are mostly forgotten from the front */
        for (unsigned step = 0; step < 60; step++) {
            uint64_t dice = rh_rng_below(&rng, 10);
            struct rh_segment s = {.length = 1 + rh_rng_below(&rng, 4), .held = true};
            s.offset = end + (gaps ? rh_rng_below(&rng, 2) : 0);
            if (dice < 5 && rh_segments_append(&f.pool, &f.list, &s) == RH_OK) {
                end = s.offset + s.length;
                memset(held + s.offset, 1, s.length);
            } else if (dice == 5) {
                (void)rh_segments_halve(&f.pool, &f.list);
            } else if (dice < 8 && f.list.count > 0) {
                uint32_t i = rh_segments_held(&f.pool, &f.list);
                struct rh_segment *out =
                    ordered || dice == 6
                        ? &f.items[i]
                        : rh_segments_at(&f.pool, &f.list, rh_rng_below(&rng, end));
                if (out != NULL) {
                    rh_segments_release(&f.list, out);
                    memset(held + out->offset, 0, out->length);
                }
            } else if (end > 0) {
                rh_segments_near(&f.pool, &f.list, rh_rng_below(&rng, end + 3));
            }
            uint64_t at = rh_rng_below(&rng, end + 2);
            uint64_t first = at;
            while (first < end && !held[first])
                first++;
            struct rh_range run;
            assert_int_equal(rh_segments_run(&f.pool, &f.list, at, UINT64_MAX, &run), first < end);
            if (first < end) {
                uint64_t last = first;
                while (last < end && held[last])
                    last++;
                assert_int_equal(run.offset, first);
                assert_int_equal(run.length, last - first);
            }
            uint64_t whole = rh_segments_whole_from(&f.pool, &f.list);
            for (uint64_t k = whole; whole != RH_SIZE_UNKNOWN && k < end; k++)
                assert_true(held[k]);
            assert_true(gaps || !ordered || whole != RH_SIZE_UNKNOWN);
        }
    }
}

static void nothing_is_found_where_nothing_is(void **state)
{
    (void)state;
    struct rh_segment items[2];
    struct rh_segments pool;
    struct rh_segment_list list;
    rh_segments_init(&pool, items, 2);
    rh_segment_list_init(&list);
    rh_segments_near(&pool, &list, 5);
    assert_null(rh_segments_at(&pool, &list, 0));
    assert_false(rh_segments_hold(&pool, &list, (struct rh_range){0, 1}));
    assert_true(rh_segments_hold(&pool, &list, (struct rh_range){0, 0}));
    struct rh_segment s = {.offset = 10, .length = 5, .held = true};
    assert_int_equal(rh_segments_append(&pool, &list, &s), RH_OK);
    assert_null(rh_segments_at(&pool, &list, 9));
    assert_ptr_equal(rh_segments_at(&pool, &list, 14), &items[0]);
    assert_null(rh_segments_at(&pool, &list, 15));
    assert_false(rh_segments_hold(&pool, &list, (struct rh_range){15, 1}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksums_of_aligned_ranges_are_combined),
        cmocka_unit_test(slices_are_the_segments_of_a_range),
        cmocka_unit_test(more_segments_than_slices_go_together),
        cmocka_unit_test(a_full_pool_refuses_and_halving_makes_room),
        cmocka_unit_test(segments_come_in_order),
        cmocka_unit_test(runs_skip_what_is_not_held),
        cmocka_unit_test(shortcuts_change_no_answer),
        cmocka_unit_test(nothing_is_found_where_nothing_is),
    };
    return cmocka_run_group_tests_name("segments", tests, NULL, NULL);
}
