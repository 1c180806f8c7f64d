/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_HTTP_TARGET_H
#define REELHAUL_HTTP_TARGET_H
/* What a request is for: the grammar that h1 and h2 share (RFC 9112, 3.2; RFC 9113, 8.3.1). */
#include "http/message.h"

/*
 * Sets target, path and query, and authority and host where the target is absolute. method_id must
 * be set. NULL, or a sentence that says what is wrong with it (400).
 */
const char *rh_http_set_target(struct rh_request *request, struct rh_bytes target);

/*
 * Sets authority and host from host [":" port]. Narrower than RFC 3986, whose reg-name also allows
 * escapes and sub-delims: no DNS name has them, and an allow-list should not have to interpret
 * them. False: not valid, nothing was set.
 */
bool rh_http_set_authority(struct rh_request *request, struct rh_bytes authority);

#endif
