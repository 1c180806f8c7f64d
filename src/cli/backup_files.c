/* SPDX-License-Identifier: MIT */
/* Copying files, with their checksums taken on the way. A finished file gets its name when it is
 * whole, so that a backup that was cut off can go on from what it has. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/fs.h>

#include "base/crc64.h"
#include "cli/backup.h"

#define BLOCK_BYTES (1u << 20)
#define SMALL_BYTES (16u << 20)
#define PATH_BYTES  600
#define FILE_MODE   0640
#define DIR_MODE    0750

static enum rh_error stuck(struct rh_backup *b, const char *what, const char *path)
{
    snprintf(b->complaint, sizeof b->complaint, "%s %.500s: %s.", what, path, strerror(errno));
    return errno == ENOSPC || errno == EDQUOT ? RH_ERR_FULL : RH_ERR_IO;
}

static enum rh_error make_parents(struct rh_backup *b, const char *path)
{
    char part[PATH_BYTES];
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        (void)snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        if (mkdirat(b->to, part, DIR_MODE) != 0 && errno != EEXIST)
            return stuck(b, "cannot make", part);
    }
    return RH_OK;
}

static enum rh_error write_all(struct rh_backup *b, int fd, const uint8_t *data, size_t size,
                               uint64_t offset, const char *path)
{
    while (size > 0) {
        ssize_t written = pwrite(fd, data, size, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return stuck(b, "cannot write", path);
        data += written;
        offset += (uint64_t)written;
        size -= (size_t)written;
    }
    return RH_OK;
}

/* Reads `length` bytes for their checksum, and writes them to `out` where that is not negative. */
static enum rh_error pass(struct rh_backup *b, int in, int out, uint64_t offset, uint64_t length,
                          uint64_t *crc64, const char *path)
{
    enum rh_error error = RH_OK;
    uint8_t *block = malloc(BLOCK_BYTES);
    *crc64 = 0;
    if (block == NULL)
        return stuck(b, "no memory for", path);
    while (length > 0 && error == RH_OK) {
        size_t wanted = length < BLOCK_BYTES ? (size_t)length : BLOCK_BYTES;
        ssize_t got = pread(in, block, wanted, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            error = got == 0 ? RH_ERR_UNKNOWN : RH_ERR_CHECKSUM; /* a disk that cannot be read */
            break;
        }
        *crc64 = rh_crc64_update(*crc64, block, (size_t)got);
        if (out >= 0) {
            error = write_all(b, out, block, (size_t)got, offset, path);
            b->totals.bytes_copied += (uint64_t)got;
            rh_backup_progress(b, false);
        }
        offset += (uint64_t)got;
        length -= (uint64_t)got;
    }
    free(block);
    return error;
}

