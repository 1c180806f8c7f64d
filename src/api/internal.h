/* SPDX-License-Identifier: MIT */
#ifndef API_INTERNAL_H
#define API_INTERNAL_H
/* What the files of this room share, and nobody else includes. */
#include <jansson.h>

#include "api/api.h"
#include "http/multipart.h"
#include "vault/json.h"

#define API_PARAMS_MAX      2
#define API_PARAM_BYTES     256
#define API_FIELD_BYTES     256 /* value of a known form field; longer ones are refused */
#define API_FIELDS_MAX      6   /* known fields of a form, the chunk apart */
#define API_FEED_BYTES      16384
#define API_CHUNK_COUNT_MAX 10000000
#define API_JSON_DEPTH_MAX  32
#define API_TIME_TEXT       24

/* ---- errors.c: the one table ---- */

struct api_error {
    const char *code;
    unsigned status;
    const char *message; /* for people; a fault may say it more exactly */
    const char *hint;    /* what to do; may be NULL */
};

const struct api_error *api_error_find(const char *code); /* never NULL: "internal" for unknown */
const char *api_error_of_reply(enum rh_reply_code code);  /* a code; replies that are errors only */
/* {"error":{"code","message","hint"}}, or NULL without memory. */
json_t *api_error_json(const struct api_error *error, const char *message);

/* ---- the exchange ---- */

enum api_body {
    API_BODY_NONE = 1, /* the route takes none */
    API_BODY_JSON,
    API_BODY_FORM, /* multipart/form-data */
    API_BODY_PART, /* raw bytes, or the form */
    API_BODY_RAW,  /* bytes of an upload of any size; `begin` looks at the type */
    API_BODY_TEXT, /* a few bytes, held for `text` */
};

enum api_mode {
    API_MODE_NONE = 1, /* body neither wanted nor read */
    API_MODE_JSON,     /* gathered */
    API_MODE_FORM,
    API_MODE_RAW,   /* goes under the grant */
    API_MODE_DRAIN, /* read and forgotten; the response is ready */
};

enum api_ask {
    API_ASK_NONE = 0,
    API_ASK_WAITING, /* for a grant or a reply */
    API_ASK_GRANTED, /* bytes are being written */
    API_ASK_WRITTEN, /* reported; for the reply */
};

struct api_field {
    char text[API_FIELD_BYTES]; /* with NUL */
    size_t size;
    bool seen;
    bool too_long;
};

struct api_form {
    struct rh_multipart parser;
    uint8_t head[RH_MULTIPART_HEAD_BYTES];
    struct api_field fields[API_FIELDS_MAX];
    size_t field_at; /* being read: an index, API_FIELDS_MAX the chunk, beyond: an unknown one */
    size_t text_bytes;
    char mime[RH_MIME_TEXT_MAX]; /* of the chunk part; "" */
    struct rh_bytes file_name;   /* of the chunk part, until that ends; empty */
    bool chunk_seen;
    bool chunk_over;
    bool asked;
};

/* What a form may hold, the part "chunk" apart; the first `required` must be there. */
struct api_form_spec {
    const char *names[API_FIELDS_MAX];
    size_t count;
    size_t required;
    bool chunk_optional; /* without it the first field alone must be there */
    bool chunk_by_file;  /* the chunk is the part with a file name, whatever its name */
};

/*
 * How one protocol is heard on the resources below /files/ (files.c chooses by the head, before
 * anything is refused, so that refusals speak it too). A method that is NULL gets 405.
 */
