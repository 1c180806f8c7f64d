/* SPDX-License-Identifier: MIT */
/* The writers of structured fields: RFC 9651, section 4.1. */
#include "base/base64.h"
#include "fields/sf.h"
#include "fields/sf_chars.h"

enum rh_error rh_sf_put_integer(struct rh_buffer *buffer, int64_t value)
{
    if (value > RH_SF_INTEGER_MAX || value < -RH_SF_INTEGER_MAX)
        return RH_ERR_RANGE;
    return rh_buffer_put_i64(buffer, value);
}

enum rh_error rh_sf_put_u64(struct rh_buffer *buffer, uint64_t value)
{
    if (value > (uint64_t)RH_SF_INTEGER_MAX)
        return RH_ERR_RANGE;
    return rh_buffer_put_u64(buffer, value);
}

enum rh_error rh_sf_put_boolean(struct rh_buffer *buffer, bool value)
{
    return rh_buffer_put_str(buffer, value ? "?1" : "?0");
}

enum rh_error rh_sf_put_token(struct rh_buffer *buffer, struct rh_bytes token)
{
    if (token.size == 0 || (!rh_sf_is_alpha(token.data[0]) && token.data[0] != '*'))
        return RH_ERR_SYNTAX;
    for (size_t i = 1; i < token.size; i++) {
        if (!rh_sf_is_token_char(token.data[i]))
            return RH_ERR_SYNTAX;
    }
    return rh_buffer_put_bytes(buffer, token);
}

enum rh_error rh_sf_put_string(struct rh_buffer *buffer, struct rh_bytes text)
{
    size_t before = buffer->size;
    enum rh_error error = rh_buffer_put_byte(buffer, '"');

    for (size_t i = 0; i < text.size && error == RH_OK; i++) {
        uint8_t c = text.data[i];

        if (c < 0x20 || c > 0x7e)
            error = RH_ERR_SYNTAX;
        if (error == RH_OK && (c == '"' || c == '\\'))
            error = rh_buffer_put_byte(buffer, '\\');
        if (error == RH_OK)
            error = rh_buffer_put_byte(buffer, c);
    }
    if (error == RH_OK)
        error = rh_buffer_put_byte(buffer, '"');
    if (error != RH_OK)
        buffer->size = before;
    return error;
}

enum rh_error rh_sf_put_byte_sequence(struct rh_buffer *buffer, const void *data, size_t size)
{
    size_t room = buffer->cap - buffer->size;
    char *out = (char *)buffer->data + buffer->size;
    ptrdiff_t written;

    if (room < 2)
        return RH_ERR_LIMIT;
    written = rh_base64_encode(out + 1, room - 2, data, size);
    if (written < 0)
        return RH_ERR_LIMIT;
    out[0] = ':';
    out[written + 1] = ':';
    buffer->size += (size_t)written + 2;
    return RH_OK;
}
