/* SPDX-License-Identifier: MIT */
/*
 * The store in plain files below one data directory (layout: store_files_paths.h).
 *
 * Durability: bytes are durable after fdatasync of their file; a name is durable after fsync of its
 * directory, and of every directory above it up to the data directory, since any of them may be
 * new. A failed sync is reported and never tried again: the kernel marks the pages clean, so a
 * second success would prove nothing (facts of fsyncgate).
 *
 * A handle is the address of an extent's record: the vault gives grants only between BEGIN and
 * CLOSE, so it is valid whenever a loop writes through it, and no lock is needed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/assert.h"
#include "base/crc64.h"
#include "base/list.h"
#include "vault/files.h"
#include "vault/store_files_paths.h"

#define COPY_BYTES (256u << 10)
#define PACE_BYTES (256u << 10) /* how much is let gather before write-back is started */
#define FILE_MODE  0640
#define DIR_MODE   0750

struct store_files {
    struct rh_store base;
    int root; /* the data directory */
    pthread_mutex_t mutex;
    struct rh_list extents; /* open ones; what is left when the store closes is closed with it */
};

struct extent {
    struct rh_list link;
    int fd;
    atomic_bool name_is_durable;
    char path[]; /* there are as many as uploads under way */
};

static struct extent *extent_of(uint64_t handle)
{
    struct extent *extent =
        (struct extent *)(uintptr_t)handle; /* NOLINT(performance-no-int-to-ptr) */
    RH_ASSERT(extent != NULL);
    return extent;
}

/* ---- Directories ---- */

/* Makes every directory above path's last component. */
static enum rh_error make_parents(const struct store_files *store, const char *path)
{
    char part[RH_PATH_MAX];
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        size_t size = (size_t)(slash - path);
        if (size >= sizeof part)
            return RH_ERR_LIMIT;
        memcpy(part, path, size);
        part[size] = '\0';
        if (mkdirat(store->root, part, DIR_MODE) != 0 && errno != EEXIST)
            return rh_data_error(errno);
    }
    return RH_OK;
}

/* Makes path's name durable: its directory, and those above, which another thread may just have
 * made. */
static enum rh_error sync_name(const struct store_files *store, const char *path)
{
    char directory[RH_PATH_MAX];
    enum rh_error error = RH_OK;
    if (strlen(path) >= sizeof directory)
        return RH_ERR_LIMIT;
    strcpy(directory, path);
    do {
        rh_path_parent(directory);
        error = rh_data_sync_directory(store->root, directory);
    } while (error == RH_OK && strcmp(directory, ".") != 0);
    return error;
}

static enum rh_error remove_file(const struct store_files *store, const char *path)
{
    return unlinkat(store->root, path, 0) == 0 || errno == ENOENT ? RH_OK : rh_data_error(errno);
}

static enum rh_error remove_directory(const struct store_files *store, const char *path)
{
    if (unlinkat(store->root, path, AT_REMOVEDIR) == 0 || errno == ENOENT || errno == ENOTEMPTY ||
        errno == EEXIST)
        return RH_OK;
    return rh_data_error(errno);
}

