/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "serve/delivery.h"

static uint8_t memory[RH_DELIVERY_TEXT_BYTES];
static struct rh_response response;
static struct rh_header headers[8];
static struct rh_request request;
static struct rh_file_ref ref;
static const struct rh_file file = {.fd = 9, .size = 1000, .modified_s = 784111777};

static void ask(enum rh_method method)
{
    memset(&request, 0, sizeof request);
    request.method_id = method;
    request.headers = headers;
    ref = (struct rh_file_ref){
        .kind = RH_FILE_RECORDING, .path = "x.webm", .mime = "video/webm", .etag = "\"tag\""};
}

static void with(const char *name, const char *value)
{
    headers[request.header_count++] = (struct rh_header){rh_bytes_of(name), rh_bytes_of(value)};
}

static unsigned answer(void)
{
    rh_response_init(&response, memory, sizeof memory);
    rh_delivery_respond(&response, &request, &ref, &file);
    return response.status;
}

static void has(const char *name, const char *value)
{
    const struct rh_header *header = rh_response_find(&response, name);

    assert_non_null(header);
    assert_int_equal(header->value.size, strlen(value));
    assert_memory_equal(header->value.data, value, strlen(value));
}

static void whole(void **state)
{
    (void)state;
    ask(RH_METHOD_GET);
    assert_int_equal(answer(), 200);
    has("Content-Type", "video/webm");
    has("ETag", "\"tag\"");
    has("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT");
    has("Accept-Ranges", "bytes");
    has("Cache-Control", "private, max-age=31536000, immutable");
    assert_null(rh_response_find(&response, "Content-Disposition"));
    assert_int_equal(response.range.length, 1000);
    assert_int_equal(response.file, 9);
    ref.attachment = true;
    assert_int_equal(answer(), 200);
    has("Content-Disposition", "attachment");
    strcpy(ref.name, "a_b.txt");
    assert_int_equal(answer(), 200);
    has("Content-Disposition", "attachment; filename=\"a_b.txt\"");
}

static void page(void **state)
{
    (void)state;
    ask(RH_METHOD_GET);
    ref = (struct rh_file_ref){.kind = RH_FILE_PAGE, .path = "app/index.html"};
    assert_int_equal(answer(), 200);
    has("Content-Type", "text/html; charset=utf-8");
    has("Cache-Control", "no-cache");
    has("Content-Security-Policy",
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src "
        "'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self'; object-src "
        "'none'; base-uri 'none'; frame-ancestors 'none'");
    has("Referrer-Policy", "no-referrer");
    has("Permissions-Policy", "camera=(self), microphone=(self)");
    has("Cross-Origin-Opener-Policy", "same-origin");
    assert_non_null(rh_response_find(&response, "ETag"));
}

static void ranges(void **state)
{
    static const struct {
        const char *range;
        const char *if_range;
        unsigned status;
        const char *content_range;
        uint64_t offset;
        uint64_t length;
    } cases[] = {
        {"bytes=0-99", NULL, 206, "bytes 0-99/1000", 0, 100},
        {"bytes=900-", NULL, 206, "bytes 900-999/1000", 900, 100},
        {"bytes=-1", NULL, 206, "bytes 999-999/1000", 999, 1},
        {"bytes=990-5000", NULL, 206, "bytes 990-999/1000", 990, 10},
        {"bytes=1000-", NULL, 416, "bytes */1000", 0, 0},
        {"bytes=0-1,5-6", NULL, 200, NULL, 0, 1000},
        {"lines=0-1", NULL, 200, NULL, 0, 1000},
        {"bytes=5-4", NULL, 200, NULL, 0, 1000},
        {"bytes=0-99", "\"tag\"", 206, "bytes 0-99/1000", 0, 100},
        {"bytes=0-99", "\"other\"", 200, NULL, 0, 1000},
        {"bytes=0-99", "W/\"tag\"", 200, NULL, 0, 1000},
        {"bytes=0-99", "Sun, 06 Nov 1994 08:49:37 GMT", 206, "bytes 0-99/1000", 0, 100},
        {"bytes=0-99", "Sun, 06 Nov 1994 08:49:38 GMT", 200, NULL, 0, 1000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ask(RH_METHOD_GET);
        with("range", cases[i].range);
        if (cases[i].if_range != NULL)
            with("If-Range", cases[i].if_range);
        if (answer() != cases[i].status)
            fail_msg("%s: %u", cases[i].range, response.status);
        if (cases[i].content_range != NULL)
            has("Content-Range", cases[i].content_range);
        else
            assert_null(rh_response_find(&response, "Content-Range"));
        if (cases[i].status == 416)
            continue;
        assert_int_equal(response.range.offset, cases[i].offset);
        assert_int_equal(response.range.length, cases[i].length);
    }
    ask(RH_METHOD_HEAD);
    with("Range", "bytes=0-1");
    assert_int_equal(answer(), 200);
}

static unsigned condition(const char *name, const char *value)
{
    ask(RH_METHOD_GET);
    with(name, value);
    return answer();
}

static void conditions(void **state)
{
    (void)state;
    assert_int_equal(condition("If-None-Match", "\"tag\""), 304);
    has("ETag", "\"tag\"");
    assert_int_equal(response.body, RH_RESPONSE_BODY_NONE);
    assert_int_equal(condition("If-None-Match", "\"a\", W/\"tag\" ,\"b\""), 304);
    assert_int_equal(condition("If-None-Match", "*"), 304);
    assert_int_equal(condition("If-None-Match", "\"ta\""), 200);
    assert_int_equal(condition("If-None-Match", "tag"), 200);
    assert_int_equal(condition("If-None-Match", ""), 200);
    assert_int_equal(condition("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"), 304);
    assert_int_equal(condition("If-Modified-Since", "Sun, 06 Nov 1994 08:49:36 GMT"), 200);
    assert_int_equal(condition("If-Modified-Since", "yesterday"), 200);
    assert_int_equal(condition("If-Match", "\"tag\""), 200);
    assert_int_equal(condition("If-Match", "\"no\""), 412);
    assert_int_equal(condition("If-Match", "W/\"tag\""), 412);
    assert_int_equal(condition("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:36 GMT"), 412);
    /* A tag counts more than a date. */
    ask(RH_METHOD_GET);
    with("If-None-Match", "\"other\"");
    with("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_int_equal(answer(), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),
        cmocka_unit_test(page),
        cmocka_unit_test(ranges),
        cmocka_unit_test(conditions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
