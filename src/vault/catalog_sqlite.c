/* SPDX-License-Identifier: MIT */
/*
 * The catalog in SQLite: WAL with synchronous=FULL, so a commit that returned is on the medium. One
 * process writes the file (the data directory's lock sees to that), one thread at a time calls
 * (catalog.h); others may read it meanwhile (reelhaul backup). Statements are prepared once and
 * kept. Every commit counts itself (meta.sequence), so that an older copy can be told (witness.h).
 *
 * Unsigned 64-bit values are stored as SQLite's signed integers, bit for bit; RH_SIZE_UNKNOWN reads
 * as -1 there.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/plant.h"
#include "vault/catalog.h"
#include "vault/catalog_sqlite.h"

#define APPLICATION_ID 0x52485643 /* "RHVC": tools like file(1) can tell what this database is */

#define UPLOAD_COLUMNS                                                                             \
    "id, session, name, mime, state, geometry, partial, size_disagrees, overdue, total, "          \
    "chunk_count, chunk_next, crc64, created_wall_s, done_wall_s, touched_tick, lease, "           \
    "lease_number, metadata"

enum statement {
    BEGIN,
    COMMIT,
    ROLLBACK,
    COUNT,
    META_PUT,
    META_GET,
    SESSION_PUT,
    SESSION_GET,
    SESSION_AFTER,
    SESSION_ERASE,
    SESSION_INTERVALS_ERASE,
    SESSION_CHUNKS_ERASE,
    SESSION_UPLOADS_ERASE,
    UPLOAD_PUT,
    UPLOAD_GET,
    UPLOAD_GET_NAMED,
    UPLOADS_OF_SESSION,
    UPLOADS_UNFINISHED,
    UPLOADS_AFTER,
    UPLOAD_ERASE,
    INTERVAL_PUT,
    INTERVAL_ERASE,
    INTERVALS_GET,
    INTERVALS_ERASE,
    CHUNK_PUT,
    CHUNKS_GET,
    CHUNKS_ERASE,
    STATEMENTS,
};

static const char *const statement_text[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [COUNT] = "UPDATE meta SET sequence = sequence + 1",
    [META_PUT] = "INSERT INTO meta (one, format, generation, id_key, ticks, wall_s) "
                 "VALUES (1, ?1, ?2, ?3, ?4, ?5) ON CONFLICT (one) DO UPDATE SET format = ?1, "
                 "generation = ?2, id_key = ?3, ticks = ?4, wall_s = ?5",
    [META_GET] = "SELECT format, generation, id_key, ticks, wall_s, sequence FROM meta "
                 "WHERE one = 1",
    [SESSION_PUT] = "INSERT OR REPLACE INTO sessions (id, participant, created_wall_s) "
                    "VALUES (?1, ?2, ?3)",
    [SESSION_GET] = "SELECT id, participant, created_wall_s FROM sessions WHERE id = ?1",
    [SESSION_AFTER] = "SELECT id, participant, created_wall_s FROM sessions WHERE id > ?1 "
                      "ORDER BY id LIMIT 1",
    [SESSION_ERASE] = "DELETE FROM sessions WHERE id = ?1",
    [SESSION_INTERVALS_ERASE] =
        "DELETE FROM intervals WHERE upload IN (SELECT id FROM uploads WHERE session = ?1)",
    [SESSION_CHUNKS_ERASE] =
        "DELETE FROM chunks WHERE upload IN (SELECT id FROM uploads WHERE session = ?1)",
    [SESSION_UPLOADS_ERASE] = "DELETE FROM uploads WHERE session = ?1",
    [UPLOAD_PUT] = "INSERT INTO uploads (" UPLOAD_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, "
                   "?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19) "
                   "ON CONFLICT (id) DO UPDATE SET session = ?2, name = ?3, mime = ?4, state = ?5, "
                   "geometry = ?6, partial = ?7, size_disagrees = ?8, overdue = ?9, total = ?10, "
                   "chunk_count = ?11, chunk_next = ?12, crc64 = ?13, created_wall_s = ?14, "
                   "done_wall_s = ?15, touched_tick = ?16, lease = ?17, lease_number = ?18, "
                   "metadata = ?19",
    [UPLOAD_GET] = "SELECT " UPLOAD_COLUMNS " FROM uploads WHERE id = ?1",
    [UPLOAD_GET_NAMED] = "SELECT " UPLOAD_COLUMNS " FROM uploads WHERE session = ?1 AND name = ?2 "
                         "ORDER BY state > 3, rowid DESC LIMIT 1",
    [UPLOADS_OF_SESSION] = "SELECT " UPLOAD_COLUMNS " FROM uploads WHERE session = ?1 "
                           "ORDER BY rowid",
    [UPLOADS_UNFINISHED] = "SELECT " UPLOAD_COLUMNS " FROM uploads WHERE state < 3 ORDER BY rowid",
    [UPLOADS_AFTER] = "SELECT " UPLOAD_COLUMNS " FROM uploads WHERE id > ?1 ORDER BY id LIMIT ?2",
    [UPLOAD_ERASE] = "DELETE FROM uploads WHERE id = ?1",
    [INTERVAL_PUT] = "INSERT OR REPLACE INTO intervals (upload, offset, length, crc64) "
                     "VALUES (?1, ?2, ?3, ?4)",
    [INTERVAL_ERASE] = "DELETE FROM intervals WHERE upload = ?1 AND offset = ?2",
    [INTERVALS_GET] = "SELECT offset, length, crc64 FROM intervals WHERE upload = ?1 "
                      "ORDER BY offset",
    [INTERVALS_ERASE] = "DELETE FROM intervals WHERE upload = ?1",
    [CHUNK_PUT] = "INSERT OR REPLACE INTO chunks (upload, number, length, crc64, waiting) "
                  "VALUES (?1, ?2, ?3, ?4, ?5)",
    [CHUNKS_GET] = "SELECT number, length, crc64, waiting FROM chunks WHERE upload = ?1 "
                   "ORDER BY number",
    [CHUNKS_ERASE] = "DELETE FROM chunks WHERE upload = ?1",
};

