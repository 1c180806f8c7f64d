/* SPDX-License-Identifier: MIT */
/*
 * tus 1.0 (https://tus.io/protocols/resumable-upload): the core protocol and termination; see
 * tus_create.c, tus_concat.c and tus_checksum.c for the other extensions. Expiration is the
 * vault's; here it is told.
 */
#include <stdlib.h>
#include <string.h>

#include "api/tus.h"
#include "base/bytes.h"
#include "fields/date.h"

#define EXTENSIONS                                                                                 \
    "creation,creation-with-upload,creation-defer-length,checksum,checksum-trailer,"               \
    "concatenation,concatenation-unfinished,expiration,termination"
#define ALGORITHMS "sha1,sha256,md5,crc32c,crc64nvme"

/* ---- heads ---- */

static bool version_is_ours(struct rh_exchange *x)
{
    struct rh_bytes value;
    enum rh_error error = rh_request_single(x->request, "Tus-Resumable", &value);
    if (error == RH_OK && rh_bytes_equal_str(value, TUS_VERSION))
        return true;
    api_fail(x, "unsupported_version", NULL);
    return false;
}

bool api_tus_number(struct rh_exchange *x, const char *name, bool required, uint64_t *out)
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
    if (rh_bytes_parse_u64(value, out) == RH_OK && *out <= INT64_MAX)
        return true;
    api_fail(x, "invalid_field", "%s must be a whole number that is not negative.", name);
    return false;
}

bool api_tus_body_length(struct rh_exchange *x, uint64_t *out)
{
    const struct rh_request *head = x->request;
    *out = head->body == RH_REQUEST_BODY_CHUNKED  ? RH_SIZE_UNKNOWN
           : head->body == RH_REQUEST_BODY_LENGTH ? head->body_length
                                                  : 0;
    struct rh_bytes type;
    if (rh_request_single(head, "Content-Type", &type) == RH_OK &&
        rh_media_type_is(type, "application/offset+octet-stream"))
        return true;
    api_fail(x, "unsupported_type", "This needs Content-Type: application/offset+octet-stream.");
    return false;
}

/* Room for what has to be remembered; false: failed. */
static bool remember(struct rh_exchange *x)
{
    x->tus = calloc(1, sizeof *x->tus);
    if (x->tus == NULL)
        api_fail(x, "overloaded", NULL);
    return x->tus != NULL;
}

void api_tus_release(struct rh_exchange *x)
{
    if (x->tus != NULL)
        rh_vault_request_free(x->tus->first);
    free(x->tus);
    x->tus = NULL;
}

/* ---- answers ---- */

static void add_date(struct rh_exchange *x, const char *name, int64_t unix_s)
{
    uint8_t memory[RH_DATE_TEXT];
    struct rh_buffer text;
    rh_buffer_init(&text, memory, sizeof memory);
    if (rh_date_write(&text, unix_s) == RH_OK)
        (void)rh_response_add(x->response, name, rh_buffer_bytes(&text));
}

/* A final upload has no offset before it is put together. */
static bool has_offset(const struct rh_upload_view *upload)
{
    return upload->concat != RH_CONCAT_FINAL || upload->state == RH_UPLOAD_DONE;
}

static bool is_there(const struct rh_vault_reply *reply)
{
    if (reply == NULL || !reply->has_upload)
        return false;
    enum rh_upload_state state = reply->upload.state;
    return reply->code != RH_REPLY_UNKNOWN && reply->code != RH_REPLY_UNKNOWN_SESSION &&
           reply->code != RH_REPLY_GONE && state != RH_UPLOAD_EXPIRED && state != RH_UPLOAD_LOST;
}

static void headers(struct rh_exchange *x, const struct rh_vault_reply *reply)
{
    unsigned status = x->response->status;
    if (status == 412)
        (void)rh_response_add_str(x->response, "Tus-Version", TUS_VERSION);
    if (status == 413)
        (void)rh_response_add_u64(x->response, "Tus-Max-Size", x->api->config->upload_bytes_max);
    if (x->tus != NULL && x->tus->created) {
        /* Made, whatever becomes of the body that came with it. */
        char path[16 + RH_ID_TEXT_MAX] = "/files/";
        strcat(path, x->tus->upload);
        api_add_location(x, path);
    }
    if (!is_there(reply) || status == 403)
        return;
    const struct rh_upload_view *upload = &reply->upload;
    if (has_offset(upload))
        (void)rh_response_add_u64(x->response, "Upload-Offset", upload->cursor);
    if (upload->expires_wall_s > 0)
        add_date(x, "Upload-Expires", upload->expires_wall_s);
}

