/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_HTTP_MESSAGE_H
#define REELHAUL_HTTP_MESSAGE_H
/*
 * HTTP messages without a wire format (RFC 9110): what a request head says and what an answer will
 * say. h1 fills and writes these; h2 will do the same, so nothing above this room knows which it
 * was.
 *
 * All spans of a request point into the head buffer that the parser's caller owns; they live until
 * the parser is told to go on to the next request.
 */
#include <reelhaul/types.h>

#include "base/bytes.h"

struct rh_header {
    struct rh_bytes name;  /* a token, in the case it was sent */
    struct rh_bytes value; /* without white space around it */
};

enum rh_method {
    RH_METHOD_OTHER, /* a valid token that we do not know: see request.method */
    RH_METHOD_GET,
    RH_METHOD_HEAD,
    RH_METHOD_POST,
    RH_METHOD_PUT,
    RH_METHOD_PATCH,
    RH_METHOD_DELETE,
    RH_METHOD_OPTIONS,
};

enum rh_request_body {
    RH_REQUEST_BODY_NONE,    /* no framing was given: there is no body */
    RH_REQUEST_BODY_LENGTH,  /* exactly body_length bytes, which may be 0 */
    RH_REQUEST_BODY_CHUNKED, /* until its end is seen (h1: chunked; h2: no content-length) */
};

struct rh_request {
    enum rh_method method_id;
    struct rh_bytes method; /* as sent; methods are case-sensitive */
    struct rh_bytes target; /* the raw request target, for logs (it may hold secrets of others) */
    struct rh_bytes path;   /* raw, still percent-encoded; starts with '/'; "*" for OPTIONS * */
    struct rh_bytes query;  /* raw, without '?' ; empty when absent */
    /*
     * host[:port] of the target if that is absolute, else of Host; may be empty in HTTP/1.0. Use
     * this one, never the Host header (RFC 9112, 3.2.2).
     */
    struct rh_bytes authority;
    struct rh_bytes host; /* authority without port and without the brackets of an IPv6 address */
    const struct rh_header *headers;
    size_t header_count;
    const struct rh_header *trailers; /* valid once the body has ended */
    size_t trailer_count;
    enum rh_request_body body;
    uint64_t body_length; /* LENGTH: bytes; CHUNKED: RH_SIZE_UNKNOWN; NONE: 0 */
    bool expect_continue; /* the sender waits for 100 before it sends the body */
    bool secure;          /* it came by TLS */
    bool keep_alive;      /* another request may follow on this connection */
    uint8_t version;      /* 10, 11 or 20 */
};

/*
 * First header of that name (ASCII, any case), or NULL. `count_out` may be NULL; else how many
 * there are.
 */
const struct rh_header *rh_request_find(const struct rh_request *request, const char *name,
                                        size_t *count_out);

/*
 * The value of a header that must not be repeated. RH_OK; RH_ERR_UNKNOWN absent (value becomes
 * empty); RH_ERR_SYNTAX more than one.
 */
enum rh_error rh_request_single(const struct rh_request *request, const char *name,
                                struct rh_bytes *value);

/*
 * Whether a comma-separated list, over all headers of that name, holds the token (ASCII, any case).
 * Empty elements are skipped; parameters are not looked at.
 */
bool rh_request_lists(const struct rh_request *request, const char *name, const char *token);

/* Whether a Content-Type value names this type ("application/json"), whatever its parameters. */
bool rh_media_type_is(struct rh_bytes value, const char *type);

/* ---- grammar that parsers and writers share (RFC 9110, 5) ---- */

bool rh_http_is_token(struct rh_bytes text);       /* 1*tchar */
bool rh_http_is_field_value(struct rh_bytes text); /* no CTL but HTAB; obs-text allowed */
bool rh_http_is_framing(struct rh_bytes name); /* Content-Length and others that a writer owns */
enum rh_method rh_http_method(struct rh_bytes token);
const char *rh_http_reason(unsigned status); /* "OK"; "" for codes we do not know */

/* ---- answers ---- */

#define RH_RESPONSE_HEADERS 40

enum rh_response_body {
    RH_RESPONSE_BODY_NONE,  /* Content-Length: 0 where the status allows a body */
    RH_RESPONSE_BODY_BYTES, /* `bytes`, owned by who built the answer, until it is sent */
    RH_RESPONSE_BODY_FILE,  /* `range` of `file` */
};

/*
 * An answer. Names must be string constants (they are kept by pointer); values are copied into the
 * memory given to init. Content-Length, Transfer-Encoding, Connection and Date belong to the wire
 * format's writer: adding them is refused, so that framing cannot be contradicted.
 */
struct rh_response {
    unsigned status;
    struct rh_header headers[RH_RESPONSE_HEADERS];
    size_t header_count;
    struct rh_buffer text; /* private: the values */
    enum rh_response_body body;
    struct rh_bytes bytes;
    /*
     * What it means is the shell's matter: a descriptor in serve, an index in the simulator.
     * Whoever sends the answer closes it. -1: none.
     */
    int64_t file;
    struct rh_range range;
    bool close; /* this is the last answer of the connection */
};

/*
 * `memory` (a few KiB are plenty) must live as long as the answer. Status 200, no headers, no body.
 */
void rh_response_init(struct rh_response *response, void *memory, size_t cap);

/*
 * Adds a header; the order of calls is the order on the wire; a name may be added twice
 * (Set-Cookie, Link). RH_ERR_SYNTAX: name is no token, or value holds CR, LF, NUL or another
 * control byte; RH_ERR_STATE: a framing header; RH_ERR_LIMIT: no room. On error nothing was added.
 */
enum rh_error rh_response_add(struct rh_response *response, const char *name,
                              struct rh_bytes value);
enum rh_error rh_response_add_str(struct rh_response *response, const char *name,
                                  const char *value);
enum rh_error rh_response_add_u64(struct rh_response *response, const char *name, uint64_t value);

/* Header of an answer by name, or NULL (tests and the log want it). */
const struct rh_header *rh_response_find(const struct rh_response *response, const char *name);

void rh_response_set_bytes(struct rh_response *response, struct rh_bytes bytes);
void rh_response_set_file(struct rh_response *response, int64_t file, struct rh_range range);
uint64_t rh_response_body_length(const struct rh_response *response);

#endif