/* Names of uploads are unique within a session while they live; an upload without a session may
 * bear any name. */
static const char schema[] =
    "CREATE TABLE meta (one INTEGER PRIMARY KEY CHECK (one = 1), format INTEGER NOT NULL, "
    "generation TEXT NOT NULL, id_key BLOB NOT NULL, ticks INTEGER NOT NULL, "
    "wall_s INTEGER NOT NULL, sequence INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE sessions (id TEXT PRIMARY KEY, participant TEXT NOT NULL, "
    "created_wall_s INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE uploads (id TEXT UNIQUE NOT NULL, session TEXT NOT NULL, name TEXT NOT NULL, "
    "mime TEXT NOT NULL, state INTEGER NOT NULL, geometry INTEGER NOT NULL, "
    "partial INTEGER NOT NULL, size_disagrees INTEGER NOT NULL, overdue INTEGER NOT NULL, "
    "total INTEGER NOT NULL, chunk_count INTEGER NOT NULL, chunk_next INTEGER NOT NULL, "
    "crc64 INTEGER NOT NULL, created_wall_s INTEGER NOT NULL, done_wall_s INTEGER NOT NULL, "
    "touched_tick INTEGER NOT NULL, lease TEXT NOT NULL, lease_number INTEGER NOT NULL, "
    "metadata TEXT);"
    "CREATE UNIQUE INDEX uploads_named ON uploads (session, name) "
    "WHERE session <> '' AND state <= 3;"
    "CREATE INDEX uploads_session ON uploads (session);"
    "CREATE INDEX uploads_unfinished ON uploads (state) WHERE state < 3;"
    "CREATE TABLE intervals (upload TEXT NOT NULL, offset INTEGER NOT NULL, "
    "length INTEGER NOT NULL, crc64 INTEGER NOT NULL, PRIMARY KEY (upload, offset)) WITHOUT ROWID;"
    "CREATE TABLE chunks (upload TEXT NOT NULL, number INTEGER NOT NULL, "
    "length INTEGER NOT NULL, crc64 INTEGER NOT NULL, waiting INTEGER NOT NULL, "
    "PRIMARY KEY (upload, number)) WITHOUT ROWID;";

static const char from_1_to_2[] = "ALTER TABLE meta ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0;"
                                  "UPDATE meta SET format = 2;";

