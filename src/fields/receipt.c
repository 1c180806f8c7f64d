/* SPDX-License-Identifier: MIT */
/* Receipts and the fields of one value beside them. ranges.c holds the lists of ranges. */
#include "fields/receipt.h"

#define U64_SIZE 8

enum rh_error rh_crc64_of_value(const struct rh_sf_value *value, uint64_t *out)
{
    uint8_t raw[U64_SIZE];

    if (rh_sf_bytes_copy(raw, sizeof raw, value) != U64_SIZE)
        return RH_ERR_SYNTAX;
    *out = rh_be64_get(raw);
    return RH_OK;
}

enum rh_error rh_crc64_field_parse(struct rh_bytes text, uint64_t *out)
{
    struct rh_sf sf;
    struct rh_sf_value value;

    rh_sf_init(&sf, text);
    if (!rh_sf_item(&sf, &value) || rh_sf_end(&sf) != RH_OK)
        return RH_ERR_SYNTAX;
    return rh_crc64_of_value(&value, out);
}

enum rh_error rh_crc64_field_write(struct rh_buffer *buffer, uint64_t crc64)
{
    uint8_t raw[U64_SIZE];

    rh_be64_put(raw, crc64);
    return rh_sf_put_byte_sequence(buffer, raw, sizeof raw);
}

static enum rh_error u64_of_value(const struct rh_sf_value *value, uint64_t *out)
{
    if (value->type != RH_SF_INTEGER)
        return RH_ERR_SYNTAX;
    if (value->integer < 0)
        return RH_ERR_RANGE;
    *out = (uint64_t)value->integer;
    return RH_OK;
}

enum { HAS_OFFSET = 1, HAS_LENGTH = 2, HAS_CRC64 = 4, HAS_ALL = 7 };

/* Takes one key of a receipt; keys that we do not know promise nothing. */
static enum rh_error receipt_key(struct rh_receipt *receipt, unsigned *has, struct rh_bytes key,
                                 const struct rh_sf_value *value)
{
    if (rh_bytes_equal_str(key, "offset")) {
        *has |= HAS_OFFSET;
        return u64_of_value(value, &receipt->offset);
    }
    if (rh_bytes_equal_str(key, "length")) {
        *has |= HAS_LENGTH;
        return u64_of_value(value, &receipt->length);
    }
    if (rh_bytes_equal_str(key, "crc64")) {
        *has |= HAS_CRC64;
        return rh_crc64_of_value(value, &receipt->crc64);
    }
    if (rh_bytes_equal_str(key, "kept"))
        receipt->kept_until_complete =
            value->type == RH_SF_TOKEN && rh_bytes_equal_str(value->text, "until-complete");
    if (rh_bytes_equal_str(key, "durable"))
        receipt->durable = value->type == RH_SF_BOOLEAN && value->boolean;
    return RH_OK;
}

enum rh_error rh_receipt_parse(struct rh_bytes text, struct rh_receipt *out)
{
    struct rh_receipt receipt = {0};
    struct rh_sf sf;
    struct rh_bytes key;
    struct rh_sf_value value;
    unsigned has = 0;

    rh_sf_init(&sf, text);
    while (rh_sf_dict_next(&sf, &key, &value)) {
        enum rh_error error = receipt_key(&receipt, &has, key, &value);

        if (error != RH_OK)
            return error;
    }
    if (rh_sf_end(&sf) != RH_OK || has != HAS_ALL)
        return RH_ERR_SYNTAX;
    /* Both are at most 15 digits, so their sum cannot overflow. */
    *out = receipt;
    return RH_OK;
}

enum rh_error rh_receipt_write(struct rh_buffer *buffer, const struct rh_receipt *receipt)
{
    size_t before = buffer->size;
    enum rh_error error = rh_buffer_put_str(buffer, "offset=");

    if (error == RH_OK)
        error = rh_sf_put_u64(buffer, receipt->offset);
    if (error == RH_OK)
        error = rh_buffer_put_str(buffer, ", length=");
    if (error == RH_OK)
        error = rh_sf_put_u64(buffer, receipt->length);
    if (error == RH_OK)
        error = rh_buffer_put_str(buffer, ", crc64=");
    if (error == RH_OK)
        error = rh_crc64_field_write(buffer, receipt->crc64);
    if (error == RH_OK && receipt->kept_until_complete)
        error = rh_buffer_put_str(buffer, ", kept=until-complete");
    if (error == RH_OK && receipt->durable)
        error = rh_buffer_put_str(buffer, ", durable");
    if (error != RH_OK)
        buffer->size = before;
    return error;
}

enum rh_error rh_writer_parse(struct rh_bytes text, struct rh_writer *out)
{
    struct rh_writer writer = {0};
    struct rh_sf sf;
    struct rh_sf_value value;
    ptrdiff_t size;
    enum rh_error error;

    rh_sf_init(&sf, text);
    if (!rh_sf_list_next(&sf, &value))
        return RH_ERR_SYNTAX;
    size = rh_sf_string_copy(writer.lease, sizeof writer.lease, &value);
    if (size < 0)
        return (enum rh_error)size;
    if (size == 0 || !rh_sf_list_next(&sf, &value))
        return RH_ERR_SYNTAX;
    writer.lease_size = (size_t)size;
    error = u64_of_value(&value, &writer.number);
    if (error != RH_OK)
        return error;
    if (rh_sf_list_next(&sf, &value) || rh_sf_end(&sf) != RH_OK)
        return RH_ERR_SYNTAX;
    *out = writer;
    return RH_OK;
}

enum rh_error rh_writer_write(struct rh_buffer *buffer, struct rh_bytes lease, uint64_t number)
{
    size_t before = buffer->size;
    enum rh_error error;

    if (lease.size == 0 || lease.size > RH_WRITER_LEASE_MAX)
        return RH_ERR_RANGE;
    error = rh_sf_put_string(buffer, lease);
    if (error == RH_OK)
        error = rh_buffer_put_str(buffer, ", ");
    if (error == RH_OK)
        error = rh_sf_put_u64(buffer, number);
    if (error != RH_OK)
        buffer->size = before;
    return error;
}