struct api_dialect {
    const char *name;
    void (*create)(struct rh_exchange *); /* POST /files/ */
    void (*head)(struct rh_exchange *);
    bool gets;                            /* GET asks as HEAD does, and goes to `replied` */
    void (*append)(struct rh_exchange *); /* PATCH */
    void (*put)(struct rh_exchange *);    /* PUT, and POST to an upload */
    void (*cancel)(struct rh_exchange *); /* DELETE */
    void (*replied)(struct rh_exchange *, struct rh_vault_reply *);
    /* The body is whole; NULL: reported as it is. */
    void (*end)(struct rh_exchange *);
    /* x->committed was told (RH_DO_PROGRESS); may be NULL. */
    void (*progressed)(struct rh_exchange *);
    /* An error is about to be answered: may change fault and fault_status. reply may be NULL. */
    void (*fault)(struct rh_exchange *, const struct rh_vault_reply *);
    /* The body of that answer as an object of application/problem+json (RFC 9457), or NULL: ours.
     */
    json_t *(*problem)(struct rh_exchange *, const struct rh_vault_reply *);
    /* The vault refused: true where the dialect goes on by itself (it has asked for something else,
     * or answered). */
    bool (*refused)(struct rh_exchange *, struct rh_vault_reply *);
    /* Adds its headers to an answer of any kind. reply may be NULL. */
    void (*headers)(struct rh_exchange *, const struct rh_vault_reply *);
};

struct api_route {
    enum rh_method method; /* RH_METHOD_OTHER: any */
    const char *pattern;   /* "{x}" is one segment, a last "*" is the rest */
    enum rh_role role;     /* the least that may */
    const char *name;
    enum api_body body;
    void (*begin)(struct rh_exchange *);              /* NONE, and raw PART: asks or responds */
    void (*json)(struct rh_exchange *, json_t *body); /* JSON; NULL: the body was empty */
    const struct api_form_spec *form;
    void (*form_ask)(struct rh_exchange *); /* the fields are there */
    void (*text)(struct rh_exchange *);     /* TEXT: it is held */
    void (*replied)(struct rh_exchange *, struct rh_vault_reply *);
    bool enrol; /* enrol_open lowers the role to anonymous */
    bool coded; /* takes bodies with a Content-Encoding (coding.c) */
};

/* What is of use of a grant. */
struct api_grant {
    uint64_t handle;
    uint64_t bytes_max;
    struct rh_grant_span *spans; /* malloc'ed, room for one at the least; NULL: never granted */
    size_t span_count;
    bool checkpoint;
};

/*
 * There are as many as bodies that trickle in: what is of use only before or after the body is
 * allocated when it is needed.
 */
struct rh_exchange {
    struct rh_api *api;
    const struct rh_request *request;
    uint64_t op;
    enum rh_want want;
    const struct api_route *route;
    enum rh_method method;             /* the effective one: X-HTTP-Method-Override counts */
    const struct api_dialect *dialect; /* NULL: outside of /files/ */
    char *params[API_PARAMS_MAX];      /* malloc'ed; see api_param */
    enum rh_role role;
    char token_session[RH_UUID_TEXT_MAX]; /* RH_ROLE_PARTICIPANT: whose */
    const char *origin;                   /* the configured foreign origin this came from */

    enum api_mode mode;
    bool body_over; /* all of it was read, and decoded */
    bool wire_over; /* all of it was given, as it came */
    bool body_broken;
    enum rh_error broken_why;
    uint64_t body_taken; /* as it came */
    uint64_t skip;       /* of a raw body: so many bytes more are passed over, for they are there */
    uint64_t drained;
    uint8_t *held; /* JSON, or a chunk that waits for its ids */
    size_t held_size;
    size_t held_cap;
    struct api_form *form;
    struct api_coding *coding; /* NULL: the body has no Content-Encoding */
    const char *accept_coding; /* 415: what would be taken */

    enum api_ask ask;
    bool second;              /* a second request of the same exchange is under way */
    uint64_t declared_offset; /* of the part */
    uint64_t declared_length; /* or RH_SIZE_UNKNOWN */
    uint64_t chunk_index;     /* as the form said */
    uint64_t chunk_count;
    char name[RH_NAME_TEXT_MAX]; /* video id that the answer is about */
    struct api_grant grant;
    struct rh_written written; /* since the last report */
    uint64_t reported;         /* bytes in reports before */
    uint64_t committed;        /* RH_DO_PROGRESS: the upload's cursor; 0: none came */
    size_t span_at;
    struct api_slices *slices;       /* NULL: the sender declared none */
    struct api_digests *digests;     /* of the body, for dialects that declare them; NULL: none */
    struct api_resumable *resumable; /* the same for the dialects of resumable.h */
    struct api_tus *tus;             /* what tus has to remember of the head; NULL: nothing */

