/* SPDX-License-Identifier: MIT */
/*
 * The witness's file. It is only ever appended to, in room that was made (zeroed) before, so that
 * the sync of a record is that of a few pages and not of a file's length.
 */
#include "vault/witness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/crc64.h"
#include "vault/files.h"

#define BESIDE       RH_WITNESS_FILE ".new"
#define FILE_MODE    0600 /* it holds the key of upload ids */
#define HEADER_BYTES 40
#define RECORD_BYTES 24
#define RECORD_MAGIC 0x52574852u         /* "RHWR" */
#define PIECE_BYTES  ((size_t)1 << 20)   /* of a snapshot */
#define ROOM_BYTES   ((uint64_t)1 << 20) /* made ahead at most */
#define ROOM_LEAST   ((uint64_t)16 << 10)
#define SYNC_MS      1000
#define LONG_BYTES   ((uint64_t)8 << 20) /* after the snapshot */

static const char magic[16] = {'r', 'e', 'e', 'l', 'h', 'a', 'u', 'l',
                               ' ', 'w', 'i', 't', 'n', 'e', 's', 's'};

struct rh_witness {
    int fd;
    bool failed;
    bool unsynced;
    int64_t unsynced_ms; /* since then */
    uint64_t end;        /* of the last record */
    uint64_t room_end;   /* of the zeros after it */
    uint64_t snapshot_end;
};

static size_t padded(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

static uint64_t record_crc(const uint8_t *record, const uint8_t *payload, size_t size)
{
    uint64_t crc = rh_crc64_update(0, record + 4, 12);
    return rh_crc64_update(crc, payload, size);
}

/* ---- Which file it is ---- */

struct self {
    uint64_t inode;
    uint32_t birth; /* a hash of the time it was made; 0: not known */
    uint64_t size;
};

/* An inode's number is given again to another file, a copy among them; its time of birth is not.
 * Where the file system or the kernel tells none, the number has to do. */
static uint32_t birth_of(int fd)
{
    struct statx status = {0};
    uint8_t time[12];
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &status) != 0 ||
        (status.stx_mask & STATX_BTIME) == 0)
        return 0;
    rh_le64_put(time, (uint64_t)status.stx_btime.tv_sec);
    rh_le32_put(time + 8, status.stx_btime.tv_nsec);
    return (uint32_t)rh_crc64_update(0, time, sizeof time) | 1;
}

static enum rh_error look_at(int fd, struct self *self)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return RH_ERR_IO;
    *self = (struct self){
        .inode = status.st_ino, .birth = birth_of(fd), .size = (uint64_t)status.st_size};
    return RH_OK;
}

static bool is_copy(const uint8_t *header, const struct self *self)
{
    uint32_t birth = rh_le32_get(header + 20);
    return rh_le64_get(header + 24) != self->inode ||
           (birth != 0 && self->birth != 0 && birth != self->birth);
}

/* ---- Reading ---- */

/* The record at `at`, if there is a whole one. */
static bool record_at(const uint8_t *data, size_t size, size_t at, uint64_t *sequence,
                      struct rh_bytes *payload)
{
    if (size - at < RECORD_BYTES || rh_le32_get(data + at) != RECORD_MAGIC)
        return false;
    size_t length = rh_le32_get(data + at + 4);
    if (length > size - at - RECORD_BYTES)
        return false;
    const uint8_t *body = data + at + RECORD_BYTES;
    if (record_crc(data + at, body, length) != rh_le64_get(data + at + 16))
        return false;
    *sequence = rh_le64_get(data + at + 8);
    *payload = (struct rh_bytes){body, length};
    return true;
}

static enum rh_error read_records(const uint8_t *data, size_t size,
                                  struct rh_witness_summary *summary,
                                  enum rh_error (*each)(void *, uint64_t, const struct rh_batch *),
                                  void *context)
{
    enum rh_error error = RH_OK;
    bool skipped = false;
    bool first = true;
    for (size_t at = HEADER_BYTES; at < size && error == RH_OK;) {
        struct rh_batch batch;
        struct rh_bytes payload;
        uint64_t sequence;
        if (!record_at(data, size, at, &sequence, &payload)) {
            skipped = true; /* the end, or something broken: then a record may follow */
            at += 8;
            continue;
        }
        at += RECORD_BYTES + padded(payload.size);
        bool follows = first || sequence == summary->last || sequence == summary->last + 1;
        if (!first && sequence < summary->last)
            continue; /* not written by us in this place */
        error = rh_witness_decode(payload, &batch);
        if (error == RH_ERR_MEMORY)
            return error;
        if (skipped || !follows || error != RH_OK)
            summary->is_damaged = true;
        skipped = false;
        if (error != RH_OK) {
            error = RH_OK;
            continue;
        }
        if (first)
            summary->first = sequence;
        first = false;
        summary->last = sequence;
        error = each(context, sequence, &batch);
        rh_batch_free(&batch);
    }
    if (first)
        summary->is_damaged = true; /* there is always a snapshot */
    return error;
}

