/* SPDX-License-Identifier: MIT */
/*
 * Request heads. Lines are copied into the head buffer byte by byte, because a head may come in any
 * pieces and its spans must outlive the input; a head is a few hundred bytes, so that copy is not
 * worth avoiding. What a byte makes wrong is refused at that byte, so that garbage is answered
 * before any time-out.
 */
#include "http/h1.h"

#include "base/assert.h"
#include "base/mem.h"
#include "http/h1_private.h"
#include "http/target.h"

void rh_h1_init(struct rh_h1 *h1, uint8_t *head, size_t head_cap, struct rh_header *headers,
                size_t header_cap, size_t target_max)
{
    *h1 = (struct rh_h1){
        .head = head,
        .head_cap = head_cap,
        .headers = headers,
        .header_cap = header_cap,
        .target_max = target_max > 0 ? target_max : RH_H1_TARGET_BYTES_MAX,
    };
}

/* ---- memory ---- */

struct move {
    const uint8_t *from;
    size_t size;
    const uint8_t *to;
};

/* Spans of constants, and those that are not there yet, stay. */
static void move_span(const struct move *move, struct rh_bytes *span)
{
    if (span->data != NULL && span->data >= move->from && span->data <= move->from + move->size) {
        span->data = move->to + (span->data - move->from);
    }
}

void rh_h1_move(struct rh_h1 *h1, uint8_t *head, size_t head_cap, struct rh_header *headers,
                size_t header_cap)
{
    struct rh_request *request = &h1->request;
    struct rh_bytes *const spans[] = {&request->method, &request->target,    &request->path,
                                      &request->query,  &request->authority, &request->host};
    const struct move move = {h1->head, h1->head_size, head};
    RH_ASSERT(h1->phase != RH_H1_PHASE_FAILED);
    RH_ASSERT(h1->head_size <= head_cap);
    RH_ASSERT(h1->header_count <= header_cap);
    rh_mem_copy(head, h1->head, h1->head_size);
    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++) {
        move_span(&move, spans[i]);
    }
    for (size_t i = 0; i < h1->header_count; i++) {
        headers[i] = h1->headers[i];
        move_span(&move, &headers[i].name);
        move_span(&move, &headers[i].value);
    }
    if (request->headers != NULL) {
        request->headers = headers;
        request->trailers = headers + request->header_count;
    }
    h1->head = head;
    h1->head_cap = head_cap;
    h1->headers = headers;
    h1->header_cap = header_cap;
}

enum rh_error rh_h1_fail(struct rh_h1 *h1, enum rh_error error, unsigned status,
                         const char *problem)
{
    h1->phase = RH_H1_PHASE_FAILED;
    h1->error = error;
    h1->status = status;
    h1->problem = problem;
    h1->request.keep_alive = false;
    return error;
}

static enum rh_error bad(struct rh_h1 *h1, const char *problem)
{
    return rh_h1_fail(h1, RH_ERR_SYNTAX, 400, problem);
}

enum rh_error rh_h1_line_byte(struct rh_h1 *h1, uint8_t c)
{
    if (h1->cr) {
        if (c != '\n') {
            return bad(h1, "A carriage return is not followed by a line feed.");
        }
        h1->cr = false;
        return RH_OK;
    }
    if (c == '\r') {
        h1->cr = true;
        return RH_ERR_AGAIN;
    }
    if (c == '\n') {
        return bad(h1, "A line ends without a carriage return.");
    }
    if ((c < 0x20 && c != '\t') || c == 0x7f) {
        return bad(h1, "The head holds a control byte.");
    }
    if (h1->head_size == h1->head_cap) {
        return rh_h1_fail(h1, RH_ERR_LIMIT, 431, "The head of the request is too large.");
    }
    h1->head[h1->head_size++] = c;
    return RH_ERR_AGAIN;
}

struct rh_bytes rh_h1_line(const struct rh_h1 *h1)
{
    return (struct rh_bytes){h1->head + h1->line_start, h1->head_size - h1->line_start};
}

void rh_h1_line_begin(struct rh_h1 *h1)
{
    h1->line_start = h1->head_size;
}

/*
 * A tab around these two values is legal, but nobody sends it, and there are parsers that then do
 * not recognise them: a way to smuggle.
 */
