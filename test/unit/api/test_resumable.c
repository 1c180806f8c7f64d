/* SPDX-License-Identifier: MIT */
/* IETF resumable uploads, interop versions 3 to 8 and none, against a vault that keeps one upload.
 */
#include "cursor_vault.h"

#include "api/internal.h"
#include "base/base64.h"
#include <openssl/evp.h>

#define FILE_URL "/files/" TEST_UPLOAD
#define ABSOLUTE "http://" TEST_HOST FILE_URL
#define V(n)     "Upload-Draft-Interop-Version: " n "\r\n"
#define PARTIAL  "Content-Type: application/partial-upload\r\n"
#define PROBLEM  "https://iana.org/assignments/http-problem-types#"

static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";

static unsigned create(struct harness *h, const char *extra, const char *body, size_t size)
{
    return harness_send(h, "POST", "/files/", extra, body, size);
}

static unsigned append(struct harness *h, const char *extra, const char *body, size_t size)
{
    return harness_send(h, "PATCH", FILE_URL, extra, body, size);
}

static unsigned head_of(struct harness *h, const char *extra)
{
    return harness_send(h, "HEAD", FILE_URL, extra, NULL, 0);
}

static void expect(const struct harness *h, const char *name, const char *value)
{
    const char *got = harness_header(h, name);
    if (value == NULL) {
        assert_null(got);
        return;
    }
    if (got == NULL)
        print_error("%s is not there\n", name);
    assert_non_null(got);
    assert_string_equal(got, value);
}

static void expect_problem(const struct harness *h, unsigned status, const char *type)
{
    assert_int_equal(harness_status(h), status);
    expect(h, "Content-Type", "application/problem+json");
    json_t *json = harness_json(h);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "type")), type);
    assert_true(json_is_string(json_object_get(json, "title")));
    assert_int_equal(json_integer_value(json_object_get(json, "status")), status);
    json_decref(json);
}

static void one_request_is_an_upload(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    v.expires_in_s = 3600;
    h.config.upload_bytes_max = 1000;
    assert_int_equal(create(&h,
                            V("8") "Upload-Complete: ?1\r\nContent-Type: video/mp4\r\n"
                                   "Content-Disposition: inline; filename=\"a.mp4\"; "
                                   "filename*=UTF-8''%c3%a4.mp4\r\n",
                            text, 36),
                     201);
    assert_int_equal(h.informs, 1);
    assert_string_equal(h.inform, "104 Upload-Draft-Interop-Version: 8; Location: " ABSOLUTE
                                  "; Upload-Limit: max-size=1000, max-age=3600; ");
    assert_true(v.done);
    assert_int_equal(v.total, 36);
    assert_true(v.ends_by_final);
    assert_string_equal(v.name, "\xc3\xa4.mp4");
    assert_string_equal(v.mime, "video/mp4");
    assert_memory_equal(h.disk, text, 36);
    expect(&h, "Upload-Complete", "?1");
    expect(&h, "Upload-Offset", "36");
    expect(&h, "Location", ABSOLUTE);
    json_t *json = harness_json(&h);
    assert_string_equal(json_string_value(json_object_get(json, "upload_id")), TEST_UPLOAD);
    assert_int_equal(json_integer_value(json_object_get(json, "size")), 36);
    json_decref(json);
    cursor_vault_close(&h, &v);
}

static void parts_are_appended_and_completed(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    assert_int_equal(create(&h, V("8") "Upload-Complete: ?0\r\nUpload-Length: 36\r\n", text, 10),
                     201);
    expect(&h, "Location", ABSOLUTE);
    expect(&h, "Upload-Complete", "?0");
    expect(&h, "Upload-Offset", "10");
    assert_non_null(harness_header(&h, "Upload-Limit"));
    assert_int_equal(
        append(&h, V("8") PARTIAL "Upload-Complete: ?0\r\nUpload-Offset: 10\r\n", text + 10, 10),
        204);
    expect(&h, "Upload-Complete", "?0");
    expect(&h, "Upload-Offset", "20");
    expect(&h, "Location", NULL);
    assert_int_equal(head_of(&h, V("8")), 204);
    expect(&h, "Upload-Offset", "20");
    expect(&h, "Upload-Complete", "?0");
    expect(&h, "Upload-Length", "36");
    expect(&h, "Cache-Control", "no-store");
    assert_non_null(harness_header(&h, "Upload-Limit"));
    assert_int_equal(
        append(&h, V("8") PARTIAL "Upload-Complete: ?0\r\nUpload-Offset: 20\r\n", text + 20, 16),
        204);
    /* The offset is the length, and it is not complete. */
    assert_false(v.done);
    assert_int_equal(head_of(&h, V("8")), 204);
    expect(&h, "Upload-Complete", "?0");
    assert_int_equal(
        append(&h, V("8") PARTIAL "Upload-Complete: ?1\r\nUpload-Offset: 36\r\n", "", 0), 200);
    assert_true(v.done);
    expect(&h, "Upload-Complete", "?1");
    assert_int_equal(head_of(&h, V("8")), 204);
    expect(&h, "Upload-Complete", "?1");
    expect(&h, "Upload-Offset", "36");
    assert_memory_equal(h.disk, text, 36);
    cursor_vault_close(&h, &v);
}

