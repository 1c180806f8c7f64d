/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_CLI_WATCH_H
#define REELHAUL_CLI_WATCH_H
/*
 * `reelhaul watch DIR`: whatever appears in a folder is queued once, in the order of its times,
 * when nobody writes into it any more. What was queued is written down in the spool (`watched`), so
 * that a file that stays in the folder is not sent again after a restart.
 */
#include "cli/queue.h"

struct rh_candidate;

/* A file that was queued: enough to know it again. */
struct rh_watched {
    uint64_t folder; /* CRC-64 of its path */
    uint64_t path;
    struct rh_fingerprint print;
};

struct rh_watch {
    struct rh_sender *sender;
    struct rh_intake *intake;
    struct rh_queue_session session;
    char path[4096]; /* of the folder, absolute */
    uint64_t folder;
    int dir;      /* -1: not watching */
    int inotify;  /* -1: there is none; then time alone tells */
    bool scanned; /* all that was there at the start was looked at */
    struct rh_watched *known;
    size_t known_count, known_cap;
    struct rh_candidate *candidates;
    size_t candidate_count, candidate_cap;
    rh_ms scan_at_ms;
};

/* Begins to watch. RH_ERR_SYNTAX: not a folder that can be read (errno); errors of files: the
 * spool. */
enum rh_error rh_watch_init(struct rh_watch *watch, struct rh_sender *sender,
                            struct rh_intake *intake, const char *folder);
void rh_watch_finish(struct rh_watch *watch);
/* Something happened in the folder, or its time has come: queues what is whole. Errors of the
 * spool.
 */
enum rh_error rh_watch_step(struct rh_watch *watch, bool readable);
rh_ms rh_watch_due_ms(const struct rh_watch *watch, rh_ms now_ms);

/* Deletes the user's file of an entry, if it still is what was sent. Only for what is proven. */
void rh_watch_remove(const struct rh_entry *entry);

#endif
