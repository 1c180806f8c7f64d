/* SPDX-License-Identifier: MIT */
#ifndef SERVE_LOOP_H
#define SERVE_LOOP_H
/*
 * An epoll loop: one thread that owns a share of the connections. Nothing of a connection is
 * touched by another thread; what others have to say arrives in the inbox.
 */
#include <stdatomic.h>

#include "serve/config.h"
#include "serve/queue.h"
#include "serve/transport.h"

/* One read buffer a loop, not a connection. */
#define RH_LOOP_READ_BYTES  ((size_t)256 * 1024)
#define RH_LOOP_WRITE_BYTES RH_TLS_WRITE_BYTES
#define RH_LOOP_HEAD_BYTES  ((size_t)32 * 1024) /* head of an answer while it is being written */
#define RH_LOOP_REFUSED_MAX                                                                        \
    64 /* connections beyond the limit that are told so, not just dropped                          \
        */

/* What all loops share; set before they start and constant from then on. */
struct rh_shell {
    const struct rh_config *config;
    struct rh_api_config api;
    struct rh_store *store;
    struct rh_queue *vault;   /* inbox of the vault's thread */
    int pages;                /* directory of the pages, or -1 */
    int data;                 /* directory of the data */
    int prompts;              /* the operator's prompts file, or -1: prompts.json of the pages */
    struct rh_tls_door *door; /* NULL: no TLS */
};

struct rh_connection;

struct rh_loop {
    const struct rh_shell *shell;
    struct rh_queue inbox;
    pthread_t thread;
    atomic_size_t connection_count; /* read by the acceptor too */

    /* The rest belongs to the loop's thread. */
    uint8_t index; /* part of every op, so that answers find their loop */
    bool draining;
    bool cutting; /* bodies are not waited for any more */
    bool stopping;
    int epoll;
    rh_ms now_ms;
    uint32_t serial;
    struct rh_api api;
    struct rh_connection **slots; /* by slot number; NULL: free */
    size_t slot_count;
    struct rh_connection *closed; /* freed when all events of this turn were looked at */
    size_t refused_count;
    size_t handshake_count;
    size_t held_bytes; /* content of HTTP/2 that waits for its exchange */
    /* Used within a turn of one connection only. */
    uint8_t *read_buffer;  /* RH_LOOP_READ_BYTES */
    uint8_t *write_buffer; /* RH_LOOP_WRITE_BYTES */
    uint8_t *head_buffer;  /* of an answer */
    uint8_t *head_memory;  /* of a request: headers, then text */
    struct rh_scratch scratch;
};

/* RH_ERR_MEMORY, RH_ERR_IO. `loop` is zeroed memory. */
enum rh_error rh_loop_start(struct rh_loop *loop, const struct rh_shell *shell, uint8_t index);
/* Posts STOP and waits for the thread. Others may still post to it. */
void rh_loop_join(struct rh_loop *loop);
/* Frees everything, when nobody posts any more. */
void rh_loop_finish(struct rh_loop *loop);
/* The loop that an op belongs to. */
#define RH_LOOP_OF_OP(op) ((uint8_t)((op)&0xff))

/* ---- for connection.c ---- */

/* Finds a slot; false: none free, out of memory. */
bool rh_loop_adopt(struct rh_loop *loop, struct rh_connection *connection);
void rh_loop_release(struct rh_loop *loop, struct rh_connection *connection);
/* A fresh op for an exchange of this slot. */
uint64_t rh_loop_op(struct rh_loop *loop, uint32_t slot);

#endif
