/* SPDX-License-Identifier: MIT */
/* Finished files, and the rows that are made of them. What a companion ({name}.metadata.json) says
 * is what text.c writes there. */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/base64.h"
#include "base/bytes.h"
#include "base/crc64.h"
#include "base/id.h"
#include "vault/check_inside.h"
#include "vault/rows.h"

#define COMPANION ".metadata.json"

/* ---- Companions ---- */

/* What a finished file's companion says of it. */
struct said {
    bool is_there; /* with all that a row needs */
    char upload[RH_ID_TEXT_MAX];
    char mime[RH_MIME_TEXT_MAX];
    uint64_t size;
    uint64_t crc64;
    int64_t created_wall_s;
    int64_t done_wall_s;
    bool partial;
    json_t *ours;   /* "reelhaul" */
    char *metadata; /* the sender's, without ours; NULL: none */
};

static int64_t time_of(const json_t *value)
{
    struct tm parts = {0};
    const char *text = json_string_value(value);
    if (text == NULL || strptime(text, "%Y-%m-%dT%H:%M:%S", &parts) == NULL)
        return 0;
    return (int64_t)timegm(&parts);
}

static bool copy_text(const json_t *object, const char *key, char *out, size_t cap)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (text == NULL || strlen(text) >= cap)
        return false;
    strcpy(out, text);
    return true;
}

static bool crc_of(const json_t *object, uint64_t *crc64)
{
    uint8_t bytes[8];
    const char *text = json_string_value(json_object_get(object, "crc64nvme"));
    if (text == NULL || rh_base64_decode(bytes, sizeof bytes, text, strlen(text)) != 8)
        return false;
    *crc64 = rh_be64_get(bytes);
    return true;
}

static void said_finish(struct said *said)
{
    json_decref(said->ours);
    free(said->metadata);
    *said = (struct said){0};
}

static char *text_of(struct rh_check *c, const char *path)
{
    char *text = NULL;
    enum rh_error error = rh_check_text(c->how->root, path, &text);
    if (c->error == RH_OK)
        c->error = error;
    return text;
}

static void read_companion(struct rh_check *c, const char *path, struct said *said)
{
    *said = (struct said){0};
    char *text = text_of(c, path);
    json_t *whole = text != NULL ? json_loads(text, 0, NULL) : NULL;
    free(text);
    const json_t *status;
    said->ours = json_incref(json_object_get(whole, "reelhaul"));
    const json_t *size = json_object_get(said->ours, "size");
    status = json_object_get(said->ours, "status");
    said->is_there = copy_text(said->ours, "upload_id", said->upload, sizeof said->upload) &&
                     copy_text(said->ours, "mime_type", said->mime, sizeof said->mime) &&
                     json_is_integer(size) && json_integer_value(size) >= 0 &&
                     crc_of(said->ours, &said->crc64) &&
                     rh_check_names(said->upload, "", "any", said->mime);
    said->size = (uint64_t)json_integer_value(size);
    said->created_wall_s = time_of(json_object_get(said->ours, "created_at"));
    said->done_wall_s = time_of(json_object_get(said->ours, "uploaded_at"));
    said->partial = json_is_string(status) && strcmp(json_string_value(status), "partial") == 0;
    if (json_is_object(whole)) {
        (void)json_object_del(whole, "reelhaul");
        if (json_object_size(whole) > 0)
            said->metadata = json_dumps(whole, JSON_COMPACT);
    }
    json_decref(whole);
}

/* ---- Making rows ---- */

/* The received ranges of a partial video: what its companion does not list as missing. */
static bool add_ranges(struct rh_check *c, const char *path, const struct said *said,
                       struct rh_upload_rows *rows)
{
    const json_t *missing = json_object_get(said->ours, "missing");
    uint64_t at = 0;
    for (size_t i = 0; i <= json_array_size(missing); i++) {
        const json_t *gap = json_array_get(missing, i);
        uint64_t from = (uint64_t)json_integer_value(json_object_get(gap, "offset"));
        uint64_t length = (uint64_t)json_integer_value(json_object_get(gap, "length"));
        if (gap == NULL)
            from = rows->row.total;
        if (from < at || from > rows->row.total || length > rows->row.total - from)
            return false;
        struct rh_interval interval = {.offset = at, .length = from - at};
        if (interval.length > 0 &&
            rh_check_crc(c, path, at, interval.length, &interval.crc64) != RH_OK)
            return false;
        if (interval.length > 0)
            rh_rows_interval_put(rows, &interval);
        at = from + length;
    }
    return true;
}

