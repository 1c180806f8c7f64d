/* SPDX-License-Identifier: MIT */
/* /upload/chunk: a sessionId names one upload; how many chunks there are may grow until the end is
 * marked. */
#include "harness.h"

#include <stdio.h>

#include "base/bytes.h"
#include "base/id.h"

static char form[4096];
static const char bytes[] = "0123456789";

static unsigned post(struct harness *h, const char *const *fields)
{
    size_t size = harness_form(form, sizeof form, fields, "video/webm", bytes, 10);
    return harness_send(h, "POST", "/upload/chunk", TEST_FORM_TYPE, form, size);
}

#define POST(h, ...) post(h, (const char *const[]){__VA_ARGS__, NULL})

static void open_named(struct harness *h)
{
    harness_open(h);
    h->reply.upload.geometry = RH_GEOMETRY_CHUNKS;
    h->reply.upload.chunks_received = 1;
    strcpy(h->reply.upload.name, "sess_123");
}

static void a_chunk_goes_to_the_session_of_its_name(void **state)
{
    struct harness h;
    char session[RH_UUID_TEXT];
    (void)state;
    open_named(&h);
    rh_named_session(session, rh_bytes_of("sess_123"));
    assert_true(rh_named_session_is(session, "sess_123"));
    assert_int_equal(POST(&h, "sessionId=sess_123", "chunkId=5", "totalChunks=20", "*"), 200);
    assert_int_equal(h.asked.kind, RH_REQUEST_WRITE);
    assert_string_equal(h.asked.session, session);
    assert_string_equal(h.asked.name, "sess_123");
    assert_string_equal(h.asked.mime, "video/webm");
    assert_int_equal(h.asked.chunk_index, 5);
    /* It may grow: only the end mark makes it a fact. */
    assert_true(h.asked.chunk_count == RH_SIZE_UNKNOWN);
    assert_false(h.asked.final);
    assert_int_equal(h.written.bytes, 10);
    json_t *json = harness_json(&h);
    assert_string_equal(json_string_value(json_object_get(json, "status")), "chunk_received");
    assert_string_equal(json_string_value(json_object_get(json, "sessionId")), "sess_123");
    assert_int_equal(json_integer_value(json_object_get(json, "chunkId")), 5);
    assert_int_equal(json_integer_value(json_object_get(json, "totalChunks")), 20);
    json_decref(json);
    /* A session id of ours is no name of a folder elsewhere. */
    rh_named_session(session, rh_bytes_of(TEST_SESSION));
    assert_false(rh_named_session_is(session, TEST_SESSION));
    harness_close(&h);
}

static void the_end_is_marked(void **state)
{
    struct harness h;
    (void)state;
    open_named(&h);
    assert_int_equal(POST(&h, "sessionId=s", "chunkId=5", "final=true", "*"), 200);
    assert_true(h.asked.final);
    assert_true(h.asked.chunk_count == RH_SIZE_UNKNOWN);
    /* On a chunk that is not the last, when it is sent again: the count is what is final. */
    assert_int_equal(POST(&h, "sessionId=s", "chunkId=5", "totalChunks=8", "isLast=1", "*"), 200);
    assert_false(h.asked.final);
    assert_int_equal(h.asked.chunk_count, 8);
    h.reply.upload.state = RH_UPLOAD_DONE;
    h.reply.upload.total = 10;
    assert_int_equal(POST(&h, "sessionId=s", "totalChunks=8", "final=?1"), 200);
    assert_int_equal(h.asked.kind, RH_REQUEST_FINISH);
    assert_int_equal(h.asked.chunk_count, 8);
    json_t *json = harness_json(&h);
    assert_string_equal(json_string_value(json_object_get(json, "status")), "upload_complete");
    assert_non_null(json_object_get(json, "url"));
    json_decref(json);
    h.reply.upload.state = RH_UPLOAD_OPEN;
    h.code = RH_REPLY_INCOMPLETE;
    h.reply.upload.chunk_count = 3;
    h.reply.chunks[0] = (struct rh_range){0, 1};
    h.reply.chunk_run_count = 1;
    POST(&h, "sessionId=s", "totalChunks=3", "final=1");
    harness_expect_error(&h, 400, "incomplete");
    json = harness_json(&h);
    assert_int_equal(json_array_size(json_object_get(json, "missing_chunks")), 2);
    json_decref(json);
    harness_close(&h);
}

static struct {
    int step;
    enum rh_reply_code create;
} script;

