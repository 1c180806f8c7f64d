/* SPDX-License-Identifier: MIT */
/* Command lines of `serve`: one argument a line. What is refused comes with a complaint that is a
 * sentence. */
#include "base/assert.h"
#include "input.h"
#include "serve/config.h"

#define ARGUMENTS 24

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rh_config config;
    static char texts[ARGUMENTS][256];
    char *argv[ARGUMENTS + 1] = {NULL};
    char complaint[RH_COMPLAINT_BYTES];
    struct input in = {data, size};
    uint64_t bytes = 0;
    rh_ms ms = 0;
    int argc = 0;
    memset(complaint, 0, sizeof complaint);
    while (in.size > 0 && argc < ARGUMENTS) {
        argv[argc] = input_text(input_line(&in), texts[argc], sizeof texts[argc]);
        (void)rh_config_size(argv[argc], &bytes);
        if (rh_config_duration(argv[argc], &ms) == RH_OK)
            RH_ASSERT(ms <= (rh_ms)24 * 3600 * 1000);
        argc++;
    }
    if (rh_config_parse(&config, argc, argv, complaint) != RH_OK) {
        RH_ASSERT(complaint[0] != '\0');
        RH_ASSERT(memchr(complaint, 0, sizeof complaint) != NULL);
        return 0;
    }
    if (config.help)
        return 0;
    RH_ASSERT(config.listen_count > 0 && config.listen_count <= RH_LISTENS_MAX);
    RH_ASSERT(config.host_count <= RH_HOSTS_MAX && config.origin_count <= RH_ORIGINS_MAX);
    RH_ASSERT(config.loop_count >= 1 && config.loop_count <= RH_LOOPS_MAX);
    RH_ASSERT(config.connections_max > 0 && config.head_bytes_max > 0);
    if (rh_config_check_doors(&config, complaint) != RH_OK)
        RH_ASSERT(complaint[0] != '\0');
    return 0;
}
