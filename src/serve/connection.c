/* SPDX-License-Identifier: MIT */
#include "serve/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "http/h2.h"
#include "serve/log.h"
#include "serve/talk_h2.h"

#define READS_A_TURN 4    /* so that one fast sender does not keep the loop from the others */
#define TLS_RECORD   0x16 /* the first byte of a handshake */
/* A handshake waits for its turn as long as so many others may take. */
#define TURNS_MAX 4
/* A flight of the handshake. */
#define READ_BYTES_HANDSHAKE ((size_t)16 * 1024)

/* ---- life ---- */

static void begin(struct rh_connection *c)
{
    if (c->refused || c->loop->draining) {
        /* Not worth a handshake: a client that speaks TLS sees the connection end. */
        if (c->loop->shell->door != NULL) {
            rh_connection_end(c);
            return;
        }
        rh_answer_error(c, 503, "The server has no room for another connection.");
        rh_connection_event(c, 0);
        return;
    }
    c->fresh = true;
    rh_connection_set_state(c, c->loop->shell->door != NULL ? RH_CONNECTION_HANDSHAKE
                                                            : RH_CONNECTION_IDLE);
}

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
    c->transport.fd = fd;
    c->transport.scratch = &loop->scratch;
    c->output.file = -1;
    c->refused = refused;
    c->armed = EPOLLIN;
    rh_call_init(&c->call, loop);
    event.data.ptr = c;
    rh_connection_set_state(c, RH_CONNECTION_IDLE);
    /* Answers are written whole; waiting to fill a packet would only delay them. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        rh_connection_end(c);
    else
        begin(c);
}

static void stop_shaking(struct rh_connection *c)
{
    if (c->shaking)
        c->loop->handshake_count--;
    c->shaking = false;
}

void rh_connection_end(struct rh_connection *c)
{
    if (c->state == RH_CONNECTION_CLOSED)
        return;
    stop_shaking(c);
    rh_answer_finish(c, c->call.exchange != NULL ? "gone" : NULL);
    if (c->h2 != NULL)
        rh_talk_h2_end(c);
    if (c->transport.fd >= 0 && c->transport.tls != NULL && !rh_transport_is_full(&c->transport))
        rh_transport_end(&c->transport);
    rh_transport_close(&c->transport);
    c->state = RH_CONNECTION_CLOSED;
    rh_loop_release(c->loop, c);
}

void rh_connection_free(struct rh_connection *c)
{
    free(c->pending);
    free(c);
}

void rh_connection_lose(struct rh_connection *c)
{
    stop_shaking(c);
    if (c->h2 != NULL)
        rh_talk_h2_lost(c);
    else
        rh_talk_h1_lost(c);
}

void rh_connection_close(struct rh_connection *c, bool linger)
{
    /* Closing a socket that holds unread bytes resets it, and the answer may be lost. */
    if (!linger && c->in.size == 0) {
        rh_connection_end(c);
        return;
    }
    rh_transport_end(&c->transport);
    c->lingered_bytes = 0;
    c->linger_end_ms = c->loop->now_ms + RH_LINGER_MS_ALL_MAX;
    rh_connection_set_state(c, RH_CONNECTION_LINGER);
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
    case RH_CONNECTION_HANDSHAKE:
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
    case RH_CONNECTION_H2:
    case RH_CONNECTION_CLOSED:
        c->deadline_ms = RH_MS_NEVER;
        break;
    }
}

/* ---- epoll ---- */

static bool waits_to_shake(const struct rh_connection *c)
{
    return c->state == RH_CONNECTION_HANDSHAKE && c->transport.tls == NULL &&
           c->loop->handshake_count >= RH_HANDSHAKES_MAX;
}

