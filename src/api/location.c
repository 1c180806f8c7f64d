/* SPDX-License-Identifier: MIT */
/*
 * Absolute URLs of this server, for Location: some clients resolve relative ones wrongly, none do
 * absolute ones. Behind a proxy, what the client called is told by X-Forwarded-Proto and -Host, or
 * by Forwarded (RFC 7239); a host is believed only where the server is configured with it, for a
 * Location that leads elsewhere would send an upload's bytes there.
 */
#include <stdio.h>

#include "api/internal.h"
#include "base/bytes.h"

struct called {
    struct rh_bytes proto;
    struct rh_bytes host;
};

/* What the proxy nearest to the client said: the first of a list. */
static struct rh_bytes first_of(struct rh_bytes list)
{
    list.size = rh_bytes_find(list, ',');
    return rh_bytes_trim(list);
}

static struct rh_bytes unquoted(struct rh_bytes text)
{
    if (text.size >= 2 && text.data[0] == '"' && text.data[text.size - 1] == '"')
        return (struct rh_bytes){text.data + 1, text.size - 2};
    return text;
}

/* The pairs of the first element: proto=https;host="example.org". */
static void read_forwarded(struct rh_bytes value, struct called *called)
{
    struct rh_bytes rest = first_of(value);
    while (rest.size > 0) {
        size_t end = rh_bytes_find(rest, ';');
        struct rh_bytes pair = rh_bytes_trim((struct rh_bytes){rest.data, end});
        size_t equal = rh_bytes_find(pair, '=');
        struct rh_bytes name = {pair.data, equal};
        if (equal < pair.size) {
            struct rh_bytes said =
                unquoted((struct rh_bytes){pair.data + equal + 1, pair.size - equal - 1});
            if (rh_bytes_equal_nocase(name, rh_bytes_of("proto")))
                called->proto = said;
            else if (rh_bytes_equal_nocase(name, rh_bytes_of("host")))
                called->host = said;
        }
        size_t used = end < rest.size ? end + 1 : end;
        rest = (struct rh_bytes){rest.data + used, rest.size - used};
    }
}

static struct called called_of(const struct rh_exchange *x)
{
    struct called called = {.proto = rh_bytes_of(x->request->secure ? "https" : "http"),
                            .host = x->request->authority};
    if (!x->api->config->behind_proxy)
        return called;
    struct called said = {0};
    struct rh_bytes value;
    if (rh_request_single(x->request, "Forwarded", &value) == RH_OK)
        read_forwarded(value, &said);
    if (rh_request_single(x->request, "X-Forwarded-Proto", &value) == RH_OK)
        said.proto = first_of(value);
    if (rh_request_single(x->request, "X-Forwarded-Host", &value) == RH_OK)
        said.host = first_of(value);
    if (rh_bytes_equal_nocase(said.proto, rh_bytes_of("https")) ||
        rh_bytes_equal_nocase(said.proto, rh_bytes_of("http")))
        called.proto = rh_bytes_of(said.proto.size == 5 ? "https" : "http");
    if (api_auth_host(x, said.host))
        called.host = said.host;
    return called;
}

void api_location_text(const struct rh_exchange *x, const char *path, char out[API_LOCATION_TEXT])
{
    struct called called = called_of(x);
    int size = snprintf(out, API_LOCATION_TEXT, "%.*s://%.*s%s", (int)called.proto.size,
                        (const char *)called.proto.data, (int)called.host.size,
                        (const char *)called.host.data, path);
    /* An authority is one of the configured; where it is too long all the same, the path does. */
    if (size <= 0 || size >= API_LOCATION_TEXT)
        (void)snprintf(out, API_LOCATION_TEXT, "%s", path);
}

void api_add_location(struct rh_exchange *x, const char *path)
{
    char text[API_LOCATION_TEXT];
    api_location_text(x, path, text);
    (void)rh_response_add_str(x->response, "Location", text);
}
