/* SPDX-License-Identifier: MIT */
/* Goes through the rows of the copied catalog and sees that each has its bytes in the copy. */
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "cli/backup.h"
#include "vault/catalog_copy.h"
#include "vault/generation.h"
#include "vault/store_files_paths.h"

#define ROUNDS_MAX 20
#define NEWER      "newer.db"

/* Uploads whose files were no longer as their rows said. */
struct moved {
    char (*ids)[RH_ID_TEXT_MAX];
    size_t count;
    size_t cap;
};

static void add_moved(struct moved *moved, const char *id)
{
    if (moved->count == moved->cap) {
        moved->cap = moved->cap == 0 ? 16 : moved->cap * 2;
        moved->ids = realloc(moved->ids, moved->cap * sizeof *moved->ids);
        RH_MEMORY(moved->ids);
    }
    strcpy(moved->ids[moved->count++], id);
}

static void target_of(const struct rh_upload_row *row, struct rh_store_target *target)
{
    strcpy(target->upload, row->id);
    strcpy(target->session, row->session);
    strcpy(target->name, row->name);
    strcpy(target->mime, row->mime);
}

/* ---- One upload ---- */

static enum rh_error copy_done(struct rh_backup *b, const struct rh_upload_row *row,
                               const struct rh_store_target *target)
{
    char path[RH_PATH_MAX];
    enum rh_error error = rh_path_object(target, path, sizeof path);
    if (error == RH_OK)
        error = rh_backup_object(b, path, row->total, row->crc64);
    if (error != RH_OK && error != RH_ERR_CHECKSUM)
        return error;
    enum rh_error companion = rh_path_text(target, RH_TEXT_METADATA, path, sizeof path);
    if (companion == RH_OK)
        companion = rh_backup_small(b, path);
    return companion == RH_OK || companion == RH_ERR_UNKNOWN ? error : companion;
}

static enum rh_error copy_in_place(struct rh_backup *b, const struct rh_upload_rows *rows,
                                   const struct rh_store_target *target)
{
    char incoming[RH_PATH_MAX];
    char path[RH_PATH_MAX];
    enum rh_error error = rh_path_incoming(target, incoming, sizeof incoming);
    if (error == RH_OK && rows->interval_count > 0)
        error = rh_backup_ranges(b, incoming, incoming, rows->intervals, rows->interval_count);
    /* Sealed since: the same bytes have their finished name now. */
    if (error == RH_ERR_UNKNOWN && rh_path_object(target, path, sizeof path) == RH_OK)
        error = rh_backup_ranges(b, path, incoming, rows->intervals, rows->interval_count);
    if (error != RH_OK)
        return error;
    error = rh_path_identity(target, path, sizeof path);
    if (error == RH_OK)
        error = rh_backup_small(b, path);
    return error == RH_ERR_UNKNOWN ? RH_OK : error;
}

static enum rh_error copy_open(struct rh_backup *b, const struct rh_upload_rows *rows,
                               const struct rh_store_target *target)
{
    enum rh_error error = copy_in_place(b, rows, target);
    for (size_t i = 0; i < rows->chunk_count && error == RH_OK; i++) {
        const struct rh_chunk_row *chunk = &rows->chunks[i];
        struct rh_interval whole = {.length = chunk->length, .crc64 = chunk->crc64};
        char path[RH_PATH_MAX];
        if (!chunk->waiting || chunk->length == 0)
            continue;
        error = rh_path_waiting(target, chunk->index, path, sizeof path);
        if (error == RH_OK)
            error = rh_backup_ranges(b, path, path, &whole, 1);
    }
    return error;
}

/* What was copied of an upload whose files moved meanwhile is of no use. */
static void forget_open(struct rh_backup *b, const struct rh_upload_rows *rows)
{
    struct rh_store_target target = {0};
    char path[RH_PATH_MAX];
    target_of(&rows->row, &target);
    if (rh_path_incoming(&target, path, sizeof path) == RH_OK)
        (void)unlinkat(b->to, path, 0);
    if (rh_path_identity(&target, path, sizeof path) == RH_OK)
        (void)unlinkat(b->to, path, 0);
    for (size_t i = 0; i < rows->chunk_count; i++)
        if (rh_path_waiting(&target, rows->chunks[i].index, path, sizeof path) == RH_OK)
            (void)unlinkat(b->to, path, 0);
}

static enum rh_error copy_upload(struct rh_backup *b, const struct rh_upload_rows *rows)
{
    struct rh_store_target target = {0};
    target_of(&rows->row, &target);
    switch (rows->row.state) {
    case RH_UPLOAD_DONE:
        return copy_done(b, &rows->row, &target);
    case RH_UPLOAD_OPEN:
    case RH_UPLOAD_FINISHING:
        return copy_open(b, rows, &target);
    case RH_UPLOAD_EXPIRED:
    case RH_UPLOAD_LOST:
        break;
    }
    return RH_OK;
}

static void count(struct rh_backup *b, const struct rh_upload_row *row)
{
    if (row->state == RH_UPLOAD_DONE)
        b->totals.finished++;
    else if (row->state < RH_UPLOAD_DONE)
        b->totals.unfinished++;
}

