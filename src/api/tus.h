/* SPDX-License-Identifier: MIT */
#ifndef API_TUS_H
#define API_TUS_H
/* What the files of the tus dialect share: tus.c, tus_create.c, tus_concat.c, tus_checksum.c. */
#include "api/internal.h"

#define TUS_VERSION "1.0.0"

/* What a request has to remember of its head. */
struct api_tus {
    bool checks; /* a checksum was declared, in the head or for a trailer */
    bool trailer;
    enum api_digest which;
    uint8_t expected[API_DIGEST_BYTES_MAX];
    bool created; /* POST: the upload is there */
    char upload[RH_ID_TEXT_MAX];
    struct rh_vault_request *first; /* POST: the write of the body that came along; NULL: none */
};

/* tus_checksum.c. Reads Upload-Checksum, or that a trailer will bring it, into the request and
 * x->tus; false: failed. */
bool api_tus_checksum_read(struct rh_exchange *x, struct rh_vault_request *request);
/* The body is whole: reports it as it is, or as another than was declared. */
void api_tus_end(struct rh_exchange *x);

/* tus_create.c */
void api_tus_create(struct rh_exchange *x);
void api_tus_created(struct rh_exchange *x, struct rh_vault_reply *reply);

/* tus_concat.c. Upload-Concat of a creation: kind and sources; false: failed. */
bool api_tus_concat_read(struct rh_exchange *x, struct rh_vault_request *request);

/* tus.c. The length of the body, for WRITE; false: failed. */
bool api_tus_body_length(struct rh_exchange *x, uint64_t *out);
bool api_tus_number(struct rh_exchange *x, const char *name, bool required, uint64_t *out);

#endif
