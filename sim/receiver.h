/* SPDX-License-Identifier: MIT */
#ifndef SIM_RECEIVER_H
#define SIM_RECEIVER_H
/*
 * The receiver as the rest of the world sees it: connections in, answers out, crashes, and a look
 * at what is durable. Behind it are the real HTTP parser, api and vault on the models of catalog
 * and store.
 */
#include "sim.h"

struct sim_conn;

struct sim_receiver *sim_receiver_create(struct sim *);
/* Before the events that are left free what they hold; then destroy. */
void sim_receiver_halt(struct sim_receiver *);
void sim_receiver_destroy(struct sim_receiver *);

/* NULL: nobody is there (connection refused). */
struct sim_conn *sim_conn_open(struct sim *, struct sim_link *);
void sim_conn_arrived(struct sim *, struct sim_conn *);     /* more of link->bytes is there */
void sim_conn_gone(struct sim *, struct sim_conn *);        /* the client closed */
void sim_conn_half_closed(struct sim *, struct sim_conn *); /* it says no more, and listens */
void sim_conn_too_slow(struct sim *, struct sim_conn *);    /* the time for reading is over */

bool sim_receiver_is_up(const struct sim *);
enum sim_death { SIM_POWER_LOST = 1, SIM_KILLED };
void sim_receiver_crash(struct sim *, enum sim_death);
void sim_receiver_crash_after(struct sim *, uint64_t steps); /* steps of the store */
void sim_receiver_fail_commit(struct sim *);
void sim_receiver_drain(struct sim *);
/* An older catalog was put back, and what its witness and the files know was merged into it. */
void sim_receiver_restore(struct sim *);
/* It gets no time for so long, then all at once; is switched off for so long. */
void sim_receiver_pause(struct sim *, rh_ms length_ms);
rh_ms sim_receiver_paused_ms(const struct sim *); /* still; 0: it is not */
void sim_receiver_away(struct sim *, rh_ms length_ms);
/* A bit of what was vouched for flips at rest; the next sync lets a sector land elsewhere. */
void sim_receiver_rot(struct sim *);
void sim_receiver_misdirect(struct sim *);
size_t sim_receiver_expired(const struct sim *); /* uploads whose row says so */
void sim_receiver_weather(struct sim *);         /* the weather changed */

/*
 * Whether the range is durable and equal to the source, and the catalog says so; in what a reader
 * gets too. `why` says what is wrong.
 */
bool sim_receiver_holds(struct sim *, const struct sim_object *, uint64_t offset, uint64_t length,
                        const char **why);
/* Whether it is done as one whole object, equal to the source, with nothing left beside it. */
bool sim_receiver_whole(struct sim *, const struct sim_object *, const char **why);
/* Where bytes at rest changed: whether they are the source's all the same, or a checksum of the
 * catalog shows it (which is what fsck looks at), or the vault itself said so. */
bool sim_receiver_shows_rot(struct sim *, const struct sim_object *);
/* The object that has this file; NULL: none that anybody was told of. */
struct sim_object *sim_receiver_owner(struct sim *, const char *path);
/* Flips one bit of what it vouched for; false: it has nothing. */
bool sim_receiver_flip(struct sim *, const struct sim_object *);
/* What a power failure would leave of the catalog just now is what is looked at from now on. */
void sim_receiver_look_again(struct sim *);
/* Nobody waits for it, and nothing of it is under way or open. `why` says what is. */
bool sim_receiver_idle(const struct sim *, const char **why);
/* How many rows that live are this upload's; and how many of them are done. */
size_t sim_receiver_named(struct sim *, const struct sim_upload *, size_t *done_count);

#endif
