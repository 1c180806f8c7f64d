/* SPDX-License-Identifier: MIT */
#ifndef TEST_WIRE_BENCH_H
#define TEST_WIRE_BENCH_H
/* Short ways to make a request and to read an answer, and to compare both as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "reelhaul/wire.h"

static uint8_t wire_memory[RH_WIRE_MEMORY] __attribute__((unused));

static inline struct rh_action send_of(enum rh_send_kind kind, const char *remote)
{
    struct rh_action a = {.kind = RH_ACTION_SEND};
    strcpy(a.upload, "take-1");
    a.send.token = 7;
    a.send.kind = kind;
    a.send.total = RH_SIZE_UNKNOWN;
    a.send.part_bytes = 1048576;
    strcpy(a.send.remote, remote);
    return a;
}

static inline void expect_text(struct rh_bytes bytes, const char *text)
{
    if (!rh_bytes_equal_str(bytes, text))
        print_error("got:  %.*s\nwant: %s\n", (int)bytes.size, (const char *)bytes.data, text);
    assert_true(rh_bytes_equal_str(bytes, text));
}

/* Headers as "Name: value\n…", ended by an empty name; NULL-terminated pairs. */
static inline struct rh_response read_answer(const struct rh_wire_dialect *dialect,
                                             const struct rh_action *action, uint16_t status,
                                             const char *const *pairs)
{
    static struct rh_wire_reply reply;
    static struct rh_event event;
    rh_wire_reply_init(&reply, dialect, &action->send, status, 1700000000000);
    for (; pairs != NULL && pairs[0] != NULL; pairs += 2)
        rh_wire_reply_header(&reply, rh_bytes_of(pairs[0]), rh_bytes_of(pairs[1]));
    rh_wire_reply_finish(&reply, &event);
    assert_int_equal(event.kind, RH_EVENT_RESPONSE);
    assert_int_equal(event.response.token, action->send.token);
    assert_int_equal(event.response.status, status);
    return event.response;
}

#define HEADERS(...) ((const char *const[]){__VA_ARGS__, NULL})

#endif
