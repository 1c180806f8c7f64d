/* SPDX-License-Identifier: MIT */
/* What every backend of the store shares. */
#include "vault/store.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void rh_store_job_finish(struct rh_store_job *job)
{
    free(job->text);
    job->text = NULL;
    job->text_size = 0;
}

const char *rh_store_extension(const char *mime)
{
    static const struct {
        const char *mime;
        const char *extension;
    } known[] = {
        {"video/webm", ".webm"},     {"video/mp4", ".mp4"},        {"audio/webm", ".weba"},
        {"audio/mp4", ".m4a"},       {"audio/ogg", ".ogg"},        {"video/ogg", ".ogv"},
        {"video/quicktime", ".mov"}, {"video/x-matroska", ".mkv"}, {"audio/mpeg", ".mp3"},
        {"audio/wav", ".wav"},       {"image/png", ".png"},        {"image/jpeg", ".jpg"},
        {"application/pdf", ".pdf"}, {"text/plain", ".txt"},       {"application/zip", ".zip"},
    };
    /* Parameters (";codecs=vp9") say nothing about the container. */
    size_t size = strcspn(mime, "; \t");
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strlen(known[i].mime) == size && strncasecmp(known[i].mime, mime, size) == 0)
            return known[i].extension;
    }
    return ".bin";
}