static void a_careful_creation_has_no_content(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    assert_int_equal(create(&h, V("8") "Upload-Complete: ?0\r\n", NULL, 0), 201);
    assert_int_equal(h.asks, 1);
    assert_true(v.total == RH_SIZE_UNKNOWN);
    assert_int_equal(head_of(&h, V("8")), 204);
    expect(&h, "Upload-Length", NULL);
    /* And an empty representation is complete at once. */
    assert_int_equal(create(&h, V("8") "Upload-Complete: ?1\r\n", "", 0), 201);
    assert_true(v.done);
    assert_int_equal(v.total, 0);
    /* Any method with content that is not of another meaning will do. */
    assert_int_equal(harness_send(&h, "PUT", "/files/", V("8") "Upload-Complete: ?0\r\n", "x", 1),
                     201);
    assert_int_equal(harness_send(&h, "PATCH", "/files/", V("8") "Upload-Complete: ?0\r\n", "x", 1),
                     201);
    cursor_vault_close(&h, &v);
}

/* What differs between the drafts. */
static void each_version_is_spoken(void **state)
{
    static const struct {
        const char *version;
        const char *more, *last; /* of the request */
        const char *limit;       /* in the 104; NULL: none */
        const char *type;
        unsigned appended, completed;
    } rows[] = {
        {"3", "Upload-Incomplete: ?1\r\n", "", NULL, "", 201, 201},
        {"3", "Upload-Incomplete: ?1\r\n", "Upload-Incomplete: ?0\r\n", NULL, "", 201, 201},
        {"4", "Upload-Complete: ?0\r\n", "Upload-Complete: ?1\r\n", NULL, "", 201, 201},
        {"5", "Upload-Complete: ?0\r\n", "Upload-Complete: ?1\r\n", NULL, "", 201, 201},
        {"6", "Upload-Complete: ?0\r\n", "Upload-Complete: ?1\r\n", "expires=60", PARTIAL, 204,
         200},
        {"7", "Upload-Complete: ?0\r\n", "Upload-Complete: ?1\r\n", "max-age=60", PARTIAL, 204,
         200},
        {"8", "Upload-Complete: ?0\r\n", "Upload-Complete: ?1\r\n", "max-age=60", PARTIAL, 204,
         200},
    };
    struct harness h;
    struct cursor_vault v;
    char head[512];
    (void)state;
    cursor_vault_open(&h, &v);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool old = rows[i].version[0] == '3';
        cursor_vault_make(&h, &v, 0, RH_SIZE_UNKNOWN);
        v.expires_in_s = 60;
        snprintf(head, sizeof head, "Upload-Draft-Interop-Version: %s\r\n%s", rows[i].version,
                 rows[i].more);
        assert_int_equal(create(&h, head, text, 10), 201);
        expect(&h, "Upload-Offset", "10");
        expect(&h, "Location", ABSOLUTE);
        expect(&h, "Upload-Complete", old ? NULL : "?0");
        expect(&h, "Upload-Incomplete", old ? "?1" : NULL);
        assert_int_equal(h.informs, 1);
        snprintf(head, sizeof head, "Upload-Draft-Interop-Version: %s;", rows[i].version);
        assert_non_null(strstr(h.inform, head));
        assert_non_null(strstr(h.inform, "Location: " ABSOLUTE));
        assert_int_equal(strstr(h.inform, "Upload-Limit") != NULL, rows[i].limit != NULL);
        if (rows[i].limit != NULL)
            assert_non_null(strstr(h.inform, rows[i].limit));
        assert_int_equal(harness_header(&h, "Upload-Limit") != NULL, rows[i].limit != NULL);
        snprintf(head, sizeof head, "Upload-Draft-Interop-Version: %s\r\nUpload-Offset: 10\r\n%s%s",
                 rows[i].version, rows[i].more, rows[i].type);
        assert_int_equal(append(&h, head, text + 10, 10), rows[i].appended);
        expect(&h, "Upload-Offset", "20");
        snprintf(head, sizeof head, "Upload-Draft-Interop-Version: %s\r\n", rows[i].version);
        assert_int_equal(head_of(&h, head), 204);
        expect(&h, "Upload-Offset", "20");
        expect(&h, old ? "Upload-Incomplete" : "Upload-Complete", old ? "?1" : "?0");
        snprintf(head, sizeof head, "Upload-Draft-Interop-Version: %s\r\nUpload-Offset: 20\r\n%s%s",
                 rows[i].version, rows[i].last, rows[i].type);
        assert_int_equal(append(&h, head, text + 20, 16), rows[i].completed);
        assert_true(v.done);
        expect(&h, "Upload-Incomplete", old ? "?0" : NULL);
        expect(&h, "Upload-Complete", old ? NULL : "?1");
        assert_memory_equal(h.disk, text, 36);
    }
    cursor_vault_close(&h, &v);
}

