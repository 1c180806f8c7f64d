/* SPDX-License-Identifier: MIT */
/*
 * What becomes of requests when the store or the catalog refuses, and that they succeed when it
 * does not any more.
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include "base/crc64.h"

#define KIB 1024
#define NO  RH_SIZE_UNKNOWN
#define AGE 500

static uint8_t data[16 * KIB];

static void limits(struct rh_vault_limits *l)
{
    l->expire_after_ticks = AGE;
    l->chunks_max = 100;
}

static int setup(void **state)
{
    fill(data, sizeof data, 59);
    return fixture_setup(state, limits, "take1");
}

static struct rh_vault_request *of(struct fixture *f, enum rh_request_kind kind)
{
    struct rh_vault_request *request = request_new(&f->w, kind);
    strcpy(request->upload, f->id);
    return request;
}

static struct rh_vault_request *named(struct fixture *f, enum rh_request_kind kind,
                                      const char *name)
{
    struct rh_vault_request *request = request_new(&f->w, kind);
    strcpy(request->session, f->session);
    strcpy(request->name, name);
    return request;
}

static struct rh_vault_request *partial(struct rh_vault_request *request)
{
    request->allow_partial = true;
    return request;
}

static enum rh_reply_code code_of(struct fixture *f, struct rh_vault_request *request)
{
    return ask_answer(&f->w, request)->code;
}

static enum rh_upload_state state_of(struct fixture *f, const char *name)
{
    return ask_answer(&f->w, named(f, RH_REQUEST_GET, name))->upload.state;
}

static enum rh_reply_code chunk(struct fixture *f, uint64_t index, size_t size)
{
    return put_chunk(&f->w, f->session, "v", index, NO, data + index * KIB, size);
}

/* Lets go of everything that is held. */
static void go_on(struct world *w)
{
    memset(w->hold_verb, 0, sizeof w->hold_verb);
    w->hold_commits = w->hold_reads = false;
    world_release(w);
}

/* ---- Comparing ---- */

static void what_cannot_be_compared_is_not_acknowledged(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum rh_error error;
        bool logs;
    } cases[] = {{RH_ERR_UNKNOWN, true}, {RH_ERR_RANGE, true}, {RH_ERR_IO, false}};
    assert_int_equal(put(&f->w, f->id, 0, data, 2 * KIB), RH_REPLY_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t logs = f->w.logs;
        rh_store_model_fail(f->w.store, RH_STORE_HASH, cases[i].error);
        assert_int_equal(put(&f->w, f->id, 0, data, KIB), RH_REPLY_WRITE_FAILED);
        assert_int_equal(f->w.logs > logs, cases[i].logs);
    }
    assert_int_equal(put(&f->w, f->id, 0, data, KIB), RH_REPLY_OK);
}

static void a_sync_that_failed_voids_what_is_still_compared(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put(w, f->id, 0, data, 2 * KIB), RH_REPLY_OK);
    w->hold_verb[RH_STORE_HASH] = true;
    uint64_t slow = ask(w, write_of(w, f->id, KIB, 2 * KIB)); /* 1 KiB is there, 1 KiB new */
    uint64_t other = ask(w, write_of(w, f->id, 8 * KIB, KIB));
    body(w, slow, data + KIB, 2 * KIB, RH_WRITTEN_WHOLE);
    rh_store_model_fail(w->store, RH_STORE_SYNC, RH_ERR_IO);
    body(w, other, data + 8 * KIB, KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, other)->code, RH_REPLY_WRITE_FAILED);
    assert_null(answer_if(w, slow));
    size_t syncs = w->jobs[RH_STORE_SYNC];
    go_on(w);
    assert_int_equal(answer(w, slow)->code, RH_REPLY_WRITE_FAILED);
    assert_int_equal(w->jobs[RH_STORE_SYNC], syncs); /* a second sync would prove nothing */
    assert_int_equal(get(w, f->id)->upload.received, 2 * KIB);
    assert_int_equal(put(w, f->id, KIB, data + KIB, 2 * KIB), RH_REPLY_OK);
}

/* ---- Lost ---- */

