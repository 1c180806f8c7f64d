/* SPDX-License-Identifier: MIT */
/* Loading an upload of the spool, and recovering what a dead process left. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/crc64.h"
#include "cli/entry.h"
#include "cli/files.h"

#define JOURNAL_BYTES_MAX ((size_t)1 << 30)

/* What a journal says, while it is read. */
struct loading {
    struct rh_entry *entry;
    bool begun;
    bool has_file;
    struct rh_piece *slices; /* behind the last closed segment */
    size_t slice_count, slice_cap;
};

static char *text_copy(struct rh_bytes text)
{
    char *copy = malloc(text.size + 1);
    RH_ASSERT(copy != NULL);
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return copy;
}

static void read_begin(struct rh_entry *entry, const struct rh_journal_record *record)
{
    entry->to = text_copy(record->begin.to);
    entry->protocol = text_copy(record->begin.protocol);
    entry->session = text_copy(record->begin.session);
    entry->name = text_copy(record->begin.name);
    entry->mime = text_copy(record->begin.mime);
    entry->shown = text_copy(record->begin.shown);
    entry->wall_ms = record->begin.wall_ms;
    entry->flags = record->begin.flags;
}

/* False: it does not follow the last. */
static bool read_slice(struct loading *l, const struct rh_piece *piece)
{
    uint64_t end = rh_entry_end(l->entry);
    if (l->slice_count > 0) {
        const struct rh_piece *last = &l->slices[l->slice_count - 1];
        /* Another index: the whole segment was written anew. */
        if (last->index == piece->index)
            end = last->offset + last->length;
        else
            l->slice_count = 0;
    }
    if (piece->offset != end)
        return false;
    if (l->slice_count == l->slice_cap) {
        l->slice_cap = l->slice_cap == 0 ? 32 : l->slice_cap * 2;
        l->slices = realloc(l->slices, l->slice_cap * sizeof *l->slices);
        RH_ASSERT(l->slices != NULL);
    }
    l->slices[l->slice_count++] = *piece;
    return true;
}

static void read_forgot(struct rh_entry *entry, struct rh_range range)
{
    for (size_t i = 0; i < entry->piece_count; i++) {
        struct rh_piece *piece = &entry->pieces[i];
        uint64_t end = range.offset + range.length;
        if (piece->offset >= range.offset && piece->offset + piece->length <= end)
            piece->held = false;
    }
}

static bool read_sealed(struct rh_entry *entry, const struct rh_journal_record *record)
{
    entry->sealed = true;
    entry->cut = record->sealed.cut;
    entry->size = record->sealed.size;
    entry->crc64 = record->sealed.crc64;
    return entry->size == rh_entry_end(entry);
}

/* False: records that contradict each other. */
static bool read_record(struct loading *l, const struct rh_journal_record *record)
{
    struct rh_entry *entry = l->entry;
    struct rh_piece piece = {0};
    if (entry->sealed && (record->kind == RH_JOURNAL_SLICE || record->kind == RH_JOURNAL_SEGMENT))
        return false;
    switch (record->kind) {
    case RH_JOURNAL_BEGIN:
        read_begin(entry, record);
        l->begun = true;
        return true;
    case RH_JOURNAL_FILE:
        if (l->has_file || (entry->flags & RH_JOURNAL_GROWS) != 0)
            return false;
        l->has_file = true;
        entry->path = text_copy(record->file.path);
        entry->print =
            (struct rh_fingerprint){record->file.size, record->file.mtime_ns, record->file.sample};
        return true;
    case RH_JOURNAL_SLICE:
    case RH_JOURNAL_SEGMENT:
        piece = (struct rh_piece){record->segment.offset, record->segment.length,
                                  record->segment.crc64, record->segment.index, true};
        if (record->kind == RH_JOURNAL_SLICE)
            return read_slice(l, &piece);
        l->slice_count = 0;
        return piece.offset == rh_entry_end(entry) && rh_entry_add_piece(entry, &piece) == RH_OK;
    case RH_JOURNAL_SEALED:
        return !entry->sealed && read_sealed(entry, record);
    case RH_JOURNAL_FORGOT:
        read_forgot(entry, record->forgot);
        return true;
    case RH_JOURNAL_END:
        entry->over = true;
        return true;
    case RH_JOURNAL_PROTOCOL:
        free(entry->protocol);
        entry->protocol = text_copy(record->protocol);
        return true;
    }
    return false;
}

static enum rh_entry_trouble read_journal(struct loading *l, struct rh_bytes bytes)
{
    struct rh_journal_reader reader;
    struct rh_journal_record record;
    struct rh_entry *entry = l->entry;
    enum rh_error error = rh_journal_open(&reader, bytes);
    if (error == RH_ERR_AGAIN)
        return RH_ENTRY_EMPTY;
    if (error == RH_ERR_VERSION)
        return RH_ENTRY_NEWER;
    while (error == RH_OK && rh_journal_next(&reader, &record))
        if (!read_record(l, &record))
            return RH_ENTRY_DAMAGED;
    if (error != RH_OK || reader.error == RH_ERR_SYNTAX)
        return RH_ENTRY_DAMAGED;
    entry->journal_size = reader.valid;
    entry->journal_crc64 = reader.crc64;
    entry->torn_bytes = bytes.size - reader.valid;
    if (!l->begun || (!l->has_file && (entry->flags & RH_JOURNAL_GROWS) == 0))
        return RH_ENTRY_EMPTY;
    return entry->over ? RH_ENTRY_OVER : RH_ENTRY_FINE;
}

/* ---- recovering ---- */

