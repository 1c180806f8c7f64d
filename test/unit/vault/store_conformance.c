/* SPDX-License-Identifier: MIT */
#include "store_conformance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "base/crc64.h"
#include "harness.h"

#define KIB 1024

static const struct store_factory *factory;
static uint8_t data[300 * KIB];

static const struct rh_store_target one = {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                           "6fa459ea-ee8a-4ca4-894e-db77e160355e", "take1",
                                           "video/webm"};
static const struct rh_store_target two = {"BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB",
                                           "6fa459ea-ee8a-4ca4-894e-db77e160355e", "take2",
                                           "video/mp4;codecs=avc1"};
static const struct rh_store_target loose = {"CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC", "", "same.bin",
                                             "application/octet-stream"};
static const struct rh_store_target loose_too = {"DDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDD", "", "same.bin",
                                                 "application/octet-stream"};

static int setup(void **state)
{
    fill(data, sizeof data, 99);
    *state = factory->fresh(factory->context);
    return *state != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    factory->done(factory->context, *state);
    return 0;
}

static struct rh_store_result run(void **state, struct rh_store_job job)
{
    struct rh_store *store = *state;
    struct rh_store_result result;
    job.id = 4711;
    store->ops->run(store, &job, &result);
    assert_int_equal(result.id, 4711);
    return result;
}

static uint64_t begin(void **state, const struct rh_store_target *target, uint64_t index)
{
    struct rh_store_result result = run(
        state, (struct rh_store_job){.verb = RH_STORE_BEGIN, .target = *target, .index = index});
    assert_int_equal(result.error, RH_OK);
    assert_true(result.handle != 0);
    return result.handle;
}

static void put_at(void **state, uint64_t handle, uint64_t offset, const void *bytes, size_t size)
{
    struct rh_store *store = *state;
    assert_int_equal(store->ops->write(store, handle, offset, bytes, size), RH_OK);
}

static void on_handle(void **state, enum rh_store_verb verb, const struct rh_store_target *target,
                      uint64_t handle)
{
    assert_int_equal(
        run(state, (struct rh_store_job){.verb = verb, .target = *target, .handle = handle}).error,
        RH_OK);
}

/* An in-place file of these bytes, durable and closed. */
static void make(void **state, const struct rh_store_target *target, size_t size)
{
    uint64_t handle = begin(state, target, RH_EXTENT_IN_PLACE);
    put_at(state, handle, 0, data, size);
    on_handle(state, RH_STORE_SYNC, target, handle);
    on_handle(state, RH_STORE_CLOSE, target, handle);
}

static void make_chunk(void **state, const struct rh_store_target *target, uint64_t index,
                       const void *bytes, size_t size)
{
    uint64_t handle = begin(state, target, index);
    put_at(state, handle, 0, bytes, size);
    on_handle(state, RH_STORE_SYNC, target, handle);
    on_handle(state, RH_STORE_CLOSE, target, handle);
}

static struct rh_store_result hash(void **state, const struct rh_store_target *target,
                                   uint64_t offset, uint64_t length)
{
    return run(state, (struct rh_store_job){.verb = RH_STORE_HASH,
                                            .target = *target,
                                            .index = RH_EXTENT_IN_PLACE,
                                            .offset = offset,
                                            .length = length});
}

static void assert_bytes(void **state, const struct rh_store_target *target, uint64_t offset,
                         const void *bytes, size_t size)
{
    uint8_t sha[64];
    struct rh_store_result result = run(state, (struct rh_store_job){.verb = RH_STORE_HASH,
                                                                     .target = *target,
                                                                     .index = RH_EXTENT_IN_PLACE,
                                                                     .offset = offset,
                                                                     .length = size,
                                                                     .digest_bits = 512});
    assert_int_equal(result.error, RH_OK);
    assert_true(result.crc64 == rh_crc64_update(0, bytes, size));
    assert_int_equal(EVP_Digest(bytes, size, sha, NULL, EVP_sha512(), NULL), 1);
    assert_memory_equal(result.digest, sha, sizeof sha);
}

static enum rh_error seal(void **state, const struct rh_store_target *target, uint64_t size)
{
    return run(state, (struct rh_store_job){.verb = RH_STORE_SEAL, .target = *target, .size = size})
        .error;
}

