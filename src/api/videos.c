/* SPDX-License-Identifier: MIT */
/*
 * The videos API: uploads by ranges. A part is a raw body described by headers, or the chunk of a
 * form described by fields; both come in any order and are answered with a receipt.
 */
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "base/bytes.h"
#include "fields/receipt.h"
#include "fields/sf.h"

enum { FIELD_UPLOAD, FIELD_OFFSET, FIELD_LENGTH, FIELD_CRC, FIELD_TOTAL, FIELD_FINAL };

const struct api_form_spec api_videos_form = {
    .names = {"upload_id", "offset", "length", "crc64", "total", "final"},
    .count = 6,
    .required = 2,
};

static json_t *text_or_null(const char *text)
{
    return text[0] == '\0' ? json_null() : json_string(text);
}

/* ---- init ---- */

static bool init_read(struct rh_exchange *x, json_t *body, struct rh_vault_request *request)
{
    const char *session = api_json_text(x, body, "session_id", false);
    const char *name = api_json_text(x, body, "video_id", false);
    const char *mime = api_json_text(x, body, "mime_type", true);
    if (x->fault != NULL ||
        (session != NULL && !api_id_session(x, rh_bytes_of(session), request->session)) ||
        (name != NULL && !api_id_name(x, rh_bytes_of(name), request->name)) ||
        !api_id_mime(x, rh_bytes_of(mime), request->mime) ||
        !api_json_u64(x, body, "size", &request->total))
        return false;
    json_t *metadata = api_json_get(body, "metadata");
    if (metadata == NULL)
        return true;
    if (!json_is_object(metadata)) {
        api_fail(x, "invalid_field", "metadata must be an object.");
        return false;
    }
    request->metadata = rh_json_write(metadata, JSON_COMPACT);
    if (request->metadata == NULL)
        api_fail(x, "overloaded", NULL);
    return request->metadata != NULL;
}

void api_video_init(struct rh_exchange *x, json_t *body)
{
    if (!api_json_object(x, body))
        return;
    struct rh_vault_request *request = api_request_new(x, RH_REQUEST_CREATE);
    if (request == NULL)
        return;
    if (!init_read(x, body, request)) {
        rh_vault_request_free(request);
        return;
    }
    api_auth_scope(x, request); /* a participant's uploads are in its session */
    api_ask(x, request);
}

static json_t *upload_json(const struct rh_upload_view *upload)
{
    json_t *json = json_pack("{s:s,s:s,s:o,s:s,s:o,s:o}", "upload_id", upload->id, "video_id",
                             upload->name, "session_id", text_or_null(upload->session), "state",
                             api_state_name(upload->state), "size", api_json_size(upload->total),
                             "received", api_json_size(upload->received));
    api_json_set(&json, "mime_type", json_string(upload->mime));
    api_json_add_object(&json, upload);
    if (upload->partial)
        api_json_set(&json, "partial", json_true());
    return json;
}

void api_video_inited(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    api_respond_json(x, reply->code == RH_REPLY_CREATED ? 201 : 200, upload_json(&reply->upload),
                     reply);
    char location[32 + RH_ID_TEXT_MAX] = "/api/v1/videos/";
    strcat(location, reply->upload.id);
    (void)rh_response_add_str(x->response, "Location", location);
}

/* ---- chunk ---- */

/* What headers or fields say must agree with itself before the vault hears of it. */
static bool part_agrees(struct rh_exchange *x, const struct rh_vault_request *request)
{
    if (request->length == RH_SIZE_UNKNOWN) {
        if (request->total == RH_SIZE_UNKNOWN || request->offset <= request->total)
            return true;
        api_fail(x, "out_of_range", "The part starts beyond the total.");
        return false;
    }
    if (request->length > x->api->config->body_bytes_max) {
        api_fail(x, "too_large", NULL);
        return false;
    }
    if (request->offset > RH_SF_INTEGER_MAX) {
        api_fail(x, "out_of_range", "The offset is too large.");
        return false;
    }
    uint64_t end = request->offset + request->length;
    if (request->total != RH_SIZE_UNKNOWN && end > request->total) {
        api_fail(x, "out_of_range", "The part ends beyond the total.");
        return false;
    }
    if (request->final && request->total != RH_SIZE_UNKNOWN && end != request->total) {
        api_fail(x, "invalid_field", "The final part does not end at the total.");
        return false;
    }
    return true;
}

