/* SPDX-License-Identifier: MIT */
/* The dialects' registry, and what all of them have in common: statuses, error codes, receipts. */
#include "base/mem.h"
#include "fields/retry_after.h"
#include "wire/dialect.h"

static const struct rh_wire_dialect *const dialects[] = {
    &rh_wire_videos,    &rh_wire_form,       &rh_wire_tus,
#ifndef __wasm__ /* browsers need no more, and wait for each byte of it */
    &rh_wire_resumable, &rh_wire_resumable6, &rh_wire_chunks,
#endif
};

const struct rh_wire_dialect *rh_wire_find(struct rh_bytes name)
{
    for (size_t i = 0; i < sizeof dialects / sizeof dialects[0]; i++)
        if (rh_bytes_equal_str(name, dialects[i]->name))
            return dialects[i];
    return NULL;
}

const char *rh_wire_name(const struct rh_wire_dialect *dialect)
{
    return dialect->name;
}

uint32_t rh_wire_traits(const struct rh_wire_dialect *dialect, uint32_t abilities)
{
    uint32_t traits = dialect->traits;
    if ((traits & RH_TRAIT_ONE_CURSOR) == 0)
        return traits;
    if ((abilities & RH_WIRE_CAN_DEFER) == 0)
        traits |= RH_TRAIT_SEALED_ONLY;
    if ((abilities & RH_WIRE_CAN_DELETE) == 0)
        traits |= RH_TRAIT_NO_CANCEL;
    return traits;
}

enum rh_error rh_wire_request(const struct rh_wire_dialect *dialect, const struct rh_action *action,
                              const struct rh_wire_source *source, uint8_t *memory,
                              size_t memory_size, struct rh_wire_request *request)
{
    struct rh_wire_writer w = {.error = RH_OK};
    rh_buffer_init(&w.text, memory, memory_size);
    rh_mem_set(request, 0, sizeof *request);
    if (action->kind != RH_ACTION_SEND)
        return RH_ERR_STATE;
    if (source->metadata.size > RH_WIRE_METADATA_MAX)
        return RH_ERR_LIMIT;
    if (!rh_wire_text_fits(source->session) || !rh_wire_text_fits(source->video) ||
        !rh_wire_mime_fits(source->mime) || source->lease.size > RH_LEASE_MAX ||
        (source->metadata.size > 0 && !rh_wire_object_fits(source->metadata)))
        return RH_ERR_SYNTAX;
    dialect->request(&w, action, source, request);
    if (w.error != RH_OK)
        return w.error;
    request->body_bytes = request->preamble.size + request->epilogue.size;
    if (request->body == RH_WIRE_BODY_RANGE || request->body == RH_WIRE_BODY_FORM)
        request->body_bytes += request->range.length;
    return RH_OK;
}

/* ---- answers ---- */

void rh_wire_reply_init(struct rh_wire_reply *reply, const struct rh_wire_dialect *dialect,
                        const struct rh_send *send, uint16_t status, int64_t wall_ms)
{
    rh_mem_set(reply, 0, sizeof *reply);
    reply->dialect = dialect;
    reply->send = *send;
    reply->status = status;
    reply->wall_ms = wall_ms;
    reply->response.token = send->token;
    reply->response.status = status;
    reply->response.retry_after_ms = RH_MS_NEVER;
}

void rh_wire_ack(struct rh_wire_reply *reply, const struct rh_ack *ack)
{
    struct rh_response *r = &reply->response;
    if (r->acks_count == RH_RANGES_MAX)
        return;
    /* In order of their offsets: that is how the engine reads a list. */
    uint32_t place = r->acks_count;
    while (place > 0 && r->acks[place - 1].offset > ack->offset) {
        r->acks[place] = r->acks[place - 1];
        place--;
    }
    r->acks[place] = *ack;
    r->acks_count++;
}

static void read_receipt(struct rh_wire_reply *reply, struct rh_bytes value)
{
    struct rh_receipt receipt;
    if (rh_receipt_parse(value, &receipt) != RH_OK) {
        reply->receipt_bad = true;
        return;
    }
    reply->receipt_seen = true;
    reply->receipt = (struct rh_ack){
        .offset = receipt.offset,
        .length = receipt.length,
        .crc64 = receipt.crc64,
        .crc_known = true,
        .kept = receipt.kept_until_complete,
        .durable = receipt.durable,
    };
}

