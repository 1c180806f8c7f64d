/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_HTTP_MULTIPART_PRIVATE_H
#define REELHAUL_HTTP_MULTIPART_PRIVATE_H
/*
 * What the two halves of the form parser share: boundaries (multipart.c) and part heads
 * (multipart_head.c).
 */
#include "http/multipart.h"

/* Enters the failed phase for good; returns `error`. `problem` is a string constant. */
enum rh_error rh_multipart_fail(struct rh_multipart *m, enum rh_error error, const char *problem);

/*
 * Finds the boundary in a Content-Type value. Quoted text is unescaped into `out` (room for `cap`).
 */
enum rh_error rh_multipart_boundary(struct rh_bytes content_type, uint8_t *out, size_t cap,
                                    size_t *size);

/* Begins the head of a part. */
void rh_multipart_head_begin(struct rh_multipart *m);

/* Takes one byte of it. RH_OK: the head is complete, m->field is set; RH_ERR_AGAIN; else failed. */
enum rh_error rh_multipart_head_byte(struct rh_multipart *m, uint8_t c);

#endif
