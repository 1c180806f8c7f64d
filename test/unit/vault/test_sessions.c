/* SPDX-License-Identifier: MIT */
/* Sessions, CREATE and METADATA; mission 3.1, 3.3, 3.4 and 3.6. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/bytes.h"
#include "base/id.h"

static uint8_t data[4096];

static int setup(void **state)
{
    fill(data, sizeof data, 31);
    return fixture_setup(state, NULL, NULL);
}

static json_t *session_json(struct fixture *f)
{
    struct rh_store_target target = {0};
    size_t size = 0;
    strcpy(target.session, f->session);
    const uint8_t *text =
        rh_store_model_look(f->w.store, &target, RH_MODEL_SESSION, 0, true, &size);
    assert_non_null(text);
    json_t *object = json_loadb((const char *)text, size, 0, NULL);
    assert_non_null(object);
    return object;
}

static const char *string_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "(none)";
}

static enum rh_reply_code send_metadata(struct fixture *f, const char *name, const char *text)
{
    struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_METADATA);
    strcpy(request->session, f->session);
    strcpy(request->name, name);
    request->metadata = strdup(text);
    return ask_answer(&f->w, request)->code;
}

static const struct rh_vault_reply *session_get(struct fixture *f)
{
    struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_SESSION_GET);
    strcpy(request->session, f->session);
    return ask_answer(&f->w, request);
}

static void a_session_is_durable_before_it_is_named(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    struct rh_vault_request *request = request_new(w, RH_REQUEST_SESSION_CREATE);
    strcpy(request->participant, "p-17");
    w->hold_verb[RH_STORE_PUT_TEXT] = true;
    uint64_t op = ask(w, request);
    assert_int_equal(world_held(w, RH_DO_STORE), 1);
    assert_null(answer_if(w, op));
    w->hold_verb[RH_STORE_PUT_TEXT] = false;
    world_release(w);
    assert_int_equal(answer(w, op)->code, RH_REPLY_CREATED);
    request = request_new(w, RH_REQUEST_SESSION_CREATE);
    strcpy(request->participant, "p-17");
    w->hold_commits = true;
    op = ask(w, request);
    assert_int_equal(world_held(w, RH_DO_COMMIT), 1);
    assert_null(answer_if(w, op));
    w->hold_commits = false;
    world_release(w);
    const struct rh_vault_reply *reply = answer(w, op);
    assert_int_equal(reply->code, RH_REPLY_CREATED);
    assert_int_equal(rh_uuid_check(rh_bytes_of(reply->session.id)), RH_OK);
    assert_non_null(rh_catalog_model_session(w->catalog, reply->session.id));
    assert_int_equal(reply->session.created_wall_s, 1769527800);
    assert_int_equal(strlen(reply->generation), 32);
    strcpy(f->session, reply->session.id);
    json_t *object = session_json(f);
    assert_string_equal(string_of(object, "session_id"), f->session);
    assert_string_equal(string_of(object, "created_at"), "2026-01-27T15:30:00");
    assert_string_equal(string_of(object, "status"), "created");
    assert_string_equal(string_of(object, "participant_id"), "p-17");
    assert_int_equal(json_array_size(json_object_get(object, "videos")), 0);
    json_decref(object);
}

static void a_session_that_cannot_be_written_is_an_error(void **state)
{
    struct fixture *f = *state;
    rh_store_model_fail(f->w.store, RH_STORE_PUT_TEXT, RH_ERR_IO);
    struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_SESSION_CREATE);
    assert_int_equal(ask_answer(&f->w, request)->code, RH_REPLY_WRITE_FAILED);
    rh_store_model_fail(f->w.store, RH_STORE_PUT_TEXT, RH_ERR_FULL);
    request = request_new(&f->w, RH_REQUEST_SESSION_CREATE);
    assert_int_equal(ask_answer(&f->w, request)->code, RH_REPLY_FULL);
}

#define NAMED "6f1c2b34-0000-4000-8000-00000000000c"

static struct rh_vault_request *named_create(struct fixture *f, const char *participant)
{
    struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_SESSION_CREATE);
    strcpy(request->session, NAMED);
    strcpy(request->participant, participant);
    return request;
}

static void a_session_that_the_client_named_is_made_once(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    const struct rh_vault_reply *reply = ask_answer(w, named_create(f, "p-17"));
    assert_int_equal(reply->code, RH_REPLY_CREATED);
    assert_string_equal(reply->session.id, NAMED);
    int64_t created_wall_s = reply->session.created_wall_s;
    for (size_t i = 0; i < 3; i++) {
        if (i == 2)
            world_restart(w, true);
        world_time(w, 60000, 60000);
        reply = ask_answer(w, named_create(f, i == 0 ? "" : "p-17"));
        assert_int_equal(reply->code, RH_REPLY_OK);
        assert_string_equal(reply->session.id, NAMED);
        assert_string_equal(reply->session.participant, "p-17");
        assert_int_equal(reply->session.created_wall_s, created_wall_s);
    }
    assert_int_equal(ask_answer(w, named_create(f, "p-18"))->code, RH_REPLY_CONFLICT);
    strcpy(f->session, NAMED);
    json_t *object = session_json(f);
    assert_string_equal(string_of(object, "participant_id"), "p-17");
    json_decref(object);
}

static void a_session_in_use_is_not_given_to_strangers(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    for (size_t i = 0; i < 2; i++) {
        struct rh_vault_request *request = named_create(f, "");
        request->unused_only = true;
        assert_int_equal(ask_answer(w, request)->code, i == 0 ? RH_REPLY_CREATED : RH_REPLY_OK);
    }
    char upload[RH_ID_TEXT_MAX];
    make_upload(w, NAMED, "a", 100, upload);
    for (size_t i = 0; i < 2; i++) {
        if (i == 1)
            world_restart(w, true);
        struct rh_vault_request *request = named_create(f, "");
        request->unused_only = true;
        assert_int_equal(ask_answer(w, request)->code, RH_REPLY_CONFLICT);
        assert_int_equal(ask_answer(w, named_create(f, ""))->code, RH_REPLY_OK);
    }
}

static void repeated_creates_at_once_make_one_session(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    w->hold_reads = true;
    uint64_t first = ask(w, named_create(f, "p-17"));
    uint64_t second = ask(w, named_create(f, "p-17"));
    uint64_t other = ask(w, named_create(f, "p-18"));
    assert_int_equal(world_held(w, RH_DO_READ), 1);
    w->hold_reads = false;
    world_release(w);
    assert_int_equal(answer(w, first)->code, RH_REPLY_CREATED);
    assert_int_equal(answer(w, second)->code, RH_REPLY_OK);
    assert_int_equal(answer(w, other)->code, RH_REPLY_CONFLICT);
}

static void a_session_whose_file_failed_is_written_when_asked_again(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    rh_store_model_fail(w->store, RH_STORE_PUT_TEXT, RH_ERR_IO);
    assert_int_equal(ask_answer(w, named_create(f, "p-17"))->code, RH_REPLY_WRITE_FAILED);
    assert_int_equal(ask_answer(w, named_create(f, "p-17"))->code, RH_REPLY_OK);
    strcpy(f->session, NAMED);
    json_t *object = session_json(f);
    assert_string_equal(string_of(object, "session_id"), NAMED);
    json_decref(object);
}

static void a_session_lists_its_videos_open_ones_too(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    for (size_t restarts = 0; restarts < 2; restarts++) {
        if (restarts == 0) {
            assert_int_equal(put_chunk(w, f->session, "a", 0, 1, data, 100), RH_REPLY_OK);
            assert_int_equal(put_chunk(w, f->session, "b", 1, 3, data, 100), RH_REPLY_OK);
            assert_int_equal(send_metadata(f, "c", "{\"prompt_id\":\"p\"}"), RH_REPLY_OK);
        } else {
            world_restart(w, true);
        }
        const struct rh_vault_reply *reply = session_get(f);
        assert_int_equal(reply->code, RH_REPLY_OK);
        assert_int_equal(reply->video_count, 3);
        assert_string_equal(reply->videos[0].name, "a");
        assert_int_equal(reply->videos[0].state, RH_UPLOAD_DONE);
        assert_string_equal(reply->videos[1].name, "b");
        assert_int_equal(reply->videos[1].chunks_received, 1);
        assert_int_equal(reply->videos[1].chunk_count, 3);
        assert_string_equal(reply->videos[2].metadata, "{\"prompt_id\":\"p\"}");
    }
}

static void an_unknown_session_is_not_found(void **state)
{
    struct fixture *f = *state;
    strcpy(f->session, "7c5b2e52-7f36-4b41-9d9e-d2f5f5f0a111");
    assert_int_equal(session_get(f)->code, RH_REPLY_UNKNOWN_SESSION);
    assert_int_equal(send_metadata(f, "a", "{}"), RH_REPLY_UNKNOWN_SESSION);
    struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_CREATE);
    strcpy(request->session, f->session);
    assert_int_equal(ask_answer(&f->w, request)->code, RH_REPLY_UNKNOWN_SESSION);
    assert_int_equal(session_get(f)->code, RH_REPLY_UNKNOWN_SESSION); /* and was not made by it */
}

