/* SPDX-License-Identifier: MIT */
/* The machine itself: starting, many things at once, draining, dying, eviction; and its map. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include "vault/map.h"

#define KIB 1024
#define NO  RH_SIZE_UNKNOWN

static uint8_t data[16 * KIB];

static void limits(struct rh_vault_limits *l)
{
    l->cached_max = 4;
}

static int setup(void **state)
{
    fill(data, sizeof data, 61);
    return fixture_setup(state, limits, "take1");
}

static struct rh_vault_request *of(struct fixture *f, enum rh_request_kind kind)
{
    struct rh_vault_request *request = request_new(&f->w, kind);
    strcpy(request->upload, f->id);
    return request;
}

/* Tells without letting anything be done. */
static void only_tell(struct world *w, enum rh_vault_event_kind kind, struct rh_vault_request *r)
{
    struct rh_vault_event event = {.kind = kind, .u.request = r};
    assert_int_equal(rh_vault_tell(w->vault, &event), RH_OK);
}

static void drain(struct fixture *f)
{
    only_tell(&f->w, RH_HAS_DRAIN, NULL);
    world_pump(&f->w);
}

static void go_on(struct world *w)
{
    memset(w->hold_verb, 0, sizeof w->hold_verb);
    w->hold_commits = w->hold_reads = false;
    world_release(w);
}

/* ---- Starting ---- */

static void a_catalog_of_a_newer_release_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct rh_batch batch = {0};
    struct rh_rows rows = {0};
    struct rh_read read = {.kind = RH_READ_META};
    f->w.catalog->ops->read(f->w.catalog, &read, &rows);
    struct rh_change *change = rh_batch_add(&batch, RH_CHANGE_META);
    change->u.meta = rows.meta;
    change->u.meta.format = RH_CATALOG_FORMAT + 1;
    assert_int_equal(f->w.catalog->ops->commit(f->w.catalog, &batch), RH_OK);
    rh_batch_free(&batch);
    rh_rows_free(&rows);
    size_t commits = f->w.commits;
    world_restart(&f->w, false);
    assert_true(f->w.fatal);
    assert_int_equal(f->w.commits, commits);
}

static void before_the_first_time_it_is_as_late_as_when_it_was_last_seen(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    uint8_t entropy[32] = {1};
    world_pass(w, 200); /* the time is persisted */
    rh_vault_destroy(w->vault);
    w->vault = rh_vault_create(&w->limits, entropy);
    world_pump(w);
    struct rh_vault_request *request = request_new(w, RH_REQUEST_SESSION_CREATE);
    const struct rh_vault_reply *reply = ask_answer(w, request);
    assert_int_equal(reply->code, RH_REPLY_CREATED);
    assert_in_range(reply->session.created_wall_s, w->wall_ms / 1000 - 200, w->wall_ms / 1000);
}

/* ---- Many at once ---- */

static void more_than_a_queue_holds_are_all_answered(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    uint64_t first = w->last_op + 1;
    (void)ask(w, of(f, RH_REQUEST_GET)); /* so that the ring does not begin at its start */
    for (size_t i = 0; i < 300; i++)
        only_tell(w, RH_HAS_REQUEST, of(f, RH_REQUEST_GET));
    world_pump(w);
    for (uint64_t op = first; op < first + 301; op++)
        assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
}

static void a_session_of_many_uploads_finds_each(void **state)
{
    struct fixture *f = *state;
    char name[8] = "v000";
    char ids[200][RH_ID_TEXT_MAX];
    for (int i = 0; i < 200; i++) {
        name[1] = (char)('0' + i / 100);
        name[2] = (char)('0' + i / 10 % 10);
        name[3] = (char)('0' + i % 10);
        make_upload(&f->w, f->session, name, NO, ids[i]);
    }
    for (int i = 0; i < 200; i++)
        assert_string_equal(get(&f->w, ids[i])->upload.id, ids[i]);
    struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_SESSION_GET);
    strcpy(request->session, f->session);
    assert_int_equal(ask_answer(&f->w, request)->video_count, 201);
}

