/* SPDX-License-Identifier: MIT */
/*
 * The sessions API, to the letter of its document: create a session, send a video as numbered
 * chunks of a form, save metadata, look at a session; and /health. Times are UTC, written without a
 * zone as there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "base/bytes.h"
#include "http/url.h"

enum { FIELD_SESSION, FIELD_VIDEO, FIELD_INDEX, FIELD_COUNT };

const struct api_form_spec api_sessions_form = {
    .names = {"session_id", "video_id", "chunk_index", "total_chunks"},
    .count = 4,
    .required = 4,
};

void api_health(struct rh_exchange *x)
{
    api_respond_json(x, 200,
                     json_pack("{s:s,s:s,s:s}", "status", "healthy", "service", "reelhaul",
                               "version", RH_VERSION),
                     NULL);
}

/* ---- create ---- */

/* Who knows the id of a session that is in use must not get its token for that: the answer is
 * repeated to its own people, and to others while there is nothing in it. */
static bool only_unused(const struct rh_exchange *x, const char *session)
{
    bool own = x->role == RH_ROLE_PARTICIPANT && strcmp(session, x->token_session) == 0;
    return x->role != RH_ROLE_OPERATOR && !own;
}

void api_session_create(struct rh_exchange *x, json_t *body)
{
    char session[RH_UUID_TEXT_MAX] = "";
    char participant[RH_NAME_TEXT_MAX] = "";
    if (body != NULL) {
        if (!api_json_object(x, body))
            return;
        const char *text = api_json_text(x, body, "participant_id", false);
        const char *id = api_json_text(x, body, "session_id", false);
        if (x->fault != NULL)
            return;
        if (text != NULL && !api_id_participant(x, rh_bytes_of(text), participant))
            return;
        if (id != NULL && !api_id_session_new(x, rh_bytes_of(id), session))
            return;
    }
    struct rh_vault_request *request = api_request_new(x, RH_REQUEST_SESSION_CREATE);
    if (request == NULL)
        return;
    memcpy(request->session, session, sizeof session);
    memcpy(request->participant, participant, sizeof participant);
    request->unused_only = only_unused(x, session);
    api_ask(x, request);
}

void api_session_created(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    char time[API_TIME_TEXT];
    api_time_text(reply->session.created_wall_s, time);
    json_t *json = json_pack("{s:s,s:s,s:s}", "session_id", reply->session.id, "created_at", time,
                             "status", "created");
    if (x->api->config->auth == RH_AUTH_TOKEN) {
        char token[API_TOKEN_TEXT];
        api_auth_session_token(x->api->config, reply->session.id, token);
        api_json_set(&json, "session_token", json_string(token));
    }
    api_respond_json(x, 200, json, reply);
    /* Senders read no bodies: they take the new id from here. */
    char location[32 + RH_UUID_TEXT_MAX];
    (void)snprintf(location, sizeof location, "/api/session/%s", reply->session.id);
    (void)rh_response_add_str(x->response, "Location", location);
}

/* ---- chunk ---- */

static struct rh_bytes field_bytes(const struct api_field *field)
{
    return (struct rh_bytes){(const uint8_t *)field->text, field->size};
}

static bool field_id_fits(struct rh_exchange *x, size_t field)
{
    if (!x->form->fields[field].too_long)
        return true;
    api_fail(x, "invalid_id", "%s is too long.", api_sessions_form.names[field]);
    return false;
}

static bool field_number(struct rh_exchange *x, size_t field, uint64_t *out)
{
    const struct api_field *value = &x->form->fields[field];
    if (!value->too_long && rh_bytes_parse_u64(field_bytes(value), out) == RH_OK)
        return true;
    api_fail(x, "invalid_field", "%s must be a whole number that is not negative.",
             api_sessions_form.names[field]);
    return false;
}

