/* SPDX-License-Identifier: MIT */
/*
 * POST /upload/chunk: numbered chunks sent while a recording is still going on. `sessionId` names
 * one upload (made by its first chunk), `totalChunks` is what the recorder has made so far and may
 * grow; only an end mark (`final`, with the last chunk or alone) says that no more will come.
 */
#include <stdlib.h>
#include <string.h>

#include "api/resumable.h"
#include "base/bytes.h"
#include "base/id.h"
#include "http/url.h"

enum { FIELD_SESSION, FIELD_CHUNK, FIELD_COUNT, FIELD_FINAL, FIELD_LAST };

const struct api_form_spec api_upload_form = {
    .names = {"sessionId", "chunkId", "totalChunks", "final", "isLast"},
    .count = 5,
    .required = 2,
    .chunk_optional = true,
};

static struct rh_bytes field_bytes(const struct rh_exchange *x, size_t field)
{
    const struct api_field *value = &x->form->fields[field];
    return (struct rh_bytes){(const uint8_t *)value->text, value->too_long ? 0 : value->size};
}

/* Of a part dialect whose session is one upload: 1 to 128 of what names may hold. */
static bool read_name(struct rh_exchange *x, struct rh_bytes text, char out[RH_NAME_TEXT_MAX])
{
    if (rh_name_check(text) != RH_OK) {
        api_fail(x, "invalid_id", "sessionId is not a name.");
        return false;
    }
    memcpy(out, text.data, text.size);
    out[text.size] = '\0';
    return true;
}

static bool read_number(struct rh_exchange *x, size_t field, uint64_t *out)
{
    if (!x->form->fields[field].seen)
        return true;
    if (rh_bytes_parse_u64(field_bytes(x, field), out) == RH_OK)
        return true;
    api_fail(x, "invalid_field", "%s must be a whole number that is not negative.",
             api_upload_form.names[field]);
    return false;
}

static bool read_flag(struct rh_exchange *x, size_t field, bool *out)
{
    if (!x->form->fields[field].seen)
        return true;
    struct rh_bytes text = field_bytes(x, field);
    bool yes = rh_bytes_equal_str(text, "true") || rh_bytes_equal_str(text, "1") ||
               rh_bytes_equal_str(text, "?1");
    *out = *out || yes;
    if (yes || rh_bytes_equal_str(text, "false") || rh_bytes_equal_str(text, "0") ||
        rh_bytes_equal_str(text, "?0"))
        return true;
    api_fail(x, "invalid_field", "%s must be true or false.", api_upload_form.names[field]);
    return false;
}

/* What records in browsers is WebM, or MP4 in Safari; curl and old clients say neither. */
static void take_type(struct rh_exchange *x, char out[RH_MIME_TEXT_MAX])
{
    bool mp4 = rh_media_type_is(rh_bytes_of(x->form->mime), "video/mp4");
    memcpy(out, mp4 ? "video/mp4" : "video/webm", mp4 ? 10 : 11);
}

static bool numbers_agree(struct rh_exchange *x, bool has_chunk)
{
    if (has_chunk && x->chunk_index == RH_SIZE_UNKNOWN) {
        api_fail(x, "missing_field", "The field chunkId is missing.");
        return false;
    }
    if (x->chunk_count == RH_SIZE_UNKNOWN)
        return true;
    if (x->chunk_count == 0 || x->chunk_count > API_CHUNK_COUNT_MAX) {
        api_fail(x, "invalid_field", "totalChunks must be 1 to %d.", API_CHUNK_COUNT_MAX);
        return false;
    }
    if (has_chunk && x->chunk_index >= x->chunk_count) {
        api_fail(x, "out_of_range", "chunkId must be less than totalChunks.");
        return false;
    }
    return true;
}

/* ---- asking ---- */

/* The session is that of the name; a participant's own is its token's. */
static struct rh_vault_request *request_new(struct rh_exchange *x, enum rh_request_kind kind)
{
    struct rh_vault_request *request = api_request_new(x, kind);
    if (request == NULL)
        return NULL;
    rh_named_session(request->session, rh_bytes_of(x->name));
    if (kind != RH_REQUEST_SESSION_CREATE)
        strcpy(request->name, x->name);
    api_auth_scope(x, request);
    return request;
}

static void ask(struct rh_exchange *x, enum rh_request_kind kind, enum api_stage stage)
{
    struct rh_vault_request *request = request_new(x, kind);
    if (request == NULL)
        return;
    x->resumable->stage = stage;
    api_ask(x, request);
}

/* An end mark without a chunk. */
static void ask_finish(struct rh_exchange *x)
{
    if (!x->resumable->complete) {
        api_fail(x, "missing_field", "The part chunk is missing.");
        return;
    }
    if (x->chunk_count == RH_SIZE_UNKNOWN) {
        api_fail(x, "missing_field", "An end mark without a chunk needs totalChunks.");
        return;
    }
    struct rh_vault_request *request = request_new(x, RH_REQUEST_FINISH);
    if (request == NULL)
        return;
    request->chunk_count = x->chunk_count;
    x->resumable->stage = API_STAGE_FINISH;
    api_ask(x, request);
}

