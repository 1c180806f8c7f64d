/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_ENGINE_LEDGER_H
#define REELHAUL_ENGINE_LEDGER_H
/*
 * What the server vouches for, per upload: ascending intervals without overlap, from one pool. An
 * interval is verified  its checksum equals what our own segments give for the same bytes; kept the
 * server promised kept=until-complete for all of it. An interval that cannot be verified yet (it
 * begins or ends inside a segment) counts for planning, not for forgetting; it is verified as soon
 * as neighbours fill it up to segment boundaries. One that contradicts is taken out again.
 */
#include "engine/segments.h"
#include "reelhaul/engine.h"

struct rh_interval {
    uint64_t offset;
    uint64_t length;
    uint64_t crc64;
    uint32_t next;
    bool crc_known;
    bool verified;
    bool kept;
};

struct rh_ledger {
    struct rh_interval *items;
    uint32_t free;
};

struct rh_interval_list {
    uint32_t first;
    uint32_t count;
    uint32_t changes; /* counts them, so that nobody need look twice */
};

/* The books of one upload: what is vouched for, and what it is compared with. */
struct rh_books {
    struct rh_ledger *ledger;
    struct rh_interval_list *acks;
    const struct rh_segments *segments;
    const struct rh_segment_list *source;
};

void rh_ledger_init(struct rh_ledger *ledger, struct rh_interval *items, uint32_t count);
void rh_interval_list_init(struct rh_interval_list *list);
void rh_ledger_clear(struct rh_ledger *ledger, struct rh_interval_list *list);

/*
 * The server's word about a range. RH_ERR_CHECKSUM: it contradicts our checksums and was not taken
 * (or, where it only showed once joined, the joined interval was taken out); RH_ERR_RANGE: empty or
 * overflowing; RH_ERR_LIMIT: no room, not taken.
 */
enum rh_error rh_ledger_add(const struct rh_books *books, const struct rh_ack *ack);
/* The server's whole list instead of what we had. True if an ack contradicted. Acks beyond a full
 * list are left as they were. */
bool rh_ledger_replace(const struct rh_books *books, const struct rh_ack *acks, uint32_t count);
/* Takes a range out. RH_ERR_LIMIT: no room to split; then the whole interval is taken out. */
enum rh_error rh_ledger_cut(const struct rh_books *books, struct rh_range range);

/* The run of vouched bytes at or after `offset`, as rh_segments_run. */
bool rh_ledger_run(const struct rh_books *books, uint64_t offset, struct rh_range *run);
bool rh_ledger_covers(const struct rh_books *books, struct rh_range range);
uint64_t rh_ledger_bytes(const struct rh_books *books);
/* The next run at or after `offset` that is verified and kept: what may be forgotten. */
bool rh_ledger_safe_run(const struct rh_books *books, uint64_t offset, struct rh_range *run);

#endif
