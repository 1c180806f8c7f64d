/* SPDX-License-Identifier: MIT */
/* What requests are refused with, and that a refusal changes nothing. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include "base/crc64.h"

#define KIB       1024
#define BYTES_MAX (64 * KIB)
#define CHUNKS    8
#define OPEN_MAX  3

static uint8_t data[16 * KIB];

static void small_limits(struct rh_vault_limits *limits)
{
    limits->upload_bytes_max = BYTES_MAX;
    limits->chunks_max = CHUNKS;
    limits->uploads_open_max = OPEN_MAX;
}

static int setup(void **state)
{
    fill(data, sizeof data, 53);
    return fixture_setup(state, small_limits, "take1");
}

static enum rh_reply_code ask_code(struct fixture *f, struct rh_vault_request *request)
{
    return ask_answer(&f->w, request)->code;
}

static struct rh_vault_request *of(struct fixture *f, enum rh_request_kind kind)
{
    struct rh_vault_request *request = request_new(&f->w, kind);
    strcpy(request->upload, f->id);
    return request;
}

static struct rh_vault_request *named(struct fixture *f, enum rh_request_kind kind,
                                      const char *name)
{
    struct rh_vault_request *request = request_new(&f->w, kind);
    strcpy(request->session, f->session);
    strcpy(request->name, name);
    return request;
}

/* ---- WRITE by ranges ---- */

#define NO RH_SIZE_UNKNOWN

static void declarations_that_cannot_be_true_are_refused(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint64_t offset, length, total;
        bool final;
        enum rh_reply_code code;
    } cases[] = {
        {0, KIB, 2 * KIB, true, RH_REPLY_TOTAL_CHANGED}, /* it says both that it is the end */
        {0, KIB, BYTES_MAX + 1, false, RH_REPLY_TOO_LARGE},
        {BYTES_MAX, 1, NO, false, RH_REPLY_TOO_LARGE},
        {UINT64_MAX - KIB, 2 * KIB, NO, false, RH_REPLY_OUT_OF_RANGE},
        {KIB, KIB, KIB, false, RH_REPLY_OUT_OF_RANGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rh_vault_request *request = write_of(&f->w, f->id, cases[i].offset, cases[i].length);
        request->total = cases[i].total;
        request->final = cases[i].final;
        assert_int_equal(ask_code(f, request), cases[i].code);
        assert_int_equal(get(&f->w, f->id)->upload.total, NO);
    }
    assert_int_equal(put(&f->w, f->id, 0, data, KIB), RH_REPLY_OK);
}

static void the_end_of_an_endless_body_must_be_the_end(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put(&f->w, f->id, 8 * KIB, data, KIB), RH_REPLY_OK); /* there is more */
    struct rh_vault_request *request = write_of(&f->w, f->id, 0, NO);
    request->final = true;
    uint64_t op = ask(&f->w, request);
    body(&f->w, op, data, KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(&f->w, op)->code, RH_REPLY_TOTAL_CHANGED);
    assert_int_equal(get(&f->w, f->id)->upload.total, NO);
    request = write_of(&f->w, f->id, 0, 2 * KIB); /* the total comes now */
    request->total = 10 * KIB;
    op = ask(&f->w, request);
    body(&f->w, op, data, 2 * KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(&f->w, op)->code, RH_REPLY_OK);
    request = write_of(&f->w, f->id, 2 * KIB, NO);
    request->final = true;
    op = ask(&f->w, request);
    body(&f->w, op, data, KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(&f->w, op)->code, RH_REPLY_TOTAL_CHANGED);
    assert_int_equal(get(&f->w, f->id)->upload.total, 10 * KIB);
}

static void an_endless_body_that_breaks_fixes_no_total(void **state)
{
    struct fixture *f = *state;
    struct rh_vault_request *request = write_of(&f->w, f->id, 0, NO);
    request->final = true;
    uint64_t op = ask(&f->w, request);
    body(&f->w, op, data, KIB, RH_WRITTEN_BROKEN);
    assert_int_equal(answer(&f->w, op)->code, RH_REPLY_BROKEN);
    assert_int_equal(get(&f->w, f->id)->upload.total, NO);
    assert_int_equal(get(&f->w, f->id)->upload.received, KIB);
}

