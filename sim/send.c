/* SPDX-License-Identifier: MIT */
/* A send action becomes the bytes of an HTTP/1.1 request, its answer an event. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc64.h"
#include "base/id.h"
#include "sender.h"

/* What is remembered of a request on its way. */
struct request {
    struct sim_tab *tab;
    struct sim_upload *upload;
    struct rh_send send;
    size_t before; /* bytes of the message before those of the source */
};

static uint8_t wire_memory[RH_WIRE_MEMORY];

/* ---- answers ---- */

static bool next_line(struct rh_bytes *rest, struct rh_bytes *line)
{
    for (size_t i = 0; i + 1 < rest->size; i++) {
        if (rest->data[i] != '\r' || rest->data[i + 1] != '\n')
            continue;
        *line = (struct rh_bytes){rest->data, i};
        rest->data += i + 2;
        rest->size -= i + 2;
        return i > 0;
    }
    return false;
}

static uint16_t read_status(struct rh_bytes line)
{
    RH_ASSERT(line.size >= 12);
    return (uint16_t)((line.data[9] - '0') * 100 + (line.data[10] - '0') * 10 + line.data[11] -
                      '0');
}

/* A part that was acknowledged, once more with another byte and no checksum: it must be refused. */
static void twin_answered(struct sim *sim, struct sim_link *link, const char *head, size_t size)
{
    struct rh_bytes rest = {(const uint8_t *)head, size};
    struct rh_bytes line;
    if (!next_line(&rest, &line))
        return;
    uint16_t status = read_status(line);
    if (status >= 200 && status < 300 && strstr(head, "Reelhaul-State") != NULL)
        sim_fail(sim, &sim->uploads[link->upload],
                 "promise 5: other bytes than those vouched for are accepted with %u", status);
}

static void nobody_cares(struct sim *sim, struct sim_link *link)
{
    (void)sim;
    (void)link;
}

static const struct sim_link_ops twin_ops = {.answered = twin_answered, .broken = nobody_cares};

static void send_twin(struct sim *sim, struct sim_tab *tab, const struct request *request)
{
    const struct rh_send *send = &request->send;
    char head[512];
    int size =
        snprintf(head, sizeof head,
                 "POST /api/v1/videos/chunk HTTP/1.1\r\nHost: sim\r\nContent-Type: "
                 "application/octet-stream\r\nReelhaul-Upload: %s\r\nReelhaul-Offset: "
                 "%llu\r\nReelhaul-Length: %llu\r\nContent-Length: %llu\r\n\r\n",
                 send->remote, (unsigned long long)send->range.offset,
                 (unsigned long long)send->range.length, (unsigned long long)send->range.length);
    size_t length = (size_t)send->range.length;
    if (tab->device->dialect != &rh_wire_videos || length == 0 || request->upload->cancelled)
        return;
    uint8_t *bytes = malloc((size_t)size + length);
    RH_ASSERT(bytes != NULL);
    memcpy(bytes, head, (size_t)size);
    memcpy(bytes + size, request->upload->bytes + send->range.offset, length);
    bytes[(size_t)size + sim_below(sim, length)] ^= 0x20;
    sim_note(sim, request->upload, "a twin of %llu+%llu is sent",
             (unsigned long long)send->range.offset, (unsigned long long)length);
    struct sim_message message = {.bytes = bytes, .size = (size_t)size + length};
    (void)sim_net_send(sim, &twin_ops, NULL, 0, 0, request->upload->index, &message);
}

static struct request *request_of(struct sim_link *link)
{
    return link->owner == NULL ? NULL : (struct request *)(void *)link->context;
}

static void tell(struct sim *sim, struct sim_link *link, struct rh_event *event)
{
    struct request *request = request_of(link);
    struct sim_tab *tab = request->tab;
    if (link->owner_life == tab->life)
        (void)sim_tab_tell(sim, tab, event);
}

/* Where a dialect has no names the address alone says which upload it is. */
static void named(struct sim *sim, const struct sim_upload *upload, const char *remote)
{
    const char *slash = strrchr(remote, '/');
    const char *id = slash == NULL ? remote : slash + 1;
    if (strlen(id) < RH_ID_TEXT)
        sim_check_seen(sim, id, upload->name);
}

