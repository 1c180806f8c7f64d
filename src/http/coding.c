/* SPDX-License-Identifier: MIT */
#include "http/coding.h"

#include <stdlib.h>

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/assert.h"
#include "base/bytes.h"

/* A window and its state; zlib does not tell. */
#define GZIP_MEMORY ((size_t)48 << 10)
#define FEED_MAX    ((size_t)1 << 30) /* zlib counts in unsigned int */

struct rh_coding {
    enum rh_coding_kind kind;
    uint64_t bytes_max;
    uint64_t used;
    uint64_t made;
    bool whole; /* just behind a member or frame: here the body may end */
    bool full;  /* the output was filled: there may be more without more input */
    enum rh_error error;
    z_stream gzip;
    ZSTD_DCtx *zstd;
};

static enum rh_error add_coding(struct rh_bytes name, enum rh_coding_kind *kind)
{
    if (name.size == 0 || rh_bytes_equal_nocase(name, rh_bytes_of("identity")))
        return RH_OK;
    if (*kind != RH_CODING_IDENTITY)
        return RH_ERR_UNKNOWN;
    if (rh_bytes_equal_nocase(name, rh_bytes_of("gzip")) ||
        rh_bytes_equal_nocase(name, rh_bytes_of("x-gzip")))
        *kind = RH_CODING_GZIP;
    else if (rh_bytes_equal_nocase(name, rh_bytes_of("zstd")))
        *kind = RH_CODING_ZSTD;
    return *kind == RH_CODING_IDENTITY ? RH_ERR_UNKNOWN : RH_OK;
}

enum rh_error rh_coding_of(const struct rh_request *request, enum rh_coding_kind *kind)
{
    *kind = RH_CODING_IDENTITY;
    for (size_t i = 0; i < request->header_count; i++) {
        const struct rh_header *header = &request->headers[i];
        if (!rh_bytes_equal_nocase(header->name, rh_bytes_of("content-encoding")))
            continue;
        struct rh_bytes rest = header->value;
        while (rest.size > 0) {
            size_t size = rh_bytes_find(rest, ',');
            enum rh_error error =
                add_coding(rh_bytes_trim((struct rh_bytes){rest.data, size}), kind);
            if (error != RH_OK)
                return error;
            size += size < rest.size ? 1 : 0;
            rest = (struct rh_bytes){rest.data + size, rest.size - size};
        }
    }
    return RH_OK;
}

struct rh_coding *rh_coding_create(enum rh_coding_kind kind, uint64_t bytes_max)
{
    struct rh_coding *coding = calloc(1, sizeof *coding);
    if (coding == NULL)
        return NULL;
    RH_ASSERT(kind == RH_CODING_GZIP || kind == RH_CODING_ZSTD);
    coding->kind = kind;
    coding->bytes_max = bytes_max;
    bool good;
    if (kind == RH_CODING_GZIP) {
        good = inflateInit2(&coding->gzip, MAX_WBITS + 16) == Z_OK; /* 16: gzip and nothing else */
    } else {
        coding->zstd = ZSTD_createDCtx();
        good = coding->zstd != NULL &&
               !ZSTD_isError(ZSTD_DCtx_setParameter(coding->zstd, ZSTD_d_windowLogMax,
                                                    RH_CODING_WINDOW_LOG_MAX));
    }
    if (good)
        return coding;
    rh_coding_destroy(coding);
    return NULL;
}

void rh_coding_destroy(struct rh_coding *coding)
{
    if (coding == NULL)
        return;
    if (coding->kind == RH_CODING_GZIP)
        (void)inflateEnd(&coding->gzip);
    (void)ZSTD_freeDCtx(coding->zstd);
    free(coding);
}

static enum rh_error gzip_next(struct rh_coding *coding, struct rh_bytes in, size_t *used,
                               uint8_t *out, size_t cap, size_t *made)
{
    z_stream *stream = &coding->gzip;
    if (coding->whole && in.size > 0) {
        (void)inflateReset(stream); /* another member follows (RFC 1952, 2.2) */
        coding->whole = false;
    }
    size_t give = in.size < FEED_MAX ? in.size : FEED_MAX;
    stream->next_in = (z_const Bytef *)(uintptr_t)in.data;
    stream->avail_in = (uInt)give;
    stream->next_out = out;
    stream->avail_out = (uInt)cap;
    int result = inflate(stream, Z_NO_FLUSH);
    *used = give - stream->avail_in;
    *made = cap - stream->avail_out;
    if (result == Z_STREAM_END)
        coding->whole = true;
    if (result == Z_MEM_ERROR)
        return RH_ERR_MEMORY;
    return result == Z_OK || result == Z_BUF_ERROR || result == Z_STREAM_END ? RH_OK
                                                                             : RH_ERR_SYNTAX;
}

static enum rh_error zstd_next(struct rh_coding *coding, struct rh_bytes in, size_t *used,
                               uint8_t *out, size_t cap, size_t *made)
{
    ZSTD_inBuffer from = {in.data, in.size, 0};
    ZSTD_outBuffer to = {out, cap, 0};
    size_t result = ZSTD_decompressStream(coding->zstd, &to, &from);
    *used = from.pos;
    *made = to.pos;
    if (!ZSTD_isError(result)) {
        coding->whole = result == 0;
        return RH_OK;
    }
    switch (ZSTD_getErrorCode(result)) {
    case ZSTD_error_memory_allocation:
        return RH_ERR_MEMORY;
    case ZSTD_error_frameParameter_windowTooLarge:
        return RH_ERR_LIMIT;
    default:
        return RH_ERR_SYNTAX;
    }
}

/* Both bounds; `made` alone counts, so that no split of the input makes a difference. */
static bool is_beyond(const struct rh_coding *coding)
{
    uint64_t over = coding->made < RH_CODING_SLACK_BYTES ? 0 : coding->made - RH_CODING_SLACK_BYTES;
    return coding->made > coding->bytes_max || over / RH_CODING_RATIO_MAX > coding->used;
}

enum rh_error rh_coding_next(struct rh_coding *coding, struct rh_bytes in, size_t *used,
                             uint8_t *out, size_t cap, size_t *made)
{
    *used = 0;
    *made = 0;
    RH_ASSERT(cap > 0 && cap <= FEED_MAX);
    if (coding->error != RH_OK)
        return coding->error;
    if (in.size == 0 && !coding->full)
        return RH_ERR_AGAIN;
    coding->error = coding->kind == RH_CODING_GZIP ? gzip_next(coding, in, used, out, cap, made)
                                                   : zstd_next(coding, in, used, out, cap, made);
    coding->full = *made == cap && !coding->whole;
    coding->used += *used;
    coding->made += *made;
    if (coding->error == RH_OK && is_beyond(coding))
        coding->error = RH_ERR_LIMIT;
    if (coding->error != RH_OK) {
        *made = 0;
        return coding->error;
    }
    return *used == 0 && *made == 0 ? RH_ERR_AGAIN : RH_OK;
}

enum rh_error rh_coding_end(const struct rh_coding *coding)
{
    if (coding->error != RH_OK)
        return coding->error;
    return coding->whole ? RH_OK : RH_ERR_CLOSED;
}

size_t rh_coding_memory(const struct rh_coding *coding)
{
    size_t inner = coding->kind == RH_CODING_GZIP ? GZIP_MEMORY : ZSTD_sizeof_DCtx(coding->zstd);
    return sizeof *coding + inner;
}
