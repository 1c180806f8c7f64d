/* SPDX-License-Identifier: MIT */
/* The interval set against a bitmap: random acks, cuts and lists; every byte is compared after
 * every step. */
#include "base/rng.h"
#include "bench.h"
#include "engine/ledger.h"

#define BYTES     600
#define SEGMENTS  40
#define INTERVALS 256

struct fixture {
    struct rh_segment segment_items[SEGMENTS];
    struct rh_segments segments;
    struct rh_segment_list source;
    struct rh_interval interval_items[INTERVALS];
    struct rh_ledger ledger;
    struct rh_interval_list acks;
    struct rh_books books;
    uint8_t vouched[BYTES];
};

static void set_up(struct fixture *f, struct rh_rng *rng)
{
    rh_segments_init(&f->segments, f->segment_items, SEGMENTS);
    rh_segment_list_init(&f->source);
    for (uint64_t at = 0; at < BYTES;) {
        uint64_t length = 10 + rh_rng_below(rng, 30);
        length = length < BYTES - at ? length : BYTES - at;
        struct rh_segment s = {
            .offset = at, .length = length, .crc64 = pattern_crc(at, length), .held = true};
        assert_int_equal(rh_segments_append(&f->segments, &f->source, &s), RH_OK);
        at += length;
    }
    rh_ledger_init(&f->ledger, f->interval_items, INTERVALS);
    rh_interval_list_init(&f->acks);
    f->books = (struct rh_books){&f->ledger, &f->acks, &f->segments, &f->source};
    memset(f->vouched, 0, sizeof f->vouched);
}

/* The intervals must be ascending, apart, and exactly the bitmap; what is verified must have the
 * true checksum. */
static void compare(const struct fixture *f)
{
    uint8_t seen[BYTES] = {0};
    uint64_t before = 0;
    for (uint32_t at = f->acks.first; at != RH_NO_INDEX; at = f->ledger.items[at].next) {
        const struct rh_interval *i = &f->ledger.items[at];
        assert_true(i->length > 0 && i->offset >= before && i->offset + i->length <= BYTES);
        before = i->offset + i->length;
        memset(seen + i->offset, 1, i->length);
        if (i->verified)
            assert_true(i->crc_known);
        if (i->crc_known)
            assert_true(i->crc64 == pattern_crc(i->offset, i->length));
    }
    assert_memory_equal(seen, f->vouched, BYTES);
}

static struct rh_range some_range(struct rh_rng *rng)
{
    uint64_t offset = rh_rng_below(rng, BYTES);
    uint64_t length = 1 + rh_rng_below(rng, rh_rng_below(rng, 4) == 0 ? BYTES : 50);
    return (struct rh_range){offset, length < BYTES - offset ? length : BYTES - offset};
}

static struct rh_ack ack_of(struct rh_rng *rng, struct rh_range r)
{
    bool known = rh_rng_below(rng, 3) > 0;
    return (struct rh_ack){r.offset,
                           r.length,
                           known ? pattern_crc(r.offset, r.length) : 0,
                           known,
                           rh_rng_below(rng, 2) == 0,
                           true};
}

static void step(struct fixture *f, struct rh_rng *rng)
{
    struct rh_range r = some_range(rng);
    if (rh_rng_below(rng, 10) < 7) {
        struct rh_ack ack = ack_of(rng, r);
        assert_int_equal(rh_ledger_add(&f->books, &ack), RH_OK);
        memset(f->vouched + r.offset, 1, r.length);
    } else if (rh_rng_below(rng, 3) < 2) {
        assert_int_equal(rh_ledger_cut(&f->books, r), RH_OK);
        memset(f->vouched + r.offset, 0, r.length);
    } else {
        struct rh_ack acks[4];
        uint32_t count = 0;
        uint64_t at = 0;
        memset(f->vouched, 0, BYTES);
        while (count < 4 && at < BYTES) {
            uint64_t offset = at + rh_rng_below(rng, BYTES - at);
            uint64_t length = 1 + rh_rng_below(rng, BYTES - offset);
            acks[count++] = ack_of(rng, (struct rh_range){offset, length});
            memset(f->vouched + offset, 1, length);
            at = offset + length;
        }
        assert_false(rh_ledger_replace(&f->books, acks, count));
    }
}

static void it_equals_a_bitmap(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct fixture f;
        struct rh_rng rng;
        rh_rng_init(&rng, seed);
        set_up(&f, &rng);
        for (unsigned i = 0; i < 60; i++) {
            step(&f, &rng);
            compare(&f);
        }
        rh_ledger_clear(&f.ledger, &f.acks);
        memset(f.vouched, 0, BYTES);
        compare(&f);
        /* Nothing leaks from the pool. */
        unsigned free = 0;
        for (uint32_t at = f.ledger.free; at != RH_NO_INDEX; at = f.ledger.items[at].next)
            free++;
        assert_int_equal(free, INTERVALS);
    }
}

static void a_contradiction_is_not_taken(void **state)
{
    (void)state;
    struct fixture f;
    struct rh_rng rng;
    rh_rng_init(&rng, 5);
    set_up(&f, &rng);
    const struct rh_segment *s = &f.segments.items[f.source.first];
    struct rh_ack ack = {0, s->length, s->crc64 ^ 1, true, true, true};
    assert_int_equal(rh_ledger_add(&f.books, &ack), RH_ERR_CHECKSUM);
    assert_int_equal(f.acks.count, 0);
    ack.crc64 ^= 1;
    assert_int_equal(rh_ledger_add(&f.books, &ack), RH_OK);
    struct rh_range run;
    assert_true(rh_ledger_safe_run(&f.books, 0, &run));
    assert_int_equal(run.length, s->length);
}