static void answered(struct sim *sim, struct sim_link *link, const char *head, size_t size)
{
    struct request *request = request_of(link);
    struct sim_tab *tab = request->tab;
    struct rh_bytes rest = {(const uint8_t *)head, size};
    struct rh_bytes line;
    struct rh_wire_reply *reply = malloc(sizeof *reply);
    struct rh_event event;
    RH_ASSERT(reply != NULL);
    if (!next_line(&rest, &line))
        RH_ASSERT(false);
    rh_wire_reply_init(reply, tab->device->dialect, &request->send, read_status(line),
                       sim_wall_ms(sim));
    while (next_line(&rest, &line)) {
        size_t colon = rh_bytes_find(line, ':');
        RH_ASSERT(colon < line.size);
        rh_wire_reply_header(reply, (struct rh_bytes){line.data, colon},
                             (struct rh_bytes){line.data + colon + 1, line.size - colon - 1});
    }
    rh_wire_reply_finish(reply, &event);
    free(reply);
    enum rh_outcome outcome = event.response.outcome;
    sim_note(sim, request->upload, "tab %llu: request %u answered %u, outcome %d",
             (unsigned long long)tab->lease_number, link->token, event.response.status, outcome);
    if (request->send.kind == RH_SEND_PART && outcome == RH_OUTCOME_OK &&
        sim_fate(sim, request->upload, SIM_TWIN))
        send_twin(sim, tab, request);
    if (sim_device_has_cursor(tab->device) && request->send.kind == RH_SEND_CREATE &&
        outcome == RH_OUTCOME_OK)
        named(sim, request->upload, event.response.remote);
    tell(sim, link, &event);
}

static void broken(struct sim *sim, struct sim_link *link)
{
    struct rh_event event = {.kind = RH_EVENT_BROKEN};
    event.broken.token = link->token;
    sim_note(sim, request_of(link)->upload, "tab %llu: request %u broke",
             (unsigned long long)request_of(link)->tab->lease_number, link->token);
    tell(sim, link, &event);
}

static void progress(struct sim *sim, struct sim_link *link, uint64_t bytes)
{
    struct request *request = request_of(link);
    struct rh_event event = {.kind = RH_EVENT_PROGRESS};
    if (request->send.kind != RH_SEND_PART || bytes <= request->before)
        return;
    event.progress.token = link->token;
    event.progress.bytes = bytes - request->before;
    tell(sim, link, &event);
}

static const struct sim_link_ops ops = {
    .progress = progress, .answered = answered, .broken = broken};

/* ---- requests ---- */

static void make_message(const struct rh_wire_request *wire, const struct sim_take *take,
                         struct sim_message *message)
{
    char line[1024];
    int head = snprintf(line, sizeof line, "%s %.*s HTTP/1.1\r\nHost: sim\r\n", wire->method,
                        (int)wire->path.size, (const char *)wire->path.data);
    RH_ASSERT(head > 0 && (size_t)head < sizeof line);
    size_t cap = (size_t)head + wire->headers.size + 64 + (size_t)wire->body_bytes;
    struct rh_buffer out;
    uint8_t *bytes = malloc(cap);
    RH_ASSERT(bytes != NULL);
    rh_buffer_init(&out, bytes, cap);
    (void)rh_buffer_put(&out, line, (size_t)head);
    (void)rh_buffer_put_bytes(&out, wire->headers);
    if (wire->body != RH_WIRE_BODY_NONE) {
        (void)rh_buffer_put_str(&out, "Content-Length: ");
        (void)rh_buffer_put_u64(&out, wire->body_bytes);
        (void)rh_buffer_put_str(&out, "\r\n");
    }
    (void)rh_buffer_put_str(&out, "\r\n");
    (void)rh_buffer_put_bytes(&out, wire->preamble);
    bool has_source = wire->body == RH_WIRE_BODY_RANGE || wire->body == RH_WIRE_BODY_FORM;
    message->source_at = out.size;
    message->source_size = has_source ? (size_t)wire->range.length : 0;
    if (has_source)
        (void)rh_buffer_put(&out, take->upload->bytes + wire->range.offset,
                            (size_t)wire->range.length);
    if (has_source)
        sim_take_read(take, wire->range.offset, wire->range.length, bytes + message->source_at);
    (void)rh_buffer_put_bytes(&out, wire->epilogue);
    message->bytes = bytes;
    message->size = out.size;
}

static void source_of(const struct sim_tab *tab, const struct sim_upload *upload, char *lease,
                      struct rh_wire_source *source)
{
    const struct sim_device *device = tab->device;
    (void)snprintf(lease, 32, "device-%zu", device->index);
    *source = (struct rh_wire_source){
        .session = rh_bytes_of(device->makes_sessions ? "" : device->session),
        .video = rh_bytes_of(upload->name),
        .mime = rh_bytes_of("video/webm"),
        .file_name = rh_bytes_of(upload->name),
        .abilities = SIM_ABILITIES,
        .lease = rh_bytes_of(lease),
        .lease_number = tab->lease_number,
    };
}

