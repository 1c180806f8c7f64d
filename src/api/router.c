/* SPDX-License-Identifier: MIT */
/*
 * The one table of routes. The first pattern that fits the path decides; rows with the same pattern
 * are the methods it has. HEAD goes wherever GET does, OPTIONS everywhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "base/bytes.h"
#include "http/url.h"

static const struct api_route routes[] = {
    {.method = RH_METHOD_GET,
     .pattern = "/health",
     .role = RH_ROLE_ANONYMOUS,
     .name = "health",
     .body = API_BODY_NONE,
     .begin = api_health},
    {.method = RH_METHOD_POST,
     .pattern = "/api/session/create",
     .role = RH_ROLE_OPERATOR,
     .enrol = true,
     .name = "session_create",
     .body = API_BODY_JSON,
     .json = api_session_create,
     .replied = api_session_created},
    {.method = RH_METHOD_GET,
     .pattern = "/api/session/{session}",
     .role = RH_ROLE_PARTICIPANT,
     .name = "session_get",
     .body = API_BODY_NONE,
     .begin = api_session_get,
     .replied = api_session_got},
    {.method = RH_METHOD_POST,
     .pattern = "/api/upload/chunk",
     .role = RH_ROLE_PARTICIPANT,
     .name = "session_chunk",
     .body = API_BODY_FORM,
     .form = &api_sessions_form,
     .coded = true,
     .form_ask = api_session_chunk,
     .replied = api_session_chunk_done},
    {.method = RH_METHOD_POST,
     .pattern = "/api/upload/metadata",
     .role = RH_ROLE_PARTICIPANT,
     .name = "session_metadata",
     .body = API_BODY_JSON,
     .json = api_session_metadata,
     .replied = api_session_metadata_saved},
    {.method = RH_METHOD_POST,
     .pattern = "/upload/chunk",
     .role = RH_ROLE_PARTICIPANT,
     .name = "upload_chunk",
     .body = API_BODY_FORM,
     .form = &api_upload_form,
     .coded = true,
     .form_ask = api_upload_chunk,
     .replied = api_upload_chunk_done},
    {.method = RH_METHOD_GET,
     .pattern = "/upload/chunk",
     .role = RH_ROLE_PARTICIPANT,
     .name = "upload_look",
     .body = API_BODY_NONE,
     .begin = api_upload_look,
     .replied = api_upload_looked},
    {.method = RH_METHOD_POST,
     .pattern = "/filepond/",
     .role = RH_ROLE_PARTICIPANT,
     .name = "filepond_create",
     .body = API_BODY_FORM,
     .form = &api_filepond_form,
     .form_ask = api_filepond_create,
     .replied = api_filepond_replied},
    {.method = RH_METHOD_PATCH,
     .pattern = "/filepond/",
     .role = RH_ROLE_PARTICIPANT,
     .name = "filepond_append",
     .body = API_BODY_RAW,
     .begin = api_filepond_append,
     .replied = api_filepond_replied},
    {.method = RH_METHOD_GET,
     .pattern = "/filepond/",
     .role = RH_ROLE_PARTICIPANT,
     .name = "filepond_look",
     .body = API_BODY_NONE,
     .begin = api_filepond_look,
     .replied = api_filepond_replied},
    {.method = RH_METHOD_DELETE,
     .pattern = "/filepond/",
     .role = RH_ROLE_PARTICIPANT,
     .name = "filepond_revert",
     .body = API_BODY_TEXT,
     .text = api_filepond_revert,
     .replied = api_filepond_replied},
    {.method = RH_METHOD_PATCH,
     .pattern = "/filepond/{upload}",
     .role = RH_ROLE_PARTICIPANT,
     .name = "filepond_append",
     .body = API_BODY_RAW,
     .begin = api_filepond_append,
     .replied = api_filepond_replied},
    {.method = RH_METHOD_GET,
     .pattern = "/filepond/{upload}",
     .role = RH_ROLE_PARTICIPANT,
     .name = "filepond_look",
     .body = API_BODY_NONE,
     .begin = api_filepond_look,
     .replied = api_filepond_replied},
    {.method = RH_METHOD_DELETE,
     .pattern = "/filepond/{upload}",
     .role = RH_ROLE_PARTICIPANT,
     .name = "filepond_revert",
     .body = API_BODY_TEXT,
     .text = api_filepond_revert,
     .replied = api_filepond_replied},
    {.method = RH_METHOD_POST,
     .pattern = "/api/v1/videos/init",
     .role = RH_ROLE_PARTICIPANT,
     .name = "video_init",
     .body = API_BODY_JSON,
     .json = api_video_init,
     .replied = api_video_inited},
    {.method = RH_METHOD_POST,
     .pattern = "/api/v1/videos/chunk",
     .role = RH_ROLE_PARTICIPANT,
     .name = "video_chunk",
     .body = API_BODY_PART,
     .begin = api_video_chunk,
     .form = &api_videos_form,
     .coded = true,
     .form_ask = api_video_chunk_form,
     .replied = api_video_chunk_done},
    {.method = RH_METHOD_POST,
     .pattern = "/api/v1/videos/finalize",
     .role = RH_ROLE_PARTICIPANT,
     .name = "video_finalize",
     .body = API_BODY_JSON,
     .json = api_video_finalize,
     .replied = api_video_finalized},
    {.method = RH_METHOD_GET,
     .pattern = "/api/v1/videos/{upload}",
     .role = RH_ROLE_PARTICIPANT,
     .name = "video_get",
     .body = API_BODY_NONE,
     .begin = api_video_get,
     .replied = api_video_got},
    {.method = RH_METHOD_DELETE,
     .pattern = "/api/v1/videos/{upload}",
     .role = RH_ROLE_PARTICIPANT,
     .name = "video_delete",
     .body = API_BODY_NONE,
     .begin = api_video_delete,
     .replied = api_video_deleted},
    {.method = RH_METHOD_OTHER,
     .pattern = "/api/*",
     .role = RH_ROLE_ANONYMOUS,
     .name = "nowhere",
     .body = API_BODY_NONE,
     .begin = api_nowhere},
    {.method = RH_METHOD_POST,
     .pattern = "/files",
     .role = RH_ROLE_PARTICIPANT,
     .name = "files_create",
     .body = API_BODY_RAW,
     .begin = api_files_create,
     .replied = api_files_replied},
    {.method = RH_METHOD_POST,
     .pattern = "/files/",
     .role = RH_ROLE_PARTICIPANT,
     .name = "files_create",
     .body = API_BODY_RAW,
     .begin = api_files_create,
     .replied = api_files_replied},
    {.method = RH_METHOD_PUT,
     .pattern = "/files/",
     .role = RH_ROLE_PARTICIPANT,
     .name = "files_create",
     .body = API_BODY_RAW,
     .begin = api_files_create,
     .replied = api_files_replied},
    {.method = RH_METHOD_PATCH,
     .pattern = "/files/",
     .role = RH_ROLE_PARTICIPANT,
     .name = "files_create",
     .body = API_BODY_RAW,
     .begin = api_files_create,
     .replied = api_files_replied},
    {.method = RH_METHOD_GET,
     .pattern = "/files/{upload}",
     .role = RH_ROLE_PARTICIPANT,
     .name = "files_get",
     .body = API_BODY_NONE,
     .begin = api_files_get,
     .replied = api_files_replied},
    {.method = RH_METHOD_PATCH,
     .pattern = "/files/{upload}",
     .role = RH_ROLE_PARTICIPANT,
     .name = "files_append",
     .body = API_BODY_RAW,
     .begin = api_files_append,
     .replied = api_files_replied},
    {.method = RH_METHOD_PUT,
     .pattern = "/files/{upload}",
     .role = RH_ROLE_PARTICIPANT,
     .name = "files_put",
     .body = API_BODY_RAW,
     .begin = api_files_put,
     .replied = api_files_replied},
    {.method = RH_METHOD_POST,
     .pattern = "/files/{upload}",
     .role = RH_ROLE_PARTICIPANT,
     .name = "files_put",
     .body = API_BODY_RAW,
     .begin = api_files_put,
     .replied = api_files_replied},
    {.method = RH_METHOD_DELETE,
     .pattern = "/files/{upload}",
     .role = RH_ROLE_PARTICIPANT,
     .name = "files_cancel",
     .body = API_BODY_NONE,
     .begin = api_files_cancel,
     .replied = api_files_replied},
    {.method = RH_METHOD_GET,
     .pattern = "/recordings/{session}/{file}",
     .role = RH_ROLE_PARTICIPANT,
     .name = "recording",
     .body = API_BODY_NONE,
     .begin = api_recording,
     .replied = api_delivery_found},
    {.method = RH_METHOD_GET,
     .pattern = "/download/{upload}/{file}",
     .role = RH_ROLE_PARTICIPANT,
     .name = "download",
     .body = API_BODY_NONE,
     .begin = api_download,
     .replied = api_delivery_found},
    {.method = RH_METHOD_GET,
     .pattern = "/prompts.json",
     .role = RH_ROLE_ANONYMOUS,
     .name = "prompts",
     .body = API_BODY_NONE,
     .begin = api_page},
    {.method = RH_METHOD_GET,
     .pattern = "/*",
     .role = RH_ROLE_ANONYMOUS,
     .name = "page",
     .body = API_BODY_NONE,
     .begin = api_page},
};

#define ROUTE_COUNT (sizeof routes / sizeof routes[0])

const struct api_route *api_routes(size_t *count)
{
    *count = ROUTE_COUNT;
    return routes;
}

static const char *const method_names[] = {
    [RH_METHOD_OTHER] = "",        [RH_METHOD_GET] = "GET",         [RH_METHOD_HEAD] = "HEAD",
    [RH_METHOD_POST] = "POST",     [RH_METHOD_PUT] = "PUT",         [RH_METHOD_PATCH] = "PATCH",
    [RH_METHOD_DELETE] = "DELETE", [RH_METHOD_OPTIONS] = "OPTIONS",
};

struct params {
    uint8_t text[API_PARAMS_MAX][API_PARAM_BYTES];
    size_t size[API_PARAMS_MAX];
    size_t count;
};

const char *api_param(const struct rh_exchange *x, size_t at)
{
    return x->params[at] == NULL ? "" : x->params[at];
}

bool api_param_keep(struct rh_exchange *x, size_t at, struct rh_bytes value)
{
    char *text = malloc(value.size + 1);
    if (text == NULL) {
        api_fail(x, "overloaded", NULL);
        return false;
    }
    if (value.size > 0)
        memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    free(x->params[at]);
    x->params[at] = text;
    return true;
}

/* RH_OK: fits; RH_ERR_UNKNOWN: does not; RH_ERR_SYNTAX: the path is no path. */
static enum rh_error match(const struct rh_exchange *x, const char *pattern, struct params *out)
{
    struct rh_bytes rest = x->request->path;
    out->count = 0;
    const char *at = pattern;
    while (*at == '/') {
        at++;
        if (*at == '*')
            return RH_OK;
        size_t want = strcspn(at, "/");
        struct rh_bytes raw;
        enum rh_error error = rh_url_segment_next(&rest, &raw);
        if (error != RH_OK)
            return error;
        uint8_t memory[API_PARAM_BYTES];
        struct rh_buffer segment;
        rh_buffer_init(&segment, memory, sizeof memory - 1);
        error = rh_url_segment_decode(raw, &segment);
        if (error != RH_OK)
            return error == RH_ERR_LIMIT ? RH_ERR_UNKNOWN : error;
        if (*at == '{') {
            if (segment.size == 0)
                return RH_ERR_UNKNOWN;
            memcpy(out->text[out->count], memory, segment.size);
            out->size[out->count++] = segment.size;
        } else if (segment.size != want || memcmp(memory, at, want) != 0) {
            return RH_ERR_UNKNOWN;
        }
        at += want;
    }
    return rest.size == 0 ? RH_OK : RH_ERR_UNKNOWN;
}

