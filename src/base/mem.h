/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_BASE_MEM_H
#define REELHAUL_BASE_MEM_H
/* What <string.h> gives hosted code, for rooms that have no libc. Sizes of 0 are fine with NULL
 * pointers. */
#include <reelhaul/types.h>

void rh_mem_copy(void *restrict to, const void *restrict from, size_t size); /* must not overlap */
void rh_mem_move(void *to, const void *from, size_t size);                   /* may overlap */
void rh_mem_set(void *to, uint8_t byte, size_t size);
/* < 0, 0 or > 0, by the first byte that differs, as unsigned. */
int rh_mem_compare(const void *a, const void *b, size_t size);

/* Equality in a time that depends on `size` alone: for tokens, MACs and keys. */
bool rh_mem_equal_secret(const void *a, const void *b, size_t size);

/* Length of a C string. */
size_t rh_str_size(const char *text);

#endif