static void both_who_wait_for_a_file_hear_that_it_is_lost(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put(w, f->id, 0, data, KIB), RH_REPLY_OK);
    world_restart(w, false);
    rh_store_model_fail(w->store, RH_STORE_BEGIN, RH_ERR_UNKNOWN);
    w->hold_verb[RH_STORE_BEGIN] = true;
    uint64_t one = ask(w, write_of(w, f->id, KIB, KIB));
    uint64_t two = ask(w, write_of(w, f->id, 2 * KIB, KIB));
    size_t logs = w->logs;
    go_on(w);
    assert_int_equal(answer(w, one)->code, RH_REPLY_GONE);
    assert_int_equal(answer(w, two)->code, RH_REPLY_GONE);
    assert_int_equal(w->logs, logs + 1);
    assert_int_equal(get(w, f->id)->upload.state, RH_UPLOAD_LOST);
}

static void the_last_part_of_a_lost_video_says_so(void **state)
{
    struct fixture *f = *state;
    struct rh_vault_request *request = write_of(&f->w, f->id, 0, KIB);
    request->total = KIB;
    rh_store_model_fail(f->w.store, RH_STORE_SEAL, RH_ERR_UNKNOWN);
    uint64_t op = ask(&f->w, request);
    body(&f->w, op, data, KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(&f->w, op)->code, RH_REPLY_GONE);
}

static void a_create_that_completes_a_lost_video_says_so(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put(&f->w, f->id, 0, data, KIB), RH_REPLY_OK);
    struct rh_vault_request *request = named(f, RH_REQUEST_CREATE, "take1");
    request->total = KIB;
    rh_store_model_fail(f->w.store, RH_STORE_SEAL, RH_ERR_CHECKSUM);
    assert_int_equal(code_of(f, request), RH_REPLY_GONE);
}

static void the_bytes_of_a_lost_upload_go_unless_its_name_may_be_used(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    for (int again = 0; again < 2; again++) {
        make_upload(w, f->session, again ? "b" : "a", NO, f->id);
        assert_int_equal(put(w, f->id, 0, data, KIB), RH_REPLY_OK);
        rh_store_model_fail(w->store, RH_STORE_SEAL, RH_ERR_CHECKSUM);
        assert_int_equal(code_of(f, of(f, RH_REQUEST_FINISH)), RH_REPLY_GONE);
        if (again)
            world_restart(w, false); /* nobody knows now which names the session has */
        size_t drops = w->jobs[RH_STORE_DROP];
        assert_int_equal(code_of(f, of(f, RH_REQUEST_DELETE)), RH_REPLY_OK);
        assert_int_equal(w->jobs[RH_STORE_DROP] - drops, again ? 0 : 1);
    }
}

static void an_upload_of_no_session_is_deleted_with_its_bytes(void **state)
{
    struct fixture *f = *state;
    make_upload(&f->w, "", "", NO, f->id);
    assert_int_equal(put(&f->w, f->id, 0, data, KIB), RH_REPLY_OK);
    size_t files = rh_store_model_file_count(f->w.store);
    assert_int_equal(code_of(f, of(f, RH_REQUEST_DELETE)), RH_REPLY_OK);
    assert_int_equal(rh_store_model_file_count(f->w.store), files - 1);
}

static void a_delete_waits_for_the_file_that_is_being_opened(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    w->hold_verb[RH_STORE_BEGIN] = true;
    uint64_t part = ask(w, write_of(w, f->id, 0, KIB));
    uint64_t delete = ask(w, of(f, RH_REQUEST_DELETE));
    assert_null(answer_if(w, delete));
    go_on(w);
    assert_int_equal(answer(w, part)->code, RH_REPLY_GONE);
    assert_int_equal(answer(w, delete)->code, RH_REPLY_OK);
    assert_int_equal(rh_store_model_open_count(w->store), 0);
}

/* ---- Stitching ---- */

