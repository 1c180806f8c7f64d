/* SPDX-License-Identifier: MIT */
#include "vault/catalog_model.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/hex.h"
#include "vault/rows.h"

struct catalog_model {
    struct rh_catalog base;
    bool has_meta;
    struct rh_meta_row meta;
    struct rh_session_row *sessions;
    size_t session_count;
    struct rh_upload_rows *uploads; /* in order of insertion */
    size_t upload_count;
    uint64_t commits;
    uint64_t fail_at; /* number of the commit that fails; 0: none */
    enum rh_error fail_error;
    bool fail_applied;
};

static struct catalog_model *model_of(struct rh_catalog *catalog)
{
    return (struct catalog_model *)catalog;
}

static struct rh_upload_rows *find(const struct catalog_model *model, const char *id)
{
    for (size_t i = 0; i < model->upload_count; i++) {
        if (strcmp(model->uploads[i].row.id, id) == 0)
            return &model->uploads[i];
    }
    return NULL;
}

static bool is_live(const struct rh_upload_row *row)
{
    return row->state <= RH_UPLOAD_DONE;
}

/* ---- Changes ---- */

static void session_put(struct catalog_model *model, const struct rh_session_row *row)
{
    for (size_t i = 0; i < model->session_count; i++) {
        if (strcmp(model->sessions[i].id, row->id) == 0) {
            model->sessions[i] = *row;
            return;
        }
    }
    model->sessions = rh_rows_grow(model->sessions, model->session_count, sizeof *model->sessions);
    model->sessions[model->session_count++] = *row;
}

static void upload_erase(struct catalog_model *model, const char *id)
{
    struct rh_upload_rows *rows = find(model, id);
    if (rows == NULL)
        return;
    size_t index = (size_t)(rows - model->uploads);
    rh_upload_rows_free(rows);
    model->upload_count--;
    memmove(rows, rows + 1, (model->upload_count - index) * sizeof *rows);
}

static void session_erase(struct catalog_model *model, const char *id)
{
    for (size_t i = 0; i < model->session_count; i++) {
        if (strcmp(model->sessions[i].id, id) != 0)
            continue;
        model->session_count--;
        memmove(&model->sessions[i], &model->sessions[i + 1],
                (model->session_count - i) * sizeof *model->sessions);
        break;
    }
    for (size_t i = model->upload_count; i-- > 0;) {
        if (strcmp(model->uploads[i].row.session, id) == 0)
            upload_erase(model, model->uploads[i].row.id);
    }
}

static void upload_put(struct catalog_model *model, const struct rh_upload_row *row)
{
    struct rh_upload_rows *rows = find(model, row->id);
    struct rh_upload_row copy;
    enum rh_error error = rh_upload_row_copy(&copy, row);
    RH_ASSERT(error == RH_OK);
    if (rows == NULL) {
        model->uploads = rh_rows_grow(model->uploads, model->upload_count, sizeof *model->uploads);
        rows = &model->uploads[model->upload_count++];
        memset(rows, 0, sizeof *rows);
    }
    free(rows->row.metadata);
    rows->row = copy;
}

/* Rows of parts may come before the row of their upload within one batch. */
static struct rh_upload_rows *parent_of(struct catalog_model *model, const char *id)
{
    struct rh_upload_rows *rows = find(model, id);
    if (rows != NULL)
        return rows;
    struct rh_upload_row row = {.state = RH_UPLOAD_OPEN};
    strcpy(row.id, id);
    upload_put(model, &row);
    return find(model, id);
}

static void apply(struct catalog_model *model, const struct rh_change *change)
{
    switch (change->kind) {
    case RH_CHANGE_META:
        model->meta = change->u.meta;
        model->has_meta = true;
        return;
    case RH_CHANGE_SESSION:
        session_put(model, &change->u.session);
        return;
    case RH_CHANGE_SESSION_ERASE:
        session_erase(model, change->u.session.id);
        return;
    case RH_CHANGE_UPLOAD:
        upload_put(model, &change->u.upload_row);
        return;
    case RH_CHANGE_UPLOAD_ERASE:
        upload_erase(model, change->upload);
        return;
    case RH_CHANGE_INTERVAL:
        rh_rows_interval_put(parent_of(model, change->upload), &change->u.interval);
        return;
    case RH_CHANGE_INTERVAL_ERASE:
        rh_rows_interval_erase(parent_of(model, change->upload), change->u.interval.offset);
        return;
    case RH_CHANGE_CHUNK:
        rh_rows_chunk_put(parent_of(model, change->upload), &change->u.chunk);
        return;
    case RH_CHANGE_CHUNKS_ERASE:
        parent_of(model, change->upload)->chunk_count = 0;
        return;
    }
}