static void fault(struct rh_exchange *x, const struct rh_vault_reply *reply)
{
    if (strcmp(x->fault, "checksum_mismatch") == 0)
        x->fault_status = 460;
    if (strcmp(x->fault, "out_of_range") == 0)
        x->fault_status = 413;
    /* Clients take 4xx for final, but for 409 and 423; a network that stalled is not. */
    if (strcmp(x->fault, "request_timeout") == 0)
        x->fault_status = 503;
    if (is_there(reply) && reply->upload.concat == RH_CONCAT_FINAL &&
        x->method == RH_METHOD_PATCH) {
        x->fault = "forbidden";
        x->fault_status = 0;
        api_note_text(x, "A final upload is put together of its partials; it takes no bytes.");
    }
}

void api_tus_options(struct rh_exchange *x)
{
    struct rh_response *response = x->response;
    (void)rh_response_add_str(response, "Tus-Version", TUS_VERSION);
    (void)rh_response_add_str(response, "Tus-Extension", EXTENSIONS);
    (void)rh_response_add_u64(response, "Tus-Max-Size", x->api->config->upload_bytes_max);
    (void)rh_response_add_str(response, "Tus-Checksum-Algorithm", ALGORITHMS);
}

/* ---- HEAD ---- */

static void head(struct rh_exchange *x)
{
    if (!version_is_ours(x))
        return;
    struct rh_vault_request *request = api_files_request(x, RH_REQUEST_GET);
    if (request != NULL)
        api_ask(x, request);
}

/* As they were received. */
static void add_echoes(struct rh_exchange *x, json_t *metadata)
{
    json_t *tus = json_object_get(metadata, "tus");
    const char *raw = json_string_value(json_object_get(tus, "upload_metadata"));
    const char *concat = json_string_value(json_object_get(tus, "upload_concat"));
    if (raw != NULL)
        (void)rh_response_add_str(x->response, "Upload-Metadata", raw);
    if (concat != NULL)
        (void)rh_response_add_str(x->response, "Upload-Concat", concat);
}

static void head_answer(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    const struct rh_upload_view *upload = &reply->upload;
    json_t *metadata = NULL;
    if (!is_there(reply)) {
        api_fail(x, "gone", NULL);
        return;
    }
    if (!api_json_load(upload->metadata, &metadata)) {
        api_fail(x, "overloaded", NULL);
        return;
    }
    api_respond_empty(x, 200, reply);
    if (upload->total != RH_SIZE_UNKNOWN)
        (void)rh_response_add_u64(x->response, "Upload-Length", upload->total);
    else if (upload->concat != RH_CONCAT_FINAL)
        (void)rh_response_add_str(x->response, "Upload-Defer-Length", "1");
    add_echoes(x, metadata);
    json_decref(metadata);
}

/* ---- PATCH ---- */

static bool append_read(struct rh_exchange *x, struct rh_vault_request *request)
{
    request->cursor = true;
    return api_tus_body_length(x, &request->length) &&
           api_tus_number(x, "Upload-Offset", true, &request->offset) &&
           api_tus_number(x, "Upload-Length", false, &request->total) &&
           api_header_crc(x, request) && api_header_writer(x, request) &&
           api_tus_checksum_read(x, request);
}

static void append(struct rh_exchange *x)
{
    if (!version_is_ours(x) || !remember(x))
        return;
    struct rh_vault_request *request = api_files_request(x, RH_REQUEST_WRITE);
    if (request == NULL)
        return;
    if (append_read(x, request))
        api_ask(x, request);
    else
        rh_vault_request_free(request);
}

/* ---- DELETE ---- */

static void cancel(struct rh_exchange *x)
{
    if (!version_is_ours(x))
        return;
    struct rh_vault_request *request = api_files_request(x, RH_REQUEST_DELETE);
    if (request == NULL)
        return;
    request->terminate = true; /* that is what it asks for, of a finished upload too */
    api_ask(x, request);
}

/* ---- the dialect ---- */

static void create(struct rh_exchange *x)
{
    if (x->method != RH_METHOD_POST) {
        api_files_not_allowed(x, "POST, OPTIONS");
        return;
    }
    if (version_is_ours(x) && remember(x))
        api_tus_create(x);
}

static void replied(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    if (x->method == RH_METHOD_HEAD)
        head_answer(x, reply);
    else if (x->method == RH_METHOD_POST)
        api_tus_created(x, reply);
    else if (x->method == RH_METHOD_PATCH)
        api_respond_empty(x, 204, reply);
    else
        api_respond_empty(x, 204, NULL);
}

const struct api_dialect api_tus = {
    .name = "tus",
    .create = create,
    .head = head,
    .append = append,
    .cancel = cancel,
    .replied = replied,
    .end = api_tus_end,
    .fault = fault,
    .headers = headers,
};
