/* SPDX-License-Identifier: MIT */
#include "vault/witness.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/crc64.h"
#include "base/rng.h"

struct place {
    char directory[64];
    int root;
    struct rh_catalog *catalog; /* witnessed, over a model that outlives it in `inner` */
};

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    strcpy(place->directory, "/tmp/reelhaul-witness-XXXXXX");
    if (place == NULL || mkdtemp(place->directory) == NULL)
        return -1;
    place->root = open(place->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    static const uint8_t entropy[32] = {7};
    if (rh_catalog_witnessed_open(&place->catalog, rh_catalog_model_open(), place->root, entropy) !=
        RH_OK)
        return -1;
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    if (place->catalog != NULL)
        place->catalog->ops->close(place->catalog);
    (void)unlinkat(place->root, RH_WITNESS_FILE, 0);
    (void)unlinkat(place->root, "copy", 0);
    close(place->root);
    (void)rmdir(place->directory);
    free(place);
    return 0;
}

/* ---- Batches ---- */

static const char *id_of(unsigned number)
{
    static char id[RH_ID_TEXT_MAX];
    snprintf(id, sizeof id, "upload-%u", number);
    return id;
}

static void random_upload(struct rh_rng *rng, struct rh_upload_row *row, unsigned number)
{
    strcpy(row->id, id_of(number));
    strcpy(row->session, number % 3 == 0 ? "" : "a-session");
    strcpy(row->name, id_of(number));
    strcpy(row->mime, "video/webm");
    row->state = (enum rh_upload_state)(1 + rh_rng_below(rng, 5));
    row->geometry = (enum rh_geometry)(1 + rh_rng_below(rng, 3));
    row->partial = rh_rng_below(rng, 2) != 0;
    row->overdue = rh_rng_below(rng, 2) != 0;
    row->total = rh_rng_below(rng, 2) != 0 ? RH_SIZE_UNKNOWN : rh_rng_next(rng);
    row->chunk_count = RH_SIZE_UNKNOWN;
    row->crc64 = rh_rng_next(rng);
    row->created_wall_s = (int64_t)rh_rng_next(rng);
    row->touched_tick = rh_rng_next(rng);
    if (rh_rng_below(rng, 2) != 0)
        row->metadata = strdup("{\"prompt_id\": \"smile\"}");
}

/* Changes that a vault could make: intervals of an upload never overlap. */
static void random_batch(struct rh_rng *rng, struct rh_batch *batch, unsigned uploads)
{
    unsigned count = 1 + (unsigned)rh_rng_below(rng, 6);
    for (unsigned i = 0; i < count; i++) {
        unsigned number = (unsigned)rh_rng_below(rng, uploads);
        static const enum rh_change_kind kinds[] = {
            RH_CHANGE_UPLOAD,   RH_CHANGE_UPLOAD,      RH_CHANGE_UPLOAD_ERASE,   RH_CHANGE_INTERVAL,
            RH_CHANGE_INTERVAL, RH_CHANGE_CHUNK,       RH_CHANGE_INTERVAL_ERASE, RH_CHANGE_SESSION,
            RH_CHANGE_META,     RH_CHANGE_CHUNKS_ERASE};
        enum rh_change_kind kind = kinds[rh_rng_below(rng, sizeof kinds / sizeof kinds[0])];
        struct rh_change *change = rh_batch_add(batch, kind);
        uint64_t slot = rh_rng_below(rng, 5);
        switch (kind) {
        case RH_CHANGE_UPLOAD:
            random_upload(rng, &change->u.upload_row, number);
            break;
        case RH_CHANGE_SESSION:
            strcpy(change->u.session.id, "a-session");
            strcpy(change->u.session.participant, "somebody");
            break;
        case RH_CHANGE_META:
            change->u.meta.format = RH_CATALOG_FORMAT;
            strcpy(change->u.meta.generation, "generation");
            change->u.meta.ticks = rh_rng_next(rng);
            break;
        default:
            strcpy(change->upload, id_of(number));
            if (kind == RH_CHANGE_INTERVAL || kind == RH_CHANGE_INTERVAL_ERASE)
                change->u.interval = (struct rh_interval){slot * 100, 50, rh_rng_next(rng)};
            if (kind == RH_CHANGE_CHUNK)
                change->u.chunk = (struct rh_chunk_row){slot, 10, rh_rng_next(rng), true};
        }
    }
}

