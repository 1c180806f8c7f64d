/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_HTTP_H1_H
#define REELHAUL_HTTP_H1_H
/*
 * HTTP/1.1 without sockets (RFC 9112), server side, strict: what two servers could read differently
 * is refused. No allocation: the caller owns the parser, the head buffer and the header array.
 *
 *   rh_h1_init()
 *   for each request:
 *       rh_h1_head() until RH_OK        feed bytes as they come
 *       rh_h1_body() until the end      spans point into the bytes that were fed: no copy
 *       rh_h1_next()
 *
 * Bytes that a call did not use (`*used < in.size`) must be fed again: they belong to what comes
 * next, in the end to the next request (pipelining). The result never depends on how the input was
 * split. After an error the parser stays in it: answer `rh_h1_status()` and close the connection.
 */
#include "http/message.h"

#define RH_H1_HEAD_BYTES       16384 /* default size of the head buffer */
#define RH_H1_HEADERS          100   /* default size of the header array */
#define RH_H1_TARGET_BYTES_MAX 8192
#define RH_H1_METHOD_BYTES_MAX 32
#define RH_H1_CHUNK_EXT_MAX    256 /* bytes of extensions per chunk */

/* Private. START: nothing of the request was read, or the one empty line that is tolerated. */
enum rh_h1_phase {
    RH_H1_PHASE_START,
    RH_H1_PHASE_REQUEST_LINE,
    RH_H1_PHASE_FIELDS,
    RH_H1_PHASE_BODY_LENGTH,
    RH_H1_PHASE_CHUNK_SIZE,
    RH_H1_PHASE_CHUNK_EXT,
    RH_H1_PHASE_CHUNK_SIZE_LF,
    RH_H1_PHASE_CHUNK_DATA,
    RH_H1_PHASE_CHUNK_DATA_CR,
    RH_H1_PHASE_CHUNK_DATA_LF,
    RH_H1_PHASE_TRAILERS,
    RH_H1_PHASE_DONE,
    RH_H1_PHASE_FAILED,
};

struct rh_h1 {
    struct rh_request request; /* valid from RH_OK of rh_h1_head() to rh_h1_next() */

    /* private */
    enum rh_h1_phase phase;
    uint8_t *head;
    size_t head_cap;
    size_t head_size;  /* bytes of head (and then trailers) in the buffer */
    size_t line_start; /* where the present line starts in it */
    struct rh_header *headers;
    size_t header_cap;
    size_t header_count; /* heads and trailers together */
    size_t target_max;
    size_t method_size; /* 0 until the space after the method was seen */
    uint64_t left;      /* of the length body or of the chunk */
    size_t ext_size;
    bool ext_named; /* its ';' was seen, not only white space */
    uint8_t digits;
    bool empty_line; /* the one tolerated empty line was seen */
    bool cr;         /* the last byte was CR: only LF may follow */
    enum rh_error error;
    unsigned status;
    const char *problem;
};

/*
 * `head` and `headers` belong to the caller and must outlive the parser. Heads (with trailers) that
 * do not fit into them are refused with 431. `target_max` 0 means RH_H1_TARGET_BYTES_MAX.
 */
void rh_h1_init(struct rh_h1 *h1, uint8_t *head, size_t head_cap, struct rh_header *headers,
                size_t header_cap, size_t target_max);

/*
 * Goes on in other memory of the caller's, with what was read so far; all spans move along. What is
 * there must fit. The memory before is free then. Not after an error.
 */
void rh_h1_move(struct rh_h1 *h1, uint8_t *head, size_t head_cap, struct rh_header *headers,
                size_t header_cap);

/*
 * Reads a request head. RH_OK: h1->request is filled, `*used` bytes were used, the rest starts the
 * body or the next request. RH_ERR_AGAIN: all of `in` was used, the head is not complete.
 * RH_ERR_SYNTAX (400), RH_ERR_LIMIT (414, 431), RH_ERR_UNKNOWN (417, 501, 505): refused, see
 * rh_h1_status().
 */
enum rh_error rh_h1_head(struct rh_h1 *h1, struct rh_bytes in, size_t *used);

/*
 * Reads the body, whatever its framing. RH_OK and content->size > 0: a span of content inside `in`;
 * call again with the bytes after `*used`. RH_OK and content->size == 0: the body has ended (also
 * for requests without one, and also when asked again). RH_ERR_AGAIN: all of `in` was used, more is
 * to come. RH_ERR_SYNTAX (400), RH_ERR_LIMIT (400 chunk size or extension, 431 trailers).
 */
enum rh_error rh_h1_body(struct rh_h1 *h1, struct rh_bytes in, size_t *used,
                         struct rh_bytes *content);

/* Content bytes still to come if known, else RH_SIZE_UNKNOWN; 0 when the body has ended. */
uint64_t rh_h1_body_left(const struct rh_h1 *h1);

/* True once the body has ended, including requests that have none (feeds nothing). */
bool rh_h1_done(const struct rh_h1 *h1);

/*
 * Goes on to the next request. The present one must be done and keep_alive. Its spans become void.
 */
void rh_h1_next(struct rh_h1 *h1);

/*
 * True between requests: nothing of a request was read, so closing now loses nothing and 408 is not
 * due.
 */
bool rh_h1_idle(const struct rh_h1 *h1);

/* The peer closed its side: RH_OK between requests or after a whole one, else RH_ERR_CLOSED. */
enum rh_error rh_h1_closed(const struct rh_h1 *h1);

/* After an error: the status to answer with, and one English sentence for the error's message. */
unsigned rh_h1_status(const struct rh_h1 *h1);
const char *rh_h1_problem(const struct rh_h1 *h1);

/* ---- answers ---- */

struct rh_h1_answer {
    int64_t date_s; /* wall clock, seconds since 1970, for Date; negative: no clock, no Date */
    bool head_only; /* the request was HEAD: say the length, send no body */
    bool close;     /* adds Connection: close (also added if response->close) */
};

/*
 * Writes status line, headers, Date, Content-Length, Connection and the empty line; never a body,
 * which the shell sends after it unless head_only or the status forbids it (rh_h1_sends_body).
 * RH_ERR_LIMIT: does not fit, RH_ERR_SYNTAX: a header could be read as two (someone bypassed
 * rh_response_add), RH_ERR_STATE: a framing header, RH_ERR_RANGE: status not 200…599. On error
 * `out` is as before.
 */
enum rh_error rh_h1_write_head(struct rh_buffer *out, const struct rh_response *response,
                               const struct rh_h1_answer *answer);

/* Whether body bytes follow the head. */
bool rh_h1_sends_body(const struct rh_response *response, const struct rh_h1_answer *answer);

/*
 * Writes an interim answer (100 Continue, 103, 104): status 100…199 except 101, headers may be
 * none. Errors as above. HTTP/1.0 clients must not get one.
 */
enum rh_error rh_h1_write_interim(struct rh_buffer *out, unsigned status,
                                  const struct rh_header *headers, size_t header_count);

#endif