static void a_contradiction_that_shows_when_joined_is_taken_out(void **state)
{
    (void)state;
    struct fixture f;
    struct rh_rng rng;
    rh_rng_init(&rng, 6);
    set_up(&f, &rng);
    uint64_t length = f.segments.items[f.source.first].length;
    struct rh_range run;
    struct rh_ack head = {0, 4, pattern_crc(0, 4) ^ 2, true, true, true};
    assert_int_equal(rh_ledger_add(&f.books, &head), RH_OK); /* not verifiable yet */
    assert_false(rh_ledger_safe_run(&f.books, 0, &run));
    struct rh_ack rest = {4, length - 4, pattern_crc(4, length - 4), true, true, true};
    assert_int_equal(rh_ledger_add(&f.books, &rest), RH_ERR_CHECKSUM);
    assert_int_equal(f.acks.count, 0);
    head.crc64 ^= 2;
    assert_int_equal(rh_ledger_add(&f.books, &head), RH_OK);
    assert_int_equal(rh_ledger_add(&f.books, &rest), RH_OK);
    assert_true(rh_ledger_safe_run(&f.books, 0, &run));
    assert_int_equal(run.length, length);
}

static void a_full_pool_takes_nothing_and_loses_nothing(void **state)
{
    (void)state;
    struct fixture f;
    struct rh_rng rng;
    rh_rng_init(&rng, 9);
    set_up(&f, &rng);
    rh_ledger_init(&f.ledger, f.interval_items, 3);
    for (uint64_t i = 0; i < 3; i++) {
        struct rh_ack ack = {i * 100, 1, 0, false, false, true};
        assert_int_equal(rh_ledger_add(&f.books, &ack), RH_OK);
        f.vouched[i * 100] = 1;
    }
    struct rh_ack ack = {350, 1, 0, false, false, true};
    assert_int_equal(rh_ledger_add(&f.books, &ack), RH_ERR_LIMIT);
    compare(&f);
}

static struct rh_ack ack_at(uint64_t offset, uint64_t length, bool crc_known)
{
    return (struct rh_ack){offset, length, pattern_crc(offset, length), crc_known, true, true};
}

static void ranges_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static struct fixture f;
    struct rh_rng rng;
    rh_rng_init(&rng, 5);
    set_up(&f, &rng);
    static const struct rh_range bad[] = {{5, 0}, {UINT64_MAX - 3, 5}};
    for (unsigned i = 0; i < 2; i++) {
        struct rh_ack ack = {.offset = bad[i].offset, .length = bad[i].length, .durable = true};
        assert_int_equal(rh_ledger_cut(&f.books, bad[i]), RH_ERR_RANGE);
        assert_int_equal(rh_ledger_add(&f.books, &ack), RH_ERR_RANGE);
        assert_false(rh_ledger_replace(&f.books, &ack, i)); /* and in a list they say nothing */
    }
    struct rh_ack empty = {.offset = 7};
    assert_false(rh_ledger_replace(&f.books, &empty, 1));
    compare(&f);
}

/* Of what lies behind a full list nothing is known. */
static void a_full_list_leaves_what_it_has_no_room_for(void **state)
{
    (void)state;
    static struct fixture f;
    static struct rh_ack list[RH_RANGES_MAX];
    struct rh_rng rng;
    rh_rng_init(&rng, 5);
    for (uint32_t count = RH_RANGES_MAX - 1; count <= RH_RANGES_MAX; count++) {
        set_up(&f, &rng);
        struct rh_ack last = ack_at(BYTES - 1, 1, false);
        assert_int_equal(rh_ledger_add(&f.books, &last), RH_OK);
        f.vouched[BYTES - 1] = count == RH_RANGES_MAX;
        for (uint32_t i = 0; i < count; i++) {
            list[i] = ack_at(i * 2, 1, false);
            f.vouched[i * 2] = 1;
        }
        assert_false(rh_ledger_replace(&f.books, list, count));
        compare(&f);
    }
}

/* Without room for a split nothing is taken that is not so. */
static void a_full_pool_costs_words_not_truth(void **state)
{
    (void)state;
    static struct fixture f;
    struct rh_rng rng;
    rh_rng_init(&rng, 5);
    set_up(&f, &rng);
    rh_ledger_init(&f.ledger, f.interval_items, 1);
    struct rh_ack all = ack_at(0, BYTES, false);
    assert_int_equal(rh_ledger_add(&f.books, &all), RH_OK);
    const struct rh_segment *second = &f.segment_items[f.segment_items[0].next];
    struct rh_ack word = ack_at(second->offset, second->length, true);
    assert_int_equal(rh_ledger_add(&f.books, &word), RH_ERR_LIMIT);
    assert_true(rh_ledger_bytes(&f.books) < BYTES); /* less than was said, never more */
    struct rh_range run;
    assert_false(rh_ledger_safe_run(&f.books, 0, &run));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_that_cannot_be_are_refused),
        cmocka_unit_test(a_full_list_leaves_what_it_has_no_room_for),
        cmocka_unit_test(a_full_pool_costs_words_not_truth),
        cmocka_unit_test(it_equals_a_bitmap),
        cmocka_unit_test(a_contradiction_is_not_taken),
        cmocka_unit_test(a_contradiction_that_shows_when_joined_is_taken_out),
        cmocka_unit_test(a_full_pool_takes_nothing_and_loses_nothing),
    };
    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
