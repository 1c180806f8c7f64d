/* SPDX-License-Identifier: MIT */
/*
 * Event streams for the engine. First byte even: encoded events as they are (the codec, and
 * whatever it lets through); odd: a shell that tells whatever it likes, in any order, about a few
 * uploads and about requests that are, were or never have been under way. The engine never breaks,
 * its answer to each event ends, its actions are possible, within caps and encodable, and nothing
 * is forgotten that nobody vouched for.
 */
#include <stdalign.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "input.h"
#include "reelhaul/engine.h"

#define UPLOADS     4
#define ACTIONS_MAX 5000
#define EVENTS_MAX  400
#define FLYING_MAX  64

static const struct rh_limits limits = {3, 24, 12, 6};
static const char *const ids[UPLOADS] = {"a", "b", "c", "d"};
static alignas(max_align_t) uint8_t memory[1 << 20];

struct shell {
    struct rh_engine *engine;
    rh_ms now_ms;
    bool free; /* raw events: this model knows nothing of what was told */
    bool leader;
    bool may_forget; /* somebody vouched, or gave up */
    struct rh_action flying[FLYING_MAX];
    unsigned flying_count;
    uint32_t token_last;
    uint64_t spooled[UPLOADS];
};

static void remove_flying(struct shell *s, uint32_t token)
{
    for (unsigned i = 0; i < s->flying_count; i++) {
        if (s->flying[i].send.token == token) {
            s->flying[i] = s->flying[--s->flying_count];
            return;
        }
    }
}

static void check_send(struct shell *s, const struct rh_action *action)
{
    const struct rh_send *send = &action->send;
    for (unsigned i = 0; i < s->flying_count; i++)
        RH_ASSERT(s->flying[i].send.token != send->token);
    RH_ASSERT(send->kind >= RH_SEND_CREATE && send->kind <= RH_SEND_CANCEL);
    RH_ASSERT(action->upload[0] != '\0');
    if (s->free)
        return;
    RH_ASSERT(s->leader);
    RH_ASSERT(s->flying_count < limits.parts_max);
    s->flying[s->flying_count++] = *action;
    if (send->kind != RH_SEND_PART)
        return;
    RH_ASSERT(send->range.length > 0 || send->final);
    RH_ASSERT(send->range.length <= UINT64_MAX - send->range.offset);
    for (unsigned i = 0; i < UPLOADS; i++) {
        if (strcmp(ids[i], action->upload) == 0)
            RH_ASSERT(send->range.offset + send->range.length <= s->spooled[i]);
    }
}

static void check_code(const struct rh_action *action)
{
    static uint8_t first[RH_ACTION_CODE_MAX];
    static uint8_t second[RH_ACTION_CODE_MAX];
    static struct rh_action back;
    size_t size = 0;
    size_t used = 0;
    size_t again = 0;
    RH_ASSERT(rh_action_encode(action, first, sizeof first, &size) == RH_OK);
    RH_ASSERT(rh_action_decode((struct rh_bytes){first, size}, &back, &used) == RH_OK);
    RH_ASSERT(used == size);
    RH_ASSERT(rh_action_encode(&back, second, sizeof second, &again) == RH_OK);
    RH_ASSERT(again == size && memcmp(first, second, size) == 0);
}

static void drain(struct shell *s)
{
    static struct rh_action action;
    for (unsigned i = 0; rh_engine_next(s->engine, &action); i++) {
        RH_ASSERT(i < ACTIONS_MAX);
        check_code(&action);
        if (action.kind == RH_ACTION_SEND)
            check_send(s, &action);
        else if (action.kind == RH_ACTION_ABORT)
            remove_flying(s, action.abort.token);
        else if (action.kind == RH_ACTION_FORGET)
            RH_ASSERT(s->free || s->may_forget);
    }
}

static void tell(struct shell *s, struct rh_event *event)
{
    event->now_ms = s->now_ms;
    event->wall_ms = (int64_t)1700000000000 + (int64_t)(s->now_ms % 1000000000);
    (void)rh_engine_tell(s->engine, event);
    drain(s);
}

/* ---- a shell that tells whatever it likes ---- */

