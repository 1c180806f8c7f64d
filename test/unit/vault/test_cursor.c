/* SPDX-License-Identifier: MIT */
/* Uploads with one cursor: creating, writing, taking over, looking, checkpoints, ends, ages. */
#include <stdlib.h>
#include <string.h>

#include "base/crc64.h"
#include "harness.h"

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static uint8_t bytes[1 << 16];

static int setup(void **state)
{
    fill(bytes, sizeof bytes, 7);
    return fixture_setup(state, NULL, NULL);
}

static int teardown(void **state)
{
    return fixture_teardown(state);
}

static struct rh_vault_request *create_of(struct world *w, uint64_t total)
{
    struct rh_vault_request *request = request_new(w, RH_REQUEST_CREATE);
    request->cursor = true;
    request->total = total;
    return request;
}

/* Made, and known as f->id. */
static const struct rh_vault_reply *make(struct fixture *f, uint64_t total)
{
    const struct rh_vault_reply *reply = ask_answer(&f->w, create_of(&f->w, total));
    assert_int_equal(reply->code, RH_REPLY_CREATED);
    strcpy(f->id, reply->upload.id);
    return reply;
}

static struct rh_vault_request *append_of(struct fixture *f, uint64_t offset, uint64_t length)
{
    struct rh_vault_request *request = write_of(&f->w, f->id, offset, length);
    request->cursor = true;
    return request;
}

/* A whole body of bytes[offset, offset + length). */
static const struct rh_vault_reply *append(struct fixture *f, struct rh_vault_request *request,
                                           size_t size)
{
    size_t offset = (size_t)request->offset;
    uint64_t op = ask(&f->w, request);
    if (answer_if(&f->w, op) == NULL)
        body(&f->w, op, bytes + offset, size, RH_WRITTEN_WHOLE);
    return answer(&f->w, op);
}

/* Reports bytes of a body that goes on, as its loop does; both sides move the grant on. */
static void sofar(struct world *w, uint64_t op, size_t size, bool asked)
{
    struct rh_grant *grant = w->grants[op];
    struct rh_written written;
    body_only(w, op, bytes + grant->spans[0].offset, size, RH_WRITTEN_SOFAR, &written);
    written.asked = asked;
    grant->spans[0].offset += size;
    if (grant->spans[0].length != RH_SIZE_UNKNOWN)
        grant->spans[0].length -= size;
    grant->bytes_max -= size;
    report(w, &written);
}

static void rest(struct world *w, uint64_t op, size_t size, enum rh_written_end end)
{
    body(w, op, bytes + w->grants[op]->spans[0].offset, size, end);
}

/* ---- Creating ---- */

static void it_is_made_with_its_total(void **state)
{
    struct fixture *f = *state;
    const struct rh_upload_view *view = &make(f, 1000)->upload;
    assert_int_equal(view->geometry, RH_GEOMETRY_CURSOR);
    assert_int_equal(view->state, RH_UPLOAD_OPEN);
    assert_int_equal(view->total, 1000);
    assert_int_equal(view->cursor, 0);
    assert_string_equal(view->mime, "application/octet-stream");
}

static void an_empty_one_is_done_at_once(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(make(f, 0)->upload.state, RH_UPLOAD_DONE);
    assert_object(&f->w, f->id, bytes, 0);
}

static void its_name_is_made_of_the_file_name(void **state)
{
    static const struct {
        const char *from;
        const char *to; /* NULL: a UUID */
    } names[] = {
        {"clip.webm", "clip.webm"},
        {"../../etc/passwd", "passwd"},
        {"..\\..\\boot.ini", "boot.ini"},
        {".htaccess", "htaccess"},
        {"-rf", "rf"},
        {"a b\tc\n.mp4", "a_b_c_.mp4"},
        {"caf\xc3\xa9.jpg", "caf_.jpg"},
        {"a..b...c", "a.b.c"},
        {"x.metadata.json", "x_metadata.json"},
        {"x.tmp", "x_tmp"},
        {"/", NULL},
        {"", NULL},
        {"....", NULL},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct rh_vault_request *request = create_of(&f->w, 0);
        request->file_name = strdup(names[i].from);
        const struct rh_vault_reply *reply = ask_answer(&f->w, request);
        assert_int_equal(reply->code, RH_REPLY_CREATED);
        if (names[i].to != NULL)
            assert_string_equal(reply->upload.name, names[i].to);
        else
            assert_int_equal(strlen(reply->upload.name), 36);
    }
}

