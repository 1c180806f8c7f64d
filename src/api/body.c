/* SPDX-License-Identifier: MIT */
/*
 * Bodies: gathering small ones in memory under two caps, and the sink that takes a part under a
 * grant. The sink checksums every byte, writes those of writable spans to the store, and only
 * hashes those over acknowledged ranges: what was vouched for is compared, never written again.
 */
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "base/assert.h"
#include "base/crc64.h"

enum rh_error api_hold(struct rh_exchange *x, const void *data, size_t size, size_t cap)
{
    if (size == 0)
        return RH_OK;
    if (size > cap || x->held_size > cap - size)
        return RH_ERR_LIMIT;
    size_t need = x->held_size + size;
    if (need > x->held_cap) {
        size_t grown = x->held_cap * 2 < 1024 ? 1024 : x->held_cap * 2;
        grown = grown < need ? need : grown;
        grown = grown > cap ? cap : grown;
        size_t more = grown - x->held_cap;
        size_t limit = x->api->config->held_bytes_max;
        if (more > limit || x->api->held_bytes > limit - more)
            return RH_ERR_FULL;
        uint8_t *held = realloc(x->held, grown);
        if (held == NULL)
            return RH_ERR_MEMORY;
        x->held = held;
        x->held_cap = grown;
        x->api->held_bytes += more;
    }
    memcpy(x->held + x->held_size, data, size);
    x->held_size = need;
    return RH_OK;
}

void api_hold_release(struct rh_exchange *x)
{
    RH_ASSERT(x->held_cap <= x->api->held_bytes);
    x->api->held_bytes -= x->held_cap;
    free(x->held);
    x->held = NULL;
    x->held_size = 0;
    x->held_cap = 0;
}

void api_sink_report(struct rh_exchange *x, enum rh_written_end end)
{
    RH_ASSERT(x->ask == API_ASK_GRANTED);
    if (end != RH_WRITTEN_WHOLE)
        api_slices_trim(x);
    x->written.op = x->op;
    x->written.end = end;
    x->written.span_count = x->grant.span_count;
    x->ask = API_ASK_WRITTEN;
    x->want = RH_WANT_VAULT;
    x->api->written(x->api->context, x, &x->written);
}

void api_sink_sofar(struct rh_exchange *x, bool asked)
{
    struct api_grant *grant = &x->grant;
    uint64_t bytes = x->written.bytes;
    RH_ASSERT(x->ask == API_ASK_GRANTED);
    RH_ASSERT(grant->checkpoint);
    RH_ASSERT(grant->span_count <= 1);
    x->written.op = x->op;
    x->written.end = RH_WRITTEN_SOFAR;
    x->written.asked = asked;
    x->written.span_count = grant->span_count;
    x->api->written(x->api->context, x, &x->written);
    /* What was reported is the vault's; the grant goes on behind it. */
    memset(&x->written, 0, sizeof x->written);
    x->reported += bytes;
    grant->bytes_max -= bytes;
    grant->spans[0].offset += bytes;
    if (grant->spans[0].length != RH_SIZE_UNKNOWN)
        grant->spans[0].length -= bytes;
}

void rh_exchange_checkpoint(struct rh_exchange *x)
{
    /* Otherwise it crossed with our report. */
    if (x->ask == API_ASK_GRANTED)
        api_sink_sofar(x, true);
}

void rh_exchange_progressed(struct rh_exchange *x, uint64_t cursor)
{
    x->committed = cursor;
    if (x->dialect != NULL && x->dialect->progressed != NULL)
        x->dialect->progressed(x);
}

/* The span that takes the next byte, or NULL when all are full. */
static const struct rh_grant_span *span_next(struct rh_exchange *x, uint64_t *room)
{
    while (x->span_at < x->grant.span_count) {
        const struct rh_grant_span *span = &x->grant.spans[x->span_at];
        *room = span->length == RH_SIZE_UNKNOWN ? RH_SIZE_UNKNOWN
                                                : span->length - x->written.length[x->span_at];
        if (*room > 0)
            return span;
        x->span_at++;
    }
    return NULL;
}

void api_sink(struct rh_exchange *x, const uint8_t *data, size_t size)
{
    while (size > 0 && x->ask == API_ASK_GRANTED) {
        uint64_t room = 0;
        const struct rh_grant_span *span = span_next(x, &room);
        uint64_t left = x->grant.bytes_max - x->written.bytes;
        if (span == NULL || left == 0) {
            if (x->declared_length != RH_SIZE_UNKNOWN)
                api_note(x, "invalid_field", "The part is longer than its length says.");
            api_sink_report(x, RH_WRITTEN_TOO_LONG);
            return;
        }
        room = room < left ? room : left;
        uint64_t of_slice = api_slices_room(x);
        room = room < of_slice ? room : of_slice;
        size_t take = room < size ? (size_t)room : size;
        size_t at = x->span_at;
        if (!span->compare) {
            struct rh_store *store = x->api->store;
            enum rh_error error = store->ops->write(
                store, x->grant.handle, span->offset + x->written.length[at], data, take);
            if (error != RH_OK) {
                api_sink_report(x, error == RH_ERR_FULL ? RH_WRITTEN_FULL : RH_WRITTEN_FAILED);
                return;
            }
        }
        if (x->digests != NULL)
            api_digests_update(x, data, take);
        x->written.crc64[at] = rh_crc64_update(x->written.crc64[at], data, take);
        x->written.length[at] += take;
        x->written.bytes += take;
        if (x->grant.checkpoint && x->written.bytes >= RH_CHECKPOINT_BYTES)
            api_sink_sofar(x, false);
        if (!api_slices_pass(x))
            return;
        data += take;
        size -= take;
    }
}

void api_sink_drop(struct rh_exchange *x)
{
    memset(&x->written, 0, sizeof x->written);
    free(x->slices);
    x->slices = NULL;
}

uint64_t api_sink_crc(const struct rh_exchange *x)
{
    uint64_t crc = 0;
    for (size_t i = 0; i < x->grant.span_count; i++)
        crc = rh_crc64_combine(crc, x->written.crc64[i], x->written.length[i]);
    return crc;
}
