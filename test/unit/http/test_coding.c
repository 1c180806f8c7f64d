/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "base/bytes.h"
#include "base/rng.h"
#include "http/coding.h"

#define PLAIN_BYTES ((size_t)300000)

static uint8_t *plain; /* half of it noise, half of it runs */

static int make_plain(void **state)
{
    struct rh_rng rng;
    (void)state;
    rh_rng_init(&rng, 7);
    plain = malloc(PLAIN_BYTES);
    for (size_t i = 0; i < PLAIN_BYTES; i++)
        plain[i] = (i / 1000) % 2 == 0 ? (uint8_t)rh_rng_next(&rng) : (uint8_t)(i / 5000);
    return plain == NULL ? -1 : 0;
}

static int free_plain(void **state)
{
    (void)state;
    free(plain);
    return 0;
}

static size_t gzip(const void *data, size_t size, uint8_t **out)
{
    z_stream stream = {0};
    size_t cap = size + size / 100 + 1000;
    *out = malloc(cap);
    assert_non_null(*out);
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    stream.next_in = (z_const Bytef *)(uintptr_t)data;
    stream.avail_in = (uInt)size;
    stream.next_out = *out;
    stream.avail_out = (uInt)cap;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t made = cap - stream.avail_out;
    deflateEnd(&stream);
    return made;
}

static size_t zstd(const void *data, size_t size, uint8_t **out)
{
    size_t cap = ZSTD_compressBound(size);
    *out = malloc(cap);
    assert_non_null(*out);
    size_t made = ZSTD_compress(*out, cap, data, size, 3);
    assert_false(ZSTD_isError(made));
    return made;
}

static size_t encode(enum rh_coding_kind kind, const void *data, size_t size, uint8_t **out)
{
    return kind == RH_CODING_GZIP ? gzip(data, size, out) : zstd(data, size, out);
}

/* Decodes by pieces of at most `split` bytes and `cap` out; what came is in *out. */
static enum rh_error decode(enum rh_coding_kind kind, const uint8_t *data, size_t size,
                            size_t split, size_t cap, uint64_t bytes_max, uint8_t *out,
                            size_t *out_size)
{
    struct rh_coding *coding = rh_coding_create(kind, bytes_max);
    uint8_t *piece = malloc(cap);
    enum rh_error error = RH_OK;
    assert_non_null(coding);
    assert_non_null(piece);
    *out_size = 0;
    for (size_t at = 0; at < size && error == RH_OK;) {
        size_t give = size - at < split ? size - at : split;
        uint8_t *copy = malloc(give);
        assert_non_null(copy);
        memcpy(copy, data + at, give);
        struct rh_bytes in = {copy, give};
        while (error == RH_OK) {
            size_t used = 0;
            size_t made = 0;
            error = rh_coding_next(coding, in, &used, piece, cap, &made);
            in.data += used;
            in.size -= used;
            if (out != NULL && made > 0) {
                assert_true(*out_size + made <= PLAIN_BYTES * 2);
                memcpy(out + *out_size, piece, made);
            }
            *out_size += made;
        }
        if (error == RH_ERR_AGAIN) {
            assert_int_equal(in.size, 0);
            error = RH_OK;
        }
        free(copy);
        at += give;
    }
    if (error == RH_OK)
        error = rh_coding_end(coding);
    else
        assert_int_equal(rh_coding_end(coding), error); /* errors stay */
    rh_coding_destroy(coding);
    free(piece);
    return error;
}

static void bodies_come_back_however_they_were_split(void **state)
{
    static const size_t splits[] = {1, 7, 1000, 65536, SIZE_MAX};
    static const size_t caps[] = {64, 4096, 16384};
    uint8_t *out = malloc(PLAIN_BYTES * 2);
    (void)state;
    for (enum rh_coding_kind kind = RH_CODING_GZIP; kind <= RH_CODING_ZSTD; kind++) {
        uint8_t *coded;
        size_t size = encode(kind, plain, PLAIN_BYTES, &coded);
        for (size_t i = 0; i < 5; i++) {
            size_t came = 0;
            assert_int_equal(
                decode(kind, coded, size, splits[i], caps[i % 3], PLAIN_BYTES, out, &came), RH_OK);
            assert_int_equal(came, PLAIN_BYTES);
            assert_memory_equal(out, plain, PLAIN_BYTES);
        }
        free(coded);
    }
    free(out);
}