static void allow_add(struct rh_exchange *x, const char *name)
{
    size_t size = strlen(x->allow);
    (void)snprintf(x->allow + size, sizeof x->allow - size, "%s%s", size == 0 ? "" : ", ", name);
}

/* The methods that the first fitting pattern has. */
static void allow_fill(struct rh_exchange *x, const char *pattern)
{
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (strcmp(routes[i].pattern, pattern) != 0 || routes[i].method == RH_METHOD_OTHER)
            continue;
        allow_add(x, method_names[routes[i].method]);
        if (routes[i].method == RH_METHOD_GET)
            allow_add(x, "HEAD");
    }
    allow_add(x, "OPTIONS");
}

static bool options(struct rh_exchange *x)
{
    /* The doors let in: the origin is ours, a configured one, or there is none. Below /files/ the
     * protocols there say what they can do; tus wants 200 for that. */
    api_respond_empty(x, x->dialect != NULL ? 200 : 204, NULL);
    if (x->dialect != NULL)
        api_files_options(x);
    if (x->origin != NULL &&
        rh_request_find(x->request, "Access-Control-Request-Method", NULL) != NULL) {
        struct rh_response *response = x->response;
        (void)rh_response_add_str(response, "Access-Control-Allow-Methods", x->allow);
        (void)rh_response_add_str(
            response, "Access-Control-Allow-Headers",
            "Authorization, Content-Type, Content-Encoding, Reelhaul-Upload, Reelhaul-Offset, "
            "Reelhaul-Length, Reelhaul-Crc64, Reelhaul-Total, "
            "Reelhaul-Final, Reelhaul-Slices, Reelhaul-Writer, "
            "X-Requested-With, X-Request-ID, X-HTTP-Method-Override, "
            "Tus-Resumable, Upload-Offset, Upload-Length, "
            "Upload-Defer-Length, Upload-Metadata, Upload-Concat, "
            "Upload-Checksum, Upload-Complete, Upload-Incomplete, "
            "Upload-Draft-Interop-Version, Upload-Name, Content-Range, "
            "Content-Disposition, Content-Encoding, Content-Digest, "
            "Repr-Digest, Want-Repr-Digest");
        (void)rh_response_add_str(response, "Access-Control-Max-Age", "600");
    }
    return false;
}

