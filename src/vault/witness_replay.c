/* SPDX-License-Identifier: MIT */
/* The witness's batches, replayed in memory. A damaged one may leave rows that do not fit each
 * other: nothing here takes offence, since whoever uses them checks them against the bytes. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/siphash.h"
#include "vault/map.h"
#include "vault/witness.h"

struct slot {
    struct rh_map_node node;
    struct rh_witnessed_upload *upload;
};

struct rh_witnessed_index {
    struct rh_map by_id;
    struct rh_map sessions; /* struct session_slot */
};

struct session_slot {
    struct rh_map_node node;
    size_t index;
};

static uint64_t hash_of(const char *text)
{
    static const uint8_t key[16] = "not a secret...";
    return rh_siphash(key, text, strlen(text));
}

static struct rh_witnessed_upload *find(const struct rh_witnessed *w, const char *id)
{
    if (w->index == NULL)
        return NULL;
    struct rh_map_node *node = rh_map_first(&w->index->by_id, hash_of(id));
    for (; node != NULL; node = rh_map_same(node)) {
        struct slot *slot = (struct slot *)(void *)node;
        if (strcmp(slot->upload->rows.row.id, id) == 0)
            return slot->upload;
    }
    return NULL;
}

const struct rh_witnessed_upload *rh_witnessed_find(const struct rh_witnessed *w, const char *id)
{
    return find(w, id);
}

/* Room for one more; capacity doubles at powers of two. */
static void *grow(void *array, size_t count, size_t size)
{
    if (count != 0 && (count & (count - 1)) != 0)
        return array;
    void *grown = realloc(array, (count == 0 ? 1 : count * 2) * size);
    RH_MEMORY(grown);
    return grown;
}

static struct rh_witnessed_upload *upload_of(struct rh_witnessed *w, const char *id)
{
    struct rh_witnessed_upload *upload = find(w, id);
    if (upload != NULL)
        return upload;
    upload = calloc(1, sizeof *upload);
    RH_MEMORY(upload);
    strcpy(upload->rows.row.id, id);
    struct slot *slot = calloc(1, sizeof *slot);
    RH_MEMORY(slot);
    slot->upload = upload;
    rh_map_add(&w->index->by_id, &slot->node, hash_of(id));
    w->uploads = grow(w->uploads, w->upload_count, sizeof(struct rh_witnessed_upload *));
    w->uploads[w->upload_count++] = upload;
    return upload;
}

static void interval_put(struct rh_upload_rows *rows, const struct rh_interval *interval)
{
    size_t i = rows->interval_count;
    while (i > 0 && rows->intervals[i - 1].offset > interval->offset)
        i--;
    if (i > 0 && rows->intervals[i - 1].offset == interval->offset) {
        rows->intervals[i - 1] = *interval;
        return;
    }
    rows->intervals = grow(rows->intervals, rows->interval_count, sizeof *rows->intervals);
    memmove(&rows->intervals[i + 1], &rows->intervals[i],
            (rows->interval_count - i) * sizeof *rows->intervals);
    rows->intervals[i] = *interval;
    rows->interval_count++;
}

static void interval_erase(struct rh_upload_rows *rows, uint64_t offset)
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

static void chunk_put(struct rh_upload_rows *rows, const struct rh_chunk_row *chunk)
{
    size_t i = rows->chunk_count;
    while (i > 0 && rows->chunks[i - 1].index > chunk->index)
        i--;
    if (i > 0 && rows->chunks[i - 1].index == chunk->index) {
        rows->chunks[i - 1] = *chunk;
        return;
    }
    rows->chunks = grow(rows->chunks, rows->chunk_count, sizeof *rows->chunks);
    memmove(&rows->chunks[i + 1], &rows->chunks[i], (rows->chunk_count - i) * sizeof *rows->chunks);
    rows->chunks[i] = *chunk;
    rows->chunk_count++;
}

static void forget_rows(struct rh_witnessed_upload *upload)
{
    char id[RH_ID_TEXT_MAX];
    strcpy(id, upload->rows.row.id);
    rh_upload_rows_free(&upload->rows);
    strcpy(upload->rows.row.id, id);
    upload->has_row = false;
}

static void upload_put(struct rh_witnessed *w, const struct rh_upload_row *row)
{
    struct rh_witnessed_upload *upload = upload_of(w, row->id);
    free(upload->rows.row.metadata);
    enum rh_error error = rh_upload_row_copy(&upload->rows.row, row);
    RH_MEMORY(error == RH_OK ? upload : NULL);
    upload->has_row = true;
    upload->is_erased = false;
}

