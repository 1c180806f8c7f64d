/* SPDX-License-Identifier: MIT */
#include "base/rng.h"
#include "bench.h"
#include "world.h"

struct checker {
    uint64_t frames;
    uint8_t again[RH_EVENT_CODE_MAX];
};

/* Every event and action of a storm decodes to what encodes to the same bytes; every cut is AGAIN.
 */
static void check(void *context, bool is_action, const uint8_t *bytes, size_t size)
{
    struct checker *c = context;
    static struct rh_event event;
    static struct rh_action action;
    size_t used;
    if (size == 0)
        return;
    struct rh_bytes in = {bytes, size};
    if (is_action) {
        assert_int_equal(rh_action_decode(in, &action, &used), RH_OK);
        assert_int_equal(used, size);
        assert_int_equal(rh_action_encode(&action, c->again, sizeof c->again, &used), RH_OK);
    } else {
        assert_int_equal(rh_event_decode(in, &event, &used), RH_OK);
        assert_int_equal(used, size);
        assert_int_equal(rh_event_encode(&event, c->again, sizeof c->again, &used), RH_OK);
    }
    assert_int_equal(used, size);
    assert_memory_equal(bytes, c->again, size);
    if (c->frames++ % 16 == 0) {
        for (size_t cut = 0; cut < size; cut++) {
            in.size = cut;
            enum rh_error error = is_action ? rh_action_decode(in, &action, &used)
                                            : rh_event_decode(in, &event, &used);
            assert_int_equal(error, RH_ERR_AGAIN);
        }
    }
}

static void a_storm_survives_the_round_trip(void **state)
{
    (void)state;
    struct checker c = {0};
    struct world w;
    world_init(&w, 3, "never-give-up", WORLD_ALL, check, &c);
    world_run(&w, 120000);
    world_heal(&w);
    world_run(&w, 3600000);
    assert_true(c.frames > 1000);
    world_finish(&w);
}

static void noise_never_harms(void **state)
{
    (void)state;
    static struct rh_event event;
    static struct rh_action action;
    struct rh_rng rng;
    uint8_t bytes[300];
    size_t used;
    unsigned taken = 0;
    struct bench *b = bench_new("live");
    rh_rng_init(&rng, 11);
    for (unsigned i = 0; i < 200000; i++) {
        size_t size = 8 + rh_rng_below(&rng, sizeof bytes - 8);
        for (size_t n = 0; n < size; n++)
            bytes[n] = rh_rng_below(&rng, 3) == 0 ? (uint8_t)rh_rng_next(&rng) : 0;
        bytes[0] = 1;
        bytes[1] = (uint8_t)(1 + rh_rng_below(&rng, 25));
        bytes[2] = bytes[3] = 0;
        rh_le32_put(bytes + 4, (uint32_t)size);
        struct rh_bytes in = {bytes, size};
        if (rh_event_decode(in, &event, &used) == RH_OK) {
            taken++;
            (void)rh_engine_tell(b->engine, &event);
            bench_drain(b);
        }
        (void)rh_action_decode(in, &action, &used);
    }
    (void)taken;
    bench_free(b);
}

static void headers_are_checked(void **state)
{
    (void)state;
    static struct rh_event event;
    uint8_t bytes[64];
    size_t used;
    size_t size;
    struct rh_event wake = {.kind = RH_EVENT_WAKE, .now_ms = 5};
    assert_int_equal(rh_event_encode(&wake, bytes, sizeof bytes, &size), RH_OK);
    assert_int_equal(rh_event_encode(&wake, bytes, size - 1, &used), RH_ERR_LIMIT);
    struct rh_bytes in = {bytes, size};
    bytes[0] = RH_CODEC_FORMAT + 1;
    assert_int_equal(rh_event_decode(in, &event, &used), RH_ERR_VERSION);
    bytes[0] = RH_CODEC_FORMAT;
    bytes[1] = 99;
    assert_int_equal(rh_event_decode(in, &event, &used), RH_ERR_SYNTAX);
    bytes[1] = RH_EVENT_WAKE;
    bytes[size] = 0;
    rh_le32_put(bytes + 4, (uint32_t)size + 1); /* a byte too much */
    in.size = size + 1;
    assert_int_equal(rh_event_decode(in, &event, &used), RH_ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_storm_survives_the_round_trip),
        cmocka_unit_test(noise_never_harms),
        cmocka_unit_test(headers_are_checked),
    };
    return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
