/* SPDX-License-Identifier: MIT */
#ifndef SERVE_TALK_H2_H
#define SERVE_TALK_H2_H
/*
 * HTTP/2 on a connection: many calls at once (http/h2.h has the protocol). The connection's state
 * is RH_CONNECTION_H2, or ORPHAN once the client is gone and the vault still owes answers.
 */
#include "serve/connection.h"

/* The client chose it by ALPN, or all of the preface came and was taken off the input. */
void rh_talk_h2_begin(struct rh_connection *connection);
/* Works off what is in `in`. */
void rh_talk_h2_run(struct rh_connection *connection);
/* The socket is writable. False: the connection is lost. */
bool rh_talk_h2_write(struct rh_connection *connection);
uint32_t rh_talk_h2_events(const struct rh_connection *connection);
size_t rh_talk_h2_read_size(const struct rh_connection *connection);
void rh_talk_h2_input_ended(struct rh_connection *connection);
void rh_talk_h2_lost(struct rh_connection *connection);
bool rh_talk_h2_message(struct rh_connection *connection, uint64_t op, struct rh_message *message);
bool rh_talk_h2_inform(struct rh_connection *connection, uint64_t op, unsigned status,
                       const struct rh_header *headers, size_t header_count);
void rh_talk_h2_tick(struct rh_connection *connection);
void rh_talk_h2_drain(struct rh_connection *connection);
void rh_talk_h2_cut(struct rh_connection *connection);
/* Frees all of it. */
void rh_talk_h2_end(struct rh_connection *connection);

#endif
