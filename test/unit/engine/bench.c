/* SPDX-License-Identifier: MIT */
#include "bench.h"

/* A bench is more than a megabyte, and some tests make thousands: the last one freed is used again,
 * and of its actions only `count` mean anything. */
static struct bench *spare;

struct bench *bench_of(const struct rh_policy *policy, const struct rh_limits *limits)
{
    struct bench *b = spare != NULL ? spare : malloc(sizeof *b);
    assert_non_null(b);
    spare = NULL;
    b->count = 0;
    b->policy = *policy;
    b->memory = malloc(rh_engine_size(limits));
    assert_non_null(b->memory);
    b->engine = rh_engine_init(b->memory, limits, policy, 7);
    b->now = 1000000;
    b->wake = RH_MS_NEVER;
    return b;
}

struct bench *bench_new(const char *policy)
{
    const struct rh_policy *p = rh_policy_find(rh_bytes_of(policy));
    assert_non_null(p);
    struct bench *b = bench_of(p, &rh_limits_default);
    tell_kind(b, RH_EVENT_LEADER, "");
    return b;
}

void bench_free(struct bench *b)
{
    free(b->memory);
    if (spare == NULL)
        spare = b;
    else
        free(b);
}

void bench_drain(struct bench *b)
{
    b->count = 0;
    while (rh_engine_next(b->engine, &b->actions[b->count])) {
        struct rh_action *a = &b->actions[b->count];
        if (a->kind == RH_ACTION_WAKE_AT) {
            assert_true(a->wake_at.at_ms > b->now);
            b->wake = a->wake_at.at_ms;
        }
        if (a->kind == RH_ACTION_PERSIST) {
            assert_true(a->persist.bytes.size <= sizeof b->records[0]);
            memcpy(b->records[b->count], a->persist.bytes.data, a->persist.bytes.size);
            a->persist.bytes.data = b->records[b->count];
        }
        b->count++;
        assert_true(b->count < BENCH_ACTIONS); /* an engine that always wants more is a busy loop */
    }
}

enum rh_error bench_try(struct bench *b, struct rh_event event)
{
    event.now_ms = b->now;
    event.wall_ms = (int64_t)b->now;
    enum rh_error error = rh_engine_tell(b->engine, &event);
    bench_drain(b);
    return error;
}

void bench_tell(struct bench *b, struct rh_event event)
{
    assert_int_equal(bench_try(b, event), RH_OK);
}

struct rh_event event_of(enum rh_event_kind kind, const char *upload)
{
    struct rh_event event = {.kind = kind};
    strncpy(event.upload, upload, RH_UPLOAD_ID_MAX);
    return event;
}

void tell_kind(struct bench *b, enum rh_event_kind kind, const char *upload)
{
    bench_tell(b, event_of(kind, upload));
}

void tell_added(struct bench *b, const char *upload)
{
    struct rh_event event = event_of(RH_EVENT_ADDED, upload);
    event.added.size = RH_SIZE_UNKNOWN;
    bench_tell(b, event);
}

static uint8_t pattern(uint64_t at)
{
    return (uint8_t)(at * 2654435761u >> 13 ^ at);
}

uint64_t pattern_crc(uint64_t offset, uint64_t length)
{
    uint8_t bytes[4096];
    uint64_t crc = 0;
    while (length > 0) {
        size_t n = length < sizeof bytes ? (size_t)length : sizeof bytes;
        for (size_t i = 0; i < n; i++)
            bytes[i] = pattern(offset + i);
        crc = rh_crc64_update(crc, bytes, n);
        offset += n;
        length -= n;
    }
    return crc;
}

void tell_spooled(struct bench *b, const char *upload, uint64_t offset, uint64_t length)
{
    struct rh_event event = event_of(RH_EVENT_SPOOLED, upload);
    event.spooled.offset = offset;
    event.spooled.length = length;
    event.spooled.crc64 = pattern_crc(offset, length);
    bench_tell(b, event);
}

void tell_sealed(struct bench *b, const char *upload, uint64_t size)
{
    struct rh_event event = event_of(RH_EVENT_SEALED, upload);
    event.sealed.size = size;
    event.sealed.crc64 = pattern_crc(0, size);
    bench_tell(b, event);
}

void tell_network(struct bench *b, bool up)
{
    struct rh_event event = event_of(RH_EVENT_NETWORK, "");
    event.network.up = up;
    bench_tell(b, event);
}

void tell_broken(struct bench *b, uint32_t token)
{
    struct rh_event event = event_of(RH_EVENT_BROKEN, "");
    event.broken.token = token;
    bench_tell(b, event);
}

void tell_progress(struct bench *b, uint32_t token, uint64_t bytes)
{
    struct rh_event event = event_of(RH_EVENT_PROGRESS, "");
    event.progress.token = token;
    event.progress.bytes = bytes;
    bench_tell(b, event);
}

/* Whole takes are made while nothing may be sent, so that the first send comes with the last event.
 */
