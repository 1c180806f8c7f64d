/* SPDX-License-Identifier: MIT */
/*
 * A call's content goes to its exchange as it comes. Where the exchange waits for the vault the
 * content is held, and a connection that holds some is not read from: the vault answers soon, and
 * whatever the client sends meanwhile costs only its own kernel memory.
 */
#include "serve/h2_call.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "serve/log.h"

/* ---- content that waits ---- */

static void count_held(struct rh_h2_call *h, size_t before, size_t after)
{
    struct rh_connection *c = h->connection;

    c->h2->held_bytes += after - before;
    c->loop->held_bytes += after - before;
}

bool rh_h2_call_hold(struct rh_h2_call *h, struct rh_bytes content)
{
    size_t waits = h->held_size - h->held_at;
    uint8_t *all = malloc(waits + content.size);

    if (all == NULL)
        return false;
    if (waits > 0)
        memcpy(all, h->held + h->held_at, waits);
    memcpy(all + waits, content.data, content.size);
    free(h->held);
    count_held(h, waits, waits + content.size);
    h->held = all;
    h->held_at = 0;
    h->held_size = waits + content.size;
    return true;
}

static void drop_held(struct rh_h2_call *h)
{
    size_t waits = h->held_size - h->held_at;

    rh_h2_consume(h->connection->h2->h2, h->stream, waits);
    count_held(h, waits, 0);
    free(h->held);
    h->held = NULL;
    h->held_at = h->held_size = 0;
}

/* ---- calls ---- */

void rh_h2_call_finish(struct rh_h2_call *h, const char *note)
{
    struct rh_talk_h2 *talk = h->connection->h2;

    drop_held(h);
    rh_list_remove(&h->link);
    talk->call_count--;
    if (talk->call_count == 0)
        talk->idle_end_ms = h->call.loop->now_ms + h->call.loop->shell->config->idle_timeout_ms;
    rh_call_finish(&h->call, note);
    rh_h2_stream_free(h->stream);
    free(h);
}

void rh_h2_call_wait(struct rh_h2_call *h)
{
    struct rh_loop *loop = h->call.loop;

    h->deadline_ms = loop->now_ms + loop->shell->config->read_timeout_ms;
    /* The answer is settled: it must not wait long for a client that waits for it. */
    if (!h->responding && rh_exchange_is_answered(h->call.exchange))
        h->deadline_ms = loop->now_ms + RH_SETTLED_MS_MAX;
}

void rh_h2_call_respond(struct rh_h2_call *h, const struct rh_response *response)
{
    struct rh_talk_h2 *talk = h->connection->h2;
    bool head_only = h->stream->request.method_id == RH_METHOD_HEAD;

    h->responding = true;
    h->response = response;
    drop_held(h);
    rh_h2_call_wait(h);
    if (response != NULL &&
        rh_h2_respond(talk->h2, h->stream, response, time(NULL), head_only) == RH_OK)
        return;
    rh_serve_say(RH_LOG_ERROR, "an answer's head could not be written");
    h->call.status = 500;
    rh_h2_reset(talk->h2, h->stream);
}

/* Feeds content that waits. */
static void feed(struct rh_h2_call *h)
{
    size_t taken =
        rh_exchange_body(h->call.exchange, h->held + h->held_at, h->held_size - h->held_at);

    RH_ASSERT(taken > 0 || rh_exchange_want(h->call.exchange) != RH_WANT_BODY);
    h->held_at += taken;
    h->connection->h2->takes = true;
    h->call.body_bytes += taken;
    count_held(h, taken, 0);
    rh_h2_consume(h->connection->h2->h2, h->stream, taken);
    if (h->held_at == h->held_size)
        drop_held(h);
}

/* One step of what the exchange wants of its body; false: it has to come first. */
static bool step_body(struct rh_h2_call *h)
{
    if (h->held != NULL) {
        feed(h);
    } else if (h->content_over) {
        h->call.body_ended = true;
        rh_exchange_body_end(h->call.exchange);
    } else if (h->gone) {
        rh_call_break(&h->call, RH_ERR_CLOSED);
    } else if (h->call.loop->cutting) {
        rh_call_break(&h->call, RH_ERR_AGAIN);
    } else {
        rh_h2_call_wait(h);
        if (h->stream->request.expect_continue && !h->continue_sent && h->call.body_bytes == 0)
            (void)rh_h2_inform(h->connection->h2->h2, h->stream, 100, NULL, 0);
        h->continue_sent = true;
        return false;
    }
    return true;
}

void rh_h2_call_follow(struct rh_h2_call *h)
{
    enum rh_want want = rh_exchange_want(h->call.exchange);

    while (want == RH_WANT_BODY && step_body(h))
        want = rh_exchange_want(h->call.exchange);
    if (want == RH_WANT_VAULT)
        h->deadline_ms = RH_MS_NEVER;
    if (want == RH_WANT_BODY || want == RH_WANT_VAULT)
        return;
    if (h->gone)
        rh_h2_call_finish(h, "gone");
    else
        rh_h2_call_respond(h, rh_call_answer(&h->call));
}

void rh_h2_call_lose(struct rh_h2_call *h, enum rh_error why)
{
    h->gone = true;
    drop_held(h);
    if (h->responding) {
        rh_h2_call_finish(h, why == RH_OK ? NULL : "gone");
        return;
    }
    if (!h->call.body_ended)
        rh_call_break(&h->call, why == RH_ERR_SYNTAX ? why : RH_ERR_CLOSED);
    rh_h2_call_follow(h);
}
