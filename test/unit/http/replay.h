/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_TEST_HTTP_REPLAY_H
#define REELHAUL_TEST_HTTP_REPLAY_H
/*
 * Runs bytes through a parser in pieces and writes down what it said, as text. Unit tests and fuzz
 * targets share this: two ways to cut the same bytes must give the same text. Each piece is a heap
 * block of its own that is freed after the call, so that a read beyond it, or a span kept too long,
 * is seen by ASan.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "http/h1.h"
#include "http/multipart.h"

#define REPLAY_REQUESTS_MAX 64

/*
 * How to cut: first piece of `first` bytes (0: none), then pieces of `every` (0: the rest), or
 * random ones.
 */
struct replay_cut {
    size_t first;
    size_t every;
    uint64_t seed;
};

struct replay_request {
    size_t start; /* of its bytes in the input */
    size_t end;
    size_t method, method_size; /* in text */
    size_t target, target_size;
    size_t body, body_size;
    bool encoding_prefix; /* a header's name only begins with Transfer-Encoding */
};

struct replay {
    char *text;
    size_t size;
    size_t cap;
    struct replay_request requests[REPLAY_REQUESTS_MAX]; /* whole ones */
    size_t request_count;
};

static inline void replay_init(struct replay *r)
{
    r->text = NULL;
    r->size = 0;
    r->cap = 0;
    r->request_count = 0;
}

static inline void replay_finish(struct replay *r)
{
    free(r->text);
    r->text = NULL;
}

static inline size_t replay_put(struct replay *r, const void *data, size_t size)
{
    size_t at = r->size;
    if (size >= r->cap - r->size) {
        r->cap = 2 * (r->size + size) + 512;
        r->text = realloc(r->text, r->cap);
        if (r->text == NULL) {
            abort();
        }
    }
    if (size > 0) {
        memcpy(r->text + at, data, size);
    }
    r->size += size;
    return at;
}

static inline size_t replay_put_bytes(struct replay *r, struct rh_bytes bytes)
{
    return replay_put(r, bytes.data, bytes.size);
}

__attribute__((format(printf, 2, 3))) static inline void replay_printf(struct replay *r,
                                                                       const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (size < 0 || (size_t)size >= sizeof line) {
        abort();
    }
    replay_put(r, line, (size_t)size);
}

static inline size_t replay_piece(const struct replay_cut *cut, struct rh_rng *rng, size_t at,
                                  size_t size)
{
    size_t piece = size - at;
    if (cut->seed != 0) {
        piece = 1 + (size_t)rh_rng_below(rng, rh_rng_below(rng, 4) == 0 ? 200 : 7);
    } else if (at == 0 && cut->first > 0) {
        piece = cut->first;
    } else if (cut->every > 0) {
        piece = cut->every;
    }
    return piece < size - at ? piece : size - at;
}

/* ---- HTTP/1.1 ---- */

struct replay_h1 {
    struct rh_h1 h1;
    uint8_t *head;
    struct rh_header *headers;
    struct replay *out;
    struct replay_request now;
    bool in_body;
    bool over;
};

static inline void replay_h1_head(struct replay_h1 *r)
{
    const struct rh_request *request = &r->h1.request;
    struct replay *out = r->out;
    r->now.method = replay_put_bytes(out, request->method);
    r->now.method_size = request->method.size;
    replay_printf(out, " ");
    r->now.target = replay_put_bytes(out, request->target);
    r->now.target_size = request->target.size;
    replay_printf(out, " path=");
    replay_put_bytes(out, request->path);
    replay_printf(out, " query=");
    replay_put_bytes(out, request->query);
    replay_printf(out, " host=");
    replay_put_bytes(out, request->host);
    replay_printf(out, " authority=");
    replay_put_bytes(out, request->authority);
    replay_printf(out, " version=%u", request->version);
    if (request->body == RH_REQUEST_BODY_LENGTH) {
        replay_printf(out, " length=%llu", (unsigned long long)request->body_length);
    }
    replay_printf(out, "%s%s%s\n", request->body == RH_REQUEST_BODY_CHUNKED ? " chunked" : "",
                  request->expect_continue ? " expect" : "", request->keep_alive ? "" : " close");
    for (size_t i = 0; i < request->header_count; i++) {
        replay_printf(out, "  ");
        replay_put_bytes(out, request->headers[i].name);
        replay_printf(out, "=");
        replay_put_bytes(out, request->headers[i].value);
        replay_printf(out, "\n");
    }
    r->now.encoding_prefix = false;
    for (size_t i = 0; i < request->header_count; i++) {
        struct rh_bytes name = request->headers[i].name;
        size_t size = sizeof "Transfer-Encoding" - 1;
        struct rh_bytes start = {name.data, size};
        if (name.size > size && rh_bytes_equal_nocase(start, rh_bytes_of("Transfer-Encoding"))) {
            r->now.encoding_prefix = true;
        }
    }
    r->now.body = replay_put(out, "", 0);
    r->now.body_size = 0;
    r->in_body = true;
}

static inline void replay_h1_end(struct replay_h1 *r, size_t at)
{
    const struct rh_request *request = &r->h1.request;
    replay_printf(r->out, "\nend body=%zu\n", r->now.body_size);
    for (size_t i = 0; i < request->trailer_count; i++) {
        replay_printf(r->out, "  trailer ");
        replay_put_bytes(r->out, request->trailers[i].name);
        replay_printf(r->out, "=");
        replay_put_bytes(r->out, request->trailers[i].value);
        replay_printf(r->out, "\n");
    }
    r->now.end = at;
    if (r->out->request_count < REPLAY_REQUESTS_MAX) {
        r->out->requests[r->out->request_count++] = r->now;
    }
    r->now.start = at;
    r->in_body = false;
    if (!request->keep_alive || r->out->request_count == REPLAY_REQUESTS_MAX) {
        r->over = true;
        return;
    }
    rh_h1_next(&r->h1);
}

