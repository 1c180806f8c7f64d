/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_HTTP_H2_PRIVATE_H
#define REELHAUL_HTTP_H2_PRIVATE_H
/* What the files of HTTP/2 share: sessions (h2.c), heads (h2_head.c), answers (h2_write.c). */
#include <nghttp2/nghttp2.h>

#include "http/h2.h"

/* So much may be spent at once, and it comes back with time. */
struct rh_h2_budget {
    uint64_t milli; /* thousandths */
    uint64_t milli_max;
    uint64_t per_ms; /* thousandths */
};

/* A head while it comes; one at a time, as blocks of headers cannot be interleaved. */
struct rh_h2_block {
    uint8_t *text; /* NULL: none */
    size_t text_size;
    size_t text_cap;
    size_t cost; /* as RFC 9113, 6.5.2 counts */
    size_t cost_max;
    size_t count;
    uint16_t name_sizes[RH_H2_HEADERS + 8];
    uint16_t value_sizes[RH_H2_HEADERS + 8];
    bool too_large;
    bool invalid;
};

struct rh_h2 {
    nghttp2_session *session;
    struct rh_h2_handler handler;
    struct rh_h2_limits limits;
    struct rh_h2_block *block;
    struct rh_list unknown; /* streams whose head is not whole */
    struct rh_h2_budget resets;
    struct rh_h2_budget controls;
    rh_ms now_ms;
    unsigned continuations; /* of the present block */
    bool receiving;
    bool flooded;
    bool failed;
    /* Content of one stream whose frames came in one piece of input: moved together. */
    struct rh_h2_stream *gathering;
    uint8_t *gathered;
    size_t gathered_size;
    /* One large block of nghttp2's, in pages of its own (h2_memory.c). */
    void *pages;
    size_t pages_size;
};

/* ---- h2_memory.c ---- */

#define RH_H2_PAGES_MIN ((size_t)16 * 1024)

nghttp2_mem rh_h2_memory(struct rh_h2 *h2);

/* ---- h2_head.c ---- */

bool rh_h2_block_begin(struct rh_h2 *h2, size_t bytes_max);
void rh_h2_block_add(struct rh_h2 *h2, struct rh_bytes name, struct rh_bytes value);
void rh_h2_block_drop(struct rh_h2 *h2);
/* Makes the request of a stream, or its status and problem. RH_ERR_MEMORY. */
enum rh_error rh_h2_head_finish(struct rh_h2 *h2, struct rh_h2_stream *stream, bool has_body);
/* RH_ERR_SYNTAX: they are not acceptable. */
enum rh_error rh_h2_trailers_finish(struct rh_h2 *h2, struct rh_h2_stream *stream);

#endif
