/* SPDX-License-Identifier: MIT */
/* The dialect `videos`: POST init, chunk and finalize under /api/v1/videos; parts as raw bodies
 * with header fields. */
#include "wire/dialect.h"

#define BASE "/api/v1/videos"

static void start_json(struct rh_wire_writer *w, const struct rh_wire_source *source,
                       struct rh_wire_request *request)
{
    rh_wire_field(w, "Content-Type", "application/json");
    rh_wire_field_writer(w, source);
    request->headers = rh_wire_cut(w);
    request->body = RH_WIRE_BODY_INLINE;
}

static void member(struct rh_wire_writer *w, const char *name, struct rh_bytes text)
{
    if (text.size == 0)
        return;
    rh_wire_put(w, ",\"");
    rh_wire_put(w, name);
    rh_wire_put(w, "\":");
    rh_wire_put_json(w, text);
}

static void create(struct rh_wire_writer *w, const struct rh_action *action,
                   const struct rh_wire_source *source, struct rh_wire_request *request)
{
    rh_wire_method(request, "POST");
    rh_wire_put(w, BASE "/init");
    request->path = rh_wire_cut(w);
    start_json(w, source, request);
    struct rh_bytes mime = source->mime;
    rh_wire_put(w, "{\"mime_type\":");
    rh_wire_put_json(w, mime.size > 0 ? mime : rh_bytes_of("application/octet-stream"));
    member(w, "session_id", source->session);
    /* The name makes a repeated init find the same upload: without it a lost answer would make two.
     */
    member(w, "video_id", source->video.size > 0 ? source->video : rh_bytes_of(action->upload));
    if (action->send.total != RH_SIZE_UNKNOWN) {
        rh_wire_put(w, ",\"size\":");
        rh_wire_put_number(w, action->send.total);
    }
    if (source->metadata.size > 0) {
        rh_wire_put(w, ",\"metadata\":");
        rh_wire_put_bytes(w, source->metadata);
    }
    rh_wire_put(w, "}");
    request->preamble = rh_wire_cut(w);
}

static void part(struct rh_wire_writer *w, const struct rh_send *send,
                 const struct rh_wire_source *source, struct rh_wire_request *request)
{
    rh_wire_method(request, "POST");
    rh_wire_put(w, BASE "/chunk");
    request->path = rh_wire_cut(w);
    rh_wire_field(w, "Content-Type", "application/octet-stream");
    rh_wire_field(w, "Reelhaul-Upload", send->remote);
    rh_wire_field_number(w, "Reelhaul-Offset", send->range.offset);
    rh_wire_field_number(w, "Reelhaul-Length", send->range.length);
    if (send->crc_known)
        rh_wire_field_crc64(w, "Reelhaul-Crc64", send->crc64);
    rh_wire_field_slices(w, send);
    if (send->total != RH_SIZE_UNKNOWN)
        rh_wire_field_number(w, "Reelhaul-Total", send->total);
    if (send->final)
        rh_wire_field(w, "Reelhaul-Final", "?1");
    rh_wire_field_writer(w, source);
    request->headers = rh_wire_cut(w);
    request->body = RH_WIRE_BODY_RANGE;
    request->range = send->range;
}

static void finish(struct rh_wire_writer *w, const struct rh_send *send,
                   const struct rh_wire_source *source, struct rh_wire_request *request)
{
    rh_wire_method(request, "POST");
    rh_wire_put(w, BASE "/finalize");
    request->path = rh_wire_cut(w);
    start_json(w, source, request);
    rh_wire_put(w, "{\"upload_id\":");
    rh_wire_put_json(w, rh_bytes_of(send->remote));
    rh_wire_put(w, ",\"size\":");
    rh_wire_put_number(w, send->total);
    if (send->crc_known) {
        rh_wire_put(w, ",\"checksum\":\"crc64nvme:");
        if (w->error == RH_OK)
            w->error = rh_crc64_field_write(&w->text, send->crc64);
        rh_wire_put(w, "\"");
    }
    rh_wire_put(w, "}");
    request->preamble = rh_wire_cut(w);
}

static void about_remote(struct rh_wire_writer *w, const char *method, const struct rh_send *send,
                         const struct rh_wire_source *source, struct rh_wire_request *request)
{
    rh_wire_method(request, method);
    rh_wire_put(w, BASE "/");
    rh_wire_put_url(w, rh_bytes_of(send->remote));
    request->path = rh_wire_cut(w);
    if (send->kind == RH_SEND_CANCEL)
        rh_wire_field_writer(w, source);
    request->headers = rh_wire_cut(w);
}

static void videos_request(struct rh_wire_writer *w, const struct rh_action *action,
                           const struct rh_wire_source *source, struct rh_wire_request *request)
{
    const struct rh_send *send = &action->send;
    if (send->kind != RH_SEND_CREATE &&
        !rh_wire_name_fits(rh_bytes_of(send->remote), RH_REMOTE_MAX)) {
        rh_wire_fail(w, RH_ERR_SYNTAX);
        return;
    }
    switch (send->kind) {
    case RH_SEND_CREATE:
        create(w, action, source, request);
        break;
    case RH_SEND_ASK:
        about_remote(w, "HEAD", send, source, request);
        break;
    case RH_SEND_PART:
        part(w, send, source, request);
        break;
    case RH_SEND_FINISH:
        finish(w, send, source, request);
        break;
    default: /* CANCEL */
        about_remote(w, "DELETE", send, source, request);
        break;
    }
}

/* A 2xx counts only with the fields that our server never omits: portals and caches answer 200 as
 * well. */
static enum rh_outcome videos_success(struct rh_wire_reply *reply)
{
    struct rh_response *r = &reply->response;
    enum rh_send_kind kind = reply->send.kind;
    if (kind == RH_SEND_CANCEL)
        return RH_OUTCOME_OK;
    if (r->remote_state == RH_REMOTE_UNSAID || r->remote[0] == 0)
        return RH_OUTCOME_MALFORMED;
    if (kind != RH_SEND_CREATE && !rh_bytes_equal_str(rh_bytes_of(r->remote), reply->send.remote))
        return RH_OUTCOME_MALFORMED;
    bool done = r->remote_state == RH_REMOTE_DONE;
    if (kind == RH_SEND_PART && !done) {
        if (!reply->receipt_seen)
            return RH_OUTCOME_MALFORMED;
        r->acks_count = 0; /* the receipt is about this part; lists are for those who ask */
    }
    r->listed = kind == RH_SEND_CREATE || kind == RH_SEND_ASK;
    if (done)
        r->acks_count = 0;
    if (reply->receipt_seen)
        rh_wire_ack(reply, &reply->receipt);
    if (kind == RH_SEND_FINISH && !done && r->remote_state != RH_REMOTE_FINISHING)
        return RH_OUTCOME_MALFORMED;
    return done ? RH_OUTCOME_DONE : RH_OUTCOME_OK;
}

const struct rh_wire_dialect rh_wire_videos = {
    .name = "videos",
    .request = videos_request,
    .success = videos_success,
};
