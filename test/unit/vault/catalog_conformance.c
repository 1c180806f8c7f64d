/* SPDX-License-Identifier: MIT */
#include "catalog_conformance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vault/catalog.h"

static const struct catalog_factory *factory;

static int setup(void **state)
{
    *state = factory->fresh(factory->context);
    return *state != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    factory->done(factory->context, *state);
    return 0;
}

static struct rh_catalog *again(void **state)
{
    *state = factory->again(factory->context, *state);
    assert_non_null(*state);
    return *state;
}

static void read_rows(struct rh_catalog *catalog, const struct rh_read *read, struct rh_rows *rows)
{
    memset(rows, 0, sizeof *rows);
    catalog->ops->read(catalog, read, rows);
    assert_int_equal(rows->error, RH_OK);
}

static void commit(struct rh_catalog *catalog, struct rh_batch *batch)
{
    assert_int_equal(catalog->ops->commit(catalog, batch), RH_OK);
    rh_batch_free(batch);
}

static struct rh_upload_row *add_upload(struct rh_batch *batch, const char *id, const char *session,
                                        const char *name, enum rh_upload_state state)
{
    struct rh_upload_row *row = &rh_batch_add(batch, RH_CHANGE_UPLOAD)->u.upload_row;
    strcpy(row->id, id);
    strcpy(row->session, session);
    strcpy(row->name, name);
    strcpy(row->mime, "video/webm");
    row->state = state;
    row->geometry = RH_GEOMETRY_RANGES;
    row->total = RH_SIZE_UNKNOWN;
    row->chunk_count = RH_SIZE_UNKNOWN;
    return row;
}

static void add_interval(struct rh_batch *batch, const char *id, uint64_t offset, uint64_t length,
                         uint64_t crc64)
{
    struct rh_change *change = rh_batch_add(batch, RH_CHANGE_INTERVAL);
    strcpy(change->upload, id);
    change->u.interval = (struct rh_interval){offset, length, crc64};
}

static void add_chunk(struct rh_batch *batch, const char *id, uint64_t index, bool waiting)
{
    struct rh_change *change = rh_batch_add(batch, RH_CHANGE_CHUNK);
    strcpy(change->upload, id);
    change->u.chunk = (struct rh_chunk_row){index, index * 10, UINT64_MAX - index, waiting};
}

static void add_session(struct rh_batch *batch, const char *id, const char *participant)
{
    struct rh_session_row *row = &rh_batch_add(batch, RH_CHANGE_SESSION)->u.session;
    strcpy(row->id, id);
    strcpy(row->participant, participant);
    row->created_wall_s = 1769527800;
}

static void read_upload(struct rh_catalog *catalog, const char *id, struct rh_rows *rows)
{
    struct rh_read read = {.kind = RH_READ_UPLOAD};
    strcpy(read.upload, id);
    read_rows(catalog, &read, rows);
}

static void read_session(struct rh_catalog *catalog, const char *id, struct rh_rows *rows)
{
    struct rh_read read = {.kind = RH_READ_SESSION};
    strcpy(read.session, id);
    read_rows(catalog, &read, rows);
}

/* ---- The rules ---- */

static void a_new_catalog_gets_its_own_meta_and_keeps_it(void **state)
{
    struct rh_catalog *catalog = *state;
    struct rh_read read = {.kind = RH_READ_META};
    struct rh_rows first;
    struct rh_rows rows;
    memset(read.entropy, 7, sizeof read.entropy);
    read_rows(catalog, &read, &first);
    assert_true(first.found);
    assert_int_equal(first.meta.format, RH_CATALOG_FORMAT);
    assert_true(strlen(first.meta.generation) >= 16);
    memset(read.entropy, 9, sizeof read.entropy);
    for (size_t i = 0; i < 2; i++) {
        read_rows(catalog, &read, &rows);
        assert_string_equal(rows.meta.generation, first.meta.generation);
        assert_memory_equal(rows.meta.id_key, first.meta.id_key, sizeof rows.meta.id_key);
        catalog = again(state);
    }
    struct rh_batch batch = {0};
    struct rh_meta_row *meta = &rh_batch_add(&batch, RH_CHANGE_META)->u.meta;
    *meta = first.meta;
    meta->ticks = 12345;
    meta->wall_s = 1769527800;
    commit(catalog, &batch);
    read_rows(again(state), &read, &rows);
    assert_int_equal(rows.meta.ticks, 12345);
    assert_int_equal(rows.meta.wall_s, 1769527800);
}

