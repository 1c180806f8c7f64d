/* SPDX-License-Identifier: MIT */
#ifndef API_API_H
#define API_API_H
/*
 * The receiver's dialects: HTTP requests in, vault requests out, vault replies in, HTTP responses
 * out. No socket, no thread, no clock. One file per dialect (sessions.c, videos.c); one router
 * (router.c, the table of routes × roles is its only truth), one authorisation point (auth.c), one
 * error table (errors.c).
 *
 * An exchange is one request and its response, a small state machine. The shell (a connection, or
 * the simulator) does what `want` says after every call:
 *
 *   RH_WANT_BODY      give body bytes with rh_exchange_body, then rh_exchange_body_end (at once
 * where there is no body) RH_WANT_VAULT     wait; a grant, a reply or a revoke will come. Do not
 * read the body meanwhile (back-pressure) RH_WANT_RESPOND   send x->response; if `close` is set,
 * close afterwards (an unread body is not drained) RH_WANT_FILE      serve the file named in
 * x->file (a recording, or a page), with Range and conditional requests
 *
 * The exchange writes body bytes under a grant by itself: CRC, then store ops->write, in the
 * caller's thread.
 */
#include "http/message.h"
#include "vault/vault.h"

struct rh_exchange;

enum rh_role {
    RH_ROLE_ANONYMOUS = 1,
    RH_ROLE_PARTICIPANT, /* holds a per-session token; its session alone */
    RH_ROLE_OPERATOR,    /* holds the shared token; in --auth open everybody is */
};

enum rh_auth_mode { RH_AUTH_OPEN = 1, RH_AUTH_TOKEN };

struct rh_api_config {
    enum rh_auth_mode auth;
    uint8_t token_hash[32]; /* SHA-256 of the shared token (RH_AUTH_TOKEN) */
    const char *const
        *hosts; /* allowed Host values, lower case, with port where not default; NULL-ended */
    const char *const
        *origins; /* allowed foreign Origins; NULL-ended; same origin is always allowed */
    uint64_t body_bytes_max;    /* of a part: 413 beyond; 5 GiB */
    size_t json_bytes_max;      /* of a JSON body, and of a form's fields together; 64 KiB */
    size_t form_wait_bytes_max; /* of a chunk part that precedes its ids and is held in memory; 1
                                   MiB + 64 KiB */
    const char *const
        *mime_allowed; /* NULL-ended; NULL: any video, audio, application/octet-stream */
};

struct rh_api {
    const struct rh_api_config *config;
    struct rh_store *store; /* for writes under grants, and paths of objects */
    /* Posts a request to the vault; op is x's. Answers come back through
     * rh_exchange_granted/replied/revoked. */
    void (*ask)(void *context, struct rh_exchange *x, struct rh_vault_request *request);
    /* Reports what was written under a grant. */
    void (*written)(void *context, struct rh_exchange *x, const struct rh_written *);
    void (*random)(void *context, uint8_t *out, size_t size); /* unpredictable bytes */
    void *context;
};

enum rh_want { RH_WANT_BODY = 1, RH_WANT_VAULT, RH_WANT_RESPOND, RH_WANT_FILE };

/* Where a GET's bytes are. The shell opens it below its root without following links out of it. */
struct rh_file_ref {
    enum { RH_FILE_PAGE = 1, RH_FILE_RECORDING } kind; /* root: --web, or the data directory */
    char path[512];                                    /* relative, decoded, without dot segments */
    char mime[128];  /* recordings: from the allow-list, else application/octet-stream */
    bool attachment; /* Content-Disposition: attachment */
    char etag[64];   /* recordings: strong, from the checksum; "": the shell makes one */
};

/*
 * An exchange is caller-owned memory of rh_exchange_size() bytes (body buffers are allocated and
 * capped). begin takes the parsed head (which must stay until finish) and an op that is unique
 * among exchanges in flight. monotonic and wall time are not needed.
 */
size_t rh_exchange_size(void);
void rh_exchange_begin(struct rh_exchange *, struct rh_api *, const struct rh_request_head *,
                       uint64_t op);
enum rh_want rh_exchange_want(const struct rh_exchange *);
/* Takes up to size bytes of body; returns how many. Fewer than size: look at want. */
size_t rh_exchange_body(struct rh_exchange *, const uint8_t *, size_t size);
void rh_exchange_body_end(struct rh_exchange *);
/* The connection broke, timed out, or the body was malformed before its end. What was written is
 * reported. A response may still be wanted afterwards (malformed body, time-out: 408) or not
 * (client gone); the reply of the vault must still be fed, or dropped. */
void rh_exchange_body_broken(struct rh_exchange *, enum rh_error why);
void rh_exchange_granted(struct rh_exchange *, const struct rh_grant *);
void rh_exchange_revoked(struct rh_exchange *);
void rh_exchange_replied(struct rh_exchange *, struct rh_vault_reply *); /* takes it */
const struct rh_response *
rh_exchange_response(const struct rh_exchange *); /* RH_WANT_RESPOND; valid until finish */
const struct rh_file_ref *rh_exchange_file(const struct rh_exchange *); /* RH_WANT_FILE */
const char *
rh_exchange_route(const struct rh_exchange *); /* static name for logs, never the raw path */
void rh_exchange_finish(struct rh_exchange *); /* frees buffers; takes the zeroed state */

/* An error response in the one format, for failures before an exchange exists (bad request line,
 * time-out, too many connections). */
void rh_api_error_response(struct rh_response *, const char *code, const char *message);

#endif
