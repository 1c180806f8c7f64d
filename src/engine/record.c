/* SPDX-License-Identifier: MIT */
/*
 * The record of one upload, little-endian, format 2:
 *   "RHUR", u16 format, u16 0, u32 bytes of the whole, then
 *   text id, text remote, text generation, text policy, text method (u8 size, bytes),
 *   u64 sequence, size, crc64, spooled; u8 flags, state, reason, remote state; u8 outcome, fault,
 *   u16 status; u32 attempts, failures; u8 priority, u8[3] 0, u32 geometry, u32 fault part, the
 *   tally as src/engine/counters.c writes it, u16 0, u16 n, then n intervals: u64 offset, length,
 *   crc64, u8 flags; u64 CRC-64 of everything before.
 * Format 1 has neither method, nor priority up to the tally, nor a fault. It is a cache but for the
 * remote name, the method and the user's wishes: what the server has is asked for again.
 */
#include "base/bytes.h"
#include "base/crc64.h"
#include "base/mem.h"
#include "engine/pack.h"
#include "engine/state.h"

#define RECORD_FORMAT 2u
#define HEAD_SIZE     12u
#define INTERVAL_SIZE 25u
#define GEOMETRY_MAX  (1u << 30)

enum {
    FLAG_SEALED = 1,
    FLAG_PAUSED = 2,
    FLAG_PROVEN = 4,
    FLAG_FORGOT = 8,
    FLAG_CANCEL = 16,
    FLAG_BEGUN = 32,
    FLAG_TROUBLED = 64,
    FLAG_DISTRUST = 128,
};
enum { ACK_CRC = 1, ACK_KEPT = 2 };

static const uint8_t magic[4] = {'R', 'H', 'U', 'R'};

static void write_intervals(const struct rh_engine *e, const struct rh_upload *u, struct rh_pack *p)
{
    size_t fit = (p->cap - p->size - 4 - 8) / INTERVAL_SIZE;
    uint32_t count = u->acks.count < fit ? u->acks.count : (uint32_t)fit;
    rh_pack_u16(p, 0);
    rh_pack_u16(p, (uint16_t)count);
    uint32_t at = u->acks.first;
    for (uint32_t n = 0; n < count; n++, at = e->ledger.items[at].next) {
        const struct rh_interval *i = &e->ledger.items[at];
        rh_pack_u64(p, i->offset);
        rh_pack_u64(p, i->length);
        rh_pack_u64(p, i->crc_known ? i->crc64 : 0);
        rh_pack_u8(p, (uint8_t)((i->crc_known ? ACK_CRC : 0) | (i->kept ? ACK_KEPT : 0)));
    }
}

static uint8_t flags_of(const struct rh_upload *u)
{
    return (uint8_t)((u->sealed ? FLAG_SEALED : 0) | (u->user_paused ? FLAG_PAUSED : 0) |
                     (u->proven ? FLAG_PROVEN : 0) | (u->forgot_whole ? FLAG_FORGOT : 0) |
                     (u->cancel_wanted ? FLAG_CANCEL : 0) | (u->begun ? FLAG_BEGUN : 0) |
                     (u->troubled ? FLAG_TROUBLED : 0) | (u->distrust ? FLAG_DISTRUST : 0));
}

