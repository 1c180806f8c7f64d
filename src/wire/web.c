/* SPDX-License-Identifier: MIT */
/*
 * The wasm module's door: one engine and one dialect per instance. JavaScript writes into `in`,
 * calls, and reads from `out`; every result below zero is an enum rh_error. Layouts are those of
 * src/engine/codec.c; requests are described at rh_web_request. web/sdk/brain.js is the only
 * caller.
 */
#include "base/bytes.h"
#include "base/crc64.h"
#include "base/mem.h"
#include "engine/pack.h"
#include "reelhaul/wire.h"

#define EXPORT(name) __attribute__((export_name(#name))) name

#define ROOM (RH_WIRE_MEMORY + 16384u)

static uint8_t in[ROOM];
static uint8_t out[ROOM];
static uint8_t wire_memory[RH_WIRE_MEMORY];
static struct rh_policy policy;
static struct rh_engine *engine;
static const struct rh_wire_dialect *dialect;
static struct rh_wire_reply reply;

uint8_t *EXPORT(rh_web_in)(void);
uint8_t *EXPORT(rh_web_out)(void);
uint32_t EXPORT(rh_web_room)(void);
int32_t EXPORT(rh_web_policy)(uint32_t name_size);
int32_t EXPORT(rh_web_policy_set)(uint32_t name_size, uint32_t value);
int32_t EXPORT(rh_web_init)(uint32_t uploads, uint32_t segments, uint32_t intervals, uint32_t parts,
                            uint64_t seed, uint32_t dialect_size);
int32_t EXPORT(rh_web_tell)(uint32_t size);
int32_t EXPORT(rh_web_next)(void);
int32_t EXPORT(rh_web_look)(uint32_t id_size);
int32_t EXPORT(rh_web_counters)(void);
int32_t EXPORT(rh_web_tally)(uint32_t id_size);
int32_t EXPORT(rh_web_request)(uint32_t size);
int32_t EXPORT(rh_web_answer)(uint32_t action_size, uint32_t status, int64_t wall_ms);
void EXPORT(rh_web_answer_field)(uint32_t name_size, uint32_t value_size);
int32_t EXPORT(rh_web_answer_end)(uint64_t now_ms, int64_t wall_ms);
uint64_t EXPORT(rh_web_crc64)(uint64_t crc64, uint32_t size);
uint64_t EXPORT(rh_web_crc64_combine)(uint64_t a, uint64_t b, uint64_t length_b);

uint8_t *rh_web_in(void)
{
    return in;
}

uint8_t *rh_web_out(void)
{
    return out;
}

uint32_t rh_web_room(void)
{
    return ROOM;
}

static struct rh_bytes view(size_t from, size_t size)
{
    if (from > ROOM || size > ROOM - from)
        return (struct rh_bytes){in, 0};
    return (struct rh_bytes){in + from, size};
}

/* The policy that rh_web_init takes; its name is in `in`. */
int32_t rh_web_policy(uint32_t name_size)
{
    const struct rh_policy *found = rh_policy_find(view(0, name_size));
    if (found == NULL)
        return RH_ERR_UNKNOWN;
    policy = *found;
    return RH_OK;
}

int32_t rh_web_policy_set(uint32_t name_size, uint32_t value)
{
    return rh_policy_set(&policy, view(0, name_size), value);
}

/* The engine's memory: pages behind everything else, asked for once. */
static void *pages(size_t size)
{
    size_t count = (size + 65535) / 65536;
    size_t before = __builtin_wasm_memory_grow(0, count);
    return before == SIZE_MAX ? NULL : (void *)(before * 65536);
}

