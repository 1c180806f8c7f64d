/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"

#include "base/mem.h"

#define U64_DIGITS_MAX 20

void rh_buffer_init(struct rh_buffer *buffer, void *memory, size_t cap)
{
    buffer->data = memory;
    buffer->size = 0;
    buffer->cap = cap;
}

enum rh_error rh_buffer_put(struct rh_buffer *buffer, const void *data, size_t size)
{
    if (size > buffer->cap - buffer->size)
        return RH_ERR_LIMIT;
    if (size > 0)
        rh_mem_copy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    return RH_OK;
}

enum rh_error rh_buffer_put_bytes(struct rh_buffer *buffer, struct rh_bytes bytes)
{
    return rh_buffer_put(buffer, bytes.data, bytes.size);
}

enum rh_error rh_buffer_put_str(struct rh_buffer *buffer, const char *text)
{
    return rh_buffer_put(buffer, text, rh_str_size(text));
}

enum rh_error rh_buffer_put_byte(struct rh_buffer *buffer, uint8_t byte)
{
    return rh_buffer_put(buffer, &byte, 1);
}

enum rh_error rh_buffer_put_u64(struct rh_buffer *buffer, uint64_t value)
{
    uint8_t digits[U64_DIGITS_MAX];
    size_t at = sizeof digits;

    do {
        digits[--at] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return rh_buffer_put(buffer, digits + at, sizeof digits - at);
}

enum rh_error rh_buffer_put_i64(struct rh_buffer *buffer, int64_t value)
{
    size_t before = buffer->size;
    enum rh_error error;

    if (value >= 0)
        return rh_buffer_put_u64(buffer, (uint64_t)value);
    error = rh_buffer_put_byte(buffer, '-');
    if (error == RH_OK)
        error = rh_buffer_put_u64(buffer, 0 - (uint64_t)value);
    if (error != RH_OK)
        buffer->size = before;
    return error;
}

struct rh_bytes rh_buffer_bytes(const struct rh_buffer *buffer)
{
    return (struct rh_bytes){buffer->data, buffer->size};
}

struct rh_bytes rh_bytes_of(const char *text)
{
    if (text == NULL)
        return (struct rh_bytes){NULL, 0};
    return (struct rh_bytes){(const uint8_t *)text, rh_str_size(text)};
}

bool rh_bytes_equal(struct rh_bytes a, struct rh_bytes b)
{
    return a.size == b.size && rh_mem_compare(a.data, b.data, a.size) == 0;
}

bool rh_bytes_equal_str(struct rh_bytes a, const char *b)
{
    return rh_bytes_equal(a, rh_bytes_of(b));
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool rh_bytes_equal_nocase(struct rh_bytes a, struct rh_bytes b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++) {
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    }
    return true;
}

bool rh_bytes_starts_with(struct rh_bytes bytes, const char *prefix)
{
    size_t size = rh_str_size(prefix);

    return bytes.size >= size && rh_mem_compare(bytes.data, prefix, size) == 0;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

struct rh_bytes rh_bytes_trim(struct rh_bytes bytes)
{
    while (bytes.size > 0 && is_blank(bytes.data[0])) {
        bytes.data++;
        bytes.size--;
    }
    while (bytes.size > 0 && is_blank(bytes.data[bytes.size - 1]))
        bytes.size--;
    return bytes;
}

size_t rh_bytes_find(struct rh_bytes bytes, uint8_t byte)
{
    size_t i = 0;

    while (i < bytes.size && bytes.data[i] != byte)
        i++;
    return i;
}

enum rh_error rh_bytes_parse_u64(struct rh_bytes bytes, uint64_t *out)
{
    uint64_t value = 0;
    bool too_big = false;

    if (bytes.size == 0)
        return RH_ERR_SYNTAX;
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t c = bytes.data[i];

        if (c < '0' || c > '9')
            return RH_ERR_SYNTAX;
        /* Goes on to the end all the same: "1e99…x" is broken, not big. Compared before, as an
         * overflow builtin needs 128-bit multiplication, which wasm has only in a runtime library.
         */
        uint64_t digit = (uint64_t)(c - '0');
        if (value > (UINT64_MAX - digit) / 10)
            too_big = true;
        else
            value = value * 10 + digit;
    }
    if (too_big)
        return RH_ERR_RANGE;
    *out = value;
    return RH_OK;
}

uint16_t rh_le16_get(const uint8_t in[2])
{
    return (uint16_t)(in[0] | in[1] << 8);
}

uint32_t rh_le32_get(const uint8_t in[4])
{
    return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

uint64_t rh_le64_get(const uint8_t in[8])
{
    return (uint64_t)rh_le32_get(in) | (uint64_t)rh_le32_get(in + 4) << 32;
}

void rh_le16_put(uint8_t out[2], uint16_t value)
{
    out[0] = (uint8_t)value;
    out[1] = (uint8_t)(value >> 8);
}

void rh_le32_put(uint8_t out[4], uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

void rh_le64_put(uint8_t out[8], uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

uint64_t rh_be64_get(const uint8_t in[8])
{
    return __builtin_bswap64(rh_le64_get(in));
}

void rh_be64_put(uint8_t out[8], uint64_t value)
{
    rh_le64_put(out, __builtin_bswap64(value));
}
