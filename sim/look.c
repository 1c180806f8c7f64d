/* SPDX-License-Identifier: MIT */
/* A look at what the receiver has, in both images of the disk: what is durable, and what a reader
 * gets. */
#include <string.h>

#include "base/crc64.h"
#include "inside.h"
#include "vault/store_files_paths.h"

struct view {
    const struct sim_receiver *r;
    const struct rh_upload_rows *rows;
    struct rh_store_target target;
    const struct sim_upload *upload;
    const char **why;
};

static bool open_view(struct sim *sim, const struct sim_object *object, struct view *view,
                      const char **why)
{
    view->r = sim->receiver;
    view->why = why;
    view->upload = object->upload;
    view->rows = rh_catalog_model_upload(view->r->catalog, object->id);
    if (view->rows == NULL) {
        *why = "the catalog has no such upload";
        return false;
    }
    memset(&view->target, 0, sizeof view->target);
    strcpy(view->target.upload, view->rows->row.id);
    strcpy(view->target.session, view->rows->row.session);
    strcpy(view->target.name, view->rows->row.name);
    strcpy(view->target.mime, view->rows->row.mime);
    return true;
}

/* Equal bytes in a file; `at` is where they are in it. */
static bool equal_in(const struct view *view, enum rh_store_model_file which, uint64_t index,
                     uint64_t at, uint64_t offset, uint64_t length, bool durable)
{
    size_t size = 0;
    const uint8_t *bytes =
        rh_store_model_look(view->r->store, &view->target, which, index, durable, &size);
    if (bytes == NULL) {
        *view->why = durable ? "no file of it is durable" : "there is no file of it";
        return false;
    }
    if (at + length > size) {
        *view->why = durable ? "the durable file is shorter" : "the file is shorter";
        return false;
    }
    if (memcmp(bytes + at, view->upload->bytes + offset, (size_t)length) == 0)
        return true;
    *view->why = durable ? "other bytes are durable" : "other bytes are there";
    return false;
}

/* In place or, since sealing renames, in the object. */
static bool equal_in_place(const struct view *view, uint64_t offset, uint64_t length)
{
    for (int durable = 0; durable < 2; durable++) {
        if (equal_in(view, RH_MODEL_IN_PLACE, 0, offset, offset, length, durable))
            continue;
        const char *why = *view->why;
        if (equal_in(view, RH_MODEL_OBJECT, 0, offset, offset, length, durable))
            continue;
        if (strncmp(why, "other", 5) == 0)
            *view->why = why;
        return false;
    }
    return true;
}

static const struct rh_chunk_row *chunk_of(const struct view *view, uint64_t index)
{
    for (size_t i = 0; i < view->rows->chunk_count; i++) {
        if (view->rows->chunks[i].index == index)
            return &view->rows->chunks[i];
    }
    return NULL;
}

/* A part of a chunk that waits for its predecessors. */
static bool equal_in_chunk(const struct view *view, uint64_t offset, uint64_t length)
{
    uint64_t index = offset / view->upload->part_bytes;
    const struct rh_chunk_row *row = chunk_of(view, index);
    uint64_t at = offset - index * view->upload->part_bytes;
    if (row == NULL || !row->waiting || at + length > row->length) {
        *view->why = "the catalog has no row of it";
        return false;
    }
    return equal_in(view, RH_MODEL_CHUNK, index, at, offset, length, false) &&
           equal_in(view, RH_MODEL_CHUNK, index, at, offset, length, true);
}

