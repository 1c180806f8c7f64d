/* SPDX-License-Identifier: MIT */
/*
 * PUT with Content-Range, as Google's resumable uploads and UpChunk send it: 308 with
 * `Range: bytes=0-N` until all is there, a query by `bytes * /total` (written without the space),
 * and without Range where nothing is stored. Some clients take every 308 for the success of what
 * they sent, so 308 is answered to bytes only when those are durable; what cannot be taken is 503,
 * upon which such clients ask or try again. Content-Digest is verified. Bytes below the cursor are
 * passed over, so that a chunk can be sent again whole.
 */
#include <stdio.h>
#include <string.h>

#include "api/resumable.h"
#include "base/bytes.h"
#include "fields/content_range.h"
#include "http/url.h"

static bool query_is(const struct rh_exchange *x, const char *name, const char *expected)
{
    uint8_t memory[32];
    struct rh_buffer value;
    rh_buffer_init(&value, memory, sizeof memory);
    return rh_url_query_find(x->request->query, name, &value) == RH_OK &&
           rh_bytes_equal_str(rh_buffer_bytes(&value), expected);
}

bool api_range_put_speaks(const struct rh_exchange *x)
{
    static const char *const heads[] = {"Content-Range", "X-Upload-Content-Length",
                                        "X-Upload-Content-Type", "X-Goog-Resumable"};
    if (x->method != RH_METHOD_PUT && x->method != RH_METHOD_POST)
        return false;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        if (rh_request_find(x->request, heads[i], NULL) != NULL)
            return true;
    }
    return x->method == RH_METHOD_POST && query_is(x, "uploadType", "resumable");
}

/* ---- heads ---- */

/* RH_ERR_UNKNOWN: there is none; otherwise on an error it has failed. */
static enum rh_error range_read(struct rh_exchange *x, struct rh_content_range *range)
{
    struct rh_bytes value;
    enum rh_error error = api_header_find(x, "Content-Range", &value);
    if (error != RH_OK)
        return error;
    if (rh_bytes_equal_nocase(value, rh_bytes_of("bytes */*"))) {
        *range = (struct rh_content_range){.total = RH_SIZE_UNKNOWN};
    } else if (rh_content_range_parse(value, range) != RH_OK) {
        api_fail(x, "invalid_field",
                 "Content-Range must be bytes FIRST-LAST/TOTAL, or bytes */TOTAL to ask.");
        return RH_ERR_SYNTAX;
    }
    struct api_resumable *known = x->resumable;
    uint64_t length = range->has_range ? range->range.length : 0;
    if (known->length == RH_SIZE_UNKNOWN && range->has_range)
        known->length = length;
    if (known->length != length) {
        api_fail(x, "invalid_field", "Content-Range and Content-Length disagree.");
        return RH_ERR_RANGE;
    }
    known->offset = range->has_range ? range->range.offset : 0;
    known->total = range->total;
    return RH_OK;
}

static void send(struct rh_exchange *x, struct rh_vault_request *request)
{
    const struct api_declared *content = &x->resumable->content;
    request->verified = content->is; /* then it counts whole or not at all */
    if (!content->is || x->digests != NULL || api_digests_begin(x, 1U << content->which))
        api_ask(x, request);
    else
        rh_vault_request_free(request);
}

static void write_body(struct rh_exchange *x)
{
    struct rh_vault_request *request = api_resumable_write(x);
    if (request != NULL)
        send(x, request);
}

static void end(struct rh_exchange *x)
{
    api_sink_report(x, api_content_digest_fits(x) ? RH_WRITTEN_WHOLE : RH_WRITTEN_MISMATCH);
}

static void put(struct rh_exchange *x)
{
    struct rh_content_range range;
    if (!api_resumable_remember(x) || !api_resumable_target(x) || !api_digest_heads_read(x))
        return;
    enum rh_error error = range_read(x, &range);
    if (error == RH_ERR_UNKNOWN)
        api_fail(x, "missing_field", "The header Content-Range is missing.");
    if (error != RH_OK)
        return;
    if (range.has_range) {
        write_body(x);
        return;
    }
    struct rh_vault_request *request = api_resumable_request(x, RH_REQUEST_GET, API_STAGE_LOOK);
    if (request != NULL)
        api_ask(x, request);
}

/* ---- creation ---- */

static bool declared_length(struct rh_exchange *x)
{
    struct rh_bytes value;
    enum rh_error error = api_header_find(x, "X-Upload-Content-Length", &value);
    if (error != RH_OK)
        return error == RH_ERR_UNKNOWN;
    if (rh_bytes_parse_u64(value, &x->resumable->total) == RH_OK)
        return true;
    api_fail(x, "invalid_field", "X-Upload-Content-Length must be a whole number.");
    return false;
}

static void take_names(struct rh_exchange *x, struct rh_vault_request *request, bool has_bytes)
{
    struct rh_bytes value;
    struct rh_buffer name;
    rh_buffer_init(&name, (uint8_t *)request->file_name, RH_FILE_NAME_MAX - 1);
    if (request->file_name[0] == '\0' &&
        rh_url_query_find(x->request->query, "name", &name) == RH_OK)
        request->file_name[name.size] = '\0';
    if (rh_request_single(x->request, "X-Upload-Content-Type", &value) == RH_OK)
        api_id_mime_of_file(x, value, request->mime);
    else if (!has_bytes) /* then the body, if any, describes the upload and is not of it */
        api_id_mime_of_file(x, rh_bytes_of("application/octet-stream"), request->mime);
}

