/* SPDX-License-Identifier: MIT */
/* Concatenation: finals of complete and incomplete sources, copies, crashes, what goes wrong. */
#include <stdlib.h>
#include <string.h>

#include "base/crc64.h"
#include "harness.h"

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define PIECES  3

static uint8_t bytes[1 << 16];
static const size_t ends[PIECES + 1] = {0, 1000, 3500, 4001};

struct pieces {
    char ids[PIECES][RH_ID_TEXT_MAX];
};

static int setup(void **state)
{
    fill(bytes, sizeof bytes, 11);
    return fixture_setup(state, NULL, NULL);
}

static int teardown(void **state)
{
    return fixture_teardown(state);
}

static void make_partial(struct world *w, uint64_t total, char out[RH_ID_TEXT_MAX])
{
    struct rh_vault_request *request = request_new(w, RH_REQUEST_CREATE);
    request->cursor = true;
    request->concat = RH_CONCAT_PARTIAL;
    request->total = total;
    const struct rh_vault_reply *reply = ask_answer(w, request);
    assert_int_equal(reply->code, RH_REPLY_CREATED);
    assert_int_equal(reply->upload.concat, RH_CONCAT_PARTIAL);
    strcpy(out, reply->upload.id);
}

static void fill_partial(struct world *w, const char *id, size_t from, size_t to)
{
    struct rh_vault_request *request = write_of(w, id, 0, to - from);
    request->cursor = true;
    uint64_t op = ask(w, request);
    body(w, op, bytes + from, to - from, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, op)->upload.state, RH_UPLOAD_DONE);
}

static void make_pieces(struct world *w, struct pieces *pieces, size_t complete)
{
    for (size_t i = 0; i < PIECES; i++) {
        make_partial(w, ends[i + 1] - ends[i], pieces->ids[i]);
        if (i < complete)
            fill_partial(w, pieces->ids[i], ends[i], ends[i + 1]);
    }
}

static struct rh_vault_request *final_of(struct world *w, const struct pieces *pieces, size_t count)
{
    struct rh_vault_request *request = request_new(w, RH_REQUEST_CREATE);
    request->cursor = true;
    request->concat = RH_CONCAT_FINAL;
    request->sources = malloc((count + 1) * sizeof *request->sources);
    assert_non_null(request->sources);
    for (size_t i = 0; i < count; i++)
        strcpy(request->sources[i], pieces->ids[i % PIECES]);
    request->source_count = count;
    return request;
}

static const struct rh_vault_reply *make_final(struct fixture *f, const struct pieces *pieces)
{
    const struct rh_vault_reply *reply = ask_answer(&f->w, final_of(&f->w, pieces, PIECES));
    assert_int_equal(reply->code, RH_REPLY_CREATED);
    strcpy(f->id, reply->upload.id);
    return reply;
}

/* ---- */

static void complete_sources_become_one(void **state)
{
    struct fixture *f = *state;
    struct pieces pieces;
    make_pieces(&f->w, &pieces, PIECES);
    const struct rh_vault_reply *reply = make_final(f, &pieces);
    assert_int_equal(reply->upload.state, RH_UPLOAD_DONE);
    assert_int_equal(reply->upload.concat, RH_CONCAT_FINAL);
    assert_object(&f->w, f->id, bytes, ends[PIECES]);
    for (size_t i = 0; i < PIECES; i++) /* they stay, and may be used again */
        assert_object(&f->w, pieces.ids[i], bytes + ends[i], ends[i + 1] - ends[i]);
    make_final(f, &pieces);
    assert_object(&f->w, f->id, bytes, ends[PIECES]);
    world_restart(&f->w, true);
    assert_int_equal(get(&f->w, f->id)->upload.concat, RH_CONCAT_FINAL);
    assert_object(&f->w, f->id, bytes, ends[PIECES]);
}

static void a_source_may_come_more_than_once(void **state)
{
    struct fixture *f = *state;
    struct pieces pieces;
    uint8_t all[2 * 4001];
    make_pieces(&f->w, &pieces, PIECES);
    strcpy(f->id, ask_answer(&f->w, final_of(&f->w, &pieces, 2 * PIECES))->upload.id);
    memcpy(all, bytes, 4001);
    memcpy(all + 4001, bytes, 4001);
    assert_object(&f->w, f->id, all, sizeof all);
}

