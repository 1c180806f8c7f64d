/* SPDX-License-Identifier: MIT */
/* The reading half of HTTP/1.1: see connection.h. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "serve/connection.h"

/* Reads that may be followed by waiting: what is not taken has to be copied. */
#define READ_BYTES_SHORT ((size_t)4 * 1024)
/* What trailers may add to a head, besides its headers. */
#define TRAILER_BYTES ((size_t)1024)
#define TRAILERS      ((size_t)8)

static void send_interim(struct rh_connection *c, unsigned status, const struct rh_header *headers,
                         size_t header_count)
{
    uint8_t memory[2048];
    struct rh_buffer text;

    rh_buffer_init(&text, memory, sizeof memory);
    /* What is broken now will be found broken by whoever reads or writes next. */
    if (rh_h1_write_interim(&text, status, headers, header_count) == RH_OK)
        (void)rh_transport_push(&c->transport, rh_buffer_bytes(&text));
}

bool rh_talk_h1_inform(struct rh_connection *c, unsigned status, const struct rh_header *headers,
                       size_t header_count)
{
    if (c->transport.fd < 0 || c->h1.request.version < 11 || c->state == RH_CONNECTION_RESPOND ||
        rh_transport_is_full(&c->transport))
        return false;
    send_interim(c, status, headers, header_count);
    return true;
}

static bool owes_continue(const struct rh_connection *c)
{
    const struct rh_request *request = &c->h1.request;

    return request->expect_continue && request->version >= 11 && !c->continue_sent &&
           c->call.body_bytes == 0 && c->in.size == 0 && !rh_h1_done(&c->h1);
}

/* Goes where the exchange wants to. */
static void follow(struct rh_connection *c)
{
    enum rh_want want = rh_exchange_want(c->call.exchange);

    if (c->state == RH_CONNECTION_ORPHAN) {
        if (want == RH_WANT_RESPOND || want == RH_WANT_FILE)
            rh_connection_end(c);
        return;
    }
    switch (want) {
    case RH_WANT_BODY:
        RH_ASSERT(!c->call.body_ended);
        if (c->loop->cutting) { /* its grant came too late */
            rh_talk_h1_break(c, RH_ERR_AGAIN);
            break;
        }
        rh_connection_set_state(c, RH_CONNECTION_BODY);
        /* The answer is settled: it must not wait long for a client that waits for it. */
        if (rh_exchange_is_answered(c->call.exchange))
            c->deadline_ms = c->loop->now_ms + RH_SETTLED_MS_MAX;
        if (owes_continue(c)) {
            c->continue_sent = true;
            send_interim(c, 100, NULL, 0);
        }
        break;
    case RH_WANT_VAULT:
        rh_connection_set_state(c, RH_CONNECTION_WAIT);
        break;
    case RH_WANT_RESPOND:
    case RH_WANT_FILE:
        rh_answer_exchange(c);
        break;
    }
}

void rh_talk_h1_break(struct rh_connection *c, enum rh_error why)
{
    rh_call_break(&c->call, why);
    follow(c);
}

/*
 * What it sent stays. A request that the vault is busy with is not dropped: its grant would never
 * be given back, and whoever sends these bytes again would wait for ever.
 */
void rh_talk_h1_lost(struct rh_connection *c)
{
    if (c->call.exchange == NULL ||
        (c->state != RH_CONNECTION_BODY && c->state != RH_CONNECTION_WAIT)) {
        rh_connection_end(c);
        return;
    }
    rh_transport_close(&c->transport);
    rh_connection_set_state(c, RH_CONNECTION_ORPHAN);
    if (c->call.body_ended)
        follow(c);
    else
        rh_talk_h1_break(c, RH_ERR_CLOSED);
}

/* ---- heads ---- */

static size_t headers_size(size_t count)
{
    return count * sizeof(struct rh_header);
}