static enum rh_error simple(void **state, enum rh_store_verb verb,
                            const struct rh_store_target *target)
{
    return run(state, (struct rh_store_job){.verb = verb, .target = *target}).error;
}

static enum rh_error stitch(void **state, const struct rh_store_target *target, uint64_t index,
                            uint64_t handle, uint64_t offset, uint64_t length, uint64_t *crc64)
{
    struct rh_store_result result = run(state, (struct rh_store_job){.verb = RH_STORE_STITCH,
                                                                     .target = *target,
                                                                     .index = index,
                                                                     .handle = handle,
                                                                     .offset = offset,
                                                                     .length = length});
    *crc64 = result.crc64;
    return result.error;
}

static size_t load_object(void **state, const struct rh_store_target *target, void *out, size_t cap)
{
    struct rh_store *store = *state;
    char path[512];
    assert_int_equal(store->ops->object_path(store, target, path, sizeof path), RH_OK);
    assert_true(path[0] != '/');
    return factory->load(factory->context, store, path, out, cap);
}

static void assert_object_is(void **state, const struct rh_store_target *target, const void *bytes,
                             size_t size)
{
    static uint8_t out[sizeof data];
    assert_int_equal(load_object(state, target, out, sizeof out), size);
    assert_memory_equal(out, bytes, size);
}

static bool has_object(void **state, const struct rh_store_target *target)
{
    uint8_t out[1];
    return load_object(state, target, out, sizeof out) != SIZE_MAX;
}

/* ---- The rules ---- */

static void bytes_go_where_they_are_put(void **state)
{
    uint64_t handle = begin(state, &one, RH_EXTENT_IN_PLACE);
    put_at(state, handle, 200 * KIB, data + 200 * KIB, 100 * KIB);
    put_at(state, handle, 0, data, 1);
    put_at(state, handle, 1, data + 1, 200 * KIB - 1);
    on_handle(state, RH_STORE_SYNC, &one, handle);
    assert_bytes(state, &one, 0, data, sizeof data);
    assert_bytes(state, &one, 777, data + 777, 12345);
    on_handle(state, RH_STORE_CLOSE, &one, handle);
    *state = factory->again(factory->context, *state);
    assert_bytes(state, &one, 0, data, sizeof data);
}

static void an_extent_goes_on_where_it_was(void **state)
{
    make(state, &one, KIB);
    struct rh_store_job job = {
        .verb = RH_STORE_BEGIN, .target = one, .index = RH_EXTENT_IN_PLACE, .size = KIB};
    struct rh_store_result result = run(state, job);
    assert_int_equal(result.error, RH_OK);
    put_at(state, result.handle, KIB, data + KIB, KIB);
    on_handle(state, RH_STORE_SYNC, &one, result.handle);
    on_handle(state, RH_STORE_SYNC, &one, result.handle);
    on_handle(state, RH_STORE_CLOSE, &one, result.handle);
    assert_bytes(state, &one, 0, data, 2 * KIB);
}

static void what_was_vouched_for_is_not_made_anew(void **state)
{
    struct rh_store_job job = {
        .verb = RH_STORE_BEGIN, .target = one, .index = RH_EXTENT_IN_PLACE, .size = 1};
    assert_int_equal(run(state, job).error, RH_ERR_UNKNOWN);
    assert_int_equal(hash(state, &one, 0, 0).error, RH_ERR_UNKNOWN); /* nothing was created */
    make(state, &one, KIB);
    job.size = KIB + 1;
    assert_int_equal(run(state, job).error, RH_ERR_UNKNOWN);
}

static void hashing_what_is_not_there_says_so(void **state)
{
    assert_int_equal(hash(state, &one, 0, 10).error, RH_ERR_UNKNOWN);
    make(state, &one, KIB);
    assert_int_equal(hash(state, &one, KIB - 5, 10).error, RH_ERR_UNKNOWN);
    assert_int_equal(hash(state, &one, 5 * KIB, 10).error, RH_ERR_UNKNOWN);
    assert_int_equal(hash(state, &two, 0, 10).error, RH_ERR_UNKNOWN);
}