int32_t rh_web_init(uint32_t uploads, uint32_t segments, uint32_t intervals, uint32_t parts,
                    uint64_t seed, uint32_t dialect_size)
{
    struct rh_limits limits = rh_limits_default;
    limits.uploads_max = uploads > 0 ? uploads : limits.uploads_max;
    limits.segments_max = segments > 0 ? segments : limits.segments_max;
    limits.intervals_max = intervals > 0 ? intervals : limits.intervals_max;
    limits.parts_max = parts > 0 ? parts : limits.parts_max;
    dialect = rh_wire_find(view(0, dialect_size));
    if (engine != NULL)
        return RH_ERR_STATE;
    if (dialect == NULL)
        return RH_ERR_UNKNOWN;
    size_t size = rh_engine_size(&limits);
    if (size == 0)
        return RH_ERR_LIMIT;
    void *memory = pages(size);
    if (memory == NULL)
        return RH_ERR_MEMORY;
    policy.traits |= rh_wire_traits(dialect, RH_WIRE_CAN_DEFER | RH_WIRE_CAN_DELETE);
    struct rh_bytes name = view(0, dialect_size);
    rh_mem_copy(policy.method, name.data, name.size <= RH_METHOD_MAX ? name.size : 0);
    engine = rh_engine_init(memory, &limits, &policy, seed);
    return RH_OK;
}

int32_t rh_web_tell(uint32_t size)
{
    struct rh_event event;
    size_t used;
    enum rh_error error = rh_event_decode(view(0, size), &event, &used);
    return error != RH_OK ? error : rh_engine_tell(engine, &event);
}

/* Writes the next action to `out`; its size, or 0. */
int32_t rh_web_next(void)
{
    struct rh_action action;
    size_t used;
    if (!rh_engine_next(engine, &action))
        return 0;
    enum rh_error error = rh_action_encode(&action, out, sizeof out, &used);
    return error != RH_OK ? (int32_t)error : (int32_t)used;
}

/* Writes the snapshot of one upload to `out`, in the shape of a notify action. */
int32_t rh_web_look(uint32_t id_size)
{
    struct rh_action action;
    size_t used;
    struct rh_bytes id = view(0, id_size);
    rh_mem_set(&action, 0, sizeof action);
    action.kind = RH_ACTION_NOTIFY;
    if (id.size > RH_UPLOAD_ID_MAX)
        return RH_ERR_SYNTAX;
    rh_mem_copy(action.upload, id.data, id.size);
    enum rh_error error = rh_engine_look(engine, id, &action.notify);
    if (error == RH_OK)
        error = rh_action_encode(&action, out, sizeof out, &used);
    return error != RH_OK ? (int32_t)error : (int32_t)used;
}

/* Writes the counters to `out` as rh_counters_encode does. */
int32_t rh_web_counters(void)
{
    struct rh_counters counters;
    size_t used;
    rh_engine_counters(engine, &counters);
    enum rh_error error = rh_counters_encode(&counters, out, sizeof out, &used);
    return error != RH_OK ? (int32_t)error : (int32_t)used;
}

/* The tally of one upload, as counters of which the others are 0. */
int32_t rh_web_tally(uint32_t id_size)
{
    struct rh_counters counters;
    size_t used;
    rh_mem_set(&counters, 0, sizeof counters);
    enum rh_error error = rh_engine_tally(engine, view(0, id_size), &counters.all);
    if (error == RH_OK)
        error = rh_counters_encode(&counters, out, sizeof out, &used);
    return error != RH_OK ? (int32_t)error : (int32_t)used;
}

static struct rh_bytes unpack_long(struct rh_unpack *p)
{
    return rh_unpack_bytes(p, rh_unpack_u32(p));
}

static void pack_long(struct rh_pack *p, struct rh_bytes bytes)
{
    rh_pack_u32(p, (uint32_t)bytes.size);
    rh_pack_bytes(p, bytes.data, bytes.size);
}

/*
 * in:  a send action; u8 1 and u64 where the shell computed the part's crc64, else u8 0 and u64 0;
 * u8 n and n times u64 length, crc64 of its slices; then u32 size and bytes of session, video,
 * mime, metadata, file name, lease; u64 lease number out: u8 body kind, u8[3] 0; u64 range offset,
 * range length; then u32 size and bytes of method, path, headers, preamble, epilogue
 */
