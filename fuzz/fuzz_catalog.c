/* SPDX-License-Identifier: MIT */
/*
 * A data directory whose catalog was not written by us alone. First byte even: some values of rows
 * are replaced by others, of any type; odd: some bytes of the database file are changed. On such a
 * directory the receiver does not start and says why, or it starts and answers; it never breaks,
 * what it says of an upload agrees with itself, and no row leads it to a file outside its places.
 * (That ranges moved as a whole are not what came is for fsck to see, which reads the bytes.)
 */
#include <sqlite3.h>

#include "../test/fault/life.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "fields/receipt.h"
#include "folder.h"
#include "input.h"

static struct receiver receiver;
static struct life_facts facts;
static char database[300];

static bool open_and(void (*use)(struct receiver *))
{
    struct rh_store *store = NULL;
    struct rh_catalog *catalog = NULL;
    bool good = false;
    RH_ASSERT(rh_store_files_open(&store, folder_path) == RH_OK);
    if (rh_catalog_sqlite_open(&catalog, database) == RH_OK) {
        receiver_init(&receiver, catalog, store, NULL);
        receiver.seed = 1;
        RH_ASSERT(receiver_start(&receiver) == RH_OK);
        good = !receiver.fatal;
        if (good)
            use(&receiver);
        else
            RH_ASSERT(receiver.last_log != NULL); /* it says why it does not start */
        receiver_stop(&receiver);
        catalog->ops->close(catalog);
    }
    store->ops->close(store);
    return good;
}

/* Uploads by ranges and by chunks, open. */
static void fill(struct receiver *r)
{
    RH_ASSERT(life_begin(r, &facts, 12));
}

static void prepare(void)
{
    if (folder_count > 0)
        return;
    folder_make("catalog");
    snprintf(database, sizeof database, "%s/reelhaul.db", folder_path);
    RH_ASSERT(open_and(fill));
    folder_keep();
}

/* ---- damage ---- */

static void run_sql(sqlite3 *db, const char *text, struct input *in)
{
    sqlite3_stmt *statement = NULL;
    uint8_t type = input_u8(in);
    if (sqlite3_prepare_v2(db, text, -1, &statement, NULL) != SQLITE_OK) {
        /* Formats of the catalog differ; anything else would be a mistake here. */
        RH_ASSERT(strstr(sqlite3_errmsg(db), "no such column") != NULL);
        return;
    }
    struct rh_bytes line = input_line(in);
    if (type < 0x60) {
        struct input number = {line.data, line.size};
        sqlite3_bind_int64(statement, 1, (sqlite3_int64)input_u64(&number));
    } else if (type < 0xc0) {
        sqlite3_bind_text(statement, 1, (const char *)line.data, (int)line.size, SQLITE_STATIC);
    } else if (type < 0xe0) {
        sqlite3_bind_blob(statement, 1, line.data, (int)line.size, SQLITE_STATIC);
    } else if (type < 0xf0) {
        sqlite3_bind_double(statement, 1, 1e300 * (type - 0xe8));
    }
    (void)sqlite3_step(statement); /* a constraint may refuse it */
    sqlite3_finalize(statement);
}

static void damage_rows(struct input *in)
{
    static const char *const columns[] = {"uploads.id",
                                          "uploads.session",
                                          "uploads.name",
                                          "uploads.mime",
                                          "uploads.state",
                                          "uploads.geometry",
                                          "uploads.partial",
                                          "uploads.overdue",
                                          "uploads.total",
                                          "uploads.chunk_count",
                                          "uploads.chunk_next",
                                          "uploads.crc64",
                                          "uploads.created_wall_s",
                                          "uploads.done_wall_s",
                                          "uploads.touched_tick",
                                          "uploads.lease",
                                          "uploads.lease_number",
                                          "uploads.metadata",
                                          "intervals.upload",
                                          "intervals.offset",
                                          "intervals.length",
                                          "intervals.crc64",
                                          "chunks.upload",
                                          "chunks.number",
                                          "chunks.length",
                                          "chunks.crc64",
                                          "chunks.waiting",
                                          "sessions.id",
                                          "sessions.participant",
                                          "sessions.created_wall_s",
                                          "meta.generation",
                                          "meta.id_key",
                                          "meta.ticks",
                                          "meta.wall_s",
                                          "meta.format",
                                          "meta.sequence"};
    sqlite3 *db = NULL;
    RH_ASSERT(sqlite3_open(database, &db) == SQLITE_OK);
    for (unsigned i = 0; i < 4 && in->size > 0; i++) {
        char text[256];
        const char *column = columns[input_u8(in) % (sizeof columns / sizeof columns[0])];
        int table = (int)(strchr(column, '.') - column);
        const char *name = column + table + 1;
        snprintf(text, sizeof text,
                 "UPDATE OR REPLACE %.*s SET %s = ?1 WHERE %s = (SELECT %s FROM %.*s LIMIT 1 "
                 "OFFSET %u %% max(1, (SELECT count(*) FROM %.*s)))",
                 table, column, name, name, name, table, column, input_u8(in) % 12u, table, column);
        run_sql(db, text, in);
    }
    sqlite3_close(db);
}

