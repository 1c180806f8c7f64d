/* SPDX-License-Identifier: MIT */
/* Doors and tokens: host names, web origins, and who a token stands for. */
#include "harness.h"

#include "api/internal.h"

static void host_names_are_checked(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    static const struct {
        const char *extra;
        bool in;
    } cases[] = {
        {"Host: 127.0.0.1:5000\r\n", true},
        {"Host: localhost:5000\r\n", true},
        {"Host: LocalHost:5000\r\n", true},
        {"Host: example.org\r\n", true},
        {"Host: example.org:80\r\n", true},
        {"Host: example.org:443\r\n", true},
        {"Host: example.org:8443\r\n", false},
        {"Host: localhost\r\n", false},
        {"Host: localhost:5001\r\n", false},
        {"Host: evil.example\r\n", false},
        {"Host: 127.0.0.1.evil.example:5000\r\n", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        harness_send(&h, "GET", "/health", cases[i].extra, NULL, 0);
        if (cases[i].in)
            assert_int_equal(harness_status(&h), 200);
        else
            harness_expect_error(&h, 421, "bad_host");
    }
    /* Pages too: a rebound name must not get our pages as its own. */
    harness_send(&h, "GET", "/", "Host: evil.example\r\n", NULL, 0);
    harness_expect_error(&h, 421, "bad_host");
    h.config.hosts = NULL;
    harness_get(&h, "/health");
    harness_expect_error(&h, 421, "bad_host");
    harness_close(&h);
}

static void foreign_origins_are_refused_in_open_mode_too(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    static const struct {
        const char *origin;
        bool in;
    } cases[] = {
        {"http://127.0.0.1:5000", true},
        {"https://127.0.0.1:5000", true},
        {"http://localhost:5000", false}, /* another origin than the one it talks to */
        {"http://127.0.0.1", false},
        {"https://evil.example", false},
        {"null", false},
        {"", false},
        {"file://", false},
        {"http://127.0.0.1:5000.evil.example", false},
        {"http://evil.example/127.0.0.1:5000", false},
        {"chrome-extension://127.0.0.1:5000", false},
        {"https://friend.example", true},
        {"http://friend.example", false},
        {"https://friend.example:444", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char extra[200];
        snprintf(extra, sizeof extra, "Origin: %s\r\nContent-Type: application/json\r\n",
                 cases[i].origin);
        unsigned status = harness_send(&h, "POST", "/api/session/create", extra, "{}", 2);
        if (status != (cases[i].in ? 200 : 403))
            print_error("%s\n", cases[i].origin);
        if (cases[i].in) {
            assert_int_equal(status, 200);
        } else {
            harness_expect_error(&h, 403, "foreign_origin");
            assert_int_equal(h.asks, 0);
            assert_null(harness_header(&h, "Access-Control-Allow-Origin"));
        }
    }
    harness_send(&h, "GET", "/health",
                 "Origin: http://127.0.0.1:5000\r\nOrigin: https://evil.example\r\n", NULL, 0);
    harness_expect_error(&h, 403, "foreign_origin");
    harness_close(&h);
}

static void configured_origins_may_read(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    harness_send(&h, "GET", "/api/v1/videos/" TEST_UPLOAD, "Origin: https://friend.example\r\n",
                 NULL, 0);
    assert_int_equal(harness_status(&h), 200);
    assert_string_equal(harness_header(&h, "Access-Control-Allow-Origin"),
                        "https://friend.example");
    assert_string_equal(harness_header(&h, "Vary"), "Origin");
    const char *exposed = harness_header(&h, "Access-Control-Expose-Headers");
    static const char *const ours[] = {
        "Reelhaul-Upload",  "Reelhaul-State",   "Reelhaul-Generation",
        "Reelhaul-Receipt", "Reelhaul-Durable", "Reelhaul-Missing",
        "Reelhaul-Chunks",  "Reelhaul-Error",   "Retry-After"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        assert_non_null(strstr(exposed, ours[i]));
    /* Errors can be read as well. */
    harness_send(&h, "GET", "/api/v1/videos/x", "Origin: https://friend.example\r\n", NULL, 0);
    harness_expect_error(&h, 404, "not_found");
    assert_non_null(harness_header(&h, "Access-Control-Allow-Origin"));
    /* Same origin needs no permission and gets none. */
    harness_send(&h, "GET", "/health", "Origin: http://127.0.0.1:5000\r\n", NULL, 0);
    assert_null(harness_header(&h, "Access-Control-Allow-Origin"));
    harness_close(&h);
}

#define PREFLIGHT "Access-Control-Request-Method: POST\r\n"

static void preflights_are_for_configured_origins_alone(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    harness_auth(&h); /* a preflight never has a token */
    harness_send(&h, "OPTIONS", "/api/v1/videos/chunk",
                 "Origin: https://friend.example\r\n" PREFLIGHT, NULL, 0);
    assert_int_equal(harness_status(&h), 204);
    assert_string_equal(harness_header(&h, "Access-Control-Allow-Origin"),
                        "https://friend.example");
    assert_string_equal(harness_header(&h, "Access-Control-Allow-Methods"), "POST, OPTIONS");
    const char *allowed = harness_header(&h, "Access-Control-Allow-Headers");
    static const char *const needed[] = {"Authorization",   "Content-Type",    "Reelhaul-Upload",
                                         "Reelhaul-Offset", "Reelhaul-Length", "Reelhaul-Crc64",
                                         "Reelhaul-Total",  "Reelhaul-Final",  "Reelhaul-Writer"};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        assert_non_null(strstr(allowed, needed[i]));
    assert_string_equal(harness_header(&h, "Access-Control-Max-Age"), "600");
    harness_send(&h, "OPTIONS", "/api/v1/videos/chunk",
                 "Origin: https://evil.example\r\n" PREFLIGHT, NULL, 0);
    harness_expect_error(&h, 403, "foreign_origin");
    assert_null(harness_header(&h, "Access-Control-Allow-Methods"));
    harness_send(&h, "OPTIONS", "*", "", NULL, 0);
    assert_int_equal(harness_status(&h), 204);
    assert_null(harness_header(&h, "Access-Control-Allow-Methods"));
    harness_close(&h);
}

static unsigned as(struct harness *h, const char *authorization)
{
    char extra[400];
    snprintf(extra, sizeof extra, "%s%s", authorization, authorization[0] == '\0' ? "" : "\r\n");
    return harness_send(h, "GET", "/api/session/" TEST_SESSION, extra, NULL, 0);
}

static void tokens_are_told_apart(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    harness_auth(&h);
    char own[API_TOKEN_TEXT];
    api_auth_session_token(&h.config, TEST_SESSION, own);
    assert_int_equal(as(&h, "Authorization: Bearer " TEST_TOKEN), 200);
    assert_int_equal(as(&h, "authorization: bearer   " TEST_TOKEN), 200);
    char good[200];
    snprintf(good, sizeof good, "Authorization: Bearer %s", own);
    assert_int_equal(as(&h, good), 200);
    /* Every single character of a session token counts. */
    size_t start = strlen("Authorization: Bearer ");
    for (size_t i = start; good[i] != '\0'; i++) {
        char bad[200];
        strcpy(bad, good);
        bad[i] = bad[i] == 'b' ? 'c' : 'b';
        assert_int_equal(as(&h, bad), 401);
    }
    static const char *const wrong[] = {
        "",
        "Authorization: Bearer",
        "Authorization: Bearer " TEST_TOKEN "x",
        "Authorization: Bearer correct",
        "Authorization: Basic " TEST_TOKEN,
        "Authorization: " TEST_TOKEN,
        "Authorization: Bearer rhs_",
        "Authorization: Bearer rhs_" TEST_SESSION,
        "Authorization: Bearer rhs_" TEST_SESSION ".",
        "Authorization: Bearer rhs_" TEST_SESSION ".AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "Authorization: Bearer " TEST_TOKEN "\r\nAuthorization: Bearer " TEST_TOKEN,
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        as(&h, wrong[i]);
        harness_expect_error(&h, 401, "unauthorized");
        assert_string_equal(harness_header(&h, "WWW-Authenticate"), "Bearer realm=\"reelhaul\"");
        assert_int_equal(h.asks, 0);
    }
    /* Another shared token revokes the session tokens of the old one. */
    rh_api_token_hash("another", h.config.token_hash);
    assert_int_equal(as(&h, good), 401);
    harness_close(&h);
}

static void a_session_token_has_a_known_value(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    harness_auth(&h);
    char token[API_TOKEN_TEXT];
    api_auth_session_token(&h.config, TEST_SESSION, token);
    /* printf 'session:…' | openssl dgst -sha256 -mac HMAC -macopt hexkey:$(printf TOKEN |
     * sha256sum), then base64url. */
    assert_string_equal(token, "rhs_" TEST_SESSION ".al84jGW6UYlR7dmVseRQAow7WMxLQ_uiUyK3KBnius0");
    harness_close(&h);
}

static void a_participant_works_in_its_session_alone(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    harness_auth(&h);
    char extra[400];
    char own[API_TOKEN_TEXT];
    api_auth_session_token(&h.config, TEST_SESSION, own);
    snprintf(extra, sizeof extra, "Authorization: Bearer %s\r\nContent-Type: application/json\r\n",
             own);
    h.code = RH_REPLY_CREATED;
    /* No session said: its own. */
    static const char json[] = "{\"mime_type\":\"video/webm\"}";
    assert_int_equal(harness_send(&h, "POST", "/api/v1/videos/init", extra, json, strlen(json)),
                     201);
    assert_string_equal(h.asked.session, TEST_SESSION);
    static const char foreign[] =
        "{\"mime_type\":\"video/webm\",\"session_id\":\"" TEST_OTHER "\"}";
    harness_send(&h, "POST", "/api/v1/videos/init", extra, foreign, strlen(foreign));
    harness_expect_error(&h, 403, "forbidden");
    /* What is not there for this participant has no state either. */
    h.code = RH_REPLY_UNKNOWN;
    harness_send(&h, "GET", "/api/v1/videos/" TEST_UPLOAD, extra, NULL, 0);
    harness_expect_error(&h, 404, "not_found");
    assert_null(harness_header(&h, "Reelhaul-State"));
    assert_null(harness_header(&h, "Reelhaul-Upload"));
    static const char finish[] = "{\"session_id\":\"" TEST_OTHER "\",\"video_id\":\"v\"}";
    harness_send(&h, "POST", "/api/v1/videos/finalize", extra, finish, strlen(finish));
    harness_expect_error(&h, 403, "forbidden");
    harness_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_names_are_checked),
        cmocka_unit_test(foreign_origins_are_refused_in_open_mode_too),
        cmocka_unit_test(configured_origins_may_read),
        cmocka_unit_test(preflights_are_for_configured_origins_alone),
        cmocka_unit_test(tokens_are_told_apart),
        cmocka_unit_test(a_session_token_has_a_known_value),
        cmocka_unit_test(a_participant_works_in_its_session_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