static void metadata_may_come_before_while_and_after(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    static const char *names[] = {"before", "after"};
    assert_int_equal(send_metadata(f, "before", "{\"prompt_id\":\"smile\",\"file_size\":100}"),
                     RH_REPLY_OK);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(put_chunk(w, f->session, names[i], 0, 1, data, 100), RH_REPLY_OK);
    json_t *object = session_json(f);
    assert_string_equal(
        string_of(json_array_get(json_object_get(object, "videos"), 0), "prompt_id"), "smile");
    assert_string_equal(
        string_of(json_array_get(json_object_get(object, "videos"), 1), "prompt_id"), "(none)");
    json_decref(object);
    assert_int_equal(send_metadata(f, "after", "{\"prompt_id\":\"frown\",\"duration\":1.5}"),
                     RH_REPLY_OK);
    object = session_json(f);
    const json_t *video = json_array_get(json_object_get(object, "videos"), 1);
    assert_string_equal(string_of(video, "video_id"), "after");
    assert_string_equal(string_of(video, "prompt_id"), "frown");
    assert_string_equal(string_of(video, "uploaded_at"), "2026-01-27T15:30:00");
    json_decref(object);
}

static void metadata_lies_beside_the_video(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put_chunk(w, f->session, "v", 0, 1, data, 100), RH_REPLY_OK);
    assert_int_equal(send_metadata(f, "v", "{\"codec\":\"vp9\",\"file_size\":101}"), RH_REPLY_OK);
    struct rh_store_target target;
    size_t size = 0;
    target_of(&session_get(f)->videos[0], &target);
    const uint8_t *text = rh_store_model_look(w->store, &target, RH_MODEL_METADATA, 0, true, &size);
    assert_non_null(text);
    json_t *object = json_loadb((const char *)text, size, 0, NULL);
    assert_string_equal(string_of(object, "codec"), "vp9");
    const json_t *ours = json_object_get(object, "reelhaul");
    assert_string_equal(string_of(ours, "upload_id"), target.upload);
    assert_true(json_is_true(json_object_get(ours, "declared_size_disagrees")));
    json_decref(object);
    /* A wrong size is stored and flagged, not refused. */
    assert_true(session_get(f)->videos[0].size_disagrees);
    assert_int_equal(send_metadata(f, "v", "{\"file_size\":100}"), RH_REPLY_OK);
    assert_false(session_get(f)->videos[0].size_disagrees);
}

