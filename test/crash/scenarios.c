/* SPDX-License-Identifier: MIT */
#include "scenarios.h"

#include <string.h>

enum { RANGES = 0, CHUNKS = 1, SMALL = 2 }; /* the videos of world.c */

static void start(struct world *w)
{
    if (world_open(w))
        world_settle(w);
}

static void session(struct world *w)
{
    uint64_t op;
    start(w);
    op = world_session(w);
    world_settle(w);
    world_expect(w, op, RH_REPLY_CREATED);
}

/* The id of a new upload. */
static void create(struct world *w, size_t video, bool with_total, char id[RH_ID_TEXT_MAX])
{
    uint64_t op = world_create(w, video, with_total);
    world_settle(w);
    world_expect(w, op, RH_REPLY_CREATED);
    id[0] = '\0';
    if (w->problem[0] == '\0')
        strcpy(id, world_answer(w, op)->upload.id);
}

/* The usual beginning: a session with one upload. */
static void begin(struct world *w, size_t video, bool with_total, char id[RH_ID_TEXT_MAX])
{
    session(w);
    create(w, video, with_total, id);
}

static void expect(struct world *w, uint64_t op, enum rh_reply_code code)
{
    world_settle(w);
    world_expect(w, op, code);
}

/* Bytes that are written and acknowledged. */
static void put(struct world *w, size_t video, const char *id, size_t offset, size_t size,
                bool ends)
{
    expect(w, world_write(w, video, id, offset, size, ends), RH_REPLY_OK);
}

static void put_chunk(struct world *w, uint64_t index)
{
    expect(w, world_chunk(w, CHUNKS, index), RH_REPLY_OK);
}

static void expect_done(struct world *w, size_t video)
{
    uint64_t op = world_get(w, video);
    expect(w, op, RH_REPLY_OK);
    if (w->problem[0] == '\0' && world_answer(w, op)->upload.state != RH_UPLOAD_DONE)
        world_problem(w, "%s should be done", w->sources[video].name);
}

/* What is under way at once, all acknowledged in the end. */
static void expect_both(struct world *w, uint64_t a, uint64_t b)
{
    expect(w, a, RH_REPLY_OK);
    expect(w, b, RH_REPLY_OK);
}

static void run_create(struct world *w)
{
    session(w);
    uint64_t a = world_create(w, RANGES, true);
    uint64_t b = world_create(w, SMALL, false);
    expect(w, a, RH_REPLY_CREATED);
    expect(w, b, RH_REPLY_CREATED);
    expect(w, world_create(w, RANGES, true), RH_REPLY_OK);
}

static void run_append(struct world *w)
{
    char id[RH_ID_TEXT_MAX];
    begin(w, RANGES, false, id);
    put(w, RANGES, id, 0, 1000, false);
    uint64_t a = world_write(w, RANGES, id, 1000, 900, false);
    uint64_t b = world_write(w, RANGES, id, 1900, 700, true);
    expect_both(w, a, b);
    expect_done(w, RANGES);
}

static void run_any_order(struct world *w)
{
    char id[RH_ID_TEXT_MAX];
    begin(w, RANGES, true, id);
    put(w, RANGES, id, 1700, 900, false);
    uint64_t a = world_write(w, RANGES, id, 0, 800, false);
    uint64_t b = world_write(w, RANGES, id, 800, 900, false);
    expect_both(w, a, b);
    expect_done(w, RANGES);
}

static void run_overlap(struct world *w)
{
    char id[RH_ID_TEXT_MAX];
    begin(w, RANGES, false, id);
    put(w, RANGES, id, 300, 1000, false);
    put(w, RANGES, id, 0, 1700, false);
    uint64_t other = world_write(w, RANGES, id, 400, 500, false);
    w->asked[other].other_bytes = true;
    expect(w, other, RH_REPLY_DIFFERENT_BYTES);
    put(w, RANGES, id, 0, w->sources[RANGES].size, true);
    put(w, RANGES, id, 300, 1000, false);
    expect_done(w, RANGES);
}

static void run_broken(struct world *w)
{
    char id[RH_ID_TEXT_MAX];
    begin(w, RANGES, true, id);
    uint64_t op = world_write(w, RANGES, id, 0, 2600, true);
    w->asked[op].cut = 1300;
    expect(w, op, RH_REPLY_BROKEN);
    put(w, RANGES, id, 1300, 1300, true);
    expect_done(w, RANGES);
}