static void a_body_longer_than_all_that_is_kept_is_too_large(void **state)
{
    struct fixture *f = *state;
    static uint8_t much[BYTES_MAX + 1];
    uint64_t op = ask(&f->w, write_of(&f->w, f->id, 0, NO));
    assert_int_equal(granted(&f->w, op)->bytes_max, BYTES_MAX);
    body(&f->w, op, much, sizeof much, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(&f->w, op)->code, RH_REPLY_TOO_LARGE);
    assert_int_equal(get(&f->w, f->id)->upload.received, 0);
}

static void a_body_of_unknown_length_ends_with_the_video(void **state)
{
    struct fixture *f = *state;
    struct rh_vault_request *request = write_of(&f->w, f->id, 0, NO);
    request->total = 2 * KIB;
    uint64_t op = ask(&f->w, request);
    assert_int_equal(granted(&f->w, op)->bytes_max, 2 * KIB);
    body(&f->w, op, data, 3 * KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(&f->w, op)->code, RH_REPLY_OUT_OF_RANGE);
    request = write_of(&f->w, f->id, 0, NO);
    request->final = true;
    op = ask(&f->w, request);
    body(&f->w, op, data, 2 * KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(&f->w, op)->code, RH_REPLY_OK);
    assert_object(&f->w, f->id, data, 2 * KIB);
    assert_int_equal(ask_code(f, chunk_of(&f->w, f->session, "take1", 0, 2)), RH_REPLY_STATE);
}

static void beyond_the_largest_video_no_byte_is_taken(void **state)
{
    struct fixture *f = *state;
    uint64_t op = ask(&f->w, write_of(&f->w, f->id, BYTES_MAX, NO));
    assert_int_equal(granted(&f->w, op)->bytes_max, 0);
    body(&f->w, op, data, 1, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(&f->w, op)->code, RH_REPLY_TOO_LARGE);
}

static void a_total_that_comes_meanwhile_ends_an_endless_body(void **state)
{
    struct fixture *f = *state;
    uint64_t op = ask(&f->w, write_of(&f->w, f->id, 0, NO));
    struct rh_vault_request *request = named(f, RH_REQUEST_CREATE, "take1");
    request->total = KIB;
    assert_int_equal(ask_code(f, request), RH_REPLY_OK);
    body(&f->w, op, data, 2 * KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(&f->w, op)->code, RH_REPLY_OUT_OF_RANGE);
    assert_int_equal(get(&f->w, f->id)->upload.received, 0);
}

