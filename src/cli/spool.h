/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_CLI_SPOOL_H
#define REELHAUL_CLI_SPOOL_H
/*
 * The spool directory:
 *   lock                       whoever sends holds it (flock); its text is that process's number
 *   writer                     the lease and its number, which rises with every process that sends
 *   counters                   the engine's record of itself
 *   reserve                    room for journals and records on a disk that others have filled
 *   uploads/{id}/journal       see journal.h; whoever still spools into it holds it (flock)
 *   uploads/{id}/record        the engine's record
 *   uploads/{id}/{index}.seg   closed and open segments, where the bytes came from standard input
 * An id begins with its time, so that the order of names is the order of queueing.
 */
#include "reelhaul/engine.h"

#define RH_SPOOL_ID_MAX 63

struct rh_spool {
    char path[4096]; /* absolute */
    int dir;         /* -1 while closed */
    int uploads;
    int lock;
    bool leads;
    char lease[RH_LEASE_MAX + 1];
    uint64_t number;
    uint64_t bytes_max;  /* of segments; 0: as much as the disk has */
    uint64_t bytes_held; /* of segments, by the entries that are loaded */
};

/*
 * Opens or makes the directory. `path` NULL: $XDG_STATE_HOME/reelhaul, or ~/.local/state/reelhaul.
 * RH_OK, or with errno set: RH_ERR_DENIED, RH_ERR_FULL, RH_ERR_IO, RH_ERR_UNKNOWN (no home to put
 * it in), RH_ERR_LIMIT (the path is too long).
 */
enum rh_error rh_spool_open(struct rh_spool *spool, const char *path, bool make);
void rh_spool_close(struct rh_spool *spool);

/*
 * Takes the lock, and a number higher than any before. RH_ERR_STATE: process *pid has it (0: not
 * said). RH_ERR_VERSION: a newer version of Reelhaul keeps this spool. Other errors of files.
 */
enum rh_error rh_spool_lead(struct rh_spool *spool, long *pid);

/* Ids of what is there, in order; *ids is one allocation (free it). */
enum rh_error rh_spool_list(const struct rh_spool *spool, char (**ids)[RH_SPOOL_ID_MAX + 1],
                            size_t *count);
/* A new id: the time in UTC, a count, and chance. */
void rh_spool_id(char out[RH_SPOOL_ID_MAX + 1], int64_t wall_ms);

/* Bytes that segments may still take: RH_SIZE_UNKNOWN where nobody can tell. A part of the disk is
 * left for journals and records, so that what is there can be sent and forgotten. */
uint64_t rh_spool_room(const struct rh_spool *spool);

/* Sets room aside, if there is none and the disk has some; and gives it to whoever writes next.
 * False: there was none any more. */
void rh_spool_reserve(const struct rh_spool *spool);
bool rh_spool_spend_reserve(const struct rh_spool *spool);

#endif
