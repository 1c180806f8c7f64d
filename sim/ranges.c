/* SPDX-License-Identifier: MIT */
#include "ranges.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static uint64_t end_of(const struct rh_range *range)
{
    return range->offset + range->length;
}

void sim_ranges_add(struct sim_ranges *set, uint64_t offset, uint64_t length)
{
    uint64_t end = offset + length;
    size_t first = 0;
    if (length == 0)
        return;
    while (first < set->count && end_of(&set->items[first]) < offset)
        first++;
    size_t last = first;
    while (last < set->count && set->items[last].offset <= end) {
        if (set->items[last].offset < offset)
            offset = set->items[last].offset;
        if (end_of(&set->items[last]) > end)
            end = end_of(&set->items[last]);
        last++;
    }
    if (set->count == set->cap) {
        set->cap = set->cap == 0 ? 8 : set->cap * 2;
        set->items = realloc(set->items, set->cap * sizeof *set->items);
        RH_ASSERT(set->items != NULL);
    }
    /* What was joined makes room for the one that takes its place. */
    memmove(&set->items[first + 1], &set->items[last], (set->count - last) * sizeof *set->items);
    set->count = set->count - (last - first) + 1;
    set->items[first] = (struct rh_range){offset, end - offset};
}

bool sim_ranges_cover(const struct sim_ranges *set, uint64_t offset, uint64_t length)
{
    if (length == 0)
        return true;
    for (size_t i = 0; i < set->count; i++) {
        if (set->items[i].offset <= offset && offset + length <= end_of(&set->items[i]))
            return true;
    }
    return false;
}

bool sim_ranges_touch(const struct sim_ranges *set, uint64_t offset, uint64_t length)
{
    for (size_t i = 0; i < set->count; i++) {
        if (offset < end_of(&set->items[i]) && set->items[i].offset < offset + length)
            return true;
    }
    return false;
}

bool sim_ranges_contain(const struct sim_ranges *set, const struct sim_ranges *part)
{
    for (size_t i = 0; i < part->count; i++) {
        if (!sim_ranges_cover(set, part->items[i].offset, part->items[i].length))
            return false;
    }
    return true;
}

uint64_t sim_ranges_sum(const struct sim_ranges *set)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < set->count; i++)
        sum += set->items[i].length;
    return sum;
}

void sim_ranges_finish(struct sim_ranges *set)
{
    free(set->items);
    memset(set, 0, sizeof *set);
}