static void damage_bytes(struct input *in)
{
    FILE *file = fopen(database, "r+b");
    RH_ASSERT(file != NULL);
    RH_ASSERT(fseek(file, 0, SEEK_END) == 0);
    uint32_t pages = (uint32_t)ftell(file) / 64;
    for (unsigned i = 0; i < 8 && in->size > 0; i++) {
        long at = (long)input_below(in, pages) * 64 + input_u8(in) % 64;
        RH_ASSERT(fseek(file, at, SEEK_SET) == 0);
        RH_ASSERT(fputc(input_u8(in), file) >= 0);
    }
    fclose(file);
}

/* ---- use ---- */

static void request(struct receiver *r, const char *text)
{
    struct rh_bytes in = rh_bytes_of(text);
    (void)receiver_exchange(r, &in, 0);
    if (!r->has_file)
        return;
    RH_ASSERT(strncmp(r->file.path, "recordings/", 11) == 0 ||
              strncmp(r->file.path, "files/", 6) == 0);
    RH_ASSERT(strstr(r->file.path, "..") == NULL);
}

/* What is said of an upload agrees with itself: ranges are ranges, and what is done has all. */
static void check_said(struct receiver *r)
{
    struct rh_ranges list;
    struct rh_ranges_item item;
    uint64_t end = 0;
    size_t count = 0;
    r->answer[r->answer_size] = '\0';
    if (r->status != 200)
        return;
    rh_ranges_init(&list, receiver_header(r, "Reelhaul-Durable"));
    for (; rh_ranges_next(&list, &item); count++)
        end = item.range.offset + item.range.length;
    RH_ASSERT(rh_ranges_end(&list) == RH_OK);
    if (!rh_bytes_equal_str(receiver_header(r, "Reelhaul-State"), "done"))
        return;
    RH_ASSERT(receiver_header(r, "Reelhaul-Missing").size == 0 ||
              strstr(r->answer, "\"partial\":true") != NULL);
    struct rh_receipt receipt;
    RH_ASSERT(rh_receipt_parse(receiver_header(r, "Reelhaul-Receipt"), &receipt) == RH_OK);
    RH_ASSERT(receipt.length == end || strstr(r->answer, "\"partial\":true") != NULL);
}

static void look(struct receiver *r)
{
    static const char *const names[] = {"ranges", "chunks", "growing"};
    char text[512];
    for (unsigned i = 0; i < 3 && !r->fatal; i++) {
        snprintf(text, sizeof text, "GET /api/v1/videos/%s HTTP/1.1\r\nHost: test\r\n\r\n",
                 facts.videos[i].id);
        request(r, text);
        if (r->fatal)
            return;
        check_said(r);
        snprintf(text, sizeof text,
                 "GET /recordings/3f2b8c1e-5d4a-4f6b-9e8d-7c6b5a493827/%s.webm HTTP/1.1\r\n"
                 "Host: test\r\n\r\n",
                 names[i]);
        request(r, text);
    }
}

static void use(struct receiver *r)
{
    static struct life_facts again;
    look(r);
    again = facts;
    if (!r->fatal)
        (void)life_run(r, &again, NULL); /* as far as it comes */
    if (!r->fatal)
        look(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    if (size > 4096)
        return 0;
    prepare();
    folder_restore();
    if ((input_u8(&in) & 1) != 0)
        damage_bytes(&in);
    else
        damage_rows(&in);
    (void)open_and(use);
    return 0;
}