static uint32_t events_wanted(const struct rh_connection *c)
{
    uint32_t writing = rh_transport_is_full(&c->transport) ? EPOLLOUT : 0;

    switch (c->state) {
    case RH_CONNECTION_HANDSHAKE:
        return waits_to_shake(c) ? 0 : EPOLLIN | writing;
    case RH_CONNECTION_IDLE:
    case RH_CONNECTION_HEAD:
    case RH_CONNECTION_BODY:
    case RH_CONNECTION_LINGER:
        return EPOLLIN | writing;
    case RH_CONNECTION_RESPOND:
        return EPOLLOUT;
    case RH_CONNECTION_H2:
        return rh_talk_h2_events(c);
    case RH_CONNECTION_WAIT:
        return writing;
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

    if (c->transport.fd < 0 || wanted == c->armed || (lazily && wanted == 0 && c->armed == EPOLLIN))
        return;
    if (epoll_ctl(c->loop->epoll, EPOLL_CTL_MOD, c->transport.fd, &event) != 0) {
        rh_connection_lose(c);
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

static void keep_rest(struct rh_connection *c)
{
    uint8_t *copy;

    if (c->in.size == 0 || c->transport.fd < 0) {
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
        rh_connection_lose(c);
        return;
    }
    memcpy(copy, c->in.data, c->in.size);
    c->pending = copy;
    c->in.data = copy;
}

void rh_connection_settle(struct rh_connection *c)
{
    keep_rest(c);
    arm(c, true);
}

/* ---- which protocol ---- */

/* Whether the first byte is TLS; a plain request is told so in words that it understands. */
static bool begin_tls(struct rh_connection *c)
{
    uint8_t first = 0;
    ssize_t n = recv(c->transport.fd, &first, 1, MSG_PEEK);

    if (n < 0)
        return false;
    if (n == 1 && first >= 'A' && first <= 'Z') {
        rh_answer_error(c, 400,
                        "This port speaks TLS: the address has to begin with https://, not with "
                        "http://.");
        rh_talk_h1_run(c);
        return false;
    }
    if (n == 1 && first == TLS_RECORD)
        c->transport.tls = rh_tls_create(c->loop->shell->door);
    if (c->transport.tls == NULL) {
        rh_connection_end(c);
        return false;
    }
    c->shaking = true;
    c->loop->handshake_count++;
    rh_connection_set_state(c, RH_CONNECTION_HANDSHAKE); /* its time begins now */
    return true;
}

static void end_handshake(struct rh_connection *c)
{
    stop_shaking(c);
    c->fresh = false;
    if (rh_tls_chose_h2(c->transport.tls))
        rh_talk_h2_begin(c);
    else
        rh_connection_set_state(c, RH_CONNECTION_IDLE);
}

/*
 * HTTP/2 without TLS begins with a fixed text that no request of HTTP/1.1 begins with. As it is
 * known, nothing has to be kept while it comes in pieces.
 */
static void tell_apart(struct rh_connection *c)
{
    static const char preface[] = RH_H2_PREFACE;

    while (c->preface < sizeof preface - 1 && c->in.size > 0 &&
           c->in.data[0] == (uint8_t)preface[c->preface]) {
        c->preface++;
        rh_connection_use(c, 1);
    }
    if (c->preface < sizeof preface - 1 && c->in.size == 0) {
        if (c->state == RH_CONNECTION_IDLE)
            c->deadline_ms = c->loop->now_ms + c->loop->shell->config->head_timeout_ms;
        return;
    }
    c->fresh = false;
    if (c->preface == sizeof preface - 1)
        rh_talk_h2_begin(c);
    else if (c->preface > 0)
        rh_talk_h1_start(c, (struct rh_bytes){(const uint8_t *)preface, c->preface});
}

/* Works off what was read. */
static void run(struct rh_connection *c)
{
    if (c->fresh)
        tell_apart(c);
    if (c->h2 != NULL)
        rh_talk_h2_run(c);
    else if (!c->fresh && c->state != RH_CONNECTION_CLOSED)
        rh_talk_h1_run(c);
    else
        rh_connection_settle(c);
}

/* ---- reading ---- */

static bool is_reading(const struct rh_connection *c)
{
    return (events_wanted(c) & EPOLLIN) != 0;
}

static size_t read_size(const struct rh_connection *c)
{
    if (c->state == RH_CONNECTION_HANDSHAKE)
        return READ_BYTES_HANDSHAKE;
    return c->h2 != NULL ? rh_talk_h2_read_size(c) : rh_talk_h1_read_size(c);
}

static void log_tls_problem(const struct rh_connection *c)
{
    rh_serve_log(RH_LOG_DEBUG, "TLS was broken off",
                 &RH_LOG_TEXT("why", rh_tls_problem(c->transport.tls)), 1);
}

static void input_ended(struct rh_connection *c)
{
    if (c->state == RH_CONNECTION_HANDSHAKE)
        rh_connection_end(c);
    else if (c->h2 != NULL)
        rh_talk_h2_input_ended(c);
    else
        rh_talk_h1_input_ended(c);
    if (c->h2 == NULL && c->state != RH_CONNECTION_CLOSED)
        rh_talk_h1_run(c);
}

/* One read; true: there may be more. */
static bool read_once(struct rh_connection *c)
{
    size_t size = 0;
    bool more = false;
    enum rh_error error =
        rh_transport_read(&c->transport, c->loop->read_buffer, read_size(c), &size, &more);

    RH_ASSERT(c->in.size == 0);
    if (error == RH_ERR_AGAIN)
        return false;
    if (error == RH_ERR_IO || error == RH_ERR_SYNTAX) {
        if (error == RH_ERR_SYNTAX)
            log_tls_problem(c);
        rh_connection_lose(c);
        return false;
    }
    if (c->state == RH_CONNECTION_HANDSHAKE && rh_tls_is_open(c->transport.tls))
        end_handshake(c);
    if (size > 0) {
        if (c->h2 == NULL)
            rh_talk_h1_progress(c);
        c->in = (struct rh_bytes){c->loop->read_buffer, size};
    }
    if (c->state == RH_CONNECTION_HANDSHAKE)
        arm(c, false);
    else
        run(c);
    if (error == RH_ERR_CLOSED && c->state != RH_CONNECTION_CLOSED)
        input_ended(c);
    return more && error == RH_OK;
}

static void read_some(struct rh_connection *c)
{
    if (c->state == RH_CONNECTION_HANDSHAKE && c->transport.tls == NULL && !begin_tls(c))
        return;
    for (int i = 0; i < READS_A_TURN && is_reading(c); i++)
        if (!read_once(c))
            return;
}

/* What waited has priority; false: the connection is lost. */
static bool flush(struct rh_connection *c)
{
    bool progress = false;
    enum rh_error error = rh_transport_flush(&c->transport, &progress);

    if (error != RH_OK && error != RH_ERR_AGAIN) {
        rh_connection_lose(c);
        return false;
    }
    return true;
}

void rh_connection_event(struct rh_connection *c, uint32_t events)
{
    if (c->state == RH_CONNECTION_CLOSED)
        return;
    if (c->h2 != NULL && (events & EPOLLOUT) != 0 && !rh_talk_h2_write(c))
        return;
    if (waits_to_shake(c)) {
        c->deadline_ms = c->loop->now_ms + TURNS_MAX * c->loop->shell->config->head_timeout_ms;
        arm(c, false);
        return;
    }
    if (is_reading(c) && (events & ~(uint32_t)EPOLLOUT) != 0) {
        /* Also on errors: what arrived before the connection broke is read first. */
        read_some(c);
        return;
    }
    if (events & (EPOLLERR | EPOLLHUP)) {
        rh_connection_lose(c);
        return;
    }
    if (c->state == RH_CONNECTION_RESPOND)
        rh_talk_h1_run(c);
    else if (c->h2 != NULL || (events & EPOLLOUT) == 0 || flush(c))
        arm(c, false);
}

/* ---- the rest of the world ---- */

bool rh_connection_message(struct rh_connection *c, uint64_t op, struct rh_message *message)
{
    if (c->h2 != NULL)
        return rh_talk_h2_message(c, op, message);
    if (c->call.op != op)
        return false;
    rh_talk_h1_message(c, message);
    return true;
}

bool rh_connection_inform(struct rh_connection *c, uint64_t op, unsigned status,
                          const struct rh_header *headers, size_t header_count)
{
    if (c->h2 != NULL)
        return rh_talk_h2_inform(c, op, status, headers, header_count);
    return c->call.op == op && rh_talk_h1_inform(c, status, headers, header_count);
}

void rh_connection_tick(struct rh_connection *c)
{
    if (c->h2 != NULL) {
        rh_talk_h2_tick(c);
        return;
    }
    if (c->state == RH_CONNECTION_HANDSHAKE)
        arm(c, false);
    if (c->loop->now_ms < c->deadline_ms)
        return;
    switch (c->state) {
    case RH_CONNECTION_HEAD:
        rh_answer_error(c, 408, "The head of the request did not arrive in time.");
        rh_talk_h1_run(c);
        break;
    case RH_CONNECTION_BODY:
        rh_talk_h1_break(c, RH_ERR_AGAIN);
        rh_talk_h1_run(c);
        break;
    default:
        rh_connection_end(c);
    }
}

void rh_connection_drain(struct rh_connection *c)
{
    if (c->h2 != NULL)
        rh_talk_h2_drain(c);
    else if (c->state == RH_CONNECTION_IDLE || c->state == RH_CONNECTION_HANDSHAKE)
        rh_connection_end(c);
}

void rh_connection_cut(struct rh_connection *c)
{
    if (c->h2 != NULL) {
        rh_talk_h2_cut(c);
        return;
    }
    switch (c->state) {
    case RH_CONNECTION_BODY:
        rh_talk_h1_break(c, RH_ERR_AGAIN);
        rh_talk_h1_run(c);
        break;
    case RH_CONNECTION_HANDSHAKE:
    case RH_CONNECTION_IDLE:
    case RH_CONNECTION_HEAD:
    case RH_CONNECTION_LINGER:
        rh_connection_end(c);
        break;
    default:
        break;
    }
}
