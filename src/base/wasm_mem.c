/* SPDX-License-Identifier: MIT */
/*
 * The four functions that compilers call on their own (struct copies, loops they recognise), for
 * wasm, where there is no libc. Compiled for wasm alone. no_builtin keeps clang from turning each
 * loop into a call of itself.
 */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);

__attribute__((no_builtin)) void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    uint8_t *out = to;
    const uint8_t *in = from;

    for (size_t i = 0; i < size; i++)
        out[i] = in[i];
    return to;
}

__attribute__((no_builtin)) void *memmove(void *to, const void *from, size_t size)
{
    uint8_t *out = to;
    const uint8_t *in = from;

    if ((uintptr_t)to <= (uintptr_t)from) {
        for (size_t i = 0; i < size; i++)
            out[i] = in[i];
    } else {
        for (size_t i = size; i > 0; i--)
            out[i - 1] = in[i - 1];
    }
    return to;
}

__attribute__((no_builtin)) void *memset(void *to, int byte, size_t size)
{
    uint8_t *out = to;

    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)byte;
    return to;
}

__attribute__((no_builtin)) int memcmp(const void *a, const void *b, size_t size)
{
    const uint8_t *x = a;
    const uint8_t *y = b;

    for (size_t i = 0; i < size; i++) {
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    }
    return 0;
}
