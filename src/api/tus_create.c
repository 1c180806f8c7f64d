/* SPDX-License-Identifier: MIT */
/*
 * The extensions "creation", "creation-with-upload" and "creation-defer-length". A body that comes
 * with the creation is a write of its own that follows it; when that goes wrong the upload is there
 * all the same, and the answer says where.
 */
#include <string.h>

#include "api/tus.h"
#include "base/bytes.h"
#include "fields/upload_metadata.h"
#include "http/url.h"

/* As they were sent: a HEAD has to be able to say them again, and its answer has an end. */
#define METADATA_BYTES_MAX ((size_t)16 << 10)
#define RAW_BYTES_MAX      ((size_t)24 << 10)

/* ---- Upload-Metadata ---- */

struct metadata {
    struct rh_bytes raw;
    struct rh_bytes concat; /* Upload-Concat */
    struct rh_upload_metadata_pair pairs[RH_UPLOAD_METADATA_PAIRS_MAX];
    size_t count;
};

/* The decoded value of the first of these keys that has one, with a NUL; false: there is none. What
 * does not fit is cut off. */
static bool value_of(const struct metadata *metadata, const char *const *keys, char *out,
                     size_t cap)
{
    for (; *keys != NULL; keys++) {
        for (size_t i = 0; i < metadata->count; i++) {
            struct rh_bytes value = metadata->pairs[i].value;
            if (value.size == 0 || !rh_bytes_equal_str(metadata->pairs[i].key, *keys))
                continue;
            size_t most = (cap - 1) / 3 * 4;
            value.size = value.size < most ? value.size : most;
            ptrdiff_t size = rh_upload_metadata_decode(out, cap - 1, value);
            out[size > 0 ? size : 0] = '\0';
            return out[0] != '\0';
        }
    }
    out[0] = '\0';
    return false;
}

/* A decoded value as JSON; NULL where it is no text. */
static json_t *text_of(struct rh_bytes value, bool *memory)
{
    size_t size = rh_upload_metadata_size(value);
    char *text = malloc(size + 1);
    json_t *json = NULL;
    *memory = text != NULL;
    if (text == NULL)
        return NULL;
    ptrdiff_t got = rh_upload_metadata_decode(text, size, value);
    struct rh_bytes bytes = {(const uint8_t *)text, got > 0 ? (size_t)got : 0};
    if (rh_utf8_valid(bytes) && memchr(text, '\0', bytes.size) == NULL) {
        json = json_stringn(text, bytes.size);
        *memory = json != NULL;
    }
    free(text);
    return json;
}

/* What people may read beside the upload; the raw texts are kept in it for HEAD. */
static json_t *metadata_json(const struct metadata *metadata)
{
    json_t *json = json_object();
    json_t *tus = json_object();
    for (size_t i = 0; i < metadata->count; i++) {
        const struct rh_upload_metadata_pair *pair = &metadata->pairs[i];
        char key[129];
        bool memory = true;
        json_t *value = text_of(pair->value, &memory);
        if (!memory) /* the setter gives all of it up */
            api_json_set(&json, "", NULL);
        if (value == NULL || pair->key.size >= sizeof key) {
            json_decref(value);
            continue;
        }
        memcpy(key, pair->key.data, pair->key.size);
        key[pair->key.size] = '\0';
        api_json_set(&json, key, value);
    }
    if (metadata->raw.size > 0)
        api_json_set(&tus, "upload_metadata",
                     json_stringn((const char *)metadata->raw.data, metadata->raw.size));
    if (metadata->concat.size > 0)
        api_json_set(&tus, "upload_concat",
                     json_stringn((const char *)metadata->concat.data, metadata->concat.size));
    api_json_set(&json, "tus", tus);
    return json;
}

static void take_names(struct rh_exchange *x, const struct metadata *metadata,
                       struct rh_vault_request *request)
{
    static const char *const names[] = {"filename", "name", "fileName", NULL};
    static const char *const types[] = {"filetype",    "type",         "mimeType", "mime_type",
                                        "contentType", "content-type", NULL};
    char type[RH_MIME_TEXT_MAX + 3];
    (void)value_of(metadata, names, request->file_name, RH_FILE_NAME_MAX);
    (void)value_of(metadata, types, type, sizeof type);
    api_id_mime_of_file(x, rh_bytes_of(type), request->mime);
}