struct catalog_sqlite {
    struct rh_catalog base;
    sqlite3 *database;
    sqlite3_stmt *statements[STATEMENTS];
};

/* ---- Small wrappers ---- */

static sqlite3_stmt *prepared(struct catalog_sqlite *catalog, enum statement which)
{
    sqlite3_stmt **statement = &catalog->statements[which];
    if (*statement == NULL)
        (void)sqlite3_prepare_v3(catalog->database, statement_text[which], -1,
                                 SQLITE_PREPARE_PERSISTENT, statement, NULL);
    return *statement; /* NULL: every bind and step on it answers SQLITE_MISUSE, which is an error
                        */
}

/* Makes a statement ready for its next use; nothing it was bound to is kept. Takes NULL. */
static void rewind_statement(sqlite3_stmt *statement)
{
    if (statement == NULL)
        return;
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
}

static void bind_u64(sqlite3_stmt *statement, int column, uint64_t value)
{
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    sqlite3_bind_int64(statement, column, bits);
}

static void bind_text(sqlite3_stmt *statement, int column, const char *text)
{
    if (text != NULL)
        sqlite3_bind_text(statement, column, text, -1, SQLITE_STATIC);
}

static uint64_t column_u64(sqlite3_stmt *statement, int column)
{
    int64_t bits = sqlite3_column_int64(statement, column);
    uint64_t value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A row whose text does not fit was not written by this program: it is refused, never cut. */
static enum rh_error column_text(sqlite3_stmt *statement, int column, char *out, size_t cap)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    size_t size = (size_t)sqlite3_column_bytes(statement, column);
    if (size >= cap || (text == NULL && size > 0) || (size > 0 && memchr(text, 0, size) != NULL))
        return RH_ERR_SYNTAX;
    if (size > 0)
        memcpy(out, text, size);
    out[size] = '\0';
    return RH_OK;
}

/* Runs a statement that answers no rows, and makes it ready for the next use. */
static enum rh_error finish_step(sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);
    rewind_statement(statement);
    return code == SQLITE_DONE ? RH_OK : code == SQLITE_FULL ? RH_ERR_FULL : RH_ERR_IO;
}

static enum rh_error run_simple(struct catalog_sqlite *catalog, enum statement which)
{
    return finish_step(prepared(catalog, which));
}

static enum rh_error run_keyed(struct catalog_sqlite *catalog, enum statement which,
                               const char *key)
{
    sqlite3_stmt *statement = prepared(catalog, which);
    bind_text(statement, 1, key);
    return finish_step(statement);
}

/* ---- Writing ---- */

static enum rh_error put_meta(struct catalog_sqlite *catalog, const struct rh_meta_row *row)
{
    sqlite3_stmt *statement = prepared(catalog, META_PUT);
    sqlite3_bind_int64(statement, 1, row->format);
    bind_text(statement, 2, row->generation);
    sqlite3_bind_blob(statement, 3, row->id_key, sizeof row->id_key, SQLITE_STATIC);
    bind_u64(statement, 4, row->ticks);
    sqlite3_bind_int64(statement, 5, row->wall_s);
    return finish_step(statement);
}

static enum rh_error put_session(struct catalog_sqlite *catalog, const struct rh_session_row *row)
{
    sqlite3_stmt *statement = prepared(catalog, SESSION_PUT);
    bind_text(statement, 1, row->id);
    bind_text(statement, 2, row->participant);
    sqlite3_bind_int64(statement, 3, row->created_wall_s);
    return finish_step(statement);
}

static enum rh_error put_upload(struct catalog_sqlite *catalog, const struct rh_upload_row *row)
{
    sqlite3_stmt *statement = prepared(catalog, UPLOAD_PUT);
    bind_text(statement, 1, row->id);
    bind_text(statement, 2, row->session);
    bind_text(statement, 3, row->name);
    bind_text(statement, 4, row->mime);
    sqlite3_bind_int(statement, 5, (int)row->state);
    sqlite3_bind_int(statement, 6, (int)row->geometry);
    sqlite3_bind_int(statement, 7, row->partial);
    sqlite3_bind_int(statement, 8, row->size_disagrees);
    sqlite3_bind_int(statement, 9, row->overdue);
    bind_u64(statement, 10, row->total);
    bind_u64(statement, 11, row->chunk_count);
    bind_u64(statement, 12, row->chunk_next);
    bind_u64(statement, 13, row->crc64);
    sqlite3_bind_int64(statement, 14, row->created_wall_s);
    sqlite3_bind_int64(statement, 15, row->done_wall_s);
    bind_u64(statement, 16, row->touched_tick);
    bind_text(statement, 17, row->lease);
    bind_u64(statement, 18, row->lease_number);
    bind_text(statement, 19, row->metadata);
    return finish_step(statement);
}

