/* SPDX-License-Identifier: MIT */
/*
 * A connection of the receiver, for one request: what serve/connection.c does with sockets, done
 * with the bytes that have arrived so far.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "inside.h"

#define ANSWER_BYTES 32768

struct sim_conn *sim_conn_of(struct sim_receiver *r, uint64_t op)
{
    for (struct sim_conn *conn = r->conns; conn != NULL; conn = conn->next) {
        if (conn->op == op && !conn->over)
            return conn;
    }
    return NULL;
}

static void free_conn(struct sim_conn *conn)
{
    if (conn->exchange != NULL)
        rh_exchange_finish(conn->exchange);
    free(conn->exchange);
    free(conn);
}

/* Frees what is over; never from within a call on the connection itself. */
static void sweep(struct sim_receiver *r)
{
    struct sim_conn **link = &r->conns;
    while (*link != NULL) {
        struct sim_conn *conn = *link;
        if (!conn->over) {
            link = &conn->next;
            continue;
        }
        *link = conn->next;
        free_conn(conn);
    }
}

/* ---- answering ---- */

static void send_answer(struct sim_receiver *r, struct sim_conn *conn,
                        const struct rh_response *response)
{
    struct sim *sim = r->sim;
    struct rh_h1_answer how = {.date_s = sim_wall_ms(sim) / 1000, .close = true};
    struct rh_buffer text;
    char *answer = malloc(ANSWER_BYTES);
    RH_ASSERT(answer != NULL);
    conn->over = true;
    rh_buffer_init(&text, answer, ANSWER_BYTES - 1);
    how.head_only = conn->exchange != NULL && conn->h1.request.method_id == RH_METHOD_HEAD;
    enum rh_error error = rh_h1_write_head(&text, response, &how);
    RH_ASSERT(error == RH_OK);
    answer[text.size] = '\0';
    sim_check_head(sim, answer);
    if (rh_h1_sends_body(response, &how))
        (void)rh_buffer_put(&text, response->bytes.data, response->bytes.size);
    answer[text.size] = '\0';
    if (conn->link == NULL)
        free(answer);
    else
        sim_net_answer(sim, conn->link, answer, text.size);
    conn->link = NULL;
}

static void refuse(struct sim_receiver *r, struct sim_conn *conn)
{
    struct rh_response response;
    char memory[RH_API_ERROR_BYTES];
    unsigned status = rh_h1_status(&conn->h1);
    rh_api_error_response(&response, memory, sizeof memory, rh_api_error_code(status),
                          rh_h1_problem(&conn->h1));
    send_answer(r, conn, &response);
}

/* ---- reading ---- */

static struct rh_bytes input(const struct sim_conn *conn)
{
    if (conn->link == NULL || conn->link->bytes == NULL)
        return (struct rh_bytes){NULL, 0};
    return (struct rh_bytes){conn->link->bytes + conn->used, conn->link->arrived - conn->used};
}

static void follow(struct sim_receiver *r, struct sim_conn *conn)
{
    enum rh_want want = rh_exchange_want(conn->exchange);
    RH_ASSERT(want != RH_WANT_FILE);
    if (want == RH_WANT_RESPOND)
        send_answer(r, conn, rh_exchange_response(conn->exchange));
}

static void break_body(struct sim_receiver *r, struct sim_conn *conn, enum rh_error why)
{
    conn->body_ended = true;
    rh_exchange_body_broken(conn->exchange, why);
    follow(r, conn);
}

static bool step_head(struct sim_receiver *r, struct sim_conn *conn)
{
    size_t used = 0;
    struct rh_bytes in = input(conn);
    if (in.size == 0)
        return false;
    enum rh_error error = rh_h1_head(&conn->h1, in, &used);
    conn->used += used;
    if (error == RH_ERR_AGAIN)
        return false;
    if (error != RH_OK) {
        refuse(r, conn);
        return false;
    }
    conn->exchange = malloc(rh_exchange_size());
    RH_ASSERT(conn->exchange != NULL);
    rh_exchange_begin(conn->exchange, &r->api, &conn->h1.request, conn->op);
    follow(r, conn);
    return true;
}

static bool step_body(struct sim_receiver *r, struct sim_conn *conn)
{
    struct rh_bytes in = input(conn);
    struct rh_bytes content = {NULL, 0};
    size_t used = 0;
    if (conn->content > 0) {
        size_t taken = rh_exchange_body(conn->exchange, in.data, conn->content);
        RH_ASSERT(taken > 0 || rh_exchange_want(conn->exchange) != RH_WANT_BODY);
        conn->used += taken;
        conn->content -= taken;
        follow(r, conn);
        return true;
    }
    enum rh_error error = rh_h1_body(&conn->h1, in, &used, &content);
    if (error == RH_OK && content.size > 0) {
        conn->used += used - content.size;
        conn->content = content.size;
        return true;
    }
    conn->used += used;
    if (error == RH_ERR_AGAIN)
        return false;
    if (error != RH_OK) {
        break_body(r, conn, error);
        return true;
    }
    conn->body_ended = true;
    rh_exchange_body_end(conn->exchange);
    follow(r, conn);
    return true;
}