static void run_finish(struct world *w)
{
    char id[RH_ID_TEXT_MAX];
    char other[RH_ID_TEXT_MAX];
    begin(w, RANGES, false, id);
    create(w, SMALL, true, other);
    uint64_t a = world_write(w, RANGES, id, 0, w->sources[RANGES].size, false);
    uint64_t b = world_write(w, SMALL, other, 0, w->sources[SMALL].size, false);
    expect_both(w, a, b);
    expect(w, world_end(w, RANGES, false), RH_REPLY_OK);
    expect(w, world_end(w, RANGES, false), RH_REPLY_OK);
    expect_done(w, RANGES);
    expect_done(w, SMALL);
}

static void run_partial(struct world *w)
{
    char id[RH_ID_TEXT_MAX];
    begin(w, RANGES, false, id);
    put(w, RANGES, id, 300, 600, false);
    uint64_t unfinished = world_write(w, RANGES, id, 1000, 400, false);
    w->asked[unfinished].cut = 100;
    expect(w, unfinished, RH_REPLY_BROKEN);
    put(w, RANGES, id, 1500, 700, false);
    expect(w, world_end(w, RANGES, true), RH_REPLY_OK);
    expect_done(w, RANGES);
}

static void run_partial_chunks(struct world *w)
{
    session(w);
    put_chunk(w, 0);
    put_chunk(w, 2);
    expect(w, world_end(w, CHUNKS, true), RH_REPLY_OK);
    expect_done(w, CHUNKS);
}

static void run_takeover(struct world *w)
{
    char id[RH_ID_TEXT_MAX];
    begin(w, RANGES, true, id);
    uint64_t old = world_write(w, RANGES, id, 0, 2600, true);
    w->asked[old].hold = 1100;
    world_settle(w);
    put(w, RANGES, id, 0, 2600, true);
    expect(w, old, RH_REPLY_SUPERSEDED);
    expect_done(w, RANGES);
}

static void prepare_cursor(struct world *w)
{
    w->sources[RANGES].by_cursor = true;
}

/* A body stands still: it is looked at, asked again after a second, and taken over. */
static void run_cursor(struct world *w)
{
    char id[RH_ID_TEXT_MAX];
    begin(w, RANGES, true, id);
    uint64_t old = world_write(w, RANGES, id, 0, 2600, true);
    w->asked[old].hold = 700;
    world_settle(w);
    expect(w, world_get(w, RANGES), RH_REPLY_OK);
    w->asked[old].hold = 1100;
    world_settle(w);
    world_pass(w, 1);
    w->asked[old].hold = 1300;
    world_settle(w);
    put(w, RANGES, id, 1300, 1300, true);
    expect(w, old, RH_REPLY_SUPERSEDED);
    expect_done(w, RANGES);
}

/* The last is the first two, one after the other. */
static void prepare_concat(struct world *w)
{
    static const size_t sizes[] = {1300, 1100, 2400};
    for (size_t v = 0; v < WORLD_VIDEOS; v++) {
        w->sources[v].by_chunks = false;
        w->sources[v].by_cursor = true;
        w->sources[v].concat = v < 2 ? RH_CONCAT_PARTIAL : RH_CONCAT_FINAL;
        w->sources[v].size = sizes[v];
    }
    memcpy(w->sources[2].bytes, w->sources[0].bytes, sizes[0]);
    memcpy(w->sources[2].bytes + sizes[0], w->sources[1].bytes, sizes[1]);
}

static void run_concat(struct world *w)
{
    char ids[WORLD_VIDEOS][RH_ID_TEXT_MAX];
    begin(w, 0, true, ids[0]);
    create(w, 1, true, ids[1]);
    put(w, 0, ids[0], 0, 1300, true);
    create(w, 2, false, ids[2]);
    if (w->tape != NULL)
        w->tape->interesting = w->tape->count;
    put(w, 1, ids[1], 0, 1100, true);
    expect_done(w, 2);
}

static void prepare_expiry(struct world *w)
{
    w->limits.expire_after_ticks = 5;
}

static void run_expiry(struct world *w)
{
    char id[RH_ID_TEXT_MAX];
    char nothing[RH_ID_TEXT_MAX];
    begin(w, RANGES, false, id);
    create(w, SMALL, false, nothing);
    put(w, RANGES, id, 0, 1000, false);
    w->now.videos[SMALL].may_go = true;
    world_mark(w, true);
    uint64_t cut = world_write(w, SMALL, nothing, 0, 500, false);
    w->asked[cut].cut = 0;
    world_settle(w);
    world_pass(w, 70);
    expect(w, world_create(w, SMALL, true), RH_REPLY_CREATED);
    put(w, RANGES, id, 1000, 1600, true);
    expect_done(w, RANGES);
}

