/* SPDX-License-Identifier: MIT */
/*
 * Parts that come with a Content-Encoding. Between what the connection gives and what the route
 * takes stands a decoder: all that is said of a part (offset, length, checksum) is said of the
 * decoded bytes. What could become too much, or is no such coding, ends the request, and none of
 * it is kept.
 */
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "base/assert.h"
#include "http/coding.h"

#define OUT_BYTES 16384

struct api_coding {
    struct rh_coding *decoder;
    size_t charged; /* of the memory that all may hold */
    bool over;      /* all of the coded body was given */
    size_t at;      /* decoded and not taken: from here … */
    size_t size;    /* … to here */
    uint8_t out[OUT_BYTES];
};

bool api_coding_begin(struct rh_exchange *x)
{
    enum rh_coding_kind kind;
    enum rh_error error = rh_coding_of(x->request, &kind);
    if (error == RH_OK && kind == RH_CODING_IDENTITY)
        return true;
    if (error != RH_OK || !x->route->coded) {
        x->accept_coding = x->route->coded ? RH_CODING_NAMES : "identity";
        api_fail(x, "unsupported_type", "This Content-Encoding is not accepted here.");
        return false;
    }
    const struct rh_api_config *config = x->api->config;
    x->coding = calloc(1, sizeof *x->coding);
    if (x->coding != NULL)
        x->coding->decoder =
            rh_coding_create(kind, config->body_bytes_max + config->json_bytes_max);
    if (x->coding == NULL || x->coding->decoder == NULL)
        api_fail(x, "overloaded", NULL);
    return x->coding != NULL && x->coding->decoder != NULL;
}

void api_coding_release(struct rh_exchange *x)
{
    if (x->coding == NULL)
        return;
    RH_ASSERT(x->coding->charged <= x->api->held_bytes);
    x->api->held_bytes -= x->coding->charged;
    rh_coding_destroy(x->coding->decoder);
    free(x->coding);
    x->coding = NULL;
}

/* A decoder's memory counts as held: many of them must not be a way around that limit. */
static bool charge(struct rh_exchange *x)
{
    struct api_coding *coding = x->coding;
    size_t now = rh_coding_memory(coding->decoder);
    size_t more = now > coding->charged ? now - coding->charged : 0;
    coding->charged += more;
    x->api->held_bytes += more;
    if (x->api->held_bytes <= x->api->config->held_bytes_max)
        return true;
    api_sink_drop(x);
    api_fail(x, "overloaded", NULL);
    return false;
}

static void refuse(struct rh_exchange *x, enum rh_error error)
{
    /* What came before the fault has no more claim to be right than the fault, unless slices said
     * so; of what was meant to overwhelm nothing is kept. */
    if (x->slices == NULL || error == RH_ERR_LIMIT)
        api_sink_drop(x);
    if (error == RH_ERR_LIMIT)
        api_fail(x, "too_large", "The body becomes too large when it is decoded.");
    else if (error == RH_ERR_MEMORY)
        api_fail(x, "overloaded", NULL);
    else
        api_fail(x, "bad_request", "The body is not of its Content-Encoding.");
}

static bool wants_content(const struct rh_exchange *x)
{
    return x->want == RH_WANT_BODY && x->mode != API_MODE_DRAIN;
}

/* Gives on what was decoded; true: all of it was taken. */
static bool flush(struct rh_exchange *x)
{
    struct api_coding *coding = x->coding;
    while (coding->at < coding->size && wants_content(x))
        coding->at += api_content(x, coding->out + coding->at, coding->size - coding->at);
    return coding->at == coding->size && wants_content(x);
}

/* Decodes and gives on; returns how much of `in` was used. */
static size_t pump(struct rh_exchange *x, struct rh_bytes in)
{
    struct api_coding *coding = x->coding;
    size_t total = 0;
    while (flush(x)) {
        size_t used = 0;
        size_t made = 0;
        enum rh_error error =
            rh_coding_next(coding->decoder, in, &used, coding->out, OUT_BYTES, &made);
        total += used;
        x->body_taken += used;
        in.data = used == 0 ? in.data : in.data + used;
        in.size -= used;
        coding->at = 0;
        coding->size = made;
        if (error == RH_ERR_AGAIN)
            break;
        if (error != RH_OK)
            refuse(x, error);
        else if (!charge(x))
            break;
    }
    return total;
}

size_t api_coding_feed(struct rh_exchange *x, const uint8_t *data, size_t size)
{
    return pump(x, (struct rh_bytes){data, size});
}

void api_coding_go_on(struct rh_exchange *x)
{
    struct api_coding *coding = x->coding;
    if (coding == NULL || !wants_content(x))
        return;
    (void)pump(x, (struct rh_bytes){NULL, 0});
    if (!coding->over || !wants_content(x))
        return;
    if (rh_coding_end(coding->decoder) == RH_OK)
        api_content_end(x);
    else
        refuse(x, RH_ERR_SYNTAX);
}

void api_coding_end(struct rh_exchange *x)
{
    x->coding->over = true;
    api_coding_go_on(x);
}
