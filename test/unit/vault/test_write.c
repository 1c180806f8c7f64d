/* SPDX-License-Identifier: MIT */
/* WRITE by ranges: promises 1, 3, 4, 5, 6 and 9 of the design. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include "base/crc64.h"

#define KIB 1024

static uint8_t data[256 * KIB];

static int setup(void **state)
{
    fill(data, sizeof data, 7);
    return fixture_setup(state, NULL, "take1");
}

static void assert_durable(struct world *w, const char *id, size_t index, uint64_t offset,
                           uint64_t length)
{
    const struct rh_vault_reply *reply = get(w, id);
    assert_true(index < reply->durable_count);
    assert_int_equal(reply->durable[index].offset, offset);
    assert_int_equal(reply->durable[index].length, length);
    assert_int_equal(reply->durable[index].crc64,
                     rh_crc64_update(0, data + offset, (size_t)length));
}

static void a_part_is_acknowledged_after_sync_and_commit(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    w->hold_verb[RH_STORE_SYNC] = true;
    w->hold_commits = true;
    uint64_t op = ask(w, write_of(w, f->id, 0, KIB));
    body(w, op, data, KIB, RH_WRITTEN_WHOLE);
    assert_null(answer_if(w, op));
    assert_int_equal(world_held(w, RH_DO_STORE), 1);
    assert_int_equal(world_held(w, RH_DO_COMMIT), 0); /* no row before its bytes are durable */
    w->hold_verb[RH_STORE_SYNC] = false;
    world_release(w);
    assert_null(answer_if(w, op));
    assert_int_equal(world_held(w, RH_DO_COMMIT), 1);
    assert_int_equal(rh_catalog_model_upload(w->catalog, f->id)->interval_count, 0);
    w->hold_commits = false;
    world_release(w);
    const struct rh_vault_reply *reply = answer(w, op);
    assert_int_equal(reply->code, RH_REPLY_OK);
    assert_true(reply->has_receipt);
    assert_int_equal(reply->receipt.offset, 0);
    assert_int_equal(reply->receipt.length, KIB);
    assert_int_equal(reply->receipt.crc64, rh_crc64_update(0, data, KIB));
    assert_int_equal(rh_catalog_model_upload(w->catalog, f->id)->interval_count, 1);
}

static void even_a_look_waits_for_the_commit(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    w->hold_commits = true;
    uint64_t op = ask(w, write_of(w, f->id, 0, KIB));
    body(w, op, data, KIB, RH_WRITTEN_WHOLE);
    struct rh_vault_request *request = request_new(w, RH_REQUEST_GET);
    strcpy(request->upload, f->id);
    uint64_t look = ask(w, request);
    assert_null(answer_if(w, look)); /* it would say that 1 KiB is durable */
    w->hold_commits = false;
    world_release(w);
    assert_int_equal(answer(w, look)->upload.received, KIB);
}

static void a_commit_takes_what_gathered(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    uint64_t ops[8];
    w->hold_commits = true;
    for (size_t i = 0; i < 8; i++) {
        ops[i] = ask(w, write_of(w, f->id, i * 2 * KIB, KIB));
        body(w, ops[i], data + i * 2 * KIB, KIB, RH_WRITTEN_WHOLE);
    }
    assert_int_equal(world_held(w, RH_DO_COMMIT), 1); /* one at a time */
    size_t before = w->commits;
    w->hold_commits = false;
    world_release(w);
    assert_int_equal(w->commits - before, 2); /* the first part alone, the other seven together */
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(answer(w, ops[i])->code, RH_REPLY_OK);
}

static void a_sync_takes_what_gathered(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    uint64_t ops[8];
    w->hold_verb[RH_STORE_SYNC] = true;
    for (size_t i = 0; i < 8; i++) {
        ops[i] = ask(w, write_of(w, f->id, i * 2 * KIB, KIB));
        body(w, ops[i], data + i * 2 * KIB, KIB, RH_WRITTEN_WHOLE);
    }
    assert_int_equal(world_held(w, RH_DO_STORE), 1);
    w->hold_verb[RH_STORE_SYNC] = false;
    size_t before = w->jobs[RH_STORE_SYNC];
    world_release(w);
    assert_int_equal(w->jobs[RH_STORE_SYNC] - before, 2);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(answer(w, ops[i])->code, RH_REPLY_OK);
}