static void versions_differ_in_what_they_refuse(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    /* From 6 on only application/partial-upload is appended. */
    cursor_vault_make(&h, &v, 0, RH_SIZE_UNKNOWN);
    append(&h, V("6") "Upload-Offset: 0\r\nUpload-Complete: ?0\r\n", "x", 1);
    harness_expect_error(&h, 415, "unsupported_type");
    append(&h, "Upload-Offset: 0\r\nUpload-Complete: ?0\r\n", "x", 1);
    harness_expect_error(&h, 415, "unsupported_type");
    /* Up to 5 a question that says more is refused, as those drafts demand. */
    assert_int_equal(head_of(&h, V("5") "Upload-Complete: ?1\r\n"), 400);
    assert_int_equal(head_of(&h, V("8") "Upload-Complete: ?1\r\n"), 204);
    /* What is gone is 404 to old ones, 410 to others. */
    v.gone = true;
    assert_int_equal(head_of(&h, V("5")), 404);
    assert_int_equal(head_of(&h, V("6")), 410);
    cursor_vault_close(&h, &v);
}

/* The final standard must not be mistaken for a draft. */
static void without_a_known_version_there_is_no_104(void **state)
{
    static const char *const versions[] = {
        "",         V("2"),   V("9"),        V("x"),
        V("\"8\""), V("8.0"), V("8") V("8"), "Upload-Draft-Interop-Version: -8\r\n"};
    struct harness h;
    struct cursor_vault v;
    char head[256];
    (void)state;
    cursor_vault_open(&h, &v);
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        cursor_vault_make(&h, &v, 0, RH_SIZE_UNKNOWN);
        snprintf(head, sizeof head, "%sUpload-Complete: ?1\r\n", versions[i]);
        assert_int_equal(create(&h, head, text, 36), 201);
        assert_true(v.done);
        assert_int_equal(h.informs, 0);
        expect(&h, "Upload-Complete", "?1");
    }
    h.config.no_informational = true; /* for proxies that choke on them */
    cursor_vault_make(&h, &v, 0, RH_SIZE_UNKNOWN);
    assert_int_equal(create(&h, V("8") "Upload-Complete: ?1\r\n", text, 36), 201);
    assert_int_equal(h.informs, 0);
    h.config.no_informational = false;
    h.api.inform = NULL; /* a shell that cannot */
    cursor_vault_make(&h, &v, 0, RH_SIZE_UNKNOWN);
    assert_int_equal(create(&h, V("8") "Upload-Complete: ?1\r\n", text, 36), 201);
    cursor_vault_close(&h, &v);
}

