/* SPDX-License-Identifier: MIT */
#include "fields/upload_metadata.h"

#include "base/base64.h"

static bool key_is_fine(struct rh_bytes key)
{
    if (key.size == 0)
        return false;
    for (size_t i = 0; i < key.size; i++) {
        uint8_t c = key.data[i];
        /* Visible ASCII or beyond it: nothing that a header could not carry back. */
        if (c <= 0x20 || c == 0x7f || c == ',')
            return false;
    }
    return true;
}

/* Whether it is base 64 to the last bit, without room for what it says. */
static bool value_is_fine(struct rh_bytes value)
{
    uint8_t out[192];
    const size_t step = sizeof out / 3 * 4;
    size_t at = 0;
    while (value.size - at > step) {
        /* Padding in the middle would end a piece early. */
        if (rh_base64_decode(out, sizeof out, (const char *)value.data + at, step) !=
            (ptrdiff_t)sizeof out)
            return false;
        at += step;
    }
    return value.size == at ||
           rh_base64_decode(out, sizeof out, (const char *)value.data + at, value.size - at) >= 0;
}

static enum rh_error pair_read(struct rh_bytes text, struct rh_upload_metadata_pair *pair)
{
    size_t space = rh_bytes_find(text, ' ');
    pair->key = (struct rh_bytes){text.data, space};
    pair->value = (struct rh_bytes){NULL, 0};
    if (!key_is_fine(pair->key))
        return RH_ERR_SYNTAX;
    if (space == text.size)
        return RH_OK;
    pair->value = (struct rh_bytes){text.data + space + 1, text.size - space - 1};
    return value_is_fine(pair->value) ? RH_OK : RH_ERR_SYNTAX;
}

enum rh_error
rh_upload_metadata_parse(struct rh_bytes text,
                         struct rh_upload_metadata_pair pairs[static RH_UPLOAD_METADATA_PAIRS_MAX],
                         size_t *count)
{
    size_t found = 0;
    text = rh_bytes_trim(text);
    for (bool more = text.size > 0; more;) {
        size_t comma = rh_bytes_find(text, ',');
        if (found == RH_UPLOAD_METADATA_PAIRS_MAX)
            return RH_ERR_LIMIT;
        struct rh_upload_metadata_pair *pair = &pairs[found];
        enum rh_error error = pair_read(rh_bytes_trim((struct rh_bytes){text.data, comma}), pair);
        if (error != RH_OK)
            return error;
        for (size_t i = 0; i < found; i++) {
            if (rh_bytes_equal(pairs[i].key, pair->key))
                return RH_ERR_EXISTS;
        }
        found++;
        more = comma < text.size;
        if (more) {
            text.data += comma + 1;
            text.size -= comma + 1;
        }
    }
    *count = found;
    return RH_OK;
}

size_t rh_upload_metadata_size(struct rh_bytes value)
{
    size_t size = value.size / 4 * 3;
    for (size_t i = value.size; i > 0 && value.data[i - 1] == '='; i--)
        size--;
    return size;
}

ptrdiff_t rh_upload_metadata_decode(void *out, size_t cap, struct rh_bytes value)
{
    if (value.size == 0)
        return 0;
    return rh_base64_decode(out, cap, (const char *)value.data, value.size);
}

static enum rh_error put(struct rh_buffer *buffer, size_t index, struct rh_bytes key,
                         struct rh_bytes value)
{
    enum rh_error error = index == 0 ? RH_OK : rh_buffer_put_byte(buffer, ',');
    if (error == RH_OK)
        error = rh_buffer_put_bytes(buffer, key);
    if (error != RH_OK || value.size == 0)
        return error;
    error = rh_buffer_put_byte(buffer, ' ');
    if (error != RH_OK)
        return error;
    ptrdiff_t size = rh_base64_encode((char *)buffer->data + buffer->size,
                                      buffer->cap - buffer->size, value.data, value.size);
    if (size < 0)
        return (enum rh_error)size;
    buffer->size += (size_t)size;
    return RH_OK;
}

enum rh_error rh_upload_metadata_put(struct rh_buffer *buffer, size_t index, struct rh_bytes key,
                                     struct rh_bytes value)
{
    size_t before = buffer->size;
    if (!key_is_fine(key))
        return RH_ERR_SYNTAX;
    enum rh_error error = put(buffer, index, key, value);
    if (error != RH_OK)
        buffer->size = before;
    return error;
}
