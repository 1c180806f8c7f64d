/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_ENGINE_METER_H
#define REELHAUL_ENGINE_METER_H
/*
 * Speed and time remaining of one upload. Integers only, so that every platform agrees to the byte.
 *
 * The speed is all bytes over all time of the last while: not an average of samples, which lumps
 * (platforms that tell only the end of a part; parallel parts that end together) would throw about.
 * The while is as long as it takes to see many lumps. Time stands still while the meter is stopped.
 * What is shown as remaining falls at once when things go better and rises only step by step, so
 * that at a constant rate it never rises by more than a fifth.
 */
#include "reelhaul/types.h"

struct rh_meter {
    bool running;
    bool filling;        /* the first bytes only fill buffers, and do not count */
    rh_ms at_ms;         /* up to when time is counted */
    rh_ms lump_at_ms;    /* when the present lump began */
    uint64_t lump_now;   /* its bytes so far */
    uint64_t lump_bytes; /* the largest lately */
    uint64_t time_ms;    /* of the last while */
    uint64_t bytes;      /* in that time */
    rh_ms shown_ms;      /* what is shown as remaining; RH_MS_NEVER: nothing */
    rh_ms shown_at_ms;
};

void rh_meter_init(struct rh_meter *meter);
/* Bytes are on their way from now on; harmless while it runs. */
void rh_meter_start(struct rh_meter *meter, rh_ms now_ms);
/* Body bytes that left since the last call. */
void rh_meter_add(struct rh_meter *meter, rh_ms now_ms, uint64_t bytes);
/* Nothing is on its way any more: time since the last bytes does not count. The speed stays. */
void rh_meter_stop(struct rh_meter *meter);
/* Bytes per second, 0 while it would be a guess. */
uint64_t rh_meter_speed(const struct rh_meter *meter);
/* So many bytes are left: what is shown follows, no faster than it should. */
void rh_meter_show(struct rh_meter *meter, rh_ms now_ms, uint64_t bytes_left);
/* What is shown; RH_MS_NEVER while it would be a guess. */
rh_ms rh_meter_remaining(const struct rh_meter *meter);

#endif
