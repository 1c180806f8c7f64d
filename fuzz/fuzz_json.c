/* SPDX-License-Identifier: MIT */
/*
 * JSON bodies of the api: the first byte is the route (and how the body is cut), the rest the body.
 * Never a 500: what is wrong with a body is the sender's mistake, and said so. What is taken as
 * metadata comes out of a look as JSON again.
 */
#include <stdio.h>

#include "../test/fault/receiver.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "input.h"
#include "vault/catalog_model.h"
#include "vault/json.h"
#include "vault/store_model.h"

#define SESSION "3f2b8c1e-5d4a-4f6b-9e8d-7c6b5a493827"

static struct receiver receiver;

static void post(struct receiver *r, const char *target, const void *body, size_t size,
                 size_t piece)
{
    static char text[8192];
    int head = snprintf(text, sizeof text,
                        "POST %s HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
                        "Content-Length: %zu\r\n\r\n",
                        target, size);
    memcpy(text + head, body, size);
    struct rh_bytes in = {(const uint8_t *)text, (size_t)head + size};
    (void)receiver_exchange(r, &in, piece);
}

static void get(struct receiver *r, const char *target)
{
    static char text[512];
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", target);
    struct rh_bytes in = rh_bytes_of(text);
    (void)receiver_exchange(r, &in, 0);
}

static void check_body(const struct receiver *r)
{
    const char *end = memmem(r->answer, r->answer_size, "\r\n\r\n", 4);
    RH_ASSERT(r->status != 0 && r->status < 500);
    RH_ASSERT(end != NULL);
    size_t at = (size_t)(end - r->answer) + 4;
    json_t *json = NULL;
    RH_ASSERT(rh_json_read(r->answer + at, r->answer_size - at, &json, NULL));
    RH_ASSERT(json != NULL);
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const targets[] = {"/api/session/create", "/api/v1/videos/init",
                                          "/api/v1/videos/finalize", "/api/upload/metadata"};
    static const char session[] = "{\"session_id\":\"" SESSION "\"}";
    static const char take[] = "{\"session_id\":\"" SESSION "\",\"video_id\":\"take\","
                               "\"mime_type\":\"video/webm\"}";
    struct receiver *r = &receiver;
    if (size < 1 || size > 4096)
        return 0;
    receiver_init(r, rh_catalog_model_open(), rh_store_model_open(1), NULL);
    r->seed = 7;
    RH_ASSERT(receiver_start(r) == RH_OK);
    post(r, targets[0], session, sizeof session - 1, 0);
    post(r, targets[1], take, sizeof take - 1, 0);
    r->seed = 8;
    post(r, targets[data[0] & 3], data + 1, size - 1, (data[0] >> 2) & 31);
    check_body(r);
    get(r, "/api/session/" SESSION);
    RH_ASSERT(r->status == 200);
    check_body(r);
    receiver_stop(r);
    RH_ASSERT(rh_store_model_misuse(r->store) == 0);
    r->catalog->ops->close(r->catalog);
    r->store->ops->close(r->store);
    return 0;
}