void tell_take(struct bench *b, const char *upload, uint64_t size, uint64_t segment)
{
    tell_kind(b, RH_EVENT_HOLD, "");
    tell_added(b, upload);
    for (uint64_t at = 0; at < size; at += segment)
        tell_spooled(b, upload, at, size - at < segment ? size - at : segment);
    tell_sealed(b, upload, size);
    tell_kind(b, RH_EVENT_RELEASE, "");
}

const struct rh_action *find_send(const struct bench *b, unsigned n)
{
    for (unsigned i = 0; i < b->count; i++)
        if (b->actions[i].kind == RH_ACTION_SEND && n-- == 0)
            return &b->actions[i];
    return NULL;
}

const struct rh_action *find_action(const struct bench *b, enum rh_action_kind kind,
                                    const char *upload)
{
    for (unsigned i = 0; i < b->count; i++)
        if (b->actions[i].kind == kind && strcmp(b->actions[i].upload, upload) == 0)
            return &b->actions[i];
    return NULL;
}

unsigned count_kind(const struct bench *b, enum rh_action_kind kind)
{
    unsigned count = 0;
    for (unsigned i = 0; i < b->count; i++)
        count += b->actions[i].kind == kind;
    return count;
}

bool bench_until_send(struct bench *b, rh_ms ms)
{
    rh_ms end = b->now + ms;
    while (b->wake <= end) {
        b->now = b->wake > b->now ? b->wake : b->now;
        b->wake = RH_MS_NEVER;
        tell_kind(b, RH_EVENT_WAKE, "");
        if (find_send(b, 0) != NULL)
            return true;
    }
    b->now = end;
    b->count = 0;
    return false;
}

void bench_pass(struct bench *b, rh_ms ms)
{
    b->now += ms;
    tell_kind(b, RH_EVENT_WAKE, "");
}

struct rh_snapshot look(struct bench *b, const char *upload)
{
    struct rh_snapshot s;
    assert_int_equal(rh_engine_look(b->engine, rh_bytes_of(upload), &s), RH_OK);
    return s;
}

void expect_state(struct bench *b, const char *upload, enum rh_upload_state state,
                  enum rh_reason reason)
{
    struct rh_snapshot s = look(b, upload);
    assert_int_equal(s.state, state);
    assert_int_equal(s.reason, reason);
}

static struct rh_event response_to(const struct rh_action *send, enum rh_outcome outcome)
{
    assert_non_null(send);
    assert_int_equal(send->kind, RH_ACTION_SEND);
    struct rh_event event = {.kind = RH_EVENT_RESPONSE};
    event.response.token = send->send.token;
    event.response.outcome = outcome;
    event.response.retry_after_ms = RH_MS_NEVER;
    return event;
}

void answer(struct bench *b, const struct rh_action *send, enum rh_outcome outcome,
            rh_ms retry_after)
{
    struct rh_event event = response_to(send, outcome);
    event.response.retry_after_ms = retry_after;
    bench_tell(b, event);
}

void answer_create(struct bench *b, const struct rh_action *send, const char *remote)
{
    struct rh_event event = response_to(send, RH_OUTCOME_OK);
    assert_int_equal(send->send.kind, RH_SEND_CREATE);
    event.response.remote_state = RH_REMOTE_OPEN;
    event.response.listed = true;
    strcpy(event.response.remote, remote);
    bench_tell(b, event);
}

static struct rh_ack ack_of(uint64_t offset, uint64_t length)
{
    return (struct rh_ack){offset, length, pattern_crc(offset, length), true, true, true};
}

void answer_part(struct bench *b, const struct rh_action *send)
{
    struct rh_event event = response_to(send, RH_OUTCOME_OK);
    assert_int_equal(send->send.kind, RH_SEND_PART);
    event.response.remote_state = RH_REMOTE_OPEN;
    event.response.acks_count = 1;
    event.response.acks[0] = ack_of(send->send.range.offset, send->send.range.length);
    bench_tell(b, event);
}

void answer_done(struct bench *b, const struct rh_action *send, uint64_t size)
{
    struct rh_event event = response_to(send, RH_OUTCOME_DONE);
    event.response.remote_state = RH_REMOTE_DONE;
    event.response.acks_count = 1;
    event.response.acks[0] = ack_of(0, size);
    bench_tell(b, event);
}

void answer_list(struct bench *b, const struct rh_action *send, unsigned count,
                 const uint64_t *pairs)
{
    struct rh_event event = response_to(send, RH_OUTCOME_OK);
    event.response.remote_state = RH_REMOTE_OPEN;
    event.response.listed = true;
    event.response.acks_count = count;
    for (unsigned i = 0; i < count; i++) {
        event.response.acks[i] = ack_of(pairs[2 * i], pairs[2 * i + 1]);
        event.response.acks[i].kept = false;
    }
    bench_tell(b, event);
}

void start(struct bench *b, const char *upload, uint64_t size, uint64_t segment)
{
    tell_take(b, upload, size, segment);
    const struct rh_action *send = find_send(b, 0);
    assert_non_null(send);
    assert_string_equal(send->upload, upload);
    char remote[64] = "R-";
    strcat(remote, upload);
    answer_create(b, send, remote);
}
