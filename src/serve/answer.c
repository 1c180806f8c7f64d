/* SPDX-License-Identifier: MIT */
/* The writing half of a connection: see connection.h. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "serve/connection.h"
#include "serve/log.h"

static const char *method_name(const struct rh_connection *c)
{
    static const char *const names[] = {
        [RH_METHOD_OTHER] = "other",   [RH_METHOD_GET] = "GET",         [RH_METHOD_HEAD] = "HEAD",
        [RH_METHOD_POST] = "POST",     [RH_METHOD_PUT] = "PUT",         [RH_METHOD_PATCH] = "PATCH",
        [RH_METHOD_DELETE] = "DELETE", [RH_METHOD_OPTIONS] = "OPTIONS",
    };

    return c->exchange == NULL ? "-" : names[c->h1.request.method_id];
}

static void log_request(const struct rh_connection *c, const char *note)
{
    const struct rh_log_value values[] = {
        RH_LOG_TEXT("method", method_name(c)),
        RH_LOG_TEXT("route", c->exchange == NULL ? "-" : rh_exchange_route(c->exchange)),
        RH_LOG_NUMBER("status", c->status),
        RH_LOG_NUMBER("in", c->body_bytes),
        RH_LOG_NUMBER("out", c->output.sent_bytes),
        RH_LOG_NUMBER("ms", c->exchange == NULL ? 0 : c->loop->now_ms - c->began_ms),
        RH_LOG_TEXT("note", note != NULL ? note : ""),
    };
    size_t count = sizeof values / sizeof *values;

    rh_serve_log(RH_LOG_INFO, "request", values, note != NULL ? count : count - 1);
}

void rh_answer_finish(struct rh_connection *c, const char *note)
{
    if (c->exchange != NULL || c->status != 0)
        log_request(c, note);
    rh_output_finish(&c->output);
    if (c->exchange != NULL)
        rh_exchange_finish(c->exchange);
    free(c->exchange);
    c->exchange = NULL;
    c->op = 0;
    free(c->own);
    c->own = NULL;
    if (c->file.fd >= 0)
        close(c->file.fd);
    c->file.fd = -1;
    free(c->head);
    c->head = NULL;
    c->status = 0;
    c->body_bytes = 0;
}

/* ---- starting ---- */

/*
 * Whether the next request can be found: only behind the end of this one. What has been read is
 * gone through; what has not is not waited for.
 */
static bool skip_body(struct rh_connection *c)
{
    struct rh_bytes content;
    size_t used;

    rh_connection_use(c, c->in_content);
    c->in_content = 0;
    while (!rh_h1_done(&c->h1)) {
        if (rh_h1_body(&c->h1, c->in, &used, &content) != RH_OK) {
            rh_connection_use(c, c->in.size);
            return false;
        }
        rh_connection_use(c, used);
        if (content.size == 0)
            break;
    }
    return rh_h1_done(&c->h1);
}

static void begin(struct rh_connection *c, const struct rh_response *response, bool head_only)
{
    struct rh_h1_answer answer = {
        .date_s = time(NULL), .head_only = head_only, .close = c->close_after};
    struct rh_bytes body = {NULL, 0};
    struct rh_buffer head;
    bool sends_body = rh_h1_sends_body(response, &answer);

    rh_buffer_init(&head, c->loop->head_buffer, RH_LOOP_HEAD_BYTES);
    c->status = response->status;
    if (rh_h1_write_head(&head, response, &answer) != RH_OK) {
        rh_serve_say(RH_LOG_ERROR, "an answer's head could not be written");
        c->status = 500;
        rh_connection_end(c);
        return;
    }
    if (sends_body && response->body == RH_RESPONSE_BODY_BYTES)
        body = response->bytes;
    rh_output_begin(&c->output, rh_buffer_bytes(&head), body);
    if (sends_body && response->body == RH_RESPONSE_BODY_FILE)
        rh_output_add_file(&c->output, (int)response->file, response->range);
    rh_connection_set_state(c, RH_CONNECTION_RESPOND);
    /* The caller sends at once: the head is in memory of the loop, for one answer at a time. */
}

static bool make_own(struct rh_connection *c)
{
    if (c->own == NULL)
        c->own = calloc(1, sizeof *c->own);
    return c->own != NULL;
}

