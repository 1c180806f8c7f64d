/* SPDX-License-Identifier: MIT */
#include "engine/segments.h"

#include "base/crc64.h"

void rh_segments_init(struct rh_segments *pool, struct rh_segment *items, uint32_t count)
{
    pool->items = items;
    pool->free = 0;
    for (uint32_t i = 0; i < count; i++)
        items[i].next = i + 1 < count ? i + 1 : RH_NO_INDEX;
}

void rh_segment_list_init(struct rh_segment_list *list)
{
    list->first = RH_NO_INDEX;
    list->last = RH_NO_INDEX;
    list->count = 0;
    list->released = 0;
    list->gaps = false;
    list->near = RH_NO_INDEX;
    list->held = RH_NO_INDEX;
    list->skipped = 0;
}

/* Where looking for what lies at or behind `offset` begins. */
static uint32_t from(const struct rh_segments *pool, const struct rh_segment_list *list,
                     uint64_t offset)
{
    bool near = list->near != RH_NO_INDEX && pool->items[list->near].offset <= offset;
    return near ? list->near : list->first;
}

uint64_t rh_segments_end(const struct rh_segments *pool, const struct rh_segment_list *list)
{
    if (list->last == RH_NO_INDEX)
        return 0;
    return pool->items[list->last].offset + pool->items[list->last].length;
}

enum rh_error rh_segments_append(struct rh_segments *pool, struct rh_segment_list *list,
                                 const struct rh_segment *segment)
{
    if (segment->length == 0 || segment->offset > UINT64_MAX - 1 - segment->length)
        return RH_ERR_RANGE;
    if (segment->offset < rh_segments_end(pool, list))
        return RH_ERR_RANGE;
    if (pool->free == RH_NO_INDEX)
        return RH_ERR_LIMIT;
    list->gaps = list->gaps || (list->count > 0 && segment->offset != rh_segments_end(pool, list));
    list->released += !segment->held;
    uint32_t at = pool->free;
    pool->free = pool->items[at].next;
    pool->items[at] = *segment;
    pool->items[at].next = RH_NO_INDEX;
    if (list->last == RH_NO_INDEX)
        list->first = at;
    else
        pool->items[list->last].next = at;
    list->last = at;
    list->count++;
    return RH_OK;
}

void rh_segments_clear(struct rh_segments *pool, struct rh_segment_list *list)
{
    if (list->last != RH_NO_INDEX) {
        pool->items[list->last].next = pool->free;
        pool->free = list->first;
    }
    rh_segment_list_init(list);
}

uint32_t rh_segments_halve(struct rh_segments *pool, struct rh_segment_list *list)
{
    uint32_t freed = 0;
    list->near = RH_NO_INDEX;
    list->held = RH_NO_INDEX;
    list->skipped = 0;
    uint32_t at = list->first;
    while (at != RH_NO_INDEX) {
        struct rh_segment *a = &pool->items[at];
        uint32_t next = a->next;
        if (next == RH_NO_INDEX)
            break;
        const struct rh_segment *b = &pool->items[next];
        if (a->held != b->held || a->offset + a->length != b->offset) {
            at = next;
            continue;
        }
        a->crc64 = rh_crc64_combine(a->crc64, b->crc64, b->length);
        a->length += b->length;
        a->next = b->next;
        if (list->last == next)
            list->last = at;
        pool->items[next].next = pool->free;
        pool->free = next;
        list->count--;
        list->released -= !a->held;
        freed++;
        at = a->next;
    }
    return freed;
}

void rh_segments_release(struct rh_segment_list *list, struct rh_segment *segment)
{
    list->released += segment->held;
    segment->held = false;
}

void rh_segments_near(const struct rh_segments *pool, struct rh_segment_list *list, uint64_t offset)
{
    uint32_t i = from(pool, list, offset);
    while (i != RH_NO_INDEX && pool->items[i].next != RH_NO_INDEX &&
           pool->items[pool->items[i].next].offset <= offset)
        i = pool->items[i].next;
    list->near = i;
}

