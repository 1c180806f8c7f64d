/* SPDX-License-Identifier: MIT */
#include "cli/journal.h"

#include "base/bytes.h"
#include "base/crc64.h"
#include "base/mem.h"

#define HEAD_BYTES  8u /* of a record */
#define CRC_BYTES   8u
#define FRAME_BYTES (HEAD_BYTES + CRC_BYTES)

static const uint8_t magic[4] = {'R', 'H', 'S', 'J'};

/* ---- reading ---- */

enum rh_error rh_journal_open(struct rh_journal_reader *reader, struct rh_bytes bytes)
{
    *reader = (struct rh_journal_reader){.bytes = bytes};
    if (bytes.size < RH_JOURNAL_HEAD_BYTES)
        return reader->error = RH_ERR_AGAIN;
    if (rh_mem_compare(bytes.data, magic, sizeof magic) != 0)
        return reader->error = RH_ERR_SYNTAX;
    uint16_t format = rh_le16_get(bytes.data + 4);
    if (format > RH_JOURNAL_FORMAT)
        return reader->error = RH_ERR_VERSION;
    if (format == 0)
        return reader->error = RH_ERR_SYNTAX;
    reader->valid = RH_JOURNAL_HEAD_BYTES;
    return RH_OK;
}

/* The body of a record, taken from the front; `ok` falls at the first that does not fit. */
struct body {
    const uint8_t *at;
    size_t left;
    bool ok;
};

static const uint8_t *take(struct body *body, size_t size)
{
    static const uint8_t nothing[8];
    if (!body->ok || body->left < size) {
        body->ok = false;
        return nothing;
    }
    const uint8_t *at = body->at;
    body->at += size;
    body->left -= size;
    return at;
}

static uint64_t take_u64(struct body *body)
{
    return rh_le64_get(take(body, 8));
}

static uint32_t take_u32(struct body *body)
{
    return rh_le32_get(take(body, 4));
}

static struct rh_bytes take_text(struct body *body)
{
    size_t size = rh_le16_get(take(body, 2));
    if (size > RH_JOURNAL_TEXT_MAX || size > body->left) {
        body->ok = false;
        return (struct rh_bytes){0};
    }
    /* No NUL: every text becomes a C string somewhere. */
    struct rh_bytes text = {take(body, size), size};
    body->ok = body->ok && rh_bytes_find(text, 0) == size;
    return text;
}

static void read_begin(struct body *body, struct rh_journal_record *record)
{
    record->begin.wall_ms = (int64_t)take_u64(body);
    record->begin.flags = take_u32(body);
    record->begin.to = take_text(body);
    record->begin.protocol = take_text(body);
    record->begin.session = take_text(body);
    record->begin.name = take_text(body);
    record->begin.mime = take_text(body);
    record->begin.shown = take_text(body);
}

static bool sums_up(uint64_t offset, uint64_t length)
{
    return length > 0 && offset <= UINT64_MAX - 1 - length;
}

/* False: no version of ours writes this. */
static bool read_body(struct body *body, struct rh_journal_record *record)
{
    bool makes_sense = true;
    switch (record->kind) {
    case RH_JOURNAL_BEGIN:
        read_begin(body, record);
        break;
    case RH_JOURNAL_FILE:
        record->file.size = take_u64(body);
        record->file.mtime_ns = (int64_t)take_u64(body);
        record->file.sample = take_u64(body);
        record->file.path = take_text(body);
        makes_sense = record->file.size != RH_SIZE_UNKNOWN && record->file.path.size > 0;
        break;
    case RH_JOURNAL_SLICE:
    case RH_JOURNAL_SEGMENT:
        record->segment.index = take_u32(body);
        record->segment.offset = take_u64(body);
        record->segment.length = take_u64(body);
        record->segment.crc64 = take_u64(body);
        makes_sense = sums_up(record->segment.offset, record->segment.length);
        break;
    case RH_JOURNAL_SEALED:
        record->sealed.size = take_u64(body);
        record->sealed.crc64 = take_u64(body);
        record->sealed.cut = take_u32(body) != 0;
        makes_sense = record->sealed.size != RH_SIZE_UNKNOWN;
        break;
    case RH_JOURNAL_FORGOT:
        record->forgot.offset = take_u64(body);
        record->forgot.length = take_u64(body);
        makes_sense = sums_up(record->forgot.offset, record->forgot.length);
        break;
    case RH_JOURNAL_END:
        break;
    case RH_JOURNAL_PROTOCOL:
        record->protocol = take_text(body);
        makes_sense = record->protocol.size > 0;
        break;
    default:
        return false;
    }
    return makes_sense && body->ok && body->left == 0;
}

