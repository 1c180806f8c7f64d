/* SPDX-License-Identifier: MIT */
#include "engine/pack.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/mem.h"

void rh_pack_bytes(struct rh_pack *p, const void *data, size_t size)
{
    if (!p->ok || size > p->cap - p->size) {
        p->ok = false;
        return;
    }
    rh_mem_copy(p->data + p->size, data, size);
    p->size += size;
}

void rh_pack_u8(struct rh_pack *p, uint8_t value)
{
    rh_pack_bytes(p, &value, 1);
}

void rh_pack_u16(struct rh_pack *p, uint16_t value)
{
    uint8_t bytes[2];
    rh_le16_put(bytes, value);
    rh_pack_bytes(p, bytes, sizeof bytes);
}

void rh_pack_u32(struct rh_pack *p, uint32_t value)
{
    uint8_t bytes[4];
    rh_le32_put(bytes, value);
    rh_pack_bytes(p, bytes, sizeof bytes);
}

void rh_pack_u64(struct rh_pack *p, uint64_t value)
{
    uint8_t bytes[8];
    rh_le64_put(bytes, value);
    rh_pack_bytes(p, bytes, sizeof bytes);
}

void rh_pack_text(struct rh_pack *p, const char *text)
{
    size_t size = rh_str_size(text);
    RH_ASSERT(size <= 255);
    rh_pack_u8(p, (uint8_t)size);
    rh_pack_bytes(p, text, size);
}

struct rh_bytes rh_unpack_bytes(struct rh_unpack *p, size_t size)
{
    if (!p->ok || size > p->size - p->at) {
        p->ok = false;
        return (struct rh_bytes){NULL, 0};
    }
    struct rh_bytes bytes = {p->data + p->at, size};
    p->at += size;
    return bytes;
}

uint8_t rh_unpack_u8(struct rh_unpack *p)
{
    struct rh_bytes b = rh_unpack_bytes(p, 1);
    return b.size == 1 ? b.data[0] : 0;
}

uint16_t rh_unpack_u16(struct rh_unpack *p)
{
    struct rh_bytes b = rh_unpack_bytes(p, 2);
    return b.size == 2 ? rh_le16_get(b.data) : 0;
}

uint32_t rh_unpack_u32(struct rh_unpack *p)
{
    struct rh_bytes b = rh_unpack_bytes(p, 4);
    return b.size == 4 ? rh_le32_get(b.data) : 0;
}

uint64_t rh_unpack_u64(struct rh_unpack *p)
{
    struct rh_bytes b = rh_unpack_bytes(p, 8);
    return b.size == 8 ? rh_le64_get(b.data) : 0;
}

void rh_unpack_text(struct rh_unpack *p, char *out, size_t size_max)
{
    rh_mem_set(out, 0, size_max + 1);
    struct rh_bytes text = rh_unpack_bytes(p, rh_unpack_u8(p));
    if (text.size > size_max || rh_bytes_find(text, 0) != text.size) {
        p->ok = false;
        return;
    }
    rh_mem_copy(out, text.data, text.size);
}
