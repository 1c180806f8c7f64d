/* SPDX-License-Identifier: MIT */
#include "fields/content_range.h"

static struct rh_bytes head(struct rh_bytes bytes, size_t size)
{
    return (struct rh_bytes){bytes.data, size};
}

static struct rh_bytes tail(struct rh_bytes bytes, size_t from)
{
    return (struct rh_bytes){bytes.data + from, bytes.size - from};
}

/* Passes over the unit and what parts it from the range. Units are compared without regard to case.
 */
static bool skip_unit(struct rh_bytes *text, const char *unit)
{
    struct rh_bytes expected = rh_bytes_of(unit);

    if (text->size < expected.size || !rh_bytes_equal_nocase(head(*text, expected.size), expected))
        return false;
    *text = tail(*text, expected.size);
    return true;
}

static enum rh_error parse_span(struct rh_bytes text, struct rh_range *range)
{
    size_t hyphen = rh_bytes_find(text, '-');
    uint64_t first = 0;
    uint64_t last = 0;
    enum rh_error error;

    if (hyphen == text.size)
        return RH_ERR_SYNTAX;
    error = rh_bytes_parse_u64(head(text, hyphen), &first);
    if (error == RH_OK)
        error = rh_bytes_parse_u64(tail(text, hyphen + 1), &last);
    if (error != RH_OK)
        return error;
    /* The last byte of all numbers would make a length of 2^64, or an end that overflows. */
    if (last < first || last == UINT64_MAX)
        return RH_ERR_RANGE;
    *range = (struct rh_range){first, last - first + 1};
    return RH_OK;
}

enum rh_error rh_content_range_parse(struct rh_bytes text, struct rh_content_range *out)
{
    struct rh_content_range parsed = {.has_range = false, .total = RH_SIZE_UNKNOWN};
    struct rh_bytes span, total;
    size_t slash;
    enum rh_error error;

    if (!skip_unit(&text, "bytes "))
        return RH_ERR_SYNTAX;
    slash = rh_bytes_find(text, '/');
    if (slash == text.size)
        return RH_ERR_SYNTAX;
    span = head(text, slash);
    total = tail(text, slash + 1);
    parsed.has_range = !rh_bytes_equal_str(span, "*");
    if (parsed.has_range) {
        error = parse_span(span, &parsed.range);
        if (error != RH_OK)
            return error;
    }
    if (rh_bytes_equal_str(total, "*")) {
        if (!parsed.has_range)
            return RH_ERR_SYNTAX; /* says nothing at all; the grammar does not have it */
        *out = parsed;
        return RH_OK;
    }
    error = rh_bytes_parse_u64(total, &parsed.total);
    if (error != RH_OK)
        return error;
    if (parsed.total == RH_SIZE_UNKNOWN)
        return RH_ERR_RANGE;
    if (parsed.has_range && parsed.range.offset + parsed.range.length > parsed.total)
        return RH_ERR_RANGE;
    *out = parsed;
    return RH_OK;
}

/* Whether a range could be read back. */
static bool is_writable(const struct rh_content_range *range)
{
    uint64_t end;

    if (!range->has_range)
        return range->total != RH_SIZE_UNKNOWN;
    if (range->range.length == 0 ||
        __builtin_add_overflow(range->range.offset, range->range.length, &end))
        return false;
    return end <= range->total; /* RH_SIZE_UNKNOWN is the greatest number */
}

enum rh_error rh_content_range_write(struct rh_buffer *buffer, const struct rh_content_range *range)
{
    size_t before = buffer->size;
    enum rh_error error = is_writable(range) ? RH_OK : RH_ERR_RANGE;

    if (error == RH_OK)
        error = rh_buffer_put_str(buffer, range->has_range ? "bytes " : "bytes *");
    if (error == RH_OK && range->has_range) {
        error = rh_buffer_put_u64(buffer, range->range.offset);
        if (error == RH_OK)
            error = rh_buffer_put_byte(buffer, '-');
        if (error == RH_OK)
            error = rh_buffer_put_u64(buffer, range->range.offset + range->range.length - 1);
    }
    if (error == RH_OK)
        error = rh_buffer_put_byte(buffer, '/');
    if (error == RH_OK && range->total == RH_SIZE_UNKNOWN)
        error = rh_buffer_put_byte(buffer, '*');
    else if (error == RH_OK)
        error = rh_buffer_put_u64(buffer, range->total);
    if (error != RH_OK)
        buffer->size = before;
    return error;
}

/* Digits, where a number too big for 64 bits counts as the greatest: no object is that large. */
static enum rh_error parse_position(struct rh_bytes text, uint64_t *out)
{
    enum rh_error error = rh_bytes_parse_u64(text, out);

    if (error == RH_ERR_RANGE) {
        *out = UINT64_MAX;
        return RH_OK;
    }
    return error;
}

/* "-n": the last n bytes. */
static enum rh_error parse_suffix(struct rh_bytes digits, uint64_t size, struct rh_range *out)
{
    uint64_t count;
    enum rh_error error = parse_position(digits, &count);

    if (error != RH_OK)
        return error;
    if (count > size)
        count = size;
    if (count == 0)
        return RH_ERR_RANGE;
    *out = (struct rh_range){size - count, count};
    return RH_OK;
}

enum rh_error rh_range_parse(struct rh_bytes text, uint64_t size, struct rh_range *out)
{
    uint64_t first;
    uint64_t last = UINT64_MAX;
    size_t hyphen;

    if (!skip_unit(&text, "bytes="))
        return RH_ERR_SYNTAX;
    if (rh_bytes_find(text, ',') < text.size)
        return RH_ERR_LIMIT;
    text = rh_bytes_trim(text);
    hyphen = rh_bytes_find(text, '-');
    if (hyphen == text.size)
        return RH_ERR_SYNTAX;
    if (hyphen == 0)
        return parse_suffix(tail(text, 1), size, out);
    if (parse_position(head(text, hyphen), &first) != RH_OK)
        return RH_ERR_SYNTAX;
    if (hyphen + 1 < text.size && parse_position(tail(text, hyphen + 1), &last) != RH_OK)
        return RH_ERR_SYNTAX;
    if (last < first)
        return RH_ERR_SYNTAX;
    if (first >= size)
        return RH_ERR_RANGE;
    if (last >= size)
        last = size - 1;
    *out = (struct rh_range){first, last - first + 1};
    return RH_OK;
}
