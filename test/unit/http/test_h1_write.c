/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "harness.h"
#include "http/h1.h"

#define SUNDAY 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */

static void check(const struct rh_response *response, struct rh_h1_answer answer,
                  const char *expected)
{
    size_t size = strlen(expected);
    /* Every smaller buffer is refused and left alone. */
    for (size_t cap = 0; cap <= size; cap++) {
        uint8_t memory[1024];
        struct rh_buffer out;
        rh_buffer_init(&out, memory, cap);
        enum rh_error error = rh_h1_write_head(&out, response, &answer);
        assert_int_equal(error, cap < size ? RH_ERR_LIMIT : RH_OK);
        assert_int_equal(out.size, cap < size ? 0 : size);
        if (error == RH_OK) {
            assert_memory_equal(memory, expected, size);
        }
    }
}

static void test_heads(void **state)
{
    (void)state;
    uint8_t text[256];
    struct rh_response response;
    rh_response_init(&response, text, sizeof text);
    check(&response, (struct rh_h1_answer){.date_s = SUNDAY},
          "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n");
    response.status = 201;
    rh_response_set_bytes(&response, LITERAL("{}"));
    assert_int_equal(rh_response_add_str(&response, "Location", "/x"), RH_OK);
    check(&response, (struct rh_h1_answer){.date_s = -1},
          "HTTP/1.1 201 Created\r\nLocation: /x\r\nContent-Length: 2\r\n\r\n");
    check(&response, (struct rh_h1_answer){.date_s = -1, .close = true},
          "HTTP/1.1 201 Created\r\nLocation: /x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n");
    response.close = true;
    response.status = 299;
    rh_response_set_file(&response, 3, (struct rh_range){5, 1099511627776});
    check(&response, (struct rh_h1_answer){.date_s = -1, .head_only = true},
          "HTTP/1.1 299 \r\nLocation: /x\r\nContent-Length: 1099511627776\r\n"
          "Connection: close\r\n\r\n");
}

static void test_bodiless(void **state)
{
    (void)state;
    struct rh_h1_answer answer = {.date_s = -1};
    struct rh_response response;
    rh_response_init(&response, NULL, 0);
    assert_false(rh_h1_sends_body(&response, &answer));
    rh_response_set_bytes(&response, LITERAL("x"));
    assert_true(rh_h1_sends_body(&response, &answer));
    answer.head_only = true;
    assert_false(rh_h1_sends_body(&response, &answer));
    answer.head_only = false;
    response.status = 204;
    assert_false(rh_h1_sends_body(&response, &answer));
    check(&response, answer, "HTTP/1.1 204 No Content\r\n\r\n");
    response.status = 304;
    assert_false(rh_h1_sends_body(&response, &answer));
    check(&response, answer, "HTTP/1.1 304 Not Modified\r\n\r\n");
}

/* Somebody fills the struct by hand: the writer is the last gate. */
static void test_last_gate(void **state)
{
    (void)state;
    static const struct {
        struct rh_header header;
        enum rh_error error;
    } rows[] = {
        {{{(const uint8_t *)"A", 1}, {(const uint8_t *)"b\r\nC: d", 8}}, RH_ERR_SYNTAX},
        {{{(const uint8_t *)"A", 1}, {(const uint8_t *)"b\0", 2}}, RH_ERR_SYNTAX},
        {{{(const uint8_t *)"A: b\r\nC", 7}, {(const uint8_t *)"d", 1}}, RH_ERR_SYNTAX},
        {{{(const uint8_t *)"transfer-encoding", 17}, {(const uint8_t *)"chunked", 7}},
         RH_ERR_STATE},
        {{{(const uint8_t *)"Content-Length", 14}, {(const uint8_t *)"1", 1}}, RH_ERR_STATE},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t memory[256];
        struct rh_buffer out;
        rh_buffer_init(&out, memory, sizeof memory);
        struct rh_h1_answer answer = {.date_s = -1};
        struct rh_response response;
        rh_response_init(&response, NULL, 0);
        response.headers[response.header_count++] = rows[i].header;
        assert_int_equal(rh_h1_write_head(&out, &response, &answer), rows[i].error);
        assert_int_equal(out.size, 0);
        assert_int_equal(rh_h1_write_interim(&out, 103, response.headers, 1), rows[i].error);
        assert_int_equal(out.size, 0);
    }
}

static void test_status_range(void **state)
{
    (void)state;
    uint8_t memory[256];
    struct rh_buffer out;
    rh_buffer_init(&out, memory, sizeof memory);
    struct rh_h1_answer answer = {.date_s = -1};
    struct rh_response response;
    rh_response_init(&response, NULL, 0);
    static const unsigned statuses[] = {0, 99, 100, 199, 600, 1200};
    for (size_t i = 0; i < COUNT(statuses); i++) {
        response.status = statuses[i];
        assert_int_equal(rh_h1_write_head(&out, &response, &answer), RH_ERR_RANGE);
    }
    static const unsigned interim[] = {0, 99, 101, 200, 204};
    for (size_t i = 0; i < COUNT(interim); i++) {
        assert_int_equal(rh_h1_write_interim(&out, interim[i], NULL, 0), RH_ERR_RANGE);
    }
    assert_int_equal(out.size, 0);
}

static void test_interim(void **state)
{
    (void)state;
    uint8_t memory[256];
    struct rh_buffer out;
    rh_buffer_init(&out, memory, sizeof memory);
    assert_int_equal(rh_h1_write_interim(&out, 100, NULL, 0), RH_OK);
    struct rh_header offset = {LITERAL("Upload-Offset"), LITERAL("12")};
    assert_int_equal(rh_h1_write_interim(&out, 104, &offset, 1), RH_OK);
    assert_true(rh_bytes_equal_str(rh_buffer_bytes(&out),
                                   "HTTP/1.1 100 Continue\r\n\r\n"
                                   "HTTP/1.1 104 Upload Resumption Supported\r\n"
                                   "Upload-Offset: 12\r\n\r\n"));
    size_t size = out.size;
    rh_buffer_init(&out, memory, size - 1);
    assert_int_equal(rh_h1_write_interim(&out, 100, NULL, 0), RH_OK);
    size_t before = out.size;
    assert_int_equal(rh_h1_write_interim(&out, 104, &offset, 1), RH_ERR_LIMIT);
    assert_int_equal(out.size, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),     cmocka_unit_test(test_bodiless),
        cmocka_unit_test(test_last_gate), cmocka_unit_test(test_status_range),
        cmocka_unit_test(test_interim),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
