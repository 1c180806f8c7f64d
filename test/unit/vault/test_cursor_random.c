/* SPDX-License-Identifier: MIT */
/*
 * Uploads with a cursor in random lives: writers come, stand still, are looked at and taken over,
 * break off; syncs and commits come late; the process is killed or loses power. Whatever cursor was
 * told is a floor from then on, and in the end the bytes are the right ones. RH_SEED=n repeats one
 * life, RH_SEEDS=n runs more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "harness.h"

#define SIZE       20000
#define STEPS      200
#define BODIES_MAX 16
#define OPS_MAX    3000
#define PIECE      1000

static uint8_t bytes[SIZE];

struct life {
    struct world w;
    struct rh_rng rng;
    char id[RH_ID_TEXT_MAX];
    uint64_t floor; /* the highest cursor that was told */
    uint64_t bodies[BODIES_MAX];
    size_t body_count;
    bool seen[WORLD_OPS_MAX]; /* replies that were looked at */
    bool done;
};

static uint64_t below(struct life *l, uint64_t n)
{
    return rh_rng_below(&l->rng, n);
}

/* Answers of one step are in no order; those of a later one are never behind. */
static void look_at_all(struct life *l)
{
    uint64_t highest = l->floor;
    for (uint64_t op = 1; op <= l->w.last_op; op++) {
        const struct rh_vault_reply *reply = answer_if(&l->w, op);
        if (reply == NULL || l->seen[op])
            continue;
        l->seen[op] = true;
        assert_true(reply->has_upload);
        assert_true(reply->upload.cursor >= l->floor);
        assert_true(reply->upload.cursor <= SIZE);
        highest = reply->upload.cursor > highest ? reply->upload.cursor : highest;
        l->done = l->done || reply->upload.state == RH_UPLOAD_DONE;
    }
    l->floor = highest;
    for (size_t i = 0; i < l->body_count; i++) {
        if (answer_if(&l->w, l->bodies[i]) != NULL)
            l->bodies[i--] = l->bodies[--l->body_count];
    }
}

static void begin_body(struct life *l)
{
    if (l->body_count == BODIES_MAX)
        return;
    uint64_t offset = below(l, 4) == 0 ? below(l, SIZE) : l->floor;
    uint64_t length = below(l, 3) == 0 ? RH_SIZE_UNKNOWN : below(l, SIZE - offset + 1);
    struct rh_vault_request *request = write_of(&l->w, l->id, offset, length);
    request->cursor = true;
    request->verified = below(l, 8) == 0;
    request->progress = below(l, 2) == 0;
    l->bodies[l->body_count++] = ask(&l->w, request);
}

/* A body gives little at a time, so that a life is long. */
static uint64_t take(struct life *l, uint64_t op, struct rh_written *written,
                     enum rh_written_end end)
{
    const struct rh_grant *grant = granted(&l->w, op);
    uint64_t left = grant->span_count == 0 ? 0 : grant->spans[0].length;
    uint64_t offset = grant->span_count == 0 ? 0 : grant->spans[0].offset;
    left = left > SIZE - offset ? SIZE - offset : left;
    if (end == RH_WRITTEN_WHOLE && left > PIECE)
        end = RH_WRITTEN_BROKEN;
    uint64_t size = end == RH_WRITTEN_WHOLE ? left : below(l, left + 1) % PIECE;
    body_only(&l->w, op, bytes + offset, (size_t)size, end, written);
    return written->bytes;
}

static void go_on(struct life *l)
{
    if (l->body_count == 0)
        return;
    size_t at = (size_t)below(l, l->body_count);
    uint64_t op = l->bodies[at];
    struct rh_written written;
    struct rh_grant *grant = l->w.grants[op];
    if (grant == NULL)
        return;
    bool asked = l->w.checkpoints[op] > 0;
    bool revoked = l->w.revoked[op] && below(l, 3) > 0;
    if (grant->checkpoint && !revoked && below(l, 4) > 0) {
        uint64_t size = take(l, op, &written, RH_WRITTEN_SOFAR);
        written.asked = asked;
        grant->spans[0].offset += size;
        grant->spans[0].length -= size;
        grant->bytes_max -= size;
        l->w.checkpoints[op] -= asked;
    } else {
        (void)take(l, op, &written,
                   revoked            ? RH_WRITTEN_REVOKED
                   : below(l, 2) == 0 ? RH_WRITTEN_BROKEN
                                      : RH_WRITTEN_WHOLE);
        free(grant);
        l->w.grants[op] = NULL; /* its last report */
    }
    report(&l->w, &written);
}