static void a_long_file_name_keeps_its_extension(void **state)
{
    struct fixture *f = *state;
    struct rh_vault_request *request = create_of(&f->w, 0);
    request->file_name = calloc(1, RH_FILE_NAME_MAX);
    memset(request->file_name, 'a', 400);
    strcpy(request->file_name + 400, ".webm");
    const struct rh_vault_reply *reply = ask_answer(&f->w, request);
    assert_int_equal(strlen(reply->upload.name), RH_NAME_TEXT_MAX - 1);
    assert_string_equal(reply->upload.name + RH_NAME_TEXT_MAX - 6, ".webm");
}

static void its_metadata_is_given_back_as_it_came(void **state)
{
    struct fixture *f = *state;
    struct rh_vault_request *request = create_of(&f->w, 10);
    request->metadata = strdup("{\"reelhaul_cursor\":{\"concat\":\"partial\"},\"a\":1}");
    request->ends_by_final = true;
    const struct rh_vault_reply *reply = ask_answer(&f->w, request);
    strcpy(f->id, reply->upload.id);
    for (int i = 0; i < 2; i++) {
        reply = get(&f->w, f->id);
        assert_string_equal(reply->upload.metadata, "{\"a\":1}");
        assert_true(reply->upload.ends_by_final);
        assert_int_equal(reply->upload.concat, RH_CONCAT_NONE);
        world_restart(&f->w, true);
    }
}

/* ---- Writing ---- */

static void bytes_come_in_order_and_complete_it(void **state)
{
    struct fixture *f = *state;
    make(f, 3000);
    const struct rh_vault_reply *reply = append(f, append_of(f, 0, 1000), 1000);
    assert_int_equal(reply->code, RH_REPLY_OK);
    assert_int_equal(reply->upload.cursor, 1000);
    assert_true(reply->has_receipt);
    world_restart(&f->w, true);
    assert_int_equal(get(&f->w, f->id)->upload.cursor, 1000);
    reply = append(f, append_of(f, 1000, 2000), 2000);
    assert_int_equal(reply->code, RH_REPLY_OK);
    assert_int_equal(reply->upload.state, RH_UPLOAD_DONE);
    assert_object(&f->w, f->id, bytes, 3000);
}

static void another_offset_changes_nothing(void **state)
{
    struct fixture *f = *state;
    make(f, RH_SIZE_UNKNOWN);
    append(f, append_of(f, 0, 1000), 1000);
    for (uint64_t offset = 0; offset <= 2000; offset += 2000) {
        struct rh_vault_request *request = append_of(f, offset, 10);
        request->total = 5000;
        const struct rh_vault_reply *reply = ask_answer(&f->w, request);
        assert_int_equal(reply->code, RH_REPLY_OFFSET);
        assert_int_equal(reply->upload.cursor, 1000);
        assert_int_equal(reply->upload.total, RH_SIZE_UNKNOWN);
    }
}

static void a_deferred_total_comes_once(void **state)
{
    struct fixture *f = *state;
    make(f, RH_SIZE_UNKNOWN);
    struct rh_vault_request *request = append_of(f, 0, 100);
    request->total = 300;
    assert_int_equal(append(f, request, 100)->upload.total, 300);
    request = append_of(f, 100, 100);
    request->total = 301;
    assert_int_equal(ask_answer(&f->w, request)->code, RH_REPLY_TOTAL_CHANGED);
    assert_int_equal(ask_answer(&f->w, append_of(f, 100, 201))->code, RH_REPLY_OUT_OF_RANGE);
    request = append_of(f, 100, 200);
    request->total = 300;
    assert_int_equal(append(f, request, 200)->upload.state, RH_UPLOAD_DONE);
    assert_object(&f->w, f->id, bytes, 300);
}

static void a_total_below_the_cursor_is_refused(void **state)
{
    struct fixture *f = *state;
    make(f, RH_SIZE_UNKNOWN);
    append(f, append_of(f, 0, 100), 100);
    struct rh_vault_request *request = append_of(f, 100, 0);
    request->total = 99;
    assert_int_equal(ask_answer(&f->w, request)->code, RH_REPLY_TOTAL_CHANGED);
}