static bool metadata_read(struct rh_exchange *x, struct rh_vault_request *request)
{
    struct metadata metadata = {.count = 0};
    enum rh_error error = api_header_find(x, "Upload-Metadata", &metadata.raw);
    if (error != RH_OK && error != RH_ERR_UNKNOWN)
        return false;
    (void)rh_request_single(x->request, "Upload-Concat", &metadata.concat); /* checked before */
    if (metadata.raw.size > METADATA_BYTES_MAX ||
        metadata.raw.size + metadata.concat.size > RAW_BYTES_MAX) {
        api_fail(x, "header_too_large",
                 "Upload-Metadata may have 16 KiB, together with Upload-Concat 24 KiB.");
        return false;
    }
    if (rh_upload_metadata_parse(metadata.raw, metadata.pairs, &metadata.count) != RH_OK ||
        !rh_utf8_valid(metadata.raw)) {
        api_fail(x, "invalid_field",
                 "Upload-Metadata must be at most 64 pairs between commas: a key that comes once, "
                 "a space, and its value in base 64.");
        return false;
    }
    take_names(x, &metadata, request);
    if (x->fault != NULL)
        return false;
    json_t *json = metadata_json(&metadata);
    request->metadata = json == NULL ? NULL : rh_json_write(json, JSON_COMPACT);
    json_decref(json);
    if (request->metadata == NULL)
        api_fail(x, "overloaded", NULL);
    return request->metadata != NULL;
}

/* ---- the length ---- */

static bool length_read(struct rh_exchange *x, struct rh_vault_request *request)
{
    struct rh_bytes defer;
    enum rh_error error = api_header_find(x, "Upload-Defer-Length", &defer);
    if (error != RH_OK && error != RH_ERR_UNKNOWN)
        return false;
    bool deferred = error == RH_OK;
    if (!api_tus_number(x, "Upload-Length", false, &request->total))
        return false;
    bool said = request->total != RH_SIZE_UNKNOWN;
    if (deferred && !rh_bytes_equal_str(defer, "1"))
        api_fail(x, "invalid_field", "Upload-Defer-Length can only be 1.");
    else if (request->concat == RH_CONCAT_FINAL && (said || deferred))
        api_fail(x, "invalid_field", "A final upload is as long as its partials together.");
    else if (said && deferred)
        api_fail(x, "invalid_field", "Upload-Length and Upload-Defer-Length exclude each other.");
    else if (!said && !deferred && request->concat != RH_CONCAT_FINAL)
        api_fail(x, "missing_field", "Upload-Length, or Upload-Defer-Length: 1, is missing.");
    else if (said && request->total > x->api->config->upload_bytes_max)
        api_fail(x, "too_large", NULL);
    return x->fault == NULL;
}

/* ---- the body ---- */

static bool has_body(const struct rh_exchange *x)
{
    const struct rh_request *head = x->request;
    return head->body == RH_REQUEST_BODY_CHUNKED ||
           (head->body == RH_REQUEST_BODY_LENGTH && head->body_length > 0);
}

/* Its write is made ready before anything is created, so that a head that cannot be makes nothing.
 */
static bool body_read(struct rh_exchange *x, const struct rh_vault_request *create)
{
    if (!has_body(x))
        return true;
    struct rh_vault_request *request = api_request_new(x, RH_REQUEST_WRITE);
    x->tus->first = request;
    if (request == NULL || !api_tus_body_length(x, &request->length) ||
        !api_header_crc(x, request) || !api_header_writer(x, request) ||
        !api_tus_checksum_read(x, request))
        return false;
    request->cursor = true;
    api_auth_scope(x, request);
    if (create->concat == RH_CONCAT_FINAL)
        api_fail(x, "invalid_field", "A final upload takes no bytes.");
    else if (request->length != RH_SIZE_UNKNOWN && request->length > create->total)
        api_fail(x, "too_large", "The body is longer than Upload-Length says.");
    return x->fault == NULL;
}

/* ---- POST ---- */

void api_tus_create(struct rh_exchange *x)
{
    struct rh_vault_request *request = api_request_new(x, RH_REQUEST_CREATE);
    if (request == NULL)
        return;
    request->cursor = true;
    if (api_tus_concat_read(x, request) && length_read(x, request) && body_read(x, request) &&
        metadata_read(x, request)) {
        api_auth_scope(x, request); /* a participant's uploads are in its session */
        api_ask(x, request);
    } else {
        rh_vault_request_free(request);
    }
}

void api_tus_created(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    struct rh_vault_request *first = x->tus->first;
    x->tus->first = NULL;
    if (!x->tus->created) {
        x->tus->created = true;
        memcpy(x->tus->upload, reply->upload.id, sizeof x->tus->upload);
    }
    if (first == NULL) {
        api_respond_empty(x, 201, reply);
        return;
    }
    memcpy(first->upload, x->tus->upload, sizeof first->upload);
    api_ask(x, first);
}
