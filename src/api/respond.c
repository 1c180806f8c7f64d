/* SPDX-License-Identifier: MIT */
/*
 * Responses. What a sender needs is in headers (wire reads no bodies); JSON says the same to
 * people. Every answer about an upload carries its state, and receipts where there are any.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/internal.h"
#include "base/bytes.h"
#include "fields/receipt.h"

/* ---- headers ---- */

static void add_once(struct rh_response *response, const char *name, const char *value)
{
    if (rh_response_find(response, name) == NULL)
        (void)rh_response_add_str(response, name, value);
}

void api_common_headers(const struct rh_exchange *x, struct rh_response *response)
{
    add_once(response, "X-Content-Type-Options", "nosniff");
    add_once(response, "Cross-Origin-Resource-Policy", "same-origin");
    if (x->dialect == &api_tus)
        add_once(response, "Tus-Resumable", "1.0.0");
    const struct rh_api_config *config = x->api->config;
    if (config->origins != NULL && config->origins[0] != NULL)
        add_once(response, "Vary", "Origin");
    if (x->origin == NULL)
        return;
    add_once(response, "Access-Control-Allow-Origin", x->origin);
    add_once(response, "Access-Control-Expose-Headers",
             "Location, Retry-After, ETag, Content-Range, Range, Accept-Ranges, "
             "Content-Disposition, Content-Length, Allow, Date, Reelhaul-Upload, Reelhaul-State, "
             "Reelhaul-Generation, Reelhaul-Receipt, Reelhaul-Durable, Reelhaul-Missing, "
             "Reelhaul-Chunks, Reelhaul-Error, "
             "Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm, "
             "Upload-Offset, Upload-Length, Upload-Defer-Length, Upload-Metadata, Upload-Concat, "
             "Upload-Expires, Upload-Complete, Upload-Incomplete, Upload-Limit, "
             "Upload-Draft-Interop-Version, Content-Digest, Repr-Digest, Want-Repr-Digest");
}

const char *api_state_name(enum rh_upload_state state)
{
    switch (state) {
    case RH_UPLOAD_OPEN:
        return "open";
    case RH_UPLOAD_FINISHING:
        return "finishing";
    case RH_UPLOAD_DONE:
        return "done";
    case RH_UPLOAD_EXPIRED:
        return "expired";
    case RH_UPLOAD_LOST:
        break;
    }
    return "lost";
}

static void add_buffer(struct rh_exchange *x, const char *name, const struct rh_buffer *buffer)
{
    if (buffer->size > 0)
        (void)rh_response_add(x->response, name, rh_buffer_bytes(buffer));
}

/* An unfinished upload with a cursor expires: of its bytes is said that they are durable, no more.
 */
static bool is_kept(const struct rh_vault_reply *reply)
{
    return !reply->has_upload || reply->upload.geometry != RH_GEOMETRY_CURSOR ||
           reply->upload.state == RH_UPLOAD_DONE;
}

static void add_receipt(struct rh_exchange *x, const struct rh_vault_reply *reply)
{
    struct rh_receipt receipt = {.kept_until_complete = is_kept(reply), .durable = true};
    if (reply->has_receipt) {
        receipt.offset = reply->receipt.offset;
        receipt.length = reply->receipt.length;
        receipt.crc64 = reply->receipt.crc64;
    } else if (reply->has_upload && reply->upload.state == RH_UPLOAD_DONE) {
        receipt.length = reply->upload.total;
        receipt.crc64 = reply->upload.crc64;
    } else {
        return;
    }
    uint8_t memory[RH_RECEIPT_TEXT_MAX];
    struct rh_buffer buffer;
    rh_buffer_init(&buffer, memory, sizeof memory);
    if (rh_receipt_write(&buffer, &receipt) == RH_OK)
        add_buffer(x, "Reelhaul-Receipt", &buffer);
}

static void add_ranges(struct rh_exchange *x, const struct rh_vault_reply *reply)
{
    uint8_t memory[RH_RANGES_TEXT_MAX];
    struct rh_buffer buffer;
    rh_buffer_init(&buffer, memory, sizeof memory);
    for (size_t i = 0; i < reply->durable_count; i++) {
        const struct rh_interval *it = &reply->durable[i];
        /* What is acknowledged is kept as a receipt says. */
        struct rh_range range = {it->offset, it->length};
        if (rh_ranges_put(&buffer, i, range, &it->crc64, is_kept(reply)) != RH_OK)
            break;
    }
    add_buffer(x, "Reelhaul-Durable", &buffer);
    rh_buffer_init(&buffer, memory, sizeof memory);
    for (size_t i = 0; i < reply->missing_count; i++) {
        if (rh_ranges_put(&buffer, i, reply->missing[i], NULL, false) != RH_OK)
            break;
    }
    add_buffer(x, "Reelhaul-Missing", &buffer);
    rh_buffer_init(&buffer, memory, sizeof memory);
    for (size_t i = 0; i < reply->chunk_run_count; i++) {
        const struct rh_range *run = &reply->chunks[i];
        if (rh_chunks_put(&buffer, i, run->offset, run->offset + run->length - 1) != RH_OK)
            break;
    }
    add_buffer(x, "Reelhaul-Chunks", &buffer);
}

