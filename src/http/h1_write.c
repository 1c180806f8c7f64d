/* SPDX-License-Identifier: MIT */
/*
 * Answers as HTTP/1.1 (RFC 9112, 4). The version is always 1.1, also towards 1.0 clients (RFC 9110,
 * 2.5).
 */
#include "fields/date.h"
#include "http/h1.h"

#define TRY(call)                                                                                  \
    do {                                                                                           \
        enum rh_error try_error = (call);                                                          \
        if (try_error != RH_OK) {                                                                  \
            return try_error;                                                                      \
        }                                                                                          \
    } while (0)

static enum rh_error write_status_line(struct rh_buffer *out, unsigned status)
{
    TRY(rh_buffer_put_str(out, "HTTP/1.1 "));
    TRY(rh_buffer_put_u64(out, status));
    TRY(rh_buffer_put_byte(out, ' '));
    TRY(rh_buffer_put_str(out, rh_http_reason(status)));
    return rh_buffer_put_str(out, "\r\n");
}

/* The last gate against header injection: whoever filled the header, it stays one line. */
static enum rh_error write_header(struct rh_buffer *out, const struct rh_header *header)
{
    if (!rh_http_is_token(header->name) || !rh_http_is_field_value(header->value)) {
        return RH_ERR_SYNTAX;
    }
    if (rh_http_is_framing(header->name)) {
        return RH_ERR_STATE;
    }
    TRY(rh_buffer_put_bytes(out, header->name));
    TRY(rh_buffer_put_str(out, ": "));
    TRY(rh_buffer_put_bytes(out, header->value));
    return rh_buffer_put_str(out, "\r\n");
}

/* 204 and 304 end with their head (RFC 9112, 6.3). */
static bool status_has_body(unsigned status)
{
    return status != 204 && status != 304;
}

static enum rh_error write_head(struct rh_buffer *out, const struct rh_response *response,
                                const struct rh_h1_answer *answer)
{
    TRY(write_status_line(out, response->status));
    if (answer->date_s >= 0) {
        TRY(rh_buffer_put_str(out, "Date: "));
        TRY(rh_date_write(out, answer->date_s));
        TRY(rh_buffer_put_str(out, "\r\n"));
    }
    for (size_t i = 0; i < response->header_count; i++) {
        TRY(write_header(out, &response->headers[i]));
    }
    if (status_has_body(response->status)) {
        TRY(rh_buffer_put_str(out, "Content-Length: "));
        TRY(rh_buffer_put_u64(out, rh_response_body_length(response)));
        TRY(rh_buffer_put_str(out, "\r\n"));
    }
    if (answer->close || response->close) {
        TRY(rh_buffer_put_str(out, "Connection: close\r\n"));
    }
    return rh_buffer_put_str(out, "\r\n");
}

enum rh_error rh_h1_write_head(struct rh_buffer *out, const struct rh_response *response,
                               const struct rh_h1_answer *answer)
{
    if (response->status < 200 || response->status > 599) {
        return RH_ERR_RANGE;
    }
    size_t start = out->size;
    enum rh_error error = write_head(out, response, answer);
    if (error != RH_OK) {
        out->size = start;
    }
    return error;
}

bool rh_h1_sends_body(const struct rh_response *response, const struct rh_h1_answer *answer)
{
    return !answer->head_only && status_has_body(response->status) &&
           rh_response_body_length(response) > 0;
}

static enum rh_error write_interim(struct rh_buffer *out, unsigned status,
                                   const struct rh_header *headers, size_t header_count)
{
    TRY(write_status_line(out, status));
    for (size_t i = 0; i < header_count; i++) {
        TRY(write_header(out, &headers[i]));
    }
    return rh_buffer_put_str(out, "\r\n");
}

enum rh_error rh_h1_write_interim(struct rh_buffer *out, unsigned status,
                                  const struct rh_header *headers, size_t header_count)
{
    if (status < 100 || status > 199 || status == 101) {
        return RH_ERR_RANGE;
    }
    size_t start = out->size;
    enum rh_error error = write_interim(out, status, headers, header_count);
    if (error != RH_OK) {
        out->size = start;
    }
    return error;
}
