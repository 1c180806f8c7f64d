/* SPDX-License-Identifier: MIT */
/*
 * What can be fetched: finished recordings, and the pages. A recording is found through the vault,
 * never by its path alone, so that only known and finished uploads are served, each with a type
 * from a short list and, outside audio and video, as an attachment.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "http/url.h"

static const char *const inline_types[] = {
    "video/webm", "video/mp4", "video/ogg",  "video/quicktime", "video/x-matroska", "audio/webm",
    "audio/mp4",  "audio/ogg", "audio/mpeg", "audio/wav",       "audio/flac",       "audio/aac",
};

/* Splits "name.ext" of the second path parameter; false: failed. */
static bool name_of_file(struct rh_exchange *x, char out[RH_NAME_TEXT_MAX])
{
    const char *file = api_param(x, 1);
    const char *dot = strrchr(file, '.');
    size_t size = dot == NULL ? 0 : (size_t)(dot - file);
    if (size == 0) {
        api_fail(x, "not_found", NULL);
        return false;
    }
    return api_id_name(x, (struct rh_bytes){(const uint8_t *)file, size}, out);
}

void api_recording(struct rh_exchange *x)
{
    char session[RH_UUID_TEXT_MAX] = "";
    char name[RH_NAME_TEXT_MAX] = "";
    if (!api_id_session(x, rh_bytes_of(api_param(x, 0)), session) || !name_of_file(x, name))
        return;
    struct rh_vault_request *request = api_request_new(x, RH_REQUEST_GET);
    if (request == NULL)
        return;
    memcpy(request->session, session, sizeof session);
    memcpy(request->name, name, sizeof name);
    memcpy(x->name, name, sizeof name);
    api_ask(x, request);
}

void api_download(struct rh_exchange *x)
{
    char upload[RH_ID_TEXT_MAX] = "";
    char name[RH_NAME_TEXT_MAX] = "";
    if (!api_id_upload(x, rh_bytes_of(api_param(x, 0)), "not_found", upload) ||
        !name_of_file(x, name))
        return;
    struct rh_vault_request *request = api_request_new(x, RH_REQUEST_GET);
    if (request == NULL)
        return;
    memcpy(request->upload, upload, sizeof upload);
    memcpy(x->name, name, sizeof name);
    api_auth_scope(x, request);
    api_ask(x, request);
}

static void file_type(struct rh_file_ref *file, const char *mime)
{
    struct rh_bytes base = api_mime_base(mime);
    file->attachment = true;
    (void)snprintf(file->mime, sizeof file->mime, "application/octet-stream");
    for (size_t i = 0; i < sizeof inline_types / sizeof inline_types[0]; i++) {
        if (!rh_bytes_equal_str(base, inline_types[i]))
            continue;
        (void)snprintf(file->mime, sizeof file->mime, "%s", inline_types[i]);
        file->attachment = false;
    }
}

void api_delivery_found(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    const struct rh_upload_view *upload = &reply->upload;
    const char *dot = strrchr(api_param(x, 1), '.');
    bool called =
        strcmp(upload->name, x->name) == 0 && strcmp(dot, rh_store_extension(upload->mime)) == 0;
    if (api_name_is_whole(upload))
        called = called || strcmp(upload->name, api_param(x, 1)) == 0;
    bool here = upload->state == RH_UPLOAD_DONE && called;
    if (upload->state == RH_UPLOAD_LOST || upload->state == RH_UPLOAD_EXPIRED)
        api_fail(x, "gone", NULL);
    else if (!here)
        api_fail(x, "not_found", NULL);
    else
        api_deliver_object(x, upload);
}

static bool make_file(struct rh_exchange *x)
{
    RH_ASSERT(x->file == NULL);
    x->file = calloc(1, sizeof *x->file);
    if (x->file == NULL)
        api_fail(x, "overloaded", NULL);
    return x->file != NULL;
}

void api_deliver_object(struct rh_exchange *x, const struct rh_upload_view *upload)
{
    struct rh_store_target target = {0};
    memcpy(target.upload, upload->id, sizeof target.upload);
    memcpy(target.session, upload->session, sizeof target.session);
    memcpy(target.name, upload->name, sizeof target.name);
    memcpy(target.mime, upload->mime, sizeof target.mime);
    struct rh_store *store = x->api->store;
    if (!make_file(x))
        return;
    if (store->ops->object_path(store, &target, x->file->path, sizeof x->file->path) != RH_OK) {
        api_fail(x, "internal", NULL);
        return;
    }
    x->file->kind = RH_FILE_RECORDING;
    file_type(x->file, upload->mime);
    /* Names of files end as their owners had them; names of videos are without an ending. */
    bool ends = strchr(upload->name, '.') != NULL;
    (void)snprintf(x->file->name, sizeof x->file->name, "%s%s", upload->name,
                   ends ? "" : rh_store_extension(upload->mime));
    (void)snprintf(x->file->etag, sizeof x->file->etag, "\"%016llx-%llu\"",
                   (unsigned long long)upload->crc64, (unsigned long long)upload->total);
    api_deliver_file(x);
}

/* "/" and folders have an index; "/sdk/" is the SDK, all else the app. Hidden files are not there.
 */
void api_page(struct rh_exchange *x)
{
    uint8_t memory[sizeof x->file->path - 32];
    struct rh_buffer path;
    rh_buffer_init(&path, memory, sizeof memory - 1);
    enum rh_error error = rh_url_path_decode(x->request->path, &path);
    if (error == RH_OK && (path.size == 0 || memory[0] != '/'))
        error = RH_ERR_SYNTAX;
    if (error != RH_OK) {
        api_fail(x, error == RH_ERR_LIMIT ? "not_found" : "bad_request", NULL);
        return;
    }
    memory[path.size] = '\0';
    const char *text = (const char *)memory;
    if (strstr(text, "/.") != NULL || strstr(text, "//") != NULL) {
        api_fail(x, "not_found", NULL);
        return;
    }
    if (!make_file(x))
        return;
    bool sdk = strncmp(text, "/sdk/", 5) == 0;
    bool folder = memory[path.size - 1] == '/';
    (void)snprintf(x->file->path, sizeof x->file->path, "%s%s%s", sdk ? "" : "app/", text + 1,
                   folder ? "index.html" : "");
    x->file->kind = RH_FILE_PAGE;
    api_deliver_file(x);
}

void api_nowhere(struct rh_exchange *x)
{
    api_fail(x, "not_found", NULL);
}
