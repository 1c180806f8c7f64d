/* SPDX-License-Identifier: MIT */
/* The sessions API: the document's letter, and the exact answer to each bad input. */
#include "harness.h"

#include "api/internal.h"
#include "base/bytes.h"
#include "base/crc64.h"

#define MIB ((size_t)1 << 20)

static const char *const good_fields[] = {"session_id=" TEST_SESSION,
                                          "video_id=video_123",
                                          "chunk_index=0",
                                          "total_chunks=10",
                                          "*",
                                          NULL};

static unsigned send_form(struct harness *h, const char *const *fields, const char *type,
                          const void *chunk, size_t size)
{
    size_t cap = size + 131072;
    char *form = malloc(cap);
    assert_non_null(form);
    size_t form_size = harness_form(form, cap, fields, type, chunk, size);
    unsigned status = harness_send(h, "POST", "/api/upload/chunk", TEST_FORM_TYPE, form, form_size);
    free(form);
    return status;
}

static void health_is_healthy(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    assert_int_equal(harness_get(&h, "/health"), 200);
    assert_string_equal(harness_body(&h),
                        "{\"status\":\"healthy\",\"service\":\"reelhaul\",\"version\":\"" RH_VERSION
                        "\"}\n");
    assert_string_equal(harness_header(&h, "Cache-Control"), "no-store");
    assert_string_equal(harness_header(&h, "Content-Type"), "application/json; charset=utf-8");
    harness_close(&h);
}

static void a_session_is_created(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    static const char expected[] =
        "{\"session_id\":\"" TEST_SESSION "\",\"created_at\":\"2026-01-27T15:30:00\","
        "\"status\":\"created\"}\n";
    h.reply.has_upload = false;
    assert_int_equal(harness_post_json(&h, "/api/session/create", "{\"participant_id\": \"Zoë\"}"),
                     200);
    assert_string_equal(harness_body(&h), expected);
    assert_int_equal(h.asked.kind, RH_REQUEST_SESSION_CREATE);
    assert_string_equal(h.asked.participant, "Zoë");
    assert_int_equal(h.asked.entropy[31], 32);
    assert_string_equal(harness_header(&h, "Reelhaul-Generation"), "gen1");
    assert_string_equal(harness_header(&h, "Location"), "/api/session/" TEST_SESSION);
    /* The body may be empty, with or without a type, and null is as good as absent. */
    assert_int_equal(harness_send(&h, "POST", "/api/session/create", "", NULL, 0), 200);
    assert_string_equal(harness_body(&h), expected);
    assert_string_equal(h.asked.participant, "");
    assert_int_equal(harness_send(&h, "POST", "/api/session/create", "", "", 0), 200);
    assert_int_equal(harness_post_json(&h, "/api/session/create", "{\"participant_id\":null}"),
                     200);
    harness_close(&h);
}

static void a_client_may_name_its_session(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    static const char json[] = "{\"session_id\":\"" TEST_SESSION "\",\"participant_id\":\"p\"}";
    h.reply.has_upload = false;
    for (size_t i = 0; i < 2; i++) {
        h.code = i == 0 ? RH_REPLY_CREATED : RH_REPLY_OK; /* the same answer, made or repeated */
        assert_int_equal(harness_post_json(&h, "/api/session/create", json), 200);
        assert_string_equal(harness_body(&h), "{\"session_id\":\"" TEST_SESSION
                                              "\",\"created_at\":\"2026-01-27T15:30:00\","
                                              "\"status\":\"created\"}\n");
        assert_string_equal(h.asked.session, TEST_SESSION);
        assert_string_equal(h.asked.participant, "p");
        assert_false(h.asked.unused_only);
    }
    h.code = RH_REPLY_CONFLICT;
    harness_post_json(&h, "/api/session/create", json);
    harness_expect_error(&h, 409, "conflict");
    h.code = RH_REPLY_CREATED;
    harness_post_json(&h, "/api/session/create", "{\"session_id\":null}");
    assert_string_equal(h.asked.session, "");
    harness_close(&h);
}

