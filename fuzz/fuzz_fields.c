/* SPDX-License-Identifier: MIT */
/*
 * Every parser of fields/ over any bytes. What a parser took must write and read back as the same
 * value; a receipt that changes on its way would be a promise that nobody made.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "fields/content_range.h"
#include "fields/date.h"
#include "fields/receipt.h"
#include "fields/retry_after.h"
#include "fields/sf.h"
#include "fields/upload_metadata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char memory[8192];

static void receipt(struct rh_bytes text)
{
    struct rh_receipt first = {0};
    struct rh_receipt second = {0};
    struct rh_buffer out;

    if (rh_receipt_parse(text, &first) != RH_OK)
        return;
    rh_buffer_init(&out, memory, RH_RECEIPT_TEXT_MAX);
    RH_ASSERT(rh_receipt_write(&out, &first) == RH_OK);
    RH_ASSERT(rh_receipt_parse(rh_buffer_bytes(&out), &second) == RH_OK);
    RH_ASSERT(first.offset == second.offset && first.length == second.length);
    RH_ASSERT(first.crc64 == second.crc64);
    RH_ASSERT(first.kept_until_complete == second.kept_until_complete);
    RH_ASSERT(first.durable == second.durable);
}

static void ranges(struct rh_bytes text)
{
    struct rh_ranges list;
    struct rh_ranges_item item;
    struct rh_buffer out;
    uint64_t end = 0;
    size_t count = 0;

    rh_buffer_init(&out, memory, RH_RANGES_TEXT_MAX);
    rh_ranges_init(&list, text);
    for (; rh_ranges_next(&list, &item); count++) {
        RH_ASSERT(item.range.length > 0 && item.range.offset >= end);
        end = item.range.offset + item.range.length;
        RH_ASSERT(rh_ranges_put(&out, count, item.range, item.has_crc64 ? &item.crc64 : NULL,
                                item.kept) == RH_OK);
    }
    RH_ASSERT(count <= RH_RANGES_MAX);
    rh_ranges_init(&list, rh_buffer_bytes(&out));
    while (rh_ranges_next(&list, &item))
        count--;
    RH_ASSERT(count == 0 && rh_ranges_end(&list) == RH_OK);
}

static void structured(struct rh_bytes text)
{
    struct rh_sf sf;
    struct rh_bytes key;
    struct rh_sf_value value;
    struct rh_sf_value inner;

    rh_sf_init(&sf, text);
    while (rh_sf_dict_next(&sf, &key, &value)) {
        while (rh_sf_inner_next(&sf, &inner))
            rh_sf_string_copy(memory, 64, &inner);
        rh_sf_bytes_copy(memory, 64, &value);
    }
    rh_sf_end(&sf);
    rh_sf_init(&sf, text);
    if (rh_sf_item(&sf, &value))
        rh_sf_end(&sf);
}

static void dates(struct rh_bytes text)
{
    struct rh_buffer out;
    int64_t first;
    int64_t second;
    rh_ms delay_ms;

    if (rh_retry_after_parse(text, 1000000000, &delay_ms) == RH_OK)
        RH_ASSERT(delay_ms <= RH_RETRY_AFTER_MS_MAX);
    if (rh_date_parse(text, &first) != RH_OK)
        return;
    rh_buffer_init(&out, memory, RH_DATE_CHARS);
    if (rh_date_write(&out, first) != RH_OK)
        return; /* a leap second at the end of the year 9999 */
    RH_ASSERT(rh_date_parse(rh_buffer_bytes(&out), &second) == RH_OK);
    RH_ASSERT(first == second);
}

static void positions(struct rh_bytes text)
{
    struct rh_content_range range;
    struct rh_range one;
    struct rh_writer writer;
    struct rh_buffer out;
    uint64_t first, last;

    rh_buffer_init(&out, memory, 256);
    if (rh_content_range_parse(text, &range) == RH_OK)
        RH_ASSERT(rh_content_range_write(&out, &range) == RH_OK);
    if (rh_range_parse(text, 1000, &one) == RH_OK)
        RH_ASSERT(one.length > 0 && one.offset < 1000 && one.length <= 1000 - one.offset);
    if (rh_writer_parse(text, &writer) == RH_OK)
        RH_ASSERT(rh_writer_write(&out, (struct rh_bytes){writer.lease, writer.lease_size},
                                  writer.number) == RH_OK);
    while (rh_chunks_next(&text, &first, &last) == RH_OK)
        RH_ASSERT(first <= last);
}

static void metadata(struct rh_bytes text)
{
    static struct rh_upload_metadata_pair first[RH_UPLOAD_METADATA_PAIRS_MAX];
    static struct rh_upload_metadata_pair second[RH_UPLOAD_METADATA_PAIRS_MAX];
    static uint8_t value[4096];
    struct rh_buffer out;
    size_t count = 0;
    size_t again = 0;

    if (text.size > sizeof value || rh_upload_metadata_parse(text, first, &count) != RH_OK)
        return;
    rh_buffer_init(&out, memory, sizeof memory);
    for (size_t i = 0; i < count; i++) {
        ptrdiff_t size = rh_upload_metadata_decode(value, sizeof value, first[i].value);
        RH_ASSERT(size >= 0 && (size_t)size == rh_upload_metadata_size(first[i].value));
        RH_ASSERT(rh_upload_metadata_put(&out, i, first[i].key,
                                         (struct rh_bytes){value, (size_t)size}) == RH_OK);
    }
    RH_ASSERT(rh_upload_metadata_parse(rh_buffer_bytes(&out), second, &again) == RH_OK);
    RH_ASSERT(again == count);
    for (size_t i = 0; i < count; i++) {
        RH_ASSERT(rh_bytes_equal(first[i].key, second[i].key));
        RH_ASSERT(rh_bytes_equal(first[i].value, second[i].value));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rh_bytes text = {data, size};

    receipt(text);
    ranges(text);
    structured(text);
    dates(text);
    positions(text);
    metadata(text);
    return 0;
}
