/* SPDX-License-Identifier: MIT */
#include "engine/pace.h"

/* More than this in one take (1 TiB) is not what a part is; it keeps the sums within 64 bits. */
#define BYTES_MAX ((uint64_t)1 << 40)

static int64_t milli(uint64_t bytes)
{
    return (int64_t)((bytes < BYTES_MAX ? bytes : BYTES_MAX) * 1000);
}

/* Fills the bucket up to now. */
static void settle(struct rh_pace *p, rh_ms now_ms)
{
    if (now_ms <= p->at_ms)
        return;
    uint64_t passed = now_ms - p->at_ms;
    p->at_ms = now_ms;
    if (p->rate_bytes_s == 0 || p->credit >= (int64_t)p->burst)
        return;
    uint64_t lacks = (uint64_t)((int64_t)p->burst - p->credit);
    if (passed > lacks / p->rate_bytes_s)
        p->credit = (int64_t)p->burst;
    else
        p->credit += (int64_t)(passed * p->rate_bytes_s);
}

void rh_pace_set(struct rh_pace *pace, rh_ms now_ms, uint64_t rate_bytes_s, uint64_t burst_bytes)
{
    settle(pace, now_ms);
    if (pace->rate_bytes_s == 0)
        pace->credit = milli(burst_bytes);
    pace->rate_bytes_s = rate_bytes_s < RH_PACE_RATE_MAX ? rate_bytes_s : RH_PACE_RATE_MAX;
    pace->burst = (uint64_t)milli(burst_bytes);
    if (pace->credit > (int64_t)pace->burst)
        pace->credit = (int64_t)pace->burst;
}

rh_ms rh_pace_ready(struct rh_pace *pace, rh_ms now_ms, uint64_t bytes)
{
    settle(pace, now_ms);
    int64_t need = milli(bytes) < (int64_t)pace->burst ? milli(bytes) : (int64_t)pace->burst;
    if (pace->rate_bytes_s == 0 || pace->credit >= need)
        return now_ms;
    uint64_t lacks = (uint64_t)(need - pace->credit);
    return now_ms + lacks / pace->rate_bytes_s + (lacks % pace->rate_bytes_s != 0);
}

void rh_pace_take(struct rh_pace *pace, rh_ms now_ms, uint64_t bytes)
{
    settle(pace, now_ms);
    if (pace->rate_bytes_s == 0)
        return;
    /* A debt has a floor, far below what the largest parts can make. */
    if (pace->credit > -milli(BYTES_MAX))
        pace->credit -= milli(bytes);
}
