/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_CLI_JOURNAL_H
#define REELHAUL_CLI_JOURNAL_H
/*
 * The journal of one upload in the spool, as bytes: reading and writing without any I/O.
 *
 * A file: "RHSJ", u16 format, u16 0; then records, little-endian:
 *   u32 bytes of the whole record, u8 kind, u8 0, u16 0, the body, u64 CRC-64.
 * The checksum is over this record and every one before it (without the file's head and without
 * the checksums), so that a record counts only behind those it was written behind. What follows the
 * last record that fits is a torn tail: it was never promised to anybody.
 */
#include "reelhaul/types.h"

#define RH_JOURNAL_FORMAT     1
#define RH_JOURNAL_HEAD_BYTES 8
#define RH_JOURNAL_TEXT_MAX   4096 /* bytes of a text in a record */
#define RH_JOURNAL_RECORD_MAX (16 + 6 * (2 + RH_JOURNAL_TEXT_MAX) + 64)

/* Values are part of the format: append, never renumber. */
enum rh_journal_kind {
    RH_JOURNAL_BEGIN = 1,    /* always the first, and only there */
    RH_JOURNAL_FILE = 2,     /* the bytes are a file of the user's, which stays where it is */
    RH_JOURNAL_SLICE = 3,    /* bytes in the segment that is still open; may not be durable */
    RH_JOURNAL_SEGMENT = 4,  /* a closed segment, durable; replaces the slices within */
    RH_JOURNAL_SEALED = 5,   /* no more segments */
    RH_JOURNAL_FORGOT = 6,   /* segments within are deleted */
    RH_JOURNAL_END = 7,      /* nothing of it is wanted any more: what is left may be deleted */
    RH_JOURNAL_PROTOCOL = 8, /* what the server was found to speak: replaces `auto` */
};

#define RH_JOURNAL_GROWS        1u /* from standard input: its size is known when it ends */
#define RH_JOURNAL_REMOVE       4u /* the file is deleted when it is proven to be there */
#define RH_JOURNAL_SESSION_MADE 2u /* the session's id was made here: the server must be told */

struct rh_journal_record {
    enum rh_journal_kind kind;
    union {
        struct {
            struct rh_bytes to; /* the server's address */
            struct rh_bytes protocol;
            struct rh_bytes session;
            struct rh_bytes name; /* on the server */
            struct rh_bytes mime;
            struct rh_bytes shown; /* to people: mostly the file's name */
            int64_t wall_ms;
            uint32_t flags;
        } begin;
        struct {
            struct rh_bytes path; /* absolute */
            uint64_t size;
            int64_t mtime_ns;
            uint64_t sample; /* CRC-64 of some of its bytes */
        } file;
        struct {
            uint32_t index; /* of the segment's file */
            uint64_t offset;
            uint64_t length;
            uint64_t crc64;
        } segment; /* and slice */
        struct {
            uint64_t size;
            uint64_t crc64;
            bool cut; /* whoever wrote into it died before the end */
        } sealed;
        struct rh_range forgot;
        struct rh_bytes protocol;
    };
};

struct rh_journal_reader {
    struct rh_bytes bytes;
    size_t valid;   /* bytes that count: the head and whole records */
    uint64_t crc64; /* chained up to there */
    enum rh_error error;
};

/*
 * Begins to read. `bytes` must stay while the reader and texts of its records are used. RH_OK;
 * RH_ERR_AGAIN: shorter than a head; RH_ERR_SYNTAX: not a journal; RH_ERR_VERSION: of a newer
 * format, to be left alone.
 */
enum rh_error rh_journal_open(struct rh_journal_reader *reader, struct rh_bytes bytes);

/*
 * The next record. False: there is no further; then reader->error is RH_OK (the end),
 * RH_ERR_AGAIN or RH_ERR_CHECKSUM (a torn tail from reader->valid on), or RH_ERR_SYNTAX (a record
 * whose checksum is right but which no version of ours wrote: leave it alone).
 */
bool rh_journal_next(struct rh_journal_reader *reader, struct rh_journal_record *record);

/* Writes the file's head. */
void rh_journal_head(uint8_t out[RH_JOURNAL_HEAD_BYTES]);

/*
 * Writes one record behind others whose chained checksum is *crc64 (0 at the beginning), and moves
 * that on. RH_ERR_LIMIT: a text is longer than RH_JOURNAL_TEXT_MAX, or `cap` is too small (then
 * nothing moved). RH_JOURNAL_RECORD_MAX bytes are always enough.
 */
enum rh_error rh_journal_write(const struct rh_journal_record *record, uint64_t *crc64,
                               uint8_t *out, size_t cap, size_t *used);

#endif