/* "chunks": [[count, bytes], …] of a video that came in numbered chunks: so a sender that did not
 * hear of its end may ask again. Where they do not add up the video is one range. */
static void add_chunks(struct rh_check *c, const char *path, const struct said *said,
                       struct rh_upload_rows *rows)
{
    const json_t *runs = json_object_get(said->ours, "chunks");
    uint64_t at = 0;
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i);
        uint64_t times = (uint64_t)json_integer_value(json_array_get(run, 0));
        uint64_t length = (uint64_t)json_integer_value(json_array_get(run, 1));
        if (times > (1u << 20) || count + times > (1u << 20))
            return;
        if (length > 0 && times > (rows->row.total - at) / length)
            return;
        count += (size_t)times;
        at += times * length;
    }
    if (count == 0 || at != rows->row.total)
        return;
    rows->chunks = calloc(count, sizeof *rows->chunks);
    RH_MEMORY(rows->chunks);
    at = 0;
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i);
        uint64_t times = (uint64_t)json_integer_value(json_array_get(run, 0));
        uint64_t length = (uint64_t)json_integer_value(json_array_get(run, 1));
        for (uint64_t k = 0; k < times; k++) {
            struct rh_chunk_row *chunk = &rows->chunks[rows->chunk_count];
            *chunk = (struct rh_chunk_row){.index = rows->chunk_count, .length = length};
            (void)rh_check_crc(c, path, at, length, &chunk->crc64);
            at += length;
            rows->chunk_count++;
        }
    }
    rows->row.geometry = RH_GEOMETRY_CHUNKS;
    rows->row.chunk_count = count;
    rows->row.chunk_next = count;
}

static void new_id(const struct rh_check *c, char out[RH_ID_TEXT_MAX])
{
    uint8_t random[16];
    RH_ASSERT(getrandom(random, sizeof random, 0) == (ssize_t)sizeof random);
    rh_id_make(out, random, c->meta.id_key);
}

static const char *mime_of(const char *path)
{
    static const char *const types[] = {"video/webm", "video/mp4",  "video/ogg", "video/quicktime",
                                        "audio/webm", "audio/mpeg", "audio/ogg", "audio/wav",
                                        "image/png",  "image/jpeg", "text/plain"};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(rh_store_extension(types[i]), dot) == 0)
            return types[i];
    return "application/octet-stream";
}

/* A finished file, and who it could be. */
struct object {
    const char *path;
    const char *session; /* "": below files/ */
    char name[RH_NAME_TEXT_MAX];
    char folder[RH_ID_TEXT_MAX]; /* files/{upload} */
    uint64_t size;
    uint64_t crc64;
    bool has_crc;
    struct said said;
    struct rh_upload_rows *row; /* of that name (or folder); NULL: none */
    struct rh_rows *siblings;   /* of its session; NULL: it has none */
};

static bool know_crc(struct rh_check *c, struct object *o)
{
    if (!o->has_crc)
        o->has_crc = rh_check_crc(c, o->path, 0, o->size, &o->crc64) == RH_OK;
    return o->has_crc;
}

/* A folder that was copied by hand brings its companions along: an id never names two things. */
static bool id_is_taken(struct rh_check *c, const struct object *o, const char *id)
{
    struct rh_read read = {.kind = RH_READ_UPLOAD};
    struct rh_rows rows = {0};
    bool taken = false;
    for (size_t i = 0; o->siblings != NULL && i < o->siblings->upload_count; i++)
        taken = taken || (strcmp(o->siblings->uploads[i].row.id, id) == 0 &&
                          strcmp(o->siblings->uploads[i].row.name, o->name) != 0);
    strcpy(read.upload, id);
    c->how->catalog->ops->read(c->how->catalog, &read, &rows);
    if (rows.error != RH_OK)
        c->error = rows.error;
    if (rows.upload_count > 0)
        taken = taken || strcmp(rows.uploads[0].row.session, o->session) != 0 ||
                strcmp(rows.uploads[0].row.name, o->name) != 0;
    rh_rows_free(&rows);
    return taken;
}

