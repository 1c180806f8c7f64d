/* SPDX-License-Identifier: MIT */
/* Batches as bytes. A change is its kind and its fields in the order of catalog.h; texts are u16
 * size and bytes, the metadata u32 size (UINT32_MAX: none). */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "vault/witness.h"

#define NO_METADATA UINT32_MAX

/* ---- Writing ---- */

struct writer {
    uint8_t *data;
    size_t size;
    size_t cap;
    bool failed;
};

static void put(struct writer *w, const void *data, size_t size)
{
    if (w->size + size > w->cap && !w->failed) {
        size_t cap = (w->size + size) * 2 + 256;
        uint8_t *grown = realloc(w->data, cap);
        w->failed = grown == NULL;
        if (grown != NULL) {
            w->data = grown;
            w->cap = cap;
        }
    }
    if (w->failed)
        return;
    if (size > 0)
        memcpy(w->data + w->size, data, size);
    w->size += size;
}

static void put_u8(struct writer *w, unsigned value)
{
    uint8_t byte = (uint8_t)value;
    put(w, &byte, 1);
}

static void put_u32(struct writer *w, uint32_t value)
{
    uint8_t bytes[4];
    rh_le32_put(bytes, value);
    put(w, bytes, sizeof bytes);
}

static void put_u64(struct writer *w, uint64_t value)
{
    uint8_t bytes[8];
    rh_le64_put(bytes, value);
    put(w, bytes, sizeof bytes);
}

static void put_text(struct writer *w, const char *text)
{
    uint8_t bytes[2];
    size_t size = strlen(text);
    rh_le16_put(bytes, (uint16_t)size);
    put(w, bytes, sizeof bytes);
    put(w, text, size);
}

static void put_upload(struct writer *w, const struct rh_upload_row *row)
{
    put_text(w, row->id);
    put_text(w, row->session);
    put_text(w, row->name);
    put_text(w, row->mime);
    put_u8(w, (unsigned)row->state);
    put_u8(w, (unsigned)row->geometry);
    put_u8(w, (row->partial ? 1u : 0) | (row->size_disagrees ? 2u : 0) | (row->overdue ? 4u : 0));
    put_u64(w, row->total);
    put_u64(w, row->chunk_count);
    put_u64(w, row->chunk_next);
    put_u64(w, row->crc64);
    put_u64(w, (uint64_t)row->created_wall_s);
    put_u64(w, (uint64_t)row->done_wall_s);
    put_u64(w, row->touched_tick);
    put_text(w, row->lease);
    put_u64(w, row->lease_number);
    size_t size = row->metadata != NULL ? strlen(row->metadata) : 0;
    put_u32(w, row->metadata != NULL ? (uint32_t)size : NO_METADATA);
    put(w, row->metadata, size);
}

static void put_change(struct writer *w, const struct rh_change *change)
{
    put_u8(w, (unsigned)change->kind);
    switch (change->kind) {
    case RH_CHANGE_META:
        put_u32(w, change->u.meta.format);
        put_text(w, change->u.meta.generation);
        put(w, change->u.meta.id_key, sizeof change->u.meta.id_key);
        put_u64(w, change->u.meta.ticks);
        put_u64(w, (uint64_t)change->u.meta.wall_s);
        return;
    case RH_CHANGE_SESSION:
        put_text(w, change->u.session.id);
        put_text(w, change->u.session.participant);
        put_u64(w, (uint64_t)change->u.session.created_wall_s);
        return;
    case RH_CHANGE_SESSION_ERASE:
        put_text(w, change->u.session.id);
        return;
    case RH_CHANGE_UPLOAD:
        put_upload(w, &change->u.upload_row);
        return;
    case RH_CHANGE_UPLOAD_ERASE:
    case RH_CHANGE_CHUNKS_ERASE:
        put_text(w, change->upload);
        return;
    case RH_CHANGE_INTERVAL:
        put_text(w, change->upload);
        put_u64(w, change->u.interval.offset);
        put_u64(w, change->u.interval.length);
        put_u64(w, change->u.interval.crc64);
        return;
    case RH_CHANGE_INTERVAL_ERASE:
        put_text(w, change->upload);
        put_u64(w, change->u.interval.offset);
        return;
    case RH_CHANGE_CHUNK:
        put_text(w, change->upload);
        put_u64(w, change->u.chunk.index);
        put_u64(w, change->u.chunk.length);
        put_u64(w, change->u.chunk.crc64);
        put_u8(w, change->u.chunk.waiting);
        return;
    }
}