static void chunks_wait_apart_and_are_stitched(void **state)
{
    uint64_t crc64;
    make_chunk(state, &one, 1, data + KIB, 3 * KIB);
    make_chunk(state, &one, 1234567, data, 10);
    make_chunk(state, &two, 1, data, KIB);
    *state = factory->again(factory->context, *state);
    uint64_t handle = begin(state, &one, RH_EXTENT_IN_PLACE);
    put_at(state, handle, 0, data, KIB);
    /* Only as much as was acknowledged: a longer tail may be left of a writer that broke off. */
    assert_int_equal(stitch(state, &one, 1, handle, KIB, 2 * KIB, &crc64), RH_OK);
    assert_true(crc64 == rh_crc64_update(0, data + KIB, 2 * KIB));
    assert_int_equal(stitch(state, &one, 2, handle, KIB, 10, &crc64), RH_ERR_UNKNOWN);
    assert_int_equal(stitch(state, &one, 1234567, handle, KIB, 11, &crc64), RH_ERR_UNKNOWN);
    on_handle(state, RH_STORE_SYNC, &one, handle);
    on_handle(state, RH_STORE_CLOSE, &one, handle);
    assert_bytes(state, &one, 0, data, KIB);
}

static struct rh_store_result join(void **state, uint64_t handle, uint64_t offset,
                                   const struct rh_store_target *source, uint64_t from,
                                   uint64_t length)
{
    return run(state, (struct rh_store_job){.verb = RH_STORE_JOIN,
                                            .target = one,
                                            .handle = handle,
                                            .offset = offset,
                                            .length = length,
                                            .source = *source,
                                            .source_offset = from});
}

static void objects_are_joined(void **state)
{
    static uint8_t all[128 * KIB];
    make(state, &two, 128 * KIB);
    make(state, &loose, 5);
    assert_int_equal(seal(state, &two, 128 * KIB), RH_OK);
    assert_int_equal(seal(state, &loose, 5), RH_OK);
    memcpy(all, data + KIB, 5 * KIB);
    memcpy(all + 5 * KIB, data, 5);
    memcpy(all + 5 * KIB + 5, data, 64 * KIB);
    uint64_t handle = begin(state, &one, RH_EXTENT_IN_PLACE);
    struct rh_store_result result = join(state, handle, 0, &two, KIB, 5 * KIB);
    assert_int_equal(result.error, RH_OK);
    assert_true(result.cloned || result.crc64 == rh_crc64_update(0, all, 5 * KIB));
    assert_int_equal(join(state, handle, 5 * KIB, &loose, 0, 5).error, RH_OK);
    assert_int_equal(join(state, handle, 5 * KIB + 5, &two, 0, 64 * KIB).error, RH_OK);
    /* What is not all there is no success, and what is unfinished is not there. */
    assert_int_equal(join(state, handle, 100 * KIB, &two, 0, 128 * KIB + 1).error, RH_ERR_UNKNOWN);
    assert_int_equal(join(state, handle, 100 * KIB, &loose, 0, 6).error, RH_ERR_UNKNOWN);
    assert_int_equal(join(state, handle, 100 * KIB, &loose_too, 0, 1).error, RH_ERR_UNKNOWN);
    assert_int_equal(join(state, handle, 100 * KIB, &one, 0, 1).error, RH_ERR_UNKNOWN);
    on_handle(state, RH_STORE_SYNC, &one, handle);
    on_handle(state, RH_STORE_CLOSE, &one, handle);
    *state = factory->again(factory->context, *state);
    assert_int_equal(seal(state, &one, 69 * KIB + 5), RH_OK);
    assert_object_is(state, &one, all, 69 * KIB + 5);
    assert_object_is(state, &two, data, 128 * KIB);
}

static void no_source_lies_out_of_its_folder(void **state)
{
    if (factory->asserts_names)
        skip();
    uint64_t handle = begin(state, &one, RH_EXTENT_IN_PLACE);
    struct rh_store_target bad[] = {two, two};
    strcpy(bad[0].name, "../escaped");
    strcpy(bad[1].session, "../escaped");
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(join(state, handle, 0, &bad[i], 0, 1).error, RH_ERR_DENIED);
    on_handle(state, RH_STORE_CLOSE, &one, handle);
}

