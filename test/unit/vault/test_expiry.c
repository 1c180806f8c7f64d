/* SPDX-License-Identifier: MIT */
/* Expiry counts ticks, spares what was vouched for, and rests after a clock jump. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

static uint8_t data[1000];

#define AGE 500

static void short_age(struct rh_vault_limits *limits)
{
    limits->expire_after_ticks = AGE;
}

static int setup(void **state)
{
    fill(data, sizeof data, 41);
    return fixture_setup(state, short_age, "v");
}

static enum rh_upload_state state_of(struct fixture *f)
{
    return get(&f->w, f->id)->upload.state;
}

static void what_was_never_vouched_for_expires(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    uint64_t op = ask(w, write_of(w, f->id, 0, 100)); /* a file, but nothing acknowledged */
    body(w, op, data, 0, RH_WRITTEN_BROKEN);
    world_pass(w, AGE - 20);
    assert_int_equal(state_of(f), RH_UPLOAD_OPEN);
    world_pass(w, 40);
    assert_int_equal(state_of(f), RH_UPLOAD_EXPIRED);
    assert_int_equal(w->jobs[RH_STORE_DROP], 1);
    assert_int_equal(rh_store_model_file_count(w->store), 1); /* session.json */
    assert_int_equal(ask_answer(w, write_of(w, f->id, 0, 100))->code, RH_REPLY_GONE);
    char id[RH_ID_TEXT_MAX]; /* the name is free again, the id is not */
    make_upload(w, f->session, "v", RH_SIZE_UNKNOWN, id);
    assert_string_not_equal(id, f->id);
    world_restart(w, true);
    assert_int_equal(state_of(f), RH_UPLOAD_EXPIRED);
}

static void what_was_vouched_for_is_overdue_and_kept(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put(w, f->id, 0, data, 100), RH_REPLY_OK);
    world_pass(w, 5 * AGE);
    assert_int_equal(state_of(f), RH_UPLOAD_OPEN);
    assert_true(w->logs > 0);
    assert_true(rh_catalog_model_upload(w->catalog, f->id)->row.overdue);
    assert_int_equal(put(w, f->id, 100, data + 100, 100), RH_REPLY_OK); /* and may go on */
    assert_false(rh_catalog_model_upload(w->catalog, f->id)->row.overdue);
    assert_int_equal(get(w, f->id)->durable[0].length, 200);
}

static void metadata_and_waiting_chunks_are_vouched_for_too(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put_chunk(w, f->session, "c", 3, 5, data, 100), RH_REPLY_OK);
    struct rh_vault_request *request = request_new(w, RH_REQUEST_METADATA);
    strcpy(request->session, f->session);
    strcpy(request->name, "m");
    request->metadata = strdup("{}");
    assert_int_equal(ask_answer(w, request)->code, RH_REPLY_OK);
    world_pass(w, 2 * AGE);
    request = request_new(w, RH_REQUEST_SESSION_GET);
    strcpy(request->session, f->session);
    const struct rh_vault_reply *reply = ask_answer(w, request);
    assert_int_equal(reply->videos[0].state, RH_UPLOAD_EXPIRED);
    assert_int_equal(reply->videos[1].state, RH_UPLOAD_OPEN);
    assert_int_equal(reply->videos[2].state, RH_UPLOAD_OPEN);
}

static void downtime_makes_nothing_old(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    world_pass(w, AGE / 2);
    w->mono_ms = 12345;                            /* another boot */
    w->wall_ms += (int64_t)365 * 24 * 3600 * 1000; /* a year later */
    world_restart(w, true);
    world_pass(w, AGE / 4);
    assert_int_equal(state_of(f), RH_UPLOAD_OPEN);
    world_pass(w, AGE / 2); /* at most a minute of life is lost by a restart */
    assert_int_equal(state_of(f), RH_UPLOAD_EXPIRED);
}

static void a_wall_jump_suspends_expiry(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    world_pass(w, AGE - 10);
    size_t logs = w->logs;
    world_time(w, 1000, (int64_t)-20 * 365 * 24 * 3600 * 1000);
    assert_int_equal(w->logs, logs + 1);
    world_pass(w, 3000);
    assert_int_equal(state_of(f), RH_UPLOAD_OPEN);
    world_pass(w, 700);
    assert_int_equal(state_of(f), RH_UPLOAD_EXPIRED);
}

#define YEARS_MS(n) ((int64_t)(n)*365 * 24 * 3600 * 1000)

/* A clock that is set while the server runs, either way: nothing that was acknowledged goes, parts
 * are taken as before, and what nobody vouched for only gets its hour more. */
