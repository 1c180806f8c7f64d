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
        bytes[0] = RH_CODEC_FORMAT;
        bytes[1] = (uint8_t)(1 + rh_rng_below(&rng, RH_EVENT_TRAITS));
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
    assert_true(taken > 100); /* or it would be about heads alone */
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

/* ---- each kind, whatever a storm may need ---- */

static uint8_t code[RH_EVENT_CODE_MAX];

static size_t encoded_event(const struct rh_event *event)
{
    size_t used;
    assert_int_equal(rh_event_encode(event, code, sizeof code, &used), RH_OK);
    return used;
}

static size_t encoded_action(const struct rh_action *action)
{
    size_t used;
    assert_int_equal(rh_action_encode(action, code, sizeof code, &used), RH_OK);
    return used;
}

/* What is decoded encodes to the same bytes; one byte less or more is refused. */
static void check_both_ways(bool is_action, size_t size)
{
    static struct rh_event event;
    static struct rh_action action;
    static uint8_t again[RH_EVENT_CODE_MAX];
    static uint8_t bad[RH_EVENT_CODE_MAX];
    size_t used;
    memcpy(bad, code, size + 1);
    for (int delta = -1; delta <= 1; delta++) {
        size_t total = delta < 0 ? size - 1 : size + (size_t)delta;
        rh_le32_put(bad + 4, (uint32_t)total);
        struct rh_bytes in = {bad, total};
        enum rh_error error =
            is_action ? rh_action_decode(in, &action, &used) : rh_event_decode(in, &event, &used);
        assert_int_equal(error, delta == 0 ? RH_OK : RH_ERR_SYNTAX);
        if (delta != 0)
            continue;
        assert_int_equal(is_action ? rh_action_encode(&action, again, sizeof again, &used)
                                   : rh_event_encode(&event, again, sizeof again, &used),
                         RH_OK);
        assert_int_equal(used, size);
        assert_memory_equal(again, code, size);
    }
}

static void every_kind_of_event_goes_both_ways(void **state)
{
    (void)state;
    for (int kind = RH_EVENT_WAKE; kind <= RH_EVENT_TRAITS; kind++) {
        static struct rh_event e;
        memset(&e, 0, sizeof e);
        e.kind = (enum rh_event_kind)kind;
        strcpy(e.upload, "take-1");
        if (kind == RH_EVENT_SAMPLED) {
            strcpy(e.sampled.mime, "video/webm");
            e.sampled.codings = 6;
        } else if (kind == RH_EVENT_METHOD) {
            strcpy(e.method.name, "form");
        } else if (kind == RH_EVENT_RECORD) {
            e.record.bytes = rh_bytes_of("anything");
        } else if (kind == RH_EVENT_RESPONSE) {
            e.response.acks_count = 8;
            for (unsigned i = 0; i < 8; i++)
                e.response.acks[i] =
                    (struct rh_ack){i * 10, 5, i, (i & 1) != 0, (i & 2) != 0, (i & 4) != 0};
            e.response.missing_count = 2;
            e.response.missing[1] = (struct rh_range){3, 4};
            strcpy(e.response.remote, "R");
        }
        check_both_ways(false, encoded_event(&e));
    }
}

static void every_kind_of_action_goes_both_ways(void **state)
{
    (void)state;
    for (int kind = RH_ACTION_SEND; kind <= RH_ACTION_NOTIFY_QUEUE; kind++) {
        for (unsigned flags = 0; flags < 8; flags++) {
            static struct rh_action a;
            memset(&a, 0, sizeof a);
            a.kind = (enum rh_action_kind)kind;
            strcpy(a.upload, "take-1");
            if (kind == RH_ACTION_SEND) {
                a.send.kind = RH_SEND_PART;
                a.send.crc_known = (flags & 1) != 0;
                a.send.final = (flags & 2) != 0;
                a.send.slices_count = flags & 4;
                a.send.slices[3].length = 9;
            } else if (kind == RH_ACTION_NOTIFY) {
                a.notify.proven = (flags & 1) != 0;
                a.notify.resumed = (flags & 2) != 0;
                a.notify.fault_retryable = (flags & 4) != 0;
            } else if (kind == RH_ACTION_PERSIST) {
                a.persist.bytes = rh_bytes_of("anything");
            }
            check_both_ways(true, encoded_action(&a));
        }
    }
}