static void the_other_geometry_is_refused_while_somebody_writes(void **state)
{
    struct fixture *f = *state;
    uint64_t op = ask(&f->w, write_of(&f->w, f->id, 0, KIB));
    assert_int_equal(ask_code(f, chunk_of(&f->w, f->session, "take1", 0, 2)), RH_REPLY_STATE);
    body(&f->w, op, data, KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(ask_code(f, chunk_of(&f->w, f->session, "take1", 0, 2)), RH_REPLY_STATE);
    assert_int_equal(put_chunk(&f->w, f->session, "chunks", 1, 3, data, KIB), RH_REPLY_OK);
    struct rh_vault_request *request = named(f, RH_REQUEST_WRITE, "chunks");
    request->length = KIB;
    assert_int_equal(ask_code(f, request), RH_REPLY_STATE);
}

static void a_chunk_of_no_session_is_refused(void **state)
{
    struct fixture *f = *state;
    char id[RH_ID_TEXT_MAX];
    make_upload(&f->w, "", "", NO, id);
    struct rh_vault_request *request = write_of(&f->w, id, 0, KIB);
    request->chunk_index = 0;
    assert_int_equal(ask_code(f, request), RH_REPLY_STATE);
    request = request_new(&f->w, RH_REQUEST_WRITE); /* and one that names nothing at all */
    request->chunk_index = 0;
    assert_int_equal(ask_code(f, request), RH_REPLY_UNKNOWN);
    request = named(f, RH_REQUEST_WRITE, "absent"); /* ranges make no upload */
    assert_int_equal(ask_code(f, request), RH_REPLY_UNKNOWN);
    assert_int_equal(ask_code(f, chunk_of(&f->w, f->session, "../x", 0, 2)), RH_REPLY_UNKNOWN);
}

/* ---- Chunks ---- */

static void chunk_numbers_that_cannot_be_true_are_refused(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint64_t index, count, length;
        bool final;
        enum rh_reply_code code;
    } cases[] = {
        {0, CHUNKS + 1, KIB, false, RH_REPLY_TOO_LARGE},
        {CHUNKS, NO, KIB, false, RH_REPLY_OUT_OF_RANGE},
        {2, 4, KIB, true, RH_REPLY_TOTAL_CHANGED}, /* the last of four has the index 3 */
        {3, 3, KIB, false, RH_REPLY_OUT_OF_RANGE},
        {0, 1, KIB, false, RH_REPLY_TOTAL_CHANGED}, /* there is one of index 1 */
        {1, NO, 2 * KIB, false, RH_REPLY_DIFFERENT_BYTES},
        {4, 5, BYTES_MAX, false, RH_REPLY_TOO_LARGE},
    };
    assert_int_equal(put_chunk(&f->w, f->session, "v", 1, NO, data, KIB), RH_REPLY_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rh_vault_request *request =
            chunk_of(&f->w, f->session, "v", cases[i].index, cases[i].count);
        request->length = cases[i].length;
        request->final = cases[i].final;
        assert_int_equal(ask_code(f, request), cases[i].code);
        const struct rh_vault_reply *reply = ask_answer(&f->w, named(f, RH_REQUEST_GET, "v"));
        assert_int_equal(reply->upload.chunks_received, 1);
    }
}

static void a_chunk_that_says_it_is_the_last_twice_is_taken(void **state)
{
    struct fixture *f = *state;
    struct rh_vault_request *request = chunk_of(&f->w, f->session, "v", 0, 1);
    request->final = true;
    uint64_t op = ask(&f->w, request);
    body(&f->w, op, data, KIB, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(&f->w, op)->upload.state, RH_UPLOAD_DONE);
}

static void a_chunk_without_which_a_video_was_finished_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_chunk(&f->w, f->session, "v", 0, 3, data, KIB), RH_REPLY_OK);
    assert_int_equal(put_chunk(&f->w, f->session, "v", 2, 3, data, KIB), RH_REPLY_OK);
    struct rh_vault_request *request = named(f, RH_REQUEST_FINISH, "v");
    request->allow_partial = true;
    assert_int_equal(ask_code(f, request), RH_REPLY_OK);
    assert_int_equal(ask_code(f, chunk_of(&f->w, f->session, "v", 1, 3)), RH_REPLY_STATE);
    assert_int_equal(put_chunk(&f->w, f->session, "v", 2, 3, data, KIB), RH_REPLY_OK);
    request = named(f, RH_REQUEST_FINISH, "v"); /* what it was finished as cannot be changed */
    request->chunk_count = 5;
    assert_int_equal(ask_code(f, request), RH_REPLY_CONFLICT);
    request = named(f, RH_REQUEST_FINISH, "v");
    request->chunk_count = 3;
    assert_int_equal(ask_code(f, request), RH_REPLY_OK);
}

static void a_finished_video_of_ranges_has_no_number_of_chunks(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put(&f->w, f->id, 0, data, KIB), RH_REPLY_OK);
    assert_int_equal(ask_code(f, of(f, RH_REQUEST_FINISH)), RH_REPLY_OK);
    struct rh_vault_request *request = of(f, RH_REQUEST_FINISH);
    request->chunk_count = 5;
    request->has_crc = true;
    request->crc64 = rh_crc64_update(0, data, KIB);
    assert_int_equal(ask_code(f, request), RH_REPLY_OK);
}

/* ---- CREATE, FINISH, METADATA ---- */

