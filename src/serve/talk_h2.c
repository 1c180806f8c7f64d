/* SPDX-License-Identifier: MIT */
#include "serve/talk_h2.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/assert.h"
#include "serve/h2_call.h"
#include "serve/log.h"

#define READ_BYTES_SHORT   ((size_t)4 * 1024)
#define HELD_BYTES_MAX     ((size_t)256 * 1024) /* of a connection, then it is not read from */
#define HELD_BYTES_ALL_MAX ((size_t)64 * 1024 * 1024) /* of a loop: likewise */
/* Room for a frame, in what is sent at once. */
#define FRAME_BYTES ((size_t)16 * 1024 + 512)
/* So that one fast reader does not keep the loop from the others. */
#define TURN_BYTES_MAX ((size_t)2 * 1024 * 1024)

/* ---- the handler: see http/h2.h ---- */

static struct rh_h2_call *add_call(struct rh_connection *c, struct rh_h2_stream *stream)
{
    struct rh_talk_h2 *talk = c->h2;
    /* Calls whose clients left count, too: else leaving would be a way to have any number. */
    struct rh_h2_call *h = talk->call_count < RH_H2_STREAMS ? calloc(1, sizeof *h) : NULL;

    if (h == NULL)
        return NULL;
    rh_call_init(&h->call, c->loop);
    h->connection = c;
    h->stream = stream;
    h->deadline_ms = RH_MS_NEVER;
    stream->user = h;
    rh_list_append(&talk->calls, &h->link);
    talk->call_count++;
    return h;
}

static void on_head(void *context, struct rh_h2_stream *stream)
{
    struct rh_connection *c = context;
    struct rh_h2_call *h = add_call(c, stream);

    if (h == NULL) {
        rh_h2_refuse(c->h2->h2, stream);
        return;
    }
    stream->request.secure = rh_call_is_secure(&h->call, &stream->request, c->transport.tls);
    if (stream->status != 0) {
        rh_h2_call_respond(h, rh_call_error(&h->call, stream->status, stream->problem));
        return;
    }
    h->content_over = stream->request.body == RH_REQUEST_BODY_NONE;
    if (rh_call_begin(&h->call, c->slot, &stream->request))
        rh_h2_call_follow(h);
    else
        rh_h2_call_respond(h, rh_call_error(&h->call, 503, NULL));
}

static void on_content(void *context, struct rh_h2_stream *stream, struct rh_bytes content)
{
    struct rh_connection *c = context;
    struct rh_h2_call *h = stream->user;
    size_t taken = 0;

    if (h == NULL || h->responding || h->gone || h->call.body_ended) {
        rh_h2_consume(c->h2->h2, stream, content.size);
        return;
    }
    if (h->held == NULL && rh_exchange_want(h->call.exchange) == RH_WANT_BODY) {
        taken = rh_exchange_body(h->call.exchange, content.data, content.size);
        c->h2->takes = true;
        h->call.body_bytes += taken;
        rh_h2_consume(c->h2->h2, stream, taken);
    }
    content.data += taken;
    content.size -= taken;
    if (content.size > 0)
        c->h2->takes = false;
    if (content.size > 0 && !rh_h2_call_hold(h, content)) {
        rh_h2_consume(c->h2->h2, stream, content.size);
        rh_h2_reset(c->h2->h2, stream);
        return;
    }
    rh_h2_call_follow(h);
}

static void on_end(void *context, struct rh_h2_stream *stream)
{
    struct rh_h2_call *h = stream->user;

    (void)context;
    if (h == NULL || h->responding || h->gone || h->call.body_ended)
        return;
    h->content_over = true;
    rh_h2_call_follow(h);
}

static void on_gone(void *context, struct rh_h2_stream *stream, enum rh_error why)
{
    (void)context;
    if (stream->user != NULL)
        rh_h2_call_lose(stream->user, why);
    else
        rh_h2_stream_free(stream);
}

