/* SPDX-License-Identifier: MIT */
/* Errors outside of exchanges have the same one format. */
#include "harness.h"

static void an_error_before_an_exchange(void **state)
{
    (void)state;
    char memory[RH_API_ERROR_BYTES];
    struct rh_response response;
    rh_api_error_response(&response, memory, sizeof memory, "header_too_large", "Too many lines.");
    assert_int_equal(response.status, 431);
    static const char expected[] =
        "{\"error\":{\"code\":\"header_too_large\",\"message\":\"Too many lines.\"}}\n";
    assert_int_equal(response.bytes.size, sizeof expected - 1);
    assert_memory_equal(response.bytes.data, expected, sizeof expected - 1);
    const struct rh_header *code = rh_response_find(&response, "Reelhaul-Error");
    assert_non_null(code);
    assert_memory_equal(code->value.data, "header_too_large", 16);
    assert_non_null(rh_response_find(&response, "X-Content-Type-Options"));
    assert_non_null(rh_response_find(&response, "Cache-Control"));
    rh_api_error_response(&response, memory, sizeof memory, "overloaded", NULL);
    assert_int_equal(response.status, 503);
    assert_non_null(rh_response_find(&response, "Retry-After"));
    rh_api_error_response(&response, memory, sizeof memory, "no_such_code", NULL);
    assert_int_equal(response.status, 500);
    /* A message that does not fit is left out, not cut. */
    char long_message[3000];
    memset(long_message, 'x', sizeof long_message - 1);
    long_message[sizeof long_message - 1] = '\0';
    rh_api_error_response(&response, memory, sizeof memory, "gone", long_message);
    assert_int_equal(response.status, 410);
    assert_int_equal(rh_response_body_length(&response), 0);
}

static void every_status_of_the_parser_has_a_code(void **state)
{
    (void)state;
    static const struct {
        unsigned status;
        const char *code;
    } cases[] = {
        {400, "bad_request"},      {408, "request_timeout"},    {411, "length_required"},
        {414, "uri_too_long"},     {417, "expectation_failed"}, {421, "bad_host"},
        {431, "header_too_large"}, {500, "internal"},           {501, "not_implemented"},
        {503, "overloaded"},       {505, "http_version"},       {404, "not_found"},
        {413, "too_large"},        {499, "bad_request"},        {599, "internal"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(rh_api_error_code(cases[i].status), cases[i].code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_before_an_exchange),
        cmocka_unit_test(every_status_of_the_parser_has_a_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
