/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_ENGINE_COUNTERS_H
#define REELHAUL_ENGINE_COUNTERS_H
/*
 * What happened, in numbers: per upload (its tally goes with its record) and over all of them (a
 * record of the engine's own). Each place where something happens calls one function here.
 */
#include "engine/pack.h"
#include "reelhaul/engine.h"

struct rh_upload;

/* A request of this upload is about to leave. */
void rh_count_send(struct rh_engine *engine, struct rh_upload *upload);
void rh_count_bytes(struct rh_engine *engine, struct rh_upload *upload, uint64_t bytes);
void rh_count_part(struct rh_engine *engine, struct rh_upload *upload, uint64_t bytes);
void rh_count_retry(struct rh_engine *engine, struct rh_upload *upload, enum rh_cause cause);
/* Its end is set: completed, failed or cancelled. */
void rh_count_end(struct rh_engine *engine, struct rh_upload *upload);
void rh_count_pause(struct rh_engine *engine, struct rh_upload *upload);
void rh_count_resume(struct rh_engine *engine, struct rh_upload *upload);
void rh_count_revive(struct rh_engine *engine, struct rh_upload *upload);
/* The tally up to now. */
struct rh_tally rh_count_tally(const struct rh_engine *engine, const struct rh_upload *upload);

void rh_tally_pack(struct rh_pack *p, const struct rh_tally *tally);
void rh_tally_unpack(struct rh_unpack *p, struct rh_tally *tally);
#define RH_TALLY_SIZE (3 * 8 + (3 + RH_CAUSES) * 4)

/* The engine's own record: written to engine->record; its size. */
size_t rh_counters_write(struct rh_engine *engine);
bool rh_counters_is(struct rh_bytes record);
/* Adds what earlier lives counted. RH_ERR_EXISTS: told before; and those of any record. */
enum rh_error rh_counters_read(struct rh_engine *engine, struct rh_bytes record);

#endif