static void read_durable(struct rh_wire_reply *reply, struct rh_bytes value)
{
    struct rh_ranges ranges;
    struct rh_ranges_item item;
    rh_ranges_init(&ranges, value);
    while (rh_ranges_next(&ranges, &item)) {
        struct rh_ack ack = {
            .offset = item.range.offset,
            .length = item.range.length,
            .crc64 = item.has_crc64 ? item.crc64 : 0,
            .crc_known = item.has_crc64,
            .kept = item.kept,
            .durable = true,
        };
        rh_wire_ack(reply, &ack);
    }
    if (rh_ranges_end(&ranges) != RH_OK)
        reply->receipt_bad = true;
}

static void read_missing(struct rh_wire_reply *reply, struct rh_bytes value)
{
    struct rh_response *r = &reply->response;
    struct rh_ranges ranges;
    struct rh_ranges_item item;
    rh_ranges_init(&ranges, value);
    while (rh_ranges_next(&ranges, &item) && r->missing_count < RH_RANGES_MAX)
        r->missing[r->missing_count++] = item.range;
}

static void read_state(struct rh_wire_reply *reply, struct rh_bytes value)
{
    static const char names[][10] = {"", "open", "finishing", "done", "expired", "lost"};
    for (int i = RH_REMOTE_OPEN; i <= RH_REMOTE_LOST; i++)
        if (rh_bytes_equal_str(value, names[i]))
            reply->response.remote_state = (enum rh_remote_state)i;
}

/* Copies a text that fits and is free of odd characters; leaves "" otherwise. */
static void read_name(char *out, size_t max, struct rh_bytes value)
{
    rh_mem_set(out, 0, max + 1);
    if (rh_wire_name_fits(value, max))
        rh_mem_copy(out, value.data, value.size);
}

/* ";q=0" and its longer forms. */
static bool is_zero(struct rh_bytes weight)
{
    size_t digits = 0;
    for (size_t i = 0; i < weight.size; i++) {
        if (weight.data[i] >= '1' && weight.data[i] <= '9')
            return false;
        digits += weight.data[i] == '0';
    }
    return digits > 0;
}

/* In an answer: what the server takes in requests (RFC 9110, 12.5.3). A weight of 0 forbids. */
static void read_codings(struct rh_wire_reply *reply, struct rh_bytes value)
{
    static const char names[][5] = {"", "gzip", "zstd"};
    while (value.size > 0) {
        size_t comma = rh_bytes_find(value, ',');
        struct rh_bytes item = {value.data, comma};
        size_t semicolon = rh_bytes_find(item, ';');
        struct rh_bytes name = rh_bytes_trim((struct rh_bytes){item.data, semicolon});
        struct rh_bytes weight = {item.data + semicolon, item.size - semicolon};
        for (unsigned i = RH_CODING_GZIP; i <= RH_CODING_ZSTD; i++)
            if (rh_bytes_equal_nocase(name, rh_bytes_of(names[i])) && !is_zero(weight))
                reply->response.codings |= (uint8_t)(1u << i);
        comma += comma < value.size;
        value = (struct rh_bytes){value.data + comma, value.size - comma};
    }
}

void rh_wire_reply_header(struct rh_wire_reply *reply, struct rh_bytes name, struct rh_bytes value)
{
    struct rh_response *r = &reply->response;
    value = rh_bytes_trim(value);
    if (rh_bytes_equal_nocase(name, rh_bytes_of("Reelhaul-Upload")))
        read_name(r->remote, RH_REMOTE_MAX, value);
    else if (rh_bytes_equal_nocase(name, rh_bytes_of("Reelhaul-State")))
        read_state(reply, value);
    else if (rh_bytes_equal_nocase(name, rh_bytes_of("Reelhaul-Generation")))
        read_name(r->generation, RH_GENERATION_MAX, value);
    else if (rh_bytes_equal_nocase(name, rh_bytes_of("Reelhaul-Receipt")))
        read_receipt(reply, value);
    else if (rh_bytes_equal_nocase(name, rh_bytes_of("Reelhaul-Durable")))
        read_durable(reply, value);
    else if (rh_bytes_equal_nocase(name, rh_bytes_of("Reelhaul-Missing")))
        read_missing(reply, value);
    else if (rh_bytes_equal_nocase(name, rh_bytes_of("Retry-After")))
        (void)rh_retry_after_parse(value, reply->wall_ms / 1000, &r->retry_after_ms);
    else if (rh_bytes_equal_nocase(name, rh_bytes_of("Accept-Encoding")))
        read_codings(reply, value);
    else if (rh_bytes_equal_nocase(name, rh_bytes_of("Reelhaul-Error")))
        read_name(reply->error, sizeof reply->error - 1, value);
    else if (reply->dialect->header != NULL)
        reply->dialect->header(reply, name, value);
}

