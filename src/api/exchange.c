/* SPDX-License-Identifier: MIT */
/*
 * The state machine of one exchange: checks of the head, the body's way, the vault's answers, and
 * when a response may go out. What the routes mean is in the dialects' files.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/resumable.h"
#include "base/assert.h"
#include "base/bytes.h"

void rh_api_config_default(struct rh_api_config *config)
{
    *config = (struct rh_api_config){
        .auth = RH_AUTH_OPEN,
        .body_bytes_max = 5ULL << 30,
        .upload_bytes_max = 1ULL << 44,
        .json_bytes_max = 64 << 10,
        .form_wait_bytes_max = (1 << 20) + (64 << 10),
        .held_bytes_max = 64 << 20,
        .drain_bytes_max = (1 << 20) + (64 << 10),
    };
}

#define MESSAGE_BYTES 200

size_t rh_exchange_size(void)
{
    return sizeof(struct rh_exchange);
}

/* ---- failing and delivering ---- */

static bool body_comes(const struct rh_exchange *x)
{
    const struct rh_request *request = x->request;
    return request->body == RH_REQUEST_BODY_CHUNKED ||
           (request->body == RH_REQUEST_BODY_LENGTH && request->body_length > 0);
}

/* A short rest of the body is read before answering: closing with unread bytes resets the
 * connection, and the client might never see the answer. */
static bool rest_is_short(const struct rh_exchange *x)
{
    if (x->body_broken || (x->request->expect_continue && x->body_taken == 0))
        return false;
    uint64_t max = x->api->config->drain_bytes_max;
    if (x->request->body == RH_REQUEST_BODY_CHUNKED)
        return x->drained < max;
    return x->request->body_length - x->body_taken <= max;
}

void api_deliver(struct rh_exchange *x)
{
    x->answered = true;
    x->want = RH_WANT_RESPOND;
    x->response->close = x->body_broken || x->response_memory == NULL;
    api_hold_release(x);
    if (!body_comes(x) || x->wire_over)
        return;
    if (rest_is_short(x)) {
        x->mode = API_MODE_DRAIN;
        x->want = RH_WANT_BODY;
    } else {
        x->response->close = true;
    }
}

void api_deliver_file(struct rh_exchange *x)
{
    x->want = RH_WANT_FILE;
}

/* Without memory for it the code's own message has to do. */
static void say(struct rh_exchange *x, const char *format, va_list arguments)
{
    if (x->fault_message == NULL)
        x->fault_message = malloc(MESSAGE_BYTES);
    if (x->fault_message != NULL)
        (void)vsnprintf(x->fault_message, MESSAGE_BYTES, format, arguments);
}

__attribute__((format(printf, 2, 3))) static void tell(struct rh_exchange *x, const char *format,
                                                       ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(x, format, arguments);
    va_end(arguments);
}

static void note(struct rh_exchange *x, const char *code, const char *format, va_list arguments)
{
    if (x->fault != NULL || x->answered)
        return;
    x->fault = code;
    if (format != NULL)
        say(x, format, arguments);
}

void api_fail(struct rh_exchange *x, const char *code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    note(x, code, format, arguments);
    va_end(arguments);
    if (x->ask == API_ASK_GRANTED)
        api_sink_report(x, RH_WRITTEN_BROKEN);
    else if (x->ask == API_ASK_NONE && !x->answered)
        api_respond_fault(x, NULL);
}

void api_note_text(struct rh_exchange *x, const char *message)
{
    tell(x, "%s", message);
}

void api_note(struct rh_exchange *x, const char *code, const char *message)
{
    if (x->fault == NULL) {
        x->fault = code;
        tell(x, "%s", message);
    }
}

/* ---- the vault ---- */

struct rh_vault_request *api_request_new(struct rh_exchange *x, enum rh_request_kind kind)
{
    struct rh_vault_request *request = calloc(1, sizeof *request);
    if (request != NULL && kind == RH_REQUEST_CREATE) {
        request->file_name = calloc(1, RH_FILE_NAME_MAX);
        if (request->file_name == NULL) {
            free(request);
            request = NULL;
        }
    }
    if (request == NULL) {
        api_fail(x, "overloaded", NULL);
        return NULL;
    }
    request->op = x->op;
    request->kind = kind;
    request->length = RH_SIZE_UNKNOWN;
    request->total = RH_SIZE_UNKNOWN;
    request->chunk_index = RH_SIZE_UNKNOWN;
    request->chunk_count = RH_SIZE_UNKNOWN;
    request->declared_size = RH_SIZE_UNKNOWN;
    return request;
}

