/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_HTTP_H2_H
#define REELHAUL_HTTP_H2_H
/*
 * HTTP/2 without sockets (RFC 9113), server side, on nghttp2's memory interface. Bytes in, requests
 * and bodies out through a handler; answers in, bytes out.
 *
 *   rh_h2_create()
 *   bytes came:     rh_h2_receive(), which calls the handler
 *   at any time:    rh_h2_consume(), rh_h2_respond(), rh_h2_inform(), rh_h2_reset()
 *   then:           rh_h2_send() until it gives nothing; close when rh_h2_is_over()
 *
 * Flow control follows rh_h2_consume: what a handler has not consumed is the room that its sender
 * lacks. A stream gets the large window when some of it was consumed for the first time, so what
 * may pile up before somebody wants it is small.
 *
 * What only costs is bounded: frames without a purpose, streams that are reset (CVE-2023-44487),
 * CONTINUATION frames (CVE-2024-27316), the size of heads; whoever goes beyond is sent away with
 * ENHANCE_YOUR_CALM.
 */
#include "base/list.h"
#include "http/message.h"

#define RH_H2_PREFACE           "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define RH_H2_HEAD_BYTES        16384
#define RH_H2_HEADERS           100
#define RH_H2_TRAILER_BYTES     4096
#define RH_H2_STREAMS           100
#define RH_H2_WINDOW_FIRST      (256 * 1024)      /* of a stream */
#define RH_H2_WINDOW_LARGE      (4 * 1024 * 1024) /* of a stream that is being consumed */
#define RH_H2_WINDOW_CONNECTION (16 * 1024 * 1024)
/* Headers that a connection remembers of requests; of answers none. Uploads have few heads. */
#define RH_H2_TABLE_BYTES       1024
#define RH_H2_CONTINUATIONS_MAX 7
/* Streams that end before they were answered: at once, and in the long run. */
#define RH_H2_RESETS_MAX   200
#define RH_H2_RESETS_A_SEC 20
/* Frames that move nothing: PING, SETTINGS, PRIORITY, empty DATA, window updates nobody needs.
 * (Frames of unknown types are skipped at once, and cost what their bytes do.) */
#define RH_H2_CONTROLS_MAX   1000
#define RH_H2_CONTROLS_A_SEC 100

struct rh_h2;

/*
 * A request. From the handler's `head` on it belongs to the shell, also when the protocol has done
 * with it; rh_h2_stream_free frees it, not before `gone`.
 */
struct rh_h2_stream {
    struct rh_request request;
    unsigned status;     /* 0, or the head is refused: answer this … */
    const char *problem; /* … with this sentence */
    void *user;          /* the shell's */

    /* private */
    struct rh_list link; /* among those that the handler does not know of */
    int32_t id;          /* 0: gone */
    void *memory;        /* of the head */
    void *trailer_memory;
    bool announced; /* the handler knows it */
    bool over;      /* all of its body came */
    bool large;     /* has the large window */
    bool answered;
    uint64_t left; /* of the answer's body */
};

/* All are called from within rh_h2_receive; `gone` also from rh_h2_send. None may call these two.
 */
struct rh_h2_handler {
    void *context;
    void (*head)(void *context, struct rh_h2_stream *stream);
    /* Content, in order; valid within the call. Consume it now or later. */
    void (*content)(void *context, struct rh_h2_stream *stream, struct rh_bytes content);
    /* The body is whole (also where there is none); trailers are set. */
    void (*end)(void *context, struct rh_h2_stream *stream);
    /*
     * The protocol has done with it: RH_OK the answer is out; RH_ERR_CLOSED the client gave up;
     * RH_ERR_SYNTAX it broke the rules. Content that waits is consumed by the shell all the same.
     */
    void (*gone)(void *context, struct rh_h2_stream *stream, enum rh_error why);
    /* More of an answer's body: how many bytes, at least 1; 0: there is none, break it off. */
    size_t (*read)(void *context, struct rh_h2_stream *stream, uint8_t *out, size_t cap);
};

struct rh_h2_limits {
    size_t head_bytes_max; /* names and values of a head, with 32 for each; beyond: 431 */
    uint32_t streams_max;  /* at once */
};

/* NULL without memory. `handler` is copied. */
struct rh_h2 *rh_h2_create(const struct rh_h2_handler *handler, const struct rh_h2_limits *limits);
/* Takes NULL. Streams that the handler was told of are the shell's; others are freed. */
void rh_h2_destroy(struct rh_h2 *h2);
void rh_h2_stream_free(struct rh_h2_stream *stream);

/*
 * Takes all bytes, beginning with the preface, and writes over them. RH_OK; RH_ERR_SYNTAX,
 * RH_ERR_LIMIT (a flood), RH_ERR_MEMORY: nothing more will be taken; send what there is, then
 * close.
 */
enum rh_error rh_h2_receive(struct rh_h2 *h2, uint8_t *data, size_t size, rh_ms now_ms);

/* Content was taken (or thrown away): its sender may send as much again. */
void rh_h2_consume(struct rh_h2 *h2, struct rh_h2_stream *stream, size_t size);

/*
 * The answer. `date_s` as in rh_h1_answer; a body is read through the handler's `read` until all of
 * its length was given. Once it is out, what still comes of the request is refused. Errors as those
 * of rh_h1_write_head; RH_ERR_MEMORY; RH_ERR_CLOSED: the stream is gone.
 */
enum rh_error rh_h2_respond(struct rh_h2 *h2, struct rh_h2_stream *stream,
                            const struct rh_response *response, int64_t date_s, bool head_only);
/* An informational answer, 100…199 except 101, before the answer. Errors as above. */
enum rh_error rh_h2_inform(struct rh_h2 *h2, struct rh_h2_stream *stream, unsigned status,
                           const struct rh_header *headers, size_t header_count);
/* Breaks the stream off; `gone` follows. */
void rh_h2_reset(struct rh_h2 *h2, struct rh_h2_stream *stream);
/* The same, and says that nothing was done: it may be sent again. */
void rh_h2_refuse(struct rh_h2 *h2, struct rh_h2_stream *stream);
/* No new streams: those that began may end. */
void rh_h2_goaway(struct rh_h2 *h2);

/*
 * The next bytes to send, valid until the next call of any of these; `bytes->size` 0: nothing now.
 * RH_OK, RH_ERR_MEMORY.
 */
enum rh_error rh_h2_send(struct rh_h2 *h2, struct rh_bytes *bytes);
/* Whether there are bytes to send (also where flow control holds them: see rh_h2_send). */
bool rh_h2_wants_send(const struct rh_h2 *h2);
/* Nothing will come or go any more. */
bool rh_h2_is_over(const struct rh_h2 *h2);

#endif
