/* SPDX-License-Identifier: MIT */
/* What the check does with files: reading them, putting them aside, and finding those that no row
 * speaks of. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <linux/fs.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc64.h"
#include "base/id.h"
#include "vault/check_inside.h"
#include "vault/files.h"

#define BLOCK_BYTES     (256u << 10)
#define COMPANION_BYTES (4u << 20)
#define ASIDE           "aside"

/* ---- Reading ---- */

/* What a call on a file failed with: nothing, where the file is just not there. */
static void cannot_tell(struct rh_check *c, int number)
{
    if (!rh_data_is_absent(number) && c->error == RH_OK)
        c->error = rh_data_error(number);
}

uint64_t rh_check_size(struct rh_check *c, const char *path)
{
    struct stat status;
    if (fstatat(c->how->root, path, &status, AT_SYMLINK_NOFOLLOW) == 0)
        return S_ISREG(status.st_mode) ? (uint64_t)status.st_size : RH_SIZE_UNKNOWN;
    cannot_tell(c, errno);
    return RH_SIZE_UNKNOWN;
}

enum rh_error rh_check_crc(struct rh_check *c, const char *path, uint64_t offset, uint64_t length,
                           uint64_t *crc64)
{
    enum rh_error error = RH_OK;
    *crc64 = 0;
    int fd = openat(c->how->root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        cannot_tell(c, errno);
        return RH_ERR_UNKNOWN;
    }
    uint8_t *block = malloc(BLOCK_BYTES);
    RH_MEMORY(block);
    while (length > 0 && error == RH_OK) {
        size_t wanted = length < BLOCK_BYTES ? (size_t)length : BLOCK_BYTES;
        ssize_t got = rh_data_read_all(fd, block, wanted, offset);
        if (got <= 0) {
            error = got == 0 ? RH_ERR_UNKNOWN : RH_ERR_IO;
            break;
        }
        *crc64 = rh_crc64_update(*crc64, block, (size_t)got);
        c->totals->bytes_read += (uint64_t)got;
        offset += (uint64_t)got;
        length -= (uint64_t)got;
    }
    free(block);
    close(fd);
    return error;
}

enum rh_error rh_check_text(int root, const char *path, char **text)
{
    struct stat status;
    enum rh_error error = RH_OK;
    *text = NULL;
    int fd = openat(root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return rh_data_is_absent(errno) ? RH_OK : rh_data_error(errno);
    if (fstat(fd, &status) != 0) {
        error = rh_data_error(errno);
    } else if (S_ISREG(status.st_mode) && status.st_size <= (off_t)COMPANION_BYTES) {
        *text = calloc(1, (size_t)status.st_size + 1);
        RH_MEMORY(*text);
        if (rh_data_read_all(fd, *text, (size_t)status.st_size, 0) != status.st_size) {
            free(*text);
            *text = NULL;
        }
    }
    close(fd);
    return error;
}

/* One "key value" a line: store_files.c writes it. */
enum rh_error rh_check_identity(int root, const char *upload, struct rh_upload_row *row,
                                bool *is_there)
{
    struct rh_store_target target = {0};
    char path[RH_PATH_MAX];
    char *text = NULL;
    strcpy(target.upload, upload);
    enum rh_error error = RH_OK;
    if (rh_path_identity(&target, path, sizeof path) == RH_OK)
        error = rh_check_text(root, path, &text);
    bool fits = text != NULL;
    bool is_ours = false;
    char *rest = NULL;
    for (char *line = fits ? strtok_r(text, "\n", &rest) : NULL; line != NULL && fits;
         line = strtok_r(NULL, "\n", &rest)) {
        static const struct {
            const char *key;
            size_t at;
            size_t cap;
        } fields[] = {
            {"session ", offsetof(struct rh_upload_row, session), RH_UUID_TEXT_MAX},
            {"name ", offsetof(struct rh_upload_row, name), RH_NAME_TEXT_MAX},
            {"mime ", offsetof(struct rh_upload_row, mime), RH_MIME_TEXT_MAX},
        };
        if (strncmp(line, "upload ", 7) == 0)
            is_ours = strcmp(line + 7, upload) == 0;
        for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
            size_t size = strlen(fields[i].key);
            if (strncmp(line, fields[i].key, size) != 0)
                continue;
            fits = strlen(line + size) < fields[i].cap;
            if (fits)
                strcpy((char *)row + fields[i].at, line + size);
        }
    }
    free(text);
    *is_there = fits && is_ours && rh_check_names(upload, row->session, row->name, row->mime);
    return error;
}