void api_ask(struct rh_exchange *x, struct rh_vault_request *request)
{
    RH_ASSERT(x->ask == API_ASK_NONE);
    bool makes = request->kind == RH_REQUEST_SESSION_CREATE || request->kind == RH_REQUEST_CREATE ||
                 request->kind == RH_REQUEST_METADATA ||
                 (request->kind == RH_REQUEST_WRITE && request->upload[0] == '\0');
    if (makes)
        x->api->random(x->api->context, request->entropy, sizeof request->entropy);
    x->declared_offset = request->offset;
    x->declared_length = request->length;
    x->ask = API_ASK_WAITING;
    x->want = RH_WANT_VAULT;
    x->api->ask(x->api->context, x, request);
}

static bool take_grant(struct rh_exchange *x, const struct rh_grant *grant)
{
    size_t count = grant->span_count > 0 ? grant->span_count : 1;
    struct rh_grant_span *spans = calloc(count, sizeof *spans);
    free(x->grant.spans);
    x->grant = (struct api_grant){.handle = grant->handle, .spans = spans};
    if (spans == NULL)
        return false;
    memcpy(spans, grant->spans, grant->span_count * sizeof *spans);
    x->grant.span_count = grant->span_count;
    x->grant.bytes_max = grant->bytes_max;
    x->grant.checkpoint = grant->checkpoint;
    return true;
}

void rh_exchange_granted(struct rh_exchange *x, const struct rh_grant *grant)
{
    RH_ASSERT(x->ask == API_ASK_WAITING);
    RH_ASSERT(grant->op == x->op);
    RH_ASSERT(grant->span_count <= RH_GRANT_SPANS_MAX);
    if (!take_grant(x, grant))
        api_note(x, "overloaded", "");
    memset(&x->written, 0, sizeof x->written);
    x->reported = 0;
    x->span_at = 0;
    x->ask = API_ASK_GRANTED;
    if (x->fault != NULL || x->body_broken)
        api_sink_report(x, RH_WRITTEN_BROKEN);
    else if (x->mode == API_MODE_FORM)
        api_form_granted(x);
    else
        x->want = RH_WANT_BODY;
    api_coding_go_on(x);
}

void rh_exchange_revoked(struct rh_exchange *x)
{
    /* Otherwise it crossed with our report. */
    if (x->ask == API_ASK_GRANTED)
        api_sink_report(x, RH_WRITTEN_REVOKED);
}

static void fault_of_reply(struct rh_exchange *x, const struct rh_vault_reply *reply)
{
    x->fault = api_error_of_reply(reply->code);
    const char *message = reply->message;
    if (message != NULL && message[0] != '\0')
        /* The vault writes clauses, answers are sentences. */
        tell(x, "%c%s.", toupper((unsigned char)message[0]), message + 1);
    else if (reply->code == RH_REPLY_BROKEN)
        tell(x, "The body ended early; what came of it is durable.");
    /* Gaps in a form upload are the caller's mistake (sessions API: 400), gaps in an upload by
     * ranges a conflict with its state. */
    if (reply->code == RH_REPLY_INCOMPLETE && reply->has_upload &&
        reply->upload.geometry == RH_GEOMETRY_CHUNKS)
        x->fault_status = 400;
}

void rh_exchange_replied(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    RH_ASSERT(x->ask != API_ASK_NONE);
    RH_ASSERT(reply->op == x->op);
    x->ask = API_ASK_NONE;
    bool good = reply->code == RH_REPLY_OK || reply->code == RH_REPLY_CREATED;
    /* A second request only adds to the answer; that there is nothing to add is no error. */
    good = good || (x->second && reply->code == RH_REPLY_UNKNOWN);
    bool refused = x->fault == NULL && !good;
    bool taken = refused && x->dialect != NULL && x->dialect->refused != NULL &&
                 x->dialect->refused(x, reply);
    if (refused && !taken)
        fault_of_reply(x, reply);
    else if (x->fault == NULL && !taken)
        x->route->replied(x, reply);
    if (x->fault != NULL && x->ask == API_ASK_NONE && !x->answered)
        api_respond_fault(x, reply);
    rh_vault_reply_finish(reply);
    free(reply);
}

/* ---- the body ---- */