static void parts_come_in_any_order_and_coalesce(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    static const size_t order[] = {5, 0, 3, 1, 4, 2};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(put(w, f->id, order[i] * KIB, data + order[i] * KIB, KIB), RH_REPLY_OK);
    assert_int_equal(get(w, f->id)->durable_count, 1);
    assert_durable(w, f->id, 0, 0, 6 * KIB);
    const struct rh_upload_rows *rows = rh_catalog_model_upload(w->catalog, f->id);
    assert_int_equal(rows->interval_count, 1);
    assert_int_equal(rows->intervals[0].length, 6 * KIB);
    assert_int_equal(rows->intervals[0].crc64, rh_crc64_update(0, data, 6 * KIB));
}

static void an_equal_duplicate_succeeds_with_the_same_receipt(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put(w, f->id, 0, data, KIB), RH_REPLY_OK);
    uint64_t op = ask(w, write_of(w, f->id, 0, KIB));
    assert_int_equal(granted(w, op)->span_count, 1);
    assert_true(granted(w, op)->spans[0].compare);
    body(w, op, data, KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
    assert_int_equal(answer(w, op)->receipt.crc64, rh_crc64_update(0, data, KIB));
    /* The row answers for just this range; for a part of one, the bytes as stored do. */
    assert_int_equal(w->jobs[RH_STORE_HASH], 0);
    assert_int_equal(put(w, f->id, 100, data + 100, 200), RH_REPLY_OK);
    assert_int_equal(w->jobs[RH_STORE_HASH], 1);
}

static void different_bytes_are_refused_and_not_written(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    uint8_t other[2 * KIB];
    memcpy(other, data, sizeof other);
    other[600] ^= 1;
    assert_int_equal(put(w, f->id, 0, data, KIB), RH_REPLY_OK);
    assert_int_equal(put(w, f->id, 0, other, KIB), RH_REPLY_DIFFERENT_BYTES);
    assert_int_equal(put(w, f->id, 500, other + 500, 200), RH_REPLY_DIFFERENT_BYTES);
    /* Nothing of such a part is kept, not even what lies beside the difference. */
    assert_int_equal(put(w, f->id, 0, other, 2 * KIB), RH_REPLY_DIFFERENT_BYTES);
    assert_int_equal(get(w, f->id)->durable_count, 1);
    assert_durable(w, f->id, 0, 0, KIB);
    assert_int_equal(put(w, f->id, 0, data, 2 * KIB), RH_REPLY_OK);
    assert_durable(w, f->id, 0, 0, 2 * KIB);
}

