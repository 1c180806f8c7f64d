/* SPDX-License-Identifier: MIT */
#include "serve/queue.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "serve/log.h"

struct rh_message *rh_message_new(enum rh_message_kind kind)
{
    struct rh_message *message = calloc(1, sizeof *message);

    RH_MEMORY(message);
    message->kind = kind;
    return message;
}

enum rh_error rh_queue_init(struct rh_queue *queue, size_t count_max, bool with_event)
{
    pthread_condattr_t attributes;

    memset(queue, 0, sizeof *queue);
    queue->count_max = count_max;
    queue->event = -1;
    if (with_event) {
        queue->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (queue->event < 0)
            return RH_ERR_IO;
    }
    pthread_mutex_init(&queue->mutex, NULL);
    pthread_condattr_init(&attributes);
    /* Waits must not depend on the wall clock, which may jump. */
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&queue->filled, &attributes);
    pthread_cond_init(&queue->room, &attributes);
    pthread_condattr_destroy(&attributes);
    return RH_OK;
}

void rh_queue_finish(struct rh_queue *queue)
{
    if (queue->count_max == 0)
        return;
    RH_ASSERT(queue->first == NULL);
    pthread_cond_destroy(&queue->room);
    pthread_cond_destroy(&queue->filled);
    pthread_mutex_destroy(&queue->mutex);
    if (queue->event >= 0)
        close(queue->event);
    memset(queue, 0, sizeof *queue);
    queue->event = -1;
}

bool rh_queue_has_room(struct rh_queue *queue)
{
    bool room;

    pthread_mutex_lock(&queue->mutex);
    room = queue->count < queue->count_max;
    pthread_mutex_unlock(&queue->mutex);
    return room;
}

static void append(struct rh_queue *queue, struct rh_message *message)
{
    bool was_empty = queue->first == NULL;

    message->next = NULL;
    if (was_empty)
        queue->first = message;
    else
        queue->last->next = message;
    queue->last = message;
    queue->count++;
    if (!was_empty)
        return;
    /* One wake-up for all that gathers until the receiver looks. */
    pthread_cond_signal(&queue->filled);
    if (queue->event >= 0) {
        uint64_t one = 1;
        ssize_t written = write(queue->event, &one, sizeof one);

        if (written != (ssize_t)sizeof one)
            rh_serve_die("a thread cannot be woken: writing to an eventfd failed");
    }
}

void rh_queue_post(struct rh_queue *queue, struct rh_message *message)
{
    pthread_mutex_lock(&queue->mutex);
    while (queue->count >= queue->count_max)
        pthread_cond_wait(&queue->room, &queue->mutex);
    append(queue, message);
    pthread_mutex_unlock(&queue->mutex);
}

void rh_queue_post_now(struct rh_queue *queue, struct rh_message *message)
{
    pthread_mutex_lock(&queue->mutex);
    RH_ASSERT(queue->count < queue->count_max);
    append(queue, message);
    pthread_mutex_unlock(&queue->mutex);
}

static struct rh_message *take_locked(struct rh_queue *queue)
{
    struct rh_message *all = queue->first;

    queue->first = NULL;
    queue->last = NULL;
    queue->count = 0;
    if (all == NULL)
        return NULL;
    pthread_cond_broadcast(&queue->room);
    if (queue->event >= 0) {
        uint64_t count;
        ssize_t got = read(queue->event, &count, sizeof count);

        if (got != (ssize_t)sizeof count)
            rh_serve_die("a thread cannot be woken: reading an eventfd failed");
    }
    return all;
}

struct rh_message *rh_queue_take(struct rh_queue *queue)
{
    struct rh_message *all;

    pthread_mutex_lock(&queue->mutex);
    all = take_locked(queue);
    pthread_mutex_unlock(&queue->mutex);
    return all;
}

struct rh_message *rh_queue_wait(struct rh_queue *queue, rh_ms wait_ms)
{
    struct rh_message *all;
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(wait_ms / 1000);
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&queue->mutex);
    while (queue->first == NULL)
        if (pthread_cond_timedwait(&queue->filled, &queue->mutex, &until) != 0)
            break;
    all = take_locked(queue);
    pthread_mutex_unlock(&queue->mutex);
    return all;
}