static void a_wrong_size_is_flagged_when_declared_first_too(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(send_metadata(f, "v", "{\"file_size\":7}"), RH_REPLY_OK);
    assert_int_equal(put_chunk(&f->w, f->session, "v", 0, 1, data, 100), RH_REPLY_OK);
    assert_true(session_get(f)->videos[0].size_disagrees);
}

static void metadata_that_is_no_object_harms_nothing(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(send_metadata(f, "v", "[1,2"), RH_REPLY_OK);
    assert_int_equal(put_chunk(&f->w, f->session, "v", 0, 1, data, 100), RH_REPLY_OK);
    assert_int_equal(session_get(f)->videos[0].state, RH_UPLOAD_DONE);
}

static void many_metadata_at_once_leave_the_last(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    uint64_t ops[5];
    assert_int_equal(put_chunk(w, f->session, "v", 0, 1, data, 100), RH_REPLY_OK);
    w->hold_verb[RH_STORE_PUT_TEXT] = true;
    for (size_t i = 0; i < 5; i++) {
        char text[32];
        snprintf(text, sizeof text, "{\"prompt_id\":\"p%zu\"}", i);
        struct rh_vault_request *request = request_new(w, RH_REQUEST_METADATA);
        strcpy(request->session, f->session);
        strcpy(request->name, "v");
        request->metadata = strdup(text);
        ops[i] = ask(w, request);
        assert_null(answer_if(w, ops[i]));
    }
    assert_int_equal(world_held(w, RH_DO_STORE), 1); /* one write of a file at a time */
    w->hold_verb[RH_STORE_PUT_TEXT] = false;
    world_release(w);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(answer(w, ops[i])->code, RH_REPLY_OK);
    json_t *object = session_json(f);
    assert_string_equal(
        string_of(json_array_get(json_object_get(object, "videos"), 0), "prompt_id"), "p4");
    json_decref(object);
}

