/* SPDX-License-Identifier: MIT */
/*
 * The dialect `form`: the sessions API. Numbered chunks of one size as multipart forms, and the
 * metadata once the video is there. An upload has no name of its own: it is (session, video). The
 * remote name is the session's, or "-" where the shell gave the session. create: with a session GET
 * /api/session/{id}?video=, which is also the first ask; else POST /api/session/create finish: POST
 * /api/upload/metadata, also when the last chunk completed the video
 */
#include "base/mem.h"
#include "wire/dialect.h"

/*
 * The delimiter must not occur in the body. A constant would let a recording that contains it break
 * its own upload for ever; the checksum-like text below differs for each part and try, so that a
 * retry cannot meet the same accident.
 */
#define BOUNDARY_PREFIX "reelhaul-7f3a91c4e2-"

static struct rh_bytes session_of(const struct rh_send *send, const struct rh_wire_source *source)
{
    return source->session.size > 0 ? source->session : rh_bytes_of(send->remote);
}

static struct rh_bytes video_of(const struct rh_action *action, const struct rh_wire_source *source)
{
    return source->video.size > 0 ? source->video : rh_bytes_of(action->upload);
}

static void create_session(struct rh_wire_writer *w, struct rh_wire_request *request)
{
    rh_wire_method(request, "POST");
    rh_wire_put(w, "/api/session/create");
    request->path = rh_wire_cut(w);
    rh_wire_field(w, "Content-Type", "application/json");
    request->headers = rh_wire_cut(w);
    request->body = RH_WIRE_BODY_INLINE;
    rh_wire_put(w, "{}");
    request->preamble = rh_wire_cut(w);
}

static void ask(struct rh_wire_writer *w, struct rh_bytes session, struct rh_bytes video,
                struct rh_wire_request *request)
{
    rh_wire_method(request, "GET");
    rh_wire_put(w, "/api/session/");
    rh_wire_put_url(w, session);
    rh_wire_put(w, "?video=");
    rh_wire_put_url(w, video);
    request->path = rh_wire_cut(w);
    request->headers = rh_wire_cut(w);
}

static void put_boundary(struct rh_wire_writer *w, const struct rh_send *send)
{
    rh_wire_put(w, BOUNDARY_PREFIX);
    rh_wire_put_number(w, send->token);
    rh_wire_put(w, "-");
    rh_wire_put_number(w, send->crc64 % 1000000007u);
}

static void put_part_head(struct rh_wire_writer *w, const struct rh_send *send, const char *name)
{
    rh_wire_put(w, "--");
    put_boundary(w, send);
    rh_wire_put(w, "\r\nContent-Disposition: form-data; name=\"");
    rh_wire_put(w, name);
    rh_wire_put(w, "\"");
}

static void text_part(struct rh_wire_writer *w, const struct rh_send *send, const char *name,
                      struct rh_bytes value)
{
    put_part_head(w, send, name);
    rh_wire_put(w, "\r\n\r\n");
    rh_wire_put_bytes(w, value);
    rh_wire_put(w, "\r\n");
}

static void number_part(struct rh_wire_writer *w, const struct rh_send *send, const char *name,
                        uint64_t value)
{
    put_part_head(w, send, name);
    rh_wire_put(w, "\r\n\r\n");
    rh_wire_put_number(w, value);
    rh_wire_put(w, "\r\n");
}

