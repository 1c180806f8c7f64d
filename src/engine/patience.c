/* SPDX-License-Identifier: MIT */
#include "engine/patience.h"

void rh_patience_life(struct rh_patience *patience, rh_ms now_ms, rh_ms silence_ms)
{
    if (now_ms - patience->sunk_ms >= RH_PATIENCE_SINK_MS) {
        patience->silence_ms -= patience->silence_ms / 16;
        patience->sunk_ms = now_ms;
    }
    if (silence_ms > patience->silence_ms)
        patience->silence_ms = silence_ms;
    patience->seen += patience->seen < RH_PATIENCE_SEEN_MIN;
}

void rh_patience_timeout(struct rh_patience *patience, rh_ms limit_ms)
{
    rh_ms silence_ms = limit_ms * 2 / RH_PATIENCE_TIMES;
    if (silence_ms > patience->silence_ms)
        patience->silence_ms = silence_ms;
}

rh_ms rh_patience_limit(const struct rh_patience *patience, const struct rh_policy *policy)
{
    if (patience->seen < RH_PATIENCE_SEEN_MIN ||
        patience->silence_ms > policy->idle_ms_max / RH_PATIENCE_TIMES)
        return policy->idle_ms_max;
    rh_ms limit_ms = patience->silence_ms * RH_PATIENCE_TIMES;
    if (limit_ms < policy->idle_ms_min)
        limit_ms = policy->idle_ms_min;
    return limit_ms < policy->idle_ms_max ? limit_ms : policy->idle_ms_max;
}