static struct rh_range range_of(struct input *in, const struct rh_action *about)
{
    struct rh_range range = {input_u64(in), input_u64(in)};
    if (about != NULL && about->send.kind == RH_SEND_PART && (input_u8(in) & 3) != 0)
        range = about->send.range;
    return range;
}

static void fill_response(struct shell *s, struct input *in, struct rh_response *response)
{
    const struct rh_action *about =
        s->flying_count > 0 ? &s->flying[input_u8(in) % s->flying_count] : NULL;
    uint8_t how = input_u8(in);
    response->token = about != NULL ? about->send.token : input_u8(in);
    response->outcome = (enum rh_outcome)(1 + input_u8(in) % 18);
    response->status = (uint16_t)(100 + input_below(in, 500));
    response->remote_state = (enum rh_remote_state)(input_u8(in) % 6);
    response->retry_after_ms = (how & 1) != 0 ? RH_MS_NEVER : input_u64(in);
    response->listed = (how & 2) != 0;
    response->acks_count = input_u8(in) % 6;
    for (uint32_t i = 0; i < response->acks_count; i++) {
        struct rh_range range = range_of(in, about);
        uint8_t bits = input_u8(in);
        response->acks[i] = (struct rh_ack){range.offset,    range.length,    input_u64(in),
                                            (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0};
        s->may_forget = s->may_forget || (bits & 6) == 6;
    }
    response->missing_count = input_u8(in) % 3;
    for (uint32_t i = 0; i < response->missing_count; i++)
        response->missing[i] = range_of(in, about);
    if ((how & 4) != 0)
        strcpy(response->remote, "remote");
    if ((how & 8) != 0)
        strcpy(response->generation, (how & 16) != 0 ? "one" : "two");
    /* Done on the server is a word, too: also in an answer that says nothing else. */
    s->may_forget = s->may_forget || response->outcome == RH_OUTCOME_DONE ||
                    response->remote_state == RH_REMOTE_DONE;
    remove_flying(s, response->token);
}

static uint32_t some_token(struct shell *s, struct input *in, bool ends)
{
    uint8_t which = input_u8(in);
    if (s->flying_count == 0 || which >= 0xf0)
        return which;
    uint32_t token = s->flying[which % s->flying_count].send.token;
    if (ends)
        remove_flying(s, token);
    return token;
}

static void fill_spooled(struct shell *s, struct input *in, struct rh_event *event, unsigned which)
{
    uint8_t how = input_u8(in);
    event->spooled.offset = (how & 7) != 0 ? s->spooled[which] : input_u64(in);
    event->spooled.length = input_u64(in);
    event->spooled.crc64 = input_u64(in);
}

static void fill(struct shell *s, struct input *in, struct rh_event *event, unsigned which)
{
    switch (event->kind) {
    case RH_EVENT_NETWORK:
        event->network.up = (input_u8(in) & 3) != 0;
        event->network.metered = (input_u8(in) & 1) != 0;
        return;
    case RH_EVENT_ADDED:
        event->added.size = (input_u8(in) & 1) != 0 ? RH_SIZE_UNKNOWN : input_u64(in);
        return;
    case RH_EVENT_SPOOLED:
        fill_spooled(s, in, event, which);
        return;
    case RH_EVENT_SEALED:
        event->sealed.size = (input_u8(in) & 3) != 0 ? s->spooled[which] : input_u64(in);
        event->sealed.crc64 = input_u64(in);
        return;
    case RH_EVENT_RESPONSE:
        fill_response(s, in, &event->response);
        return;
    case RH_EVENT_PROGRESS:
        event->progress.token = some_token(s, in, false);
        event->progress.bytes = input_u64(in);
        return;
    case RH_EVENT_BROKEN:
        event->broken.token = some_token(s, in, true);
        event->broken.timeout = (input_u8(in) & 1) != 0;
        return;
    case RH_EVENT_PART_CRC:
        event->part_crc.token = some_token(s, in, false);
        event->part_crc.crc64 = input_u64(in);
        return;
    case RH_EVENT_STORAGE:
        event->storage.level = (enum rh_pressure)(input_u8(in) % 3);
        return;
    case RH_EVENT_LEFT:
        event->left.ms = input_u64(in);
        return;
    case RH_EVENT_LIMIT:
        event->limit.bytes_per_s = input_u64(in);
        event->limit.percent = input_u8(in);
        return;
    case RH_EVENT_PRIORITY:
        event->priority.level = (enum rh_priority)(input_u8(in) % 4);
        return;
    case RH_EVENT_SAMPLED:
        event->sampled.codings = input_u8(in);
        event->sampled.plain_bytes = (uint32_t)input_u64(in);
        event->sampled.coded_bytes = (uint32_t)input_u64(in);
        event->sampled.coder_bytes_s = input_u64(in);
        return;
    default:
        return;
    }
}

/* What the model may expect from now on. */
static void note(struct shell *s, const struct rh_event *event, unsigned which, enum rh_error error)
{
    switch (event->kind) {
    case RH_EVENT_SPOOLED:
        if (error == RH_OK)
            s->spooled[which] = event->spooled.offset + event->spooled.length;
        return;
    case RH_EVENT_CANCEL:
    case RH_EVENT_REMOVE:
    case RH_EVENT_SOURCE_LOST:
        s->may_forget = true;
        return;
    default:
        return;
    }
}

static void some_event(struct shell *s, struct input *in)
{
    static struct rh_event event;
    unsigned which = input_u8(in) % UPLOADS;
    uint8_t kind = input_u8(in);
    memset(&event, 0, sizeof event);
    /* Without these three nothing ever happens, so they come often. */
    static const uint8_t often[] = {RH_EVENT_ADDED,   RH_EVENT_SPOOLED, RH_EVENT_RESPONSE,
                                    RH_EVENT_SPOOLED, RH_EVENT_SEALED,  RH_EVENT_RESPONSE};
    event.kind = (enum rh_event_kind)(kind < 0x80 ? often[kind % sizeof often] : 1 + kind % 27);
    if (event.kind == RH_EVENT_RECORD)
        return; /* fuzz_record */
    if ((input_u8(in) & 15) != 0)
        strcpy(event.upload, ids[which]);
    fill(s, in, &event, which);
    s->now_ms += input_u64(in) % 700000;
    event.now_ms = s->now_ms;
    event.wall_ms = (int64_t)1700000000000 + (int64_t)s->now_ms;
    if (event.kind == RH_EVENT_LEADER)
        s->leader = true;
    note(s, &event, which, rh_engine_tell(s->engine, &event));
    if (event.kind == RH_EVENT_LEADER_LOST)
        s->leader = false;
    drain(s);
}

static void told_at_will(struct shell *s, struct input *in)
{
    struct rh_event leader = {.kind = RH_EVENT_LEADER};
    s->leader = true;
    tell(s, &leader);
    for (unsigned i = 0; i < EVENTS_MAX && in->size > 0; i++)
        some_event(s, in);
}

static void told_raw(struct shell *s, struct input *in)
{
    static struct rh_event event;
    struct rh_bytes rest = {in->data, in->size};
    size_t used = 0;
    s->free = true;
    while (rest.size > 0 && rh_event_decode(rest, &event, &used) == RH_OK) {
        RH_ASSERT(used > 0 && used <= rest.size);
        if (event.now_ms < s->now_ms || event.now_ms > ((rh_ms)1 << 50))
            event.now_ms = s->now_ms; /* the shell owes a time that never falls */
        s->now_ms = event.now_ms;
        (void)rh_engine_tell(s->engine, &event);
        drain(s);
        rest.data += used;
        rest.size -= used;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct shell shell;
    struct input in = {data, size};
    uint8_t how = input_u8(&in);
    struct rh_policy policy = rh_policies[(how >> 1) % rh_policies_count];
    policy.traits = input_u8(&in) & 15u;
    memset(&shell, 0, sizeof shell);
    shell.now_ms = 1000;
    RH_ASSERT(rh_engine_size(&limits) <= sizeof memory);
    shell.engine = rh_engine_init(memory, &limits, &policy, how);
    if ((how & 1) != 0)
        told_at_will(&shell, &in);
    else
        told_raw(&shell, &in);
    return 0;
}
