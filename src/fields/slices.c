/* SPDX-License-Identifier: MIT */
#include "fields/slices.h"

#include "fields/receipt.h"

#define SUM_MAX 999999999999999u /* the largest structured integer */

static enum rh_error parse_one(struct rh_sf *sf, const struct rh_sf_value *length,
                               struct rh_slice *slice)
{
    struct rh_sf_value value;
    struct rh_bytes key;
    bool has_crc64 = false;
    if (length->type != RH_SF_INTEGER)
        return RH_ERR_SYNTAX;
    while (rh_sf_param_next(sf, &key, &value)) {
        if (!rh_bytes_equal_str(key, "crc64"))
            continue;
        if (rh_crc64_of_value(&value, &slice->crc64) != RH_OK)
            return RH_ERR_SYNTAX;
        has_crc64 = true;
    }
    if (sf->error != RH_OK || !has_crc64)
        return RH_ERR_SYNTAX;
    if (length->integer <= 0)
        return RH_ERR_RANGE;
    slice->length = (uint64_t)length->integer;
    return RH_OK;
}

enum rh_error rh_slices_parse(struct rh_bytes text, struct rh_slice slices[RH_SLICES_MAX],
                              size_t *count)
{
    struct rh_sf sf;
    struct rh_sf_value value;
    size_t n = 0;
    uint64_t sum = 0;
    rh_sf_init(&sf, text);
    while (rh_sf_list_next(&sf, &value)) {
        if (n == RH_SLICES_MAX)
            return RH_ERR_LIMIT;
        enum rh_error error = parse_one(&sf, &value, &slices[n]);
        if (error != RH_OK)
            return error;
        sum += slices[n].length; /* 64 times 15 digits: no overflow */
        n++;
    }
    if (sf.error != RH_OK)
        return sf.error;
    if (n == 0)
        return RH_ERR_SYNTAX;
    if (sum > SUM_MAX)
        return RH_ERR_RANGE;
    *count = n;
    return RH_OK;
}

enum rh_error rh_slices_write(struct rh_buffer *buffer, const struct rh_slice *slices, size_t count)
{
    size_t before = buffer->size;
    enum rh_error error = RH_OK;
    for (size_t i = 0; i < count && error == RH_OK; i++) {
        error = rh_buffer_put_str(buffer, i > 0 ? ", " : "");
        if (error == RH_OK)
            error = slices[i].length > 0 ? rh_sf_put_u64(buffer, slices[i].length) : RH_ERR_RANGE;
        if (error == RH_OK)
            error = rh_buffer_put_str(buffer, ";crc64=");
        if (error == RH_OK)
            error = rh_crc64_field_write(buffer, slices[i].crc64);
    }
    if (error != RH_OK)
        buffer->size = before;
    return error;
}
