/* SPDX-License-Identifier: MIT */
/* The check itself, and every row against its bytes. */
#include "vault/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/crc64.h"
#include "vault/check_inside.h"

#define FLUSH_CHANGES 500

/* ---- Small things ---- */

void rh_check_say(struct rh_check *c, enum rh_weight weight, const char *kind, const char *advice,
                  const char *path, const char *upload, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (c->error != RH_OK)
        return; /* nothing is known any more */
    uint64_t *counts[] = {[RH_FOUND_NOTE] = &c->totals->notes,
                          [RH_FOUND_REPAIRED] = &c->totals->repaired,
                          [RH_FOUND_PROBLEM] = &c->totals->problems};
    ++*counts[weight];
    struct rh_finding finding = {.weight = weight,
                                 .kind = kind,
                                 .text = text,
                                 .advice = advice,
                                 .path = path,
                                 .upload = upload};
    if (c->how->found != NULL)
        c->how->found(c->how->context, &finding);
}

enum rh_weight rh_check_fixable(const struct rh_check *c)
{
    return c->how->repair ? RH_FOUND_REPAIRED : RH_FOUND_PROBLEM;
}

struct rh_change *rh_check_change(struct rh_check *c, enum rh_change_kind kind, const char *upload)
{
    struct rh_change *change = rh_batch_add(&c->batch, kind);
    RH_MEMORY(change);
    if (upload != NULL)
        strcpy(change->upload, upload);
    return change;
}

static void put_rows(struct rh_batch *batch, const struct rh_upload_rows *rows)
{
    struct rh_change *change = rh_batch_add(batch, RH_CHANGE_UPLOAD_ERASE);
    RH_MEMORY(change);
    strcpy(change->upload, rows->row.id);
    change = rh_batch_add(batch, RH_CHANGE_UPLOAD);
    RH_MEMORY(change);
    if (rh_upload_row_copy(&change->u.upload_row, &rows->row) != RH_OK)
        rh_out_of_memory();
    for (size_t i = 0; i < rows->interval_count; i++) {
        change = rh_batch_add(batch, RH_CHANGE_INTERVAL);
        RH_MEMORY(change);
        strcpy(change->upload, rows->row.id);
        change->u.interval = rows->intervals[i];
    }
    for (size_t i = 0; i < rows->chunk_count; i++) {
        change = rh_batch_add(batch, RH_CHANGE_CHUNK);
        RH_MEMORY(change);
        strcpy(change->upload, rows->row.id);
        change->u.chunk = rows->chunks[i];
    }
}

void rh_check_put_rows(struct rh_check *c, const struct rh_upload_rows *rows)
{
    put_rows(&c->batch, rows);
}

void rh_check_flush(struct rh_check *c)
{
    if (c->batch.count > 0 && c->how->repair && c->error == RH_OK)
        c->error = c->how->catalog->ops->commit(c->how->catalog, &c->batch);
    rh_batch_free(&c->batch);
}

void rh_check_target(const struct rh_upload_row *row, struct rh_store_target *target)
{
    strcpy(target->upload, row->id);
    strcpy(target->session, row->session);
    strcpy(target->name, row->name);
    strcpy(target->mime, row->mime);
}

/* ---- Finished ---- */

