/* SPDX-License-Identifier: MIT */
#ifndef VAULT_MAP_H
#define VAULT_MAP_H
/*
 * An intrusive hash map. Members embed a node; the caller hashes keys and compares them. The zeroed
 * state is an empty map. Memory that cannot be had ends the process (see inside.h).
 */
#include <reelhaul/types.h>

struct rh_map_node {
    struct rh_map_node *next;
    uint64_t hash;
};

struct rh_map {
    struct rh_map_node **buckets;
    size_t bucket_count; /* a power of two, or 0 */
    size_t count;
};

void rh_map_add(struct rh_map *map, struct rh_map_node *node, uint64_t hash);
void rh_map_remove(struct rh_map *map, struct rh_map_node *node); /* must be a member */
/* Members of one hash: the first, and the one after `node`; NULL at the end. */
struct rh_map_node *rh_map_first(const struct rh_map *map, uint64_t hash);
struct rh_map_node *rh_map_same(const struct rh_map_node *node);
/* Any member, or NULL when empty: for tearing down. */
struct rh_map_node *rh_map_any(const struct rh_map *map);
void rh_map_finish(struct rh_map *map); /* frees the buckets, not the members */

/* Spreads a number that counts up. */
uint64_t rh_map_hash_u64(uint64_t key);

#endif