static size_t read_answer(void *context, struct rh_h2_stream *stream, uint8_t *out, size_t cap)
{
    struct rh_h2_call *h = stream->user;
    const struct rh_response *response = h->response;
    ssize_t n = (ssize_t)cap;

    (void)context;
    rh_h2_call_wait(h);
    if (response->body == RH_RESPONSE_BODY_BYTES) {
        RH_ASSERT(h->read_at + cap <= response->bytes.size);
        memcpy(out, response->bytes.data + h->read_at, cap);
    } else {
        do
            n = pread((int)response->file, out, cap, (off_t)(response->range.offset + h->read_at));
        while (n < 0 && errno == EINTR);
    }
    if (n <= 0) {
        rh_serve_say(RH_LOG_ERROR, "a file could not be read to its end");
        return 0;
    }
    h->read_at += (uint64_t)n;
    h->call.sent_bytes += (uint64_t)n;
    return (size_t)n;
}

/* ---- writing ---- */

/* Frames into the loop's memory, as many as go out at once. */
static enum rh_error gather_frames(struct rh_connection *c, size_t *size)
{
    struct rh_bytes bytes = {NULL, 0};

    *size = 0;
    while (*size + FRAME_BYTES <= RH_LOOP_WRITE_BYTES) {
        enum rh_error error = rh_h2_send(c->h2->h2, &bytes);

        if (error != RH_OK)
            return error;
        if (bytes.size == 0)
            break;
        /* Frames of headers can be larger than a frame of data; nghttp2 splits those at 16 KiB. */
        RH_ASSERT(bytes.size <= RH_LOOP_WRITE_BYTES - *size);
        memcpy(c->loop->write_buffer + *size, bytes.data, bytes.size);
        *size += bytes.size;
    }
    return RH_OK;
}

/* Sends what there is. False: the connection is lost. */
static bool pump(struct rh_connection *c)
{
    struct rh_transport *transport = &c->transport;
    bool progress = false;
    enum rh_error error = rh_transport_flush(transport, &progress);
    size_t size = 1;

    for (size_t sent = 0; error == RH_OK && size > 0 && sent < TURN_BYTES_MAX; sent += size) {
        if (rh_transport_is_full(transport))
            break;
        error = gather_frames(c, &size);
        if (error == RH_OK)
            error = rh_transport_push(transport, (struct rh_bytes){c->loop->write_buffer, size});
        progress = progress || size > 0;
    }
    if (progress)
        c->h2->write_end_ms = c->loop->now_ms + c->loop->shell->config->read_timeout_ms;
    if (error == RH_OK || error == RH_ERR_AGAIN)
        return true;
    rh_connection_lose(c);
    return false;
}

/*
 * All was said. What the client still sends is thrown away, or the last frames would be lost with
 * it; calls that the vault is busy with are seen to their end meanwhile.
 */
static void leave(struct rh_connection *c)
{
    struct rh_talk_h2 *talk = c->h2;

    talk->leaves = talk->broken = true;
    talk->idle_end_ms = c->loop->now_ms + RH_LINGER_MS_MAX;
    RH_LIST_EACH_SAFE(it, &talk->calls)
    {
        struct rh_h2_call *h = RH_LIST_ENTRY(it, struct rh_h2_call, link);

        if (!h->gone)
            rh_h2_call_lose(h, RH_ERR_CLOSED);
    }
    rh_transport_end(&c->transport);
}

/* After anything that may have changed something. */
static void settle(struct rh_connection *c)
{
    struct rh_talk_h2 *talk = c->h2;

    if (c->transport.fd < 0) {
        if (talk->call_count == 0)
            rh_connection_end(c);
        return;
    }
    if (!talk->leaves && !pump(c))
        return;
    if (!talk->leaves && !rh_transport_is_full(&c->transport) && rh_h2_is_over(talk->h2))
        leave(c);
    if (talk->leaves && talk->call_count == 0) {
        rh_talk_h2_end(c);
        rh_connection_close(c, !c->loop->cutting);
    }
    rh_connection_settle(c);
}