static void a_grant_compares_what_is_there_and_writes_the_rest(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put(w, f->id, KIB, data + KIB, KIB), RH_REPLY_OK);
    assert_int_equal(put(w, f->id, 3 * KIB, data + 3 * KIB, KIB), RH_REPLY_OK);
    uint64_t op = ask(w, write_of(w, f->id, 512, 4 * KIB));
    const struct rh_grant *grant = granted(w, op);
    assert_int_equal(grant->span_count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(grant->spans[i].compare, i % 2 == 1);
    assert_int_equal(grant->bytes_max, 4 * KIB);
    body(w, op, data + 512, 4 * KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
    assert_durable(w, f->id, 0, 512, 4 * KIB);
}

static void a_broken_body_keeps_what_arrived(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    uint64_t op = ask(w, write_of(w, f->id, KIB, 8 * KIB));
    body(w, op, data + KIB, 3 * KIB, RH_WRITTEN_BROKEN);
    const struct rh_vault_reply *reply = answer(w, op);
    assert_int_equal(reply->code, RH_REPLY_BROKEN);
    assert_int_equal(reply->durable_count, 1);
    assert_int_equal(reply->durable[0].offset, KIB);
    assert_int_equal(reply->durable[0].length, 3 * KIB);
    assert_true(reply->has_receipt);
    assert_int_equal(reply->receipt.length, 3 * KIB);
    assert_int_equal(put(w, f->id, 4 * KIB, data + 4 * KIB, 5 * KIB), RH_REPLY_OK);
    assert_durable(w, f->id, 0, KIB, 8 * KIB);
}

static void an_unchecked_prefix_is_vouched_for_only_without_checksum(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    struct rh_written written;
    size_t syncs = w->jobs[RH_STORE_SYNC];
    for (unsigned end = RH_WRITTEN_BROKEN; end <= RH_WRITTEN_FULL; end++) {
        struct rh_vault_request *request = write_of(w, f->id, 0, 4 * KIB);
        request->has_crc = true;
        request->crc64 = rh_crc64_update(0, data, 4 * KIB);
        uint64_t op = ask(w, request);
        body(w, op, data, 3 * KIB, (enum rh_written_end)end);
        assert_int_not_equal(answer(w, op)->code, RH_REPLY_OK);
        assert_false(answer(w, op)->has_receipt);
        assert_int_equal(answer(w, op)->durable_count, 0);
    }
    assert_int_equal(w->jobs[RH_STORE_SYNC], syncs);
    struct rh_vault_request *request = write_of(w, f->id, 0, 4 * KIB);
    request->has_crc = true;
    request->crc64 = rh_crc64_update(0, data, 4 * KIB);
    uint64_t op = ask(w, request);
    body_only(w, op, data, 2 * KIB, RH_WRITTEN_BROKEN, &written);
    written.checked = true;
    report(w, &written);
    assert_int_equal(answer(w, op)->code, RH_REPLY_BROKEN);
    assert_int_equal(answer(w, op)->receipt.length, 2 * KIB);
    assert_durable(w, f->id, 0, 0, 2 * KIB);
}

static void a_wrong_checksum_keeps_nothing(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    struct rh_vault_request *request = write_of(w, f->id, 0, KIB);
    request->has_crc = true;
    request->crc64 = rh_crc64_update(0, data, KIB) ^ 1;
    size_t syncs = w->jobs[RH_STORE_SYNC];
    uint64_t op = ask(w, request);
    body(w, op, data, KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, op)->code, RH_REPLY_CHECKSUM);
    assert_false(answer(w, op)->has_receipt);
    assert_int_equal(get(w, f->id)->upload.received, 0);
    assert_int_equal(w->jobs[RH_STORE_SYNC], syncs);
    request = write_of(w, f->id, 0, KIB);
    request->has_crc = true;
    request->crc64 = rh_crc64_update(0, data, KIB);
    op = ask(w, request);
    body(w, op, data, KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
}

static void the_newest_writer_takes_over_and_waits(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    struct rh_written written;
    uint64_t old = ask(w, write_of(w, f->id, 0, 4 * KIB));
    body_only(w, old, data, 2 * KIB, RH_WRITTEN_REVOKED, &written);
    w->hold_commits = true;
    uint64_t new = ask(w, write_of(w, f->id, KIB, 4 * KIB));
    assert_true(w->revoked[old]);
    assert_null(granted(w, new)); /* the old one's I/O is not drained */
    report(w, &written);
    assert_null(granted(w, new)); /* ... and not committed */
    w->hold_commits = false;
    world_release(w);
    assert_int_equal(answer(w, old)->code, RH_REPLY_SUPERSEDED);
    assert_non_null(granted(w, new));
    assert_int_equal(granted(w, new)->span_count, 2);
    assert_true(granted(w, new)->spans[0].compare); /* [1 KiB, 2 KiB) was taken by the old one */
    assert_false(granted(w, new)->spans[1].compare);
    body(w, new, data + KIB, 4 * KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, new)->code, RH_REPLY_OK);
    assert_durable(w, f->id, 0, 0, 5 * KIB);
}

static void a_waiting_writer_is_superseded_by_a_newer_one(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    uint64_t a = ask(w, write_of(w, f->id, 0, KIB));
    uint64_t b = ask(w, write_of(w, f->id, 0, KIB));
    uint64_t c = ask(w, write_of(w, f->id, 0, KIB));
    assert_int_equal(answer(w, b)->code, RH_REPLY_SUPERSEDED);
    /* The old one finished before it heard: then it has done so, and the new one is compared. */
    body(w, a, data, KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, a)->code, RH_REPLY_OK);
    body(w, c, data, KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, c)->code, RH_REPLY_OK);
}

static void different_parts_never_interact(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    uint64_t a = ask(w, write_of(w, f->id, 0, KIB));
    uint64_t b = ask(w, write_of(w, f->id, KIB, KIB));
    assert_non_null(granted(w, a));
    assert_non_null(granted(w, b));
    assert_false(w->revoked[a]);
    body(w, b, data + KIB, KIB, RH_WRITTEN_WHOLE);
    body(w, a, data, KIB, RH_WRITTEN_BROKEN);
    assert_int_equal(answer(w, b)->code, RH_REPLY_OK);
    assert_durable(w, f->id, 0, 0, 2 * KIB);
}

