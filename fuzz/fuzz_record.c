/* SPDX-License-Identifier: MIT */
/*
 * Records of the engine, as they come back from a ledger: as they are, or with the checksum put
 * right (first byte odd), since behind a checksum nobody else looks. What is taken must go on: the
 * engine asks, persists, and what it persists is taken by another engine.
 */
#include <stdalign.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc64.h"
#include "input.h"
#include "reelhaul/engine.h"

static const struct rh_limits limits = {8, 64, 64, 16};
static alignas(max_align_t) uint8_t memory[2][1 << 20];

static struct rh_engine *engine_new(int which)
{
    RH_ASSERT(rh_engine_size(&limits) <= sizeof memory[which]);
    return rh_engine_init(memory[which], &limits, &rh_policies[0], 1);
}

static enum rh_error tell_record(struct rh_engine *engine, struct rh_bytes bytes)
{
    struct rh_event event = {.kind = RH_EVENT_RECORD, .now_ms = 1000, .wall_ms = 1700000000000};
    event.record.bytes = bytes;
    return rh_engine_tell(engine, &event);
}

/* Everything that may be told to every upload, so that its record is used. */
static void drain(struct rh_engine *engine)
{
    struct rh_action action;
    for (unsigned i = 0; rh_engine_next(engine, &action); i++) {
        RH_ASSERT(i < 10000);
        if (action.kind == RH_ACTION_PERSIST && action.persist.bytes.size > 0)
            RH_ASSERT(tell_record(engine_new(1), action.persist.bytes) == RH_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum rh_event_kind after[] = {RH_EVENT_LEADER, RH_EVENT_RESUME, RH_EVENT_RETRY,
                                               RH_EVENT_WAKE, RH_EVENT_CANCEL};
    if (size < 1 || size - 1 > RH_RECORD_MAX + 64)
        return 0;
    bool mends = (data[0] & 1) != 0;
    size--;
    uint8_t *record = malloc(size + (size == 0)); /* of its size, so that a read beyond is seen */
    RH_ASSERT(record != NULL);
    memcpy(record, data + 1, size);
    if (mends && size >= 20) {
        rh_le32_put(record + 8, (uint32_t)size);
        rh_le64_put(record + size - 8, rh_crc64_update(0, record, size - 8));
    }
    struct rh_engine *engine = engine_new(0);
    enum rh_error error = tell_record(engine, (struct rh_bytes){record, size});
    free(record); /* borrowed for the call alone */
    if (error != RH_OK)
        return 0;
    drain(engine);
    for (size_t i = 0; i < sizeof after / sizeof after[0]; i++) {
        struct rh_event event = {.kind = after[i], .now_ms = 2000 + i, .wall_ms = 1700000001000};
        (void)rh_engine_tell(engine, &event);
        drain(engine);
    }
    return 0;
}