enum rh_error api_header_find(struct rh_exchange *x, const char *name, struct rh_bytes *value)
{
    enum rh_error error = rh_request_single(x->request, name, value);
    if (error != RH_OK && error != RH_ERR_UNKNOWN)
        api_fail(x, "invalid_field", "%s comes twice.", name);
    return error;
}

static bool header_u64(struct rh_exchange *x, const char *name, bool required, uint64_t *out)
{
    struct rh_bytes value;
    enum rh_error error = api_header_find(x, name, &value);
    if (error == RH_ERR_UNKNOWN) {
        if (required)
            api_fail(x, "missing_field", "The header %s is missing.", name);
        return !required;
    }
    if (error != RH_OK)
        return false;
    if (rh_sf_parse_u64(value, out) == RH_OK)
        return true;
    api_fail(x, "invalid_field", "%s must be a whole number that is not negative.", name);
    return false;
}

bool api_header_crc(struct rh_exchange *x, struct rh_vault_request *request)
{
    struct rh_bytes value;
    enum rh_error error = api_header_find(x, "Reelhaul-Crc64", &value);
    if (error != RH_OK)
        return error == RH_ERR_UNKNOWN;
    request->has_crc = rh_crc64_field_parse(value, &request->crc64) == RH_OK;
    if (!request->has_crc)
        api_fail(x, "invalid_field", "Reelhaul-Crc64 must be 8 bytes, big-endian, as :base64:.");
    return request->has_crc;
}

static bool header_final(struct rh_exchange *x, struct rh_vault_request *request)
{
    struct rh_bytes value;
    enum rh_error error = api_header_find(x, "Reelhaul-Final", &value);
    if (error != RH_OK)
        return error == RH_ERR_UNKNOWN;
    if (rh_sf_parse_boolean(value, &request->final) == RH_OK)
        return true;
    api_fail(x, "invalid_field", "Reelhaul-Final must be ?1 or ?0.");
    return false;
}

bool api_header_writer(struct rh_exchange *x, struct rh_vault_request *request)
{
    struct rh_bytes value;
    enum rh_error error = api_header_find(x, "Reelhaul-Writer", &value);
    if (error != RH_OK)
        return error == RH_ERR_UNKNOWN;
    struct rh_writer writer;
    if (rh_writer_parse(value, &writer) != RH_OK || writer.lease_size >= RH_LEASE_TEXT_MAX) {
        api_fail(x, "invalid_field",
                 "Reelhaul-Writer must be a lease of at most 64 characters and "
                 "a number: \"lease\", 7.");
        return false;
    }
    memcpy(request->lease, writer.lease, writer.lease_size);
    request->lease_number = writer.number;
    return true;
}

static bool raw_length(struct rh_exchange *x, struct rh_vault_request *request)
{
    const struct rh_request *head = x->request;
    if (!header_u64(x, "Reelhaul-Length", false, &request->length))
        return false;
    /* Of a coded body the head tells what comes, not what it will be. */
    if (head->body == RH_REQUEST_BODY_CHUNKED ||
        (x->coding != NULL && head->body == RH_REQUEST_BODY_LENGTH))
        return true;
    uint64_t comes = head->body == RH_REQUEST_BODY_LENGTH ? head->body_length : 0;
    if (request->length == RH_SIZE_UNKNOWN) {
        if (head->body == RH_REQUEST_BODY_NONE) {
            api_fail(x, "length_required", NULL);
            return false;
        }
        request->length = comes;
    }
    if (request->length == comes)
        return true;
    api_fail(x, "invalid_field", "Reelhaul-Length and Content-Length disagree.");
    return false;
}

static bool raw_read(struct rh_exchange *x, struct rh_vault_request *request)
{
    struct rh_bytes upload;
    enum rh_error error = api_header_find(x, "Reelhaul-Upload", &upload);
    if (error == RH_ERR_UNKNOWN)
        api_fail(x, "missing_field", "The header Reelhaul-Upload is missing.");
    return error == RH_OK && api_id_upload(x, upload, "invalid_id", request->upload) &&
           header_u64(x, "Reelhaul-Offset", true, &request->offset) && raw_length(x, request) &&
           header_u64(x, "Reelhaul-Total", false, &request->total) && api_header_crc(x, request) &&
           header_final(x, request) && api_header_writer(x, request) && part_agrees(x, request) &&
           api_slices_read(x, request);
}