static void check_done(struct rh_check *c, const struct rh_upload_rows *rows)
{
    const struct rh_upload_row *row = &rows->row;
    struct rh_store_target target;
    char path[RH_PATH_MAX];
    char companion[RH_PATH_MAX];
    uint64_t crc64 = row->crc64;
    rh_check_target(row, &target);
    if (rh_path_object(&target, path, sizeof path) != RH_OK ||
        rh_path_text(&target, RH_TEXT_METADATA, companion, sizeof companion) != RH_OK)
        return; /* said already: its name */
    uint64_t size = rh_check_size(c, path);
    if (size == RH_SIZE_UNKNOWN) {
        rh_check_say(c, rh_check_fixable(c), "object-missing",
                     "bring the file from a backup, then run fsck --repair", path, row->id,
                     "a finished upload's file is gone; its row %s \"lost\"",
                     c->how->repair ? "now says" : "would have to say");
        struct rh_change *change = rh_check_change(c, RH_CHANGE_UPLOAD, row->id);
        if (rh_upload_row_copy(&change->u.upload_row, row) != RH_OK)
            rh_out_of_memory();
        change->u.upload_row.state = RH_UPLOAD_LOST;
        return;
    }
    bool deep = c->how->deep || (c->how->witnessed != NULL &&
                                 rh_witnessed_find(c->how->witnessed, row->id) != NULL);
    if (size == row->total && deep && rh_check_crc(c, path, 0, size, &crc64) != RH_OK)
        size = RH_SIZE_UNKNOWN;
    if (size != row->total || crc64 != row->crc64)
        rh_check_say(c, RH_FOUND_PROBLEM, "object-damaged", "bring the file from a backup", path,
                     row->id, "a finished file has not the bytes that were received: %s",
                     size != row->total ? "its size differs" : "its checksum differs");
    if (rh_check_size(c, companion) == RH_SIZE_UNKNOWN)
        rh_check_say(c, RH_FOUND_NOTE, "companion-missing",
                     "send the metadata again to have it written", companion, row->id,
                     "the companion of a finished file is missing; a rebuilt catalog would not "
                     "know its id");
}

/* ---- Unfinished ---- */

/* Where the bytes in place are: incoming, or the object if a crash came after its renaming. */
static bool find_in_place(struct rh_check *c, const struct rh_upload_row *row, char *path)
{
    struct rh_store_target target;
    rh_check_target(row, &target);
    if (rh_path_incoming(&target, path, RH_PATH_MAX) != RH_OK)
        return false;
    if (rh_check_size(c, path) != RH_SIZE_UNKNOWN || row->state != RH_UPLOAD_FINISHING)
        return true;
    return rh_path_object(&target, path, RH_PATH_MAX) == RH_OK;
}

static uint64_t bytes_of(const struct rh_upload_rows *rows)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < rows->interval_count; i++)
        bytes += rows->intervals[i].length;
    for (size_t i = 0; i < rows->chunk_count; i++)
        bytes += rows->chunks[i].waiting ? rows->chunks[i].length : 0;
    return bytes;
}

static bool holds(struct rh_check *c, const char *path, uint64_t offset, uint64_t length,
                  uint64_t crc64)
{
    uint64_t is = 0;
    return rh_check_crc(c, path, offset, length, &is) == RH_OK && is == crc64;
}

/* Keeps the intervals whose bytes are there; of two that overlap (a damaged witness) the longer. */
static void keep_intervals(struct rh_check *c, const char *path, struct rh_upload_rows *rows)
{
    size_t kept = 0;
    for (size_t i = 0; i < rows->interval_count; i++) {
        struct rh_interval interval = rows->intervals[i];
        uint64_t total = rows->row.total;
        if (interval.length == 0 ||
            !holds(c, path, interval.offset, interval.length, interval.crc64) ||
            (total != RH_SIZE_UNKNOWN && interval.offset + interval.length > total))
            continue;
        struct rh_interval *last = kept > 0 ? &rows->intervals[kept - 1] : NULL;
        if (last != NULL && last->offset + last->length > interval.offset) {
            if (interval.length > last->length)
                *last = interval;
            continue;
        }
        rows->intervals[kept++] = interval;
    }
    rows->interval_count = kept;
}

static bool waits_whole(struct rh_check *c, const struct rh_upload_row *row,
                        const struct rh_chunk_row *chunk)
{
    struct rh_store_target target;
    char part[RH_PATH_MAX];
    rh_check_target(row, &target);
    return chunk->length == 0 ||
           (rh_path_waiting(&target, chunk->index, part, sizeof part) == RH_OK &&
            holds(c, part, 0, chunk->length, chunk->crc64));
}

