/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_CLI_INTAKE_H
#define REELHAUL_CLI_INTAKE_H
/*
 * Where bytes come from: standard input into the spool, and the user's files through their
 * checksums. Neither waits for the other, nor for the network.
 */
#include "cli/sender.h"

#define RH_INTAKE_BYTES ((size_t)64 << 10)

struct rh_intake {
    struct rh_sender *sender;
    struct rh_item *input; /* of standard input, or NULL */
    bool input_over;       /* its end was read */
    bool full;             /* the spool has no room: standard input waits */
    bool pressed;          /* the engine was told so */
    uint8_t pending[RH_INTAKE_BYTES];
    size_t pending_at, pending_size;
    rh_ms segment_since_ms; /* the open segment's first byte */
    rh_ms retry_at_ms;      /* while full */
    /* The file that is read through. */
    struct rh_item *reading;
    rh_ms read_at_ms; /* not before */
    struct rh_source source;
    uint8_t *piece;
};

/* RH_ERR_MEMORY. */
enum rh_error rh_intake_init(struct rh_intake *intake, struct rh_sender *sender);
void rh_intake_finish(struct rh_intake *intake);

/* Whether standard input is to be waited for. */
bool rh_intake_wants_input(const struct rh_intake *intake);
/* Whether bytes may still come. */
bool rh_intake_open(const struct rh_intake *intake);
/* Reads and spools. `readable`: standard input has something. RH_OK, or the spool's medium failed.
 */
enum rh_error rh_intake_step(struct rh_intake *intake, bool readable);
/* What was read so far is durable; standard input is not read any more. */
enum rh_error rh_intake_stop(struct rh_intake *intake);
/* Milliseconds until there is something to do. */
rh_ms rh_intake_due_ms(const struct rh_intake *intake);

#endif
