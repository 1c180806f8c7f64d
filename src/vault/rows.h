/* SPDX-License-Identifier: MIT */
#ifndef VAULT_ROWS_H
#define VAULT_ROWS_H
/*
 * The parts of an upload's rows, kept in order as changes come. For rows whose arrays were grown
 * here from nothing: how much room there is follows from the count alone. Out of memory ends the
 * process (base/assert.h, RH_MEMORY).
 */
#include "vault/catalog.h"

/* Room for one more; NULL with a count of 0 begins an array. Room doubles at powers of two. */
void *rh_rows_grow(void *array, size_t count, size_t item_size);

void rh_rows_interval_put(struct rh_upload_rows *, const struct rh_interval *); /* key: offset */
void rh_rows_interval_erase(struct rh_upload_rows *, uint64_t offset);          /* none: nothing */
void rh_rows_chunk_put(struct rh_upload_rows *, const struct rh_chunk_row *);   /* key: index */

#endif