bool api_route_find(struct rh_exchange *x)
{
    enum rh_method method = x->method;
    if (method == RH_METHOD_OPTIONS && rh_bytes_equal_str(x->request->path, "*")) {
        allow_add(x, "GET, HEAD, POST, DELETE, OPTIONS");
        return options(x);
    }
    size_t first = 0;
    enum rh_error error = RH_ERR_UNKNOWN;
    struct params params;
    while (first < ROUTE_COUNT &&
           (error = match(x, routes[first].pattern, &params)) == RH_ERR_UNKNOWN)
        first++;
    if (error != RH_OK) {
        api_fail(x, error == RH_ERR_UNKNOWN ? "not_found" : "bad_request",
                 error == RH_ERR_UNKNOWN ? NULL : "The path is malformed.");
        return false;
    }
    for (size_t i = 0; i < params.count; i++)
        if (!api_param_keep(x, i, (struct rh_bytes){params.text[i], params.size[i]}))
            return false;
    const char *pattern = routes[first].pattern;
    if (method == RH_METHOD_OPTIONS) {
        allow_fill(x, pattern);
        return options(x);
    }
    enum rh_method wanted = method == RH_METHOD_HEAD ? RH_METHOD_GET : method;
    for (size_t i = first; i < ROUTE_COUNT; i++) {
        if (strcmp(routes[i].pattern, pattern) != 0)
            continue;
        if (routes[i].method == wanted || routes[i].method == RH_METHOD_OTHER) {
            x->route = &routes[i];
            return true;
        }
    }
    allow_fill(x, pattern);
    api_fail(x, "method_not_allowed", NULL);
    return false;
}
