/* SPDX-License-Identifier: MIT */
#ifndef SERVE_ACCEPTOR_H
#define SERVE_ACCEPTOR_H
/* The main thread's work once all others run: hand out connections until a signal says stop. */
#include "serve/loop.h"

struct rh_acceptor {
    int sockets[RH_LISTENS_MAX]; /* -1 once closed */
    size_t socket_count;
    int signals;              /* a signalfd of SIGTERM, SIGINT and, where there is TLS, SIGHUP */
    struct rh_tls_door *door; /* NULL: no TLS */
    struct rh_loop *loops;
    unsigned loop_count;
    size_t connections_max;
};

/* Blocks these signals for this thread and those made after, ignores SIGPIPE. RH_ERR_IO. */
enum rh_error rh_acceptor_signals(struct rh_acceptor *acceptor);
/* Returns after the first SIGTERM or SIGINT. SIGHUP renews the door. */
void rh_acceptor_run(struct rh_acceptor *acceptor);
/* Waits; true when another of these signals came. */
bool rh_acceptor_signalled(struct rh_acceptor *acceptor, int wait_ms);
void rh_acceptor_close(struct rh_acceptor *acceptor); /* the listening sockets */
size_t rh_acceptor_connections(const struct rh_acceptor *acceptor);

#endif
