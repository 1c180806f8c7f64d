/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_CLI_PROGRESS_H
#define REELHAUL_CLI_PROGRESS_H
/* What people see of sending: one line that moves on a terminal, plain lines elsewhere, or JSON. */
#include "reelhaul/engine.h"

struct rh_item;

struct rh_progress {
    bool json;
    bool quiet;
    bool terminal;
    bool line_open; /* the moving line is there */
    rh_ms shown_ms; /* when progress was shown last */
};

void rh_progress_init(struct rh_progress *progress, bool json, bool quiet);
/* A message of its own line, to standard error (JSON: an object on standard output). */
void rh_progress_say(struct rh_progress *progress, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* An upload was queued, or goes on; has changed its state; is up; has failed. */
void rh_progress_queued(struct rh_progress *progress, const struct rh_item *item, bool resumed);
void rh_progress_changed(struct rh_progress *progress, const struct rh_item *item,
                         const struct rh_snapshot *before, rh_ms now_ms);
/* At most so often as the place bears. */
void rh_progress_tick(struct rh_progress *progress, struct rh_item *const *items, size_t count,
                      rh_ms now_ms);
void rh_progress_end(struct rh_progress *progress);

/* "12.3 MB", "3 min 20 s" into a caller's text. */
void rh_show_bytes(uint64_t bytes, char out[24]);
void rh_show_time(rh_ms ms, char out[24]);
const char *rh_show_state(enum rh_upload_state state);
const char *rh_show_reason(enum rh_reason reason);

#endif