int32_t rh_web_request(uint32_t size)
{
    struct rh_action action;
    size_t used;
    enum rh_error error = rh_action_decode(view(0, size), &action, &used);
    if (error != RH_OK)
        return error;
    struct rh_unpack p = {in, used, size, true};
    bool crc_given = rh_unpack_u8(&p) == 1;
    uint64_t crc64 = rh_unpack_u64(&p);
    uint8_t slices_count = rh_unpack_u8(&p);
    bool fits = !action.send.crc_known || action.send.crc64 == crc64;
    if (crc_given && fits && slices_count <= RH_SLICES_MAX) {
        action.send.crc_known = true;
        action.send.crc64 = crc64;
        action.send.slices_count = slices_count;
    }
    for (unsigned i = 0; i < slices_count && i < RH_SLICES_MAX; i++) {
        action.send.slices[i].length = rh_unpack_u64(&p);
        action.send.slices[i].crc64 = rh_unpack_u64(&p);
    }
    struct rh_wire_source source = {.abilities = RH_WIRE_CAN_DEFER | RH_WIRE_CAN_DELETE};
    source.session = unpack_long(&p);
    source.video = unpack_long(&p);
    source.mime = unpack_long(&p);
    source.metadata = unpack_long(&p);
    source.file_name = unpack_long(&p);
    source.lease = unpack_long(&p);
    source.lease_number = rh_unpack_u64(&p);
    if (!p.ok)
        return RH_ERR_SYNTAX;
    struct rh_wire_request request;
    error = rh_wire_request(dialect, &action, &source, wire_memory, sizeof wire_memory, &request);
    if (error != RH_OK)
        return error;
    struct rh_pack o = {out, 0, sizeof out, true};
    rh_pack_u32(&o, (uint32_t)request.body);
    rh_pack_u64(&o, request.range.offset);
    rh_pack_u64(&o, request.range.length);
    pack_long(&o, rh_bytes_of(request.method));
    pack_long(&o, request.path);
    pack_long(&o, request.headers);
    pack_long(&o, request.preamble);
    pack_long(&o, request.epilogue);
    return o.ok ? (int32_t)o.size : RH_ERR_LIMIT;
}

/* Begins reading the answer to the send action in `in`. */
int32_t rh_web_answer(uint32_t action_size, uint32_t status, int64_t wall_ms)
{
    struct rh_action action;
    size_t used;
    enum rh_error error = rh_action_decode(view(0, action_size), &action, &used);
    if (error != RH_OK)
        return error;
    if (action.kind != RH_ACTION_SEND || status > 999)
        return RH_ERR_SYNTAX;
    rh_wire_reply_init(&reply, dialect, &action.send, (uint16_t)status, wall_ms);
    return RH_OK;
}

/* One field: name and value in `in`, one after the other. */
void rh_web_answer_field(uint32_t name_size, uint32_t value_size)
{
    rh_wire_reply_header(&reply, view(0, name_size), view(name_size, value_size));
}

/* Tells the engine. Writes the event to `out`; its size. */
int32_t rh_web_answer_end(uint64_t now_ms, int64_t wall_ms)
{
    struct rh_event event;
    size_t used;
    rh_wire_reply_finish(&reply, &event);
    event.now_ms = now_ms;
    event.wall_ms = wall_ms;
    enum rh_error error = rh_event_encode(&event, out, sizeof out, &used);
    if (error == RH_OK)
        error = rh_engine_tell(engine, &event);
    return error != RH_OK ? (int32_t)error : (int32_t)used;
}

uint64_t rh_web_crc64(uint64_t crc64, uint32_t size)
{
    struct rh_bytes bytes = view(0, size);
    return rh_crc64_update(crc64, bytes.data, bytes.size);
}

uint64_t rh_web_crc64_combine(uint64_t a, uint64_t b, uint64_t length_b)
{
    return rh_crc64_combine(a, b, length_b);
}
