/* SPDX-License-Identifier: MIT */
#ifndef SIM_SPOOL_H
#define SIM_SPOOL_H
/*
 * The sender's media, modelled: segments of each recording and records of the engine, of which a
 * part is durable and the rest goes with a crash.
 */
#include "check.h"

struct sim_segment {
    uint64_t offset;
    uint64_t length;
    uint64_t crc64;
    bool held; /* not deleted */
    bool rotten;
    uint64_t rotten_at; /* the byte of which a bit flipped */
};

/* What the spool has of one recording. */
struct sim_take {
    struct sim_upload *upload;
    bool begun;
    bool over; /* its recorder stopped, or died */
    struct sim_segment *segments;
    size_t count;
    size_t durable; /* of them, those that a crash leaves */
    size_t cap;
    bool sealed; /* durably */
    uint64_t crc64;
    bool gone; /* all was deleted */
    uint8_t *record;
    size_t record_size;
    uint8_t *record_durable;
    size_t record_durable_size;
};

struct sim_spool {
    struct sim_take takes[8];
    size_t count;
};

struct sim_take *sim_spool_take(struct sim_spool *, const char *name); /* or NULL */
/* A slice becomes a segment; durable with sim_take_sync. Returns its length. */
void sim_take_append(struct sim_take *, uint64_t length);
uint64_t sim_take_end(const struct sim_take *, bool durable);
/* One more segment is durable: it. */
const struct sim_segment *sim_take_sync(struct sim_take *);
void sim_take_seal(struct sim_take *, rh_ms now_ms);
bool sim_take_holds(const struct sim_take *, uint64_t offset, uint64_t length);
/* What is read of a range, where `bytes` are as they were recorded: with the bits that flipped. */
void sim_take_read(const struct sim_take *, uint64_t offset, uint64_t length, uint8_t *bytes);
/* Does every segment that the range touches still fit its checksum? */
bool sim_take_fits(const struct sim_take *, uint64_t offset, uint64_t length);
/* Is a byte of the range still there? */
bool sim_take_any(const struct sim_take *, uint64_t offset, uint64_t length);
void sim_take_forget(struct sim_take *, uint64_t offset, uint64_t length);
void sim_take_persist(struct sim_take *, struct rh_bytes record, bool durable);
void sim_take_erase_record(struct sim_take *);
void sim_take_sync_record(struct sim_take *);
void sim_spool_crash(struct sim *, struct sim_spool *);
void sim_spool_finish(struct sim_spool *);

#endif
