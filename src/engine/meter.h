/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_ENGINE_METER_H
#define REELHAUL_ENGINE_METER_H
/* Speed and time remaining of one upload. Integers only, so that every platform agrees to the byte.
 */
#include "reelhaul/types.h"

struct rh_meter {
    rh_ms window_start_ms;
    uint64_t window_bytes;
    uint64_t speed_bytes_s; /* weighted average; 0 before the first window */
    uint32_t windows;       /* full windows so far, saturating */
    bool running;
};

void rh_meter_init(struct rh_meter *meter);
/* Body bytes that left since the last call. */
void rh_meter_add(struct rh_meter *meter, rh_ms now_ms, uint64_t bytes);
/* Nothing is in flight any more: the window that runs is void. The average stays. */
void rh_meter_stop(struct rh_meter *meter);
/* Bytes per second, 0 while there are too few windows. */
uint64_t rh_meter_speed(const struct rh_meter *meter);
/* For so many bytes; RH_MS_NEVER while it would be a guess. */
rh_ms rh_meter_remaining(const struct rh_meter *meter, uint64_t bytes);

#endif
