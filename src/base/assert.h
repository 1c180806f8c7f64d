/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_BASE_ASSERT_H
#define REELHAUL_BASE_ASSERT_H
/*
 * Assertions that stay on in release: a broken invariant must end the process before it can
 * acknowledge anything. One condition each, so that the message names the one that broke.
 */

/* Says what broke (natively, on stderr) and never returns: abort() natively, a trap in wasm. */
_Noreturn void rh_assert_fail(const char *condition, const char *file, int line);

#define RH_ASSERT(condition)                                                                       \
    ((condition) ? (void)0 : rh_assert_fail(#condition, __FILE__, __LINE__))

/*
 * For rooms whose state cannot be left halfway through a change (vault, and the queues between
 * threads): when memory is out they end the process, and the next start recovers from what is
 * durable (docs/decisions/0006). An exit of its own, so that nobody takes it for a bug. Native
 * only.
 */
#define RH_EXIT_MEMORY 71 /* EX_OSERR */
_Noreturn void rh_out_of_memory(void);

#define RH_MEMORY(pointer) ((pointer) != NULL ? (void)0 : rh_out_of_memory())

#endif