static void a_dropped_chunk_leaves_the_others(void **state)
{
    uint64_t crc64;
    struct rh_store_job job = {.verb = RH_STORE_DROP_CHUNK, .target = one, .index = 1};
    make_chunk(state, &one, 1, data, KIB);
    make_chunk(state, &one, 2, data, KIB);
    make_chunk(state, &two, 1, data, KIB);
    assert_int_equal(run(state, job).error, RH_OK);
    assert_int_equal(run(state, job).error, RH_OK); /* idempotent */
    uint64_t handle = begin(state, &one, RH_EXTENT_IN_PLACE);
    assert_int_equal(stitch(state, &one, 1, handle, 0, 1, &crc64), RH_ERR_UNKNOWN);
    assert_int_equal(stitch(state, &one, 2, handle, 0, KIB, &crc64), RH_OK);
    assert_int_equal(stitch(state, &two, 1, handle, 0, KIB, &crc64), RH_OK);
    on_handle(state, RH_STORE_CLOSE, &one, handle);
}

static void zeros_cover_what_was_there(void **state)
{
    static uint8_t expected[120 * KIB];
    uint64_t handle = begin(state, &one, RH_EXTENT_IN_PLACE);
    put_at(state, handle, 0, data, 100 * KIB);
    memcpy(expected, data, 100 * KIB);
    struct rh_store_job job = {
        .verb = RH_STORE_ZERO, .target = one, .handle = handle, .offset = 1000, .length = 80000};
    assert_int_equal(run(state, job).error, RH_OK);
    memset(expected + 1000, 0, 80000);
    job.offset = 110 * KIB; /* beyond the end: the file grows */
    job.length = 10 * KIB;
    assert_int_equal(run(state, job).error, RH_OK);
    on_handle(state, RH_STORE_SYNC, &one, handle);
    on_handle(state, RH_STORE_CLOSE, &one, handle);
    assert_bytes(state, &one, 0, expected, sizeof expected);
}

static void sealing_makes_the_object_once(void **state)
{
    make(state, &one, 2 * KIB);
    make_chunk(state, &one, 5, data, 10);
    make_chunk(state, &two, 5, data, 10);
    assert_false(has_object(state, &one));
    assert_int_equal(seal(state, &one, 2 * KIB - 100), RH_OK); /* cut to its size */
    for (size_t i = 0; i < 2; i++) {
        assert_object_is(state, &one, data, 2 * KIB - 100);
        assert_int_equal(seal(state, &one, 2 * KIB - 100), RH_OK); /* idempotent */
        *state = factory->again(factory->context, *state);
    }
    assert_bytes(state, &one, 100, data + 100, KIB); /* compared with the object from now on */
    assert_int_equal(hash(state, &one, 0, 2 * KIB).error, RH_ERR_UNKNOWN);
    uint64_t crc64;
    uint64_t handle = begin(state, &two, RH_EXTENT_IN_PLACE);
    assert_int_equal(stitch(state, &one, 5, handle, 0, 10, &crc64), RH_ERR_UNKNOWN);
    assert_int_equal(stitch(state, &two, 5, handle, 0, 10, &crc64), RH_OK);
    on_handle(state, RH_STORE_CLOSE, &two, handle);
}

static void sealing_what_is_not_there_fails(void **state)
{
    assert_int_equal(seal(state, &one, 10), RH_ERR_UNKNOWN);
    make(state, &one, KIB);
    assert_int_not_equal(seal(state, &one, KIB + 1), RH_OK); /* shorter than what was vouched for */
    assert_false(has_object(state, &one));
    assert_bytes(state, &one, 0, data, KIB);
}

static void an_object_is_never_sealed_over(void **state)
{
    struct rh_store_target namesake = one;
    strcpy(namesake.upload, two.upload);
    make(state, &one, KIB);
    assert_int_equal(seal(state, &one, KIB), RH_OK);
    make(state, &namesake, 10);
    assert_int_equal(seal(state, &namesake, 10), RH_ERR_EXISTS);
    assert_object_is(state, &one, data, KIB);
    assert_bytes(state, &namesake, 0, data, 10);
}

