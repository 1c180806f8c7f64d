/* SPDX-License-Identifier: MIT */
#include "vault/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

void *rh_rows_grow(void *array, size_t count, size_t item_size)
{
    if (count != 0 && (count & (count - 1)) != 0)
        return array;
    void *grown = realloc(array, (count == 0 ? 1 : count * 2) * item_size);
    RH_MEMORY(grown);
    return grown;
}

/* Both are searched from the end: parts come mostly in order. */
void rh_rows_interval_put(struct rh_upload_rows *rows, const struct rh_interval *interval)
{
    size_t i = rows->interval_count;
    while (i > 0 && rows->intervals[i - 1].offset > interval->offset)
        i--;
    if (i > 0 && rows->intervals[i - 1].offset == interval->offset) {
        rows->intervals[i - 1] = *interval;
        return;
    }
    rows->intervals = rh_rows_grow(rows->intervals, rows->interval_count, sizeof *rows->intervals);
    memmove(&rows->intervals[i + 1], &rows->intervals[i],
            (rows->interval_count - i) * sizeof *rows->intervals);
    rows->intervals[i] = *interval;
    rows->interval_count++;
}

void rh_rows_interval_erase(struct rh_upload_rows *rows, uint64_t offset)
{
    for (size_t i = 0; i < rows->interval_count; i++) {
        if (rows->intervals[i].offset != offset)
            continue;
        rows->interval_count--;
        memmove(&rows->intervals[i], &rows->intervals[i + 1],
                (rows->interval_count - i) * sizeof *rows->intervals);
        return;
    }
}

void rh_rows_chunk_put(struct rh_upload_rows *rows, const struct rh_chunk_row *chunk)
{
    size_t i = rows->chunk_count;
    while (i > 0 && rows->chunks[i - 1].index > chunk->index)
        i--;
    if (i > 0 && rows->chunks[i - 1].index == chunk->index) {
        rows->chunks[i - 1] = *chunk;
        return;
    }
    rows->chunks = rh_rows_grow(rows->chunks, rows->chunk_count, sizeof *rows->chunks);
    memmove(&rows->chunks[i + 1], &rows->chunks[i], (rows->chunk_count - i) * sizeof *rows->chunks);
    rows->chunks[i] = *chunk;
    rows->chunk_count++;
}
