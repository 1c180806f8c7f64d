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
 *   RH_WANT_BODY     give body bytes with rh_exchange_body, then rh_exchange_body_end (at once
 * where there is no body). 100 Continue is due when this is wanted for the first time RH_WANT_VAULT
 * wait; a grant, a reply or a revoke will come. Do not read the body meanwhile (back-pressure),
 * keep what was read and not taken RH_WANT_RESPOND  send the response; if it says close, close
 * afterwards (an unread body is not drained; a short one was drained already) RH_WANT_FILE serve
 * the file named by rh_exchange_file (a recording, or a page), with Range and conditional requests,
 * and the headers of rh_exchange_add_headers
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
    bool enrol_open;        /* RH_AUTH_TOKEN: anybody may create a session and gets its token */
    /* Allowed Host values, lower case, with port where not default; NULL-ended. NULL: none. */
    const char *const *hosts;
    /* Allowed foreign Origins, as browsers write them; NULL-ended. Same origin is always allowed.
     * NULL: none. */
    const char *const *origins;
    uint64_t body_bytes_max;   /* of a part: 413 beyond; 5 GiB */
    uint64_t upload_bytes_max; /* of an upload below /files/: 413 beyond; what the vault takes */
    bool no_informational;     /* never 104: for proxies that take any 1xx for the final answer */
    bool behind_proxy;     /* X-Forwarded-Proto and -Host, or Forwarded, say how clients call us */
    size_t json_bytes_max; /* of a JSON body, and of a form's fields together; 64 KiB */
    /* Of a chunk part that precedes its ids and is held in memory; 1 MiB + 64 KiB. */
    size_t form_wait_bytes_max;
    size_t held_bytes_max;  /* bodies held in memory by all exchanges of one rh_api: 503 beyond */
    size_t drain_bytes_max; /* of an unwanted body that is read, so that the answer gets through */
    /* Types that an upload may have, without parameters; NULL-ended. NULL: any video, audio, and
     * application/octet-stream. */
    const char *const *mime_allowed;
};

/* The defaults named above: RH_AUTH_OPEN, no hosts, no foreign origins. */
void rh_api_config_default(struct rh_api_config *);

/* What exchanges of one thread share; each loop has its own. Caller-owned; zero held_bytes. */
struct rh_api {
    const struct rh_api_config *config;
    struct rh_store *store; /* for writes under grants, and paths of objects */
    /* Posts a request to the vault; its op is x's. The request is malloc'ed and becomes the
     * callee's (the vault takes it). Answers come back through rh_exchange_granted, _replied and
     * _revoked, never from within this call. */
    void (*ask)(void *context, struct rh_exchange *x, struct rh_vault_request *request);
    /* Reports what was written under a grant; exactly one per grant. */
    void (*written)(void *context, struct rh_exchange *x, const struct rh_written *);
    void (*random)(void *context, uint8_t *out, size_t size); /* unpredictable bytes */
    /*
     * Sends an informational answer (103, 104; never 100 or 101) to the request of that op, at
     * once, ahead of its final one. Everything is copied. It may be called from within any
     * rh_exchange_* call but finish, as long as the final answer was not handed out, and as often
     * as is useful: where the last one still waits to be sent, this one is dropped (each says the
     * present state anyway). False: it was not sent (a client of HTTP/1.0, a full socket, a client
     * that is gone); nobody has to care. NULL: the shell has no such thing (simulators).
     */
    bool (*inform)(void *context, uint64_t op, unsigned status, const struct rh_header *headers,
                   size_t header_count);
    void *context;
    size_t held_bytes;        /* private: bodies held in memory now */
    struct rh_response spare; /* private: the answer where there is no memory for one */
};

enum rh_want { RH_WANT_BODY = 1, RH_WANT_VAULT, RH_WANT_RESPOND, RH_WANT_FILE };

/* Where a GET's bytes are. The shell opens it below its root without following links out of it. */
enum rh_file_kind { RH_FILE_PAGE = 1, RH_FILE_RECORDING };

