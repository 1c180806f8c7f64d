/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_ENGINE_CODING_H
#define REELHAUL_ENGINE_CODING_H
/* Whether it pays to compress a part. A decision over facts, so that a test can go through them. */
#include "reelhaul/engine.h"

/* What a media type says about compressing. */
enum rh_media {
    RH_MEDIA_UNKNOWN = 0, /* nothing: the sample decides */
    RH_MEDIA_PACKED = 1,  /* compressed already: video, most audio and pictures, archives */
    RH_MEDIA_PLAIN = 2,   /* text, JSON, raw sound and pictures */
};
enum rh_media rh_media_of(struct rh_bytes mime);

#define RH_SAMPLE_BYTES_MIN 4096u /* a smaller sample says nothing */

struct rh_coding_facts {
    enum rh_coding_use use;
    uint8_t offered; /* by the server, as bits */
    uint8_t able;    /* of the shell, as bits */
    enum rh_media media;
    uint32_t plain_bytes; /* of the sample */
    uint32_t coded_bytes;
    uint64_t coder_bytes_s;
    uint64_t link_bytes_s; /* of what really leaves; 0: not known */
    bool metered;          /* bytes cost money */
};

enum rh_coding rh_coding_choose(const struct rh_coding_facts *facts);

#endif
