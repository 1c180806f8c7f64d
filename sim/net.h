/* SPDX-License-Identifier: MIT */
#ifndef SIM_NET_H
#define SIM_NET_H
/*
 * The network: one connection a request. The request's bytes arrive in pieces, late, twice, in part
 * or not at all; so does the answer. Whoever sends is told of progress, of the answer, or that the
 * connection broke; or of nothing, and has to notice by itself.
 */
#include <reelhaul/types.h>

struct sim;
struct sim_conn;
struct sim_link;

struct sim_link_ops {
    void (*progress)(struct sim *, struct sim_link *, uint64_t bytes_sent);
    void (*answered)(struct sim *, struct sim_link *, const char *head, size_t size);
    void (*broken)(struct sim *, struct sim_link *);
};

/* A request as it leaves: malloc'ed bytes, and where in them those of the source are. */
struct sim_message {
    uint8_t *bytes;
    size_t size;
    size_t source_at;
    size_t source_size;
    const rh_ms *asleep_until_ms; /* of the sender's process; NULL: never */
    const rh_ms *away_until_ms;   /* from the network */
};

/* Answers that a proxy keeps, newest last. */
#define SIM_CACHED_MAX 8

struct sim_cached {
    char *request; /* its first line */
    char *answer;
    size_t size;
};

struct sim_link {
    const struct sim_link_ops *ops; /* NULL: nobody listens (any more) */
    void *owner;
    void *context; /* the sender's; freed at the end */
    uint64_t owner_life;
    uint32_t token;
    uint32_t upload; /* index, for the trace */
    uint8_t *bytes;  /* the whole message, head and body */
    size_t size;
    size_t source_at; /* where the bytes of the source are in it */
    size_t source_size;
    rh_ms begun_ms;
    const rh_ms *asleep_until_ms; /* the sender's process gets no time before; NULL: it does */
    const rh_ms *away_until_ms;
    bool own_headers;  /* the sender reads status and headers only */
    char request[160]; /* the first line */
    size_t arrived;
    size_t stop_at; /* a cut or a stall happens here; SIZE_MAX: nowhere */
    bool stalls;
    bool half_closes;
    bool settled; /* the sender's end is over */
    bool severed; /* nothing arrives any more */
    bool server_over;
    struct sim_conn *conn;
    char *answer;
    size_t answer_size;
    struct sim_link *next;
};

struct sim_net {
    struct sim_link *links; /* newest first; freed at the end */
    struct sim_cached cached[SIM_CACHED_MAX];
    size_t cached_next;
};

/* Takes the message's bytes. */
struct sim_link *sim_net_send(struct sim *, const struct sim_link_ops *, void *owner,
                              uint64_t owner_life, uint32_t token, uint32_t upload,
                              const struct sim_message *message);
/* The sender takes no interest any more: what is under way arrives no further. */
void sim_net_abort(struct sim *, struct sim_link *);
/* All of an owner, because it died. */
void sim_net_abort_all(struct sim *, const void *owner);
/* From the receiver: the answer, or the end of the connection. Takes the answer (malloc'ed). */
void sim_net_answer(struct sim *, struct sim_link *, char *answer, size_t size);
void sim_net_reset(struct sim *, struct sim_link *);
void sim_net_finish(struct sim *);

#endif