static struct rh_vault_request *create_of(struct fixture *f, const char *name, const char *mime,
                                          uint64_t total)
{
    struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_CREATE);
    strcpy(request->session, f->session);
    strcpy(request->name, name);
    strcpy(request->mime, mime);
    request->total = total;
    return request;
}

static void creating_is_idempotent(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    const struct rh_vault_reply *first = ask_answer(w, create_of(f, "v", "video/webm", 3000));
    assert_int_equal(first->code, RH_REPLY_CREATED);
    char id[RH_ID_TEXT_MAX];
    strcpy(id, first->upload.id);
    assert_int_equal(put(w, id, 1000, data, 500), RH_REPLY_OK);
    for (size_t i = 0; i < 2; i++) {
        const struct rh_vault_reply *reply = ask_answer(w, create_of(f, "v", "video/webm", 3000));
        assert_int_equal(reply->code, RH_REPLY_OK);
        assert_string_equal(reply->upload.id, id);
        assert_int_equal(reply->durable_count, 1);
        assert_int_equal(reply->missing_count, 2);
        assert_int_equal(ask_answer(w, create_of(f, "v", "video/mp4", 3000))->code,
                         RH_REPLY_CONFLICT);
        assert_int_equal(ask_answer(w, create_of(f, "v", "video/webm", 3001))->code,
                         RH_REPLY_CONFLICT);
        assert_int_equal(ask_answer(w, create_of(f, "v", "video/webm", RH_SIZE_UNKNOWN))->code,
                         RH_REPLY_OK);
        world_restart(w, true);
    }
    assert_int_equal(put(w, id, 0, data, 1000), RH_REPLY_OK);
    assert_int_equal(put(w, id, 1500, data, 1500), RH_REPLY_OK);
    world_restart(w, true);
    const struct rh_vault_reply *done = ask_answer(w, create_of(f, "v", "video/webm", 3000));
    assert_int_equal(done->code, RH_REPLY_OK);
    assert_int_equal(done->upload.state, RH_UPLOAD_DONE);
    assert_true(done->has_receipt);
}

static void two_creates_at_once_make_one(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    world_restart(w, false);
    w->hold_reads = true;
    w->hold_commits = true;
    uint64_t a = ask(w, create_of(f, "v", "video/webm", 10));
    uint64_t b = ask(w, create_of(f, "v", "video/webm", 10));
    assert_int_equal(w->held_count, 1); /* META */
    w->hold_reads = false;
    world_release(w);
    assert_null(answer_if(w, a));
    assert_null(answer_if(w, b)); /* it may not be told of what is not committed either */
    w->hold_commits = false;
    world_release(w);
    assert_int_equal(answer(w, a)->code, RH_REPLY_CREATED);
    assert_int_equal(answer(w, b)->code, RH_REPLY_OK);
    assert_string_equal(answer(w, a)->upload.id, answer(w, b)->upload.id);
}