bool sim_receiver_holds(struct sim *sim, const struct sim_object *object, uint64_t offset,
                        uint64_t length, const char **why)
{
    struct view view;
    uint64_t end = offset + length;
    if (length == 0)
        return true;
    if (!open_view(sim, object, &view, why))
        return false;
    const struct rh_upload_row *row = &view.rows->row;
    if (row->state == RH_UPLOAD_EXPIRED || row->state == RH_UPLOAD_LOST) {
        *why = row->state == RH_UPLOAD_LOST ? "the upload is lost" : "the upload expired";
        return false;
    }
    while (offset < end) {
        uint64_t part = 0;
        for (size_t i = 0; i < view.rows->interval_count && part == 0; i++) {
            const struct rh_interval *it = &view.rows->intervals[i];
            uint64_t it_end = it->offset + it->length;
            if (it->offset <= offset && offset < it_end)
                part = (it_end < end ? it_end : end) - offset;
        }
        if (part > 0) {
            if (!equal_in_place(&view, offset, part))
                return false;
            offset += part;
            continue;
        }
        if (row->geometry != RH_GEOMETRY_CHUNKS || view.upload->part_bytes == 0) {
            *why = "the catalog has no row of it";
            return false;
        }
        uint64_t next = (offset / view.upload->part_bytes + 1) * view.upload->part_bytes;
        part = (next < end ? next : end) - offset;
        if (!equal_in_chunk(&view, offset, part))
            return false;
        offset += part;
    }
    return true;
}

bool sim_receiver_whole(struct sim *sim, const struct sim_object *object, const char **why)
{
    struct view view;
    size_t size = 0;
    const struct sim_upload *upload = object->upload;
    if (!open_view(sim, object, &view, why))
        return false;
    const struct rh_upload_row *row = &view.rows->row;
    uint64_t whole = upload->sealed ? upload->size : row->total;
    *why = NULL;
    if (row->state != RH_UPLOAD_DONE)
        *why = "it is not done";
    else if (row->partial)
        *why = "it is done with gaps";
    else if (row->total != whole || whole > upload->planned)
        *why = "it is done with another size";
    else if (row->crc64 != rh_crc64_update(0, upload->bytes, (size_t)whole))
        *why = "it is done with another checksum";
    else if (rh_store_model_look(view.r->store, &view.target, RH_MODEL_IN_PLACE, 0, false, &size))
        *why = "it is done, and its in-place file is still there";
    if (*why != NULL)
        return false;
    for (int durable = 0; durable < 2; durable++) {
        if (!equal_in(&view, RH_MODEL_OBJECT, 0, 0, 0, whole, durable))
            return false;
        (void)rh_store_model_look(view.r->store, &view.target, RH_MODEL_OBJECT, 0, durable, &size);
        if (size != whole) {
            *why = "the object has another size";
            return false;
        }
    }
    return true;
}

/* ---- bytes that change at rest ---- */

static struct sim_object *owner_in(struct sim *sim, const struct rh_upload_rows *rows,
                                   const char *path)
{
    struct rh_store_target target = {.upload = ""};
    char text[RH_PATH_MAX];
    strcpy(target.upload, rows->row.id);
    strcpy(target.session, rows->row.session);
    strcpy(target.name, rows->row.name);
    strcpy(target.mime, rows->row.mime);
    bool is_its =
        (rh_path_incoming(&target, text, sizeof text) == RH_OK && strcmp(text, path) == 0) ||
        (rh_path_object(&target, text, sizeof text) == RH_OK && strcmp(text, path) == 0) ||
        (rh_path_waiting_root(&target, text, sizeof text) == RH_OK &&
         strncmp(text, path, strlen(text)) == 0);
    for (size_t i = 0; is_its && i < sim->check.object_count; i++) {
        if (strcmp(sim->check.objects[i]->id, rows->row.id) == 0)
            return sim->check.objects[i];
    }
    return NULL;
}

struct sim_object *sim_receiver_owner(struct sim *sim, const char *path)
{
    const struct rh_catalog *catalog = sim->receiver->catalog;
    struct sim_object *owner = NULL;
    for (size_t i = 0; i < rh_catalog_model_upload_count(catalog) && owner == NULL; i++) {
        const struct rh_upload_rows *rows = rh_catalog_model_upload_at(catalog, i);
        if (rows->row.state <= RH_UPLOAD_DONE) /* others have given their names back */
            owner = owner_in(sim, rows, path);
    }
    return owner;
}