static void an_endless_body_ends_at_the_total(void **state)
{
    struct fixture *f = *state;
    make(f, 100);
    uint64_t op = ask(&f->w, append_of(f, 0, RH_SIZE_UNKNOWN));
    body(&f->w, op, bytes, 101, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(&f->w, op)->code, RH_REPLY_OUT_OF_RANGE);
    assert_int_equal(get(&f->w, f->id)->upload.cursor, 0);
    assert_int_equal(append(f, append_of(f, 0, RH_SIZE_UNKNOWN), 100)->upload.state,
                     RH_UPLOAD_DONE);
}

static void a_final_body_says_the_end(void **state)
{
    struct fixture *f = *state;
    make(f, RH_SIZE_UNKNOWN);
    append(f, append_of(f, 0, 100), 100);
    struct rh_vault_request *request = append_of(f, 100, 0); /* an empty one */
    request->final = true;
    assert_int_equal(append(f, request, 0)->upload.state, RH_UPLOAD_DONE);
    assert_object(&f->w, f->id, bytes, 100);
}

static void what_ends_by_final_is_not_done_by_its_total(void **state)
{
    struct fixture *f = *state;
    struct rh_vault_request *request = create_of(&f->w, 100);
    request->ends_by_final = true;
    strcpy(f->id, ask_answer(&f->w, request)->upload.id);
    const struct rh_vault_reply *reply = append(f, append_of(f, 0, 100), 100);
    assert_int_equal(reply->upload.cursor, 100);
    assert_int_equal(reply->upload.state, RH_UPLOAD_OPEN);
    world_restart(&f->w, true);
    assert_int_equal(get(&f->w, f->id)->upload.state, RH_UPLOAD_OPEN);
    request = append_of(f, 100, 0);
    request->final = true;
    assert_int_equal(append(f, request, 0)->upload.state, RH_UPLOAD_DONE);
    assert_object(&f->w, f->id, bytes, 100);
}

static void who_asks_for_the_end_ends_it(void **state)
{
    struct fixture *f = *state;
    struct rh_vault_request *request = create_of(&f->w, 100);
    request->ends_by_final = true;
    strcpy(f->id, ask_answer(&f->w, request)->upload.id);
    append(f, append_of(f, 0, 60), 60);
    request = request_new(&f->w, RH_REQUEST_FINISH);
    strcpy(request->upload, f->id);
    assert_int_equal(ask_answer(&f->w, request)->code, RH_REPLY_INCOMPLETE);
    assert_int_equal(append(f, append_of(f, 60, 40), 40)->upload.state, RH_UPLOAD_OPEN);
    request = request_new(&f->w, RH_REQUEST_FINISH);
    strcpy(request->upload, f->id);
    assert_int_equal(ask_answer(&f->w, request)->upload.state, RH_UPLOAD_DONE);
    assert_object(&f->w, f->id, bytes, 100);
}

static void an_empty_final_body_makes_an_empty_upload(void **state)
{
    struct fixture *f = *state;
    make(f, RH_SIZE_UNKNOWN);
    struct rh_vault_request *request = append_of(f, 0, RH_SIZE_UNKNOWN);
    request->final = true;
    assert_int_equal(append(f, request, 0)->upload.state, RH_UPLOAD_DONE);
    assert_object(&f->w, f->id, bytes, 0);
}

static void a_finished_one_says_where_it_stands(void **state)
{
    struct fixture *f = *state;
    make(f, 100);
    append(f, append_of(f, 0, 100), 100);
    const struct rh_vault_reply *reply = ask_answer(&f->w, append_of(f, 0, 100));
    assert_int_equal(reply->code, RH_REPLY_OFFSET);
    assert_int_equal(reply->upload.cursor, 100);
    assert_int_equal(append(f, append_of(f, 100, 0), 0)->code, RH_REPLY_OK);
    assert_int_equal(ask_answer(&f->w, append_of(f, 100, 1))->code, RH_REPLY_OUT_OF_RANGE);
}

static void a_broken_body_keeps_what_came(void **state)
{
    struct fixture *f = *state;
    make(f, 1000);
    uint64_t op = ask(&f->w, append_of(f, 0, 1000));
    body(&f->w, op, bytes, 400, RH_WRITTEN_BROKEN);
    assert_int_equal(answer(&f->w, op)->code, RH_REPLY_BROKEN);
    assert_int_equal(answer(&f->w, op)->upload.cursor, 400);
    append(f, append_of(f, 400, 600), 600);
    assert_object(&f->w, f->id, bytes, 1000);
}

