/* SPDX-License-Identifier: MIT */
#include "serve/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "serve/connection.h"
#include "serve/log.h"

#define EVENTS_A_TURN   64
#define TICK_MS         ((rh_ms)250) /* how finely time-outs are kept */
#define SLOTS_FIRST     64
#define SLOTS_MAX       ((size_t)1 << 24) /* what an op has room for */
#define INBOX_MAX       ((size_t)1 << 24) /* a few messages an op, and hand-overs */
#define OP_SLOT_SHIFT   8
#define OP_SERIAL_SHIFT 32
#define OP_SLOT_MASK    0xffffffu

/* ---- slots and ops ---- */

bool rh_loop_adopt(struct rh_loop *loop, struct rh_connection *c)
{
    struct rh_connection **grown;
    size_t count = loop->slot_count;

    for (size_t i = 0; i < count; i++) {
        if (loop->slots[i] == NULL) {
            loop->slots[i] = c;
            c->slot = (uint32_t)i;
            return true;
        }
    }
    if (count >= SLOTS_MAX)
        return false;
    grown = realloc(loop->slots, (count == 0 ? SLOTS_FIRST : count * 2) * sizeof(*grown));
    if (grown == NULL)
        return false;
    loop->slots = grown;
    loop->slot_count = count == 0 ? SLOTS_FIRST : count * 2;
    memset(&grown[count], 0, (loop->slot_count - count) * sizeof(*grown));
    grown[count] = c;
    c->slot = (uint32_t)count;
    return true;
}

void rh_loop_release(struct rh_loop *loop, struct rh_connection *c)
{
    RH_ASSERT(loop->slots[c->slot] == c);
    loop->slots[c->slot] = NULL;
    if (c->refused)
        loop->refused_count--;
    else
        atomic_fetch_sub(&loop->connection_count, 1);
    /* Events of this turn may still point at it. */
    c->next_closed = loop->closed;
    loop->closed = c;
}

uint64_t rh_loop_op(struct rh_loop *loop, uint32_t slot)
{
    loop->serial++;
    if (loop->serial == 0)
        loop->serial = 1; /* 0 is no op */
    return ((uint64_t)loop->serial << OP_SERIAL_SHIFT) | ((uint64_t)slot << OP_SLOT_SHIFT) |
           loop->index;
}

static struct rh_connection *find_op(const struct rh_loop *loop, uint64_t op)
{
    size_t slot = (size_t)((op >> OP_SLOT_SHIFT) & OP_SLOT_MASK);

    return slot < loop->slot_count ? loop->slots[slot] : NULL;
}

/* ---- what the api asks of a loop ---- */

static void ask(void *context, struct rh_exchange *x, struct rh_vault_request *request)
{
    struct rh_loop *loop = context;
    struct rh_message *message = rh_message_new(RH_MESSAGE_EVENT);

    (void)x;
    message->u.event.kind = RH_HAS_REQUEST;
    message->u.event.u.request = request;
    rh_queue_post(loop->shell->vault, message);
}

static void written(void *context, struct rh_exchange *x, const struct rh_written *what)
{
    struct rh_loop *loop = context;
    struct rh_message *message = rh_message_new(RH_MESSAGE_EVENT);

    (void)x;
    message->u.event.kind = RH_HAS_WRITTEN;
    message->u.event.u.written = *what;
    rh_queue_post(loop->shell->vault, message);
}

static bool inform(void *context, uint64_t op, unsigned status, const struct rh_header *headers,
                   size_t header_count)
{
    struct rh_connection *c = find_op(context, op);

    return c != NULL && rh_connection_inform(c, op, status, headers, header_count);
}

static void random_bytes(void *context, uint8_t *out, size_t size)
{
    (void)context;
    while (size > 0) {
        ssize_t n = getrandom(out, size, 0);

        if (n < 0 && errno != EINTR)
            rh_serve_die("the system gives no random bytes");
        if (n > 0) {
            out += n;
            size -= (size_t)n;
        }
    }
}

/* ---- messages ---- */

static void accept_message(struct rh_loop *loop, const struct rh_message *message)
{
    bool refuse = message->u.accepted.refuse;

    if (refuse && loop->refused_count >= RH_LOOP_REFUSED_MAX) {
        close(message->u.accepted.fd);
        return;
    }
    if (refuse)
        loop->refused_count++;
    rh_connection_create(loop, message->u.accepted.fd, refuse);
}

static void for_each(struct rh_loop *loop, void (*act)(struct rh_connection *))
{
    for (size_t i = 0; i < loop->slot_count; i++)
        if (loop->slots[i] != NULL)
            act(loop->slots[i]);
}

static void answer_message(struct rh_loop *loop, struct rh_message *message, uint64_t op)
{
    struct rh_connection *c = find_op(loop, op);

    if (c != NULL && rh_connection_message(c, op, message))
        return;
    if (message->kind == RH_MESSAGE_REPLY) {
        rh_vault_reply_finish(message->u.reply);
        free(message->u.reply);
    }
}