static void empty_sources_add_nothing(void **state)
{
    struct fixture *f = *state;
    struct pieces pieces;
    make_partial(&f->w, 0, pieces.ids[0]);
    make_partial(&f->w, 700, pieces.ids[1]);
    fill_partial(&f->w, pieces.ids[1], 0, 700);
    make_partial(&f->w, 0, pieces.ids[2]);
    make_final(f, &pieces);
    assert_object(&f->w, f->id, bytes, 700);
    strcpy(pieces.ids[1], pieces.ids[0]);
    make_final(f, &pieces);
    assert_object(&f->w, f->id, bytes, 0);
}

static void a_final_may_be_made_before_its_sources_are_complete(void **state)
{
    struct fixture *f = *state;
    struct pieces pieces;
    for (int restarts = 0; restarts < 2; restarts++) {
        make_pieces(&f->w, &pieces, 0);
        assert_int_equal(make_final(f, &pieces)->upload.state, RH_UPLOAD_OPEN);
        for (size_t i = PIECES; i-- > 0;) { /* the last one first */
            assert_int_equal(get(&f->w, f->id)->upload.state, RH_UPLOAD_OPEN);
            if (restarts)
                world_restart(&f->w, true);
            fill_partial(&f->w, pieces.ids[i], ends[i], ends[i + 1]);
        }
        assert_object(&f->w, f->id, bytes, ends[PIECES]);
    }
}

static void a_final_takes_no_bytes_and_no_finish(void **state)
{
    struct fixture *f = *state;
    struct pieces pieces;
    make_pieces(&f->w, &pieces, 1);
    make_final(f, &pieces);
    struct rh_vault_request *request = write_of(&f->w, f->id, 0, 10);
    request->cursor = true;
    assert_int_equal(ask_answer(&f->w, request)->code, RH_REPLY_STATE);
    request = request_new(&f->w, RH_REQUEST_FINISH);
    strcpy(request->upload, f->id);
    request->allow_partial = true;
    assert_int_equal(ask_answer(&f->w, request)->code, RH_REPLY_INCOMPLETE);
}

static void what_is_no_partial_is_refused(void **state)
{
    struct fixture *f = *state;
    struct pieces pieces;
    struct pieces wrong;
    make_pieces(&f->w, &pieces, PIECES);
    wrong = pieces;
    make_upload(&f->w, f->session, "take", 10, wrong.ids[1]);
    assert_int_equal(ask_answer(&f->w, final_of(&f->w, &wrong, PIECES))->code, RH_REPLY_CONFLICT);
    make_upload(&f->w, "", "", 10, wrong.ids[1]);
    assert_int_equal(ask_answer(&f->w, final_of(&f->w, &wrong, PIECES))->code, RH_REPLY_CONFLICT);
    strcpy(wrong.ids[1], "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    assert_int_equal(ask_answer(&f->w, final_of(&f->w, &wrong, PIECES))->code, RH_REPLY_CONFLICT);
    assert_int_equal(ask_answer(&f->w, final_of(&f->w, &wrong, 0))->code, RH_REPLY_CONFLICT);
    assert_int_equal(ask_answer(&f->w, final_of(&f->w, &pieces, 1001))->code, RH_REPLY_CONFLICT);
    struct rh_vault_request *request = final_of(&f->w, &pieces, PIECES); /* of another session */
    strcpy(request->session, f->session);
    assert_int_equal(ask_answer(&f->w, request)->code, RH_REPLY_CONFLICT);
}

static void sources_that_were_evicted_are_found(void **state)
{
    struct fixture *f = *state;
    struct pieces pieces;
    f->w.limits.cached_max = 0;
    world_restart(&f->w, false);
    make_pieces(&f->w, &pieces, PIECES);
    make_final(f, &pieces);
    assert_object(&f->w, f->id, bytes, ends[PIECES]);
}

static void a_deleted_source_ends_the_hope(void **state)
{
    struct fixture *f = *state;
    struct pieces pieces;
    make_pieces(&f->w, &pieces, 2);
    make_final(f, &pieces);
    struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_DELETE);
    strcpy(request->upload, pieces.ids[2]);
    assert_int_equal(ask_answer(&f->w, request)->code, RH_REPLY_OK);
    assert_int_equal(get(&f->w, f->id)->upload.state, RH_UPLOAD_OPEN);
    assert_string_equal(f->w.last_log, "a source of a concatenation is gone: it will not complete");
    request = request_new(&f->w, RH_REQUEST_DELETE);
    strcpy(request->upload, f->id);
    assert_int_equal(ask_answer(&f->w, request)->code, RH_REPLY_OK);
}