static void a_stale_writer_is_refused(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    static const struct {
        const char *lease;
        uint64_t number;
        enum rh_reply_code code;
    } steps[] = {{"tab-a", 3, RH_REPLY_OK},           {"tab-a", 2, RH_REPLY_STALE_WRITER},
                 {"tab-a", 3, RH_REPLY_OK},           {"tab-b", 1, RH_REPLY_OK},
                 {"tab-b", 0, RH_REPLY_STALE_WRITER}, {"", 0, RH_REPLY_OK}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct rh_vault_request *request = write_of(w, f->id, i * KIB, KIB);
        strcpy(request->lease, steps[i].lease);
        request->lease_number = steps[i].number;
        uint64_t op = ask(w, request);
        if (answer_if(w, op) == NULL)
            body(w, op, data + i * KIB, KIB, RH_WRITTEN_WHOLE);
        assert_int_equal(answer(w, op)->code, steps[i].code);
    }
    world_restart(w, true); /* the fence outlives the server */
    struct rh_vault_request *request = write_of(w, f->id, 0, KIB);
    strcpy(request->lease, "tab-b");
    assert_int_equal(ask_answer(w, request)->code, RH_REPLY_STALE_WRITER);
}

/* Of a finished video an equal duplicate is a success; of a writer that is newer from then on
 * alone. */
static void a_stale_writer_of_a_finished_video_is_refused(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    static const struct {
        uint64_t number;
        enum rh_reply_code code;
    } steps[] = {{2, RH_REPLY_OK}, {2, RH_REPLY_OK},           {3, RH_REPLY_OK},
                 {3, RH_REPLY_OK}, {2, RH_REPLY_STALE_WRITER}, {4, RH_REPLY_OK}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct rh_vault_request *request = write_of(w, f->id, 0, KIB);
        strcpy(request->lease, "tab");
        request->lease_number = steps[i].number;
        request->final = true;
        uint64_t op = ask(w, request);
        if (answer_if(w, op) == NULL)
            body(w, op, data, KIB, RH_WRITTEN_WHOLE);
        assert_int_equal(answer(w, op)->code, steps[i].code);
        assert_int_equal(get(w, f->id)->upload.state, RH_UPLOAD_DONE);
    }
    world_restart(w, true); /* the fence outlives the server */
    struct rh_vault_request *request = write_of(w, f->id, 0, KIB);
    strcpy(request->lease, "tab");
    request->lease_number = 3;
    assert_int_equal(ask_answer(w, request)->code, RH_REPLY_STALE_WRITER);
}

static void the_total_stays_once_known(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    struct rh_vault_request *request = write_of(w, f->id, 0, KIB);
    request->total = 4 * KIB;
    uint64_t op = ask(w, request);
    body(w, op, data, KIB, RH_WRITTEN_WHOLE);
    request = write_of(w, f->id, KIB, KIB);
    request->total = 5 * KIB;
    assert_int_equal(ask_answer(w, request)->code, RH_REPLY_TOTAL_CHANGED);
    request = write_of(w, f->id, KIB, KIB);
    request->final = true;
    assert_int_equal(ask_answer(w, request)->code, RH_REPLY_TOTAL_CHANGED);
    assert_int_equal(ask_answer(w, write_of(w, f->id, 3 * KIB, 2 * KIB))->code,
                     RH_REPLY_OUT_OF_RANGE);
    assert_int_equal(ask_answer(w, write_of(w, f->id, UINT64_MAX - 5, 10))->code,
                     RH_REPLY_OUT_OF_RANGE);
    assert_int_equal(get(w, f->id)->upload.total, 4 * KIB);
}

static void a_total_below_what_arrived_is_refused(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put(w, f->id, 4 * KIB, data + 4 * KIB, KIB), RH_REPLY_OK);
    struct rh_vault_request *request = write_of(w, f->id, 0, KIB);
    request->final = true;
    assert_int_equal(ask_answer(w, request)->code, RH_REPLY_TOTAL_CHANGED);
    assert_int_equal(get(w, f->id)->upload.total, RH_SIZE_UNKNOWN);
}

