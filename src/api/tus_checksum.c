/* SPDX-License-Identifier: MIT */
/*
 * The extensions "checksum" and "checksum-trailer": `Upload-Checksum: sha1 BASE64` of a body, in
 * its head or behind it. A body with a declared checksum counts whole or not at all.
 */
#include <stdlib.h>
#include <string.h>

#include "api/tus.h"
#include "base/assert.h"
#include "base/base64.h"
#include "base/bytes.h"

/* In the order of Tus-Checksum-Algorithm. */
static const struct {
    const char *name;
    enum api_digest which;
} algorithms[] = {
    {"sha1", API_DIGEST_SHA1},     {"sha256", API_DIGEST_SHA256},       {"md5", API_DIGEST_MD5},
    {"crc32c", API_DIGEST_CRC32C}, {"crc64nvme", API_DIGEST_CRC64NVME},
};
#define ALGORITHM_COUNT (sizeof algorithms / sizeof algorithms[0])

/* NULL: read; else what is wrong with it. */
static const char *parse(struct rh_bytes value, struct api_tus *tus)
{
    size_t space = rh_bytes_find(value, ' ');
    struct rh_bytes name = {value.data, space};
    size_t found = 0;
    while (found < ALGORITHM_COUNT && !rh_bytes_equal_str(name, algorithms[found].name))
        found++;
    if (found == ALGORITHM_COUNT)
        return "Upload-Checksum names an algorithm that is not known here: sha1, sha256, md5, "
               "crc32c and crc64nvme are.";
    tus->which = algorithms[found].which;
    ptrdiff_t size = -1;
    if (space < value.size)
        size = rh_base64_decode(tus->expected, sizeof tus->expected,
                                (const char *)value.data + space + 1, value.size - space - 1);
    if (size < 0 || (size_t)size != api_digest_size(tus->which))
        return "Upload-Checksum must be an algorithm, a space, and the checksum in base 64.";
    return NULL;
}

static bool begin(struct rh_exchange *x, struct rh_vault_request *request, unsigned mask)
{
    request->verified = true;
    x->tus->checks = true;
    return api_digests_begin(x, mask);
}

bool api_tus_checksum_read(struct rh_exchange *x, struct rh_vault_request *request)
{
    struct rh_bytes value;
    enum rh_error error = api_header_find(x, "Upload-Checksum", &value);
    if (error == RH_ERR_UNKNOWN) {
        if (!rh_request_lists(x->request, "Trailer", "Upload-Checksum"))
            return true;
        /* Which algorithm it will be is said behind the bytes. */
        unsigned all = 0;
        for (size_t i = 0; i < ALGORITHM_COUNT; i++)
            all |= 1U << algorithms[i].which;
        x->tus->trailer = true;
        return begin(x, request, all);
    }
    if (error != RH_OK)
        return false;
    const char *wrong = parse(value, x->tus);
    if (wrong != NULL) {
        api_fail(x, "invalid_field", "%s", wrong);
        return false;
    }
    return begin(x, request, 1U << x->tus->which);
}

static const struct rh_header *trailer_find(const struct rh_request *request, const char *name)
{
    for (size_t i = 0; i < request->trailer_count; i++) {
        if (rh_bytes_equal_nocase(request->trailers[i].name, rh_bytes_of(name)))
            return &request->trailers[i];
    }
    return NULL;
}

/* False: failed, and nothing of the body is kept. */
static bool read_trailer(struct rh_exchange *x)
{
    const struct rh_header *header = trailer_find(x->request, "Upload-Checksum");
    const char *wrong = "The trailer Upload-Checksum was announced and did not come.";
    if (header != NULL)
        wrong = parse(header->value, x->tus);
    if (wrong != NULL)
        api_fail(x, "invalid_field", "%s", wrong);
    return wrong == NULL;
}

static bool matches(struct rh_exchange *x)
{
    uint8_t value[API_DIGEST_BYTES_MAX];
    size_t size = api_digest_value(x, x->tus->which, value);
    return size > 0 && memcmp(value, x->tus->expected, size) == 0;
}

void api_tus_end(struct rh_exchange *x)
{
    if (x->tus == NULL || !x->tus->checks) {
        api_sink_report(x, RH_WRITTEN_WHOLE);
        return;
    }
    if (x->tus->trailer && !read_trailer(x))
        return;
    api_sink_report(x, matches(x) ? RH_WRITTEN_WHOLE : RH_WRITTEN_MISMATCH);
}