static void an_object_may_be_empty(void **state)
{
    uint64_t handle = begin(state, &two, RH_EXTENT_IN_PLACE);
    on_handle(state, RH_STORE_SYNC, &two, handle);
    on_handle(state, RH_STORE_CLOSE, &two, handle);
    assert_int_equal(seal(state, &two, 0), RH_OK);
    assert_object_is(state, &two, data, 0);
}

static void uploads_without_a_session_do_not_meet(void **state)
{
    make(state, &loose, 100);
    make(state, &loose_too, 200);
    assert_int_equal(seal(state, &loose, 100), RH_OK);
    assert_int_equal(seal(state, &loose_too, 200), RH_OK);
    assert_object_is(state, &loose, data, 100);
    assert_object_is(state, &loose_too, data, 200);
}

static void dropping_forgets_one_and_only_what_is_unfinished(void **state)
{
    uint64_t crc64;
    make(state, &one, KIB);
    make_chunk(state, &one, 3, data, 10);
    make(state, &two, KIB);
    make_chunk(state, &two, 3, data, 10);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(simple(state, RH_STORE_DROP, &one), RH_OK);
    assert_int_equal(hash(state, &one, 0, 10).error, RH_ERR_UNKNOWN);
    uint64_t handle = begin(state, &two, RH_EXTENT_IN_PLACE);
    assert_int_equal(stitch(state, &one, 3, handle, 0, 10, &crc64), RH_ERR_UNKNOWN);
    assert_int_equal(stitch(state, &two, 3, handle, 0, 10, &crc64), RH_OK);
    on_handle(state, RH_STORE_CLOSE, &two, handle);
    assert_int_equal(seal(state, &two, KIB), RH_OK);
    assert_int_equal(simple(state, RH_STORE_DROP, &two), RH_OK);
    assert_object_is(state, &two, data, KIB);
    uint8_t byte;
    assert_int_equal(load_object(state, &two, &byte, 0), KIB);
}

static void erasing_forgets_the_object_too(void **state)
{
    make(state, &one, KIB);
    assert_int_equal(seal(state, &one, KIB), RH_OK);
    make(state, &two, KIB);
    assert_int_equal(seal(state, &two, KIB), RH_OK);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(simple(state, RH_STORE_ERASE, &one), RH_OK);
    assert_false(has_object(state, &one));
    assert_true(has_object(state, &two));
}

static void texts_are_replaced_whole(void **state)
{
    char path[512];
    char out[64];
    static const char *texts[] = {"{\"a\": \"a longer one\"}", "{}"};
    for (size_t i = 0; i < 2; i++) {
        struct rh_store_job job = {.verb = RH_STORE_PUT_TEXT,
                                   .target = one,
                                   .text_kind = RH_TEXT_SESSION,
                                   .text = strdup(texts[i]),
                                   .text_size = strlen(texts[i])};
        assert_int_equal(run(state, job).error, RH_OK);
        job.text_kind = RH_TEXT_METADATA;
        assert_int_equal(run(state, job).error, RH_OK);
        rh_store_job_finish(&job);
        static const char *files[] = {"session.json", "take1.metadata.json"};
        for (size_t k = 0; k < 2; k++) {
            snprintf(path, sizeof path, "recordings/%s/%s", one.session, files[k]);
            assert_int_equal(factory->load(factory->context, *state, path, out, sizeof out),
                             strlen(texts[i]));
            assert_memory_equal(out, texts[i], strlen(texts[i]));
        }
    }
}

static void space_is_told(void **state)
{
    struct rh_store_result result = run(state, (struct rh_store_job){.verb = RH_STORE_SPACE});
    assert_int_equal(result.error, RH_OK);
    assert_true(result.total_bytes > 0);
    assert_true(result.free_bytes <= result.total_bytes);
}