static void members_and_frames_may_follow_each_other(void **state)
{
    uint8_t *out = malloc(PLAIN_BYTES * 2);
    (void)state;
    for (enum rh_coding_kind kind = RH_CODING_GZIP; kind <= RH_CODING_ZSTD; kind++) {
        uint8_t *one;
        uint8_t *two;
        size_t first = encode(kind, "hello ", 6, &one);
        size_t second = encode(kind, "world", 5, &two);
        uint8_t both[512];
        size_t came = 0;
        assert_true(first + second < sizeof both);
        memcpy(both, one, first);
        memcpy(both + first, two, second);
        for (size_t split = 1; split < 60; split += 13) {
            assert_int_equal(decode(kind, both, first + second, split, 64, 100, out, &came), RH_OK);
            assert_int_equal(came, 11);
            assert_memory_equal(out, "hello world", 11);
        }
        free(one);
        free(two);
    }
    free(out);
}

static void cut_bodies_are_told_apart_from_whole_ones(void **state)
{
    (void)state;
    for (enum rh_coding_kind kind = RH_CODING_GZIP; kind <= RH_CODING_ZSTD; kind++) {
        uint8_t *coded;
        size_t size = encode(kind, plain, 2000, &coded);
        size_t came = 0;
        for (size_t cut = 0; cut < size; cut++)
            assert_int_equal(decode(kind, coded, cut, 500, 4096, 9999, NULL, &came), RH_ERR_CLOSED);
        assert_int_equal(decode(kind, coded, size, 500, 4096, 9999, NULL, &came), RH_OK);
        free(coded);
    }
}

static void damaged_bodies_are_refused(void **state)
{
    (void)state;
    uint8_t *coded;
    size_t size = gzip(plain, 5000, &coded);
    size_t came = 0;
    coded[size - 6] ^= 1; /* the CRC-32 of the member */
    assert_int_equal(decode(RH_CODING_GZIP, coded, size, 100, 4096, 9999, NULL, &came),
                     RH_ERR_SYNTAX);
    coded[size - 6] ^= 1;
    coded[0] = 'x';
    assert_int_equal(decode(RH_CODING_GZIP, coded, size, 100, 4096, 9999, NULL, &came),
                     RH_ERR_SYNTAX);
    assert_int_equal(decode(RH_CODING_ZSTD, coded, size, 100, 4096, 9999, NULL, &came),
                     RH_ERR_SYNTAX);
    free(coded);
    size = gzip("x", 1, &coded);
    coded = realloc(coded, size + 1);
    coded[size] = 0; /* something behind the last member */
    assert_int_equal(decode(RH_CODING_GZIP, coded, size + 1, 100, 4096, 9999, NULL, &came),
                     RH_ERR_CLOSED);
    free(coded);
}

/* 64 MiB of zeros are 64 KiB of gzip, and less of zstd. */
static void bombs_are_refused_early(void **state)
{
    (void)state;
    size_t size = (size_t)64 << 20;
    uint8_t *zeros = calloc(1, size);
    for (enum rh_coding_kind kind = RH_CODING_GZIP; kind <= RH_CODING_ZSTD; kind++) {
        uint8_t *coded;
        size_t coded_size = encode(kind, zeros, size, &coded);
        size_t came = 0;
        assert_true(coded_size * RH_CODING_RATIO_MAX * 4 < size);
        assert_int_equal(decode(kind, coded, coded_size, SIZE_MAX, 16384, UINT64_MAX, NULL, &came),
                         RH_ERR_LIMIT);
        assert_true(came <= RH_CODING_SLACK_BYTES + coded_size * RH_CODING_RATIO_MAX);
        free(coded);
        /* A chunk of a megabyte may be as empty as it likes. */
        coded_size = encode(kind, zeros, (size_t)1 << 20, &coded);
        assert_int_equal(decode(kind, coded, coded_size, 1000, 16384, UINT64_MAX, NULL, &came),
                         RH_OK);
        assert_int_equal(came, (size_t)1 << 20);
        /* But never more than is allowed. */
        assert_int_equal(
            decode(kind, coded, coded_size, 1000, 16384, ((size_t)1 << 20) - 1, NULL, &came),
            RH_ERR_LIMIT);
        free(coded);
    }
    free(zeros);
}

