/* SPDX-License-Identifier: MIT */
#ifndef SERVE_H2_CALL_H
#define SERVE_H2_CALL_H
/*
 * Calls of a connection of HTTP/2: what comes for them, what their exchange wants, how they end.
 * h2_call.c has the calls, talk_h2.c the connection.
 */
#include "base/list.h"
#include "http/h2.h"
#include "serve/connection.h"

struct rh_talk_h2 {
    struct rh_h2 *h2;
    struct rh_list calls; /* struct rh_h2_call */
    size_t call_count;
    size_t held_bytes;
    bool takes;  /* content came lately and was taken: more is welcome */
    bool broken; /* nothing more is taken */
    bool leaves; /* all was said, our side has ended */
    rh_ms idle_end_ms;
    rh_ms write_end_ms; /* while the socket is full */
};

struct rh_h2_call {
    struct rh_list link;
    struct rh_call call;
    struct rh_connection *connection;
    struct rh_h2_stream *stream;
    bool gone; /* the stream is; the exchange may still owe the vault something */
    bool content_over;
    bool responding;
    bool continue_sent;
    uint8_t *held; /* content that came and was not taken */
    size_t held_at;
    size_t held_size;
    rh_ms deadline_ms;
    const struct rh_response *response;
    uint64_t read_at;
};

/* Keeps content that cannot be taken yet; false: no memory. */
bool rh_h2_call_hold(struct rh_h2_call *call, struct rh_bytes content);
/* The client's time starts anew. */
void rh_h2_call_wait(struct rh_h2_call *call);
/* Goes where the exchange wants to. The call may be finished afterwards. */
void rh_h2_call_follow(struct rh_h2_call *call);
/* Sends an answer; NULL: there was no memory for one. */
void rh_h2_call_respond(struct rh_h2_call *call, const struct rh_response *response);
/* Its stream is gone: what it sent stays, and what the vault is busy with is seen to its end. */
void rh_h2_call_lose(struct rh_h2_call *call, enum rh_error why);
/* Frees it. */
void rh_h2_call_finish(struct rh_h2_call *call, const char *note);

#endif
