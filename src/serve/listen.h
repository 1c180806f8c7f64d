/* SPDX-License-Identifier: MIT */
#ifndef SERVE_LISTEN_H
#define SERVE_LISTEN_H
/* Addresses to listen on: reading them, binding them, naming them. */
#include <sys/socket.h>

#include <reelhaul/types.h>

#define RH_ADDRESS_TEXT 64 /* "[ffff:…:ffff]:65535" and NUL */

struct rh_listen {
    struct sockaddr_storage address;
    socklen_t address_size;
};

/* "127.0.0.1:8080", "[::1]:0", "localhost:80", ":8080" (every address). Names are not looked up.
 * RH_ERR_SYNTAX, RH_ERR_RANGE. */
enum rh_error rh_listen_parse(struct rh_listen *listen, const char *text);
bool rh_listen_is_loopback(const struct rh_listen *listen);
/* Whether it stands for every address of the machine. */
bool rh_listen_is_any(const struct rh_listen *listen);
/* Host and port as they stand in a URL. */
void rh_listen_text(const struct rh_listen *listen, char text[static RH_ADDRESS_TEXT]);
unsigned rh_listen_port(const struct rh_listen *listen);
/* A listening, non-blocking socket, or -errno. Port 0 is replaced by the one that was given. */
int rh_listen_open(struct rh_listen *listen);

#endif
