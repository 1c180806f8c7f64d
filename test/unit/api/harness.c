/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include <stdio.h>

#include "base/bytes.h"
#include "base/crc64.h"

/* ---- store in memory ---- */

static struct harness *current;

static enum rh_error store_write(struct rh_store *store, uint64_t handle, uint64_t offset,
                                 const void *data, size_t size)
{
    (void)store;
    assert_int_equal(handle, 7);
    assert_true(offset + size <= TEST_DISK);
    current->disk_writes++;
    if (current->fail_at_write != 0 && current->disk_writes >= current->fail_at_write)
        return current->write_error;
    memcpy(current->disk + offset, data, size);
    return RH_OK;
}

static enum rh_error store_path(struct rh_store *store, const struct rh_store_target *target,
                                char *out, size_t cap)
{
    (void)store;
    int size = snprintf(out, cap, "recordings/%s/%s%s", target->session, target->name,
                        rh_store_extension(target->mime));
    return size > 0 && (size_t)size < cap ? RH_OK : RH_ERR_LIMIT;
}

static const struct rh_store_ops store_ops = {.write = store_write, .object_path = store_path};

/* ---- the vault's end ---- */

static void vault_ask(void *context, struct rh_exchange *x, struct rh_vault_request *request)
{
    struct harness *h = context;
    assert_ptr_equal(x, h->x);
    assert_false(h->waiting);
    h->waiting = true;
    h->granted = false;
    h->asks++;
    free(h->asked.sources);
    free(h->asked.file_name);
    h->asked = *request;
    free(h->asked_metadata);
    h->asked_metadata = request->metadata;
    h->asked.metadata = NULL;
    free(request);
}

static void vault_written(void *context, struct rh_exchange *x, const struct rh_written *written)
{
    struct harness *h = context;
    assert_ptr_equal(x, h->x);
    assert_true(h->granted);
    h->reports++;
    h->written = *written;
}

static void vault_random(void *context, uint8_t *out, size_t size)
{
    (void)context;
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(i + 1);
}

static void own_work(const struct harness *h, bool begins)
{
    if (h->pause != NULL)
        (begins ? h->pause : h->resume)();
}

static void vault_reply(struct harness *h)
{
    own_work(h, true);
    struct rh_vault_reply *reply = malloc(sizeof *reply);
    assert_non_null(reply);
    *reply = h->reply;
    reply->op = 42;
    reply->code = h->asks > 1 ? h->second_code : h->code;
    if (h->metadata != NULL && h->asked.kind == RH_REQUEST_GET)
        reply->upload.metadata = strdup(h->metadata);
    if (h->asked.kind == RH_REQUEST_SESSION_GET && h->video_count > 0) {
        reply->videos = calloc(h->video_count, sizeof *reply->videos);
        assert_non_null(reply->videos);
        reply->video_count = h->video_count;
        for (size_t i = 0; i < h->video_count; i++) {
            reply->videos[i] = h->reply.upload;
            reply->videos[i].metadata = h->metadata == NULL ? NULL : strdup(h->metadata);
        }
    }
    h->waiting = false;
    own_work(h, false);
    rh_exchange_replied(h->x, reply);
}

static void vault_decides(struct harness *h)
{
    struct rh_vault_reply *reply = calloc(1, sizeof *reply);
    bool grant = false;
    assert_non_null(reply);
    if (h->granted)
        assert_true(h->reports > 0);
    h->vault(h, reply, &grant);
    if (grant) {
        assert_false(h->granted);
        h->granted = true;
        h->reports = 0;
        free(reply);
        rh_exchange_granted(h->x, &h->grant);
        return;
    }
    reply->op = 42;
    h->waiting = false;
    rh_exchange_replied(h->x, reply);
}

static void vault_step(struct harness *h)
{
    assert_true(h->waiting);
    if (h->vault != NULL) {
        vault_decides(h);
        return;
    }
    if (h->asked.kind == RH_REQUEST_WRITE && h->grants && !h->granted) {
        h->granted = true;
        h->reports = 0;
        rh_exchange_granted(h->x, &h->grant);
        return;
    }
    if (h->granted)
        assert_int_equal(h->reports, 1);
    vault_reply(h);
}

static bool inform(void *context, uint64_t op, unsigned status, const struct rh_header *headers,
                   size_t header_count)
{
    struct harness *h = context;
    assert_int_equal(op, 42);
    size_t at = (size_t)snprintf(h->inform, sizeof h->inform, "%u ", status);
    for (size_t i = 0; i < header_count; i++)
        at += (size_t)snprintf(h->inform + at, sizeof h->inform - at, "%.*s: %.*s; ",
                               (int)headers[i].name.size, (const char *)headers[i].name.data,
                               (int)headers[i].value.size, (const char *)headers[i].value.data);
    assert_true(at < sizeof h->inform);
    size_t size = strlen(h->informed);
    assert_true(size + at + 2 < sizeof h->informed);
    (void)snprintf(h->informed + size, sizeof h->informed - size, "%s\n", h->inform);
    h->informs++;
    return true;
}

