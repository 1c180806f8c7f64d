/* SPDX-License-Identifier: MIT */
#ifndef SERVE_TRANSPORT_H
#define SERVE_TRANSPORT_H
/*
 * A socket's bytes, plain or through TLS. What the socket does not take at once is kept, so that
 * writers need not remember; they ask rh_transport_is_full before they make more.
 */
#include "serve/tls.h"

#define RH_CIPHER_BYTES ((size_t)128 * 1024) /* one read of a TLS connection */

/* Memory of a loop that is used within a call only. */
struct rh_scratch {
    uint8_t *cipher_in;  /* RH_CIPHER_BYTES, or NULL where there is no TLS */
    uint8_t *cipher_out; /* RH_TLS_OUT_BYTES */
};

struct rh_transport {
    int fd;             /* -1: closed */
    struct rh_tls *tls; /* NULL: plain */
    const struct rh_scratch *scratch;
    uint8_t *unsent; /* malloc'ed; NULL: nothing waits */
    size_t unsent_at;
    size_t unsent_size;
};

/*
 * Reads once, into `out`, which must have room for RH_TLS_PLAIN_BYTES(want) where there is TLS,
 * else for `want`. RH_OK: `*size` bytes came, which can be 0 with TLS; `*more`: there may be more
 * in the socket. RH_ERR_AGAIN: nothing is there. RH_ERR_CLOSED: the peer ended its side (`*size`
 * may be more than 0). RH_ERR_IO: the connection is broken. RH_ERR_SYNTAX: TLS is; an alert was
 * sent.
 */
enum rh_error rh_transport_read(struct rh_transport *transport, uint8_t *out, size_t want,
                                size_t *size, bool *more);

/* Whether something waits to be sent. */
bool rh_transport_is_full(const struct rh_transport *transport);
/* Sends it. RH_OK: all is out. RH_ERR_AGAIN: the socket is full; RH_ERR_CLOSED: broken. `*progress`
 * is set when something went. */
enum rh_error rh_transport_flush(struct rh_transport *transport, bool *progress);
/*
 * Sends bytes, or keeps what the socket does not take. At most RH_TLS_WRITE_BYTES, and nothing
 * large while it is full. RH_OK, or RH_ERR_CLOSED: broken, or no memory.
 */
enum rh_error rh_transport_push(struct rh_transport *transport, struct rh_bytes bytes);
/* Says that no more will come: close_notify, then the end of our side. Nothing may wait. */
void rh_transport_end(struct rh_transport *transport);
/* Closes for good and frees; fd becomes -1. */
void rh_transport_close(struct rh_transport *transport);

#endif