size_t rh_record_write(struct rh_engine *engine, struct rh_upload *u)
{
    struct rh_tally tally = rh_count_tally(engine, u);
    struct rh_pack p = {engine->record, 0, sizeof engine->record, true};
    rh_pack_bytes(&p, magic, sizeof magic);
    rh_pack_u16(&p, RECORD_FORMAT);
    rh_pack_u16(&p, 0);
    rh_pack_u32(&p, 0);
    rh_pack_text(&p, u->id);
    rh_pack_text(&p, u->remote);
    rh_pack_text(&p, u->generation);
    rh_pack_text(&p, engine->policy.name);
    rh_pack_text(&p, u->method);
    rh_pack_u64(&p, u->sequence);
    rh_pack_u64(&p, u->size);
    rh_pack_u64(&p, u->crc64);
    rh_pack_u64(&p, rh_upload_spooled(engine, u));
    rh_pack_u8(&p, flags_of(u));
    rh_pack_u8(&p, (uint8_t)u->end);
    rh_pack_u8(&p, (uint8_t)u->end_reason);
    rh_pack_u8(&p, (uint8_t)u->remote_state);
    rh_pack_u8(&p, (uint8_t)u->error);
    rh_pack_u8(&p, (uint8_t)u->fault);
    rh_pack_u16(&p, u->status);
    rh_pack_u32(&p, u->attempts);
    rh_pack_u32(&p, u->failures);
    rh_pack_u32(&p, (uint32_t)u->priority); /* u8, and three of 0 */
    rh_pack_u32(&p, u->geometry);
    rh_pack_u32(&p, u->fault_part);
    rh_tally_pack(&p, &tally);
    write_intervals(engine, u, &p);
    rh_le32_put(engine->record + 8, (uint32_t)p.size + 8);
    rh_pack_u64(&p, rh_crc64_update(0, engine->record, p.size));
    return p.size;
}

/* Magic, format, size and checksum; then the body is what we wrote. */
static enum rh_error check(struct rh_bytes bytes)
{
    if (bytes.size < HEAD_SIZE + 8 || rh_mem_compare(bytes.data, magic, sizeof magic) != 0)
        return RH_ERR_SYNTAX;
    uint16_t format = rh_le16_get(bytes.data + 4);
    if (format > RECORD_FORMAT)
        return RH_ERR_VERSION;
    if (format == 0 || rh_le32_get(bytes.data + 8) != bytes.size || bytes.size > RH_RECORD_MAX)
        return RH_ERR_SYNTAX;
    size_t body = bytes.size - 8;
    if (rh_le64_get(bytes.data + body) != rh_crc64_update(0, bytes.data, body))
        return RH_ERR_CHECKSUM;
    return RH_OK;
}

static void read_intervals(struct rh_engine *e, struct rh_upload *u, struct rh_unpack *p,
                           uint16_t count)
{
    struct rh_books books = rh_upload_books(e, u);
    for (uint16_t n = 0; n < count; n++) {
        struct rh_ack ack = {.durable = true};
        ack.offset = rh_unpack_u64(p);
        ack.length = rh_unpack_u64(p);
        ack.crc64 = rh_unpack_u64(p);
        uint8_t flags = rh_unpack_u8(p);
        ack.crc_known = (flags & ACK_CRC) != 0;
        ack.kept = (flags & ACK_KEPT) != 0;
        if (p->ok)
            (void)rh_ledger_add(&books, &ack);
    }
}

static void read_flags(struct rh_upload *u, uint8_t flags)
{
    u->begun = (flags & FLAG_BEGUN) != 0 || u->remote[0] != 0;
    u->troubled = (flags & FLAG_TROUBLED) != 0;
    u->distrust = (flags & FLAG_DISTRUST) != 0;
    u->sealed = (flags & FLAG_SEALED) != 0;
    u->user_paused = (flags & FLAG_PAUSED) != 0;
    u->proven = (flags & FLAG_PROVEN) != 0;
    u->forgot_whole = (flags & FLAG_FORGOT) != 0;
    u->cancel_wanted = (flags & FLAG_CANCEL) != 0;
}

/* What came with format 2. */
static bool read_second(struct rh_upload *u, struct rh_unpack *p)
{
    uint32_t priority = rh_unpack_u32(p);
    u->geometry = rh_unpack_u32(p);
    u->fault_part = rh_unpack_u32(p);
    rh_tally_unpack(p, &u->tally);
    u->priority = (enum rh_priority)priority;
    return priority <= RH_PRIORITY_MANUAL && u->geometry <= GEOMETRY_MAX;
}