static void objects_have_the_documented_paths(void **state)
{
    struct rh_store *store = *state;
    char path[512];
    assert_int_equal(store->ops->object_path(store, &one, path, sizeof path), RH_OK);
    assert_string_equal(path, "recordings/6fa459ea-ee8a-4ca4-894e-db77e160355e/take1.webm");
    assert_int_equal(store->ops->object_path(store, &two, path, sizeof path), RH_OK);
    assert_string_equal(path, "recordings/6fa459ea-ee8a-4ca4-894e-db77e160355e/take2.mp4");
    assert_int_equal(store->ops->object_path(store, &one, path, 20), RH_ERR_LIMIT);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* Clients' names are checked at the door; this is the second lock. */
static void no_job_follows_a_name_out_of_its_folder(void **state)
{
    static const char text[] = "{}";
    static const enum rh_store_verb verbs[] = {
        RH_STORE_BEGIN,      RH_STORE_HASH, RH_STORE_SEAL,  RH_STORE_STITCH,
        RH_STORE_DROP_CHUNK, RH_STORE_DROP, RH_STORE_ERASE, RH_STORE_PUT_TEXT,
    };
    struct rh_store *store = *state;
    char path[512];
    if (factory->asserts_names)
        skip();
    make(state, &two, 10);
    uint64_t handle = begin(state, &two, RH_EXTENT_IN_PLACE);
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        struct rh_store_target bad[] = {one, one, one};
        strcpy(bad[0].upload, "../escaped");
        strcpy(bad[1].session, "../escaped");
        strcpy(bad[2].name, "../escaped");
        for (size_t k = 0; k < 3; k++) {
            /* Where the name is no part of the path of an open upload: only chunks are asked for.
             */
            struct rh_store_job job = {.verb = verbs[i],
                                       .target = bad[k],
                                       .handle = handle,
                                       .index = 3,
                                       .length = 1,
                                       .size = 1,
                                       .text_kind = RH_TEXT_METADATA,
                                       .text = (char *)text,
                                       .text_size = 2};
            assert_int_not_equal(run(state, job).error, RH_OK);
        }
    }
    struct rh_store_target bad = one;
    strcpy(bad.name, "../escaped");
    assert_int_equal(store->ops->object_path(store, &bad, path, sizeof path), RH_ERR_DENIED);
    assert_int_equal(store->ops->object_path(store, &one, path, 10), RH_ERR_LIMIT);
    on_handle(state, RH_STORE_CLOSE, &two, handle);
    assert_bytes(state, &two, 0, data, 10);
}

static void erasing_one_without_a_session_leaves_nothing(void **state)
{
    char path[512];
    char bytes[1];
    struct rh_store *store = *state;
    for (int sealed = 0; sealed < 2; sealed++) {
        make(state, &loose, 10);
        if (sealed)
            assert_int_equal(
                run(state,
                    (struct rh_store_job){.verb = RH_STORE_SEAL, .target = loose, .size = 10})
                    .error,
                RH_OK);
        for (int again = 0; again < 2; again++)
            assert_int_equal(
                run(state, (struct rh_store_job){.verb = RH_STORE_ERASE, .target = loose}).error,
                RH_OK);
        assert_int_equal(hash(state, &loose, 0, 10).error, RH_ERR_UNKNOWN);
        assert_int_equal(store->ops->object_path(store, &loose, path, sizeof path), RH_OK);
        assert_int_equal(factory->load(factory->context, store, path, bytes, 1), SIZE_MAX);
    }
}

int store_conformance(const struct store_factory *of)
{
    const struct CMUnitTest tests[] = {
        T(bytes_go_where_they_are_put),
        T(an_extent_goes_on_where_it_was),
        T(what_was_vouched_for_is_not_made_anew),
        T(hashing_what_is_not_there_says_so),
        T(chunks_wait_apart_and_are_stitched),
        T(objects_are_joined),
        T(no_source_lies_out_of_its_folder),
        T(a_dropped_chunk_leaves_the_others),
        T(zeros_cover_what_was_there),
        T(sealing_makes_the_object_once),
        T(sealing_what_is_not_there_fails),
        T(an_object_is_never_sealed_over),
        T(an_object_may_be_empty),
        T(uploads_without_a_session_do_not_meet),
        T(dropping_forgets_one_and_only_what_is_unfinished),
        T(erasing_forgets_the_object_too),
        T(texts_are_replaced_whole),
        T(space_is_told),
        T(objects_have_the_documented_paths),
        T(no_job_follows_a_name_out_of_its_folder),
        T(erasing_one_without_a_session_leaves_nothing),
    };
    factory = of;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
