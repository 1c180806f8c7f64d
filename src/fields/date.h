/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_FIELDS_DATE_H
#define REELHAUL_FIELDS_DATE_H
/* Dates of HTTP (RFC 9110, section 5.6.7), to and from seconds of Unix time. */
#include "base/bytes.h"

#define RH_DATE_CHARS 29
#define RH_DATE_TEXT  (RH_DATE_CHARS + 1) /* with the NUL */

/*
 * Reads all three forms: "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT"
 * (two-digit years: 70-99 are 19xx) and "Sun Nov  6 08:49:37 1994". RH_ERR_SYNTAX otherwise, also
 * for a day that does not exist or a weekday that is wrong. A leap second counts as the second
 * after it.
 */
enum rh_error rh_date_parse(struct rh_bytes text, int64_t *unix_s);
/* Writes the first form. RH_ERR_RANGE outside the years 1 to 9999, RH_ERR_LIMIT. */
enum rh_error rh_date_write(struct rh_buffer *buffer, int64_t unix_s);

#endif
