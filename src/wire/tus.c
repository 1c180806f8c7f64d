/* SPDX-License-Identifier: MIT */
/*
 * The dialect `tus`: the tus protocol 1.0. One POST makes an upload, PATCHes fill it from the
 * cursor on, HEAD asks where that stands. The length of one that grows is told by an empty PATCH at
 * its end, so that no repeated PATCH can tell it twice: servers refuse that.
 */
#include "base/base64.h"
#include "fields/receipt.h"
#include "wire/dialect.h"

#define VERSION   "1.0.0"
#define NAME_MAX  255u
#define CRC_BYTES 8u

static void start(struct rh_wire_writer *w, struct rh_wire_request *request, const char *method)
{
    rh_wire_method(request, method);
    rh_wire_field(w, "Tus-Resumable", VERSION);
}

/* "key base64", with a comma before it where it is not the first. */
static void pair(struct rh_wire_writer *w, const char *key, struct rh_bytes value, bool *first)
{
    char text[RH_BASE64_SIZE(NAME_MAX)];
    if (value.size == 0)
        return;
    ptrdiff_t size = rh_base64_encode(text, sizeof text, value.data,
                                      value.size < NAME_MAX ? value.size : NAME_MAX);
    rh_wire_put(w, *first ? "Upload-Metadata: " : ",");
    *first = false;
    rh_wire_put(w, key);
    rh_wire_put(w, " ");
    rh_wire_put_bytes(w, (struct rh_bytes){(const uint8_t *)text, (size_t)size});
}

static void create(struct rh_wire_writer *w, const struct rh_send *send,
                   const struct rh_wire_source *source, struct rh_wire_request *request)
{
    bool first = true;
    if (send->total == RH_SIZE_UNKNOWN && (source->abilities & RH_WIRE_CAN_DEFER) == 0) {
        rh_wire_fail(w, RH_ERR_STATE);
        return;
    }
    rh_wire_endpoint(w, source, request);
    start(w, request, "POST");
    if (send->total == RH_SIZE_UNKNOWN)
        rh_wire_field(w, "Upload-Defer-Length", "1");
    else
        rh_wire_field_number(w, "Upload-Length", send->total);
    pair(w, "filename", source->file_name, &first);
    pair(w, "filetype", source->mime, &first);
    rh_wire_put(w, first ? "" : "\r\n");
    request->headers = rh_wire_cut(w);
    request->body = RH_WIRE_BODY_INLINE; /* empty, but it has a length: some servers insist */
}

static void checksum(struct rh_wire_writer *w, uint64_t crc64)
{
    uint8_t bytes[CRC_BYTES];
    char text[RH_BASE64_SIZE(CRC_BYTES)];
    for (unsigned i = 0; i < CRC_BYTES; i++)
        bytes[i] = (uint8_t)(crc64 >> (8 * (CRC_BYTES - 1 - i)));
    ptrdiff_t size = rh_base64_encode(text, sizeof text, bytes, sizeof bytes);
    rh_wire_put(w, "Upload-Checksum: crc64nvme ");
    rh_wire_put_bytes(w, (struct rh_bytes){(const uint8_t *)text, (size_t)size});
    rh_wire_put(w, "\r\n");
}

static void patch(struct rh_wire_writer *w, const struct rh_send *send,
                  const struct rh_wire_source *source, struct rh_wire_request *request)
{
    bool part = send->kind == RH_SEND_PART;
    start(w, request, "PATCH");
    rh_wire_field(w, "Content-Type", "application/offset+octet-stream");
    rh_wire_field_number(w, "Upload-Offset", part ? send->range.offset : send->total);
    if (!part)
        rh_wire_field_number(w, "Upload-Length", send->total);
    else if (send->crc_known && (source->abilities & RH_WIRE_CAN_CRC64) != 0)
        checksum(w, send->crc64);
    request->headers = rh_wire_cut(w);
    request->body = part ? RH_WIRE_BODY_RANGE : RH_WIRE_BODY_INLINE;
    request->range = send->range;
}

static void tus_request(struct rh_wire_writer *w, const struct rh_action *action,
                        const struct rh_wire_source *source, struct rh_wire_request *request)
{
    const struct rh_send *send = &action->send;
    if (send->kind == RH_SEND_CREATE) {
        create(w, send, source, request);
        return;
    }
    rh_wire_target(w, send, source, request);
    if (send->kind == RH_SEND_PART || (send->kind == RH_SEND_FINISH && rh_wire_deferred(send))) {
        patch(w, send, source, request);
        return;
    }
    start(w, request, send->kind == RH_SEND_CANCEL ? "DELETE" : "HEAD");
    request->headers = rh_wire_cut(w);
}