static enum rh_error put_interval(struct catalog_sqlite *catalog, const char *upload,
                                  const struct rh_interval *row)
{
    sqlite3_stmt *statement = prepared(catalog, INTERVAL_PUT);
    bind_text(statement, 1, upload);
    bind_u64(statement, 2, row->offset);
    bind_u64(statement, 3, row->length);
    bind_u64(statement, 4, row->crc64);
    return finish_step(statement);
}

static enum rh_error erase_interval(struct catalog_sqlite *catalog, const char *upload,
                                    uint64_t offset)
{
    sqlite3_stmt *statement = prepared(catalog, INTERVAL_ERASE);
    bind_text(statement, 1, upload);
    bind_u64(statement, 2, offset);
    return finish_step(statement);
}

static enum rh_error put_chunk(struct catalog_sqlite *catalog, const char *upload,
                               const struct rh_chunk_row *row)
{
    sqlite3_stmt *statement = prepared(catalog, CHUNK_PUT);
    bind_text(statement, 1, upload);
    bind_u64(statement, 2, row->index);
    bind_u64(statement, 3, row->length);
    bind_u64(statement, 4, row->crc64);
    sqlite3_bind_int(statement, 5, row->waiting);
    return finish_step(statement);
}

/* Runs statements with one key after each other; the first failure ends it. */
static enum rh_error run_all_keyed(struct catalog_sqlite *catalog, const char *key,
                                   const enum statement *which, size_t count)
{
    enum rh_error error = RH_OK;
    for (size_t i = 0; i < count && error == RH_OK; i++)
        error = run_keyed(catalog, which[i], key);
    return error;
}

static enum rh_error erase_upload(struct catalog_sqlite *catalog, const char *id)
{
    static const enum statement steps[] = {INTERVALS_ERASE, CHUNKS_ERASE, UPLOAD_ERASE};
    return run_all_keyed(catalog, id, steps, sizeof steps / sizeof steps[0]);
}

static enum rh_error erase_session(struct catalog_sqlite *catalog, const char *id)
{
    static const enum statement steps[] = {SESSION_INTERVALS_ERASE, SESSION_CHUNKS_ERASE,
                                           SESSION_UPLOADS_ERASE, SESSION_ERASE};
    return run_all_keyed(catalog, id, steps, sizeof steps / sizeof steps[0]);
}

static enum rh_error apply(struct catalog_sqlite *catalog, const struct rh_change *change)
{
    switch (change->kind) {
    case RH_CHANGE_META:
        return put_meta(catalog, &change->u.meta);
    case RH_CHANGE_SESSION:
        return put_session(catalog, &change->u.session);
    case RH_CHANGE_SESSION_ERASE:
        return erase_session(catalog, change->u.session.id);
    case RH_CHANGE_UPLOAD:
        return put_upload(catalog, &change->u.upload_row);
    case RH_CHANGE_UPLOAD_ERASE:
        return erase_upload(catalog, change->upload);
    case RH_CHANGE_INTERVAL:
        return put_interval(catalog, change->upload, &change->u.interval);
    case RH_CHANGE_INTERVAL_ERASE:
        return erase_interval(catalog, change->upload, change->u.interval.offset);
    case RH_CHANGE_CHUNK:
        return put_chunk(catalog, change->upload, &change->u.chunk);
    case RH_CHANGE_CHUNKS_ERASE:
        return run_keyed(catalog, CHUNKS_ERASE, change->upload);
    }
    return RH_ERR_STATE;
}