static void a_body_of_unknown_length_ends_where_it_ends(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    uint64_t op = ask(w, write_of(w, f->id, 0, RH_SIZE_UNKNOWN));
    assert_int_equal(granted(w, op)->spans[0].length, RH_SIZE_UNKNOWN);
    body(w, op, data, 3 * KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
    assert_int_equal(answer(w, op)->receipt.length, 3 * KIB);
    struct rh_vault_request *request = write_of(w, f->id, 3 * KIB, RH_SIZE_UNKNOWN);
    request->final = true;
    op = ask(w, request);
    body(w, op, data + 3 * KIB, KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
    assert_int_equal(answer(w, op)->upload.state, RH_UPLOAD_DONE);
    assert_object(w, f->id, data, 4 * KIB);
}

static void a_short_body_is_broken_and_a_long_one_is_refused(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    uint64_t op = ask(w, write_of(w, f->id, 0, 2 * KIB));
    body(w, op, data, KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, op)->code, RH_REPLY_BROKEN);
    assert_int_equal(answer(w, op)->upload.received, KIB);
    op = ask(w, write_of(w, f->id, KIB, KIB));
    body(w, op, data + KIB, 2 * KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, op)->code, RH_REPLY_OUT_OF_RANGE);
    assert_int_equal(get(w, f->id)->upload.received, KIB);
}

static void a_failed_sync_voids_and_is_not_retried(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put(w, f->id, 0, data, KIB), RH_REPLY_OK);
    uint64_t writing = ask(w, write_of(w, f->id, 8 * KIB, KIB));
    uint64_t op = ask(w, write_of(w, f->id, KIB, KIB));
    size_t syncs = w->jobs[RH_STORE_SYNC];
    rh_store_model_fail(w->store, RH_STORE_SYNC, RH_ERR_IO);
    body(w, op, data + KIB, KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, op)->code, RH_REPLY_WRITE_FAILED);
    assert_int_equal(w->jobs[RH_STORE_SYNC], syncs + 1);
    assert_true(w->logs > 0);
    assert_true(w->revoked[writing]);             /* its pages may be marked clean too */
    assert_int_equal(w->jobs[RH_STORE_CLOSE], 0); /* not under a grant */
    body(w, writing, data + 8 * KIB, 0, RH_WRITTEN_REVOKED);
    assert_int_equal(answer(w, writing)->code, RH_REPLY_WRITE_FAILED);
    assert_int_equal(w->jobs[RH_STORE_SYNC], syncs + 1);
    assert_int_equal(w->jobs[RH_STORE_CLOSE], 1);
    assert_int_equal(get(w, f->id)->upload.received, KIB);
    size_t begins = w->jobs[RH_STORE_BEGIN];
    assert_int_equal(put(w, f->id, KIB, data + KIB, KIB), RH_REPLY_OK);
    assert_int_equal(w->jobs[RH_STORE_BEGIN], begins + 1); /* a new descriptor */
    assert_durable(w, f->id, 0, 0, 2 * KIB);
}

static void a_failed_sync_on_a_full_disk_says_full(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    rh_store_model_fail(w->store, RH_STORE_SYNC, RH_ERR_FULL);
    assert_int_equal(put(w, f->id, 0, data, KIB), RH_REPLY_FULL);
    assert_int_equal(get(w, f->id)->upload.received, 0);
    assert_int_equal(put(w, f->id, 0, data, KIB), RH_REPLY_OK);
}

static void a_failed_commit_ends_the_process(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    rh_catalog_model_fail(w->catalog, 0, RH_ERR_IO, false);
    uint64_t op = ask(w, write_of(w, f->id, 0, KIB));
    body(w, op, data, KIB, RH_WRITTEN_WHOLE);
    assert_true(w->fatal);
    assert_null(answer_if(w, op));
    uint64_t late = ask(w, write_of(w, f->id, 0, KIB));
    assert_null(answer_if(w, late)); /* nothing is said any more */
    world_restart(w, false);
    assert_int_equal(get(w, f->id)->upload.received, 0);
    assert_int_equal(put(w, f->id, 0, data, KIB), RH_REPLY_OK);
}

static void a_full_disk_keeps_what_was_written(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    struct rh_disk_faults faults = {.capacity_bytes = 40 * KIB};
    rh_store_model_set_faults(w->store, &faults);
    w->limits.reserve_bytes = 1;
    assert_int_equal(put(w, f->id, 0, data, 32 * KIB), RH_REPLY_OK);
    assert_int_equal(put(w, f->id, 32 * KIB, data + 32 * KIB, 16 * KIB), RH_REPLY_FULL);
    struct rh_disk_faults more = {.write_full_ppm = 1000000}; /* the disk is full before we know */
    rh_store_model_set_faults(w->store, &more);
    uint64_t op = ask(w, write_of(w, f->id, 32 * KIB, KIB));
    struct rh_written written;
    body_only(w, op, data + 32 * KIB, KIB, RH_WRITTEN_WHOLE, &written);
    assert_int_equal(written.end, RH_WRITTEN_FULL);
    report(w, &written);
    assert_int_equal(answer(w, op)->code, RH_REPLY_FULL);
    rh_store_model_set_faults(w->store, &faults);
    world_pass(w, 2);
    const struct rh_vault_reply *reply =
        ask_answer(w, write_of(w, f->id, 32 * KIB, 16 * KIB)); /* now refused before it is sent */
    assert_int_equal(reply->code, RH_REPLY_FULL);
    assert_true(reply->retry_after_s > 0);
    assert_int_equal(get(w, f->id)->upload.received, 32 * KIB);
}