/* The session is not there before it is made. */
static void unknown_first(struct harness *h, struct rh_vault_reply *reply, bool *grant)
{
    *reply = h->reply;
    if (h->asked.kind == RH_REQUEST_SESSION_CREATE) {
        script.step++;
        reply->code = script.create;
    } else if (script.step == 0 || h->asked.kind != RH_REQUEST_WRITE) {
        reply->has_upload = false;
        reply->code = RH_REPLY_UNKNOWN_SESSION;
    } else if (h->granted) {
        reply->code = RH_REPLY_OK;
    } else {
        *grant = true;
    }
}

static void an_unknown_session_is_made(void **state)
{
    struct harness h;
    char session[RH_UUID_TEXT];
    (void)state;
    open_named(&h);
    h.vault = unknown_first;
    script.step = 0;
    script.create = RH_REPLY_OK;
    rh_named_session(session, rh_bytes_of("new"));
    assert_int_equal(POST(&h, "sessionId=new", "chunkId=0", "*"), 200);
    assert_int_equal(h.asks, 3);
    assert_int_equal(script.step, 1);
    assert_string_equal(h.asked.session, session);
    assert_int_equal(h.written.bytes, 10);
    /* Where it cannot be made the answer says why, and nothing goes round in circles. */
    script.step = 0;
    script.create = RH_REPLY_FULL;
    POST(&h, "sessionId=new", "chunkId=0", "*");
    harness_expect_error(&h, 507, "storage_full");
    script.create = RH_REPLY_OK;
    /* Looking and ending make nothing. */
    script.step = 0;
    POST(&h, "sessionId=new", "totalChunks=1", "final=1");
    harness_expect_error(&h, 404, "not_found");
    harness_get(&h, "/upload/chunk?sessionId=new");
    harness_expect_error(&h, 404, "not_found");
    assert_int_equal(script.step, 0);
    harness_close(&h);
}

static void chunks_that_came_are_listed(void **state)
{
    struct harness h;
    (void)state;
    open_named(&h);
    h.reply.chunks[0] = (struct rh_range){0, 5};
    h.reply.chunks[1] = (struct rh_range){7, 1};
    h.reply.chunk_run_count = 2;
    assert_int_equal(harness_get(&h, "/upload/chunk?sessionId=sess_123"), 200);
    assert_string_equal(harness_header(&h, "Reelhaul-Chunks"), "0-4, 7");
    json_t *json = harness_json(&h);
    json_t *runs = json_object_get(json, "chunks");
    assert_int_equal(json_array_size(runs), 2);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(runs, 0), 1)), 4);
    assert_true(json_is_null(json_object_get(json, "totalChunks")));
    json_decref(json);
    harness_get(&h, "/upload/chunk");
    harness_expect_error(&h, 400, "missing_field");
    harness_get(&h, "/upload/chunk?sessionId=..%2f..");
    harness_expect_error(&h, 400, "invalid_id");
    harness_close(&h);
}

static void bad_forms_are_refused(void **state)
{
    static const struct {
        const char *fields[6];
        const char *code;
    } cases[] = {
        {{"chunkId=0", "*"}, "missing_field"},
        {{"sessionId=s", "*"}, "missing_field"},
        {{"sessionId=s", "chunkId=0"}, "missing_field"},
        {{"sessionId=s", "chunkId=0", "totalChunks=1"}, "missing_field"},
        {{"sessionId=s", "final=true"}, "missing_field"},
        {{"sessionId=../s", "chunkId=0", "*"}, "invalid_id"},
        {{"sessionId=", "chunkId=0", "*"}, "invalid_id"},
        {{"sessionId=a/b", "chunkId=0", "*"}, "invalid_id"},
        {{"sessionId=s", "chunkId=-1", "*"}, "invalid_field"},
        {{"sessionId=s", "chunkId=x", "*"}, "invalid_field"},
        {{"sessionId=s", "chunkId=0", "totalChunks=0", "*"}, "invalid_field"},
        {{"sessionId=s", "chunkId=0", "totalChunks=99999999999", "*"}, "invalid_field"},
        {{"sessionId=s", "chunkId=3", "totalChunks=3", "*"}, "out_of_range"},
        {{"sessionId=s", "chunkId=0", "final=maybe", "*"}, "invalid_field"},
        {{"sessionId=s", "chunkId=0", "chunkId=1", "*"}, "bad_form"},
    };
    struct harness h;
    (void)state;
    open_named(&h);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        post(&h, cases[i].fields);
        harness_expect_error(&h, 400, cases[i].code);
        assert_int_equal(h.asks, 0);
    }
    harness_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chunk_goes_to_the_session_of_its_name),
        cmocka_unit_test(the_end_is_marked),
        cmocka_unit_test(an_unknown_session_is_made),
        cmocka_unit_test(chunks_that_came_are_listed),
        cmocka_unit_test(bad_forms_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