/* Two live uploads of a session with one name, or intervals that overlap, are bugs of the vault. */
static void check(const struct catalog_model *model)
{
    for (size_t i = 0; i < model->upload_count; i++) {
        const struct rh_upload_rows *rows = &model->uploads[i];
        for (size_t k = 1; k < rows->interval_count; k++)
            RH_ASSERT(rows->intervals[k - 1].offset + rows->intervals[k - 1].length <
                      rows->intervals[k].offset);
        for (size_t k = 0; k < i && rows->row.session[0] != '\0'; k++) {
            const struct rh_upload_row *other = &model->uploads[k].row;
            bool same = is_live(other) && is_live(&rows->row) &&
                        strcmp(other->session, rows->row.session) == 0 &&
                        strcmp(other->name, rows->row.name) == 0;
            RH_ASSERT(!same);
        }
    }
}

static enum rh_error model_commit(struct rh_catalog *catalog, const struct rh_batch *batch)
{
    struct catalog_model *model = model_of(catalog);
    bool fails = ++model->commits == model->fail_at;
    if (fails && !model->fail_applied)
        return model->fail_error;
    uint64_t sequence = model->meta.sequence + 1;
    for (size_t i = 0; i < batch->count; i++)
        apply(model, &batch->changes[i]);
    model->meta.sequence = sequence;
    check(model);
    return fails ? model->fail_error : RH_OK;
}

/* ---- Reads ---- */

static void *copy_array(const void *from, size_t count, size_t size)
{
    if (count == 0)
        return NULL;
    void *to = malloc(count * size);
    RH_ASSERT(to != NULL);
    memcpy(to, from, count * size);
    return to;
}

static void hand_out(struct rh_rows *rows, const struct rh_upload_rows *from)
{
    rows->uploads = rh_rows_grow(rows->uploads, rows->upload_count, sizeof *rows->uploads);
    struct rh_upload_rows *to = &rows->uploads[rows->upload_count++];
    *to = *from;
    enum rh_error error = rh_upload_row_copy(&to->row, &from->row);
    RH_ASSERT(error == RH_OK);
    to->intervals = copy_array(from->intervals, from->interval_count, sizeof *from->intervals);
    to->chunks = copy_array(from->chunks, from->chunk_count, sizeof *from->chunks);
}

static bool wanted(const struct rh_read *read, const struct rh_upload_row *row)
{
    switch (read->kind) {
    case RH_READ_UNFINISHED:
        return row->state == RH_UPLOAD_OPEN || row->state == RH_UPLOAD_FINISHING;
    case RH_READ_UPLOAD:
        return strcmp(row->id, read->upload) == 0;
    case RH_READ_UPLOAD_NAMED:
        return is_live(row) && strcmp(row->session, read->session) == 0 &&
               strcmp(row->name, read->name) == 0;
    case RH_READ_SESSION:
        return strcmp(row->session, read->session) == 0;
    case RH_READ_META:
    case RH_READ_UPLOADS_AFTER:
    case RH_READ_SESSION_AFTER:
        break;
    }
    return false;
}

static void read_meta(struct catalog_model *model, const struct rh_read *read, struct rh_rows *rows)
{
    if (!model->has_meta) {
        model->has_meta = true;
        model->meta = (struct rh_meta_row){.format = RH_CATALOG_FORMAT};
        (void)rh_hex_encode(model->meta.generation, sizeof model->meta.generation, read->entropy,
                            16);
        memcpy(model->meta.id_key, read->entropy + 16, sizeof model->meta.id_key);
    }
    rows->found = true;
    rows->meta = model->meta;
}

