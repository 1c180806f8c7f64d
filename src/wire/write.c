/* SPDX-License-Identifier: MIT */
/* Writing requests: texts, JSON strings, header fields. */
#include "base/crc64.h"
#include "base/mem.h"
#include "fields/slices.h"
#include "wire/dialect.h"

void rh_wire_fail(struct rh_wire_writer *w, enum rh_error error)
{
    w->error = error;
}

void rh_wire_put_bytes(struct rh_wire_writer *w, struct rh_bytes bytes)
{
    if (w->error == RH_OK)
        w->error = rh_buffer_put_bytes(&w->text, bytes);
}

void rh_wire_put(struct rh_wire_writer *w, const char *text)
{
    rh_wire_put_bytes(w, rh_bytes_of(text));
}

void rh_wire_put_number(struct rh_wire_writer *w, uint64_t value)
{
    if (w->error == RH_OK)
        w->error = rh_buffer_put_u64(&w->text, value);
}

static void put_byte(struct rh_wire_writer *w, uint8_t byte)
{
    rh_wire_put_bytes(w, (struct rh_bytes){&byte, 1});
}

static const char digits[] = "0123456789ABCDEF";

void rh_wire_put_json(struct rh_wire_writer *w, struct rh_bytes text)
{
    put_byte(w, '"');
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c < 0x20 || c == 0x7f) {
            rh_wire_put(w, "\\u00");
            put_byte(w, (uint8_t)digits[c >> 4]);
            put_byte(w, (uint8_t)digits[c & 15]);
            continue;
        }
        if (c == '"' || c == '\\')
            put_byte(w, '\\');
        put_byte(w, c);
    }
    put_byte(w, '"');
}

static bool unreserved(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void rh_wire_put_url(struct rh_wire_writer *w, struct rh_bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (unreserved(c)) {
            put_byte(w, c);
            continue;
        }
        put_byte(w, '%');
        put_byte(w, (uint8_t)digits[c >> 4]);
        put_byte(w, (uint8_t)digits[c & 15]);
    }
}

struct rh_bytes rh_wire_cut(struct rh_wire_writer *w)
{
    struct rh_bytes piece = {w->text.data + w->start, w->text.size - w->start};
    w->start = w->text.size;
    return piece;
}

static void field_name(struct rh_wire_writer *w, const char *name)
{
    rh_wire_put(w, name);
    rh_wire_put(w, ": ");
}

void rh_wire_field(struct rh_wire_writer *w, const char *name, const char *value)
{
    field_name(w, name);
    rh_wire_put(w, value);
    rh_wire_put(w, "\r\n");
}

void rh_wire_field_number(struct rh_wire_writer *w, const char *name, uint64_t value)
{
    field_name(w, name);
    rh_wire_put_number(w, value);
    rh_wire_put(w, "\r\n");
}

void rh_wire_field_crc64(struct rh_wire_writer *w, const char *name, uint64_t crc64)
{
    field_name(w, name);
    if (w->error == RH_OK)
        w->error = rh_crc64_field_write(&w->text, crc64);
    rh_wire_put(w, "\r\n");
}

void rh_wire_field_slices(struct rh_wire_writer *w, const struct rh_send *send)
{
    if (send->slices_count == 0)
        return;
    field_name(w, "Reelhaul-Slices");
    if (w->error == RH_OK)
        w->error = rh_slices_write(&w->text, send->slices, send->slices_count);
    rh_wire_put(w, "\r\n");
}

void rh_wire_slices(struct rh_send *send, const uint8_t *bytes)
{
    uint64_t length = send->range.length;
    uint64_t step = length / RH_SLICES_MAX + 1;
    if (step < RH_WIRE_SLICE_BYTES)
        step = RH_WIRE_SLICE_BYTES;
    uint64_t crc64 = 0;
    uint32_t count = 0;
    for (uint64_t at = 0; at < length; at += step) {
        uint64_t n = length - at < step ? length - at : step;
        struct rh_slice slice = {n, rh_crc64_update(0, bytes + at, (size_t)n)};
        crc64 = rh_crc64_combine(crc64, slice.crc64, n);
        send->slices[count++] = slice;
    }
    send->slices_count = count > 1 ? count : 0;
    send->crc64 = crc64;
    send->crc_known = true;
}

void rh_wire_field_writer(struct rh_wire_writer *w, const struct rh_wire_source *source)
{
    if (source->lease.size == 0)
        return;
    field_name(w, "Reelhaul-Writer");
    if (w->error == RH_OK)
        w->error = rh_writer_write(&w->text, source->lease, source->lease_number);
    rh_wire_put(w, "\r\n");
}

void rh_wire_method(struct rh_wire_request *request, const char *method)
{
    rh_mem_set(request->method, 0, sizeof request->method);
    rh_mem_copy(request->method, method, rh_str_size(method));
}

bool rh_wire_name_fits(struct rh_bytes name, size_t max)
{
    if (name.size == 0 || name.size > max)
        return false;
    for (size_t i = 0; i < name.size; i++)
        if (!unreserved(name.data[i]))
            return false;
    /* "." and ".." would change the path. */
    return !rh_bytes_equal_str(name, ".") && !rh_bytes_equal_str(name, "..");
}

bool rh_wire_mime_fits(struct rh_bytes mime)
{
    for (size_t i = 0; i < mime.size; i++)
        if (mime.data[i] < 0x20 || mime.data[i] >= 0x7f)
            return false;
    return mime.size <= 255;
}

bool rh_wire_text_fits(struct rh_bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < 0x20 || text.data[i] == 0x7f)
            return false;
    return text.size <= 255;
}

bool rh_wire_object_fits(struct rh_bytes text)
{
    struct rh_bytes t = rh_bytes_trim(text);
    if (t.size < 2 || t.data[0] != '{' || t.data[t.size - 1] != '}')
        return false;
    for (size_t i = 0; i < t.size; i++)
        if (t.data[i] < 0x20 && t.data[i] != '\t' && t.data[i] != '\n' && t.data[i] != '\r')
            return false;
    return true;
}