static enum rh_error sqlite_commit(struct rh_catalog *base, const struct rh_batch *batch)
{
    struct catalog_sqlite *catalog = (struct catalog_sqlite *)base;
    enum rh_error error = run_simple(catalog, BEGIN);
    if (error != RH_OK)
        return error;
    for (size_t i = 0; i < batch->count && error == RH_OK; i++)
        error = apply(catalog, &batch->changes[i]);
    if (error == RH_OK)
        error = run_simple(catalog, COUNT);
    if (error == RH_OK)
        error = run_simple(catalog, COMMIT);
    if (error != RH_OK && sqlite3_get_autocommit(catalog->database) == 0)
        (void)run_simple(catalog, ROLLBACK);
    return error;
}

/* ---- Reading ---- */

static enum rh_error get_meta(struct catalog_sqlite *catalog, struct rh_rows *rows)
{
    sqlite3_stmt *statement = prepared(catalog, META_GET);
    enum rh_error error = RH_OK;
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        rows->found = true;
        rows->meta.format = (uint32_t)sqlite3_column_int64(statement, 0);
        error = column_text(statement, 1, rows->meta.generation, sizeof rows->meta.generation);
        if (sqlite3_column_bytes(statement, 2) == (int)sizeof rows->meta.id_key)
            memcpy(rows->meta.id_key, sqlite3_column_blob(statement, 2), sizeof rows->meta.id_key);
        else
            error = RH_ERR_SYNTAX;
        rows->meta.ticks = column_u64(statement, 3);
        rows->meta.wall_s = sqlite3_column_int64(statement, 4);
        rows->meta.sequence = column_u64(statement, 5);
    } else if (code != SQLITE_DONE) {
        error = RH_ERR_IO;
    }
    sqlite3_reset(statement);
    return error;
}

/* The catalog's first row: what only this catalog has, made of the entropy that came with the read.
 */
static enum rh_error make_meta(struct catalog_sqlite *catalog, const uint8_t entropy[32],
                               struct rh_rows *rows)
{
    rows->found = true;
    rows->meta = (struct rh_meta_row){.format = RH_CATALOG_FORMAT};
    (void)rh_hex_encode(rows->meta.generation, sizeof rows->meta.generation, entropy, 16);
    memcpy(rows->meta.id_key, entropy + 16, sizeof rows->meta.id_key);
    struct rh_change change = {.kind = RH_CHANGE_META, .u.meta = rows->meta};
    struct rh_batch batch = {.changes = &change, .count = 1, .cap = 1};
    enum rh_error error = sqlite_commit(&catalog->base, &batch);
    return error == RH_OK ? get_meta(catalog, rows) : error;
}

static enum rh_error read_upload_columns(sqlite3_stmt *s, struct rh_upload_row *row)
{
    if (column_text(s, 0, row->id, sizeof row->id) != RH_OK ||
        column_text(s, 1, row->session, sizeof row->session) != RH_OK ||
        column_text(s, 2, row->name, sizeof row->name) != RH_OK ||
        column_text(s, 3, row->mime, sizeof row->mime) != RH_OK ||
        column_text(s, 16, row->lease, sizeof row->lease) != RH_OK)
        return RH_ERR_SYNTAX;
    row->state = (enum rh_upload_state)sqlite3_column_int(s, 4);
    row->geometry = (enum rh_geometry)sqlite3_column_int(s, 5);
    row->partial = sqlite3_column_int(s, 6) != 0;
    row->size_disagrees = sqlite3_column_int(s, 7) != 0;
    row->overdue = sqlite3_column_int(s, 8) != 0;
    row->total = column_u64(s, 9);
    row->chunk_count = column_u64(s, 10);
    row->chunk_next = column_u64(s, 11);
    row->crc64 = column_u64(s, 12);
    row->created_wall_s = sqlite3_column_int64(s, 13);
    row->done_wall_s = sqlite3_column_int64(s, 14);
    row->touched_tick = column_u64(s, 15);
    row->lease_number = column_u64(s, 17);
    const unsigned char *metadata = sqlite3_column_text(s, 18);
    if (metadata == NULL)
        return RH_OK;
    row->metadata = strdup((const char *)metadata);
    return row->metadata == NULL ? RH_ERR_MEMORY : RH_OK;
}