/* A byte at its place, or in the head, set to what cannot be. */
static void values_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static struct rh_event e;
    static struct rh_action a;
    size_t used;
    static const struct {
        size_t at;
        uint8_t value;
        enum rh_error error;
    } heads[] = {
        {0, 0, RH_ERR_SYNTAX},  {0, RH_CODEC_FORMAT + 1, RH_ERR_VERSION},
        {2, 1, RH_ERR_SYNTAX},  {1, 0, RH_ERR_SYNTAX},
        {1, 99, RH_ERR_SYNTAX}, {4, 7, RH_ERR_SYNTAX},
        {6, 1, RH_ERR_SYNTAX}, /* longer than any */
    };
    for (unsigned i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        memset(&e, 0, sizeof e);
        e.kind = RH_EVENT_WAKE;
        size_t size = encoded_event(&e);
        code[heads[i].at] = heads[i].value;
        assert_int_equal(rh_event_decode((struct rh_bytes){code, size}, &e, &used), heads[i].error);
        memset(&a, 0, sizeof a);
        a.kind = RH_ACTION_NEED_TOKEN;
        size = encoded_action(&a);
        code[heads[i].at] = heads[i].value;
        assert_int_equal(rh_action_decode((struct rh_bytes){code, size}, &a, &used),
                         heads[i].error);
    }
    /* Bodies: places behind the head, the times and an empty id (events), an empty id (actions). */
    static const struct {
        bool is_action;
        int kind;
        size_t at;
    } bodies[] = {
        {false, RH_EVENT_NETWORK, 25},  {false, RH_EVENT_STORAGE, 25},
        {false, RH_EVENT_PRIORITY, 25}, {false, RH_EVENT_RESPONSE, 29},
        {true, RH_ACTION_SEND, 13},     {true, RH_ACTION_SEND, 16},
        {true, RH_ACTION_FORGET, 9},    {true, RH_ACTION_NOTIFY, 9},
        {true, RH_ACTION_NOTIFY, 16},
    };
    for (unsigned i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        memset(&e, 0, sizeof e);
        memset(&a, 0, sizeof a);
        e.kind = (enum rh_event_kind)bodies[i].kind;
        a.kind = (enum rh_action_kind)bodies[i].kind;
        a.send.kind = bodies[i].kind == RH_ACTION_SEND ? RH_SEND_PART : 0;
        size_t size = bodies[i].is_action ? encoded_action(&a) : encoded_event(&e);
        struct rh_bytes in = {code, size};
        for (unsigned bad = 0; bad < 2; bad++) {
            code[bodies[i].at] = bad ? 0xee : code[bodies[i].at];
            enum rh_error error = bodies[i].is_action ? rh_action_decode(in, &a, &used)
                                                      : rh_event_decode(in, &e, &used);
            assert_int_equal(error, bad ? RH_ERR_SYNTAX : RH_OK);
        }
    }
    /* A send of no kind; counts with nothing behind them; texts too long or with a NUL. */
    memset(&a, 0, sizeof a);
    a.kind = RH_ACTION_SEND;
    size_t size = encoded_action(&a);
    assert_int_equal(rh_action_decode((struct rh_bytes){code, size}, &a, &used), RH_ERR_SYNTAX);
    a.send.kind = RH_SEND_PART;
    size = encoded_action(&a);
    code[size - 1] = 3; /* slices */
    assert_int_equal(rh_action_decode((struct rh_bytes){code, size}, &a, &used), RH_ERR_SYNTAX);
    memset(&e, 0, sizeof e);
    e.kind = RH_EVENT_RESPONSE;
    size = encoded_event(&e);
    for (size_t at = size - 4; at < size - 2; at++) {
        (void)encoded_event(&e);
        code[at] = 64; /* acks, missing */
        struct rh_event out;
        assert_int_equal(rh_event_decode((struct rh_bytes){code, size}, &out, &used),
                         RH_ERR_SYNTAX);
    }
    memset(&e, 0, sizeof e);
    e.kind = RH_EVENT_METHOD;
    strcpy(e.method.name, "form");
    size = encoded_event(&e);
    code[size - 2] = 0;
    assert_int_equal(rh_event_decode((struct rh_bytes){code, size}, &e, &used), RH_ERR_SYNTAX);
    e.kind = RH_EVENT_RECORD;
    e.record.bytes = (struct rh_bytes){code, RH_RECORD_MAX + 1};
    static uint8_t out[RH_EVENT_CODE_MAX];
    assert_int_equal(rh_event_encode(&e, out, sizeof out, &used), RH_ERR_LIMIT);
    e.record.bytes.size = RH_RECORD_MAX;
    assert_int_equal(rh_event_encode(&e, out, sizeof out, &used), RH_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_storm_survives_the_round_trip),
        cmocka_unit_test(noise_never_harms),
        cmocka_unit_test(headers_are_checked),
        cmocka_unit_test(every_kind_of_event_goes_both_ways),
        cmocka_unit_test(every_kind_of_action_goes_both_ways),
        cmocka_unit_test(values_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
