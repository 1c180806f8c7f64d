/* SPDX-License-Identifier: MIT */
/* A send action of the engine becomes a call, its answer an event. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "cli/peer.h"

/* ---- answers ---- */

static void on_status(struct rh_call *call, uint16_t status)
{
    struct rh_flight *flight = call->owner;
    rh_wire_reply_init(&flight->reply, flight->item->peer->dialect, &flight->send, status,
                       rh_wall_ms());
}

static void on_header(struct rh_call *call, struct rh_bytes name, struct rh_bytes value)
{
    struct rh_flight *flight = call->owner;
    rh_wire_reply_header(&flight->reply, name, value);
}

/* What only people need of an answer: where the video is, or what was wrong. */
static void read_for_people(struct rh_flight *flight)
{
    struct rh_item *item = flight->item;
    const struct rh_call *call = flight->call;
    json_t *json = json_loadb(call->body, call->body_size, 0, NULL);
    const char *url = json_string_value(json_object_get(json, "url"));
    const json_t *error = json_object_get(json, "error");
    const char *message = json_string_value(json_object_get(error, "message"));
    const char *hint = json_string_value(json_object_get(error, "hint"));
    if (url != NULL)
        (void)snprintf(item->url, sizeof item->url, "%.200s%.300s",
                       url[0] == '/' ? item->entry->to : "", url);
    if (call->status >= 200 && call->status < 300)
        item->trouble[0] = '\0';
    else if (message != NULL)
        (void)snprintf(item->trouble, sizeof item->trouble, "the server says: %.250s%s%.200s",
                       message, hint == NULL ? "" : " ", hint == NULL ? "" : hint);
    else if (item->peer->dialect == &rh_wire_videos)
        (void)snprintf(item->trouble, sizeof item->trouble,
                       "the answer %u is not of a Reelhaul server", call->status);
    else
        (void)snprintf(item->trouble, sizeof item->trouble, "the server answers %u%s%.*s",
                       call->status, call->body[0] == '\0' ? "" : ": ",
                       (int)strcspn(call->body, "\r\n"), call->body);
    json_decref(json);
}

static struct rh_flight **place_of(struct rh_sender *sender, const struct rh_flight *flight)
{
    struct rh_flight **place = &sender->flights;
    while (*place != NULL && *place != flight)
        place = &(*place)->next;
    RH_ASSERT(*place == flight);
    return place;
}

void rh_flight_free(struct rh_sender *sender, struct rh_flight *flight)
{
    *place_of(sender, flight) = flight->next;
    rh_call_free(sender->transport, flight->call);
    free(flight);
}

void rh_flight_abort(struct rh_sender *sender, uint32_t token)
{
    for (struct rh_flight *f = sender->flights; f != NULL; f = f->next) {
        if (f->send.token == token) {
            rh_flight_free(sender, f);
            return;
        }
    }
}

/* ---- requests ---- */

static char *text_of(struct rh_bytes bytes)
{
    char *text = malloc(bytes.size + 1);
    RH_ASSERT(text != NULL);
    if (bytes.size > 0)
        memcpy(text, bytes.data, bytes.size);
    text[bytes.size] = '\0';
    return text;
}

char *rh_sender_headers(const struct rh_sender *sender, struct rh_bytes lines, bool token)
{
    static const char bearer[] = "Authorization: Bearer ";
    size_t size = lines.size + sizeof bearer + strlen(sender->token) + 3;
    char *text = malloc(size);
    RH_ASSERT(text != NULL);
    if (lines.size > 0)
        memcpy(text, lines.data, lines.size);
    text[lines.size] = '\0';
    if (token && sender->token[0] != '\0')
        (void)snprintf(text + lines.size, size - lines.size, "%s%s\r\n", bearer, sender->token);
    return text;
}

static struct rh_call *call_of(struct rh_sender *sender, struct rh_flight *flight,
                               const char *method, struct rh_bytes path, struct rh_bytes headers)
{
    struct rh_call *call = calloc(1, sizeof *call);
    bool ours;
    RH_ASSERT(call != NULL);
    strcpy(call->method, method);
    call->url = rh_peer_url(flight->item->peer, path, &ours);
    if (call->url == NULL) {
        (void)snprintf(flight->item->trouble, sizeof flight->item->trouble,
                       "the server leads to another one without TLS");
        free(call);
        return NULL;
    }
    call->headers = rh_sender_headers(sender, headers, ours);
    call->body_bytes = RH_SIZE_UNKNOWN;
    call->owner = flight;
    call->on_status = on_status;
    call->on_header = on_header;
    return call;
}

