/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_TEST_HTTP_SPLITS_H
#define REELHAUL_TEST_HTTP_SPLITS_H
/* Checks what a parser says of an input, whole, cut in two at every byte, and byte by byte. */
#include "harness.h"
#include "replay.h"

static const struct replay_h1_limits usual = {RH_H1_HEAD_BYTES, RH_H1_HEADERS, 0};

static inline void same_text(const struct replay *got, const char *expected, size_t size,
                             size_t cut)
{
    if (got->size != size || memcmp(got->text, expected, size) != 0) {
        fail_msg("cut at %zu: got\n%.*s\nexpected\n%.*s", cut, (int)got->size, got->text, (int)size,
                 expected);
    }
}

/* Checks every cut against the whole; leaves the whole's replay in `whole` (replay_finish it). */
static inline void replay_h1_all(struct replay *whole, struct rh_bytes input,
                                 const struct replay_h1_limits *limits)
{
    replay_init(whole);
    replay_h1(whole, input.data, input.size, limits, (struct replay_cut){0});
    for (size_t first = 0; first < input.size; first++) {
        struct replay cut;
        replay_init(&cut);
        struct replay_cut how = {.first = first};
        if (first == 0) {
            how.every = 1;
        }
        replay_h1(&cut, input.data, input.size, limits, how);
        same_text(&cut, whole->text, whole->size, first);
        replay_finish(&cut);
    }
}

static inline void check_h1_limits(struct rh_bytes input, const char *expected,
                                   const struct replay_h1_limits *limits)
{
    struct replay whole;
    replay_h1_all(&whole, input, limits);
    same_text(&whole, expected, strlen(expected), 0);
    replay_finish(&whole);
}

static inline void check_h1(struct rh_bytes input, const char *expected)
{
    check_h1_limits(input, expected, &usual);
}

/* The input must be refused with this status, at whatever cut, and nothing may have been accepted.
 */
static inline void check_h1_refused(struct rh_bytes input, unsigned status,
                                    const struct replay_h1_limits *limits)
{
    struct replay whole;
    replay_h1_all(&whole, input, limits);
    char wanted[32];
    snprintf(wanted, sizeof wanted, " status=%u ", status);
    replay_put(&whole, "", 1);
    if (strncmp(whole.text, "\nerror ", 7) != 0 || strstr(whole.text, wanted) == NULL) {
        fail_msg("expected %u for\n%.*s\ngot %s", status, (int)input.size, input.data, whole.text);
    }
    replay_finish(&whole);
}

#endif
