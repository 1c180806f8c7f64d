/* SPDX-License-Identifier: MIT */
#ifndef SIM_RANGES_H
#define SIM_RANGES_H
/* A set of byte positions, as ascending ranges that neither touch nor overlap. Zeroed: empty. */
#include <reelhaul/types.h>

struct sim_ranges {
    struct rh_range *items;
    size_t count;
    size_t cap;
};

void sim_ranges_add(struct sim_ranges *set, uint64_t offset, uint64_t length);
bool sim_ranges_cover(const struct sim_ranges *set, uint64_t offset, uint64_t length);
bool sim_ranges_touch(const struct sim_ranges *set, uint64_t offset, uint64_t length);
/* Whether every position of `part` is in `set`. */
bool sim_ranges_contain(const struct sim_ranges *set, const struct sim_ranges *part);
uint64_t sim_ranges_sum(const struct sim_ranges *set); /* of all lengths */
void sim_ranges_finish(struct sim_ranges *set);

#endif