static void a_chunk_that_cannot_be_stitched(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum rh_error error;
        enum rh_upload_state state;
    } cases[] = {{RH_ERR_UNKNOWN, RH_UPLOAD_LOST},
                 {RH_ERR_RANGE, RH_UPLOAD_LOST},
                 {RH_ERR_IO, RH_UPLOAD_OPEN}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(chunk(f, 1, KIB), RH_REPLY_OK);
        const struct rh_vault_reply *reply = ask_answer(&f->w, named(f, RH_REQUEST_GET, "v"));
        strcpy(f->id, reply->upload.id);
        rh_store_model_fail(f->w.store, RH_STORE_STITCH, cases[i].error);
        assert_int_equal(chunk(f, 0, KIB), RH_REPLY_OK);
        assert_int_equal(get(&f->w, f->id)->upload.state, cases[i].state);
    }
    assert_int_equal(chunk(f, 2, KIB), RH_REPLY_OK); /* it does not begin before its time */
    assert_int_equal(get(&f->w, f->id)->durable[0].length, KIB);
    world_pass(&f->w, 10);
    assert_int_equal(get(&f->w, f->id)->durable[0].length, 3 * KIB);
}

static void a_chunk_that_arrives_while_the_video_is_lost_is_gone(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(chunk(f, 1, KIB), RH_REPLY_OK);
    w->hold_verb[RH_STORE_STITCH] = true;
    assert_int_equal(chunk(f, 0, KIB), RH_REPLY_OK);
    w->hold_verb[RH_STORE_SYNC] = true;
    uint64_t op = ask(w, chunk_of(w, f->session, "v", 3, NO));
    body(w, op, data, KIB, RH_WRITTEN_WHOLE);
    rh_store_model_fail(w->store, RH_STORE_STITCH, RH_ERR_CHECKSUM);
    go_on(w);
    assert_int_equal(answer(w, op)->code, RH_REPLY_GONE);
    assert_false(answer(w, op)->has_receipt);
}

static void a_file_that_is_gone_when_stitching_goes_on_is_lost(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(chunk(f, 1, KIB), RH_REPLY_OK);
    w->hold_verb[RH_STORE_STITCH] = true;
    assert_int_equal(chunk(f, 0, KIB), RH_REPLY_OK);
    strcpy(f->id, ask_answer(w, named(f, RH_REQUEST_GET, "v"))->upload.id);
    rh_store_model_fail(w->store, RH_STORE_BEGIN, RH_ERR_UNKNOWN);
    world_restart(w, false);
    assert_int_equal(get(w, f->id)->upload.state, RH_UPLOAD_LOST);
}

static void empty_chunks_that_waited_need_no_copies(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(chunk(f, 2, 0), RH_REPLY_OK);
    assert_int_equal(chunk(f, 1, 0), RH_REPLY_OK);
    assert_int_equal(chunk(f, 0, KIB), RH_REPLY_OK);
    assert_int_equal(f->w.jobs[RH_STORE_STITCH] + f->w.jobs[RH_STORE_DROP_CHUNK], 0);
    struct rh_vault_request *request = named(f, RH_REQUEST_FINISH, "v");
    request->chunk_count = 3;
    const struct rh_vault_reply *reply = ask_answer(&f->w, request);
    assert_int_equal(reply->code, RH_REPLY_OK);
    assert_object(&f->w, reply->upload.id, data, KIB);
}