static void assert_same_rows(const struct rh_upload_rows *a, const struct rh_upload_rows *b)
{
    struct rh_upload_row x = a->row;
    struct rh_upload_row y = b->row;
    if (x.metadata != NULL || y.metadata != NULL)
        assert_string_equal(x.metadata, y.metadata);
    assert_string_equal(x.session, y.session);
    assert_string_equal(x.name, y.name);
    assert_string_equal(x.mime, y.mime);
    assert_int_equal(x.state, y.state);
    assert_int_equal(x.geometry, y.geometry);
    assert_int_equal(x.partial, y.partial);
    assert_int_equal(x.overdue, y.overdue);
    assert_true(x.total == y.total && x.crc64 == y.crc64 && x.chunk_count == y.chunk_count);
    assert_true(x.created_wall_s == y.created_wall_s && x.touched_tick == y.touched_tick);
    assert_int_equal(a->interval_count, b->interval_count);
    for (size_t i = 0; i < a->interval_count; i++)
        assert_memory_equal(&a->intervals[i], &b->intervals[i], sizeof a->intervals[i]);
    assert_int_equal(a->chunk_count, b->chunk_count);
    for (size_t i = 0; i < a->chunk_count; i++) {
        assert_true(a->chunks[i].index == b->chunks[i].index);
        assert_true(a->chunks[i].crc64 == b->chunks[i].crc64);
    }
}

static void commit(struct place *place, struct rh_batch *batch)
{
    assert_int_equal(place->catalog->ops->commit(place->catalog, batch), RH_OK);
    rh_batch_free(batch);
}

/* What the witness says of every unfinished upload is what the catalog says. Upload ids of
 * metadata. */
static void assert_witness_agrees(const struct place *place)
{
    struct rh_witnessed w;
    struct rh_rows rows = {0};
    struct rh_read read = {.kind = RH_READ_UNFINISHED};
    assert_int_equal(rh_witnessed_load(place->root, &w), RH_OK);
    assert_false(w.summary.is_damaged);
    assert_false(w.summary.is_copied);
    place->catalog->ops->read(place->catalog, &read, &rows);
    for (size_t i = 0; i < rows.upload_count; i++) {
        if (rows.uploads[i].row.name[0] == '\0')
            continue; /* the model's stand-in for a row that never came */
        const struct rh_witnessed_upload *said = rh_witnessed_find(&w, rows.uploads[i].row.id);
        assert_non_null(said);
        assert_true(said->has_row);
        assert_same_rows(&said->rows, &rows.uploads[i]);
    }
    rh_rows_free(&rows);
    read.kind = RH_READ_META;
    place->catalog->ops->read(place->catalog, &read, &rows);
    assert_true(w.summary.last == rows.meta.sequence);
    for (size_t i = 0; i < w.upload_count; i++) {
        read = (struct rh_read){.kind = RH_READ_UPLOAD};
        strcpy(read.upload, w.uploads[i]->rows.row.id);
        rows = (struct rh_rows){0};
        place->catalog->ops->read(place->catalog, &read, &rows);
        assert_true(!rows.found || rows.uploads[0].row.name[0] == '\0' || w.uploads[i]->has_row);
        assert_true(rows.found || w.uploads[i]->is_erased);
        rh_rows_free(&rows);
    }
    rh_witnessed_finish(&w);
}