static void two_new_catalogs_differ(void **state)
{
    struct rh_catalog *catalog = *state;
    struct rh_read read = {.kind = RH_READ_META};
    struct rh_rows a;
    struct rh_rows b;
    memset(read.entropy, 1, sizeof read.entropy);
    read_rows(catalog, &read, &a);
    factory->done(factory->context, catalog);
    *state = factory->fresh(factory->context);
    memset(read.entropy, 2, sizeof read.entropy);
    read_rows(*state, &read, &b);
    assert_string_not_equal(a.meta.generation, b.meta.generation);
    assert_memory_not_equal(a.meta.id_key, b.meta.id_key, sizeof a.meta.id_key);
}

static void what_is_not_there_is_not_found(void **state)
{
    struct rh_rows rows;
    struct rh_read read = {.kind = RH_READ_UPLOAD_NAMED, .session = "s", .name = "n"};
    read_upload(*state, "nobody", &rows);
    assert_false(rows.found);
    assert_int_equal(rows.upload_count, 0);
    read_session(*state, "nobody", &rows);
    assert_false(rows.found);
    read_rows(*state, &read, &rows);
    assert_false(rows.found);
    read.kind = RH_READ_UNFINISHED;
    read_rows(*state, &read, &rows);
    assert_int_equal(rows.upload_count, 0);
}

static void every_field_of_an_upload_comes_back(void **state)
{
    struct rh_batch batch = {0};
    struct rh_rows rows;
    struct rh_upload_row *row = add_upload(&batch, "id-1", "", "", RH_UPLOAD_DONE);
    memset(row->id, 'i', sizeof row->id - 1);
    memset(row->session, 's', sizeof row->session - 1);
    memset(row->name, 'n', sizeof row->name - 1);
    memset(row->mime, 'm', sizeof row->mime - 1);
    memset(row->lease, 'l', sizeof row->lease - 1);
    row->geometry = RH_GEOMETRY_CHUNKS;
    row->partial = true;
    row->size_disagrees = true;
    row->overdue = true;
    row->total = UINT64_MAX - 1;
    row->chunk_count = 0;
    row->chunk_next = UINT64_MAX / 2 + 5;
    row->crc64 = 0xfedcba9876543210u;
    row->created_wall_s = -5;
    row->done_wall_s = 4102444800;
    row->touched_tick = 77;
    row->lease_number = UINT64_MAX;
    row->metadata = strdup("{\"x\":\"\xc3\xa4\xf0\x9f\x8e\xac 'quoted' \\\"\"}");
    struct rh_upload_row copy;
    assert_int_equal(rh_upload_row_copy(&copy, row), RH_OK);
    commit(*state, &batch);
    for (size_t i = 0; i < 2; i++) {
        read_upload(*state, copy.id, &rows);
        assert_true(rows.found);
        assert_int_equal(rows.upload_count, 1);
        const struct rh_upload_row *got = &rows.uploads[0].row;
        assert_string_equal(got->id, copy.id);
        assert_string_equal(got->session, copy.session);
        assert_string_equal(got->name, copy.name);
        assert_string_equal(got->mime, copy.mime);
        assert_string_equal(got->lease, copy.lease);
        assert_string_equal(got->metadata, copy.metadata);
        assert_int_equal(got->state, copy.state);
        assert_int_equal(got->geometry, copy.geometry);
        assert_true(got->partial && got->size_disagrees && got->overdue);
        assert_true(got->total == copy.total);
        assert_true(got->chunk_count == 0);
        assert_true(got->chunk_next == copy.chunk_next);
        assert_true(got->crc64 == copy.crc64);
        assert_true(got->created_wall_s == -5);
        assert_true(got->done_wall_s == copy.done_wall_s);
        assert_true(got->touched_tick == 77);
        assert_true(got->lease_number == UINT64_MAX);
        rh_rows_free(&rows);
        (void)again(state);
    }
    free(copy.metadata);
}

