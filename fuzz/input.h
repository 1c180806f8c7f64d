/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H
/* Takes an input apart: small numbers and texts for targets that are not fed bytes as they are.
 * An input that has ended gives zeros. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "reelhaul/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t size;
};

static inline uint8_t input_u8(struct input *in)
{
    if (in->size == 0)
        return 0;
    in->size--;
    return *in->data++;
}

static inline uint32_t input_below(struct input *in, uint32_t n)
{
    return (((uint32_t)input_u8(in) << 8) | input_u8(in)) % n;
}

/* Small ones mostly, now and then the edges. */
static inline uint64_t input_u64(struct input *in)
{
    uint8_t how = input_u8(in);
    uint64_t value = 0;
    if (how < 0xc0)
        return ((uint64_t)(how & 0x3f) << 8) | input_u8(in);
    if (how < 0xe0)
        return ((uint64_t)input_u8(in) << 16) | ((uint64_t)input_u8(in) << 8) | input_u8(in);
    if (how < 0xf0)
        return UINT64_MAX - input_u8(in);
    if (how < 0xf8)
        return ((uint64_t)1 << (input_u8(in) % 64)) - (how & 1);
    for (int i = 0; i < 8; i++)
        value = (value << 8) | input_u8(in);
    return value;
}

/* Up to the next LF (which is taken too), or the end. */
static inline struct rh_bytes input_line(struct input *in)
{
    const uint8_t *end = in->size > 0 ? memchr(in->data, '\n', in->size) : NULL;
    struct rh_bytes line = {in->data, end != NULL ? (size_t)(end - in->data) : in->size};
    size_t used = end != NULL ? line.size + 1 : line.size;
    in->data += used;
    in->size -= used;
    return line;
}

/* A text of the caller's, cut where it does not fit; with NUL. */
static inline char *input_text(struct rh_bytes bytes, char *out, size_t cap)
{
    size_t size = bytes.size < cap - 1 ? bytes.size : cap - 1;
    if (size > 0)
        memcpy(out, bytes.data, size);
    out[size] = '\0';
    return out;
}

#endif