static uint64_t delete_now(struct world *w, const char *id)
{
    struct rh_vault_request *request = request_new(w, RH_REQUEST_DELETE);
    strcpy(request->upload, id);
    request->terminate = true;
    return ask(w, request);
}

static void a_source_is_not_deleted_while_it_is_copied(void **state)
{
    struct fixture *f = *state;
    struct pieces pieces;
    make_pieces(&f->w, &pieces, PIECES);
    f->w.hold_verb[RH_STORE_JOIN] = true;
    uint64_t made = ask(&f->w, final_of(&f->w, &pieces, PIECES));
    uint64_t gone = delete_now(&f->w, pieces.ids[0]);
    assert_null(answer_if(&f->w, gone));
    f->w.hold_verb[RH_STORE_JOIN] = false;
    world_release(&f->w);
    assert_int_equal(answer(&f->w, gone)->code, RH_REPLY_OK);
    strcpy(f->id, answer(&f->w, made)->upload.id);
    assert_object(&f->w, f->id, bytes, ends[PIECES]);
}

static void a_final_is_deleted_while_it_is_copied(void **state)
{
    struct fixture *f = *state;
    struct pieces pieces;
    make_pieces(&f->w, &pieces, 2);
    make_final(f, &pieces);
    f->w.hold_verb[RH_STORE_JOIN] = true;
    fill_partial(&f->w, pieces.ids[2], ends[2], ends[3]);
    uint64_t gone = delete_now(&f->w, f->id);
    assert_null(answer_if(&f->w, gone));
    f->w.hold_verb[RH_STORE_JOIN] = false;
    world_release(&f->w);
    assert_int_equal(answer(&f->w, gone)->code, RH_REPLY_OK);
    assert_int_equal(get(&f->w, f->id)->code, RH_REPLY_GONE);
    for (size_t i = 0; i < PIECES; i++)
        assert_object(&f->w, pieces.ids[i], bytes + ends[i], ends[i + 1] - ends[i]);
}

static void a_failed_copy_is_tried_again(void **state)
{
    static const enum rh_store_verb verbs[] = {RH_STORE_JOIN, RH_STORE_SYNC, RH_STORE_BEGIN};
    struct fixture *f = *state;
    struct pieces pieces;
    make_pieces(&f->w, &pieces, PIECES);
    for (size_t i = 0; i < 3; i++) {
        rh_store_model_fail(f->w.store, verbs[i], RH_ERR_IO);
        assert_int_equal(make_final(f, &pieces)->upload.state, RH_UPLOAD_OPEN);
        world_pass(&f->w, 6);
        assert_object(&f->w, f->id, bytes, ends[PIECES]);
    }
}

static void a_source_that_changed_at_rest_is_noticed(void **state)
{
    struct fixture *f = *state;
    struct pieces pieces;
    struct rh_store_target target;
    make_pieces(&f->w, &pieces, PIECES);
    target_of(&get(&f->w, pieces.ids[1])->upload, &target);
    assert_true(rh_store_model_flip(f->w.store, &target, RH_MODEL_OBJECT, 0, 77));
    assert_int_equal(make_final(f, &pieces)->upload.state, RH_UPLOAD_OPEN);
    assert_string_equal(f->w.last_log, "a concatenation's source has changed at rest");
}

static void no_room_is_waited_for(void **state)
{
    struct fixture *f = *state;
    struct pieces pieces;
    make_pieces(&f->w, &pieces, PIECES);
    rh_store_model_set_space(f->w.store, 1000, 1 << 20);
    world_pass(&f->w, 2);
    assert_int_equal(make_final(f, &pieces)->upload.state, RH_UPLOAD_OPEN);
    rh_store_model_set_space(f->w.store, 1 << 20, 1 << 20);
    world_pass(&f->w, 8);
    assert_object(&f->w, f->id, bytes, ends[PIECES]);
}