static void json_feed(struct rh_exchange *x, const uint8_t *data, size_t size)
{
    enum rh_error error = api_hold(x, data, size, x->api->config->json_bytes_max);
    if (error == RH_ERR_LIMIT)
        api_fail(x, "too_large", "The JSON body is too large.");
    else if (error != RH_OK)
        api_fail(x, "overloaded", NULL);
}

static void drain_feed(struct rh_exchange *x, size_t size)
{
    x->drained += size;
    if (x->drained > x->api->config->drain_bytes_max) {
        x->response->close = true;
        x->want = RH_WANT_RESPOND;
    }
}

static void raw_feed(struct rh_exchange *x, const uint8_t *data, size_t size)
{
    size_t skip = x->skip < size ? (size_t)x->skip : size;
    x->skip -= skip;
    if (skip > 0 && x->digests != NULL)
        api_digests_update(x, data, skip); /* they are of the body, if not of what is written */
    api_sink(x, data + skip, size - skip);
}

size_t api_content(struct rh_exchange *x, const uint8_t *data, size_t size)
{
    if (x->mode == API_MODE_FORM)
        return api_form_feed(x, data, size);
    if (x->coding == NULL || x->mode == API_MODE_DRAIN)
        x->body_taken += size;
    if (x->mode == API_MODE_JSON)
        json_feed(x, data, size);
    else if (x->mode == API_MODE_RAW)
        raw_feed(x, data, size);
    else
        drain_feed(x, size);
    return size;
}

static uint64_t body_most(const struct rh_exchange *x)
{
    const struct rh_api_config *config = x->api->config;
    switch (x->route->body) {
    case API_BODY_JSON:
    case API_BODY_TEXT:
        return config->json_bytes_max;
    case API_BODY_RAW: /* may be a whole upload; what has come of it is committed on the way */
        return config->upload_bytes_max;
    case API_BODY_FORM:
    case API_BODY_PART:
        return config->body_bytes_max + config->json_bytes_max;
    case API_BODY_NONE:
        break;
    }
    return config->body_bytes_max;
}

size_t rh_exchange_body(struct rh_exchange *x, const uint8_t *data, size_t size)
{
    size_t total = 0;
    while (total < size && x->want == RH_WANT_BODY) {
        bool coded = x->coding != NULL && x->mode != API_MODE_DRAIN;
        total += coded ? api_coding_feed(x, data + total, size - total)
                       : api_content(x, data + total, size - total);
        if (x->mode != API_MODE_DRAIN && x->want == RH_WANT_BODY && x->body_taken > body_most(x))
            api_fail(x, "too_large", NULL);
    }
    return total;
}

static void raw_end(struct rh_exchange *x)
{
    if (x->declared_length != RH_SIZE_UNKNOWN &&
        x->reported + x->written.bytes < x->declared_length)
        api_fail(x, "bad_request", "The body is shorter than its declared length.");
    else if (x->dialect != NULL && x->dialect->end != NULL)
        x->dialect->end(x);
    else
        api_sink_report(x, RH_WRITTEN_WHOLE);
}

void api_content_end(struct rh_exchange *x)
{
    x->body_over = true;
    if (x->mode == API_MODE_FORM) {
        api_form_end(x);
    } else if (x->mode == API_MODE_RAW) {
        raw_end(x);
    } else if (x->route->text != NULL) {
        x->route->text(x);
    } else {
        json_t *body = NULL;
        if (api_json_parse(x, &body))
            x->route->json(x, body);
        json_decref(body);
    }
}

void rh_exchange_body_end(struct rh_exchange *x)
{
    x->wire_over = true;
    if (x->want != RH_WANT_BODY)
        return;
    if (x->mode == API_MODE_DRAIN)
        x->want = RH_WANT_RESPOND;
    else if (x->coding != NULL)
        api_coding_end(x);
    else
        api_content_end(x);
}

void rh_exchange_body_broken(struct rh_exchange *x, enum rh_error why)
{
    /* A body that is whole cannot break any more; its request goes on. */
    if (x->wire_over || x->body_broken)
        return;
    x->body_broken = true;
    if (x->response != NULL)
        x->response->close = true;
    if (x->want == RH_WANT_FILE)
        return;
    if (x->mode == API_MODE_DRAIN || x->want == RH_WANT_RESPOND) {
        x->want = RH_WANT_RESPOND;
        return;
    }
    if (x->ask == API_ASK_NONE || x->ask == API_ASK_GRANTED || x->mode != API_MODE_NONE) {
        if (why == RH_ERR_AGAIN)
            api_fail(x, "request_timeout", NULL);
        else if (why == RH_ERR_CLOSED)
            api_fail(x, "bad_request", "The connection ended before the body did.");
        else
            api_fail(x, "bad_request", "The body is malformed.");
    }
}

