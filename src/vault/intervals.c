/* SPDX-License-Identifier: MIT */
#include "vault/intervals.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/crc64.h"

static uint64_t end_of(const struct rh_interval *interval)
{
    return interval->offset + interval->length;
}

size_t rh_intervals_find(const struct rh_intervals *set, uint64_t offset)
{
    size_t low = 0;
    size_t high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (end_of(&set->items[middle]) > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void join(struct rh_interval *left, const struct rh_interval *right)
{
    left->crc64 = rh_crc64_combine(left->crc64, right->crc64, right->length);
    left->length += right->length;
}

static enum rh_error insert_at(struct rh_intervals *set, size_t index, struct rh_interval interval)
{
    if (set->count == set->cap) {
        size_t cap = set->cap == 0 ? 4 : set->cap * 2;
        struct rh_interval *grown = realloc(set->items, cap * sizeof *grown);
        if (grown == NULL)
            return RH_ERR_MEMORY;
        set->items = grown;
        set->cap = cap;
    }
    memmove(&set->items[index + 1], &set->items[index], (set->count - index) * sizeof *set->items);
    set->items[index] = interval;
    set->count++;
    return RH_OK;
}

enum rh_error rh_intervals_add(struct rh_intervals *set, struct rh_interval interval,
                               struct rh_intervals_change *change)
{
    RH_ASSERT(interval.length > 0);
    RH_ASSERT(interval.length <= UINT64_MAX - interval.offset);
    size_t index = rh_intervals_find(set, interval.offset);
    uint64_t end = end_of(&interval);
    RH_ASSERT(index == set->count || set->items[index].offset >= end);
    bool left = index > 0 && end_of(&set->items[index - 1]) == interval.offset;
    bool right = index < set->count && set->items[index].offset == end;
    change->erased = right;
    change->erased_offset = right ? end : 0;
    if (left) {
        join(&set->items[index - 1], &interval);
        if (right) {
            join(&set->items[index - 1], &set->items[index]);
            set->count--;
            memmove(&set->items[index], &set->items[index + 1],
                    (set->count - index) * sizeof *set->items);
        }
        change->put = set->items[index - 1];
    } else if (right) {
        uint64_t length = interval.length;
        join(&interval, &set->items[index]);
        set->items[index] = interval;
        change->put = interval;
        set->bytes += length;
        return RH_OK;
    } else {
        enum rh_error error = insert_at(set, index, interval);
        if (error != RH_OK)
            return error;
        change->put = interval;
    }
    set->bytes += interval.length;
    return RH_OK;
}

uint64_t rh_intervals_end(const struct rh_intervals *set)
{
    return set->count == 0 ? 0 : end_of(&set->items[set->count - 1]);
}

bool rh_intervals_whole(const struct rh_intervals *set, uint64_t total)
{
    if (total == 0)
        return set->count == 0;
    return set->count == 1 && set->items[0].offset == 0 && set->items[0].length == total;
}

bool rh_intervals_piece(const struct rh_intervals *set, uint64_t *at, uint64_t end,
                        struct rh_range *piece, bool *present)
{
    if (*at >= end)
        return false;
    size_t index = rh_intervals_find(set, *at);
    uint64_t stop = end;
    *present = index < set->count && set->items[index].offset <= *at;
    if (*present && end_of(&set->items[index]) < end)
        stop = end_of(&set->items[index]);
    else if (!*present && index < set->count && set->items[index].offset < end)
        stop = set->items[index].offset;
    piece->offset = *at;
    piece->length = stop - *at;
    *at = stop;
    return true;
}

void rh_intervals_finish(struct rh_intervals *set)
{
    free(set->items);
    memset(set, 0, sizeof *set);
}

uint64_t rh_crc64_zeros(uint64_t length)
{
    uint64_t crc = 0; /* of the zeros so far */
    uint64_t power_length = 1;
    uint64_t power = rh_crc64_update(0, "", 1); /* of power_length zeros */
    while (length > 0) {
        if ((length & 1) != 0)
            crc = rh_crc64_combine(crc, power, power_length);
        length >>= 1;
        if (length > 0) {
            power = rh_crc64_combine(power, power, power_length);
            power_length *= 2;
        }
    }
    return crc;
}
