/* SPDX-License-Identifier: MIT */
#include "net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "proxy.h"
#include "receiver.h"
#include "sim.h"

#define PROGRESS_MS     4000  /* a slow connection moves at least so often */
#define READ_TIMEOUT_MS 30000 /* of the receiver, for a connection that says nothing */

static rh_ms latency(struct sim *sim)
{
    return 1 + sim_below(sim, sim->plan.latency_ms);
}

static const struct sim_upload *about(const struct sim *sim, const struct sim_link *link)
{
    return &sim->uploads[link->upload];
}

/* The sender's process gets no time: what is for it happens when it does. */
static bool put_off(struct sim *sim, struct sim_link *link, sim_handler *handler)
{
    rh_ms until_ms = link->asleep_until_ms == NULL ? 0 : *link->asleep_until_ms;
    if (sim->ending || link->ops == NULL || until_ms <= sim->now_ms)
        return false;
    sim_in(sim, until_ms - sim->now_ms, handler, link, 0);
    return true;
}

static bool is_away(const struct sim *sim, const struct sim_link *link)
{
    return link->away_until_ms != NULL && *link->away_until_ms > sim->now_ms;
}

/* ---- the sender's end ---- */

static void tell_broken(struct sim *sim, void *context, uint64_t life)
{
    struct sim_link *link = context;
    (void)life;
    if (link->settled || put_off(sim, link, tell_broken))
        return;
    link->settled = true;
    if (link->ops != NULL && !sim->ending)
        link->ops->broken(sim, link);
}

static void tell_answer(struct sim *sim, void *context, uint64_t life)
{
    struct sim_link *link = context;
    (void)life;
    if (link->settled || put_off(sim, link, tell_answer))
        return;
    link->settled = true;
    if (link->ops != NULL && !sim->ending)
        link->ops->answered(sim, link, link->answer, link->answer_size);
}

/* ---- the receiver's end ---- */

static void drop_bytes(struct sim_link *link)
{
    free(link->bytes);
    link->bytes = NULL;
}

static void sever(struct sim *sim, struct sim_link *link)
{
    struct sim_conn *conn = link->conn;
    link->severed = true;
    link->conn = NULL;
    if (conn != NULL && !link->server_over)
        sim_conn_gone(sim, conn);
    drop_bytes(link);
}

static void time_out(struct sim *sim, void *context, uint64_t life)
{
    struct sim_link *link = context;
    (void)life;
    if (!sim->ending && link->conn != NULL && !link->server_over)
        sim_conn_too_slow(sim, link->conn);
}

static void stop(struct sim *sim, struct sim_link *link)
{
    if (link->half_closes) {
        link->severed = true;
        if (link->conn != NULL)
            sim_conn_half_closed(sim, link->conn);
        return;
    }
    if (link->stalls) {
        link->severed = true;
        sim_in(sim, READ_TIMEOUT_MS, time_out, link, 0);
        return;
    }
    sever(sim, link);
    /* Who sends may hear of it, or wait for an answer until it gives up. */
    if (sim_chance(sim, 700))
        sim_in(sim, latency(sim), tell_broken, link, 0);
}

static void arrive(struct sim *sim, void *context, uint64_t life)
{
    struct sim_link *link = context;
    size_t left = link->size - link->arrived;
    (void)life;
    if (sim->ending || link->severed || link->server_over || put_off(sim, link, arrive))
        return;
    rh_ms paused_ms = sim_receiver_paused_ms(sim);
    if (paused_ms != 0) {
        sim_in(sim, paused_ms, arrive, link, 0);
        return;
    }
    if (sim->weather[SIM_NETWORK_DOWN] || is_away(sim, link)) {
        link->half_closes = false;
        link->stalls = sim_chance(sim, 500);
        stop(sim, link);
        return;
    }
    if (link->conn == NULL) {
        link->conn = sim_conn_open(sim, link);
        if (link->conn == NULL) {
            link->severed = true;
            sim_in(sim, latency(sim), tell_broken, link, 0);
            return;
        }
    }
    /* Pieces: often all at once, sometimes a few bytes. */
    size_t piece = left;
    if (left > 1 && sim_chance(sim, 500))
        piece = 1 + (size_t)sim_below(sim, left > 4096 && sim_chance(sim, 600) ? left / 2 : left);
    size_t most = (size_t)PROGRESS_MS * sim->plan.bytes_a_ms;
    if (piece < left && piece > most)
        piece = most;
    if (link->arrived + piece > link->stop_at)
        piece = link->stop_at - link->arrived;
    link->arrived += piece;
    if (link->ops != NULL && link->ops->progress != NULL && !link->settled)
        link->ops->progress(sim, link, link->arrived);
    if (piece > 0 && link->conn != NULL)
        sim_conn_arrived(sim, link->conn);
    if (link->severed || link->server_over)
        return;
    if (link->arrived == link->stop_at)
        stop(sim, link);
    else if (link->arrived < link->size)
        sim_in(sim, 1 + piece / sim->plan.bytes_a_ms, arrive, link, 0);
}

/* ---- what stands between ---- */

/* Something on the way answers instead of the receiver. */
static bool intercepted(struct sim *sim, struct sim_link *link)
{
    link->answer = sim_proxy_answer(sim, link, &link->answer_size);
    if (link->answer == NULL)
        return false;
    link->severed = true;
    sim_in(sim, latency(sim), tell_answer, link, 0);
    return true;
}

static struct sim_link *new_link(struct sim *sim, uint8_t *bytes, size_t size, uint32_t upload)
{
    struct sim_link *link = calloc(1, sizeof *link);
    RH_ASSERT(link != NULL);
    link->bytes = bytes;
    link->size = size;
    link->stop_at = SIZE_MAX;
    link->upload = upload;
    link->begun_ms = sim->now_ms;
    link->next = sim->net.links;
    sim->net.links = link;
    return link;
}

