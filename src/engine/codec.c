/* SPDX-License-Identifier: MIT */
/*
 * Events and actions as bytes: the boundary of the wasm module, and trace files. Little-endian:
 *   u8 format, u8 kind, u16 0, u32 bytes of the whole, then
 *   event:  u64 now, i64 wall, text upload, body        action: text upload, body
 * Texts are u8 size and bytes. The bodies are listed by the functions below, in order.
 */
#include "base/bytes.h"
#include "base/mem.h"
#include "engine/pack.h"
#include "reelhaul/engine.h"

#define HEAD_SIZE 8u

enum { ACK_CRC = 1, ACK_KEPT = 2, ACK_DURABLE = 4 };
enum { SEND_CRC = 1, SEND_FINAL = 2 };

static void begin(struct rh_pack *p, uint8_t kind)
{
    rh_pack_u8(p, RH_CODEC_FORMAT);
    rh_pack_u8(p, kind);
    rh_pack_u16(p, 0);
    rh_pack_u32(p, 0);
}

static enum rh_error end(struct rh_pack *p, size_t *used)
{
    if (!p->ok)
        return RH_ERR_LIMIT;
    rh_le32_put(p->data + 4, (uint32_t)p->size);
    *used = p->size;
    return RH_OK;
}

/* Opens the frame at the start of `in`. */
static enum rh_error open_frame(struct rh_bytes in, struct rh_unpack *p, uint8_t *kind,
                                size_t *used)
{
    if (in.size < HEAD_SIZE)
        return RH_ERR_AGAIN;
    if (in.data[0] == 0 || rh_le16_get(in.data + 2) != 0)
        return RH_ERR_SYNTAX;
    if (in.data[0] != RH_CODEC_FORMAT)
        return RH_ERR_VERSION; /* both ends of a boundary are of one build; nothing is kept */
    uint32_t size = rh_le32_get(in.data + 4);
    if (size < HEAD_SIZE || size > RH_EVENT_CODE_MAX)
        return RH_ERR_SYNTAX;
    if (size > in.size)
        return RH_ERR_AGAIN;
    *kind = in.data[1];
    *used = size;
    *p = (struct rh_unpack){in.data, HEAD_SIZE, size, true};
    return RH_OK;
}

static enum rh_error close_frame(const struct rh_unpack *p)
{
    return p->ok && p->at == p->size ? RH_OK : RH_ERR_SYNTAX;
}

/* A number that must be an enum's value. */
static uint8_t unpack_enum(struct rh_unpack *p, uint8_t last)
{
    uint8_t value = rh_unpack_u8(p);
    if (value > last)
        p->ok = false;
    return value;
}

/* ---- response ---- */

static void pack_response(struct rh_pack *p, const struct rh_response *r)
{
    rh_pack_u32(p, r->token);
    rh_pack_u8(p, (uint8_t)r->outcome);
    rh_pack_u8(p, (uint8_t)r->remote_state);
    rh_pack_u16(p, r->status);
    rh_pack_u64(p, r->retry_after_ms);
    rh_pack_u8(p, r->listed);
    rh_pack_u8(p, r->codings);
    rh_pack_u8(p, (uint8_t)r->acks_count);
    rh_pack_u8(p, (uint8_t)r->missing_count);
    for (uint32_t i = 0; i < r->acks_count; i++) {
        const struct rh_ack *a = &r->acks[i];
        rh_pack_u64(p, a->offset);
        rh_pack_u64(p, a->length);
        rh_pack_u64(p, a->crc64);
        rh_pack_u8(p, (uint8_t)((a->crc_known ? ACK_CRC : 0) | (a->kept ? ACK_KEPT : 0) |
                                (a->durable ? ACK_DURABLE : 0)));
    }
    for (uint32_t i = 0; i < r->missing_count; i++) {
        rh_pack_u64(p, r->missing[i].offset);
        rh_pack_u64(p, r->missing[i].length);
    }
    rh_pack_text(p, r->remote);
    rh_pack_text(p, r->generation);
}

