/* SPDX-License-Identifier: MIT */
/*
 * System calls are made directly, so nothing has to be looked up and no sanitizer's interceptor is
 * lost that matters here; memory comes from the sanitizer where there is one, else from glibc.
 */
/* Both families of names are defined here: open and open64 must not become one. */
#undef _FILE_OFFSET_BITS
#undef _GNU_SOURCE
#define _GNU_SOURCE
#include "inject.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *const fault_names[FAULT_CALLS] = {
    "none",  "malloc", "open",      "read",  "write",  "sync",  "truncate", "rename", "unlink",
    "mkdir", "stat",   "fallocate", "close", "accept", "epoll", "recv",     "send",   "sendfile",
};

const int fault_flavours[FAULT_CALLS][FAULT_FLAVOURS] = {
    [FAULT_MALLOC] = {ENOMEM},
    [FAULT_OPEN] = {EIO, EMFILE, ENOSPC, EINTR},
    [FAULT_READ] = {EIO, EINTR, FAULT_SHORT},
    [FAULT_WRITE] = {EIO, ENOSPC, EINTR, FAULT_SHORT},
    [FAULT_SYNC] = {EIO, ENOSPC, EINTR},
    [FAULT_TRUNCATE] = {EIO, ENOSPC},
    [FAULT_RENAME] = {EIO, ENOSPC, EINVAL},
    [FAULT_UNLINK] = {EIO, EACCES},
    [FAULT_MKDIR] = {EIO, ENOSPC},
    [FAULT_STAT] = {EIO},
    [FAULT_FALLOCATE] = {EOPNOTSUPP, ENOSPC},
    [FAULT_CLOSE] = {EIO, EINTR},
    [FAULT_ACCEPT] = {EMFILE, ECONNABORTED, EINTR},
    [FAULT_EPOLL] = {ENOMEM, ENOSPC},
    [FAULT_RECV] = {ECONNRESET, EINTR, EIO},
    [FAULT_SEND] = {EPIPE, EINTR, ENOBUFS},
    [FAULT_SENDFILE] = {EIO, EINTR, ECONNRESET},
};

/* The memory below ours. Weak: which of them there is depends on the build. */
void *__interceptor_malloc(size_t size) __attribute__((weak));
void *__interceptor_calloc(size_t count, size_t size) __attribute__((weak));
void *__interceptor_realloc(void *old, size_t size) __attribute__((weak));
void __interceptor_free(void *memory) __attribute__((weak));
void *__libc_malloc(size_t size) __attribute__((weak));
void *__libc_calloc(size_t count, size_t size) __attribute__((weak));
void *__libc_realloc(void *old, size_t size) __attribute__((weak));
void __libc_free(void *memory) __attribute__((weak));

static atomic_bool armed;
static uint32_t wanted;
static uint64_t strike_at;
static int strike_with;
static uint8_t *kinds;
static struct fault_report own;
static struct fault_report *report = &own;
static _Atomic uint64_t counted;
static atomic_bool struck;
static _Atomic int64_t blocks;
static _Atomic uint64_t bad_closes;
static _Thread_local int paused;

void fault_arm(uint32_t calls, uint64_t nth, int error, uint8_t *log)
{
    wanted = calls;
    strike_at = nth;
    strike_with = error;
    kinds = log;
    struck = false;
    counted = 0;
    bad_closes = 0;
    armed = true;
}

uint64_t fault_disarm(void)
{
    armed = false;
    return counted;
}

void fault_pause(void)
{
    paused++;
}

void fault_resume(void)
{
    paused--;
}

bool fault_has_struck(void)
{
    return struck;
}

int64_t fault_blocks(void)
{
    return blocks;
}

uint64_t fault_bad_closes(void)
{
    return bad_closes;
}

void fault_report_to(struct fault_report *place)
{
    report = place;
}

/* For a debugger: break here to see whose call fails. */
__attribute__((noinline)) void fault_strikes_here(void)
{
    struck = true;
    __atomic_store_n(&report->struck, 1, __ATOMIC_RELAXED);
}

