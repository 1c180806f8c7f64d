/* SPDX-License-Identifier: MIT */
#ifndef SERVE_CONNECTION_H
#define SERVE_CONNECTION_H
/*
 * A connection: a socket, plain or with TLS (transport.h), and what is spoken over it.
 * connection.c has the socket, talk_h1.c HTTP/1.1 (one call at a time, in order; answer.c is its
 * writing half), talk_h2.c HTTP/2 (many calls at once). Belongs to one loop's thread.
 *
 * Input that was read and not taken waits in `in`: while a loop works on the connection it points
 * into the loop's read buffer, between turns into `pending`. An idle connection holds neither, nor
 * a head buffer.
 */
#include "http/h1.h"
#include "serve/call.h"
#include "serve/output.h"
#include "serve/transport.h"

#define RH_LINGER_MS_MAX     ((rh_ms)5000) /* without a byte */
#define RH_LINGER_MS_ALL_MAX ((rh_ms)60000)
#define RH_LINGER_BYTES_MAX  ((uint64_t)64 * 1024 * 1024)
/* For the rest of a body that is only read so that the answer to it gets through. */
#define RH_SETTLED_MS_MAX ((rh_ms)500)
/* A loop's handshakes at once; more wait for their turn, within their time. */
#define RH_HANDSHAKES_MAX 256

enum rh_connection_state {
    RH_CONNECTION_HANDSHAKE = 1, /* of TLS; nothing can be said yet */
    RH_CONNECTION_IDLE,          /* nothing of a request was read */
    RH_CONNECTION_HEAD,
    RH_CONNECTION_BODY,    /* the exchange takes body bytes */
    RH_CONNECTION_WAIT,    /* for the vault; nothing is read meanwhile */
    RH_CONNECTION_RESPOND, /* an answer is being sent */
    RH_CONNECTION_LINGER, /* the answer is sent, the rest of an unwanted body is thrown away so that
                             the client gets to read it instead of a reset */
    RH_CONNECTION_ORPHAN, /* the client is gone, the vault still owes an exchange an answer */
    RH_CONNECTION_H2,     /* see talk_h2.h */
    RH_CONNECTION_CLOSED, /* to be freed at the end of the turn */
};

struct rh_talk_h2;

struct rh_connection {
    struct rh_loop *loop;
    struct rh_connection *next_closed;
    struct rh_transport transport;
    uint32_t slot;
    uint32_t armed; /* what epoll watches for */
    enum rh_connection_state state;
    bool refused;    /* beyond the limit: gets 503 and nothing else */
    bool peer_ended; /* it will send nothing more */
    bool input_over; /* the same, noticed while there was still input to be taken */
    bool fresh;      /* HTTP/1.1 or 2 is not decided yet */
    bool shaking;    /* counted among the loop's handshakes */
    uint8_t preface; /* so many bytes of HTTP/2's preface came */
    rh_ms deadline_ms;
    rh_ms linger_end_ms;
    uint64_t lingered_bytes;

    struct rh_bytes in;
    size_t in_content; /* leading bytes of `in` that are body content already taken from framing */
    uint8_t *pending;

    struct rh_h1 h1;
    void *head; /* memory of head and headers; NULL: none, or in the loop's, within a turn */
    struct rh_call call;
    bool continue_sent;

    struct rh_output output;
    bool close_after;
    bool linger_after;

    struct rh_talk_h2 *h2; /* RH_CONNECTION_H2, and ORPHAN of such */
};

/* A connection for an accepted socket, which becomes its own, also on failure. */
void rh_connection_create(struct rh_loop *loop, int fd, bool refused);
void rh_connection_event(struct rh_connection *connection, uint32_t events);
/* GRANT, REVOKE or REPLY for an op. False: it has no such op (any more). */
bool rh_connection_message(struct rh_connection *connection, uint64_t op,
                           struct rh_message *message);
/* See rh_api.inform. */
bool rh_connection_inform(struct rh_connection *connection, uint64_t op, unsigned status,
                          const struct rh_header *headers, size_t header_count);
/* Looks at the clock. */
void rh_connection_tick(struct rh_connection *connection);
/* The server is stopping: ends what is idle; what is under way is the last of its connection. */
void rh_connection_drain(struct rh_connection *connection);
/* The time for that is over: bodies that are still coming are broken off, what came is kept. */
void rh_connection_cut(struct rh_connection *connection);
/* Ends without ado. */
void rh_connection_end(struct rh_connection *connection);
void rh_connection_free(struct rh_connection *connection);

/* ---- between connection.c, talk_h1.c, answer.c and talk_h2.c ---- */

void rh_connection_set_state(struct rh_connection *connection, enum rh_connection_state state);
/* Takes n bytes off the input. */
void rh_connection_use(struct rh_connection *connection, size_t n);
/* The client is gone for good, or has to be: there is no way on for its connection. */
void rh_connection_lose(struct rh_connection *connection);
/* All is sent: says so to the peer, then ends; `linger`: it may still be sending. */
void rh_connection_close(struct rh_connection *connection, bool linger);
/* Makes epoll watch for what the state wants. Before the read buffer serves another connection. */
void rh_connection_settle(struct rh_connection *connection);

/* talk_h1.c */

/* Takes the first bytes of the first head; what is in `in` follows them. */
void rh_talk_h1_start(struct rh_connection *connection, struct rh_bytes first);
void rh_talk_h1_run(struct rh_connection *connection); /* works off what is there */
size_t rh_talk_h1_read_size(const struct rh_connection *connection);
/* Something came: the time-out starts anew, but where only a rest is thrown away. */
void rh_talk_h1_progress(struct rh_connection *connection);
void rh_talk_h1_input_ended(struct rh_connection *connection);
void rh_talk_h1_lost(struct rh_connection *connection);
void rh_talk_h1_message(struct rh_connection *connection, struct rh_message *message);
void rh_talk_h1_break(struct rh_connection *connection, enum rh_error why);
bool rh_talk_h1_inform(struct rh_connection *connection, unsigned status,
                       const struct rh_header *headers, size_t header_count);

/* answer.c */

/* Starts the answer that the exchange wants: RH_WANT_RESPOND or RH_WANT_FILE. */
void rh_answer_exchange(struct rh_connection *connection);
/* Starts an error of the shell's own, the last answer of the connection. */
void rh_answer_error(struct rh_connection *connection, unsigned status, const char *message);
/* Sends on; true when the answer is out and the connection has gone on to its next state. */
bool rh_answer_continue(struct rh_connection *connection);
/* Ends call, answer and head; logs them if there was a request. */
void rh_answer_finish(struct rh_connection *connection, const char *note);

#endif
