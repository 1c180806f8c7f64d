/* SPDX-License-Identifier: MIT */
#ifndef SERVE_CONNECTION_H
#define SERVE_CONNECTION_H
/*
 * A connection: bytes of a socket in, an exchange of the api, an answer out; one at a time, in
 * order. connection.c reads, answer.c writes. Belongs to one loop's thread.
 *
 * Input that was read and not taken waits in `in`: while a loop works on the connection it points
 * into the loop's read buffer, between turns into `pending`. An idle connection holds neither, nor
 * a head buffer.
 */
#include "http/h1.h"
#include "serve/delivery.h"
#include "serve/loop.h"
#include "serve/output.h"

#define RH_LINGER_MS_MAX     ((rh_ms)5000) /* without a byte */
#define RH_LINGER_MS_ALL_MAX ((rh_ms)60000)
#define RH_LINGER_BYTES_MAX  ((uint64_t)64 * 1024 * 1024)

enum rh_connection_state {
    RH_CONNECTION_IDLE = 1, /* nothing of a request was read */
    RH_CONNECTION_HEAD,
    RH_CONNECTION_BODY,    /* the exchange takes body bytes */
    RH_CONNECTION_WAIT,    /* for the vault; nothing is read meanwhile */
    RH_CONNECTION_RESPOND, /* an answer is being sent */
    RH_CONNECTION_LINGER, /* the answer is sent, the rest of an unwanted body is thrown away so that
                             the client gets to read it instead of a reset */
    RH_CONNECTION_ORPHAN, /* the client is gone, the vault still owes the exchange an answer */
    RH_CONNECTION_CLOSED, /* to be freed at the end of the turn */
};

/* An answer that the shell makes itself: a file, or an error outside an exchange. */
struct rh_own_answer {
    struct rh_response response;
    uint8_t memory[RH_DELIVERY_TEXT_BYTES];
};

struct rh_connection {
    struct rh_loop *loop;
    struct rh_connection *next_closed;
    int fd;
    uint32_t slot;
    uint32_t armed; /* what epoll watches for */
    enum rh_connection_state state;
    bool refused;    /* beyond the limit: gets 503 and nothing else */
    bool peer_ended; /* it will send nothing more */
    rh_ms deadline_ms;
    rh_ms linger_end_ms;
    uint64_t lingered_bytes;

    struct rh_bytes in;
    size_t in_content; /* leading bytes of `in` that are body content already taken from framing */
    uint8_t *pending;

    struct rh_h1 h1;
    void *head; /* memory of head and headers; NULL between requests */
    struct rh_exchange *exchange;
    uint64_t op;
    rh_ms began_ms;
    uint64_t body_bytes;
    bool body_ended; /* the exchange was told: end, or broken */
    bool continue_sent;

    struct rh_output output;
    struct rh_own_answer *own;
    struct rh_file file; /* fd -1: none */
    unsigned status;
    bool close_after;
    bool linger_after;
};

/* A connection for an accepted socket, which becomes its own, also on failure. */
void rh_connection_create(struct rh_loop *loop, int fd, bool refused);
void rh_connection_event(struct rh_connection *connection, uint32_t events);
/* GRANT, REVOKE or REPLY for the connection's op. */
void rh_connection_message(struct rh_connection *connection, struct rh_message *message);
/* Looks at the clock. */
void rh_connection_tick(struct rh_connection *connection);
/* The server is stopping: ends what is idle; what is under way is the last of its connection. */
void rh_connection_drain(struct rh_connection *connection);
/* The time for that is over: bodies that are still coming are broken off, what came is kept. */
void rh_connection_cut(struct rh_connection *connection);
/* Ends without ado. */
void rh_connection_end(struct rh_connection *connection);
void rh_connection_free(struct rh_connection *connection);

/* ---- between connection.c and answer.c ---- */

/* Starts the answer that the exchange wants: RH_WANT_RESPOND or RH_WANT_FILE. */
void rh_answer_exchange(struct rh_connection *connection);
/* Starts an error of the shell's own, the last answer of the connection. */
void rh_answer_error(struct rh_connection *connection, unsigned status, const char *message);
/* Sends on; true when the answer is out and the connection has gone on to its next state. */
bool rh_answer_continue(struct rh_connection *connection);
/* Ends exchange, answer and head; logs them if there was a request. */
void rh_answer_finish(struct rh_connection *connection, const char *note);
void rh_connection_set_state(struct rh_connection *connection, enum rh_connection_state state);
/* Takes n bytes off the input. */
void rh_connection_use(struct rh_connection *connection, size_t n);

#endif
