/* SPDX-License-Identifier: MIT */
/*
 * inject.c for LD_PRELOAD, and only for tests. FAULT_CALL names a kind of call ("pwrite" is
 * "write", see fault_names), FAULT_NTH which of them fails, FAULT_FLAVOUR how (an index);
 * FAULT_REPORT is a file that holds the counts of all kinds while the process runs.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "inject.h"

static void report_to_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(struct fault_report)) != 0)
        abort();
    void *place =
        mmap(NULL, sizeof(struct fault_report), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (place == MAP_FAILED)
        abort();
    fault_report_to(place);
}

__attribute__((constructor)) static void begin(void)
{
    const char *call = getenv("FAULT_CALL");
    const char *nth = getenv("FAULT_NTH");
    const char *flavour = getenv("FAULT_FLAVOUR");
    const char *path = getenv("FAULT_REPORT");
    if (path != NULL)
        report_to_file(path);
    for (unsigned i = 1; i < FAULT_CALLS; i++) {
        unsigned how = flavour != NULL ? (unsigned)atoi(flavour) % FAULT_FLAVOURS : 0;
        if (call != NULL && nth != NULL && strcmp(call, fault_names[i]) == 0)
            fault_arm(FAULT_BIT(i), strtoull(nth, NULL, 10), fault_flavours[i][how], NULL);
    }
}