static void names_are_made_where_none_is_given(void **state)
{
    struct fixture *f = *state;
    char a[RH_ID_TEXT_MAX];
    char b[RH_ID_TEXT_MAX];
    make_upload(&f->w, "", "", 100, a);
    make_upload(&f->w, f->session, "", 100, b);
    assert_true(strlen(get(&f->w, a)->upload.name) > 8);
    assert_string_equal(get(&f->w, b)->upload.session, f->session);
    /* Without a session a name is no identity. */
    make_upload(&f->w, "", "same.webm", 100, a);
    make_upload(&f->w, "", "same.webm", 200, b);
    assert_string_not_equal(a, b);
    assert_int_equal(put(&f->w, a, 0, data, 100), RH_REPLY_OK);
    assert_int_equal(put(&f->w, b, 0, data, 200), RH_REPLY_OK);
    assert_object(&f->w, a, data, 100);
    assert_object(&f->w, b, data, 200);
}

static void hostile_names_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *names[] = {"../x", "a/b", ".hidden", "a..b", "-rf", "\xc3\xa4", "a b"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(ask_answer(&f->w, create_of(f, names[i], "video/webm", 1))->code,
                         RH_REPLY_CONFLICT);
        assert_int_equal(send_metadata(f, names[i], "{}"), RH_REPLY_UNKNOWN);
    }
}

static void a_declared_size_is_checked_on_admission(void **state)
{
    struct fixture *f = *state;
    rh_store_model_set_space(f->w.store, 1000, 1000000);
    world_pass(&f->w, 2);
    assert_int_equal(ask_answer(&f->w, create_of(f, "v", "video/webm", 5000))->code, RH_REPLY_FULL);
    assert_int_equal(ask_answer(&f->w, create_of(f, "v", "video/webm", (uint64_t)1 << 60))->code,
                     RH_REPLY_TOO_LARGE);
    assert_int_equal(send_metadata(f, "m", "{}"), RH_REPLY_OK); /* goes on below the reserve */
}

static void the_cache_has_a_cap(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    char sessions[6][RH_UUID_TEXT_MAX];
    w->limits.cached_max = 2;
    world_restart(w, false);
    for (size_t i = 0; i < 6; i++) {
        make_session(w, sessions[i]);
        assert_int_equal(put_chunk(w, sessions[i], "v", 0, 1, data, 100), RH_REPLY_OK);
        assert_int_equal(put_chunk(w, sessions[i], "w", 0, 2, data, 100), RH_REPLY_OK);
    }
    size_t reads = w->reads;
    for (size_t i = 0; i < 6; i++) {
        strcpy(f->session, sessions[i]);
        const struct rh_vault_reply *reply = session_get(f);
        assert_int_equal(reply->video_count, 2);
        assert_int_equal(reply->videos[0].state, RH_UPLOAD_DONE);
        assert_int_equal(put_chunk(w, sessions[i], "v", 0, 1, data, 100), RH_REPLY_OK);
        assert_int_equal(put_chunk(w, sessions[i], "w", 1, 2, data, 100), RH_REPLY_OK);
        assert_int_equal(session_get(f)->videos[1].state, RH_UPLOAD_DONE);
        json_t *object = session_json(f);
        assert_int_equal(json_array_size(json_object_get(object, "videos")), 2);
        json_decref(object);
    }
    assert_true(w->reads > reads);
}

static void an_unreadable_catalog_ends_the_process(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    struct rh_vault_action action;
    uint8_t entropy[32] = {0};
    struct rh_vault *vault = rh_vault_create(&w->limits, entropy);
    while (rh_vault_next(vault, &action) && action.kind != RH_DO_READ)
        continue;
    struct rh_vault_event event = {.kind = RH_HAS_READ};
    event.u.read.id = action.u.read.id;
    event.u.read.rows = calloc(1, sizeof *event.u.read.rows);
    event.u.read.rows->error = RH_ERR_VERSION;
    assert_int_equal(rh_vault_tell(vault, &event), RH_OK);
    bool fatal = false;
    while (rh_vault_next(vault, &action))
        fatal = fatal || action.kind == RH_DO_FATAL;
    assert_true(fatal);
    rh_vault_destroy(vault);
}

