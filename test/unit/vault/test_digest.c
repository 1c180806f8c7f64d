/* SPDX-License-Identifier: MIT */
/* DIGEST: SHA of the bytes as they are stored, of open uploads up to the cursor and of finished
 * ones. */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "harness.h"
#include "vault/store_model.h"

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define SIZE    9000

static uint8_t bytes[SIZE];

static int setup(void **state)
{
    fill(bytes, sizeof bytes, 7);
    return fixture_setup(state, NULL, NULL);
}

static int teardown(void **state)
{
    return fixture_teardown(state);
}

/* An upload with a cursor and so many bytes of SIZE; its id is f->id. */
static void make(struct fixture *f, size_t size)
{
    struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_CREATE);
    request->cursor = true;
    request->total = SIZE;
    strcpy(f->id, ask_answer(&f->w, request)->upload.id);
    request = write_of(&f->w, f->id, 0, size);
    request->cursor = true;
    uint64_t op = ask(&f->w, request);
    body(&f->w, op, bytes, size, RH_WRITTEN_WHOLE);
    assert_int_equal(answer(&f->w, op)->code, RH_REPLY_OK);
}

static struct rh_vault_request *digest_of(struct fixture *f, unsigned bits)
{
    struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_DIGEST);
    strcpy(request->upload, f->id);
    request->digest_bits = bits;
    return request;
}

static void check(const struct rh_vault_reply *reply, size_t size, unsigned bits)
{
    uint8_t expected[64];
    assert_int_equal(reply->code, RH_REPLY_OK);
    assert_int_equal(
        EVP_Digest(bytes, size, expected, NULL, bits == 512 ? EVP_sha512() : EVP_sha256(), NULL),
        1);
    assert_memory_equal(reply->digest, expected, bits / 8);
}

static void it_is_of_what_is_durable(void **state)
{
    struct fixture *f = *state;
    make(f, 5000);
    for (unsigned bits = 256; bits <= 512; bits += 256) {
        const struct rh_vault_reply *reply = ask_answer(&f->w, digest_of(f, bits));
        assert_int_equal(reply->upload.cursor, 5000);
        check(reply, 5000, bits);
    }
    make(f, SIZE);
    const struct rh_vault_reply *reply = ask_answer(&f->w, digest_of(f, 256));
    assert_int_equal(reply->upload.state, RH_UPLOAD_DONE);
    check(reply, SIZE, 256);
}

static void a_delete_waits_for_it(void **state)
{
    struct fixture *f = *state;
    make(f, 5000);
    f->w.hold_verb[RH_STORE_HASH] = true;
    uint64_t slow = ask(&f->w, digest_of(f, 256));
    struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_DELETE);
    strcpy(request->upload, f->id);
    uint64_t gone = ask(&f->w, request);
    assert_null(answer_if(&f->w, slow));
    assert_null(answer_if(&f->w, gone));
    f->w.hold_verb[RH_STORE_HASH] = false;
    world_release(&f->w);
    assert_int_not_equal(answer(&f->w, slow)->code, RH_REPLY_OVERLOADED);
    assert_int_equal(answer(&f->w, gone)->code, RH_REPLY_OK);
    assert_int_equal(ask_answer(&f->w, digest_of(f, 256))->code, RH_REPLY_GONE);
}

static void what_cannot_be_read_has_none(void **state)
{
    struct fixture *f = *state;
    make(f, 5000);
    rh_store_model_fail(f->w.store, RH_STORE_HASH, RH_ERR_IO);
    assert_int_equal(ask_answer(&f->w, digest_of(f, 256))->code, RH_REPLY_INTERNAL);
    check(ask_answer(&f->w, digest_of(f, 256)), 5000, 256);
    strcpy(f->id, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_-");
    assert_int_equal(ask_answer(&f->w, digest_of(f, 256))->code, RH_REPLY_UNKNOWN);
}

static void of_nothing_there_is_none(void **state)
{
    struct fixture *f = *state;
    struct rh_vault_request *request = request_new(&f->w, RH_REQUEST_CREATE);
    request->cursor = true;
    strcpy(f->id, ask_answer(&f->w, request)->upload.id);
    assert_int_equal(ask_answer(&f->w, digest_of(f, 256))->code, RH_REPLY_STATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(it_is_of_what_is_durable),
        T(a_delete_waits_for_it),
        T(what_cannot_be_read_has_none),
        T(of_nothing_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
