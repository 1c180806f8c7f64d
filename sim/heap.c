/* SPDX-License-Identifier: MIT */
#include "heap.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->sequence < b->sequence;
}

void sim_heap_push(struct sim_heap *heap, rh_ms at_ms, sim_handler *handler, void *context,
                   uint64_t life)
{
    if (heap->count == heap->cap) {
        heap->cap = heap->cap == 0 ? 256 : heap->cap * 2;
        heap->items = realloc(heap->items, heap->cap * sizeof *heap->items);
        RH_ASSERT(heap->items != NULL);
    }
    struct sim_event event = {at_ms, heap->sequence++, handler, context, life};
    size_t at = heap->count++;
    while (at > 0 && before(&event, &heap->items[(at - 1) / 2])) {
        heap->items[at] = heap->items[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->items[at] = event;
}

bool sim_heap_pop(struct sim_heap *heap, struct sim_event *out)
{
    if (heap->count == 0)
        return false;
    *out = heap->items[0];
    struct sim_event last = heap->items[--heap->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && before(&heap->items[child + 1], &heap->items[child]))
            child++;
        if (!before(&heap->items[child], &last))
            break;
        heap->items[at] = heap->items[child];
        at = child;
    }
    if (heap->count > 0)
        heap->items[at] = last;
    return true;
}

void sim_heap_finish(struct sim_heap *heap)
{
    free(heap->items);
    memset(heap, 0, sizeof *heap);
}
