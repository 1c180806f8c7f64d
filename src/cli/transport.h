/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_CLI_TRANSPORT_H
#define REELHAUL_CLI_TRANSPORT_H
/*
 * HTTP requests, many at once, by libcurl. It knows nothing of uploads: a call goes out, its answer
 * comes back, or it breaks. No time-outs of its own: the engine counts time without progress.
 */
#include "cli/source.h"

#define RH_CALL_BODY_KEPT 8192 /* bytes of an answer's body that are kept, for people */

struct rh_transport;

/* One request. The owner fills the first half, starts it, and frees it when it is finished. */
struct rh_call {
    char method[8];
    char *url;
    char *headers;  /* lines "Name: value\r\n" */
    uint8_t *front; /* of the body; then come `source`, and `back` */
    size_t front_size;
    bool has_source;
    struct rh_source source;
    uint8_t *back;
    size_t back_size;
    uint64_t body_bytes; /* RH_SIZE_UNKNOWN: no body */
    bool of_peer;        /* for the owner's use */
    void *owner;
    void (*on_status)(struct rh_call *call, uint16_t status);
    void (*on_header)(struct rh_call *call, struct rh_bytes name, struct rh_bytes value);

    uint64_t sent_bytes; /* of the body, so far */
    uint64_t told_bytes; /* for the owner's use */
    uint16_t status;     /* 0: no answer */
    enum rh_error source_error;
    char why[256]; /* it broke, for people */
    char body[RH_CALL_BODY_KEPT + 1];
    size_t body_size;

    /* Private. */
    void *easy;
    void *header_list;
    uint64_t given_bytes; /* to libcurl */
    struct rh_call *next;
};

/* `cacert`: a file of the authorities that are trusted; NULL: the system's. It must stay. */
enum rh_error rh_transport_create(struct rh_transport **out, const char *cacert);
/* Calls must have been freed. */
void rh_transport_destroy(struct rh_transport *transport);

/* Starts it; from here on the transport holds it. RH_ERR_MEMORY: it was not started. */
enum rh_error rh_transport_start(struct rh_transport *transport, struct rh_call *call);
/* Ends it at once if it is under way, and frees it and what it owns. */
void rh_call_free(struct rh_transport *transport, struct rh_call *call);

/* Waits for something to happen on calls, or one of these descriptors to be readable (their bits in
 * *ready), for so long at most. Then does what can be done without waiting. */
void rh_transport_wait(struct rh_transport *transport, const int *fds, size_t count, int timeout_ms,
                       unsigned *ready);
/* A call that has ended, once; NULL: none more. */
struct rh_call *rh_transport_finished(struct rh_transport *transport);

#endif
