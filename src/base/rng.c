/* SPDX-License-Identifier: MIT */
#include "base/rng.h"

#include "base/assert.h"

static uint64_t rotate_left(uint64_t x, unsigned count)
{
    return (x << count) | (x >> (64 - count));
}

void rh_rng_init(struct rh_rng *rng, uint64_t seed)
{
    /* splitmix64 spreads a seed of any quality, and never gives the all-zero state that xoshiro
     * cannot leave. */
    for (size_t i = 0; i < 4; i++) {
        uint64_t z = (seed += 0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        rng->state[i] = z ^ (z >> 31);
    }
}

uint64_t rh_rng_next(struct rh_rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t rh_rng_below(struct rh_rng *rng, uint64_t limit)
{
    RH_ASSERT(limit > 0);
    /* Values below 2^64 mod limit are drawn again: they would make the low results a little
     * likelier. */
    uint64_t skip = (0 - limit) % limit;
    uint64_t value = rh_rng_next(rng);

    while (value < skip)
        value = rh_rng_next(rng);
    return value % limit;
}
