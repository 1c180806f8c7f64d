/* SPDX-License-Identifier: MIT */
#include "http/url.h"

/* Length of the well-formed sequence at `text`, or 0 (Unicode 15, table 3-7). */
static size_t utf8_sequence(const uint8_t *text, size_t size)
{
    uint8_t lead = text[0];
    if (lead < 0x80) {
        return 1;
    }
    uint8_t low = 0x80; /* bounds of the second byte: they exclude overlong forms and surrogates */
    uint8_t high = 0xbf;
    size_t length;
    if (lead >= 0xc2 && lead <= 0xdf) {
        length = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        length = 3;
        low = lead == 0xe0 ? 0xa0 : 0x80;
        high = lead == 0xed ? 0x9f : 0xbf;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        length = 4;
        low = lead == 0xf0 ? 0x90 : 0x80;
        high = lead == 0xf4 ? 0x8f : 0xbf;
    } else {
        return 0;
    }
    if (size < length || text[1] < low || text[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

bool rh_utf8_valid(struct rh_bytes text)
{
    for (size_t i = 0; i < text.size;) {
        size_t length = utf8_sequence(text.data + i, text.size - i);
        if (length == 0) {
            return false;
        }
        i += length;
    }
    return true;
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

/* Undoes percent-encoding; on error `out` is as before. */
static enum rh_error decode(struct rh_bytes raw, bool plus_is_space, struct rh_buffer *out)
{
    size_t start = out->size;
    enum rh_error error = RH_OK;
    for (size_t i = 0; i < raw.size && error == RH_OK; i++) {
        uint8_t c = raw.data[i];
        if (c == '+' && plus_is_space) {
            c = ' ';
        } else if (c == '%') {
            int high = raw.size - i > 2 ? hex_digit(raw.data[i + 1]) : -1;
            int low = raw.size - i > 2 ? hex_digit(raw.data[i + 2]) : -1;
            if (high < 0 || low < 0) {
                error = RH_ERR_SYNTAX;
                break;
            }
            c = (uint8_t)(high * 16 + low);
            i += 2;
        }
        error = c == 0 ? RH_ERR_SYNTAX : rh_buffer_put_byte(out, c);
    }
    struct rh_bytes text = {out->data + start, out->size - start};
    if (error == RH_OK && text.size > 0 && !rh_utf8_valid(text)) {
        error = RH_ERR_SYNTAX;
    }
    if (error != RH_OK) {
        out->size = start;
    }
    return error;
}

enum rh_error rh_url_segment_next(struct rh_bytes *rest, struct rh_bytes *raw)
{
    if (rest->size == 0) {
        return RH_ERR_UNKNOWN;
    }
    if (rest->data[0] != '/') {
        return RH_ERR_SYNTAX;
    }
    struct rh_bytes after = {rest->data + 1, rest->size - 1};
    size_t end = rh_bytes_find(after, '/');
    *raw = (struct rh_bytes){after.data, end};
    *rest = (struct rh_bytes){after.data + end, after.size - end};
    return RH_OK;
}

enum rh_error rh_url_segment_decode(struct rh_bytes raw, struct rh_buffer *out)
{
    size_t start = out->size;
    enum rh_error error = decode(raw, false, out);
    if (error != RH_OK) {
        return error;
    }
    struct rh_bytes text = {out->data + start, out->size - start};
    if (rh_bytes_equal_str(text, ".") || rh_bytes_equal_str(text, "..")) {
        out->size = start;
        return RH_ERR_SYNTAX;
    }
    return RH_OK;
}

/* One segment of a whole path, with its slash. */
static enum rh_error path_segment_decode(struct rh_bytes raw, struct rh_buffer *out)
{
    enum rh_error error = rh_buffer_put_byte(out, '/');
    if (error != RH_OK) {
        return error;
    }
    size_t start = out->size;
    error = rh_url_segment_decode(raw, out);
    if (error != RH_OK) {
        return error;
    }
    struct rh_bytes text = {out->data + start, out->size - start};
    bool ambiguous = rh_bytes_find(text, '/') < text.size || rh_bytes_find(text, '\\') < text.size;
    return ambiguous ? RH_ERR_SYNTAX : RH_OK;
}

enum rh_error rh_url_path_decode(struct rh_bytes path, struct rh_buffer *out)
{
    size_t start = out->size;
    struct rh_bytes rest = path;
    struct rh_bytes raw;
    enum rh_error error;
    if (path.size == 0) {
        return RH_ERR_SYNTAX;
    }
    while ((error = rh_url_segment_next(&rest, &raw)) == RH_OK) {
        error = path_segment_decode(raw, out);
        if (error != RH_OK) {
            break;
        }
    }
    if (error == RH_ERR_UNKNOWN) {
        return RH_OK; /* the end of the path */
    }
    out->size = start;
    return error;
}

enum rh_error rh_url_query_next(struct rh_bytes *rest, struct rh_bytes *name,
                                struct rh_bytes *value)
{
    while (rest->size > 0) {
        size_t end = rh_bytes_find(*rest, '&');
        struct rh_bytes pair = {rest->data, end};
        size_t used = end < rest->size ? end + 1 : end;
        *rest = (struct rh_bytes){rest->data + used, rest->size - used};
        if (pair.size == 0) {
            continue;
        }
        size_t equals = rh_bytes_find(pair, '=');
        *name = (struct rh_bytes){pair.data, equals};
        *value = (struct rh_bytes){0};
        if (equals < pair.size) {
            *value = (struct rh_bytes){pair.data + equals + 1, pair.size - equals - 1};
        }
        return RH_OK;
    }
    return RH_ERR_UNKNOWN;
}

enum rh_error rh_url_query_decode(struct rh_bytes raw, struct rh_buffer *out)
{
    return decode(raw, true, out);
}

enum rh_error rh_url_query_find(struct rh_bytes query, const char *name, struct rh_buffer *out)
{
    struct rh_bytes wanted = rh_bytes_of(name);
    struct rh_bytes rest = query;
    struct rh_bytes raw_name;
    struct rh_bytes raw_value;
    struct rh_bytes found = {0};
    size_t count = 0;
    while (rh_url_query_next(&rest, &raw_name, &raw_value) == RH_OK) {
        uint8_t memory[128]; /* names that we look for are shorter */
        struct rh_buffer decoded;
        rh_buffer_init(&decoded, memory, sizeof memory);
        if (rh_url_query_decode(raw_name, &decoded) != RH_OK ||
            !rh_bytes_equal(rh_buffer_bytes(&decoded), wanted)) {
            continue; /* somebody else's parameter, even if it is broken */
        }
        found = raw_value;
        count++;
    }
    if (count == 0) {
        return RH_ERR_UNKNOWN;
    }
    return count > 1 ? RH_ERR_SYNTAX : rh_url_query_decode(found, out);
}