/* 0: the call is to be made. Else the flavour in which it fails. */
static int strikes(enum fault_call call)
{
    if (!armed || paused > 0)
        return 0;
    (void)__atomic_add_fetch(&report->counts[call], 1, __ATOMIC_RELAXED);
    if ((wanted & FAULT_BIT(call)) == 0)
        return 0;
    uint64_t n = ++counted;
    if (kinds != NULL && n <= FAULT_LOG_MAX)
        kinds[n - 1] = (uint8_t)call;
    if (n != strike_at)
        return 0;
    fault_strikes_here();
    return strike_with;
}

/* As a failed call ends: errno, and -1. */
static bool fails(enum fault_call call)
{
    int error = strikes(call);
    if (error <= 0)
        return false;
    errno = error;
    return true;
}

/* The size to go on with; 0: the call has failed. */
static size_t cut(enum fault_call call, size_t size)
{
    int error = strikes(call);
    if (error == 0)
        return size;
    if (error == FAULT_SHORT)
        return size > 1 ? size / 2 : size;
    errno = error;
    return 0;
}

/* ---- memory ---- */

static void *counted_block(void *memory)
{
    if (memory != NULL)
        blocks++;
    return memory;
}

void *malloc(size_t size)
{
    if (fails(FAULT_MALLOC))
        return NULL;
    return counted_block(__interceptor_malloc != NULL ? __interceptor_malloc(size)
                                                      : __libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    if (fails(FAULT_MALLOC))
        return NULL;
    return counted_block(__interceptor_calloc != NULL ? __interceptor_calloc(count, size)
                                                      : __libc_calloc(count, size));
}

void *realloc(void *old, size_t size)
{
    if (fails(FAULT_MALLOC))
        return NULL;
    void *memory = __interceptor_realloc != NULL ? __interceptor_realloc(old, size)
                                                 : __libc_realloc(old, size);
    if (old == NULL)
        return counted_block(memory);
    if (size == 0)
        blocks--;
    return memory;
}

void free(void *memory)
{
    if (memory != NULL)
        blocks--;
    if (__interceptor_free != NULL)
        __interceptor_free(memory);
    else
        __libc_free(memory);
}

/* A sanitizer's own would not come by our malloc. */
char *strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    return copy == NULL ? NULL : memcpy(copy, text, size);
}

/* ---- names ---- */

static int open_at(int directory, const char *path, int flags, va_list arguments)
{
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
    if (fails(FAULT_OPEN))
        return -1;
    return (int)syscall(SYS_openat, directory, path, flags, mode);
}

#define OPEN(directory, path, flags)                                                               \
    do {                                                                                           \
        va_list arguments;                                                                         \
        va_start(arguments, flags);                                                                \
        int fd = open_at(directory, path, flags, arguments);                                       \
        va_end(arguments);                                                                         \
        return fd;                                                                                 \
    } while (0)

int open(const char *path, int flags, ...)
{
    OPEN(AT_FDCWD, path, flags);
}

int open64(const char *path, int flags, ...)
{
    OPEN(AT_FDCWD, path, flags);
}

int openat(int directory, const char *path, int flags, ...)
{
    OPEN(directory, path, flags);
}

int openat64(int directory, const char *path, int flags, ...)
{
    OPEN(directory, path, flags);
}

int close(int fd)
{
    int error = strikes(FAULT_CLOSE);
    int result = (int)syscall(SYS_close, fd);
    if (result != 0 && errno == EBADF && armed)
        bad_closes++;
    /* The descriptor is gone all the same, as on Linux. */
    if (error <= 0)
        return result;
    errno = error;
    return -1;
}

int renameat2(int from_directory, const char *from, int to_directory, const char *to,
              unsigned flags)
{
    if (fails(FAULT_RENAME))
        return -1;
    return (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, flags);
}

int renameat(int from_directory, const char *from, int to_directory, const char *to)
{
    return renameat2(from_directory, from, to_directory, to, 0);
}

int rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_directory, const char *from, int to_directory, const char *to, int flags)
{
    if (fails(FAULT_RENAME))
        return -1;
    return (int)syscall(SYS_linkat, from_directory, from, to_directory, to, flags);
}

