/* SPDX-License-Identifier: MIT */
#include "serve/connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "serve/log.h"

#define READS_A_TURN 4 /* so that one fast sender does not keep the loop from the others */
/* For the rest of a body that is only read so that the answer to it gets through. */
#define SETTLED_MS_MAX ((rh_ms)500)
/* Reads that may be followed by waiting: what is not taken has to be copied. */
#define READ_BYTES_SHORT ((size_t)16 * 1024)

/* ---- life ---- */

void rh_connection_create(struct rh_loop *loop, int fd, bool refused)
{
    const int on = 1;
    struct epoll_event event = {.events = EPOLLIN};
    struct rh_connection *c = calloc(1, sizeof *c);

    if (c == NULL || !rh_loop_adopt(loop, c)) {
        free(c);
        close(fd);
        atomic_fetch_sub(&loop->connection_count, 1);
        return;
    }
    c->loop = loop;
    c->fd = fd;
    c->file.fd = -1;
    c->output.file = -1;
    c->refused = refused;
    c->armed = EPOLLIN;
    event.data.ptr = c;
    rh_connection_set_state(c, RH_CONNECTION_IDLE);
    /* Answers are written whole; waiting to fill a packet would only delay them. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        rh_connection_end(c);
        return;
    }
    if (refused || loop->draining) {
        rh_answer_error(c, 503, "The server has no room for another connection.");
        rh_connection_event(c, 0);
    }
}

void rh_connection_end(struct rh_connection *c)
{
    if (c->state == RH_CONNECTION_CLOSED)
        return;
    rh_answer_finish(c, c->exchange != NULL ? "gone" : NULL);
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->state = RH_CONNECTION_CLOSED;
    rh_loop_release(c->loop, c);
}

void rh_connection_free(struct rh_connection *c)
{
    free(c->pending);
    free(c);
}

void rh_connection_set_state(struct rh_connection *c, enum rh_connection_state state)
{
    const struct rh_config *config = c->loop->shell->config;
    rh_ms now_ms = c->loop->now_ms;

    c->state = state;
    switch (state) {
    case RH_CONNECTION_IDLE:
        c->deadline_ms = now_ms + config->idle_timeout_ms;
        break;
    case RH_CONNECTION_HEAD:
        c->deadline_ms = now_ms + config->head_timeout_ms;
        break;
    case RH_CONNECTION_BODY:
    case RH_CONNECTION_RESPOND:
        c->deadline_ms = now_ms + config->read_timeout_ms;
        break;
    case RH_CONNECTION_LINGER:
        c->deadline_ms = now_ms + RH_LINGER_MS_MAX;
        break;
    case RH_CONNECTION_WAIT:
    case RH_CONNECTION_ORPHAN:
    case RH_CONNECTION_CLOSED:
        c->deadline_ms = RH_MS_NEVER;
        break;
    }
}

/* ---- epoll ---- */

static void lose_client(struct rh_connection *c);

static uint32_t events_wanted(const struct rh_connection *c)
{
    switch (c->state) {
    case RH_CONNECTION_IDLE:
    case RH_CONNECTION_HEAD:
    case RH_CONNECTION_BODY:
    case RH_CONNECTION_LINGER:
        return EPOLLIN;
    case RH_CONNECTION_RESPOND:
        return EPOLLOUT;
    default:
        return 0;
    }
}

/*
 * `lazily`: the short wait for the vault between two reads is common, and turning the watch off and
 * on again would cost two calls a part. It is turned off when something does arrive meanwhile.
 */
static void arm(struct rh_connection *c, bool lazily)
{
    uint32_t wanted = events_wanted(c);
    struct epoll_event event = {.events = wanted, .data.ptr = c};

    if (c->fd < 0 || wanted == c->armed || (lazily && wanted == 0 && c->armed == EPOLLIN))
        return;
    if (epoll_ctl(c->loop->epoll, EPOLL_CTL_MOD, c->fd, &event) != 0) {
        lose_client(c);
        return;
    }
    c->armed = wanted;
}

/* ---- input ---- */

void rh_connection_use(struct rh_connection *c, size_t n)
{
    RH_ASSERT(n <= c->in.size);
    c->in.data += n;
    c->in.size -= n;
}

/* Before the loop's read buffer serves another connection. */
static void keep_rest(struct rh_connection *c)
{
    uint8_t *copy;

    if (c->in.size == 0 || c->fd < 0) {
        free(c->pending);
        c->pending = NULL;
        c->in = (struct rh_bytes){NULL, 0};
        return;
    }
    if (c->pending != NULL)
        return;
    copy = malloc(c->in.size);
    if (copy == NULL) {
        c->in = (struct rh_bytes){NULL, 0};
        lose_client(c);
        return;
    }
    memcpy(copy, c->in.data, c->in.size);
    c->pending = copy;
    c->in.data = copy;
}

static void send_continue(struct rh_connection *c)
{
    uint8_t memory[64];
    struct rh_buffer text;

    rh_buffer_init(&text, memory, sizeof memory);
    c->continue_sent = true;
    if (rh_h1_write_interim(&text, 100, NULL, 0) != RH_OK)
        return;
    /* A fresh answer of 25 bytes always fits into an empty socket buffer; where it does not, the
     * client's own time-out makes it send the body anyway (RFC 9110, 10.1.1). */
    if (send(c->fd, text.data, text.size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return;
}

static bool owes_continue(const struct rh_connection *c)
{
    const struct rh_request *request = &c->h1.request;

    return request->expect_continue && request->version >= 11 && !c->continue_sent &&
           c->body_bytes == 0 && c->in.size == 0 && !rh_h1_done(&c->h1);
}

static void break_body(struct rh_connection *c, enum rh_error why);

/* Goes where the exchange wants to. */
static void follow(struct rh_connection *c)
{
    enum rh_want want = rh_exchange_want(c->exchange);

    if (c->state == RH_CONNECTION_ORPHAN) {
        if (want == RH_WANT_RESPOND || want == RH_WANT_FILE)
            rh_connection_end(c);
        return;
    }
    switch (want) {
    case RH_WANT_BODY:
        RH_ASSERT(!c->body_ended);
        if (c->loop->cutting) { /* its grant came too late */
            break_body(c, RH_ERR_AGAIN);
            break;
        }
        rh_connection_set_state(c, RH_CONNECTION_BODY);
        /* The answer is settled: it must not wait long for a client that waits for it. */
        if (rh_exchange_is_answered(c->exchange))
            c->deadline_ms = c->loop->now_ms + SETTLED_MS_MAX;
        if (owes_continue(c))
            send_continue(c);
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

static void break_body(struct rh_connection *c, enum rh_error why)
{
    c->body_ended = true;
    rh_exchange_body_broken(c->exchange, why);
    follow(c);
}

/*
 * The client is gone for good, or has to be: there is no way on for its connection. What it sent
 * stays. A request that the vault is busy with is not dropped: its grant would never be given back,
 * and whoever sends these bytes again would wait for ever.
 */
static void lose_client(struct rh_connection *c)
{
    if (c->exchange == NULL || (c->state != RH_CONNECTION_BODY && c->state != RH_CONNECTION_WAIT)) {
        rh_connection_end(c);
        return;
    }
    close(c->fd);
    c->fd = -1;
    rh_connection_set_state(c, RH_CONNECTION_ORPHAN);
    if (c->body_ended)
        follow(c);
    else
        break_body(c, RH_ERR_CLOSED);
}

/* ---- steps ---- */

static bool begin_head(struct rh_connection *c)
{
    size_t head_cap = c->loop->shell->config->head_bytes_max;
    size_t headers_size = RH_H1_HEADERS * sizeof(struct rh_header);

    /* One block: headers first, which want alignment, then the text. */
    c->head = malloc(headers_size + head_cap);
    if (c->head == NULL) {
        rh_connection_end(c);
        return false;
    }
    rh_h1_init(&c->h1, (uint8_t *)c->head + headers_size, head_cap, c->head, RH_H1_HEADERS, 0);
    rh_connection_set_state(c, RH_CONNECTION_HEAD);
    return true;
}

static void begin_exchange(struct rh_connection *c)
{
    struct rh_loop *loop = c->loop;

    c->exchange = malloc(rh_exchange_size());
    if (c->exchange == NULL) {
        rh_connection_end(c);
        return;
    }
    c->op = rh_loop_op(loop, c->slot);
    c->began_ms = loop->now_ms;
    c->body_bytes = 0;
    c->body_ended = false;
    c->continue_sent = false;
    rh_exchange_begin(c->exchange, &loop->api, &c->h1.request, c->op);
    follow(c);
}

/* True: something changed, look again. */
static bool step_head(struct rh_connection *c)
{
    size_t used = 0;
    enum rh_error error;

    if (c->in.size == 0)
        return false;
    if (c->head == NULL && !begin_head(c))
        return false;
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

/* Gives content to the exchange. */
static void give_content(struct rh_connection *c)
{
    size_t taken = rh_exchange_body(c->exchange, c->in.data, c->in_content);

    RH_ASSERT(taken <= c->in_content);
    /* An exchange that still wants the body but takes nothing of it would spin for ever. */
    RH_ASSERT(taken > 0 || rh_exchange_want(c->exchange) != RH_WANT_BODY);
    rh_connection_use(c, taken);
    c->in_content -= taken;
    c->body_bytes += taken;
    if (rh_exchange_want(c->exchange) != RH_WANT_BODY)
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
        break_body(c, error);
        return true;
    }
    c->body_ended = true;
    rh_exchange_body_end(c->exchange);
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

/* Works off what is there. */
static void run(struct rh_connection *c)
{
    while (step(c))
        continue;
    keep_rest(c);
    arm(c, true);
}

/* ---- reading ---- */

static size_t read_size(const struct rh_connection *c)
{
    uint64_t left;

    if (c->state == RH_CONNECTION_LINGER)
        return RH_LOOP_READ_BYTES;
    if (c->state != RH_CONNECTION_BODY || c->body_bytes == 0)
        return READ_BYTES_SHORT;
    left = rh_h1_body_left(&c->h1);
    /* Bytes of the next request stay in the socket, where they cost nothing. */
    return left < RH_LOOP_READ_BYTES && left > 0 ? (size_t)left : RH_LOOP_READ_BYTES;
}

static bool is_reading(const struct rh_connection *c)
{
    return events_wanted(c) == EPOLLIN;
}

static void end_of_input(struct rh_connection *c)
{
    c->peer_ended = true;
    if (c->state == RH_CONNECTION_BODY) {
        /* It may have closed its side alone, and then can read an answer. */
        break_body(c, RH_ERR_CLOSED);
        run(c);
        return;
    }
    rh_connection_end(c);
}

/* Something came: the time-out starts anew, but where only a rest is thrown away. */
static void progress(struct rh_connection *c)
{
    rh_ms limit_ms = c->linger_end_ms;

    if (c->state == RH_CONNECTION_LINGER) {
        rh_connection_set_state(c, RH_CONNECTION_LINGER);
        if (c->deadline_ms > limit_ms)
            c->deadline_ms = limit_ms;
    } else {
        rh_connection_set_state(c, RH_CONNECTION_BODY);
        if (rh_exchange_is_answered(c->exchange))
            c->deadline_ms = c->loop->now_ms + SETTLED_MS_MAX;
    }
}

/* One read; true: there may be more. */
static bool read_once(struct rh_connection *c)
{
    size_t size = read_size(c);
    ssize_t n = recv(c->fd, c->loop->read_buffer, size, 0);

    RH_ASSERT(c->in.size == 0);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return false;
    if (n < 0) {
        lose_client(c);
        return false;
    }
    if (n == 0) {
        end_of_input(c);
        return false;
    }
    if (c->state == RH_CONNECTION_BODY || c->state == RH_CONNECTION_LINGER)
        progress(c);
    c->in = (struct rh_bytes){c->loop->read_buffer, (size_t)n};
    run(c);
    return (size_t)n == size;
}

void rh_connection_event(struct rh_connection *c, uint32_t events)
{
    if (c->state == RH_CONNECTION_CLOSED)
        return;
    if (is_reading(c) && events != 0) {
        /* Also on errors: what arrived before the connection broke is read first. */
        for (int i = 0; i < READS_A_TURN && is_reading(c); i++)
            if (!read_once(c))
                return;
        return;
    }
    if (events & (EPOLLERR | EPOLLHUP)) {
        lose_client(c);
        return;
    }
    if (c->state == RH_CONNECTION_RESPOND)
        run(c);
    else
        arm(c, false);
}

/* ---- the rest of the world ---- */

void rh_connection_message(struct rh_connection *c, struct rh_message *message)
{
    switch (message->kind) {
    case RH_MESSAGE_GRANT:
        rh_exchange_granted(c->exchange, &message->u.grant);
        break;
    case RH_MESSAGE_REVOKE:
        rh_exchange_revoked(c->exchange);
        break;
    case RH_MESSAGE_CHECKPOINT: /* the body goes on as if nothing had been asked */
        rh_exchange_checkpoint(c->exchange);
        return;
    case RH_MESSAGE_PROGRESS:
        rh_exchange_progressed(c->exchange, message->u.progress.cursor);
        return;
    case RH_MESSAGE_REPLY:
        rh_exchange_replied(c->exchange, message->u.reply);
        break;
    default:
        return;
    }
    if (c->state != RH_CONNECTION_RESPOND)
        follow(c);
    run(c);
}

void rh_connection_tick(struct rh_connection *c)
{
    if (c->loop->now_ms < c->deadline_ms)
        return;
    switch (c->state) {
    case RH_CONNECTION_HEAD:
        rh_answer_error(c, 408, "The head of the request did not arrive in time.");
        run(c);
        break;
    case RH_CONNECTION_BODY:
        break_body(c, RH_ERR_AGAIN);
        run(c);
        break;
    default:
        rh_connection_end(c);
    }
}

void rh_connection_drain(struct rh_connection *c)
{
    if (c->state == RH_CONNECTION_IDLE)
        rh_connection_end(c);
}

void rh_connection_cut(struct rh_connection *c)
{
    switch (c->state) {
    case RH_CONNECTION_BODY:
        break_body(c, RH_ERR_AGAIN);
        run(c);
        break;
    case RH_CONNECTION_IDLE:
    case RH_CONNECTION_HEAD:
    case RH_CONNECTION_LINGER:
        rh_connection_end(c);
        break;
    default:
        break;
    }
}