/* Hands every row of a statement to `take`, and makes the statement ready for the next use. */
static enum rh_error for_rows(sqlite3_stmt *statement,
                              enum rh_error (*take)(void *context, sqlite3_stmt *), void *context)
{
    enum rh_error error = RH_OK;
    int code = SQLITE_DONE;
    while (error == RH_OK && (code = sqlite3_step(statement)) == SQLITE_ROW)
        error = take(context, statement);
    rewind_statement(statement);
    return error == RH_OK && code != SQLITE_DONE ? RH_ERR_IO : error;
}

/* Room for one more in an array whose capacity is the next power of two: nothing but the count
 * needs keeping. */
static void *grown(void *array, size_t count, size_t size)
{
    bool is_full = count == 0 || (count >= 8 && (count & (count - 1)) == 0);
    return is_full ? realloc(array, (count == 0 ? 8 : count * 2) * size) : array;
}

static enum rh_error take_interval(void *context, sqlite3_stmt *statement)
{
    struct rh_upload_rows *upload = context;
    void *array = grown(upload->intervals, upload->interval_count, sizeof *upload->intervals);
    if (array == NULL)
        return RH_ERR_MEMORY;
    upload->intervals = array;
    upload->intervals[upload->interval_count++] = (struct rh_interval){
        .offset = column_u64(statement, 0),
        .length = column_u64(statement, 1),
        .crc64 = column_u64(statement, 2),
    };
    return RH_OK;
}

static enum rh_error take_chunk(void *context, sqlite3_stmt *statement)
{
    struct rh_upload_rows *upload = context;
    void *array = grown(upload->chunks, upload->chunk_count, sizeof *upload->chunks);
    if (array == NULL)
        return RH_ERR_MEMORY;
    upload->chunks = array;
    upload->chunks[upload->chunk_count++] = (struct rh_chunk_row){
        .index = column_u64(statement, 0),
        .length = column_u64(statement, 1),
        .crc64 = column_u64(statement, 2),
        .waiting = sqlite3_column_int(statement, 3) != 0,
    };
    return RH_OK;
}

/* What a statement that selects UPLOAD_COLUMNS is read into. */
struct uploads_read {
    struct catalog_sqlite *catalog;
    struct rh_rows *rows;
};

/* One upload with its intervals and chunks. It is counted at once, so that rh_rows_free finds what
 * it holds. */
static enum rh_error take_upload(void *context, sqlite3_stmt *statement)
{
    struct uploads_read *read = context;
    struct rh_rows *rows = read->rows;
    void *array = grown(rows->uploads, rows->upload_count, sizeof *rows->uploads);
    if (array == NULL)
        return RH_ERR_MEMORY;
    rows->uploads = array;
    struct rh_upload_rows *upload = &rows->uploads[rows->upload_count++];
    *upload = (struct rh_upload_rows){0};
    enum rh_error error = read_upload_columns(statement, &upload->row);
    if (error != RH_OK)
        return error;
    sqlite3_stmt *intervals = prepared(read->catalog, INTERVALS_GET);
    bind_text(intervals, 1, upload->row.id);
    error = for_rows(intervals, take_interval, upload);
    if (error != RH_OK)
        return error;
    sqlite3_stmt *chunks = prepared(read->catalog, CHUNKS_GET);
    bind_text(chunks, 1, upload->row.id);
    return for_rows(chunks, take_chunk, upload);
}

static enum rh_error read_uploads(struct catalog_sqlite *catalog, sqlite3_stmt *statement,
                                  struct rh_rows *rows)
{
    struct uploads_read read = {.catalog = catalog, .rows = rows};
    return for_rows(statement, take_upload, &read);
}

/* SESSION_GET, or SESSION_AFTER. */
static enum rh_error read_session_row(struct catalog_sqlite *catalog, enum statement which,
                                      const char *id, struct rh_rows *rows)
{
    sqlite3_stmt *statement = prepared(catalog, which);
    enum rh_error error = RH_OK;
    bind_text(statement, 1, id);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        rows->found = true;
        error = column_text(statement, 0, rows->session.id, sizeof rows->session.id);
        if (error == RH_OK)
            error = column_text(statement, 1, rows->session.participant,
                                sizeof rows->session.participant);
        rows->session.created_wall_s = sqlite3_column_int64(statement, 2);
    } else if (code != SQLITE_DONE) {
        error = RH_ERR_IO;
    }
    rewind_statement(statement);
    return error;
}

