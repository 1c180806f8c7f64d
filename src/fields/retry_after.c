/* SPDX-License-Identifier: MIT */
#include "fields/retry_after.h"

#include "fields/date.h"

static rh_ms capped_ms(uint64_t delay_s)
{
    return delay_s > RH_RETRY_AFTER_MS_MAX / 1000 ? RH_RETRY_AFTER_MS_MAX : delay_s * 1000;
}

enum rh_error rh_retry_after_parse(struct rh_bytes text, int64_t wall_now_s, rh_ms *delay_ms)
{
    struct rh_bytes trimmed = rh_bytes_trim(text);
    uint64_t delay_s;
    int64_t then_s;
    enum rh_error error = rh_bytes_parse_u64(trimmed, &delay_s);

    if (error == RH_OK || error == RH_ERR_RANGE) {
        *delay_ms = error == RH_OK ? capped_ms(delay_s) : RH_RETRY_AFTER_MS_MAX;
        return RH_OK;
    }
    error = rh_date_parse(trimmed, &then_s);
    if (error != RH_OK)
        return error;
    *delay_ms = then_s > wall_now_s ? capped_ms((uint64_t)then_s - (uint64_t)wall_now_s) : 0;
    return RH_OK;
}