static void large_windows_are_refused(void **state)
{
    (void)state;
    ZSTD_CCtx *context = ZSTD_createCCtx();
    size_t size = (size_t)1 << 20;
    size_t cap = ZSTD_compressBound(size);
    uint8_t *noise = calloc(1, size);
    uint8_t *coded = malloc(cap);
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, RH_CODING_WINDOW_LOG_MAX + 1);
    ZSTD_inBuffer in = {noise, size, 0};
    ZSTD_outBuffer out = {coded, cap, 0};
    while (in.pos < in.size)
        assert_false(ZSTD_isError(ZSTD_compressStream2(context, &out, &in, ZSTD_e_continue)));
    assert_int_equal(ZSTD_compressStream2(context, &out, &in, ZSTD_e_end), 0);
    size_t came = 0;
    assert_int_equal(decode(RH_CODING_ZSTD, coded, out.pos, 100, 4096, UINT64_MAX, NULL, &came),
                     RH_ERR_LIMIT);
    assert_int_equal(came, 0);
    ZSTD_freeCCtx(context);
    free(noise);
    free(coded);
}

static void memory_is_told(void **state)
{
    (void)state;
    struct rh_coding *coding = rh_coding_create(RH_CODING_ZSTD, UINT64_MAX);
    uint8_t *coded;
    uint8_t out[4096];
    size_t before = rh_coding_memory(coding);
    size_t size = zstd(plain, PLAIN_BYTES, &coded);
    size_t used;
    size_t made;
    assert_int_equal(
        rh_coding_next(coding, (struct rh_bytes){coded, size}, &used, out, sizeof out, &made),
        RH_OK);
    assert_true(rh_coding_memory(coding) >= before + 100000); /* the window is there now */
    rh_coding_destroy(coding);
    rh_coding_destroy(NULL);
    free(coded);
}

static enum rh_error of(const char *one, const char *two, enum rh_coding_kind *kind)
{
    struct rh_header headers[] = {
        {rh_bytes_of("Host"), rh_bytes_of("x")},
        {rh_bytes_of("Content-Encoding"), rh_bytes_of(one)},
        {rh_bytes_of("content-encoding"), rh_bytes_of(two == NULL ? "" : two)},
    };
    struct rh_request request = {.headers = headers, .header_count = two == NULL ? 2 : 3};
    return rh_coding_of(&request, kind);
}

static void heads_name_one_coding(void **state)
{
    static const struct {
        const char *one, *two;
        enum rh_error error;
        enum rh_coding_kind kind;
    } cases[] = {
        {"gzip", NULL, RH_OK, RH_CODING_GZIP},
        {"X-GZip", NULL, RH_OK, RH_CODING_GZIP},
        {"zstd", NULL, RH_OK, RH_CODING_ZSTD},
        {"identity", NULL, RH_OK, RH_CODING_IDENTITY},
        {"", NULL, RH_OK, RH_CODING_IDENTITY},
        {" , identity ,gzip", NULL, RH_OK, RH_CODING_GZIP},
        {"identity", "zstd", RH_OK, RH_CODING_ZSTD},
        {"br", NULL, RH_ERR_UNKNOWN, RH_CODING_IDENTITY},
        {"deflate", NULL, RH_ERR_UNKNOWN, RH_CODING_IDENTITY},
        {"gzip, gzip", NULL, RH_ERR_UNKNOWN, RH_CODING_GZIP},
        {"gzip", "zstd", RH_ERR_UNKNOWN, RH_CODING_GZIP},
        {"gzip;q=1", NULL, RH_ERR_UNKNOWN, RH_CODING_IDENTITY},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum rh_coding_kind kind;
        assert_int_equal(of(cases[i].one, cases[i].two, &kind), cases[i].error);
        assert_int_equal(kind, cases[i].kind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_come_back_however_they_were_split),
        cmocka_unit_test(members_and_frames_may_follow_each_other),
        cmocka_unit_test(cut_bodies_are_told_apart_from_whole_ones),
        cmocka_unit_test(damaged_bodies_are_refused),
        cmocka_unit_test(bombs_are_refused_early),
        cmocka_unit_test(large_windows_are_refused),
        cmocka_unit_test(memory_is_told),
        cmocka_unit_test(heads_name_one_coding),
    };
    return cmocka_run_group_tests(tests, make_plain, free_plain);
}
