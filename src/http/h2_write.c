/* SPDX-License-Identifier: MIT */
/* Answers of HTTP/2. */
#include "fields/date.h"
#include "http/h2_private.h"

#define STATUS_TEXT 3
#define LENGTH_TEXT 20

static nghttp2_nv pair(struct rh_bytes name, struct rh_bytes value)
{
    /* It copies both, and makes names lower case. */
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name.data,
                        .namelen = name.size,
                        .value = (uint8_t *)(uintptr_t)value.data,
                        .valuelen = value.size,
                        .flags = NGHTTP2_NV_FLAG_NONE};
}

/* As in h1_write.c: the last gate, whoever filled the header. */
static enum rh_error add_header(nghttp2_nv *pairs, size_t *count, const struct rh_header *header)
{
    if (!rh_http_is_token(header->name) || !rh_http_is_field_value(header->value))
        return RH_ERR_SYNTAX;
    if (rh_http_is_framing(header->name))
        return RH_ERR_STATE;
    pairs[(*count)++] = pair(header->name, header->value);
    return RH_OK;
}

static struct rh_bytes number(struct rh_buffer *text, void *memory, size_t cap, uint64_t value)
{
    rh_buffer_init(text, memory, cap);
    (void)rh_buffer_put_u64(text, value);
    return rh_buffer_bytes(text);
}

static enum rh_error error_of(int result)
{
    if (result == NGHTTP2_ERR_NOMEM)
        return RH_ERR_MEMORY;
    return result == 0 ? RH_OK : RH_ERR_CLOSED;
}

/* ---- bodies ---- */

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *out, size_t cap,
                         uint32_t *flags, nghttp2_data_source *source, void *context)
{
    struct rh_h2 *h2 = context;
    struct rh_h2_stream *stream = source->ptr;
    size_t want = stream->left < cap ? (size_t)stream->left : cap;
    size_t n = want > 0 ? h2->handler.read(h2->handler.context, stream, out, want) : 0;

    (void)session;
    (void)id;
    if (n == 0 && want > 0)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    stream->left -= n;
    if (stream->left == 0)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

/* ---- heads ---- */

enum rh_error rh_h2_respond(struct rh_h2 *h2, struct rh_h2_stream *stream,
                            const struct rh_response *response, int64_t date_s, bool head_only)
{
    nghttp2_nv pairs[RH_RESPONSE_HEADERS + 3];
    uint8_t texts[3][RH_DATE_TEXT > LENGTH_TEXT ? RH_DATE_TEXT : LENGTH_TEXT];
    struct rh_buffer text;
    bool has_body = response->status != 204 && response->status != 304;
    uint64_t length = rh_response_body_length(response);
    nghttp2_data_provider body = {.source.ptr = stream, .read_callback = read_body};
    size_t count = 0;

    if (response->status < 200 || response->status > 599)
        return RH_ERR_RANGE;
    if (stream->id == 0)
        return RH_ERR_CLOSED;
    pairs[count++] =
        pair(rh_bytes_of(":status"), number(&text, texts[0], STATUS_TEXT, response->status));
    if (date_s >= 0) {
        rh_buffer_init(&text, texts[1], sizeof texts[1]);
        if (rh_date_write(&text, date_s) == RH_OK)
            pairs[count++] = pair(rh_bytes_of("date"), rh_buffer_bytes(&text));
    }
    for (size_t i = 0; i < response->header_count; i++) {
        enum rh_error error = add_header(pairs, &count, &response->headers[i]);

        if (error != RH_OK)
            return error;
    }
    if (has_body)
        pairs[count++] =
            pair(rh_bytes_of("content-length"), number(&text, texts[2], LENGTH_TEXT, length));
    has_body = has_body && length > 0 && !head_only;
    stream->left = has_body ? length : 0;
    stream->answered = true;
    return error_of(
        nghttp2_submit_response(h2->session, stream->id, pairs, count, has_body ? &body : NULL));
}

enum rh_error rh_h2_inform(struct rh_h2 *h2, struct rh_h2_stream *stream, unsigned status,
                           const struct rh_header *headers, size_t header_count)
{
    nghttp2_nv pairs[RH_RESPONSE_HEADERS + 1];
    uint8_t memory[STATUS_TEXT];
    struct rh_buffer text;
    size_t count = 0;

    if (status < 100 || status > 199 || status == 101 || header_count > RH_RESPONSE_HEADERS)
        return RH_ERR_RANGE;
    if (stream->id == 0 || stream->answered)
        return RH_ERR_CLOSED;
    pairs[count++] = pair(rh_bytes_of(":status"), number(&text, memory, sizeof memory, status));
    for (size_t i = 0; i < header_count; i++) {
        enum rh_error error = add_header(pairs, &count, &headers[i]);

        if (error != RH_OK)
            return error;
    }
    return error_of(nghttp2_submit_headers(h2->session, NGHTTP2_FLAG_NONE, stream->id, NULL, pairs,
                                           count, NULL) < 0
                        ? NGHTTP2_ERR_INVALID_STATE
                        : 0);
}
