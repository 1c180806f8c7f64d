/* SPDX-License-Identifier: MIT */
/* The interval set against a naive reference: a bitmap over the bytes themselves. */
#include "harness.h"

#include <string.h>

#include "base/crc64.h"
#include "vault/intervals.h"

#define BYTES 512

static uint8_t data[BYTES];

/* What the rows in a catalog would be, kept by the changes alone. */
struct rows {
    struct rh_interval items[BYTES];
    size_t count;
};

static void rows_apply(struct rows *rows, const struct rh_intervals_change *change)
{
    size_t kept = 0;
    for (size_t i = 0; i < rows->count; i++) {
        bool erased = change->erased && rows->items[i].offset == change->erased_offset;
        if (!erased && rows->items[i].offset != change->put.offset)
            rows->items[kept++] = rows->items[i];
    }
    rows->items[kept++] = change->put;
    rows->count = kept;
}

static void check(const struct rh_intervals *set, const bool *present, const struct rows *rows)
{
    size_t index = 0;
    uint64_t bytes = 0;
    for (size_t from = 0; from < BYTES;) {
        size_t to = from;
        while (to < BYTES && present[to])
            to++;
        if (to > from) {
            assert_true(index < set->count);
            const struct rh_interval *interval = &set->items[index++];
            assert_int_equal(interval->offset, from);
            assert_int_equal(interval->length, to - from);
            assert_int_equal(interval->crc64, rh_crc64_update(0, data + from, to - from));
            bool in_rows = false;
            for (size_t i = 0; i < rows->count; i++)
                in_rows = in_rows || memcmp(&rows->items[i], interval, sizeof *interval) == 0;
            assert_true(in_rows);
            bytes += to - from;
        }
        from = to + 1;
    }
    assert_int_equal(index, set->count);
    assert_int_equal(rows->count, set->count);
    assert_int_equal(bytes, set->bytes);
}

static void check_pieces(const struct rh_intervals *set, const bool *present, uint64_t from,
                         uint64_t to)
{
    struct rh_range piece;
    bool there;
    uint64_t at = from;
    uint64_t next = from;
    bool last = false;
    while (rh_intervals_piece(set, &at, to, &piece, &there)) {
        assert_int_equal(piece.offset, next);
        assert_true(piece.length > 0);
        assert_true(next == from || there != last);
        for (uint64_t i = 0; i < piece.length; i++)
            assert_int_equal(present[piece.offset + i], there);
        next = piece.offset + piece.length;
        last = there;
    }
    assert_int_equal(next, to);
}

static void random_additions_match_a_bitmap(void **state)
{
    struct rh_rng rng;
    (void)state;
    rh_rng_init(&rng, seed_of("RH_SEED", 1));
    for (size_t round = 0; round < 300; round++) {
        struct rh_intervals set = {0};
        struct rows rows = {.count = 0};
        bool present[BYTES] = {false};
        for (size_t i = 0; i < 80; i++) {
            uint64_t offset = rh_rng_below(&rng, BYTES);
            uint64_t end = offset + 1 + rh_rng_below(&rng, 40);
            struct rh_range piece;
            bool there;
            if (end > BYTES)
                end = BYTES;
            check_pieces(&set, present, offset, end);
            uint64_t at = offset;
            if (!rh_intervals_piece(&set, &at, end, &piece, &there) || there)
                continue;
            struct rh_intervals_change change;
            struct rh_interval interval = {
                piece.offset, piece.length,
                rh_crc64_update(0, data + piece.offset, (size_t)piece.length)};
            assert_int_equal(rh_intervals_add(&set, interval, &change), RH_OK);
            rows_apply(&rows, &change);
            memset(present + piece.offset, 1, (size_t)piece.length);
            check(&set, present, &rows);
        }
        rh_intervals_finish(&set);
    }
}

static void whole_means_all_of_it_and_no_more(void **state)
{
    struct rh_intervals set = {0};
    struct rh_intervals_change change;
    (void)state;
    assert_true(rh_intervals_whole(&set, 0));
    assert_false(rh_intervals_whole(&set, 1));
    assert_int_equal(rh_intervals_add(&set, (struct rh_interval){1, 9, 0}, &change), RH_OK);
    assert_false(rh_intervals_whole(&set, 10));
    assert_false(rh_intervals_whole(&set, 9));
    assert_int_equal(rh_intervals_add(&set, (struct rh_interval){0, 1, 0}, &change), RH_OK);
    assert_true(rh_intervals_whole(&set, 10));
    assert_false(rh_intervals_whole(&set, 9));
    assert_false(rh_intervals_whole(&set, 0));
    rh_intervals_finish(&set);
}

static void the_checksum_of_zeros_is_right(void **state)
{
    static const uint8_t zeros[5000];
    (void)state;
    for (size_t size = 0; size <= sizeof zeros; size += 1 + size / 7)
        assert_int_equal(rh_crc64_zeros(size), rh_crc64_update(0, zeros, size));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_additions_match_a_bitmap),
        cmocka_unit_test(whole_means_all_of_it_and_no_more),
        cmocka_unit_test(the_checksum_of_zeros_is_right),
    };
    fill(data, sizeof data, 3);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