static void add_upload(struct rh_exchange *x, const struct rh_vault_reply *reply)
{
    if (reply->generation[0] != '\0')
        (void)rh_response_add_str(x->response, "Reelhaul-Generation", reply->generation);
    /* Of an upload that is not there for this client nothing is said, whatever the vault knows. */
    bool hidden = reply->code == RH_REPLY_UNKNOWN || reply->code == RH_REPLY_UNKNOWN_SESSION;
    if (!reply->has_upload || hidden)
        return;
    (void)rh_response_add_str(x->response, "Reelhaul-Upload", reply->upload.id);
    (void)rh_response_add_str(x->response, "Reelhaul-State", api_state_name(reply->upload.state));
    add_receipt(x, reply);
    add_ranges(x, reply);
}

/* ---- responses ---- */

static size_t memory_needed(const struct rh_exchange *x, const struct rh_vault_reply *reply)
{
    size_t size = 4096 + (x->origin == NULL ? 0 : strlen(x->origin));
    if (x->dialect != NULL)
        size += 2048;
    if (reply != NULL)
        size += 64 * (reply->durable_count + reply->missing_count + reply->chunk_run_count);
    if (reply != NULL && reply->upload.metadata != NULL)
        size += strlen(reply->upload.metadata);
    return size;
}

static void begin(struct rh_exchange *x, unsigned status, const struct rh_vault_reply *reply)
{
    size_t size = memory_needed(x, reply);
    free(x->response_memory);
    x->response_memory = malloc(sizeof *x->response + size);
    if (x->response_memory == NULL) {
        /* Not even headers: an empty 500 that ends the connection says what can be said. All who
         * have none may share it, for it is the same. */
        x->response = &x->api->spare;
        rh_response_init(x->response, NULL, 0);
        x->response->status = 500;
        return;
    }
    x->response = x->response_memory;
    rh_response_init(x->response, x->response + 1, size);
    x->response->status = status;
    api_common_headers(x, x->response);
    (void)rh_response_add_str(x->response, "Cache-Control", "no-store");
    if (reply != NULL)
        add_upload(x, reply);
    if (x->dialect != NULL && x->dialect->headers != NULL)
        x->dialect->headers(x, reply);
}

static void respond(struct rh_exchange *x, unsigned status, char *text,
                    const struct rh_vault_reply *reply)
{
    begin(x, status, reply);
    free(x->text);
    x->text = text;
    if (text != NULL && x->response_memory != NULL) {
        (void)rh_response_add_str(x->response, "Content-Type",
                                  x->text_type != NULL ? x->text_type
                                                       : "application/json; charset=utf-8");
        rh_response_set_bytes(x->response, rh_bytes_of(text));
    }
    api_deliver(x);
}

void api_respond_text(struct rh_exchange *x, unsigned status, char *text,
                      const struct rh_vault_reply *reply)
{
    respond(x, text == NULL ? 500 : status, text, reply);
}

void api_respond_json(struct rh_exchange *x, unsigned status, json_t *json,
                      const struct rh_vault_reply *reply)
{
    api_respond_text(x, status, api_json_dump(json), reply);
}

void api_respond_empty(struct rh_exchange *x, unsigned status, const struct rh_vault_reply *reply)
{
    begin(x, status, reply);
    if (x->allow[0] != '\0')
        (void)rh_response_add_str(x->response, "Allow", x->allow);
    api_deliver(x);
}

/* Chunk indexes below the declared count that have not come, the first thousand. */
static json_t *missing_chunks(const struct rh_vault_reply *reply)
{
    json_t *list = json_array();
    uint64_t next = 0;
    for (size_t i = 0; i <= reply->chunk_run_count; i++) {
        uint64_t end =
            i < reply->chunk_run_count ? reply->chunks[i].offset : reply->upload.chunk_count;
        for (; list != NULL && next < end && json_array_size(list) < 1000; next++)
            api_json_append(&list, json_integer((json_int_t)next));
        if (i < reply->chunk_run_count)
            next = reply->chunks[i].offset + reply->chunks[i].length;
    }
    return list;
}

static json_t *fault_json(const struct rh_exchange *x, const struct api_error *error,
                          const struct rh_vault_reply *reply)
{
    bool said = x->fault_message != NULL && x->fault_message[0] != '\0';
    json_t *json = api_error_json(error, said ? x->fault_message : NULL);
    if (reply != NULL && reply->code == RH_REPLY_INCOMPLETE && reply->has_upload) {
        api_json_set(&json, "missing", api_json_missing(reply));
        if (reply->upload.geometry == RH_GEOMETRY_CHUNKS &&
            reply->upload.chunk_count != RH_SIZE_UNKNOWN)
            api_json_set(&json, "missing_chunks", missing_chunks(reply));
    }
    return json;
}