/* Everything behind the texts. False: a value that no version of ours writes. */
static bool read_body(struct rh_engine *e, struct rh_upload *u, struct rh_unpack *p,
                      uint16_t format)
{
    u->size = rh_unpack_u64(p);
    u->crc64 = rh_unpack_u64(p);
    u->spooled_seen = rh_unpack_u64(p);
    read_flags(u, rh_unpack_u8(p));
    uint8_t end = rh_unpack_u8(p);
    uint8_t reason = rh_unpack_u8(p);
    uint8_t remote_state = rh_unpack_u8(p);
    uint8_t outcome = rh_unpack_u8(p);
    uint8_t fault = rh_unpack_u8(p);
    u->status = rh_unpack_u16(p);
    u->attempts = rh_unpack_u32(p);
    u->failures = rh_unpack_u32(p);
    if (format >= 2 && !read_second(u, p))
        return false;
    (void)rh_unpack_u16(p);
    uint16_t count = rh_unpack_u16(p);
    if (!p->ok || end > RH_UPLOAD_CANCELLED || reason > RH_REASON_MALFORMED ||
        remote_state > RH_REMOTE_LOST || outcome > RH_OUTCOME_GONE_BARE ||
        fault > RH_FAULT_VALIDATION)
        return false;
    u->end = (enum rh_upload_state)end;
    u->end_reason = (enum rh_reason)reason;
    u->remote_state = (enum rh_remote_state)remote_state;
    u->error = (enum rh_outcome)outcome;
    u->fault = (enum rh_fault)fault;
    read_intervals(e, u, p, count);
    return p->ok && p->at == p->size && (!u->sealed || u->size != RH_SIZE_UNKNOWN);
}

enum rh_error rh_record_read(struct rh_engine *engine, struct rh_bytes bytes)
{
    enum rh_error error = check(bytes);
    if (error != RH_OK)
        return error;
    struct rh_unpack p = {bytes.data + HEAD_SIZE, 0, bytes.size - HEAD_SIZE - 8, true};
    char id[RH_UPLOAD_ID_MAX + 1];
    char remote[RH_REMOTE_MAX + 1];
    char generation[RH_GENERATION_MAX + 1];
    char policy[RH_POLICY_NAME_MAX + 1];
    char method[RH_METHOD_MAX + 1] = "";
    uint16_t format = rh_le16_get(bytes.data + 4);
    rh_unpack_text(&p, id, RH_UPLOAD_ID_MAX);
    rh_unpack_text(&p, remote, RH_REMOTE_MAX);
    rh_unpack_text(&p, generation, RH_GENERATION_MAX);
    rh_unpack_text(&p, policy, RH_POLICY_NAME_MAX);
    if (format >= 2)
        rh_unpack_text(&p, method, RH_METHOD_MAX);
    uint64_t sequence = rh_unpack_u64(&p);
    if (!p.ok || id[0] == 0 || sequence == UINT64_MAX)
        return RH_ERR_SYNTAX;
    if (rh_engine_find(engine, rh_bytes_of(id)) != NULL)
        return RH_ERR_EXISTS;
    struct rh_upload *u;
    error = rh_engine_slot(engine, rh_bytes_of(id), sequence, &u);
    if (error != RH_OK)
        return error;
    rh_mem_copy(u->remote, remote, sizeof remote);
    rh_mem_copy(u->generation, generation, sizeof generation);
    rh_mem_copy(u->method, method, sizeof method);
    if (!read_body(engine, u, &p, format)) {
        rh_engine_drop(engine, u);
        return RH_ERR_SYNTAX;
    }
    bool over = rh_upload_over(u);
    u->doubt = !over && u->remote[0] != 0;
    u->resumed = !over;
    if (u->geometry != 0)
        u->part_bytes = u->geometry;
    /* Its bytes may not all be deleted yet; they are told next, and the record is what says that
     * nobody wants them. */
    u->erase_at_leader = u->end == RH_UPLOAD_CANCELLED && !u->cancel_wanted;
    return RH_OK;
}