/* Chunks in place are checked one by one, so that those before a damaged one stay. */
static void keep_chunks(struct rh_check *c, const char *path, struct rh_upload_rows *rows)
{
    uint64_t offset = 0;
    uint64_t crc64 = 0;
    uint64_t next = 0;
    size_t kept = 0;
    for (size_t i = 0; i < rows->chunk_count; i++) {
        struct rh_chunk_row chunk = rows->chunks[i];
        bool is_there;
        if (chunk.waiting)
            is_there = waits_whole(c, &rows->row, &chunk);
        else
            is_there = chunk.index == next && holds(c, path, offset, chunk.length, chunk.crc64);
        if (!is_there)
            continue;
        if (!chunk.waiting) {
            crc64 = rh_crc64_combine(crc64, chunk.crc64, chunk.length);
            offset += chunk.length;
            next++;
        }
        rows->chunks[kept++] = chunk;
    }
    rows->chunk_count = kept;
    rows->row.chunk_next = next;
    rows->interval_count = 0;
    if (offset == 0)
        return;
    if (rows->intervals == NULL)
        rows->intervals = calloc(1, sizeof *rows->intervals);
    RH_MEMORY(rows->intervals);
    rows->intervals[0] = (struct rh_interval){.length = offset, .crc64 = crc64};
    rows->interval_count = 1;
}

static bool all_hold(struct rh_check *c, const char *path, const struct rh_upload_rows *rows)
{
    uint64_t end = 0;
    for (size_t i = 0; i < rows->interval_count; i++) {
        const struct rh_interval *interval = &rows->intervals[i];
        if (interval->offset < end || interval->length == 0 ||
            !holds(c, path, interval->offset, interval->length, interval->crc64))
            return false;
        end = interval->offset + interval->length;
    }
    for (size_t i = 0; i < rows->chunk_count; i++) {
        if (rows->chunks[i].waiting && !waits_whole(c, &rows->row, &rows->chunks[i]))
            return false;
    }
    return rows->row.total == RH_SIZE_UNKNOWN || end <= rows->row.total;
}

/* Takes the rows apart. */
static void check_open(struct rh_check *c, struct rh_upload_rows *rows)
{
    char path[RH_PATH_MAX];
    uint64_t before = bytes_of(rows);
    if (!find_in_place(c, &rows->row, path) || all_hold(c, path, rows))
        return;
    if (rows->row.geometry == RH_GEOMETRY_CHUNKS)
        keep_chunks(c, path, rows);
    else
        keep_intervals(c, path, rows);
    uint64_t after = bytes_of(rows);
    rh_check_say(c, rh_check_fixable(c), "bytes-missing",
                 c->how->repair ? "a copy is in aside/" : "run fsck --repair", path, rows->row.id,
                 "%llu of %llu acknowledged bytes of an unfinished upload are not there or not as "
                 "they were received; %s asked for them again",
                 (unsigned long long)(before - after), (unsigned long long)before,
                 c->how->repair ? "its sender will be" : "its sender would have to be");
    if (rh_check_size(c, path) != RH_SIZE_UNKNOWN)
        rh_check_aside_copy(c, path);
    rows->row.state = RH_UPLOAD_OPEN;
    rh_check_put_rows(c, rows);
}

/* ---- All rows ---- */

static bool names_are_safe(const struct rh_upload_row *row)
{
    struct rh_store_target target;
    char path[RH_PATH_MAX];
    rh_check_target(row, &target);
    return rh_path_object(&target, path, sizeof path) == RH_OK;
}

static void check_one(struct rh_check *c, struct rh_upload_rows *rows)
{
    if (!names_are_safe(&rows->row)) {
        rh_check_say(c, RH_FOUND_PROBLEM, "name-unsafe", "was the catalog changed by hand?", "",
                     rows->row.id, "an upload's id, session or name cannot be a file's name");
        return;
    }
    switch (rows->row.state) {
    case RH_UPLOAD_DONE:
        c->totals->done++;
        check_done(c, rows);
        return;
    case RH_UPLOAD_OPEN:
    case RH_UPLOAD_FINISHING:
        c->totals->open++;
        check_open(c, rows);
        return;
    case RH_UPLOAD_EXPIRED:
    case RH_UPLOAD_LOST:
        c->totals->other++;
        return;
    }
    rh_check_say(c, RH_FOUND_PROBLEM, "state-unknown", "was the catalog changed by hand?", "",
                 rows->row.id, "an upload is in a state that this program does not know");
}

