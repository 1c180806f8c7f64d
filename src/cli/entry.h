/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_CLI_ENTRY_H
#define REELHAUL_CLI_ENTRY_H
/*
 * One upload of the spool. Its bytes are a file of the user's, referred to and never touched, or
 * came from standard input and lie in segments. The journal is the commit point: what it does not
 * say does not exist.
 *
 * Bytes from standard input are written as they come, so that a killed process leaves them to the
 * kernel; a segment is closed (synced, its name synced, then the journal) before anybody is told of
 * it. Until then its bytes are also in memory: after a failed sync they are written anew,
 * elsewhere.
 */
#include "cli/journal.h"
#include "cli/spool.h"

#define RH_SEGMENT_BYTES_MAX ((size_t)1 << 20)

/* A range with its checksum: a closed segment, or a stretch of the user's file. */
struct rh_piece {
    uint64_t offset;
    uint64_t length;
    uint64_t crc64;
    uint32_t index; /* of the segment's file */
    bool held;      /* not forgotten */
};

/* By which a file is known again. */
struct rh_fingerprint {
    uint64_t size;
    int64_t mtime_ns;
    uint64_t sample;
};

/* The open segment. */
struct rh_open_segment {
    uint8_t *bytes; /* RH_SEGMENT_BYTES_MAX */
    size_t size;
    uint64_t crc64;
    uint32_t index;
    int fd;
    bool spoiled;          /* the file is not to be trusted: write a new one */
    uint64_t journal_size; /* where the journal stood before its first slice */
    uint64_t journal_crc64;
};

enum rh_entry_trouble {
    RH_ENTRY_FINE = 0,
    RH_ENTRY_BUSY,    /* a process that runs still spools into it */
    RH_ENTRY_EMPTY,   /* never begun: its process died before anything was promised */
    RH_ENTRY_NEWER,   /* of a newer version of Reelhaul */
    RH_ENTRY_DAMAGED, /* the journal does not make sense */
    RH_ENTRY_OVER,    /* ended: only its files are still there */
};

struct rh_entry {
    struct rh_spool *spool;
    char id[RH_SPOOL_ID_MAX + 1];
    /* From the journal; texts are "" where not said. */
    char *to, *protocol, *session, *name, *mime, *shown;
    char *path; /* NULL: standard input */
    struct rh_fingerprint print;
    int64_t wall_ms;
    uint32_t flags;
    struct rh_piece *pieces;
    size_t piece_count, piece_cap;
    bool sealed, cut, over;
    uint64_t size; /* where sealed */
    uint64_t crc64;
    uint8_t *record; /* the engine's, as it was found */
    size_t record_size;
    /* The journal's end. */
    int journal; /* open while somebody spools into it, else -1 */
    uint64_t journal_size;
    uint64_t journal_crc64;
    uint64_t torn_bytes; /* that were behind it when it was loaded */
    struct rh_open_segment open;
};

/* What a new upload is. Texts are copied. */
struct rh_entry_plan {
    const char *to, *protocol, *session, *name, *mime, *shown;
    const char *path; /* NULL: standard input */
    struct rh_fingerprint print;
    uint32_t flags; /* RH_JOURNAL_* */
    int64_t wall_ms;
};

/*
 * Makes an upload and its journal, durably; nothing is left of it on an error. One that grows stays
 * open and locked until it is sealed. Errors of files; RH_ERR_LIMIT: a text is too long.
 */
enum rh_error rh_entry_create(struct rh_spool *spool, const struct rh_entry_plan *plan,
                              struct rh_entry **out);
/*
 * Loads what is there. With `recover` (only for whoever leads): a torn tail is cut off, bytes that
 * a dead process left in an open segment are kept as far as their checksums go, and the upload is
 * sealed there. RH_OK also where *trouble says why it cannot be used. Errors of files.
 */
enum rh_error rh_entry_load(struct rh_spool *spool, const char *id, bool recover,
                            struct rh_entry **out, enum rh_entry_trouble *trouble);
void rh_entry_free(struct rh_entry *entry);

/* End of the last piece. */
uint64_t rh_entry_end(const struct rh_entry *entry);
/* The checksum of everything up to there. */
uint64_t rh_entry_crc64(const struct rh_entry *entry);

/* A stretch of the user's file has this checksum. Not synced: it can be computed again. */
enum rh_error rh_entry_piece(struct rh_entry *entry, uint64_t length, uint64_t crc64);
/*
 * Bytes of standard input, as many as go into the open segment: *taken. On an error nothing moved
 * and the same bytes may be appended again (RH_ERR_FULL: when there is room).
 */
enum rh_error rh_entry_append(struct rh_entry *entry, const void *data, size_t size, size_t *taken);
/* Closes the open segment: it becomes the last piece, durably. RH_ERR_FULL: may be repeated. */
enum rh_error rh_entry_close_segment(struct rh_entry *entry);
/* There will be no more, durably. */
enum rh_error rh_entry_seal(struct rh_entry *entry, bool cut);

/* It goes by this protocol from now on, durably: its server was found to speak it. */
enum rh_error rh_entry_settle(struct rh_entry *entry, const char *protocol);
/* The engine's record, durably; and none any more. */
enum rh_error rh_entry_persist(struct rh_entry *entry, struct rh_bytes record);
enum rh_error rh_entry_erase_record(struct rh_entry *entry);
/* Deletes segments that lie wholly within: the journal says so first. */
enum rh_error rh_entry_forget(struct rh_entry *entry, struct rh_range range);
/* Nothing of it is wanted any more: deletes all. May be repeated after a crash. */
enum rh_error rh_entry_end_all(struct rh_entry *entry);

/* What a process left that died before it had begun an upload, an hour ago or longer: one that runs
 * may be about to begin it. */
void rh_entry_remove_debris(struct rh_spool *spool, const char *id);

/* ---- between entry.c and entry_load.c ---- */

/* "{id}/{name}", below spool->uploads. */
void rh_entry_path(const struct rh_entry *entry, const char *name, char out[128]);
void rh_entry_segment_name(uint32_t index, char out[16]);
/* Writes a record behind the others; nothing moved on an error. */
enum rh_error rh_entry_log(struct rh_entry *entry, const struct rh_journal_record *record,
                           bool sync);
enum rh_error rh_entry_add_piece(struct rh_entry *entry, const struct rh_piece *piece);
/* Deletes the files and the folder. */
enum rh_error rh_entry_remove_files(struct rh_spool *spool, const char *id);

#endif
