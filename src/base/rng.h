/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_BASE_RNG_H
#define REELHAUL_BASE_RNG_H
/*
 * xoshiro256** (Blackman and Vigna), seeded by splitmix64: the same seed gives the same numbers
 * everywhere, which is what traces and the simulator stand on. Never for secrets.
 */
#include <reelhaul/types.h>

struct rh_rng {
    uint64_t state[4];
};

void rh_rng_init(struct rh_rng *rng, uint64_t seed);
uint64_t rh_rng_next(struct rh_rng *rng);
/* Even over [0, limit); `limit` must not be 0. */
uint64_t rh_rng_below(struct rh_rng *rng, uint64_t limit);

#endif