static void ask_where(struct life *l)
{
    struct rh_vault_request *request = request_new(&l->w, RH_REQUEST_GET);
    strcpy(request->upload, l->id);
    (void)ask(&l->w, request);
}

static void restart(struct life *l)
{
    world_restart(&l->w, below(l, 2) == 0);
    memset(l->seen, 0, sizeof l->seen);
    l->body_count = 0;
    const struct rh_vault_reply *reply = get(&l->w, l->id);
    assert_int_equal(reply->code, RH_REPLY_OK);
    assert_true(reply->upload.cursor >= l->floor);
}

static void step(struct life *l)
{
    switch (below(l, 12)) {
    case 0:
    case 1:
        begin_body(l);
        break;
    case 2:
        ask_where(l);
        break;
    case 3:
        l->w.hold_commits = !l->w.hold_commits;
        break;
    case 4:
        l->w.hold_verb[RH_STORE_SYNC] = !l->w.hold_verb[RH_STORE_SYNC];
        break;
    case 5:
        world_release(&l->w);
        break;
    case 6:
        world_pass(&l->w, 1);
        break;
    case 7:
        if (below(l, 3) == 0)
            restart(l);
        else if (below(l, 4) == 0)
            rh_store_model_fail(l->w.store, RH_STORE_SYNC, RH_ERR_IO);
        break;
    default:
        go_on(l);
    }
    look_at_all(l);
}

/* Whatever is under way, one more writer ends it. */
static void complete(struct life *l)
{
    l->w.hold_commits = l->w.hold_verb[RH_STORE_SYNC] = false;
    world_release(&l->w);
    world_restart(&l->w, true);
    l->body_count = 0;
    uint64_t cursor = get(&l->w, l->id)->upload.cursor;
    assert_true(cursor >= l->floor);
    struct rh_vault_request *request = write_of(&l->w, l->id, cursor, SIZE - cursor);
    request->cursor = true;
    uint64_t op = ask(&l->w, request);
    if (answer_if(&l->w, op) == NULL) {
        body(&l->w, op, bytes + cursor, (size_t)(SIZE - cursor), RH_WRITTEN_WHOLE);
        enum rh_reply_code code = answer(&l->w, op)->code;
        if (code == RH_REPLY_WRITE_FAILED) { /* a failure that was planned before */
            request = write_of(&l->w, l->id, cursor, SIZE - cursor);
            request->cursor = true;
            op = ask(&l->w, request);
            body(&l->w, op, bytes + cursor, (size_t)(SIZE - cursor), RH_WRITTEN_WHOLE);
        }
    }
    assert_int_equal(answer(&l->w, op)->code, RH_REPLY_OK);
    assert_object(&l->w, l->id, bytes, SIZE);
}

static void live(uint64_t seed)
{
    struct life *l = calloc(1, sizeof *l);
    assert_non_null(l);
    rh_rng_init(&l->rng, seed);
    world_init(&l->w);
    world_start(&l->w);
    struct rh_vault_request *request = request_new(&l->w, RH_REQUEST_CREATE);
    request->cursor = true;
    request->total = SIZE;
    strcpy(l->id, ask_answer(&l->w, request)->upload.id);
    for (size_t i = 0; i < STEPS && !l->done && l->w.last_op < OPS_MAX; i++)
        step(l);
    complete(l);
    world_finish(&l->w);
    free(l);
}

static void random_lives(void **state)
{
    uint64_t first = seed_of("RH_SEED", 0);
    uint64_t count = first != 0 ? 1 : seed_of("RH_SEEDS", 150);
    (void)state;
    fill(bytes, sizeof bytes, 3);
    for (uint64_t seed = first != 0 ? first : 1; count > 0; count--, seed++) {
        printf("seed %lu\r", (unsigned long)seed);
        live(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_lives)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
