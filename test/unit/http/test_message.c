/* SPDX-License-Identifier: MIT */
#include "http/message.h"

#include <string.h>

#include "harness.h"

static struct rh_header header(const char *name, const char *value)
{
    return (struct rh_header){rh_bytes_of(name), rh_bytes_of(value)};
}

static void test_request_headers(void **state)
{
    (void)state;
    struct rh_header headers[] = {header("Host", "h"), header("accept", "a"), header("ACCEPT", "b"),
                                  header("Connection", "keep-alive, , \tClose"), header("X", "")};
    struct rh_request request = {.headers = headers, .header_count = COUNT(headers)};
    size_t count;
    assert_ptr_equal(rh_request_find(&request, "Accept", &count), &headers[1]);
    assert_int_equal(count, 2);
    assert_null(rh_request_find(&request, "Accep", &count));
    assert_int_equal(count, 0);
    struct rh_bytes value;
    assert_int_equal(rh_request_single(&request, "HOST", &value), RH_OK);
    assert_true(rh_bytes_equal_str(value, "h"));
    assert_int_equal(rh_request_single(&request, "Accept", &value), RH_ERR_SYNTAX);
    assert_int_equal(rh_request_single(&request, "Range", &value), RH_ERR_UNKNOWN);
    assert_int_equal(value.size, 0);
    assert_true(rh_request_lists(&request, "connection", "close"));
    assert_true(rh_request_lists(&request, "accept", "B"));
    assert_false(rh_request_lists(&request, "connection", "keep"));
    assert_false(rh_request_lists(&request, "x", "close"));
}

static void test_media_type(void **state)
{
    (void)state;
    assert_true(rh_media_type_is(rh_bytes_of("application/json"), "application/json"));
    assert_true(
        rh_media_type_is(rh_bytes_of("Application/JSON ; charset=utf-8"), "application/json"));
    assert_false(rh_media_type_is(rh_bytes_of("application/jsonp"), "application/json"));
    assert_false(rh_media_type_is(rh_bytes_of(""), "application/json"));
}

static void test_grammar(void **state)
{
    (void)state;
    assert_true(rh_http_is_token(LITERAL("!#$%&'*+-.^_`|~09azAZ")));
    assert_false(rh_http_is_token(LITERAL("")));
    static const char separators[] = "\"(),/:;<=>?@[\\]{} \t\r\n\x7f\x80\xff"; /* and its NUL */
    for (size_t i = 0; i < sizeof separators; i++) {
        assert_false(rh_http_is_token((struct rh_bytes){(const uint8_t *)separators + i, 1}));
    }
    assert_true(rh_http_is_field_value(LITERAL("")));
    assert_true(rh_http_is_field_value(LITERAL("a \t\x80\xff~")));
    for (unsigned c = 0; c < 32; c++) {
        uint8_t byte = (uint8_t)c;
        assert_int_equal(rh_http_is_field_value((struct rh_bytes){&byte, 1}), c == '\t');
    }
    assert_false(rh_http_is_field_value(LITERAL("\x7f")));
}

static void test_methods_and_reasons(void **state)
{
    (void)state;
    assert_int_equal(rh_http_method(LITERAL("PATCH")), RH_METHOD_PATCH);
    assert_int_equal(rh_http_method(LITERAL("patch")), RH_METHOD_OTHER);
    assert_int_equal(rh_http_method(LITERAL("GETS")), RH_METHOD_OTHER);
    assert_string_equal(rh_http_reason(507), "Insufficient Storage");
    assert_string_equal(rh_http_reason(599), "");
}

static void test_response_add(void **state)
{
    (void)state;
    uint8_t memory[32];
    struct rh_response response;
    rh_response_init(&response, memory, sizeof memory);
    assert_int_equal(response.status, 200);
    char value[] = "text/plain";
    assert_int_equal(rh_response_add_str(&response, "Content-Type", value), RH_OK);
    memset(value, 'x', sizeof value - 1); /* it was copied */
    assert_int_equal(rh_response_add_u64(&response, "Age", UINT64_MAX), RH_OK);
    const struct rh_header *found = rh_response_find(&response, "content-type");
    assert_non_null(found);
    assert_true(rh_bytes_equal_str(found->value, "text/plain"));
    found = rh_response_find(&response, "age");
    assert_non_null(found);
    assert_true(rh_bytes_equal_str(found->value, "18446744073709551615"));
    assert_int_equal(rh_response_add_str(&response, "A", "abc"), RH_ERR_LIMIT);
    assert_int_equal(rh_response_add_str(&response, "A", "ab"), RH_OK);
    assert_int_equal(response.header_count, 3);
    assert_null(rh_response_find(&response, "B"));
}

static void test_response_refuses_injection(void **state)
{
    (void)state;
    uint8_t memory[256];
    struct rh_response response;
    rh_response_init(&response, memory, sizeof memory);
    assert_int_equal(rh_response_add(&response, "Location", LITERAL("/a\r\nSet-Cookie: b")),
                     RH_ERR_SYNTAX);
    assert_int_equal(rh_response_add(&response, "Location", LITERAL("/a\nb")), RH_ERR_SYNTAX);
    assert_int_equal(rh_response_add(&response, "Location", LITERAL("/a\rb")), RH_ERR_SYNTAX);
    assert_int_equal(rh_response_add(&response, "Location", LITERAL("/a\0b")), RH_ERR_SYNTAX);
    assert_int_equal(rh_response_add_str(&response, "A\r\nB", "c"), RH_ERR_SYNTAX);
    assert_int_equal(rh_response_add_str(&response, "A:", "c"), RH_ERR_SYNTAX);
    assert_int_equal(rh_response_add_str(&response, "", "c"), RH_ERR_SYNTAX);
    static const char *const framing[] = {"content-length", "Transfer-Encoding", "CONNECTION",
                                          "Date", "Keep-Alive"};
    for (size_t i = 0; i < COUNT(framing); i++) {
        assert_int_equal(rh_response_add_str(&response, framing[i], "1"), RH_ERR_STATE);
    }
    assert_int_equal(response.header_count, 0);
    assert_int_equal(response.text.size, 0);
    for (size_t i = 0; i < RH_RESPONSE_HEADERS; i++) {
        assert_int_equal(rh_response_add_str(&response, "Link", "l"), RH_OK);
    }
    assert_int_equal(rh_response_add_str(&response, "Link", "l"), RH_ERR_LIMIT);
}

static void test_response_body(void **state)
{
    (void)state;
    uint8_t memory[8];
    struct rh_response response;
    rh_response_init(&response, memory, sizeof memory);
    assert_int_equal(rh_response_body_length(&response), 0);
    rh_response_set_bytes(&response, LITERAL("hello"));
    assert_int_equal(rh_response_body_length(&response), 5);
    rh_response_set_file(&response, 7, (struct rh_range){100, 1ull << 40});
    assert_true(rh_response_body_length(&response) == 1ull << 40);
    assert_int_equal(response.file, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_headers), cmocka_unit_test(test_media_type),
        cmocka_unit_test(test_grammar),         cmocka_unit_test(test_methods_and_reasons),
        cmocka_unit_test(test_response_add),    cmocka_unit_test(test_response_refuses_injection),
        cmocka_unit_test(test_response_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
