/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_ENGINE_POLICY_H
#define REELHAUL_ENGINE_POLICY_H
#include "base/rng.h"
#include "reelhaul/engine.h"

/* Milliseconds to wait before the retry that follows failure number `failures` (from 1). */
rh_ms rh_policy_delay(const struct rh_policy *policy, struct rh_rng *rng, uint32_t failures);

#endif