enum rh_error rh_witness_encode(const struct rh_batch *batch, size_t from, size_t limit,
                                uint8_t **out, size_t *size, size_t *taken)
{
    struct writer w = {0};
    size_t end = 0;
    *taken = 0;
    put(&w, NULL, 0);
    for (size_t i = from; i < batch->count && !w.failed; i++) {
        put_change(&w, &batch->changes[i]);
        if (i > from && w.size > limit)
            break;
        end = w.size;
        ++*taken;
    }
    if (w.failed) {
        free(w.data);
        return RH_ERR_MEMORY;
    }
    *out = w.data;
    *size = end;
    return RH_OK;
}

/* ---- Reading ---- */

struct reader {
    const uint8_t *at;
    size_t left;
    enum rh_error error;
};

static const uint8_t *take(struct reader *r, size_t size)
{
    if (r->error != RH_OK || size > r->left) {
        if (r->error == RH_OK)
            r->error = RH_ERR_SYNTAX;
        return NULL;
    }
    const uint8_t *data = r->at;
    r->at += size;
    r->left -= size;
    return data;
}

static unsigned take_u8(struct reader *r, unsigned max)
{
    const uint8_t *data = take(r, 1);
    if (data != NULL && *data > max)
        r->error = RH_ERR_SYNTAX;
    return data != NULL ? *data : 0;
}

static uint32_t take_u32(struct reader *r)
{
    const uint8_t *data = take(r, 4);
    return data != NULL ? rh_le32_get(data) : 0;
}

static uint64_t take_u64(struct reader *r)
{
    const uint8_t *data = take(r, 8);
    return data != NULL ? rh_le64_get(data) : 0;
}

static void take_text(struct reader *r, char *out, size_t cap)
{
    const uint8_t *data = take(r, 2);
    size_t size = data != NULL ? rh_le16_get(data) : 0;
    data = take(r, size);
    if (data != NULL && (size >= cap || memchr(data, 0, size) != NULL))
        r->error = RH_ERR_SYNTAX;
    if (r->error != RH_OK || data == NULL)
        return;
    memcpy(out, data, size);
    out[size] = '\0';
}