static bool step(struct sim_receiver *r, struct sim_conn *conn)
{
    if (conn->over)
        return false;
    if (conn->exchange == NULL)
        return step_head(r, conn);
    if (rh_exchange_want(conn->exchange) != RH_WANT_BODY || conn->body_ended)
        return false;
    return step_body(r, conn);
}

static void run(struct sim_receiver *r, struct sim_conn *conn)
{
    while (step(r, conn))
        continue;
    if (rh_store_model_is_stopped(r->store))
        r->crash_wanted = true;
}

/* ---- from the network ---- */

struct sim_conn *sim_conn_open(struct sim *sim, struct sim_link *link)
{
    struct sim_receiver *r = sim->receiver;
    if (!r->is_up)
        return NULL;
    sweep(r);
    struct sim_conn *conn = calloc(1, sizeof *conn);
    RH_ASSERT(conn != NULL);
    conn->op = ++r->last_op;
    conn->link = link;
    conn->next = r->conns;
    r->conns = conn;
    rh_h1_init(&conn->h1, conn->head, sizeof conn->head, conn->headers, 64, 0);
    return conn;
}

void sim_conn_arrived(struct sim *sim, struct sim_conn *conn)
{
    sim->receiver->busy_ms = sim->now_ms;
    run(sim->receiver, conn);
}

static void end_input(struct sim *sim, struct sim_conn *conn, enum rh_error why);

/* The process sees the end once it gets time again. */
static void end_later(struct sim *sim, void *context, uint64_t op)
{
    struct sim_conn *conn = sim->ending ? NULL : sim_conn_of(sim->receiver, op);
    (void)context;
    if (conn != NULL)
        end_input(sim, conn, conn->end);
}

static void end_input(struct sim *sim, struct sim_conn *conn, enum rh_error why)
{
    struct sim_receiver *r = sim->receiver;
    if (conn->over)
        return;
    conn->end = why;
    if (sim_receiver_put_off(sim, end_later, NULL, conn->op))
        return;
    if (conn->exchange == NULL) {
        conn->over = true;
        if (conn->link != NULL)
            sim_net_reset(sim, conn->link);
        conn->link = NULL;
        return;
    }
    if (!conn->body_ended)
        break_body(r, conn, why);
    run(r, conn);
}

void sim_conn_gone(struct sim *sim, struct sim_conn *conn)
{
    conn->link = NULL;
    conn->content = 0; /* the bytes are gone with the link */
    end_input(sim, conn, RH_ERR_CLOSED);
}

void sim_conn_half_closed(struct sim *sim, struct sim_conn *conn)
{
    end_input(sim, conn, RH_ERR_CLOSED);
}

void sim_conn_too_slow(struct sim *sim, struct sim_conn *conn)
{
    if (conn->exchange == NULL || !conn->body_ended)
        end_input(sim, conn, RH_ERR_AGAIN);
}

/* ---- from the vault ---- */

void sim_conn_granted(struct sim_receiver *r, const struct rh_grant *grant)
{
    struct sim_conn *conn = sim_conn_of(r, grant->op);
    RH_ASSERT(conn != NULL);
    rh_exchange_granted(conn->exchange, grant);
    follow(r, conn);
    run(r, conn);
}

void sim_conn_revoked(struct sim_receiver *r, uint64_t op)
{
    struct sim_conn *conn = sim_conn_of(r, op);
    if (conn == NULL)
        return;
    rh_exchange_revoked(conn->exchange);
    follow(r, conn);
    run(r, conn);
}

void sim_conn_checkpoint(struct sim_receiver *r, uint64_t op)
{
    struct sim_conn *conn = sim_conn_of(r, op);
    if (conn != NULL)
        rh_exchange_checkpoint(conn->exchange);
}

void sim_conn_progressed(struct sim_receiver *r, uint64_t op, uint64_t cursor)
{
    struct sim_conn *conn = sim_conn_of(r, op);
    if (conn != NULL)
        rh_exchange_progressed(conn->exchange, cursor);
}

void sim_conn_replied(struct sim_receiver *r, struct rh_vault_reply *reply)
{
    struct sim_conn *conn = sim_conn_of(r, reply->op);
    RH_ASSERT(conn != NULL);
    rh_exchange_replied(conn->exchange, reply);
    follow(r, conn);
    run(r, conn);
}

void sim_conns_drop(struct sim_receiver *r)
{
    while (r->conns != NULL) {
        struct sim_conn *conn = r->conns;
        r->conns = conn->next;
        if (conn->link != NULL && !r->sim->ending)
            sim_net_reset(r->sim, conn->link);
        free_conn(conn);
    }
}
