/* SPDX-License-Identifier: MIT */
/* The witness's batches, replayed in memory. A damaged one may leave rows that do not fit each
 * other: nothing here takes offence, since whoever uses them checks them against the bytes. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/siphash.h"
#include "vault/map.h"
#include "vault/rows.h"
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
    w->uploads = rh_rows_grow(w->uploads, w->upload_count, sizeof(struct rh_witnessed_upload *));
    w->uploads[w->upload_count++] = upload;
    return upload;
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
    w->sessions = rh_rows_grow(w->sessions, w->session_count, sizeof *w->sessions);
    w->session_is_erased =
        rh_rows_grow(w->session_is_erased, w->session_count, sizeof *w->session_is_erased);
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
        rh_rows_interval_put(&upload_of(w, change->upload)->rows, &change->u.interval);
        return;
    case RH_CHANGE_INTERVAL_ERASE:
        rh_rows_interval_erase(&upload_of(w, change->upload)->rows, change->u.interval.offset);
        return;
    case RH_CHANGE_CHUNK:
        rh_rows_chunk_put(&upload_of(w, change->upload)->rows, &change->u.chunk);
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
