/* SPDX-License-Identifier: MIT */
/* Request bodies: by length, or chunked with trailers (RFC 9112, 7.1). Content is never copied. */
#include "base/assert.h"
#include "http/h1.h"
#include "http/h1_private.h"

#define CHUNK_DIGITS_MAX 16

static enum rh_error bad(struct rh_h1 *h1, const char *problem)
{
    return rh_h1_fail(h1, RH_ERR_SYNTAX, 400, problem);
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return -1;
}

static enum rh_error size_byte(struct rh_h1 *h1, uint8_t c)
{
    int digit = hex_digit(c);
    if (digit >= 0) {
        if (h1->digits == CHUNK_DIGITS_MAX) {
            return rh_h1_fail(h1, RH_ERR_LIMIT, 400, "A chunk size has too many digits.");
        }
        h1->digits++;
        h1->left = h1->left * 16 + (uint64_t)digit;
        return RH_ERR_AGAIN;
    }
    if (h1->digits == 0) {
        return bad(h1, "A chunk does not start with its size.");
    }
    if (h1->left > INT64_MAX) {
        return rh_h1_fail(h1, RH_ERR_LIMIT, 400, "A chunk size is too large.");
    }
    switch (c) {
    case '\r':
        h1->phase = RH_H1_PHASE_CHUNK_SIZE_LF;
        return RH_ERR_AGAIN;
    case ' ':
    case '\t':
    case ';':
        h1->phase = RH_H1_PHASE_CHUNK_EXT;
        h1->ext_size = 1;
        h1->ext_named = c == ';';
        return RH_ERR_AGAIN;
    default:
        return bad(h1, "A chunk size is not hexadecimal.");
    }
}

/* Extensions mean nothing to us, but white space that no ';' follows is refused. */
static enum rh_error ext_byte(struct rh_h1 *h1, uint8_t c)
{
    if (c == '\r' && h1->ext_named) {
        h1->phase = RH_H1_PHASE_CHUNK_SIZE_LF;
        return RH_ERR_AGAIN;
    }
    bool space = c == ' ' || c == '\t';
    if ((c < 0x20 && c != '\t') || c == 0x7f || (!h1->ext_named && !space && c != ';')) {
        return bad(h1, "A chunk extension is not valid.");
    }
    if (h1->ext_size == RH_H1_CHUNK_EXT_MAX) {
        return rh_h1_fail(h1, RH_ERR_LIMIT, 400, "A chunk extension is too long.");
    }
    h1->ext_size++;
    h1->ext_named = h1->ext_named || c == ';';
    return RH_ERR_AGAIN;
}

static void chunk_begin(struct rh_h1 *h1)
{
    h1->phase = RH_H1_PHASE_CHUNK_SIZE;
    h1->left = 0;
    h1->digits = 0;
}

static enum rh_error size_lf_byte(struct rh_h1 *h1, uint8_t c)
{
    if (c != '\n') {
        return bad(h1, "A carriage return is not followed by a line feed.");
    }
    if (h1->left > 0) {
        h1->phase = RH_H1_PHASE_CHUNK_DATA;
        return RH_ERR_AGAIN;
    }
    h1->phase = RH_H1_PHASE_TRAILERS;
    rh_h1_line_begin(h1);
    return RH_ERR_AGAIN;
}

/*
 * Trailers are kept apart from the headers; those that would have framed or routed the request are
 * refused.
 */
static enum rh_error trailers_byte(struct rh_h1 *h1, uint8_t c)
{
    static const char *const forbidden[] = {"Content-Length", "Transfer-Encoding", "Host"};
    enum rh_error error = rh_h1_line_byte(h1, c);
    if (error != RH_OK) {
        return error;
    }
    if (rh_h1_line(h1).size == 0) {
        h1->phase = RH_H1_PHASE_DONE;
        h1->request.trailer_count = h1->header_count - h1->request.header_count;
        return RH_OK;
    }
    error = rh_h1_field(h1);
    if (error != RH_OK) {
        return error;
    }
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
        if (rh_bytes_equal_nocase(h1->headers[h1->header_count - 1].name,
                                  rh_bytes_of(forbidden[i]))) {
            return bad(h1, "A trailer must not frame or route the request.");
        }
    }
    rh_h1_line_begin(h1);
    return RH_ERR_AGAIN;
}

/* One byte of chunked framing. RH_OK: the body has ended. */
static enum rh_error framing_byte(struct rh_h1 *h1, uint8_t c)
{
    switch (h1->phase) {
    case RH_H1_PHASE_CHUNK_SIZE:
        return size_byte(h1, c);
    case RH_H1_PHASE_CHUNK_EXT:
        return ext_byte(h1, c);
    case RH_H1_PHASE_CHUNK_SIZE_LF:
        return size_lf_byte(h1, c);
    case RH_H1_PHASE_CHUNK_DATA_CR:
        if (c != '\r') {
            return bad(h1, "A chunk is longer than its size.");
        }
        h1->phase = RH_H1_PHASE_CHUNK_DATA_LF;
        return RH_ERR_AGAIN;
    case RH_H1_PHASE_CHUNK_DATA_LF:
        if (c != '\n') {
            return bad(h1, "A carriage return is not followed by a line feed.");
        }
        chunk_begin(h1);
        return RH_ERR_AGAIN;
    default:
        RH_ASSERT(h1->phase == RH_H1_PHASE_TRAILERS);
        return trailers_byte(h1, c);
    }
}

static struct rh_bytes take_content(struct rh_h1 *h1, struct rh_bytes in, size_t *used)
{
    struct rh_bytes rest = {in.data + *used, in.size - *used};
    if (rest.size > h1->left) {
        rest.size = (size_t)h1->left;
    }
    *used += rest.size;
    h1->left -= rest.size;
    if (h1->left == 0) {
        h1->phase =
            h1->phase == RH_H1_PHASE_BODY_LENGTH ? RH_H1_PHASE_DONE : RH_H1_PHASE_CHUNK_DATA_CR;
    }
    return rest;
}

enum rh_error rh_h1_body(struct rh_h1 *h1, struct rh_bytes in, size_t *used,
                         struct rh_bytes *content)
{
    *used = 0;
    *content = (struct rh_bytes){0};
    if (h1->phase == RH_H1_PHASE_FAILED) {
        return h1->error;
    }
    RH_ASSERT(h1->phase >= RH_H1_PHASE_BODY_LENGTH);
    while (h1->phase != RH_H1_PHASE_DONE) {
        if (*used == in.size) {
            return RH_ERR_AGAIN;
        }
        if (h1->phase == RH_H1_PHASE_BODY_LENGTH || h1->phase == RH_H1_PHASE_CHUNK_DATA) {
            *content = take_content(h1, in, used);
            return RH_OK;
        }
        enum rh_error error = framing_byte(h1, in.data[*used]);
        *used += 1;
        if (error != RH_OK && error != RH_ERR_AGAIN) {
            return error;
        }
    }
    return RH_OK;
}

uint64_t rh_h1_body_left(const struct rh_h1 *h1)
{
    if (h1->phase == RH_H1_PHASE_DONE) {
        return 0;
    }
    return h1->phase == RH_H1_PHASE_BODY_LENGTH ? h1->left : RH_SIZE_UNKNOWN;
}