void api_respond_fault(struct rh_exchange *x, const struct rh_vault_reply *reply)
{
    if (x->dialect != NULL && x->dialect->fault != NULL)
        x->dialect->fault(x, reply);
    const struct api_error *error = api_error_find(x->fault);
    json_t *json = NULL;
    if (x->dialect != NULL && x->dialect->problem != NULL)
        json = x->dialect->problem(x, reply);
    x->text_type = json == NULL ? NULL : "application/problem+json";
    if (json == NULL)
        json = fault_json(x, error, reply);
    unsigned status = x->fault_status != 0 ? x->fault_status : error->status;
    /* Without memory for words the status and the code still say it. */
    respond(x, status, api_json_dump(json), reply);
    struct rh_response *response = x->response;
    (void)rh_response_add_str(response, "Reelhaul-Error", error->code);
    if (status == 401)
        (void)rh_response_add_str(response, "WWW-Authenticate", "Bearer realm=\"reelhaul\"");
    if (status == 405)
        (void)rh_response_add_str(response, "Allow", x->allow);
    if (status == 415 && x->accept_coding != NULL)
        (void)rh_response_add_str(response, "Accept-Encoding", x->accept_coding);
    if (status == 503 || status == 507) {
        uint64_t wait_s = status == 507 ? 30 : 5;
        if (reply != NULL && reply->retry_after_s > 0)
            wait_s = reply->retry_after_s;
        (void)rh_response_add_u64(response, "Retry-After", wait_s);
    }
}

/* ---- JSON pieces ---- */

char *api_json_dump(json_t *json)
{
    char *text = rh_json_write(json, JSON_COMPACT);
    json_decref(json);
    if (text == NULL)
        return NULL;
    size_t size = strlen(text);
    char *longer = realloc(text, size + 2);
    if (longer == NULL) {
        free(text);
        return NULL;
    }
    longer[size] = '\n'; /* for people with curl */
    longer[size + 1] = '\0';
    return longer;
}

void api_time_text(int64_t unix_s, char out[API_TIME_TEXT])
{
    time_t time = (time_t)unix_s;
    struct tm tm;
    if (gmtime_r(&time, &tm) == NULL || strftime(out, API_TIME_TEXT, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        out[0] = '\0';
}

json_t *api_json_size(uint64_t size)
{
    return size > INT64_MAX ? json_null() : json_integer((json_int_t)size);
}

json_t *api_json_crc64(uint64_t crc64)
{
    uint8_t memory[RH_CRC64_FIELD_SIZE];
    struct rh_buffer buffer;
    rh_buffer_init(&buffer, memory, sizeof memory);
    (void)rh_crc64_field_write(&buffer, crc64);
    return json_stringn((const char *)memory, buffer.size);
}

json_t *api_json_checksum(uint64_t crc64)
{
    uint8_t memory[16 + RH_CRC64_FIELD_SIZE];
    struct rh_buffer buffer;
    rh_buffer_init(&buffer, memory, sizeof memory);
    (void)rh_buffer_put_str(&buffer, "crc64nvme:");
    (void)rh_crc64_field_write(&buffer, crc64);
    return json_stringn((const char *)memory, buffer.size);
}

json_t *api_json_missing(const struct rh_vault_reply *reply)
{
    json_t *list = json_array();
    for (size_t i = 0; i < reply->missing_count; i++)
        api_json_append(&list,
                        json_pack("{s:o,s:o}", "offset", api_json_size(reply->missing[i].offset),
                                  "length", api_json_size(reply->missing[i].length)));
    return list;
}

json_t *api_json_durable(const struct rh_vault_reply *reply)
{
    json_t *list = json_array();
    for (size_t i = 0; i < reply->durable_count; i++) {
        const struct rh_interval *it = &reply->durable[i];
        api_json_append(&list,
                        json_pack("{s:o,s:o,s:o}", "offset", api_json_size(it->offset), "length",
                                  api_json_size(it->length), "crc64", api_json_crc64(it->crc64)));
    }
    return list;
}

bool api_name_is_whole(const struct rh_upload_view *upload)
{
    const char *extension = rh_store_extension(upload->mime);
    size_t size = strlen(upload->name);
    size_t extension_size = strlen(extension);
    return upload->session[0] == '\0' && size > extension_size &&
           strcmp(upload->name + size - extension_size, extension) == 0;
}

void api_json_add_object(json_t **object, const struct rh_upload_view *upload)
{
    if (upload->state != RH_UPLOAD_DONE)
        return;
    api_json_set(object, "size", api_json_size(upload->total));
    api_json_set(object, "checksum", api_json_checksum(upload->crc64));
    bool in_session = upload->session[0] != '\0';
    api_json_set(object, "url",
                 json_sprintf("/%s/%s/%s%s", in_session ? "recordings" : "download",
                              in_session ? upload->session : upload->id, upload->name,
                              api_name_is_whole(upload) ? "" : rh_store_extension(upload->mime)));
}