void rh_check_rows(struct rh_check *c)
{
    struct rh_read read = {.kind = RH_READ_UPLOADS_AFTER};
    bool more = true;
    while (more && c->error == RH_OK) {
        struct rh_rows rows = {0};
        c->how->catalog->ops->read(c->how->catalog, &read, &rows);
        if (rows.error != RH_OK)
            c->error = rows.error;
        more = rows.found;
        for (size_t i = 0; i < rows.upload_count && c->error == RH_OK; i++) {
            strcpy(read.upload, rows.uploads[i].row.id);
            check_one(c, &rows.uploads[i]);
        }
        rh_rows_free(&rows);
        if (c->batch.count > FLUSH_CHANGES)
            rh_check_flush(c);
    }
    rh_check_flush(c);
}

static void check_sessions(struct rh_check *c)
{
    struct rh_read read = {.kind = RH_READ_SESSION_AFTER};
    for (;;) {
        struct rh_rows rows = {0};
        struct rh_store_target target = {0};
        char path[RH_PATH_MAX];
        c->how->catalog->ops->read(c->how->catalog, &read, &rows);
        if (rows.error != RH_OK)
            c->error = rows.error;
        if (!rows.found || c->error != RH_OK)
            return;
        strcpy(read.session, rows.session.id);
        strcpy(target.session, rows.session.id);
        c->totals->sessions++;
        if (rh_path_text(&target, RH_TEXT_SESSION, path, sizeof path) != RH_OK)
            rh_check_say(c, RH_FOUND_PROBLEM, "name-unsafe", "was the catalog changed by hand?", "",
                         "", "a session's id cannot be a folder's name");
        else if (rh_check_size(c, path) == RH_SIZE_UNKNOWN)
            rh_check_say(c, RH_FOUND_NOTE, "session-text-missing",
                         "it is written again when a video of the session arrives", path, "",
                         "a session's session.json is missing");
        rh_rows_free(&rows);
    }
}

enum rh_error rh_check_run(const struct rh_check_how *how, struct rh_check_totals *totals)
{
    struct rh_check c = {.how = how, .totals = totals};
    struct rh_read read = {.kind = RH_READ_META};
    struct rh_rows rows = {0};
    memset(totals, 0, sizeof *totals);
    how->catalog->ops->read(how->catalog, &read, &rows);
    c.meta = rows.meta;
    c.error = rows.error;
    rh_rows_free(&rows);
    if (c.error == RH_OK)
        rh_check_objects(&c);
    if (c.error == RH_OK)
        rh_check_rows(&c);
    if (c.error == RH_OK)
        check_sessions(&c);
    if (c.error == RH_OK)
        rh_check_orphans(&c);
    rh_check_flush(&c);
    return c.error;
}

/* ---- The witness ---- */

static enum rh_error commit_and_free(struct rh_catalog *catalog, struct rh_batch *batch)
{
    enum rh_error error = catalog->ops->commit(catalog, batch);
    rh_batch_free(batch);
    return error;
}

/* Whoever else bears this name in the catalog gives it up. */
static enum rh_error take_name(struct rh_catalog *catalog, struct rh_batch *batch,
                               const struct rh_upload_row *row)
{
    struct rh_read read = {.kind = RH_READ_UPLOAD_NAMED};
    struct rh_rows rows = {0};
    if (row->session[0] == '\0' || row->state > RH_UPLOAD_DONE)
        return RH_OK;
    strcpy(read.session, row->session);
    strcpy(read.name, row->name);
    catalog->ops->read(catalog, &read, &rows);
    if (rows.upload_count > 0 && strcmp(rows.uploads[0].row.id, row->id) != 0 &&
        rows.uploads[0].row.state <= RH_UPLOAD_DONE) {
        struct rh_change *change = rh_batch_add(batch, RH_CHANGE_UPLOAD_ERASE);
        RH_MEMORY(change);
        strcpy(change->upload, rows.uploads[0].row.id);
    }
    enum rh_error error = rows.error;
    rh_rows_free(&rows);
    return error;
}

/* A damaged witness may know an upload's ranges and not its row: the catalog's row, or the sidecar
 * of its file, says the rest. */