static void a_reply_lists_so_many_ranges_and_no_more(void **state)
{
    struct fixture *f = *state;
    size_t many = RH_REPLY_RANGES_MAX + 3;
    for (size_t i = 0; i < many; i++) {
        assert_int_equal(put(&f->w, f->id, 2 * i * 8 + 8, data, 8), RH_REPLY_OK);
        assert_int_equal(put_chunk(&f->w, f->session, "c", 2 * i + 1, NO, data, 8), RH_REPLY_OK);
    }
    const struct rh_vault_reply *reply = get(&f->w, f->id);
    assert_int_equal(reply->durable_count, RH_REPLY_RANGES_MAX);
    assert_int_equal(reply->missing_count, RH_REPLY_RANGES_MAX);
    assert_int_equal(reply->upload.received, 8 * many);
    struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_GET);
    strcpy(request->session, f->session);
    strcpy(request->name, "c");
    reply = ask_answer(&f->w, request);
    assert_int_equal(reply->chunk_run_count, RH_REPLY_RANGES_MAX);
    assert_int_equal(reply->upload.chunks_received, many);
}

static void a_session_does_not_list_what_is_being_erased(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    w->hold_verb[RH_STORE_DROP] = true;
    uint64_t op = ask(w, of(f, RH_REQUEST_DELETE));
    struct rh_vault_request *request = request_new(w, RH_REQUEST_SESSION_GET);
    strcpy(request->session, f->session);
    assert_int_equal(ask_answer(w, request)->video_count, 0);
    go_on(w);
    assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
}

/* ---- Reports of the loops ---- */

static void a_report_that_comes_twice_or_late_is_dropped(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    struct rh_written written;
    uint64_t op = ask(w, write_of(w, f->id, 0, KIB));
    body_only(w, op, data, KIB, RH_WRITTEN_WHOLE, &written);
    w->hold_verb[RH_STORE_SYNC] = true;
    report(w, &written);
    report(w, &written); /* while it is synced */
    assert_int_equal(world_held(w, RH_DO_STORE), 1);
    go_on(w);
    assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
    report(w, &written); /* nobody remembers */
    assert_int_equal(get(w, f->id)->upload.received, KIB);
}

/* ---- Room ---- */

static void nobody_is_refused_before_the_free_space_is_known(void **state)
{
    struct fixture *f = *state;
    rh_store_model_fail(f->w.store, RH_STORE_SPACE, RH_ERR_IO);
    world_restart(&f->w, false);
    assert_int_equal(put(&f->w, f->id, 0, data, KIB), RH_REPLY_OK);
}

static void a_share_of_the_disk_is_left_free(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint64_t total_gib, free_gib;
        enum rh_reply_code code;
    } cases[] = {
        {10, 2, RH_REPLY_CREATED},
        {10, 1, RH_REPLY_FULL}, /* 1 GiB at least */
        {500, 11, RH_REPLY_CREATED},
        {500, 10, RH_REPLY_FULL}, /* or a fiftieth */
    };
    f->w.limits.reserve_bytes = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rh_store_model_set_space(f->w.store, cases[i].free_gib << 30, cases[i].total_gib << 30);
        world_restart(&f->w, false);
        struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_CREATE);
        request->total = KIB;
        assert_int_equal(ask_answer(&f->w, request)->code, cases[i].code);
    }
}

/* ---- Draining ---- */

static void draining_answers_and_begins_nothing(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    w->hold_verb[RH_STORE_SYNC] = true;
    uint64_t op = ask(w, write_of(w, f->id, 0, KIB));
    body(w, op, data, KIB, RH_WRITTEN_WHOLE);
    drain(f);
    assert_false(w->drained);
    assert_int_equal(get(w, f->id)->code, RH_REPLY_OK);
    struct rh_vault_request *request = request_new(w, RH_REQUEST_SESSION_GET);
    strcpy(request->session, f->session);
    assert_int_equal(ask_answer(w, request)->code, RH_REPLY_OK);
    assert_int_equal(ask_answer(w, write_of(w, f->id, KIB, KIB))->code, RH_REPLY_OVERLOADED);
    assert_false(w->drained);
    go_on(w);
    assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
    assert_true(w->drained);
    w->drained = false;
    world_pass(w, 8 * 24 * 3600 / 1000);
    world_time(w, (rh_ms)8 * 24 * 3600 * 1000, (int64_t)8 * 24 * 3600 * 1000);
    assert_false(w->drained);                    /* said once */
    assert_int_equal(w->jobs[RH_STORE_DROP], 0); /* and nothing expires any more */
}