static void a_row_is_replaced_and_its_parts_stay(void **state)
{
    struct rh_batch batch = {0};
    struct rh_rows rows;
    add_upload(&batch, "u", "s", "n", RH_UPLOAD_OPEN)->metadata = strdup("{}");
    add_interval(&batch, "u", 5, 10, 1);
    add_chunk(&batch, "u", 2, true);
    commit(*state, &batch);
    add_upload(&batch, "u", "s", "n", RH_UPLOAD_FINISHING)->total = 99;
    commit(*state, &batch);
    read_upload(*state, "u", &rows);
    assert_int_equal(rows.upload_count, 1);
    assert_int_equal(rows.uploads[0].row.total, 99);
    assert_null(rows.uploads[0].row.metadata);
    assert_int_equal(rows.uploads[0].interval_count, 1);
    assert_int_equal(rows.uploads[0].chunk_count, 1);
    rh_rows_free(&rows);
}

static void intervals_ascend_are_replaced_and_erased(void **state)
{
    struct rh_batch batch = {0};
    struct rh_rows rows;
    add_upload(&batch, "u", "", "n", RH_UPLOAD_OPEN);
    add_interval(&batch, "u", (uint64_t)1 << 43, 10, 0xffffffffffffffffu);
    add_interval(&batch, "u", 0, 10, 1);
    add_interval(&batch, "u", 100, 10, 2);
    add_upload(&batch, "other", "", "n", RH_UPLOAD_OPEN);
    add_interval(&batch, "other", 0, 7, 9);
    commit(*state, &batch);
    add_interval(&batch, "u", 0, 50, 3); /* replaces */
    struct rh_change *erase = rh_batch_add(&batch, RH_CHANGE_INTERVAL_ERASE);
    strcpy(erase->upload, "u");
    erase->u.interval.offset = 100;
    commit(*state, &batch);
    read_upload(again(state), "u", &rows);
    assert_int_equal(rows.uploads[0].interval_count, 2);
    assert_int_equal(rows.uploads[0].intervals[0].offset, 0);
    assert_int_equal(rows.uploads[0].intervals[0].length, 50);
    assert_int_equal(rows.uploads[0].intervals[0].crc64, 3);
    assert_true(rows.uploads[0].intervals[1].offset == (uint64_t)1 << 43);
    assert_true(rows.uploads[0].intervals[1].crc64 == UINT64_MAX);
    rh_rows_free(&rows);
    read_upload(*state, "other", &rows);
    assert_int_equal(rows.uploads[0].interval_count, 1);
    rh_rows_free(&rows);
}

static void changes_apply_in_their_order(void **state)
{
    struct rh_batch batch = {0};
    struct rh_rows rows;
    add_interval(&batch, "u", 10, 5, 1); /* parts may come before the row of their upload */
    struct rh_change *erase = rh_batch_add(&batch, RH_CHANGE_INTERVAL_ERASE);
    strcpy(erase->upload, "u");
    erase->u.interval.offset = 10;
    add_interval(&batch, "u", 10, 6, 2);
    add_interval(&batch, "u", 10, 7, 3);
    add_chunk(&batch, "u", 4, true);
    add_chunk(&batch, "u", 4, false);
    add_upload(&batch, "u", "", "n", RH_UPLOAD_OPEN);
    commit(*state, &batch);
    read_upload(*state, "u", &rows);
    assert_int_equal(rows.uploads[0].interval_count, 1);
    assert_int_equal(rows.uploads[0].intervals[0].length, 7);
    assert_int_equal(rows.uploads[0].chunk_count, 1);
    assert_false(rows.uploads[0].chunks[0].waiting);
    rh_rows_free(&rows);
}