/* What is wrong at the original is said; a finished file is kept as it is. */
static void problem(struct rh_backup *b, const char *id, const char *text)
{
    b->totals.problems++;
    fprintf(stderr, "reelhaul backup: problem: upload %s: %s\n", id, text);
}

/* True: it may go on. */
static bool take(struct rh_backup *b, const struct rh_upload_rows *rows, struct moved *moved,
                 bool is_last_round)
{
    enum rh_error error = copy_upload(b, rows);
    bool differs = error == RH_ERR_UNKNOWN || error == RH_ERR_CHECKSUM;
    if (error != RH_OK && !differs) {
        if (b->complaint[0] == '\0')
            snprintf(b->complaint, sizeof b->complaint,
                     "upload %s has a name that cannot be a file's", rows->row.id);
        return false;
    }
    bool may_have_moved = error == RH_ERR_UNKNOWN || rows->row.state != RH_UPLOAD_DONE;
    if (differs && may_have_moved && !is_last_round) {
        forget_open(b, rows);
        add_moved(moved, rows->row.id);
        return true;
    }
    if (differs)
        problem(b, rows->row.id,
                error == RH_ERR_UNKNOWN
                    ? "acknowledged bytes are missing in the data directory; see reelhaul fsck"
                    : "bytes in the data directory are damaged; see reelhaul fsck");
    count(b, &rows->row);
    return true;
}

/* ---- All uploads ---- */

static bool read_rows(struct rh_backup *b, struct rh_catalog *catalog, const struct rh_read *read,
                      struct rh_rows *rows)
{
    *rows = (struct rh_rows){0};
    catalog->ops->read(catalog, read, rows);
    if (rows->error == RH_OK)
        return true;
    snprintf(b->complaint, sizeof b->complaint, "the copied catalog cannot be read");
    rh_rows_free(rows);
    return false;
}

static bool first_round(struct rh_backup *b, struct moved *moved)
{
    struct rh_read read = {.kind = RH_READ_UPLOADS_AFTER};
    struct rh_rows rows;
    for (bool more = true; more;) {
        if (!read_rows(b, b->catalog, &read, &rows))
            return false;
        more = rows.found;
        for (size_t i = 0; i < rows.upload_count; i++) {
            strcpy(read.upload, rows.uploads[i].row.id);
            if (!take(b, &rows.uploads[i], moved, false)) {
                rh_rows_free(&rows);
                return false;
            }
        }
        rh_rows_free(&rows);
        rh_backup_progress(b, false);
    }
    return true;
}

static void put_rows(struct rh_batch *batch, const char *id, const struct rh_upload_rows *rows)
{
    struct rh_change *change = rh_batch_add(batch, RH_CHANGE_UPLOAD_ERASE);
    RH_MEMORY(change);
    strcpy(change->upload, id);
    if (rows == NULL)
        return;
    change = rh_batch_add(batch, RH_CHANGE_UPLOAD);
    RH_MEMORY(change);
    if (rh_upload_row_copy(&change->u.upload_row, &rows->row) != RH_OK)
        rh_out_of_memory();
    for (size_t i = 0; i < rows->interval_count; i++) {
        change = rh_batch_add(batch, RH_CHANGE_INTERVAL);
        RH_MEMORY(change);
        strcpy(change->upload, id);
        change->u.interval = rows->intervals[i];
    }
    for (size_t i = 0; i < rows->chunk_count; i++) {
        change = rh_batch_add(batch, RH_CHANGE_CHUNK);
        RH_MEMORY(change);
        strcpy(change->upload, id);
        change->u.chunk = rows->chunks[i];
    }
}

static bool same_rows(const struct rh_upload_rows *a, const struct rh_upload_rows *b)
{
    if (a->row.state != b->row.state || a->interval_count != b->interval_count ||
        a->chunk_count != b->chunk_count)
        return false;
    for (size_t i = 0; i < a->interval_count; i++)
        if (a->intervals[i].offset != b->intervals[i].offset ||
            a->intervals[i].length != b->intervals[i].length)
            return false;
    for (size_t i = 0; i < a->chunk_count; i++)
        if (a->chunks[i].index != b->chunks[i].index ||
            a->chunks[i].waiting != b->chunks[i].waiting)
            return false;
    return true;
}

/* The rows are still as they were copied: then their bytes have not moved, they are missing. Rows
 * change before bytes go. */
static bool is_unchanged(struct rh_backup *b, const struct rh_read *read,
                         const struct rh_rows *newer)
{
    struct rh_rows rows;
    if (newer->upload_count == 0 || !read_rows(b, b->catalog, read, &rows))
        return false;
    bool same = rows.upload_count > 0 && same_rows(&rows.uploads[0], &newer->uploads[0]);
    rh_rows_free(&rows);
    return same;
}

