/* SPDX-License-Identifier: MIT */
#include "serve/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"

#define BACKLOG 1024

static struct sockaddr_in *v4(struct rh_listen *listen)
{
    return (struct sockaddr_in *)(void *)&listen->address;
}

static struct sockaddr_in6 *v6(struct rh_listen *listen)
{
    return (struct sockaddr_in6 *)(void *)&listen->address;
}

static enum rh_error set_host(struct rh_listen *listen, const char *host, uint16_t port)
{
    memset(listen, 0, sizeof *listen);
    if (host[0] == '[') {
        char inner[INET6_ADDRSTRLEN];
        size_t size = strlen(host);

        if (size < 3 || host[size - 1] != ']' || size - 2 >= sizeof inner)
            return RH_ERR_SYNTAX;
        memcpy(inner, host + 1, size - 2);
        inner[size - 2] = '\0';
        v6(listen)->sin6_family = AF_INET6;
        v6(listen)->sin6_port = htons(port);
        listen->address_size = sizeof(struct sockaddr_in6);
        return inet_pton(AF_INET6, inner, &v6(listen)->sin6_addr) == 1 ? RH_OK : RH_ERR_SYNTAX;
    }
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (host[0] == '\0' || strcmp(host, "*") == 0)
        host = "0.0.0.0";
    v4(listen)->sin_family = AF_INET;
    v4(listen)->sin_port = htons(port);
    listen->address_size = sizeof(struct sockaddr_in);
    return inet_pton(AF_INET, host, &v4(listen)->sin_addr) == 1 ? RH_OK : RH_ERR_SYNTAX;
}

enum rh_error rh_listen_parse(struct rh_listen *listen, const char *text)
{
    const char *colon = strrchr(text, ':');
    char host[RH_ADDRESS_TEXT];
    uint64_t port;
    enum rh_error error;

    if (colon == NULL || (size_t)(colon - text) >= sizeof host)
        return RH_ERR_SYNTAX;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    error = rh_bytes_parse_u64(rh_bytes_of(colon + 1), &port);
    if (error != RH_OK)
        return error;
    if (port > UINT16_MAX)
        return RH_ERR_RANGE;
    return set_host(listen, host, (uint16_t)port);
}

bool rh_listen_is_loopback(const struct rh_listen *listen)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)&listen->address;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)&listen->address;

    if (listen->address.ss_family == AF_INET)
        return ntohl(four->sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

bool rh_listen_is_any(const struct rh_listen *listen)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)&listen->address;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)&listen->address;

    if (listen->address.ss_family == AF_INET)
        return four->sin_addr.s_addr == htonl(INADDR_ANY);
    return IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr);
}

unsigned rh_listen_port(const struct rh_listen *listen)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)&listen->address;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)&listen->address;

    return ntohs(listen->address.ss_family == AF_INET ? four->sin_port : six->sin6_port);
}

void rh_listen_text(const struct rh_listen *listen, char text[static RH_ADDRESS_TEXT])
{
    char host[INET6_ADDRSTRLEN] = "";

    if (listen->address.ss_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)&listen->address;

        inet_ntop(AF_INET, &four->sin_addr, host, sizeof host);
        snprintf(text, RH_ADDRESS_TEXT, "%s:%u", host, rh_listen_port(listen));
        return;
    }
    inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)&listen->address)->sin6_addr,
              host, sizeof host);
    snprintf(text, RH_ADDRESS_TEXT, "[%s]:%u", host, rh_listen_port(listen));
}

int rh_listen_open(struct rh_listen *listen_at)
{
    const int on = 1;
    int error;
    int fd = socket(listen_at->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    /* A restart must not wait for the connections of the server before it. Unlike SO_REUSEPORT this
     * never lets two servers share a port. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        goto failed;
    if (listen_at->address.ss_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0)
        goto failed;
    if (bind(fd, (const struct sockaddr *)&listen_at->address, listen_at->address_size) != 0)
        goto failed;
    if (listen(fd, BACKLOG) != 0)
        goto failed;
    listen_at->address_size = sizeof listen_at->address;
    if (getsockname(fd, (struct sockaddr *)&listen_at->address, &listen_at->address_size) != 0)
        goto failed;
    return fd;

failed:
    error = errno;
    close(fd);
    return -error;
}