static void progress_is_told_as_it_is_committed(void **state)
{
    static const char *const versions[] = {V("4"), V("5"), V("8")};
    struct harness h;
    struct cursor_vault v;
    char head[256];
    (void)state;
    cursor_vault_open(&h, &v);
    for (size_t i = 0; i < 3; i++) {
        cursor_vault_make(&h, &v, 4, 36);
        snprintf(head, sizeof head,
                 "%sUpload-Offset: 4\r\nUpload-Complete: ?0\r\nContent-Length: 20\r\n" PARTIAL,
                 versions[i]);
        harness_begin(&h, "PATCH", FILE_URL, head);
        h.code = RH_REPLY_OK;
        struct rh_vault_reply unused = {0};
        bool grant = false;
        cursor_vault_decide(&h, &unused, &grant);
        assert_true(grant);
        assert_int_equal(h.asked.progress, i > 0);
        h.granted = true;
        rh_exchange_granted(h.x, &h.grant);
        assert_int_equal(rh_exchange_body(h.x, (const uint8_t *)text + 4, 12), 12);
        rh_exchange_checkpoint(h.x);
        assert_int_equal(h.written.end, RH_WRITTEN_SOFAR);
        assert_int_equal(h.written.bytes, 12);
        assert_int_equal(h.informs, 0); /* not before it is committed */
        rh_exchange_progressed(h.x, 16);
        assert_int_equal(h.informs, i > 0);
        if (i > 0)
            assert_non_null(strstr(h.inform, "; Upload-Offset: 16; "));
        assert_null(strstr(h.inform, "Location"));
        rh_exchange_body_broken(h.x, RH_ERR_CLOSED);
        struct rh_vault_reply *reply = calloc(1, sizeof *reply);
        reply->op = 42;
        reply->code = RH_REPLY_BROKEN;
        h.waiting = false;
        rh_exchange_replied(h.x, reply);
    }
    cursor_vault_close(&h, &v);
}

static void another_offset_is_409_with_the_true_one(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    cursor_vault_make(&h, &v, 10, 36);
    append(&h, V("8") PARTIAL "Upload-Offset: 12\r\nUpload-Complete: ?0\r\n", text, 5);
    expect_problem(&h, 409, PROBLEM "mismatching-upload-offset");
    expect(&h, "Upload-Offset", "10");
    expect(&h, "Upload-Complete", "?0");
    json_t *json = harness_json(&h);
    assert_int_equal(json_integer_value(json_object_get(json, "expected-offset")), 10);
    assert_int_equal(json_integer_value(json_object_get(json, "provided-offset")), 12);
    json_decref(json);
    append(&h, V("8") PARTIAL "Upload-Offset: 0\r\nUpload-Complete: ?1\r\n", text, 36);
    expect_problem(&h, 409, PROBLEM "mismatching-upload-offset");
    assert_int_equal(v.cursor, 10);
    assert_int_equal(v.deletes, 0);
    cursor_vault_close(&h, &v);
}

static void lengths_must_agree(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    create(&h, V("8") "Upload-Complete: ?1\r\nUpload-Length: 35\r\n", text, 36);
    expect_problem(&h, 400, PROBLEM "inconsistent-upload-length");
    assert_int_equal(h.asks, 0);
    cursor_vault_make(&h, &v, 10, 36);
    append(&h, V("8") PARTIAL "Upload-Offset: 10\r\nUpload-Complete: ?1\r\n", text, 5);
    expect_problem(&h, 400, PROBLEM "inconsistent-upload-length");
    assert_int_equal(v.cursor, 10);
    assert_int_equal(v.deletes, 0); /* it can be sent again, rightly */
    append(&h, V("8") PARTIAL "Upload-Offset: 10\r\nUpload-Complete: ?0\r\nUpload-Length: 40\r\n",
           text, 5);
    expect_problem(&h, 400, PROBLEM "inconsistent-upload-length");
    cursor_vault_close(&h, &v);
}

static void past_its_length_an_upload_ends(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    cursor_vault_make(&h, &v, 30, 36);
    append(&h, V("8") PARTIAL "Upload-Offset: 30\r\nUpload-Complete: ?0\r\n", text, 7);
    expect_problem(&h, 400, PROBLEM "inconsistent-upload-length");
    assert_int_equal(v.deletes, 1);
    expect(&h, "Upload-Offset", NULL);
    assert_int_equal(head_of(&h, V("8")), 410);
    /* Not told by a length beforehand, too. */
    cursor_vault_make(&h, &v, 30, 36);
    harness_begin(&h, "PATCH", FILE_URL,
                  V("8") PARTIAL "Upload-Offset: 30\r\nUpload-Complete: ?0\r\n"
                                 "Transfer-Encoding: chunked\r\n");
    harness_run(&h, text, 7);
    expect_problem(&h, 400, PROBLEM "inconsistent-upload-length");
    assert_int_equal(v.deletes, 1);
    assert_int_equal(
        append(&h, V("8") PARTIAL "Upload-Offset: 30\r\nUpload-Complete: ?0\r\n", text, 1), 410);
    cursor_vault_close(&h, &v);
}

