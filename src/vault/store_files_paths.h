/* SPDX-License-Identifier: MIT */
#ifndef VAULT_STORE_FILES_PATHS_H
#define VAULT_STORE_FILES_PATHS_H
/*
 * Where the default store keeps things, relative to the data directory (design, "On disk"):
 *
 *   recordings/{session}/{name}.webm|.mp4|…     a finished object; {name}.metadata.json,
 * session.json beside it files/{upload}/{name}[.ext]                 a finished object without a
 * session uploaded_data/{session}/{name}/temp/shard_0000/{index}.part    chunks that wait; 1000 to
 * a shard uploaded_data/{name}/temp/…                 the same for an upload without a session,
 * and for one whose session is of its name (rh_named_session)
 *   incoming/{upload}, incoming/{upload}.identity   an open upload and who it is
 *
 * All write a NUL-terminated path into out and return RH_OK, or RH_ERR_LIMIT where it does not fit,
 * or RH_ERR_DENIED where a part of it could leave its folder: clients' names are checked at the
 * door (base/id.h), this is the second lock.
 */
#include "vault/store.h"

#define RH_PATH_MAX          512
#define RH_CHUNKS_IN_A_SHARD 1000

enum rh_error rh_path_incoming(const struct rh_store_target *, char *out, size_t cap);
enum rh_error rh_path_identity(const struct rh_store_target *, char *out, size_t cap);
enum rh_error rh_path_waiting_root(const struct rh_store_target *, char *out, size_t cap);
enum rh_error rh_path_waiting(const struct rh_store_target *, uint64_t index, char *out,
                              size_t cap);
enum rh_error rh_path_object(const struct rh_store_target *, char *out, size_t cap);
enum rh_error rh_path_text(const struct rh_store_target *, enum rh_store_text, char *out,
                           size_t cap);

/* Cuts the last component off ("a/b/c" -> "a/b", "a" -> "."), in place. */
void rh_path_parent(char *path);

#endif
