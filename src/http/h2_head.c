/* SPDX-License-Identifier: MIT */
/*
 * Heads of HTTP/2: headers come one by one, and are put together into one block of memory of
 * exactly their size. nghttp2 has checked what RFC 9113, 8 demands of names, order and framing; the
 * rest is as strict as h1.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "http/h1.h"
#include "http/h2_private.h"
#include "http/target.h"

#define PSEUDO_MAX 8
#define ENTRY_COST 32 /* RFC 9113, 6.5.2 */

/* ---- gathering ---- */

bool rh_h2_block_begin(struct rh_h2 *h2, size_t bytes_max)
{
    struct rh_h2_block *block = calloc(1, sizeof *block);

    RH_ASSERT(h2->block == NULL);
    if (block == NULL)
        return false;
    block->text_cap = 1024;
    block->cost_max = bytes_max;
    block->text = malloc(block->text_cap);
    if (block->text == NULL) {
        free(block);
        return false;
    }
    h2->block = block;
    return true;
}

void rh_h2_block_drop(struct rh_h2 *h2)
{
    if (h2->block != NULL)
        free(h2->block->text);
    free(h2->block);
    h2->block = NULL;
}

static bool make_room(struct rh_h2_block *block, size_t size)
{
    uint8_t *grown;

    if (size <= block->text_cap - block->text_size)
        return true;
    grown = realloc(block->text, (block->text_size + size) * 2);
    if (grown == NULL)
        return false;
    block->text = grown;
    block->text_cap = (block->text_size + size) * 2;
    return true;
}

void rh_h2_block_add(struct rh_h2 *h2, struct rh_bytes name, struct rh_bytes value)
{
    struct rh_h2_block *block = h2->block;
    size_t size = name.size + value.size;

    if (block->too_large)
        return;
    block->cost += size + ENTRY_COST;
    if (block->cost > block->cost_max || block->count == RH_H2_HEADERS + PSEUDO_MAX ||
        size > UINT16_MAX || !make_room(block, size)) {
        block->too_large = true;
        return;
    }
    memcpy(block->text + block->text_size, name.data, name.size);
    if (value.size > 0)
        memcpy(block->text + block->text_size + name.size, value.data, value.size);
    block->text_size += size;
    block->name_sizes[block->count] = (uint16_t)name.size;
    block->value_sizes[block->count] = (uint16_t)value.size;
    block->count++;
}

/* One block of memory: headers, then text. */
static struct rh_header *take_block(struct rh_h2_block *block)
{
    struct rh_header *headers =
        malloc(block->count * sizeof *headers + block->text_size + 1 /* never 0 */);
    uint8_t *at = (uint8_t *)(headers + block->count);

    if (headers == NULL)
        return NULL;
    memcpy(at, block->text, block->text_size);
    for (size_t i = 0; i < block->count; i++) {
        headers[i].name = (struct rh_bytes){at, block->name_sizes[i]};
        at += block->name_sizes[i];
        headers[i].value = rh_bytes_trim((struct rh_bytes){at, block->value_sizes[i]});
        at += block->value_sizes[i];
    }
    return headers;
}

/* ---- requests ---- */

static void refuse(struct rh_h2_stream *stream, unsigned status, const char *problem)
{
    if (stream->status != 0)
        return;
    stream->status = status;
    stream->problem = problem;
}

/* Where pseudo-headers go; they come first (nghttp2 has seen to it). */
struct pseudo {
    struct rh_bytes method;
    struct rh_bytes path;
    struct rh_bytes authority;
    struct rh_bytes scheme;
};

static size_t take_pseudo(const struct rh_header *headers, size_t count, struct pseudo *pseudo)
{
    size_t i = 0;

    for (; i < count && headers[i].name.size > 0 && headers[i].name.data[0] == ':'; i++) {
        if (rh_bytes_equal_str(headers[i].name, ":method"))
            pseudo->method = headers[i].value;
        else if (rh_bytes_equal_str(headers[i].name, ":path"))
            pseudo->path = headers[i].value;
        else if (rh_bytes_equal_str(headers[i].name, ":authority"))
            pseudo->authority = headers[i].value;
        else if (rh_bytes_equal_str(headers[i].name, ":scheme"))
            pseudo->scheme = headers[i].value;
    }
    return i;
}

static void set_method(struct rh_h2_stream *stream, struct rh_bytes method)
{
    struct rh_request *request = &stream->request;

    request->method = method;
    request->method_id = rh_http_method(method);
    if (rh_bytes_equal_str(method, "CONNECT"))
        refuse(stream, 501, "This server is no proxy.");
    else if (method.size > RH_H1_METHOD_BYTES_MAX)
        refuse(stream, 501, "The method is not known.");
    else if (!rh_http_is_token(method))
        refuse(stream, 400, "The request does not start with a method.");
}

