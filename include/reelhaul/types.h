/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_TYPES_H
#define REELHAUL_TYPES_H
/*
 * The few types that every room shares. Freestanding: includes nothing beyond C11's freestanding
 * headers.
 *
 * Conventions, here and everywhere:
 *   - a function that can fail returns enum rh_error: RH_OK (0) or a negative value;
 *   - offsets and sizes of uploads are uint64_t bytes; sizes in memory are size_t;
 *   - time is an argument: rh_ms, milliseconds, monotonic unless the name says wall;
 *   - the caller owns contexts; init/finish accept and leave the zeroed state.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every error a function of Reelhaul returns. Values are part of the trace format: append, never
 * renumber. */
enum rh_error {
    RH_OK = 0,
    RH_ERR_AGAIN = -1,    /* more input is needed; nothing is wrong */
    RH_ERR_SYNTAX = -2,   /* the input breaks its grammar */
    RH_ERR_LIMIT = -3,    /* a cap was reached: buffer, list, count, declared size */
    RH_ERR_RANGE = -4,    /* a number is outside what its field allows */
    RH_ERR_STATE = -5,    /* not possible in the present state */
    RH_ERR_UNKNOWN = -6,  /* names something that does not exist */
    RH_ERR_EXISTS = -7,   /* names something that exists already */
    RH_ERR_CHECKSUM = -8, /* bytes do not match their checksum */
    RH_ERR_VERSION = -9,  /* written by a newer format: leave it alone */
    RH_ERR_IO = -10,      /* the medium failed; whatever was not synced is void */
    RH_ERR_FULL = -11,    /* the medium is full, or below its reserve */
    RH_ERR_DENIED = -12,  /* not allowed */
    RH_ERR_CLOSED = -13,  /* the peer went away */
    RH_ERR_MEMORY = -14,  /* an allocation failed */
};

/* Milliseconds. A point in monotonic time, or a length of time. */
typedef uint64_t rh_ms;
#define RH_MS_NEVER UINT64_MAX

/* An unknown size or total. */
#define RH_SIZE_UNKNOWN UINT64_MAX

/* Bytes that somebody else owns. `data` may be NULL where `size` is 0; never NUL-terminated by
 * promise. */
struct rh_bytes {
    const uint8_t *data;
    size_t size;
};

/* A half-open range [offset, offset + length) of an upload. */
struct rh_range {
    uint64_t offset;
    uint64_t length;
};

/* The next `length` bytes of a part, and their CRC-64/NVME. */
struct rh_slice {
    uint64_t length;
    uint64_t crc64;
};

/* So many slices a part can declare. */
#define RH_SLICES_MAX 64

#endif
