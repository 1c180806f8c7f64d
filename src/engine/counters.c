/* SPDX-License-Identifier: MIT */
/*
 * Counting, and the engine's own record, little-endian:
 *   "RHUC", u16 format, u16 0, u32 bytes of the whole, then struct rh_counters field by field as
 *   rh_counters_pack writes it; u64 CRC-64 of everything before.
 */
#include "engine/counters.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc64.h"
#include "base/mem.h"
#include "engine/state.h"

#define COUNTERS_FORMAT 1u
#define HEAD_SIZE       12u
#define REASONS         (RH_REASON_MALFORMED + 1)

static const uint8_t magic[4] = {'R', 'H', 'U', 'C'};

static void bump(uint32_t *count)
{
    *count += *count < UINT32_MAX;
}

static void add_u32(uint32_t *to, uint32_t more)
{
    *to = more > UINT32_MAX - *to ? UINT32_MAX : *to + more;
}

/* Numbers that may be half a minute old after a crash: not worth a sync for each. */
static void soon(struct rh_engine *e)
{
    if (e->counters_at_ms == RH_MS_NEVER)
        e->counters_at_ms = e->now_ms + RH_COUNTERS_MS;
}

void rh_count_send(struct rh_engine *engine, struct rh_upload *u)
{
    if (u->begun_ms != RH_MS_NEVER)
        return;
    u->begun_ms = engine->now_ms;
    if (!u->begun)
        engine->counters.begun++;
    else if (u->resumed)
        rh_count_resume(engine, u);
    u->begun = true;
    soon(engine);
}

void rh_count_bytes(struct rh_engine *engine, struct rh_upload *u, uint64_t bytes)
{
    u->tally.sent_bytes += bytes;
    engine->counters.all.sent_bytes += bytes;
    soon(engine);
}

void rh_count_part(struct rh_engine *engine, struct rh_upload *u, uint64_t bytes)
{
    u->tally.acked_bytes += bytes;
    engine->counters.all.acked_bytes += bytes;
    bump(&u->tally.parts);
    bump(&engine->counters.all.parts);
    soon(engine);
}

void rh_count_retry(struct rh_engine *engine, struct rh_upload *u, enum rh_cause cause)
{
    bump(&u->tally.retries[cause]);
    bump(&engine->counters.all.retries[cause]);
    soon(engine);
}

struct rh_tally rh_count_tally(const struct rh_engine *engine, const struct rh_upload *u)
{
    struct rh_tally tally = u->tally;
    if (u->begun_ms != RH_MS_NEVER)
        tally.spent_ms += engine->now_ms - u->begun_ms;
    return tally;
}

static uint64_t retries_of(const struct rh_tally *tally)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < RH_CAUSES; i++)
        sum += tally->retries[i];
    return sum;
}

void rh_count_end(struct rh_engine *engine, struct rh_upload *u)
{
    struct rh_counters *c = &engine->counters;
    uint64_t before_ms = u->tally.spent_ms;
    u->tally = rh_count_tally(engine, u);
    u->begun_ms = RH_MS_NEVER;
    c->all.spent_ms += u->tally.spent_ms - before_ms;
    bool trouble = u->end == RH_UPLOAD_FAILED;
    if (u->end == RH_UPLOAD_COMPLETED) {
        c->completed++;
        c->proven += u->proven;
        c->completed_ms += u->tally.spent_ms;
        c->completed_bytes += u->size;
        trouble = retries_of(&u->tally) >= RH_TROUBLED_RETRIES;
    } else if (u->end == RH_UPLOAD_FAILED) {
        c->failed++;
        RH_ASSERT((unsigned)u->end_reason < REASONS);
        c->failed_for[u->end_reason]++;
    } else {
        c->cancelled++;
    }
    if (trouble && !u->troubled) {
        u->troubled = true;
        c->troubled++;
    }
    engine->counters_now = true;
}

void rh_count_pause(struct rh_engine *engine, struct rh_upload *u)
{
    bump(&u->tally.pauses);
    bump(&engine->counters.all.pauses);
    soon(engine);
}

void rh_count_resume(struct rh_engine *engine, struct rh_upload *u)
{
    bump(&u->tally.resumes);
    bump(&engine->counters.all.resumes);
    soon(engine);
}

void rh_count_revive(struct rh_engine *engine, struct rh_upload *u)
{
    (void)u;
    engine->counters.retried++;
    soon(engine);
}

void rh_engine_counters(const struct rh_engine *engine, struct rh_counters *out)
{
    *out = engine->counters;
    /* What runs now has not been added up yet. */
    for (uint32_t i = 0; i < engine->count; i++) {
        const struct rh_upload *u = &engine->uploads[engine->order[i]];
        if (u->begun_ms != RH_MS_NEVER)
            out->all.spent_ms += engine->now_ms - u->begun_ms;
    }
}

enum rh_error rh_engine_tally(const struct rh_engine *engine, struct rh_bytes upload,
                              struct rh_tally *out)
{
    const struct rh_upload *u = rh_engine_find(engine, upload);
    if (u == NULL)
        return RH_ERR_UNKNOWN;
    *out = rh_count_tally(engine, u);
    return RH_OK;
}

/* ---- as bytes ---- */

void rh_tally_pack(struct rh_pack *p, const struct rh_tally *tally)
{
    rh_pack_u64(p, tally->sent_bytes);
    rh_pack_u64(p, tally->acked_bytes);
    rh_pack_u64(p, tally->spent_ms);
    rh_pack_u32(p, tally->parts);
    for (unsigned i = 0; i < RH_CAUSES; i++)
        rh_pack_u32(p, tally->retries[i]);
    rh_pack_u32(p, tally->pauses);
    rh_pack_u32(p, tally->resumes);
}

