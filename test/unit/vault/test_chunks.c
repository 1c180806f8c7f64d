/* SPDX-License-Identifier: MIT */
/* Chunks by index: in place, waiting, stitched; mission 3.2 and promise 7. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc64.h"

#define SIZE  1000
#define COUNT 8

static uint8_t data[COUNT * SIZE];

static int setup(void **state)
{
    fill(data, sizeof data, 11);
    return fixture_setup(state, NULL, NULL);
}

static enum rh_reply_code send_chunk(struct fixture *f, uint64_t index)
{
    return put_chunk(&f->w, f->session, "video_1", index, COUNT, data + index * SIZE, SIZE);
}

static const struct rh_vault_reply *look(struct fixture *f)
{
    struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_GET);
    strcpy(request->session, f->session);
    strcpy(request->name, "video_1");
    return ask_answer(&f->w, request);
}

static void chunks_in_order_go_in_place(void **state)
{
    struct fixture *f = *state;
    for (uint64_t i = 0; i < COUNT; i++) {
        assert_int_equal(send_chunk(f, i), RH_REPLY_OK);
        const struct rh_vault_reply *reply = look(f);
        assert_int_equal(reply->upload.chunks_received, i + 1);
        assert_int_equal(reply->upload.received, (i + 1) * SIZE);
    }
    assert_int_equal(f->w.jobs[RH_STORE_STITCH], 0); /* nothing was copied */
    assert_int_equal(look(f)->upload.geometry, RH_GEOMETRY_CHUNKS);
    assert_string_equal(look(f)->upload.mime, "video/webm");
    assert_object(&f->w, look(f)->upload.id, data, sizeof data);
}

static void chunks_in_any_order_are_stitched(void **state)
{
    struct fixture *f = *state;
    static const uint64_t order[COUNT] = {7, 3, 1, 0, 6, 2, 5, 4};
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(send_chunk(f, order[i]), RH_REPLY_OK);
    assert_true(f->w.jobs[RH_STORE_STITCH] > 0);
    assert_object(&f->w, look(f)->upload.id, data, sizeof data);
    /* session.json, metadata, object: waiting chunks are gone */
    assert_int_equal(rh_store_model_file_count(f->w.store), 3);
    assert_int_equal(rh_store_model_open_count(f->w.store), 0);
}

static void every_order_gives_the_same_video(void **state)
{
    struct fixture *f = *state;
    struct rh_rng rng;
    rh_rng_init(&rng, seed_of("RH_SEED", 5));
    for (size_t round = 0; round < 40; round++) {
        uint64_t order[COUNT];
        uint64_t ops[COUNT];
        char name[32];
        snprintf(name, sizeof name, "video_%zu", round);
        for (size_t i = 0; i < COUNT; i++) {
            size_t place = (size_t)rh_rng_below(&rng, i + 1);
            order[i] = order[place];
            order[place] = i;
        }
        /* All at once: grants first, then bodies in another order. */
        for (size_t i = 0; i < COUNT; i++)
            ops[i] = ask(&f->w, chunk_of(&f->w, f->session, name, order[i], COUNT));
        for (size_t i = 0; i < COUNT; i++) {
            size_t place = (i * 3 + round) % COUNT;
            body(&f->w, ops[place], data + order[place] * SIZE, SIZE, RH_WRITTEN_WHOLE);
        }
        for (size_t i = 0; i < COUNT; i++)
            assert_int_equal(answer(&f->w, ops[i])->code, RH_REPLY_OK);
        struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_GET);
        strcpy(request->session, f->session);
        strcpy(request->name, name);
        assert_object(&f->w, ask_answer(&f->w, request)->upload.id, data, sizeof data);
    }
}

static void a_waiting_chunk_is_acknowledged_when_durable(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    w->hold_commits = true;
    uint64_t op = ask(w, chunk_of(w, f->session, "video_1", 3, COUNT));
    body(w, op, data + 3 * SIZE, SIZE, RH_WRITTEN_WHOLE);
    assert_null(answer_if(w, op));
    w->hold_commits = false;
    world_release(w);
    const struct rh_vault_reply *reply = answer(w, op);
    assert_int_equal(reply->code, RH_REPLY_OK);
    assert_int_equal(reply->chunk_run_count, 1);
    assert_int_equal(reply->chunks[0].offset, 3);
    assert_int_equal(reply->chunks[0].length, 1);
    assert_false(reply->has_receipt); /* nobody knows its offset yet */
    assert_int_equal(reply->upload.received, SIZE);
    world_restart(w, true);
    assert_int_equal(look(f)->upload.received, SIZE);
    for (uint64_t i = 0; i < COUNT; i++)
        assert_int_equal(send_chunk(f, i), RH_REPLY_OK); /* 3 is a duplicate */
    assert_object(w, look(f)->upload.id, data, sizeof data);
}

