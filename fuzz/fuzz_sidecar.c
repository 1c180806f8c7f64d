/* SPDX-License-Identifier: MIT */
/*
 * The companions of the bytes, read when a catalog is made anew: the first byte says which of the
 * files (identity, session.json, metadata.json) of a data directory becomes the rest of the input.
 * The rebuild ends, and the receiver starts on what it made: whatever a companion says, no row
 * comes of it that a version of ours could not have written.
 */
#include "../test/fault/life.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "folder.h"
#include "input.h"
#include "vault/check.h"

static struct receiver receiver;
static struct life_facts facts;
static char database[300];
static size_t companions[FOLDER_FILES];
static size_t companion_count;

static void found(void *context, const struct rh_finding *finding)
{
    (void)context;
    RH_ASSERT(finding->text != NULL);
    RH_ASSERT(finding->kind != NULL);
}

static void rebuild(struct rh_catalog *catalog)
{
    struct rh_check_totals totals = {0};
    struct rh_rows rows = {0};
    struct rh_read read = {.kind = RH_READ_META};
    catalog->ops->read(catalog, &read, &rows); /* makes its first row */
    rh_rows_free(&rows);
    int root = open(folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    RH_ASSERT(root >= 0);
    struct rh_check_how how = {.root = root, .catalog = catalog, .repair = true, .found = found};
    RH_ASSERT(rh_check_run(&how, &totals) == RH_OK);
    close(root);
}

/* Every row there is. */
static void check_rows(struct rh_catalog *catalog)
{
    struct rh_read read = {.kind = RH_READ_UPLOADS_AFTER};
    for (bool more = true; more;) {
        struct rh_rows rows = {0};
        catalog->ops->read(catalog, &read, &rows);
        RH_ASSERT(rows.error == RH_OK);
        more = rows.upload_count > 0;
        for (size_t i = 0; i < rows.upload_count; i++) {
            const char *problem = rh_upload_rows_problem(&rows.uploads[i]);
            if (problem != NULL)
                fprintf(stderr, "%s: %s\n", rows.uploads[i].row.id, problem);
            RH_ASSERT(problem == NULL);
            strcpy(read.upload, rows.uploads[i].row.id);
        }
        rh_rows_free(&rows);
    }
}

static void live(bool first)
{
    struct rh_store *store = NULL;
    struct rh_catalog *catalog = NULL;
    RH_ASSERT(rh_store_files_open(&store, folder_path) == RH_OK);
    RH_ASSERT(rh_catalog_sqlite_open(&catalog, database) == RH_OK);
    if (!first) {
        rebuild(catalog);
        check_rows(catalog);
    }
    receiver_init(&receiver, catalog, store, NULL);
    receiver.seed = 1;
    RH_ASSERT(receiver_start(&receiver) == RH_OK);
    RH_ASSERT(!receiver.fatal);
    if (first)
        RH_ASSERT(life_begin(&receiver, &facts, 15));
    receiver_pass(&receiver, 6);
    RH_ASSERT(!receiver.fatal);
    receiver_stop(&receiver);
    catalog->ops->close(catalog);
    store->ops->close(store);
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text);
    return size >= strlen(end) && strcmp(text + size - strlen(end), end) == 0;
}

static void prepare(void)
{
    if (folder_count > 0)
        return;
    folder_make("sidecar");
    snprintf(database, sizeof database, "%s/reelhaul.db", folder_path);
    live(true);
    folder_keep();
    for (size_t i = 0; i < folder_count; i++) {
        const char *path = folder_files[i].path;
        if (ends_with(path, ".identity") || ends_with(path, ".json"))
            companions[companion_count++] = i;
    }
    RH_ASSERT(companion_count >= 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    if (size < 1 || size > 4096)
        return 0;
    prepare();
    folder_restore();
    (void)unlink(database);
    const struct folder_file *old = &folder_files[companions[input_u8(&in) % companion_count]];
    struct folder_file file = *old;
    static uint8_t bytes[4096];
    memcpy(bytes, in.data, in.size);
    file.bytes = bytes;
    file.size = in.size;
    folder_write(&file);
    live(false);
    return 0;
}