static char *take_metadata(struct reader *r)
{
    uint32_t size = take_u32(r);
    if (r->error != RH_OK || size == NO_METADATA)
        return NULL;
    const uint8_t *data = take(r, size);
    if (data != NULL && memchr(data, 0, size) != NULL)
        r->error = RH_ERR_SYNTAX;
    if (r->error != RH_OK || data == NULL)
        return NULL;
    char *text = malloc((size_t)size + 1);
    if (text == NULL) {
        r->error = RH_ERR_MEMORY;
        return NULL;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

static void take_upload(struct reader *r, struct rh_upload_row *row)
{
    take_text(r, row->id, sizeof row->id);
    take_text(r, row->session, sizeof row->session);
    take_text(r, row->name, sizeof row->name);
    take_text(r, row->mime, sizeof row->mime);
    unsigned state = take_u8(r, RH_UPLOAD_LOST);
    unsigned geometry = take_u8(r, RH_GEOMETRY_CURSOR);
    if (r->error == RH_OK && (state < RH_UPLOAD_OPEN || geometry < RH_GEOMETRY_RANGES))
        r->error = RH_ERR_SYNTAX;
    row->state = (enum rh_upload_state)state;
    row->geometry = (enum rh_geometry)geometry;
    unsigned flags = take_u8(r, 7);
    row->partial = (flags & 1) != 0;
    row->size_disagrees = (flags & 2) != 0;
    row->overdue = (flags & 4) != 0;
    row->total = take_u64(r);
    row->chunk_count = take_u64(r);
    row->chunk_next = take_u64(r);
    row->crc64 = take_u64(r);
    row->created_wall_s = (int64_t)take_u64(r);
    row->done_wall_s = (int64_t)take_u64(r);
    row->touched_tick = take_u64(r);
    take_text(r, row->lease, sizeof row->lease);
    row->lease_number = take_u64(r);
    row->metadata = take_metadata(r);
}

static void take_meta(struct reader *r, struct rh_meta_row *meta)
{
    meta->format = take_u32(r);
    take_text(r, meta->generation, sizeof meta->generation);
    const uint8_t *key = take(r, sizeof meta->id_key);
    if (key != NULL)
        memcpy(meta->id_key, key, sizeof meta->id_key);
    meta->ticks = take_u64(r);
    meta->wall_s = (int64_t)take_u64(r);
}

static void take_fields(struct reader *r, struct rh_change *change)
{
    switch (change->kind) {
    case RH_CHANGE_META:
        take_meta(r, &change->u.meta);
        return;
    case RH_CHANGE_SESSION:
        take_text(r, change->u.session.id, sizeof change->u.session.id);
        take_text(r, change->u.session.participant, sizeof change->u.session.participant);
        change->u.session.created_wall_s = (int64_t)take_u64(r);
        return;
    case RH_CHANGE_SESSION_ERASE:
        take_text(r, change->u.session.id, sizeof change->u.session.id);
        return;
    case RH_CHANGE_UPLOAD:
        take_upload(r, &change->u.upload_row);
        return;
    case RH_CHANGE_UPLOAD_ERASE:
    case RH_CHANGE_CHUNKS_ERASE:
        take_text(r, change->upload, sizeof change->upload);
        return;
    case RH_CHANGE_INTERVAL:
        take_text(r, change->upload, sizeof change->upload);
        change->u.interval.offset = take_u64(r);
        change->u.interval.length = take_u64(r);
        change->u.interval.crc64 = take_u64(r);
        if (change->u.interval.length > UINT64_MAX - change->u.interval.offset)
            r->error = RH_ERR_SYNTAX;
        return;
    case RH_CHANGE_INTERVAL_ERASE:
        take_text(r, change->upload, sizeof change->upload);
        change->u.interval.offset = take_u64(r);
        return;
    case RH_CHANGE_CHUNK:
        take_text(r, change->upload, sizeof change->upload);
        change->u.chunk.index = take_u64(r);
        change->u.chunk.length = take_u64(r);
        change->u.chunk.crc64 = take_u64(r);
        change->u.chunk.waiting = take_u8(r, 1) != 0;
        return;
    }
}

enum rh_error rh_witness_decode(struct rh_bytes bytes, struct rh_batch *out)
{
    struct reader r = {.at = bytes.data, .left = bytes.size, .error = RH_OK};
    *out = (struct rh_batch){0};
    while (r.left > 0 && r.error == RH_OK) {
        unsigned kind = take_u8(&r, RH_CHANGE_CHUNKS_ERASE);
        if (r.error == RH_OK && kind < RH_CHANGE_META)
            r.error = RH_ERR_SYNTAX;
        if (r.error != RH_OK)
            break;
        struct rh_change *change = rh_batch_add(out, (enum rh_change_kind)kind);
        if (change == NULL)
            r.error = RH_ERR_MEMORY;
        else
            take_fields(&r, change);
    }
    if (r.error != RH_OK)
        rh_batch_free(out);
    return r.error;
}