static void choose_id(struct rh_check *c, const struct object *o, char out[RH_ID_TEXT_MAX])
{
    if (o->said.is_there && !id_is_taken(c, o, o->said.upload))
        strcpy(out, o->said.upload);
    else if (o->folder[0] != '\0')
        strcpy(out, o->folder);
    else
        new_id(c, out);
}

/* Chunks of the unfinished row, where its companion did not say them. */
static void keep_chunks(struct rh_upload_rows *rows, const struct rh_upload_rows *known)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < known->chunk_count; i++)
        bytes += known->chunks[i].index == i ? known->chunks[i].length : 0;
    if (rows->chunk_count > 0 || known->chunk_count == 0 || bytes != rows->row.total)
        return;
    rows->chunks = calloc(known->chunk_count, sizeof *rows->chunks);
    RH_MEMORY(rows->chunks);
    for (size_t i = 0; i < known->chunk_count; i++) {
        rows->chunks[i] = known->chunks[i];
        rows->chunks[i].waiting = false;
    }
    rows->chunk_count = known->chunk_count;
    rows->row.chunk_count = known->chunk_count;
    rows->row.chunk_next = known->chunk_count;
}

/* Later files of this session must see what was made of this one. */
static void remember(const struct object *o, struct rh_upload_rows rows)
{
    if (o->siblings == NULL) {
        rh_upload_rows_free(&rows);
        return;
    }
    size_t count = o->siblings->upload_count;
    o->siblings->uploads =
        realloc(o->siblings->uploads, (count + 1) * sizeof *o->siblings->uploads);
    RH_MEMORY(o->siblings->uploads);
    o->siblings->uploads[count] = rows;
    o->siblings->upload_count = count + 1;
}

/* The row of a finished upload, made of its file. `known`: an unfinished row of the same upload. */
static void adopt(struct rh_check *c, struct object *o, const struct rh_upload_rows *known)
{
    struct rh_upload_rows rows = {0};
    struct rh_upload_row *row = &rows.row;
    struct stat status;
    int64_t modified_s = fstatat(c->how->root, o->path, &status, 0) == 0 ? status.st_mtime : 0;
    if (known != NULL && rh_upload_row_copy(row, &known->row) != RH_OK)
        rh_out_of_memory();
    if (known == NULL) {
        row->geometry = RH_GEOMETRY_RANGES;
        row->chunk_count = RH_SIZE_UNKNOWN;
        strcpy(row->session, o->session);
        strcpy(row->name, o->name);
        strcpy(row->mime, o->said.is_there ? o->said.mime : mime_of(o->path));
        row->created_wall_s = o->said.created_wall_s != 0 ? o->said.created_wall_s : modified_s;
        row->touched_tick = c->meta.ticks;
        choose_id(c, o, row->id);
    }
    if (o->said.metadata != NULL) {
        free(row->metadata);
        row->metadata = o->said.metadata;
        o->said.metadata = NULL;
    }
    row->state = RH_UPLOAD_DONE;
    row->total = o->size;
    row->crc64 = o->crc64;
    row->partial = o->said.partial;
    row->done_wall_s = o->said.done_wall_s != 0 ? o->said.done_wall_s : modified_s;
    row->overdue = false;
    bool ranges_fit = row->partial && add_ranges(c, o->path, &o->said, &rows);
    if (!ranges_fit) {
        rows.interval_count = 0;
        if (o->size > 0)
            rh_rows_interval_put(&rows,
                                 &(struct rh_interval){.length = o->size, .crc64 = o->crc64});
    }
    add_chunks(c, o->path, &o->said, &rows);
    if (known != NULL)
        keep_chunks(&rows, known);
    rh_check_say(c, rh_check_fixable(c), "object-adopted",
                 c->how->repair ? NULL : "run fsck --repair", o->path, row->id,
                 o->said.is_there
                     ? "a finished file had no finished row; its checksum is that of its companion"
                     : "a finished file had neither a finished row nor a companion; its checksum "
                       "is taken from itself");
    rh_check_put_rows(c, &rows);
    if (known == NULL) {
        remember(o, rows);
        return;
    }
    rh_upload_rows_free(o->row);
    *o->row = rows;
}