static void a_session_in_use_gives_no_token_to_strangers(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    harness_auth(&h);
    h.config.enrol_open = true;
    static const char json[] = "{\"session_id\":\"" TEST_SESSION "\"}";
    char own[API_TOKEN_TEXT];
    char other[API_TOKEN_TEXT];
    api_auth_session_token(&h.config, TEST_SESSION, own);
    api_auth_session_token(&h.config, TEST_OTHER, other);
    const struct {
        const char *token;
        bool unused_only;
    } cases[] = {
        {NULL, true}, {"nonsense", true}, {other, true}, {own, false}, {TEST_TOKEN, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char extra[400] = "Content-Type: application/json\r\n";
        if (cases[i].token != NULL)
            snprintf(extra + strlen(extra), 300, "Authorization: Bearer %s\r\n", cases[i].token);
        assert_int_equal(harness_send(&h, "POST", "/api/session/create", extra, json, strlen(json)),
                         200);
        assert_int_equal(h.asked.unused_only, cases[i].unused_only);
    }
    harness_close(&h);
}

static void bad_creates_are_refused(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    static const struct {
        const char *json;
        unsigned status;
        const char *code;
    } cases[] = {
        {"{", 400, "bad_json"},
        {"[]", 400, "bad_json"},
        {"\"x\"", 400, "bad_json"},
        {"{\"a\":1,\"a\":2}", 400, "bad_json"},
        {"{\"participant_id\":\"\xff\"}", 400, "bad_json"},
        {"{\"participant_id\":\"a\\u0000b\"}", 400, "bad_json"},
        {"{\"participant_id\":7}", 400, "invalid_field"},
        {"{\"participant_id\":\"a\\nb\"}", 400, "invalid_field"},
        {"{\"participant_id\":\"a\\u202eb\"}", 400, "invalid_field"},
        {"{\"participant_id\":\"a\\u200bb\"}", 400, "invalid_field"},
        {"{\"participant_id\":\"\\u0085\"}", 400, "invalid_field"},
        {"{} x", 400, "bad_json"},
        {"{\"session_id\":7}", 400, "invalid_field"},
        {"{\"session_id\":\"\"}", 400, "invalid_id"},
        {"{\"session_id\":\"../../../../etc/passwd\"}", 400, "invalid_id"},
        {"{\"session_id\":\"6f1c2b34-0000-4000-8000-00000000000\"}", 400, "invalid_id"},
        {"{\"session_id\":\"6f1c2b34-0000-4000-8000-00000000000aa\"}", 400, "invalid_id"},
        {"{\"session_id\":\"6F1C2B34-0000-4000-8000-00000000000A\"}", 400, "invalid_id"},
        {"{\"session_id\":\"6f1c2b34-0000-1000-8000-00000000000a\"}", 400, "invalid_id"},
        {"{\"session_id\":\"6f1c2b34-0000-4000-7000-00000000000a\"}", 400, "invalid_id"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        harness_post_json(&h, "/api/session/create", cases[i].json);
        harness_expect_error(&h, cases[i].status, cases[i].code);
        assert_int_equal(h.asks, 0);
    }
    char json[300] = "{\"participant_id\":\"";
    memset(json + strlen(json), 'x', 129);
    strcat(json, "\"}");
    harness_post_json(&h, "/api/session/create", json);
    harness_expect_error(&h, 400, "invalid_field");
    char deep[200] = "{\"a\":";
    memset(deep + 5, '[', 100);
    harness_post_json(&h, "/api/session/create", deep);
    harness_expect_error(&h, 400, "bad_json");
    harness_send(&h, "POST", "/api/session/create",
                 "Content-Type: application/x-www-form-urlencoded\r\n", "{}", 2);
    harness_expect_error(&h, 415, "unsupported_type");
    harness_close(&h);
}

static void large_json_is_refused(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    char *json = malloc(70000);
    assert_non_null(json);
    memset(json, ' ', 70000);
    json[69998] = '{';
    json[69999] = '}';
    harness_send(&h, "POST", "/api/session/create", "Content-Type: application/json\r\n", json,
                 70000);
    harness_expect_error(&h, 413, "too_large");
    assert_false(rh_exchange_response(h.x)->close); /* it was short enough to be read */
    /* Of unknown length: found out while it comes. */
    harness_begin(&h, "POST", "/api/session/create",
                  "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n");
    h.split = 1000;
    harness_run(&h, json, 70000);
    harness_expect_error(&h, 413, "too_large");
    free(json);
    harness_close(&h);
}

static void a_chunk_is_received(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    h.reply.upload.geometry = RH_GEOMETRY_CHUNKS;
    h.reply.upload.chunk_count = 10;
    h.reply.upload.chunks_received = 1;
    h.reply.has_receipt = true;
    h.reply.receipt = (struct rh_interval){0, 9, 0xae8b14860a799888ULL};
    h.reply.chunks[0] = (struct rh_range){0, 1};
    h.reply.chunks[1] = (struct rh_range){4, 3};
    h.reply.chunk_run_count = 2;
    assert_int_equal(send_form(&h, good_fields, "video/webm", "123456789", 9), 200);
    assert_string_equal(
        harness_body(&h),
        "{\"status\":\"chunk_received\",\"chunk_index\":0,\"total_chunks\":10,\"received\":1}\n");
    assert_string_equal(harness_header(&h, "Reelhaul-Receipt"),
                        "offset=0, length=9, crc64=:rosUhgp5mIg=:, kept=until-complete, durable");
    assert_string_equal(harness_header(&h, "Reelhaul-State"), "open");
    assert_string_equal(harness_header(&h, "Reelhaul-Upload"), TEST_UPLOAD);
    assert_string_equal(harness_header(&h, "Reelhaul-Chunks"), "0, 4-6");
    assert_int_equal(h.asked.kind, RH_REQUEST_WRITE);
    assert_string_equal(h.asked.session, TEST_SESSION);
    assert_string_equal(h.asked.name, "video_123");
    assert_string_equal(h.asked.mime, "video/webm");
    assert_true(h.asked.chunk_index == 0 && h.asked.chunk_count == 10);
    assert_int_equal(h.asked.entropy[0], 1); /* its first chunk makes the upload */
    assert_int_equal(h.written.end, RH_WRITTEN_WHOLE);
    assert_true(h.written.bytes == 9 && h.written.crc64[0] == 0xae8b14860a799888ULL);
    assert_memory_equal(h.disk, "123456789", 9);
    harness_close(&h);
}

static void a_chunk_may_carry_its_checksum(void **state)
{
    (void)state;
    struct harness h;
    char form[2048];
    harness_open(&h);
    size_t size = harness_form(form, sizeof form, good_fields, "video/webm", "123456789", 9);
    h.reply.upload.geometry = RH_GEOMETRY_CHUNKS;
    harness_send(&h, "POST", "/api/upload/chunk",
                 TEST_FORM_TYPE "Reelhaul-Crc64: :rosUhgp5mIg=:\r\n", form, size);
    assert_true(h.asked.has_crc);
    assert_true(h.asked.crc64 == 0xae8b14860a799888u);
    harness_send(&h, "POST", "/api/upload/chunk", TEST_FORM_TYPE, form, size);
    assert_false(h.asked.has_crc);
    harness_send(&h, "POST", "/api/upload/chunk", TEST_FORM_TYPE "Reelhaul-Crc64: 12\r\n", form,
                 size);
    harness_expect_error(&h, 400, "invalid_field");
    harness_close(&h);
}

static void the_last_chunk_completes_the_video(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    h.reply.upload.geometry = RH_GEOMETRY_CHUNKS;
    h.reply.upload.state = RH_UPLOAD_DONE;
    h.reply.upload.total = 9;
    h.reply.upload.crc64 = 0xae8b14860a799888ULL;
    assert_int_equal(send_form(&h, good_fields, "application/octet-stream", "123456789", 9), 200);
    assert_string_equal(harness_body(&h),
                        "{\"status\":\"video_complete\",\"video_id\":\"video_123\","
                        "\"file_path\":\"" TEST_SESSION "/video_123.webm\"}\n");
    assert_string_equal(harness_header(&h, "Reelhaul-State"), "done");
    assert_string_equal(harness_header(&h, "Reelhaul-Receipt"),
                        "offset=0, length=9, crc64=:rosUhgp5mIg=:, kept=until-complete, durable");
    harness_close(&h);
}

static void the_type_of_the_chunk_names_the_file(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    static const char *const cases[][2] = {
        {"video/mp4", "video/mp4"},   {"video/mp4;codecs=avc1", "video/mp4"},
        {"video/webm", "video/webm"}, {"application/octet-stream", "video/webm"},
        {"text/plain", "video/webm"}, {"image/svg+xml", "video/webm"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(send_form(&h, good_fields, cases[i][0], "x", 1), 200);
        assert_string_equal(h.asked.mime, cases[i][1]);
    }
    harness_close(&h);
}

struct bad_form {
    const char *fields[8];
    unsigned status;
    const char *code;
};

#define S "session_id=" TEST_SESSION
#define V "video_id=v"
#define I "chunk_index=0"
#define T "total_chunks=2"

static const struct bad_form bad_forms[] = {
    {{V, I, T, "*"}, 400, "missing_field"},
    {{S, I, T, "*"}, 400, "missing_field"},
    {{S, V, T, "*"}, 400, "missing_field"},
    {{S, V, I, "*"}, 400, "missing_field"},
    {{S, V, I, T}, 400, "missing_field"},
    {{NULL}, 400, "missing_field"},
    {{"session_id=", V, I, T, "*"}, 400, "invalid_id"},
    {{"session_id=nope", V, I, T, "*"}, 404, "unknown_session"},
    {{"session_id=../../etc", V, I, T, "*"}, 400, "invalid_id"},
    {{"session_id=6f1c2b34-0000-4000-8000-0000000000/a", V, I, T, "*"}, 400, "invalid_id"},
    {{S, "video_id=", I, T, "*"}, 400, "invalid_id"},
    {{S, "video_id=../x", I, T, "*"}, 400, "invalid_id"},
    {{S, "video_id=a..b", I, T, "*"}, 400, "invalid_id"},
    {{S, "video_id=.hidden", I, T, "*"}, 400, "invalid_id"},
    {{S, "video_id=-rf", I, T, "*"}, 400, "invalid_id"},
    {{S, "video_id=a/b", I, T, "*"}, 400, "invalid_id"},
    {{S, "video_id=a\\b", I, T, "*"}, 400, "invalid_id"},
    {{S, "video_id=a b", I, T, "*"}, 400, "invalid_id"},
    {{S, "video_id=vid\xc3\xa9o", I, T, "*"}, 400, "invalid_id"},
    {{S, "video_id=\xef\xbc\x8e\xef\xbc\x8e\xef\xbc\x8fx", I, T, "*"}, 400, "invalid_id"},
    {{S, "video_id=a\xe2\x80\xae", I, T, "*"}, 400, "invalid_id"},
    {{S, "video_id=a\xff", I, T, "*"}, 400, "invalid_id"},
    {{S, V, "chunk_index=-1", T, "*"}, 400, "invalid_field"},
    {{S, V, "chunk_index=+1", T, "*"}, 400, "invalid_field"},
    {{S, V, "chunk_index=1.0", T, "*"}, 400, "invalid_field"},
    {{S, V, "chunk_index=one", T, "*"}, 400, "invalid_field"},
    {{S, V, "chunk_index= 1", T, "*"}, 400, "invalid_field"},
    {{S, V, "chunk_index=0x1", T, "*"}, 400, "invalid_field"},
    {{S, V, "chunk_index=", T, "*"}, 400, "invalid_field"},
    {{S, V, "chunk_index=18446744073709551616", T, "*"}, 400, "invalid_field"},
    {{S, V, "chunk_index=18446744073709551615", T, "*"}, 400, "out_of_range"},
    {{S, V, "chunk_index=2", T, "*"}, 400, "out_of_range"},
    {{S, V, I, "total_chunks=0", "*"}, 400, "invalid_field"},
    {{S, V, I, "total_chunks=-2", "*"}, 400, "invalid_field"},
    {{S, V, I, "total_chunks=ten", "*"}, 400, "invalid_field"},
    {{S, V, I, "total_chunks=10000001", "*"}, 400, "invalid_field"},
    {{S, V, I, I, T, "*"}, 400, "bad_form"},
    {{S, V, I, T, "*", "*"}, 400, "bad_form"},
    {{S, V, I, T, "*", S}, 400, "bad_form"},
};

/* Whether the fields come before the chunk or after it must not matter. */
static void bad_forms_are_refused(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    for (size_t i = 0; i < sizeof bad_forms / sizeof bad_forms[0]; i++) {
        const struct bad_form *bad = &bad_forms[i];
        size_t count = 0;
        while (count < 8 && bad->fields[count] != NULL)
            count++;
        for (size_t turn = 0; turn < 2; turn++) {
            const char *fields[9] = {NULL};
            for (size_t j = 0; j < count; j++)
                fields[turn == 0 ? j : count - 1 - j] = bad->fields[j];
            send_form(&h, fields, "video/webm", "bytes", 5);
            if (harness_status(&h) != bad->status)
                print_error("form %zu, turn %zu: %s\n", i, turn, harness_body(&h));
            harness_expect_error(&h, bad->status, bad->code);
            assert_false(rh_exchange_response(h.x)->close);
            if (h.asks > 0)
                assert_int_equal(h.written.end, RH_WRITTEN_BROKEN);
        }
    }
    harness_close(&h);
}

static void a_field_of_ten_kilobytes_is_refused(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    static char id[10300] = "video_id=";
    memset(id + 9, 'a', 10240);
    const char *fields[] = {S, id, I, T, "*", NULL};
    send_form(&h, fields, "video/webm", "x", 1);
    harness_expect_error(&h, 400, "invalid_id");
    memcpy(id, "whatever=", 9);
    const char *harmless[] = {S, id, V, I, T, "*", NULL};
    assert_int_equal(send_form(&h, harmless, "video/webm", "x", 1), 200);
    const char *many[] = {id, id, id, id, id, id, id, S, V, I, T, "*", NULL};
    send_form(&h, many, "video/webm", "x", 1);
    harness_expect_error(&h, 413, "too_large");
    harness_close(&h);
}

static void nul_in_an_id_is_refused(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    char form[2048];
    const char *fields[] = {S, "video_id=v@x", I, T, "*", NULL};
    size_t size = harness_form(form, sizeof form, fields, "video/webm", "x", 1);
    char *at = memchr(form, '@', size);
    assert_non_null(at);
    *at = '\0';
    harness_send(&h, "POST", "/api/upload/chunk", TEST_FORM_TYPE, form, size);
    harness_expect_error(&h, 400, "invalid_id");
    harness_close(&h);
}

static void other_types_than_forms_are_refused(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    static const char *const types[] = {
        "",
        "Content-Type: application/json\r\n",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: multipart/mixed; boundary=XX\r\n",
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        harness_send(&h, "POST", "/api/upload/chunk", types[i], "x=1", 3);
        harness_expect_error(&h, 415, "unsupported_type");
    }
    harness_send(&h, "POST", "/api/upload/chunk", "Content-Type: multipart/form-data\r\n", "x", 1);
    harness_expect_error(&h, 400, "bad_form");
    harness_send(&h, "POST", "/api/upload/chunk", TEST_FORM_TYPE "Content-Encoding: br\r\n", "x",
                 1);
    harness_expect_error(&h, 415, "unsupported_type");
    harness_close(&h);
}

static void truncated_forms_are_refused(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    char form[2048];
    size_t size = harness_form(form, sizeof form, good_fields, "video/webm", "123456789", 9);
    /* The last CRLF belongs to the epilogue: without it the form is whole. */
    for (size_t cut = 0; cut < size - 2; cut++) {
        harness_send(&h, "POST", "/api/upload/chunk", TEST_FORM_TYPE, form, cut);
        const char *code = harness_header(&h, "Reelhaul-Error");
        assert_non_null(code);
        harness_expect_error(&h, 400, "bad_form");
        if (h.asks > 0)
            assert_int_equal(h.written.end, RH_WRITTEN_BROKEN);
    }
    assert_int_equal(harness_send(&h, "POST", "/api/upload/chunk", TEST_FORM_TYPE, form, size - 2),
                     200);
    harness_close(&h);
}

static void a_large_chunk_before_its_ids_is_refused(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    size_t limit = h.config.form_wait_bytes_max;
    char *chunk = calloc(1, 2 * MIB);
    assert_non_null(chunk);
    const char *late[] = {"*", S, V, I, T, NULL};
    assert_int_equal(send_form(&h, late, "video/webm", chunk, limit), 200);
    assert_true(h.asked.length == limit && h.written.bytes == limit);
    send_form(&h, late, "video/webm", chunk, limit + 1);
    harness_expect_error(&h, 400, "fields_after_chunk");
    assert_int_equal(h.asks, 0);
    assert_non_null(strstr(harness_body(&h), "before the chunk"));
    /* With its ids in front it may have any size. */
    const char *early[] = {S, V, I, T, "*", NULL};
    assert_int_equal(send_form(&h, early, "video/webm", chunk, 2 * MIB), 200);
    /* What all exchanges hold has a cap too. */
    h.config.held_bytes_max = MIB;
    send_form(&h, late, "video/webm", chunk, MIB + 1);
    harness_expect_error(&h, 503, "overloaded");
    assert_string_equal(harness_header(&h, "Retry-After"), "5");
    free(chunk);
    harness_close(&h);
}

static void metadata_is_saved(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    static const char json[] =
        "{\"session_id\":\"" TEST_SESSION "\",\"video_id\":\"video_123\","
        "\"prompt_id\":\"facial_expressions\",\"duration\":45.2,\"file_size\":15728640,"
        "\"codec\":\"vp9\",\"resolution\":\"1280x960\",\"frame_rate\":30,"
        "\"camera_model\":\"HD Webcam\",\"browser\":\"Chrome 144.0\","
        "\"timestamp\":\"2026-01-27T15:30:00\",\"of_our_own\":{\"x\":[1,null]}}";
    assert_int_equal(harness_post_json(&h, "/api/upload/metadata", json), 200);
    assert_string_equal(harness_body(&h),
                        "{\"status\":\"metadata_saved\",\"video_id\":\"video_123\"}\n");
    assert_int_equal(h.asked.kind, RH_REQUEST_METADATA);
    assert_true(h.asked.declared_size == 15728640);
    json_t *sent = json_loads(json, 0, NULL);
    json_t *kept = json_loads(h.asked_metadata, 0, NULL);
    assert_true(json_equal(sent, kept));
    json_decref(sent);
    json_decref(kept);
    /* Everything but the ids is optional. */
    assert_int_equal(harness_post_json(&h, "/api/upload/metadata",
                                       "{\"session_id\":\"" TEST_SESSION "\",\"video_id\":\"v\"}"),
                     200);
    assert_true(h.asked.declared_size == RH_SIZE_UNKNOWN);
    harness_close(&h);
}

static void bad_metadata_is_refused(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
#define IDS "\"session_id\":\"" TEST_SESSION "\",\"video_id\":\"v\""
    static const struct {
        const char *json;
        unsigned status;
        const char *code;
        const char *names;
    } cases[] = {
        {"{\"video_id\":\"v\"}", 400, "missing_field", "session_id"},
        {"{\"session_id\":\"" TEST_SESSION "\"}", 400, "missing_field", "video_id"},
        {"{\"session_id\":null,\"video_id\":\"v\"}", 400, "missing_field", "session_id"},
        {"{\"session_id\":5,\"video_id\":\"v\"}", 400, "invalid_field", "session_id"},
        {"{\"session_id\":\"nope\",\"video_id\":\"v\"}", 404, "unknown_session", "session"},
        {"{\"session_id\":\"" TEST_SESSION "\",\"video_id\":\"../v\"}", 400, "invalid_id", "video"},
        {"{" IDS ",\"duration\":\"45\"}", 400, "invalid_field", "duration"},
        {"{" IDS ",\"duration\":-1}", 400, "invalid_field", "duration"},
        {"{" IDS ",\"frame_rate\":[30]}", 400, "invalid_field", "frame_rate"},
        {"{" IDS ",\"file_size\":\"1024\"}", 400, "invalid_field", "file_size"},
        {"{" IDS ",\"file_size\":-5}", 400, "invalid_field", "file_size"},
        {"{" IDS ",\"file_size\":1.5}", 400, "invalid_field", "file_size"},
        {"{" IDS ",\"file_size\":99999999999999999999}", 400, "bad_json", "JSON"},
        {"[]", 400, "bad_json", "object"},
        {"", 400, "bad_json", "empty"},
        {"{" IDS "," IDS "}", 400, "bad_json", "twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        harness_post_json(&h, "/api/upload/metadata", cases[i].json);
        if (harness_status(&h) != cases[i].status)
            print_error("%s\n", cases[i].json);
        harness_expect_error(&h, cases[i].status, cases[i].code);
        assert_non_null(strstr(harness_body(&h), cases[i].names));
        assert_int_equal(h.asks, 0);
    }
    assert_int_equal(harness_post_json(&h, "/api/upload/metadata", "{" IDS ",\"file_size\":1.5e7}"),
                     200);
    assert_true(h.asked.declared_size == 15000000);
    harness_close(&h);
}

static void a_session_is_shown(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    h.reply.has_upload = false;
    assert_int_equal(harness_get(&h, "/api/session/" TEST_SESSION), 200);
    assert_string_equal(harness_body(&h), "{\"session_id\":\"" TEST_SESSION
                                          "\",\"created_at\":\"2026-01-27T15:30:00\","
                                          "\"status\":\"created\",\"videos\":[]}\n");
    strcpy(h.reply.session.participant, "p\"1");
    h.video_count = 1;
    h.metadata = "{\"prompt_id\":\"facial\",\"file_size\":8}";
    h.reply.upload.state = RH_UPLOAD_DONE;
    h.reply.upload.total = 9;
    h.reply.upload.received = 9;
    h.reply.upload.crc64 = 0xae8b14860a799888ULL;
    h.reply.upload.size_disagrees = true;
    h.reply.upload.done_wall_s = 1769528100;
    assert_int_equal(harness_get(&h, "/api/session/" TEST_SESSION), 200);
    assert_string_equal(
        harness_body(&h),
        "{\"session_id\":\"" TEST_SESSION "\",\"created_at\":\"2026-01-27T15:30:00\","
        "\"status\":\"created\",\"participant_id\":\"p\\\"1\",\"videos\":[{"
        "\"video_id\":\"video_123\",\"prompt_id\":\"facial\","
        "\"uploaded_at\":\"2026-01-27T15:35:00\",\"state\":\"done\","
        "\"upload_id\":\"" TEST_UPLOAD "\",\"mime_type\":\"video/webm\",\"bytes_received\":9,"
        "\"size\":9,\"checksum\":\"crc64nvme::rosUhgp5mIg=:\","
        "\"url\":\"/recordings/" TEST_SESSION "/video_123.webm\","
        "\"file_path\":\"" TEST_SESSION "/video_123.webm\",\"size_disagrees\":true,"
        "\"metadata\":{\"prompt_id\":\"facial\",\"file_size\":8}}]}\n");
    h.metadata = NULL;
    h.reply.upload.state = RH_UPLOAD_OPEN;
    h.reply.upload.geometry = RH_GEOMETRY_CHUNKS;
    h.reply.upload.chunk_count = 10;
    h.reply.upload.chunks_received = 3;
    assert_int_equal(harness_get(&h, "/api/session/" TEST_SESSION), 200);
    assert_non_null(strstr(harness_body(&h),
                           "{\"video_id\":\"video_123\",\"prompt_id\":null,\"uploaded_at\":null,"
                           "\"state\":\"uploading\",\"upload_id\":\"" TEST_UPLOAD
                           "\",\"mime_type\":\"video/webm\",\"bytes_received\":9,"
                           "\"chunks_received\":3,\"total_chunks\":10}"));
    harness_close(&h);
}

static void one_video_of_a_session_is_asked_for_by_query(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    h.video_count = 1;
    h.reply.chunks[0] = (struct rh_range){0, 5};
    h.reply.chunk_run_count = 1;
    assert_int_equal(harness_get(&h, "/api/session/" TEST_SESSION "?video=video_123"), 200);
    assert_int_equal(h.asks, 2);
    assert_int_equal(h.asked.kind, RH_REQUEST_GET);
    assert_string_equal(h.asked.session, TEST_SESSION);
    assert_string_equal(h.asked.name, "video_123");
    assert_string_equal(harness_header(&h, "Reelhaul-Chunks"), "0-4");
    assert_string_equal(harness_header(&h, "Reelhaul-State"), "open");
    assert_non_null(strstr(harness_body(&h), "\"videos\":[{"));
    /* There is no such video yet: the session all the same, and who answers. */
    h.second_code = RH_REPLY_UNKNOWN;
    assert_int_equal(harness_get(&h, "/api/session/" TEST_SESSION "?video=video_9"), 200);
    assert_null(harness_header(&h, "Reelhaul-State"));
    assert_null(harness_header(&h, "Reelhaul-Chunks"));
    assert_string_equal(harness_header(&h, "Reelhaul-Generation"), "gen1");
    /* Not to know is not to be empty. */
    h.second_code = RH_REPLY_OVERLOADED;
    harness_get(&h, "/api/session/" TEST_SESSION "?video=video_9");
    harness_expect_error(&h, 503, "overloaded");
    harness_get(&h, "/api/session/" TEST_SESSION "?video=..%2fx");
    harness_expect_error(&h, 400, "invalid_id");
    harness_get(&h, "/api/session/" TEST_SESSION "?video=a&video=b");
    harness_expect_error(&h, 400, "invalid_id");
    harness_close(&h);
}

static void unknown_sessions_are_not_found(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    h.code = RH_REPLY_UNKNOWN_SESSION;
    h.reply.has_upload = false;
    harness_get(&h, "/api/session/" TEST_OTHER);
    harness_expect_error(&h, 404, "unknown_session");
    harness_get(&h, "/api/session/nonexistent");
    harness_expect_error(&h, 404, "unknown_session");
    h.grants = false;
    send_form(&h, good_fields, "video/webm", "x", 1);
    harness_expect_error(&h, 404, "unknown_session");
    harness_post_json(&h, "/api/upload/metadata", "{" IDS "}");
    harness_expect_error(&h, 404, "unknown_session");
    /* Upper case is the same session. */
    h.code = RH_REPLY_OK;
    assert_int_equal(harness_get(&h, "/api/session/6F1C2B34-0000-4000-8000-00000000000A"), 200);
    assert_string_equal(h.asked.session, TEST_SESSION);
    harness_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(health_is_healthy),
        cmocka_unit_test(a_session_is_created),
        cmocka_unit_test(a_client_may_name_its_session),
        cmocka_unit_test(a_session_in_use_gives_no_token_to_strangers),
        cmocka_unit_test(bad_creates_are_refused),
        cmocka_unit_test(large_json_is_refused),
        cmocka_unit_test(a_chunk_is_received),
        cmocka_unit_test(a_chunk_may_carry_its_checksum),
        cmocka_unit_test(the_last_chunk_completes_the_video),
        cmocka_unit_test(the_type_of_the_chunk_names_the_file),
        cmocka_unit_test(bad_forms_are_refused),
        cmocka_unit_test(a_field_of_ten_kilobytes_is_refused),
        cmocka_unit_test(nul_in_an_id_is_refused),
        cmocka_unit_test(other_types_than_forms_are_refused),
        cmocka_unit_test(truncated_forms_are_refused),
        cmocka_unit_test(a_large_chunk_before_its_ids_is_refused),
        cmocka_unit_test(metadata_is_saved),
        cmocka_unit_test(bad_metadata_is_refused),
        cmocka_unit_test(a_session_is_shown),
        cmocka_unit_test(one_video_of_a_session_is_asked_for_by_query),
        cmocka_unit_test(unknown_sessions_are_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