static void handle(struct rh_loop *loop, struct rh_message *message)
{
    switch (message->kind) {
    case RH_MESSAGE_ACCEPTED:
        accept_message(loop, message);
        break;
    case RH_MESSAGE_GRANT:
        answer_message(loop, message, message->u.grant.op);
        break;
    case RH_MESSAGE_REVOKE:
    case RH_MESSAGE_CHECKPOINT:
        answer_message(loop, message, message->u.op);
        break;
    case RH_MESSAGE_PROGRESS:
        answer_message(loop, message, message->u.progress.op);
        break;
    case RH_MESSAGE_REPLY:
        answer_message(loop, message, message->u.reply->op);
        break;
    case RH_MESSAGE_DRAIN:
        loop->draining = true;
        for_each(loop, rh_connection_drain);
        break;
    case RH_MESSAGE_CUT:
        loop->cutting = true;
        for_each(loop, rh_connection_cut);
        break;
    case RH_MESSAGE_STOP:
        loop->stopping = true;
        break;
    default:
        RH_ASSERT(false);
    }
}

static void handle_inbox(struct rh_loop *loop)
{
    struct rh_message *message = rh_queue_take(&loop->inbox);

    while (message != NULL) {
        struct rh_message *next = message->next;

        handle(loop, message);
        free(message);
        message = next;
    }
}

/* ---- the loop ---- */

static rh_ms monotonic_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (rh_ms)now.tv_sec * 1000 + (rh_ms)now.tv_nsec / 1000000;
}

static void free_closed(struct rh_loop *loop)
{
    while (loop->closed != NULL) {
        struct rh_connection *c = loop->closed;

        loop->closed = c->next_closed;
        rh_connection_free(c);
    }
}

static void turn(struct rh_loop *loop, rh_ms *next_tick_ms)
{
    struct epoll_event events[EVENTS_A_TURN];
    bool any = atomic_load(&loop->connection_count) + loop->refused_count > 0;
    int count = epoll_wait(loop->epoll, events, EVENTS_A_TURN, any ? (int)TICK_MS : -1);
    bool has_message = false;

    if (count < 0 && errno != EINTR)
        rh_serve_die("epoll_wait failed");
    loop->now_ms = monotonic_ms();
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == loop)
            has_message = true;
        else
            rh_connection_event(events[i].data.ptr, events[i].events);
    }
    if (has_message)
        handle_inbox(loop);
    if (loop->now_ms >= *next_tick_ms) {
        for_each(loop, rh_connection_tick);
        *next_tick_ms = loop->now_ms + TICK_MS;
    }
    free_closed(loop);
}

static void *run_loop(void *context)
{
    struct rh_loop *loop = context;
    rh_ms next_tick_ms = 0;

    while (!loop->stopping)
        turn(loop, &next_tick_ms);
    for_each(loop, rh_connection_end);
    free_closed(loop);
    return NULL;
}

static enum rh_error make_memory(struct rh_loop *loop)
{
    size_t head = RH_H1_HEADERS * sizeof(struct rh_header) + loop->shell->config->head_bytes_max;

    loop->read_buffer = malloc(RH_LOOP_READ_BYTES);
    loop->write_buffer = malloc(RH_LOOP_WRITE_BYTES);
    loop->head_buffer = malloc(RH_LOOP_HEAD_BYTES);
    loop->head_memory = malloc(head);
    if (loop->read_buffer == NULL || loop->write_buffer == NULL || loop->head_buffer == NULL ||
        loop->head_memory == NULL)
        return RH_ERR_MEMORY;
    if (loop->shell->door == NULL)
        return RH_OK;
    loop->scratch.cipher_in = malloc(RH_CIPHER_BYTES);
    loop->scratch.cipher_out = malloc(RH_TLS_OUT_BYTES);
    return loop->scratch.cipher_in != NULL && loop->scratch.cipher_out != NULL ? RH_OK
                                                                               : RH_ERR_MEMORY;
}

enum rh_error rh_loop_start(struct rh_loop *loop, const struct rh_shell *shell, uint8_t index)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = loop};

    loop->shell = shell;
    loop->index = index;
    loop->now_ms = monotonic_ms();
    loop->api = (struct rh_api){
        .config = &shell->api,
        .store = shell->store,
        .ask = ask,
        .written = written,
        .random = random_bytes,
        .inform = inform,
        .context = loop,
    };
    if (make_memory(loop) != RH_OK)
        return RH_ERR_MEMORY;
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll < 0 || rh_queue_init(&loop->inbox, INBOX_MAX, true) != RH_OK)
        return RH_ERR_IO;
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->inbox.event, &event) != 0)
        return RH_ERR_IO;
    return pthread_create(&loop->thread, NULL, run_loop, loop) == 0 ? RH_OK : RH_ERR_IO;
}

/* What came too late to be looked at. */
static void drop_inbox(struct rh_loop *loop)
{
    struct rh_message *message = rh_queue_take(&loop->inbox);

    while (message != NULL) {
        struct rh_message *next = message->next;

        if (message->kind == RH_MESSAGE_ACCEPTED) {
            close(message->u.accepted.fd);
        } else if (message->kind == RH_MESSAGE_REPLY) {
            rh_vault_reply_finish(message->u.reply);
            free(message->u.reply);
        }
        free(message);
        message = next;
    }
}

void rh_loop_join(struct rh_loop *loop)
{
    rh_queue_post_now(&loop->inbox, rh_message_new(RH_MESSAGE_STOP));
    pthread_join(loop->thread, NULL);
}

void rh_loop_finish(struct rh_loop *loop)
{
    drop_inbox(loop);
    rh_queue_finish(&loop->inbox);
    close(loop->epoll);
    free(loop->slots);
    free(loop->read_buffer);
    free(loop->write_buffer);
    free(loop->head_buffer);
    free(loop->head_memory);
    free(loop->scratch.cipher_in);
    free(loop->scratch.cipher_out);
}