static void chunks_ascend_and_are_erased_together(void **state)
{
    static const uint64_t order[] = {7, 0, 1000000, 3};
    struct rh_batch batch = {0};
    struct rh_rows rows;
    add_upload(&batch, "u", "", "n", RH_UPLOAD_OPEN);
    for (size_t i = 0; i < 4; i++)
        add_chunk(&batch, "u", order[i], order[i] != 0);
    commit(*state, &batch);
    read_upload(again(state), "u", &rows);
    const struct rh_upload_rows *u = &rows.uploads[0];
    assert_int_equal(u->chunk_count, 4);
    for (size_t i = 1; i < 4; i++)
        assert_true(u->chunks[i - 1].index < u->chunks[i].index);
    assert_false(u->chunks[0].waiting);
    assert_true(u->chunks[3].waiting);
    assert_int_equal(u->chunks[2].length, 70);
    assert_true(u->chunks[3].crc64 == UINT64_MAX - 1000000);
    rh_rows_free(&rows);
    strcpy(rh_batch_add(&batch, RH_CHANGE_CHUNKS_ERASE)->upload, "u");
    commit(*state, &batch);
    read_upload(*state, "u", &rows);
    assert_int_equal(rows.uploads[0].chunk_count, 0);
    rh_rows_free(&rows);
}

static void erasing_takes_the_parts_too(void **state)
{
    struct rh_batch batch = {0};
    struct rh_rows rows;
    add_session(&batch, "s", "p");
    for (size_t i = 0; i < 3; i++) {
        char id[8];
        snprintf(id, sizeof id, "u%zu", i);
        add_upload(&batch, id, i == 2 ? "t" : "s", id, RH_UPLOAD_OPEN);
        add_interval(&batch, id, 0, 1, 1);
        add_chunk(&batch, id, 1, true);
    }
    commit(*state, &batch);
    strcpy(rh_batch_add(&batch, RH_CHANGE_UPLOAD_ERASE)->upload, "u0");
    strcpy(rh_batch_add(&batch, RH_CHANGE_UPLOAD_ERASE)->upload, "never was");
    commit(*state, &batch);
    read_upload(*state, "u0", &rows);
    assert_false(rows.found);
    add_upload(&batch, "u0", "s", "u0", RH_UPLOAD_OPEN); /* nothing of the old one shows */
    commit(*state, &batch);
    read_upload(*state, "u0", &rows);
    assert_int_equal(rows.uploads[0].interval_count, 0);
    assert_int_equal(rows.uploads[0].chunk_count, 0);
    rh_rows_free(&rows);
    strcpy(rh_batch_add(&batch, RH_CHANGE_SESSION_ERASE)->u.session.id, "s");
    commit(*state, &batch);
    read_session(again(state), "s", &rows);
    assert_false(rows.found);
    read_upload(*state, "u1", &rows);
    assert_false(rows.found);
    read_upload(*state, "u2", &rows);
    assert_true(rows.found);
    rh_rows_free(&rows);
}

static void a_session_comes_with_its_uploads_oldest_first(void **state)
{
    struct rh_batch batch = {0};
    struct rh_rows rows;
    add_session(&batch, "s", "J\xc3\xb6rg 'Robert'); DROP TABLE uploads;--");
    commit(*state, &batch);
    static const char *ids[] = {"zz", "mm", "aa"};
    for (size_t i = 0; i < 3; i++) {
        add_upload(&batch, ids[i], "s", ids[i], RH_UPLOAD_OPEN);
        add_interval(&batch, ids[i], i, 1, 1);
        commit(*state, &batch);
    }
    add_upload(&batch, "zz", "s", "zz", RH_UPLOAD_DONE); /* a change does not make it younger */
    add_upload(&batch, "else", "other", "x", RH_UPLOAD_DONE);
    commit(*state, &batch);
    read_session(again(state), "s", &rows);
    assert_true(rows.found);
    assert_string_equal(rows.session.id, "s");
    assert_string_equal(rows.session.participant, "J\xc3\xb6rg 'Robert'); DROP TABLE uploads;--");
    assert_int_equal(rows.session.created_wall_s, 1769527800);
    assert_int_equal(rows.upload_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(rows.uploads[i].row.id, ids[i]);
        assert_int_equal(rows.uploads[i].intervals[0].offset, i);
    }
    rh_rows_free(&rows);
}

