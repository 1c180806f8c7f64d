/* SPDX-License-Identifier: MIT */
/* Batches and rows, for the vault and for every backend of the catalog. */
#include "vault/catalog.h"

#include <stdlib.h>
#include <string.h>

struct rh_change *rh_batch_add(struct rh_batch *batch, enum rh_change_kind kind)
{
    if (batch->count == batch->cap) {
        size_t cap = batch->cap == 0 ? 16 : batch->cap * 2;
        struct rh_change *grown = realloc(batch->changes, cap * sizeof *grown);
        if (grown == NULL)
            return NULL;
        batch->changes = grown;
        batch->cap = cap;
    }
    struct rh_change *change = &batch->changes[batch->count++];
    memset(change, 0, sizeof *change);
    change->kind = kind;
    return change;
}

void rh_batch_free(struct rh_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->changes[i].kind == RH_CHANGE_UPLOAD)
            free(batch->changes[i].u.upload_row.metadata);
    }
    free(batch->changes);
    memset(batch, 0, sizeof *batch);
}

void rh_upload_rows_free(struct rh_upload_rows *rows)
{
    free(rows->row.metadata);
    free(rows->intervals);
    free(rows->chunks);
    memset(rows, 0, sizeof *rows);
}

void rh_rows_free(struct rh_rows *rows)
{
    for (size_t i = 0; i < rows->upload_count; i++)
        rh_upload_rows_free(&rows->uploads[i]);
    free(rows->uploads);
    memset(rows, 0, sizeof *rows);
}

enum rh_error rh_upload_row_copy(struct rh_upload_row *to, const struct rh_upload_row *from)
{
    char *metadata = NULL;
    if (from->metadata != NULL) {
        metadata = strdup(from->metadata);
        if (metadata == NULL)
            return RH_ERR_MEMORY;
    }
    *to = *from;
    to->metadata = metadata;
    return RH_OK;
}