static void what_is_encoded_comes_back(void **state)
{
    struct rh_rng rng;
    (void)state;
    rh_rng_init(&rng, 4);
    for (unsigned round = 0; round < 300; round++) {
        struct rh_batch batch = {0};
        struct rh_batch back;
        uint8_t *bytes = NULL;
        uint8_t *again = NULL;
        size_t size;
        size_t size_again;
        size_t taken;
        random_batch(&rng, &batch, 5);
        assert_int_equal(rh_witness_encode(&batch, 0, SIZE_MAX, &bytes, &size, &taken), RH_OK);
        assert_int_equal(taken, batch.count);
        assert_int_equal(rh_witness_decode((struct rh_bytes){bytes, size}, &back), RH_OK);
        assert_int_equal(back.count, batch.count);
        assert_int_equal(rh_witness_encode(&back, 0, SIZE_MAX, &again, &size_again, &taken), RH_OK);
        assert_int_equal(size_again, size);
        assert_memory_equal(again, bytes, size);
        rh_batch_free(&back);
        /* Cut or flipped anywhere: an answer, and never a read outside. */
        for (size_t cut = 0; cut < size; cut++) {
            uint8_t *part = malloc(cut + 1);
            memcpy(part, bytes, cut);
            (void)rh_witness_decode((struct rh_bytes){part, cut}, &back);
            rh_batch_free(&back);
            free(part);
            bytes[cut] ^= (uint8_t)(1u << rh_rng_below(&rng, 8));
            (void)rh_witness_decode((struct rh_bytes){bytes, size}, &back);
            rh_batch_free(&back);
            bytes[cut] = again[cut];
        }
        free(bytes);
        free(again);
        rh_batch_free(&batch);
    }
}

static void pieces_are_cut_between_changes(void **state)
{
    struct rh_batch batch = {0};
    size_t from = 0;
    size_t taken = 0;
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        strcpy(rh_batch_add(&batch, RH_CHANGE_CHUNKS_ERASE)->upload, id_of(i));
    for (; from < batch.count; from += taken) {
        struct rh_batch back;
        uint8_t *bytes = NULL;
        size_t size;
        assert_int_equal(rh_witness_encode(&batch, from, 64, &bytes, &size, &taken), RH_OK);
        assert_true(size <= 64 && taken > 0);
        assert_int_equal(rh_witness_decode((struct rh_bytes){bytes, size}, &back), RH_OK);
        assert_int_equal(back.count, taken);
        assert_string_equal(back.changes[0].upload, id_of((unsigned)from));
        rh_batch_free(&back);
        free(bytes);
    }
    rh_batch_free(&batch);
}

static void it_says_what_the_catalog_says(void **state)
{
    struct rh_rng rng;
    rh_rng_init(&rng, 11);
    for (unsigned round = 0; round < 200; round++) {
        struct rh_batch batch = {0};
        random_batch(&rng, &batch, 12);
        commit(*state, &batch);
        if (round % 20 == 0)
            assert_witness_agrees(*state);
    }
    assert_witness_agrees(*state);
}

static off_t file_size(const struct place *place)
{
    struct stat status;
    assert_int_equal(fstatat(place->root, RH_WITNESS_FILE, &status, 0), 0);
    return status.st_size;
}

static void one_that_has_grown_is_replaced_by_a_snapshot(void **state)
{
    struct place *place = *state;
    char *long_text = malloc(60001);
    off_t largest = 0;
    memset(long_text, ' ', 60000);
    long_text[60000] = '\0';
    for (unsigned round = 0; round < 400; round++) { /* 24 MB in all */
        struct rh_batch batch = {0};
        struct rh_upload_row *row = &rh_batch_add(&batch, RH_CHANGE_UPLOAD)->u.upload_row;
        strcpy(row->id, id_of(round % 3));
        strcpy(row->name, "n");
        row->state = RH_UPLOAD_OPEN;
        row->geometry = RH_GEOMETRY_RANGES;
        row->total = round;
        row->metadata = strdup(long_text);
        commit(place, &batch);
        largest = file_size(place) > largest ? file_size(place) : largest;
    }
    assert_true(largest < (12 << 20));
    assert_true(largest > (8 << 20));
    assert_witness_agrees(place);
    free(long_text);
}

