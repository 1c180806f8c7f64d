/* SPDX-License-Identifier: MIT */
/*
 * Checksums of a body by the algorithms that protocols let a sender choose. The bytes go past once,
 * under the grant; what was declared is compared when the body is whole. Ours (CRC-64/NVME) is
 * taken in any case and is not taken twice.
 */
#include <stdlib.h>

#include <openssl/evp.h>

#include "api/internal.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/crc64.h"

struct api_digests {
    unsigned mask;
    bool failed;
    EVP_MD_CTX *contexts[API_DIGEST_COUNT];
    uint32_t crc32c;
    uint64_t crc64; /* over all of the body, checkpoints included */
};

static const EVP_MD *method_of(enum api_digest which)
{
    switch (which) {
    case API_DIGEST_SHA1:
        return EVP_sha1();
    case API_DIGEST_SHA256:
        return EVP_sha256();
    case API_DIGEST_SHA512:
        return EVP_sha512();
    case API_DIGEST_MD5:
        return EVP_md5();
    case API_DIGEST_CRC32C:
    case API_DIGEST_CRC64NVME:
        break;
    }
    return NULL;
}

size_t api_digest_size(enum api_digest which)
{
    if (which == API_DIGEST_CRC32C)
        return 4;
    if (which == API_DIGEST_CRC64NVME)
        return 8;
    return (size_t)EVP_MD_get_size(method_of(which));
}

bool api_digests_begin(struct rh_exchange *x, unsigned mask)
{
    x->digests = calloc(1, sizeof *x->digests);
    if (x->digests == NULL) {
        api_fail(x, "overloaded", NULL);
        return false;
    }
    x->digests->mask = mask;
    for (unsigned i = 0; i < API_DIGEST_COUNT; i++) {
        const EVP_MD *method = method_of((enum api_digest)i);
        if ((mask & (1U << i)) == 0 || method == NULL)
            continue;
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        x->digests->contexts[i] = context;
        if (context == NULL || EVP_DigestInit_ex(context, method, NULL) != 1) {
            api_fail(x, "overloaded", NULL);
            return false;
        }
    }
    return true;
}

void api_digests_update(struct rh_exchange *x, const void *data, size_t size)
{
    struct api_digests *digests = x->digests;
    for (unsigned i = 0; i < API_DIGEST_COUNT; i++) {
        EVP_MD_CTX *context = digests->contexts[i];
        if (context != NULL && EVP_DigestUpdate(context, data, size) != 1)
            digests->failed = true;
    }
    if ((digests->mask & (1U << API_DIGEST_CRC32C)) != 0)
        digests->crc32c = rh_crc32c_update(digests->crc32c, data, size);
    if ((digests->mask & (1U << API_DIGEST_CRC64NVME)) != 0)
        digests->crc64 = rh_crc64_update(digests->crc64, data, size);
}

size_t api_digest_value(struct rh_exchange *x, enum api_digest which,
                        uint8_t out[API_DIGEST_BYTES_MAX])
{
    const struct api_digests *digests = x->digests;
    if (digests == NULL || digests->failed || (digests->mask & (1U << which)) == 0)
        return 0;
    if (which == API_DIGEST_CRC32C) {
        for (unsigned i = 0; i < 4; i++)
            out[i] = (uint8_t)(digests->crc32c >> (24 - 8 * i));
        return 4;
    }
    if (which == API_DIGEST_CRC64NVME) {
        rh_be64_put(out, digests->crc64);
        return 8;
    }
    /* Of a copy: the digest may have to go on. */
    unsigned size = 0;
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    if (copy == NULL || EVP_MD_CTX_copy_ex(copy, digests->contexts[which]) != 1 ||
        EVP_DigestFinal_ex(copy, out, &size) != 1)
        size = 0;
    EVP_MD_CTX_free(copy);
    return size;
}

void api_digests_finish(struct rh_exchange *x)
{
    if (x->digests == NULL)
        return;
    for (unsigned i = 0; i < API_DIGEST_COUNT; i++)
        EVP_MD_CTX_free(x->digests->contexts[i]);
    free(x->digests);
    x->digests = NULL;
}
