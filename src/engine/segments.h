/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_ENGINE_SEGMENTS_H
#define REELHAUL_ENGINE_SEGMENTS_H
/*
 * The closed segments of each upload: where they lie, their checksums, and whether the shell still
 * holds their bytes. One pool for all uploads; a list per upload, ascending, without overlap. A
 * segment stays after its bytes were forgotten: its checksum is what later receipts are compared
 * with.
 */
#include "reelhaul/types.h"

#define RH_NO_INDEX UINT32_MAX

struct rh_segment {
    uint64_t offset;
    uint64_t length;
    uint64_t crc64;
    uint32_t next;
    bool held;
};

struct rh_segments {
    struct rh_segment *items;
    uint32_t free; /* head of the free chain */
};

struct rh_segment_list {
    uint32_t first;
    uint32_t last;
    uint32_t count;
    uint32_t released; /* whose bytes are not held */
    uint32_t skipped;  /* of these, those before `held` */
    bool gaps;         /* between segments */
    uint32_t near;     /* where looking begins, for places behind it; RH_NO_INDEX: at the first */
    uint32_t held;     /* no segment before this one is held */
};

void rh_segments_init(struct rh_segments *pool, struct rh_segment *items, uint32_t count);
void rh_segment_list_init(struct rh_segment_list *list);

/* Behind the last. RH_ERR_RANGE: empty, overflowing, or before the end of the last; RH_ERR_LIMIT:
 * the pool is empty. */
enum rh_error rh_segments_append(struct rh_segments *pool, struct rh_segment_list *list,
                                 const struct rh_segment *segment);
void rh_segments_clear(struct rh_segments *pool, struct rh_segment_list *list);
/* Merges neighbours in pairs; returns how many were freed. Coverage and checksums stay, detail is
 * lost. */
uint32_t rh_segments_halve(struct rh_segments *pool, struct rh_segment_list *list);

/* The shell may delete its bytes. */
void rh_segments_release(struct rh_segment_list *list, struct rh_segment *segment);
/* From where on every byte up to the end is known to be held; RH_SIZE_UNKNOWN: from nowhere. */
uint64_t rh_segments_whole_from(const struct rh_segments *pool, struct rh_segment_list *list);

/* Looking for places behind `offset` will begin there: cheap where it moves ahead with the work. */
void rh_segments_near(const struct rh_segments *pool, struct rh_segment_list *list,
                      uint64_t offset);
/* The first segment that may be held: those before it are not. */
uint32_t rh_segments_held(const struct rh_segments *pool, struct rh_segment_list *list);

/* End of the last segment, 0 without one. */
uint64_t rh_segments_end(const struct rh_segments *pool, const struct rh_segment_list *list);
/* The checksum of a range that begins and ends on boundaries and has no gap; false for others. */
bool rh_segments_crc(const struct rh_segments *pool, const struct rh_segment_list *list,
                     struct rh_range range, uint64_t *crc64);
/*
 * The checksums of the segments in a range that begins and ends on boundaries; where they are more
 * than RH_SLICES_MAX, of neighbours together. How many; 0 where it would be one, or none.
 */
uint32_t rh_segments_slices(const struct rh_segments *pool, const struct rh_segment_list *list,
                            struct rh_range range, struct rh_slice slices[RH_SLICES_MAX]);
/* Are all bytes of the range held? */
bool rh_segments_hold(const struct rh_segments *pool, const struct rh_segment_list *list,
                      struct rh_range range);
/*
 * The run of held bytes at or after `offset`: run->offset is `offset` where that is held, else the
 * start of the next held segment. It ends where the first segment ends that makes it length_max or
 * longer. False: nothing is held from there on.
 */
bool rh_segments_run(const struct rh_segments *pool, const struct rh_segment_list *list,
                     uint64_t offset, uint64_t length_max, struct rh_range *run);
/* The segment that contains the byte, or NULL. */
struct rh_segment *rh_segments_at(const struct rh_segments *pool,
                                  const struct rh_segment_list *list, uint64_t offset);

#endif