/* ---- running ---- */

void harness_open(struct harness *h)
{
    static const char *const hosts[] = {TEST_HOST, "localhost:5000", "example.org", NULL};
    static const char *const origins[] = {"https://friend.example", NULL};
    memset(h, 0, sizeof *h);
    current = h;
    rh_api_config_default(&h->config);
    h->config.hosts = hosts;
    h->config.origins = origins;
    h->disk = calloc(1, TEST_DISK);
    h->x = malloc(rh_exchange_size());
    assert_non_null(h->disk);
    assert_non_null(h->x);
    memset(h->x, 0, rh_exchange_size());
    h->store.ops = &store_ops;
    h->api = (struct rh_api){.config = &h->config,
                             .store = &h->store,
                             .ask = vault_ask,
                             .written = vault_written,
                             .random = vault_random,
                             .inform = inform,
                             .context = h};
    h->grants = true;
    h->break_after = SIZE_MAX;
    h->grant = (struct rh_grant){.op = 42, .handle = 7, .span_count = 1, .bytes_max = TEST_DISK};
    h->grant.spans[0].length = RH_SIZE_UNKNOWN;
    struct rh_vault_reply *reply = &h->reply;
    reply->has_upload = true;
    strcpy(reply->generation, "gen1");
    strcpy(reply->session.id, TEST_SESSION);
    reply->session.created_wall_s = 1769527800; /* 2026-01-27T15:30:00 */
    strcpy(reply->upload.id, TEST_UPLOAD);
    strcpy(reply->upload.session, TEST_SESSION);
    strcpy(reply->upload.name, "video_123");
    strcpy(reply->upload.mime, "video/webm");
    reply->upload.state = RH_UPLOAD_OPEN;
    reply->upload.geometry = RH_GEOMETRY_RANGES;
    reply->upload.total = RH_SIZE_UNKNOWN;
    reply->upload.chunk_count = RH_SIZE_UNKNOWN;
}

static void forget(struct harness *h)
{
    rh_exchange_finish(h->x);
    assert_int_equal(h->api.held_bytes, 0);
    free(h->asked_metadata);
    h->asked_metadata = NULL;
    free(h->asked.sources);
    h->asked.sources = NULL;
    free(h->asked.file_name);
    h->asked.file_name = NULL;
}

void harness_close(struct harness *h)
{
    forget(h);
    free(h->x);
    free(h->disk);
}

void harness_auth(struct harness *h)
{
    h->config.auth = RH_AUTH_TOKEN;
    rh_api_token_hash(TEST_TOKEN, h->config.token_hash);
}

void harness_begin(struct harness *h, const char *method, const char *target, const char *extra)
{
    forget(h);
    bool host = strstr(extra, "Host:") != NULL;
    int size = snprintf(h->raw, sizeof h->raw, "%s %s HTTP/1.1\r\n%s%s\r\n", method, target,
                        host ? "" : "Host: " TEST_HOST "\r\n", extra);
    assert_true(size > 0 && (size_t)size < sizeof h->raw);
    rh_h1_init(&h->h1, h->head, sizeof h->head, h->headers, 100, 0);
    size_t used = 0;
    struct rh_bytes in = {(const uint8_t *)h->raw, (size_t)size};
    assert_int_equal(rh_h1_head(&h->h1, in, &used), RH_OK);
    assert_int_equal(used, size);
    h->asks = 0;
    h->informs = 0;
    h->inform[0] = '\0';
    h->informed[0] = '\0';
    h->reports = 0;
    h->waiting = false;
    h->granted = false;
    h->fed = 0;
    h->ended = false;
    h->disk_writes = 0;
    memset(&h->asked, 0, sizeof h->asked);
    memset(&h->written, 0, sizeof h->written);
    rh_exchange_begin(h->x, &h->api, &h->h1.request, 42);
}

static size_t feed_size(const struct harness *h, size_t left)
{
    size_t size = left;
    if (h->splits != NULL)
        size = (size_t)rh_rng_below(h->splits, 40);
    else if (h->split != 0)
        size = h->split;
    if (h->revoke_after > h->fed && h->fed + size > h->revoke_after)
        size = h->revoke_after - h->fed;
    if (h->break_after > h->fed && size > h->break_after - h->fed)
        size = h->break_after - h->fed;
    return size < left ? size : left;
}

static void feed(struct harness *h, const uint8_t *body, size_t size)
{
    if (h->fed >= h->break_after) {
        rh_exchange_body_broken(h->x, h->break_why);
        assert_int_not_equal(rh_exchange_want(h->x), RH_WANT_BODY);
        return;
    }
    if (h->fed == size) {
        assert_false(h->ended);
        h->ended = true;
        rh_exchange_body_end(h->x);
        assert_int_not_equal(rh_exchange_want(h->x), RH_WANT_BODY);
        return;
    }
    size_t give = feed_size(h, size - h->fed);
    /* A copy of exact size, so that reading beyond it is seen. */
    own_work(h, true);
    uint8_t *copy = malloc(give == 0 ? 1 : give);
    assert_non_null(copy);
    memcpy(copy, body + h->fed, give);
    own_work(h, false);
    size_t took = rh_exchange_body(h->x, copy, give);
    free(copy);
    assert_true(took <= give);
    if (took < give)
        assert_int_not_equal(rh_exchange_want(h->x), RH_WANT_BODY);
    h->fed += took;
    if (h->revoke_after != 0 && h->fed == h->revoke_after)
        rh_exchange_revoked(h->x);
}

