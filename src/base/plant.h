/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_BASE_PLANT_H
#define REELHAUL_BASE_PLANT_H
/*
 * Planted bugs: the simulator proves on them that it sees what it looks for. A place that carries
 * one says RH_PLANTED("its-name"); but for the simulator's own build (-DRH_PLANT) that is the
 * constant false, and nothing of it is in the program. All names are in sim/plants.c.
 */
#include <stdbool.h>

#ifdef RH_PLANT
bool rh_planted(const char *name); /* whether this bug is to be there; in sim/plants.c */
#define RH_PLANTED(name) rh_planted(name)
#else
#define RH_PLANTED(name) false
#endif

#endif
