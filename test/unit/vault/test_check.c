/* SPDX-License-Identifier: MIT */
/* The rules of vault/check.h and vault/generation.h, each on files and rows made by hand. */
#include "vault/check.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/base64.h"
#include "base/bytes.h"
#include "base/crc64.h"
#include "vault/generation.h"

#define SESSION "11111111-2222-4333-8444-555555555555"

static struct place {
    char directory[64];
    int root;
    struct rh_catalog *catalog;
    char kinds[1024]; /* of findings, one after the other */
    struct rh_check_totals totals;
} place;

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static int setup(void **state)
{
    static const uint8_t entropy[32] = {1, 2, 3};
    struct rh_read read = {.kind = RH_READ_META};
    struct rh_rows rows = {0};
    (void)state;
    memset(&place, 0, sizeof place);
    strcpy(place.directory, "/tmp/reelhaul-check-XXXXXX");
    if (mkdtemp(place.directory) == NULL)
        return -1;
    place.root = open(place.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    place.catalog = rh_catalog_model_open();
    memcpy(read.entropy, entropy, sizeof entropy);
    place.catalog->ops->read(place.catalog, &read, &rows);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (place.catalog != NULL)
        place.catalog->ops->close(place.catalog);
    close(place.root);
    return nftw(place.directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- Files and rows ---- */

static void put_file(const char *path, const void *data, size_t size)
{
    char part[512];
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        (void)mkdirat(place.root, part, 0700);
    }
    int fd = openat(place.root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), size);
    close(fd);
}

static void put_text(const char *path, const char *text)
{
    put_file(path, text, strlen(text));
}

static bool is_there(const char *path)
{
    return faccessat(place.root, path, F_OK, 0) == 0;
}

static uint64_t crc_of(const char *text)
{
    return rh_crc64_update(0, text, strlen(text));
}

/* What text.c writes beside a finished file; `more` goes into "reelhaul". */
static void put_companion(const char *path, const char *upload, const char *bytes, const char *more)
{
    char text[1024];
    char crc[RH_BASE64_SIZE(8) + 1];
    uint8_t raw[8];
    rh_be64_put(raw, crc_of(bytes));
    crc[rh_base64_encode(crc, sizeof crc - 1, raw, sizeof raw)] = '\0';
    snprintf(text, sizeof text,
             "{\"prompt_id\": \"p\", \"reelhaul\": {\"upload_id\": \"%s\", \"mime_type\": "
             "\"video/webm\", \"size\": %zu, \"crc64nvme\": \"%s\", \"created_at\": "
             "\"2026-01-02T03:04:05\", \"uploaded_at\": \"2026-01-02T03:05:05\"%s}}",
             upload, strlen(bytes), crc, more);
    put_text(path, text);
}

static void add_session(struct rh_batch *batch)
{
    struct rh_change *change = rh_batch_add(batch, RH_CHANGE_SESSION);
    RH_MEMORY(change);
    memcpy(change->u.session.id, SESSION, sizeof SESSION);
}

static void put_row(const char *id, const char *name, enum rh_upload_state state, const char *bytes,
                    size_t acked)
{
    struct rh_batch batch = {0};
    struct rh_upload_row *row = &rh_batch_add(&batch, RH_CHANGE_UPLOAD)->u.upload_row;
    strcpy(row->id, id);
    strcpy(row->session, SESSION);
    strcpy(row->name, name);
    strcpy(row->mime, "video/webm");
    row->state = state;
    row->geometry = RH_GEOMETRY_RANGES;
    row->total = strlen(bytes);
    row->chunk_count = RH_SIZE_UNKNOWN;
    row->crc64 = crc_of(bytes);
    if (acked > 0) {
        struct rh_change *change = rh_batch_add(&batch, RH_CHANGE_INTERVAL);
        strcpy(change->upload, id);
        change->u.interval =
            (struct rh_interval){.length = acked, .crc64 = rh_crc64_update(0, bytes, acked)};
    }
    add_session(&batch);
    assert_int_equal(place.catalog->ops->commit(place.catalog, &batch), RH_OK);
    rh_batch_free(&batch);
}

static void found(void *context, const struct rh_finding *finding)
{
    (void)context;
    assert_true(strlen(place.kinds) + strlen(finding->kind) + 3 < sizeof place.kinds);
    strcat(place.kinds, finding->weight == RH_FOUND_PROBLEM    ? "!"
                        : finding->weight == RH_FOUND_REPAIRED ? "+"
                                                               : "");
    strcat(place.kinds, finding->kind);
    strcat(place.kinds, " ");
}

static void check(bool repair)
{
    struct rh_check_how how = {.root = place.root,
                               .catalog = place.catalog,
                               .repair = repair,
                               .deep = true,
                               .found = found};
    place.kinds[0] = '\0';
    assert_int_equal(rh_check_run(&how, &place.totals), RH_OK);
}

/* The live upload of a name; free it. */
static void read_named(const char *name, struct rh_rows *rows)
{
    struct rh_read read = {.kind = RH_READ_UPLOAD_NAMED, .session = SESSION};
    strcpy(read.name, name);
    *rows = (struct rh_rows){0};
    place.catalog->ops->read(place.catalog, &read, rows);
}

static enum rh_upload_state state_of(const char *id)
{
    struct rh_read read = {.kind = RH_READ_UPLOAD};
    struct rh_rows rows = {0};
    strcpy(read.upload, id);
    place.catalog->ops->read(place.catalog, &read, &rows);
    enum rh_upload_state state = rows.upload_count > 0 ? rows.uploads[0].row.state : 0;
    rh_rows_free(&rows);
    return state;
}

#define DIR    "recordings/" SESSION "/"
#define OBJECT DIR "take.webm"
#define BESIDE DIR "take.metadata.json"

static void put_session(void)
{
    put_text(DIR "session.json",
             "{\"session_id\": \"" SESSION "\", \"created_at\": \"2026-01-02T03:00:00\", "
             "\"participant_id\": \"P-1\", \"videos\": []}");
}

/* ---- Finished files ---- */

static void a_file_without_a_row_is_taken_in_by_its_companion(void **state)
{
    struct rh_rows rows;
    (void)state;
    put_session();
    put_text(OBJECT, "the bytes");
    put_companion(BESIDE, "id-1", "the bytes", "");
    check(false);
    assert_string_equal(place.kinds, "!session-adopted !object-adopted ");
    check(true);
    assert_string_equal(place.kinds, "+session-adopted +object-adopted ");
    check(true);
    assert_string_equal(place.kinds, "");
    read_named("take", &rows);
    assert_int_equal(rows.upload_count, 1);
    assert_string_equal(rows.uploads[0].row.id, "id-1");
    assert_int_equal(rows.uploads[0].row.state, RH_UPLOAD_DONE);
    assert_true(rows.uploads[0].row.crc64 == crc_of("the bytes"));
    assert_int_equal(rows.uploads[0].row.created_wall_s, 1767323045);
    assert_string_equal(rows.uploads[0].row.metadata, "{\"prompt_id\":\"p\"}");
    assert_int_equal(rows.uploads[0].interval_count, 1);
    rh_rows_free(&rows);
}

static void a_file_without_a_companion_is_what_it_is(void **state)
{
    struct rh_rows rows;
    (void)state;
    put_session();
    put_text(DIR "take.mp4", "the bytes");
    check(true);
    read_named("take", &rows);
    assert_int_equal(rows.upload_count, 1);
    assert_int_equal(strlen(rows.uploads[0].row.id), RH_ID_TEXT_MAX - 1);
    assert_string_equal(rows.uploads[0].row.mime, "video/mp4");
    assert_true(rows.uploads[0].row.crc64 == crc_of("the bytes"));
    rh_rows_free(&rows);
    check(true);
    assert_string_equal(place.kinds, "companion-missing ");
}

static void a_file_that_is_not_what_its_companion_says_goes_aside(void **state)
{
    (void)state;
    put_session();
    put_text(OBJECT, "the bytes");
    put_companion(BESIDE, "id-1", "other bytes", "");
    check(true);
    assert_string_equal(place.kinds, "+session-adopted +object-damaged ");
    assert_false(is_there(OBJECT));
    assert_true(is_there("aside/" OBJECT));
    assert_true(is_there("aside/" BESIDE));
}

static void a_copied_companion_does_not_bring_its_id(void **state)
{
    struct rh_rows rows;
    (void)state;
    put_session();
    put_text(OBJECT, "the bytes");
    put_companion(BESIDE, "id-1", "the bytes", "");
    put_text(DIR "twin.webm", "the bytes");
    put_companion(DIR "twin.metadata.json", "id-1", "the bytes", "");
    check(true);
    read_named("take", &rows);
    assert_string_equal(rows.uploads[0].row.id, "id-1");
    rh_rows_free(&rows);
    read_named("twin", &rows);
    assert_int_equal(rows.upload_count, 1);
    assert_string_not_equal(rows.uploads[0].row.id, "id-1");
    rh_rows_free(&rows);
}

static void numbered_chunks_come_back_from_their_runs(void **state)
{
    struct rh_rows rows;
    (void)state;
    put_session();
    put_text(OBJECT, "aabbc");
    put_companion(BESIDE, "id-1", "aabbc", ", \"chunks\": [[2, 2], [1, 1]]");
    check(true);
    read_named("take", &rows);
    assert_int_equal(rows.uploads[0].row.geometry, RH_GEOMETRY_CHUNKS);
    assert_int_equal(rows.uploads[0].chunk_count, 3);
    assert_true(rows.uploads[0].chunks[1].crc64 == crc_of("bb"));
    assert_true(rows.uploads[0].chunks[2].crc64 == crc_of("c"));
    rh_rows_free(&rows);
}

static void runs_that_do_not_add_up_are_not_believed(void **state)
{
    static const char *const wrong[] = {
        "[[3, 2]]",
        "[[1, 5], [1, 1]]",
        "[[-1, 5]]",
        "[[99999999, 1]]",
        "[[2, 9223372036854775807]]",
        "[[1, -5]]",
        "{}",
        "[[1]]",
        "[]",
    };
    (void)state;
    put_session();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct rh_rows rows;
        char more[128];
        char name[32];
        char path[256];
        char id[16];
        snprintf(name, sizeof name, "take%zu", i);
        snprintf(id, sizeof id, "id-%zu", i);
        snprintf(more, sizeof more, ", \"chunks\": %s", wrong[i]);
        snprintf(path, sizeof path, DIR "%s.webm", name);
        put_text(path, "aabbc");
        snprintf(path, sizeof path, DIR "%s.metadata.json", name);
        put_companion(path, id, "aabbc", more);
        check(true);
        read_named(name, &rows);
        assert_int_equal(rows.uploads[0].row.geometry, RH_GEOMETRY_RANGES);
        assert_int_equal(rows.uploads[0].chunk_count, 0);
        assert_true(rows.uploads[0].intervals[0].crc64 == crc_of("aabbc"));
        rh_rows_free(&rows);
    }
}

