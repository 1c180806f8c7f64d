/* SPDX-License-Identifier: MIT */
/* The route × role table: who may do what, said a second time by hand. */
#include "harness.h"

#include "api/internal.h"

/* Statuses; 1 is a file to serve. In open mode everybody is an operator. */
struct row {
    enum rh_method method;
    const char *pattern; /* as in the router */
    const char *method_text;
    const char *target;
    const char *type; /* "json", "form" or NULL */
    const char *body;
    unsigned open, none, wrong, own, other, shared; /* by token */
};

#define CHUNK                                                                                      \
    "--XX\r\nContent-Disposition: form-data; name=\"session_id\"\r\n\r\n" TEST_SESSION             \
    "\r\n--XX\r\nContent-Disposition: form-data; name=\"video_id\"\r\n\r\nv\r\n"                   \
    "--XX\r\nContent-Disposition: form-data; name=\"chunk_index\"\r\n\r\n0\r\n"                    \
    "--XX\r\nContent-Disposition: form-data; name=\"total_chunks\"\r\n\r\n2\r\n"                   \
    "--XX\r\nContent-Disposition: form-data; name=\"chunk\"\r\n\r\nbytes\r\n--XX--\r\n"
#define PART                                                                                       \
    "--XX\r\nContent-Disposition: form-data; name=\"upload_id\"\r\n\r\n" TEST_UPLOAD               \
    "\r\n--XX\r\nContent-Disposition: form-data; name=\"offset\"\r\n\r\n0\r\n"                     \
    "--XX\r\nContent-Disposition: form-data; name=\"chunk\"\r\n\r\nbytes\r\n--XX--\r\n"

#define TUS                                                                                        \
    "Tus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nUpload-Length: 5\r\n"                             \
    "Content-Type: application/offset+octet-stream\r\n"
#define UPLOAD                                                                                     \
    "--XX\r\nContent-Disposition: form-data; name=\"sessionId\"\r\n\r\nv"                          \
    "\r\n--XX\r\nContent-Disposition: form-data; name=\"chunkId\"\r\n\r\n0\r\n"                    \
    "--XX\r\nContent-Disposition: form-data; name=\"chunk\"\r\n\r\nbytes\r\n--XX--\r\n"

/* Uploads are addressed by id: another session's token reaches them in the vault only with its own
 * session, which the vault refuses (the scripted one answers UNKNOWN for a session mismatch). */