void api_video_chunk(struct rh_exchange *x)
{
    struct rh_vault_request *request = api_request_new(x, RH_REQUEST_WRITE);
    if (request == NULL)
        return;
    if (!raw_read(x, request)) {
        free(request);
        return;
    }
    api_auth_scope(x, request);
    api_ask(x, request);
}

static struct rh_bytes form_bytes(const struct rh_exchange *x, size_t field)
{
    const struct api_field *value = &x->form->fields[field];
    return (struct rh_bytes){(const uint8_t *)value->text, value->too_long ? 0 : value->size};
}

static bool form_u64(struct rh_exchange *x, size_t field, uint64_t *out)
{
    if (!x->form->fields[field].seen || rh_bytes_parse_u64(form_bytes(x, field), out) == RH_OK)
        return true;
    api_fail(x, "invalid_field", "%s must be a whole number that is not negative.",
             api_videos_form.names[field]);
    return false;
}

static bool form_crc(struct rh_exchange *x, struct rh_vault_request *request)
{
    if (!x->form->fields[FIELD_CRC].seen)
        return true;
    request->has_crc = rh_crc64_field_parse(form_bytes(x, FIELD_CRC), &request->crc64) == RH_OK;
    if (!request->has_crc)
        api_fail(x, "invalid_field", "crc64 must be 8 bytes, big-endian, as :base64:.");
    return request->has_crc;
}

static bool form_final(struct rh_exchange *x, struct rh_vault_request *request)
{
    if (!x->form->fields[FIELD_FINAL].seen)
        return true;
    struct rh_bytes text = form_bytes(x, FIELD_FINAL);
    request->final = rh_bytes_equal_str(text, "true") || rh_bytes_equal_str(text, "1") ||
                     rh_bytes_equal_str(text, "?1");
    if (request->final || rh_bytes_equal_str(text, "false") || rh_bytes_equal_str(text, "0") ||
        rh_bytes_equal_str(text, "?0"))
        return true;
    api_fail(x, "invalid_field", "final must be true or false.");
    return false;
}

/* A whole form tells the length of its chunk; an earlier asking must rely on the field. */
static bool form_length(struct rh_exchange *x, struct rh_vault_request *request)
{
    if (!x->body_over || request->length == x->held_size)
        return true;
    if (request->length != RH_SIZE_UNKNOWN) {
        api_fail(x, "invalid_field", "length and the size of the chunk disagree.");
        return false;
    }
    request->length = x->held_size;
    return true;
}

static bool form_read(struct rh_exchange *x, struct rh_vault_request *request)
{
    return api_id_upload(x, form_bytes(x, FIELD_UPLOAD), "invalid_id", request->upload) &&
           form_u64(x, FIELD_OFFSET, &request->offset) &&
           form_u64(x, FIELD_LENGTH, &request->length) && form_length(x, request) &&
           form_u64(x, FIELD_TOTAL, &request->total) && form_crc(x, request) &&
           form_final(x, request) && api_header_writer(x, request) && part_agrees(x, request) &&
           api_slices_read(x, request);
}

void api_video_chunk_form(struct rh_exchange *x)
{
    struct rh_vault_request *request = api_request_new(x, RH_REQUEST_WRITE);
    if (request == NULL)
        return;
    if (!form_read(x, request)) {
        free(request);
        return;
    }
    api_auth_scope(x, request);
    api_ask(x, request);
}

void api_video_chunk_done(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    const struct rh_upload_view *upload = &reply->upload;
    json_t *json =
        json_pack("{s:s,s:s,s:o,s:o,s:o,s:o}", "upload_id", upload->id, "state",
                  api_state_name(upload->state), "offset", api_json_size(x->declared_offset),
                  "length", api_json_size(x->written.bytes), "crc64",
                  api_json_crc64(api_sink_crc(x)), "received", api_json_size(upload->received));
    api_json_add_object(&json, upload);
    api_respond_json(x, 200, json, reply);
}

/* ---- finalize ---- */