static void grants_that_are_out_count_as_used(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    rh_store_model_set_space(w->store, 10 * KIB + 1, 1 << 20);
    world_pass(w, 2);
    uint64_t a = ask(w, write_of(w, f->id, 0, 6 * KIB));
    assert_non_null(granted(w, a));
    assert_int_equal(ask_answer(w, write_of(w, f->id, 6 * KIB, 6 * KIB))->code, RH_REPLY_FULL);
    uint64_t b = ask(w, write_of(w, f->id, 6 * KIB, 4 * KIB));
    assert_non_null(granted(w, b));
    body(w, a, data, 6 * KIB, RH_WRITTEN_WHOLE);
    body(w, b, data + 6 * KIB, 4 * KIB, RH_WRITTEN_WHOLE);
    /* Duplicates take no room, and finishing goes on. */
    assert_int_equal(put(w, f->id, 0, data, 10 * KIB), RH_REPLY_OK);
    struct rh_vault_request *finish = request_new(w, RH_REQUEST_FINISH);
    strcpy(finish->upload, f->id);
    assert_int_equal(ask_answer(w, finish)->code, RH_REPLY_OK);
    assert_object(w, f->id, data, 10 * KIB);
}

static void what_was_acknowledged_outlives_a_crash(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put(w, f->id, 0, data, 3000), RH_REPLY_OK);
    uint64_t op = ask(w, write_of(w, f->id, 3000, 5000));
    struct rh_written written;
    body_only(w, op, data + 3000, 5000, RH_WRITTEN_WHOLE, &written);
    world_restart(w, true);
    assert_int_equal(get(w, f->id)->upload.received, 3000);
    assert_durable(w, f->id, 0, 0, 3000);
    /* A duplicate is compared with the bytes as stored: they must be there. */
    assert_int_equal(put(w, f->id, 100, data + 100, 2000), RH_REPLY_OK);
    assert_int_equal(put(w, f->id, 3000, data + 3000, 5000), RH_REPLY_OK);
    assert_durable(w, f->id, 0, 0, 8000);
}

static void a_vanished_file_makes_the_upload_lost(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put(w, f->id, 0, data, KIB), RH_REPLY_OK);
    world_pass(w, 60); /* idle extents are closed */
    assert_int_equal(rh_store_model_open_count(w->store), 0);
    struct rh_store_job job = {.verb = RH_STORE_DROP};
    struct rh_store_result result;
    target_of(&get(w, f->id)->upload, &job.target);
    w->store->ops->run(w->store, &job, &result);
    assert_int_equal(put(w, f->id, KIB, data, KIB), RH_REPLY_GONE);
    assert_int_equal(get(w, f->id)->upload.state, RH_UPLOAD_LOST);
}

static void ids_are_known_gone_or_never_ours(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(ask_answer(w, write_of(w, "nonsense", 0, KIB))->code, RH_REPLY_UNKNOWN);
    struct rh_vault_request *request = request_new(w, RH_REQUEST_DELETE);
    strcpy(request->upload, f->id);
    assert_int_equal(ask_answer(w, request)->code, RH_REPLY_OK);
    assert_int_equal(ask_answer(w, write_of(w, f->id, 0, KIB))->code, RH_REPLY_GONE);
    char other[RH_UUID_TEXT_MAX];
    char id[RH_ID_TEXT_MAX];
    make_session(w, other);
    make_upload(w, f->session, "take2", RH_SIZE_UNKNOWN, id);
    request = write_of(w, id, 0, KIB);
    strcpy(request->session, other);
    assert_int_equal(ask_answer(w, request)->code, RH_REPLY_UNKNOWN);
}

