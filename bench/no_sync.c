/* SPDX-License-Identifier: MIT */
/* Preloaded into the server: what it would be without durability, to be compared with those that
 * have none. */
#include <unistd.h>

int fsync(int fd)
{
    (void)fd;
    return 0;
}

int fdatasync(int fd)
{
    (void)fd;
    return 0;
}