bool rh_check_names(const char *upload, const char *session, const char *name, const char *mime)
{
    struct rh_upload_rows rows = {
        .row = {.state = RH_UPLOAD_OPEN, .geometry = RH_GEOMETRY_RANGES, .total = RH_SIZE_UNKNOWN}};
    if (strlen(upload) >= sizeof rows.row.id || strlen(session) >= sizeof rows.row.session ||
        strlen(name) >= sizeof rows.row.name || strlen(mime) >= sizeof rows.row.mime)
        return false;
    strcpy(rows.row.id, upload);
    strcpy(rows.row.session, session);
    strcpy(rows.row.name, name);
    strcpy(rows.row.mime, mime);
    return rh_upload_rows_problem(&rows) == NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum rh_error rh_check_entries(int root, const char *path,
                               void (*each)(void *context, const char *path, const char *name),
                               void *context)
{
    char child[RH_PATH_MAX + 256];
    char **names = NULL;
    size_t count = 0;
    int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (directory == NULL) {
        enum rh_error error = rh_data_is_absent(errno) ? RH_OK : rh_data_error(errno);
        if (fd >= 0)
            close(fd);
        return error;
    }
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if ((count & (count + 1)) == 0) { /* 0, 1, 3, 7, …: room for the next power of two */
            names = realloc(names, (count + 1) * 2 * sizeof *names);
            RH_MEMORY(names);
        }
        names[count] = strdup(entry->d_name);
        RH_MEMORY(names[count]);
        count++;
    }
    closedir(directory);
    if (count > 0)
        qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0; i < count; i++) {
        if (snprintf(child, sizeof child, "%s/%s", path, names[i]) < RH_PATH_MAX)
            each(context, child, names[i]);
        free(names[i]);
    }
    free(names);
    return RH_OK;
}

/* ---- Aside ---- */

static void make_parents(int root, const char *path)
{
    char part[RH_PATH_MAX + 32];
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        (void)snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        (void)mkdirat(root, part, 0750);
    }
}

static void sync_parents(struct rh_check *c, const char *path)
{
    char directory[RH_PATH_MAX + 32];
    (void)snprintf(directory, sizeof directory, "%s", path);
    do {
        rh_path_parent(directory);
        if (c->error == RH_OK)
            c->error = rh_data_sync_directory(c->how->root, directory);
    } while (strcmp(directory, ".") != 0);
}

/* A free name in aside/. */
static void aside_name(int root, const char *path, char *out, size_t cap)
{
    struct stat status;
    (void)snprintf(out, cap, ASIDE "/%s", path);
    for (unsigned i = 1; fstatat(root, out, &status, AT_SYMLINK_NOFOLLOW) == 0; i++)
        (void)snprintf(out, cap, ASIDE "/%s.%u", path, i);
}

void rh_check_aside(struct rh_check *c, const char *path)
{
    char to[RH_PATH_MAX + 32];
    if (!c->how->repair || c->error != RH_OK)
        return;
    aside_name(c->how->root, path, to, sizeof to);
    make_parents(c->how->root, to);
    int root = c->how->root;
    if (renameat2(root, path, root, to, RENAME_NOREPLACE) != 0 &&
        ((errno != EINVAL && errno != ENOSYS) || renameat(root, path, root, to) != 0) &&
        (errno != ENOENT || rh_data_exists(root, path)))
        c->error = RH_ERR_IO;
    sync_parents(c, to);
    sync_parents(c, path);
}

static enum rh_error copy_bytes(int from, int to)
{
    enum rh_error error = RH_OK;
    uint8_t *block = malloc(BLOCK_BYTES);
    RH_MEMORY(block);
    for (uint64_t at = 0; error == RH_OK;) {
        ssize_t got = rh_data_read_all(from, block, BLOCK_BYTES, at);
        if (got == 0)
            break;
        error = got < 0 ? RH_ERR_IO : rh_data_write_all(to, block, (size_t)got, at);
        at += got < 0 ? 0 : (uint64_t)got;
    }
    free(block);
    return error;
}

