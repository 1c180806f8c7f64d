/* SPDX-License-Identifier: MIT */
/* The writing half of HTTP/1.1: see connection.h. */
#include <stdlib.h>
#include <time.h>

#include "serve/connection.h"
#include "serve/log.h"

void rh_answer_finish(struct rh_connection *c, const char *note)
{
    c->call.sent_bytes = c->output.sent_bytes;
    rh_output_finish(&c->output);
    rh_call_finish(&c->call, note);
    free(c->head);
    c->head = NULL;
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
    if (rh_h1_write_head(&head, response, &answer) != RH_OK) {
        rh_serve_say(RH_LOG_ERROR, "an answer's head could not be written");
        c->call.status = 500;
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

void rh_answer_error(struct rh_connection *c, unsigned status, const char *message)
{
    const struct rh_response *response = rh_call_error(&c->call, status, message);

    if (response == NULL) {
        rh_connection_end(c);
        return;
    }
    c->close_after = true;
    c->linger_after = true;
    rh_connection_use(c, c->in.size);
    begin(c, response, false);
}

void rh_answer_exchange(struct rh_connection *c)
{
    const struct rh_request *request = &c->h1.request;
    const struct rh_response *response = rh_call_answer(&c->call);

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
    if (!c->close_after)
        rh_connection_set_state(c, RH_CONNECTION_IDLE);
    else
        rh_connection_close(c, linger);
}

bool rh_answer_continue(struct rh_connection *c)
{
    bool progress = false;
    enum rh_error error =
        rh_output_send(&c->output, &c->transport, c->loop->write_buffer, &progress);

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