static enum rh_error complete_row(int root, struct rh_catalog *catalog, struct rh_upload_rows *rows,
                                  bool *is_known)
{
    struct rh_read read = {.kind = RH_READ_UPLOAD};
    struct rh_rows known = {0};
    char id[RH_ID_TEXT_MAX];
    strcpy(id, rows->row.id);
    strcpy(read.upload, id);
    catalog->ops->read(catalog, &read, &known);
    enum rh_error error = known.error;
    *is_known = known.upload_count > 0 && known.uploads[0].row.state == RH_UPLOAD_OPEN;
    if (*is_known && rh_upload_row_copy(&rows->row, &known.uploads[0].row) != RH_OK)
        rh_out_of_memory();
    rh_rows_free(&known);
    if (error != RH_OK || *is_known)
        return error;
    error = rh_check_identity(root, id, &rows->row, is_known);
    rows->row.state = RH_UPLOAD_OPEN;
    rows->row.geometry = rows->chunk_count > 0 ? RH_GEOMETRY_CHUNKS : RH_GEOMETRY_RANGES;
    rows->row.total = RH_SIZE_UNKNOWN;
    rows->row.chunk_count = RH_SIZE_UNKNOWN;
    return error;
}

static enum rh_error merge_upload(int root, struct rh_catalog *catalog, struct rh_batch *batch,
                                  struct rh_witnessed_upload *upload)
{
    if (upload->is_erased && !upload->has_row) {
        struct rh_change *change = rh_batch_add(batch, RH_CHANGE_UPLOAD_ERASE);
        RH_MEMORY(change);
        strcpy(change->upload, upload->rows.row.id);
        return RH_OK;
    }
    bool is_known = upload->has_row;
    enum rh_error error = is_known ? RH_OK : complete_row(root, catalog, &upload->rows, &is_known);
    if (error == RH_OK && is_known) {
        error = take_name(catalog, batch, &upload->rows.row);
        put_rows(batch, &upload->rows);
    }
    return error;
}

/* Which round of the merge an upload belongs to: what freed a name comes before what has it now. */
static int round_of(const struct rh_witnessed_upload *upload)
{
    return upload->is_erased && !upload->has_row     ? 0
           : upload->rows.row.state > RH_UPLOAD_DONE ? 1
                                                     : 2;
}

static enum rh_error merge_uploads(int root, struct rh_catalog *catalog, struct rh_batch *batch,
                                   const struct rh_witnessed *witnessed)
{
    enum rh_error error = RH_OK;
    for (int round = 0; round <= 2; round++) {
        for (size_t i = 0; i < witnessed->upload_count && error == RH_OK; i++) {
            if (round_of(witnessed->uploads[i]) != round)
                continue;
            error = merge_upload(root, catalog, batch, witnessed->uploads[i]);
            /* Rows of a damaged one may contradict each other: then each sees those before it. */
            if (witnessed->summary.is_damaged && error == RH_OK)
                error = commit_and_free(catalog, batch);
        }
    }
    return error;
}

enum rh_error rh_check_merge(int root, struct rh_catalog *catalog,
                             const struct rh_witnessed *witnessed, const char *generation)
{
    struct rh_read read = {.kind = RH_READ_META};
    struct rh_rows rows = {0};
    struct rh_batch batch = {0};
    catalog->ops->read(catalog, &read, &rows);
    enum rh_error error = rows.error;
    struct rh_meta_row meta = rows.meta;
    rh_rows_free(&rows);
    if (error != RH_OK)
        return error;
    if (witnessed != NULL && witnessed->has_meta && witnessed->meta.ticks > meta.ticks)
        meta.ticks = witnessed->meta.ticks; /* age never falls */
    strcpy(meta.generation, generation);
    struct rh_change *change = rh_batch_add(&batch, RH_CHANGE_META);
    RH_MEMORY(change);
    change->u.meta = meta;
    for (size_t i = 0; witnessed != NULL && i < witnessed->session_count; i++) {
        change = rh_batch_add(&batch, witnessed->session_is_erased[i] ? RH_CHANGE_SESSION_ERASE
                                                                      : RH_CHANGE_SESSION);
        RH_MEMORY(change);
        change->u.session = witnessed->sessions[i];
    }
    if (witnessed != NULL)
        error = merge_uploads(root, catalog, &batch, witnessed);
    if (error == RH_OK)
        error = commit_and_free(catalog, &batch);
    rh_batch_free(&batch);
    return error;
}