static void a_complete_upload_is_not_changed(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    cursor_vault_make(&h, &v, 36, 36);
    v.done = true;
    append(&h, V("8") PARTIAL "Upload-Offset: 36\r\nUpload-Complete: ?1\r\n", "", 0);
    expect_problem(&h, 400, PROBLEM "completed-upload");
    expect(&h, "Upload-Complete", "?0"); /* the answer is not the target's */
    append(&h, V("8") PARTIAL "Upload-Offset: 36\r\nUpload-Complete: ?1\r\n", "x", 1);
    expect_problem(&h, 400, PROBLEM "inconsistent-upload-length");
    /* Cancelling a finished upload is not asking to erase a recording. */
    assert_int_equal(harness_send(&h, "DELETE", FILE_URL, V("8"), NULL, 0), 409);
    assert_false(v.gone);
    cursor_vault_make(&h, &v, 10, 36);
    assert_int_equal(harness_send(&h, "DELETE", FILE_URL, V("8"), NULL, 0), 204);
    assert_true(v.gone);
    cursor_vault_close(&h, &v);
}

static void wrongly_typed_fields_are_as_if_absent(void **state)
{
    static const char *const values[] = {"1", "true", "?2", "\"?1\"", "?1, ?1", "(?1)", ""};
    static const char *const numbers[] = {"\"36\"", "36.0", "-36", "?1", "thirty", "36, 36", ""};
    struct harness h;
    struct cursor_vault v;
    char head[256];
    (void)state;
    cursor_vault_open(&h, &v);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        snprintf(head, sizeof head, V("8") "Upload-Complete: %s\r\n", values[i]);
        create(&h, head, text, 36);
        harness_expect_error(&h, 400, "bad_request");
        assert_int_equal(h.asks, 0);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        cursor_vault_make(&h, &v, 0, RH_SIZE_UNKNOWN);
        snprintf(head, sizeof head, V("8") "Upload-Complete: ?0\r\nUpload-Length: %s\r\n",
                 numbers[i]);
        assert_int_equal(create(&h, head, text, 10), 201);
        assert_true(v.total == RH_SIZE_UNKNOWN);
        snprintf(head, sizeof head, V("8") PARTIAL "Upload-Complete: ?0\r\nUpload-Offset: %s\r\n",
                 numbers[i]);
        append(&h, head, text, 10);
        harness_expect_error(&h, 400, "missing_field");
    }
    /* Parameters are no fault. */
    cursor_vault_make(&h, &v, 0, RH_SIZE_UNKNOWN);
    assert_int_equal(create(&h, V("8;a=1") "Upload-Complete: ?1;b\r\n", text, 36), 201);
    assert_int_equal(h.informs, 1);
    cursor_vault_close(&h, &v);
}

static void a_broken_body_keeps_what_came(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    h.break_after = 17;
    h.break_why = RH_ERR_CLOSED;
    assert_int_equal(create(&h, V("8") "Upload-Complete: ?1\r\n", text, 36), 400);
    assert_int_equal(v.cursor, 17);
    assert_false(v.done);
    expect(&h, "Upload-Complete", "?0");
    h.break_after = SIZE_MAX;
    assert_int_equal(head_of(&h, V("8")), 204);
    expect(&h, "Upload-Offset", "17");
    expect(&h, "Upload-Length", "36");
    assert_int_equal(
        append(&h, V("8") PARTIAL "Upload-Offset: 17\r\nUpload-Complete: ?1\r\n", text + 17, 19),
        200);
    assert_memory_equal(h.disk, text, 36);
    cursor_vault_close(&h, &v);
}

/* ---- digests ---- */

