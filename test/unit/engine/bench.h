/* SPDX-License-Identifier: MIT */
#ifndef TEST_ENGINE_BENCH_H
#define TEST_ENGINE_BENCH_H
/* A workbench for the engine's tests: one engine, a clock, short ways to tell, and the actions of
 * the last drain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/crc64.h"
#include "reelhaul/engine.h"

#define BENCH_ACTIONS 512

struct bench {
    void *memory;
    struct rh_engine *engine;
    struct rh_policy policy;
    rh_ms now;
    rh_ms wake; /* asked for last, RH_MS_NEVER once it came */
    struct rh_action actions[BENCH_ACTIONS];
    uint8_t records[BENCH_ACTIONS][4096];
    unsigned count;
};

struct bench *bench_new(const char *policy);
struct bench *bench_of(const struct rh_policy *policy, const struct rh_limits *limits);
void bench_free(struct bench *b);

/* Tells and drains; actions of this event alone are in b->actions. Asserts success. */
void bench_tell(struct bench *b, struct rh_event event);
/* The same for an event that may err. */
enum rh_error bench_try(struct bench *b, struct rh_event event);
void bench_drain(struct bench *b);
/* Lets time pass, waking at each wake that falls in it, until a send is asked for or the time is
 * over. True: a send. */
bool bench_until_send(struct bench *b, rh_ms ms);
void bench_pass(struct bench *b, rh_ms ms);

struct rh_event event_of(enum rh_event_kind kind, const char *upload);
void tell_kind(struct bench *b, enum rh_event_kind kind, const char *upload);
void tell_added(struct bench *b, const char *upload);
void tell_spooled(struct bench *b, const char *upload, uint64_t offset, uint64_t length);
void tell_sealed(struct bench *b, const char *upload, uint64_t size);
void tell_network(struct bench *b, bool up);
void tell_broken(struct bench *b, uint32_t token);
void tell_progress(struct bench *b, uint32_t token, uint64_t bytes);
/* added, spooled in segments of `segment` bytes, sealed */
void tell_take(struct bench *b, const char *upload, uint64_t size, uint64_t segment);

/* The bytes of every upload in these tests: a fixed pattern; its checksum over a range. */
uint64_t pattern_crc(uint64_t offset, uint64_t length);

/* The n-th send (from 0) of the last drain, or NULL; and the send about an upload. */
const struct rh_action *find_send(const struct bench *b, unsigned n);
const struct rh_action *find_action(const struct bench *b, enum rh_action_kind kind,
                                    const char *upload);
unsigned count_kind(const struct bench *b, enum rh_action_kind kind);
/* The last notify about an upload in the last drain must say so. */
void expect_state(struct bench *b, const char *upload, enum rh_upload_state state,
                  enum rh_reason reason);
struct rh_snapshot look(struct bench *b, const char *upload);

/* Answers. `send` is copied before anything is told, so it may point into b->actions. */
void answer(struct bench *b, const struct rh_action *send, enum rh_outcome outcome,
            rh_ms retry_after);
void answer_create(struct bench *b, const struct rh_action *send, const char *remote);
/* Receipt over the part, kept and durable. */
void answer_part(struct bench *b, const struct rh_action *send);
void answer_done(struct bench *b, const struct rh_action *send, uint64_t size);
/* What an ask says: `count` pairs of offset, length. */
void answer_list(struct bench *b, const struct rh_action *send, unsigned count,
                 const uint64_t *pairs);
/* Creates and returns with the upload's first part (or whatever follows) in b->actions. */
void start(struct bench *b, const char *upload, uint64_t size, uint64_t segment);

#endif
