/* SPDX-License-Identifier: MIT */
#ifndef SERVE_DELIVERY_H
#define SERVE_DELIVERY_H
/*
 * Answers made of files: conditional requests (RFC 9110, 13), a single range (14), and the headers
 * that keep pages and recordings in their place.
 */
#include "api/api.h"
#include "serve/files.h"

#define RH_DELIVERY_TEXT_BYTES 3072 /* enough for the headers below and those of the api */

/*
 * Fills the response for an open file: 200, 206, 304, 412 or 416. Where a body follows, the
 * response names file->fd, which stays the caller's. `response` was initialised by the caller.
 */
void rh_delivery_respond(struct rh_response *response, const struct rh_request *request,
                         const struct rh_file_ref *ref, const struct rh_file *file);

/* Whether one entity tag is in a list such as If-None-Match's, or the list is "*". `weak`: W/ does
 * not matter. */
bool rh_delivery_tag_listed(struct rh_bytes list, struct rh_bytes tag, bool weak);

extern const char rh_page_csp[];

#endif
