/* SPDX-License-Identifier: MIT */
#ifndef VAULT_INTERVALS_H
#define VAULT_INTERVALS_H
/*
 * The acknowledged ranges of one upload: ascending, non-overlapping and coalesced, each with the
 * CRC-64 of its bytes. Two that touch become one, and their checksums are combined. The zeroed
 * state is the empty set.
 */
#include "vault/catalog.h"

struct rh_intervals {
    struct rh_interval *items;
    size_t count;
    size_t cap;
    uint64_t bytes; /* sum of lengths */
};

/* What an addition did to the rows: `put` was inserted or replaced (key: its offset), and the row
 * at `erased_offset` went into it. */
struct rh_intervals_change {
    struct rh_interval put;
    bool erased;
    uint64_t erased_offset;
};

/* Adds a range of at least one byte that overlaps none. RH_ERR_MEMORY: unchanged. */
enum rh_error rh_intervals_add(struct rh_intervals *set, struct rh_interval interval,
                               struct rh_intervals_change *change);

/* Index of the first interval that ends after `offset`; count when there is none. */
size_t rh_intervals_find(const struct rh_intervals *set, uint64_t offset);

/* End of the last interval; 0 when empty. */
uint64_t rh_intervals_end(const struct rh_intervals *set);

/* Whether [0, total) is all there and nothing else. */
bool rh_intervals_whole(const struct rh_intervals *set, uint64_t total);

/*
 * Cuts [offset, offset + length) at the borders of intervals; pulls one piece a call, in order.
 * `at` starts as offset and is moved on. False at the end.
 */
bool rh_intervals_piece(const struct rh_intervals *set, uint64_t *at, uint64_t end,
                        struct rh_range *piece, bool *present);

void rh_intervals_finish(struct rh_intervals *set);

/* CRC-64 of `length` zero bytes. */
uint64_t rh_crc64_zeros(uint64_t length);

#endif
