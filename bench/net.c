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

static struct net_link with_tls(int fd, SSL_CTX *context, int (*shake)(SSL *))
{
    struct net_link link = {.fd = fd};
    if (context == NULL)
        return link;
    link.ssl = SSL_new(context);
    net_check(link.ssl != NULL && SSL_set_fd(link.ssl, fd) == 1, "SSL_new");
    net_check(shake(link.ssl) == 1, "TLS handshake");
    return link;
}

struct net_link net_connect(uint16_t port, SSL_CTX *context)
{
    struct sockaddr_in address = loopback(port);
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    net_check(fd >= 0, "socket");
    net_check(connect(fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return with_tls(fd, context, SSL_connect);
}

struct net_link net_accepted(int fd, SSL_CTX *context)
{
    return with_tls(fd, context, SSL_accept);
}

SSL_CTX *net_client_tls(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    net_check(context != NULL, "SSL_CTX_new");
    return context;
}

SSL_CTX *net_server_tls(const char *certificate, const char *key)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    net_check(context != NULL && SSL_CTX_use_certificate_chain_file(context, certificate) == 1,
              certificate);
    net_check(SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1, key);
    return context;
}

void net_close(struct net_link *link)
{
    if (link->ssl != NULL) {
        (void)SSL_shutdown(link->ssl);
        SSL_free(link->ssl);
    }
    close(link->fd);
}

static ssize_t send_some(struct net_link *link, const void *data, size_t size)
{
    if (link->ssl != NULL)
        return SSL_write(link->ssl, data, size < BLOCK_BYTES ? (int)size : (int)BLOCK_BYTES);
    ssize_t sent;
    do
        sent = send(link->fd, data, size, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent;
}

void net_send_all(struct net_link *link, const void *data, size_t size)
{
    const char *next = data;
    while (size > 0) {
        ssize_t sent = send_some(link, next, size);
        net_check(sent > 0, "send");
        next += sent;
        size -= (size_t)sent;
    }
}

size_t net_recv_some(struct net_link *link, void *data, size_t size)
{
    ssize_t got;
    if (link->ssl != NULL) {
        got = SSL_read(link->ssl, data, size < BLOCK_BYTES ? (int)size : (int)BLOCK_BYTES);
        net_check(got > 0 || SSL_get_error(link->ssl, (int)got) == SSL_ERROR_ZERO_RETURN, "recv");
        return got > 0 ? (size_t)got : 0;
    }
    do
        got = recv(link->fd, data, size, 0);
    while (got < 0 && errno == EINTR);
    net_check(got >= 0, "recv");
    return (size_t)got;
}

int net_recv_all(struct net_link *link, void *data, size_t size)
{
    char *next = data;
    size_t left = size;
    while (left > 0) {
        size_t got = net_recv_some(link, next, left);
        if (got == 0 && left == size)
            return 0;
        net_check(got > 0, "recv");
        next += got;
        left -= got;
    }
    return 1;
}

double net_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}
