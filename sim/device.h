/* SPDX-License-Identifier: MIT */
#ifndef SIM_DEVICE_H
#define SIM_DEVICE_H
/*
 * A device records and sends: a spool and a store of records that outlive crashes, and up to two
 * tabs with an engine each, of which one should lead.
 */
#include "sim.h"

void sim_device_create(struct sim *);
void sim_device_destroy(struct sim_device *);
void sim_device_start(struct sim *, struct sim_device *);
void sim_device_crash(struct sim *, struct sim_device *);
void sim_device_crash_after(struct sim *, struct sim_device *, uint32_t actions);
void sim_device_fight(struct sim *, struct sim_device *);
/* It gets no time for so long, then all at once; it has no network for so long. */
void sim_device_pause(struct sim *, struct sim_device *, rh_ms length_ms);
void sim_device_away(struct sim *, struct sim_device *, rh_ms length_ms);
void sim_device_wall_jump(struct sim *, struct sim_device *);
bool sim_device_has_session(const struct sim_device *); /* nothing happens before that */
/* A bit flips in a segment of its spool. */
void sim_device_rot(struct sim *, struct sim_device *);
/* The user does something: one of SIM_USER_*. */
void sim_device_user(struct sim *, struct sim_device *, enum sim_fault what);
void sim_device_weather(struct sim *, struct sim_device *);
void sim_device_heal(struct sim *, struct sim_device *); /* nothing is paused, somebody leads */
void sim_device_retry(struct sim *, struct sim_device *);
/* Whether every upload ended; `failed` counts those that failed. */
bool sim_device_settled(struct sim *, const struct sim_device *, size_t *failed);
/* Says what is not complete, into the trace. */
void sim_device_explain(struct sim *, const struct sim_device *);
/* The finish requests that were sent, once more. */
void sim_device_repeat_finishes(struct sim *, struct sim_device *);

#endif
