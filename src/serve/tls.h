/* SPDX-License-Identifier: MIT */
#ifndef SERVE_TLS_H
#define SERVE_TLS_H
/*
 * TLS without sockets: ciphertext in, plaintext out, and back (OpenSSL on memory of the loop's).
 *
 * A door is what a server presents: certificate, key, and the rules (TLS 1.2 or newer, ALPN h2 and
 * http/1.1). All threads share it; it can be renewed while connections are open, which keep what
 * they began with. A link is one connection's state; between calls it holds no buffer but that of
 * a record of which a part has come.
 */
#include <pthread.h>

#include <reelhaul/types.h>

#include "base/bytes.h"

#define RH_TLS_COMPLAINT_BYTES 512
/* The most plaintext that one rh_tls_write takes; three records. */
#define RH_TLS_WRITE_BYTES ((size_t)48 * 1024)
/* What `out` must have room for: those records, or a handshake's flight. */
#define RH_TLS_OUT_BYTES ((size_t)64 * 1024)
/* Plaintext of `size` bytes of ciphertext never needs more: a record may have waited in part. */
#define RH_TLS_PLAIN_BYTES(size) ((size) + (size_t)17 * 1024)

struct ssl_ctx_st;

struct rh_tls_door {
    pthread_mutex_t mutex;
    struct ssl_ctx_st *context;
    const char *certificate_file; /* kept by pointer */
    const char *key_file;
};

/*
 * Reads both files (PEM; the certificate may be followed by its chain). RH_ERR_IO: one is missing
 * or cannot be read; RH_ERR_SYNTAX: one is not what it should be, or they do not belong together.
 * On error `complaint` says what to do, and the door is as it was. On RH_OK `complaint` is empty,
 * or a warning: expired, soon to expire, not yet valid, or a key that everybody may read.
 */
enum rh_error rh_tls_door_open(struct rh_tls_door *door, const char *certificate_file,
                               const char *key_file, char complaint[static RH_TLS_COMPLAINT_BYTES]);
/* The same files once more. Any thread. */
enum rh_error rh_tls_door_renew(struct rh_tls_door *door,
                                char complaint[static RH_TLS_COMPLAINT_BYTES]);
void rh_tls_door_close(struct rh_tls_door *door); /* takes the zeroed state */

struct rh_tls;

/* A link of a fresh connection, or NULL without memory. It outlives the door's renewal. */
struct rh_tls *rh_tls_create(struct rh_tls_door *door);
void rh_tls_destroy(struct rh_tls *tls); /* takes NULL */

/* Whether the handshake is over; no plaintext comes or goes before. */
bool rh_tls_is_open(const struct rh_tls *tls);
/* Whether the client chose h2 by ALPN. */
bool rh_tls_chose_h2(const struct rh_tls *tls);

/*
 * Takes all of `in`. Plaintext goes to `plain` (which must have room for RH_TLS_PLAIN_BYTES of
 * in.size), what is to be sent to the peer (handshake, alerts) to `out`. RH_OK: more is needed;
 * `*plain_size` may be 0. RH_ERR_CLOSED: the peer said that it is done (close_notify).
 * RH_ERR_SYNTAX: the peer broke the protocol, or no version or cipher is shared: send `out`, then
 * close; rh_tls_problem() names it.
 */
enum rh_error rh_tls_read(struct rh_tls *tls, struct rh_bytes in, uint8_t *plain,
                          size_t *plain_size, struct rh_buffer *out);
/* Encrypts at most RH_TLS_WRITE_BYTES. RH_OK, or RH_ERR_CLOSED when the link is broken. */
enum rh_error rh_tls_write(struct rh_tls *tls, struct rh_bytes plain, struct rh_buffer *out);
/* Says close_notify, where that may be said. */
void rh_tls_end(struct rh_tls *tls, struct rh_buffer *out);
/* After RH_ERR_SYNTAX: why, for a log; static text. */
const char *rh_tls_problem(const struct rh_tls *tls);

#endif