static const struct row rows[] = {
    {RH_METHOD_GET, "/health", "GET", "/health", NULL, NULL, 200, 200, 200, 200, 200, 200},
    {RH_METHOD_POST, "/api/session/create", "POST", "/api/session/create", "json", "{}", 200, 401,
     401, 403, 403, 200},
    {RH_METHOD_GET, "/api/session/{session}", "GET", "/api/session/" TEST_SESSION, NULL, NULL, 200,
     401, 401, 200, 403, 200},
    {RH_METHOD_POST, "/api/upload/chunk", "POST", "/api/upload/chunk", "form", CHUNK, 200, 401, 401,
     200, 403, 200},
    {RH_METHOD_POST, "/api/upload/metadata", "POST", "/api/upload/metadata", "json",
     "{\"session_id\":\"" TEST_SESSION "\",\"video_id\":\"v\"}", 200, 401, 401, 200, 403, 200},
    {RH_METHOD_POST, "/api/v1/videos/init", "POST", "/api/v1/videos/init", "json",
     "{\"session_id\":\"" TEST_SESSION "\",\"mime_type\":\"video/webm\"}", 201, 401, 401, 201, 403,
     201},
    {RH_METHOD_POST, "/api/v1/videos/chunk", "POST", "/api/v1/videos/chunk", "form", PART, 200, 401,
     401, 200, 404, 200},
    {RH_METHOD_POST, "/api/v1/videos/finalize", "POST", "/api/v1/videos/finalize", "json",
     "{\"upload_id\":\"" TEST_UPLOAD "\"}", 200, 401, 401, 200, 404, 200},
    {RH_METHOD_GET, "/api/v1/videos/{upload}", "GET", "/api/v1/videos/" TEST_UPLOAD, NULL, NULL,
     200, 401, 401, 200, 404, 200},
    {RH_METHOD_DELETE, "/api/v1/videos/{upload}", "DELETE", "/api/v1/videos/" TEST_UPLOAD, NULL,
     NULL, 204, 401, 401, 204, 404, 204},
    {RH_METHOD_OTHER, "/api/*", "PUT", "/api/v2/anything", NULL, NULL, 404, 404, 404, 404, 404,
     404},
    {RH_METHOD_POST, "/files", "POST", "/files", "tus", NULL, 201, 401, 401, 201, 404, 201},
    {RH_METHOD_POST, "/files/", "POST", "/files/", "tus", NULL, 201, 401, 401, 201, 404, 201},
    {RH_METHOD_GET, "/files/{upload}", "GET", "/files/" TEST_UPLOAD, NULL, NULL, 1, 401, 401, 1,
     404, 1},
    {RH_METHOD_PATCH, "/files/{upload}", "PATCH", "/files/" TEST_UPLOAD, "tus", "12345", 204, 401,
     401, 204, 404, 204},
    {RH_METHOD_PUT, "/files/{upload}", "PUT", "/files/" TEST_UPLOAD, "tus", "12345", 405, 401, 401,
     405, 405, 405},
    {RH_METHOD_POST, "/files/{upload}", "POST", "/files/" TEST_UPLOAD, "tus", "12345", 405, 401,
     401, 405, 405, 405},
    {RH_METHOD_DELETE, "/files/{upload}", "DELETE", "/files/" TEST_UPLOAD, "tus", NULL, 204, 401,
     401, 204, 404, 204},
    {RH_METHOD_PUT, "/files/", "PUT", "/files/", "resumable", NULL, 201, 401, 401, 201, 404, 201},
    {RH_METHOD_PATCH, "/files/", "PATCH", "/files/", "resumable", NULL, 201, 401, 401, 201, 404,
     201},
    {RH_METHOD_POST, "/upload/chunk", "POST", "/upload/chunk", "form", UPLOAD, 200, 401, 401, 200,
     404, 200},
    {RH_METHOD_GET, "/upload/chunk", "GET", "/upload/chunk?sessionId=v", NULL, NULL, 200, 401, 401,
     200, 404, 200},
    {RH_METHOD_POST, "/filepond/", "POST", "/filepond/", "form", "--XX--\r\n", 201, 401, 401, 201,
     404, 201},
    {RH_METHOD_PATCH, "/filepond/", "PATCH", "/filepond/?patch=" TEST_UPLOAD, "tus", "12345", 204,
     401, 401, 204, 404, 204},
    {RH_METHOD_GET, "/filepond/", "HEAD", "/filepond/?patch=" TEST_UPLOAD, NULL, NULL, 200, 401,
     401, 200, 404, 200},
    {RH_METHOD_DELETE, "/filepond/", "DELETE", "/filepond/", NULL, TEST_UPLOAD, 204, 401, 401, 204,
     404, 204},
    {RH_METHOD_PATCH, "/filepond/{upload}", "PATCH", "/filepond/" TEST_UPLOAD, "tus", "12345", 204,
     401, 401, 204, 404, 204},
    {RH_METHOD_GET, "/filepond/{upload}", "HEAD", "/filepond/" TEST_UPLOAD, NULL, NULL, 200, 401,
     401, 200, 404, 200},
    {RH_METHOD_DELETE, "/filepond/{upload}", "DELETE", "/filepond/" TEST_UPLOAD, NULL, NULL, 204,
     401, 401, 204, 404, 204},
    {RH_METHOD_GET, "/recordings/{session}/{file}", "GET",
     "/recordings/" TEST_SESSION "/video_123.webm", NULL, NULL, 1, 401, 401, 1, 403, 1},
    {RH_METHOD_GET, "/download/{upload}/{file}", "GET", "/download/" TEST_UPLOAD "/video_123.webm",
     NULL, NULL, 1, 401, 401, 1, 404, 1},
    {RH_METHOD_GET, "/prompts.json", "GET", "/prompts.json", NULL, NULL, 1, 1, 1, 1, 1, 1},
    {RH_METHOD_GET, "/*", "GET", "/sdk/reelhaul.js", NULL, NULL, 1, 1, 1, 1, 1, 1},
};
#define ROWS (sizeof rows / sizeof rows[0])

