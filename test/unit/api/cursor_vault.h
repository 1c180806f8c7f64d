/* SPDX-License-Identifier: MIT */
#ifndef TEST_API_CURSOR_VAULT_H
#define TEST_API_CURSOR_VAULT_H
/*
 * One upload with a cursor, as the vault would keep it: enough of its rules to hold whole
 * conversations with the dialects on it. Bytes are in the harness's disk.
 */
#include "harness.h"

#include <stdio.h>

#include <openssl/evp.h>

#include "base/crc64.h"

struct cursor_vault {
    bool there;
    bool gone;
    bool done;
    bool ends_by_final;
    uint64_t cursor;
    uint64_t total;
    uint64_t expires_in_s;
    char name[RH_FILE_NAME_MAX];
    char mime[RH_MIME_TEXT_MAX];
    char *metadata;
    enum rh_reply_code refuse; /* the next WRITE, once */
    size_t deletes;
    size_t finishes;
    size_t writes;
};

static inline void cursor_vault_view(struct harness *h, const struct cursor_vault *v,
                                     struct rh_vault_reply *reply)
{
    struct rh_upload_view *view = &reply->upload;
    reply->has_upload = v->there;
    strcpy(reply->generation, "gen1");
    strcpy(view->id, TEST_UPLOAD);
    strcpy(view->name, "film");
    strcpy(view->mime, v->mime);
    view->geometry = RH_GEOMETRY_CURSOR;
    view->state = v->gone ? RH_UPLOAD_EXPIRED : v->done ? RH_UPLOAD_DONE : RH_UPLOAD_OPEN;
    view->total = v->total;
    view->received = v->cursor;
    view->cursor = v->cursor;
    view->chunk_count = RH_SIZE_UNKNOWN;
    view->expires_in_s = v->done ? 0 : v->expires_in_s;
    view->ends_by_final = v->ends_by_final;
    uint64_t crc64 = rh_crc64_update(0, h->disk, v->cursor);
    view->crc64 = v->done ? crc64 : 0;
    if (h->asked.kind == RH_REQUEST_GET && v->metadata != NULL)
        view->metadata = strdup(v->metadata);
    if (v->cursor > 0) {
        reply->durable[0] = (struct rh_interval){.length = v->cursor, .crc64 = crc64};
        reply->durable_count = 1;
    }
}

static inline void cursor_vault_settle(struct cursor_vault *v, bool final)
{
    if (final) {
        v->total = v->cursor;
        v->done = true;
    }
    if (v->total == v->cursor && !v->ends_by_final)
        v->done = true;
}

static inline enum rh_reply_code cursor_vault_create(struct harness *h, struct cursor_vault *v)
{
    v->there = true;
    v->gone = false;
    v->done = false;
    v->cursor = 0;
    v->total = h->asked.total;
    v->ends_by_final = h->asked.ends_by_final;
    assert_true(h->asked.cursor);
    strcpy(v->name, h->asked.file_name);
    strcpy(v->mime, h->asked.mime);
    free(v->metadata);
    v->metadata = h->asked_metadata == NULL ? NULL : strdup(h->asked_metadata);
    cursor_vault_settle(v, false);
    return RH_REPLY_CREATED;
}

static inline enum rh_reply_code cursor_vault_admit(struct harness *h, struct cursor_vault *v)
{
    const struct rh_vault_request *asked = &h->asked;
    enum rh_reply_code refuse = v->refuse;
    v->refuse = RH_REPLY_OK;
    assert_true(asked->cursor);
    if (refuse != RH_REPLY_OK)
        return refuse;
    if (v->done)
        return RH_REPLY_STATE;
    if (asked->offset != v->cursor)
        return RH_REPLY_OFFSET;
    if (asked->total != RH_SIZE_UNKNOWN && v->total != RH_SIZE_UNKNOWN && asked->total != v->total)
        return RH_REPLY_TOTAL_CHANGED;
    if (asked->total != RH_SIZE_UNKNOWN)
        v->total = asked->total;
    if (v->total != RH_SIZE_UNKNOWN && asked->length != RH_SIZE_UNKNOWN &&
        asked->offset + asked->length > v->total)
        return RH_REPLY_OUT_OF_RANGE;
    return RH_REPLY_OK;
}