/* ---- A file and an unfinished row of its name ---- */

static void an_unfinished_row_of_the_same_upload_is_done(void **state)
{
    (void)state;
    put_session();
    put_row("id-1", "take", RH_UPLOAD_OPEN, "the bytes", 4);
    put_text(OBJECT, "the bytes");
    put_companion(BESIDE, "id-1", "the bytes", "");
    check(true);
    assert_int_equal(state_of("id-1"), RH_UPLOAD_DONE);
    check(true);
    assert_string_equal(place.kinds, "");
}

static void without_a_companion_its_acknowledged_bytes_tell(void **state)
{
    (void)state;
    put_session();
    put_row("id-1", "take", RH_UPLOAD_OPEN, "the bytes", 4);
    put_text(OBJECT, "the bytes");
    check(true);
    assert_int_equal(state_of("id-1"), RH_UPLOAD_DONE);
}

static void an_unfinished_row_of_another_upload_gives_the_name_up(void **state)
{
    struct rh_rows rows;
    (void)state;
    put_session();
    put_row("id-1", "take", RH_UPLOAD_OPEN, "other bytes", 4);
    put_text("incoming/id-1", "othe");
    put_text(OBJECT, "the bytes");
    check(true);
    assert_int_equal(state_of("id-1"), RH_UPLOAD_LOST);
    read_named("take", &rows);
    assert_int_equal(rows.uploads[0].row.state, RH_UPLOAD_DONE);
    assert_string_not_equal(rows.uploads[0].row.id, "id-1");
    rh_rows_free(&rows);
    assert_true(is_there("aside/incoming/id-1"));
    assert_true(is_there(OBJECT));
}