static unsigned run(struct harness *h, const struct row *row, const char *token)
{
    char extra[512];
    snprintf(extra, sizeof extra, "%s%s%s%s%s", token == NULL ? "" : "Authorization: Bearer ",
             token == NULL ? "" : token, token == NULL ? "" : "\r\n",
             row->type == NULL                ? ""
             : strcmp(row->type, "tus") == 0  ? TUS
             : row->type[0] == 'r'            ? "Upload-Complete: ?0\r\n"
             : strcmp(row->type, "json") == 0 ? "Content-Type: application/json\r\n"
                                              : TEST_FORM_TYPE,
             "");
    size_t size = row->body == NULL ? 0 : strlen(row->body);
    h->reply.upload.state = RH_UPLOAD_OPEN;
    h->reply.upload.total = 5;
    h->code = RH_REPLY_OK;
    if (strstr(row->target, "init") != NULL || row->method == RH_METHOD_POST)
        h->code = RH_REPLY_CREATED;
    if (row->method == RH_METHOD_GET && strstr(row->target, "/files/") != NULL)
        h->reply.upload.state = RH_UPLOAD_DONE;
    if (strstr(row->target, "finalize") || row->target[1] == 'r' || row->target[1] == 'd')
        h->reply.upload.state = RH_UPLOAD_DONE;
    /* The scripted vault checks ownership as the real one does. */
    if (token != NULL && strstr(token, TEST_OTHER) != NULL)
        h->code = RH_REPLY_UNKNOWN;
    unsigned status = harness_send(h, row->method_text, row->target, extra, row->body, size);
    if (token != NULL && strstr(token, TEST_OTHER) != NULL && h->asks > 0)
        assert_string_equal(h->asked.session, TEST_OTHER);
    return status;
}

static void check(struct harness *h, const struct row *row, const char *role, const char *token,
                  unsigned expected)
{
    unsigned status = run(h, row, token);
    if (status != expected)
        print_error("%s %s as %s\n", row->method_text, row->pattern, role);
    assert_int_equal(status, expected);
    if (expected == 401 || expected == 403)
        assert_int_equal(h->asks, 0);
}

static void every_route_and_every_role(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    for (size_t i = 0; i < ROWS; i++)
        check(&h, &rows[i], "anybody in open mode", NULL, rows[i].open);
    harness_auth(&h);
    char own[API_TOKEN_TEXT];
    char other[API_TOKEN_TEXT];
    api_auth_session_token(&h.config, TEST_SESSION, own);
    api_auth_session_token(&h.config, TEST_OTHER, other);
    for (size_t i = 0; i < ROWS; i++) {
        check(&h, &rows[i], "nobody", NULL, rows[i].none);
        check(&h, &rows[i], "a wrong token", "correct horse batterz", rows[i].wrong);
        check(&h, &rows[i], "its participant", own, rows[i].own);
        check(&h, &rows[i], "another participant", other, rows[i].other);
        check(&h, &rows[i], "the operator", TEST_TOKEN, rows[i].shared);
    }
    harness_close(&h);
}

static void no_route_is_without_a_row(void **state)
{
    (void)state;
    size_t count = 0;
    const struct api_route *routes = api_routes(&count);
    for (size_t i = 0; i < count; i++) {
        bool found = false;
        for (size_t j = 0; j < ROWS; j++)
            found = found || (rows[j].method == routes[i].method &&
                              strcmp(rows[j].pattern, routes[i].pattern) == 0);
        if (!found)
            print_error("no row for %s\n", routes[i].name);
        assert_true(found);
    }
    assert_int_equal(count, ROWS);
}