static void an_empty_chunk_whose_turn_came_meanwhile_goes_in_place(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    uint64_t op = ask(w, chunk_of(w, f->session, "v", 1, NO)); /* too early when it begins */
    assert_int_equal(chunk(f, 0, KIB), RH_REPLY_OK);
    body(w, op, data, 0, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
    assert_true(answer(w, op)->has_receipt);
    assert_int_equal(answer(w, op)->receipt.offset, KIB);
    assert_int_equal(chunk(f, 2, KIB), RH_REPLY_OK);
    assert_int_equal(w->jobs[RH_STORE_STITCH], 0);
}

static void stitching_ends_where_the_video_is_lost_meanwhile(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    for (uint64_t i = 1; i < 70; i++) /* more than are copied in one round */
        assert_int_equal(put_chunk(w, f->session, "v", i, NO, data, 8), RH_REPLY_OK);
    w->hold_verb[RH_STORE_STITCH] = true;
    assert_int_equal(put_chunk(w, f->session, "v", 0, NO, data, 8), RH_REPLY_OK);
    strcpy(f->id, ask_answer(w, named(f, RH_REQUEST_GET, "v"))->upload.id);
    w->hold_verb[RH_STORE_SYNC] = true;
    uint64_t op = ask(w, chunk_of(w, f->session, "v", 80, NO));
    body(w, op, data, 8, RH_WRITTEN_WHOLE);
    rh_store_model_fail(w->store, RH_STORE_BEGIN, RH_ERR_UNKNOWN);
    assert_int_equal(code_of(f, chunk_of(w, f->session, "v", 90, NO)), RH_REPLY_GONE);
    size_t stitches = w->jobs[RH_STORE_STITCH];
    go_on(w);
    assert_int_equal(answer(w, op)->code, RH_REPLY_GONE);
    assert_int_equal(w->jobs[RH_STORE_STITCH] - stitches, 64); /* no second round */
    assert_int_equal(get(w, f->id)->upload.state, RH_UPLOAD_LOST);
}

static void a_file_that_opens_while_the_video_is_finished_closes_again(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put(w, f->id, 0, data, KIB), RH_REPLY_OK);
    world_restart(w, false);
    w->hold_verb[RH_STORE_BEGIN] = true;
    uint64_t part = ask(w, write_of(w, f->id, KIB, KIB));
    uint64_t finish = ask(w, of(f, RH_REQUEST_FINISH));
    go_on(w);
    assert_int_equal(answer(w, finish)->code, RH_REPLY_OK);
    assert_true(answer(w, part)->code == RH_REPLY_OUT_OF_RANGE ||
                answer(w, part)->code == RH_REPLY_STATE);
    assert_int_equal(rh_store_model_open_count(w->store), 0);
    assert_object(w, f->id, data, KIB);
}

static void a_retry_of_what_is_lost_meanwhile_does_nothing(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(chunk(f, 1, KIB), RH_REPLY_OK);
    rh_store_model_fail(f->w.store, RH_STORE_STITCH, RH_ERR_IO);
    assert_int_equal(chunk(f, 0, KIB), RH_REPLY_OK);
    strcpy(f->id, ask_answer(&f->w, named(f, RH_REQUEST_GET, "v"))->upload.id);
    rh_store_model_fail(f->w.store, RH_STORE_BEGIN, RH_ERR_UNKNOWN);
    assert_int_equal(code_of(f, chunk_of(&f->w, f->session, "v", 5, NO)), RH_REPLY_GONE);
    size_t stitches = f->w.jobs[RH_STORE_STITCH];
    world_pass(&f->w, 10);
    assert_int_equal(f->w.jobs[RH_STORE_STITCH], stitches);
    assert_int_equal(get(&f->w, f->id)->upload.state, RH_UPLOAD_LOST);
}

/* ---- Partial ---- */

struct trouble {
    enum rh_store_verb verb;
    enum rh_error error;
    enum rh_reply_code code;
    enum rh_upload_state state;
};

static void a_video_that_cannot_be_prepared(void **state)
{
    struct fixture *f = *state;
    static const struct trouble cases[] = {
        {RH_STORE_ZERO, RH_ERR_IO, RH_REPLY_WRITE_FAILED, RH_UPLOAD_OPEN},
        {RH_STORE_ZERO, RH_ERR_FULL, RH_REPLY_FULL, RH_UPLOAD_OPEN},
        {RH_STORE_SYNC, RH_ERR_IO, RH_REPLY_WRITE_FAILED, RH_UPLOAD_OPEN},
        {RH_STORE_STITCH, RH_ERR_UNKNOWN, RH_REPLY_GONE, RH_UPLOAD_LOST},
        {RH_STORE_STITCH, RH_ERR_RANGE, RH_REPLY_GONE, RH_UPLOAD_LOST},
        {RH_STORE_STITCH, RH_ERR_CHECKSUM, RH_REPLY_GONE, RH_UPLOAD_LOST},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)chunk(f, 0, KIB);
        (void)chunk(f, 2, KIB); /* 1 is missing */
        strcpy(f->id, ask_answer(&f->w, named(f, RH_REQUEST_GET, "v"))->upload.id);
        rh_store_model_fail(f->w.store, cases[i].verb, cases[i].error);
        assert_int_equal(code_of(f, partial(of(f, RH_REQUEST_FINISH))), cases[i].code);
        assert_int_equal(get(&f->w, f->id)->upload.state, cases[i].state);
    }
}

