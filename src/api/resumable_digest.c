/* SPDX-License-Identifier: MIT */
/*
 * Digest fields (RFC 9530) of IETF uploads: Content-Digest of a body, Repr-Digest of the whole,
 * Want-Repr-Digest. SHA-512, SHA-256 and CRC-64/NVME; other algorithms are passed over.
 *
 * The SHA digests of the whole are known where it came in one body; else the vault is asked, which
 * reads what is stored. CRC-64/NVME is always known, for it can be combined.
 */
#include <string.h>

#include "api/resumable.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "fields/sf.h"

/* The strongest first. */
static const struct {
    const char *name;
    enum api_digest which;
} algorithms[] = {
    {"sha-512", API_DIGEST_SHA512},
    {"sha-256", API_DIGEST_SHA256},
    {"crc64nvme", API_DIGEST_CRC64NVME},
};
#define ALGORITHMS (sizeof algorithms / sizeof algorithms[0])

static size_t find(struct rh_bytes key)
{
    size_t i = 0;
    while (i < ALGORITHMS && !rh_bytes_equal_str(key, algorithms[i].name))
        i++;
    return i;
}

/* The strongest digest that is known here. False: its value cannot be of that algorithm. A field
 * that is broken as a whole is ignored (RFC 9651, 4.2). */
static bool parse(struct rh_bytes text, struct api_declared *out)
{
    struct rh_sf sf;
    struct rh_bytes key;
    struct rh_sf_value value;
    struct api_declared best = {.is = false};
    size_t best_at = ALGORITHMS;
    bool good = true;
    rh_sf_init(&sf, text);
    while (rh_sf_dict_next(&sf, &key, &value)) {
        struct api_declared one = {.is = true};
        size_t at = find(key);
        if (at == ALGORITHMS || at > best_at)
            continue;
        one.which = algorithms[at].which;
        ptrdiff_t size = rh_sf_bytes_copy(one.value, sizeof one.value, &value);
        good = size >= 0 && (size_t)size == api_digest_size(one.which);
        best = one;
        best_at = at;
    }
    if (rh_sf_end(&sf) != RH_OK)
        return true;
    if (good)
        *out = best;
    return good;
}

bool api_repr_digest_parse(struct rh_bytes text, struct api_declared *out, unsigned *wanted)
{
    if (!parse(text, out))
        return false;
    if (out->is)
        *wanted |= 1U << out->which;
    return true;
}

void api_want_digest_parse(struct rh_bytes text, unsigned *wanted)
{
    struct rh_sf sf;
    struct rh_bytes key;
    struct rh_sf_value value;
    unsigned mask = 0;
    rh_sf_init(&sf, text);
    while (rh_sf_dict_next(&sf, &key, &value)) {
        size_t at = find(key);
        bool unwanted = value.type != RH_SF_INTEGER || value.integer < 1;
        if (at < ALGORITHMS && unwanted)
            mask &= ~(1U << algorithms[at].which);
        else if (at < ALGORITHMS)
            mask |= 1U << algorithms[at].which;
    }
    if (rh_sf_end(&sf) == RH_OK)
        *wanted |= mask;
}

bool api_digest_heads_read(struct rh_exchange *x)
{
    struct api_resumable *known = x->resumable;
    struct rh_bytes value;
    bool content = rh_request_single(x->request, "Content-Digest", &value) != RH_OK ||
                   parse(value, &known->content);
    bool whole = rh_request_single(x->request, "Repr-Digest", &value) != RH_OK ||
                 api_repr_digest_parse(value, &known->whole, &known->wanted);
    if (!content || !whole)
        api_fail(x, "invalid_field", "%s holds a value that is not of its algorithm.",
                 content ? "Repr-Digest" : "Content-Digest");
    if (rh_request_single(x->request, "Want-Repr-Digest", &value) == RH_OK)
        api_want_digest_parse(value, &known->wanted);
    return content && whole;
}

