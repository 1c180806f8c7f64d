/* SPDX-License-Identifier: MIT */
/*
 * Frames of HTTP/2. The first byte says how the server behaves (when it answers, consumes, informs,
 * resets, goes away), the rest follows the preface. Whatever comes: what is said of requests does
 * not depend on how the input was cut; every stream that was announced is gone once; content stays
 * within the windows; after an error nothing more is taken.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/crc64.h"
#include "http/h2.h"
#include "input.h"

#define LOG_MAX     ((size_t)256 * 1024)
#define STREAMS_MAX 1000

enum {
    ANSWERS_HEADS = 1,
    ANSWERS_ENDS = 2,
    CONSUMES = 4,
    INFORMS = 8,
    RESETS = 16,
    GOES_AWAY = 32,
    SENDS_BETWEEN = 64, /* what is sent changes what is taken: no comparison of cuts */
};

struct stream {
    struct rh_h2_stream *h2_stream; /* NULL: gone */
    uint64_t size;
    uint64_t crc64;
    uint64_t waits; /* not consumed */
    bool ended;
};

struct run {
    struct rh_h2 *h2;
    uint8_t how;
    struct stream streams[STREAMS_MAX];
    size_t stream_count;
    uint64_t waits;
    char *log;
    size_t log_size;
};

static void say(struct run *r, const char *what, struct rh_bytes text, uint64_t number)
{
    int size =
        snprintf(r->log + r->log_size, LOG_MAX - r->log_size, "%s %.*s %llu\n", what,
                 (int)(text.size < 60 ? text.size : 60),
                 text.data != NULL ? (const char *)text.data : "", (unsigned long long)number);

    r->log_size += size > 0 ? (size_t)size : 0;
    if (r->log_size > LOG_MAX - 256)
        r->log_size = LOG_MAX - 256;
}

static void answer(struct run *r, struct rh_h2_stream *stream)
{
    uint8_t memory[256];
    struct rh_response response;

    rh_response_init(&response, memory, sizeof memory);
    RH_ASSERT(rh_response_add_str(&response, "X-Answer", "yes") == RH_OK);
    rh_response_set_file(&response, 0, (struct rh_range){0, 40000});
    (void)rh_h2_respond(r->h2, stream, &response, 0, stream->request.method_id == RH_METHOD_HEAD);
}

static void on_head(void *context, struct rh_h2_stream *stream)
{
    struct run *r = context;
    const struct rh_request *request = &stream->request;
    struct stream *s = &r->streams[r->stream_count++];

    RH_ASSERT(r->stream_count < STREAMS_MAX);
    *s = (struct stream){.h2_stream = stream};
    stream->user = s;
    say(r, "head", request->target, stream->status);
    if (stream->status == 0) {
        RH_ASSERT(rh_http_is_token(request->method));
        RH_ASSERT(request->path.size > 0);
        RH_ASSERT(request->path.data[0] == '/' || rh_bytes_equal_str(request->path, "*"));
        RH_ASSERT(request->host.size > 0);
    }
    for (size_t i = 0; i < request->header_count; i++) {
        say(r, "header", request->headers[i].name, request->headers[i].value.size);
        RH_ASSERT(request->headers[i].name.data[0] != ':');
        RH_ASSERT(rh_http_is_field_value(request->headers[i].value));
    }
    if (r->how & INFORMS)
        (void)rh_h2_inform(r->h2, stream, 104, NULL, 0);
    if (r->how & ANSWERS_HEADS)
        answer(r, stream);
    else if (r->how & RESETS)
        rh_h2_reset(r->h2, stream);
}

static void on_content(void *context, struct rh_h2_stream *stream, struct rh_bytes content)
{
    struct run *r = context;
    struct stream *s = stream->user;

    RH_ASSERT(!s->ended);
    s->size += content.size;
    s->crc64 = rh_crc64_update(s->crc64, content.data, content.size);
    if (r->how & CONSUMES) {
        rh_h2_consume(r->h2, stream, content.size);
        return;
    }
    s->waits += content.size;
    r->waits += content.size;
    RH_ASSERT(s->waits <= RH_H2_WINDOW_FIRST);
    RH_ASSERT(r->waits <= RH_H2_WINDOW_CONNECTION);
}