static void a_size_below_what_arrived_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put(&f->w, f->id, 0, data, 2 * KIB), RH_REPLY_OK);
    struct rh_vault_request *request = named(f, RH_REQUEST_CREATE, "take1");
    request->total = KIB;
    assert_int_equal(ask_code(f, request), RH_REPLY_CONFLICT);
    request = of(f, RH_REQUEST_FINISH);
    request->total = KIB;
    assert_int_equal(ask_code(f, request), RH_REPLY_CONFLICT);
    request = of(f, RH_REQUEST_FINISH);
    request->total = BYTES_MAX + 1;
    assert_int_equal(ask_code(f, request), RH_REPLY_CONFLICT);
    assert_int_equal(get(&f->w, f->id)->upload.total, NO);
    request = named(f, RH_REQUEST_CREATE, "take1"); /* just what arrived: it is complete */
    request->total = 2 * KIB;
    assert_int_equal(ask_code(f, request), RH_REPLY_OK);
    assert_object(&f->w, f->id, data, 2 * KIB);
    request = named(f, RH_REQUEST_CREATE, "take1");
    request->total = 3 * KIB;
    assert_int_equal(ask_code(f, request), RH_REPLY_CONFLICT);
}

static void a_checksum_of_nothing_is_that_of_no_bytes(void **state)
{
    struct fixture *f = *state;
    struct rh_vault_request *request = of(f, RH_REQUEST_FINISH);
    request->total = 0;
    request->has_crc = true;
    request->crc64 = 1;
    assert_int_equal(ask_code(f, request), RH_REPLY_CHECKSUM);
    request = of(f, RH_REQUEST_FINISH);
    request->total = 0;
    request->has_crc = true;
    assert_int_equal(ask_code(f, request), RH_REPLY_OK);
    assert_int_equal(get(&f->w, f->id)->upload.state, RH_UPLOAD_DONE);
}

static void a_checksum_of_pieces_is_not_looked_at(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put(&f->w, f->id, 0, data, KIB), RH_REPLY_OK);
    assert_int_equal(put(&f->w, f->id, 2 * KIB, data, KIB), RH_REPLY_OK);
    struct rh_vault_request *request = of(f, RH_REQUEST_FINISH);
    request->has_crc = true;
    request->crc64 = 1;
    assert_int_equal(ask_code(f, request), RH_REPLY_INCOMPLETE);
}

static void metadata_once_given_is_kept_by_a_later_create(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {NULL, "{\"a\":1}", "{\"a\":2}"};
    for (size_t i = 0; i < 3; i++) {
        struct rh_vault_request *request = named(f, RH_REQUEST_CREATE, "take1");
        request->metadata = texts[i] != NULL ? strdup(texts[i]) : NULL;
        assert_int_equal(ask_code(f, request), RH_REPLY_OK);
    }
    assert_string_equal(get(&f->w, f->id)->upload.metadata, texts[1]);
}

static void metadata_names_the_type_at_last(void **state)
{
    struct fixture *f = *state;
    struct rh_vault_request *request = named(f, RH_REQUEST_METADATA, "early");
    request->metadata = strdup("{}");
    assert_int_equal(ask_code(f, request), RH_REPLY_OK);
    request = named(f, RH_REQUEST_CREATE, "early");
    assert_int_equal(ask_code(f, request), RH_REPLY_OK); /* no type either */
    assert_string_equal(ask_answer(&f->w, named(f, RH_REQUEST_GET, "early"))->upload.mime, "");
    request = chunk_of(&f->w, f->session, "early", 0, 2);
    strcpy(request->mime, "video/mp4");
    uint64_t op = ask(&f->w, request);
    body(&f->w, op, data, KIB, RH_WRITTEN_WHOLE);
    assert_string_equal(answer(&f->w, op)->upload.mime, "video/mp4");
}

static void too_many_open_uploads_are_refused_by_every_way_in(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask_code(f, named(f, RH_REQUEST_CREATE, "b")), RH_REPLY_CREATED);
    assert_int_equal(ask_code(f, named(f, RH_REQUEST_CREATE, "c")), RH_REPLY_CREATED);
    assert_int_equal(ask_code(f, named(f, RH_REQUEST_CREATE, "d")), RH_REPLY_OVERLOADED);
    assert_int_equal(ask_code(f, chunk_of(&f->w, f->session, "d", 0, 2)), RH_REPLY_OVERLOADED);
    struct rh_vault_request *request = named(f, RH_REQUEST_METADATA, "d");
    request->metadata = strdup("{}");
    const struct rh_vault_reply *reply = ask_answer(&f->w, request);
    assert_int_equal(reply->code, RH_REPLY_OVERLOADED);
    assert_true(reply->retry_after_s > 0);
    assert_int_equal(rh_catalog_model_upload_count(f->w.catalog), OPEN_MAX);
}