static void unpack_response(struct rh_unpack *p, struct rh_response *r)
{
    r->token = rh_unpack_u32(p);
    r->outcome = (enum rh_outcome)unpack_enum(p, RH_OUTCOME_GONE_BARE);
    r->remote_state = (enum rh_remote_state)unpack_enum(p, RH_REMOTE_LOST);
    r->status = rh_unpack_u16(p);
    r->retry_after_ms = rh_unpack_u64(p);
    r->listed = unpack_enum(p, 1) != 0;
    r->codings = rh_unpack_u8(p);
    r->acks_count = unpack_enum(p, RH_RANGES_MAX);
    r->missing_count = unpack_enum(p, RH_RANGES_MAX);
    for (uint32_t i = 0; p->ok && i < r->acks_count; i++) {
        struct rh_ack *a = &r->acks[i];
        a->offset = rh_unpack_u64(p);
        a->length = rh_unpack_u64(p);
        a->crc64 = rh_unpack_u64(p);
        uint8_t flags = unpack_enum(p, ACK_CRC | ACK_KEPT | ACK_DURABLE);
        a->crc_known = (flags & ACK_CRC) != 0;
        a->kept = (flags & ACK_KEPT) != 0;
        a->durable = (flags & ACK_DURABLE) != 0;
    }
    for (uint32_t i = 0; p->ok && i < r->missing_count; i++) {
        r->missing[i].offset = rh_unpack_u64(p);
        r->missing[i].length = rh_unpack_u64(p);
    }
    rh_unpack_text(p, r->remote, RH_REMOTE_MAX);
    rh_unpack_text(p, r->generation, RH_GENERATION_MAX);
}

/* ---- events ---- */

static void pack_event_body(struct rh_pack *p, const struct rh_event *e)
{
    switch (e->kind) {
    case RH_EVENT_NETWORK:
        rh_pack_u8(p, e->network.up);
        rh_pack_u8(p, e->network.metered);
        break;
    case RH_EVENT_ADDED:
        rh_pack_u64(p, e->added.size);
        rh_pack_u8(p, (uint8_t)e->added.priority);
        break;
    case RH_EVENT_SPOOLED:
        rh_pack_u64(p, e->spooled.offset);
        rh_pack_u64(p, e->spooled.length);
        rh_pack_u64(p, e->spooled.crc64);
        break;
    case RH_EVENT_SEALED:
        rh_pack_u64(p, e->sealed.size);
        rh_pack_u64(p, e->sealed.crc64);
        break;
    case RH_EVENT_RESPONSE:
        pack_response(p, &e->response);
        break;
    case RH_EVENT_PROGRESS:
        rh_pack_u32(p, e->progress.token);
        rh_pack_u64(p, e->progress.bytes);
        break;
    case RH_EVENT_BROKEN:
        rh_pack_u32(p, e->broken.token);
        rh_pack_u8(p, e->broken.timeout);
        break;
    case RH_EVENT_PART_CRC:
        rh_pack_u32(p, e->part_crc.token);
        rh_pack_u64(p, e->part_crc.crc64);
        break;
    case RH_EVENT_STORAGE:
        rh_pack_u8(p, (uint8_t)e->storage.level);
        break;
    case RH_EVENT_LEFT:
        rh_pack_u64(p, e->left.ms);
        break;
    case RH_EVENT_LIMIT:
        rh_pack_u64(p, e->limit.bytes_per_s);
        rh_pack_u8(p, e->limit.percent);
        break;
    case RH_EVENT_RECORD:
        rh_pack_u32(p, (uint32_t)e->record.bytes.size);
        rh_pack_bytes(p, e->record.bytes.data, e->record.bytes.size);
        break;
    case RH_EVENT_SAMPLED:
        rh_pack_text(p, e->sampled.mime);
        rh_pack_u8(p, e->sampled.codings);
        rh_pack_u32(p, e->sampled.plain_bytes);
        rh_pack_u32(p, e->sampled.coded_bytes);
        rh_pack_u64(p, e->sampled.coder_bytes_s);
        break;
    case RH_EVENT_PRIORITY:
        rh_pack_u8(p, (uint8_t)e->priority.level);
        break;
    case RH_EVENT_METHOD:
        rh_pack_text(p, e->method.name);
        break;
    case RH_EVENT_TRAITS:
        rh_pack_u32(p, e->traits.traits);
        break;
    default: /* the others have no body */
        break;
    }
}