static void a_clock_set_by_years_while_running(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    static const int years[] = {30, -56, 56, -30};
    char id[RH_ID_TEXT_MAX];
    make_upload(w, f->session, "vouched", RH_SIZE_UNKNOWN, id);
    for (uint64_t i = 0; i < 4; i++) {
        size_t logs = w->logs;
        assert_int_equal(put(w, id, i * 100, data + i * 100, 100), RH_REPLY_OK);
        uint64_t op = ask(w, write_of(w, id, (i + 1) * 100, 50)); /* a part is under way */
        world_time(w, 1000, YEARS_MS(years[i]));
        assert_int_equal(w->logs, logs + 1);
        body(w, op, data + (i + 1) * 100, 50, RH_WRITTEN_WHOLE);
        assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
        world_pass(w, 2 * AGE);
        assert_int_equal(state_of(f), RH_UPLOAD_OPEN);
        assert_int_equal(get(w, id)->upload.state, RH_UPLOAD_OPEN);
        assert_int_equal(get(w, id)->durable_count, 1);
        assert_int_equal(get(w, id)->durable[0].length, i * 100 + 150);
    }
    world_pass(w, 3700);
    assert_int_equal(state_of(f), RH_UPLOAD_EXPIRED);
    assert_int_equal(get(w, id)->upload.state, RH_UPLOAD_OPEN);
    struct rh_vault_request *request = request_new(w, RH_REQUEST_FINISH);
    strcpy(request->upload, id);
    assert_int_equal(ask_answer(w, request)->code, RH_REPLY_OK);
    assert_object(w, id, data, 450);
}

/* A computer whose clock was lost with its power says 1970; another says 2100. */
static void a_clock_set_by_years_across_restarts(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    static const int64_t wall_ms[] = {1000, 4102444800000, 1000, 1769527800000};
    char id[RH_ID_TEXT_MAX];
    make_upload(w, f->session, "vouched", RH_SIZE_UNKNOWN, id);
    for (uint64_t i = 0; i < 4; i++) {
        assert_int_equal(put(w, id, i * 100, data + i * 100, 100), RH_REPLY_OK);
        w->mono_ms = 777; /* another boot */
        w->wall_ms = wall_ms[i];
        world_restart(w, true);
        world_pass(w, AGE / 8);
        assert_int_equal(state_of(f), RH_UPLOAD_OPEN);
        assert_int_equal(get(w, id)->durable[0].length, (i + 1) * 100);
    }
    world_pass(w, AGE); /* its age is what servers lived, however often their clocks were set */
    assert_int_equal(state_of(f), RH_UPLOAD_EXPIRED);
    assert_int_equal(get(w, id)->upload.state, RH_UPLOAD_OPEN);
    assert_true(rh_catalog_model_upload(w->catalog, id)->row.overdue);
}

/* It must not; if it does all the same, nothing is older for it. */
static void a_monotonic_clock_that_falls_stands_still(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    world_pass(w, 10);
    struct rh_vault_event event = {.kind = RH_HAS_TIME};
    event.u.time.mono_ms = 1;
    event.u.time.wall_ms = w->wall_ms;
    assert_int_equal(rh_vault_tell(w->vault, &event), RH_OK);
    world_pump(w);
    assert_int_equal(state_of(f), RH_UPLOAD_OPEN);
    world_pass(w, AGE - 20);
    assert_int_equal(state_of(f), RH_UPLOAD_OPEN);
    world_pass(w, 40);
    assert_int_equal(state_of(f), RH_UPLOAD_EXPIRED);
}

static void a_writer_at_work_keeps_its_upload(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    uint64_t op = ask(w, write_of(w, f->id, 0, 100));
    world_pass(w, 3 * AGE);
    assert_int_equal(state_of(f), RH_UPLOAD_OPEN);
    body(w, op, data, 100, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
}

static void an_upload_that_expires_is_waited_for(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    w->hold_verb[RH_STORE_DROP] = true;
    world_pass(w, AGE + 10);
    assert_int_equal(world_held(w, RH_DO_STORE), 1);
    struct rh_vault_request *request = chunk_of(w, f->session, "v", 1, 2);
    uint64_t op = ask(w, request); /* its waiting chunk would lie where DROP removes */
    assert_null(granted(w, op));
    struct rh_vault_request *erase = request_new(w, RH_REQUEST_DELETE);
    strcpy(erase->upload, f->id);
    uint64_t deleting = ask(w, erase);
    assert_null(answer_if(w, deleting));
    w->hold_verb[RH_STORE_DROP] = false;
    world_release(w);
    assert_int_equal(answer(w, deleting)->code, RH_REPLY_OK);
    assert_non_null(granted(w, op));
    body(w, op, data, 100, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
    assert_int_equal(put_chunk(w, f->session, "v", 0, 2, data, 100), RH_REPLY_OK);
}

static void ticks_are_persisted(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    struct rh_read read = {.kind = RH_READ_META};
    struct rh_rows rows = {0};
    world_pass(w, 200);
    w->catalog->ops->read(w->catalog, &read, &rows);
    assert_true(rows.meta.ticks >= 140);
    assert_true(rows.meta.ticks <= 200);
    assert_true(rows.meta.wall_s > 1769527800);
    rh_rows_free(&rows);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_was_never_vouched_for_expires),
        T(what_was_vouched_for_is_overdue_and_kept),
        T(metadata_and_waiting_chunks_are_vouched_for_too),
        T(downtime_makes_nothing_old),
        T(a_wall_jump_suspends_expiry),
        T(a_clock_set_by_years_while_running),
        T(a_clock_set_by_years_across_restarts),
        T(a_monotonic_clock_that_falls_stands_still),
        T(a_writer_at_work_keeps_its_upload),
        T(an_upload_that_expires_is_waited_for),
        T(ticks_are_persisted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
