/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_ENGINE_PATIENCE_H
#define REELHAUL_ENGINE_PATIENCE_H
/*
 * How long a request may be silent: what the link showed lately, within the policy's floor and
 * ceiling. The time-out counts time without any sign of life, never the whole request.
 */
#include "reelhaul/engine.h"

struct rh_patience {
    rh_ms silence_ms; /* the longest lately; sinks slowly while shorter ones are seen */
    rh_ms sunk_ms;    /* when it sank last */
    uint32_t seen;    /* silences that ended well, saturating */
};

#define RH_PATIENCE_SEEN_MIN 4u /* fewer say nothing about a link */
#define RH_PATIENCE_TIMES    4u
#define RH_PATIENCE_SINK_MS  10000u /* it sinks by 1/16, at most this often */

/* A sign of life (progress, or any answer) after so long a silence. */
void rh_patience_life(struct rh_patience *patience, rh_ms now_ms, rh_ms silence_ms);
/* A request was broken off after so long: the next ones get twice the time, or a link that became
 * slower would never be learned. */
void rh_patience_timeout(struct rh_patience *patience, rh_ms limit_ms);
rh_ms rh_patience_limit(const struct rh_patience *patience, const struct rh_policy *policy);

#endif
