/* SPDX-License-Identifier: MIT */
#ifndef TEST_CRASH_VERIFY_H
#define TEST_CRASH_VERIFY_H
/*
 * What must hold after a crash, on a world that was opened on what the crash left and has settled.
 * What does not hold is the world's problem.
 */
#include "world.h"

/*
 * Every acknowledged byte is there and equal, in the vault's words and in the files; what is said
 * to be durable is; what was done is exactly one object, equal to its source; no acknowledged
 * session or metadata is lost.
 */
void verify_promise(struct world *, const struct promise *);

/* Every upload can be continued and completes with the right bytes. */
void verify_continues(struct world *, const struct promise *);

#endif
