/* SPDX-License-Identifier: MIT */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void rh_assert_fail(const char *condition, const char *file, int line)
{
    fprintf(stderr, "reelhaul: broken invariant: %s (%s:%d)\n", condition, file, line);
    abort();
}
