/* SPDX-License-Identifier: MIT */
#ifndef TEST_HTTP_H2_PEER_H
#define TEST_HTTP_H2_PEER_H
/*
 * A client of HTTP/2 made by hand: frames as bytes, and everything that the server's side says
 * (handler calls, frames sent) as lines of text. The unit tests and the fuzzer stand on it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

#include "http/h2.h"

#define PEER_LOG_MAX ((size_t)64 * 1024)

struct h2_peer {
    struct rh_h2 *h2;
    nghttp2_hd_inflater *inflater;
    char *log;
    size_t log_size;
    uint8_t *in; /* frames that wait for h2_peer_flush */
    size_t in_size;
    size_t in_cap;
    rh_ms now_ms;
    bool consumes;    /* content is consumed as it comes */
    bool quiet_flow;  /* WINDOW_UPDATE and SETTINGS are not logged */
    bool breaks_read; /* bodies of answers break off */
    size_t pings_answered;
    struct rh_h2_stream *last; /* the stream of the last head that is not gone */
};

static inline void h2_peer_say(struct h2_peer *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static inline void h2_peer_say(struct h2_peer *p, const char *format, ...)
{
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = vsnprintf(p->log + p->log_size, PEER_LOG_MAX - p->log_size, format, arguments);
    va_end(arguments);
    if (size > 0)
        p->log_size += (size_t)size;
    if (p->log_size >= PEER_LOG_MAX)
        p->log_size = PEER_LOG_MAX - 1;
}

#define PEER_BYTES(bytes) (int)(bytes).size, (const char *)(bytes).data

/* ---- the handler ---- */

static inline void h2_peer_head(void *context, struct rh_h2_stream *stream)
{
    struct h2_peer *p = context;
    const struct rh_request *r = &stream->request;

    p->last = stream;
    if (stream->status != 0) {
        h2_peer_say(p, "refuse %u %s\n", stream->status, stream->problem);
        return;
    }
    h2_peer_say(p, "head %.*s %.*s host=%.*s body=%d", PEER_BYTES(r->method), PEER_BYTES(r->target),
                PEER_BYTES(r->host), (int)r->body);
    if (r->body == RH_REQUEST_BODY_LENGTH)
        h2_peer_say(p, " length=%llu", (unsigned long long)r->body_length);
    for (size_t i = 0; i < r->header_count; i++)
        h2_peer_say(p, " %.*s=%.*s", PEER_BYTES(r->headers[i].name),
                    PEER_BYTES(r->headers[i].value));
    h2_peer_say(p, "%s\n", r->expect_continue ? " expects" : "");
}

static inline void h2_peer_content(void *context, struct rh_h2_stream *stream,
                                   struct rh_bytes content)
{
    struct h2_peer *p = context;

    h2_peer_say(p, "content %zu %02x..%02x\n", content.size, content.data[0],
                content.data[content.size - 1]);
    if (p->consumes)
        rh_h2_consume(p->h2, stream, content.size);
}

static inline void h2_peer_end(void *context, struct rh_h2_stream *stream)
{
    struct h2_peer *p = context;
    const struct rh_request *r = &stream->request;

    h2_peer_say(p, "end");
    for (size_t i = 0; i < r->trailer_count; i++)
        h2_peer_say(p, " %.*s=%.*s", PEER_BYTES(r->trailers[i].name),
                    PEER_BYTES(r->trailers[i].value));
    h2_peer_say(p, "\n");
}

static inline void h2_peer_gone(void *context, struct rh_h2_stream *stream, enum rh_error why)
{
    struct h2_peer *p = context;

    h2_peer_say(p, "gone %s\n",
                why == RH_OK           ? "answered"
                : why == RH_ERR_CLOSED ? "given up"
                                       : "broken");
    if (p->last == stream)
        p->last = NULL;
    rh_h2_stream_free(stream);
}

static inline size_t h2_peer_read(void *context, struct rh_h2_stream *stream, uint8_t *out,
                                  size_t cap)
{
    struct h2_peer *p = context;

    (void)stream;
    if (p->breaks_read)
        return 0;
    memset(out, 'r', cap);
    return cap;
}

/* ---- what the server sends ---- */

static inline void h2_peer_say_headers(struct h2_peer *p, const uint8_t *data, size_t size)
{
    for (;;) {
        nghttp2_nv pair;
        int flags = 0;
        ssize_t n = nghttp2_hd_inflate_hd2(p->inflater, &pair, &flags, data, size, 1);

        if (n < 0) {
            h2_peer_say(p, " UNREADABLE");
            return;
        }
        data += n;
        size -= (size_t)n;
        if (flags & NGHTTP2_HD_INFLATE_EMIT)
            h2_peer_say(p, " %s=%s", (const char *)pair.name, (const char *)pair.value);
        if (flags & NGHTTP2_HD_INFLATE_FINAL) {
            (void)nghttp2_hd_inflate_end_headers(p->inflater);
            return;
        }
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && size == 0)
            return;
    }
}