static void lose(struct rh_check *c, struct rh_upload_rows *rows, const char *path)
{
    rh_check_say(c, rh_check_fixable(c), "name-taken", "its bytes go to aside/", path, rows->row.id,
                 "an unfinished upload's name is borne by the finished file of another; the row %s "
                 "\"lost\"",
                 c->how->repair ? "now says" : "would have to say");
    rows->row.state = RH_UPLOAD_LOST;
    rh_check_put_rows(c, rows);
}

/* All that an unfinished row vouches for is in this file. */
static bool holds_acknowledged(struct rh_check *c, const struct object *o,
                               const struct rh_upload_rows *rows)
{
    for (size_t i = 0; i < rows->interval_count; i++) {
        uint64_t crc64;
        const struct rh_interval *interval = &rows->intervals[i];
        if (rh_check_crc(c, o->path, interval->offset, interval->length, &crc64) != RH_OK ||
            crc64 != interval->crc64)
            return false;
    }
    return rows->row.total == RH_SIZE_UNKNOWN || rows->row.total == o->size;
}

static bool has_incoming(struct rh_check *c, const struct rh_upload_row *row)
{
    struct rh_store_target target;
    char path[RH_PATH_MAX];
    rh_check_target(row, &target);
    return rh_path_incoming(&target, path, sizeof path) == RH_OK &&
           rh_check_size(c, path) != RH_SIZE_UNKNOWN;
}

static void put_aside(struct rh_check *c, const struct object *o, const char *kind,
                      const char *text)
{
    char companion[RH_PATH_MAX + 32];
    rh_check_say(c, rh_check_fixable(c), kind,
                 c->how->repair ? "it is in aside/ now" : "fsck --repair moves it to aside/",
                 o->path, "", "%s", text);
    rh_check_aside(c, o->path);
    const char *slash = strrchr(o->path, '/');
    (void)snprintf(companion, sizeof companion, "%.*s/%s" COMPANION, (int)(slash - o->path),
                   o->path, o->name);
    if (rh_check_size(c, companion) != RH_SIZE_UNKNOWN)
        rh_check_aside(c, companion);
}

/* A file whose name an unfinished row bears. */
static void judge_unfinished(struct rh_check *c, struct object *o)
{
    struct rh_upload_rows *rows = o->row;
    bool same = o->said.is_there ? strcmp(o->said.upload, rows->row.id) == 0
                                 : holds_acknowledged(c, o, rows);
    if (rows->row.state == RH_UPLOAD_FINISHING && !has_incoming(c, &rows->row))
        return; /* sealed, and a crash came: the server finishes it */
    if (rows->row.state == RH_UPLOAD_FINISHING && !same) {
        put_aside(c, o, "name-taken",
                  "a file bears the name of an upload that has all its bytes and waits for it");
        return;
    }
    if (same) {
        adopt(c, o, rows);
        return;
    }
    lose(c, rows, o->path);
    o->row = NULL;
    adopt(c, o, NULL);
}

static void judge(struct rh_check *c, struct object *o)
{
    if (o->row != NULL && o->row->row.state == RH_UPLOAD_DONE)
        return; /* the rows are checked against their files later */
    if (!know_crc(c, o) || c->error != RH_OK) {
        rh_check_say(c, RH_FOUND_PROBLEM, "unreadable", "is the disk failing?", o->path, "",
                     "a finished file cannot be read");
        return;
    }
    if (o->said.is_there && (o->said.size != o->size || o->said.crc64 != o->crc64)) {
        put_aside(c, o, "object-damaged",
                  "a finished file without a row has not the bytes that its companion says");
        return;
    }
    if (o->row != NULL)
        judge_unfinished(c, o);
    else
        adopt(c, o, NULL);
}