void harness_run(struct harness *h, const void *body, size_t size)
{
    for (;;) {
        switch (rh_exchange_want(h->x)) {
        case RH_WANT_BODY:
            feed(h, body, size);
            break;
        case RH_WANT_VAULT:
            vault_step(h);
            break;
        case RH_WANT_RESPOND:
        case RH_WANT_FILE:
            assert_false(h->waiting);
            return;
        }
    }
}

unsigned harness_send(struct harness *h, const char *method, const char *target, const char *extra,
                      const void *body, size_t size)
{
    char headers[12288];
    int length = body == NULL
                     ? snprintf(headers, sizeof headers, "%s", extra)
                     : snprintf(headers, sizeof headers, "%sContent-Length: %zu\r\n", extra, size);
    assert_true(length >= 0 && (size_t)length < sizeof headers);
    harness_begin(h, method, target, headers);
    harness_run(h, body, size);
    return harness_status(h);
}

unsigned harness_get(struct harness *h, const char *target)
{
    return harness_send(h, "GET", target, "", NULL, 0);
}

unsigned harness_post_json(struct harness *h, const char *target, const char *json)
{
    return harness_send(h, "POST", target, "Content-Type: application/json\r\n", json,
                        strlen(json));
}

unsigned harness_status(const struct harness *h)
{
    if (rh_exchange_want(h->x) == RH_WANT_FILE)
        return 1;
    return rh_exchange_response(h->x)->status;
}

const char *harness_header(const struct harness *h, const char *name)
{
    static char text[8192];
    const struct rh_header *header = rh_response_find(rh_exchange_response(h->x), name);
    if (header == NULL)
        return NULL;
    assert_true(header->value.size < sizeof text);
    memcpy(text, header->value.data, header->value.size);
    text[header->value.size] = '\0';
    return text;
}

const char *harness_body(const struct harness *h)
{
    static char text[262144];
    const struct rh_response *response = rh_exchange_response(h->x);
    assert_true(response->bytes.size < sizeof text);
    if (response->bytes.size > 0)
        memcpy(text, response->bytes.data, response->bytes.size);
    text[response->bytes.size] = '\0';
    return text;
}

json_t *harness_json(const struct harness *h)
{
    return json_loads(harness_body(h), JSON_REJECT_DUPLICATES, NULL);
}

void harness_expect_error(const struct harness *h, unsigned status, const char *code)
{
    const char *header = harness_header(h, "Reelhaul-Error");
    if (header == NULL || strcmp(header, code) != 0)
        print_error("%s\n", harness_body(h));
    assert_non_null(header);
    assert_string_equal(header, code);
    assert_int_equal(harness_status(h), status);
    assert_string_equal(harness_header(h, "Content-Type"), "application/json; charset=utf-8");
    assert_string_equal(harness_header(h, "Cache-Control"), "no-store");
    assert_string_equal(harness_header(h, "X-Content-Type-Options"), "nosniff");
    json_t *json = harness_json(h);
    json_t *error = json_object_get(json, "error");
    assert_string_equal(json_string_value(json_object_get(error, "code")), code);
    const char *message = json_string_value(json_object_get(error, "message"));
    assert_non_null(message);
    assert_true(strlen(message) > 10 && message[strlen(message) - 1] == '.');
    json_decref(json);
}

size_t harness_form(char *out, size_t cap, const char *const *fields, const char *chunk_type,
                    const void *chunk, size_t chunk_size)
{
    size_t at = 0;
    for (; *fields != NULL; fields++) {
        assert_true(at + 512 + strlen(*fields) < cap);
        if (strcmp(*fields, "*") == 0) {
            at += (size_t)snprintf(out + at, cap - at,
                                   "--XX\r\nContent-Disposition: form-data; name=\"chunk\"; "
                                   "filename=\"blob\"\r\nContent-Type: %s\r\n\r\n",
                                   chunk_type);
            assert_true(at + chunk_size + 512 < cap);
            memcpy(out + at, chunk, chunk_size);
            at += chunk_size;
            at += (size_t)snprintf(out + at, cap - at, "\r\n");
            continue;
        }
        const char *equals = strchr(*fields, '=');
        assert_non_null(equals);
        at +=
            (size_t)snprintf(out + at, cap - at,
                             "--XX\r\nContent-Disposition: form-data; name=\"%.*s\"\r\n\r\n%s\r\n",
                             (int)(equals - *fields), *fields, equals + 1);
    }
    at += (size_t)snprintf(out + at, cap - at, "--XX--\r\n");
    return at;
}
