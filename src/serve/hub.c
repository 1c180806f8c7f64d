/* SPDX-License-Identifier: MIT */
#include "serve/hub.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/assert.h"
#include "serve/log.h"

#define TIME_EVERY_MS ((rh_ms)1000)
/* The vault stamps what happens with the last time it was told. */
#define TIME_STALE_MS ((rh_ms)100)

static rh_ms clock_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (rh_ms)now.tv_sec * 1000 + (rh_ms)now.tv_nsec / 1000000;
}

/* ---- actions ---- */

static void to_loop(struct rh_hub *hub, uint64_t op, struct rh_message *message)
{
    RH_ASSERT(RH_LOOP_OF_OP(op) < hub->loop_count);
    rh_queue_post_now(&hub->loops[RH_LOOP_OF_OP(op)].inbox, message);
}

static void log_action(const struct rh_vault_action *action)
{
    const struct rh_log_value values[] = {
        RH_LOG_TEXT("upload", action->u.log.upload),
        RH_LOG_NUMBER("error", (uint64_t) - (int64_t)action->u.log.error),
    };

    rh_serve_log(RH_LOG_WARN, action->u.log.text, values, 2);
}

static void act(struct rh_hub *hub, struct rh_vault_action *action)
{
    struct rh_message *message;

    switch (action->kind) {
    case RH_DO_GRANT:
        message = rh_message_new(RH_MESSAGE_GRANT);
        message->u.grant = action->u.grant;
        to_loop(hub, action->u.grant.op, message);
        break;
    case RH_DO_REVOKE:
        message = rh_message_new(RH_MESSAGE_REVOKE);
        message->u.op = action->u.revoke_op;
        to_loop(hub, action->u.revoke_op, message);
        break;
    case RH_DO_CHECKPOINT:
        message = rh_message_new(RH_MESSAGE_CHECKPOINT);
        message->u.op = action->u.checkpoint_op;
        to_loop(hub, action->u.checkpoint_op, message);
        break;
    case RH_DO_PROGRESS:
        message = rh_message_new(RH_MESSAGE_PROGRESS);
        message->u.progress.op = action->u.progress.op;
        message->u.progress.cursor = action->u.progress.cursor;
        to_loop(hub, action->u.progress.op, message);
        break;
    case RH_DO_REPLY:
        message = rh_message_new(RH_MESSAGE_REPLY);
        message->u.reply = action->u.reply;
        to_loop(hub, action->u.reply->op, message);
        break;
    case RH_DO_STORE:
        message = rh_message_new(RH_MESSAGE_STORE);
        message->u.store = action->u.store;
        rh_workers_post(hub->workers, message);
        break;
    case RH_DO_READ:
        message = rh_message_new(RH_MESSAGE_READ);
        message->u.read.id = action->u.read.id;
        message->u.read.read = action->u.read.read;
        rh_workers_post(hub->workers, message);
        break;
    case RH_DO_COMMIT:
        message = rh_message_new(RH_MESSAGE_COMMIT);
        message->u.commit.id = action->u.commit.id;
        message->u.commit.batch = action->u.commit.batch;
        rh_workers_post(hub->workers, message);
        break;
    case RH_DO_FATAL:
        rh_serve_die("the catalog could not be made durable; ending before anything is "
                     "acknowledged that may not be kept");
    case RH_DO_DRAINED:
        atomic_store(&hub->drained, true);
        break;
    case RH_DO_LOG:
        log_action(action);
        break;
    }
}

/* Stops where the workers have no room; their results bring it back here. */
static void act_all(struct rh_hub *hub)
{
    struct rh_vault_action action;

    while (rh_workers_have_room(hub->workers) && rh_vault_next(hub->vault, &action))
        act(hub, &action);
}

/* ---- events ---- */

static void tell(struct rh_hub *hub, struct rh_vault_event *event)
{
    if (rh_vault_tell(hub->vault, event) != RH_OK)
        rh_out_of_memory();
}

static void tell_time(struct rh_hub *hub, rh_ms now_ms)
{
    struct rh_vault_event event = {.kind = RH_HAS_TIME};

    event.u.time.mono_ms = now_ms;
    event.u.time.wall_ms = (int64_t)clock_ms(CLOCK_REALTIME);
    tell(hub, &event);
}

static void tell_all(struct rh_hub *hub, struct rh_message *message)
{
    while (message != NULL) {
        struct rh_message *next = message->next;

        if (message->kind == RH_MESSAGE_STOP)
            hub->stopping = true;
        else
            tell(hub, &message->u.event);
        free(message);
        message = next;
    }
}

static void *run_hub(void *context)
{
    struct rh_hub *hub = context;
    rh_ms told_ms = clock_ms(CLOCK_MONOTONIC);

    tell_time(hub, told_ms);
    act_all(hub);
    while (!hub->stopping) {
        struct rh_message *messages = rh_queue_wait(&hub->inbox, TIME_EVERY_MS);
        rh_ms now_ms = clock_ms(CLOCK_MONOTONIC);

        if (now_ms - told_ms >= TIME_STALE_MS) {
            tell_time(hub, now_ms);
            told_ms = now_ms;
        }
        tell_all(hub, messages);
        act_all(hub);
    }
    return NULL;
}

/* ---- life ---- */

enum rh_error rh_hub_init(struct rh_hub *hub, const struct rh_vault_limits *limits)
{
    uint8_t entropy[32];

    memset(hub, 0, sizeof *hub);
    if (getrandom(entropy, sizeof entropy, 0) != (ssize_t)sizeof entropy)
        return RH_ERR_IO;
    hub->vault = rh_vault_create(limits, entropy);
    if (hub->vault == NULL)
        return RH_ERR_MEMORY;
    return rh_queue_init(&hub->inbox, RH_HUB_INBOX_MAX, false);
}

enum rh_error rh_hub_start(struct rh_hub *hub, struct rh_workers *workers, struct rh_loop *loops,
                           unsigned loop_count)
{
    hub->workers = workers;
    hub->loops = loops;
    hub->loop_count = loop_count;
    hub->started = pthread_create(&hub->thread, NULL, run_hub, hub) == 0;
    return hub->started ? RH_OK : RH_ERR_IO;
}

void rh_hub_join(struct rh_hub *hub)
{
    if (!hub->started)
        return;
    rh_queue_post(&hub->inbox, rh_message_new(RH_MESSAGE_STOP));
    pthread_join(hub->thread, NULL);
    hub->started = false;
}

static void free_event(struct rh_vault_event *event)
{
    if (event->kind == RH_HAS_REQUEST) {
        rh_vault_request_free(event->u.request);
    } else if (event->kind == RH_HAS_READ) {
        rh_rows_free(event->u.read.rows);
        free(event->u.read.rows);
    }
}

void rh_hub_finish(struct rh_hub *hub)
{
    struct rh_message *message;

    if (hub->vault == NULL)
        return;
    message = rh_queue_take(&hub->inbox);
    while (message != NULL) {
        struct rh_message *next = message->next;

        free_event(&message->u.event);
        free(message);
        message = next;
    }
    rh_queue_finish(&hub->inbox);
    rh_vault_destroy(hub->vault);
    hub->vault = NULL;
}
