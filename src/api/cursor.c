/* SPDX-License-Identifier: MIT */
/* What the dialects on an upload with a cursor have in common (see resumable.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/resumable.h"
#include "base/assert.h"
#include "base/bytes.h"

bool api_resumable_remember(struct rh_exchange *x)
{
    x->resumable = calloc(1, sizeof *x->resumable);
    if (x->resumable == NULL) {
        api_fail(x, "overloaded", NULL);
        return false;
    }
    x->resumable->length = api_resumable_body_length(x);
    x->resumable->total = RH_SIZE_UNKNOWN;
    return true;
}

uint64_t api_resumable_body_length(const struct rh_exchange *x)
{
    const struct rh_request *head = x->request;
    if (head->body == RH_REQUEST_BODY_CHUNKED)
        return RH_SIZE_UNKNOWN;
    return head->body == RH_REQUEST_BODY_LENGTH ? head->body_length : 0;
}

bool api_resumable_target(struct rh_exchange *x)
{
    return api_id_upload(x, rh_bytes_of(api_param(x, 0)), "not_found", x->resumable->upload);
}

struct rh_vault_request *api_resumable_request(struct rh_exchange *x, enum rh_request_kind kind,
                                               enum api_stage stage)
{
    struct rh_vault_request *request = api_request_new(x, kind);
    if (request == NULL)
        return NULL;
    x->resumable->stage = stage;
    memcpy(request->upload, x->resumable->upload, sizeof request->upload);
    api_auth_scope(x, request);
    return request;
}

struct rh_vault_request *api_resumable_write(struct rh_exchange *x)
{
    const struct api_resumable *known = x->resumable;
    struct rh_vault_request *request = api_resumable_request(x, RH_REQUEST_WRITE, API_STAGE_WRITE);
    if (request == NULL)
        return NULL;
    request->cursor = true;
    request->offset = known->offset;
    request->length = known->length;
    request->total = known->total;
    if (api_header_crc(x, request) && api_header_writer(x, request))
        return request;
    rh_vault_request_free(request);
    return NULL;
}

struct rh_vault_request *api_resumable_new(struct rh_exchange *x)
{
    struct rh_bytes value;
    if (x->resumable->total != RH_SIZE_UNKNOWN &&
        x->resumable->total > x->api->config->upload_bytes_max) {
        api_fail(x, "too_large", NULL);
        return NULL;
    }
    struct rh_vault_request *request =
        api_resumable_request(x, RH_REQUEST_CREATE, API_STAGE_CREATE);
    if (request == NULL)
        return NULL;
    request->cursor = true;
    request->total = x->resumable->total;
    if (rh_request_single(x->request, "Content-Disposition", &value) == RH_OK)
        api_disposition_name(value, request->file_name);
    if (rh_request_single(x->request, "Content-Type", &value) != RH_OK)
        value = rh_bytes_of("application/octet-stream");
    api_id_mime_of_file(x, value, request->mime);
    if (x->fault == NULL)
        return request;
    rh_vault_request_free(request);
    return NULL;
}

void api_resumable_drop(struct rh_exchange *x, const char *code, const char *message)
{
    RH_ASSERT(x->ask == API_ASK_NONE);
    struct rh_vault_request *request = api_resumable_request(x, RH_REQUEST_DELETE, API_STAGE_DROP);
    if (request == NULL)
        return;
    api_note(x, code, message);
    api_ask(x, request);
}

void api_resumable_location(struct rh_exchange *x)
{
    char path[16 + RH_ID_TEXT_MAX] = "/files/";
    strcat(path, x->resumable->upload);
    api_add_location(x, path);
}

json_t *api_resumable_json(const struct rh_upload_view *upload)
{
    json_t *json =
        json_pack("{s:s,s:s,s:s,s:s,s:o,s:o}", "upload_id", upload->id, "name", upload->name,
                  "state", api_state_name(upload->state), "mime_type", upload->mime, "size",
                  api_json_size(upload->total), "received", api_json_size(upload->cursor));
    api_json_add_object(&json, upload);
    return json;
}
