/* SPDX-License-Identifier: MIT */
/* Finishing: by itself and on request, whole and partial, and through crashes. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/crc64.h"

#define KIB 1024

static uint8_t data[64 * KIB];

static int setup(void **state)
{
    fill(data, sizeof data, 23);
    return fixture_setup(state, NULL, "take1");
}

static struct rh_vault_request *finish_of(struct world *w, const char *id)
{
    struct rh_vault_request *request = request_new(w, RH_REQUEST_FINISH);
    strcpy(request->upload, id);
    return request;
}

static json_t *text_of(struct world *w, const char *id, enum rh_store_model_file which)
{
    struct rh_store_target target;
    size_t size = 0;
    target_of(&get(w, id)->upload, &target);
    const uint8_t *text = rh_store_model_look(w->store, &target, which, 0, true, &size);
    return text == NULL ? NULL : json_loadb((const char *)text, size, 0, NULL);
}

static uint64_t number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_integer(value));
    return (uint64_t)json_integer_value(value);
}

static void an_upload_of_known_total_completes_by_itself(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    char id[RH_ID_TEXT_MAX];
    make_upload(w, f->session, "take2", 4 * KIB, id);
    assert_int_equal(put(w, id, 2 * KIB, data + 2 * KIB, 2 * KIB), RH_REPLY_OK);
    uint64_t op = ask(w, write_of(w, id, 0, 2 * KIB));
    body(w, op, data, 2 * KIB, RH_WRITTEN_WHOLE);
    const struct rh_vault_reply *reply = answer(w, op);
    assert_int_equal(reply->code, RH_REPLY_OK);
    assert_int_equal(reply->upload.state, RH_UPLOAD_DONE);
    assert_int_equal(reply->receipt.offset, 0); /* over the whole */
    assert_int_equal(reply->receipt.length, 4 * KIB);
    assert_int_equal(reply->receipt.crc64, rh_crc64_update(0, data, 4 * KIB));
    assert_object(w, id, data, 4 * KIB);
    /* The answer came after DONE was committed. */
    assert_int_equal(rh_catalog_model_upload(w->catalog, id)->row.state, RH_UPLOAD_DONE);
}

static void each_step_waits_for_the_one_before(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put(w, f->id, 0, data, KIB), RH_REPLY_OK);
    w->hold_commits = true;
    uint64_t op = ask(w, finish_of(w, f->id));
    assert_int_equal(w->jobs[RH_STORE_SEAL], 0); /* FINISHING is not durable yet */
    w->hold_verb[RH_STORE_SEAL] = true;
    w->hold_commits = false;
    world_release(w);
    assert_int_equal(world_held(w, RH_DO_STORE), 1);
    assert_int_equal(rh_catalog_model_upload(w->catalog, f->id)->row.state, RH_UPLOAD_FINISHING);
    assert_int_equal(rh_store_model_open_count(w->store), 0);
    w->hold_verb[RH_STORE_SEAL] = false;
    w->hold_commits = true;
    world_release(w);
    assert_null(answer_if(w, op));
    w->hold_commits = false;
    world_release(w);
    assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
    assert_object(w, f->id, data, KIB);
}

static void finish_is_idempotent(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put(w, f->id, 0, data, KIB), RH_REPLY_OK);
    for (size_t i = 0; i < 3; i++) {
        struct rh_vault_request *request = finish_of(w, f->id);
        request->total = KIB;
        request->has_crc = true;
        request->crc64 = rh_crc64_update(0, data, KIB);
        assert_int_equal(ask_answer(w, request)->code, RH_REPLY_OK);
        assert_int_equal(w->jobs[RH_STORE_SEAL], 1);
        if (i == 1)
            world_restart(w, true);
    }
    struct rh_vault_request *request = finish_of(w, f->id);
    request->total = KIB + 1;
    assert_int_equal(ask_answer(w, request)->code, RH_REPLY_CONFLICT);
    request = finish_of(w, f->id);
    request->has_crc = true;
    assert_int_equal(ask_answer(w, request)->code, RH_REPLY_CHECKSUM);
    assert_object(w, f->id, data, KIB);
}

