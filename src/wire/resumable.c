/* SPDX-License-Identifier: MIT */
/*
 * The dialects `resumable` and `resumable6`: Resumable Uploads for HTTP, an Internet-Draft, in its
 * interop versions 8 and 6, which differ in nothing that a sender says but the number. A POST
 * without content and with Upload-Complete: ?0 makes the upload; the last PATCH says ?1.
 */
#include "wire/dialect.h"

static void start(struct rh_wire_writer *w, const struct rh_send *send,
                  const struct rh_wire_source *source, struct rh_wire_request *request,
                  const struct rh_wire_dialect *dialect)
{
    if (send->kind == RH_SEND_CREATE)
        rh_wire_endpoint(w, source, request);
    else
        rh_wire_target(w, send, source, request);
    rh_wire_field_number(w, "Upload-Draft-Interop-Version", dialect->version);
}

static void create(struct rh_wire_writer *w, const struct rh_send *send,
                   const struct rh_wire_source *source, struct rh_wire_request *request)
{
    rh_wire_method(request, "POST");
    rh_wire_field(w, "Upload-Complete", "?0");
    if (send->total != RH_SIZE_UNKNOWN)
        rh_wire_field_number(w, "Upload-Length", send->total);
    if (source->mime.size > 0) {
        rh_wire_put(w, "Content-Type: ");
        rh_wire_put_bytes(w, source->mime);
        rh_wire_put(w, "\r\n");
    }
    if (source->file_name.size > 0) { /* RFC 8187 */
        rh_wire_put(w, "Content-Disposition: attachment; filename*=UTF-8''");
        rh_wire_put_url(w, source->file_name);
        rh_wire_put(w, "\r\n");
    }
    request->body = RH_WIRE_BODY_INLINE;
}

static void patch(struct rh_wire_writer *w, const struct rh_send *send,
                  struct rh_wire_request *request)
{
    bool part = send->kind == RH_SEND_PART;
    rh_wire_method(request, "PATCH");
    rh_wire_field(w, "Content-Type", "application/partial-upload");
    rh_wire_field_number(w, "Upload-Offset", part ? send->range.offset : send->total);
    rh_wire_field(w, "Upload-Complete", !part || send->final ? "?1" : "?0");
    rh_wire_field_digest(w, send);
    request->body = part ? RH_WIRE_BODY_RANGE : RH_WIRE_BODY_INLINE;
    request->range = send->range;
}

static void request_of(struct rh_wire_writer *w, const struct rh_action *action,
                       const struct rh_wire_source *source, struct rh_wire_request *request,
                       const struct rh_wire_dialect *dialect)
{
    const struct rh_send *send = &action->send;
    start(w, send, source, request, dialect);
    if (send->kind == RH_SEND_CREATE)
        create(w, send, source, request);
    else if (send->kind == RH_SEND_PART || send->kind == RH_SEND_FINISH)
        patch(w, send, request);
    else
        rh_wire_method(request, send->kind == RH_SEND_CANCEL ? "DELETE" : "HEAD");
    request->headers = rh_wire_cut(w);
}

static void request_8(struct rh_wire_writer *w, const struct rh_action *action,
                      const struct rh_wire_source *source, struct rh_wire_request *request)
{
    request_of(w, action, source, request, &rh_wire_resumable);
}

static void request_6(struct rh_wire_writer *w, const struct rh_action *action,
                      const struct rh_wire_source *source, struct rh_wire_request *request)
{
    request_of(w, action, source, request, &rh_wire_resumable6);
}

/* ---- answers ---- */

static void read_header(struct rh_wire_reply *reply, struct rh_bytes name, struct rh_bytes value)
{
    if (rh_wire_cursor_header(reply, name, value) ||
        !rh_bytes_equal_nocase(name, rh_bytes_of("Upload-Complete")))
        return;
    /* A field of a wrong type is to be ignored. */
    reply->complete = rh_bytes_equal_str(value, "?1");
    reply->complete_seen = reply->complete || rh_bytes_equal_str(value, "?0");
}

static enum rh_outcome told_cursor(struct rh_wire_reply *reply)
{
    uint64_t total = reply->send.total;
    if (!reply->offset_seen || !reply->complete_seen)
        return RH_OUTCOME_MALFORMED;
    if (total != RH_SIZE_UNKNOWN &&
        (reply->offset > total || (reply->complete && reply->offset < total)))
        return RH_OUTCOME_DIFFERENT_BYTES;
    rh_wire_cursor_acks(reply, 0, reply->offset);
    reply->response.listed = true;
    return reply->complete && !rh_wire_finishing(reply) ? RH_OUTCOME_DONE : RH_OUTCOME_OK;
}

static enum rh_outcome taken(struct rh_wire_reply *reply)
{
    const struct rh_send *send = &reply->send;
    /* Without a word about the cursor all of it was taken: that is what a 2xx means here. */
    uint64_t end = reply->offset_seen ? reply->offset : send->range.offset + send->range.length;
    if (!reply->complete_seen)
        return RH_OUTCOME_MALFORMED;
    enum rh_outcome outcome = rh_wire_cursor_part(reply, end);
    if (outcome != RH_OUTCOME_OK || !reply->complete || rh_wire_finishing(reply))
        return outcome;
    return send->final && end == send->total ? RH_OUTCOME_DONE : RH_OUTCOME_SUPERSEDED;
}

static enum rh_outcome finished(struct rh_wire_reply *reply)
{
    if (!reply->complete_seen)
        return RH_OUTCOME_MALFORMED;
    if (!reply->complete)
        return RH_OUTCOME_INCOMPLETE;
    rh_wire_cursor_acks(reply, 0, reply->send.total);
    return rh_wire_finishing(reply) ? RH_OUTCOME_OK : RH_OUTCOME_DONE;
}

static enum rh_outcome success(struct rh_wire_reply *reply)
{
    enum rh_send_kind kind = reply->send.kind;
    if (kind == RH_SEND_CANCEL)
        return RH_OUTCOME_OK;
    if (kind == RH_SEND_CREATE)
        return rh_wire_created(reply, false);
    reply->response.remote[0] = 0;
    if (kind == RH_SEND_PART)
        return taken(reply);
    return kind == RH_SEND_FINISH ? finished(reply) : told_cursor(reply);
}

static enum rh_outcome failure(struct rh_wire_reply *reply)
{
    if (reply->status == 409 && reply->offset_seen)
        return RH_OUTCOME_SUPERSEDED; /* not where the cursor stands: ask */
    return RH_OUTCOME_NONE;
}

const struct rh_wire_dialect rh_wire_resumable = {
    .name = "resumable",
    .traits = RH_TRAIT_ONE_CURSOR,
    .request = request_8,
    .header = read_header,
    .success = success,
    .failure = failure,
    .version = 8,
};

const struct rh_wire_dialect rh_wire_resumable6 = {
    .name = "resumable6",
    .traits = RH_TRAIT_ONE_CURSOR,
    .request = request_6,
    .header = read_header,
    .success = success,
    .failure = failure,
    .version = 6,
};