bool sim_receiver_flip(struct sim *sim, const struct sim_object *object)
{
    struct view view;
    const char *why = "";
    const struct rh_range *range = &object->acked.items[sim_plan_below(sim, object->acked.count)];
    uint64_t offset = range->offset + sim_plan_below(sim, range->length);
    if (!open_view(sim, object, &view, &why))
        return false;
    struct rh_store *store = sim->receiver->store;
    if (view.rows->row.state == RH_UPLOAD_DONE)
        return rh_store_model_flip(store, &view.target, RH_MODEL_OBJECT, 0, offset);
    for (size_t i = 0; i < view.rows->interval_count; i++) {
        const struct rh_interval *it = &view.rows->intervals[i];
        if (it->offset <= offset && offset < it->offset + it->length)
            return rh_store_model_flip(store, &view.target, RH_MODEL_IN_PLACE, 0, offset);
    }
    uint64_t part = view.upload->part_bytes;
    const struct rh_chunk_row *row = part == 0 ? NULL : chunk_of(&view, offset / part);
    return row != NULL && row->waiting &&
           rh_store_model_flip(store, &view.target, RH_MODEL_CHUNK, row->index, offset % part);
}

/* Whether these bytes have the checksum that the catalog says. */
static bool has_crc(const struct view *view, enum rh_store_model_file which, uint64_t index,
                    const struct rh_interval *range)
{
    size_t size = 0;
    const uint8_t *bytes =
        rh_store_model_look(view->r->store, &view->target, which, index, true, &size);
    return bytes != NULL && range->offset + range->length <= size &&
           rh_crc64_update(0, bytes + range->offset, (size_t)range->length) == range->crc64;
}

bool sim_receiver_shows_rot(struct sim *sim, const struct sim_object *object)
{
    struct view view;
    const char *why = "";
    if (!open_view(sim, object, &view, &why))
        return true;
    const struct rh_upload_row *row = &view.rows->row;
    if (row->state == RH_UPLOAD_LOST || row->state == RH_UPLOAD_EXPIRED)
        return true;
    if (row->state == RH_UPLOAD_DONE) {
        struct rh_interval whole = {.length = row->total, .crc64 = row->crc64};
        return sim_receiver_whole(sim, object, &why) || !has_crc(&view, RH_MODEL_OBJECT, 0, &whole);
    }
    for (size_t i = 0; i < view.rows->interval_count; i++) {
        if (!has_crc(&view, RH_MODEL_IN_PLACE, 0, &view.rows->intervals[i]))
            return true;
    }
    for (size_t i = 0; i < view.rows->chunk_count; i++) {
        const struct rh_chunk_row *chunk = &view.rows->chunks[i];
        struct rh_interval whole = {.length = chunk->length, .crc64 = chunk->crc64};
        if (chunk->waiting && chunk->length > 0 &&
            !has_crc(&view, RH_MODEL_CHUNK, chunk->index, &whole))
            return true;
    }
    for (size_t i = 0; i < object->acked.count; i++) {
        const struct rh_range *range = &object->acked.items[i];
        if (!sim_receiver_holds(sim, object, range->offset, range->length, &why))
            return false; /* other bytes, and every checksum fits them */
    }
    return true;
}

size_t sim_receiver_expired(const struct sim *sim)
{
    const struct rh_catalog *catalog = sim->receiver->catalog;
    size_t count = 0;
    for (size_t i = 0; i < rh_catalog_model_upload_count(catalog); i++)
        count += rh_catalog_model_upload_at(catalog, i)->row.state == RH_UPLOAD_EXPIRED;
    return count;
}

size_t sim_receiver_named(struct sim *sim, const struct sim_upload *upload, size_t *done_count)
{
    const struct rh_catalog *catalog = sim->receiver->catalog;
    size_t count = 0;
    *done_count = 0;
    for (size_t i = 0; i < rh_catalog_model_upload_count(catalog); i++) {
        const struct rh_upload_row *row = &rh_catalog_model_upload_at(catalog, i)->row;
        if (row->state > RH_UPLOAD_DONE || sim_check_upload_of(sim, row->id, row->name) != upload)
            continue;
        count++;
        *done_count += row->state == RH_UPLOAD_DONE;
    }
    return count;
}