static void upload_erase(struct rh_witnessed_upload *upload)
{
    forget_rows(upload);
    upload->is_erased = true;
}

static size_t session_of(struct rh_witnessed *w, const char *id)
{
    struct rh_map_node *node = rh_map_first(&w->index->sessions, hash_of(id));
    for (; node != NULL; node = rh_map_same(node)) {
        size_t index = ((struct session_slot *)(void *)node)->index;
        if (strcmp(w->sessions[index].id, id) == 0)
            return index;
    }
    struct session_slot *slot = calloc(1, sizeof *slot);
    RH_MEMORY(slot);
    slot->index = w->session_count;
    rh_map_add(&w->index->sessions, &slot->node, hash_of(id));
    w->sessions = grow(w->sessions, w->session_count, sizeof *w->sessions);
    w->session_is_erased =
        grow(w->session_is_erased, w->session_count, sizeof *w->session_is_erased);
    w->sessions[w->session_count] = (struct rh_session_row){0};
    strcpy(w->sessions[w->session_count].id, id);
    return w->session_count++;
}

static void session_erase(struct rh_witnessed *w, const char *id)
{
    w->session_is_erased[session_of(w, id)] = true;
    for (size_t i = 0; i < w->upload_count; i++)
        if (strcmp(w->uploads[i]->rows.row.session, id) == 0)
            upload_erase(w->uploads[i]);
}

static void apply(struct rh_witnessed *w, const struct rh_change *change)
{
    size_t session;
    switch (change->kind) {
    case RH_CHANGE_META:
        w->meta = change->u.meta;
        w->has_meta = true;
        return;
    case RH_CHANGE_SESSION:
        session = session_of(w, change->u.session.id);
        w->sessions[session] = change->u.session;
        w->session_is_erased[session] = false;
        return;
    case RH_CHANGE_SESSION_ERASE:
        session_erase(w, change->u.session.id);
        return;
    case RH_CHANGE_UPLOAD:
        upload_put(w, &change->u.upload_row);
        return;
    case RH_CHANGE_UPLOAD_ERASE:
        upload_erase(upload_of(w, change->upload));
        return;
    case RH_CHANGE_INTERVAL:
        interval_put(&upload_of(w, change->upload)->rows, &change->u.interval);
        return;
    case RH_CHANGE_INTERVAL_ERASE:
        interval_erase(&upload_of(w, change->upload)->rows, change->u.interval.offset);
        return;
    case RH_CHANGE_CHUNK:
        chunk_put(&upload_of(w, change->upload)->rows, &change->u.chunk);
        return;
    case RH_CHANGE_CHUNKS_ERASE:
        upload_of(w, change->upload)->rows.chunk_count = 0;
        return;
    }
}

static enum rh_error replay(void *context, uint64_t sequence, const struct rh_batch *batch)
{
    struct rh_witnessed *w = context;
    (void)sequence;
    for (size_t i = 0; i < batch->count; i++)
        apply(w, &batch->changes[i]);
    return RH_OK;
}

enum rh_error rh_witnessed_load(int root, struct rh_witnessed *w)
{
    memset(w, 0, sizeof *w);
    w->index = calloc(1, sizeof *w->index);
    RH_MEMORY(w->index);
    return rh_witness_read(root, &w->summary, replay, w);
}

enum rh_error rh_witnessed_of_catalog(struct rh_catalog *catalog, struct rh_witnessed *w)
{
    memset(w, 0, sizeof *w);
    w->index = calloc(1, sizeof *w->index);
    RH_MEMORY(w->index);
    return rh_witness_snapshot(catalog, replay, w);
}

void rh_witnessed_finish(struct rh_witnessed *w)
{
    struct rh_map_node *node;
    if (w->index == NULL)
        return;
    while ((node = rh_map_any(&w->index->by_id)) != NULL) {
        rh_map_remove(&w->index->by_id, node);
        free(node);
    }
    while ((node = rh_map_any(&w->index->sessions)) != NULL) {
        rh_map_remove(&w->index->sessions, node);
        free(node);
    }
    rh_map_finish(&w->index->by_id);
    rh_map_finish(&w->index->sessions);
    for (size_t i = 0; i < w->upload_count; i++) {
        rh_upload_rows_free(&w->uploads[i]->rows);
        free(w->uploads[i]);
    }
    free(w->uploads);
    free(w->sessions);
    free(w->session_is_erased);
    free(w->index);
    memset(w, 0, sizeof *w);
}