static void duplicates_are_compared_and_not_written(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    uint8_t other[SIZE];
    memcpy(other, data, SIZE);
    other[10] ^= 4;
    assert_int_equal(send_chunk(f, 0), RH_REPLY_OK);
    assert_int_equal(send_chunk(f, 2), RH_REPLY_OK);
    for (uint64_t i = 0; i < 3; i += 2) {
        uint64_t op = ask(w, chunk_of(w, f->session, "video_1", i, COUNT));
        assert_true(granted(w, op)->spans[0].compare);
        body(w, op, data + i * SIZE, SIZE, RH_WRITTEN_WHOLE);
        assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
    }
    assert_int_equal(put_chunk(w, f->session, "video_1", 0, COUNT, other, SIZE),
                     RH_REPLY_DIFFERENT_BYTES);
    assert_int_equal(put_chunk(w, f->session, "video_1", 2, COUNT, data + 2 * SIZE, SIZE - 1),
                     RH_REPLY_DIFFERENT_BYTES);
    assert_int_equal(put_chunk(w, f->session, "video_1", 2, COUNT, data + 2 * SIZE, SIZE + 1),
                     RH_REPLY_DIFFERENT_BYTES);
    assert_int_equal(look(f)->upload.chunks_received, 2);
    for (uint64_t i = 0; i < COUNT; i++)
        assert_int_equal(send_chunk(f, i), RH_REPLY_OK);
    assert_int_equal(send_chunk(f, 5), RH_REPLY_OK); /* after the end too */
    assert_int_equal(put_chunk(w, f->session, "video_1", 5, COUNT, other, SIZE),
                     RH_REPLY_DIFFERENT_BYTES);
    assert_object(w, look(f)->upload.id, data, sizeof data);
}

static void the_number_of_chunks_stays(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(send_chunk(f, 0), RH_REPLY_OK);
    assert_int_equal(ask_answer(w, chunk_of(w, f->session, "video_1", 1, COUNT + 1))->code,
                     RH_REPLY_TOTAL_CHANGED);
    assert_int_equal(ask_answer(w, chunk_of(w, f->session, "video_1", COUNT, COUNT))->code,
                     RH_REPLY_OUT_OF_RANGE);
    assert_int_equal(
        ask_answer(w, chunk_of(w, f->session, "video_1", COUNT, RH_SIZE_UNKNOWN))->code,
        RH_REPLY_OUT_OF_RANGE);
    assert_int_equal(ask_answer(w, chunk_of(w, f->session, "new", 3, 3))->code,
                     RH_REPLY_OUT_OF_RANGE);
    assert_int_equal(
        ask_answer(w, chunk_of(w, f->session, "new", UINT64_MAX - 1, RH_SIZE_UNKNOWN))->code,
        RH_REPLY_OUT_OF_RANGE);
}

static void a_broken_chunk_counts_for_nothing(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    uint64_t op = ask(w, chunk_of(w, f->session, "video_1", 0, COUNT));
    body(w, op, data, SIZE - 1, RH_WRITTEN_BROKEN);
    assert_int_equal(answer(w, op)->code, RH_REPLY_BROKEN);
    op = ask(w, chunk_of(w, f->session, "video_1", 1, COUNT));
    body(w, op, data, SIZE + 500, RH_WRITTEN_BROKEN);
    assert_int_equal(look(f)->upload.received, 0);
    for (uint64_t i = COUNT; i-- > 0;)
        assert_int_equal(send_chunk(f, i), RH_REPLY_OK);
    assert_object(w, look(f)->upload.id, data, sizeof data);
}

