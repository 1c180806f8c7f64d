/* SPDX-License-Identifier: MIT */
/*
 * The one error table: code → status, message, hint. Nothing else in this room names a status of
 * an error.
 */
#include <string.h>

#include "api/internal.h"

static const struct api_error errors[] = {
    {"bad_request", 400, "The request is malformed.", NULL},
    {"missing_field", 400, "A required field is missing.", NULL},
    {"invalid_field", 400, "A field has a value that it cannot have.", NULL},
    {"invalid_id", 400, "An identifier is malformed.",
     "Names are 1 to 128 of A-Z a-z 0-9 . _ - and do not start with . or -; session ids are those "
     "that session/create returned."},
    {"bad_json", 400, "The body is not a JSON object that can be read.", NULL},
    {"bad_form", 400, "The body is not a well-formed multipart form.", NULL},
    {"out_of_range", 400, "A number lies outside of what this upload allows.", NULL},
    {"total_changed", 400, "The total differs from what was declared before.",
     "An upload's total is declared once and then stays."},
    {"fields_after_chunk", 400, "A large chunk came before the fields that say where it goes.",
     "Put the form's other fields before the chunk."},
    {"incomplete", 409, "Parts of this upload have not arrived.",
     "Send what `missing` lists, then ask again; or set allow_partial."},
    {"unauthorized", 401, "A valid token is needed.", "Send `Authorization: Bearer <token>`."},
    {"forbidden", 403, "This token is not for that.", NULL},
    {"foreign_origin", 403, "Requests from that web origin are not allowed.",
     "Add the origin to the server's configuration if it is yours."},
    {"not_found", 404, "There is nothing here.", NULL},
    {"unknown_session", 404, "There is no such session.", "Create one with session/create."},
    {"method_not_allowed", 405, "This method is not possible here.", "See the Allow header."},
    {"request_timeout", 408, "The request took too long to arrive.",
     "Ask which ranges are durable, and send the rest."},
    {"different_bytes", 409, "Other bytes were acknowledged for this range before.",
     "What was acknowledged is never changed. Use a new video id for a new recording."},
    {"stale_writer", 409, "A newer writer of this upload was seen.", NULL},
    {"conflict", 409, "This disagrees with what is known of the upload.", NULL},
    {"superseded", 409, "A newer request took this range over.",
     "Ask which ranges are durable before sending again."},
    {"offset_mismatch", 409, "The upload does not stand at that offset.",
     "Go on at Upload-Offset of this answer."},
    {"gone", 410, "This upload is no longer here.", "Start a new one."},
    {"length_required", 411, "The length of the body is needed.",
     "Send Content-Length, or chunked encoding."},
    {"completed", 400, "The upload is complete already.", NULL},
    {"unsupported_version", 412, "This version of the protocol is not spoken here.",
     "Send `Tus-Resumable: 1.0.0`."},
    {"too_large", 413, "The body or the upload is too large.", NULL},
    {"uri_too_long", 414, "The request target is too long.", NULL},
    {"unsupported_type", 415, "This content type is not accepted here.", NULL},
    {"expectation_failed", 417, "Only the expectation 100-continue can be met.", NULL},
    {"bad_host", 421, "This server does not answer to that host name.",
     "Use a name that the server was configured with."},
    {"checksum_mismatch", 422, "The bytes do not match their checksum; nothing was kept.",
     "Send them again."},
    {"header_too_large", 431, "The request head is too large.", NULL},
    {"internal", 500, "Something went wrong in the server.", NULL},
    {"write_failed", 500, "The bytes could not be stored; nothing of this request was kept.",
     "Send it again."},
    {"not_implemented", 501, "The server does not know how to do that.", NULL},
    {"overloaded", 503, "The server is busy.", "Try again after the time in Retry-After."},
    {"http_version", 505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.", NULL},
    {"storage_full", 507, "The server's disk is full; what was acknowledged is safe.",
     "Try again after the time in Retry-After."},
};

#define ERROR_COUNT (sizeof errors / sizeof errors[0])

const struct api_error *api_error_find(const char *code)
{
    const struct api_error *internal = NULL;
    for (size_t i = 0; i < ERROR_COUNT; i++) {
        if (strcmp(errors[i].code, code) == 0)
            return &errors[i];
        if (strcmp(errors[i].code, "internal") == 0)
            internal = &errors[i];
    }
    return internal;
}

const char *rh_api_error_code(unsigned status)
{
    for (size_t i = 0; i < ERROR_COUNT; i++) {
        if (errors[i].status == status)
            return errors[i].code;
    }
    return status >= 400 && status < 500 ? "bad_request" : "internal";
}

const char *api_error_of_reply(enum rh_reply_code code)
{
    switch (code) {
    case RH_REPLY_UNKNOWN:
        return "not_found";
    case RH_REPLY_UNKNOWN_SESSION:
        return "unknown_session";
    case RH_REPLY_GONE:
        return "gone";
    case RH_REPLY_INCOMPLETE:
        return "incomplete";
    case RH_REPLY_DIFFERENT_BYTES:
        return "different_bytes";
    case RH_REPLY_CONFLICT:
    case RH_REPLY_STATE:
        return "conflict";
    case RH_REPLY_TOTAL_CHANGED:
        return "total_changed";
    case RH_REPLY_OUT_OF_RANGE:
        return "out_of_range";
    case RH_REPLY_OFFSET:
        return "offset_mismatch";
    case RH_REPLY_STALE_WRITER:
        return "stale_writer";
    case RH_REPLY_SUPERSEDED:
        return "superseded";
    case RH_REPLY_CHECKSUM:
        return "checksum_mismatch";
    case RH_REPLY_TOO_LARGE:
        return "too_large";
    case RH_REPLY_BROKEN:
        return "bad_request";
    case RH_REPLY_WRITE_FAILED:
        return "write_failed";
    case RH_REPLY_FULL:
        return "storage_full";
    case RH_REPLY_OVERLOADED:
        return "overloaded";
    case RH_REPLY_OK:
    case RH_REPLY_CREATED:
    case RH_REPLY_INTERNAL:
        break;
    }
    return "internal";
}

json_t *api_error_json(const struct api_error *error, const char *message)
{
    return json_pack("{s:{s:s,s:s,s:s*}}", "error", "code", error->code, "message",
                     message != NULL ? message : error->message, "hint", error->hint);
}

void rh_api_error_response(struct rh_response *response, void *memory, size_t memory_size,
                           const char *code, const char *message)
{
    const struct api_error *error = api_error_find(code);
    /* The first half holds header values, the second the body. */
    size_t half = memory_size / 2;
    rh_response_init(response, memory, half);
    response->status = error->status;
    (void)rh_response_add_str(response, "Content-Type", "application/json; charset=utf-8");
    (void)rh_response_add_str(response, "Reelhaul-Error", error->code);
    (void)rh_response_add_str(response, "Cache-Control", "no-store");
    (void)rh_response_add_str(response, "X-Content-Type-Options", "nosniff");
    if (error->status == 503 || error->status == 507)
        (void)rh_response_add_str(response, "Retry-After", "5");
    char *text = api_json_dump(api_error_json(error, message));
    size_t size = text == NULL ? 0 : strlen(text);
    if (size > 0 && size <= memory_size - half) {
        uint8_t *body = (uint8_t *)memory + half;
        memcpy(body, text, size);
        rh_response_set_bytes(response, (struct rh_bytes){body, size});
    }
    free(text);
}