static void copy_body(uint8_t **out, size_t *size, struct rh_bytes bytes)
{
    *out = (uint8_t *)text_of(bytes);
    *size = bytes.size;
}

/* The session of whoever made its id here must be known to the server before anything of it. */
static bool must_introduce(const struct rh_sender *sender, const struct rh_flight *flight)
{
    const struct rh_entry *entry = flight->item->entry;
    return flight->send.kind == RH_SEND_CREATE && (entry->flags & RH_JOURNAL_SESSION_MADE) != 0 &&
           strcmp(sender->session, entry->session) != 0;
}

static struct rh_call *introduction(struct rh_sender *sender, struct rh_flight *flight)
{
    char body[128];
    struct rh_call *call = call_of(sender, flight, "POST", rh_bytes_of("/api/session/create"),
                                   rh_bytes_of("Content-Type: application/json\r\n"));
    if (call == NULL)
        return NULL;
    int size =
        snprintf(body, sizeof body, "{\"session_id\":\"%.40s\"}", flight->item->entry->session);
    copy_body(&call->front, &call->front_size, (struct rh_bytes){(uint8_t *)body, (size_t)size});
    call->body_bytes = (uint64_t)size;
    return call;
}

static void source_lost(struct rh_item *item, enum rh_error error)
{
    if (error == RH_ERR_FULL || error == RH_ERR_MEMORY || error == RH_ERR_IO)
        return; /* of this moment: it is tried again */
    item->lost = true;
    rh_item_lost_text(item, error);
}

/* The request as the dialect words it. NULL: it cannot be made; the item knows why. */
static struct rh_call *request(struct rh_sender *sender, struct rh_flight *flight)
{
    struct rh_item *item = flight->item;
    const struct rh_entry *entry = item->entry;
    struct rh_wire_request wire;
    struct rh_action action = {.kind = RH_ACTION_SEND, .send = flight->send};
    struct rh_wire_source source = {
        .session = rh_bytes_of(entry->session),
        .video = rh_bytes_of(entry->name),
        .mime = rh_bytes_of(entry->mime),
        .file_name = rh_bytes_of(entry->shown),
        .lease = rh_bytes_of(sender->spool->lease),
        .lease_number = sender->spool->number,
        .endpoint = rh_bytes_of(item->peer->endpoint),
        .abilities = item->peer->abilities,
    };
    strcpy(action.upload, entry->id);
    enum rh_error error = rh_wire_request(item->peer->dialect, &action, &source,
                                          sender->wire_memory, RH_WIRE_MEMORY, &wire);
    if (error != RH_OK) {
        (void)snprintf(item->trouble, sizeof item->trouble,
                       "its name, type or session cannot be sent");
        return NULL;
    }
    struct rh_call *call = call_of(sender, flight, wire.method, wire.path, wire.headers);
    if (call == NULL)
        return NULL;
    copy_body(&call->front, &call->front_size, wire.preamble);
    copy_body(&call->back, &call->back_size, wire.epilogue);
    if (wire.body != RH_WIRE_BODY_NONE)
        call->body_bytes = wire.body_bytes;
    if (wire.body == RH_WIRE_BODY_RANGE || wire.body == RH_WIRE_BODY_FORM) {
        error = rh_source_open(&call->source, entry, wire.range);
        call->has_source = true;
        if (error != RH_OK) {
            source_lost(item, error);
            rh_call_free(sender->transport, call);
            return NULL;
        }
    }
    return call;
}

static void take_off(struct rh_sender *sender, struct rh_flight *flight)
{
    flight->token_number = sender->token_number;
    flight->introduces = must_introduce(sender, flight);
    flight->call = flight->introduces ? introduction(sender, flight) : request(sender, flight);
    if (flight->call == NULL || rh_transport_start(sender->transport, flight->call) == RH_OK)
        return;
    rh_call_free(sender->transport, flight->call);
    flight->call = NULL;
}

void rh_flight_start(struct rh_sender *sender, struct rh_item *item, const struct rh_send *send)
{
    struct rh_flight *flight = calloc(1, sizeof *flight);
    RH_ASSERT(flight != NULL);
    flight->item = item;
    flight->send = *send;
    flight->next = sender->flights;
    sender->flights = flight;
    if (send->kind == RH_SEND_PART && !send->crc_known && send->range.length > 0) {
        /* A part that is not whole pieces: of those that it cuts nobody else would see, before the
         * server has them, that they are not what they were. */
        enum rh_error error = rh_source_verify(item->entry, send->range);
        if (error == RH_OK)
            error = rh_source_crc64(item->entry, send->range, &flight->send.crc64);
        flight->send.crc_known = error == RH_OK;
        if (error != RH_OK) {
            source_lost(item, error);
            return;
        }
    }
    take_off(sender, flight);
}

