/* SPDX-License-Identifier: MIT */
/*
 * Bytes of requests, over the real api and vault on models: a session and two uploads are there
 * (SESSION below; its upload is WtKWQBhJVNwgY5fY0Re6S5hzGTtzj9Or, the one of tus is
 * vy4GB2XJHS6gOTsB2hTKWxpd9RFu-8h6), in open mode or with tokens by the first byte. Each answer is
 * one that libhttp-parser reads as one whole answer; none is a 500; and what was acknowledged is
 * durable after the power was cut.
 */
#include <http_parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../test/fault/receiver.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "input.h"
#include "vault/catalog_model.h"
#include "vault/store_model.h"

#define SESSION "3f2b8c1e-5d4a-4f6b-9e8d-7c6b5a493827"
#define FIRST                                                                                      \
    "POST /api/session/create HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"        \
    "Content-Length: 53\r\nAuthorization: Bearer secret\r\n\r\n{\"session_id\":\"" SESSION "\"}"
#define SECOND                                                                                     \
    "POST /api/v1/videos/init HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"        \
    "Content-Length: 105\r\nAuthorization: Bearer secret\r\n\r\n{\"session_id\":\"" SESSION        \
    "\",\"video_id\":\"take\",\"mime_type\":\"video/webm\",\"size\":9}"

/* And one with a cursor, of unknown length: 3 bytes of it are there. */
#define THIRD                                                                                      \
    "POST /files/ HTTP/1.1\r\nHost: test\r\nTus-Resumable: 1.0.0\r\nUpload-Defer-Length: 1\r\n"    \
    "Content-Type: application/offset+octet-stream\r\nContent-Length: 3\r\n"                       \
    "Authorization: Bearer secret\r\n\r\nabc"

static struct receiver receiver;
static char third[RH_ID_TEXT_MAX];

/* ---- answers, as another parser reads them ---- */

static int on_message_complete(http_parser *p)
{
    (*(unsigned *)p->data)++;
    return 0;
}

static void check_answer(const struct receiver *r, bool to_head)
{
    http_parser_settings settings;
    http_parser p;
    unsigned complete = 0;
    if (r->status == 0 || r->has_file)
        return;
    RH_ASSERT(r->status != 500);
    http_parser_settings_init(&settings);
    settings.on_message_complete = on_message_complete;
    http_parser_init(&p, HTTP_RESPONSE);
    p.data = &complete;
    if (to_head)
        return; /* it cannot know that no body follows */
    size_t used = http_parser_execute(&p, &settings, r->answer, r->answer_size);
    RH_ASSERT(HTTP_PARSER_ERRNO(&p) == HPE_OK);
    RH_ASSERT(used == r->answer_size);
    RH_ASSERT(complete == 1);
    RH_ASSERT(p.status_code == r->status);
}

static void one_request(struct receiver *r, const char *text)
{
    struct rh_bytes in = rh_bytes_of(text);
    (void)receiver_exchange(r, &in, 0);
}

/* ---- what was acknowledged ---- */

struct acked {
    uint64_t received;
    bool done;
    uint64_t offset; /* of the third */
};

static uint64_t look_at_third(struct receiver *r)
{
    char request[256];
    uint64_t offset = 0;
    (void)snprintf(request, sizeof request,
                   "HEAD /files/%s HTTP/1.1\r\nHost: test\r\nTus-Resumable: 1.0.0\r\n"
                   "Authorization: Bearer secret\r\n\r\n",
                   third);
    one_request(r, request);
    if (r->status != 200)
        return 0;
    RH_ASSERT(rh_bytes_parse_u64(receiver_header(r, "Upload-Offset"), &offset) == RH_OK);
    return offset;
}

static struct acked look(struct receiver *r)
{
    struct acked acked = {.offset = look_at_third(r)};
    one_request(r, "GET /api/session/" SESSION "?video=take HTTP/1.1\r\nHost: test\r\n"
                   "Authorization: Bearer secret\r\n\r\n");
    if (r->status != 200)
        return acked;
    r->answer[r->answer_size] = '\0';
    const char *at = strstr(r->answer, "\"bytes_received\":");
    acked.received = at == NULL ? 0 : strtoull(at + 17, NULL, 10);
    acked.done = rh_bytes_equal_str(receiver_header(r, "Reelhaul-State"), "done");
    return acked;
}

static void restart(struct receiver *r)
{
    receiver_stop(r);
    rh_store_model_crash(r->store);
    RH_ASSERT(receiver_start(r) == RH_OK);
    RH_ASSERT(!r->fatal);
}

static void begin(struct receiver *r, uint8_t how)
{
    static struct rh_api_config config;
    receiver_init(r, rh_catalog_model_open(), rh_store_model_open(1), NULL);
    config = r->config;
    config.auth = (how & 1) != 0 ? RH_AUTH_TOKEN : RH_AUTH_OPEN;
    config.enrol_open = (how & 2) != 0;
    config.json_bytes_max = 4096; /* small, so that the fuzzer reaches it */
    config.form_wait_bytes_max = 2048;
    config.drain_bytes_max = 1024;
    rh_api_token_hash("secret", config.token_hash);
    r->config = config;
    r->limits.intervals_max = 6;
    r->limits.upload_bytes_max = 1 << 20;
    r->limits.extents_open_max = 3;
    r->limits.cached_max = 1;
    r->seed = 7;
    RH_ASSERT(receiver_start(r) == RH_OK);
    one_request(r, FIRST);
    RH_ASSERT(r->status == 200);
    one_request(r, SECOND);
    RH_ASSERT(r->status == 201);
    r->seed = 8;
    one_request(r, THIRD);
    RH_ASSERT(r->status == 201);
    struct rh_bytes id = receiver_header(r, "Reelhaul-Upload");
    RH_ASSERT(id.size == sizeof third - 1);
    memcpy(third, id.data, id.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct receiver *r = &receiver;
    struct input in = {data, size};
    uint8_t how = input_u8(&in);
    static const size_t pieces[] = {0, 1, 7, 300};
    begin(r, how);
    struct rh_bytes rest = {in.data, in.size};
    for (unsigned i = 0; i < 16 && rest.size > 0; i++) {
        r->seed = 100 + i;
        bool more = receiver_exchange(r, &rest, pieces[(how >> 2) & 3]);
        RH_ASSERT(!r->fatal);
        check_answer(r, r->h1.request.method_id == RH_METHOD_HEAD);
        if (!more)
            break;
    }
    struct acked before = look(r);
    restart(r);
    struct acked after = look(r);
    RH_ASSERT(after.received >= before.received);
    RH_ASSERT(after.done || !before.done);
    RH_ASSERT(after.offset == before.offset);
    receiver_stop(r);
    RH_ASSERT(rh_store_model_misuse(r->store) == 0);
    r->catalog->ops->close(r->catalog);
    r->store->ops->close(r->store);
    return 0;
}