static bool fits(struct rh_exchange *x, const struct api_declared *declared)
{
    uint8_t value[API_DIGEST_BYTES_MAX];
    size_t size = api_digest_value(x, declared->which, value);
    return size > 0 && rh_mem_compare(value, declared->value, size) == 0;
}

bool api_content_digest_fits(struct rh_exchange *x)
{
    return !x->resumable->content.is || fits(x, &x->resumable->content);
}

/* ---- of the whole ---- */

static void put_be64(uint8_t out[8], uint64_t number)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(number >> (56 - 8 * i));
}

/* The digest of all bytes, where it is known. */
static size_t whole_value(struct rh_exchange *x, enum api_digest which,
                          uint8_t out[API_DIGEST_BYTES_MAX])
{
    const struct api_resumable *known = x->resumable;
    if (which == API_DIGEST_CRC64NVME && known->has_repr_crc64) {
        put_be64(out, known->repr_crc64);
        return 8;
    }
    if (known->has_sha & (1U << which)) {
        memcpy(out, known->repr_sha[which == API_DIGEST_SHA512], sizeof known->repr_sha[0]);
        return api_digest_size(which);
    }
    return known->offset == 0 && x->digests != NULL ? api_digest_value(x, which, out) : 0;
}

unsigned api_repr_digest_lacks(struct rh_exchange *x, bool all)
{
    const struct api_resumable *known = x->resumable;
    uint8_t value[API_DIGEST_BYTES_MAX];
    unsigned mask = all ? known->wanted : known->whole.is ? 1U << known->whole.which : 0;
    if ((mask & (1U << API_DIGEST_SHA512)) && whole_value(x, API_DIGEST_SHA512, value) == 0)
        return 512;
    if ((mask & (1U << API_DIGEST_SHA256)) && whole_value(x, API_DIGEST_SHA256, value) == 0)
        return 256;
    return 0;
}

void api_repr_digest_note(struct rh_exchange *x, const struct rh_vault_reply *reply)
{
    struct api_resumable *known = x->resumable;
    const struct rh_upload_view *upload = &reply->upload;
    if (known->asked_bits != 0) {
        bool long_one = known->asked_bits == 512;
        memcpy(known->repr_sha[long_one], reply->digest, sizeof reply->digest);
        known->has_sha |= 1U << (long_one ? API_DIGEST_SHA512 : API_DIGEST_SHA256);
        known->asked_bits = 0;
    }
    if (upload->state == RH_UPLOAD_DONE) {
        known->repr_crc64 = upload->crc64;
        known->has_repr_crc64 = true;
    } else if (reply->durable_count == 1 && reply->durable[0].offset == 0 &&
               reply->durable[0].length == upload->cursor) {
        known->repr_crc64 = reply->durable[0].crc64;
        known->has_repr_crc64 = true;
    }
}

bool api_repr_digest_fits(struct rh_exchange *x)
{
    const struct api_declared *whole = &x->resumable->whole;
    uint8_t value[API_DIGEST_BYTES_MAX];
    size_t size = whole->is ? whole_value(x, whole->which, value) : 0;
    return size == 0 || rh_mem_compare(value, whole->value, size) == 0;
}

void api_repr_digest_add(struct rh_exchange *x)
{
    uint8_t value[API_DIGEST_BYTES_MAX];
    uint8_t memory[256];
    struct rh_buffer text;
    rh_buffer_init(&text, memory, sizeof memory);
    for (size_t i = 0; i < ALGORITHMS; i++) {
        if ((x->resumable->wanted & (1U << algorithms[i].which)) == 0)
            continue;
        size_t size = whole_value(x, algorithms[i].which, value);
        if (size == 0)
            continue;
        (void)rh_buffer_put_str(&text, text.size == 0 ? "" : ", ");
        (void)rh_buffer_put_str(&text, algorithms[i].name);
        (void)rh_buffer_put_str(&text, "=");
        (void)rh_sf_put_byte_sequence(&text, value, size);
    }
    if (text.size > 0)
        (void)rh_response_add(x->response, "Repr-Digest", rh_buffer_bytes(&text));
}