static void see_entries(struct rh_check *c, const char *path,
                        void (*each)(void *context, const char *path, const char *name),
                        void *context)
{
    enum rh_error error =
        c->error == RH_OK ? rh_check_entries(c->how->root, path, each, context) : RH_OK;
    if (c->error == RH_OK)
        c->error = error;
}

/* ---- Sessions ---- */

struct session {
    struct rh_check *check;
    char id[RH_UUID_TEXT_MAX];
    struct rh_rows rows;
    size_t files;
};

/* The row's file, by the rule that names files. */
static bool is_file_of(const struct rh_upload_row *row, const char *path)
{
    struct rh_store_target target;
    char object[RH_PATH_MAX];
    rh_check_target(row, &target);
    return rh_path_object(&target, object, sizeof object) == RH_OK && strcmp(object, path) == 0;
}

static struct rh_upload_rows *live_row(struct rh_rows *rows, const char *name)
{
    for (size_t i = 0; i < rows->upload_count; i++)
        if (rows->uploads[i].row.state <= RH_UPLOAD_DONE &&
            strcmp(rows->uploads[i].row.name, name) == 0)
            return &rows->uploads[i];
    return NULL;
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text);
    size_t end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static bool is_companion(const char *name)
{
    return strcmp(name, "session.json") == 0 || ends_with(name, COMPANION) ||
           ends_with(name, ".tmp");
}

