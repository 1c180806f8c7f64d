/* SPDX-License-Identifier: MIT */
#ifndef BENCH_NET_H
#define BENCH_NET_H
/* What the load generator and the floors share: blocking sockets on loopback, and the few steps
 * that must not fail. */
#include <stddef.h>
#include <stdint.h>

#define BLOCK_BYTES                                                                                \
    ((size_t)256 << 10) /* one recv, one pwrite; the same on both sides and in the server */

/* Ends the program with a message naming `what` and errno: a benchmark that half works measures
 * nothing. */
_Noreturn void net_die(const char *what);
void net_check(int ok, const char *what);

int net_listen(uint16_t *port); /* on 127.0.0.1, a free port */
int net_connect(uint16_t port);
void net_send_all(int fd, const void *data, size_t size);
/* Receives exactly size bytes; 0 when the peer closed before the first one. */
int net_recv_all(int fd, void *data, size_t size);
double net_now_s(void);

#endif