struct rh_file_ref {
    enum rh_file_kind kind; /* root: --web, or the data directory */
    char path[512];         /* relative, decoded, without dot segments; pages: "app/index.html" */
    char mime[128];         /* recordings: from the allow-list; pages: "", by extension */
    bool attachment;        /* Content-Disposition: attachment */
    char name[160];         /* ... under which name; only of A-Z a-z 0-9 . _ -; "": none said */
    char etag[64];          /* recordings: strong, with quotes; "": the shell makes one */
};

/*
 * An exchange is caller-owned memory of rh_exchange_size() bytes (body buffers are allocated and
 * capped). begin takes the parsed head (which must stay until finish) and an op that is unique
 * among exchanges in flight. begin does not need zeroed memory.
 */
size_t rh_exchange_size(void);
void rh_exchange_begin(struct rh_exchange *, struct rh_api *, const struct rh_request *,
                       uint64_t op);
enum rh_want rh_exchange_want(const struct rh_exchange *);
/* Takes up to size bytes of body; returns how many. Fewer than size: look at want. */
size_t rh_exchange_body(struct rh_exchange *, const uint8_t *, size_t size);
void rh_exchange_body_end(struct rh_exchange *);
/*
 * The body will not come whole: RH_ERR_CLOSED the client is gone, RH_ERR_AGAIN it was too slow
 * (408), anything else it was malformed (400). May be called whatever is wanted. What was written
 * is reported. The exchange then goes on until it wants RESPOND: where a vault request is under way
 * its grant and its reply must still be fed, also when nobody is left to read the response.
 */
void rh_exchange_body_broken(struct rh_exchange *, enum rh_error why);
void rh_exchange_granted(struct rh_exchange *, const struct rh_grant *);
void rh_exchange_revoked(struct rh_exchange *);
/* RH_DO_CHECKPOINT: reports what has come so far; the body goes on. */
void rh_exchange_checkpoint(struct rh_exchange *);
/* RH_DO_PROGRESS: so much of the upload is committed. */
void rh_exchange_progressed(struct rh_exchange *, uint64_t cursor);
/* Takes the reply (malloc'ed): finishes and frees it. */
void rh_exchange_replied(struct rh_exchange *, struct rh_vault_reply *);
/* RH_WANT_RESPOND; valid until finish. */
const struct rh_response *rh_exchange_response(const struct rh_exchange *);
const struct rh_file_ref *rh_exchange_file(const struct rh_exchange *); /* RH_WANT_FILE */
/* Adds what every answer of this exchange carries (nosniff, CORP, CORS) to a response that the
 * shell made itself: files, and errors of rh_api_error_response. */
void rh_exchange_add_headers(const struct rh_exchange *, struct rh_response *);
/* While RH_WANT_BODY: whether the answer is settled already, and the rest of the body is read only
 * so that it gets through. The shell need not be patient then. */
bool rh_exchange_is_answered(const struct rh_exchange *);
/* Static name for logs, never the raw path. */
const char *rh_exchange_route(const struct rh_exchange *);
/* Frees buffers; takes the zeroed state. */
void rh_exchange_finish(struct rh_exchange *);

/* SHA-256 of a shared token, for rh_api_config.token_hash. */
void rh_api_token_hash(const char *token, uint8_t out[32]);

/*
 * An error response in the one format, for failures outside an exchange (bad request line,
 * time-out, too many connections, a page that is not there). `memory` (RH_API_ERROR_BYTES) belongs
 * to the caller, holds header values and body, and must live as long as the response. `code` is one
 * of errors.c ("internal" for any other), `message` NULL for the code's own. Sets no close.
 */
#define RH_API_ERROR_BYTES 2048
void rh_api_error_response(struct rh_response *, void *memory, size_t memory_size, const char *code,
                           const char *message);
/* The code for a status that rh_h1_status() gave: 400, 408, 414, 417, 431, 501, 505 … */
const char *rh_api_error_code(unsigned status);

#endif
