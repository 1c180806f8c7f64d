/* SPDX-License-Identifier: MIT */
#ifndef VAULT_JSON_H
#define VAULT_JSON_H
/*
 * Reading and writing JSON texts, whole or not at all. jansson overlooks some allocations that fail
 * while it reads (a string comes out short) and while it writes (a key is left out), and says
 * nothing. So its allocations come by here, and one that fails is remembered.
 */
#include <jansson.h>
#include <stdbool.h>

/*
 * *out is NULL where there is no JSON in the text; then *error (may be NULL) says where. False:
 * memory is out, *out is NULL and nothing may be concluded. Keys that come twice are errors.
 */
bool rh_json_read(const char *text, size_t size, json_t **out, json_error_t *error);
/* malloc'ed; flags are jansson's. NULL: memory is out, or json is NULL. */
char *rh_json_write(const json_t *json, size_t flags);
/* A string, or NULL where the text is not UTF-8. False: memory is out, *out is NULL. */
bool rh_json_string(const char *text, json_t **out);

#endif
