/* SPDX-License-Identifier: MIT */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H
/*
 * The truth, and the invariants (docs/internals/sim.md has their numbers). Both sides report what
 * they say and do; what was promised is remembered here and compared with what is there.
 */
#include "ranges.h"

#define SIM_UPLOADS_MAX 16
#define SIM_OBJECTS_MAX 4096

struct sim;

/* One recording, as it really is. */
struct sim_upload {
    uint32_t index;
    char name[24]; /* the sender's id of it, and its name at the receiver */
    size_t device;
    const uint8_t *bytes; /* the source; constant, made of (upload, offset) */
    uint64_t planned;     /* how much will be recorded, if nothing stops it */
    bool grows;           /* the end is not known before it is sealed */
    bool sealed;
    uint64_t size;       /* once sealed */
    uint64_t part_bytes; /* geometry of chunks */
    bool makes_session;  /* the engine makes one for it */
    bool nameless;       /* each create makes another one at the receiver */
    bool begun;
    rh_ms begun_ms;
    rh_ms sealed_ms;
    bool cancelled; /* the user gave it up: it may end in any way */
    bool completed; /* the sender says so */
    bool hopeless;  /* it may end as failed: what is left of it must stay where it is */
    uint64_t sends;
    rh_ms sent_first_ms;
};

/* One upload as the receiver knows it. */
struct sim_object {
    char id[40];
    struct sim_upload *upload;
    struct sim_ranges acked; /* what the receiver vouched for */
    bool deleting;           /* somebody asked for its deletion */
    bool done;
    bool kept;          /* its bytes were promised to stay until it is whole */
    bool rotten;        /* its bytes changed at rest */
    uint64_t lease_max; /* of the number of the only lease, among successful writes */
    uint64_t received;  /* bytes that it last said to have */
    rh_ms seen_ms;      /* when its row was first there */
};

struct sim_check {
    struct sim_object *objects[SIM_OBJECTS_MAX];
    size_t object_count;
    struct sim_ranges heard[SIM_UPLOADS_MAX];  /* durable, as answers told the sender */
    struct sim_ranges forgot[SIM_UPLOADS_MAX]; /* what the spool let go of */
    uint64_t commits_seen;
};

/* What a reply of the vault vouches for. */
struct sim_said {
    const char *id;
    const char *name;
    bool done;
    bool partial;
    uint64_t total;
    uint64_t received;
    uint64_t crc64; /* done: of the whole */
    bool by_chunks;
    bool has_receipt;
    bool kept; /* the receipt says that its bytes stay until the upload completes */
    struct rh_range receipt;
    uint64_t receipt_crc64;
    const struct rh_range *durable;
    size_t durable_count;
    bool durable_cut; /* there may be more */
    const struct rh_range *chunks;
    size_t chunk_runs;
};

/* 1 and 3: called when the vault lets a reply go, in that order. */
void sim_check_said(struct sim *, const struct sim_said *);
/* 1: a head that leaves the receiver says nothing that no reply said. */
void sim_check_head(struct sim *, const char *head);
/* A row of that id and name is there. */
/* What was durable, and not promised to stay, may go when its time is up. */
void sim_check_lapsed(struct sim *, struct sim_object *);
/* Whose the receiver's upload of this id and name is; NULL: nobody's that is known. */
const struct sim_upload *sim_check_upload_of(struct sim *, const char *id, const char *name);
void sim_check_seen(struct sim *, const char *id, const char *name);
/* 4: an answer has told the sender that this range is durable. */
void sim_check_heard(struct sim *, const struct sim_upload *, uint64_t offset, uint64_t length);
/* 5 of the design's promises: nothing is written over what was vouched for. */
void sim_check_written(struct sim *, const char *id, uint64_t offset, uint64_t length);
/* The same in the file of a chunk that waits. */
void sim_check_written_chunk(struct sim *, const char *id, uint64_t index, uint64_t offset,
                             uint64_t length);
/* 1, 2 and 10 for one object, or all: after whatever may have taken bytes away. */
void sim_check_object(struct sim *, const char *id);
void sim_check_all(struct sim *);
/* 4 and 10: bytes of the spool are about to go. */
void sim_check_forget(struct sim *, struct sim_upload *, uint64_t offset, uint64_t length);
/* The same of bytes that went some time ago. */
void sim_check_forgotten(struct sim *, struct sim_upload *, uint64_t offset, uint64_t length);
/* 2 and 5: the sender says that an upload is complete. */
void sim_check_completed(struct sim *, struct sim_upload *, bool sequential);
/* A writer's lease: who is older than one that succeeded before it was asked must not succeed. */
uint64_t sim_check_lease_floor(struct sim *, const char *id);
void sim_check_lease(struct sim *, const char *id, uint64_t number, uint64_t floor);
void sim_check_deleting(struct sim *, const char *id);
/* After each event: what can be looked at without knowing what happened (step.c). */
void sim_check_step(struct sim *);
/* 2 at the very end: one object an upload. */
void sim_check_end(struct sim *);
void sim_check_finish(struct sim_check *);

#endif