static void deleting_stops_writers_then_forgets(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put(w, f->id, 0, data, KIB), RH_REPLY_OK);
    uint64_t writing = ask(w, write_of(w, f->id, KIB, KIB));
    struct rh_vault_request *request = request_new(w, RH_REQUEST_DELETE);
    strcpy(request->upload, f->id);
    uint64_t op = ask(w, request);
    uint64_t late = ask(w, write_of(w, f->id, 2 * KIB, KIB));
    assert_true(w->revoked[writing]);
    assert_null(answer_if(w, op));
    body(w, writing, data, 100, RH_WRITTEN_REVOKED);
    assert_int_equal(answer(w, writing)->code, RH_REPLY_GONE);
    assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
    assert_int_equal(answer(w, late)->code, RH_REPLY_GONE);
    assert_null(rh_catalog_model_upload(w->catalog, f->id));
    assert_int_equal(rh_store_model_file_count(w->store), 1); /* session.json */
    /* The name is free again. */
    char id[RH_ID_TEXT_MAX];
    make_upload(w, f->session, "take1", RH_SIZE_UNKNOWN, id);
    assert_string_not_equal(id, f->id);
}

static void bytes_go_only_after_their_rows(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put(w, f->id, 0, data, KIB), RH_REPLY_OK);
    w->hold_commits = true;
    struct rh_vault_request *request = request_new(w, RH_REQUEST_DELETE);
    strcpy(request->upload, f->id);
    (void)ask(w, request);
    assert_int_equal(w->jobs[RH_STORE_DROP], 0);
    w->hold_commits = false;
    world_release(w);
    assert_int_equal(w->jobs[RH_STORE_DROP], 1);
}

static void a_grant_of_many_pieces_takes_the_first(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    for (uint64_t i = 0; i < 20; i++)
        assert_int_equal(put(w, f->id, (2 * i + 1) * 64, data + (2 * i + 1) * 64, 64), RH_REPLY_OK);
    uint64_t op = ask(w, write_of(w, f->id, 0, 41 * 64));
    assert_int_equal(granted(w, op)->span_count, RH_GRANT_SPANS_MAX);
    assert_int_equal(granted(w, op)->bytes_max, RH_GRANT_SPANS_MAX * 64);
    body(w, op, data, 41 * 64, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, op)->code, RH_REPLY_BROKEN);
    assert_int_equal(put(w, f->id, 0, data, 41 * 64), RH_REPLY_BROKEN);
    assert_int_equal(put(w, f->id, 0, data, 41 * 64), RH_REPLY_OK);
    assert_durable(w, f->id, 0, 0, 41 * 64);
}

