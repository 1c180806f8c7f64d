/* SPDX-License-Identifier: MIT */
/* Rows that no version of ours wrote: a vault does not start on them, and says why; those it meets
 * later are answered with an error and change nothing. */
#include <string.h>

#include "harness.h"

#define SESSION "3f2b8c1e-5d4a-4f6b-9e8d-7c6b5a493827"

static struct rh_interval intervals[2];
static struct rh_chunk_row chunks[2];

/* A sound upload: [0, 10) and [20, 30) of 40 bytes. */
static struct rh_upload_rows sound(void)
{
    struct rh_upload_rows rows = {.intervals = intervals, .interval_count = 2, .chunks = chunks};
    strcpy(rows.row.id, "rZrCgVsApEKJLRSXmhwDK1f8f4gppf2T");
    strcpy(rows.row.session, SESSION);
    strcpy(rows.row.name, "take");
    strcpy(rows.row.mime, "video/webm");
    rows.row.state = RH_UPLOAD_OPEN;
    rows.row.geometry = RH_GEOMETRY_RANGES;
    rows.row.total = 40;
    rows.row.chunk_count = RH_SIZE_UNKNOWN;
    intervals[0] = (struct rh_interval){0, 10, 1};
    intervals[1] = (struct rh_interval){20, 10, 2};
    chunks[0] = (struct rh_chunk_row){0, 5, 1, false};
    chunks[1] = (struct rh_chunk_row){1, 5, 1, true};
    return rows;
}

static void assert_unsound(const struct rh_upload_rows *rows)
{
    assert_non_null(rh_upload_rows_problem(rows));
}

static void names_are_names(void **state)
{
    static const char *const wrong[] = {"", "../x", "a/b", "a\nb", "a~b", "\xc3\xab"};
    (void)state;
    struct rh_upload_rows rows = sound();
    assert_null(rh_upload_rows_problem(&rows));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        rows = sound();
        strcpy(rows.row.id, wrong[i]);
        assert_unsound(&rows);
        rows = sound();
        strcpy(rows.row.name, wrong[i]);
        assert_unsound(&rows);
        if (i == 0)
            continue; /* none is fine */
        rows = sound();
        strcpy(rows.row.session, wrong[i]);
        assert_unsound(&rows);
    }
    rows = sound();
    strcpy(rows.row.mime, "video/webm\r\nX: y");
    assert_unsound(&rows);
    rows = sound();
    strcpy(rows.row.lease, "a\x7f");
    assert_unsound(&rows);
}

static void ranges_add_up(void **state)
{
    static const struct rh_interval wrong[] = {
        {9, 5, 0},          /* overlaps the first */
        {20, 0, 0},         /* empty */
        {20, 21, 0},        /* beyond the total */
        {UINT64_MAX, 1, 0}, /* nowhere */
        {20, UINT64_MAX, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct rh_upload_rows rows = sound();
        intervals[1] = wrong[i];
        assert_unsound(&rows);
    }
    struct rh_upload_rows rows = sound();
    rows.row.total = RH_SIZE_UNKNOWN;
    intervals[1] = (struct rh_interval){20, 21, 0};
    assert_null(rh_upload_rows_problem(&rows));
}

static void chunks_add_up(void **state)
{
    (void)state;
    struct rh_upload_rows rows = sound();
    rows.chunk_count = 2;
    assert_null(rh_upload_rows_problem(&rows));
    chunks[1].index = 0;
    assert_unsound(&rows);
    chunks[1].index = UINT64_MAX;
    assert_unsound(&rows);
    chunks[1] = (struct rh_chunk_row){1, (uint64_t)INT64_MAX, 1, true};
    assert_unsound(&rows);
}

static void done_is_whole(void **state)
{
    (void)state;
    struct rh_upload_rows rows = sound();
    rows.row.state = RH_UPLOAD_DONE;
    assert_unsound(&rows);
    rows.row.partial = true;
    assert_null(rh_upload_rows_problem(&rows));
    rows = sound();
    rows.row.state = RH_UPLOAD_FINISHING;
    intervals[0].length = 40;
    rows.interval_count = 1;
    assert_null(rh_upload_rows_problem(&rows));
    rows.row.total = RH_SIZE_UNKNOWN;
    assert_unsound(&rows);
    rows = sound();
    rows.row.state = (enum rh_upload_state)0;
    assert_unsound(&rows);
    rows.row.state = (enum rh_upload_state)6;
    assert_unsound(&rows);
    rows = sound();
    rows.row.geometry = (enum rh_geometry)4;
    assert_unsound(&rows);
    rows.row.geometry = (enum rh_geometry)0;
    assert_unsound(&rows);
    rows = sound();
    rows.row.state = RH_UPLOAD_DONE;
    rows.interval_count = 1;
    intervals[0].offset = 1; /* its first byte is missing */
    intervals[0].length = rows.row.total - 1;
    assert_unsound(&rows);
}

static void put_rows(struct world *w, const struct rh_upload_rows *rows)
{
    struct rh_batch batch = {0};
    struct rh_change *change = rh_batch_add(&batch, RH_CHANGE_UPLOAD);
    change->u.upload_row = rows->row;
    strcpy(change->upload, rows->row.id);
    for (size_t i = 0; i < rows->interval_count; i++) {
        change = rh_batch_add(&batch, RH_CHANGE_INTERVAL);
        change->u.interval = rows->intervals[i];
        strcpy(change->upload, rows->row.id);
    }
    assert_int_equal(w->catalog->ops->commit(w->catalog, &batch), RH_OK);
    rh_batch_free(&batch);
}

static void a_vault_does_not_start_on_it(void **state)
{
    static struct world w;
    (void)state;
    world_init(&w);
    struct rh_upload_rows rows = sound();
    rows.row.total = 25; /* the second range is beyond it */
    put_rows(&w, &rows);
    world_start(&w);
    assert_true(w.fatal);
    assert_non_null(w.last_log);
    world_finish(&w);
}

static void what_is_met_later_is_an_error(void **state)
{
    static struct world w;
    char session[RH_UUID_TEXT_MAX];
    char id[RH_ID_TEXT_MAX];
    (void)state;
    world_init(&w);
    w.limits.cached_max = 0;
    world_start(&w);
    make_session(&w, session);
    make_upload(&w, session, "take", 4, id);
    assert_int_equal(put(&w, id, 0, "abcd", 4), RH_REPLY_OK);
    struct rh_upload_rows rows = sound();
    strcpy(rows.row.id, id);
    strcpy(rows.row.session, session);
    rows.row.state = RH_UPLOAD_DONE; /* of 40 bytes, of which 20 came */
    put_rows(&w, &rows);
    assert_int_equal(get(&w, id)->code, RH_REPLY_INTERNAL);
    assert_false(w.fatal);
    world_finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_names),
        cmocka_unit_test(ranges_add_up),
        cmocka_unit_test(chunks_add_up),
        cmocka_unit_test(done_is_whole),
        cmocka_unit_test(a_vault_does_not_start_on_it),
        cmocka_unit_test(what_is_met_later_is_an_error),
    };
    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
