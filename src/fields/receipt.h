/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_FIELDS_RECEIPT_H
#define REELHAUL_FIELDS_RECEIPT_H
/*
 * The fields by which the receiver gives its word (docs/receipt.md), read by the sender and written
 * by the server:
 *
 *     Reelhaul-Receipt: offset=0, length=1048576, crc64=:BASE64:, kept=until-complete, durable
 *     Reelhaul-Durable: (0 1048576);crc64=:BASE64:;kept, (2097152 65536);crc64=:BASE64:;kept
 *     Reelhaul-Missing: (1048576 1048576)
 *     Reelhaul-Crc64: :BASE64:
 *     Reelhaul-Writer: "lease", 7
 *     Reelhaul-Chunks: 0-4, 7
 */
#include "base/bytes.h"
#include "fields/sf.h"

struct rh_receipt {
    uint64_t offset;
    uint64_t length;
    uint64_t crc64;           /* CRC-64/NVME of that range */
    bool kept_until_complete; /* kept=until-complete: the sender may forget these bytes */
    bool durable;             /* on stable storage when the answer was written */
};

/*
 * offset, length and crc64 must be there; keys that are unknown, or a `kept` of another word,
 * promise nothing and are passed over. RH_ERR_SYNTAX when broken or one of the three is missing,
 * RH_ERR_RANGE when offset + length overflows.
 * `*out` is written on RH_OK only.
 */
enum rh_error rh_receipt_parse(struct rh_bytes text, struct rh_receipt *out);
/* RH_ERR_LIMIT, or RH_ERR_RANGE for numbers beyond a structured integer; the buffer is then
 * unchanged. */
enum rh_error rh_receipt_write(struct rh_buffer *buffer, const struct rh_receipt *receipt);
#define RH_RECEIPT_TEXT_MAX 128 /* bytes that any receipt fits in */

/* One value: a CRC-64 as a byte sequence of 8 bytes, big-endian. Parsing ignores parameters. */
enum rh_error rh_crc64_field_parse(struct rh_bytes text, uint64_t *out);
enum rh_error rh_crc64_field_write(struct rh_buffer *buffer, uint64_t crc64);
#define RH_CRC64_FIELD_SIZE 14
/* The same value met inside another field. */
enum rh_error rh_crc64_of_value(const struct rh_sf_value *value, uint64_t *out);

/* Lists of ranges: Reelhaul-Durable (with checksums) and Reelhaul-Missing (without). */
#define RH_RANGES_MAX      64 /* a field names at most this many */
#define RH_RANGES_TEXT_MAX (RH_RANGES_MAX * 64)

struct rh_ranges_item {
    struct rh_range range;
    bool has_crc64;
    bool kept; /* until the upload is complete */
    uint64_t crc64;
};

struct rh_ranges {
    struct rh_sf sf;
    uint64_t end;        /* end of the range before */
    size_t count;        /* handed out so far */
    enum rh_error error; /* see rh_ranges_end */
};

/* Walks the ranges of a field; they must be in order and must not overlap. */
void rh_ranges_init(struct rh_ranges *ranges, struct rh_bytes text);
/* False at the end, and when broken: then rh_ranges_end says why. */
bool rh_ranges_next(struct rh_ranges *ranges, struct rh_ranges_item *item);
/* RH_OK, RH_ERR_SYNTAX, RH_ERR_RANGE (overlap, wrong order, overflow) or RH_ERR_LIMIT (more than
 * RH_RANGES_MAX). */
enum rh_error rh_ranges_end(const struct rh_ranges *ranges);
/*
 * Appends one range; `index` is its place in the field, 0 for the first. `crc64` may be NULL. On an
 * error (RH_ERR_LIMIT, RH_ERR_RANGE) the buffer is unchanged, so that a writer can stop at the last
 * that fitted.
 */
enum rh_error rh_ranges_put(struct rh_buffer *buffer, size_t index, struct rh_range range,
                            const uint64_t *crc64, bool kept);

/* The writer's lease and its number. */
#define RH_WRITER_LEASE_MAX 64
struct rh_writer {
    uint8_t lease[RH_WRITER_LEASE_MAX];
    size_t lease_size; /* 1 to RH_WRITER_LEASE_MAX */
    uint64_t number;
};
enum rh_error rh_writer_parse(struct rh_bytes text, struct rh_writer *out);
enum rh_error rh_writer_write(struct rh_buffer *buffer, struct rh_bytes lease, uint64_t number);

/*
 * Reelhaul-Chunks: runs of chunk indexes, "first-last" or "index", ascending. Not a structured
 * field. Pulls the next run off `*text`: RH_OK, RH_ERR_AGAIN at the end (nothing left),
 * RH_ERR_SYNTAX, or RH_ERR_RANGE when last < first.
 */
enum rh_error rh_chunks_next(struct rh_bytes *text, uint64_t *first, uint64_t *last);
/* Appends a run; `index` is its place in the field, 0 for the first. */
enum rh_error rh_chunks_put(struct rh_buffer *buffer, size_t index, uint64_t first, uint64_t last);

#endif