static void chunk(struct rh_wire_writer *w, const struct rh_action *action,
                  const struct rh_wire_source *source, struct rh_wire_request *request)
{
    const struct rh_send *send = &action->send;
    rh_wire_method(request, "POST");
    rh_wire_put(w, "/api/upload/chunk");
    request->path = rh_wire_cut(w);
    rh_wire_put(w, "Content-Type: multipart/form-data; boundary=");
    put_boundary(w, send);
    rh_wire_put(w, "\r\n");
    if (send->crc_known)
        rh_wire_field_crc64(w, "Reelhaul-Crc64", send->crc64);
    rh_wire_field_writer(w, source);
    request->headers = rh_wire_cut(w);
    request->body = RH_WIRE_BODY_FORM;
    request->range = send->range;

    uint64_t size = send->part_bytes;
    text_part(w, send, "session_id", session_of(send, source));
    text_part(w, send, "video_id", video_of(action, source));
    number_part(w, send, "chunk_index", send->range.offset / size);
    /* An empty video is one empty chunk. */
    uint64_t count = send->total / size + (send->total % size != 0);
    number_part(w, send, "total_chunks", count > 0 ? count : 1);
    put_part_head(w, send, "chunk");
    rh_wire_put(w, "; filename=\"chunk\"\r\nContent-Type: ");
    rh_wire_put_bytes(w, source->mime.size > 0 ? source->mime
                                               : rh_bytes_of("application/octet-stream"));
    rh_wire_put(w, "\r\n\r\n");
    request->preamble = rh_wire_cut(w);
    rh_wire_put(w, "\r\n--");
    put_boundary(w, send);
    rh_wire_put(w, "--\r\n");
    request->epilogue = rh_wire_cut(w);
}

static bool names_member(struct rh_bytes json, const char *quoted)
{
    size_t size = rh_str_size(quoted);
    for (size_t i = 0; i + size <= json.size; i++)
        if (rh_mem_compare(json.data + i, quoted, size) == 0)
            return true;
    return false;
}

/* The shell's object with the ids put in front; and the size, unless it says one. */
static void metadata(struct rh_wire_writer *w, const struct rh_action *action,
                     const struct rh_wire_source *source, struct rh_wire_request *request)
{
    struct rh_bytes object = rh_bytes_trim(source->metadata);
    rh_wire_method(request, "POST");
    rh_wire_put(w, "/api/upload/metadata");
    request->path = rh_wire_cut(w);
    rh_wire_field(w, "Content-Type", "application/json");
    rh_wire_field_writer(w, source);
    request->headers = rh_wire_cut(w);
    request->body = RH_WIRE_BODY_INLINE;
    rh_wire_put(w, "{\"session_id\":");
    rh_wire_put_json(w, session_of(&action->send, source));
    rh_wire_put(w, ",\"video_id\":");
    rh_wire_put_json(w, video_of(action, source));
    if (!names_member(object, "\"file_size\"")) {
        rh_wire_put(w, ",\"file_size\":");
        rh_wire_put_number(w, action->send.total);
    }
    struct rh_bytes members = {NULL, 0};
    if (object.size > 2)
        members = rh_bytes_trim((struct rh_bytes){object.data + 1, object.size - 2});
    if (members.size > 0) {
        rh_wire_put(w, ",");
        rh_wire_put_bytes(w, members);
    }
    rh_wire_put(w, "}");
    request->preamble = rh_wire_cut(w);
}

static void form_request(struct rh_wire_writer *w, const struct rh_action *action,
                         const struct rh_wire_source *source, struct rh_wire_request *request)
{
    const struct rh_send *send = &action->send;
    struct rh_bytes session = session_of(send, source);
    if (send->total == RH_SIZE_UNKNOWN || send->part_bytes == 0 || send->kind == RH_SEND_CANCEL) {
        rh_wire_fail(w, RH_ERR_STATE);
        return;
    }
    if (send->kind == RH_SEND_CREATE && session.size == 0) {
        create_session(w, request);
        return;
    }
    if (!rh_wire_name_fits(session, RH_REMOTE_MAX) ||
        !rh_wire_text_fits(video_of(action, source))) {
        rh_wire_fail(w, RH_ERR_SYNTAX);
        return;
    }
    if (send->kind == RH_SEND_PART)
        chunk(w, action, source, request);
    else if (send->kind == RH_SEND_FINISH)
        metadata(w, action, source, request);
    else
        ask(w, session, video_of(action, source), request);
}

/* ---- answers ---- */