/* How many of the slices are in their file as they were written. */
static size_t count_sound(struct rh_entry *entry, const struct loading *l, int fd)
{
    uint64_t begin = rh_entry_end(entry);
    size_t sound = 0;
    uint8_t *bytes = malloc(RH_SEGMENT_BYTES_MAX);
    RH_ASSERT(bytes != NULL);
    for (; sound < l->slice_count; sound++) {
        const struct rh_piece *slice = &l->slices[sound];
        if (slice->length > RH_SEGMENT_BYTES_MAX ||
            rh_file_read(fd, bytes, (size_t)slice->length, slice->offset - begin) != RH_OK ||
            rh_crc64_update(0, bytes, (size_t)slice->length) != slice->crc64)
            break;
    }
    free(bytes);
    return sound;
}

/* The open segment of a process that died is closed where its sound bytes end. */
static enum rh_error keep_slices(struct rh_entry *entry, const struct loading *l)
{
    char name[16];
    char path[128];
    if (l->slice_count == 0)
        return RH_OK;
    struct rh_piece piece = l->slices[0];
    rh_entry_segment_name(piece.index, name);
    rh_entry_path(entry, name, path);
    int fd = openat(entry->spool->uploads, path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? RH_OK : rh_file_error();
    size_t sound = count_sound(entry, l, fd);
    for (size_t i = 1; i < sound; i++) {
        piece.crc64 = rh_crc64_combine(piece.crc64, l->slices[i].crc64, l->slices[i].length);
        piece.length += l->slices[i].length;
    }
    enum rh_error error = sound == 0 ? RH_OK : rh_file_sync(fd);
    if (close(fd) != 0 && error == RH_OK)
        error = rh_file_error();
    if (error == RH_OK && sound > 0)
        error = rh_file_sync_names(entry->spool->uploads, entry->id);
    if (error != RH_OK || sound == 0)
        return error;
    struct rh_journal_record record = {.kind = RH_JOURNAL_SEGMENT};
    record.segment.index = piece.index;
    record.segment.offset = piece.offset;
    record.segment.length = piece.length;
    record.segment.crc64 = piece.crc64;
    error = rh_entry_log(entry, &record, true);
    return error == RH_OK ? rh_entry_add_piece(entry, &piece) : error;
}

static enum rh_error recover(struct rh_entry *entry, const struct loading *l)
{
    enum rh_error error = RH_OK;
    if (entry->torn_bytes > 0 && ftruncate(entry->journal, (off_t)entry->journal_size) != 0)
        return rh_file_error();
    if (entry->path != NULL || entry->sealed)
        return RH_OK;
    error = keep_slices(entry, l);
    return error == RH_OK ? rh_entry_seal(entry, true) : error;
}

/* ---- loading ---- */

static enum rh_error open_journal(struct rh_entry *entry, bool lock, enum rh_entry_trouble *trouble)
{
    char path[128];
    rh_entry_path(entry, "journal", path);
    entry->journal = openat(entry->spool->uploads, path, (lock ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (entry->journal < 0 && errno == ENOENT) {
        *trouble = RH_ENTRY_EMPTY;
        return RH_OK;
    }
    if (entry->journal < 0)
        return rh_file_error();
    if (lock && flock(entry->journal, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return rh_file_error();
        *trouble = RH_ENTRY_BUSY;
    }
    return RH_OK;
}

static enum rh_error load(struct loading *l, bool recovers, enum rh_entry_trouble *trouble)
{
    struct rh_entry *entry = l->entry;
    uint8_t *bytes;
    size_t size;
    char path[128];
    enum rh_error error = open_journal(entry, recovers, trouble);
    if (error != RH_OK || *trouble != RH_ENTRY_FINE)
        return error;
    rh_entry_path(entry, "journal", path);
    error = rh_file_load(entry->spool->uploads, path, JOURNAL_BYTES_MAX, &bytes, &size);
    if (error != RH_OK)
        return error;
    *trouble = read_journal(l, (struct rh_bytes){bytes, size});
    free(bytes);
    if (*trouble != RH_ENTRY_FINE)
        return RH_OK;
    if (recovers)
        error = recover(entry, l);
    rh_entry_path(entry, "record", path);
    if (error == RH_OK)
        error = rh_file_load(entry->spool->uploads, path, RH_RECORD_MAX, &entry->record,
                             &entry->record_size);
    return error == RH_ERR_UNKNOWN || error == RH_ERR_LIMIT ? RH_OK : error;
}

/* What was read of a journal that is not whole still needs its texts. */
static void fill_in(struct rh_entry *entry)
{
    char **texts[] = {&entry->to,   &entry->protocol, &entry->session,
                      &entry->name, &entry->mime,     &entry->shown};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (*texts[i] == NULL)
            *texts[i] = text_copy((struct rh_bytes){0});
}

enum rh_error rh_entry_load(struct rh_spool *spool, const char *id, bool recover,
                            struct rh_entry **out, enum rh_entry_trouble *trouble)
{
    struct rh_entry *entry = calloc(1, sizeof *entry);
    RH_ASSERT(entry != NULL && strlen(id) <= RH_SPOOL_ID_MAX);
    struct loading l = {.entry = entry};
    entry->spool = spool;
    strcpy(entry->id, id);
    entry->journal = -1;
    entry->open.fd = -1;
    *trouble = RH_ENTRY_FINE;
    *out = NULL;
    enum rh_error error = load(&l, recover, trouble);
    free(l.slices);
    fill_in(entry);
    for (size_t i = 0; entry->path == NULL && i < entry->piece_count; i++)
        if (entry->pieces[i].held)
            spool->bytes_held += entry->pieces[i].length;
    if (entry->journal >= 0)
        close(entry->journal);
    entry->journal = -1;
    if (error == RH_OK)
        *out = entry;
    else
        rh_entry_free(entry);
    return error;
}