static void a_chunk_that_rotted_is_not_sealed(void **state)
{
    struct fixture *f = *state;
    struct rh_store_target target;
    assert_int_equal(chunk(f, 2, KIB), RH_REPLY_OK);
    const struct rh_vault_reply *reply = ask_answer(&f->w, named(f, RH_REQUEST_GET, "v"));
    strcpy(f->id, reply->upload.id);
    target_of(&reply->upload, &target);
    assert_true(rh_store_model_flip(f->w.store, &target, RH_MODEL_CHUNK, 2, 17));
    assert_int_equal(code_of(f, partial(of(f, RH_REQUEST_FINISH))), RH_REPLY_GONE);
    assert_int_equal(get(&f->w, f->id)->upload.state, RH_UPLOAD_LOST);
}

static void an_empty_video_that_cannot_be_made_is_tried_again(void **state)
{
    struct fixture *f = *state;
    struct rh_vault_request *request = of(f, RH_REQUEST_FINISH);
    request->total = 0;
    rh_store_model_fail(f->w.store, RH_STORE_BEGIN, RH_ERR_IO);
    assert_int_equal(code_of(f, request), RH_REPLY_WRITE_FAILED);
    assert_int_equal(code_of(f, of(f, RH_REQUEST_FINISH)), RH_REPLY_OVERLOADED); /* too soon */
    assert_int_equal(get(&f->w, f->id)->upload.state, RH_UPLOAD_OPEN);
    world_pass(&f->w, 10);
    assert_object(&f->w, f->id, data, 0);
}

static void a_partial_finish_may_fail_twice_in_a_row(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put(&f->w, f->id, KIB, data + KIB, KIB), RH_REPLY_OK);
    for (int i = 0; i < 2; i++) {
        rh_store_model_fail(f->w.store, RH_STORE_ZERO, RH_ERR_IO);
        assert_int_equal(code_of(f, partial(of(f, RH_REQUEST_FINISH))), RH_REPLY_WRITE_FAILED);
    }
    world_pass(&f->w, 10); /* nobody asks: what was wanted once is not done behind one's back */
    assert_int_equal(get(&f->w, f->id)->upload.state, RH_UPLOAD_OPEN);
    assert_int_equal(code_of(f, partial(of(f, RH_REQUEST_FINISH))), RH_REPLY_OK);
    struct rh_vault_request *request = partial(of(f, RH_REQUEST_FINISH));
    request->total = 10 * KIB; /* a sender that knows more than came asks again */
    request->has_crc = true;
    request->crc64 = 1;
    assert_int_equal(code_of(f, request), RH_REPLY_OK);
    request = of(f, RH_REQUEST_FINISH);
    request->has_crc = true;
    request->crc64 = 1;
    assert_int_equal(code_of(f, request), RH_REPLY_CHECKSUM);
    request = of(f, RH_REQUEST_FINISH);
    request->total = 10 * KIB;
    assert_int_equal(code_of(f, request), RH_REPLY_CONFLICT);
}

static void nobody_deletes_what_is_being_prepared(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put(&f->w, f->id, KIB, data + KIB, KIB), RH_REPLY_OK);
    f->w.hold_verb[RH_STORE_ZERO] = true;
    uint64_t op = ask(&f->w, partial(of(f, RH_REQUEST_FINISH)));
    assert_int_equal(code_of(f, of(f, RH_REQUEST_DELETE)), RH_REPLY_STATE);
    go_on(&f->w);
    assert_int_equal(answer(&f->w, op)->code, RH_REPLY_OK);
}

static void a_partial_finish_waits_for_the_stitching(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(chunk(f, 1, KIB), RH_REPLY_OK);
    w->hold_verb[RH_STORE_STITCH] = true;
    assert_int_equal(chunk(f, 0, KIB), RH_REPLY_OK);
    uint64_t op = ask(w, partial(named(f, RH_REQUEST_FINISH, "v")));
    assert_null(answer_if(w, op));
    go_on(w);
    assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
    assert_object(w, answer(w, op)->upload.id, data, 2 * KIB);
    struct rh_vault_request *request = named(f, RH_REQUEST_FINISH, "v");
    request->chunk_count = 7; /* how many there were to be was never said */
    assert_int_equal(code_of(f, request), RH_REPLY_OK);
}

