/* SPDX-License-Identifier: MIT */
/* A look at what the receiver has, in both images of the disk: what is durable, and what a reader
 * gets. */
#include <string.h>

#include "base/crc64.h"
#include "inside.h"

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

size_t sim_receiver_named(struct sim *sim, const char *name, size_t *done_count)
{
    const struct rh_catalog *catalog = sim->receiver->catalog;
    size_t count = 0;
    *done_count = 0;
    for (size_t i = 0; i < rh_catalog_model_upload_count(catalog); i++) {
        const struct rh_upload_row *row = &rh_catalog_model_upload_at(catalog, i)->row;
        if (strcmp(row->name, name) != 0 || row->state > RH_UPLOAD_DONE)
            continue;
        count++;
        *done_count += row->state == RH_UPLOAD_DONE;
    }
    return count;
}
