/* SPDX-License-Identifier: MIT */
#include "spool.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/crc64.h"
#include "sim.h"

struct sim_take *sim_spool_take(struct sim_spool *spool, const char *name)
{
    for (size_t i = 0; i < spool->count; i++) {
        if (strcmp(spool->takes[i].upload->name, name) == 0)
            return &spool->takes[i];
    }
    return NULL;
}

uint64_t sim_take_end(const struct sim_take *take, bool durable)
{
    size_t count = durable ? take->durable : take->count;
    if (count == 0)
        return 0;
    return take->segments[count - 1].offset + take->segments[count - 1].length;
}

void sim_take_append(struct sim_take *take, uint64_t length)
{
    uint64_t offset = sim_take_end(take, false);
    if (take->count == take->cap) {
        take->cap = take->cap == 0 ? 16 : take->cap * 2;
        take->segments = realloc(take->segments, take->cap * sizeof *take->segments);
        RH_ASSERT(take->segments != NULL);
    }
    take->segments[take->count++] = (struct sim_segment){
        .offset = offset,
        .length = length,
        .crc64 = rh_crc64_update(0, take->upload->bytes + offset, (size_t)length),
        .held = true,
    };
}

const struct sim_segment *sim_take_sync(struct sim_take *take)
{
    return take->durable < take->count ? &take->segments[take->durable++] : NULL;
}

void sim_take_seal(struct sim_take *take, rh_ms now_ms)
{
    struct sim_upload *upload = take->upload;
    RH_ASSERT(take->durable == take->count);
    take->sealed = true;
    take->over = true;
    upload->sealed = true;
    upload->sealed_ms = now_ms;
    upload->size = sim_take_end(take, true);
    take->crc64 = rh_crc64_update(0, upload->bytes, (size_t)upload->size);
}

bool sim_take_holds(const struct sim_take *take, uint64_t offset, uint64_t length)
{
    uint64_t end = offset + length;
    for (size_t i = 0; i < take->durable && offset < end; i++) {
        const struct sim_segment *s = &take->segments[i];
        if (s->held && s->offset <= offset && offset < s->offset + s->length)
            offset = s->offset + s->length;
    }
    return offset >= end;
}

static bool touches(const struct sim_segment *s, uint64_t offset, uint64_t length)
{
    return s->offset < offset + length && offset < s->offset + s->length;
}

void sim_take_read(const struct sim_take *take, uint64_t offset, uint64_t length, uint8_t *bytes)
{
    for (size_t i = 0; i < take->count; i++) {
        const struct sim_segment *s = &take->segments[i];
        if (s->rotten && s->rotten_at >= offset && s->rotten_at - offset < length)
            bytes[s->rotten_at - offset] ^= 0x10;
    }
}

bool sim_take_fits(const struct sim_take *take, uint64_t offset, uint64_t length)
{
    for (size_t i = 0; i < take->count; i++) {
        if (take->segments[i].rotten && touches(&take->segments[i], offset, length))
            return false;
    }
    return true;
}

bool sim_take_any(const struct sim_take *take, uint64_t offset, uint64_t length)
{
    for (size_t i = 0; i < take->count; i++) {
        if (take->segments[i].held && touches(&take->segments[i], offset, length))
            return true;
    }
    return false;
}

void sim_take_forget(struct sim_take *take, uint64_t offset, uint64_t length)
{
    for (size_t i = 0; i < take->count; i++) {
        struct sim_segment *s = &take->segments[i];
        if (offset <= s->offset && s->offset + s->length <= offset + length)
            s->held = false;
    }
}

static void put(uint8_t **to, size_t *to_size, const uint8_t *from, size_t size)
{
    uint8_t *copy = NULL;
    if (size > 0) {
        copy = malloc(size);
        RH_ASSERT(copy != NULL);
        memcpy(copy, from, size);
    }
    free(*to);
    *to = copy;
    *to_size = size;
}

void sim_take_persist(struct sim_take *take, struct rh_bytes record, bool durable)
{
    put(&take->record, &take->record_size, record.data, record.size);
    if (durable)
        sim_take_sync_record(take);
}

void sim_take_sync_record(struct sim_take *take)
{
    put(&take->record_durable, &take->record_durable_size, take->record, take->record_size);
}

void sim_take_erase_record(struct sim_take *take)
{
    put(&take->record, &take->record_size, NULL, 0);
    sim_take_sync_record(take);
}

void sim_spool_crash(struct sim *sim, struct sim_spool *spool)
{
    for (size_t i = 0; i < spool->count; i++) {
        struct sim_take *take = &spool->takes[i];
        bool spared = sim->plan.rates[SIM_SPOOL_LOST] == 0;
        if (take->count > take->durable &&
            (spared || !sim_fires(sim, take->upload, SIM_SPOOL_LOST)))
            take->durable = take->count;
        take->count = take->durable;
        put(&take->record, &take->record_size, take->record_durable, take->record_durable_size);
    }
}

void sim_spool_finish(struct sim_spool *spool)
{
    for (size_t i = 0; i < spool->count; i++) {
        free(spool->takes[i].segments);
        free(spool->takes[i].record);
        free(spool->takes[i].record_durable);
    }
    memset(spool, 0, sizeof *spool);
}
