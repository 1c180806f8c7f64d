/* SPDX-License-Identifier: MIT */
#ifndef API_RESUMABLE_H
#define API_RESUMABLE_H
/*
 * What the dialects share that stand on an upload with a cursor and are not tus: resumable.c
 * (IETF), range_put.c and filepond.c. A request of theirs may be several of the vault's, one after
 * another: `stage` says which one is under way.
 */
#include "api/internal.h"

enum api_stage {
    API_STAGE_LOOK = 1, /* GET: what is known of it */
    API_STAGE_CREATE,
    API_STAGE_WRITE,
    API_STAGE_FINISH,
    API_STAGE_DIGEST, /* of all bytes, where they did not come in one body */
    API_STAGE_DROP,   /* DELETE, after a fault that ends the upload; the fault is answered */
};

/* A digest of RFC 9530 that was declared. */
struct api_declared {
    bool is;
    enum api_digest which;
    uint8_t value[API_DIGEST_BYTES_MAX];
};

/* What a request has to remember of its head. */
struct api_resumable {
    enum api_stage stage;
    char upload[RH_ID_TEXT_MAX]; /* "": not known yet */
    bool created;                /* by this request */
    uint64_t offset;             /* of the body */
    uint64_t length;             /* of the body, or RH_SIZE_UNKNOWN */
    uint64_t total;              /* of the upload as declared, or RH_SIZE_UNKNOWN */

    /* resumable.c */
    unsigned version; /* interop version 3 to 8; 0: none, or one that is not known */
    bool inverted;    /* it says Upload-Incomplete */
    bool complete;    /* the upload ends with this body */
    struct api_declared content;
    struct api_declared whole; /* Repr-Digest */
    unsigned wanted;           /* 1 << API_DIGEST_…: Want-Repr-Digest, and of Repr-Digest */
    bool problem_digest;       /* the fault is a digest that does not match */
    bool problem_length;       /* … is a length that contradicts another */
    bool problem_done;         /* … is an upload that is complete already */
    bool finished;             /* the upload is done: digests are for the answer alone */
    unsigned asked_bits;       /* DIGEST under way: 256 or 512 */
    unsigned has_sha;          /* 1 << API_DIGEST_SHA…: repr_sha has it */
    uint8_t repr_sha[2][64];   /* SHA-256, SHA-512 of all bytes */
    uint64_t repr_crc64;       /* of all bytes, once they are durable */
    bool has_repr_crc64;
};

/* Makes x->resumable; false: failed. */
bool api_resumable_remember(struct rh_exchange *x);
/* The length of the body as the head has it: RH_SIZE_UNKNOWN for chunked, 0 for none. */
uint64_t api_resumable_body_length(const struct rh_exchange *x);
/* A request about x->resumable->upload. NULL: failed. */
struct rh_vault_request *api_resumable_request(struct rh_exchange *x, enum rh_request_kind kind,
                                               enum api_stage stage);
/* WRITE of the body at the remembered offset. NULL: failed. */
struct rh_vault_request *api_resumable_write(struct rh_exchange *x);
/* CREATE with a cursor; its name from Content-Disposition, its type from Content-Type. */
struct rh_vault_request *api_resumable_new(struct rh_exchange *x);
/* Notes the fault, forgets the upload, and then answers. */
void api_resumable_drop(struct rh_exchange *x, const char *code, const char *message);
/* Reads an upload id of the path into x->resumable; false: failed. */
bool api_resumable_target(struct rh_exchange *x);
void api_resumable_location(struct rh_exchange *x);
/* Where a finished upload's bytes are served: its state beside them. */
void api_resumable_file_headers(const struct rh_exchange *x, struct rh_response *response);
/* What OPTIONS says of it. */
void api_resumable_options(struct rh_exchange *x);
/* Members that people and clients may want of an upload. */
json_t *api_resumable_json(const struct rh_upload_view *upload);
/* The file name of a Content-Disposition (RFC 6266), filename* before filename; "" where there is
 * none. What does not fit is cut off. */
void api_disposition_name(struct rh_bytes value, char out[RH_FILE_NAME_MAX]);

/* ---- resumable_digest.c ---- */

/* Content-Digest, Repr-Digest and Want-Repr-Digest of the head; false: failed. */
bool api_digest_heads_read(struct rh_exchange *x);
/* The same of a creation's Repr-Digest, as it was kept. */
bool api_repr_digest_parse(struct rh_bytes text, struct api_declared *out, unsigned *wanted);
void api_want_digest_parse(struct rh_bytes text, unsigned *wanted);
/* Whether the body is what Content-Digest says; true where it says nothing. */
bool api_content_digest_fits(struct rh_exchange *x);
/* Takes what the vault knows of all bytes. */
void api_repr_digest_note(struct rh_exchange *x, const struct rh_vault_reply *reply);
/* Whether the whole is what Repr-Digest says; true where that is not known. */
bool api_repr_digest_fits(struct rh_exchange *x);
/* A SHA of the whole that is wanted (`all`), or has to be compared, and that only the store can
 * tell: 256, 512, or 0. */
unsigned api_repr_digest_lacks(struct rh_exchange *x, bool all);
/* Adds Repr-Digest by what is known of the whole, of what was asked for. */
void api_repr_digest_add(struct rh_exchange *x);

#endif
