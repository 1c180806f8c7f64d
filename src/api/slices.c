/* SPDX-License-Identifier: MIT */
/*
 * A body that breaks leaves a prefix, and the checksum of the whole part says nothing about it. So
 * a sender may declare the checksums of slices; of a broken body only whole slices that were right
 * are vouched for, and the first wrong one ends the body.
 */
#include <stdlib.h>

#include "api/internal.h"
#include "base/crc64.h"
#include "fields/slices.h"

struct api_slices {
    struct rh_slice items[RH_SLICES_MAX];
    size_t count;
    size_t at;
    uint64_t end;              /* of the slice being read, in bytes of the body */
    uint64_t crc64;            /* declared, of all bytes up to there */
    struct rh_written checked; /* what was written up to the end of the slice before */
};

/* Whether they are slices of just this part. */
static bool fits(const struct api_slices *slices, const struct rh_vault_request *request)
{
    uint64_t length = 0;
    uint64_t crc64 = 0;
    for (size_t i = 0; i < slices->count; i++) {
        length += slices->items[i].length;
        crc64 = rh_crc64_combine(crc64, slices->items[i].crc64, slices->items[i].length);
    }
    return length == request->length && request->has_crc && crc64 == request->crc64;
}

static void expect(struct api_slices *slices)
{
    if (slices->at == slices->count)
        return;
    const struct rh_slice *slice = &slices->items[slices->at];
    slices->end += slice->length;
    slices->crc64 = rh_crc64_combine(slices->crc64, slice->crc64, slice->length);
}

bool api_slices_read(struct rh_exchange *x, const struct rh_vault_request *request)
{
    struct rh_bytes value;
    enum rh_error error = api_header_find(x, "Reelhaul-Slices", &value);
    if (error != RH_OK)
        return error == RH_ERR_UNKNOWN;
    x->slices = calloc(1, sizeof *x->slices);
    if (x->slices == NULL) {
        api_fail(x, "overloaded", NULL);
        return false;
    }
    if (rh_slices_parse(value, x->slices->items, &x->slices->count) != RH_OK ||
        !fits(x->slices, request)) {
        api_fail(x, "invalid_field",
                 "Reelhaul-Slices must list at most %d lengths, each with ;crc64=:base64:, that "
                 "together are the part of Reelhaul-Length and Reelhaul-Crc64.",
                 RH_SLICES_MAX);
        return false;
    }
    expect(x->slices);
    return true;
}

uint64_t api_slices_room(const struct rh_exchange *x)
{
    if (x->slices == NULL || x->slices->at == x->slices->count)
        return UINT64_MAX;
    return x->slices->end - x->written.bytes;
}

bool api_slices_pass(struct rh_exchange *x)
{
    struct api_slices *slices = x->slices;
    if (slices == NULL || slices->at == slices->count || x->written.bytes < slices->end)
        return true;
    if (api_sink_crc(x) != slices->crc64) {
        api_note(x, "checksum_mismatch", "These bytes do not have the declared checksum.");
        api_sink_report(x, RH_WRITTEN_BROKEN);
        return false;
    }
    slices->checked = x->written;
    slices->at++;
    expect(slices);
    return true;
}

void api_slices_trim(struct rh_exchange *x)
{
    if (x->slices == NULL)
        return;
    x->written = x->slices->checked;
    x->written.checked = true;
}