enum rh_error rh_event_encode(const struct rh_event *event, uint8_t *out, size_t cap, size_t *used)
{
    struct rh_pack p = {out, 0, cap, true};
    if (event->kind == RH_EVENT_RECORD && event->record.bytes.size > RH_RECORD_MAX)
        return RH_ERR_LIMIT;
    begin(&p, (uint8_t)event->kind);
    rh_pack_u64(&p, event->now_ms);
    rh_pack_u64(&p, (uint64_t)event->wall_ms);
    rh_pack_text(&p, event->upload);
    pack_event_body(&p, event);
    return end(&p, used);
}

static void unpack_event_body(struct rh_unpack *p, struct rh_event *e)
{
    switch (e->kind) {
    case RH_EVENT_NETWORK:
        e->network.up = unpack_enum(p, 1) != 0;
        e->network.metered = unpack_enum(p, 1) != 0;
        break;
    case RH_EVENT_ADDED:
        e->added.size = rh_unpack_u64(p);
        e->added.priority = (enum rh_priority)unpack_enum(p, RH_PRIORITY_MANUAL);
        break;
    case RH_EVENT_SPOOLED:
        e->spooled.offset = rh_unpack_u64(p);
        e->spooled.length = rh_unpack_u64(p);
        e->spooled.crc64 = rh_unpack_u64(p);
        break;
    case RH_EVENT_SEALED:
        e->sealed.size = rh_unpack_u64(p);
        e->sealed.crc64 = rh_unpack_u64(p);
        break;
    case RH_EVENT_RESPONSE:
        unpack_response(p, &e->response);
        break;
    case RH_EVENT_PROGRESS:
        e->progress.token = rh_unpack_u32(p);
        e->progress.bytes = rh_unpack_u64(p);
        break;
    case RH_EVENT_BROKEN:
        e->broken.token = rh_unpack_u32(p);
        e->broken.timeout = unpack_enum(p, 1) != 0;
        break;
    case RH_EVENT_PART_CRC:
        e->part_crc.token = rh_unpack_u32(p);
        e->part_crc.crc64 = rh_unpack_u64(p);
        break;
    case RH_EVENT_STORAGE:
        e->storage.level = (enum rh_pressure)unpack_enum(p, RH_PRESSURE_CRITICAL);
        break;
    case RH_EVENT_LEFT:
        e->left.ms = rh_unpack_u64(p);
        break;
    case RH_EVENT_LIMIT:
        e->limit.bytes_per_s = rh_unpack_u64(p);
        e->limit.percent = unpack_enum(p, 100);
        break;
    case RH_EVENT_RECORD:
        e->record.bytes = rh_unpack_bytes(p, rh_unpack_u32(p));
        break;
    case RH_EVENT_SAMPLED:
        rh_unpack_text(p, e->sampled.mime, RH_MIME_MAX);
        e->sampled.codings = rh_unpack_u8(p);
        e->sampled.plain_bytes = rh_unpack_u32(p);
        e->sampled.coded_bytes = rh_unpack_u32(p);
        e->sampled.coder_bytes_s = rh_unpack_u64(p);
        break;
    case RH_EVENT_PRIORITY:
        e->priority.level = (enum rh_priority)unpack_enum(p, RH_PRIORITY_MANUAL);
        break;
    case RH_EVENT_METHOD:
        rh_unpack_text(p, e->method.name, RH_METHOD_MAX);
        break;
    case RH_EVENT_TRAITS:
        e->traits.traits = rh_unpack_u32(p);
        break;
    default:
        break;
    }
}

enum rh_error rh_event_decode(struct rh_bytes in, struct rh_event *event, size_t *used)
{
    struct rh_unpack p;
    uint8_t kind;
    enum rh_error error = open_frame(in, &p, &kind, used);
    if (error != RH_OK)
        return error;
    if (kind < RH_EVENT_WAKE || kind > RH_EVENT_TRAITS)
        return RH_ERR_SYNTAX;
    rh_mem_set(event, 0, sizeof *event);
    event->kind = (enum rh_event_kind)kind;
    event->now_ms = rh_unpack_u64(&p);
    event->wall_ms = (int64_t)rh_unpack_u64(&p);
    rh_unpack_text(&p, event->upload, RH_UPLOAD_ID_MAX);
    unpack_event_body(&p, event);
    return close_frame(&p);
}

/* ---- actions ---- */