static void a_row_with_all_its_bytes_keeps_the_name(void **state)
{
    (void)state;
    put_session();
    put_row("id-1", "take", RH_UPLOAD_FINISHING, "all of it", 9);
    put_text("incoming/id-1", "all of it");
    put_text(OBJECT, "something else");
    put_companion(BESIDE, "id-2", "something else", "");
    check(true);
    assert_string_equal(place.kinds, "+name-taken ");
    assert_int_equal(state_of("id-1"), RH_UPLOAD_FINISHING);
    assert_true(is_there("incoming/id-1"));
    assert_true(is_there("aside/" OBJECT));
    assert_false(is_there(OBJECT));
}

/* ---- Unfinished ---- */

static void damaged_ranges_are_asked_for_again_and_kept_aside(void **state)
{
    struct rh_rows rows;
    struct rh_batch batch = {0};
    (void)state;
    put_session();
    put_row("id-1", "take", RH_UPLOAD_OPEN, "0123456789", 4);
    struct rh_change *change = rh_batch_add(&batch, RH_CHANGE_INTERVAL);
    strcpy(change->upload, "id-1");
    change->u.interval = (struct rh_interval){.offset = 6, .length = 2, .crc64 = crc_of("67")};
    assert_int_equal(place.catalog->ops->commit(place.catalog, &batch), RH_OK);
    rh_batch_free(&batch);
    put_text("incoming/id-1", "012x456789");
    check(false);
    assert_string_equal(place.kinds, "!bytes-missing ");
    check(true);
    assert_string_equal(place.kinds, "+bytes-missing ");
    read_named("take", &rows);
    assert_int_equal(rows.uploads[0].interval_count, 1);
    assert_int_equal(rows.uploads[0].intervals[0].offset, 6);
    rh_rows_free(&rows);
    assert_true(is_there("incoming/id-1"));
    assert_true(is_there("aside/incoming/id-1"));
}

