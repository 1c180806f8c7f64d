/* SPDX-License-Identifier: MIT */
#ifndef TEST_FAULT_RECEIVER_H
#define TEST_FAULT_RECEIVER_H
/*
 * The receiver in one thread, for one connection: HTTP parser, api and vault over whatever catalog
 * and store it is given. Bytes of requests in, bytes of answers out. What serve does with sockets
 * and threads is done here at once and in order, so that the n-th call is the same call every time.
 */
#include "api/api.h"
#include "http/h1.h"

#define RECEIVER_ANSWER_BYTES 65536

struct receiver_hooks {
    void (*enter_vault)(void); /* may be NULL: called round every call of the vault */
    void (*leave_vault)(void);
    void (*pause)(void); /* round what is the harness's own work */
    void (*resume)(void);
};

struct receiver {
    struct rh_api_config config;
    struct rh_vault_limits limits;
    struct rh_api api;
    struct rh_catalog *catalog;
    struct rh_store *store;
    struct rh_vault *vault;
    const struct receiver_hooks *hooks;
    uint64_t seed; /* of the bytes that api asks for; set it before a request */
    uint64_t last_op;
    rh_ms mono_ms;
    int64_t wall_ms;
    bool fatal; /* the vault wants the process to end */
    const char *last_log;
    /* of the request under way */
    struct rh_exchange *exchange;
    struct rh_h1 h1;
    struct rh_bytes in;
    size_t content;
    bool body_ended;
    bool refused;
    /* the answer to the last one */
    char answer[RECEIVER_ANSWER_BYTES];
    size_t answer_size;
    unsigned status; /* 0: none; the connection is to be closed */
    bool has_file;
    struct rh_file_ref file;
    bool close;
};

/* Catalog and store stay the caller's. Sets config and limits to defaults, host "test". */
void receiver_init(struct receiver *, struct rh_catalog *, struct rh_store *,
                   const struct receiver_hooks *);
/* A vault is made, and reads its catalog. RH_ERR_MEMORY. */
enum rh_error receiver_start(struct receiver *);
void receiver_stop(struct receiver *);
/*
 * One request, and what the vault does because of it. True: one more request may follow in what is
 * left of *in. `piece`: so many bytes at a time (0: at once). Where the input ends too early the
 * client has gone.
 */
bool receiver_exchange(struct receiver *, struct rh_bytes *in, size_t piece);
/* Time passes, in seconds. */
void receiver_pass(struct receiver *, unsigned seconds);
/* Runs what the vault wants until it wants nothing. */
void receiver_pump(struct receiver *);
/* A header of the last answer, or an empty span. */
struct rh_bytes receiver_header(const struct receiver *, const char *name);

#endif
