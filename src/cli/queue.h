/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_CLI_QUEUE_H
#define REELHAUL_CLI_QUEUE_H
/* Putting files and standard input into the spool, durably, before anything is sent. */
#include "cli/intake.h"

/*
 * Queues everything that the options name. A file that is queued already, unchanged and for the
 * same place, is not queued twice. RH_OK; RH_ERR_SYNTAX: a file cannot be queued, and was
 * complained about (the others are queued); or the spool failed, with errno set.
 */
enum rh_error rh_queue_all(struct rh_sender *sender, struct rh_intake *intake);

/* The session that is picked once for all that is queued. */
struct rh_queue_session {
    char id[40];
    uint32_t flag; /* RH_JOURNAL_SESSION_MADE, or 0 */
    bool picked;
};
/* Queues one file, and says what it was. Results as above; RH_OK also where it was queued before.
 */
enum rh_error rh_queue_one(struct rh_sender *sender, struct rh_intake *intake,
                           struct rh_queue_session *session, const char *path,
                           struct rh_fingerprint *print);

/* The name on the server for a file: without its folders and its ending, and with '_' for what
 * cannot stand in a name. */
void rh_queue_name(const char *path, char out[129]);
/* The type that a file's ending says. */
const char *rh_queue_mime(const char *path);

#endif
