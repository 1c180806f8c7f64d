/* SPDX-License-Identifier: MIT */
#ifndef VAULT_STORE_MODEL_H
#define VAULT_STORE_MODEL_H
/*
 * A store on a virtual disk (disk_model.h), with the layout and the rules of the files: for tests
 * and the simulator. Deterministic by seed.
 *
 * To crash the server between any two steps of a job: rh_store_model_stop_after(steps), run jobs
 * and writes as always (from then on they fail with RH_ERR_IO), and when rh_store_model_is_stopped,
 * throw the vault away, call rh_store_model_crash (power lost) or _kill (the process alone died),
 * and start a new vault on it. Handles of before are then refused and counted as misuse.
 */
#include "vault/disk_model.h"
#include "vault/store.h"

void rh_store_model_set_faults(struct rh_store *, const struct rh_disk_faults *);
/* Whom to ask before a fault strikes (disk_model.h). */
void rh_store_model_set_strikes(struct rh_store *, rh_disk_strikes *, void *context);
/* The next sync that can lets a sector land on another one's place. */
void rh_store_model_misdirect(struct rh_store *, bool);
/* 0: not any more. */
void rh_store_model_stop_after(struct rh_store *, uint64_t steps);
bool rh_store_model_is_stopped(const struct rh_store *);
uint64_t rh_store_model_steps(const struct rh_store *);
void rh_store_model_crash(struct rh_store *); /* unsynced bytes and names are lost or torn */
void rh_store_model_kill(struct rh_store *);  /* what was written is still there */
/* The next job of this verb fails with `error` before it does anything. */
void rh_store_model_fail(struct rh_store *, enum rh_store_verb, enum rh_error);
/* What SPACE answers; free is what the disk has left where a capacity is set. */
void rh_store_model_set_space(struct rh_store *, uint64_t free_bytes, uint64_t total_bytes);
/* Planted bug: directories are never synced. */
void rh_store_model_skip_name_sync(struct rh_store *, bool skip);

enum rh_store_model_file {
    RH_MODEL_IN_PLACE = 1,
    RH_MODEL_CHUNK, /* index */
    RH_MODEL_OBJECT,
    RH_MODEL_METADATA,
    RH_MODEL_SESSION,
};

/* What a crash now could not take of a file (durable), or what a reader gets (not durable). NULL:
 * no such file. The bytes are the store's, valid until it runs again. */
const uint8_t *rh_store_model_look(const struct rh_store *, const struct rh_store_target *,
                                   enum rh_store_model_file, uint64_t index, bool durable,
                                   size_t *size);
/* What a reader gets at a path, or NULL. */
const uint8_t *rh_store_model_load(const struct rh_store *, const char *path, size_t *size);
/* Bit rot: turns a bit, in what is seen and what is durable. False: there is no such byte. */
bool rh_store_model_flip(struct rh_store *, const struct rh_store_target *,
                         enum rh_store_model_file, uint64_t index, uint64_t offset);
size_t rh_store_model_open_count(const struct rh_store *); /* handles */
uint64_t rh_store_model_misuse(const struct rh_store *);   /* handles used after CLOSE or a crash */
size_t rh_store_model_file_count(const struct rh_store *); /* names that are seen */

#endif