/* Where chunks of a partial video go: their size must follow from those that came. */
static void chunks_of_a_partial_video_are_placed(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint64_t indexes[3], lengths[3], count, size;
    } cases[] = {
        {{2, NO}, {KIB}, NO, KIB},                     /* the last may be short: no gap */
        {{2, NO}, {KIB}, 3, KIB},                      /* it is the last */
        {{2, NO}, {KIB}, 4, 3 * KIB},                  /* it is not: two of its size are missing */
        {{0, NO}, {KIB}, 3, KIB},                      /* in place */
        {{0, 2, NO}, {KIB, 2 * KIB}, NO, 3 * KIB},     /* the last is the longest */
        {{0, 2, 4}, {KIB, 2 * KIB, KIB}, NO, 4 * KIB}, /* unequal */
        {{0, 2, 4}, {KIB, KIB, 5}, NO, 4 * KIB + 5},   /* equal but for the last */
        {{1, 2, NO}, {KIB, 0}, NO, 2 * KIB},           /* an empty one takes no room */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[] = "v0";
        name[1] = (char)('0' + i);
        for (size_t k = 0; k < 3 && cases[i].indexes[k] != NO; k++)
            assert_int_equal(put_chunk(&f->w, f->session, name, cases[i].indexes[k], cases[i].count,
                                       data, cases[i].lengths[k]),
                             RH_REPLY_OK);
        const struct rh_vault_reply *reply =
            ask_answer(&f->w, partial(named(f, RH_REQUEST_FINISH, name)));
        assert_int_equal(reply->code, RH_REPLY_OK);
        assert_int_equal(reply->upload.total, cases[i].size);
    }
}

static void numbers_of_chunks_that_cannot_be_true_finish_nothing(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(chunk(f, 2, KIB), RH_REPLY_OK);
    static const uint64_t counts[] = {1, 2, 101};
    for (size_t i = 0; i < 3; i++) {
        struct rh_vault_request *request = named(f, RH_REQUEST_FINISH, "v");
        request->chunk_count = counts[i];
        assert_int_equal(code_of(f, request), RH_REPLY_CONFLICT);
    }
    struct rh_vault_request *request = named(f, RH_REQUEST_FINISH, "v");
    request->chunk_count = 4;
    assert_int_equal(code_of(f, request), RH_REPLY_INCOMPLETE);
    request = named(f, RH_REQUEST_FINISH, "v");
    request->chunk_count = 5;
    assert_int_equal(code_of(f, request), RH_REPLY_CONFLICT);
    request = named(f, RH_REQUEST_CREATE, "v"); /* a size tells nothing of numbered chunks */
    request->total = 5;
    assert_int_equal(code_of(f, request), RH_REPLY_OK);
    assert_int_equal(ask_answer(&f->w, named(f, RH_REQUEST_GET, "v"))->upload.total, NO);
}

/* ---- A catalog that cannot be read ---- */

static void requests_say_when_the_catalog_cannot_be_read(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put(w, f->id, 0, data, KIB), RH_REPLY_OK);
    assert_int_equal(code_of(f, of(f, RH_REQUEST_FINISH)), RH_REPLY_OK);
    world_restart(w, false);
    w->reads_error = RH_ERR_IO;
    assert_int_equal(code_of(f, of(f, RH_REQUEST_GET)), RH_REPLY_INTERNAL);
    assert_int_equal(code_of(f, named(f, RH_REQUEST_GET, "take1")), RH_REPLY_INTERNAL);
    assert_int_equal(code_of(f, named(f, RH_REQUEST_SESSION_GET, "")), RH_REPLY_INTERNAL);
    assert_int_equal(code_of(f, named(f, RH_REQUEST_SESSION_CREATE, "")), RH_REPLY_INTERNAL);
    w->reads_error = RH_OK;
    assert_int_equal(code_of(f, named(f, RH_REQUEST_GET, "take1")), RH_REPLY_OK);
    assert_int_equal(code_of(f, named(f, RH_REQUEST_SESSION_CREATE, "")), RH_REPLY_OK);
}

