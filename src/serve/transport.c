/* SPDX-License-Identifier: MIT */
#include "serve/transport.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A peer that asks for answers of TLS and takes none: a real one waits for a few bytes. */
#define UNSENT_BYTES_MAX ((size_t)256 * 1024)

/* ---- writing ---- */

bool rh_transport_is_full(const struct rh_transport *t)
{
    return t->unsent != NULL;
}

static void drop_unsent(struct rh_transport *t)
{
    free(t->unsent);
    t->unsent = NULL;
    t->unsent_at = t->unsent_size = 0;
}

/* What the socket takes of it now, or -1 when it is broken. */
static ssize_t send_some(int fd, const uint8_t *data, size_t size)
{
    for (;;) {
        ssize_t n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n >= 0)
            return n;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return 0;
        if (errno != EINTR)
            return -1;
    }
}

enum rh_error rh_transport_flush(struct rh_transport *t, bool *progress)
{
    while (t->unsent != NULL) {
        ssize_t n = send_some(t->fd, t->unsent + t->unsent_at, t->unsent_size - t->unsent_at);

        if (n < 0)
            return RH_ERR_CLOSED;
        if (n == 0)
            return RH_ERR_AGAIN;
        *progress = true;
        t->unsent_at += (size_t)n;
        if (t->unsent_at == t->unsent_size)
            drop_unsent(t);
    }
    return RH_OK;
}

static enum rh_error keep(struct rh_transport *t, const uint8_t *data, size_t size)
{
    size_t waits = t->unsent_size - t->unsent_at;
    uint8_t *all = waits + size <= UNSENT_BYTES_MAX ? malloc(waits + size) : NULL;

    if (all == NULL)
        return RH_ERR_CLOSED;
    if (t->unsent != NULL)
        memcpy(all, t->unsent + t->unsent_at, waits);
    memcpy(all + waits, data, size);
    free(t->unsent);
    t->unsent = all;
    t->unsent_at = 0;
    t->unsent_size = waits + size;
    return RH_OK;
}

/* As it is, behind what waits. */
static enum rh_error push_raw(struct rh_transport *t, struct rh_bytes bytes)
{
    ssize_t n = 0;

    if (bytes.size == 0)
        return RH_OK;
    if (t->unsent == NULL)
        n = send_some(t->fd, bytes.data, bytes.size);
    if (n < 0)
        return RH_ERR_CLOSED;
    if ((size_t)n == bytes.size)
        return RH_OK;
    return keep(t, bytes.data + n, bytes.size - (size_t)n);
}

enum rh_error rh_transport_push(struct rh_transport *t, struct rh_bytes bytes)
{
    struct rh_buffer out;

    if (t->tls == NULL)
        return push_raw(t, bytes);
    rh_buffer_init(&out, t->scratch->cipher_out, RH_TLS_OUT_BYTES);
    if (rh_tls_write(t->tls, bytes, &out) != RH_OK)
        return RH_ERR_CLOSED;
    return push_raw(t, rh_buffer_bytes(&out));
}

/* ---- reading ---- */

/* RH_OK, RH_ERR_AGAIN, RH_ERR_CLOSED or RH_ERR_IO. */
static enum rh_error receive(int fd, uint8_t *out, size_t want, size_t *size)
{
    ssize_t n = recv(fd, out, want, 0);

    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return RH_ERR_AGAIN;
    if (n < 0)
        return RH_ERR_IO;
    *size = (size_t)n;
    return n == 0 ? RH_ERR_CLOSED : RH_OK;
}

enum rh_error rh_transport_read(struct rh_transport *t, uint8_t *out, size_t want, size_t *size,
                                bool *more)
{
    size_t cipher_size = 0;
    struct rh_buffer answer;
    enum rh_error error;

    *size = 0;
    *more = false;
    if (t->tls == NULL) {
        error = receive(t->fd, out, want, size);
        *more = *size == want;
        return error;
    }
    if (want > RH_CIPHER_BYTES)
        want = RH_CIPHER_BYTES;
    error = receive(t->fd, t->scratch->cipher_in, want, &cipher_size);
    if (error != RH_OK)
        return error;
    *more = cipher_size == want;
    rh_buffer_init(&answer, t->scratch->cipher_out, RH_TLS_OUT_BYTES);
    error = rh_tls_read(t->tls, (struct rh_bytes){t->scratch->cipher_in, cipher_size}, out, size,
                        &answer);
    if (push_raw(t, rh_buffer_bytes(&answer)) != RH_OK)
        return RH_ERR_IO;
    return error;
}

/* ---- ends ---- */

void rh_transport_end(struct rh_transport *t)
{
    struct rh_buffer out;

    if (t->tls != NULL) {
        rh_buffer_init(&out, t->scratch->cipher_out, RH_TLS_OUT_BYTES);
        rh_tls_end(t->tls, &out);
        (void)push_raw(t, rh_buffer_bytes(&out));
    }
    (void)shutdown(t->fd, SHUT_WR);
}

void rh_transport_close(struct rh_transport *t)
{
    if (t->fd >= 0)
        close(t->fd);
    t->fd = -1;
    rh_tls_destroy(t->tls);
    t->tls = NULL;
    drop_unsent(t);
}