static void unreadable(struct sim *sim, void *context, uint64_t life)
{
    struct sim_link *link = context;
    struct request *request = request_of(link);
    if (sim->ending || link->ops == NULL)
        return;
    if (!sim_device_put_off(sim, request->tab->device, unreadable, link, life))
        link->ops->broken(sim, link);
}

/* Its segments changed at rest: what the receiver would say of the whole of them is said here. */
static void unfit(struct sim *sim, void *context, uint64_t life)
{
    struct sim_link *link = context;
    struct rh_event event = {.kind = RH_EVENT_RESPONSE};
    if (sim->ending || link->ops == NULL)
        return;
    if (sim_device_put_off(sim, request_of(link)->tab->device, unfit, link, life))
        return;
    event.response.token = link->token;
    event.response.outcome = RH_OUTCOME_CHECKSUM_MISMATCH;
    event.response.retry_after_ms = RH_MS_NEVER;
    tell(sim, link, &event);
}

/* Where the engine does not know a part's checksum, the shell takes it, and says it in the request
 * too, as the browser's does. */
static void take_checksum(struct sim_tab *tab, const struct sim_upload *upload,
                          struct rh_action *action)
{
    struct rh_send *send = &action->send;
    struct rh_event event = {.kind = RH_EVENT_PART_CRC};
    if (send->kind != RH_SEND_PART || send->crc_known)
        return;
    rh_wire_slices(send, upload->bytes + send->range.offset);
    event.part_crc.token = send->token;
    event.part_crc.crc64 = send->crc64;
    event.now_ms = sim_tab_mono_ms(tab);
    (void)rh_engine_tell(tab->engine, &event);
}

/* One method per upload; and no bytes where they cost money and the policy waits. */
static void check_leave(struct sim *sim, const struct sim_tab *tab, const struct sim_upload *upload,
                        enum rh_send_kind kind)
{
    if (kind == RH_SEND_CANCEL)
        return;
    if (tab->shown[upload->index].elsewhere)
        sim_fail(sim, upload, "sent by two methods");
    if (tab->metered && tab->device->policy.metered == RH_METERED_WAIT)
        sim_fail(sim, upload, "sent where bytes cost money");
}

void sim_tab_send(struct sim *sim, struct sim_tab *tab, const struct rh_action *asked)
{
    static const char *const kinds[] = {"?", "create", "ask", "part", "finish", "cancel"};
    struct rh_action copy = *asked;
    struct rh_action *action = &copy;
    struct sim_device *device = tab->device;
    struct sim_take *take = sim_spool_take(&device->spool, action->upload);
    const struct rh_send *send = &action->send;
    struct rh_wire_source source;
    struct rh_wire_request wire;
    char lease[32];
    RH_ASSERT(take != NULL);
    struct sim_upload *upload = take->upload;
    check_leave(sim, tab, upload, send->kind);
    sim_note(sim, upload, "tab %llu sends %s %llu+%llu as request %u, try %u",
             (unsigned long long)tab->lease_number, kinds[send->kind],
             (unsigned long long)send->range.offset, (unsigned long long)send->range.length,
             send->token, send->attempt);
    if (upload->sends++ == 0)
        upload->sent_first_ms = sim->now_ms;
    if (send->part_bytes != 0)
        upload->part_bytes = send->part_bytes; /* the engine chooses it, and stays with it */
    /* Whose checksum the shell takes itself, of segments that it looks at first. */
    bool fits = send->kind != RH_SEND_PART || send->crc_known ||
                sim_take_fits(take, send->range.offset, send->range.length);
    take_checksum(tab, upload, action);
    source_of(tab, upload, lease, &source);
    enum rh_error error =
        rh_wire_request(device->dialect, action, &source, wire_memory, sizeof wire_memory, &wire);
    if (error != RH_OK) {
        sim_fail(sim, upload, "the dialect cannot make a request of kind %d: %d", send->kind,
                 error);
        return;
    }
    struct request *request = malloc(sizeof *request);
    RH_ASSERT(request != NULL);
    struct sim_message message = {0};
    make_message(&wire, take, &message);
    message.asleep_until_ms = &device->asleep_until_ms;
    message.away_until_ms = &device->away_until_ms;
    *request =
        (struct request){.tab = tab, .upload = upload, .send = *send, .before = message.source_at};
    if (send->kind == RH_SEND_CREATE)
        device->finishes[upload->index][0] = '\0'; /* it was of another object */
    /* The IETF's draft answers a repeated end with an error, and tells by HEAD. */
    bool repeatable =
        device->dialect != &rh_wire_resumable && device->dialect != &rh_wire_resumable6;
    if (send->kind == RH_SEND_FINISH && repeatable && message.size < sizeof device->finishes[0]) {
        memcpy(device->finishes[upload->index], message.bytes, message.size);
        device->finishes[upload->index][message.size] = '\0';
    }
    bool readable =
        send->kind != RH_SEND_PART || sim_take_holds(take, send->range.offset, send->range.length);
    if (!readable && tab->lease_number == device->fence)
        sim_fail(sim, upload, "the engine sends bytes that it let go");
    struct sim_link *link = sim_net_send(sim, readable && fits ? &ops : NULL, tab, tab->life,
                                         send->token, upload->index, &message);
    link->own_headers = true;
    link->context = request;
    if (!readable || !fits) {
        /* Another tab deleted them meanwhile; or they changed. */
        sim_net_abort(sim, link);
        link->ops = &ops;
        sim_in(sim, 1, readable ? unfit : unreadable, link, 0);
    }
}

