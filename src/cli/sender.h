/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_CLI_SENDER_H
#define REELHAUL_CLI_SENDER_H
/*
 * The shell around the engine: tells it what happens, does what it asks, decides nothing about
 * sending. Single-threaded; the loop of push.c drives it.
 */
#include <signal.h>

#include "base/rng.h"
#include "cli/entry.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/transport.h"
#include "reelhaul/wire.h"

struct rh_peer;

/* An upload of the spool, as the sender sees it. */
struct rh_item {
    struct rh_entry *entry;
    struct rh_peer *peer; /* where it goes */
    bool added;           /* the engine knows it */
    bool refused;         /* it never will: `trouble` says why */
    bool told_seal;
    size_t told; /* pieces that the engine was told of */
    bool gone;   /* its bytes are forgotten on our side */
    bool lost;   /* the engine is to be told that its source is lost */
    bool verify; /* the server found other bytes than the journal says: look at them */
    bool fresh;  /* queued by this process */
    bool kept;   /* complete from an earlier life, as its server says, without a proof */
    bool stored; /* the server said, when it was asked, that it has all of it */
    struct rh_snapshot snapshot;
    char trouble[512]; /* for people; "" for none */
    char url[512];
    struct rh_range verify_range;
};

/* A request of the engine on its way. */
struct rh_flight {
    struct rh_flight *next;
    struct rh_item *item;
    struct rh_send send;
    struct rh_call *call;  /* NULL: it could not be made; it breaks at the next occasion */
    bool introduces;       /* it makes the session first */
    unsigned token_number; /* that it was sent with */
    struct rh_wire_reply reply;
};

struct rh_sender {
    struct rh_spool *spool;
    const struct rh_options *options;
    struct rh_progress *progress;
    const volatile sig_atomic_t *interrupted; /* somebody wants an end */
    struct rh_transport *transport;
    struct rh_engine *engine;
    void *engine_memory;
    uint8_t *wire_memory;
    struct rh_item **items;
    size_t item_count, item_cap;
    struct rh_flight *flights;
    struct rh_peer *peers;
    struct rh_rng rng;
    rh_ms wake_at_ms;
    bool leads;             /* the spool is ours */
    bool told_leader;       /* and the engine knows */
    bool stopping;          /* nothing more is sent */
    bool token_wanted;      /* the engine asks for a fresh one */
    bool token_stale;       /* the one we have was refused and there is no other */
    bool fenced;            /* somebody else sends for this spool's lease */
    char token[512];        /* "" for none */
    unsigned token_number;  /* of it, from 1 */
    unsigned token_refused; /* the last one that was; older answers say nothing of newer ones */
    char session[40];       /* the session that the server was told of last */
    enum rh_error fatal;    /* a record could not be made durable: nothing may follow */
    char why[256];          /* of `fatal` */
};

rh_ms rh_clock_ms(void);
int64_t rh_wall_ms(void);

/* RH_ERR_MEMORY. The parts stay the caller's. */
enum rh_error rh_sender_init(struct rh_sender *sender, struct rh_spool *spool,
                             const struct rh_options *options, struct rh_progress *progress);
void rh_sender_finish(struct rh_sender *sender);

/* Takes the entry over. The item lives as long as the sender. */
struct rh_item *rh_sender_add(struct rh_sender *sender, struct rh_entry *entry);
/* Loads what waits in the spool; leads from now on. Errors of files. */
enum rh_error rh_sender_lead(struct rh_sender *sender);
/* What others queued meanwhile. Returns how many there are that are new. */
size_t rh_sender_rescan(struct rh_sender *sender);

/* Tells the engine what it does not know yet of an item: pieces, the seal. */
void rh_sender_inform(struct rh_sender *sender, struct rh_item *item);
/* An event of the shell: storage, limit … */
enum rh_error rh_sender_tell(struct rh_sender *sender, struct rh_event *event);
void rh_sender_tell_about(struct rh_sender *sender, struct rh_item *item, enum rh_event_kind kind);
/* What became of requests, what is due, what could not be told before. */
void rh_sender_step(struct rh_sender *sender);
/* Milliseconds until it has something to do by itself. */
rh_ms rh_sender_due_ms(const struct rh_sender *sender);
/* Breaks everything off; records are made durable. */
void rh_sender_stop(struct rh_sender *sender);
/* Whether an item has ended, one way or the other. */
bool rh_item_over(const struct rh_item *item);

/* Why its bytes cannot be had, and what to do, as its trouble. */
void rh_item_lost_text(struct rh_item *item, enum rh_error error);

/* Forgets items that are gone, but for one that is read from; returns how many were completed. */
size_t rh_sender_prune(struct rh_sender *sender, const struct rh_item *reading);

/* What the engine would show of an upload of the spool. False: it cannot be told. */
bool rh_sender_peek(const struct rh_options *options, const struct rh_entry *entry,
                    struct rh_snapshot *out);

/* ---- between sender.c, flight.c and peer.c ---- */
/* Lines of a request's header, and the token where it may go. Allocated. */
char *rh_sender_headers(const struct rh_sender *sender, struct rh_bytes lines, bool token);
void rh_flight_start(struct rh_sender *sender, struct rh_item *item, const struct rh_send *send);
void rh_flight_abort(struct rh_sender *sender, uint32_t token);
void rh_flight_free(struct rh_sender *sender, struct rh_flight *flight);
/* Progress of all, and answers. */
void rh_flights_step(struct rh_sender *sender);

#endif
