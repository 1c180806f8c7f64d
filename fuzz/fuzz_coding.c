/* SPDX-License-Identifier: MIT */
/*
 * The decoder of request bodies. The first byte of the input chooses the coding and how the rest is
 * cut; no input may make more bytes than the bounds allow, and a sound one becomes the same bytes
 * however it is cut.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc64.h"
#include "http/coding.h"

#define BYTES_MAX ((uint64_t)8 << 20)

struct outcome {
    enum rh_error error;
    uint64_t made;
    uint64_t crc64;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *what)
{
    fprintf(stderr, "fuzz_coding: %s\n", what);
    abort();
}

/* Feeds one cut; what is over at the end would be lost. */
static void feed(struct rh_coding *coding, struct rh_bytes in, uint8_t *out, size_t cap,
                 struct outcome *o)
{
    while (o->error == RH_OK) {
        size_t used = 0;
        size_t made = 0;
        o->error = rh_coding_next(coding, in, &used, out, cap, &made);
        if (used > in.size || made > cap)
            fail("more than there was room for");
        if (o->error != RH_OK && made > 0)
            fail("an error made bytes");
        in.data += used;
        in.size -= used;
        o->made += made;
        o->crc64 = rh_crc64_update(o->crc64, out, made);
    }
    if (o->error == RH_ERR_AGAIN && in.size > 0)
        fail("more was wanted before all was used");
    if (o->error == RH_ERR_AGAIN)
        o->error = RH_OK;
}

static struct outcome decode(enum rh_coding_kind kind, const uint8_t *data, size_t size, size_t cut,
                             size_t cap)
{
    struct outcome o = {.error = RH_OK};
    struct rh_coding *coding = rh_coding_create(kind, BYTES_MAX);
    uint8_t *out = malloc(cap);
    if (coding == NULL || out == NULL)
        fail("no memory");
    for (size_t at = 0; at < size && o.error == RH_OK; at += cut) {
        size_t part = size - at < cut ? size - at : cut;
        feed(coding, (struct rh_bytes){data + at, part}, out, cap, &o);
    }
    if (o.error == RH_OK)
        o.error = rh_coding_end(coding);
    else if (rh_coding_end(coding) != o.error)
        fail("an error did not stay");
    if (o.made > BYTES_MAX || o.made > RH_CODING_SLACK_BYTES + size * RH_CODING_RATIO_MAX + 255)
        fail("beyond a bound");
    rh_coding_destroy(coding);
    free(out);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 65536)
        return 0;
    enum rh_coding_kind kind = data[0] & 1 ? RH_CODING_ZSTD : RH_CODING_GZIP;
    size_t cut = (size_t)(data[0] >> 1) + 1;
    struct outcome whole = decode(kind, data + 1, size - 1, size, 16384);
    struct outcome cuts = decode(kind, data + 1, size - 1, cut, 1000);
    if ((whole.error == RH_OK) != (cuts.error == RH_OK))
        fail("a cut decides whether it is sound");
    if (whole.error == RH_OK && (whole.made != cuts.made || whole.crc64 != cuts.crc64))
        fail("a cut decides what it becomes");
    return 0;
}
