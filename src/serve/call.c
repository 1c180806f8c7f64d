/* SPDX-License-Identifier: MIT */
#include "serve/call.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "serve/log.h"

void rh_call_init(struct rh_call *call, struct rh_loop *loop)
{
    memset(call, 0, sizeof *call);
    call->loop = loop;
    call->file.fd = -1;
}

bool rh_call_begin(struct rh_call *call, uint32_t slot, const struct rh_request *request)
{
    RH_ASSERT(call->exchange == NULL);
    call->exchange = malloc(rh_exchange_size());
    if (call->exchange == NULL)
        return false;
    call->request = request;
    call->op = rh_loop_op(call->loop, slot);
    call->began_ms = call->loop->now_ms;
    rh_exchange_begin(call->exchange, &call->loop->api, request, call->op);
    return true;
}

bool rh_call_is_secure(const struct rh_call *call, const struct rh_request *request,
                       const struct rh_tls *tls)
{
    struct rh_bytes proto;

    return tls != NULL || (call->loop->shell->config->behind_proxy &&
                           rh_request_single(request, "X-Forwarded-Proto", &proto) == RH_OK &&
                           rh_bytes_equal_nocase(proto, rh_bytes_of("https")));
}

void rh_call_message(struct rh_call *call, struct rh_message *message)
{
    switch (message->kind) {
    case RH_MESSAGE_GRANT:
        rh_exchange_granted(call->exchange, &message->u.grant);
        break;
    case RH_MESSAGE_REVOKE:
        rh_exchange_revoked(call->exchange);
        break;
    case RH_MESSAGE_REPLY:
        rh_exchange_replied(call->exchange, message->u.reply);
        break;
    case RH_MESSAGE_CHECKPOINT:
        rh_exchange_checkpoint(call->exchange);
        break;
    case RH_MESSAGE_PROGRESS:
        rh_exchange_progressed(call->exchange, message->u.progress.cursor);
        break;
    default:
        RH_ASSERT(false);
    }
}

void rh_call_break(struct rh_call *call, enum rh_error why)
{
    call->body_ended = true;
    rh_exchange_body_broken(call->exchange, why);
}

/* ---- log ---- */

static const char *method_name(const struct rh_call *call)
{
    static const char *const names[] = {
        [RH_METHOD_OTHER] = "other",   [RH_METHOD_GET] = "GET",         [RH_METHOD_HEAD] = "HEAD",
        [RH_METHOD_POST] = "POST",     [RH_METHOD_PUT] = "PUT",         [RH_METHOD_PATCH] = "PATCH",
        [RH_METHOD_DELETE] = "DELETE", [RH_METHOD_OPTIONS] = "OPTIONS",
    };

    return call->exchange == NULL ? "-" : names[call->request->method_id];
}

static void log_call(const struct rh_call *call, const char *note)
{
    const struct rh_log_value values[] = {
        RH_LOG_TEXT("method", method_name(call)),
        RH_LOG_TEXT("route", call->exchange == NULL ? "-" : rh_exchange_route(call->exchange)),
        RH_LOG_NUMBER("status", call->status),
        RH_LOG_NUMBER("in", call->body_bytes),
        RH_LOG_NUMBER("out", call->sent_bytes),
        RH_LOG_NUMBER("ms", call->exchange == NULL ? 0 : call->loop->now_ms - call->began_ms),
        RH_LOG_TEXT("note", note != NULL ? note : ""),
    };
    size_t count = sizeof values / sizeof *values;

    rh_serve_log(RH_LOG_INFO, "request", values, note != NULL ? count : count - 1);
}

void rh_call_finish(struct rh_call *call, const char *note)
{
    if (call->exchange != NULL || call->status != 0)
        log_call(call, note);
    if (call->exchange != NULL)
        rh_exchange_finish(call->exchange);
    free(call->exchange);
    free(call->own);
    if (call->file.fd >= 0)
        close(call->file.fd);
    rh_call_init(call, call->loop);
}

/* ---- answers ---- */

static bool make_own(struct rh_call *call)
{
    if (call->own == NULL)
        call->own = calloc(1, sizeof *call->own);
    return call->own != NULL;
}

const struct rh_response *rh_call_error(struct rh_call *call, unsigned status, const char *message)
{
    struct rh_response *response;

    if (!make_own(call))
        return NULL;
    response = &call->own->response;
    rh_api_error_response(response, call->own->memory, sizeof call->own->memory,
                          rh_api_error_code(status), message);
    response->status = status;
    if (rh_response_find(response, "X-Content-Type-Options") == NULL)
        (void)rh_response_add_str(response, "X-Content-Type-Options", "nosniff");
    if (status == 503 && rh_response_find(response, "Retry-After") == NULL)
        (void)rh_response_add_u64(response, "Retry-After", 5);
    call->status = status;
    return response;
}

static enum rh_error open_file(struct rh_call *call, const struct rh_file_ref *ref)
{
    const struct rh_shell *shell = call->loop->shell;

    if (ref->kind == RH_FILE_RECORDING)
        return rh_file_open(shell->data, ref->path, &call->file);
    if (strcmp(ref->path, "app/prompts.json") == 0 && shell->config->prompts_file != NULL) {
        /* Opened anew each time, so that an operator can replace it. */
        call->file.fd = open(shell->config->prompts_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        return call->file.fd < 0 ? RH_ERR_UNKNOWN : rh_file_stat(&call->file);
    }
    if (shell->pages < 0)
        return RH_ERR_UNKNOWN;
    return rh_file_open(shell->pages, ref->path, &call->file);
}

static const struct rh_response *make_file_answer(struct rh_call *call)
{
    const struct rh_file_ref *ref = rh_exchange_file(call->exchange);
    struct rh_response *response;
    enum rh_error error;

    if (!make_own(call))
        return NULL;
    response = &call->own->response;
    rh_response_init(response, call->own->memory, sizeof call->own->memory);
    error = open_file(call, ref);
    if (error == RH_OK)
        rh_delivery_respond(response, call->request, ref, &call->file);
    else
        rh_api_error_response(response, call->own->memory, sizeof call->own->memory,
                              error == RH_ERR_UNKNOWN ? "not_found" : "internal", NULL);
    rh_exchange_add_headers(call->exchange, response);
    return response;
}

const struct rh_response *rh_call_answer(struct rh_call *call)
{
    const struct rh_response *response = rh_exchange_want(call->exchange) == RH_WANT_FILE
                                             ? make_file_answer(call)
                                             : rh_exchange_response(call->exchange);

    if (response != NULL)
        call->status = response->status;
    return response;
}