static void a_chunk_is_taken_over(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    struct rh_written written;
    uint64_t old = ask(w, chunk_of(w, f->session, "video_1", 0, COUNT));
    body_only(w, old, data, 300, RH_WRITTEN_REVOKED, &written);
    uint64_t other = ask(w, chunk_of(w, f->session, "video_1", 1, COUNT));
    assert_non_null(granted(w, other)); /* another part is not disturbed */
    uint64_t new = ask(w, chunk_of(w, f->session, "video_1", 0, COUNT));
    assert_true(w->revoked[old]);
    assert_false(w->revoked[other]);
    assert_null(granted(w, new));
    report(w, &written);
    assert_int_equal(answer(w, old)->code, RH_REPLY_SUPERSEDED);
    body(w, new, data, SIZE, RH_WRITTEN_WHOLE);
    body(w, other, data + SIZE, SIZE, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, new)->code, RH_REPLY_OK);
    assert_int_equal(answer(w, other)->code, RH_REPLY_OK);
    assert_int_equal(look(f)->durable_count, 1);
    assert_int_equal(look(f)->durable[0].length, 2 * SIZE);
    assert_int_equal(look(f)->durable[0].crc64, rh_crc64_update(0, data, 2 * SIZE));
}

/* The last chunk to come, which is index 0: the others wait. Its answer waits for the stitching. */
static uint64_t bring_the_last(struct fixture *f, const char *name)
{
    struct world *w = &f->w;
    uint64_t op = ask(w, chunk_of(w, f->session, name, 0, COUNT));
    body(w, op, data, SIZE, RH_WRITTEN_WHOLE);
    return op;
}

static void who_brings_the_last_chunk_is_told_so(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    for (uint64_t i = COUNT; i-- > 1;)
        assert_int_equal(send_chunk(f, i), RH_REPLY_OK);
    w->hold_verb[RH_STORE_STITCH] = true;
    uint64_t last = bring_the_last(f, "video_1");
    assert_null(answer_if(w, last));
    uint64_t again = ask(w, chunk_of(w, f->session, "video_1", 4, COUNT));
    body(w, again, data + 4 * SIZE, SIZE, RH_WRITTEN_WHOLE);
    assert_null(answer_if(w, again));
    struct rh_vault_request *finish = request_new(w, RH_REQUEST_FINISH);
    strcpy(finish->upload, look(f)->upload.id);
    uint64_t finishing = ask(w, finish); /* nothing is missing: not a reason to refuse */
    assert_null(answer_if(w, finishing));
    w->hold_verb[RH_STORE_STITCH] = false;
    w->hold_verb[RH_STORE_DROP_CHUNK] = true; /* all in place, but the round has not ended */
    world_release(w);
    finish = request_new(w, RH_REQUEST_FINISH);
    strcpy(finish->upload, look(f)->upload.id);
    uint64_t late = ask(w, finish);
    assert_null(answer_if(w, late));
    w->hold_verb[RH_STORE_DROP_CHUNK] = false;
    world_release(w);
    uint64_t ops[] = {last, again, finishing, late};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(answer(w, ops[i])->code, RH_REPLY_OK);
        assert_int_equal(answer(w, ops[i])->upload.state, RH_UPLOAD_DONE);
    }
    assert_object(w, look(f)->upload.id, data, sizeof data);
}

/* More than one round of stitching: the last answer waits for all of them. */
static void a_long_queue_is_stitched_before_the_last_answer(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    enum { MANY = 200 };
    uint8_t *bytes = malloc(MANY);
    assert_non_null(bytes);
    fill(bytes, MANY, 12);
    for (uint64_t i = MANY; i-- > 1;)
        assert_int_equal(put_chunk(w, f->session, "long", i, MANY, bytes + i, 1), RH_REPLY_OK);
    uint64_t op = ask(w, chunk_of(w, f->session, "long", 0, MANY));
    body(w, op, bytes, 1, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, op)->upload.state, RH_UPLOAD_DONE);
    assert_object(w, answer(w, op)->upload.id, bytes, MANY);
    free(bytes);
}

static void stitching_goes_on_after_a_crash(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    for (uint64_t i = 1; i < COUNT; i++)
        assert_int_equal(send_chunk(f, i), RH_REPLY_OK);
    w->hold_verb[RH_STORE_STITCH] = true;
    assert_null(answer_if(w, bring_the_last(f, "video_1")));
    assert_int_equal(look(f)->upload.state, RH_UPLOAD_OPEN);
    world_restart(w, true);
    assert_object(w, look(f)->upload.id, data, sizeof data);
}