static enum rh_error read_header(const uint8_t *data, const struct self *self,
                                 struct rh_witness_summary *summary)
{
    if (self->size < HEADER_BYTES || memcmp(data, magic, sizeof magic) != 0)
        return RH_ERR_SYNTAX;
    if (rh_le32_get(data + 16) > RH_WITNESS_FORMAT)
        return RH_ERR_VERSION;
    if (rh_crc64_update(0, data, 32) != rh_le64_get(data + 32))
        return RH_ERR_SYNTAX;
    summary->is_copied = is_copy(data, self);
    return RH_OK;
}

enum rh_error rh_witness_read(int root, struct rh_witness_summary *summary,
                              enum rh_error (*each)(void *, uint64_t, const struct rh_batch *),
                              void *context)
{
    struct self self = {0};
    *summary = (struct rh_witness_summary){0};
    int fd = openat(root, RH_WITNESS_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return rh_data_error(errno);
    uint8_t *data = NULL;
    enum rh_error error = look_at(fd, &self);
    if (error == RH_OK && (data = malloc((size_t)self.size + 1)) == NULL)
        error = RH_ERR_MEMORY;
    if (error == RH_OK)
        error = rh_data_read_all(fd, data, (size_t)self.size, 0) == (ssize_t)self.size ? RH_OK
                                                                                       : RH_ERR_IO;
    if (error == RH_OK)
        error = read_header(data, &self, summary);
    if (error == RH_OK)
        error = read_records(data, (size_t)self.size, summary, each, context);
    free(data);
    close(fd);
    return error;
}

/* ---- Writing ---- */

/* Zeros beyond `needed`, so that the next records do not make the file longer. */
static enum rh_error make_room(struct rh_witness *witness, uint64_t needed)
{
    static const uint8_t zeros[64u << 10];
    uint64_t room = needed / 4;
    room = room < ROOM_LEAST ? ROOM_LEAST : room > ROOM_BYTES ? ROOM_BYTES : room;
    enum rh_error error = RH_OK;
    while (witness->room_end < needed + room && error == RH_OK) {
        uint64_t left = needed + room - witness->room_end;
        size_t step = left < sizeof zeros ? (size_t)left : sizeof zeros;
        error = rh_data_write_all(witness->fd, zeros, step, witness->room_end);
        if (error == RH_OK)
            witness->room_end += step;
    }
    /* Room is a favour: on a full disk the record itself may still fit. */
    return error == RH_ERR_FULL ? RH_OK : error;
}

/* Not synced. */
static enum rh_error put_record(struct rh_witness *witness, uint64_t sequence,
                                const uint8_t *payload, size_t size)
{
    size_t whole = RECORD_BYTES + padded(size);
    uint8_t *record = size <= UINT32_MAX ? calloc(1, whole) : NULL;
    enum rh_error error = RH_OK;
    if (record == NULL)
        return RH_ERR_MEMORY;
    rh_le32_put(record, RECORD_MAGIC);
    rh_le32_put(record + 4, (uint32_t)size);
    rh_le64_put(record + 8, sequence);
    if (size > 0)
        memcpy(record + RECORD_BYTES, payload, size);
    rh_le64_put(record + 16, record_crc(record, record + RECORD_BYTES, size));
    if (witness->end + whole > witness->room_end)
        error = make_room(witness, witness->end + whole);
    if (error == RH_OK)
        error = rh_data_write_all(witness->fd, record, whole, witness->end);
    free(record);
    if (error != RH_OK)
        return error;
    witness->end += whole;
    if (witness->room_end < witness->end)
        witness->room_end = witness->end;
    return RH_OK;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

enum rh_error rh_witness_append(struct rh_witness *witness, uint64_t sequence,
                                const struct rh_batch *batch)
{
    uint8_t *payload = NULL;
    size_t size = 0;
    size_t taken = 0;
    if (witness->failed)
        return RH_ERR_STATE;
    enum rh_error error = rh_witness_encode(batch, 0, SIZE_MAX, &payload, &size, &taken);
    if (error == RH_OK)
        error = put_record(witness, sequence, payload, size);
    free(payload);
    witness->failed = error != RH_OK;
    if (!witness->unsynced)
        witness->unsynced_ms = now_ms();
    witness->unsynced = true;
    return error;
}

enum rh_error rh_witness_sync(struct rh_witness *witness)
{
    if (witness->failed)
        return RH_ERR_STATE;
    if (witness->unsynced && fdatasync(witness->fd) != 0)
        witness->failed = true; /* and is not tried again: a second success would prove nothing */
    witness->unsynced = false;
    return witness->failed ? RH_ERR_IO : RH_OK;
}

bool rh_witness_is_overdue(const struct rh_witness *witness)
{
    return witness->unsynced && now_ms() - witness->unsynced_ms >= SYNC_MS;
}

bool rh_witness_is_long(const struct rh_witness *witness)
{
    uint64_t long_bytes = LONG_BYTES > witness->snapshot_end ? LONG_BYTES : witness->snapshot_end;
    return witness->end - witness->snapshot_end > long_bytes;
}

void rh_witness_close(struct rh_witness *witness)
{
    if (witness == NULL)
        return;
    (void)rh_witness_sync(witness);
    close(witness->fd);
    free(witness);
}

/* ---- The snapshot ---- */

static enum rh_error add_upload(struct rh_batch *batch, const struct rh_upload_rows *rows)
{
    struct rh_change *change = rh_batch_add(batch, RH_CHANGE_UPLOAD);
    enum rh_error error =
        change != NULL ? rh_upload_row_copy(&change->u.upload_row, &rows->row) : RH_ERR_MEMORY;
    if (error != RH_OK && change != NULL)
        change->u.upload_row.metadata = NULL;
    for (size_t i = 0; i < rows->interval_count && error == RH_OK; i++) {
        change = rh_batch_add(batch, RH_CHANGE_INTERVAL);
        if (change == NULL)
            return RH_ERR_MEMORY;
        strcpy(change->upload, rows->row.id);
        change->u.interval = rows->intervals[i];
    }
    for (size_t i = 0; i < rows->chunk_count && error == RH_OK; i++) {
        change = rh_batch_add(batch, RH_CHANGE_CHUNK);
        if (change == NULL)
            return RH_ERR_MEMORY;
        strcpy(change->upload, rows->row.id);
        change->u.chunk = rows->chunks[i];
    }
    return error;
}

static enum rh_error put_batch(void *context, uint64_t sequence, const struct rh_batch *batch)
{
    struct rh_witness *witness = context;
    enum rh_error error = RH_OK;
    for (size_t from = 0, taken = 0; from < batch->count && error == RH_OK; from += taken) {
        uint8_t *payload = NULL;
        size_t size = 0;
        error = rh_witness_encode(batch, from, PIECE_BYTES, &payload, &size, &taken);
        if (error == RH_OK)
            error = put_record(witness, sequence, payload, size);
        free(payload);
    }
    return error;
}

enum rh_error rh_witness_snapshot(struct rh_catalog *catalog,
                                  enum rh_error (*each)(void *, uint64_t, const struct rh_batch *),
                                  void *context)
{
    struct rh_read read = {.kind = RH_READ_META};
    struct rh_batch batch = {0};
    struct rh_rows rows = {0};
    catalog->ops->read(catalog, &read, &rows);
    uint64_t sequence = rows.meta.sequence;
    enum rh_error error = rows.error;
    struct rh_change *change = rh_batch_add(&batch, RH_CHANGE_META);
    if (change == NULL)
        error = RH_ERR_MEMORY;
    else
        change->u.meta = rows.meta;
    rh_rows_free(&rows);
    if (error == RH_OK)
        error = each(context, sequence, &batch);
    rh_batch_free(&batch);
    if (error != RH_OK)
        return error;
    read.kind = RH_READ_UNFINISHED;
    catalog->ops->read(catalog, &read, &rows);
    error = rows.error;
    for (size_t i = 0; i < rows.upload_count && error == RH_OK; i++) {
        error = add_upload(&batch, &rows.uploads[i]);
        if (error == RH_OK)
            error = each(context, sequence, &batch);
        rh_batch_free(&batch);
    }
    rh_rows_free(&rows);
    return error;
}

static enum rh_error put_header(struct rh_witness *witness)
{
    uint8_t header[HEADER_BYTES] = {0};
    struct self self;
    if (look_at(witness->fd, &self) != RH_OK)
        return RH_ERR_IO;
    memcpy(header, magic, sizeof magic);
    rh_le32_put(header + 16, RH_WITNESS_FORMAT);
    rh_le32_put(header + 20, self.birth);
    rh_le64_put(header + 24, self.inode);
    rh_le64_put(header + 32, rh_crc64_update(0, header, 32));
    witness->end = HEADER_BYTES;
    witness->room_end = HEADER_BYTES;
    return rh_data_write_all(witness->fd, header, sizeof header, 0);
}

enum rh_error rh_witness_create(struct rh_witness **out, int root, struct rh_catalog *catalog)
{
    struct rh_witness *witness = calloc(1, sizeof *witness);
    if (witness == NULL)
        return RH_ERR_MEMORY;
    /* An old one that was left half written must not keep its bytes or its inode. */
    (void)unlinkat(root, BESIDE, 0);
    witness->fd =
        openat(root, BESIDE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    enum rh_error error = witness->fd < 0 ? rh_data_error(errno) : put_header(witness);
    if (error == RH_OK)
        error = rh_witness_snapshot(catalog, put_batch, witness);
    if (error == RH_OK)
        error = make_room(witness, witness->end);
    witness->snapshot_end = witness->end;
    if (error == RH_OK && fsync(witness->fd) != 0)
        error = RH_ERR_IO;
    if (error == RH_OK && renameat(root, BESIDE, root, RH_WITNESS_FILE) != 0)
        error = RH_ERR_IO;
    if (error == RH_OK)
        error = rh_data_sync_directory(root, ".");
    if (error == RH_OK) {
        *out = witness;
        return RH_OK;
    }
    (void)unlinkat(root, BESIDE, 0);
    if (witness->fd >= 0)
        close(witness->fd);
    free(witness);
    return error;
}
