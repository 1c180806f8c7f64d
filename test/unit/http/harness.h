/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_TEST_HTTP_HARNESS_H
#define REELHAUL_TEST_HTTP_HARNESS_H
/* cmocka and what its header needs before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Bytes of a string literal, which may hold NUL. */
#define LITERAL(text) ((struct rh_bytes){(const uint8_t *)(text), sizeof(text) - 1})

#endif