static void a_verified_body_counts_whole_or_not_at_all(void **state)
{
    static const struct {
        enum rh_written_end end;
        enum rh_reply_code code;
    } ends[] = {{RH_WRITTEN_BROKEN, RH_REPLY_BROKEN},
                {RH_WRITTEN_MISMATCH, RH_REPLY_CHECKSUM},
                {RH_WRITTEN_WHOLE, RH_REPLY_OK}};
    struct fixture *f = *state;
    make(f, 1000);
    for (size_t i = 0; i < 3; i++) {
        struct rh_vault_request *request = append_of(f, 0, 600);
        request->verified = true;
        uint64_t op = ask(&f->w, request);
        assert_false(granted(&f->w, op)->checkpoint);
        body(&f->w, op, bytes + (i == 1), i == 0 ? 300 : 600, ends[i].end);
        assert_int_equal(answer(&f->w, op)->code, ends[i].code);
        assert_int_equal(answer(&f->w, op)->upload.cursor, i == 2 ? 600 : 0);
    }
    append(f, append_of(f, 600, 400), 400);
    assert_object(&f->w, f->id, bytes, 1000);
}

/* What was cut or changed on its way may say another end than there is. */
static void a_body_that_is_not_whole_sets_no_total(void **state)
{
    struct fixture *f = *state;
    make(f, RH_SIZE_UNKNOWN);
    for (unsigned verified = 0; verified < 2; verified++) {
        struct rh_vault_request *request = append_of(f, 0, 600);
        request->verified = verified;
        request->final = true;
        uint64_t op = ask(&f->w, request);
        body(&f->w, op, bytes, 0, verified ? RH_WRITTEN_MISMATCH : RH_WRITTEN_BROKEN);
        assert_int_equal(answer(&f->w, op)->upload.total, RH_SIZE_UNKNOWN);
    }
    struct rh_vault_request *request = append_of(f, 0, 1000);
    request->final = true;
    assert_int_equal(append(f, request, 1000)->upload.state, RH_UPLOAD_DONE);
    assert_object(&f->w, f->id, bytes, 1000);
}

static void a_declared_crc_is_compared(void **state)
{
    struct fixture *f = *state;
    make(f, 1000);
    struct rh_vault_request *request = append_of(f, 0, 1000);
    request->has_crc = true;
    request->crc64 = 1;
    assert_int_equal(append(f, request, 1000)->code, RH_REPLY_CHECKSUM);
    request = append_of(f, 0, 1000);
    request->has_crc = true;
    request->crc64 = rh_crc64_update(0, bytes, 1000);
    assert_int_equal(append(f, request, 1000)->upload.state, RH_UPLOAD_DONE);
}

static void ranges_are_refused(void **state)
{
    struct fixture *f = *state;
    make(f, 1000);
    assert_int_equal(ask_answer(&f->w, write_of(&f->w, f->id, 0, 10))->code, RH_REPLY_STATE);
    make_upload(&f->w, f->session, "by-ranges", 1000, f->id);
    assert_int_equal(ask_answer(&f->w, append_of(f, 0, 10))->code, RH_REPLY_STATE);
}

/* ---- Taking over ---- */

static void the_newest_writer_wins_with_every_byte(void **state)
{
    struct fixture *f = *state;
    make(f, 1000);
    uint64_t old = ask(&f->w, append_of(f, 0, 1000));
    struct rh_written written;
    body_only(&f->w, old, bytes, 400, RH_WRITTEN_REVOKED, &written);
    uint64_t newer = ask(&f->w, append_of(f, 400, 600));
    assert_true(f->w.revoked[old]);
    assert_null(answer_if(&f->w, newer));
    assert_null(granted(&f->w, newer));
    f->w.hold_commits = true;
    report(&f->w, &written);
    assert_null(granted(&f->w, newer)); /* not before the old one's bytes are committed */
    f->w.hold_commits = false;
    world_release(&f->w);
    assert_int_equal(answer(&f->w, old)->code, RH_REPLY_SUPERSEDED);
    rest(&f->w, newer, 600, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(&f->w, newer)->code, RH_REPLY_OK);
    assert_object(&f->w, f->id, bytes, 1000);
}

static void a_taker_at_an_old_offset_is_told_the_true_one(void **state)
{
    struct fixture *f = *state;
    make(f, 1000);
    uint64_t old = ask(&f->w, append_of(f, 0, 1000));
    uint64_t newer = ask(&f->w, append_of(f, 0, 1000));
    body(&f->w, old, bytes, 333, RH_WRITTEN_REVOKED);
    assert_int_equal(answer(&f->w, newer)->code, RH_REPLY_OFFSET);
    assert_int_equal(answer(&f->w, newer)->upload.cursor, 333);
    world_restart(&f->w, true);
    assert_int_equal(get(&f->w, f->id)->upload.cursor, 333);
}

