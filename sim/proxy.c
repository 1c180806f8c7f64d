/* SPDX-License-Identifier: MIT */
#include "proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "fields/date.h"

static const struct sim_upload *about(const struct sim *sim, const struct sim_link *link)
{
    return &sim->uploads[link->upload];
}

static char *copy_of(const char *bytes, size_t size)
{
    char *copy = malloc(size + 1);
    RH_ASSERT(copy != NULL);
    memcpy(copy, bytes, size);
    copy[size] = '\0';
    return copy;
}

/* ---- it answers by itself ---- */

/* In seconds, as a date, as nonsense, or not at all. A date is for clocks that agree. */
static const char *retry_after(struct sim *sim)
{
    static const char *const fields[] = {"", "Retry-After: 7\r\n", "Retry-After: 0\r\n",
                                         "Retry-After: soon\r\n"};
    static char date[64];
    struct rh_buffer text;
    uint64_t which = sim_below(sim, 6);
    if (which < 4)
        return fields[which];
    if (sim->plan.rates[SIM_WALL_JUMP] != 0)
        return fields[0];
    rh_buffer_init(&text, (uint8_t *)date, sizeof date - 1);
    (void)rh_buffer_put_str(&text, "Retry-After: ");
    (void)rh_date_write(&text, sim_wall_ms(sim) / 1000 + (int64_t)sim_below(sim, 60));
    (void)rh_buffer_put_str(&text, "\r\n");
    date[text.size] = '\0';
    return date;
}

char *sim_proxy_answer(struct sim *sim, struct sim_link *link, size_t *size)
{
    static const char *const storms[] = {"500 Internal Server Error", "502 Bad Gateway",
                                         "503 Service Unavailable", "504 Gateway Timeout"};
    static const char *const redirects[] = {"301 Moved Permanently", "302 Found", "303 See Other",
                                            "307 Temporary Redirect", "308 Permanent Redirect"};
    char text[256];
    if (link->ops == NULL)
        return NULL;
    if (sim->weather[SIM_STORM]) {
        /* Drawn one after the other: compilers differ in which argument they evaluate first. */
        const char *storm = storms[sim_below(sim, 4)];
        (void)snprintf(text, sizeof text, "HTTP/1.1 %s\r\n%s\r\n", storm, retry_after(sim));
    } else if (sim->weather[SIM_TOO_MANY])
        (void)snprintf(text, sizeof text, "HTTP/1.1 429 Too Many Requests\r\n%s\r\n",
                       retry_after(sim));
    else if (sim->weather[SIM_REDIRECT])
        (void)snprintf(text, sizeof text,
                       "HTTP/1.1 %s\r\nLocation: https://portal.example/login\r\n\r\n",
                       redirects[sim_below(sim, 5)]);
    else if (sim->weather[SIM_PORTAL])
        (void)snprintf(text, sizeof text,
                       "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>Welcome");
    else if (sim->weather[SIM_LOGIN])
        (void)snprintf(text, sizeof text, "HTTP/1.1 %s\r\n\r\n",
                       sim_chance(sim, 700) ? "401 Unauthorized" : "403 Forbidden");
    else
        return NULL;
    *size = strlen(text);
    return copy_of(text, *size);
}

/* ---- requests ---- */

/* Where the body begins; `size` where there is none. */
static size_t body_of(const char *bytes, size_t size)
{
    for (size_t i = 0; i + 4 <= size; i++) {
        if (memcmp(bytes + i, "\r\n\r\n", 4) == 0)
            return i + 4;
    }
    return size;
}

/* The message with the first `keep` bytes of its body and `more` bytes of junk, its length said. */
static void reframe(struct sim *sim, struct sim_link *link, size_t body, size_t keep, size_t more)
{
    static const char field[] = "\r\nContent-Length: ";
    char *head = copy_of((const char *)link->bytes, body);
    char *at = strstr(head, field);
    if (at != NULL) {
        const char *rest = strstr(at + 2, "\r\n");
        uint8_t *bytes = malloc(body + keep + more + 32);
        RH_ASSERT(bytes != NULL);
        int size = snprintf((char *)bytes, body + 32, "%.*s%s%zu%s", (int)(at - head), head, field,
                            keep + more, rest);
        memcpy(bytes + size, link->bytes + body, keep);
        for (size_t i = 0; i < more; i++)
            bytes[(size_t)size + keep + i] = (uint8_t)sim_below(sim, 256);
        free(link->bytes);
        link->bytes = bytes;
        link->size = (size_t)size + keep + more;
    }
    free(head);
}