static void unfinished_are_the_open_and_the_finishing(void **state)
{
    struct rh_batch batch = {0};
    struct rh_rows rows;
    struct rh_read read = {.kind = RH_READ_UNFINISHED};
    static const enum rh_upload_state states[] = {
        RH_UPLOAD_OPEN, RH_UPLOAD_FINISHING, RH_UPLOAD_DONE, RH_UPLOAD_EXPIRED, RH_UPLOAD_LOST};
    for (size_t i = 0; i < 5; i++) {
        char id[8];
        snprintf(id, sizeof id, "u%zu", i);
        add_upload(&batch, id, "", "same", states[i]);
        add_interval(&batch, id, 3, 1, 1);
    }
    commit(*state, &batch);
    read_rows(again(state), &read, &rows);
    assert_int_equal(rows.upload_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(rows.uploads[i].row.state <= RH_UPLOAD_FINISHING);
        assert_int_equal(rows.uploads[i].interval_count, 1);
    }
    rh_rows_free(&rows);
}

static void a_name_belongs_to_the_live_one(void **state)
{
    struct rh_batch batch = {0};
    struct rh_rows rows;
    struct rh_read read = {.kind = RH_READ_UPLOAD_NAMED, .session = "s", .name = "n"};
    add_upload(&batch, "old", "s", "n", RH_UPLOAD_OPEN);
    commit(*state, &batch);
    add_upload(&batch, "old", "s", "n", RH_UPLOAD_EXPIRED);
    add_upload(&batch, "new", "s", "n", RH_UPLOAD_OPEN);
    commit(*state, &batch);
    read_rows(*state, &read, &rows);
    assert_int_equal(rows.upload_count, 1);
    assert_string_equal(rows.uploads[0].row.id, "new");
    rh_rows_free(&rows);
    read_upload(*state, "old", &rows);
    assert_int_equal(rows.uploads[0].row.state, RH_UPLOAD_EXPIRED);
    rh_rows_free(&rows);
}

static void an_erased_name_may_come_again_in_one_batch(void **state)
{
    struct rh_batch batch = {0};
    struct rh_rows rows;
    struct rh_read read = {.kind = RH_READ_UPLOAD_NAMED, .session = "s", .name = "n"};
    add_upload(&batch, "old", "s", "n", RH_UPLOAD_OPEN);
    commit(*state, &batch);
    strcpy(rh_batch_add(&batch, RH_CHANGE_UPLOAD_ERASE)->upload, "old");
    add_upload(&batch, "new", "s", "n", RH_UPLOAD_OPEN);
    commit(*state, &batch);
    read_rows(*state, &read, &rows);
    assert_string_equal(rows.uploads[0].row.id, "new");
    rh_rows_free(&rows);
}

static void without_a_session_names_need_not_differ(void **state)
{
    struct rh_batch batch = {0};
    struct rh_rows rows;
    struct rh_read read = {.kind = RH_READ_UNFINISHED};
    add_upload(&batch, "a", "", "same.webm", RH_UPLOAD_OPEN);
    add_upload(&batch, "b", "", "same.webm", RH_UPLOAD_OPEN);
    commit(*state, &batch);
    read_rows(*state, &read, &rows);
    assert_int_equal(rows.upload_count, 2);
    rh_rows_free(&rows);
}

static void batches_may_be_empty_or_large(void **state)
{
    struct rh_batch batch = {0};
    struct rh_rows rows;
    commit(*state, &batch);
    add_upload(&batch, "u", "", "n", RH_UPLOAD_OPEN);
    for (uint64_t i = 0; i < 3000; i++)
        add_chunk(&batch, "u", 2999 - i, true);
    commit(*state, &batch);
    read_upload(again(state), "u", &rows);
    assert_int_equal(rows.uploads[0].chunk_count, 3000);
    for (uint64_t i = 0; i < 3000; i++)
        assert_int_equal(rows.uploads[0].chunks[i].index, i);
    rh_rows_free(&rows);
}

