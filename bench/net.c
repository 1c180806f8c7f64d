/* SPDX-License-Identifier: MIT */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void net_die(const char *what)
{
    fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
    _exit(1);
}

void net_check(int ok, const char *what)
{
    if (!ok)
        net_die(what);
}

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

int net_listen(uint16_t *port)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    net_check(fd >= 0, "socket");
    net_check(bind(fd, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    net_check(listen(fd, 256) == 0, "listen");
    net_check(getsockname(fd, (struct sockaddr *)&address, &size) == 0, "getsockname");
    *port = ntohs(address.sin_port);
    return fd;
}

int net_connect(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    net_check(fd >= 0, "socket");
    net_check(connect(fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

void net_send_all(int fd, const void *data, size_t size)
{
    const char *next = data;
    while (size > 0) {
        ssize_t sent = send(fd, next, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        net_check(sent > 0, "send");
        next += sent;
        size -= (size_t)sent;
    }
}

int net_recv_all(int fd, void *data, size_t size)
{
    char *next = data;
    size_t left = size;
    while (left > 0) {
        ssize_t got = recv(fd, next, left, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0 && left == size)
            return 0;
        net_check(got > 0, "recv");
        next += got;
        left -= (size_t)got;
    }
    return 1;
}

double net_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}
