/* SPDX-License-Identifier: MIT */
#ifndef SERVE_CALL_H
#define SERVE_CALL_H
/*
 * A request and what becomes of it: an exchange of the api, an answer, a line in the log. It knows
 * neither socket nor wire format; connections of HTTP/1.1 have one at a time, of HTTP/2 many.
 */
#include "serve/delivery.h"
#include "serve/loop.h"

/* An answer that the shell makes itself: a file, or an error outside an exchange. */
struct rh_own_answer {
    struct rh_response response;
    uint8_t memory[RH_DELIVERY_TEXT_BYTES];
};

struct rh_call {
    struct rh_loop *loop;
    const struct rh_request *request; /* NULL: none was read */
    struct rh_exchange *exchange;
    uint64_t op;
    rh_ms began_ms;
    uint64_t body_bytes; /* what the exchange took */
    uint64_t sent_bytes; /* of the answer's body */
    bool body_ended;     /* the exchange was told: end, or broken */
    struct rh_own_answer *own;
    struct rh_file file; /* fd -1: none */
    unsigned status;     /* 0: no answer yet */
};

/* Before anything else; frees nothing. */
void rh_call_init(struct rh_call *call, struct rh_loop *loop);
/*
 * Begins the exchange of a request, which must stay where it is until finish. False: no memory, and
 * nothing has begun. `slot` is that of the connection.
 */
bool rh_call_begin(struct rh_call *call, uint32_t slot, const struct rh_request *request);
/* For rh_request.secure: it came by TLS, here or at a proxy that says so. */
bool rh_call_is_secure(const struct rh_call *call, const struct rh_request *request,
                       const struct rh_tls *tls);
/* GRANT, REVOKE or REPLY. */
void rh_call_message(struct rh_call *call, struct rh_message *message);
/* Tells the exchange that its body will not come whole. */
void rh_call_break(struct rh_call *call, enum rh_error why);

/* The answer that the exchange wants sent (RH_WANT_RESPOND, RH_WANT_FILE); NULL: no memory. */
const struct rh_response *rh_call_answer(struct rh_call *call);
/* An error of the shell's own; NULL: no memory. */
const struct rh_response *rh_call_error(struct rh_call *call, unsigned status, const char *message);

/* Ends exchange and answer; logs them if there was either. It is as after init then. */
void rh_call_finish(struct rh_call *call, const char *note);

#endif