static void gaps_are_listed(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(ask_answer(w, finish_of(w, f->id))->code, RH_REPLY_INCOMPLETE);
    assert_int_equal(put(w, f->id, KIB, data, KIB), RH_REPLY_OK);
    assert_int_equal(put(w, f->id, 4 * KIB, data, KIB), RH_REPLY_OK);
    struct rh_vault_request *request = finish_of(w, f->id);
    request->total = 8 * KIB;
    const struct rh_vault_reply *reply = ask_answer(w, request);
    assert_int_equal(reply->code, RH_REPLY_INCOMPLETE);
    assert_int_equal(reply->missing_count, 3);
    assert_int_equal(reply->missing[0].offset, 0);
    assert_int_equal(reply->missing[0].length, KIB);
    assert_int_equal(reply->missing[1].offset, 2 * KIB);
    assert_int_equal(reply->missing[1].length, 2 * KIB);
    assert_int_equal(reply->missing[2].offset, 5 * KIB);
    assert_int_equal(reply->missing[2].length, 3 * KIB);
    request = finish_of(w, f->id);
    request->total = 2 * KIB;
    assert_int_equal(ask_answer(w, request)->code, RH_REPLY_CONFLICT);
}

static void a_wrong_checksum_of_the_whole_is_refused(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put(w, f->id, 0, data, KIB), RH_REPLY_OK);
    struct rh_vault_request *request = finish_of(w, f->id);
    request->has_crc = true;
    request->crc64 = 1;
    assert_int_equal(ask_answer(w, request)->code, RH_REPLY_CHECKSUM);
    assert_int_equal(get(w, f->id)->upload.state, RH_UPLOAD_OPEN);
}

static void an_empty_video_completes_at_once(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    struct rh_vault_request *request = request_new(w, RH_REQUEST_CREATE);
    strcpy(request->session, f->session);
    strcpy(request->name, "empty");
    strcpy(request->mime, "video/mp4");
    request->total = 0;
    const struct rh_vault_reply *reply = ask_answer(w, request);
    assert_int_equal(reply->code, RH_REPLY_CREATED);
    assert_int_equal(reply->upload.state, RH_UPLOAD_DONE);
    assert_object(w, reply->upload.id, data, 0);
}

static void a_partial_video_keeps_every_byte_at_its_offset(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    uint8_t expected[6 * KIB] = {0};
    memcpy(expected + KIB, data + KIB, KIB);
    memcpy(expected + 5 * KIB, data + 5 * KIB, KIB);
    assert_int_equal(put(w, f->id, KIB, data + KIB, KIB), RH_REPLY_OK);
    assert_int_equal(put(w, f->id, 5 * KIB, data + 5 * KIB, KIB), RH_REPLY_OK);
    /* Bytes that were written and never acknowledged must not show. */
    struct rh_vault_request *bad = write_of(w, f->id, 2 * KIB, 2 * KIB);
    bad->has_crc = true;
    uint64_t op = ask(w, bad);
    body(w, op, data, 2 * KIB, RH_WRITTEN_WHOLE);
    bad = write_of(w, f->id, 7 * KIB, KIB);
    bad->has_crc = true;
    op = ask(w, bad);
    body(w, op, data, KIB, RH_WRITTEN_WHOLE);
    struct rh_vault_request *request = finish_of(w, f->id);
    request->allow_partial = true;
    request->total = 20 * KIB;
    const struct rh_vault_reply *reply = ask_answer(w, request);
    assert_int_equal(reply->code, RH_REPLY_OK);
    assert_true(reply->upload.partial);
    assert_int_equal(reply->missing_count, 2);
    assert_object(w, f->id, expected, sizeof expected);
    json_t *text = text_of(w, f->id, RH_MODEL_METADATA);
    const json_t *ours = json_object_get(text, "reelhaul");
    assert_string_equal(json_string_value(json_object_get(ours, "status")), "partial");
    assert_int_equal(json_array_size(json_object_get(ours, "missing")), 2);
    assert_int_equal(number_of(json_array_get(json_object_get(ours, "missing"), 1), "offset"),
                     2 * KIB);
    json_decref(text);
    assert_int_equal(put(w, f->id, KIB, data + KIB, KIB), RH_REPLY_OK); /* still the same bytes */
    assert_int_equal(ask_answer(w, write_of(w, f->id, 0, KIB))->code, RH_REPLY_STATE);
    request = finish_of(w, f->id);
    request->allow_partial = true;
    request->total = 20 * KIB;
    assert_int_equal(ask_answer(w, request)->code, RH_REPLY_OK);
}