/* Feeds one piece that starts at `at` of the whole input. */
static inline void replay_h1_feed(struct replay_h1 *r, struct rh_bytes in, size_t at)
{
    enum rh_error error = RH_OK;
    size_t done = 0;
    while (error == RH_OK && !r->over) {
        struct rh_bytes rest = {in.data + done, in.size - done};
        struct rh_bytes content = {0};
        size_t used;
        if (!r->in_body) {
            error = rh_h1_head(&r->h1, rest, &used);
        } else {
            error = rh_h1_body(&r->h1, rest, &used, &content);
        }
        if (used > rest.size || (error == RH_ERR_AGAIN && used != rest.size)) {
            abort();
        }
        done += used;
        if (error == RH_OK && !r->in_body) {
            replay_h1_head(r);
        } else if (error == RH_OK && content.size > 0) {
            if (content.data < rest.data || content.data + content.size > rest.data + used) {
                abort(); /* zero copy: content is inside what was used */
            }
            replay_put_bytes(r->out, content);
            r->now.body_size += content.size;
        } else if (error == RH_OK) {
            replay_h1_end(r, at + done);
        }
    }
    if (error != RH_OK && error != RH_ERR_AGAIN) {
        replay_printf(r->out, "\nerror %d status=%u %s\n", error, rh_h1_status(&r->h1),
                      rh_h1_problem(&r->h1));
        r->over = true;
    }
}

struct replay_h1_limits {
    size_t head_bytes;
    size_t headers;
    size_t target_bytes;
};

static inline void replay_h1(struct replay *out, const void *data, size_t size,
                             const struct replay_h1_limits *limits, struct replay_cut cut)
{
    struct replay_h1 r = {.out = out};
    r.head = malloc(limits->head_bytes);
    r.headers = malloc(limits->headers * sizeof *r.headers);
    rh_h1_init(&r.h1, r.head, limits->head_bytes, r.headers, limits->headers, limits->target_bytes);
    struct rh_rng rng;
    rh_rng_init(&rng, cut.seed);
    for (size_t at = 0; at < size && !r.over;) {
        size_t piece = replay_piece(&cut, &rng, at, size);
        uint8_t *block = malloc(piece);
        memcpy(block, (const uint8_t *)data + at, piece);
        replay_h1_feed(&r, (struct rh_bytes){block, piece}, at);
        free(block);
        at += piece;
    }
    if (!r.over) {
        replay_printf(out, "\nclosed %d%s\n", rh_h1_closed(&r.h1),
                      rh_h1_idle(&r.h1) ? " idle" : "");
    }
    free(r.head);
    free(r.headers);
}

/* ---- forms ---- */

static inline void replay_form_event(struct replay *out, const struct rh_multipart_event *event,
                                     size_t *data_size)
{
    switch (event->kind) {
    case RH_MULTIPART_FIELD_BEGIN:
        *data_size = 0;
        replay_printf(out, "begin ");
        replay_put_bytes(out, event->name);
        if (event->has_filename) {
            replay_printf(out, " filename=");
            replay_put_bytes(out, event->filename);
        }
        if (event->content_type.size > 0) {
            replay_printf(out, " type=");
            replay_put_bytes(out, event->content_type);
        }
        replay_printf(out, "\n");
        break;
    case RH_MULTIPART_DATA:
        if (event->data.size == 0) {
            abort();
        }
        *data_size += event->data.size;
        replay_put_bytes(out, event->data);
        break;
    case RH_MULTIPART_FIELD_END:
        replay_printf(out, "\nfield end ");
        replay_put_bytes(out, event->name);
        replay_printf(out, " size=%zu\n", *data_size);
        break;
    case RH_MULTIPART_END:
        replay_printf(out, "form end\n");
        break;
    }
}

static inline enum rh_error replay_form_feed(struct replay *out, struct rh_multipart *m,
                                             struct rh_bytes in, size_t *data_size)
{
    enum rh_error error = RH_OK;
    size_t done = 0;
    while (error == RH_OK) {
        struct rh_bytes rest = {in.data + done, in.size - done};
        struct rh_multipart_event event;
        size_t used;
        error = rh_multipart_next(m, rest, &used, &event);
        if (used > rest.size || (error == RH_ERR_AGAIN && used != rest.size)) {
            abort();
        }
        done += used;
        if (error == RH_OK) {
            replay_form_event(out, &event, data_size);
        }
    }
    return error;
}

static inline void replay_form(struct replay *out, const char *content_type, const void *data,
                               size_t size, size_t head_bytes, struct replay_cut cut)
{
    struct rh_multipart m;
    uint8_t *head = malloc(head_bytes);
    struct rh_bytes type = {(const uint8_t *)content_type, strlen(content_type)};
    enum rh_error error = rh_multipart_init(&m, type, head, head_bytes, 0);
    struct rh_rng rng;
    rh_rng_init(&rng, cut.seed);
    size_t data_size = 0;
    for (size_t at = 0; at < size && (error == RH_OK || error == RH_ERR_AGAIN);) {
        size_t piece = replay_piece(&cut, &rng, at, size);
        uint8_t *block = malloc(piece);
        memcpy(block, (const uint8_t *)data + at, piece);
        error = replay_form_feed(out, &m, (struct rh_bytes){block, piece}, &data_size);
        free(block);
        at += piece;
    }
    replay_printf(out, "\nfinish %d %s\n", rh_multipart_finish(&m), rh_multipart_problem(&m));
    free(head);
}

#endif
