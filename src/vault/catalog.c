/* SPDX-License-Identifier: MIT */
/* Batches and rows, for the vault and for every backend of the catalog. */
#include "vault/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/id.h"

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

/* ---- Rows that somebody else may have written ---- */

static bool is_plain(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~')
            return false;
    }
    return true;
}

/* Base64url: no separator, no dot. */
static bool is_id(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        bool good = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                    (*c >= '0' && *c <= '9') || *c == '-' || *c == '_';
        if (!good)
            return false;
    }
    return text[0] != '\0';
}

static const char *problem_of_names(const struct rh_upload_row *row)
{
    if (!is_id(row->id))
        return "an upload id in the catalog is none";
    if (row->session[0] != '\0' && rh_name_check(rh_bytes_of(row->session)) != RH_OK)
        return "a session id in the catalog is none";
    if (rh_name_check(rh_bytes_of(row->name)) != RH_OK)
        return "a name in the catalog is none";
    if (!is_plain(row->mime) || !is_plain(row->lease))
        return "a type or a lease in the catalog is not plain text";
    return NULL;
}

static const char *problem_of_intervals(const struct rh_upload_rows *rows)
{
    uint64_t end = 0;
    for (size_t i = 0; i < rows->interval_count; i++) {
        const struct rh_interval *it = &rows->intervals[i];
        if (it->length == 0 || it->offset < end || it->offset > INT64_MAX ||
            it->length > INT64_MAX - it->offset)
            return "acknowledged ranges in the catalog overlap or are none";
        end = it->offset + it->length;
    }
    if (rows->row.total != RH_SIZE_UNKNOWN && end > rows->row.total)
        return "an acknowledged range in the catalog is beyond the end";
    return NULL;
}

static const char *problem_of_chunks(const struct rh_upload_rows *rows)
{
    uint64_t left = INT64_MAX;
    for (size_t i = 0; i < rows->chunk_count; i++) {
        const struct rh_chunk_row *it = &rows->chunks[i];
        if ((i > 0 && it->index <= rows->chunks[i - 1].index) || it->index > INT64_MAX ||
            it->length > left)
            return "chunks in the catalog are out of order, or too long";
        left -= it->length;
    }
    return NULL;
}

static const char *problem_of_state(const struct rh_upload_rows *rows)
{
    const struct rh_upload_row *row = &rows->row;
    if (row->state < RH_UPLOAD_OPEN || row->state > RH_UPLOAD_LOST)
        return "a state in the catalog is none";
    if (row->geometry < RH_GEOMETRY_RANGES || row->geometry > RH_GEOMETRY_CURSOR)
        return "a geometry in the catalog is none";
    if (row->geometry == RH_GEOMETRY_CURSOR && rows->interval_count > 0 &&
        (rows->interval_count > 1 || rows->intervals[0].offset != 0))
        return "an upload with a cursor has gaps in the catalog";
    if (row->state != RH_UPLOAD_FINISHING && row->state != RH_UPLOAD_DONE)
        return NULL;
    bool whole = row->partial || row->total == 0 ||
                 (rows->interval_count == 1 && rows->intervals[0].offset == 0 &&
                  rows->intervals[0].length == row->total);
    if (row->total == RH_SIZE_UNKNOWN || !whole)
        return "an upload is complete in the catalog, and its bytes are not";
    return NULL;
}

const char *rh_upload_rows_problem(const struct rh_upload_rows *rows)
{
    const char *problem = problem_of_names(&rows->row);
    if (problem == NULL)
        problem = problem_of_intervals(rows);
    if (problem == NULL)
        problem = problem_of_chunks(rows);
    return problem == NULL ? problem_of_state(rows) : problem;
}