/* What our own error codes mean, where the status alone does not say it. */
static const struct {
    char code[20];
    enum rh_outcome outcome;
} codes[] = {
    {"different_bytes", RH_OUTCOME_DIFFERENT_BYTES},
    {"stale_writer", RH_OUTCOME_STALE_WRITER},
    {"superseded", RH_OUTCOME_SUPERSEDED},
    {"incomplete", RH_OUTCOME_INCOMPLETE},
    {"checksum_mismatch", RH_OUTCOME_CHECKSUM_MISMATCH},
    {"storage_full", RH_OUTCOME_STORAGE_FULL},
    {"foreign_origin", RH_OUTCOME_REJECTED},
};

/* An answer without our error code may come from anything on the way: only what is plain is
 * believed. */
static enum rh_outcome foreign_error(uint16_t status)
{
    switch (status) {
    case 400:
    case 411:
    case 413:
    case 414:
    case 415:
    case 431:
        return RH_OUTCOME_REJECTED;
    case 401:
        return RH_OUTCOME_UNAUTHORIZED;
    case 403:
        return RH_OUTCOME_FORBIDDEN;
    case 404:
    case 410:
        return RH_OUTCOME_GONE_BARE;
    default:
        return RH_OUTCOME_MALFORMED;
    }
}

static enum rh_outcome failure(struct rh_wire_reply *reply)
{
    uint16_t status = reply->status;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (rh_bytes_equal_str(rh_bytes_of(reply->error), codes[i].code))
            return codes[i].outcome;
    if (reply->dialect->failure != NULL) {
        enum rh_outcome outcome = reply->dialect->failure(reply);
        if (outcome != RH_OUTCOME_NONE)
            return outcome;
    }
    if (status == 408 || status == 425)
        return RH_OUTCOME_RETRY;
    if (status == 429 || status == 503)
        return RH_OUTCOME_TOO_BUSY;
    if (status == 507)
        return RH_OUTCOME_STORAGE_FULL;
    if (status == 511)
        return RH_OUTCOME_MALFORMED; /* a captive portal says so itself */
    if (status == 501 && reply->error[0] != 0)
        return RH_OUTCOME_REJECTED;
    if (status >= 500 && status <= 599)
        return RH_OUTCOME_RETRY;
    if (reply->error[0] == 0 || status < 400 || status > 499)
        return foreign_error(status);
    /* A body that broke on the way to us: its whole prefix was kept. */
    if (reply->send.kind == RH_SEND_PART &&
        rh_bytes_equal_str(rh_bytes_of(reply->error), "bad_request"))
        return RH_OUTCOME_RETRY;
    switch (status) {
    case 401:
        return RH_OUTCOME_UNAUTHORIZED;
    case 403:
        return RH_OUTCOME_FORBIDDEN;
    case 404:
    case 410:
        return RH_OUTCOME_GONE;
    default:
        return RH_OUTCOME_REJECTED;
    }
}

void rh_wire_reply_finish(struct rh_wire_reply *reply, struct rh_event *event)
{
    struct rh_response *r = &reply->response;
    if (reply->status < 200 || reply->status > 299)
        r->outcome = failure(reply);
    else if (reply->receipt_bad || reply->error[0] != 0)
        r->outcome = RH_OUTCOME_MALFORMED;
    else
        r->outcome = reply->dialect->success(reply);
    if (r->outcome != RH_OUTCOME_OK && r->outcome != RH_OUTCOME_DONE) {
        r->listed = false;
        r->acks_count = 0;
    }
    rh_mem_set(event, 0, sizeof *event);
    event->kind = RH_EVENT_RESPONSE;
    event->response = *r;
}