static void ask_write(struct rh_exchange *x)
{
    bool final = x->resumable->complete;
    struct rh_vault_request *request = request_new(x, RH_REQUEST_WRITE);
    if (request == NULL)
        return;
    take_type(x, request->mime);
    request->chunk_index = x->chunk_index;
    /* Until the end is marked a count is only how far the recorder has come. */
    if (final && x->chunk_count != RH_SIZE_UNKNOWN)
        request->chunk_count = x->chunk_count;
    else
        request->final = final;
    if (x->body_over)
        request->length = x->held_size;
    x->resumable->stage = API_STAGE_WRITE;
    if (api_header_crc(x, request))
        api_ask(x, request);
    else
        rh_vault_request_free(request);
}

void api_upload_chunk(struct rh_exchange *x)
{
    bool has_chunk = x->form->chunk_seen;
    x->chunk_index = RH_SIZE_UNKNOWN;
    x->chunk_count = RH_SIZE_UNKNOWN;
    if (!api_resumable_remember(x) || !read_name(x, field_bytes(x, FIELD_SESSION), x->name) ||
        !read_number(x, FIELD_CHUNK, &x->chunk_index) ||
        !read_number(x, FIELD_COUNT, &x->chunk_count) ||
        !read_flag(x, FIELD_FINAL, &x->resumable->complete) ||
        !read_flag(x, FIELD_LAST, &x->resumable->complete) || !numbers_agree(x, has_chunk))
        return;
    if (has_chunk)
        ask_write(x);
    else
        ask_finish(x);
}

/* A sessionId that nobody used yet is made by its first chunk; elsewhere there is nothing of it. */
static bool refused(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    if (x->resumable == NULL || reply->code != RH_REPLY_UNKNOWN_SESSION)
        return false;
    if (x->resumable->stage == API_STAGE_WRITE && !x->resumable->created &&
        x->role != RH_ROLE_PARTICIPANT) {
        x->resumable->created = true;
        ask(x, RH_REQUEST_SESSION_CREATE, API_STAGE_CREATE);
    } else {
        api_fail(x, "not_found", NULL);
    }
    return true;
}

const struct api_dialect api_upload = {.name = "upload", .refused = refused};

/* ---- answers ---- */

static json_t *number_or_null(uint64_t number)
{
    return number == RH_SIZE_UNKNOWN ? json_null() : api_json_size(number);
}

void api_upload_chunk_done(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    if (x->resumable->stage == API_STAGE_CREATE) {
        ask_write(x);
        return;
    }
    const struct rh_upload_view *upload = &reply->upload;
    bool done = upload->state == RH_UPLOAD_DONE;
    uint64_t count = upload->chunk_count != RH_SIZE_UNKNOWN ? upload->chunk_count : x->chunk_count;
    json_t *json =
        json_pack("{s:s,s:s,s:o,s:o,s:o,s:s}", "status",
                  done ? "upload_complete" : "chunk_received", "sessionId", upload->name, "chunkId",
                  number_or_null(x->chunk_index), "totalChunks", number_or_null(count), "received",
                  api_json_size(upload->chunks_received), "uploadId", upload->id);
    api_json_add_object(&json, upload);
    api_respond_json(x, 200, json, reply);
}

void api_upload_look(struct rh_exchange *x)
{
    uint8_t memory[RH_NAME_TEXT_MAX];
    struct rh_buffer value;
    rh_buffer_init(&value, memory, sizeof memory - 1);
    enum rh_error error = rh_url_query_find(x->request->query, "sessionId", &value);
    if (!api_resumable_remember(x))
        return;
    if (error == RH_ERR_UNKNOWN)
        api_fail(x, "missing_field", "sessionId is missing in the query.");
    else if (read_name(x, error == RH_OK ? rh_buffer_bytes(&value) : rh_bytes_of(""), x->name))
        ask(x, RH_REQUEST_GET, API_STAGE_LOOK);
}

void api_upload_looked(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    const struct rh_upload_view *upload = &reply->upload;
    json_t *runs = json_array();
    for (size_t i = 0; i < reply->chunk_run_count; i++) {
        const struct rh_range *run = &reply->chunks[i];
        api_json_append(&runs, json_pack("[o,o]", api_json_size(run->offset),
                                         api_json_size(run->offset + run->length - 1)));
    }
    json_t *json = json_pack("{s:s,s:s,s:s,s:o,s:o}", "sessionId", upload->name, "uploadId",
                             upload->id, "state", api_state_name(upload->state), "received",
                             api_json_size(upload->chunks_received), "totalChunks",
                             number_or_null(upload->chunk_count));
    api_json_set(&json, "chunks", runs);
    api_json_add_object(&json, upload);
    api_respond_json(x, 200, json, reply);
}
