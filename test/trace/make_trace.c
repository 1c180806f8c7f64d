/* SPDX-License-Identifier: MIT */
/*
 * Writes the trace of a storm: make_trace SEED POLICY MINUTES > file. Frames, each u8 tag and u32
 * little-endian size: 'N' a new engine: policy overrides as text "name=value\n" lines; it begins
 * the file and follows each crash 'E' an event as rh_event_encode writes it, 'A' an action that it
 * brought about, 'C' at the end the counters as rh_counters_encode writes them
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "world.h"

static void frame(char tag, const uint8_t *bytes, size_t size)
{
    uint8_t head[5] = {(uint8_t)tag};
    rh_le32_put(head + 1, (uint32_t)size);
    if (fwrite(head, 1, sizeof head, stdout) != sizeof head ||
        (size > 0 && fwrite(bytes, 1, size, stdout) != size)) {
        perror("make_trace");
        exit(1);
    }
}

static const struct world *the_world;

static void new_engine(void)
{
    char text[256];
    const struct rh_policy *p = &the_world->policy;
    int size = snprintf(text, sizeof text,
                        "policy=%s\nseed=%llu\npart_bytes=%u\npart_bytes_min=%u\nkeep=%u\n"
                        "offline_is_attempt=%u\n",
                        p->name, (unsigned long long)the_world->engine_seed, p->part_bytes,
                        p->part_bytes_min, (unsigned)p->keep, p->offline_is_attempt);
    frame('N', (const uint8_t *)text, (size_t)size);
}

static void sink(void *context, bool is_action, const uint8_t *bytes, size_t size)
{
    bool *begun = context;
    if (!*begun || size == 0) {
        *begun = true;
        new_engine();
    }
    if (size > 0)
        frame(is_action ? 'A' : 'E', bytes, size);
}

int main(int argc, char **argv)
{
    static struct world w;
    bool begun = false;
    if (argc != 4) {
        fprintf(stderr, "usage: make_trace SEED POLICY MINUTES\n");
        return 2;
    }
    the_world = &w;
    world_init(&w, strtoull(argv[1], NULL, 10), argv[2], WORLD_ALL, sink, &begun);
    world_run(&w, strtoull(argv[3], NULL, 10) * 60000);
    world_heal(&w);
    world_run(&w, 4 * 3600000);
    if (w.broken != NULL) {
        fprintf(stderr, "make_trace: %s\n", w.broken);
        return 1;
    }
    fprintf(stderr, "%llu events, %llu actions, %llu crashes\n", (unsigned long long)w.events,
            (unsigned long long)w.actions, (unsigned long long)w.crashes);
    struct rh_counters counters;
    uint8_t bytes[1024];
    size_t size;
    rh_engine_counters(w.engine, &counters);
    if (rh_counters_encode(&counters, bytes, sizeof bytes, &size) != RH_OK)
        return 1;
    frame('C', bytes, size);
    world_finish(&w);
    return fclose(stdout) == 0 ? 0 : 1;
}
