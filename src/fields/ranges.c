/* SPDX-License-Identifier: MIT */
/* Lists of ranges (Reelhaul-Durable, Reelhaul-Missing) and of chunk indexes (Reelhaul-Chunks). */
#include "fields/receipt.h"

void rh_ranges_init(struct rh_ranges *ranges, struct rh_bytes text)
{
    *ranges = (struct rh_ranges){.error = RH_OK};
    rh_sf_init(&ranges->sf, text);
}

static bool fail(struct rh_ranges *ranges, enum rh_error error)
{
    ranges->error = error;
    return false;
}

/* "(offset length)" and its parameters, the '(' having been met. */
static enum rh_error parse_range(struct rh_sf *sf, struct rh_ranges_item *item)
{
    struct rh_sf_value numbers[2];
    struct rh_sf_value value;
    struct rh_bytes key;

    *item = (struct rh_ranges_item){.has_crc64 = false};
    for (size_t i = 0; i < 2; i++) {
        if (!rh_sf_inner_next(sf, &numbers[i]) || numbers[i].type != RH_SF_INTEGER)
            return RH_ERR_SYNTAX;
    }
    if (rh_sf_inner_next(sf, &value))
        return RH_ERR_SYNTAX;
    while (rh_sf_param_next(sf, &key, &value)) {
        if (rh_bytes_equal_str(key, "kept")) {
            if (value.type != RH_SF_BOOLEAN)
                return RH_ERR_SYNTAX;
            item->kept = value.boolean;
        }
        if (!rh_bytes_equal_str(key, "crc64"))
            continue;
        if (rh_crc64_of_value(&value, &item->crc64) != RH_OK)
            return RH_ERR_SYNTAX;
        item->has_crc64 = true;
    }
    if (sf->error != RH_OK)
        return sf->error;
    if (numbers[0].integer < 0 || numbers[1].integer <= 0)
        return RH_ERR_RANGE;
    item->range.offset = (uint64_t)numbers[0].integer;
    item->range.length = (uint64_t)numbers[1].integer;
    return RH_OK;
}

bool rh_ranges_next(struct rh_ranges *ranges, struct rh_ranges_item *item)
{
    struct rh_sf_value value;
    enum rh_error error;

    if (ranges->error != RH_OK)
        return false;
    if (!rh_sf_list_next(&ranges->sf, &value))
        return fail(ranges, ranges->sf.error); /* RH_OK at the end */
    if (ranges->count == RH_RANGES_MAX)
        return fail(ranges, RH_ERR_LIMIT);
    if (value.type != RH_SF_INNER_LIST)
        return fail(ranges, RH_ERR_SYNTAX);
    error = parse_range(&ranges->sf, item);
    if (error != RH_OK)
        return fail(ranges, error);
    if (item->range.offset < ranges->end)
        return fail(ranges, RH_ERR_RANGE);
    ranges->end = item->range.offset + item->range.length; /* 15 digits each: no overflow */
    ranges->count++;
    return true;
}

enum rh_error rh_ranges_end(const struct rh_ranges *ranges)
{
    return ranges->error;
}

enum rh_error rh_ranges_put(struct rh_buffer *buffer, size_t index, struct rh_range range,
                            const uint64_t *crc64, bool kept)
{
    size_t before = buffer->size;
    enum rh_error error = rh_buffer_put_str(buffer, index > 0 ? ", (" : "(");

    if (error == RH_OK)
        error = range.length > 0 ? rh_sf_put_u64(buffer, range.offset) : RH_ERR_RANGE;
    if (error == RH_OK)
        error = rh_buffer_put_byte(buffer, ' ');
    if (error == RH_OK)
        error = rh_sf_put_u64(buffer, range.length);
    if (error == RH_OK)
        error = rh_buffer_put_byte(buffer, ')');
    if (error == RH_OK && crc64 != NULL)
        error = rh_buffer_put_str(buffer, ";crc64=");
    if (error == RH_OK && crc64 != NULL)
        error = rh_crc64_field_write(buffer, *crc64);
    if (error == RH_OK && kept)
        error = rh_buffer_put_str(buffer, ";kept");
    if (error != RH_OK)
        buffer->size = before;
    return error;
}

enum rh_error rh_chunks_next(struct rh_bytes *text, uint64_t *first, uint64_t *last)
{
    struct rh_bytes rest = rh_bytes_trim(*text);
    size_t comma = rh_bytes_find(rest, ',');
    struct rh_bytes run = rh_bytes_trim((struct rh_bytes){rest.data, comma});
    size_t hyphen = rh_bytes_find(run, '-');
    enum rh_error error;

    if (rest.size == 0)
        return RH_ERR_AGAIN;
    if (comma + 1 == rest.size)
        return RH_ERR_SYNTAX; /* a comma with nothing behind it */
    error = rh_bytes_parse_u64((struct rh_bytes){run.data, hyphen}, first);
    if (error != RH_OK)
        return error;
    *last = *first;
    if (hyphen < run.size) {
        struct rh_bytes end = {run.data + hyphen + 1, run.size - hyphen - 1};

        error = rh_bytes_parse_u64(end, last);
        if (error != RH_OK)
            return error;
    }
    if (*last < *first)
        return RH_ERR_RANGE;
    if (comma == rest.size)
        *text = (struct rh_bytes){rest.data + rest.size, 0};
    else
        *text = (struct rh_bytes){rest.data + comma + 1, rest.size - comma - 1};
    return RH_OK;
}

enum rh_error rh_chunks_put(struct rh_buffer *buffer, size_t index, uint64_t first, uint64_t last)
{
    size_t before = buffer->size;
    enum rh_error error = last < first ? RH_ERR_RANGE : RH_OK;

    if (error == RH_OK && index > 0)
        error = rh_buffer_put_str(buffer, ", ");
    if (error == RH_OK)
        error = rh_buffer_put_u64(buffer, first);
    if (error == RH_OK && last > first)
        error = rh_buffer_put_byte(buffer, '-');
    if (error == RH_OK && last > first)
        error = rh_buffer_put_u64(buffer, last);
    if (error != RH_OK)
        buffer->size = before;
    return error;
}