/* The newer rows of one upload take the place of the copied ones; then its files again. */
static bool retake(struct rh_backup *b, struct rh_catalog *newer, const char *id,
                   struct moved *moved, bool is_last_round)
{
    struct rh_read read = {.kind = RH_READ_UPLOAD};
    struct rh_batch batch = {0};
    struct rh_rows rows;
    strcpy(read.upload, id);
    if (!read_rows(b, newer, &read, &rows))
        return false;
    RH_ASSERT((rows.uploads != NULL) == (rows.upload_count > 0));
    is_last_round = is_last_round || is_unchanged(b, &read, &rows);
    put_rows(&batch, id, rows.upload_count > 0 ? &rows.uploads[0] : NULL);
    bool fine = b->catalog->ops->commit(b->catalog, &batch) == RH_OK;
    rh_batch_free(&batch);
    if (!fine)
        snprintf(b->complaint, sizeof b->complaint, "the copied catalog cannot be written");
    if (fine && rows.upload_count > 0)
        fine = take(b, &rows.uploads[0], moved, is_last_round);
    rh_rows_free(&rows);
    return fine;
}

static void remove_newer(struct rh_backup *b)
{
    (void)unlinkat(b->to, NEWER, 0);
    (void)unlinkat(b->to, NEWER "-wal", 0);
    (void)unlinkat(b->to, NEWER "-shm", 0);
}

static bool next_round(struct rh_backup *b, const struct moved *before, struct moved *moved,
                       bool is_last_round)
{
    struct rh_catalog *newer = NULL;
    char from[PATH_MAX];
    char to[PATH_MAX];
    char why[256];
    remove_newer(b);
    snprintf(from, sizeof from, "%.3000s/" RH_CATALOG_FILE, b->data);
    snprintf(to, sizeof to, "/proc/self/fd/%d/" NEWER, b->to);
    enum rh_error error = rh_catalog_copy(from, to, why, sizeof why);
    if (error == RH_OK)
        error = rh_catalog_sqlite_open(&newer, to);
    if (error != RH_OK) {
        snprintf(b->complaint, sizeof b->complaint, "the catalog cannot be copied again: %s", why);
        return false;
    }
    bool fine = true;
    RH_ASSERT(before->ids != NULL);
    for (size_t i = 0; i < before->count && fine; i++)
        fine = retake(b, newer, before->ids[i], moved, is_last_round);
    newer->ops->close(newer);
    remove_newer(b);
    return fine;
}

/* ---- Sessions ---- */

static bool is_listed(const struct rh_rows *rows, const char *name)
{
    for (size_t i = 0; name != NULL && i < rows->upload_count; i++)
        if (rows->uploads[i].row.state == RH_UPLOAD_DONE &&
            strcmp(rows->uploads[i].row.name, name) == 0)
            return true;
    return false;
}

/* Without the videos that finished after the catalog was copied. */
static char *session_text(const char *text, const struct rh_rows *rows)
{
    json_t *session = json_loads(text, 0, NULL);
    json_t *videos = json_object_get(session, "videos");
    for (size_t i = json_array_size(videos); i-- > 0;) {
        const json_t *video = json_array_get(videos, i);
        if (!is_listed(rows, json_string_value(json_object_get(video, "video_id"))))
            (void)json_array_remove(videos, i);
    }
    char *out = session != NULL ? json_dumps(session, JSON_INDENT(2)) : NULL;
    json_decref(session);
    return out;
}

static bool copy_session(struct rh_backup *b, const char *id)
{
    struct rh_read read = {.kind = RH_READ_SESSION};
    struct rh_store_target target = {0};
    struct rh_rows rows;
    char path[RH_PATH_MAX];
    strcpy(read.session, id);
    strcpy(target.session, id);
    char *text = rh_path_text(&target, RH_TEXT_SESSION, path, sizeof path) == RH_OK
                     ? rh_backup_read(b->from, path)
                     : NULL;
    if (text == NULL)
        return true; /* fsck speaks of it */
    if (!read_rows(b, b->catalog, &read, &rows)) {
        free(text);
        return false;
    }
    char *cut = session_text(text, &rows);
    const char *said = cut != NULL ? cut : text;
    enum rh_error error = rh_backup_write(b, path, said, strlen(said));
    free(cut);
    free(text);
    rh_rows_free(&rows);
    return error == RH_OK;
}

static bool copy_sessions(struct rh_backup *b)
{
    struct rh_read read = {.kind = RH_READ_SESSION_AFTER};
    struct rh_rows rows;
    for (;;) {
        if (!read_rows(b, b->catalog, &read, &rows))
            return false;
        if (!rows.found)
            return true;
        strcpy(read.session, rows.session.id);
        rh_rows_free(&rows);
        if (!copy_session(b, read.session))
            return false;
    }
}

bool rh_backup_rows(struct rh_backup *b)
{
    struct moved moved = {0};
    bool fine = first_round(b, &moved);
    for (int round = 2; fine && moved.count > 0; round++) {
        struct moved next = {0};
        fine = next_round(b, &moved, &next, round == ROUNDS_MAX);
        free(moved.ids);
        moved = next;
        /* A reader that overtakes a writer every time: give it a moment. */
        if (moved.count > 0)
            usleep(20000u * (unsigned)round);
    }
    free(moved.ids);
    return fine && copy_sessions(b);
}