static void every_commit_is_counted(void **state)
{
    struct rh_catalog *catalog = *state;
    struct rh_read read = {.kind = RH_READ_META};
    struct rh_rows rows;
    read_rows(catalog, &read, &rows);
    uint64_t before = rows.meta.sequence;
    struct rh_meta_row meta = rows.meta;
    struct rh_batch batch = {0};
    add_session(&batch, "s", "");
    commit(catalog, &batch);
    commit(catalog, &batch);
    read_rows(catalog, &read, &rows);
    assert_int_equal(rows.meta.sequence, before + 2);
    meta.ticks = 5; /* what it says of the sequence is older, and does not count */
    rh_batch_add(&batch, RH_CHANGE_META)->u.meta = meta;
    commit(catalog, &batch);
    read_rows(again(state), &read, &rows);
    assert_int_equal(rows.meta.sequence, before + 3);
    assert_int_equal(rows.meta.ticks, 5);
}

static void everything_can_be_gone_through(void **state)
{
    struct rh_batch batch = {0};
    struct rh_rows rows;
    char id[16];
    char last[RH_ID_TEXT_MAX] = "";
    size_t count = 0;
    size_t sessions = 0;
    for (unsigned i = 0; i < RH_READ_UPLOADS_MAX * 2 + 3; i++) {
        snprintf(id, sizeof id, "u-%03u", (i * 7) % (RH_READ_UPLOADS_MAX * 2 + 3));
        add_upload(&batch, id, "", "n", RH_UPLOAD_DONE);
        add_interval(&batch, id, 0, i + 1, 0);
    }
    add_session(&batch, "s-2", "two");
    add_session(&batch, "s-1", "one");
    add_session(&batch, "s-3", "three");
    commit(*state, &batch);
    for (bool more = true; more;) {
        struct rh_read read = {.kind = RH_READ_UPLOADS_AFTER};
        strcpy(read.upload, last);
        read_rows(*state, &read, &rows);
        more = rows.found;
        for (size_t i = 0; i < rows.upload_count; i++) {
            assert_true(strcmp(rows.uploads[i].row.id, last) > 0);
            assert_int_equal(rows.uploads[i].interval_count, 1);
            strcpy(last, rows.uploads[i].row.id);
            count++;
        }
        rh_rows_free(&rows);
    }
    assert_int_equal(count, RH_READ_UPLOADS_MAX * 2 + 3);
    struct rh_read read = {.kind = RH_READ_SESSION_AFTER};
    for (;;) {
        read_rows(*state, &read, &rows);
        if (!rows.found)
            break;
        snprintf(id, sizeof id, "s-%zu", ++sessions);
        assert_string_equal(rows.session.id, id);
        strcpy(read.session, rows.session.id);
    }
    assert_int_equal(sessions, 3);
    assert_string_equal(read.session, "s-3");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int catalog_conformance(const struct catalog_factory *of)
{
    const struct CMUnitTest tests[] = {
        T(a_new_catalog_gets_its_own_meta_and_keeps_it),
        T(two_new_catalogs_differ),
        T(what_is_not_there_is_not_found),
        T(every_field_of_an_upload_comes_back),
        T(a_row_is_replaced_and_its_parts_stay),
        T(intervals_ascend_are_replaced_and_erased),
        T(changes_apply_in_their_order),
        T(chunks_ascend_and_are_erased_together),
        T(erasing_takes_the_parts_too),
        T(a_session_comes_with_its_uploads_oldest_first),
        T(unfinished_are_the_open_and_the_finishing),
        T(a_name_belongs_to_the_live_one),
        T(an_erased_name_may_come_again_in_one_batch),
        T(without_a_session_names_need_not_differ),
        T(batches_may_be_empty_or_large),
        T(every_commit_is_counted),
        T(everything_can_be_gone_through),
    };
    factory = of;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
