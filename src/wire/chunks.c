/* SPDX-License-Identifier: MIT */
/*
 * The dialect `chunks`: PUT with Content-Range, as Google Cloud Storage and Mux take it. A POST
 * opens a session whose address is in Location; an endpoint that is one already (upload_id in its
 * query) is used as it is. 308 means "go on", with Range for what is there. Parts are multiples of
 * 256 KiB but for the last, and the size is known before.
 */
#include "wire/dialect.h"

/* The endpoint itself is the upload. */
#define ITSELF "."

static bool is_session(struct rh_bytes endpoint)
{
    static const char mark[] = "upload_id=";
    for (size_t at = rh_bytes_find(endpoint, '?'); at < endpoint.size; at++)
        if (rh_bytes_starts_with((struct rh_bytes){endpoint.data + at, endpoint.size - at}, mark))
            return true;
    return false;
}

static void target(struct rh_wire_writer *w, const struct rh_send *send,
                   const struct rh_wire_source *source, struct rh_wire_request *request)
{
    if (rh_bytes_equal_str(rh_bytes_of(send->remote), ITSELF) || send->kind == RH_SEND_CREATE)
        rh_wire_endpoint(w, source, request);
    else
        rh_wire_target(w, send, source, request);
}

static void open_session(struct rh_wire_writer *w, const struct rh_send *send,
                         const struct rh_wire_source *source)
{
    rh_wire_field(w, "x-goog-resumable", "start");
    rh_wire_field_number(w, "X-Upload-Content-Length", send->total);
    if (source->mime.size > 0) {
        rh_wire_put(w, "X-Upload-Content-Type: ");
        rh_wire_put_bytes(w, source->mime);
        rh_wire_put(w, "\r\nContent-Type: ");
        rh_wire_put_bytes(w, source->mime);
        rh_wire_put(w, "\r\n");
    }
}

static void put_range(struct rh_wire_writer *w, const struct rh_send *send)
{
    rh_wire_put(w, "Content-Range: bytes ");
    if (send->kind == RH_SEND_PART && send->range.length > 0) {
        rh_wire_put_number(w, send->range.offset);
        rh_wire_put(w, "-");
        rh_wire_put_number(w, send->range.offset + send->range.length - 1);
    } else {
        rh_wire_put(w, "*"); /* where does it stand? */
    }
    rh_wire_put(w, "/");
    rh_wire_put_number(w, send->total);
    rh_wire_put(w, "\r\n");
}

static void chunks_request(struct rh_wire_writer *w, const struct rh_action *action,
                           const struct rh_wire_source *source, struct rh_wire_request *request)
{
    const struct rh_send *send = &action->send;
    if (send->total == RH_SIZE_UNKNOWN || send->kind == RH_SEND_CANCEL) {
        rh_wire_fail(w, RH_ERR_STATE);
        return;
    }
    bool opens = send->kind == RH_SEND_CREATE && !is_session(source->endpoint);
    target(w, send, source, request);
    rh_wire_method(request, opens ? "POST" : "PUT");
    if (opens)
        open_session(w, send, source);
    else
        put_range(w, send);
    if (send->kind == RH_SEND_PART)
        rh_wire_field(w, "Content-Type", "application/octet-stream");
    rh_wire_field_digest(w, send);
    request->headers = rh_wire_cut(w);
    request->body = send->kind == RH_SEND_PART ? RH_WIRE_BODY_RANGE : RH_WIRE_BODY_INLINE;
    request->range = send->range;
}

/* ---- answers ---- */

/* "bytes=0-N": what is there. */
static void chunks_header(struct rh_wire_reply *reply, struct rh_bytes name, struct rh_bytes value)
{
    static const char from_0[] = "bytes=0-";
    uint64_t last;
    if (!rh_bytes_equal_nocase(name, rh_bytes_of("Range"))) {
        (void)rh_wire_cursor_header(reply, name, value);
        return;
    }
    size_t skip = sizeof from_0 - 1;
    if (!rh_bytes_starts_with(value, from_0) ||
        rh_bytes_parse_u64((struct rh_bytes){value.data + skip, value.size - skip}, &last) !=
            RH_OK ||
        last >= reply->send.total) {
        reply->receipt_bad = true;
        return;
    }
    reply->offset = last + 1;
    reply->offset_seen = true;
}

static void name_itself(struct rh_wire_reply *reply)
{
    struct rh_response *r = &reply->response;
    for (size_t i = 0; i < sizeof r->remote; i++)
        r->remote[i] = i == 0 ? ITSELF[0] : 0;
}

/* 308: the upload goes on from here. Without a Range nothing was kept. */
static enum rh_outcome goes_on(struct rh_wire_reply *reply)
{
    struct rh_response *r = &reply->response;
    const struct rh_send *send = &reply->send;
    uint64_t end = reply->offset_seen ? reply->offset : 0;
    /* With a Location it is a redirection: a login page's, or another server's. */
    if (reply->receipt_bad || reply->place[0] != 0)
        return RH_OUTCOME_MALFORMED;
    if (send->kind == RH_SEND_PART)
        return rh_wire_cursor_part(reply, end);
    if (send->kind == RH_SEND_FINISH)
        return RH_OUTCOME_INCOMPLETE;
    if (send->kind == RH_SEND_CREATE)
        name_itself(reply);
    rh_wire_cursor_acks(reply, 0, end);
    r->listed = true;
    return RH_OUTCOME_OK;
}

static enum rh_outcome chunks_success(struct rh_wire_reply *reply)
{
    const struct rh_send *send = &reply->send;
    if (send->kind == RH_SEND_CREATE && reply->place[0] != 0)
        return rh_wire_created(reply, false);
    if (send->kind == RH_SEND_CREATE)
        return RH_OUTCOME_MALFORMED;
    reply->response.remote[0] = 0;
    /* All there is to know it by is that the last byte was sent; the rest is trust. */
    bool whole = send->kind != RH_SEND_PART || send->final;
    if (!whole)
        return RH_OUTCOME_MALFORMED;
    rh_wire_cursor_acks(reply, 0, send->total);
    return rh_wire_finishing(reply) ? RH_OUTCOME_OK : RH_OUTCOME_DONE;
}

static enum rh_outcome chunks_failure(struct rh_wire_reply *reply)
{
    return reply->status == 308 ? goes_on(reply) : RH_OUTCOME_NONE;
}

const struct rh_wire_dialect rh_wire_chunks = {
    .name = "chunks",
    .traits =
        RH_TRAIT_ONE_CURSOR | RH_TRAIT_FIXED_PARTS | RH_TRAIT_SEALED_ONLY | RH_TRAIT_NO_CANCEL,
    .request = chunks_request,
    .header = chunks_header,
    .success = chunks_success,
    .failure = chunks_failure,
};