bool rh_backup_holds(int root, const char *path, uint64_t size, uint64_t crc64)
{
    struct rh_backup scratch = {.quiet = true};
    struct stat status;
    uint64_t is = 0;
    int fd = openat(root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool holds = fd >= 0 && fstat(fd, &status) == 0 && (uint64_t)status.st_size == size &&
                 pass(&scratch, fd, -1, 0, size, &is, path) == RH_OK && is == crc64;
    if (fd >= 0)
        close(fd);
    return holds;
}

/* ---- Finished files ---- */

/* An earlier copy that has the original's size and time is the same bytes: finished files never
 * change. */
static bool take_unchanged(struct rh_backup *b, int root, const char *path,
                           const struct stat *original, uint64_t crc64)
{
    struct stat status;
    if (root < 0 || fstatat(root, path, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(status.st_mode) || status.st_size != original->st_size ||
        status.st_mtim.tv_sec != original->st_mtim.tv_sec ||
        status.st_mtim.tv_nsec != original->st_mtim.tv_nsec)
        return false;
    if (b->verify && !rh_backup_holds(root, path, (uint64_t)status.st_size, crc64))
        return false;
    return linkat(root, path, b->to, path, 0) == 0;
}

static enum rh_error copy_object(struct rh_backup *b, const char *path, int in,
                                 const struct stat *original, uint64_t crc64)
{
    char beside[PATH_BYTES];
    uint64_t is = 0;
    const struct timespec times[2] = {original->st_mtim, original->st_mtim};
    (void)snprintf(beside, sizeof beside, "%.580s.tmp", path);
    int out = openat(b->to, beside, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (out < 0)
        return stuck(b, "cannot make", beside);
    enum rh_error error;
    uint64_t size = (uint64_t)original->st_size;
    if (ioctl(out, FICLONE, in) == 0)
        error = pass(b, out, -1, 0, size, &is, path);
    else
        error = pass(b, in, out, 0, size, &is, path);
    if (error == RH_OK && is != crc64)
        error = RH_ERR_CHECKSUM;
    /* Its bytes before its name: a power failure must not leave a name that looks finished. */
    if ((error == RH_OK || error == RH_ERR_CHECKSUM) && fdatasync(out) != 0)
        error = stuck(b, "cannot sync", beside);
    if ((error == RH_OK || error == RH_ERR_CHECKSUM) &&
        (futimens(out, times) != 0 || renameat(b->to, beside, b->to, path) != 0))
        error = stuck(b, "cannot name", path);
    close(out);
    b->totals.copied++;
    return error;
}

enum rh_error rh_backup_object(struct rh_backup *b, const char *path, uint64_t size, uint64_t crc64)
{
    struct stat original;
    int in = openat(b->from, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (in < 0 && errno == ENOENT)
        return RH_ERR_UNKNOWN;
    if (in < 0)
        return stuck(b, "cannot read", path);
    enum rh_error error = make_parents(b, path);
    if (error == RH_OK && fstat(in, &original) != 0)
        error = stuck(b, "cannot read", path);
    if (error == RH_OK && (uint64_t)original.st_size != size)
        error = RH_ERR_UNKNOWN;
    if (error == RH_OK) {
        (void)unlinkat(b->to, path, 0);
        if (take_unchanged(b, b->before, path, &original, crc64) ||
            take_unchanged(b, b->leftover, path, &original, crc64))
            b->totals.unchanged++;
        else if (b->link && linkat(b->from, path, b->to, path, 0) == 0)
            error = rh_backup_holds(b->to, path, size, crc64) ? RH_OK : RH_ERR_CHECKSUM;
        else
            error = copy_object(b, path, in, &original, crc64);
    }
    close(in);
    return error;
}

/* ---- Waiting bytes ---- */

enum rh_error rh_backup_ranges(struct rh_backup *b, const char *from, const char *to,
                               const struct rh_interval *ranges, size_t count)
{
    struct stat status;
    int in = openat(b->from, from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (in < 0)
        return errno == ENOENT ? RH_ERR_UNKNOWN : stuck(b, "cannot read", from);
    enum rh_error error = make_parents(b, to);
    int out = -1;
    if (error == RH_OK) {
        out = openat(b->to, to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
        if (out < 0)
            error = stuck(b, "cannot make", to);
    }
    for (size_t i = 0; i < count && error == RH_OK; i++) {
        uint64_t is = 0;
        error = pass(b, in, out, ranges[i].offset, ranges[i].length, &is, from);
        if (error == RH_OK && is != ranges[i].crc64)
            error = RH_ERR_CHECKSUM;
    }
    if (error == RH_OK && fstat(out, &status) != 0)
        error = stuck(b, "cannot read", to);
    if (error == RH_OK && fdatasync(out) != 0)
        error = stuck(b, "cannot sync", to);
    if (out >= 0)
        close(out);
    close(in);
    if (error != RH_OK)
        (void)unlinkat(b->to, to, 0);
    return error;
}

/* ---- Small files ---- */

char *rh_backup_read(int root, const char *path)
{
    struct stat status;
    char *text = NULL;
    int fd = openat(root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &status) == 0 && status.st_size <= (off_t)SMALL_BYTES &&
        (text = calloc(1, (size_t)status.st_size + 1)) != NULL &&
        pread(fd, text, (size_t)status.st_size, 0) != status.st_size) {
        free(text);
        text = NULL;
    }
    close(fd);
    return text;
}

enum rh_error rh_backup_write(struct rh_backup *b, const char *path, const char *text, size_t size)
{
    enum rh_error error = make_parents(b, path);
    if (error != RH_OK)
        return error;
    int out = openat(b->to, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (out < 0)
        return stuck(b, "cannot make", path);
    error = write_all(b, out, (const uint8_t *)text, size, 0, path);
    if (close(out) != 0 && error == RH_OK)
        error = stuck(b, "cannot write", path);
    return error;
}

enum rh_error rh_backup_small(struct rh_backup *b, const char *path)
{
    char *text = rh_backup_read(b->from, path);
    if (text == NULL)
        return RH_ERR_UNKNOWN;
    enum rh_error error = rh_backup_write(b, path, text, strlen(text));
    free(text);
    return error;
}