static void who_waits_is_sent_away_by_the_next(void **state)
{
    struct fixture *f = *state;
    make(f, 1000);
    uint64_t old = ask(&f->w, append_of(f, 0, 1000));
    uint64_t second = ask(&f->w, append_of(f, 0, 1000));
    uint64_t third = ask(&f->w, append_of(f, 100, 900));
    assert_int_equal(answer(&f->w, second)->code, RH_REPLY_SUPERSEDED);
    body(&f->w, old, bytes, 100, RH_WRITTEN_REVOKED);
    rest(&f->w, third, 900, RH_WRITTEN_WHOLE);
    assert_object(&f->w, f->id, bytes, 1000);
}

static void a_lower_number_of_the_same_lease_does_not_take_over(void **state)
{
    struct fixture *f = *state;
    make(f, 1000);
    struct rh_vault_request *request = append_of(f, 0, 1000);
    strcpy(request->lease, "tab");
    request->lease_number = 5;
    uint64_t op = ask(&f->w, request);
    request = append_of(f, 0, 1000);
    strcpy(request->lease, "tab");
    request->lease_number = 4;
    assert_int_equal(ask_answer(&f->w, request)->code, RH_REPLY_STALE_WRITER);
    assert_false(f->w.revoked[op]);
    rest(&f->w, op, 1000, RH_WRITTEN_WHOLE);
    assert_object(&f->w, f->id, bytes, 1000);
}

/* ---- Looking, and checkpoints ---- */

static void a_look_has_what_has_come_and_disturbs_nothing(void **state)
{
    struct fixture *f = *state;
    make(f, 1000);
    uint64_t op = ask(&f->w, append_of(f, 0, 1000));
    struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_GET);
    strcpy(request->upload, f->id);
    uint64_t look = ask(&f->w, request);
    assert_int_equal(f->w.checkpoints[op], 1);
    assert_null(answer_if(&f->w, look));
    f->w.hold_commits = true;
    sofar(&f->w, op, 300, true);
    assert_null(answer_if(&f->w, look)); /* what it says is durable */
    f->w.hold_commits = false;
    world_release(&f->w);
    assert_int_equal(answer(&f->w, look)->upload.cursor, 300);
    assert_false(f->w.revoked[op]);
    assert_null(answer_if(&f->w, op));
    rest(&f->w, op, 700, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(&f->w, op)->code, RH_REPLY_OK);
    assert_int_equal(answer(&f->w, op)->receipt.length, 1000);
    assert_int_equal(answer(&f->w, op)->receipt.crc64, rh_crc64_update(0, bytes, 1000));
    assert_object(&f->w, f->id, bytes, 1000);
}

static void a_look_is_answered_where_nothing_has_come(void **state)
{
    struct fixture *f = *state;
    make(f, RH_SIZE_UNKNOWN);
    uint64_t op = ask(&f->w, append_of(f, 0, RH_SIZE_UNKNOWN));
    struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_GET);
    strcpy(request->upload, f->id);
    uint64_t look = ask(&f->w, request);
    sofar(&f->w, op, 0, true);
    assert_int_equal(answer(&f->w, look)->upload.cursor, 0);
    rest(&f->w, op, 5, RH_WRITTEN_WHOLE);
    assert_int_equal(get(&f->w, f->id)->upload.cursor, 5);
}

static void a_look_crossing_with_the_end_is_answered(void **state)
{
    struct fixture *f = *state;
    make(f, 1000);
    uint64_t op = ask(&f->w, append_of(f, 0, 500));
    struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_GET);
    strcpy(request->upload, f->id);
    uint64_t look = ask(&f->w, request);
    rest(&f->w, op, 500, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(&f->w, look)->upload.cursor, 500);
}

static void a_look_waits_for_the_sync_of_an_end(void **state)
{
    struct fixture *f = *state;
    make(f, 1000);
    uint64_t op = ask(&f->w, append_of(f, 0, 500));
    f->w.hold_verb[RH_STORE_SYNC] = true;
    rest(&f->w, op, 500, RH_WRITTEN_WHOLE);
    struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_GET);
    strcpy(request->upload, f->id);
    uint64_t look = ask(&f->w, request);
    assert_null(answer_if(&f->w, look));
    f->w.hold_verb[RH_STORE_SYNC] = false;
    world_release(&f->w);
    assert_int_equal(answer(&f->w, look)->upload.cursor, 500);
}