static enum rh_error read_session(struct catalog_sqlite *catalog, const char *id,
                                  struct rh_rows *rows)
{
    enum rh_error error = read_session_row(catalog, SESSION_GET, id, rows);
    if (error != RH_OK || !rows->found)
        return error;
    sqlite3_stmt *statement = prepared(catalog, UPLOADS_OF_SESSION);
    bind_text(statement, 1, id);
    return read_uploads(catalog, statement, rows);
}

static void sqlite_read(struct rh_catalog *base, const struct rh_read *read, struct rh_rows *rows)
{
    struct catalog_sqlite *catalog = (struct catalog_sqlite *)base;
    sqlite3_stmt *statement;
    switch (read->kind) {
    case RH_READ_META:
        rows->error = get_meta(catalog, rows);
        if (rows->error == RH_OK && !rows->found)
            rows->error = make_meta(catalog, read->entropy, rows);
        return;
    case RH_READ_SESSION:
        rows->error = read_session(catalog, read->session, rows);
        return;
    case RH_READ_SESSION_AFTER:
        rows->error = read_session_row(catalog, SESSION_AFTER, read->session, rows);
        return;
    case RH_READ_UNFINISHED:
        statement = prepared(catalog, UPLOADS_UNFINISHED);
        break;
    case RH_READ_UPLOADS_AFTER:
        statement = prepared(catalog, UPLOADS_AFTER);
        bind_text(statement, 1, read->upload);
        bind_u64(statement, 2, RH_READ_UPLOADS_MAX);
        break;
    case RH_READ_UPLOAD:
        statement = prepared(catalog, UPLOAD_GET);
        bind_text(statement, 1, read->upload);
        break;
    case RH_READ_UPLOAD_NAMED:
        statement = prepared(catalog, UPLOAD_GET_NAMED);
        bind_text(statement, 1, read->session);
        bind_text(statement, 2, read->name);
        break;
    default:
        rows->error = RH_ERR_STATE;
        return;
    }
    rows->error = read_uploads(catalog, statement, rows);
    rows->found = rows->upload_count > 0;
}

/* ---- Opening ---- */