/* One at a time: the rows are in order of insertion, and this is for tests. */
static void read_upload_after(const struct catalog_model *model, const char *id,
                              struct rh_rows *rows)
{
    const struct rh_upload_rows *next = NULL;
    for (size_t i = 0; i < model->upload_count; i++) {
        const struct rh_upload_rows *rows_i = &model->uploads[i];
        if (strcmp(rows_i->row.id, id) > 0 &&
            (next == NULL || strcmp(rows_i->row.id, next->row.id) < 0))
            next = rows_i;
    }
    if (next != NULL)
        hand_out(rows, next);
    rows->found = next != NULL;
}

static void read_session_after(const struct catalog_model *model, const char *id,
                               struct rh_rows *rows)
{
    for (size_t i = 0; i < model->session_count; i++) {
        if (strcmp(model->sessions[i].id, id) <= 0 ||
            (rows->found && strcmp(model->sessions[i].id, rows->session.id) >= 0))
            continue;
        rows->found = true;
        rows->session = model->sessions[i];
    }
}

static void model_read(struct rh_catalog *catalog, const struct rh_read *read, struct rh_rows *rows)
{
    struct catalog_model *model = model_of(catalog);
    if (read->kind == RH_READ_META) {
        read_meta(model, read, rows);
        return;
    }
    if (read->kind == RH_READ_UPLOADS_AFTER) {
        read_upload_after(model, read->upload, rows);
        return;
    }
    if (read->kind == RH_READ_SESSION_AFTER) {
        read_session_after(model, read->session, rows);
        return;
    }
    if (read->kind == RH_READ_SESSION) {
        const struct rh_session_row *row = rh_catalog_model_session(catalog, read->session);
        if (row == NULL)
            return;
        rows->found = true;
        rows->session = *row;
    }
    for (size_t i = 0; i < model->upload_count; i++) {
        if (wanted(read, &model->uploads[i].row))
            hand_out(rows, &model->uploads[i]);
    }
    rows->found = rows->found || rows->upload_count > 0;
}

/* ---- Opening, and looking in ---- */

static void model_close(struct rh_catalog *catalog)
{
    struct catalog_model *model = model_of(catalog);
    if (model == NULL)
        return;
    for (size_t i = 0; i < model->upload_count; i++)
        rh_upload_rows_free(&model->uploads[i]);
    free(model->uploads);
    free(model->sessions);
    free(model);
}

static const struct rh_catalog_ops model_ops = {
    .read = model_read,
    .commit = model_commit,
    .close = model_close,
};

struct rh_catalog *rh_catalog_model_open(void)
{
    struct catalog_model *model = calloc(1, sizeof *model);
    if (model == NULL)
        return NULL;
    model->base.ops = &model_ops;
    return &model->base;
}

void rh_catalog_model_fail(struct rh_catalog *catalog, uint64_t skip, enum rh_error error,
                           bool applied)
{
    struct catalog_model *model = model_of(catalog);
    model->fail_at = model->commits + 1 + skip;
    model->fail_error = error;
    model->fail_applied = applied;
}

const struct rh_upload_rows *rh_catalog_model_upload(const struct rh_catalog *catalog,
                                                     const char *id)
{
    return find((const struct catalog_model *)catalog, id);
}

const struct rh_upload_rows *rh_catalog_model_upload_at(const struct rh_catalog *catalog,
                                                        size_t index)
{
    const struct catalog_model *model = (const struct catalog_model *)catalog;
    return index < model->upload_count ? &model->uploads[index] : NULL;
}

size_t rh_catalog_model_upload_count(const struct rh_catalog *catalog)
{
    return ((const struct catalog_model *)catalog)->upload_count;
}

const struct rh_session_row *rh_catalog_model_session(const struct rh_catalog *catalog,
                                                      const char *id)
{
    const struct catalog_model *model = (const struct catalog_model *)catalog;
    for (size_t i = 0; i < model->session_count; i++) {
        if (strcmp(model->sessions[i].id, id) == 0)
            return &model->sessions[i];
    }
    return NULL;
}

uint64_t rh_catalog_model_commits(const struct rh_catalog *catalog)
{
    return ((const struct catalog_model *)catalog)->commits;
}

void rh_catalog_model_set_generation(struct rh_catalog *catalog, const char *generation)
{
    RH_ASSERT(strlen(generation) < sizeof model_of(catalog)->meta.generation);
    strcpy(model_of(catalog)->meta.generation, generation);
}