static bool has_framing_tab(struct rh_bytes name, struct rh_bytes value)
{
    return rh_bytes_find(value, '\t') < value.size &&
           (rh_bytes_equal_nocase(name, rh_bytes_of("Content-Length")) ||
            rh_bytes_equal_nocase(name, rh_bytes_of("Transfer-Encoding")));
}

enum rh_error rh_h1_field(struct rh_h1 *h1)
{
    struct rh_bytes line = rh_h1_line(h1);
    if (line.data[0] == ' ' || line.data[0] == '\t') {
        return bad(h1, "A header line starts with white space.");
    }
    size_t colon = rh_bytes_find(line, ':');
    struct rh_bytes name = {line.data, colon};
    if (colon == line.size || !rh_http_is_token(name)) {
        return bad(h1, "A header line has no valid name.");
    }
    if (h1->header_count == h1->header_cap) {
        return rh_h1_fail(h1, RH_ERR_LIMIT, 431, "The request has too many headers.");
    }
    struct rh_bytes value = {line.data + colon + 1, line.size - colon - 1};
    if (has_framing_tab(name, value)) {
        return bad(h1, "Content-Length or Transfer-Encoding holds a tab.");
    }
    struct rh_header *header = &h1->headers[h1->header_count++];
    header->name = name;
    header->value = rh_bytes_trim(value);
    return RH_OK;
}

/* ---- request line ---- */