static void who_made_it_does_not_wait_for_ever(void **state)
{
    struct fixture *f = *state;
    struct pieces pieces;
    make_pieces(&f->w, &pieces, PIECES);
    f->w.hold_verb[RH_STORE_JOIN] = true;
    uint64_t made = ask(&f->w, final_of(&f->w, &pieces, PIECES));
    world_pass(&f->w, 19);
    assert_null(answer_if(&f->w, made));
    world_pass(&f->w, 2);
    assert_int_equal(answer(&f->w, made)->code, RH_REPLY_CREATED);
    assert_int_equal(answer(&f->w, made)->upload.state, RH_UPLOAD_OPEN);
    strcpy(f->id, answer(&f->w, made)->upload.id);
    f->w.hold_verb[RH_STORE_JOIN] = false;
    world_release(&f->w);
    assert_object(&f->w, f->id, bytes, ends[PIECES]);
}

static void a_crash_in_a_copy_begins_it_anew(void **state)
{
    static const enum rh_store_verb verbs[] = {RH_STORE_JOIN, RH_STORE_SYNC, RH_STORE_SEAL};
    struct fixture *f = *state;
    struct pieces pieces;
    make_pieces(&f->w, &pieces, 2);
    for (size_t i = 0; i < 3; i++) {
        make_partial(&f->w, ends[3] - ends[2], pieces.ids[2]);
        make_final(f, &pieces);
        fill_partial(&f->w, pieces.ids[2], ends[2], ends[3]);
        assert_object(&f->w, f->id, bytes, ends[PIECES]);
        make_final(f, &pieces); /* all complete: the verb that is held is the copy's */
        f->w.hold_verb[verbs[i]] = true;
        uint64_t op = ask(&f->w, final_of(&f->w, &pieces, PIECES));
        assert_null(answer_if(&f->w, op));
        world_restart(&f->w, true);
        assert_object(&f->w, f->id, bytes, ends[PIECES]);
    }
}

static void a_final_waits_with_its_sources_and_expires_with_them(void **state)
{
    struct fixture *f = *state;
    struct pieces pieces;
    f->w.limits.expire_after_ticks = 100;
    world_restart(&f->w, false);
    make_pieces(&f->w, &pieces, 2);
    make_final(f, &pieces);
    for (size_t i = 0; i < 5; i++) { /* the last source is still on its way */
        struct rh_vault_request *request = write_of(&f->w, pieces.ids[2], i * 10, 10);
        request->cursor = true;
        uint64_t op = ask(&f->w, request);
        body(&f->w, op, bytes + ends[2] + i * 10, 10, RH_WRITTEN_WHOLE);
        world_pass(&f->w, 70);
    }
    assert_int_equal(get(&f->w, f->id)->upload.state, RH_UPLOAD_OPEN);
    world_pass(&f->w, 300);
    assert_int_equal(get(&f->w, pieces.ids[2])->upload.state, RH_UPLOAD_EXPIRED);
    assert_int_equal(get(&f->w, f->id)->upload.state, RH_UPLOAD_EXPIRED);
    assert_object(&f->w, pieces.ids[0], bytes, ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(complete_sources_become_one),
        T(a_source_may_come_more_than_once),
        T(empty_sources_add_nothing),
        T(a_final_may_be_made_before_its_sources_are_complete),
        T(a_final_takes_no_bytes_and_no_finish),
        T(what_is_no_partial_is_refused),
        T(sources_that_were_evicted_are_found),
        T(a_deleted_source_ends_the_hope),
        T(a_source_is_not_deleted_while_it_is_copied),
        T(a_final_is_deleted_while_it_is_copied),
        T(a_failed_copy_is_tried_again),
        T(a_source_that_changed_at_rest_is_noticed),
        T(no_room_is_waited_for),
        T(who_made_it_does_not_wait_for_ever),
        T(a_crash_in_a_copy_begins_it_anew),
        T(a_final_waits_with_its_sources_and_expires_with_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