static void draining_waits_for_jobs_reads_and_commits(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    for (int what = 0; what < 3; what++) {
        world_restart(w, false);
        w->hold_verb[RH_STORE_SPACE] = what == 0;
        w->hold_commits = what == 1;
        if (what == 2) { /* while it starts */
            uint8_t entropy[32] = {1};
            w->hold_reads = true;
            rh_vault_destroy(w->vault);
            w->vault = rh_vault_create(&w->limits, entropy);
            world_pump(w);
        } else {
            world_pass(w, 61); /* the ticks are to be persisted, the space is asked for */
        }
        drain(f);
        assert_false(w->drained);
        go_on(w);
        assert_true(w->drained);
    }
}

/* ---- Dying ---- */

static void after_a_failed_commit_nothing_is_said_and_nothing_leaks(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    w->hold_reads = w->hold_commits = true;
    struct rh_vault_request *request = of(f, RH_REQUEST_METADATA);
    request->metadata = strdup("{}");
    uint64_t waits = ask(w, request);
    struct rh_vault_request *look = request_new(w, RH_REQUEST_SESSION_GET);
    strcpy(look->session, "3f2b8c1e-5d4a-4f6b-9e8d-7c6b5a493827");
    uint64_t reads = ask(w, look);
    /* Some that have been answered, but the answer was not taken yet. */
    uint64_t said = w->last_op + 1;
    only_tell(w, RH_HAS_REQUEST, request_new(w, RH_REQUEST_GET));
    only_tell(w, RH_HAS_REQUEST, request_new(w, RH_REQUEST_SESSION_CREATE)); /* a text to write */
    rh_catalog_model_fail(w->catalog, 0, RH_ERR_IO, false);
    assert_int_equal(world_held(w, RH_DO_COMMIT), 1);
    assert_int_equal(world_held(w, RH_DO_READ), 1);
    go_on(w); /* the commit fails; then the rows come */
    assert_true(w->fatal);
    assert_null(answer_if(w, waits));
    assert_null(answer_if(w, reads));
    assert_null(answer_if(w, said));
    request = of(f, RH_REQUEST_METADATA);
    request->metadata = strdup("{}");
    uint64_t late = ask(w, request);
    world_pass(w, 2);
    assert_null(answer_if(w, late));
}

static void what_was_not_taken_is_freed_with_the_vault(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    struct rh_vault_request *request = of(f, RH_REQUEST_GET);
    only_tell(w, RH_HAS_REQUEST, request);
    only_tell(w, RH_HAS_REQUEST, request_new(w, RH_REQUEST_SESSION_CREATE));
    request = request_new(w, RH_REQUEST_SESSION_GET); /* a question to the catalog */
    strcpy(request->session, "3f2b8c1e-5d4a-4f6b-9e8d-7c6b5a493827");
    only_tell(w, RH_HAS_REQUEST, request);
    uint64_t entropy = w->entropy;
    world_restart(w, false); /* a sanitizer would tell of what is left */
    assert_true(w->entropy > entropy);
    assert_int_equal(get(w, f->id)->code, RH_REPLY_OK);
    rh_vault_destroy(NULL);
}

/* ---- Eviction ---- */

static void what_is_in_use_stays_in_memory(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    char ids[16][RH_ID_TEXT_MAX];
    w->hold_verb[RH_STORE_PUT_TEXT] = true; /* all of them are being finished for long */
    for (size_t i = 0; i < 16; i++) {
        make_upload(w, i % 2 ? f->session : "", "", 8, ids[i]);
        uint64_t op = ask(w, write_of(w, ids[i], 0, 8));
        body(w, op, data, 8, RH_WRITTEN_WHOLE);
        assert_null(answer_if(w, op));
    }
    go_on(w);
    go_on(w);
    for (size_t i = 0; i < 16; i++)
        assert_int_equal(get(w, ids[i])->upload.state, RH_UPLOAD_DONE);
}

static void sessions_in_use_stay_in_memory(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    char ids[16][RH_UUID_TEXT_MAX];
    for (size_t i = 0; i < 16; i++)
        make_session(w, ids[i]);
    w->hold_commits = true;
    uint64_t op = ask(w, request_new(w, RH_REQUEST_SESSION_CREATE));
    for (size_t i = 0; i < 16; i++) {
        struct rh_vault_request *request = request_new(w, RH_REQUEST_SESSION_GET);
        strcpy(request->session, ids[i]);
        assert_int_equal(ask_answer(w, request)->code, RH_REPLY_OK);
    }
    go_on(w);
    assert_int_equal(answer(w, op)->code, RH_REPLY_CREATED);
    assert_int_equal(put(w, f->id, 0, data, KIB), RH_REPLY_OK);
}

