/* SPDX-License-Identifier: MIT */
#ifndef TEST_CLI_HARNESS_H
#define TEST_CLI_HARNESS_H
/* A spool in a folder of its own, and bytes that can be told apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/crc64.h"
#include "base/rng.h"
#include "cli/entry.h"
#include "cli/files.h"
#include "cli/source.h"

struct place {
    char folder[64];
    struct rh_spool spool;
};

static inline void place_open(struct place *p)
{
    assert_int_equal(rh_spool_open(&p->spool, p->folder, true), RH_OK);
}

static inline void place_make(struct place *p)
{
    strcpy(p->folder, "/tmp/reelhaul-cli-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    place_open(p);
}

static inline void place_remove(struct place *p)
{
    char command[128];
    rh_spool_close(&p->spool);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", p->folder);
    assert_int_equal(system(command), 0);
}

static inline uint8_t *make_bytes(size_t size, uint64_t seed)
{
    struct rh_rng rng;
    uint8_t *bytes = malloc(size + 1);
    assert_non_null(bytes);
    rh_rng_init(&rng, seed);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)rh_rng_next(&rng);
    return bytes;
}

static inline struct rh_entry *make_input(struct place *p)
{
    struct rh_entry_plan plan = {.to = "http://127.0.0.1:1",
                                 .protocol = "videos",
                                 .name = "take",
                                 .mime = "video/webm",
                                 .shown = "take",
                                 .flags = RH_JOURNAL_GROWS,
                                 .wall_ms = 1700000000123};
    struct rh_entry *entry;
    assert_int_equal(rh_entry_create(&p->spool, &plan, &entry), RH_OK);
    return entry;
}

static inline void append(struct rh_entry *entry, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        size_t taken;
        assert_int_equal(rh_entry_append(entry, bytes, size, &taken), RH_OK);
        if (taken == 0)
            assert_int_equal(rh_entry_close_segment(entry), RH_OK);
        bytes += taken;
        size -= taken;
    }
}

/* What can be read of it equals the first bytes of these. */
static inline void expect_bytes(const struct rh_entry *entry, const uint8_t *bytes)
{
    for (size_t i = 0; i < entry->piece_count; i++) {
        const struct rh_piece *piece = &entry->pieces[i];
        uint64_t crc64;
        if (!piece->held)
            continue;
        assert_int_equal(
            rh_source_crc64(entry, (struct rh_range){piece->offset, piece->length}, &crc64), RH_OK);
        assert_int_equal(crc64, piece->crc64);
        assert_int_equal(crc64, rh_crc64_update(0, bytes + piece->offset, (size_t)piece->length));
    }
}

#endif
