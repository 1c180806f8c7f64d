/* SPDX-License-Identifier: MIT */
#include "cli/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "engine/policy.h"

#define FILES "/files/"

static char *copy(const char *text, size_t size)
{
    char *out = malloc(size + 1);
    RH_ASSERT(out != NULL);
    memcpy(out, text, size);
    out[size] = '\0';
    return out;
}

/* ---- addresses ---- */

/* Size of scheme, host and port. */
static size_t origin_of(const char *address)
{
    const char *host = strstr(address, "://");
    return host == NULL ? 0 : (size_t)(host - address) + 3 + strcspn(host + 3, "/?");
}

/* Host alone: behind the scheme, before the port. */
static struct rh_bytes host_of(const char *address)
{
    const char *host = strstr(address, "://") + 3;
    size_t size = host[0] == '[' ? strcspn(host, "]") : strcspn(host, ":/?");
    return (struct rh_bytes){(const uint8_t *)host, size};
}

/* Another address than ours. A proxy that ends TLS may hide it from the server behind it, which
 * then names itself with http. */
static char *foreign_url(const struct rh_peer *peer, char *address, bool *ours)
{
    size_t size = origin_of(address);
    *ours = size == peer->origin_size && strncmp(address, peer->to, size) == 0;
    bool falls = strncmp(peer->to, "https:", 6) == 0 && strncmp(address, "http:", 5) == 0;
    if (!falls)
        return address;
    if (!rh_bytes_equal_nocase(host_of(address), host_of(peer->to))) {
        free(address);
        return NULL;
    }
    size_t rest = strlen(address) - size;
    char *url = malloc(peer->origin_size + rest + 1);
    RH_ASSERT(url != NULL);
    memcpy(url, peer->to, peer->origin_size);
    strcpy(url + peer->origin_size, address + size);
    free(address);
    *ours = true;
    return url;
}

char *rh_peer_url(const struct rh_peer *peer, struct rh_bytes path, bool *ours)
{
    if (path.size > 0 && path.data[0] != '/')
        return foreign_url(peer, copy((const char *)path.data, path.size), ours);
    /* The dialects of ours lie below the whole address, the others beside the endpoint. */
    bool below =
        peer->dialect != NULL && (rh_wire_traits(peer->dialect, 0) & RH_TRAIT_ONE_CURSOR) == 0;
    size_t base = below ? strlen(peer->to) : peer->origin_size;
    while (below && base > peer->origin_size && peer->to[base - 1] == '/')
        base--;
    char *url = malloc(base + path.size + 1);
    RH_ASSERT(url != NULL);
    memcpy(url, peer->to, base);
    if (path.size > 0)
        memcpy(url + base, path.data, path.size);
    url[base + path.size] = '\0';
    *ours = true;
    return url;
}

/* ---- asking ---- */

static void on_status(struct rh_call *call, uint16_t status)
{
    struct rh_peer *peer = call->owner;
    rh_wire_offer_init(&peer->offer, status);
}

static void on_header(struct rh_call *call, struct rh_bytes name, struct rh_bytes value)
{
    struct rh_peer *peer = call->owner;
    rh_wire_offer_header(&peer->offer, name, value);
}

static void ask(struct rh_sender *sender, struct rh_peer *peer)
{
    struct rh_call *call = calloc(1, sizeof *call);
    bool ours;
    RH_ASSERT(call != NULL);
    strcpy(call->method, "OPTIONS");
    call->url =
        rh_peer_url(peer, rh_bytes_of(peer->endpoint[0] == '\0' ? FILES : peer->endpoint), &ours);
    call->headers = rh_sender_headers(sender, (struct rh_bytes){NULL, 0}, ours);
    call->body_bytes = RH_SIZE_UNKNOWN;
    call->owner = peer;
    call->of_peer = true;
    call->on_status = on_status;
    call->on_header = on_header;
    peer->call = call;
    if (rh_transport_start(sender->transport, call) == RH_OK)
        return;
    rh_call_free(sender->transport, call);
    peer->call = NULL;
    peer->retry_at_ms = rh_clock_ms() + 1000;
}

/* What the items that wait for it show. */
static void show(struct rh_sender *sender, const struct rh_peer *peer, enum rh_reason reason,
                 const char *why)
{
    for (size_t i = 0; i < sender->item_count; i++) {
        struct rh_item *item = sender->items[i];
        struct rh_snapshot before = item->snapshot;
        if (item->peer != peer || item->added || item->gone || item->refused)
            continue;
        item->snapshot.state = RH_UPLOAD_PENDING;
        item->snapshot.reason = reason;
        item->snapshot.retry_at_ms = peer->retry_at_ms;
        (void)snprintf(item->trouble, sizeof item->trouble, "%s", why);
        if (sender->leads && !sender->stopping)
            rh_progress_changed(sender->progress, item, &before, rh_clock_ms());
    }
}