static void a_partial_video_waits_for_its_writers(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    uint64_t op = ask(w, write_of(w, f->id, 0, 4 * KIB));
    struct rh_vault_request *request = finish_of(w, f->id);
    assert_int_equal(put(w, f->id, 8 * KIB, data + 8 * KIB, KIB), RH_REPLY_OK);
    request->allow_partial = true;
    uint64_t finish = ask(w, request);
    assert_true(w->revoked[op]);
    assert_null(answer_if(w, finish));
    uint64_t late = ask(w, write_of(w, f->id, 16 * KIB, KIB));
    assert_null(granted(w, late)); /* new ones do not hold it up */
    body(w, op, data, KIB, RH_WRITTEN_REVOKED);
    assert_int_equal(answer(w, late)->code, RH_REPLY_OUT_OF_RANGE);
    assert_int_equal(answer(w, finish)->code, RH_REPLY_OK);
    assert_int_equal(answer(w, finish)->missing_count, 1);
    assert_int_equal(answer(w, finish)->missing[0].offset, KIB);
}

static void a_partial_finish_may_find_all_of_it(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    char id[RH_ID_TEXT_MAX];
    make_upload(w, f->session, "whole", 2 * KIB, id);
    uint64_t op = ask(w, write_of(w, id, 0, 2 * KIB));
    uint64_t other = ask(w, write_of(w, f->id, 0, KIB));
    struct rh_vault_request *request = finish_of(w, id);
    request->allow_partial = true;
    uint64_t finish = ask(w, request);
    assert_int_equal(answer(w, finish)->code, RH_REPLY_INCOMPLETE); /* nothing yet */
    body(w, op, data, KIB, RH_WRITTEN_BROKEN);
    op = ask(w, write_of(w, id, KIB, KIB));
    request = finish_of(w, id);
    request->allow_partial = true;
    finish = ask(w, request);
    uint64_t again = ask(w, write_of(w, id, 0, KIB));
    body(w, op, data + KIB, KIB, RH_WRITTEN_WHOLE); /* it had ended before it was revoked */
    assert_int_equal(answer(w, finish)->code, RH_REPLY_OK);
    assert_false(answer(w, finish)->upload.partial);
    body(w, again, data, KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, again)->code, RH_REPLY_OK);
    body(w, other, data, KIB, RH_WRITTEN_WHOLE);
    assert_object(w, id, data, 2 * KIB);
}

static void partial_chunks_of_equal_size_keep_their_places(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    uint8_t expected[5 * 100 - 40] = {0};
    memcpy(expected, data, 100);
    memcpy(expected + 200, data + 200, 100);
    memcpy(expected + 400, data + 400, 60);
    assert_int_equal(put_chunk(w, f->session, "c", 0, 6, data, 100), RH_REPLY_OK);
    assert_int_equal(put_chunk(w, f->session, "c", 4, 6, data + 400, 60), RH_REPLY_OK);
    assert_int_equal(put_chunk(w, f->session, "c", 2, 6, data + 200, 100), RH_REPLY_OK);
    struct rh_vault_request *request = request_new(w, RH_REQUEST_FINISH);
    strcpy(request->session, f->session);
    strcpy(request->name, "c");
    assert_int_equal(ask_answer(w, request)->code, RH_REPLY_INCOMPLETE);
    request = request_new(w, RH_REQUEST_FINISH);
    strcpy(request->session, f->session);
    strcpy(request->name, "c");
    request->allow_partial = true;
    const struct rh_vault_reply *reply = ask_answer(w, request);
    assert_int_equal(reply->code, RH_REPLY_OK);
    assert_true(reply->upload.partial);
    assert_object(w, reply->upload.id, expected, sizeof expected);
}