void sim_tab_abort(struct sim *sim, struct sim_tab *tab, uint32_t token)
{
    for (struct sim_link *link = sim->net.links; link != NULL; link = link->next) {
        if (link->owner == tab && link->owner_life == tab->life && link->token == token) {
            sim_note(sim, &sim->uploads[link->upload], "tab %llu aborts request %u",
                     (unsigned long long)tab->lease_number, token);
            sim_net_abort(sim, link);
            return;
        }
    }
}

/* ---- what the shell asks by itself ---- */

static void session_answered(struct sim *sim, struct sim_link *link, const char *head, size_t size)
{
    static const char key[] = "\"session_id\":\"";
    struct sim_device *device = link->owner;
    const char *at = strstr(head, key);
    (void)size;
    if (at == NULL || device->session[0] != '\0')
        return;
    memcpy(device->session, at + sizeof key - 1, 36);
    device->session[36] = '\0';
    sim_device_start(sim, device);
}

static const struct sim_link_ops session_ops = {.answered = session_answered,
                                                .broken = nobody_cares};

/* Until it has one. */
static void ask_session_again(struct sim *sim, void *context, uint64_t life)
{
    struct sim_device *device = context;
    (void)life;
    if (!sim->ending && device->session[0] == '\0')
        sim_device_make_session(sim, device);
}

void sim_device_make_session(struct sim *sim, struct sim_device *device)
{
    static const char text[] = "POST /api/session/create HTTP/1.1\r\nHost: sim\r\n\r\n";
    uint8_t *bytes = malloc(sizeof text - 1);
    RH_ASSERT(bytes != NULL);
    memcpy(bytes, text, sizeof text - 1);
    struct sim_message message = {.bytes = bytes,
                                  .size = sizeof text - 1,
                                  .asleep_until_ms = &device->asleep_until_ms,
                                  .away_until_ms = &device->away_until_ms};
    (void)sim_net_send(sim, &session_ops, device, 0, 0, 0, &message);
    sim_in(sim, 5000, ask_session_again, device, 0);
}

static void repeat_answered(struct sim *sim, struct sim_link *link, const char *head, size_t size)
{
    struct rh_bytes rest = {(const uint8_t *)head, size};
    struct rh_bytes line;
    if (next_line(&rest, &line) && read_status(line) / 100 != 2)
        sim_fail(sim, &sim->uploads[link->upload],
                 "invariant 2: a repeated finish is answered with %u", read_status(line));
}

static const struct sim_link_ops repeat_ops = {.answered = repeat_answered, .broken = nobody_cares};

void sim_device_repeat_finishes(struct sim *sim, struct sim_device *device)
{
    for (size_t i = 0; i < SIM_UPLOADS_MAX; i++) {
        size_t size = strlen(device->finishes[i]);
        if (size == 0 || !sim->uploads[i].completed || sim->uploads[i].cancelled)
            continue;
        uint8_t *bytes = malloc(size);
        RH_ASSERT(bytes != NULL);
        memcpy(bytes, device->finishes[i], size);
        struct sim_message message = {.bytes = bytes, .size = size};
        (void)sim_net_send(sim, &repeat_ops, NULL, 0, 0, (uint32_t)i, &message);
    }
}