static void pack_snapshot(struct rh_pack *p, const struct rh_snapshot *s)
{
    rh_pack_u8(p, (uint8_t)s->state);
    rh_pack_u8(p, (uint8_t)s->reason);
    rh_pack_u8(p, (uint8_t)s->error);
    rh_pack_u8(
        p, (uint8_t)((s->proven ? 1 : 0) | (s->resumed ? 2 : 0) | (s->fault_retryable ? 4 : 0)));
    rh_pack_u16(p, s->status);
    rh_pack_u16(p, (uint16_t)s->fault);
    rh_pack_u64(p, s->acked_bytes);
    rh_pack_u64(p, s->sent_bytes);
    rh_pack_u64(p, s->spooled_bytes);
    rh_pack_u64(p, s->total_bytes);
    rh_pack_u64(p, s->speed_bytes_s);
    rh_pack_u64(p, s->remaining_ms);
    rh_pack_u64(p, s->retry_at_ms);
    rh_pack_u32(p, s->parts_done);
    rh_pack_u32(p, s->parts_total);
    rh_pack_u32(p, s->attempts);
    rh_pack_u32(p, s->set_aside);
    rh_pack_u32(p, s->mismatches);
    rh_pack_u32(p, s->fault_part);
}

static void unpack_snapshot(struct rh_unpack *p, struct rh_snapshot *s)
{
    s->state = (enum rh_upload_state)unpack_enum(p, RH_UPLOAD_CANCELLED);
    s->reason = (enum rh_reason)unpack_enum(p, RH_REASON_METHOD);
    s->error = (enum rh_outcome)unpack_enum(p, RH_OUTCOME_GONE_BARE);
    uint8_t flags = unpack_enum(p, 7);
    s->proven = (flags & 1) != 0;
    s->resumed = (flags & 2) != 0;
    s->fault_retryable = (flags & 4) != 0;
    s->status = rh_unpack_u16(p);
    uint16_t fault = rh_unpack_u16(p);
    p->ok = p->ok && fault <= RH_FAULT_VALIDATION;
    s->fault = (enum rh_fault)fault;
    s->acked_bytes = rh_unpack_u64(p);
    s->sent_bytes = rh_unpack_u64(p);
    s->spooled_bytes = rh_unpack_u64(p);
    s->total_bytes = rh_unpack_u64(p);
    s->speed_bytes_s = rh_unpack_u64(p);
    s->remaining_ms = rh_unpack_u64(p);
    s->retry_at_ms = rh_unpack_u64(p);
    s->parts_done = rh_unpack_u32(p);
    s->parts_total = rh_unpack_u32(p);
    s->attempts = rh_unpack_u32(p);
    s->set_aside = rh_unpack_u32(p);
    s->mismatches = rh_unpack_u32(p);
    s->fault_part = rh_unpack_u32(p);
}

static void pack_send(struct rh_pack *p, const struct rh_send *s)
{
    rh_pack_u32(p, s->token);
    rh_pack_u8(p, (uint8_t)s->kind);
    rh_pack_u8(p, (uint8_t)((s->crc_known ? SEND_CRC : 0) | (s->final ? SEND_FINAL : 0)));
    rh_pack_u16(p, (uint16_t)s->coding);
    rh_pack_u32(p, s->part_bytes);
    rh_pack_u32(p, s->attempt);
    rh_pack_u64(p, s->range.offset);
    rh_pack_u64(p, s->range.length);
    rh_pack_u64(p, s->crc64);
    rh_pack_u64(p, s->total);
    rh_pack_text(p, s->remote);
    rh_pack_u8(p, (uint8_t)s->slices_count);
    for (uint32_t i = 0; i < s->slices_count; i++) {
        rh_pack_u64(p, s->slices[i].length);
        rh_pack_u64(p, s->slices[i].crc64);
    }
}