static void open_descriptors_have_a_cap(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    char ids[6][RH_ID_TEXT_MAX];
    w->limits.extents_open_max = 2;
    world_restart(w, false);
    for (size_t i = 0; i < 6; i++) {
        make_upload(w, "", "", RH_SIZE_UNKNOWN, ids[i]);
        assert_int_equal(put(w, ids[i], 0, data, KIB), RH_REPLY_OK);
        assert_true(rh_store_model_open_count(w->store) <= 2);
    }
    uint64_t a = ask(w, write_of(w, ids[0], KIB, KIB));
    uint64_t b = ask(w, write_of(w, ids[1], KIB, KIB));
    assert_int_equal(ask_answer(w, write_of(w, ids[2], KIB, KIB))->code, RH_REPLY_OVERLOADED);
    body(w, a, data + KIB, KIB, RH_WRITTEN_WHOLE);
    body(w, b, data + KIB, KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(put(w, ids[2], KIB, data + KIB, KIB), RH_REPLY_OK);
    assert_durable(w, ids[2], 0, 0, 2 * KIB);
}

/* What is being closed still has its descriptor. */
static void a_descriptor_is_closed_before_another_opens(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    char id[RH_ID_TEXT_MAX];
    w->limits.extents_open_max = 1;
    world_restart(w, false);
    assert_int_equal(put(w, f->id, 0, data, KIB), RH_REPLY_OK);
    make_upload(w, "", "", RH_SIZE_UNKNOWN, id);
    w->hold_verb[RH_STORE_CLOSE] = true;
    uint64_t op = ask(w, write_of(w, id, 0, KIB));
    assert_null(granted(w, op));
    assert_null(answer_if(w, op));
    assert_int_equal(rh_store_model_open_count(w->store), 1);
    w->hold_verb[RH_STORE_CLOSE] = false;
    world_release(w);
    assert_non_null(granted(w, op));
    assert_int_equal(rh_store_model_open_count(w->store), 1);
    body(w, op, data, KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
    assert_durable(w, id, 0, 0, KIB);
}

static void every_cap_is_a_clear_answer(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    char id[RH_ID_TEXT_MAX];
    w->limits.ops_max = 2;
    w->limits.uploads_open_max = 2;
    w->limits.intervals_max = 2;
    w->limits.upload_bytes_max = 10 * KIB;
    w->limits.metadata_bytes_max = 16;
    world_restart(w, false);
    make_upload(w, "", "", RH_SIZE_UNKNOWN, id);
    struct rh_vault_request *request = request_new(w, RH_REQUEST_CREATE);
    assert_int_equal(ask_answer(w, request)->code, RH_REPLY_OVERLOADED);
    assert_int_equal(put(w, id, 0, data, KIB), RH_REPLY_OK);
    assert_int_equal(put(w, id, 2 * KIB, data, KIB), RH_REPLY_OK);
    assert_int_equal(ask_answer(w, write_of(w, id, 4 * KIB, KIB))->code, RH_REPLY_OVERLOADED);
    assert_int_equal(ask_answer(w, write_of(w, id, 10 * KIB, KIB))->code, RH_REPLY_TOO_LARGE);
    request = request_new(w, RH_REQUEST_METADATA);
    strcpy(request->upload, id);
    request->metadata = strdup("{\"a\":\"0123456789\"}");
    assert_int_equal(ask_answer(w, request)->code, RH_REPLY_TOO_LARGE);
    uint64_t a = ask(w, write_of(w, id, KIB, 10));
    uint64_t b = ask(w, write_of(w, id, 0, 10));
    assert_non_null(granted(w, a));
    assert_non_null(granted(w, b));
    assert_int_equal(ask_answer(w, request_new(w, RH_REQUEST_GET))->code, RH_REPLY_OVERLOADED);
}

static void draining_ends_what_is_under_way(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    uint64_t op = ask(w, write_of(w, f->id, 0, KIB));
    struct rh_vault_event event = {.kind = RH_HAS_DRAIN};
    (void)rh_vault_tell(w->vault, &event);
    world_pump(w);
    assert_false(w->drained);
    assert_int_equal(ask_answer(w, write_of(w, f->id, KIB, KIB))->code, RH_REPLY_OVERLOADED);
    body(w, op, data, KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
    assert_true(w->drained);
}

static void an_empty_part_is_fine(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    assert_int_equal(put(w, f->id, 0, data, 0), RH_REPLY_OK);
    assert_int_equal(put(w, f->id, 0, data, KIB), RH_REPLY_OK);
    struct rh_vault_request *request = write_of(w, f->id, KIB, 0);
    request->final = true;
    uint64_t op = ask(w, request);
    body(w, op, data, 0, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(w, op)->code, RH_REPLY_OK);
    assert_object(w, f->id, data, KIB);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_part_is_acknowledged_after_sync_and_commit),
        T(even_a_look_waits_for_the_commit),
        T(a_commit_takes_what_gathered),
        T(a_sync_takes_what_gathered),
        T(parts_come_in_any_order_and_coalesce),
        T(an_equal_duplicate_succeeds_with_the_same_receipt),
        T(different_bytes_are_refused_and_not_written),
        T(a_grant_compares_what_is_there_and_writes_the_rest),
        T(a_broken_body_keeps_what_arrived),
        T(an_unchecked_prefix_is_vouched_for_only_without_checksum),
        T(a_wrong_checksum_keeps_nothing),
        T(the_newest_writer_takes_over_and_waits),
        T(a_waiting_writer_is_superseded_by_a_newer_one),
        T(different_parts_never_interact),
        T(a_stale_writer_is_refused),
        T(a_stale_writer_of_a_finished_video_is_refused),
        T(the_total_stays_once_known),
        T(a_total_below_what_arrived_is_refused),
        T(a_body_of_unknown_length_ends_where_it_ends),
        T(a_short_body_is_broken_and_a_long_one_is_refused),
        T(a_failed_sync_voids_and_is_not_retried),
        T(a_failed_sync_on_a_full_disk_says_full),
        T(a_failed_commit_ends_the_process),
        T(a_full_disk_keeps_what_was_written),
        T(grants_that_are_out_count_as_used),
        T(what_was_acknowledged_outlives_a_crash),
        T(a_vanished_file_makes_the_upload_lost),
        T(ids_are_known_gone_or_never_ours),
        T(deleting_stops_writers_then_forgets),
        T(bytes_go_only_after_their_rows),
        T(a_grant_of_many_pieces_takes_the_first),
        T(open_descriptors_have_a_cap),
        T(a_descriptor_is_closed_before_another_opens),
        T(every_cap_is_a_clear_answer),
        T(draining_ends_what_is_under_way),
        T(an_empty_part_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
