/* SPDX-License-Identifier: MIT */
#ifndef TEST_ENGINE_CORNERS_H
#define TEST_ENGINE_CORNERS_H
/* Short ways for tests with odd policies and few slots. */
#include "bench.h"
#include "engine/state.h"

static inline struct bench *bench_with(const struct rh_policy *p, uint32_t parts_max)
{
    struct rh_limits l = rh_limits_default;
    l.parts_max = parts_max;
    struct bench *b = bench_of(p, &l);
    tell_kind(b, RH_EVENT_LEADER, "");
    return b;
}

static inline struct rh_policy policy_of(const char *name, uint32_t part_bytes)
{
    struct rh_policy p = *rh_policy_find(rh_bytes_of(name));
    if (part_bytes > 0)
        p.part_bytes = p.part_bytes_min = part_bytes;
    return p;
}

static inline struct rh_event response_to(const struct rh_action *send, enum rh_outcome outcome)
{
    struct rh_event event = {.kind = RH_EVENT_RESPONSE};
    event.response.token = send->send.token;
    event.response.outcome = outcome;
    event.response.remote_state = RH_REMOTE_OPEN;
    event.response.retry_after_ms = RH_MS_NEVER;
    return event;
}

static inline struct rh_action next_send(struct bench *b)
{
    if (find_send(b, 0) == NULL)
        assert_true(bench_until_send(b, 600000));
    return *find_send(b, 0);
}

static inline void tell_left(struct bench *b, rh_ms ms)
{
    struct rh_event event = event_of(RH_EVENT_LEFT, "");
    event.left.ms = ms;
    bench_tell(b, event);
}

#endif