/* ---- what became of them ---- */

static void tell_crc(struct rh_sender *sender, const struct rh_send *send)
{
    struct rh_event event = {.kind = RH_EVENT_PART_CRC};
    event.part_crc.token = send->token;
    event.part_crc.crc64 = send->crc64;
    if (send->kind == RH_SEND_PART && send->crc_known)
        (void)rh_sender_tell(sender, &event); /* where the engine knew it, it ignores this */
}

static void tell_broken(struct rh_sender *sender, struct rh_flight *flight)
{
    struct rh_event event = {.kind = RH_EVENT_BROKEN};
    struct rh_item *item = flight->item;
    struct rh_call *call = flight->call;
    event.broken.token = flight->send.token;
    if (call != NULL && call->source_error != RH_OK)
        source_lost(item, call->source_error);
    else if (call != NULL)
        (void)snprintf(item->trouble, sizeof item->trouble, "%s", call->why);
    rh_flight_free(sender, flight);
    (void)rh_sender_tell(sender, &event);
}

static void tell_response(struct rh_sender *sender, struct rh_flight *flight)
{
    struct rh_event event;
    struct rh_item *item = flight->item;
    rh_wire_reply_finish(&flight->reply, &event);
    read_for_people(flight);
    bool of_cursor = (rh_wire_traits(item->peer->dialect, 0) & RH_TRAIT_ONE_CURSOR) != 0;
    if (event.response.outcome == RH_OUTCOME_DONE && of_cursor && item->url[0] == '\0')
        (void)snprintf(item->url, sizeof item->url, "%s", flight->call->url); /* its own address */
    if (event.response.outcome == RH_OUTCOME_DONE)
        item->stored = event.response.status < 300 &&
                       (flight->send.kind == RH_SEND_ASK || flight->send.kind == RH_SEND_FINISH);
    bool refused = event.response.outcome == RH_OUTCOME_UNAUTHORIZED ||
                   event.response.outcome == RH_OUTCOME_FORBIDDEN;
    if (refused && flight->token_number > sender->token_refused)
        sender->token_refused = flight->token_number;
    if (event.response.outcome == RH_OUTCOME_CHECKSUM_MISMATCH ||
        event.response.outcome == RH_OUTCOME_DIFFERENT_BYTES) {
        item->verify = true;
        item->verify_range = flight->send.range;
    }
    struct rh_send send = flight->send;
    rh_flight_free(sender, flight);
    tell_crc(sender, &send);
    (void)rh_sender_tell(sender, &event);
}

static void landed(struct rh_sender *sender, struct rh_flight *flight)
{
    struct rh_call *call = flight->call;
    if (call->status == 0) {
        tell_broken(sender, flight);
        return;
    }
    if (flight->introduces && call->status == 200) {
        (void)snprintf(sender->session, sizeof sender->session, "%s", flight->item->entry->session);
        rh_call_free(sender->transport, call);
        flight->call = NULL;
        take_off(sender, flight);
        return;
    }
    /* What comes of introducing a session is what came of the request that waited for it. */
    tell_response(sender, flight);
}

static bool tell_progress(struct rh_sender *sender)
{
    for (struct rh_flight *f = sender->flights; f != NULL; f = f->next) {
        struct rh_event event = {.kind = RH_EVENT_PROGRESS};
        struct rh_call *call = f->call;
        if (call == NULL || call->sent_bytes <= call->told_bytes || !call->has_source)
            continue;
        call->told_bytes = call->sent_bytes;
        if (call->sent_bytes <= call->front_size)
            continue;
        event.progress.token = f->send.token;
        event.progress.bytes = call->sent_bytes - call->front_size;
        (void)rh_sender_tell(sender, &event);
        return true; /* flights may have ended by it: begin again */
    }
    return false;
}

void rh_flights_step(struct rh_sender *sender)
{
    struct rh_call *call;
    while (tell_progress(sender)) {
    }
    while ((call = rh_transport_finished(sender->transport)) != NULL) {
        if (call->of_peer)
            rh_peer_answered(sender, call);
        else
            landed(sender, call->owner);
    }
    for (struct rh_flight *f = sender->flights; f != NULL; f = f->next) {
        if (f->call == NULL) {
            tell_broken(sender, f);
            return;
        }
    }
}
