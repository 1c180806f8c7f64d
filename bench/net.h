/* SPDX-License-Identifier: MIT */
#ifndef BENCH_NET_H
#define BENCH_NET_H
/* What the load generator and the floors share: blocking sockets on loopback, and the few steps
 * that must not fail. */
#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK_BYTES                                                                                \
    ((size_t)256 << 10) /* one recv, one pwrite; the same on both sides and in the server */

/* Ends the program with a message naming `what` and errno: a benchmark that half works measures
 * nothing. */
_Noreturn void net_die(const char *what);
void net_check(int ok, const char *what);

/* A connection, plain (ssl NULL) or with TLS as OpenSSL does it on a blocking socket. */
struct net_link {
    int fd;
    SSL *ssl;
};

int net_listen(uint16_t *port); /* on 127.0.0.1, a free port */
/* Context NULL: plain. The client's end believes any certificate. */
struct net_link net_connect(uint16_t port, SSL_CTX *context);
struct net_link net_accepted(int fd, SSL_CTX *context);
SSL_CTX *net_client_tls(void);
/* Both in PEM. */
SSL_CTX *net_server_tls(const char *certificate, const char *key);
void net_close(struct net_link *link);
void net_send_all(struct net_link *link, const void *data, size_t size);
/* At most size bytes; 0: the peer closed. */
size_t net_recv_some(struct net_link *link, void *data, size_t size);
/* Receives exactly size bytes; 0 when the peer closed before the first one. */
int net_recv_all(struct net_link *link, void *data, size_t size);
double net_now_s(void);

#endif