void rh_answer_error(struct rh_connection *c, unsigned status, const char *message)
{
    if (!make_own(c)) {
        rh_connection_end(c);
        return;
    }
    rh_api_error_response(&c->own->response, c->own->memory, sizeof c->own->memory,
                          rh_api_error_code(status), message);
    c->own->response.status = status;
    (void)rh_response_add_str(&c->own->response, "X-Content-Type-Options", "nosniff");
    if (status == 503 && rh_response_find(&c->own->response, "Retry-After") == NULL)
        (void)rh_response_add_u64(&c->own->response, "Retry-After", 5);
    c->close_after = true;
    c->linger_after = true;
    rh_connection_use(c, c->in.size);
    begin(c, &c->own->response, false);
}

static enum rh_error open_file(struct rh_connection *c, const struct rh_file_ref *ref)
{
    const struct rh_shell *shell = c->loop->shell;

    if (ref->kind == RH_FILE_RECORDING)
        return rh_file_open(shell->data, ref->path, &c->file);
    if (strcmp(ref->path, "app/prompts.json") == 0 && shell->config->prompts_file != NULL) {
        /* Opened anew each time, so that an operator can replace it. */
        c->file.fd = open(shell->config->prompts_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        return c->file.fd < 0 ? RH_ERR_UNKNOWN : rh_file_stat(&c->file);
    }
    if (shell->pages < 0)
        return RH_ERR_UNKNOWN;
    return rh_file_open(shell->pages, ref->path, &c->file);
}

static const struct rh_response *make_file_answer(struct rh_connection *c)
{
    const struct rh_file_ref *ref = rh_exchange_file(c->exchange);
    struct rh_response *response;
    enum rh_error error;

    if (!make_own(c))
        return NULL;
    response = &c->own->response;
    rh_response_init(response, c->own->memory, sizeof c->own->memory);
    error = open_file(c, ref);
    if (error == RH_OK)
        rh_delivery_respond(response, &c->h1.request, ref, &c->file);
    else
        rh_api_error_response(response, c->own->memory, sizeof c->own->memory,
                              error == RH_ERR_UNKNOWN ? "not_found" : "internal", NULL);
    rh_exchange_add_headers(c->exchange, response);
    return response;
}

void rh_answer_exchange(struct rh_connection *c)
{
    const struct rh_request *request = &c->h1.request;
    const struct rh_response *response;

    response = rh_exchange_want(c->exchange) == RH_WANT_FILE ? make_file_answer(c)
                                                             : rh_exchange_response(c->exchange);
    if (response == NULL) {
        rh_connection_end(c);
        return;
    }
    c->linger_after = !skip_body(c);
    c->close_after = c->linger_after || response->close || !request->keep_alive || c->peer_ended ||
                     c->loop->draining;
    begin(c, response, request->method_id == RH_METHOD_HEAD);
}

/* ---- going on ---- */

static void go_on(struct rh_connection *c)
{
    bool linger = c->linger_after && !c->peer_ended && !c->loop->cutting;

    rh_answer_finish(c, NULL);
    if (!c->close_after) {
        rh_connection_set_state(c, RH_CONNECTION_IDLE);
        return;
    }
    /* Closing a socket that holds unread bytes resets it, and the answer may be lost. */
    if (!linger && c->in.size == 0) {
        rh_connection_end(c);
        return;
    }
    shutdown(c->fd, SHUT_WR);
    c->lingered_bytes = 0;
    c->linger_end_ms = c->loop->now_ms + RH_LINGER_MS_ALL_MAX;
    rh_connection_set_state(c, RH_CONNECTION_LINGER);
}

bool rh_answer_continue(struct rh_connection *c)
{
    bool progress = false;
    enum rh_error error = rh_output_send(&c->output, c->fd, &progress);

    if (progress)
        rh_connection_set_state(c, RH_CONNECTION_RESPOND); /* the time-out starts anew */
    if (error == RH_ERR_AGAIN)
        return false;
    if (error != RH_OK) {
        if (error == RH_ERR_IO)
            rh_serve_say(RH_LOG_ERROR, "a file could not be read to its end");
        rh_connection_end(c);
        return false;
    }
    go_on(c);
    return true;
}