static int64_t pragma_value(struct catalog_sqlite *catalog, const char *text)
{
    sqlite3_stmt *statement = NULL;
    int64_t value = -1;
    if (sqlite3_prepare_v2(catalog->database, text, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static enum rh_error execute(struct catalog_sqlite *catalog, const char *text)
{
    int code = sqlite3_exec(catalog->database, text, NULL, NULL, NULL);
    return code == SQLITE_OK ? RH_OK : code == SQLITE_FULL ? RH_ERR_FULL : RH_ERR_IO;
}

/* user_version is the format of the rows; 0 is a database nobody has written yet. */
static enum rh_error prepare_schema(struct catalog_sqlite *catalog)
{
    char text[128];
    int64_t format = pragma_value(catalog, "PRAGMA user_version");
    if (format < 0)
        return RH_ERR_IO;
    if (format > RH_CATALOG_FORMAT)
        return RH_ERR_VERSION;
    if (format == RH_CATALOG_FORMAT)
        return RH_OK;
    enum rh_error error = execute(catalog, "BEGIN IMMEDIATE");
    if (error == RH_OK)
        error = execute(catalog, format == 0 ? schema : from_1_to_2);
    snprintf(text, sizeof text, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
             APPLICATION_ID, RH_CATALOG_FORMAT);
    return error == RH_OK ? execute(catalog, text) : error;
}

/* Others may read along. A file system without shared memory makes it this process's alone. */
static enum rh_error prepare_journal(struct catalog_sqlite *catalog)
{
    sqlite3_stmt *statement = NULL;
    bool is_wal = sqlite3_prepare_v2(catalog->database, "PRAGMA journal_mode = WAL", -1, &statement,
                                     NULL) == SQLITE_OK &&
                  sqlite3_step(statement) == SQLITE_ROW &&
                  strcmp((const char *)sqlite3_column_text(statement, 0), "wal") == 0;
    sqlite3_finalize(statement);
    enum rh_error error = RH_OK;
    if (!is_wal)
        error = execute(catalog, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL");
    if (error == RH_OK && RH_PLANTED("catalog-sync-normal"))
        return execute(catalog, "PRAGMA synchronous = NORMAL");
    return error == RH_OK ? execute(catalog, "PRAGMA synchronous = FULL") : error;
}

/* The same bytes once more, and onto the medium. */
static int write_again(sqlite3_file *file)
{
    static const int piece = 1 << 16;
    sqlite3_int64 size = 0;
    int code = file->pMethods->xFileSize(file, &size);
    void *bytes = malloc((size_t)piece);
    if (bytes == NULL)
        code = SQLITE_NOMEM;
    for (sqlite3_int64 at = 0; code == SQLITE_OK && at < size; at += piece) {
        int count = size - at < piece ? (int)(size - at) : piece;
        code = file->pMethods->xRead(file, bytes, count, at);
        if (code == SQLITE_OK)
            code = file->pMethods->xWrite(file, bytes, count, at);
    }
    free(bytes);
    return code == SQLITE_OK ? file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) : code;
}

/*
 * After an fsync that failed the process ended, but the pages it was about may still be in memory,
 * marked clean: a log that is read back now looks whole, and no later fsync would write them. All
 * that is committed behind such a gap would be gone with the power. So the log is written anew
 * before anything in it is believed. (What a checkpoint failed to sync is in the log too.)
 */
static enum rh_error renew_log(struct catalog_sqlite *catalog)
{
    sqlite3_file *file = NULL;
    enum rh_error error = execute(catalog, "BEGIN IMMEDIATE");
    if (error != RH_OK || RH_PLANTED("catalog-trusts-memory"))
        return error == RH_OK ? execute(catalog, "COMMIT") : error;
    int code = sqlite3_file_control(catalog->database, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file);
    if (code == SQLITE_OK && file != NULL && file->pMethods != NULL)
        code = write_again(file);
    error = execute(catalog, "COMMIT");
    return code == SQLITE_OK ? error : code == SQLITE_FULL ? RH_ERR_FULL : RH_ERR_IO;
}

/* SQLite makes the names of its journals durable, not that of the database itself. */
static enum rh_error sync_name(struct catalog_sqlite *catalog, const char *path)
{
    char copy[PATH_MAX];
    int code = sqlite3_file_control(catalog->database, "main", RH_CATALOG_SYNC_NAME, NULL);
    if (code != SQLITE_NOTFOUND)
        return code == SQLITE_OK ? RH_OK : RH_ERR_IO;
    if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy)
        return RH_ERR_LIMIT;
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return RH_ERR_IO;
    enum rh_error error = fsync(fd) == 0 ? RH_OK : RH_ERR_IO;
    close(fd);
    return error;
}

static void sqlite_close(struct rh_catalog *base)
{
    struct catalog_sqlite *catalog = (struct catalog_sqlite *)base;
    if (catalog == NULL)
        return;
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(catalog->statements[i]);
    sqlite3_close(catalog->database);
    free(catalog);
}

static const struct rh_catalog_ops sqlite_ops = {
    .read = sqlite_read,
    .commit = sqlite_commit,
    .close = sqlite_close,
};

enum rh_error rh_catalog_sqlite_open(struct rh_catalog **out, const char *path)
{
    struct catalog_sqlite *catalog = calloc(1, sizeof *catalog);
    enum rh_error error;
    if (catalog == NULL)
        return RH_ERR_MEMORY;
    catalog->base.ops = &sqlite_ops;
    int code =
        sqlite3_open_v2(path, &catalog->database,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    error = code == SQLITE_OK ? RH_OK : RH_ERR_IO;
    if (error == RH_OK) {
        sqlite3_busy_timeout(catalog->database, 5000);
        error = prepare_journal(catalog);
    }
    if (error == RH_OK)
        error = renew_log(catalog);
    if (error == RH_OK)
        error = prepare_schema(catalog);
    if (error == RH_OK)
        error = sync_name(catalog, path);
    if (error != RH_OK) {
        sqlite_close(&catalog->base);
        return error;
    }
    *out = &catalog->base;
    return RH_OK;
}