void rh_check_aside_copy(struct rh_check *c, const char *path)
{
    char to[RH_PATH_MAX + 32];
    if (!c->how->repair || c->error != RH_OK)
        return;
    aside_name(c->how->root, path, to, sizeof to);
    make_parents(c->how->root, to);
    int in = openat(c->how->root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int out = openat(c->how->root, to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (in < 0 || out < 0)
        c->error = RH_ERR_IO;
    else if (ioctl(out, FICLONE, in) != 0)
        c->error = copy_bytes(in, out);
    if (c->error == RH_OK && fsync(out) != 0)
        c->error = RH_ERR_IO;
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    sync_parents(c, to);
}

/* ---- Waiting bytes that nobody speaks of ---- */

/* `each` gets every file below incoming/ and uploaded_data/ that no row vouches for or needs. */
struct orphans {
    int root;
    struct rh_catalog *catalog;
    void (*each)(struct orphans *, const char *path);
    struct rh_check *check; /* reporting */
    int64_t before_s;       /* sweeping: older ones alone */
    size_t count;
    enum rh_error error;
    struct rh_read last; /* the last question about parts, and its answer */
    struct rh_rows last_rows;
};

static bool is_open(const struct rh_upload_row *row)
{
    return row->state == RH_UPLOAD_OPEN || row->state == RH_UPLOAD_FINISHING;
}

static void see_incoming(void *context, const char *path, const char *name)
{
    struct orphans *o = context;
    struct rh_read read = {.kind = RH_READ_UPLOAD};
    struct rh_rows rows = {0};
    const char *dot = strchr(name, '.');
    size_t size = dot != NULL ? (size_t)(dot - name) : strlen(name);
    /* What is no upload's name is a stranger's. */
    if (size > 0 && size < sizeof read.upload) {
        memcpy(read.upload, name, size);
        o->catalog->ops->read(o->catalog, &read, &rows);
    }
    if (rows.error != RH_OK)
        o->error = rows.error;
    else if (rows.upload_count == 0 || !is_open(&rows.uploads[0].row))
        o->each(o, path);
    rh_rows_free(&rows);
}

/* The upload of a name; the parts of one follow each other, so one answer is kept. */
static const struct rh_upload_rows *upload_named(struct orphans *o, const struct rh_read *read)
{
    if (strcmp(o->last.session, read->session) != 0 || strcmp(o->last.name, read->name) != 0) {
        rh_rows_free(&o->last_rows);
        o->last = *read;
        o->catalog->ops->read(o->catalog, read, &o->last_rows);
        if (o->last_rows.error != RH_OK)
            o->error = o->last_rows.error;
    }
    return o->last_rows.upload_count > 0 && is_open(&o->last_rows.uploads[0].row)
               ? &o->last_rows.uploads[0]
               : NULL;
}

static bool waits(const struct rh_upload_rows *rows, uint64_t index)
{
    size_t low = 0;
    size_t high = rows != NULL ? rows->chunk_count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rows->chunks[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return rows != NULL && low < rows->chunk_count && rows->chunks[low].index == index &&
           rows->chunks[low].waiting;
}

/* uploaded_data/{session}/{name}/temp/{shard}/{index}.part, or uploaded_data/{name}/temp/… */
static bool names_of(const char *path, struct rh_read *read)
{
    char first[RH_NAME_TEXT_MAX];
    if (sscanf(path, "uploaded_data/%128[^/]/%128[^/]/", first, read->name) != 2)
        return false;
    if (strlen(first) == RH_UUID_CHARS && rh_uuid_check(rh_bytes_of(first)) == RH_OK) {
        memcpy(read->session, first, RH_UUID_CHARS + 1);
        return true;
    }
    bool named = strcmp(read->name, "temp") == 0;
    strcpy(read->name, first);
    rh_named_session(read->session, rh_bytes_of(first));
    return named;
}

static void see_part(struct orphans *o, const char *path, const char *name)
{
    struct rh_read read = {.kind = RH_READ_UPLOAD_NAMED};
    struct rh_bytes digits = rh_bytes_of(name);
    uint64_t index;
    bool fits =
        names_of(path, &read) && digits.size > 5 && strcmp(name + digits.size - 5, ".part") == 0;
    digits.size = digits.size > 5 ? digits.size - 5 : 0;
    bool is_known =
        fits && rh_bytes_parse_u64(digits, &index) == RH_OK && waits(upload_named(o, &read), index);
    if (!is_known && o->error == RH_OK)
        o->each(o, path);
}

static void see_tree(void *context, const char *path, const char *name)
{
    struct orphans *o = context;
    struct stat status;
    if (o->error != RH_OK)
        return;
    if (fstatat(o->root, path, &status, AT_SYMLINK_NOFOLLOW) != 0)
        o->error = rh_data_is_absent(errno) ? RH_OK : rh_data_error(errno);
    else if (S_ISDIR(status.st_mode))
        o->error = rh_check_entries(o->root, path, see_tree, context);
    else
        see_part(o, path, name);
}

static void see_all(struct orphans *o)
{
    enum rh_error incoming = rh_check_entries(o->root, "incoming", see_incoming, o);
    enum rh_error data = rh_check_entries(o->root, "uploaded_data", see_tree, o);
    if (o->error == RH_OK)
        o->error = incoming != RH_OK ? incoming : data;
    rh_rows_free(&o->last_rows);
}

static void report(struct orphans *o, const char *path)
{
    struct rh_check *c = o->check;
    uint64_t size = rh_check_size(c, path);
    rh_check_say(c, rh_check_fixable(c), "orphan",
                 c->how->repair ? "it is in aside/ now; remove it when nobody misses it"
                                : "fsck --repair moves it to aside/; a server removes it when it "
                                  "is a day old",
                 path, "", "%" PRIu64 " waiting bytes belong to no unfinished upload",
                 size == RH_SIZE_UNKNOWN ? 0 : size);
    rh_check_aside(c, path);
}

void rh_check_orphans(struct rh_check *c)
{
    struct orphans o = {
        .root = c->how->root, .catalog = c->how->catalog, .each = report, .check = c};
    see_all(&o);
    if (c->error == RH_OK)
        c->error = o.error;
}

static void remove_old(struct orphans *o, const char *path)
{
    struct stat status;
    if (fstatat(o->root, path, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode) ||
        (int64_t)status.st_mtime >= o->before_s)
        return;
    if (unlinkat(o->root, path, 0) == 0)
        o->count++;
}

size_t rh_check_sweep(int root, struct rh_catalog *catalog, int64_t older_than_s)
{
    struct orphans o = {.root = root,
                        .catalog = catalog,
                        .each = remove_old,
                        .before_s = (int64_t)time(NULL) - older_than_s};
    see_all(&o);
    return o.count;
}