    const char *fault;     /* code; NULL: none */
    char *fault_message;   /* malloc'ed; NULL: the code's own */
    unsigned fault_status; /* 0: the code's own */
    char allow[64];        /* 405 and OPTIONS */

    bool answered;                /* the response stands */
    struct rh_response *response; /* NULL until there is one; in `response_memory`, or api->spare */
    void *response_memory;        /* malloc'ed */
    char *text;                   /* the body of the response, malloc'ed */
    const char *text_type;        /* NULL: JSON */
    struct rh_file_ref *file;     /* malloc'ed; NULL: none */
};

/* Notes the first fault (later ones are dropped) and ends the work: reports what was written, waits
 * for the vault where it is busy, else responds. `format` NULL: the code's own message. */
void api_fail(struct rh_exchange *x, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Says a noted fault more exactly. */
void api_note_text(struct rh_exchange *x, const char *message);
/* Notes it only; the way on is somebody else's. */
void api_note(struct rh_exchange *x, const char *code, const char *message);

/* A zeroed request of this exchange with every number unknown, and room for RH_FILE_NAME_MAX bytes
 * in file_name if it is a CREATE; NULL: failed already. */
struct rh_vault_request *api_request_new(struct rh_exchange *x, enum rh_request_kind kind);
/* Posts it: it is the vault's from now on. */
void api_ask(struct rh_exchange *x, struct rh_vault_request *request);
/* The response stands: send it, after draining a short body. */
void api_deliver(struct rh_exchange *x);
/* The page or recording in x->file is to be served. */
void api_deliver_file(struct rh_exchange *x);

/* ---- router.c ---- */

/* Finds route and params. On false it has failed (404, 405, 400) or answered (OPTIONS). */
bool api_route_find(struct rh_exchange *x);
/* A "{x}" of the pattern, decoded; "" where there is none. */
const char *api_param(const struct rh_exchange *x, size_t at);
/* Takes a copy as that; false: failed. */
bool api_param_keep(struct rh_exchange *x, size_t at, struct rh_bytes value);
const struct api_route *api_routes(size_t *count);

/* ---- auth.c ---- */

bool api_auth_doors(struct rh_exchange *x); /* Host and Origin; false: failed */
bool api_auth_role(struct rh_exchange *x);  /* who it is, and whether the route is for them */
/* Whether this exchange may touch a session; false: failed. */
bool api_auth_session(struct rh_exchange *x, const char *session);
/* Whether the server is configured with this host. */
bool api_auth_host(const struct rh_exchange *x, struct rh_bytes authority);
/* Makes a request by upload id reach this exchange's session only. */
void api_auth_scope(const struct rh_exchange *x, struct rh_vault_request *request);
#define API_TOKEN_TEXT 96
void api_auth_session_token(const struct rh_api_config *config, const char *session,
                            char out[API_TOKEN_TEXT]);

/* ---- body.c: gathering, and the sink under a grant ---- */

/* RH_OK; RH_ERR_LIMIT: beyond `cap`; RH_ERR_FULL: beyond what all may hold; RH_ERR_MEMORY. */
enum rh_error api_hold(struct rh_exchange *x, const void *data, size_t size, size_t cap);
void api_hold_release(struct rh_exchange *x);
/* Takes bytes under the grant; on an end (failed, full, too long) it reports. */
void api_sink(struct rh_exchange *x, const uint8_t *data, size_t size);
void api_sink_report(struct rh_exchange *x, enum rh_written_end end);
/* A checkpoint (grants with `checkpoint`): reports what has come since the last report, and goes
 * on. api_sink does it by itself after RH_CHECKPOINT_BYTES. */
void api_sink_sofar(struct rh_exchange *x, bool asked);
uint64_t api_sink_crc(const struct rh_exchange *x); /* of all that was taken */
/* Nothing of what was taken under the grant will count, slices or not. */
void api_sink_drop(struct rh_exchange *x);

/* ---- coding.c: bodies with a Content-Encoding ---- */

/* False: failed. Bodies that the route does not decode are refused here. */
bool api_coding_begin(struct rh_exchange *x);
/* As rh_exchange_body and rh_exchange_body_end, for coded bodies. */
size_t api_coding_feed(struct rh_exchange *x, const uint8_t *data, size_t size);
void api_coding_end(struct rh_exchange *x);
/* After a wait: what was decoded before it goes on. */
void api_coding_go_on(struct rh_exchange *x);
void api_coding_release(struct rh_exchange *x);
/* exchange.c: plain content, and its end. */
size_t api_content(struct rh_exchange *x, const uint8_t *data, size_t size);
void api_content_end(struct rh_exchange *x);

/* ---- digests.c: checksums of a body by other algorithms than ours ---- */

enum api_digest {
    API_DIGEST_SHA1,
    API_DIGEST_SHA256,
    API_DIGEST_SHA512,
    API_DIGEST_MD5,
    API_DIGEST_CRC32C,   /* 4 bytes, big-endian */
    API_DIGEST_CRC64NVME /* 8 bytes, big-endian */
};
#define API_DIGEST_COUNT     6
#define API_DIGEST_BYTES_MAX 64

/* Those of `mask` (1 << API_DIGEST_…) will be taken of every byte that goes under the grant. False:
 * failed. */
bool api_digests_begin(struct rh_exchange *x, unsigned mask);
void api_digests_update(struct rh_exchange *x, const void *data, size_t size);
size_t api_digest_size(enum api_digest which); /* bytes of a value */
/* The value of all bytes so far. Its size; 0: not among those begun, or failed. */
size_t api_digest_value(struct rh_exchange *x, enum api_digest which,
                        uint8_t out[API_DIGEST_BYTES_MAX]);
void api_digests_finish(struct rh_exchange *x);

/* ---- slices.c: the prefix of a body that can be vouched for, by Reelhaul-Slices ---- */

/* False: failed already. */
bool api_slices_read(struct rh_exchange *x, const struct rh_vault_request *request);
/* So many of the next bytes belong to one slice. */
uint64_t api_slices_room(const struct rh_exchange *x);
/* After bytes were taken; false: a slice was wrong, and it was reported. */
bool api_slices_pass(struct rh_exchange *x);
/* Leaves of what was written what was checked. */
void api_slices_trim(struct rh_exchange *x);

/* ---- form.c ---- */

bool api_form_begin(struct rh_exchange *x); /* false: failed */
size_t api_form_feed(struct rh_exchange *x, const uint8_t *data, size_t size);
void api_form_end(struct rh_exchange *x);
void api_form_granted(struct rh_exchange *x);

/* ---- json.c: reading JSON bodies; each returns false when it has failed ---- */

bool api_json_parse(struct rh_exchange *x, json_t **out); /* of what is held; NULL when empty */
bool api_json_object(struct rh_exchange *x, json_t *body);
/* The member or NULL; null counts as absent. */
json_t *api_json_get(json_t *object, const char *name);
bool api_json_u64(struct rh_exchange *x, json_t *object, const char *name, uint64_t *out);
bool api_json_bool(struct rh_exchange *x, json_t *object, const char *name, bool *out);
/* Numbers that are kept but not used: checked only. */
bool api_json_number_check(struct rh_exchange *x, json_t *object, const char *name);
/* Text of a member, NULL when absent (or failed where required). */
const char *api_json_text(struct rh_exchange *x, json_t *object, const char *name, bool required);

/* ---- ids.c: what clients may call things; each returns false when it has failed ---- */

bool api_id_session(struct rh_exchange *x, struct rh_bytes text, char out[RH_UUID_TEXT_MAX]);
/* Of a session that the client names: a UUID as it would be made here. */
bool api_id_session_new(struct rh_exchange *x, struct rh_bytes text, char out[RH_UUID_TEXT_MAX]);
bool api_id_name(struct rh_exchange *x, struct rh_bytes text, char out[RH_NAME_TEXT_MAX]);
/* `code` is what a malformed one fails with: in a path it is simply not there. */
bool api_id_upload(struct rh_exchange *x, struct rh_bytes text, const char *code,
                   char out[RH_ID_TEXT_MAX]);
bool api_id_participant(struct rh_exchange *x, struct rh_bytes text, char out[RH_NAME_TEXT_MAX]);
bool api_id_mime(struct rh_exchange *x, struct rh_bytes text, char out[RH_MIME_TEXT_MAX]);
/* For what may be any file: its type where we know it for video or audio (or it is one of those
 * that are configured), else application/octet-stream. Fails only where a configured list says no.
 */
void api_id_mime_of_file(struct rh_exchange *x, struct rh_bytes text, char out[RH_MIME_TEXT_MAX]);
struct rh_bytes api_mime_base(const char *mime); /* without parameters */

/* ---- respond.c ---- */

/* All take the reply the answer is about, or NULL; none frees it. json is stolen. */
void api_respond_json(struct rh_exchange *x, unsigned status, json_t *json,
                      const struct rh_vault_reply *reply);
void api_respond_text(struct rh_exchange *x, unsigned status, char *text,
                      const struct rh_vault_reply *reply); /* text is malloc'ed and stolen */
void api_respond_empty(struct rh_exchange *x, unsigned status, const struct rh_vault_reply *reply);
void api_respond_fault(struct rh_exchange *x, const struct rh_vault_reply *reply);
char *api_json_dump(json_t *json); /* steals; compact, with a newline; NULL without memory */
/*
 * Puts a value (stolen) into what is being made. Where memory is out, or the value is NULL for want
 * of it, all of it is given up: *object becomes NULL and stays so. An answer leaves nothing out.
 */
void api_json_set(json_t **object, const char *name, json_t *value);
void api_json_append(json_t **list, json_t *value);
/* Reads what is kept as text; *out is NULL where there is none, or no JSON. False: memory is out.
 */
bool api_json_load(const char *text, json_t **out);
void api_common_headers(const struct rh_exchange *x, struct rh_response *response);
const char *api_state_name(enum rh_upload_state state);
void api_time_text(int64_t unix_s, char out[API_TIME_TEXT]);
/* JSON pieces; NULL without memory. */
json_t *api_json_size(uint64_t size); /* null when unknown */
json_t *api_json_crc64(uint64_t crc64);
json_t *api_json_checksum(uint64_t crc64);
json_t *api_json_missing(const struct rh_vault_reply *reply);
json_t *api_json_durable(const struct rh_vault_reply *reply);
/* Whether an upload without a session has its extension in its name already. */
bool api_name_is_whole(const struct rh_upload_view *upload);
/* Adds size, checksum and url of a finished upload; nothing for others. */
void api_json_add_object(json_t **object, const struct rh_upload_view *upload);

/* ---- files.c: the resources below /files/, in every dialect ---- */

extern const struct api_dialect api_tus;
extern const struct api_dialect api_resumable; /* IETF resumable uploads */
extern const struct api_dialect api_range_put; /* PUT with Content-Range */
extern const struct api_dialect api_filepond;
extern const struct api_dialect api_upload; /* /upload/chunk */
bool api_resumable_speaks(const struct rh_exchange *x);
bool api_range_put_speaks(const struct rh_exchange *x);

/* Chooses dialect and effective method by the head. */
void api_files_choose(struct rh_exchange *x);
void api_files_create(struct rh_exchange *x);
void api_files_get(struct rh_exchange *x); /* and HEAD */
void api_files_append(struct rh_exchange *x);
void api_files_put(struct rh_exchange *x);
void api_files_cancel(struct rh_exchange *x);
void api_files_replied(struct rh_exchange *x, struct rh_vault_reply *reply);
/* What OPTIONS says below /files/: every dialect adds its capabilities. */
void api_files_options(struct rh_exchange *x);
/* 405 */
void api_files_not_allowed(struct rh_exchange *x, const char *allow);
void api_tus_options(struct rh_exchange *x);
void api_tus_release(struct rh_exchange *x);
/* A request about the upload of the path; NULL: failed. */
struct rh_vault_request *api_files_request(struct rh_exchange *x, enum rh_request_kind kind);
/* Serves a finished upload's bytes; anything else fails with what it is. */
void api_deliver_object(struct rh_exchange *x, const struct rh_upload_view *upload);
#define API_LOCATION_TEXT 512
/* An absolute URL of this server, as the client (or the proxy in front) calls it. */
void api_location_text(const struct rh_exchange *x, const char *path, char out[API_LOCATION_TEXT]);
/* Adds it as Location. */
void api_add_location(struct rh_exchange *x, const char *path);
/* Reelhaul-Writer, where it is there; false: it has failed. */
bool api_header_writer(struct rh_exchange *x, struct rh_vault_request *request);

/* ---- the dialects ---- */

extern const struct api_form_spec api_sessions_form;
extern const struct api_form_spec api_videos_form;
extern const struct api_form_spec api_upload_form;

/* One header of ours. RH_ERR_UNKNOWN when absent; on any other error it has failed. */
enum rh_error api_header_find(struct rh_exchange *x, const char *name, struct rh_bytes *value);
/* Reelhaul-Crc64, where it is there; false: it has failed. */
bool api_header_crc(struct rh_exchange *x, struct rh_vault_request *request);

void api_health(struct rh_exchange *x);
void api_session_create(struct rh_exchange *x, json_t *body);
void api_session_created(struct rh_exchange *x, struct rh_vault_reply *reply);
void api_session_get(struct rh_exchange *x);
void api_session_got(struct rh_exchange *x, struct rh_vault_reply *reply);
void api_session_chunk(struct rh_exchange *x);
void api_session_chunk_done(struct rh_exchange *x, struct rh_vault_reply *reply);
void api_session_metadata(struct rh_exchange *x, json_t *body);
void api_session_metadata_saved(struct rh_exchange *x, struct rh_vault_reply *reply);

void api_video_init(struct rh_exchange *x, json_t *body);
void api_video_inited(struct rh_exchange *x, struct rh_vault_reply *reply);
void api_video_chunk(struct rh_exchange *x);
void api_video_chunk_form(struct rh_exchange *x);
void api_video_chunk_done(struct rh_exchange *x, struct rh_vault_reply *reply);
void api_video_finalize(struct rh_exchange *x, json_t *body);
void api_video_finalized(struct rh_exchange *x, struct rh_vault_reply *reply);
void api_video_get(struct rh_exchange *x);
void api_video_got(struct rh_exchange *x, struct rh_vault_reply *reply);
void api_video_delete(struct rh_exchange *x);
void api_video_deleted(struct rh_exchange *x, struct rh_vault_reply *reply);

void api_upload_chunk(struct rh_exchange *x);
void api_upload_chunk_done(struct rh_exchange *x, struct rh_vault_reply *reply);
void api_upload_look(struct rh_exchange *x);
void api_upload_looked(struct rh_exchange *x, struct rh_vault_reply *reply);

extern const struct api_form_spec api_filepond_form;
void api_filepond_create(struct rh_exchange *x);
void api_filepond_look(struct rh_exchange *x);
void api_filepond_append(struct rh_exchange *x);
void api_filepond_revert(struct rh_exchange *x);
void api_filepond_replied(struct rh_exchange *x, struct rh_vault_reply *reply);

void api_recording(struct rh_exchange *x);
void api_download(struct rh_exchange *x);
void api_delivery_found(struct rh_exchange *x, struct rh_vault_reply *reply);
void api_page(struct rh_exchange *x);
void api_nowhere(struct rh_exchange *x);

#endif