uint32_t rh_segments_held(const struct rh_segments *pool, struct rh_segment_list *list)
{
    uint32_t i = list->held == RH_NO_INDEX ? list->first : list->held;
    for (; i != RH_NO_INDEX && !pool->items[i].held && pool->items[i].next != RH_NO_INDEX;
         i = pool->items[i].next)
        list->skipped++;
    list->held = i;
    return i;
}

uint64_t rh_segments_whole_from(const struct rh_segments *pool, struct rh_segment_list *list)
{
    uint32_t i = rh_segments_held(pool, list);
    if (i == RH_NO_INDEX)
        return 0;
    const struct rh_segment *s = &pool->items[i];
    if (list->gaps || list->released != list->skipped + !s->held)
        return RH_SIZE_UNKNOWN;
    return s->held ? s->offset : s->offset + s->length;
}

struct rh_segment *rh_segments_at(const struct rh_segments *pool,
                                  const struct rh_segment_list *list, uint64_t offset)
{
    for (uint32_t i = from(pool, list, offset); i != RH_NO_INDEX; i = pool->items[i].next) {
        struct rh_segment *s = &pool->items[i];
        if (s->offset > offset)
            return NULL;
        if (offset - s->offset < s->length)
            return s;
    }
    return NULL;
}

bool rh_segments_crc(const struct rh_segments *pool, const struct rh_segment_list *list,
                     struct rh_range range, uint64_t *crc64)
{
    uint64_t at = range.offset;
    uint64_t end = range.offset + range.length;
    uint64_t crc = 0;
    for (uint32_t i = from(pool, list, at); i != RH_NO_INDEX && at < end; i = pool->items[i].next) {
        const struct rh_segment *s = &pool->items[i];
        if (s->offset + s->length <= at)
            continue;
        if (s->offset != at || s->length > end - at)
            return false;
        crc = at == range.offset ? s->crc64 : rh_crc64_combine(crc, s->crc64, s->length);
        at += s->length;
    }
    *crc64 = crc;
    return at == end;
}

uint32_t rh_segments_slices(const struct rh_segments *pool, const struct rh_segment_list *list,
                            struct rh_range range, struct rh_slice slices[RH_SLICES_MAX])
{
    uint64_t end = range.offset + range.length;
    uint32_t inside = 0;
    uint32_t first = from(pool, list, range.offset);
    for (uint32_t i = first; i != RH_NO_INDEX && pool->items[i].offset < end;
         i = pool->items[i].next)
        inside += pool->items[i].offset >= range.offset;
    uint32_t together = (inside + RH_SLICES_MAX - 1) / RH_SLICES_MAX;
    uint32_t seen = 0;
    uint32_t count = 0;
    for (uint32_t i = first; i != RH_NO_INDEX && pool->items[i].offset < end;
         i = pool->items[i].next) {
        const struct rh_segment *s = &pool->items[i];
        if (s->offset < range.offset)
            continue;
        if (seen++ % together == 0) {
            slices[count++] = (struct rh_slice){s->length, s->crc64};
            continue;
        }
        struct rh_slice *last = &slices[count - 1];
        last->crc64 = rh_crc64_combine(last->crc64, s->crc64, s->length);
        last->length += s->length;
    }
    return count > 1 ? count : 0;
}

bool rh_segments_hold(const struct rh_segments *pool, const struct rh_segment_list *list,
                      struct rh_range range)
{
    struct rh_range run;
    if (range.length == 0)
        return true;
    if (!rh_segments_run(pool, list, range.offset, range.length, &run))
        return false;
    return run.offset == range.offset && run.length >= range.length;
}

bool rh_segments_run(const struct rh_segments *pool, const struct rh_segment_list *list,
                     uint64_t offset, uint64_t length_max, struct rh_range *run)
{
    bool found = false;
    for (uint32_t i = from(pool, list, offset); i != RH_NO_INDEX; i = pool->items[i].next) {
        const struct rh_segment *s = &pool->items[i];
        uint64_t end = s->offset + s->length;
        if (end <= offset)
            continue;
        if (!found) {
            if (!s->held)
                continue;
            found = true;
            run->offset = s->offset > offset ? s->offset : offset;
            run->length = end - run->offset;
            continue;
        }
        if (run->length >= length_max || !s->held || s->offset != run->offset + run->length)
            break;
        run->length += s->length;
    }
    return found;
}