static inline enum rh_reply_code cursor_vault_written(struct harness *h, struct cursor_vault *v)
{
    const struct rh_written *written = &h->written;
    v->writes++;
    if (written->end == RH_WRITTEN_MISMATCH)
        return RH_REPLY_CHECKSUM;
    if (written->end == RH_WRITTEN_TOO_LONG)
        return RH_REPLY_OUT_OF_RANGE;
    if (written->end == RH_WRITTEN_BROKEN) {
        v->cursor += h->asked.verified ? 0 : written->bytes;
        return RH_REPLY_BROKEN;
    }
    v->cursor += written->bytes;
    cursor_vault_settle(v, h->asked.final);
    return RH_REPLY_OK;
}

static inline bool cursor_vault_write(struct harness *h, struct cursor_vault *v,
                                      struct rh_vault_reply *reply)
{
    if (h->granted) {
        reply->code = cursor_vault_written(h, v);
        return false;
    }
    reply->code = cursor_vault_admit(h, v);
    if (reply->code != RH_REPLY_OK)
        return false;
    uint64_t room = v->total == RH_SIZE_UNKNOWN ? TEST_DISK : v->total - v->cursor;
    h->grant = (struct rh_grant){.op = 42, .handle = 7, .span_count = 1, .bytes_max = room};
    h->grant.spans[0].offset = v->cursor;
    h->grant.spans[0].length = h->asked.length;
    h->grant.checkpoint = !h->asked.verified;
    return true;
}

static inline void cursor_vault_decide(struct harness *h, struct rh_vault_reply *reply, bool *grant)
{
    struct cursor_vault *v = h->vault_context;
    enum rh_request_kind kind = h->asked.kind;
    if (kind != RH_REQUEST_CREATE && v->gone)
        reply->code = RH_REPLY_GONE;
    else if (kind == RH_REQUEST_CREATE)
        reply->code = cursor_vault_create(h, v);
    else if (kind == RH_REQUEST_WRITE)
        *grant = cursor_vault_write(h, v, reply);
    else if (kind == RH_REQUEST_DIGEST)
        assert_int_equal(EVP_Digest(h->disk, v->cursor, reply->digest, NULL,
                                    h->asked.digest_bits == 512 ? EVP_sha512() : EVP_sha256(),
                                    NULL),
                         1);
    else if (kind == RH_REQUEST_FINISH)
        cursor_vault_settle(v, ++v->finishes > 0);
    else if (kind == RH_REQUEST_DELETE) {
        reply->code = v->done && !h->asked.terminate ? RH_REPLY_STATE : RH_REPLY_OK;
        v->gone = v->gone || reply->code == RH_REPLY_OK;
        v->deletes++;
    }
    cursor_vault_view(h, v, reply);
}

static inline void cursor_vault_open(struct harness *h, struct cursor_vault *v)
{
    memset(v, 0, sizeof *v);
    v->total = RH_SIZE_UNKNOWN;
    harness_open(h);
    h->vault = cursor_vault_decide;
    h->vault_context = v;
}

/* The upload is there, with so many bytes. */
static inline void cursor_vault_make(struct harness *h, struct cursor_vault *v, uint64_t cursor,
                                     uint64_t total)
{
    (void)h;
    free(v->metadata);
    *v = (struct cursor_vault){.there = true, .cursor = cursor, .total = total};
    v->ends_by_final = true;
    strcpy(v->mime, "video/mp4");
}

static inline void cursor_vault_close(struct harness *h, struct cursor_vault *v)
{
    free(v->metadata);
    harness_close(h);
}

#endif