/* Calls `each` for every entry of a directory; a missing directory has none. */
static enum rh_error for_entries(const struct store_files *store, const char *path,
                                 enum rh_error (*each)(const struct store_files *, const char *))
{
    char child[RH_PATH_MAX + 256];
    enum rh_error error = RH_OK;
    int fd = openat(store->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? RH_OK : rh_data_error(errno);
    DIR *directory = fdopendir(fd);
    if (directory == NULL) {
        close(fd);
        return RH_ERR_MEMORY;
    }
    for (struct dirent *entry; error == RH_OK && (entry = readdir(directory)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (snprintf(child, sizeof child, "%s/%s", path, entry->d_name) < (int)sizeof child)
            error = each(store, child);
    }
    closedir(directory);
    return error;
}

static enum rh_error remove_shard(const struct store_files *store, const char *path)
{
    enum rh_error error = for_entries(store, path, remove_file);
    return error == RH_OK ? remove_directory(store, path) : error;
}

/* The waiting chunks of one upload, and the folders that held nothing else. */
static enum rh_error remove_waiting(const struct store_files *store,
                                    const struct rh_store_target *target)
{
    char path[RH_PATH_MAX];
    enum rh_error error = rh_path_waiting_root(target, path, sizeof path);
    if (error == RH_OK)
        error = for_entries(store, path, remove_shard);
    while (error == RH_OK && strcmp(path, "uploaded_data") != 0) {
        error = remove_directory(store, path);
        rh_path_parent(path);
    }
    return error;
}

/* ---- Whole small files ---- */

/* Replaces a file: written beside it, synced, renamed over it, the name synced. */
static enum rh_error replace_file(const struct store_files *store, const char *path,
                                  const void *data, size_t size)
{
    char beside[RH_PATH_MAX + 8];
    enum rh_error error = make_parents(store, path);
    if (error != RH_OK)
        return error;
    snprintf(beside, sizeof beside, "%s.tmp", path);
    int fd = openat(store->root, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                    FILE_MODE);
    if (fd < 0)
        return rh_data_error(errno);
    error = rh_data_write_all(fd, data, size, 0);
    if (error == RH_OK && fsync(fd) != 0)
        error = rh_data_error(errno);
    if (close(fd) != 0 && error == RH_OK)
        error = rh_data_error(errno);
    if (error == RH_OK && renameat(store->root, beside, store->root, path) != 0)
        error = rh_data_error(errno);
    if (error != RH_OK) {
        (void)remove_file(store, beside);
        return error;
    }
    return sync_name(store, path);
}

static enum rh_error put_text(const struct store_files *store, const struct rh_store_job *job)
{
    char path[RH_PATH_MAX];
    enum rh_error error = rh_path_text(&job->target, job->text_kind, path, sizeof path);
    return error == RH_OK ? replace_file(store, path, job->text, job->text_size) : error;
}

/* ---- Extents ---- */

/* The sidecar says whose bytes incoming/{upload} holds, in case the catalog is lost. One "key
 * value" a line. */
static enum rh_error write_identity(const struct store_files *store,
                                    const struct rh_store_target *target)
{
    char path[RH_PATH_MAX];
    char text[1024];
    enum rh_error error = rh_path_identity(target, path, sizeof path);
    if (error != RH_OK || faccessat(store->root, path, F_OK, 0) == 0)
        return error;
    int size = snprintf(text, sizeof text, "format 1\nupload %s\nsession %s\nname %s\nmime %s\n",
                        target->upload, target->session, target->name, target->mime);
    if (size < 0 || (size_t)size >= sizeof text)
        return RH_ERR_LIMIT;
    return replace_file(store, path, text, (size_t)size);
}

/* Another upload of the session may just be removing a folder it found empty: then the folder is
 * made again. */
static enum rh_error open_extent(const struct store_files *store, struct extent *extent)
{
    enum rh_error error = RH_ERR_UNKNOWN;
    for (int tries = 0; tries < 8 && error == RH_ERR_UNKNOWN; tries++) {
        error = make_parents(store, extent->path);
        if (error != RH_OK)
            continue;
        extent->fd =
            openat(store->root, extent->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
        error = extent->fd < 0 ? rh_data_error(errno) : RH_OK;
    }
    return error;
}

/* Where bytes were vouched for, a file that is gone or short must not be made anew, full of holes.
 */
static enum rh_error holds_vouched(const struct store_files *store, const char *path, uint64_t size)
{
    struct stat status;
    if (size == 0)
        return RH_OK;
    if (fstatat(store->root, path, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return rh_data_error(errno);
    return (uint64_t)status.st_size >= size ? RH_OK : RH_ERR_UNKNOWN;
}

static enum rh_error begin(struct store_files *store, const struct rh_store_job *job,
                           struct rh_store_result *result)
{
    char path[RH_PATH_MAX];
    enum rh_error error = job->index == RH_EXTENT_IN_PLACE
                              ? rh_path_incoming(&job->target, path, sizeof path)
                              : rh_path_waiting(&job->target, job->index, path, sizeof path);
    if (error != RH_OK)
        return error;
    size_t size = strlen(path) + 1;
    struct extent *extent = calloc(1, sizeof *extent + size);
    if (extent == NULL)
        return RH_ERR_MEMORY;
    memcpy(extent->path, path, size);
    error = holds_vouched(store, extent->path, job->size);
    if (error == RH_OK && job->index == RH_EXTENT_IN_PLACE)
        error = write_identity(store, &job->target);
    if (error == RH_OK)
        error = open_extent(store, extent);
    if (error != RH_OK) {
        free(extent);
        return error;
    }
    pthread_mutex_lock(&store->mutex);
    rh_list_append(&store->extents, &extent->link);
    pthread_mutex_unlock(&store->mutex);
    result->handle = (uint64_t)(uintptr_t)extent;
    return RH_OK;
}

static enum rh_error files_write(struct rh_store *base, uint64_t handle, uint64_t offset,
                                 const void *data, size_t size)
{
    struct extent *extent = extent_of(handle);
    (void)base;
    enum rh_error error = rh_data_write_all(extent->fd, data, size, offset);
    if (error != RH_OK)
        return error;
    /* Write-back is started early so that the sync finds little left to do. It promises nothing;
     * only sync does. */
    uint64_t from = offset & ~(uint64_t)(PACE_BYTES - 1);
    uint64_t to = (offset + size) & ~(uint64_t)(PACE_BYTES - 1);
    if (to > from)
        (void)sync_file_range(extent->fd, (off_t)from, (off_t)(to - from), SYNC_FILE_RANGE_WRITE);
    return RH_OK;
}

static enum rh_error sync_extent(const struct store_files *store, uint64_t handle)
{
    struct extent *extent = extent_of(handle);
    if (fdatasync(extent->fd) != 0)
        return rh_data_error(errno) == RH_ERR_FULL ? RH_ERR_FULL : RH_ERR_IO;
    if (atomic_load(&extent->name_is_durable))
        return RH_OK;
    enum rh_error error = sync_name(store, extent->path);
    if (error == RH_OK)
        atomic_store(&extent->name_is_durable, true);
    return error == RH_OK ? RH_OK : RH_ERR_IO;
}

static void close_extent(struct store_files *store, uint64_t handle)
{
    struct extent *extent = extent_of(handle);
    pthread_mutex_lock(&store->mutex);
    rh_list_remove(&extent->link);
    pthread_mutex_unlock(&store->mutex);
    close(extent->fd);
    free(extent);
}

/* Reads `length` bytes of fd in blocks: their CRC, and a copy to `to` where that is not negative.
 */
static enum rh_error read_through(int fd, uint64_t offset, uint64_t length, int to,
                                  uint64_t to_offset, uint64_t *crc64)
{
    enum rh_error error = RH_OK;
    uint8_t *block = malloc(COPY_BYTES);
    if (block == NULL)
        return RH_ERR_MEMORY;
    *crc64 = 0;
    while (length > 0 && error == RH_OK) {
        size_t wanted = length < COPY_BYTES ? (size_t)length : COPY_BYTES;
        ssize_t got = pread(fd, block, wanted, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            error = got == 0 ? RH_ERR_UNKNOWN : rh_data_error(errno);
            break;
        }
        *crc64 = rh_crc64_update(*crc64, block, (size_t)got);
        if (to >= 0)
            error = rh_data_write_all(to, block, (size_t)got, to_offset);
        offset += (uint64_t)got;
        to_offset += (uint64_t)got;
        length -= (uint64_t)got;
    }
    free(block);
    return error;
}

static enum rh_error digest_through(int fd, const struct rh_store_job *job, uint8_t out[64])
{
    enum rh_error error = RH_OK;
    uint8_t *block = malloc(COPY_BYTES);
    EVP_MD_CTX *sha = EVP_MD_CTX_new();
    const EVP_MD *method = job->digest_bits == 512 ? EVP_sha512() : EVP_sha256();
    if (block == NULL || sha == NULL || EVP_DigestInit_ex(sha, method, NULL) != 1)
        error = RH_ERR_MEMORY;
    for (uint64_t at = 0; at < job->length && error == RH_OK;) {
        uint64_t left = job->length - at;
        size_t wanted = left < COPY_BYTES ? (size_t)left : COPY_BYTES;
        ssize_t got = pread(fd, block, wanted, (off_t)(job->offset + at));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            error = got == 0 ? RH_ERR_UNKNOWN : rh_data_error(errno);
        else if (EVP_DigestUpdate(sha, block, (size_t)got) != 1)
            error = RH_ERR_MEMORY;
        else
            at += (uint64_t)got;
    }
    if (error == RH_OK && EVP_DigestFinal_ex(sha, out, NULL) != 1)
        error = RH_ERR_MEMORY;
    EVP_MD_CTX_free(sha);
    free(block);
    return error;
}

/* The bytes as stored, wherever the upload's file is by now. */
static enum rh_error hash(const struct store_files *store, const struct rh_store_job *job,
                          struct rh_store_result *result)
{
    char path[RH_PATH_MAX];
    enum rh_error error = rh_path_incoming(&job->target, path, sizeof path);
    if (error != RH_OK)
        return error;
    int fd = openat(store->root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) {
        error = rh_path_object(&job->target, path, sizeof path);
        if (error != RH_OK)
            return error;
        fd = openat(store->root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    }
    if (fd < 0)
        return rh_data_error(errno);
    error = read_through(fd, job->offset, job->length, -1, 0, &result->crc64);
    if (error == RH_OK && job->digest_bits != 0)
        error = digest_through(fd, job, result->digest);
    close(fd);
    return error;
}

static enum rh_error stitch(const struct store_files *store, const struct rh_store_job *job,
                            struct rh_store_result *result)
{
    char path[RH_PATH_MAX];
    enum rh_error error = rh_path_waiting(&job->target, job->index, path, sizeof path);
    if (error != RH_OK)
        return error;
    int fd = openat(store->root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return rh_data_error(errno);
    error =
        read_through(fd, 0, job->length, extent_of(job->handle)->fd, job->offset, &result->crc64);
    close(fd);
    return error;
}

/* Blocks that two files share, where the file system can and the offsets are at their borders. */
static bool share(int from, uint64_t offset, uint64_t length, int to, uint64_t to_offset)
{
    struct file_clone_range range = {
        .src_fd = from, .src_offset = offset, .src_length = length, .dest_offset = to_offset};
    struct stat status;
    /* A file that ends too early would be cloned up to its end. */
    if (length == 0 || fstat(from, &status) != 0 || (uint64_t)status.st_size < offset + length)
        return false;
    return ioctl(to, FICLONERANGE, &range) == 0;
}

static enum rh_error join(const struct store_files *store, const struct rh_store_job *job,
                          struct rh_store_result *result)
{
    char path[RH_PATH_MAX];
    int to = extent_of(job->handle)->fd;
    enum rh_error error = rh_path_object(&job->source, path, sizeof path);
    if (error != RH_OK)
        return error;
    int fd = openat(store->root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return rh_data_error(errno);
    result->cloned = share(fd, job->source_offset, job->length, to, job->offset);
    if (!result->cloned)
        error = read_through(fd, job->source_offset, job->length, to, job->offset, &result->crc64);
    close(fd);
    return error;
}

/* A hole reads as zeros and takes no room; not every file system has them. */
static bool punch(int fd, uint64_t offset, uint64_t length)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return false;
    if ((uint64_t)status.st_size < offset + length && ftruncate(fd, (off_t)(offset + length)) != 0)
        return false;
    return length == 0 || fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
                                    (off_t)length) == 0;
}

static enum rh_error zero(const struct rh_store_job *job)
{
    static const uint8_t zeros[64u << 10];
    uint64_t offset = job->offset;
    uint64_t left = job->length;
    enum rh_error error = RH_OK;
    if (punch(extent_of(job->handle)->fd, offset, left))
        return RH_OK;
    while (left > 0 && error == RH_OK) {
        size_t step = left < sizeof zeros ? (size_t)left : sizeof zeros;
        error = rh_data_write_all(extent_of(job->handle)->fd, zeros, step, offset);
        offset += step;
        left -= step;
    }
    return error;
}

/* ---- Sealing and forgetting ---- */

static enum rh_error drop_chunk(const struct store_files *store, const struct rh_store_job *job)
{
    char path[RH_PATH_MAX];
    enum rh_error error = rh_path_waiting(&job->target, job->index, path, sizeof path);
    return error == RH_OK ? remove_file(store, path) : error;
}

/* Gives the incoming file its final length and makes it durable. RH_ERR_UNKNOWN: there is none. */
static enum rh_error settle_incoming(const struct store_files *store, const char *incoming,
                                     uint64_t size)
{
    struct stat status;
    int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (size == 0 ? O_CREAT : 0);
    int fd = openat(store->root, incoming, flags, FILE_MODE);
    if (fd < 0)
        return rh_data_error(errno);
    enum rh_error error = fstat(fd, &status) == 0 ? RH_OK : rh_data_error(errno);
    /* Longer is possible (bytes that were never acknowledged); shorter means that something cut it.
     */
    if (error == RH_OK && (uint64_t)status.st_size < size)
        error = RH_ERR_CHECKSUM;
    if (error == RH_OK && (uint64_t)status.st_size > size && ftruncate(fd, (off_t)size) != 0)
        error = rh_data_error(errno);
    if (error == RH_OK && fsync(fd) != 0)
        error = rh_data_error(errno);
    if (close(fd) != 0 && error == RH_OK)
        error = rh_data_error(errno);
    return error;
}

/*
 * RH_OK: the object is there and whole. RH_ERR_UNKNOWN: it is not. RH_ERR_EXISTS: its name is taken
 * by other bytes, and ours still wait in incoming (a link and its file are the same bytes: a crash
 * came between link and unlink).
 */
static enum rh_error object_is_there(const struct store_files *store, const char *object,
                                     const char *incoming, uint64_t size)
{
    struct stat status;
    struct stat ours;
    if (fstatat(store->root, object, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return rh_data_error(errno);
    if (fstatat(store->root, incoming, &ours, AT_SYMLINK_NOFOLLOW) == 0 &&
        (ours.st_ino != status.st_ino || ours.st_dev != status.st_dev))
        return RH_ERR_EXISTS;
    return S_ISREG(status.st_mode) && (uint64_t)status.st_size == size ? RH_OK : RH_ERR_CHECKSUM;
}

/* Never over a file that is there: an object that exists is somebody's recording. */
static enum rh_error rename_new(const struct store_files *store, const char *from, const char *to)
{
    if (renameat2(store->root, from, store->root, to, RENAME_NOREPLACE) == 0)
        return RH_OK;
    if (errno != EINVAL && errno != ENOSYS)
        return rh_data_error(errno);
    /* A file system without RENAME_NOREPLACE: a link is refused where the name exists. */
    if (linkat(store->root, from, store->root, to, 0) != 0)
        return rh_data_error(errno);
    return unlinkat(store->root, from, 0) == 0 ? RH_OK : rh_data_error(errno);
}

static enum rh_error seal(const struct store_files *store, const struct rh_store_job *job)
{
    char incoming[RH_PATH_MAX];
    char object[RH_PATH_MAX];
    char identity[RH_PATH_MAX];
    enum rh_error error = rh_path_incoming(&job->target, incoming, sizeof incoming);
    if (error == RH_OK)
        error = rh_path_object(&job->target, object, sizeof object);
    if (error == RH_OK)
        error = rh_path_identity(&job->target, identity, sizeof identity);
    if (error == RH_OK)
        error = make_parents(store, object);
    if (error != RH_OK)
        return error;
    error = object_is_there(store, object, incoming, job->size);
    if (error == RH_ERR_UNKNOWN) {
        error = settle_incoming(store, incoming, job->size);
        if (error == RH_OK)
            error = rename_new(store, incoming, object);
    }
    /* Also where the object was there already: a crash may have come between the rename and its
     * sync. */
    if (error == RH_OK)
        error = sync_name(store, object);
    if (error == RH_OK)
        error = remove_file(store, incoming);
    if (error == RH_OK)
        error = remove_file(store, identity);
    if (error == RH_OK)
        error = rh_data_sync_directory(store->root, "incoming");
    return error == RH_OK ? remove_waiting(store, &job->target) : error;
}

static enum rh_error drop(const struct store_files *store, const struct rh_store_target *target)
{
    char path[RH_PATH_MAX];
    enum rh_error error = rh_path_incoming(target, path, sizeof path);
    if (error == RH_OK)
        error = remove_file(store, path);
    if (error == RH_OK)
        error = rh_path_identity(target, path, sizeof path);
    if (error == RH_OK)
        error = remove_file(store, path);
    if (error == RH_OK)
        error = rh_data_sync_directory(store->root, "incoming");
    return error == RH_OK ? remove_waiting(store, target) : error;
}

static enum rh_error erase(const struct store_files *store, const struct rh_store_target *target)
{
    char path[RH_PATH_MAX];
    enum rh_error error = drop(store, target);
    if (error == RH_OK)
        error = rh_path_text(target, RH_TEXT_METADATA, path, sizeof path);
    if (error == RH_OK)
        error = remove_file(store, path);
    if (error == RH_OK)
        error = rh_path_object(target, path, sizeof path);
    if (error == RH_OK)
        error = remove_file(store, path);
    if (error != RH_OK)
        return error;
    rh_path_parent(path);
    error = rh_data_sync_directory(store->root, path);
    if (target->session[0] == '\0' && error == RH_OK)
        error = remove_directory(store, path);
    return error == RH_ERR_UNKNOWN ? RH_OK : error;
}

static enum rh_error space(const struct store_files *store, struct rh_store_result *result)
{
    struct statvfs status;
    if (fstatvfs(store->root, &status) != 0)
        return rh_data_error(errno);
    result->free_bytes = (uint64_t)status.f_bavail * status.f_frsize;
    result->total_bytes = (uint64_t)status.f_blocks * status.f_frsize;
    return RH_OK;
}

/* ---- The interface ---- */

static void files_run(struct rh_store *base, const struct rh_store_job *job,
                      struct rh_store_result *result)
{
    struct store_files *store = (struct store_files *)base;
    *result = (struct rh_store_result){.id = job->id, .error = RH_ERR_STATE};
    switch (job->verb) {
    case RH_STORE_BEGIN:
        result->error = begin(store, job, result);
        return;
    case RH_STORE_SYNC:
        result->error = sync_extent(store, job->handle);
        return;
    case RH_STORE_CLOSE:
        close_extent(store, job->handle);
        result->error = RH_OK;
        return;
    case RH_STORE_HASH:
        result->error = hash(store, job, result);
        return;
    case RH_STORE_STITCH:
        result->error = stitch(store, job, result);
        return;
    case RH_STORE_JOIN:
        result->error = join(store, job, result);
        return;
    case RH_STORE_ZERO:
        result->error = zero(job);
        return;
    case RH_STORE_DROP_CHUNK:
        result->error = drop_chunk(store, job);
        return;
    case RH_STORE_SEAL:
        result->error = seal(store, job);
        return;
    case RH_STORE_DROP:
        result->error = drop(store, &job->target);
        return;
    case RH_STORE_ERASE:
        result->error = erase(store, &job->target);
        return;
    case RH_STORE_PUT_TEXT:
        result->error = put_text(store, job);
        return;
    case RH_STORE_SPACE:
        result->error = space(store, result);
        return;
    }
}

static enum rh_error files_object_path(struct rh_store *base, const struct rh_store_target *target,
                                       char *out, size_t cap)
{
    (void)base;
    return rh_path_object(target, out, cap);
}

static void files_close(struct rh_store *base)
{
    struct store_files *store = (struct store_files *)base;
    if (store == NULL)
        return;
    while (!rh_list_is_empty(&store->extents)) {
        struct rh_list *first = rh_list_first(&store->extents);
        close_extent(store, (uint64_t)(uintptr_t)RH_LIST_ENTRY(first, struct extent, link));
    }
    pthread_mutex_destroy(&store->mutex);
    close(store->root);
    free(store);
}

static const struct rh_store_ops files_ops = {
    .run = files_run,
    .write = files_write,
    .object_path = files_object_path,
    .close = files_close,
};

enum rh_error rh_store_files_open(struct rh_store **out, const char *data_directory)
{
    struct store_files *store = calloc(1, sizeof *store);
    if (store == NULL)
        return RH_ERR_MEMORY;
    store->base.ops = &files_ops;
    pthread_mutex_init(&store->mutex, NULL);
    rh_list_init(&store->extents);
    store->root = open(data_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->root < 0) {
        enum rh_error error = rh_data_error(errno);
        free(store);
        return error;
    }
    enum rh_error error = make_parents(store, "incoming/.");
    if (error == RH_OK)
        error = make_parents(store, "recordings/.");
    if (error == RH_OK)
        error = rh_data_sync_directory(store->root, ".");
    if (error != RH_OK) {
        files_close(&store->base);
        return error;
    }
    *out = &store->base;
    return RH_OK;
}