static void enrolment_is_open_where_configured(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    harness_auth(&h);
    h.config.enrol_open = true;
    assert_int_equal(harness_post_json(&h, "/api/session/create", "{}"), 200);
    json_t *json = harness_json(&h);
    char token[API_TOKEN_TEXT];
    api_auth_session_token(&h.config, TEST_SESSION, token);
    assert_string_equal(json_string_value(json_object_get(json, "session_token")), token);
    json_decref(json);
    /* Nothing else is open by that. */
    assert_int_equal(harness_get(&h, "/api/session/" TEST_SESSION), 401);
    harness_close(&h);
}

static void wrong_methods_are_told_the_right_ones(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    harness_get(&h, "/api/session/create");
    harness_expect_error(&h, 405, "method_not_allowed");
    assert_string_equal(harness_header(&h, "Allow"), "POST, OPTIONS");
    harness_send(&h, "PUT", "/api/v1/videos/" TEST_UPLOAD, "", NULL, 0);
    harness_expect_error(&h, 405, "method_not_allowed");
    assert_string_equal(harness_header(&h, "Allow"), "GET, HEAD, DELETE, OPTIONS");
    harness_send(&h, "GET", "/api/v1/videos/init", "", NULL, 0);
    harness_expect_error(&h, 405, "method_not_allowed");
    assert_int_equal(harness_send(&h, "OPTIONS", "/health", "", NULL, 0), 204);
    assert_string_equal(harness_header(&h, "Allow"), "GET, HEAD, OPTIONS");
    assert_int_equal(harness_send(&h, "HEAD", "/health", "", NULL, 0), 200);
    assert_int_equal(harness_send(&h, "HEAD", "/api/v1/videos/" TEST_UPLOAD, "", NULL, 0), 200);
    assert_int_equal(harness_send(&h, "BREW", "/health", "", NULL, 0), 405);
    harness_close(&h);
}

static void hostile_paths_go_nowhere(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    static const struct {
        const char *target;
        unsigned status;
    } cases[] = {
        {"/api/session/../../etc/passwd", 400},
        {"/api/session/%2e%2e", 400},
        {"/api/session/%00", 400},
        {"/api/session/a%2f..%2fb", 400},
        {"/api/session/%ff%fe", 400},
        {"/sdk/../../etc/passwd", 400},
        {"/sdk/%2e%2e/x", 400},
        {"/a%5cb", 400},
        {"/.git/config", 404},
        {"/sdk//x", 404},
        {"/api/session/create/", 404},
        {"/api", 404},
        {"/api/session/", 404},
        {"/recordings/" TEST_SESSION "/..%2fx.webm", 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned status = harness_get(&h, cases[i].target);
        if (status != cases[i].status)
            print_error("%s\n", cases[i].target);
        assert_int_equal(status, cases[i].status);
        assert_int_equal(h.asks, 0);
    }
    harness_close(&h);
}

static void route_names_never_hold_the_path(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    harness_get(&h, "/api/session/" TEST_SESSION);
    assert_string_equal(rh_exchange_route(h.x), "session_get");
    harness_get(&h, "/api/session/%00");
    assert_string_equal(rh_exchange_route(h.x), "none");
    harness_close(&h);
}

static void pages_are_found(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    static const char *const cases[][2] = {
        {"/", "app/index.html"},
        {"/record.html?x=1", "app/record.html"},
        {"/sdk/reelhaul.js", "sdk/reelhaul.js"},
        {"/sdk/", "sdk/index.html"},
        {"/prompts.json", "app/prompts.json"},
        {"/img/a%20b.svg", "app/img/a b.svg"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(harness_get(&h, cases[i][0]), 1);
        assert_string_equal(rh_exchange_file(h.x)->path, cases[i][1]);
        assert_int_equal(rh_exchange_file(h.x)->kind, RH_FILE_PAGE);
    }
    char target[2048] = "/";
    memset(target + 1, 'a', 2000);
    harness_get(&h, target);
    harness_expect_error(&h, 404, "not_found");
    harness_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_and_every_role),
        cmocka_unit_test(no_route_is_without_a_row),
        cmocka_unit_test(enrolment_is_open_where_configured),
        cmocka_unit_test(wrong_methods_are_told_the_right_ones),
        cmocka_unit_test(hostile_paths_go_nowhere),
        cmocka_unit_test(route_names_never_hold_the_path),
        cmocka_unit_test(pages_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
