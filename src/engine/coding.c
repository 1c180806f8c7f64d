/* SPDX-License-Identifier: MIT */
#include "engine/coding.h"

#include "base/bytes.h"

static bool begins(struct rh_bytes mime, const char *with)
{
    return rh_bytes_starts_with(mime, with);
}

static bool any(struct rh_bytes mime, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (rh_bytes_equal_nocase(mime, rh_bytes_of(names[i])))
            return true;
    return false;
}

enum rh_media rh_media_of(struct rh_bytes mime)
{
    static const char *const plain[] = {
        "audio/wav",         "audio/x-wav",     "audio/vnd.wave",         "audio/aiff",
        "audio/x-aiff",      "audio/l16",       "image/svg+xml",          "image/bmp",
        "image/tiff",        "image/x-bmp",     "application/json",       "application/xml",
        "application/x-tar", "application/sql", "application/javascript", "application/x-ndjson",
    };
    static const char *const packed[] = {
        "application/zip",
        "application/gzip",
        "application/x-gzip",
        "application/zstd",
        "application/x-7z-compressed",
        "application/x-xz",
        "application/x-bzip2",
        "application/vnd.rar",
        "application/mp4",
        "application/ogg",
    };
    /* Parameters say nothing here: "video/webm;codecs=vp9". */
    size_t end = rh_bytes_find(mime, ';');
    mime = rh_bytes_trim((struct rh_bytes){mime.data, end});
    if (any(mime, plain, sizeof plain / sizeof plain[0]) || begins(mime, "text/"))
        return RH_MEDIA_PLAIN;
    if (any(mime, packed, sizeof packed / sizeof packed[0]) || begins(mime, "video/") ||
        begins(mime, "audio/") || begins(mime, "image/"))
        return RH_MEDIA_PACKED;
    return RH_MEDIA_UNKNOWN;
}

/* Does the sample say that a tenth or more is saved? */
static bool shrinks(const struct rh_coding_facts *f)
{
    return f->plain_bytes >= RH_SAMPLE_BYTES_MIN &&
           (uint64_t)f->coded_bytes * 10 <= (uint64_t)f->plain_bytes * 9;
}

/*
 * Coding and then sending against sending, per million plain bytes, in microseconds; sending comes
 * after coding, as a part is coded whole. A tenth must be gained, or the processor's work and the
 * noise of both speeds are not worth it.
 */
static bool is_faster(const struct rh_coding_facts *f)
{
    const uint64_t unit = 1000000;
    if (f->coder_bytes_s == 0 || f->link_bytes_s == 0)
        return false;
    uint64_t plain_us = unit * unit / f->link_bytes_s;
    uint64_t coded_us = unit * unit / f->coder_bytes_s +
                        plain_us / f->plain_bytes * f->coded_bytes +
                        plain_us % f->plain_bytes * f->coded_bytes / f->plain_bytes;
    return coded_us <= plain_us / 10 * 9;
}

enum rh_coding rh_coding_choose(const struct rh_coding_facts *facts)
{
    unsigned both = (unsigned)facts->offered & facts->able;
    enum rh_coding best = (both >> RH_CODING_ZSTD & 1) != 0   ? RH_CODING_ZSTD
                          : (both >> RH_CODING_GZIP & 1) != 0 ? RH_CODING_GZIP
                                                              : RH_CODING_IDENTITY;
    if (facts->use == RH_CODING_OFF)
        return RH_CODING_IDENTITY;
    if (facts->use == RH_CODING_ALWAYS)
        return best;
    if (facts->media == RH_MEDIA_PACKED || !shrinks(facts))
        return RH_CODING_IDENTITY;
    /* On a metered network each byte saved counts, if it does not make things slower. */
    bool slower = facts->coder_bytes_s == 0 || facts->coder_bytes_s < facts->link_bytes_s;
    if (facts->metered && !slower)
        return best;
    return is_faster(facts) ? best : RH_CODING_IDENTITY;
}