static void requests_that_name_nothing_find_nothing(void **state)
{
    struct fixture *f = *state;
    static const enum rh_request_kind kinds[] = {RH_REQUEST_GET, RH_REQUEST_FINISH,
                                                 RH_REQUEST_DELETE, RH_REQUEST_METADATA};
    static const char stranger[] = "3f2b8c1e-5d4a-4f6b-9e8d-7c6b5a493827";
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        assert_int_equal(ask_code(f, request_new(&f->w, kinds[i])), RH_REPLY_UNKNOWN);
        struct rh_vault_request *request = named(f, kinds[i], "..");
        assert_int_equal(ask_code(f, request), RH_REPLY_UNKNOWN);
        request = named(f, kinds[i], "v");
        strcpy(request->session, stranger);
        assert_int_equal(ask_code(f, request), RH_REPLY_UNKNOWN_SESSION);
    }
    assert_int_equal(ask_code(f, request_new(&f->w, RH_REQUEST_SESSION_GET)),
                     RH_REPLY_UNKNOWN_SESSION);
}

/* ---- An upload that the store has lost ---- */

static void what_is_lost_is_gone_for_every_request(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put(&f->w, f->id, 0, data, KIB), RH_REPLY_OK);
    rh_store_model_fail(f->w.store, RH_STORE_SEAL, RH_ERR_CHECKSUM);
    assert_int_equal(ask_code(f, of(f, RH_REQUEST_FINISH)), RH_REPLY_GONE);
    assert_int_equal(get(&f->w, f->id)->upload.state, RH_UPLOAD_LOST);
    assert_int_equal(ask_code(f, of(f, RH_REQUEST_FINISH)), RH_REPLY_GONE);
    assert_int_equal(ask_code(f, write_of(&f->w, f->id, KIB, KIB)), RH_REPLY_GONE);
    struct rh_vault_request *request = of(f, RH_REQUEST_METADATA);
    request->metadata = strdup("{}");
    assert_int_equal(ask_code(f, request), RH_REPLY_GONE);
    assert_int_equal(ask_code(f, named(f, RH_REQUEST_CREATE, "take1")), RH_REPLY_CREATED);
    assert_int_equal(ask_code(f, of(f, RH_REQUEST_DELETE)), RH_REPLY_OK);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(declarations_that_cannot_be_true_are_refused),
        T(the_end_of_an_endless_body_must_be_the_end),
        T(an_endless_body_that_breaks_fixes_no_total),
        T(a_body_longer_than_all_that_is_kept_is_too_large),
        T(a_body_of_unknown_length_ends_with_the_video),
        T(beyond_the_largest_video_no_byte_is_taken),
        T(a_total_that_comes_meanwhile_ends_an_endless_body),
        T(the_other_geometry_is_refused_while_somebody_writes),
        T(a_chunk_of_no_session_is_refused),
        T(chunk_numbers_that_cannot_be_true_are_refused),
        T(a_chunk_that_says_it_is_the_last_twice_is_taken),
        T(a_chunk_without_which_a_video_was_finished_is_refused),
        T(a_finished_video_of_ranges_has_no_number_of_chunks),
        T(a_size_below_what_arrived_is_refused),
        T(a_checksum_of_nothing_is_that_of_no_bytes),
        T(a_checksum_of_pieces_is_not_looked_at),
        T(metadata_once_given_is_kept_by_a_later_create),
        T(metadata_names_the_type_at_last),
        T(too_many_open_uploads_are_refused_by_every_way_in),
        T(requests_that_name_nothing_find_nothing),
        T(what_is_lost_is_gone_for_every_request),
    };
    return cmocka_run_group_tests_name("refusals", tests, NULL, NULL);
}
