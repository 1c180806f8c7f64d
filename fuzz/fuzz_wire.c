/* SPDX-License-Identifier: MIT */
/*
 * Answers as a sender reads them: what kind of request, the status, then header lines
 * "Name:value". Whatever a server (or what poses as one) says, the event is within its caps, and a
 * success is about this very upload.
 */
#include "base/assert.h"
#include "base/bytes.h"
#include "input.h"
#include "reelhaul/wire.h"

static struct rh_wire_reply reply;
static struct rh_event event;

static void check(const struct rh_response *response, const struct rh_send *send, uint16_t status)
{
    static uint8_t memory[RH_EVENT_CODE_MAX];
    size_t used = 0;
    RH_ASSERT(response->token == send->token);
    RH_ASSERT(response->status == status);
    RH_ASSERT(response->outcome > RH_OUTCOME_NONE);
    RH_ASSERT(response->acks_count <= RH_RANGES_MAX);
    RH_ASSERT(response->missing_count <= RH_RANGES_MAX);
    for (uint32_t i = 0; i < response->acks_count; i++)
        RH_ASSERT(response->acks[i].length <= UINT64_MAX - response->acks[i].offset);
    for (uint32_t i = 0; i < response->missing_count; i++)
        RH_ASSERT(response->missing[i].length <= UINT64_MAX - response->missing[i].offset);
    RH_ASSERT(memchr(response->remote, 0, sizeof response->remote) != NULL);
    RH_ASSERT(memchr(response->generation, 0, sizeof response->generation) != NULL);
    bool good = response->outcome == RH_OUTCOME_OK || response->outcome == RH_OUTCOME_DONE;
    bool cursor = (rh_wire_traits(reply.dialect, 0) & RH_TRAIT_ONE_CURSOR) != 0;
    RH_ASSERT(!good || (status >= 200 && status < 300) || send->kind == RH_SEND_CANCEL ||
              (cursor && (status == 308 || send->kind == RH_SEND_FINISH)));
    if (cursor && send->kind == RH_SEND_PART) {
        /* One cursor: what is acknowledged touches the part, and does not pass its end. */
        RH_ASSERT(response->acks_count <= 1);
        if (response->acks_count == 1)
            RH_ASSERT(response->acks[0].offset <= send->range.offset &&
                      response->acks[0].offset + response->acks[0].length <=
                          send->range.offset + send->range.length);
    }
    RH_ASSERT(rh_event_encode(&event, memory, sizeof memory, &used) == RH_OK);
}

static const struct rh_wire_dialect *dialect_of(unsigned number)
{
    static const struct rh_wire_dialect *const all[] = {
        &rh_wire_videos,     &rh_wire_form,   &rh_wire_tus, &rh_wire_resumable,
        &rh_wire_resumable6, &rh_wire_chunks, &rh_wire_tus, &rh_wire_resumable};
    return all[number & 7];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct rh_send send = {.token = 7, .total = RH_SIZE_UNKNOWN, .part_bytes = 1 << 20};
    char remote[RH_REMOTE_MAX + 1];
    uint8_t how = input_u8(&in);
    uint16_t status = (uint16_t)(100 + input_below(&in, 500));
    send.kind = (enum rh_send_kind)(1 + ((how >> 1) & 7) % 5);
    send.range.offset = input_u64(&in);
    send.range.length = input_u64(&in);
    if (send.range.length > UINT64_MAX - send.range.offset) /* no engine sends this */
        send.range.length = UINT64_MAX - send.range.offset;
    send.crc_known = (how & 0x40) != 0;
    send.crc64 = input_u64(&in);
    if ((how & 0x80) != 0)
        send.total = input_u64(&in);
    send.final = send.total == send.range.offset + send.range.length;
    strcpy(send.remote, input_text(input_line(&in), remote, sizeof remote));
    rh_wire_reply_init(&reply, dialect_of((how & 1) + ((how >> 3) & 6)), &send, status,
                       1700000000000);
    while (in.size > 0) {
        struct rh_bytes line = input_line(&in);
        const uint8_t *colon = line.size > 0 ? memchr(line.data, ':', line.size) : NULL;
        if (colon == NULL)
            continue;
        size_t name_size = (size_t)(colon - line.data);
        rh_wire_reply_header(&reply, (struct rh_bytes){line.data, name_size},
                             (struct rh_bytes){colon + 1, line.size - name_size - 1});
    }
    rh_wire_reply_finish(&reply, &event);
    event.now_ms = 1;
    check(&event.response, &send, status);
    return 0;
}
