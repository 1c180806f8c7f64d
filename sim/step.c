/* SPDX-License-Identifier: MIT */
/*
 * What is looked at after every event, whatever it was: caps of the receiver, rows of the catalog
 * against what was said, and that what the spools let go of is the receiver's.
 */
#include <inttypes.h>
#include <string.h>

#include "inside.h"

/* ---- 6: caps ---- */

static size_t conns_busy(const struct sim_receiver *r)
{
    size_t count = 0;
    for (const struct sim_conn *conn = r->conns; conn != NULL; conn = conn->next)
        count += !conn->over;
    return count;
}

static void check_caps(struct sim *sim, const struct sim_receiver *r)
{
    size_t open = rh_store_model_open_count(r->store);
    size_t commits = 0;
    for (const struct sim_query *query = r->queries; query != NULL; query = query->next)
        commits += query->is_commit;
    if (open > r->limits.extents_open_max)
        sim_fail(sim, NULL, "invariant 6: %zu descriptors are open, of at most %zu", open,
                 r->limits.extents_open_max);
    if (rh_store_model_misuse(r->store) > 0)
        sim_fail(sim, NULL, "invariant 6: a descriptor is used that was closed");
    if (commits > 1)
        sim_fail(sim, NULL, "invariant 6: %zu commits are under way at once", commits);
    if (r->api.held_bytes > r->config.held_bytes_max)
        sim_fail(sim, NULL, "invariant 6: %zu bytes of bodies are held, of at most %zu",
                 r->api.held_bytes, r->config.held_bytes_max);
}

bool sim_receiver_idle(const struct sim *sim, const char **why)
{
    const struct sim_receiver *r = sim->receiver;
    *why = NULL;
    if (!r->is_up)
        *why = "the receiver is down";
    else if (conns_busy(r) > 0)
        *why = "a connection waits";
    else if (r->jobs != NULL)
        *why = "a job of the disk is under way";
    else if (r->queries != NULL)
        *why = "the catalog is busy";
    else if (rh_store_model_open_count(r->store) > 0)
        *why = "a descriptor is open";
    else if (r->api.held_bytes > 0)
        *why = "a body is held in memory";
    return *why == NULL;
}

/* ---- rows ---- */

static uint64_t covered_by_interval(const struct rh_upload_rows *rows, uint64_t offset)
{
    for (size_t i = 0; i < rows->interval_count; i++) {
        const struct rh_interval *it = &rows->intervals[i];
        if (it->offset <= offset && offset - it->offset < it->length)
            return it->offset + it->length;
    }
    return offset;
}

static uint64_t covered_by_chunk(const struct rh_upload_rows *rows, uint64_t part, uint64_t offset)
{
    for (size_t i = 0; part > 0 && i < rows->chunk_count; i++) {
        const struct rh_chunk_row *chunk = &rows->chunks[i];
        if (chunk->waiting && chunk->index == offset / part && offset % part < chunk->length)
            return chunk->index * part + chunk->length;
    }
    return offset;
}

/* Whether the rows say that the receiver has these bytes. */
static bool rows_cover(const struct sim *sim, const struct sim_object *object, uint64_t offset,
                       uint64_t length)
{
    const struct rh_upload_rows *rows = rh_catalog_model_upload(sim->receiver->catalog, object->id);
    uint64_t end = offset + length;
    if (rows == NULL || rows->row.state > RH_UPLOAD_DONE)
        return length == 0;
    while (offset < end) {
        uint64_t next = covered_by_interval(rows, offset);
        if (next == offset)
            next = covered_by_chunk(rows, object->upload->part_bytes, offset);
        if (next == offset)
            return false;
        offset = next;
    }
    return true;
}

void sim_check_lapsed(struct sim *sim, struct sim_object *object)
{
    const struct rh_upload_rows *rows = rh_catalog_model_upload(sim->receiver->catalog, object->id);
    bool expired = rows != NULL && rows->row.state == RH_UPLOAD_EXPIRED;
    object->deleting = object->deleting || (expired && !object->kept && !object->done);
}

/* 1 and 2, as far as rows go. The bytes are compared whenever something touches them. */
static void check_rows(struct sim *sim, struct sim_object *object)
{
    const struct rh_upload_rows *rows = rh_catalog_model_upload(sim->receiver->catalog, object->id);
    sim_check_lapsed(sim, object);
    if (object->deleting || object->rotten)
        return;
    for (size_t i = 0; i < object->acked.count; i++) {
        const struct rh_range *range = &object->acked.items[i];
        if (!rows_cover(sim, object, range->offset, range->length))
            sim_fail(sim, object->upload,
                     "invariant 1: %" PRIu64 "+%" PRIu64 " was vouched for, and no row says so",
                     range->offset, range->length);
    }
    if (object->done && (rows == NULL || rows->row.state != RH_UPLOAD_DONE))
        sim_fail(sim, object->upload, "invariant 2: it was done, and its row says otherwise");
}

/* Time is an argument: ages count what the server lived, so nothing is older than the world. */
static void check_age(struct sim *sim, const struct sim_object *object)
{
    const struct sim_receiver *r = sim->receiver;
    const struct rh_upload_rows *rows = rh_catalog_model_upload(r->catalog, object->id);
    uint64_t limit_ms = r->limits.expire_after_ticks * 1000;
    bool old = rows != NULL && (rows->row.overdue || rows->row.state == RH_UPLOAD_EXPIRED);
    /* Half of it: between its making and the commit of its row may be some seconds. */
    if (old && limit_ms >= 20000 && sim->now_ms - object->seen_ms < limit_ms / 2)
        sim_fail(sim, object->upload, "promise 10: expired after %" PRIu64 " ms, of %" PRIu64,
                 sim->now_ms - object->seen_ms, limit_ms);
}

/* ---- 10: spool and receiver together have every recorded byte ---- */

static bool is_somewhere(const struct sim *sim, const struct sim_upload *upload,
                         const struct rh_range *range)
{
    for (size_t i = 0; i < sim->check.object_count; i++) {
        const struct sim_object *object = sim->check.objects[i];
        if (object->upload == upload && rows_cover(sim, object, range->offset, range->length))
            return true;
    }
    return false;
}

static void check_union(struct sim *sim, const struct sim_upload *upload)
{
    const struct sim_ranges *forgot = &sim->check.forgot[upload->index];
    for (size_t i = 0; i < forgot->count && !upload->cancelled && !upload->hopeless; i++) {
        if (!is_somewhere(sim, upload, &forgot->items[i]))
            sim_fail(sim, upload,
                     "invariant 10: %" PRIu64 "+%" PRIu64 " is neither in the spool nor there",
                     forgot->items[i].offset, forgot->items[i].length);
    }
}

void sim_check_step(struct sim *sim)
{
    const struct sim_receiver *r = sim->receiver;
    uint64_t commits = rh_catalog_model_commits(r->catalog);
    if (sim->failed)
        return;
    check_caps(sim, r);
    if (commits == sim->check.commits_seen)
        return;
    sim->check.commits_seen = commits;
    for (size_t i = 0; i < rh_catalog_model_upload_count(r->catalog); i++) {
        const struct rh_upload_row *row = &rh_catalog_model_upload_at(r->catalog, i)->row;
        sim_check_seen(sim, row->id, row->name);
    }
    for (size_t i = 0; i < sim->check.object_count; i++) {
        check_rows(sim, sim->check.objects[i]);
        check_age(sim, sim->check.objects[i]);
    }
    for (size_t i = 0; i < sim->upload_count; i++)
        check_union(sim, &sim->uploads[i]);
}
