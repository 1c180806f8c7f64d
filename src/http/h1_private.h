/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_HTTP_H1_PRIVATE_H
#define REELHAUL_HTTP_H1_PRIVATE_H
/* What the two halves of the HTTP/1.1 parser share: head (h1.c) and body (h1_body.c). */
#include "http/h1.h"

/* Enters the failed phase for good; returns `error`. `problem` is a string constant. */
enum rh_error rh_h1_fail(struct rh_h1 *h1, enum rh_error error, unsigned status,
                         const char *problem);

/*
 * Takes one byte of a line into the head buffer (CR and LF are checked but not kept). RH_OK: that
 * byte ended the line, see rh_h1_line(); RH_ERR_AGAIN: the line goes on; else failed.
 */
enum rh_error rh_h1_line_byte(struct rh_h1 *h1, uint8_t c);

/* The line that is in the buffer since rh_h1_line_begin(). */
struct rh_bytes rh_h1_line(const struct rh_h1 *h1);
void rh_h1_line_begin(struct rh_h1 *h1);

/* Parses the present line as a field and appends it to the header array. */
enum rh_error rh_h1_field(struct rh_h1 *h1);

#endif