static void partial_chunks_of_unequal_size_follow_one_another(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put_chunk(w, f->session, "c", 0, 6, data, 100), RH_REPLY_OK);
    assert_int_equal(put_chunk(w, f->session, "c", 3, 6, data + 100, 70), RH_REPLY_OK);
    assert_int_equal(put_chunk(w, f->session, "c", 5, 6, data + 170, 200), RH_REPLY_OK);
    struct rh_vault_request *request = request_new(w, RH_REQUEST_FINISH);
    strcpy(request->session, f->session);
    strcpy(request->name, "c");
    request->allow_partial = true;
    assert_object(w, ask_answer(w, request)->upload.id, data, 370);
}

static void a_count_of_chunks_at_the_end_completes(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(put_chunk(w, f->session, "c", i, RH_SIZE_UNKNOWN, data + i * 100, 100),
                         RH_REPLY_OK);
    struct rh_vault_request *request = request_new(w, RH_REQUEST_FINISH);
    strcpy(request->session, f->session);
    strcpy(request->name, "c");
    request->chunk_count = 2;
    assert_int_equal(ask_answer(w, request)->code, RH_REPLY_CONFLICT);
    request = request_new(w, RH_REQUEST_FINISH);
    strcpy(request->session, f->session);
    strcpy(request->name, "c");
    request->chunk_count = 3;
    assert_object(w, ask_answer(w, request)->upload.id, data, 300);
}

static void a_failed_seal_is_tried_again(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    static const enum rh_store_verb verbs[] = {RH_STORE_SEAL, RH_STORE_PUT_TEXT};
    for (size_t i = 0; i < 2; i++) {
        char id[RH_ID_TEXT_MAX];
        make_upload(w, f->session, i == 0 ? "x0" : "x1", KIB, id);
        rh_store_model_fail(w->store, verbs[i], RH_ERR_IO);
        uint64_t op = ask(w, write_of(w, id, 0, KIB));
        body(w, op, data, KIB, RH_WRITTEN_WHOLE);
        /* The part is durable; the state says that the video is not finished yet. */
        assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
        assert_int_equal(answer(w, op)->upload.state, RH_UPLOAD_FINISHING);
        world_pass(w, 10);
        assert_object(w, id, data, KIB);
    }
}

static void a_crash_at_any_step_of_finishing_is_made_good(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    for (uint64_t steps = 1; steps < 30; steps++) {
        char id[RH_ID_TEXT_MAX];
        char name[16];
        snprintf(name, sizeof name, "s%u", (unsigned)steps);
        make_upload(w, f->session, name, 3000, id);
        assert_int_equal(put(w, id, 0, data, 2000), RH_REPLY_OK);
        uint64_t op = ask(w, write_of(w, id, 2000, 1000));
        rh_store_model_stop_after(w->store, steps);
        body(w, op, data + 2000, 1000, RH_WRITTEN_WHOLE);
        bool said = answer_if(w, op) != NULL && answer(w, op)->code == RH_REPLY_OK;
        bool done = said && answer(w, op)->upload.state == RH_UPLOAD_DONE;
        world_restart(w, true);
        if (done)
            assert_int_equal(get(w, id)->upload.state, RH_UPLOAD_DONE);
        if (!said)
            assert_int_equal(put(w, id, 2000, data + 2000, 1000), RH_REPLY_OK);
        assert_object(w, id, data, 3000);
    }
}

