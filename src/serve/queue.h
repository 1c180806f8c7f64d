/* SPDX-License-Identifier: MIT */
#ifndef SERVE_QUEUE_H
#define SERVE_QUEUE_H
/*
 * Messages between the threads of the server: loops, the vault's thread, disk and catalog workers.
 *
 * Who may wait for whom, so that nothing can lock up: everybody may wait for room in the vault's
 * inbox; the vault's thread waits for nobody (it looks for room with rh_queue_has_room before it
 * takes an action that needs some); the inboxes of the loops are as large as what can be in flight.
 */
#include <pthread.h>

#include "vault/vault.h"

enum rh_message_kind {
    RH_MESSAGE_EVENT = 1,  /* to the vault: event */
    RH_MESSAGE_STORE,      /* to a disk worker: store */
    RH_MESSAGE_READ,       /* to the catalog worker: read */
    RH_MESSAGE_COMMIT,     /* to the catalog worker: commit */
    RH_MESSAGE_ACCEPTED,   /* to a loop: a connection */
    RH_MESSAGE_GRANT,      /* to a loop: grant */
    RH_MESSAGE_REVOKE,     /* to a loop: op */
    RH_MESSAGE_CHECKPOINT, /* to a loop: op */
    RH_MESSAGE_PROGRESS,   /* to a loop: progress */
    RH_MESSAGE_REPLY,      /* to a loop: reply, which becomes the receiver's */
    RH_MESSAGE_DRAIN,      /* to a loop: end after what is in flight */
    RH_MESSAGE_CUT,        /* to a loop: break off bodies that are still coming */
    RH_MESSAGE_STOP,       /* to any: leave the thread */
};

struct rh_message {
    struct rh_message *next; /* the queue's */
    enum rh_message_kind kind;
    union {
        struct rh_vault_event event;
        struct rh_store_job store;
        struct {
            uint64_t id;
            struct rh_read read;
        } read;
        struct {
            uint64_t id;
            struct rh_batch batch;
        } commit;
        struct {
            int fd;
            bool refuse; /* the server is full: answer 503 */
        } accepted;
        struct rh_grant grant;
        uint64_t op;
        struct {
            uint64_t op;
            uint64_t cursor;
        } progress;
        struct rh_vault_reply *reply;
    } u;
};

struct rh_queue {
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    pthread_cond_t room;
    struct rh_message *first;
    struct rh_message *last;
    size_t count;
    size_t count_max;
    int event; /* an eventfd that is readable while there are messages, or -1 */
};

/* A zeroed message; ends the process when memory is out, which loses nothing that was promised. */
struct rh_message *rh_message_new(enum rh_message_kind kind);

/* RH_OK, or RH_ERR_IO when there are no descriptors left. */
enum rh_error rh_queue_init(struct rh_queue *queue, size_t count_max, bool with_event);
/* Frees nothing that messages own: the queue must be empty by then. */
void rh_queue_finish(struct rh_queue *queue);

bool rh_queue_has_room(struct rh_queue *queue);
/* Waits for room; the message becomes the queue's. */
void rh_queue_post(struct rh_queue *queue, struct rh_message *message);
/* The same, where it is a bug of ours when there is no room. */
void rh_queue_post_now(struct rh_queue *queue, struct rh_message *message);

/* All messages, the oldest first, or NULL. The caller frees them. */
struct rh_message *rh_queue_take(struct rh_queue *queue);
/* The same; waits until there is one, or until `wait_ms` have passed: NULL. */
struct rh_message *rh_queue_wait(struct rh_queue *queue, rh_ms wait_ms);

#endif