static void on_end(void *context, struct rh_h2_stream *stream)
{
    struct run *r = context;
    struct stream *s = stream->user;

    RH_ASSERT(!s->ended);
    s->ended = true;
    say(r, "end", (struct rh_bytes){NULL, 0}, s->size ^ s->crc64);
    if (stream->status == 0 && stream->request.body == RH_REQUEST_BODY_LENGTH)
        RH_ASSERT(s->size == stream->request.body_length);
    for (size_t i = 0; i < stream->request.trailer_count; i++)
        say(r, "trailer", stream->request.trailers[i].name, i);
    if ((r->how & ANSWERS_ENDS) && !(r->how & (ANSWERS_HEADS | RESETS)))
        answer(r, stream);
}

static void on_gone(void *context, struct rh_h2_stream *stream, enum rh_error why)
{
    struct run *r = context;
    struct stream *s = stream->user;

    RH_ASSERT(s->h2_stream == stream);
    s->h2_stream = NULL;
    say(r, "gone", (struct rh_bytes){NULL, 0}, (uint64_t) - (int64_t)why);
    rh_h2_consume(r->h2, stream, s->waits);
    r->waits -= s->waits;
    rh_h2_stream_free(stream);
}

static size_t on_read(void *context, struct rh_h2_stream *stream, uint8_t *out, size_t cap)
{
    (void)context;
    (void)stream;
    memset(out, 'r', cap);
    return cap;
}

static void drain(struct run *r)
{
    struct rh_bytes bytes;
    size_t sum = 0;

    while (rh_h2_send(r->h2, &bytes) == RH_OK && bytes.size > 0)
        sum += bytes.size;
    RH_ASSERT(sum < (size_t)64 << 20);
}

static enum rh_error give(struct run *r, const uint8_t *data, size_t size, size_t every)
{
    enum rh_error error = RH_OK;

    while (size > 0 && error == RH_OK) {
        size_t n = every > 0 && every < size ? every : size;
        uint8_t *piece = malloc(n);

        RH_ASSERT(piece != NULL);
        memcpy(piece, data, n);
        error = rh_h2_receive(r->h2, piece, n, 0);
        free(piece);
        if (r->how & SENDS_BETWEEN)
            drain(r);
        data += n;
        size -= n;
    }
    return error;
}

static void finish(struct run *r)
{
    drain(r);
    rh_h2_destroy(r->h2);
    for (size_t i = 0; i < r->stream_count; i++)
        rh_h2_stream_free(r->streams[i].h2_stream);
    free(r->log);
    free(r);
}

static struct run *play(uint8_t how, const uint8_t *data, size_t size, size_t every)
{
    struct run *r = calloc(1, sizeof *r);
    const struct rh_h2_handler handler = {r, on_head, on_content, on_end, on_gone, on_read};
    const struct rh_h2_limits limits = {.head_bytes_max = 1024, .streams_max = 8};
    static const char preface[] = RH_H2_PREFACE;
    enum rh_error error;

    RH_ASSERT(r != NULL);
    r->log = calloc(1, LOG_MAX);
    r->how = how;
    r->h2 = rh_h2_create(&handler, &limits);
    RH_ASSERT(r->log != NULL && r->h2 != NULL);
    error = give(r, (const uint8_t *)preface, sizeof preface - 1, 0);
    RH_ASSERT(error == RH_OK);
    if (how & GOES_AWAY)
        rh_h2_goaway(r->h2);
    error = give(r, data, size, every);
    say(r, "result", (struct rh_bytes){NULL, 0}, (uint64_t) - (int64_t)error);
    if (error != RH_OK) {
        uint8_t more[] = "more";

        RH_ASSERT(rh_h2_receive(r->h2, more, 4, 0) != RH_OK);
        drain(r);
        RH_ASSERT(rh_h2_is_over(r->h2));
    }
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run *whole;

    if (size < 1 || size > 65536)
        return 0;
    whole = play(data[0], data + 1, size - 1, 0);
    if (data[0] & SENDS_BETWEEN) {
        finish(whole);
        return 0;
    }
    for (size_t every = 1; every < 1000; every = every * 5 + 2) {
        struct run *cut = play(data[0], data + 1, size - 1, every);

        if (strcmp(cut->log, whole->log) != 0) {
            fprintf(stderr, "fuzz_h2: cut %zu differs\n%s---\n%s\n", every, whole->log, cut->log);
            abort();
        }
        finish(cut);
    }
    finish(whole);
    return 0;
}