bool rh_talk_h2_write(struct rh_connection *c)
{
    settle(c);
    return c->state == RH_CONNECTION_H2;
}

uint32_t rh_talk_h2_events(const struct rh_connection *c)
{
    const struct rh_talk_h2 *talk = c->h2;
    size_t held = talk->held_bytes;
    bool is_held =
        held >= HELD_BYTES_MAX || (held > 0 && c->loop->held_bytes >= HELD_BYTES_ALL_MAX);
    bool writing = rh_transport_is_full(&c->transport) || rh_h2_wants_send(talk->h2);

    if (talk->leaves)
        return EPOLLIN;
    return (is_held || talk->broken ? 0 : EPOLLIN) | (writing ? EPOLLOUT : 0);
}

/* ---- reading ---- */

static void receive(struct rh_connection *c, uint8_t *data, size_t size)
{
    enum rh_error error;

    if (c->h2->broken)
        return;
    error = rh_h2_receive(c->h2->h2, data, size, c->loop->now_ms);
    if (error == RH_OK)
        return;
    c->h2->broken = true;
    if (error == RH_ERR_LIMIT)
        rh_serve_say(RH_LOG_WARN, "a client of HTTP/2 was sent away: it flooded its connection");
}

void rh_talk_h2_begin(struct rh_connection *c)
{
    const struct rh_h2_handler handler = {c, on_head, on_content, on_end, on_gone, read_answer};
    const struct rh_h2_limits limits = {c->loop->shell->config->head_bytes_max, RH_H2_STREAMS};
    struct rh_talk_h2 *talk = calloc(1, sizeof *talk);
    bool has_preface = c->preface > 0;

    if (talk == NULL || (talk->h2 = rh_h2_create(&handler, &limits)) == NULL) {
        free(talk);
        rh_connection_end(c);
        return;
    }
    rh_list_init(&talk->calls);
    talk->idle_end_ms = c->loop->now_ms + c->loop->shell->config->idle_timeout_ms;
    c->h2 = talk;
    rh_connection_set_state(c, RH_CONNECTION_H2);
    if (has_preface) {
        uint8_t preface[] = RH_H2_PREFACE;

        receive(c, preface, sizeof preface - 1);
    }
    if (c->loop->draining)
        rh_h2_goaway(talk->h2);
}

void rh_talk_h2_run(struct rh_connection *c)
{
    if (c->in.size > 0) {
        /* It is the loop's read buffer, which may be written over. */
        RH_ASSERT(c->pending == NULL);
        receive(c, (uint8_t *)(uintptr_t)c->in.data, c->in.size);
        rh_connection_use(c, c->in.size);
    }
    settle(c);
}

size_t rh_talk_h2_read_size(const struct rh_connection *c)
{
    /* What comes before anybody can take it has to be held. */
    if (!c->h2->takes)
        return READ_BYTES_SHORT;
    return c->transport.tls != NULL ? RH_CIPHER_BYTES : RH_LOOP_READ_BYTES;
}

void rh_talk_h2_input_ended(struct rh_connection *c)
{
    c->peer_ended = true;
    rh_connection_lose(c);
}

/* ---- the rest of the world ---- */

void rh_talk_h2_lost(struct rh_connection *c)
{
    rh_transport_close(&c->transport);
    rh_connection_set_state(c, RH_CONNECTION_ORPHAN);
    RH_LIST_EACH_SAFE(it, &c->h2->calls)
    {
        struct rh_h2_call *h = RH_LIST_ENTRY(it, struct rh_h2_call, link);

        if (!h->gone)
            rh_h2_call_lose(h, RH_ERR_CLOSED);
    }
    if (c->h2->call_count == 0)
        rh_connection_end(c);
}

