/* SPDX-License-Identifier: MIT */
#include "cli/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc64.h"
#include "cli/files.h"

#define SAMPLE_BYTES 4096
#define SAMPLES      32
#define READ_BYTES   ((size_t)256 << 10)

/* ---- fingerprints ---- */

static bool look_at(int fd, uint64_t *size, int64_t *mtime_ns)
{
    struct stat stat;
    if (fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode))
        return false;
    *size = (uint64_t)stat.st_size;
    *mtime_ns = (int64_t)stat.st_mtim.tv_sec * 1000000000 + stat.st_mtim.tv_nsec;
    return true;
}

enum rh_error rh_fingerprint_take(int fd, struct rh_fingerprint *out)
{
    uint8_t bytes[SAMPLE_BYTES];
    *out = (struct rh_fingerprint){0};
    if (!look_at(fd, &out->size, &out->mtime_ns))
        return RH_ERR_SYNTAX;
    /* The first and the last of them are the first and the last bytes of the file. */
    uint64_t room = out->size > SAMPLE_BYTES ? out->size - SAMPLE_BYTES : 0;
    uint64_t before = RH_SIZE_UNKNOWN;
    for (uint64_t i = 0; i < SAMPLES; i++) {
        uint64_t offset = room / (SAMPLES - 1) * i;
        if (i == SAMPLES - 1)
            offset = room;
        if (offset == before)
            continue;
        before = offset;
        uint64_t left = out->size - offset;
        size_t size = left < SAMPLE_BYTES ? (size_t)left : SAMPLE_BYTES;
        enum rh_error error = rh_file_read(fd, bytes, size, offset);
        if (error != RH_OK)
            return error;
        out->sample = rh_crc64_update(out->sample, bytes, size);
    }
    return RH_OK;
}

bool rh_fingerprint_equal(const struct rh_fingerprint *a, const struct rh_fingerprint *b)
{
    return a->size == b->size && a->mtime_ns == b->mtime_ns && a->sample == b->sample;
}

/* ---- reading ---- */

/* Cheap, and so done for every part: that the file was not written to. */
static enum rh_error check_unchanged(const struct rh_source *source)
{
    uint64_t size;
    int64_t mtime_ns;
    const struct rh_fingerprint *print = &source->entry->print;
    if (!look_at(source->fd, &size, &mtime_ns))
        return RH_ERR_STATE;
    return size == print->size && mtime_ns == print->mtime_ns ? RH_OK : RH_ERR_STATE;
}

static enum rh_error open_user_file(struct rh_source *source)
{
    source->fd = open(source->entry->path, O_RDONLY | O_CLOEXEC);
    if (source->fd < 0)
        return rh_file_error();
    enum rh_error error = check_unchanged(source);
    if (error != RH_OK)
        rh_source_close(source);
    return error;
}

enum rh_error rh_source_open(struct rh_source *source, const struct rh_entry *entry,
                             struct rh_range range)
{
    *source = (struct rh_source){entry, range.offset, range.offset + range.length, -1, SIZE_MAX};
    return entry->path != NULL ? open_user_file(source) : RH_OK;
}

void rh_source_close(struct rh_source *source)
{
    int why = errno;
    if (source->fd >= 0)
        close(source->fd);
    source->fd = -1;
    errno = why;
}

/* The piece that the byte lies in, or piece_count. */
static size_t piece_at(const struct rh_entry *entry, uint64_t offset)
{
    size_t low = 0;
    size_t high = entry->piece_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct rh_piece *piece = &entry->pieces[middle];
        if (piece->offset + piece->length <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum rh_error open_segment(struct rh_source *source)
{
    const struct rh_entry *entry = source->entry;
    size_t index = piece_at(entry, source->at);
    char name[16];
    char path[128];
    if (index == source->piece && source->fd >= 0)
        return RH_OK;
    rh_source_close(source);
    if (index == entry->piece_count || !entry->pieces[index].held)
        return RH_ERR_UNKNOWN;
    rh_entry_segment_name(entry->pieces[index].index, name);
    rh_entry_path(entry, name, path);
    source->fd = openat(entry->spool->uploads, path, O_RDONLY | O_CLOEXEC);
    source->piece = index;
    return source->fd < 0 ? rh_file_error() : RH_OK;
}

enum rh_error rh_source_read(struct rh_source *source, void *out, size_t cap, size_t *got)
{
    uint64_t left = source->end - source->at;
    uint64_t offset = source->at;
    *got = 0;
    if (left == 0)
        return RH_OK;
    if (source->entry->path == NULL) {
        enum rh_error error = open_segment(source);
        if (error != RH_OK)
            return error;
        const struct rh_piece *piece = &source->entry->pieces[source->piece];
        offset = source->at - piece->offset;
        left = left < piece->length - offset ? left : piece->length - offset;
    }
    size_t size = left < cap ? (size_t)left : cap;
    enum rh_error error = rh_file_read(source->fd, out, size, offset);
    if (error == RH_ERR_RANGE)
        return RH_ERR_STATE;
    if (error != RH_OK)
        return error;
    source->at += size;
    *got = size;
    bool over = source->at == source->end && source->entry->path != NULL;
    return over ? check_unchanged(source) : RH_OK;
}

enum rh_error rh_source_crc64(const struct rh_entry *entry, struct rh_range range, uint64_t *crc64)
{
    struct rh_source source;
    size_t got = 1;
    uint8_t *bytes = malloc(READ_BYTES);
    *crc64 = 0;
    if (bytes == NULL)
        return RH_ERR_MEMORY;
    enum rh_error error = rh_source_open(&source, entry, range);
    while (error == RH_OK && got > 0) {
        error = rh_source_read(&source, bytes, READ_BYTES, &got);
        if (error == RH_OK)
            *crc64 = rh_crc64_update(*crc64, bytes, got);
    }
    rh_source_close(&source);
    free(bytes);
    return error;
}

enum rh_error rh_source_verify(const struct rh_entry *entry, struct rh_range range)
{
    uint64_t end = range.offset + range.length;
    for (size_t i = piece_at(entry, range.offset); i < entry->piece_count; i++) {
        const struct rh_piece *piece = &entry->pieces[i];
        uint64_t crc64;
        if (piece->offset >= end)
            break;
        enum rh_error error =
            rh_source_crc64(entry, (struct rh_range){piece->offset, piece->length}, &crc64);
        if (error != RH_OK)
            return error;
        if (crc64 != piece->crc64)
            return RH_ERR_CHECKSUM;
    }
    return RH_OK;
}