/* Most heads come in one piece, so they are read in memory of the loop first. */
static void begin_head(struct rh_connection *c)
{
    uint8_t *memory = c->loop->head_memory;

    rh_h1_init(&c->h1, memory + headers_size(RH_H1_HEADERS), c->loop->shell->config->head_bytes_max,
               (struct rh_header *)(void *)memory, RH_H1_HEADERS, 0);
    rh_connection_set_state(c, RH_CONNECTION_HEAD);
}

/* One block: headers first, which want alignment, then the text. False: no memory. */
static bool own_head(struct rh_connection *c, size_t header_cap, size_t text_cap)
{
    struct rh_header *headers = malloc(headers_size(header_cap) + text_cap);

    if (headers == NULL)
        return false;
    rh_h1_move(&c->h1, (uint8_t *)(headers + header_cap), text_cap, headers, header_cap);
    free(c->head);
    c->head = headers;
    return true;
}

/* A request may take long, with thousands like it: it keeps what it has and no more. */
static bool fit_head(struct rh_connection *c)
{
    bool trailers = c->h1.request.body == RH_REQUEST_BODY_CHUNKED;
    size_t text_max = c->h1.head_cap;
    size_t text = c->h1.head_size + (trailers ? TRAILER_BYTES : 0);
    size_t headers = c->h1.header_count + (trailers ? TRAILERS : 0);

    return own_head(c, headers < RH_H1_HEADERS ? headers : RH_H1_HEADERS,
                    text < text_max ? text : text_max);
}

static void begin_exchange(struct rh_connection *c)
{
    c->continue_sent = false;
    c->h1.request.secure = rh_call_is_secure(&c->call, &c->h1.request, c->transport.tls);
    if (!fit_head(c) || !rh_call_begin(&c->call, c->slot, &c->h1.request)) {
        rh_connection_end(c);
        return;
    }
    follow(c);
}

/* True: something changed, look again. */
static bool step_head(struct rh_connection *c)
{
    size_t used = 0;
    enum rh_error error;

    if (c->in.size == 0)
        return false;
    if (c->state == RH_CONNECTION_IDLE)
        begin_head(c);
    error = rh_h1_head(&c->h1, c->in, &used);
    rh_connection_use(c, used);
    if (error == RH_ERR_AGAIN)
        return false;
    if (error == RH_OK)
        begin_exchange(c);
    else
        rh_answer_error(c, rh_h1_status(&c->h1), rh_h1_problem(&c->h1));
    return true;
}

void rh_talk_h1_start(struct rh_connection *c, struct rh_bytes first)
{
    struct rh_bytes rest = c->in;

    c->in = first;
    (void)step_head(c);
    /* The answer to an error is the last one. */
    if (c->state == RH_CONNECTION_HEAD)
        c->in = rest;
}

/* ---- bodies ---- */

/* Gives content to the exchange. */
static void give_content(struct rh_connection *c)
{
    struct rh_exchange *exchange = c->call.exchange;
    size_t taken = rh_exchange_body(exchange, c->in.data, c->in_content);

    RH_ASSERT(taken <= c->in_content);
    /* An exchange that still wants the body but takes nothing of it would spin for ever. */
    RH_ASSERT(taken > 0 || rh_exchange_want(exchange) != RH_WANT_BODY);
    rh_connection_use(c, taken);
    c->in_content -= taken;
    c->call.body_bytes += taken;
    if (rh_exchange_want(exchange) != RH_WANT_BODY)
        follow(c);
}

static bool step_body(struct rh_connection *c)
{
    struct rh_bytes content = {NULL, 0};
    size_t used = 0;
    enum rh_error error;

    if (c->in_content > 0) {
        give_content(c);
        return true;
    }
    error = rh_h1_body(&c->h1, c->in, &used, &content);
    if (error == RH_OK && content.size > 0) {
        /* `used` ends with the content: what is before it is framing. */
        rh_connection_use(c, used - content.size);
        RH_ASSERT(c->in.data == content.data);
        c->in_content = content.size;
        return true;
    }
    rh_connection_use(c, used);
    if (error == RH_ERR_AGAIN)
        return false;
    if (error != RH_OK) {
        rh_talk_h1_break(c, error);
        return true;
    }
    c->call.body_ended = true;
    rh_exchange_body_end(c->call.exchange);
    follow(c);
    return true;
}

