/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_CLI_PEER_H
#define REELHAUL_CLI_PEER_H
/*
 * A server that is sent to, and what it speaks: said on the command line, or found out by asking it
 * with OPTIONS, for as long as it takes.
 */
#include "cli/sender.h"

struct rh_peer {
    struct rh_peer *next;
    char *to; /* as the user gave it */
    char protocol[RH_METHOD_MAX + 1];
    size_t origin_size;   /* of `to`: scheme, host, port */
    const char *endpoint; /* the rest of it, without a lone slash; "" where there is none */
    const struct rh_wire_dialect *dialect; /* NULL: not known yet */
    uint32_t abilities;
    uint64_t size_max; /* of an upload; RH_SIZE_UNKNOWN: not said */
    struct rh_wire_offer offer;
    struct rh_call *call; /* the question on its way */
    uint32_t failures;
    rh_ms retry_at_ms;
};

/* The peer for these words, asked from now on if need be; NULL: no such protocol. */
struct rh_peer *rh_peer_of(struct rh_sender *sender, const char *to, const char *protocol);
/* Asks those that are to be asked. */
void rh_peers_step(struct rh_sender *sender);
/* A question's end. */
void rh_peer_answered(struct rh_sender *sender, struct rh_call *call);
rh_ms rh_peers_due_ms(const struct rh_sender *sender, rh_ms now_ms);
void rh_peers_free(struct rh_sender *sender);

/*
 * The address for a request's path, allocated. *ours: it is the server that the user named, so that
 * a token may go there. NULL: it leads from https to another host over http.
 */
char *rh_peer_url(const struct rh_peer *peer, struct rh_bytes path, bool *ours);

#endif