static void create(struct rh_exchange *x)
{
    struct rh_content_range range = {0};
    if (!api_resumable_remember(x) || !declared_length(x) || !api_digest_heads_read(x))
        return;
    uint64_t total = x->resumable->total;
    enum rh_error error = range_read(x, &range);
    if (error != RH_OK && error != RH_ERR_UNKNOWN)
        return;
    if (error == RH_ERR_UNKNOWN || x->resumable->total == RH_SIZE_UNKNOWN)
        x->resumable->total = total;
    if (range.has_range && range.range.offset != 0) {
        api_fail(x, "out_of_range", "The first bytes of an upload are those from 0 on.");
        return;
    }
    if (!range.has_range)
        x->resumable->length = 0;
    struct rh_vault_request *request = api_resumable_new(x);
    if (request == NULL)
        return;
    take_names(x, request, range.has_range);
    if (x->fault == NULL)
        api_ask(x, request);
    else
        rh_vault_request_free(request);
}

/* ---- answers ---- */

static void answer(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    const struct rh_upload_view *upload = &reply->upload;
    if (upload->state == RH_UPLOAD_DONE) {
        api_respond_json(x, x->resumable->created ? 201 : 200, api_resumable_json(upload), reply);
    } else if (upload->state > RH_UPLOAD_DONE) {
        api_fail(x, "gone", NULL);
    } else if (upload->state == RH_UPLOAD_FINISHING || upload->cursor == upload->total) {
        /* All is durable and the end is on its way: neither 308 nor done would be true. */
        api_note(x, "overloaded", "The upload is being finished.");
        api_respond_fault(x, reply);
    } else {
        bool first = x->resumable->created && x->resumable->length == 0;
        api_respond_empty(x, first ? 201 : 308, reply);
        char text[40];
        (void)snprintf(text, sizeof text, "bytes=0-%llu", (unsigned long long)(upload->cursor - 1));
        if (upload->cursor > 0)
            (void)rh_response_add_str(x->response, "Range", text);
    }
}

/* A query that tells the total of an upload whose bytes are all there ends it. */
static void looked(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    const struct rh_upload_view *upload = &reply->upload;
    struct api_resumable *known = x->resumable;
    bool open = upload->state == RH_UPLOAD_OPEN;
    if (known->total != RH_SIZE_UNKNOWN && upload->total != RH_SIZE_UNKNOWN &&
        known->total != upload->total) {
        api_fail(x, "total_changed", NULL);
    } else if (open && known->total == upload->cursor && upload->total == RH_SIZE_UNKNOWN) {
        known->offset = upload->cursor;
        known->length = 0;
        write_body(x);
    } else {
        answer(x, reply);
    }
}

static void replied(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    struct api_resumable *known = x->resumable;
    if (known->stage == API_STAGE_LOOK) {
        looked(x, reply);
    } else if (known->stage == API_STAGE_CREATE) {
        memcpy(known->upload, reply->upload.id, sizeof known->upload);
        known->created = true;
        if (known->length == 0)
            answer(x, reply);
        else
            write_body(x);
    } else {
        answer(x, reply);
    }
}

/* The newest bytes begin below the cursor: what is there already is passed over. */
static bool go_on_behind(struct rh_exchange *x, uint64_t cursor)
{
    struct api_resumable *known = x->resumable;
    x->skip += cursor - known->offset;
    known->length -= cursor - known->offset;
    known->offset = cursor;
    struct rh_vault_request *request = api_resumable_write(x);
    if (request == NULL)
        return true;
    request->has_crc = false; /* it was of the whole chunk; so is Content-Digest, which goes on */
    send(x, request);
    return true;
}

static bool refused(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    const struct api_resumable *known = x->resumable;
    const struct rh_upload_view *upload = &reply->upload;
    if (known->stage != API_STAGE_WRITE || !reply->has_upload)
        return false;
    bool done = upload->state == RH_UPLOAD_DONE;
    uint64_t cursor = done ? upload->total : upload->cursor;
    uint64_t end = known->offset + known->length;
    if (reply->code != RH_REPLY_OFFSET && !(reply->code == RH_REPLY_STATE && done))
        return false;
    if (end <= cursor) {
        answer(x, reply);
        return true;
    }
    if (!done && known->offset < cursor)
        return go_on_behind(x, cursor);
    if (done)
        api_note(x, "out_of_range", "The upload is complete, and shorter than this.");
    else
        api_note(x, "overloaded", "Bytes before these are missing: ask, and go on there.");
    api_respond_fault(x, reply);
    return true;
}

static void headers(struct rh_exchange *x, const struct rh_vault_reply *reply)
{
    (void)reply;
    if (x->resumable != NULL && x->resumable->created)
        api_resumable_location(x);
}

const struct api_dialect api_range_put = {
    .name = "range_put",
    .create = create,
    .put = put,
    .replied = replied,
    .end = end,
    .refused = refused,
    .headers = headers,
};