static void unpack_send(struct rh_unpack *p, struct rh_send *s)
{
    s->token = rh_unpack_u32(p);
    s->kind = (enum rh_send_kind)unpack_enum(p, RH_SEND_CANCEL);
    uint8_t flags = unpack_enum(p, SEND_CRC | SEND_FINAL);
    s->crc_known = (flags & SEND_CRC) != 0;
    s->final = (flags & SEND_FINAL) != 0;
    uint16_t coding = rh_unpack_u16(p);
    s->coding = (enum rh_coding)coding;
    s->part_bytes = rh_unpack_u32(p);
    s->attempt = rh_unpack_u32(p);
    s->range.offset = rh_unpack_u64(p);
    s->range.length = rh_unpack_u64(p);
    s->crc64 = rh_unpack_u64(p);
    s->total = rh_unpack_u64(p);
    rh_unpack_text(p, s->remote, RH_REMOTE_MAX);
    s->slices_count = unpack_enum(p, RH_SLICES_MAX);
    for (uint32_t i = 0; p->ok && i < s->slices_count; i++) {
        s->slices[i].length = rh_unpack_u64(p);
        s->slices[i].crc64 = rh_unpack_u64(p);
    }
    p->ok = p->ok && s->kind >= RH_SEND_CREATE && coding <= RH_CODING_ZSTD;
}

static uint32_t *queue_field(struct rh_queue *q, unsigned i)
{
    uint32_t *const all[] = {&q->total,     &q->pending, &q->uploading, &q->paused,
                             &q->completed, &q->failed,  &q->cancelled};
    return all[i];
}

enum rh_error rh_action_encode(const struct rh_action *action, uint8_t *out, size_t cap,
                               size_t *used)
{
    struct rh_pack p = {out, 0, cap, true};
    struct rh_queue queue;
    begin(&p, (uint8_t)action->kind);
    rh_pack_text(&p, action->upload);
    switch (action->kind) {
    case RH_ACTION_SEND:
        pack_send(&p, &action->send);
        break;
    case RH_ACTION_ABORT:
        rh_pack_u32(&p, action->abort.token);
        break;
    case RH_ACTION_WAKE_AT:
        rh_pack_u64(&p, action->wake_at.at_ms);
        break;
    case RH_ACTION_PERSIST:
        rh_pack_u32(&p, (uint32_t)action->persist.bytes.size);
        rh_pack_bytes(&p, action->persist.bytes.data, action->persist.bytes.size);
        break;
    case RH_ACTION_FORGET:
        rh_pack_u8(&p, action->forget.whole);
        rh_pack_u64(&p, action->forget.range.offset);
        rh_pack_u64(&p, action->forget.range.length);
        break;
    case RH_ACTION_NOTIFY:
        pack_snapshot(&p, &action->notify);
        break;
    case RH_ACTION_NOTIFY_QUEUE:
        queue = action->queue;
        for (unsigned i = 0; i < 7; i++)
            rh_pack_u32(&p, *queue_field(&queue, i));
        break;
    default: /* the others have no body */
        break;
    }
    return end(&p, used);
}

static void unpack_action_body(struct rh_unpack *p, struct rh_action *a)
{
    switch (a->kind) {
    case RH_ACTION_SEND:
        unpack_send(p, &a->send);
        break;
    case RH_ACTION_ABORT:
        a->abort.token = rh_unpack_u32(p);
        break;
    case RH_ACTION_WAKE_AT:
        a->wake_at.at_ms = rh_unpack_u64(p);
        break;
    case RH_ACTION_PERSIST:
        a->persist.bytes = rh_unpack_bytes(p, rh_unpack_u32(p));
        break;
    case RH_ACTION_FORGET:
        a->forget.whole = unpack_enum(p, 1) != 0;
        a->forget.range.offset = rh_unpack_u64(p);
        a->forget.range.length = rh_unpack_u64(p);
        break;
    case RH_ACTION_NOTIFY:
        unpack_snapshot(p, &a->notify);
        break;
    case RH_ACTION_NOTIFY_QUEUE:
        for (unsigned i = 0; i < 7; i++)
            *queue_field(&a->queue, i) = rh_unpack_u32(p);
        break;
    default:
        break;
    }
}

enum rh_error rh_action_decode(struct rh_bytes in, struct rh_action *action, size_t *used)
{
    struct rh_unpack p;
    uint8_t kind;
    enum rh_error error = open_frame(in, &p, &kind, used);
    if (error != RH_OK)
        return error;
    if (kind < RH_ACTION_SEND || kind > RH_ACTION_NOTIFY_QUEUE)
        return RH_ERR_SYNTAX;
    rh_mem_set(action, 0, sizeof *action);
    action->kind = (enum rh_action_kind)kind;
    rh_unpack_text(&p, action->upload, RH_UPLOAD_ID_MAX);
    unpack_action_body(&p, action);
    return close_frame(&p);
}