static char *digest_field(const char *name, const char *algorithm, const void *data, size_t size)
{
    static char out[4][256];
    static size_t turn;
    uint8_t value[64];
    unsigned value_size = 8;
    uint64_t crc64 = rh_crc64_update(0, data, size);
    char base64[128];
    char *line = out[turn++ % 4];
    for (int i = 0; i < 8; i++)
        value[i] = (uint8_t)(crc64 >> (56 - 8 * i));
    if (strcmp(algorithm, "crc64nvme") != 0)
        assert_int_equal(EVP_Digest(data, size, value, &value_size,
                                    algorithm[4] == '5' ? EVP_sha512() : EVP_sha256(), NULL),
                         1);
    base64[rh_base64_encode(base64, sizeof base64, value, value_size)] = '\0';
    snprintf(line, sizeof out[0], "%s: %s=:%s:\r\n", name, algorithm, base64);
    return line;
}

static void content_digests_are_verified(void **state)
{
    static const char *const names[] = {"sha-256", "sha-512", "crc64nvme"};
    struct harness h;
    struct cursor_vault v;
    char head[512];
    (void)state;
    cursor_vault_open(&h, &v);
    for (size_t i = 0; i < 3; i++) {
        cursor_vault_make(&h, &v, 0, 36);
        snprintf(head, sizeof head, "%s%s",
                 V("8") PARTIAL "Upload-Offset: 0\r\nUpload-Complete: ?0\r\n",
                 digest_field("Content-Digest", names[i], text, 20));
        assert_int_equal(append(&h, head, text, 20), 204);
        assert_true(h.asked.verified);
        assert_int_equal(v.cursor, 20);
        /* Other bytes: nothing of them is kept, and the upload goes on. */
        cursor_vault_make(&h, &v, 0, 36);
        append(&h, head, text + 1, 20);
        expect_problem(&h, 400, PROBLEM "digest-mismatched-values");
        expect(&h, "Upload-Offset", "0");
        assert_int_equal(v.cursor, 0);
        assert_int_equal(v.deletes, 0);
        assert_int_equal(h.written.end, RH_WRITTEN_MISMATCH);
        /* A broken body with a digest cannot be checked. */
        h.break_after = 9;
        h.break_why = RH_ERR_CLOSED;
        append(&h, head, text, 20);
        assert_int_equal(v.cursor, 0);
        h.break_after = SIZE_MAX;
    }
    /* Unknown algorithms are passed over, broken fields too, impossible values are not. */
    assert_int_equal(append(&h,
                            V("8") PARTIAL "Upload-Offset: 0\r\nUpload-Complete: ?0\r\n"
                                           "Content-Digest: md5=:AAAA:, adler=:AAAA:\r\n",
                            text, 5),
                     204);
    assert_false(h.asked.verified);
    assert_int_equal(append(&h,
                            V("8") PARTIAL "Upload-Offset: 5\r\nUpload-Complete: ?0\r\n"
                                           "Content-Digest: sha-256=:x\r\n",
                            text, 5),
                     204);
    append(&h,
           V("8") PARTIAL "Upload-Offset: 10\r\nUpload-Complete: ?0\r\n"
                          "Content-Digest: sha-256=:AAAA:\r\n",
           text, 5);
    harness_expect_error(&h, 400, "invalid_field");
    cursor_vault_close(&h, &v);
}

static void the_digest_of_the_whole_is_verified_before_the_end(void **state)
{
    static const char *const names[] = {"sha-256", "sha-512", "crc64nvme"};
    struct harness h;
    struct cursor_vault v;
    char head[512];
    (void)state;
    cursor_vault_open(&h, &v);
    for (size_t i = 0; i < 3; i++) {
        snprintf(head, sizeof head, "%s%s", V("8") "Upload-Complete: ?1\r\n",
                 digest_field("Repr-Digest", names[i], text, 36));
        cursor_vault_make(&h, &v, 0, RH_SIZE_UNKNOWN);
        assert_int_equal(create(&h, head, text, 36), 201);
        assert_true(v.done);
        assert_int_equal(v.finishes, 1); /* the bytes first, then the comparison, then the end */
        assert_non_null(harness_header(&h, "Repr-Digest"));
        cursor_vault_make(&h, &v, 0, RH_SIZE_UNKNOWN);
        char other[37];
        memcpy(other, text, 37);
        other[35] = '!';
        create(&h, head, other, 36);
        expect_problem(&h, 400, PROBLEM "digest-mismatched-values");
        assert_false(v.done);
        assert_int_equal(v.finishes, 0);
        assert_int_equal(v.deletes, 1);
    }
    cursor_vault_close(&h, &v);
}