bool rh_journal_next(struct rh_journal_reader *reader, struct rh_journal_record *record)
{
    const uint8_t *at = reader->bytes.data + reader->valid;
    size_t left = reader->bytes.size - reader->valid;
    if (reader->error != RH_OK || left == 0)
        return false;
    if (left < FRAME_BYTES) {
        reader->error = RH_ERR_AGAIN;
        return false;
    }
    size_t size = rh_le32_get(at);
    if (size < FRAME_BYTES || size > RH_JOURNAL_RECORD_MAX) {
        reader->error = RH_ERR_CHECKSUM; /* zeros and noise are what power cuts leave */
        return false;
    }
    if (size > left) {
        reader->error = RH_ERR_AGAIN;
        return false;
    }
    uint64_t crc64 = rh_crc64_update(reader->crc64, at, size - CRC_BYTES);
    if (crc64 != rh_le64_get(at + size - CRC_BYTES)) {
        reader->error = RH_ERR_CHECKSUM;
        return false;
    }
    struct body body = {at + HEAD_BYTES, size - FRAME_BYTES, true};
    bool first = reader->valid == RH_JOURNAL_HEAD_BYTES;
    *record = (struct rh_journal_record){.kind = (enum rh_journal_kind)at[4]};
    if (at[5] != 0 || rh_le16_get(at + 6) != 0 || first != (record->kind == RH_JOURNAL_BEGIN) ||
        !read_body(&body, record)) {
        reader->error = RH_ERR_SYNTAX;
        return false;
    }
    reader->crc64 = crc64;
    reader->valid += size;
    return true;
}

/* ---- writing ---- */

void rh_journal_head(uint8_t out[RH_JOURNAL_HEAD_BYTES])
{
    rh_mem_copy(out, magic, sizeof magic);
    rh_le16_put(out + 4, RH_JOURNAL_FORMAT);
    rh_le16_put(out + 6, 0);
}

/* What is to be written; `ok` falls at the first that does not fit. */
struct out {
    struct rh_buffer buffer;
    bool ok;
};

static void put(struct out *out, const void *data, size_t size)
{
    out->ok = out->ok && rh_buffer_put(&out->buffer, data, size) == RH_OK;
}

static void put_u64(struct out *out, uint64_t value)
{
    uint8_t bytes[8];
    rh_le64_put(bytes, value);
    put(out, bytes, sizeof bytes);
}

static void put_u32(struct out *out, uint32_t value)
{
    uint8_t bytes[4];
    rh_le32_put(bytes, value);
    put(out, bytes, sizeof bytes);
}

static void put_text(struct out *out, struct rh_bytes text)
{
    uint8_t size[2];
    out->ok = out->ok && text.size <= RH_JOURNAL_TEXT_MAX;
    rh_le16_put(size, (uint16_t)text.size);
    put(out, size, sizeof size);
    put(out, text.data, text.size);
}

static void put_body(struct out *out, const struct rh_journal_record *record)
{
    switch (record->kind) {
    case RH_JOURNAL_BEGIN:
        put_u64(out, (uint64_t)record->begin.wall_ms);
        put_u32(out, record->begin.flags);
        put_text(out, record->begin.to);
        put_text(out, record->begin.protocol);
        put_text(out, record->begin.session);
        put_text(out, record->begin.name);
        put_text(out, record->begin.mime);
        put_text(out, record->begin.shown);
        break;
    case RH_JOURNAL_FILE:
        put_u64(out, record->file.size);
        put_u64(out, (uint64_t)record->file.mtime_ns);
        put_u64(out, record->file.sample);
        put_text(out, record->file.path);
        break;
    case RH_JOURNAL_SLICE:
    case RH_JOURNAL_SEGMENT:
        put_u32(out, record->segment.index);
        put_u64(out, record->segment.offset);
        put_u64(out, record->segment.length);
        put_u64(out, record->segment.crc64);
        break;
    case RH_JOURNAL_SEALED:
        put_u64(out, record->sealed.size);
        put_u64(out, record->sealed.crc64);
        put_u32(out, record->sealed.cut);
        break;
    case RH_JOURNAL_FORGOT:
        put_u64(out, record->forgot.offset);
        put_u64(out, record->forgot.length);
        break;
    case RH_JOURNAL_END:
        break;
    case RH_JOURNAL_PROTOCOL:
        put_text(out, record->protocol);
        break;
    }
}

enum rh_error rh_journal_write(const struct rh_journal_record *record, uint64_t *crc64,
                               uint8_t *out, size_t cap, size_t *used)
{
    struct out o = {.ok = true};
    uint8_t head[HEAD_BYTES] = {[4] = (uint8_t)record->kind};
    rh_buffer_init(&o.buffer, out, cap);
    put(&o, head, sizeof head);
    put_body(&o, record);
    if (!o.ok || cap - o.buffer.size < CRC_BYTES)
        return RH_ERR_LIMIT;
    rh_le32_put(out, (uint32_t)(o.buffer.size + CRC_BYTES));
    *crc64 = rh_crc64_update(*crc64, out, o.buffer.size);
    put_u64(&o, *crc64);
    *used = o.buffer.size;
    return RH_OK;
}