static void put_session(struct fixture *f, int64_t created_wall_s)
{
    struct rh_batch batch = {0};
    struct rh_change *change = rh_batch_add(&batch, RH_CHANGE_SESSION);
    strcpy(change->u.session.id, f->session);
    change->u.session.created_wall_s = created_wall_s;
    assert_int_equal(f->w.catalog->ops->commit(f->w.catalog, &batch), RH_OK);
    rh_batch_free(&batch);
}

static void times_that_no_calendar_has_are_written_as_the_first(void **state)
{
    struct fixture *f = *state;
    static const int64_t times[] = {INT64_MAX, (int64_t)1 << 55};
    for (size_t i = 0; i < 2; i++) {
        put_session(f, times[i]);
        world_restart(&f->w, false);
        struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_SESSION_CREATE);
        strcpy(request->session, f->session);
        assert_int_equal(ask_answer(&f->w, request)->code, RH_REPLY_OK);
        json_t *object = session_json(f);
        bool far = i > 0; /* a year of ten digits still fits */
        if (!far)
            assert_string_equal(string_of(object, "created_at"), "1970-01-01T00:00:00");
        else
            assert_int_equal(strlen(string_of(object, "created_at")), 25);
        json_decref(object);
    }
}

static void a_participant_that_is_no_text_is_left_out(void **state)
{
    struct fixture *f = *state;
    struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_SESSION_CREATE);
    strcpy(request->participant, "\xff");
    const struct rh_vault_reply *reply = ask_answer(&f->w, request);
    assert_int_equal(reply->code, RH_REPLY_CREATED);
    strcpy(f->session, reply->session.id);
    json_t *object = session_json(f);
    assert_string_equal(string_of(object, "session_id"), f->session);
    assert_null(json_object_get(object, "participant_id"));
    json_decref(object);
}

static void only_a_number_is_a_declared_size(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text;
        bool disagrees;
    } cases[] = {{"{\"file_size\": 5}", true},
                 {"{\"file_size\": -5}", false},
                 {"{\"file_size\": \"5\"}", false},
                 {"{}", false}};
    char id[RH_ID_TEXT_MAX];
    make_upload(&f->w, f->session, "sized", 8, id);
    assert_int_equal(put(&f->w, id, 0, data, 8), RH_REPLY_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(send_metadata(f, "sized", cases[i].text), RH_REPLY_OK);
        assert_int_equal(get(&f->w, id)->upload.size_disagrees, cases[i].disagrees);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(times_that_no_calendar_has_are_written_as_the_first),
        T(a_participant_that_is_no_text_is_left_out),
        T(only_a_number_is_a_declared_size),
        T(a_session_is_durable_before_it_is_named),
        T(a_session_that_cannot_be_written_is_an_error),
        T(a_session_that_the_client_named_is_made_once),
        T(a_session_in_use_is_not_given_to_strangers),
        T(repeated_creates_at_once_make_one_session),
        T(a_session_whose_file_failed_is_written_when_asked_again),
        T(a_session_lists_its_videos_open_ones_too),
        T(an_unknown_session_is_not_found),
        T(metadata_may_come_before_while_and_after),
        T(metadata_lies_beside_the_video),
        T(a_wrong_size_is_flagged_when_declared_first_too),
        T(metadata_that_is_no_object_harms_nothing),
        T(many_metadata_at_once_leave_the_last),
        T(creating_is_idempotent),
        T(two_creates_at_once_make_one),
        T(names_are_made_where_none_is_given),
        T(hostile_names_are_refused),
        T(a_declared_size_is_checked_on_admission),
        T(the_cache_has_a_cap),
        T(an_unreadable_catalog_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
