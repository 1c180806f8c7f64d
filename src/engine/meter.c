/* SPDX-License-Identifier: MIT */
#include "engine/meter.h"

#define LUMP_MS        50u    /* bytes told within this came at once */
#define WHILE_MS       20000u /* the least that counts as a while */
#define WHILE_LUMPS    24u    /* and it holds so many lumps */
#define TIME_MS_MIN    1000u  /* before anything is shown */
#define LUMPS_MIN      8u
#define SILENCE_MS_MAX 3600000u /* longer ones count as this; keeps products within 64 bits */
#define BYTES_MAX      ((uint64_t)1 << 50)
#define REMAINING_MAX  ((rh_ms)7 * 24 * 3600 * 1000)

void rh_meter_init(struct rh_meter *meter)
{
    *meter = (struct rh_meter){.shown_ms = RH_MS_NEVER};
}

void rh_meter_start(struct rh_meter *meter, rh_ms now_ms)
{
    if (meter->running)
        return;
    meter->running = true;
    meter->filling = true;
    meter->at_ms = now_ms;
    meter->lump_at_ms = RH_MS_NEVER;
}

/* Keeps the while short: bytes and time shrink together, so the speed stays as it is. */
static void shrink(struct rh_meter *m)
{
    uint64_t lumps = m->lump_bytes * WHILE_LUMPS;
    if (m->time_ms <= WHILE_MS || m->bytes <= lumps)
        return;
    /* Both are cut by lumps / bytes, with so many low bits left out that products fit. */
    unsigned shift = 0;
    while (m->bytes >> shift > UINT32_MAX)
        shift++;
    uint64_t before = m->time_ms;
    uint64_t after = (lumps >> shift) * before / (m->bytes >> shift);
    after = after > WHILE_MS ? after : WHILE_MS;
    m->bytes = ((m->bytes >> shift) * after / before) << shift;
    m->time_ms = after;
    m->lump_bytes -= m->lump_bytes / 64; /* a large lump is forgotten in the end */
}

void rh_meter_add(struct rh_meter *meter, rh_ms now_ms, uint64_t bytes)
{
    struct rh_meter *m = meter;
    rh_meter_start(m, now_ms);
    uint64_t passed = now_ms - m->at_ms;
    m->at_ms = now_ms;
    bool joins = m->lump_at_ms != RH_MS_NEVER && now_ms - m->lump_at_ms < LUMP_MS;
    if (!joins) {
        m->filling = m->lump_at_ms == RH_MS_NEVER;
        m->lump_at_ms = now_ms;
        m->lump_now = 0;
    }
    if (m->filling || bytes > BYTES_MAX)
        return;
    m->lump_now += bytes;
    m->lump_bytes = m->lump_now > m->lump_bytes ? m->lump_now : m->lump_bytes;
    m->time_ms += passed < SILENCE_MS_MAX ? passed : SILENCE_MS_MAX;
    m->bytes += bytes;
    shrink(m);
}

void rh_meter_stop(struct rh_meter *meter)
{
    meter->running = false;
}

uint64_t rh_meter_speed(const struct rh_meter *meter)
{
    if (meter->time_ms < TIME_MS_MIN || meter->bytes < meter->lump_bytes * LUMPS_MIN)
        return 0;
    return meter->bytes / meter->time_ms * 1000 +
           meter->bytes % meter->time_ms * 1000 / meter->time_ms;
}

void rh_meter_show(struct rh_meter *meter, rh_ms now_ms, uint64_t bytes_left)
{
    uint64_t speed = rh_meter_speed(meter);
    rh_ms passed = now_ms - meter->shown_at_ms;
    meter->shown_at_ms = now_ms;
    if (speed == 0 || bytes_left / speed > REMAINING_MAX / 1000) {
        meter->shown_ms = RH_MS_NEVER;
        return;
    }
    rh_ms remaining = bytes_left / speed * 1000 + bytes_left % speed * 1000 / speed;
    if (meter->shown_ms == RH_MS_NEVER || remaining <= meter->shown_ms) {
        meter->shown_ms = remaining;
        return;
    }
    /* A tenth each second, but never more than a twentieth at once. */
    uint64_t steps = passed < 500 ? passed : 500;
    rh_ms rise = meter->shown_ms * steps / 10000 + (steps + 15) / 16;
    rise = rise < remaining - meter->shown_ms ? rise : remaining - meter->shown_ms;
    meter->shown_ms += rise;
}

rh_ms rh_meter_remaining(const struct rh_meter *meter)
{
    return meter->shown_ms;
}
