/* SPDX-License-Identifier: MIT */
/* Making an upload of the spool, and writing into it. */
#include "cli/entry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc64.h"
#include "cli/files.h"

#define PATH_BYTES 128
#define DEBRIS_S   3600

void rh_entry_path(const struct rh_entry *entry, const char *name, char out[128])
{
    (void)snprintf(out, PATH_BYTES, "%s/%s", entry->id, name);
}

void rh_entry_segment_name(uint32_t index, char out[16])
{
    (void)snprintf(out, 16, "%08x.seg", index);
}

/* ---- the journal ---- */

enum rh_error rh_entry_log(struct rh_entry *entry, const struct rh_journal_record *record,
                           bool sync)
{
    uint8_t bytes[RH_JOURNAL_RECORD_MAX];
    char path[PATH_BYTES];
    uint64_t crc64 = entry->journal_crc64;
    size_t size;
    enum rh_error error = rh_journal_write(record, &crc64, bytes, sizeof bytes, &size);
    if (error != RH_OK)
        return error;
    int fd = entry->journal;
    if (fd < 0) {
        rh_entry_path(entry, "journal", path);
        fd = openat(entry->spool->uploads, path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
            return rh_file_error();
    }
    error = rh_file_write(fd, bytes, size, entry->journal_size);
    if (error == RH_OK && sync)
        error = rh_file_sync(fd);
    int why = errno;
    if (fd != entry->journal)
        close(fd);
    errno = why;
    if (error != RH_OK)
        return error;
    entry->journal_size += size;
    entry->journal_crc64 = crc64;
    return RH_OK;
}

enum rh_error rh_entry_add_piece(struct rh_entry *entry, const struct rh_piece *piece)
{
    if (entry->piece_count == entry->piece_cap) {
        size_t cap = entry->piece_cap == 0 ? 16 : entry->piece_cap * 2;
        void *more = realloc(entry->pieces, cap * sizeof *entry->pieces);
        if (more == NULL)
            return RH_ERR_MEMORY;
        entry->pieces = more;
        entry->piece_cap = cap;
    }
    entry->pieces[entry->piece_count++] = *piece;
    return RH_OK;
}

uint64_t rh_entry_end(const struct rh_entry *entry)
{
    if (entry->piece_count == 0)
        return 0;
    const struct rh_piece *last = &entry->pieces[entry->piece_count - 1];
    return last->offset + last->length;
}

uint64_t rh_entry_crc64(const struct rh_entry *entry)
{
    uint64_t crc64 = 0;
    for (size_t i = 0; i < entry->piece_count; i++)
        crc64 = rh_crc64_combine(crc64, entry->pieces[i].crc64, entry->pieces[i].length);
    return crc64;
}

/* ---- making one ---- */

static struct rh_bytes text_of(const char *text)
{
    return rh_bytes_of(text == NULL ? "" : text);
}

static char *copy_of(const char *text)
{
    char *copy = strdup(text == NULL ? "" : text);
    RH_ASSERT(copy != NULL);
    return copy;
}

static enum rh_error begin_journal(struct rh_entry *entry)
{
    struct rh_journal_record begin = {.kind = RH_JOURNAL_BEGIN};
    struct rh_journal_record file = {.kind = RH_JOURNAL_FILE};
    uint8_t head[RH_JOURNAL_HEAD_BYTES];
    rh_journal_head(head);
    enum rh_error error = rh_file_write(entry->journal, head, sizeof head, 0);
    if (error != RH_OK)
        return error;
    entry->journal_size = sizeof head;
    begin.begin.to = text_of(entry->to);
    begin.begin.protocol = text_of(entry->protocol);
    begin.begin.session = text_of(entry->session);
    begin.begin.name = text_of(entry->name);
    begin.begin.mime = text_of(entry->mime);
    begin.begin.shown = text_of(entry->shown);
    begin.begin.wall_ms = entry->wall_ms;
    begin.begin.flags = entry->flags;
    error = rh_entry_log(entry, &begin, entry->path == NULL);
    if (error != RH_OK || entry->path == NULL)
        return error;
    file.file.path = text_of(entry->path);
    file.file.size = entry->print.size;
    file.file.mtime_ns = entry->print.mtime_ns;
    file.file.sample = entry->print.sample;
    return rh_entry_log(entry, &file, true);
}

static struct rh_entry *entry_of(struct rh_spool *spool, const struct rh_entry_plan *plan)
{
    struct rh_entry *entry = calloc(1, sizeof *entry);
    RH_ASSERT(entry != NULL);
    entry->spool = spool;
    entry->to = copy_of(plan->to);
    entry->protocol = copy_of(plan->protocol);
    entry->session = copy_of(plan->session);
    entry->name = copy_of(plan->name);
    entry->mime = copy_of(plan->mime);
    entry->shown = copy_of(plan->shown);
    entry->path = plan->path == NULL ? NULL : copy_of(plan->path);
    entry->print = plan->print;
    entry->flags = plan->flags;
    entry->wall_ms = plan->wall_ms;
    entry->journal = -1;
    entry->open.fd = -1;
    return entry;
}

enum rh_error rh_entry_create(struct rh_spool *spool, const struct rh_entry_plan *plan,
                              struct rh_entry **out)
{
    char path[PATH_BYTES];
    struct rh_entry *entry = entry_of(spool, plan);
    enum rh_error error = RH_OK;
    rh_spool_id(entry->id, plan->wall_ms);
    *out = NULL;
    if (mkdirat(spool->uploads, entry->id, 0700) != 0) {
        error = rh_file_error();
        rh_entry_free(entry);
        return error;
    }
    rh_entry_path(entry, "journal", path);
    entry->journal = openat(spool->uploads, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (entry->journal < 0 || flock(entry->journal, LOCK_EX | LOCK_NB) != 0)
        error = rh_file_error();
    if (error == RH_OK)
        error = begin_journal(entry);
    if (error == RH_OK)
        error = rh_file_sync_names(spool->uploads, entry->id);
    if (error == RH_OK)
        error = rh_file_sync_names(spool->uploads, ".");
    if (error == RH_OK && entry->path != NULL) {
        /* Whoever sends may take it from here. */
        close(entry->journal);
        entry->journal = -1;
    }
    if (error == RH_OK) {
        *out = entry;
        return RH_OK;
    }
    int why = errno;
    (void)rh_entry_remove_files(spool, entry->id);
    rh_entry_free(entry);
    errno = why;
    return error;
}

void rh_entry_free(struct rh_entry *entry)
{
    if (entry == NULL)
        return;
    for (size_t i = 0; entry->path == NULL && i < entry->piece_count; i++)
        if (entry->pieces[i].held)
            entry->spool->bytes_held -= entry->pieces[i].length;
    if (entry->open.fd >= 0)
        close(entry->open.fd);
    if (entry->journal >= 0)
        close(entry->journal);
    free(entry->to);
    free(entry->protocol);
    free(entry->session);
    free(entry->name);
    free(entry->mime);
    free(entry->shown);
    free(entry->path);
    free(entry->pieces);
    free(entry->record);
    free(entry->open.bytes);
    free(entry);
}

/* ---- bytes ---- */

enum rh_error rh_entry_piece(struct rh_entry *entry, uint64_t length, uint64_t crc64)
{
    struct rh_piece piece = {.offset = rh_entry_end(entry), .length = length, .crc64 = crc64};
    struct rh_journal_record record = {.kind = RH_JOURNAL_SEGMENT};
    piece.held = true;
    record.segment.offset = piece.offset;
    record.segment.length = length;
    record.segment.crc64 = crc64;
    enum rh_error error = rh_entry_log(entry, &record, false);
    return error == RH_OK ? rh_entry_add_piece(entry, &piece) : error;
}

static enum rh_error open_segment(struct rh_entry *entry)
{
    struct rh_open_segment *open = &entry->open;
    char name[16];
    char path[PATH_BYTES];
    if (open->bytes == NULL)
        open->bytes = malloc(RH_SEGMENT_BYTES_MAX);
    if (open->bytes == NULL)
        return RH_ERR_MEMORY;
    if (open->fd >= 0)
        return RH_OK;
    rh_entry_segment_name(open->index, name);
    rh_entry_path(entry, name, path);
    open->fd = openat(entry->spool->uploads, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (open->fd < 0)
        return rh_file_error();
    open->journal_size = entry->journal_size;
    open->journal_crc64 = entry->journal_crc64;
    return RH_OK;
}

static struct rh_journal_record slice_of(const struct rh_entry *entry, enum rh_journal_kind kind,
                                         size_t from, size_t length, uint64_t crc64)
{
    struct rh_journal_record record = {.kind = kind};
    record.segment.index = entry->open.index;
    record.segment.offset = rh_entry_end(entry) + from;
    record.segment.length = length;
    record.segment.crc64 = crc64;
    return record;
}

/* The bytes that memory holds, in a file of another number: the old one's sync failed, and nobody
 * knows what of it is there. */
static enum rh_error write_anew(struct rh_entry *entry)
{
    struct rh_open_segment *open = &entry->open;
    char name[16];
    char path[PATH_BYTES];
    if (open->fd >= 0) {
        close(open->fd);
        open->fd = -1;
        rh_entry_segment_name(open->index, name);
        rh_entry_path(entry, name, path);
        (void)unlinkat(entry->spool->uploads, path, 0);
        entry->journal_size = open->journal_size;
        entry->journal_crc64 = open->journal_crc64;
        open->index++;
    }
    enum rh_error error = open_segment(entry);
    if (error == RH_OK)
        error = rh_file_write(open->fd, open->bytes, open->size, 0);
    if (error != RH_OK)
        return error;
    struct rh_journal_record slice = slice_of(entry, RH_JOURNAL_SLICE, 0, open->size, open->crc64);
    error = rh_entry_log(entry, &slice, false);
    open->spoiled = error != RH_OK;
    return error;
}

enum rh_error rh_entry_append(struct rh_entry *entry, const void *data, size_t size, size_t *taken)
{
    struct rh_open_segment *open = &entry->open;
    *taken = 0;
    enum rh_error error = open->spoiled ? write_anew(entry) : open_segment(entry);
    if (error != RH_OK)
        return error;
    size_t fits = RH_SEGMENT_BYTES_MAX - open->size;
    size = size < fits ? size : fits;
    if (size == 0)
        return RH_OK;
    error = rh_file_write(open->fd, data, size, open->size);
    if (error != RH_OK)
        return error;
    uint64_t crc64 = rh_crc64_update(0, data, size);
    struct rh_journal_record slice = slice_of(entry, RH_JOURNAL_SLICE, open->size, size, crc64);
    error = rh_entry_log(entry, &slice, false);
    if (error != RH_OK)
        return error;
    memcpy(open->bytes + open->size, data, size);
    open->crc64 = rh_crc64_combine(open->crc64, crc64, size);
    open->size += size;
    *taken = size;
    return RH_OK;
}

/* Bytes and name are on the medium. */
static enum rh_error sync_segment(struct rh_entry *entry)
{
    struct rh_open_segment *open = &entry->open;
    if (open->spoiled) {
        enum rh_error error = write_anew(entry);
        if (error != RH_OK)
            return error;
    }
    enum rh_error error = rh_file_sync(open->fd);
    if (error == RH_OK)
        error = rh_file_sync_names(entry->spool->uploads, entry->id);
    open->spoiled = error != RH_OK;
    return error;
}

enum rh_error rh_entry_close_segment(struct rh_entry *entry)
{
    struct rh_open_segment *open = &entry->open;
    if (open->size == 0)
        return RH_OK;
    enum rh_error error = sync_segment(entry);
    if (error != RH_OK)
        return error;
    struct rh_journal_record record =
        slice_of(entry, RH_JOURNAL_SEGMENT, 0, open->size, open->crc64);
    struct rh_piece piece = {record.segment.offset, open->size, open->crc64, open->index, true};
    /* It takes the place of its slices, so that the journal stays small. One that is torn here
     * leaves the upload without bytes that nobody was told of. */
    uint64_t size_before = entry->journal_size;
    uint64_t crc64_before = entry->journal_crc64;
    entry->journal_size = open->journal_size;
    entry->journal_crc64 = open->journal_crc64;
    error = rh_entry_log(entry, &record, true);
    if (error != RH_OK) {
        entry->journal_size = size_before;
        entry->journal_crc64 = crc64_before;
        return error;
    }
    error = rh_entry_add_piece(entry, &piece);
    if (error != RH_OK)
        return error;
    entry->spool->bytes_held += piece.length;
    if (ftruncate(entry->journal, (off_t)entry->journal_size) != 0)
        errno = 0; /* it would only be tidier */
    close(open->fd);
    open->fd = -1;
    open->index++;
    open->size = 0;
    open->crc64 = 0;
    return RH_OK;
}

enum rh_error rh_entry_seal(struct rh_entry *entry, bool cut)
{
    struct rh_journal_record record = {.kind = RH_JOURNAL_SEALED};
    enum rh_error error = rh_entry_close_segment(entry);
    if (error != RH_OK || entry->sealed)
        return error;
    record.sealed.size = rh_entry_end(entry);
    record.sealed.crc64 = rh_entry_crc64(entry);
    record.sealed.cut = cut;
    /* A file of the user's can be read through again. */
    error = rh_entry_log(entry, &record, entry->path == NULL);
    if (error != RH_OK)
        return error;
    entry->sealed = true;
    entry->cut = cut;
    entry->size = record.sealed.size;
    entry->crc64 = record.sealed.crc64;
    if (entry->journal >= 0)
        close(entry->journal);
    entry->journal = -1;
    free(entry->open.bytes);
    entry->open.bytes = NULL;
    return RH_OK;
}

/* ---- records, and forgetting ---- */

enum rh_error rh_entry_persist(struct rh_entry *entry, struct rh_bytes record)
{
    if (entry->over)
        return RH_OK;
    return rh_file_replace(entry->spool->uploads, entry->id, "record", record);
}

enum rh_error rh_entry_erase_record(struct rh_entry *entry)
{
    char path[PATH_BYTES];
    rh_entry_path(entry, "record", path);
    if (unlinkat(entry->spool->uploads, path, 0) != 0)
        return errno == ENOENT ? RH_OK : rh_file_error();
    return rh_file_sync_names(entry->spool->uploads, entry->id);
}

static bool lies_within(const struct rh_piece *piece, struct rh_range range)
{
    return piece->held && piece->offset >= range.offset && piece->length <= range.length &&
           piece->offset - range.offset <= range.length - piece->length;
}

/* While a segment is open the journal's end is that segment's, whose record replaces its slices:
 * what must stay is not among them. */
static enum rh_error log_beside(struct rh_entry *entry, const struct rh_journal_record *record)
{
    enum rh_error error = rh_entry_log(entry, record, true);
    if (error != RH_OK || entry->open.fd < 0)
        return error;
    entry->open.journal_size = entry->journal_size;
    entry->open.journal_crc64 = entry->journal_crc64;
    return RH_OK;
}

enum rh_error rh_entry_forget(struct rh_entry *entry, struct rh_range range)
{
    struct rh_journal_record record = {.kind = RH_JOURNAL_FORGOT, .forgot = range};
    if (entry->path != NULL || entry->over || range.length == 0)
        return RH_OK; /* a file of the user's is not ours to delete */
    enum rh_error error = log_beside(entry, &record);
    if (error != RH_OK)
        return error;
    for (size_t i = 0; i < entry->piece_count; i++) {
        struct rh_piece *piece = &entry->pieces[i];
        char name[16];
        char path[PATH_BYTES];
        if (!lies_within(piece, range))
            continue;
        piece->held = false;
        entry->spool->bytes_held -= piece->length;
        rh_entry_segment_name(piece->index, name);
        rh_entry_path(entry, name, path);
        if (unlinkat(entry->spool->uploads, path, 0) != 0 && errno != ENOENT)
            error = rh_file_error();
    }
    return error;
}

enum rh_error rh_entry_remove_files(struct rh_spool *spool, const char *id)
{
    char path[PATH_BYTES];
    int fd = openat(spool->uploads, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return errno == ENOENT ? RH_OK : rh_file_error();
    }
    /* The journal last: without it nobody would know that the rest may go. */
    for (const struct dirent *each; (each = readdir(dir)) != NULL;)
        if (each->d_name[0] != '.' && strcmp(each->d_name, "journal") != 0)
            (void)unlinkat(fd, each->d_name, 0);
    (void)fsync(fd);
    (void)unlinkat(fd, "journal", 0);
    closedir(dir);
    (void)snprintf(path, sizeof path, "%s", id);
    if (unlinkat(spool->uploads, path, AT_REMOVEDIR) != 0 && errno != ENOENT)
        return rh_file_error();
    return rh_file_sync_names(spool->uploads, ".");
}

enum rh_error rh_entry_end_all(struct rh_entry *entry)
{
    struct rh_journal_record record = {.kind = RH_JOURNAL_END};
    if (!entry->over) {
        enum rh_error error = rh_entry_log(entry, &record, true);
        if (error != RH_OK)
            return error;
        entry->over = true;
    }
    for (size_t i = 0; entry->path == NULL && i < entry->piece_count; i++) {
        if (entry->pieces[i].held)
            entry->spool->bytes_held -= entry->pieces[i].length;
        entry->pieces[i].held = false;
    }
    return rh_entry_remove_files(entry->spool, entry->id);
}

enum rh_error rh_entry_settle(struct rh_entry *entry, const char *protocol)
{
    struct rh_journal_record record = {.kind = RH_JOURNAL_PROTOCOL};
    char *copy = strdup(protocol);
    if (copy == NULL)
        return RH_ERR_MEMORY;
    record.protocol = rh_bytes_of(protocol);
    enum rh_error error = log_beside(entry, &record);
    if (error != RH_OK) {
        free(copy);
        return error;
    }
    free(entry->protocol);
    entry->protocol = copy;
    return RH_OK;
}

void rh_entry_remove_debris(struct rh_spool *spool, const char *id)
{
    struct stat stat;
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/journal", id);
    if (fstatat(spool->uploads, id, &stat, AT_SYMLINK_NOFOLLOW) != 0 ||
        time(NULL) - stat.st_mtim.tv_sec < DEBRIS_S)
        return;
    /* With more in it than a journal it is a riddle, and stays. */
    if (unlinkat(spool->uploads, id, AT_REMOVEDIR) == 0)
        return;
    int fd = openat(spool->uploads, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    size_t count = 0;
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (const struct dirent *each; (each = readdir(dir)) != NULL;)
        count += each->d_name[0] != '.';
    closedir(dir);
    if (count == 1 && unlinkat(spool->uploads, path, 0) == 0)
        (void)unlinkat(spool->uploads, id, AT_REMOVEDIR);
}