static void read_chunks(struct rh_wire_reply *reply, struct rh_bytes value)
{
    uint64_t size = reply->send.part_bytes;
    uint64_t total = reply->send.total;
    uint64_t first;
    uint64_t last;
    enum rh_error error;
    reply->chunks_seen = true;
    while ((error = rh_chunks_next(&value, &first, &last)) == RH_OK) {
        if (total == 0)
            continue; /* the one empty chunk has no range */
        if (size == 0 || total == RH_SIZE_UNKNOWN || last >= UINT64_MAX / size ||
            first * size >= total) {
            reply->receipt_bad = true;
            return;
        }
        uint64_t end = (last + 1) * size < total ? (last + 1) * size : total;
        struct rh_ack ack = {.offset = first * size, .length = end - first * size, .durable = true};
        rh_wire_ack(reply, &ack);
    }
    if (error != RH_ERR_AGAIN)
        reply->receipt_bad = true;
}

static void form_header(struct rh_wire_reply *reply, struct rh_bytes name, struct rh_bytes value)
{
    static const char place[] = "/api/session/";
    if (rh_bytes_equal_nocase(name, rh_bytes_of("Reelhaul-Chunks"))) {
        read_chunks(reply, value);
    } else if (rh_bytes_equal_nocase(name, rh_bytes_of("Location")) &&
               rh_bytes_starts_with(value, place)) {
        struct rh_bytes id = {value.data + sizeof place - 1, value.size - (sizeof place - 1)};
        if (rh_wire_name_fits(id, sizeof reply->place - 1))
            rh_mem_copy(reply->place, id.data, id.size);
    }
}

static void set_remote(struct rh_response *r, const char *text)
{
    rh_mem_set(r->remote, 0, sizeof r->remote);
    rh_mem_copy(r->remote, text, rh_str_size(text));
}

static enum rh_outcome part_success(struct rh_wire_reply *reply)
{
    const struct rh_send *send = &reply->send;
    struct rh_response *r = &reply->response;
    if (r->remote_state == RH_REMOTE_UNSAID && !reply->receipt_seen && !reply->chunks_seen)
        return RH_OUTCOME_MALFORMED;
    const struct rh_ack *receipt = &reply->receipt;
    bool ours = reply->receipt_seen && receipt->offset == send->range.offset &&
                receipt->length == send->range.length;
    struct rh_ack ack = {
        .offset = send->range.offset, .length = send->range.length, .durable = true};
    r->acks_count = 0;
    /* The server may not know where chunks of an undeclared size lie: then its word is about the
     * chunk, unverified. */
    rh_wire_ack(reply, ours ? receipt : &ack);
    return RH_OUTCOME_OK;
}

static enum rh_outcome form_success(struct rh_wire_reply *reply)
{
    struct rh_response *r = &reply->response;
    bool done = r->remote_state == RH_REMOTE_DONE;
    bool of_ours =
        r->remote_state != RH_REMOTE_UNSAID || r->generation[0] != 0 || reply->place[0] != 0;
    if (!of_ours)
        return RH_OUTCOME_MALFORMED;
    if (reply->send.kind == RH_SEND_CREATE)
        set_remote(r, reply->place[0] != 0         ? reply->place
                      : reply->send.remote[0] != 0 ? reply->send.remote
                                                   : "-");
    if (done) {
        r->acks_count = 0;
        if (reply->receipt_seen)
            rh_wire_ack(reply, &reply->receipt);
        return RH_OUTCOME_DONE;
    }
    switch (reply->send.kind) {
    case RH_SEND_CREATE:
    case RH_SEND_ASK:
        r->listed = true;
        return RH_OUTCOME_OK;
    case RH_SEND_PART:
        return part_success(reply);
    default:
        r->acks_count = 0;
        return RH_OUTCOME_OK;
    }
}

const struct rh_wire_dialect rh_wire_form = {
    .name = "form",
    .traits =
        RH_TRAIT_SEALED_ONLY | RH_TRAIT_FIXED_PARTS | RH_TRAIT_FINISH_ALWAYS | RH_TRAIT_NO_CANCEL,
    .request = form_request,
    .header = form_header,
    .success = form_success,
};
