/* SPDX-License-Identifier: MIT */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void rh_assert_fail(const char *condition, const char *file, int line)
{
    fprintf(stderr, "reelhaul: broken invariant: %s (%s:%d)\n", condition, file, line);
    abort();
}

void rh_out_of_memory(void)
{
    static const char text[] = "reelhaul: out of memory; ending, nothing acknowledged is lost\n";
    /* Not fprintf: it may want memory. */
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        _exit(RH_EXIT_MEMORY);
    _exit(RH_EXIT_MEMORY);
}