/* The same bytes once more, after so long, and nobody reads the answer. */
static void send_again(struct sim *sim, const struct sim_link *link, rh_ms delay_ms)
{
    uint8_t *bytes = malloc(link->size);
    RH_ASSERT(bytes != NULL);
    memcpy(bytes, link->bytes, link->size);
    struct sim_link *ghost = new_link(sim, bytes, link->size, link->upload);
    sim_in(sim, delay_ms, arrive, ghost, 0);
}

/* What befalls the request on its way; false: it does not get there at all. */
static bool travel(struct sim *sim, struct sim_link *link, rh_ms *delay_ms)
{
    if (sim_fate(sim, about(sim, link), SIM_DUPLICATE))
        send_again(sim, link, sim_below(sim, sim_chance(sim, 500) ? 50 : 120000));
    if (sim_fate(sim, about(sim, link), SIM_REPLAY)) {
        send_again(sim, link, *delay_ms);
        *delay_ms += 1 + sim_below(sim, 3000);
    }
    if (sim_fate(sim, about(sim, link), SIM_DROP)) {
        link->severed = true;
        if (sim_chance(sim, 700))
            sim_in(sim, latency(sim), tell_broken, link, 0);
        return false;
    }
    bool cut = sim_fate(sim, about(sim, link), SIM_CUT);
    link->stalls = sim_fate(sim, about(sim, link), SIM_STALL);
    link->half_closes = sim_fate(sim, about(sim, link), SIM_HALF_CLOSE);
    sim_proxy_request(sim, link);
    if (cut || link->stalls || link->half_closes)
        link->stop_at = (size_t)sim_below(sim, link->size);
    if (sim_fate(sim, about(sim, link), SIM_SLOW))
        *delay_ms += sim_below(sim, 20000);
    return true;
}

/* Every connection is cut after a while: also when everything else is well. */
static void cut_for_good(struct sim *sim, void *context, uint64_t life)
{
    struct sim_link *link = context;
    (void)life;
    if (sim->ending || link->settled || !sim_fires(sim, about(sim, link), SIM_CUTS))
        return;
    if (!link->severed && !link->server_over)
        sever(sim, link);
    tell_broken(sim, link, 0);
}

struct sim_link *sim_net_send(struct sim *sim, const struct sim_link_ops *ops, void *owner,
                              uint64_t owner_life, uint32_t token, uint32_t upload,
                              const struct sim_message *message)
{
    struct sim_link *link = new_link(sim, message->bytes, message->size, upload);
    rh_ms delay_ms = latency(sim);
    link->source_at = message->source_at;
    link->source_size = message->source_size;
    link->ops = ops;
    link->owner = owner;
    link->owner_life = owner_life;
    link->token = token;
    link->asleep_until_ms = message->asleep_until_ms;
    link->away_until_ms = message->away_until_ms;
    const uint8_t *end = memchr(link->bytes, '\r', link->size);
    size_t line = end == NULL ? 0 : (size_t)(end - link->bytes);
    (void)snprintf(link->request, sizeof link->request, "%.*s", (int)line,
                   (const char *)link->bytes);
    if (is_away(sim, link)) {
        link->severed = true;
        if (sim_chance(sim, 700))
            sim_in(sim, delay_ms, tell_broken, link, 0);
        return link;
    }
    if (intercepted(sim, link))
        return link;
    if (sim->plan.rates[SIM_CUTS] != 0)
        sim_in(sim, sim->plan.rates[SIM_CUTS], cut_for_good, link, 0);
    if (travel(sim, link, &delay_ms))
        sim_in(sim, delay_ms, arrive, link, 0);
    return link;
}

void sim_net_abort(struct sim *sim, struct sim_link *link)
{
    link->settled = true;
    link->ops = NULL;
    if (!link->severed)
        sever(sim, link);
}

void sim_net_abort_all(struct sim *sim, const void *owner)
{
    for (struct sim_link *link = sim->net.links; link != NULL; link = link->next) {
        if (link->owner == owner && link->ops != NULL)
            sim_net_abort(sim, link);
    }
}

void sim_net_answer(struct sim *sim, struct sim_link *link, char *answer, size_t size)
{
    rh_ms delay = latency(sim);
    link->server_over = true;
    link->conn = NULL;
    drop_bytes(link);
    free(link->answer);
    link->answer = answer;
    link->answer_size = size;
    sim_proxy_reply(sim, link);
    bool lost = sim_fate(sim, about(sim, link), SIM_NO_REPLY);
    bool cut = sim_fate(sim, about(sim, link), SIM_CUT_REPLY);
    if (sim_fate(sim, about(sim, link), SIM_LATE_REPLY))
        delay += sim_below(sim, 40000);
    if (lost || cut || sim->weather[SIM_NETWORK_DOWN] || is_away(sim, link)) {
        if (sim_chance(sim, 600))
            sim_in(sim, delay, tell_broken, link, 0);
        return;
    }
    sim_in(sim, delay, tell_answer, link, 0);
}

void sim_net_reset(struct sim *sim, struct sim_link *link)
{
    link->server_over = true;
    link->conn = NULL;
    drop_bytes(link);
    if (sim_chance(sim, 800))
        sim_in(sim, latency(sim), tell_broken, link, 0);
}

void sim_net_finish(struct sim *sim)
{
    struct sim_link *link;
    sim_proxy_finish(&sim->net);
    while ((link = sim->net.links) != NULL) {
        sim->net.links = link->next;
        free(link->bytes);
        free(link->answer);
        free(link->context);
        free(link);
    }
}