static void what_is_lost_stays_until_its_file_is_closed(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    char ids[8][RH_ID_TEXT_MAX];
    for (size_t i = 0; i < 8; i++) {
        char name[] = "c0";
        name[1] = (char)('0' + i);
        assert_int_equal(put_chunk(w, f->session, name, 1, NO, data, 8), RH_REPLY_OK);
        struct rh_vault_request *request = request_new(w, RH_REQUEST_GET);
        strcpy(request->session, f->session);
        strcpy(request->name, name);
        strcpy(ids[i], ask_answer(w, request)->upload.id);
        rh_store_model_fail(w->store, RH_STORE_STITCH, RH_ERR_CHECKSUM);
        assert_int_equal(put_chunk(w, f->session, name, 0, NO, data, 8), RH_REPLY_OK);
    }
    assert_int_equal(rh_store_model_open_count(w->store), 8);
    size_t reads = w->reads;
    assert_int_equal(get(w, ids[0])->upload.state, RH_UPLOAD_LOST);
    assert_int_equal(w->reads, reads); /* it is in memory */
    world_pass(w, 60);
    assert_int_equal(rh_store_model_open_count(w->store), 0);
    assert_int_equal(get(w, ids[0])->upload.state, RH_UPLOAD_LOST);
    assert_int_equal(w->reads, reads + 1); /* it was not any more */
}

static void nothing_expires_where_that_is_turned_off(void **state)
{
    struct fixture *f = *state;
    f->w.limits.expire_after_ticks = 0;
    world_restart(&f->w, false);
    world_time(&f->w, (rh_ms)80 * 24 * 3600 * 1000, (int64_t)80 * 24 * 3600 * 1000);
    world_pass(&f->w, 3700); /* past what a jump of the clock suspends */
    assert_int_equal(get(&f->w, f->id)->upload.state, RH_UPLOAD_OPEN);
}

/* ---- The map ---- */

static void the_map_keeps_those_of_one_hash_apart(void **state)
{
    struct rh_map map = {0};
    struct rh_map_node nodes[200];
    (void)state;
    assert_null(rh_map_first(&map, 1));
    assert_null(rh_map_any(&map));
    for (uint64_t i = 0; i < 200; i++)
        rh_map_add(&map, &nodes[i], i % 3 << 20); /* all in one bucket */
    assert_int_equal(map.count, 200);
    for (uint64_t hash = 0; hash < 3; hash++) {
        size_t count = 0;
        for (struct rh_map_node *node = rh_map_first(&map, hash << 20); node != NULL;
             node = rh_map_same(node)) {
            assert_int_equal(((size_t)(node - nodes)) % 3, hash);
            count++;
        }
        assert_int_equal(count, hash < 2 ? 67 : 66);
    }
    for (size_t i = 0; i < 200; i++)
        rh_map_remove(&map, &nodes[i]);
    assert_null(rh_map_first(&map, 1 << 20));
    rh_map_finish(&map);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_catalog_of_a_newer_release_is_left_alone),
        T(before_the_first_time_it_is_as_late_as_when_it_was_last_seen),
        T(more_than_a_queue_holds_are_all_answered),
        T(a_session_of_many_uploads_finds_each),
        T(a_reply_lists_so_many_ranges_and_no_more),
        T(a_session_does_not_list_what_is_being_erased),
        T(a_report_that_comes_twice_or_late_is_dropped),
        T(nobody_is_refused_before_the_free_space_is_known),
        T(a_share_of_the_disk_is_left_free),
        T(draining_answers_and_begins_nothing),
        T(draining_waits_for_jobs_reads_and_commits),
        T(after_a_failed_commit_nothing_is_said_and_nothing_leaks),
        T(what_was_not_taken_is_freed_with_the_vault),
        T(what_is_in_use_stays_in_memory),
        T(sessions_in_use_stay_in_memory),
        T(what_is_lost_stays_until_its_file_is_closed),
        T(nothing_expires_where_that_is_turned_off),
        cmocka_unit_test(the_map_keeps_those_of_one_hash_apart),
    };
    return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