static struct rh_h2_call *find_op(const struct rh_connection *c, uint64_t op)
{
    RH_LIST_EACH(it, &c->h2->calls)
    {
        struct rh_h2_call *h = RH_LIST_ENTRY(it, struct rh_h2_call, link);

        if (h->call.op == op)
            return h;
    }
    return NULL;
}

bool rh_talk_h2_message(struct rh_connection *c, uint64_t op, struct rh_message *message)
{
    struct rh_h2_call *h = find_op(c, op);

    if (h == NULL)
        return false;
    rh_call_message(&h->call, message);
    /* A look at how far it came is no progress: its time does not start anew. */
    if (!h->responding && message->kind != RH_MESSAGE_CHECKPOINT &&
        message->kind != RH_MESSAGE_PROGRESS)
        rh_h2_call_follow(h);
    settle(c);
    return true;
}

bool rh_talk_h2_inform(struct rh_connection *c, uint64_t op, unsigned status,
                       const struct rh_header *headers, size_t header_count)
{
    struct rh_h2_call *h = find_op(c, op);

    if (h == NULL || h->gone || h->responding || rh_transport_is_full(&c->transport))
        return false;
    return rh_h2_inform(c->h2->h2, h->stream, status, headers, header_count) == RH_OK;
}

static void break_call(struct rh_h2_call *h)
{
    if (h->responding) {
        rh_h2_reset(h->connection->h2->h2, h->stream);
        h->deadline_ms = RH_MS_NEVER;
        return;
    }
    if (!h->call.body_ended)
        rh_call_break(&h->call, RH_ERR_AGAIN);
    rh_h2_call_follow(h);
}

void rh_talk_h2_tick(struct rh_connection *c)
{
    struct rh_talk_h2 *talk = c->h2;
    rh_ms now_ms = c->loop->now_ms;
    bool late = false;

    RH_LIST_EACH_SAFE(it, &talk->calls)
    {
        struct rh_h2_call *h = RH_LIST_ENTRY(it, struct rh_h2_call, link);

        if (now_ms >= h->deadline_ms) {
            late = true;
            break_call(h);
        }
    }
    if (c->transport.fd < 0)
        return;
    if ((rh_transport_is_full(&c->transport) && now_ms >= talk->write_end_ms) ||
        (talk->leaves && now_ms >= talk->idle_end_ms)) {
        rh_connection_lose(c);
        return;
    }
    if (talk->call_count == 0 && now_ms >= talk->idle_end_ms) {
        /* Told once; who does not leave then is left. */
        if (talk->broken) {
            rh_connection_end(c);
            return;
        }
        talk->broken = true;
        talk->idle_end_ms = now_ms + RH_LINGER_MS_MAX;
        rh_h2_goaway(talk->h2);
        late = true;
    }
    if (late)
        settle(c);
}

void rh_talk_h2_drain(struct rh_connection *c)
{
    if (c->transport.fd < 0)
        return;
    rh_h2_goaway(c->h2->h2);
    settle(c);
}

void rh_talk_h2_cut(struct rh_connection *c)
{
    if (c->transport.fd < 0)
        return;
    RH_LIST_EACH_SAFE(it, &c->h2->calls)
    {
        struct rh_h2_call *h = RH_LIST_ENTRY(it, struct rh_h2_call, link);

        if (!h->responding && rh_exchange_want(h->call.exchange) == RH_WANT_BODY)
            rh_h2_call_follow(h);
    }
    settle(c);
}

void rh_talk_h2_end(struct rh_connection *c)
{
    struct rh_talk_h2 *talk = c->h2;

    while (!rh_list_is_empty(&talk->calls))
        rh_h2_call_finish(RH_LIST_ENTRY(rh_list_first(&talk->calls), struct rh_h2_call, link),
                          "gone");
    rh_h2_destroy(talk->h2);
    free(talk);
    c->h2 = NULL;
}
