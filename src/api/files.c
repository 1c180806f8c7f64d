/* SPDX-License-Identifier: MIT */
/*
 * The resources below /files/, which several protocols share: an upload begun in one can be looked
 * at, fetched and deleted in another. The head alone says which protocol a request speaks, and it
 * is chosen before anything is refused, so that refusals speak it too. Downloads are plain GETs.
 */
#include <stdio.h>
#include <string.h>

#include "api/resumable.h"
#include "base/bytes.h"

static bool has(const struct rh_exchange *x, const char *name)
{
    return rh_request_find(x->request, name, NULL) != NULL;
}

static bool is_below_files(struct rh_bytes path)
{
    return rh_bytes_equal_str(path, "/files") || rh_bytes_starts_with(path, "/files/");
}

/* A request that is tus in all but the version, which tus then misses. */
static bool looks_like_tus(const struct rh_exchange *x)
{
    struct rh_bytes type;
    if (has(x, "Upload-Complete") || has(x, "Upload-Incomplete"))
        return false;
    if (x->method == RH_METHOD_POST)
        return has(x, "Upload-Length") || has(x, "Upload-Defer-Length") || has(x, "Upload-Concat");
    return x->method == RH_METHOD_PATCH &&
           rh_request_single(x->request, "Content-Type", &type) == RH_OK &&
           rh_media_type_is(type, "application/offset+octet-stream");
}

/* Neither asks for anything that only one protocol knows. */
static void plain_nothing(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    (void)reply;
    api_fail(x, "internal", NULL);
}

static const struct api_dialect plain = {.name = "plain", .replied = plain_nothing};

static const struct api_dialect *choose(const struct rh_exchange *x)
{
    if (has(x, "Tus-Resumable"))
        return &api_tus;
    if (x->method == RH_METHOD_OPTIONS)
        return &plain;
    if (looks_like_tus(x))
        return &api_tus;
    if (api_range_put_speaks(x))
        return &api_range_put;
    return api_resumable_speaks(x) ? &api_resumable : &plain;
}

void api_files_choose(struct rh_exchange *x)
{
    if (rh_bytes_starts_with(x->request->path, "/filepond/"))
        x->dialect = &api_filepond;
    if (rh_bytes_equal_str(x->request->path, "/upload/chunk"))
        x->dialect = &api_upload;
    if (!is_below_files(x->request->path))
        return;
    /* It counts whatever the method was (tus 1.0); a client that can send PATCH has no need of it.
     * Its value is a method's name or nothing that any route knows. */
    struct rh_bytes name;
    enum rh_error error = rh_request_single(x->request, "X-HTTP-Method-Override", &name);
    if (error == RH_OK)
        x->method = rh_http_method(name);
    else if (error != RH_ERR_UNKNOWN)
        x->method = RH_METHOD_OTHER;
    x->dialect = choose(x);
}

void api_files_not_allowed(struct rh_exchange *x, const char *allow)
{
    (void)snprintf(x->allow, sizeof x->allow, "%s", allow);
    api_fail(x, "method_not_allowed", NULL);
}

static void call(struct rh_exchange *x, void (*handler)(struct rh_exchange *))
{
    if (handler != NULL) {
        handler(x);
        return;
    }
    if (x->dialect != &plain) {
        api_files_not_allowed(x, "GET, HEAD, PATCH, DELETE, OPTIONS");
        return;
    }
    api_fail(x, "bad_request",
             "The head does not say which protocol this is: tus (Tus-Resumable), resumable "
             "uploads (Upload-Complete), or ranges (Content-Range).");
}

void api_files_create(struct rh_exchange *x)
{
    call(x, x->dialect->create);
}

void api_files_append(struct rh_exchange *x)
{
    call(x, x->dialect->append);
}

void api_files_put(struct rh_exchange *x)
{
    call(x, x->dialect->put);
}

struct rh_vault_request *api_files_request(struct rh_exchange *x, enum rh_request_kind kind)
{
    char upload[RH_ID_TEXT_MAX] = "";
    if (!api_id_upload(x, rh_bytes_of(api_param(x, 0)), "not_found", upload))
        return NULL;
    struct rh_vault_request *request = api_request_new(x, kind);
    if (request == NULL)
        return NULL;
    memcpy(request->upload, upload, sizeof upload);
    api_auth_scope(x, request);
    return request;
}

static void ask(struct rh_exchange *x, enum rh_request_kind kind)
{
    struct rh_vault_request *request = api_files_request(x, kind);
    if (request != NULL)
        api_ask(x, request);
}

void api_files_get(struct rh_exchange *x)
{
    if (x->dialect->head != NULL && (x->method == RH_METHOD_HEAD || x->dialect->gets))
        x->dialect->head(x);
    else
        ask(x, RH_REQUEST_GET);
}

void api_files_cancel(struct rh_exchange *x)
{
    if (x->dialect->cancel != NULL)
        x->dialect->cancel(x);
    else
        ask(x, RH_REQUEST_DELETE);
}

static void download(struct rh_exchange *x, const struct rh_vault_reply *reply)
{
    switch (reply->upload.state) {
    case RH_UPLOAD_DONE:
        api_deliver_object(x, &reply->upload);
        break;
    case RH_UPLOAD_OPEN:
    case RH_UPLOAD_FINISHING:
        api_note(x, "conflict", "This upload is not finished.");
        api_respond_fault(x, reply);
        break;
    case RH_UPLOAD_EXPIRED:
    case RH_UPLOAD_LOST:
        api_note(x, "gone", "");
        api_respond_fault(x, reply);
        break;
    }
}

void api_files_replied(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    bool plain_head = x->method == RH_METHOD_HEAD && x->dialect->head == NULL;
    if ((x->method == RH_METHOD_GET && !x->dialect->gets) || plain_head)
        download(x, reply);
    else if (x->method == RH_METHOD_DELETE && x->dialect->cancel == NULL)
        api_respond_empty(x, 204, reply);
    else
        x->dialect->replied(x, reply);
}

void api_files_options(struct rh_exchange *x)
{
    if (!is_below_files(x->request->path))
        return;
    /* By this our own senders know the server for one of ours. */
    (void)rh_response_add_str(x->response, "Reelhaul-Protocols", "videos, tus, resumable");
    api_tus_options(x);
    api_resumable_options(x);
}