static void a_failed_stitch_is_tried_again(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    static const enum rh_store_verb verbs[] = {RH_STORE_STITCH, RH_STORE_SYNC};
    for (size_t i = 0; i < 2; i++) {
        char name[16];
        snprintf(name, sizeof name, "v%zu", i);
        for (uint64_t k = COUNT; k-- > 1;)
            assert_int_equal(put_chunk(w, f->session, name, k, COUNT, data + k * SIZE, SIZE),
                             RH_REPLY_OK);
        w->hold_verb[RH_STORE_STITCH] = true;
        uint64_t last = bring_the_last(f, name);
        assert_null(answer_if(w, last));
        rh_store_model_fail(w->store, verbs[i], RH_ERR_IO);
        w->hold_verb[RH_STORE_STITCH] = false;
        world_release(w);
        /* It is acknowledged all the same, and nobody waits for a disk to get well. */
        assert_int_equal(answer(w, last)->code, RH_REPLY_OK);
        assert_int_equal(answer(w, last)->upload.state, RH_UPLOAD_OPEN);
        assert_int_equal(answer(w, last)->upload.chunks_received, COUNT);
        struct rh_vault_request *finish = request_new(w, RH_REQUEST_FINISH);
        strcpy(finish->upload, answer(w, last)->upload.id);
        assert_int_equal(ask_answer(w, finish)->code, RH_REPLY_OVERLOADED);
        world_pass(w, 10);
        struct rh_vault_request *request = request_new(w, RH_REQUEST_GET);
        strcpy(request->session, f->session);
        strcpy(request->name, name);
        assert_object(w, ask_answer(w, request)->upload.id, data, sizeof data);
    }
}

static void a_video_that_is_deleted_while_it_is_stitched(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    for (uint64_t i = 1; i < COUNT; i++)
        assert_int_equal(send_chunk(f, i), RH_REPLY_OK);
    w->hold_verb[RH_STORE_STITCH] = true;
    uint64_t last = bring_the_last(f, "video_1");
    struct rh_vault_request *erase = request_new(w, RH_REQUEST_DELETE);
    strcpy(erase->session, f->session);
    strcpy(erase->name, "video_1");
    uint64_t deleting = ask(w, erase);
    assert_int_equal(answer(w, last)->code, RH_REPLY_GONE);
    assert_null(answer_if(w, deleting));
    w->hold_verb[RH_STORE_STITCH] = false;
    world_release(w);
    assert_int_equal(answer(w, deleting)->code, RH_REPLY_OK);
    assert_int_equal(rh_store_model_file_count(w->store), 1); /* session.json */
}

static void a_rotten_chunk_is_never_stitched(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    struct rh_store_target target;
    assert_int_equal(send_chunk(f, 1), RH_REPLY_OK);
    target_of(&look(f)->upload, &target);
    assert_true(rh_store_model_flip(w->store, &target, RH_MODEL_CHUNK, 1, 17));
    assert_int_equal(send_chunk(f, 0), RH_REPLY_OK);
    assert_int_equal(get(w, target.upload)->upload.state, RH_UPLOAD_LOST);
}

static void removing_a_copy_never_hits_a_namesake(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(send_chunk(f, 1), RH_REPLY_OK);
    w->hold_verb[RH_STORE_DROP_CHUNK] = true;
    assert_int_equal(send_chunk(f, 0), RH_REPLY_OK);
    assert_int_equal(world_held(w, RH_DO_STORE), 1);
    struct rh_vault_request *request = request_new(w, RH_REQUEST_DELETE);
    strcpy(request->session, f->session);
    strcpy(request->name, "video_1");
    uint64_t op = ask(w, request);
    uint64_t chunk = ask(w, chunk_of(w, f->session, "video_1", 1, COUNT)); /* of a new upload */
    assert_null(answer_if(w, op));
    assert_null(granted(w, chunk));
    w->hold_verb[RH_STORE_DROP_CHUNK] = false;
    world_release(w);
    assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
    body(w, chunk, data + SIZE, SIZE, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, chunk)->code, RH_REPLY_OK);
    for (uint64_t i = 0; i < COUNT; i++)
        assert_int_equal(send_chunk(f, i), RH_REPLY_OK);
    assert_object(w, look(f)->upload.id, data, sizeof data);
}

