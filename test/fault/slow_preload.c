/* SPDX-License-Identifier: MIT */
/*
 * A slow disk, for LD_PRELOAD under the real binary: making a file first sleeps SLOW_CREATE_MS.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>

static void wait_for(const char *name)
{
    const char *text = getenv(name);
    long ms = text != NULL ? strtol(text, NULL, 10) : 0;
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    if (ms > 0)
        nanosleep(&time, NULL);
}

/* ISO C has no way from an object to a function but through memory. */
static void find(const char *name, void *function)
{
    *(void **)function = dlsym(RTLD_NEXT, name);
}

int openat64(int directory, const char *path, int flags, ...);
int openat64(int directory, const char *path, int flags, ...)
{
    int (*real)(int, const char *, int, ...) = NULL;
    mode_t mode = 0;
    va_list arguments;

    if ((flags & O_CREAT) != 0) {
        wait_for("SLOW_CREATE_MS");
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    find("openat64", &real);
    return real(directory, path, flags, mode);
}