/* Limits and grammar of method and target, checked while the line still comes in. */
static enum rh_error request_line_check(struct rh_h1 *h1, uint8_t c)
{
    size_t size = h1->head_size - h1->line_start;
    if (h1->method_size > 0) {
        /* Bytes of the target and of what follows: no valid line is longer than this. */
        bool long_target = size > h1->method_size + 1 + h1->target_max + sizeof " HTTP/1.1" - 1;
        return long_target ? rh_h1_fail(h1, RH_ERR_LIMIT, 414, "The target is too long.") : RH_OK;
    }
    if (c == ' ' && size > 0) {
        h1->method_size = size;
        return RH_OK;
    }
    if (!rh_http_is_token((struct rh_bytes){&c, 1})) {
        return bad(h1, "The request does not start with a method.");
    }
    if (size == RH_H1_METHOD_BYTES_MAX) {
        return rh_h1_fail(h1, RH_ERR_UNKNOWN, 501, "The method is not known.");
    }
    return RH_OK;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static enum rh_error parse_version(struct rh_h1 *h1, struct rh_bytes text)
{
    bool valid = text.size == 8 && rh_bytes_starts_with(text, "HTTP/") && is_digit(text.data[5]) &&
                 text.data[6] == '.' && is_digit(text.data[7]);
    if (!valid) {
        return bad(h1, "The request line does not end with a version of HTTP.");
    }
    if (text.data[5] != '1') {
        return rh_h1_fail(h1, RH_ERR_UNKNOWN, 505, "This server speaks HTTP/1.1.");
    }
    /* A higher minor version is spoken to as 1.1 (RFC 9110, 2.5). */
    h1->request.version = text.data[7] == '0' ? 10 : 11;
    return RH_OK;
}

static enum rh_error parse_target(struct rh_h1 *h1, struct rh_bytes target)
{
    const char *problem = rh_http_set_target(&h1->request, target);
    return problem != NULL ? bad(h1, problem) : RH_OK;
}

static enum rh_error parse_request_line(struct rh_h1 *h1)
{
    struct rh_request *request = &h1->request;
    struct rh_bytes line = rh_h1_line(h1);
    if (h1->method_size == 0) {
        return bad(h1, "The request line has no target.");
    }
    request->method = (struct rh_bytes){line.data, h1->method_size};
    request->method_id = rh_http_method(request->method);
    struct rh_bytes rest = {line.data + h1->method_size + 1, line.size - h1->method_size - 1};
    size_t space = rh_bytes_find(rest, ' ');
    if (space == rest.size) {
        return bad(h1, "The request line has no version.");
    }
    if (space > h1->target_max) {
        return rh_h1_fail(h1, RH_ERR_LIMIT, 414, "The target is too long.");
    }
    struct rh_bytes version = {rest.data + space + 1, rest.size - space - 1};
    enum rh_error error = parse_version(h1, version);
    if (error != RH_OK) {
        return error;
    }
    if (rh_bytes_equal_str(request->method, "CONNECT")) {
        return rh_h1_fail(h1, RH_ERR_UNKNOWN, 501, "This server is no proxy.");
    }
    return parse_target(h1, (struct rh_bytes){rest.data, space});
}

/* ---- what the fields say together ---- */

static enum rh_error apply_host(struct rh_h1 *h1)
{
    struct rh_request *request = &h1->request;
    size_t count;
    const struct rh_header *host = rh_request_find(request, "Host", &count);
    if (count > 1 || (count == 0 && request->version != 10)) {
        return bad(h1, "There must be one Host header.");
    }
    if (count == 0) {
        return RH_OK;
    }
    struct rh_request scratch = {
        0}; /* an absolute target wins, but Host must be valid all the same */
    if (!rh_http_set_authority(&scratch, host->value)) {
        return bad(h1, "The Host header is not valid.");
    }
    if (request->authority.size == 0) {
        request->authority = scratch.authority;
        request->host = scratch.host;
    }
    return RH_OK;
}

/*
 * RFC 9112, 6.3. Where the RFC lets a server choose between repairing and refusing, we refuse: the
 * body's end must be read alike by every proxy in front of us.
 */
static enum rh_error apply_framing(struct rh_h1 *h1)
{
    struct rh_request *request = &h1->request;
    size_t length_count;
    size_t encoding_count;
    const struct rh_header *length = rh_request_find(request, "Content-Length", &length_count);
    const struct rh_header *encoding =
        rh_request_find(request, "Transfer-Encoding", &encoding_count);
    request->body = RH_REQUEST_BODY_NONE;
    if (length_count > 0 && encoding_count > 0) {
        return bad(h1, "Content-Length and Transfer-Encoding contradict each other.");
    }
    if (length_count > 1 || encoding_count > 1) {
        return bad(h1, "Content-Length or Transfer-Encoding is repeated.");
    }
    if (encoding_count == 1) {
        if (request->version == 10) {
            return bad(h1, "HTTP/1.0 has no Transfer-Encoding.");
        }
        if (!rh_bytes_equal_nocase(encoding->value, rh_bytes_of("chunked"))) {
            return rh_h1_fail(h1, RH_ERR_UNKNOWN, 501,
                              "The only Transfer-Encoding understood is chunked.");
        }
        request->body = RH_REQUEST_BODY_CHUNKED;
        request->body_length = RH_SIZE_UNKNOWN;
    }
    if (length_count == 1) {
        enum rh_error error = rh_bytes_parse_u64(length->value, &request->body_length);
        if (error != RH_OK || request->body_length > INT64_MAX) {
            return bad(h1, "Content-Length is not a valid number.");
        }
        request->body = RH_REQUEST_BODY_LENGTH;
    }
    return RH_OK;
}

static enum rh_error apply_expect(struct rh_h1 *h1)
{
    struct rh_request *request = &h1->request;
    size_t count;
    const struct rh_header *expect = rh_request_find(request, "Expect", &count);
    if (count == 0 || request->version == 10) {
        return RH_OK; /* RFC 9110, 10.1.1: to be ignored in HTTP/1.0 */
    }
    if (count > 1 || !rh_bytes_equal_nocase(expect->value, rh_bytes_of("100-continue"))) {
        return rh_h1_fail(h1, RH_ERR_UNKNOWN, 417, "The only Expect understood is 100-continue.");
    }
    request->expect_continue =
        request->body == RH_REQUEST_BODY_CHUNKED ||
        (request->body == RH_REQUEST_BODY_LENGTH && request->body_length > 0);
    return RH_OK;
}

static enum rh_error finish_head(struct rh_h1 *h1)
{
    struct rh_request *request = &h1->request;
    request->headers = h1->headers;
    request->header_count = h1->header_count;
    request->trailers = h1->headers + h1->header_count;
    enum rh_error error = apply_host(h1);
    if (error == RH_OK) {
        error = apply_framing(h1);
    }
    if (error == RH_OK) {
        error = apply_expect(h1);
    }
    if (error != RH_OK) {
        return error;
    }
    /* HTTP/1.0's keep-alive is not worth its rules: such clients get one answer a connection. */
    request->keep_alive =
        request->version != 10 && !rh_request_lists(request, "Connection", "close");
    switch (request->body) {
    case RH_REQUEST_BODY_NONE:
        h1->phase = RH_H1_PHASE_DONE;
        break;
    case RH_REQUEST_BODY_LENGTH:
        h1->left = request->body_length;
        h1->phase = h1->left > 0 ? RH_H1_PHASE_BODY_LENGTH : RH_H1_PHASE_DONE;
        break;
    case RH_REQUEST_BODY_CHUNKED:
        h1->phase = RH_H1_PHASE_CHUNK_SIZE;
        break;
    }
    return RH_OK;
}

/* ---- the phases of a head ---- */

/*
 * A byte before the request line. One empty line is tolerated (RFC 9112, 2.2). `*used` says if it
 * was taken.
 */
static enum rh_error start_byte(struct rh_h1 *h1, uint8_t c, size_t *used)
{
    if (!h1->cr && (c != '\r' || h1->empty_line)) {
        h1->phase = RH_H1_PHASE_REQUEST_LINE;
        rh_h1_line_begin(h1);
        return RH_ERR_AGAIN; /* not taken: it belongs to the request line */
    }
    if (h1->cr && c != '\n') {
        return bad(h1, "A carriage return is not followed by a line feed.");
    }
    h1->empty_line = h1->cr;
    h1->cr = !h1->cr;
    *used += 1;
    return RH_ERR_AGAIN;
}

static enum rh_error request_line_byte(struct rh_h1 *h1, uint8_t c)
{
    if (!h1->cr && c != '\r') {
        enum rh_error error = request_line_check(h1, c);
        if (error != RH_OK) {
            return error;
        }
    }
    enum rh_error error = rh_h1_line_byte(h1, c);
    if (error == RH_OK) {
        error = parse_request_line(h1);
        if (error == RH_OK) {
            h1->phase = RH_H1_PHASE_FIELDS;
            rh_h1_line_begin(h1);
            error = RH_ERR_AGAIN;
        }
    }
    return error;
}

static enum rh_error fields_byte(struct rh_h1 *h1, uint8_t c)
{
    enum rh_error error = rh_h1_line_byte(h1, c);
    if (error != RH_OK) {
        return error;
    }
    if (rh_h1_line(h1).size == 0) {
        return finish_head(h1);
    }
    error = rh_h1_field(h1);
    if (error == RH_OK) {
        rh_h1_line_begin(h1);
        error = RH_ERR_AGAIN;
    }
    return error;
}

enum rh_error rh_h1_head(struct rh_h1 *h1, struct rh_bytes in, size_t *used)
{
    enum rh_error error = RH_ERR_AGAIN;
    *used = 0;
    if (h1->phase == RH_H1_PHASE_FAILED) {
        return h1->error;
    }
    RH_ASSERT(h1->phase <= RH_H1_PHASE_FIELDS);
    while (*used < in.size && error == RH_ERR_AGAIN) {
        uint8_t c = in.data[*used];
        if (h1->phase == RH_H1_PHASE_START) {
            error = start_byte(h1, c, used);
            continue;
        }
        *used += 1;
        error = h1->phase == RH_H1_PHASE_FIELDS ? fields_byte(h1, c) : request_line_byte(h1, c);
    }
    return error;
}

/* ---- between requests ---- */

bool rh_h1_done(const struct rh_h1 *h1)
{
    return h1->phase == RH_H1_PHASE_DONE;
}

void rh_h1_next(struct rh_h1 *h1)
{
    RH_ASSERT(h1->phase == RH_H1_PHASE_DONE);
    RH_ASSERT(h1->request.keep_alive);
    rh_h1_init(h1, h1->head, h1->head_cap, h1->headers, h1->header_cap, h1->target_max);
}

bool rh_h1_idle(const struct rh_h1 *h1)
{
    return h1->phase == RH_H1_PHASE_START;
}

enum rh_error rh_h1_closed(const struct rh_h1 *h1)
{
    if (h1->phase == RH_H1_PHASE_FAILED) {
        return h1->error;
    }
    return rh_h1_idle(h1) || rh_h1_done(h1) ? RH_OK : RH_ERR_CLOSED;
}

unsigned rh_h1_status(const struct rh_h1 *h1)
{
    return h1->status;
}

const char *rh_h1_problem(const struct rh_h1 *h1)
{
    return h1->problem != NULL ? h1->problem : "";
}
