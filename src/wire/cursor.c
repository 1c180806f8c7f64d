/* SPDX-License-Identifier: MIT */
/* What tus, the IETF's draft and Content-Range PUT have in common: an upload is a resource with an
 * address of its own, and has one cursor. */
#include "base/mem.h"
#include "wire/dialect.h"

#define ENDPOINT "/files/"

bool rh_wire_deferred(const struct rh_send *send)
{
    return send->remote[0] == RH_WIRE_DEFERRED;
}

/* What can stand in a request's target as it is. */
static bool address_fits(struct rh_bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '<' || c == '>' || c == '\\' || c == '^' ||
            c == '`' || c == '{' || c == '|' || c == '}' || c == '#')
            return false;
    }
    return text.size > 0;
}

static bool is_whole(struct rh_bytes address)
{
    return rh_bytes_starts_with(address, "http://") || rh_bytes_starts_with(address, "https://");
}

static struct rh_bytes endpoint_of(const struct rh_wire_source *source)
{
    return source->endpoint.size > 0 ? source->endpoint : rh_bytes_of(ENDPOINT);
}

void rh_wire_endpoint(struct rh_wire_writer *w, const struct rh_wire_source *source,
                      struct rh_wire_request *request)
{
    struct rh_bytes endpoint = endpoint_of(source);
    if (!address_fits(endpoint)) {
        rh_wire_fail(w, RH_ERR_SYNTAX);
        return;
    }
    rh_wire_put_bytes(w, endpoint);
    request->path = rh_wire_cut(w);
}

void rh_wire_target(struct rh_wire_writer *w, const struct rh_send *send,
                    const struct rh_wire_source *source, struct rh_wire_request *request)
{
    struct rh_bytes remote = rh_bytes_of(send->remote + rh_wire_deferred(send));
    struct rh_bytes endpoint = endpoint_of(source);
    if (!address_fits(remote) || !address_fits(endpoint)) {
        rh_wire_fail(w, RH_ERR_SYNTAX);
        return;
    }
    if (remote.data[0] != '/' && !is_whole(remote)) { /* beside the endpoint (RFC 3986, 5.2.3) */
        size_t query = rh_bytes_find(endpoint, '?');
        while (query > 0 && endpoint.data[query - 1] != '/')
            query--;
        rh_wire_put_bytes(w, (struct rh_bytes){endpoint.data, query});
    }
    rh_wire_put_bytes(w, remote);
    request->path = rh_wire_cut(w);
}

void rh_wire_field_digest(struct rh_wire_writer *w, const struct rh_send *send)
{
    if (send->kind != RH_SEND_PART || !send->crc_known || send->range.length == 0)
        return;
    rh_wire_put(w, "Content-Digest: crc64nvme=");
    if (w->error == RH_OK)
        w->error = rh_crc64_field_write(&w->text, send->crc64);
    rh_wire_put(w, "\r\n");
}

/* ---- answers ---- */

bool rh_wire_finishing(const struct rh_wire_reply *reply)
{
    enum rh_remote_state state = reply->response.remote_state;
    return state == RH_REMOTE_OPEN || state == RH_REMOTE_FINISHING;
}

/* Whether the place can be an upload's: nothing with a scheme but http, no user name, no mark of
 * ours, and not the shorthand for another host. */
static bool place_fits(struct rh_bytes place)
{
    if (!address_fits(place) || place.data[0] == (uint8_t)RH_WIRE_DEFERRED ||
        rh_bytes_starts_with(place, "//"))
        return false;
    if (!is_whole(place)) {
        size_t colon = rh_bytes_find(place, ':');
        return place.data[0] == '/' || colon == place.size;
    }
    size_t host = place.data[4] == 's' ? 8 : 7;
    struct rh_bytes rest = {place.data + host, place.size - host};
    size_t slash = rh_bytes_find(rest, '/');
    return slash > 0 && rh_bytes_find(rest, '@') >= slash;
}

static void read_number(struct rh_wire_reply *reply, struct rh_bytes value, uint64_t *out,
                        bool *seen)
{
    uint64_t number;
    bool fine = rh_bytes_parse_u64(value, &number) == RH_OK && number < RH_SIZE_UNKNOWN;
    if (!fine || (*seen && number != *out)) {
        reply->receipt_bad = true;
        return;
    }
    *out = number;
    *seen = true;
}

bool rh_wire_cursor_header(struct rh_wire_reply *reply, struct rh_bytes name, struct rh_bytes value)
{
    if (rh_bytes_equal_nocase(name, rh_bytes_of("Upload-Offset"))) {
        read_number(reply, value, &reply->offset, &reply->offset_seen);
    } else if (rh_bytes_equal_nocase(name, rh_bytes_of("Upload-Length"))) {
        read_number(reply, value, &reply->length, &reply->length_seen);
    } else if (rh_bytes_equal_nocase(name, rh_bytes_of("Location"))) {
        /* One byte is left for the mark. */
        rh_mem_set(reply->place, 0, sizeof reply->place);
        if (value.size < sizeof reply->place - 1 && place_fits(value))
            rh_mem_copy(reply->place, value.data, value.size);
    } else {
        return false;
    }
    return true;
}

enum rh_outcome rh_wire_created(struct rh_wire_reply *reply, bool deferred)
{
    struct rh_response *r = &reply->response;
    if (reply->place[0] == 0)
        return RH_OUTCOME_MALFORMED;
    rh_mem_set(r->remote, 0, sizeof r->remote);
    r->remote[0] = RH_WIRE_DEFERRED;
    rh_mem_copy(r->remote + deferred, reply->place, rh_str_size(reply->place));
    r->listed = true;
    r->acks_count = 0;
    return RH_OUTCOME_OK;
}

void rh_wire_cursor_acks(struct rh_wire_reply *reply, uint64_t from, uint64_t end)
{
    const struct rh_ack *receipt = &reply->receipt;
    struct rh_ack claim = {.offset = from, .length = end - from};
    bool fits =
        reply->receipt_seen && receipt->offset <= from && receipt->length == end - receipt->offset;
    reply->response.acks_count = 0;
    if (end > from || (fits && reply->send.total == 0)) /* an empty one can be proven, too */
        rh_wire_ack(reply, fits ? receipt : &claim);
}

enum rh_outcome rh_wire_cursor_part(struct rh_wire_reply *reply, uint64_t end)
{
    struct rh_range range = reply->send.range;
    reply->response.acks_count = 0;
    if (end < range.offset || end - range.offset > range.length)
        return RH_OUTCOME_SUPERSEDED; /* somebody else writes, or bytes were lost there */
    rh_wire_cursor_acks(reply, range.offset, end);
    return RH_OUTCOME_OK;
}
