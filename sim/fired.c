/* SPDX-License-Identifier: MIT */
/*
 * Every fault that strikes has a number, counted from 1 within its seed, so that a failure can be
 * looked at with fewer of them: of those that would strike, only the wanted ones do.
 */
#include "sim.h"

bool sim_fires(struct sim *sim, const struct sim_upload *about, enum sim_fault fault)
{
    uint32_t number = ++sim->strike_count;
    const struct sim_ranges *only = sim->options->fired;
    if (only != NULL && !sim_ranges_cover(only, number, 1))
        return false;
    sim->fired[fault]++;
    sim_note(sim, about, "fault %u: %s", number, sim_fault_name(fault));
    return true;
}