static bool step_linger(struct rh_connection *c)
{
    c->lingered_bytes += c->in.size;
    rh_connection_use(c, c->in.size);
    if (c->lingered_bytes > RH_LINGER_BYTES_MAX || c->peer_ended)
        rh_connection_end(c);
    return false;
}

/* ---- the turn ---- */

static bool step(struct rh_connection *c)
{
    switch (c->state) {
    case RH_CONNECTION_IDLE:
    case RH_CONNECTION_HEAD:
        return step_head(c);
    case RH_CONNECTION_BODY:
        return step_body(c);
    case RH_CONNECTION_RESPOND:
        return rh_answer_continue(c);
    case RH_CONNECTION_LINGER:
        return step_linger(c);
    default:
        return false;
    }
}

void rh_talk_h1_run(struct rh_connection *c)
{
    do {
        while (step(c))
            continue;
        if (!c->input_over || c->in.size > 0 || c->peer_ended)
            break;
        rh_talk_h1_input_ended(c);
    } while (c->state == RH_CONNECTION_RESPOND);
    /* Its memory serves the next head. */
    if (c->state == RH_CONNECTION_HEAD && c->head == NULL &&
        !own_head(c, RH_H1_HEADERS, c->loop->shell->config->head_bytes_max))
        rh_connection_end(c);
    rh_connection_settle(c);
}

void rh_talk_h1_input_ended(struct rh_connection *c)
{
    switch (c->state) {
    case RH_CONNECTION_BODY:
        /* It may have closed its side alone, and then can read an answer. */
        c->peer_ended = true;
        rh_talk_h1_break(c, RH_ERR_CLOSED);
        break;
    case RH_CONNECTION_IDLE:
    case RH_CONNECTION_HEAD:
    case RH_CONNECTION_LINGER:
        c->peer_ended = true;
        rh_connection_end(c);
        break;
    default:
        c->input_over = true; /* first what it has asked */
        break;
    }
}

size_t rh_talk_h1_read_size(const struct rh_connection *c)
{
    uint64_t left;

    if (c->state == RH_CONNECTION_LINGER)
        return RH_LOOP_READ_BYTES;
    if (c->state != RH_CONNECTION_BODY || c->call.body_bytes == 0)
        return READ_BYTES_SHORT;
    if (c->transport.tls != NULL)
        return RH_CIPHER_BYTES;
    left = rh_h1_body_left(&c->h1);
    /* Bytes of the next request stay in the socket, where they cost nothing. */
    return left < RH_LOOP_READ_BYTES && left > 0 ? (size_t)left : RH_LOOP_READ_BYTES;
}

void rh_talk_h1_progress(struct rh_connection *c)
{
    if (c->state == RH_CONNECTION_LINGER) {
        rh_connection_set_state(c, RH_CONNECTION_LINGER);
        if (c->deadline_ms > c->linger_end_ms)
            c->deadline_ms = c->linger_end_ms;
    } else if (c->state == RH_CONNECTION_BODY) {
        rh_connection_set_state(c, RH_CONNECTION_BODY);
        if (rh_exchange_is_answered(c->call.exchange))
            c->deadline_ms = c->loop->now_ms + RH_SETTLED_MS_MAX;
    }
}

void rh_talk_h1_message(struct rh_connection *c, struct rh_message *message)
{
    rh_call_message(&c->call, message);
    if (message->kind == RH_MESSAGE_CHECKPOINT || message->kind == RH_MESSAGE_PROGRESS) {
        /* Nothing came from the client: its time runs on, or a body that stands still would never
         * end. */
        rh_connection_settle(c);
        return;
    }
    if (c->state != RH_CONNECTION_RESPOND)
        follow(c);
    rh_talk_h1_run(c);
}