static void empty_chunks_are_fine(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put_chunk(w, f->session, "video_1", 2, 4, data, 0), RH_REPLY_OK);
    assert_int_equal(put_chunk(w, f->session, "video_1", 3, 4, data + SIZE, SIZE), RH_REPLY_OK);
    assert_int_equal(put_chunk(w, f->session, "video_1", 0, 4, data, 0), RH_REPLY_OK);
    assert_int_equal(put_chunk(w, f->session, "video_1", 1, 4, data, SIZE), RH_REPLY_OK);
    assert_object(w, look(f)->upload.id, data, 2 * SIZE);
    assert_int_equal(put_chunk(w, f->session, "empty", 0, 1, data, 0), RH_REPLY_OK);
    struct rh_vault_request *request = request_new(w, RH_REQUEST_GET);
    strcpy(request->session, f->session);
    strcpy(request->name, "empty");
    assert_object(w, ask_answer(w, request)->upload.id, data, 0);
}

static void the_last_chunk_may_say_so(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put_chunk(w, f->session, "video_1", 0, RH_SIZE_UNKNOWN, data, SIZE),
                     RH_REPLY_OK);
    struct rh_vault_request *request = chunk_of(w, f->session, "video_1", 1, RH_SIZE_UNKNOWN);
    request->final = true;
    uint64_t op = ask(w, request);
    body(w, op, data + SIZE, SIZE, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, op)->upload.state, RH_UPLOAD_DONE);
    assert_object(w, look(f)->upload.id, data, 2 * SIZE);
}

static void an_unknown_session_is_refused(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(
        ask_answer(w, chunk_of(w, "7c5b2e52-7f36-4b41-9d9e-d2f5f5f0a111", "v", 0, 1))->code,
        RH_REPLY_UNKNOWN_SESSION);
    assert_int_equal(ask_answer(w, chunk_of(w, f->session, "../x", 0, 1))->code, RH_REPLY_UNKNOWN);
}

static void the_two_geometries_do_not_mix(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    char id[RH_ID_TEXT_MAX];
    make_upload(w, f->session, "video_1", RH_SIZE_UNKNOWN, id);
    assert_int_equal(send_chunk(f, 0), RH_REPLY_OK); /* nothing had come by ranges */
    assert_int_equal(ask_answer(w, write_of(w, id, SIZE, SIZE))->code, RH_REPLY_STATE);
    make_upload(w, f->session, "video_2", RH_SIZE_UNKNOWN, id);
    assert_int_equal(put(w, id, 0, data, SIZE), RH_REPLY_OK);
    assert_int_equal(ask_answer(w, chunk_of(w, f->session, "video_2", 1, 2))->code, RH_REPLY_STATE);
}

static void a_wrong_chunk_checksum_keeps_nothing(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    for (uint64_t i = 0; i < 2; i++) { /* in place, and waiting */
        struct rh_vault_request *request = chunk_of(w, f->session, "video_1", i * 2, COUNT);
        request->has_crc = true;
        uint64_t op = ask(w, request);
        body(w, op, data, SIZE, RH_WRITTEN_WHOLE);
        assert_int_equal(answer(w, op)->code, RH_REPLY_CHECKSUM);
    }
    assert_int_equal(look(f)->upload.chunks_received, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(chunks_in_order_go_in_place),
        T(chunks_in_any_order_are_stitched),
        T(every_order_gives_the_same_video),
        T(a_waiting_chunk_is_acknowledged_when_durable),
        T(duplicates_are_compared_and_not_written),
        T(the_number_of_chunks_stays),
        T(a_broken_chunk_counts_for_nothing),
        T(a_chunk_is_taken_over),
        T(who_brings_the_last_chunk_is_told_so),
        T(a_long_queue_is_stitched_before_the_last_answer),
        T(stitching_goes_on_after_a_crash),
        T(a_failed_stitch_is_tried_again),
        T(a_video_that_is_deleted_while_it_is_stitched),
        T(a_rotten_chunk_is_never_stitched),
        T(removing_a_copy_never_hits_a_namesake),
        T(empty_chunks_are_fine),
        T(the_last_chunk_may_say_so),
        T(an_unknown_session_is_refused),
        T(the_two_geometries_do_not_mix),
        T(a_wrong_chunk_checksum_keeps_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