static void a_look_waits_for_the_finish_of_what_is_all_there(void **state)
{
    struct fixture *f = *state;
    make(f, 1000);
    f->w.hold_verb[RH_STORE_SEAL] = true;
    uint64_t op = ask(&f->w, append_of(f, 0, 1000));
    rest(&f->w, op, 1000, RH_WRITTEN_WHOLE);
    struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_GET);
    strcpy(request->upload, f->id);
    uint64_t look = ask(&f->w, request);
    assert_null(answer_if(&f->w, look));
    rh_store_model_fail(f->w.store, RH_STORE_SEAL, RH_ERR_IO);
    world_release(&f->w);
    assert_int_equal(answer(&f->w, look)->upload.state, RH_UPLOAD_FINISHING); /* not for ever */
    assert_int_equal(get(&f->w, f->id)->upload.state, RH_UPLOAD_FINISHING);
    f->w.hold_verb[RH_STORE_SEAL] = false;
    world_pass(&f->w, 6);
    assert_object(&f->w, f->id, bytes, 1000);
}

static void a_look_waits_for_no_verified_body(void **state)
{
    struct fixture *f = *state;
    make(f, 1000);
    struct rh_vault_request *request = append_of(f, 0, 1000);
    request->verified = true;
    uint64_t op = ask(&f->w, request);
    assert_int_equal(get(&f->w, f->id)->upload.cursor, 0);
    assert_int_equal(f->w.checkpoints[op], 0);
    rest(&f->w, op, 1000, RH_WRITTEN_WHOLE);
}

static void pieces_survive_a_crash_of_a_body_that_goes_on(void **state)
{
    struct fixture *f = *state;
    make(f, RH_SIZE_UNKNOWN);
    struct rh_vault_request *request = append_of(f, 0, RH_SIZE_UNKNOWN);
    request->progress = true;
    uint64_t op = ask(&f->w, request);
    for (uint64_t i = 1; i <= 5; i++) {
        sofar(&f->w, op, 1000, false);
        assert_int_equal(f->w.progress[op], i * 1000);
    }
    struct rh_written written;
    body_only(&f->w, op, bytes + 5000, 700, RH_WRITTEN_SOFAR, &written); /* never reported */
    world_restart(&f->w, true);
    const struct rh_vault_reply *reply = get(&f->w, f->id);
    assert_int_equal(reply->upload.cursor, 5000);
    assert_int_equal(reply->durable[0].crc64, rh_crc64_update(0, bytes, 5000));
    request = append_of(f, 5000, 3000);
    request->final = true;
    append(f, request, 3000);
    assert_object(&f->w, f->id, bytes, 8000);
}

static void pieces_gather_while_one_is_synced_and_the_end_waits(void **state)
{
    struct fixture *f = *state;
    make(f, 5000);
    uint64_t op = ask(&f->w, append_of(f, 0, 5000));
    f->w.hold_verb[RH_STORE_SYNC] = true;
    for (int i = 0; i < 3; i++)
        sofar(&f->w, op, 1000, false);
    rest(&f->w, op, 2000, RH_WRITTEN_WHOLE);
    assert_int_equal(f->w.jobs[RH_STORE_SYNC], 0);
    assert_int_equal(world_held(&f->w, RH_DO_STORE), 1);
    f->w.hold_verb[RH_STORE_SYNC] = false;
    world_release(&f->w);
    assert_int_equal(answer(&f->w, op)->code, RH_REPLY_OK);
    assert_object(&f->w, f->id, bytes, 5000);
}

static void a_failed_sync_of_a_piece_voids_what_follows(void **state)
{
    struct fixture *f = *state;
    make(f, 5000);
    uint64_t op = ask(&f->w, append_of(f, 0, 5000));
    sofar(&f->w, op, 1000, false);
    rh_store_model_fail(f->w.store, RH_STORE_SYNC, RH_ERR_IO);
    struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_GET);
    strcpy(request->upload, f->id);
    uint64_t look = ask(&f->w, request);
    sofar(&f->w, op, 1000, true);
    assert_true(f->w.revoked[op]);
    assert_int_equal(answer(&f->w, look)->upload.cursor, 1000);
    sofar(&f->w, op, 500, false);
    rest(&f->w, op, 500, RH_WRITTEN_REVOKED);
    assert_int_equal(answer(&f->w, op)->code, RH_REPLY_WRITE_FAILED);
    assert_int_equal(answer(&f->w, op)->upload.cursor, 1000);
    append(f, append_of(f, 1000, 4000), 4000);
    assert_object(&f->w, f->id, bytes, 5000);
}

