/* SPDX-License-Identifier: MIT */
#ifndef SIM_PLANTS_H
#define SIM_PLANTS_H
/* The planted bugs of base/plant.h. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_plant {
    const char *name;
    const char *what;   /* it does, in a few words */
    const char *faults; /* those it needs, for sim_plan_parse; NULL: as seeds draw them */
};

extern const struct sim_plant sim_plants[];
extern const size_t sim_plants_count;

const struct sim_plant *sim_plant_find(const char *name); /* or NULL */
void sim_plant_set(const char *name);                     /* NULL: none */
/* Runs seeds with it until one fails, and prints which; false: it survived them all. */
bool sim_plant_hunt(const struct sim_plant *, uint64_t seed, uint64_t seeds);

#endif
