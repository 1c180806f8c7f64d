/* SPDX-License-Identifier: MIT */
#ifndef VAULT_CATALOG_MODEL_H
#define VAULT_CATALOG_MODEL_H
/*
 * A catalog of rows in memory, for tests and the simulator. What commit was called with and
 * answered RH_OK to is durable, and is all there is: a crash of the server is nothing to it.
 * A crash during a commit is a choice of the caller: do not call commit at all (it was lost), or
 * call it and lose the answer (it was applied).
 */
#include "vault/catalog.h"

/* The commit after `skip` more fails with `error`; its batch is applied all the same, or not: both
 * happen with real disks. */
void rh_catalog_model_fail(struct rh_catalog *, uint64_t skip, enum rh_error error, bool applied);

/* Looks at the rows: NULL when there is none. Valid until the next commit. */
const struct rh_upload_rows *rh_catalog_model_upload(const struct rh_catalog *, const char *id);
const struct rh_upload_rows *rh_catalog_model_upload_at(const struct rh_catalog *, size_t index);
size_t rh_catalog_model_upload_count(const struct rh_catalog *);
const struct rh_session_row *rh_catalog_model_session(const struct rh_catalog *, const char *id);
uint64_t rh_catalog_model_commits(const struct rh_catalog *); /* so far */
/* What an operator's restore from a backup would do: another generation. */
void rh_catalog_model_set_generation(struct rh_catalog *, const char *generation);

#endif
