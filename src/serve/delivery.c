/* SPDX-License-Identifier: MIT */
#include "serve/delivery.h"

#include <stdio.h>
#include <string.h>

#include "fields/content_range.h"
#include "fields/date.h"

const char rh_page_csp[] =
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src "
    "'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self'; object-src "
    "'none'; base-uri 'none'; frame-ancestors 'none'";

/* ---- conditions ---- */

static bool take_weak_prefix(struct rh_bytes *text)
{
    if (!rh_bytes_starts_with(*text, "W/"))
        return false;
    text->data += 2;
    text->size -= 2;
    return true;
}

static bool tags_match(struct rh_bytes a, struct rh_bytes b, bool weak)
{
    bool a_weak = take_weak_prefix(&a);
    bool b_weak = take_weak_prefix(&b);

    return (weak || (!a_weak && !b_weak)) && rh_bytes_equal(a, b);
}

bool rh_delivery_tag_listed(struct rh_bytes list, struct rh_bytes tag, bool weak)
{
    if (rh_bytes_equal_str(rh_bytes_trim(list), "*"))
        return true;
    while (list.size > 0) {
        /* Tags of ours hold no comma, so a foreign one that does is cut into parts that match
         * nothing. */
        size_t comma = rh_bytes_find(list, ',');
        struct rh_bytes item = rh_bytes_trim((struct rh_bytes){list.data, comma});

        if (tags_match(item, tag, weak))
            return true;
        if (comma == list.size)
            return false;
        list.data += comma + 1;
        list.size -= comma + 1;
    }
    return false;
}

struct validators {
    struct rh_bytes etag;
    int64_t modified_s;
};

/* If-Match and If-Unmodified-Since: RFC 9110, 13.2.2, steps 1 and 2. */
static bool is_precondition_met(const struct rh_request *request, const struct validators *now)
{
    struct rh_bytes value;
    int64_t date_s;

    if (rh_request_single(request, "If-Match", &value) != RH_ERR_UNKNOWN)
        return rh_delivery_tag_listed(value, now->etag, false);
    if (rh_request_single(request, "If-Unmodified-Since", &value) == RH_OK &&
        rh_date_parse(value, &date_s) == RH_OK)
        return now->modified_s <= date_s;
    return true;
}

/* If-None-Match and If-Modified-Since: steps 3 and 4. */
static bool is_unchanged(const struct rh_request *request, const struct validators *now)
{
    struct rh_bytes value;
    int64_t date_s;

    if (rh_request_single(request, "If-None-Match", &value) != RH_ERR_UNKNOWN)
        return rh_delivery_tag_listed(value, now->etag, true);
    if (rh_request_single(request, "If-Modified-Since", &value) == RH_OK &&
        rh_date_parse(value, &date_s) == RH_OK)
        return now->modified_s <= date_s;
    return false;
}

/* If-Range: whether the range may be looked at. */
static bool may_take_range(const struct rh_request *request, const struct validators *now)
{
    struct rh_bytes value;
    int64_t date_s;
    enum rh_error error = rh_request_single(request, "If-Range", &value);

    if (error == RH_ERR_UNKNOWN)
        return true;
    if (error != RH_OK)
        return false;
    if (rh_date_parse(value, &date_s) == RH_OK)
        return date_s == now->modified_s;
    return tags_match(value, now->etag, false);
}

/* ---- answers ---- */

static void add(struct rh_response *response, const char *name, const char *value)
{
    /* The memory is made large enough; a header too many is left out, framing is not at stake. */
    (void)rh_response_add_str(response, name, value);
}

static void add_content_range(struct rh_response *response, const struct rh_content_range *range)
{
    uint8_t memory[80];
    struct rh_buffer text;

    rh_buffer_init(&text, memory, sizeof memory);
    if (rh_content_range_write(&text, range) == RH_OK)
        (void)rh_response_add(response, "Content-Range", rh_buffer_bytes(&text));
}

static void add_modified(struct rh_response *response, int64_t modified_s)
{
    uint8_t memory[RH_DATE_TEXT];
    struct rh_buffer text;

    rh_buffer_init(&text, memory, sizeof memory);
    if (rh_date_write(&text, modified_s) == RH_OK)
        (void)rh_response_add(response, "Last-Modified", rh_buffer_bytes(&text));
}

static void add_kind_headers(struct rh_response *response, const struct rh_file_ref *ref)
{
    if (ref->kind == RH_FILE_PAGE) {
        add(response, "Cache-Control", "no-cache");
        add(response, "Content-Security-Policy", rh_page_csp);
        add(response, "Referrer-Policy", "no-referrer");
        add(response, "Permissions-Policy", "camera=(self), microphone=(self)");
        add(response, "Cross-Origin-Opener-Policy", "same-origin");
        return;
    }
    /* A finished recording never changes under its name. */
    add(response, "Cache-Control", "private, max-age=31536000, immutable");
    add(response, "Content-Security-Policy", "sandbox; default-src 'none'");
    if (ref->attachment) {
        char text[sizeof ref->name + 32] = "attachment";

        if (ref->name[0] != '\0')
            snprintf(text, sizeof text, "attachment; filename=\"%s\"", ref->name);
        add(response, "Content-Disposition", text);
    }
}

/* 200 or 206 or 416. */
static void set_body(struct rh_response *response, const struct rh_request *request,
                     const struct rh_file *file, const struct validators *now)
{
    struct rh_content_range said = {.total = file->size};
    struct rh_range whole = {0, file->size};
    struct rh_bytes value;
    enum rh_error error = RH_ERR_SYNTAX;

    if (request->method_id == RH_METHOD_GET &&
        rh_request_single(request, "Range", &value) == RH_OK && may_take_range(request, now))
        error = rh_range_parse(value, file->size, &said.range);
    if (error == RH_ERR_RANGE) {
        response->status = 416;
        add_content_range(response, &said);
        return;
    }
    if (error == RH_OK) {
        response->status = 206;
        said.has_range = true;
        add_content_range(response, &said);
        whole = said.range;
    }
    rh_response_set_file(response, file->fd, whole);
}

void rh_delivery_respond(struct rh_response *response, const struct rh_request *request,
                         const struct rh_file_ref *ref, const struct rh_file *file)
{
    const char *mime = ref->mime[0] != '\0' ? ref->mime : rh_file_mime(ref->path);
    char made[64];
    struct validators now = {.modified_s = file->modified_s};

    snprintf(made, sizeof made, "\"%llx-%llx\"", (unsigned long long)file->modified_ns,
             (unsigned long long)file->size);
    now.etag = rh_bytes_of(ref->etag[0] != '\0' ? ref->etag : made);
    response->status = 200;
    if (!is_precondition_met(request, &now)) {
        response->status = 412;
        return;
    }
    (void)rh_response_add(response, "ETag", now.etag);
    add_modified(response, file->modified_s);
    add_kind_headers(response, ref);
    if (is_unchanged(request, &now)) {
        response->status = 304;
        return;
    }
    add(response, "Content-Type", mime);
    add(response, "Accept-Ranges", "bytes");
    set_body(response, request, file, &now);
}