static void the_digest_of_the_whole_is_remembered(void **state)
{
    static const char *const names[] = {"sha-256", "sha-512", "crc64nvme"};
    struct harness h;
    struct cursor_vault v;
    char head[512];
    (void)state;
    cursor_vault_open(&h, &v);
    for (int turn = 0; turn < 6; turn++) {
        int wrong = turn % 2;
        snprintf(head, sizeof head, "%s%s", V("8") "Upload-Complete: ?0\r\n",
                 digest_field("Repr-Digest", names[turn / 2], text, 36));
        cursor_vault_make(&h, &v, 0, RH_SIZE_UNKNOWN);
        assert_int_equal(create(&h, head, text, 20), 201);
        assert_non_null(v.metadata);
        append(&h, V("8") PARTIAL "Upload-Offset: 20\r\nUpload-Complete: ?1\r\n", text + 20 - wrong,
               16);
        if (wrong == 0) {
            assert_int_equal(harness_status(&h), 200);
            assert_true(v.done);
            snprintf(head, sizeof head, "Repr-Digest: %s\r\n", harness_header(&h, "Repr-Digest"));
            assert_string_equal(head, digest_field("Repr-Digest", names[turn / 2], text, 36));
        } else {
            expect_problem(&h, 400, PROBLEM "digest-mismatched-values");
            assert_int_equal(v.finishes, 0);
            assert_true(v.gone);
        }
    }
    cursor_vault_close(&h, &v);
}

static void wanted_digests_are_told(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    assert_int_equal(
        create(&h,
               V("8") "Upload-Complete: ?1\r\nWant-Repr-Digest: sha-256=5, crc64nvme=1, sha-512=0, "
                      "unixsum=9\r\n",
               text, 36),
        201);
    char expected[512];
    char *sha = digest_field("", "sha-256", text, 36) + 2;
    char *crc = digest_field("", "crc64nvme", text, 36) + 2;
    snprintf(expected, sizeof expected, "%.*s, %.*s", (int)strlen(sha) - 2, sha,
             (int)strlen(crc) - 2, crc);
    expect(&h, "Repr-Digest", expected);
    /* Also of an upload that came in two bodies. */
    assert_int_equal(
        create(&h, V("8") "Upload-Complete: ?0\r\nWant-Repr-Digest: sha-256=5, crc64nvme=1\r\n",
               text, 20),
        201);
    assert_int_equal(
        append(&h, V("8") PARTIAL "Upload-Offset: 20\r\nUpload-Complete: ?1\r\n", text + 20, 16),
        200);
    expect(&h, "Repr-Digest", expected);
    cursor_vault_make(&h, &v, 0, RH_SIZE_UNKNOWN);
    assert_int_equal(create(&h, V("8") "Upload-Complete: ?1\r\nWant-Repr-Digest: ;;\r\n", text, 36),
                     201);
    expect(&h, "Repr-Digest", NULL);
    cursor_vault_close(&h, &v);
}

/* ---- the rest ---- */

static void the_newer_request_takes_over(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    cursor_vault_make(&h, &v, 0, 36);
    v.refuse = RH_REPLY_SUPERSEDED; /* what the older one is told, if it still listens */
    append(&h, V("8") PARTIAL "Upload-Offset: 0\r\nUpload-Complete: ?0\r\n", text, 5);
    harness_expect_error(&h, 409, "superseded");
    expect(&h, "Upload-Complete", "?0");
    cursor_vault_close(&h, &v);
}

static void limits_are_told(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    h.config.upload_bytes_max = 30;
    assert_int_equal(harness_send(&h, "OPTIONS", "/files/", "", NULL, 0), 200);
    expect(&h, "Upload-Limit", "max-size=30");
    create(&h, V("8") "Upload-Complete: ?0\r\nUpload-Length: 31\r\n", text, 5);
    harness_expect_error(&h, 413, "too_large");
    expect(&h, "Upload-Limit", "max-size=30");
    assert_int_equal(h.asks, 0);
    cursor_vault_close(&h, &v);
}

