/* SPDX-License-Identifier: MIT */
#ifndef SERVE_OUTPUT_H
#define SERVE_OUTPUT_H
/* An answer of HTTP/1.1 on its way: head, then bytes or a range of a file. */
#include "serve/transport.h"

struct rh_output {
    struct rh_bytes head; /* in the memory of whoever began, or in `kept` */
    uint8_t *kept;        /* what was left of the head when the socket was full */
    struct rh_bytes body; /* must live until the output has ended */
    int file;             /* -1: none; not owned */
    uint64_t file_offset;
    uint64_t file_left;
    uint64_t sent_bytes; /* of the body and the file */
};

/* `head` need not live beyond the first rh_output_send. */
void rh_output_begin(struct rh_output *output, struct rh_bytes head, struct rh_bytes body);
void rh_output_add_file(struct rh_output *output, int file, struct rh_range range);
/*
 * Sends as much as the socket takes, at most a few megabytes at once; through TLS if the transport
 * has it, else without copies. `memory` is used within the call, RH_TLS_WRITE_BYTES. RH_OK: all is
 * sent. RH_ERR_AGAIN: call again when the socket is writable; `*progress` says whether anything
 * went. RH_ERR_CLOSED: the peer is gone. RH_ERR_IO: the file is shorter than was said.
 */
enum rh_error rh_output_send(struct rh_output *output, struct rh_transport *transport,
                             uint8_t *memory, bool *progress);
void rh_output_finish(struct rh_output *output); /* takes the zeroed state */

#endif