int unlinkat(int directory, const char *path, int flags)
{
    if (fails(FAULT_UNLINK))
        return -1;
    return (int)syscall(SYS_unlinkat, directory, path, flags);
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

int mkdirat(int directory, const char *path, mode_t mode)
{
    if (fails(FAULT_MKDIR))
        return -1;
    return (int)syscall(SYS_mkdirat, directory, path, mode);
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

int faccessat(int directory, const char *path, int mode, int flags)
{
    (void)flags;
    if (fails(FAULT_STAT))
        return -1;
    return (int)syscall(SYS_faccessat, directory, path, mode);
}

/* On 64 bits struct stat and struct stat64 are one. */
#define STAT(name, type, parameters, directory, path, flags)                                       \
    int name parameters                                                                            \
    {                                                                                              \
        if (fails(FAULT_STAT))                                                                     \
            return -1;                                                                             \
        return (int)syscall(SYS_newfstatat, directory, path, (void *)out, flags);                  \
    }

STAT(fstat, stat, (int fd, struct stat *out), fd, "", AT_EMPTY_PATH)
STAT(fstat64, stat64, (int fd, struct stat64 *out), fd, "", AT_EMPTY_PATH)
STAT(stat, stat, (const char *restrict path, struct stat *restrict out), AT_FDCWD, path, 0)
STAT(stat64, stat64, (const char *restrict path, struct stat64 *restrict out), AT_FDCWD, path, 0)
STAT(fstatat, stat,
     (int directory, const char *restrict path, struct stat *restrict out, int flags), directory,
     path, flags)
STAT(fstatat64, stat64,
     (int directory, const char *restrict path, struct stat64 *restrict out, int flags), directory,
     path, flags)

/* ---- bytes ---- */

#define BYTES(name, parameters, call, number, ...)                                                 \
    ssize_t name parameters                                                                        \
    {                                                                                              \
        size_t now = cut(call, size);                                                              \
        if (now == 0 && size > 0)                                                                  \
            return -1;                                                                             \
        return (ssize_t)syscall(number, fd, data, now __VA_OPT__(, ) __VA_ARGS__);                 \
    }

BYTES(read, (int fd, void *data, size_t size), FAULT_READ, SYS_read)
BYTES(pread, (int fd, void *data, size_t size, off_t offset), FAULT_READ, SYS_pread64, offset)
BYTES(pread64, (int fd, void *data, size_t size, off64_t offset), FAULT_READ, SYS_pread64, offset)
BYTES(write, (int fd, const void *data, size_t size), FAULT_WRITE, SYS_write)
BYTES(pwrite, (int fd, const void *data, size_t size, off_t offset), FAULT_WRITE, SYS_pwrite64,
      offset)
BYTES(pwrite64, (int fd, const void *data, size_t size, off64_t offset), FAULT_WRITE, SYS_pwrite64,
      offset)

int fsync(int fd)
{
    return fails(FAULT_SYNC) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return fails(FAULT_SYNC) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int ftruncate(int fd, off_t size)
{
    return fails(FAULT_TRUNCATE) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

int ftruncate64(int fd, off64_t size)
{
    return fails(FAULT_TRUNCATE) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

int fallocate(int fd, int mode, off_t offset, off_t size)
{
    return fails(FAULT_FALLOCATE) ? -1 : (int)syscall(SYS_fallocate, fd, mode, offset, size);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t size)
{
    return fails(FAULT_FALLOCATE) ? -1 : (int)syscall(SYS_fallocate, fd, mode, offset, size);
}

/* ---- sockets: for the real binary ---- */

int accept4(int fd, struct sockaddr *restrict address, socklen_t *restrict size, int flags)
{
    return fails(FAULT_ACCEPT) ? -1 : (int)syscall(SYS_accept4, fd, address, size, flags);
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    return fails(FAULT_EPOLL) ? -1 : (int)syscall(SYS_epoll_ctl, epoll, operation, fd, event);
}

ssize_t recv(int fd, void *data, size_t size, int flags)
{
    return fails(FAULT_RECV) ? -1 : (ssize_t)syscall(SYS_recvfrom, fd, data, size, flags, 0, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    return fails(FAULT_SEND) ? -1 : (ssize_t)syscall(SYS_sendmsg, fd, message, flags);
}

ssize_t sendfile(int to, int from, off_t *offset, size_t size)
{
    return fails(FAULT_SENDFILE) ? -1 : (ssize_t)syscall(SYS_sendfile, to, from, offset, size);
}

ssize_t sendfile64(int to, int from, off64_t *offset, size_t size)
{
    return fails(FAULT_SENDFILE) ? -1 : (ssize_t)syscall(SYS_sendfile, to, from, offset, size);
}
