/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_BASE_ID_H
#define REELHAUL_BASE_ID_H
/*
 * Names of things. An upload id is 16 random bytes and 8 bytes of SipHash-2-4 over them, as 32
 * base64url characters: a server knows its own ids without a look-up, so that "well-formed but
 * unknown" (410) differs from "never ours" (404).
 */
#include <reelhaul/types.h>

#define RH_ID_CHARS   32
#define RH_ID_TEXT    (RH_ID_CHARS + 1) /* with the NUL */
#define RH_ID_KEY     16
#define RH_UUID_CHARS 36
#define RH_UUID_TEXT  (RH_UUID_CHARS + 1)
#define RH_NAME_MAX   128

/* Writes an id and a NUL. */
void rh_id_make(char out[RH_ID_TEXT], const uint8_t random[16], const uint8_t key[RH_ID_KEY]);
/* RH_OK when the id was made with this key, else RH_ERR_SYNTAX. */
enum rh_error rh_id_check(struct rh_bytes text, const uint8_t key[RH_ID_KEY]);

/* Writes a version 4 UUID of RFC 9562 in small letters, and a NUL. */
void rh_uuid_format(char out[RH_UUID_TEXT], const uint8_t random[16]);
/* RH_OK for 8-4-4-4-12 hexadecimal digits (either case, any version), else RH_ERR_SYNTAX. */
enum rh_error rh_uuid_check(struct rh_bytes text);

/*
 * The session of an upload that is its own session (/upload/chunk names nothing else): a UUID made
 * of the name, always the same one. It hides nothing. Writes a NUL.
 */
void rh_named_session(char out[RH_UUID_TEXT], struct rh_bytes name);
/* Whether a session is that of this name, and the name itself could not be taken for a session. */
bool rh_named_session_is(const char *session, const char *name);

/*
 * A name that a client chose and that becomes part of a file name: 1 to RH_NAME_MAX of
 * [A-Za-z0-9._-], not starting with '.' or '-', without "..". RH_ERR_SYNTAX otherwise.
 */
enum rh_error rh_name_check(struct rh_bytes text);

#endif
