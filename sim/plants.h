/* SPDX-License-Identifier: MIT */
#ifndef SIM_PLANTS_H
#define SIM_PLANTS_H
/* The planted bugs of base/plant.h. */
#include <stdbool.h>
#include <stddef.h>

extern const char *const sim_plants[];
extern const size_t sim_plants_count;

bool sim_plant_known(const char *name);
void sim_plant_set(const char *name); /* NULL: none */

#endif
