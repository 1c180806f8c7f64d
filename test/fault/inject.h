/* SPDX-License-Identifier: MIT */
#ifndef TEST_FAULT_INJECT_H
#define TEST_FAULT_INJECT_H
/*
 * Stands between the program and libc: counts allocations and system calls, and makes the n-th one
 * fail. Linked into a test it covers the libraries too (SQLite, jansson), since symbols of the
 * executable come first; built as a shared object (inject_preload.c) it does the same to the real
 * binary. One fault a run: it strikes once, what comes after works again.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault_call {
    FAULT_NONE,
    FAULT_MALLOC,
    FAULT_OPEN,
    FAULT_READ,
    FAULT_WRITE,
    FAULT_SYNC,
    FAULT_TRUNCATE,
    FAULT_RENAME,
    FAULT_UNLINK,
    FAULT_MKDIR,
    FAULT_STAT,
    FAULT_FALLOCATE,
    FAULT_CLOSE,
    FAULT_ACCEPT,
    FAULT_EPOLL,
    FAULT_RECV,
    FAULT_SEND,
    FAULT_SENDFILE,
    FAULT_CALLS,
};

/* How a call can fail: an errno, or FAULT_SHORT: a part of the bytes, and no error. */
#define FAULT_SHORT       (-1)
#define FAULT_FLAVOURS    4
#define FAULT_LOG_MAX     65536
#define FAULT_NAME_OF(at) (fault_names[at])

extern const char *const fault_names[FAULT_CALLS];
/* 0 ends the list. */
extern const int fault_flavours[FAULT_CALLS][FAULT_FLAVOURS];

/* Bits by enum fault_call: which calls count. */
#define FAULT_BIT(call)     (1u << (call))
#define FAULT_ALL_MEMORY    FAULT_BIT(FAULT_MALLOC)
#define FAULT_ALL_BUT_ALLOC (~FAULT_BIT(FAULT_MALLOC))

/* Counts from now on; the nth counted call (from 1) fails with `error`. nth 0: none fails. `log`
 * may be NULL; else the kinds of the first FAULT_LOG_MAX calls are put there. */
void fault_arm(uint32_t calls, uint64_t nth, int error, uint8_t *log);
/* Ends counting; how many calls were counted. */
uint64_t fault_disarm(void);
/* What the harness does itself does not count. They nest. */
void fault_pause(void);
void fault_resume(void);

void fault_strikes_here(void);
bool fault_has_struck(void);
/* Blocks allocated and not freed, since the process began. */
int64_t fault_blocks(void);
/* close() of what is not open, while armed. */
uint64_t fault_bad_closes(void);

/* For inject_preload.c: where counts go, shared with another process. */
struct fault_report {
    uint64_t counts[FAULT_CALLS];
    uint64_t struck;
};
void fault_report_to(struct fault_report *);

#endif