static void long_bodies_are_asked_every_second(void **state)
{
    struct fixture *f = *state;
    make(f, 5000);
    uint64_t op = ask(&f->w, append_of(f, 0, 5000));
    world_pass(&f->w, 1);
    assert_int_equal(f->w.checkpoints[op], 1);
    world_pass(&f->w, 3);
    assert_int_equal(f->w.checkpoints[op], 1); /* one at a time */
    sofar(&f->w, op, 10, true);
    world_pass(&f->w, 1);
    assert_int_equal(f->w.checkpoints[op], 2);
    rest(&f->w, op, 4990, RH_WRITTEN_WHOLE);
    world_pass(&f->w, 2);
    assert_int_equal(f->w.checkpoints[op], 2);
}

static void a_finish_stops_the_writer_at_what_is_committed(void **state)
{
    struct fixture *f = *state;
    make(f, RH_SIZE_UNKNOWN);
    uint64_t op = ask(&f->w, append_of(f, 0, RH_SIZE_UNKNOWN));
    sofar(&f->w, op, 1000, false);
    struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_FINISH);
    strcpy(request->upload, f->id);
    uint64_t finish = ask(&f->w, request);
    assert_true(f->w.revoked[op]);
    sofar(&f->w, op, 100, false);
    rest(&f->w, op, 100, RH_WRITTEN_REVOKED);
    assert_int_equal(answer(&f->w, op)->code, RH_REPLY_OUT_OF_RANGE);
    assert_int_equal(answer(&f->w, finish)->upload.total, 1000);
    assert_object(&f->w, f->id, bytes, 1000);
}

/* ---- Ages, and deleting ---- */

static void an_unfinished_one_expires_when_it_was_said(void **state)
{
    struct fixture *f = *state;
    f->w.limits.expire_after_ticks = 1000;
    world_restart(&f->w, false);
    make(f, 1000);
    append(f, append_of(f, 0, 400), 400);
    int64_t said_s = get(&f->w, f->id)->upload.expires_wall_s;
    assert_int_equal(said_s, f->w.wall_ms / 1000 + 1000);
    world_pass(&f->w, 500);
    append(f, append_of(f, 400, 100), 100);
    said_s = get(&f->w, f->id)->upload.expires_wall_s;
    assert_int_equal(said_s, f->w.wall_ms / 1000 + 1000);
    world_pass(&f->w, 999);
    assert_int_equal(get(&f->w, f->id)->upload.state, RH_UPLOAD_OPEN);
    world_pass(&f->w, 2);
    assert_true(f->w.wall_ms / 1000 >= said_s);
    assert_int_equal(get(&f->w, f->id)->upload.state, RH_UPLOAD_EXPIRED);
    assert_int_equal(ask_answer(&f->w, append_of(f, 500, 1))->code, RH_REPLY_GONE);
}

static void one_that_is_being_written_does_not_expire(void **state)
{
    struct fixture *f = *state;
    f->w.limits.expire_after_ticks = 100;
    world_restart(&f->w, false);
    make(f, 1000);
    uint64_t op = ask(&f->w, append_of(f, 0, 1000));
    world_pass(&f->w, 300);
    rest(&f->w, op, 1000, RH_WRITTEN_WHOLE);
    assert_object(&f->w, f->id, bytes, 1000);
}

static void a_finished_one_never_expires(void **state)
{
    struct fixture *f = *state;
    f->w.limits.expire_after_ticks = 100;
    world_restart(&f->w, false);
    make(f, 1000);
    append(f, append_of(f, 0, 1000), 1000);
    assert_int_equal(get(&f->w, f->id)->upload.expires_wall_s, 0);
    world_pass(&f->w, 1000);
    assert_object(&f->w, f->id, bytes, 1000);
}

static struct rh_vault_request *delete_of(struct fixture *f, bool terminate)
{
    struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_DELETE);
    strcpy(request->upload, f->id);
    request->terminate = terminate;
    return request;
}

