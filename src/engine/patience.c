/* SPDX-License-Identifier: MIT */
#include "engine/patience.h"

#define DOUBLED_MAX 16u

void rh_patience_life(struct rh_patience *patience, rh_ms silence_ms)
{
    rh_ms sunk_ms = patience->silence_ms - patience->silence_ms / 16;
    patience->silence_ms = silence_ms > sunk_ms ? silence_ms : sunk_ms;
    patience->seen += patience->seen < RH_PATIENCE_SEEN_MIN;
    patience->doubled = 0;
}

void rh_patience_timeout(struct rh_patience *patience)
{
    patience->doubled += patience->doubled < DOUBLED_MAX;
}

rh_ms rh_patience_limit(const struct rh_patience *patience, const struct rh_policy *policy)
{
    rh_ms floor_ms =
        policy->idle_ms_min < policy->idle_ms_max ? policy->idle_ms_min : policy->idle_ms_max;
    if (patience->seen < RH_PATIENCE_SEEN_MIN ||
        patience->silence_ms > policy->idle_ms_max / RH_PATIENCE_TIMES)
        return policy->idle_ms_max;
    rh_ms limit_ms = patience->silence_ms * RH_PATIENCE_TIMES;
    limit_ms = limit_ms > floor_ms ? limit_ms : floor_ms;
    limit_ms <<= patience->doubled;
    return limit_ms < policy->idle_ms_max ? limit_ms : policy->idle_ms_max;
}
