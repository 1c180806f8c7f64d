/* SPDX-License-Identifier: MIT */
#ifndef SERVE_LOG_H
#define SERVE_LOG_H
/*
 * The server's log: one line an event on standard error, as plain text or as JSON. A line says what
 * happened and is followed by named values. Nothing secret and nothing that names a participant
 * goes in: no tokens, no raw paths, no addresses.
 */
#include <reelhaul/types.h>

#include "base/log.h"

/* Before threads start. */
void rh_serve_log_init(enum rh_log_level least, bool json);

/* A value of a line: text or a number. */
struct rh_log_value {
    const char *name;
    const char *text; /* NULL: the number */
    uint64_t number;
};

#define RH_LOG_TEXT(name_, text_)     ((struct rh_log_value){.name = (name_), .text = (text_)})
#define RH_LOG_NUMBER(name_, number_) ((struct rh_log_value){.name = (name_), .number = (number_)})

/* Whether lines of that level are written at all. */
bool rh_serve_log_on(enum rh_log_level level);
/* One line, written by one write(2), so that lines of several threads never mix. */
void rh_serve_log(enum rh_log_level level, const char *message, const struct rh_log_value *values,
                  size_t count);
/* A line without values. */
void rh_serve_say(enum rh_log_level level, const char *message);

/* Formats a line without its end; returns its size, at most cap. For tests, and the above. */
size_t rh_serve_log_format(char *out, size_t cap, bool json, int64_t wall_ms,
                           enum rh_log_level level, const char *message,
                           const struct rh_log_value *values, size_t count);

/* Logs, and ends the process at once with status 70: going on could break a promise. */
_Noreturn void rh_serve_die(const char *message);

#endif
