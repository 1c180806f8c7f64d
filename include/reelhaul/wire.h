/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_WIRE_H
#define REELHAUL_WIRE_H
/*
 * The sender's dialects: a send action becomes an HTTP request, its answer becomes a response
 * event. No I/O; reads status and headers only, never a body.
 */
#include "reelhaul/engine.h"

/* What the shell knows of an upload and the engine need not. Empty where unknown. */
struct rh_wire_source {
    struct rh_bytes session;  /* session id */
    struct rh_bytes video;    /* the name of the video: the local id by default */
    struct rh_bytes mime;     /* "" means application/octet-stream */
    struct rh_bytes metadata; /* a JSON object as text, put into the request as it is */
    struct rh_bytes file_name;
    struct rh_bytes lease; /* of the leader: Reelhaul-Writer; "" sends none */
    uint64_t lease_number;
    /* Of dialects whose uploads are resources of their own (tus, resumable, chunks): the path that
     * makes them, "" for that of a Reelhaul server; and what this server can do. */
    struct rh_bytes endpoint;
    uint32_t abilities; /* RH_WIRE_CAN_* */
};

/* What a server can do. */
#define RH_WIRE_CAN_DEFER  1u /* sizes may be told at the end */
#define RH_WIRE_CAN_DELETE 2u
#define RH_WIRE_CAN_CRC64  4u /* it checks CRC-64/NVME */
#define RH_WIRE_CAN_CONCAT 8u /* it puts uploads together */
#define RH_WIRE_CAN_ALL    15u

enum rh_wire_body {
    RH_WIRE_BODY_NONE = 0,
    RH_WIRE_BODY_INLINE = 1, /* preamble alone */
    RH_WIRE_BODY_RANGE = 2,  /* range of the source alone */
    RH_WIRE_BODY_FORM = 3,   /* preamble, then range of the source, then epilogue */
};

struct rh_wire_request {
    char method[8];
    struct rh_bytes path; /* absolute path and query, below the server's base address */
    struct rh_bytes
        headers; /* lines "Name: value\r\n", Content-Type among them; no Content-Length */
    enum rh_wire_body body;
    struct rh_bytes preamble;
    struct rh_range range;
    struct rh_bytes epilogue;
    uint64_t body_bytes; /* of the whole body */
};

/* Enough memory for any request that is not refused with RH_ERR_LIMIT for its metadata. */
#define RH_WIRE_MEMORY       (96u * 1024u)
#define RH_WIRE_METADATA_MAX (64u * 1024u)

struct rh_wire_dialect;
extern const struct rh_wire_dialect rh_wire_videos;
extern const struct rh_wire_dialect rh_wire_form;
extern const struct rh_wire_dialect rh_wire_tus;
/* Not in engine.wasm: */
extern const struct rh_wire_dialect rh_wire_resumable;  /* the IETF's draft, interop version 8 */
extern const struct rh_wire_dialect rh_wire_resumable6; /* version 6 */
extern const struct rh_wire_dialect rh_wire_chunks;     /* PUT with Content-Range */

/* By its name, which is that of the variable; or NULL. */
const struct rh_wire_dialect *rh_wire_find(struct rh_bytes name);
const char *rh_wire_name(const struct rh_wire_dialect *dialect);
/* RH_TRAIT_*, for rh_policy.traits, or for RH_EVENT_TRAITS. */
uint32_t rh_wire_traits(const struct rh_wire_dialect *dialect, uint32_t abilities);

/*
 * The request for a send action. Texts point into `memory` (RH_WIRE_MEMORY bytes of the caller) and
 * static storage. RH_ERR_LIMIT: metadata too large; RH_ERR_SYNTAX: an id, type or name with a byte
 * that cannot go on the wire; RH_ERR_STATE: a send that this dialect cannot do (form: the total is
 * not known).
 */
enum rh_error rh_wire_request(const struct rh_wire_dialect *dialect, const struct rh_action *action,
                              const struct rh_wire_source *source, uint8_t *memory,
                              size_t memory_size, struct rh_wire_request *request);

/*
 * For a shell that has a part's bytes in memory and whose send.crc_known is false: the checksum of
 * the whole and of its slices, put into `send`. `bytes` are send->range.length bytes.
 */
void rh_wire_slices(struct rh_send *send, const uint8_t *bytes);
#define RH_WIRE_SLICE_BYTES (256u * 1024u) /* or a 64th of the part, where that is more */

/* Reading an answer: init, header for each field in order, finish. Nothing in it is kept after
 * finish. */
struct rh_wire_reply {
    const struct rh_wire_dialect *dialect;
    struct rh_send send;
    uint16_t status;
    int64_t wall_ms;
    bool receipt_bad;
    bool receipt_seen;
    bool chunks_seen;
    struct rh_ack receipt;
    char error[32];
    char place[RH_REMOTE_MAX + 1];
    /* Of dialects with a cursor. */
    bool spoken; /* the answer says that it is of this dialect */
    bool offset_seen;
    bool length_seen;
    bool complete_seen;
    bool complete;
    uint64_t offset;
    uint64_t length;
    struct rh_response response;
};

void rh_wire_reply_init(struct rh_wire_reply *reply, const struct rh_wire_dialect *dialect,
                        const struct rh_send *send, uint16_t status, int64_t wall_ms);
void rh_wire_reply_header(struct rh_wire_reply *reply, struct rh_bytes name, struct rh_bytes value);
/* Fills event->kind and event->response; the caller sets the times. Never fails: what cannot be
 * read is malformed. */
void rh_wire_reply_finish(struct rh_wire_reply *reply, struct rh_event *event);

/*
 * Which dialects a server speaks, from its answer to OPTIONS at the endpoint (with
 * "Tus-Resumable: 1.0.0"): init, header for each field in order, finish. Not in engine.wasm.
 */
struct rh_wire_offer {
    uint16_t status;
    bool ours;
    bool tus;           /* 1.0.0 */
    bool creation;      /* of tus */
    bool resumable;     /* the IETF's draft */
    uint64_t size_max;  /* RH_SIZE_UNKNOWN: not said */
    uint32_t abilities; /* of tus; RH_WIRE_CAN_* */
};
void rh_wire_offer_init(struct rh_wire_offer *offer, uint16_t status);
void rh_wire_offer_header(struct rh_wire_offer *offer, struct rh_bytes name, struct rh_bytes value);
/* The best of what is offered: videos, tus, resumable; NULL: none that we know. */
const struct rh_wire_dialect *rh_wire_offer_pick(const struct rh_wire_offer *offer);
/* What the server can do in that dialect. */
uint32_t rh_wire_offer_abilities(const struct rh_wire_offer *offer,
                                 const struct rh_wire_dialect *dialect);

#endif