static void a_session_that_cannot_be_read_delays_the_end(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put(w, f->id, 0, data, KIB), RH_REPLY_OK);
    world_restart(w, false);
    assert_int_equal(get(w, f->id)->upload.state, RH_UPLOAD_OPEN);
    w->reads_error = RH_ERR_IO;
    assert_int_equal(code_of(f, of(f, RH_REQUEST_FINISH)), RH_REPLY_WRITE_FAILED);
    assert_int_equal(get(w, f->id)->upload.state, RH_UPLOAD_FINISHING);
    w->reads_error = RH_OK;
    world_pass(w, 10);
    assert_object(w, f->id, data, KIB);
}

static void a_video_may_outlive_its_session(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put(w, f->id, 0, data, KIB), RH_REPLY_OK);
    world_restart(w, false);
    (void)get(w, f->id);
    w->reads_empty = true;
    assert_int_equal(code_of(f, of(f, RH_REQUEST_FINISH)), RH_REPLY_OK);
    struct rh_vault_request *request = of(f, RH_REQUEST_METADATA);
    request->metadata = strdup("{}");
    assert_int_equal(code_of(f, request), RH_REPLY_OK);
    w->reads_empty = false;
    w->reads_error = RH_ERR_IO;
    request = of(f, RH_REQUEST_METADATA);
    request->metadata = strdup("{}");
    assert_int_equal(code_of(f, request), RH_REPLY_WRITE_FAILED);
}

static void metadata_that_cannot_be_written_is_not_acknowledged(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum rh_error error;
        enum rh_reply_code code;
    } cases[] = {
        {RH_ERR_IO, RH_REPLY_WRITE_FAILED}, {RH_ERR_FULL, RH_REPLY_FULL}, {RH_OK, RH_REPLY_OK}};
    assert_int_equal(put(&f->w, f->id, 0, data, KIB), RH_REPLY_OK);
    assert_int_equal(code_of(f, of(f, RH_REQUEST_FINISH)), RH_REPLY_OK);
    for (size_t i = 0; i < 3; i++) {
        struct rh_vault_request *request = of(f, RH_REQUEST_METADATA);
        request->metadata = strdup("{\"file_size\": -1}");
        request->declared_size = KIB + i;
        if (cases[i].error != RH_OK)
            rh_store_model_fail(f->w.store, RH_STORE_PUT_TEXT, cases[i].error);
        assert_int_equal(code_of(f, request), cases[i].code);
        assert_int_equal(get(&f->w, f->id)->upload.size_disagrees, i > 0);
    }
}

static void metadata_of_a_video_of_no_session(void **state)
{
    struct fixture *f = *state;
    make_upload(&f->w, "", "", KIB, f->id);
    assert_int_equal(put(&f->w, f->id, 0, data, KIB), RH_REPLY_OK);
    struct rh_vault_request *request = of(f, RH_REQUEST_METADATA);
    request->metadata = strdup("[\"not an object\"]");
    assert_int_equal(code_of(f, request), RH_REPLY_OK);
    assert_object(&f->w, f->id, data, KIB);
}

/* ---- Expiry ---- */

static void what_is_busy_does_not_expire(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    static const enum rh_store_verb verbs[] = {RH_STORE_STITCH, RH_STORE_ZERO};
    for (size_t i = 0; i < 2; i++) {
        const char *name = i == 0 ? "s" : "z";
        assert_int_equal(put_chunk(w, f->session, name, 1, NO, data, KIB), RH_REPLY_OK);
        w->hold_verb[verbs[i]] = true;
        uint64_t index = i == 0 ? 0 : 3;
        assert_int_equal(put_chunk(w, f->session, name, index, NO, data, KIB), RH_REPLY_OK);
        uint64_t op = ask(w, partial(named(f, RH_REQUEST_FINISH, name)));
        world_pass(w, 2 * AGE);
        assert_int_equal(state_of(f, name), RH_UPLOAD_OPEN);
        go_on(w);
        assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
    }
}