void rh_tally_unpack(struct rh_unpack *p, struct rh_tally *tally)
{
    tally->sent_bytes = rh_unpack_u64(p);
    tally->acked_bytes = rh_unpack_u64(p);
    tally->spent_ms = rh_unpack_u64(p);
    tally->parts = rh_unpack_u32(p);
    for (unsigned i = 0; i < RH_CAUSES; i++)
        tally->retries[i] = rh_unpack_u32(p);
    tally->pauses = rh_unpack_u32(p);
    tally->resumes = rh_unpack_u32(p);
}

/* In order: the plain counts, how many reasons there are, the failures by reason, the tally. */
static void counters_pack(struct rh_pack *p, const struct rh_counters *c)
{
    const uint64_t plain[] = {c->begun,   c->completed,    c->proven,
                              c->failed,  c->cancelled,    c->troubled,
                              c->retried, c->completed_ms, c->completed_bytes};
    for (unsigned i = 0; i < sizeof plain / sizeof plain[0]; i++)
        rh_pack_u64(p, plain[i]);
    rh_pack_u32(p, REASONS);
    for (unsigned i = 0; i < REASONS; i++)
        rh_pack_u64(p, c->failed_for[i]);
    rh_tally_pack(p, &c->all);
}

static void counters_unpack(struct rh_unpack *p, struct rh_counters *c)
{
    uint64_t *const plain[] = {&c->begun,   &c->completed,    &c->proven,
                               &c->failed,  &c->cancelled,    &c->troubled,
                               &c->retried, &c->completed_ms, &c->completed_bytes};
    for (unsigned i = 0; i < sizeof plain / sizeof plain[0]; i++)
        *plain[i] = rh_unpack_u64(p);
    uint32_t reasons = rh_unpack_u32(p);
    p->ok = p->ok && reasons <= REASONS; /* earlier builds knew fewer */
    for (uint32_t i = 0; p->ok && i < reasons; i++)
        c->failed_for[i] = rh_unpack_u64(p);
    rh_tally_unpack(p, &c->all);
}

enum rh_error rh_counters_encode(const struct rh_counters *counters, uint8_t *out, size_t cap,
                                 size_t *used)
{
    struct rh_pack p = {out, 0, cap, true};
    counters_pack(&p, counters);
    *used = p.size;
    return p.ok ? RH_OK : RH_ERR_LIMIT;
}

size_t rh_counters_write(struct rh_engine *engine)
{
    struct rh_pack p = {engine->record, 0, sizeof engine->record, true};
    struct rh_counters now;
    rh_engine_counters(engine, &now);
    rh_pack_bytes(&p, magic, sizeof magic);
    rh_pack_u16(&p, COUNTERS_FORMAT);
    rh_pack_u16(&p, 0);
    rh_pack_u32(&p, 0);
    counters_pack(&p, &now);
    rh_le32_put(engine->record + 8, (uint32_t)p.size + 8);
    rh_pack_u64(&p, rh_crc64_update(0, engine->record, p.size));
    return p.size;
}

bool rh_counters_is(struct rh_bytes record)
{
    return record.size >= HEAD_SIZE + 8 && rh_mem_compare(record.data, magic, sizeof magic) == 0;
}

static void add(struct rh_counters *to, const struct rh_counters *c)
{
    to->begun += c->begun;
    to->completed += c->completed;
    to->proven += c->proven;
    to->failed += c->failed;
    to->cancelled += c->cancelled;
    to->troubled += c->troubled;
    to->retried += c->retried;
    to->completed_ms += c->completed_ms;
    to->completed_bytes += c->completed_bytes;
    for (unsigned i = 0; i < REASONS; i++)
        to->failed_for[i] += c->failed_for[i];
    to->all.sent_bytes += c->all.sent_bytes;
    to->all.acked_bytes += c->all.acked_bytes;
    to->all.spent_ms += c->all.spent_ms;
    add_u32(&to->all.parts, c->all.parts);
    for (unsigned i = 0; i < RH_CAUSES; i++)
        add_u32(&to->all.retries[i], c->all.retries[i]);
    add_u32(&to->all.pauses, c->all.pauses);
    add_u32(&to->all.resumes, c->all.resumes);
}

enum rh_error rh_counters_read(struct rh_engine *engine, struct rh_bytes record)
{
    uint16_t format = rh_le16_get(record.data + 4);
    if (format > COUNTERS_FORMAT) {
        engine->counters_newer = true;
        return RH_ERR_VERSION;
    }
    size_t body = record.size - 8;
    if (format == 0 || rh_le32_get(record.data + 8) != record.size || record.size > RH_RECORD_MAX)
        return RH_ERR_SYNTAX;
    if (rh_le64_get(record.data + body) != rh_crc64_update(0, record.data, body))
        return RH_ERR_CHECKSUM;
    if (engine->counters_told)
        return RH_ERR_EXISTS;
    struct rh_counters earlier = {0};
    struct rh_unpack p = {record.data + HEAD_SIZE, 0, body - HEAD_SIZE, true};
    counters_unpack(&p, &earlier);
    if (!p.ok || p.at != p.size)
        return RH_ERR_SYNTAX;
    add(&engine->counters, &earlier);
    engine->counters_told = true;
    return RH_OK;
}
