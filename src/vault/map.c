/* SPDX-License-Identifier: MIT */
#include "vault/map.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static void grow(struct rh_map *map)
{
    size_t count = map->bucket_count == 0 ? 64 : map->bucket_count * 2;
    struct rh_map_node **buckets = calloc(count, sizeof *buckets);
    RH_MEMORY(buckets);
    for (size_t i = 0; i < map->bucket_count; i++) {
        struct rh_map_node *node = map->buckets[i];
        while (node != NULL) {
            struct rh_map_node *next = node->next;
            node->next = buckets[node->hash & (count - 1)];
            buckets[node->hash & (count - 1)] = node;
            node = next;
        }
    }
    free(map->buckets);
    map->buckets = buckets;
    map->bucket_count = count;
}

void rh_map_add(struct rh_map *map, struct rh_map_node *node, uint64_t hash)
{
    if (map->count >= map->bucket_count)
        grow(map);
    struct rh_map_node **bucket = &map->buckets[hash & (map->bucket_count - 1)];
    node->hash = hash;
    node->next = *bucket;
    *bucket = node;
    map->count++;
}

void rh_map_remove(struct rh_map *map, struct rh_map_node *node)
{
    RH_ASSERT(map->count > 0);
    struct rh_map_node **place = &map->buckets[node->hash & (map->bucket_count - 1)];
    while (*place != node) {
        RH_ASSERT(*place != NULL);
        place = &(*place)->next;
    }
    *place = node->next;
    node->next = NULL;
    map->count--;
}

struct rh_map_node *rh_map_first(const struct rh_map *map, uint64_t hash)
{
    if (map->bucket_count == 0)
        return NULL;
    struct rh_map_node *node = map->buckets[hash & (map->bucket_count - 1)];
    while (node != NULL && node->hash != hash)
        node = node->next;
    return node;
}

struct rh_map_node *rh_map_same(const struct rh_map_node *node)
{
    struct rh_map_node *next = node->next;
    while (next != NULL && next->hash != node->hash)
        next = next->next;
    return next;
}

struct rh_map_node *rh_map_any(const struct rh_map *map)
{
    for (size_t i = 0; i < map->bucket_count; i++) {
        if (map->buckets[i] != NULL)
            return map->buckets[i];
    }
    return NULL;
}

void rh_map_finish(struct rh_map *map)
{
    free(map->buckets);
    memset(map, 0, sizeof *map);
}

uint64_t rh_map_hash_u64(uint64_t key)
{
    key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9u;
    key = (key ^ (key >> 27)) * 0x94d049bb133111ebu;
    return key ^ (key >> 31);
}