static void what_is_being_deleted_does_not_expire(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    static const enum rh_store_verb verbs[] = {RH_STORE_CLOSE, RH_STORE_DROP};
    for (size_t i = 0; i < 2; i++) {
        make_upload(w, f->session, i == 0 ? "c" : "d", NO, f->id);
        uint64_t part = ask(w, write_of(w, f->id, 0, 100)); /* a file, and nothing in it */
        body(w, part, data, 0, RH_WRITTEN_BROKEN);
        w->hold_verb[verbs[i]] = true;
        uint64_t op = ask(w, of(f, RH_REQUEST_DELETE));
        world_time(w, 2 * AGE * 1000, 2 * AGE * 1000);
        world_pass(w, 100);
        go_on(w);
        assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
        assert_null(rh_catalog_model_upload(w->catalog, f->id));
    }
}

static void bytes_that_cannot_be_removed_are_told_of(void **state)
{
    struct fixture *f = *state;
    size_t logs = f->w.logs;
    rh_store_model_fail(f->w.store, RH_STORE_DROP, RH_ERR_IO);
    world_pass(&f->w, AGE + 20);
    assert_int_equal(get(&f->w, f->id)->upload.state, RH_UPLOAD_EXPIRED);
    assert_int_equal(f->w.logs, logs + 1);
}

static void many_expire_over_several_seconds(void **state)
{
    struct fixture *f = *state;
    char id[RH_ID_TEXT_MAX];
    for (size_t i = 0; i < 300; i++)
        make_upload(&f->w, "", "", NO, id);
    world_time(&f->w, AGE * 1000, AGE * 1000);
    assert_int_equal(f->w.jobs[RH_STORE_DROP], 256); /* so many in one go */
    world_pass(&f->w, 1);
    assert_int_equal(f->w.jobs[RH_STORE_DROP], 301);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_cannot_be_compared_is_not_acknowledged),
        T(a_sync_that_failed_voids_what_is_still_compared),
        T(both_who_wait_for_a_file_hear_that_it_is_lost),
        T(the_last_part_of_a_lost_video_says_so),
        T(a_create_that_completes_a_lost_video_says_so),
        T(the_bytes_of_a_lost_upload_go_unless_its_name_may_be_used),
        T(an_upload_of_no_session_is_deleted_with_its_bytes),
        T(a_delete_waits_for_the_file_that_is_being_opened),
        T(a_chunk_that_cannot_be_stitched),
        T(a_chunk_that_arrives_while_the_video_is_lost_is_gone),
        T(a_file_that_is_gone_when_stitching_goes_on_is_lost),
        T(empty_chunks_that_waited_need_no_copies),
        T(an_empty_chunk_whose_turn_came_meanwhile_goes_in_place),
        T(stitching_ends_where_the_video_is_lost_meanwhile),
        T(a_file_that_opens_while_the_video_is_finished_closes_again),
        T(a_retry_of_what_is_lost_meanwhile_does_nothing),
        T(a_video_that_cannot_be_prepared),
        T(a_chunk_that_rotted_is_not_sealed),
        T(an_empty_video_that_cannot_be_made_is_tried_again),
        T(a_partial_finish_may_fail_twice_in_a_row),
        T(nobody_deletes_what_is_being_prepared),
        T(a_partial_finish_waits_for_the_stitching),
        T(chunks_of_a_partial_video_are_placed),
        T(numbers_of_chunks_that_cannot_be_true_finish_nothing),
        T(requests_say_when_the_catalog_cannot_be_read),
        T(a_session_that_cannot_be_read_delays_the_end),
        T(a_video_may_outlive_its_session),
        T(metadata_that_cannot_be_written_is_not_acknowledged),
        T(metadata_of_a_video_of_no_session),
        T(what_is_busy_does_not_expire),
        T(what_is_being_deleted_does_not_expire),
        T(bytes_that_cannot_be_removed_are_told_of),
        T(many_expire_over_several_seconds),
    };
    return cmocka_run_group_tests_name("store_errors", tests, NULL, NULL);
}
