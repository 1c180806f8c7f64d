/* SPDX-License-Identifier: MIT */
#include "http/message.h"

#include "base/assert.h"

/* tchar of RFC 9110, 5.6.2, one bit for each of the bytes 0-63 and 64-127. */
static bool is_token_byte(uint8_t c)
{
    static const uint64_t tchars[2] = {0x03ff6cfa00000000, 0x57ffffffc7fffffe};
    return c < 128 && (tchars[c >> 6] >> (c & 63) & 1) != 0;
}

bool rh_http_is_token(struct rh_bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!is_token_byte(text.data[i])) {
            return false;
        }
    }
    return text.size > 0;
}

bool rh_http_is_field_value(struct rh_bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

/* Headers that say where a message ends, or that only the connection can know. */
bool rh_http_is_framing(struct rh_bytes name)
{
    static const char *const names[] = {
        "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive",
        "Upgrade",        "Trailer",           "Date"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (rh_bytes_equal_nocase(name, rh_bytes_of(names[i]))) {
            return true;
        }
    }
    return false;
}

enum rh_method rh_http_method(struct rh_bytes token)
{
    static const struct {
        const char *name;
        enum rh_method method;
    } methods[] = {
        {"GET", RH_METHOD_GET},         {"HEAD", RH_METHOD_HEAD},   {"POST", RH_METHOD_POST},
        {"PUT", RH_METHOD_PUT},         {"PATCH", RH_METHOD_PATCH}, {"DELETE", RH_METHOD_DELETE},
        {"OPTIONS", RH_METHOD_OPTIONS},
    };
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (rh_bytes_equal_str(token, methods[i].name)) {
            return methods[i].method;
        }
    }
    return RH_METHOD_OTHER;
}

static const struct {
    unsigned status;
    const char *reason;
} reasons[] = {
    {100, "Continue"},
    {103, "Early Hints"},
    {104, "Upload Resumption Supported"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {460, "Checksum Mismatch"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const char *rh_http_reason(unsigned status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "";
}

const struct rh_header *rh_request_find(const struct rh_request *request, const char *name,
                                        size_t *count_out)
{
    const struct rh_header *first = NULL;
    size_t count = 0;
    struct rh_bytes wanted = rh_bytes_of(name);
    for (size_t i = 0; i < request->header_count; i++) {
        if (!rh_bytes_equal_nocase(request->headers[i].name, wanted)) {
            continue;
        }
        if (first == NULL) {
            first = &request->headers[i];
        }
        count++;
    }
    if (count_out != NULL) {
        *count_out = count;
    }
    return first;
}

enum rh_error rh_request_single(const struct rh_request *request, const char *name,
                                struct rh_bytes *value)
{
    size_t count;
    const struct rh_header *header = rh_request_find(request, name, &count);
    *value = (struct rh_bytes){0};
    if (count == 0) {
        return RH_ERR_UNKNOWN;
    }
    if (count > 1) {
        return RH_ERR_SYNTAX;
    }
    *value = header->value;
    return RH_OK;
}

static bool value_lists(struct rh_bytes value, struct rh_bytes token)
{
    size_t start = 0;
    for (size_t i = 0; i <= value.size; i++) {
        if (i < value.size && value.data[i] != ',') {
            continue;
        }
        struct rh_bytes element = {value.data + start, i - start};
        if (rh_bytes_equal_nocase(rh_bytes_trim(element), token)) {
            return true;
        }
        start = i + 1;
    }
    return false;
}

bool rh_request_lists(const struct rh_request *request, const char *name, const char *token)
{
    struct rh_bytes wanted = rh_bytes_of(name);
    for (size_t i = 0; i < request->header_count; i++) {
        const struct rh_header *header = &request->headers[i];
        if (header->value.size > 0 && rh_bytes_equal_nocase(header->name, wanted) &&
            value_lists(header->value, rh_bytes_of(token))) {
            return true;
        }
    }
    return false;
}

bool rh_media_type_is(struct rh_bytes value, const char *type)
{
    struct rh_bytes essence = {value.data, rh_bytes_find(value, ';')};
    return rh_bytes_equal_nocase(rh_bytes_trim(essence), rh_bytes_of(type));
}

void rh_response_init(struct rh_response *response, void *memory, size_t cap)
{
    *response = (struct rh_response){.status = 200, .file = -1};
    rh_buffer_init(&response->text, memory, cap);
}

enum rh_error rh_response_add(struct rh_response *response, const char *name, struct rh_bytes value)
{
    struct rh_bytes name_bytes = rh_bytes_of(name);
    if (!rh_http_is_token(name_bytes) || !rh_http_is_field_value(value)) {
        return RH_ERR_SYNTAX;
    }
    if (rh_http_is_framing(name_bytes)) {
        return RH_ERR_STATE;
    }
    if (response->header_count == RH_RESPONSE_HEADERS) {
        return RH_ERR_LIMIT;
    }
    size_t start = response->text.size;
    enum rh_error error = rh_buffer_put_bytes(&response->text, value);
    if (error != RH_OK) {
        return error;
    }
    struct rh_header *header = &response->headers[response->header_count++];
    header->name = name_bytes;
    header->value = (struct rh_bytes){response->text.data + start, value.size};
    return RH_OK;
}

enum rh_error rh_response_add_str(struct rh_response *response, const char *name, const char *value)
{
    return rh_response_add(response, name, rh_bytes_of(value));
}

enum rh_error rh_response_add_u64(struct rh_response *response, const char *name, uint64_t value)
{
    uint8_t digits[20];
    struct rh_buffer text;
    rh_buffer_init(&text, digits, sizeof digits);
    enum rh_error error = rh_buffer_put_u64(&text, value);
    RH_ASSERT(error == RH_OK); /* 2^64-1 has 20 digits */
    return rh_response_add(response, name, rh_buffer_bytes(&text));
}

const struct rh_header *rh_response_find(const struct rh_response *response, const char *name)
{
    struct rh_bytes wanted = rh_bytes_of(name);
    for (size_t i = 0; i < response->header_count; i++) {
        if (rh_bytes_equal_nocase(response->headers[i].name, wanted)) {
            return &response->headers[i];
        }
    }
    return NULL;
}

void rh_response_set_bytes(struct rh_response *response, struct rh_bytes bytes)
{
    response->body = RH_RESPONSE_BODY_BYTES;
    response->bytes = bytes;
}

void rh_response_set_file(struct rh_response *response, int64_t file, struct rh_range range)
{
    response->body = RH_RESPONSE_BODY_FILE;
    response->file = file;
    response->range = range;
}

uint64_t rh_response_body_length(const struct rh_response *response)
{
    switch (response->body) {
    case RH_RESPONSE_BODY_BYTES:
        return response->bytes.size;
    case RH_RESPONSE_BODY_FILE:
        return response->range.length;
    case RH_RESPONSE_BODY_NONE:
        break;
    }
    return 0;
}
