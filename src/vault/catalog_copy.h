/* SPDX-License-Identifier: MIT */
#ifndef VAULT_CATALOG_COPY_H
#define VAULT_CATALOG_COPY_H
/* What is done to a SQLite catalog as a file, from outside of a server. */
#include "vault/catalog.h"

/*
 * Writes a copy of a catalog, as it is at one moment, to a path where nothing is; a server may be
 * using it meanwhile, and is not held up. The copy is not synced. RH_ERR_UNKNOWN: there is no such
 * catalog; RH_ERR_FULL; RH_ERR_IO: it is damaged, or the copy could not be written; then `why` says
 * what SQLite said.
 */
enum rh_error rh_catalog_copy(const char *from, const char *to, char *why, size_t cap);

/* What SQLite's own check finds: RH_OK; RH_ERR_CHECKSUM, with the first complaint in `why`;
 * RH_ERR_IO: it cannot be opened or read at all. */
enum rh_error rh_catalog_integrity(const char *path, char *why, size_t cap);

#endif