/* ---- answers ---- */

static void tus_header(struct rh_wire_reply *reply, struct rh_bytes name, struct rh_bytes value)
{
    if (rh_bytes_equal_nocase(name, rh_bytes_of("Tus-Resumable")))
        reply->spoken = rh_bytes_equal_str(value, VERSION);
    else
        (void)rh_wire_cursor_header(reply, name, value);
}

/* Where the cursor stands, and whether that is the end. */
static enum rh_outcome told_cursor(struct rh_wire_reply *reply)
{
    struct rh_response *r = &reply->response;
    uint64_t total = reply->send.total;
    uint64_t at = reply->offset;
    if (!reply->offset_seen || (reply->length_seen && at > reply->length))
        return RH_OUTCOME_MALFORMED;
    bool known = total != RH_SIZE_UNKNOWN;
    if (known && (at > total || (reply->length_seen && reply->length != total)))
        return RH_OUTCOME_DIFFERENT_BYTES; /* not what was begun */
    rh_wire_cursor_acks(reply, 0, at);
    r->listed = true;
    bool done = reply->length_seen && at == reply->length && !rh_wire_finishing(reply);
    return done ? RH_OUTCOME_DONE : RH_OUTCOME_OK;
}

static enum rh_outcome taken(struct rh_wire_reply *reply)
{
    const struct rh_send *send = &reply->send;
    if (!reply->offset_seen)
        return RH_OUTCOME_MALFORMED;
    enum rh_outcome outcome = rh_wire_cursor_part(reply, reply->offset);
    bool all = send->total != RH_SIZE_UNKNOWN && reply->offset == send->total;
    bool done = all && !rh_wire_deferred(send) && !rh_wire_finishing(reply);
    return outcome == RH_OUTCOME_OK && done ? RH_OUTCOME_DONE : outcome;
}

static enum rh_outcome finished(struct rh_wire_reply *reply)
{
    if (rh_wire_deferred(&reply->send)) {
        reply->length_seen = true; /* it was just told */
        reply->length = reply->send.total;
    }
    enum rh_outcome outcome = told_cursor(reply);
    bool all = reply->offset == reply->send.total;
    return outcome == RH_OUTCOME_OK && !all ? RH_OUTCOME_INCOMPLETE : outcome;
}

static enum rh_outcome tus_success(struct rh_wire_reply *reply)
{
    struct rh_send *send = &reply->send;
    if (send->kind == RH_SEND_CANCEL)
        return RH_OUTCOME_OK;
    if (!reply->spoken)
        return RH_OUTCOME_MALFORMED;
    if (send->kind == RH_SEND_CREATE)
        return rh_wire_created(reply, send->total == RH_SIZE_UNKNOWN);
    /* Whatever name the server has for it elsewhere: here it goes by its address. */
    reply->response.remote[0] = 0;
    if (send->kind == RH_SEND_PART)
        return taken(reply);
    return send->kind == RH_SEND_FINISH ? finished(reply) : told_cursor(reply);
}

static enum rh_outcome tus_failure(struct rh_wire_reply *reply)
{
    if (!reply->spoken)
        return RH_OUTCOME_NONE;
    switch (reply->status) {
    case 403:
    case 404:
    case 410:
        /* It was complete, as this server said, and has moved on since: that word stands. */
        if (reply->send.kind == RH_SEND_FINISH && !rh_wire_deferred(&reply->send)) {
            reply->response.remote[0] = 0;
            return RH_OUTCOME_DONE;
        }
        return reply->status == 403 ? RH_OUTCOME_NONE : RH_OUTCOME_GONE;
    case 409:
        return RH_OUTCOME_SUPERSEDED; /* not where the cursor stands: ask */
    case 412:
        return RH_OUTCOME_REJECTED; /* another version of tus */
    case 423:
        return RH_OUTCOME_RETRY; /* the request before this one has not ended there */
    case 460:
        return RH_OUTCOME_CHECKSUM_MISMATCH;
    default:
        return RH_OUTCOME_NONE;
    }
}

const struct rh_wire_dialect rh_wire_tus = {
    .name = "tus",
    .traits = RH_TRAIT_ONE_CURSOR | RH_TRAIT_FINISH_ALWAYS,
    .request = tus_request,
    .header = tus_header,
    .success = tus_success,
    .failure = tus_failure,
};