static bool finalize_count(struct rh_exchange *x, json_t *body, uint64_t *out)
{
    json_t *chunks = api_json_get(body, "chunks");
    if (json_is_array(chunks)) {
        *out = json_array_size(chunks);
        return true;
    }
    return api_json_u64(x, body, "chunks", out) && api_json_u64(x, body, "count", out);
}

static bool finalize_checksum(struct rh_exchange *x, json_t *body, struct rh_vault_request *request)
{
    const char *text = api_json_text(x, body, "checksum", false);
    if (text == NULL)
        return x->fault == NULL;
    const char *prefix = "crc64nvme:";
    if (strncmp(text, prefix, strlen(prefix)) == 0)
        text += strlen(prefix);
    request->has_crc = rh_crc64_field_parse(rh_bytes_of(text), &request->crc64) == RH_OK;
    if (!request->has_crc)
        api_fail(x, "invalid_field", "checksum must be crc64nvme::base64: of 8 bytes.");
    return request->has_crc;
}

/* By upload id, or by session and video as the sessions API names them. */
static bool finalize_target(struct rh_exchange *x, json_t *body, struct rh_vault_request *request)
{
    const char *upload = api_json_text(x, body, "upload_id", false);
    const char *session = api_json_text(x, body, "session_id", false);
    const char *name = api_json_text(x, body, "video_id", false);
    if (x->fault != NULL)
        return false;
    if (upload != NULL)
        return api_id_upload(x, rh_bytes_of(upload), "invalid_id", request->upload);
    if (session == NULL || name == NULL) {
        api_fail(x, "missing_field", "upload_id is missing.");
        return false;
    }
    return api_id_session(x, rh_bytes_of(session), request->session) &&
           api_id_name(x, rh_bytes_of(name), request->name);
}

void api_video_finalize(struct rh_exchange *x, json_t *body)
{
    if (!api_json_object(x, body))
        return;
    struct rh_vault_request *request = api_request_new(x, RH_REQUEST_FINISH);
    if (request == NULL)
        return;
    if (!finalize_target(x, body, request) || !finalize_count(x, body, &request->chunk_count) ||
        !api_json_u64(x, body, "size", &request->total) || !finalize_checksum(x, body, request) ||
        !api_json_bool(x, body, "allow_partial", &request->allow_partial)) {
        free(request);
        return;
    }
    if (request->upload[0] != '\0')
        api_auth_scope(x, request);
    api_ask(x, request);
}

void api_video_finalized(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    const struct rh_upload_view *upload = &reply->upload;
    const char *status = api_state_name(upload->state);
    if (upload->state == RH_UPLOAD_DONE)
        status = upload->partial ? "partial" : "complete";
    json_t *json = json_pack("{s:s,s:s,s:s}", "status", status, "upload_id", upload->id, "video_id",
                             upload->name);
    api_json_add_object(&json, upload);
    api_respond_json(x, upload->state == RH_UPLOAD_DONE ? 200 : 202, json, reply);
}

/* ---- look and forget ---- */

static void ask_by_id(struct rh_exchange *x, enum rh_request_kind kind)
{
    char upload[RH_ID_TEXT_MAX] = "";
    if (!api_id_upload(x, rh_bytes_of(api_param(x, 0)), "not_found", upload))
        return;
    struct rh_vault_request *request = api_request_new(x, kind);
    if (request == NULL)
        return;
    memcpy(request->upload, upload, sizeof upload);
    api_auth_scope(x, request);
    api_ask(x, request);
}

void api_video_get(struct rh_exchange *x)
{
    ask_by_id(x, RH_REQUEST_GET);
}

void api_video_got(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    json_t *json = upload_json(&reply->upload);
    api_json_set(&json, "durable", api_json_durable(reply));
    api_json_set(&json, "missing", api_json_missing(reply));
    json_t *metadata = NULL;
    bool read = api_json_load(reply->upload.metadata, &metadata);
    if (metadata != NULL || !read)
        api_json_set(&json, "metadata", metadata);
    api_respond_json(x, 200, json, reply);
}

void api_video_delete(struct rh_exchange *x)
{
    ask_by_id(x, RH_REQUEST_DELETE);
}

void api_video_deleted(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    (void)reply;
    api_respond_empty(x, 204, NULL);
}