void api_session_chunk(struct rh_exchange *x)
{
    const struct api_field *fields = x->form->fields;
    char session[RH_UUID_TEXT_MAX] = "";
    char name[RH_NAME_TEXT_MAX] = "";
    uint64_t chunk_index = 0;
    uint64_t chunk_count = 0;
    if (!field_id_fits(x, FIELD_SESSION) || !field_id_fits(x, FIELD_VIDEO) ||
        !api_id_session(x, field_bytes(&fields[FIELD_SESSION]), session) ||
        !api_id_name(x, field_bytes(&fields[FIELD_VIDEO]), name) ||
        !field_number(x, FIELD_INDEX, &chunk_index) || !field_number(x, FIELD_COUNT, &chunk_count))
        return;
    if (chunk_count == 0 || chunk_count > API_CHUNK_COUNT_MAX) {
        api_fail(x, "invalid_field", "total_chunks must be 1 to %d.", API_CHUNK_COUNT_MAX);
        return;
    }
    if (chunk_index >= chunk_count) {
        api_fail(x, "out_of_range", "chunk_index must be less than total_chunks.");
        return;
    }
    struct rh_vault_request *request = api_request_new(x, RH_REQUEST_WRITE);
    if (request == NULL)
        return;
    memcpy(request->session, session, sizeof session);
    memcpy(request->name, name, sizeof name);
    /* What records in browsers is WebM, or MP4 in Safari; curl and old clients say neither. */
    bool mp4 = rh_media_type_is(rh_bytes_of(x->form->mime), "video/mp4");
    memcpy(request->mime, mp4 ? "video/mp4" : "video/webm", mp4 ? 10 : 11);
    request->chunk_index = chunk_index;
    request->chunk_count = chunk_count;
    /* Not of the document: senders of ours say it, so that a chunk damaged on the way is seen. */
    if (!api_header_crc(x, request)) {
        free(request);
        return;
    }
    if (x->body_over)
        request->length = x->held_size;
    x->chunk_index = chunk_index;
    x->chunk_count = chunk_count;
    api_ask(x, request);
}

static json_t *file_path(const struct rh_upload_view *upload)
{
    return json_sprintf("%s/%s%s", upload->session, upload->name, rh_store_extension(upload->mime));
}

void api_session_chunk_done(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    const struct rh_upload_view *upload = &reply->upload;
    json_t *json = NULL;
    if (upload->state == RH_UPLOAD_DONE)
        json = json_pack("{s:s,s:s,s:o}", "status", "video_complete", "video_id", upload->name,
                         "file_path", file_path(upload));
    else
        json =
            json_pack("{s:s,s:o,s:o,s:o}", "status", "chunk_received", "chunk_index",
                      api_json_size(x->chunk_index), "total_chunks", api_json_size(x->chunk_count),
                      "received", api_json_size(upload->chunks_received));
    api_respond_json(x, 200, json, reply);
}

/* ---- metadata ---- */

void api_session_metadata(struct rh_exchange *x, json_t *body)
{
    char session[RH_UUID_TEXT_MAX] = "";
    char name[RH_NAME_TEXT_MAX] = "";
    uint64_t declared_size = RH_SIZE_UNKNOWN;
    if (!api_json_object(x, body))
        return;
    const char *session_text = api_json_text(x, body, "session_id", true);
    const char *name_text = api_json_text(x, body, "video_id", true);
    if (x->fault != NULL || !api_id_session(x, rh_bytes_of(session_text), session) ||
        !api_id_name(x, rh_bytes_of(name_text), name) ||
        !api_json_u64(x, body, "file_size", &declared_size) ||
        !api_json_number_check(x, body, "duration") ||
        !api_json_number_check(x, body, "frame_rate"))
        return;
    struct rh_vault_request *request = api_request_new(x, RH_REQUEST_METADATA);
    if (request == NULL)
        return;
    memcpy(request->session, session, sizeof session);
    memcpy(request->name, name, sizeof name);
    request->declared_size = declared_size;
    request->metadata = rh_json_write(body, JSON_COMPACT);
    if (request->metadata == NULL) {
        free(request);
        api_fail(x, "overloaded", NULL);
        return;
    }
    memcpy(x->name, name, sizeof name);
    api_ask(x, request);
}

void api_session_metadata_saved(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    api_respond_json(
        x, 200, json_pack("{s:s,s:s}", "status", "metadata_saved", "video_id", x->name), reply);
}