static void later(struct rh_sender *sender, struct rh_peer *peer, enum rh_reason reason,
                  const char *why)
{
    peer->failures++;
    peer->retry_at_ms =
        rh_clock_ms() + rh_policy_delay(&sender->options->policy, &sender->rng, peer->failures);
    show(sender, peer, reason, why);
}

/* What to do with what it offers; NULL: nothing that we know. */
static const struct rh_wire_dialect *choose(const struct rh_peer *peer)
{
    const struct rh_wire_offer *offer = &peer->offer;
    if (strcmp(peer->protocol, "tus") == 0)
        return &rh_wire_tus; /* not all servers answer OPTIONS: then it can do no more than it must
                              */
    /* Whoever names the very place of tus, on a server of ours too, wants tus. */
    if (peer->endpoint[0] != '\0' && offer->tus && offer->creation)
        return &rh_wire_tus;
    return rh_wire_offer_pick(offer);
}

void rh_peer_answered(struct rh_sender *sender, struct rh_call *call)
{
    struct rh_peer *peer = call->owner;
    char why[300];
    uint16_t status = call->status;
    (void)snprintf(why, sizeof why, "%s", call->why);
    rh_call_free(sender->transport, call);
    peer->call = NULL;
    if (status == 0) {
        later(sender, peer, RH_REASON_OFFLINE, why);
        return;
    }
    const struct rh_wire_dialect *dialect = status < 500 ? choose(peer) : NULL;
    if (dialect == NULL) {
        (void)snprintf(why, sizeof why,
                       status >= 500 ? "the server answers %u"
                                     : "its answer %u to OPTIONS offers no protocol that is known "
                                       "here: is the address right? --protocol says which to use",
                       status);
        later(sender, peer, status >= 500 ? RH_REASON_BACKOFF : RH_REASON_MALFORMED, why);
        return;
    }
    peer->abilities = rh_wire_offer_abilities(&peer->offer, dialect);
    peer->size_max = dialect == &rh_wire_tus ? peer->offer.size_max : RH_SIZE_UNKNOWN;
    show(sender, peer, RH_REASON_NONE, "");
    peer->dialect = dialect;
}

/* ---- all of them ---- */

struct rh_peer *rh_peer_of(struct rh_sender *sender, const char *to, const char *protocol)
{
    const struct rh_wire_dialect *dialect = rh_wire_find(rh_bytes_of(protocol));
    bool automatic = strcmp(protocol, "auto") == 0;
    if ((dialect == NULL && !automatic) || dialect == &rh_wire_form)
        return NULL;
    for (struct rh_peer *p = sender->peers; p != NULL; p = p->next)
        if (strcmp(p->to, to) == 0 && strcmp(p->protocol, protocol) == 0)
            return p;
    struct rh_peer *peer = calloc(1, sizeof *peer);
    RH_ASSERT(peer != NULL);
    peer->to = copy(to, strlen(to));
    strcpy(peer->protocol, protocol);
    peer->origin_size = origin_of(to);
    peer->endpoint = peer->to + peer->origin_size;
    if (strcmp(peer->endpoint, "/") == 0)
        peer->endpoint++;
    peer->size_max = RH_SIZE_UNKNOWN;
    if (!automatic && dialect != &rh_wire_tus) {
        peer->dialect = dialect;
        peer->abilities = rh_wire_offer_abilities(&peer->offer, dialect);
    }
    peer->next = sender->peers;
    sender->peers = peer;
    return peer;
}

static bool wants_asking(const struct rh_peer *peer)
{
    return peer->dialect == NULL && peer->call == NULL;
}

void rh_peers_step(struct rh_sender *sender)
{
    rh_ms now_ms = rh_clock_ms();
    for (struct rh_peer *p = sender->peers; p != NULL && !sender->stopping; p = p->next)
        if (wants_asking(p) && now_ms >= p->retry_at_ms)
            ask(sender, p);
}

rh_ms rh_peers_due_ms(const struct rh_sender *sender, rh_ms now_ms)
{
    rh_ms due_ms = RH_MS_NEVER;
    for (const struct rh_peer *p = sender->peers; p != NULL && !sender->stopping; p = p->next) {
        if (!wants_asking(p))
            continue;
        rh_ms in_ms = p->retry_at_ms > now_ms ? p->retry_at_ms - now_ms : 0;
        due_ms = in_ms < due_ms ? in_ms : due_ms;
    }
    return due_ms;
}

void rh_peers_free(struct rh_sender *sender)
{
    while (sender->peers != NULL) {
        struct rh_peer *peer = sender->peers;
        sender->peers = peer->next;
        rh_call_free(sender->transport, peer->call);
        free(peer->to);
        free(peer);
    }
}