static void a_finishing_one_that_lacks_bytes_is_open_again(void **state)
{
    (void)state;
    put_session();
    put_row("id-1", "take", RH_UPLOAD_FINISHING, "0123456789", 10);
    put_text("incoming/id-1", "01234");
    check(true);
    assert_int_equal(state_of("id-1"), RH_UPLOAD_OPEN);
}

static void a_finished_one_whose_file_is_gone_is_lost_until_it_comes_back(void **state)
{
    (void)state;
    put_session();
    put_row("id-1", "take", RH_UPLOAD_DONE, "the bytes", 9);
    check(true);
    assert_string_equal(place.kinds, "+object-missing ");
    assert_int_equal(state_of("id-1"), RH_UPLOAD_LOST);
    put_text(OBJECT, "the bytes");
    put_companion(BESIDE, "id-1", "the bytes", "");
    check(true);
    assert_int_equal(state_of("id-1"), RH_UPLOAD_DONE);
}

static void strangers_are_left_alone(void **state)
{
    (void)state;
    put_session();
    put_row("id-1", "take", RH_UPLOAD_DONE, "the bytes", 9);
    put_text(OBJECT, "the bytes");
    put_companion(BESIDE, "id-1", "the bytes", "");
    put_text(DIR "notes.txt~", "mine");
    put_text(DIR "take.seekable.webm", "derived");
    put_text("recordings/..hidden/x", "mine");
    assert_int_equal(symlinkat("/etc/passwd", place.root, DIR "link.webm"), 0);
    check(true);
    assert_string_equal(place.kinds, "stranger stranger stranger ");
    assert_true(is_there(DIR "notes.txt~"));
}