/* ---- look ---- */

/* Decodes ?video= into x->name ("" when absent). */
static bool video_wanted(struct rh_exchange *x)
{
    uint8_t memory[RH_NAME_TEXT_MAX];
    struct rh_buffer value;
    rh_buffer_init(&value, memory, sizeof memory - 1);
    enum rh_error error = rh_url_query_find(x->request->query, "video", &value);
    if (error == RH_ERR_UNKNOWN)
        return true;
    struct rh_bytes text = error == RH_OK ? rh_buffer_bytes(&value) : rh_bytes_of("");
    return api_id_name(x, text, x->name);
}

void api_session_get(struct rh_exchange *x)
{
    char session[RH_UUID_TEXT_MAX] = "";
    if (!api_id_session(x, rh_bytes_of(api_param(x, 0)), session) || !video_wanted(x))
        return;
    struct rh_vault_request *request = api_request_new(x, RH_REQUEST_SESSION_GET);
    if (request == NULL)
        return;
    memcpy(request->session, session, sizeof session);
    api_ask(x, request);
}

static json_t *video_json(const struct rh_upload_view *upload)
{
    bool done = upload->state == RH_UPLOAD_DONE;
    char time[API_TIME_TEXT];
    api_time_text(upload->done_wall_s, time);
    json_t *metadata = NULL;
    bool read = api_json_load(upload->metadata, &metadata);
    json_t *prompt = json_object_get(metadata, "prompt_id");
    json_t *json =
        json_pack("{s:s,s:O?,s:o,s:s}", "video_id", upload->name, "prompt_id", prompt,
                  "uploaded_at", done ? json_string(time) : json_null(), "state",
                  upload->state == RH_UPLOAD_OPEN ? "uploading" : api_state_name(upload->state));
    api_json_set(&json, "upload_id", json_string(upload->id));
    api_json_set(&json, "mime_type", json_string(upload->mime));
    api_json_set(&json, "bytes_received", api_json_size(upload->received));
    if (done) {
        api_json_add_object(&json, upload);
        api_json_set(&json, "file_path", file_path(upload));
        if (upload->partial)
            api_json_set(&json, "partial", json_true());
        if (upload->size_disagrees)
            api_json_set(&json, "size_disagrees", json_true());
    } else if (upload->geometry == RH_GEOMETRY_CHUNKS) {
        api_json_set(&json, "chunks_received", api_json_size(upload->chunks_received));
        api_json_set(&json, "total_chunks", api_json_size(upload->chunk_count));
    }
    if (metadata != NULL || !read)
        api_json_set(&json, "metadata", metadata);
    return json;
}

static json_t *session_json(const struct rh_vault_reply *reply)
{
    char time[API_TIME_TEXT];
    api_time_text(reply->session.created_wall_s, time);
    json_t *json = json_pack("{s:s,s:s,s:s}", "session_id", reply->session.id, "created_at", time,
                             "status", "created");
    if (reply->session.participant[0] != '\0')
        api_json_set(&json, "participant_id", json_string(reply->session.participant));
    json_t *videos = json_array();
    for (size_t i = 0; i < reply->video_count; i++)
        api_json_append(&videos, video_json(&reply->videos[i]));
    api_json_set(&json, "videos", videos);
    return json;
}

/* With ?video= the vault is asked once more: chunks received and receipts are headers, for senders
 * that read no bodies. An unknown video just has none. */
void api_session_got(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    if (x->second) {
        char *text = x->text;
        x->text = NULL;
        api_respond_text(x, 200, text, reply);
        return;
    }
    if (x->name[0] == '\0') {
        api_respond_json(x, 200, session_json(reply), reply);
        return;
    }
    x->text = api_json_dump(session_json(reply));
    struct rh_vault_request *request = api_request_new(x, RH_REQUEST_GET);
    if (request == NULL)
        return;
    memcpy(request->session, reply->session.id, sizeof request->session);
    memcpy(request->name, x->name, sizeof request->name);
    x->second = true;
    api_ask(x, request);
}