/* ---- begin and finish ---- */

static bool head_is_fine(struct rh_exchange *x)
{
    const struct rh_request *request = x->request;
    if (!api_coding_begin(x))
        return false;
    if (x->route->body == API_BODY_NONE && body_comes(x)) {
        api_fail(x, "bad_request", "This request takes no body.");
        return false;
    }
    uint64_t most = body_most(x);
    if (request->body == RH_REQUEST_BODY_LENGTH && request->body_length > most) {
        api_fail(x, "too_large", NULL);
        return false;
    }
    return true;
}

static void begin_json(struct rh_exchange *x)
{
    struct rh_bytes type;
    if (body_comes(x) && (rh_request_single(x->request, "Content-Type", &type) != RH_OK ||
                          !rh_media_type_is(type, "application/json"))) {
        api_fail(x, "unsupported_type", "This needs a body of type application/json.");
        return;
    }
    x->mode = API_MODE_JSON;
    x->want = RH_WANT_BODY;
}

static void begin_part(struct rh_exchange *x)
{
    struct rh_bytes type;
    enum rh_error error = rh_request_single(x->request, "Content-Type", &type);
    if (error == RH_OK && rh_media_type_is(type, "multipart/form-data")) {
        (void)api_form_begin(x);
        return;
    }
    if (error != RH_ERR_UNKNOWN &&
        (error != RH_OK || !rh_media_type_is(type, "application/octet-stream"))) {
        api_fail(x, "unsupported_type",
                 "A part is application/octet-stream, or the chunk of a multipart form.");
        return;
    }
    x->mode = API_MODE_RAW;
    x->route->begin(x);
}

void rh_exchange_begin(struct rh_exchange *x, struct rh_api *api, const struct rh_request *request,
                       uint64_t op)
{
    memset(x, 0, sizeof *x);
    x->api = api;
    x->request = request;
    x->op = op;
    x->mode = API_MODE_NONE;
    x->role = RH_ROLE_ANONYMOUS;
    x->method = request->method_id;
    api_files_choose(x);
    if (!api_auth_doors(x) || !api_route_find(x) || !api_auth_role(x) || !head_is_fine(x))
        return;
    switch (x->route->body) {
    case API_BODY_NONE:
        x->route->begin(x);
        break;
    case API_BODY_JSON:
        begin_json(x);
        break;
    case API_BODY_FORM:
        (void)api_form_begin(x);
        break;
    case API_BODY_PART:
        begin_part(x);
        break;
    case API_BODY_RAW:
        x->mode = API_MODE_RAW;
        x->route->begin(x);
        break;
    case API_BODY_TEXT:
        x->mode = API_MODE_JSON;
        x->want = RH_WANT_BODY;
        break;
    }
}

enum rh_want rh_exchange_want(const struct rh_exchange *x)
{
    return x->want;
}

const struct rh_response *rh_exchange_response(const struct rh_exchange *x)
{
    return x->response;
}

const struct rh_file_ref *rh_exchange_file(const struct rh_exchange *x)
{
    return x->file;
}

bool rh_exchange_is_answered(const struct rh_exchange *x)
{
    return x->answered;
}

const char *rh_exchange_route(const struct rh_exchange *x)
{
    return x->route == NULL ? "none" : x->route->name;
}

void rh_exchange_add_headers(const struct rh_exchange *x, struct rh_response *response)
{
    api_common_headers(x, response);
    api_resumable_file_headers(x, response);
}

void rh_exchange_finish(struct rh_exchange *x)
{
    if (x->api != NULL)
        api_hold_release(x);
    api_coding_release(x);
    free(x->form);
    free(x->slices);
    api_digests_finish(x);
    api_tus_release(x);
    free(x->resumable);
    free(x->text);
    free(x->response_memory);
    free(x->file);
    free(x->grant.spans);
    free(x->fault_message);
    for (size_t i = 0; i < API_PARAMS_MAX; i++)
        free(x->params[i]);
    memset(x, 0, sizeof *x);
}
