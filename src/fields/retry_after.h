/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_FIELDS_RETRY_AFTER_H
#define REELHAUL_FIELDS_RETRY_AFTER_H
/* Retry-After (RFC 9110, section 10.2.3): seconds, or a date. */
#include "base/bytes.h"

/*
 * How long to wait, in milliseconds. `wall_now_s` is the present Unix time, used for a date alone
 * (a date in the past is 0). Numbers beyond a year are cut to a year: a server's slip must not park
 * an upload for ever. RH_ERR_SYNTAX.
 */
enum rh_error rh_retry_after_parse(struct rh_bytes text, int64_t wall_now_s, rh_ms *delay_ms);
#define RH_RETRY_AFTER_MS_MAX ((rh_ms)366 * 24 * 60 * 60 * 1000)

#endif