static void set_target(struct rh_h2_stream *stream, struct rh_bytes path)
{
    const char *problem;

    if (path.size > RH_H1_TARGET_BYTES_MAX) {
        refuse(stream, 414, "The target is too long.");
        return;
    }
    /* An absolute address would be a second authority. */
    if (path.size == 0 || (path.data[0] != '/' && path.data[0] != '*')) {
        refuse(stream, 400, "The target is neither a path nor an address.");
        return;
    }
    problem = rh_http_set_target(&stream->request, path);
    if (problem != NULL)
        refuse(stream, 400, problem);
}

/* RFC 9113, 8.3.1: Host, where it is there too, must say the same. */
static void set_authority(struct rh_h2_stream *stream, struct rh_bytes authority)
{
    size_t count;
    const struct rh_header *host = rh_request_find(&stream->request, "Host", &count);

    if (count > 1 || (authority.size == 0 && count == 0)) {
        refuse(stream, 400, "There must be one :authority, or one Host header.");
        return;
    }
    if (authority.size == 0)
        authority = host->value;
    else if (count == 1 && !rh_bytes_equal_nocase(authority, host->value))
        refuse(stream, 400, ":authority and Host contradict each other.");
    if (!rh_http_set_authority(&stream->request, authority))
        refuse(stream, 400, ":authority is not valid.");
}

/* nghttp2 has seen to it that Content-Length is one number, and that the body keeps to it. */
static void set_body(struct rh_h2_stream *stream, bool has_body)
{
    struct rh_request *request = &stream->request;
    struct rh_bytes text;

    request->body = has_body ? RH_REQUEST_BODY_CHUNKED : RH_REQUEST_BODY_NONE;
    request->body_length = has_body ? RH_SIZE_UNKNOWN : 0;
    if (rh_request_single(request, "Content-Length", &text) != RH_OK)
        return;
    request->body = RH_REQUEST_BODY_LENGTH;
    if (rh_bytes_parse_u64(text, &request->body_length) != RH_OK ||
        request->body_length > INT64_MAX)
        refuse(stream, 400, "Content-Length is not a valid number.");
}

static void set_expect(struct rh_h2_stream *stream)
{
    struct rh_request *request = &stream->request;
    size_t count;
    const struct rh_header *expect = rh_request_find(request, "Expect", &count);

    if (count == 0)
        return;
    if (count > 1 || !rh_bytes_equal_nocase(expect->value, rh_bytes_of("100-continue")))
        refuse(stream, 417, "The only Expect understood is 100-continue.");
    request->expect_continue = request->body != RH_REQUEST_BODY_NONE && request->body_length != 0;
}

enum rh_error rh_h2_head_finish(struct rh_h2 *h2, struct rh_h2_stream *stream, bool has_body)
{
    struct rh_h2_block *block = h2->block;
    struct rh_request *request = &stream->request;
    struct pseudo pseudo = {0};
    struct rh_header *headers;
    size_t first;

    if (block->too_large)
        refuse(stream, 431, "The head of the request is too large.");
    if (block->invalid)
        refuse(stream, 400, "A header of the request is not valid.");
    headers = take_block(block);
    if (headers == NULL)
        return RH_ERR_MEMORY;
    stream->memory = headers;
    first = take_pseudo(headers, block->count, &pseudo);
    request->headers = headers + first;
    request->header_count = block->count - first;
    request->version = 20;
    request->keep_alive = true;
    request->secure = rh_bytes_equal_str(pseudo.scheme, "https");
    if (request->header_count > RH_H2_HEADERS)
        refuse(stream, 431, "The request has too many headers.");
    set_method(stream, pseudo.method);
    if (stream->status == 0)
        set_target(stream, pseudo.path);
    if (stream->status == 0)
        set_authority(stream, pseudo.authority);
    set_body(stream, has_body);
    set_expect(stream);
    return RH_OK;
}

enum rh_error rh_h2_trailers_finish(struct rh_h2 *h2, struct rh_h2_stream *stream)
{
    static const char *const forbidden[] = {"content-length", "transfer-encoding", "host"};
    struct rh_h2_block *block = h2->block;
    struct rh_header *trailers;

    if (block->too_large || block->invalid)
        return RH_ERR_SYNTAX;
    trailers = take_block(block);
    if (trailers == NULL)
        return RH_ERR_MEMORY;
    stream->trailer_memory = trailers;
    for (size_t i = 0; i < block->count; i++)
        for (size_t f = 0; f < sizeof forbidden / sizeof forbidden[0]; f++)
            if (rh_bytes_equal_str(trailers[i].name, forbidden[f]))
                return RH_ERR_SYNTAX;
    stream->request.trailers = trailers;
    stream->request.trailer_count = block->count;
    return RH_OK;
}