static void run_delete(struct world *w)
{
    char id[RH_ID_TEXT_MAX];
    begin(w, RANGES, false, id);
    put(w, RANGES, id, 0, 1500, false);
    expect(w, world_delete(w, RANGES, id), RH_REPLY_OK);
    create(w, RANGES, true, id);
    put(w, RANGES, id, 0, 1200, false);
    put(w, RANGES, id, 1200, 1400, false);
    expect_done(w, RANGES);
}

static void run_delete_chunks(struct world *w)
{
    char id[RH_ID_TEXT_MAX];
    session(w);
    put_chunk(w, 1);
    uint64_t op = world_chunk(w, CHUNKS, 3);
    expect(w, op, RH_REPLY_OK);
    if (w->problem[0] != '\0')
        return;
    strcpy(id, world_answer(w, op)->upload.id);
    expect(w, world_delete(w, CHUNKS, id), RH_REPLY_OK);
    put_chunk(w, 3);
    for (size_t i = 0; i < 3; i++)
        put_chunk(w, i);
    expect_done(w, CHUNKS);
}

static void run_companions(struct world *w)
{
    char id[RH_ID_TEXT_MAX];
    session(w);
    expect(w, world_session(w), RH_REPLY_OK);
    expect(w, world_metadata(w, SMALL, 1), RH_REPLY_OK);
    uint64_t op = world_create(w, SMALL, true);
    expect(w, op, RH_REPLY_OK);
    if (w->problem[0] != '\0')
        return;
    strcpy(id, world_answer(w, op)->upload.id);
    put(w, SMALL, id, 0, w->sources[SMALL].size, true);
    expect(w, world_metadata(w, SMALL, 2), RH_REPLY_OK);
    expect(w, world_metadata(w, SMALL, 3), RH_REPLY_OK);
    expect_done(w, SMALL);
}

static void run_chunks(struct world *w)
{
    session(w);
    uint64_t first = world_chunk(w, CHUNKS, 0);
    uint64_t third = world_chunk(w, CHUNKS, 2);
    expect_both(w, first, third);
    put_chunk(w, 3);
    put_chunk(w, 2);
    put_chunk(w, 1);
    expect_done(w, CHUNKS);
}

/* An orderly stop, with its checkpoint, and a second life. */
static void run_restart(struct world *w)
{
    char id[RH_ID_TEXT_MAX];
    begin(w, RANGES, true, id);
    put(w, RANGES, id, 0, 1400, false);
    put_chunk(w, 2);
    world_close(w);
    start(w);
    put_chunk(w, 0);
    put(w, RANGES, id, 1400, 1200, true);
    expect_done(w, RANGES);
    world_close(w);
}

static void run_checkpoints(struct world *w)
{
    char id[RH_ID_TEXT_MAX];
    begin(w, RANGES, false, id);
    for (size_t at = 0; at < 2000; at += 500)
        put(w, RANGES, id, at, 400, false);
    put_chunk(w, 1);
    put(w, RANGES, id, 0, 2600, true);
    expect_done(w, RANGES);
}

/* Everything at once: group commit, and jobs of several uploads in any order. */
static void run_together(struct world *w)
{
    char ids[2][RH_ID_TEXT_MAX];
    begin(w, RANGES, true, ids[0]);
    create(w, SMALL, false, ids[1]);
    uint64_t ops[] = {
        world_write(w, RANGES, ids[0], 0, 1300, false),
        world_write(w, SMALL, ids[1], 0, w->sources[SMALL].size, true),
        world_chunk(w, CHUNKS, 1),
        world_write(w, RANGES, ids[0], 1300, 1300, true),
        world_chunk(w, CHUNKS, 0),
        world_metadata(w, SMALL, 1),
    };
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        expect(w, ops[i], RH_REPLY_OK);
    expect_done(w, RANGES);
    expect_done(w, SMALL);
}

/* What golden/format-1 holds: written by the first release, whose catalogs have format 1. */
static void promise_format_1(struct world *w, const char *id)
{
    struct promise_video *ranges = &w->now.videos[RANGES];
    struct promise_video *chunks = &w->now.videos[CHUNKS];
    struct promise_video *small = &w->now.videos[SMALL];
    w->now.session = true;
    ranges->made = chunks->made = small->made = true;
    strcpy(ranges->id, id);
    memset(ranges->bytes, 1, 1000);
    memset(ranges->bytes + 1500, 1, 300);
    strcpy(chunks->id, "SCWo2kDS2r9dDanMKJw4qxaqInX8bXWe");
    chunks->chunks[0] = chunks->chunks[2] = true;
    strcpy(small->id, "yd2IUg_C2YnLCTsGTm1ZwbNn0m3qGBAI");
    small->done = true;
    small->metadata = small->metadata_asked = 1;
    w->used[RANGES] = w->used[CHUNKS] = w->used[SMALL] = true;
    world_mark(w, false);
}