static void a_plain_head_asks_too(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    cursor_vault_make(&h, &v, 20, 36);
    assert_int_equal(head_of(&h, ""), 204);
    expect(&h, "Upload-Offset", "20");
    assert_int_equal(harness_send(&h, "GET", FILE_URL, V("8"), NULL, 0), 204);
    expect(&h, "Upload-Offset", "20");
    expect(&h, "Upload-Complete", "?0");
    v.done = true;
    v.cursor = 36;
    /* Finished it is a file; who says a version asks for its state all the same. */
    assert_int_equal(head_of(&h, ""), 1);
    assert_int_equal(head_of(&h, V("8")), 204);
    assert_int_equal(harness_send(&h, "GET", FILE_URL, V("8"), NULL, 0), 1);
    struct rh_response response;
    uint8_t memory[2048];
    rh_response_init(&response, memory, sizeof memory);
    rh_exchange_add_headers(h.x, &response);
    assert_non_null(rh_response_find(&response, "Upload-Complete"));
    assert_int_equal(harness_get(&h, FILE_URL), 1);
    cursor_vault_close(&h, &v);
}

static void file_names_are_read(void **state)
{
    static const struct {
        const char *value, *name;
    } cases[] = {
        {"inline; filename=\"a b.mp4\"", "a b.mp4"},
        {"attachment; filename=x.webm", "x.webm"},
        {"inline; filename=\"a\\\"b\"", "a\"b"},
        {"inline; filename=\"a.mp4\"; filename*=utf-8'de'%e2%82%ac.mp4", "\xe2\x82\xac.mp4"},
        {"inline; filename*=iso-8859-1''%e4; filename=\"b\"", "b"},
        {"inline; filename*=UTF-8''%00x; filename=\"b\"", "b"},
        {"inline; filename*=UTF-8''%zz; filename=b", "b"},
        {"inline; filename*=UTF-8''%ff; filename=b", "b"},
        {"inline; FILENAME = \"c\"", "c"},
        {"inline; other=\"filename=x\"; filename=\"d\"", "d"},
        {"inline", ""},
        {"inline; filename", ""},
        {"inline; filename=", ""},
        {"inline; filename=\"unterminated", "unterminated"},
        {"filename=x", ""},
        {"inline;;;filename=x", ""},
    };
    struct harness h;
    struct cursor_vault v;
    char head[256];
    (void)state;
    cursor_vault_open(&h, &v);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cursor_vault_make(&h, &v, 0, RH_SIZE_UNKNOWN);
        snprintf(head, sizeof head, V("8") "Upload-Complete: ?0\r\nContent-Disposition: %s\r\n",
                 cases[i].value);
        assert_int_equal(create(&h, head, NULL, 0), 201);
        if (strcmp(v.name, cases[i].name) != 0)
            print_error("%s\n", cases[i].value);
        assert_string_equal(v.name, cases[i].name);
    }
    cursor_vault_close(&h, &v);
}

static void content_encodings_are_refused(void **state)
{
    struct harness h;
    struct cursor_vault v;
    (void)state;
    cursor_vault_open(&h, &v);
    create(&h, V("8") "Upload-Complete: ?1\r\nContent-Encoding: gzip\r\n", text, 36);
    harness_expect_error(&h, 415, "unsupported_type");
    expect(&h, "Accept-Encoding", "identity");
    cursor_vault_close(&h, &v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_request_is_an_upload),
        cmocka_unit_test(parts_are_appended_and_completed),
        cmocka_unit_test(a_careful_creation_has_no_content),
        cmocka_unit_test(each_version_is_spoken),
        cmocka_unit_test(versions_differ_in_what_they_refuse),
        cmocka_unit_test(without_a_known_version_there_is_no_104),
        cmocka_unit_test(progress_is_told_as_it_is_committed),
        cmocka_unit_test(another_offset_is_409_with_the_true_one),
        cmocka_unit_test(lengths_must_agree),
        cmocka_unit_test(past_its_length_an_upload_ends),
        cmocka_unit_test(a_complete_upload_is_not_changed),
        cmocka_unit_test(wrongly_typed_fields_are_as_if_absent),
        cmocka_unit_test(a_broken_body_keeps_what_came),
        cmocka_unit_test(content_digests_are_verified),
        cmocka_unit_test(the_digest_of_the_whole_is_verified_before_the_end),
        cmocka_unit_test(the_digest_of_the_whole_is_remembered),
        cmocka_unit_test(wanted_digests_are_told),
        cmocka_unit_test(the_newer_request_takes_over),
        cmocka_unit_test(limits_are_told),
        cmocka_unit_test(a_plain_head_asks_too),
        cmocka_unit_test(file_names_are_read),
        cmocka_unit_test(content_encodings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