/* ---- Merging and generations ---- */

static struct rh_witnessed_upload *witnessed(const char *id, const char *name,
                                             enum rh_upload_state state)
{
    struct rh_witnessed_upload *upload = calloc(1, sizeof *upload);
    RH_MEMORY(upload);
    strcpy(upload->rows.row.id, id);
    strcpy(upload->rows.row.session, SESSION);
    strcpy(upload->rows.row.name, name);
    upload->rows.row.state = state;
    upload->rows.row.geometry = RH_GEOMETRY_RANGES;
    upload->has_row = true;
    return upload;
}

/* The witness's upload has the name; whoever bore it in the older catalog has not. */
static void a_witnessed_name_belongs_to_the_witnessed_upload(void **state)
{
    struct rh_witnessed_upload *uploads[] = {
        witnessed("id-2", "take", RH_UPLOAD_OPEN), witnessed("id-3", "swap", RH_UPLOAD_OPEN),
        witnessed("id-4", "swap", RH_UPLOAD_EXPIRED), witnessed("id-5", "gone", RH_UPLOAD_OPEN)};
    struct rh_witnessed w = {.uploads = uploads, .upload_count = 4};
    struct rh_rows rows;
    (void)state;
    uploads[3]->has_row = false;
    uploads[3]->is_erased = true;
    put_row("id-1", "take", RH_UPLOAD_OPEN, "bytes", 2);
    put_row("id-4", "swap", RH_UPLOAD_OPEN, "bytes", 2);
    put_row("id-5", "gone", RH_UPLOAD_OPEN, "bytes", 2);
    for (int damaged = 0; damaged < 2; damaged++) {
        w.summary.is_damaged = damaged != 0;
        assert_int_equal(rh_check_merge(place.root, place.catalog, &w, "another"), RH_OK);
        read_named("take", &rows);
        assert_string_equal(rows.uploads[0].row.id, "id-2");
        rh_rows_free(&rows);
        read_named("swap", &rows);
        assert_string_equal(rows.uploads[0].row.id, "id-3");
        rh_rows_free(&rows);
        assert_int_equal(state_of("id-1"), 0);
        assert_int_equal(state_of("id-5"), 0);
    }
    for (size_t i = 0; i < 4; i++)
        free(uploads[i]);
}

static void open_generation(char generation[33], enum rh_opened *opened)
{
    struct rh_opening opening = {.found = found};
    struct rh_catalog *catalog = NULL;
    struct rh_read read = {.kind = RH_READ_META};
    struct rh_rows rows = {0};
    struct rh_batch batch = {0};
    assert_int_equal(rh_generation_open(&catalog, place.directory, &opening), RH_OK);
    catalog->ops->read(catalog, &read, &rows);
    memcpy(generation, rows.meta.generation, 33);
    add_session(&batch);
    assert_int_equal(catalog->ops->commit(catalog, &batch), RH_OK);
    rh_batch_free(&batch);
    catalog->ops->close(catalog);
    *opened = opening.opened;
}

static void save(const char *name, const char *as)
{
    char command[300];
    snprintf(command, sizeof command, "cp %s/%s %s/%s", place.directory, name, place.directory, as);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
}

