/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_ENGINE_PACE_H
#define REELHAUL_ENGINE_PACE_H
/*
 * A token bucket, exact over time: in any window of W ms the bytes taken are at most
 * rate × W / 1000 + max(burst, the largest take). Thousandths of bytes are counted, so that nothing
 * is rounded away: a rate of 1 byte/s gives exactly one byte each second. A take that is larger
 * than the burst goes when the bucket is full, and leaves a debt: no limit is too small for
 * progress. Rates beyond RH_PACE_RATE_MAX count as that.
 */
#include "reelhaul/types.h"

#define RH_PACE_RATE_MAX ((uint64_t)1 << 40) /* bytes per second */

struct rh_pace {
    uint64_t rate_bytes_s; /* 0: no limit */
    uint64_t burst;        /* thousandths of bytes */
    int64_t credit;        /* thousandths of bytes; below 0: a debt */
    rh_ms at_ms;           /* up to when the credit is counted */
};

/* A new limit from now on, with a burst in bytes; rate 0: none. Debts stay; a limit after none
 * begins with a full bucket. */
void rh_pace_set(struct rh_pace *pace, rh_ms now_ms, uint64_t rate_bytes_s, uint64_t burst_bytes);
/* When so many bytes may be taken: now_ms, or later; RH_MS_NEVER is never said. */
rh_ms rh_pace_ready(struct rh_pace *pace, rh_ms now_ms, uint64_t bytes);
/* Takes them, whatever the credit is. */
void rh_pace_take(struct rh_pace *pace, rh_ms now_ms, uint64_t bytes);

#endif
