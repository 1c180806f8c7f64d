/* SPDX-License-Identifier: MIT */
#include "engine/meter.h"

#define WINDOW_MS     250u
#define WINDOWS_MIN   4u /* a second of traffic before a number is shown */
#define REMAINING_MAX ((rh_ms)7 * 24 * 3600 * 1000)

void rh_meter_init(struct rh_meter *meter)
{
    *meter = (struct rh_meter){0};
}

void rh_meter_add(struct rh_meter *meter, rh_ms now_ms, uint64_t bytes)
{
    if (!meter->running) {
        meter->running = true;
        meter->window_start_ms = now_ms;
        meter->window_bytes = 0;
    }
    meter->window_bytes += bytes;
    uint64_t passed = now_ms - meter->window_start_ms;
    if (passed < WINDOW_MS || meter->window_bytes > UINT64_MAX / 1000)
        return;
    uint64_t sample = meter->window_bytes * 1000 / passed;
    if (meter->windows == 0) {
        meter->speed_bytes_s = sample;
    } else {
        /* A long window says more than a short one: weight 1/8 per WINDOW_MS, at most 1/2. */
        uint64_t eighths = passed / WINDOW_MS;
        eighths = eighths > 4 ? 4 : eighths;
        meter->speed_bytes_s = (meter->speed_bytes_s / 8) * (8 - eighths) + sample / 8 * eighths +
                               (meter->speed_bytes_s % 8 + sample % 8) / 2;
    }
    uint64_t windows = meter->windows + passed / WINDOW_MS;
    meter->windows = windows > 1000 ? 1000 : (uint32_t)windows;
    meter->window_start_ms = now_ms;
    meter->window_bytes = 0;
}

void rh_meter_stop(struct rh_meter *meter)
{
    meter->running = false;
}

uint64_t rh_meter_speed(const struct rh_meter *meter)
{
    return meter->windows >= WINDOWS_MIN ? meter->speed_bytes_s : 0;
}

rh_ms rh_meter_remaining(const struct rh_meter *meter, uint64_t bytes)
{
    uint64_t speed = rh_meter_speed(meter);
    if (speed == 0 || bytes > UINT64_MAX / 1000)
        return RH_MS_NEVER;
    rh_ms remaining = bytes * 1000 / speed;
    return remaining > REMAINING_MAX ? RH_MS_NEVER : remaining;
}
