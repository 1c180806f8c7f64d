/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

/*
 * The compiler's builtins become plain loads and stores, or calls of memcpy and friends: from libc
 * natively, from wasm_mem.c in wasm. Sizes of 0 return early because the builtins promise nothing
 * for NULL.
 */

void rh_mem_copy(void *restrict to, const void *restrict from, size_t size)
{
    if (size > 0)
        __builtin_memcpy(to, from, size);
}

void rh_mem_move(void *to, const void *from, size_t size)
{
    if (size > 0)
        __builtin_memmove(to, from, size);
}

void rh_mem_set(void *to, uint8_t byte, size_t size)
{
    if (size > 0)
        __builtin_memset(to, byte, size);
}

int rh_mem_compare(const void *a, const void *b, size_t size)
{
    return size > 0 ? __builtin_memcmp(a, b, size) : 0;
}

bool rh_mem_equal_secret(const void *a, const void *b, size_t size)
{
    /* volatile keeps the compiler from returning at the first difference. */
    const volatile uint8_t *x = a;
    const volatile uint8_t *y = b;
    uint8_t difference = 0;

    for (size_t i = 0; i < size; i++)
        difference = (uint8_t)(difference | (x[i] ^ y[i]));
    return difference == 0;
}

size_t rh_str_size(const char *text)
{
    size_t size = 0;

    while (text[size] != '\0')
        size++;
    return size;
}