static void run_migration(struct world *w)
{
    static const char id[] = "CYDMj4hsHtlv87CIDySa0ZBjlqEsPiph";
    promise_format_1(w, id);
    start(w);
    expect_done(w, SMALL);
    put(w, RANGES, id, 1000, 1600, true);
    put_chunk(w, 3);
    put_chunk(w, 1);
    expect_done(w, RANGES);
    expect_done(w, CHUNKS);
}

/* Yesterday's catalog beside today's files: what was acknowledged since is in the witness, and in
 * the finished file. */
static void run_restored(struct world *w)
{
    struct world_catalog yesterday;
    char id[RH_ID_TEXT_MAX];
    char small[RH_ID_TEXT_MAX];
    begin(w, RANGES, true, id);
    put(w, RANGES, id, 0, 900, false);
    put_chunk(w, 2);
    world_close(w);
    world_catalog_take(w, &yesterday);
    start(w);
    put(w, RANGES, id, 900, 500, false);
    put(w, RANGES, id, 2000, 300, false);
    put_chunk(w, 0);
    create(w, SMALL, true, small);
    put(w, SMALL, small, 0, w->sources[SMALL].size, true);
    expect_done(w, SMALL);
    world_close(w);
    world_catalog_give(w, &yesterday);
    start(w);
    expect_done(w, SMALL);
    put_chunk(w, 3);
    put(w, RANGES, id, 1400, 1200, true);
    expect_done(w, RANGES);
}

/* What yesterday's catalog still has, and was deleted or finished since. */
static void run_restored_deleted(struct world *w)
{
    struct world_catalog yesterday;
    char id[RH_ID_TEXT_MAX];
    char small[RH_ID_TEXT_MAX];
    begin(w, RANGES, true, id);
    put(w, RANGES, id, 0, 900, false);
    create(w, SMALL, true, small);
    put(w, SMALL, small, 0, 300, false);
    put_chunk(w, 2);
    world_close(w);
    world_catalog_take(w, &yesterday);
    start(w);
    expect(w, world_delete(w, RANGES, id), RH_REPLY_OK);
    expect(w, world_delete(w, SMALL, small), RH_REPLY_OK);
    for (size_t i = 0; i < 4; i++)
        put_chunk(w, i);
    expect_done(w, CHUNKS);
    world_close(w);
    world_catalog_give(w, &yesterday);
    start(w);
    expect_done(w, CHUNKS);
    create(w, RANGES, true, id);
    put(w, RANGES, id, 0, 2600, true);
    expect_done(w, RANGES);
}

/* The catalog is gone and made anew from the witness and the files. */
static void run_rebuilt(struct world *w)
{
    char id[RH_ID_TEXT_MAX];
    char small[RH_ID_TEXT_MAX];
    begin(w, RANGES, true, id);
    put(w, RANGES, id, 0, 900, false);
    put(w, RANGES, id, 2000, 300, false);
    put_chunk(w, 0);
    put_chunk(w, 2);
    create(w, SMALL, true, small);
    put(w, SMALL, small, 0, w->sources[SMALL].size, true);
    expect_done(w, SMALL);
    world_close(w);
    world_catalog_lose(w);
    start(w);
    expect_done(w, SMALL); /* what goes on from here is tried in every state */
}

const struct scenario scenarios[] = {
    {.name = "create", .run = run_create},
    {.name = "companions", .run = run_companions},
    {.name = "append", .run = run_append},
    {.name = "any-order", .run = run_any_order},
    {.name = "overlap", .run = run_overlap},
    {.name = "broken", .run = run_broken},
    {.name = "finish", .run = run_finish},
    {.name = "partial", .run = run_partial},
    {.name = "partial-chunks", .run = run_partial_chunks},
    {.name = "takeover", .run = run_takeover},
    {.name = "cursor", .run = run_cursor, .prepare = prepare_cursor},
    {.name = "concat", .run = run_concat, .prepare = prepare_concat},
    {.name = "expiry", .run = run_expiry, .prepare = prepare_expiry},
    {.name = "delete", .run = run_delete},
    {.name = "delete-chunks", .run = run_delete_chunks},
    {.name = "chunks", .run = run_chunks},
    {.name = "restart", .run = run_restart},
    {.name = "checkpoints", .run = run_checkpoints, .checkpoint_pages = 6},
    {.name = "migration", .run = run_migration, .golden = "format-1"},
    {.name = "together", .run = run_together},
    {.name = "restored", .run = run_restored, .sees = SHIM_NO_WITNESS_SYNC},
    {.name = "restored-deleted", .run = run_restored_deleted},
    {.name = "rebuilt", .run = run_rebuilt},
};
const size_t scenario_count = sizeof scenarios / sizeof scenarios[0];