static void check_mode(struct rh_check *c, const char *path, const char *upload)
{
    struct stat status;
    if (fstatat(c->how->root, path, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        (status.st_mode & S_IWOTH) != 0)
        rh_check_say(c, RH_FOUND_NOTE, "permissions", "chmod o-w", path, upload,
                     "everybody on this machine may change this file");
}

static void read_said(struct rh_check *c, struct object *o)
{
    char companion[RH_PATH_MAX + 32];
    const char *slash = strrchr(o->path, '/');
    (void)snprintf(companion, sizeof companion, "%.*s/%s" COMPANION, (int)(slash - o->path),
                   o->path, o->name);
    read_companion(c, companion, &o->said);
}

static void see_recording(void *context, const char *path, const char *name)
{
    struct session *s = context;
    struct rh_check *c = s->check;
    struct object o = {.path = path, .session = s->id, .siblings = &s->rows};
    const char *dot = strrchr(name, '.');
    if (c->error != RH_OK || is_companion(name))
        return;
    o.size = rh_check_size(c, path);
    if (o.size == RH_SIZE_UNKNOWN || dot == NULL || (size_t)(dot - name) >= sizeof o.name) {
        rh_check_say(c, RH_FOUND_NOTE, "stranger", NULL, path, "", "this is none of our files");
        return;
    }
    memcpy(o.name, name, (size_t)(dot - name));
    o.row = live_row(&s->rows, o.name);
    check_mode(c, path, o.row != NULL ? o.row->row.id : "");
    if (ends_with(o.name, ".seekable"))
        return; /* made of the original, and can be made again */
    read_said(c, &o);
    struct rh_upload_row named = {0};
    strcpy(named.session, s->id);
    strcpy(named.name, o.name);
    strcpy(named.id, "any");
    strcpy(named.mime, o.row != NULL     ? o.row->row.mime
                       : o.said.is_there ? o.said.mime
                                         : mime_of(path));
    if (rh_name_check(rh_bytes_of(o.name)) != RH_OK || !is_file_of(&named, path)) {
        rh_check_say(c, RH_FOUND_NOTE, "stranger", NULL, path, "", "this is none of our files");
    } else {
        s->files++;
        judge(c, &o);
    }
    said_finish(&o.said);
}

static void need_session(struct rh_check *c, const char *path, const char *id)
{
    char text_path[RH_PATH_MAX + 32];
    (void)snprintf(text_path, sizeof text_path, "%s/session.json", path);
    char *text = text_of(c, text_path);
    json_t *said = text != NULL ? json_loads(text, 0, NULL) : NULL;
    struct rh_session_row *row = &rh_check_change(c, RH_CHANGE_SESSION, NULL)->u.session;
    const char *is = json_string_value(json_object_get(said, "session_id"));
    free(text);
    strcpy(row->id, id);
    (void)copy_text(said, "participant_id", row->participant, sizeof row->participant);
    row->created_wall_s = time_of(json_object_get(said, "created_at"));
    rh_check_say(c, rh_check_fixable(c), "session-adopted",
                 c->how->repair ? NULL : "run fsck --repair", path, "",
                 is != NULL && strcmp(is, id) == 0
                     ? "a session had no row; its session.json says who it is"
                     : "a session had no row, and its session.json does not say who it is");
    json_decref(said);
}

static void see_session(void *context, const char *path, const char *name)
{
    struct rh_check *c = context;
    struct session s = {.check = c};
    struct rh_read read = {.kind = RH_READ_SESSION};
    if (c->error != RH_OK)
        return;
    if (strlen(name) >= sizeof s.id || rh_name_check(rh_bytes_of(name)) != RH_OK) {
        rh_check_say(c, RH_FOUND_NOTE, "stranger", NULL, path, "", "this is none of our folders");
        return;
    }
    strcpy(s.id, name);
    strcpy(read.session, name);
    c->how->catalog->ops->read(c->how->catalog, &read, &s.rows);
    c->error = s.rows.error;
    if (c->error == RH_OK && !s.rows.found)
        need_session(c, path, s.id);
    see_entries(c, path, see_recording, &s);
    rh_rows_free(&s.rows);
    rh_check_flush(c);
}

/* ---- files/ ---- */

struct folder {
    struct rh_check *check;
    const char *upload;
    size_t files;
};

static void see_file(void *context, const char *path, const char *name)
{
    struct folder *f = context;
    struct rh_check *c = f->check;
    struct object o = {.path = path, .session = ""};
    struct rh_read read = {.kind = RH_READ_UPLOAD};
    struct rh_rows rows = {0};
    char companion[RH_PATH_MAX + 32];
    if (c->error != RH_OK || is_companion(name))
        return;
    o.size = rh_check_size(c, path);
    strcpy(read.upload, f->upload);
    strcpy(o.folder, f->upload);
    c->how->catalog->ops->read(c->how->catalog, &read, &rows);
    if (c->error == RH_OK)
        c->error = rows.error;
    if (rows.upload_count > 0 && rows.uploads[0].row.state <= RH_UPLOAD_DONE)
        o.row = &rows.uploads[0];
    /* The companion bears the upload's name; the file may have got an extension. */
    (void)snprintf(companion, sizeof companion, "files/%s/%s" COMPANION, f->upload, name);
    const char *dot = strrchr(name, '.');
    size_t size = strlen(name);
    if (rh_check_size(c, companion) == RH_SIZE_UNKNOWN && dot != NULL)
        size = (size_t)(dot - name);
    if (o.size == RH_SIZE_UNKNOWN || size >= sizeof o.name || f->files > 0) {
        rh_check_say(c, RH_FOUND_NOTE, "stranger", NULL, path, "", "this is none of our files");
    } else {
        f->files++;
        memcpy(o.name, name, size);
        if (o.row != NULL)
            strcpy(o.name, o.row->row.name);
        check_mode(c, path, f->upload);
        read_said(c, &o);
        if (o.said.is_there && strcmp(o.said.upload, f->upload) != 0)
            said_finish(&o.said); /* somebody moved it here: its bytes are what is known */
        judge(c, &o);
        said_finish(&o.said);
    }
    rh_rows_free(&rows);
}

static void see_folder(void *context, const char *path, const char *name)
{
    struct folder folder = {.check = context, .upload = name};
    struct rh_check *c = context;
    if (strlen(name) >= RH_ID_TEXT_MAX || name[0] == '.') {
        rh_check_say(c, RH_FOUND_NOTE, "stranger", NULL, path, "", "this is none of our folders");
        return;
    }
    see_entries(c, path, see_file, &folder);
    rh_check_flush(c);
}

void rh_check_objects(struct rh_check *c)
{
    see_entries(c, "recordings", see_session, c);
    see_entries(c, "files", see_folder, c);
}
