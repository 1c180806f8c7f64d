/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_ENGINE_PACK_H
#define REELHAUL_ENGINE_PACK_H
/*
 * Little-endian values into and out of capped memory. An overrun sets ok to false, and from there
 * on nothing is written and zeros are read, so that callers check once, at the end.
 */
#include "reelhaul/types.h"

struct rh_pack {
    uint8_t *data;
    size_t size;
    size_t cap;
    bool ok;
};

void rh_pack_bytes(struct rh_pack *p, const void *data, size_t size);
void rh_pack_u8(struct rh_pack *p, uint8_t value);
void rh_pack_u16(struct rh_pack *p, uint16_t value);
void rh_pack_u32(struct rh_pack *p, uint32_t value);
void rh_pack_u64(struct rh_pack *p, uint64_t value);
/* u8 size and the bytes of a C string of at most 255. */
void rh_pack_text(struct rh_pack *p, const char *text);

struct rh_unpack {
    const uint8_t *data;
    size_t at;
    size_t size;
    bool ok;
};

uint8_t rh_unpack_u8(struct rh_unpack *p);
uint16_t rh_unpack_u16(struct rh_unpack *p);
uint32_t rh_unpack_u32(struct rh_unpack *p);
uint64_t rh_unpack_u64(struct rh_unpack *p);
/* A view of the next bytes; empty on overrun. */
struct rh_bytes rh_unpack_bytes(struct rh_unpack *p, size_t size);
/* Into out[size_max + 1], filled up with NULs. Longer texts and texts with a NUL in them clear ok.
 */
void rh_unpack_text(struct rh_unpack *p, char *out, size_t size_max);

#endif