static void generations_change_when_the_catalog_does(void **state)
{
    char first[33];
    char next[33];
    char last[33];
    enum rh_opened opened;
    struct rh_opening opening = {0};
    struct rh_catalog *catalog = NULL;
    (void)state;
    open_generation(first, &opened);
    assert_int_equal(opened, RH_OPENED_NEW);
    open_generation(next, &opened);
    assert_int_equal(opened, RH_OPENED_SAME);
    assert_string_equal(next, first);
    save("reelhaul.db", "older");
    save("reelhaul.witness", "older-witness");
    /* Its inode stays taken, so that no copy of it can come to have the same. */
    assert_int_equal(linkat(place.root, "reelhaul.witness", place.root, "pin", 0), 0);
    open_generation(next, &opened);
    save("older", "reelhaul.db");
    open_generation(next, &opened);
    assert_int_equal(opened, RH_OPENED_OLDER);
    assert_string_not_equal(next, first);
    open_generation(last, &opened);
    assert_int_equal(opened, RH_OPENED_SAME);
    assert_string_equal(last, next);
    save("older", "reelhaul.db"); /* once more: by its generation, whatever its count */
    open_generation(next, &opened);
    assert_int_equal(opened, RH_OPENED_OLDER);
    assert_string_not_equal(next, last);
    save("older", "reelhaul.db"); /* both of them */
    assert_int_equal(unlinkat(place.root, "reelhaul.witness", 0), 0);
    save("older-witness", "reelhaul.witness");
    open_generation(next, &opened);
    assert_int_equal(opened, RH_OPENED_COPIED);
    assert_string_not_equal(next, first);
    assert_int_equal(unlinkat(place.root, "reelhaul.witness", 0), 0);
    open_generation(next, &opened);
    assert_int_equal(opened, RH_OPENED_UNWITNESSED);
    assert_int_equal(unlinkat(place.root, "reelhaul.db", 0), 0);
    assert_int_equal(rh_generation_open(&catalog, place.directory, &opening), RH_ERR_UNKNOWN);
    assert_non_null(strstr(opening.why, "--rebuild"));
}

static void a_witness_that_is_behind_is_no_other_generation(void **state)
{
    char first[33];
    char next[33];
    char path[128];
    enum rh_opened opened;
    struct rh_catalog *bare = NULL;
    struct rh_batch batch = {0};
    (void)state;
    snprintf(path, sizeof path, "%s/reelhaul.db", place.directory);
    open_generation(first, &opened);
    for (uint64_t ahead = 1; ahead <= 30; ahead *= 3) {
        assert_int_equal(rh_catalog_sqlite_open(&bare, path), RH_OK);
        for (uint64_t i = 0; i < ahead; i++)
            assert_int_equal(bare->ops->commit(bare, &batch), RH_OK);
        bare->ops->close(bare);
        open_generation(next, &opened);
        assert_int_equal(opened, RH_OPENED_SAME);
        assert_string_equal(first, next);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_file_without_a_row_is_taken_in_by_its_companion),
        T(a_file_without_a_companion_is_what_it_is),
        T(a_file_that_is_not_what_its_companion_says_goes_aside),
        T(a_copied_companion_does_not_bring_its_id),
        T(numbered_chunks_come_back_from_their_runs),
        T(runs_that_do_not_add_up_are_not_believed),
        T(an_unfinished_row_of_the_same_upload_is_done),
        T(without_a_companion_its_acknowledged_bytes_tell),
        T(an_unfinished_row_of_another_upload_gives_the_name_up),
        T(a_row_with_all_its_bytes_keeps_the_name),
        T(damaged_ranges_are_asked_for_again_and_kept_aside),
        T(a_finishing_one_that_lacks_bytes_is_open_again),
        T(a_finished_one_whose_file_is_gone_is_lost_until_it_comes_back),
        T(strangers_are_left_alone),
        T(a_witnessed_name_belongs_to_the_witnessed_upload),
        T(generations_change_when_the_catalog_does),
        T(a_witness_that_is_behind_is_no_other_generation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