/* Only the sent bytes: what is around them has no checksum of ours, but TCP's and TLS's. */
static void flip_source(struct sim *sim, const struct sim_link *link)
{
    size_t at = link->source_at + (size_t)sim_below(sim, link->source_size);
    link->bytes[at] ^= (uint8_t)(1u << sim_below(sim, 8));
}

void sim_proxy_request(struct sim *sim, struct sim_link *link)
{
    if (link->source_size > 0 && sim_fate(sim, about(sim, link), SIM_FLIP_REQUEST))
        flip_source(sim, link);
    bool truncated = sim_fate(sim, about(sim, link), SIM_TRUNCATE_REQUEST);
    bool padded = !truncated && sim_fate(sim, about(sim, link), SIM_PAD_REQUEST);
    if (!truncated && !padded)
        return;
    size_t body = body_of((const char *)link->bytes, link->size);
    size_t size = link->size - body;
    if (size == 0)
        return;
    if (truncated)
        reframe(sim, link, body, (size_t)sim_below(sim, size), 0);
    else
        reframe(sim, link, body, size, 1 + (size_t)sim_below(sim, 2000));
}

/* ---- answers ---- */

static bool asks(const char *line)
{
    return strncmp(line, "GET ", 4) == 0 || strncmp(line, "HEAD ", 5) == 0;
}

/* A proxy that keeps what says no-store: it answers with the oldest that it has. */
static void keep_or_replay(struct sim *sim, struct sim_link *link)
{
    struct sim_net *net = &sim->net;
    if (!asks(link->request))
        return;
    for (size_t i = 0; i < SIM_CACHED_MAX; i++) {
        struct sim_cached *cached = &net->cached[i];
        if (cached->request == NULL || strcmp(cached->request, link->request) != 0)
            continue;
        if (sim_fate(sim, about(sim, link), SIM_STALE_REPLY)) {
            free(link->answer);
            link->answer = copy_of(cached->answer, cached->size);
            link->answer_size = cached->size;
        }
        return;
    }
    struct sim_cached *cached = &net->cached[net->cached_next++ % SIM_CACHED_MAX];
    free(cached->request);
    free(cached->answer);
    cached->request = copy_of(link->request, strlen(link->request));
    cached->answer = copy_of(link->answer, link->answer_size);
    cached->size = link->answer_size;
}

void sim_proxy_reply(struct sim *sim, struct sim_link *link)
{
    size_t body = body_of(link->answer, link->answer_size);
    size_t size = link->answer_size - body;
    keep_or_replay(sim, link);
    if (size == 0 || !link->own_headers || body + size != link->answer_size)
        return;
    if (sim_fate(sim, about(sim, link), SIM_FLIP_REPLY)) {
        size_t at = body + (size_t)sim_below(sim, size);
        link->answer[at] ^= (char)(1u << sim_below(sim, 8));
    }
    if (sim_fate(sim, about(sim, link), SIM_TRUNCATE_REPLY)) {
        link->answer_size = body + (size_t)sim_below(sim, size);
        link->answer[link->answer_size] = '\0';
    } else if (sim_fate(sim, about(sim, link), SIM_PAD_REPLY)) {
        char *longer = malloc(link->answer_size + 4);
        RH_ASSERT(longer != NULL);
        memcpy(longer, link->answer, link->answer_size);
        memcpy(longer + link->answer_size, "???", 4);
        free(link->answer);
        link->answer = longer;
        link->answer_size += 3;
    }
}

void sim_proxy_finish(struct sim_net *net)
{
    for (size_t i = 0; i < SIM_CACHED_MAX; i++) {
        free(net->cached[i].request);
        free(net->cached[i].answer);
    }
}