/* ---- Damage ---- */

static void commit_total(struct place *place, const char *id, uint64_t total)
{
    struct rh_batch batch = {0};
    struct rh_upload_row *row = &rh_batch_add(&batch, RH_CHANGE_UPLOAD)->u.upload_row;
    strcpy(row->id, id);
    strcpy(row->name, "n");
    row->state = RH_UPLOAD_OPEN;
    row->geometry = RH_GEOMETRY_RANGES;
    row->total = total;
    commit(place, &batch);
}

/* Where the record with this sequence begins. */
static off_t find_record(int fd, uint64_t sequence)
{
    uint8_t header[24];
    for (off_t at = 40; pread(fd, header, sizeof header, at) == (ssize_t)sizeof header; at += 8) {
        if (memcmp(header, "RHWR", 4) == 0 && rh_le64_get(header + 8) == sequence)
            return at;
    }
    fail();
    return 0;
}

static int open_file(const struct place *place)
{
    int fd = openat(place->root, RH_WITNESS_FILE, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void a_torn_last_record_does_not_count(void **state)
{
    struct place *place = *state;
    struct rh_witnessed w;
    commit_total(place, "a", 1);
    commit_total(place, "a", 2);
    int fd = open_file(place);
    off_t at = find_record(fd, 2);
    assert_int_equal(pwrite(fd, "\0\0\0\0\0\0\0\0", 8, at + 32), 8);
    close(fd);
    assert_int_equal(rh_witnessed_load(place->root, &w), RH_OK);
    assert_false(w.summary.is_damaged);
    assert_true(w.summary.last == 1);
    assert_true(rh_witnessed_find(&w, "a")->rows.row.total == 1);
    rh_witnessed_finish(&w);
}

static void damage_before_the_end_is_noticed_and_the_rest_is_read(void **state)
{
    struct place *place = *state;
    for (off_t byte = 0; byte < 40; byte += 3) {
        struct rh_witnessed w;
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(state), 0);
        place = *state;
        commit_total(place, "a", 1);
        commit_total(place, "b", 2);
        commit_total(place, "c", 3);
        int fd = open_file(place);
        off_t at = find_record(fd, 2) + byte;
        uint8_t value;
        assert_int_equal(pread(fd, &value, 1, at), 1);
        value ^= 0x10;
        assert_int_equal(pwrite(fd, &value, 1, at), 1);
        close(fd);
        assert_int_equal(rh_witnessed_load(place->root, &w), RH_OK);
        assert_true(w.summary.is_damaged);
        assert_true(w.summary.last == 3);
        assert_non_null(rh_witnessed_find(&w, "a"));
        assert_null(rh_witnessed_find(&w, "b"));
        assert_true(rh_witnessed_find(&w, "c")->rows.row.total == 3);
        rh_witnessed_finish(&w);
    }
}

static enum rh_error nothing(void *context, uint64_t sequence, const struct rh_batch *batch)
{
    (void)context;
    (void)sequence;
    (void)batch;
    return RH_OK;
}

static void what_is_not_ours_is_refused(void **state)
{
    struct place *place = *state;
    struct rh_witness_summary summary;
    uint8_t header[40];
    int fd = open_file(place);
    assert_int_equal(pread(fd, header, sizeof header, 0), sizeof header);
    header[16] = RH_WITNESS_FORMAT + 1;
    rh_le64_put(header + 32, rh_crc64_update(0, header, 32));
    assert_int_equal(pwrite(fd, header, sizeof header, 0), sizeof header);
    assert_int_equal(rh_witness_read(place->root, &summary, nothing, NULL), RH_ERR_VERSION);
    header[16] = RH_WITNESS_FORMAT;
    assert_int_equal(pwrite(fd, header, sizeof header, 0), sizeof header);
    assert_int_equal(rh_witness_read(place->root, &summary, nothing, NULL), RH_ERR_SYNTAX);
    header[0] = 'x';
    assert_int_equal(pwrite(fd, header, sizeof header, 0), sizeof header);
    assert_int_equal(rh_witness_read(place->root, &summary, nothing, NULL), RH_ERR_SYNTAX);
    assert_int_equal(ftruncate(fd, 10), 0);
    assert_int_equal(rh_witness_read(place->root, &summary, nothing, NULL), RH_ERR_SYNTAX);
    close(fd);
    assert_int_equal(unlinkat(place->root, RH_WITNESS_FILE, 0), 0);
    assert_int_equal(rh_witness_read(place->root, &summary, nothing, NULL), RH_ERR_UNKNOWN);
}

static void a_copy_is_told_from_the_original(void **state)
{
    struct place *place = *state;
    struct rh_witness_summary summary;
    commit_total(place, "a", 1);
    size_t size = (size_t)file_size(place);
    uint8_t *bytes = malloc(size);
    int fd = open_file(place);
    assert_int_equal(pread(fd, bytes, size, 0), size);
    close(fd);
    fd = openat(place->root, "copy", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(pwrite(fd, bytes, size, 0), size);
    close(fd);
    free(bytes);
    assert_int_equal(renameat(place->root, "copy", place->root, RH_WITNESS_FILE), 0);
    assert_int_equal(rh_witness_read(place->root, &summary, nothing, NULL), RH_OK);
    assert_true(summary.is_copied);
    assert_true(summary.last == 1);
}

/* An inode that was given again: the number is right, only the time of birth is another's. */
static void a_copy_that_got_the_same_inode_is_told_from_the_original(void **state)
{
    struct place *place = *state;
    struct rh_witness_summary summary;
    struct statx status = {0};
    uint8_t header[40];
    int fd = open_file(place);
    assert_int_equal(statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &status), 0);
    assert_int_equal(pread(fd, header, sizeof header, 0), sizeof header);
    uint32_t birth = rh_le32_get(header + 20);
    bool is_told = (status.stx_mask & STATX_BTIME) != 0; /* not by every file system */
    assert_int_equal(birth != 0, is_told);
    for (uint32_t other = 0; other < 3; other++) {
        rh_le32_put(header + 20, other == 0 ? birth : other == 1 ? birth ^ 2u : 0);
        rh_le64_put(header + 32, rh_crc64_update(0, header, 32));
        assert_int_equal(pwrite(fd, header, sizeof header, 0), sizeof header);
        assert_int_equal(rh_witness_read(place->root, &summary, nothing, NULL), RH_OK);
        /* 0 was written where no birth was told, or by an older Reelhaul. */
        assert_int_equal(summary.is_copied, other == 1 && is_told);
    }
    close(fd);
}

static void a_second_without_a_sync_is_long_enough(void **state)
{
    const struct place *place = *state;
    struct rh_witness *witness = NULL;
    struct rh_batch batch = {0};
    assert_int_equal(rh_witness_create(&witness, place->root, place->catalog), RH_OK);
    assert_false(rh_witness_is_overdue(witness));
    assert_int_equal(rh_witness_append(witness, 1, &batch), RH_OK);
    assert_false(rh_witness_is_overdue(witness));
    usleep(1050000);
    assert_int_equal(rh_witness_append(witness, 2, &batch), RH_OK);
    assert_true(rh_witness_is_overdue(witness));
    assert_int_equal(rh_witness_sync(witness), RH_OK);
    assert_false(rh_witness_is_overdue(witness));
    rh_witness_close(witness);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_encoded_comes_back),
        cmocka_unit_test(pieces_are_cut_between_changes),
        T(it_says_what_the_catalog_says),
        T(one_that_has_grown_is_replaced_by_a_snapshot),
        T(a_torn_last_record_does_not_count),
        T(damage_before_the_end_is_noticed_and_the_rest_is_read),
        T(what_is_not_ours_is_refused),
        T(a_copy_is_told_from_the_original),
        T(a_copy_that_got_the_same_inode_is_told_from_the_original),
        T(a_second_without_a_sync_is_long_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