static void a_lost_object_is_never_done(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    struct rh_store_target target;
    struct rh_store_result result;
    assert_int_equal(put(w, f->id, 0, data, KIB), RH_REPLY_OK);
    w->hold_verb[RH_STORE_SEAL] = true;
    uint64_t op = ask(w, finish_of(w, f->id));
    target_of(&get(w, f->id)->upload, &target);
    struct rh_store_job job = {.verb = RH_STORE_DROP, .target = target};
    w->store->ops->run(w->store, &job, &result);
    w->hold_verb[RH_STORE_SEAL] = false;
    world_release(w);
    assert_int_equal(answer(w, op)->code, RH_REPLY_GONE);
    assert_int_equal(get(w, f->id)->upload.state, RH_UPLOAD_LOST);
    /* Its name is free: the sender may begin anew. */
    char id[RH_ID_TEXT_MAX];
    make_upload(w, f->session, "take1", KIB, id);
    assert_int_equal(put(w, id, 0, data, KIB), RH_REPLY_OK);
    assert_object(w, id, data, KIB);
}

static void a_done_video_answers_duplicates(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put(w, f->id, 0, data, 4 * KIB), RH_REPLY_OK);
    assert_int_equal(ask_answer(w, finish_of(w, f->id))->code, RH_REPLY_OK);
    world_restart(w, true); /* it is not in memory now */
    assert_int_equal(put(w, f->id, KIB, data + KIB, KIB), RH_REPLY_OK);
    assert_int_equal(put(w, f->id, 0, data, 4 * KIB), RH_REPLY_OK);
    assert_int_equal(put(w, f->id, KIB, data, KIB), RH_REPLY_DIFFERENT_BYTES);
    assert_int_equal(ask_answer(w, write_of(w, f->id, 4 * KIB, KIB))->code, RH_REPLY_OUT_OF_RANGE);
    assert_int_equal(rh_store_model_open_count(w->store), 0);
    struct rh_vault_request *request = request_new(w, RH_REQUEST_DELETE);
    strcpy(request->upload, f->id);
    assert_int_equal(ask_answer(w, request)->code, RH_REPLY_STATE);
    assert_object(w, f->id, data, 4 * KIB);
}

static void writes_meanwhile_wait_for_the_end(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put(w, f->id, 0, data, 4 * KIB), RH_REPLY_OK);
    w->hold_verb[RH_STORE_SEAL] = true;
    uint64_t finish = ask(w, finish_of(w, f->id));
    uint64_t again = ask(w, finish_of(w, f->id));
    uint64_t op = ask(w, write_of(w, f->id, 0, KIB));
    assert_null(granted(w, op));
    w->hold_verb[RH_STORE_SEAL] = false;
    world_release(w);
    assert_int_equal(answer(w, finish)->code, RH_REPLY_OK);
    assert_int_equal(answer(w, again)->code, RH_REPLY_OK);
    body(w, op, data, KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
}

static void draining_lets_finishing_end(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put(w, f->id, 0, data, KIB), RH_REPLY_OK);
    w->hold_verb[RH_STORE_SEAL] = true;
    uint64_t op = ask(w, finish_of(w, f->id));
    struct rh_vault_event event = {.kind = RH_HAS_DRAIN};
    (void)rh_vault_tell(w->vault, &event);
    world_pump(w);
    assert_false(w->drained);
    w->hold_verb[RH_STORE_SEAL] = false;
    world_release(w);
    assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
    assert_true(w->drained);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_upload_of_known_total_completes_by_itself),
        T(each_step_waits_for_the_one_before),
        T(finish_is_idempotent),
        T(gaps_are_listed),
        T(a_wrong_checksum_of_the_whole_is_refused),
        T(an_empty_video_completes_at_once),
        T(a_partial_video_keeps_every_byte_at_its_offset),
        T(a_partial_video_waits_for_its_writers),
        T(a_partial_finish_may_find_all_of_it),
        T(partial_chunks_of_equal_size_keep_their_places),
        T(partial_chunks_of_unequal_size_follow_one_another),
        T(a_count_of_chunks_at_the_end_completes),
        T(a_failed_seal_is_tried_again),
        T(a_crash_at_any_step_of_finishing_is_made_good),
        T(a_lost_object_is_never_done),
        T(a_done_video_answers_duplicates),
        T(writes_meanwhile_wait_for_the_end),
        T(draining_lets_finishing_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