static inline uint32_t h2_peer_u32(const uint8_t *data)
{
    return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

static inline void h2_peer_say_frame(struct h2_peer *p, const uint8_t *frame, size_t size)
{
    uint8_t type = frame[3];
    uint32_t id = h2_peer_u32(frame + 5);
    const uint8_t *payload = frame + 9;

    switch (type) {
    case NGHTTP2_DATA:
        h2_peer_say(p, "> data %u %zu%s\n", id, size, frame[4] & 1 ? " last" : "");
        break;
    case NGHTTP2_HEADERS:
        h2_peer_say(p, "> headers %u", id);
        h2_peer_say_headers(p, payload, size);
        h2_peer_say(p, "%s\n", frame[4] & 1 ? " last" : "");
        break;
    case NGHTTP2_RST_STREAM:
        h2_peer_say(p, "> reset %u %u\n", id, h2_peer_u32(payload));
        break;
    case NGHTTP2_GOAWAY:
        h2_peer_say(p, "> goaway %u %u\n", h2_peer_u32(payload), h2_peer_u32(payload + 4));
        break;
    case NGHTTP2_WINDOW_UPDATE:
        if (!p->quiet_flow)
            h2_peer_say(p, "> window %u %u\n", id, h2_peer_u32(payload));
        break;
    case NGHTTP2_PING:
        p->pings_answered++;
        break;
    default:
        if (!p->quiet_flow)
            h2_peer_say(p, "> frame %u\n", type);
        break;
    }
}

/* Everything that there is to send. */
static inline void h2_peer_drain(struct h2_peer *p)
{
    struct rh_bytes bytes;

    while (rh_h2_send(p->h2, &bytes) == RH_OK && bytes.size > 0) {
        size_t at = 0;

        while (at + 9 <= bytes.size) {
            size_t size = h2_peer_u32(bytes.data + at) >> 8;

            h2_peer_say_frame(p, bytes.data + at, size);
            at += 9 + size;
        }
    }
}

/* ---- what the client sends ---- */

static inline void h2_peer_put(struct h2_peer *p, const void *data, size_t size)
{
    if (p->in_size + size > p->in_cap) {
        p->in_cap = (p->in_size + size) * 2;
        p->in = realloc(p->in, p->in_cap);
    }
    if (size > 0)
        memcpy(p->in + p->in_size, data, size);
    p->in_size += size;
}

static inline void h2_peer_frame(struct h2_peer *p, uint8_t type, uint8_t flags, uint32_t id,
                                 const void *payload, size_t size)
{
    const uint8_t head[9] = {
        (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size,      type,       flags,
        (uint8_t)(id >> 24),   (uint8_t)(id >> 16),  (uint8_t)(id >> 8), (uint8_t)id};

    h2_peer_put(p, head, sizeof head);
    h2_peer_put(p, payload, size);
}

/* "name=value\n" lines as literals without indexing, into `out`; returns the size. Texts < 16 KiB.
 */
static inline size_t h2_peer_block(const char *lines, uint8_t *out)
{
    size_t size = 0;

    while (*lines != '\0') {
        const char *equals = strchr(lines + 1, '=');
        const char *end = strchr(lines, '\n');
        const char *texts[2] = {lines, equals + 1};
        const size_t sizes[2] = {(size_t)(equals - lines), (size_t)(end - equals - 1)};

        out[size++] = 0;
        for (int i = 0; i < 2; i++) {
            if (sizes[i] < 127) {
                out[size++] = (uint8_t)sizes[i];
            } else {
                size_t rest = sizes[i] - 127;

                out[size++] = 127;
                for (; rest >= 128; rest >>= 7)
                    out[size++] = (uint8_t)(rest | 128);
                out[size++] = (uint8_t)rest;
            }
            memcpy(out + size, texts[i], sizes[i]);
            size += sizes[i];
        }
        lines = end + 1;
    }
    return size;
}

static inline void h2_peer_headers(struct h2_peer *p, uint32_t id, const char *lines, bool last)
{
    static uint8_t block[65536];
    size_t size = h2_peer_block(lines, block);

    h2_peer_frame(p, NGHTTP2_HEADERS,
                  (uint8_t)(NGHTTP2_FLAG_END_HEADERS | (last ? NGHTTP2_FLAG_END_STREAM : 0)), id,
                  block, size);
}

static inline void h2_peer_data(struct h2_peer *p, uint32_t id, char fill, size_t size, bool last)
{
    uint8_t *data = malloc(size + 1);

    memset(data, fill, size);
    h2_peer_frame(p, NGHTTP2_DATA, last ? NGHTTP2_FLAG_END_STREAM : 0, id, data, size);
    free(data);
}

/*
 * Gives what waits to the server, in pieces of `every` bytes (0: whole), each in memory of its own
 * so that a sanitizer sees what is read or kept beyond it.
 */
static inline enum rh_error h2_peer_flush_cut(struct h2_peer *p, size_t every)
{
    enum rh_error error = RH_OK;

    for (size_t at = 0; at < p->in_size && error == RH_OK;) {
        size_t size = p->in_size - at;
        uint8_t *piece;

        if (every > 0 && size > every)
            size = every;
        piece = malloc(size);
        memcpy(piece, p->in + at, size);
        error = rh_h2_receive(p->h2, piece, size, p->now_ms);
        free(piece);
        at += size;
    }
    p->in_size = 0;
    return error;
}

static inline enum rh_error h2_peer_flush(struct h2_peer *p)
{
    enum rh_error error = h2_peer_flush_cut(p, 0);

    h2_peer_drain(p);
    return error;
}

/* ---- life ---- */

static inline void h2_peer_init(struct h2_peer *p)
{
    const struct rh_h2_handler handler = {p,           h2_peer_head, h2_peer_content,
                                          h2_peer_end, h2_peer_gone, h2_peer_read};
    const struct rh_h2_limits limits = {.head_bytes_max = 2048, .streams_max = 10};

    memset(p, 0, sizeof *p);
    p->log = calloc(1, PEER_LOG_MAX);
    p->h2 = rh_h2_create(&handler, &limits);
    p->consumes = true;
    p->quiet_flow = true;
    p->now_ms = 1000;
    (void)nghttp2_hd_inflate_new(&p->inflater);
}

static inline void h2_peer_open(struct h2_peer *p)
{
    h2_peer_put(p, RH_H2_PREFACE, sizeof RH_H2_PREFACE - 1);
    h2_peer_frame(p, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
    h2_peer_frame(p, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, NULL, 0);
}

static inline void h2_peer_clear(struct h2_peer *p)
{
    p->log_size = 0;
    p->log[0] = '\0';
}

static inline void h2_peer_finish(struct h2_peer *p)
{
    rh_h2_destroy(p->h2);
    nghttp2_hd_inflate_del(p->inflater);
    free(p->in);
    free(p->log);
}

#endif