static void a_finished_one_is_deleted_only_where_asked(void **state)
{
    struct fixture *f = *state;
    struct rh_store_target target;
    size_t size;
    make(f, 1000);
    append(f, append_of(f, 0, 1000), 1000);
    assert_int_equal(ask_answer(&f->w, delete_of(f, false))->code, RH_REPLY_STATE);
    assert_object(&f->w, f->id, bytes, 1000);
    target_of(&get(&f->w, f->id)->upload, &target);
    assert_int_equal(ask_answer(&f->w, delete_of(f, true))->code, RH_REPLY_OK);
    assert_null(rh_store_model_look(f->w.store, &target, RH_MODEL_OBJECT, 0, true, &size));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(get(&f->w, f->id)->code, RH_REPLY_GONE);
        world_restart(&f->w, true);
    }
}

static void a_deleted_video_is_not_listed_any_more(void **state)
{
    struct fixture *f = *state;
    struct rh_store_target target;
    size_t size;
    make_upload(&f->w, f->session, "take-1", 10, f->id);
    put(&f->w, f->id, 0, bytes, 10);
    target_of(&get(&f->w, f->id)->upload, &target);
    const uint8_t *text =
        rh_store_model_look(f->w.store, &target, RH_MODEL_SESSION, 0, true, &size);
    assert_non_null(memmem(text, size, "take-1", 6));
    assert_int_equal(ask_answer(&f->w, delete_of(f, true))->code, RH_REPLY_OK);
    text = rh_store_model_look(f->w.store, &target, RH_MODEL_SESSION, 0, true, &size);
    assert_null(memmem(text, size, "take-1", 6));
    make_upload(&f->w, f->session, "take-1", 10, f->id); /* its name is free */
}

static void deleting_stops_the_writer(void **state)
{
    struct fixture *f = *state;
    make(f, 1000);
    uint64_t op = ask(&f->w, append_of(f, 0, 1000));
    sofar(&f->w, op, 100, false);
    struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_GET);
    strcpy(request->upload, f->id);
    uint64_t look = ask(&f->w, request);
    uint64_t gone = ask(&f->w, delete_of(f, true));
    assert_true(f->w.revoked[op]);
    rest(&f->w, op, 50, RH_WRITTEN_REVOKED);
    assert_int_equal(answer(&f->w, op)->code, RH_REPLY_GONE);
    assert_int_equal(answer(&f->w, gone)->code, RH_REPLY_OK);
    assert_int_equal(answer(&f->w, look)->code, RH_REPLY_GONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(it_is_made_with_its_total),
        T(an_empty_one_is_done_at_once),
        T(its_name_is_made_of_the_file_name),
        T(a_long_file_name_keeps_its_extension),
        T(its_metadata_is_given_back_as_it_came),
        T(bytes_come_in_order_and_complete_it),
        T(another_offset_changes_nothing),
        T(a_deferred_total_comes_once),
        T(a_total_below_the_cursor_is_refused),
        T(an_endless_body_ends_at_the_total),
        T(a_final_body_says_the_end),
        T(what_ends_by_final_is_not_done_by_its_total),
        T(who_asks_for_the_end_ends_it),
        T(an_empty_final_body_makes_an_empty_upload),
        T(a_finished_one_says_where_it_stands),
        T(a_broken_body_keeps_what_came),
        T(a_verified_body_counts_whole_or_not_at_all),
        T(a_body_that_is_not_whole_sets_no_total),
        T(a_declared_crc_is_compared),
        T(ranges_are_refused),
        T(the_newest_writer_wins_with_every_byte),
        T(a_taker_at_an_old_offset_is_told_the_true_one),
        T(who_waits_is_sent_away_by_the_next),
        T(a_lower_number_of_the_same_lease_does_not_take_over),
        T(a_look_has_what_has_come_and_disturbs_nothing),
        T(a_look_is_answered_where_nothing_has_come),
        T(a_look_crossing_with_the_end_is_answered),
        T(a_look_waits_for_the_sync_of_an_end),
        T(a_look_waits_for_the_finish_of_what_is_all_there),
        T(a_look_waits_for_no_verified_body),
        T(pieces_survive_a_crash_of_a_body_that_goes_on),
        T(pieces_gather_while_one_is_synced_and_the_end_waits),
        T(a_failed_sync_of_a_piece_voids_what_follows),
        T(long_bodies_are_asked_every_second),
        T(a_finish_stops_the_writer_at_what_is_committed),
        T(an_unfinished_one_expires_when_it_was_said),
        T(one_that_is_being_written_does_not_expire),
        T(a_finished_one_never_expires),
        T(a_finished_one_is_deleted_only_where_asked),
        T(a_deleted_video_is_not_listed_any_more),
        T(deleting_stops_the_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
